//! Runs playbooks: plays over hosts, tasks in lockstep, one round trip a task and host.

pub mod actions;
mod arguments;
pub mod events;
mod handlers;
mod include;
mod items;
mod keyword_values;
mod lists;
mod loops;
mod meta;
mod play;
pub mod preflight;
mod report;
mod result;
mod steps;
pub mod tags;
mod task;
#[cfg(test)]
mod tests;

use crate::connection::Connector;
use crate::fleet::Links;
use crate::inventory::Inventory;
use crate::local_node::LocalNode;
use crate::playbook::{Files, Playbook};
use crate::template::Templar;
use crate::variables::target::{self, Login};
use crate::variables::{HostVars, World, texts};
pub use arguments::key_values;
use events::{Event, Observer, Stats};
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tags::TagSelection;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value, shared};

/// What the command line says about a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Predict only.
    pub check: bool,
    /// Show what differs.
    pub diff: bool,
    /// How many `-v`.
    pub verbosity: u8,
    /// Hosts in work at once.
    pub forks: usize,
    /// Handlers also run on hosts that failed.
    pub force_handlers: bool,
    /// Which tasks.
    pub tags: TagSelection,
    /// Patterns that every play's hosts are cut down to; none for all.
    pub limit: Vec<String>,
    /// Variables from the command line.
    pub extra_vars: Map,
    /// The name of the task that the run begins with, or a pattern of it.
    pub start_at: Option<String>,
    /// Whether the observer is asked before each task.
    pub step: bool,
}

/// Everything a run needs and remembers.
pub struct Runner<'a> {
    inventory: &'a Inventory,
    options: &'a Options,
    login: &'a Login,
    /// Renders what is not one task's alone.
    templar: Templar,
    templars: Templars,
    links: Links<'a>,
    /// Where files of tasks are read from that are included.
    files: &'a dyn Files,
    world: Arc<World>,
    stats: IndexMap<String, Stats>,
    /// The directory whose `group_vars` and `host_vars` the hosts have.
    beside: Option<PathBuf>,
    /// The task to begin with, until it has come.
    start_at: Option<&'a str>,
    /// Whether the next task is asked about.
    is_stepping: bool,
    /// Hosts that failed or were unreachable in an earlier play or task.
    gone: BTreeSet<String>,
    observer: &'a mut dyn Observer,
}

impl<'a> Runner<'a> {
    /// A runner that reaches hosts through `connector`, includes from `files` and tells `observer` what happens.
    pub fn new(
        inventory: &'a Inventory,
        options: &'a Options,
        login: &'a Login,
        connector: &'a dyn Connector,
        files: &'a dyn Files,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let templars = Templars::default();
        Self {
            inventory,
            options,
            login,
            templar: templars.of(options.check).clone(),
            templars,
            links: Links::new(connector),
            files,
            world: Arc::new(world(inventory, options)),
            stats: IndexMap::new(),
            beside: None,
            start_at: options.start_at.as_deref(),
            is_stepping: options.step,
            gone: BTreeSet::new(),
            observer,
        }
    }

