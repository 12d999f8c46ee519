//! How a person stands on a day: what is written of `state`, `starts` and `ends`, and what that means then.

use super::model::Written;
use jiff::civil::Date;

/// How a person stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PersonState {
    /// Not yet there: nothing is made. An account that is there already is locked until the day.
    Upcoming,
    /// There; a lock is left as it is.
    #[default]
    Present,
    /// There, and let in: a lock is taken off, and jobs may be submitted.
    Active,
    /// There and let in; no job may be submitted.
    MayLogin,
    /// There and kept out: no password and no key lets him in.
    Suspended,
    /// Kept out for good. Number, home and files stay; groups, keys, sudo rule and the scheduler's accounts go.
    Archived,
    /// Gone. The entry stays in the roster, so that the number is never given to anybody else.
    Absent,
}

/// The words that a roster writes for them, with what they mean.
pub const STATES: &[(&str, PersonState)] = &[
    ("present", PersonState::Present),
    ("active", PersonState::Active),
    ("may_login", PersonState::MayLogin),
    ("suspended", PersonState::Suspended),
    ("archived", PersonState::Archived),
    ("absent", PersonState::Absent),
];

/// How people may stand once their time is over.
pub const AFTER_END: &[(&str, PersonState)] =
    &[("suspended", PersonState::Suspended), ("archived", PersonState::Archived), ("absent", PersonState::Absent)];

impl PersonState {
    /// The word of a roster; `upcoming` for somebody whose day has not come, which no roster writes.
    pub fn word(self) -> &'static str {
        let known = STATES.iter().find(|(_, standing)| *standing == self);
        known.map_or("upcoming", |(word, _)| word)
    }

    /// Whether an account is made and kept as the roster says.
    pub fn has_account(self) -> bool {
        !matches!(self, PersonState::Upcoming | PersonState::Absent)
    }

    /// Whether the person is to have what others have: groups, keys, a place in the scheduler. Who is suspended keeps it.
    pub fn belongs(self) -> bool {
        self.has_account() && self != PersonState::Archived
    }

    /// Whether the person shall not come in.
    pub fn is_kept_out(self) -> bool {
        matches!(self, PersonState::Upcoming | PersonState::Suspended | PersonState::Archived | PersonState::Absent)
    }

    /// Whether the person is kept out for good: what would start programs later goes, too.
    pub fn is_for_good(self) -> bool {
        matches!(self, PersonState::Archived | PersonState::Absent)
    }

    /// Whether the login is to be locked; `None`: a lock is left as it is.
    pub fn locks(self) -> Option<bool> {
        match self {
            PersonState::Present => None,
            PersonState::Active | PersonState::MayLogin => Some(false),
            PersonState::Upcoming | PersonState::Suspended | PersonState::Archived | PersonState::Absent => Some(true),
        }
    }
}

/// When a login ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// `never`
    Never,
    /// From the beginning of this day (UTC) on, as shadow(5) counts it.
    On(Date),
}

/// As the roster writes it.
impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expiry::Never => f.write_str("never"),
            Expiry::On(day) => day.fmt(f),
        }
    }
}

/// What is written of somebody's time here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenure {
    /// `state:`
    pub state: Option<Written<PersonState>>,
    /// `locked:`, the older way to write `suspended` and `active`.
    pub locked: Option<bool>,
    /// The first day.
    pub starts: Option<Written<Date>>,
    /// The first day after the last.
    pub ends: Option<Written<Date>>,
    /// How the person stands from `ends` on; suspended when it is not written.
    pub after_end: Option<PersonState>,
    /// When the login ends by itself.
    pub expires: Option<Expiry>,
}

impl Tenure {
    /// How the person stands on `day`. A `state` that keeps out counts on every day; whoever has days is let in within them.
    pub fn on(&self, day: Date) -> PersonState {
        let written = self.written();
        if written.is_kept_out() {
            return written;
        }
        let (starts, ends) = (self.starts.as_ref().map(|day| day.value), self.ends.as_ref().map(|day| day.value));
        if ends.is_some_and(|ends| ends <= day) {
            return self.after_end.unwrap_or(PersonState::Suspended);
        }
        if starts.is_some_and(|starts| day < starts) {
            return PersonState::Upcoming;
        }
        let has_days = starts.or(ends).is_some();
        if has_days && written == PersonState::Present { PersonState::Active } else { written }
    }

    /// What is written, on no day in particular.
    pub fn written(&self) -> PersonState {
        match (self.state.as_ref().map(|state| state.value), self.locked) {
            (None | Some(PersonState::Present), Some(true)) => PersonState::Suspended,
            (None | Some(PersonState::Present), Some(false)) => PersonState::Active,
            (state, _) => state.unwrap_or_default(),
        }
    }

    /// When the login ends by itself: as written, or else with the person's time, so that hosts keep him out on that day also
    /// where nobody runs enlist.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expires.or(self.ends.as_ref().map(|day| Expiry::On(day.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use words::diag::{Place, Source};

    fn written<T>(value: T) -> Option<Written<T>> {
        Some(Written { value, place: Place::new(&Source::new("r", ""), 1, 1) })
    }

    #[test]
    fn days_begin_and_end() {
        let tenure = |after_end| Tenure {
            starts: written(date(2027, 3, 1)),
            ends: written(date(2027, 7, 1)),
            after_end,
            ..Tenure::default()
        };
        for (day, plain, archived) in [
            (date(2027, 2, 28), PersonState::Upcoming, PersonState::Upcoming),
            (date(2027, 3, 1), PersonState::Active, PersonState::Active),
            (date(2027, 6, 30), PersonState::Active, PersonState::Active),
            (date(2027, 7, 1), PersonState::Suspended, PersonState::Archived),
            (date(2031, 1, 1), PersonState::Suspended, PersonState::Archived),
        ] {
            assert_eq!(tenure(None).on(day), plain, "{day}");
            assert_eq!(tenure(Some(PersonState::Archived)).on(day), archived, "{day}");
        }
        assert_eq!(tenure(None).expiry(), Some(Expiry::On(date(2027, 7, 1))));
    }

    #[test]
    fn what_keeps_out_counts_on_every_day() {
        for standing in [PersonState::Suspended, PersonState::Archived, PersonState::Absent] {
            let tenure = Tenure { state: written(standing), starts: written(date(2027, 3, 1)), ..Tenure::default() };
            assert_eq!(tenure.on(date(2027, 1, 1)), standing);
            assert_eq!(tenure.on(date(2027, 4, 1)), standing);
        }
        let may =
            Tenure { state: written(PersonState::MayLogin), ends: written(date(2027, 7, 1)), ..Tenure::default() };
        assert_eq!(
            (may.on(date(2027, 6, 1)), may.on(date(2027, 7, 1))),
            (PersonState::MayLogin, PersonState::Suspended)
        );
    }

    #[test]
    fn the_older_word_for_a_lock() {
        let locked = |locked| Tenure { locked, ..Tenure::default() };
        let words = [Some(true), Some(false), None].map(|lock| locked(lock).on(date(2027, 1, 1)));
        assert_eq!(words, [PersonState::Suspended, PersonState::Active, PersonState::Present]);
        let none_lingers = STATES.iter().all(|(_, state)| state.locks() != Some(true) || state.is_kept_out());
        assert!(none_lingers);
    }
}
