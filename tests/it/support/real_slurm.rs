//! A real Slurm 22.05.8 as tests see it (`tests/lab/slurm`): shared by all tests of this binary, given to one at a time,
//! always empty. It ends with this process, however that ends.

use super::{PROJECT, Ran};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// munge, MariaDB and slurmdbd with the empty cluster `ref`; perhaps slurmctld and nodes.
pub struct RealSlurm {
    directory: PathBuf,
    holder: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    inside: String,
    used: bool,
}

/// The accounting half alone, empty, this test's until the guard is dropped.
pub fn real_slurm() -> MutexGuard<'static, RealSlurm> {
    static SHARED: OnceLock<Mutex<RealSlurm>> = OnceLock::new();
    lend(SHARED.get_or_init(|| Mutex::new(RealSlurm::start(&[]))))
}

/// The whole: also slurmctld, two nodes in the partition `cpu` (c1, c2) and one in `gpu` (g1, with 4 GPUs), limits
/// enforced, and the users alice, bob, carol, dave and gildong, whom only it knows.
pub fn real_cluster() -> MutexGuard<'static, RealSlurm> {
    static SHARED: OnceLock<Mutex<RealSlurm>> = OnceLock::new();
    lend(SHARED.get_or_init(|| Mutex::new(RealSlurm::start(&["--cpu=2", "--gpu=1"]))))
}

fn lend(shared: &'static Mutex<RealSlurm>) -> MutexGuard<'static, RealSlurm> {
    let mut slurm = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut slurm.used, true) {
        slurm.reset();
    }
    slurm
}

impl RealSlurm {
    /// One apart from the shared ones, with options of `tests/lab/slurm` (`--cpu=4`, `--conf=FILE`, `--on-disk`…).
    pub fn start(options: &[&str]) -> RealSlurm {
        let mut holder = Command::new(Path::new(PROJECT).join("tests/lab/slurm"))
            .args(options)
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/slurm starts");
        let orders = holder.stdin.take();
        let answers = BufReader::new(holder.stdout.take().expect("piped"));
        let directory = PathBuf::new();
        let mut slurm = RealSlurm { directory, holder, orders, answers, inside: String::new(), used: false };
        slurm.wait_until_ready();
        // The holder is unshare(1); the first process of the namespaces is its only child.
        let outer = slurm.holder.id();
        let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        slurm.inside = children.trim().to_owned();
        slurm
    }

    /// Empty again, with all its daemons.
    pub fn reset(&mut self) {
        let orders = self.orders.as_mut().expect("it is there until dropped");
        orders.write_all(b"reset\n").expect("the real Slurm still runs");
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let directory = line.trim().strip_prefix("ready ");
        self.directory = directory.expect("the real Slurm did not come up; its message is above").into();
    }

    /// A command in its namespaces, as root, in the caller's directory. Files outside its own directory are the machine's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.inside, "-m", "-n", "-p", "-u"]);
        command.arg(format!("--wd={}", std::env::current_dir().unwrap().display()));
        command.args(["--", program]).env("SLURM_CONF", self.path("slurm.conf")).env("TZ", "UTC");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command as root.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        self.command(program).args(arguments).output().unwrap().into()
    }

    /// Runs a command as one of its people.
    pub fn run_as(&self, user: &str, program: &str, arguments: &[&str]) -> Ran {
        let as_user = [&format!("--reuid={user}"), "--regid=nogroup", "--clear-groups", "--", program];
        self.command("setpriv").args(as_user).args(arguments).output().unwrap().into()
    }

    /// `sacctmgr ARGUMENTS`
    pub fn sacctmgr(&self, arguments: &[&str]) -> Ran {
        self.run("sacctmgr", arguments)
    }

    /// One of its files (`slurm.conf`, `slurmdbd.log`…), as its own commands name it; others don't see what lies there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for RealSlurm {
    fn drop(&mut self) {
        drop(self.orders.take()); // this is what ends it
        let _ = self.holder.wait();
    }
}
