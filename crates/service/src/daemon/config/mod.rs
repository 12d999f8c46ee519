//! The service's configuration: `Key=Value` as in slurm.conf and slurmdbd.conf, `#` comments, keys in any case.
//!
//! Slurm's settings keep their names and meanings; [`keys::all`] is the one table of them, from which `docs/config.md` and
//! `--print-config` are made. Settings of Slurm that have no meaning here ([`foreign`]) are accepted with a warning, so
//! that a site may begin with its own file.

pub mod compute;
mod foreign;
pub mod keys;
mod lines;
pub mod nodes;
pub mod page;
mod partition;
mod values;

use super::api::DEFAULT_SOCKET;
use commands::sacctmgr::Part;
use compute::ComputeLines;
use keys::Key;
use lines::Line;
use scheduling::lines::PartitionWords;
use slurm::settings::{Partition, Settings};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind, Place, Source};

/// Where the configuration is read from when it is there.
pub const DEFAULT_FILE: &str = "/etc/enlist/enlist.conf";

/// What the service is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `ClusterName`: the cluster founded on a fresh store.
    pub cluster_name: String,
    /// `AccountingStorageTRES`: TRES to keep beside the fixed ones.
    pub tres: Vec<String>,
    /// `StoreLocation`: the store's file.
    pub store: PathBuf,
    /// `ListenSocket`: the unix socket.
    pub socket: PathBuf,
    /// Login nodes.
    pub network: Network,
    /// What accounting itself obeys.
    pub accounting: Settings,
    /// Nodes, and how jobs get onto them.
    pub compute: ComputeLines,
    /// `LogFile`, `DebugLevel`, `LogFormat`.
    pub log: Log,
    /// `MessageTimeout`: how long a client may take to send its next request, and to read an answer.
    pub message_timeout: Duration,
    /// `StopTimeout`: how long running requests may take to finish when the service is told to stop.
    pub stop_timeout: Duration,
    /// `MaxConnections`: clients at one time.
    pub max_connections: usize,
    /// `SlurmdSpoolDir`: where a compute node keeps what runs.
    pub spool: PathBuf,
    /// `JobContainerType`: whether jobs have `/tmp` and `/dev/shm` for themselves.
    pub has_private_directories: bool,
    /// What was accepted and does nothing.
    pub warnings: Vec<String>,
}

/// How the service and its login nodes meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// `ListenAddress`, with its port if it has one; `None` for the unix socket alone.
    pub listen: Option<(IpAddr, Option<u16>)>,
    /// `AccountingStorageHost`.
    pub master: String,
    /// `AccountingStoragePort`.
    pub port: u16,
    /// `CertificateDirectory`.
    pub certificates: PathBuf,
    /// `TrustedNodes`.
    pub trusted_nodes: Vec<String>,
    /// `OrdinaryNodes`.
    pub ordinary_nodes: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            listen: None,
            master: "localhost".into(),
            port: keys::network::PORT,
            certificates: "/etc/enlist/pki".into(),
            trusted_nodes: Vec::new(),
            ordinary_nodes: Vec::new(),
        }
    }
}

/// Where and how the service logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// `LogFile`; `None` is standard error.
    pub file: Option<PathBuf>,
    /// `DebugLevel`.
    pub level: Level,
    /// `LogFormat=json`: one JSON object a line.
    pub json: bool,
}

