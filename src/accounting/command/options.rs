//! The options before sacctmgr's verb, parsed as getopt(3) does: bundled, anywhere, until `--`.

use super::word::begins;

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

/// How tables are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parsable {
    /// Columns of fixed width.
    #[default]
    No,
    /// `a|b|` (`-p`).
    Ending,
    /// `a|b` (`-P`).
    NoEnding,
}

/// What an option asks for instead of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// `-h`
    Help,
    /// `-V`
    Version,
}

const LONG: &[(&str, char)] = &[
    ("help", 'h'),
    ("usage", 'h'),
    ("immediate", 'i'),
    ("noheader", 'n'),
    ("oneliner", 'o'),
    ("parsable", 'p'),
    ("parsable2", 'P'),
    ("quiet", 'Q'),
    ("readonly", 'r'),
    ("associations", 's'),
    ("verbose", 'v'),
    ("version", 'V'),
];

/// Splits options from the words of the command. The error is getopt's text, with the hint that follows it.
pub fn parse(argv: &[String]) -> Result<(Options, Vec<&str>), String> {
    let mut options = Options::default();
    let mut words = Vec::new();
    let mut args = argv.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg.strip_prefix('-') {
            Some("-") => words.extend(args.by_ref()),
            Some(long) if long.starts_with('-') => options.set(long_option(&long[1..])?),
            Some(letters) if !letters.is_empty() => {
                for letter in letters.chars() {
                    known(letter).map(|letter| options.set(letter))?;
                }
            }
            _ => words.push(arg),
        }
        if options.instead.is_some() {
            break;
        }
    }
    Ok((options, words))
}

fn known(letter: char) -> Result<char, String> {
    match LONG.iter().any(|(_, known)| *known == letter) {
        true => Ok(letter),
        false => Err(refused(&format!("invalid option -- '{letter}'"))),
    }
}

fn long_option(name: &str) -> Result<char, String> {
    let exact = LONG.iter().find(|(long, _)| *long == name);
    let found: Vec<_> = LONG.iter().filter(|(long, _)| begins(name, long, 1)).collect();
    match (exact, found.as_slice()) {
        (Some((_, letter)), _) | (None, [(_, letter)]) => Ok(*letter),
        (None, []) => Err(refused(&format!("unrecognized option '--{name}'"))),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|(long, _)| format!("'--{long}'")).collect();
            Err(refused(&format!("option '--{name}' is ambiguous; possibilities: {}", names.join(" "))))
        }
    }
}

fn refused(what: &str) -> String {
    format!("sacctmgr: {what}\nTry \"sacctmgr --help\" for more information\n")
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
