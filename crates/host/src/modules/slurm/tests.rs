//! The modules against a `sacctmgr` that answers from a table and notes what it is told. Against the built-in service and
//! real Slurm: `tests/it/slurm_modules.rs`.

use super::account::SlurmAccount;
use super::association::SlurmAssociation;
use super::coordinator::SlurmCoordinator;
use super::jobs::SlurmJobs;
use super::qos::SlurmQos;
use super::user::SlurmUser;
use crate::change::FieldDiff;
use crate::change::outcome::ItemResult;
use crate::engine::AnyModule;
use crate::system::fake::{Effect, Fake};
use crate::system::predicted::Predicted;
use crate::system::{ProgramOutput, System};
use words::value::Value;

/// A list and one of its rows: `COLUMN=VALUE`, split at blanks. What a row does not have is an empty field.
type Listed = (&'static str, &'static str);

const NOTHING: &[Listed] = &[("cluster", "Cluster=ref")];

/// A host whose `sacctmgr show LIST … format=…` prints the rows of that list, and whose other commands do nothing.
fn host(rows: &'static [Listed]) -> Fake {
    Fake::new().answer_with(move |command| {
        let argv: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let mut stdout = String::new();
        let is_squeue = argv.iter().any(|word| word == "squeue");
        if let Some((_, why)) = rows.iter().find(|(list, _)| is_squeue && *list == "squeue") {
            return Some(ProgramOutput { code: 1, stdout: Vec::new(), stderr: (*why).into() });
        }
        if is_squeue {
            stdout = rows.iter().filter(|(list, _)| *list == "jobs").map(|(_, row)| format!("{row}\n")).collect();
        } else if argv[0] == "sacctmgr" && argv[3] == "show" {
            let columns: Vec<_> = argv.last().unwrap().strip_prefix("format=").unwrap().split(',').collect();
            for (_, row) in NOTHING.iter().chain(rows).filter(|(list, _)| *list == argv[4]) {
                let cells: Vec<_> = row.split(' ').map(|cell| cell.split_once('=').unwrap()).collect();
                let of = |column: &&str| cells.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value);
                stdout += &columns.iter().map(of).collect::<Vec<_>>().join("|");
                stdout.push('\n');
            }
        }
        Some(ProgramOutput { stdout: stdout.into(), ..ProgramOutput::default() })
    })
}

fn run_all(module: &dyn AnyModule, items: &[&str], system: &mut dyn System) -> Vec<ItemResult> {
    let items: Vec<_> = items
        .iter()
        .map(|args| {
            let Ok(Value::Map(map)) = Value::from_json(args) else { panic!("{args}") };
            map
        })
        .collect();
    module.run(&items, system)
}

/// What one item would change: predicted, since this `sacctmgr` never really does anything.
fn run(module: &dyn AnyModule, args: &str, rows: &'static [Listed]) -> (ItemResult, Vec<String>) {
    let mut system = Predicted::new(host(rows));
    let result = run_all(module, &[args], &mut system).remove(0);
    assert_eq!(system.inner().effects(), [], "a prediction touches nothing");
    (result, told(&system))
}

/// The commands that a dry run could not run, without `sacctmgr -i`.
fn told(system: &Predicted<Fake>) -> Vec<String> {
    let words = |command: &crate::system::Command| {
        command.argv[2..].iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    };
    system.not_run().iter().map(words).collect()
}

const PROJECT: &str = r#"{"name": "ai_project", "description": "AI Team", "organization": "Research_Dept",
    "limits": {"MaxJobs": "10", "GrpCPURunMins": 10000}}"#;

#[test]
fn a_new_account_gets_its_limits_after_it_is_added() {
    let (result, told) = run(&SlurmAccount, PROJECT, &[]);
    assert!(result.changed);
    assert_eq!(
        told,
        [
            "add account name=ai_project Description=AI Team Organization=Research_Dept",
            "modify account where name=ai_project set MaxJobs=10 GrpCPURunMins=10000",
        ]
    );
    assert_eq!(result.changes[0].fields.len(), 4, "{:?}", result.changes);
}

