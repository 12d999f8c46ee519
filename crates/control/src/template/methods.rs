//! Python's methods on texts, lists and mappings, where minijinja's own collection ends.
//!
//! The engine's values do not change. Templates that build a list or mapping step by step (`{% set l = [] %}`, then
//! `l.append(x)`) get [`List`]s and [`Dict`]s for their literals, see [`super::rewrite`].

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Value as Engine, ValueKind};
use minijinja::{Error, ErrorKind, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Methods that change what they are called on.
pub(super) const CHANGING: [&str; 10] =
    ["append", "extend", "insert", "pop", "remove", "sort", "reverse", "clear", "update", "setdefault"];

/// What the engine asks when a value has no method of that name.
pub(super) fn unknown(state: &mut State, value: &Engine, method: &str, args: &[Engine]) -> Result<Engine, Error> {
    for arg in args {
        super::filters::strict(arg)?;
    }
    let found = match value.kind() {
        ValueKind::String => text(value.as_str().unwrap_or_default(), method, args),
        ValueKind::Seq | ValueKind::Iterable => list(value, method, args),
        ValueKind::Map if method == "copy" => Some(Ok(value.clone())),
        _ => None,
    };
    match found {
        Some(result) => result,
        None if CHANGING.contains(&method) && value.as_object().is_some() => Err(failed(format!(
            "'{method}' cannot change a variable; write `+ [item]`, or the filter `combine` for mappings"
        ))),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args),
    }
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn text(text: &str, method: &str, args: &[Engine]) -> Option<Result<Engine, Error>> {
    let arg = |index: usize| args.get(index).map(Engine::to_string).unwrap_or_default();
    let width =
        || args.first().and_then(Engine::as_usize).unwrap_or(0).min(1_000_000).saturating_sub(text.chars().count());
    let filler = if args.len() > 1 { arg(1) } else { " ".to_owned() };
    let fill = |count: usize| filler.repeat(count);
    if matches!(method, "ljust" | "rjust" | "center") && filler.chars().count() != 1 {
        return Some(Err(failed("the fill character must be exactly one character long")));
    }
    let position = |at: Option<usize>| {
        let chars = at.map(|at| text[..at].chars().count());
        chars.map(Engine::from).ok_or_else(|| failed("substring not found"))
    };
    let parts = |parts: [&str; 3]| Engine::from(parts.map(Engine::from).to_vec());
    Some(Ok(match method {
        "index" => return Some(position(text.find(&arg(0)))),
        "rindex" => return Some(position(text.rfind(&arg(0)))),
        "rsplit" => return Some(Ok(rsplit(text, args))),
        "partition" => {
            let separator = arg(0);
            text.split_once(&separator).map_or(parts([text, "", ""]), |(a, b)| parts([a, &separator, b]))
        }
        "rpartition" => {
            let separator = arg(0);
            text.rsplit_once(&separator).map_or(parts(["", "", text]), |(a, b)| parts([a, &separator, b]))
        }
        "zfill" => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            Engine::from(format!("{sign}{}{digits}", "0".repeat(width())))
        }
        "ljust" => Engine::from(format!("{text}{}", fill(width()))),
        "rjust" => Engine::from(format!("{}{text}", fill(width()))),
        "center" => {
            let (missing, total) = (width(), args.first().and_then(Engine::as_usize).unwrap_or(0));
            let left = missing / 2 + (missing & total & 1);
            Engine::from(format!("{}{text}{}", fill(left), fill(missing - left)))
        }
        "swapcase" => {
            let swap = |c: char| {
                if c.is_lowercase() { c.to_uppercase().collect() } else { c.to_lowercase().collect::<String>() }
            };
            Engine::from(text.chars().map(swap).collect::<String>())
        }
        "casefold" => Engine::from(text.to_lowercase()),
        "removeprefix" => Engine::from(text.strip_prefix(arg(0).as_str()).unwrap_or(text)),
        "removesuffix" => Engine::from(text.strip_suffix(arg(0).as_str()).unwrap_or(text)),
        "isdecimal" => Engine::from(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        _ => return None,
    }))
}

fn rsplit(text: &str, args: &[Engine]) -> Engine {
    let limit = args.get(1).and_then(Engine::as_usize).map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<&str> = match args.first().and_then(Engine::as_str) {
        Some(separator) => text.rsplitn(limit, separator).collect(),
        None => text.rsplitn(limit, char::is_whitespace).filter(|part| !part.is_empty()).collect(),
    };
    parts.reverse();
    Engine::from(parts.into_iter().map(Engine::from).collect::<Vec<_>>())
}

fn list(value: &Engine, method: &str, args: &[Engine]) -> Option<Result<Engine, Error>> {
    let items = || value.try_iter().map(|items| items.collect::<Vec<_>>());
    match (method, args) {
        ("index", [item]) => Some(items().and_then(|items| {
            let at = items.iter().position(|other| other == item);
            at.map(Engine::from).ok_or_else(|| failed(format!("{item:?} is not in list")))
        })),
        ("copy", []) => Some(Ok(value.clone())),
        _ => None,
    }
}

/// `_mutable(literal)`.
pub(super) fn mutable(value: &Engine) -> Result<Engine, Error> {
    match value.kind() {
        ValueKind::Map => Ok(Engine::from_object(Dict(Mutex::new(entries(value)?)))),
        _ => Ok(Engine::from_object(List(Mutex::new(value.try_iter()?.checked().collect::<Result<_, _>>()?)))),
    }
}

fn entries(map: &Engine) -> Result<IndexMap<Engine, Engine>, Error> {
    map.try_iter()?.map(|key| Ok((key.clone(), map.get_item(&key)?))).collect()
}

/// A list that a template may change.
#[derive(Debug)]
struct List(Mutex<Vec<Engine>>);

impl List {
    fn items(&self) -> MutexGuard<'_, Vec<Engine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Python's position in a list: from the end if negative.
fn position(arg: Option<&Engine>, length: usize, default: usize) -> usize {
    match arg.and_then(Engine::as_i64) {
        Some(at) if at < 0 => length.saturating_sub(at.unsigned_abs() as usize),
        Some(at) => at as usize,
        None => default,
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.items().get(key.as_usize()?).cloned()
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().len())
    }
    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        let first = args.first().cloned().unwrap_or_default();
        match method {
            "append" => self.items().push(first),
            "extend" => {
                let more = first.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
                self.items().extend(more);
            }
            "insert" => {
                let mut items = self.items();
                let at = position(args.first(), items.len(), 0).min(items.len());
                items.insert(at, args.get(1).cloned().unwrap_or_default());
            }
            "pop" => {
                let mut items = self.items();
                let at = position(args.first(), items.len(), items.len().wrapping_sub(1));
                return if at < items.len() { Ok(items.remove(at)) } else { Err(failed("pop from empty list")) };
            }
            "remove" => {
                let at = self.items().iter().position(|item| *item == first);
                self.items().remove(at.ok_or_else(|| failed("list.remove(x): x not in list"))?);
            }
            "sort" => self.items().sort(),
            "reverse" => self.items().reverse(),
            "clear" => self.items().clear(),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Engine::from(()))
    }
}

