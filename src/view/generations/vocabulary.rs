//! What a roster is compiled to and what a plan may hold are one vocabulary.

use super::*;
use control::plan::guard::{self, Case};
use control::plan::vocabulary::{CALLS, misfit};
use control::plan::{FORMAT, HostPlan, RosterMark, Step};
use control::roster::guards::Settings;
use control::sync::compile::{batches, lock};
use proptest::prelude::*;
use std::collections::BTreeSet;
use words::value::{Map, Value};

const KEYS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g a@b",
    "no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA c@d",
];

/// The fields of one person, each there or not.
fn person() -> impl Strategy<Value = Vec<String>> {
    let all = vec![
        "groups: [g1]".to_owned(),
        "only_groups: yes".into(),
        "shell: /bin/bash".into(),
        "comment: '홍길동, room 5'".into(),
        format!("keys: ['{}', {{key: '{}', state: absent}}]", KEYS[0], KEYS[1]),
        "locked: yes".into(),
        "jobs: cancel after 2h".into(),
        "expires: 1900-01-01".into(),
    ];
    proptest::sample::subsequence(all, 0..=8)
}

/// A roster with everything that a roster can say, or parts of it.
fn rosters() -> impl Strategy<Value = String> {
    let people = proptest::collection::vec((person(), any::<bool>()), 1..6);
    (people, any::<[bool; 6]>()).prop_map(|(people, has)| {
        let part = |index: usize, text: &str| if has[index] { text.to_owned() } else { String::new() };
        let mut text = "scheduler: master\ngroups:\n  g: {gid: 3000}\n  g1: {gid: 3001}\n  old: {gid: 3002, state: absent}\nusers:\n".to_owned();
        for (n, (fields, is_absent)) in people.iter().enumerate() {
            let fields: String = fields.iter().map(|field| format!(", {field}")).collect();
            let state = if *is_absent && n > 0 { ", state: absent" } else { "" };
            text += &format!("  u{n}: {{uid: {}, group: g{fields}{state}}}\n", 2000 + n);
        }
        text + "qos:\n  long: {description: a week, limits: {MaxWall: 7-0, Flags: [DenyOnLimit], UsageFactor: 0.5}}\n"
            + &part(0, "  old: {state: absent}\n")
            + "accounts:\n  p:\n    users:\n      u0:\n        limits: {MaxJobs: 5, GrpTRES: {cpu: 4, gres/gpu: 2}}\n"
            + &part(1, "        partitions: {gpu: {limits: {MaxJobs: 2}}, cpu: {state: absent}}\n")
            + &part(2, "    coordinators: [u0]\n")
            + "  q:\n    parent: p\n    description: 'it''s q'\n"
            + &part(3, "    users: {u0: {state: absent}}\n    coordinators: {u0: {state: absent}}\n")
            + &part(4, "    limits: {Fairshare: parent, QOS: +long, MaxJobs: -1}\n")
            + &part(5, "  r: {state: absent}\n")
    })
}

/// Every call that the roster is compiled to, as steps of a plan.
fn steps(roster: &str) -> Vec<Step> {
    let asked = batches(&read(roster), &host("master"));
    let steps = asked.into_iter().flat_map(|batch| {
        let (phase, module) = (batch.phase, batch.module.to_owned());
        batch.items.into_iter().map(move |args| Step { phase, module: module.clone(), args, changes: Vec::new() })
    });
    steps.collect()
}

fn refusals(steps: Vec<Step>) -> Vec<Diagnostic> {
    let host = HostPlan { host: "master".into(), observed: String::new(), steps, directory: None };
    let plan = Plan {
        format: FORMAT,
        enlist: String::new(),
        created: String::new(),
        site: String::new(),
        roster: RosterMark { file: "roster.yml".into(), digest: String::new(), users: 1 },
        inventory: Vec::new(),
        guards: Settings::default(),
        hosts: vec![host],
        at: None,
        left_out: Vec::new(),
    };
    let settings = Settings::default();
    let case = Case { plan: &plan, settings: &settings, people: 1, hosts: &[], now: 1.8e9, allowed: &[], roster: None };
    guard::refusals(&case)
}

/// What the modules know, which is much more than a roster can ask for.
fn other_arguments(step: &Step) -> Vec<&'static str> {
    let known = CALLS.iter().filter(|call| call.module == step.module && call.state == step.args["state"].to_string());
    let known: BTreeSet<_> = known.flat_map(|call| call.arguments).map(|argument| argument.name).collect();
    let spec = host::modules::find(&step.module).unwrap().spec();
    spec.params.iter().map(|param| param.name).filter(|name| !known.contains(name) && *name != "state").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_call_of_a_roster_passes_the_guards_and_no_other_argument_does(roster in rosters()) {
        let steps = steps(&roster);
        let found = refusals(steps.clone());
        prop_assert!(found.is_empty(), "{roster}\n{}", all(&found));
        for step in steps {
            for name in other_arguments(&step).into_iter().chain(["no_such_argument"]) {
                for value in [Value::from("/root/.ssh/authorized_keys"), true.into(), 0.into(), Value::Null] {
                    let mut edited = step.clone();
                    edited.args.insert(name.into(), value);
                    prop_assert!(misfit(&edited).is_some(), "{name}: {edited:?}");
                }
            }
            for phase in control::plan::Phase::ALL {
                let elsewhere = Step { phase, ..step.clone() };
                prop_assert_eq!(misfit(&elsewhere).is_none(), phase == step.phase);
            }
        }
    }
}

#[test]
fn every_call_of_the_table_is_one_that_a_roster_can_be_compiled_to() {
    let full = "scheduler: master\ngroups: {g: {gid: 3000}, old: {gid: 3002, state: absent}}\nusers:\n\
                \x20 u0: {uid: 2000, group: g, locked: no, default_account: p, sudo: ALL=(ALL) ALL, keys: [KEY0, {key: KEY1, state: absent}]}\n\
                \x20 u1: {uid: 2001, group: g, state: absent}\n\
                \x20 u2: {uid: 2002, group: g, sudo: none}\nleavers: {jobs: run}\nqos: {long: {}, old: {state: absent}}\naccounts:\n\
                \x20 p: {users: {u0: {partitions: {gpu: {}, cpu: {state: absent}}}}, coordinators: [u0]}\n\
                \x20 q: {users: {u0: {state: absent}}, coordinators: {u0: {state: absent}}}\n  r: {state: absent}\n";
    let full = full.replace("KEY0", &format!("'{}'", KEYS[0])).replace("KEY1", &format!("'{}'", KEYS[1]));
    let lock = Step { phase: CALLS[2].phase, module: "user".into(), args: lock("u1"), changes: Vec::new() };
    let steps = [steps(&full), vec![lock]].concat();
    let shape = |args: &Map| args.keys().cloned().collect::<Vec<_>>();
    for call in CALLS {
        let names =
            |argument: &&control::plan::vocabulary::Argument| argument.required.then(|| argument.name.to_owned());
        let least: Vec<_> = call.arguments.iter().filter_map(|argument| names(&argument)).collect();
        let is_one = |step: &&Step| {
            step.module == call.module
                && step.phase == call.phase
                && least.iter().all(|name| step.args.contains_key(name))
                && shape(&step.args).iter().all(|n| n == "state" || call.arguments.iter().any(|a| a.name == n))
        };
        assert!(steps.iter().any(|step| is_one(&step)), "{call:?}");
    }
    assert!(refusals(steps).is_empty());
}
