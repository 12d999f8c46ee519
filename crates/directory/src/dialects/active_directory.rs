//! Active Directory, of Microsoft's or Samba's making: RFC 2307 attributes on its own classes ([MS-ADTS], [MS-ADA1] to 3).

use super::{About, Dialect, Terms};
use crate::dn::{child, realm};
use crate::entry::Entry;
use crate::schema::{Keys, Shape, described};
use crate::settings::{SchemaKind, Settings};
use host::identity::date;

/// A domain controller.
#[derive(Debug)]
pub struct ActiveDirectory;

/// What marks a domain controller (LDAP_CAP_ACTIVE_DIRECTORY_OID).
const CAPABILITY: &str = "1.2.840.113556.1.4.800";

/// Bits of `userAccountControl`.
const DISABLED: i64 = 0x2;
const NO_PASSWORD_NEEDED: i64 = 0x20;
const NORMAL: i64 = 0x200;

/// A global group that can be given rights (`groupType`).
const SECURITY_GROUP: &str = "-2147483646";

/// `accountExpires` of who never does; 0 is the same.
const NEVER: &str = "9223372036854775807";

/// Seconds from 1601, where AD begins to count, to 1970; and its ticks a second.
const EPOCH: i64 = 11_644_473_600;
const TICKS: i64 = 10_000_000;
const DAY: i64 = 86_400;

/// What `info` of an account says between its making and its first password: only enlist's own are finished by it.
const BEGUN: &str = "enlist: this account is being made";

/// The longest login name of a user, from before Windows 2000, which the server still holds to.
const LONGEST_NAME: usize = 20;

/// The longest name of a group: that of its `cn`.
const LONGEST_GROUP: usize = 64;

/// What names of users and groups may not have.
const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>@";

static TERMS: Terms = Terms {
    everybody: "(|(objectClass=user)(objectClass=group))",
    read: &[
        "objectClass",
        "sAMAccountName",
        "userPrincipalName",
        "cn",
        "displayName",
        "gecos",
        "uidNumber",
        "gidNumber",
        "unixHomeDirectory",
        "loginShell",
        "userAccountControl",
        "accountExpires",
        "pwdLastSet",
        "info",
        "groupType",
        "member",
        "sshPublicKey",
        "sshPublicKeys",
        "altSecurityIdentities",
        "uSNChanged",
    ],
    person: "user",
    login: "sAMAccountName",
    home: "unixHomeDirectory",
    principal: Some("userPrincipalName"),
    given_there: None,
    group: "group",
    group_name: "sAMAccountName",
    written: &[
        "gidNumber",
        "displayName",
        "gecos",
        "unixHomeDirectory",
        "loginShell",
        "userAccountControl",
        "accountExpires",
        "info",
    ],
    made_there: &[],
};

impl Dialect for ActiveDirectory {
    fn is(&self, root: &Entry) -> bool {
        root.texts("supportedCapabilities").any(|one| one == CAPABILITY)
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }

    fn shape(&self, about: &About, settings: &Settings) -> Result<Shape, String> {
        if let Some(kind) = settings.schema.filter(|kind| *kind != SchemaKind::Ad) {
            let wish = kind.name();
            return Err(format!("the roster says `schema: {wish}`, and it is an Active Directory: write `schema: ad`"));
        }
        let types: Vec<&str> = about.subschema.texts("attributetypes").collect();
        for needed in ["uidNumber", "gidNumber", "unixHomeDirectory", "loginShell"] {
            described(&types, needed)
                .ok_or_else(|| format!("its schema has no {needed}: load that of RFC 2307 there"))?;
        }
        let own = ["sshPublicKeys", "sshPublicKey"].into_iter().find(|name| described(&types, name).is_some());
        if let Some(named) = settings.key_attribute {
            described(&types, named).ok_or_else(|| format!("its schema has no {named}"))?;
        }
        let keys = settings.key_attribute.or(own).map(|attribute| Keys { attribute, class: None });
        Ok(Shape {
            kind: SchemaKind::Ad,
            group_class: None,
            needs_member: false,
            keys,
            unicode_gecos: false,
            policy_lock: true,
            password_span: false,
            realm: None,
            ranges: None,
            hides_silently: false,
            account_lock: false,
            elsewhere_is_fine: partitions(&about.root),
        })
    }

