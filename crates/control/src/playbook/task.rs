//! Reading task lists: tasks, blocks, loops, and the module with its arguments.

use super::include;
use super::keywords::{self, Keywords, list_or_one, text, texts};
use super::model::{Action, Argument, Block, Expr, Item, Loop, Task};
use super::reader::Reader;
use std::sync::Arc;
use words::diag::{Diagnostic, closest};
use words::value::Value;
use words::value::node::Node;

/// Keywords of a task beside those that it shares with blocks and plays.
pub(super) const TASK_ONLY: &[&str] = &[
    "name",
    "register",
    "changed_when",
    "failed_when",
    "notify",
    "listen",
    "until",
    "retries",
    "delay",
    "loop",
    "loop_control",
    "args",
    "action",
    "local_action",
];

/// Ansible's task keywords that enlist does not know yet; saying so beats "unknown module".
const NOT_YET: &[&str] = &["async", "poll", "collections", "debugger", "become_exe", "become_flags", "loop_with"];

/// Reads a task list.
pub(super) fn items(reader: &Reader, node: &Node, outer: &Keywords) -> Result<Vec<Item>, Diagnostic> {
    if node.is_null() {
        return Ok(Vec::new());
    }
    let Some(list) = node.items() else {
        return Err(node
            .error(format!("a list of tasks belongs here, and this is {}", node.kind_name()))
            .hint("begin each task with `- `"));
    };
    let mut items = Vec::new();
    for entry in list {
        read_item(reader, entry, outer, &mut items)?;
    }
    Ok(items)
}

fn read_item(reader: &Reader, node: &Node, outer: &Keywords, items: &mut Vec<Item>) -> Result<(), Diagnostic> {
    if node.entries().is_none() {
        return Err(
            node.error(format!("a task is a mapping such as `- user: name=alice`, and this is {}", node.kind_name()))
        );
    }
    if node.get("block").is_some() {
        items.push(Item::Block(block(reader, node, outer)?));
        return Ok(());
    }
    let import = node.entries().unwrap_or_default().iter().find(|(key, _)| include::is_import(&key.key_text()));
    if let Some((key, value)) = import {
        items.extend(include::import(reader, node, (key, value), outer)?);
        return Ok(());
    }
    items.push(Item::Task(Arc::new(task(reader, node, outer)?)));
    Ok(())
}

/// A block's keywords are inherited by its tasks, so only its lists remain.
fn block(reader: &Reader, node: &Node, outer: &Keywords) -> Result<Block, Diagnostic> {
    let own = block_keywords(node, &["name", "block", "rescue", "always"])?.inherit(outer);
    let list = |name| node.get(name).map_or(Ok(Vec::new()), |list| items(reader, list, &own));
    Ok(Block { tasks: list("block")?, rescue: list("rescue")?, always: list("always")? })
}

/// The keywords of a block in `node`, which may hold `others` beside them.
pub(super) fn block_keywords(node: &Node, others: &[&str]) -> Result<Keywords, Diagnostic> {
    let Some(entries) = node.entries() else {
        return Err(node.error(format!("keywords of a block belong here, and this is {}", node.kind_name())));
    };
    let mut own = Keywords::default();
    for (key, value) in entries {
        let name = key.key_text();
        if !own.take(&name, value)? && !others.contains(&name.as_str()) {
            let known = keywords::NAMES.iter().chain(others).copied();
            return Err(key.error(format!("`{name}` is not a keyword of a block")).suggest(&name, known));
        }
    }
    Ok(own)
}

/// Reads one task or handler.
fn task(reader: &Reader, node: &Node, outer: &Keywords) -> Result<Task, Diagnostic> {
    let mut own = Keywords::default();
    let mut modules = Vec::new();
    for (key, value) in node.entries().unwrap_or_default() {
        let name = key.key_text();
        if NOT_YET.contains(&name.as_str()) {
            return Err(key.error(format!("enlist does not know the task keyword `{name}` yet")));
        }
        let known = TASK_ONLY.contains(&name.as_str()) || name.starts_with("with_") || own.take(&name, value)?;
        if !known {
            modules.push((key, value));
        }
    }
    let action = action(node, &modules, &mut own)?;
    let field = |name: &str| node.get(name).map(Expr::from);
    let task = Task {
        name: node.get("name").filter(|n| !n.is_null()).map(|n| text(n, "name")).transpose()?,
        action,
        keywords: own.clone().inherit(outer),
        looped: read_loop(node)?,
        register: node.get("register").map(|n| variable_name(n, "register")).transpose()?,
        changed_when: field("changed_when"),
        failed_when: field("failed_when"),
        notify: node.get("notify").map(|n| list_or_one(n).into_iter().map(Expr::from).collect()).unwrap_or_default(),
        listen: node.get("listen").map(|n| texts(n, "listen")).transpose()?.unwrap_or_default(),
        until: field("until"),
        retries: field("retries"),
        delay: field("delay"),
        include: None,
        place: node.place.clone(),
    };
    let include = include::include(reader, node, &task, &own, outer)?;
    Ok(Task { include, ..task })
}

