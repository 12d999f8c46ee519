//! Entries as they were read, and what is to be written. Names of attributes are compared without case: a server answers in
//! its own spelling.

use std::collections::{BTreeMap, BTreeSet};

/// How often Active Directory has changed an entry, for whatever reason.
pub const COUNTER: &str = "usnchanged";

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its distinguished name, as the server spells it.
    pub dn: String,
    /// Values by the name of the attribute in lower case.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// An entry without attributes yet.
    pub fn new(dn: impl Into<String>) -> Self {
        Self { dn: dn.into(), attributes: BTreeMap::new() }
    }

    /// The same with one value more; a value that is there already is not written twice.
    pub fn with(mut self, attribute: &str, value: impl AsRef<[u8]>) -> Self {
        self.add(attribute, value.as_ref().to_vec());
        self
    }

    /// Adds one value.
    pub fn add(&mut self, attribute: &str, value: Vec<u8>) {
        let values = self.attributes.entry(attribute.to_ascii_lowercase()).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }

    /// Lets an attribute have this one value, or none.
    pub fn put(&mut self, attribute: &str, value: Option<&str>) {
        self.take(attribute);
        if let Some(value) = value {
            self.add(attribute, value.as_bytes().to_vec());
        }
    }

    /// Takes an attribute away; its values.
    pub fn take(&mut self, attribute: &str) -> Vec<Vec<u8>> {
        self.attributes.remove(&attribute.to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether both say the same: values are sets, and what counts a server's changes says nothing of a person.
    pub fn says_the_same(&self, other: &Entry) -> bool {
        let sets = |entry: &Entry| -> BTreeMap<String, BTreeSet<Vec<u8>>> {
            let all = entry.attributes.iter().filter(|(name, _)| *name != COUNTER);
            all.map(|(name, values)| (name.clone(), values.iter().cloned().collect())).collect()
        };
        self.dn == other.dn && sets(self) == sets(other)
    }

    /// Every attribute with its values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[Vec<u8>])> {
        self.attributes.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// All values of an attribute.
    pub fn values(&self, attribute: &str) -> &[Vec<u8>] {
        self.attributes.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Its values that are texts.
    pub fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.values(attribute).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first text of an attribute, which mostly is the only one.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.texts(attribute).next()
    }

    /// A number, in the only form that the standard knows.
    pub fn number(&self, attribute: &str) -> Option<u32> {
        self.text(attribute)?.parse().ok()
    }

    /// Whether it is of this object class.
    pub fn is_a(&self, class: &str) -> bool {
        self.texts("objectclass").any(|one| one.eq_ignore_ascii_case(class))
    }

    /// What makes it this version of this entry, where the server says so: `entryCSN` (OpenLDAP).
    pub fn version(&self) -> Option<&str> {
        let is_plain = |text: &&str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".#".contains(&b));
        self.text("entrycsn").filter(is_plain)
    }

    /// Makes the edits of a write.
    pub fn edit(&mut self, edits: &[Edit]) {
        for edit in edits {
            let values = self.attributes.entry(edit.attribute.to_ascii_lowercase()).or_default();
            values.retain(|value| !edit.remove.contains(value));
            let new: Vec<_> = edit.add.iter().filter(|value| !values.contains(value)).cloned().collect();
            values.extend(new);
        }
        self.attributes.retain(|_, values| !values.is_empty());
    }
}

/// Values of one attribute that go and come. Naming the ones that go makes the server refuse when they are others meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The attribute.
    pub attribute: &'static str,
    /// Values that were seen, and go.
    pub remove: Vec<Vec<u8>>,
    /// Values that come.
    pub add: Vec<Vec<u8>>,
}

impl Edit {
    /// One value more.
    pub fn add(attribute: &'static str, value: impl AsRef<[u8]>) -> Self {
        Self { attribute, remove: Vec::new(), add: vec![value.as_ref().to_vec()] }
    }

    /// One value less.
    pub fn remove(attribute: &'static str, value: impl AsRef<[u8]>) -> Self {
        Self { attribute, remove: vec![value.as_ref().to_vec()], add: Vec::new() }
    }
}

/// What Active Directory takes for this moment in `pwdLastSet`.
const NOW: &str = "-1";

/// One operation on one entry, which the server does whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new entry.
    Add(Entry),
    /// Other values.
    Modify {
        /// Of which entry.
        dn: String,
        /// What changes.
        edits: Vec<Edit>,
    },
    /// A password that nobody knows, and then other values: what Active Directory wants before anybody can log in, be it by
    /// key. It is made at the moment of the write, and kept nowhere.
    Begin {
        /// Of which entry.
        dn: String,
        /// What changes beside.
        edits: Vec<Edit>,
    },
    /// No entry any more.
    Delete {
        /// Which.
        dn: String,
    },
}

impl Write {
    /// The entry that it is about.
    pub fn dn(&self) -> &str {
        match self {
            Write::Add(entry) => &entry.dn,
            Write::Modify { dn, .. } | Write::Begin { dn, .. } | Write::Delete { dn } => dn,
        }
    }

    /// How the entry looks after it, if it is there then.
    pub fn after(&self, before: Option<&Entry>) -> Option<Entry> {
        match self {
            Write::Add(entry) => Some(entry.clone()),
            Write::Modify { edits, .. } => {
                let mut entry = before?.clone();
                entry.edit(edits);
                Some(entry)
            }
            Write::Begin { edits, .. } => {
                let mut entry = before?.clone();
                entry.edit(edits);
                entry.put("pwdLastSet", Some(NOW));
                Some(entry)
            }
            Write::Delete { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_case_and_values_once() {
        let mut entry = Entry::new("uid=kim,dc=x").with("uidNumber", "2001").with("UIDNUMBER", "2001");
        entry = entry.with("entryCSN", "20261130171500.000000Z#000000#000#000000").with("x", [0xff]);
        assert_eq!((entry.number("UidNumber"), entry.values("uidnumber").len()), (Some(2001), 1));
        assert_eq!(entry.text("x"), None);
        assert!(entry.version().is_some());
        entry.edit(&[Edit::remove("uidNumber", "2001"), Edit::add("loginShell", "/bin/sh")]);
        assert_eq!((entry.number("uidnumber"), entry.text("loginshell")), (None, Some("/bin/sh")));
        let group = |first: &str, second: &str| Entry::new("cn=g").with("member", first).with("member", second);
        assert!(group("a", "b").says_the_same(&group("b", "a").with("uSNChanged", "7")));
        assert!(!group("a", "b").says_the_same(&group("a", "c")));
        assert_eq!(Entry::new("x").with("entryCSN", "*)(uid=*").version(), None, "no filter comes from a server");
    }
}
