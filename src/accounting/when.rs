//! Times as Slurm's commands read them after `start=` and `end=` (sacctmgr(1), "Valid time formats are").

use jiff::civil::{Date, Time};
use jiff::{Span, Zoned};

/// A text that is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time, from byte {position} on")]
pub struct BadTime {
    /// Where it stops making sense, in bytes.
    pub position: usize,
}

/// Reads a time in the zone of `now`, in seconds since 1970. What is not said is taken from today; a day without a year
/// is the last one of its month's name.
///
/// `today`, `tomorrow`, `midnight`, `noon`, `fika`, `teatime`, `now[{+|-}COUNT[seconds|minutes|hours|days|weeks]]`,
/// `HH:MM[:SS] [AM|PM]`, `MMDD[YY]`, `MM/DD[/YY]`, `MM.DD[.YY]`, `YYYY-MM-DD[THH:MM[:SS]]`, `utsSECONDS`.
pub fn parse(text: &str, now: &Zoned) -> Result<i64, BadTime> {
    if let Some(seconds) = strip_word(text, "uts") {
        return seconds.parse().ok().filter(|seconds| *seconds >= 1_000_000).ok_or(BadTime { position: 0 });
    }
    let mut reader = Reader { text, at: 0, now, date: None, time: None };
    while reader.at < text.len() {
        reader.part().ok_or(BadTime { position: reader.at })?;
    }
    if reader.date.is_none() && reader.time.is_none() {
        return Err(BadTime { position: 0 });
    }
    let moment = reader.date.unwrap_or(now.date()).to_datetime(reader.time.unwrap_or(Time::midnight()));
    let zoned = moment.to_zoned(now.time_zone().clone()).map_err(|_| BadTime { position: text.len() })?;
    Ok(zoned.timestamp().as_second())
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = (text.get(..word.len())?, text.get(word.len()..)?);
    head.eq_ignore_ascii_case(word).then_some(rest)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    now: &'a Zoned,
    date: Option<Date>,
    time: Option<Time>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn word(&mut self, word: &str) -> bool {
        let found = strip_word(self.rest(), word).is_some();
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn part(&mut self) -> Option<()> {
        if self.word(" ") || self.word("-") || self.word("\t") {
            return Some(());
        }
        if self.word("today") {
            self.date = Some(self.now.date());
        } else if self.word("tomorrow") {
            self.date = Some(self.now.date().tomorrow().ok()?);
        } else if let Some(hour) = self.named_hour() {
            self.time = Some(Time::constant(hour, 0, 0, 0));
        } else if self.word("now") {
            self.relative()?;
        } else if self.word("t") {
        } else if self.rest().bytes().take(3).any(|byte| byte == b':') {
            self.clock()?;
        } else {
            self.day()?;
        }
        Some(())
    }

    fn named_hour(&mut self) -> Option<i8> {
        const HOURS: [(&str, i8); 4] = [("midnight", 0), ("noon", 12), ("fika", 15), ("teatime", 16)];
        HOURS.into_iter().find(|(name, _)| self.word(name)).map(|(_, hour)| hour)
    }

    fn number(&mut self, most: usize) -> Option<i64> {
        let digits = self.rest().bytes().take(most).take_while(u8::is_ascii_digit).count();
        let number = self.rest()[..digits].parse().ok()?;
        self.at += digits;
        Some(number)
    }

    fn relative(&mut self) -> Option<()> {
        while self.word(" ") {}
        let sign = match (self.word("+"), self.at < self.text.len() && self.word("-")) {
            (true, _) => 1,
            (false, true) => -1,
            (false, false) if self.rest().is_empty() => 0,
            (false, false) => return None,
        };
        let seconds = if sign == 0 { 0 } else { self.number(9)?.checked_mul(sign * self.unit()?)? };
        let moment = self.now.checked_add(Span::new().try_seconds(seconds).ok()?).ok()?;
        (self.date, self.time) = (Some(moment.date()), Some(moment.time()));
        Some(())
    }

    /// Seconds of the unit that follows; seconds when none does.
    fn unit(&mut self) -> Option<i64> {
        const UNITS: [(&str, i64); 5] =
            [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86400), ("weeks", 7 * 86400)];
        let letters = self.rest().bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = self.rest()[..letters].to_ascii_lowercase();
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| name.starts_with(&unit))?;
        self.at += letters;
        Some(seconds)
    }

    fn clock(&mut self) -> Option<()> {
        let mut hour = self.number(2)?;
        self.word(":").then_some(())?;
        let minute = self.number(2)?;
        let second = if self.word(":") { self.number(2)? } else { 0 };
        while self.word(" ") {}
        match (self.word("am"), self.word("pm")) {
            (true, _) if (1..=12).contains(&hour) => hour %= 12,
            (_, true) if (1..=12).contains(&hour) => hour = hour % 12 + 12,
            (false, false) => {}
            _ => return None,
        }
        let small = |number: i64| i8::try_from(number).ok();
        self.time = Some(Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?);
        Some(())
    }

    fn day(&mut self) -> Option<()> {
        let bytes = self.rest().as_bytes();
        let dashed = bytes.get(4) == Some(&b'-') && bytes.iter().skip(5).take(3).any(|byte| *byte == b'-');
        let (year, month, day) = if dashed { self.year_month_day()? } else { self.month_day_year()? };
        self.date = Some(Date::new(year, month, day).ok()?);
        Some(())
    }

    fn year_month_day(&mut self) -> Option<(i16, i8, i8)> {
        let year = self.number(4)?;
        self.word("-").then_some(())?;
        let month = self.number(2)?;
        self.word("-").then_some(())?;
        Some((i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(self.number(2)?).ok()?))
    }

    fn month_day_year(&mut self) -> Option<(i16, i8, i8)> {
        let month = i8::try_from(self.number(2)?).ok()?;
        let _ = self.word("/") || self.word(".");
        let day = i8::try_from(self.number(2)?).ok()?;
        let _ = self.word("/") || self.word(".");
        let year = match self.rest().bytes().next() {
            Some(byte) if byte.is_ascii_digit() => 2000 + i16::try_from(self.number(2)?).ok()?,
            _ => self.now.year() - i16::from(month > self.now.month()),
        };
        Some((year, month, day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the moment that is read on 2026-11-22 at 20:53:55.
    fn read(text: &str) -> Option<String> {
        let now: Zoned = "2026-11-22T20:53:55+09:00[Asia/Seoul]".parse().unwrap();
        let seconds = parse(text, &now).ok()?;
        let moment = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(now.time_zone().clone());
        Some(moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    #[test]
    fn every_format() {
        for (text, moment) in [
            ("2026-01-02", "2026-01-02 00:00:00"),
            ("2026-01-02T03:04", "2026-01-02 03:04:00"),
            ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
            ("2026-1-2-3:04", "2026-01-02 03:04:00"),
            ("0131", "2026-01-31 00:00:00"),
            ("1231", "2025-12-31 00:00:00"),
            ("013124", "2024-01-31 00:00:00"),
            ("11/03-10:30:00", "2026-11-03 10:30:00"),
            ("11/03/25-10:30", "2025-11-03 10:30:00"),
            ("11.03.25", "2025-11-03 00:00:00"),
            ("10:30", "2026-11-22 10:30:00"),
            ("10:30 PM", "2026-11-22 22:30:00"),
            ("12:00am", "2026-11-22 00:00:00"),
            ("noon", "2026-11-22 12:00:00"),
            ("today teatime", "2026-11-22 16:00:00"),
            ("tomorrow", "2026-11-23 00:00:00"),
            ("now", "2026-11-22 20:53:55"),
            ("now-1hour", "2026-11-22 19:53:55"),
            ("now+2days", "2026-11-24 20:53:55"),
            ("now+10", "2026-11-22 20:54:05"),
            ("NOW-1w", "2026-11-15 20:53:55"),
            ("uts1700000000", "2023-11-15 07:13:20"),
        ] {
            assert_eq!(read(text).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "bogus",
            "now+",
            "now*2",
            "25:00",
            "13:00 pm",
            "1332",
            "2026-13-01",
            "2026-02-30",
            "uts5",
            "é",
            "now+1lightyear",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
