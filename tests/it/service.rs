//! The accounting service as people meet it: a real daemon on a socket of its own, asked by the real `sacctmgr`.

mod daemon;
mod people;

use crate::support::enlist_path;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A daemon with its store in a directory that goes away with it.
pub struct Service {
    directory: TempDir,
    daemon: Child,
}

impl Service {
    /// A fresh service for the cluster `ref`.
    pub fn start() -> Service {
        Self::configured("")
    }

    /// A fresh service with more lines in its configuration.
    pub fn configured(lines: &str) -> Service {
        Self::prepared(lines, |_| {})
    }

    /// [`Service::configured`], on a store that `prepare` may fill first.
    pub fn prepared(lines: &str, prepare: impl FnOnce(&std::path::Path)) -> Service {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(directory.path().join("conf"), format!("ClusterName=ref\n{lines}\n")).unwrap();
        for program in ["sacct", "sacctmgr"] {
            std::os::unix::fs::symlink(enlist_path(), directory.path().join(program)).unwrap();
        }
        prepare(&directory.path().join("store.db"));
        let daemon = serve(&directory);
        let service = Service { directory, daemon };
        service.wait();
        service
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.sacctmgr(&["-nP", "show", "tres", "format=id"]).status.success() {
            assert!(Instant::now() < until, "the service does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A file of this service.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `sacctmgr ARGS`, through its link, with nothing to read.
    pub fn sacctmgr(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("sacctmgr"));
        command.args(args).env("ENLIST_SOCKET", self.path("socket")).env_remove("ENLIST_REHEARSE");
        command
    }

    /// Standard output of a command that must succeed.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let out = self.sacctmgr(args);
        assert!(out.status.success(), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
        text(&out.stdout)
    }

    /// Standard output and standard error of a command that must end with 1.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> (String, String) {
        let out = self.sacctmgr(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", text(&out.stdout));
        (text(&out.stdout), text(&out.stderr))
    }

    /// The command with something to read; its standard output and exit code.
    fn typed(&self, args: &[&str], input: &str) -> (String, Option<i32>) {
        let mut child = self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        (text(&out.stdout), out.status.code())
    }

    fn as_nobody(&self, args: &[&str]) -> Output {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(self.path("sacctmgr")).args(args);
        command.env("ENLIST_SOCKET", self.path("socket")).stdin(Stdio::null()).output().unwrap()
    }

    /// The daemon's process number.
    pub fn daemon(&self) -> u32 {
        self.daemon.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    /// Serves the same store again.
    pub fn restart(&mut self) {
        self.daemon = serve(&self.directory);
        self.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn serve(directory: &TempDir) -> Child {
    let at = |name: &str| directory.path().join(name);
    let mut command = Command::new(enlist_path());
    command
        .envs(environment_of_unit())
        .env("TZ", "UTC")
        .arg("serve")
        .arg("--config")
        .arg(at("conf"))
        .arg("--store")
        .arg(at("store.db"));
    command.arg("--socket").arg(at("socket")).stderr(Stdio::null()).spawn().unwrap()
}

/// What the unit that is shipped sets for the service.
fn environment_of_unit() -> Vec<(&'static str, &'static str)> {
    let unit = include_str!("../../dist/enlist-serve.service");
    unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('=')).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_reference_commands() {
    let service = Service::start();
    let (out, err) = service.refused(&["-i", "add", "user", "gildong", "Account=ai_project"]);
    assert_eq!(out, "");
    assert_eq!(
        err,
        " This account 'ai_project' doesn't exist.\n        Contact your admin to add this account.\n No associations or \
         wckeys created.\n"
    );
    let add = ["-i", "add", "account", "ai_project", "Description=AI_Team_Project", "Organization=Research_Dept"];
    assert!(service.ok(&add).contains("  Description     = ai_team_project\n"));
    let user = ["-i", "add", "user", "gildong", "Account=ai_project"];
    assert!(service.ok(&user).starts_with(" Adding User(s)\n  gildong\n"));
    let (out, err) = service.refused(&user);
    assert_eq!(out, " Nothing new added.\n");
    assert!(err.contains("Already exists"), "{err}");
    service.ok(&["-i", "modify", "user", "gildong", "set", "GrpTRES=gres/gpu=2"]);
    service.ok(&["-i", "modify", "account", "ai_project", "set", "MaxJobs=10"]);
    service.ok(&["-i", "modify", "account", "ai_project", "set", "GrpCPURunMins=10000"]);
    let show = ["show", "association", "user=gildong", "format=Account,User,Partition,GrpTRES,MaxJobs"];
    assert_eq!(
        service.ok(&show),
        "   Account       User  Partition       GrpTRES MaxJobs \n---------- ---------- ---------- ------------- ------- \
         \nai_project    gildong               gres/gpu=2      10 \n"
    );
    assert_eq!(service.ok(&[&["-nP"], &show[..]].concat()), "ai_project|gildong||gres/gpu=2|10\n");
}

#[test]
fn others_may_read_but_not_write() {
    let service = Service::start();
    service.ok(&["-i", "add", "account", "a"]);
    assert!(service.as_nobody(&["show", "account"]).status.success());
    for args in [
        &["-i", "add", "user", "nobody", "account=a"] as &[&str],
        &["-i", "add", "account", "b"],
        &["-i", "modify", "account", "a", "set", "MaxJobs=1"],
        &["-i", "delete", "account", "a"],
    ] {
        let out = service.as_nobody(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert!(text(&out.stderr).contains("Access/permission denied"), "{args:?}: {}", text(&out.stderr));
    }
    assert_eq!(service.ok(&["-nP", "show", "assoc", "format=account,user,maxjobs"]), "root||\nroot|root|\na||\n");
}

#[test]
fn hostile_words_change_nothing_but_what_they_say() {
    let service = Service::start();
    service.ok(&["-i", "add", "account", "a"]);
    for name in ["-x", "a|b", "a:b", "a=b", "a\nb", "\u{1b}[2J", ""] {
        service.refused(&["-i", "add", "user", &format!("name={name}"), "account=a"]);
    }
    service.refused(&["-i", "add", "user", &"x".repeat(300), "account=a"]);
    service.refused(&["-i", "add", "user", "u[1-999999999]", "account=a"]);
    service.refused(&["-i", "add", "user", "u", "account=a", "bogus=1"]);
    let sql = "'); DROP TABLE association; --";
    service.ok(&["-i", "modify", "account", "a", "set", &format!("description=\"{sql}\"")]);
    service.ok(&["-i", "add", "user", "u;drop table user", "account=a"]);
    assert_eq!(service.ok(&["-nP", "show", "assoc", "format=user"]), "\nroot\n\nu;drop table user\n");
    let out = service.ok(&["-nP", "show", "account", "a", "format=descr"]);
    assert_eq!(out, "`); drop table association; --\n");
}

#[test]
fn requests_that_make_no_sense_leave_it_alive() {
    use std::io::Read;
    let service = Service::start();
    let mut idle = Vec::new();
    for body in ["{", "{}", r#"{"argv": 1}"#, r#"{"argv": [], "root": true}"#] {
        let mut stream = std::os::unix::net::UnixStream::connect(service.path("socket")).unwrap();
        let head =
            "POST /v1/slurm/sacctmgr HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        idle.push(std::os::unix::net::UnixStream::connect(service.path("socket")).unwrap());
        let mut half = std::os::unix::net::UnixStream::connect(service.path("socket")).unwrap();
        write!(half, "POST /v1/sacct").unwrap();
        idle.push(half);
    }
    service.ok(&["show", "user"]);
}

#[test]
fn the_question_before_a_commit() {
    let service = Service::start();
    let question = "Would you like to commit changes? (You have 30 seconds to decide)\n(N/y): \n";
    let (out, code) = service.typed(&["add", "account", "no"], "n");
    assert!(out.ends_with(&format!("{question} Changes Discarded\n")), "{out}");
    assert_eq!(code, Some(0));
    let (out, code) = service.typed(&["add", "account", "newline"], "\n");
    assert!(out.ends_with(" Changes Discarded\n") && code == Some(0), "{out}");
    let (out, code) = service.typed(&["add", "account", "yes"], "xy");
    assert!(out.ends_with("(N/y): \nY or N please\n(N/y): \n") && code == Some(0), "{out}");
    let out = service.sacctmgr(&["add", "account", "end"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("the input ended"), "{}", text(&out.stderr));
    let (out, code) = service.typed(&["add", "user", "nosuchperson", "account=yes"], "yy");
    assert!(out.starts_with("There is no uid for user 'nosuchperson'\nAre you sure you want to continue?"), "{out}");
    assert_eq!(code, Some(0));
    assert_eq!(
        service.ok(&["-nP", "show", "assoc", "format=account,user"]),
        "root|\nroot|root\nyes|\nyes|nosuchperson\n"
    );
}

/// Asks `request` to the socket as a client would; the answer.
fn asked(service: &Service, request: &serde_json::Value) -> serde_json::Value {
    super::support::http::post(&service.path("socket"), "/v1/slurm/sacctmgr", request).json()
}

#[test]
fn an_answer_counts_while_the_question_is_the_same() {
    use serde_json::json;
    let service = Service::start();
    service.ok(&["-i", "add", "account", "a,b"]);
    let modify = json!(["modify", "account", "where", "name=b", "set", "maxjobs=5"]);
    let question = asked(&service, &json!({ "argv": modify }));
    assert!(question["question"].is_string(), "{question}");
    // What has nothing to do with the question.
    service.ok(&["-i", "add", "user", "gildong", "account=a"]);
    service.ok(&["-i", "add", "qos", "q"]);
    let yes = |question: &serde_json::Value| {
        asked(&service, &json!({ "argv": modify, "answers": [true], "asked": question["asked"] }))
    };
    assert_eq!(yes(&question)["code"], 0);
    let show = ["-nP", "show", "assoc", "account=b", "user=", "format=maxjobs"];
    assert_eq!(service.ok(&show), "5\n");
    service.ok(&["-i", "modify", "account", "b", "set", "maxjobs=6"]);
    let question = asked(&service, &json!({ "argv": modify }));
    service.ok(&["-i", "add", "user", "gildong", "account=b"]);
    let late = yes(&question);
    assert_eq!(late["code"], 1, "a user more would be touched than was shown: {late}");
    assert!(late["stderr"].as_str().unwrap().contains("changed while you decided"), "{late}");
    assert_eq!(service.ok(&show), "6\n");
}

#[test]
fn names_of_users_keep_their_case_if_the_configuration_says_so() {
    let service = Service::configured("Parameters=PreserveCaseUser");
    service.ok(&["-i", "add", "account", "Ab"]);
    service.ok(&["-i", "add", "user", "Gildong", "account=AB"]);
    service.ok(&["-i", "add", "user", "gildong", "account=ab"]);
    service.ok(&["-i", "modify", "user", "Gildong", "set", "maxjobs=3"]);
    let show = ["-nP", "show", "assoc", "account=ab", "format=account,user,maxjobs"];
    assert_eq!(service.ok(&show), "ab||\nab|Gildong|3\nab|gildong|\n");
    service.ok(&["-i", "delete", "user", "gildong"]);
    assert_eq!(service.ok(&["-nP", "show", "user", "Gildong,gildong", "format=user"]), "Gildong\n");
    service.configure("");
    service.signal(nix::sys::signal::Signal::SIGHUP);
    let until = Instant::now() + Duration::from_secs(60);
    while !service.ok(&["-nP", "show", "user", "ROOT", "format=user"]).contains("root") {
        assert!(Instant::now() < until, "Parameters does not take effect");
    }
}

#[test]
fn a_rehearsal_says_what_would_happen_and_keeps_nothing() {
    let service = Service::start();
    let add = ["-i", "add", "user", "gildong", "account=a"];
    let rehearsed = |earlier: &str| {
        let out = service.command(&add).env("ENLIST_REHEARSE", earlier).output().unwrap();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };
    assert_eq!(rehearsed("[]").0, Some(1), "the account is not there");
    let account = r#"["/usr/bin/sacctmgr", "-i", "add", "account", "a"]"#;
    let (code, out, _) = rehearsed(&format!("[{account}]"));
    assert!(code == Some(0) && out.starts_with(" Adding User(s)\n"), "{out}");
    let user = r#"["enlist", "slurm", "sacctmgr", "-i", "add", "user", "gildong", "account=a"]"#;
    let (code, _, err) = rehearsed(&format!("[{account}, {user}]"));
    assert!(code == Some(1) && err.contains("Already exists"), "{err}");
    let show = ["-nP", "show", "transaction", "format=action,where"];
    let out = service.command(&show).env("ENLIST_REHEARSE", format!("[{account}]")).output().unwrap();
    let (before, rehearsed) = (service.ok(&show), text(&out.stdout));
    assert!(rehearsed.starts_with(&before) && rehearsed.contains("Add Account"), "{rehearsed}");
    assert!(!before.contains("Add Account"), "{before}");
    assert_eq!(service.ok(&["-nP", "show", "assoc", "format=account,user"]), "root|\nroot|root\n");
    assert_eq!(service.ok(&["-nP", "show", "user", "format=user"]), "root\n");
}

#[test]
fn by_its_name_or_through_enlist_slurm() {
    let service = Service::start();
    let out = Command::new(enlist_path())
        .args(["slurm", "sacctmgr", "-nP", "show", "cluster", "format=cluster"])
        .env("ENLIST_SOCKET", service.path("socket"))
        .output()
        .unwrap();
    assert_eq!(text(&out.stdout), "ref\n");
    let (out, code) = service.typed(&["-n", "-P"], "show cluster format=cluster\n# a comment\nshow bogus\nquit\n");
    let typed =
        "sacctmgr: show cluster format=cluster\nref\nsacctmgr: # a comment\nsacctmgr: show bogus\nsacctmgr: quit\n";
    assert_eq!((out.as_str(), code), (typed, Some(1)));
}

#[test]
fn a_new_cluster_has_the_default_qos() {
    let service = Service::configured("DefaultQOS=high");
    service.ok(&["-i", "add", "qos", "high"]);
    service.ok(&["-i", "add", "cluster", "other"]);
    assert_eq!(service.ok(&["-nP", "show", "cluster", "format=cluster,qos"]), "other|high\nref|normal\n");
}

#[test]
fn what_is_wrong_with_options_needs_no_service() {
    let mut service = Service::start();
    service.kill();
    let (out, err) = service.refused(&["--bogus"]);
    assert_eq!((out.as_str(), err.lines().next()), ("", Some("sacctmgr: unrecognized option '--bogus'")));
    assert!(service.refused(&["-x", "show", "user"]).1.starts_with("sacctmgr: invalid option -- 'x'\n"));
    assert!(service.ok(&["-V"]).contains("22.05.8"));
    assert!(service.refused(&["show", "user"]).1.contains("no accounting service on"));
}
