//! The options before sacctmgr's verb.

use crate::columns::Parsable;
use words::text::getopt::{Known, Takes};

/// `-i -n -p -P -Q -r -s -v -o`, and what to do instead of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-i`: commit without asking.
    pub immediate: bool,
    /// `-n`: no header.
    pub no_header: bool,
    /// `-p`, `-P`: separated by `|`.
    pub parsable: Parsable,
    /// `-Q`: less talk.
    pub quiet: bool,
    /// `-r`: refuse to change anything.
    pub read_only: bool,
    /// `-s`: list users and accounts with their associations.
    pub with_associations: bool,
    /// `-v`, as often as given.
    pub verbose: u8,
    /// `-V` or `-h` was given: nothing else is done.
    pub instead: Option<Instead>,
}

/// What an option asks for instead of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// `-h`
    Help,
    /// `-V`
    Version,
}

use Takes::Nothing as No;

static KNOWN: Known = Known {
    program: "sacctmgr",
    hint: true,
    options: &[
        ("help", 'h', No),
        ("usage", 'h', No),
        ("immediate", 'i', No),
        ("noheader", 'n', No),
        ("oneliner", 'o', No),
        ("parsable", 'p', No),
        ("parsable2", 'P', No),
        ("quiet", 'Q', No),
        ("readonly", 'r', No),
        ("associations", 's', No),
        ("verbose", 'v', No),
        ("version", 'V', No),
    ],
};

/// Splits options from the words of the command. The error is getopt's text, with the hint that follows it.
pub fn parse(argv: &[String]) -> Result<(Options, Vec<&str>), String> {
    let mut options = Options::default();
    let mut getopt = KNOWN.read(argv);
    for found in getopt.by_ref() {
        options.set(found?.0);
        if options.instead.is_some() {
            break;
        }
    }
    Ok((options, getopt.words()))
}

impl Options {
    fn set(&mut self, letter: char) {
        match letter {
            'i' => self.immediate = true,
            'n' => self.no_header = true,
            'p' => self.parsable = Parsable::Ending,
            'P' => self.parsable = Parsable::NoEnding,
            'Q' => self.quiet = true,
            'r' => self.read_only = true,
            's' => self.with_associations = true,
            'v' => self.verbose = self.verbose.saturating_add(1),
            'h' => self.instead = Some(Instead::Help),
            'V' => self.instead = Some(Instead::Version),
            _ => {} // -o: everything of ours is on one line
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_and_permuted() {
        let argv: Vec<_> = ["-in", "show", "user", "--parsable2", "--", "-x"].map(String::from).into();
        let (options, words) = parse(&argv).unwrap();
        assert!(options.immediate && options.no_header && options.parsable == Parsable::NoEnding);
        assert_eq!(words, ["show", "user", "-x"]);
        assert!(parse(&["-x".into()]).unwrap_err().starts_with("sacctmgr: invalid option -- 'x'\nTry"));
        assert!(parse(&["--ver".into()]).unwrap_err().contains("ambiguous"));
    }
}
