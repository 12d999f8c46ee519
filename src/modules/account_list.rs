//! `enlist.accounts`: the local users and groups of a host, for the roster and the audit. Reads only.

use super::{Args, Failure, Module, Outcome, Spec, Verdict};
use crate::connection::protocol::Bound;
use crate::identity::entries::{Entry, Group, Passwd};
use crate::system::System;
use crate::value::Value;
use std::path::Path;

/// The module.
pub struct AccountList;

static SPEC: Spec = Spec {
    name: "accounts",
    summary: "Returns the entries of /etc/passwd (as users) and /etc/group (as groups), in file order.",
    ..Spec::EMPTY
};

impl Module for AccountList {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn bound(&self) -> Bound {
        Bound::LISTING
    }

    fn check(&self, _: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        // Only the two files that everybody may read.
        let (users, groups) = (entries(system, user)?, entries(system, group)?);
        Ok(Verdict::Satisfied(Outcome::new().with("users", users).with("groups", groups)))
    }
}

/// The entries of one file, each with `file` and `line` (from 1), so that a finding can name its place. Lines of another
/// format are passed over.
fn entries<E: Entry, const N: usize>(
    system: &dyn System,
    fields: fn(E) -> [(&'static str, Value); N],
) -> Result<Vec<Value>, Failure> {
    let path = Path::new("/etc").join(E::FILE);
    let text = system.read(&path)?.unwrap_or_default();
    let lines = (1u32..).zip(text.split(|byte| *byte == b'\n'));
    let entries = lines.filter_map(|(number, line)| Some((number, E::parse(line)?)));
    let place = |number: u32| [("file", path.display().to_string().into()), ("line", number.into())];
    Ok(entries.map(|(number, entry)| Value::from_iter(fields(entry).into_iter().chain(place(number)))).collect())
}

fn user(entry: Passwd) -> [(&'static str, Value); 6] {
    let comment = entry.comment();
    [
        ("name", entry.name.into()),
        ("uid", entry.uid.into()),
        ("gid", entry.gid.into()),
        ("gecos", comment.into()),
        ("home", entry.home.into()),
        ("shell", entry.shell.into()),
    ]
}

fn group(entry: Group) -> [(&'static str, Value); 3] {
    let members: Vec<Value> = entry.members.into_iter().map(Value::from).collect();
    [("name", entry.name.into()), ("gid", entry.gid.into()), ("members", members.into())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, is_ok};
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
    fn foreign_lines_count_and_are_passed_over() {
        let mut system = Fake::new().file("/etc/passwd", "# people\n+::::::\nbob:x:1:2::/b:/s\n");
        let outcome = is_ok(&AccountList, &args::<&str>(&[]), &mut system);
        let users = outcome.values["users"].as_list().unwrap();
        assert_eq!((users.len(), users[0].get("line")), (1, Some(&Value::Int(3))));
    }
}
