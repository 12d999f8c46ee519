//! Logins that could be somebody's, from the real name: one rule, which is shown with what it comes to.

use super::Roster;
use super::ids::Kind;
use super::names;
use words::text::hangul::{Romanised, romanised_name};

/// The rule in words, for whoever sees what it comes to.
pub const RULE: &str = "the given name; the first letter of it and the surname; both with a hyphen; that with 2, 3 and so on. \
    The first that nobody has or had is taken";

/// The longest login.
const LONGEST: usize = 32;

/// One login that could be somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The login.
    pub login: String,
    /// Why nobody can have it; `None`: it is free.
    pub taken: Option<String>,
}

/// Logins for `name` in the order of [`RULE`], up to and with the first two that are free. Empty when the name is neither
/// Korean nor in plain Latin letters: then nobody but people can tell.
pub fn proposals(roster: &Roster, name: &str) -> Vec<Proposal> {
    let Some(Romanised { surname, given }) = romanised_name(name).or_else(|| latin_name(name)) else {
        return Vec::new();
    };
    let initial = given.chars().next().map(String::from).unwrap_or_default();
    let both = format!("{given}-{surname}");
    let first = [given, format!("{initial}{surname}"), both.clone()];
    let numbered = (2_u32..).map(|number| format!("{}{number}", cut(&both, LONGEST - number.to_string().len())));
    let mut found = Vec::new();
    for login in first.iter().map(|login| cut(login, LONGEST).to_owned()).chain(numbered) {
        let taken = taken(roster, &login);
        found.push(Proposal { login, taken });
        if found.iter().filter(|proposal| proposal.taken.is_none()).count() == 2 {
            break;
        }
    }
    found
}

/// The first login that is free, if the rule comes to any.
pub fn proposed(roster: &Roster, name: &str) -> Option<String> {
    proposals(roster, name).into_iter().find(|proposal| proposal.taken.is_none()).map(|proposal| proposal.login)
}

/// Letters of ASCII alone, so that bytes are letters.
fn cut(login: &str, longest: usize) -> &str {
    &login[..login.len().min(longest)]
}

/// `Gildong Hong`: the last word is the surname.
fn latin_name(name: &str) -> Option<Romanised> {
    let is_part = |c: char| c.is_ascii_alphabetic() || c.is_whitespace() || matches!(c, '-' | '.' | '\'');
    if !name.chars().all(is_part) {
        return None;
    }
    let letters = |word: &str| word.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let (given, surname) = name.trim().rsplit_once(char::is_whitespace)?;
    let (given, surname) = (letters(given.split_whitespace().next()?), letters(surname));
    (!given.is_empty() && !surname.is_empty()).then_some(Romanised { surname, given })
}

/// Whose the login is. An absent person keeps it: files, mails and jobs of that time have the name.
fn taken(roster: &Roster, login: &str) -> Option<String> {
    if let Some(user) = roster.user(login) {
        return Some(format!("{}: it is there", user.name.place));
    }
    if let Some(group) = roster.group(login) {
        return Some(format!("{}: a group has the name", group.name.place));
    }
    let ledger = roster.numbers.as_ref().map(|numbers| &numbers.ledger);
    if ledger.is_some_and(|ledger| ledger.number_of(Kind::User, login).is_some()) {
        return Some("the ledger of numbers has it: somebody was here under this name".to_owned());
    }
    let is_systems = roster.guards.protects(login);
    is_systems.then(|| "no plan may touch this name".to_owned()).or_else(|| names::posix_problem(login))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::load;
    use words::diag::Source;

    fn logins(users: &str, name: &str) -> Vec<String> {
        let text = format!("groups: {{ai: {{gid: 3001}}}}\nusers:\n  x: {{uid: 2000, group: ai}}\n{users}");
        let roster = load(&Source::new("r.yml", text)).unwrap();
        let shown = |one: Proposal| one.taken.map_or(one.login.clone(), |why| format!("{} ({why})", one.login));
        proposals(&roster, name).into_iter().map(shown).collect()
    }

    #[test]
    fn the_first_that_nobody_has_or_had() {
        assert_eq!(logins("", "홍길동"), ["gildong", "ghong"]);
        let gone = "  gildong: {uid: 2001, group: ai, state: absent}\n";
        assert_eq!(logins(gone, "홍길동"), ["gildong (r.yml:4:3: it is there)", "ghong", "gildong-hong"]);
        let three =
            "  gildong: {uid: 1, group: ai}\n  ghong: {uid: 2, group: ai}\n  gildong-hong: {uid: 3, group: ai}\n";
        let three = three.replace("uid: ", "uid: 200");
        assert_eq!(logins(&three, "홍길동")[3..], ["gildong-hong2", "gildong-hong3"]);
        assert_eq!(logins("", "Gil-Dong van Hong"), ["gildong", "ghong"]);
        assert_eq!(logins("", "박류트")[0], "ryuteu");
    }

    #[test]
    fn names_of_the_system_and_names_without_a_rule() {
        assert_eq!(logins("", "Root Kit")[0], "root (no plan may touch this name)");
        assert_eq!(logins("", "Ai Lee")[0], "ai (r.yml:1:10: a group has the name)");
        for other in ["洪吉童", "Zoë Müller", "Plato", "", "Kim; rm -rf /"] {
            assert_eq!(logins("", other), Vec::<String>::new(), "{other}");
        }
        let long = logins("", &format!("{} {}", "a".repeat(40), "b".repeat(40)));
        assert!(long.iter().all(|login| login.len() <= 32), "{long:?}");
    }
}
