//! Tests for the kind of a value, and comparisons.

use super::compare::{number, order, same};
use super::{Args, Reaching, Table};
use crate::template::ControlNode;
use std::cmp::Ordering;
use std::path::Path;
use words::value::Value;

pub(super) const TESTS: Table = &[
    ("string", "value", |args| Ok(matches!(args.input(), Value::String(_)).into())),
    ("number", "value", |args| Ok(number(args.input()).is_some().into())),
    ("integer", "value", |args| Ok(matches!(args.input(), Value::Int(_)).into())),
    ("float", "value", |args| Ok(matches!(args.input(), Value::Float(_)).into())),
    ("boolean", "value", |args| Ok(matches!(args.input(), Value::Bool(_)).into())),
    ("mapping", "value", |args| Ok(matches!(args.input(), Value::Map(_)).into())),
    ("sequence", "value", |args| Ok(matches!(args.input(), Value::List(_) | Value::Map(_) | Value::String(_)).into())),
    ("iterable", "value", |args| Ok(matches!(args.input(), Value::List(_) | Value::Map(_) | Value::String(_)).into())),
    ("none", "value", |args| Ok((*args.input() == Value::Null).into())),
    ("true", "value", |args| Ok((*args.input() == Value::Bool(true)).into())),
    ("false", "value", |args| Ok((*args.input() == Value::Bool(false)).into())),
    ("callable", "value", |_| Ok(false.into())),
    ("sameas", "value, other", |args| Ok((args.input() == second(args)).into())),
    ("eq", "a, b", |args| Ok(same(args.input(), second(args)).into())),
    ("equalto", "a, b", |args| Ok(same(args.input(), second(args)).into())),
    ("==", "a, b", |args| Ok(same(args.input(), second(args)).into())),
    ("ne", "a, b", |args| Ok((!same(args.input(), second(args))).into())),
    ("!=", "a, b", |args| Ok((!same(args.input(), second(args))).into())),
    ("lt", "a, b", |args| ordered(args, |found| found == Ordering::Less)),
    ("lessthan", "a, b", |args| ordered(args, |found| found == Ordering::Less)),
    ("<", "a, b", |args| ordered(args, |found| found == Ordering::Less)),
    ("le", "a, b", |args| ordered(args, |found| found != Ordering::Greater)),
    ("<=", "a, b", |args| ordered(args, |found| found != Ordering::Greater)),
    ("gt", "a, b", |args| ordered(args, |found| found == Ordering::Greater)),
    ("greaterthan", "a, b", |args| ordered(args, |found| found == Ordering::Greater)),
    (">", "a, b", |args| ordered(args, |found| found == Ordering::Greater)),
    ("ge", "a, b", |args| ordered(args, |found| found != Ordering::Less)),
    (">=", "a, b", |args| ordered(args, |found| found != Ordering::Less)),
    ("even", "value", |args| Ok((remainder(args, 2)? == 0).into())),
    ("odd", "value", |args| Ok((remainder(args, 2)? == 1).into())),
    ("divisibleby", "value, num", |args| {
        Ok((remainder(args, args.int(1, "num")?.ok_or("the number is missing")?)? == 0).into())
    }),
    ("lower", "value", |args| Ok(cased(&args.text(), char::is_uppercase).into())),
    ("upper", "value", |args| Ok(cased(&args.text(), char::is_lowercase).into())),
    ("nan", "value", |args| Ok(number(args.input()).is_some_and(f64::is_nan).into())),
    ("isnan", "value", |args| Ok(number(args.input()).is_some_and(f64::is_nan).into())),
    ("truthy", "value, convert_bool", |args| Ok(truthy(args).into())),
    ("falsy", "value, convert_bool", |args| Ok((!truthy(args)).into())),
    ("uri", "value", |args| Ok(has_scheme(&args.text()).into())),
    ("url", "value", |args| Ok((has_scheme(&args.text()) && args.text().contains("://")).into())),
    ("urn", "value", |args| Ok(args.text().to_lowercase().starts_with("urn:").into())),
    ("vault_encrypted", "value", |args| Ok(args.text().starts_with("$ANSIBLE_VAULT;").into())),
];

pub(super) const REACHING_TESTS: Reaching = &[("vaulted_file", "value", vaulted_file)];

fn second(args: &Args) -> &Value {
    args.all().get(1).unwrap_or(&Value::Null)
}

fn ordered(args: &Args, wanted: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(wanted(order(args.input(), second(args))?).into())
}

fn remainder(args: &Args, divisor: i64) -> Result<i64, String> {
    let Value::Int(number) = args.input() else {
        return Err(format!("needs an integer, not {}", args.input().type_name()));
    };
    number.checked_rem_euclid(divisor).ok_or_else(|| "division by zero".into())
}

/// At least one letter with case, and none of the other case.
fn cased(text: &str, other: fn(char) -> bool) -> bool {
    !text.chars().any(other) && text.chars().any(|c| c.is_lowercase() || c.is_uppercase())
}

/// Python's truth; with `convert_bool`, "no" and its like are false.
fn truthy(args: &Args) -> bool {
    match args.input() {
        Value::String(text) if args.flag(1, "convert_bool", false) => {
            !matches!(text.to_lowercase().as_str(), "n" | "no" | "off" | "false" | "0" | "f" | "0.0" | "")
        }
        other => other.is_truthy(),
    }
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

fn vaulted_file(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let path = args.text();
    let bytes = control.read(Path::new(&path)).map_err(|error| format!("{path}: {error}"))?;
    Ok(bytes.starts_with(b"$ANSIBLE_VAULT;").into())
}
