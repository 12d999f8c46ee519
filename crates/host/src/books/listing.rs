//! [`Books`]: what the scheduler's accounting says of the names in question, as values.

use super::jobs::{JobsByUser, jobs_of};
use super::sacctmgr::show;
use super::write::{BookEntity, BookVerb, Write};
use crate::change::outcome::Failure;
use crate::system::System;
use std::collections::{BTreeMap, BTreeSet};
use words::text::limit::{LIMITS, QOS_LIMITS};
use words::text::limit::{LimitKind, find, find_in};

/// Whom and what one wants to know about; names in any case.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Accounts, with their own associations.
    pub accounts: BTreeSet<String>,
    /// Users, with all their associations.
    pub users: BTreeSet<String>,
    /// Accounts whose coordinators matter.
    pub coordinated: BTreeSet<String>,
    /// Every QOS.
    pub qos: bool,
    /// Users whose jobs matter, by number.
    pub jobs_of: BTreeSet<u32>,
}

/// Which association; `user` and `partition` are empty where there is none. Lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedKey {
    /// The cluster.
    pub cluster: String,
    /// The account.
    pub account: String,
    /// The user.
    pub user: String,
    /// The partition.
    pub partition: String,
}

/// What is set on one association or QOS itself (not inherited), by the column of its listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedRow(BTreeMap<String, String>);

impl ListedRow {
    /// Of an association that is made now. `parent` is empty for a user's.
    pub fn of_new_association(parent: &str) -> Self {
        Self::of([("ParentName", parent), ("Fairshare", "1")])
    }

    /// Of a QOS that is made now.
    pub fn of_new_qos(name: &str) -> Self {
        let factors = [("UsageFactor", "1.000000"), ("GraceTime", "00:00:00"), ("PreemptMode", "cluster")];
        Self::of([("Name", name), ("Description", name), ("Priority", "0")].into_iter().chain(factors))
    }

    fn of<'a>(columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(columns.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// What a column shows; empty where nothing is set.
    pub fn get(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    fn from_listing(columns: &[&str], fields: &[String]) -> Self {
        Self(columns.iter().zip(fields).map(|(column, field)| ((*column).to_owned(), field.clone())).collect())
    }

    fn put(&mut self, column: &str, value: &str) {
        self.0.insert(column.to_owned(), value.to_owned());
    }

    /// Carries out `set`.
    fn set(&mut self, table: &'static [LimitKind], set: &[(String, String)]) {
        for (key, value) in set {
            match find_in(table, key) {
                Some(kind) => self.put(kind.column, &kind.after(value, self.get(kind.column))),
                None if key == "Parent" => self.put("ParentName", &value.to_lowercase()),
                None => self.put(key, value),
            }
        }
    }
}

/// What is known of a user, apart from associations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedUser {
    /// The account of jobs that name none; empty when there is none.
    pub default_account: String,
    /// `None`, `Operator` or `Administrator`.
    pub admin_level: String,
}

/// What the scheduler's accounting says.
#[derive(Clone, Debug)]
pub struct Books {
    /// The clusters of the database.
    pub clusters: Vec<String>,
    /// Accounts of interest with `Description` and `Organization`.
    pub accounts: BTreeMap<String, ListedRow>,
    /// Users of interest.
    pub users: BTreeMap<String, ListedUser>,
    /// Associations of interest, with `ParentName` where it is an account's.
    pub associations: BTreeMap<ListedKey, ListedRow>,
    /// Account and user.
    pub coordinators: BTreeSet<(String, String)>,
    /// QOS by name, with `Description`.
    pub qos: BTreeMap<String, ListedRow>,
    /// Jobs of users of interest, by the user's number; or why nobody can tell.
    pub jobs: Result<JobsByUser, String>,
}

/// Books in which nothing is.
impl Default for Books {
    fn default() -> Self {
        Self {
            clusters: Vec::new(),
            accounts: BTreeMap::new(),
            users: BTreeMap::new(),
            associations: BTreeMap::new(),
            coordinators: BTreeSet::new(),
            qos: BTreeMap::new(),
            jobs: Ok(JobsByUser::new()),
        }
    }
}

