//! [`Outage`]: what the log of a login node says while the master does not answer: why, and when it does again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The same reason is said again after so long.
const AGAIN: Duration = Duration::from_secs(600);

/// Why the master does not answer, if so.
#[derive(Default)]
pub struct Outage(Mutex<Option<Told>>);

struct Told {
    why: String,
    at: Instant,
    /// Requests that failed since the first.
    failed: u64,
}

impl Outage {
    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request failed; the line to log, if the log does not have it yet.
    pub fn failed(&self, why: &str) -> Option<String> {
        let mut told = self.told();
        let failed = told.as_ref().map_or(0, |it| it.failed) + 1;
        if let Some(it) = told.as_mut().filter(|it| it.why == why && it.at.elapsed() < AGAIN) {
            it.failed = failed;
            return None;
        }
        *told = Some(Told { why: why.to_owned(), at: Instant::now(), failed });
        Some(why.to_owned())
    }

    /// A request was answered; the line to log, if that is news.
    pub fn answered(&self) -> Option<String> {
        let Told { failed, .. } = self.told().take()?;
        Some(format!("the master answers again; {failed} requests failed meanwhile"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_once_and_the_end() {
        let outage = Outage::default();
        assert_eq!(outage.answered(), None);
        let told: Vec<_> = ["away", "away", "revoked", "revoked"].iter().filter_map(|why| outage.failed(why)).collect();
        assert_eq!(told, ["away", "revoked"]);
        assert_eq!(outage.answered().as_deref(), Some("the master answers again; 4 requests failed meanwhile"));
        assert_eq!(outage.answered(), None);
    }
}
