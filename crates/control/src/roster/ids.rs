//! Numbers that are given out: from ranges, once and for ever, and written to a ledger beside the roster.
//!
//! The ledger is a file of lines `uid 20001 gildong 2026-11-30`, one for each number that anybody ever had. It is only added
//! to, so a number whose entry was taken out of the roster is still taken. Such an entry is noted by a line
//! `gone uid 20001 gildong 2027-03-01`: whoever is called so later may be somebody else, so the number, and the files with it, are
//! his only when somebody says so. Then a line as the first one follows.

use super::files::RosterFiles;
use super::load::{Unnumbered, load_files, read_files};
use super::model::{Roster, Written};
use super::names;
use super::reader::day_of;
use crate::roster::claims;
use jiff::civil::Date;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Place, Source};

pub use claims::Kind;

impl Kind {
    /// Whose number it is, for people.
    pub(super) fn whose(self) -> &'static str {
        match self {
            Kind::User => "a person",
            Kind::Group => "a group",
        }
    }

    /// What the roster calls several.
    pub(super) fn section(self) -> &'static str {
        match self {
            Kind::User => "users",
            Kind::Group => "groups",
        }
    }
}

/// What a roster says of numbers that are given out.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// From where uids are given.
    pub users: Option<RangeInclusive<u32>>,
    /// From where gids are given.
    pub groups: Option<RangeInclusive<u32>>,
    /// Every number that was ever given.
    pub ledger: IdLedger,
    /// Where `ids:` is written.
    pub place: Place,
}

impl Numbers {
    /// From where numbers of a kind are given.
    pub(super) fn range(&self, kind: Kind) -> Option<&RangeInclusive<u32>> {
        match kind {
            Kind::User => self.users.as_ref(),
            Kind::Group => self.groups.as_ref(),
        }
    }
}

/// Every number that anybody ever had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdLedger {
    /// The file; empty when there is none yet.
    pub source: Option<Arc<Source>>,
    by_name: HashMap<(Kind, String), u32>,
    by_number: BTreeMap<(Kind, u32), Written<String>>,
    /// Names that had no entry any more, and since when that is known.
    gone: HashMap<(Kind, String), Date>,
}

impl IdLedger {
    /// Reads a ledger. A line that is none is an error, and so is a number or name that is there twice: the file is only
    /// added to by enlist, and a conflict of two branches must be seen.
    pub fn read(source: &Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let mut ledger = Self { source: Some(source.clone()), ..Self::default() };
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(source.text.lines()) {
            let place = Place::new(source, number, 1);
            if !(line.trim().is_empty() || line.starts_with('#')) {
                problems.extend(ledger.line(line, place).err());
            }
        }
        if !source.text.is_empty() && !source.text.ends_with('\n') {
            let problem =
                Diagnostic::input(&Place::new(source, 1, 1), "the ledger's last line has no end: it was cut off");
            problems.push(problem.hint("get the whole file back from git"));
        }
        if problems.is_empty() { Ok(ledger) } else { Err(problems) }
    }

    fn line(&mut self, line: &str, place: Place) -> Result<(), Diagnostic> {
        let Some(Parsed { is_gone, kind, id, name, day }) = Parsed::of(line) else {
            let problem = Diagnostic::input(&place, "this is no line of a ledger");
            return Err(problem.hint("a line is `uid 20001 gildong 2026-11-30`; enlist writes them"));
        };
        let own = (kind, name.to_owned());
        let is_own = self.by_name.get(&own) == Some(&id);
        if is_gone && is_own {
            self.gone.insert(own, day);
            return Ok(());
        } else if is_gone {
            let message = format!("`{name}` is gone here, and has no {} {id} in the lines before", kind.id_name());
            return Err(Diagnostic::input(&place, message).hint("get the whole file back from git"));
        }
        let returns = self.gone.remove(&own).is_some();
        if let Some(other) = self.by_number.get(&(kind, id)).filter(|_| !(returns && is_own)) {
            let message =
                format!("{} {id} is in the ledger twice, of `{}` and of `{name}`", kind.id_name(), other.value);
            let problem = Diagnostic::input(&place, message).note(format!("first at {}", other.place));
            return Err(problem.hint("two branches gave numbers out: take the later line away, and number again"));
        }
        // Whose number was changed has several; the last one counts, and the others are nobody else's.
        self.by_name.insert(own, id);
        self.by_number.insert((kind, id), Written { value: name.to_owned(), place });
        Ok(())
    }

