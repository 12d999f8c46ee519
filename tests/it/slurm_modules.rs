//! The modules `slurm_*` on the built-in service and on real Slurm: the same playbook, the same report, the same listings.

use super::service::Service;
use super::support::Ran;
use super::support::real_slurm::{RealSlurm, real_cluster, real_slurm};
use crate::jobs::cluster::wait;
use crate::support::enlist_path;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// One of the two, and where its files for a test are.
struct Side<'a> {
    command: Box<dyn Fn(&str) -> Command + 'a>,
    directory: &'a Path,
}

impl<'a> Side<'a> {
    fn ours(service: &'a Service, directory: &'a Path) -> Self {
        let bin = service.path("");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let command = move |program: &str| {
            let mut command =
                Command::new(if program == "sacctmgr" { bin.join(program) } else { PathBuf::from(program) });
            command.env("PATH", &path).env("ENLIST_SOCKET", bin.join("socket"));
            command
        };
        Side { command: Box::new(command), directory }
    }

    fn theirs(slurm: &'a RealSlurm, directory: &'a Path) -> Self {
        Side { command: Box::new(|program: &str| slurm.command(program)), directory }
    }

    fn sacctmgr(&self, arguments: &[&str]) -> Ran {
        (self.command)("sacctmgr").args(arguments).output().unwrap().into()
    }

    fn play(&self, playbook: &Path, options: &[&str]) -> Ran {
        let inventory = self.directory.join("hosts.ini");
        std::fs::write(&inventory, "[slurm_master]\nmaster ansible_connection=local\n").unwrap();
        let mut command = (self.command)(enlist_path());
        command.arg("play").arg("-i").arg(inventory).arg(playbook).args(["--diff", "--json"]).args(options);
        command.env("HOME", self.directory).output().unwrap().into()
    }

    /// What a run reports of every task: its end, and every field before and after. It must succeed.
    #[track_caller]
    fn report(&self, playbook: &Path, options: &[&str]) -> Vec<String> {
        let ran = self.play(playbook, options);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
        let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let outline = |event: Value| match event["event"].as_str()? {
            "task" => Some(event["name"].to_string()),
            "host" => Some(format!("{} {} {}", event["status"], event["changes"], event["items"])),
            "recap" => Some(event["hosts"].to_string()),
            _ => None,
        };
        lines.filter_map(outline).collect()
    }

    /// Every association, account, user and QOS as it is listed.
    fn listings(&self) -> String {
        let limits = "Share,Priority,GrpTRES,GrpTRESMins,GrpTRESRunMins,GrpJobs,GrpSubmit,GrpWall,MaxTRES,MaxTRESPerNode,\
                      MaxTRESMins,MaxWall";
        let association =
            format!("format=Cluster,Account,User,Partition,ParentName,QOS,DefaultQOS,MaxJobs,MaxSubmit,{limits}");
        let qos = "format=Name,Descr,Priority,Flags,Preempt,PreemptMode,GraceTime,UsageFactor,GrpTRES,MaxTRESPU,MaxJobsPU,MaxWall";
        [
            &["-nP", "show", "association", &association][..],
            &["-nP", "show", "account", "withcoord", "format=Account,Descr,Org,Coord"],
            &["-nP", "show", "user", "format=User,DefaultAccount,AdminLevel"],
            &["-nP", "show", "qos", qos],
        ]
        .iter()
        .map(|arguments| self.sacctmgr(arguments).ok().stdout)
        .collect()
    }
}

/// Runs `test` on both; what it gives must be the same.
fn on_both(test: impl Fn(&Side) -> Vec<String>) {
    let directories = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let service = Service::start();
    let ours = test(&Side::ours(&service, directories[0].path()));
    let slurm = real_slurm();
    let theirs = test(&Side::theirs(&slurm, directories[1].path()));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

fn accounting() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/accounting.yml")
}

