//! Variables as the engine sees them: looked up and evaluated when a template touches them, never before.

use super::engine::{self, is_template};
use super::error::carried;
use super::filters::time::{Delta, Moment};
use super::{ControlNode, FileOptions, Lookup, Scope, TemplateError};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Engine, ValueKind};
use std::fmt;
use std::sync::Arc;
use words::value::{Map, Value};

/// Deeper chains of variables that refer to variables are taken for endless.
const MAX_DEPTH: usize = 60;

/// The name under which filters and functions find the [`Eval`] they run in.
pub(super) const EVAL: &str = "enlist eval";

/// One evaluation: the scope it sees, and the variables being evaluated on the way to it.
#[derive(Clone)]
pub(super) struct Eval {
    pub(super) scope: Arc<dyn Scope>,
    control: Arc<dyn ControlNode>,
    chain: Option<Arc<Link>>,
}

/// A text that is being evaluated: variable, scope, and where in the variable.
struct Link {
    name: String,
    scope: usize,
    path: Vec<usize>,
    depth: usize,
    parent: Option<Arc<Link>>,
}

impl Eval {
    pub(super) fn new(scope: &Arc<dyn Scope>, control: &Arc<dyn ControlNode>) -> Eval {
        Eval { scope: scope.clone(), control: control.clone(), chain: None }
    }

    /// The machine that it runs on.
    pub(super) fn control(&self) -> &Arc<dyn ControlNode> {
        &self.control
    }

    /// The same evaluation, seen from another scope (`hostvars`).
    fn within(&self, scope: Arc<dyn Scope>) -> Eval {
        Eval { scope, ..self.clone() }
    }

    /// The same evaluation with a few variables on top, which are data.
    pub(super) fn with_data(&self, variables: Map) -> Eval {
        self.within(Arc::new(Layer { base: self.scope.clone(), variables }))
    }

    /// What templates are evaluated with.
    pub(super) fn context(&self) -> Engine {
        Engine::from_object(Context(self.clone()))
    }

