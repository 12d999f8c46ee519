//! Who has which name and number in a directory, in the form in which hosts tell it.

use super::Rules;
use super::mirror::{KnownGroup, Mirror};
use super::user::comment;
use crate::entry::Entry;
use crate::settings::KEY_ATTRIBUTES;
use host::change::outcome::Outcome;
use host::identity::authorized_keys::keys as keys_of;
use std::collections::BTreeMap;
use words::value::Value;

/// The answer to `accounts`. Where a host names file and line, a directory names the entry. An entry with several names says
/// the number of each. What nobody can be sure of by it is warned of.
pub fn listing(mirror: &Mirror, rules: &Rules) -> Outcome {
    let terms = mirror.terms();
    let users: Vec<Value> =
        mirror.people().flat_map(|entry| entry.texts(terms.login).map(|name| user(name, entry, rules))).collect();
    let groups: Vec<Value> = mirror
        .groups()
        .flat_map(|entry| entry.texts(terms.group_name).map(|name| group(name, entry, mirror)))
        .collect();
    let warnings = [twins(mirror), nested(mirror)].concat();
    Outcome { warnings, ..Outcome::new() }.with("users", users).with("groups", groups)
}

/// Entries that share a login: clients take whichever comes first.
fn twins(mirror: &Mirror) -> Vec<String> {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in mirror.people() {
        for login in entry.texts(mirror.terms().login) {
            owners.entry(login).or_default().push(&entry.dn);
        }
    }
    let shared = owners.into_iter().filter(|(_, entries)| entries.len() > 1);
    shared
        .map(|(login, entries)| format!("{} entries are called {login}: {}", entries.len(), entries.join(" and ")))
        .collect()
}

/// Groups within groups: who is in the inner one is in the outer one for clients that follow this, and for others not.
fn nested(mirror: &Mirror) -> Vec<String> {
    let is_within =
        |outer: &KnownGroup, inner: &KnownGroup| outer.entries.contains(&crate::dn::normal(&inner.entry.dn));
    let mut warnings = Vec::new();
    for outer in mirror.known_groups() {
        for inner in outer.entries.iter().filter_map(|dn| mirror.known_group(dn)) {
            let (outer_dn, inner_dn) = (&outer.entry.dn, &inner.entry.dn);
            if is_within(inner, outer) {
                let text =
                    format!("{outer_dn} and {inner_dn} are members of each other: take one of the two out by hand");
                warnings.extend((outer_dn <= inner_dn).then_some(text));
            } else {
                warnings.push(format!(
                    "{inner_dn} is a member of {outer_dn}: whether its people are in that one depends on each host's client; \
                     name them there one by one"
                ));
            }
        }
    }
    warnings
}

fn user(name: &str, entry: &Entry, rules: &Rules) -> Value {
    let terms = rules.dialect.terms();
    Value::from_iter([
        ("name", name.into()),
        ("uid", entry.number("uidNumber").into()),
        ("gid", entry.number("gidNumber").unwrap_or(u32::MAX).into()),
        ("gecos", comment(entry).unwrap_or_default().into()),
        ("home", entry.text(terms.home).unwrap_or_default().into()),
        ("shell", entry.text("loginShell").unwrap_or_default().into()),
        ("keys", keys(entry).into()),
        ("locked", rules.dialect.is_locked(entry).into()),
        ("file", entry.dn.as_str().into()),
        ("line", Value::Int(0)),
    ])
}

/// The SSH keys of an entry wherever it has some, one a text; one value may hold several lines. What else stands there is none.
fn keys(entry: &Entry) -> Vec<Value> {
    let values = KEY_ATTRIBUTES.iter().flat_map(|attribute| entry.texts(attribute));
    let lines = values.flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty() && keys_of(line).is_ok()).map(Value::from).collect()
}

/// The logins of a group, by either way of naming them.
fn members(entry: &Entry, mirror: &Mirror) -> Vec<Value> {
    let by_name = entry.texts("memberUid");
    let by_entry = entry.texts("member").filter_map(|dn| mirror.login(mirror.entry(dn)?));
    let mut logins: Vec<&str> = by_name.chain(by_entry).collect();
    logins.sort_unstable();
    logins.dedup();
    logins.into_iter().map(Value::from).collect()
}

fn group(name: &str, entry: &Entry, mirror: &Mirror) -> Value {
    Value::from_iter([
        ("name", name.into()),
        ("gid", entry.number("gidNumber").into()),
        ("members", members(entry, mirror).into()),
        ("file", entry.dn.as_str().into()),
        ("line", Value::Int(0)),
    ])
}
