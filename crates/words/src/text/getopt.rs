//! Options as getopt_long(3) reads them: bundled letters, long names cut short, anywhere among the words, until `--`.

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// `-x VALUE`, `-xVALUE`, `--long VALUE`, `--long=VALUE`.
    Value,
    /// `-x`, `-xVALUE`, `--long` or `--long=VALUE`.
    Maybe,
}

/// One option: its long name (empty when it has none), its letter (when it has none to type, a control character or one
/// for private use), and whether it has a value. Long names of one letter are the same option.
pub type Opt = (&'static str, char, Takes);

/// One option found: its letter and its value, empty when it has none.
pub type Found<'a> = (char, &'a str);

/// A program and the options that it knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The program's name, for complaints.
    pub program: &'static str,
    /// Its options.
    pub options: &'static [Opt],
    /// Whether a complaint ends with a hint to `--help`; sacct's do not.
    pub hint: bool,
}

impl Known {
    /// Goes through a command line (without the program's name).
    pub fn read<'a>(&'static self, args: &'a [String]) -> Getopt<'a> {
        Getopt { known: self, args: args.iter(), bundle: "", words: Vec::new(), stops: false }
    }

    /// Like [`Known::read`], but the first word that is no option ends the options: what follows belongs to it.
    pub fn read_until_word<'a>(&'static self, args: &'a [String]) -> Getopt<'a> {
        Getopt { stops: true, ..self.read(args) }
    }

    /// The long name of the option with this letter; empty where none has it.
    pub fn name(&self, letter: char) -> &'static str {
        self.options.iter().find(|(_, own, _)| *own == letter).map_or("", |(long, ..)| long)
    }

    fn complaint(&self, what: &str) -> String {
        let program = self.program;
        let hint = if self.hint { format!("Try \"{program} --help\" for more information\n") } else { String::new() };
        format!("{program}: {what}\n{hint}")
    }

    /// The option that a long name, whole or cut short, stands for; older scripts have `_` where it has `-`.
    fn named(&self, name: &str, arg: &str) -> Result<&Opt, String> {
        let dashed = |name: &str| name.replace('_', "-");
        let fits = |(long, ..): &&Opt| !long.is_empty() && dashed(long).starts_with(&dashed(name));
        let begun: Vec<_> = self.options.iter().filter(fits).collect();
        let exact = begun.iter().find(|(long, ..)| dashed(long) == dashed(name));
        match (exact, begun.as_slice()) {
            (Some(option), _) => Ok(option),
            (None, []) => Err(self.complaint(&format!("unrecognized option '--{arg}'"))),
            (None, [first, others @ ..]) if others.iter().all(|other| other.1 == first.1) => Ok(first),
            (None, several) => {
                let names: Vec<_> = several.iter().map(|(long, ..)| format!("'--{long}'")).collect();
                let names = names.join(" ");
                Err(self.complaint(&format!("option '--{arg}' is ambiguous; possibilities: {names}")))
            }
        }
    }
}

/// Whether a letter can stand behind `-`.
fn is_typed(letter: char) -> bool {
    !letter.is_control() && !('\u{e000}'..='\u{f8ff}').contains(&letter)
}

/// Gives the options one by one, so that a program may stop at the first `--version`; then [`Getopt::words`].
#[derive(Debug)]
pub struct Getopt<'a> {
    known: &'static Known,
    args: std::slice::Iter<'a, String>,
    bundle: &'a str,
    words: Vec<&'a str>,
    stops: bool,
}

impl<'a> Getopt<'a> {
    /// What was no option, once all options are read.
    pub fn words(self) -> Vec<&'a str> {
        self.words
    }

    fn letter(&mut self) -> Result<Found<'a>, String> {
        let mut rest = self.bundle.chars();
        let letter = rest.next().unwrap_or_default();
        self.bundle = rest.as_str();
        let known = self.known.options.iter().find(|(_, short, _)| *short == letter && is_typed(letter));
        match known {
            None => Err(self.known.complaint(&format!("invalid option -- '{letter}'"))),
            Some((_, _, Takes::Value)) => {
                let bundled = Some(std::mem::take(&mut self.bundle)).filter(|rest| !rest.is_empty());
                let value = bundled.or_else(|| self.args.next().map(String::as_str));
                let missing = || self.known.complaint(&format!("option requires an argument -- '{letter}'"));
                Ok((letter, value.ok_or_else(missing)?))
            }
            Some((_, _, Takes::Maybe)) => Ok((letter, std::mem::take(&mut self.bundle))),
            Some((_, _, Takes::Nothing)) => Ok((letter, "")),
        }
    }

    fn long(&mut self, arg: &'a str) -> Result<Found<'a>, String> {
        let (name, value) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        let (long, letter, takes) = *self.known.named(name, arg)?;
        let complain = |what: &str| Err(self.known.complaint(&format!("option '--{long}' {what}")));
        match (takes, value) {
            (Takes::Nothing, Some(_)) => complain("doesn't allow an argument"),
            (Takes::Value, None) => match self.args.next() {
                Some(value) => Ok((letter, value)),
                None => complain("requires an argument"),
            },
            (_, value) => Ok((letter, value.unwrap_or_default())),
        }
    }
}

