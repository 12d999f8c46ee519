//! `lineinfile`: one line of a text file.

use super::attributes::with_file_params;
use super::files::{Edit, followed, path, wanted, warn_about_mode};
use super::{Args, Failure, Kind, Module, Param, Spec, Verdict};
use crate::system::resolve::Links;
use crate::system::{FileKind, System};
use crate::text::python_re;
use fancy_regex::Regex;
use std::path::PathBuf;

/// The module.
pub struct LineInFile;

static SPEC: Spec = Spec {
    name: "lineinfile",
    summary: "Makes sure that a line is in a text file, or is not.",
    params: with_file_params![
        Param::new("path", Kind::Path, "The file.").required().aliases(&["dest", "destfile", "name"]),
        Param::new("line", Kind::Str, "The line.").aliases(&["value"]),
        Param::new("regexp", Kind::Str, "The line that is replaced or removed.").aliases(&["regex"]),
        Param::new("search_string", Kind::Str, "The same by a part of its text."),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("backrefs", Kind::Bool, "Expands \\1 in line; without a match nothing changes.").default("no"),
        Param::new("insertafter", Kind::Str, "A new line goes after the last match of this, or EOF."),
        Param::new("insertbefore", Kind::Str, "A new line goes before the last match of this, or BOF."),
        Param::new("firstmatch", Kind::Bool, "The first match counts instead of the last.").default("no"),
        Param::new("create", Kind::Bool, "Makes the file if it is missing.").default("no"),
        Param::new("backup", Kind::Bool, "Keeps the old file beside it.").default("no"),
        Param::new("validate", Kind::Str, "A command with %s that must accept the new file."),
    ],
    exclusive: &[&["insertbefore", "insertafter"], &["regexp", "search_string"]],
    ..Spec::EMPTY
};

impl Module for LineInFile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let is_present = args.text("state") == "present";
        let line = Line::from_args(args, is_present)?;
        let Some((path, old)) = text_file(args, "path", is_present, system)? else {
            return Ok(Verdict::Satisfied(super::Outcome::new().with("msg", "file not present").with("found", 0)));
        };
        let (new, msg) = match is_present {
            true => line.present(&old).map_err(Failure::new)?,
            false => line.absent(&old).map_err(Failure::new)?,
        };
        edited(args, path, old, new, msg, system)
    }
}

/// The file and its text. Missing: empty if it may be made, `None` if nothing is to be in it, else an error.
pub(super) fn text_file(
    args: &Args,
    name: &str,
    is_present: bool,
    system: &dyn System,
) -> Result<Option<(PathBuf, String)>, Failure> {
    let path = followed(path(args, name, system)?, Some(Links::Judged), system)?;
    let shown = path.display();
    match system.stat(&path, true)? {
        Some(stat) if stat.kind == FileKind::Directory => {
            return Err(Failure::new(format!("Path {shown} is a directory !")).with("rc", 256));
        }
        Some(_) => {}
        None if !is_present => return Ok(None),
        None if args.flag("create") => return Ok(Some((path, String::new()))),
        None => {
            return Err(Failure::new(format!("Destination {shown} does not exist !"))
                .hint("set create: true, or make the file in an earlier task")
                .with("rc", 257));
        }
    }
    let content = system.read(&path)?.unwrap_or_default();
    let text = String::from_utf8(content).map_err(|_| Failure::new(format!("{shown} is not UTF-8 text")))?;
    Ok(Some((path, text)))
}

/// The verdict about a text file's new content, with `msg` as these modules report it.
pub(super) fn edited(
    args: &Args,
    path: PathBuf,
    old: String,
    new: String,
    msg: String,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let is_new = new != old || (system.stat(&path, true)?.is_none() && args.flag("create"));
    let edit = Edit::new(args, path, is_new.then(|| new.into_bytes()), wanted(args, system)?);
    let verdict = edit.verdict(system, |_, outcome| Ok(outcome))?;
    let msg = match verdict {
        Verdict::Would(_) if !is_new => "ownership, perms or SE linux context changed".to_owned(),
        _ => msg,
    };
    Ok(warn_about_mode(args, verdict.map(|outcome| outcome.with("msg", msg))))
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
    text: String,
    mark: Mark,
    place: Place,
    backrefs: bool,
    first: bool,
}

