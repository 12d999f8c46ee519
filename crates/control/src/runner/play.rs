//! One play: its variables, batches of hosts, sections of tasks.
//!
//! Tasks run in lockstep: a task on all hosts that are left, then the next.

use crate::playbook::model::{Action, Vars};
use crate::playbook::{Expr, Keywords, Play, Task};
use crate::runner::Runner;
use crate::runner::events::Event;
use crate::runner::lists::Way;
use crate::variables::{HostScope, PLAYBOOK_DIR, PlayVars, texts};
use crate::yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use words::diag::{Diagnostic, Source};
use words::value::{Value, shared};

/// A play under way, for one batch of hosts.
pub(super) struct Batch<'p> {
    pub(super) play: &'p Play,
    pub(super) vars: Arc<PlayVars>,
    /// All hosts of the batch.
    pub(super) hosts: Vec<String>,
    /// All hosts of the play.
    all: Vec<String>,
    /// Handlers that each host notified, by position.
    pub(super) notified: BTreeMap<usize, BTreeSet<String>>,
    /// `meta: end_play`, or too many failures.
    pub(super) ended: bool,
    /// Hosts that `meta: end_host` took out; they did not fail.
    pub(super) finished: BTreeSet<String>,
    /// Whether a failure has stopped all hosts, also those that do not do the task at hand.
    pub(super) is_stopped: bool,
}

