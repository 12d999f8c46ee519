//! Times as Slurm's reports read and print them (sacct(1), "--starttime", and SLURM_TIME_FORMAT).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// A text that is no time, in the words of Slurm's programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid time specification (pos={at}): {text}")]
pub struct BadTime {
    /// Bytes before the place where the reading stopped.
    pub at: usize,
    /// What was given.
    pub text: String,
}

/// Reads a time: `HH:MM[:SS][AM|PM]`, `MMDD[YY]`, `MM.DD[.YY]`, `MM/DD[/YY]`, `YYYY-MM-DD`, each day with
/// `-HH:MM[:SS]` or `THH:MM[:SS]` behind it, `today`, `tomorrow`, `midnight`, `noon`, `fika`, `teatime`,
/// `now[{+|-}COUNT[seconds|minutes|hours|days|weeks]]`, `utsSECONDS`. A day without its year is the latest such day, a
/// time without its day is today's. An empty text is 0.
pub fn parse(text: &str, now: &Zoned) -> Result<i64, BadTime> {
    read(text, now, false)
}

/// Like [`parse`] for what is still to come (sbatch(1), "--begin"): a day without its year is the next such day, a time
/// without its day is tomorrow's if today's has passed.
pub fn parse_future(text: &str, now: &Zoned) -> Result<i64, BadTime> {
    read(text, now, true)
}

fn read(text: &str, now: &Zoned, is_future: bool) -> Result<i64, BadTime> {
    let parser = Parser { text: text.as_bytes(), at: 0, now, is_future, date: None, time: None, year: None };
    parser.read().map_err(|Stuck(at)| BadTime { at, text: text.to_owned() })
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    now: &'a Zoned,
    is_future: bool,
    /// Month and day.
    date: Option<(i8, i8)>,
    year: Option<i16>,
    time: Option<Time>,
}

/// Bytes before the place where it makes no sense.
#[derive(Debug)]
struct Stuck(usize);

type Step<T = ()> = Result<T, Stuck>;

const WORDS: &[(&str, i8)] = &[("midnight", 0), ("noon", 12), ("fika", 15), ("teatime", 16)];

/// The shortest beginnings that Slurm takes, and seconds in each.
const UNITS: &[(&str, i64)] = &[
    ("seconds", 1),
    ("second", 1),
    ("minutes", 60),
    ("minute", 60),
    ("hours", 3600),
    ("hour", 3600),
    ("days", 86400),
    ("day", 86400),
    ("weeks", 604_800),
    ("week", 604_800),
];