    /// Runs playbooks in order and gives ansible-playbook's exit code: 0 all well, 2 a host failed, 4 a host was
    /// unreachable. An error is something wrong with the files themselves.
    pub fn run(mut self, playbooks: &[Playbook]) -> Result<u8, Diagnostic> {
        for playbook in playbooks {
            if let Some(error) = preflight::check(playbook).errors.into_iter().next() {
                return Err(error);
            }
        }
        self.warn_of_overlooked();
        'all: for playbook in playbooks {
            self.observer.on(&Event::Playbook { path: playbook.path.clone() });
            for play in &playbook.plays {
                if !self.run_play(play)? {
                    break 'all;
                }
            }
        }
        let mut recap: Vec<_> = std::mem::take(&mut self.stats).into_iter().collect();
        recap.sort_by(|a, b| a.0.cmp(&b.0));
        let code = self.exit_code(&recap);
        self.observer.on(&Event::Recap(recap));
        Ok(code)
    }

    /// Says which variables of inventory and command line are meant to decide about connecting, and do not.
    fn warn_of_overlooked(&mut self) {
        let vars = self.world.hosts.values().flat_map(|host| host.inventory.keys());
        let all: BTreeSet<_> = vars.chain(self.world.extra.keys()).filter(|name| target::is_overlooked(name)).collect();
        let warning = |name: &&String| format!("enlist does not know the variable `{name}`; it has no effect");
        let warnings: Vec<_> = all.iter().map(warning).collect();
        warnings.into_iter().for_each(|warning| self.observer.on(&Event::Warning(warning)));
    }

    /// Gives all hosts the variables of the files beside a play.
    fn look_beside(&mut self, directory: &Path) {
        if self.beside.as_deref() == Some(directory) {
            return;
        }
        for (name, host) in &mut Arc::make_mut(&mut self.world).hosts {
            host.inventory = Arc::new(shared(self.inventory.host_vars_beside(name, directory)));
        }
        self.beside = Some(directory.to_owned());
    }

    /// By the hosts that are out at the end: `meta: clear_host_errors` forgives earlier ones.
    fn exit_code(&self, recap: &[(String, Stats)]) -> u8 {
        let mut out = recap.iter().filter(|(host, _)| self.gone.contains(host)).peekable();
        match () {
            () if out.peek().is_none() => 0,
            () if out.any(|(_, stats)| stats.unreachable > 0) => 4,
            () => 2,
        }
    }
}

/// Who renders for tasks that run for real, and for those in check mode.
struct Templars {
    real: Templar,
    dry: Templar,
}

impl Default for Templars {
    fn default() -> Self {
        let node = LocalNode::default();
        Templars { dry: Templar::on(Arc::new(node.with(true))), real: Templar::on(Arc::new(node)) }
    }
}

impl Templars {
    fn of(&self, check: bool) -> &Templar {
        if check { &self.dry } else { &self.real }
    }
}

/// What is known of all hosts before the first play.
pub fn world(inventory: &Inventory, options: &Options) -> World {
    let host_vars = |name: &str| HostVars {
        inventory: Arc::new(shared(inventory.host_vars(name))),
        file: inventory.host(name).and_then(|host| host.file.clone()),
        group_names: inventory.group_names(name).into_iter().map(str::to_owned).collect(),
        is_implicit: inventory.host(name).is_none(),
        ..HostVars::default()
    };
    let mut hosts: IndexMap<String, HostVars> =
        inventory.hosts().keys().map(|name| (name.clone(), host_vars(name))).collect();
    if !hosts.contains_key("localhost") {
        hosts.insert("localhost".into(), host_vars("localhost"));
    }
    World {
        hosts,
        inventory: Some(Arc::new(inventory.clone())),
        groups: Arc::new(Value::Map(inventory.groups_value())),
        extra: Arc::new(shared(options.extra_vars.clone())),
        constants: shared(constants(inventory, options)),
    }
}

fn constants(inventory: &Inventory, options: &Options) -> Map {
    let version = env!("CARGO_PKG_VERSION");
    let ansible = [("full", "2.19.14"), ("string", "2.19.14"), ("enlist", version)];
    let mut ansible: Map = ansible.map(|(name, text)| (name.to_owned(), text.into())).into_iter().collect();
    for (name, number) in [("major", 2), ("minor", 19), ("revision", 14)] {
        ansible.insert(name.into(), Value::Int(number));
    }
    let all = ["all".to_owned()];
    let tags = if options.tags.only.is_empty() { &all[..] } else { &options.tags.only };
    [
        ("ansible_inventory_sources", texts(&inventory.sources)),
        ("ansible_run_tags", texts(tags)),
        ("ansible_skip_tags", texts(&options.tags.skip)),
        ("ansible_check_mode", Value::Bool(options.check)),
        ("ansible_diff_mode", Value::Bool(options.diff)),
        ("ansible_verbosity", Value::Int(i64::from(options.verbosity))),
        ("ansible_forks", Value::Int(options.forks as i64)),
        ("ansible_version", Value::Map(ansible)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// An error without a place in a file.
fn usage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, message)
}
