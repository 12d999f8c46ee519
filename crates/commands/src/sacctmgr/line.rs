//! [`Line`]: what a command line asks for, read once for all who must know it: whoever carries it out, the service that
//! gives it a place to run, and the statistics that count it.

use super::options;
use super::word::begins;

/// What is to be done (sacctmgr(1), "COMMANDS").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `add`, `create`
    Add,
    /// `archive dump`, `archive load`
    Archive,
    /// `clear stats`
    Clear,
    /// `delete`, `remove`
    Delete,
    /// `dump`
    Dump,
    /// `load`
    Load,
    /// `modify`, `update`
    Modify,
    /// `reconfigure`
    Reconfigure,
    /// `show`, `list`
    Show,
    /// `shutdown`
    Shutdown,
}

/// Name, shortest abbreviation, meaning. No word fits two lines.
const VERBS: &[(&str, usize, Verb)] = &[
    ("add", 3, Verb::Add),
    ("archive", 2, Verb::Archive),
    ("clear", 3, Verb::Clear),
    ("create", 3, Verb::Add),
    ("delete", 3, Verb::Delete),
    ("dump", 2, Verb::Dump),
    ("list", 3, Verb::Show),
    ("load", 2, Verb::Load),
    ("modify", 1, Verb::Modify),
    ("reconfigure", 4, Verb::Reconfigure),
    ("remove", 3, Verb::Delete),
    ("show", 3, Verb::Show),
    ("shutdown", 4, Verb::Shutdown),
    ("update", 1, Verb::Modify),
];

/// Where a command may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// It only asks: on a copy of the state, beside those that change something.
    Asks,
    /// It may change rows. So is whatever is in doubt.
    Changes,
    /// It is for the service itself, and changes no row.
    AboutService,
    /// It is about archives: it changes no row, and what it asks for takes long.
    AboutArchives,
}

impl Verb {
    /// What a word means as a verb; `None` for the words of a session (`help`, `quiet` …), and for what is none.
    pub fn of(word: &str) -> Option<Self> {
        VERBS.iter().find(|(name, shortest, _)| begins(word, name, *shortest)).map(|(.., verb)| *verb)
    }

    /// Whether `-r` (`--readonly`) refuses it.
    pub fn writes(self) -> bool {
        matches!(self, Verb::Add | Verb::Archive | Verb::Delete | Verb::Load | Verb::Modify)
    }
}

/// A command line, as far as its first two words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The first word.
    pub verb: Option<Verb>,
    /// The second word, which names what it is done to; empty without one.
    pub entity: &'a str,
    kind: LineKind,
}

impl<'a> Line<'a> {
    /// Reads a command line without the program's name. Options that sacctmgr does not have make it one that only asks,
    /// for then it only complains.
    pub fn read(argv: &'a [String]) -> Self {
        let Ok((_, words)) = options::parse(argv) else {
            return Self { verb: None, entity: "", kind: LineKind::Asks };
        };
        let verb = words.first().and_then(|word| Verb::of(word));
        let kind = match verb {
            Some(Verb::Show | Verb::Dump) => LineKind::Asks,
            Some(Verb::Reconfigure | Verb::Shutdown) => LineKind::AboutService,
            Some(Verb::Archive) => LineKind::AboutArchives,
            _ => LineKind::Changes,
        };
        Self { verb, entity: words.get(1).copied().unwrap_or_default(), kind }
    }

    /// Where it may run.
    pub fn kind(&self) -> LineKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_behind_the_options_is_the_verb() {
        for (line, verb, entity, kind) in [
            ("-nP sho assoc", Some(Verb::Show), "assoc", LineKind::Asks),
            ("list -n user", Some(Verb::Show), "user", LineKind::Asks),
            ("du c", Some(Verb::Dump), "c", LineKind::Asks),
            ("-i m user", Some(Verb::Modify), "user", LineKind::Changes),
            ("-- crea user", Some(Verb::Add), "user", LineKind::Changes),
            ("lo file", Some(Verb::Load), "file", LineKind::Changes),
            ("ar dump", Some(Verb::Archive), "dump", LineKind::AboutArchives),
            ("reco", Some(Verb::Reconfigure), "", LineKind::AboutService),
            ("clear stats", Some(Verb::Clear), "stats", LineKind::Changes),
            ("help", None, "", LineKind::Changes),
            ("sh user", None, "user", LineKind::Changes),
            ("--bogus add user", None, "", LineKind::Asks),
            ("", None, "", LineKind::Changes),
        ] {
            let argv: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let read = Line::read(&argv);
            assert_eq!((read.verb, read.entity, read.kind()), (verb, entity, kind), "{line}");
        }
    }

    #[test]
    fn no_word_means_two_verbs() {
        for (name, shortest, _) in VERBS {
            for typed in (*shortest..=name.len()).map(|length| &name[..length]) {
                let fitting = VERBS.iter().filter(|(name, shortest, _)| begins(typed, name, *shortest));
                assert_eq!(fitting.count(), 1, "{typed}");
            }
        }
    }
}
