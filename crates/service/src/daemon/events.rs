//! Events: what another site's nodes and clusters went through, taken in.

use super::api::{BadLine, ImportEvents, ImportedEvents};
use super::caller::Who;
use super::jobs::zone;
use super::service::Service;
use commands::sacctmgr::World;
use slurm::State;
use slurm::model::Event;
use slurm::records::import::chunk::Known;
use slurm::records::import::events::{self, EventReader};
use slurm::records::import::{Bad, Dialect};

impl Service {
    /// Takes in a chunk of another site's events.
    pub fn import_events(&self, who: Who, request: ImportEvents) -> ImportedEvents {
        let refused = |why: String| ImportedEvents { refused: Some(why), ..ImportedEvents::default() };
        if let Err(why) = self.may_import(who, "events") {
            return refused(why);
        }
        let own = self.reporting().cluster().to_owned();
        let cluster = if request.cluster.is_empty() { own } else { request.cluster.clone() };
        let dialect = Dialect { delimiter: "|".into(), zone: zone(Some(&request.zone)), cluster };
        let reader = match EventReader::new(&request.heading, dialect) {
            Ok(reader) => reader,
            Err(bad) => return refused(format!("the heading: {}", bad.what)),
        };
        let now = self.world().now();
        if request.check {
            return take(&mut (*self.kept().state).clone(), &reader, &request, now);
        }
        let written = self.write(move |change| Ok(take(change.state, &reader, &request, now)));
        written.map_or_else(refused, |written| written.gave)
    }
}

/// Takes in all lines; of those that cannot be read, the first refuses all unless they are to be passed over.
fn take(state: &mut State, reader: &EventReader, request: &ImportEvents, now: i64) -> ImportedEvents {
    let (mut all, mut passed_over) = (Vec::new(), Vec::new());
    for (line, text) in request.lines.iter().enumerate() {
        match read(state, reader, text, now) {
            Ok(event) => all.push(event),
            Err(Bad { column, what }) if request.skip_bad => passed_over.push(BadLine { line, column, what }),
            Err(Bad { column, what }) => {
                state.rollback();
                let why = format!("line {} of those sent, column {column}: {what}", line + 1);
                let bad = Some(BadLine { line, column, what });
                return ImportedEvents { refused: Some(why), bad, ..ImportedEvents::default() };
            }
        }
    }
    let events::Taken { added, changed, unchanged } = events::take(state, all);
    ImportedEvents { added, changed, unchanged, passed_over, ..ImportedEvents::default() }
}

fn read(state: &mut State, reader: &EventReader, line: &str, now: i64) -> Result<Event, Bad> {
    let event = reader.line(line, &mut Known { state, now })?;
    match state.clusters.get(&event.cluster) {
        Some(cluster) if !cluster.deleted => Ok(event),
        _ => {
            let cluster = event.cluster.escape_debug();
            let what = format!("there is no cluster `{cluster}` here; add it with `sacctmgr add cluster` first");
            Err(Bad { column: 1, what })
        }
    }
}
