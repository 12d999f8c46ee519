//! Who is who on a host: the local account files first, then the other sources that nsswitch.conf names, by `getent`.
//!
//! "Is in `/etc/passwd`" and "resolves" are two facts, kept apart in [`FoundEntry`].

use super::{Command, ProgramOutput, System, SystemError};
use crate::identity::entries::{Entry, Group, Passwd};
use crate::identity::{AccountRefusal, AccountSources, Database, Databases, Defaults, Gid, Readings, Uid};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use words::people::{Sought, Unanswered};

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
        None => Nss(system).passwd(wanted).known()?.map(FoundEntry::Elsewhere),
    })
}

/// Whether anybody has this number, in the files or in any other source; where a source gives no answer, it is an error.
pub fn is_somebodys(system: &dyn System, uid: Uid) -> super::Result<bool> {
    let is_local = system.passwd()?.with_number(uid.into()).next().is_some();
    Ok(is_local || Nss(system).user_with_uid(uid).known()?.is_some())
}

/// Refuses a number that is not `name`'s on this host: somebody else has it, in the files or in any other source, or `name`
/// has another one. A number of nobody is well; where a source gives no answer, nobody can tell, and it is an error.
pub fn refuse_number_of_others(system: &dyn System, name: &str, uid: Uid) -> super::Result<()> {
    let local = system.passwd()?;
    let elsewhere = Nss(system).user_with_uid(uid).known()?;
    let owners = local.with_number(uid.into()).map(|entry| entry.name.clone()).chain(elsewhere);
    if let Some(other) = owners.into_iter().find(|other| other != name) {
        return Err(SystemError::Refused(format!("the number {uid} is {other}'s here, not {name}'s")));
    }
    match user(system, name)?.map(FoundEntry::into_entry) {
        Some(own) if own.name == name && own.uid != uid => {
            Err(SystemError::Refused(format!("{name} has the number {} here, not {uid}", own.uid)))
        }
        _ => Ok(()),
    }
}

/// The group with this name or, when it is a number that is no name, this gid.
pub fn group(system: &dyn System, wanted: &str) -> super::Result<Option<FoundEntry<Group>>> {
    let local = system.groups()?;
    let by_gid = || wanted.parse().ok().and_then(|gid: Gid| local.with_number(gid.into()).next());
    Ok(match local.get(wanted).or_else(by_gid) {
        Some(group) => Some(FoundEntry::Local(group.clone())),
        None => Nss(system).group(wanted).known()?.map(FoundEntry::Elsewhere),
    })
}

/// One account file, read now, and indexed unless `known` has it; one that is not there is empty.
pub fn file<E: Entry + Send + Sync + 'static>(system: &dyn System, known: &Readings) -> super::Result<Database<E>> {
    Ok(known.of(E::FILE, system.read(&Path::new("/etc").join(E::FILE))?.unwrap_or_default()))
}

/// All six account files, read now through `read`, which gets their paths, and indexed unless `known` has them.
pub fn read_databases(
    known: &Readings,
    read: impl Fn(&Path) -> super::Result<Option<Vec<u8>>>,
) -> super::Result<Databases> {
    let read = |name: &str| read(&Path::new("/etc").join(name)).map_err(LoadError::System);
    Databases::load(known, read).map_err(|error| match error {
        LoadError::System(error) => error,
        LoadError::AccountRefusal(refusal) => SystemError::Refused(refusal.message),
    })
}

enum LoadError {
    System(SystemError),
    AccountRefusal(AccountRefusal),
}

impl From<Unanswered> for SystemError {
    fn from(unanswered: Unanswered) -> Self {
        SystemError::Refused(AccountRefusal::from(unanswered).message)
    }
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
    pub fn passwd(&self, key: &str) -> Sought<Passwd> {
        self.getent(key)
    }

