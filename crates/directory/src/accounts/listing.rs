//! Who has which name and number in a directory, in the form in which hosts tell it.

use super::mirror::Mirror;
use super::user::comment;
use crate::dialects::Terms;
use crate::entry::Entry;
use host::change::outcome::Outcome;
use words::value::Value;

/// The answer to `accounts`. Where a host names file and line, a directory names the entry. An entry with several names says
/// the number of each.
pub fn listing(mirror: &Mirror) -> Outcome {
    let terms = mirror.terms();
    let users: Vec<Value> =
        mirror.people().flat_map(|entry| entry.texts(terms.login).map(|name| user(name, entry, terms))).collect();
    let groups: Vec<Value> = mirror
        .groups()
        .flat_map(|entry| entry.texts(terms.group_name).map(|name| group(name, entry, mirror)))
        .collect();
    Outcome::new().with("users", users).with("groups", groups)
}

fn user(name: &str, entry: &Entry, terms: &Terms) -> Value {
    Value::from_iter([
        ("name", name.into()),
        ("uid", entry.number("uidNumber").into()),
        ("gid", entry.number("gidNumber").unwrap_or(u32::MAX).into()),
        ("gecos", comment(entry).unwrap_or_default().into()),
        ("home", entry.text(terms.home).unwrap_or_default().into()),
        ("shell", entry.text("loginShell").unwrap_or_default().into()),
        ("keys", keys(entry).into()),
        ("file", entry.dn.as_str().into()),
        ("line", Value::Int(0)),
    ])
}

/// The SSH keys of an entry, one a text; one value may hold several lines.
fn keys(entry: &Entry) -> Vec<Value> {
    let lines = entry.texts("sshPublicKey").flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(Value::from).collect()
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
