//! Kinds of servers: what each calls things, what a new entry must have there, how it says that somebody is locked.
//!
//! A kind is one file here and one line in [`KNOWN`].

mod active_directory;
mod free_ipa;
mod posix;

pub use active_directory::ActiveDirectory;
pub use free_ipa::FreeIpa;
pub use posix::Posix;

use crate::entry::Entry;
use crate::schema::Shape;
use crate::settings::Settings;
use std::fmt;

/// What a kind of server calls classes and attributes that all kinds have.
#[derive(Debug)]
pub struct Terms {
    /// Finds everybody, every group, and whoever else has a name that can be in the way.
    pub everybody: &'static str,
    /// What is read of an entry. Passwords are not among it.
    pub read: &'static [&'static str],
    /// The class of people.
    pub person: &'static str,
    /// Their login names.
    pub login: &'static str,
    /// Their home directories.
    pub home: &'static str,
    /// Another name that nobody else may have, where there is one: for Kerberos.
    pub principal: Option<&'static str>,
    /// What the server itself gives everybody who can log in, where it does so.
    pub given_there: Option<&'static str>,
    /// The class of groups.
    pub group: &'static str,
    /// Their names.
    pub group_name: &'static str,
    /// What a roster's changes to a person may touch, but for classes and keys.
    pub written: &'static [&'static str],
    /// What the server makes something else of, or keeps to itself, and so is not looked for after a write.
    pub made_there: &'static [&'static str],
}

/// Entries that a kind of server has to be asked for before anybody can judge by its rules.
pub struct Question {
    /// Where they are, below the server's own root.
    pub below: &'static str,
    /// Which.
    pub filter: &'static str,
    /// What of them.
    pub attributes: &'static [&'static str],
}

/// What a server said about itself.
#[derive(Debug)]
pub struct About {
    /// Its root entry.
    pub root: Entry,
    /// Its schema.
    pub subschema: Entry,
    /// The answers to [`Dialect::questions`].
    pub answers: Vec<Entry>,
}

/// One kind of server.
pub trait Dialect: fmt::Debug + Sync {
    /// Whether the server with this root entry is of this kind.
    fn is(&self, root: &Entry) -> bool;

    /// What it calls things.
    fn terms(&self) -> &'static Terms;

    /// What else it is asked before anything.
    fn questions(&self) -> &'static [Question] {
        &[]
    }

    /// What one server allows. An error says what of the roster's wish cannot be had there.
    fn shape(&self, about: &About, settings: &Settings) -> Result<Shape, String>;

    /// A new person, without number, home, and whatever else the roster says of everybody.
    fn new_person(&self, login: &str, full: &str, settings: &Settings, shape: &Shape) -> Entry;

    /// A new group, without number.
    fn new_group(&self, name: &str, settings: &Settings, shape: &Shape) -> Entry;

    /// Why the server takes no person or group of this name, if it does not.
    fn refuses_name(&self, _name: &str, _is_person: bool) -> Option<String> {
        None
    }

    /// Why an entry is not one that anybody may change here: the server keeps it for itself, or has put it aside.
    fn kept_by_server(&self, _entry: &Entry) -> Option<String> {
        None
    }

    /// Why the server takes no hash of crypt(5) as the password of somebody new, if it does not.
    fn refuses_hashes(&self) -> Option<&'static str> {
        None
    }

    /// From when to when a password counts, in days from 1970-01-01 on, where the server has a place for it. `None` of the outer
    /// ones leaves what is there.
    fn span(&self, _person: &mut Entry, _starts: Option<Option<i64>>, _ends: Option<Option<i64>>, _shape: &Shape) {}

    /// Whether people, groups and machines share one space of names.
    fn shares_names(&self) -> bool {
        false
    }

    /// Whether the server itself takes who is removed out of all groups.
    fn unlinks(&self) -> bool {
        false
    }

    /// Whether the entry still lacks the first password, without which it cannot be used.
    fn lacks_password(&self, _person: &Entry) -> bool {
        false
    }

    /// The real name, in each place that the entry has for it.
    fn name(&self, person: &mut Entry, full: Option<&str>, shape: &Shape);

    /// Whether the person is locked for good.
    fn is_locked(&self, person: &Entry) -> bool;

    /// Locks for good, or takes that away.
    fn lock(&self, person: &mut Entry, is_locked: bool, shape: &Shape);

    /// The day from which on nobody lets the person in, as people read it.
    fn expiry(&self, person: &Entry) -> Option<String>;

    /// Lets it be this day, counted from 1970-01-01 on; `None` is never.
    fn expire(&self, person: &mut Entry, day: Option<i64>);
}

