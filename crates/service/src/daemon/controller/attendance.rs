//! [`Attendance`]: whether somebody is there for whom a job of `srun` alone runs. When nobody is, it is cancelled.

use super::cell::lock;
use crate::daemon::service::Service;
use crate::daemon::writer::Change;
use scheduling::event::{Denial, JobCommand, Requester, SchedulerEvent};
use scheduling::id::JobId;
use scheduling::job::{Allocating, JobPhase, LiveJob};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// For so long one who was answered may stay away before the next request.
const ABSENCE: Duration = Duration::from_secs(60);

/// Who is there, by job.
#[derive(Debug, Default)]
pub struct Attendance(Mutex<HashMap<JobId, Attended>>);

#[derive(Debug, Default)]
struct Attended {
    here: u32,
    /// Counts who came and went.
    changes: u64,
}

/// Somebody is there; when this is dropped they have gone, and what was for them alone ends at once, unless they were
/// [answered](Presence::answered) and come again. A handler that answers does that [within](Presence::during) it, so that only
/// one that is dropped unfinished, as its client hung up, takes anything from anybody.
pub struct Presence {
    attendance: Arc<Attendance>,
    service: Weak<Service>,
    job: JobId,
    /// How long they may stay away.
    returns: Option<Duration>,
}

impl Attendance {
    /// Somebody comes for a job.
    pub fn come(self: &Arc<Self>, service: &Arc<Service>, job: JobId) -> Presence {
        let mut all = lock(&self.0);
        let attended = all.entry(job).or_default();
        attended.here += 1;
        attended.changes += 1;
        drop(all);
        Presence { attendance: self.clone(), service: Arc::downgrade(service), job, returns: None }
    }

    /// Somebody goes; gives the count of changes if nobody is left.
    fn go(&self, job: JobId) -> Option<u64> {
        let mut all = lock(&self.0);
        let attended = all.get_mut(&job)?;
        attended.here -= 1;
        attended.changes += 1;
        (attended.here == 0).then_some(attended.changes)
    }

    /// Whether nothing has changed since; then the job is forgotten here.
    fn is_deserted(&self, job: JobId, changes: u64) -> bool {
        let mut all = lock(&self.0);
        let is_deserted = all.get(&job).is_some_and(|it| it.here == 0 && it.changes == changes);
        if is_deserted {
            all.remove(&job);
        }
        is_deserted
    }
}

impl Presence {
    /// They are there while this is done. Whatever the answer is, they come again before long: an answer that a service too busy
    /// or at fault gives, too, is no reason to end what they wait for.
    pub async fn during<T>(self, doing: impl Future<Output = T>) -> T {
        let done = doing.await;
        self.answered();
        done
    }

    /// Who asked has an answer, and comes again before long.
    pub fn answered(mut self) {
        self.returns = Some(ABSENCE);
    }

    /// Who goes now may come again within so long; `None` is that they do not.
    pub fn may_return(&mut self, within: Option<Duration>) {
        self.returns = within;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let Some(changes) = self.attendance.go(self.job) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let (attendance, service, job) = (self.attendance.clone(), self.service.clone(), self.job);
        let absence = self.returns.unwrap_or_default();
        runtime.spawn(async move {
            tokio::time::sleep(absence).await;
            if attendance.is_deserted(job, changes)
                && let Some(service) = service.upgrade()
            {
                // Nobody waits for it.
                let _ = spawn_blocking(move || service.desert(job)).await;
            }
        });
    }
}

impl Service {
    /// Jobs of `srun` that are there when the service starts: who waits for them comes again, or they end.
    pub fn attend_again(self: &Arc<Self>) {
        let jobs = self.core().kept_jobs();
        for job in jobs.jobs.values().filter(|job| is_for_somebody(job)) {
            self.attendance().come(self, job.id).answered();
        }
    }

    /// Nobody is there any more for whom a job was.
    fn desert(&self, id: JobId) {
        if !self.core().kept_job(id).is_some_and(|job| is_for_somebody(&job)) {
            return;
        }
        let cancelled = self.write(move |change: &mut Change| {
            let Some(job) = change.core().and_then(|core| core.job(id)).filter(|job| is_for_somebody(job)) else {
                return Ok(Err(Denial::AlreadyDone));
            };
            let who = owner(job);
            Ok(change.on(SchedulerEvent::Control(who, id, JobCommand::Cancel)))
        });
        match cancelled.map(|written| written.gave) {
            Ok(Ok(_)) => tracing::info!(job = id.0, "who waited for the job has gone: it is cancelled"),
            Ok(Err(denial)) => tracing::debug!(job = id.0, "who waited for the job has gone: {denial}"),
            Err(why) => tracing::warn!(job = id.0, "who waited for the job has gone, and it goes on: {why}"),
        }
    }
}

/// Whether a job is over when nobody is there for it.
fn is_for_somebody(job: &LiveJob) -> bool {
    let is_live = matches!(job.phase, JobPhase::Pending | JobPhase::Running(_));
    let is_left_alone = job.steps().iter().any(|step| step.is_left_alone);
    job.submission.allocation == Some(Allocating::ForOneStep) && is_live && !is_left_alone
}

/// The user whose job it is.
pub fn owner(job: &LiveJob) -> Requester {
    Requester { uid: job.submission.user.uid, is_operator: false, coordinates: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    #[tokio::test]
    async fn an_answer_that_is_an_error_takes_nobodys_job_and_who_hangs_up_gives_it_back() {
        let attendance = Arc::new(Attendance::default());
        let come = |job| {
            lock(&attendance.0).entry(job).or_default().here += 1;
            Presence { attendance: attendance.clone(), service: Weak::new(), job, returns: None }
        };
        let (answered, gone) = (JobId(1), JobId(2));
        assert_eq!(come(answered).during(async { Err::<(), &str>("too busy") }).await, Err("too busy"));
        let mut unfinished = Box::pin(come(gone).during(pending::<()>()));
        poll_fn(|context| {
            assert!(unfinished.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(unfinished);
        while lock(&attendance.0).contains_key(&gone) {
            tokio::task::yield_now().await;
        }
        assert!(lock(&attendance.0).contains_key(&answered), "who went later is gone, and this one is not");
    }
}
