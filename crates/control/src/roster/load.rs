//! From a YAML tree to a [`Roster`]: shape and types. What the values must fulfil is in [`super::checks`].

use super::directories::DirectoryEntry;
use super::engagements::{self, Engagement};
use super::files::RosterFiles;
use super::ids::{IdLedger, Kind, Numbers, range_problem};
use super::model::*;
use super::reader::Reader;
use super::shape::{ACCOUNT, COORDINATOR, GROUP, GUARDS, IDS, KEY, LEAVERS, MEMBER, PLACE, QOS, ROSTER, TARGETS};
use super::{directories, ids, limits, nis, person};
use crate::roster::guards::Settings;
use jiff::civil::Date;
use std::ops::RangeInclusive;
use std::sync::Arc;
use words::diag::{self, Diagnostic, Source};
use words::text::limit::{LIMITS, QOS_LIMITS};
use words::value::node::Node;

/// Reads a roster of one file as of today (UTC) and, when its shape is right, runs every check.
///
/// Everything that is wrong is reported at once, in the order of the file. What YAML only warns of (a name that is
/// there twice, of which the last would win) is an error here.
pub fn load(source: &Arc<Source>) -> Result<Roster, Vec<Diagnostic>> {
    load_files(&RosterFiles::of(source)?, today())
}

/// The same for all files of a roster, as of `day`.
pub fn load_files(files: &RosterFiles, day: Date) -> Result<Roster, Vec<Diagnostic>> {
    let Read { roster, unnumbered, returned } = read_files(files, day)?;
    let mut problems: Vec<Diagnostic> = unnumbered.iter().map(Unnumbered::unnumbered).collect();
    problems.extend(returned.iter().map(Unnumbered::returned));
    problems.extend(ids::unrecorded(&roster));
    problems.extend(ids::unnoted(&roster));
    if problems.is_empty() { Ok(roster) } else { Err(problems) }
}

/// An entry without a number, for which no number of the ledger counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unnumbered {
    /// A person or a group.
    pub kind: Kind,
    /// The name.
    pub name: Written<String>,
}

impl Unnumbered {
    /// That it has none yet.
    fn unnumbered(&self) -> Diagnostic {
        let message = format!("`{}` has no {} yet", self.name.value, self.kind.id_name());
        Diagnostic::input(&self.name.place, message)
            .note("numbers are given out once and written to the ledger, which is reviewed and stays")
            .hint("give one out: enlist roster number")
    }

    /// That somebody was here under the name, who need not be the same.
    pub fn returned(&self) -> Diagnostic {
        let (name, id) = (&self.name.value, self.kind.id_name());
        let message =
            format!("`{name}` was here before and was gone, and the entry does not say that this is the same");
        Diagnostic::input(&self.name.place, message).note("files of that time have the number of that time").hint(
            format!("the same: write `{id}` out, or enlist roster number --returns {name}; else take another name"),
        )
    }
}

/// The day in UTC, as shadow(5) counts it.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A roster as far as it can be read.
pub(super) struct Read {
    /// The roster.
    pub roster: Roster,
    /// Who has no number yet and is therefore not in it.
    pub unnumbered: Vec<Unnumbered>,
    /// Who has a number by the name alone, though the entry was gone for a time.
    pub returned: Vec<Unnumbered>,
}

/// Reads with all checks; who has no number yet is left out and named.
pub(super) fn read_files(files: &RosterFiles, day: Date) -> Result<Read, Vec<Diagnostic>> {
    let mut problems = files.problems.clone();
    let mut reader = Reader::new(&files.sources);
    let roster = read(&mut reader, files, day);
    problems.append(&mut reader.problems);
    // An entry that could not be read would look unknown to the checks.
    if problems.is_empty() {
        super::CHECKS.iter().for_each(|check| (check.run)(&roster, &mut problems));
    }
    let is_of_unnumbered = |problem: &Diagnostic| {
        let names = || reader.unnumbered.iter().map(|one| format!("`{}`", one.name.value));
        // With everybody left out who has no number, there may be nobody.
        if problem.message.starts_with("the roster names no group") {
            return !reader.unnumbered.is_empty();
        }
        problem.message.starts_with("there is no ") && names().any(|name| problem.message.contains(&name))
    };
    problems.retain(|problem| !is_of_unnumbered(problem));
    problems.iter_mut().filter(|problem| reader.would_show(problem)).for_each(directories::without_line);
    let place = |problem: &Diagnostic| problem.place.clone();
    problems.sort_by_key(|problem| place(problem).map(|place| (place.source.name.clone(), place.line, place.column)));
    let Reader { unnumbered, returned, .. } = reader;
    if problems.is_empty() { Ok(Read { roster, unnumbered, returned }) } else { Err(problems) }
}

