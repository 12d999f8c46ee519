//! `doors`: the ways in of somebody who is kept out or leaves: they are told, and shut.

use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::change::{Action, Change};
use crate::choices;
use crate::engine::{Apply, Module, Verdict, Would};
use crate::identity::entries::{Entry, SubordinateIds};
use crate::identity::{Databases, Uid};
use crate::parameters;
use crate::parameters::Choice;
use crate::system::processes::{self, OwnedProcess};
use crate::system::{FileKind, System, lookup};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use words::value::Value;

/// The module.
pub struct Doors;

parameters! {
    /// Ends the sessions of a user, and of one who leaves for good takes away what would start programs later: lingering,
    /// cron, at. Or only tells which ways in are open.
    pub struct DoorsParameters for "doors" {
        /// Login name.
        name: String,
        /// The user's number; processes are found by it, also when the account is gone. One that is somebody else's on the
        /// host is refused.
        uid: i64,
        /// `shut` ends and takes away; `told` changes nothing, and returns which ways are open.
        state: DoorState = "shut",
        /// With `shut`: whether processes of jobs, which the scheduler started, are ended, too.
        with_jobs: bool = "no",
        /// With `shut`: whether the user leaves for good; then lingering, crontab and jobs of `at` are removed.
        for_good: bool = "no",
        /// With `told`: whether the account shall be gone, not only locked.
        gone: bool = "no",
    }
}

choices! {
    /// What is done about the ways in.
    pub enum DoorState {
        /// They are shut.
        Shut = "shut",
        /// They are only told.
        Told = "told",
    }
}

/// Where cron keeps what people want to run: Debian's place and Red Hat's.
const CRONTABS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];

/// Where at keeps what people want to run.
const AT_JOBS: [&str; 2] = ["/var/spool/cron/atjobs", "/var/spool/at"];

/// A file with this name in it keeps somebody's systemd running without a session; logind(8).
const LINGERING: &str = "/var/lib/systemd/linger";

/// What the ways in of somebody are called in a change.
pub const DOORS: &str = "doors";

/// The field of that change that counts processes of jobs which end.
pub const PROCESSES_OF_JOBS: &str = "processes of jobs";

/// What would start programs of somebody later, as it is called in a change that removes it.
pub const STARTERS: &str = "starters";

/// What would start programs for somebody.
#[derive(Debug, Default, PartialEq, Eq)]
struct Starters {
    lingering: Vec<PathBuf>,
    cron: Vec<PathBuf>,
    at: Vec<PathBuf>,
}

impl Starters {
    fn find(system: &dyn System, name: &str, uid: Uid) -> Result<Self, Failure> {
        let mut found = Self::default();
        let is_file = |path: &Path| -> Result<bool, Failure> {
            Ok(system.stat(path, false)?.is_some_and(|stat| stat.kind != FileKind::Directory))
        };
        let lingering = Path::new(LINGERING).join(name);
        if is_file(&lingering)? {
            found.lingering.push(lingering);
        }
        for place in CRONTABS.map(|place| Path::new(place).join(name)) {
            if is_file(&place)? {
                found.cron.push(place);
            }
        }
        for place in AT_JOBS.map(Path::new) {
            if system.stat(place, true)?.is_none_or(|stat| stat.kind != FileKind::Directory) {
                continue;
            }
            for path in system.list(place)?.into_iter().map(|name| place.join(name)) {
                let stat = system.stat(&path, false)?;
                if stat.is_some_and(|stat| stat.kind == FileKind::File && stat.uid == uid) {
                    found.at.push(path);
                }
            }
        }
        Ok(found)
    }

    /// The change that takes them away; one without fields where there are none.
    fn removal(&self, name: &str) -> Change {
        let mut change = Change::new(Action::Delete, STARTERS, name);
        for (what, paths) in [("lingering", &self.lingering), ("cron", &self.cron), ("at", &self.at)] {
            for path in paths {
                change = change.field(what, path.display().to_string(), Value::Null);
            }
        }
        change
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.lingering.iter().chain(&self.cron).chain(&self.at)
    }
}

/// All processes, looked at once for all items.
type Everybody = BTreeMap<Uid, Vec<OwnedProcess>>;

impl Module for Doors {
    type Parameters = DoorsParameters;

    fn check(&self, given: &DoorsParameters, system: &dyn System) -> Result<Verdict, Failure> {
        check(given, system, &processes::by_user(system)?)
    }

    fn run_together(
        &self,
        items: &[Result<DoorsParameters, Failure>],
        system: &mut dyn System,
    ) -> Option<Vec<ItemResult>> {
        system.look_again();
        let everybody = processes::by_user(system);
        let one = |item: &Result<DoorsParameters, Failure>, system: &mut dyn System| {
            let checked = item.as_ref().map_err(Clone::clone).and_then(|given| {
                let everybody = everybody.as_ref().map_err(|error| Failure::new(error.to_string()))?;
                check(given, system, everybody)
            });
            match checked {
                Err(failure) => ItemResult::unchanged(Err(failure)),
                Ok(verdict) => carry_out(verdict, system),
            }
        };
        Some(items.iter().map(|item| one(item, system)).collect())
    }
}

