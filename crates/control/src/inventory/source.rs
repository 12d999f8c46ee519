//! One inventory source: finds out what it is and reads it.

use super::files::{Files, Kind, text, text_with_any_comments, unreadable};
use super::model::Inventory;
use super::{hostname, ini, script, yaml};
use crate::yaml as values;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Source};

/// Names in an inventory directory that are no sources.
const IGNORED_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];
const IGNORED_ENDINGS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// Reads one `-i` argument into `inventory`.
pub(super) fn read(inventory: &mut Inventory, name: &str, files: &dyn Files) -> Result<(), Diagnostic> {
    let path = Path::new(name);
    match files.kind(path) {
        Kind::Missing if name.contains(',') => host_list(inventory, name),
        Kind::Missing => Err(Diagnostic::new(ErrorKind::Usage, format!("there is no inventory {name}"))
            .hint("a list of hosts needs a comma, also after a single one: `-i host1,`")),
        Kind::Directory => directory(inventory, path, files),
        Kind::File { executable } => file(inventory, path, executable, files),
    }
}

fn host_list(inventory: &mut Inventory, list: &str) -> Result<(), Diagnostic> {
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let known = hostname::address(text).filter(|address| !address.host.contains('['));
        let (name, port) = known.map_or((text, None), |address| (address.host, address.port));
        if inventory.host(name).is_none() {
            inventory.add_host(name, "ungrouped", port, None);
        }
    }
    Ok(())
}

fn directory(inventory: &mut Inventory, path: &Path, files: &dyn Files) -> Result<(), Diagnostic> {
    let names = files.list(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
    let is_source = |name: &&String| {
        !name.starts_with('.')
            && !IGNORED_NAMES.contains(&name.as_str())
            && !IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    for name in names.iter().filter(is_source) {
        let inner = path.join(name);
        match files.kind(&inner) {
            Kind::Missing => {}
            Kind::Directory => directory(inventory, &inner, files)?,
            Kind::File { executable } => file(inventory, &inner, executable, files)?,
        }
    }
    Ok(())
}

fn file(inventory: &mut Inventory, path: &Path, executable: bool, files: &dyn Files) -> Result<(), Diagnostic> {
    if executable && is_program(path, files)? {
        return run_script(inventory, path, files);
    }
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yml" | "yaml" | "json") => read_yaml(inventory, &text(path, files)?, &full),
        Some("toml") => Err(Diagnostic::new(ErrorKind::Input, format!("{} is a TOML inventory", path.display()))
            .note("enlist reads INI, YAML and JSON inventories")
            .hint("convert it: ansible-inventory -i FILE --list -y --export")),
        None => read_either(inventory, &text_with_any_comments(path, files)?, &full),
        Some(_) => ini::parse(&text_with_any_comments(path, files)?, inventory, Some(&full)),
    }
}

/// A file without an extension is YAML if it reads as a mapping, INI otherwise.
fn read_either(inventory: &mut Inventory, source: &Arc<Source>, full: &PathBuf) -> Result<(), Diagnostic> {
    let first = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let looks_like_yaml = first.is_some_and(|line| line == "---" || line.ends_with(':') || line.starts_with('{'));
    if looks_like_yaml { read_yaml(inventory, source, full) } else { ini::parse(source, inventory, Some(full)) }
}

fn read_yaml(inventory: &mut Inventory, source: &Arc<Source>, full: &PathBuf) -> Result<(), Diagnostic> {
    let parsed = values::read(source)?;
    inventory.warnings.extend(parsed.warnings.iter().cloned());
    match parsed.single()? {
        Some(root) => yaml::parse(&root, inventory, Some(full)),
        None => Err(Diagnostic::new(ErrorKind::Input, format!("the YAML inventory {} is empty", source.name))),
    }
}

/// Whether an executable file really is a program: shares mounted without permissions mark every file executable.
fn is_program(path: &Path, files: &dyn Files) -> Result<bool, Diagnostic> {
    let bytes = files.read(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
    Ok(bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF"))
}

fn run_script(inventory: &mut Inventory, path: &Path, files: &dyn Files) -> Result<(), Diagnostic> {
    let name = path.display().to_string();
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let answer = run(path, &["--list"], files)?;
    script::parse(&name, &answer, inventory, Some(&full), |host| {
        script::parse_host(&name, &run(path, &["--host", host], files)?)
    })
}

/// The standard output of a script that ended well.
fn run(path: &Path, args: &[&str], files: &dyn Files) -> Result<String, Diagnostic> {
    let command = format!("{} {}", path.display(), args.join(" "));
    let failed =
        |why: String| Diagnostic::new(ErrorKind::Input, format!("the inventory script failed: {command}")).note(why);
    let Output { status, stdout, stderr } = files.run(path, args).map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let error = failed(format!("it ended with {status}"));
        let said = String::from_utf8_lossy(&stderr).trim().to_owned();
        return Err(if said.is_empty() { error } else { error.note(format!("it said: {said}")) });
    }
    String::from_utf8(stdout).map_err(|_| failed("its output is not UTF-8".into()))
}
