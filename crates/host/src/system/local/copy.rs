//! Copies of files of any length: piece by piece, and holes stay holes, so that a user's file of a terabyte of nothing
//! fills neither memory nor disk.

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha1::{Digest, Sha1};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use words::text::hex::hex;

/// How much is read at a time, in bytes.
const PIECE: usize = 1 << 18;

/// Writes what `from` holds into the empty file `to`. With `sha1`, in hex, a content with another digest is an error.
pub(super) fn copy(from: &File, to: &File, sha1: Option<&str>) -> io::Result<()> {
    let size = from.metadata()?.len();
    let mut digest = sha1.map(|_| Sha1::default());
    let mut see = |piece: &[u8]| digest.iter_mut().for_each(|digest| digest.update(piece));
    let mut at = 0;
    while at < size {
        let data = seek(from, SeekFrom::Data(at), at)?.unwrap_or(size).min(size);
        if sha1.is_some() {
            zeros(data - at, &mut see);
        }
        at = seek(from, SeekFrom::Hole(data), size)?.unwrap_or(size).min(size);
        copy_range(from, to, data, at, &mut see)?;
    }
    to.set_len(size)?;
    let is_as_expected = digest.map(|digest| hex(&digest.finalize())).as_deref() == sha1;
    if is_as_expected { Ok(()) } else { Err(io::Error::other("the file that it is copied from was changed meanwhile")) }
}

/// Where the next data or hole begins; `None` behind the last. A file system that does not know its holes says `unknown`.
fn seek(file: &File, to: SeekFrom, unknown: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, to) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(Errno::INVAL) => Ok(Some(unknown)),
        Err(error) => Err(error.into()),
    }
}

fn zeros(mut length: u64, see: &mut dyn FnMut(&[u8])) {
    let piece = vec![0; PIECE];
    while length > 0 {
        let now = length.min(PIECE as u64);
        see(&piece[..now as usize]);
        length -= now;
    }
}

fn copy_range(from: &File, to: &File, mut at: u64, end: u64, see: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    while at < end {
        let most = (end - at).min(PIECE as u64) as usize;
        match from.read_at(&mut piece[..most], at) {
            Ok(0) => return Err(io::Error::other("the file that it is copied from became shorter meanwhile")),
            Ok(length) => {
                to.write_all_at(&piece[..length], at)?;
                see(&piece[..length]);
                at += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::local::Local;
    use crate::system::{Attributes, Content, System};
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().to_owned();
        (keep, path)
    }

    /// 80 MiB with a few bytes at the beginning, in the middle and at the end.
    fn sparse(path: &std::path::Path) {
        let file = File::create(path).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(b"middle", 40 << 20).unwrap();
        file.write_all_at(b"end", (80 << 20) - 3).unwrap();
    }

    #[test]
    fn a_copy_has_the_content_and_the_holes() {
        let (_keep, dir) = scratch();
        sparse(&dir.join("a"));
        let (whole, mut system) = (fs::read(dir.join("a")).unwrap(), Local::new());
        let sha1 = hex(&Sha1::digest(&whole));
        let mode = Attributes { mode: Some(0o640), ..Attributes::default() };
        for expected in [None, Some(sha1.as_str())] {
            system.copy(&dir.join("a"), &dir.join("b"), mode, expected).unwrap();
            assert!(fs::read(dir.join("b")).unwrap() == whole, "the copy is another");
            let made = fs::metadata(dir.join("b")).unwrap();
            assert_eq!((made.mode() & 0o777, made.blocks() < 4096), (0o640, true), "{} blocks", made.blocks());
        }
    }

    #[test]
    fn what_was_changed_since_it_was_looked_at_is_not_copied() {
        let (_keep, dir) = scratch();
        fs::write(dir.join("a"), "as it is").unwrap();
        fs::write(dir.join("b"), "old").unwrap();
        let sha1 = hex(&Sha1::digest(b"as it was"));
        let mut system = Local::new();
        let refused = system.copy(&dir.join("a"), &dir.join("b"), Attributes::default(), Some(&sha1)).unwrap_err();
        assert!(refused.to_string().contains("changed meanwhile"), "{refused}");
        assert_eq!(fs::read_to_string(dir.join("b")).unwrap(), "old");
        assert_eq!(system.list(&dir).unwrap(), ["a", "b"], "something is left");
        assert!(system.copy(&dir, &dir.join("b"), Attributes::default(), None).is_err(), "a directory was copied");
        assert!(system.copy(&dir.join("none"), &dir.join("b"), Attributes::default(), None).is_err());
    }

    #[test]
    fn the_copy_for_a_validator_goes_and_so_does_what_a_killed_run_left() {
        let (_keep, dir) = scratch();
        fs::write(dir.join(".f.enlist-validate-0"), "left").unwrap();
        let words = ["sh", "-c", "cat %s; stat -c %%a %s; ls -A %d"].map(str::to_owned);
        let words = words.map(|word| word.replace("%%", "%").replace("%d", &dir.display().to_string()));
        let output = Local::new().query_copy(&dir.join("f"), &Content::Bytes(b"new\n".to_vec()), &words).unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "new\n600\n.f.enlist-validate-0\n");
        assert!(Local::new().list(&dir).unwrap().is_empty(), "the copy is left");
    }
}
