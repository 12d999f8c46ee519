//! [`KnownRuns`]: what there is to say of each run and step, and what of it the master knows.

use super::keeper::Ask;
use crate::directory::{Part, RunId, RunStanding};
use crate::protocol::RunReport;
use crate::stream::LONGEST_REASON;
use scheduling::event::{NodeReport, Reported, RunStage};
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run that is over and confirmed is remembered for so long: an order that was on its way meanwhile starts it no more. A job may
/// have thousands of steps.
const MEMORY: Duration = Duration::from_secs(3600);
const MEMORY_OF_STEPS: Duration = Duration::from_secs(300);

/// All runs and steps that the daemon knows of.
#[derive(Default)]
pub struct KnownRuns(Mutex<BTreeMap<Part, Known>>);

/// What is known of a run or step.
pub struct Known {
    /// Its keeper; `None` when its directory is gone, or never was.
    keeper: Option<Sender<Ask>>,
    reports: Vec<RunReport>,
    confirmed: Vec<Reported>,
    /// Since when it is over and confirmed.
    since: Option<Instant>,
}

impl Known {
    /// One that has a keeper.
    pub fn kept(keeper: Sender<Ask>) -> Self {
        Self { keeper: Some(keeper), reports: Vec::new(), confirmed: Vec::new(), since: None }
    }

    /// One that is not here, and will not be.
    pub fn gone() -> Self {
        Self { keeper: None, reports: Vec::new(), confirmed: Vec::new(), since: None }
    }

    /// One that could not be started.
    pub fn failed(part: Part, why: &str) -> Self {
        Self { reports: vec![failure(part, why)], ..Self::gone() }
    }

    /// Whether there is no more to be said of it than what is known already.
    fn is_over(&self) -> bool {
        self.keeper.is_none() || self.reports.iter().any(|it| is_last(&it.report.what))
    }
}

fn report(part: Part, what: Reported) -> RunReport {
    let (job, attempt) = part.run;
    RunReport { report: NodeReport { job, attempt, what }, why: None, step: part.step, usage: None }
}

fn failure(part: Part, why: &str) -> RunReport {
    let end = why.floor_char_boundary(LONGEST_REASON);
    RunReport { why: Some(why[..end].to_owned()), ..report(part, Reported::LaunchFailed) }
}

/// What there is to say of a run or step, in the order in which it happened.
fn told(run: Part, standing: &RunStanding) -> Vec<RunReport> {
    if let Some(why) = &standing.failed {
        return if standing.left { vec![failure(run, why)] } else { Vec::new() };
    }
    let mut reports = Vec::new();
    if standing.launched {
        reports.push(report(run, Reported::Stage(RunStage::Launched)));
    }
    reports.extend(standing.delivered.iter().map(|serial| report(run, Reported::Delivered(*serial))));
    if let Some(ended) = standing.ended {
        let usage = Some(ended.usage);
        reports.push(RunReport { usage, ..report(run, Reported::Stage(RunStage::Ended(ended.end))) });
    }
    if standing.left {
        reports.push(report(run, Reported::Stage(RunStage::Left)));
    }
    reports
}

fn is_last(what: &Reported) -> bool {
    matches!(what, Reported::LaunchFailed | Reported::Stage(RunStage::Left))
}

impl KnownRuns {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was heard of.
    pub fn has(&self, part: Part) -> bool {
        self.lock().contains_key(&part)
    }

    /// Whether it is here, and its end is not told.
    pub fn goes_on(&self, part: Part) -> bool {
        self.lock().get(&part).is_some_and(|known| !known.is_over())
    }

    /// Steps that are here.
    pub fn steps(&self) -> Vec<Part> {
        let runs = self.lock();
        runs.iter().filter(|(part, known)| part.step.is_some() && !known.is_over()).map(|(part, _)| *part).collect()
    }

    /// Puts one in.
    pub fn put(&self, run: Part, mut known: Known) {
        if known.keeper.is_none() && known.reports.is_empty() {
            known.reports.push(report(run, Reported::Stage(RunStage::Left)));
        }
        self.lock().insert(run, known);
    }

    /// Asks a run's keeper for something, if it has one; `false` when the run was never heard of.
    pub fn ask(&self, run: Part, ask: Ask) -> bool {
        let runs = self.lock();
        if let Some(keeper) = runs.get(&run).and_then(|known| known.keeper.as_ref()) {
            // A keeper that ended has nothing left to do.
            let _ = keeper.send(ask);
        }
        runs.contains_key(&run)
    }

    /// How far the run has come now.
    pub fn stands(&self, run: Part, standing: &RunStanding) {
        if let Some(known) = self.lock().get_mut(&run) {
            known.reports = told(run, standing);
        }
    }

    /// Nothing of it is left, and nobody can say more than what is known already.
    pub fn left(&self, run: Part) {
        if let Some(known) = self.lock().get_mut(&run)
            && !known.reports.iter().any(|it| is_last(&it.report.what))
        {
            known.reports.push(report(run, Reported::Stage(RunStage::Left)));
        }
    }

    /// The run could not be started, and has no directory.
    pub fn never_started(&self, run: Part, why: &str) {
        self.put(run, Known::failed(run, why));
    }

    /// Runs that are here, or may be.
    pub fn here(&self) -> Vec<RunId> {
        self.all_here().into_iter().filter(|part| part.step.is_none()).map(|part| part.run).collect()
    }

