//! `when` and its relatives, and keywords that are yes or no.
//!
//! A condition is an expression. `{{ expression }}` in it is the expression's value, and within quotes the value's
//! text. What a value holds is never read as an expression: a host that prints one is not obeyed.
//!
//! One thing is read further: the text that the playbook's author wrote into a variable, where `{{ name }}` is the whole
//! condition. It is source, not a result; facts, results and files of hosts are not.

use super::data::Eval;
use super::engine::is_template;
use super::{TemplateError, Value, rewrite};

/// The outcome of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Whether it holds.
    pub holds: bool,
    /// The part that does not hold, as written.
    pub failed: Option<String>,
    /// Set when a result was no boolean, so that Python's truth was taken (ansible-core 2.19 refuses, 2.18 accepts):
    /// the part as written, and the type of its result.
    pub not_boolean: Option<(String, &'static str)>,
}

impl Truth {
    fn of(holds: bool) -> Truth {
        Truth { holds, failed: None, not_boolean: None }
    }
}

/// Lists are and-ed. A part that is unknown makes the whole unknown, unless a later one is certainly false.
pub(super) fn evaluate(condition: &Value, eval: &Eval) -> Result<Truth, TemplateError> {
    let Value::List(parts) = condition else { return one(condition, eval) };
    let mut all = Truth::of(true);
    let mut unknown = None;
    for part in parts {
        match evaluate(part, eval) {
            Ok(truth) => {
                all.not_boolean = all.not_boolean.or(truth.not_boolean);
                if !truth.holds {
                    return Ok(Truth { holds: false, failed: truth.failed, not_boolean: all.not_boolean });
                }
            }
            Err(error @ TemplateError::Unknown { .. }) => unknown = unknown.or(Some(error)),
            Err(_) if unknown.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    unknown.map_or(Ok(all), Err)
}

fn one(condition: &Value, eval: &Eval) -> Result<Truth, TemplateError> {
    let written = condition.to_string();
    let result = match condition {
        Value::String(text) => evaluate_text(text.trim(), eval)?,
        Value::Unknown(why) => return Err(TemplateError::Unknown { why: why.clone() }),
        other => other.clone(),
    };
    let holds = result.is_truthy();
    Ok(Truth {
        holds,
        failed: (!holds).then(|| written.clone()),
        not_boolean: (!matches!(result, Value::Bool(_))).then(|| (written, result.type_name())),
    })
}

fn evaluate_text(text: &str, eval: &Eval) -> Result<Value, TemplateError> {
    if text.is_empty() {
        return Err(TemplateError::failed("a condition is empty; write an expression, true or false"));
    }
    if !is_template(text) {
        return eval.condition(text);
    }
    if text.contains("{%") || text.contains("{#") {
        return printed(text, eval);
    }
    match rewrite::sole_path(text).and_then(|path| eval.written(&path)) {
        Some((Value::String(source), within)) => evaluate_source(source.trim(), &within?),
        _ => Ok(word(eval.condition(text)?)),
    }
}

/// What an author wrote into a variable.
fn evaluate_source(source: &str, eval: &Eval) -> Result<Value, TemplateError> {
    match source.to_ascii_lowercase().as_str() {
        "yes" | "on" => Ok(Value::Bool(true)),
        "no" | "off" => Ok(Value::Bool(false)),
        _ => evaluate_text(source, eval),
    }
}

/// A result that is one of Ansible's words for yes and no is that; every other is left as it is.
fn word(result: Value) -> Value {
    match &result {
        Value::String(_) => result.to_bool().map_or(result, Value::Bool),
        _ => result,
    }
}

/// A condition with blocks: it prints yes or no.
fn printed(text: &str, eval: &Eval) -> Result<Value, TemplateError> {
    let result = word(eval.render_text(text)?.unwrap_or_default());
    match result {
        Value::String(result) => Err(TemplateError::failed(format!(
            "the condition `{text}` prints {}, which is neither true nor false",
            Value::String(result).repr()
        ))),
        other => Ok(other),
    }
}

/// A keyword that is yes or no; `None` for null and `omit`.
pub(super) fn flag(flag: &Value, eval: &Eval) -> Result<Option<bool>, TemplateError> {
    let Some(result) = eval.render(flag)? else { return Ok(None) };
    match result.to_bool() {
        _ if result == Value::Null => Ok(None),
        None => Err(TemplateError::failed(format!("takes yes or no, and this is {}", result.repr()))),
        truth => Ok(truth),
    }
}

/// The conditions of `that`, one by one.
pub(super) fn listed(that: &Value, eval: &Eval) -> Vec<Value> {
    let held = |text: &String| match eval.written(&rewrite::sole_path(text.trim())?)? {
        (Value::List(conditions), _) => Some(conditions),
        _ => None,
    };
    match that {
        Value::List(conditions) => conditions.clone(),
        Value::String(text) => held(text).unwrap_or_else(|| vec![that.clone()]),
        other => vec![other.clone()],
    }
}
