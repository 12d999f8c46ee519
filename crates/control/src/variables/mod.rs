//! Which variables a task sees on a host, in Ansible's order of precedence.
//!
//! There is one way to make a scope, [`HostScope`], for tasks and their titles, `meta`, handlers, delegation and the
//! texts of plays; [`LEVELS`] is its one table of precedence.

pub mod facts;
pub mod target;

use crate::inventory::Inventory;
use crate::playbook::Task;
use crate::playbook::model::Vars;
use crate::template::{Lookup, Scope};
use facts::Facts;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use words::diag::Source;
use words::value::{Map, Shared, Value, shared};

/// What is known of all hosts: inventory, facts, registered results.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Every inventory host, in order.
    pub hosts: IndexMap<String, HostVars>,
    /// Who finds hosts by patterns.
    pub inventory: Option<Arc<Inventory>>,
    /// The magic variable `groups`.
    pub groups: Arc<Value>,
    /// Variables from the command line.
    pub extra: Vars,
    /// Magic variables that are the same for all hosts and plays (`ansible_check_mode`, …).
    pub constants: Shared,
}

/// One host's variables that last for the whole run.
#[derive(Clone, Debug, Default)]
pub struct HostVars {
    /// From the inventory, merged.
    pub inventory: Vars,
    /// The groups it is in, without `all`, sorted.
    pub group_names: Arc<[String]>,
    /// The inventory file that names it first.
    pub file: Option<PathBuf>,
    /// Whether no inventory names it: this machine, which is there anyway.
    pub is_implicit: bool,
    /// What it said of itself.
    pub facts: Arc<Facts>,
    /// From `include_vars`; templates.
    pub included: Vars,
    /// Registered results and `set_fact`.
    pub registered: Vars,
}

/// A play's variables.
#[derive(Clone, Debug, Default)]
pub struct PlayVars {
    /// `vars:` of the play.
    pub vars: Vec<Vars>,
    /// `vars_files:` of the play, later ones stronger.
    pub files: Vec<Vars>,
    /// Magic variables of the play (`ansible_play_hosts`, `playbook_dir`, …).
    pub magic: Shared,
    /// What the includes around the task at hand give to their files, outermost first.
    pub passed: Vec<Passed>,
}

/// What an include gives to the tasks of its file.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// Its `vars`; templates, which see the variables of the task that reads them.
    pub vars: Vars,
    /// The item of its loop, and what belongs to it; data. Stronger than `vars`.
    pub item: Vars,
}

impl Passed {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        let item = self.item.get(name).cloned().map(Lookup::Data);
        item.or_else(|| self.vars.get(name).cloned().map(Lookup::Trusted))
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.vars.keys().chain(self.item.keys())
    }
}

/// Where a variable can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// A loop's item and what belongs to it.
    Item,
    /// `-e`.
    Extra,
    /// `vars` and items of the includes around, inner ones stronger; of an include itself, its own `vars`.
    Passed,
    /// `set_fact` and `register`.
    Registered,
    /// `include_vars`.
    Included,
    /// `vars` of blocks and the task, inner ones stronger.
    Task,
    /// `vars_files` of the play, later ones stronger.
    PlayFiles,
    /// `vars` of the play.
    Play,
    /// What the host said of itself.
    Facts,
    /// The inventory with `group_vars` and `host_vars`.
    Inventory,
}

/// Ansible's order of precedence, strongest first. Magic variables stand above it: nothing redefines them.
const LEVELS: [Level; 10] = [
    Level::Item,
    Level::Extra,
    Level::Passed,
    Level::Registered,
    Level::Included,
    Level::Task,
    Level::PlayFiles,
    Level::Play,
    Level::Facts,
    Level::Inventory,
];

/// Names that every host's scope has beside its levels and the play's magic variables.
const FIXED: [&str; 5] = ["inventory_hostname", "inventory_hostname_short", "group_names", "groups", facts::ALL];

/// The play's magic variable with its directory.
pub const PLAYBOOK_DIR: &str = "playbook_dir";

/// The variable that holds all hosts' variables.
const HOSTVARS: &str = "hostvars";

/// What a task sees on a host, or a play's text on none.
#[derive(Clone, Debug)]
pub struct HostScope {
    /// The inventory name; empty for a play's text.
    name: String,
    host: HostVars,
    world: Arc<World>,
    play: Arc<PlayVars>,
    task: Vec<Vars>,
    /// What the task passes on itself, if it is an include.
    passes: Option<Passed>,
    /// The file that the task is written in.
    file: Option<Arc<Source>>,
    item: Vars,
    watch: Option<Arc<Watch>>,
    /// Whether it is an entry of `hostvars`, which does not list `hostvars` again.
    is_entry: bool,
}

