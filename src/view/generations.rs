//! Generations: a roster, the next, and the one after, over hosts in memory that answer as the agent does.

mod broken_off;
mod explain;
mod interrupted;
mod left_out;
mod scheduler;
mod vocabulary;

use crate::view;
use crate::view::fold::Extent;
use crate::view::styled::joined;
use control::connection::fake::FakeConnector;
use control::connection::{Become, Target};
use control::connection::{LinkError, Secret};
use control::plan::Plan;
use control::roster::{Roster, load};
use control::sync::*;
use expect_test::{Expect, expect};
use host::agent;
use host::protocol::{AgentReply, AgentRequest};
use host::system::fake::Fake;
use host::system::predicted::Predicted;
use host::system::{Attributes, System};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use words::diag::{Diagnostic, Source};

/// Hosts in memory.
#[derive(Clone)]
struct Cluster(Arc<Mutex<BTreeMap<String, Machine>>>);

struct Machine {
    real: Fake,
    /// What the agent of the current run predicted.
    predicted: Option<Predicted<Fake>>,
    /// What someone else writes between the last look and the first real step: a file and its new text.
    meanwhile: Option<(&'static str, String)>,
}

impl Cluster {
    fn new() -> Self {
        let hosts = ["login1", "login2", "master"].map(|name| {
            let nsswitch = "passwd: files\ngroup: files\n";
            (
                name.to_owned(),
                Machine {
                    real: Fake::with_accounts().file("/etc/nsswitch.conf", nsswitch),
                    predicted: None,
                    meanwhile: None,
                },
            )
        });
        Self(Arc::new(Mutex::new(hosts.into())))
    }

    fn answer(&self, host: &str, request: &AgentRequest) -> Result<AgentReply, LinkError> {
        let mut hosts = self.0.lock().unwrap();
        let machine = hosts.get_mut(host).unwrap();
        if request.check {
            let predicted = machine.predicted.get_or_insert_with(|| Predicted::new(machine.real.clone()));
            return Ok(agent::answer(request, predicted));
        }
        if let Some((path, text)) = machine.meanwhile.take() {
            machine.real.write(Path::new(path), text.as_bytes(), Attributes::default()).unwrap();
        }
        Ok(agent::answer(request, &mut machine.real))
    }

    /// New links, with new agents that have predicted nothing.
    fn connector(&self) -> FakeConnector {
        self.0.lock().unwrap().values_mut().for_each(|machine| machine.predicted = None);
        let cluster = self.clone();
        FakeConnector::new(move |host, _, request| cluster.answer(host, request))
    }

    fn hosts(&self) -> Vec<Host> {
        self.0.lock().unwrap().keys().map(|name| host(name)).collect()
    }

    fn plan(&self, roster: &str) -> Result<Plan, Vec<Diagnostic>> {
        let connector = self.connector();
        let site = Site::new(self.hosts(), &connector, 4);
        plan(&site, &read(roster), &["hosts.ini".into()], "2026-11-22T21:00:00Z".into()).map(|planned| planned.plan)
    }

    fn apply(&self, plan: &Plan) -> Result<(bool, Vec<Applied>), Vec<Diagnostic>> {
        let connector = self.connector();
        let site = Site::new(self.hosts(), &connector, 4);
        let mut heard = Vec::new();
        let mandate = Mandate { guards: plan.guards.clone(), ..Mandate::default() };
        apply(&site, plan, &mandate, |applied| heard.push(applied)).map(|well| (well, heard))
    }

    fn edit(&self, host: &str, path: &str, edit: impl Fn(String) -> String) {
        let mut hosts = self.0.lock().unwrap();
        let machine = hosts.get_mut(host).unwrap();
        let text = edit(machine.real.text(path));
        machine.real.write(Path::new(path), text.as_bytes(), Attributes::default()).unwrap();
    }

    fn text(&self, host: &str, path: &str) -> String {
        self.0.lock().unwrap()[host].real.text(path)
    }

