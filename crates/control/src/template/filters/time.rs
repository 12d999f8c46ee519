//! Dates: `strftime`, `to_datetime`, and the object that `now()` gives.

use super::{Args, Reaching};
use crate::template::ControlNode;
use crate::template::engine::eval_of;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use minijinja::value::{Kwargs, Object, ObjectRepr, Value as Engine, from_args};
use minijinja::{Error, ErrorKind, State};
use std::fmt;
use std::sync::Arc;
use words::value::Value;

pub(super) const REACHING_FILTERS: Reaching = &[("strftime", "string_format, second, utc", strftime)];

/// `'%Y-%m-%d' | strftime(seconds, utc=false)`.
fn strftime(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let now = control.now();
    let zone = if args.flag(2, "utc", false) { TimeZone::UTC } else { now.time_zone().clone() };
    let moment = match args.get(1, "second") {
        None => now,
        Some(second) => {
            let seconds: f64 =
                second.to_string().trim().parse().map_err(|_| format!("invalid value for epoch value ({second})"))?;
            Timestamp::from_second(seconds as i64).map_err(|error| error.to_string())?.to_zoned(zone.clone())
        }
    };
    let moment = moment.with_time_zone(zone);
    strtime::format(args.text(), &moment).map(Value::from).map_err(|error| error.to_string())
}

/// A date and time of day, without a zone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(DateTime);

/// The time between two moments: Python's `timedelta`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Delta(SignedDuration);

const DAY: i64 = 86_400;

/// The zone of the machine that enlist runs on.
fn zone(state: &State) -> Result<TimeZone, Error> {
    Ok(eval_of(state)?.control().now().time_zone().clone())
}

fn wrong(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.to_string())
}

impl Moment {
    /// What clocks show at `time`: where it is told, or in UTC.
    pub(crate) fn of(time: &Zoned, utc: bool) -> Moment {
        Moment(if utc { time.with_time_zone(TimeZone::UTC).datetime() } else { time.datetime() })
    }

    /// As `strftime`; `%s`, the seconds since 1970, are those of a clock in `zone`.
    pub(crate) fn format(&self, format: &str, zone: &TimeZone) -> Result<String, Error> {
        let formatted = if format.contains("%s") {
            strtime::format(format, &self.0.to_zoned(zone.clone()).map_err(wrong)?)
        } else {
            strtime::format(format, self.0)
        };
        formatted.map_err(|error| wrong(format!("strftime '{format}': {error}")))
    }

    /// With a `T` between date and time.
    pub(crate) fn iso(&self) -> String {
        self.to_string().replacen(' ', "T", 1)
    }

    /// From `earlier` to this.
    pub(crate) fn since(&self, earlier: &Moment) -> Delta {
        Delta(self.0.duration_since(earlier.0))
    }

    /// Later by `delta`, or earlier. Fails beyond the years -9999 to 9999.
    pub(crate) fn moved(&self, delta: &Delta, back: bool) -> Result<Moment, Error> {
        let moved = if back { self.0.checked_sub(delta.0) } else { self.0.checked_add(delta.0) };
        moved.map(Moment).map_err(|_| wrong("date value out of range"))
    }

    /// `replace(day=5, hour=0)`.
    fn replaced(&self, args: &[Engine]) -> Result<Moment, Error> {
        let (named,): (Kwargs,) = from_args(args)?;
        let number = |name: &str| named.get::<Option<i64>>(name);
        let small = |name: &str, now: i8| {
            number(name)?.map_or(Ok(now), |n| i8::try_from(n).map_err(|_| wrong(format!("{name} {n} is out of range"))))
        };
        let year = number("year")?.map_or(Ok(self.0.year()), i16::try_from).map_err(wrong)?;
        let micros = number("microsecond")?.unwrap_or(i64::from(self.0.subsec_nanosecond() / 1000));
        let nanos = i32::try_from(micros).ok().and_then(|micros| micros.checked_mul(1000));
        let changed = DateTime::new(
            year,
            small("month", self.0.month())?,
            small("day", self.0.day())?,
            small("hour", self.0.hour())?,
            small("minute", self.0.minute())?,
            small("second", self.0.second())?,
            nanos.ok_or_else(|| wrong("the microsecond is out of range"))?,
        );
        named.assert_all_used()?;
        changed.map(Moment).map_err(wrong)
    }
}

impl Delta {
    /// The sum or difference of two.
    pub(crate) fn plus(&self, other: &Delta, subtract: bool) -> Result<Delta, Error> {
        let sum = if subtract { self.0.checked_sub(other.0) } else { self.0.checked_add(other.0) };
        sum.map(Delta).ok_or_else(|| wrong("the time between is too long"))
    }

    /// Days, seconds of the day and microseconds; only the days are negative.
    fn parts(&self) -> (i64, i64, i64) {
        let micros = self.0.as_micros();
        let (day, second) = (i128::from(DAY) * 1_000_000, 1_000_000);
        let rest = micros.rem_euclid(day);
        (micros.div_euclid(day) as i64, (rest / second) as i64, (rest % second) as i64)
    }
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        match days {
            0 => {}
            1 | -1 => write!(f, "{days} day, ")?,
            days => write!(f, "{days} days, ")?,
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros == 0 { Ok(()) } else { write!(f, ".{micros:06}") }
    }
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

impl Object for Delta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let (days, seconds, micros) = self.parts();
        match key.as_str()? {
            "days" => Some(Engine::from(days)),
            "seconds" => Some(Engine::from(seconds)),
            "microseconds" => Some(Engine::from(micros)),
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        match method {
            "total_seconds" => from_args::<()>(args).map(|()| Engine::from(self.0.as_secs_f64())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&strtime::format("%Y-%m-%d %H:%M:%S", self.0).map_err(|_| fmt::Error)?)?;
        match self.0.subsec_nanosecond() / 1000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        Some(match key.as_str()? {
            "year" => Engine::from(i64::from(self.0.year())),
            "month" => Engine::from(i64::from(self.0.month())),
            "day" => Engine::from(i64::from(self.0.day())),
            "hour" => Engine::from(i64::from(self.0.hour())),
            "minute" => Engine::from(i64::from(self.0.minute())),
            "second" => Engine::from(i64::from(self.0.second())),
            "microsecond" => Engine::from(i64::from(self.0.subsec_nanosecond() / 1000)),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, state: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        match method {
            "strftime" => {
                let (format,) = from_args::<(&str,)>(args)?;
                self.format(format, &zone(state)?).map(Engine::from)
            }
            "isoformat" => Ok(Engine::from(self.iso())),
            "replace" => self.replaced(args).map(Engine::from_object),
            "date" => self.format("%Y-%m-%d", &TimeZone::UTC).map(Engine::from),
            "weekday" => Ok(Engine::from(i64::from(self.0.weekday().to_monday_zero_offset()))),
            "isoweekday" => Ok(Engine::from(i64::from(self.0.weekday().to_monday_one_offset()))),
            "timestamp" => {
                let zoned = self.0.to_zoned(zone(state)?).map_err(wrong)?;
                Ok(Engine::from(zoned.timestamp().as_nanosecond() as f64 / 1e9))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// `text | to_datetime(format)`.
pub(super) fn to_datetime(text: &str, format: Option<String>) -> Result<Engine, Error> {
    let format = format.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".into());
    let other = |_| wrong(format!("filter 'to_datetime': '{text}' does not match the format '{format}'"));
    let parsed = strtime::parse(&format, text).map_err(other)?;
    let moment = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0))).map_err(other)?;
    Ok(Engine::from_object(Moment(moment)))
}
