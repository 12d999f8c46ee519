//! What a server's schema allows, as far as people and groups are concerned: RFC 4512 descriptions of `cn=Subschema`.

use crate::entry::Entry;
use crate::settings::SchemaKind;
use std::ops::RangeInclusive;

/// How entries are made on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How groups name members.
    pub kind: SchemaKind,
    /// The structural class of a new group; `None` where `posixGroup` is one itself.
    pub group_class: Option<&'static str>,
    /// Whether a group of that class cannot be without members.
    pub needs_member: bool,
    /// Where people have keys, if they can have any.
    pub keys: Option<Keys>,
    /// Whether `gecos` takes letters beyond ASCII.
    pub unicode_gecos: bool,
    /// Whether accounts can be locked by the password policy.
    pub policy_lock: bool,
    /// Whether the password policy knows from when to when a password counts.
    pub password_span: bool,
    /// What follows `@` in names of people for Kerberos, where each must have one.
    pub realm: Option<String>,
    /// The numbers that the server lets log in, where it has such a rule.
    pub ranges: Option<Vec<RangeInclusive<u32>>>,
    /// Whether accounts are locked by `nsAccountLock`.
    pub account_lock: bool,
    /// Whether the server says "success" and shows nothing to who may not look.
    pub hides_silently: bool,
    /// Names of parts on other servers that have no people, so that being sent there takes nothing away.
    pub elsewhere_is_fine: Vec<String>,
}

/// Where the keys of people are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The attribute, one key a value.
    pub attribute: &'static str,
    /// The class that allows it, where that is not one that people have anyway.
    pub class: Option<&'static str>,
}

/// A class that may demand a member; it gets one that nobody is then: see [`Shape::wants_placeholder`].
const WITH_MEMBERS: &str = "groupOfNames";

impl Shape {
    /// Reads what the server says of its schema. An error says what of the roster's wish cannot be had there.
    pub fn of(subschema: &Entry, wanted: Option<SchemaKind>) -> Result<Self, String> {
        let classes: Vec<&str> = subschema.texts("objectclasses").collect();
        let types: Vec<&str> = subschema.texts("attributetypes").collect();
        let group = described(&classes, "posixGroup").ok_or("its schema has no posixGroup: load nis or rfc2307bis")?;
        described(&classes, "posixAccount").ok_or("its schema has no posixAccount: load nis or rfc2307bis")?;
        described(&classes, "inetOrgPerson").ok_or("its schema has no inetOrgPerson: load inetorgperson")?;
        let is_bis = group.contains(" AUXILIARY");
        let kind = kind_of(is_bis, wanted)?;
        let partner = ["groupOfMembers", WITH_MEMBERS].into_iter().find(|name| described(&classes, name).is_some());
        let gecos = described(&types, "gecos").unwrap_or_default();
        let has_keys = described(&classes, "ldapPublicKey").is_some() && described(&types, "sshPublicKey").is_some();
        Ok(Self {
            kind,
            group_class: if is_bis { Some(partner.ok_or("its schema has no groupOfMembers")?) } else { None },
            needs_member: described(&classes, WITH_MEMBERS).is_some_and(demands_member),
            keys: has_keys.then_some(Keys { attribute: "sshPublicKey", class: Some("ldapPublicKey") }),
            unicode_gecos: !gecos.is_empty()
                && !gecos.contains("1.3.6.1.4.1.1466.115.121.1.26")
                && !gecos.contains("IA5"),
            policy_lock: described(&types, "pwdAccountLockedTime").is_some(),
            password_span: described(&types, "pwdEndTime").is_some() && described(&types, "pwdStartTime").is_some(),
            realm: None,
            ranges: None,
            hides_silently: false,
            account_lock: false,
            elsewhere_is_fine: Vec::new(),
        })
    }

    /// Whether this group cannot be without members.
    pub fn wants_placeholder(&self, group: &Entry) -> bool {
        self.needs_member && group.is_a(WITH_MEMBERS)
    }

    /// Whether the server lets somebody with this number log in.
    pub fn lets_in(&self, id: u32) -> bool {
        self.ranges.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(&id)))
    }
}

