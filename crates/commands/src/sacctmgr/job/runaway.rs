//! `sacctmgr show runawayjobs`: jobs that the records think run or wait and that no scheduler knows, and how they end.

use crate::sacctmgr::condition;
use crate::sacctmgr::fields::{Column, Field};
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::{self, Word};
use slurm::records::{Job, JobEdit, Scan};
use std::ops::ControlFlow;
use std::sync::Arc;

const NOTE: &str = "NOTE: Runaway jobs are jobs that don't exist in the controller but have a start time and no end time in the database";

const FIX: &str = "
Would you like to fix these runaway jobs?
(This will set the end time for each job to the latest out of the start, eligible, or submit times, and set the state \
to completed.
Once corrected, this will trigger the rollup to reroll usage from before the earliest submit time of all the runaway \
jobs.)

";

/// `show runawayjobs`: those without an end that the service's own scheduler does not know.
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let (mut clusters, mut names): (Option<Vec<String>>, Vec<String>) = (None, Vec::new());
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        if word.operator.is_none() || word.is("Cluster", 1) {
            condition::extend(session, &mut clusters, word)?;
        } else if word.is("Format", 1) {
            names.extend(word::names(word.value).unwrap_or_default());
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
    }
    session.check()?;
    if !session.caller.is_operator(session.state) {
        return session.refuse("sacctmgr: error: You must have an AdminLevel>=Operator to fix runaway jobs");
    }
    let clusters = clusters.unwrap_or_else(|| vec![session.local_cluster()]);
    let [cluster] = clusters.as_slice() else {
        return session.refuse("sacctmgr: error: You can only fix runaway jobs on one cluster at a time.");
    };
    let found = find(session, cluster)?;
    if found.is_empty() {
        session.say(format!("Runaway Jobs: No runaway jobs found on cluster {cluster}"));
        return Ok(());
    }
    session.say(NOTE);
    let fields = fields_or(session, &names, &["ID%-12,Name,Part,Cluster,State%10,Submit,Start,End"])?;
    let rows: Vec<Vec<_>> = found.iter().map(|job| row(session, &fields, job)).collect();
    format::print(session, &fields, rows.into_iter());
    if session.options.read_only { Ok(()) } else { fix(session, &found) }
}

fn find(session: &mut Session, cluster: &str) -> Done<Vec<Job>> {
    // Only jobs without an end have not ended by the end of time.
    let scan = Scan { clusters: vec![cluster.to_owned()], ended_from: Some(i64::MAX), ..Scan::default() };
    let mut found = Vec::new();
    let mut see = |job: Job| {
        found.push(job);
        ControlFlow::Continue(())
    };
    if let Err(error) = session.world.jobs(&scan, &mut see) {
        return session.refuse(format!("sacctmgr: error: {error}"));
    }
    // Asked after the records were read, so that what was submitted meanwhile is known, too.
    found.retain(|job| !session.world.knows_job(job));
    found.sort_by_key(|job| (job.job_id, std::cmp::Reverse(job.submit)));
    Ok(found)
}

fn row(session: &Session, fields: &[Field], job: &Job) -> Vec<Cell> {
    let time =
        |time: Option<i64>| Cell::Time(time.map_or_else(|| "Unknown".into(), |time| session.world.local_time(time)));
    let cell = |column| match column {
        Column::Id => Cell::number(Some(job.job_id)),
        Column::Name => Cell::text(&job.name),
        Column::Partition => Cell::text(&job.partition),
        Column::Cluster => Cell::text(&job.cluster),
        Column::State => Cell::text(job.state.name()),
        Column::TimeSubmit => time(Some(job.submit)),
        Column::TimeEligible => time(job.eligible),
        Column::TimeStart => time(job.start),
        Column::TimeEnd => time(job.end),
        _ => Cell::Empty,
    };
    fields.iter().map(|field| cell(field.column)).collect()
}

fn fix(session: &mut Session, found: &[Job]) -> Done {
    if !session.ask(FIX)? {
        session.say("Changes Discarded");
        return Ok(());
    }
    let edit = Arc::new(JobEdit { completes: true, ..JobEdit::default() });
    found.iter().filter_map(|job| job.row).for_each(|row| session.state.edit_job(row, edit.clone()));
    Ok(())
}