impl Line {
    fn from_args(args: &Args, is_present: bool) -> Result<Self, Failure> {
        let compile = |pattern: &str| python_re::compile(pattern, false, false).map_err(Failure::new);
        let mark = match (args.str("regexp"), args.str("search_string")) {
            (Some(pattern), _) => Mark::Regex(compile(pattern)?),
            (None, Some(text)) => Mark::Text(text.to_owned()),
            (None, None) => Mark::Nothing,
        };
        if is_present && args.get("line").is_none() {
            return Err(Failure::new("line is required with state=present"));
        }
        if is_present && args.flag("backrefs") && !matches!(mark, Mark::Regex(_)) {
            return Err(Failure::new("regexp is required with backrefs=true"));
        }
        if !is_present && args.get("line").is_none() && matches!(mark, Mark::Nothing) {
            return Err(Failure::new("one of line, search_string, or regexp is required with state=absent"));
        }
        let place = match (args.str("insertafter"), args.str("insertbefore")) {
            (_, Some("BOF")) => Place::Beginning,
            (_, Some(pattern)) => Place::Before(compile(pattern)?),
            (None | Some("EOF"), _) => Place::End,
            (Some("BOF"), _) => Place::Beginning,
            (Some(pattern), _) => Place::After(compile(pattern)?),
        };
        let text = args.str("line").unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned();
        Ok(Self { text, mark, place, backrefs: args.flag("backrefs"), first: args.flag("firstmatch") })
    }

    fn is_marked(&self, line: &str) -> Result<bool, String> {
        match &self.mark {
            Mark::Regex(regex) => regex.is_match(line).map_err(|error| error.to_string()),
            Mark::Text(text) => Ok(line.contains(text.as_str())),
            Mark::Nothing => Ok(false),
        }
    }

    /// The text with the line in it, and what was done.
    fn present(&self, old: &str) -> Result<(String, String), String> {
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        if let Some(at) = self.pick(&lines, |line| self.is_marked(line))? {
            let new = self.expanded(&lines[at])?;
            if lines[at] == new {
                return Ok((old.to_owned(), String::new()));
            }
            lines[at] = new;
            return Ok((joined(&lines, old.ends_with('\n')), "line replaced".into()));
        }
        if self.backrefs || lines.contains(&self.text) {
            return Ok((old.to_owned(), String::new()));
        }
        let at = match &self.place {
            Place::Beginning => Some(0),
            Place::End => None,
            Place::After(regex) => self.pick(&lines, matching(regex))?.map(|at| at + 1),
            Place::Before(regex) => self.pick(&lines, matching(regex))?,
        };
        let at = at.unwrap_or(lines.len());
        let is_last = at == lines.len();
        lines.insert(at, self.text.clone());
        Ok((joined(&lines, is_last || old.ends_with('\n')), "line added".into()))
    }

    /// The text without the lines, and how many there were.
    fn absent(&self, old: &str) -> Result<(String, String), String> {
        let mut kept = String::new();
        let mut removed = 0;
        for line in old.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\r', '\n']);
            let is_gone = match self.mark {
                Mark::Nothing => bare == self.text,
                _ => self.is_marked(bare)?,
            };
            match is_gone {
                true => removed += 1,
                false => kept.push_str(line),
            }
        }
        let msg = if removed == 0 { String::new() } else { format!("{removed} line(s) removed") };
        Ok((kept, msg))
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

    fn expanded(&self, line: &str) -> Result<String, String> {
        let Mark::Regex(regex) = &self.mark else { return Ok(self.text.clone()) };
        if !self.backrefs {
            return Ok(self.text.clone());
        }
        let mut out = String::new();
        if let Some(captures) = regex.captures(line).map_err(|error| error.to_string())? {
            python_re::expand(&self.text, &captures, &mut out)?;
        }
        Ok(out)
    }
}

fn matching(regex: &Regex) -> impl Fn(&str) -> Result<bool, String> {
    |line| regex.is_match(line).map_err(|error| error.to_string())
}

fn joined(lines: &[String], ends_with_newline: bool) -> String {
    lines.join("\n") + if ends_with_newline { "\n" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;
    use crate::value::Value;
    use std::path::Path;

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
        let mut fake = Fake::with_accounts().file("/etc/f", "x\ny");
        is_ok(&LineInFile, &args(&[("path", "/etc/f"), ("line", "y")]), &mut fake);
        let back = args(&[("path", "/etc/f"), ("line", "z"), ("regexp", "none"), ("backrefs", "yes")]);
        is_ok(&LineInFile, &back, &mut fake);
        is_ok(&LineInFile, &args(&[("path", "/etc/none"), ("line", "y"), ("state", "absent")]), &mut fake);
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
