//! What stands in one cell: ids, times, durations, amounts. Every function gives `None` for what it cannot read.

use super::super::{ExitCode, Flags, JobState, StepId, TimeLimit};
use crate::model::JobId;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use words::people::Uid;

/// `123`, `123_4`, `123_[5-9%2]`, `12+1`, each with `.batch`, `.0`, `.0+1` for a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Id {
    /// The number before any sign.
    pub job: JobId,
    /// What comes after `_`, brackets taken off.
    pub task: Option<Task>,
    /// What comes after `+`.
    pub offset: Option<u32>,
    /// What comes after `.`, with the component of a heterogeneous step.
    pub step: Option<(StepId, Option<u32>)>,
}

/// A task of an array, or those that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// `_4`
    One(u32),
    /// `_[5-9%2]`
    Waiting(String),
}

/// Reads a job's or step's number.
pub fn job_id(text: &str) -> Option<Id> {
    // A list of tasks may be cut and end in dots.
    let dot = text.rfind(']').map_or_else(|| text.find('.'), |end| text[end..].find('.').map(|at| end + at));
    let (job, step) = match dot {
        Some(at) => (&text[..at], Some(step_id(&text[at + 1..])?)),
        None => (text, None),
    };
    let mut id = Id { step, ..Id::default() };
    if let Some((job, task)) = job.split_once('_') {
        id.job = number(job)?;
        id.task = Some(match task.strip_prefix('[') {
            Some(list) => Task::Waiting(list.strip_suffix(']')?.to_owned()),
            None => Task::One(number(task)?),
        });
    } else if let Some((job, offset)) = job.split_once('+') {
        (id.job, id.offset) = (number(job)?, Some(number(offset)?));
    } else {
        id.job = number(job)?;
    }
    (id.job > JobId(0)).then_some(id)
}

fn step_id(text: &str) -> Option<(StepId, Option<u32>)> {
    let (step, component) = match text.split_once('+') {
        Some((step, component)) => (step, Some(number(component)?)),
        None => (text, None),
    };
    Some((step.parse().ok()?, component))
}

/// Digits only.
pub fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A moment, which in the hour that a clock repeats may be one of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub first: i64,
    /// The other one; the same when there is no doubt.
    pub second: i64,
}

/// `2024-03-04T08:00:00` in the zone, or seconds since 1970; `Some(None)` for `Unknown` and `None`.
pub fn moment(text: &str, zone: &TimeZone) -> Option<Option<Moment>> {
    if matches!(text, "" | "Unknown" | "None") {
        return Some(None);
    }
    if let Some(seconds) = number::<i64>(text) {
        let far = 253_402_300_800; // the year 10000
        return (seconds < far).then_some(Some(Moment { first: seconds, second: seconds }));
    }
    let civil: DateTime = text.parse().ok()?;
    let zoned = zone.to_ambiguous_zoned(civil);
    let second = zoned.clone().later().ok()?.timestamp().as_second();
    let first = if zoned.is_ambiguous() && zone_repeats(zone, civil) {
        zone.to_ambiguous_zoned(civil).earlier().ok()?.timestamp().as_second()
    } else {
        second
    };
    Some(Some(Moment { first, second }))
}

/// Whether the clock shows this time twice (and not never).
fn zone_repeats(zone: &TimeZone, civil: DateTime) -> bool {
    matches!(zone.to_ambiguous_timestamp(civil).offset(), jiff::tz::AmbiguousOffset::Fold { .. })
}

/// `[D-]HH:MM:SS` or `MM:SS.mmm` in microseconds.
pub fn duration(text: &str) -> Option<u64> {
    let (days, clock) = text.split_once('-').map_or(Some((0, text)), |(d, clock)| Some((number::<u64>(d)?, clock)))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut seconds: u64 = 0;
    for part in clock.split(':') {
        if part.is_empty() {
            return None;
        }
        seconds = seconds.checked_mul(60)?.checked_add(number(part)?)?;
    }
    let micros: u64 = match fraction.len() {
        0 => 0,
        1..=6 => number::<u64>(fraction)? * 10u64.pow(6 - fraction.len() as u32),
        _ => return None,
    };
    days.checked_mul(86400)?.checked_add(seconds)?.checked_mul(1_000_000)?.checked_add(micros)
}