    /// Every text in `value`; `None` for `omit`.
    pub(super) fn render(&self, value: &Value) -> Result<Option<Value>, TemplateError> {
        Ok(Some(match value {
            Value::String(text) if is_template(text) => return self.render_text(text),
            Value::Unknown(why) => return Err(TemplateError::Unknown { why: why.clone() }),
            Value::List(items) => {
                let rendered = items.iter().filter_map(|item| self.render(item).transpose());
                Value::List(rendered.collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let entry = |(key, value): (&String, &Value)| Ok(self.render(value)?.map(|value| (key.clone(), value)));
                Value::Map(map.iter().filter_map(|pair| entry(pair).transpose()).collect::<Result<Map, _>>()?)
            }
            plain => plain.clone(),
        }))
    }

    /// One text; `None` for `omit`.
    pub(super) fn render_text(&self, text: &str) -> Result<Option<Value>, TemplateError> {
        if is_template(text) {
            to_value_or_omit(&engine::native(text, self)?)
        } else {
            Ok(Some(Value::String(text.to_owned())))
        }
    }

    /// A condition: an expression, in which braces stand for a value.
    pub(super) fn condition(&self, text: &str) -> Result<Value, TemplateError> {
        to_value(&engine::condition(text, self)?)
    }

    /// What the author of a variable wrote at `name.entry`, and where that is evaluated; `None` for data, and for what
    /// comes out of a template only.
    pub(super) fn written(&self, path: &[String]) -> Option<(Value, Result<Eval, TemplateError>)> {
        let (name, entries) = path.split_first()?;
        let Some(Lookup::Trusted(root)) = self.scope.lookup(name) else { return None };
        let mut node = Node::top(Some(self), name, root);
        for entry in entries {
            let Value::Map(map) = node.value() else { return None };
            let index = map.get_index_of(entry)?;
            node.path.push(index);
        }
        Some((node.value().clone(), self.enter(&node)))
    }

    /// A template file.
    pub(super) fn render_file(&self, name: &str, text: &str, options: &FileOptions) -> Result<String, TemplateError> {
        engine::file(name, text, options, self)
    }

    /// The variable `name`; an error comes as a value that fails when the engine touches it.
    fn variable(&self, name: &str) -> Option<Engine> {
        Some(match self.scope.lookup(name) {
            Some(Lookup::Trusted(root)) => Node::top(Some(self), name, root).engine(),
            Some(Lookup::Data(root)) => Node::top(None, name, root).engine(),
            Some(Lookup::Scope(scope)) => self.within(scope).context(),
            None if name == "vars" => self.context(),
            None => return None,
        })
    }

    /// The variable `name` as plain data, if there is one.
    pub(super) fn value_of(&self, name: &str) -> Option<Result<Value, TemplateError>> {
        self.variable(name).map(|value| to_value(&value))
    }

    /// This evaluation, one text deeper; an endless chain is an error that names it.
    fn enter(&self, node: &Node) -> Result<Eval, TemplateError> {
        let scope = Arc::as_ptr(&self.scope).cast::<()>() as usize;
        let mut link = self.chain.as_ref();
        let depth = link.map_or(0, |link| link.depth + 1);
        while let Some(seen) = link {
            if depth > MAX_DEPTH || (seen.scope == scope && *seen.name == *node.name && seen.path == node.path) {
                return Err(self.endless(&node.name));
            }
            link = seen.parent.as_ref();
        }
        let parent = self.chain.clone();
        let link = Link { name: node.name.to_string(), scope, path: node.path.clone(), depth, parent };
        Ok(Eval { chain: Some(Arc::new(link)), ..self.clone() })
    }

    fn endless(&self, name: &str) -> TemplateError {
        let mut names = vec![name.to_owned()];
        let mut link = self.chain.as_ref();
        while let Some(seen) = link.filter(|_| names.len() < 10) {
            names.push(seen.name.clone());
            if seen.name == name {
                break;
            }
            link = seen.parent.as_ref();
        }
        names.reverse();
        TemplateError::failed(format!("these variables refer to each other without end: {}", names.join(" → ")))
    }
}

/// Data on top of a scope.
struct Layer {
    base: Arc<dyn Scope>,
    variables: Map,
}

impl Scope for Layer {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        let own = self.variables.get(name).map(|value| Lookup::Data(Arc::new(value.clone())));
        own.or_else(|| self.base.lookup(name))
    }

    fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().chain(self.base.names()).collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.variables.keys().cloned().chain(self.base.own_names()).collect()
    }

    fn hosts_matching(&self, patterns: &[String]) -> Option<Result<Vec<String>, String>> {
        self.base.hosts_matching(patterns)
    }
}

/// All variables of a scope, as a mapping.
#[derive(Clone)]
pub(super) struct Context(pub(super) Eval);

impl Context {
    /// All variables as data, without those that lead back here. A variable whose template makes data of all variables
    /// is an endless one, which [`Eval::enter`] tells.
    fn plain(&self, all: &Engine) -> Result<Value, TemplateError> {
        map(all, self.0.scope.own_names().into_iter().map(Engine::from))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variables")
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.get_value_by_str(key.as_str()?)
    }
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Engine> {
        if key == EVAL {
            return Some(Engine::from_dyn_object(self.clone()));
        }
        self.0.variable(key)
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.scope.names().into_iter().map(Engine::from).collect())
    }
}

/// A place in a variable: the variable's value is shared, not copied, however deep a template goes.
#[derive(Clone)]
pub(super) struct Node {
    /// Where its texts are evaluated; `None` for data.
    eval: Option<Eval>,
    name: Arc<str>,
    root: Arc<Value>,
    /// Positions of the entries from the root down.
    path: Vec<usize>,
}