#[test]
fn an_account_as_it_shall_be_is_left_alone() {
    let rows: &[Listed] = &[
        ("account", "Account=ai_project Organization=research_dept Description=ai\u{a0}team"),
        ("association", "Cluster=ref Account=ai_project User=gildong MaxJobs=1 GrpTRESRunMins=cpu=1"),
        ("association", "Cluster=ref Account=ai_project ParentName=root MaxJobs=10 GrpTRESRunMins=cpu=10000,node=1"),
    ];
    let same = PROJECT.replace("AI Team", "AI\u{a0}Team");
    let (result, told) = run(&SlurmAccount, &same, rows);
    assert_eq!((result.changed, told), (false, vec![]));
}

#[test]
fn only_what_differs_is_written() {
    let rows: &[Listed] = &[
        ("account", "Account=ai_project Organization=research_dept Description=other"),
        ("association", "Cluster=ref Account=ai_project ParentName=root MaxJobs=11 GrpTRESRunMins=cpu=10000"),
    ];
    let (_, told) = run(&SlurmAccount, PROJECT, rows);
    let modify = "modify account where name=ai_project set";
    assert_eq!(told, [format!("{modify} Description=AI Team"), format!("{modify} MaxJobs=10")]);
}

const MEMBER: &[Listed] = &[
    ("user", "User=gildong DefaultAccount=p AdminLevel=None"),
    ("association", "Cluster=ref Account=p User=gildong Fairshare=1 QOS=normal GrpTRES=cpu=1,gres/gpu=2"),
];

#[test]
fn a_member_with_a_limit() {
    let wanted = r#"{"name": "gildong", "account": "p", "limits": {"GrpTRES": {"gres/gpu": 2}}}"#;
    let (result, told) = run(&SlurmUser, wanted, &[]);
    assert_eq!(result.changes[0].address.to_string(), "association p/gildong");
    let set = "modify user where name=gildong account=p partition= set GrpTRES=gres/gpu=2";
    assert_eq!(told, ["add user name=gildong account=p", set]);
    assert!(!run(&SlurmUser, wanted, MEMBER).0.changed);
}

#[test]
fn clearing_says_what_slurm_needs_to_hear() {
    let clear = r#"{"account": "p", "user": "gildong", "limits": {"GrpTRES": "unset", "QOS": -1, "MaxJobs": null}}"#;
    let (result, told) = run(&SlurmAssociation, clear, MEMBER);
    assert_eq!(told, ["modify user where name=gildong account=p partition= set GrpTRES=cpu=-1,gres/gpu=-1 QOS="]);
    assert_eq!(result.changes[0].fields.len(), 2);
}

