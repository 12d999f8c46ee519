//! `shell`: runs a command line by a shell.

use super::command::{Job, JobParameters, line};
use crate::change::outcome::Failure;
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::System;

/// The module.
pub struct Shell;

parameters! {
    /// Runs a command line by /bin/sh.
    pub struct ShellParameters for "shell" {
        /// The command line in free form.
        _raw_params | "free_form": Option<String>,
        /// The command line.
        cmd: Option<String>,
        /// Another shell, by its whole path.
        executable: Option<HostPath>,
        ..job: JobParameters,
    }
    exclusive [_raw_params, cmd];
    one_of [_raw_params, cmd];
    free_form _raw_params;
    check_mode Partial;
}

impl Module for Shell {
    type Parameters = ShellParameters;

    fn check(&self, given: &ShellParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let line = line(&given._raw_params, &given.cmd);
        if line.trim().is_empty() {
            return Err(Failure::new("no command given").with("rc", 256));
        }
        let shell = match &given.executable {
            Some(shell) => shell.on(system)?.to_string_lossy().into_owned(),
            None => "/bin/sh".to_owned(),
        };
        let argv = vec![shell, "-c".into(), line.into()];
        Job { argv, shown: line.into(), warning: None, strip: true }.verdict(&given.job, system)
    }
}
