//! Tests for task results. They look only at the entries they need, since others may be unknown in a dry run.

use crate::template::data::error_in;
use crate::template::soft::Soft;
use minijinja::value::{Value as Engine, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

pub(super) fn register(env: &mut Environment<'static>) {
    type Test = fn(&Engine) -> Result<bool, Error>;
    let tests: [(&'static [&'static str], Test); 9] = [
        (&["changed", "change"], changed),
        (&["failed", "failure"], |result| holds(result, "failed")),
        (&["succeeded", "success", "successful"], |result| Ok(!holds(result, "failed")?)),
        (&["skipped", "skip"], |result| holds(result, "skipped")),
        (&["unreachable"], |result| holds(result, "unreachable")),
        (&["reachable"], |result| Ok(!holds(result, "unreachable")?)),
        (&["timedout"], |result| Ok(holds(result, "timedout")? && holds(&entry(result, "timedout")?, "period")?)),
        (&["started"], |result| Ok(!has(result, "started")? || holds(result, "started")?)),
        (&["finished"], |result| Ok(!has(result, "finished")? || holds(result, "finished")?)),
    ];
    for (names, test) in tests {
        for name in names {
            env.add_test(*name, move |result: &Engine| match Soft::unwrap(result) {
                Soft::There(result) => test(&result).map_err(|error| not_a_result(name, error)),
                Soft::Missing(_) => Err(Error::from(ErrorKind::UndefinedError)),
            });
        }
    }
}

fn not_a_result(test: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::NonPrimitive => {
            let message = format!("the test '{test}' needs a task's result, a mapping; was it registered?");
            Error::new(ErrorKind::InvalidOperation, message)
        }
        _ => error,
    }
}

fn entry(result: &Engine, key: &str) -> Result<Engine, Error> {
    if result.kind() != ValueKind::Map {
        return Err(Error::from(ErrorKind::NonPrimitive));
    }
    let value = result.get_attr(key)?;
    if value.kind() == ValueKind::Invalid { Err(error_in(&value).into()) } else { Ok(value) }
}

fn has(result: &Engine, key: &str) -> Result<bool, Error> {
    entry(result, key).map(|value| !value.is_undefined())
}

fn holds(result: &Engine, key: &str) -> Result<bool, Error> {
    entry(result, key).map(|value| value.is_true())
}

/// A loop without a `changed` of its own has changed if one of its items has.
fn changed(result: &Engine) -> Result<bool, Error> {
    if has(result, "changed")? {
        return holds(result, "changed");
    }
    let results = entry(result, "results")?;
    if results.kind() != ValueKind::Seq {
        return Ok(false);
    }
    for item in results.try_iter()?.checked() {
        if holds(&item?, "changed")? {
            return Ok(true);
        }
    }
    Ok(false)
}