impl HostScope {
    /// As a task sees the host; `name` is empty where there is none.
    pub fn of_task(world: &Arc<World>, play: &Arc<PlayVars>, name: &str, task: &Task) -> Self {
        let file = Some(task.place.source.clone());
        let passes = task.include.as_ref().map(|include| Passed { vars: include.vars.clone(), ..Passed::default() });
        Self { task: task.keywords.vars.clone(), passes, file, ..Self::of_host(world, play, name) }
    }

    /// As the host is seen outside of tasks.
    pub fn of_host(world: &Arc<World>, play: &Arc<PlayVars>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            host: world.hosts.get(name).cloned().unwrap_or_default(),
            world: world.clone(),
            play: play.clone(),
            task: Vec::new(),
            passes: None,
            file: None,
            item: Vars::default(),
            watch: None,
            is_entry: false,
        }
    }

    /// As the play's own texts see it: without a host, and not from within an include.
    pub fn of_play(world: &Arc<World>, play: &Arc<PlayVars>) -> Self {
        if play.passed.is_empty() {
            return Self::of_host(world, play, "");
        }
        Self::of_host(world, &Arc::new(PlayVars { passed: Vec::new(), ..(**play).clone() }), "")
    }

    /// The same for an item of a loop: with these variables, which are data.
    pub fn of_item(&self, item: Map) -> Self {
        Self { item: Arc::new(shared(item)), ..self.clone() }
    }

    /// The same, with somebody who notices what is looked up.
    pub fn watched(self, watch: &Arc<Watch>) -> Self {
        Self { watch: Some(watch.clone()), ..self }
    }

    /// The inventory name of the host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's variables that last for the run, to be changed for later items of a loop.
    pub fn host_mut(&mut self) -> &mut HostVars {
        &mut self.host
    }

    /// As what templates are rendered with.
    pub fn shared(&self) -> Arc<dyn Scope> {
        Arc::new(self.clone())
    }

    /// The variable as people decided it: facts, which a host decides, are left out. This alone may say how and where
    /// to connect.
    pub fn decided(&self, name: &str) -> Option<Lookup> {
        LEVELS.iter().filter(|level| **level != Level::Facts).find_map(|level| self.at(*level, name))
    }

    /// What includes give, strongest first.
    fn passed(&self) -> impl Iterator<Item = &Passed> {
        self.passes.iter().chain(self.play.passed.iter().rev())
    }

    /// The layers of a level whose layers are alike, weakest first, and whether their texts are templates.
    fn layers(&self, level: Level) -> (bool, &[Vars]) {
        match level {
            Level::Item => (false, from_ref(&self.item)),
            Level::Extra => (true, from_ref(&self.world.extra)),
            Level::Registered => (false, from_ref(&self.host.registered)),
            Level::Included => (true, from_ref(&self.host.included)),
            Level::Task => (true, &self.task),
            Level::PlayFiles => (true, &self.play.files),
            Level::Play => (true, &self.play.vars),
            Level::Passed | Level::Facts => (false, &[]),
            Level::Inventory => (true, from_ref(&self.host.inventory)),
        }
    }

    fn at(&self, level: Level, name: &str) -> Option<Lookup> {
        match level {
            Level::Facts => return self.host.facts.variable(name).map(|value| Lookup::Data(Arc::new(value.clone()))),
            Level::Passed => return self.passed().find_map(|passed| passed.lookup(name)),
            _ => {}
        }
        let (is_template, layers) = self.layers(level);
        let value = layers.iter().rev().find_map(|layer| layer.get(name))?.clone();
        Some(if is_template { Lookup::Trusted(value) } else { Lookup::Data(value) })
    }

    fn magic(&self, name: &str) -> Option<Arc<Value>> {
        match name {
            "inventory_hostname" => (!self.name.is_empty()).then(|| Arc::new(self.name.as_str().into())),
            "inventory_hostname_short" => self.name.split('.').next().map(|name| Arc::new(name.into())),
            "inventory_file" => self.host.file.as_deref().map(path),
            "inventory_dir" => self.host.file.as_deref().and_then(Path::parent).map(path),
            "group_names" => Some(Arc::new(texts(&self.host.group_names))),
            "groups" => Some(self.world.groups.clone()),
            facts::ALL => Some(self.host.facts.all().clone()),
            "ansible_search_path" => Some(Arc::new(self.search_path())),
            _ => self.play.magic.get(name).or_else(|| self.world.constants.get(name)).cloned(),
        }
    }

    /// Where relative names of files are looked for: beside the task's file, then beside the play's.
    fn search_path(&self) -> Value {
        let own = self.file.as_ref().map(|file| file.directory());
        let own = own.map(|own| own.canonicalize().unwrap_or(own).display().to_string());
        let play = self.play.magic.get(PLAYBOOK_DIR).map(|place| place.to_string());
        let mut all: Vec<_> = own.into_iter().chain(play).collect();
        all.dedup();
        texts(&all)
    }
}

