//! [`Rollup`]: sums up usage behind the commands, at each full hour and whenever records were added or changed.
//!
//! Each day is one change of its own, so commands get in between, and after a crash it goes on where it was.

use super::writer::Writer;
use crate::accounting::command::Reply;
use crate::accounting::rollup::Calendar;
use crate::store::Readers;
use crate::store::usage::{Roll, progress};
use jiff::Timestamp;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often it looks whether an hour is over.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a report waits for usage that is not summed up yet.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The thread's other end; the thread ends with it.
pub struct Rollup {
    bell: SyncSender<()>,
    readers: Readers,
}

impl Rollup {
    /// Starts the thread.
    pub fn start(writer: &Arc<Writer>, readers: &Readers) -> std::io::Result<Self> {
        let (bell, rung) = sync_channel(1);
        let (writer, mine) = (Arc::downgrade(writer), readers.clone());
        std::thread::Builder::new().name("rollup".into()).spawn(move || {
            loop {
                // What cannot be summed up now is tried again later; reports go on with what is there.
                let _ = catch_up(&writer, &mine);
                match rung.recv_timeout(PATIENCE) {
                    Err(RecvTimeoutError::Disconnected) => return,
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })?;
        Ok(Self { bell, readers: readers.clone() })
    }

    /// Says that records may have changed.
    pub fn wake(&self) {
        // A bell that was rung already rings.
        let _ = self.bell.try_send(());
    }

    /// Waits a little until everything is summed up.
    pub fn wait(&self) {
        let until = Instant::now() + LONGEST_WAIT;
        let now = Timestamp::now().as_second();
        while Instant::now() < until && self.is_behind(now) {
            self.wake();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_behind(&self, now: i64) -> bool {
        let last_hour = Calendar::local().start(crate::accounting::rollup::Period::Hour, now);
        let progress = self.readers.read(progress);
        matches!(progress, Ok(Ok(progress)) if progress.rolled.is_some_and(|rolled| rolled < last_hour))
    }
}

/// Sums up everything there is; the error is what stands in the way.
fn catch_up(writer: &Weak<Writer>, readers: &Readers) -> Result<(), String> {
    let calendar = Calendar::local();
    while let Some(writer) = writer.upgrade() {
        let state = writer.kept().state;
        let now = Timestamp::now().as_second();
        let begun = readers.read(|connection| Roll::begin(connection, &state, &calendar, now));
        let Some(roll) = begun.map_err(|error| error.to_string())?.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        take_steps(&writer, roll)?;
    }
    Ok(())
}

/// Takes steps until the roll is used up.
fn take_steps(writer: &Writer, roll: Roll) -> Result<(), String> {
    let roll = Arc::new(Mutex::new(Some(roll)));
    while roll.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
        let mine = roll.clone();
        let step = move |change: &mut super::writer::Change| {
            let mut slot = mine.lock().unwrap_or_else(PoisonError::into_inner);
            // A copy takes the step, since a change that cannot be kept is tried again.
            let mut next = slot.clone();
            let more = match &mut next {
                Some(next) => change.draft.usage_step(next, change.state)?,
                None => false,
            };
            *slot = next.filter(|_| more);
            Ok(Reply::default())
        };
        writer.run(Box::new(step))?;
    }
    Ok(())
}
