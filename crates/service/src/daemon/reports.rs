//! `sreport` and `sshare`: read-only, on a copy of the state and one view of the store.

use super::api::{Request, Response};
use super::caller::Who;
use super::service::{Service, response};
use super::world::Local;
use crate::store::jobs::JobTable;
use crate::store::jobs::unread;
use crate::store::usage::{Progress, UsageTable, balance, progress};
use commands::Output;
use commands::Reply;
use commands::sacctmgr::World;
use commands::sreport::{self, Site};
use commands::sshare::{self, Shares};
use rusqlite::Connection;
use slurm::State;
use slurm::authority::Caller;
use slurm::fairshare::{History, Terms, terms};
use slurm::model::QosId;
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

    /// On which terms usage counts now.
    pub(super) fn terms(&self, state: &State, world: &Local) -> Terms {
        Terms::new(&world.settings().priority, state, world.now(), &self.calendar)
    }

    /// The calendar of the host.
    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Usage up to the last full hour: the one at hand, or else the newest balance, with the hours since.
    pub(super) fn history(
        &self,
        connection: &Connection,
        state: &State,
        world: &Local,
    ) -> rusqlite::Result<Arc<History>> {
        let (terms, now, progress) = (self.terms(state, world), world.now(), progress(connection)?);
        let mut known = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |it: &Known| it.progress.remade == progress.remade && it.history.fits(&terms);
        // Who began to read earlier than the last one gets what that one got.
        let is_whole = |it: &Known| it.progress.known >= progress.known && *it.history.zeroed() == terms.zeroed;
        if let Some(here) = known.as_ref().filter(|it| fits(it) && is_whole(it)) {
            return Ok(here.history.clone());
        }
        // Before anything was summed up nothing has faded either.
        let at = progress.known.map_or(now, |known| known.clamp(0, now));
        let goes_on = known.take().filter(fits).and_then(|it| {
            let from = it.progress.known?;
            Some((Arc::unwrap_or_clone(it.history).on(&terms).later(at), from))
        });
        let (mut made, from) = match goes_on {
            Some(found) => found,
            None => balance::begin(connection, &terms, progress.known.unwrap_or(i64::MIN), at)?,
        };
        // Hours from there on are written before their day's sum, and come with it.
        let until = progress.known.unwrap_or(i64::MIN);
        UsageTable::new(connection, &self.calendar)?.charges(from, until, &mut |charge| made.add(charge))?;
        let history = Arc::new(made);
        *known = Some(Known { progress, history: history.clone() });
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
        let from = terms::begins(priority.reset, None, now, &self.calendar);
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
