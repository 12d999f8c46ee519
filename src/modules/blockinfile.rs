//! `blockinfile`: a block of lines between two marker lines of a text file.

use super::attributes::with_file_params;
use super::lineinfile::{edited, text_file};
use super::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::system::System;
use crate::text::python_re;

/// The module.
pub struct BlockInFile;

static SPEC: Spec = Spec {
    name: "blockinfile",
    summary: "Makes sure that a marked block is in a text file, or is not.",
    params: with_file_params![
        Param::new("path", Kind::Path, "The file.").required().aliases(&["dest", "destfile", "name"]),
        Param::new("block", Kind::Str, "The lines; empty removes the block.").aliases(&["content"]),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("marker", Kind::Str, "The marker lines; {mark} becomes marker_begin and marker_end.")
            .default("# {mark} ANSIBLE MANAGED BLOCK"),
        Param::new("marker_begin", Kind::Str, "See marker.").default("BEGIN"),
        Param::new("marker_end", Kind::Str, "See marker.").default("END"),
        Param::new("insertafter", Kind::Str, "A new block goes after the last match of this, or EOF."),
        Param::new("insertbefore", Kind::Str, "A new block goes before the last match of this, or BOF."),
        Param::new("append_newline", Kind::Bool, "An empty line follows the block.").default("no"),
        Param::new("prepend_newline", Kind::Bool, "An empty line precedes the block.").default("no"),
        Param::new("create", Kind::Bool, "Makes the file if it is missing.").default("no"),
        Param::new("backup", Kind::Bool, "Keeps the old file beside it.").default("no"),
        Param::new("validate", Kind::Str, "A command with %s that must accept the new file."),
    ],
    exclusive: &[&["insertbefore", "insertafter"]],
    ..Spec::EMPTY
};

impl Module for BlockInFile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let block = Block::from_args(args);
        let Some((path, old)) = text_file(args, "path", block.is_present(), system)? else {
            let msg = format!("File {} not present", args.text("path"));
            return Ok(Verdict::Satisfied(Outcome::new().with("msg", msg)));
        };
        let new = block.apply(&old, args).map_err(Failure::new)?;
        let msg = match (new == old, block.is_present()) {
            (true, _) => "",
            (false, true) => "Block inserted",
            (false, false) => "Block removed",
        };
        edited(args, path, old, new, msg.into(), system)
    }
}

struct Block {
    /// The marker lines and what is between; empty when the block shall be gone.
    lines: Vec<String>,
    begin: String,
    end: String,
}

impl Block {
    fn from_args(args: &Args) -> Self {
        let marker = |mark: &str| args.text("marker").replace("{mark}", args.text(mark));
        let (begin, end) = (marker("marker_begin"), marker("marker_end"));
        let text = args.str("block").unwrap_or_default();
        let mut lines = Vec::new();
        if args.text("state") == "present" && !text.is_empty() {
            lines.push(begin.clone());
            lines.extend(text.trim_end_matches('\n').split('\n').map(str::to_owned));
            lines.push(end.clone());
        }
        Self { lines, begin, end }
    }

    fn is_present(&self) -> bool {
        !self.lines.is_empty()
    }

    fn apply(&self, old: &str, args: &Args) -> Result<String, String> {
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        let mut at = match self.cut(&mut lines) {
            Some(at) => at,
            None if !self.is_present() => return Ok(old.to_owned()),
            None => place(&lines, args)?,
        };
        if self.is_present() {
            if args.flag("prepend_newline") && at > 0 && !lines[at - 1].is_empty() {
                lines.insert(at, String::new());
                at += 1;
            }
            lines.splice(at..at, self.lines.iter().cloned());
            at += self.lines.len();
            if args.flag("append_newline") && at < lines.len() && !lines[at].is_empty() {
                lines.insert(at, String::new());
            }
        }
        let is_same = old.lines().eq(lines.iter().map(String::as_str));
        Ok(match (is_same, lines.is_empty()) {
            (true, _) => old.to_owned(),
            (false, true) => String::new(),
            (false, false) => lines.join("\n") + "\n",
        })
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

fn place(lines: &[String], args: &Args) -> Result<usize, String> {
    let last = |pattern: &str, add: usize| -> Result<usize, String> {
        let regex = python_re::compile(pattern, false, false)?;
        let mut found = None;
        for (at, line) in lines.iter().enumerate() {
            if regex.is_match(line).map_err(|error| error.to_string())? {
                found = Some(at + add);
            }
        }
        Ok(found.unwrap_or(lines.len()))
    };
    match (args.str("insertafter"), args.str("insertbefore")) {
        (_, Some("BOF")) | (Some("BOF"), _) => Ok(0),
        (_, Some(pattern)) => last(pattern, 0),
        (None | Some("EOF"), _) => Ok(lines.len()),
        (Some(pattern), _) => last(pattern, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, changed_then_ok, fails, is_ok};
    use crate::system::fake::Fake;

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
        assert_eq!(edit("a\nb", &[("block", "x\ny"), ("insertbefore", "^b")]).0, format!("a\n{BLOCK}b\n"));
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
    fn missing_files() {
        let mut fake = Fake::with_accounts();
        let failure = fails(&BlockInFile, &args(&[("path", "/etc/f"), ("block", "x")]), &mut fake);
        assert_eq!(failure.msg, "Destination /etc/f does not exist !");
        is_ok(&BlockInFile, &args(&[("path", "/etc/f"), ("state", "absent")]), &mut fake);
        changed_then_ok(&BlockInFile, &args(&[("path", "/etc/f"), ("block", "x"), ("create", "yes")]), &mut fake);
    }
}
