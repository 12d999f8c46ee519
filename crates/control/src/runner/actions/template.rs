//! The controller's half of `template`: renders the file here, so that the host gets content.

use crate::runner::actions::{ActionError, Context, Prepare, copy, files};
use crate::template::{FileOptions, Scope, Templar};
use crate::variables::with_local;
use host::modules::{Args, Failure, Kind, Param, Spec};
use std::sync::Arc;
use words::text::encoding::Encoding;
use words::value::{Map, Value};

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
        Param::new("newline_sequence", Kind::Str, "What the template's lines end with: \\n, \\r or \\r\\n")
            .default("\\n"),
        Param::new("output_encoding", Kind::Str, "What the file is written in").default("utf-8"),
        Param::new("variable_start_string", Kind::Str, "Instead of {{"),
        Param::new("variable_end_string", Kind::Str, "Instead of }}"),
        Param::new("block_start_string", Kind::Str, "Instead of {%"),
        Param::new("block_end_string", Kind::Str, "Instead of %}"),
        Param::new("comment_start_string", Kind::Str, "Instead of {#"),
        Param::new("comment_end_string", Kind::Str, "Instead of #}"),
        Param::new("follow", Kind::Bool, "Follow a symbolic link at the destination, whoever made it"),
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
        let options = options(&args)?;
        let encoding = Encoding::named(args.text("output_encoding")).map_err(Failure::new)?;
        let name = path.display().to_string();
        let rendered = context.templar.render_file(&name, &text, &template_scope(context.scope, &name), &options)?;
        let mut map: Map = ["dest", "mode", "owner", "group", "backup", "force", "validate", "follow"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), args.get(name)?.clone())))
            .collect::<Map>();
        let bytes = encoding.encode(&rendered).ok_or_else(|| {
            Failure::new(format!("the result has letters that {} has not", args.text("output_encoding")))
        })?;
        copy::put_content(&mut map, bytes, &path);
        map.insert("_original_basename".into(), Value::from(template_basename(args.text("src"))));
        Ok(map)
    }
}

/// How the task says that its template is read.
fn options(args: &Args) -> Result<FileOptions, Failure> {
    let mut options = FileOptions {
        trim_blocks: args.flag("trim_blocks"),
        lstrip_blocks: args.flag("lstrip_blocks"),
        ..FileOptions::default()
    };
    for (kind, pair) in
        [("variable", &mut options.variable), ("block", &mut options.block), ("comment", &mut options.comment)]
    {
        for (side, mark) in [("start", &mut pair.0), ("end", &mut pair.1)] {
            if let Some(given) = args.str(&format!("{kind}_{side}_string")) {
                *mark = given.to_owned();
            }
        }
    }
    let newline = Templar::newline(args.text("newline_sequence"));
    let wrong = || Failure::new("newline_sequence needs to be one of: \\n, \\r or \\r\\n");
    options.newline = newline.ok_or_else(wrong)?.to_owned();
    Ok(options)
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
