//! Each guard against a plan that it refuses.

use super::*;
use crate::plan::Phase;
use crate::plan::tests::{plan, step};
use crate::plan::vocabulary as calls;
use host::change::Change;
use words::value::Map;

/// The plan's refusals by these settings, for hosts that were seen so.
fn judged(plan: &Plan, settings: &Settings, hosts: &[Seen]) -> Vec<Diagnostic> {
    refusals(&Case { plan, settings, people: plan.roster.users, hosts, now: 1.8e9, allowed: &[], roster: None })
}

#[track_caller]
fn says(guard: &str, message: &str, found: &[Diagnostic]) {
    let is_his = |problem: &&Diagnostic| problem.notes[0].starts_with(&format!("the guard `{guard}`"));
    assert!(found.iter().filter(is_his).any(|problem| problem.message == message), "{found:?}");
}

#[track_caller]
fn refused(guard: &str, message: &str, plan: &Plan) {
    says(guard, message, &judged(plan, &Settings::default(), &[]));
}

fn user_args(name: &str) -> Map {
    calls::USER.with([("name", name.into()), ("uid", 2001.into()), ("group", "ai".into())])
}

fn of_user(change: Change) -> Step {
    Step { args: user_args(&change.address.name), ..step(vec![change]) }
}

fn gone(name: &str) -> Step {
    let args = calls::REMOVE_USER.with([("name", name.into())]);
    Step { phase: Phase::AccountRemovals, args, ..step(vec![Change::new(Action::Delete, "user", name)]) }
}

#[test]
fn an_ordinary_plan_passes() {
    let change = Change::new(Action::Create, "user", "gildong").field("uid", Value::Null, 2001);
    let plan = plan(vec![of_user(change), gone("a"), gone("b"), gone("c")]);
    assert_eq!(judged(&plan, &Settings::default(), &[]), []);
}

#[test]
fn removals_are_counted_and_capped_by_others_than_the_plan() {
    let mut plan = plan(["a", "b", "c", "d"].map(gone).to_vec());
    let message = "the plan removes 4, and 3 is the limit: user a, user b, user c, user d";
    refused("max-removals", message, &plan);
    plan.guards.max_removals = 999;
    refused("max-removals", message, &plan);
    assert_eq!(plan.guards.clone().no_looser().max_removals, 3);
    let raised = Settings { max_removals: 4, ..Settings::default() };
    assert_eq!(judged(&plan, &raised, &[]), []);
    plan.roster.users = 0;
    let message = "the plan removes 4 users, and roster.yml wants nobody";
    says("somebody-stays", message, &judged(&plan, &raised, &[]));
}

#[test]
fn removals_come_last() {
    let early = Step { phase: Phase::Accounts, ..gone("a") };
    refused("removals-last", "the plan removes something on login1 before the removals", &plan(vec![early]));
}

#[test]
fn names_and_numbers_are_protected() {
    let change = |kind: &str, name: &str| Change::new(Action::Update, kind, name);
    let shell = change("user", "slurm").field("shell", "/a", "/b");
    refused("protected-names", "the plan touches the protected user slurm", &plan(vec![of_user(shell)]));
    let group = calls::GROUP.with([("name", "ops".into()), ("gid", 3009.into())]);
    let made = step(vec![change("group", "ops").field("gid", Value::Null, 3009)]);
    let own = plan(vec![Step { module: "group".into(), args: group, ..made }]);
    assert_eq!(judged(&own, &Settings::default(), &[]), []);
    let strict = Settings { protected: vec!["ops".into()], ..Settings::default() };
    says("protected-names", "the plan touches the protected group ops", &judged(&own, &strict, &[]));
    for (argument, value) in
        [("group", Value::from("root")), ("groups", Value::from("ai, sudo")), ("group", Value::from(0))]
    {
        let mut member = of_user(change("user", "gildong"));
        member.args.insert(argument.into(), value.clone());
        let name = value.to_string().replace("ai, ", "");
        refused("protected-names", &format!("the plan touches the protected group {name}"), &plan(vec![member]));
    }
    let root = change("user", "gildong").field("uid", Value::Null, 0);
    let message = "the plan changes the uid of user gildong from or to 0 on login1";
    refused("uid-zero", message, &plan(vec![of_user(root)]));
    let other = change("group", "ai").field("gid", 1, 2);
    let message = "the plan changes the gid of group ai from 1 to 2 on login2";
    refused("same-number", message, &plan(vec![of_user(other)]));
}

/// What stands on login1 in these tests.
fn seen() -> Seen {
    let entries = |all: &[(&str, u32)]| all.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect();
    Seen {
        host: "login1".into(),
        users: entries(&[("root", 0), ("toor", 0), ("alice", 2001), ("ops", 1500)]),
        groups: entries(&[("sudo", 27), ("helpers", 27), ("ai", 3001)]),
        logins: vec![OwnLogin { login: "ops".into(), host: "login1".into() }],
    }
}

