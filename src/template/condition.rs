//! `when` and its relatives.

use super::data::Eval;
use super::engine::{Dialect, is_template};
use super::{TemplateError, Value};

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

/// Braces around a condition are tolerated; what they yield is an expression again if it is a text.
fn evaluate_text(text: &str, eval: &Eval) -> Result<Value, TemplateError> {
    if text.is_empty() {
        return Err(TemplateError::failed("a condition is empty; write an expression, true or false"));
    }
    if !is_template(text) {
        return eval.expression(text, Dialect::Condition);
    }
    match eval.render_text(text)?.unwrap_or(Value::Null) {
        Value::String(inner) if !inner.trim().is_empty() => eval.expression(inner.trim(), Dialect::Condition),
        other => Ok(other),
    }
}
