//! `enlist play`: runs playbooks.

use super::interrupt::Counted;
use super::options::{InventoryArgs, LoginArgs, warn};
use super::stepping::Asking;
use super::{Exit, fail, listing, waiting};
use crate::view::play::PlayView;
use crate::view::play_json::PlayJson;
use crate::view::styles::{stderr, stdout, terminal_columns};
use clap::Args;
use control::inventory;
use control::playbook::{self, Playbook};
use control::runner::events::Observer;
use control::runner::tags::{TagSelection, has_task};
use control::runner::{self, Options, Runner, preflight};
use control::yaml;
use indexmap::IndexSet;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind, Source};
use words::value::{Map, Value};

/// The options of `ansible-playbook` that enlist knows.
#[derive(Args, Debug)]
pub struct PlayArgs {
    /// Playbooks, run in order
    #[arg(required = true)]
    pub playbooks: Vec<PathBuf>,
    /// Which hosts
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// How to log in
    #[command(flatten)]
    pub login: LoginArgs,
    /// Variables: `k=v`, a YAML or JSON mapping, or @FILE; strongest of all
    #[arg(short, long = "extra-vars", value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// Only tasks with one of these tags (comma list)
    #[arg(short, long, value_name = "TAGS", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Leave out tasks with one of these tags (comma list)
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    /// Hosts worked on at once
    #[arg(short, long, env = "ANSIBLE_FORKS", default_value_t = 50)]
    pub forks: usize,
    /// Predict what would change, change nothing
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what differs
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// More detail; repeat for more (-v results, -vv task paths)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Only check the playbooks
    #[arg(long)]
    pub syntax_check: bool,
    /// Only list the matching hosts
    #[arg(long)]
    pub list_hosts: bool,
    /// Only list the tasks
    #[arg(long)]
    pub list_tasks: bool,
    /// Only list the tags of the tasks
    #[arg(long)]
    pub list_tags: bool,
    /// Begin with the task of this name (or a pattern of names)
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Ask before each task: no, yes, or continue with all others
    #[arg(long)]
    pub step: bool,
    /// Run notified handlers even on failed hosts
    #[arg(long)]
    pub force_handlers: bool,
    /// Events as JSON lines on standard output instead of text
    #[arg(long)]
    pub json: bool,
}

/// Runs the playbooks. Exit codes are ansible-playbook's: 0 all well, 1 a file is missing or no host is left, 2 a host
/// failed, 4 a host was unreachable or a file cannot be understood, 5 options that exclude each other.
pub fn run(args: PlayArgs) -> Exit {
    match play(&args) {
        Ok(code) => Exit(code),
        Err(error) => {
            fail(&error);
            Exit(match error.kind {
                ErrorKind::Input => 4,
                ErrorKind::Internal => 250,
                _ => 1,
            })
        }
    }
}

fn play(args: &PlayArgs) -> Result<u8, Diagnostic> {
    let playbooks = read_playbooks(&args.playbooks)?;
    if !are_sound(&playbooks) {
        return Ok(4);
    }
    if args.syntax_check {
        playbooks.iter().for_each(|playbook| stdout().line(format!("\nplaybook: {}", playbook.path)));
        return Ok(0);
    }
    let inventory = args.inventory.load(&directories(&playbooks))?;
    let options = options(args)?;
    let wanted = listing::Wanted { hosts: args.list_hosts, tasks: args.list_tasks, tags: args.list_tags };
    if wanted != listing::Wanted::default() {
        return listing::show(&playbooks, &inventory, &options, wanted);
    }
    if let Some(start) = &options.start_at
        && !playbooks.iter().any(|playbook| has_task(playbook, start))
    {
        return Err(Diagnostic::new(ErrorKind::Usage, format!("No matching task \"{start}\" found"))
            .hint("--list-tasks shows the names of all tasks"));
    }
    if !options.limit.is_empty() && inventory.hosts_matching(&["all".into()], &options.limit)?.hosts.is_empty() {
        let message = "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.";
        return Err(Diagnostic::new(ErrorKind::Usage, message));
    }
    let login = args.login.login()?;
    let view = Counted::new(view(args));
    view.exit_on_interrupt()
        .map_err(|error| Diagnostic::new(ErrorKind::Internal, format!("cannot wait for Ctrl-C: {error}")))?;
    let connector = waiting::watched();
    // Questions stand between events, and beside them when those are JSON.
    let out = if args.json { stderr() } else { stdout() };
    let mut view = Asking { view, out, columns: terminal_columns() };
    let runner = Runner::new(&inventory, &options, &login, &connector, &Disk, &mut view);
    runner.run(&playbooks)
}

