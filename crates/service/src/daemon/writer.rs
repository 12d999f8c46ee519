//! [`Writer`]: the one thread that changes the state. Whoever waits for it at the same time shares one sync to disk.
//!
//! A batch of waiting commands runs on a copy of the state, one after another, in one database transaction. When that
//! is on disk the copy becomes the state that everybody reads, and all are answered. When anything fails on the way the
//! copy is dropped, the transaction is rolled back, and each command of the batch runs again on its own: so only those
//! that cannot be kept are refused, and nobody ever saw what was not kept.
//!
//! The scheduler's core is told of what happens in the same batch ([`Change::on`]), its rows are in the same transaction, and
//! its orders go out when that is on disk. When time makes a difference to it, an empty batch does what is due.
//!
//! A commit that may or may not be on disk ends the thread: only reading the store anew says what became of it.

use super::controller::{CoreCell, CoreTurn, now, until};
use crate::store::{Asker, Draft, Store, StoreError};
use scheduling::Core;
use scheduling::config::Config as Cluster;
use scheduling::event::{Accepted, Denial, SchedulerEvent};
use scheduling::id::Time;
use slurm::State;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// The most commands in a batch, so that the first of them does not wait long for the last.
const LARGEST_BATCH: usize = 256;

/// Seconds after which the scheduler is tried again when what it decided could not be written.
const PAUSE: Time = 5;

/// The state as it is kept on disk, and how many times it changed since the service started.
#[derive(Clone)]
pub struct Kept {
    /// The state.
    pub state: Arc<State>,
    /// Counts its changes.
    pub revision: u64,
}

/// What was committed since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commits {
    /// How often.
    pub count: u64,
    /// Commands in all of them.
    pub commands: u64,
    /// Commands in the largest.
    pub largest: u64,
    /// When the last one was, in seconds since 1970.
    pub last: Option<i64>,
}

impl Commits {
    fn count(&mut self, commands: usize) {
        let commands = commands as u64;
        self.count += 1;
        self.commands += commands;
        self.largest = self.largest.max(commands);
        self.last = Some(jiff::Timestamp::now().as_second());
    }
}

/// What a command that changes something works with.
pub struct Change<'a, 'c> {
    /// The state; what is changed is written when the command ends.
    pub state: &'a mut State,
    /// Counts the changes before this one.
    pub revision: u64,
    /// For rows that are in the store alone.
    pub draft: &'a Draft<'a>,
    turn: &'a mut CoreTurn<'c>,
}

impl Change<'_, '_> {
    /// Tells the scheduler. What it decides is kept with everything else, or not at all.
    pub fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial> {
        self.turn.on(self.state, event)
    }

    /// Gives the scheduler another configuration; `None` is one without nodes.
    pub fn configure(&mut self, cluster: Option<Arc<Cluster>>) -> Result<Result<Accepted, Denial>, StoreError> {
        self.turn.configure(self.state, self.draft, cluster)
    }

    /// The scheduler's core, after what was done so far; `None` where there is none.
    pub fn core(&mut self) -> Option<&Core> {
        self.turn.core().map(|core| &*core)
    }

    /// The core again, for who has seen that there is one: [`Change::core`] gave it.
    pub fn seen(&self) -> &Core {
        self.turn.seen().expect("the core was there a moment ago, and this batch alone has it")
    }

    /// The time of this batch.
    pub fn now(&self) -> Time {
        self.turn.now()
    }
}

/// What was done in a transaction that is on disk now.
#[derive(Debug)]
pub struct Written<T> {
    /// What the work gave back.
    pub gave: T,
    /// Counts the changes of the state, this one included.
    pub revision: u64,
    /// Whether it changed something.
    pub is_change: bool,
}

/// A command whose result is laid aside, so that commands of all kinds wait in one line.
type Work = dyn Fn(&mut Change) -> Result<(), StoreError> + Send;

/// What became of a command, or why nothing was done.
type Answer = Result<Written<()>, String>;

struct Job {
    work: Box<Work>,
    asker: Asker,
    answer: SyncSender<Answer>,
}

