//! The controller's half of `copy`: reads `src` here, so that the host gets content.

use crate::runner::actions::{ActionError, Context, Prepare, files};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::modules::copy::tree::Tree;
use host::modules::{self, Failure, Spec, args};
use host::system::local::Local;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use words::value::{Map, Value};

/// The controller's half.
pub struct Copy;

impl Prepare for Copy {
    fn spec(&self) -> &'static Spec {
        modules::find("copy").map(|module| module.spec()).unwrap_or(&Spec::EMPTY)
    }

    fn module(&self) -> &'static str {
        "copy"
    }

    fn prepare(&self, mut args: Map, context: &Context) -> Result<Map, ActionError> {
        let remote = args.get("remote_src").and_then(args::bool).unwrap_or(false);
        if remote {
            return Ok(args);
        }
        let Some(src) = args.shift_remove("src") else { return Ok(args) };
        let src = src.to_string();
        let path = files::find(&src, "files", context)?;
        if path.is_dir() {
            put_tree(&mut args, &src, &path)?;
        } else {
            let (path, content) = files::read(&src, "files", context)?;
            put_content(&mut args, content, &path);
        }
        Ok(args)
    }
}

/// Puts a directory into the arguments; with a slash behind its name, only what is in it is meant.
fn put_tree(args: &mut Map, src: &str, path: &Path) -> Result<(), Failure> {
    let follow = args.get("local_follow").and_then(args::bool).unwrap_or(true);
    args.insert("_tree".into(), Tree::read(path, follow, &Local::new())?.to_value()?);
    if let Some(name) = path.file_name().filter(|_| !src.ends_with('/')) {
        args.insert("_original_basename".into(), name.to_string_lossy().into_owned().into());
    }
    Ok(())
}

/// Puts content into the arguments: as text where it is text, else as base64. The file's name is needed for a
/// destination that is a directory.
pub fn put_content(args: &mut Map, content: Vec<u8>, path: &Path) {
    match String::from_utf8(content) {
        Ok(text) => args.insert("content".into(), text.into()),
        Err(binary) => args.insert("_content_b64".into(), STANDARD.encode(binary.as_bytes()).into()),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    args.insert("_original_basename".into(), name.into());
    if args.get("mode").and_then(Value::as_str) == Some("preserve")
        && let Ok(metadata) = std::fs::metadata(path)
    {
        args.insert("_src_mode".into(), (metadata.permissions().mode() & 0o7777).into());
    }
}
