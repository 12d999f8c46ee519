//! The service's store when things go wrong: killed, out of room, backed up while it is written.

use crate::service::Service;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ENLIST: &str = env!("CARGO_BIN_EXE_enlist");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn enlist(args: &[&str]) -> Output {
    Command::new(ENLIST).args(args).output().unwrap()
}

/// Standard output of a command that must succeed.
#[track_caller]
fn ok(service: &Service, args: &[&str]) -> String {
    let out = service.sacctmgr(args);
    assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
    text(&out.stdout)
}

fn users(service: &Service) -> BTreeSet<String> {
    ok(service, &["-nP", "show", "user", "format=user"]).lines().map(str::to_owned).collect()
}

/// Adds users from several clients at once until `enough` of them were acknowledged, then calls `then` while they go on;
/// gives the names that were acknowledged.
fn add_until(service: &Service, round: usize, enough: usize, then: impl FnOnce()) -> Vec<String> {
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let count = &count;
                scope.spawn(move || {
                    let names = (0..400).map(|n| format!("r{round}c{client}n{n}"));
                    let added = |name: &String| {
                        let ok = service.sacctmgr(&["-i", "add", "user", name, "account=a"]).status.success();
                        count.fetch_add(usize::from(ok), Ordering::SeqCst);
                        ok
                    };
                    names.take_while(added).collect::<Vec<_>>()
                })
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(120);
        while count.load(Ordering::SeqCst) < enough {
            assert!(Instant::now() < until, "only {count:?} of {enough} users were added");
            std::thread::sleep(Duration::from_millis(1));
        }
        then();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn killed_at_any_time_nothing_acknowledged_is_lost() {
    let mut service = Service::start();
    ok(&service, &["-i", "add", "account", "a"]);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let daemon = Pid::from_raw(service.daemon() as i32);
        acknowledged.extend(add_until(&service, round, 5 + 6 * round, || kill(daemon, Signal::SIGKILL).unwrap()));
        service.kill();
        service.restart();
        let there = users(&service);
        let lost: Vec<_> = acknowledged.iter().filter(|name| !there.contains(*name)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
    let associations = ok(&service, &["-nP", "show", "assoc", "account=a", "format=user"]);
    let with: BTreeSet<_> = associations.lines().filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut there = users(&service);
    there.remove("root");
    assert_eq!(with, there, "a user and their association come together or not at all");
}

#[test]
fn a_backup_while_it_is_written_is_whole() {
    let mut service = Service::start();
    ok(&service, &["-i", "add", "account", "a"]);
    let (store, file) = (service.path("store.db"), service.path("backup"));
    let (store, file) = (store.to_str().unwrap(), file.to_str().unwrap());
    let mut before = BTreeSet::new();
    let acknowledged = add_until(&service, 0, 8, || {
        before = users(&service);
        let out = enlist(&["store", "--store", store, "backup", file]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        let out = enlist(&["store", "--store", store, "restore", file]);
        assert!(text(&out.stderr).contains("in use by another enlist serve"), "{}", text(&out.stderr));
        assert!(enlist(&["store", "--store", store, "check"]).status.success());
        kill(Pid::from_raw(service.daemon() as i32), Signal::SIGTERM).unwrap();
    });
    service.kill();
    let out = enlist(&["store", "--store", store, "restore", file]);
    assert!(text(&out.stdout).contains("; what was there is "), "{}{}", text(&out.stdout), text(&out.stderr));
    service.restart();
    let restored = users(&service);
    assert!(before.is_subset(&restored), "what was there before the backup is in it");
    let added: BTreeSet<_> = acknowledged.into_iter().chain(["root".into()]).collect();
    assert!(restored.is_subset(&added), "and nothing that never was");
}

/// A service whose store is on a disk of two megabytes, in a mount namespace of its own.
struct Small {
    directory: tempfile::TempDir,
    daemon: Child,
}

impl Small {
    fn start() -> Small {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("disk")).unwrap();
        std::os::unix::fs::symlink(ENLIST, at("sacctmgr")).unwrap();
        std::fs::write(at("conf"), format!("StoreLocation={}\n", at("disk/store.db").display())).unwrap();
        let script = "mount -t tmpfs -o size=2m none \"$1/disk\" && exec \"$2\" serve --config \"$1/conf\" --socket \"$1/socket\"";
        let daemon = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(directory.path())
            .arg(ENLIST)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let small = Small { directory, daemon };
        let until = Instant::now() + Duration::from_secs(30);
        while !small.sacctmgr(&["show", "tres"]).status.success() {
            assert!(Instant::now() < until, "the service does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        small
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn sacctmgr(&self, args: &[&str]) -> Output {
        let mut command = Command::new(self.path("sacctmgr"));
        command.args(args).env("ENLIST_SOCKET", self.path("socket")).stdin(Stdio::null()).output().unwrap()
    }

    /// A command that sees its disk.
    fn inside(&self, program: &Path, args: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.daemon.id().to_string()]).arg(program).args(args).output().unwrap()
    }

    fn add(&self, name: &str) -> Output {
        self.sacctmgr(&["-i", "add", "user", name, "account=a"])
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let small = Small::start();
    assert!(small.sacctmgr(&["-i", "add", "account", "a"]).status.success());
    assert!(small.add("before").status.success());
    let filler = small.path("disk/filler");
    let fill = format!("of={}", filler.display());
    small.inside(Path::new("dd"), &["if=/dev/zero", &fill, "bs=4k"]);
    // A few commits may fit into what the log has already.
    let added = (0..50).map(|n| (format!("u{n}"), small.add(&format!("u{n}")))).collect::<Vec<_>>();
    let (fits, full): (Vec<_>, Vec<_>) = added.into_iter().partition(|(_, out)| out.status.success());
    assert!(full.len() > 10, "{} of 50 fit on a full disk", fits.len());
    for (_, out) in &full {
        let stderr = text(&out.stderr);
        assert!(stderr.contains("full") && stderr.contains("nothing was changed"), "{stderr}");
    }
    let listed = |small: &Small| text(&small.sacctmgr(&["-nP", "show", "user", "format=user"]).stdout);
    let expected: BTreeSet<_> =
        fits.iter().map(|(name, _)| name.as_str()).chain(["before", "root"]).map(str::to_owned).collect();
    let there = |small: &Small| listed(small).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(there(&small), expected, "it still answers, with what it acknowledged and nothing else");
    small.inside(Path::new("rm"), &[filler.to_str().unwrap()]);
    assert!(small.add("after").status.success(), "it works again");
    let store = small.path("disk/store.db");
    let out = small.inside(Path::new(ENLIST), &["store", "--store", store.to_str().unwrap(), "check"]);
    assert!(
        text(&out.stdout).contains(&format!(" {} users", expected.len() + 1)),
        "{}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
}
