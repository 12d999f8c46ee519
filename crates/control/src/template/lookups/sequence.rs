//! `lookup('sequence')`: numbers, as texts.

use super::check_options;
use crate::template::filters::{self, Args};
use words::value::{Map, Value};

/// `start=1 end=5 stride=2 count=3 format=web%02d`, as one text or as named arguments, or `1-5/2:format`.
pub(super) fn sequence(args: &Args) -> Result<Vec<Value>, String> {
    let mut settings: Map = args.named().clone();
    for term in args.all() {
        let text = term.to_string();
        if !text.contains('=') {
            shorthand(&text, &mut settings)?;
        }
        for (key, value) in text.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            settings.insert(key.to_owned(), value.into());
        }
    }
    check_options("sequence", &settings)?;
    let number = |name: &str| settings.get(name).map(|value| whole(&value.to_string())).transpose();
    let (start, stride) = (number("start")?.unwrap_or(1), number("stride")?.unwrap_or(1));
    let numbers = match (number("end")?, number("count")?) {
        (Some(end), None) => up_to(start, end, stride)?,
        (None, Some(count)) => counted(start, count, stride)?,
        _ => return Err("give either end or count".into()),
    };
    let format = settings.get("format").map_or("%d".to_owned(), Value::to_string);
    let one = |number| filters::call_filter("format", &[format.as_str().into(), Value::Int(number)]);
    let made = numbers.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(made.into_iter().flatten().collect())
}

/// The most numbers that a sequence makes.
const MAX_SEQUENCE: i128 = 1_000_000;

/// From `start` up or down to `end`; none for a stride of 0.
fn up_to(start: i64, end: i64, stride: i64) -> Result<Vec<i64>, String> {
    if stride > 0 && end < start {
        return Err("to count backwards make stride negative".into());
    }
    if stride < 0 && end > start {
        return Err("to count forward don't make stride negative".into());
    }
    if stride == 0 {
        return Ok(Vec::new());
    }
    let span = i128::from(end) - i128::from(start);
    steps(start, span / i128::from(stride) + 1, stride)
}

fn counted(start: i64, count: i64, stride: i64) -> Result<Vec<i64>, String> {
    if count < 0 {
        return Err("count must not be negative".into());
    }
    steps(start, if stride == 0 { 0 } else { count.into() }, stride)
}

fn steps(start: i64, count: i128, stride: i64) -> Result<Vec<i64>, String> {
    if count > MAX_SEQUENCE {
        return Err("more than a million numbers".into());
    }
    let number = |index| i64::try_from(i128::from(start) + index * i128::from(stride));
    (0..count).map(|index| number(index).map_err(|_| "the numbers are too large".into())).collect()
}

fn shorthand(text: &str, settings: &mut Map) -> Result<(), String> {
    let (range, format) = text.split_once(':').map_or((text, None), |(range, format)| (range, Some(format)));
    let (range, stride) = range.split_once('/').map_or((range, None), |(range, stride)| (range, Some(stride)));
    let (start, end) = match range.find('-').filter(|at| *at > 0) {
        Some(at) => (Some(&range[..at]), &range[at + 1..]),
        None => (None, range),
    };
    whole(end)?;
    for (name, value) in [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)] {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value.into());
        }
    }
    Ok(())
}

/// Decimal, or with `0x`, `0o` or a leading zero.
fn whole(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text.trim_start_matches(['0', 'o']), 8),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("'{text}' is no integer"))
}
