//! A run as people read it: the lines of ansible-playbook's default output, with diffs for every module.

use super::diff;
use super::styled::Styled;
use super::styles::{Painter, Style};
use control::runner::events::{Event, HostResult, ItemReport, Observer, Stats, Status};
use host::change::Change;
use words::diag::Diagnostic;
use words::text::width::{pad, width};
use words::value::{Map, Value};

/// Columns of a banner where standard output is no terminal.
const WIDTH: usize = 80;

/// Writes a run for people.
pub struct PlayView {
    out: Painter,
    err: Painter,
    columns: usize,
    verbosity: u8,
    /// The task's name.
    task: String,
    /// The error block shown last in this task: the same one on many hosts is shown once.
    last_error: Option<String>,
}

/// A heading of ansible-playbook's: filled up with stars to the width of the terminal, if there is one.
pub fn banner(text: &str, columns: Option<usize>) -> String {
    let stars = columns.unwrap_or(WIDTH).saturating_sub(width(text) + 1).max(3);
    format!("{text} {}", "*".repeat(stars))
}

impl PlayView {
    /// A view with colours where the streams allow them; `columns` is the terminal's width, if there is one.
    pub fn new(out: Painter, err: Painter, columns: Option<usize>, verbosity: u8) -> Self {
        Self { out, err, columns: columns.unwrap_or(WIDTH), verbosity, task: String::new(), last_error: None }
    }

    fn line(&self, text: impl Into<Styled>) {
        self.out.line(text);
    }

    fn styled(&self, style: Style, text: &str) {
        self.line(Styled::of(style, text));
    }

    fn banner(&self, text: &str) {
        self.line(format!("\n{}", banner(text, Some(self.columns))));
    }

    fn task(&mut self, name: &str, handler: bool, place: Option<String>) {
        self.last_error = None;
        name.clone_into(&mut self.task);
        self.banner(&format!("{} [{name}]", if handler { "RUNNING HANDLER" } else { "TASK" }));
        if let Some(place) = place.filter(|_| self.verbosity >= 2) {
            self.styled(Style::Verbose, &format!("task path: {place}"));
        }
    }

    fn host(&mut self, result: &HostResult) {
        for warning in &result.warnings {
            self.warning(warning);
        }
        match &result.items {
            Some(items) => self.items(result, items),
            None => {
                self.retries(&result.host, &result.retries);
                self.diffs(&result.changes, result.diff);
                self.error(result.error.as_ref());
                let host = host_label(&result.host, result.delegate.as_deref(), result.status);
                let shown = self.shown(result.module, result.values(), result.status, result.always_shown);
                self.result(&host, None, result.status, result.values(), shown);
            }
        }
        if result.ignored {
            self.styled(Style::Skipped, "...ignoring");
        }
    }

    fn items(&mut self, result: &HostResult, items: &[ItemReport]) {
        for item in items {
            self.retries(&result.host, &item.retries);
            self.diffs(&item.changes, result.diff);
            self.error(item.error.as_ref());
            let host = host_label(&result.host, item.delegate.as_deref(), item.status);
            let shown = self.shown(result.module, &item.result, item.status, item.always_shown);
            self.result(&host, Some(&item.label), item.status, &item.result, shown);
        }
        if result.status == Status::Skipped {
            let shown = self.shown(result.module, result.values(), result.status, false);
            self.result(&result.host, None, result.status, result.values(), shown);
        }
    }

    fn retries(&self, host: &str, retries: &[u32]) {
        for left in retries {
            let line = format!("FAILED - RETRYING: [{host}]: {} ({left} retries left).", self.task);
            self.styled(Style::Faint, &line);
        }
    }

    /// The result as text where it is to be shown: always of failures, with `-v` of all.
    fn shown(&self, module: &str, result: &Map, status: Status, always: bool) -> Option<String> {
        let failed = matches!(status, Status::Failed | Status::Unreachable);
        (failed || always || self.verbosity >= 1).then(|| shown_result(module, result, always))
    }

    fn diffs(&self, changes: &[Change], wanted: bool) {
        if wanted {
            for change in changes {
                self.out.lines(diff::change(change));
            }
        }
    }

    /// The error with its place, once for all hosts that have the same one.
    fn error(&mut self, error: Option<&Diagnostic>) {
        let Some(error) = error else { return };
        let text = error.to_string();
        if self.last_error.as_ref() == Some(&text) || (error.place.is_none() && error.hints.is_empty()) {
            return;
        }
        self.line(Styled::of(Style::Error, "[ERROR]: Task failed:").text(format!(" {text}")));
        self.last_error = Some(text);
    }