/// Names in one condition; with more, everything is listed, which is quicker then.
const MOST_NAMES: usize = 2000;

/// `where KEY=a,b,c`
fn condition(key: &str, names: &BTreeSet<String>) -> Vec<String> {
    match names.len() {
        0..=MOST_NAMES => {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            vec!["where".to_owned(), format!("{key}={}", names.join(","))]
        }
        _ => Vec::new(),
    }
}

fn columns<'a>(first: &[&'a str], table: &'a [LimitKind]) -> Vec<&'a str> {
    let settings = table.iter().filter(|kind| kind.tres.is_none()).map(|kind| kind.column);
    first.iter().copied().chain(settings).collect()
}

fn words(first: &[&str], rest: Vec<String>) -> Vec<String> {
    first.iter().map(|word| (*word).to_owned()).chain(rest).collect()
}

impl Books {
    /// Looks at what is of interest: at most one list of each kind, however many names there are. In a dry run on a
    /// scheduler that cannot rehearse, what was written before is added here.
    pub fn look(system: &dyn System, interest: &Interest) -> Result<Books, Failure> {
        let mut books = Books::default();
        let names = show(system, &words(&["cluster"], Vec::new()), &["Cluster"])?;
        books.clusters = names.into_iter().flatten().collect();
        if !interest.accounts.is_empty() {
            books.look_at_accounts(system, interest)?;
        }
        if !interest.users.is_empty() {
            books.look_at_users(system, interest)?;
        }
        if !interest.coordinated.is_empty() {
            let list = words(&["account", "withcoord"], condition("name", &interest.coordinated));
            for row in show(system, &list, &["Account", "Coord"])? {
                let users = row[1].split(',').filter(|user| !user.is_empty());
                books.coordinators.extend(users.map(|user| (row[0].clone(), user.to_owned())));
            }
        }
        if interest.qos {
            let columns = columns(&["Name", "Description"], QOS_LIMITS);
            let rows = show(system, &words(&["qos"], Vec::new()), &columns)?;
            books.qos = rows.iter().map(|row| (row[0].clone(), ListedRow::from_listing(&columns, row))).collect();
        }
        if !interest.jobs_of.is_empty() {
            books.jobs = jobs_of(system, &interest.jobs_of);
        }
        for command in system.not_run() {
            let argv: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            if let [program, "-i", ..] = argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
                && *program == "sacctmgr"
            {
                Write::parse(&argv[2..]).into_iter().for_each(|write| books.apply(&write));
            }
        }
        Ok(books)
    }

    fn look_at_accounts(&mut self, system: &dyn System, interest: &Interest) -> Result<(), Failure> {
        let columns = ["Account", "Description", "Organization"];
        let rows = show(system, &words(&["account"], condition("name", &interest.accounts)), &columns)?;
        self.accounts.extend(rows.iter().map(|row| (row[0].clone(), ListedRow::from_listing(&columns, row))));
        // An empty user: the accounts' own.
        let own = || [condition("account", &interest.accounts), vec!["user=".to_owned()]].concat();
        self.look_at_associations(system, own())?;
        // Parents are not shown beside own values.
        for row in show(system, &words(&["association"], own()), &["Cluster", "Account", "ParentName"])? {
            let key = ListedKey { cluster: row[0].clone(), account: row[1].clone(), ..ListedKey::default() };
            if let Some(found) = self.associations.get_mut(&key) {
                found.put("ParentName", &row[2]);
            }
        }
        Ok(())
    }

