//! What is asked of hosts, of directories, and of hosts whose people come from one.

use super::compile::batches;
use super::*;
use crate::connection::LinkError;
use crate::connection::fake::FakeConnector;
use crate::plan::Plan;
use crate::plan::tests::plan as plan_of;
use crate::roster::{self, Roster};
use ::directory::ldap::LdapDirectory;
use words::diag::{ErrorKind, Source};

fn roster(server: &str) -> Roster {
    let text = format!(
        "hosts: own\ndirectories:\n  corp: {{server: '{server}', base: 'dc=x', ids: 2000-3999, hosts: client}}\n\
         groups:\n  ai: {{gid: 3001}}\nusers:\n  kim: {{uid: 2001, group: ai, state: absent}}\n  \
         lee: {{uid: 2002, group: ai, locked: yes}}\n"
    );
    roster::load(&Source::new("roster.yml", text)).unwrap()
}

fn host(name: &str, accounts: bool, resolves: Option<&str>) -> Host {
    let way = Err(Diagnostic::new(ErrorKind::Host, "nobody goes there"));
    Host { name: name.into(), way, accounts, scheduler: false, resolves: resolves.map(str::to_owned) }
}

fn corp(roster: &Roster) -> Host {
    let directory = LdapDirectory::new(roster.directories[0].settings.clone());
    Host { way: Ok(Way::Directory(Arc::new(directory))), ..host("corp", true, None) }
}

#[test]
fn sessions_end_where_people_are_and_accounts_go_where_they_are_kept() {
    let roster = roster("ldapi:///run/ldapi");
    let modules = |host: &Host| -> Vec<&str> { batches(&roster, host).iter().map(|batch| batch.module).collect() };
    assert_eq!(modules(&host("own", true, None)), ["group", "user", "doors", "sudo_rule", "user"]);
    assert_eq!(modules(&corp(&roster)), ["group", "user", "user"], "a directory has no sessions");
    assert_eq!(modules(&host("client", false, Some("corp"))), ["doors", "sudo_rule"], "its people are the directory's");
    assert_eq!(modules(&host("other", false, None)), Vec::<&str>::new());
}

#[test]
fn a_plan_is_for_the_directory_that_was_looked_at() {
    let places = |server: &str| vec![corp(&roster(server)), host("login2", true, None)];
    let mut plan = plan_of(Vec::new());
    plan.hosts[0].host = "corp".into();
    plan.hosts[0].directory = places("ldapi:///run/staging")[0].directory_mark();
    let plan = Plan::from_json("plan.json", &plan.to_json()).unwrap();
    let silent = |_: &str, _: &crate::connection::Become, _: &_| {
        Err(LinkError::TimedOut(Box::new(Diagnostic::new(ErrorKind::Host, "nobody is there"))))
    };
    let connector = FakeConnector::new(silent);
    let refusal = |server: &str| {
        let site = Site::new(places(server), &connector, 1);
        apply(&site, &plan, &Mandate::default(), |_| {}).unwrap_err().remove(0)
    };
    let refused = refusal("ldapi:///run/production");
    assert_eq!(refused.message, "corp is not the place that the plan was made for");
    assert!(refused.notes[0].contains("ldapi:///run/staging (base dc=x"), "{refused}");
    assert!(refused.notes[1].contains("ldapi:///run/production"), "{refused}");
    assert!(refusal("ldapi:///run/staging").message.starts_with("corp: "), "the same one is asked");
}

