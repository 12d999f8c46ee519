//! Files of tasks: `import_tasks`, which is read with the playbook, and `include_tasks`, which is read when the run comes
//! to it, since its name may depend on the host.

use super::keywords::{self, Keywords, text};
use super::model::{Argument, Include, Item, Task};
use super::reader::{Files, Opened, Reader};
use super::task::{TASK_ONLY, block_keywords, items};
use host::parameters::short_name;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use words::diag::Diagnostic;
use words::value::node::Node;

/// Keywords of tasks that an include knows beside `loop` in its forms (`TaskInclude.VALID_INCLUDE_KEYWORDS`). All others
/// are about what a module does, and an include has none.
const OF_INCLUDES: &[&str] = &[
    "action",
    "args",
    "ignore_errors",
    "listen",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

/// A file of tasks that was read for an include.
#[derive(Debug)]
pub struct TaskFile {
    /// Where it was found.
    pub path: PathBuf,
    /// What is in it.
    pub items: Vec<Item>,
    /// What is allowed but probably not meant, such as a key written twice.
    pub warnings: Vec<Diagnostic>,
}

/// Reads the file that `include` calls `name`. Fails if it is not there, is no list of tasks, or has a mistake in it.
pub fn read_tasks(files: &dyn Files, include: &Include, name: &str) -> Result<TaskFile, Diagnostic> {
    let warnings = RefCell::default();
    let opened = Reader::new(files, include.search.clone(), &warnings).tasks(name)?;
    let items = tasks_of(&opened, &include.inherited)?;
    Ok(TaskFile { path: opened.path, items, warnings: warnings.take() })
}

fn tasks_of(opened: &Opened, outer: &Keywords) -> Result<Vec<Item>, Diagnostic> {
    match &opened.document {
        Some(document) if !document.is_null() && document.items().is_none() => {
            Err(document.error("included task files must contain a list of tasks"))
        }
        Some(document) => items(&opened.reader, document, outer),
        None => Ok(Vec::new()),
    }
}

/// Whether a module of this name is an import, read with the playbook.
pub(super) fn is_import(name: &str) -> bool {
    short_name(name) == "import_tasks"
}

fn is_include(name: &str) -> bool {
    short_name(name) == "include_tasks"
}

/// Tasks of another file stand where the import stands, below its keywords.
pub(super) fn import(
    reader: &Reader,
    node: &Node,
    (key, value): (&Node, &Node),
    outer: &Keywords,
) -> Result<Vec<Item>, Diagnostic> {
    let mut own = Keywords::default();
    for (name, value) in node.entries().unwrap_or_default() {
        let text = name.key_text();
        if name != key && text != "name" && !own.take(&text, value)? {
            let error = name.error(format!("`{text}` is not known for `{}`", key.key_text()));
            let is_loop = text == "loop" || text.starts_with("with_");
            return Err(if is_loop { error.hint("use include_tasks: it takes loops") } else { error });
        }
    }
    let file = value.get("file").unwrap_or(value);
    let name = text(file, &key.key_text())?;
    if name.contains("{{") {
        return Err(file
            .error("the name of a task file must be known before the run; enlist does not take a template here")
            .hint("use include_tasks: it takes templates"));
    }
    let opened = reader.tasks(&name).map_err(|error| error.at(&file.place))?;
    tasks_of(&opened, &own.inherit(outer))
}

/// What makes `task`, as written in `node` with its `own` keywords, an include; `None` for any other task.
pub(super) fn include(
    reader: &Reader,
    node: &Node,
    task: &Task,
    own: &Keywords,
    outer: &Keywords,
) -> Result<Option<Arc<Include>>, Diagnostic> {
    if !is_include(&task.action.name) {
        return Ok(None);
    }
    for (key, _) in node.entries().unwrap_or_default() {
        let name = key.key_text();
        let is_known = OF_INCLUDES.contains(&name.as_str()) || name.starts_with("with_") || is_include(&name);
        if !is_known {
            return Err(refused(key, &name));
        }
    }
    let names_file = |arg: &Argument| ["file", "_raw_params"].contains(&arg.name.as_str());
    if task.action.free_form.is_none() && !task.action.args.iter().any(names_file) {
        return Err(node.error(format!("No file specified for {}", task.action.name)));
    }
    let applied = match applied(node) {
        Some(apply) => block_keywords(apply, &["name"])?,
        None => Keywords::default(),
    };
    let vars = own.vars.last().cloned().unwrap_or_default();
    Ok(Some(Arc::new(Include { inherited: applied.inherit(outer), vars, search: reader.search.clone() })))
}

fn refused(key: &Node, name: &str) -> Diagnostic {
    let error = key.error(format!("'{name}' is not a valid attribute for a TaskInclude"));
    if keywords::NAMES.contains(&name) {
        error.hint(format!("below `apply:` of the include, `{name}` is for the tasks of the file"))
    } else if TASK_ONLY.contains(&name) {
        error.hint(format!("write `{name}` in the tasks of the file"))
    } else {
        error.suggest(name, OF_INCLUDES.iter().copied())
    }
}

/// What stands below `apply`, with the module or in `args`.
fn applied(node: &Node) -> Option<&Node> {
    let holds = |key: &str| is_include(key) || ["args", "action"].contains(&key);
    let mut entries = node.entries().unwrap_or_default().iter();
    entries.find_map(|(key, value)| if holds(&key.key_text()) { value.get("apply") } else { None })
}
