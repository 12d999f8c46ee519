//! [`Balances`]: keeps balances of usage behind the commands, one at the end of each day, so that `sshare` has little to read
//! after a start and after jobs of earlier days came in.

use super::reports::Reporting;
use super::world::Local;
use super::writer::Writer;
use crate::store::Readers;
use crate::store::usage::Balance;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often it looks whether one is missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The thread's other end; the thread ends with it.
pub struct Balances {
    world: Arc<Mutex<Arc<Local>>>,
    _bell: SyncSender<()>,
}

impl Balances {
    /// Starts the thread.
    pub fn start(
        writer: &Arc<Writer>,
        readers: &Readers,
        reporting: &Arc<Reporting>,
        world: Arc<Local>,
    ) -> std::io::Result<Self> {
        let world = Arc::new(Mutex::new(world));
        let (writer, readers, reporting) = (Arc::downgrade(writer), readers.clone(), reporting.clone());
        let desk = Desk { writer, readers, reporting, world: world.clone() };
        let (bell, rung) = sync_channel(1);
        std::thread::Builder::new().name("balances".into()).spawn(move || {
            let mut failed: Option<String> = None;
            loop {
                let now = desk.catch_up().err();
                if let Some(error) = now.as_ref().filter(|_| now != failed) {
                    tracing::warn!(error, "usage cannot be read ahead; sshare reads every hour, and it is tried again");
                }
                failed = now;
                if rung.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        })?;
        Ok(Self { world, _bell: bell })
    }

    /// Takes on new settings.
    pub fn configure(&self, world: Arc<Local>) {
        *self.world.lock().unwrap_or_else(PoisonError::into_inner) = world;
    }
}

/// What the thread has.
struct Desk {
    writer: Weak<Writer>,
    readers: Readers,
    reporting: Arc<Reporting>,
    world: Arc<Mutex<Arc<Local>>>,
}

impl Desk {
    /// Makes what is missing, one after another, and then reads what `sshare` will ask for.
    fn catch_up(&self) -> Result<(), String> {
        while let Some(writer) = self.writer.upgrade() {
            let (state, world) = (writer.kept().state, self.world());
            let terms = self.reporting.terms(&state, &world);
            let calendar = self.reporting.calendar();
            let Some(balance) = self.read(|connection| Balance::next(connection, &terms, calendar))? else {
                return self.read(|connection| self.reporting.history(connection, &state, &world).map(drop));
            };
            // One that is not kept is made again when the hours are there.
            if !writer.run(move |change| change.draft.keep_balance(&balance))?.gave {
                return Ok(());
            }
        }
        Ok(())
    }

    fn world(&self) -> Arc<Local> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read<T>(&self, question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        self.readers.read(question).map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::rollup::Rollup;
    use crate::daemon::testing::until;
    use crate::store::usage::{Roll, progress, watch};
    use crate::store::{Draft, Store};
    use commands::sacctmgr::World;
    use jiff::Timestamp;
    use slurm::State;
    use slurm::fairshare::History;
    use slurm::founding::found;
    use slurm::model::{AssociationId, JobId};
    use slurm::records::{Job, JobState, TresCounts};
    use slurm::rollup::Calendar;
    use slurm::settings::Settings;
    use tempfile::TempDir;

    const DAY: i64 = 86_400;

    fn put_job(draft: &Draft, id: u32, start: i64, end: i64) {
        let job = Job {
            cluster: "c".into(),
            job_id: JobId(id),
            association: Some(AssociationId(2)),
            submit: start,
            eligible: Some(start),
            start: Some(start),
            end: Some(end),
            state: JobState::Completed,
            tres_allocated: TresCounts::parse("1=2,5=2").unwrap(),
            ..Job::default()
        };
        draft.put_jobs(&[(job, Vec::new())]).unwrap();
    }

    /// A store with one job of the last days, and how old it is.
    fn site(days: i64) -> (TempDir, Store, State) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(&directory.path().join("a.db")).unwrap();
        let mut state = State::default();
        let now = Timestamp::now().as_second();
        found(&mut state, "c", &[], now - 2 * days * DAY);
        let draft = store.draft().unwrap();
        draft.save(&state).unwrap();
        put_job(&draft, 1, now - days * DAY, now - 2 * 3600);
        draft.keep().unwrap();
        state.commit();
        (directory, store, state)
    }

    /// What one that was started just now says, of the user's billing.
    fn seconds(readers: &Readers, state: &State) -> u64 {
        let (reporting, world) = (Reporting::new("c".into()), Local::new(Settings::default(), "c", readers.clone()));
        let history = readers.read(|sql| reporting.history(sql, state, &world)).unwrap().unwrap();
        whole_seconds(&history, state)
    }

    fn whole_seconds(history: &History, state: &State) -> u64 {
        history.usage(state).get(&AssociationId(2)).map_or(0, |seconds| *seconds as u64)
    }

    #[test]
    fn after_a_start_usage_is_there_without_all_its_hours() {
        let (_directory, store, state) = site(60);
        let readers = store.readers();
        let writer = Arc::new(Writer::start(store, state.clone()).unwrap());
        let world = Arc::new(Local::new(Settings::default(), "c", readers.clone()));
        let rollup = Rollup::start(&writer, &readers, &Arc::default()).unwrap();
        let last_hour = Calendar::local().start(slurm::rollup::Period::Hour, Timestamp::now().as_second());
        until("all is summed up", || rollup.rolled() >= Some(last_hour));
        let before = seconds(&readers, &state);
        assert!(before > 100_000, "{before}");

        let reporting = Arc::new(Reporting::new("c".into()));
        let _balances = Balances::start(&writer, &readers, &reporting, world).unwrap();
        let newest = || -> Option<i64> {
            let query = "SELECT MAX(until) FROM usage_balance";
            readers.read(|sql| sql.query_row(query, [], |row| row.get(0))).unwrap().unwrap()
        };
        let last_day = Calendar::local().start(slurm::rollup::Period::Day, last_hour);
        until("the last day has its balance", || newest() == Some(last_day));
        let forget_hours = move |change: &mut crate::daemon::writer::Change| {
            change.draft.connection().execute("DELETE FROM usage_association WHERE start < ?1", [last_day]).unwrap();
            Ok(())
        };
        writer.run(forget_hours).unwrap();
        assert_eq!(seconds(&readers, &state), before, "to the second");
    }

    #[test]
    fn hours_whose_day_is_still_to_be_summed_up_count_once() {
        let (_directory, mut store, state) = site(3);
        let (readers, calendar) = (store.readers(), Calendar::local());
        let (reporting, world) = (Reporting::new("c".into()), Local::new(Settings::default(), "c", readers.clone()));
        let history = || readers.read(|sql| reporting.history(sql, &state, &world)).unwrap().unwrap();
        let keep = |store: &mut Store, work: &mut dyn FnMut(&rusqlite::Connection)| {
            let draft = store.draft().unwrap();
            work(draft.connection());
            draft.keep().unwrap();
        };
        keep(&mut store, &mut |sql| watch(sql).unwrap());
        let mut roll = readers.read(|sql| Roll::begin(sql, &state, &calendar, world.now())).unwrap().unwrap().unwrap();
        while let Some(slice) = readers.read(|sql| roll.slice(sql, &state)).unwrap().unwrap() {
            keep(&mut store, &mut |sql| assert!(slice.keep(sql).unwrap()));
            history();
        }
        assert!(readers.read(progress).unwrap().unwrap().known.is_some());
        assert_eq!(whole_seconds(&history(), &state), seconds(&readers, &state));
    }
}
