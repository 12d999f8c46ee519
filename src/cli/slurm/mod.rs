//! `enlist slurm COMMAND …`: Slurm's commands, also by their own names through links.

mod caught;
pub mod client;
mod console;
mod coprocess;
mod files;
mod given;
mod granted;
mod http;
mod live;
mod news;
mod printing;
mod prompt;
pub mod report;
pub mod sacctmgr;
mod salloc;
mod sattach;
mod sbatch;
mod sbcast;
mod session;
pub mod side;
mod srun;
mod terminal;

use super::Raw;
use super::exit::{self, Exit};
use crate::view::styles::{stderr, stdout};
use clap::Args;
use commands::{LocalProgram, Reply, SlurmProgram};
use std::ffi::{OsStr, OsString};
use words::diag::{Diagnostic, ErrorKind};

/// What runs the program of this name, which is also the name of its link; `None` when there is none.
pub fn named(name: &OsStr) -> Option<Raw> {
    if let Some(local) = LocalProgram::ALL.into_iter().find(|program| name == program.name()) {
        return Some(local_command(local));
    }
    SlurmProgram::ALL.into_iter().find(|program| name == program.name()).map(command)
}

fn local_command(program: LocalProgram) -> Raw {
    match program {
        LocalProgram::Salloc => salloc::run,
        LocalProgram::Sattach => sattach::run,
        LocalProgram::Sbatch => sbatch::run,
        LocalProgram::Sbcast => sbcast::run,
        LocalProgram::Srun => srun::run,
    }
}

fn command(program: SlurmProgram) -> Raw {
    match program {
        SlurmProgram::Sacct => report::sacct,
        SlurmProgram::Sacctmgr => sacctmgr::run,
        SlurmProgram::Scancel => live::scancel,
        SlurmProgram::Scontrol => live::scontrol,
        SlurmProgram::Sdiag => live::sdiag,
        SlurmProgram::Sinfo => live::sinfo,
        SlurmProgram::Sprio => live::sprio,
        SlurmProgram::Squeue => live::squeue,
        SlurmProgram::Sreport => report::sreport,
        SlurmProgram::Sshare => report::sshare,
        SlurmProgram::Sstat => live::sstat,
    }
}

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

/// Prints what a command says; its exit code.
fn printed(reply: Reply) -> u8 {
    stdout().text(&reply.stdout);
    stderr().text(&reply.stderr);
    reply.code
}

/// Runs the named command.
pub fn run(args: SlurmArgs) -> Exit {
    let name = &args.command[0];
    match named(name) {
        Some(run) => run(args.command[1..].to_vec()),
        None => {
            let known: Vec<_> = SlurmProgram::ALL
                .into_iter()
                .map(SlurmProgram::name)
                .chain(LocalProgram::ALL.map(LocalProgram::name))
                .collect();
            let error = Diagnostic::new(ErrorKind::Usage, format!("there is no command {} of Slurm's", name.display()));
            exit::show(&error.hint(format!("there is: {}", known.join(", "))));
            Exit(2)
        }
    }
}
