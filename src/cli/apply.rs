//! `enlist apply`: carries out a reviewed plan, and nothing else.

use super::Exit;
use super::interrupt::stop_on_interrupt;
use super::passing::PassingArgs;
use super::recording::{self, Recording};
use super::site::{self, SiteArgs, fail_all};
use super::{plan, saved, waiting};
use crate::view;
use crate::view::fold::Extent;
use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr, stdout};
use clap::Args;
use control::plan::{Plan, guard};
use control::roster::Roster;
use control::sync::reach::Reach;
use control::sync::{Applied, Host, Mandate, Proof, Site, WayIn, WayStanding};
use jiff::Span;
use std::io::IsTerminal;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};

/// Carry out a saved plan, or make one, show it and ask.
///
/// Every host is looked at again first. If anything is not as it was when the plan was made, nothing is touched.
/// Exit codes: 0 all done; 3 all that was planned is done, and something or somebody had been left out of the plan; 1
/// refused, or something failed or could not be tried.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The plan that `enlist plan -o` saved
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Which hosts and how; a saved plan knows its inventory
    #[command(flatten)]
    pub site: SiteArgs,
    /// Who works here; without a plan, roster.yml. With one, that the plan holds only what this roster asks for, and the
    /// roster's guards
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// How many resources may be removed [default: what the roster says, else 3]
    #[arg(long, value_name = "NUMBER")]
    pub max_removals: Option<u32>,
    /// A further name that may not be touched; repeatable
    #[arg(long, value_name = "NAME")]
    pub protect: Vec<String>,
    /// Guards to pass
    #[command(flatten)]
    pub passing: PassingArgs,
    /// Where what is done is recorded [default: enlist-log.jsonl beside the roster, or else beside the plan]
    #[arg(long, value_name = "FILE", env = "ENLIST_LOG")]
    pub log: Option<PathBuf>,
    /// Without a plan: only what the roster did not ask for this many days ago: who starts and ends. Asks nothing
    #[arg(long, value_name = "DAYS", conflicts_with = "plan")]
    pub due: Option<u16>,
    /// Without a plan: do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What became of every step, as one JSON document instead of text; asks nothing, so it needs a plan or --yes
    #[arg(long)]
    pub json: bool,
    /// Each step, also where those of many people are alike
    #[arg(long)]
    pub all: bool,
}

impl ApplyArgs {
    /// For a plan that was made and agreed upon already.
    pub(super) fn without_plan(site: SiteArgs, roster: PathBuf, json: bool) -> Self {
        let (roster, passing) = (Some(roster), PassingArgs::default());
        let (max_removals, protect, log, due) = (None, Vec::new(), None, None);
        Self { plan: None, site, roster, max_removals, protect, passing, log, due, yes: true, json, all: false }
    }
}

/// Applies.
pub fn run(args: &ApplyArgs) -> Exit {
    match prepare(args).and_then(|prepared| apply(args, &prepared)) {
        Ok(exit) => exit,
        Err(problems) => fail_all(&problems, args.json),
    }
}

/// What is to be carried out.
struct Prepared {
    plan: Plan,
    /// The roster, if one is at hand.
    roster: Option<Roster>,
    /// How many steps are not due, where only what is due is done.
    not_due: usize,
}

fn prepare(args: &ApplyArgs) -> Result<Prepared, Vec<Diagnostic>> {
    let allowed = args.passing.allowed().map_err(|problem| vec![problem])?;
    let Some(path) = &args.plan else { return planned(args, allowed) };
    let plan = saved::read(path).map_err(|problem| vec![problem])?;
    let roster = args.roster.as_ref().map(|path| site::read_roster(path)).transpose()?;
    Ok(Prepared { plan, roster, not_due: 0 })
}

/// A plan that is made now.
fn planned(args: &ApplyArgs, allowed: &[String]) -> Result<Prepared, Vec<Diagnostic>> {
    let path = args.roster.clone().unwrap_or_else(|| "roster.yml".into());
    let roster = site::read_roster(&path)?;
    // Of what is due alone, guards judge when it is carried out.
    let passable: Vec<String> = guard::passable().map(str::to_owned).collect();
    let allowed = if args.due.is_some() { &passable } else { allowed };
    let planned = plan::of_roster(&args.site, &roster, allowed)?;
    plan::warn(&planned.warnings);
    let Some(days) = args.due else {
        return Ok(Prepared { plan: planned.plan, roster: Some(roster), not_due: 0 });
    };
    let before = roster.day.saturating_sub(Span::new().days(i32::from(days)));
    let before = site::read_roster_at(&path, before)?;
    let hosts = hosts(args, &planned.plan, Some(&roster)).map_err(|problem| vec![problem])?;
    let (plan, not_due) = control::sync::only_due(planned.plan, &hosts, &roster, &before);
    Ok(Prepared { plan, roster: Some(roster), not_due })
}