impl Parser<'_> {
    fn read(mut self) -> Step<i64> {
        if self.begins("uts") {
            let seconds = std::str::from_utf8(&self.text[3..]).ok().and_then(|text| text.parse().ok());
            return seconds.filter(|seconds| (1_000_000..253_402_300_800).contains(seconds)).ok_or(Stuck(0));
        }
        self.run()?;
        self.result()
    }

    fn run(&mut self) -> Step {
        while let Some(letter) = self.peek(0) {
            match letter {
                b' ' | b'\t' | b'-' | b'T' => self.at += 1,
                b'0'..=b'9' if self.peek(1) == Some(b':') || self.peek(2) == Some(b':') => self.clock()?,
                b'0'..=b'9' => self.day()?,
                _ => self.word()?,
            }
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied().filter(|letter| *letter != b'\n')
    }

    fn begins(&mut self, word: &str) -> bool {
        let rest = &self.text[self.at..];
        let same = rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
        if same {
            self.at += word.len();
        }
        same
    }

    fn on(&mut self, day: &Zoned) {
        self.date = Some((day.month(), day.day()));
        self.year = Some(day.year());
    }

    fn word(&mut self) -> Step {
        let now = self.now.clone();
        if self.begins("today") {
            self.on(&now);
            return Ok(());
        }
        if self.begins("tomorrow") {
            let tomorrow = now.checked_add(24.hours()).map_err(|_| Stuck(self.at))?;
            self.on(&tomorrow);
            return Ok(());
        }
        if let Some((_, hour)) = WORDS.iter().find(|(word, _)| self.begins(word)) {
            self.time = Some(Time::constant(*hour, 0, 0, 0));
            return Ok(());
        }
        if self.begins("now") {
            return self.now();
        }
        Err(Stuck(self.at))
    }

    fn now(&mut self) -> Step {
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let sign = match self.peek(0) {
            None => 0,
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return Err(Stuck(self.at)),
        };
        let count = if sign == 0 { 0 } else { self.delta()? };
        let moment = self.now.timestamp().as_second().checked_add(sign * count);
        let moment = moment.and_then(|s| Timestamp::from_second(s).ok()).ok_or(Stuck(self.at))?;
        let moment = moment.to_zoned(self.now.time_zone().clone());
        self.on(&moment);
        self.time = Some(moment.time().with().subsec_nanosecond(0).build().unwrap_or_default());
        Ok(())
    }

    /// `COUNT[UNIT]` after a sign.
    fn delta(&mut self) -> Step<i64> {
        self.at += 1;
        let (mut count, mut any) = (0i64, false);
        while let Some(letter) = self.peek(0) {
            if letter.is_ascii_digit() {
                count = count.checked_mul(10).and_then(|c| c.checked_add(i64::from(letter - b'0'))).ok_or(Stuck(0))?;
                (any, self.at) = (true, self.at + 1);
            } else if letter.is_ascii_whitespace() {
                self.at += 1;
            } else if let Some((_, seconds)) = UNITS.iter().find(|(unit, _)| self.begins(unit)) {
                count = count.checked_mul(*seconds).ok_or(Stuck(0))?;
                break;
            } else {
                return Err(Stuck(self.at - 1));
            }
        }
        if any { Ok(count) } else { Err(Stuck(self.at - 1)) }
    }

    fn digit(&mut self) -> Step<i8> {
        let letter = self.peek(0).filter(u8::is_ascii_digit).ok_or(Stuck(self.at))?;
        self.at += 1;
        Ok((letter - b'0') as i8)
    }

    fn two(&mut self, most: i8) -> Step<i8> {
        let number = self.digit()? * 10 + self.digit()?;
        if number > most { Err(Stuck(self.at - 2)) } else { Ok(number) }
    }

    /// One digit or two.
    fn short(&mut self, least: i8, most: i8) -> Step<i8> {
        let mut number = self.digit()?;
        if self.peek(0).is_some_and(|letter| letter.is_ascii_digit()) {
            number = number * 10 + self.digit()?;
        }
        if (least..=most).contains(&number) { Ok(number) } else { Err(Stuck(self.at.saturating_sub(2))) }
    }

    fn clock(&mut self) -> Step {
        let mut hour = self.short(0, 23)?;
        if self.peek(0) != Some(b':') {
            return Err(Stuck(self.at));
        }
        self.at += 1;
        let minute = self.two(59)?;
        let mut second = 0;
        if self.peek(0) == Some(b':') {
            self.at += 1;
            second = self.two(59)?;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self.begins("pm") {
            hour = if hour == 12 { 12 } else { hour + 12 };
        } else if self.begins("am") {
            hour = if hour == 12 { 0 } else { hour };
        }
        self.time = Some(Time::new(hour, minute, second, 0).map_err(|_| Stuck(self.at))?);
        Ok(())
    }

    fn day(&mut self) -> Step {
        if self.peek(4) == Some(b'-') && self.peek(7) == Some(b'-') {
            let century = i16::from(self.two(99)?);
            self.year = Some(century * 100 + i16::from(self.two(99)?));
            self.at += 1;
            let month = self.short(1, 12)?;
            self.at += 1;
            self.date = Some((month, self.short(1, 31)?));
            return Ok(());
        }
        let month = self.short(1, 12)?;
        self.skip_mark();
        self.date = Some((month, self.short(1, 31)?));
        self.skip_mark();
        if self.peek(0).is_some_and(|letter| letter.is_ascii_digit()) {
            self.year = Some(2000 + i16::from(self.two(99)?));
        }
        Ok(())
    }

    fn skip_mark(&mut self) {
        if matches!(self.peek(0), Some(b'.' | b'/')) {
            self.at += 1;
        }
    }

    fn result(self) -> Step<i64> {
        let bad = |_| Stuck(self.at);
        let ((month, day), time) = match (self.date, self.time) {
            (None, None) => return Ok(0),
            (None, Some(time)) => return self.next_at(time),
            (Some(date), time) => (date, time.unwrap_or_default()),
        };
        let year = self.year.unwrap_or_else(|| self.nearest_year(month, day, time));
        // As mktime(3): a day that the month does not have runs over into the next.
        let first = Date::new(year, month, 1).map_err(bad)?;
        let date = first.checked_add(i64::from(day - 1).days()).map_err(bad)?;
        self.moment(date, time)
    }

    fn moment(&self, date: Date, time: Time) -> Step<i64> {
        let zoned = DateTime::from_parts(date, time).to_zoned(self.now.time_zone().clone());
        Ok(zoned.map_err(|_| Stuck(self.at))?.timestamp().as_second())
    }

    /// A time of today, or of tomorrow. Slurm looks at hours and minutes alone.
    fn next_at(&self, time: Time) -> Step<i64> {
        let has_passed = (time.hour(), time.minute()) <= (self.now.hour(), self.now.minute());
        let day = if self.is_future && has_passed { self.now.checked_add(24.hours()) } else { Ok(self.now.clone()) };
        self.moment(day.map_err(|_| Stuck(self.at))?.date(), time)
    }

    /// The year of a day that names none.
    fn nearest_year(&self, month: i8, day: i8, time: Time) -> i16 {
        let now = self.now;
        if self.is_future {
            let moment = (month, day, time.hour(), time.minute());
            now.year() + i16::from(moment <= (now.month(), now.day(), now.hour(), now.minute()))
        } else {
            now.year() - i16::from(month > now.month())
        }
    }
}

/// How times are printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2024-03-04T08:00:00`
    #[default]
    Standard,
    /// Short, as seen from now: `08:00:00`, `Ystday 08:00`, `Mon 08:00`, `4 Mar 08:00`, `4 Mar 2024`.
    Relative,
    /// strftime(3)
    Pattern(String),
}

