//! Ours against the real `sshare`, over the trees of `tests/cases/fairshare` (recorded by `record.py` there).

use commands::sacctmgr::{World, run};
use serde::Deserialize;
use slurm::State;
use slurm::authority::Caller;
use slurm::fairshare::*;
use slurm::founding::found;
use slurm::model::Shares;
use std::collections::BTreeMap;
use words::people::{NOBODY, People};

#[derive(Deserialize)]
struct Case {
    method: String,
    setup: Vec<String>,
    #[serde(default)]
    jobs: Vec<String>,
    sshare: String,
}

struct Anyone;

impl World for Anyone {
    fn people(&self) -> &dyn People {
        &NOBODY
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

/// The tree that the same sacctmgr commands make here.
fn grown(case: &Case) -> State {
    let mut state = State::default();
    found(&mut state, "ref", &[], 1_700_000_000);
    for command in &case.setup {
        let words = ["-i", "-Q"].into_iter().chain(command.split(' ')).map(str::to_owned).collect::<Vec<_>>();
        let reply = run(&mut state, &Caller::root(), &Anyone, &words, &[]);
        assert_eq!((reply.code, reply.stderr.as_str()), (0, ""), "{command}");
        state.commit();
    }
    state
}

/// Account and user of each row of sshare, with its other columns.
fn rows(sshare: &str) -> BTreeMap<(String, String), Vec<String>> {
    let row = |line: &str| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        ((cells[0].clone(), cells[1].clone()), cells[2..].to_vec())
    };
    sshare.lines().skip(1).map(row).collect()
}

/// Usage is whole CPU seconds of jobs, faded for some seconds out of a week's half-life and then cut off for printing.
fn usage(state: &State, expected: &BTreeMap<(String, String), Vec<String>>) -> Usage {
    let used = |id| {
        let key = &state.association(id).unwrap().key;
        let shown: f64 = expected[&(key.account.clone(), key.user.clone())][2].parse().unwrap();
        if shown > 0.0 { shown + 1.0 } else { 0.0 }
    };
    state.associations().values().map(|row| (row.id, used(row.id))).collect()
}

fn check_number(name: &str, ours: Option<f64>, shown: &str, tolerance: f64) {
    match shown {
        "" => assert_eq!(ours, None, "{name}"),
        "inf" => assert_eq!(ours, Some(f64::INFINITY), "{name}"),
        _ => {
            let (ours, shown) = (ours.unwrap_or_else(|| panic!("{name} is missing")), shown.parse::<f64>().unwrap());
            assert!((ours - shown).abs() <= tolerance * shown.max(1.0), "{name}: {ours}, sshare shows {shown}");
        }
    }
}

fn compare(file: &str, text: &str) {
    let case: Case = serde_saphyr::from_str(text).unwrap();
    let (state, expected) = (grown(&case), rows(&case.sshare));
    let method = if case.method == "classic" { Method::Classic { dampening: 1 } } else { Method::FairTree };
    let tree = Tree::of(&state, "ref", &usage(&state, &expected)).unwrap();
    let shares = tree.shares(method);
    assert_eq!(shares.len(), expected.len(), "{file}: rows");
    let used = expected[&("root".into(), "".into())][2] != "0";
    assert_eq!(used, !case.jobs.is_empty(), "{file}: the jobs were charged");
    for share in &shares {
        compare_row(file, &state, &expected, share, method);
    }
}

fn compare_row(
    file: &str,
    state: &State,
    expected: &BTreeMap<(String, String), Vec<String>>,
    share: &Share,
    method: Method,
) {
    let key = &state.association(share.association).unwrap().key;
    let shown = &expected[&(key.account.clone(), key.user.clone())];
    let name = |column: &str| format!("{file}: {column} of {}/{}", key.account, key.user);
    let raw = match share.raw_shares {
        None => String::new(),
        Some(Shares::Parent) => "parent".to_owned(),
        Some(Shares::Of(shares)) => shares.to_string(),
    };
    assert_eq!(raw, shown[0], "{}", name("RawShares"));
    check_number(&name("NormShares"), Some(share.norm_shares), &shown[1], 1e-6);
    if !shown[3].is_empty() {
        check_number(&name("NormUsage"), Some(share.norm_usage), &shown[3], 1e-5);
    }
    check_number(&name("EffectvUsage"), Some(share.effective_usage), &shown[4], 1e-5);
    check_number(&name("FairShare"), share.fairshare, &shown[5], 2e-5);
    if method == Method::FairTree {
        check_number(&name("LevelFS"), share.level, &shown[6], 1e-5);
    }
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let file = concat!(stringify!($name), ".yml");
            compare(file, include_str!(concat!("../../../../tests/cases/fairshare/", stringify!($name), ".yml")));
        })*

        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    ties_without_usage,
    ties_by_name,
    ties_with_usage,
    parent_shares,
    nested_usage,
    empty_and_zero,
    classic_ties_with_usage,
    classic_parent_shares,
    classic_nested_usage,
    classic_empty_and_zero,
}

#[test]
fn every_case_is_compared() {
    let mut found = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/fairshare")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(case) = name.strip_suffix(".yml") {
            assert!(CASES.contains(&case), "{name} is not listed");
            found += 1;
        }
    }
    assert_eq!(found, CASES.len());
}

#[test]
fn a_charge_counts_for_everything_above() {
    let case = Case {
        method: "fair_tree".into(),
        setup: vec!["add account a".into(), "add user alice account=a".into()],
        jobs: vec![],
        sshare: String::new(),
    };
    let state = grown(&case);
    let alice = state.of_user("alice").next().unwrap().id;
    let mut usage = Usage::new();
    charge(&state, &mut usage, alice, 4.0);
    charge(&state, &mut usage, alice, 2.0);
    let root = state.root("ref").unwrap().id;
    assert_eq!((usage.len(), usage[&alice], usage[&root]), (3, 6.0, 6.0));
    assert_eq!(Tree::of(&state, "elsewhere", &usage), None);
}
