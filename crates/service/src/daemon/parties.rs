//! [`Parties`]: as whom a caller of this host shares places with others.
//!
//! Who has a name is a party. All numbers without a name are one: whoever may take on 65,536 of them by a user namespace
//! is no 65,536 callers.

use super::caller::slurm_uid;
use super::nss::ThisHost;
use super::turns::Party;
use slurm::settings::Settings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use words::people::{People, Person, Sought, Uid};

/// Who stands for all that have no name: the one number that no process has (POSIX's `(uid_t) -1`).
const NAMELESS: Uid = Uid(u32::MAX);

/// How long it is remembered that a number has a name, or none.
const REMEMBERED: Duration = Duration::from_secs(60);

/// So many numbers are remembered at most.
const MOST: usize = 10_000;

/// So many numbers are looked up at a time; who comes beyond that counts as nameless, this once.
const AT_ONCE: usize = 8;

/// Whether a number has a name. Who asks while it is looked up waits for the same answer: a caller's many connections are
/// never of two parties.
type Name = Arc<OnceCell<bool>>;

/// A number that is to be looked up.
struct ToDo {
    /// What was known before, and since when.
    before: Option<(Name, Instant)>,
    /// Its place among the lookups.
    _place: OwnedSemaphorePermit,
}

/// Tells parties apart; a copy remembers the same.
#[derive(Clone)]
pub struct Parties(Arc<Inner>);

struct Inner {
    /// SlurmUser, who may have as many places as root.
    slurm_uid: RwLock<Option<Uid>>,
    known: Mutex<HashMap<Uid, (Name, Instant)>>,
    lookups: Arc<Semaphore>,
    look_up: fn(Uid) -> Sought<Person>,
}

impl Parties {
    /// Of this host.
    pub fn new(settings: &Settings) -> Self {
        Self::with(slurm_uid(settings), |uid| ThisHost.user_numbered(uid))
    }

    fn with(slurm_uid: Sought<Uid>, look_up: fn(Uid) -> Sought<Person>) -> Self {
        let lookups = Arc::new(Semaphore::new(AT_ONCE));
        let inner = Inner { slurm_uid: RwLock::default(), known: Mutex::default(), lookups, look_up };
        let parties = Self(Arc::new(inner));
        parties.take_on(slurm_uid);
        parties
    }

    /// Takes on a new `SlurmUser`.
    pub fn reload(&self, settings: &Settings) {
        self.take_on(slurm_uid(settings));
    }

    /// Where nobody knows SlurmUser's number now, the one of before stays.
    fn take_on(&self, slurm_uid: Sought<Uid>) {
        if let Ok(known) = slurm_uid.known() {
            *self.0.slurm_uid.write().unwrap_or_else(PoisonError::into_inner) = known;
        }
    }

    /// Whether this is root's number, or SlurmUser's.
    pub fn is_privileged(&self, uid: Uid) -> bool {
        uid == Uid::ROOT || *self.0.slurm_uid.read().unwrap_or_else(PoisonError::into_inner) == Some(uid)
    }

