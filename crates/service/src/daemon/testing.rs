//! What tests of threads share.

use std::time::{Duration, Instant};

/// Waits until `met` holds, which another thread brings about; fails with `what` after two minutes.
pub fn until(what: &str, met: impl Fn() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