    /// The same for steps.
    pub fn steps_here(&self) -> Vec<Part> {
        self.all_here().into_iter().filter(|part| part.step.is_some()).collect()
    }

    fn all_here(&self) -> Vec<Part> {
        let has_failed = |known: &Known| known.reports.iter().any(|it| it.report.what == Reported::LaunchFailed);
        let runs = self.lock();
        runs.iter().filter(|(_, known)| known.keeper.is_some() && !has_failed(known)).map(|(part, _)| *part).collect()
    }

    /// The master asks again about a run: whatever was said of it is said again.
    pub fn repeat(&self, run: Part) {
        if let Some(known) = self.lock().get_mut(&run) {
            known.confirmed.clear();
        }
    }

    /// All that is not over is said again.
    pub fn repeat_all(&self) {
        self.lock().values_mut().filter(|known| known.since.is_none()).for_each(|known| known.confirmed.clear());
    }

    /// What was not confirmed.
    pub fn unconfirmed(&self) -> Vec<RunReport> {
        let runs = self.lock();
        let open = |known: &Known| {
            let is_open = |it: &&RunReport| !known.confirmed.contains(&it.report.what);
            known.reports.iter().filter(is_open).cloned().collect::<Vec<_>>()
        };
        runs.values().flat_map(open).collect()
    }

    /// These are confirmed; the keeper of a run that is over may forget it.
    pub fn confirm(&self, reports: &[RunReport]) {
        let mut runs = self.lock();
        for RunReport { report, step, .. } in reports {
            let part = Part { run: (report.job, report.attempt), step: *step };
            let Some(known) = runs.get_mut(&part) else { continue };
            known.confirmed.push(report.what.clone());
            if is_last(&report.what) {
                known.since.get_or_insert_with(Instant::now);
                if let Some(keeper) = known.keeper.take() {
                    let _ = keeper.send(Ask::Forget);
                }
            }
        }
        runs.retain(|part, known| {
            let memory = if part.step.is_some() { MEMORY_OF_STEPS } else { MEMORY };
            known.since.is_none_or(|since| since.elapsed() < memory)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Ended;
    use crate::protocol::RunUsage;
    use scheduling::event::ScriptEnd;
    use scheduling::id::{Attempt, JobId};
    use slurm::records::ExitCode;
    use std::sync::mpsc::channel;

    const RUN: Part = Part { run: (JobId(7), Attempt(0)), step: None };

    fn over() -> RunStanding {
        let end = ScriptEnd { exit: ExitCode { code: 3, signal: 0 }, out_of_memory: false };
        let ended = Some(Ended { end, usage: RunUsage::default() });
        RunStanding { launched: true, ended, left: true, ..RunStanding::default() }
    }

    #[test]
    fn reports_come_until_they_are_confirmed_and_again_when_the_master_asks() {
        let (runs, (sender, asks)) = (KnownRuns::default(), channel());
        runs.put(RUN, Known::kept(sender));
        assert_eq!((runs.here(), runs.goes_on(RUN)), (vec![RUN.run], true));
        runs.stands(RUN, &over());
        let said = runs.unconfirmed();
        assert_eq!(said.len(), 3);
        runs.confirm(&said[..1]);
        assert_eq!(runs.unconfirmed(), said[1..]);
        runs.confirm(&said);
        assert!(matches!(asks.try_recv(), Ok(Ask::Forget)));
        assert_eq!((runs.unconfirmed(), runs.here()), (Vec::new(), Vec::new()));
        runs.repeat(RUN);
        assert_eq!(runs.unconfirmed(), said);
    }

    #[test]
    fn a_step_is_told_beside_its_run_and_confirmed_alone() {
        let (runs, (sender, asks)) = (KnownRuns::default(), channel());
        let step = Part { step: Some(slurm::records::StepId::Number(2)), ..RUN };
        runs.put(RUN, Known::kept(sender.clone()));
        runs.put(step, Known::kept(sender));
        assert_eq!((runs.here(), runs.steps()), (vec![RUN.run], vec![step]));
        runs.stands(step, &over());
        let said = runs.unconfirmed();
        assert!(said.len() == 3 && said.iter().all(|report| report.step == step.step), "{said:?}");
        runs.confirm(&said);
        assert!(matches!(asks.try_recv(), Ok(Ask::Forget)));
        assert_eq!((runs.steps(), runs.goes_on(RUN), runs.unconfirmed()), (Vec::new(), true, Vec::new()));
    }

    #[test]
    fn a_failure_is_told_when_nothing_is_left() {
        let mut standing = RunStanding { failed: Some("ö".repeat(800)), ..RunStanding::default() };
        assert_eq!(told(RUN, &standing), []);
        standing.left = true;
        let told = told(RUN, &standing);
        assert_eq!((&told[0].report.what, told.len()), (&Reported::LaunchFailed, 1));
        assert_eq!(told[0].why.as_ref().unwrap().len(), LONGEST_REASON);
    }

    #[test]
    fn a_run_that_was_never_here_is_gone() {
        let runs = KnownRuns::default();
        assert!(!runs.ask(RUN, Ask::News));
        runs.put(RUN, Known::gone());
        assert_eq!(runs.unconfirmed(), [report(RUN, Reported::Stage(RunStage::Left))]);
        assert!(runs.has(RUN) && runs.here().is_empty());
    }
}
