//! Reading and writing the values of keys.

use super::Level;
pub use scheduling::lines::{number, quote};
use slurm::settings::words::{self as vocabulary, Word, Words};
use std::path::PathBuf;
use std::time::Duration;
use words::text::duration;
use words::text::tres as names;

/// What a value is read into; the error says what would be right.
pub type Read<T> = Result<T, String>;

/// Splits the value, quoted or up to the next blank, from the rest of its line; `None` without a closing quote.
pub fn split(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"'),
        None => Some(text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))),
    }
}

/// `yes` or `no`, also `true`, `1`, `up`.
pub fn boolean(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "up" | "1" => Ok(true),
        "no" | "false" | "down" | "0" => Ok(false),
        _ => Err("yes or no is needed".into()),
    }
}

/// As [`boolean`] reads it.
pub fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.into()
}

/// A comma list of words. As in Slurm, those that are not known are passed over; `warnings` names them.
pub fn list<W: Word>(warnings: &mut Vec<String>, text: &str) -> Words<W> {
    let (found, unknown) = Words::search(text);
    let known = vocabulary::names::<W>().join(", ");
    warnings.extend(unknown.iter().map(|word| format!("`{word}` is passed over; it is none of {known}")));
    found
}

/// One known word.
pub fn one<W: Word>(text: &str) -> Read<W> {
    vocabulary::one(text).ok_or_else(|| format!("one of {} is needed", vocabulary::names::<W>().join(", ")))
}

/// Seconds of a time such as `7-0`; a number is minutes; `None` for `unlimited`.
pub fn time(text: &str) -> Read<Option<u64>> {
    if ["unlimited", "infinite", "-1"].iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(None);
    }
    let seconds = duration::parse_seconds(text).filter(|seconds| *seconds <= 100 * 366 * 86_400);
    seconds.map(Some).ok_or_else(|| "a time is needed: minutes, hours:minutes:seconds, days-hours or unlimited".into())
}

/// As [`time`] reads it.
pub fn write_time(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "unlimited".into(), duration::format_seconds)
}

/// Whole seconds, at least one.
pub fn seconds(text: &str, most: u64) -> Read<Duration> {
    number(text, 1, most).map(Duration::from_secs)
}

/// An absolute path.
pub fn absolute(text: &str) -> Read<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("an absolute path is needed".into()) }
}

/// A name of a user, cluster or QOS.
pub fn name(text: &str) -> Read<String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let good = !text.is_empty() && text.len() <= 64 && !text.starts_with('-') && text.chars().all(fits);
    if good { Ok(text.to_owned()) } else { Err("a name of letters, digits, _, - and . is needed".into()) }
}

/// Names of TRES.
pub fn tres(text: &str) -> Read<Vec<String>> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    match names.iter().find(|name| !is_tres(name)) {
        Some(bad) => Err(format!("`{bad}` is no TRES: write type/name, such as gres/gpu or license/matlab")),
        None => Ok(names),
    }
}

fn is_tres(name: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'))
    };
    match name.split_once('/') {
        Some((kind, rest)) => fits(kind) && fits(rest),
        None => names::PLAIN.contains(&name),
    }
}

/// `cpu=1000,gres/gpu=-2.5`; `none` for no weights.
pub fn tres_weights(text: &str) -> Read<Vec<(String, f64)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
    let read = |part: &str| {
        let (name, weight) = part.split_once('=')?;
        let (name, weight) = (name.trim().to_ascii_lowercase(), weight.trim().parse::<f64>().ok()?);
        (is_tres(&name) && weight.is_finite()).then_some((name, weight))
    };
    parts.map(|part| read(part).ok_or_else(|| format!("`{part}` is no TRES=WEIGHT"))).collect()
}

/// As [`tres_weights`] reads it.
pub fn write_weights(weights: &[(String, f64)]) -> String {
    match weights.iter().map(|(name, weight)| format!("{name}={weight}")).collect::<Vec<_>>() {
        none if none.is_empty() => "none".into(),
        some => some.join(","),
    }
}

const LEVELS: &[(&str, Level)] = &[
    ("quiet", Level::Quiet),
    ("error", Level::Error),
    ("info", Level::Info),
    ("verbose", Level::Verbose),
    ("debug", Level::Debug),
    ("debug2", Level::Debug),
    ("fatal", Level::Error),
    ("debug3", Level::Debug),
    ("debug4", Level::Debug),
    ("debug5", Level::Debug),
];

/// A log level, by name or by Slurm's number.
pub fn level(text: &str) -> Read<Level> {
    const BY_NUMBER: [&str; 10] =
        ["quiet", "fatal", "error", "info", "verbose", "debug", "debug2", "debug3", "debug4", "debug5"];
    let name = text.parse().ok().and_then(|number: usize| BY_NUMBER.get(number).copied()).unwrap_or(text);
    let found = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level).ok_or_else(|| "one of quiet, error, info, verbose, debug is needed".into())
}

/// As [`level`] reads it.
pub fn write_level(level: Level) -> String {
    LEVELS.iter().find(|(_, known)| *known == level).map_or("info", |(name, _)| name).into()
}
