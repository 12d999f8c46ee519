//! People.

use super::group::{not_owned, within};
use super::members::Member;
use super::mirror::{KnownGroup, Mirror};
use super::{Decision, Rules, arguments};
use crate::entry::{Edit, Entry, Write};
use host::change::outcome::Failure;
use host::change::{Action, Change};
use words::value::{Map, Value};

/// A person who shall be there as the roster says.
pub(super) fn present(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let name = arguments::required(args, "name")?;
    let old = mirror.person(name)?;
    if let Some(entry) = old {
        super::group::not_kept(entry, rules)?;
    }
    let new = match old {
        Some(entry) => wanted(entry.clone(), args, mirror, rules)?,
        None => wanted(new(name, args, mirror, rules)?, args, mirror, rules)?,
    };
    let joins = memberships(&new.dn, name, args, mirror, rules)?;
    let begins = beginning(&new, args, rules);
    let last = begins.as_ref().and_then(|write| write.after(Some(&new)));
    let change = difference(name, old, last.as_ref().unwrap_or(&new), &joins, mirror, rules);
    let own = match old {
        None => Some(Write::Add(new)),
        Some(old) => edits(old, &new, rules).map(|edits| Write::Modify { dn: old.dn.clone(), edits }),
    };
    let writes: Vec<_> = own.into_iter().chain(joins).chain(begins).collect();
    let warnings = match old {
        Some(entry) => shut_out(entry, mirror, rules),
        None => without_password(args, rules),
    };
    if writes.is_empty() {
        return Ok(Decision { warnings, ..Decision::default() });
    }
    if let Some(entry) = old {
        owned(entry, rules)?;
    }
    Ok(Decision { changes: vec![change], writes, warnings })
}

/// What keeps somebody who is there from logging in, though nothing in the roster does.
fn shut_out(entry: &Entry, mirror: &Mirror, rules: &Rules) -> Vec<String> {
    let mut warnings = Vec::new();
    let uid = entry.number("uidNumber").unwrap_or_default();
    if !rules.shape.lets_in(uid) {
        warnings.push(format!("{} has uid {uid}, which is in none of the server's id ranges: no login", entry.dn));
    }
    if let Some(attribute) = rules.dialect.terms().given_there
        && entry.values(attribute).is_empty()
        && mirror.gives_it()
    {
        warnings.push(format!("{} has no {attribute}: no login by Kerberos. {SIDS}", entry.dn));
    }
    warnings
}

/// How FreeIPA gives those a SID who have none.
pub(crate) const SIDS: &str = "On the server: ipa config-mod --enable-sid --add-sids";

/// Who is new, and gets no password from the roster's hash.
fn without_password(args: &Map, rules: &Rules) -> Vec<String> {
    let name = arguments::text(args, "name").unwrap_or_default();
    let why = rules.dialect.refuses_hashes().filter(|_| hash(args).is_some());
    why.map(|why| format!("the password of {name} is left out: {why}")).into_iter().collect()
}

/// The hash of a first password. `*` is none.
fn hash(args: &Map) -> Option<&str> {
    arguments::text(args, "password").filter(|hash| *hash != "*")
}

/// The last write of a new account that cannot be used before it has a password: until then it is locked, also when a run ends
/// in between, and the next run goes on.
fn beginning(new: &Entry, args: &Map, rules: &Rules) -> Option<Write> {
    if !rules.dialect.lacks_password(new) {
        return None;
    }
    let mut begun = new.clone();
    rules.dialect.lock(&mut begun, arguments::flag(args, "password_lock") == Some(true), &rules.shape);
    Some(Write::Begin { dn: new.dn.clone(), edits: edits(new, &begun, rules).unwrap_or_default() })
}

/// A person who shall be gone, from all groups first.
pub(super) fn absent(args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let name = arguments::required(args, "name")?;
    let Some(entry) = mirror.person(name)? else { return gone(name, mirror.without_number(name)) };
    if rules.dialect.kept_by_server(entry).is_some() {
        // Put aside, and so gone as far as hosts see.
        return Ok(Decision::default());
    }
    owned(entry, rules)?;
    let member = Member::new(name, &entry.dn);
    let is_own = |group: &&KnownGroup| super::group::owned(group, rules).is_ok();
    let leaves = mirror.known_groups().filter(is_own).filter_map(|group| member.leave(group, rules));
    let writes = leaves.chain([Write::Delete { dn: entry.dn.clone() }]).collect();
    let of_others =
        mirror.known_groups().filter(|group| !rules.dialect.unlinks() && !is_own(group) && member.is_in(group));
    let warnings = of_others.map(|group| still_named(name, group)).collect();
    let change = Change::new(Action::Delete, "user", name);
    let change = fields(change, &described(entry, &member.of(mirror), mirror, rules), None);
    let change = change.field("entry", entry.dn.as_str(), Value::Null);
    Ok(Decision { changes: vec![change], writes, warnings })
}