fn carry_out(verdict: Verdict, system: &mut dyn System) -> ItemResult {
    match verdict {
        Verdict::Would(Would { changes, apply: Apply::Now(step) }) => {
            let outcome = step(system);
            let changed = outcome.as_ref().map_or_else(|failure| failure.acted, |_| true);
            ItemResult { changes, changed, outcome }
        }
        Verdict::Satisfied(outcome) => ItemResult::unchanged(Ok(outcome)),
        Verdict::Would(_) => ItemResult::unchanged(Err(Failure::new("doors are shut in one step"))),
    }
}

fn check(given: &DoorsParameters, system: &dyn System, everybody: &Everybody) -> Result<Verdict, Failure> {
    let uid = u32::try_from(given.uid).map(Uid);
    let uid = uid.map_err(|_| Failure::new(format!("{} is no number of a user", given.uid)))?;
    if given.name.is_empty() || given.name.contains('/') || uid == Uid::ROOT {
        return Err(Failure::new(format!("the doors of '{}' are not shut", given.name.escape_debug())));
    }
    let mut own = vec![Own { uid, processes: everybody.get(&uid).map(Vec::as_slice).unwrap_or_default() }];
    own.extend(subordinates(given, uid, system, everybody)?);
    let starters = Starters::find(system, &given.name, uid)?;
    match given.state {
        DoorState::Told => told(given, uid, system, &own, &starters),
        DoorState::Shut => {
            lookup::refuse_number_of_others(system, &given.name, uid)?;
            Ok(shut(given, own, starters))
        }
    }
}

/// Processes by a number that is the user's: his own, or a subordinate one.
struct Own<'e> {
    uid: Uid,
    processes: &'e [OwnedProcess],
}

