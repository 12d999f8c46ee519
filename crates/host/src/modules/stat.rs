//! `stat`: what is at a path.

use super::shared::attributes::octal;
use crate::change::outcome::{Failure, Outcome};
use crate::choices;
use crate::engine::{Module, Verdict};
use crate::identity::Uid;
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::resolve::FollowedLinks;
use crate::system::{Command, FileKind, Stat as FileStat, System, SystemError, lookup};
use std::io::ErrorKind;
use std::path::Path;
use words::text::hex::hex;
use words::value::{Map, Value};

/// The module.
pub struct Stat;

parameters! {
    /// Returns what is at a path: kind, mode, owner, size, times, checksum.
    pub struct StatParameters for "stat" {
        /// What to look at.
        path | "dest" | "name": HostPath,
        /// Looks at what a symbolic link leads to.
        follow: bool = "no",
        /// Returns the checksum of a file.
        get_checksum: bool = "yes",
        /// How it is computed.
        checksum_algorithm | "checksum" | "checksum_algo": DigestAlgorithm = "sha1",
        /// Returns what file(1) says about the content.
        get_mime | "mime" | "mime_type" | "mime-type": bool = "yes",
        /// Returns the flags that lsattr(1) shows.
        get_attributes | "attr" | "attributes": bool = "yes",
    }
}

choices! {
    /// How a checksum is computed.
    pub enum DigestAlgorithm {
        /// 128 bits.
        Md5 = "md5",
        /// 160 bits.
        Sha1 = "sha1",
        /// SHA-2 with 224 bits.
        Sha224 = "sha224",
        /// SHA-2 with 256 bits.
        Sha256 = "sha256",
        /// SHA-2 with 384 bits.
        Sha384 = "sha384",
        /// SHA-2 with 512 bits.
        Sha512 = "sha512",
    }
}

impl Module for Stat {
    type Parameters = StatParameters;

    fn check(&self, given: &StatParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let path = given.path.on(system)?;
        let mut values = Map::new();
        match system.stat(&path, given.follow)? {
            None => drop(values.insert("exists".into(), false.into())),
            Some(stat) => {
                values.insert("exists".into(), true.into());
                values.insert("path".into(), path.display().to_string().into());
                describe_kind(&mut values, &path, &stat, system)?;
                describe_mode(&mut values, &path, &stat, system)?;
                describe_times(&mut values, &path, given.follow, system)?;
                describe_link(&mut values, &path, &stat, system)?;
                if given.get_mime {
                    describe_content(&mut values, &path, system)?;
                }
                if given.get_attributes {
                    describe_flags(&mut values, &path, system)?;
                }
                if stat.kind == FileKind::File && given.get_checksum {
                    values.insert("checksum".into(), digest(given.checksum_algorithm, &path, system)?);
                }
            }
        }
        Ok(Verdict::Satisfied(Outcome::new().with("stat", values)))
    }
}

