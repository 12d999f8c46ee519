//! The benches with a few jobs and people, so that they work when somebody wants to measure.

use crate::support::enlist_path;
use std::path::Path;
use std::process::Command;

#[test]
fn jobs_are_made_imported_summed_up_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let out = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/accounting"))
        .args(["--jobs", "5000", "--days", "40", "--enlist", enlist_path(), "--directory"])
        .arg(directory.path())
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    // How fast it is does not matter here: an aim that a busy machine misses ends it with 1.
    assert!(said.contains("| import of 5000 jobs, 7000 records with their steps |"), "{said}{complained}");
    assert!(said.contains("| rollup of 960 hours |"), "{said}");
    for report in ["sreport -nP cluster utilization", "sreport -nP user top", "sshare -anP", "sacct -anP -S"] {
        let line = said.lines().find(|line| line.contains(report)).unwrap_or_else(|| panic!("{report}: {said}"));
        assert!(!line.contains(", 0 lines"), "{line}");
    }
    assert!(said.lines().last().is_some_and(|line| line.starts_with("| the store |")), "{said}");
}

#[test]
fn people_are_planned_applied_and_changed() {
    let directory = tempfile::tempdir().unwrap();
    let programs = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(enlist_path(), programs.path().join("enlist")).unwrap();
    std::os::unix::fs::symlink(crate::support::agent(), programs.path().join("enlist-agent")).unwrap();
    let out = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/people"))
        .args(["--people", "30", "--peers", "--enlist"])
        .arg(programs.path().join("enlist"))
        .env("ENLIST_LAB_DIR", directory.path().join("lab"))
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}{complained}");
    let rows = ["plan", "apply", "nothing to do", "audit", "plan for all who changed", "apply for all who changed"];
    for row in rows.iter().chain(&["useradd, first", "newusers, first"]) {
        assert!(said.contains(&format!("| 30 | {row} | ")), "{row}: {said}");
    }
}
