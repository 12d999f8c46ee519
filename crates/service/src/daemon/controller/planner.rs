//! [`Planner`]: plans beside the commands who can start when, on a copy of the core.

use super::super::writer::Writer;
use super::cell::CoreCell;
use super::now;
use scheduling::Present;
use scheduling::event::SchedulerEvent;
use scheduling::id::JobId;
use slurm::records::JobState;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

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
    let begun = Instant::now();
    let plan = core.plan(Present { accounts: &state, now: now() }, MOST);
    let took = begun.elapsed();
    // What was not kept is planned again when something changes.
    let started = writer.run(move |change| {
        _ = change.on(SchedulerEvent::Planned(plan.clone()));
        let runs = |id: &JobId| {
            change.core().and_then(|core| core.job(*id)).is_some_and(|job| job.state() == JobState::Running)
        };
        Ok(plan.starts().filter(runs).count() as u64)
    });
    cell.figures().planned(took, core.queue_lengths().0, started.ok()?.gave);
    // What others changed meanwhile is planned for next.
    Some(if cell.version() == version + 1 { version + 1 } else { version })
}
