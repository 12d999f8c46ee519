//! `blockinfile`: a block of lines between two marker lines of a text file.

use super::shared::files::EditParameters;
use super::shared::text_file::{IfMissing, TextFile};
use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::{HostPath, Presence};
use crate::system::System;
use words::text::{lossless, python_re};

/// The module.
pub struct BlockInFile;

parameters! {
    /// Makes sure that a marked block is in a text file, or is not.
    pub struct BlockInFileParameters for "blockinfile" {
        /// The file.
        path | "dest" | "destfile" | "name": HostPath,
        /// The lines; empty removes the block.
        block | "content": Option<String>,
        /// Whether it shall be there.
        state: Presence = "present",
        /// The marker lines; {mark} becomes marker_begin and marker_end.
        marker: String = "# {mark} ANSIBLE MANAGED BLOCK",
        /// See marker.
        marker_begin: String = "BEGIN",
        /// See marker.
        marker_end: String = "END",
        /// A new block goes after the last match of this, or EOF.
        insertafter: Option<String>,
        /// A new block goes before the last match of this, or BOF.
        insertbefore: Option<String>,
        /// An empty line follows the block.
        append_newline: bool = "no",
        /// An empty line precedes the block.
        prepend_newline: bool = "no",
        /// Makes the file if it is missing.
        create: bool = "no",
        ..edit: EditParameters,
    }
    exclusive [insertbefore, insertafter];
}

impl Module for BlockInFile {
    type Parameters = BlockInFileParameters;

    fn check(&self, given: &BlockInFileParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let block = Block::of(given);
        let Some(file) = TextFile::find(&given.path, IfMissing::of(block.is_present(), given.create), "Path", system)?
        else {
            let msg = format!("File {} not present", given.path.as_str());
            return Ok(Verdict::Satisfied(Outcome::new().with("msg", msg)));
        };
        let old = lossless::from_bytes(file.content());
        let new = block.apply(&old, given).map_err(Failure::new)?;
        let msg = match (new == old, block.is_present()) {
            _ if file.is_missing() => "File created",
            (true, _) => "",
            (false, true) => "Block inserted",
            (false, false) => "Block removed",
        };
        file.edited(&given.edit, lossless::to_bytes(&new), msg.into(), system)
    }
}

/// The lines with their ends; as in Ansible, a carriage return ends one, too.
fn lines_of(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let length = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        let (line, after) = rest.split_at(at + length);
        lines.push(line.to_owned());
        rest = after;
    }
    lines.extend((!rest.is_empty()).then(|| rest.to_owned()));
    lines
}

struct Block {
    /// The marker lines and what is between, with their ends; empty when the block shall be gone.
    lines: Vec<String>,
    begin: String,
    end: String,
}

impl Block {
    fn of(given: &BlockInFileParameters) -> Self {
        let marker = |mark: &str| {
            let line = given.marker.replace("{mark}", mark) + "\n";
            lossless::from_bytes(line.as_bytes())
        };
        let (begin, end) = (marker(&given.marker_begin), marker(&given.marker_end));
        let mut text = lossless::from_bytes(given.block.as_deref().unwrap_or_default().as_bytes());
        let mut lines = Vec::new();
        if given.state == Presence::Present && !text.is_empty() {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            lines.push(begin.clone());
            lines.extend(lines_of(&text));
            lines.push(end.clone());
        }
        Self { lines, begin, end }
    }

    fn is_present(&self) -> bool {
        !self.lines.is_empty()
    }

    fn apply(&self, old: &str, given: &BlockInFileParameters) -> Result<String, String> {
        let mut lines = lines_of(old);
        let mut at = match self.cut(&mut lines) {
            Some(at) => at,
            None if !self.is_present() => return Ok(old.to_owned()),
            None => place(old, &lines, given)?,
        };
        if let Some(before) = lines[..at].last_mut().filter(|before| !before.ends_with('\n')) {
            before.push('\n');
        }
        if self.is_present() {
            if given.prepend_newline && at > 0 && lines[at - 1] != "\n" {
                lines.insert(at, "\n".into());
                at += 1;
            }
            lines.splice(at..at, self.lines.iter().cloned());
            at += self.lines.len();
            if given.append_newline && lines.get(at).is_some_and(|next| next != "\n") {
                lines.insert(at, "\n".into());
            }
        }
        Ok(lines.concat())
    }

    /// Takes the block that is there out; where it was. The markers of the last block count, as in Ansible.
    fn cut(&self, lines: &mut Vec<String>) -> Option<usize> {
        let begin = lines.iter().rposition(|line| *line == self.begin);
        let end = lines.iter().rposition(|line| *line == self.end);
        match (begin?, end) {
            (begin, Some(end)) if begin < end => {
                lines.drain(begin..=end);
                Some(begin)
            }
            // Half a block: what is between begin and the end of the file is not ours.
            _ => None,
        }
    }
}

/// Where a new block goes.
fn place(text: &str, lines: &[String], given: &BlockInFileParameters) -> Result<usize, String> {
    match (given.insertafter.as_deref(), given.insertbefore.as_deref()) {
        (_, Some("BOF")) | (Some("BOF"), _) => Ok(0),
        (_, Some(pattern)) => last_match(pattern, text, lines, 0),
        (None | Some("EOF"), _) => Ok(lines.len()),
        (Some(pattern), _) => last_match(pattern, text, lines, 1),
    }
}

