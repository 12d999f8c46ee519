//! [`JobBells`]: rings when a job changes, for whoever waits for that. Who waits costs no thread.

use super::cell::lock;
use scheduling::id::JobId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::futures::Notified;
use tokio::sync::{MutexGuard, Notify};

/// By job, as long as somebody waits for it.
#[derive(Debug, Default)]
pub struct JobBells(Mutex<HashMap<JobId, Arc<JobBell>>>);

/// One job's.
#[derive(Debug, Default)]
pub struct JobBell {
    changes: Notify,
    line: tokio::sync::Mutex<()>,
}

impl JobBell {
    /// Resolves at the next change of the job from now on. Ask for it before looking at the job.
    pub fn rings(&self) -> Notified<'_> {
        self.changes.notified()
    }

    /// Waits to be the first of those who want something of the job; one is as long as this is held. Who came first is first.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.line.lock().await
    }
}

impl JobBells {
    /// The bell of a job.
    pub fn of(&self, job: JobId) -> Arc<JobBell> {
        lock(&self.0).entry(job).or_default().clone()
    }

    /// These jobs have changed.
    pub fn ring(&self, jobs: &[JobId]) {
        let mut bells = lock(&self.0);
        if bells.is_empty() {
            return;
        }
        for job in jobs {
            if let Some(bell) = bells.get(job) {
                bell.changes.notify_waiters();
            }
        }
        // Nobody holds those any more.
        bells.retain(|_, bell| Arc::strong_count(bell) > 1);
    }
}
