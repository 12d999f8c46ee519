//! `accounts`: all users and groups of the host's own files, with the line that each is on. For `enlist plan` and
//! `enlist audit`; changes nothing.

use super::{Args, Failure, Module, Outcome, Spec, Verdict};
use crate::identity::entries::{Entry, Group, Passwd};
use crate::system::System;
use crate::value::{Map, Value};
use std::path::Path;

/// The module.
pub struct AccountFacts;

static SPEC: Spec =
    Spec { name: "accounts", summary: "Lists the users and groups of the local account files.", ..Spec::EMPTY };

impl Module for AccountFacts {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, _: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let users = entries(system, |user: Passwd| {
            let comment = user.comment();
            [
                ("name", user.name.into()),
                ("uid", user.uid.into()),
                ("gid", user.gid.into()),
                ("comment", comment.into()),
                ("home", user.home.into()),
                ("shell", user.shell.into()),
            ]
        })?;
        let groups = entries(system, |group: Group| [("name", group.name.into()), ("gid", group.gid.into())])?;
        Ok(Verdict::Satisfied(Outcome::new().with("users", users).with("groups", groups)))
    }
}

/// The entries of one file in its order, each with `file` and `line`. Lines of another format are passed over.
fn entries<E: Entry, const N: usize>(
    system: &dyn System,
    fields: impl Fn(E) -> [(&'static str, Value); N],
) -> Result<Vec<Value>, Failure> {
    let path = Path::new("/etc").join(E::FILE);
    let text = system.read(&path)?.unwrap_or_default();
    let lines = (1u32..).zip(text.split(|byte| *byte == b'\n'));
    let entries = lines.filter_map(|(number, line)| Some((number, E::parse(line)?)));
    Ok(entries
        .map(|(number, entry)| {
            let place = [("file", path.display().to_string().into()), ("line", number.into())];
            Value::Map(
                fields(entry).into_iter().chain(place).map(|(key, value)| (key.to_owned(), value)).collect::<Map>(),
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn entries_have_their_lines() {
        let system = Fake::new()
            .file("/etc/passwd", "# people\nroot:x:0:0:root:/root:/bin/bash\n+::::::\nbob:x:1:2:길동:/b:/s\n")
            .file("/etc/group", "root:x:0:\n");
        let Ok(Verdict::Satisfied(outcome)) = AccountFacts.check(&Args::default(), &system) else { panic!() };
        let shown = Value::Map(outcome.values).to_json_line(false);
        let users = r#"{"name": "root", "uid": 0, "gid": 0, "comment": "root", "home": "/root", "shell": "/bin/bash", "file": "/etc/passwd", "line": 2}, {"name": "bob", "uid": 1, "gid": 2, "comment": "길동", "home": "/b", "shell": "/s", "file": "/etc/passwd", "line": 4}"#;
        let groups = r#"{"name": "root", "gid": 0, "file": "/etc/group", "line": 1}"#;
        assert_eq!(shown, format!(r#"{{"users": [{users}], "groups": [{groups}]}}"#));
    }
}
