//! Slurm's commands that the service answers. A new one is a function and a line here.

use super::api::{Request, Response};
use super::caller::Who;
use super::service::Service;
use commands::Output;

/// Answers one command of a caller; many run at the same time. What may be long is handed on by the output; the response's
/// `stdout` is the rest.
pub type Answer = fn(&Service, Who, Request, Output) -> Response;

/// By the name of the program.
pub const PROGRAMS: &[(&str, Answer)] = &[
    ("sacct", Service::sacct),
    ("sacctmgr", Service::sacctmgr),
    ("sreport", Service::sreport),
    ("sshare", Service::sshare),
];

/// The command of this name.
pub fn named(name: &str) -> Option<Answer> {
    PROGRAMS.iter().find(|(program, _)| *program == name).map(|(_, answer)| *answer)
}
