//! Dates: `strftime`, `to_datetime`, and the object that `now()` gives.

use super::{Args, Table};
use crate::value::Value;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::{Object, ObjectRepr, Value as Engine, from_args};
use minijinja::{Error, ErrorKind, State};
use std::fmt;
use std::sync::Arc;

pub(super) const FILTERS: Table = &[("strftime", strftime)];

/// `'%Y-%m-%d' | strftime(seconds, utc=false)`.
fn strftime(args: &Args) -> Result<Value, String> {
    let zone = if args.flag(2, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    let moment = match args.get(1, "second") {
        None => Zoned::now(),
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
#[derive(Clone)]
pub(crate) struct Moment(DateTime);

impl Moment {
    /// The current time.
    pub(crate) fn now(utc: bool) -> Moment {
        let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
        Moment(Timestamp::now().to_zoned(zone).datetime())
    }

    pub(crate) fn format(&self, format: &str) -> Result<String, Error> {
        let wrong =
            |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, format!("strftime '{format}': {error}"));
        strtime::format(format, self.0).map_err(wrong)
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

    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        match method {
            "strftime" => from_args::<(&str,)>(args).and_then(|(format,)| self.format(format)).map(Engine::from),
            "isoformat" => Ok(Engine::from(self.to_string().replacen(' ', "T", 1))),
            "date" => self.format("%Y-%m-%d").map(Engine::from),
            "weekday" => Ok(Engine::from(i64::from(self.0.weekday().to_monday_zero_offset()))),
            "isoweekday" => Ok(Engine::from(i64::from(self.0.weekday().to_monday_one_offset()))),
            "timestamp" => {
                let zoned = self.0.to_zoned(TimeZone::system());
                let zoned = zoned.map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
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
pub(super) fn to_datetime(text: String, format: Option<String>) -> Result<Engine, Error> {
    let format = format.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".into());
    let wrong = |_| {
        let message = format!("filter 'to_datetime': '{text}' does not match the format '{format}'");
        Error::new(ErrorKind::InvalidOperation, message)
    };
    let parsed = strtime::parse(&format, &text).map_err(wrong)?;
    let moment = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0))).map_err(wrong)?;
    Ok(Engine::from_object(Moment(moment)))
}