fn apply(args: &ApplyArgs, prepared: &Prepared) -> Result<Exit, Vec<Diagnostic>> {
    let exit = apply_plan(args, &prepared.plan, prepared.roster.as_ref())?;
    // A timer's unit takes 3 for what waits to be looked at. What had to be left out is none of that.
    let exit = if args.due.is_some() && exit == Exit::LEFT_OUT { Exit::ERROR } else { exit };
    if prepared.not_due == 0 {
        return Ok(exit);
    }
    stderr().line(format!("{} further steps are not due: look at them with `enlist plan`.", prepared.not_due));
    Ok(if exit == Exit::OK { Exit::LEFT_OUT } else { exit })
}

fn apply_plan(args: &ApplyArgs, plan: &Plan, roster: Option<&Roster>) -> Result<Exit, Vec<Diagnostic>> {
    let out = stdout();
    if !args.json && args.plan.is_none() {
        out.lines(view::plan::plan(plan, plan::extent(args.all)));
    }
    if args.plan.is_none() && plan.is_empty() {
        if args.json {
            out.json(&nothing_done(plan).to_string());
        }
        return Ok(exit(true, plan));
    }
    let asks = args.plan.is_none() && args.due.is_none() && !args.yes;
    if asks && !agreed(args.json).map_err(|problem| vec![problem])? {
        return Err(vec![Diagnostic::new(ErrorKind::Refused, "not applied; nothing was touched")]);
    }
    let carried = carry_out(args, plan, roster)?;
    if args.json {
        out.json(&carried.json.to_string());
    }
    Ok(exit(carried.well, plan))
}

/// How it ends, once what was planned is done, or not.
pub(super) fn exit(well: bool, plan: &Plan) -> Exit {
    match (well, plan.left_out.is_empty()) {
        (false, _) => Exit::ERROR,
        (true, false) => Exit::LEFT_OUT,
        (true, true) => Exit::OK,
    }
}

/// By whose word the plan is judged. Without a roster, what the plan says of guards counts as far as it is stricter.
fn mandate<'r>(args: &ApplyArgs, plan: &Plan, roster: Option<&'r Roster>) -> Mandate<'r> {
    let mut guards = roster.map_or_else(|| plan.guards.clone().no_looser(), |roster| roster.guards.clone());
    guards.max_removals = args.max_removals.unwrap_or(guards.max_removals);
    guards.protected.extend(args.protect.iter().cloned());
    Mandate { guards, roster, allowed: args.passing.allow.clone() }
}

fn agreed(json: bool) -> Result<bool, Diagnostic> {
    can_ask(json, "save a plan with `enlist plan -o FILE` and apply that, or give --yes")?;
    confirmed("Apply this plan?")
}

/// That there is a terminal to ask on; `instead` says what to do where there is none.
pub(super) fn can_ask(json: bool, instead: &str) -> Result<(), Diagnostic> {
    let why = match (json, std::io::stdin().is_terminal()) {
        (false, true) => return Ok(()),
        (true, _) => "--json asks nothing",
        (false, false) => "there is no terminal to ask on",
    };
    Err(Diagnostic::new(ErrorKind::Usage, why).hint(instead))
}

