//! Findings of an audit as a table.

use super::fold::{Extent, Fate, Rest, exchanged, fates};
use super::plan::count;
use super::styled::Styled;
use super::styles::Style;
use control::sync::audit::Finding;
use words::text::width::{pad, width};

/// One line a finding and place, columns aligned, and the count last. Many of one kind at the same places are folded.
pub fn findings(findings: &[Finding], hosts: usize, extent: Extent) -> Vec<Styled> {
    let shapes: Vec<_> = findings.iter().map(|finding| Some(shape(finding))).collect();
    let fates = fates(&shapes, extent);
    let shown = || findings.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Shown).map(|(finding, _)| finding);
    let subject = shown().map(|finding| width(&finding.subject)).max().unwrap_or(0);
    let says = shown().map(|finding| width(finding.kind.says())).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (finding, fate) in findings.iter().zip(&fates) {
        if let Fate::Folded(rest) = fate {
            lines.push(folded(rest, finding, &findings[rest.last]));
        }
        if *fate != Fate::Shown {
            continue;
        }
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

/// Kind and name of whom it is about: `user gildong`.
fn parts(finding: &Finding) -> (&str, &str) {
    finding.subject.split_once(' ').unwrap_or(("", &finding.subject))
}

/// In what a finding is like others: all but the name, ids and lines.
fn shape(finding: &Finding) -> String {
    let (kind, name) = parts(finding);
    let is_own = |word: &str| word == name || word.bytes().all(|byte| byte.is_ascii_digit());
    let seen: String = finding.seen.iter().map(|seen| exchanged(seen, is_own) + "\n").collect();
    format!("{kind} {} {} {seen}", finding.system, finding.kind.says())
}

fn folded(rest: &Rest, first: &Finding, last: &Finding) -> Styled {
    let (kind, name) = parts(first);
    let style = if first.system { Style::Faint } else { Style::Changed };
    Styled::of(style, rest.says(kind, name, parts(last).1)).text(format!("  {}", first.kind.says()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::styled::joined;
    use control::sync::audit::FindingKind;

    #[test]
    fn many_strangers_are_folded() {
        let finding = |kind, name: &str, seen: String| Finding {
            kind,
            subject: format!("user {name}"),
            system: false,
            seen: vec![seen],
        };
        let stranger = |n: usize| {
            let seen = format!("login1: /etc/passwd:{}: uid {}", n + 30, n + 1000);
            finding(FindingKind::NotInRoster, &format!("student{n:03}"), seen)
        };
        let mut all: Vec<_> = (0..200).map(stranger).collect();
        all.push(finding(FindingKind::NotInRoster, "mallory", "login2: /etc/passwd:30: uid 1000".into()));
        let lines = joined(&findings(&all, 2, Extent::Folded));
        let more = "180 more users like these: student020…student199 (--all shows them)  is not in the roster\n";
        assert!(lines.contains(more) && lines.contains("user mallory "), "{lines}");
        assert!(lines.ends_with("201 findings on 2 hosts."), "{lines}");
        assert!(joined(&findings(&all, 2, Extent::Whole)).contains("user student150 "));
    }
}
