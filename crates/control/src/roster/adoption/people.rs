//! People who mean the same everywhere, with what is the same of them.

use super::groups::Agreed;
use super::{Choice, Found, FoundPerson, FoundPlaceOfPeople, by_name, fields, text, told};
use crate::roster::{homes, keys};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use words::value::Value;

/// Somebody who is taken over.
pub(super) struct Taken<'p> {
    login: &'p str,
    uid: u32,
    group: &'p str,
    groups: Vec<&'p str>,
    shell: String,
    home: String,
    comment: String,
    keys: Vec<String>,
}

/// Somebody with his entries in all places.
type Entries<'p> = Vec<(&'p str, &'p FoundPerson)>;

/// All who can be in a roster.
pub(super) fn agreed<'p>(
    places: &'p [FoundPlaceOfPeople],
    groups: &'p [Agreed<'p>],
    choice: &Choice,
    found: &mut Found,
) -> Vec<Taken<'p>> {
    let all = by_name(places, |place| &place.people, |person| &person.name);
    let mut owners: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for (name, entries) in &all {
        entries.iter().for_each(|(_, person)| _ = owners.entry(person.uid).or_default().insert(name));
    }
    let members = memberships(groups);
    let mut homes: HashMap<String, &str> = HashMap::new();
    let mut taken = Vec::new();
    for (name, entries) in all {
        if !entries.iter().any(|(_, person)| choice.wants(name, person.uid)) {
            continue;
        }
        let one = refusal(name, &entries, choice, &owners)
            .map_or_else(|| of_one(name, &entries, groups, &members, found), Err);
        let one = one.and_then(|one| match homes.insert(one.home_path(), name) {
            Some(other) => Err(format!("{} is also the home of {other}", one.home_path())),
            None => Ok(one),
        });
        match one {
            Ok(one) => {
                not_everywhere(name, places, &entries, found);
                taken.push(one);
            }
            Err(why) => found.add(format!("user {name}"), format!("left out: {why}")),
        }
    }
    taken
}

/// Why nobody can say who this is.
fn refusal(name: &str, entries: &Entries, choice: &Choice, owners: &BTreeMap<u32, BTreeSet<&str>>) -> Option<String> {
    let uid = entries[0].1.uid;
    if entries.iter().any(|(_, person)| person.uid != uid) {
        let uids = told(entries.iter().map(|(place, person)| (*place, person.uid)));
        return Some(format!("the uid differs: {uids}"));
    }
    let names = &owners[&uid];
    if names.len() > 1 {
        let names: Vec<_> = names.iter().copied().collect();
        return Some(format!("uid {uid} is that of {}", names.join(" and ")));
    }
    choice.refusal(name, uid)
}

/// Groups by member and place.
fn memberships<'p>(groups: &'p [Agreed<'p>]) -> HashMap<&'p str, Vec<(&'p str, &'p str)>> {
    let mut members: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    for group in groups {
        for (place, entry) in &group.places {
            entry.members.iter().for_each(|login| members.entry(login).or_default().push((group.name, place)));
        }
    }
    members
}

fn of_one<'p>(
    login: &'p str,
    entries: &Entries<'p>,
    groups: &'p [Agreed<'p>],
    members: &HashMap<&'p str, Vec<(&'p str, &'p str)>>,
    found: &mut Found,
) -> Result<Taken<'p>, String> {
    let what = format!("user {login}");
    let gid = same(entries, |person| person.gid).map_err(|told| format!("the primary group differs: {told}"))?;
    let group = groups.iter().find(|group| group.gid == gid);
    let group = group.ok_or_else(|| format!("the primary group, gid {gid}, is none that a roster can have"))?.name;
    let mut alike = |name: &str, get: fn(&FoundPerson) -> String| {
        same(entries, get).unwrap_or_else(|told| {
            found.add(&what, format!("{name} is left alone, since it differs: {told}"));
            String::new()
        })
    };
    let (shell, home) = (alike("shell", |person| person.shell.clone()), alike("home", |person| person.home.clone()));
    let comment = alike("comment", |person| person.comment.clone());
    if let Some(why) = homes::path_problem(&home).or(homes::problem(&home)).filter(|_| !home.is_empty()) {
        return Err(format!("the home {home}: {why}"));
    }
    let mut taken =
        Taken { login, uid: entries[0].1.uid, group, groups: Vec::new(), shell, home, comment, keys: Vec::new() };
    taken.groups = groups_everywhere(login, entries, members, found);
    taken.keys = keys_everywhere(&what, entries, found);
    Ok(taken)
}