impl Node {
    fn top(eval: Option<&Eval>, name: &str, root: Arc<Value>) -> Node {
        Node { eval: eval.cloned(), name: name.into(), root, path: Vec::new() }
    }

    fn value(&self) -> &Value {
        self.path.iter().fold(&*self.root, |value, index| match value {
            Value::List(items) => &items[*index],
            Value::Map(map) => &map[*index],
            other => other,
        })
    }

    fn child(&self, index: usize) -> Engine {
        let mut path = self.path.clone();
        path.push(index);
        Node { path, ..self.clone() }.engine()
    }

    /// As the engine's value; texts of trusted variables are evaluated here.
    fn engine(self) -> Engine {
        match (self.value(), &self.eval) {
            (Value::String(text), Some(eval)) if is_template(text) => {
                let result = eval.enter(&self).and_then(|eval| engine::native(text, &eval));
                result.unwrap_or_else(|error| invalid(error.through(&self.name)))
            }
            (Value::List(_) | Value::Map(_), _) => Engine::from_object(self),
            (scalar, _) => scalar_engine(scalar),
        }
    }

    /// As plain data: trusted texts evaluated to the bottom, `omit` dropped.
    fn plain(&self) -> Result<Value, TemplateError> {
        let value = self.value();
        if self.eval.is_none() {
            return first_unknown(value).map_or_else(|| Ok(kept(value)), |why| Err(TemplateError::Unknown { why }));
        }
        let entry = |index| to_value_or_omit(&self.child(index));
        Ok(match value {
            Value::List(items) => {
                Value::List((0..items.len()).filter_map(|i| entry(i).transpose()).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let pairs = map.keys().enumerate();
                let pairs = pairs.filter_map(|(i, key)| Some(entry(i).transpose()?.map(|value| (key.clone(), value))));
                Value::Map(pairs.collect::<Result<Map, _>>()?)
            }
            scalar => scalar.clone(),
        })
    }
}

fn first_unknown(value: &Value) -> Option<String> {
    match value {
        Value::Unknown(why) => Some(why.clone()),
        Value::List(items) => items.iter().find_map(first_unknown),
        Value::Map(map) => map.values().find_map(first_unknown),
        _ => None,
    }
}

/// The value without what is `omit` in it.
fn kept(value: &Value) -> Value {
    let stays = |value: &Value| *value != Value::Omit;
    match value {
        Value::List(items) => Value::List(items.iter().filter(|item| stays(item)).map(kept).collect()),
        Value::Map(map) => {
            let entries = map.iter().filter(|(_, value)| stays(value));
            Value::Map(entries.map(|(key, value)| (key.clone(), kept(value))).collect())
        }
        scalar => scalar.clone(),
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value().repr())
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.value() {
            Value::List(_) => ObjectRepr::Seq,
            _ => ObjectRepr::Map,
        }
    }
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let index = match self.value() {
            Value::List(items) => key.as_usize().filter(|index| *index < items.len())?,
            Value::Map(map) => match key.as_str() {
                Some(key) => map.get_index_of(key)?,
                None => map.get_index_of(&key.to_string())?,
            },
            _ => return None,
        };
        Some(self.child(index))
    }
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Engine> {
        self.value().as_map()?.get_index_of(key).map(|index| self.child(index))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.value() {
            Value::List(items) => Enumerator::Seq(items.len()),
            Value::Map(map) => Enumerator::Values(map.keys().map(|key| Engine::from(key.as_str())).collect()),
            _ => Enumerator::Empty,
        }
    }
    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.value() {
            Value::List(items) => Some(items.len()),
            Value::Map(map) => Some(map.len()),
            _ => None,
        }
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plain() {
            Ok(value) => f.write_str(&value.repr()),
            Err(_) => Err(fmt::Error),
        }
    }
}