    fn getent<E: Entry>(&self, key: &str) -> Sought<E> {
        if !may_be_asked(key) || !self.0.sources().are_beyond(E::FILE) {
            return Sought::Absent;
        }
        let cannot_say = |why| Sought::CannotSay(Unanswered { what: plural(E::FILE), why });
        match self.0.query(&Command::new(["getent", E::FILE, key])) {
            Err(error) => cannot_say(error.to_string()),
            Ok(ProgramOutput { code: FOUND, stdout, .. }) => match Database::<E>::parse(stdout).entries().next() {
                Some(entry) => Sought::There(entry.clone()),
                None => cannot_say(format!("`getent {} {key}` gives no entry", E::FILE)),
            },
            Ok(ProgramOutput { code: NOT_FOUND, .. }) => Sought::Absent,
            Ok(ProgramOutput { code, stderr, .. }) => {
                let said = String::from_utf8_lossy(&stderr);
                cannot_say(format!("`getent {} {key}` ended with {code}: {}", E::FILE, said.trim()))
            }
        }
    }
}

impl AccountSources for Nss<'_> {
    fn user_with_uid(&self, uid: Uid) -> Sought<String> {
        named(self.getent::<Passwd>(&uid.to_string()), |user| (user.uid == uid).then_some(user.name))
    }

    fn group_with_gid(&self, gid: Gid) -> Sought<String> {
        named(self.getent::<Group>(&gid.to_string()), |group| (group.gid == gid).then_some(group.name))
    }

    fn group(&self, name: &str) -> Sought<Group> {
        self.getent(name)
    }
}

/// The name of what was found by its number: a name of digits is not that number.
fn named<E>(sought: Sought<E>, name: impl FnOnce(E) -> Option<String>) -> Sought<String> {
    match sought {
        Sought::There(entry) => name(entry).map_or(Sought::Absent, Sought::There),
        Sought::Absent => Sought::Absent,
        Sought::CannotSay(why) => Sought::CannotSay(why),
    }
}

/// What `getent` ends with (getent(1), "EXIT STATUS").
const FOUND: i32 = 0;
const NOT_FOUND: i32 = 2;

/// A name that begins with `-` would be an option; nobody has one.
fn may_be_asked(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('-')
}

fn plural(database: &str) -> &'static str {
    if database == Group::FILE { "groups" } else { "users" }
}

/// Somebody or something that a module will look up: a key of `passwd` or `group`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookedUp {
    database: &'static str,
    key: String,
}

impl LookedUp {
    /// A user by name or uid.
    pub fn user(key: impl ToString) -> Self {
        Self { database: Passwd::FILE, key: key.to_string() }
    }

    /// A group by name or gid.
    pub fn group(key: impl ToString) -> Self {
        Self { database: Group::FILE, key: key.to_string() }
    }

    /// Whether the local files have it, so that nobody else is asked.
    pub fn is_local(&self, passwd: &Database<Passwd>, group: &Database<Group>) -> bool {
        if self.database == Passwd::FILE { has(passwd, &self.key) } else { has(group, &self.key) }
    }
}

fn has<E: Entry>(entries: &Database<E>, key: &str) -> bool {
    entries.get(key).is_some() || key.parse().is_ok_and(|number| entries.with_number(number).next().is_some())
}

/// So many keys are asked for at once: a directory's answer comes in one go, and no argument list is too long.
const AT_ONCE: usize = 500;

/// Asks the name service for many keys with few programs: to start one for each of thousands takes longer than all else.
/// `ask` is given commands, and `keep` the answer that a command for one key alone would have got. What is not certain
/// is not kept; whoever needs it asks again.
pub fn ask_together(
    sources: Sources,
    wanted: &[LookedUp],
    ask: impl Fn(&Command) -> super::Result<ProgramOutput>,
    mut keep: impl FnMut(Command, ProgramOutput),
) {
    for database in [Passwd::FILE, Group::FILE] {
        let of_this = wanted.iter().filter(|wanted| wanted.database == database);
        let keys: BTreeSet<&str> = of_this.map(|wanted| wanted.key.as_str()).filter(|key| may_be_asked(key)).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        if keys.len() < 2 || !sources.are_beyond(database) {
            continue;
        }
        for keys in keys.chunks(AT_ONCE) {
            let Ok(output) = ask(&Command::new(["getent", database].iter().chain(keys))) else { return };
            for (key, answer) in answers_by_key(keys, &output) {
                keep(Command::new(["getent", database, key]), answer);
            }
        }
    }
}

