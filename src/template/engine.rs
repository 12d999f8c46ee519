//! The minijinja environment of the process, its compiled templates, and Ansible's rules for results.

use super::data::{Context, EVAL, Eval, to_value};
use super::error::{carried, from_engine};
use super::{FileOptions, TemplateError};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as Engine;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Expression, Output, State, UndefinedBehavior};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Where a template is written, which decides how backslashes in its texts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dialect {
    /// In YAML: YAML has read the backslashes, so `{{ '\1' }}` means what it shows.
    Text,
    /// A bare expression, or a template file: Python's escapes.
    Condition,
}

/// Whether `text` holds template syntax.
pub(super) fn is_template(text: &str) -> bool {
    let mut bytes = text.as_bytes();
    while let Some(at) = bytes.iter().position(|byte| *byte == b'{') {
        bytes = &bytes[at + 1..];
        if matches!(bytes.first(), Some(b'{' | b'%' | b'#')) {
            return true;
        }
    }
    text.starts_with("#jinja2:")
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(&FileOptions::default()));

/// Template files with other delimiters or block rules than the default have an environment of their own.
static OTHERS: LazyLock<Mutex<HashMap<FileOptions, Arc<Environment<'static>>>>> = LazyLock::new(Mutex::default);

static EXPRESSIONS: LazyLock<Mutex<HashMap<(Dialect, String), Arc<Compiled>>>> = LazyLock::new(Mutex::default);

struct Compiled {
    source: String,
    expression: Expression<'static, 'static>,
}

fn environment(options: &FileOptions) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    // In debug mode every error looks at all variables again, which evaluates them.
    env.set_debug(false);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(emit);
    env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    env.set_loader(|name| Ok(Some(source_of(name).to_owned())));
    if let Ok(syntax) = syntax(options) {
        env.set_syntax(syntax);
    }
    env.add_global("omit", Engine::from_object(super::data::Omit));
    env
}

fn syntax(options: &FileOptions) -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder()
        .variable_delimiters(options.variable.0.clone(), options.variable.1.clone())
        .block_delimiters(options.block.0.clone(), options.block.1.clone())
        .comment_delimiters(options.comment.0.clone(), options.comment.1.clone())
        .trim_blocks(options.trim_blocks)
        .lstrip_blocks(options.lstrip_blocks)
        .keep_trailing_newline(true)
        .build()
}

/// Templates are named by their path and whole text, so that the engine's own cache never serves an old one.
fn template_name(path: &str, text: &str) -> String {
    format!("{path}\0{text}")
}

fn source_of(name: &str) -> &str {
    name.split_once('\0').map_or(name, |(_, text)| text)
}

/// What one template has printed: a template that prints one value and nothing else *is* that value.
#[derive(Default)]
struct Printed {
    first: Option<(Engine, String)>,
    count: usize,
}

/// Python's `str()` of each printed value; None prints nothing, undefined is an error.
fn emit(out: &mut Output, state: &mut State, value: &Engine) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if value.is_none() {
        return Ok(());
    }
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => to_value(value)?.to_string(),
    };
    out.write_str(&text)?;
    let printed = state.get_or_insert_extension(Printed::default());
    printed.count += 1;
    printed.first = (printed.count == 1).then(|| (value.clone(), text));
    Ok(())
}

/// The evaluation that a filter or function runs in.
pub(super) fn eval_of(state: &State) -> Option<Eval> {
    Some(state.lookup(EVAL)?.downcast_object_ref::<Context>()?.0.clone())
}

/// Evaluates an expression.
pub(super) fn expression(text: &str, dialect: Dialect, eval: &Eval) -> Result<Engine, TemplateError> {
    let compiled = compile(text, dialect)?;
    let result = compiled.expression.eval(eval.context());
    match result {
        Ok(value) if value.is_undefined() => Err(super::error::name_undefined(&compiled.source, None, eval)),
        Ok(value) => Ok(value),
        Err(error) => Err(explain(&error, &compiled.source, eval)),
    }
}

fn compile(text: &str, dialect: Dialect) -> Result<Arc<Compiled>, TemplateError> {
    let key = (dialect, text.to_owned());
    let cache = || EXPRESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(compiled) = cache().get(&key) {
        return Ok(compiled.clone());
    }
    let source = text.to_owned();
    let expression = ENVIRONMENT.compile_expression_owned(source.clone()).map_err(|error| from_engine(&error))?;
    let compiled = Arc::new(Compiled { source, expression });
    cache().insert(key, compiled.clone());
    Ok(compiled)
}

/// Evaluates a text with template syntax to a native value.
pub(super) fn native(text: &str, eval: &Eval) -> Result<Engine, TemplateError> {
    if text.starts_with("#jinja2:") {
        return file("", text, &FileOptions::default(), eval).map(Engine::from);
    }
    if let Some(inner) = sole_expression(text) {
        return expression(inner, Dialect::Text, eval);
    }
    let stripped = text.strip_suffix('\n').unwrap_or(text);
    let result = run(&ENVIRONMENT, &template_name("", stripped), eval)?;
    Ok(match result.as_str() {
        Some(printed) => Engine::from(keep_newlines(text, printed.to_owned())),
        None => result,
    })
}

/// Jinja drops the last newline, Ansible puts back as many as the template ended with.
fn keep_newlines(template: &str, mut result: String) -> String {
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    for _ in count(&result)..count(template) {
        result.push('\n');
    }
    result
}

/// The expression of a text that is one `{{ expression }}`.
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !inner.contains("}}") && !inner.contains("{{") && !inner.starts_with('-') && !inner.ends_with('-');
    plain.then(|| inner.trim())
}

fn run(env: &Environment<'static>, name: &str, eval: &Eval) -> Result<Engine, TemplateError> {
    let explain = |error: Error| explain(&error, source_of(name), eval);
    let template = env.get_template(name).map_err(explain)?;
    let captured = template.render_captured(eval.context()).map_err(explain)?;
    let printed = captured.state().get_extension::<Printed>().and_then(|printed| printed.first.as_ref());
    Ok(match printed {
        Some((value, text)) if *text == captured.output() => value.clone(),
        _ => Engine::from(captured.output()),
    })
}

/// Evaluates a template file.
pub(super) fn file(path: &str, text: &str, options: &FileOptions, eval: &Eval) -> Result<String, TemplateError> {
    let name = template_name(path, text.strip_suffix('\n').unwrap_or(text));
    let result = match *options == FileOptions::default() {
        true => run(&ENVIRONMENT, &name, eval)?,
        false => {
            let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
            let env = others.entry(options.clone()).or_insert_with(|| Arc::new(environment(options))).clone();
            drop(others);
            run(&env, &name, eval)?
        }
    };
    Ok(keep_newlines(text, to_value(&result)?.to_string()))
}

/// The engine's error in plain words; an undefined name is found from the place of the error.
fn explain(error: &Error, source: &str, eval: &Eval) -> TemplateError {
    match carried(error) {
        Some(ours) => ours,
        None if is_undefined(error) => super::error::name_undefined(source, error.range(), eval),
        None => from_engine(error),
    }
}

/// Operators report an undefined operand as one of a wrong type.
fn is_undefined(error: &Error) -> bool {
    let of_operator =
        || error.detail().is_some_and(|detail| detail.contains("unsupported types") && detail.contains("undefined"));
    error.kind() == ErrorKind::UndefinedError || of_operator()
}
