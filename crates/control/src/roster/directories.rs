//! Directories of a roster: where groups, users and keys are kept beside the account files of hosts, or instead of them.

use super::model::Written;
use super::reader::Reader;
use super::shape::{DIRECTORY, PASSWORD, RosterField};
use directory::dn;
use directory::settings::{Bind, KEY_ATTRIBUTES, Password, SchemaKind, Server, Settings};
use std::ops::RangeInclusive;
use words::diag::{Diagnostic, Place};
use words::value::node::Node;

/// A directory and the hosts whose people come from it.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryEntry {
    /// Where it is written.
    pub place: Place,
    /// What it is.
    pub settings: Settings,
    /// Inventory pattern of the hosts that resolve people from it, and get no accounts of their own.
    pub hosts: Option<Written<String>>,
}

/// Reads one entry of `directories:`.
pub(super) fn read(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<DirectoryEntry> {
    let before = reader.problems.len();
    let entry = read_entry(reader, name, node);
    if may_hold_a_password(node) {
        // The whole entry may be one line.
        reader.problems[before..].iter_mut().for_each(without_line);
    }
    entry
}

/// Whether a password may stand in the entry itself: as `password` in a wrong form, or under a name that is no field.
fn may_hold_a_password(node: &Node) -> bool {
    let is_known = |key: &Node| has(DIRECTORY, key);
    node.entries().is_none_or(|entries| entries.iter().any(|(key, _)| !is_known(key)))
        || node.get("password").is_some_and(|password| !names_a_place(password))
}

/// Whether `password` has fields, and no others than it may have.
fn names_a_place(password: &Node) -> bool {
    let entries = password.entries().unwrap_or_default();
    !entries.is_empty() && entries.iter().all(|(key, _)| has(PASSWORD, key))
}

fn has(fields: &[RosterField], key: &Node) -> bool {
    fields.iter().any(|field| field.name == key.key_text())
}

/// Says the place in words: with a place of its own, a problem is shown with the line that it is on.
pub(super) fn without_line(problem: &mut Diagnostic) {
    if let Some(place) = problem.place.take() {
        problem.message = format!("{place}: {}", problem.message);
    }
}

fn read_entry(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<DirectoryEntry> {
    reader.fields(node, "a directory", DIRECTORY);
    let server = read_server(reader, &name, node);
    let base = required_name(reader, &name, node, "base", "everything below it is looked at");
    let ids = read_ids(reader, &name, node, DIRECTORY_IDS);
    let (schema, key_attribute) = (read_schema(reader, node), read_key_attribute(reader, node));
    let below = |reader: &mut Reader, key: &str, default: &str| match node.get(key) {
        Some(_) => name_field(reader, node, key),
        None => base.as_ref().map(|base| format!("{default},{base}")),
    };
    let (people, groups) = (below(reader, "people", "ou=people"), below(reader, "groups", "ou=groups"));
    let sentinel = node.get("sentinel").and_then(|_| name_field(reader, node, "sentinel"));
    let ca = reader.text_field(node, "ca").map(|path| path.value.into());
    let bind = read_bind(reader, &name, node, server.as_ref());
    let hosts = reader.text_field(node, "hosts");
    let (server, base, people, groups) = (server?, base?, people?, groups?);
    let settings = Settings {
        name: name.value,
        server,
        base,
        people,
        groups,
        bind: bind?,
        schema,
        key_attribute,
        ca,
        sentinel,
        ids: ids?,
    };
    Some(DirectoryEntry { place: name.place, settings, hosts })
}

fn read_server(reader: &mut Reader, name: &Written<String>, node: &Node) -> Option<Server> {
    if node.get("server").is_none() {
        reader.missing(name, "server", "write ldaps://HOST, ldap://HOST (with StartTLS), or ldapi:///PATH/OF/SOCKET");
    }
    let url = reader.text_field(node, "server")?;
    let parsed = Server::parse(&url);
    parsed
        .map_err(|forms| {
            let problem = Diagnostic::input(&url.place, format!("`{}` is no server of a directory", url.value));
            reader.problems.push(problem.hint(forms));
        })
        .ok()
}

fn required_name(reader: &mut Reader, name: &Written<String>, node: &Node, key: &str, why: &str) -> Option<String> {
    if node.get(key).is_none() {
        reader.missing(name, key, why);
    }
    name_field(reader, node, key)
}

/// A distinguished name.
fn name_field(reader: &mut Reader, node: &Node, key: &str) -> Option<String> {
    let text = reader.text_field(node, key)?;
    match dn::problem(&text) {
        None => Some(text.value),
        Some(problem) => {
            reader.problems.push(Diagnostic::input(&text.place, format!("`{key}` is `{}`: {problem}", text.value)));
            None
        }
    }
}

/// `2000-9999`: the first and last number, from 1000 on.
pub(super) fn range_of(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-')?;
    let range = first.trim().parse().ok()?..=last.trim().parse().ok()?;
    (*range.start() >= 1000 && !range.is_empty()).then_some(range)
}

/// Why `ids` cannot be left out.
pub(super) const DIRECTORY_IDS: &str = "only who has a number among them is ever changed or removed there";

/// `ids: 2000-9999`.
pub(super) fn read_ids(
    reader: &mut Reader,
    name: &Written<String>,
    node: &Node,
    why: &str,
) -> Option<RangeInclusive<u32>> {
    let Some(value) = node.get("ids") else {
        reader.missing(name, "ids", why);
        return None;
    };
    let range = value.as_str().and_then(range_of);
    if range.is_none() {
        let message = format!("`ids` must be the first and last number, from 1000 on, not {}", value.to_value().repr());
        reader.problems.push(value.error(message).hint("write them as 2000-9999"));
    }
    range
}

fn read_schema(reader: &mut Reader, node: &Node) -> Option<SchemaKind> {
    let text = reader.text_field(node, "schema")?;
    let found = SchemaKind::NAMES.iter().find(|(name, _)| *name == text.value);
    if found.is_none() {
        let names = SchemaKind::NAMES.map(|(name, _)| name);
        let message = format!("`schema` must be {}, not `{}`", names.join(", "), text.value);
        let problem = Diagnostic::input(&text.place, message).suggest(&text.value, names);
        reader.problems.push(problem.hint("leave it out, and the server's own schema decides"));
    }
    found.map(|(_, kind)| *kind)
}

fn read_key_attribute(reader: &mut Reader, node: &Node) -> Option<&'static str> {
    let text = reader.text_field(node, "key_attribute")?;
    let found = KEY_ATTRIBUTES.into_iter().find(|name| *name == text.value);
    if found.is_none() {
        let message = format!("`key_attribute` must be {}, not `{}`", KEY_ATTRIBUTES.join(", "), text.value);
        let problem = Diagnostic::input(&text.place, message).suggest(&text.value, KEY_ATTRIBUTES);
        reader.problems.push(problem.hint("leave it out, and the server's own schema decides"));
    }
    found
}

fn read_bind(reader: &mut Reader, name: &Written<String>, node: &Node, server: Option<&Server>) -> Option<Bind> {
    match (node.get("bind"), node.get("password")) {
        (None, None) if matches!(server, Some(Server::Socket(_))) => Some(Bind::External),
        (None, None) => {
            reader.missing(name, "bind", "only over ldapi:// does the server know by itself who asks");
            None
        }
        (None, Some(password)) => {
            reader.problems.push(password.error("`password` belongs to an entry: write it as `bind`"));
            None
        }
        (Some(_), None) => {
            reader.missing(name, "password", "write `password: {file: PATH}` or `password: {environment: NAME}`");
            None
        }
        (Some(_), Some(password)) => {
            let password = read_password(reader, password);
            Some(Bind::Simple { dn: name_field(reader, node, "bind")?, password: password? })
        }
    }
}

/// Where the password is. It is never in the roster, which is in git; what stands there instead is not shown.
fn read_password(reader: &mut Reader, node: &Node) -> Option<Password> {
    const FORMS: &str = "write `{file: PATH}` or `{environment: NAME}`";
    if node.entries().is_none() {
        reader.problems.push(node.error("a password does not stand in a roster").hint(FORMS));
        return None;
    }
    if !names_a_place(node) {
        // What else stands there is not named: it may be the password.
        reader.problems.push(node.error("`password` says where the password is, and nothing else").hint(FORMS));
        return None;
    }
    match (reader.text_field(node, "file"), reader.text_field(node, "environment")) {
        (Some(path), None) => Some(Password::File(path.value.into())),
        (None, Some(name)) => Some(Password::Environment(name.value)),
        _ => {
            reader.problems.push(node.error("`password` says one place where the password is").hint(FORMS));
            None
        }
    }
}
