//! Where a directory is and how people and groups lie in it: what a roster says about it.

use crate::dn;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One directory of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the roster calls it.
    pub name: String,
    /// The server.
    pub server: Server,
    /// Below it everything is looked at, so that no name or number is given twice.
    pub base: String,
    /// Below it people are made and changed.
    pub people: String,
    /// Below it groups are made and changed.
    pub groups: String,
    /// As whom.
    pub bind: Bind,
    /// How groups name their members; `None`: as the server's schema has it.
    pub schema: Option<SchemaKind>,
    /// The attribute that has people's keys, one of [`KEY_ATTRIBUTES`]; `None`: as the server's schema has it.
    pub key_attribute: Option<&'static str>,
    /// Certificates of authorities that vouch for the server; `None`: those of this machine.
    pub ca: Option<PathBuf>,
    /// An entry that must be readable: who cannot see it sees too little to judge by.
    pub sentinel: Option<String>,
    /// The uids and gids that are enlist's here. Whoever has another number is never changed and never removed.
    pub ids: RangeInclusive<u32>,
}

/// Attributes that can have people's keys.
pub const KEY_ATTRIBUTES: [&str; 5] =
    ["sshPublicKey", "sshPublicKeys", "nsSshPublicKey", "ipaSshPubKey", "altSecurityIdentities"];

/// How a server is reached. None of the ways sends a password or a person's data in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// `ldap://HOST[:PORT]`, with StartTLS before anything else.
    StartTls(String),
    /// `ldaps://HOST[:PORT]`.
    Tls(String),
    /// `ldapi://PATH`: a socket of this machine.
    Socket(String),
}

impl Server {
    /// Reads a URL. A socket's path may be written as it is, or with its slashes as `%2F`.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        const FORMS: &str = "write ldaps://HOST, ldap://HOST (with StartTLS), or ldapi:///PATH/OF/SOCKET";
        let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
        let is_host = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '@', '%', ' ', '#']);
        match scheme {
            "ldaps" if is_host(rest) => Ok(Server::Tls(url.to_owned())),
            "ldap" if is_host(rest) => Ok(Server::StartTls(url.to_owned())),
            "ldapi" => {
                let path = rest.replace("%2F", "/").replace("%2f", "/");
                let is_path = path.starts_with('/') && path.len() > 1 && !path.contains(['%', '?', '#', ' ']);
                if is_path { Ok(Server::Socket(path)) } else { Err(FORMS) }
            }
            _ => Err(FORMS),
        }
    }

    /// As the roster writes it.
    pub fn url(&self) -> String {
        match self {
            Server::StartTls(url) | Server::Tls(url) => url.clone(),
            Server::Socket(path) => format!("ldapi://{}", path.replace('/', "%2F")),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Server::StartTls(url) | Server::Tls(url) => f.write_str(url),
            Server::Socket(path) => write!(f, "ldapi://{path}"),
        }
    }
}

/// As whom enlist is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// As who runs enlist, by the kernel's word: SASL EXTERNAL over a socket.
    External,
    /// As this entry, with a password.
    Simple {
        /// The entry.
        dn: String,
        /// Where its password is.
        password: Password,
    },
}

/// Where a password is. Never the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The first line of a file that its owner alone may read.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Password::File(path) => path.display().fmt(f),
            Password::Environment(name) => write!(f, "${name}"),
        }
    }
}

/// How groups name their members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaKind {
    /// RFC 2307: by login name (`memberUid`).
    Rfc2307,
    /// RFC 2307bis: by the entry of the person (`member`).
    Rfc2307bis,
    /// By both, kept in step: for a site whose clients know one or the other.
    Mixed,
    /// Active Directory: by the entry of the person, and classes of its own.
    Ad,
}

impl SchemaKind {
    /// Every kind, as the roster writes it.
    pub const NAMES: [(&'static str, SchemaKind); 4] = [
        ("rfc2307", SchemaKind::Rfc2307),
        ("rfc2307bis", SchemaKind::Rfc2307bis),
        ("mixed", SchemaKind::Mixed),
        ("ad", SchemaKind::Ad),
    ];

    /// As the roster writes it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether members are login names.
    pub fn by_name(self) -> bool {
        matches!(self, SchemaKind::Rfc2307 | SchemaKind::Mixed)
    }

    /// Whether members are entries.
    pub fn by_entry(self) -> bool {
        self != SchemaKind::Rfc2307
    }
}

impl Settings {
    /// Whether this is enlist's own entry.
    pub fn logs_in_as(&self, entry: &str) -> bool {
        matches!(&self.bind, Bind::Simple { dn, .. } if dn::normal(dn) == dn::normal(entry))
    }

    /// Whether enlist may change who has this number and lies there.
    pub fn owns(&self, id: u32, dn: &str, container: &str) -> bool {
        self.ids.contains(&id) && dn::is_below(&dn::normal(dn), &dn::normal(container))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let socket = Server::Socket("/run/slapd/ldapi".into());
        assert_eq!(Server::parse("ldapi:///run/slapd/ldapi"), Ok(socket.clone()));
        assert_eq!(Server::parse("ldapi://%2Frun%2Fslapd%2Fldapi"), Ok(socket.clone()));
        assert_eq!(socket.url(), "ldapi://%2Frun%2Fslapd%2Fldapi");
        assert_eq!(Server::parse("ldaps://a:636"), Ok(Server::Tls("ldaps://a:636".into())));
        for bad in ["", "a", "http://a", "ldap://", "ldap://user@a", "ldap://a/dc=x", "ldapi://a", "ldapi:///a?b"] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }
}
