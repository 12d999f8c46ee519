//! `GET /metrics`: what the service did, in Prometheus' text format.

use super::http::App;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Well.
    Done,
    /// The command said no (exit code 1).
    Refused,
    /// It could not be read, was too large, not allowed, or met a bug (an HTTP error).
    Rejected,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Rejected => "rejected",
        }
    }
}

/// Upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

#[derive(Clone, Copy, Default)]
struct Times {
    count: u64,
    seconds: f64,
    within: [u64; BOUNDS.len()],
}

/// Counts since the start.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, Outcome), Times>>,
}

impl Metrics {
    /// Counts one request.
    pub fn count(&self, command: &'static str, outcome: Outcome, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let times = requests.entry((command, outcome)).or_default();
        times.count += 1;
        times.seconds += took.as_secs_f64();
        for (bound, within) in BOUNDS.iter().zip(&mut times.within) {
            *within += u64::from(took.as_secs_f64() <= *bound);
        }
    }

    fn write(&self, page: &mut Page) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.head("enlist_request_seconds", "histogram", "Time that requests took, by command and how they ended.");
        for ((command, outcome), times) in &requests {
            let labels = format!("command=\"{command}\",result=\"{}\"", outcome.name());
            for (bound, within) in BOUNDS.iter().zip(times.within) {
                page.sample("enlist_request_seconds_bucket", &format!("{labels},le=\"{bound}\""), within as f64);
            }
            page.sample("enlist_request_seconds_bucket", &format!("{labels},le=\"+Inf\""), times.count as f64);
            page.sample("enlist_request_seconds_sum", &labels, times.seconds);
            page.sample("enlist_request_seconds_count", &labels, times.count as f64);
        }
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        self.sample(name, "", value);
    }
}

/// Everything, now.
pub fn page(app: &App) -> String {
    let mut page = Page::default();
    app.metrics.write(&mut page);
    let connected = app.server.get().map_or(0, |server| server.connected());
    page.one("enlist_connected_clients", "gauge", "Connections that are open.", connected as f64);
    let (running, waiting) = app.work.counts();
    page.one("enlist_running_commands", "gauge", "Commands that run, this one too.", running as f64);
    page.one("enlist_waiting_commands", "gauge", "Commands that wait for their caller's turn.", waiting as f64);
    let help = "Clients that left before they were answered.";
    page.one("enlist_clients_left_total", "counter", help, app.work.left() as f64);
    let kept = app.service.kept();
    page.one("enlist_revision", "counter", "Changes of the state since the start.", kept.revision as f64);
    let commits = app.service.commits();
    page.one("enlist_commits_total", "counter", "Commits to the store since the start.", commits.count as f64);
    page.one("enlist_committed_commands_total", "counter", "Commands in these commits.", commits.commands as f64);
    page.one("enlist_largest_commit_commands", "gauge", "Commands in the largest of them.", commits.largest as f64);
    let counts = app.service.rollup().counts();
    page.one("enlist_rollup_slices_total", "counter", "Changes by the rollup of usage.", counts.slices as f64);
    let help = "How often the rollup began again because records changed that it was summing up.";
    page.one("enlist_rollup_restarts_total", "counter", help, counts.restarts as f64);
    page.one("enlist_rollup_errors_total", "counter", "How often the rollup could not go on.", counts.errors as f64);
    let failing = f64::from(u8::from(counts.error.is_some()));
    page.one("enlist_rollup_failing", "gauge", "1 while the rollup cannot go on; the log says why.", failing);
    if let Some(rolled) = app.service.rollup().rolled() {
        let help = "Up to when usage is summed up, in seconds since 1970.";
        page.one("enlist_rollup_until_seconds", "gauge", help, rolled as f64);
    }
    page.head("enlist_rows", "gauge", "Rows that are there, by kind.");
    for (kind, rows) in app.service.rows() {
        page.sample("enlist_rows", &format!("kind=\"{kind}\""), rows as f64);
    }
    page.one("enlist_store_bytes", "gauge", "Size of the store's files.", store_bytes(&app.store) as f64);
    if let Some(bytes) = resident_bytes() {
        page.one("enlist_resident_bytes", "gauge", "Memory of the process.", bytes as f64);
    }
    page.0
}

/// The database and what is not yet folded into it.
fn store_bytes(path: &Path) -> u64 {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |file| file.len())
    };
    with("") + with("-wal")
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up() {
        let metrics = Metrics::default();
        for ms in [2, 20, 20_000] {
            metrics.count("sacctmgr", Outcome::Done, Duration::from_millis(ms));
        }
        let mut page = Page::default();
        metrics.write(&mut page);
        let has = |line: &str| assert!(page.0.lines().any(|it| it == line), "{line}\n{}", page.0);
        has("# TYPE enlist_request_seconds histogram");
        has("enlist_request_seconds_bucket{command=\"sacctmgr\",result=\"done\",le=\"0.001\"} 0");
        has("enlist_request_seconds_bucket{command=\"sacctmgr\",result=\"done\",le=\"0.03\"} 2");
        has("enlist_request_seconds_bucket{command=\"sacctmgr\",result=\"done\",le=\"+Inf\"} 3");
        has("enlist_request_seconds_count{command=\"sacctmgr\",result=\"done\"} 3");
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
