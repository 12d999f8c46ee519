//! A loop of `command: sacctmgr …` is answered by one process of the host's own enlist, and says what a process for each
//! command says. What is not enlist, or not certain to be the same, has a process of its own.

use super::service::{Service, text};
use crate::support::{enlist_path, run};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What a command left: exit code, standard output, standard error.
type Left = (i64, String, String);

/// A socket before the service's that remembers which processes come to it.
struct Gate {
    path: PathBuf,
    processes: Arc<Mutex<Vec<i32>>>,
}

impl Gate {
    fn before(service: &Service) -> Self {
        let (path, behind) = (service.path("gate"), service.path("socket"));
        let listener = UnixListener::bind(&path).unwrap();
        let processes = Arc::new(Mutex::new(Vec::new()));
        let seen = processes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                seen.lock().unwrap().push(getsockopt(&stream, PeerCredentials).unwrap().pid());
                join(stream, UnixStream::connect(&behind).unwrap());
            }
        });
        Self { path, processes }
    }

    /// How many commands came, and from how many processes.
    fn came(&self) -> (usize, usize) {
        let processes = std::mem::take(&mut *self.processes.lock().unwrap());
        (processes.len(), processes.iter().collect::<BTreeSet<_>>().len())
    }
}

fn join(client: UnixStream, service: UnixStream) {
    let (mut to, mut from) = (service.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
    });
    std::thread::spawn(move || {
        let (mut from, mut to) = (service, client);
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// A service, the gate before it, and a directory for files and programs that stands first in PATH.
struct Site {
    _service: Service,
    gate: Gate,
    files: TempDir,
}

impl Site {
    fn new() -> Self {
        let service = Service::start();
        let gate = Gate::before(&service);
        let files = TempDir::new().unwrap();
        symlink(enlist_path(), files.path().join("sacctmgr")).unwrap();
        Self { _service: service, gate, files }
    }

    fn path(&self) -> String {
        format!("{}:{}", self.files.path().display(), std::env::var("PATH").unwrap())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", self.path()).env("ENLIST_SOCKET", &self.gate.path).env("HOME", self.files.path());
        command.env_remove("ENLIST_REHEARSE").current_dir(self.files.path()).stdin(Stdio::null());
        command
    }

    /// Each command in a process of its own.
    fn one_by_one(&self, commands: &[String]) -> Vec<Left> {
        let each = |line: &String| {
            let words = shell_words::split(line).unwrap();
            let out = self.command(self.files.path().join("sacctmgr")).args(&words[1..]).output().unwrap();
            let code = i64::from(out.status.code().unwrap());
            (code, text(&out.stdout), text(&out.stderr))
        };
        commands.iter().map(each).collect()
    }

    /// All of them as the items of one task; `more` is added to the task.
    fn as_a_loop(&self, commands: &[String], more: &str) -> Vec<Left> {
        let (playbook, inventory) = (self.files.path().join("loop.yml"), self.files.path().join("hosts.ini"));
        std::fs::write(&inventory, "here ansible_connection=local\n").unwrap();
        let lines = serde_json::to_string(commands).unwrap();
        let task = format!(
            "- hosts: all\n  gather_facts: no\n  tasks:\n    - command: {{cmd: '{{{{ item }}}}', strip_empty_ends: no{more}}}\n      \
             loop: {lines}\n      ignore_errors: yes\n      register: said\n    - debug: {{var: said}}\n"
        );
        std::fs::write(&playbook, task).unwrap();
        let mut command = self.command(enlist_path());
        let ran = run(command.arg("play").arg("-i").arg(&inventory).arg(&playbook).arg("--json"), "");
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        results(&ran.stdout)
    }
}

/// What each item left, as the registered result has it.
fn results(events: &str) -> Vec<Left> {
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said = events.filter_map(|event| find(&event, "results").cloned()).next_back().expect("a result with items");
    let left = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        (item["rc"].as_i64().unwrap_or(-1), text("stdout"), text("stderr"))
    };
    said.as_array().unwrap().iter().map(left).collect()
}

/// The value of a name, wherever in the document it is.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(name).or_else(|| map.values().find_map(|inner| find(inner, name))),
        Value::Array(list) => list.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Of all kinds: what changes, what does not, what is refused, what asks, what reads and writes files, what is long.
fn all_kinds() -> Vec<String> {
    let mut commands = lines(&[
        "sacctmgr -i add account lab",
        "sacctmgr -i add user ann account=lab",
        "sacctmgr -i add user ann account=lab",
        "sacctmgr -i add user 'bad name' account=nowhere",
        "sacctmgr add user bo account=lab",
        "sacctmgr -x show user",
        "sacctmgr -V",
        "sacctmgr --help",
        "sacctmgr",
        "sacctmgr -n",
        "sacctmgr shw assoc",
        "sacctmgr -nP show assoc format=account,user",
        "sacctmgr dump ref file=ref.cfg",
        "sacctmgr -i load file=ref.cfg",
        "sacctmgr -i load file=nowhere.cfg",
        "sacctmgr -i modify user ann set comment=\"a  b\"",
        "sacctmgr -Q -i delete user nobody-here",
        "sacctmgr show user ann format=user%5,defaultaccount%-20",
    ]);
    let many = (0..3000).map(|n| format!("u{n:04}")).collect::<Vec<_>>().join(",");
    commands.push(format!("sacctmgr -i add user {many} account=lab"));
    commands.push("sacctmgr show assoc format=cluster,account,user".to_owned());
    commands
}

#[test]
fn a_loop_says_what_a_process_for_each_command_says() {
    let (apart, together) = (Site::new(), Site::new());
    let commands = all_kinds();
    let expected = apart.one_by_one(&commands);
    let said = together.as_a_loop(&commands, "");
    assert_eq!(said.len(), expected.len());
    for ((command, expected), said) in commands.iter().zip(&expected).zip(&said) {
        assert_eq!(said, expected, "{:.80}", command);
    }
    let dump = |site: &Site| std::fs::read_to_string(site.files.path().join("ref.cfg")).unwrap();
    assert_eq!(dump(&together), dump(&apart));
    assert!(said.iter().any(|left| left.1.len() > 64 << 10), "one is longer than what is printed at once");
}

fn adds(count: usize) -> Vec<String> {
    let users = (0..count).map(|n| format!("sacctmgr -i add user u{n} account=lab"));
    ["sacctmgr -i add account lab".to_owned()].into_iter().chain(users).collect()
}

#[test]
fn one_process_carries_out_the_commands_of_a_loop() {
    let site = Site::new();
    let codes = |said: Vec<Left>| said.into_iter().map(|left| left.0).collect::<BTreeSet<_>>();
    assert_eq!(codes(site.as_a_loop(&adds(20), "")), [0].into());
    assert_eq!(site.gate.came(), (21, 2), "one of its own for the first, one for all others");
    let absolute = format!("{}/sacctmgr", site.files.path().display());
    let again: Vec<_> = adds(20).iter().map(|line| line.replacen("sacctmgr", &absolute, 1)).collect();
    assert_eq!(codes(site.as_a_loop(&again, "")), [1].into(), "they are there already");
    assert_eq!(site.gate.came(), (21, 2));
    for more in [", chdir: /", ", stdin: y"] {
        site.as_a_loop(&adds(3), more);
        assert_eq!(site.gate.came(), (4, 4), "{more}: nothing but the words may differ");
    }
    assert_eq!(codes(site.as_a_loop(&adds(3), ", creates: /etc/passwd")), [0].into());
    assert_eq!(site.gate.came(), (0, 0), "what need not run does not run");
}

/// A script that notes that it was asked, and leads on to enlist.
fn wrapper(at: &Path) {
    let notes = at.with_file_name("notes");
    let own = at.with_file_name("own");
    std::fs::create_dir_all(&own).unwrap();
    symlink(enlist_path(), own.join("sacctmgr")).unwrap();
    let script = format!("#!/bin/sh\necho \"$@\" >>{}\nexec {}/sacctmgr \"$@\"\n", notes.display(), own.display());
    std::fs::write(at, script).unwrap();
    std::fs::set_permissions(at, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_wrapper_is_asked_for_each_command_also_one_that_is_called_enlist() {
    let site = Site::new();
    let at = |name: &str| site.files.path().join(name);
    std::fs::remove_file(at("sacctmgr")).unwrap();
    wrapper(&at("sacctmgr"));
    site.as_a_loop(&adds(5), "");
    let notes = || std::fs::read_to_string(at("notes")).unwrap();
    assert_eq!((notes().lines().count(), site.gate.came()), (6, (6, 6)));

    std::fs::remove_file(at("notes")).unwrap();
    std::fs::rename(at("sacctmgr"), at("enlist")).unwrap();
    symlink(at("enlist"), at("sacctmgr")).unwrap();
    site.as_a_loop(&adds(5), "");
    let adds = notes().lines().filter(|line| line.starts_with("-i add")).count();
    assert_eq!((adds, site.gate.came()), (6, (6, 6)));
}

#[test]
fn another_program_of_the_name_that_comes_in_the_middle_is_the_one_that_runs() {
    let site = Site::new();
    let at = |name: &str| site.files.path().join(name).display().to_string();
    std::fs::write(at("other"), "#!/bin/sh\necho other \"$@\"\n").unwrap();
    std::fs::set_permissions(at("other"), PermissionsExt::from_mode(0o755)).unwrap();
    let mut commands = adds(3);
    commands.push(format!("ln -sfn {} {}", at("other"), at("sacctmgr")));
    commands.extend(lines(&["sacctmgr -i add user x account=lab", "sacctmgr -V"]));
    commands.push(format!("ln -sfn {} {}", enlist_path(), at("sacctmgr")));
    commands.extend(lines(&["sacctmgr -nP show user x format=user", "sacctmgr -nP show user u2 format=user"]));
    let said = site.as_a_loop(&commands, "");
    assert_eq!(said[5], (0, "other -i add user x account=lab\n".into(), String::new()));
    assert_eq!(said[6].1, "other -V\n");
    assert_eq!((said[8].1.as_str(), said[9].1.as_str()), ("", "u2\n"));
}

#[test]
fn one_that_is_killed_in_the_middle_is_a_command_that_was_killed() {
    let site = Site::new();
    // The service does not answer: the gate's other end is a process that only waits, and kills who asks.
    let gate = site.files.path().join("deaf");
    let listener = UnixListener::bind(&gate).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let pid = getsockopt(&stream, PeerCredentials).unwrap().pid();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL).unwrap();
        }
    });
    let site = Site { gate: Gate { path: gate, processes: Arc::default() }, ..site };
    let said = site.as_a_loop(&adds(3), "");
    let killed: Left = (-9, String::new(), String::new());
    assert_eq!(said, vec![killed; 4]);
}
