//! [`Terms`]: from when on, and how much of it, usage counts.

use super::Decay;
use crate::State;
use crate::model::AssociationId;
use crate::rollup::{Calendar, Period};
use crate::settings::{Priority, ResetPeriod};
use jiff::civil::Weekday;
use jiff::{ToSpan, civil::Date};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many half-lives back, less than a millionth of a millionth is left.
pub(super) const HALF_LIVES: u32 = 40;

/// What decides how much of past usage counts at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// How it fades.
    pub decay: Decay,
    /// The last time that all of it was set to zero (`PriorityUsageResetPeriod`); 0 if never.
    pub reset: i64,
    /// What was used before need not be looked at.
    pub from: i64,
    /// Associations whose usage was set to zero.
    pub zeroed: Zeroed,
}

impl Terms {
    /// As the settings and the state have them at `now`.
    pub fn new(priority: &Priority, state: &State, now: i64, calendar: &Calendar) -> Self {
        Self {
            decay: priority.decay(),
            reset: begins(priority.reset, None, now, calendar),
            from: begins(priority.reset, priority.half_life, now, calendar),
            zeroed: Zeroed::of(state),
        }
    }
}

/// When the usage of associations was last set to zero, theirs or that of one above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zeroed(BTreeMap<AssociationId, i64>);

impl Zeroed {
    /// Of all associations.
    pub fn of(state: &State) -> Self {
        if state.usage_resets.last_key().is_none() {
            return Self::default();
        }
        let ids = state.associations().iter().map(|(id, _)| *id);
        Self(ids.filter_map(|id| Some((id, state.usage_reset(id)?))).collect())
    }

    /// When it was for an association.
    pub fn time(&self, id: AssociationId) -> Option<i64> {
        self.0.get(&id).copied()
    }

    /// Each association with its time.
    pub fn iter(&self) -> impl Iterator<Item = (AssociationId, i64)> {
        self.0.iter().map(|(id, time)| (*id, *time))
    }

    /// Whether usage up to `at`, counted by these times, is right by later ones once all is taken out of what was set to
    /// zero since. Times may also go back: an account can be moved from below one whose usage was set to zero.
    pub fn leads_to(&self, later: &Zeroed, at: i64, has_usage: impl Fn(AssociationId) -> bool) -> bool {
        let is_kept = |(id, before): (AssociationId, i64)| later.time(id).is_some_and(|time| time >= before);
        let is_right = |(id, time): (AssociationId, i64)| time >= at || self.time(id) == Some(time) || !has_usage(id);
        self.iter().all(is_kept) && later.iter().all(is_right)
    }
}

impl FromIterator<(AssociationId, i64)> for Zeroed {
    fn from_iter<T: IntoIterator<Item = (AssociationId, i64)>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
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
    use jiff::tz::TimeZone;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

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
