//! Writing an edited roster: one edit after the other, whole, and never over what somebody else has written meanwhile.

use super::input;
use host::system::Attributes;
use host::system::local::atomic;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use words::diag::Diagnostic;

/// Waits until no other edit of the roster is at work; the lock goes with the file. Each edit replaces the file, so what is
/// locked may not be the roster any more: then the new one is. A file that cannot be locked (it is not there, it may only be
/// read, its file system has no locks) is not: the reader says what is wrong, the writer compares once more.
pub fn lock(path: &Path) -> Option<File> {
    loop {
        let file = File::options().read(true).write(true).open(path).ok()?;
        file.lock().ok()?;
        let (held, there) = (file.metadata().ok()?, std::fs::metadata(path).ok()?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Some(file);
        }
    }
}

/// Replaces the roster as a whole where the two differ, unless it is no longer what was read (an editor takes no lock). A symbolic link stays one.
pub fn write(path: &Path, before: &str, after: &str) -> Result<(), Diagnostic> {
    let failed = |why: String| input(format!("cannot write {}: {why}", path.display()));
    let real = path.canonicalize().map_err(|error| failed(error.to_string()))?;
    if std::fs::read_to_string(&real).map_err(|error| failed(error.to_string()))? != before {
        return Err(failed("somebody else has changed it meanwhile".into()).hint("run the command again"));
    }
    if before == after {
        return Ok(());
    }
    atomic::write(&real, after.as_bytes(), Attributes::default(), 0o644).map_err(|error| failed(error.to_string()))
}
