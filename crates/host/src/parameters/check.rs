//! Checks arguments against a module's [`Spec`], with Ansible's conversions.

use super::{Param, ParameterKind, ParameterType, Spec};
use crate::change::outcome::Failure;
use words::diag::closest;
use words::value::{Map, Value};

/// Arguments by parameter name, after the check: aliases resolved, kinds converted, defaults filled in. A parameter that
/// was not given (or was null) and has no default is absent. Only what fills a struct has one in hand.
pub struct Checked {
    map: Map,
    /// The last one that was taken.
    taken: &'static str,
}

impl Checked {
    /// Checks what the playbook gave; the wording of errors is Ansible's, since people search for it.
    pub(super) fn new(spec: &Spec, given: &Map) -> Result<Self, Failure> {
        let mut map = Map::new();
        for (name, value) in given {
            let param = spec.param(name).ok_or_else(|| unsupported(spec, name))?;
            if !matches!(value, Value::Null) {
                map.insert(param.name.into(), convert(param, value)?);
            }
        }
        fill_defaults(spec, &mut map)?;
        check_missing(spec, &map)?;
        check_groups(spec, &map)?;
        Ok(Self { map, taken: "" })
    }

    /// Takes the parameter called `name` out. An `Option` and no result: a failure on each field would be a good part of
    /// the agent's size.
    pub fn take<T: ParameterType>(&mut self, name: &'static str) -> Option<T> {
        self.taken = Param::plain(name);
        match self.map.swap_remove(self.taken) {
            Some(value) => T::read(self.taken, value),
            None => T::absent(),
        }
    }

    /// What to say when the last one taken is not what its type reads.
    pub(super) fn misfit(&self) -> Failure {
        Failure::new(format!("argument '{}' is not what its type reads", self.taken))
    }
}

impl Spec {
    /// Checks arguments without reading them, for who will not run the module.
    pub fn check(&self, given: &Map) -> Result<(), Failure> {
        Checked::new(self, given).map(drop)
    }
}

fn unsupported(spec: &Spec, name: &str) -> Failure {
    let mut known: Vec<_> = spec.params.iter().map(|p| p.name).collect();
    known.sort_unstable();
    let failure = Failure::new(format!(
        "Unsupported parameters for ({}) module: {name}. Supported parameters include: {}.",
        spec.name,
        known.join(", ")
    ));
    let all = spec.params.iter().flat_map(|p| p.aliases.iter().chain([&p.name])).copied();
    match closest(name, all) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    }
}

fn fill_defaults(spec: &Spec, map: &mut Map) -> Result<(), Failure> {
    for param in spec.params {
        if let (Some(text), false) = (param.default, map.contains_key(param.name)) {
            map.insert(param.name.into(), convert(param, &Value::from(text))?);
        }
    }
    Ok(())
}

fn check_missing(spec: &Spec, map: &Map) -> Result<(), Failure> {
    let missing: Vec<_> =
        spec.params.iter().filter(|p| p.required && !map.contains_key(p.name)).map(|p| p.name).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("missing required arguments: {}", missing.join(", "))))
    }
}

fn check_groups(spec: &Spec, map: &Map) -> Result<(), Failure> {
    let given = |names: &&[&str]| names.iter().filter(|name| map.contains_key(**name)).count();
    if let Some(names) = spec.exclusive.iter().find(|names| given(names) > 1) {
        return Err(Failure::new(format!("parameters are mutually exclusive: {}", names.join("|"))));
    }
    if let Some(names) = spec.one_of.iter().find(|names| given(names) == 0) {
        return Err(Failure::new(format!("one of the following is required: {}", names.join(", "))));
    }
    Ok(())
}

/// One value as its parameter's kind.
fn convert(param: &Param, value: &Value) -> Result<Value, Failure> {
    let converted = match param.kind {
        ParameterKind::Str | ParameterKind::Path => text(value),
        ParameterKind::Int => int(value),
        ParameterKind::Float => float(value),
        ParameterKind::Bool => value.to_bool().map(Value::Bool),
        ParameterKind::List => Some(list(value)),
        ParameterKind::Dict => dict(value),
        ParameterKind::Raw => Some(value.clone()),
    };
    let converted = converted.ok_or_else(|| inconvertible(param, value))?;
    let chosen = converted.to_string();
    if !param.choices.is_empty() && !param.choices.contains(&chosen.as_str()) {
        let msg = format!("value of {} must be one of: {}, got: {chosen}", param.name, param.choices.join(", "));
        return Err(Failure::new(msg));
    }
    Ok(converted)
}

fn inconvertible(param: &Param, value: &Value) -> Failure {
    let kind = match param.kind {
        ParameterKind::Int => "int",
        ParameterKind::Float => "float",
        ParameterKind::Bool => "bool",
        ParameterKind::Dict => "dict",
        _ => "str",
    };
    let shown = if param.no_log { "a value that is not shown".to_owned() } else { value.repr() };
    Failure::new(format!(
        "argument '{}' is of type {} and we were unable to convert to {kind}: {shown} cannot be converted to {} {kind}",
        param.name,
        value.type_name(),
        if kind == "int" { "an" } else { "a" },
    ))
}

fn text(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(value.to_string().into()),
        // Ansible takes a structure given for text (`content: {a: 1}`) as its JSON.
        Value::List(_) | Value::Map(_) => Some(value.to_json_line(false).into()),
        Value::Null | Value::Unknown(_) | Value::Omit => None,
    }
}

fn int(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) => Some(value.clone()),
        Value::Float(number) if number.fract() == 0.0 => Some(Value::Int(*number as i64)),
        Value::String(text) => text.trim().parse().ok().map(Value::Int),
        _ => None,
    }
}

fn float(value: &Value) -> Option<Value> {
    match value {
        Value::Int(number) => Some(Value::Float(*number as f64)),
        Value::Float(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse().ok().map(Value::Float),
        _ => None,
    }
}

fn list(value: &Value) -> Value {
    match value {
        Value::List(_) => value.clone(),
        Value::String(text) if text.is_empty() => Value::List(Vec::new()),
        Value::String(text) => Value::List(text.split(',').map(|part| part.trim().into()).collect()),
        other => Value::List(vec![other.clone()]),
    }
}

fn dict(value: &Value) -> Option<Value> {
    match value {
        Value::Map(_) => Some(value.clone()),
        Value::String(text) => match Value::from_json(text) {
            Ok(map @ Value::Map(_)) => Some(map),
            _ => None,
        },
        _ => None,
    }
}
