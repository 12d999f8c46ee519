//! [`Socket`]: the unix socket of a daemon, `enlist serve` or `enlist node`. One daemon at a time has it.

use super::host;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions, Permissions, set_permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use words::diag::{Diagnostic, ErrorKind};

/// A socket that everybody may use. The lock beside it (`….lock`) is held until this is dropped, or the process dies.
pub struct Socket {
    path: PathBuf,
    /// Who listens, for whoever wants to stop it: `serve.pid` or `node.pid` beside the socket.
    pid: PathBuf,
    _lock: Flock<File>,
}

impl Socket {
    /// Listens. A socket that is there already is a dead daemon's, since the lock was free. Clients find nothing, the old
    /// one, or one that they may use; never one whose mode is still to be set.
    pub fn bind(path: &Path, daemon: &str) -> Result<(Self, UnixListener), Diagnostic> {
        make_parent(path, 0o755)?;
        let cannot = |error: io::Error| host(format!("cannot listen on {}: {error}", path.display()));
        let lock = lock(path)?;
        let new = path.with_added_extension("new");
        remove(&new).map_err(cannot)?;
        let listener = UnixListener::bind(&new).map_err(cannot)?;
        set_permissions(&new, Permissions::from_mode(0o666)).map_err(cannot)?;
        let pid = path.with_file_name(format!("{daemon}.pid"));
        write_pid(&pid).map_err(|error| host(format!("cannot write {}: {error}", pid.display())))?;
        std::fs::rename(&new, path).map_err(cannot)?;
        Ok((Self { path: path.to_owned(), pid, _lock: lock }, listener))
    }

    /// Takes the socket away.
    pub fn remove(&self) {
        // What cannot be removed is replaced at the next start.
        let _ = remove(&self.path);
        let _ = remove(&self.pid);
    }
}

/// Says who a daemon without a socket is, beside where a socket would be: `compute.pid`. It goes when this is dropped.
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes it.
    pub fn write(socket: &Path, daemon: &str) -> Result<Self, Diagnostic> {
        make_parent(socket, 0o755)?;
        let path = socket.with_file_name(format!("{daemon}.pid"));
        write_pid(&path).map_err(|error| host(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // What cannot be removed is replaced at the next start.
        let _ = remove(&self.0);
    }
}

/// Anew each time, so that nobody's link is followed.
fn write_pid(path: &Path) -> io::Result<()> {
    remove(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    writeln!(file, "{}", std::process::id())
}

fn lock(socket: &Path) -> Result<Flock<File>, Diagnostic> {
    let path = socket.with_added_extension("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
    let file = options.open(&path).map_err(|error| host(format!("cannot open {}: {error}", path.display())))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        let message = format!("another daemon listens on {} already", socket.display());
        Diagnostic::new(ErrorKind::Host, message)
            .hint("the master runs `enlist serve`, login nodes run one `enlist node`; stop the other one first")
    })
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the directory of `path` if it is not there.
pub fn make_parent(path: &Path, mode: u32) -> Result<(), Diagnostic> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) else {
        return Ok(());
    };
    std::fs::create_dir_all(parent)
        .and_then(|()| set_permissions(parent, Permissions::from_mode(mode)))
        .map_err(|error| host(format!("cannot make {}: {error}", parent.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_daemon_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/socket");
        let (first, listener) = Socket::bind(&path, "serve").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
        let error = Socket::bind(&path, "node").err().unwrap();
        assert!(error.to_string().contains("another daemon listens"), "{error}");
        assert!(tokio::net::UnixStream::connect(&path).await.is_ok(), "the refused one took nothing away");
        drop((first, listener));
        let (second, _listener) = Socket::bind(&path, "serve").unwrap();
        assert!(tokio::net::UnixStream::connect(&path).await.is_ok(), "a dead daemon's socket is replaced");
        second.remove();
        assert!(!path.exists());
    }
}
