//! The service's store when things go wrong: killed, out of room, backed up while it is written.

use crate::service::Service;
use crate::support::enlist_path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn enlist(args: &[&str]) -> Output {
    Command::new(enlist_path()).args(args).output().unwrap()
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

/// A service whose store is on a disk of its own, in a mount namespace of its own.
struct Small {
    directory: tempfile::TempDir,
    /// Keeps the namespace while it can read; ends with this test, whatever becomes of it.
    holder: Child,
    daemon: Child,
}

/// A disk of two megabytes.
const TINY: &str = "mount -t tmpfs -o size=2m none disk";

/// A disk that believes it has 64 megabytes, on a pool of eight: when the pool is full, syncing what was written fails.
const THIN: &str = "mkdir pool && mount -t tmpfs -o size=8m none pool && truncate -s 64m pool/disk \
                    && mkfs.ext4 -q -F -O ^has_journal pool/disk && mount -o loop,errors=continue pool/disk disk";

impl Small {
    fn start(disk: &str) -> Small {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("disk")).unwrap();
        std::os::unix::fs::symlink(enlist_path(), at("sacctmgr")).unwrap();
        std::fs::write(at("conf"), format!("StoreLocation={}\n", at("disk/store.db").display())).unwrap();
        let script = format!("cd \"$1\" && {disk} && touch mounted && exec cat");
        let mut holder = Command::new("unshare");
        holder.args(["-m", "sh", "-c", &script, "sh"]).arg(directory.path()).stdin(Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !at("mounted").exists() {
            assert!(Instant::now() < until && holder.try_wait().unwrap().is_none(), "no disk");
            std::thread::sleep(Duration::from_millis(10));
        }
        let daemon = serve_inside(&holder, directory.path());
        let small = Small { directory, holder, daemon };
        small.wait();
        small
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.sacctmgr(&["show", "tres"]).status.success() {
            assert!(Instant::now() < until, "the service does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
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
        command.args(["-m", "-t", &self.holder.id().to_string()]).arg(program).args(args).output().unwrap()
    }

    fn add(&self, name: &str) -> Output {
        self.sacctmgr(&["-i", "add", "user", name, "account=a"])
    }

    fn users(&self) -> BTreeSet<String> {
        let out = self.sacctmgr(&["-nP", "show", "user", "format=user"]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout).lines().map(str::to_owned).collect()
    }

    /// Fills the file system that holds `name` with it.
    fn fill(&self, name: &str) {
        let fill = format!("of={}", self.path(name).display());
        self.inside(Path::new("dd"), &["if=/dev/zero", &fill, "bs=4k"]);
    }

    fn remove(&self, name: &str) {
        assert!(self.inside(Path::new("rm"), &[self.path(name).to_str().unwrap()]).status.success());
    }
}

fn serve_inside(holder: &Child, directory: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = Command::new("nsenter");
    command
        .args(["-m", "-t", &holder.id().to_string(), enlist_path(), "serve", "--config"])
        .arg(directory.join("conf"));
    command.arg("--socket").arg(directory.join("socket")).stderr(log).spawn().unwrap()
}

impl Drop for Small {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.holder] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let small = Small::start(TINY);
    assert!(small.sacctmgr(&["-i", "add", "account", "a"]).status.success());
    assert!(small.add("before").status.success());
    small.fill("disk/filler");
    // A few commits may fit into what the log has already.
    let added = (0..50).map(|n| (format!("u{n}"), small.add(&format!("u{n}")))).collect::<Vec<_>>();
    let (fits, full): (Vec<_>, Vec<_>) = added.into_iter().partition(|(_, out)| out.status.success());
    assert!(full.len() > 10, "{} of 50 fit on a full disk", fits.len());
    for (_, out) in &full {
        let stderr = text(&out.stderr);
        assert!(stderr.contains("full") && stderr.contains("nothing was changed"), "{stderr}");
    }
    let expected: BTreeSet<_> =
        fits.iter().map(|(name, _)| name.as_str()).chain(["before", "root"]).map(str::to_owned).collect();
    assert_eq!(small.users(), expected, "it still answers, with what it acknowledged and nothing else");
    small.remove("disk/filler");
    assert!(small.add("after").status.success(), "it works again");
    let store = small.path("disk/store.db");
    let out = small.inside(Path::new(enlist_path()), &["store", "--store", store.to_str().unwrap(), "check"]);
    assert!(
        text(&out.stdout).contains(&format!(" {} users", expected.len() + 1)),
        "{}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
}

#[test]
fn a_commit_that_may_be_on_disk_is_not_called_refused_and_the_service_starts_again() {
    let mut small = Small::start(THIN);
    assert!(small.sacctmgr(&["-i", "add", "account", "a"]).status.success());
    small.fill("pool/filler");
    let mut kept: BTreeSet<String> = ["root".into()].into();
    let (doubtful, said) = loop {
        let name = format!("u{}", kept.len());
        assert!(kept.len() < 2000, "the disk does not fail");
        match small.add(&name) {
            out if out.status.success() => kept.insert(name),
            out => break (name, text(&out.stderr)),
        };
    };
    assert!(said.contains("it is not known whether the change is on disk"), "{said}");
    assert!(said.contains("starts again and then shows what there is"), "{said}");
    assert_eq!(small.daemon.wait().unwrap().code(), Some(1), "systemd starts it again");
    let log = std::fs::read_to_string(small.path("log")).unwrap();
    assert!(log.contains("ERROR") && log.contains("it is not known whether"), "{log}");
    assert!(!small.add("later").status.success());
    small.remove("pool/filler");
    small.daemon = serve_inside(&small.holder, small.directory.path());
    small.wait();
    let mut there = small.users();
    there.remove(&doubtful);
    assert_eq!(there, kept, "what was acknowledged, and at most what was in doubt");
    assert!(small.add("after").status.success());
    let out = small.inside(
        Path::new(enlist_path()),
        &["store", "--store", small.path("disk/store.db").to_str().unwrap(), "check"],
    );
    assert!(out.status.success(), "{}", text(&out.stderr));
}
