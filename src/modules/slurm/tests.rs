//! The modules against a `sacctmgr` that answers from a table and notes what it is told.

use super::account::SlurmAccount;
use super::user::SlurmUser;
use crate::modules::{Args, ItemResult, Module, engine};
use crate::system::fake::{Effect, Fake};
use crate::system::predicted::Predicted;
use crate::system::{Output, System};
use crate::value::Value;

/// A host whose `sacctmgr show …` prints `rows`, each for the list that its first word names.
fn host(rows: &'static [(&'static str, &'static str)]) -> Fake {
    Fake::new().answer_with(move |command| {
        let argv: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(argv[0], "sacctmgr");
        let found = argv.get(4).and_then(|list| rows.iter().find(|(name, _)| name == list));
        let stdout = if argv[3] == "show" { found.map_or("", |(_, rows)| rows) } else { "" };
        Some(Output { stdout: stdout.into(), ..Output::default() })
    })
}

fn run(module: &dyn Module, args: &str, system: &mut dyn System) -> ItemResult {
    let Ok(Value::Map(map)) = Value::from_json(args) else { panic!("{args}") };
    engine::run(module, &[Args::check(module.spec(), &map)], system).remove(0)
}

/// What was run, without `sacctmgr -i`.
fn told(system: &Fake) -> Vec<String> {
    let words = |argv: &[std::ffi::OsString]| {
        argv[2..].iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    };
    let runs = system.effects().iter().filter_map(|effect| match effect {
        Effect::Run(argv) => Some(words(argv)),
        _ => None,
    });
    runs.collect()
}

const PROJECT: &str = r#"{"name": "ai_project", "description": "AI_Team_Project", "organization": "Research_Dept",
    "limits": {"MaxJobs": "10", "GrpCPURunMins": "10000"}}"#;

#[test]
fn a_new_account_gets_its_limits_after_it_is_added() {
    let mut system = host(&[]);
    let result = run(&SlurmAccount, PROJECT, &mut system);
    assert!(result.changed);
    assert_eq!(
        told(&system),
        [
            "add account ai_project Description=AI_Team_Project Organization=Research_Dept",
            "modify account where name=ai_project set MaxJobs=10 GrpCPURunMins=10000",
        ]
    );
    let fields = &result.changes[0].fields;
    assert_eq!(fields.len(), 4, "{fields:?}");
}

#[test]
fn an_account_as_it_shall_be_is_left_alone() {
    let mut system = host(&[
        ("account", "ai_project|ai_team_project|research_dept\n"),
        ("association", "ai_project|gildong||1|cpu=1\nai_project||root|10|cpu=10000,node=1\n"),
    ]);
    let result = run(&SlurmAccount, PROJECT, &mut system);
    assert_eq!((result.changed, told(&system)), (false, vec![]));
}

#[test]
fn only_what_differs_is_written() {
    let mut system =
        host(&[("account", "ai_project|other|research_dept\n"), ("association", "ai_project||root|11|cpu=10000\n")]);
    run(&SlurmAccount, PROJECT, &mut system);
    let modify = "modify account where name=ai_project set";
    assert_eq!(told(&system), [format!("{modify} Description=AI_Team_Project"), format!("{modify} MaxJobs=10")]);
}

#[test]
fn a_member_with_a_limit() {
    let wanted = r#"{"name": "gildong", "account": "ai_project", "limits": {"GrpTRES": "gres/gpu=2"}}"#;
    let mut system = host(&[("association", "ai_project|gildong|gpu|gres/gpu=2\n")]);
    let result = run(&SlurmUser, wanted, &mut system);
    assert_eq!(result.changes[0].address.to_string(), "association ai_project/gildong");
    let set = "modify user where name=gildong account=ai_project set GrpTRES=gres/gpu=2";
    assert_eq!(told(&system), ["add user gildong Account=ai_project", set]);
    let mut system = host(&[("association", "ai_project|gildong||cpu=1,gres/gpu=2\n")]);
    assert!(!run(&SlurmUser, wanted, &mut system).changed);
}

#[test]
fn leaving_one_account_or_all() {
    let mut system = host(&[("association", "p|gildong|\n"), ("user", "gildong|p\n")]);
    run(&SlurmUser, r#"{"name": "gildong", "account": "p", "state": "absent"}"#, &mut system);
    run(&SlurmUser, r#"{"name": "gildong", "state": "absent"}"#, &mut system);
    run(&SlurmUser, r#"{"name": "dooly", "state": "absent"}"#, &mut system);
    assert_eq!(told(&system), ["delete user where name=gildong account=p", "delete user where name=gildong"]);
}

#[test]
fn a_default_account_is_moved() {
    let mut system = host(&[("user", "gildong|p\n")]);
    run(&SlurmUser, r#"{"name": "gildong", "default_account": "q"}"#, &mut system);
    run(&SlurmUser, r#"{"name": "gildong", "default_account": "p"}"#, &mut system);
    assert_eq!(told(&system), ["modify user where name=gildong set DefaultAccount=q"]);
}

#[test]
fn a_dry_run_writes_nothing_and_says_the_same() {
    let real = run(&SlurmAccount, PROJECT, &mut host(&[]));
    let mut predicted = Predicted::new(host(&[]));
    assert_eq!(run(&SlurmAccount, PROJECT, &mut predicted), real);
    assert_eq!(predicted.inner().effects(), []);
}

#[test]
fn words_that_are_not_words_are_refused() {
    for name in ["a b", "a;b", "-x", "a=b", ""] {
        let args = format!(r#"{{"name": "{name}", "account": "p"}}"#);
        let mut system = host(&[]);
        assert!(run(&SlurmUser, &args, &mut system).outcome.is_err(), "{name}");
        assert_eq!(told(&system), Vec::<String>::new());
    }
}

#[test]
fn a_service_that_is_down_is_an_error() {
    let down = Output { code: 1, stderr: b"sacctmgr: error: no answer\n".to_vec(), ..Output::default() };
    let mut system = Fake::new().program(["sacctmgr"], down);
    let failure = run(&SlurmAccount, PROJECT, &mut system).outcome.unwrap_err();
    assert_eq!(failure.msg, "sacctmgr failed: sacctmgr: error: no answer");
}
