//! `group_vars` and `host_vars`, and the merge of a host's variables in Ansible's order.

use super::files::{Files, Kind, text, unreadable};
use super::model::Inventory;
use crate::yaml;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// Endings of variable files, in the order in which they are tried.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// The variable files in one directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    directory: PathBuf,
    groups: IndexMap<String, Map>,
    hosts: IndexMap<String, Map>,
}

/// Variables of a host from one place; see [`Inventory::host_layers`].
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<'a> {
    /// Where they come from, for people: "group web in the inventory", "playbooks/group_vars/web".
    pub origin: String,
    /// The variables.
    pub vars: &'a Map,
}

/// Reads the files beside every source and in the directories of playbooks, for the groups and hosts that exist.
pub(super) fn read_beside(
    inventory: &mut Inventory,
    sources: &[String],
    playbook_dirs: &[PathBuf],
    files: &dyn Files,
) -> Result<(), Diagnostic> {
    let mut directories: Vec<PathBuf> = Vec::new();
    for source in sources {
        let path = Path::new(source);
        let directory = match files.kind(path) {
            Kind::Missing => continue,
            Kind::Directory => path,
            Kind::File { .. } => path.parent().unwrap_or(Path::new("")),
        };
        // A directory again: its files have the place of the last source that is in it.
        directories.retain(|known| known != directory);
        directories.push(directory.to_owned());
    }
    for directory in directories {
        let beside = Beside::read(&directory, inventory, files)?;
        inventory.beside_sources.push(beside);
    }
    for directory in playbook_dirs {
        let beside = Beside::read(directory, inventory, files)?;
        inventory.beside_playbooks.insert(directory.clone(), beside);
    }
    Ok(())
}

impl Beside {
    fn read(directory: &Path, inventory: &mut Inventory, files: &dyn Files) -> Result<Self, Diagnostic> {
        let groups: Vec<String> = inventory.groups().keys().cloned().collect();
        let localhost = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let hosts: Vec<String> = inventory.hosts().keys().cloned().chain(localhost).collect();
        Ok(Self {
            directory: directory.to_owned(),
            groups: entities(&directory.join("group_vars"), &groups, inventory, files)?,
            hosts: entities(&directory.join("host_vars"), &hosts, inventory, files)?,
        })
    }

    fn layer<'a>(&self, kind: &str, name: &str, found: &'a IndexMap<String, Map>) -> Option<Layer<'a>> {
        let origin = self.directory.join(kind).join(name).display().to_string();
        found.get(name).map(|vars| Layer { origin, vars })
    }

    fn group(&self, name: &str) -> Option<Layer<'_>> {
        self.layer("group_vars", name, &self.groups)
    }

    fn host(&self, name: &str) -> Option<Layer<'_>> {
        self.layer("host_vars", name, &self.hosts)
    }
}

/// The variables of all `names` that have files in `directory`.
fn entities(
    directory: &Path,
    names: &[String],
    inventory: &mut Inventory,
    files: &dyn Files,
) -> Result<IndexMap<String, Map>, Diagnostic> {
    match files.kind(directory) {
        Kind::Missing => return Ok(IndexMap::new()),
        Kind::File { .. } => {
            inventory.warn(format!("Found {} that is not a directory, skipping it", directory.display()));
            return Ok(IndexMap::new());
        }
        Kind::Directory => {}
    }
    let mut found = IndexMap::new();
    for name in names.iter().filter(|name| !name.starts_with('/')) {
        let mut vars = Map::new();
        for file in entity_files(directory, name, files)? {
            vars.extend(read_vars(&file, inventory, files)?);
        }
        if !vars.is_empty() {
            found.insert(name.clone(), vars);
        }
    }
    Ok(found)
}

/// The first of `NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json` that exists; of a directory, all files in it.
fn entity_files(directory: &Path, name: &str, files: &dyn Files) -> Result<Vec<PathBuf>, Diagnostic> {
    for ending in ENDINGS {
        let path = directory.join(format!("{name}{ending}"));
        match files.kind(&path) {
            Kind::Missing => {}
            Kind::Directory => return files_below(&path, files),
            Kind::File { .. } => return Ok(vec![path]),
        }
    }
    Ok(Vec::new())
}