impl TimeFormat {
    /// The value of SLURM_TIME_FORMAT; `None` when it is no format (Slurm then complains and goes on with the standard).
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "" | "standard" => Some(Self::Standard),
            "relative" => Some(Self::Relative),
            pattern if pattern.contains('%') && pattern.len() < 32 => Some(Self::Pattern(pattern.to_owned())),
            _ => None,
        }
    }

    /// A moment in the zone of `now`.
    pub fn show(&self, seconds: i64, now: &Zoned) -> String {
        let Ok(moment) = Timestamp::from_second(seconds) else { return seconds.to_string() };
        let moment = moment.to_zoned(now.time_zone().clone());
        let pattern = match self {
            Self::Standard => "%Y-%m-%dT%H:%M:%S",
            Self::Relative => relative(&moment, now),
            Self::Pattern(pattern) => pattern,
        };
        let mut shown = String::new();
        let config = jiff::fmt::strtime::Config::new().lenient(true);
        let written =
            jiff::fmt::strtime::BrokenDownTime::from(&moment).format_with_config(&config, pattern, &mut shown);
        if written.is_err() { pattern.to_owned() } else { shown }
    }
}

/// Slurm counts days as numbers of the form YYYYddd.
fn relative(moment: &Zoned, now: &Zoned) -> &'static str {
    let number = |day: &Zoned| i32::from(day.year()) * 1000 + i32::from(day.day_of_year());
    match number(moment) - number(now) {
        -1 => "Ystday %H:%M",
        0 => "%H:%M:%S",
        1 => "Tomorr %H:%M",
        far if !(-365..=365).contains(&far) => "%-d %b %Y",
        2..=6 => "%a %H:%M",
        _ => "%-d %b %H:%M",
    }
}

