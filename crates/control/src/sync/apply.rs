//! Carrying a plan out: the same dry run again, compared with the plan; then for real, and nothing but the plan.

use super::ask::together;
use super::compile::{batches, lock, upcoming};
use super::lost::Lost;
use super::observe::{claims, for_guards};
use super::plan::{failed, foretold, now, people, refuse, subject};
use super::stale::{changed_hosts, stale};
use super::{Host, Observed, Site, Survey, joined, observe};
use crate::plan::guard::{self, Case, Seen};
use crate::plan::vocabulary as calls;
use crate::plan::{DirectoryMark, HostPlan, Moved, Phase, Plan, Step, alike, ended_jobs, moved};
use crate::roster::claims::{Claim, Kind, Origin, conflicts};
use crate::roster::guards::Settings;
use crate::roster::{PersonState, Roster};
use host::change::outcome::ItemResult;
use host::change::{Address, Change};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// What became of one step on one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Applied {
    /// Inventory name.
    pub host: String,
    /// When it ran.
    pub phase: Phase,
    /// What was planned.
    pub planned: Vec<Change>,
    /// What became of it.
    #[serde(flatten)]
    pub became: Became,
    /// What the module warned of.
    pub warnings: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Became {
    /// Exactly what was planned.
    Done,
    /// It ran, and changed something else than was planned, perhaps nothing: someone else was at work between the last
    /// look and the run.
    Otherwise {
        /// What was really changed.
        changes: Vec<Change>,
    },
    /// It failed.
    Failed {
        /// What happened.
        why: String,
    },
    /// It was left out.
    NotTried {
        /// Because of what.
        why: String,
    },
}

/// By whose word a plan is judged: what the one says who applies it. The plan itself is not asked.
#[derive(Clone, Debug, Default)]
pub struct Mandate<'r> {
    /// What guards go by.
    pub guards: Settings,
    /// The roster, if it is at hand: then a plan holds only what that roster is compiled to for each host.
    pub roster: Option<&'r Roster>,
    /// Guards that the person who applies passes, once.
    pub allowed: Vec<String>,
}

impl Became {
    /// Whether the step's resources are as planned now: by this run, or by another that was at work at the same time.
    fn is_well(&self) -> bool {
        match self {
            Became::Done => true,
            Became::Otherwise { changes } => changes.is_empty(),
            Became::Failed { .. } | Became::NotTried { .. } => false,
        }
    }
}

/// Carries `plan` out on `site`; `done` hears of every step as soon as the hosts before have done theirs, phase by phase.
/// `Ok(true)` when all went well. An error means that nothing was touched.
///
/// A host that does not answer, and a step that cannot be done any more, are left out and told; all others are done.
pub fn apply(
    site: &Site,
    plan: &Plan,
    mandate: &Mandate,
    mut done: impl FnMut(Applied),
) -> Result<bool, Vec<Diagnostic>> {
    refuse(of_another_day(plan).into_iter().collect())?;
    judge_plan(plan, mandate, &[])?;
    refuse(missing_hosts(site, plan))?;
    refuse(other_directories(site, plan))?;
    refuse(mandate.roster.map(|roster| strange_steps(site, plan, roster)).unwrap_or_default())?;
    let Survey { seen, silent } = observe(site)?;
    judge_plan(plan, mandate, &for_guards(site, &seen))?;
    let wanted = wanted(plan);
    let mut problems = conflicts(&wanted, &without_migrated(mandate.roster, claims(&seen)));
    problems.extend(joined::shadowed(&wanted, &seen, &joined::resolving(&site.hosts)));
    refuse(problems)?;
    let (mut moved, mut out, mut jobs) = (Vec::new(), HashMap::new(), 0);
    for (host, why) in silent {
        out.insert(host, Out::Host(why.to_string()));
    }
    // Each step is looked at, and then done.
    site.expect(plan.hosts.iter().map(|host| 2 * host.steps.len()).sum());
    let look = |host: &Host| {
        let is_silent = out.contains_key(host.name());
        if is_silent { Ok(None) } else { recheck(site, host, host_plan(plan, host)).map(Some) }
    };
    let mut now = Vec::new();
    site.each(look, |host, checked| now.push((host.name().to_owned(), checked)));
    for (host, checked) in now {
        match checked {
            Ok(None) => {}
            Ok(Some(found)) => {
                moved.extend(found.moved);
                jobs += found.jobs;
                out.insert(host, Out::Steps(found.impossible));
            }
            Err(why) => _ = out.insert(host, Out::Host(why.to_string())),
        }
    }
    refuse(guard::refuse_jobs(jobs, &mandate.guards, &mandate.allowed).into_iter().collect())?;
    if !moved.is_empty() || nothing_and_not_as_it_was(plan, &seen) {
        return Err(vec![stale(plan, &moved, &seen)]);
    }
    if site.is_stopped() {
        return Err(vec![Diagnostic::new(
            ErrorKind::Refused,
            "interrupted while the hosts were looked at; nothing was touched",
        )]);
    }
    Ok(in_phases(site, plan, &out, &mut done))
}

