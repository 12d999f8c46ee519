//! `enlist.accounts`: the local users and groups of a host, for the roster and the audit. Reads only.

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::identity::Database;
use crate::identity::bytes::shown;
use crate::identity::entries::{Entry, Group, Passwd};
use crate::parameters;
use crate::protocol::Bound;
use crate::system::System;
use words::value::Value;

/// The module.
pub struct AccountList;

parameters! {
    /// Returns the entries of /etc/passwd (as users) and /etc/group (as groups), in file order.
    pub struct AccountListParameters for "accounts" {}
}

impl Module for AccountList {
    type Parameters = AccountListParameters;

    fn bound(&self) -> Bound {
        Bound::LISTING
    }

    fn check(&self, _: &AccountListParameters, system: &dyn System) -> Result<Verdict, Failure> {
        // Only the two files that everybody may read.
        let (passwd, groups) = (system.passwd()?, system.groups()?);
        let mut outcome = Outcome::new().with("users", entries(&passwd, user)).with("groups", entries(&groups, group));
        outcome.warnings.extend(unread(&passwd));
        outcome.warnings.extend(unread(&groups));
        Ok(Verdict::Satisfied(outcome))
    }
}

/// The entries of one file, each with `file` and `line` (from 1), so that a finding can name its place.
fn entries<E: Entry, const N: usize>(
    database: &Database<E>,
    fields: fn(&E) -> [(&'static str, Value); N],
) -> Vec<Value> {
    let place = |number: u32| [("file", format!("/etc/{}", E::FILE).into()), ("line", number.into())];
    let entries = database.numbered();
    entries.map(|(number, entry)| Value::from_iter(fields(entry).into_iter().chain(place(number)))).collect()
}

/// Lines that are no comments and no entries to the C library: nobody knows whose name or number they were to say.
fn unread<E: Entry>(database: &Database<E>) -> impl Iterator<Item = String> {
    let say =
        |number| format!("/etc/{}:{number} is no entry to the C library and was passed over; correct it", E::FILE);
    database.unread().map(say)
}

fn user(entry: &Passwd) -> [(&'static str, Value); 6] {
    [
        ("name", shown(&entry.name).into()),
        ("uid", entry.uid.into()),
        ("gid", entry.gid.into()),
        ("gecos", entry.comment().into()),
        ("home", shown(&entry.home).into()),
        ("shell", shown(&entry.shell).into()),
    ]
}

fn group(entry: &Group) -> [(&'static str, Value); 3] {
    let members = entry.members.iter().map(|member| member.trim_ascii_start()).filter(|member| !member.is_empty());
    let members: Vec<Value> = members.map(|member| shown(member).into()).collect();
    [("name", shown(&entry.name).into()), ("gid", entry.gid.into()), ("members", members.into())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn users_and_groups() {
        let outcome = is_ok(&AccountList, &args::<&str>(&[]), &mut Fake::with_accounts());
        let alice = "{'name': 'alice', 'uid': 1000, 'gid': 1000, 'gecos': 'Alice', 'home': '/home/alice', 'shell': '/bin/bash', 'file': '/etc/passwd', 'line': 2}";
        assert_eq!(outcome.values["users"].as_list().unwrap()[1].repr(), alice);
        let users = "{'name': 'users', 'gid': 100, 'members': ['alice'], 'file': '/etc/group', 'line': 2}";
        assert_eq!(outcome.values["groups"].as_list().unwrap()[1].repr(), users);
    }

    #[test]
    fn lines_count_as_in_the_c_library() {
        let text: &[u8] =
            b"spuid:x: 2025:100::/home/spuid:/bin/sh\nplus:x:+2026:100::/p:/bin/sh\n  led:x:2027:100::/l:/bin/sh\n\
            n\xedme:x:2028:100::/home/n:/bin/sh\nhom:x:2130:100::/home/h\xe9:/bin/sh\n#kim:x:2001:100::/k:/bin/sh\n\
            +nis:x:2002:100::/k:/bin/sh\n-nis:x:2003:100::/k:/bin/sh\nword:x:one:100::/k:/bin/sh\n";
        let mut system = Fake::new();
        system.write(std::path::Path::new("/passwd"), text, Default::default()).unwrap();
        let mut system = system.file("/etc/group", "gpu:x:3005:alice, kim,,lee,\n");
        system.rename(std::path::Path::new("/passwd"), std::path::Path::new("/etc/passwd")).unwrap();
        let outcome = is_ok(&AccountList, &args::<&str>(&[]), &mut system);
        let users = outcome.values["users"].as_list().unwrap();
        let claims: Vec<_> =
            users.iter().map(|user| format!("{}={}", user.get("name").unwrap(), user.get("uid").unwrap())).collect();
        assert_eq!(claims, ["spuid=2025", "plus=2026", "led=2027", "n\\xedme=2028", "hom=2130"]);
        assert_eq!(outcome.warnings, ["/etc/passwd:9 is no entry to the C library and was passed over; correct it"]);
        let members = outcome.values["groups"].as_list().unwrap()[0].get("members").unwrap().repr();
        assert_eq!(members, "['alice', 'kim', 'lee']");
    }

    #[test]
    fn foreign_lines_count_and_are_passed_over() {
        let mut system = Fake::new().file("/etc/passwd", "# people\n+::::::\nbob:x:1:2::/b:/s\n");
        let outcome = is_ok(&AccountList, &args::<&str>(&[]), &mut system);
        let users = outcome.values["users"].as_list().unwrap();
        assert_eq!((users.len(), users[0].get("line")), (1, Some(&Value::Int(3))));
    }
}
