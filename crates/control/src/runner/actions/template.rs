//! The controller's half of `template`: renders the file here, so that the host gets content.

use crate::runner::actions::{ActionError, Context, Prepare, copy, files};
use crate::template::{FileOptions, Scope, Templar};
use crate::variables::with_local;
use host::change::outcome::Failure;
use host::modules::copy::CopyParameters;
use host::modules::shared::attributes::OwnerAndMode;
use host::modules::shared::files::EditParameters;
use host::parameter_name;
use host::parameters;
use host::parameters::{HostPath, ModuleParameters, Spec};
use std::sync::Arc;
use words::text::encoding::Encoding;
use words::value::{Map, Value};

/// The controller's half.
pub struct Template;

parameters! {
    /// Renders a template file of the controller into a file on the host
    pub struct TemplateParameters for "template" {
        /// The template, below templates/ or beside the playbook
        src: HostPath,
        /// Where it goes
        dest: HostPath,
        /// Permission bits
        mode: Option<Value>,
        /// Owner
        owner: Option<String>,
        /// Group
        group: Option<String>,
        /// Keep the old file beside it
        backup: Option<bool>,
        /// Replace a file that differs
        force: Option<bool>,
        /// A command with %s that must accept the new file
        validate: Option<String>,
        /// Drop the newline after a block
        trim_blocks: bool = "true",
        /// Drop blanks before a block
        lstrip_blocks: bool = "false",
        /// What the template's lines end with: \n, \r or \r\n
        newline_sequence: String = "\\n",
        /// What the file is written in
        output_encoding: String = "utf-8",
        /// Instead of {{
        variable_start_string: Option<String>,
        /// Instead of }}
        variable_end_string: Option<String>,
        /// Instead of {%
        block_start_string: Option<String>,
        /// Instead of %}
        block_end_string: Option<String>,
        /// Instead of {#
        comment_start_string: Option<String>,
        /// Instead of #}
        comment_end_string: Option<String>,
        /// Follow a symbolic link at the destination, whoever made it
        follow: Option<bool>,
    }
}

impl Prepare for Template {
    fn spec(&self) -> &'static Spec {
        TemplateParameters::SPEC
    }

    fn module(&self) -> &'static str {
        "copy"
    }

    fn prepare(&self, args: Map, context: &Context) -> Result<Map, ActionError> {
        let given = TemplateParameters::read(&args)?;
        let (path, content) = files::read(given.src.as_str(), "templates", context)?;
        let text = String::from_utf8(content)
            .map_err(|_| Failure::new(format!("the template {} is not UTF-8", path.display())))?;
        let options = options(&given)?;
        let encoding = Encoding::named(&given.output_encoding).map_err(Failure::new)?;
        let name = path.display().to_string();
        let rendered = context.templar.render_file(&name, &text, &template_scope(context.scope, &name), &options)?;
        let bytes = encoding
            .encode(&rendered)
            .ok_or_else(|| Failure::new(format!("the result has letters that {} has not", given.output_encoding)))?;
        let basename = template_basename(given.src.as_str());
        let mut map = for_copy(given);
        copy::put_content(&mut map, bytes, &path);
        map.insert(parameter_name!(CopyParameters, _original_basename).into(), Value::from(basename));
        Ok(map)
    }
}

/// What the host's half gets as it was given.
fn for_copy(given: TemplateParameters) -> Map {
    let passed = [
        (parameter_name!(CopyParameters, dest), Some(given.dest.as_str().into())),
        (parameter_name!(OwnerAndMode, mode), given.mode),
        (parameter_name!(OwnerAndMode, owner), given.owner.map(Value::from)),
        (parameter_name!(OwnerAndMode, group), given.group.map(Value::from)),
        (parameter_name!(EditParameters, backup), given.backup.map(Value::Bool)),
        (parameter_name!(CopyParameters, force), given.force.map(Value::Bool)),
        (parameter_name!(EditParameters, validate), given.validate.map(Value::from)),
        (parameter_name!(CopyParameters, follow), given.follow.map(Value::Bool)),
    ];
    passed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// How the task says that its template is read.
fn options(given: &TemplateParameters) -> Result<FileOptions, Failure> {
    let mut options =
        FileOptions { trim_blocks: given.trim_blocks, lstrip_blocks: given.lstrip_blocks, ..FileOptions::default() };
    let marks = [
        (&mut options.variable.0, &given.variable_start_string),
        (&mut options.variable.1, &given.variable_end_string),
        (&mut options.block.0, &given.block_start_string),
        (&mut options.block.1, &given.block_end_string),
        (&mut options.comment.0, &given.comment_start_string),
        (&mut options.comment.1, &given.comment_end_string),
    ];
    for (mark, given) in marks {
        if let Some(given) = given {
            *mark = given.clone();
        }
    }
    let newline = Templar::newline(&given.newline_sequence);
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