/// Whether `member` is among what a class must have; 389ds leaves it to the entry.
fn demands_member(class: &str) -> bool {
    let must = class.split_once(" MUST ").map_or("", |(_, after)| after.split(" MAY ").next().unwrap_or_default());
    must.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case("member"))
}

fn kind_of(is_bis: bool, wanted: Option<SchemaKind>) -> Result<SchemaKind, String> {
    match wanted {
        None if is_bis => Ok(SchemaKind::Rfc2307bis),
        None => Ok(SchemaKind::Rfc2307),
        Some(SchemaKind::Ad) => Err("the roster says `schema: ad`, and it is no Active Directory: leave it out".into()),
        Some(kind) if kind.by_entry() && !is_bis => Err(format!(
            "the roster says `schema: {}`, and in its schema posixGroup is structural, as RFC 2307 has it: no group there \
             can name entries",
            kind.name()
        )),
        Some(kind) => Ok(kind),
    }
}

/// The description of a class or type by one of its names, which are compared without case.
pub(crate) fn described<'d>(descriptions: &[&'d str], name: &str) -> Option<&'d str> {
    descriptions.iter().copied().find(|text| names(text).any(|one| one.eq_ignore_ascii_case(name)))
}

/// `NAME 'a'` or `NAME ( 'a' 'b' )`.
fn names(description: &str) -> impl Iterator<Item = &str> {
    let after = description.split_once(" NAME ").map_or("", |(_, after)| after.trim_start());
    let end =
        if after.starts_with('(') { after.find(')') } else { after[1.min(after.len())..].find('\'').map(|at| at + 2) };
    after[..end.unwrap_or(0)].split('\'').skip(1).step_by(2)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn subschema(group: &str, more: &[&str]) -> Entry {
        let mut entry = Entry::new("cn=Subschema")
            .with("objectClasses", format!("( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top {group} MUST gidNumber )"))
            .with("objectClasses", "( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY )")
            .with(
                "objectClasses",
                "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL )",
            )
            .with("objectClasses", "( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST ( member $ cn ) )")
            .with("objectClasses", "( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY )")
            .with("attributeTypes", "( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME ( 'sshPublicKey' 'x' ) )")
            .with("attributeTypes", "( 1.3.6.1.1.1.1.2 NAME 'gecos' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )");
        for class in more {
            entry = entry.with("objectClasses", class);
        }
        entry
    }

    #[test]
    fn shapes() {
        let plain = Shape::of(&subschema("STRUCTURAL", &[]), None).unwrap();
        let expected = Shape {
            kind: SchemaKind::Rfc2307,
            group_class: None,
            needs_member: true,
            keys: Some(Keys { attribute: "sshPublicKey", class: Some("ldapPublicKey") }),
            unicode_gecos: false,
            policy_lock: false,
            password_span: false,
            realm: None,
            ranges: None,
            hides_silently: false,
            account_lock: false,
            elsewhere_is_fine: Vec::new(),
        };
        assert_eq!(plain, expected);
        let refused = Shape::of(&subschema("STRUCTURAL", &[]), Some(SchemaKind::Mixed)).unwrap_err();
        assert!(refused.contains("`schema: mixed`"), "{refused}");
        let bis = Shape::of(&subschema("AUXILIARY", &[]), None).unwrap();
        assert_eq!((bis.kind, bis.group_class), (SchemaKind::Rfc2307bis, Some("groupOfNames")));
        let members = subschema("AUXILIARY", &["( 1.3.6.1.1.1.2.18 NAME 'groupOfMembers' SUP top STRUCTURAL )"]);
        assert_eq!(Shape::of(&members, Some(SchemaKind::Mixed)).unwrap().group_class, Some("groupOfMembers"));
        assert!(!demands_member("( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST ( cn ) MAY ( member $ o ) )"));
        assert!(Shape::of(&subschema("STRUCTURAL", &[]), Some(SchemaKind::Ad)).is_err());
        assert!(Shape::of(&Entry::new("cn=Subschema"), None).is_err(), "a schema that nobody may read");
    }
}
