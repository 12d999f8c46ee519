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
    /// Does `work` for every host in parallel; `done` gets what came of it in the hosts' order.
    pub(super) fn each<R: Send>(&self, work: impl Fn(&Host) -> R + Sync, done: impl FnMut(&Host, R)) {
        in_order(&self.hosts, self.forks, work, done);
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
