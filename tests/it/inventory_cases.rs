//! `enlist inventory` on the cases of tests/cases/inventory, against what ansible-inventory said (see record.py there).

use crate::support::enlist_path;
use control::inventory;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use words::value::Value;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/inventory");
    let entries = fs::read_dir(root).expect("the cases are there").map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "cases are missing");
    cases
}

fn args(case: &Path) -> Vec<String> {
    let args = fs::read_to_string(case.join("args")).unwrap_or("-i hosts".into());
    args.split_whitespace().map(str::to_owned).collect()
}

/// Standard output of `enlist inventory` in the case's directory.
fn shown(case: &Path, args: &[String], action: &[&str]) -> String {
    let run = Command::new(enlist_path()).arg("inventory").args(args).args(action).current_dir(case).output().unwrap();
    assert!(run.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

fn json(text: &str) -> String {
    Value::from_json(text).unwrap().to_json_pretty(true, 2)
}

#[test]
fn lists_are_those_of_ansible_inventory() {
    for case in cases() {
        let expected = fs::read_to_string(case.join("list.json")).unwrap();
        assert_same(&json(&shown(&case, &args(&case), &["--list"])), &json(&expected), &case);
    }
}

#[test]
fn graphs_are_those_of_ansible_inventory() {
    for case in cases() {
        let mut args = args(&case);
        if let Some(at) = args.iter().position(|arg| arg == "-l") {
            args.drain(at..at + 2);
        }
        let expected = fs::read_to_string(case.join("graph.txt")).unwrap();
        assert_same(&shown(&case, &args, &["--graph", "--vars"]), &expected, &case);
    }
}

#[test]
fn patterns_match_the_hosts_that_ansible_matches() {
    for case in cases() {
        let Ok(recorded) = fs::read_to_string(case.join("patterns.json")) else { continue };
        let recorded = Value::from_json(&recorded).unwrap();
        let args = args(&case);
        let sources = args.windows(2).filter(|pair| pair[0] == "-i").map(|pair| {
            if pair[1].contains(',') { pair[1].clone() } else { case.join(&pair[1]).display().to_string() }
        });
        let inventory = inventory::load(&sources.collect::<Vec<_>>(), &[]).unwrap();
        for (pattern, expected) in recorded.as_map().unwrap() {
            let hosts = inventory.hosts_matching(std::slice::from_ref(pattern), &[]);
            let hosts = hosts.map_or(Value::Null, |s| s.hosts.into_iter().map(Value::from).collect::<Vec<_>>().into());
            assert_eq!(&hosts, expected, "{}: {pattern}", case.display());
        }
    }
}

fn assert_same(ours: &str, theirs: &str, case: &Path) {
    let diff = similar::TextDiff::from_lines(theirs, ours);
    assert!(ours == theirs, "{} differs:\n{}", case.display(), diff.unified_diff().header("ansible", "enlist"));
}
