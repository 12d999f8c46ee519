//! Where the files of tasks are that others take in by a relative name.

use std::path::{Component, Path, PathBuf};

/// Where a file of tasks looks for the ones that it takes in, as ansible-core does (`IncludedFile`, `path_dwim_relative`):
/// below the directory of the name by which it was taken in itself, as seen from the play's directory; then beside the
/// playbook; then the same with the directory of the name of the file around it before that, and so on outward.
///
/// Unlike Ansible's, it never depends on the directory in which the program was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The directory of the play's file.
    play: PathBuf,
    /// Directories of the names by which the files around were taken in, as they were said, outermost first.
    within: Vec<PathBuf>,
}

impl Search {
    /// For a play in a file of this directory.
    pub fn of_play(directory: &Path) -> Self {
        Self { play: directory.to_owned(), within: Vec::new() }
    }

    /// The directory of the play's file.
    pub fn play(&self) -> &Path {
        &self.play
    }

    /// For the file that was taken in by this name.
    pub fn of_file(&self, name: &str) -> Self {
        let directory = Path::new(name).parent().map(Path::to_owned).unwrap_or_default();
        Self { within: self.within.iter().cloned().chain([directory]).collect(), ..self.clone() }
    }

    /// How many files are around what is read now.
    pub fn depth(&self) -> usize {
        self.within.len()
    }

    /// Where the file called `name` may be, likeliest first, each once.
    pub fn candidates(&self, name: &str) -> Vec<PathBuf> {
        let beside_play = plain(&self.play.join(name));
        let mut found: Vec<PathBuf> = Vec::new();
        let mut below = PathBuf::new();
        for directory in self.within.iter().rev() {
            below = directory.join(&below);
            for candidate in [self.play.join(&below).join(name), beside_play.clone()] {
                if !found.iter().any(|known| plain(known) == plain(&candidate)) {
                    found.push(candidate);
                }
            }
        }
        if found.is_empty() { vec![beside_play] } else { found }
    }
}

/// The path without `.` and with `..` taken as written.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let is_back =
            part == Component::ParentDir && matches!(plain.components().next_back(), Some(Component::Normal(_)));
        if is_back {
            plain.pop();
        } else if part != Component::CurDir {
            plain.push(part);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(names: &[&str], name: &str) -> Vec<String> {
        let search = names.iter().fold(Search::of_play(Path::new("site")), |search, name| search.of_file(name));
        search.candidates(name).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn names_are_seen_from_the_file_then_from_the_play_then_from_further_out() {
        assert_eq!(candidates(&[], "tasks/../a.yml"), ["site/a.yml"]);
        assert_eq!(candidates(&["a.yml"], "b.yml"), ["site/b.yml"]);
        assert_eq!(candidates(&["tasks/a.yml"], "b.yml"), ["site/tasks/b.yml", "site/b.yml"]);
        assert_eq!(candidates(&["tasks/a.yml"], "../b.yml"), ["site/tasks/../b.yml", "b.yml"]);
        let nested = ["site/deep/c.yml", "site/c.yml", "site/tasks/deep/c.yml"];
        assert_eq!(candidates(&["tasks/a.yml", "deep/b.yml"], "c.yml"), nested);
        assert_eq!(candidates(&["/etc/a.yml"], "b.yml"), ["/etc/b.yml", "site/b.yml"]);
        assert_eq!(candidates(&["tasks/a.yml"], "/b.yml"), ["/b.yml"]);
    }
}
