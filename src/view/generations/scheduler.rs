//! What a roster asks of the scheduler.

use super::*;
use control::sync::compile::batches;
use host::modules::find;
use host::system::ProgramOutput;
use std::sync::atomic::{AtomicUsize, Ordering};
use words::value::Value;

const ROSTER: &str = "\
scheduler: master
groups: {g: {gid: 3000}}
users:
  ann: {uid: 2000, group: g}
qos:
  long: {description: a week, limits: {MaxWall: 7-0, Flags: [DenyOnLimit], UsageFactor: 0.5}}
  old: {state: absent}
accounts:
  p:
    users:
      ann: {limits: {MaxJobs: 5}, partitions: {gpu: {limits: {MaxJobs: 2}}, cpu: {state: absent}}}
    coordinators: [ann]
  q:
    users: {ann: {state: absent}}
    coordinators: {ann: {state: absent}}
";

#[test]
fn qos_coordinators_partitions_and_leaving_an_account() {
    let asked = batches(&read(ROSTER), &host("master"));
    let slurm = asked.iter().filter(|batch| batch.module.starts_with("slurm"));
    let lines: Vec<_> = slurm
        .flat_map(|batch| batch.items.iter().map(|item| (batch.module, Value::Map(item.clone()).to_json_line(false))))
        .map(|(module, item)| format!("{module} {item}\n"))
        .collect();
    expect![[r#"
        slurm_qos {"name": "long", "description": "a week", "limits": {"MaxWallDurationPerJob": "7-0", "Flags": "DenyOnLimit", "UsageFactor": "0.5"}, "state": "present"}
        slurm_account {"name": "p", "state": "present"}
        slurm_account {"name": "q", "state": "present"}
        slurm_user {"name": "ann", "account": "p", "limits": {"MaxJobs": "5"}, "state": "present"}
        slurm_association {"account": "p", "user": "ann", "partition": "gpu", "limits": {"MaxJobs": "2"}, "state": "present"}
        slurm_coordinator {"account": "p", "user": "ann", "state": "present"}
        slurm_coordinator {"account": "q", "user": "ann", "state": "absent"}
        slurm_association {"account": "p", "user": "ann", "partition": "cpu", "state": "absent"}
        slurm_user {"name": "ann", "account": "q", "state": "absent"}
        slurm_qos {"name": "old", "state": "absent"}
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn who_is_not_in_the_roster_manages_nothing() {
    let text = ROSTER.replace("coordinators: [ann]", "coordinators: [bob]").replace("MaxWall: 7-0", "Bogus: 1");
    let problems = load(&Source::new("roster.yml", &text)).unwrap_err();
    let said: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said, ["there is no limit `Bogus`"]);
    let text = ROSTER.replace("coordinators: [ann]", "coordinators: [bob]");
    let problems = load(&Source::new("roster.yml", &text)).unwrap_err();
    assert_eq!(problems[0].message, "there is no user `bob` in the roster");
}

#[test]
fn two_hundred_people_cost_few_calls() {
    let people = |each: fn(usize) -> String| (0..200).map(each).collect::<String>();
    let text = format!(
        "scheduler: master\ngroups: {{g: {{gid: 3000}}}}\nusers:\n{}accounts:\n  p:\n    users:\n{}",
        people(|n| format!("  u{n}: {{uid: {}, group: g, default_account: p}}\n", 2000 + n)),
        people(|n| format!("      u{n}: {{limits: {{GrpTRES: gres/gpu=2}}}}\n")),
    );
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let mut system = Predicted::new(Fake::new().answer_with(move |command| {
        counted.fetch_add(1, Ordering::Relaxed);
        let is_cluster = command.argv.iter().any(|word| word == "cluster");
        Some(ProgramOutput { stdout: if is_cluster { "ref\n".into() } else { Vec::new() }, ..ProgramOutput::default() })
    }));
    let mut changes = 0;
    for batch in batches(&read(&text), &host("master")).into_iter().filter(|batch| batch.module.starts_with("slurm")) {
        let module = find(batch.module).unwrap();

        let results = module.run(&batch.items, &mut system);
        changes += results.iter().filter(|result| result.changed).count();
    }
    assert_eq!(changes, 201, "the account and its members, whose default it becomes");
    assert_eq!(calls.load(Ordering::Relaxed), 10, "four lists for the account, three for each batch of users");
    assert_eq!(system.not_run().len(), 3, "add the account, add all, limit all");
}
