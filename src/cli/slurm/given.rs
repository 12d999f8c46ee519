//! What is around this process, as commands that submit are told it.

use commands::sbatch::{Files, Given};
use jiff::Zoned;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::stat::{Mode, umask};
use scheduling::request::ProcessLimit;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use words::raw::RawText;

/// This process's own files.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path.is_empty() {
            let mut bytes = Vec::new();
            return std::io::stdin().read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.to_string());
        }
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn find(&self, name: &str) -> Option<String> {
        let path = std::env::var_os("PATH")?;
        let may_run =
            |file: &Path| file.is_file() && file.metadata().is_ok_and(|about| about.permissions().mode() & 0o111 != 0);
        let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| may_run(file))?;
        found.into_os_string().into_string().ok()
    }
}

/// What is around this process.
pub fn given(now: &Zoned) -> Result<Given<'_>, String> {
    let raw = |text: OsString| RawText(text.into_vec());
    let directory = std::env::current_dir().map_err(|error| format!("the working directory is not there: {error}"))?;
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    let session = nix::unistd::getsid(None).map_or(0, |session| session.as_raw().unsigned_abs());
    Ok(Given {
        environment: std::env::vars_os().map(|(name, value)| (raw(name), raw(value))).collect(),
        directory: raw(directory.into_os_string()),
        host: host.unwrap_or_default(),
        umask: own_umask(),
        limits: limits(),
        session,
        now,
        files: &Disk,
    })
}

/// It can only be read by setting it.
fn own_umask() -> u32 {
    let own = umask(Mode::empty());
    umask(own);
    own.bits()
}

/// Soft limits by the names that Slurm gives them.
fn limits() -> Vec<ProcessLimit> {
    let all = [
        ("CPU", Resource::RLIMIT_CPU),
        ("FSIZE", Resource::RLIMIT_FSIZE),
        ("DATA", Resource::RLIMIT_DATA),
        ("STACK", Resource::RLIMIT_STACK),
        ("CORE", Resource::RLIMIT_CORE),
        ("RSS", Resource::RLIMIT_RSS),
        ("NPROC", Resource::RLIMIT_NPROC),
        ("NOFILE", Resource::RLIMIT_NOFILE),
        ("MEMLOCK", Resource::RLIMIT_MEMLOCK),
        ("AS", Resource::RLIMIT_AS),
    ];
    let one = |(name, resource): (&str, Resource)| {
        let (soft, _) = getrlimit(resource).ok()?;
        Some(ProcessLimit { name: name.to_owned(), soft: (soft != RLIM_INFINITY).then_some(soft) })
    };
    all.into_iter().filter_map(one).collect()
}
