//! `sudo_rule`: what a person may run with sudo, in a file of enlist's own below /etc/sudoers.d.

use super::shared::attributes::{Mode, WantedAttributes};
use super::shared::files::FileEdit;
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Module, Verdict};
use crate::identity::{Gid, Uid};
use crate::parameters;
use crate::parameters::Presence;
use crate::system::{FileKind, System};
use std::path::{Path, PathBuf};

/// The module.
pub struct SudoRule;

parameters! {
    /// Lets a user run commands with sudo, by a file that visudo has accepted; or takes that file away.
    pub struct SudoRuleParameters for "sudo_rule" {
        /// Login name.
        name: String,
        /// What stands behind the name in sudoers(5), such as `ALL=(ALL) ALL`; needed with `present`.
        rule: Option<String>,
        /// Whether the rule shall be there.
        state: Presence = "present",
    }
}

/// Where sudo looks for further files. It passes over names with a dot in them.
const DIRECTORY: &str = "/etc/sudoers.d";

/// A rule that visudo refuses would make sudo refuse everybody.
const VISUDO: &str = "visudo -cf %s";

impl Module for SudoRule {
    type Parameters = SudoRuleParameters;

    fn removes(&self, given: &SudoRuleParameters) -> bool {
        given.state == Presence::Absent
    }

    fn check(&self, given: &SudoRuleParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let path = path_of(&given.name)?;
        match given.state {
            Presence::Absent => absent(path, system),
            Presence::Present => present(given, path, system),
        }
    }
}

/// The file of somebody's rule.
fn path_of(name: &str) -> Result<PathBuf, Failure> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if name.is_empty() || !is_plain {
        return Err(Failure::new(format!("'{name}' cannot be the name of a file of sudo's"))
            .hint("sudo passes over files with a dot or `~` in their names"));
    }
    Ok(Path::new(DIRECTORY).join(format!("enlist-{name}")))
}

fn present(given: &SudoRuleParameters, path: PathBuf, system: &dyn System) -> Result<Verdict, Failure> {
    let rule = given.rule.as_deref().unwrap_or_default();
    if rule.trim().is_empty() || rule.contains(char::is_control) || rule.ends_with('\\') {
        return Err(Failure::new("`rule` must be one line: what stands behind the name in sudoers"));
    }
    if system.stat(Path::new(DIRECTORY), true)?.is_none_or(|stat| stat.kind != FileKind::Directory) {
        return Err(Failure::new(format!("there is no directory {DIRECTORY}"))
            .hint("install sudo on the host, or take the rule out"));
    }
    let content = format!("# By enlist, from the roster.\n{} {rule}\n", given.name).into_bytes();
    let wanted = WantedAttributes { uid: Some(Uid(0)), gid: Some(Gid(0)), mode: Some(Mode::Exact(0o440)) };
    let edit = FileEdit::new(path, Some(content.into()), wanted);
    let edit = FileEdit { validate: Some(VISUDO.to_owned()), kind: "sudo_rule", ..edit };
    edit.verdict(system, |_, outcome| Ok(outcome))
}

fn absent(path: PathBuf, system: &dyn System) -> Result<Verdict, Failure> {
    let Some(stat) = system.stat(&path, false)? else { return Ok(Verdict::Satisfied(Outcome::new())) };
    if stat.kind == FileKind::Directory {
        return Err(
            Failure::new(format!("{} is a directory", path.display())).hint("look at it, and remove it by hand")
        );
    }
    let change = Change::new(Action::Delete, "sudo_rule", path.display().to_string()).field("state", "file", "absent");
    Ok(Verdict::would(vec![change], move |system| {
        system.remove(&path)?;
        Ok(Outcome::new())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, fails, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn a_rule_needs_a_place_and_is_one_line() {
        let given = |rule: &str| args(&[("name", "kim"), ("rule", rule)]);
        let nowhere = fails(&SudoRule, &given("ALL=(ALL) ALL"), &mut Fake::new());
        assert_eq!(nowhere.msg, "there is no directory /etc/sudoers.d");
        for bad in ["", "ALL=(ALL) ALL\nlee ALL=(ALL) ALL", "ALL=(ALL) \\"] {
            assert!(
                fails(&SudoRule, &given(bad), &mut Fake::new()).msg.starts_with("`rule` must be one line"),
                "{bad}"
            );
        }
        is_ok(&SudoRule, &args(&[("name", "kim"), ("state", "absent")]), &mut Fake::new());
    }

    #[test]
    fn names_that_sudo_would_pass_over_are_refused() {
        for name in ["", "a.b", "../x", "a/b", "kim~"] {
            assert!(path_of(name).is_err(), "{name}");
        }
        assert_eq!(path_of("kim-2").unwrap(), Path::new("/etc/sudoers.d/enlist-kim-2"));
    }
}
