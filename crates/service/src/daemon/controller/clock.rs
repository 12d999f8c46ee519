//! The scheduler's clock. A jump of the host's clock ends no job and makes no node silent: the difference is made up for
//! slowly, by a tenth of the time that goes by.

use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many seconds of difference are no jump: the clock is followed at once.
const ORDINARY: f64 = 2.0;

/// What of the time that goes by is used to catch up with a clock that jumped.
const SHARE: f64 = 0.1;

/// What of the time that goes by is left out at the most to come back by a difference that is no jump: time never stands.
const LEFT_OUT: f64 = 0.5;

/// A clock that goes on steadily, whatever the host's does.
#[derive(Debug)]
struct SteadyClock {
    /// What it shows, in seconds since 1970.
    shown: f64,
    /// How far the host's clock is from it.
    gap: f64,
}

impl SteadyClock {
    fn new(host: f64) -> Self {
        Self { shown: host, gap: 0.0 }
    }

    /// `passed` seconds went by since the last look, and the host's clock says `host` now. Whether that is news: a jump.
    fn tick(&mut self, passed: f64, host: f64) -> bool {
        self.shown += passed;
        let (gap, before) = (host - self.shown, self.gap);
        let step = if gap.abs() <= ORDINARY {
            gap.max(-passed * LEFT_OUT)
        } else {
            gap.clamp(-passed * SHARE, passed * SHARE)
        };
        self.shown += step;
        self.gap = gap - step;
        self.gap.abs() > ORDINARY && (self.gap - before).abs() > ORDINARY
    }
}

/// The scheduler's time, in seconds since 1970.
pub fn now() -> i64 {
    shown().floor() as i64
}

/// How long it is until then.
pub fn until(due: i64) -> Duration {
    Duration::try_from_secs_f64(due as f64 - shown()).unwrap_or_default()
}

fn shown() -> f64 {
    static CLOCK: Mutex<Option<(Instant, SteadyClock)>> = Mutex::new(None);
    let (instant, host) = (Instant::now(), Timestamp::now().as_millisecond() as f64 / 1000.0);
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let (last, clock) = clock.get_or_insert_with(|| (instant, SteadyClock::new(host)));
    if clock.tick(instant.saturating_duration_since(*last).as_secs_f64(), host) {
        let seconds = clock.gap.round();
        tracing::warn!(seconds, "the host's clock jumped; the scheduler follows slowly, so that no time limit is hit");
    }
    *last = instant;
    clock.shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_followed_at_once() {
        let mut clock = SteadyClock::new(1000.0);
        assert!(!clock.tick(10.0, 1010.5));
        assert_eq!(clock.shown, 1010.5);
        assert!(!clock.tick(10.0, 1020.0));
        assert_eq!(clock.shown, 1020.0);
    }

    #[test]
    fn a_jump_is_followed_slowly_and_time_never_goes_back() {
        for jump in [86_400.0, -86_400.0] {
            let mut clock = SteadyClock::new(1_000_000.0);
            assert!(clock.tick(1.0, 1_000_001.0 + jump), "it is told");
            assert!((clock.shown - 1_000_001.0).abs() <= 0.11, "{clock:?}");
            let mut told = 0;
            let mut before = clock.shown;
            for second in 2..1_000_000 {
                told += u32::from(clock.tick(1.0, 1_000_000.0 + f64::from(second) + jump));
                assert!(clock.shown > before && clock.shown - before < 1.0 + SHARE + ORDINARY, "{clock:?}");
                before = clock.shown;
            }
            assert_eq!(told, 0, "once");
            assert!((clock.shown - (1_999_999.0 + jump)).abs() < 0.01, "in the end it is right: {clock:?}");
        }
    }
}
