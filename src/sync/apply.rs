//! Carrying a plan out: the same dry run again, compared with the plan; then for real, and nothing but the plan.

use super::observe::claims;
use super::plan::{failed, foretold, refuse};
use super::{Host, Site, observe};
use crate::change::guard;
use crate::change::outcome::{Failure, ItemResult};
use crate::change::plan::{HostPlan, Moved, Phase, Plan, Step, moved};
use crate::change::{Address, Change};
use crate::diag::{Diagnostic, ErrorKind};
use crate::roster::claims::{Claim, Kind, Origin, conflicts};
use crate::value::Map;
use std::ops::ControlFlow;

/// What became of one step on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Inventory name.
    pub host: String,
    /// What was planned.
    pub planned: Vec<Change>,
    /// What was really done, or why not.
    pub result: Result<Vec<Change>, String>,
}

/// Carries `plan` out on `site`; `done` hears of every step, in the order of hosts within a phase. `Ok(true)` when all
/// went well. An error means that nothing was touched.
pub fn apply(site: &Site, plan: &Plan, mut done: impl FnMut(Applied)) -> Result<bool, Vec<Diagnostic>> {
    refuse(guard::refusals(plan))?;
    refuse(missing_hosts(site, plan))?;
    let observed = observe(site)?;
    refuse(conflicts(&wanted(plan), &claims(&observed)))?;
    let elsewhere = site.on_all(|host| recheck(site, host, host_plan(plan, host)))?;
    let moved: Vec<Moved> = elsewhere.into_iter().flatten().collect();
    if !moved.is_empty() {
        return Err(vec![stale(plan, &moved, &observed)]);
    }
    let mut well = true;
    for phase in Phase::ALL {
        if phase.removes() && !well {
            plan.hosts.iter().for_each(|host| steps(host, phase).for_each(|step| done(held_back(host, step))));
            continue;
        }
        let work = |host: &Host| carry_out(site, host, host_plan(plan, host), phase);
        crate::runner::in_order(&site.hosts, site.forks, work, |_, results| {
            for applied in results {
                well &= applied.result.is_ok();
                done(applied);
            }
        });
    }
    Ok(well)
}

fn host_plan<'p>(plan: &'p Plan, host: &Host) -> Option<&'p HostPlan> {
    plan.hosts.iter().find(|planned| planned.host == host.name())
}

fn steps(host: &HostPlan, phase: Phase) -> impl Iterator<Item = &Step> {
    host.steps.iter().filter(move |step| step.phase == phase)
}

fn missing_hosts(site: &Site, plan: &Plan) -> Vec<Diagnostic> {
    let known = |name: &str| site.hosts.iter().any(|host| host.name() == name);
    let missing = plan.hosts.iter().filter(|host| !known(&host.host));
    missing
        .map(|host| {
            Diagnostic::new(
                ErrorKind::Refused,
                format!("the plan has the host {}, and the inventory has not", host.host),
            )
            .hint("give the inventory that the plan was made with, or make a new plan")
        })
        .collect()
}

/// The names and numbers that the plan gives, so that conflicts are found without the roster.
fn wanted(plan: &Plan) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for step in plan.hosts.iter().flat_map(|host| &host.steps) {
        let (kind, id) = match step.module.as_str() {
            "user" => (Kind::User, step.args.get("uid")),
            "group" => (Kind::Group, step.args.get("gid")),
            _ => continue,
        };
        let id = id.and_then(|id| u32::try_from(id.as_int()?).ok());
        let name = step.args.get("name").and_then(|name| name.as_str());
        let (Some(id), Some(name)) = (id, name) else { continue };
        let claim = Claim { kind, name: name.to_owned(), id, origin: Origin::Wanted(None) };
        if !claims.contains(&claim) {
            claims.push(claim);
        }
    }
    claims
}