    fn effects(&self) -> usize {
        self.0.lock().unwrap().values().map(|machine| machine.real.effects().len()).sum()
    }
}

fn host(name: &str) -> Host {
    let target = Target {
        name: name.into(),
        address: name.into(),
        port: None,
        user: None,
        keys: Vec::new(),
        password: None::<Secret>,
        ssh_args: Vec::new(),
        host_key_checking: true,
        timeout: Duration::from_secs(1),
        local: false,
    };
    let way = Ok(Way::Ssh { target, who: Become::Login });
    Host { name: name.into(), way, accounts: true, scheduler: name == "master", resolves: None }
}

fn read(text: &str) -> Roster {
    load(&Source::new("roster.yml", text)).unwrap_or_else(|problems| panic!("{}", all(&problems)))
}

fn all(problems: &[Diagnostic]) -> String {
    problems.iter().map(|problem| format!("{problem}\n\n")).collect()
}

/// What people are told of an apply to all three hosts.
fn said(applied: &[Applied], plan: &Plan) -> String {
    joined(&view::plan::applied(applied, 3, Extent::Folded)) + "\n" + &view::plan::applied_summary(applied, plan) + "\n"
}

#[track_caller]
fn shows(plan: &Plan, expected: Expect) {
    expected.assert_eq(&(joined(&view::plan::plan(plan, Extent::Folded)) + "\n"));
}

const FIRST: &str = "\
site: test
groups:
  ai_team: {gid: 3001}
users:
  gildong: {uid: 2001, group: ai_team, shell: /bin/bash, comment: 홍길동}
  dooly: {uid: 2002, group: ai_team}
";

const SECOND: &str = "\
site: test
groups:
  ai_team: {gid: 3001}
  gpu: {gid: 3002}
users:
  gildong: {uid: 2001, group: ai_team, groups: [gpu], shell: /bin/zsh}
  dooly: {uid: 2002, group: ai_team, state: absent}
";

#[test]
fn three_generations() {
    let cluster = Cluster::new();
    let first = cluster.plan(FIRST).unwrap();
    shows(
        &first,
        expect![[r#"
        Accounts on hosts
          + group ai_team  on all 3 hosts
              gid  3001
          + user gildong   on all 3 hosts
              uid             2001
              group           ai_team (3001)
              comment         홍길동
              home            /home/gildong
              shell           /bin/bash
              password        (no login by password)
              home directory  /home/gildong created
          + user dooly     on all 3 hosts
              uid             2002
              group           ai_team (3001)
              home            /home/dooly
              shell           /bin/bash
              password        (no login by password)
              home directory  /home/dooly created

        Plan: 9 to create, 0 to change, 0 to remove, on 3 of 3 hosts.
    "#]],
    );
    assert_eq!(cluster.effects(), 0, "a plan touches nothing");
    let (well, applied) = cluster.apply(&first).unwrap();
    assert!(well);
    assert!(applied.iter().all(|one| one.became == Became::Done), "{applied:?}");
    let again = cluster.plan(FIRST).unwrap();
    assert!(again.is_empty(), "{}", again.to_json());

    let second = cluster.plan(SECOND).unwrap();
    shows(
        &second,
        expect![[r#"
            Accounts on hosts
              + group gpu     on all 3 hosts
                  gid  3002
              ~ user gildong  on all 3 hosts
                  groups  (none) → gpu
                  shell   /bin/bash → /bin/zsh

            Removals from hosts
              - user dooly  on all 3 hosts
                  uid    2002
                  group  ai_team (3001)
                  home   /home/dooly
                  shell  /bin/bash

            Plan: 3 to create, 3 to change, 3 to remove (1 name, limit 3), on 3 of 3 hosts.
        "#]],
    );
    assert!(cluster.apply(&second).unwrap().0);
    assert!(cluster.plan(SECOND).unwrap().is_empty());
    assert!(!cluster.text("login2", "/etc/passwd").contains("dooly"));

    let fewer = "groups:\n  ai_team: {gid: 3001}\nusers:\n  alice2: {uid: 2003, group: ai_team, state: absent}\n";
    assert!(cluster.plan(fewer).unwrap().is_empty(), "who is left out is left alone");
}

#[test]
fn an_account_that_drifted_on_one_host_is_planned_for_that_host() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    cluster.edit("login2", "/etc/passwd", |text| {
        text.replace("홍길동:/home/gildong:/bin/bash", "Gil:/home/gildong:/bin/sh")
    });
    shows(
        &cluster.plan(FIRST).unwrap(),
        expect![[r#"
        Accounts on hosts
          ~ user gildong  on login2
              comment  Gil → 홍길동
              shell    /bin/sh → /bin/bash

        Plan: 0 to create, 1 to change, 0 to remove, on 1 of 3 hosts.
    "#]],
    );
}

#[test]
fn conflicts_on_any_host_stop_everything() {
    let cluster = Cluster::new();
    let line = "mallory:x:2001:100::/home/mallory:/bin/sh\ngildong:x:1500:100::/home/gildong:/bin/sh\n";
    cluster.edit("login2", "/etc/passwd", |text| text + line);
    expect![[r#"
        `gildong` shall have uid 2001, and has 1500
         --> roster.yml:5:18
          |
        4 | users:
        5 |   gildong: {uid: 2001, group: ai_team, shell: /bin/bash, comment: 홍길동}
          |                  ^
          = note: login2: /etc/passwd:4: gildong has uid 1500
          = help: give the roster's entry another uid, or change the host's by hand: files keep the number

        uid 2001 shall be `gildong`, and is `mallory`
         --> roster.yml:5:18
          |
        4 | users:
        5 |   gildong: {uid: 2001, group: ai_team, shell: /bin/bash, comment: 홍길동}
          |                  ^
          = note: login2: /etc/passwd:3: mallory has uid 2001
          = help: give the roster's entry another uid, or change the host's by hand: files keep the number

    "#]]
    .assert_eq(&all(&cluster.plan(FIRST).unwrap_err()));
}

#[test]
fn a_conflict_that_came_after_the_plan_stops_the_apply() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    cluster.edit("login1", "/etc/group", |text| text + "docker:x:3001:\n");
    let before = cluster.effects();
    let refused = all(&cluster.apply(&plan).unwrap_err());
    assert!(refused.contains("gid 3001 shall be `ai_team`, and is `docker`"), "{refused}");
    assert!(refused.contains("login1: /etc/group:4: docker has gid 3001"), "{refused}");
    assert_eq!(cluster.effects(), before);
}

#[test]
fn a_stale_plan_is_refused_and_says_what_moved() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    cluster.edit("login1", "/etc/group", |text| text + "ai_team:x:3001:\n");
    let before = cluster.effects();
    expect![[r#"
        the world has moved since the plan was made (2026-11-22T21:00:00Z); nothing was touched
          = note: login1: group ai_team needs no change any more
          = note: accounts changed since then on: login1
          = help: make a new plan and review it

    "#]]
    .assert_eq(&all(&cluster.apply(&plan).unwrap_err()));
    assert_eq!(cluster.effects(), before);
    assert!(cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap().0);
}

#[test]
fn a_change_in_another_way_shows_both_ways() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(SECOND).unwrap();
    cluster.edit("login1", "/etc/passwd", |text| {
        text.replace("2001:3001:홍길동:/home/gildong:/bin/bash", "2001:3001:Hong:/home/gildong:/bin/sh")
    });
    let refused = all(&cluster.apply(&plan).unwrap_err());
    let note = refused.lines().find(|line| line.contains("another way")).unwrap();
    assert_eq!(
        note,
        "  = note: login1: user gildong would change in another way: shell was to be /bin/bash → /bin/zsh, and would be /bin/sh → /bin/zsh"
    );
}

#[test]
fn a_plan_applied_twice_is_stale() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    assert!(cluster.apply(&plan).unwrap().0);
    assert!(all(&cluster.apply(&plan).unwrap_err()).contains("needs no change any more"));
}

#[test]
fn a_saved_plan_is_the_plan() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    let read = Plan::from_json("plan.json", &plan.to_json()).unwrap();
    assert_eq!(read, plan);
    assert!(cluster.apply(&read).unwrap().0);
}

#[test]
fn people_are_locked_limited_to_groups_and_end() {
    let cluster = Cluster::new();
    let roster = |fields: &str| {
        let groups = "groups:\n  ai_team: {gid: 3001}\n  gpu: {gid: 3002}\n  web: {gid: 3003}\n";
        format!("{groups}users:\n  gildong: {{uid: 2001, group: ai_team, {fields}}}\n")
    };
    let becomes = |fields: &str, shadow: &str| {
        assert!(cluster.apply(&cluster.plan(&roster(fields)).unwrap()).unwrap().0);
        let again = cluster.plan(&roster(fields)).unwrap();
        assert!(again.is_empty(), "{}", again.to_json());
        let line = cluster.text("login2", "/etc/shadow");
        let line = line.lines().find(|line| line.starts_with("gildong:")).unwrap();
        let fields: Vec<_> = line.split(':').collect();
        assert_eq!(format!("{} {}", fields[1], fields[7]), shadow);
    };
    let set = |from: &'static str, to: &'static str| {
        cluster.edit("login2", "/etc/shadow", |text| text.replace(from, to));
    };
    becomes("groups: [gpu, web]", "! ");
    set("gildong:!:", "gildong:$6$hash:");
    becomes("groups: [gpu]", "$6$hash ");
    assert!(cluster.text("login2", "/etc/group").contains("web:x:3003:gildong"), "left alone");
    becomes("groups: [gpu], only_groups: yes", "$6$hash ");
    assert!(cluster.text("login2", "/etc/group").contains("web:x:3003:\n"), "taken away");
    becomes("groups: [], only_groups: yes, expires: 2027-02-28", "$6$hash 20877");
    assert!(cluster.text("login2", "/etc/group").contains("gpu:x:3002:\n"), "taken away");
    becomes("locked: yes, expires: 2027-02-28", "!$6$hash 1");
    becomes("locked: no, expires: 2027-02-28", "$6$hash 20877");
    becomes("shell: /bin/sh", "$6$hash 20877");
    becomes("expires: never", "$6$hash ");
    // No day before 1970 is none at all, and day 0 is told apart by nobody.
    becomes("expires: 1900-01-01", "$6$hash 1");
    becomes("expires: 1970-01-01", "$6$hash 1");
    becomes("expires: 9999-12-31", "$6$hash 2932896");
}

#[test]
fn what_was_done_otherwise_than_planned_is_said() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(SECOND).unwrap();
    let group = cluster.text("login2", "/etc/group") + "gpu:x:3002:\n";
    cluster.0.lock().unwrap().get_mut("login2").unwrap().meanwhile = Some(("/etc/group", group));
    let (well, applied) = cluster.apply(&plan).unwrap();
    assert!(well, "somebody else did it already");
    expect![[r#"
          + group gpu     created on login1, master
          ~ user gildong  changed on all 3 hosts
          ! group gpu     ran, and did not do what was planned, on login2
              nothing was changed: it was so already
          - user dooly    removed on all 3 hosts
        Applied: 2 created, 3 changed, 3 removed, 1 not as planned.
    "#]]
    .assert_eq(&said(&applied, &plan));
    assert!(cluster.plan(SECOND).unwrap().is_empty());
}

#[test]
fn one_host_that_fails_does_not_stop_the_others_but_the_removals() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(SECOND).unwrap();
    let full = |machine: &mut Machine| machine.real.fail_effect(1, std::io::ErrorKind::StorageFull);
    full(cluster.0.lock().unwrap().get_mut("login2").unwrap());
    let (well, applied) = cluster.apply(&plan).unwrap();
    assert!(!well);
    expect![[r#"
          + group gpu     created on login1, master
          ~ user gildong  changed on login1, master
          ! group gpu     failed on login2
              login2: group gpu: cannot do CommitAccounts: no storage space
          ! user gildong  left out on login2
              an earlier step failed on this host
          ! user dooly    left out on all 3 hosts
              nothing is removed after a failure
        Applied: 2 created, 2 changed, 0 removed, 5 failed or left out.
    "#]]
    .assert_eq(&said(&applied, &plan));
    assert!(cluster.text("login1", "/etc/group").contains("gpu:x:3002:gildong"));
    assert!(cluster.text("login1", "/etc/passwd").contains("dooly"), "nothing is removed after a failure");
    let rest = cluster.plan(SECOND).unwrap();
    assert!(cluster.apply(&rest).unwrap().0);
    assert!(cluster.plan(SECOND).unwrap().is_empty());
}

#[test]
fn a_plan_for_other_hosts_is_refused() {
    let cluster = Cluster::new();
    let mut plan = cluster.plan(FIRST).unwrap();
    plan.hosts[0].host = "login9".into();
    assert!(all(&cluster.apply(&plan).unwrap_err()).contains("the plan has the host login9"));
    assert_eq!(cluster.effects(), 0);
}

#[test]
fn guards_are_asked_when_planning_and_when_applying() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(SECOND).unwrap();
    let strict = SECOND.to_owned() + "guards: {max_removals: 0}\n";
    assert!(all(&cluster.plan(&strict).unwrap_err()).contains("the plan removes 1, and 0 is the limit: user dooly"));
    let mut edited = plan.clone();
    edited.hosts[0].steps[0].module = "command".into();
    assert!(all(&cluster.apply(&edited).unwrap_err()).contains("the guard `known-steps` refuses"));
}
