//! The scheduler's accounts: what is set on each itself, and not what it inherits.

use super::{Found, fields, text};
use crate::roster::names;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use words::text::limit::LIMITS;
use words::value::{Map, Value};

/// What the scheduler's accounting has.
#[derive(Clone, Debug, Default)]
pub struct FoundBooks {
    /// Accounts in order, `root` among them.
    pub accounts: Vec<FoundAccount>,
    /// Default account by login.
    pub defaults: BTreeMap<String, String>,
    /// Associations of people.
    pub places: Vec<FoundPlace>,
    /// Account and login of who manages it.
    pub coordinators: Vec<(String, String)>,
}

/// An account.
#[derive(Clone, Debug, Default)]
pub struct FoundAccount {
    /// Its name.
    pub name: String,
    /// The account above it; empty for none.
    pub parent: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub organization: String,
    /// What is set on it, by the column of its listing.
    pub limits: Vec<(String, String)>,
}

/// A person in an account, perhaps for one partition only.
#[derive(Clone, Debug, Default)]
pub struct FoundPlace {
    /// The account.
    pub account: String,
    /// The login.
    pub user: String,
    /// The partition; empty for all.
    pub partition: String,
    /// What is set on it, by the column of its listing.
    pub limits: Vec<(String, String)>,
}

impl FoundBooks {
    /// The accounts of people's jobs that name none, by login.
    pub(super) fn default_accounts(&self) -> BTreeMap<&str, &str> {
        let whole = self.places.iter().filter(|place| place.partition.is_empty());
        let members: HashSet<(&str, &str)> = whole.map(|place| (&*place.account, &*place.user)).collect();
        let all = self.defaults.iter().map(|(login, account)| (login.as_str(), account.as_str()));
        let is_taken = |account: &str| account != "root" && names::account_problem(account).is_none();
        all.filter(|(login, account)| members.contains(&(*account, *login)) && is_taken(account)).collect()
    }
}

/// `accounts:` of the roster.
pub(super) fn written(books: &FoundBooks, logins: &BTreeSet<&str>, found: &mut Found) -> Value {
    let mut accounts = Map::new();
    let mut places: HashMap<&str, Vec<&FoundPlace>> = HashMap::new();
    books.places.iter().for_each(|place| places.entry(&place.account).or_default().push(place));
    for account in books.accounts.iter().filter(|account| account.name != "root") {
        if let Some(why) = names::account_problem(&account.name) {
            found.add(format!("account {}", account.name), format!("left out: {why}"));
            continue;
        }
        let own = places.get(account.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let people = people(own, account, logins, found);
        let coordinators = coordinators(books, account, logins, found);
        let parent = if account.parent == "root" { "" } else { &account.parent };
        let limits = limits(&format!("account {}", account.name), &account.limits, found);
        let entry = fields([
            ("parent", text(parent)),
            ("description", text(&account.description)),
            ("organization", text(&account.organization)),
            ("limits", limits),
            ("users", people),
            ("coordinators", coordinators),
        ]);
        accounts.insert(account.name.clone(), entry);
    }
    Value::Map(accounts)
}

/// Who is in the account. Who is only there for partitions has no place in a roster of his own.
fn people(own: &[&FoundPlace], account: &FoundAccount, logins: &BTreeSet<&str>, found: &mut Found) -> Value {
    let mut users = Map::new();
    for place in own.iter().filter(|place| place.partition.is_empty()) {
        let what = format!("association {}/{}", account.name, place.user);
        if logins.contains(place.user.as_str()) {
            users.insert(place.user.clone(), fields([("limits", limits(&what, &place.limits, found))]));
        } else {
            found.add(what, format!("left alone: {} is not among the people taken over", place.user));
        }
    }
    for place in own.iter().filter(|place| !place.partition.is_empty()) {
        let what = format!("association {}/{}/{}", account.name, place.user, place.partition);
        let limits = limits(&what, &place.limits, found);
        match users.get_mut(&place.user) {
            Some(Value::Map(user)) => {
                let partitions = user.entry("partitions".to_owned()).or_insert_with(|| Value::Map(Map::new()));
                if let Value::Map(partitions) = partitions {
                    partitions.insert(place.partition.clone(), fields([("limits", limits)]));
                }
            }
            _ => found.add(what, "left alone: a roster has partitions only beside the account as a whole"),
        }
    }
    if users.is_empty() { Value::Null } else { Value::Map(users) }
}

fn coordinators(books: &FoundBooks, account: &FoundAccount, logins: &BTreeSet<&str>, found: &mut Found) -> Value {
    let mut names = Vec::new();
    for (_, user) in books.coordinators.iter().filter(|(of, _)| *of == account.name) {
        if logins.contains(user.as_str()) {
            names.push(Value::from(user.as_str()));
        } else {
            let why = format!("left alone: {user} is not among the people taken over");
            found.add(format!("coordinator {}/{user}", account.name), why);
        }
    }
    if names.is_empty() { Value::Null } else { Value::List(names) }
}

/// Limits under their names. A share of 1 is what everybody has.
fn limits(what: &str, listed: &[(String, String)], found: &mut Found) -> Value {
    let mut limits = Map::new();
    for (column, value) in listed.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(kind) = LIMITS.iter().find(|kind| kind.tres.is_none() && kind.column == column) else { continue };
        if kind.name == "Fairshare" && value == "1" {
            continue;
        }
        if kind.accepts(value) {
            limits.insert(kind.name.to_owned(), value.as_str().into());
        } else {
            found.add(what, format!("{} is left alone: '{value}' is none that a roster can have", kind.name));
        }
    }
    if limits.is_empty() { Value::Null } else { Value::Map(limits) }
}
