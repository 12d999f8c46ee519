//! Arguments as Python has them: by position or by name.

use super::signature;
use super::time::Moment;
use crate::template::data::to_value_or_omit;
use crate::template::soft::Soft;
use minijinja::Error;
use minijinja::value::{Kwargs, Value as Engine};
use words::value::{Map, Value};

/// The arguments of a filter or test (its input is the first), or of a lookup.
#[derive(Debug, Default)]
pub(crate) struct Args {
    positional: Vec<Value>,
    named: Map,
}

impl Args {
    /// Converts the engine's arguments; fails for unknown values and broken variables.
    pub(crate) fn from_engine(values: &[Engine]) -> Result<Args, Error> {
        let mut args = Args::default();
        for value in values {
            match Kwargs::try_from(value.clone()) {
                Ok(kwargs) if value.is_kwargs() => {
                    for name in kwargs.args() {
                        args.named.insert(name.to_owned(), plain(&kwargs.peek::<Engine>(name)?)?);
                    }
                }
                _ => args.positional.push(plain(value)?),
            }
        }
        Ok(args)
    }

    /// Puts named arguments to their places; fails for what `signature` does not take.
    pub(crate) fn settle(&mut self, signature: &str) -> Result<(), String> {
        signature::settle(signature, &mut self.positional, &mut self.named)
    }

    /// Positional arguments only.
    pub(crate) fn of(positional: Vec<Value>) -> Args {
        Args { positional, named: Map::new() }
    }

    /// All positional arguments.
    pub(crate) fn all(&self) -> &[Value] {
        &self.positional
    }

    /// All named arguments.
    pub(crate) fn named(&self) -> &Map {
        &self.named
    }

    /// The argument at `index`, or called `name`; null counts as not given.
    pub(crate) fn get(&self, index: usize, name: &str) -> Option<&Value> {
        self.positional.get(index).or_else(|| self.named.get(name)).filter(|value| **value != Value::Null)
    }

    /// As [`Args::get`], required.
    pub(crate) fn need(&self, index: usize, name: &str) -> Result<&Value, String> {
        self.get(index, name).ok_or_else(|| format!("the argument '{name}' is missing"))
    }

    /// The input.
    pub(crate) fn input(&self) -> &Value {
        self.positional.first().unwrap_or(&Value::Null)
    }

    /// The input as text.
    pub(crate) fn text(&self) -> String {
        self.input().to_string()
    }

    /// The input's items: those of a list, the keys of a mapping, the letters of a text.
    pub(crate) fn items(&self) -> Result<Vec<Value>, String> {
        items(self.input())
    }

    /// A text argument.
    pub(crate) fn string(&self, index: usize, name: &str) -> Option<String> {
        self.get(index, name).map(Value::to_string)
    }

    /// A text argument with a default.
    pub(crate) fn string_or(&self, index: usize, name: &str, default: &str) -> String {
        self.string(index, name).unwrap_or_else(|| default.to_owned())
    }

    /// A required text argument.
    pub(crate) fn need_string(&self, index: usize, name: &str) -> Result<String, String> {
        self.need(index, name).map(Value::to_string)
    }

    /// A boolean argument, by Python's truth.
    pub(crate) fn flag(&self, index: usize, name: &str, default: bool) -> bool {
        self.get(index, name).map_or(default, Value::is_truthy)
    }

    /// A width, count or precision: from 0 to a million.
    pub(crate) fn size(&self, index: usize, name: &str) -> Result<Option<usize>, String> {
        Ok(self.int(index, name)?.map(|size| size.clamp(0, 1_000_000) as usize))
    }

    /// An integer argument; a text of digits will do.
    pub(crate) fn int(&self, index: usize, name: &str) -> Result<Option<i64>, String> {
        self.get(index, name)
            .map(|value| match value {
                Value::Int(number) => Ok(*number),
                Value::Bool(truth) => Ok((*truth).into()),
                Value::Float(number) => Ok(*number as i64),
                other => {
                    other.to_string().trim().parse().map_err(|_| format!("'{name}' must be an integer, not {other}"))
                }
            })
            .transpose()
    }
}

fn plain(value: &Engine) -> Result<Value, Error> {
    match Soft::unwrap(value) {
        Soft::There(value) => match value.downcast_object_ref::<Moment>() {
            Some(moment) => Ok(moment.to_string().into()),
            None => Ok(to_value_or_omit(&value)?.unwrap_or(Value::Omit)),
        },
        Soft::Missing(error) => Err(error.into()),
    }
}

/// What iterating over a value yields.
pub(crate) fn items(value: &Value) -> Result<Vec<Value>, String> {
    match value {
        Value::List(items) => Ok(items.clone()),
        Value::Map(map) => Ok(map.keys().map(|key| Value::from(key.as_str())).collect()),
        Value::String(text) => Ok(text.chars().map(|c| Value::from(c.to_string())).collect()),
        other => Err(format!("'{}' object is not iterable", other.type_name())),
    }
}
