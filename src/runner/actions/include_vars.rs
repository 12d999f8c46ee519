//! `include_vars`: variables from a file of the controller.

use super::{Action, ActionError, Context, Done, files};
use crate::diag::{Diagnostic, Source};
use crate::modules::{Args, Failure, Kind, Outcome, Param, Spec};
use crate::value::{Map, Value, yaml};

/// The action.
pub struct IncludeVars;

static SPEC: Spec = Spec {
    name: "include_vars",
    summary: "Reads variables from a YAML or JSON file of the controller",
    params: &[
        Param::new("file", Kind::Path, "The file, below vars/ or beside the playbook").required(),
        Param::new("name", Kind::Str, "Put them into one variable of this name"),
    ],
    free_form: Some("file"),
    ..Spec::EMPTY
};

impl Action for IncludeVars {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError> {
        let args = Args::check(&SPEC, args)?;
        let (path, content) = files::read(args.text("file"), "vars", context)?;
        let source = Source::new(path.display().to_string(), String::from_utf8_lossy(&content));
        let failed = |error: Diagnostic| Failure::new(error.to_string());
        let mut parsed = yaml::read(&source).map_err(failed)?;
        let warnings = parsed.warnings.drain(..).map(|warning| warning.to_string()).collect();
        let vars = match parsed.single().map_err(failed)?.map(|node| node.to_value()) {
            Some(Value::Map(map)) => map,
            None | Some(Value::Null) => Map::new(),
            Some(_) => {
                let msg = format!("{} must hold a mapping of variables", path.display());
                return Err(Failure::new(msg).into());
            }
        };
        let facts = match args.str("name") {
            Some(name) => [(name.to_owned(), Value::Map(vars))].into_iter().collect(),
            None => vars,
        };
        let outcome = Outcome { warnings, ..Outcome::new().with("ansible_facts", Value::Map(facts.clone())) };
        Ok(Done { outcome, facts, shown: false })
    }
}
