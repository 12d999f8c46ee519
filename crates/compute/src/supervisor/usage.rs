//! What the processes of a run used: by its control groups where there are any, else by what the kernel adds up of
//! processes that were waited for.

use crate::cgroup::RunGroup;
use crate::protocol::RunUsage;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::fs;

/// The most memory that was seen in use.
#[derive(Clone, Copy, Default)]
pub struct Peak(u64);

impl Peak {
    /// Looks again.
    pub fn sample(&mut self, group: &RunGroup) {
        self.0 = self.0.max(group.memory_now().unwrap_or(0));
    }
}

/// What was used up to now; processes that were not waited for count only in control groups.
pub fn measure(group: &RunGroup, peak: Peak) -> RunUsage {
    let waited = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
    let by_kernel = waited.as_ref().map(|it| (microseconds(it.user_time()), microseconds(it.system_time())));
    let times = group.cpu_time().or(by_kernel);
    let largest = waited.and_then(|it| u64::try_from(it.max_rss()).ok()).map(|kilobytes| kilobytes * 1024);
    RunUsage {
        user_cpu: times.map(|(user, _)| user),
        system_cpu: times.map(|(_, system)| system),
        peak_memory: memory(group.memory_peak(), peak.0, largest),
        read: io_below("rchar: "),
        written: io_below("wchar: "),
    }
}

/// The kernel's own peak counts copies of files, too, which it would have thrown away. So it is what was used only where the
/// limit was reached, and else a bound of what was seen and of the largest process.
fn memory(peak: Option<(u64, bool)>, seen: u64, largest: Option<u64>) -> Option<u64> {
    match (peak, largest) {
        (Some((peak, true)), _) => Some(peak),
        (Some((peak, false)), largest) => Some(peak.min(seen.max(largest.unwrap_or(0)))),
        (None, largest) => largest,
    }
}

fn microseconds(time: TimeVal) -> u64 {
    u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0)
}

/// Bytes that processes below this one moved: what the kernel has for it and those that it waited for, less its own.
fn io_below(key: &str) -> Option<u64> {
    let whole = number(&fs::read_to_string("/proc/self/io").ok()?, key)?;
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    let own = threads.filter_map(|thread| number(&fs::read_to_string(thread.path().join("io")).ok()?, key)).sum();
    Some(whole.saturating_sub(own))
}

fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_kernels_only_at_the_limit() {
        assert_eq!(memory(Some((1000, true)), 10, Some(20)), Some(1000));
        assert_eq!(memory(Some((1000, false)), 10, Some(20)), Some(20));
        assert_eq!(memory(Some((1000, false)), 2000, Some(20)), Some(1000));
        assert_eq!(memory(None, 0, Some(20)), Some(20));
        assert_eq!(memory(None, 0, None), None);
    }
}