/// Where a command lays its result aside. It may run twice; the last run counts, for an earlier one was not kept.
struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T: Send + 'static> Slot<T> {
    fn of(work: impl Fn(&mut Change) -> Result<T, StoreError> + Send + 'static) -> (Self, Box<Work>) {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let work = move |change: &mut Change| {
            let gave = work(change)?;
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(gave);
            Ok(())
        };
        (Self(slot), Box::new(work))
    }

    fn take(&self, answer: Answer) -> Result<Written<T>, String> {
        let Written { revision, is_change, .. } = answer?;
        let gave = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gave = gave.ok_or("a bug in enlist serve: what was written left no result")?;
        Ok(Written { gave, revision, is_change })
    }
}

/// Where commands that change something are sent.
pub struct Writer {
    kept: Arc<RwLock<Kept>>,
    commits: Arc<Mutex<Commits>>,
    jobs: Sender<Job>,
    broken: watch::Receiver<String>,
}

impl Writer {
    /// Starts the thread, without a scheduler; it ends, and closes the store, when the writer is dropped.
    #[cfg(test)]
    pub fn start(store: Store, state: State) -> std::io::Result<Self> {
        Self::scheduling(store, state, Arc::default())
    }

    /// Starts the thread, which alone changes the core from now on.
    pub fn scheduling(store: Store, state: State, cell: Arc<CoreCell>) -> std::io::Result<Self> {
        let kept = Arc::new(RwLock::new(Kept { state: Arc::new(state), revision: 1 }));
        let (jobs, waiting) = channel();
        let commits = Arc::default();
        let due = cell.exists().then(now);
        let mut desk = Desk { store, kept: kept.clone(), commits: Arc::clone(&commits), cell, due };
        let (end, broken) = watch::channel(String::new());
        std::thread::Builder::new().name("writer".into()).spawn(move || {
            if let Err(why) = desk.work(&waiting) {
                end.send_replace(why);
            }
        })?;
        Ok(Self { kept, commits, jobs, broken })
    }

    /// Resolves when nothing can be changed any more, with the reason. The store must be opened anew then.
    pub async fn broken(&self) -> String {
        let mut broken = self.broken.clone();
        // An error is the end of the thread without a word: a bug, which the log shows as a panic.
        let why = broken.wait_for(|why| !why.is_empty()).await.map(|why| why.clone());
        why.unwrap_or_else(|_| "the thread that changes the store ended".to_owned())
    }

    /// What was committed so far.
    pub fn commits(&self) -> Commits {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept now.
    pub fn kept(&self) -> Kept {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a command and waits until what it changed is on disk. It does not begin when the asker whom this thread serves
    /// has left before its turn comes. It may run twice (see above), so all it does must be done through the [`Change`].
    /// The error says why nothing was done, or that nobody knows whether it is on disk.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Change) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Written<T>, String> {
        let (slot, work) = Slot::of(work);
        slot.take(self.wait(work))
    }

    fn wait(&self, work: Box<Work>) -> Answer {
        let (answer, answered) = sync_channel(1);
        let gone = |_| "the service is about to start again; nothing was changed".to_owned();
        self.jobs.send(Job { work, asker: Asker::here(), answer }).map_err(|_| gone(()))?;
        answered.recv().map_err(|_| gone(()))?
    }
}

/// What the thread has.
struct Desk {
    store: Store,
    kept: Arc<RwLock<Kept>>,
    commits: Arc<Mutex<Commits>>,
    cell: Arc<CoreCell>,
    /// When time makes a difference to the scheduler next.
    due: Option<Time>,
}

/// Why a batch was not kept.
enum Refusal {
    /// Nothing of it is in the store.
    Refused(String),
    /// Nobody knows.
    Unsynced(String),
}

fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::Unsynced { .. } => Refusal::Unsynced(format!(
            "{error}. The service starts again and then shows what there is; look there before you do it again"
        )),
        error => Refusal::Refused(format!("{error}; nothing was changed")),
    }
}