fn read(reader: &mut Reader, files: &RosterFiles, day: Date) -> Roster {
    let (tree, source) = (&files.tree, &files.whole);
    reader.fields(tree, "the roster", ROSTER);
    let numbers = tree.get("ids").map(|node| read_ids(reader, files, node));
    reader.ledger = numbers.as_ref().map(|numbers| numbers.ledger.clone());
    let targets = Targets::read(reader, tree);
    let groups = read_named(reader, tree.get("groups"), "`groups`", read_group);
    let mut accounts = read_named(reader, tree.get("accounts"), "`accounts`", read_account);
    let engagements = engagements::read(reader, files, tree);
    let entries = person::entries(reader, tree, &engagements);
    let users = entries.iter().filter_map(|entry| person::read(reader, entry, day)).collect::<Vec<_>>();
    person::join_accounts(reader, &mut accounts, &entries, &users);
    let mut roster = Roster {
        source: source.clone(),
        files: files.read(),
        day,
        site: reader.text_field(tree, "site").map(|site| site.value),
        hosts: targets.hosts.unwrap_or(Written { value: "all".to_owned(), place: diag::Place::new(source, 1, 1) }),
        scheduler: targets.scheduler,
        directories: targets.directories,
        nis: read_named(reader, tree.get("nis"), "`nis`", nis::read),
        groups,
        users,
        engagements,
        numbers,
        qos: read_named(reader, tree.get("qos"), "`qos`", read_qos),
        accounts,
        leavers: tree.get("leavers").map(|node| read_leavers(reader, node)).unwrap_or_default(),
        guards: tree.get("guards").map(|node| read_guards(reader, node)).unwrap_or_default(),
    };
    Engagement::join(&mut roster);
    roster
}

/// Where the roster goes: written at the top, or together under `targets`.
struct Targets {
    hosts: Option<Written<String>>,
    scheduler: Option<Written<String>>,
    directories: Vec<DirectoryEntry>,
}

impl Targets {
    fn read(reader: &mut Reader, tree: &Node) -> Self {
        let below = tree.get("targets");
        if let Some(below) = below {
            reader.fields(below, "`targets`", TARGETS);
            for (key, _) in TARGETS.iter().filter_map(|field| below.entry(field.name).zip(tree.get(field.name))) {
                let message = format!("`{}` is written at the top and under `targets`", key.0.key_text());
                reader.problems.push(key.0.error(message).hint("take one of the two out"));
            }
        }
        let holder = |key: &str| below.filter(|below| below.get(key).is_some()).unwrap_or(tree);
        Self {
            hosts: reader.text_field(holder("hosts"), "hosts"),
            scheduler: reader.text_field(holder("scheduler"), "scheduler"),
            directories: {
                let node = holder("directories").get("directories");
                read_named(reader, node, "`directories`", directories::read)
            },
        }
    }
}

