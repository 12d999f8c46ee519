//! Options as getopt_long(3) reads them: bundled, anywhere, long ones abbreviated, until `--`; complaints in its words.

use super::command::word::begins;

/// The options a program knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The program, for complaints.
    pub program: &'static str,
    /// One letter options; a colon after one that has a value.
    pub short: &'static str,
    /// Long ones, and the letter that they stand for.
    pub long: &'static [Long],
}

/// A long option.
#[derive(Clone, Copy, Debug)]
pub struct Long {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// Whether a value follows.
    pub has_value: bool,
    /// The letter it stands for.
    pub letter: char,
}

/// A long option without a value.
pub const fn flag(name: &'static str, letter: char) -> Long {
    Long { name, has_value: false, letter }
}

/// A long option with a value.
pub const fn valued(name: &'static str, letter: char) -> Long {
    Long { name, has_value: true, letter }
}

/// The options given (letter and value) in order, and the other words.
pub type Parsed<'a> = (Vec<(char, &'a str)>, Vec<&'a str>);

impl Known {
    /// Splits a command line. The error is getopt's text and the hint that Slurm's programs add.
    pub fn parse<'a>(&self, argv: &'a [String]) -> Result<Parsed<'a>, String> {
        let (mut given, mut words) = (Vec::new(), Vec::new());
        let mut args = argv.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg.strip_prefix('-') {
                Some("-") => words.extend(args.by_ref()),
                Some(long) if long.starts_with('-') => given.push(self.long(&long[1..], &mut args)?),
                Some(letters) if !letters.is_empty() => self.short(letters, &mut args, &mut given)?,
                _ => words.push(arg),
            }
        }
        Ok((given, words))
    }

    fn short<'a>(
        &self,
        letters: &'a str,
        args: &mut dyn Iterator<Item = &'a str>,
        given: &mut Vec<(char, &'a str)>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let after =
                self.short.find(letter).filter(|_| letter != ':').map(|at| &self.short[at + letter.len_utf8()..]);
            match after {
                None => return Err(self.refused(&format!("invalid option -- '{letter}'"))),
                Some(after) if !after.starts_with(':') => given.push((letter, "")),
                Some(_) => {
                    let rest = &letters[at + letter.len_utf8()..];
                    let value = Some(rest).filter(|rest| !rest.is_empty()).or_else(|| args.next());
                    let missing = || self.refused(&format!("option requires an argument -- '{letter}'"));
                    given.push((letter, value.ok_or_else(missing)?));
                    break;
                }
            }
        }
        Ok(())
    }

    fn long<'a>(&self, text: &'a str, args: &mut dyn Iterator<Item = &'a str>) -> Result<(char, &'a str), String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let option = self.named(name)?;
        match (option.has_value, value.or_else(|| if option.has_value { args.next() } else { None })) {
            (true, Some(value)) => Ok((option.letter, value)),
            (false, None) => Ok((option.letter, "")),
            (true, None) => Err(self.refused(&format!("option '--{}' requires an argument", option.name))),
            (false, Some(_)) => Err(self.refused(&format!("option '--{}' doesn't allow an argument", option.name))),
        }
    }

    fn named(&self, name: &str) -> Result<&Long, String> {
        let fits = |long: &&Long| !name.is_empty() && long.name.starts_with(name) && begins(name, long.name, 1);
        let found: Vec<_> = self.long.iter().filter(fits).collect();
        let exact = found.iter().find(|long| long.name == name);
        let alike = |first: &&Long| found.iter().all(|long| long.letter == first.letter);
        match exact.or_else(|| found.first().filter(|first| alike(first))) {
            Some(long) => Ok(long),
            None if found.is_empty() => Err(self.refused(&format!("unrecognized option '--{name}'"))),
            None => {
                let names: Vec<_> = found.iter().map(|long| format!("'--{}'", long.name)).collect();
                Err(self.refused(&format!("option '--{name}' is ambiguous; possibilities: {}", names.join(" "))))
            }
        }
    }

    fn refused(&self, what: &str) -> String {
        format!("{0}: {what}\nTry \"{0} --help\" for more information\n", self.program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known {
        program: "prog",
        short: "aT:n",
        long: &[
            flag("all", 'a'),
            flag("also", 'n'),
            valued("tres", 'T'),
            valued("cluster", 'M'),
            valued("clusters", 'M'),
        ],
    };

    fn parse(line: &str) -> Result<(String, String), String> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (given, words) = KNOWN.parse(&argv)?;
        let given: Vec<_> = given.iter().map(|(letter, value)| format!("{letter}{value}")).collect();
        Ok((given.join(" "), words.join(" ")))
    }

    #[test]
    fn all_forms() {
        let expected = ("a Tcpu n Tmem M1".to_owned(), "x -y".to_owned());
        assert_eq!(parse("-aTcpu x -n --tr=mem --clus 1 -- -y"), Ok(expected));
        assert!(parse("-x").unwrap_err().starts_with("prog: invalid option -- 'x'\nTry \"prog --help\""));
        assert!(parse("-:").unwrap_err().contains("invalid option -- ':'"));
        assert!(parse("-T").unwrap_err().contains("requires an argument -- 'T'"));
        assert!(parse("--al").unwrap_err().contains("ambiguous; possibilities: '--all' '--also'"));
        assert!(parse("--all=1").unwrap_err().contains("'--all' doesn't allow an argument"));
        assert!(parse("--tres").unwrap_err().contains("'--tres' requires an argument"));
        assert!(parse("--é").unwrap_err().contains("unrecognized option '--é'"));
    }
}
