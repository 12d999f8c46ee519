//! Python's equality and order.

use std::cmp::Ordering;
use words::value::Value;

/// `a == b`: numbers and booleans compare by value, mappings without regard to order.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

/// Whether a list has an item equal to `item`.
pub(crate) fn holds(list: &[Value], item: &Value) -> bool {
    list.iter().any(|other| same(other, item))
}

/// Integers, fractions and booleans as a number.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}

/// `a < b` and so on; an error for types that Python does not order.
pub(crate) fn order(a: &Value, b: &Value) -> Result<Ordering, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::List(a), Value::List(b)) => {
            for (a, b) in a.iter().zip(b) {
                if !same(a, b) {
                    return order(a, b);
                }
            }
            Ok(a.len().cmp(&b.len()))
        }
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => Ok(a.total_cmp(&b)),
            _ => {
                let (a, b) = (a.type_name(), b.type_name());
                Err(format!("'<' not supported between instances of '{a}' and '{b}'"))
            }
        },
    }
}

/// Sorts in Python's way: stable, and failing if two items have no order.
pub(crate) fn sort_by_key(items: Vec<Value>, key: impl Fn(&Value) -> Value) -> Result<Vec<Value>, String> {
    let mut keyed: Vec<(Value, Value)> = items.into_iter().map(|item| (key(&item), item)).collect();
    let mut failed = None;
    keyed.sort_by(|(a, _), (b, _)| {
        order(a, b).unwrap_or_else(|error| {
            failed = Some(error);
            Ordering::Equal
        })
    });
    failed.map_or_else(|| Ok(keyed.into_iter().map(|(_, item)| item).collect()), Err)
}

/// Lower case for texts, everything else as it is: how Jinja compares without case.
pub(crate) fn fold(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.to_lowercase()),
        other => other.clone(),
    }
}

/// The entry at a dotted path (`a.b.0`), as in `attribute=`.
pub(crate) fn attribute<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::List(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