/// Slurm's log levels, as far as they differ here (slurmdbd.conf(5), `DebugLevel`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Quiet,
    /// Errors (`fatal` too).
    Error,
    /// Every change, starts and stops.
    #[default]
    Info,
    /// Every request.
    Verbose,
    /// And connections (`debug2` to `debug5` too).
    Debug,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster_name: "cluster".into(),
            tres: vec!["gres/gpu".into()],
            store: "/var/lib/enlist/accounting.db".into(),
            socket: DEFAULT_SOCKET.into(),
            network: Network::default(),
            accounting: Settings::default(),
            compute: ComputeLines::default(),
            log: Log::default(),
            message_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(30),
            max_connections: 4096,
            spool: "/run/enlist-compute".into(),
            has_private_directories: false,
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        Self::parse(&lines::source(path)?)
    }

    /// Reads a text, and the files that it includes. Unknown keys and unreadable values are errors, told all at once.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Diagnostic> {
        let mut config = Self::default();
        let mut wrong = Vec::new();
        lines::each(source, &mut |line| {
            if let Err(line) = take_line(&mut config, &mut wrong, line) {
                wrong.push(line);
            }
            Ok(())
        })?;
        if let Some(first) = together(wrong) {
            return Err(first);
        }
        config.accounting.partitions.retain(|it| !partition::is_default(it));
        config.compute.forget_defaults();
        let ids = config.accounting.job_ids;
        if ids.first >= ids.last {
            let message = format!("FirstJobId={} must be less than MaxJobId={}", ids.first, ids.last);
            return Err(Diagnostic::new(ErrorKind::Input, message));
        }
        config.check_cluster()?;
        Ok(config)
    }

    /// All effective values in the form in which they are read.
    pub fn print(&self) -> String {
        let keys = keys::all().map(|key| format!("{}={}\n", key.name, values::quote(&(key.get)(self))));
        let words = |name: &str| self.compute.partitions.get(name).map(PartitionWords::written).unwrap_or_default();
        let partition = |rules: &Partition| format!("{}{}\n", rules.line(), words(&rules.name));
        let lines = self.accounting.partitions.iter().map(partition);
        keys.chain([self.compute.written()]).chain(lines).collect()
    }

    /// All effective values as `sacctmgr show configuration` has them.
    pub fn shown(&self) -> Vec<(Part, &'static str, String)> {
        let elsewhere = ["PrivateData", "SlurmUser", "TrackWCKey"];
        let keys = keys::all().filter(|key| !elsewhere.contains(&key.name));
        let part = |key: &Key| if key.from == Some("slurm.conf") { Part::Slurm } else { Part::Service };
        keys.map(|key| (part(key), key.name, (key.get)(self))).collect()
    }

    /// The keys whose values differ and which take effect only at a start, not when the configuration is read again.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let fixed = keys::all().filter(|key| key.applies == keys::Applies::AtStart);
        fixed.filter(|key| (key.get)(self) != (key.get)(new)).map(|key| key.name).collect()
    }
}

/// One `Key=Value`.
struct Pair<'a> {
    place: Place,
    key: &'a str,
    value: &'a str,
    /// What follows it.
    rest: &'a str,
}

/// The first pair of what is left of a line; `None` at its end.
fn pair<'a>(line: &'a Line, rest: &'a str) -> Result<Option<Pair<'a>>, Diagnostic> {
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Ok(None);
    }
    let place = line.place(line.text[..line.text.len() - rest.len()].chars().count());
    let (key, after) = match rest.split_once('=') {
        Some((key, after)) if !key.trim_end().contains(char::is_whitespace) => (key.trim_end(), after),
        _ => return Err(Diagnostic::input(&place, "this is not Key=Value")),
    };
    let (value, rest) = values::split(after.trim_start())
        .ok_or_else(|| Diagnostic::input(&place, format!("{key}: the closing quote is missing")))?;
    Ok(Some(Pair { place, key, value, rest }))
}

/// The first of what is wrong, with the others below it.
fn together(wrong: Vec<Diagnostic>) -> Option<Diagnostic> {
    let mut wrong = wrong.into_iter();
    let first = wrong.next()?;
    let line = |it: &Diagnostic| it.place.as_ref().map_or_else(String::new, |place| format!("{place}: ")) + &it.message;
    Some(wrong.fold(first, |first, other| first.note(line(&other))))
}

/// `Key=Value`, several of them apart by blanks.
fn take_line(config: &mut Config, wrong: &mut Vec<Diagnostic>, line: &Line) -> Result<(), Diagnostic> {
    let mut rest = line.text.as_str();
    while let Some(next) = pair(line, rest)? {
        if next.key.eq_ignore_ascii_case("PartitionName") {
            return partition::take(config, wrong, line, rest);
        }
        if next.key.eq_ignore_ascii_case("NodeName") {
            return nodes::take(config, wrong, line, rest);
        }
        if next.key.eq_ignore_ascii_case("NodeSet") {
            return partition::take_set(config, line, rest);
        }
        if let Some(why) = foreign::reason(next.key) {
            // The rest of the line belongs to it (`NodeName=n1 CPUs=4 …`).
            config.warnings.push(format!("{}: {} does nothing here: {why}", next.place, next.key));
            return Ok(());
        }
        wrong.extend(set(config, next.key, next.value, &next.place).err());
        rest = next.rest;
    }
    Ok(())
}

fn set(config: &mut Config, name: &str, value: &str, place: &Place) -> Result<(), Diagnostic> {
    let Some(Key { set, get, applies, .. }) = keys::all().find(|key| key.is(name)) else {
        let names =
            keys::all().map(|key| key.name).chain(["PartitionName", "NodeName", "NodeSet"]).chain(foreign::names());
        return Err(Diagnostic::input(place, format!("unknown key `{name}`")).suggest(name, names));
    };
    let warned = config.warnings.len();
    set(config, value).map_err(|why| Diagnostic::input(place, format!("{name}: {why}")))?;
    config.warnings.iter_mut().skip(warned).for_each(|warning| *warning = format!("{place}: {name}: {warning}"));
    if *applies == keys::Applies::NotYet && get(config) != get(&Config::default()) {
        config.warnings.push(format!("{place}: {name} is kept, but nothing acts on it yet"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
