//! What a certificate says, as far as enlist asks.

use super::{DAY, shown};
use words::text::hex::hex;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Days before the end from which on everyone warns, and `enlist cert request` asks for a new one.
pub const WARN_DAYS: i64 = 30;

/// What a certificate may be used for; in it, the extended key usage (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// The master's service: `serverAuth`.
    Server,
    /// A login node's daemon, which vouches for its users: `clientAuth`.
    Node,
    /// A compute node's daemon, which runs jobs and vouches for nobody: `clientAuth`, and [`COMPUTE_UNIT`] in its subject.
    Compute,
}

/// The organizational unit in the subject of a compute node's certificate.
pub const COMPUTE_UNIT: &str = "enlist compute nodes";

impl Role {
    /// The file of its key.
    pub fn key_file(self) -> String {
        format!("{}.key", self.name())
    }

    /// The file of its certificate.
    pub fn certificate_file(self) -> String {
        format!("{}.crt", self.name())
    }

    /// As the ledger and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Server => "server",
            Role::Node => "node",
            Role::Compute => "compute",
        }
    }
}

/// Whether a certificate holds at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its time has not begun.
    NotYet,
    /// It holds.
    Good,
    /// It holds for less than [`WARN_DAYS`].
    EndsSoon,
    /// Its time is over.
    Expired,
}

/// How a certificate that holds `from` until `until` stands at a time.
pub fn standing(from: i64, until: i64, now: i64) -> Standing {
    if now < from {
        Standing::NotYet
    } else if now > until {
        Standing::Expired
    } else if now > until - WARN_DAYS * DAY {
        Standing::EndsSoon
    } else {
        Standing::Good
    }
}

/// A certificate's statements. That it is signed by whom it should be is for TLS to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// What it may be used for; `None` for none of ours, or for several.
    pub role: Option<Role>,
    /// Names and addresses of its holder.
    pub names: Vec<String>,
    /// Holds from this second on.
    pub from: i64,
    /// Holds until this second.
    pub until: i64,
    /// The public key, as DER.
    pub public_key: Vec<u8>,
}

impl Certificate {
    /// Reads DER; the error says what is wrong with it.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| format!("not a certificate: {error}"))?;
        let usage = parsed.extended_key_usage().map_err(|error| error.to_string())?;
        let role = usage.and_then(|usage| match (usage.value.server_auth, usage.value.client_auth) {
            (true, false) => Some(Role::Server),
            (false, true) => Some(if is_compute(&parsed) { Role::Compute } else { Role::Node }),
            _ => None,
        });
        let names = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        Ok(Self {
            serial: serial(parsed.raw_serial()),
            role,
            names: names.unwrap_or_default(),
            from: parsed.validity().not_before.timestamp(),
            until: parsed.validity().not_after.timestamp(),
            public_key: parsed.public_key().raw.to_vec(),
        })
    }

    /// The holder's first name; empty when it has none.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Whether it holds at this second.
    pub fn standing(&self, now: i64) -> Standing {
        standing(self.from, self.until, now)
    }

    /// A warning for people when it ends soon or does not hold; `what` names it ("the certificate of login3").
    pub fn warning(&self, what: &str, now: i64) -> Option<String> {
        let (from, until) = (shown(self.from), shown(self.until));
        match self.standing(now) {
            Standing::Good => None,
            Standing::EndsSoon => Some(format!(
                "{what} ends on {until}, in {} days; run playbooks/cluster.yml again, it renews certificates",
                (self.until - now) / DAY
            )),
            Standing::Expired => {
                Some(format!("{what} expired on {until}; run playbooks/cluster.yml again, it renews certificates"))
            }
            Standing::NotYet => Some(format!("{what} holds only from {from} on; is this host's clock right?")),
        }
    }
}

fn is_compute(certificate: &X509Certificate) -> bool {
    let mut units = certificate.subject().iter_organizational_unit();
    units.any(|unit| unit.as_str() == Ok(COMPUTE_UNIT))
}

/// Serial numbers are compared as numbers: without the zeros that DER may put before them.
fn serial(bytes: &[u8]) -> String {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    hex(&bytes[start..])
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    }
}
