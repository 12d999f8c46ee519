//! [`UsageFeed`]: tells the core what only the records of the past know: minutes used up, and fairshare.

use super::super::reports::Reporting;
use super::super::world::Local;
use super::super::writer::Writer;
use super::cell::{CoreCell, lock};
use crate::store::Readers;
use commands::sacctmgr::World;
use rusqlite::Connection;
use scheduling::event::{SchedulerEvent, UsageKnown};
use scheduling::id::AssociationId;
use scheduling::tally::UsedUp;
use slurm::State;
use slurm::admission::Amounts;
use slurm::fairshare::{History, Tree};
use slurm::rollup::Measure;
use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};

/// The thread's other end; the thread ends with it.
pub struct UsageFeed {
    world: Arc<Mutex<Arc<Local>>>,
    bell: SyncSender<()>,
}

impl UsageFeed {
    /// Starts the thread, which tells at once and then every `PriorityCalcPeriod`.
    pub fn start(
        writer: &Arc<Writer>,
        cell: Arc<CoreCell>,
        readers: &Readers,
        reporting: &Arc<Reporting>,
        world: Arc<Local>,
    ) -> std::io::Result<Self> {
        let world = Arc::new(Mutex::new(world));
        let (writer, readers, reporting) = (Arc::downgrade(writer), readers.clone(), reporting.clone());
        let desk = Desk { writer, cell, readers, reporting, world: world.clone() };
        let (bell, rung) = sync_channel(1);
        std::thread::Builder::new().name("usage".into()).spawn(move || {
            loop {
                if let Err(error) = desk.tell() {
                    tracing::warn!("limits of used up minutes and fairshare stay as they are: {error}");
                }
                let period = lock(&desk.world).settings().priority.calc_period;
                if rung.recv_timeout(period) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        })?;
        Ok(Self { world, bell })
    }

    /// Takes on new settings, and tells.
    pub fn configure(&self, world: Arc<Local>) {
        *lock(&self.world) = world;
        // A bell that was rung already rings.
        let _ = self.bell.try_send(());
    }
}

struct Desk {
    writer: Weak<Writer>,
    cell: Arc<CoreCell>,
    readers: Readers,
    reporting: Arc<Reporting>,
    world: Arc<Mutex<Arc<Local>>>,
}

impl Desk {
    fn tell(&self) -> Result<(), String> {
        let Some(writer) = self.writer.upgrade().filter(|_| self.cell.exists()) else { return Ok(()) };
        let (state, world) = (writer.kept().state, lock(&self.world).clone());
        let read = self.readers.read(|connection| known(connection, &state, &world, &self.reporting));
        let usage = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        writer.run(move |change| Ok(change.on(SchedulerEvent::UsageKnown(usage.clone())))).map(drop)
    }
}

/// What the records say now.
fn known(connection: &Connection, state: &State, world: &Local, reporting: &Reporting) -> rusqlite::Result<UsageKnown> {
    let now = world.now();
    let history = History::clone(&*reporting.history(connection, state, world)?).later(now);
    let mut used = UsedUp::default();
    for measure in state.tres.iter().map(|(id, _)| Measure::Tres(*id)).chain([Measure::Wall]) {
        for (association, seconds) in history.usage_of(state, measure) {
            add(used.associations.entry(association).or_default(), measure, seconds);
        }
    }
    for ((qos, measure), seconds) in reporting.qos_usage(connection, state, world, reporting.cluster())? {
        add(used.qos.entry(qos).or_default(), measure, seconds);
    }
    Ok(UsageKnown { used, fairshare: fairshare(state, world, reporting.cluster(), &history) })
}

/// In whole minutes, as limits count; saturates, as `as` does.
fn add((minutes, wall): &mut (Amounts, u64), measure: Measure, seconds: f64) {
    let whole = (seconds / 60.0) as u64;
    match measure {
        Measure::Wall => *wall = whole,
        Measure::Tres(tres) => _ = minutes.insert(tres, whole),
    }
}

/// As `sshare` shows it, by the associations of users.
fn fairshare(state: &State, world: &Local, cluster: &str, history: &History) -> BTreeMap<AssociationId, f64> {
    let Some(tree) = Tree::of(state, cluster, &history.usage(state)) else { return BTreeMap::new() };
    let shares = tree.shares(world.settings().priority.method());
    shares.into_iter().filter_map(|share| Some((share.association, share.fairshare?))).collect()
}
