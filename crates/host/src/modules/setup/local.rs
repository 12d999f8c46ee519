//! A host's own facts: `*.fact` files, as JSON, as INI, or as programs that print JSON.

use super::Facts;
use crate::change::outcome::Failure;
use crate::system::{Command, FileKind};
use std::path::Path;
use words::value::{Map, Value};

/// `ansible_local`: one entry a file.
pub fn gather(facts: &mut Facts, directory: &Path) -> Result<(), Failure> {
    let mut found = Map::new();
    let is_directory = facts.system.stat(directory, true)?.is_some_and(|stat| stat.kind == FileKind::Directory);
    let names = if is_directory { facts.system.list(directory)? } else { Vec::new() };
    for name in names {
        let Some(fact) = name.to_str().and_then(|name| name.strip_suffix(".fact")) else { continue };
        let path = directory.join(&name);
        let Some(stat) = facts.system.stat(&path, true)? else { continue };
        let text = match stat.mode & 0o111 {
            0 => facts.text(&path.to_string_lossy()),
            _ => match facts.system.query(&Command::new([&path])) {
                Ok(output) if output.code == 0 => String::from_utf8_lossy(&output.stdout).into_owned(),
                Ok(output) => format!("error: {} ended with code {}", path.display(), output.code),
                Err(error) => format!("error: {error}"),
            },
        };
        found.insert(fact.to_owned(), parse(&text));
    }
    facts.set("local", found);
    Ok(())
}

/// JSON, else INI, else an error text, as in Ansible.
pub fn parse(text: &str) -> Value {
    if let Ok(value) = Value::from_json(text) {
        return value;
    }
    ini(text)
        .map_or_else(|| format!("error loading facts as JSON or ini - please check content: {text}").into(), Value::Map)
}

/// Sections of texts; names are lower case, as Python's configparser makes them.
fn ini(text: &str) -> Option<Map> {
    let mut sections = Map::new();
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.entry(name.to_owned()).or_insert_with(|| Value::Map(Map::new()));
            current = Some(name.to_owned());
            continue;
        }
        let (name, value) = line.split_once(['=', ':'])?;
        let Some(Value::Map(section)) = sections.get_mut(current.as_ref()?) else { return None };
        section.insert(name.trim().to_lowercase(), value.trim().into());
    }
    (!sections.is_empty()).then_some(sections)
}
