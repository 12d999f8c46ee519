//! Dynamic inventories: the JSON that a script prints for `--list` (and `--host NAME`).

use super::model::Inventory;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind, Place, Source};
use words::value::{Map, Value};

/// Reads a script's answer to `--list` into `inventory`. `host_vars` asks the script for one host, and is only called
/// when the answer has no `_meta.hostvars`.
pub(super) fn parse(
    name: &str,
    answer: &str,
    inventory: &mut Inventory,
    file: Option<&PathBuf>,
    host_vars: impl Fn(&str) -> Result<Map, Diagnostic>,
) -> Result<(), Diagnostic> {
    let groups = mapping(name, answer)?;
    let meta = match groups.get("_meta").map(|meta| meta.get("hostvars")) {
        Some(Some(Value::Map(hosts))) => Some(hosts),
        Some(Some(other)) => return Err(wrong(name, format!("`_meta.hostvars` is {}", describe(other)))),
        Some(None) | None => None,
    };
    let mut hosts: Vec<String> = Vec::new();
    for (group, data) in groups.iter().filter(|(group, _)| *group != "_meta") {
        hosts.extend(read_group(group, data, inventory, file).map_err(|message| wrong(name, message))?);
    }
    for host in hosts {
        let vars = match meta {
            Some(meta) => match meta.get(&host) {
                Some(Value::Map(vars)) => vars.clone(),
                None => Map::new(),
                Some(other) => return Err(wrong(name, format!("the variables of `{host}` are {}", describe(other)))),
            },
            None => host_vars(&host)?,
        };
        inventory.set_host_vars(&host, vars);
    }
    Ok(())
}

/// A script's answer to `--host`: a mapping of variables, or nothing.
pub(super) fn parse_host(name: &str, answer: &str) -> Result<Map, Diagnostic> {
    if answer.trim().is_empty() { Ok(Map::new()) } else { mapping(name, answer) }
}

fn mapping(name: &str, answer: &str) -> Result<Map, Diagnostic> {
    match Value::from_json(answer) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(other) => Err(wrong(name, format!("it is {}", describe(&other)))),
        Err(error) => {
            let source = Source::new(format!("{name} (its output)"), answer);
            let place = Place::new(&source, error.line().max(1) as u32, error.column().max(1) as u32);
            Err(Diagnostic::input(&place, format!("the inventory script {name} did not print JSON"))
                .note(error.to_string()))
        }
    }
}

/// Adds one group and gives its hosts.
fn read_group(
    group: &str,
    data: &Value,
    inventory: &mut Inventory,
    file: Option<&PathBuf>,
) -> Result<Vec<String>, String> {
    inventory.add_group(group);
    let listed = Value::from_iter([("hosts", data.clone())]);
    // A mapping without any of the three keys is taken for the variables of a host with the group's name.
    let lone = Value::from_iter([("hosts", Value::from(vec![Value::from(group)])), ("vars", data.clone())]);
    let data = match data {
        Value::Map(map) if ["hosts", "vars", "children"].iter().any(|key| map.contains_key(*key)) => data,
        Value::Map(_) => &lone,
        _ => &listed,
    };
    let hosts = names(group, "hosts", data)?;
    for host in &hosts {
        inventory.add_host(host, group, None, file);
    }
    match data.get("vars") {
        Some(Value::Map(vars)) => {
            vars.iter().try_for_each(|(name, value)| inventory.set_group_var(group, name, value.clone()))?;
        }
        None => {}
        Some(other) => return Err(format!("`{group}.vars` is {} instead of an object", describe(other))),
    }
    for child in names(group, "children", data)? {
        inventory.add_child(group, &child)?;
    }
    Ok(hosts)
}

fn names(group: &str, key: &str, data: &Value) -> Result<Vec<String>, String> {
    let wrong = |value: &Value| format!("`{group}.{key}` holds {} instead of a list of names", describe(value));
    match data.get(key) {
        None => Ok(Vec::new()),
        Some(Value::List(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(item))).collect()
        }
        Some(other) => Err(wrong(other)),
    }
}

fn wrong(name: &str, message: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("the inventory script {name} printed something else than an inventory"))
        .note(message)
}

fn describe(value: &Value) -> String {
    format!("a {}", value.type_name())
}
