//! Plan files: written for their owner alone and never through a link; read only where nobody else could have written.

use control::plan::Plan;
use host::system::Attributes;
use host::system::local::atomic;
use nix::unistd::{Gid, Uid};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// The sticky bit of a directory: who may write there may not replace what is another's.
const STICKY: u32 = 0o1000;

/// Where a plan will be saved. An old plan is gone from there as soon as a new one is being made: one that comes to nothing
/// must not leave the old one to be applied.
pub struct Saving(PathBuf);

impl Saving {
    /// Makes the place ready; refuses a place where others may write, and to replace what is no plan.
    pub fn prepare(path: &Path) -> Result<Self, Diagnostic> {
        let refused = |why: String| refusal("write", path, &why);
        check_above(path).map_err(refused)?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error.to_string())),
            Ok(meta) if meta.is_symlink() => return Err(refused("it is a symbolic link".into()).hint(NAME_ITSELF)),
            Ok(meta) if !meta.is_file() => return Err(refused("it is no file".into()).hint("--json prints the plan")),
            Ok(meta) => remove_old(path, &meta).map_err(refused)?,
        }
        Ok(Self(path.to_owned()))
    }

    /// Writes the plan, whole, with mode 0600: it holds people's keys, and the content of files that only they may read.
    pub fn write(&self, plan: &Plan) -> Result<(), Diagnostic> {
        let private = Attributes { mode: Some(0o600), ..Attributes::default() };
        let written = atomic::write(&self.0, plan.to_json().as_bytes(), private, 0o600);
        written.map_err(|error| refusal("write", &self.0, &error.to_string()))
    }

    /// The place.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

const NAME_ITSELF: &str = "name the file itself";

/// Reads a saved plan; refuses one that others may have written.
pub fn read(path: &Path) -> Result<Plan, Diagnostic> {
    let refused = |why: String| refusal("read", path, &why);
    let link = fs::symlink_metadata(path).map_err(|error| refused(error.to_string()))?;
    if link.is_symlink() && !is_ours(&link) {
        return Err(refused("it is somebody else's symbolic link".into()).hint(NAME_ITSELF));
    }
    let mut file = File::open(path).map_err(|error| refused(error.to_string()))?;
    let meta = file.metadata().map_err(|error| refused(error.to_string()))?;
    if let Some(why) = others_may_write(&meta) {
        return Err(refused(why).hint("what others may have edited is not applied: make the plan again"));
    }
    check_above(path).map_err(refused)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    Plan::from_json(&path.display().to_string(), &text)
}

fn refusal(doing: &str, path: &Path, why: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("cannot {doing} the plan {}: {why}", path.display()))
}

/// Takes an old plan away; anything else that has something in it stays.
fn remove_old(path: &Path, meta: &Metadata) -> Result<(), String> {
    let is_plan = || {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|plan| plan.get("format").is_some())
    };
    if meta.len() > 0 && !is_plan() {
        return Err("there is something else under this name".into());
    }
    fs::remove_file(path).map_err(|error| error.to_string())
}

/// That nobody else can exchange what is at `path`: every directory above it is ours or root's alone.
fn check_above(path: &Path) -> Result<(), String> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
    for above in directory.ancestors() {
        let meta = fs::metadata(above).map_err(|error| format!("{}: {error}", above.display()))?;
        let is_safe = meta.mode() & STICKY != 0 && (meta.uid() == 0 || is_ours(&meta));
        if let Some(why) = others_may_write(&meta).filter(|_| !is_safe) {
            return Err(format!("of the directory {}: {why}", above.display()));
        }
    }
    Ok(())
}

/// Who else may write it, in words. A group of one's own is oneself.
fn others_may_write(meta: &Metadata) -> Option<String> {
    let by_group = meta.mode() & 0o020 != 0 && meta.gid() != 0 && meta.gid() != Gid::effective().as_raw();
    if !is_ours(meta) {
        return Some(format!("it belongs to user number {}", meta.uid()));
    }
    (by_group || meta.mode() & 0o002 != 0).then(|| format!("others may write it (mode {:04o})", meta.mode() & 0o7777))
}

/// Root's or the caller's.
fn is_ours(meta: &Metadata) -> bool {
    [0, Uid::effective().as_raw()].contains(&meta.uid())
}

/// The inventory sources of a plan, refused where reading them would run a program: that is for the one to say who
/// applies, not for the plan.
pub fn inventory_of(plan: &Plan) -> Result<Vec<String>, Diagnostic> {
    let program = plan.inventory.iter().find_map(|source| program_in(Path::new(source)));
    match program {
        None => Ok(plan.inventory.clone()),
        Some(path) => {
            let message = format!("the plan names an inventory that is a program: {}", path.display());
            Err(Diagnostic::new(ErrorKind::Refused, message).hint("name the inventory yourself with -i"))
        }
    }
}

/// The first file at or below `path` that may be executed.
fn program_in(path: &Path) -> Option<PathBuf> {
    let meta = fs::metadata(path).ok()?;
    if meta.is_dir() {
        let names = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
        return names.filter(|path| !path.is_symlink() || path.is_file()).find_map(|path| program_in(&path));
    }
    (meta.mode() & 0o111 != 0).then(|| path.to_owned())
}
