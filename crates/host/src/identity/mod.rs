//! Accounts in files: `passwd`, `shadow`, `group`, `gshadow`, `subuid`, `subgid`, and what `useradd`, `usermod`,
//! `userdel`, `groupadd`, `groupmod` and `groupdel` would make of them. Pure: texts in, texts out.
//!
//! [`database`] edits one file's text and leaves every other byte alone; [`entries`] are its typed lines;
//! [`Databases`] are the six files together; [`user`] and [`group`] plan changes to them.

pub mod account;
pub mod authorized_keys;
pub mod bytes;
pub mod database;
pub mod databases;
pub mod defaults;
pub mod entries;
pub mod group;
pub mod ids;
mod indexed;
pub mod names;
mod numbers;
mod readings;
pub mod user;
pub mod word_list;

pub use account::LocalAccount;
pub use database::Database;
pub use databases::Databases;
pub use defaults::Defaults;
pub use numbers::{Gid, Uid};
pub use readings::Readings;
use words::people::{Sought, Unanswered};

/// What the account sources beyond the local files (LDAP, sssd, NIS) know; asked only when the files do not. Each of them
/// may be unable to say: then nothing is decided that depends on it.
pub trait AccountSources {
    /// The name of the user with this uid.
    fn user_with_uid(&self, uid: Uid) -> Sought<String>;

    /// The name of the group with this gid.
    fn group_with_gid(&self, gid: Gid) -> Sought<String>;

    /// A group, by name or, when it is a number, by gid.
    fn group(&self, name: &str) -> Sought<entries::Group>;
}

/// There is no other source than the files.
#[derive(Clone, Copy, Debug)]
pub struct FilesOnly;

impl AccountSources for FilesOnly {
    fn user_with_uid(&self, _: Uid) -> Sought<String> {
        Sought::Absent
    }

    fn group_with_gid(&self, _: Gid) -> Sought<String> {
        Sought::Absent
    }

    fn group(&self, _: &str) -> Sought<entries::Group> {
        Sought::Absent
    }
}

/// A day of shadow(5), counted from 1970-01-01 on, as YYYY-MM-DD; `day 99999999` where the calendar ends before it.
pub fn date(day: i64) -> String {
    let start = jiff::civil::date(1970, 1, 1);
    let shown = jiff::Span::new().try_days(day).and_then(|span| start.checked_add(span));
    shown.map_or_else(|_| format!("day {day}"), |date| date.to_string())
}

/// Why an account cannot be made as wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AccountRefusal {
    /// What is wrong, in the words of shadow-utils where playbooks look for them.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl AccountRefusal {
    /// A refusal without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Unanswered> for AccountRefusal {
    fn from(unanswered: Unanswered) -> Self {
        Self::new(unanswered.to_string())
            .hint("nsswitch.conf of the host names sources beside its files: see what `getent passwd root` says there")
    }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_dates_as_far_as_the_calendar_goes() {
        assert_eq!([-1, 0, 20_000].map(date), ["1969-12-31", "1970-01-01", "2024-10-04"]);
        assert_eq!([99_999_999, i64::MIN].map(date), ["day 99999999", "day -9223372036854775808"]);
    }
}
