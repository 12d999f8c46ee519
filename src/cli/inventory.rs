//! `enlist inventory`: shows the inventory as enlist sees it, in the forms of `ansible-inventory`.

use super::options::InventoryArgs;
use super::options::warn;
use super::{Exit, fail};
use crate::view::styles::stdout;
use clap::Args;
use control::inventory::{self, Inventory};
use std::collections::HashSet;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// The options of `ansible-inventory` that enlist knows.
#[derive(Args, Debug)]
pub struct InventoryCommand {
    /// Which inventory
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// What to show
    #[command(flatten)]
    pub action: Action,
    /// With --graph: show variables too
    #[arg(long)]
    pub vars: bool,
    /// Directory whose group_vars and host_vars count as the playbook's
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub playbook_dir: PathBuf,
    /// With --graph: the group to start at
    #[arg(value_name = "GROUP", default_value = "all")]
    pub group: String,
}

/// What to show; exactly one.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Action {
    /// All groups, hosts and their variables, as JSON
    #[arg(long)]
    pub list: bool,
    /// The tree of groups and hosts
    #[arg(long)]
    pub graph: bool,
    /// One host's variables, as JSON
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
}

/// Shows the inventory.
pub fn run(args: &InventoryCommand) -> Exit {
    match show(args) {
        Ok(text) => {
            stdout().json(&text);
            Exit::OK
        }
        Err(error) => fail(&error),
    }
}

fn show(args: &InventoryCommand) -> Result<String, Diagnostic> {
    let inventory = args.inventory.load(std::slice::from_ref(&args.playbook_dir))?;
    if let Some(host) = &args.action.host {
        return one_host(&inventory, host).map(|vars| json(Value::Map(vars)));
    }
    if args.action.graph {
        if !inventory.groups().contains_key(&args.group) {
            let known = inventory.groups().keys().map(String::as_str);
            return Err(Diagnostic::new(ErrorKind::Usage, format!("there is no group `{}` to graph", args.group))
                .suggest(&args.group, known));
        }
        return Ok(graph(&inventory, &args.group, args.vars));
    }
    let limit = inventory::limit_patterns(&args.inventory.limit)?;
    let selected = inventory.hosts_matching(&["all".to_owned()], &limit)?;
    selected.unmatched.iter().for_each(|pattern| warn(&inventory::unmatched(pattern)));
    Ok(json(Value::Map(list(&inventory, &selected.hosts))))
}

fn json(value: Value) -> String {
    value.to_json_pretty(true, 4)
}

fn one_host(inventory: &Inventory, pattern: &str) -> Result<Map, Diagnostic> {
    let selected = inventory.hosts_matching(&[pattern.to_owned()], &[])?;
    match &selected.hosts[..] {
        [host] => Ok(inventory.host_vars(host)),
        hosts => {
            let message = format!("--host shows one host, but `{pattern}` matches {}", hosts.len());
            let known = inventory.hosts().keys().map(String::as_str);
            Err(Diagnostic::new(ErrorKind::Usage, message).suggest(pattern, known))
        }
    }
}

/// Every group with hosts or children, and `_meta` with the merged variables of each of `hosts`.
fn list(inventory: &Inventory, hosts: &[String]) -> Map {
    let shown: HashSet<&str> = hosts.iter().map(String::as_str).collect();
    let mut listed: Map = inventory
        .groups()
        .keys()
        .map(|name| (name.clone(), Value::Map(list_group(inventory, name, &shown))))
        .filter(|(_, group)| group.is_truthy())
        .collect();
    let with_vars = hosts.iter().map(|host| (host.clone(), Value::Map(inventory.host_vars(host))));
    let meta = [
        ("hostvars", with_vars.filter(|(_, vars)| vars.is_truthy()).collect()),
        ("profile", "inventory_legacy".into()),
    ];
    listed.insert("_meta".into(), meta.into_iter().collect());
    listed
}

fn list_group(inventory: &Inventory, name: &str, shown: &HashSet<&str>) -> Map {
    let group = &inventory.groups()[name];
    let names = |names: Vec<&String>| Value::List(names.into_iter().map(|name| name.as_str().into()).collect());
    // `all` lists no hosts of its own: they are in `ungrouped` or another group.
    let hosts = group.hosts.iter().filter(|host| name != "all" && shown.contains(host.as_str())).collect();
    let entries = [("hosts", names(hosts)), ("children", names(group.children.iter().collect()))];
    entries.into_iter().filter(|(_, value)| value.is_truthy()).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn graph(inventory: &Inventory, group: &str, vars: bool) -> String {
    let mut lines = Vec::new();
    graph_group(inventory, group, vars, 0, &mut lines);
    lines.join("\n")
}

fn graph_group(inventory: &Inventory, name: &str, vars: bool, depth: usize, lines: &mut Vec<String>) {
    let group = &inventory.groups()[name];
    lines.push(branch(depth, &format!("@{name}:")));
    for child in &group.children {
        graph_group(inventory, child, vars, depth + 1, lines);
    }
    for host in group.hosts.iter().filter(|_| name != "all") {
        lines.push(branch(depth + 1, host));
        if vars {
            graph_vars(inventory.host_vars(host), depth + 2, lines);
        }
    }
    if vars {
        let mut vars = inventory.group_vars(name);
        if group.priority != 1 {
            vars.insert("ansible_group_priority".into(), Value::Int(group.priority));
        }
        graph_vars(vars, depth + 1, lines);
    }
}

fn graph_vars(mut vars: Map, depth: usize, lines: &mut Vec<String>) {
    vars.sort_keys();
    lines.extend(vars.iter().map(|(name, value)| branch(depth, &format!("{{{name} = {value}}}"))));
}

fn branch(depth: usize, text: &str) -> String {
    if depth == 0 { text.to_owned() } else { format!("{}--{text}", "  |".repeat(depth)) }
}
