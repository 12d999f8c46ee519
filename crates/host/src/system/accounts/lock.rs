//! The locks of shadow-utils: a record lock on `.pwd.lock` (lckpwdf(3)), then a `FILE.lock` for every database.

use crate::system::{Result, SystemError};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::kill;
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a live holder is waited for: 15 tries of one second in shadow-utils, 15 seconds in lckpwdf(3).
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

const POLL: Duration = Duration::from_millis(20);

/// All locks, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    files: Vec<PathBuf>,
    guard: File,
}

impl Lock {
    /// Takes the locks, or says who holds one after `patience`.
    pub(super) fn take(etc: &Path, patience: Duration) -> Result<Self> {
        let deadline = Instant::now() + patience;
        let guard = take_guard(etc, deadline)?;
        let mut lock = Lock { files: Vec::new(), guard };
        let pid_file = PidFile::write(etc)?;
        for name in super::DATABASES {
            let path = etc.join(format!("{name}.lock"));
            link_lock(&pid_file.0, &path, deadline)?;
            lock.files.push(path);
        }
        Ok(lock)
    }

    /// Removes the lock files of dead processes, when nobody holds the record lock; a holder would do it itself.
    pub(super) fn tidy(etc: &Path) -> Result<bool> {
        let Ok(_guard) = take_guard(etc, Instant::now()) else { return Ok(false) };
        for name in super::DATABASES {
            let path = etc.join(format!("{name}.lock"));
            // A file that names no process is for people to judge.
            if let Ok(Some(holder)) = holder(&path)
                && !holder.is_alive()
            {
                remove_stale(&path)?;
            }
        }
        super::remove_temporaries(etc);
        Ok(true)
    }

    /// Plays a process that was killed: nothing is cleaned up.
    #[cfg(test)]
    pub(super) fn abandon(&mut self) {
        self.files.clear();
    }

    #[cfg(test)]
    pub(super) fn is_abandoned(&self) -> bool {
        self.files.is_empty()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        for file in self.files.iter().rev() {
            let _ = fs::remove_file(file);
        }
        // Closing is not enough: a program that another thread is just starting still has the description open.
        let _ = fcntl(&self.guard, FcntlArg::F_OFD_SETLK(&record_lock(libc::F_UNLCK)));
    }
}

/// The file with our pid that all lock names are linked to. It is synced once: a lock file that a power cut left
/// empty would stop shadow-utils for good. Made under the record lock, so nobody else uses its name.
struct PidFile(PathBuf);

impl PidFile {
    fn write(etc: &Path) -> Result<Self> {
        let path = etc.join(".pwd.enlist");
        let write = || {
            let _ = fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            // With the NUL that shadow-utils write.
            file.write_all(format!("{}\0", std::process::id()).as_bytes())?;
            file.sync_data()
        };
        match write() {
            Ok(()) => Ok(Self(path)),
            Err(error) => {
                let _ = fs::remove_file(&path); // a full disk may have let it begin
                Err(SystemError::io(format!("lock the account databases in {}", etc.display()), error))
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The record lock over a whole file.
pub(in crate::system) fn record_lock(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// The lock of lckpwdf(3). An open-file-description lock: it excludes record locks of other programs as well as other
/// threads of ours.
fn take_guard(etc: &Path, deadline: Instant) -> Result<File> {
    let path = etc.join(".pwd.lock");
    let doing = || format!("lock {}", path.display());
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| SystemError::io(doing(), error))?;
    loop {
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&record_lock(libc::F_WRLCK))) {
            Ok(_) => return Ok(file),
            Err(Errno::EAGAIN | Errno::EACCES) if Instant::now() < deadline => std::thread::sleep(POLL),
            Err(Errno::EAGAIN | Errno::EACCES) => return Err(held(&path, guard_holder(&file))),
            Err(error) => return Err(SystemError::io(doing(), error.into())),
        }
    }
}

/// The pid of who holds the record lock; unknown when it is another open-file-description lock.
fn guard_holder(file: &File) -> Option<i32> {
    let mut lock = record_lock(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).ok()?;
    (lock.l_pid > 0).then_some(lock.l_pid)
}

/// Gives `pid_file` the name `path`; a lock of a process that is gone is removed.
fn link_lock(pid_file: &Path, path: &Path, deadline: Instant) -> Result<()> {
    loop {
        match fs::hard_link(pid_file, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SystemError::io(format!("make {}", path.display()), error)),
        }
        match holder(path)? {
            Some(holder) if holder.is_alive() && Instant::now() < deadline => std::thread::sleep(POLL),
            Some(holder) if holder.is_alive() => return Err(held(path, Some(holder.pid))),
            Some(_) => remove_stale(path)?,
            None => {}
        }
    }
}

fn remove_stale(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(SystemError::io(format!("remove the stale lock {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// Who made a lock file, by what the file says.
struct Holder {
    pid: i32,
    /// When the file was written.
    since: SystemTime,
}

/// `None` when the file has just gone.
fn holder(path: &Path) -> Result<Option<Holder>> {
    let read = || -> std::io::Result<_> { Ok((fs::read(path)?, fs::symlink_metadata(path)?.modified()?)) };
    let (content, since) = match read() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SystemError::io(format!("read {}", path.display()), error)),
    };
    let text = String::from_utf8_lossy(&content);
    match text.trim_end_matches(['\0', '\n']).parse() {
        Ok(pid) => Ok(Some(Holder { pid, since })),
        Err(_) => Err(SystemError::Refused(format!(
            "the lock {} names no process; remove it when no useradd, vipw or passwd is running",
            path.display()
        ))),
    }
}

impl Holder {
    /// Whether a process holds the lock for real. Our own pid in a lock file that we did not make, and a process that
    /// began after the file was written, only have the number of one that is dead.
    ///
    /// Asked under the record lock, which shadow-utils take first: should a clock that was set make a living holder look
    /// younger than its lock, that lock still keeps us out.
    fn is_alive(&self) -> bool {
        self.pid != std::process::id() as i32
            && kill(Pid::from_raw(self.pid), None) != Err(Errno::ESRCH)
            && started(self.pid).is_none_or(|started| started <= self.since + CLOCK_STEP)
    }
}

/// How exactly a process's start is known: the boot time is in whole seconds.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// When a process began, by proc_pid_stat(5) and proc_stat(5); `None` when the kernel does not tell.
fn started(pid: i32) -> Option<SystemTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may have blanks and parentheses in it.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let ticks_a_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let since_boot = Duration::from_millis((ticks * 1000).checked_div(u64::try_from(ticks_a_second).ok()?)?);
    Some(UNIX_EPOCH + Duration::from_secs(boot) + since_boot)
}

fn held(path: &Path, pid: Option<i32>) -> SystemError {
    let who = match pid {
        Some(pid) => format!("process {pid}{}", command_name(pid)),
        None => "another process".into(),
    };
    SystemError::Refused(format!(
        "the account databases are locked: {} is held by {who} for more than {} s; wait for it or end it, then run again",
        path.display(),
        PATIENCE.as_secs()
    ))
}

fn command_name(pid: i32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!(" ({})", name.trim_end()),
        Err(_) => String::new(),
    }
}