fn files_below(directory: &Path, files: &dyn Files) -> Result<Vec<PathBuf>, Diagnostic> {
    let names = files.list(directory).map_err(|error| unreadable(&directory.display().to_string(), &error))?;
    let mut found = Vec::new();
    for name in names.iter().filter(|name| !name.starts_with('.') && !name.ends_with('~')) {
        let path = directory.join(name);
        let ending = path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
        match files.kind(&path) {
            Kind::Directory if ending.is_empty() => found.extend(files_below(&path, files)?),
            Kind::File { .. } if ENDINGS.contains(&ending.as_str()) => found.push(path),
            _ => {}
        }
    }
    Ok(found)
}

fn read_vars(path: &Path, inventory: &mut Inventory, files: &dyn Files) -> Result<Map, Diagnostic> {
    let source = text(path, files)?;
    if source.text.starts_with("$ANSIBLE_VAULT;") {
        return Err(Diagnostic::new(ErrorKind::Input, format!("{} is encrypted with Ansible Vault", source.name))
            .note("enlist cannot decrypt whole variable files yet"));
    }
    let parsed = yaml::read(&source)?;
    inventory.warnings.extend(parsed.warnings.iter().cloned());
    let Some(root) = parsed.single()? else { return Ok(Map::new()) };
    match root.to_value() {
        Value::Map(vars) => Ok(vars),
        value if !value.is_truthy() => Ok(Map::new()),
        _ => Err(root.error(format!("a variable file is a mapping, but this is {}", root.kind_name()))),
    }
}

impl Inventory {
    /// The host's variables from the inventory, `group_vars` and `host_vars`, merged (levels 3 to 10 of Ansible's
    /// precedence). Mappings replace each other whole. An implicit localhost has those of `all` and a local connection.
    pub fn host_vars(&self, host: &str) -> Map {
        self.merged(host, self.beside_playbooks.values().next())
    }

    /// As [`Inventory::host_vars`] for plays of a file in `playbook_dir`, one of those that were read.
    pub fn host_vars_beside(&self, host: &str, playbook_dir: &Path) -> Map {
        self.merged(host, self.beside_playbooks.get(playbook_dir))
    }

    fn merged(&self, host: &str, beside_playbook: Option<&Beside>) -> Map {
        let mut merged = Map::new();
        for layer in self.layers(host, beside_playbook) {
            merged.extend(layer.vars.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if self.is_implicit_localhost(host) {
            merged.entry("ansible_connection".into()).or_insert_with(|| "local".into());
        }
        merged
    }

    /// Where the host's variables come from, weakest first.
    pub fn host_layers(&self, host: &str) -> Vec<Layer<'_>> {
        self.layers(host, self.beside_playbooks.values().next())
    }

    fn layers<'a>(&'a self, host: &str, beside_playbook: Option<&'a Beside>) -> Vec<Layer<'a>> {
        let besides = || self.beside_sources.iter().chain(beside_playbook);
        let groups = self.groups_by_strength(host);
        let (all, others) = groups.split_at(1);
        let mut layers: Vec<Layer> = groups.iter().filter_map(|group| self.group_layer(group)).collect();
        for groups in [all, others] {
            layers.extend(besides().flat_map(|beside| groups.iter().filter_map(|group| beside.group(group))));
        }
        layers.extend(self.host(host).map(|found| Layer { origin: "host in the inventory".into(), vars: &found.vars }));
        layers.extend(besides().filter_map(|beside| beside.host(host)));
        layers.retain(|layer| !layer.vars.is_empty());
        layers
    }

    /// The group's own variables: from the inventory and from its `group_vars`, those of other groups left out.
    pub fn group_vars(&self, group: &str) -> Map {
        let besides = self.beside_sources.iter().chain(self.beside_playbooks.values().next());
        let layers = self.group_layer(group).into_iter().chain(besides.filter_map(|beside| beside.group(group)));
        layers.flat_map(|layer| layer.vars.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
    }

    fn group_layer(&self, group: &str) -> Option<Layer<'_>> {
        let vars = &self.groups().get(group)?.vars;
        Some(Layer { origin: format!("group {group} in the inventory"), vars })
    }
}
