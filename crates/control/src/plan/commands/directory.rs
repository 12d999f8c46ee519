//! Commands for a directory: LDIF, as `ldapmodify` reads it.

use super::{after, given, sides, text};
use crate::plan::{DirectoryMark, Step};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::change::{Action, Change};
use words::value::Value;

/// One `ldapmodify` with what the change does to its entries.
pub(super) fn commands(step: &Step, change: &Change, mark: &DirectoryMark) -> Vec<String> {
    let records = match (step.module.as_str(), change.action) {
        (_, Action::Delete) if step.module != "authorized_key" => vec![deleted(step, change, mark)],
        ("group", _) => vec![new_group(change, mark)],
        ("user", Action::Create) => [vec![new_person(change, mark)], memberships(change, mark)].concat(),
        ("user", _) => [changed_person(change, mark), memberships(change, mark)].concat(),
        ("authorized_key", _) => vec![key(step, change)],
        _ => return Vec::new(),
    };
    let ldif = records.into_iter().map(|record| record.join("\n")).collect::<Vec<_>>().join("\n\n");
    if ldif.is_empty() {
        return Vec::new();
    }
    vec![format!("ldapmodify -H {} <<'LDIF'\n{ldif}\nLDIF", shell_words::quote(&mark.server))]
}

/// `attribute: value`, in base64 where RFC 2849 asks for it.
fn pair(attribute: &str, value: &str) -> String {
    let is_safe = value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ');
    if is_safe { format!("{attribute}: {value}") } else { format!("{attribute}:: {}", STANDARD.encode(value)) }
}

fn entry_of(change: &Change, name: &str, mark: &DirectoryMark) -> String {
    let shown = |value: &Value| (*value != Value::Null).then(|| text(value));
    let known = sides(change, "entry").and_then(|(before, after)| shown(after).or_else(|| shown(before)));
    let by_name = || match change.address.kind.as_str() {
        "group" => directory::dn::child("cn", name, &mark.groups),
        _ => directory::dn::child("uid", name, &mark.people),
    };
    known.unwrap_or_else(by_name)
}

fn deleted(step: &Step, change: &Change, mark: &DirectoryMark) -> Vec<String> {
    vec![pair("dn", &entry_of(change, &given(step, "name"), mark)), "changetype: delete".to_owned()]
}

fn new_group(change: &Change, mark: &DirectoryMark) -> Vec<String> {
    let name = change.address.name.as_str();
    let gid = after(change, "gid").unwrap_or_default();
    vec![
        pair("dn", &entry_of(change, name, mark)),
        "changetype: add".to_owned(),
        "objectClass: posixGroup".to_owned(),
        pair("cn", name),
        pair("gidNumber", &gid),
    ]
}

/// The number of `ai_team (3001)`.
fn gid_of(shown: &str) -> String {
    shown.rsplit_once('(').map_or(shown, |(_, number)| number.trim_end_matches(')')).to_owned()
}

/// Attributes by the names of a change's fields.
fn attributes(change: &Change) -> Vec<(&'static str, Option<String>)> {
    let fields = [
        ("group", "gidNumber"),
        ("home", "homeDirectory"),
        ("shell", "loginShell"),
        ("comment", "displayName"),
        ("expires", "shadowExpire"),
    ];
    let one = |(field, attribute): (&str, &'static str)| {
        let (_, value) = sides(change, field)?;
        let shown = (*value != Value::Null).then(|| text(value));
        Some((
            attribute,
            match field {
                "group" => shown.map(|shown| gid_of(&shown)),
                "expires" => shown.map(|day| days(&day)),
                _ => shown,
            },
        ))
    };
    fields.into_iter().filter_map(one).collect()
}

/// A day in days since 1970, as shadow(5) counts.
fn days(day: &str) -> String {
    let parsed: Option<jiff::civil::Date> = day.parse().ok();
    let count = parsed.map(|date| date.duration_since(jiff::civil::date(1970, 1, 1)).as_secs() / 86_400);
    count.map_or_else(|| day.trim_start_matches("day ").to_owned(), |count| count.to_string())
}

fn new_person(change: &Change, mark: &DirectoryMark) -> Vec<String> {
    let name = change.address.name.as_str();
    let full = after(change, "comment").unwrap_or_else(|| name.to_owned());
    let family = full.split_whitespace().next_back().unwrap_or(&full).to_owned();
    let mut record = vec![pair("dn", &entry_of(change, name, mark)), "changetype: add".to_owned()];
    let classes = ["inetOrgPerson", "posixAccount", "shadowAccount"];
    record.extend(classes.map(|class| format!("objectClass: {class}")));
    record.extend([pair("uid", name), pair("cn", &full), pair("sn", &family)]);
    record.extend(after(change, "uid").map(|uid| pair("uidNumber", &uid)));
    record.extend(attributes(change).into_iter().filter_map(|(name, value)| Some(pair(name, &value?))));
    record
}

fn changed_person(change: &Change, mark: &DirectoryMark) -> Vec<Vec<String>> {
    let mut edits = Vec::new();
    for (attribute, value) in attributes(change) {
        if !edits.is_empty() {
            edits.push("-".to_owned());
        }
        edits.push(format!("replace: {attribute}"));
        edits.extend(value.map(|value| pair(attribute, &value)));
    }
    if edits.is_empty() {
        return Vec::new();
    }
    let head = vec![pair("dn", &entry_of(change, &change.address.name, mark)), "changetype: modify".to_owned()];
    vec![[head, edits].concat()]
}

/// Groups that the person joins or leaves, by RFC 2307; where groups are RFC 2307bis it is `member` and the person's entry.
fn memberships(change: &Change, mark: &DirectoryMark) -> Vec<Vec<String>> {
    let names =
        |value: &Value| -> Vec<String> { value.as_list().unwrap_or_default().iter().map(Value::to_string).collect() };
    let Some((before, after)) = sides(change, "groups") else { return Vec::new() };
    let (before, after) = (names(before), names(after));
    let edit = |group: &String, verb: &str| {
        let dn = directory::dn::child("cn", group, &mark.groups);
        let head = [pair("dn", &dn), "changetype: modify".to_owned(), format!("{verb}: memberUid")];
        head.into_iter().chain([pair("memberUid", &change.address.name)]).collect::<Vec<_>>()
    };
    let joined = after.iter().filter(|group| !before.contains(group)).map(|group| edit(group, "add"));
    let left = before.iter().filter(|group| !after.contains(group)).map(|group| edit(group, "delete"));
    joined.chain(left).collect()
}

fn key(step: &Step, change: &Change) -> Vec<String> {
    let verb = if given(step, "state") == "absent" { "delete" } else { "add" };
    let head = [pair("dn", &change.address.name), "changetype: modify".to_owned(), format!("{verb}: sshPublicKey")];
    head.into_iter().chain([pair("sshPublicKey", &given(step, "key"))]).collect()
}
