//! The daemon's life: starts, stops, signals, configuration, log.

use super::{Service, serve, text};
use crate::support::enlist_path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[test]
fn a_second_daemon_on_the_store_is_refused() {
    let service = Service::start();
    let out = Command::new(enlist_path())
        .args(["serve", "--store"])
        .arg(service.path("store.db"))
        .arg("--socket")
        .arg(service.path("other"))
        .output()
        .unwrap();
    assert!(!out.status.success());
    assert!(text(&out.stderr).contains("in use by another enlist serve"), "{}", text(&out.stderr));
    service.ok(&["show", "user"]);
}

#[test]
fn sigterm_stops_it_in_good_order() {
    let mut service = Service::start();
    let pid = nix::unistd::Pid::from_raw(service.daemon.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(service.daemon.wait().unwrap().success());
    assert!(!service.path("socket").exists());
    let (_, err) = service.refused(&["show", "user"]);
    assert!(err.contains("start `enlist serve`"), "{err}");
}

#[test]
fn a_second_daemon_on_the_socket_is_refused() {
    let service = Service::start();
    let mut command = Command::new(enlist_path());
    command.args(["serve", "--store"]).arg(service.path("other.db")).arg("--socket").arg(service.path("socket"));
    let out = command.output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("another daemon listens on"), "{}", text(&out.stderr));
    service.ok(&["show", "user"]);
}

/// A daemon that waits for its store, which `locked` keeps from it; it has begun when this returns.
fn starting(directory: &TempDir, locked: &rusqlite::Connection) -> Child {
    std::fs::write(directory.path().join("conf"), "ClusterName=ref\n").unwrap();
    locked.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let daemon = serve(directory);
    let until = Instant::now() + Duration::from_secs(30);
    while !directory.path().join("store.db.lock").exists() {
        assert!(Instant::now() < until, "it does not open its store");
        std::thread::sleep(Duration::from_millis(1));
    }
    daemon
}

#[test]
fn signals_while_it_reads_its_store() {
    use nix::sys::signal::{Signal, kill};
    let directory = tempfile::tempdir().unwrap();
    let store = rusqlite::Connection::open(directory.path().join("store.db")).unwrap();
    let mut daemon = starting(&directory, &store);
    let pid = |daemon: &Child| nix::unistd::Pid::from_raw(daemon.id() as i32);
    kill(pid(&daemon), Signal::SIGTERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0), "it stops at once, in good order");
    store.execute_batch("ROLLBACK").unwrap();

    std::fs::remove_file(directory.path().join("store.db.lock")).unwrap();
    let daemon = starting(&directory, &store);
    kill(pid(&daemon), Signal::SIGHUP).unwrap();
    store.execute_batch("ROLLBACK").unwrap();
    std::os::unix::fs::symlink(enlist_path(), directory.path().join("sacctmgr")).unwrap();
    let mut service = Service { directory, daemon };
    service.wait();
    assert!(service.daemon.try_wait().unwrap().is_none(), "a reload that comes too early is no end");
}

impl Service {
    pub(super) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.daemon.id() as i32), signal).unwrap();
    }

    pub(super) fn configure(&self, lines: &str) {
        std::fs::write(self.path("conf"), format!("ClusterName=ref\n{lines}\n")).unwrap();
    }
}

