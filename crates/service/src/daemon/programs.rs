//! What answers each of Slurm's programs.

use super::api::{Request, Response};
use super::caller::Who;
use super::service::Service;
use commands::{Output, SlurmProgram};

/// Answers one command of a caller; many run at the same time. What may be long is handed on by the output; the response's
/// `stdout` is the rest.
pub type Answer = fn(&Service, Who, Request, Output) -> Response;

/// The answer of a program.
pub fn answer(program: SlurmProgram) -> Answer {
    match program {
        SlurmProgram::Sacct => Service::sacct,
        SlurmProgram::Sacctmgr => Service::sacctmgr,
        SlurmProgram::Scancel => Service::scancel,
        SlurmProgram::Scontrol => Service::scontrol,
        SlurmProgram::Sdiag => Service::sdiag,
        SlurmProgram::Sinfo => Service::sinfo,
        SlurmProgram::Sprio => Service::sprio,
        SlurmProgram::Squeue => Service::squeue,
        SlurmProgram::Sreport => Service::sreport,
        SlurmProgram::Sshare => Service::sshare,
        SlurmProgram::Sstat => Service::sstat,
    }
}
