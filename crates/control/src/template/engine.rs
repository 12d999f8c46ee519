//! The minijinja environment of the process, its compiled templates, and Ansible's rules for results.

use super::data::{Context, EVAL, Eval, to_value};
use super::error::{carried, from_engine, in_file, name_undefined};
use super::operators::printed;
use super::sources::{self, Source};
use super::{FileOptions, TemplateError, rewrite};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as Engine;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Expression, Output, State, UndefinedBehavior};
use std::borrow::Cow;
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
    text.starts_with(OVERRIDE)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(&FileOptions::default()));

/// Template files with other delimiters or block rules than the default have an environment of their own.
static OTHERS: LazyLock<Mutex<HashMap<FileOptions, Arc<Environment<'static>>>>> = LazyLock::new(Mutex::default);

static COMPILED: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

type Cache = HashMap<(Dialect, String), Arc<Compiled>>;

/// A text, ready to be evaluated.
enum Compiled {
    Expression {
        source: String,
        expression: Expression<'static, 'static>,
    },
    /// The name of a template, see [`sources`].
    Template(String),
}

fn environment(options: &FileOptions) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    // In debug mode every error looks at all variables again, which evaluates them.
    env.set_debug(false);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(emit);
    env.set_unknown_method_callback(super::methods::unknown);
    env.set_loader(|name| Ok(sources::find(name).map(|source| source.text.clone())));
    if let Ok(syntax) = syntax(options) {
        env.set_syntax(syntax);
    }
    env.set_path_join_callback(|name, parent| sources::included(name, parent).into());
    super::filters::register(&mut env);
    super::functions::register(&mut env);
    super::operators::register(&mut env);
    env.add_function("_soft", super::soft::of_name);
    env.add_function("_softly", super::soft::of_group);
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

const OVERRIDE: &str = "#jinja2:";

/// What one template has printed: a template that prints one value and nothing else *is* that value.
#[derive(Default)]
struct Printed {
    first: Option<(Engine, String)>,
    count: usize,
}

/// Python's `str()` of each printed value; None prints nothing, undefined is an error.
fn emit(out: &mut Output, state: &mut State, value: &Engine) -> Result<(), Error> {
    if value.is_undefined() {
        // `'x' if false` without else is undefined too, but prints nothing; only the engine knows it apart.
        return minijinja::filters::string(state, value).map(|_| ());
    }
    if value.is_none() {
        return Ok(());
    }
    let text = printed(value)?;
    out.write_str(&text)?;
    let printed = state.get_or_insert_extension(Printed::default());
    printed.count += 1;
    printed.first = (printed.count == 1).then(|| (value.clone(), text));
    Ok(())
}

/// The evaluation that a filter or function runs in.
pub(super) fn eval_of(state: &State) -> Result<Eval, Error> {
    let found = state.lookup(EVAL).and_then(|found| Some(found.downcast_object_ref::<Context>()?.0.clone()));
    found.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "no variables to look up"))
}

/// Evaluates a condition: an expression, in which braces stand for a value.
pub(super) fn condition(text: &str, eval: &Eval) -> Result<Engine, TemplateError> {
    let rewritten = |text: &str| {
        if is_template(text) { rewrite::condition(text) } else { Ok(rewrite::expression(text, Dialect::Condition)) }
    };
    run(&*compiled(text, Dialect::Condition, |text| compile_expression(rewritten(text)?))?, eval)
}

/// Evaluates a text with template syntax to a native value.
pub(super) fn native(text: &str, eval: &Eval) -> Result<Engine, TemplateError> {
    if text.starts_with(OVERRIDE) {
        return file("", text, &FileOptions::default(), eval).map(Engine::from);
    }
    let result = run(&*compiled(text, Dialect::Text, compile_text)?, eval)?;
    Ok(match result.as_str().filter(|_| text.ends_with('\n')) {
        Some(printed) => Engine::from(keep_newlines(text, printed.to_owned(), "\n")),
        None => result,
    })
}