#[test]
fn the_playbook_says_and_does_the_same_on_both() {
    on_both(|side| {
        let empty = side.listings();
        let predicted = side.report(&accounting(), &["--check"]);
        assert_eq!(side.listings(), empty, "a dry run changes nothing");
        let done = side.report(&accounting(), &[]);
        for (predicted, done) in predicted.iter().zip(&done) {
            assert_eq!(predicted, done, "the dry run told the truth");
        }
        let listings = side.listings();
        let again = side.report(&accounting(), &[]);
        let recap = again.last().unwrap();
        assert!(recap.contains(r#""changed":0"#) && recap.contains(r#""failed":0"#), "{again:#?}");
        assert_eq!(side.listings(), listings);
        [done, listings.lines().map(str::to_owned).collect()].concat()
    });
}

/// A playbook with one task for each module and its arguments.
fn tasks(side: &Side, tasks: &[(&str, &str)], more: &str) -> PathBuf {
    let mut text = "- hosts: all\n  gather_facts: no\n  tasks:\n".to_owned();
    for (module, arguments) in tasks {
        text += &format!("    - {{{module}: {arguments}{more}}}\n");
    }
    let path = side.directory.join("tasks.yml");
    std::fs::write(&path, text).unwrap();
    path
}

const CHANGES: [&[(&str, &str)]; 2] = [
    &[
        ("slurm_association", "{account: ai_project, user: gildong, limits: {GrpTRES: unset, MaxWall: -1}}"),
        ("slurm_association", "{account: ai_project, user: gildong, fairshare: parent, priority: 7}"),
        ("slurm_association", "{account: ai_project, user: gildong, partition: gpu, state: absent}"),
        ("slurm_association", "{account: ai_project, qos: ['-debug'], limits: {MaxJobs: 5}, cluster: ref}"),
        ("slurm_association", "{account: ai_project, user: dooly, qos: [normal], default_qos: normal}"),
        ("slurm_qos", "{name: debug, limits: {MaxTRESPerUser: -1, MaxJobsPerUser: -1, MaxWall: -1}, flags: -1}"),
        ("slurm_qos", "{name: long, preempt: [debug], preempt_mode: requeue, grace_time: 60, usage_factor: 0.5}"),
        ("slurm_qos", "{name: debug, priority: -1, limits: {GrpTRES: {gres/gpu: 8}}}"),
        ("slurm_user", "{name: heedong, account: ai_project, default_account: research, state: absent}"),
    ],
    &[
        ("slurm_association", "{account: ai_project, user: gildong, fairshare: -1, priority: -1}"),
        ("slurm_association", "{account: ai_project, user: dooly, limits: {QOS: unset, DefaultQOS: unset}}"),
        ("slurm_account", "{name: ai_project, parent: root, description: x, limits: {QOS: unset, DefaultQOS: -1}}"),
        ("slurm_coordinator", "{account: ai_project, user: gildong, state: absent}"),
        ("slurm_user", "{name: [heedong, nobody], state: absent}"),
        ("slurm_user", "{name: nobody-here, state: absent}"),
        ("slurm_user", "{name: dooly, admin_level: None}"),
        ("slurm_qos", "{name: [long], state: absent}"),
    ],
];

#[test]
fn clearing_removing_and_names_that_hit_nothing_else() {
    on_both(|side| {
        side.report(&accounting(), &[]);
        let mut said = Vec::new();
        for changes in CHANGES {
            let playbook = tasks(side, changes, "");
            let predicted = side.report(&playbook, &["--check"]);
            let done = side.report(&playbook, &[]);
            assert_eq!(predicted.len(), done.len());
            for (predicted, done) in predicted.iter().zip(&done) {
                assert_eq!(predicted, done, "the dry run told the truth");
            }
            let again = side.report(&playbook, &[]);
            assert!(again.last().unwrap().contains(r#""changed":0"#), "{again:#?}");
            said.extend(done);
            said.extend(side.listings().lines().map(str::to_owned));
        }
        said
    });
}

const REFUSED: &[(&str, &str)] = &[
    ("slurm_user", "{name: 'a,b', account: ai_project}"),
    ("slurm_user", "{name: 'a b', account: ai_project}"),
    ("slurm_user", "{name: '-i', account: ai_project}"),
    ("slurm_user", "{name: 'x=y', account: ai_project}"),
    ("slurm_user", "{name: \"x'y\", account: ai_project}"),
    ("slurm_user", "{name: 'u[1-3]', account: ai_project}"),
    ("slurm_user", "{name: [], account: ai_project}"),
    ("slurm_user", "{name: gildong, account: research, state: absent, cluster: 'ref,x'}"),
    ("slurm_user", "{name: dooly, account: research, state: absent}"),
    ("slurm_user", "{name: x, default_account: research}"),
    ("slurm_user", "{name: x, account: nope}"),
    ("slurm_account", "{name: x, description: \"it's\"}"),
    ("slurm_account", "{name: x, limits: {MaxJobs: many}}"),
    ("slurm_account", "{name: x, limits: {Bogus: 1}}"),
    ("slurm_account", "{name: x, limits: {MaxJobs: 4294967296}}"),
    ("slurm_account", "{name: x, limits: {MaxWall: 1.5}}"),
    ("slurm_account", "{name: x, limits: {GrpTRES: {cpu: 4, gpu: 2}}}"),
    ("slurm_account", "{name: x, limits: {GrpTRES: {cpu: '1,node=2'}}, qos: 'a b'}"),
    ("slurm_association", "{account: nope, limits: {MaxJobs: 1}}"),
    ("slurm_association", "{account: ai_project, user: dooly, qos: [nope]}"),
    ("slurm_qos", "{name: x, flags: 'a b'}"),
    ("slurm_coordinator", "{account: nope, user: gildong}"),
];

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    on_both(|side| {
        side.report(&accounting(), &[]);
        let before = side.listings();
        let report = side.report(&tasks(side, REFUSED, ", ignore_errors: yes"), &[]);
        let recap = report.last().unwrap();
        assert!(recap.contains(&format!(r#""ignored":{}"#, REFUSED.len())), "{report:#?}");
        assert_eq!(side.listings(), before);
        vec![before]
    });
}

#[test]
fn two_hundred_users_are_a_few_calls() {
    on_both(|side| {
        let names: Vec<_> = (0..200).map(|n| format!("u{n:03}")).collect();
        let path = side.directory.join("many.yml");
        let text = format!(
            "- hosts: all\n  gather_facts: no\n  tasks:\n    - slurm_account: {{name: p}}\n    - slurm_user: {{name: '{{{{ item }}}}', \
             account: p, limits: {{MaxJobs: 5}}}}\n      loop: [{}]\n",
            names.join(", ")
        );
        std::fs::write(&path, text).unwrap();
        side.report(&path, &[]);
        let filter = ["-nP", "show", "transactions", "action=add users", "format=action,where"];
        let added = side.sacctmgr(&filter).ok().stdout.lines().count();
        let again = side.report(&path, &["--check"]);
        assert!(again.last().unwrap().contains(r#""changed":0"#));
        vec![added.to_string(), side.listings()]
    });
}

/// The jobs of who leaves end by the commands that real Slurm has.
#[test]
fn jobs_of_leavers_end_on_real_slurm() {
    let (slurm, directory) = (real_cluster(), TempDir::new().unwrap());
    let side = Side::theirs(&slurm, directory.path());
    slurm.sacctmgr(&["-i", "add", "account", "a"]).ok();
    slurm.sacctmgr(&["-i", "add", "user", "alice,bob", "account=a"]).ok();
    let uid = |user: &str| slurm.run("id", &["-u", user]).ok().stdout.trim().to_owned();
    let jobs = |user: &str| slurm.run("squeue", &["-h", "-u", user, "-o", "%T %l"]).ok().stdout;
    let submit = |user: &str, more: &[&str]| {
        let options = ["-D", "/tmp", "-o", "/dev/null", "-p", "cpu", "--wrap", "exec sleep 1000"];
        slurm.run_as(user, "sbatch", &[&options[..], more].concat())
    };
    for user in ["alice", "bob"] {
        submit(user, &[]).ok();
        submit(user, &["--begin=now+1hour"]).ok();
        wait("the job runs", || jobs(user).contains("RUNNING").then_some(()));
    }
    let task = |user: &str, jobs: &str| {
        format!("    - slurm_jobs: {{name: {user}, uid: {}, state: stopped, jobs: {jobs}}}\n", uid(user))
    };
    let playbook = directory.path().join("leavers.yml");
    let tasks = task("alice", "cancel after 1m") + &task("bob", "cancel");
    std::fs::write(&playbook, format!("- hosts: all\n  gather_facts: no\n  tasks:\n{tasks}")).unwrap();
    side.report(&playbook, &["--check"]);
    assert_eq!((jobs("alice").lines().count(), jobs("bob").lines().count()), (2, 2), "a dry run ends nothing");
    side.report(&playbook, &[]);
    assert_eq!((jobs("alice").as_str(), jobs("bob").as_str()), ("RUNNING 2:00\n", ""));
    let refused = submit("alice", &[]).code(1).stderr;
    assert!(refused.contains("Job violates accounting/QOS policy"), "{refused}");
    let again = side.report(&playbook, &[]);
    assert!(again.last().unwrap().contains("\"changed\":0"), "{again:?}");
    // Their places go once nothing of theirs runs.
    let gone = task("bob", "cancel").replace("slurm_jobs", "slurm_user").replace("stopped, jobs: cancel", "absent");
    let gone = gone.replace(&format!("uid: {}, ", uid("bob")), "");
    std::fs::write(&playbook, format!("- hosts: all\n  gather_facts: no\n  tasks:\n{gone}")).unwrap();
    side.report(&playbook, &[]);
    assert_eq!(side.sacctmgr(&["-nP", "show", "user", "bob"]).ok().stdout, "");
}
