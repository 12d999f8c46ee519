//! Jobs: `sacct`, and taking in what another site recorded.

use super::api::{BadLine, ImportJobs, ImportedJobs, Request, Response};
use super::caller::Who;
use super::nss;
use super::service::{Service, response};
use super::world::Local;
use super::writer::Change;
use crate::store::StoreError;
use crate::store::jobs::JobTable;
use commands::Output;
use commands::sacct::{self, People, Surroundings};
use commands::sacctmgr::World;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slurm::records::Stored;
use slurm::records::import::chunk::Chunk;
use slurm::records::import::{Dialect, Reader};
use words::text::slurm_time;

impl People for Local {
    fn user(&self, name: &str) -> Option<u32> {
        Some(nss::user(name)?.uid.as_raw())
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        Some(nss::user_numbered(uid)?.name)
    }

    fn group(&self, name: &str) -> Option<u32> {
        let named = nss::group(name).map(|group| group.gid.as_raw());
        named.or_else(|| name.parse().ok().filter(|gid| self.group_name(*gid).is_some()))
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        Some(nss::group_numbered(gid)?.name)
    }
}

/// The zone of a caller: what `TZ` says, else this host's.
pub(super) fn zone(name: Option<&str>) -> TimeZone {
    name.filter(|name| !name.is_empty()).map_or_else(TimeZone::system, slurm_time::zone)
}

impl Service {
    /// Runs one sacct command for a caller. It changes nothing, so a rehearsal is like any other run.
    pub fn sacct(&self, who: Who, request: Request, out: Output) -> Response {
        let world = self.world();
        let now = Timestamp::now().to_zoned(zone(request.environment.get("TZ").map(String::as_str)));
        let around = Surroundings::new(now, &request.environment, &*world);
        let kept = self.kept();
        let reply = self.readers().read(|connection| {
            let jobs = JobTable(connection);
            let service = sacct::Service {
                state: &kept.state,
                settings: world.settings(),
                cluster: self.reporting().cluster(),
                jobs: &jobs,
            };
            sacct::run(&service, &world.caller(who), &around, &request.argv, out)
        });
        match reply {
            Ok(reply) => response(reply, kept.revision),
            Err(error) => Response::refused(&format!("sacct: error: {error}")),
        }
    }

    /// Takes in a chunk of another site's records.
    pub fn import_jobs(&self, who: Who, request: ImportJobs) -> ImportedJobs {
        let refused = |why: String| ImportedJobs { refused: Some(why), ..ImportedJobs::default() };
        if !self.world().caller(who).is_administrator(&self.kept().state) {
            return refused("only administrators may import jobs".into());
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
