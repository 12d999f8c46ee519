//! One person or host never stops the others: named, left out and counted, and the rest is planned and done.

use super::*;
use control::sync::reach::Reach;
use control::sync::{audit, explain};
use control::variables::target::Login;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

fn keyed() -> String {
    FIRST.replace("comment: 홍길동", &format!("keys: ['{KEY}']"))
}

#[test]
fn a_host_that_does_not_answer_is_left_out_and_the_others_are_planned() {
    let cluster = Cluster::new();
    let connector = cluster.connector().unreachable("login2");
    let site = Site::new(cluster.hosts(), &connector, 4);
    let plan = plan(&site, &read(FIRST), &[], String::new()).unwrap().plan;
    let hosts: Vec<_> = plan.hosts.iter().map(|host| (host.host.as_str(), host.steps.len())).collect();
    assert_eq!(hosts, [("login1", 3), ("master", 3)]);
    assert_eq!((plan.left_out[0].host.as_str(), plan.left_out[0].what.as_str()), ("login2", "the host"));
    let last = view::plan::plan(&plan, view::fold::Extent::Folded).pop().unwrap().to_string();
    assert_eq!(last, "Plan: 6 to create, 0 to change, 0 to remove, on 2 of 2 hosts; 1 left out.");
    assert!(cluster.apply(&plan).unwrap().0);
    assert!(cluster.text("login1", "/etc/passwd").contains("gildong"));
    assert!(!cluster.text("login2", "/etc/passwd").contains("gildong"));
}

/// The hosts as an inventory has them in which nobody can tell the way to login2.
fn reached_without_login2(roster: &Roster) -> Vec<Host> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("hosts.ini");
    std::fs::write(&path, "login1\nlogin2 ansible_host=\"{{ nowhere }}\"\nmaster\n").unwrap();
    let inventory = control::inventory::load(&[path.display().to_string()], &[]).unwrap();
    Reach::new(&inventory, &Login::default()).of_roster(roster, &[]).unwrap()
}

#[test]
fn a_host_that_nobody_can_tell_the_way_to_costs_itself_alone() {
    let (cluster, roster) = (Cluster::new(), read(FIRST));
    let connector = cluster.connector();
    let site = Site::new(reached_without_login2(&roster), &connector, 4);
    let plan = plan(&site, &roster, &[], String::new()).unwrap().plan;
    let hosts: Vec<_> = plan.hosts.iter().map(|host| host.host.as_str()).collect();
    assert_eq!(hosts, ["login1", "master"]);
    let [out] = &plan.left_out[..] else { panic!("{:?}", plan.left_out) };
    assert_eq!((out.host.as_str(), out.what.as_str()), ("login2", "the host"));
    assert!(out.why.contains("cannot tell the variable `ansible_host`: 'nowhere' is undefined"), "{}", out.why);

    let (_, survey) = audit::look(&site, Some(&roster)).unwrap();
    assert_eq!(survey.seen.len(), 2);
    let told: Vec<_> = audit::not_seen(&survey.silent).collect();
    assert_eq!((told.len(), told[0].subject.as_str()), (1, "host login2"));
    assert!(told[0].seen[0].contains("ansible_host"), "{:?}", told[0].seen);
    let facts = explain::look_at(&site, &roster, "gildong");
    let silent: Vec<_> = facts.iter().filter(|facts| facts.silent.is_some()).map(|facts| &facts.host).collect();
    assert_eq!(silent, ["login2"]);

    let everywhere = cluster.plan(FIRST).unwrap();
    let connector = cluster.connector();
    let site = Site::new(reached_without_login2(&roster), &connector, 4);
    let well = apply(&site, &everywhere, &Mandate::default(), |_| {}).unwrap();
    assert!(!well, "the plan is not carried out whole");
    assert!(cluster.text("login1", "/etc/passwd").contains("gildong"));
    assert!(!cluster.text("login2", "/etc/passwd").contains("gildong"));
}

#[test]
fn a_site_of_which_no_host_answers_has_no_plan() {
    let cluster = Cluster::new();
    let connector = ["login1", "login2", "master"].iter().fold(cluster.connector(), |c, name| c.unreachable(name));
    let site = Site::new(cluster.hosts(), &connector, 4);
    let problems = plan(&site, &read(FIRST), &[], String::new()).unwrap_err();
    assert_eq!(problems.len(), 3);
    assert!(problems[0].message.starts_with("login1: "), "{}", problems[0]);
}

