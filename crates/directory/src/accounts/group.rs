//! Groups.

use super::members::placeholder;
use super::mirror::{KnownGroup, Mirror};
use super::{Decision, Rules, arguments};
use crate::entry::{Entry, Write};
use host::change::outcome::Failure;
use host::change::{Action, Change};
use words::value::{Map, Value};

/// A group that shall be there with its number.
pub(super) fn present(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let name = arguments::required(args, "name")?;
    let gid = arguments::id(args, "gid").ok_or_else(|| Failure::new("the call has no `gid`"))?;
    if let Some(group) = mirror.group(name)? {
        return match group.entry.number("gidNumber") {
            Some(seen) if seen == gid => Ok(Decision::default()),
            seen => {
                Err(Failure::new(format!("{} has gid {}, and not {gid}", group.entry.dn, seen.unwrap_or_default())))
            }
        };
    }
    if let Some(other) = mirror.groups().find(|other| other.number("gidNumber") == Some(gid)) {
        return Err(Failure::new(format!("gid {gid} is that of {}", other.dn)));
    }
    within(gid, "gid", rules)?;
    let entry = new(name, gid, rules);
    free(name, false, &entry, mirror, rules)?;
    let change = Change::new(Action::Create, "group", name).field("gid", Value::Null, gid);
    let change = change.field("entry", Value::Null, entry.dn.as_str());
    Ok(Decision { changes: vec![change], writes: vec![Write::Add(entry)], warnings: Vec::new() })
}

fn new(name: &str, gid: u32, rules: &Rules) -> Entry {
    let entry = rules.dialect.new_group(name, &rules.settings, &rules.shape).with("gidNumber", gid.to_string());
    if rules.shape.wants_placeholder(&entry) { entry.with("member", placeholder(rules)) } else { entry }
}

/// That the server takes this name, and nobody else has it or the entry's place.
pub(super) fn free(name: &str, is_person: bool, entry: &Entry, mirror: &Mirror, rules: &Rules) -> Result<(), Failure> {
    if let Some(why) = rules.dialect.refuses_name(name, is_person) {
        return Err(Failure::new(format!("{name}: {why}")).hint("give another name in the roster"));
    }
    if let Some(other) = mirror.with_principal(entry) {
        let message = format!("{} has the name for Kerberos that {name} would get", other.dn);
        return Err(Failure::new(message).hint("give another name in the roster, or change that one by hand"));
    }
    let namesake = mirror.namesake(name).filter(|_| rules.dialect.shares_names());
    let Some(other) = namesake.or_else(|| mirror.at(&entry.dn)) else { return Ok(()) };
    let message = format!("{} is there already, and nobody else there can be called {name}", other.dn);
    let hint = "a user, a group and a machine of one name cannot be there: rename one of them in the roster; if it is the same \
                person, give the entry its number by hand";
    Err(Failure::new(message).hint(hint))
}

/// A group that shall be gone. One that is somebody's primary group stays, as on hosts.
pub(super) fn absent(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let name = arguments::required(args, "name")?;
    let Some(group) = mirror.group(name)? else {
        return super::user::gone(name, mirror.group_without_number(name));
    };
    let gid = owned(group, rules)?;
    if let Some(user) = mirror.people().find(|user| user.number("gidNumber") == Some(gid)) {
        let message = format!("it is the primary group of {}", mirror.login(user).unwrap_or(&user.dn));
        return Err(Failure::new(message).hint("give this person another `group` in the roster first"));
    }
    let members = super::user::listed(group.entry.texts("memberUid").chain(group.entry.texts("member")));
    let change = Change::new(Action::Delete, "group", name).field("gid", gid, Value::Null);
    let change = change.field("members", members, Value::Null).field("entry", group.entry.dn.as_str(), Value::Null);
    Ok(Decision {
        changes: vec![change],
        writes: vec![Write::Delete { dn: group.entry.dn.clone() }],
        warnings: Vec::new(),
    })
}

/// The number of a group that is enlist's to change.
pub(super) fn owned(group: &KnownGroup, rules: &Rules) -> Result<u32, Failure> {
    let gid = group.entry.number("gidNumber").unwrap_or_default();
    let container = &rules.settings.groups;
    not_kept(&group.entry, rules)?;
    if rules.settings.owns(gid, &group.entry.dn, container) {
        return Ok(gid);
    }
    Err(not_owned(&group.entry.dn, "gid", gid, container, rules))
}

/// That an entry is one that people may change.
pub(super) fn not_kept(entry: &Entry, rules: &Rules) -> Result<(), Failure> {
    match rules.dialect.kept_by_server(entry) {
        None => Ok(()),
        Some(why) => Err(Failure::new(format!("{} {why}", entry.dn))),
    }
}

/// Why nothing is done to an entry that is not enlist's.
pub(super) fn not_owned(dn: &str, what: &str, id: u32, container: &str, rules: &Rules) -> Failure {
    let (first, last) = (rules.settings.ids.start(), rules.settings.ids.end());
    let message = format!(
        "{dn} with {what} {id} is not enlist's to change: it does so below {container}, with numbers from {first} to {last}"
    );
    Failure::new(message)
        .hint("change it by hand, or widen `ids` of this directory in the roster and have that reviewed")
}

/// That a new number is one of enlist's.
pub(super) fn within(id: u32, what: &str, rules: &Rules) -> Result<(), Failure> {
    if rules.settings.ids.contains(&id) {
        return if rules.shape.lets_in(id) { Ok(()) } else { Err(outside(id, what, rules)) };
    }
    let (first, last) = (rules.settings.ids.start(), rules.settings.ids.end());
    let message = format!("{what} {id} is not within `ids` of this directory, {first} to {last}");
    Err(Failure::new(message).hint("give another number, or widen `ids` in the roster and have that reviewed"))
}

/// A number for which FreeIPA makes no SID, without which nobody logs in.
fn outside(id: u32, what: &str, rules: &Rules) -> Failure {
    let ranges = rules.shape.ranges.iter().flatten().map(|range| format!("{}-{}", range.start(), range.end()));
    let ranges = ranges.collect::<Vec<_>>().join(", ");
    let (first, last) = (rules.settings.ids.start(), rules.settings.ids.end());
    let size = u64::from(last - first) + 1;
    Failure::new(format!("{what} {id} is in none of the server's id ranges ({ranges}), and its owner could not log in"))
        .hint(format!(
            "on the server: ipa idrange-add enlist --base-id={first} --range-size={size} --rid-base=100000000 \
             --secondary-rid-base=200000000; restart dirsrv on all servers; ipa config-mod --enable-sid --add-sids"
        ))
}