/// Why a plan that was made for another day is not carried out.
fn of_another_day(plan: &Plan) -> Option<Diagnostic> {
    let day = plan.at.as_ref()?;
    let problem = Diagnostic::new(ErrorKind::Refused, format!("the plan is of another day: {day}"));
    Some(problem.note("it was made with --at, and is only to be read").hint("make a plan of today"))
}

/// Why a step is left out after Ctrl-C.
const INTERRUPTED: &str = "the run was interrupted before it";

/// What is left out on a host.
enum Out {
    /// All of it: the host does not answer.
    Host(String),
    /// The steps with these numbers, each with the reason.
    Steps(HashMap<usize, String>),
}

impl Out {
    fn reason(&self, step: usize) -> Option<&str> {
        match self {
            Out::Host(why) => Some(why),
            Out::Steps(steps) => steps.get(&step).map(String::as_str),
        }
    }
}

fn judge_plan(plan: &Plan, mandate: &Mandate, hosts: &[Seen]) -> Result<(), Vec<Diagnostic>> {
    let people = mandate.roster.map_or(plan.roster.users, people);
    let (settings, allowed, roster) = (&mandate.guards, &mandate.allowed, mandate.roster);
    refuse(guard::refusals(&Case { plan, settings, people, hosts, now: now(), allowed, roster }))
}

/// The claims of hosts without those that the roster changes: who still has the number that his entry gives as `was_uid`.
pub(super) fn without_migrated(roster: Option<&Roster>, mut claims: Vec<Claim>) -> Vec<Claim> {
    let moves = |claim: &Claim| {
        let user = roster.and_then(|roster| roster.user(&claim.name)).filter(|_| claim.kind == Kind::User);
        user.and_then(|user| user.was_uid.as_ref()).is_some_and(|was| was.value == claim.id)
    };
    if roster.is_some_and(|roster| roster.users.iter().any(|user| user.was_uid.is_some())) {
        claims.retain(|claim| !moves(claim));
    }
    claims
}

/// Steps that `roster` does not ask of their host.
fn strange_steps(site: &Site, plan: &Plan, roster: &Roster) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for host in &site.hosts {
        let texts = asked(roster, host);
        let steps = host_plan(plan, host).into_iter().flat_map(|plan| &plan.steps);
        let strange = steps.filter(|step| !texts.contains(&as_text(&step.module, &step.args)));
        problems.extend(strange.map(|step| strange_step(roster, host, step)));
    }
    problems
}

/// Every call that a roster asks of a host, and the locks of those who cannot be removed yet.
pub(super) fn asked(roster: &Roster, host: &Host) -> HashSet<String> {
    let asked = batches(roster, host);
    let calls = asked.iter().flat_map(|batch| batch.items.iter().map(|args| (batch.module, args)));
    let locks: Vec<Map> = leavers(roster).chain(upcoming(roster)).map(lock).collect();
    let locks = locks.iter().map(|args| ("user", args));
    calls.chain(locks).map(|(module, args)| as_text(module, args)).collect()
}

