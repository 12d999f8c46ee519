//! `replace`: all matches of a pattern in a text file.

use super::shared::files::EditParameters;
use super::shared::text_file::{IfMissing, TextFile};
use crate::change::outcome::Failure;
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::System;
use std::ops::Range;
use words::text::encoding::Encoding;
use words::text::{lossless, python_re};

/// The module.
pub struct Replace;

parameters! {
    /// Replaces all matches of a pattern in a text file.
    pub struct ReplaceParameters for "replace" {
        /// The file.
        path | "dest" | "destfile" | "name": HostPath,
        /// What is replaced; ^ and $ are at every line.
        regexp: String,
        /// What takes its place; \1 is a group. Nothing when not given.
        replace: String = "",
        /// Only what follows the first match of this.
        after: Option<String>,
        /// Only what precedes this: its last match, or the first one behind after.
        before: Option<String>,
        /// What the file is written in: utf-8, utf-16, ascii or iso8859-1. Bytes that are no UTF-8
        /// or ASCII stay as they are.
        encoding: String = "utf-8",
        ..edit: EditParameters,
    }
}

impl Module for Replace {
    type Parameters = ReplaceParameters;

    fn check(&self, given: &ReplaceParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let written = Written::of(given)?;
        let Some(file) = TextFile::find(&given.path, IfMissing::Fail, "Path", system)? else {
            return Err(Failure::new(format!("Path {} does not exist !", given.path.as_str())).with("rc", 257));
        };
        let old = written.text_of(file.content())?;
        let word =
            |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(|text| written.word(text));
        let part = match part_pattern(word(&given.after), word(&given.before)) {
            None => Some(0..old.len()),
            Some(pattern) => part(&old, &pattern).map_err(Failure::new)?,
        };
        let Some(part) = part else {
            let pattern = part_pattern(given.after.as_deref(), given.before.as_deref()).unwrap_or_default();
            let msg = format!("Pattern for before/after params did not match the given file: {pattern}");
            let content = file.content().to_vec();
            return file.edited(&given.edit, content, msg, system);
        };
        let regex = python_re::compile(&written.word(&given.regexp), false, true).map_err(Failure::new)?;
        let replaced = python_re::replace(&regex, &old[part.clone()], &written.word(&given.replace), 0);
        let (text, count) = replaced.map_err(Failure::new)?;
        let new = format!("{}{text}{}", &old[..part.start], &old[part.end..]);
        let msg = if new == old { String::new() } else { format!("{count} replacements made") };
        file.edited(&given.edit, written.bytes_of(&new)?, msg, system)
    }
}

/// What the file is written in. UTF-8 and ASCII need not be: bytes that are neither stand for themselves.
struct Written {
    encoding: Encoding,
    name: String,
}

impl Written {
    fn of(given: &ReplaceParameters) -> Result<Self, Failure> {
        let name = given.encoding.clone();
        let encoding = Encoding::named(&name).map_err(|error| {
            Failure::new(error).hint("where only ASCII is searched for, leave it out: other bytes stay as they are")
        })?;
        Ok(Self { encoding, name })
    }

    fn text_of(&self, bytes: &[u8]) -> Result<String, Failure> {
        match self.encoding {
            Encoding::Utf8 => Ok(lossless::from_utf8(bytes)),
            Encoding::Ascii => Ok(lossless::from_bytes(bytes)),
            other => other.decode(bytes).ok_or_else(|| Failure::new(format!("the file is no text in {}", self.name))),
        }
    }

    /// A text of the task as such a text.
    fn word(&self, text: &str) -> String {
        match self.encoding {
            Encoding::Utf8 => lossless::from_utf8(text.as_bytes()),
            Encoding::Ascii => lossless::from_bytes(text.as_bytes()),
            _ => text.to_owned(),
        }
    }

