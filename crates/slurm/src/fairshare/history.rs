//! [`History`]: what was used hour by hour, faded up to a moment: where fairshare gets its usage from.

use super::{Decay, Usage, charge};
use crate::State;
use crate::model::qos::QosFlag;
use crate::model::tres::BILLING;
use crate::model::{AssociationId, QosId};
use crate::rollup::calendar::HOUR;
use crate::rollup::{Calendar, Measure, Period};
use crate::settings::ResetPeriod;
use jiff::civil::Weekday;
use jiff::{ToSpan, civil::Date};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// So many half-lives back, less than a millionth of a millionth is left.
const HALF_LIVES: u32 = 40;

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
    own: HashMap<AssociationId, BTreeMap<Measure, f64>>,
    /// The hour last added, and what is left of it: an hour has thousands of charges.
    last: (i64, f64),
}

impl History {
    /// Without any usage, at a moment.
    pub fn new(decay: Decay, at: i64) -> Self {
        Self { decay, at, own: HashMap::new(), last: (i64::MIN, 0.0) }
    }

    /// Adds what was used in an hour, faded since the hour's end. What was used before the association's usage was set
    /// to zero is left out, to the hour.
    pub fn add(&mut self, state: &State, charge: Charge) {
        let reset = state.usage_resets.last_key().and_then(|_| state.usage_reset(charge.association));
        if reset.is_some_and(|reset| charge.start < reset) {
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

/// From when on usage counts at `now`: since the last reset (slurm.conf(5), `PriorityUsageResetPeriod`), and no further
/// back than anything is left of it.
pub fn begins(reset: ResetPeriod, half_life: Option<Duration>, now: i64, calendar: &Calendar) -> i64 {
    let today = calendar.civil(now).date();
    let month = |month| Date::new(today.year(), month, 1).ok();
    let date = match reset {
        ResetPeriod::None | ResetPeriod::Now => None,
        ResetPeriod::Daily => Some(today),
        ResetPeriod::Weekly => today.checked_sub(i32::from(today.weekday().since(Weekday::Sunday)).days()).ok(),
        ResetPeriod::Monthly => month(today.month()),
        ResetPeriod::Quarterly => month((today.month() - 1) / 3 * 3 + 1),
        ResetPeriod::Yearly => month(1),
    };
    let reset = date.and_then(|date| calendar.instant(date.at(0, 0, 0, 0))).unwrap_or(i64::MIN);
    let faded = half_life.filter(|it| !it.is_zero()).map(|it| it.saturating_mul(HALF_LIVES).as_secs());
    let horizon = faded.map_or(i64::MIN, |seconds| now.saturating_sub_unsigned(seconds));
    calendar.start(Period::Hour, reset.max(horizon).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founding::found;
    use crate::model::Qos;
    use crate::model::tres::CPU;
    use jiff::tz::TimeZone;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn one(state: &State) -> Charge {
        Charge { start: 0, association: state.root("c").unwrap().id, measure: Measure::Tres(BILLING), seconds: 1000 }
    }

    #[test]
    fn usage_fades_from_the_end_of_its_hour_and_can_be_moved_on() {
        let mut state = State::default();
        found(&mut state, "c", &[], 0);
        let id = state.root("c").unwrap().id;
        let decay = Decay::of_half_life(Some(WEEK));
        let mut whole = History::new(decay, HOUR + 7 * 86_400);
        whole.add(&state, one(&state));
        let usage = whole.usage(&state)[&id];
        assert!((usage - 500.0).abs() < 0.1, "{usage}");
        let mut moved = History::new(decay, HOUR + 86_400);
        moved.add(&state, one(&state));
        let moved = moved.later(HOUR + 7 * 86_400).usage(&state)[&id];
        assert!((usage - moved).abs() < 1e-9);
        // Later hours can be added to what was moved on.
        let later = Charge { start: 86_400, ..one(&state) };
        whole.add(&state, later);
        let mut on = History::new(decay, HOUR + 86_400);
        on.add(&state, one(&state));
        let mut on = on.later(HOUR + 7 * 86_400);
        on.add(&state, later);
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
        state.usage_resets.put(state.root("c").unwrap().id, 5000);
        let mut history = History::new(Decay::of_half_life(None), 9000);
        history.add(&state, Charge { association: user, ..one(&state) });
        assert!(history.usage(&state).is_empty());
        history.add(&state, Charge { association: user, start: 7200, ..one(&state) });
        assert_eq!(history.usage(&state)[&user], 1000.0);
    }

    #[test]
    fn periods_begin_at_midnight() {
        let calendar = Calendar::new(TimeZone::UTC);
        // Sunday, 2026-11-22T20:53:55
        let shown = |reset| calendar.text(begins(reset, None, 1_795_380_835, &calendar));
        assert_eq!(shown(ResetPeriod::Daily), "2026-11-22T00:00:00");
        assert_eq!(shown(ResetPeriod::Weekly), "2026-11-22T00:00:00");
        assert_eq!(shown(ResetPeriod::Quarterly), "2026-10-01T00:00:00");
        assert_eq!(shown(ResetPeriod::Yearly), "2026-01-01T00:00:00");
        assert_eq!(shown(ResetPeriod::None), "1970-01-01T00:00:00");
        let faded = begins(ResetPeriod::None, Some(WEEK), 1_795_380_835, &calendar);
        assert_eq!(calendar.text(faded), "2026-02-15T20:00:00", "40 weeks");
    }
}
