//! The filters and tests of ansible-core 2.19 and Jinja, a file for each family.
//!
//! Most are functions of plain [`Value`]s, listed in a table `FILTERS` or `TESTS` of their file. Those that must not
//! touch all of their input, or take undefined values, work on the engine's values: [`lazy`].

mod args;
mod codec;
pub(super) mod collections;
pub(super) mod compare;
pub(super) mod crypt;
mod draw;
mod lazy;
mod maps;
mod numbers;
pub(super) mod paths;
pub(super) mod regex;
mod results;
mod select;
mod sequences;
mod sets;
pub(super) mod signature;
#[cfg(test)]
mod tests;
mod text;
pub(super) mod time;
mod types;
mod version;
mod yaml;

use super::ControlNode;
use super::data::to_engine;
use super::engine::eval_of;
use super::soft::Soft;
pub(super) use args::Args;
pub(super) use draw::Draw;
use minijinja::value::{Rest, Value as Engine, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use words::value::Value;

/// A filter, test or lookup over plain values; the error is what is wrong with the arguments.
pub(super) type Pure = fn(&Args) -> Result<Value, String>;

/// A table of such functions: the name, what it takes (see [`signature`]), and what it does.
type Table = &'static [(&'static str, &'static str, Pure)];

const FILTERS: [Table; 10] = [
    codec::FILTERS,
    collections::FILTERS,
    maps::FILTERS,
    numbers::FILTERS,
    paths::FILTERS,
    regex::FILTERS,
    sets::FILTERS,
    sequences::FILTERS,
    text::FILTERS,
    yaml::FILTERS,
];

const TESTS: [Table; 5] = [regex::TESTS, sets::TESTS, types::TESTS, version::TESTS, paths::TESTS];

/// A table of functions that also reach the machine that enlist runs on.
type Reaching = &'static [(&'static str, &'static str, fn(&Args, &dyn ControlNode) -> Result<Value, String>)];

const REACHING_FILTERS: [Reaching; 4] =
    [collections::REACHING_FILTERS, crypt::REACHING_FILTERS, paths::REACHING_FILTERS, time::REACHING_FILTERS];

const REACHING_TESTS: [Reaching; 2] = [types::REACHING_TESTS, paths::REACHING_TESTS];

/// Adds all filters and tests.
pub(super) fn register(env: &mut Environment<'static>) {
    for (name, signature, filter) in FILTERS.iter().copied().flatten().copied() {
        let called = format!("filter '{name}'");
        env.add_filter(name, move |args: Rest<ValueOrKwargs>| call(&called, signature, filter, &args.into_values()));
    }
    for (name, signature, test) in TESTS.iter().copied().flatten().copied() {
        let called = format!("test '{name}'");
        env.add_test(name, move |args: Rest<ValueOrKwargs>| {
            strict(&call(&called, signature, test, &args.into_values())?)
        });
    }
    register_reaching(env);
    lazy::register(env);
    results::register(env);
}

fn register_reaching(env: &mut Environment<'static>) {
    for (name, signature, filter) in REACHING_FILTERS.iter().copied().flatten().copied() {
        let called = format!("filter '{name}'");
        env.add_filter(name, move |state: &State, args: Rest<ValueOrKwargs>| {
            let eval = eval_of(state)?;
            call(&called, signature, |args| filter(args, &**eval.control()), &args.into_values())
        });
    }
    for (name, signature, test) in REACHING_TESTS.iter().copied().flatten().copied() {
        let called = format!("test '{name}'");
        env.add_test(name, move |state: &State, args: Rest<ValueOrKwargs>| {
            let eval = eval_of(state)?;
            strict(&call(&called, signature, |args| test(args, &**eval.control()), &args.into_values())?)
        });
    }
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
fn call(
    called: &str,
    signature: &str,
    function: impl FnOnce(&Args) -> Result<Value, String>,
    args: &[Engine],
) -> Result<Engine, Error> {
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