/// Reads each entry of a mapping of names with `read`; entries that cannot be read are reported and left out.
pub(super) fn read_named<T>(
    reader: &mut Reader,
    node: Option<&Node>,
    what: &str,
    read: fn(&mut Reader, Written<String>, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(node) = node else { return Vec::new() };
    reader.named(node, what).into_iter().filter_map(|(name, entry)| read(reader, name, entry)).collect()
}

/// `ids: {users: 20000-29999, groups: 30000-39999}`.
fn read_ids(reader: &mut Reader, files: &RosterFiles, node: &Node) -> Numbers {
    reader.fields(node, "`ids`", IDS);
    let ledger = match files.ledger(reader.text_field(node, "ledger").as_ref(), node) {
        Ok(Some(source)) => IdLedger::read(&source),
        Ok(None) => Ok(IdLedger::default()),
        Err(problem) => Err(vec![problem]),
    };
    let ledger = ledger.unwrap_or_else(|problems| {
        reader.problems.extend(problems);
        IdLedger::default()
    });
    let (users, groups) = (read_range(reader, node, "users"), read_range(reader, node, "groups"));
    Numbers { users, groups, ledger, place: node.place.clone() }
}

fn read_range(reader: &mut Reader, node: &Node, key: &str) -> Option<RangeInclusive<u32>> {
    let value = node.get(key)?;
    let range = value.as_str().and_then(directories::range_of);
    match range.as_ref().map(range_problem) {
        None => {
            let message =
                format!("`{key}` must be the first and last number, from 1000 on, not {}", value.to_value().repr());
            reader.problems.push(value.error(message).hint("write them as 20000-29999"));
        }
        Some(Some(why)) => reader.problems.push(value.error(format!("`{key}` cannot be given out: {why}"))),
        Some(None) => {}
    }
    range
}

fn read_group(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<Group> {
    reader.fields(node, "a group", GROUP);
    let gid = reader.own_number(node, &name, Kind::Group);
    Some(Group { gid: gid?, state: reader.state(node), name })
}

/// `ssh-ed25519 AAAA…`, or the same with a state.
pub(super) fn read_key(reader: &mut Reader, node: &Node) -> Option<Key> {
    if node.entries().is_none() {
        return Some(Key { line: reader.text(node, "a key")?, state: State::Present });
    }
    reader.fields(node, "a key", KEY);
    if node.get("key").is_none() {
        reader.problems.push(node.error("a key in this form needs the field `key`"));
    }
    Some(Key { line: reader.text_field(node, "key")?, state: reader.state(node) })
}

fn read_account(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<Account> {
    reader.fields(node, "an account", ACCOUNT);
    Some(Account {
        parent: reader.text_field(node, "parent"),
        description: reader.text_field(node, "description"),
        organization: reader.text_field(node, "organization"),
        limits: limits::read(reader, node.get("limits"), LIMITS),
        users: read_members(reader, node.get("users"), "`users`"),
        coordinators: read_coordinators(reader, node.get("coordinators")),
        state: reader.state(node),
        name,
    })
}

fn read_qos(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<Qos> {
    reader.fields(node, "a QOS", QOS);
    Some(Qos {
        description: reader.text_field(node, "description"),
        limits: limits::read(reader, node.get("limits"), QOS_LIMITS),
        state: reader.state(node),
        name,
    })
}

/// `[gildong, alice]`, or a mapping of names when there is more to say of somebody.
fn read_list_or_named<T>(
    reader: &mut Reader,
    node: Option<&Node>,
    what: &str,
    plain: fn(Written<String>) -> T,
    read: fn(&mut Reader, Written<String>, &Node) -> Option<T>,
) -> Vec<T> {
    match node.and_then(Node::items) {
        Some(items) => items.iter().filter_map(|item| reader.text(item, "a name")).map(plain).collect(),
        None => read_named(reader, node, what, read),
    }
}

/// Members of an account; or of a person, the accounts that he is a member of.
pub(super) fn read_members(reader: &mut Reader, node: Option<&Node>, what: &str) -> Vec<Member> {
    read_list_or_named(reader, node, what, Member::plain, |reader, user, node| {
        reader.fields(node, "a user of an account", MEMBER);
        let limits = limits::read(reader, node.get("limits"), LIMITS);
        let partitions = read_places(reader, node.get("partitions"));
        Some(Member { limits, partitions, state: reader.state(node), ..Member::plain(user) })
    })
}

fn read_places(reader: &mut Reader, node: Option<&Node>) -> Vec<Place> {
    let plain = |partition| Place { partition, limits: Vec::new(), state: State::Present };
    read_list_or_named(reader, node, "`partitions`", plain, |reader, partition, node| {
        reader.fields(node, "a partition of a user", PLACE);
        let limits = limits::read(reader, node.get("limits"), LIMITS);
        Some(Place { partition, limits, state: reader.state(node) })
    })
}

fn read_coordinators(reader: &mut Reader, node: Option<&Node>) -> Vec<Coordinator> {
    let plain = |user| Coordinator { user, state: State::Present };
    read_list_or_named(reader, node, "`coordinators`", plain, |reader, user, node| {
        reader.fields(node, "a coordinator", COORDINATOR);
        Some(Coordinator { user, state: reader.state(node) })
    })
}

fn read_leavers(reader: &mut Reader, node: &Node) -> Leavers {
    reader.fields(node, "`leavers`", LEAVERS);
    Leavers { jobs: reader.jobs_of_leavers(node) }
}

fn read_guards(reader: &mut Reader, node: &Node) -> Settings {
    reader.fields(node, "`guards`", GUARDS);
    let mut settings = Settings::default();
    let numbers: [(&str, &mut u32); 5] = [
        ("max_removals", &mut settings.max_removals),
        ("max_suspensions", &mut settings.max_suspensions),
        ("max_share", &mut settings.max_share),
        ("max_jobs", &mut settings.max_jobs),
        ("min_admins", &mut settings.min_admins),
    ];
    for (key, setting) in numbers {
        if let Some(number) = reader.number_field(node, key) {
            *setting = number.value;
        }
    }
    let names = |reader: &mut Reader, key| reader.text_list(node, key).into_iter().map(|name| name.value).collect();
    settings.protected = names(reader, "protected");
    settings.admins = names(reader, "admins");
    settings
}
