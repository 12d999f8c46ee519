//! Times as people write them: `2026-11-22T10:00`, `1122`, `11/22/26-10:00`, `now-2days`, `today`, `noon`
//! (sreport(1), "Note, valid start/end time formats are…").

use super::rollup::Calendar;
use jiff::ToSpan;
use jiff::civil::{DateTime, date};

/// Where in the text the reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTime {
    /// Bytes before the place.
    pub at: usize,
}

/// Reads a time in the past: a day without a year is this year's or the last's, a time of day without a day is today's.
/// An empty text is no time.
pub fn parse_past(text: &str, now: i64, calendar: &Calendar) -> Result<Option<i64>, BadTime> {
    if let Some(seconds) = text.get(..3).filter(|it| it.eq_ignore_ascii_case("uts")).and(text.get(3..)) {
        return seconds.parse().ok().filter(|it| *it >= 1_000_000).map(Some).ok_or(BadTime { at: 0 });
    }
    let mut reader = Reader { text: text.as_bytes(), at: 0, now: calendar.civil(now), day: None, time: None };
    while let Some(&byte) = reader.text.get(reader.at) {
        match byte {
            b'\n' => break,
            b' ' | b'\t' | b'-' | b'T' => reader.at += 1,
            _ => reader.part(now, calendar)?,
        }
    }
    let at = reader.at;
    reader.moment(calendar).map_err(|()| BadTime { at })
}

/// Seconds of the units that may follow `now+COUNT`; the plural is tried first.
const UNITS: [(&str, i64); 10] = [
    ("seconds", 1),
    ("second", 1),
    ("minutes", 60),
    ("minute", 60),
    ("hours", 3600),
    ("hour", 3600),
    ("days", 86_400),
    ("day", 86_400),
    ("weeks", 604_800),
    ("week", 604_800),
];

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    now: DateTime,
    /// Year (`None`: the latest that is past), month, day.
    day: Option<(Option<i16>, i8, i8)>,
    time: Option<(i8, i8, i8)>,
}