/// A call as one text.
pub(super) fn as_text(module: &str, args: &Map) -> String {
    format!("{module} {}", Value::Map(args.clone()).to_json_line(true))
}

fn strange_step(roster: &Roster, host: &Host, step: &Step) -> Diagnostic {
    let what = subject(&step.module, &step.args);
    let message =
        format!("{}: the plan has a step for {what} that {} does not ask for", host.name(), roster.source.name);
    Diagnostic::new(ErrorKind::Refused, message)
        .hint("the roster has changed since the plan was made, or the plan has been edited: make a new one")
}

fn leavers(roster: &Roster) -> impl Iterator<Item = &str> {
    roster.users.iter().filter(|user| user.standing == PersonState::Absent).map(|user| user.name.as_str())
}

/// A plan without steps says that hosts were as the roster asks. Where accounts have changed since, nobody can say so.
fn nothing_and_not_as_it_was(plan: &Plan, seen: &[Observed]) -> bool {
    plan.is_empty() && !changed_hosts(plan, seen).is_empty()
}

/// Phase by phase over all hosts; whether all went well.
fn in_phases(site: &Site, plan: &Plan, out: &HashMap<String, Out>, done: &mut impl FnMut(Applied)) -> bool {
    let (mut well, mut failed) = (true, false);
    for phase in Phase::ALL {
        let holds = phase.removes() && failed;
        let kept = Kept { out, holds };
        let work = |host: &Host| Ok(carry_out(site, host, host_plan(plan, host), &kept, phase));
        site.each(work, |host, results| {
            for applied in results.unwrap_or_else(|why| broken_off(plan, host, phase, &why)) {
                well &= applied.became.is_well();
                failed |= !applied.became.is_well() && !matches!(applied.became, Became::NotTried { .. });
                done(applied);
            }
        });
    }
    well
}

/// The phase of a host on which enlist itself broke off: nobody can say which of its steps were done.
fn broken_off(plan: &Plan, host: &Host, phase: Phase, why: &Diagnostic) -> Vec<Applied> {
    let why = format!("{why}; it is not known whether this step was done");
    let steps = host_plan(plan, host).into_iter().flat_map(|plan| steps(plan, phase));
    steps.map(|(_, step)| failure(host.name(), step, why.clone())).collect()
}

fn host_plan<'p>(plan: &'p Plan, host: &Host) -> Option<&'p HostPlan> {
    plan.hosts.iter().find(|planned| planned.host == host.name())
}

/// The steps of one phase, with their numbers.
fn steps(host: &HostPlan, phase: Phase) -> impl Iterator<Item = (usize, &Step)> {
    host.steps.iter().enumerate().filter(move |(_, step)| step.phase == phase)
}

fn missing_hosts(site: &Site, plan: &Plan) -> Vec<Diagnostic> {
    let known = |name: &str| site.hosts.iter().any(|host| host.name() == name);
    let missing = plan.hosts.iter().filter(|host| !known(&host.host));
    missing
        .map(|host| {
            Diagnostic::new(
                ErrorKind::Refused,
                format!("the plan has the host {}, and inventory and roster have not", host.host),
            )
            .hint("give the inventory that the plan was made with, or make a new plan")
        })
        .collect()
}

/// Places that are other directories than those for which the plan was made and looked at.
fn other_directories(site: &Site, plan: &Plan) -> Vec<Diagnostic> {
    let is_other =
        |host: &&Host| host_plan(plan, host).is_some_and(|planned| planned.directory != host.directory_mark());
    let shown = |mark: Option<&DirectoryMark>| match mark {
        None => "a host".to_owned(),
        Some(DirectoryMark { server, base, people, groups }) => {
            format!("the directory {server} (base {base}, people in {people}, groups in {groups})")
        }
    };
    let problem = |host: &Host| {
        let planned = host_plan(plan, host).and_then(|planned| planned.directory.as_ref());
        let message = format!("{} is not the place that the plan was made for", host.name());
        Diagnostic::new(ErrorKind::Refused, message)
            .note(format!("in the plan it is {}", shown(planned)))
            .note(format!("now it is {}", shown(host.directory_mark().as_ref())))
            .hint("make a new plan, and look at it")
    };
    site.hosts.iter().filter(is_other).map(problem).collect()
}

