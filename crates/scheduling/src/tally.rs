//! [`Tally`]: what jobs have, as admission counts it, kept by increments.
//!
//! Each job is charged to a line of holders: its association and all above, its QOS, and that of its partition. A
//! charge remembers its line, so that what was added is what is taken away, whatever became of the accounts since.

use crate::id::{AssociationId, JobId, QosId, Time};
use slurm::State;
use slurm::admission::{Amounts, Counts, InUse};
use slurm::model::TresId;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

/// Who counts a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Association(AssociationId),
    Qos(QosId),
    User(QosId, Arc<str>),
    Account(QosId, Arc<str>),
}

/// Where a job counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    /// Its association.
    pub(crate) association: Option<AssociationId>,
    /// Its QOS, then that of its partition if it is another.
    pub(crate) qos: [Option<QosId>; 2],
    /// The user's name.
    pub(crate) user: Arc<str>,
    /// The account's name.
    pub(crate) account: Arc<str>,
}

/// What a job has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Charge {
    /// Jobs that it counts as: tasks of an array.
    pub(crate) submitted: u64,
    /// Of one that runs: what it has, and when its time is over.
    pub(crate) running: Option<(Amounts, Option<Time>)>,
}

/// What was charged for a job, and to whom.
#[derive(Clone, Debug)]
struct Charged {
    standing: Standing,
    holders: Arc<[Holder]>,
    charge: Charge,
}

/// Of jobs with a time limit: `now` times the amount, taken from this sum, is what they may still use in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Timed {
    amount: i128,
    amount_by_end: i128,
}

/// All counts of admission.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Counts,
    timed: BTreeMap<Holder, BTreeMap<TresId, Timed>>,
    charged: HashMap<JobId, Charged>,
    /// For which time the minutes in `counts` are.
    at: Time,
}

impl Tally {
    /// The counts, of the time that [`Tally::set_time`] was told.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Makes the minutes that jobs may still use those of a time.
    pub(crate) fn set_time(&mut self, now: Time) {
        if now != self.at {
            self.at = now;
            for holder in self.timed.keys().cloned().collect::<Vec<_>>() {
                self.refresh(&holder);
            }
        }
    }

    /// Charges a job, in place of what it was charged before.
    pub(crate) fn charge(&mut self, accounts: &State, job: JobId, standing: Standing, charge: Charge) {
        let before = self.charged.get(&job);
        if before.is_some_and(|it| it.charge == charge && it.standing == standing) {
            return;
        }
        let same = before.filter(|it| it.standing == standing).map(|it| it.holders.clone());
        let holders = same.unwrap_or_else(|| line(accounts, &standing));
        self.discharge(job);
        self.apply(&holders, &charge, Sign::Plus);
        self.charged.insert(job, Charged { standing, holders, charge });
    }

    /// Charges nothing more for a job.
    pub(crate) fn discharge(&mut self, job: JobId) {
        if let Some(charged) = self.charged.remove(&job) {
            self.apply(&charged.holders, &charged.charge, Sign::Minus);
        }
    }

    /// Finds the holders of every job again: the accounts have changed.
    pub(crate) fn recount(&mut self, accounts: &State) {
        for (job, Charged { standing, charge, .. }) in self.charged.clone() {
            self.discharge(job);
            self.charge(accounts, job, standing, charge);
        }
    }

    /// What of another tally is not the same, minutes of the past aside.
    pub(crate) fn differs(&self, other: &Tally) -> Option<String> {
        let (own, others) = (&self.counts, &other.counts);
        let counts = unlike(&own.associations, &others.associations)
            .or_else(|| unlike(&own.qos, &others.qos))
            .or_else(|| unlike(&own.users, &others.users))
            .or_else(|| unlike(&own.accounts, &others.accounts));
        let timed = || format!("minutes ahead come from {:?}, and a recount gives {:?}", self.timed, other.timed);
        counts.or_else(|| (self.timed != other.timed).then(timed))
    }

    /// The time of its minutes.
    pub(crate) fn time(&self) -> Time {
        self.at
    }

    /// Takes what was used up in the past, faded, in place of what was known of it.
    pub(crate) fn set_used(&mut self, used: &UsedUp) {
        for counted in self.counts.associations.values_mut().chain(self.counts.qos.values_mut()) {
            (counted.minutes, counted.wall, counted.lacks_usage) = (Amounts::new(), 0, false);
        }
        for (id, (minutes, wall)) in &used.associations {
            let counted = self.counts.associations.entry(*id).or_default();
            (counted.minutes, counted.wall) = (minutes.clone(), *wall);
        }
        for (id, (minutes, wall)) in &used.qos {
            let counted = self.counts.qos.entry(*id).or_default();
            (counted.minutes, counted.wall) = (minutes.clone(), *wall);
        }
        self.counts.associations.retain(|_, counted| !is_nothing(counted));
        self.counts.qos.retain(|_, counted| !is_nothing(counted));
    }

