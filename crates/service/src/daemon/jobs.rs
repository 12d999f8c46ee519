//! Jobs: `sacct`, and taking in what another site recorded.

use super::api::{BadLine, ImportJobs, ImportedJobs, Request, Response};
use super::caller::Who;
use super::service::{Service, response};
use super::writer::Change;
use crate::store::StoreError;
use crate::store::jobs::JobTable;
use commands::Output;
use commands::sacct::{self, Surroundings};
use commands::sacctmgr::World;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slurm::records::Stored;
use slurm::records::import::chunk::Chunk;
use slurm::records::import::{Dialect, Reader};
use words::text::slurm_time;

/// The zone of a caller: what `TZ` says, else this host's.
pub(super) fn zone(name: Option<&str>) -> TimeZone {
    name.filter(|name| !name.is_empty()).map_or_else(TimeZone::system, slurm_time::zone)
}

impl Service {
    /// Runs one sacct command for a caller. It changes nothing, so a rehearsal is like any other run.
    pub fn sacct(&self, who: Who, request: Request, out: Output) -> Response {
        let world = self.world();
        let caller = match world.caller(who) {
            Ok(caller) => caller,
            Err(why) => return Response::refused(&format!("sacct: error: {why}")),
        };
        let now = Timestamp::now().to_zoned(zone(request.environment.get("TZ").map(String::as_str)));
        let around = Surroundings::new(now, &request.environment, world.people());
        let kept = self.kept();
        let reply = self.readers().read(|connection| {
            let jobs = JobTable(connection);
            let service = sacct::Service {
                state: &kept.state,
                settings: world.settings(),
                cluster: self.reporting().cluster(),
                jobs: &jobs,
            };
            sacct::run(&service, &caller, &around, &request.argv, out)
        });
        match reply {
            Ok(reply) => response(reply, kept.revision),
            Err(error) => Response::refused(&format!("sacct: error: {error}")),
        }
    }

    /// The error says why the caller may not import.
    pub(super) fn may_import(&self, who: Who, what: &str) -> Result<(), String> {
        let caller = self.caller(who).map_err(|why| why.to_string())?;
        let may = caller.is_administrator(&self.kept().state);
        if may { Ok(()) } else { Err(format!("only administrators may import {what}")) }
    }

    /// Takes in a chunk of another site's records.
    pub fn import_jobs(&self, who: Who, request: ImportJobs) -> ImportedJobs {
        let refused = |why: String| ImportedJobs { refused: Some(why), ..ImportedJobs::default() };
        if let Err(why) = self.may_import(who, "jobs") {
            return refused(why);
        }
        let cluster =
            if request.cluster.is_empty() { self.reporting().cluster().to_owned() } else { request.cluster.clone() };
        let dialect = Dialect { delimiter: request.delimiter.clone(), zone: zone(Some(&request.zone)), cluster };
        let reader = match Reader::new(&request.heading, dialect) {
            Ok(reader) => reader,
            Err(bad) => return refused(format!("the heading: {}", bad.what)),
        };
        let now = self.world().now();
        if request.check {
            let mut copy = (*self.kept().state).clone();
            return told(&read(&mut copy, &reader, &request, now), &Stored::default());
        }
        let written = self.write(move |change| take_in(change, &reader, &request, now));
        written.map_or_else(refused, |written| written.gave)
    }
}

fn read(state: &mut slurm::State, reader: &Reader, request: &ImportJobs, now: i64) -> Chunk {
    Chunk::read(state, reader, request.lines.iter().map(String::as_str), now)
}

/// Stores what the lines say, or nothing when some cannot be read.
fn take_in(change: &mut Change, reader: &Reader, request: &ImportJobs, now: i64) -> Result<ImportedJobs, StoreError> {
    let chunk = read(change.state, reader, request, now);
    if !chunk.bad.is_empty() && !request.skip_bad {
        change.state.rollback();
        return Ok(told(&chunk, &Stored::default()));
    }
    let stored = change.draft.put_jobs(&chunk.jobs)?;
    Ok(told(&chunk, &stored))
}

fn told(chunk: &Chunk, stored: &Stored) -> ImportedJobs {
    let bad = chunk.bad.iter().map(|(line, bad)| BadLine { line: *line, column: bad.column, what: bad.what.clone() });
    ImportedJobs {
        refused: None,
        added: stored.added,
        changed: stored.changed,
        unchanged: stored.unchanged,
        steps: chunk.steps,
        without_association: chunk.without_association,
        without_qos: chunk.without_qos,
        bad: bad.collect(),
    }
}
