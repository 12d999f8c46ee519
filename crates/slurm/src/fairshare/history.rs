//! [`History`]: what was used hour by hour, faded up to a moment: where fairshare gets its usage from.

use super::terms::{Terms, Zeroed};
use super::{Decay, Usage, charge};
use crate::State;
use crate::model::qos::QosFlag;
use crate::model::tres::BILLING;
use crate::model::{AssociationId, QosId};
use crate::rollup::Measure;
use crate::rollup::calendar::HOUR;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Less than this, in seconds, is no usage any more.
const NOTHING: f64 = 1e-6;

/// What an association used itself of a TRES in one hour, times the UsageFactor of its jobs' QOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The hour.
    pub start: i64,
    /// The association.
    pub association: AssociationId,
    /// Of what.
    pub measure: Measure,
    /// Seconds of it.
    pub seconds: u64,
}

/// What jobs of a QOS used of a TRES on one cluster in one hour, times its UsageFactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QosCharge {
    /// The hour.
    pub start: i64,
    /// The QOS.
    pub qos: QosId,
    /// Of what.
    pub measure: Measure,
    /// Seconds of it.
    pub seconds: u64,
}

impl QosCharge {
    /// What is left of it at `now`: nothing when the QOS was set to zero since (to the hour), all of it when the QOS has
    /// the flag `NoDecay` (qos.shtml).
    pub fn left(self, state: &State, decay: Decay, now: i64) -> f64 {
        let Some(qos) = state.qos.get(&self.qos) else { return 0.0 };
        let seconds = self.seconds as f64;
        match qos.usage_reset {
            Some(reset) if self.start < reset => 0.0,
            _ if qos.flags.contains(&QosFlag::NoDecay) => seconds,
            _ => decay.after(seconds, since(self.start + HOUR, now)),
        }
    }
}

/// Usage of every association at a moment. Fading is the same for all, so a history can be moved on in time.
#[derive(Clone, Debug)]
pub struct History {
    decay: Decay,
    at: i64,
    since: i64,
    zeroed: Zeroed,
    own: HashMap<AssociationId, BTreeMap<Measure, f64>>,
    /// The hour last added, and what is left of it: an hour has thousands of charges.
    last: (i64, f64),
}

/// What is left of an association's own usage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// The association.
    pub association: AssociationId,
    /// Of what.
    pub measure: Measure,
    /// Seconds of it, faded.
    pub seconds: f64,
}

impl History {
    /// Without any usage, at a moment, for what is used from [`Terms::from`] on.
    pub fn new(terms: &Terms, at: i64) -> Self {
        Self::kept(terms.decay, at, terms.from, terms.zeroed.clone())
    }

    /// As one was kept that counted what was used from `since` on; its usage is to be [put back](History::put_back).
    pub fn kept(decay: Decay, at: i64, since: i64, zeroed: Zeroed) -> Self {
        Self { decay, at, since, zeroed, own: HashMap::new(), last: (i64::MIN, 0.0) }
    }

    /// The moment.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// What was used before is not in it, or nothing is left of it.
    pub fn since(&self) -> i64 {
        self.since.max(self.decay.forgotten(self.at))
    }

    /// How usage fades in it.
    pub fn decay(&self) -> Decay {
        self.decay
    }

    /// Which associations' usage was set to zero, and when.
    pub fn zeroed(&self) -> &Zeroed {
        &self.zeroed
    }

    /// Each association's own usage of which anything is left.
    pub fn left(&self) -> impl Iterator<Item = Left> {
        let each = |(association, amounts): (&AssociationId, &BTreeMap<Measure, f64>)| {
            let association = *association;
            let lefts = amounts.iter().map(move |(measure, seconds)| Left {
                association,
                measure: *measure,
                seconds: *seconds,
            });
            lefts.collect::<Vec<_>>()
        };
        self.own.iter().flat_map(each).filter(|left| left.seconds > NOTHING)
    }

    /// Puts usage back as it was left at this moment.
    pub fn put_back(&mut self, left: Left) {
        self.own.entry(left.association).or_default().insert(left.measure, left.seconds);
    }

    /// Whether it holds just what counts on these terms, but for usage that was set to zero since.
    pub fn fits(&self, terms: &Terms) -> bool {
        let reaches_back = self.since <= terms.from && self.since() >= terms.reset;
        self.decay == terms.decay
            && reaches_back
            && self.zeroed.leads_to(&terms.zeroed, self.at, |id| self.own.contains_key(&id))
    }

    /// The same on terms that [fit](History::fits): without what was set to zero since.
    pub fn on(mut self, terms: &Terms) -> Self {
        let zeroed = &terms.zeroed;
        self.own.retain(|id, _| zeroed.time(*id).is_none_or(|time| time < self.at));
        self.zeroed = zeroed.clone();
        self
    }

    /// Adds what was used in an hour, faded since the hour's end. What was used before the association's usage was set
    /// to zero is left out, to the hour.
    pub fn add(&mut self, charge: Charge) {
        if self.zeroed.time(charge.association).is_some_and(|time| charge.start < time) {
            return;
        }
        if self.last.0 != charge.start {
            self.last = (charge.start, self.decay.after(1.0, since(charge.start + HOUR, self.at)));
        }
        let left = charge.seconds as f64 * self.last.1;
        *self.own.entry(charge.association).or_default().entry(charge.measure).or_default() += left;
    }

    /// The same usage, faded up to a later moment.
    pub fn later(mut self, now: i64) -> Self {
        let left = self.decay.after(1.0, since(self.at, now));
        self.own.values_mut().flat_map(BTreeMap::values_mut).for_each(|amount| *amount *= left);
        self.at = now.max(self.at);
        self.last = (i64::MIN, 0.0);
        self
    }