/// The one key that is no keyword is the module.
fn action(task: &Node, modules: &[(&Node, &Node)], own: &mut Keywords) -> Result<Action, Diagnostic> {
    if let Some((key, value)) = task.entry("action").or_else(|| task.entry("local_action")) {
        if key.as_str() == Some("local_action") {
            own.delegate_to = Some(Expr::text("localhost", &key.place));
        }
        return action_keyword(task, value);
    }
    match modules {
        [(key, value)] => with_args(task, key.key_text(), &key.place, value),
        [] => Err(task.error("no module/action detected in task").hint("a task names one module, such as `user:`")),
        [(first, _), (second, _), ..] => {
            let (a, b) = (first.key_text(), second.key_text());
            let error = second
                .error(format!("conflicting action statements: {a}, {b}"))
                .note(format!("`{b}` is no keyword of a task, so both are read as modules"));
            let known = TASK_ONLY.iter().chain(keywords::NAMES).copied();
            match closest(&b, known.clone()).or_else(|| closest(&a, known)) {
                Some(meant) => Err(error.hint(format!("did you mean `{meant}`?"))),
                None => Err(error.hint("is it a module's argument? then indent it below the module")),
            }
        }
    }
}

/// `action: module k=v` or a mapping with `module`.
fn action_keyword(task: &Node, value: &Node) -> Result<Action, Diagnostic> {
    if let Some(module) = value.get("module") {
        let name = text(module, "module")?;
        let mut action = with_args(task, name, &module.place, value)?;
        action.args.retain(|arg| arg.name != "module");
        return Ok(action);
    }
    let line = text(value, "action")?;
    let (name, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = Node { kind: words::value::node::Kind::Scalar(rest.trim().into()), ..value.clone() };
    with_args(task, name.to_owned(), &value.place, &rest)
}

fn with_args(task: &Node, name: String, place: &words::diag::Place, value: &Node) -> Result<Action, Diagnostic> {
    let mut action = Action { name, place: place.clone(), free_form: None, args: Vec::new(), more_args: None };
    take_args(&mut action, value)?;
    if let Some(extra) = task.get("args") {
        let mut more = Action { free_form: None, args: Vec::new(), ..action.clone() };
        take_args(&mut more, extra)?;
        if let Some(text) = more.free_form.take() {
            if !text.value.to_string().contains("{{") {
                let message = format!("`args` takes a mapping, or a template that yields one, not `{}`", text.value);
                return Err(Diagnostic::input(&text.place, message));
            }
            action.more_args = Some(text);
        }
        let given: Vec<_> = action.args.iter().map(|arg| arg.name.clone()).collect();
        action.args.extend(more.args.into_iter().filter(|arg| !given.contains(&arg.name)));
    }
    Ok(action)
}

fn take_args(action: &mut Action, value: &Node) -> Result<(), Diagnostic> {
    match value.entries() {
        Some(entries) => {
            for (key, value) in entries {
                let value = Expr::from(value);
                action.args.push(Argument { name: key.key_text(), place: key.place.clone(), value });
            }
            Ok(())
        }
        None if value.is_null() => Ok(()),
        None if value.items().is_some() => {
            Err(value.error(format!("the arguments of `{}` are a mapping or text, not a list", action.name)))
        }
        None => {
            let text = text(value, &action.name)?;
            if !text.is_empty() {
                action.free_form = Some(Expr::text(text, &value.place));
            }
            Ok(())
        }
    }
}

fn read_loop(task: &Node) -> Result<Option<Loop>, Diagnostic> {
    let with = task.entries().unwrap_or_default().iter().find_map(|(key, value)| {
        let name = key.key_text();
        name.strip_prefix("with_").map(|lookup| (Some(lookup.to_owned()), value))
    });
    let Some((with, items)) = task.get("loop").map(|items| (None, items)).or(with) else { return Ok(None) };
    let control = task.get("loop_control");
    let get = |name: &str| control.and_then(|control| control.get(name));
    for (key, _) in control.and_then(Node::entries).unwrap_or_default() {
        const KNOWN: &[&str] = &["loop_var", "index_var", "label", "pause", "extended", "extended_allitems"];
        let name = key.key_text();
        if !KNOWN.contains(&name.as_str()) {
            return Err(key
                .error(format!("`{name}` is not a part of loop_control that enlist knows"))
                .suggest(&name, KNOWN.iter().copied()));
        }
    }
    Ok(Some(Loop {
        with,
        items: Expr::from(items),
        variable: get("loop_var").map(|n| variable_name(n, "loop_var")).transpose()?.unwrap_or_else(|| "item".into()),
        index: get("index_var").map(|n| variable_name(n, "index_var")).transpose()?,
        label: get("label").map(Expr::from),
        extended: get("extended").map(|n| keywords::truth(n, "extended")).transpose()?.unwrap_or(false),
        pause: match get("pause").map(Node::to_value) {
            Some(Value::Int(seconds)) => Some(seconds as f64),
            Some(Value::Float(seconds)) => Some(seconds),
            _ => None,
        },
    }))
}

/// A name that templates can use: letters, digits and `_`, not beginning with a digit.
fn variable_name(node: &Node, what: &str) -> Result<String, Diagnostic> {
    let name = text(node, what)?;
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if starts_well && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        Ok(name)
    } else {
        Err(node
            .error(format!("`{name}` is no valid variable name for `{what}`"))
            .hint("use letters, digits and `_`, not beginning with a digit"))
    }
}
