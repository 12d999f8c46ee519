//! From arguments to a wanted user.

use crate::identity::user::{WantedAging, WantedUser};
use crate::identity::{Account, Defaults};
use crate::modules::accounts::id;
use crate::modules::{Args, Failure};

const SECONDS_A_DAY: f64 = 86400.0;

/// What the arguments ask for.
pub(super) fn from_args(args: &Args) -> Result<WantedUser, Failure> {
    let text = |name: &str| args.str(name).map(str::to_owned);
    Ok(WantedUser {
        name: args.text("name").into(),
        uid: id(args, "uid")?,
        non_unique: args.flag("non_unique"),
        group: text("group"),
        groups: groups(args),
        append: args.flag("append"),
        comment: text("comment"),
        home: text("home"),
        shell: text("shell"),
        password: text("password"),
        password_on_create: args.text("update_password") == "on_create",
        locked: args.bool("password_lock"),
        aging: WantedAging {
            expire: expiry_day(args),
            inactive: days(args, "password_expire_account_disable"),
            min: days(args, "password_expire_min"),
            max: days(args, "password_expire_max"),
            warn: days(args, "password_expire_warn"),
        },
        system: args.flag("system"),
        today: today(),
    })
}

/// `groups: ''` and `groups: []` both mean none; `append` without names changes nothing.
fn groups(args: &Args) -> Option<Vec<String>> {
    let groups = args.list("groups")?;
    Some(groups.into_iter().map(|group| group.trim().to_owned()).filter(|group| !group.is_empty()).collect())
}

/// A negative number empties the field.
fn days(args: &Args, name: &str) -> Option<Option<i64>> {
    args.int(name).map(|days| (days >= 0).then_some(days))
}

/// The UTC day of `expires`; negative means never, as in Ansible. The first day of all is written as the second: shadow(5)
/// warns that a 0 is read as "expired" by some and as "never" by others.
fn expiry_day(args: &Args) -> Option<Option<i64>> {
    match args.get("expires")? {
        words::value::Value::Float(seconds) if *seconds < 0.0 => Some(None),
        words::value::Value::Float(seconds) => Some(Some(((seconds / SECONDS_A_DAY).floor() as i64).max(1))),
        _ => None,
    }
}

fn today() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since_1970.as_secs() / SECONDS_A_DAY as u64) as i64
}

/// The host's defaults with what the arguments override, as `useradd -K`.
pub(super) fn defaults(args: &Args, mut defaults: Defaults) -> Result<Defaults, Failure> {
    for name in ["umask", "uid_min", "uid_max"] {
        if args.get(name).is_some() && args.flag("local") {
            return Err(Failure::new(format!("'{name}' can not be used with 'local'")));
        }
    }
    let prefix = if args.flag("system") { "SYS_" } else { "" };
    for (name, key) in [("uid_min", "UID_MIN"), ("uid_max", "UID_MAX")] {
        if let Some(limit) = id(args, name)? {
            defaults.set(&format!("{prefix}{key}"), limit);
        }
    }
    if let Some(umask) = args.str("umask") {
        if umask.is_empty() || umask.len() > 5 || !umask.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
            return Err(Failure::new(format!("invalid umask '{umask}': it must be octal, such as '077'")));
        }
        defaults.set("UMASK", format!("0{umask}"));
    }
    Ok(defaults)
}

/// What Ansible warns about, and what it silently repeats on every run.
pub(super) fn warnings(args: &Args, old: Option<&Account>) -> Vec<String> {
    let mut warnings = Vec::new();
    if args.flag("append") && args.get("groups").is_none() {
        warnings.push("'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.".into());
    }
    if args.str("password").is_some_and(|password| !is_hashed(password)) {
        warnings.push(
            "The input password appears not to have been hashed. The 'password' argument must be encrypted for this \
             module to work properly."
                .into(),
        );
    }
    if args.bool("password_lock") == Some(false)
        && args.str("password").is_none()
        && old.is_some_and(|old| old.hash() == "!")
    {
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