impl Runner<'_> {
    /// Runs a play; false when no host is left for later ones.
    pub(super) fn run_play(&mut self, play: &Play) -> Result<bool, Diagnostic> {
        let directory = play.place.source.directory();
        self.look_beside(&directory);
        let vars = self.play_vars(play, &directory)?;
        let hosts = self.play_hosts(play, &vars)?;
        let title = self.title(play, &vars);
        if hosts.is_empty() {
            self.observer.on(&Event::Play { name: title });
            self.observer.on(&Event::NoHostsMatched);
            return Ok(true);
        }
        for batch in self.batches(play, &hosts)? {
            self.observer.on(&Event::Play { name: title.clone() });
            let before = self.gone.len();
            let mut batch = self.batch(play, &vars, batch, &hosts);
            self.run_batch(&mut batch)?;
            if batch.ended {
                break;
            }
            let lost = self.gone.len().saturating_sub(before);
            if lost == batch.hosts.len() && lost > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn title(&self, play: &Play, vars: &Arc<PlayVars>) -> String {
        let title = play.title();
        let scope = HostScope::of_play(&self.world, vars).shared();
        self.templar.render_str(&title, &scope).map_or(title, |name| name.to_string())
    }

    fn play_hosts(&mut self, play: &Play, vars: &Arc<PlayVars>) -> Result<Vec<String>, Diagnostic> {
        let value = self.templar.render(&play.hosts.value, &HostScope::of_play(&self.world, vars).shared());
        let patterns = match value.map_err(|error| Diagnostic::input(&play.hosts.place, error.to_string()))? {
            Value::List(patterns) => patterns.iter().map(Value::to_string).collect(),
            pattern => vec![pattern.to_string()],
        };
        let matched = self.inventory.hosts_matching(&patterns, &self.options.limit);
        let matched = matched.map_err(|error| error.at(&play.hosts.place))?;
        for pattern in matched.unmatched {
            let message = format!("Could not match supplied host pattern, ignoring: {pattern}");
            self.observer.on(&Event::Warning(message));
        }
        Ok(matched.hosts)
    }

    /// The variables of the play, with those of its files, and where it is.
    fn play_vars(&mut self, play: &Play, directory: &Path) -> Result<Arc<PlayVars>, Diagnostic> {
        let absolute = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let place = (PLAYBOOK_DIR.to_owned(), Arc::new(absolute.display().to_string().into()));
        let mut vars =
            PlayVars { vars: play.keywords.vars.clone(), magic: [place].into_iter().collect(), ..PlayVars::default() };
        for entry in &play.vars_files {
            let file = self.vars_file(entry, &vars, directory)?;
            vars.files.push(file);
        }
        Ok(Arc::new(vars))
    }

    /// One entry of `vars_files`; of a list, the first file that exists.
    fn vars_file(&mut self, entry: &Expr, vars: &PlayVars, directory: &Path) -> Result<Vars, Diagnostic> {
        let scope = HostScope::of_play(&self.world, &Arc::new(vars.clone())).shared();
        let rendered = self.templar.render(&entry.value, &scope);
        let names = match rendered.map_err(|error| Diagnostic::input(&entry.place, error.to_string()))? {
            Value::List(names) => names.iter().map(Value::to_string).collect(),
            name => vec![name.to_string()],
        };
        let path = names.iter().map(|name| directory.join(name)).find(|path| path.exists());
        let path = path.ok_or_else(|| {
            Diagnostic::input(&entry.place, format!("vars file {} was not found", names.join(" or ")))
        })?;
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Diagnostic::input(&entry.place, format!("cannot read {}: {error}", path.display())))?;
        let source = Source::new(path.display().to_string(), text);
        let mut parsed = yaml::read(&source)?;
        for warning in parsed.warnings.drain(..) {
            self.observer.on(&Event::Warning(warning.to_string()));
        }
        match parsed.single()?.map(|node| (node.to_value(), node)) {
            Some((Value::Map(map), _)) => Ok(Arc::new(shared(map))),
            None | Some((Value::Null, _)) => Ok(Vars::default()),
            Some((_, node)) => Err(node.error("a file of variables holds a mapping of names to values")),
        }
    }

    /// The hosts cut into batches by `serial`.
    fn batches(&self, play: &Play, hosts: &[String]) -> Result<Vec<Vec<String>>, Diagnostic> {
        let mut sizes = Vec::new();
        for expr in &play.serial {
            sizes.push(batch_size(expr, hosts.len())?);
        }
        let mut sizes = sizes.into_iter().peekable();
        let mut rest = hosts;
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let size = match sizes.next() {
                Some(size) if sizes.peek().is_none() => {
                    batches.extend(rest.chunks(size).map(<[String]>::to_vec));
                    break;
                }
                Some(size) => size.min(rest.len()),
                None => rest.len(),
            };
            batches.push(rest[..size].to_vec());
            rest = &rest[size..];
        }
        Ok(batches)
    }

    fn batch<'p>(&self, play: &'p Play, vars: &PlayVars, hosts: Vec<String>, all: &[String]) -> Batch<'p> {
        let mut vars = vars.clone();
        vars.magic.insert("ansible_play_hosts_all".into(), Arc::new(texts(all)));
        vars.magic.insert("ansible_play_name".into(), Arc::new(play.title().into()));
        let mut batch = Batch {
            play,
            vars: Arc::new(vars),
            hosts,
            all: all.to_vec(),
            notified: BTreeMap::new(),
            ended: false,
            finished: BTreeSet::new(),
            is_stopped: false,
        };
        self.tell_who_is_left(&mut batch);
        batch
    }

    /// The magic variables that say which hosts have not failed.
    pub(super) fn tell_who_is_left(&self, batch: &mut Batch) {
        let left = |hosts: &[String]| {
            let left: Vec<_> = hosts.iter().filter(|host| !self.gone.contains(*host)).cloned().collect();
            Arc::new(texts(&left))
        };
        let (all, own) = (left(&batch.all), left(&batch.hosts));
        let magic = &mut Arc::make_mut(&mut batch.vars).magic;
        magic.insert("ansible_play_hosts".into(), all);
        magic.insert("ansible_play_batch".into(), own.clone());
        magic.insert("play_hosts".into(), own);
    }

    fn run_batch(&mut self, batch: &mut Batch) -> Result<(), Diagnostic> {
        let mut hosts: Vec<_> = batch.hosts.iter().filter(|host| !self.gone.contains(*host)).cloned().collect();
        if batch.play.gather_facts.unwrap_or(true) {
            let task = gather_facts(batch.play);
            hosts = self.run_task(batch, &task, hosts, Way::TASKS)?;
        }
        for section in batch.play.sections() {
            hosts = self.run_items(batch, section, hosts, Way::TASKS)?;
            hosts = self.flush_handlers(batch, hosts)?;
        }
        Ok(())
    }
}

/// One entry of `serial`: a number, or a share of all hosts; at least 1.
fn batch_size(expr: &Expr, all: usize) -> Result<usize, Diagnostic> {
    let text = expr.value.to_string();
    let size = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| (percent / 100.0 * all as f64) as usize),
        None => text.parse().ok(),
    };
    match size {
        Some(0) if !text.ends_with('%') => Ok(all.max(1)),
        Some(size) => Ok(size.max(1)),
        None => Err(Diagnostic::input(&expr.place, format!("`serial` takes a number or a percentage, not `{text}`"))),
    }
}

/// The task that a play begins with.
fn gather_facts(play: &Play) -> Task {
    let mut keywords = Keywords { tags: vec!["always".into()], vars: Vec::new(), ..play.keywords.clone() };
    keywords.when.clear();
    keywords.run_once = None;
    Task {
        name: Some("Gathering Facts".into()),
        action: Action {
            name: "setup".into(),
            place: play.place.clone(),
            free_form: None,
            args: Vec::new(),
            more_args: None,
        },
        keywords,
        looped: None,
        register: None,
        changed_when: None,
        failed_when: None,
        notify: Vec::new(),
        listen: Vec::new(),
        until: None,
        retries: None,
        delay: None,
        include: None,
        place: play.place.clone(),
    }
}