    /// What fairshare counts: billing TRES, each association with all below it.
    pub fn usage(&self, state: &State) -> Usage {
        self.usage_of(state, Measure::Tres(BILLING))
    }

    /// Usage of one TRES, each association with all below it.
    pub fn usage_of(&self, state: &State, measure: Measure) -> Usage {
        let mut usage = Usage::new();
        for (association, amounts) in &self.own {
            if let Some(amount) = amounts.get(&measure) {
                charge(state, &mut usage, *association, *amount);
            }
        }
        usage
    }
}

fn since(then: i64, now: i64) -> Duration {
    Duration::from_secs(u64::try_from(now.saturating_sub(then)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founding::found;
    use crate::model::Qos;
    use crate::model::tres::CPU;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);
    const DAY: i64 = 86_400;

    fn terms(state: &State, decay: Decay) -> Terms {
        Terms { decay, reset: 0, from: 0, zeroed: Zeroed::of(state) }
    }

    fn one(state: &State) -> Charge {
        Charge { start: 0, association: state.root("c").unwrap().id, measure: Measure::Tres(BILLING), seconds: 1000 }
    }

    #[test]
    fn usage_fades_from_the_end_of_its_hour_and_can_be_moved_on() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let id = state.root("c").unwrap().id;
        let decay = Decay::of_half_life(Some(WEEK));
        let terms = terms(&state, decay);
        let mut whole = History::new(&terms, HOUR + 7 * 86_400);
        whole.add(one(&state));
        let usage = whole.usage(&state)[&id];
        assert!((usage - 500.0).abs() < 0.1, "{usage}");
        let mut moved = History::new(&terms, HOUR + 86_400);
        moved.add(one(&state));
        let moved = moved.later(HOUR + 7 * 86_400).usage(&state)[&id];
        assert!((usage - moved).abs() < 1e-9);
        // Later hours can be added to what was moved on.
        let later = Charge { start: 86_400, ..one(&state) };
        whole.add(later);
        let mut on = History::new(&terms, HOUR + 86_400);
        on.add(one(&state));
        let mut on = on.later(HOUR + 7 * 86_400);
        on.add(later);
        assert!((whole.usage(&state)[&id] - on.usage(&state)[&id]).abs() < 1e-9);
        assert!(whole.usage_of(&state, Measure::Tres(CPU)).is_empty());
    }

    #[test]
    fn usage_of_a_qos_fades_unless_it_never_does_and_is_gone_when_set_to_zero() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let charge = QosCharge { start: 0, qos: Qos::NORMAL, measure: Measure::Tres(BILLING), seconds: 1000 };
        let decay = Decay::of_half_life(Some(WEEK));
        let left = |state: &State| charge.left(state, decay, HOUR + 7 * 86_400);
        assert!((left(&state) - 500.0).abs() < 0.1);
        state.qos.edit(&Qos::NORMAL, |row| row.flags = [QosFlag::NoDecay].into());
        assert_eq!(left(&state), 1000.0);
        state.qos.edit(&Qos::NORMAL, |row| row.usage_reset = Some(1));
        assert_eq!(left(&state), 0.0);
    }

    #[test]
    fn usage_set_to_zero_is_gone_with_what_is_below() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let user = state.of_user("root").next().unwrap().id;
        state.reset_usage(state.root("c").unwrap().id, 5000);
        let mut history = History::new(&terms(&state, Decay::of_half_life(None)), 9000);
        history.add(Charge { association: user, ..one(&state) });
        assert!(history.usage(&state).is_empty());
        history.add(Charge { association: user, start: 7200, ..one(&state) });
        assert_eq!(history.usage(&state)[&user], 1000.0);
    }

    #[test]
    fn what_is_set_to_zero_later_goes_and_other_terms_do_not_fit() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let (root, user) = (state.root("c").unwrap().id, state.of_user("root").next().unwrap().id);
        let decay = Decay::of_half_life(Some(WEEK));
        let before = terms(&state, decay);
        let mut history = History::new(&before, 2 * DAY);
        history.add(Charge { association: user, ..one(&state) });
        history.add(one(&state));
        assert!(history.fits(&before));
        assert!(!history.fits(&Terms { decay: Decay::of_half_life(None), ..before.clone() }), "it fades otherwise");
        assert!(!history.fits(&Terms { reset: DAY, from: DAY, ..before.clone() }), "all was set to zero since");
        let short = Decay::of_half_life(Some(Duration::from_secs(60)));
        let quick = Terms { decay: short, from: DAY, ..before.clone() };
        assert!(
            History::new(&quick, 2 * DAY).fits(&Terms { reset: DAY, ..quick.clone() }),
            "nothing is left of the day before"
        );
        assert!(!History::new(&quick, 2 * DAY).fits(&Terms { from: 0, ..quick.clone() }), "it lacks the first day");

        state.reset_usage(user, 2 * DAY + 5);
        let later = terms(&state, decay);
        assert!(history.fits(&later));
        assert_eq!(history.clone().on(&later).left().map(|left| left.association).collect::<Vec<_>>(), [root]);
        state.reset_usage(user, DAY);
        assert!(!history.fits(&terms(&state, decay)), "it has what was used before and lacks nothing after");
        let zeroed = History::new(&terms(&state, decay), 2 * DAY);
        assert!(!zeroed.fits(&before), "what was left out would count again");
        state.reset_usage(root, DAY);
        assert!(zeroed.fits(&terms(&state, decay)), "of others nothing was used");
    }
}