/// That nobody is called so. An entry without a number that can be read is somebody all the same, who may log in.
pub(super) fn gone(name: &str, found: Option<&Entry>) -> Result<Decision, Failure> {
    let Some(entry) = found else { return Ok(Decision::default()) };
    let message = format!("{} is called {name}, and has no number that this login can read", entry.dn);
    Err(Failure::new(message).hint("let enlist's bind entry read its number; if it has none, remove it by hand"))
}

/// A group that is not enlist's keeps the name of who goes; whoever gets this login next would inherit it.
fn still_named(name: &str, group: &KnownGroup) -> String {
    format!("{} is not enlist's to change, and still names {name}: take the name out of it by hand", group.entry.dn)
}

/// The number of a person who is enlist's to change.
pub(super) fn owned(entry: &Entry, rules: &Rules) -> Result<u32, Failure> {
    let uid = entry.number("uidNumber").unwrap_or_default();
    if rules.settings.logs_in_as(&entry.dn) {
        return Err(Failure::new(format!("{} is the entry that enlist itself logs in with", entry.dn))
            .hint("after that nobody could plan or apply anything here: change it by hand"));
    }
    let container = &rules.settings.people;
    super::group::not_kept(entry, rules)?;
    if rules.settings.owns(uid, &entry.dn, container) {
        return Ok(uid);
    }
    Err(not_owned(&entry.dn, "uid", uid, container, rules))
}

/// The real name: in full where the entry has a place for it.
pub(super) fn comment(entry: &Entry) -> Option<&str> {
    entry.text("displayName").or(entry.text("gecos")).or(entry.text("cn"))
}

/// Names as a list, in order.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    if names.is_empty() { Value::Null } else { Value::List(names.into_iter().map(Value::from).collect()) }
}

/// What a new entry has beside that which the roster may leave out.
fn new(name: &str, args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Entry, Failure> {
    let uid = arguments::id(args, "uid").ok_or_else(|| Failure::new(format!("the directory has no user {name}")))?;
    within(uid, "uid", rules)?;
    if let Some(other) = mirror.with_uid(uid) {
        return Err(Failure::new(format!("uid {uid} is that of {}", other.dn)));
    }
    let full = arguments::text(args, "comment").filter(|text| !text.trim().is_empty()).unwrap_or(name);
    let entry = rules.dialect.new_person(name, full, &rules.settings, &rules.shape);
    super::group::free(name, true, &entry, mirror, rules)?;
    let mut entry = entry.with("uidNumber", uid.to_string());
    if let Some(hash) = hash(args).filter(|_| rules.dialect.refuses_hashes().is_none()) {
        entry.put("userPassword", Some(&format!("{{CRYPT}}{hash}")));
    }
    Ok(entry.with(rules.dialect.terms().home, format!("/home/{name}")))
}

/// The entry with all that the roster says; what it does not say stays.
fn wanted(mut entry: Entry, args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Entry, Failure> {
    if let Some(uid) = arguments::id(args, "uid").filter(|uid| entry.number("uidNumber") != Some(*uid)) {
        let seen = entry.number("uidNumber").unwrap_or_default();
        return Err(Failure::new(format!("{} has uid {seen}, and not {uid}", entry.dn)));
    }
    if let Some(group) = arguments::text(args, "group") {
        let gid = found(group, mirror)?.entry.number("gidNumber").unwrap_or_default();
        entry.put("gidNumber", Some(&gid.to_string()));
    }
    for (argument, attribute) in [("home", rules.dialect.terms().home), ("shell", "loginShell")] {
        if let Some(text) = arguments::text(args, argument) {
            entry.put(attribute, Some(text));
        }
    }
    if let Some(text) = arguments::text(args, "comment") {
        rules.dialect.name(&mut entry, (!text.is_empty()).then_some(text), &rules.shape);
    }
    write_locks(&mut entry, args, rules);
    Ok(entry)
}

fn write_locks(entry: &mut Entry, args: &Map, rules: &Rules) {
    let ends = arguments::day(args, "expires");
    if let Some(day) = ends {
        rules.dialect.expire(entry, day);
    }
    rules.dialect.span(entry, arguments::day(args, "starts"), ends, &rules.shape);
    // Who has no password yet stays locked until that is there.
    let lock = arguments::flag(args, "password_lock").filter(|_| !rules.dialect.lacks_password(entry));
    if let Some(is_locked) = lock {
        rules.dialect.lock(entry, is_locked, &rules.shape);
    }
}

/// What leads from one to the other; `None` where nothing differs.
fn edits(old: &Entry, new: &Entry, rules: &Rules) -> Option<Vec<Edit>> {
    let written = rules.dialect.terms().written.iter().copied();
    let differing = ["objectClass"].into_iter().chain(written).filter_map(|attribute| {
        let (was, is) = (old.values(attribute), new.values(attribute));
        let without = |these: &[Vec<u8>], those: &[Vec<u8>]| -> Vec<Vec<u8>> {
            these.iter().filter(|value| !those.contains(value)).cloned().collect()
        };
        let edit = Edit { attribute, remove: without(was, is), add: without(is, was) };
        (was != is && !(edit.remove.is_empty() && edit.add.is_empty())).then_some(edit)
    });
    let edits: Vec<_> = differing.collect();
    (!edits.is_empty()).then_some(edits)
}

fn found<'m>(group: &str, mirror: &'m Mirror) -> Result<&'m KnownGroup, Failure> {
    mirror.group(group)?.ok_or_else(|| Failure::new(format!("the directory has no group {group}")))
}