/// `9:15`: exit code and signal. Releases before 16.05 wrote negative codes, such as `-2:0` after
/// a node failed; of those wait(2)'s eight bits are kept.
pub fn exit_code(text: &str) -> Option<ExitCode> {
    let (code, signal) = text.split_once(':')?;
    let code = match code.strip_prefix('-') {
        Some(digits) => number::<u8>(digits)?.wrapping_neg(),
        None => number(code)?,
    };
    Some(ExitCode { code, signal: number(signal)? })
}

/// `gpu:2`, `gpu:tesla:2`, `gpu`, as releases before 21.08 list them: name and amount of each, and of each type.
pub fn gres(text: &str) -> Option<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for part in text.split(',').filter(|part| !matches!(*part, "" | "(null)" | "0")) {
        let words: Vec<_> = part.split(':').collect();
        let (name, kind, count) = match words[..] {
            [name] => (name, None, 1),
            [name, count] if number::<u64>(count).is_some() => (name, None, number(count)?),
            [name, kind] => (name, Some(kind), 1),
            [name, kind, count] => (name, Some(kind), number(count)?),
            _ => return None,
        };
        found.push((format!("gres/{name}"), count));
        found.extend(kind.map(|kind| (format!("gres/{name}:{kind}"), count)));
    }
    Some(found)
}

/// `COMPLETED`, `CANCELLED by 1001`.
pub fn state(text: &str) -> Option<(JobState, Option<Uid>)> {
    match text.split_once(" by ") {
        Some((name, by)) => Some((JobState::named(name)?, Some(number(by)?))),
        None => Some((JobState::named(text)?, None)),
    }
}

/// A time limit: `Partition_Limit`, `UNLIMITED`, minutes (`raw`), or a duration.
pub fn limit(text: &str, raw: bool) -> Option<TimeLimit> {
    match text {
        "Partition_Limit" => Some(TimeLimit::Partition),
        "UNLIMITED" => Some(TimeLimit::Unlimited),
        minutes if raw => number(minutes).map(TimeLimit::Minutes),
        clock => u32::try_from(duration(clock)? / 60_000_000).ok().map(TimeLimit::Minutes),
    }
}

/// `SchedMain,StartRecieved` (as Slurm spells it).
pub fn flags(text: &str) -> Option<Flags> {
    let mut flags = 0;
    for word in text.split(',') {
        flags |= match word {
            "" | "None" => 0,
            "SchedNotSet" => 1,
            "SchedSubmit" => Flags::SUBMIT.0,
            "SchedMain" => Flags::MAIN.0,
            "SchedBackfill" => Flags::BACKFILL.0,
            "StartRecieved" | "StartReceived" => Flags::START_RECEIVED.0,
            _ => return None,
        };
    }
    Some(Flags(flags))
}

/// `12`, `1.50G`, `2000M`: an amount in units of `base` (1 for bytes, 1024² for megabytes); without a letter it is in
/// that unit already. A step of the letters is `step` (1024, or 1000 for frequencies and joules).
pub fn amount(text: &str, base: u64, step: u64) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => base,
        "K" => step,
        "M" => step.pow(2),
        "G" => step.pow(3),
        "T" => step.pow(4),
        "P" => step.pow(5),
        _ => return None,
    };
    if let Some(whole) = number::<u64>(digits) {
        return if digits.is_empty() { None } else { Some(whole.checked_mul(scale)? / base) };
    }
    let (whole, fraction) = digits.split_once('.')?;
    let parts = (number::<u64>(whole)?, number::<u64>(fraction)?);
    let scaled = parts.0 as f64 + parts.1 as f64 / 10f64.powi(i32::try_from(fraction.len()).ok()?);
    let value = (scaled * (scale as f64 / base as f64)).round();
    (value < 9e18).then_some(value as u64)
}
