//! Days of a roster, a line each.

use control::roster::calendar::CalendarDay;
use words::text::width::{pad, width};

/// A line for each entry, in columns.
pub fn lines(entries: &[CalendarDay]) -> Vec<String> {
    let whose = |entry: &CalendarDay| format!("{} {}", entry.kind, entry.name);
    let column = entries.iter().map(|entry| width(&whose(entry))).max().unwrap_or(0);
    let line = |entry: &CalendarDay| {
        let manager = entry.manager.as_ref().map_or(String::new(), |manager| format!("  ({manager})"));
        format!(
            "{}  {}  {}  {}{manager}",
            entry.day,
            pad(entry.event.word(), 7),
            pad(&whose(entry), column),
            entry.then
        )
    };
    entries.iter().map(line).collect()
}
