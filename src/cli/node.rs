//! `enlist node`: the service's socket on a login node.

use super::exit::{Exit, fail};
use crate::view::styles::stdout;
use clap::Args;
use service::daemon::config::{Config, DEFAULT_FILE};
use std::path::PathBuf;
use words::diag::Diagnostic;

/// Options of `enlist node`.
#[derive(Args, Clone)]
pub struct NodeArgs {
    /// Configuration file: AccountingStorageHost names the master
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Unix socket to listen on, instead of ListenSocket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
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
    if args.check_config {
        service::daemon::login::check(&config)?;
        stdout().line("The configuration and the certificates are good.");
        return Ok(());
    }
    service::daemon::login::serve(&config, Box::new(move || self::config(&args)))
}

fn config(args: &NodeArgs) -> Result<Config, Diagnostic> {
    let mut config = Config::read(&args.config)?;
    config.socket = args.socket.clone().unwrap_or(config.socket);
    Ok(config)
}
