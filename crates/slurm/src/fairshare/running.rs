//! What running jobs may still use: sshare(1), `TRESRunMins`.

use crate::State;
use crate::model::tres::ENERGY;
use crate::model::{AssociationId, TresId};
use crate::records::{Job, JobState, Jobs, JobsError, Scan, TimeLimit};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Seconds of TRES by association, each with all below it.
pub type Running = HashMap<AssociationId, BTreeMap<TresId, u64>>;

/// Of the jobs of a cluster that run or are suspended at `now`: what they have, for the rest of their time limit, times the
/// UsageFactor of their QOS. As in Slurm a job without a limit counts as one of 2^32 − 1 minutes; one whose partition's
/// limit is not known counts nothing.
pub fn still_to_use(state: &State, jobs: &dyn Jobs, cluster: &str, now: i64) -> Result<Running, JobsError> {
    let mut running = Running::new();
    let scan = Scan { clusters: vec![cluster.to_owned()], ended_from: Some(i64::MAX), ..Scan::default() };
    jobs.each(&scan, &mut |job| {
        if matches!(job.state, JobState::Running | JobState::Suspended) && job.end.is_none() {
            let seconds = seconds_left(state, &job, now);
            // Nobody asks for energy ahead.
            for (tres, count) in job.tres_allocated.iter().filter(|(tres, _)| *tres != ENERGY) {
                add(state, &mut running, job.association, tres, count.saturating_mul(seconds));
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(running)
}

fn seconds_left(state: &State, job: &Job, now: i64) -> u64 {
    let limit = match job.limit {
        TimeLimit::Partition => 0,
        TimeLimit::Unlimited => u64::from(u32::MAX) * 60,
        TimeLimit::Minutes(minutes) => u64::from(minutes) * 60,
    };
    let since = job.start.map_or(0, |start| u64::try_from(now.saturating_sub(start)).unwrap_or(0));
    let factor = job.qos.and_then(|id| state.qos.get(&id)).map_or(1.0, |qos| qos.usage_factor.max(0.0));
    (limit.saturating_sub(since.saturating_sub(job.rested(now))) as f64 * factor) as u64
}

fn add(state: &State, running: &mut Running, association: Option<AssociationId>, tres: TresId, seconds: u64) {
    let mut next = association;
    while let Some(id) = next {
        let sum = running.entry(id).or_default().entry(tres).or_default();
        *sum = sum.saturating_add(seconds);
        next = state.associations().get(&id).and_then(|row| row.parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founding::found;
    use crate::model::JobRow;
    use crate::model::tres::{CPU, NODE};
    use crate::records::{Step, TresCounts};

    struct These(Vec<Job>);

    impl Jobs for These {
        fn each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError> {
            let _ = self.0.iter().filter(|job| scan.takes(job)).cloned().try_for_each(see);
            Ok(())
        }

        fn job(&self, _: JobRow) -> Result<Option<Job>, JobsError> {
            Ok(None)
        }

        fn steps(&self, _: JobRow) -> Result<Vec<Step>, JobsError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn the_rest_of_the_limit_of_what_runs() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let root = state.root("c").unwrap().id;
        let association = state.of_user("root").next().unwrap().id;
        let normal = state.qos.values().next().unwrap().id;
        let job = |state, limit| Job {
            cluster: "c".into(),
            state,
            association: Some(association),
            limit,
            start: Some(1000),
            qos: Some(normal),
            tres_allocated: TresCounts::parse("1=4,3=9,4=1").unwrap(),
            ..Job::default()
        };
        let hour = job(JobState::Running, TimeLimit::Minutes(60));
        let left = |state: &State, jobs: Vec<Job>| still_to_use(state, &These(jobs), "c", 1600).unwrap();
        let one = left(&state, vec![hour.clone()]);
        assert_eq!(one[&association], BTreeMap::from([(CPU, 4 * 3000), (NODE, 3000)]));
        assert_eq!(one[&root], one[&association]);
        let rested = Job { state: JobState::Suspended, suspended: 100, ..hour.clone() };
        assert_eq!(left(&state, vec![hour.clone(), rested])[&root][&NODE], 3000 + 3100);
        let mut rests = Job { state: JobState::Suspended, ..hour.clone() };
        rests.details.suspended_since = Some(1200);
        assert_eq!(left(&state, vec![rests])[&root][&NODE], 3600 - 200, "its time stands still since then");
        let over = job(JobState::Running, TimeLimit::Minutes(5));
        let ended = Job { end: Some(1500), state: JobState::Completed, ..hour.clone() };
        let other = Job { cluster: "other".into(), ..hour.clone() };
        let unknown = job(JobState::Running, TimeLimit::Partition);
        let waiting = job(JobState::Pending, TimeLimit::Minutes(60));
        assert!(
            left(&state, vec![over, ended, other, unknown, waiting])
                .values()
                .flat_map(BTreeMap::values)
                .all(|it| *it == 0)
        );
        let endless = left(&state, vec![job(JobState::Running, TimeLimit::Unlimited)]);
        assert_eq!(endless[&root][&NODE], u64::from(u32::MAX) * 60 - 600);
        state.qos.edit(&normal, |qos| qos.usage_factor = 0.5);
        assert_eq!(left(&state, vec![hour])[&root][&CPU], 4 * 1500);
    }
}
