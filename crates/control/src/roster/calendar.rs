//! Who comes, who goes, and what ends when: the days that are written in a roster, in their order.

use super::{EngagementKind, Expiry, PersonState, Roster, User};
use jiff::civil::Date;
use serde::{Serialize, Serializer};

/// What happens on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarEvent {
    /// The first day.
    Starts,
    /// The first day after the last.
    Ends,
    /// The first day without login, where that is not the person's end.
    Expires,
}

impl CalendarEvent {
    /// As people are told.
    pub fn word(self) -> &'static str {
        match self {
            CalendarEvent::Starts => "starts",
            CalendarEvent::Ends => "ends",
            CalendarEvent::Expires => "expires",
        }
    }
}

/// One line of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalendarDay {
    /// The day, in UTC.
    #[serde(serialize_with = "as_text")]
    pub day: Date,
    /// What happens.
    pub event: CalendarEvent,
    /// `user`, `project` or `course`.
    pub kind: &'static str,
    /// Whose day it is.
    pub name: String,
    /// What follows: how somebody stands then, how many members something has.
    pub then: String,
    /// Who answers for the person or project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

fn as_text<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Every day that is written, in order. Of who is written down as kept out no day says anything, and none is shown.
pub fn calendar(roster: &Roster) -> Vec<CalendarDay> {
    let people = roster.users.iter().filter(|user| !user.tenure.written().is_kept_out());
    let mut all: Vec<CalendarDay> = people.flat_map(of_user).collect();
    all.extend(of_engagements(roster));
    all.sort_by(|a, b| (a.day, a.event, a.kind, &a.name).cmp(&(b.day, b.event, b.kind, &b.name)));
    all
}

fn of_user(user: &User) -> Vec<CalendarDay> {
    let entry = |day: Date, event, then: PersonState| CalendarDay {
        day,
        event,
        kind: "user",
        name: user.name.value.clone(),
        then: then.word().to_owned(),
        manager: user.manager.as_ref().map(|manager| manager.value.clone()),
    };
    let tenure = &user.tenure;
    let starts = tenure.starts.iter().map(|day| entry(day.value, CalendarEvent::Starts, tenure.on(day.value)));
    let ends = tenure.ends.iter().map(|day| entry(day.value, CalendarEvent::Ends, tenure.on(day.value)));
    let expires = tenure.expires.iter().filter_map(|expiry| match expiry {
        Expiry::On(day) => Some(CalendarDay {
            then: "no login".to_owned(),
            ..entry(*day, CalendarEvent::Expires, PersonState::Present)
        }),
        Expiry::Never => None,
    });
    starts.chain(ends).chain(expires).collect()
}

fn of_engagements(roster: &Roster) -> Vec<CalendarDay> {
    let mut all = Vec::new();
    for engagement in &roster.engagements {
        let days = [(CalendarEvent::Starts, &engagement.starts), (CalendarEvent::Ends, &engagement.ends)];
        for (event, day) in days.into_iter().filter_map(|(event, day)| Some((event, day.as_ref()?))) {
            all.push(CalendarDay {
                day: day.value,
                event,
                kind: EngagementKind::word(engagement.kind),
                name: engagement.name.value.clone(),
                then: format!("{} members", engagement.size()),
                manager: engagement.manager.as_ref().map(|manager| manager.value.clone()),
            });
        }
    }
    all
}