    /// Disabled, and no password needed while it is: what the server itself makes of somebody without one.
    fn new_person(&self, login: &str, _full: &str, settings: &Settings, _shape: &Shape) -> Entry {
        let entry = Entry::new(child("CN", login, &settings.people)).with("objectClass", "user").with("cn", login);
        let control = (NORMAL | DISABLED | NO_PASSWORD_NEEDED).to_string();
        let entry = entry.with("sAMAccountName", login).with("userAccountControl", control);
        let entry = entry.with("pwdLastSet", "0").with("info", BEGUN);
        match realm(&settings.base) {
            Some(realm) => entry.with("userPrincipalName", format!("{login}@{realm}")),
            None => entry,
        }
    }

    fn new_group(&self, name: &str, settings: &Settings, _shape: &Shape) -> Entry {
        let entry = Entry::new(child("CN", name, &settings.groups)).with("objectClass", "group").with("cn", name);
        entry.with("sAMAccountName", name).with("groupType", SECURITY_GROUP)
    }

    fn refuses_name(&self, name: &str, is_person: bool) -> Option<String> {
        let (longest, whose) =
            if is_person { (LONGEST_NAME, "login names") } else { (LONGEST_GROUP, "names of groups") };
        if name.chars().count() > longest {
            return Some(format!("Active Directory takes {whose} of at most {longest} characters"));
        }
        let bad = name.chars().find(|c| FORBIDDEN.contains(*c) || c.is_control());
        if let Some(bad) = bad {
            return Some(format!("Active Directory takes no {bad:?} in a name"));
        }
        let end = name.chars().last().filter(|end| ".$".contains(*end));
        end.map(|end| format!("Active Directory takes no {end:?} at the end of a name"))
    }

    fn refuses_hashes(&self) -> Option<&'static str> {
        Some("a domain takes no hash of a password: set one there")
    }

    fn shares_names(&self) -> bool {
        true
    }

    fn unlinks(&self) -> bool {
        true
    }

    /// Whom enlist has begun to make: disabled, none needed, none ever set, and marked. Others that look so are an administrator's.
    fn lacks_password(&self, person: &Entry) -> bool {
        let without = DISABLED | NO_PASSWORD_NEEDED;
        let is_new = control(person) & without == without && person.text("pwdLastSet") == Some("0");
        is_new && person.text("info") == Some(BEGUN)
    }

    fn name(&self, person: &mut Entry, full: Option<&str>, _shape: &Shape) {
        person.put("displayName", full);
        if full.is_none_or(str::is_ascii) {
            person.put("gecos", full);
        }
    }

    fn is_locked(&self, person: &Entry) -> bool {
        control(person) & DISABLED != 0
    }

    /// Other bits stay, but that whoever is let in needs a password.
    fn lock(&self, person: &mut Entry, is_locked: bool, _shape: &Shape) {
        let old = control(person);
        let is_begun = self.lacks_password(person);
        let usable = if is_begun || (!is_locked && old & DISABLED != 0) { old & !NO_PASSWORD_NEEDED } else { old };
        let new = if is_locked { usable | DISABLED } else { usable & !DISABLED };
        if is_begun {
            person.put("info", None);
        }
        if new != old {
            person.put("userAccountControl", Some(&new.to_string()));
        }
    }

    fn expiry(&self, person: &Entry) -> Option<String> {
        let ticks = person.text("accountExpires").filter(|ticks| !is_never(ticks))?;
        let Ok(number) = ticks.parse::<i64>() else { return Some(format!("tick {ticks}")) };
        let seconds = number.div_euclid(TICKS) - EPOCH;
        let (day, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let at = if rest == 0 { String::new() } else { format!(" {:02}:{:02} UTC", rest / 3600, rest / 60 % 60) };
        Some(date(day) + &at)
    }

    fn expire(&self, person: &mut Entry, day: Option<i64>) {
        let seconds = day.and_then(|day| day.checked_mul(DAY)?.checked_add(EPOCH));
        // Before 1601 nothing can be said; whoever expired then has expired long ago all the same.
        let ticks = seconds.and_then(|seconds| seconds.max(1).checked_mul(TICKS));
        let is_never_now = person.text("accountExpires").is_none_or(is_never);
        match ticks {
            None if is_never_now => {}
            None => person.put("accountExpires", Some(NEVER)),
            Some(ticks) => person.put("accountExpires", Some(&ticks.to_string())),
        }
    }
}

fn control(person: &Entry) -> i64 {
    person.text("userAccountControl").and_then(|bits| bits.parse().ok()).unwrap_or_default()
}

fn is_never(ticks: &str) -> bool {
    ticks == "0" || ticks == NEVER
}

