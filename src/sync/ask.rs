//! Requests to all hosts at once.

use super::{Host, Site};
use crate::change::outcome::ItemResult;
use crate::connection::LinkError;
use crate::connection::protocol::Request;
use crate::diag::{Diagnostic, ErrorKind};
use crate::modules;
use crate::runner::in_order;
use crate::value::Map;

impl Site<'_> {
    /// Does `work` for every host in parallel; results in the hosts' order, or everything that went wrong.
    pub(super) fn on_all<R: Send>(
        &self,
        work: impl Fn(&Host) -> Result<R, Vec<Diagnostic>> + Sync,
    ) -> Result<Vec<R>, Vec<Diagnostic>> {
        let (mut results, mut problems) = (Vec::new(), Vec::new());
        in_order(&self.hosts, self.forks, work, |_, result| match result {
            Ok(result) => results.push(result),
            Err(mut found) => problems.append(&mut found),
        });
        if problems.is_empty() { Ok(results) } else { Err(problems) }
    }

    /// One round trip: `module` over `items` on `host`.
    pub(super) fn ask(
        &self,
        host: &Host,
        module: &str,
        items: Vec<Map>,
        check: bool,
    ) -> Result<Vec<ItemResult>, Diagnostic> {
        let count = items.len();
        let bound = modules::bound(module, count);
        let request = Request { module: module.to_owned(), items, check, environment: Vec::new(), bound };
        let reply = self.links.call(&host.target, &host.who, &request).map_err(|error| unanswered(host, error))?;
        match reply.results.len() == count {
            true => Ok(reply.results),
            false => {
                let message = format!("{}: {} answers to {count} items of {module}", host.name(), reply.results.len());
                Err(Diagnostic::new(ErrorKind::Internal, message))
            }
        }
    }
}

fn unanswered(host: &Host, error: LinkError) -> Diagnostic {
    let (LinkError::Unreachable(mut problem) | LinkError::Failed(mut problem)) = error;
    problem.message = format!("{}: {}", host.name(), problem.message);
    *problem
}
