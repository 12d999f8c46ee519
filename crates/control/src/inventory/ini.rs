//! Ansible's INI inventories: `[group]`, `[group:children]`, `[group:vars]`, host lines.

use super::hostname::{address, expand};
use super::line_words::{self, Word};
use super::model::Inventory;
use indexmap::IndexMap;
use std::path::PathBuf;
use std::sync::Arc;
use words::diag::{Diagnostic, Place, Source};
use words::value::{Map, Value, python};

/// What the lines below a header say.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// A group that is used before it is declared.
struct Pending {
    place: Place,
    /// The groups that want it as a child; empty if it only has variables so far.
    parents: Vec<String>,
}

struct Parser<'a> {
    inventory: &'a mut Inventory,
    file: Option<&'a PathBuf>,
    group: String,
    section: Section,
    pending: IndexMap<String, Pending>,
}

/// One line: stripped, and where it starts.
struct Line<'a> {
    text: &'a str,
    place: Place,
}

impl Line<'_> {
    /// The place `column` characters (from 1) into the stripped line.
    fn at(&self, column: u32) -> Place {
        Place::new(&self.place.source, self.place.line, self.place.column + column - 1)
    }

    fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::input(&self.place, message)
    }
}

/// Reads an INI inventory into `inventory`; `file` is noted with hosts that are new.
pub(super) fn parse(source: &Arc<Source>, inventory: &mut Inventory, file: Option<&PathBuf>) -> Result<(), Diagnostic> {
    let mut parser =
        Parser { inventory, file, group: "ungrouped".into(), section: Section::Hosts, pending: IndexMap::new() };
    for (number, text) in (1..).zip(source.text.lines()) {
        let stripped = text.trim();
        if !stripped.is_empty() && !stripped.starts_with(['#', ';']) {
            let indent = text.chars().take_while(|c| c.is_whitespace()).count() as u32;
            parser.line(&Line { text: stripped, place: Place::new(source, number, indent + 1) })?;
        }
    }
    parser.finish()
}

impl Parser<'_> {
    fn line(&mut self, line: &Line) -> Result<(), Diagnostic> {
        if let Some((name, kind)) = header(line.text) {
            return self.header(line, name, kind);
        }
        if line.text.starts_with('[') && line.text.ends_with(']') {
            return Err(line
                .error(format!("Invalid section entry: '{}'", line.text))
                .hint("a section is `[group]`, `[group:children]` or `[group:vars]`, without blanks inside"));
        }
        match self.section {
            Section::Hosts => self.host(line),
            Section::Vars => self.variable(line),
            Section::Children => self.child(line),
        }
    }

    fn header(&mut self, line: &Line, name: &str, kind: Option<&str>) -> Result<(), Diagnostic> {
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("children") => Section::Children,
            Some("vars") => Section::Vars,
            Some(kind) => {
                return Err(line
                    .error(format!("Section [{name}:{kind}] has unknown type: {kind}"))
                    .suggest(kind, ["hosts", "children", "vars"])
                    .hint("known types are hosts, children and vars"));
            }
        };
        self.group = name.to_owned();
        if self.section == Section::Vars {
            if !self.inventory.groups().contains_key(name) && !self.pending.contains_key(name) {
                self.pending.insert(name.to_owned(), Pending { place: line.at(2), parents: Vec::new() });
            }
            self.inventory.add_group(name);
            return Ok(());
        }
        self.inventory.add_group(name);
        let parents = self.pending.shift_remove(name).map(|pending| pending.parents).unwrap_or_default();
        parents.iter().try_for_each(|parent| self.inventory.add_child(parent, name)).map_err(|error| line.error(error))
    }

    fn host(&mut self, line: &Line) -> Result<(), Diagnostic> {
        let words = line_words::split(line.text).map_err(|unclosed| {
            Diagnostic::input(&line.at(unclosed.column), unclosed.message)
                .note("host lines are split like a shell's: quotes and backslashes count")
        })?;
        // A line that is only a comment after a quote trick has no words; there is no host in it.
        let Some((host, variables)) = words.split_first() else { return Ok(()) };
        let (names, port) = host_names(host).map_err(|error| error.at(&line.at(host.column)))?;
        let variables = variables.iter().map(|word| assignment(line, word)).collect::<Result<Map, _>>()?;
        for name in names {
            self.inventory.add_host(&name, &self.group, port, self.file);
            self.inventory.set_host_vars(&name, variables.clone());
        }
        Ok(())
    }

    fn variable(&mut self, line: &Line) -> Result<(), Diagnostic> {
        let Some((name, value)) = line.text.split_once('=') else {
            return Err(line
                .error(format!("Expected key=value, got: {}", line.text))
                .note(format!("this line is in the section [{}:vars]", self.group)));
        };
        let set = self.inventory.set_group_var(&self.group, name.trim(), typed(value.trim()));
        set.map_err(|error| line.error(error))
    }

    fn child(&mut self, line: &Line) -> Result<(), Diagnostic> {
        let Some(child) = group_name(line.text) else {
            return Err(line
                .error(format!("Expected group name, got: {}", line.text))
                .note(format!("this line is in the section [{}:children]", self.group)));
        };
        if self.inventory.groups().contains_key(child) {
            return self.inventory.add_child(&self.group, child).map_err(|error| line.error(error));
        }
        let place = line.place.clone();
        let pending = self.pending.entry(child.to_owned()).or_insert(Pending { place, parents: Vec::new() });
        pending.parents.push(self.group.clone());
        Ok(())
    }

    fn finish(self) -> Result<(), Diagnostic> {
        let Some((name, pending)) = self.pending.first() else { return Ok(()) };
        let message = match pending.parents.last() {
            Some(parent) => format!("Section [{parent}:children] includes undefined group '{name}'"),
            None => format!("Section [{name}:vars] not valid for undefined group '{name}'"),
        };
        let known = self.inventory.groups().keys().map(String::as_str).filter(|group| group != name);
        Err(Diagnostic::input(&pending.place, message)
            .suggest(name, known)
            .hint(format!("declare the group with a line `[{name}]`")))
    }
}

