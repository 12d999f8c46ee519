//! Global functions: `lookup`, `query`, `now`, `range`, `undef` and Jinja's little helpers.

use super::TemplateError;
use super::engine::eval_of;
use super::filters::Args;
use super::filters::time::Moment;
use super::lookups;
use minijinja::value::{Object, ObjectRepr, Rest, Value as Engine, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use words::value::Value;

/// The longest list that `range` makes.
const MAX_RANGE: i128 = 1_000_000;

/// Adds all functions.
pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function("lookup", |state: &State, args: Rest<ValueOrKwargs>| lookup(state, args, false));
    env.add_function("query", |state: &State, args: Rest<ValueOrKwargs>| lookup(state, args, true));
    env.add_function("q", |state: &State, args: Rest<ValueOrKwargs>| lookup(state, args, true));
    env.add_function("dict", super::methods::dict);
    env.add_function("_mutable", super::methods::mutable);
    env.add_function("now", now);
    env.add_function("range", range);
    env.add_function("undef", undef);
    env.add_function("cycler", |items: Rest<Engine>| {
        Engine::from_object(Cycler { items: items.0, at: AtomicUsize::new(0) })
    });
    env.add_function("joiner", |separator: Option<String>| {
        Engine::from_object(Joiner { separator: separator.unwrap_or_else(|| ", ".into()), used: AtomicUsize::new(0) })
    });
}

/// `lookup` joins several texts with commas and yields a single result itself; `query` and `wantlist` yield the list.
fn lookup(state: &State, args: Rest<ValueOrKwargs>, list: bool) -> Result<Engine, Error> {
    let mut args = args.into_values();
    if args.is_empty() {
        return Err(Error::new(ErrorKind::MissingArgument, "a lookup needs a name"));
    }
    let name = args.remove(0).to_string();
    if let Some(undefined) = args.iter().find(|arg| arg.is_undefined()).filter(|_| name != "first_found") {
        return Ok(undefined.clone());
    }
    args.retain(|arg| !arg.is_undefined());
    let args = Args::from_engine(&args)?;
    let wants_list = list || args.flag(usize::MAX, "wantlist", false);
    let eval = eval_of(state)?;
    match lookups::run(&name, &args, &eval) {
        Ok(found) if wants_list => Ok(super::data::to_engine(Value::List(found))),
        Ok(found) => Ok(super::data::to_engine(joined(found))),
        Err(error @ TemplateError::Unknown { .. }) => Err(error.into()),
        Err(error) => match args.string_or(usize::MAX, "errors", "strict").as_str() {
            "ignore" | "warn" if wants_list => Ok(super::data::to_engine(Value::List(Vec::new()))),
            "ignore" | "warn" => Ok(Engine::from(())),
            _ => Err(error.into()),
        },
    }
}

fn joined(mut found: Vec<Value>) -> Value {
    match found.len() {
        1 => found.remove(0),
        0 => Value::List(found),
        _ if found.iter().all(|item| matches!(item, Value::String(_))) => {
            found.iter().map(Value::to_string).collect::<Vec<_>>().join(",").into()
        }
        _ => Value::List(found),
    }
}

/// `now(utc=false, fmt=none)`.
fn now(state: &State, args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = Args::from_engine(&args.into_values())?;
    let now = eval_of(state)?.control().now();
    let moment = Moment::of(&now, args.flag(0, "utc", false));
    match args.string(1, "fmt") {
        Some(format) => moment.format(&format, now.time_zone()).map(Engine::from),
        None => Ok(Engine::from_object(moment)),
    }
}

/// Python's `range`, as a list.
fn range(start: i64, stop: Option<i64>, step: Option<i64>) -> Result<Engine, Error> {
    let (start, stop) = stop.map_or((0, start), |stop| (start, stop));
    let step = step.unwrap_or(1);
    let wrong = |message: &'static str| Error::new(ErrorKind::InvalidOperation, message);
    if step == 0 {
        return Err(wrong("range: the step must not be zero"));
    }
    let (from, to) = if step > 0 { (start, stop) } else { (stop, start) };
    let span = i128::from(to) - i128::from(from);
    let count = if span <= 0 { 0 } else { (span - 1) / i128::from(step).abs() + 1 };
    if count > MAX_RANGE {
        return Err(wrong("range: more than a million numbers"));
    }
    Ok(Engine::from((0..count as i64).map(|index| start + index * step).collect::<Vec<_>>()))
}

/// A value that must be overridden.
fn undef(hint: Option<String>) -> Result<Engine, Error> {
    let hint = hint.unwrap_or_else(|| "mandatory variable has not been overridden".into());
    Ok(super::data::invalid(TemplateError::undefined("undef()", Some(hint))))
}

/// Jinja's `cycler('a', 'b')`.
#[derive(Debug)]
struct Cycler {
    items: Vec<Engine>,
    at: AtomicUsize,
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let at = self.at.load(Ordering::Relaxed);
        (key.as_str() == Some("current"))
            .then(|| self.items.get(at % self.items.len().max(1)).cloned().unwrap_or_default())
    }
    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, _: &[Engine]) -> Result<Engine, Error> {
        match method {
            "next" => {
                let at = self.at.fetch_add(1, Ordering::Relaxed);
                Ok(self.items.get(at % self.items.len().max(1)).cloned().unwrap_or_default())
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Engine::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Jinja's `joiner(', ')`: nothing at the first call, then the separator.
#[derive(Debug)]
struct Joiner {
    separator: String,
    used: AtomicUsize,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Engine]) -> Result<Engine, Error> {
        let first = self.used.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(Engine::from(if first { "" } else { self.separator.as_str() }))
    }
}