    fn result(&self, host: &str, item: Option<&str>, status: Status, result: &Map, shown: Option<String>) {
        let (style, word) = match status {
            Status::Ok => (Style::Ok, "ok"),
            Status::Changed => (Style::Changed, "changed"),
            Status::Skipped => (Style::Skipped, "skipping"),
            Status::Failed if item.is_some() => (Style::Failed, "failed"),
            Status::Failed => (Style::Failed, "fatal"),
            Status::Unreachable => (Style::Unreachable, "fatal"),
        };
        let mut line = format!("{word}: [{host}]");
        match (item, status) {
            (Some(label), Status::Failed | Status::Unreachable) => line.push_str(&format!(" (item={label})")),
            (Some(label), Status::Skipped) => line.push_str(&format!(" => (item={label}) ")),
            (Some(label), _) => line.push_str(&format!(" => (item={label})")),
            (None, Status::Failed) => line.push_str(": FAILED!"),
            (None, Status::Unreachable) => line.push_str(": UNREACHABLE!"),
            (None, _) => {}
        }
        let why = result.get("skip_reason").or(result.get("msg")).map(Value::to_string);
        match (shown, why) {
            (Some(shown), _) => line.push_str(&format!(" => {shown}")),
            // A dry run that cannot tell says why; Ansible's ordinary reasons stay silent.
            (None, Some(why)) if status == Status::Skipped && why.starts_with("unknown") => {
                line.push_str(&format!("  ({why})"));
            }
            _ => {}
        }
        self.styled(style, &line);
    }

    fn included(&mut self, path: &str, hosts: &[String], item: Option<&str>) {
        let item = item.map(|item| format!(" => (item={item})")).unwrap_or_default();
        self.styled(Style::Skipped, &format!("included: {path} for {}{item}", hosts.join(", ")));
    }

    fn warning(&self, text: &str) {
        self.err.line(Styled::of(Style::Warning, format!("[WARNING]: {text}")));
    }

    fn recap(&self, hosts: &[(String, Stats)]) {
        self.banner("PLAY RECAP");
        for (host, stats) in hosts {
            self.line(recap_line(host, stats));
        }
        self.line("");
    }
}

fn recap_line(host: &str, stats: &Stats) -> Styled {
    let style = match stats {
        Stats { failed, unreachable, .. } if failed + unreachable > 0 => Style::Failed,
        Stats { changed: 1.., .. } => Style::Changed,
        _ => Style::Ok,
    };
    let counts = [
        ("ok", stats.ok, Style::Ok),
        ("changed", stats.changed, Style::Changed),
        ("unreachable", stats.unreachable, Style::Unreachable),
        ("failed", stats.failed, Style::Failed),
        ("skipped", stats.skipped, Style::Skipped),
        ("rescued", stats.rescued, Style::Ok),
        ("ignored", stats.ignored, Style::Changed),
    ];
    let mut line = Styled::of(style, pad(host, 26)).text(" : ");
    for (index, (name, count, style)) in counts.into_iter().enumerate() {
        let cell = format!("{name}={count:<4}");
        line = line.text(if index == 0 { "" } else { " " });
        line = if count > 0 { line.styled(style, cell) } else { line.text(cell) };
    }
    line
}

impl Observer for PlayView {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Playbook { path } if self.verbosity >= 2 => self.banner(&format!("PLAYBOOK: {path}")),
            Event::Playbook { .. } => {}
            Event::Play { name } => self.banner(&format!("PLAY [{name}]")),
            Event::NoHostsMatched => self.styled(Style::Skipped, "skipping: no hosts matched"),
            Event::Task { name, handler, place } => {
                self.task(name, *handler, place.as_ref().map(|p| format!("{}:{}", p.source.name, p.line)));
            }
            Event::Host(result) => self.host(result),
            Event::Included { path, hosts, item } => self.included(path, hosts, item.as_deref()),
            Event::NoMoreHosts => self.banner("NO MORE HOSTS LEFT"),
            Event::Warning(text) => self.warning(text),
            Event::Recap(hosts) => self.recap(hosts),
        }
    }
}

/// The host, and who did it instead; of what was left out, only the host.
fn host_label(host: &str, delegate: Option<&str>, status: Status) -> String {
    match delegate {
        Some(delegate) if status != Status::Skipped => format!("{host} -> {delegate}"),
        _ => host.to_owned(),
    }
}

/// The result as JSON without what is shown elsewhere; on several lines where it is the point of the task.
fn shown_result(module: &str, result: &Map, pretty: bool) -> String {
    let hidden = |name: &str| {
        let elsewhere = matches!(name, "failed" | "skipped" | "invocation" | "diff" | "warnings" | "exception");
        elsewhere || name.starts_with("_ansible") || (module == "debug" && hidden_by_debug(name, result))
    };
    let kept = result.iter().filter(|(name, _)| !hidden(name));
    let value = Value::Map(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    if pretty { value.to_json_pretty(true, 4) } else { value.to_json_line(true) }
}

/// Of `debug`, the message alone is shown, or the variable without what every result has.
fn hidden_by_debug(name: &str, result: &Map) -> bool {
    if result.contains_key("msg") {
        name != "msg"
    } else {
        matches!(name, "changed" | "skip_reason" | "ansible_loop_var")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recap_line_is_ansibles() {
        let stats = Stats { ok: 25, changed: 15, skipped: 3, rescued: 1, ..Stats::default() };
        assert_eq!(
            recap_line("login1", &stats).to_string(),
            "login1                     : ok=25   changed=15   unreachable=0    failed=0    skipped=3    rescued=1    \
             ignored=0   "
        );
    }
}