/// Tells everything that is wrong or odd with the playbooks; whether they can be run.
fn are_sound(playbooks: &[Playbook]) -> bool {
    let mut errors = Vec::new();
    for playbook in playbooks {
        let mut found = preflight::check(playbook);
        playbook.warnings.iter().chain(&found.warnings).for_each(warn);
        errors.append(&mut found.errors);
    }
    if errors.is_empty() {
        playbooks.iter().flat_map(|playbook| preflight::look_ahead(playbook, &Disk)).for_each(|found| warn(&found));
    }
    for error in &errors {
        fail(error);
    }
    errors.is_empty()
}

/// The directory of every play's file, each once: hosts have other variables in each.
fn directories(playbooks: &[Playbook]) -> Vec<PathBuf> {
    let plays = playbooks.iter().flat_map(|playbook| &playbook.plays);
    let found: IndexSet<_> = plays.map(|play| play.place.source.directory()).collect();
    found.into_iter().collect()
}

fn read_playbooks(paths: &[PathBuf]) -> Result<Vec<Playbook>, Diagnostic> {
    paths.iter().map(|path| playbook::parse(path, &Disk)).collect()
}

/// The controller's file system.
struct Disk;

impl playbook::Files for Disk {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

fn options(args: &PlayArgs) -> Result<Options, Diagnostic> {
    Ok(Options {
        check: args.check,
        diff: args.diff,
        verbosity: args.verbose,
        forks: args.forks.max(1),
        force_handlers: args.force_handlers,
        tags: TagSelection { only: args.tags.clone(), skip: args.skip_tags.clone() },
        limit: inventory::limit_patterns(&args.inventory.limit)?,
        extra_vars: extra_vars(&args.extra_vars)?,
        start_at: args.start_at_task.clone(),
        step: args.step,
    })
}

/// `-e`: `k=v` words, a YAML or JSON mapping, or `@FILE`; later ones win.
fn extra_vars(given: &[String]) -> Result<Map, Diagnostic> {
    let mut vars = Map::new();
    for text in given {
        vars.extend(extra_var(text)?);
    }
    Ok(vars)
}

fn extra_var(text: &str) -> Result<Map, Diagnostic> {
    if !text.starts_with(['@', '{', '[']) {
        let words = runner::key_values(text).ok_or_else(|| {
            Diagnostic::new(ErrorKind::Usage, format!("`{text}` is no extra variable"))
                .hint("write -e name=value, -e '{\"name\": \"value\"}' or -e @file.yml")
        })?;
        return Ok(words.into_iter().map(|(name, value)| (name, value.into())).collect());
    }
    let source = match text.strip_prefix('@') {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            let text =
                read.map_err(|error| Diagnostic::new(ErrorKind::Usage, format!("cannot read {path}: {error}")))?;
            Source::new(path, text)
        }
        None => Source::new("-e", text),
    };
    let mut parsed = yaml::read(&source)?;
    parsed.warnings.drain(..).for_each(|warning| warn(&warning));
    match parsed.single()?.map(|node| (node.to_value(), node)) {
        Some((Value::Map(map), _)) => Ok(map),
        None => Ok(Map::new()),
        Some((_, node)) => Err(node.error("extra variables are a mapping of names to values")),
    }
}

fn view(args: &PlayArgs) -> Box<dyn Observer + Send> {
    if args.json {
        Box::new(PlayJson(stdout()))
    } else {
        Box::new(PlayView::new(stdout(), stderr(), terminal_columns(), args.verbose))
    }
}
