//! Who is who on a host: the local account files first, then the other sources that nsswitch.conf names, by `getent`.
//!
//! "Is in `/etc/passwd`" and "resolves" are two facts, kept apart in [`FoundEntry`].

use super::{Command, System, SystemError};
use crate::identity::entries::{Entry, Group, Passwd};
use crate::identity::{AccountRefusal, AccountSources, Database, Databases, Defaults, Gid, Uid};
use std::path::Path;

/// Where an account is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundEntry<E> {
    /// In the local file: it can be edited here.
    Local(E),
    /// In another source (LDAP, sssd, NIS) only.
    Elsewhere(E),
}

impl<E> FoundEntry<E> {
    /// The entry, wherever it is.
    pub fn into_entry(self) -> E {
        match self {
            FoundEntry::Local(entry) | FoundEntry::Elsewhere(entry) => entry,
        }
    }
}

/// The user with this name or, when it is a number that is no name, this uid.
pub fn user(system: &dyn System, wanted: &str) -> super::Result<Option<FoundEntry<Passwd>>> {
    let local = system.passwd()?;
    let by_uid = || wanted.parse().ok().and_then(|uid: Uid| local.with_number(uid.into()).next());
    Ok(match local.get(wanted).or_else(by_uid) {
        Some(user) => Some(FoundEntry::Local(user.clone())),
        None => Nss(system).passwd(wanted).map(FoundEntry::Elsewhere),
    })
}

/// The group with this name or, when it is a number that is no name, this gid.
pub fn group(system: &dyn System, wanted: &str) -> super::Result<Option<FoundEntry<Group>>> {
    let local = system.groups()?;
    let by_gid = || wanted.parse().ok().and_then(|gid: Gid| local.with_number(gid.into()).next());
    Ok(match local.get(wanted).or_else(by_gid) {
        Some(group) => Some(FoundEntry::Local(group.clone())),
        None => Nss(system).group(wanted).map(FoundEntry::Elsewhere),
    })
}

/// One account file, read now; one that is not there is empty.
pub fn file<E: Entry>(system: &dyn System) -> super::Result<Database<E>> {
    Ok(Database::parse(system.read(&Path::new("/etc").join(E::FILE))?.unwrap_or_default()))
}

/// All six account files, read now through `read`, which gets their paths.
pub fn read_databases(read: impl Fn(&Path) -> super::Result<Option<Vec<u8>>>) -> super::Result<Databases> {
    let read = |name: &str| read(&Path::new("/etc").join(name)).map_err(LoadError::System);
    Databases::load(read).map_err(|error| match error {
        LoadError::System(error) => error,
        LoadError::AccountRefusal(refusal) => SystemError::Refused(refusal.message),
    })
}

enum LoadError {
    System(SystemError),
    AccountRefusal(AccountRefusal),
}

impl From<AccountRefusal> for LoadError {
    fn from(refusal: AccountRefusal) -> Self {
        Self::AccountRefusal(refusal)
    }
}

/// `/etc/login.defs` and `/etc/default/useradd`, read now.
pub fn read_defaults(system: &dyn System) -> super::Result<Defaults> {
    let read = |path| system.read(Path::new(path)).map(Option::unwrap_or_default);
    Ok(Defaults::parse(&read("/etc/login.defs")?, &read("/etc/default/useradd")?))
}

/// Which databases have sources beyond the local files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Users.
    passwd: bool,
    /// Groups.
    group: bool,
}

impl Sources {
    /// Whether `database` (passwd, group) has any.
    fn are_beyond(self, database: &str) -> bool {
        match database {
            "passwd" => self.passwd,
            "group" => self.group,
            _ => true,
        }
    }
}

/// What `/etc/nsswitch.conf` says, read now. systemd answers for its own users through sockets; where it does not run
/// there are none.
pub fn read_sources(system: &(impl System + ?Sized)) -> Sources {
    let text = system.read(Path::new("/etc/nsswitch.conf")).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_beyond = |source: &String| match source.as_str() {
        "files" => false,
        "systemd" => system.stat(Path::new("/run/systemd/userdb"), true).is_ok_and(|found| found.is_some()),
        _ => true,
    };
    let has_any = |database| nsswitch_sources(&text, database).iter().any(is_beyond);
    Sources { passwd: has_any("passwd"), group: has_any("group") }
}

/// The host's name, read now; empty when nothing tells it.
pub fn read_host_name(system: &(impl System + ?Sized)) -> String {
    let read = |path| system.read(Path::new(path)).ok().flatten();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}

/// The name service of the host. It is not asked when nsswitch.conf names no source beyond the local files.
#[derive(Clone, Copy)]
pub struct Nss<'a>(pub &'a dyn System);

impl Nss<'_> {
    /// A user by name or uid, from any source.
    pub fn passwd(&self, key: &str) -> Option<Passwd> {
        self.getent(key)
    }

    fn getent<E: Entry>(&self, key: &str) -> Option<E> {
        // A name that begins with `-` would be an option; nobody has one.
        if key.is_empty() || key.starts_with('-') || !self.0.sources().are_beyond(E::FILE) {
            return None;
        }
        let output = self.0.query(&Command::new(["getent", E::FILE, key])).ok()?;
        Database::<E>::parse(output.stdout).entries().next().cloned()
    }
}

impl AccountSources for Nss<'_> {
    fn user_with_uid(&self, uid: Uid) -> Option<String> {
        self.getent::<Passwd>(&uid.to_string()).filter(|user| user.uid == uid).map(|user| user.name)
    }

    fn group_with_gid(&self, gid: Gid) -> Option<String> {
        self.getent::<Group>(&gid.to_string()).filter(|group| group.gid == gid).map(|group| group.name)
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.getent(name)
    }
}

/// The sources of one database in nsswitch.conf(5), without `[…]` actions.
fn nsswitch_sources(text: &str, database: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let line = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == database);
    let mut sources = Vec::new();
    let mut in_action = false;
    for word in line.map_or("", |(_, sources)| sources).split_whitespace() {
        in_action |= word.starts_with('[');
        if !in_action {
            sources.push(word.to_owned());
        }
        in_action &= !word.ends_with(']');
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::ProgramOutput;
    use crate::system::fake::Fake;

    #[test]
    fn sources_without_actions() {
        let text = "# passwd: ldap\npasswd:  files [NOTFOUND = continue] sss # x\ngroup: files\n";
        assert_eq!(nsswitch_sources(text, "passwd"), ["files", "sss"]);
        assert_eq!(nsswitch_sources(text, "shadow"), Vec::<String>::new());
    }

    #[test]
    fn local_files_come_first_and_are_told_from_other_sources() {
        let line = b"bob:x:5000:5000:Bob:/home/bob:/bin/sh\n".to_vec();
        let system = Fake::with_accounts()
            .file("/etc/nsswitch.conf", "passwd: files sss\n")
            .program(["getent", "passwd", "bob"], ProgramOutput { stdout: line, ..ProgramOutput::default() });
        assert!(matches!(user(&system, "alice"), Ok(Some(FoundEntry::Local(_)))));
        assert!(matches!(user(&system, "1000"), Ok(Some(FoundEntry::Local(alice))) if alice.name == "alice"));
        assert!(matches!(user(&system, "bob"), Ok(Some(FoundEntry::Elsewhere(bob))) if bob.uid == Uid(5000)));
        assert!(matches!(user(&system, "carol"), Ok(None)));
        assert!(matches!(group(&system, "100"), Ok(Some(FoundEntry::Local(users))) if users.name == "users"));
    }
}
