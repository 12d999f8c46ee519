//! Numbers: conversion, rounding, sizes for people.

use super::compare::number;
use super::{Args, Table};
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("int", "value, default, base", int),
    ("float", "value, default", float),
    ("bool", "value", |args| Ok(Value::Bool(to_bool(args.input())))),
    ("abs", "value", abs),
    ("round", "value, precision, method", round),
    ("log", "x, base", log),
    ("pow", "x, y", |args| Ok(Value::Float(first(args)?.powf(needed(args, "y")?)))),
    ("root", "x, base", root),
    ("human_readable", "size, isbits, unit", human_readable),
    ("human_to_bytes", "size, default_unit, isbits", human_to_bytes),
    ("filesizeformat", "value, binary", filesizeformat),
];

/// Jinja's `int`: 0 (or the default) for what is no number; `base` for texts.
fn int(args: &Args) -> Result<Value, String> {
    let default = args.get(1, "default").cloned().unwrap_or(Value::Int(0));
    let base = args.int(2, "base")?.unwrap_or(10);
    Ok(match args.input() {
        Value::Int(number) => Value::Int(*number),
        Value::Bool(truth) => Value::Int((*truth).into()),
        Value::Float(number) if number.is_finite() => Value::Int(*number as i64),
        Value::String(text) => text_to_int(text, base).map_or(default, Value::Int),
        _ => default,
    })
}

fn text_to_int(text: &str, base: i64) -> Option<i64> {
    let text = text.trim().replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefixes: &[&str] = match base {
        2 => &["0b", "0B"],
        8 => &["0o", "0O"],
        16 => &["0x", "0X"],
        _ => &[],
    };
    let digits = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix)).unwrap_or(digits);
    let radix = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    let whole = i64::from_str_radix(&format!("{sign}{digits}"), radix).ok();
    whole.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number as i64))
}

fn float(args: &Args) -> Result<Value, String> {
    let default = args.get(1, "default").cloned().unwrap_or(Value::Float(0.0));
    Ok(match args.input() {
        Value::String(text) => text.trim().replace('_', "").parse().map_or(default, Value::Float),
        other => number(other).map_or(default, Value::Float),
    })
}

/// Ansible's `bool`: yes, on, true, 1 are true; everything unknown is false.
pub(super) fn to_bool(value: &Value) -> bool {
    match value {
        Value::String(text) => matches!(text.to_lowercase().as_str(), "yes" | "on" | "true" | "1"),
        other => number(other) == Some(1.0),
    }
}

fn abs(args: &Args) -> Result<Value, String> {
    match args.input() {
        Value::Int(number) => Ok(Value::Int(number.saturating_abs())),
        other => Ok(Value::Float(number(other).ok_or("needs a number")?.abs())),
    }
}

/// Halves go to the even neighbour, as in Python.
fn round(args: &Args) -> Result<Value, String> {
    let precision = args.int(1, "precision")?.unwrap_or(0).clamp(-400, 400);
    let method = args.string_or(2, "method", "common");
    let value = first(args)?;
    let factor = 10f64.powi(precision as i32);
    Ok(match (method.as_str(), args.input()) {
        ("common", Value::Int(whole)) if precision >= 0 => Value::Int(*whole),
        ("common", _) if precision >= 0 => {
            Value::Float(format!("{value:.*}", precision as usize).parse().unwrap_or(value))
        }
        ("common", Value::Int(_)) => Value::Int(((value * factor).round_ties_even() / factor) as i64),
        ("common", _) => Value::Float((value * factor).round_ties_even() / factor),
        ("ceil", _) => Value::Float((value * factor).ceil() / factor),
        ("floor", _) => Value::Float((value * factor).floor() / factor),
        (other, _) => return Err(format!("no method '{other}'; there are common, ceil and floor")),
    })
}

fn first(args: &Args) -> Result<f64, String> {
    number(args.input()).ok_or_else(|| format!("needs a number, not {}", args.input().type_name()))
}