    fn look_at_users(&mut self, system: &dyn System, interest: &Interest) -> Result<(), Failure> {
        let columns = ["User", "DefaultAccount", "AdminLevel"];
        let rows = show(system, &words(&["user"], condition("name", &interest.users)), &columns)?;
        let user = |row: Vec<String>| {
            let [name, default_account, admin_level] = row.try_into().ok()?;
            Some((name, ListedUser { default_account, admin_level }))
        };
        self.users.extend(rows.into_iter().filter_map(user));
        self.look_at_associations(system, condition("user", &interest.users))
    }

    fn look_at_associations(&mut self, system: &dyn System, condition: Vec<String>) -> Result<(), Failure> {
        let columns = columns(&["Cluster", "Account", "User", "Partition"], LIMITS);
        for row in show(system, &words(&["association", "wopi"], condition), &columns)? {
            let [cluster, account, user, partition] = [0, 1, 2, 3].map(|index| row[index].clone());
            self.associations
                .insert(ListedKey { cluster, account, user, partition }, ListedRow::from_listing(&columns, &row));
        }
        Ok(())
    }

    /// The clusters meant: the one named, or all.
    pub fn clusters(&self, cluster: Option<&str>) -> Vec<String> {
        match cluster {
            Some(name) => vec![name.to_lowercase()],
            None => self.clusters.clone(),
        }
    }

    /// The keys of one association on the clusters meant.
    pub fn keys(&self, cluster: Option<&str>, account: &str, user: &str, partition: &str) -> Vec<ListedKey> {
        let key = |cluster| {
            let [account, user, partition] = [account, user, partition].map(str::to_lowercase);
            ListedKey { cluster, account, user, partition }
        };
        self.clusters(cluster).into_iter().map(key).collect()
    }

    /// What the books will say when `write` was carried out.
    pub fn apply(&mut self, write: &Write) {
        for name in &write.names {
            let name = name.to_lowercase();
            match (write.entity, write.verb) {
                (BookEntity::Account, verb) => self.apply_account(&name, verb, write),
                (BookEntity::User, BookVerb::Add) => self.add_user(&name, write),
                (BookEntity::User, BookVerb::Modify) => self.modify_user(&name, write),
                (BookEntity::User, BookVerb::Delete) => self.delete_user(&name, write),
                (BookEntity::Qos, BookVerb::Delete) => _ = self.qos.remove(&name),
                (BookEntity::Qos, _) => {
                    let row = self.qos.entry(name.clone()).or_insert_with(|| ListedRow::of_new_qos(&name));
                    row.set(QOS_LIMITS, &write.set);
                }
                (BookEntity::Coordinator, verb) => {
                    let place = (write.scope("account").unwrap_or_default().to_lowercase(), name);
                    match verb {
                        BookVerb::Delete => _ = self.coordinators.remove(&place),
                        _ => _ = self.coordinators.insert(place),
                    }
                }
            }
        }
    }

    fn apply_account(&mut self, name: &str, verb: BookVerb, write: &Write) {
        let keys = self.keys(write.scope("cluster"), name, "", "");
        if verb == BookVerb::Delete {
            keys.iter().for_each(|key| _ = self.associations.remove(key));
            if !self.associations.keys().any(|key| key.account == name) {
                self.accounts.remove(name);
            }
            return;
        }
        let (texts, rest): (Vec<_>, Vec<_>) =
            write.set.iter().cloned().partition(|(key, _)| key == "Description" || key == "Organization");
        if verb == BookVerb::Add || self.accounts.contains_key(name) {
            let row = self.accounts.entry(name.to_owned()).or_default();
            texts.iter().for_each(|(key, value)| row.put(key, &value.to_lowercase()));
        }
        for key in keys {
            if verb == BookVerb::Add {
                self.associations.entry(key.clone()).or_insert_with(|| ListedRow::of_new_association("root"));
            }
            if let Some(row) = self.associations.get_mut(&key) {
                row.set(LIMITS, &rest);
            }
        }
    }

