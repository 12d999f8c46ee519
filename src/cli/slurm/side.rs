//! One side of a migration: the built-in service, a real Slurm by its own `sacctmgr`, or files captured from one.

use super::client;
use crate::cli::exit::said;
use commands::migrate::{Command, QOS_FORMAT, QosTable, THRESHOLD_FORMAT};
use service::daemon::api::{self, Request, Response};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Where accounting data is read from.
pub enum Side {
    /// The built-in service.
    Service,
    /// Real Slurm, by the path of its `sacctmgr`.
    Program(PathBuf),
    /// A directory that [`Picture::save`] or an admin filled.
    Files(PathBuf),
}

/// All that moves.
pub struct Picture {
    /// `qos.txt`
    pub qos: String,
    /// `thresholds.txt`
    pub thresholds: String,
    /// `accounts.txt`: the names of all accounts, of which a dump has only those with associations; `None` where nobody
    /// asked.
    pub accounts: Option<String>,
    /// `users.txt`: likewise of all users.
    pub users: Option<String>,
    /// `NAME.cfg` of every cluster, as `sacctmgr dump` writes it.
    pub dumps: Vec<(String, String)>,
}

impl Picture {
    /// Writes it into a directory, as [`Side::Files`] reads it.
    pub fn save(&self, directory: &Path) -> Result<(), Diagnostic> {
        let put = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))
        };
        std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
        put("qos.txt", &self.qos)?;
        put("thresholds.txt", &self.thresholds)?;
        for (name, text) in [("accounts.txt", &self.accounts), ("users.txt", &self.users)] {
            if let Some(text) = text {
                put(name, text)?;
            }
        }
        self.dumps.iter().try_for_each(|(cluster, text)| put(&format!("{cluster}.cfg"), text))
    }

    /// Its QOS, and of each line that is none its place and what is wrong.
    pub fn qos(&self) -> (QosTable, Vec<String>) {
        let (table, bad) = QosTable::parse(&self.qos);
        (table, bad.into_iter().map(|(number, why)| format!("qos.txt:{number}: {why}")).collect())
    }
}

impl Side {
    /// Looks at everything.
    pub fn picture(&self) -> Result<Picture, Diagnostic> {
        if let Side::Files(directory) = self {
            return captured(directory);
        }
        let qos = self.ask(&["-nP", "show", "qos", QOS_FORMAT])?;
        let thresholds = self.ask(&["-nP", "show", "assoc", "wopi", THRESHOLD_FORMAT])?;
        let mut dumps = Vec::new();
        for cluster in self.ask(&["-nP", "show", "cluster", "format=cluster"])?.lines() {
            dumps.push((cluster.to_owned(), self.dump(cluster)?));
        }
        let accounts = Some(self.ask(&["-nP", "show", "account", "format=account"])?);
        let users = Some(self.ask(&["-nP", "show", "user", "format=user"])?);
        Ok(Picture { qos, thresholds, accounts, users, dumps })
    }

    fn ask(&self, argv: &[&str]) -> Result<String, Diagnostic> {
        match self {
            Side::Program(program) => run(program, argv),
            _ => Ok(service(&Request { argv: command(argv), ..Request::default() })?.stdout),
        }
    }

    fn dump(&self, cluster: &str) -> Result<String, Diagnostic> {
        let Side::Program(program) = self else {
            let argv = command(&["dump", cluster, "file=x"]);
            let answer = service(&Request { argv, ..Request::default() })?;
            return Ok(answer.writes.into_iter().map(|file| file.text).collect());
        };
        let directory = private_directory()?;
        let path = directory.join("dump.cfg");
        let ran = run(program, &["dump", cluster, &format!("file={}", path.display())]);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| said(format!("{} made no dump of cluster {cluster}: {error}", program.display())));
        let _ = std::fs::remove_dir_all(&directory);
        ran.and(text)
    }
}

/// A new directory that only the caller may enter.
fn private_directory() -> Result<PathBuf, Diagnostic> {
    use std::os::unix::fs::DirBuilderExt;
    let path = std::env::temp_dir().join(format!("enlist-dump-{}", std::process::id()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
    made.map_err(|error| unwritable(&path, &error)).map(|()| path)
}

/// A command as one types it; only words that a shell would tear are quoted.
pub fn typed(command: &Command) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) { word.clone() } else { shell_words::quote(word).into_owned() }
    };
    std::iter::once("sacctmgr".to_owned()).chain(command.iter().map(word)).collect::<Vec<_>>().join(" ")
}

fn command(argv: &[&str]) -> Command {
    argv.iter().map(|word| word.to_string()).collect()
}

/// Runs a command of the service; it must succeed.
pub fn service(request: &Request) -> Result<Response, Diagnostic> {
    let answer = ask(request)?;
    match answer.code {
        0 => Ok(answer),
        _ => Err(said(format!("sacctmgr {}: {}{}", request.argv.join(" "), answer.stdout, answer.stderr))),
    }
}

/// Runs a command of the service, whatever it says.
pub fn ask(request: &Request) -> Result<Response, Diagnostic> {
    client::ask(&api::socket(), "sacctmgr", request).map_err(said)
}

fn run(program: &Path, argv: &[&str]) -> Result<String, Diagnostic> {
    let name = program.display();
    let out =
        std::process::Command::new(program).args(argv).stdin(std::process::Stdio::null()).output().map_err(
            |error| said(format!("cannot run {name}: {error}")).hint("name Slurm's sacctmgr with --sacctmgr"),
        )?;
    let printed = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() {
        Ok(printed)
    } else {
        Err(said(format!("{name} {}: {printed}{}", argv.join(" "), String::from_utf8_lossy(&out.stderr))))
    }
}

/// A file or directory cannot be written.
pub fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, format!("cannot write {}: {error}", path.display()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, format!("cannot read {}: {error}", path.display()))
        .hint("--from names a directory that `enlist export slurm -o` wrote")
}

fn captured(directory: &Path) -> Result<Picture, Diagnostic> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| unreadable(path, &error));
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut dumps = Vec::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if let Some(cluster) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".cfg"))
        {
            dumps.push((cluster.to_owned(), read(&path)?));
        }
    }
    dumps.sort();
    let perhaps = |name: &str| {
        let path = directory.join(name);
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    };
    let thresholds = perhaps("thresholds.txt")?.unwrap_or_default();
    let (accounts, users) = (perhaps("accounts.txt")?, perhaps("users.txt")?);
    Ok(Picture { qos: read(&directory.join("qos.txt"))?, thresholds, accounts, users, dumps })
}