/// A mapping that a template may change.
#[derive(Debug)]
struct Dict(Mutex<IndexMap<Engine, Engine>>);

impl Dict {
    fn entries(&self) -> MutexGuard<'_, IndexMap<Engine, Engine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.entries().get(key).cloned()
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries().keys().cloned().collect())
    }
    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Engine]) -> Result<Engine, Error> {
        let first = args.first().cloned().unwrap_or_default();
        match method {
            "update" => {
                for more in args {
                    let more = pairs(more)?;
                    self.entries().extend(more);
                }
            }
            "setdefault" => {
                let default = args.get(1).cloned().unwrap_or_else(|| Engine::from(()));
                return Ok(self.entries().entry(first).or_insert(default).clone());
            }
            "pop" => {
                let popped = self.entries().shift_remove(&first);
                return popped.or_else(|| args.get(1).cloned()).ok_or_else(|| failed(format!("no key {first:?}")));
            }
            "clear" => self.entries().clear(),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Engine::from(()))
    }
}

/// The entries of a mapping, of keyword arguments, or of a list of pairs.
fn pairs(value: &Engine) -> Result<IndexMap<Engine, Engine>, Error> {
    if value.kind() == ValueKind::Map {
        return entries(value);
    }
    let pair = |pair: Engine| match pair.len() {
        Some(2) => Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?)),
        _ => Err(failed("a mapping is made of pairs")),
    };
    value.try_iter()?.map(pair).collect()
}

/// `dict(pairs, name=value)`.
pub(super) fn dict(args: minijinja::value::Rest<minijinja::value::ValueOrKwargs>) -> Result<Engine, Error> {
    let mut all = IndexMap::new();
    for value in args.into_values() {
        match Kwargs::try_from(value.clone()) {
            Ok(named) if value.is_kwargs() => {
                for name in named.args() {
                    all.insert(Engine::from(name), named.peek::<Engine>(name)?);
                }
            }
            _ => all.extend(pairs(&value)?),
        }
    }
    Ok(Engine::from_pairs(all))
}
