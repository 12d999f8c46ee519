//! `until`, `retries`, `delay`, and the pause between items.

use super::{Stop, TaskRun, Unit};
use crate::playbook::Expr;
use crate::runner::events::Status;
use crate::runner::result::{Finished, template_error};
use crate::template::Scope;
use crate::variables::HostScope;
use host::change::outcome::Failure;
use std::sync::Arc;
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

impl TaskRun<'_> {
    pub(super) fn run_repeatedly(&self, on: &HostScope, unit: &Unit, pause: Option<f64>) -> Finished {
        let number = |name, expr: &Option<Expr>, default| self.number(name, expr.as_ref(), default, &unit.scope);
        let (retries, delay) =
            match (number("retries", &self.task.retries, 3.0), number("delay", &self.task.delay, 5.0)) {
                (Ok(retries), Ok(delay)) => (retries.max(0.0) as u32, delay.max(0.0)),
                (Err(stop), _) | (_, Err(stop)) => return *stop,
            };
        sleep(pause.unwrap_or(0.0));
        let mut lefts = Vec::new();
        for attempt in 1.. {
            let units = std::slice::from_ref(unit);
            let mut finished = self.execute(vec![self.plan(on, unit)], units).remove(0);
            self.judge(&mut finished, unit);
            if matches!(finished.status, Status::Skipped | Status::Unreachable) {
                return finished;
            }
            let done = match &self.task.until {
                Some(until) => match self.templar.condition(&until.value, &self.with_result(&finished, unit)) {
                    Ok(truth) => truth.holds,
                    Err(error) => return Finished::failed(template_error(&error, &until.place)),
                },
                None => finished.status != Status::Failed,
            };
            finished.result.insert("attempts".into(), Value::Int(i64::from(attempt.min(retries.max(1)))));
            if done || attempt > retries {
                finished.retries = lefts;
                return if done { finished } else { give_up(finished, retries) };
            }
            lefts.push(retries - attempt + 1);
            sleep(delay);
        }
        unreachable!("the loop ends by itself")
    }

    /// A keyword that is a number.
    pub(super) fn number(
        &self,
        name: &str,
        expr: Option<&Expr>,
        default: f64,
        scope: &Arc<dyn Scope>,
    ) -> Result<f64, Stop> {
        let Some(expr) = expr else { return Ok(default) };
        let value = self.render(expr, scope)?;
        value.to_string().trim().parse().map_err(|_| {
            let message = format!("`{name}` takes a number, and this is {}", value.repr());
            Box::new(Finished::failed(Diagnostic::input(&expr.place, message)))
        })
    }
}

fn sleep(seconds: f64) {
    if let Ok(wait) = Duration::try_from_secs_f64(seconds) {
        std::thread::sleep(wait);
    }
}

fn give_up(mut finished: Finished, retries: u32) -> Finished {
    finished.status = Status::Failed;
    finished.result.insert("failed".into(), true.into());
    finished.result.insert("attempts".into(), Value::Int(i64::from(retries)));
    let failure = Failure::new("the task did not come to what `until` waits for");
    finished.error.get_or_insert_with(|| Diagnostic::new(ErrorKind::Host, failure.msg));
    finished
}
