//! The lines of a dump file: `Object - 'name':Option=value:…`, comments, continuations.

/// One line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of its (last) line in the file, from 1.
    pub number: usize,
    /// As it stands there, for messages.
    pub raw: String,
    /// What stands before the dash: `Cluster`, `Parent`, `Account`, `User`.
    pub object: String,
    /// What is separated by `:` after the dash, quotes kept: first the name, then options. `None` when nothing follows;
    /// `Some(Err(_))` with the part whose quote does not end.
    pub parts: Option<Result<Vec<String>, String>>,
}

/// The longest part of a line that a message shows, in characters.
const SHOWN: usize = 200;

impl Line {
    /// The line for a message: its beginning, when it is long.
    pub fn shown(&self) -> String {
        let mut shown: String = self.raw.chars().take(SHOWN).collect();
        if shown.len() < self.raw.len() {
            shown.push_str(" …");
        }
        shown
    }
}

/// Reads a file. Lines without a dash say nothing.
pub fn read(text: &str) -> impl Iterator<Item = Line> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let mut raw = String::new();
        loop {
            let (index, line) = lines.next()?;
            let (line, goes_on) = plain(line);
            raw.push_str(&line);
            if goes_on {
                continue;
            }
            if let Some(line) = take_apart(index + 1, &raw) {
                return Some(line);
            }
            raw.clear();
        }
    })
}

/// The line without its comment and escapes, and whether the next one belongs to it. Between quotes `#` and `\` are
/// letters: `dump` writes descriptions that have them, and Slurm's own `load` then tears them.
fn plain(line: &str) -> (String, bool) {
    let mut out = String::new();
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('#', None) => break,
            ('\\', None) => match letters.next() {
                Some(next) if !(next.is_whitespace() && letters.as_str().trim().is_empty()) => out.push(next),
                _ => return (out, true),
            },
            ('\'' | '"', None) => {
                quote = Some(letter);
                out.push(letter);
            }
            _ => {
                quote = quote.filter(|open| *open != letter);
                out.push(letter);
            }
        }
    }
    (out, false)
}

fn take_apart(number: usize, raw: &str) -> Option<Line> {
    let (object, rest) = raw.split_once('-')?;
    let object = object.trim().to_owned();
    if object.is_empty() {
        return None;
    }
    let parts = rest.split_once(' ').map(|(_, rest)| rest.trim()).filter(|rest| !rest.is_empty()).map(parts);
    Some(Line { number, raw: raw.to_owned(), object, parts })
}

fn parts(text: &str) -> Result<Vec<String>, String> {
    let mut quote = None;
    let split = text.split(|c: char| {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
        c == ':' && quote.is_none()
    });
    let parts: Vec<_> = split.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    match quote {
        None => Ok(parts),
        Some(_) => Err(parts.last().cloned().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> (usize, String, Option<Result<Vec<String>, String>>) {
        let line = read(text).next().unwrap();
        (line.number, line.object, line.parts)
    }

    #[test]
    fn lines_names_and_options() {
        let text = "# comment\n\nAccount - 'a b':Description='it: #1 \\o/':MaxJobs=3 # more\nnothing here\nUser -\n";
        let lines: Vec<_> = read(text).collect();
        assert_eq!(lines.len(), 2);
        let options = ["'a b'", "Description='it: #1 \\o/'", "MaxJobs=3"].map(str::to_owned);
        assert_eq!((lines[0].number, lines[0].object.as_str()), (3, "Account"));
        assert_eq!(lines[0].parts, Some(Ok(options.to_vec())));
        assert_eq!((lines[1].number, &lines[1].parts), (5, &None));
    }

    #[test]
    fn continued_and_broken_lines() {
        let name = |text: &str| vec![text.to_owned()];
        assert_eq!(read_one("User - a\\\nb\n"), (2, "User".into(), Some(Ok(name("ab")))));
        assert_eq!(read_one("User - a\\#b\n"), (1, "User".into(), Some(Ok(name("a#b")))));
        assert_eq!(read_one("User - 'a:b\n"), (1, "User".into(), Some(Err("'a:b".into()))));
        assert_eq!(read("\\").count() + read("- x").count() + read("\u{1}\u{0}").count(), 0);
    }
}