fn compiled(
    text: &str,
    dialect: Dialect,
    compile: impl FnOnce(&str) -> Result<Compiled, TemplateError>,
) -> Result<Arc<Compiled>, TemplateError> {
    let key = (dialect, text.to_owned());
    let cache = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(compiled) = cache().get(&key) {
        return Ok(compiled.clone());
    }
    let compiled = Arc::new(compile(text)?);
    cache().insert(key, compiled.clone());
    Ok(compiled)
}

fn compile_expression(source: String) -> Result<Compiled, TemplateError> {
    let expression = ENVIRONMENT.compile_expression_owned(source.clone()).map_err(|error| from_engine(&error))?;
    Ok(Compiled::Expression { source, expression })
}

fn compile_text(text: &str) -> Result<Compiled, TemplateError> {
    let text = &*with_newlines(text, "\n");
    let stripped = text.strip_suffix('\n').unwrap_or(text);
    match rewrite::sole_expression(stripped) {
        Some(source) => compile_expression(source),
        None => {
            let rewritten = rewrite::template(stripped, Dialect::Text, &FileOptions::default());
            let options = FileOptions::default();
            let source = Source { path: String::new(), text: rewritten, first_line: 1, options };
            Ok(Compiled::Template(sources::name(source)))
        }
    }
}

fn run(compiled: &Compiled, eval: &Eval) -> Result<Engine, TemplateError> {
    match compiled {
        Compiled::Template(name) => run_template(&ENVIRONMENT, name, eval),
        Compiled::Expression { source, expression } => match expression.eval(eval.context()) {
            Ok(value) if value.is_undefined() => Err(name_undefined(source, None, eval)),
            Ok(value) => Ok(value),
            Err(error) => Err(explain(&error, source, eval)),
        },
    }
}

/// Jinja drops the last newline, Ansible puts back as many as the template ended with.
fn keep_newlines(template: &str, result: String, newline: &str) -> String {
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let missing = count(template).saturating_sub(count(&result));
    result + &newline.repeat(missing)
}

/// The text with one kind of line end, as Jinja reads every template; what values hold stays as it is.
pub(super) fn with_newlines<'t>(text: &'t str, newline: &str) -> Cow<'t, str> {
    if newline == "\n" && !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(if newline == "\n" { plain } else { plain.replace('\n', newline) })
}

/// A template that prints nothing is null.
fn run_template(env: &Environment<'static>, name: &str, eval: &Eval) -> Result<Engine, TemplateError> {
    let explain = |error: Error| {
        let source = sources::find(name);
        explain(&error, source.as_ref().map_or("", |source| source.text.as_str()), eval)
    };
    let template = env.get_template(name).map_err(explain)?;
    let _underway = sources::reading_from(eval.control());
    let captured = template.render_captured(eval.context()).map_err(explain)?;
    let printed = captured.state().get_extension::<Printed>().and_then(|printed| printed.first.as_ref());
    Ok(match printed {
        Some((value, text)) if *text == captured.output() => value.clone(),
        None if captured.output().is_empty() => Engine::from(()),
        _ => Engine::from(captured.output()),
    })
}

/// Evaluates a template file.
pub(super) fn file(path: &str, text: &str, options: &FileOptions, eval: &Eval) -> Result<String, TemplateError> {
    let (rest, options) = overrides(text, options)?;
    let first_line = if rest.len() < text.len() { 2 } else { 1 };
    let text = with_newlines(rest, &options.newline);
    let stripped = text.strip_suffix(options.newline.as_str()).unwrap_or(&text);
    let rewritten = rewrite::template(stripped, Dialect::Condition, &options);
    let source = Source { path: path.to_owned(), text: rewritten, first_line, options: options.clone() };
    let name = sources::name(source);
    let result = if options == FileOptions::default() {
        run_template(&ENVIRONMENT, &name, eval)?
    } else {
        let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        let env = others.entry(options.clone()).or_insert_with(|| Arc::new(environment(&options))).clone();
        drop(others);
        run_template(&env, &name, eval)?
    };
    let printed = if result.is_none() { String::new() } else { to_value(&result)?.to_string() };
    Ok(keep_newlines(rest, printed, &options.newline))
}

