//! A roster for people who are there already: from what hosts, directories and the scheduler have to a text whose first plan
//! changes nothing, or of which each remaining difference is named. Pure.

mod books;
mod groups;
mod people;

pub use books::{FoundAccount, FoundBooks, FoundPlace};

use super::names;
use crate::roster::guards::Settings;
use crate::yaml;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use words::text::visible::on_one_line;
use words::value::{Map, Value};

/// One place where people have accounts: a host's files, or a directory.
#[derive(Clone, Debug, Default)]
pub struct FoundPlaceOfPeople {
    /// Its name in plans.
    pub name: String,
    /// Everybody there.
    pub people: Vec<FoundPerson>,
    /// Every group there.
    pub groups: Vec<FoundGroup>,
}

/// Somebody in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPerson {
    /// Login.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Number of the primary group.
    pub gid: u32,
    /// Real name.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// SSH keys; or why nobody can tell.
    pub keys: Result<Vec<String>, String>,
}

/// A group in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundGroup {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Logins that are named as members.
    pub members: Vec<String>,
}

/// Whom to take over.
#[derive(Clone, Debug)]
pub struct Choice {
    /// People with these numbers, with the groups that they are in.
    pub ids: RangeInclusive<u32>,
    /// But not these people and groups.
    pub without: BTreeSet<String>,
}

/// What the taken over roster does not say as it is: nothing is changed there, or the first plan says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whom or what it is about: `user kim`.
    pub what: String,
    /// What differs, with places.
    pub why: String,
}

/// A roster that was made of what is there.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Its text.
    pub text: String,
    /// How many people are in it.
    pub people: usize,
    /// What it does not say as it is.
    pub differences: Vec<Difference>,
}

/// Differences as they are found.
#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        self.0.push(Difference { what: on_one_line(&what).into_owned(), why: on_one_line(&why).into_owned() });
    }
}

/// Makes the roster. `head` is what it says of the site: `hosts`, `scheduler` and the like; `silent` is what could not be asked.
pub fn adopted(
    head: &Map,
    places: &[FoundPlaceOfPeople],
    books: Option<&FoundBooks>,
    choice: &Choice,
    silent: &[Difference],
) -> Adopted {
    let mut found = Found::default();
    silent.iter().for_each(|one| found.add(&one.what, &one.why));
    let groups = groups::agreed(places, choice, &mut found);
    let people = people::agreed(places, &groups, choice, &mut found);
    let used: BTreeSet<&str> = people.iter().flat_map(people::Taken::groups).collect();
    let mut map = head.clone();
    map.insert("groups".to_owned(), groups::written(&groups, &used));
    groups::missing(places, &groups, &used, &mut found);
    let logins: BTreeSet<&str> = people.iter().map(people::Taken::login).collect();
    let kept = books.map(|books| books::written(books, &logins, &mut found));
    let defaults = books.map(FoundBooks::default_accounts).unwrap_or_default();
    let users = people.iter().map(|one| (one.login(), one.written(defaults.get(one.login()).copied())));
    map.insert("users".to_owned(), users.collect());
    if let Some(accounts) = kept.filter(|accounts| accounts.as_map().is_some_and(|map| !map.is_empty())) {
        map.insert("accounts".to_owned(), accounts);
    }
    let text = head_comment(&found.0) + &yaml::document(&map);
    Adopted { text, people: people.len(), differences: found.0 }
}

fn head_comment(differences: &[Difference]) -> String {
    let mut text = "# Taken over by `enlist roster import`. What is not written here is left alone.\n".to_owned();
    if !differences.is_empty() {
        text.push_str("# Not as it is, or left out:\n");
        text.extend(differences.iter().map(|one| format!("#   {}: {}\n", one.what, one.why)));
    }
    text + "\n"
}

impl Choice {
    /// Why somebody or something with this name and number is not taken over, though the number is in the range.
    fn refusal(&self, name: &str, id: u32) -> Option<String> {
        if let Some(owner) = names::reserved_for(id) {
            return Some(format!("{id} belongs to {owner}"));
        }
        let is_systems = Settings::default().protects(name);
        is_systems.then(|| "no plan may touch this name".to_owned()).or_else(|| names::posix_problem(name))
    }

    /// Whether it is asked for at all.
    fn wants(&self, name: &str, id: u32) -> bool {
        self.ids.contains(&id) && !self.without.contains(name)
    }
}

/// What places say, those together that say the same: `2001 on login1, login2; 2005 on login3`.
fn told<'a, T: std::fmt::Display + PartialEq>(all: impl IntoIterator<Item = (&'a str, T)>) -> String {
    let mut said: Vec<(T, Vec<&str>)> = Vec::new();
    for (place, value) in all {
        match said.iter_mut().find(|(other, _)| *other == value) {
            Some((_, places)) => places.push(place),
            None => said.push((value, vec![place])),
        }
    }
    let parts = said.iter().map(|(value, places)| format!("{value} on {}", places.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}

/// Entries of all places by name, in the order in which they are first met.
fn by_name<'p, T>(
    places: &'p [FoundPlaceOfPeople],
    all: fn(&'p FoundPlaceOfPeople) -> &'p [T],
    name: fn(&'p T) -> &'p str,
) -> Vec<(&'p str, Vec<(&'p str, &'p T)>)> {
    let mut order: Vec<(&str, Vec<(&str, &T)>)> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for place in places {
        for one in all(place) {
            let next = order.len();
            let index = *at.entry(name(one)).or_insert(next);
            if index == next {
                order.push((name(one), Vec::new()));
            }
            order[index].1.push((place.name.as_str(), one));
        }
    }
    order
}

/// A text that is written only where there is one.
fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { value.into() }
}

/// A mapping without what is nothing.
fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    pairs.into_iter().filter(|(_, value)| *value != Value::Null).collect()
}

#[cfg(test)]
mod tests;
