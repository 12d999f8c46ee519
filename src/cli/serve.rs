//! `enlist serve`: the built-in accounting service.

use super::exit::{Exit, fail};
use crate::view::styles::{stderr, stdout};
use clap::Args;
use service::daemon::config::{Config, DEFAULT_FILE};
use std::path::{Path, PathBuf};
use words::diag::Diagnostic;

/// Options of `enlist serve`.
#[derive(Args, Clone)]
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
    /// Print all values in effect, in the form of the configuration file, and end
    #[arg(long)]
    print_config: bool,
}

/// Runs the service until it is told to stop.
pub fn run(args: ServeArgs) -> Exit {
    let (check, print) = (args.check_config, args.print_config);
    let config = match config(&args) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    config.warnings.iter().for_each(|warning| stderr().line(format!("enlist serve: warning: {warning}")));
    if print {
        stdout().text(&config.print());
    }
    if check && !print {
        stdout().line("The configuration is good.");
    }
    if check || print {
        return Exit::OK;
    }
    let reread = Box::new(move || self::config(&args));
    service::daemon::serve(config, reread).map_or_else(|error| fail(&error), |()| Exit::OK)
}

fn config(args: &ServeArgs) -> Result<Config, Diagnostic> {
    let file = args.config.clone().or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| Path::exists(path)));
    let mut config = file.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))?;
    config.store = args.store.clone().unwrap_or(config.store);
    config.socket = args.socket.clone().unwrap_or(config.socket);
    Ok(config)
}
