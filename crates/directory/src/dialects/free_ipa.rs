//! FreeIPA: 389ds with classes, id ranges and locks of its own. Entries that lack what its tools write cannot log in there.

use super::posix::{family, midnight};
use super::{About, Dialect, Question, Terms, vendor};
use crate::dn::{child, normal};
use crate::entry::Entry;
use crate::schema::{Keys, Shape};
use crate::settings::{SchemaKind, Settings};
use std::ops::RangeInclusive;

/// A server of FreeIPA's.
#[derive(Debug)]
pub struct FreeIpa;

/// What entries of people and groups have of its own; the server replaces the value by a number of its making.
const MADE_THERE: &str = "autogenerate";

/// Where keys of people are.
const KEYS: &str = "ipaSshPubKey";

/// Without this one Kerberos lets nobody in, where the domain has them at all.
const SID: &str = "ipaNTSecurityIdentifier";

/// Where people are whose entries were put aside: removed and kept, or not yet here.
const ASIDE: &str = "cn=provisioning";

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
        "krbPrincipalName",
        "krbPrincipalExpiration",
        "nsAccountLock",
        SID,
        "memberUid",
        "member",
        "ipaSshPubKey",
    ],
    person: "posixAccount",
    login: "uid",
    home: "homeDirectory",
    principal: Some("krbPrincipalName"),
    given_there: Some(SID),
    group: "posixGroup",
    group_name: "cn",
    written: &[
        "gidNumber",
        "displayName",
        "gecos",
        "homeDirectory",
        "loginShell",
        "nsAccountLock",
        "krbPrincipalExpiration",
    ],
    made_there: &["sn", "ipauniqueid"],
};

const QUESTIONS: &[Question] = &[
    Question {
        below: "cn=ranges,cn=etc",
        filter: "(objectClass=ipaIDRange)",
        attributes: &["cn", "ipaBaseID", "ipaIDRangeSize", "ipaRangeType"],
    },
    Question { below: "cn=kerberos", filter: "(objectClass=krbRealmContainer)", attributes: &["cn", "objectClass"] },
];

impl Dialect for FreeIpa {
    fn is(&self, root: &Entry) -> bool {
        let is_ipas = |attribute: &str| root.text(attribute).is_some();
        vendor(root).contains("389 project") && (is_ipas("ipaDomainLevel") || is_ipas("ipaTopologyPluginVersion"))
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }

