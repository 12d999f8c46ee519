//! Path resolution for systems that keep files in memory, as the kernel does it for real ones: path_resolution(7).

use std::io;
use std::path::{Component, Path, PathBuf};

/// So many links may lead to a path.
const MAX_LINKS: usize = 40;

/// What is at a real path.
pub enum At {
    /// Nothing.
    Nothing,
    /// A link with this target.
    Link(PathBuf),
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// The real path: every link above the last component resolved, the last one too if `follow`. An error of kind NotFound
/// or NotADirectory when what is above does not exist, ELOOP when links lead around; `wrong` makes it the caller's.
pub fn real_path<E>(
    path: &Path,
    follow: bool,
    at: impl Fn(&Path) -> Result<At, E>,
    wrong: impl Fn(io::Error) -> E,
) -> Result<PathBuf, E> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        match walk(&path, follow, &at, &wrong)? {
            Walked::To(real) => return Ok(real),
            Walked::Link(further) => path = further,
        }
    }
    Err(wrong(io::Error::from_raw_os_error(nix::libc::ELOOP)))
}

enum Walked {
    To(PathBuf),
    /// To a link; from here it goes on with this path.
    Link(PathBuf),
}

fn walk<E>(
    path: &Path,
    follow: bool,
    at: impl Fn(&Path) -> Result<At, E>,
    wrong: impl Fn(io::Error) -> E,
) -> Result<Walked, E> {
    let mut real = PathBuf::from("/");
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        match component {
            Component::ParentDir => {
                real.pop();
            }
            Component::Normal(name) => real.push(name),
            _ => continue,
        }
        let is_last = components.peek().is_none();
        match at(&real)? {
            At::Nothing if is_last => return Ok(Walked::To(real)),
            At::Nothing => return Err(wrong(io::ErrorKind::NotFound.into())),
            At::Link(target) if follow || !is_last => {
                let target = real.parent().unwrap_or(Path::new("/")).join(target);
                let rest: PathBuf = components.collect();
                return Ok(Walked::Link(if rest.as_os_str().is_empty() { target } else { target.join(rest) }));
            }
            At::Other if !is_last => return Err(wrong(io::ErrorKind::NotADirectory.into())),
            At::Link(_) | At::Directory | At::Other => {}
        }
    }
    Ok(Walked::To(real))
}