/// A time zone by the value of `TZ`: a name such as `Europe/Berlin`, or POSIX's `CET-1CEST`; UTC for what is neither, as
/// in C.
pub fn zone(name: &str) -> TimeZone {
    let name = name.strip_prefix(':').unwrap_or(name);
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2024-05-06T10:20:30[UTC]".parse().unwrap()
    }

    fn read(text: &str) -> String {
        match parse(text, &now()) {
            Ok(seconds) => TimeFormat::Standard.show(seconds, &now()),
            Err(bad) => format!("bad at {}", bad.at),
        }
    }

    #[test]
    fn what_is_to_come() {
        for (text, time) in [
            ("11:30", "2024-05-06T11:30:00"),
            ("10:20", "2024-05-07T10:20:00"),
            ("9:30", "2024-05-07T09:30:00"),
            ("12/25", "2024-12-25T00:00:00"),
            ("0304", "2025-03-04T00:00:00"),
            ("0506-10:21", "2024-05-06T10:21:00"),
            ("midnight", "2024-05-07T00:00:00"),
            ("now+1hour", "2024-05-06T11:20:30"),
            ("2024-03-04", "2024-03-04T00:00:00"),
        ] {
            let read = parse_future(text, &now()).unwrap();
            assert_eq!(TimeFormat::Standard.show(read, &now()), time, "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, time) in [
            ("2024-03-04", "2024-03-04T00:00:00"),
            ("2024-03-04T05:06", "2024-03-04T05:06:00"),
            ("2024-03-04-05:06:07", "2024-03-04T05:06:07"),
            ("030424", "2024-03-04T00:00:00"),
            ("0304", "2024-03-04T00:00:00"),
            ("12/25", "2023-12-25T00:00:00"),
            ("03/04/21-7:08", "2021-03-04T07:08:00"),
            ("03.04.21", "2021-03-04T00:00:00"),
            ("11:30", "2024-05-06T11:30:00"),
            ("9:30PM", "2024-05-06T21:30:00"),
            ("12:05 am", "2024-05-06T00:05:00"),
            ("noon", "2024-05-06T12:00:00"),
            ("today", "2024-05-06T00:00:00"),
            ("Midnight", "2024-05-06T00:00:00"),
            ("tomorrow fika", "2024-05-07T15:00:00"),
            ("teatime", "2024-05-06T16:00:00"),
            ("now", "2024-05-06T10:20:30"),
            ("now-1day", "2024-05-05T10:20:30"),
            ("now - 2 weeks", "2024-04-22T10:20:30"),
            ("now+90", "2024-05-06T10:22:00"),
            ("now-1hours", "2024-05-06T09:20:30"),
            ("NOW-90", "2024-05-06T10:19:00"),
            ("noon tomorrow", "2024-05-07T12:00:00"),
            ("10:30 pm", "2024-05-06T22:30:00"),
            ("12:00am", "2024-05-06T00:00:00"),
            ("02.03", "2024-02-03T00:00:00"),
            ("02/03/23-10:00", "2023-02-03T10:00:00"),
            ("now\nand then", "2024-05-06T10:20:30"),
            ("uts1709539200", "2024-03-04T08:00:00"),
            ("", "1970-01-01T00:00:00"),
            ("2023-02-29", "2023-03-01T00:00:00"),
        ] {
            assert_eq!(read(text), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_where() {
        for (text, at) in [("bogus", 0), ("2024-13-01", 5), ("2024-03-04T25:00", 11), ("now-x", 3), ("uts5", 0)] {
            assert_eq!(read(text), format!("bad at {at}"), "{text}");
        }
        for (text, at) in [("now-", 3), ("now*2", 3), ("0", 0), ("é", 0), ("25:00", 0), ("now+1lightyear", 4)] {
            assert_eq!(read(text), format!("bad at {at}"), "{text}");
        }
        for text in ["13:00 pm", "1332", "2026-1-2", "now-1w", "2026-02-0", "1:2:3", "uts\u{e9}", "9999-12-31T23:59:5"]
        {
            assert!(parse(text, &now()).is_err(), "{text}");
        }
        assert!(parse("now+99999999999999999999", &now()).is_err());
        assert!(parse("now+999999999999999", &now()).is_err());
    }

    #[test]
    fn times_are_shown() {
        let show = |format: &str, seconds| TimeFormat::named(format).unwrap().show(seconds, &now());
        assert_eq!(show("%H:%M", 1709539200), "08:00");
        assert_eq!(show("%s", 1709539200), "1709539200");
        let noon = 1714996800;
        for (seconds, text) in [(noon, "12:00:00"), (noon - 86400, "Ystday 12:00"), (noon + 172_800, "Wed 12:00")] {
            assert_eq!(show("relative", seconds), text);
        }
        assert_eq!(show("relative", noon - 1_000_000), "24 Apr 22:13");
        assert_eq!(show("relative", 1), "1 Jan 1970");
        assert_eq!(TimeFormat::named("bogus"), None);
    }

    #[test]
    fn zones() {
        assert_eq!(zone("Europe/Berlin").iana_name(), Some("Europe/Berlin"));
        assert_eq!(zone("nowhere at all"), TimeZone::UTC);
    }
}
