//! Lines of the audit log, for people.

use control::audit_log::{Begin, Changed, LogEvent, LogLine};
use words::text::visible::on_one_line;

/// One event in one line.
pub fn line(line: &LogLine) -> String {
    let says = match &line.event {
        LogEvent::Begin(begin) => began(begin),
        LogEvent::Refused { why } => format!("  refused: {why}"),
        LogEvent::Change(changed) => became(changed),
        LogEvent::End { ok, changes } => {
            format!("  end: {changes} changes, {}", if *ok { "all well" } else { "not all well" })
        }
    };
    format!("{}  {}", line.at, on_one_line(&says))
}

fn began(begin: &Begin) -> String {
    let roster = begin.roster.as_deref().unwrap_or("a plan without roster");
    let commit = begin.commit.as_deref().map_or(String::new(), |commit| {
        let (hash, mark) = commit.split_at(commit.len().min(12));
        format!(" at {hash}{}", if mark.ends_with('+') { "+" } else { "" })
    });
    let allowed = if begin.allow.is_empty() { String::new() } else { format!(", passing {}", begin.allow.join(", ")) };
    let reason = begin.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!("{} on {} applied {roster}{commit}{allowed}{reason}", begin.who, begin.machine)
}

fn became(changed: &Changed) -> String {
    let fields = if changed.fields.is_empty() { String::new() } else { format!(" ({})", changed.fields.join(", ")) };
    let why = changed.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    format!("  {}: {} {}{fields}: {}{why}", changed.host, changed.action, changed.what, changed.result)
}
