//! `meta` tasks: what the runner itself does, such as running handlers now or ending the play.

use crate::playbook::Task;
use crate::runner::Runner;
use crate::runner::actions::Runs;
use crate::runner::events::{Event, HostResult, Status};
use crate::runner::play::Batch;
use crate::runner::result::template_error;
use crate::runner::task::task_args;
use crate::variables::{HostScope, PlayVars};
use std::sync::Arc;
use words::diag::Diagnostic;
use words::value::Value;

impl Runner<'_> {
    /// Does it, and gives the hosts that go on.
    pub(super) fn run_meta(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        hosts: Vec<String>,
    ) -> Result<Vec<String>, Diagnostic> {
        let args = task_args(task, Runs::Meta)?;
        let word = args.named.first().map(|arg| arg.value.value.to_string()).unwrap_or_default();
        let hit = self.announce_meta(batch, task, &word, &hosts)?;
        match word.as_str() {
            "noop" | "reset_connection" => {}
            "flush_handlers" if hit.is_empty() => {}
            "flush_handlers" => return self.flush_handlers(batch, hosts),
            "end_play" => batch.ended |= !hit.is_empty(),
            "end_host" => batch.finished.extend(hit),
            "clear_host_errors" if hit.is_empty() => {}
            "clear_host_errors" => self.gone.clear(),
            "clear_facts" => {
                for host in hosts.iter().filter(|_| !hit.is_empty()).cloned() {
                    Arc::make_mut(&mut self.world).hosts.entry(host).or_default().facts = Arc::default();
                }
            }
            other => {
                let known = ["noop", "flush_handlers", "end_play", "end_host", "clear_host_errors", "clear_facts"];
                return Err(Diagnostic::input(&task.action.place, format!("enlist does not know `meta: {other}`"))
                    .suggest(other, known));
            }
        }
        Ok(hosts)
    }

    /// Shows a meta task, and gives the hosts on which its `when` holds. Like ansible-playbook, it shows those that
    /// concern single hosts once for each, and the others once for the first.
    fn announce_meta(
        &mut self,
        batch: &Batch,
        task: &Task,
        word: &str,
        hosts: &[String],
    ) -> Result<Vec<String>, Diagnostic> {
        let each = matches!(word, "noop" | "reset_connection" | "end_host" | "flush_handlers");
        let plain = matches!(word, "noop" | "reset_connection");
        let mut hit = Vec::new();
        for host in if each { hosts } else { &hosts[..1] } {
            self.announce(batch, task, std::slice::from_ref(host), false);
            if plain || self.holds(task, host, &batch.vars)? {
                hit.push(host.clone());
            } else {
                self.observer.on(&Event::Host(&skipped_meta(host, word)));
            }
        }
        Ok(hit)
    }

    /// Whether a meta task's `when` holds on a host. One that cannot be evaluated ends the run: no host can be left
    /// out, or let through, on a guess.
    fn holds(&self, task: &Task, host: &str, vars: &Arc<PlayVars>) -> Result<bool, Diagnostic> {
        let scope = HostScope::of_task(&self.world, vars, host, task).shared();
        for condition in &task.keywords.when {
            let truth = self.templar.condition(&condition.value, &scope).map_err(|error| {
                template_error(&error, &condition.place).note(format!("in a condition of `meta`, for host {host}"))
            })?;
            if !truth.holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What is shown of a meta task whose `when` does not hold.
fn skipped_meta(host: &str, word: &str) -> HostResult {
    let result = [("skip_reason", Value::from(format!("{word} conditional evaluated to False")))];
    HostResult {
        host: host.to_owned(),
        module: "meta",
        delegate: None,
        status: Status::Skipped,
        ignored: false,
        result: Arc::new(result.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()),
        changes: Vec::new(),
        retries: Vec::new(),
        items: None,
        error: None,
        warnings: Vec::new(),
        always_shown: false,
        diff: false,
    }
}
