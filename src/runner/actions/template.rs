//! The controller's half of `template`: renders the file here, so that the host gets content.

use super::{ActionError, Context, Prepare, copy, files};
use crate::modules::{Args, Failure, Kind, Param, Spec};
use crate::runner::scope::with_local;
use crate::template::{FileOptions, Scope};
use crate::value::{Map, Value};
use std::sync::Arc;

/// The controller's half.
pub struct Template;

static SPEC: Spec = Spec {
    name: "template",
    summary: "Renders a template file of the controller into a file on the host",
    params: &[
        Param::new("src", Kind::Path, "The template, below templates/ or beside the playbook").required(),
        Param::new("dest", Kind::Path, "Where it goes").required(),
        Param::new("mode", Kind::Raw, "Permission bits"),
        Param::new("owner", Kind::Str, "Owner"),
        Param::new("group", Kind::Str, "Group"),
        Param::new("backup", Kind::Bool, "Keep the old file beside it"),
        Param::new("force", Kind::Bool, "Replace a file that differs"),
        Param::new("validate", Kind::Str, "A command with %s that must accept the new file"),
        Param::new("trim_blocks", Kind::Bool, "Drop the newline after a block").default("true"),
        Param::new("lstrip_blocks", Kind::Bool, "Drop blanks before a block").default("false"),
    ],
    ..Spec::EMPTY
};

impl Prepare for Template {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn module(&self) -> &'static str {
        "copy"
    }

    fn prepare(&self, given: Map, context: &Context) -> Result<Map, ActionError> {
        let args = Args::check(&SPEC, &given)?;
        let (path, content) = files::read(args.text("src"), "templates", context)?;
        let text = String::from_utf8(content)
            .map_err(|_| Failure::new(format!("the template {} is not UTF-8", path.display())))?;
        let options = FileOptions {
            trim_blocks: args.flag("trim_blocks"),
            lstrip_blocks: args.flag("lstrip_blocks"),
            ..FileOptions::default()
        };
        let name = path.display().to_string();
        let rendered = context.templar.render_file(&name, &text, &template_scope(context.scope, &name), &options)?;
        let mut map: Map = ["dest", "mode", "owner", "group", "backup", "force", "validate"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), args.get(name)?.clone())))
            .collect::<Map>();
        copy::put_content(&mut map, rendered.into_bytes(), &path);
        map.insert("_original_basename".into(), Value::from(template_basename(args.text("src"))));
        Ok(map)
    }
}

/// The variables that only template files see.
fn template_scope(base: &Arc<dyn Scope>, path: &str) -> Arc<dyn Scope> {
    let vars = [("template_path", path), ("template_fullpath", path), ("ansible_managed", "Ansible managed")];
    with_local(base, vars.map(|(name, text)| (name.to_owned(), text.into())).into_iter().collect())
}

/// `motd.j2` goes into a directory as `motd.j2`, as with Ansible.
fn template_basename(src: &str) -> String {
    src.rsplit('/').next().unwrap_or(src).to_owned()
}