/// Takes a first line `#jinja2: trim_blocks:False, variable_start_string:'[%'` off the text.
fn overrides<'t>(text: &'t str, options: &FileOptions) -> Result<(&'t str, FileOptions), TemplateError> {
    let mut options = options.clone();
    let Some(rest) = text.strip_prefix(OVERRIDE) else { return Ok((text, options)) };
    let Some((line, text)) = rest.split_once('\n').map(|(line, text)| (line.trim_end_matches('\r'), text)) else {
        return Err(TemplateError::failed("a newline is missing after the '#jinja2:' line"));
    };
    for pair in line.split(',') {
        let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
        let value = value.trim().trim_matches(['\'', '"']);
        match key.trim() {
            "trim_blocks" => options.trim_blocks = value == "True",
            "lstrip_blocks" => options.lstrip_blocks = value == "True",
            "variable_start_string" => options.variable.0 = value.to_owned(),
            "variable_end_string" => options.variable.1 = value.to_owned(),
            "block_start_string" => options.block.0 = value.to_owned(),
            "block_end_string" => options.block.1 = value.to_owned(),
            "comment_start_string" => options.comment.0 = value.to_owned(),
            "comment_end_string" => options.comment.1 = value.to_owned(),
            "newline_sequence" => options.newline = newline(value).ok_or_else(|| wrong_newline(value))?.to_owned(),
            "keep_trailing_newline" => {}
            other => return Err(TemplateError::failed(format!("'#jinja2:' has no setting '{other}'"))),
        }
    }
    Ok((text, options))
}

/// A line end as people write it, itself or escaped.
pub(super) fn newline(written: &str) -> Option<&'static str> {
    match written {
        "\n" | "\\n" => Some("\n"),
        "\r" | "\\r" => Some("\r"),
        "\r\n" | "\\r\\n" => Some("\r\n"),
        _ => None,
    }
}

fn wrong_newline(written: &str) -> TemplateError {
    TemplateError::failed(format!("newline_sequence needs to be one of: \\n, \\r or \\r\\n, not '{written}'"))
}

/// The engine's error in plain words, with its place in a template file; an undefined name is found from its place.
fn explain(error: &Error, source: &str, eval: &Eval) -> TemplateError {
    let place = place(error);
    let inner = place.as_ref().map_or(error, |place| place.error);
    let text = place.as_ref().map_or(source, |place| place.source.text.as_str());
    let found = match carried(inner) {
        Some(ours) => ours,
        None if is_undefined(inner) => name_undefined(text, inner.range(), eval),
        None => from_engine(inner),
    };
    match &place {
        Some(place) => in_file(found, &place.source.path, place.line),
        None => found,
    }
}

/// Where in a template file an error arose: in the innermost file that was included.
struct FilePlace<'e> {
    error: &'e Error,
    source: Arc<Source>,
    line: usize,
}

fn place(error: &Error) -> Option<FilePlace<'_>> {
    let inner = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    if let Some(place) = inner.and_then(place) {
        return Some(place);
    }
    let source = sources::find(error.name()?).filter(|source| !source.path.is_empty())?;
    let line = error.line()? + source.first_line - 1;
    Some(FilePlace { error, source, line })
}

/// Operators report an undefined operand as one of a wrong type.
fn is_undefined(error: &Error) -> bool {
    let of_operator =
        || error.detail().is_some_and(|detail| detail.contains("unsupported types") && detail.contains("undefined"));
    error.kind() == ErrorKind::UndefinedError || of_operator()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compiled_once() {
        let text = "useradd {{ user.name }} -u {{ n }}";
        let first = compiled(text, Dialect::Text, compile_text).unwrap();
        let again = compiled(text, Dialect::Text, |_| panic!("compiled again")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }
}
