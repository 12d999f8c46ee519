//! A module's table of parameters as people read it: lines for a terminal, JSON, and Markdown for `docs/modules`.

use host::parameters::{CheckMode, Param, ParameterKind, Spec};
use serde_json::{Value, json};
use words::text::width::{pad, width};

/// Where a module does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On the host, in the agent.
    Host,
    /// On the controller alone, without reaching a host.
    Controller,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Side::Host => "host",
            Side::Controller => "controller",
        }
    }
}

/// The names of all modules with their summaries, one a line.
pub fn list(specs: &[&Spec]) -> String {
    let column = specs.iter().map(|spec| width(spec.name)).max().unwrap_or(0);
    let lines = specs.iter().map(|spec| format!("{}  {}", pad(spec.name, column), spec.summary));
    lines.collect::<Vec<_>>().join("\n")
}

/// One module for a terminal: its parameters in columns, then the rules between them.
pub fn text(spec: &Spec, side: Side) -> String {
    let rows: Vec<[String; 3]> = public(spec).map(|param| row(param, "")).collect();
    let column = |at: usize| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
    let (names, forms) = (column(0), column(1));
    let line = |[name, form, help]: &[String; 3]| {
        format!("  {}  {}  {help}", pad(name, names), pad(form, forms)).trim_end().to_owned()
    };
    let mut lines = vec![format!("{}: {}", spec.name, spec.summary), String::new()];
    lines.extend(rows.iter().map(line));
    lines.push(String::new());
    lines.extend(rules(spec, side, ""));
    lines.join("\n")
}

/// One module as a part of a Markdown page.
pub fn markdown(spec: &Spec, side: Side) -> String {
    let mut lines = vec![spec.summary.to_owned(), String::new()];
    if public(spec).next().is_some() {
        lines.extend(["| parameter | holds | |".to_owned(), "|---|---|---|".to_owned()]);
    }
    for param in public(spec) {
        let [name, form, help] = row(param, "`").map(|cell| cell.replace('|', "\\|"));
        lines.push(format!("| {name} | {form} | {help} |"));
    }
    lines.push(String::new());
    lines.extend(rules(spec, side, "`").into_iter().map(|rule| format!("- {rule}")));
    lines.join("\n") + "\n"
}

/// One module for scripts. Every key is always there.
pub fn json(spec: &Spec, side: Side) -> Value {
    let param = |param: &Param| {
        json!({
            "name": param.name, "aliases": param.aliases, "type": kind(param.kind), "required": param.required,
            "default": param.default, "choices": param.choices, "secret": param.no_log, "help": param.help,
        })
    };
    json!({
        "module": spec.name,
        "summary": spec.summary,
        "runs_on": side.word(),
        "check_mode": if spec.check_mode == CheckMode::Full { "full" } else { "partial" },
        "free_form": spec.free_form,
        "parameters": public(spec).map(param).collect::<Vec<_>>(),
        "at_most_one_of": alternatives(spec.exclusive),
        "at_least_one_of": alternatives(spec.one_of),
    })
}

/// What playbooks may give: a name with `_` in front is for the controller's half of a module alone.
fn public(spec: &Spec) -> impl Iterator<Item = &'static Param> {
    spec.params.iter().filter(|param| is_public(param.name))
}

fn is_public(name: &str) -> bool {
    !name.starts_with('_')
}

/// Groups of names as far as playbooks may give them; one that is left alone is no choice.
fn alternatives(groups: &[&[&'static str]]) -> Vec<Vec<&'static str>> {
    let names = |group: &&[&'static str]| group.iter().copied().filter(|name| is_public(name)).collect::<Vec<_>>();
    groups.iter().map(names).filter(|group| group.len() > 1).collect()
}

/// Name with aliases, what it holds, and what it is for; names between `quote`s.
fn row(param: &Param, quote: &str) -> [String; 3] {
    let quoted = |name: &&str| format!("{quote}{name}{quote}");
    let mut name = quoted(&param.name);
    if !param.aliases.is_empty() {
        name += &format!(" ({})", param.aliases.iter().map(quoted).collect::<Vec<_>>().join(", "));
    }
    let mut form = match param.choices {
        [] => kind(param.kind).to_owned(),
        choices => choices.join(" | "),
    };
    if param.required {
        form += ", required";
    }
    if let Some(default) = param.default {
        form += &format!(", default {}", if default.is_empty() { "empty" } else { default });
    }
    if param.no_log {
        form += ", secret";
    }
    [name, form, param.help.to_owned()]
}

fn rules(spec: &Spec, side: Side, quote: &str) -> Vec<String> {
    let names =
        |group: Vec<&str>| group.iter().map(|name| format!("{quote}{name}{quote}")).collect::<Vec<_>>().join(", ");
    let mut rules: Vec<String> = Vec::new();
    rules.extend(alternatives(spec.exclusive).into_iter().map(|group| format!("At most one of {}.", names(group))));
    rules.extend(alternatives(spec.one_of).into_iter().map(|group| format!("At least one of {}.", names(group))));
    if let Some(name) = spec.free_form {
        rules.push(format!("Free text behind the module's name is {quote}{name}{quote}."));
    }
    rules.push(match spec.check_mode {
        CheckMode::Full => "Check mode says what a real run would do.".to_owned(),
        CheckMode::Partial => {
            "Check mode skips it, and says that its outcome is unknown, unless the arguments tell.".to_owned()
        }
    });
    if side == Side::Controller {
        rules.push("Runs on the controller; no host is reached.".to_owned());
    }
    rules
}

fn kind(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Str => "text",
        ParameterKind::Int => "integer",
        ParameterKind::Float => "number",
        ParameterKind::Bool => "yes or no",
        ParameterKind::List => "list",
        ParameterKind::Dict => "mapping",
        ParameterKind::Path => "path",
        ParameterKind::Raw => "as given",
    }
}
