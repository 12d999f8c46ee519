//! [`Defaults`]: what `/etc/login.defs` and `/etc/default/useradd` say.

use super::AccountRefusal;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The settings for new accounts; what is not set has the value built into shadow-utils.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    login: HashMap<String, String>,
    useradd: HashMap<String, String>,
}

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `UID_MIN` and so on.
    User,
    /// `GID_MIN` and so on.
    Group,
}

impl IdKind {
    fn prefix(self) -> &'static str {
        match self {
            IdKind::User => "UID",
            IdKind::Group => "GID",
        }
    }
}

impl Defaults {
    /// Reads both files; a file that is missing is given as empty text.
    pub fn parse(login_defs: &[u8], useradd: &[u8]) -> Self {
        let login = String::from_utf8_lossy(login_defs);
        let useradd = String::from_utf8_lossy(useradd);
        let assignments = useradd.lines().filter_map(|line| line.split_once('='));
        Self {
            login: login.lines().filter_map(login_setting).collect(),
            useradd: assignments.map(|(key, value)| (key.into(), value.into())).collect(),
        }
    }

    /// Overrides a setting of login.defs, as `useradd -K KEY=VALUE`.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.login.insert(key.into(), value.to_string());
    }

    /// Whether login.defs says `yes`.
    pub fn flag(&self, key: &str) -> bool {
        self.login.get(key).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// A number of login.defs: decimal, octal with `0`, or hexadecimal with `0x`.
    pub fn number(&self, key: &str) -> Option<i64> {
        let text = self.login.get(key)?.trim();
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let value = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            Some(hex) => i64::from_str_radix(hex, 16),
            None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
            None => digits.parse(),
        };
        value.ok().map(|value| sign * value)
    }

    /// The range that new ids are taken from (useradd(8), `-r`).
    pub fn id_range(&self, kind: IdKind, system: bool) -> Result<RangeInclusive<u32>, AccountRefusal> {
        let prefix = kind.prefix();
        let get = |key: String, default: i64| self.number(&key).unwrap_or(default);
        let lowest = get(format!("{prefix}_MIN"), 1000);
        let (min, max) = if system {
            (get(format!("SYS_{prefix}_MIN"), 101), get(format!("SYS_{prefix}_MAX"), lowest - 1))
        } else {
            (lowest, get(format!("{prefix}_MAX"), 60000))
        };
        match (u32::try_from(min), u32::try_from(max)) {
            (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
            _ => Err(AccountRefusal::new(format!("Invalid configuration: {prefix}_MIN ({min}), {prefix}_MAX ({max})"))
                .hint("correct /etc/login.defs")),
        }
    }

    /// First, last and how many subordinate ids a new user gets (`SUB_UID_MIN` and so on).
    pub fn subordinate(&self, kind: IdKind) -> (u64, u64, u64) {
        let prefix = kind.prefix();
        let get = |what: &str, default: i64| {
            let value = self.number(&format!("SUB_{prefix}_{what}")).unwrap_or(default);
            u64::try_from(value).unwrap_or(0)
        };
        (get("MIN", 100_000), get("MAX", 600_100_000), get("COUNT", 65536))
    }

    /// Permission bits of a new home: `HOME_MODE`, else what `UMASK` leaves.
    pub fn home_mode(&self) -> u32 {
        let mode = self.number("HOME_MODE").unwrap_or(0o777 & !self.number("UMASK").unwrap_or(0o022));
        (mode & 0o7777) as u32
    }

    /// Home of a new user.
    pub fn home_of(&self, name: &str) -> String {
        format!("{}/{name}", self.useradd("HOME").unwrap_or("/home"))
    }

    /// Shell of a new user.
    pub fn shell(&self) -> &str {
        self.useradd("SHELL").unwrap_or("/bin/bash")
    }

    /// Name or number of the primary group of a user without a group of its own.
    pub fn group(&self) -> &str {
        self.useradd("GROUP").unwrap_or("100")
    }

    /// Where files of a new home come from.
    pub fn skeleton(&self) -> &str {
        self.useradd("SKEL").filter(|path| !path.is_empty()).unwrap_or("/etc/skel")
    }

    /// Days after expiry of the password until the account is disabled.
    pub fn inactive(&self) -> Option<i64> {
        self.useradd("INACTIVE")?.trim().parse().ok().filter(|days| *days >= 0)
    }

    /// The day on which a new account expires, in days since 1970-01-01, from `EXPIRE=2031-01-01`. What is no date is an
    /// error: taken for none, the account would never expire.
    pub fn expire(&self) -> Result<Option<i64>, AccountRefusal> {
        let Some(text) = self.useradd("EXPIRE").map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = |date: jiff::civil::Date| epoch.until(date).ok().map(|span| i64::from(span.get_days()));
        let day = text.parse().ok().and_then(days).or_else(|| text.parse().ok());
        day.map(Some).ok_or_else(|| {
            AccountRefusal::new(format!("EXPIRE={text} in /etc/default/useradd is no date"))
                .hint("write it as 2031-01-31, or leave it empty for accounts that do not expire")
        })
    }

    /// Whether a new user gets a mail spool.
    pub fn mail_spool(&self) -> bool {
        self.useradd("CREATE_MAIL_SPOOL").is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// Where mail spools are; `None` when there are none.
    pub fn mail_directory(&self) -> Option<&str> {
        self.login.get("MAIL_DIR").map(String::as_str).filter(|path| path.starts_with('/'))
    }

    fn useradd(&self, key: &str) -> Option<&str> {
        self.useradd.get(key).map(String::as_str)
    }
}

/// `KEY value`, the value perhaps in double quotes.
fn login_setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (key, rest) = line.split_once([' ', '\t', '"'])?;
    let value = rest.trim_start_matches([' ', '\t', '"']);
    Some((key.into(), value.split('"').next().unwrap_or_default().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings() {
        let login = "# UID_MIN 5\nUID_MIN\t\t 2000\nUMASK 027\nUSERGROUPS_ENAB yes\nMAIL_DIR \"/var/spool/mail\"\n";
        let defaults = Defaults::parse(login.as_bytes(), b"# SHELL=/x\nSHELL=/bin/sh\nINACTIVE=-1\nSKEL=\n");
        assert_eq!(defaults.id_range(IdKind::User, false), Ok(2000..=60000));
        assert_eq!(defaults.id_range(IdKind::User, true), Ok(101..=1999));
        assert_eq!(defaults.home_mode(), 0o750);
        assert!(defaults.flag("USERGROUPS_ENAB"));
        assert_eq!(defaults.mail_directory(), Some("/var/spool/mail"));
        assert_eq!((defaults.shell(), defaults.inactive(), defaults.skeleton()), ("/bin/sh", None, "/etc/skel"));
        assert_eq!(defaults.home_of("ann"), "/home/ann");
    }

    #[test]
    fn an_empty_range_is_refused() {
        let mut defaults = Defaults::default();
        defaults.set("GID_MAX", 10);
        let refused = defaults.id_range(IdKind::Group, false).unwrap_err();
        assert_eq!(refused.message, "Invalid configuration: GID_MIN (1000), GID_MAX (10)");
    }
}