    /// The party of a number.
    pub async fn of(&self, uid: Uid) -> Party<Uid> {
        if self.is_privileged(uid) {
            return Party { who: uid, is_privileged: true };
        }
        let who = if self.has_name(uid).await { uid } else { NAMELESS };
        Party { who, is_privileged: false }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Uid, (Name, Instant)>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn has_name(&self, uid: Uid) -> bool {
        let Some((name, to_do)) = self.remembered(uid) else { return false };
        let look_up = self.0.look_up;
        let find_out = || async move {
            // Names may come over the network. A lookup that panicked says nothing, so the number stays a party.
            match tokio::task::spawn_blocking(move || look_up(uid).known()).await {
                Ok(Ok(user)) => user.is_some(),
                Ok(Err(_)) => self.as_before(uid, to_do.and_then(|to_do| to_do.before)),
                Err(_) => true,
            }
        };
        *name.get_or_init(find_out).await
    }

    /// Nobody knows, so it is as it was, and looked up again the next time.
    fn as_before(&self, uid: Uid, before: Option<(Name, Instant)>) -> bool {
        let had_name = before.as_ref().is_some_and(|(name, _)| name.get() == Some(&true));
        let mut known = self.known();
        match before {
            Some(before) => known.insert(uid, before),
            None => known.remove(&uid),
        };
        had_name
    }

    /// What is known of a number, and how to look it up if that is to be done; `None` when too many others are looked up.
    fn remembered(&self, uid: Uid) -> Option<(Name, Option<ToDo>)> {
        let mut known = self.known();
        let old = known.get(&uid).cloned();
        if let Some((name, since)) = &old
            && since.elapsed() < REMEMBERED
        {
            return Some((name.clone(), None));
        }
        let Ok(place) = self.0.lookups.clone().try_acquire_owned() else { return old.map(|(name, _)| (name, None)) };
        if known.len() >= MOST {
            known.retain(|_, (name, since)| name.get() != Some(&false) && since.elapsed() < REMEMBERED);
        }
        let (name, before) = (Name::default(), old);
        if known.len() < MOST {
            known.insert(uid, (name.clone(), Instant::now()));
        }
        Some((name, Some(ToDo { before, _place: place })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use words::people::Listed;

    fn kim(uid: Uid) -> Sought<Person> {
        Listed::new(&[("kim", uid.0)], &[]).user_numbered(uid)
    }

    #[tokio::test]
    async fn numbers_without_a_name_are_one_party() {
        let parties =
            Parties::with(Sought::There(Uid(64030)), |uid| if uid < Uid(60_000) { kim(uid) } else { Sought::Absent });
        let mut found = Vec::new();
        for uid in [1000, 1001, 65_508, 200_000, 265_535] {
            found.push(parties.of(Uid(uid)).await);
        }
        let ordinary = |who| Party { who, is_privileged: false };
        let nameless = ordinary(NAMELESS);
        assert_eq!(found, [ordinary(Uid(1000)), ordinary(Uid(1001)), nameless.clone(), nameless.clone(), nameless]);
        for uid in [Uid::ROOT, Uid(64030)] {
            assert_eq!(parties.of(uid).await, Party { who: uid, is_privileged: true });
        }
        for uid in 100_000..100_000 + 2 * MOST as u32 {
            parties.of(Uid(uid)).await;
        }
        assert!(parties.known().len() <= MOST, "what is remembered is bounded");
    }

    #[tokio::test]
    async fn connections_that_come_at_once_are_of_one_party() {
        let parties = Parties::with(Sought::Absent, |uid| {
            std::thread::sleep(Duration::from_millis(20));
            kim(uid)
        });
        let come = (0..3 * AT_ONCE).map(|_| {
            let parties = parties.clone();
            tokio::spawn(async move { parties.of(Uid(1000)).await.who })
        });
        for who in come.collect::<Vec<_>>() {
            assert_eq!(who.await.unwrap(), Uid(1000));
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_down_makes_nobody_nameless_for_long() {
        static IS_DOWN: AtomicBool = AtomicBool::new(true);
        let parties = Parties::with(Sought::Absent, |uid| {
            if IS_DOWN.load(Ordering::Relaxed) { Listed::down("no answer").user_numbered(uid) } else { kim(uid) }
        });
        assert_eq!(parties.of(Uid(2001)).await.who, NAMELESS, "nobody knows better");
        IS_DOWN.store(false, Ordering::Relaxed);
        assert_eq!(parties.of(Uid(2001)).await.who, Uid(2001), "what nobody knew is not remembered");
        let long_ago = Instant::now().checked_sub(2 * REMEMBERED).unwrap();
        parties.known().get_mut(&Uid(2001)).unwrap().1 = long_ago;
        IS_DOWN.store(true, Ordering::Relaxed);
        assert_eq!(parties.of(Uid(2001)).await.who, Uid(2001), "who had a name still has");
    }
}
