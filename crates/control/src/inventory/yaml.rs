//! YAML inventories: groups with `hosts`, `children` and `vars`.

use super::ini::names_and_port;
use super::model::Inventory;
use std::path::PathBuf;
use words::diag::Diagnostic;
use words::value::node::{Kind, Node};
use words::value::{Map, Value};

/// Reads a YAML inventory (the one document of a file) into `inventory`.
pub(super) fn parse(root: &Node, inventory: &mut Inventory, file: Option<&PathBuf>) -> Result<(), Diagnostic> {
    let Some(groups) = root.entries().filter(|groups| !groups.is_empty()) else {
        return Err(root
            .error(format!("a YAML inventory is a mapping of groups, but this is {}", root.kind_name()))
            .hint("start with `all:`, and below it `hosts:`"));
    };
    if let Some((plugin, _)) = root.entry("plugin") {
        return Err(plugin.error("this file configures an Ansible inventory plugin, which enlist does not run").hint(
            "use a script that prints JSON, or save its result: ansible-inventory --list -y --output hosts.yml",
        ));
    }
    let mut reader = Reader { inventory, file };
    groups.iter().try_for_each(|(name, group)| reader.group(name, group))
}

struct Reader<'a> {
    inventory: &'a mut Inventory,
    file: Option<&'a PathBuf>,
}

impl Reader<'_> {
    fn group(&mut self, name: &Node, group: &Node) -> Result<(), Diagnostic> {
        let Some(text) = name.as_str().filter(|text| !text.is_empty()) else {
            return Err(name.error(format!("a group's name is text, but this is {}", name.kind_name())));
        };
        if group.entries().is_none() && !group.is_null() {
            return Err(group
                .error(format!("the group `{text}` is a mapping, but this is {}", group.kind_name()))
                .hint("write its hosts below `hosts:`, one a line, each followed by a colon"));
        }
        self.inventory.add_group(text);
        for (key, value) in group.entries().unwrap_or_default() {
            match key.as_str() {
                Some("hosts") => {
                    section(text, key, value)?.iter().try_for_each(|(h, vars)| self.hosts(text, h, vars))?
                }
                Some("children") => {
                    section(text, key, value)?.iter().try_for_each(|(child, group)| self.child(text, child, group))?;
                }
                Some("vars") => section(text, key, value)?.iter().try_for_each(|(n, v)| self.variable(text, n, v))?,
                _ => self.skip(text, key),
            }
        }
        Ok(())
    }

    fn child(&mut self, parent: &str, name: &Node, group: &Node) -> Result<(), Diagnostic> {
        self.group(name, group)?;
        self.inventory.add_child(parent, &name.key_text()).map_err(|error| name.error(error))
    }

    fn variable(&mut self, group: &str, name: &Node, value: &Node) -> Result<(), Diagnostic> {
        let set = self.inventory.set_group_var(group, &name.key_text(), value.to_value());
        set.map_err(|error| value.error(error))
    }

    fn hosts(&mut self, group: &str, pattern: &Node, vars: &Node) -> Result<(), Diagnostic> {
        let Some(text) = pattern.as_str() else {
            return Err(pattern
                .error(format!("a host's name is text, but this is {}", pattern.kind_name()))
                .hint("put it in quotes"));
        };
        let (names, port) = names_and_port(text).map_err(|error| error.at(&pattern.place))?;
        let vars = match vars.to_value() {
            Value::Map(vars) => vars,
            value if !value.is_truthy() => Map::new(),
            _ => {
                return Err(vars
                    .error(format!("the variables of host `{text}` are a mapping, but this is {}", vars.kind_name())));
            }
        };
        for name in names {
            self.inventory.add_host(&name, group, port, self.file);
            self.inventory.set_host_vars(&name, vars.clone());
        }
        Ok(())
    }

    fn skip(&mut self, group: &str, key: &Node) {
        let key_text = key.key_text();
        let warning = key
            .error(format!("Skipping unexpected key ({key_text}) in group ({group})"))
            .suggest(&key_text, ["vars", "children", "hosts"])
            .note("only \"vars\", \"children\" and \"hosts\" are valid");
        self.inventory.warnings.push(warning);
    }
}

/// The entries of `hosts`, `children` or `vars`: a mapping, nothing, or one name as text.
fn section(group: &str, key: &Node, value: &Node) -> Result<Vec<(Node, Node)>, Diagnostic> {
    match &value.kind {
        Kind::Map(entries) => Ok(entries.clone()),
        Kind::Scalar(Value::Null) => Ok(Vec::new()),
        Kind::Scalar(Value::String(_)) => {
            let nothing = Node { kind: Kind::Scalar(Value::Null), place: value.place.clone(), tag: None };
            Ok(vec![(value.clone(), nothing)])
        }
        _ => {
            let key = key.key_text();
            let message = format!(
                "Invalid \"{key}\" entry for \"{group}\" group, requires a mapping, found {}",
                value.kind_name()
            );
            let error = value.error(message);
            Err(if value.items().is_some() {
                error.hint(format!("write `NAME:` lines below `{key}:`, without `-`"))
            } else {
                error
            })
        }
    }
}