    fn add_user(&mut self, name: &str, write: &Write) {
        let account = write.scope("account").unwrap_or_default().to_lowercase();
        let partition = write.scope("partition").unwrap_or_default();
        let nobody = || ListedUser { default_account: account.clone(), admin_level: "None".to_owned() };
        self.users.entry(name.to_owned()).or_insert_with(nobody);
        for key in self.keys(write.scope("cluster"), &account, name, partition) {
            let row = self.associations.entry(key).or_insert_with(|| ListedRow::of_new_association(""));
            row.set(LIMITS, &write.set);
        }
    }

    fn modify_user(&mut self, name: &str, write: &Write) {
        if let Some(user) = self.users.get_mut(name) {
            for (key, value) in &write.set {
                match key.as_str() {
                    "DefaultAccount" => user.default_account = value.to_lowercase(),
                    "AdminLevel" => user.admin_level.clone_from(value),
                    _ => {}
                }
            }
        }
        let limits: Vec<_> = write.set.iter().filter(|(key, _)| find(key).is_some()).cloned().collect();
        let account = write.scope("account").unwrap_or_default();
        for key in self.keys(write.scope("cluster"), account, name, write.scope("partition").unwrap_or_default()) {
            if let Some(row) = self.associations.get_mut(&key) {
                row.set(LIMITS, &limits);
            }
        }
    }

    fn delete_user(&mut self, name: &str, write: &Write) {
        let clusters = self.clusters(write.scope("cluster"));
        let is_meant = |key: &ListedKey| {
            key.user == name
                && clusters.contains(&key.cluster)
                && write.scope("account").is_none_or(|account| key.account.eq_ignore_ascii_case(account))
                && write.scope("partition").is_none_or(|partition| key.partition.eq_ignore_ascii_case(partition))
        };
        self.associations.retain(|key, _| !is_meant(key));
        if !self.associations.keys().any(|key| key.user == name) {
            self.users.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books() -> Books {
        let mut books = Books { clusters: vec!["ref".into()], ..Books::default() };
        books.apply(&Write::new(BookVerb::Add, BookEntity::Account, "P").set([("Organization", "Dept".into())]));
        books.apply(
            &Write::new(BookVerb::Add, BookEntity::User, "alice").of("account", "p").set([("GrpTRES", "cpu=4".into())]),
        );
        books
    }

    fn row<'a>(books: &'a Books, user: &str) -> &'a ListedRow {
        &books.associations[&books.keys(None, "p", user, "")[0]]
    }

    #[test]
    fn what_is_written_is_what_will_be_listed() {
        let mut books = books();
        assert_eq!(books.accounts["p"].get("Organization"), "dept");
        assert_eq!((row(&books, "").get("ParentName"), row(&books, "alice").get("Fairshare")), ("root", "1"));
        assert_eq!(books.users["alice"].default_account, "p");
        let modify = Write::new(BookVerb::Modify, BookEntity::User, "alice").of("account", "p").of("partition", "");
        books.apply(&modify.clone().set([("GrpTRES", "gres/gpu=2".into()), ("Fairshare", "5".into())]));
        assert_eq!(row(&books, "alice").get("GrpTRES"), "cpu=4,gres/gpu=2");
        books.apply(&modify.set([("GrpTRES", "cpu=-1".into()), ("Fairshare", "-1".into())]));
        assert_eq!((row(&books, "alice").get("GrpTRES"), row(&books, "alice").get("Fairshare")), ("gres/gpu=2", "1"));
    }

    #[test]
    fn who_leaves_the_last_account_is_gone() {
        let mut books = books();
        books.apply(&Write::new(BookVerb::Add, BookEntity::User, "alice").of("account", "q"));
        books.apply(&Write::new(BookVerb::Delete, BookEntity::User, "alice").of("account", "p"));
        assert!(books.users.contains_key("alice"));
        books.apply(&Write::new(BookVerb::Delete, BookEntity::User, "alice").of("account", "q"));
        assert!(books.users.is_empty());
        books.apply(&Write::new(BookVerb::Delete, BookEntity::Account, "p"));
        assert!(books.accounts.is_empty() && books.associations.is_empty());
    }
}
