//! `copy`: a file with given content, or a directory. The controller has read a local `src` already and sends what is in
//! it.

#[cfg(test)]
mod tests;
pub mod tree;

use super::shared::attributes::{GivenMode, Mode, WantedAttributes};
use super::shared::files::{EditParameters, LONGEST_DIFF, describe, follow, followed};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Apply, Module, Verdict, Would};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::{Attributes, Content, FileKind, System};
use base64::Engine;
use std::path::{Path, PathBuf};
use tree::{CopiedTree, Landing, Modes};
use words::text::hex::hex;
use words::value::Value;

/// The module.
pub struct Copy;

parameters! {
    /// Puts a file with given content on the host.
    pub struct CopyParameters for "copy" {
        /// A file: of the controller, or of the host with remote_src.
        src: Option<HostPath>,
        /// The content itself; a structure becomes JSON.
        content: Option<String>,
        /// Set by the controller: content that is not text, in base64.
        _content_b64: Option<String>,
        /// Set by the controller: the directory that it read.
        _tree: Option<Value>,
        /// Set by the controller: the name of the file it read.
        _original_basename: Option<String>,
        /// Set by the controller: the mode of the file it read, for mode: preserve.
        _src_mode: Option<i64>,
        /// Where it goes; a directory if it is one or ends with a slash.
        dest: HostPath,
        /// src is a file of the host.
        remote_src: bool = "no",
        /// Replaces a file that differs.
        force: bool = "yes",
        /// Mode of directories that are made for the file.
        directory_mode: Option<GivenMode>,
        /// Follows a symbolic link at the destination, whoever made it.
        follow: Option<bool>,
        /// SHA-1 that the content must have.
        checksum: Option<String>,
        /// In a directory, copies what links lead to; the default for the controller's.
        local_follow: Option<bool>,
        ..edit: EditParameters,
    }
    unread {
        /// Decrypts a vaulted file of the controller.
        decrypt: bool = "yes",
    }
    exclusive [src, content];
    exclusive [content, _content_b64];
    one_of [src, content, _content_b64, _tree];
}

impl Module for Copy {
    type Parameters = CopyParameters;

    fn check(&self, given: &CopyParameters, system: &dyn System) -> Result<Verdict, Failure> {
        if let Some(verdict) = directory(given, system)? {
            return Ok(verdict);
        }
        let source = Source::find(given, system)?;
        let place = Place::find(given, &source, system)?;
        let dest = place.file.clone();
        let outcome = Outcome::new()
            .with("dest", dest.display().to_string())
            .with("src", source.path.as_ref().map(|path| path.display().to_string()))
            .with("checksum", source.digests.sha1.clone())
            .with("md5sum", source.digests.md5.clone());
        if !given.force && system.stat(&dest, false)?.is_some() {
            return Ok(Verdict::Satisfied(describe(outcome, &dest, system)?));
        }
        let mut wanted = given.edit.attributes.wanted(system)?;
        if wanted.mode == Some(Mode::Preserve) {
            wanted.mode = source.mode.map(Mode::Exact);
        }
        let edit = given.edit.edit(dest.clone(), Some(source.content), wanted);
        let verdict = edit.verdict(system, move |system, mut made| {
            made.values.extend(outcome.values);
            describe(made, &dest, system)
        })?;
        Ok(given.edit.attributes.warn_about_mode(place.with_directories(verdict)))
    }
}

/// The verdict about a directory that is copied; `None` when it is none.
fn directory(given: &CopyParameters, system: &dyn System) -> Result<Option<Verdict>, Failure> {
    let WantedAttributes { uid, gid, mode } = given.edit.attributes.wanted(system)?;
    let (tree, name, modes) = match (&given._tree, &given.src) {
        (Some(sent), _) => {
            let tree = CopiedTree::from_value(sent).ok_or_else(|| Failure::new("_tree: this is no directory"))?;
            let directories = given.directory_mode.as_ref().map(GivenMode::mode).transpose()?;
            (tree, given._original_basename.as_ref().map(PathBuf::from), Modes::OfTask { files: mode, directories })
        }
        (None, Some(given_src)) if given.remote_src => {
            let src = given_src.on(system)?;
            if !system.stat(&src, true)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
                return Ok(None);
            }
            let name = src.file_name().filter(|_| !given_src.as_str().ends_with('/')).map(PathBuf::from);
            (CopiedTree::read(&src, given.local_follow.unwrap_or(false), system)?, name, Modes::OfSource { top: mode })
        }
        _ => return Ok(None),
    };
    let dest = given.dest.on(system)?;
    let root = name.map_or(dest.clone(), |name| dest.join(name));
    let outcome =
        Outcome::new().with("dest", dest.display().to_string()).with("src", given.src.as_ref().map(HostPath::as_str));
    Landing { given, root, uid, gid, modes }.verdict(tree, outcome, system).map(Some)
}

/// What Ansible returns about a content, and tells it by.
#[derive(Default)]
struct Digests {
    sha1: String,
    md5: String,
}

impl Digests {
    /// Of the pieces that `read` hands over.
    fn of<E>(read: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>) -> Result<Self, E> {
        use sha1::Digest;
        let (mut sha1, mut md5) = (sha1::Sha1::default(), md5::Md5::default());
        read(&mut |piece| {
            sha1.update(piece);
            md5.update(piece);
        })?;
        Ok(Self { sha1: hex(&sha1.finalize()), md5: hex(&md5.finalize()) })
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let Ok(digests) = Self::of(|each| {
            each(bytes);
            Ok::<_, std::convert::Infallible>(())
        });
        digests
    }
}