impl Scope for HostScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        if let Some(watch) = &self.watch {
            watch.note(name);
        }
        if name == HOSTVARS {
            return Some(Lookup::Scope(Arc::new(HostsScope::new(&self.world, &self.play))));
        }
        match self.magic(name) {
            Some(value) => Some(Lookup::Data(value)),
            None => LEVELS.iter().find_map(|level| self.at(*level, name)),
        }
    }

    fn names(&self) -> Vec<String> {
        let layers = LEVELS.iter().flat_map(|level| self.layers(*level).1).flat_map(|layer| layer.keys());
        let magic = self.play.magic.keys().chain(self.world.constants.keys());
        let file = ["inventory_file", "inventory_dir"].into_iter().filter(|_| self.host.file.is_some());
        let fixed = FIXED.into_iter().chain(file).chain((!self.is_entry).then_some(HOSTVARS));
        let passed = self.passed().flat_map(Passed::names);
        layers
            .chain(magic)
            .chain(passed)
            .cloned()
            .chain(self.host.facts.names())
            .chain(fixed.map(str::to_owned))
            .collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name != HOSTVARS).collect()
    }

    fn hosts_matching(&self, patterns: &[String]) -> Option<Result<Vec<String>, String>> {
        let selected = self.world.inventory.as_ref()?.hosts_matching(patterns, &[]);
        Some(selected.map(|selected| selected.hosts).map_err(|error| error.message))
    }
}

/// `hostvars`: every host's variables by its name, without those of plays and tasks.
struct HostsScope {
    world: Arc<World>,
    play: Arc<PlayVars>,
}

impl HostsScope {
    /// Of the play's variables, where its files are is all that hosts know.
    fn new(world: &Arc<World>, play: &PlayVars) -> Self {
        let magic = play.magic.get_key_value(PLAYBOOK_DIR).map(|(name, value)| (name.clone(), value.clone()));
        let play = PlayVars { magic: magic.into_iter().collect(), ..PlayVars::default() };
        Self { world: world.clone(), play: Arc::new(play) }
    }
}

impl Scope for HostsScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        self.world.hosts.get(name)?;
        let entry = HostScope { is_entry: true, ..HostScope::of_host(&self.world, &self.play, name) };
        Some(Lookup::Scope(Arc::new(entry)))
    }

    fn names(&self) -> Vec<String> {
        self.world.hosts.iter().filter(|(_, host)| !host.is_implicit).map(|(name, _)| name.clone()).collect()
    }
}

/// Notices whether something reads what the items of a loop write.
#[derive(Debug)]
pub struct Watch {
    /// The name that results are registered under.
    registered: Option<String>,
    /// How the names of facts that the module gives begin.
    facts: &'static [&'static str],
    has_seen: AtomicBool,
}

impl Watch {
    /// For a task that registers under this name and gives facts whose names begin so.
    pub fn new(registered: Option<&str>, facts: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { registered: registered.map(str::to_owned), facts, has_seen: AtomicBool::new(false) })
    }

    fn note(&self, name: &str) {
        let is_fact = || self.facts.iter().any(|prefix| name.starts_with(prefix));
        let is_all = || !self.facts.is_empty() && name == facts::ALL;
        if self.registered.as_deref() == Some(name) || is_fact() || is_all() {
            self.has_seen.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something was read.
    pub fn has_seen(&self) -> bool {
        self.has_seen.load(Ordering::Relaxed)
    }
}

/// A scope with a few variables more: the result in `changed_when`, what only template files see.
struct LocalScope {
    base: Arc<dyn Scope>,
    local: Shared,
}

impl Scope for LocalScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        match self.local.get(name) {
            Some(value) => Some(Lookup::Data(value.clone())),
            None => self.base.lookup(name),
        }
    }

    fn names(&self) -> Vec<String> {
        self.local.keys().cloned().chain(self.base.names()).collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.local.keys().cloned().chain(self.base.own_names()).collect()
    }

    fn hosts_matching(&self, patterns: &[String]) -> Option<Result<Vec<String>, String>> {
        self.base.hosts_matching(patterns)
    }
}

/// `base` with `local` on top. Data: they are never templates.
pub fn with_local(base: &Arc<dyn Scope>, local: Map) -> Arc<dyn Scope> {
    if local.is_empty() { base.clone() } else { Arc::new(LocalScope { base: base.clone(), local: shared(local) }) }
}

fn path(path: &Path) -> Arc<Value> {
    Arc::new(path.display().to_string().into())
}

/// A list of texts.
pub fn texts(names: &[String]) -> Value {
    Value::List(names.iter().map(|name| name.as_str().into()).collect())
}
