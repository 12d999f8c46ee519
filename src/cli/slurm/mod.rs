//! `enlist slurm COMMAND …`: Slurm's commands, also by their own names through links.

pub mod client;
mod files;
mod http;
mod printing;
mod prompt;
pub mod report;
pub mod sacctmgr;
mod session;
pub mod side;

use super::Raw;
use super::exit::Exit;
use crate::view::styles::stderr;
use clap::Args;
use std::ffi::OsString;

/// The commands, by the name of their link.
pub const COMMANDS: &[(&str, Raw)] =
    &[("sacct", report::sacct), ("sacctmgr", sacctmgr::run), ("sreport", report::sreport), ("sshare", report::sshare)];

/// Arguments of `enlist slurm`.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct SlurmArgs {
    /// The command and its own arguments, such as `sacctmgr show user`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The arguments of a command, which are texts.
fn texts(args: Vec<OsString>) -> Result<Vec<String>, String> {
    let text = |arg: OsString| arg.into_string().map_err(|arg| format!("{} is not UTF-8 text", arg.display()));
    args.into_iter().map(text).collect()
}

fn complain(program: &str, error: &str) -> Exit {
    stderr().line(format!("{program}: error: {error}"));
    Exit::ERROR
}

/// Runs the named command.
pub fn run(args: SlurmArgs) -> Exit {
    let name = &args.command[0];
    match COMMANDS.iter().find(|(command, _)| name == *command) {
        Some((_, run)) => run(args.command[1..].to_vec()),
        None => {
            let known: Vec<_> = COMMANDS.iter().map(|(command, _)| *command).collect();
            stderr().line(format!("enlist slurm: there is no {}; there is: {}", name.display(), known.join(", ")));
            Exit(2)
        }
    }
}
