//! Findings of an audit as a table.

use super::plan::count;
use super::styled::Styled;
use super::styles::Style;
use crate::sync::audit::Finding;
use crate::text::width::{pad, width};

/// One line a finding and place, columns aligned, and the count last.
pub fn findings(findings: &[Finding], hosts: usize) -> Vec<Styled> {
    let subject = findings.iter().map(|finding| width(&finding.subject)).max().unwrap_or(0);
    let says = findings.iter().map(|finding| width(finding.kind.says())).max().unwrap_or(0);
    let mut lines = Vec::new();
    for finding in findings {
        let style = if finding.system { Style::Faint } else { Style::Changed };
        let head = format!("{}  {}", pad(&finding.subject, subject), pad(finding.kind.says(), says));
        let blank = " ".repeat(subject + 2 + says);
        for (index, seen) in finding.seen.iter().enumerate() {
            let head = if index == 0 { Styled::of(style, &head) } else { blank.as_str().into() };
            lines.push(head.text(format!("  {seen}")));
        }
    }
    let system = findings.iter().filter(|finding| finding.system).count();
    let ours = findings.len() - system;
    let tail = match system {
        0 => String::new(),
        _ => format!(" {system} more among system accounts, which packages number as they come."),
    };
    lines.push(format!("{} on {}.{tail}", count(ours, "finding"), count(hosts, "host")).into());
    lines
}
