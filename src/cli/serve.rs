//! `enlist serve`: the built-in accounting service.

use super::exit::{Exit, fail};
use crate::daemon::config::{Config, DEFAULT_FILE};
use crate::diag::Diagnostic;
use clap::Args;
use std::path::{Path, PathBuf};

/// Options of `enlist serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Configuration file, Key=Value as in slurm.conf [default: /etc/enlist/enlist.conf, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File of the store, instead of StoreLocation
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
    /// Unix socket to listen on, instead of ListenSocket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Read the configuration, say whether it is good, and end
    #[arg(long)]
    check_config: bool,
}

/// Runs the service until it is told to stop.
pub fn run(args: ServeArgs) -> Exit {
    let check_only = args.check_config;
    let served = config(args).and_then(|config| if check_only { Ok(()) } else { crate::daemon::serve(&config) });
    match served {
        Ok(()) => Exit::OK,
        Err(error) => fail(&error),
    }
}

fn config(args: ServeArgs) -> Result<Config, Diagnostic> {
    let file = args.config.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| Path::exists(path)));
    let mut config = file.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))?;
    config.store = args.store.unwrap_or(config.store);
    config.socket = args.socket.unwrap_or(config.socket);
    Ok(config)
}
