//! What `getent` and `id` say about given account databases: for hosts in memory and predicted ones. Pure.

use super::{Command, ProgramOutput};

/// The local account databases as texts.
pub struct NssDatabases {
    passwd: String,
    group: String,
    shadow: String,
}

impl NssDatabases {
    /// Reads the three files through `read`; what is not there is empty.
    pub fn new(read: &dyn Fn(&str) -> Vec<u8>) -> Self {
        let text = |path| String::from_utf8_lossy(&read(path)).into_owned();
        Self { passwd: text("/etc/passwd"), group: text("/etc/group"), shadow: text("/etc/shadow") }
    }

    /// What `getent passwd|group|shadow [KEY…]` or `id … USER` would print; `None` for any other command.
    pub fn answer(&self, command: &Command) -> Option<ProgramOutput> {
        let argv: Vec<&str> = command.argv.iter().map(|argument| argument.to_str()).collect::<Option<_>>()?;
        match argv.as_slice() {
            ["getent", database, keys @ ..] => self.getent(database, keys),
            ["id", options @ ..] => self.id(options),
            _ => None,
        }
    }

    /// The text of the database called `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        match name {
            "passwd" => Some(&self.passwd),
            "group" => Some(&self.group),
            "shadow" => Some(&self.shadow),
            _ => None,
        }
    }

    fn getent(&self, database: &str, keys: &[&str]) -> Option<ProgramOutput> {
        let text = self.text(database)?;
        if keys.is_empty() {
            return Some(printed(entries(text).map(|line| format!("{line}\n")).collect()));
        }
        let found: Vec<_> = keys.iter().filter_map(|key| entry(text, database, key)).collect();
        let mut output = printed(found.iter().map(|line| format!("{line}\n")).collect());
        // getent(1): "one or more supplied key could not be found in the database".
        output.code = if found.len() == keys.len() { 0 } else { 2 };
        Some(output)
    }

    /// `id USER`, `id -u|-g|-G [-n] USER`, also as `-un`, `-Gn`; who asks is not known here.
    fn id(&self, options: &[&str]) -> Option<ProgramOutput> {
        let letters: String = options.iter().filter_map(|o| o.strip_prefix('-')).collect();
        let user = options.iter().find(|o| !o.starts_with('-')).copied()?;
        let Some(line) = entry(&self.passwd, "passwd", user) else {
            let stderr = format!("id: '{user}': no such user\n").into();
            return Some(ProgramOutput { code: 1, stdout: Vec::new(), stderr });
        };
        let fields: Vec<&str> = line.split(':').collect();
        let (name, uid, gid) = (*fields.first()?, *fields.get(2)?, *fields.get(3)?);
        let groups = self.groups_of(name, gid);
        let names = letters.contains('n');
        let list = |number: &str, group: &str| if names { group.to_owned() } else { number.to_owned() };
        let said = match letters.replace('n', "").as_str() {
            "u" => list(uid, name),
            "g" => list(gid, &groups[0].1),
            "G" => groups.iter().map(|(number, group)| list(number, group)).collect::<Vec<_>>().join(" "),
            "" => {
                let all: Vec<_> = groups.iter().map(|(number, group)| format!("{number}({group})")).collect();
                format!("uid={uid}({name}) gid={gid}({}) groups={}", groups[0].1, all.join(","))
            }
            _ => return None,
        };
        Some(printed(said + "\n"))
    }

    /// Number and name of the primary group, then of the others; a group without an entry is called by its number.
    fn groups_of(&self, user: &str, primary: &str) -> Vec<(String, String)> {
        let fields = |line: &str| -> Option<(String, String, Vec<String>)> {
            let parts: Vec<&str> = line.split(':').collect();
            let members = parts.get(3)?.split(',').map(str::to_owned).collect();
            Some((parts[2].into(), parts[0].into(), members))
        };
        let groups: Vec<_> = entries(&self.group).filter_map(fields).collect();
        let name = groups.iter().find(|g| g.0 == primary).map_or(primary, |g| &g.1).to_owned();
        let others = groups.iter().filter(|g| g.0 != primary && g.2.iter().any(|member| member == user));
        [(primary.to_owned(), name)].into_iter().chain(others.map(|g| (g.0.clone(), g.1.clone()))).collect()
    }
}

/// The whole answer of a host whose files said `before` and would say `now`, where `real` is what it really answers:
/// lines that came from the files are exchanged, lines that came from elsewhere (a directory service) stay.
pub fn exchange(real: &ProgramOutput, before: &ProgramOutput, now: ProgramOutput) -> ProgramOutput {
    let lines = |output: &ProgramOutput| -> Vec<Vec<u8>> {
        output.stdout.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let from_files = lines(before);
    let elsewhere: Vec<_> = lines(real).into_iter().filter(|line| !from_files.contains(line)).collect();
    match (now.code, elsewhere.is_empty()) {
        // A key that the files would not have, and that something else has.
        (1.., false) => ProgramOutput { stdout: [now.stdout, elsewhere.concat()].concat(), ..real.clone() },
        // One key: the files come first. All keys: the rest follows.
        _ if from_files.len() > 1 => ProgramOutput { stdout: [now.stdout, elsewhere.concat()].concat(), ..now },
        _ => now,
    }
}

/// The lines that are entries: no comments, no NIS lines, at least three fields.
pub fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with(['#', '+', '-', ':']) && line.split(':').count() > 2)
}

/// The entry with this name, or with this number (not in shadow).
pub fn entry<'a>(text: &'a str, database: &str, key: &str) -> Option<&'a str> {
    let by_number = database != "shadow" && !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    let field = if by_number { 2 } else { 0 };
    entries(text).find(|line| line.split(':').nth(field) == Some(key))
}

fn printed(stdout: String) -> ProgramOutput {
    ProgramOutput { code: 0, stdout: stdout.into(), stderr: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(argv: &[&str]) -> (i32, String) {
        let databases = NssDatabases {
            passwd: "# hosts\nalice:x:1000:100::/home/alice:/bin/sh\n+::::::\n".into(),
            group: "users:x:100:\nai:x:3001:bob,alice\n".into(),
            shadow: String::new(),
        };
        let output = databases.answer(&Command::new(argv)).unwrap();
        (output.code, String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn getent_finds_names_and_numbers() {
        let line = "alice:x:1000:100::/home/alice:/bin/sh\n";
        assert_eq!(ask(&["getent", "passwd", "1000"]), (0, line.into()));
        assert_eq!(ask(&["getent", "passwd"]), (0, line.into()));
        assert_eq!(ask(&["getent", "passwd", "alice", "bob"]), (2, line.into()));
        assert_eq!(ask(&["getent", "shadow", "alice"]), (2, String::new()));
    }

    #[test]
    fn id_knows_groups() {
        assert_eq!(ask(&["id", "alice"]).1, "uid=1000(alice) gid=100(users) groups=100(users),3001(ai)\n");
        assert_eq!(ask(&["id", "-Gn", "alice"]).1, "users ai\n");
        assert_eq!(ask(&["id", "-u", "-n", "alice"]).1, "alice\n");
        assert_eq!(ask(&["id", "bob"]).0, 1);
    }
}
