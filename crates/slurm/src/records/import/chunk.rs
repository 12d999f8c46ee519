//! A chunk of lines as the service takes it in: read, and tied to the clusters, associations, QOS and TRES that are here.

use super::{Bad, Line, Names, Reader};
use crate::State;
use crate::founding;
use crate::model::{AssociationId, AssociationKey, QosId, TresId};
use crate::records::{Job, JobWithSteps};

/// The most lines of a chunk that are listed as bad.
const MOST_BAD: usize = 1000;

/// What a chunk of lines became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Jobs with their steps.
    pub jobs: Vec<JobWithSteps>,
    /// How many steps they have together.
    pub steps: u64,
    /// Jobs that belong to no association that is or was here; they are kept, and counted on none.
    pub without_association: u64,
    /// Jobs whose QOS is not here.
    pub without_qos: u64,
    /// Lines that cannot be read, by their place in the chunk from 0.
    pub bad: Vec<(usize, Bad)>,
}

/// Names and numbers of the state; TRES that it lacks are added to it.
pub struct Known<'a> {
    /// The state.
    pub state: &'a mut State,
    /// Seconds since 1970, for the transaction record.
    pub now: i64,
}

impl Names for Known<'_> {
    fn tres(&mut self, name: &str) -> TresId {
        founding::add_tres(self.state, name, self.now)
    }

    fn qos(&mut self, name: &str, number: Option<QosId>) -> Option<QosId> {
        let here = self.state.qos_named(name).map(|qos| qos.id);
        // What the other site forgot the name of keeps its number, unless that means another QOS here.
        here.or(number.filter(|id| self.state.qos.get(id).is_none()))
    }
}

impl Chunk {
    /// Reads lines into what can be stored. The state changes by TRES that were not known; its caller keeps that or not.
    pub fn read<'a>(state: &mut State, reader: &Reader, lines: impl IntoIterator<Item = &'a str>, now: i64) -> Self {
        let mut chunk = Chunk::default();
        for (index, line) in lines.into_iter().enumerate() {
            let read = reader.line(line, &mut Known { state, now }).and_then(|read| chunk.take(state, read));
            if let Err(bad) = read
                && chunk.bad.len() < MOST_BAD
            {
                chunk.bad.push((index, bad));
            }
        }
        chunk
    }

    fn take(&mut self, state: &State, line: Line) -> Result<(), Bad> {
        match line {
            Line::Step(job, step) => {
                let (_, steps) = self.jobs.last_mut().filter(|(last, _)| last.job_id == job).ok_or_else(|| Bad {
                    column: 1,
                    what: format!("a step of job {job}, whose own line is not before it; list without -j JOB.STEP"),
                })?;
                steps.push(step);
                self.steps += 1;
            }
            Line::Job(mut job) => {
                if state.clusters.get(&job.cluster).is_none_or(|cluster| cluster.deleted) {
                    let cluster = job.cluster.escape_debug();
                    let what =
                        format!("there is no cluster `{cluster}` here; add it with `sacctmgr add cluster` first");
                    return Err(Bad { column: 1, what });
                }
                job.association = association(state, &job);
                self.without_association += u64::from(job.association.is_none());
                self.without_qos += u64::from(job.qos.and_then(|id| state.qos.get(&id)).is_none());
                self.jobs.push((job, Vec::new()));
            }
        }
        Ok(())
    }
}

/// The association of a job: that of its partition, else that of all; one that was taken away is better than none.
pub fn association(state: &State, job: &Job) -> Option<AssociationId> {
    let keys = [job.partition.as_str(), ""]
        .map(|partition| AssociationKey::user(&job.cluster, &job.account, &job.user, partition));
    let here = keys.iter().find_map(|key| state.find(key));
    here.or_else(|| keys.iter().find_map(|key| state.find_deleted(key))).map(|row| row.id)
}
