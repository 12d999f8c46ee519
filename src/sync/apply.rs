//! Carrying a plan out: the same dry run again, compared with the plan; then for real, and nothing but the plan.

use super::observe::claims;
use super::plan::{failed, foretold, refuse};
use super::{Host, Site, observe};
use crate::change::guard;
use crate::change::outcome::ItemResult;
use crate::change::plan::{HostPlan, Moved, Phase, Plan, Step, moved};
use crate::change::{Address, Change};
use crate::diag::{Diagnostic, ErrorKind};
use crate::roster::claims::{Claim, Kind, Origin, conflicts};
use crate::value::Map;
use serde::Serialize;

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
    /// It ran, and changed something else than was planned: someone else was at work between the last look and the run.
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

/// Carries `plan` out on `site`; `done` hears of every step as soon as the hosts before have done theirs, phase by phase.
/// `Ok(true)` when all went well. An error means that nothing was touched.
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
            plan.hosts.iter().for_each(|host| steps(host, phase).for_each(|step| done(held_back(&host.host, step))));
            continue;
        }
        let work = |host: &Host| carry_out(site, host, host_plan(plan, host), phase);
        crate::runner::in_order(&site.hosts, site.forks, work, |_, results| {
            for applied in results {
                well &= applied.became == Became::Done;
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
    let mut applied: Vec<Applied> = Vec::new();
    for batch in steps.chunk_by(same_batch) {
        if applied.iter().any(|one| matches!(one.became, Became::Failed { .. })) {
            let why = "an earlier step failed on this host";
            applied.extend(batch.iter().map(|step| not_tried(host.name(), step, why)));
            continue;
        }
        match ask(site, host, batch, false) {
            Ok(results) => applied.extend(batch.iter().zip(results).map(|(step, result)| judge(host, step, result))),
            Err(problem) => applied.extend(batch.iter().map(|step| failure(host.name(), step, problem.to_string()))),
        }
    }
    applied
}

fn judge(host: &Host, step: &Step, result: ItemResult) -> Applied {
    match result.outcome {
        Err(problem) => failure(host.name(), step, failed(host.name(), &step.module, &step.args, &problem).to_string()),
        Ok(outcome) => {
            let as_planned = result.changes == step.changes;
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

fn held_back(host: &str, step: &Step) -> Applied {
    not_tried(host, step, "nothing is removed after a failure")
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