#[test]
fn a_group_of_the_systems_is_found_by_its_number_and_by_its_other_name() {
    for word in ["27", "helpers"] {
        let mut member = of_user(Change::new(Action::Update, "user", "alice"));
        member.args.insert("groups".into(), Value::List(vec![word.into()]));
        let message = format!("the plan touches `{word}`, which is the group sudo (27) on login1");
        says("protected-numbers", &message, &judged(&plan(vec![member]), &Settings::default(), &[seen()]));
    }
    let mut key = of_user(Change::new(Action::Update, "authorized_key", "/root/.ssh/authorized_keys"));
    (key.module, key.args) =
        ("authorized_key".into(), calls::ADD_KEY.with([("user", "toor".into()), ("key", "".into())]));
    let message = "the plan touches `toor`, which is the user root (0) on login1";
    says("protected-numbers", message, &judged(&plan(vec![key]), &Settings::default(), &[seen()]));
}

#[test]
fn the_login_of_enlist_stays() {
    let change = || Change::new(Action::Update, "user", "ops");
    let with = |argument: &str, value: Value| {
        let mut step = of_user(change());
        step.args.insert(argument.into(), value);
        step
    };
    let member = |groups: &[&str]| Value::List(groups.iter().map(|name| (*name).into()).collect());
    let demoted = change().field("groups", member(&["sudo", "ai"]), member(&["ai"]));
    for (does, step) in [
        ("removes", gone("ops")),
        ("locks", with("password_lock", true.into())),
        ("lets end", with("expires", 86400.0.into())),
        ("takes the shell from", with("shell", "/usr/sbin/nologin".into())),
        ("takes the group of administrators from", of_user(demoted)),
    ] {
        let message = format!("the plan {does} `ops`, as whom enlist logs in on login1");
        says("own-login", &message, &judged(&plan(vec![step]), &Settings::default(), &[seen()]));
    }
    let corp = Seen { host: "corp".into(), ..seen() };
    let mut in_directory = plan(vec![gone("ops")]);
    in_directory.hosts.truncate(1);
    in_directory.hosts[0].host = "corp".into();
    let message = "the plan removes `ops`, as whom enlist logs in on login1";
    says("own-login", message, &judged(&in_directory, &Settings::default(), &[corp]));
    let fine = [with("expires", (-1.0).into()), with("expires", 4e9.into()), with("shell", "/bin/sh".into())];
    for step in fine {
        assert_eq!(judged(&plan(vec![step]), &Settings::default(), &[seen()]), []);
    }
}

#[test]
fn a_plan_runs_only_what_rosters_are_compiled_to() {
    let update = || of_user(Change::new(Action::Update, "user", "alice"));
    let command = Step { module: "command".into(), ..update() };
    let message = "the plan has on login1 the module `command`, which has no such step in this phase";
    refused("known-steps", message, &plan(vec![command]));
    for (argument, value, why) in [
        ("skeleton", Value::from("/root"), "the argument `skeleton`, which no roster sets"),
        ("ssh_key_file", "/etc/x".into(), "the argument `ssh_key_file`, which no roster sets"),
        ("force", true.into(), "the argument `force`, which no roster sets"),
        ("home", "/etc".into(), "`home` as \"/etc\""),
        ("groups", "27".into(), "`groups` as \"27\""),
        ("groups", Value::List(vec!["27".into()]), "`groups` as [\"27\"]"),
        ("comment", "a:b".into(), "`comment` as \"a:b\""),
    ] {
        let mut step = update();
        step.args.insert(argument.into(), value);
        let message = format!("the plan has on login1 the module `user` with {why}");
        refused("known-steps", &message, &plan(vec![step]));
    }
    let mut bare = update();
    bare.args.shift_remove("uid");
    refused("known-steps", "the plan has on login1 the module `user` with no `uid`", &plan(vec![bare]));
}

#[test]
fn the_guide_lists_every_guard() {
    let guide = include_str!("../../../../../docs/plan-format.md");
    for guard in GUARDS {
        assert!(guide.contains(&format!("| {} | {} |", guard.name, guard.refuses)), "{}", guard.name);
    }
}

/// A step that names a person by number, of a plan that somebody wrote by hand.
fn by_number(module: &str, name: &str, uid: i64) -> Step {
    let args = [("name", name.into()), ("uid", uid.into())];
    let args = args.map(|(key, value): (&str, Value)| (key.to_owned(), value));
    Step { module: module.into(), args: args.into_iter().collect(), ..step(Vec::new()) }
}

#[test]
fn jobs_and_doors_count_as_touching_whose_number_it_is() {
    for module in ["doors", "slurm_jobs"] {
        refused(
            "protected-names",
            "the plan touches the protected user slurm",
            &plan(vec![by_number(module, "slurm", 2999)]),
        );
        refused("protected-names", "the plan touches the protected user 0", &plan(vec![by_number(module, "x", 0)]));
        let seen = Seen { host: "login1".into(), users: vec![("daemon".into(), 201)], ..Seen::default() };
        let message = "the plan touches `201`, which is the user daemon (201) on login1";
        says(
            "protected-numbers",
            message,
            &judged(&plan(vec![by_number(module, "x", 201)]), &Settings::default(), &[seen]),
        );
    }
}

