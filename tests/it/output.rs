//! What commands print: a reader that has seen enough ends each of them quietly.

use crate::service::{Service, text};
use crate::support::{enlist_path, lab};
use std::process::{Command, Output, Stdio};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// Runs it with a standard output of which nobody reads.
fn into_a_closed_pipe(command: &mut Command) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap()
}

#[track_caller]
fn ends_quietly(command: &mut Command, what: &str) {
    let out = into_a_closed_pipe(command);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(141), "{what}: {said}");
    assert!(!said.contains("panicked") && !said.contains("Broken pipe"), "{what}: {said}");
}

/// Commands that print without a service and without hosts.
const ALONE: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["play", "--help"],
    &["doc"],
    &["doc", "user", "--json"],
    &["directory", "client", "--help"],
    &["inventory", "-i", INVENTORY, "--list"],
    &["inventory", "-i", INVENTORY, "--graph"],
    &["roster", "checks"],
    &["roster", "check", "ROSTER"],
    &["roster", "schema"],
    &["user", "show", "gildong", "--roster", "ROSTER"],
    &["user", "add", "dooly", "--uid", "2002", "--group", "ai_team", "--roster", "ROSTER"],
    &["play", "-i", INVENTORY, "--syntax-check", "playbooks/create_user.yml"],
    &["play", "-i", INVENTORY, "--list-hosts", "playbooks/create_user.yml"],
    &["play", "-i", INVENTORY, "--list-tasks", "playbooks/create_user.yml"],
    &["serve", "--print-config"],
    &["cert", "--directory", "SCRATCH/pki", "init"],
    &["cert", "--directory", "SCRATCH/pki", "list"],
    &["slurm", "sacctmgr", "--help"],
    &["slurm", "sacctmgr", "-V"],
];

/// Those that ask the service.
const OF_THE_SERVICE: &[&[&str]] = &[
    &["slurm", "sacctmgr", "show", "assoc"],
    &["slurm", "sacctmgr", "show", "config"],
    &["slurm", "sacctmgr"],
    &["slurm", "sacct", "-a"],
    &["slurm", "sreport", "cluster", "utilization"],
    &["slurm", "sshare", "-a"],
    &["explain", "root", "--account", "root"],
    &["import", "jobs", "SCRATCH/jobs.txt"],
    &["export", "slurm", "-o", "SCRATCH/out"],
    &["import", "slurm", "--from", "SCRATCH/out"],
    &["store", "--store", "SCRATCH/store", "check"],
];

/// Those that reach hosts.
const OF_HOSTS: &[&[&str]] = &[
    &["plan", "-i", INVENTORY, "--roster", "ROSTER"],
    &["status", "-i", INVENTORY, "--roster", "ROSTER"],
    &["audit", "-i", INVENTORY, "--roster", "ROSTER"],
    &["explain", "gildong", "-i", INVENTORY, "--roster", "ROSTER"],
    &["play", "-i", INVENTORY, "playbooks/create_user.yml", "--check"],
    &["apply", "-y", "-i", INVENTORY, "--roster", "ROSTER"],
    // What an apply before these wrote down.
    &["log", "--log", "SCRATCH/enlist-log.jsonl"],
];

/// Commands of the help that print nothing of their own while they run.
const SILENT: &[&str] = &["node"];

const ROSTER: &str = "site: lab\ngroups:\n  ai_team: {gid: 3001}\nusers:\n  gildong: {uid: 2001, group: ai_team}\n";

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    let service = Service::start();
    let scratch = service.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let jobs = "JobID|User|Account|Submit|Start|End|State|AllocTRES\n\
                1|root|root|2026-10-03T00:00:00|2026-10-03T00:00:00|2026-10-03T01:00:00|COMPLETED|cpu=2\n";
    std::fs::write(scratch.join("jobs.txt"), jobs).unwrap();
    let roster = scratch.join("roster.yml");
    let filled = |word: &&str| match *word {
        "ROSTER" => roster.display().to_string(),
        "SCRATCH/store" => service.path("store.db").display().to_string(),
        word => word.replace("SCRATCH", &scratch.display().to_string()),
    };
    for words in ALONE.iter().chain(OF_THE_SERVICE) {
        std::fs::write(&roster, ROSTER).unwrap();
        let mut command = Command::new(enlist_path());
        command.args(words.iter().map(filled)).env("ENLIST_SOCKET", service.path("socket"));
        ends_quietly(&mut command, &words.join(" "));
    }
    std::fs::write(&roster, ROSTER).unwrap();
    let lab = lab();
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", &roster.display().to_string()]).ok();
    std::fs::write(&roster, ROSTER.replace("group: ai_team", "group: ai_team, comment: Hong")).unwrap();
    for words in OF_HOSTS {
        let words: Vec<String> = words.iter().map(filled).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        ends_quietly(&mut lab.enlist_command(&words), &words.join(" "));
    }
}

#[test]
fn every_command_is_tried_with_a_closed_pipe() {
    let help = Command::new(enlist_path()).arg("--help").output().unwrap();
    let help = text(&help.stdout);
    let named =
        help.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  -"));
    let tried = |name: &str| {
        let all = ALONE.iter().chain(OF_THE_SERVICE).chain(OF_HOSTS);
        SILENT.contains(&name) || all.into_iter().any(|words| words[0] == name)
    };
    let mut count = 0;
    for name in named.filter_map(|line| line.split_whitespace().next()) {
        assert!(tried(name), "`enlist {name}` is not tried with a closed pipe");
        count += 1;
    }
    assert!(count > 10, "the help has another form: {help}");
}

/// Presses Ctrl-C when a line with this text is printed.
pub const PRESS: &str = "
import signal, subprocess, sys
run = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True)
for line in run.stdout:
    print(line, end='')
    if sys.argv[1] in line:
        run.send_signal(signal.SIGINT)
sys.exit(run.wait())
";

#[test]
fn a_run_that_is_interrupted_says_what_was_done() {
    let lab = lab();
    let tasks = "- hosts: login1:login2\n  gather_facts: no\n  tasks:\n    - {name: short, command: 'true'}\n    \
                 - {name: long, command: sleep 3}\n    - {name: never, command: 'true'}\n";
    let playbook = lab.write_temp("play.yml", tasks);
    let run = ["exec", "python3", "-c", PRESS, "TASK [long]", "enlist", "play", "-i", INVENTORY];
    let ran = crate::support::run(lab.command(&run).arg(playbook), "").code(99);
    assert!(ran.stderr.contains("User interrupted execution"), "{ran:?}");
    assert!(ran.stderr.contains("The last task begun is [long]"), "{ran:?}");
    let recap = ran.stdout.split("PLAY RECAP").nth(1).unwrap_or_else(|| panic!("no recap: {ran:?}"));
    assert_eq!(recap.matches("ok=1 ").count(), 2, "{ran:?}");
    assert!(!ran.stdout.contains("TASK [never]"), "{ran:?}");
}

/// A host that has no certificates is told so, and what to do; a heading alone would read as "there are none to worry about".
#[test]
fn no_certificates_are_no_empty_list() {
    let scratch = tempfile::tempdir().unwrap();
    for place in [scratch.path().to_path_buf(), scratch.path().join("nowhere")] {
        let mut command = Command::new(enlist_path());
        let out = command.arg("cert").arg("--directory").arg(&place).arg("list").output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(1), &b""[..]), "{told}");
        assert!(told.contains("this host has no certificates") && told.contains("`enlist cert init`"), "{told}");
        assert!(told.contains(&place.display().to_string()), "{told}");
    }
}