/// What is not as planned on one host.
fn recheck(site: &Site, host: &Host, plan: Option<&HostPlan>) -> Result<Vec<Moved>, Vec<Diagnostic>> {
    let Some(plan) = plan else { return Ok(Vec::new()) };
    let mut now = Vec::new();
    let mut problems = Vec::new();
    for batch in plan.steps.chunk_by(same_batch) {
        for (step, result) in batch.iter().zip(ask(site, host, batch, true).map_err(|problem| vec![problem])?) {
            match foretold(host, &step.module, &step.args, result) {
                Ok((changes, _)) => now.push(changes),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
    }
    Ok(moved(plan, &now))
}

/// Adjacent steps of one module and phase are one round trip.
fn same_batch(a: &Step, b: &Step) -> bool {
    (a.phase, &a.module) == (b.phase, &b.module)
}

fn ask(site: &Site, host: &Host, batch: &[Step], check: bool) -> Result<Vec<ItemResult>, Diagnostic> {
    let items: Vec<Map> = batch.iter().map(|step| step.args.clone()).collect();
    site.ask(host, &batch[0].module, items, check)
}

fn stale(plan: &Plan, moved: &[Moved], observed: &[super::Observed]) -> Diagnostic {
    let message = format!("the world has moved since the plan was made ({}); nothing was touched", plan.created);
    let problem = Diagnostic::new(ErrorKind::Refused, message);
    let problem = moved.iter().fold(problem, |problem, moved| problem.note(describe(moved)));
    let changed = observed
        .iter()
        .filter(|now| plan.hosts.iter().any(|planned| planned.host == now.host && planned.observed != now.digest));
    let changed: Vec<_> = changed.map(|now| now.host.as_str()).collect();
    let problem = match changed.is_empty() {
        true => problem,
        false => problem.note(format!("accounts changed since then on: {}", changed.join(", "))),
    };
    problem.hint("make a new plan and review it")
}

fn describe(moved: &Moved) -> String {
    let host = &moved.host;
    match (&moved.planned, &moved.now) {
        (Some(planned), None) => format!("{host}: {} needs no change any more", planned.address),
        (None, Some(now)) => format!("{host}: {} was not planned to change, and would", now.address),
        (Some(planned), Some(now)) if planned.action != now.action => {
            format!("{host}: {} was to {}, and would {}", planned.address, verb(planned), verb(now))
        }
        (planned, _) => format!(
            "{host}: {} would change in another way",
            planned.as_ref().map_or("it".into(), |p| p.address.to_string())
        ),
    }
}

fn verb(change: &Change) -> &'static str {
    match change.action {
        crate::change::Action::Create => "be created",
        crate::change::Action::Update => "be changed",
        crate::change::Action::Delete => "be removed",
    }
}

/// Does one phase on one host. After a failed batch the later ones of this host are not tried.
fn carry_out(site: &Site, host: &Host, plan: Option<&HostPlan>, phase: Phase) -> Vec<Applied> {
    let steps: Vec<Step> = plan.map(|plan| self::steps(plan, phase).cloned().collect()).unwrap_or_default();
    let mut applied = Vec::new();
    let flow = steps.chunk_by(same_batch).try_for_each(|batch| {
        let results = match ask(site, host, batch, false) {
            Ok(results) => results.into_iter().zip(batch).map(|(result, step)| outcome(host, step, result)).collect(),
            Err(problem) => vec![Err(problem.to_string()); batch.len()],
        };
        let failed = results.iter().any(Result::is_err);
        applied.extend(batch.iter().zip(results).map(|(step, result)| report(host.name(), step, result)));
        if failed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if flow.is_break() {
        let rest = &steps[applied.len()..];
        let why = || Err("not tried, since an earlier step failed on this host".to_owned());
        applied.extend(rest.iter().map(|step| report(host.name(), step, why())));
    }
    applied
}

fn outcome(host: &Host, step: &Step, result: ItemResult) -> Result<Vec<Change>, String> {
    let describe = |failure: &Failure| failed(host.name(), &step.module, &step.args, failure).to_string();
    result.outcome.map(|_| result.changes).map_err(|failure| describe(&failure))
}

fn report(host: &str, step: &Step, result: Result<Vec<Change>, String>) -> Applied {
    Applied { host: host.to_owned(), planned: step.changes.clone(), result }
}

fn held_back(host: &HostPlan, step: &Step) -> Applied {
    report(&host.host, step, Err("not tried: nothing is removed after a failure".to_owned()))
}

impl Applied {
    /// The resources of this step.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.planned.iter().map(|change| &change.address)
    }
}
