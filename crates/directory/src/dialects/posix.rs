//! OpenLDAP, 389ds, and what else keeps people as RFC 2307 and its successors say.

use super::{About, Dialect, Terms, vendor};
use crate::dn::child;
use crate::entry::Entry;
use crate::schema::{Keys, Shape, described};
use crate::settings::Settings;
use host::identity::date;

/// Servers with `posixAccount` and `posixGroup`.
#[derive(Debug)]
pub struct Posix;

/// How the password policy marks who is locked for good. Another time is its own lock after wrong passwords.
const FOR_GOOD: &str = "000001010000Z";

/// Auxiliary classes that allow keys, on one server or another.
const WITH_KEYS: [&str; 4] = ["ldapPublicKey", "nsAccount", "nsPerson", "nsOrgPerson"];

static TERMS: Terms = Terms {
    everybody: "(|(objectClass=posixAccount)(objectClass=posixGroup))",
    read: &[
        "objectClass",
        "uid",
        "cn",
        "displayName",
        "gecos",
        "uidNumber",
        "gidNumber",
        "homeDirectory",
        "loginShell",
        "shadowExpire",
        "pwdAccountLockedTime",
        "nsAccountLock",
        "pwdStartTime",
        "pwdEndTime",
        "memberUid",
        "member",
        "sshPublicKey",
        "entryCSN",
    ],
    person: "posixAccount",
    login: "uid",
    home: "homeDirectory",
    principal: None,
    given_there: None,
    group: "posixGroup",
    group_name: "cn",
    written: &[
        "gidNumber",
        "displayName",
        "gecos",
        "homeDirectory",
        "loginShell",
        "shadowExpire",
        "pwdAccountLockedTime",
        "nsAccountLock",
        "pwdStartTime",
        "pwdEndTime",
    ],
    // A password is written, and never read.
    made_there: &["sn", "userpassword"],
};

impl Dialect for Posix {
    fn is(&self, _root: &Entry) -> bool {
        true
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }

    fn shape(&self, about: &About, settings: &Settings) -> Result<Shape, String> {
        let mut shape = Shape::of(&about.subschema, settings.schema)?;
        shape.hides_silently = vendor(&about.root).contains("389 project");
        let types: Vec<&str> = about.subschema.texts("attributetypes").collect();
        shape.account_lock = shape.hides_silently && described(&types, "nsAccountLock").is_some();
        if let Some(attribute) = settings.key_attribute {
            described(&types, attribute).ok_or_else(|| format!("its schema has no {attribute}"))?;
            let classes: Vec<&str> = about.subschema.texts("objectclasses").collect();
            let allows = |class: &&str| described(&classes, class).is_some_and(|text| has_word(text, attribute));
            let class = WITH_KEYS.into_iter().find(allows);
            shape.keys = Some(Keys { attribute, class });
        }
        Ok(shape)
    }

    fn new_person(&self, login: &str, full: &str, settings: &Settings, _shape: &Shape) -> Entry {
        let entry = Entry::new(child("uid", login, &settings.people));
        let classes = ["inetOrgPerson", "posixAccount", "shadowAccount"];
        let entry = classes.into_iter().fold(entry, |entry, class| entry.with("objectClass", class));
        entry.with("uid", login).with("cn", full).with("sn", family(full))
    }

    fn new_group(&self, name: &str, settings: &Settings, shape: &Shape) -> Entry {
        let entry = Entry::new(child("cn", name, &settings.groups)).with("objectClass", "posixGroup").with("cn", name);
        match shape.group_class {
            Some(class) => entry.with("objectClass", class),
            None => entry,
        }
    }

    /// `gecos` is ASCII on most servers; the name in full is in `displayName`, which takes any script.
    fn name(&self, person: &mut Entry, full: Option<&str>, shape: &Shape) {
        if person.is_a("inetOrgPerson") {
            person.put("displayName", full);
        }
        if full.is_none_or(str::is_ascii) || shape.unicode_gecos {
            person.put("gecos", full);
        }
    }

    fn span(&self, person: &mut Entry, starts: Option<Option<i64>>, ends: Option<Option<i64>>, shape: &Shape) {
        for (attribute, day) in [("pwdStartTime", starts), ("pwdEndTime", ends)] {
            if let Some(day) = day.filter(|_| shape.password_span) {
                person.put(attribute, day.map(midnight).as_deref());
            }
        }
    }

    fn is_locked(&self, person: &Entry) -> bool {
        is_off(person) || is_for_good(person)
    }

    fn lock(&self, person: &mut Entry, is_locked: bool, shape: &Shape) {
        if is_locked && shape.policy_lock {
            person.put("pwdAccountLockedTime", Some(FOR_GOOD));
        }
        if is_locked && shape.account_lock {
            person.put("nsAccountLock", Some("TRUE"));
        }
        if !is_locked && is_off(person) {
            person.put("nsAccountLock", None);
        }
        if !is_locked && is_for_good(person) {
            person.put("pwdAccountLockedTime", None);
        }
    }

    fn expiry(&self, person: &Entry) -> Option<String> {
        let day = person.text("shadowExpire")?;
        Some(day.parse().map_or_else(|_| format!("day {day}"), date))
    }

    fn expire(&self, person: &mut Entry, day: Option<i64>) {
        if day.is_some() && !person.is_a("shadowAccount") {
            person.add("objectClass", "shadowAccount".into());
        }
        person.put("shadowExpire", day.map(|day| day.to_string()).as_deref());
    }
}

/// The beginning of a day (UTC) as GeneralizedTime; the first or last one there is, where the calendar has no such day.
pub(super) fn midnight(day: i64) -> String {
    let text: String = date(day).chars().filter(char::is_ascii_digit).collect();
    let digits = match text.len() {
        8 if !date(day).starts_with('-') => text,
        _ if day < 0 => "00010101".into(),
        _ => "99991231".into(),
    };
    format!("{digits}000000Z")
}

/// Locked as 389ds has it.
fn is_off(person: &Entry) -> bool {
    person.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Locked as the password policy has it.
fn is_for_good(person: &Entry) -> bool {
    person.text("pwdAccountLockedTime") == Some(FOR_GOOD)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|one| one.eq_ignore_ascii_case(word))
}

/// What entries must have for a family name: the last word of the name in full.
pub(super) fn family(full: &str) -> &str {
    full.split_whitespace().next_back().unwrap_or(full)
}
