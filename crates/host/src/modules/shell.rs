//! `shell`: runs a command line by a shell.

use super::command::{Job, line};
use super::{Args, CheckMode, Failure, Kind, Module, Param, Spec, Verdict};
use crate::system::System;

/// The module.
pub struct Shell;

static SPEC: Spec = Spec {
    name: "shell",
    summary: "Runs a command line by /bin/sh.",
    params: &[
        Param::new("_raw_params", Kind::Str, "The command line in free form.").aliases(&["free_form"]),
        Param::new("cmd", Kind::Str, "The command line."),
        Param::new("executable", Kind::Path, "Another shell, by its whole path."),
        Param::new("creates", Kind::Path, "Does nothing when this is there; a pattern may be given."),
        Param::new("removes", Kind::Path, "Does nothing when this is not there; a pattern may be given."),
        Param::new("chdir", Kind::Path, "Directory to run in."),
        Param::new("stdin", Kind::Str, "What the command reads."),
        Param::new("stdin_add_newline", Kind::Bool, "Ends that with a newline.").default("yes"),
    ],
    free_form: Some("_raw_params"),
    exclusive: &[&["_raw_params", "cmd"]],
    one_of: &[&["_raw_params", "cmd"]],
    check_mode: CheckMode::Partial,
    facts: &[],
};

impl Module for Shell {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let line = line(args);
        if line.trim().is_empty() {
            return Err(Failure::new("no command given").with("rc", 256));
        }
        let shell = match args.get("executable") {
            Some(_) => super::files::path(args, "executable", system)?.to_string_lossy().into_owned(),
            None => "/bin/sh".to_owned(),
        };
        Job { argv: vec![shell, "-c".into(), line.into()], shown: line.into(), warning: None }.verdict(args, system)
    }
}
