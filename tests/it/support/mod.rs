//! The lab as tests see it: two for the whole binary, started on first use, given to one test at a time each, always pristine.
//!
//! `lab hold` keeps it up for as long as this process holds the other end of a pipe, so it also goes when a test panics
//! or the process is killed. A lab that outlived even that is cleared by the next `lab hold`.

pub mod http;
pub mod real_slurm;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, PoisonError};

/// The project's directory; commands run there, so tests name inventories and playbooks as users do.
pub const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Login hosts `login1` to `login4` and `master`, and the controller's side.
pub struct Lab {
    dir: PathBuf,
    holder: Child,
    used: AtomicBool,
    files: AtomicUsize,
}

/// How a command ended. One that was killed by a signal has code -1.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Itself, if the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Itself, if the command ended with this exit code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, wanted, "exit code; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// So many labs stand side by side.
const LABS: usize = 2;

/// Labs that nobody has now, by number.
static FREE: (Mutex<Vec<usize>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());

/// One of the labs that tests share, which is this test's alone until this is dropped.
pub struct SharedLab {
    number: usize,
    lab: MutexGuard<'static, Lab>,
}

impl Deref for SharedLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Drop for SharedLab {
    fn drop(&mut self) {
        FREE.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        FREE.1.notify_one();
    }
}

/// One of the labs that all tests share: 4 login hosts and the master with enlist installed, pristine.
pub fn lab() -> SharedLab {
    static SHARED: [OnceLock<Mutex<Lab>>; LABS] = [const { OnceLock::new() }; LABS];
    static OPENED: Once = Once::new();
    let mut free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
    OPENED.call_once(|| free.extend((0..LABS).rev()));
    let number = loop {
        match free.pop() {
            Some(number) => break number,
            None => free = FREE.1.wait(free).unwrap_or_else(PoisonError::into_inner),
        }
    };
    drop(free);
    let shared = SHARED[number].get_or_init(|| Mutex::new(Lab::with_enlist(&format!("shared{number}"), 4)));
    let lab = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if lab.used.swap(true, Ordering::Relaxed) {
        lab.reset();
    }
    SharedLab { number, lab }
}

impl Lab {
    /// A lab of `logins` login hosts and the master, apart from the shared one; it goes when dropped.
    pub fn own(name: &str, logins: usize) -> Lab {
        Lab::held(name, logins, 0)
    }

    /// [`Lab::own`] with compute nodes `node1`, `node2` …, and enlist installed on the controller and the master.
    pub fn with_nodes(name: &str, logins: usize, nodes: usize) -> Lab {
        Lab::held(name, logins, nodes).installed()
    }

    /// [`Lab::with_nodes`] whose hosts see a directory of this machine, at the same place.
    pub fn showing(name: &str, logins: usize, nodes: usize, shown: &str) -> Lab {
        Lab::holding(lab_command(&directory(name)).env("ENLIST_LAB_SHOWS", shown), name, logins, nodes).installed()
    }

    fn held(name: &str, logins: usize, nodes: usize) -> Lab {
        Lab::holding(&mut lab_command(&directory(name)), name, logins, nodes)
    }