impl<'a> Iterator for Getopt<'a> {
    type Item = Result<Found<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.bundle.is_empty() {
            match self.args.next()?.as_str() {
                "--" => self.words.extend(self.args.by_ref().map(String::as_str)),
                word if self.stops && (word == "-" || !word.starts_with('-')) => {
                    self.words.push(word);
                    self.words.extend(self.args.by_ref().map(String::as_str));
                }
                "-" => self.words.push("-"),
                arg => match (arg.strip_prefix("--"), arg.strip_prefix('-')) {
                    (Some(long), _) => return Some(self.long(long)),
                    (None, Some(letters)) => self.bundle = letters,
                    (None, None) => self.words.push(arg),
                },
            }
        }
        Some(self.letter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KNOWN: Known = Known {
        program: "p",
        hint: false,
        options: &[
            ("all", 'a', Takes::Nothing),
            ("jobs", 'j', Takes::Value),
            ("state", 's', Takes::Value),
            ("starttime", 'S', Takes::Value),
            ("cluster", 'M', Takes::Value),
            ("clusters", 'M', Takes::Value),
            ("whole", '\u{1}', Takes::Maybe),
            ("", 't', Takes::Nothing),
            ("kill", 'k', Takes::Maybe),
            ("per-node", 'n', Takes::Value),
        ],
    };

    fn read(line: &str) -> Result<(Vec<String>, String), String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut getopt = KNOWN.read(&args);
        let found = getopt.by_ref().collect::<Result<Vec<_>, _>>()?;
        let found = found.iter().map(|(letter, value)| format!("{}={value}", letter.escape_debug())).collect();
        Ok((found, getopt.words().join(" ")))
    }

    #[test]
    fn letters_names_and_words() {
        let (found, words) = read("x -atj5 --jobs=6 -j 7 --whole --whole=no --clu c - -- -a").unwrap();
        assert_eq!(found, ["a=", "t=", "j=5", "j=6", "j=7", "\\u{1}=", "\\u{1}=no", "M=c"]);
        assert_eq!(words, "x - -a");
        assert_eq!(read("--per_node=2").unwrap().0, ["n=2"]);
    }

    #[test]
    fn a_value_that_may_be_is_behind_its_letter_alone() {
        let (found, words) = read("-k -akoff x --kill=no").unwrap();
        assert_eq!((found.join(" ").as_str(), words.as_str()), ("k= a= k=off k=no", "x"));
    }

    #[test]
    fn a_word_may_end_the_options() {
        let args = ["-a", "script", "-t", "--", "x"].map(str::to_owned);
        let mut getopt = KNOWN.read_until_word(&args);
        assert_eq!(getopt.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), [('a', "")]);
        assert_eq!(getopt.words(), ["script", "-t", "--", "x"]);
    }

    #[test]
    fn complaints_are_getopts() {
        for (line, complaint) in [
            ("-x", "invalid option -- 'x'"),
            ("-\u{1}", "invalid option -- '\u{1}'"),
            ("-aé", "invalid option -- 'é'"),
            ("-j", "option requires an argument -- 'j'"),
            ("--jobs", "option '--jobs' requires an argument"),
            ("--all=1", "option '--all' doesn't allow an argument"),
            ("--no=1", "unrecognized option '--no=1'"),
            ("--ALL", "unrecognized option '--ALL'"),
            ("--st=x", "option '--st=x' is ambiguous; possibilities: '--state' '--starttime'"),
        ] {
            assert_eq!(read(line).unwrap_err(), format!("p: {complaint}\n"));
        }
        assert!(read("--=x").unwrap_err().contains("'--=x' is ambiguous"), "an option without a name has none to cut");
        let hinting = Known { hint: true, ..KNOWN };
        assert_eq!(hinting.complaint("no"), "p: no\nTry \"p --help\" for more information\n");
    }
}
