//! [`Planner`]: plans beside the commands who can start when, on a copy of the core.

use super::super::writer::Writer;
use super::cell::CoreCell;
use super::now;
use scheduling::Present;
use scheduling::event::SchedulerEvent;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often it looks whether something changed.
const PERIOD: Duration = Duration::from_secs(3);

/// So many jobs of the queue are planned, the first ones (slurm.conf(5), `bf_max_job_test` is 500).
const MOST: usize = 1000;

/// The thread's other end; the thread ends with it.
pub struct Planner {
    _bell: SyncSender<()>,
}

impl Planner {
    /// Starts the thread.
    pub fn start(writer: &Arc<Writer>, cell: Arc<CoreCell>) -> std::io::Result<Self> {
        let writer = Arc::downgrade(writer);
        let (bell, rung) = sync_channel(1);
        std::thread::Builder::new().name("planner".into()).spawn(move || {
            let mut planned = 0;
            while rung.recv_timeout(PERIOD) != Err(RecvTimeoutError::Disconnected) {
                let version = cell.version();
                if version != planned {
                    planned = plan(&writer, &cell).unwrap_or(version);
                }
            }
        })?;
        Ok(Self { _bell: bell })
    }
}

/// Makes a plan and hands it in. Gives the version of the core that has taken it.
fn plan(writer: &Weak<Writer>, cell: &CoreCell) -> Option<u64> {
    let (writer, version) = (writer.upgrade()?, cell.version());
    let core = cell.view()?;
    if core.queue_lengths().0 == 0 {
        return None;
    }
    let state = writer.kept().state;
    let plan = core.plan(Present { accounts: &state, now: now() }, MOST);
    // What was not kept is planned again when something changes.
    writer.run(move |change| Ok(change.on(SchedulerEvent::Planned(plan.clone())))).ok()?;
    // What others changed meanwhile is planned for next.
    Some(if cell.version() == version + 1 { version + 1 } else { version })
}
