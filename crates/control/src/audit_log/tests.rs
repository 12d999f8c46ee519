//! What is written is read, and what was changed is found.

use super::*;
use std::path::PathBuf;

fn change(what: &str) -> LogEvent {
    let (host, what) = ("login1".to_owned(), what.to_owned());
    LogEvent::Change(Changed {
        host,
        what,
        action: "create".into(),
        fields: vec!["uid".into()],
        result: "done".into(),
        why: None,
    })
}

fn begin(people: usize) -> LogEvent {
    LogEvent::Begin(Begin {
        who: "kim".into(),
        roster: Some("roster.yml".into()),
        people: Some(people),
        ..Begin::default()
    })
}

/// A log of two runs in a directory of its own.
fn log() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    for people in [2, 3] {
        let mut log = AuditLog::open(&path).unwrap();
        for event in [begin(people), change("user kim"), change("user lee"), LogEvent::End { ok: true, changes: 2 }] {
            log.add(event).unwrap();
        }
    }
    (directory, path)
}

#[test]
fn what_was_written_is_a_whole_chain() {
    let (_directory, path) = log();
    let text = std::fs::read_to_string(&path).unwrap();
    let chain = read(&text);
    assert_eq!((chain.lines.len(), chain.faults), (8, Vec::new()));
    assert_eq!(chain.lines.iter().map(|logged| logged.run).collect::<Vec<_>>(), [1, 1, 1, 1, 5, 5, 5, 5]);
    assert_eq!(chain.head, Some(digest_of(text.lines().last().unwrap())));
    let log = AuditLog::open(&path).unwrap();
    assert_eq!((log.people_of("roster.yml"), log.people_of("other.yml")), (Some(3), None));
}

#[test]
fn a_run_that_was_refused_says_nothing_of_how_many_there_are() {
    let (_directory, path) = log();
    let run = |begin: LogEvent, ends: bool| {
        let mut log = AuditLog::open(&path).unwrap();
        log.add(begin).unwrap();
        let refused = LogEvent::Refused { why: "a guard".into() };
        log.add(if ends { LogEvent::End { ok: true, changes: 0 } } else { refused }).unwrap();
        drop(log);
        AuditLog::open(&path).unwrap().people_of("roster.yml")
    };
    assert_eq!(run(begin(1), false), Some(3));
    assert_eq!(run(begin(2), true), Some(3), "people who go one by one are missed, too");
    let LogEvent::Begin(passing) = begin(1) else { panic!("it begins") };
    let passing = Begin { allow: vec!["nobody-vanished".into()], ..passing };
    assert_eq!(run(LogEvent::Begin(passing), true), Some(1));
    // A letter that was cut in two hides nothing of what was written before.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"{\"why\":\"\xed\x99");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(AuditLog::open(&path).unwrap().people_of("roster.yml"), Some(1));
}

#[test]
fn every_edit_is_found() {
    let (_directory, path) = log();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let put = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    for at in 0..lines.len() - 1 {
        let mut changed = lines.clone();
        let edited = lines[at].replace("login1", "login2").replace("kim", "ham").replace("true", "false");
        assert_ne!(edited, lines[at]);
        changed[at] = &edited;
        let fault = read(&put(&changed)).faults.first().map(|fault| fault.line);
        assert_eq!(fault, Some(at as u64 + 2), "line {} was changed", at + 1);
        let without: Vec<&str> =
            lines.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, line)| *line).collect();
        assert!(!read(&put(&without)).faults.is_empty(), "line {} was taken out", at + 1);
        let twice = [&lines[..=at], &lines[at..]].concat();
        assert!(!read(&put(&twice)).faults.is_empty(), "line {} is there twice", at + 1);
    }
    std::fs::write(&path, put(&lines[1..])).unwrap();
    let refused = AuditLog::open(&path).unwrap_err();
    assert!(refused.message.contains("is broken: line 1: "), "{refused}");
}

/// A run that was killed within a write leaves part of a line, which nobody takes for more than that.
#[test]
fn a_torn_line_is_told_and_the_chain_goes_on() {
    let (_directory, path) = log();
    let text = std::fs::read_to_string(&path).unwrap();
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    for cut in ends[6] + 2..ends[7] {
        std::fs::write(&path, &text[..cut]).unwrap();
        AuditLog::open(&path).unwrap_or_else(|problem| panic!("{cut}: {problem}")).add(begin(4)).unwrap();
        let chain = read(&std::fs::read_to_string(&path).unwrap());
        let [fault] = chain.faults.as_slice() else { panic!("{cut}: {:?}", chain.faults) };
        assert!((fault.line, fault.is_torn) == (8, true), "{cut}: {fault}");
        assert_eq!(chain.lines.len(), 8, "{cut}");
    }
}

#[test]
fn two_runs_exclude_each_other_and_links_are_refused() {
    let (directory, path) = log();
    let held = AuditLog::open(&path).unwrap();
    let refused = AuditLog::open(&path).unwrap_err();
    assert!(refused.message.starts_with("another `enlist apply` is at work"), "{refused}");
    drop(held);
    AuditLog::open(&path).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(AuditLog::open(&link).unwrap_err().message.starts_with("cannot write the audit log"));
}
