//! Login nodes: the service's side and theirs.

use super::super::values::{self, Read};
use super::{Applies::*, Key, SLURM};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port that is used when none is given.
pub const PORT: u16 = 6821;

pub const KEYS: &[Key] = &[
    Key {
        name: "ListenAddress",
        from: None,
        applies: AtStart,
        meaning: "Address on which the service listens for login nodes, over TLS: `10.0.0.10`, `10.0.0.10:6821`, \
                  `0.0.0.0`, `[::]:6821`; `none` for none. The port is AccountingStoragePort if none is given.",
        set: |config, text| address(text).map(|address| config.network.listen = address),
        get: |config| match config.network.listen {
            None => "none".into(),
            Some((ip, None)) => ip.to_string(),
            Some((ip, Some(port))) => SocketAddr::new(ip, port).to_string(),
        },
    },
    Key {
        name: "AccountingStorageHost",
        from: SLURM,
        applies: AtStart,
        meaning: "The master, as its certificate names it: where `enlist node` on login nodes connects to.",
        set: |config, text| host(text).map(|host| config.network.master = host),
        get: |config| config.network.master.clone(),
    },
    Key {
        name: "AccountingStoragePort",
        from: SLURM,
        applies: AtStart,
        meaning: "The port there, 1 to 65535; not one of Slurm's own, so that both can run side by side.",
        set: |config, text| values::number(text, 1, 65_535).map(|port| config.network.port = port),
        get: |config| config.network.port.to_string(),
    },
    Key {
        name: "CertificateDirectory",
        from: None,
        applies: AtStart,
        meaning: "Directory of keys and certificates, an absolute path; `enlist cert` writes there.",
        set: |config, text| values::absolute(text).map(|path| config.network.certificates = path),
        get: |config| config.network.certificates.display().to_string(),
    },
    Key {
        name: "TrustedNodes",
        from: None,
        applies: OnReload,
        meaning: "Login nodes, by the names in their certificates, whose root and SlurmUser count as the master's; or \
                  `all`. On other nodes both count as nobody; see docs/cluster.md, \"Trust\".",
        set: |config, text| hosts(text).map(|names| config.network.trusted_nodes = names),
        get: |config| write_hosts(&config.network.trusted_nodes),
    },
    Key {
        name: "OrdinaryNodes",
        from: None,
        applies: OnReload,
        meaning: "Login nodes whose users are all ordinary ones: Administrators and Operators have no more rights there \
                  than others, root and SlurmUser count as nobody even if TrustedNodes names the node; or `all`. \
                  Coordinators keep their accounts.",
        set: |config, text| hosts(text).map(|names| config.network.ordinary_nodes = names),
        get: |config| write_hosts(&config.network.ordinary_nodes),
    },
];

/// An address, with or without a port.
fn address(text: &str) -> Read<Option<(IpAddr, Option<u16>)>> {
    if text == "none" {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = || if bare == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { bare.parse::<IpAddr>().ok() };
    let both = || text.parse::<SocketAddr>().ok().map(|address| (address.ip(), Some(address.port())));
    let found = ip().map(|ip| (ip, None)).or_else(both);
    found.map(Some).ok_or_else(|| "an address is needed, such as 10.0.0.10 or 10.0.0.10:6821, or none".into())
}

fn hosts(text: &str) -> Read<Vec<String>> {
    text.split(',').filter(|name| !matches!(*name, "" | "none")).map(host).collect()
}

fn write_hosts(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(",") }
}

fn host(text: &str) -> Read<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let good = (1..=253).contains(&text.len()) && !text.starts_with(['-', '.']) && text.chars().all(fits);
    if good { Ok(text.to_owned()) } else { Err("a host's name or address is needed".into()) }
}