/// The names and numbers that the plan gives, so that conflicts are found without the roster.
fn wanted(plan: &Plan) -> Vec<Claim> {
    let (mut claims, mut known): (Vec<Claim>, HashSet<(Kind, &str, u32)>) = (Vec::new(), HashSet::new());
    for step in plan.hosts.iter().flat_map(|host| &host.steps) {
        let (kind, id) = match step.module.as_str() {
            "user" | "doors" | "slurm_jobs" => (Kind::User, step.args.get("uid")),
            "group" => (Kind::Group, step.args.get("gid")),
            _ => continue,
        };
        let id = id.and_then(|id| u32::try_from(id.as_int()?).ok());
        let name = step.args.get("name").and_then(|name| name.as_str());
        let (Some(id), Some(name)) = (id, name) else { continue };
        if known.insert((kind, name, id)) {
            claims.push(Claim { kind, name: name.to_owned(), id, origin: Origin::Wanted(None) });
        }
    }
    claims
}

/// What is not done.
struct Kept<'o> {
    /// What is left out on hosts, by their names.
    out: &'o HashMap<String, Out>,
    /// Whether something failed before: then nothing more is removed.
    holds: bool,
}

impl Kept<'_> {
    fn reason(&self, host: &Host, number: usize, step: &Step) -> Option<&str> {
        let is_held = self.holds && !shuts_out(step);
        let out = self.out.get(host.name()).and_then(|out| out.reason(number));
        out.or(is_held.then_some("nothing is removed after a failure"))
    }
}

/// Whether a step ends what somebody who leaves still does. A failure elsewhere, of a newcomer's key perhaps, lets nobody stay in.
fn shuts_out(step: &Step) -> bool {
    [&calls::STOP_JOBS, &calls::SHUT_DOORS]
        .iter()
        .any(|call| call.module == step.module && step.args.get("state").and_then(Value::as_str) == Some(call.state))
}

/// What another look at one host found.
struct Rechecked {
    moved: Vec<Moved>,
    /// Steps that cannot be done now, by number, with the reason.
    impossible: HashMap<usize, String>,
    /// How many jobs end.
    jobs: u64,
}

/// The dry run of the plan's steps again. An error means that the host does not answer.
fn recheck(site: &Site, host: &Host, plan: Option<&HostPlan>) -> Result<Rechecked, Diagnostic> {
    let mut found = Rechecked { moved: Vec::new(), impossible: HashMap::new(), jobs: 0 };
    let Some(plan) = plan else { return Ok(found) };
    let (mut now, mut number) = (Vec::new(), 0);
    for batch in plan.steps.chunk_by(same_batch) {
        for (step, result) in batch.iter().zip(ask(site, host, batch, true)?) {
            now.push(foretold(result).map_or_else(
                |failure| {
                    let why = failed(host.name(), &step.module, &step.args, &failure).to_string();
                    found.impossible.insert(number, why);
                    step.changes.clone()
                },
                |(changes, _)| changes,
            ));
            number += 1;
        }
    }
    found.jobs = now.iter().flatten().map(ended_jobs).sum();
    found.moved = moved(plan, &now);
    Ok(found)
}

/// Adjacent steps of one module, phase and state are one round trip.
fn same_batch(a: &Step, b: &Step) -> bool {
    (a.phase, &a.module, a.args.get("state")) == (b.phase, &b.module, b.args.get("state"))
}

fn ask(site: &Site, host: &Host, batch: &[Step], check: bool) -> Result<Vec<ItemResult>, Diagnostic> {
    let items: Vec<Map> = batch.iter().map(|step| step.args.clone()).collect();
    site.ask(host, &batch[0].module, items, check)
}

