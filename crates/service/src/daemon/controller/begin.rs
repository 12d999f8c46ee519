//! What is there when the service starts: the core as it was, and nodes that nobody ever saw.

use super::super::config::Config;
use super::super::service::Service;
use super::super::writer::Change;
use super::{CoreCell, now};
use crate::store::Store;
use scheduling::event::{NodeCommand, Requester, SchedulerEvent};
use scheduling::id::NodeName;
use scheduling::lines::FirstState;
use slurm::State;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};
use words::people::Uid;

/// The core that the store and the configuration make. What of the store cannot be read is left there, and told.
pub fn restored(store: &Store, config: &Config, state: &State) -> Result<Arc<CoreCell>, Diagnostic> {
    let host = |error: String| Diagnostic::new(ErrorKind::Host, error);
    let live = store.live().map_err(|error| host(error.to_string()))?;
    for unread in &live.unread {
        tracing::error!("the scheduler goes on without what it cannot read in the store; it stays there: {unread}");
    }
    CoreCell::restored(config.cluster(), live, state, now()).map_err(|error| host(error.to_string()))
}

impl Service {
    /// Nodes that were never there before begin as their lines say.
    pub fn begin(&self, config: &Config) -> Result<(), String> {
        let first = config.first_states();
        if first.is_empty() {
            return Ok(());
        }
        let begun = self.write(move |change| {
            first.iter().for_each(|(node, state)| begin_node(change, node, *state));
            Ok(())
        });
        begun.map(drop)
    }
}

fn begin_node(change: &mut Change, node: &NodeName, state: FirstState) {
    let is_new = change.core().is_some_and(|core| core.live().nodes.get(node).is_none());
    let reason = || "as the configuration says".to_owned();
    let command = match state {
        FirstState::Drain if is_new => NodeCommand::Drain(reason()),
        FirstState::Down if is_new => NodeCommand::Down(reason()),
        _ => return,
    };
    let who = Requester { uid: Uid::ROOT, is_operator: true, coordinates: Vec::new() };
    if let Err(denial) = change.on(SchedulerEvent::NodeControl(who, node.clone(), command)) {
        tracing::error!(%node, "cannot begin as the configuration says: {denial}");
    }
}
