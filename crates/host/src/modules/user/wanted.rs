//! From arguments to a wanted user.

use super::parameters::{PasswordUpdate, UserParameters};
use crate::change::outcome::Failure;
use crate::identity::user::{WantedAging, WantedUser};
use crate::identity::{Defaults, LocalAccount};
use crate::modules::shared::accounts::id;
use crate::parameters::{HostPath, ParameterKind, ParameterType};
use words::value::Value;

const SECONDS_A_DAY: f64 = 86400.0;

/// What the arguments ask for.
pub(super) fn from(given: &UserParameters) -> Result<WantedUser, Failure> {
    Ok(WantedUser {
        name: given.name.clone(),
        uid: id(given.uid)?,
        non_unique: given.non_unique,
        group: given.group.clone(),
        groups: groups(given),
        append: given.append,
        comment: given.comment.clone(),
        home: text(&given.home),
        shell: text(&given.shell),
        password: given.password.as_ref().map(|password| password.reveal().to_owned()),
        password_on_create: given.update_password == PasswordUpdate::OnCreate,
        locked: given.password_lock,
        aging: WantedAging {
            expire: given.expires.map(|day| day.0),
            inactive: given.password_expire_account_disable.map(|days| days.0),
            min: given.password_expire_min.map(|days| days.0),
            max: given.password_expire_max.map(|days| days.0),
            warn: given.password_expire_warn.map(|days| days.0),
        },
        system: given.system,
        today: today(),
    })
}

/// `groups: ''` and `groups: []` both mean none; `append` without names changes nothing.
fn groups(given: &UserParameters) -> Option<Vec<String>> {
    let groups = given.groups.as_ref()?;
    Some(groups.iter().map(|group| group.trim().to_owned()).filter(|group| !group.is_empty()).collect())
}

fn text(path: &Option<HostPath>) -> Option<String> {
    path.as_ref().map(|path| path.as_str().to_owned())
}

/// Days as shadow(5) keeps them; a negative number empties the field.
#[derive(Clone, Copy, Debug)]
pub struct Days(Option<i64>);

impl ParameterType for Days {
    const KIND: ParameterKind = ParameterKind::Int;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        let days = value.as_int()?;
        Some(Self((days >= 0).then_some(days)))
    }
}

/// The UTC day of `expires`, given in seconds; negative means never, as in Ansible. The first day of all is written as the
/// second: shadow(5) warns that a 0 is read as "expired" by some and as "never" by others.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryDay(Option<i64>);

impl ParameterType for ExpiryDay {
    const KIND: ParameterKind = ParameterKind::Float;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        let Value::Float(seconds) = value else { return None };
        let day = ((seconds / SECONDS_A_DAY).floor() as i64).max(1);
        Some(Self(if seconds < 0.0 { None } else { Some(day) }))
    }
}

fn today() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since_1970.as_secs() / SECONDS_A_DAY as u64) as i64
}

/// The host's defaults with what the arguments override, as `useradd -K`.
pub(super) fn defaults(given: &UserParameters, mut defaults: Defaults) -> Result<Defaults, Failure> {
    let (umask, min, max) = (given.umask.is_some(), given.uid_min.is_some(), given.uid_max.is_some());
    for (name, is_given) in [("umask", umask), ("uid_min", min), ("uid_max", max)] {
        if is_given && given.local {
            return Err(Failure::new(format!("'{name}' can not be used with 'local'")));
        }
    }
    let prefix = if given.system { "SYS_" } else { "" };
    for (limit, key) in [(given.uid_min, "UID_MIN"), (given.uid_max, "UID_MAX")] {
        if let Some(limit) = id(limit)? {
            defaults.set(&format!("{prefix}{key}"), limit);
        }
    }
    if let Some(umask) = &given.umask {
        if umask.is_empty() || umask.len() > 5 || !umask.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
            return Err(Failure::new(format!("invalid umask '{umask}': it must be octal, such as '077'")));
        }
        defaults.set("UMASK", format!("0{umask}"));
    }
    Ok(defaults)
}

/// What Ansible warns about, and what it silently repeats on every run.
pub(super) fn warnings(given: &UserParameters, old: Option<&LocalAccount>) -> Vec<String> {
    let mut warnings = Vec::new();
    if given.append && given.groups.is_none() {
        warnings.push("'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.".into());
    }
    if given.password.as_ref().is_some_and(|password| !is_hashed(password.reveal())) {
        warnings.push(
            "The input password appears not to have been hashed. The 'password' argument must be encrypted for this \
             module to work properly."
                .into(),
        );
    }
    if given.password_lock == Some(false) && given.password.is_none() && old.is_some_and(|old| old.hash() == "!") {
        warnings.push("the user has no password, so there is nothing to unlock".into());
    }
    warnings
}

/// Whether a password looks like a hash of crypt(5), or stands for none.
fn is_hashed(password: &str) -> bool {
    if matches!(password, "!" | "*" | "*************") {
        return true;
    }
    let fields: Vec<_> = password.split('$').collect();
    if password.contains([':', '*', '!']) || fields.len() < 2 {
        return false;
    }
    let hash = fields[fields.len() - 1];
    let length = match fields[1] {
        "1" => Some(22),
        "5" | "y" => Some(43),
        "6" => Some(86),
        _ => None,
    };
    let is_radix64 = hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    fields.len() < 3 || (is_radix64 && length.is_none_or(|length| hash.len() == length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_hash() {
        assert!(is_hashed("!") && is_hashed("*"));
        assert!(is_hashed(&format!("$6$salt${}", "a".repeat(86))));
        assert!(is_hashed(&format!("$y$j9T$salt${}", "a".repeat(43))));
        assert!(!is_hashed("secret") && !is_hashed("$6$salt$short") && !is_hashed("!secret"));
    }
}
