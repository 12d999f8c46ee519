//! From a YAML tree to a [`Roster`]: shape and types. What the values must fulfil is in [`super::checks`].

use super::model::*;
use super::reader::Reader;
use super::{directories, limits};
use crate::roster::guards::Settings;
use crate::yaml;
use std::sync::Arc;
use words::diag::{self, Diagnostic, Source};
use words::text::limit::{LIMITS, QOS_LIMITS};
use words::value::Value;
use words::value::node::{Kind, Node};

const ROSTER: &[&str] =
    &["site", "hosts", "scheduler", "directories", "groups", "users", "qos", "accounts", "leavers", "guards"];
const GROUP: &[&str] = &["gid", "state"];
const USER: &[&str] = &[
    "uid",
    "group",
    "groups",
    "only_groups",
    "shell",
    "home",
    "comment",
    "keys",
    "default_account",
    "locked",
    "expires",
    "jobs",
    "state",
];
const KEY: &[&str] = &["key", "state"];
const QOS: &[&str] = &["description", "limits", "state"];
const ACCOUNT: &[&str] = &["parent", "description", "organization", "limits", "users", "coordinators", "state"];
const MEMBER: &[&str] = &["limits", "partitions", "state"];
const PLACE: &[&str] = &["limits", "state"];
const COORDINATOR: &[&str] = &["state"];
const LEAVERS: &[&str] = &["jobs"];
const GUARDS: &[&str] = &["max_removals", "max_jobs", "protected"];

/// Reads a roster and, when its shape is right, runs every check.
///
/// Everything that is wrong is reported at once, in the order of the file. What YAML only warns of (a name that is
/// there twice, of which the last would win) is an error here.
pub fn load(source: &Arc<Source>) -> Result<Roster, Vec<Diagnostic>> {
    let parsed = yaml::read(source).map_err(|problem| vec![problem])?;
    let mut problems = parsed.warnings.clone();
    let nothing = || Node { kind: Kind::Scalar(Value::Null), place: diag::Place::new(source, 1, 1), tag: None };
    let tree = parsed.single().map_err(|problem| vec![problem])?.unwrap_or_else(nothing);
    let mut reader = Reader::new(&source.text);
    let roster = read(&mut reader, source, &tree);
    problems.append(&mut reader.problems);
    // An entry that could not be read would look unknown to the checks.
    if problems.is_empty() {
        super::CHECKS.iter().for_each(|check| (check.run)(&roster, &mut problems));
    }
    problems.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.line, place.column)));
    if problems.is_empty() { Ok(roster) } else { Err(problems) }
}

fn read(reader: &mut Reader, source: &Arc<Source>, tree: &Node) -> Roster {
    reader.fields(tree, "the roster", ROSTER);
    let start = diag::Place::new(source, 1, 1);
    let everywhere = Written { value: "all".to_owned(), place: start };
    Roster {
        source: source.clone(),
        site: reader.text_field(tree, "site").map(|site| site.value),
        hosts: reader.text_field(tree, "hosts").unwrap_or(everywhere),
        scheduler: reader.text_field(tree, "scheduler"),
        directories: read_named(reader, tree.get("directories"), "`directories`", directories::read),
        groups: read_named(reader, tree.get("groups"), "`groups`", read_group),
        users: read_named(reader, tree.get("users"), "`users`", read_user),
        qos: read_named(reader, tree.get("qos"), "`qos`", read_qos),
        accounts: read_named(reader, tree.get("accounts"), "`accounts`", read_account),
        leavers: tree.get("leavers").map(|node| read_leavers(reader, node)).unwrap_or_default(),
        guards: tree.get("guards").map(|node| read_guards(reader, node)).unwrap_or_default(),
    }
}

/// Reads each entry of a mapping of names with `read`; entries that cannot be read are reported and left out.
fn read_named<T>(
    reader: &mut Reader,
    node: Option<&Node>,
    what: &str,
    read: fn(&mut Reader, Written<String>, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(node) = node else { return Vec::new() };
    reader.named(node, what).into_iter().filter_map(|(name, entry)| read(reader, name, entry)).collect()
}

fn read_group(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<Group> {
    reader.fields(node, "a group", GROUP);
    let gid = reader.required_number(node, &name, "gid", "a group has the same gid on every host");
    Some(Group { gid: gid?, state: reader.state(node), name })
}

fn read_user(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<User> {
    reader.fields(node, "a user", USER);
    let uid = reader.required_number(node, &name, "uid", "a person has the same uid on every host");
    let group = reader.text_field(node, "group");
    if node.get("group").is_none() {
        reader.missing(&name, "group", "without a primary group each host would choose a gid of its own");
    }
    let keys = reader.items(node.get("keys"), "`keys`").iter().filter_map(|key| read_key(reader, key)).collect();
    let user = User {
        groups: reader.text_list(node, "groups"),
        only_groups: reader.yes_or_no(node, "only_groups").unwrap_or(false),
        shell: reader.text_field(node, "shell"),
        home: reader.text_field(node, "home"),
        comment: reader.text_field(node, "comment"),
        keys,
        default_account: reader.text_field(node, "default_account"),
        locked: reader.yes_or_no(node, "locked"),
        expires: reader.expiry(node),
        jobs: reader.jobs_of_leavers(node),
        state: reader.state(node),
        uid: uid?,
        group: group?,
        name,
    };
    Some(user)
}

/// `ssh-ed25519 AAAA…`, or the same with a state.
fn read_key(reader: &mut Reader, node: &Node) -> Option<Key> {
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
        users: read_members(reader, node.get("users")),
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

fn read_members(reader: &mut Reader, node: Option<&Node>) -> Vec<Member> {
    let plain = |user| Member { user, limits: Vec::new(), partitions: Vec::new(), state: State::Present };
    read_list_or_named(reader, node, "`users`", plain, |reader, user, node| {
        reader.fields(node, "a user of an account", MEMBER);
        let limits = limits::read(reader, node.get("limits"), LIMITS);
        let partitions = read_places(reader, node.get("partitions"));
        Some(Member { user, limits, partitions, state: reader.state(node) })
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
    if let Some(number) = node.get("max_removals").and_then(|value| reader.number(value, "`max_removals`")) {
        settings.max_removals = number.value;
    }
    if let Some(number) = node.get("max_jobs").and_then(|value| reader.number(value, "`max_jobs`")) {
        settings.max_jobs = number.value;
    }
    settings.protected = reader.text_list(node, "protected").into_iter().map(|name| name.value).collect();
    settings
}