/// Parts of a domain that have no people, and to which a search from its root is always sent.
fn partitions(root: &Entry) -> Vec<String> {
    let of = |attribute: &str| root.text(attribute).map(str::to_owned);
    let below = |name: &str, attribute: &str| Some(format!("DC={name},{}", of(attribute)?));
    let all = [
        of("configurationNamingContext"),
        below("DomainDnsZones", "defaultNamingContext"),
        below("ForestDnsZones", "rootDomainNamingContext"),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(control: &str) -> Entry {
        Entry::new("CN=kim,DC=x").with("userAccountControl", control).with("pwdLastSet", "133000000000000000")
    }

    #[test]
    fn days_are_ticks_from_1601_on() {
        let mut kim = person("512");
        ActiveDirectory.expire(&mut kim, Some(20_878));
        assert_eq!(kim.text("accountExpires"), Some("134483328000000000"));
        assert_eq!(ActiveDirectory.expiry(&kim), Some("2027-03-01".into()));
        kim.put("accountExpires", Some("134482788000000000"));
        assert_eq!(ActiveDirectory.expiry(&kim), Some("2027-02-28 09:00 UTC".into()));
        ActiveDirectory.expire(&mut kim, Some(i64::MIN / DAY));
        assert_eq!(ActiveDirectory.expiry(&kim), Some("1601-01-01 00:00 UTC".into()));
        ActiveDirectory.expire(&mut kim, None);
        assert_eq!((kim.text("accountExpires"), ActiveDirectory.expiry(&kim)), (Some(NEVER), None));
        kim.put("accountExpires", Some("0"));
        ActiveDirectory.expire(&mut kim, None);
        assert_eq!(kim.text("accountExpires"), Some("0"), "never is never");
    }

    #[test]
    fn a_lock_is_one_bit() {
        let shape =
            ActiveDirectory.shape(&crate::dialects::tests::domain(&[]), &crate::dialects::tests::settings()).unwrap();
        let mut kim = person("66048");
        ActiveDirectory.lock(&mut kim, true, &shape);
        assert_eq!(kim.text("userAccountControl"), Some("66050"));
        ActiveDirectory.lock(&mut kim, false, &shape);
        assert_eq!(kim.text("userAccountControl"), Some("66048"));
        let mut new = ActiveDirectory.new_person("kim", "Kim", &crate::dialects::tests::settings(), &shape);
        assert!(ActiveDirectory.lacks_password(&new) && ActiveDirectory.is_locked(&new));
        ActiveDirectory.lock(&mut new, false, &shape);
        assert_eq!((new.text("userAccountControl"), new.text("info")), (Some("512"), None));
        let mut staged = person("546");
        staged.put("pwdLastSet", Some("0"));
        assert!(!ActiveDirectory.lacks_password(&staged), "an administrator's, and not enlist's");
        ActiveDirectory.lock(&mut staged, false, &shape);
        assert_eq!(staged.text("userAccountControl"), Some("512"), "nobody is let in without a password");
    }

    #[test]
    fn names() {
        for good in ["kim", "kim.lee", "a23456789012345678901"[..20].as_ref(), "김"] {
            assert_eq!(ActiveDirectory.refuses_name(good, true), None, "{good}");
        }
        for bad in ["a23456789012345678901", "kim+lee", "kim@lee", "kim.", "kim$", "kim\u{7}"] {
            assert!(ActiveDirectory.refuses_name(bad, true).is_some(), "{bad}");
        }
        assert_eq!(ActiveDirectory.refuses_name("research_computing_admins", false), None);
    }

    #[test]
    fn keys_have_a_place_if_the_schema_or_the_roster_names_one() {
        let mut settings = crate::dialects::tests::settings();
        let keys = |about: &About, settings: &Settings| ActiveDirectory.shape(about, settings).unwrap().keys;
        let plain = crate::dialects::tests::domain(&[]);
        assert_eq!(keys(&plain, &settings), None);
        let extended = crate::dialects::tests::domain(&["sshPublicKeys"]);
        assert_eq!(keys(&extended, &settings).map(|keys| keys.attribute), Some("sshPublicKeys"));
        settings.key_attribute = Some("altSecurityIdentities");
        assert_eq!(keys(&plain, &settings).map(|keys| keys.attribute), Some("altSecurityIdentities"));
        settings.key_attribute = Some("ipaSshPubKey");
        assert_eq!(ActiveDirectory.shape(&plain, &settings), Err("its schema has no ipaSshPubKey".into()));
        settings.schema = Some(SchemaKind::Rfc2307bis);
        assert!(ActiveDirectory.shape(&plain, &settings).unwrap_err().contains("write `schema: ad`"));
    }
}
