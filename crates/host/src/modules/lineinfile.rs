//! `lineinfile`: one line of a text file.

use super::shared::files::EditParameters;
use super::shared::text_file::{IfMissing, TextFile};
use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::{HostPath, Presence};
use crate::system::System;
use fancy_regex::Regex;
use words::text::{lossless, python_re};

/// The module.
pub struct LineInFile;

parameters! {
    /// Makes sure that a line is in a text file, or is not.
    pub struct LineInFileParameters for "lineinfile" {
        /// The file.
        path | "dest" | "destfile" | "name": HostPath,
        /// The line.
        line | "value": Option<String>,
        /// The line that is replaced or removed.
        regexp | "regex": Option<String>,
        /// The same by a part of its text.
        search_string: Option<String>,
        /// Whether it shall be there.
        state: Presence = "present",
        /// Expands \1 in line; without a match nothing changes.
        backrefs: bool = "no",
        /// A new line goes after the last match of this, or EOF.
        insertafter: Option<String>,
        /// A new line goes before the last match of this, or BOF.
        insertbefore: Option<String>,
        /// The first match counts instead of the last.
        firstmatch: bool = "no",
        /// Makes the file if it is missing.
        create: bool = "no",
        ..edit: EditParameters,
    }
    exclusive [insertbefore, insertafter];
    exclusive [regexp, search_string];
}

impl Module for LineInFile {
    type Parameters = LineInFileParameters;

    fn check(&self, given: &LineInFileParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let is_present = given.state == Presence::Present;
        let line = Line::of(given)?;
        let Some(file) = TextFile::find(&given.path, IfMissing::of(is_present, given.create), "Destination", system)?
        else {
            return Ok(Verdict::Satisfied(Outcome::new().with("msg", "file not present").with("found", 0)));
        };
        let mut lines = lines_of(file.content());
        let msg = if is_present {
            line.put_into(&mut lines).map_err(Failure::new)?.to_owned()
        } else {
            line.take_out_of(&mut lines).map_err(Failure::new)?
        };
        file.edited(&given.edit, lossless::to_bytes(&lines.concat()), msg, system)
    }
}

/// The lines with their ends, one letter a byte: as in Ansible, patterns see bytes, and of line ends all but the newline.
fn lines_of(content: &[u8]) -> Vec<String> {
    lossless::from_bytes(content).split_inclusive('\n').map(str::to_owned).collect()
}

/// A line without its end.
fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// What marks the line that is replaced or removed.
enum Mark {
    Regex(Regex),
    Text(String),
    Nothing,
}

/// Where a new line goes.
enum Place {
    End,
    Beginning,
    After(Regex),
    Before(Regex),
}

struct Line {
    /// Without its newline; a carriage return at its end is part of it.
    text: String,
    mark: Mark,
    place: Place,
    backrefs: bool,
    first: bool,
}

impl Line {
    fn of(given: &LineInFileParameters) -> Result<Self, Failure> {
        let is_present = given.state == Presence::Present;
        let mark = match (&given.regexp, &given.search_string) {
            (Some(pattern), _) => Mark::Regex(compile(pattern)?),
            (None, Some(text)) => Mark::Text(lossless::from_bytes(text.as_bytes())),
            (None, None) => Mark::Nothing,
        };
        if is_present && given.line.is_none() {
            return Err(Failure::new("line is required with state=present"));
        }
        if is_present && given.backrefs && !matches!(mark, Mark::Regex(_)) {
            return Err(Failure::new("regexp is required with backrefs=true"));
        }
        if !is_present && given.line.is_none() && matches!(mark, Mark::Nothing) {
            return Err(Failure::new("one of line, search_string, or regexp is required with state=absent"));
        }
        let text = given.line.as_deref().unwrap_or_default().trim_end_matches('\n');
        Ok(Self {
            text: lossless::from_bytes(text.as_bytes()),
            mark,
            place: Place::of(given)?,
            backrefs: given.backrefs,
            first: given.firstmatch,
        })
    }

    fn is_marked(&self, line: &str) -> Result<bool, String> {
        match &self.mark {
            Mark::Regex(regex) => is_match(regex, line),
            Mark::Text(text) => Ok(line.contains(text.as_str())),
            Mark::Nothing => Ok(false),
        }
    }