fn needed(args: &Args, name: &str) -> Result<f64, String> {
    number(args.need(1, name)?).ok_or_else(|| format!("'{name}' must be a number"))
}

fn log(args: &Args) -> Result<Value, String> {
    let value = first(args)?;
    if value <= 0.0 {
        return Err("math domain error".into());
    }
    Ok(Value::Float(match args.get(1, "base").and_then(number) {
        None => value.ln(),
        Some(10.0) => value.log10(),
        Some(base) => value.ln() / base.ln(),
    }))
}

fn root(args: &Args) -> Result<Value, String> {
    let value = first(args)?;
    Ok(Value::Float(match args.get(1, "base").and_then(number).unwrap_or(2.0) {
        2.0 if value < 0.0 => return Err("root() can only be used on numbers".into()),
        2.0 => value.sqrt(),
        base => value.powf(1.0 / base),
    }))
}

const UNITS: [(char, f64); 8] = [
    ('Y', 1208925819614629174706176.0),
    ('Z', 1180591620717411303424.0),
    ('E', 1152921504606846976.0),
    ('P', 1125899906842624.0),
    ('T', 1099511627776.0),
    ('G', 1073741824.0),
    ('M', 1048576.0),
    ('K', 1024.0),
];

fn human_readable(args: &Args) -> Result<Value, String> {
    let size = first(args)?;
    let bits = args.flag(1, "isbits", false);
    let unit = args.string(2, "unit").and_then(|unit| unit.chars().next()).map(|unit| unit.to_ascii_uppercase());
    let base = if bits { "bits" } else { "Bytes" };
    let found = UNITS.iter().find(|(name, limit)| unit.map_or(size >= *limit, |unit| unit == *name));
    Ok(match found {
        Some((name, limit)) => format!("{:.2} {name}{}", size / limit, if bits { "b" } else { "B" }),
        None => format!("{size:.2} {base}"),
    }
    .into())
}

fn human_to_bytes(args: &Args) -> Result<Value, String> {
    let text = args.text();
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let amount: f64 = text[..digits].parse().map_err(|_| format!("can't interpret '{text}'"))?;
    let unit = match text[digits..].trim() {
        "" => args.string_or(1, "default_unit", ""),
        unit => unit.to_owned(),
    };
    let bits = args.flag(2, "isbits", false);
    let (class, words): (char, &[&str]) =
        if bits { ('b', &["b", "bit", "bits"]) } else { ('B', &["B", "byte", "bytes"]) };
    let Some(letter) = unit.chars().next() else { return Ok(Value::Int(amount.round_ties_even() as i64)) };
    let factor = match UNITS.iter().find(|(name, _)| *name == letter.to_ascii_uppercase()) {
        Some((_, factor)) if unit.len() == 1 || unit.ends_with(class) && unit.len() == 2 => *factor,
        None if words.iter().any(|word| word.eq_ignore_ascii_case(&unit)) => 1.0,
        _ => return Err(format!("can't interpret the unit '{unit}'")),
    };
    Ok(Value::Int((amount * factor).round_ties_even() as i64))
}

fn filesizeformat(args: &Args) -> Result<Value, String> {
    let size = match args.input() {
        Value::String(text) => text.trim().parse().map_err(|_| "needs a number")?,
        _ => first(args)?,
    };
    let binary = args.flag(1, "binary", false);
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let names = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    let binaries = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    if size < base {
        return Ok(if size == 1.0 { "1 Byte".into() } else { format!("{} Bytes", size as i64).into() });
    }
    let power = ((size.ln() / base.ln()) as usize).clamp(1, names.len());
    let name = if binary { binaries } else { names }[power - 1];
    Ok(format!("{:.1} {name}", size / base.powi(power as i32)).into())
}

/// Python's `%e`: at least two digits of exponent.
pub(super) fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}
