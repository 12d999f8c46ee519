//! `include_tasks`, as far as a host goes: it says which file. The runner reads it and runs its tasks.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::change::outcome::{Failure, Outcome};
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use words::value::{Map, Value};

/// The action.
pub struct IncludeTasks;

/// The return value with the file's name as the host says it.
pub const FILE: &str = "include";
/// The return value with the other arguments.
pub const ARGS: &str = "include_args";

parameters! {
    /// Runs the tasks of a file of the controller, which is read when the run comes to it
    pub struct IncludeTasksParameters for "include_tasks" {
        /// The file, beside the task's file or the playbook
        _raw_params | "file": Option<String>,
        /// Keywords for the tasks of the file, as of a block around them
        apply: Option<Value>,
    }
    one_of [_raw_params];
    free_form _raw_params;
}

impl Action for IncludeTasks {
    fn spec(&self) -> &'static Spec {
        IncludeTasksParameters::SPEC
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let given = IncludeTasksParameters::read(args)?;
        let Some(file) = given._raw_params.filter(|name| !name.is_empty()) else {
            return Err(Failure::new("No include file was specified to the include").into());
        };
        let others: Map = given.apply.into_iter().map(|apply| ("apply".to_owned(), apply)).collect();
        let outcome = Outcome::new().with(FILE, file).with(ARGS, Value::Map(others));
        Ok(Done { outcome, ..Done::default() })
    }
}

/// Whether an argument of this name is the file's name.
pub fn is_file(argument: &str) -> bool {
    IncludeTasksParameters::SPEC.param(argument).is_some_and(|param| param.aliases.contains(&"file"))
}
