//! [`Writer`]: the one thread that changes the state. Whoever waits for it at the same time shares one sync to disk.
//!
//! A batch of waiting commands runs on a copy of the state, one after another, in one database transaction. When that
//! is on disk the copy becomes the state that everybody reads, and all are answered. When anything fails on the way the
//! copy is dropped, the transaction is rolled back, and each command of the batch runs again on its own: so only those
//! that cannot be kept are refused, and nobody ever saw what was not kept.
//!
//! A commit that may or may not be on disk ends the thread: only reading the store anew says what became of it.

use crate::store::{Asker, Draft, Store, StoreError};
use slurm::State;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// The most commands in a batch, so that the first of them does not wait long for the last.
const LARGEST_BATCH: usize = 256;

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
pub struct Change<'a> {
    /// The state; what is changed is written when the command ends.
    pub state: &'a mut State,
    /// Counts the changes before this one.
    pub revision: u64,
    /// For rows that are in the store alone.
    pub draft: &'a Draft<'a>,
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
    /// Starts the thread; it ends, and closes the store, when the writer is dropped.
    pub fn start(store: Store, state: State) -> std::io::Result<Self> {
        let kept = Arc::new(RwLock::new(Kept { state: Arc::new(state), revision: 1 }));
        let (jobs, waiting) = channel();
        let commits = Arc::default();
        let mut desk = Desk { store, kept: kept.clone(), commits: Arc::clone(&commits) };
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
        while let Ok(first) = waiting.recv() {
            let batch = std::iter::once(first).chain(waiting.try_iter().take(LARGEST_BATCH - 1));
            let (left, batch): (Vec<_>, Vec<_>) = batch.partition(|job| job.asker.has_left());
            left.iter().for_each(|job| reply_to(job, Err("who asked has left; nothing was changed".into())));
            self.settle(batch)?;
        }
        Ok(())
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
        let Kept { state, mut revision } = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut state = State::clone(&state);
        let draft = self.store.draft().map_err(refused)?;
        let mut replies = Vec::with_capacity(batch.len());
        for job in batch {
            let mut change = Change { state: &mut state, revision, draft: &draft };
            catch_unwind(AssertUnwindSafe(|| (job.work)(&mut change)))
                .map_err(|_| {
                    Refusal::Refused("a bug in enlist serve stopped this command; nothing was changed".to_owned())
                })?
                .map_err(refused)?;
            let is_change = state.has_changes();
            if is_change {
                draft.save(&state).map_err(refused)?;
                revision += 1;
            }
            state.commit();
            replies.push(Written { gave: (), revision, is_change });
        }
        draft.keep().map_err(refused)?;
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).count(batch.len());
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Kept { state: Arc::new(state), revision };
        Ok(replies)
    }
}

/// Whoever no longer waits for the answer is none of our business.
fn reply_to(job: &Job, answer: Answer) {
    let _ = job.answer.send(answer);
}

#[cfg(test)]
mod tests;