impl Desk {
    /// Until nobody sends any more. The error says why it cannot go on.
    fn work(&mut self, waiting: &Receiver<Job>) -> Result<(), String> {
        loop {
            let first = match self.next(waiting) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.let_time_pass()?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let batch = std::iter::once(first).chain(waiting.try_iter().take(LARGEST_BATCH - 1));
            let (left, batch): (Vec<_>, Vec<_>) = batch.partition(|job| job.asker.has_left());
            left.iter().for_each(|job| reply_to(job, Err("who asked has left; nothing was changed".into())));
            self.settle(batch)?;
        }
    }

    /// The next command, unless time makes a difference before it comes.
    fn next(&self, waiting: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        let Some(due) = self.due else { return waiting.recv().map_err(|_| RecvTimeoutError::Disconnected) };
        waiting.recv_timeout(until(due))
    }

    /// Does what is due. What cannot be written now is tried again.
    fn let_time_pass(&mut self) -> Result<(), String> {
        match self.attempt(&[]) {
            Ok(_) => Ok(()),
            Err(Refusal::Unsynced(why)) => Err(why),
            Err(Refusal::Refused(why)) => {
                tracing::error!("what the scheduler decided is not kept, and it tries again: {why}");
                Ok(())
            }
        }
    }

    fn settle(&mut self, batch: Vec<Job>) -> Result<(), String> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.attempt(&batch) {
            Ok(replies) => batch.iter().zip(replies).for_each(|(job, reply)| reply_to(job, Ok(reply))),
            Err(Refusal::Unsynced(why)) => {
                batch.iter().for_each(|job| reply_to(job, Err(why.clone())));
                return Err(why);
            }
            Err(Refusal::Refused(why)) if batch.len() == 1 => reply_to(&batch[0], Err(why)),
            Err(Refusal::Refused(_)) => return batch.into_iter().try_for_each(|job| self.settle(vec![job])),
        }
        Ok(())
    }

    fn attempt(&mut self, batch: &[Job]) -> Result<Vec<Written<()>>, Refusal> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone();
        let cell = self.cell.clone();
        let mut turn = cell.turn(now());
        match self.carry_out(batch, &kept, &mut turn) {
            Ok((new, replies)) => {
                *self.kept.write().unwrap_or_else(PoisonError::into_inner) = new;
                self.due = turn.commit().unwrap_or(self.due);
                Ok(replies)
            }
            Err(refusal) => {
                self.due = cell.exists().then(|| turn.now() + PAUSE);
                turn.rollback(&kept.state);
                Err(refusal)
            }
        }
    }

    fn carry_out(
        &mut self,
        batch: &[Job],
        kept: &Kept,
        turn: &mut CoreTurn,
    ) -> Result<(Kept, Vec<Written<()>>), Refusal> {
        let (mut state, mut revision) = (State::clone(&kept.state), kept.revision);
        let draft = self.store.draft().map_err(refused)?;
        let mut replies = Vec::with_capacity(batch.len());
        for job in batch {
            let mut change = Change { state: &mut state, revision, draft: &draft, turn };
            guarded(|| (job.work)(&mut change))?;
            let is_change = state.has_changes();
            if is_change {
                draft.save(&state).map_err(refused)?;
                revision += 1;
            }
            state.commit();
            replies.push(Written { gave: (), revision, is_change });
        }
        guarded(|| {
            turn.finish(&state, revision != kept.revision, self.due);
            turn.save(&state, &draft)
        })?;
        draft.keep().map_err(refused)?;
        if !batch.is_empty() {
            self.commits.lock().unwrap_or_else(PoisonError::into_inner).count(batch.len());
        }
        Ok((Kept { state: Arc::new(state), revision }, replies))
    }
}

/// A panic is a refusal, too.
fn guarded(work: impl FnOnce() -> Result<(), StoreError>) -> Result<(), Refusal> {
    let done = catch_unwind(AssertUnwindSafe(work));
    let bug = || Refusal::Refused("a bug in enlist serve stopped this command; nothing was changed".to_owned());
    done.map_err(|_| bug())?.map_err(refused)
}

/// Whoever no longer waits for the answer is none of our business.
fn reply_to(job: &Job, answer: Answer) {
    let _ = job.answer.send(answer);
}

#[cfg(test)]
mod tests;
