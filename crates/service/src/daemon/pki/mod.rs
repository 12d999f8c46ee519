//! Certificates of the service and its login nodes, made by enlist itself: one authority on the master, one `server`
//! certificate there, and one `node` certificate on each login node.
//!
//! A node's key is made on the node and never leaves it; what travels is a signing request one way, and the certificate
//! with that of the authority the other way. `docs/cluster.md` says how.

mod authority;
mod certificate;
mod files;
mod ledger;
mod request;
pub mod tls;

pub use authority::{Authority, CA_DAYS, DAYS};
pub use certificate::{COMPUTE_UNIT, Certificate, Role, Standing, WARN_DAYS, standing};
pub use files::{Directory, Identity};
pub use ledger::{Entry, Ledger, Revocations};
pub use request::{install, request};

use words::diag::{Diagnostic, ErrorKind};

/// Seconds in a day.
const DAY: i64 = 86_400;

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A time as people and the ledger read it: UTC, `2026-11-23T00:00:00Z`.
pub fn shown(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn host(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, message)
}

fn refused(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Refused, message)
}

/// Whether a name can stand in a certificate and in the ledger: a host's name as inventories write it, or an address.
pub fn check_name(name: &str) -> Result<(), Diagnostic> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if (1..=253).contains(&name.len()) && name.chars().all(fits) && !name.starts_with(['-', '.']) {
        Ok(())
    } else {
        Err(Diagnostic::new(
            ErrorKind::Usage,
            format!("`{}` is no name of a host: letters, digits, -, _ and . are", name.escape_default()),
        ))
    }
}

#[cfg(test)]
mod tests;
