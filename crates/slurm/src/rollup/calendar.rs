//! [`Calendar`]: hours, days and months of the site's time zone. A day may have 23 or 25 hours.

use super::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Seconds of an hour.
pub const HOUR: i64 = 3600;

/// What usage is summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// An hour.
    Hour,
    /// A day, from midnight to midnight.
    Day,
    /// A month, from its first midnight to the next month's.
    Month,
}

impl Period {
    /// The number in the store.
    pub fn number(self) -> u8 {
        match self {
            Period::Hour => 0,
            Period::Day => 1,
            Period::Month => 2,
        }
    }
}

/// The time zone that days and months follow.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// Of a time zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// Of this host.
    pub fn local() -> Self {
        Self::new(TimeZone::system())
    }

    /// The moment as the time zone has it.
    pub fn zoned(&self, time: i64) -> Zoned {
        let end = if time < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_second(time).unwrap_or(end).to_zoned(self.zone.clone())
    }

    /// Date and time of day as people there see them.
    pub fn civil(&self, time: i64) -> DateTime {
        self.zoned(time).datetime()
    }

    /// When it is (or, in the hour left out in spring, would be) that date and time of day there, as mktime(3) has it.
    pub fn instant(&self, civil: DateTime) -> Option<i64> {
        Some(self.zone.to_ambiguous_zoned(civil).compatible().ok()?.timestamp().as_second())
    }

    /// `2026-11-22T20:53:55`
    pub fn text(&self, time: i64) -> String {
        self.civil(time).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// The beginning of the hour, day or month around `time`.
    pub fn start(&self, period: Period, time: i64) -> i64 {
        let civil = self.civil(time);
        let date = match period {
            // Whole seconds back, since an hour may come twice a night.
            Period::Hour => return time - i64::from(civil.minute()) * 60 - i64::from(civil.second()),
            Period::Day => civil.date(),
            Period::Month => civil.date().first_of_month(),
        };
        self.midnight(date).unwrap_or(time)
    }

    /// The end of the hour, day or month that begins at `start`.
    pub fn end(&self, period: Period, start: i64) -> i64 {
        let date = self.civil(start).date();
        let next = match period {
            Period::Hour => return start + HOUR,
            Period::Day => date.tomorrow().ok(),
            Period::Month => date.first_of_month().checked_add(1.month()).ok(),
        };
        next.and_then(|date| self.midnight(date)).unwrap_or(i64::MAX)
    }

    fn midnight(&self, date: Date) -> Option<i64> {
        self.instant(date.at(0, 0, 0, 0))
    }

    /// Whether something of that period begins at `time`.
    pub fn begins(&self, period: Period, time: i64) -> bool {
        self.start(period, time) == time
    }

    /// The fewest whole months, days and hours that make up a time, in order. Its ends should be whole hours. Days and
    /// months are taken only up to `summed`, where they are summed up.
    pub fn pieces(&self, span: Span, summed: i64) -> Vec<(Period, Span)> {
        let mut found: Vec<(Period, Span)> = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let fits = |period| {
                let end = self.end(period, at);
                (self.begins(period, at) && end <= span.end && end <= summed).then_some((period, end))
            };
            let (period, end) =
                fits(Period::Month).or_else(|| fits(Period::Day)).unwrap_or((Period::Hour, span.end.min(at + HOUR)));
            match found.last_mut() {
                Some((last, piece)) if *last == period => piece.end = end,
                _ => found.push((period, Span { start: at, end })),
            }
            at = end;
        }
        found
    }
}
