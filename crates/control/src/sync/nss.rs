//! Where a host looks for people: nsswitch.conf(5), as far as somebody of a directory is concerned.

use std::fmt;

/// The words behind `passwd:` and `group:`, actions in brackets included.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sources {
    /// Of `passwd`.
    pub passwd: Vec<String>,
    /// Of `group`.
    pub group: Vec<String>,
}

/// As the file has it.
impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passwd: {}, group: {}", self.passwd.join(" "), self.group.join(" "))
    }
}

/// Sources that a directory or a NIS domain can be behind.
const BEYOND: [&str; 5] = ["sss", "ldap", "winbind", "nis", "compat"];

/// Reads the file.
pub fn sources(text: &str) -> Sources {
    let of = |database: &str| {
        let lines = text.lines().filter_map(|line| line.split('#').next().unwrap_or_default().split_once(':'));
        let mut found = lines.filter(|(name, _)| name.trim() == database).map(|(_, words)| words);
        found.next_back().map(words).unwrap_or_default()
    };
    Sources { passwd: of("passwd"), group: of("group") }
}

/// An action stands in brackets, with or without blanks in and before them.
fn words(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut is_within = false;
    for c in text.chars().filter(|c| !c.is_control() || *c == '\t') {
        match c {
            '[' => plain.push_str(" ["),
            ']' => plain.push_str("] "),
            c if is_within && c.is_whitespace() => {}
            c => plain.push(c),
        }
        is_within = (is_within || c == '[') && c != ']';
    }
    plain.split_whitespace().map(str::to_owned).collect()
}

/// What keeps people of `place` from being seen, or makes others of them.
pub fn problems(sources: &Sources, place: &str) -> Vec<String> {
    let databases = [("passwd", &sources.passwd), ("group", &sources.group)];
    databases.into_iter().flat_map(|(name, words)| problems_of(name, words, place)).collect()
}

fn problems_of(database: &str, words: &[String], place: &str) -> Vec<String> {
    let is_beyond = |word: &String| BEYOND.contains(&word.as_str());
    let Some(at) = words.iter().position(is_beyond) else {
        let named = BEYOND.join(", ");
        return vec![format!(
            "`{database}` names none of {named}, so nobody of {place} is seen there: add the one that is used"
        )];
    };
    let mut problems = Vec::new();
    let ends = |word: &&String| {
        let word = word.to_uppercase();
        ["NOTFOUND=RETURN", "!SUCCESS=RETURN", "!UNAVAIL=RETURN"].iter().any(|ending| word.contains(ending))
    };
    if let Some(action) = words[..at].iter().find(ends) {
        problems.push(format!("`{database}` ends at {action} before {}: take the action out", words[at]));
    }
    if words[..at].iter().all(|word| word != "files") && words[at] != "compat" {
        problems.push(format!("`{database}` asks {} before files: put files first", words[at]));
    }
    if words[at] == "compat" {
        problems.push(format!(
            "`{database}` is compat: who is seen depends on lines with + in the account files; write files nis"
        ));
    }
    if let Some(action) = words.iter().find(|word| word.to_uppercase().contains("SUCCESS=MERGE")) {
        let what = format!("`{database}` has {action}");
        problems.push(format!("{what}: members of a host's own group of the same name are members of {place}'s, too"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_c_library_does() {
        let text = "# passwd: nis\npasswd:\tfiles [ NOTFOUND=return ] sss # people\ngroup: files[SUCCESS=merge] sss\nhosts: dns\n";
        let sources = sources(text);
        assert_eq!(sources.passwd, ["files", "[NOTFOUND=return]", "sss"]);
        assert_eq!(sources.group, ["files", "[SUCCESS=merge]", "sss"]);
    }
}
