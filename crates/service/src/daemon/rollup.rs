//! [`Rollup`]: sums up usage behind the commands, at each full hour and whenever records were added or changed.
//!
//! It computes on a connection that only reads, and hands the writer one short change after another, so commands get in
//! between however many jobs a day has; after a crash it goes on where it was.

use super::stats::Stats;
use super::writer::Writer;
use crate::store::usage::{Roll, Slice, progress};
use crate::store::{Draft, Readers, StoreError};
use jiff::Timestamp;
use slurm::rollup::{Calendar, Period};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often it looks whether an hour is over.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it leaves records alone that change while they are summed up, and what stands in the way: at first, and at
/// most, when that goes on. An import changes them every moment.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(30)];

/// How long a report waits for usage that is not summed up yet.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The thread's other end; the thread ends with it.
pub struct Rollup {
    bell: SyncSender<()>,
    readers: Readers,
    counts: Arc<Mutex<Counts>>,
}

/// What the rollup did since the start.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Changes written.
    pub slices: u64,
    /// How often it began again because records changed that it was summing up.
    pub restarts: u64,
    /// How often it could not go on.
    pub errors: u64,
    /// What stands in the way now.
    pub error: Option<String>,
}

impl Rollup {
    /// Starts the thread.
    pub fn start(writer: &Arc<Writer>, readers: &Readers, stats: &Arc<Stats>) -> std::io::Result<Self> {
        let (bell, rung) = sync_channel(1);
        let counts = Arc::<Mutex<Counts>>::default();
        let under_way = UnderWay { writer: Arc::downgrade(writer), readers: readers.clone(), counts: counts.clone() };
        let stats = stats.clone();
        std::thread::Builder::new().name("rollup".into()).spawn(move || {
            let mut pause = PAUSES[0];
            loop {
                // What cannot be summed up now is tried again later; reports go on with what is there.
                let (began, before) = (Instant::now(), under_way.slices());
                let went = under_way.catch_up();
                if under_way.slices() > before {
                    stats.rolled(Timestamp::now().as_second() - began.elapsed().as_secs() as i64, began.elapsed());
                }
                let is_there = if under_way.tell(went) {
                    pause = PAUSES[0];
                    rung.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected)
                } else {
                    let this = pause;
                    pause = (pause * 2).min(PAUSES[1]);
                    sleep(&rung, this)
                };
                if !is_there {
                    return;
                }
            }
        })?;
        Ok(Self { bell, readers: readers.clone(), counts })
    }

    /// Says that records may have changed.
    pub fn wake(&self) {
        // A bell that was rung already rings.
        let _ = self.bell.try_send(());
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Up to when everything is summed up; `None` when nothing is.
    pub fn rolled(&self) -> Option<i64> {
        self.readers.read(progress).ok()?.ok()?.rolled
    }

    /// Waits a little until everything is summed up.
    pub fn wait(&self) {
        let until = Instant::now() + LONGEST_WAIT;
        let last_hour = Calendar::local().start(Period::Hour, Timestamp::now().as_second());
        while Instant::now() < until && self.rolled().is_some_and(|rolled| rolled < last_hour) {
            self.wake();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread has.
struct UnderWay {
    writer: Weak<Writer>,
    readers: Readers,
    counts: Arc<Mutex<Counts>>,
}

impl UnderWay {
    /// Changes written so far.
    fn slices(&self) -> u64 {
        lock(&self.counts).slices
    }

    /// Sums up everything there is. `false` when records changed meanwhile; the error is what stands in the way.
    fn catch_up(&self) -> Result<bool, String> {
        let calendar = Calendar::local();
        while let Some(writer) = self.writer.upgrade() {
            let (state, now) = (writer.kept().state, Timestamp::now().as_second());
            if self.read(|connection| Roll::due(connection, &state, &calendar, now))?.is_none() {
                return Ok(true);
            }
            change(&writer, |draft| draft.watch_records().map(|()| true))?;
            let begun = self.read(|connection| Roll::begin(connection, &state, &calendar, now))?;
            let Some(mut roll) = begun else { return Ok(true) };
            while let Some(slice) = self.read(|connection| roll.slice(connection, &state))? {
                if !keep(&writer, slice)? {
                    lock(&self.counts).restarts += 1;
                    return Ok(false);
                }
                lock(&self.counts).slices += 1;
            }
        }
        Ok(true)
    }

    fn read<T>(&self, question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        self.readers.read(question).map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Whether everything is summed up. Counts an error, and says so in the log when it is news.
    fn tell(&self, went: Result<bool, String>) -> bool {
        let mut counts = lock(&self.counts);
        match went {
            Ok(done) => {
                if counts.error.take().is_some() {
                    tracing::info!("usage is summed up again");
                }
                done
            }
            Err(error) => {
                counts.errors += 1;
                if counts.error.as_ref() != Some(&error) {
                    tracing::error!(
                        error,
                        "usage cannot be summed up; reports show what is there, and it is tried again"
                    );
                }
                counts.error = Some(error);
                false
            }
        }
    }
}

/// Waits, whoever rings; `false` when nobody can ring any more.
fn sleep(rung: &Receiver<()>, time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        match rung.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) => {}
            Err(error) => return error == RecvTimeoutError::Timeout,
        }
    }
}

/// Writes a slice; `false` when it has to be computed again.
fn keep(writer: &Writer, slice: Slice) -> Result<bool, String> {
    change(writer, move |draft| draft.keep_usage(&slice))
}

/// One change by the writer.
fn change(writer: &Writer, work: impl Fn(&Draft) -> Result<bool, StoreError> + Send + 'static) -> Result<bool, String> {
    Ok(writer.run(move |change| work(change.draft))?.gave)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::testing::until;
    use crate::store::Store;
    use slurm::State;
    use slurm::founding::found;
    use slurm::model::{AssociationId, JobId};
    use slurm::records::{Job, JobState, TresCounts};

    fn job(begin: i64) -> Job {
        Job {
            cluster: "c".into(),
            job_id: JobId(1),
            association: Some(AssociationId(2)),
            submit: begin,
            eligible: Some(begin),
            start: Some(begin),
            end: Some(begin + 7200),
            state: JobState::Completed,
            tres_allocated: TresCounts::parse("1=2").unwrap(),
            ..Job::default()
        }
    }

    #[test]
    fn errors_are_counted_and_the_rollup_goes_on_when_they_are_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut store = Store::open(&path).unwrap();
        let mut state = State::default();
        let begin = Timestamp::now().as_second() - 200_000;
        found(&mut state, "c", &[], begin);
        let broken = "CREATE TRIGGER broken BEFORE INSERT ON usage_association BEGIN SELECT RAISE(ABORT, 'no'); END";
        let draft = store.draft().unwrap();
        draft.save(&state).unwrap();
        draft.connection().execute_batch(broken).unwrap();
        draft.put_jobs(&[(job(begin), Vec::new())]).unwrap();
        draft.keep().unwrap();
        state.commit();
        let readers = store.readers();
        let writer = Arc::new(Writer::start(store, state).unwrap());
        let rollup = Rollup::start(&writer, &readers, &Arc::default()).unwrap();
        until("the error is counted", || rollup.counts().errors > 0);
        assert!(rollup.counts().error.unwrap().contains("no"), "and told");
        let mend = |change: &mut crate::daemon::writer::Change| {
            change.draft.connection().execute_batch("DROP TRIGGER broken").unwrap();
            Ok(())
        };
        writer.run(mend).unwrap();
        rollup.wake();
        until("it goes on", || rollup.counts().error.is_none() && rollup.rolled() > Some(begin + 7200));
        assert!(rollup.counts().slices > 0);
    }
}