/// What is copied.
struct Source {
    content: Content,
    digests: Digests,
    /// Its path on the host, with `remote_src`.
    path: Option<PathBuf>,
    /// Its file name, for a destination that is a directory.
    name: Option<String>,
    mode: Option<u32>,
}

impl Source {
    fn find(given: &CopyParameters, system: &dyn System) -> Result<Self, Failure> {
        let source = match (&given.src, &given.content, &given._content_b64) {
            (Some(src), ..) => Self::on_host(src, given.remote_src, system)?,
            (_, Some(text), _) => Self::sent(given, text.as_bytes().to_vec())?,
            (_, _, encoded) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_deref().unwrap_or_default());
                Self::sent(given, decoded.map_err(|error| Failure::new(format!("_content_b64: {error}")))?)?
            }
        };
        match given.checksum.as_deref() {
            Some(expected) if expected != source.digests.sha1 => {
                Err(Failure::new("Copied file does not match the expected checksum. Transfer failed.")
                    .with("checksum", source.digests.sha1)
                    .with("expected_checksum", expected))
            }
            _ => Ok(source),
        }
    }

    fn sent(given: &CopyParameters, content: Vec<u8>) -> Result<Self, Failure> {
        let mode = given._src_mode.and_then(|mode| u32::try_from(mode).ok());
        // Content without a file: what it may be, only its owner shall read. Ansible's temporary file has this mode.
        let mode = mode.unwrap_or(0o600);
        let digests = Digests::of_bytes(&content);
        Ok(Self {
            content: content.into(),
            digests,
            path: None,
            name: given._original_basename.clone(),
            mode: Some(mode),
        })
    }

    fn on_host(src: &HostPath, remote_src: bool, system: &dyn System) -> Result<Self, Failure> {
        let path = src.on(system)?;
        let shown = path.display();
        if !remote_src {
            return Err(Failure::new(format!("the controller has not read {shown}"))
                .hint("set remote_src: true for a file of the host"));
        }
        let stat = system.stat(&path, true)?.ok_or_else(|| Failure::new(format!("Source {shown} not found")))?;
        if stat.kind != FileKind::File {
            return Err(Failure::new(format!("Cannot copy invalid source '{shown}': not a file")));
        }
        let (content, digests) = content(&path, stat.size, system)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { content, digests, path: Some(path), name, mode: Some(stat.mode) })
    }
}

/// What a file of the host holds: of one that is short enough for a diff the bytes, else where it is.
fn content(path: &Path, size: u64, system: &dyn System) -> Result<(Content, Digests), Failure> {
    if size <= LONGEST_DIFF as u64 {
        let bytes = system.read(path)?.unwrap_or_default();
        let digests = Digests::of_bytes(&bytes);
        return Ok((bytes.into(), digests));
    }
    let mut length = 0;
    let digests = Digests::of(|each| {
        let mut count = |piece: &[u8]| {
            length += piece.len() as u64;
            each(piece);
        };
        system.read_pieces(path, &mut count).map(|_| ())
    })?;
    Ok((Content::Copy { from: path.to_owned(), size: length, sha1: digests.sha1.clone() }, digests))
}

/// Where it goes, and the directories that are made for it.
struct Place {
    file: PathBuf,
    missing: Vec<(PathBuf, Attributes)>,
}

impl Place {
    fn find(given: &CopyParameters, source: &Source, system: &dyn System) -> Result<Self, Failure> {
        let dest = given.dest.on(system)?;
        let is_slashed = given.dest.as_str().ends_with('/');
        let there = system.stat(&dest, true)?;
        let is_directory = there.as_ref().is_some_and(|stat| stat.kind == FileKind::Directory);
        if !is_directory && !is_slashed {
            let parent = dest.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("/"));
            return match system.stat(parent, true)? {
                Some(stat) if stat.kind == FileKind::Directory => {
                    Ok(Self { file: followed(dest, follow(given.follow, false), system)?, missing: Vec::new() })
                }
                _ => Err(Failure::new(format!("Destination directory {} does not exist", parent.display()))
                    .hint("make it with the module `file` (state: directory) in an earlier task")),
            };
        }
        let name = source.name.as_deref().filter(|name| !name.is_empty() && !name.contains('/'));
        let name = name.ok_or_else(|| Failure::new("can not use content with a dir as dest"))?;
        let mode = given.directory_mode.as_ref().map(GivenMode::mode).transpose()?;
        let attributes = WantedAttributes { mode, ..WantedAttributes::default() }.for_new(FileKind::Directory);
        let mut missing = Vec::new();
        for directory in dest.ancestors().filter(|above| !above.as_os_str().is_empty()) {
            match system.stat(directory, true)? {
                None => missing.insert(0, (directory.to_owned(), attributes)),
                Some(stat) if stat.kind == FileKind::Directory => break,
                Some(_) => return Err(Failure::new(format!("{} is not a directory", directory.display()))),
            }
        }
        Ok(Self { file: followed(dest.join(name), follow(given.follow, false), system)?, missing })
    }

    /// Makes the missing directories before the file.
    fn with_directories(self, verdict: Verdict) -> Verdict {
        let Verdict::Would(Would { mut changes, apply: Apply::Now(write) }) = verdict else { return verdict };
        let made = self.missing.iter().map(|(path, _)| {
            Change::new(Action::Create, "file", path.display().to_string()).field("state", "absent", "directory")
        });
        changes.splice(0..0, made);
        Verdict::would(changes, move |system| {
            for (path, attributes) in self.missing {
                system.make_directory(&path, attributes)?;
            }
            write(system)
        })
    }
}
