//! Which tasks `--tags`, `--skip-tags` and `--start-at-task` select.

use crate::inventory::matches_glob;
use crate::playbook::{Play, Playbook, Task};

/// The selection of a run.
#[derive(Clone, Debug, Default)]
pub struct TagSelection {
    /// `--tags`; empty means all.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl TagSelection {
    /// Whether a task with these tags runs.
    pub fn selects(&self, tags: &[String]) -> bool {
        let has = |tag: &str| tags.iter().any(|t| t == tag);
        let only = |tag: &str| self.only.iter().any(|t| t == tag);
        let common = |list: &[String]| list.iter().any(|tag| has(tag));
        let wanted = if self.only.is_empty() || only("all") {
            !has("never") || common(&self.only)
        } else {
            has("always")
                || common(&self.only)
                || (only("tagged") && !tags.is_empty() && !has("never"))
                || (only("untagged") && tags.is_empty())
        };
        wanted && !self.skips(tags, has("always"))
    }

    fn skips(&self, tags: &[String], always: bool) -> bool {
        let skip = |tag: &str| self.skip.iter().any(|t| t == tag);
        self.skip.iter().any(|tag| tags.contains(tag))
            || (skip("all") && (!always || skip("always")))
            || (skip("tagged") && !tags.is_empty())
            || (skip("untagged") && tags.is_empty())
    }
}

/// Whether `--start-at-task` means this task: by its name as written, or a pattern with `*`, `?` and `[…]` of it.
pub fn is_called(task: &Task, start: &str) -> bool {
    task.title() == start || matches_glob(start, task.title())
}

/// Whether any task of the playbook is called so. Tasks of files that are included while it runs cannot be known.
pub fn has_task(playbook: &Playbook, start: &str) -> bool {
    playbook.plays.iter().flat_map(Play::all_tasks).any(|task| is_called(task, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], bool);
        let cases: &[Case] = &[
            (&[], &[], &[], true),
            (&[], &[], &["never"], false),
            (&["x"], &[], &["x"], true),
            (&["x"], &[], &[], false),
            (&["x"], &[], &["always"], true),
            (&["x"], &[], &["never", "x"], true),
            (&["tagged"], &[], &["y"], true),
            (&["untagged"], &[], &[], true),
            (&[], &["y"], &["y", "x"], false),
            (&[], &["all"], &["always"], true),
            (&[], &["all", "always"], &["always"], false),
        ];
        for (only, skip, tags, expected) in cases {
            let owned = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
            let selection = TagSelection { only: owned(only), skip: owned(skip) };
            assert_eq!(selection.selects(&owned(tags)), *expected, "{only:?} {skip:?} {tags:?}");
        }
    }
}
