//! Making a plan: every module of the compiled roster runs in check mode on every host, in order, so that the engine
//! that will apply also predicts.

use super::compile::{Batch, batches};
use super::observe::claims;
use super::{Host, Observed, Site, observe};
use crate::change::guard;
use crate::change::outcome::{Failure, ItemResult};
use crate::change::plan::{FORMAT, HostPlan, Plan, RosterMark, Step, digest};
use crate::diag::{Diagnostic, ErrorKind};
use crate::roster::claims::{conflicts, of_roster};
use crate::roster::{Roster, State};
use crate::value::Map;

/// A plan and what should be said beside it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Warnings of modules, with their host.
    pub warnings: Vec<String>,
}

/// Looks at every host and says what would be done. Reads only; refuses conflicts of names and numbers, and what a
/// guard refuses. `created` is the time to write into the plan.
pub fn plan(site: &Site, roster: &Roster, inventory: &[String], created: String) -> Result<Planned, Vec<Diagnostic>> {
    let observed = observe(site)?;
    refuse(conflicts(&of_roster(roster), &claims(&observed)))?;
    let predicted = site.on_all(|host| predict(site, host, &batches(roster, host)))?;
    let mut warnings = Vec::new();
    let mut hosts = Vec::new();
    for (Observed { host, digest: observed, .. }, (steps, mut said)) in observed.into_iter().zip(predicted) {
        warnings.append(&mut said);
        hosts.push(HostPlan { host, observed, steps });
    }
    let plan = Plan {
        format: FORMAT,
        enlist: env!("CARGO_PKG_VERSION").into(),
        created,
        site: roster.site.clone().unwrap_or_default(),
        roster: RosterMark {
            file: roster.source.name.clone(),
            digest: digest(roster.source.text.as_bytes()),
            users: roster.users.iter().filter(|user| user.state == State::Present).count(),
        },
        inventory: inventory.to_vec(),
        guards: roster.guards.clone(),
        hosts,
    };
    refuse(guard::refusals(&plan))?;
    Ok(Planned { plan, warnings })
}

/// No problem is no refusal.
pub(super) fn refuse(problems: Vec<Diagnostic>) -> Result<(), Vec<Diagnostic>> {
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The steps that would change something on one host, and warnings. All failures of a batch are reported; the batches
/// after it, which may depend on it, are not tried.
fn predict(site: &Site, host: &Host, batches: &[Batch]) -> Result<(Vec<Step>, Vec<String>), Vec<Diagnostic>> {
    let (mut steps, mut warnings) = (Vec::new(), Vec::new());
    for batch in batches {
        let results = site.ask(host, batch.module, batch.items.clone(), true).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        for (args, result) in batch.items.iter().zip(results) {
            match foretold(host, batch.module, args, result) {
                Ok((changes, said)) => {
                    warnings.extend(said.into_iter().map(|text| format!("{}: {text}", host.name())));
                    let step = Step { phase: batch.phase, module: batch.module.into(), args: args.clone(), changes };
                    steps.extend(Some(step).filter(|step| !step.changes.is_empty()));
                }
                Err(problem) => problems.push(problem),
            }
        }
        refuse(problems)?;
    }
    Ok((steps, warnings))
}

/// The changes and warnings of a dry run; one that cannot tell what would happen is an error, since a plan must.
pub(super) fn foretold(
    host: &Host,
    module: &str,
    args: &Map,
    result: ItemResult,
) -> Result<(Vec<crate::change::Change>, Vec<String>), Diagnostic> {
    let outcome = result.outcome.map_err(|failure| failed(host.name(), module, args, &failure))?;
    match outcome.skipped {
        None if !result.changed || !result.changes.is_empty() => Ok((result.changes, outcome.warnings)),
        skipped => {
            let why = skipped.unwrap_or_else(|| "it does not say what it would change".into());
            Err(failed(host.name(), module, args, &Failure::new(format!("this cannot be planned: {why}"))))
        }
    }
}

/// A module's failure as a diagnostic.
pub(super) fn failed(host: &str, module: &str, args: &Map, failure: &Failure) -> Diagnostic {
    let subject = args.get("name").or(args.get("user")).map(ToString::to_string).unwrap_or_default();
    let problem = Diagnostic::new(ErrorKind::Host, format!("{host}: {module} {subject}: {}", failure.msg));
    match &failure.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
