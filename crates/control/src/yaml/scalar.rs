//! What a plain (unquoted) scalar means: YAML 1.1's types, read as PyYAML reads them.

use words::value::Value;

/// The value of a plain scalar. Dates, and integers beyond 64 bits, stay text.
pub fn resolve(text: &str) -> Value {
    null(text)
        .or_else(|| boolean(text).map(Value::Bool))
        .or_else(|| int(text).map(Value::Int))
        .or_else(|| float(text).map(Value::Float))
        .unwrap_or_else(|| Value::from(text))
}

/// The value under one of YAML's own tags (`int` for `!!int`); `None` if the text or the tag does not fit.
pub fn tagged(tag: &str, text: &str) -> Option<Value> {
    match tag {
        "str" | "timestamp" => Some(Value::from(text)),
        "int" => int(text).map(Value::Int),
        "float" => float(text).or_else(|| int(text).map(|number| number as f64)).map(Value::Float),
        "bool" => boolean(text).map(Value::Bool),
        "null" => Some(Value::Null),
        _ => None,
    }
}

fn null(text: &str) -> Option<Value> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Value::Null)
}

/// `y` and `n` are not in the list: PyYAML leaves them as text.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Decimal, `0x`, `0b`, octal with a leading zero, and base 60 (`12:30:45`); underscores anywhere after the first digit.
fn int(text: &str) -> Option<i64> {
    let (negative, digits) = sign(text);
    let number = if let Some(digits) = digits.strip_prefix("0b") {
        radix(digits, 2)
    } else if let Some(digits) = digits.strip_prefix("0x") {
        radix(digits, 16)
    } else if let Some((first, rest)) = digits.split_once(':') {
        if digits.starts_with('0') { None } else { base60(decimal(first)?, rest) }
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(&digits[1..], 8)
    } else {
        decimal(digits)
    }?;
    Some(if negative { -number } else { number })
}

/// A point is needed, and a sign in the exponent: `1e3` is text, `1.0e+3` a number.
fn float(text: &str) -> Option<f64> {
    let (negative, unsigned) = sign(text);
    let number = match unsigned {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => f64::NAN,
        _ if unsigned.starts_with('.') && unsigned.len() < text.len() => return None,
        _ => match unsigned.rsplit_once(':') {
            Some((minutes, seconds)) => base60_float(minutes, seconds)?,
            None => point(unsigned)?,
        },
    };
    Some(if negative { -number } else { number })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits of `base` and underscores.
fn radix(digits: &str, base: u32) -> Option<i64> {
    let all = digits.chars().all(|c| c == '_' || c.is_digit(base));
    let plain = digits.replace('_', "");
    // `0_` is octal without digits, which is zero.
    if plain.is_empty() && base == 8 && !digits.is_empty() {
        return Some(0);
    }
    all.then(|| i64::from_str_radix(&plain, base).ok()).flatten()
}

fn decimal(digits: &str) -> Option<i64> {
    if digits.starts_with(|c: char| c.is_ascii_digit()) { radix(digits, 10) } else { None }
}

/// One or two digits below 60.
fn sixtieth(part: &str) -> Option<i64> {
    let fits = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    fits.then(|| part.parse().ok()).flatten()
}

fn base60(first: i64, rest: &str) -> Option<i64> {
    rest.split(':').try_fold(first, |sum, part| sum.checked_mul(60)?.checked_add(sixtieth(part)?))
}

/// `1:30.5`: the last part has the point.
fn base60_float(minutes: &str, seconds: &str) -> Option<f64> {
    let (whole, fraction) = seconds.split_once('.')?;
    let (first, rest) = minutes.split_once(':').unwrap_or((minutes, ""));
    let minutes = if rest.is_empty() { decimal(first)? } else { base60(decimal(first)?, rest)? };
    Some(minutes as f64 * 60.0 + sixtieth(whole)? as f64 + point(&format!("0.{fraction}"))?)
}

/// `1.5`, `1.`, `.5`, each with an optional `e+3`.
fn point(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |part: &str| part.chars().all(|c| c == '_' || c.is_ascii_digit());
    let leading = if whole.is_empty() { fraction } else { whole };
    let exponent_fits = exponent.is_none_or(|e| {
        e.strip_prefix(['+', '-']).is_some_and(|d| !d.is_empty() && d.chars().all(|c| c.is_ascii_digit()))
    });
    let fits = leading.starts_with(|c: char| c.is_ascii_digit()) && digits(whole) && digits(fraction) && exponent_fits;
    fits.then(|| text.replace('_', "").parse().ok()).flatten()
}