fn describe_kind(values: &mut Map, path: &Path, stat: &FileStat, system: &dyn System) -> Result<(), Failure> {
    let special = match stat.kind {
        // Rare enough to ask for.
        FileKind::Other => {
            let shown = path.as_os_str().to_owned();
            let output = system.query(&Command::new(["stat".into(), "-c".into(), "%F".into(), "--".into(), shown]))?;
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => String::new(),
    };
    for (name, truth) in [
        ("isdir", stat.kind == FileKind::Directory),
        ("isreg", stat.kind == FileKind::File),
        ("islnk", stat.kind == FileKind::Link),
        ("isblk", special == "block special file"),
        ("ischr", special == "character special file"),
        ("isfifo", special == "fifo"),
        ("issock", special == "socket"),
    ] {
        values.insert(name.into(), truth.into());
    }
    for (name, number) in [("size", stat.size), ("inode", stat.ino), ("dev", stat.dev), ("nlink", stat.nlink)] {
        values.insert(name.into(), (number as i64).into());
    }
    Ok(())
}

fn describe_times(values: &mut Map, path: &Path, follow: bool, system: &dyn System) -> Result<(), Failure> {
    let Some(details) = system.stat_details(path, follow)? else { return Ok(()) };
    for (name, time) in [("atime", details.accessed), ("mtime", details.modified), ("ctime", details.changed)] {
        values.insert(name.into(), time.into());
    }
    for (name, number) in
        [("blocks", details.blocks), ("block_size", details.block_size), ("device_type", details.device)]
    {
        values.insert(name.into(), (number as i64).into());
    }
    Ok(())
}

/// What a program says about the path; `None` when the host has it not, or when it fails.
fn asked(program: &[&str], path: &Path, system: &dyn System) -> Result<Option<String>, Failure> {
    let argv = program.iter().map(Into::into).chain([path.as_os_str().to_owned()]);
    match system.query(&Command::new(argv)) {
        Ok(output) if output.code == 0 => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
        Ok(_) | Err(SystemError::Unknown(_)) => Ok(None),
        Err(SystemError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `mimetype` and `charset`, both "unknown" where file(1) does not say, as in Ansible.
fn describe_content(values: &mut Map, path: &Path, system: &dyn System) -> Result<(), Failure> {
    let said = asked(&["file", "--mime-type", "--mime-encoding"], path, system)?;
    let said = said.as_deref().and_then(|said| said.rsplit_once(':')?.1.split_once(';'));
    let (kind, charset) = said.unwrap_or(("unknown", "=unknown"));
    values.insert("mimetype".into(), kind.trim().into());
    values.insert("charset".into(), charset.rsplit('=').next().unwrap_or_default().trim().into());
    Ok(())
}

/// The names that Ansible gives to the letters of lsattr(1).
const FLAGS: &[(char, &str)] = &[
    ('A', "noatime"),
    ('a', "append"),
    ('c', "compressed"),
    ('C', "nocow"),
    ('d', "nodump"),
    ('D', "dirsync"),
    ('e', "extents"),
    ('E', "encrypted"),
    ('h', "blocksize"),
    ('i', "immutable"),
    ('I', "indexed"),
    ('j', "journalled"),
    ('N', "inline"),
    ('s', "zero"),
    ('S', "synchronous"),
    ('t', "notail"),
    ('T', "blockroot"),
    ('u', "undelete"),
    ('X', "compressedraw"),
    ('Z', "compresseddirty"),
];

/// `version`, `attr_flags` and `attributes`; null and empty where the file system has none.
fn describe_flags(values: &mut Map, path: &Path, system: &dyn System) -> Result<(), Failure> {
    let said = asked(&["lsattr", "-vd"], path, system)?.unwrap_or_default();
    let mut words = said.split_whitespace();
    let version = words.next().map(Value::from);
    let flags = words.next().unwrap_or_default().replace('-', "");
    let name = |flag: char| FLAGS.iter().find(|(letter, _)| *letter == flag).map(|(_, name)| Value::from(*name));
    values.insert("version".into(), version.unwrap_or(Value::Null));
    values.insert("attributes".into(), flags.chars().filter_map(name).collect::<Vec<_>>().into());
    values.insert("attr_flags".into(), flags.into());
    Ok(())
}

fn describe_mode(values: &mut Map, path: &Path, stat: &FileStat, system: &dyn System) -> Result<(), Failure> {
    values.insert("mode".into(), octal(stat.mode).into());
    values.insert("uid".into(), stat.uid.into());
    values.insert("gid".into(), stat.gid.into());
    // A number that nobody has, has no name.
    if let Some(user) = lookup::user(system, &stat.uid.to_string())? {
        values.insert("pw_name".into(), user.into_entry().name.into());
    }
    if let Some(group) = lookup::group(system, &stat.gid.to_string())? {
        values.insert("gr_name".into(), group.into_entry().name.into());
    }
    for (name, bit) in [
        ("isuid", 0o4000),
        ("isgid", 0o2000),
        ("rusr", 0o400),
        ("wusr", 0o200),
        ("xusr", 0o100),
        ("rgrp", 0o040),
        ("wgrp", 0o020),
        ("xgrp", 0o010),
        ("roth", 0o004),
        ("woth", 0o002),
        ("xoth", 0o001),
    ] {
        values.insert(name.into(), (stat.mode & bit != 0).into());
    }
    // As access(2): of what a link leads to.
    let me = system.stat(Path::new("/proc/self"), true)?;
    let behind = system.stat(path, true)?;
    let (may_read, may_write, may_execute) = behind.map_or((false, false, false), |stat| access(&stat, me.as_ref()));
    values.insert("readable".into(), may_read.into());
    values.insert("writeable".into(), may_write.into());
    values.insert("executable".into(), may_execute.into());
    Ok(())
}

/// What the user that we run as may do, by the permission bits; root may read and write all.
fn access(stat: &FileStat, me: Option<&FileStat>) -> (bool, bool, bool) {
    let bits = match me {
        Some(me) if me.uid != Uid::ROOT && me.uid == stat.uid => stat.mode >> 6,
        Some(me) if me.uid != Uid::ROOT && me.gid == stat.gid => stat.mode >> 3,
        Some(me) if me.uid != Uid::ROOT => stat.mode,
        _ => return (true, true, stat.mode & 0o111 != 0 || stat.kind == FileKind::Directory),
    };
    (bits & 4 != 0, bits & 2 != 0, bits & 1 != 0)
}

fn describe_link(values: &mut Map, path: &Path, stat: &FileStat, system: &dyn System) -> Result<(), Failure> {
    if stat.kind == FileKind::Link {
        let target = system.read_link(path)?.unwrap_or_default();
        // A link that leads nowhere is told as far as it goes.
        let source = system.real_path(path, FollowedLinks::Trusted);
        let source = source.unwrap_or_else(|_| path.parent().unwrap_or(Path::new("/")).join(&target));
        values.insert("lnk_target".into(), target.display().to_string().into());
        values.insert("lnk_source".into(), source.display().to_string().into());
    }
    Ok(())
}

/// The digest of a file's content, which may be longer than memory.
fn digest(algorithm: DigestAlgorithm, path: &Path, system: &dyn System) -> Result<Value, Failure> {
    match algorithm {
        DigestAlgorithm::Md5 => digest_by(md5::Md5::default(), path, system),
        DigestAlgorithm::Sha224 => digest_by(sha2::Sha224::default(), path, system),
        DigestAlgorithm::Sha256 => digest_by(sha2::Sha256::default(), path, system),
        DigestAlgorithm::Sha384 => digest_by(sha2::Sha384::default(), path, system),
        DigestAlgorithm::Sha512 => digest_by(sha2::Sha512::default(), path, system),
        DigestAlgorithm::Sha1 => digest_by(sha1::Sha1::default(), path, system),
    }
}

fn digest_by(mut state: impl sha2::Digest, path: &Path, system: &dyn System) -> Result<Value, Failure> {
    system.read_pieces(path, &mut |piece| state.update(piece))?;
    Ok(hex(&state.finalize()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, is_ok};
    use crate::system::fake::Fake;

    fn look(pairs: &[(&str, &str)]) -> Value {
        let mut fake = Fake::with_accounts().file("/etc/a", "abc").link("/etc/l", "a");
        is_ok(&Stat, &args(pairs), &mut fake).values.swap_remove("stat").unwrap()
    }

    #[test]
    fn what_is_not_there_has_one_key() {
        assert_eq!(look(&[("path", "/none")]), [("exists", Value::Bool(false))].into_iter().collect());
    }

    #[test]
    fn files_and_links() {
        let stat = look(&[("path", "/etc/a")]);
        let expected = [
            ("mode", "0644".into()),
            ("isreg", Value::Bool(true)),
            ("size", Value::Int(3)),
            ("pw_name", "root".into()),
            ("checksum", "a9993e364706816aba3e25717850c26c9cd0d89d".into()),
            ("wgrp", Value::Bool(false)),
        ];
        for (name, value) in expected {
            assert_eq!(stat.get(name), Some(&value), "{name}");
        }
        let link = look(&[("path", "/etc/l")]);
        assert_eq!((link.get("islnk"), link.get("lnk_source")), (Some(&Value::Bool(true)), Some(&"/etc/a".into())));
        let md5 = look(&[("path", "/etc/l"), ("follow", "yes"), ("checksum_algorithm", "md5")]);
        assert_eq!(md5.get("checksum"), Some(&"900150983cd24fb0d6963f7d28e17f72".into()));
    }
}