/// What all say; else what each says.
fn same<T: PartialEq + std::fmt::Display>(entries: &Entries, get: impl Fn(&FoundPerson) -> T) -> Result<T, String> {
    let first = get(entries[0].1);
    if entries.iter().all(|(_, person)| get(person) == first) {
        return Ok(first);
    }
    Err(told(entries.iter().map(|(place, person)| (*place, get(person)))))
}

/// Groups that the person is in wherever he is; others are left alone.
fn groups_everywhere<'p>(
    login: &str,
    entries: &Entries,
    members: &HashMap<&'p str, Vec<(&'p str, &'p str)>>,
    found: &mut Found,
) -> Vec<&'p str> {
    let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, place) in members.get(login).into_iter().flatten() {
        by_group.entry(group).or_default().push(place);
    }
    let mut everywhere = Vec::new();
    for (group, places) in by_group {
        if entries.iter().all(|(place, _)| places.contains(place)) {
            everywhere.push(group);
        } else {
            let why = format!("is in {group} only on {}: that is left alone", places.join(", "));
            found.add(format!("user {login}"), why);
        }
    }
    everywhere
}

/// Keys that let the person in wherever he is; others are left alone.
fn keys_everywhere(what: &str, entries: &Entries, found: &mut Found) -> Vec<String> {
    let mut order: Vec<(String, Vec<&str>)> = Vec::new();
    let mut asked = 0;
    for (place, person) in entries {
        match &person.keys {
            Ok(lines) => {
                asked += 1;
                lines.iter().for_each(|line| note_key(&mut order, place, line));
            }
            Err(why) => found.add(what, format!("the keys on {place} are left alone: {why}")),
        }
    }
    let (everywhere, rest): (Vec<_>, Vec<_>) = order.into_iter().partition(|(_, places)| places.len() == asked);
    for (line, places) in rest {
        let comment = line.rsplit(' ').next().unwrap_or_default();
        found.add(what, format!("the key {comment} is only on {}: it is left alone", places.join(", ")));
    }
    everywhere.into_iter().map(|(line, _)| line).filter(|line| keys::body(line).is_ok()).collect()
}

/// The same key with the same options is the same, whatever its comment.
fn note_key<'p>(order: &mut Vec<(String, Vec<&'p str>)>, place: &'p str, line: &str) {
    let same = |(other, _): &&mut (String, Vec<&str>)| {
        (keys::body(other), keys::options(other)) == (keys::body(line), keys::options(line))
    };
    match order.iter_mut().find(same) {
        Some((_, places)) if !places.contains(&place) => places.push(place),
        Some(_) => {}
        None => order.push((line.to_owned(), vec![place])),
    }
}

fn not_everywhere(name: &str, places: &[FoundPlaceOfPeople], entries: &Entries, found: &mut Found) {
    let has = |place: &&FoundPlaceOfPeople| entries.iter().any(|(name, _)| *name == place.name);
    let without: Vec<_> = places.iter().filter(|place| !has(place)).map(|place| place.name.as_str()).collect();
    if !without.is_empty() {
        found
            .add(format!("user {name}"), format!("is not on {}: the first plan makes the account", without.join(", ")));
    }
}

impl Taken<'_> {
    pub(super) fn login(&self) -> &str {
        self.login
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().copied().chain([self.group])
    }

    fn home_path(&self) -> String {
        if self.home.is_empty() { format!("/home/{}", self.login) } else { homes::plain(&self.home) }
    }

    /// The entry, without what every system would do by itself.
    pub(super) fn written(&self, default_account: Option<&str>) -> Value {
        let list = |texts: Vec<Value>| if texts.is_empty() { Value::Null } else { Value::List(texts) };
        let home = if self.home_path() == format!("/home/{}", self.login) { "" } else { &self.home };
        fields([
            ("uid", self.uid.into()),
            ("group", self.group.into()),
            ("groups", list(self.groups.iter().map(|name| Value::from(*name)).collect())),
            ("shell", text(&self.shell)),
            ("home", text(home)),
            ("comment", text(&self.comment)),
            ("keys", list(self.keys.iter().map(|line| line.as_str().into()).collect())),
            ("default_account", default_account.map(str::to_owned).into()),
        ])
    }
}
