//! Handlers: who notified which, and running them.

use crate::playbook::Task;
use crate::runner::Runner;
use crate::runner::events::Event;
use crate::runner::lists::Way;
use crate::runner::play::Batch;
use crate::runner::task::HostDone;
use crate::variables::HostScope;
use std::sync::Arc;
use words::diag::Diagnostic;

impl Runner<'_> {
    pub(super) fn notify(&mut self, batch: &mut Batch, done: &HostDone) {
        for name in &done.notified {
            let listens = |handler: &Task| handler.listen.contains(name);
            let handlers = batch.play.handlers.iter().enumerate();
            let mut found: Vec<_> = handlers.clone().filter(|(_, h)| listens(h)).map(|(index, _)| index).collect();
            let named = handlers.clone().filter(|(_, h)| self.handler_name(batch, h) == *name).map(|(index, _)| index);
            // The last definition of a name wins.
            found.extend(named.last());
            if found.is_empty() {
                let message = format!("the handler '{name}' was notified, and no handler has this name");
                self.observer.on(&Event::Warning(message));
            }
            for index in found {
                batch.notified.entry(index).or_default().insert(done.report.host.clone());
            }
        }
    }

    fn handler_name(&self, batch: &Batch, handler: &Task) -> String {
        let name = handler.name.clone().unwrap_or_default();
        let scope = HostScope::of_play(&self.world, &batch.vars).shared();
        self.templar.render_str(&name, &scope).map_or(name, |name| name.to_string())
    }

    /// Runs the handlers that are notified, in the order in which they are defined, each at most once. One that is
    /// notified meanwhile and stands before, or is, the one that notifies it is left for the next time, as with
    /// ansible-core: handlers that notify in a circle come to an end.
    pub(super) fn flush_handlers(
        &mut self,
        batch: &mut Batch,
        mut hosts: Vec<String>,
    ) -> Result<Vec<String>, Diagnostic> {
        let force = batch.play.force_handlers || self.options.force_handlers;
        let play = batch.play;
        // Handlers are the play's, wherever they are flushed.
        let passed = std::mem::take(&mut Arc::make_mut(&mut batch.vars).passed);
        for (index, handler) in play.handlers.iter().enumerate() {
            let Some(notifiers) = batch.notified.remove(&index) else { continue };
            let able = if force { &batch.hosts } else { &hosts };
            let candidates: Vec<_> = able.iter().filter(|host| notifiers.contains(*host)).cloned().collect();
            if candidates.is_empty() || batch.ended {
                continue;
            }
            let through = self.run_task(batch, handler, candidates.clone(), Way::HANDLERS)?;
            hosts.retain(|host| !candidates.contains(host) || through.contains(host));
        }
        Arc::make_mut(&mut batch.vars).passed = passed;
        Ok(hosts)
    }
}