    /// Puts the line in; what was done.
    fn put_into(&self, lines: &mut Vec<String>) -> Result<&'static str, String> {
        if let Some(at) = self.pick(lines, |line| self.is_marked(line))? {
            let new = self.expanded(&lines[at])?;
            return Ok(replace(&mut lines[at], new));
        }
        let (same, at) = self.look_around(lines)?;
        if let Some(at) = same {
            return Ok(replace(&mut lines[at], with_newline(self.text.clone())));
        }
        if self.backrefs {
            return Ok("");
        }
        let at = at.unwrap_or(lines.len());
        if at == lines.len()
            && let Some(last) = lines.last_mut().filter(|last| !last.ends_with(['\n', '\r']))
        {
            last.push('\n');
        }
        lines.insert(at, with_newline(self.text.clone()));
        Ok("line added")
    }

    /// Where the same line stands already, and where a new one goes; `None` for the end. As in Ansible, the search for
    /// the same line ends at the first place for a new one, if the first match counts.
    fn look_around(&self, lines: &[String]) -> Result<(Option<usize>, Option<usize>), String> {
        let (anchor, step) = match &self.place {
            Place::After(regex) => (Some(regex), 1),
            Place::Before(regex) => (Some(regex), 0),
            Place::Beginning | Place::End => (None, 0),
        };
        let (mut same, mut place) = (None, matches!(self.place, Place::Beginning).then_some(0));
        for (at, line) in lines.iter().enumerate() {
            if bare(line) == bare(&self.text) {
                same = Some(at);
            } else if let Some(regex) = anchor
                && is_match(regex, line)?
            {
                place = Some(at + step);
                if self.first {
                    break;
                }
            }
        }
        let follows = |at: usize| step == 1 && lines.get(at).is_some_and(|next| bare(next) == bare(&self.text));
        Ok((same.or(place.filter(|at| follows(*at))), place))
    }

    /// Takes the lines out; how many there were, in Ansible's words.
    fn take_out_of(&self, lines: &mut Vec<String>) -> Result<String, String> {
        let before = lines.len();
        let mut kept = Vec::with_capacity(before);
        for line in lines.drain(..) {
            let is_gone = match self.mark {
                Mark::Nothing => bare(&line) == self.text,
                _ => self.is_marked(&line)?,
            };
            if !is_gone {
                kept.push(line);
            }
        }
        *lines = kept;
        let removed = before - lines.len();
        Ok(if removed == 0 { String::new() } else { format!("{removed} line(s) removed") })
    }

    /// The last line that fits, or the first.
    fn pick(&self, lines: &[String], fits: impl Fn(&str) -> Result<bool, String>) -> Result<Option<usize>, String> {
        let mut found = None;
        for (at, line) in lines.iter().enumerate() {
            if fits(line)? {
                found = Some(at);
                if self.first {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// What takes the place of a line that was found.
    fn expanded(&self, line: &str) -> Result<String, String> {
        let Mark::Regex(regex) = &self.mark else { return Ok(with_newline(self.text.clone())) };
        if !self.backrefs {
            return Ok(with_newline(self.text.clone()));
        }
        let mut out = String::new();
        if let Some(captures) = regex.captures(line).map_err(|error| error.to_string())? {
            python_re::expand(&self.text, &captures, &mut out)?;
        }
        Ok(with_newline(out))
    }
}

impl Place {
    fn of(given: &LineInFileParameters) -> Result<Self, Failure> {
        Ok(match (given.insertafter.as_deref(), given.insertbefore.as_deref()) {
            (_, Some("BOF")) => Self::Beginning,
            (_, Some(pattern)) => Self::Before(compile(pattern)?),
            (None | Some("EOF"), _) => Self::End,
            (Some("BOF"), _) => Self::Beginning,
            (Some(pattern), _) => Self::After(compile(pattern)?),
        })
    }
}

fn compile(pattern: &str) -> Result<Regex, Failure> {
    python_re::compile_bytes(pattern).map_err(Failure::new)
}

fn is_match(regex: &Regex, line: &str) -> Result<bool, String> {
    regex.is_match(line).map_err(|error| error.to_string())
}

fn with_newline(line: String) -> String {
    if line.ends_with('\n') { line } else { line + "\n" }
}

/// Puts a line in the place of another; what was done.
fn replace(line: &mut String, new: String) -> &'static str {
    if *line == new {
        return "";
    }
    *line = new;
    "line replaced"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;
    use std::path::Path;
    use words::value::Value;

    const TEXT: &str = "a=1\nb=2\n# a=0\nb=3\n";

    /// Runs once and again; the text and the message.
    fn edit(pairs: &[(&str, &str)]) -> (String, String) {
        let mut fake = Fake::with_accounts().file("/etc/f", TEXT);
        let mut given = args(pairs);
        given.insert("path".into(), "/etc/f".into());
        let outcome = changed_then_ok(&LineInFile, &given, &mut fake);
        (fake.text("/etc/f"), outcome.values["msg"].to_string())
    }

    #[test]
    fn lines_are_added() {
        assert_eq!(edit(&[("line", "c=4")]), (format!("{TEXT}c=4\n"), "line added".into()));
        assert_eq!(edit(&[("line", "c"), ("insertbefore", "BOF")]).0, format!("c\n{TEXT}"));
        assert_eq!(edit(&[("line", "c"), ("insertafter", "^b")]).0, format!("{TEXT}c\n"));
        let first = [("line", "c"), ("insertafter", "^b"), ("firstmatch", "yes")];
        assert_eq!(edit(&first).0, "a=1\nb=2\nc\n# a=0\nb=3\n");
        assert_eq!(edit(&[("line", "c"), ("insertbefore", "^# ")]).0, "a=1\nb=2\nc\n# a=0\nb=3\n");
        assert_eq!(edit(&[("line", "c"), ("insertbefore", "none")]).0, format!("{TEXT}c\n"));
    }

    #[test]
    fn lines_are_replaced() {
        let last = edit(&[("line", "b=9"), ("regexp", "^b=")]);
        assert_eq!(last, ("a=1\nb=2\n# a=0\nb=9\n".into(), "line replaced".into()));
        assert_eq!(edit(&[("line", "b=9"), ("search_string", "b=2")]).0, "a=1\nb=9\n# a=0\nb=3\n");
        let back = [("line", "\\1=7"), ("regexp", "^(a)=.*"), ("backrefs", "yes")];
        assert_eq!(edit(&back).0, "a=7\nb=2\n# a=0\nb=3\n");
    }

    #[test]
    fn lines_are_removed() {
        let removed = edit(&[("regexp", "a="), ("state", "absent")]);
        assert_eq!(removed, ("b=2\nb=3\n".into(), "2 line(s) removed".into()));
        assert_eq!(edit(&[("line", "b=2"), ("state", "absent")]).0, "a=1\n# a=0\nb=3\n");
    }

    #[test]
    fn nothing_to_do() {
        let mut fake = Fake::with_accounts().file("/etc/f", "x\ny\n");
        is_ok(&LineInFile, &args(&[("path", "/etc/f"), ("line", "y")]), &mut fake);
        let back = args(&[("path", "/etc/f"), ("line", "z"), ("regexp", "none"), ("backrefs", "yes")]);
        is_ok(&LineInFile, &back, &mut fake);
        is_ok(&LineInFile, &args(&[("path", "/etc/none"), ("line", "y"), ("state", "absent")]), &mut fake);
    }

    /// What a file of these bytes becomes.
    fn edit_bytes(content: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut fake = Fake::with_accounts().file_of_bytes("/etc/f", content);
        let mut given = args(pairs);
        given.insert("path".into(), "/etc/f".into());
        changed_then_ok(&LineInFile, &given, &mut fake);
        fake.read(Path::new("/etc/f")).unwrap().unwrap()
    }

    #[test]
    fn other_lines_keep_their_ends_and_bytes() {
        let two = [("regexp", "^two"), ("line", "TWO")];
        assert_eq!(edit_bytes(b"one\r\ntwo\r\nthree\r\n", &two), b"one\r\nTWO\nthree\r\n");
        assert_eq!(edit_bytes(b"M\xfcnchen\n\x85\n", &[("line", "x")]), b"M\xfcnchen\n\x85\nx\n");
        assert_eq!(edit_bytes(b"a\rb", &[("line", "x")]), b"a\rb\nx\n");
        assert_eq!(edit_bytes(b"x\ny", &[("line", "y")]), b"x\ny\n");
        assert_eq!(edit_bytes(b"a", &[("line", "y"), ("insertafter", "a")]), b"a\ny\n");
        assert_eq!(edit_bytes(b"\xff\nb\r\n", &[("line", "b"), ("state", "absent")]), b"\xff\n");
        let kept = [("regexp", "^M(.)nchen"), ("line", r"L\1beck"), ("backrefs", "yes")];
        assert_eq!(edit_bytes(b"M\xfcnchen\n", &kept), b"L\xfcbeck\n");
        assert_eq!(edit_bytes(b"x=1\r\n", &[("regexp", "^x="), ("line", "x=2\r")]), b"x=2\r\n");
    }

    #[test]
    fn patterns_see_the_carriage_return() {
        let two = [("regexp", "^two$"), ("line", "TWO")];
        assert_eq!(edit_bytes(b"two\r\n", &two), b"two\r\nTWO\n");
    }

    #[test]
    fn a_file_is_made_or_missed() {
        let mut fake = Fake::with_accounts();
        let failure = fails(&LineInFile, &args(&[("path", "/etc/f"), ("line", "x")]), &mut fake);
        assert_eq!(
            (failure.msg.as_str(), &failure.values["rc"]),
            ("Destination /etc/f does not exist !", &Value::Int(257))
        );
        let given = args(&[("path", "/etc/f"), ("line", "x"), ("create", "yes"), ("mode", "0600")]);
        changed_then_ok(&LineInFile, &given, &mut fake);
        assert_eq!(fake.stat(Path::new("/etc/f"), false).unwrap().unwrap().mode, 0o600);
        let mode = args(&[("path", "/etc/f"), ("line", "x"), ("mode", "0644")]);
        let outcome = changed_then_ok(&LineInFile, &mode, &mut fake);
        assert_eq!(outcome.values["msg"], "ownership, perms or SE linux context changed".into());
        let failure = fails(&LineInFile, &args(&[("path", "/etc/f"), ("line", "x"), ("regexp", "(")]), &mut fake);
        assert!(failure.msg.contains("regular expression"));
    }
}