    fn holding(command: &mut Command, name: &str, logins: usize, nodes: usize) -> Lab {
        let dir = directory(name);
        let mut holder = command
            .args(["hold", &logins.to_string(), &nodes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/lab starts");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("the lab's output is readable");
        assert!(line.contains("are up"), "the lab did not come up; its message is above");
        Lab { dir, holder, used: AtomicBool::new(false), files: AtomicUsize::new(0) }
    }

    fn with_enlist(name: &str, logins: usize) -> Lab {
        Lab::own(name, logins).installed()
    }

    fn installed(self) -> Lab {
        self.lab(&["install-enlist", enlist_path(), &agent()]).ok();
        self
    }

    /// Where the lab keeps keys, known hosts and inventory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command of `tests/lab/lab`.
    pub fn lab(&self, arguments: &[&str]) -> Ran {
        run(lab_command(&self.dir).args(arguments), "")
    }

    /// All hosts as they were at first.
    pub fn reset(&self) {
        self.lab(&["reset"]).ok();
    }

    /// Runs a shell line as root on a host.
    pub fn sh(&self, host: &str, line: &str) -> Ran {
        self.lab(&["sh", host, line])
    }

    /// The same as a command, for what goes on beside the test.
    pub fn sh_command(&self, host: &str, line: &str) -> Command {
        let mut command = lab_command(&self.dir);
        command.args(["sh", host, line]);
        command
    }

    /// The contents of a file on a host.
    #[track_caller]
    pub fn file(&self, host: &str, path: &str) -> String {
        self.sh(host, &format!("cat '{path}'")).ok().stdout
    }

    /// What lies in /etc, /home, /root and /var/lib of a host, with owners, modes, times and content hashes.
    pub fn tree(&self, host: &str) -> String {
        self.lab(&["tree", host]).ok().stdout
    }

    /// Runs enlist on the controller, in the project's directory, with the lab's home, keys and known hosts.
    pub fn enlist(&self, arguments: &[&str]) -> Ran {
        self.enlist_with_input(arguments, "")
    }

    /// The same, with something to read on standard input.
    pub fn enlist_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        run(&mut self.enlist_command(arguments), input)
    }

    /// The command itself, for a test that needs another directory, more environment, or to kill it half-way.
    pub fn enlist_command(&self, arguments: &[&str]) -> Command {
        self.controller_command(&[&["enlist"], arguments].concat())
    }

    /// Any program on the controller, with the hosts' network and the lab's home, in the project's directory.
    pub fn controller_command(&self, words: &[&str]) -> Command {
        let mut command = lab_command(&self.dir);
        command.arg("exec").args(words);
        command
    }

    /// A command of `tests/lab/lab`, to be run otherwise than by [`Lab::lab`].
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = lab_command(&self.dir);
        command.args(arguments);
        command
    }

    /// Writes a file for one test on the controller, in a directory of its own; it goes with the lab.
    pub fn write_temp(&self, name: &str, text: &str) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join("files").join(number.to_string()).join(name);
        std::fs::create_dir_all(path.parent().expect("it was just joined")).expect("the lab's directory is writable");
        std::fs::write(&path, text).expect("the lab's directory is writable");
        path
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.holder.stdin.take()); // this is what ends it
        let _ = self.holder.wait();
    }
}

/// A command, its input, and how it ended.
pub fn run(command: &mut Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    // Inputs are a few lines, which a pipe holds. A command that ends without reading them is no failure of the test.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the command's output is readable").into()
}

/// A lab's directory: one per checkout and name, so that what a crashed run left is found again.
pub fn directory(name: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    PROJECT.hash(&mut hasher);
    std::env::temp_dir().join(format!("enlist-it-{:08x}-{name}", hasher.finish() as u32))
}

fn lab_command(dir: &Path) -> Command {
    let mut command = Command::new(Path::new(PROJECT).join("tests/lab/lab"));
    command.current_dir(PROJECT).env("ENLIST_LAB_DIR", dir);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command
}

/// The command under test: that of `ENLIST_PROGRAM` (`make attack`: the one that is shipped), else the debug build of now.
pub fn enlist_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| std::env::var("ENLIST_PROGRAM").unwrap_or_else(|_| built()));
    &PATH
}

/// The debug build of now, with the agent beside it: cargo builds no other package's program for a test.
fn built() -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let build = ["build", "-q", "--package", "enlist-host", "--bin", "enlist-agent"];
    run(Command::new(cargo).args(build).current_dir(PROJECT), "").ok();
    env!("CARGO_BIN_EXE_enlist").to_owned()
}

/// The agent as it is shipped, built from the sources of now: `cargo test` alone would take the unoptimized one.
pub fn agent() -> String {
    made("agent")
}

/// The directory of the programs of others that submit jobs (`tests/lab/clients.txt`), a Python environment.
pub fn clients() -> String {
    made("clients")
}

/// What a target of the Makefile makes: where it is, as `TARGET-path` says.
fn made(target: &str) -> String {
    let make = |target: &str| run(Command::new("make").args(["-s", target]).current_dir(PROJECT), "").ok().stdout;
    make(target);
    make(&format!("{target}-path")).trim().to_owned()
}