    fn bytes_of(&self, text: &str) -> Result<Vec<u8>, Failure> {
        match self.encoding {
            Encoding::Utf8 | Encoding::Ascii => Ok(lossless::to_bytes(text)),
            other => other
                .encode(text)
                .ok_or_else(|| Failure::new(format!("the new text has letters that {} has not", self.name))),
        }
    }
}

/// The pattern of the part between `after` and `before`; as in Ansible, a dot in them matches newlines too.
fn part_pattern(after: Option<impl AsRef<str>>, before: Option<impl AsRef<str>>) -> Option<String> {
    let (after, before) = (after.as_ref().map(AsRef::as_ref), before.as_ref().map(AsRef::as_ref));
    match (after, before) {
        (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
        (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
        (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
        (None, None) => None,
    }
}

/// Where the part is; `None` when the pattern does not match.
fn part(text: &str, pattern: &str) -> Result<Option<Range<usize>>, String> {
    let regex = python_re::compile(&format!("(?s){pattern}"), false, false)?;
    let found = regex.captures(text).map_err(|error| error.to_string())?;
    Ok(found.and_then(|found| found.name("subsection")).map(|part| part.start()..part.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;
    use std::path::Path;

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
    fn what_precedes_goes_up_to_the_last_match() {
        let before = [("regexp", "x=1"), ("replace", "y"), ("before", "\\[.\\]")];
        assert_eq!(edit(&before).0, "[a]\ny\n[b]\ny\n[c]\nx=1\n");
    }

    #[test]
    fn bytes_and_encodings() {
        let edit_bytes = |content: &[u8], pairs: &[(&str, &str)]| {
            let mut fake = Fake::with_accounts().file_of_bytes("/etc/f", content);
            let mut given = args(pairs);
            given.insert("path".into(), "/etc/f".into());
            changed_then_ok(&Replace, &given, &mut fake);
            fake.read(Path::new("/etc/f")).unwrap().unwrap()
        };
        let old = [("regexp", "old"), ("replace", "new")];
        assert_eq!(edit_bytes(b"M\xfcnchen old\r\n", &old), b"M\xfcnchen new\r\n");
        let latin = [("regexp", "\u{fc}(.)"), ("replace", "\\1\u{e4}"), ("encoding", "iso8859-1")];
        assert_eq!(edit_bytes(b"M\xfcnchen\n", &latin), b"Mn\xe4chen\n");
        assert_eq!(edit_bytes("가나 old\u{f7fc}\n".as_bytes(), &[("regexp", "가.")]), " old\u{f7fc}\n".as_bytes());
    }

    #[test]
    fn encodings_that_do_not_fit() {
        let mut fake = Fake::with_accounts().file("/etc/f", "x");
        let given = |encoding, replace| {
            args(&[("path", "/etc/f"), ("regexp", "x"), ("replace", replace), ("encoding", encoding)])
        };
        assert_eq!(fails(&Replace, &given("klingon", "y"), &mut fake).msg, "unknown encoding: klingon");
        assert!(fails(&Replace, &given("latin-1", "한"), &mut fake).msg.contains("letters that latin-1 has not"));
        assert!(fails(&Replace, &given("utf-16-le", "y"), &mut fake).msg.contains("no text in utf-16-le"));
    }

    #[test]
    fn nothing_to_replace() {
        let mut fake = Fake::with_accounts().file("/etc/f", TEXT);
        is_ok(&Replace, &args(&[("path", "/etc/f"), ("regexp", "none"), ("replace", "x")]), &mut fake);
        let unmatched = args(&[("path", "/etc/f"), ("regexp", "x"), ("replace", "y"), ("after", "none")]);
        let msg = &is_ok(&Replace, &unmatched, &mut fake).values["msg"];
        let expected = "Pattern for before/after params did not match the given file: none(?P<subsection>.*)";
        assert_eq!(msg.to_string(), expected);
        let missing = args(&[("path", "/etc/none"), ("regexp", "x")]);
        assert_eq!(fails(&Replace, &missing, &mut fake).values["rc"].as_int(), Some(257));
    }
}
