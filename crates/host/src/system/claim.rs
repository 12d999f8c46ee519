//! [`HostClaim`]: one process of enlist at a time works on the accounts, homes and keys of a host.
//!
//! The locks of shadow-utils cover the account files alone, and only for an instant. What follows them (a home that is
//! filled, a key that is made, files that are removed) belongs to whoever has the claim. The kernel gives it back when
//! its holder dies, together with the programs that the holder started: they have the lock open, too.

use super::{Result, SystemError};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock file. Not within `/run/enlist`, which the accounting service makes and takes away.
const PLACE: &str = "/run/enlist-host.lock";

/// Where root prepares what users must not see or touch before it is done. Whoever has the claim owns it: what is there
/// when the claim is taken was left by a process that was killed, and goes.
pub const WORKSHOP: &str = "/root/.enlist-work";

/// How long another process of enlist is waited for. Each request is waited for by itself, and the longest one, some
/// thousand homes, takes seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// The right to work on accounts, homes and keys of this host; given back when dropped.
#[derive(Debug)]
pub struct HostClaim {
    file: File,
}

impl HostClaim {
    /// Takes the claim of this host, or says who has it after [`PATIENCE`].
    pub fn take() -> Result<Self> {
        Self::take_at(Path::new(PLACE), PATIENCE)
    }

    /// Takes the claim of this host if nobody has it.
    pub fn try_take() -> Result<Option<Self>> {
        let (file, place) = open(Path::new(PLACE))?;
        Ok(if lock(&file, &place)? { Some(Self::signed(file)) } else { None })
    }

    fn take_at(place: &Path, patience: Duration) -> Result<Self> {
        let deadline = Instant::now() + patience;
        let (mut file, place) = open(place)?;
        while !lock(&file, &place)? {
            if Instant::now() >= deadline {
                return Err(held(&mut file, patience));
            }
            std::thread::sleep(POLL);
        }
        Ok(Self::signed(file))
    }

    /// Writes who has it. Not being able to (a full disk) makes the message of others poorer, and the lock no weaker.
    fn signed(mut file: File) -> Self {
        let _ = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| write!(file, "{}", who()));
        Self { file }
    }

    /// Plays a process that was killed: its descriptors are closed, and nothing is unlocked.
    #[cfg(test)]
    fn close_as_the_kernel_does(self) {
        let claim = std::mem::ManuallyDrop::new(self);
        nix::unistd::close(std::os::fd::AsRawFd::as_raw_fd(&claim.file)).unwrap();
    }
}

impl Drop for HostClaim {
    fn drop(&mut self) {
        // Closing is not enough: a program that was left in the background still has the description open.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&super::accounts::lock::record_lock(libc::F_UNLCK)));
    }
}

fn open(place: &Path) -> Result<(File, PathBuf)> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(place);
    let doing = |error| SystemError::io(format!("lock {}", place.display()), error);
    let file = opened.map_err(doing)?;
    // Programs that are started meanwhile keep the lock: a copy that goes on when this process is killed is work, too.
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| doing(error.into()))?;
    Ok((file, place.to_owned()))
}

/// Whether the lock was free.
fn lock(file: &File, place: &Path) -> Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&super::accounts::lock::record_lock(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(SystemError::io(format!("lock {}", place.display()), error.into())),
    }
}

/// This process as others see it: `process 123 for ops, since 2026-11-30T04:05:06Z`.
fn who() -> String {
    let person = std::env::var("SUDO_USER").ok().filter(|name| name.bytes().all(|b| b.is_ascii_graphic()));
    let person = person.map(|name| format!(" for {name}")).unwrap_or_default();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("process {}{person}, since {now}", std::process::id())
}

fn held(file: &mut File, patience: Duration) -> SystemError {
    let mut who = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(200).read_to_string(&mut who));
    if read.is_err() || who.is_empty() {
        who = "a process that did not say its number".into();
    }
    SystemError::Refused(format!(
        "enlist is at work on the accounts of this host already: {who}; waited {} s for it. Let it end, then run again",
        patience.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_the_other_is_told_who() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("lock");
        let first = HostClaim::take_at(&place, Duration::ZERO).unwrap();
        let refused = HostClaim::take_at(&place, Duration::from_millis(50)).unwrap_err().to_string();
        assert!(refused.contains(&format!("already: process {}", std::process::id())), "{refused}");
        drop(first);
        HostClaim::take_at(&place, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_program_that_outlives_its_starter_keeps_the_claim() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("lock");
        let claim = HostClaim::take_at(&place, Duration::ZERO).unwrap();
        let mut program = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        claim.close_as_the_kernel_does();
        assert!(HostClaim::take_at(&place, Duration::from_millis(50)).is_err());
        program.kill().unwrap();
        program.wait().unwrap();
        HostClaim::take_at(&place, Duration::from_secs(10)).unwrap();
    }
}
