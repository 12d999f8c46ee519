//! Which variables a task sees on a host, in Ansible's order of precedence.

use crate::playbook::model::Vars;
use crate::template::{Lookup, Scope};
use crate::value::{Map, Value};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known of all hosts: inventory, facts, registered results.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Every inventory host, in order.
    pub hosts: IndexMap<String, HostVars>,
    /// The magic variable `groups`.
    pub groups: Value,
    /// Variables from the command line; the strongest.
    pub extra: Map,
    /// Magic variables that are the same for all hosts and plays (`ansible_check_mode`, …).
    pub constants: Map,
}

/// One host's variables that last for the whole run.
#[derive(Clone, Debug, Default)]
pub struct HostVars {
    /// From the inventory, merged.
    pub inventory: Arc<Map>,
    /// The groups it is in, without `all`, sorted.
    pub group_names: Vec<String>,
    /// The inventory file that names it first.
    pub file: Option<PathBuf>,
    /// Facts, without the prefix `ansible_`.
    pub facts: Arc<Map>,
    /// From `include_vars`; templates.
    pub included: Arc<Map>,
    /// Registered results and `set_fact`.
    pub registered: Arc<Map>,
}

/// A play's variables.
#[derive(Clone, Debug, Default)]
pub struct PlayVars {
    /// `vars:` of the play.
    pub vars: Vec<Vars>,
    /// `vars_files:` of the play, later ones stronger.
    pub files: Vec<Vars>,
    /// Magic variables of the play (`ansible_play_hosts`, `playbook_dir`, …).
    pub magic: Map,
}

/// What one task sees on one host.
#[derive(Clone, Debug)]
pub struct HostScope {
    /// The inventory name.
    pub name: String,
    /// That host's own variables.
    pub host: HostVars,
    /// All hosts.
    pub world: Arc<World>,
    /// The play's variables.
    pub play: Arc<PlayVars>,
    /// `vars:` of blocks and the task, innermost last.
    pub task: Vec<Vars>,
}

impl HostScope {
    /// The layers above the play's own, strongest first, each with whether its texts are templates.
    fn lookup_layers(&self, name: &str) -> Option<Lookup> {
        let trusted = |value: &Value| Lookup::Trusted(Arc::new(value.clone()));
        let data = |value: &Value| Lookup::Data(Arc::new(value.clone()));
        let newest = |layers: &[Vars]| layers.iter().rev().find_map(|layer| layer.get(name)).map(trusted);
        let inventory = || self.host.inventory.get(name).map(trusted);
        self.world
            .extra
            .get(name)
            .map(trusted)
            .or_else(|| self.host.registered.get(name).map(data))
            .or_else(|| self.host.included.get(name).map(trusted))
            .or_else(|| newest(&self.task))
            .or_else(|| newest(&self.play.files))
            .or_else(|| newest(&self.play.vars))
            .or_else(|| self.fact(name).map(data))
            .or_else(inventory)
    }

    /// Facts are also variables with the prefix `ansible_`.
    fn fact(&self, name: &str) -> Option<&Value> {
        self.host.facts.get(name).filter(|_| name.starts_with("ansible_")).or_else(|| {
            let short = name.strip_prefix("ansible_")?;
            self.host.facts.get(short)
        })
    }

    fn magic(&self, name: &str) -> Option<Value> {
        match name {
            "inventory_hostname" => Some(self.name.as_str().into()),
            "inventory_hostname_short" => self.name.split('.').next().map(Value::from),
            "inventory_file" => self.host.file.as_deref().map(path),
            "inventory_dir" => self.host.file.as_deref().and_then(Path::parent).map(path),
            "group_names" => Some(texts(&self.host.group_names)),
            "groups" => Some(self.world.groups.clone()),
            "ansible_facts" => Some(Value::Map((*self.host.facts).clone())),
            _ => self.play.magic.get(name).or_else(|| self.world.constants.get(name)).cloned(),
        }
    }
}

impl Scope for HostScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        if name == "hostvars" {
            return Some(Lookup::Scope(Arc::new(HostsScope(self.world.clone()))));
        }
        match self.magic(name) {
            Some(value) => Some(Lookup::Data(Arc::new(value))),
            None => self.lookup_layers(name),
        }
    }

    fn names(&self) -> Vec<String> {
        let layers = self.task.iter().chain(&self.play.files).chain(&self.play.vars).flat_map(|layer| layer.keys());
        let own = self
            .world
            .extra
            .keys()
            .chain(self.host.registered.keys())
            .chain(self.host.included.keys())
            .chain(self.host.inventory.keys());
        let magic = self.play.magic.keys().chain(self.world.constants.keys()).cloned();
        let fixed = ["inventory_hostname", "group_names", "groups", "hostvars", "ansible_facts"].map(str::to_owned);
        layers.chain(own).cloned().chain(magic).chain(fixed).collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name != "hostvars").collect()
    }
}

/// `hostvars`: every host's variables by its name.
struct HostsScope(Arc<World>);

impl Scope for HostsScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        let host = self.0.hosts.get(name)?.clone();
        let play = Arc::new(PlayVars::default());
        let scope = HostScope { name: name.to_owned(), host, world: self.0.clone(), play, task: Vec::new() };
        Some(Lookup::Scope(Arc::new(scope)))
    }

    fn names(&self) -> Vec<String> {
        self.0.hosts.keys().cloned().collect()
    }
}

/// A scope with a few variables more: the loop's item, the result in `changed_when`.
pub struct LocalScope {
    /// What it adds to.
    pub base: Arc<dyn Scope>,
    /// The additions. Data: they are never templates.
    pub local: Map,
}

impl Scope for LocalScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        match self.local.get(name) {
            Some(value) => Some(Lookup::Data(Arc::new(value.clone()))),
            None => self.base.lookup(name),
        }
    }

    fn names(&self) -> Vec<String> {
        self.local.keys().cloned().chain(self.base.names()).collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.local.keys().cloned().chain(self.base.own_names()).collect()
    }
}

/// A scope with layers of templates on top.
pub struct VarsScope {
    /// What it adds to.
    pub base: Arc<dyn Scope>,
    /// The layers, the strongest last.
    pub vars: Vec<Vars>,
}

impl Scope for VarsScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        match self.vars.iter().rev().find_map(|layer| layer.get(name)) {
            Some(value) => Some(Lookup::Trusted(Arc::new(value.clone()))),
            None => self.base.lookup(name),
        }
    }

    fn names(&self) -> Vec<String> {
        self.vars.iter().flat_map(|layer| layer.keys().cloned()).chain(self.base.names()).collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.vars.iter().flat_map(|layer| layer.keys().cloned()).chain(self.base.own_names()).collect()
    }
}

/// `base` with `local` on top.
pub fn with_local(base: &Arc<dyn Scope>, local: Map) -> Arc<dyn Scope> {
    match local.is_empty() {
        true => base.clone(),
        false => Arc::new(LocalScope { base: base.clone(), local }),
    }
}

fn path(path: &Path) -> Value {
    path.display().to_string().into()
}

/// A list of texts.
pub fn texts(names: &[String]) -> Value {
    Value::List(names.iter().map(|name| name.as_str().into()).collect())
}