/// What groups have to be told. Groups that are not enlist's keep their members, whatever `only_groups` says.
fn memberships(dn: &str, name: &str, args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Vec<Write>, Failure> {
    let Some(groups) = arguments::names(args, "groups") else { return Ok(Vec::new()) };
    let member = Member::new(name, dn);
    let mut writes = Vec::new();
    for group in &groups {
        let group = found(group, mirror)?;
        let Some(write) = member.join(group, rules.shape.kind) else { continue };
        super::group::owned(group, rules)?;
        writes.push(write);
    }
    if arguments::flag(args, "append") != Some(true) {
        let others = mirror.known_groups().filter(|group| {
            let is_named = mirror.group_name(&group.entry).is_some_and(|name| groups.contains(&name));
            !is_named && super::group::owned(group, rules).is_ok()
        });
        writes.extend(others.filter_map(|group| member.leave(group, rules)));
    }
    Ok(writes)
}

/// What people see of somebody: names of fields as on hosts.
type Described = Vec<(&'static str, Value)>;

fn described(entry: &Entry, groups: &[String], mirror: &Mirror, rules: &Rules) -> Described {
    let text = |attribute: &str| entry.text(attribute).into();
    vec![
        ("uid", entry.number("uidNumber").into()),
        ("group", primary(entry, mirror)),
        ("groups", listed(groups.iter().map(String::as_str))),
        ("comment", comment(entry).into()),
        ("home", text(rules.dialect.terms().home)),
        ("shell", text("loginShell")),
        ("locked", rules.dialect.is_locked(entry).then_some(true).into()),
        ("expires", rules.dialect.expiry(entry).into()),
    ]
}

/// `ai_team (3001)`.
fn primary(entry: &Entry, mirror: &Mirror) -> Value {
    let Some(gid) = entry.number("gidNumber") else { return Value::Null };
    let group = mirror.groups().find(|group| group.number("gidNumber") == Some(gid));
    match group.and_then(|group| mirror.group_name(group)) {
        Some(name) => format!("{name} ({gid})").into(),
        None => gid.to_string().into(),
    }
}

fn fields(mut change: Change, before: &Described, after: Option<&Described>) -> Change {
    for (at, (name, was)) in before.iter().enumerate() {
        let is = after.map_or(Value::Null, |after| after[at].1.clone());
        change = change.field(name, was.clone(), is);
    }
    change
}

fn difference(name: &str, old: Option<&Entry>, new: &Entry, joins: &[Write], mirror: &Mirror, rules: &Rules) -> Change {
    let before = Member::new(name, &new.dn).of(mirror);
    let after = described(new, &after(&before, joins, mirror), mirror, rules);
    let Some(old) = old else {
        let nothing = after.iter().map(|(name, _)| (*name, Value::Null)).collect();
        let change = fields(Change::new(Action::Create, "user", name), &nothing, Some(&after));
        let has_password = !new.values("userPassword").is_empty();
        let change = if has_password { change.opaque("password", "set") } else { change };
        return change.field("entry", Value::Null, new.dn.as_str());
    };
    let before = described(old, &before, mirror, rules);
    let change = fields(Change::new(Action::Update, "user", name), &before, Some(&after));
    // What the name in full does not show.
    let differs = |attribute: &str| old.values(attribute) != new.values(attribute);
    if comment(old) == comment(new) && differs("gecos") {
        return change.field("gecos", old.text("gecos"), new.text("gecos"));
    }
    // The day of expiry shows when a password ends; when it begins, nothing else does.
    let shown = rules.dialect.expiry(old) != rules.dialect.expiry(new);
    let spans =
        ["pwdStartTime", "pwdEndTime"].into_iter().filter(|one| differs(one) && !(shown && *one == "pwdEndTime"));
    spans.fold(change, |change, attribute| change.field(attribute, old.text(attribute), new.text(attribute)))
}

/// The groups of somebody once `writes` to groups are done: each of them makes the person a member or none.
fn after(before: &[String], writes: &[Write], mirror: &Mirror) -> Vec<String> {
    let mut groups = before.to_vec();
    for write in writes {
        let Write::Modify { dn, edits } = write else { continue };
        let Some(group) = mirror.entry(dn).and_then(|entry| mirror.group_name(entry)) else { continue };
        groups.retain(|name| name != group);
        if edits.iter().all(|edit| edit.remove.is_empty()) {
            groups.push(group.to_owned());
        }
    }
    groups
}