/// What the file holds once it holds `text`.
fn eventually(path: &std::path::Path, text: &str) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = std::fs::read_to_string(path).unwrap_or_default();
        if found.contains(text) {
            return found;
        }
        assert!(Instant::now() < until, "`{text}` does not come: {found}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_logs_changes_and_reads_its_configuration_again() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let lines = format!("LogFile={}\nLogFormat=json\n", log.display());
    let service = Service::configured(&lines);
    service.ok(&["-i", "add", "account", "a"]);
    service.ok(&["show", "account"]);
    service.refused(&["shw", "assoc"]);
    assert!(!service.as_nobody(&["-i", "add", "account", "b"]).status.success());
    service.ok(&["-i", "add", "account", "c"]);
    eventually(&log, "\\\"c\\\"");
    assert_eq!(std::fs::read_to_string(&log).unwrap().matches("\"change\"").count(), 2, "changes alone");
    let change = eventually(&log, "\"change\"");
    let change: serde_json::Value =
        serde_json::from_str(change.lines().find(|line| line.contains("\"change\"")).unwrap()).unwrap();
    assert_eq!((&change["user"], &change["uid"], &change["code"]), (&"root".into(), &0.into(), &0.into()));
    assert_eq!(change["argv"], r#"["-i", "add", "account", "a"]"#);
    assert!(!std::fs::read_to_string(&log).unwrap().contains("request"), "requests are not logged at `info`");

    service
        .configure(&format!("{lines}DebugLevel=verbose\nAccountingStorageTRES=license/x\nStoreLocation=/elsewhere\n"));
    std::fs::rename(&log, directory.path().join("log.1")).unwrap();
    service.signal(nix::sys::signal::Signal::SIGHUP);
    eventually(&log, "the configuration was read again");
    assert!(service.ok(&["-nP", "show", "tres", "format=type,name"]).contains("license|x\n"));
    eventually(&log, "/v1/slurm/sacctmgr");
    service.configure("PrivateData=accounts\nNonsense=1\n");
    service.signal(nix::sys::signal::Signal::SIGHUP);
    eventually(&log, "the configuration was not read again: unknown key");
    assert!(service.as_nobody(&["show", "account"]).status.success(), "a bad configuration changes nothing");
    service.configure(&format!("{lines}PrivateData=accounts\n"));
    service.signal(nix::sys::signal::Signal::SIGHUP);
    let until = Instant::now() + Duration::from_secs(60);
    while service.as_nobody(&["show", "account"]).status.success() {
        assert!(Instant::now() < until, "PrivateData does not take effect");
    }
}

#[test]
fn it_tells_systemd_when_it_is_ready_and_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let listening = std::os::unix::net::UnixDatagram::bind(at("notify")).unwrap();
    listening.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = Command::new(enlist_path());
    command.args(["serve", "--store"]).arg(at("store.db")).arg("--socket").arg(at("socket"));
    let mut daemon = command.env("NOTIFY_SOCKET", at("notify")).stderr(Stdio::null()).spawn().unwrap();
    let heard = || {
        let mut bytes = [0; 64];
        let length = listening.recv(&mut bytes).unwrap();
        text(&bytes[..length])
    };
    assert_eq!(heard(), "READY=1");
    assert!(at("socket").exists());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(heard(), "STOPPING=1");
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn the_unit_is_good_in_the_eyes_of_systemd() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/dist/enlist-serve.service");
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("enlist-serve.service");
    std::fs::write(&copy, std::fs::read_to_string(unit).unwrap().replace("/usr/local/bin/enlist", enlist_path()))
        .unwrap();
    let out = Command::new("systemd-analyze").arg("verify").arg(&copy).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", text(&out.stderr));
}

#[test]
fn the_configuration_is_checked_and_printed() {
    let service = Service::configured("PrivateData=users\nSlurmctldPort=6817");
    let serve = |args: &[&str]| {
        let out = Command::new(enlist_path())
            .arg("serve")
            .arg("--config")
            .arg(service.path("conf"))
            .args(args)
            .output()
            .unwrap();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };
    let (code, out, err) = serve(&["--check-config"]);
    assert_eq!((code, out.as_str()), (Some(0), "The configuration is good.\n"));
    assert!(err.contains("warning: ") && err.contains("SlurmctldPort does nothing here"), "{err}");
    let (code, out, _) = serve(&["--print-config"]);
    assert!(code == Some(0) && out.contains("PrivateData=users\n") && out.contains("ClusterName=ref\n"), "{out}");
    service.configure("PrivateDat=users");
    let (code, _, err) = serve(&["--check-config"]);
    assert!(code == Some(1) && err.contains("did you mean `PrivateData`?"), "{code:?} {err}");
}