/// Does one phase on one host. A step that cannot be done is left out, and what needs it. After a batch of which nothing
/// was done the later ones of this host are not tried.
fn carry_out(site: &Site, host: &Host, plan: Option<&HostPlan>, kept: &Kept, phase: Phase) -> Vec<Applied> {
    let (mut applied, mut possible) = (Vec::new(), Vec::new());
    for (number, step) in plan.into_iter().flat_map(|plan| self::steps(plan, phase)) {
        match kept.reason(host, number, step) {
            Some(why) => applied.push(not_tried(host.name(), step, why)),
            None => possible.push(step.clone()),
        }
    }
    let (mut lost, mut given_up) = (Lost::default(), false);
    for batch in possible.chunk_by(same_batch).flat_map(|batch| batch.chunks(together(&batch[0].module))) {
        let mut tried = Vec::new();
        for step in batch {
            let why = match given_up {
                _ if site.is_stopped() => Some(INTERRUPTED.to_owned()),
                true => Some(EARLIER.to_owned()),
                false => lost.needed_by(&step.module, &step.args),
            };
            match why {
                Some(why) => applied.push(not_tried(host.name(), step, &why)),
                None => tried.push(step.clone()),
            }
        }
        let became = run(site, host, &tried);
        let failures = || became.iter().zip(&tried).filter(|(one, _)| matches!(one.became, Became::Failed { .. }));
        given_up |= !became.is_empty() && failures().count() == became.len();
        failures().for_each(|(_, step)| lost.add(&step.module, &step.args));
        applied.extend(became);
    }
    applied
}

const EARLIER: &str = "an earlier step failed on this host";

/// Carries steps of one module out.
fn run(site: &Site, host: &Host, steps: &[Step]) -> Vec<Applied> {
    if steps.is_empty() {
        return Vec::new();
    }
    match ask(site, host, steps, false) {
        Ok(results) => steps.iter().zip(results).map(|(step, result)| judge(host, step, result)).collect(),
        Err(problem) => steps.iter().map(|step| failure(host.name(), step, problem.to_string())).collect(),
    }
}

fn judge(host: &Host, step: &Step, result: ItemResult) -> Applied {
    match result.outcome {
        Err(problem) => failure(host.name(), step, failed(host.name(), &step.module, &step.args, &problem).to_string()),
        Ok(outcome) => {
            let as_planned = alike(&step.changes, &result.changes) && result.changed;
            let became = if as_planned { Became::Done } else { Became::Otherwise { changes: result.changes } };
            Applied { warnings: outcome.warnings, ..report(host.name(), step, became) }
        }
    }
}

fn failure(host: &str, step: &Step, why: String) -> Applied {
    report(host, step, Became::Failed { why })
}

fn not_tried(host: &str, step: &Step, why: &str) -> Applied {
    report(host, step, Became::NotTried { why: why.to_owned() })
}

fn report(host: &str, step: &Step, became: Became) -> Applied {
    let (phase, planned) = (step.phase, step.changes.clone());
    Applied { host: host.to_owned(), phase, planned, became, warnings: Vec::new() }
}

impl Applied {
    /// The resources of this step.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.planned.iter().map(|change| &change.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{plan, step};

    /// A step that ends processes or jobs by number gives that number to its name, so one of somebody else is a conflict.
    #[test]
    fn numbers_by_which_processes_and_jobs_end_are_claims() {
        for module in ["doors", "slurm_jobs"] {
            let args = [("name", Value::from("dooly")), ("uid", 2002.into())];
            let args = args.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
            let claims = wanted(&plan(vec![Step { module: module.into(), args, ..step(Vec::new()) }]));
            let found: Vec<_> = claims.iter().map(|it| (it.kind, it.name.as_str(), it.id)).collect();
            assert_eq!(found, [(Kind::User, "dooly", 2002)]);
        }
    }
}
