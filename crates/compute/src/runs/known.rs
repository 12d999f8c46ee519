//! [`KnownRuns`]: what there is to say of each run, and what of it the master knows.

use super::keeper::Ask;
use crate::directory::{RunId, RunStanding};
use crate::protocol::RunReport;
use scheduling::event::{NodeReport, Reported, RunStage};
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run that is over and confirmed is remembered for so long: an order that was on its way meanwhile starts it no more.
const MEMORY: Duration = Duration::from_secs(3600);

/// A reason is no longer than this.
const LONGEST_REASON: usize = 1000;

/// All runs that the daemon knows of.
#[derive(Default)]
pub struct KnownRuns(Mutex<BTreeMap<RunId, Known>>);

/// What is known of a run.
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
    pub fn failed(run: RunId, why: &str) -> Self {
        Self { reports: vec![failure(run, why)], ..Self::gone() }
    }
}

fn report(run: RunId, what: Reported) -> RunReport {
    RunReport { report: NodeReport { job: run.0, attempt: run.1, what }, why: None, step: None, usage: None }
}

fn failure(run: RunId, why: &str) -> RunReport {
    let end = why.floor_char_boundary(LONGEST_REASON);
    RunReport { why: Some(why[..end].to_owned()), ..report(run, Reported::LaunchFailed) }
}

/// What there is to say of a run, in the order in which it happened.
fn told(run: RunId, standing: &RunStanding) -> Vec<RunReport> {
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
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the run was heard of.
    pub fn has(&self, run: RunId) -> bool {
        self.lock().contains_key(&run)
    }

    /// Puts one in.
    pub fn put(&self, run: RunId, mut known: Known) {
        if known.keeper.is_none() && known.reports.is_empty() {
            known.reports.push(report(run, Reported::Stage(RunStage::Left)));
        }
        self.lock().insert(run, known);
    }

    /// Asks a run's keeper for something, if it has one; `false` when the run was never heard of.
    pub fn ask(&self, run: RunId, ask: Ask) -> bool {
        let runs = self.lock();
        if let Some(keeper) = runs.get(&run).and_then(|known| known.keeper.as_ref()) {
            // A keeper that ended has nothing left to do.
            let _ = keeper.send(ask);
        }
        runs.contains_key(&run)
    }

    /// How far the run has come now.
    pub fn stands(&self, run: RunId, standing: &RunStanding) {
        if let Some(known) = self.lock().get_mut(&run) {
            known.reports = told(run, standing);
        }
    }

    /// Nothing of it is left, and nobody can say more than what is known already.
    pub fn left(&self, run: RunId) {
        if let Some(known) = self.lock().get_mut(&run)
            && !known.reports.iter().any(|it| is_last(&it.report.what))
        {
            known.reports.push(report(run, Reported::Stage(RunStage::Left)));
        }
    }

    /// The run could not be started, and has no directory.
    pub fn never_started(&self, run: RunId, why: &str) {
        self.put(run, Known::failed(run, why));
    }

    /// Those that are here, or may be.
    pub fn here(&self) -> Vec<RunId> {
        let has_failed = |known: &Known| known.reports.iter().any(|it| it.report.what == Reported::LaunchFailed);
        let runs = self.lock();
        runs.iter().filter(|(_, known)| known.keeper.is_some() && !has_failed(known)).map(|(run, _)| *run).collect()
    }

    /// The master asks again about a run: whatever was said of it is said again.
    pub fn repeat(&self, run: RunId) {
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
        for RunReport { report, .. } in reports {
            let Some(known) = runs.get_mut(&(report.job, report.attempt)) else { continue };
            known.confirmed.push(report.what.clone());
            if is_last(&report.what) {
                known.since.get_or_insert_with(Instant::now);
                if let Some(keeper) = known.keeper.take() {
                    let _ = keeper.send(Ask::Forget);
                }
            }
        }
        runs.retain(|_, known| known.since.is_none_or(|since| since.elapsed() < MEMORY));
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

    const RUN: RunId = (JobId(7), Attempt(0));

    fn over() -> RunStanding {
        let end = ScriptEnd { exit: ExitCode { code: 3, signal: 0 }, out_of_memory: false };
        let ended = Some(Ended { end, usage: RunUsage::default() });
        RunStanding { launched: true, ended, left: true, ..RunStanding::default() }
    }

    #[test]
    fn reports_come_until_they_are_confirmed_and_again_when_the_master_asks() {
        let (runs, (sender, asks)) = (KnownRuns::default(), channel());
        runs.put(RUN, Known::kept(sender));
        assert_eq!(runs.here(), [RUN]);
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
