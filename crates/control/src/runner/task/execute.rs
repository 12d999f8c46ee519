//! Does what was planned for items, on the controller or in one round trip.

use super::{Errand, Plan, Stop, TaskRun, Unit};
use crate::connection::LinkError;
use crate::runner::actions::{ActionError, Runs};
use crate::runner::result::{Finished, template_error};
use crate::template::TemplateError;
use host::change::outcome::ItemResult;
use host::protocol::AgentRequest;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Map;

impl TaskRun<'_> {
    /// Does what was planned: neighbouring items for the same host and user go as one request.
    pub(in crate::runner) fn execute(&self, plans: Vec<Plan>, units: &[Unit]) -> Vec<Finished> {
        let mut finished = Vec::with_capacity(plans.len());
        let mut plans = plans.into_iter().zip(units).peekable();
        while let Some((plan, unit)) = plans.next() {
            match plan {
                Plan::Ended(ended) => finished.push(*ended),
                Plan::Controller(args) => finished.push(self.on_controller(&args, unit)),
                Plan::Host { args, place } => {
                    let mut items = vec![args];
                    while let Some((Plan::Host { args, .. }, _)) =
                        plans.next_if(|(next, _)| matches!(next, Plan::Host { place: p, .. } if *p == place))
                    {
                        items.push(args);
                    }
                    finished.extend(self.call(items, *place));
                }
            }
        }
        finished
    }

    fn on_controller(&self, args: &Map, unit: &Unit) -> Finished {
        let Runs::OnController(action) = self.runs else {
            return Finished::skipped("meta tasks are carried out by the runner", None);
        };
        match action.run(args, &self.context(&unit.scope)) {
            Ok(done) => {
                let item = ItemResult { changes: Vec::new(), changed: false, outcome: Ok(done.outcome) };
                let mut finished = Finished::from_module(item, &self.task.place);
                finished.facts = done.facts;
                finished.shown = done.shown;
                finished
            }
            Err(error) => Finished { shown: action.shows_failures(args), ..*self.action_error(error) },
        }
    }

    pub(super) fn action_error(&self, error: ActionError) -> Stop {
        match error {
            ActionError::Failed(failure) => {
                Box::new(Finished::from_module(ItemResult::unchanged(Err(failure)), &self.task.place))
            }
            ActionError::Template(TemplateError::Unknown { why }) => Box::new(Finished::unknown(&why)),
            ActionError::Template(error) => Box::new(Finished::failed(template_error(&error, &self.task.action.place))),
        }
    }

    /// One round trip; one end for every item, whatever comes of it.
    fn call(&self, items: Vec<Map>, errand: Errand) -> Vec<Finished> {
        let (count, place) = (items.len(), &self.task.place);
        let Errand { module, target, who, check, environment, patience } = errand;
        let bound = host::modules::bound(module, count);
        let request =
            AgentRequest { module: module.into(), items, check, environment, accounts_in: None, bound, patience };
        match self.links.call(&target, &who, &request) {
            Ok(reply) if reply.results.len() == count => {
                let certain = |item: ItemResult| if check { item } else { item.certain() };
                let end = |item| Finished::from_host(certain(item), place, self.runs.spec());
                reply.results.into_iter().map(end).collect()
            }
            Ok(reply) => {
                let error = format!("the agent answered {} of {count} items", reply.results.len());
                (0..count).map(|_| Finished::failed(Diagnostic::new(ErrorKind::Internal, error.clone()))).collect()
            }
            Err(LinkError::Unreachable(error)) => (0..count).map(|_| Finished::unreachable((*error).clone())).collect(),
            Err(LinkError::Failed(error)) => (0..count).map(|_| Finished::failed((*error).clone().at(place))).collect(),
            Err(LinkError::TimedOut(error)) => {
                let period = patience.unwrap_or_default().as_secs();
                (0..count).map(|_| Finished::timed_out((*error).clone().at(place), period)).collect()
            }
        }
    }
}
