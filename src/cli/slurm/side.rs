//! One side of a migration: the built-in service, a real Slurm by its own `sacctmgr`, or files captured from one.

use super::client;
use crate::accounting::migrate::{Command, QOS_FORMAT, QosTable, THRESHOLD_FORMAT};
use crate::daemon::api::{self, CallerFile, Request, Response};
use std::path::{Path, PathBuf};

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
    /// `NAME.cfg` of every cluster, as `sacctmgr dump` writes it.
    pub dumps: Vec<(String, String)>,
}

impl Picture {
    /// Writes it into a directory, as [`Side::Files`] reads it.
    pub fn save(&self, directory: &Path) -> Result<(), String> {
        let put = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
        };
        std::fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        put("qos.txt", &self.qos)?;
        put("thresholds.txt", &self.thresholds)?;
        self.dumps.iter().try_for_each(|(cluster, text)| put(&format!("{cluster}.cfg"), text))
    }

    /// Its QOS, checked.
    pub fn qos(&self) -> Result<QosTable, String> {
        QosTable::parse(&self.qos).map_err(|error| format!("qos.txt: {error}"))
    }
}

impl Side {
    /// Looks at everything.
    pub fn picture(&self) -> Result<Picture, String> {
        if let Side::Files(directory) = self {
            return captured(directory);
        }
        let qos = self.ask(&["-nP", "show", "qos", QOS_FORMAT])?;
        let thresholds = self.ask(&["-nP", "show", "assoc", "wopi", THRESHOLD_FORMAT])?;
        let mut dumps = Vec::new();
        for cluster in self.ask(&["-nP", "show", "cluster", "format=cluster"])?.lines() {
            dumps.push((cluster.to_owned(), self.dump(cluster)?));
        }
        Ok(Picture { qos, thresholds, dumps })
    }

    fn ask(&self, argv: &[&str]) -> Result<String, String> {
        match self {
            Side::Program(program) => run(program, argv),
            _ => Ok(service(&command(argv), None, None)?.stdout),
        }
    }

    fn dump(&self, cluster: &str) -> Result<String, String> {
        let Side::Program(program) = self else {
            let answer = service(&command(&["dump", cluster, "file=x"]), None, None)?;
            return Ok(answer.writes.into_iter().map(|file| file.text).collect());
        };
        let directory = private_directory()?;
        let path = directory.join("dump.cfg");
        let said = run(program, &["dump", cluster, &format!("file={}", path.display())]);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("no dump of cluster {cluster}: {error}"));
        let _ = std::fs::remove_dir_all(&directory);
        said.and(text)
    }
}

/// A new directory that only the caller may enter.
fn private_directory() -> Result<PathBuf, String> {
    use std::os::unix::fs::DirBuilderExt;
    let path = std::env::temp_dir().join(format!("enlist-dump-{}", std::process::id()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
    made.map(|()| path.clone()).map_err(|error| format!("cannot make {}: {error}", path.display()))
}

/// A command as one types it; only words that a shell would tear are quoted.
pub fn typed(command: &Command) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    let word = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => shell_words::quote(word).into_owned(),
    };
    std::iter::once("sacctmgr".to_owned()).chain(command.iter().map(word)).collect::<Vec<_>>().join(" ")
}

fn command(argv: &[&str]) -> Command {
    argv.iter().map(|word| word.to_string()).collect()
}

/// Runs a command of the service, perhaps after others that are only rehearsed, perhaps with a file; it must succeed.
pub fn service(argv: &Command, rehearse: Option<Vec<Command>>, file: Option<CallerFile>) -> Result<Response, String> {
    let request = Request { argv: argv.clone(), rehearse, files: file.into_iter().collect(), ..Request::default() };
    let answer = client::ask(&api::socket(), "sacctmgr", &request)?;
    match answer.code {
        0 => Ok(answer),
        _ => Err(format!("sacctmgr {}: {}{}", argv.join(" "), answer.stdout, answer.stderr)),
    }
}

fn run(program: &Path, argv: &[&str]) -> Result<String, String> {
    let name = program.display();
    let out = std::process::Command::new(program)
        .args(argv)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {name}: {error}; name Slurm's sacctmgr with --sacctmgr"))?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    match out.status.success() {
        true => Ok(said),
        false => Err(format!("{name} {}: {said}{}", argv.join(" "), String::from_utf8_lossy(&out.stderr))),
    }
}

fn captured(directory: &Path) -> Result<Picture, String> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    let entries =
        std::fs::read_dir(directory).map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
    let mut dumps = Vec::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if let Some(cluster) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".cfg"))
        {
            dumps.push((cluster.to_owned(), read(&path)?));
        }
    }
    dumps.sort();
    let thresholds = directory.join("thresholds.txt");
    let thresholds = if thresholds.exists() { read(&thresholds)? } else { String::new() };
    Ok(Picture { qos: read(&directory.join("qos.txt"))?, thresholds, dumps })
}