    /// The number that `name` was given last.
    pub fn number_of(&self, kind: Kind, name: &str) -> Option<u32> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    /// Since when it is known that the entry of `name` is gone.
    pub fn gone_since(&self, kind: Kind, name: &str) -> Option<Date> {
        self.gone.get(&(kind, name.to_owned())).copied()
    }

    /// The names that have an entry, as far as the ledger knows, each with its number.
    fn there(&self) -> impl Iterator<Item = (Kind, u32, &str)> {
        let all = self.by_number.iter().map(|((kind, id), name)| (*kind, *id, name.value.as_str()));
        let is_last = |(kind, id, name): &(Kind, u32, &str)| self.number_of(*kind, name) == Some(*id);
        all.filter(is_last).filter(|(kind, _, name)| self.gone_since(*kind, name).is_none())
    }

    /// Whose number `id` is or was.
    pub fn owner_of(&self, kind: Kind, id: u32) -> Option<&Written<String>> {
        self.by_number.get(&(kind, id))
    }
}

/// A line.
struct Parsed<'l> {
    /// Whether it says that the entry is gone.
    is_gone: bool,
    kind: Kind,
    id: u32,
    name: &'l str,
    day: Date,
}

impl<'l> Parsed<'l> {
    fn of(line: &'l str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (is_gone, words) = match &words[..] {
            ["gone", rest @ ..] => (true, rest),
            all => (false, all),
        };
        let [kind, id, name, day] = *words else { return None };
        let kind = [Kind::User, Kind::Group].into_iter().find(|one| one.id_name() == kind)?;
        let day = day_of(day).filter(|_| names::posix_problem(name).is_none())?;
        Some(Self { is_gone, kind, id: id.parse().ok()?, name, day })
    }
}