/// The calls of a person on a host that has accounts and the scheduler: `module state`, with what matters of the arguments.
fn calls_of(entry: &str) -> Vec<String> {
    let text = format!(
        "scheduler: m\nleavers: {{jobs: cancel}}\ngroups: {{ai: {{gid: 3001}}, gpu: {{gid: 3002}}}}\naccounts: {{p: {{}}}}\n\
         users:\n  kim: {{uid: 2001, group: ai, groups: [gpu], keys: [{KEY}], sudo: 'ALL=(ALL) ALL', accounts: [p], {entry}}}\n"
    );
    let files = roster::files::RosterFiles::of(&Source::new("roster.yml", text)).unwrap();
    let roster = roster::load_files(&files, jiff::civil::date(2027, 4, 1)).unwrap_or_else(|all| panic!("{}", all[0]));
    let host = Host { scheduler: true, ..host("own", true, None) };
    let mut calls = Vec::new();
    for batch in batches(&roster, &host) {
        for args in batch.items.iter().filter(|args| args.values().any(|value| value.as_str() == Some("kim"))) {
            let told = ["groups", "append", "password_lock", "expires", "jobs", "for_good", "account"];
            let told = told.iter().filter_map(|name| Some(format!(" {name}={}", args.get(*name)?)));
            let state = args["state"].as_str().unwrap();
            calls.push(format!("{} {state}{}", batch.module, told.collect::<String>()));
        }
    }
    calls
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// The three places that a state speaks to: files (user, keys, sudo), sessions, and the scheduler.
#[test]
fn what_each_state_asks_for() {
    let there = ["authorized_key present", "sudo_rule present ", "slurm_user present account=p"].map(str::trim_end);
    let expect = |entry: &str, user: &str, others: &[&str]| {
        assert_eq!(calls_of(entry), [&[user], others].concat(), "{entry}");
    };
    let groups = "groups=['gpu'] append=True";
    expect("state: present", &format!("user present {groups}"), &there);
    let active = format!("user present {groups} password_lock=False expires=-1.0");
    expect("state: active", &active, &[&there[..], &["slurm_jobs open"]].concat());
    let within = format!("user present {groups} password_lock=False expires=1814400000.0");
    expect("starts: 2027-04-01, ends: 2027-07-01", &within, &[&there[..], &["slurm_jobs open"]].concat());
    expect("state: may_login", &active, &[&there[..], &["slurm_jobs stopped jobs=run"]].concat());
    let locked = format!("user present {groups} password_lock=True expires=86400.0");
    let shut = ["slurm_jobs stopped jobs=cancel", "doors shut"];
    expect("state: suspended", &locked, &[&there[..], &shut].concat());
    expect("ends: 2027-04-01", &locked, &[&there[..], &shut].concat());
    let gone = [
        "slurm_jobs stopped jobs=cancel",
        "slurm_user absent",
        "doors shut for_good=True",
        "sudo_rule absent",
        "authorized_key absent",
    ];
    expect("state: archived", "user present groups=[] password_lock=True expires=86400.0", &gone);
    expect("state: absent", "slurm_jobs stopped jobs=cancel", &["slurm_user absent", gone[2], gone[3], "user absent"]);
    // Nothing is made before the day; the planner locks an account that is there all the same.
    expect("starts: 2027-04-02", "slurm_jobs stopped jobs=cancel", &["doors shut"]);
}

/// Whom a day keeps out is due until it is done, however long a host was away; edits are due on no day.
#[test]
fn who_ended_is_due_for_ever_and_an_edit_never() {
    let text = "groups: {ai: {gid: 3001}}\nusers:\n  kim: {uid: 2001, group: ai, ends: 2027-04-01, after_end: absent}\n  \
                lee: {uid: 2002, group: ai, shell: /bin/zsh}\n  new: {uid: 2003, group: ai, starts: 2027-05-01}\n";
    let on = |day| {
        let files = roster::files::RosterFiles::of(&Source::new("roster.yml", text)).unwrap();
        roster::load_files(&files, day).unwrap_or_else(|all| panic!("{}", all[0]))
    };
    let due_on = |day: jiff::civil::Date| {
        let (today, before) = (on(day), on(day.saturating_sub(jiff::Span::new().days(7))));
        let host = host("own", true, None);
        let step = |batch: &super::compile::Batch, args: &words::value::Map| crate::plan::Step {
            phase: batch.phase,
            module: batch.module.into(),
            args: args.clone(),
            changes: Vec::new(),
        };
        let all = batches(&today, &host);
        let steps = all.iter().flat_map(|batch| batch.items.iter().map(move |args| step(batch, args))).collect();
        let mut plan = plan_of(steps);
        plan.hosts.truncate(1);
        plan.hosts[0].host = "own".into();
        let (due, _) = only_due(plan, &[host], &today, &before);
        let name = |step: &crate::plan::Step| step.args["name"].as_str().unwrap_or_default().to_owned();
        due.hosts[0].steps.iter().map(name).collect::<std::collections::BTreeSet<_>>()
    };
    let day = jiff::civil::date;
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(due_on(day(2027, 3, 1)), names(&["new"]), "kept out until his day");
    assert_eq!(due_on(day(2027, 4, 1)), names(&["kim", "new"]));
    assert_eq!(due_on(day(2027, 4, 20)), names(&["kim", "new"]), "a host that was away for weeks");
    assert_eq!(due_on(day(2027, 5, 2)), names(&["kim", "new"]));
    assert_eq!(due_on(day(2027, 6, 1)), names(&["kim"]));
}