#[test]
fn a_host_that_dies_after_the_plan_is_left_out_of_the_apply() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    let connector = cluster.connector().unreachable("login2");
    let site = Site::new(cluster.hosts(), &connector, 4);
    let mut heard = Vec::new();
    let well = apply(&site, &plan, &Mandate::default(), |applied| heard.push(applied)).unwrap();
    assert!(!well, "the plan is not carried out whole");
    let told = said(&heard, &plan);
    assert!(told.contains("! user gildong   left out on login2\n"), "{told}");
    assert!(told.ends_with("Applied: 6 created, 0 changed, 0 removed, 3 failed or left out.\n"), "{told}");
    assert!(cluster.text("login1", "/etc/passwd").contains("gildong"));
}

#[test]
fn a_linked_key_file_leaves_out_the_keys_of_one_person_on_one_host() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let link = |machine: &mut Machine| {
        let real = std::mem::take(&mut machine.real);
        let real = real.directory("/home/gildong/.ssh", 0o700, 2001, 3001);
        machine.real = real.link("/home/gildong/.ssh/authorized_keys", "/home/gildong/dotfiles/keys");
    };
    link(cluster.0.lock().unwrap().get_mut("login2").unwrap());
    let roster = keyed() + "  bob: {uid: 2003, group: ai_team}\n";
    let plan = cluster.plan(&roster).unwrap();
    expect![[r#"
        Accounts on hosts
          + user bob                                           on all 3 hosts
              uid             2003
              group           ai_team (3001)
              home            /home/bob
              shell           /bin/bash
              password        (no login by password)
              home directory  /home/bob created
          + file /home/gildong/.ssh                            on login1, master
              state  directory
              mode   0700
              owner  gildong
              group  ai_team
          + authorized_key /home/gildong/.ssh/authorized_keys  on login1, master
              /home/gildong/.ssh/authorized_keys
              + KEY
              mode   0600
              owner  gildong
              group  ai_team

        Left out
          ! a key of gildong on login2
              /home/gildong/.ssh/authorized_keys is a symbolic link, which its owner could point anywhere; not followed
              let the person replace the link by a file of his own, or take the keys out of his entry

        Plan: 7 to create, 0 to change, 0 to remove, on 3 of 3 hosts; 1 left out.
    "#]]
    .assert_eq(&(joined(&view::plan::plan(&plan, view::fold::Extent::Folded)).replace(KEY, "KEY") + "\n"));
    assert!(cluster.apply(&plan).unwrap().0);
    assert!(cluster.text("login2", "/etc/passwd").contains("bob"));
}

/// A process of the user with this uid, whose parent is root's process of this name.
fn process(machine: &mut Machine, uid: u32, parent: &str) {
    let status = |name: &str, parent: u32, uid: u32| {
        format!("Name:\t{name}\nState:\tS\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    };
    let real = std::mem::take(&mut machine.real).file("/proc/70/status", &status(parent, 1, 0));
    machine.real = real.file("/proc/77/status", &status("tmux", 70, uid));
}

#[test]
fn the_sessions_of_a_leaver_end_and_nothing_keeps_him() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    process(cluster.0.lock().unwrap().get_mut("login1").unwrap(), 2002, "sshd");
    let plan = cluster.plan(SECOND).unwrap();
    assert_eq!(plan.left_out, []);
    let login1 = plan.hosts.iter().find(|host| host.host == "login1").unwrap();
    let of_dooly = login1.steps.iter().filter(|step| step.args["name"] == "dooly".into());
    let order: Vec<_> = of_dooly.map(|step| (step.module.as_str(), step.args["state"].to_string())).collect();
    let wanted = [("user", "present"), ("doors", "shut"), ("user", "absent")];
    assert_eq!(order, wanted.map(|(module, state)| (module, state.to_owned())), "locked before sessions end");
    let (well, heard) = cluster.apply(&plan).unwrap();
    assert!(well, "{}", said(&heard, &plan));
    assert!(!cluster.text("login1", "/etc/passwd").contains("dooly"));
    assert!(cluster.plan(SECOND).unwrap().is_empty());
}

#[test]
fn a_leaver_whose_job_runs_is_locked_and_the_rest_is_done() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    process(cluster.0.lock().unwrap().get_mut("login1").unwrap(), 2002, "slurmstepd");
    let plan = cluster.plan(SECOND).unwrap();
    let left_out = &plan.left_out[0];
    assert_eq!((left_out.host.as_str(), left_out.what.as_str()), ("login1", "user dooly"));
    assert!(left_out.why.contains("process 77"), "{left_out:?}");
    assert_eq!(left_out.meanwhile.as_deref(), Some("the login is locked by this plan"));
    let (well, heard) = cluster.apply(&plan).unwrap();
    assert!(well, "{}", said(&heard, &plan));
    let shadow = cluster.text("login1", "/etc/shadow");
    let dooly = shadow.lines().find(|line| line.starts_with("dooly:")).unwrap();
    assert!(dooly.starts_with("dooly:!") && dooly.split(':').nth(7) == Some("1"), "{dooly}");
    assert!(!cluster.text("login2", "/etc/passwd").contains("dooly"));
    assert!(cluster.text("login1", "/etc/group").contains("gpu:x:3002:gildong"));
    let again = cluster.plan(SECOND).unwrap();
    assert!(again.is_empty(), "{}", again.to_json());
    assert_eq!(again.left_out[0].meanwhile.as_deref(), Some("the login is locked"));
}

#[test]
fn what_needs_what_is_left_out_is_left_out_with_it() {
    let cluster = Cluster::new();
    let stranger = "kim:x:1500:100::/home/gildong:/bin/sh\n";
    cluster.edit("login1", "/etc/passwd", |text| text + stranger);
    let plan = cluster.plan(&keyed()).unwrap();
    let out: Vec<_> = plan.left_out.iter().map(|one| format!("{}: {}: {}", one.host, one.what, one.why)).collect();
    assert_eq!(
        out,
        [
            "login1: user gildong: /home/gildong is the home of kim (/etc/passwd:3)",
            "login1: a key of gildong: the user gildong is left out",
        ]
    );
    assert!(cluster.apply(&plan).unwrap().0);
    assert!(cluster.text("login1", "/etc/passwd").contains("dooly"));
    assert!(!cluster.text("login1", "/etc/passwd").contains("gildong:x"));
}

#[test]
fn a_plan_is_judged_by_the_roster_that_apply_is_given() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(SECOND).unwrap();
    let attempt = |plan: &Plan, roster: &str| {
        let connector = cluster.connector();
        let site = Site::new(cluster.hosts(), &connector, 4);
        let roster = read(roster);
        apply(
            &site,
            plan,
            &Mandate { guards: roster.guards.clone(), roster: Some(&roster), ..Mandate::default() },
            |_| (),
        )
    };
    let before = cluster.effects();
    let refused = all(&attempt(&plan, FIRST).unwrap_err());
    assert!(
        refused.contains("login1: the plan has a step for user gildong that roster.yml does not ask for"),
        "{refused}"
    );
    let mut edited = plan.clone();
    edited.hosts[0].steps[1].args.insert("shell".into(), "/bin/dash".into());
    assert!(
        all(&attempt(&edited, SECOND).unwrap_err()).contains("a step for user gildong that roster.yml does not ask")
    );
    let none = SECOND.to_owned() + "guards: {max_removals: 0}\n";
    assert!(all(&attempt(&plan, &none).unwrap_err()).contains("the plan removes 1, and 0 is the limit"));
    assert_eq!(cluster.effects(), before);
    assert!(attempt(&plan, SECOND).unwrap());
}

#[test]
fn a_plan_without_steps_is_compared_with_the_hosts() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let plan = cluster.plan(FIRST).unwrap();
    assert!(plan.is_empty() && cluster.apply(&plan).unwrap().0);
    cluster.edit("login2", "/etc/passwd", |text| text.replace("/home/dooly:/bin/bash", "/home/dooly:/bin/sh"));
    let refused = all(&cluster.apply(&plan).unwrap_err());
    assert!(refused.contains("accounts changed since then on: login2"), "{refused}");
}
