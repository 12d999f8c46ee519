//! `map`, `select` and their like, which call other filters and tests for each item.

use super::lazy::{complaint, iterate};
use crate::template::data::error_in;
use minijinja::value::{Kwargs, Value as Engine, ValueKind};
use minijinja::{Error, State};

/// The entry at a dotted path; undefined if any part is missing.
fn attribute(item: &Engine, path: &str) -> Result<Engine, Error> {
    let mut value = item.clone();
    for part in path.split('.') {
        if value.is_undefined() {
            break;
        }
        let number = part.parse::<usize>().ok().filter(|_| value.kind() == ValueKind::Seq);
        value = match number {
            Some(index) => value.get_item_by_index(index)?,
            None => value.get_attr(part)?,
        };
        if value.kind() == ValueKind::Invalid {
            return Err(error_in(&value).into());
        }
    }
    Ok(value)
}

/// `map('filter', args…)` or `map(attribute='path', default=…)`.
pub(super) fn map(state: &mut State, args: &[Engine]) -> Result<Engine, Error> {
    let [input, rest @ ..] = args else { return Err(complaint("map", "needs an input")) };
    let items = iterate(input)?;
    if let Some(named) = rest.first().filter(|first| first.is_kwargs()).cloned() {
        let named = Kwargs::try_from(named)?;
        let (path, default) = (named.get::<Option<Engine>>("attribute")?, named.get::<Option<Engine>>("default")?);
        let path = path.ok_or_else(|| complaint("map", "needs a filter or `attribute=`"))?.to_string();
        let one = |item: Result<Engine, Error>| {
            let value = attribute(&item?, &path)?;
            Ok(if value.is_undefined() { default.clone().unwrap_or(value) } else { value })
        };
        return items.map(one).collect::<Result<Vec<_>, Error>>().map(Engine::from);
    }
    let (name, rest) = rest.split_first().ok_or_else(|| complaint("map", "needs a filter or `attribute=`"))?;
    let name = short(&name.to_string());
    let mut out = Vec::new();
    for item in items {
        let args = [&[item?], rest].concat();
        out.push(state.apply_filter(&name, &args)?);
    }
    Ok(Engine::from(out))
}

/// Filters and tests named by a text may have Ansible's prefix too.
fn short(name: &str) -> String {
    name.strip_prefix("ansible.builtin.").unwrap_or(name).to_owned()
}

/// Keeps the items for which a test (or else truth) gives `wanted`.
pub(super) fn select(state: &mut State, args: &[Engine], wanted: bool) -> Result<Engine, Error> {
    let [input, rest @ ..] = args else { return Err(complaint("select", "needs an input")) };
    keep(state, input, rest, |item| Ok(item.clone()), wanted)
}

/// As [`select`], judging each item by one of its attributes.
pub(super) fn selectattr(state: &mut State, args: &[Engine], wanted: bool) -> Result<Engine, Error> {
    let [input, path, rest @ ..] = args else { return Err(complaint("selectattr", "needs an attribute")) };
    let path = path.to_string();
    keep(state, input, rest, |item| attribute(item, &path), wanted)
}

fn keep(
    state: &mut State,
    input: &Engine,
    test: &[Engine],
    judged: impl Fn(&Engine) -> Result<Engine, Error>,
    wanted: bool,
) -> Result<Engine, Error> {
    let mut kept = Vec::new();
    for item in iterate(input)? {
        let item = item?;
        let value = judged(&item)?;
        let holds = match test.split_first() {
            Some((name, rest)) => state.perform_test(&short(&name.to_string()), &[&[value], rest].concat())?,
            None if value.is_undefined() => return Err(Error::from(minijinja::ErrorKind::UndefinedError)),
            None => value.is_true(),
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    Ok(Engine::from(kept))
}

/// Attributes of an object; the keys of a mapping are none.
pub(super) fn attr(_: &mut State, args: &[Engine]) -> Result<Engine, Error> {
    match args {
        [value, name] if value.kind() != ValueKind::Map => value.get_attr(&name.to_string()),
        _ => Ok(Engine::UNDEFINED),
    }
}