/// The lines that a ledger lacks: of names whose entries are gone, of everybody in the roster with a number, of who returned,
/// and of those who get a number now, the lowest free one of the range each. Fails where a range is used up, and where none is
/// written.
fn new_lines(roster: &Roster, unnumbered: &[Unnumbered], day: Date) -> Result<Vec<String>, Vec<Diagnostic>> {
    let Some(numbers) = &roster.numbers else {
        return Err(vec![
            Diagnostic::new(ErrorKind::Input, format!("{} gives no numbers out", roster.source.name))
                .hint("write ranges for them: ids: {users: 20000-29999, groups: 30000-39999}"),
        ]);
    };
    let mut taken: BTreeMap<(Kind, u32), String> = BTreeMap::new();
    let gone = without_entry(roster);
    let mut lines: Vec<String> =
        gone.iter().map(|(kind, id, name)| format!("gone {} {id} {name} {day}\n", kind.id_name())).collect();
    for (was, name) in roster.users.iter().filter_map(|user| Some((user.was_uid.as_ref()?.value, &user.name))) {
        if numbers.ledger.owner_of(Kind::User, was).is_none() {
            lines.push(format!("uid {was} {} {day}\n", name.value));
        }
        taken.insert((Kind::User, was), name.value.clone());
    }
    for claim in claims::of_roster(roster) {
        let is_new = numbers.ledger.owner_of(claim.kind, claim.id).is_none();
        if is_new || numbers.ledger.gone_since(claim.kind, &claim.name).is_some() {
            lines.push(format!("{} {} {} {day}\n", claim.kind.id_name(), claim.id, claim.name));
        }
        taken.insert((claim.kind, claim.id), claim.name);
    }
    let mut problems = Vec::new();
    for Unnumbered { kind, name } in unnumbered {
        match lowest_free(numbers, *kind, &taken) {
            Ok(id) => {
                taken.insert((*kind, id), name.value.clone());
                lines.push(format!("{} {id} {} {day}\n", kind.id_name(), name.value));
            }
            Err(why) => {
                problems.push(Diagnostic::input(&name.place, format!("`{}` gets no number: {why}", name.value)))
            }
        }
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

/// A ledger with the numbers that were given out.
#[derive(Debug)]
pub struct Numbered {
    /// Where it is.
    pub path: PathBuf,
    /// The lines that are new.
    pub lines: Vec<String>,
    /// What is to be added at its end.
    pub added: String,
    /// What it has already.
    pub before: String,
    /// The roster with it.
    pub roster: Roster,
}

/// Where the ledger of a roster is.
pub fn ledger_path(files: &RosterFiles) -> Result<PathBuf, Vec<Diagnostic>> {
    let name = files.tree.get("ids").and_then(|ids| ids.get("ledger"));
    let name = name.and_then(|node| Some(Written { value: node.as_str()?.to_owned(), place: node.place.clone() }));
    files.ledger_path(name.as_ref()).map_err(|problem| vec![problem])
}

/// Gives numbers to everybody in the roster who has none, and puts every number into the ledger. `returns` are logins and groups
/// whose entries were gone and that mean the same again. Nothing is written; the roster has been read again, with all checks, as it
/// would be then.
pub fn number(files: RosterFiles, day: Date, returns: &[String]) -> Result<Numbered, Vec<Diagnostic>> {
    let read = read_files(&files, day)?;
    let unasked = returns.iter().filter(|name| !read.returned.iter().any(|one| one.name.value == **name));
    let mut problems: Vec<Diagnostic> = unasked.map(|name| returns_nowhere(name)).collect();
    problems.extend(read.returned.iter().filter(|one| !returns.contains(&one.name.value)).map(Unnumbered::returned));
    if !problems.is_empty() {
        return Err(problems);
    }
    let lines = new_lines(&read.roster, &read.unnumbered, day)?;
    let path = ledger_path(&files)?;
    let before = read.roster.numbers.as_ref().and_then(|numbers| numbers.ledger.source.as_ref());
    let before = before.map(|source| source.text.clone()).unwrap_or_default();
    let added = format!("{}{}", if before.is_empty() { HEADING } else { "" }, lines.concat());
    let roster = load_files(&files.with_ledger(before.clone() + &added), day)?;
    Ok(Numbered { path, lines, added, before, roster })
}

/// A roster of one file as `source` would have it, and what its ledger needs for that: numbers of those who have none yet, or that
/// it has not. `None`: nothing.
pub fn as_numbered(source: &Arc<Source>, day: Date) -> Result<(Roster, Option<Numbered>), Vec<Diagnostic>> {
    let problems = match load_files(&RosterFiles::of(source)?, day) {
        Ok(roster) => return Ok((roster, None)),
        Err(problems) => problems,
    };
    let files = RosterFiles::of(source)?;
    if files.tree.get("ids").is_none() {
        return Err(problems);
    }
    let numbered = number(files, day, &[])?;
    Ok((numbered.roster.clone(), Some(numbered)))
}

fn returns_nowhere(name: &str) -> Diagnostic {
    let message = format!("`{name}` does not come back: no entry without a number has a name that was gone");
    Diagnostic::new(ErrorKind::Input, message).hint("write the entry first; one with its number needs nothing else")
}

/// Names of the ledger that have no entry any more, and of which that is not noted.
fn without_entry(roster: &Roster) -> Vec<(Kind, u32, &str)> {
    let Some(numbers) = &roster.numbers else { return Vec::new() };
    let users = roster.users.iter().map(|user| (Kind::User, user.name.as_str()));
    let groups = roster.groups.iter().map(|group| (Kind::Group, group.name.as_str()));
    let entries: HashSet<(Kind, &str)> = users.chain(groups).collect();
    numbers.ledger.there().filter(|(kind, _, name)| !entries.contains(&(*kind, *name))).collect()
}

/// That names of the ledger have no entry, as one problem: else nobody would see when somebody else has the name later.
pub(super) fn unnoted(roster: &Roster) -> Option<Diagnostic> {
    let gone = without_entry(roster);
    let (_, _, first) = gone.first()?;
    let others = if gone.len() == 1 { String::new() } else { format!(" (and {} more)", gone.len() - 1) };
    let message = format!("`{first}`{others} of the ledger has no entry any more, and that is not noted there");
    let problem = Diagnostic::input(&roster.numbers.as_ref()?.place, message)
        .note("somebody else who is called so later would get the number, and the files with it")
        .note("an entry with `state: absent` says it, too; two rosters need two ledgers, with `ids: {ledger: FILE}`");
    Some(problem.hint("note it there: enlist roster number"))
}

/// The first lines of a new ledger.
const HEADING: &str =
    "# Every number that anybody ever had. Written by `enlist roster number`; lines are never taken out.\n";

/// The numbers of a roster that the ledger lacks, though they are of a range from which numbers are given: such a one could be
/// given again when its entry is gone.
pub(super) fn unrecorded(roster: &Roster) -> Vec<Diagnostic> {
    let Some(numbers) = &roster.numbers else { return Vec::new() };
    let is_given = |claim: &claims::Claim| numbers.range(claim.kind).is_some_and(|range| range.contains(&claim.id));
    let all = claims::of_roster(roster).into_iter().filter(is_given);
    let lacking = all.filter(|claim| numbers.ledger.owner_of(claim.kind, claim.id).is_none());
    let problem = |claim: claims::Claim| {
        let message = format!("{} {} of `{}` is not in the ledger", claim.kind.id_name(), claim.id, claim.name);
        let problem = match claim.origin {
            claims::Origin::Wanted(Some(place)) => Diagnostic::input(&place, message),
            _ => Diagnostic::new(ErrorKind::Input, message),
        };
        problem
            .note("it could be given to somebody else when this entry is gone")
            .hint("write it there: enlist roster number")
    };
    lacking.map(problem).collect()
}

/// The lowest number of the range that nobody ever had. A uid is not given that is somebody's gid: a group of the person's own
/// could not have it.
fn lowest_free(numbers: &Numbers, kind: Kind, taken: &BTreeMap<(Kind, u32), String>) -> Result<u32, String> {
    let section = kind.section();
    let range = numbers.range(kind).ok_or_else(|| format!("`ids` has no range for {section}"))?;
    let is_taken = |kind, id| taken.contains_key(&(kind, id)) || numbers.ledger.owner_of(kind, id).is_some();
    let mut free = range.clone().filter(|id| !is_taken(Kind::User, *id) && !is_taken(Kind::Group, *id));
    free.next().ok_or_else(|| format!("all numbers from {} to {} have been given", range.start(), range.end()))
}

/// Why numbers of `range` cannot be given to people or groups.
pub fn range_problem(range: &RangeInclusive<u32>) -> Option<String> {
    let (reserved, whose) = names::reserved_within(range)?;
    Some(format!("{} to {} belong to {whose}", reserved.start(), reserved.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(text: &str) -> Result<IdLedger, String> {
        let problems = |all: Vec<Diagnostic>| all.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; ");
        IdLedger::read(&Source::new("ids.ledger", text)).map_err(problems)
    }

    #[test]
    fn lines_are_read_strictly() {
        let good = ledger("# numbers\nuid 20001 kim 2026-11-30\ngid 20001 ai 2026-11-30\n").unwrap();
        assert_eq!((good.number_of(Kind::User, "kim"), good.number_of(Kind::Group, "kim")), (Some(20001), None));
        let changed = ledger("uid 1 kim 2026-11-30\nuid 2 kim 2026-12-01\n").unwrap();
        assert_eq!((changed.number_of(Kind::User, "kim"), changed.owner_of(Kind::User, 1).is_some()), (Some(2), true));
        assert_eq!(good.owner_of(Kind::Group, 20001).map(|owner| owner.value.as_str()), Some("ai"));
        for (text, says) in [
            ("uid 20001 kim\n", "this is no line of a ledger"),
            ("uid x kim 2026-11-30\n", "this is no line of a ledger"),
            ("<<<<<<< HEAD\n", "this is no line of a ledger"),
            ("uid 1 kim 2026-11-30\nuid 1 lee 2026-11-30\n", "uid 1 is in the ledger twice, of `kim` and of `lee`"),
            ("uid 1 kim 2026-11-30\nuid 1 kim 2026-12-30\n", "uid 1 is in the ledger twice, of `kim` and of `kim`"),
            ("gone uid 1 kim 2026-11-30\n", "`kim` is gone here, and has no uid 1 in the lines before"),
            (
                "uid 1 kim 2026-11-30\ngone gid 1 kim 2026-11-30\n",
                "`kim` is gone here, and has no gid 1 in the lines before",
            ),
            ("uid 1 kim 2026-11-30", "the ledger's last line has no end: it was cut off"),
        ] {
            assert_eq!(ledger(text).unwrap_err(), says);
        }
    }

    #[test]
    fn ranges_of_others_give_no_numbers() {
        for range in [900..=1999, 60000..=60002, 61000..=61184, 524_287..=524_288, 2_000_000_000..=2_147_483_648] {
            assert!(range_problem(&range).is_some(), "{range:?}");
        }
        for range in [1000..=60000, 65536..=99_999, 1_879_048_192..=1_900_000_000] {
            assert_eq!(range_problem(&range), None, "{range:?}");
        }
    }
}
