//! Values on the way to `| default(…)` or `is defined`: what is missing or unknown is carried there instead of failing.
//!
//! [`super::rewrite`] puts `_soft('name')` only where such a filter or test follows in the same chain, and every filter
//! and test unwraps its arguments, so these values reach no operator.

use super::TemplateError;
use super::data::{error_in, invalid};
use minijinja::value::{Object, ObjectRepr, Value as Engine, ValueKind};
use minijinja::{Error, State};
use std::sync::Arc;

/// A value, or why there is none.
#[derive(Clone, Debug)]
pub(super) enum Soft {
    There(Engine),
    /// An undefined name, or an unknown value.
    Missing(TemplateError),
}

impl Soft {
    /// A soft value of what a lookup gave.
    fn of(value: Option<Engine>, name: &str) -> Soft {
        match value {
            None => Soft::Missing(TemplateError::undefined(name, None)),
            Some(value) if value.is_undefined() => Soft::Missing(TemplateError::undefined(name, None)),
            Some(value) if value.kind() == ValueKind::Invalid => Soft::Missing(error_in(&value)),
            Some(value) => match value.downcast_object_ref::<Soft>() {
                Some(soft) => soft.clone(),
                None => Soft::There(value),
            },
        }
    }

    /// A filter's argument, unwrapped.
    pub(super) fn unwrap(value: &Engine) -> Soft {
        Soft::of(Some(value.clone()), "value")
    }

    /// As the engine's value, still soft.
    pub(super) fn engine(self) -> Engine {
        Engine::from_object(self)
    }

    /// As the engine's ordinary value, for what leaves the chain: undefined again, or failing.
    pub(super) fn hard(self) -> Engine {
        match self {
            Soft::There(value) => value,
            Soft::Missing(TemplateError::Undefined { via, .. }) if via.is_empty() => Engine::UNDEFINED,
            Soft::Missing(error) => invalid(error),
        }
    }
}

impl Object for Soft {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let soft = match &**self {
            Soft::There(value) => Soft::of(value.get_item(key).ok(), &key.to_string()),
            missing => missing.clone(),
        };
        Some(soft.engine())
    }

    fn call_method(self: &Arc<Self>, state: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        Ok(match &**self {
            Soft::There(value) => Soft::of(Some(value.call_method(state, method, args)?), method),
            missing => missing.clone(),
        }
        .engine())
    }
}

/// `_soft('name')`.
pub(super) fn of_name(state: &State, name: &str) -> Engine {
    Soft::of(state.lookup(name).or_else(|| global(state, name)), name).engine()
}

/// `_softly((expression))`.
pub(super) fn of_group(value: &Engine) -> Engine {
    Soft::unwrap(value).engine()
}

fn global(state: &State, name: &str) -> Option<Engine> {
    state.env().globals().find(|(global, _)| *global == name).map(|(_, value)| value)
}
