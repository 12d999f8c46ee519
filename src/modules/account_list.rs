//! `enlist.accounts`: the local users and groups of a host, for the roster and the audit. Reads only.

use super::{Args, Failure, Module, Outcome, Spec, Verdict};
use crate::identity::Database;
use crate::identity::entries::{Group, Passwd};
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

    fn check(&self, _: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        // Only the two files that everybody may read.
        let read = |path| system.read(Path::new(path)).map(Option::unwrap_or_default);
        let users: Vec<Value> = Database::parse(read("/etc/passwd")?).entries().map(user).collect();
        let groups: Vec<Value> = Database::parse(read("/etc/group")?).entries().map(group).collect();
        Ok(Verdict::Satisfied(Outcome::new().with("users", users).with("groups", groups)))
    }
}

fn user(entry: Passwd) -> Value {
    let comment = entry.comment();
    Value::from_iter([
        ("name", entry.name.into()),
        ("uid", entry.uid.into()),
        ("gid", entry.gid.into()),
        ("gecos", comment.into()),
        ("home", entry.home.into()),
        ("shell", Value::from(entry.shell)),
    ])
}

fn group(entry: Group) -> Value {
    let members: Vec<Value> = entry.members.into_iter().map(Value::from).collect();
    Value::from_iter([("name", entry.name.into()), ("gid", entry.gid.into()), ("members", Value::from(members))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn users_and_groups() {
        let outcome = is_ok(&AccountList, &args::<&str>(&[]), &mut Fake::with_accounts());
        let alice = "{'name': 'alice', 'uid': 1000, 'gid': 1000, 'gecos': 'Alice', 'home': '/home/alice', 'shell': '/bin/bash'}";
        assert_eq!(outcome.values["users"].as_list().unwrap()[1].repr(), alice);
        let users = "{'name': 'users', 'gid': 100, 'members': ['alice']}";
        assert_eq!(outcome.values["groups"].as_list().unwrap()[1].repr(), users);
    }
}
