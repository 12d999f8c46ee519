//! A directory's people and groups as they were read, to look things up in, and to carry a dry run's writes.

use crate::dialects::Terms;
use crate::dn::normal;
use crate::entry::{Entry, Write};
use host::change::outcome::Failure;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A group with its members, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct KnownGroup {
    pub entry: Entry,
    /// Of `memberUid`.
    pub logins: HashSet<String>,
    /// Of `member`, in normal form.
    pub entries: HashSet<String>,
}

/// All that was read.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// What the server calls things.
    terms: &'static Terms,
    /// By name in normal form.
    people: BTreeMap<String, Entry>,
    groups: BTreeMap<String, KnownGroup>,
    /// Normal names of entries by login or group name in lower case: a directory does not tell `Kim` from `kim`.
    logins: HashMap<String, Vec<String>>,
    group_names: HashMap<String, Vec<String>>,
    /// The same of people by uid.
    uids: HashMap<String, Vec<String>>,
    /// The same of whoever has a name for Kerberos.
    principals: HashMap<String, Vec<String>>,
    /// How many people have what the server gives who can log in.
    given: usize,
    /// Entries without a number, and the normal names of those by name: machines, and who has no business on hosts.
    others: BTreeMap<String, Entry>,
    other_names: HashMap<String, Vec<String>>,
}

