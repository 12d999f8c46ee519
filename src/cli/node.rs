//! `enlist node`: the service's socket on a login node, or the daemon of a compute node.

use super::Raw;
use super::exit::{Exit, fail};
use crate::view::styles::stdout;
use clap::Args;
use service::daemon::ThisHost;
use service::daemon::compute::Place;
use service::daemon::config::{Config, DEFAULT_FILE};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Options of `enlist node`.
#[derive(Args, Clone)]
pub struct NodeArgs {
    /// Configuration file: AccountingStorageHost names the master
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Unix socket to listen on, instead of ListenSocket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Be the daemon of a compute node: start the jobs that the master gives to NAME (the host's name up to its first dot)
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    compute: Option<Option<String>>,
    /// With --compute on the master itself: reach the service by its socket, without a certificate
    #[arg(long, requires = "compute")]
    local: bool,
    /// Read configuration and certificates, say whether they are good, and end
    #[arg(long)]
    check_config: bool,
}

/// Runs the daemon until it is told to stop.
pub fn run(args: NodeArgs) -> Exit {
    match serve(args) {
        Ok(()) => Exit::OK,
        Err(error) => fail(&error),
    }
}

fn serve(args: NodeArgs) -> Result<(), Diagnostic> {
    let config = config(&args)?;
    let place = place(&args);
    if args.check_config {
        match &place {
            Some(place) => service::daemon::compute::check(&config, place)?,
            None => service::daemon::login::check(&config)?,
        }
        stdout().line("The configuration and the certificates are good.");
        return Ok(());
    }
    let reread = Box::new(move || self::config(&args));
    match &place {
        Some(place) => service::daemon::compute::serve(&config, place, reread),
        None => service::daemon::login::serve(&config, reread),
    }
}

/// Which compute node this is, if it is one.
fn place(args: &NodeArgs) -> Option<Place> {
    let (gres, container) = (args.config.with_file_name("gres.conf"), args.config.with_file_name("job_container.conf"));
    args.compute.clone().map(|name| Place { name, local: args.local, gres, container })
}

fn config(args: &NodeArgs) -> Result<Config, Diagnostic> {
    let mut config = Config::read(&args.config)?;
    config.socket = args.socket.clone().unwrap_or(config.socket);
    Ok(config)
}

/// The processes of a run on a compute node are this program, too; nobody types these words, and `--help` has none of them.
pub fn part_of_a_run(word: Option<&OsStr>) -> Option<Raw> {
    match word?.to_str()? {
        compute::SUPERVISOR => Some(supervise),
        compute::LAUNCHER => Some(launch),
        _ => None,
    }
}

fn supervise(args: Vec<OsString>) -> Exit {
    let Some(directory) = args.first().map(Path::new) else { return Exit::ERROR };
    match compute::supervisor::run(directory) {
        Ok(()) => Exit::OK,
        Err(error) => fail(&Diagnostic::new(ErrorKind::Host, format!("{}: {error}", directory.display()))),
    }
}

/// It comes back only when it failed.
fn launch(_: Vec<OsString>) -> Exit {
    Exit(compute::launcher::run(&ThisHost))
}
