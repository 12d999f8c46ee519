//! Python's operators where the engine's are another's: [`super::rewrite`] writes calls of these.
//!
//! The engine orders values of all types, and looks for a number in a text. Python takes that for an error, and a
//! playbook that compares `"500"` with `1000` wants to hear of it instead of being answered.

use super::TemplateError;
use super::data::to_value;
use super::filters::compare;
use super::filters::strict;
use super::filters::time::{Delta, Moment};
use minijinja::value::{Rest, Value as Engine, ValueKind};
use minijinja::{Environment, Error};
use std::cmp::Ordering;
use words::value::Value;

/// Adds the functions that take the place of operators.
pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function("_compare", |args: Rest<Engine>| comparison(&args));
    env.add_function("_sum", |args: Rest<Engine>| sum(&args));
    env.add_function("_step", |step: &Engine| match step.as_i64() {
        Some(i64::MIN) => Engine::from(-i64::MAX),
        _ => step.clone(),
    });
    env.add_function("_printed", |value: &Engine| strict(value).and_then(|value| printed(&value)));
}

fn failed(message: impl Into<String>) -> Error {
    TemplateError::failed(message).into()
}

/// What a value is in a text: Python's `str()`, and nothing for none.
pub(super) fn printed(value: &Engine) -> Result<String, Error> {
    if value.is_none() {
        return Ok(String::new());
    }
    match (value.as_str(), value.downcast_object_ref::<Moment>()) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(moment)) => Ok(moment.to_string()),
        (None, None) => Ok(to_value(value)?.to_string()),
    }
}

/// `a < b`, `a in b`, `a < b <= c`: each pair of neighbours must hold.
fn comparison(args: &[Engine]) -> Result<Engine, Error> {
    for (index, sign) in args.iter().enumerate().skip(1).step_by(2) {
        let right = args.get(index + 1).ok_or_else(|| failed("a comparison ends with its sign"))?;
        if !holds(&strict(&args[index - 1])?, &sign.to_string(), &strict(right)?)? {
            return Ok(Engine::from(false));
        }
    }
    Ok(Engine::from(true))
}

fn holds(left: &Engine, sign: &str, right: &Engine) -> Result<bool, Error> {
    match sign {
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|found| !found),
        // What is no number is in no order with any.
        _ => Ok(order(left, sign, right)?.is_some_and(|order| match sign {
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            _ => order != Ordering::Less,
        })),
    }
}

fn order(left: &Engine, sign: &str, right: &Engine) -> Result<Option<Ordering>, Error> {
    if let (Some(left), Some(right)) = (numeric(left), numeric(right)) {
        let is_nan = |value: &Engine| f64::try_from(value.clone()).is_ok_and(f64::is_nan);
        return Ok((!is_nan(&left) && !is_nan(&right)).then(|| left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Some(left.cmp(right)));
    }
    if let (Some(left), Some(right)) = (moment(left), moment(right)) {
        return Ok(Some(left.cmp(right)));
    }
    if let (Some(left), Some(right)) = (delta(left), delta(right)) {
        return Ok(Some(left.cmp(right)));
    }
    if is_list(left) && is_list(right) {
        return compare::order(&to_value(left)?, &to_value(right)?).map(Some).map_err(failed);
    }
    let (left, right) = (type_name(left), type_name(right));
    Err(failed(format!("'{sign}' not supported between instances of '{left}' and '{right}'")))
}

fn numeric(value: &Engine) -> Option<Engine> {
    match value.kind() {
        ValueKind::Number => Some(value.clone()),
        ValueKind::Bool => Some(Engine::from(i64::from(value.is_true()))),
        _ => None,
    }
}

fn moment(value: &Engine) -> Option<&Moment> {
    value.downcast_object_ref()
}

fn delta(value: &Engine) -> Option<&Delta> {
    value.downcast_object_ref()
}

fn is_list(value: &Engine) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// Python's name of a value's type.
fn type_name(value: &Engine) -> &'static str {
    match value.kind() {
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        _ if moment(value).is_some() => "datetime",
        _ if delta(value).is_some() => "timedelta",
        _ => "object",
    }
}

fn contains(container: &Engine, item: &Engine) -> Result<bool, Error> {
    if let Some(text) = container.as_str() {
        let Some(part) = item.as_str() else {
            let name = type_name(item);
            return Err(failed(format!("'in <string>' requires string as left operand, not {name}")));
        };
        return Ok(text.contains(part));
    }
    if container.kind() == ValueKind::Map {
        return Ok(container.as_object().is_some_and(|map| map.get_value(item).is_some()));
    }
    if !is_list(container) {
        return Err(failed(format!("argument of type '{}' is not iterable", type_name(container))));
    }
    for other in container.try_iter()?.checked() {
        if other? == *item {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `a - b + c`, where some may be dates.
fn sum(args: &[Engine]) -> Result<Engine, Error> {
    let mut total = strict(args.first().unwrap_or(&Engine::UNDEFINED))?;
    for (index, sign) in args.iter().enumerate().skip(1).step_by(2) {
        let right = strict(args.get(index + 1).unwrap_or(&Engine::UNDEFINED))?;
        total = add(&total, sign.as_str() == Some("-"), &right)?;
    }
    Ok(total)
}

fn add(left: &Engine, subtract: bool, right: &Engine) -> Result<Engine, Error> {
    let found = match (moment(left), delta(left), moment(right), delta(right)) {
        (Some(a), _, Some(b), _) if subtract => Some(Engine::from_object(a.since(b))),
        (Some(a), _, _, Some(b)) => Some(Engine::from_object(a.moved(b, subtract)?)),
        (_, Some(a), Some(b), _) if !subtract => Some(Engine::from_object(b.moved(a, false)?)),
        (_, Some(a), _, Some(b)) => Some(Engine::from_object(a.plus(b, subtract)?)),
        _ => plain_sum(left, subtract, right)?,
    };
    found.ok_or_else(|| {
        let (sign, left, right) = (if subtract { '-' } else { '+' }, type_name(left), type_name(right));
        failed(format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'"))
    })
}

/// Numbers, texts and lists, as the engine adds them.
fn plain_sum(left: &Engine, subtract: bool, right: &Engine) -> Result<Option<Engine>, Error> {
    if let (Some(a), Some(b)) = (numeric(left), numeric(right)) {
        let whole = |value: &Engine| value.as_i64().filter(|_| value.is_integer());
        if let (Some(a), Some(b)) = (whole(&a), whole(&b))
            && let Some(total) = if subtract { a.checked_sub(b) } else { a.checked_add(b) }
        {
            return Ok(Some(Engine::from(total)));
        }
        let (a, b) = (f64::try_from(a)?, f64::try_from(b)?);
        return Ok(Some(Engine::from(if subtract { a - b } else { a + b })));
    }
    match (to_value(left)?, to_value(right)?) {
        (Value::String(a), Value::String(b)) if !subtract => Ok(Some(Engine::from(a + &b))),
        (Value::List(a), Value::List(b)) if !subtract => Ok(Some(super::data::to_engine(Value::List([a, b].concat())))),
        _ => Ok(None),
    }
}