impl Mirror {
    /// These entries. What is neither a person nor a group with a number only is in the way of others.
    pub fn new(terms: &'static Terms, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut mirror = Self {
            terms,
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            logins: HashMap::new(),
            group_names: HashMap::new(),
            uids: HashMap::new(),
            principals: HashMap::new(),
            given: 0,
            others: BTreeMap::new(),
            other_names: HashMap::new(),
        };
        entries.into_iter().for_each(|entry| mirror.insert(entry));
        mirror
    }

    /// The entry of this name, if it is a person's or a group's.
    pub fn entry(&self, dn: &str) -> Option<&Entry> {
        let dn = normal(dn);
        self.people.get(&dn).or_else(|| Some(&self.groups.get(&dn)?.entry))
    }

    /// What the server calls things.
    pub(super) fn terms(&self) -> &'static Terms {
        self.terms
    }

    /// A person's login name.
    pub(super) fn login<'e>(&self, person: &'e Entry) -> Option<&'e str> {
        person.text(self.terms.login)
    }

    /// A group's name.
    pub(super) fn group_name<'e>(&self, group: &'e Entry) -> Option<&'e str> {
        group.text(self.terms.group_name)
    }

    /// Whatever has this distinguished name.
    pub(super) fn at(&self, dn: &str) -> Option<&Entry> {
        self.entry(dn).or_else(|| self.others.get(&normal(dn)))
    }

    /// An entry with this login and without a number.
    pub(super) fn without_number(&self, login: &str) -> Option<&Entry> {
        self.others.get(self.other_names.get(&login.to_lowercase())?.first()?)
    }

    /// A group of this name without a number.
    pub(super) fn group_without_number(&self, name: &str) -> Option<&Entry> {
        let is_it = |entry: &&Entry| {
            let mut names = entry.texts(self.terms.group_name);
            entry.is_a(self.terms.group) && names.any(|one| one.eq_ignore_ascii_case(name))
        };
        self.others.values().find(is_it)
    }

    /// Whoever has this name for Kerberos, or one of these.
    pub(super) fn with_principal(&self, entry: &Entry) -> Option<&Entry> {
        let mut wanted = entry.texts(self.terms.principal?);
        let found = wanted.find_map(|name| self.principals.get(&name.to_lowercase())?.first())?;
        self.at(found)
    }

    /// Whether somebody has what this kind of server gives everybody who can log in.
    pub fn gives_it(&self) -> bool {
        self.given > 0
    }

    /// Whether this is somebody who has it.
    fn has_it(&self, entry: &Entry) -> bool {
        self.terms.given_there.is_some_and(|attribute| !entry.values(attribute).is_empty())
    }

    /// Whatever is called so, be it a person, a group or something else.
    pub(super) fn namesake(&self, name: &str) -> Option<&Entry> {
        let name = name.to_lowercase();
        let tables = [&self.logins, &self.group_names, &self.other_names];
        let found = tables.into_iter().filter_map(|table| table.get(&name)).flatten();
        found.filter_map(|dn| self.at(dn)).next()
    }

    /// Everybody with a uid.
    pub fn people(&self) -> impl Iterator<Item = &Entry> {
        self.people.values()
    }

    /// Every group with a gid.
    pub fn groups(&self) -> impl Iterator<Item = &Entry> {
        self.known_groups().map(|group| &group.entry)
    }

    /// The group whose entry has this name in normal form.
    pub(super) fn known_group(&self, dn: &str) -> Option<&KnownGroup> {
        self.groups.get(dn)
    }

    pub(super) fn known_groups(&self) -> impl Iterator<Item = &KnownGroup> {
        self.groups.values()
    }

    /// As it is after a write.
    pub fn apply(&mut self, write: &Write) {
        let after = write.after(self.entry(write.dn()));
        self.set(write.dn(), after);
    }

    /// What is under this name now.
    pub fn set(&mut self, dn: &str, entry: Option<Entry>) {
        self.remove(&normal(dn));
        if let Some(entry) = entry {
            self.insert(entry);
        }
    }

    /// The person with this login. Two entries, or one that is called otherwise too, are nobody's to change.
    pub(super) fn person(&self, login: &str) -> Result<Option<&Entry>, Failure> {
        let found = self.logins.get(&login.to_lowercase()).map_or(&[][..], Vec::as_slice);
        let people = found.iter().filter_map(|dn| self.people.get(dn));
        only("user", login, self.terms.login, people.collect())
    }

    /// Somebody with this uid.
    pub(super) fn with_uid(&self, uid: u32) -> Option<&Entry> {
        self.people.get(self.uids.get(&uid.to_string())?.first()?)
    }

    /// The group of this name.
    pub(super) fn group(&self, name: &str) -> Result<Option<&KnownGroup>, Failure> {
        let found = self.group_names.get(&name.to_lowercase()).map_or(&[][..], Vec::as_slice);
        let groups: Vec<_> = found.iter().filter_map(|dn| self.groups.get(dn)).collect();
        only("group", name, self.terms.group_name, groups.iter().map(|group| &group.entry).collect())?;
        Ok(groups.into_iter().next())
    }

    /// Whether this is a person or a group with a number.
    pub fn is_kept(&self, entry: &Entry) -> bool {
        self.is_person(entry) || self.is_group(entry)
    }

    /// A machine of a domain is of the class of its people, too.
    fn is_person(&self, entry: &Entry) -> bool {
        entry.is_a(self.terms.person) && !entry.is_a("computer") && entry.number("uidNumber").is_some()
    }

    fn is_group(&self, entry: &Entry) -> bool {
        entry.is_a(self.terms.group) && entry.number("gidNumber").is_some()
    }

    fn insert(&mut self, entry: Entry) {
        let dn = normal(&entry.dn);
        for name in self.terms.principal.into_iter().flat_map(|attribute| entry.texts(attribute)) {
            self.principals.entry(name.to_lowercase()).or_default().push(dn.clone());
        }
        if self.is_person(&entry) {
            self.given += usize::from(self.has_it(&entry));
            for login in entry.texts(self.terms.login) {
                self.logins.entry(login.to_lowercase()).or_default().push(dn.clone());
            }
            for uid in entry.texts("uidNumber") {
                self.uids.entry(uid.to_owned()).or_default().push(dn.clone());
            }
            self.people.insert(dn, entry);
        } else if self.is_group(&entry) {
            for name in entry.texts(self.terms.group_name) {
                self.group_names.entry(name.to_lowercase()).or_default().push(dn.clone());
            }
            let logins = entry.texts("memberUid").map(str::to_owned).collect();
            let entries = entry.texts("member").map(normal).collect();
            self.groups.insert(dn, KnownGroup { entry, logins, entries });
        } else {
            for name in entry.texts(self.terms.login) {
                self.other_names.entry(name.to_lowercase()).or_default().push(dn.clone());
            }
            self.others.insert(dn, entry);
        }
    }

    fn remove(&mut self, dn: &str) {
        if let (Some(attribute), Some(entry)) = (self.terms.principal, self.at(dn).cloned()) {
            forget(&mut self.principals, entry.texts(attribute), dn);
        }
        if let Some(entry) = self.people.remove(dn) {
            self.given -= usize::from(self.has_it(&entry));
            forget(&mut self.logins, entry.texts(self.terms.login), dn);
            forget(&mut self.uids, entry.texts("uidNumber"), dn);
        }
        if let Some(group) = self.groups.remove(dn) {
            forget(&mut self.group_names, group.entry.texts(self.terms.group_name), dn);
        }
        if let Some(entry) = self.others.remove(dn) {
            forget(&mut self.other_names, entry.texts(self.terms.login), dn);
        }
    }
}

fn forget<'a>(names: &mut HashMap<String, Vec<String>>, gone: impl Iterator<Item = &'a str>, dn: &str) {
    for name in gone {
        if let Some(entries) = names.get_mut(&name.to_lowercase()) {
            entries.retain(|other| other != dn);
        }
    }
}

/// The one entry, if there is no doubt that it is the one.
fn only<'e>(kind: &str, name: &str, attribute: &str, found: Vec<&'e Entry>) -> Result<Option<&'e Entry>, Failure> {
    let Some(first) = found.first() else { return Ok(None) };
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|entry| entry.dn.as_str()).collect();
        return Err(Failure::new(format!("{} entries are called {name}: {}", found.len(), names.join(" and ")))
            .hint("clients take whichever comes first: remove or rename all but one by hand"));
    }
    let called: Vec<_> = first.texts(attribute).collect();
    if called != [name] {
        let message = format!("{} is called {}, and the roster's {kind} {name}", first.dn, called.join(" and "));
        return Err(Failure::new(message).hint(format!("let `{attribute}` of this entry have this one value")));
    }
    Ok(Some(*first))
}