#[test]
fn leaving_one_account_or_all() {
    let leave = |args: &str| run(&SlurmUser, args, MEMBER).1;
    assert_eq!(
        leave(r#"{"name": "gildong", "account": "p", "state": "absent"}"#),
        ["delete user where name=gildong account=p"]
    );
    assert_eq!(leave(r#"{"name": "gildong", "state": "absent"}"#), ["delete user where name=gildong"]);
    assert_eq!(leave(r#"{"name": "dooly", "state": "absent"}"#), Vec::<String>::new());
}

#[test]
fn the_default_account_is_moved_before_it_is_left() {
    const TWO: &[Listed] = &[
        ("user", "User=gildong DefaultAccount=p AdminLevel=None"),
        ("association", "Cluster=ref Account=p User=gildong"),
        ("association", "Cluster=ref Account=q User=gildong"),
    ];
    let (refused, told) = run(&SlurmUser, r#"{"name": "gildong", "account": "p", "state": "absent"}"#, TWO);
    assert_eq!(refused.outcome.unwrap_err().msg, "p is the default account of gildong, who is also in q");
    assert_eq!(told, Vec::<String>::new());
    let moved = r#"{"name": "gildong", "account": "p", "state": "absent", "default_account": "q"}"#;
    assert_eq!(
        run(&SlurmUser, moved, TWO).1,
        ["modify user where name=gildong set DefaultAccount=q", "delete user where name=gildong account=p"]
    );
    assert!(!run(&SlurmUser, r#"{"name": "gildong", "default_account": "p"}"#, TWO).0.changed);
}

#[test]
fn two_hundred_users_are_few_commands() {
    let items: Vec<_> = (0..200)
        .map(|n| format!(r#"{{"name": "u{n}", "account": "p", "limits": {{"MaxJobs": {}}}}}"#, 1 + n % 2))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let mut system = Predicted::new(host(&[]));
    assert!(run_all(&SlurmUser, &items, &mut system).iter().all(|result| result.changed));
    assert_eq!(told(&system).len(), 3, "one to add all, one for each limit");
    assert!(run_all(&SlurmUser, &items, &mut system).iter().all(|result| !result.changed), "the dry run remembers");
}

#[test]
fn qos_and_coordinators() {
    let rows: &[Listed] = &[
        ("qos", "Name=high Description=high Priority=0 Flags=DenyOnLimit UsageFactor=1.000000 GraceTime=00:01:00"),
        ("account", "Account=p Coord=gildong"),
    ];
    let same = r#"{"name": "high", "flags": ["denyonlimit"], "grace_time": 60, "usage_factor": 1, "priority": 0}"#;
    assert!(!run(&SlurmQos, same, rows).0.changed);
    let other =
        r#"{"name": "high", "flags": "+NoDecay", "limits": {"MaxTRESPU": {"gres/gpu": 4}}, "description": "x"}"#;
    let set = "modify qos where name=high set Description=x MaxTRESPerUser=gres/gpu=4 Flags=+NoDecay";
    assert_eq!(run(&SlurmQos, other, rows).1, [set]);
    assert_eq!(run(&SlurmQos, r#"{"name": "low", "state": "absent"}"#, rows).1, Vec::<String>::new());
    let both = r#"{"account": "p", "user": ["gildong", "dooly"]}"#;
    assert_eq!(run(&SlurmCoordinator, both, rows).1, ["add coordinator names=dooly account=p"]);
    let gone = r#"{"account": ["p", "q"], "user": "gildong", "state": "absent"}"#;
    assert_eq!(run(&SlurmCoordinator, gone, rows).1, ["delete coordinator names=gildong account=p"]);
}

#[test]
fn words_that_are_not_words_are_refused() {
    for name in ["a b", "a;b", "-x", "+x", "a=b", "a,b", "", "a'b", "a\\\"b", "u[1-9]", "a|b"] {
        let args = format!(r#"{{"name": "{name}", "account": "p"}}"#);
        let (result, told) = run(&SlurmUser, &args, &[]);
        assert!(result.outcome.is_err(), "{name}");
        assert_eq!(told, Vec::<String>::new());
    }
    let text = r#"{"name": "a", "description": "it's"}"#;
    assert!(run(&SlurmAccount, text, &[]).0.outcome.is_err());
}

#[test]
fn a_command_that_does_nothing_is_noticed() {
    let mut system = host(&[]);
    let result = run_all(&SlurmUser, &[r#"{"name": "gildong", "account": "p"}"#], &mut system).remove(0);
    let failure = result.outcome.unwrap_err();
    assert_eq!(
        failure.msg,
        "sacctmgr reported no error, and its listing is not as it shall be: association p/gildong ()"
    );
    assert!(matches!(system.effects(), [Effect::Run(_)]));
}

#[test]
fn a_service_that_is_down_is_an_error() {
    let down = ProgramOutput { code: 1, stderr: b"sacctmgr: error: no answer\n".to_vec(), ..ProgramOutput::default() };
    let mut system = Fake::new().program(["sacctmgr"], down);
    let failure = run_all(&SlurmAccount, &[PROJECT], &mut system).remove(0).outcome.unwrap_err();
    assert_eq!(failure.msg, "sacctmgr failed: sacctmgr: error: no answer");
}

const LEAVER: &[Listed] = &[
    ("user", "User=dooly DefaultAccount=p AdminLevel=None"),
    ("association", "Cluster=ref Account=p User=dooly Fairshare=1 MaxSubmitJobs=50"),
    ("association", "Cluster=ref Account=q User=dooly Fairshare=1 MaxSubmitJobs=0"),
    ("jobs", "2002|7|RUNNING|0:10|UNLIMITED"),
    ("jobs", "2002|8|RUNNING|5:00|1:00"),
    ("jobs", "2002|9|PENDING|0:00|5:00"),
    ("jobs", "2002|9|PENDING|0:00|5:00"),
    ("jobs", "2001|10|RUNNING|0:10|5:00"),
    ("jobs", "2002|6|COMPLETING|0:10|0:00"),
];

/// All commands that a dry run could not run.
fn leaves(jobs: &str, rows: &'static [Listed]) -> (ItemResult, Vec<String>) {
    let mut system = Predicted::new(host(rows));
    let args = format!(r#"{{"name": "dooly", "uid": 2002, "state": "stopped", "jobs": "{jobs}"}}"#);
    let result = run_all(&SlurmJobs, &[&args], &mut system).remove(0);
    let words = |command: &crate::system::Command| {
        command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    };
    let told = system.not_run().iter().map(words).collect();
    (result, told)
}

#[test]
fn who_leaves_submits_nothing_and_loses_jobs_as_the_site_says() {
    let stop = "sacctmgr -i modify user where name=dooly set MaxSubmitJobs=0";
    let (result, told) = leaves("cancel", LEAVER);
    assert_eq!(told, [stop, "scancel -u 2002"]);
    let names: Vec<_> = result.changes[0].fields.iter().map(FieldDiff::name).collect();
    assert_eq!(names, ["submission", "waiting", "running"], "{:?}", result.changes);
    assert_eq!(result.outcome.unwrap().values["run_on"], 0.into());

    let (result, told) = leaves("run", LEAVER);
    assert_eq!(told, [stop, "scancel -u 2002 -t PENDING"]);
    assert_eq!(result.outcome.unwrap().values["run_on"], 2.into());

    let (_, told) = leaves("cancel after 2h", LEAVER);
    let limit = "scontrol update JobId=7 TimeLimit=121 Requeue=0";
    assert_eq!(told, [stop, "scancel -u 2002 -t PENDING", limit], "what ends sooner anyway is left alone");
}

#[test]
fn a_leaver_without_anything_is_left_alone() {
    let rows: &[Listed] = &[
        ("association", "Cluster=ref Account=q User=dooly Fairshare=1 MaxSubmitJobs=0"),
        ("jobs", "2002|8|RUNNING|5:00|2:00:30"),
    ];
    let (result, told) = leaves("cancel after 2h", rows);
    assert_eq!((result.changed, told), (false, vec![]), "a limit of whole minutes is as good");
    let (result, told) = leaves("cancel", &[]);
    assert_eq!((result.changed, told), (false, vec![]));
}

#[test]
fn jobs_of_which_nobody_can_tell_are_not_called_none() {
    let rows: &[Listed] = &[
        ("association", "Cluster=ref Account=p User=dooly Fairshare=1 MaxSubmitJobs=0"),
        ("squeue", "Unable to contact slurm controller"),
    ];
    let (result, _) = leaves("cancel", rows);
    let outcome = result.outcome.unwrap();
    assert_eq!(outcome.values.get("run_on"), None);
    let why = "it is not known which jobs dooly has, so none were ended: Unable to contact slurm controller";
    assert_eq!(outcome.warnings, [why]);
    let rows: &[Listed] =
        &[("squeue", "squeue: error: this service schedules no jobs: its configuration has no NodeName line")];
    assert!(leaves("cancel", rows).0.outcome.unwrap().warnings.is_empty());
}

#[test]
fn who_comes_back_may_submit_again_but_where_the_roster_allows_nothing() {
    let rows: &[Listed] = &[
        ("association", "Cluster=ref Account=p User=dooly Fairshare=1 MaxSubmitJobs=0"),
        ("association", "Cluster=ref Account=q User=dooly Fairshare=1 MaxSubmitJobs=0"),
        ("association", "Cluster=ref Account=r User=dooly Fairshare=1 MaxSubmitJobs=5"),
    ];
    let args = r#"{"name": "dooly", "uid": 2002, "state": "open", "keep": ["q"]}"#;
    let (_, told) = run(&SlurmJobs, args, rows);
    assert_eq!(told, ["modify user where name=dooly account=p partition= set MaxSubmitJobs=-1"]);
    // A limit of one partition keeps that partition, and not the account as a whole.
    let rows: &[Listed] = &[
        ("association", "Cluster=ref Account=p User=dooly Fairshare=1 MaxSubmitJobs=0"),
        ("association", "Cluster=ref Account=p User=dooly Partition=gpu Fairshare=1 MaxSubmitJobs=0"),
        ("association", "Cluster=ref Account=p User=dooly Partition=big Fairshare=1 MaxSubmitJobs=0"),
    ];
    let (_, told) = run(&SlurmJobs, r#"{"name": "dooly", "uid": 2002, "state": "open", "keep": ["p/gpu"]}"#, rows);
    let opened = ["partition=", "partition=big"]
        .map(|place| format!("modify user where name=dooly account=p {place} set MaxSubmitJobs=-1"));
    assert_eq!(told.into_iter().collect::<std::collections::BTreeSet<_>>(), opened.into());
}

/// A job that comes in between the look and the stop is in no order, and is ended all the same.
#[test]
fn a_job_that_was_submitted_before_the_stop_is_ended_too() {
    use std::sync::atomic::{AtomicU8, Ordering};
    // 0: nothing runs; 1: the stop is written, and a job came in before; 2: it is cancelled.
    let stage = AtomicU8::new(0);
    let mut system = Fake::new().answer_with(move |command| {
        let argv: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = argv.join(" ");
        let now = stage.load(Ordering::SeqCst);
        if line.contains("modify user") {
            stage.store(1, Ordering::SeqCst);
        } else if line.starts_with("scancel") {
            stage.store(2, Ordering::SeqCst);
        }
        let stdout = match () {
            () if line.contains("squeue") && now == 1 => "2002|7|RUNNING|0:10|UNLIMITED\n",
            () if line.contains("show cluster") => "ref\n",
            () if line.contains("show association") && now == 0 => return Some(row(&argv, "")),
            () if line.contains("show association") => return Some(row(&argv, "0")),
            () => "",
        };
        Some(ProgramOutput { stdout: stdout.into(), ..ProgramOutput::default() })
    });
    let args = r#"{"name": "dooly", "uid": 2002, "state": "stopped", "jobs": "cancel"}"#;
    run_all(&SlurmJobs, &[args], &mut system).remove(0).outcome.unwrap();
    let cancels = |effect: &&Effect| format!("{effect:?}").contains("scancel");
    assert_eq!(system.effects().iter().filter(cancels).count(), 1, "{:?}", system.effects());
}

/// Dooly's association with this MaxSubmitJobs, in the columns that are asked for.
fn row(argv: &[String], most: &str) -> ProgramOutput {
    let columns = argv.last().unwrap().strip_prefix("format=").unwrap().split(',');
    let cell = |column: &str| match column {
        "Cluster" => "ref".to_owned(),
        "Account" => "p".to_owned(),
        "User" => "dooly".to_owned(),
        "MaxSubmitJobs" => most.to_owned(),
        _ => String::new(),
    };
    let line = columns.map(cell).collect::<Vec<_>>().join("|") + "\n";
    ProgramOutput { stdout: line.into(), ..ProgramOutput::default() }
}

#[test]
fn jobs_of_a_number_that_is_somebody_elses_are_not_ended() {
    let mut system = Predicted::new(host(LEAVER).file("/etc/passwd", "kim:x:2002:100::/:/bin/sh\n"));
    let args = r#"{"name": "dooly", "uid": 2002, "state": "stopped", "jobs": "cancel"}"#;
    let failure = run_all(&SlurmJobs, &[args], &mut system).remove(0).outcome.unwrap_err();
    assert_eq!(failure.msg, "the number 2002 is kim's here, not dooly's");
    assert!(system.not_run().is_empty(), "{:?}", system.not_run());
}
