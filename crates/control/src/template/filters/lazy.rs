//! Filters and tests that take undefined or unknown values, or touch only a part of their input.

use super::{select, signature};
use crate::template::TemplateError;
use crate::template::data::{error_in, to_engine, to_value};
use crate::template::soft::Soft;
use minijinja::value::{Kwargs, Rest, Value as Engine, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use words::value::{Map, Value};

/// A filter over the engine's values. The first is the input; all are unwrapped, `None` is missing.
type Lazy = fn(&mut State, &[Engine]) -> Result<Engine, Error>;

const FILTERS: [(&str, &str, Lazy); 14] = [
    ("first", "seq", |_, args| end(args, false)),
    ("last", "seq", |_, args| end(args, true)),
    ("length", "obj", |_, args| length(args)),
    ("count", "obj", |_, args| length(args)),
    ("list", "value", |_, args| list(args)),
    ("items", "value", |_, args| items(args)),
    ("extract", "item, container, morekeys", |_, args| extract(args)),
    ("_percent", "format, operand", |_, args| percent(args)),
    ("map", "value, *args, **kwargs", select::map),
    ("select", "value, *args, **kwargs", |state, args| select::select(state, args, true)),
    ("reject", "value, *args, **kwargs", |state, args| select::select(state, args, false)),
    ("selectattr", "value, *args, **kwargs", |state, args| select::selectattr(state, args, true)),
    ("rejectattr", "value, *args, **kwargs", |state, args| select::selectattr(state, args, false)),
    ("attr", "obj, name", select::attr),
];

pub(super) fn register(env: &mut Environment<'static>) {
    for (name, signature, filter) in FILTERS {
        add(env, name, signature, filter);
    }
    env.add_filter("to_datetime", to_datetime);
    env.add_filter("default", |args: Rest<ValueOrKwargs>| default("default", args));
    env.add_filter("d", |args: Rest<ValueOrKwargs>| default("d", args));
    env.add_filter("mandatory", mandatory);
    env.add_filter("ternary", ternary);
    env.add_filter("type_debug", type_debug);
    env.add_test("defined", |value: &Engine| is_defined(value));
    env.add_test("undefined", |value: &Engine| is_defined(value).map(|defined| !defined));
}

fn add(env: &mut Environment<'static>, name: &'static str, signature: &'static str, filter: Lazy) {
    env.add_filter(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
        let mut args = args.into_values();
        for (index, arg) in args.iter_mut().enumerate() {
            match Soft::unwrap(arg) {
                Soft::There(value) => *arg = value,
                missing if index == 0 && arg.downcast_object_ref::<Soft>().is_some() => return Ok(missing.engine()),
                missing => return Ok(missing.hard()),
            }
        }
        fits(name, signature, &args)?;
        filter(state, &args).map_err(|error| match error.kind() {
            ErrorKind::NonPrimitive => complaint(name, error.detail().unwrap_or_default()),
            _ => error,
        })
    });
}

/// Fails for arguments that the filter does not take.
fn fits(name: &str, signature: &str, args: &[Engine]) -> Result<(), Error> {
    let named = args.last().filter(|last| last.is_kwargs()).cloned().and_then(|named| Kwargs::try_from(named).ok());
    let count = args.len() - usize::from(named.is_some());
    let names: Vec<&str> = named.iter().flat_map(Kwargs::args).collect();
    signature::fits(signature, count, names.into_iter()).map_err(|message| complaint(name, &message))
}

pub(super) fn complaint(name: &str, message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("filter '{name}': {message}"))
}

/// What is wrong with the input; [`add`] says in which filter.
fn wrong(message: String) -> Error {
    Error::new(ErrorKind::NonPrimitive, message)
}

pub(super) fn iterate(value: &Engine) -> Result<impl Iterator<Item = Result<Engine, Error>>, Error> {
    match value.kind() {
        ValueKind::None => Err(wrong("'NoneType' object is not iterable".into())),
        _ => Ok(value.try_iter().map_err(|_| wrong(format!("a {} is not iterable", value.kind())))?.checked()),
    }
}

/// The first or last item; undefined if there is none.
fn end(args: &[Engine], last: bool) -> Result<Engine, Error> {
    let value = &args[0];
    let length = value.len().filter(|_| last && value.kind() == ValueKind::Seq);
    if let Some(length) = length.filter(|length| *length > 0) {
        return value.get_item(&Engine::from(length - 1));
    }
    let mut items = iterate(value)?;
    let found = if last { items.last() } else { items.next() };
    found.unwrap_or(Ok(Engine::UNDEFINED))
}

fn length(args: &[Engine]) -> Result<Engine, Error> {
    match args[0].len() {
        Some(length) => Ok(Engine::from(length)),
        None if matches!(args[0].kind(), ValueKind::Iterable) => Ok(Engine::from(iterate(&args[0])?.count())),
        None => Err(wrong(format!("a {} has no length", args[0].kind()))),
    }
}

fn list(args: &[Engine]) -> Result<Engine, Error> {
    match args[0].kind() {
        ValueKind::Seq => Ok(args[0].clone()),
        _ => iterate(&args[0])?.collect::<Result<Vec<_>, _>>().map(Engine::from),
    }
}

fn items(args: &[Engine]) -> Result<Engine, Error> {
    let pair = |key: Engine| Ok(Engine::from(vec![key.clone(), args[0].get_item(&key)?]));
    match args[0].kind() {
        ValueKind::Map => args[0].try_iter()?.map(pair).collect::<Result<Vec<_>, Error>>().map(Engine::from),
        _ => Err(wrong("needs a mapping".into())),
    }
}