    /// Adds the minutes of a run that ended, until [`Tally::set_used`] tells all that was used.
    pub(crate) fn spend(&mut self, job: JobId, amounts: &Amounts, seconds: u64) {
        let Some(holders) = self.charged.get(&job).map(|it| it.holders.clone()) else { return };
        for holder in holders.iter().filter(|it| matches!(it, Holder::Association(_) | Holder::Qos(_))) {
            let counted = self.counted(holder);
            for (tres, amount) in amounts {
                let sum = counted.minutes.entry(*tres).or_default();
                *sum = sum.saturating_add(amount.saturating_mul(seconds) / 60);
            }
            counted.wall = counted.wall.saturating_add(seconds / 60);
        }
    }

    fn apply(&mut self, holders: &[Holder], charge: &Charge, sign: Sign) {
        for holder in holders {
            let counted = self.counted(holder);
            counted.submitted = sign.apply(counted.submitted, charge.submitted);
            if let Some((amounts, end)) = &charge.running {
                counted.running = sign.apply(counted.running, 1);
                for (tres, amount) in amounts {
                    let sum = counted.tres.entry(*tres).or_default();
                    *sum = sign.apply(*sum, *amount);
                }
                counted.tres.retain(|_, sum| *sum > 0);
                if let Some(end) = end {
                    self.count_ahead(holder, amounts, *end, sign);
                }
                self.refresh(holder);
            }
            self.prune(holder);
        }
    }

    fn count_ahead(&mut self, holder: &Holder, amounts: &Amounts, end: Time, sign: Sign) {
        let timed = self.timed.entry(holder.clone()).or_default();
        for (tres, amount) in amounts {
            let (sum, amount) = (timed.entry(*tres).or_default(), i128::from(*amount) * sign.factor());
            sum.amount += amount;
            sum.amount_by_end += amount * i128::from(end);
        }
        timed.retain(|_, sum| *sum != Timed::default());
        if timed.is_empty() {
            self.timed.remove(holder);
        }
    }

    fn refresh(&mut self, holder: &Holder) {
        let now = i128::from(self.at);
        let left = |sum: &Timed| u64::try_from((sum.amount_by_end - sum.amount * now) / 60).unwrap_or(0);
        let minutes: Amounts = match self.timed.get(holder) {
            Some(timed) => timed.iter().map(|(tres, sum)| (*tres, left(sum))).collect(),
            None => Amounts::new(),
        };
        self.counted(holder).run_minutes = minutes;
    }

    fn counted(&mut self, holder: &Holder) -> &mut InUse {
        let counts = &mut self.counts;
        match holder {
            Holder::Association(id) => counts.associations.entry(*id).or_default(),
            Holder::Qos(id) => counts.qos.entry(*id).or_default(),
            Holder::User(id, name) => counts.users.entry((*id, name.to_string())).or_default(),
            Holder::Account(id, name) => counts.accounts.entry((*id, name.to_string())).or_default(),
        }
    }

    fn prune(&mut self, holder: &Holder) {
        if !is_nothing(self.counted(holder)) {
            return;
        }
        let counts = &mut self.counts;
        match holder {
            Holder::Association(id) => drop(counts.associations.remove(id)),
            Holder::Qos(id) => drop(counts.qos.remove(id)),
            Holder::User(id, name) => drop(counts.users.remove(&(*id, name.to_string()))),
            Holder::Account(id, name) => drop(counts.accounts.remove(&(*id, name.to_string()))),
        }
    }
}

/// Minutes by TRES and wall clock minutes that ended jobs used up, faded to now: what records say, and jobs don't.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsedUp {
    /// By association, each with all below it.
    pub associations: BTreeMap<AssociationId, (Amounts, u64)>,
    /// By QOS.
    pub qos: BTreeMap<QosId, (Amounts, u64)>,
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn apply(self, sum: u64, by: u64) -> u64 {
        match self {
            Sign::Plus => sum + by,
            Sign::Minus => sum - by,
        }
    }

    fn factor(self) -> i128 {
        match self {
            Sign::Plus => 1,
            Sign::Minus => -1,
        }
    }
}

/// The first whose counts are not the same.
fn unlike<K: Ord + Debug>(own: &BTreeMap<K, InUse>, others: &BTreeMap<K, InUse>) -> Option<String> {
    let none = InUse::default();
    own.keys().chain(others.keys()).find_map(|key| {
        let (a, b) = (own.get(key).unwrap_or(&none), others.get(key).unwrap_or(&none));
        let same =
            (a.running, a.submitted) == (b.running, b.submitted) && a.tres == b.tres && a.run_minutes == b.run_minutes;
        (!same).then(|| format!("{key:?} counts {a:?}, and a recount gives {b:?}"))
    })
}

fn is_nothing(counted: &InUse) -> bool {
    counted.submitted == 0 && counted.minutes.is_empty() && counted.wall == 0
}

/// Who counts a job that stands there.
fn line(accounts: &State, standing: &Standing) -> Arc<[Holder]> {
    let mut line = Vec::new();
    let mut next = standing.association;
    while let Some(row) = next.and_then(|id| accounts.association(id)) {
        line.push(Holder::Association(row.id));
        next = row.parent;
    }
    let [own, of_partition] = standing.qos;
    for qos in own.into_iter().chain(of_partition.filter(|qos| Some(*qos) != own)) {
        line.push(Holder::Qos(qos));
        line.push(Holder::User(qos, standing.user.clone()));
        line.push(Holder::Account(qos, standing.account.clone()));
    }
    line.into()
}
