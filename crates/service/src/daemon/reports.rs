//! `sreport` and `sshare`: read-only, on a copy of the state and one view of the store.

use super::api::{Request, Response};
use super::caller::Who;
use super::service::{Service, response};
use super::world::Local;
use crate::store::Readers;
use crate::store::jobs::JobTable;
use crate::store::jobs::unread;
use crate::store::usage::{Progress, UsageTable, progress};
use commands::Output;
use commands::Reply;
use commands::sacctmgr::World;
use commands::sreport::{self, Site};
use commands::sshare::{self, Shares};
use rusqlite::Connection;
use slurm::State;
use slurm::authority::Caller;
use slurm::fairshare::{Decay, History, history};
use slurm::model::{AssociationId, QosId};
use slurm::privacy::View;
use slurm::records::JobsError;
use slurm::rollup::{Calendar, Measure};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use words::people::People;

/// What reports need beside state and store.
pub struct Reporting {
    cluster: String,
    calendar: Calendar,
    history: Mutex<Option<Known>>,
}

/// A history and what it was made of.
struct Known {
    progress: Progress,
    resets: Vec<(AssociationId, i64)>,
    begins: i64,
    decay: Decay,
    history: Arc<History>,
}

impl Reporting {
    /// For the cluster that is meant when none is named.
    pub fn new(cluster: String) -> Self {
        Self { cluster, calendar: Calendar::local(), history: Mutex::new(None) }
    }

    /// The cluster that is meant when none is named.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Reads usage behind the commands, so that nobody waits for it after a start: of ten million jobs it takes a while.
    pub(super) fn read_ahead(
        self: &Arc<Self>,
        readers: &Readers,
        state: Arc<State>,
        world: Arc<Local>,
    ) -> std::io::Result<()> {
        let (reporting, readers) = (self.clone(), readers.clone());
        let read = move || {
            let read = readers.read(|connection| reporting.history(connection, &state, &world).map(drop));
            let read = read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
            if let Err(error) = read {
                tracing::warn!(error, "usage cannot be read yet; sshare will try again");
            }
        };
        std::thread::Builder::new().name("history".into()).spawn(read)?;
        Ok(())
    }

    /// Usage up to the last full hour: the one at hand, with the hours since; made anew when something before changed.
    pub(super) fn history(
        &self,
        connection: &Connection,
        state: &State,
        world: &Local,
    ) -> rusqlite::Result<Arc<History>> {
        let priority = &world.settings().priority;
        let now = world.now();
        let progress = progress(connection)?;
        let resets: Vec<_> = state.usage_resets.iter().map(|(id, time)| (*id, *time)).collect();
        let reset = history::begins(priority.reset, None, now, &self.calendar);
        let mut known = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let decay = priority.decay();
        let fits = |it: &Known| {
            it.resets == resets && it.begins == reset && it.decay == decay && it.progress.remade == progress.remade
        };
        // Who began to read earlier than the last one gets what that one got.
        if let Some(here) = known.as_ref().filter(|it| fits(it) && it.progress.known >= progress.known) {
            return Ok(here.history.clone());
        }
        let table = UsageTable::new(connection, &self.calendar)?;
        // Before anything was summed up nothing has faded either.
        let at = progress.known.map_or(now, |known| known.clamp(0, now));
        let goes_on = known.take().filter(fits).and_then(|it| {
            let from = it.progress.known?;
            Some((Arc::unwrap_or_clone(it.history).later(at), from))
        });
        let (mut made, from) = goes_on.unwrap_or_else(|| {
            let from = history::begins(priority.reset, priority.half_life, now, &self.calendar);
            (History::new(decay, at), from)
        });
        table.charges(from, &mut |charge| made.add(state, charge))?;
        let history = Arc::new(made);
        *known = Some(Known { progress, resets, begins: reset, decay, history: history.clone() });
        Ok(history)
    }

    /// What jobs of each QOS used on a cluster up to the last full hour, in seconds, faded up to now.
    pub(super) fn qos_usage(
        &self,
        connection: &Connection,
        state: &State,
        world: &Local,
        cluster: &str,
    ) -> rusqlite::Result<BTreeMap<(QosId, Measure), f64>> {
        let (priority, now) = (&world.settings().priority, world.now());
        // Some QOS never fade, so nothing but a reset is the beginning.
        let from = history::begins(priority.reset, None, now, &self.calendar);
        let mut used = BTreeMap::<_, f64>::new();
        UsageTable::new(connection, &self.calendar)?.qos_charges(cluster, from, &mut |charge| {
            *used.entry((charge.qos, charge.measure)).or_default() += charge.left(state, priority.decay(), now);
        })?;
        Ok(used)
    }
}

struct Here<'a> {
    world: &'a Local,
    reporting: &'a Reporting,
}

impl Site for Here<'_> {
    fn now(&self) -> i64 {
        self.world.now()
    }

    fn calendar(&self) -> &Calendar {
        &self.reporting.calendar
    }

    fn cluster(&self) -> &str {
        &self.reporting.cluster
    }

    fn people(&self) -> &dyn People {
        self.world.people()
    }
}

impl Service {
    /// Runs one sreport command for a caller.
    pub fn sreport(&self, who: Who, request: Request, _: Output) -> Response {
        self.read_usage("sreport", who, |connection, state, world, caller| {
            let reporting = self.reporting();
            let view = View::new(state, caller, world.settings());
            let table = UsageTable::new(connection, &reporting.calendar).map_err(unread)?;
            Ok(sreport::run(state, view, &Here { world, reporting }, &table, &request.environment, &request.argv))
        })
    }

    /// Runs one sshare command for a caller.
    pub fn sshare(&self, who: Who, request: Request, out: Output) -> Response {
        self.read_usage("sshare", who, |connection, state, world, caller| {
            let reporting = self.reporting();
            let history =
                History::clone(&*reporting.history(connection, state, world).map_err(unread)?).later(world.now());
            let shares = Shares {
                state,
                view: View::new(state, caller, world.settings()),
                caller,
                cluster: &reporting.cluster,
                priority: &world.settings().priority,
                history: &history,
                jobs: &JobTable(connection),
                now: world.now(),
            };
            Ok(sshare::run(&shares, &request.argv, out))
        })
    }

    fn read_usage(
        &self,
        program: &str,
        who: Who,
        report: impl FnOnce(&Connection, &State, &Local, &Caller) -> Result<Reply, JobsError>,
    ) -> Response {
        let world = self.world();
        let caller = match world.caller(who) {
            Ok(caller) => caller,
            Err(why) => return Response::refused(&format!("{program}: error: {why}")),
        };
        self.rollup().wait();
        let kept = self.kept();
        match self.readers().read(|connection| report(connection, &kept.state, &world, &caller)) {
            Ok(Ok(reply)) => response(reply, kept.revision),
            Ok(Err(error)) => Response::refused(&format!("{program}: error: the usage cannot be read: {error}")),
            Err(error) => Response::refused(&format!("{program}: error: {error}")),
        }
    }
}