/// All kinds. The last takes what no other does.
const KNOWN: &[&dyn Dialect] = &[&ActiveDirectory, &FreeIpa, &Posix];

/// Servers that take no changes, by a word of their vendor's, and what to do instead.
const READ_ONLY: &[(&str, &str)] = &[
    ("lldap", "lldap takes no changes by LDAP but passwords: use its own tools"),
    ("kanidm", "Kanidm's LDAP is read only: use its own tools"),
    ("authentik", "authentik's LDAP is read only: use its own tools"),
];

/// The kind of the server with this root entry. One that would take no writes, or make something else of them, is an error.
pub fn of(root: &Entry) -> Result<&'static dyn Dialect, String> {
    let vendor = vendor(root);
    if let Some((_, why)) = READ_ONLY.iter().find(|(name, _)| vendor.contains(name)) {
        return Err((*why).to_owned());
    }
    Ok(KNOWN.iter().copied().find(|dialect| dialect.is(root)).unwrap_or(&Posix))
}

/// What a server says of who made it, in lower case.
pub fn vendor(root: &Entry) -> String {
    let said = ["vendorName", "vendorVersion"].map(|attribute| root.text(attribute).unwrap_or_default());
    said.join(" ").to_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::settings::{Bind, Server};

    pub(crate) fn settings() -> Settings {
        Settings {
            name: "corp".into(),
            server: Server::Tls("ldaps://dc1.example.org".into()),
            base: "DC=example,DC=org".into(),
            people: "OU=people,DC=example,DC=org".into(),
            groups: "OU=groups,DC=example,DC=org".into(),
            bind: Bind::External,
            schema: None,
            key_attribute: None,
            ca: None,
            sentinel: None,
            ids: 2000..=3999,
        }
    }

    /// A domain controller, with these attributes more in its schema.
    pub(crate) fn domain(more: &[&str]) -> About {
        let own = ["uidNumber", "gidNumber", "unixHomeDirectory", "loginShell", "altSecurityIdentities"];
        let described = |name: &&str| format!("( 1.2.3 NAME '{name}' )");
        let types = own.iter().chain(more).map(described);
        let subschema = types.fold(Entry::new("CN=Aggregate"), |entry, text| entry.with("attributeTypes", text));
        About { root: Entry::new(""), subschema, answers: Vec::new() }
    }

    #[test]
    fn kinds_by_their_root_entries() {
        let root = |attribute: &str, value: &str| Entry::new("").with(attribute, value);
        let kind = |root: &Entry| of(root).map(|dialect| format!("{dialect:?}"));
        assert_eq!(kind(&root("supportedCapabilities", "1.2.840.113556.1.4.800")), Ok("ActiveDirectory".into()));
        let ipa = root("vendorName", "389 Project").with("ipaDomainLevel", "1");
        assert_eq!(kind(&ipa), Ok("FreeIpa".into()));
        assert_eq!(kind(&root("vendorName", "389 Project")), Ok("Posix".into()));
        for vendor in ["LLDAP", "Kanidm Project", "authentik"] {
            assert!(kind(&root("vendorName", vendor)).is_err(), "{vendor}");
        }
    }
}