/// `key | extract(container, morekeys)`.
fn extract(args: &[Engine]) -> Result<Engine, Error> {
    let [key, container, more @ ..] = args else { return Err(wrong("the container is missing".into())) };
    let more = match more.first() {
        Some(named) if named.is_kwargs() => named.get_attr("morekeys")?,
        Some(more) => more.clone(),
        None => Engine::UNDEFINED,
    };
    let mut keys = vec![key.clone()];
    match more.kind() {
        ValueKind::Undefined | ValueKind::None => {}
        ValueKind::Seq => keys.extend(more.try_iter()?),
        _ => keys.push(more),
    }
    let mut value = container.clone();
    for key in keys {
        value = value.get_item(&key)?;
        if value.kind() == ValueKind::Invalid {
            return Err(error_in(&value).into());
        }
    }
    Ok(value)
}

/// `'text' % operand`: only a tuple is several operands.
fn percent(args: &[Engine]) -> Result<Engine, Error> {
    let [format, operand] = args else { return Err(wrong("needs one operand".into())) };
    let operands = match to_value(operand)? {
        Value::List(items) if operand.is_tuple() => items,
        one => vec![one],
    };
    super::text::percent(&format.to_string(), &operands, &Map::new()).map(to_engine).map_err(wrong)
}

/// The arguments of a filter whose input and choices stay soft.
struct Softly {
    positional: Vec<Engine>,
    named: Option<Kwargs>,
}

impl Softly {
    fn read(name: &str, signature: &str, args: Rest<ValueOrKwargs>) -> Result<Softly, Error> {
        let mut positional = args.into_values();
        fits(name, signature, &positional)?;
        let named = positional.pop_if(|last| last.is_kwargs()).and_then(|named| Kwargs::try_from(named).ok());
        Ok(Softly { positional, named })
    }

    /// The argument at `index`, or called `name`.
    fn get(&self, index: usize, name: &str) -> Option<Engine> {
        self.positional.get(index).cloned().or_else(|| self.named.as_ref()?.get::<Option<Engine>>(name).ok()?)
    }

    fn input(&self) -> Soft {
        self.positional.first().map_or(Soft::There(Engine::UNDEFINED), Soft::unwrap)
    }
}

/// Replaces an undefined value, and with `true` an empty one too. An unknown value stays unknown.
fn default(name: &str, args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = Softly::read(name, "value, default_value, boolean", args)?;
    let fallback = args.get(1, "default_value").unwrap_or_else(|| Engine::from(""));
    let empty_too = args.get(2, "boolean").is_some_and(|value| value.is_true());
    match args.input() {
        Soft::There(value) if value.is_true() || !empty_too => Ok(value),
        Soft::There(_) | Soft::Missing(TemplateError::Undefined { .. }) => Ok(Soft::unwrap(&fallback).hard()),
        Soft::Missing(error) => Err(error.into()),
    }
}

fn mandatory(args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = Softly::read("mandatory", "a, msg", args)?;
    match args.input() {
        Soft::There(value) => Ok(value),
        Soft::Missing(TemplateError::Undefined { name, .. }) => {
            let message = args.get(1, "msg").map(|message| message.to_string());
            let message = message.unwrap_or_else(|| format!("the mandatory variable '{name}' is not defined"));
            Err(TemplateError::failed(message).into())
        }
        Soft::Missing(error) => Err(error.into()),
    }
}

/// `condition | ternary(if_true, if_false, if_null)`; only the chosen one must be defined.
fn ternary(args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = Softly::read("ternary", "value, true_val, false_val, none_val", args)?;
    let value = match args.input() {
        Soft::There(value) => value,
        missing => return Ok(missing.hard()),
    };
    let (Some(if_true), Some(if_false)) = (args.get(1, "true_val"), args.get(2, "false_val")) else {
        return Err(complaint("ternary", "needs two values to choose from"));
    };
    let chosen = match args.get(3, "none_val").filter(|_| value.is_none()) {
        Some(chosen) => chosen,
        None if value.is_true() => if_true,
        None => if_false,
    };
    Ok(Soft::unwrap(&chosen).hard())
}

/// `text | to_datetime(format)`.
fn to_datetime(args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = Softly::read("to_datetime", "string, format", args)?;
    match args.input() {
        Soft::There(text) if text.is_undefined() => Ok(text),
        Soft::There(text) => super::time::to_datetime(&text.to_string(), args.get(1, "format").map(|f| f.to_string())),
        missing => Ok(missing.hard()),
    }
}

fn type_debug(value: &Engine) -> Result<String, Error> {
    match Soft::unwrap(value) {
        Soft::There(value) => Ok(to_value(&value)?.type_name().to_owned()),
        Soft::Missing(TemplateError::Undefined { .. }) => Ok("UndefinedMarker".into()),
        Soft::Missing(error) => Err(error.into()),
    }
}

/// An unknown value is defined: the real run will know it.
fn is_defined(value: &Engine) -> Result<bool, Error> {
    match Soft::unwrap(value) {
        Soft::There(_) | Soft::Missing(TemplateError::Unknown { .. }) => Ok(true),
        Soft::Missing(TemplateError::Undefined { .. }) => Ok(false),
        Soft::Missing(error) => Err(error.into()),
    }
}
