//! Options as getopt_long(3) reads them: bundled letters, long names cut short, anywhere among the words, until `--`.

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// `-x VALUE`, `-xVALUE`, `--long VALUE`, `--long=VALUE`.
    Value,
    /// `--long` or `--long=VALUE`.
    Maybe,
}

/// One option: its long name, its letter (a control letter when it has none to type), and whether it has a value.
pub type Opt = (&'static str, char, Takes);

/// One option found: its letter and its value, empty when it has none.
pub type Found = (char, String);

/// Goes through the arguments of a program.
#[derive(Debug)]
pub struct Getopt<'a> {
    program: &'static str,
    options: &'static [Opt],
    args: std::slice::Iter<'a, String>,
    bundle: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Getopt<'a> {
    /// Of a program with these options.
    pub fn new(program: &'static str, options: &'static [Opt], args: &'a [String]) -> Self {
        Self { program, options, args: args.iter(), bundle: "", words: Vec::new() }
    }

    /// What was no option, once all options are read.
    pub fn words(&self) -> &[&'a str] {
        &self.words
    }

    fn letter(&mut self) -> Result<Found, String> {
        let mut rest = self.bundle.chars();
        let letter = rest.next().unwrap_or_default();
        self.bundle = rest.as_str();
        let known = self.options.iter().find(|(_, short, _)| *short == letter && !letter.is_control());
        match known {
            None => Err(format!("{}: invalid option -- '{letter}'\n", self.program)),
            Some((_, _, Takes::Value)) => {
                let bundled = std::mem::take(&mut self.bundle);
                let value = if bundled.is_empty() { self.args.next().map(String::as_str) } else { Some(bundled) };
                let value = value.ok_or(format!("{}: option requires an argument -- '{letter}'\n", self.program))?;
                Ok((letter, value.to_owned()))
            }
            Some(_) => Ok((letter, String::new())),
        }
    }

    fn long(&mut self, arg: &'a str) -> Result<Found, String> {
        let (name, value) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        let (long, letter, takes) = *self.named(name, arg)?;
        let complain = |what: &str| Err(format!("{}: option '--{long}' {what}\n", self.program));
        match (takes, value) {
            (Takes::Nothing, Some(_)) => complain("doesn't allow an argument"),
            (Takes::Value, None) => match self.args.next() {
                Some(value) => Ok((letter, value.clone())),
                None => complain("requires an argument"),
            },
            (_, value) => Ok((letter, value.unwrap_or_default().to_owned())),
        }
    }

    fn named(&self, name: &str, arg: &str) -> Result<&'static Opt, String> {
        if let Some(exact) = self.options.iter().find(|(long, ..)| *long == name) {
            return Ok(exact);
        }
        let begun: Vec<_> = self.options.iter().filter(|(long, ..)| long.starts_with(name)).collect();
        match begun.as_slice() {
            [] => Err(format!("{}: unrecognized option '--{arg}'\n", self.program)),
            [first, others @ ..] if others.iter().all(|other| other.1 == first.1) => Ok(first),
            several => {
                let names: Vec<_> = several.iter().map(|(long, ..)| format!("'--{long}'")).collect();
                let names = names.join(" ");
                Err(format!("{}: option '--{arg}' is ambiguous; possibilities: {names}\n", self.program))
            }
        }
    }
}

impl Iterator for Getopt<'_> {
    type Item = Result<Found, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.bundle.is_empty() {
            match self.args.next()?.as_str() {
                "--" => self.words.extend(self.args.by_ref().map(String::as_str)),
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

    const OPTIONS: &[Opt] = &[
        ("all", 'a', Takes::Nothing),
        ("jobs", 'j', Takes::Value),
        ("state", 's', Takes::Value),
        ("starttime", 'S', Takes::Value),
        ("cluster", 'M', Takes::Value),
        ("clusters", 'M', Takes::Value),
        ("whole", '\u{1}', Takes::Maybe),
    ];

    fn read(line: &str) -> Result<(Vec<Found>, Vec<String>), String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut getopt = Getopt::new("p", OPTIONS, &args);
        let found = getopt.by_ref().collect::<Result<_, _>>()?;
        Ok((found, getopt.words().iter().map(|word| word.to_string()).collect()))
    }

    #[test]
    fn letters_names_and_words() {
        let (found, words) = read("x -aj5 --jobs=6 -j 7 --whole --whole=no --clu c - -- -a").unwrap();
        let found: Vec<_> = found.iter().map(|(letter, value)| format!("{}={value}", letter.escape_debug())).collect();
        assert_eq!(found, ["a=", "j=5", "j=6", "j=7", "\\u{1}=", "\\u{1}=no", "M=c"]);
        assert_eq!(words, ["x", "-", "-a"]);
    }

    #[test]
    fn complaints_are_getopts() {
        for (line, complaint) in [
            ("-x", "invalid option -- 'x'"),
            ("-j", "option requires an argument -- 'j'"),
            ("--jobs", "option '--jobs' requires an argument"),
            ("--all=1", "option '--all' doesn't allow an argument"),
            ("--no", "unrecognized option '--no'"),
            ("--st=x", "option '--st=x' is ambiguous; possibilities: '--state' '--starttime'"),
        ] {
            assert_eq!(read(line).unwrap_err(), format!("p: {complaint}\n"));
        }
    }
}