/// What each key's own answer is. A line is a key's by its name or number; where a directory calls it otherwise (other
/// case, an alias), it may be anybody's who has none.
fn answers_by_key<'a>(keys: &[&'a str], output: &ProgramOutput) -> Vec<(&'a str, ProgramOutput)> {
    if ![FOUND, NOT_FOUND].contains(&output.code) {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&output.stdout) else { return Vec::new() };
    let mut lines: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let mut strangers = false;
    for line in text.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let names = [fields.first(), fields.get(2)].into_iter().flatten().copied();
        let asked: Vec<_> = names.filter(|name| keys.binary_search(name).is_ok()).collect();
        strangers |= asked.is_empty();
        for name in asked {
            lines.entry(name).or_default().insert(line);
        }
    }
    let answer = |key: &&'a str| match lines.get(key) {
        None if strangers => None,
        None => Some((*key, ProgramOutput { code: NOT_FOUND, ..ProgramOutput::default() })),
        Some(lines) if lines.len() > 1 => None,
        Some(lines) => {
            let stdout = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
            Some((*key, ProgramOutput { code: FOUND, stdout, ..ProgramOutput::default() }))
        }
    };
    keys.iter().filter_map(answer).collect()
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
    use crate::system::fake::Fake;

    #[test]
    fn sources_without_actions() {
        let text = "# passwd: ldap\npasswd:  files [NOTFOUND = continue] sss # x\ngroup: files\n";
        assert_eq!(nsswitch_sources(text, "passwd"), ["files", "sss"]);
        assert_eq!(nsswitch_sources(text, "shadow"), Vec::<String>::new());
    }

    #[test]
    fn a_name_service_that_cannot_be_asked_is_no_absence() {
        let beyond = || Fake::with_accounts().file("/etc/nsswitch.conf", "passwd: files sss\n");
        let down = ProgramOutput { code: 1, stderr: b"sss is down\n".to_vec(), ..ProgramOutput::default() };
        let system = beyond().program(["getent", "passwd", "bob"], down);
        let told = user(&system, "bob").unwrap_err().to_string();
        assert_eq!(told, "users cannot be looked up now: `getent passwd bob` ended with 1: sss is down");
        let says_nothing = beyond().program(["getent", "passwd", "bob"], ProgramOutput::default());
        assert!(user(&says_nothing, "bob").is_err());
    }

    #[test]
    fn what_was_asked_together_is_what_each_would_have_got() {
        let output = |code, stdout: &str| ProgramOutput { code, stdout: stdout.into(), ..ProgramOutput::default() };
        let told = |keys: &[&str], answer: ProgramOutput| -> Vec<(String, i32, String)> {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let all = answers_by_key(keys, &answer).into_iter();
            all.map(|(key, answer)| (key.to_owned(), answer.code, text(answer.stdout))).collect()
        };
        let bob = "bob:x:5000:5000:Bob:/home/bob:/bin/sh\n";
        let absent = |key: &str| (key.to_owned(), 2, String::new());
        let there = |key: &str| (key.to_owned(), 0, bob.to_owned());
        assert_eq!(
            told(&["5000", "bob", "eve"], output(2, &[bob, bob].concat())),
            [there("5000"), there("bob"), absent("eve")]
        );
        assert_eq!(told(&["bob", "eve"], output(2, "")), [absent("bob"), absent("eve")]);
        // A directory that does not heed case: whose line it is, is not certain.
        assert_eq!(told(&["Bob", "eve"], output(2, bob)), []);
        assert_eq!(told(&["bob", "eve"], output(1, bob)), [], "it could not be asked");
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
