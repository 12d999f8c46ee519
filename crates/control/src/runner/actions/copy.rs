//! The controller's half of `copy`: reads `src` here, so that the host gets content.

use crate::runner::actions::{ActionError, Context, Prepare, files};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::change::outcome::Failure;
use host::modules::copy::CopyParameters;
use host::modules::copy::tree::CopiedTree;
use host::modules::shared::attributes::OwnerAndMode;
use host::parameter_name;
use host::parameters::{ModuleParameters, Spec};
use host::system::local::Local;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use words::value::{Map, Value};

/// The controller's half.
pub struct Copy;

impl Prepare for Copy {
    fn spec(&self) -> &'static Spec {
        CopyParameters::SPEC
    }

    fn module(&self) -> &'static str {
        CopyParameters::SPEC.name
    }

    fn prepare(&self, mut args: Map, context: &Context) -> Result<Map, ActionError> {
        if is(&args, parameter_name!(CopyParameters, remote_src)) == Some(true) {
            return Ok(args);
        }
        let Some(src) = args.shift_remove(parameter_name!(CopyParameters, src)) else { return Ok(args) };
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

/// A yes or no among what the host still checks.
fn is(args: &Map, name: &str) -> Option<bool> {
    args.get(name).and_then(Value::to_bool)
}

/// Puts a directory into the arguments; with a slash behind its name, only what is in it is meant.
fn put_tree(args: &mut Map, src: &str, path: &Path) -> Result<(), Failure> {
    let follow = is(args, parameter_name!(CopyParameters, local_follow)).unwrap_or(true);
    args.insert(
        parameter_name!(CopyParameters, _tree).into(),
        CopiedTree::read(path, follow, &Local::new())?.to_value()?,
    );
    if let Some(name) = path.file_name().filter(|_| !src.ends_with('/')) {
        args.insert(
            parameter_name!(CopyParameters, _original_basename).into(),
            name.to_string_lossy().into_owned().into(),
        );
    }
    Ok(())
}

/// Puts content into the arguments: as text where it is text, else as base64. The file's name is needed for a
/// destination that is a directory.
pub fn put_content(args: &mut Map, content: Vec<u8>, path: &Path) {
    match String::from_utf8(content) {
        Ok(text) => args.insert(parameter_name!(CopyParameters, content).into(), text.into()),
        Err(binary) => {
            args.insert(parameter_name!(CopyParameters, _content_b64).into(), STANDARD.encode(binary.as_bytes()).into())
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    args.insert(parameter_name!(CopyParameters, _original_basename).into(), name.into());
    if args.get(parameter_name!(OwnerAndMode, mode)).and_then(Value::as_str) == Some("preserve")
        && let Ok(metadata) = std::fs::metadata(path)
    {
        args.insert(parameter_name!(CopyParameters, _src_mode).into(), (metadata.permissions().mode() & 0o7777).into());
    }
}