#[test]
fn the_own_login_is_known_by_its_number() {
    let (login, users) = ("ops1".into(), vec![("ops1".into(), 1500)]);
    let logins = vec![OwnLogin { login, host: "login1".into() }];
    let seen = Seen { host: "login1".into(), users, logins, ..Seen::default() };
    let message = "the plan ends the sessions of `ops1`, as whom enlist logs in on login1";
    says("own-login", message, &judged(&plan(vec![by_number("doors", "other", 1500)]), &Settings::default(), &[seen]));
}

/// Whoever edits a plan cannot let it end processes of jobs past the scheduler.
#[test]
fn no_plan_ends_processes_of_jobs() {
    let mut doors = Step { phase: Phase::AccountRemovals, ..by_number("doors", "dooly", 2002) };
    doors.args.insert("state".into(), "shut".into());
    assert_eq!(judged(&plan(vec![doors.clone()]), &Settings::default(), &[]), []);
    doors.args.insert("with_jobs".into(), true.into());
    let message = "the plan has on login1 the module `doors` with the argument `with_jobs`, which no roster sets";
    refused("known-steps", message, &plan(vec![doors]));
}

fn locked(name: &str) -> Step {
    let args = calls::LOCK.with([("name", name.into()), ("password_lock", true.into()), ("expires", 86_400.0.into())]);
    Step { args, ..step(vec![Change::new(Action::Update, "user", name).field("locked", false, true)]) }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number:02}")).collect()
}

#[test]
fn people_who_are_kept_out_are_counted() {
    let of = |count| plan(names(count).iter().map(|name| locked(name)).collect());
    assert_eq!(judged(&of(10), &Settings::default(), &[]), []);
    let message =
        "the plan keeps 11 people out, and 10 is the limit: p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, …";
    refused("max-suspensions", message, &of(11));
    // Who is locked because he goes is counted among those who are removed.
    let both = plan(names(11).iter().map(|name| locked(name)).chain(names(11).iter().map(|name| gone(name))).collect());
    let found = judged(&both, &Settings { max_removals: 99, ..Settings::default() }, &[]);
    assert!(!found.iter().any(|problem| problem.notes[0].contains("max-suspensions")), "{found:?}");
}

#[test]
fn a_share_of_people_is_not_passed() {
    let mut plan = plan(vec![locked("a"), gone("b")]);
    plan.roster.users = 9;
    let by = |max_share| judged(&plan, &Settings { max_share, ..Settings::default() }, &[]);
    assert_eq!(by(20), []);
    let message = "the plan removes or keeps out 2 of 10 people, 20 of a hundred, and 19 is the limit";
    says("max-share", message, &by(19));
}

#[test]
fn somebody_is_left_to_administrate() {
    let settings = |min_admins| Settings { admins: vec!["a".into(), "b".into()], min_admins, ..Settings::default() };
    let plan = plan(vec![locked("a")]);
    assert_eq!(judged(&plan, &settings(1), &[]), []);
    says("min-admins", "1 of those who administrate would be let in, and 2 must be", &judged(&plan, &settings(2), &[]));
}

#[test]
fn guards_that_count_are_passed_by_name_and_no_others() {
    let plan = plan(["a", "b", "c", "root"].map(gone).to_vec());
    let settings = Settings { admins: vec!["a".into()], min_admins: 1, ..Settings::default() };
    let allowed: Vec<String> = GUARDS.iter().map(|guard| guard.name.to_owned()).collect();
    let case =
        Case { plan: &plan, settings: &settings, people: 1, hosts: &[], now: 1.8e9, allowed: &allowed, roster: None };
    let found = refusals(&case);
    let left: Vec<_> = found.iter().map(|problem| problem.notes[0].split('`').nth(1).unwrap()).collect();
    assert_eq!(left, ["min-admins", "protected-names"]);
    let passable: Vec<_> = passable().collect();
    let expected = ["max-removals", "max-suspensions", "max-share", "max-jobs", "somebody-stays", "nobody-vanished"];
    assert_eq!(passable, expected);
}

#[test]
fn a_roster_that_lost_people_is_refused() {
    let refused = |before, now, allowed: &[String]| refuse_vanished(before, now, &Settings::default(), allowed);
    assert!(refused(10, 7, &[]).is_none() && refused(0, 7, &[]).is_none());
    let message = refused(10, 6, &[]).unwrap().message;
    assert_eq!(message, "the roster names 6 people, and it named 10 when it was last carried out");
    assert!(refused(10, 6, &["nobody-vanished".into()]).is_none());
}
