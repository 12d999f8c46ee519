//! `enlist doc`: which modules there are and what they take, from the tables that arguments are checked against.

use super::{Exit, fail};
use crate::view::doc::{self, Side};
use crate::view::styles::stdout;
use clap::Args;
use control::runner::actions::Runs;
use host::parameters::Spec;
use words::diag::{Diagnostic, ErrorKind};

/// Show which modules there are, or the parameters of some.
#[derive(Args, Debug)]
pub struct DocArgs {
    /// The modules, with or without collection; none lists all
    #[arg(value_name = "MODULE")]
    pub modules: Vec<String>,
    /// For scripts: a list with one entry a module
    #[arg(long)]
    pub json: bool,
}

/// A module as it is documented.
#[derive(Clone, Copy)]
pub struct Documented {
    /// Its table.
    pub spec: &'static Spec,
    /// Where it runs.
    pub side: Side,
}

impl Documented {
    fn of(runs: Runs) -> Self {
        let on_controller = matches!(runs, Runs::OnController(_) | Runs::Meta);
        Documented { spec: runs.spec(), side: if on_controller { Side::Controller } else { Side::Host } }
    }
}

/// Every module that a task may name, by name.
pub fn all() -> Vec<Documented> {
    let mut names: Vec<&str> = Runs::names().collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(Runs::find).map(Documented::of).collect()
}

/// Shows them.
pub fn run(args: &DocArgs) -> Exit {
    match asked(&args.modules) {
        Ok(modules) => {
            let text = shown(&modules, args);
            if args.json {
                stdout().json(&text)
            } else {
                stdout().line(text)
            }
            Exit::OK
        }
        Err(error) => fail(&error),
    }
}

fn asked(names: &[String]) -> Result<Vec<Documented>, Diagnostic> {
    if names.is_empty() {
        return Ok(all());
    }
    names.iter().map(|name| Runs::find(name).map(Documented::of).ok_or_else(|| unknown(name))).collect()
}

fn unknown(name: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, format!("there is no module `{name}`"))
        .suggest(name, Runs::names())
        .hint("`enlist doc` lists the modules that there are")
}

fn shown(modules: &[Documented], args: &DocArgs) -> String {
    if args.json {
        let entries = modules.iter().map(|module| doc::json(module.spec, module.side)).collect();
        return format!("{:#}", serde_json::Value::Array(entries));
    }
    if args.modules.is_empty() {
        return doc::list(&modules.iter().map(|module| module.spec).collect::<Vec<_>>());
    }
    let texts = modules.iter().map(|module| doc::text(module.spec, module.side));
    texts.collect::<Vec<_>>().join("\n\n")
}
