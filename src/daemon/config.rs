//! The service's configuration: `Key=Value` lines as in slurm.conf, `#` comments, keys in any case.

use super::api::DEFAULT_SOCKET;
use crate::diag::{Diagnostic, Place, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the configuration is read from when it is there.
pub const DEFAULT_FILE: &str = "/etc/enlist/enlist.conf";

/// What the service is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `ClusterName`: the cluster founded on a fresh store.
    pub cluster_name: String,
    /// `AccountingStorageTRES`: TRES to keep beside the fixed ones.
    pub tres: Vec<String>,
    /// `StoreLocation`: the store's file.
    pub store: PathBuf,
    /// `ListenSocket`: the unix socket.
    pub socket: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster_name: "cluster".into(),
            tres: vec!["gres/gpu".into()],
            store: "/var/lib/enlist/accounting.db".into(),
            socket: DEFAULT_SOCKET.into(),
        }
    }
}

/// Reads a value into the configuration; the error says what is wrong with it.
type Set = fn(&mut Config, &str) -> Result<(), String>;

/// Key, what it means, how it is read.
const KEYS: &[(&str, &str, Set)] = &[
    ("ClusterName", "name of the cluster founded on a fresh store", |config, value| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if value.is_empty() || !value.chars().all(fits) {
            return Err("a cluster's name is made of letters, digits, _, - and .".into());
        }
        config.cluster_name = value.to_ascii_lowercase();
        Ok(())
    }),
    ("AccountingStorageTRES", "TRES to keep beside cpu, mem, node …, such as gres/gpu", |config, value| {
        let names: Vec<_> = value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
        if let Some(bad) = names.iter().find(|name| !is_tres(name)) {
            return Err(format!("`{bad}` is no TRES: write type/name, such as gres/gpu or license/matlab"));
        }
        config.tres = names;
        Ok(())
    }),
    ("StoreLocation", "file of the store", |config, value| absolute(value).map(|path| config.store = path)),
    ("ListenSocket", "unix socket to listen on", |config, value| absolute(value).map(|path| config.socket = path)),
];

fn is_tres(name: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'))
    };
    match name.split_once('/') {
        Some((kind, rest)) => fits(kind) && fits(rest),
        None => ["cpu", "mem", "energy", "node", "billing", "vmem", "pages"].contains(&name),
    }
}

fn absolute(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    if path.is_absolute() { Ok(path) } else { Err("an absolute path is needed".into()) }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::new(crate::diag::ErrorKind::Input, format!("cannot read {}: {error}", path.display()))
        })?;
        Self::parse(&Source::new(path.display().to_string(), text))
    }

    /// Reads a text. An unknown key or an unreadable value is an error.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Diagnostic> {
        let mut config = Self::default();
        for (index, line) in source.text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            if content.trim().is_empty() {
                continue;
            }
            let indent = content.chars().take_while(|c| c.is_whitespace()).count();
            let place = |column: usize| Place::new(source, index as u32 + 1, column as u32 + 1);
            let Some((key, value)) = content.split_once('=') else {
                return Err(Diagnostic::input(&place(indent), "this line is not Key=Value"));
            };
            set(&mut config, key.trim(), value.trim().trim_matches('"'), &place(indent))?;
        }
        Ok(config)
    }
}

fn set(config: &mut Config, key: &str, value: &str, place: &Place) -> Result<(), Diagnostic> {
    let Some((_, _, set)) = KEYS.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(key)) else {
        let names = KEYS.iter().map(|(name, _, _)| *name);
        return Err(Diagnostic::input(place, format!("unknown key `{key}`")).suggest(key, names));
    };
    set(config, value).map_err(|why| Diagnostic::input(place, format!("{key}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_any_case_and_comments() {
        let source =
            Source::new("c", "# comment\nclustername=Big\n  AccountingStorageTRES = gres/gpu,license/x # two\n");
        let config = Config::parse(&source).unwrap();
        assert_eq!(config.cluster_name, "big");
        assert_eq!(config.tres, ["gres/gpu", "license/x"]);
    }

    #[test]
    fn errors_point_at_the_line() {
        let shown = |text: &str| Config::parse(&Source::new("c", text)).unwrap_err().to_string();
        assert!(shown("\n  ClusterNam=x").starts_with("unknown key `ClusterNam`\n --> c:2:3"));
        assert!(shown("ClusterNam=x").contains("did you mean `ClusterName`?"));
        assert!(shown("StoreLocation=x").contains("absolute"));
        assert!(shown("AccountingStorageTRES=gpu").contains("no TRES"));
        assert!(shown("what").contains("not Key=Value"));
    }
}
