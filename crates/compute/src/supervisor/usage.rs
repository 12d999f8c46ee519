//! What the processes of a run used: by its control groups where there are any, else by what the kernel adds up of
//! processes that were waited for.

use crate::cgroup::RunGroup;
use crate::process;
use crate::protocol::{MOST_PIDS, Measured, RunUsage};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// So long one who asks may take to take the answer in, which is one line.
const PATIENCE: Duration = Duration::from_millis(200);

/// The most memory that was seen in use.
#[derive(Clone, Copy, Default)]
pub struct Peak(u64);

impl Peak {
    /// Looks again.
    pub fn sample(&mut self, group: &RunGroup) {
        self.0 = self.0.max(group.memory_now().unwrap_or(0));
    }
}

/// What was used up to now, with what these processes did that still run.
pub fn measure(group: &RunGroup, peak: Peak, running: &BTreeSet<i32>) -> RunUsage {
    let waited = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
    let by_kernel = || {
        let it = waited.as_ref()?;
        let (user, system) = process::cpu_time(running);
        Some((microseconds(it.user_time()) + user, microseconds(it.system_time()) + system))
    };
    let times = group.cpu_time().or_else(by_kernel);
    let largest = waited.as_ref().and_then(|it| u64::try_from(it.max_rss()).ok()).map(|kilobytes| kilobytes * 1024);
    let largest = largest.max(process::largest(running));
    let io = |key: &str| Some(io_below(key)?.saturating_add(process::moved(running, key)));
    RunUsage {
        user_cpu: times.map(|(user, _)| user),
        system_cpu: times.map(|(_, system)| system),
        peak_memory: memory(group.memory_peak(), peak.0, largest),
        read: io("rchar: "),
        written: io("wchar: "),
    }
}

/// Answers who asks what is used now: a line of JSON. One that does not take it in gets none.
pub fn tell(mut asker: UnixStream, usage: RunUsage, running: &BTreeSet<i32>) {
    let measured = Measured { usage, pids: running.iter().copied().take(MOST_PIDS).collect() };
    let Ok(line) = serde_json::to_string(&measured) else { return };
    let _ = asker.set_write_timeout(Some(PATIENCE)).and_then(|()| asker.write_all(format!("{line}\n").as_bytes()));
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
    let whole = process::number_in(&fs::read_to_string("/proc/self/io").ok()?, key)?;
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    let of_thread = |text: String| process::number_in(&text, key);
    let own = threads.filter_map(|thread| of_thread(fs::read_to_string(thread.path().join("io")).ok()?)).sum();
    Some(whole.saturating_sub(own))
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