/// The special value `omit`.
#[derive(Debug)]
pub(super) struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// An error as a value: the engine fails with it when it touches the value.
pub(super) fn invalid(error: TemplateError) -> Engine {
    Engine::from(minijinja::Error::from(error))
}

fn scalar_engine(value: &Value) -> Engine {
    match value {
        Value::Null => Engine::from(()),
        Value::Bool(truth) => Engine::from(*truth),
        Value::Int(number) => Engine::from(*number),
        Value::Float(number) => Engine::from(*number),
        Value::String(text) => Engine::from(text.as_str()),
        Value::Omit => Engine::from_object(Omit),
        Value::Unknown(why) => invalid(TemplateError::Unknown { why: why.clone() }),
        Value::List(_) | Value::Map(_) => unreachable!("containers are nodes"),
    }
}

/// Data, such as a filter's result, as the engine's value.
pub(super) fn to_engine(value: Value) -> Engine {
    match value {
        Value::List(_) | Value::Map(_) => Node::top(None, "", Arc::new(value)).engine(),
        scalar => scalar_engine(&scalar),
    }
}

/// The engine's value as plain data; `omit` inside containers is dropped, as the whole value it is null.
pub(super) fn to_value(value: &Engine) -> Result<Value, TemplateError> {
    Ok(to_value_or_omit(value)?.unwrap_or(Value::Null))
}

/// As [`to_value`]; `None` for `omit`.
pub(super) fn to_value_or_omit(value: &Engine) -> Result<Option<Value>, TemplateError> {
    Ok(Some(match value.kind() {
        ValueKind::Undefined => return Err(TemplateError::undefined("value", None)),
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::String => Value::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bytes => Value::String(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => match value.downcast_object_ref::<Node>() {
            Some(node) => node.plain()?,
            None if value.kind() != ValueKind::Map => list(value)?,
            None => match value.downcast_object_ref::<Context>() {
                Some(context) => context.plain(value)?,
                None => map(value, value.try_iter().map_err(|error| super::error::from_engine(&error))?)?,
            },
        },
        ValueKind::Invalid => return Err(error_in(value)),
        _ if value.downcast_object_ref::<Omit>().is_some() => return Ok(None),
        _ => plain_object(value)?,
    }))
}

/// Dates are texts as data.
fn plain_object(value: &Engine) -> Result<Value, TemplateError> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Ok(moment.iso().into());
    }
    if let Some(delta) = value.downcast_object_ref::<Delta>() {
        return Ok(delta.to_string().into());
    }
    Err(TemplateError::failed(format!("`{value}` is a function, no value; call it with () after its name")))
}

fn number(value: &Engine) -> Value {
    if let Some(number) = value.as_i64().filter(|_| value.is_integer()) {
        return Value::Int(number);
    }
    Value::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN))
}

fn list(value: &Engine) -> Result<Value, TemplateError> {
    let items = value.try_iter().map_err(|error| super::error::from_engine(&error))?;
    Ok(Value::List(items.filter_map(|item| to_value_or_omit(&item).transpose()).collect::<Result<_, _>>()?))
}

fn map(value: &Engine, keys: impl Iterator<Item = Engine>) -> Result<Value, TemplateError> {
    let mut map = Map::new();
    for key in keys {
        let entry = value.get_item(&key).map_err(|error| super::error::from_engine(&error))?;
        if let Some(entry) = to_value_or_omit(&entry)? {
            map.insert(key.to_string(), entry);
        }
    }
    Ok(Value::Map(map))
}

/// The error that an invalid value holds. The engine reveals it on iteration only.
pub(super) fn error_in(value: &Engine) -> TemplateError {
    let failed = Engine::from(vec![value.clone()]).try_iter().map(|iter| iter.checked().find_map(Result::err));
    match failed {
        Ok(Some(error)) => carried(&error).unwrap_or_else(|| super::error::from_engine(&error)),
        _ => TemplateError::failed("a value could not be computed"),
    }
}