impl Reader<'_> {
    fn bad<T>(&self) -> Result<T, BadTime> {
        Err(BadTime { at: self.at })
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Takes a word in any case, if it stands here.
    fn word(&mut self, word: &str) -> bool {
        let found =
            self.text.get(self.at..self.at + word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn set_day(&mut self, day: DateTime) {
        self.day = Some((Some(day.year()), day.month(), day.day()));
    }

    fn part(&mut self, now: i64, calendar: &Calendar) -> Result<(), BadTime> {
        if self.word("today") {
            self.set_day(self.now);
        } else if self.word("tomorrow") {
            self.set_day(calendar.civil(now + 86_400));
        } else if self.word("midnight") {
            self.time = Some((0, 0, 0));
        } else if self.word("noon") {
            self.time = Some((12, 0, 0));
        } else if self.word("fika") {
            self.time = Some((15, 0, 0));
        } else if self.word("teatime") {
            self.time = Some((16, 0, 0));
        } else if self.word("now") {
            let moment = calendar.civil(now.saturating_add(self.delta()?));
            self.set_day(moment);
            self.time = Some((moment.hour(), moment.minute(), moment.second()));
        } else if !self.peek(0).is_ascii_digit() {
            return self.bad();
        } else if self.peek(1) == b':' || self.peek(2) == b':' {
            self.time = Some(self.clock()?);
        } else {
            self.day = Some(self.date()?);
        }
        Ok(())
    }

    /// What follows `now`: `+COUNT[UNIT]` or `-COUNT[UNIT]`, or nothing.
    fn delta(&mut self) -> Result<i64, BadTime> {
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let sign = match self.peek(0) {
            b'+' => 1,
            b'-' => -1,
            0 | b'\n' => return Ok(0),
            _ => return self.bad(),
        };
        self.at += 1;
        let (mut count, mut digits) = (0i64, 0);
        while self.peek(0) != 0 && self.peek(0) != b'\n' {
            if let Some((_, seconds)) = UNITS.iter().find(|(unit, _)| self.word(unit)) {
                count = count.saturating_mul(*seconds);
                break;
            }
            match self.peek(0) {
                digit @ b'0'..=b'9' => {
                    count = count.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
                    digits += 1;
                }
                b' ' | b'\t' => {}
                _ => return self.bad(),
            }
            self.at += 1;
        }
        if digits == 0 { self.bad() } else { Ok(sign * count) }
    }

    /// One or two digits (`least`: at least so many), not above `most`.
    fn number(&mut self, least: usize, most: i8) -> Result<i8, BadTime> {
        let digits = self.text[self.at..].iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < least.max(1) {
            return self.bad();
        }
        let value = self.text[self.at..self.at + digits].iter().fold(0, |sum, digit| sum * 10 + (digit - b'0') as i8);
        if value > most {
            return self.bad();
        }
        self.at += digits;
        Ok(value)
    }

    /// `HH:MM[:SS] [AM|PM]`
    fn clock(&mut self) -> Result<(i8, i8, i8), BadTime> {
        let mut hour = self.number(1, 23)?;
        self.at += 1;
        let minute = self.number(2, 59)?;
        let mut second = 0;
        if self.peek(0) == b':' {
            self.at += 1;
            second = self.number(2, 59)?;
        }
        while self.peek(0).is_ascii_whitespace() {
            self.at += 1;
        }
        if self.word("pm") {
            hour += if hour == 12 { 0 } else { 12 };
        } else if self.word("am") && hour == 12 {
            hour = 0;
        }
        if hour > 23 { self.bad() } else { Ok((hour, minute, second)) }
    }

    /// `YYYY-MM-DD`, `MMDD[YY]`, `MM/DD[/YY]`, `MM.DD[.YY]`
    fn date(&mut self) -> Result<(Option<i16>, i8, i8), BadTime> {
        let first = self.at;
        if self.peek(4) == b'-' && self.peek(7) == b'-' {
            let year = i16::from(self.number(2, 99)?) * 100 + i16::from(self.number(2, 99)?);
            self.at += 1;
            let month = self.ranged(12, first + 5)?;
            self.at += 1;
            return Ok((Some(year), month, self.ranged(31, first + 8)?));
        }
        let month = self.ranged(12, first)?;
        self.skip_mark();
        let day = self.ranged(31, self.at)?;
        self.skip_mark();
        let year = if self.peek(0).is_ascii_digit() { i16::from(self.number(2, 99)?) } else { 0 };
        Ok((Some(year + 2000).filter(|_| year > 0), month, day))
    }

    /// A month or a day; a wrong one is complained about at its beginning.
    fn ranged(&mut self, most: i8, at: usize) -> Result<i8, BadTime> {
        let value = self.number(1, 99)?;
        if (1..=most).contains(&value) { Ok(value) } else { Err(BadTime { at }) }
    }

    fn skip_mark(&mut self) {
        if matches!(self.peek(0), b'.' | b'/') {
            self.at += 1;
        }
    }

    fn moment(self, calendar: &Calendar) -> Result<Option<i64>, ()> {
        let (year, month, day) = match (self.day, self.time) {
            (None, None) => return Ok(None),
            (Some(day), _) => day,
            (None, Some(_)) => (Some(self.now.year()), self.now.month(), self.now.day()),
        };
        let year = year.unwrap_or_else(|| self.now.year() - i16::from(month > self.now.month()));
        let (hour, minute, second) = self.time.unwrap_or_default();
        // As mktime(3): the 31st of a shorter month is in the next one.
        let first = date(year, month, 1).checked_add((i32::from(day) - 1).days()).map_err(|_| ())?;
        calendar.instant(first.at(hour, minute, second, 0)).map(Some).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    /// 2026-11-22T20:53:55
    const NOW: i64 = 1_795_380_835;

    fn shown(text: &str) -> Result<String, usize> {
        let calendar = Calendar::new(TimeZone::UTC);
        let parsed = parse_past(text, NOW, &calendar).map_err(|bad| bad.at)?;
        Ok(parsed.map_or_else(|| "none".into(), |time| calendar.text(time)))
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("2025-02-03", "2025-02-03T00:00:00"),
            ("2025-02-03T04:05", "2025-02-03T04:05:00"),
            ("2025-02-03T04:05:06", "2025-02-03T04:05:06"),
            ("0203", "2026-02-03T00:00:00"),
            ("1203", "2025-12-03T00:00:00"),
            ("020325", "2025-02-03T00:00:00"),
            ("02/03/25", "2025-02-03T00:00:00"),
            ("02.03", "2026-02-03T00:00:00"),
            ("02/03/25-10:00", "2025-02-03T10:00:00"),
            ("10:30 pm", "2026-11-22T22:30:00"),
            ("12:00am", "2026-11-22T00:00:00"),
            ("9:05", "2026-11-22T09:05:00"),
            ("now", "2026-11-22T20:53:55"),
            ("now-1hour", "2026-11-22T19:53:55"),
            ("now+2days", "2026-11-24T20:53:55"),
            ("NOW-90", "2026-11-22T20:52:25"),
            ("today", "2026-11-22T00:00:00"),
            ("tomorrow noon", "2026-11-23T12:00:00"),
            ("midnight", "2026-11-22T00:00:00"),
            ("teatime", "2026-11-22T16:00:00"),
            ("uts1000000", "1970-01-12T13:46:40"),
            ("2025-02-31", "2025-03-03T00:00:00"),
            ("", "none"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad_ones_say_where() {
        for (text, at) in
            [("nonsense", 0), ("2025-13-01", 5), ("25:00", 0), ("uts5", 0), ("now*2", 3), ("0", 0), ("é", 0)]
        {
            assert_eq!(shown(text), Err(at), "{text}");
        }
    }
}
