//! Reading a playbook file: plays, imported playbooks, and the keywords of a play.

use super::keywords::{self, Keywords, list_or_one, text, truth};
use super::model::{Expr, Item, Play, Playbook, Task};
use super::reader::{Files, Opened, Reader};
use super::search::Search;
use super::task;
use std::cell::RefCell;
use std::path::Path;
use words::diag::{Diagnostic, ErrorKind, Place};
use words::value::node::Node;

/// Keywords of a play beside those that it shares with blocks and tasks.
const PLAY_ONLY: &[&str] = &[
    "name",
    "hosts",
    "gather_facts",
    "vars_files",
    "serial",
    "max_fail_percentage",
    "force_handlers",
    "pre_tasks",
    "tasks",
    "post_tasks",
    "handlers",
    "strategy",
    "order",
    "collections",
    "gather_subset",
    "gather_timeout",
    "fact_path",
];

/// Ansible's play keywords that enlist does not know yet.
const NOT_YET: &[&str] = &["roles", "vars_prompt", "debugger", "become_exe", "become_flags"];

/// Reads the playbook at `path` and everything that it imports.
pub fn parse(path: &Path, files: &dyn Files) -> Result<Playbook, Diagnostic> {
    let warnings = RefCell::default();
    let reader = Reader::new(files, Search::default(), &warnings);
    let mut plays = Vec::new();
    read_playbook(&reader, path, None, &mut plays)?;
    Ok(Playbook { path: path.display().to_string(), plays, warnings: warnings.take() })
}

fn read_playbook(reader: &Reader, path: &Path, from: Option<&Place>, plays: &mut Vec<Play>) -> Result<(), Diagnostic> {
    let Opened { reader, document, .. } = reader.playbook(path).map_err(|error| match from {
        Some(place) => error.at(place),
        None => error,
    })?;
    let Some(document) = document.filter(|document| !document.is_null()) else {
        return Err(Diagnostic::new(ErrorKind::Input, format!("{} is empty", path.display()))
            .hint("a playbook is a list of plays, each with `hosts:` and `tasks:`"));
    };
    let Some(entries) = document.items() else {
        return Err(document
            .error(format!("a playbook is a list of plays, and this is {}", document.kind_name()))
            .hint("begin the play with `- hosts:`"));
    };
    for entry in entries {
        match entry.get("import_playbook").or_else(|| entry.get("ansible.builtin.import_playbook")) {
            Some(file) => {
                let path = reader.search.play().join(text(file, "import_playbook")?);
                read_playbook(&reader, &path, Some(&file.place), plays)?;
            }
            None => plays.push(read_play(&reader, entry)?),
        }
    }
    Ok(())
}

fn read_play(reader: &Reader, node: &Node) -> Result<Play, Diagnostic> {
    let Some(entries) = node.entries() else {
        return Err(node.error(format!("a play is a mapping with `hosts:`, and this is {}", node.kind_name())));
    };
    let mut own = Keywords::default();
    for (key, value) in entries {
        let name = key.key_text();
        if NOT_YET.contains(&name.as_str()) {
            return Err(key.error(format!("enlist does not know the play keyword `{name}` yet")));
        }
        // In a play, `user` is an old name of `remote_user`; in a task it is the module.
        let keyword = if name == "user" { "remote_user" } else { &name };
        if !PLAY_ONLY.contains(&keyword) && !own.take(keyword, value)? {
            let known = PLAY_ONLY.iter().chain(keywords::NAMES).copied();
            return Err(key.error(format!("'{name}' is not a valid attribute for a Play")).suggest(&name, known));
        }
    }
    check_strategy(node)?;
    // The play's variables are a level of their own, below `vars_files`; tasks inherit all else.
    let inherited = Keywords { vars: Vec::new(), ..own.clone() };
    let tasks = |name| node.get(name).map_or(Ok(Vec::new()), |list| task::items(reader, list, &inherited));
    let flag = |name| node.get(name).map(|n| truth(n, name)).transpose();
    Ok(Play {
        name: node.get("name").filter(|n| !n.is_null()).map(|n| text(n, "name")).transpose()?,
        hosts: hosts(node)?,
        gather_facts: flag("gather_facts")?,
        vars_files: list_of(node, "vars_files"),
        serial: list_of(node, "serial"),
        max_fail_percentage: node.get("max_fail_percentage").map(Expr::from),
        force_handlers: flag("force_handlers")?.unwrap_or(false),
        pre_tasks: tasks("pre_tasks")?,
        tasks: tasks("tasks")?,
        post_tasks: tasks("post_tasks")?,
        handlers: handlers(tasks("handlers")?, node)?,
        keywords: own.clone(),
        place: node.place.clone(),
    })
}

fn list_of(node: &Node, name: &str) -> Vec<Expr> {
    node.get(name).map(|list| list_or_one(list).into_iter().map(Expr::from).collect()).unwrap_or_default()
}

fn hosts(play: &Node) -> Result<Expr, Diagnostic> {
    let missing = || "the field 'hosts' is required and must not be empty";
    match play.get("hosts") {
        None => Err(play.error(missing()).hint("say which hosts the play is for, such as `hosts: all`")),
        Some(hosts) if !hosts.to_value().is_truthy() => Err(hosts.error(missing())),
        Some(hosts) => Ok(Expr::from(hosts)),
    }
}

/// Every strategy gives the same result here; only its name is checked.
fn check_strategy(play: &Node) -> Result<(), Diagnostic> {
    const KNOWN: &[&str] = &["linear", "free", "host_pinned", "ansible.builtin.linear", "ansible.builtin.free"];
    match play.get("strategy") {
        Some(strategy) if !KNOWN.contains(&text(strategy, "strategy")?.as_str()) => {
            Err(strategy.error(format!("unknown strategy `{}`", text(strategy, "strategy")?)))
        }
        _ => Ok(()),
    }
}

fn handlers(items: Vec<Item>, play: &Node) -> Result<Vec<Task>, Diagnostic> {
    items
        .into_iter()
        .map(|item| match item {
            Item::Task(task) => Ok((*task).clone()),
            Item::Block(_) => {
                let place = play.get("handlers").unwrap_or(play);
                Err(place.error("Using a block as a handler is not supported."))
            }
        })
        .collect()
}