/// The last line that the pattern matches, and so many lines further; the end when there is none. A pattern over
/// several lines, which says so by `(?m)`, counts where it first matches the whole text.
fn last_match(pattern: &str, text: &str, lines: &[String], add: usize) -> Result<usize, String> {
    let regex = python_re::compile_bytes(pattern)?;
    let mut found = None;
    if is_over_lines(pattern) {
        let whole = regex.find(text).map_err(|error| error.to_string())?;
        let until = whole.map(|whole| if add == 1 { whole.end() } else { whole.start() });
        found = until.map(|until| text[..until].matches('\n').count());
    } else {
        for (at, line) in lines.iter().enumerate() {
            if regex.is_match(line).map_err(|error| error.to_string())? {
                found = Some(at);
            }
        }
    }
    Ok(found.map_or(lines.len(), |at| (at + add).min(lines.len())))
}

/// Whether the flags at the pattern's head hold `m`.
fn is_over_lines(pattern: &str) -> bool {
    let flags = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    flags.is_some_and(|(flags, _)| flags.contains('m') && flags.bytes().all(|flag| flag.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;
    use std::path::Path;

    const BLOCK: &str = "# BEGIN ANSIBLE MANAGED BLOCK\nx\ny\n# END ANSIBLE MANAGED BLOCK\n";

    fn edit(text: &str, pairs: &[(&str, &str)]) -> (String, String) {
        let mut fake = Fake::with_accounts().file("/etc/f", text);
        let mut given = args(pairs);
        given.insert("path".into(), "/etc/f".into());
        let outcome = changed_then_ok(&BlockInFile, &given, &mut fake);
        (fake.text("/etc/f"), outcome.values["msg"].to_string())
    }

    #[test]
    fn blocks_are_inserted() {
        assert_eq!(edit("a\nb\n", &[("block", "x\ny\n")]), (format!("a\nb\n{BLOCK}"), "Block inserted".into()));
        assert_eq!(edit("a\nb", &[("block", "x\ny"), ("insertbefore", "^b")]).0, format!("a\n{BLOCK}b"));
        assert_eq!(edit("a\nb\n", &[("block", "x\ny"), ("insertafter", "a")]).0, format!("a\n{BLOCK}b\n"));
        let spaced = [("block", "x\ny"), ("insertafter", "a"), ("append_newline", "yes"), ("prepend_newline", "yes")];
        assert_eq!(edit("a\nb\n", &spaced).0, format!("a\n\n{BLOCK}\nb\n"));
        let marked = [("block", "x"), ("marker", "; {mark} me"), ("marker_begin", "<"), ("marker_end", ">")];
        assert_eq!(edit("", &marked).0, "; < me\nx\n; > me\n");
    }

    #[test]
    fn blocks_are_replaced_in_place_and_removed() {
        let file = format!("a\n{BLOCK}b\n");
        assert_eq!(edit(&file, &[("block", "z")]).0, format!("a\n{}b\n", BLOCK.replace("x\ny", "z")));
        assert_eq!(edit(&file, &[("state", "absent")]), ("a\nb\n".into(), "Block removed".into()));
        assert_eq!(edit(&file, &[("block", "")]).0, "a\nb\n");
    }

    #[test]
    fn other_lines_keep_their_ends_and_bytes() {
        let edit_bytes = |content: &[u8], pairs: &[(&str, &str)]| {
            let mut fake = Fake::with_accounts().file_of_bytes("/etc/f", content);
            let mut given = args(pairs);
            given.insert("path".into(), "/etc/f".into());
            changed_then_ok(&BlockInFile, &given, &mut fake);
            fake.read(Path::new("/etc/f")).unwrap().unwrap()
        };
        let block = BLOCK.replace("x\ny", "x");
        let with = |before: &[u8], block: &str| [before, block.as_bytes()].concat();
        let vimrc = b"map! <ESC>OM  \r\nset x\n";
        assert_eq!(edit_bytes(vimrc, &[("block", "x")]), with(vimrc, &block));
        assert_eq!(edit_bytes(b"M\xfcnchen", &[("block", "x")]), with(b"M\xfcnchen\n", &block));
        assert_eq!(edit_bytes(&with(b"\xff\r\n", &block), &[("state", "absent")]), b"\xff\r\n");
        let spaced = BLOCK.replace("x\ny", "x\n\n");
        assert_eq!(edit_bytes(b"", &[("block", "x\n\n\n")]), with(b"", &spaced));
        let over_lines = [("block", "x"), ("insertafter", "(?m)^a\\nb$")];
        assert_eq!(edit_bytes(b"a\nb\nc\n", &over_lines), format!("a\nb\n{block}c\n").into_bytes());
    }

    #[test]
    fn missing_files() {
        let mut fake = Fake::with_accounts();
        let failure = fails(&BlockInFile, &args(&[("path", "/etc/f"), ("block", "x")]), &mut fake);
        assert_eq!(failure.msg, "Path /etc/f does not exist !");
        is_ok(&BlockInFile, &args(&[("path", "/etc/f"), ("state", "absent")]), &mut fake);
        changed_then_ok(&BlockInFile, &args(&[("path", "/etc/f"), ("block", "x"), ("create", "yes")]), &mut fake);
    }
}
