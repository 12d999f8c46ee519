//! Lists as sets. The order is that of first occurrence; Python's is arbitrary.

use super::args::items;
use super::compare::{holds, same};
use super::{Args, Table};
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("union", "a, b", |args| sets(args).map(|(a, b)| distinct(a.into_iter().chain(b)))),
    ("intersect", "a, b", |args| sets(args).map(|(a, b)| distinct(a.into_iter().filter(|item| holds(&b, item))))),
    ("difference", "a, b", |args| sets(args).map(|(a, b)| distinct(a.into_iter().filter(|item| !holds(&b, item))))),
    ("symmetric_difference", "a, b", symmetric_difference),
];

pub(super) const TESTS: Table = &[
    ("subset", "a, b", |args| within(args, false)),
    ("issubset", "a, b", |args| within(args, false)),
    ("superset", "a, b", |args| within(args, true)),
    ("issuperset", "a, b", |args| within(args, true)),
    ("contains", "seq, value", contains),
    ("in", "value, seq", |args| contained(args.need(1, "seq")?, args.input())),
    ("any", "value", |args| Ok(args.items()?.iter().any(Value::is_truthy).into())),
    ("all", "value", |args| Ok(args.items()?.iter().all(Value::is_truthy).into())),
];

fn sets(args: &Args) -> Result<(Vec<Value>, Vec<Value>), String> {
    Ok((args.items()?, items(args.need(1, "b")?)?))
}

fn distinct(values: impl Iterator<Item = Value>) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for value in values {
        if !kept.iter().any(|other| same(other, &value)) {
            kept.push(value);
        }
    }
    Value::List(kept)
}

fn symmetric_difference(args: &Args) -> Result<Value, String> {
    let (a, b) = sets(args)?;
    let only_a = a.iter().filter(|item| !holds(&b, item));
    let only_b = b.iter().filter(|item| !holds(&a, item));
    Ok(distinct(only_a.chain(only_b).cloned()))
}

fn within(args: &Args, turned: bool) -> Result<Value, String> {
    let (a, b) = sets(args)?;
    let (small, large) = if turned { (b, a) } else { (a, b) };
    Ok(small.iter().all(|item| holds(&large, item)).into())
}

fn contains(args: &Args) -> Result<Value, String> {
    contained(args.input(), args.all().get(1).unwrap_or(&Value::Null))
}

fn contained(container: &Value, item: &Value) -> Result<Value, String> {
    match (container, item) {
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str()).into()),
        (Value::String(_), other) => {
            Err(format!("'in <string>' requires string as left operand, not {}", other.type_name()))
        }
        (container, item) => Ok(holds(&items(container)?, item).into()),
    }
}