/// `[name]` or `[name:kind]` with an optional comment; `None` if the line is no header.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    if !matches!(rest.trim_start().chars().next(), None | Some('#')) {
        return None;
    }
    let (name, kind) = match inner.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inner, None),
    };
    let is_word = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    (!name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(is_word)).then_some((name, kind))
}

/// A group's name with an optional comment.
fn group_name(line: &str) -> Option<&str> {
    let end = line.find(|c: char| c.is_whitespace() || matches!(c, ':' | ']')).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    (!name.is_empty() && matches!(rest.trim_start().chars().next(), None | Some('#'))).then_some(name)
}

fn host_names(word: &Word) -> Result<(Vec<String>, Option<u16>), Diagnostic> {
    let (names, port) = names_and_port(&word.text)?;
    if word.text == "---" {
        return Err(
            wrong_host(&word.text, "'---' starts a YAML file").hint("name the file .yml if it is a YAML inventory")
        );
    }
    if word.text.ends_with(':') && port.is_none() {
        return Err(wrong_host(&word.text, "a name may not end in ':', which stands before a port")
            .hint("name the file .yml if it is a YAML inventory"));
    }
    Ok((names, port))
}

/// The hosts that a pattern of any inventory format means, and their port. The error has no place yet.
pub(super) fn names_and_port(text: &str) -> Result<(Vec<String>, Option<u16>), Diagnostic> {
    let (pattern, port) = address(text).map_or((text, None), |address| (address.host, address.port));
    let names = expand(pattern).map_err(|why| wrong_host(text, &why))?;
    Ok((names, port))
}

fn wrong_host(text: &str, why: &str) -> Diagnostic {
    use words::diag::ErrorKind::Input;
    Diagnostic::new(Input, format!("Invalid host pattern '{text}'")).note(why)
}

fn assignment(line: &Line, word: &Word) -> Result<(String, Value), Diagnostic> {
    match word.text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), typed(value))),
        None => Err(Diagnostic::input(
            &line.at(word.column),
            format!("Expected key=value host variable assignment, got: {}", word.text),
        )
        .hint("write `key=value` without blanks around `=`, and quote a value that holds blanks: `key='a b'`")),
    }
}

/// A Python literal is its value; everything else is text.
fn typed(text: &str) -> Value {
    python::literal(text).unwrap_or_else(|| Value::from(text))
}
