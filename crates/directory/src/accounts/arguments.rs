//! Arguments of calls, as the roster compiles them.

use host::change::outcome::Failure;
use words::value::{Map, Value};

/// A text.
pub(super) fn text<'a>(args: &'a Map, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

/// A text without which there is no call.
pub(super) fn required<'a>(args: &'a Map, name: &str) -> Result<&'a str, Failure> {
    text(args, name).ok_or_else(|| Failure::new(format!("the call has no `{name}`")))
}

/// A uid or gid.
pub(super) fn id(args: &Map, name: &str) -> Option<u32> {
    args.get(name).and_then(Value::as_int).and_then(|id| u32::try_from(id).ok())
}

/// `yes` or `no`.
pub(super) fn flag(args: &Map, name: &str) -> Option<bool> {
    match args.get(name) {
        Some(Value::Bool(flag)) => Some(*flag),
        _ => None,
    }
}

/// Seconds since 1970 as days, as shadow(5) counts; negative seconds are `Some(None)`: never.
pub(super) fn day(args: &Map, name: &str) -> Option<Option<i64>> {
    match args.get(name) {
        Some(Value::Float(seconds)) if *seconds < 0.0 => Some(None),
        Some(Value::Float(seconds)) => Some(Some((seconds / 86_400.0).floor() as i64)),
        _ => None,
    }
}

/// A list of names, if one is given.
pub(super) fn names<'a>(args: &'a Map, name: &str) -> Option<Vec<&'a str>> {
    Some(args.get(name)?.as_list()?.iter().filter_map(Value::as_str).collect())
}