fn all<'e>(own: &'e [Own<'e>]) -> impl Iterator<Item = &'e OwnedProcess> {
    own.iter().flat_map(|own| own.processes)
}

/// What runs by numbers that subuid(5) gives the user, as a container without root does. A number that somebody has here, in the
/// files or in any other source, is not his, whatever the file says; nor is one that it gives to another, too.
fn subordinates<'e>(
    given: &DoorsParameters,
    uid: Uid,
    system: &dyn System,
    everybody: &'e Everybody,
) -> Result<Vec<Own<'e>>, Failure> {
    let text = system.read(Path::new("/etc/subuid"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let (his, of_others): (Vec<_>, Vec<_>) =
        ranges(&text).partition(|(owner, _)| *owner == given.name || *owner == uid.to_string());
    let is_anothers = |number: Uid| of_others.iter().any(|(_, range)| range.contains(&number));
    let mut found: BTreeMap<Uid, Own> = BTreeMap::new();
    for (number, processes) in his.into_iter().flat_map(|(_, range)| everybody.range(range)) {
        let is_looked_at = *number == Uid::ROOT || *number == uid || found.contains_key(number);
        if !is_looked_at && !is_anothers(*number) && !lookup::is_somebodys(system, *number)? {
            found.insert(*number, Own { uid: *number, processes });
        }
    }
    Ok(found.into_values().collect())
}

/// Whom subuid(5) gives what: a line that cannot be read gives nothing.
fn ranges(text: &str) -> impl Iterator<Item = (String, RangeInclusive<Uid>)> {
    let lines = text.lines().filter_map(|line| SubordinateIds::parse(line.as_bytes()));
    lines.filter_map(|given| {
        let (first, last) = given.range()?.into_inner();
        Some((given.owner, Uid(first)..=Uid(last)))
    })
}

fn outcome_of(given: &DoorsParameters) -> Outcome {
    Outcome::new().with("name", given.name.as_str()).with("state", given.state.word())
}

fn shut(given: &DoorsParameters, own: Vec<Own>, starters: Starters) -> Verdict {
    let with_jobs = given.with_jobs;
    let ended = |is_job| all(&own).filter(|it| it.is_job == is_job && it.ends(with_jobs)).count() as i64;
    let change = Change::new(Action::Update, DOORS, given.name.as_str()).field("processes", ended(false), 0);
    let change = change.field(PROCESSES_OF_JOBS, ended(true), 0);
    let starters = if given.for_good { starters } else { Starters::default() };
    let outcome = outcome_of(given).with("processes", ended(false) + ended(true));
    let changes = [change, starters.removal(&given.name)].into_iter().filter(|change| !change.fields.is_empty());
    let changes: Vec<Change> = changes.collect();
    if changes.is_empty() {
        return Verdict::Satisfied(outcome);
    }
    let numbers: Vec<Uid> = own.iter().map(|own| own.uid).collect();
    Verdict::would(changes, move |system| {
        // First what would start more.
        starters.paths().try_for_each(|path| system.remove(path))?;
        numbers.iter().try_for_each(|number| system.end_processes(*number, with_jobs))?;
        Ok(outcome)
    })
}

/// Which ways are open, as a list of `way`, `open` and `seen`.
fn told(
    given: &DoorsParameters,
    uid: Uid,
    system: &dyn System,
    own: &[Own],
    starters: &Starters,
) -> Result<Verdict, Failure> {
    let databases = system.databases()?;
    let mut ways = Vec::new();
    let mut way = |name: &str, open: Vec<String>| {
        let is_open = !open.is_empty();
        let fields = [("way", name.into()), ("open", is_open.into()), ("seen", open.join("; ").into())];
        ways.push(Value::from_iter(fields.map(|(key, value): (&str, Value)| (key, value))));
    };
    let account = accounts(given, &databases);
    way("password", account.password);
    way("keys", account.login);
    way("sessions", sessions(own));
    let jobs = all(own).filter(|process| process.ends(true) && process.is_job).count();
    way("jobs", if jobs == 0 { vec![] } else { vec![format!("{jobs} processes of jobs")] });
    let shown = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    way("lingering", shown(&starters.lingering));
    way("cron", shown(&starters.cron));
    way("at", shown(&starters.at));
    way("second name", other_names(given, uid, &databases));
    if given.gone {
        way("groups", memberships(given, &databases));
        way("subids", subids(given, uid, system)?);
        way("sudo", sudo_rules(given, system)?);
    }
    Ok(Verdict::Satisfied(outcome_of(given).with("ways", Value::List(ways))))
}

/// Processes that are no job's, and those of others that act with the user's rights.
fn sessions(own: &[Own]) -> Vec<String> {
    let pids = |is: &dyn Fn(&&OwnedProcess) -> bool| {
        all(own).filter(is).map(|process| process.pid.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (sessions, foreign) = (pids(&|process| process.ends(false)), pids(&|process| !process.is_own));
    let told = [("processes", sessions), ("with the user's rights, but somebody else's: processes", foreign)];
    told.into_iter().filter(|(_, pids)| !pids.is_empty()).map(|(what, pids)| format!("{what} {pids}")).collect()
}

/// What lets somebody log in: by password, and at all.
struct Account {
    password: Vec<String>,
    login: Vec<String>,
}

fn accounts(given: &DoorsParameters, databases: &Databases) -> Account {
    let name = given.name.as_str();
    let Some(_) = databases.passwd.get(name) else { return Account { password: vec![], login: vec![] } };
    if given.gone {
        let there = || vec!["the account is in /etc/passwd".to_owned()];
        return Account { password: there(), login: there() };
    }
    let shadow = databases.shadow.as_ref().and_then(|shadow| shadow.get(name));
    let Some(entry) = shadow else {
        let there = || vec!["/etc/shadow has no line that locks it".to_owned()];
        return Account { password: there(), login: there() };
    };
    let is_locked = entry.password.starts_with(['!', '*']);
    // The first days after 1970 are long ago; a day that is to come lets keys in until then.
    let is_over = entry.expire.is_some_and(|day| day <= 1);
    Account {
        password: if is_locked { vec![] } else { vec!["/etc/shadow has a password".to_owned()] },
        login: if is_over { vec![] } else { vec!["the account has not expired, so keys let in".to_owned()] },
    }
}

/// Other names of the same number.
fn other_names(given: &DoorsParameters, uid: Uid, databases: &Databases) -> Vec<String> {
    let others = databases.passwd.entries().filter(|entry| entry.uid == uid && entry.name != given.name);
    others.map(|entry| format!("{} has the same number in /etc/passwd", entry.name)).collect()
}

fn memberships(given: &DoorsParameters, databases: &Databases) -> Vec<String> {
    let groups = databases.group.entries().filter(|group| group.has(&given.name));
    groups.map(|group| format!("a member of {} in /etc/group", group.name)).collect()
}

fn subids(given: &DoorsParameters, uid: Uid, system: &dyn System) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for path in ["/etc/subuid", "/etc/subgid"] {
        let text = system.read(Path::new(path))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut owners = text.lines().filter_map(|line| Some(line.split_once(':')?.0));
        if owners.any(|owner| owner == given.name || owner == uid.to_string()) {
            found.push(format!("a range in {path}"));
        }
    }
    Ok(found)
}

/// Lines of sudo's configuration that begin with the name. Nobody but people can say what they are for.
fn sudo_rules(given: &DoorsParameters, system: &dyn System) -> Result<Vec<String>, Failure> {
    let folder = Path::new("/etc/sudoers.d");
    let mut files = vec![PathBuf::from("/etc/sudoers")];
    if system.stat(folder, true)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
        files.extend(system.list(folder)?.into_iter().map(|name| folder.join(name)));
    }
    let mut found = Vec::new();
    for path in files {
        let text = system.read(&path)?.unwrap_or_default();
        for (line, number) in String::from_utf8_lossy(&text).lines().zip(1..) {
            if line.split_whitespace().next() == Some(given.name.as_str()) {
                found.push(format!("{}:{number}: take the rule out", path.display()));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