/// Asks on the terminal.
pub(super) fn confirmed(question: &str) -> Result<bool, Diagnostic> {
    let failed = |error: std::io::Error| Diagnostic::new(ErrorKind::Usage, format!("cannot ask: {error}"));
    stdout().text(&format!("{question} [y/N] "));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// What came of a plan that was carried out.
pub(super) struct Carried {
    /// Whether all is as planned, and every way in of who left is shut.
    pub well: bool,
    /// What became of every step, for programs. To people it has been told.
    pub json: serde_json::Value,
}

/// On links of its own: agents that made the plan remember what they predicted.
pub(super) fn carry_out(args: &ApplyArgs, plan: &Plan, roster: Option<&Roster>) -> Result<Carried, Vec<Diagnostic>> {
    let (hosts, others) = hosts_and_others(args, plan, roster).map_err(|problem| vec![problem])?;
    let connector = waiting::watched();
    let stop = stop_on_interrupt()
        .map_err(|error| vec![Diagnostic::new(ErrorKind::Internal, format!("cannot wait for Ctrl-C: {error}"))])?;
    let site = Site::new(hosts, &connector, args.site.forks).stopping_at(stop.clone());
    let log = recording::path(args.log.as_deref(), roster, args.plan.as_deref());
    let begin = recording::beginning(plan, roster, &args.passing.allow, args.passing.reason.as_ref());
    let guards = mandate(args, plan, roster);
    let folder = recording::folder(plan, roster);
    let mut recording = Recording::begin((&log, folder.as_deref()), begin, stop, &guards.guards, &guards.allowed)
        .map_err(|problem| vec![problem])?;
    let mut report = Report {
        heard: Vec::new(),
        proofs: Vec::new(),
        shown: 0,
        plan,
        json: args.json,
        extent: plan::extent(args.all),
    };
    let hear = |applied: Applied| {
        recording.applied(&applied);
        report.hear(applied);
    };
    let done = control::sync::apply(&site, plan, &guards, hear);
    let done = done.inspect_err(|problems| recording.refused(problems))?;
    report.proofs = control::sync::prove(&site, plan);
    let well = done && report.proofs.iter().all(|proof| proof.well);
    let ways = control::sync::ways_in(&site, &others, plan, roster);
    report.end(&ways);
    let json = as_json(well, &report.heard, &ways, &report.proofs, plan);
    let well = well && ways.iter().all(|way| way.standing <= WayStanding::NotLookedAt);
    recording.end(well).map_err(|problem| vec![problem])?;
    Ok(Carried { well, json })
}

/// The plan's hosts.
fn hosts(args: &ApplyArgs, plan: &Plan, roster: Option<&Roster>) -> Result<Vec<Host>, Diagnostic> {
    hosts_and_others(args, plan, roster).map(|(hosts, _)| hosts)
}

/// The plan's hosts, and those that only the roster has. What each is for is the roster's to say, where there is one.
fn hosts_and_others(
    args: &ApplyArgs,
    plan: &Plan,
    roster: Option<&Roster>,
) -> Result<(Vec<Host>, Vec<Host>), Diagnostic> {
    let is_given = args.plan.is_none() || !args.site.inventory.sources.is_empty();
    let sources = if is_given { args.site.sources() } else { saved::inventory_of(plan)? };
    let inventory = site::read_inventory(&sources)?;
    let login = args.site.login()?;
    let reach = Reach::new(&inventory, &login);
    let is_planned = |host: &Host| plan.hosts.iter().any(|planned| planned.host == host.name());
    match roster {
        Some(roster) => Ok(reach.of_roster(roster, &[])?.into_iter().partition(is_planned)),
        None if plan.hosts.iter().any(|place| place.directory.is_some()) => Err(Diagnostic::new(
            ErrorKind::Refused,
            "the plan changes a directory, and only the roster knows where that is",
        )
        .hint("give the roster that the plan was made from: --roster FILE")),
        None => Ok((reach.named(plan.hosts.iter().map(|host| host.host.as_str()))?, Vec::new())),
    }
}

fn as_json(well: bool, applied: &[Applied], ways: &[WayIn], proofs: &[Proof], plan: &Plan) -> serde_json::Value {
    let mut all = serde_json::json!({ "ok": well, "applied": applied, "ways_in": ways, "left_out": plan.left_out });
    if !proofs.is_empty() {
        all["seen_on_hosts"] = serde_json::json!(proofs);
    }
    all
}

/// The same where there was nothing to do.
pub(super) fn nothing_done(plan: &Plan) -> serde_json::Value {
    as_json(true, &[], &[], &[], plan)
}

/// Tells what became of steps: each phase's lines as soon as it is over. With `--json` it only remembers them.
struct Report<'p> {
    heard: Vec<Applied>,
    /// What hosts say of people whom a directory was told of.
    proofs: Vec<Proof>,
    /// How many of them are on the screen.
    shown: usize,
    plan: &'p Plan,
    json: bool,
    extent: Extent,
}

impl Report<'_> {
    fn hear(&mut self, applied: Applied) {
        if self.heard.last().is_some_and(|last| last.phase != applied.phase) {
            self.show_phase();
        }
        self.heard.push(applied);
    }

    fn show_phase(&mut self) {
        let new = &self.heard[self.shown..];
        self.shown = self.heard.len();
        let Some(first) = new.first().filter(|_| !self.json) else { return };
        let (out, err) = (stdout(), stderr());
        out.line(Styled::of(Style::Heading, view::plan::heading(first.phase)));
        out.lines(view::plan::applied(new, self.plan.hosts.len(), self.extent));
        let warnings = new.iter().flat_map(|one| one.warnings.iter().map(move |text| (&one.host, text)));
        err.lines(warnings.map(|(host, text)| Styled::of(Style::Warning, "warning:").text(format!(" {host}: {text}"))));
        out.line("");
    }

    fn end(&mut self, ways: &[WayIn]) {
        self.show_phase();
        let out = stdout();
        if self.json {
            return;
        }
        out.lines(view::proof::proofs(&self.proofs));
        out.lines(view::ways_in::ways_in(ways));
        out.lines(view::plan::left_out(self.plan));
        out.line(view::plan::applied_summary(&self.heard, self.plan));
    }
}
