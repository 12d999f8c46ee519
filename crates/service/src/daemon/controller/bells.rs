//! [`JobBells`]: rings when a job changes, for whoever waits for that. Who waits costs no thread.

use super::cell::lock;
use scheduling::id::JobId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// By job, as long as somebody waits for it.
#[derive(Debug, Default)]
pub struct JobBells(Mutex<HashMap<JobId, Arc<Notify>>>);

impl JobBells {
    /// The bell of a job. Listen to it ([`Notify::notified`]) before looking at the job.
    pub fn of(&self, job: JobId) -> Arc<Notify> {
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
                bell.notify_waiters();
            }
        }
        // Nobody holds those any more.
        bells.retain(|_, bell| Arc::strong_count(bell) > 1);
    }
}
