//! `replace`: all matches of a pattern in a text file.

use super::attributes::with_file_params;
use super::lineinfile::{edited, text_file};
use super::{Args, Failure, Kind, Module, Param, Spec, Verdict};
use crate::system::System;
use crate::text::python_re;
use std::ops::Range;

/// The module.
pub struct Replace;

static SPEC: Spec = Spec {
    name: "replace",
    summary: "Replaces all matches of a pattern in a text file.",
    params: with_file_params![
        Param::new("path", Kind::Path, "The file.").required().aliases(&["dest", "destfile", "name"]),
        Param::new("regexp", Kind::Str, "What is replaced; ^ and $ are at every line.").required(),
        Param::new("replace", Kind::Str, "What takes its place; \\1 is a group. Nothing when not given.").default(""),
        Param::new("after", Kind::Str, "Only what follows the first match of this."),
        Param::new("before", Kind::Str, "Only what precedes the first match of this."),
        Param::new("backup", Kind::Bool, "Keeps the old file beside it.").default("no"),
        Param::new("validate", Kind::Str, "A command with %s that must accept the new file."),
        Param::new("encoding", Kind::Str, "Only utf-8 is known.").choices(&["utf-8"]).default("utf-8"),
    ],
    ..Spec::EMPTY
};

impl Module for Replace {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let Some((path, old)) = text_file(args, "path", true, system)? else {
            return Err(Failure::new(format!("Path {} does not exist !", args.text("path"))).with("rc", 257));
        };
        let part = part(&old, args.str("after"), args.str("before")).map_err(Failure::new)?;
        let Some(part) = part else {
            let msg = "Pattern for before/after params did not match the given file.";
            return edited(args, path, old.clone(), old, msg.into(), system);
        };
        let regex = python_re::compile(args.text("regexp"), false, true).map_err(Failure::new)?;
        let replaced = python_re::replace(&regex, &old[part.clone()], args.text("replace"), 0);
        let (text, count) = replaced.map_err(Failure::new)?;
        let new = format!("{}{text}{}", &old[..part.start], &old[part.end..]);
        let msg = if new == old { String::new() } else { format!("{count} replacements made") };
        edited(args, path, old, new, msg, system)
    }
}

/// The part of the text between `after` and `before`; `None` when they do not match. As in Ansible, a dot in them
/// matches newlines too.
fn part(text: &str, after: Option<&str>, before: Option<&str>) -> Result<Option<Range<usize>>, String> {
    let find = |pattern: &str, from: usize| -> Result<Option<Range<usize>>, String> {
        let regex = python_re::compile(&format!("(?s){pattern}"), false, false)?;
        let found = regex.find(&text[from..]).map_err(|error| error.to_string())?;
        Ok(found.map(|found| from + found.start()..from + found.end()))
    };
    let mut part = 0..text.len();
    if let Some(pattern) = after {
        let Some(found) = find(pattern, 0)? else { return Ok(None) };
        part.start = found.end;
    }
    if let Some(pattern) = before {
        let Some(found) = find(pattern, part.start)? else { return Ok(None) };
        part.end = found.start;
    }
    Ok(Some(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;

    const TEXT: &str = "[a]\nx=1\n[b]\nx=1\n[c]\nx=1\n";

    fn edit(pairs: &[(&str, &str)]) -> (String, String) {
        let mut fake = Fake::with_accounts().file("/etc/f", TEXT);
        let mut given = args(pairs);
        given.insert("path".into(), "/etc/f".into());
        let outcome = changed_then_ok(&Replace, &given, &mut fake);
        (fake.text("/etc/f"), outcome.values["msg"].to_string())
    }

    #[test]
    fn all_matches_are_replaced() {
        let (text, msg) = edit(&[("regexp", "^(x)=1$"), ("replace", "\\1 = 2")]);
        assert_eq!((text, msg), (TEXT.replace("x=1", "x = 2"), "3 replacements made".into()));
        assert_eq!(edit(&[("regexp", "^\\[.\\]\\n")]).0, "x=1\nx=1\nx=1\n");
    }

    #[test]
    fn only_a_part() {
        let between = [("regexp", "x=1"), ("replace", "y"), ("after", "\\[b\\]"), ("before", "\\[c\\]")];
        assert_eq!(edit(&between), ("[a]\nx=1\n[b]\ny\n[c]\nx=1\n".into(), "1 replacements made".into()));
    }

    #[test]
    fn nothing_to_replace() {
        let mut fake = Fake::with_accounts().file("/etc/f", TEXT);
        is_ok(&Replace, &args(&[("path", "/etc/f"), ("regexp", "none"), ("replace", "x")]), &mut fake);
        let unmatched = args(&[("path", "/etc/f"), ("regexp", "x"), ("replace", "y"), ("after", "none")]);
        let msg = &is_ok(&Replace, &unmatched, &mut fake).values["msg"];
        assert_eq!(msg.to_string(), "Pattern for before/after params did not match the given file.");
        let missing = args(&[("path", "/etc/none"), ("regexp", "x")]);
        assert_eq!(fails(&Replace, &missing, &mut fake).values["rc"].as_int(), Some(257));
    }
}