    fn questions(&self) -> &'static [Question] {
        QUESTIONS
    }

    fn shape(&self, about: &About, settings: &Settings) -> Result<Shape, String> {
        if let Some(other) = settings.key_attribute.filter(|name| *name != KEYS) {
            return Err(format!(
                "it is a FreeIPA, which has keys in {KEYS}, and not in {other}: leave `key_attribute` out"
            ));
        }
        let mut shape = Shape::of(&about.subschema, settings.schema)?;
        if shape.kind != SchemaKind::Rfc2307bis {
            return Err("it is a FreeIPA, whose groups name entries: leave `schema` out".into());
        }
        let is_realm = |entry: &&Entry| entry.is_a("krbRealmContainer");
        let realm = about.answers.iter().find(is_realm).and_then(|entry| entry.text("cn"));
        let realm = realm.ok_or("it does not show its realm (cn=kerberos): let enlist's bind entry read it")?;
        let ranges: Vec<_> = about.answers.iter().filter_map(range).collect();
        if ranges.is_empty() {
            let unseen = "it does not show its id ranges (cn=ranges,cn=etc), and who is outside of them cannot log in";
            return Err(format!("{unseen}: let enlist's bind entry read them"));
        }
        shape.keys = Some(Keys { attribute: KEYS, class: Some("ipaSshUser") });
        (shape.realm, shape.ranges) = (Some(realm.to_owned()), Some(ranges));
        (shape.policy_lock, shape.hides_silently) = (true, true);
        Ok(shape)
    }

    fn new_person(&self, login: &str, full: &str, settings: &Settings, shape: &Shape) -> Entry {
        let classes = [
            "inetOrgPerson",
            "inetUser",
            "posixAccount",
            "krbPrincipalAux",
            "krbTicketPolicyAux",
            "ipaObject",
            "ipaSshUser",
        ];
        let entry = Entry::new(child("uid", login, &settings.people));
        let entry = classes.into_iter().fold(entry, |entry, class| entry.with("objectClass", class));
        let entry = entry.with("uid", login).with("cn", full).with("sn", family(full)).with("ipaUniqueID", MADE_THERE);
        match &shape.realm {
            Some(realm) => entry.with("krbPrincipalName", format!("{login}@{realm}")),
            None => entry,
        }
    }

    fn new_group(&self, name: &str, settings: &Settings, _shape: &Shape) -> Entry {
        let classes = ["groupOfNames", "nestedGroup", "ipaUserGroup", "ipaObject", "posixGroup"];
        let entry = Entry::new(child("cn", name, &settings.groups)).with("cn", name).with("ipaUniqueID", MADE_THERE);
        classes.into_iter().fold(entry, |entry, class| entry.with("objectClass", class))
    }

    fn kept_by_server(&self, entry: &Entry) -> Option<String> {
        if normal(&entry.dn).split(',').any(|part| part == ASIDE) {
            let why = "is an entry that FreeIPA has put aside, of somebody who was removed or is not yet here";
            return Some(format!("{why}: ipa user-undel, ipa user-stage or ipa user-del decides about it"));
        }
        let is_managed = entry.is_a("mepManagedEntry");
        is_managed.then(|| "is the private group that FreeIPA keeps with a person: ipa group-detach frees it".into())
    }

    fn refuses_hashes(&self) -> Option<&'static str> {
        Some("FreeIPA takes no hash of a password but while it migrates: set one with ipa passwd")
    }

    fn unlinks(&self) -> bool {
        true
    }

    fn name(&self, person: &mut Entry, full: Option<&str>, shape: &Shape) {
        person.put("displayName", full);
        if full.is_none_or(str::is_ascii) || shape.unicode_gecos {
            person.put("gecos", full);
        }
    }

    fn is_locked(&self, person: &Entry) -> bool {
        person.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    fn lock(&self, person: &mut Entry, is_locked: bool, _shape: &Shape) {
        if is_locked != self.is_locked(person) {
            person.put("nsAccountLock", Some(if is_locked { "TRUE" } else { "FALSE" }));
        }
    }

    fn expiry(&self, person: &Entry) -> Option<String> {
        let time = person.text("krbPrincipalExpiration")?;
        let is_day = time.len() == 15 && time.is_ascii() && time.ends_with("000000Z");
        Some(if is_day { format!("{}-{}-{}", &time[..4], &time[4..6], &time[6..8]) } else { time.to_owned() })
    }

    fn expire(&self, person: &mut Entry, day: Option<i64>) {
        let time = day.map(midnight);
        person.put("krbPrincipalExpiration", time.as_deref());
    }
}

/// A range of this domain's own numbers; those of trusted domains are not for its people.
fn range(entry: &Entry) -> Option<RangeInclusive<u32>> {
    if entry.text("ipaRangeType").is_some_and(|kind| kind != "ipa-local") {
        return None;
    }
    let (first, size) = (entry.number("ipaBaseID")?, entry.number("ipaIDRangeSize")?);
    Some(first..=first.checked_add(size.checked_sub(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_times() {
        let mut kim = Entry::new("uid=kim,dc=x");
        for (day, stored, shown) in [
            (20_878, "20270301000000Z", "2027-03-01"),
            (i64::MAX, "99991231000000Z", "9999-12-31"),
            (i64::MIN, "00010101000000Z", "0001-01-01"),
        ] {
            FreeIpa.expire(&mut kim, Some(day));
            assert_eq!(kim.text("krbPrincipalExpiration"), Some(stored));
            assert_eq!(FreeIpa.expiry(&kim).as_deref(), Some(shown));
        }
        FreeIpa.expire(&mut kim, None);
        assert_eq!(FreeIpa.expiry(&kim), None);
    }

    #[test]
    fn ranges_of_other_domains_are_not_ours() {
        let entry = |kind: &str| {
            let entry = Entry::new("cn=r").with("ipaBaseID", "60001").with("ipaIDRangeSize", "200000");
            entry.with("ipaRangeType", kind)
        };
        assert_eq!(range(&entry("ipa-local")), Some(60_001..=260_000));
        assert_eq!(range(&entry("ipa-ad-trust")), None);
        assert_eq!(range(&Entry::new("cn=r").with("ipaBaseID", "1").with("ipaIDRangeSize", "0")), None);
    }
}
