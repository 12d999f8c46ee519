//! `enlist store`: copies of the accounting service's store.

use super::exit::{Exit, fail};
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use service::daemon::config::{Config, DEFAULT_FILE};
use service::store::{self, Contents, StoreError};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Arguments of `enlist store`.
#[derive(Args)]
pub struct StoreCommand {
    /// Configuration file of the service [default: /etc/enlist/enlist.conf, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File of the store, instead of StoreLocation
    #[arg(long, global = true, value_name = "PATH")]
    store: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Copy the store into FILE, also while it is served
    Backup {
        /// A new file
        file: PathBuf,
    },
    /// Put a backup in the store's place, which must not be served; what was there is kept beside it
    Restore {
        /// A file that `enlist store backup` made
        file: PathBuf,
    },
    /// Look for damage: every page, index, reference and row; also while it is served
    Check,
}

/// Runs one of them.
pub fn run(command: StoreCommand) -> Exit {
    let path = match location(command.config, command.store) {
        Ok(path) => path,
        Err(error) => return fail(&error),
    };
    match act(&command.action, &path) {
        Ok(said) => {
            stdout().line(said);
            Exit::OK
        }
        Err(error) => fail(&Diagnostic::new(ErrorKind::Host, error.to_string())),
    }
}

fn location(config: Option<PathBuf>, store: Option<PathBuf>) -> Result<PathBuf, Diagnostic> {
    if let Some(store) = store {
        return Ok(store);
    }
    let file = config.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| Path::exists(path)));
    Ok(file.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))?.store)
}

fn act(action: &Action, path: &Path) -> Result<String, StoreError> {
    Ok(match action {
        Action::Backup { file } => {
            let contents = store::backup(path, file)?;
            format!("{} holds {}", file.display(), describe(&contents))
        }
        Action::Restore { file } => {
            let (contents, kept) = store::restore(file, path)?;
            let kept = kept.map_or_else(String::new, |kept| format!("; what was there is {}", kept.display()));
            format!("{} holds {}{kept}", path.display(), describe(&contents))
        }
        Action::Check => format!("{} is whole: {}", path.display(), describe(&store::verify(path)?)),
    })
}

/// `schema 4, 1 clusters, 2 users, …`
fn describe(contents: &Contents) -> String {
    let rows = contents.rows.iter().map(|(what, count)| format!(", {count} {what}"));
    format!("schema {}{}", contents.schema, rows.collect::<String>())
}
