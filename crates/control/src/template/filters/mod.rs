//! The filters and tests of ansible-core 2.19 and Jinja, a file for each family.
//!
//! Most are functions of plain [`Value`]s, listed in a table `FILTERS` or `TESTS` of their file. Those that must not
//! touch all of their input, or take undefined values, work on the engine's values: [`lazy`].

mod args;
mod codec;
mod collections;
pub(super) mod compare;
pub(super) mod crypt;
mod draw;
mod lazy;
mod maps;
mod numbers;
#[cfg(test)]
mod odd;
pub(super) mod paths;
pub(super) mod regex;
mod results;
mod select;
mod sequences;
mod sets;
pub(super) mod signature;
mod text;
pub(super) mod time;
mod types;
mod version;
mod yaml;

use super::data::to_engine;
use super::soft::Soft;
pub(super) use args::Args;
pub(super) use draw::Draw;
use minijinja::value::{Rest, Value as Engine, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind};
use words::value::Value;

/// A filter, test or lookup over plain values; the error is what is wrong with the arguments.
pub(super) type Pure = fn(&Args) -> Result<Value, String>;

/// A table of such functions: the name, what it takes (see [`signature`]), and what it does.
type Table = &'static [(&'static str, &'static str, Pure)];

const FILTERS: [Table; 12] = [
    codec::FILTERS,
    collections::FILTERS,
    crypt::FILTERS,
    maps::FILTERS,
    numbers::FILTERS,
    paths::FILTERS,
    regex::FILTERS,
    sets::FILTERS,
    sequences::FILTERS,
    text::FILTERS,
    time::FILTERS,
    yaml::FILTERS,
];

const TESTS: [Table; 5] = [regex::TESTS, sets::TESTS, types::TESTS, version::TESTS, paths::TESTS];

/// Adds all filters and tests.
pub(super) fn register(env: &mut Environment<'static>) {
    for (name, signature, filter) in FILTERS.iter().copied().flatten().copied() {
        let called = format!("filter '{name}'");
        env.add_filter(name, move |args: Rest<ValueOrKwargs>| pure(&called, signature, filter, &args.into_values()));
    }
    for (name, signature, test) in TESTS.iter().copied().flatten().copied() {
        let called = format!("test '{name}'");
        env.add_test(name, move |args: Rest<ValueOrKwargs>| {
            strict(&pure(&called, signature, test, &args.into_values())?)
        });
    }
    lazy::register(env);
    results::register(env);
}

/// The value where none may be missing, as in the result of a test and at an operator.
pub(super) fn strict(value: &Engine) -> Result<Engine, Error> {
    match Soft::unwrap(value) {
        Soft::There(value) => Ok(value),
        Soft::Missing(error) => Err(match error {
            super::TemplateError::Undefined { via, .. } if via.is_empty() => Error::from(ErrorKind::UndefinedError),
            error => error.into(),
        }),
    }
}

/// Calls a function of plain values; a missing argument is the result, as in Ansible.
fn pure(called: &str, signature: &str, function: Pure, args: &[Engine]) -> Result<Engine, Error> {
    for (index, arg) in args.iter().enumerate() {
        if let missing @ Soft::Missing(_) = Soft::unwrap(arg) {
            let soft = index == 0 && arg.downcast_object_ref::<Soft>().is_some();
            return Ok(if soft { missing.engine() } else { missing.hard() });
        }
    }
    let mut args = Args::from_engine(args)?;
    match args.settle(signature).and_then(|()| function(&args)) {
        Ok(value) => Ok(to_engine(value)),
        Err(message) => Err(Error::new(ErrorKind::InvalidOperation, format!("{called}: {message}"))),
    }
}

/// Calls a filter by name, for lookups that are filters in other clothes; the result's items.
pub(super) fn call_filter(name: &str, args: &[Value]) -> Result<Vec<Value>, String> {
    let (.., filter) = FILTERS.iter().copied().flatten().find(|(known, ..)| *known == name).ok_or("no such filter")?;
    Ok(match filter(&Args::of(args.to_vec()))? {
        Value::List(items) => items,
        other => vec![other],
    })
}

/// Lists in lists, opened `levels` deep (all, if `None`); nulls are kept out.
pub(super) fn flatten(items: Vec<Value>, levels: Option<i64>, out: &mut Vec<Value>) {
    collections::flatten_into(items, levels, true, out);
}
