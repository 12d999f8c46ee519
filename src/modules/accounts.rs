//! What `user` and `group` share: refusals as failures, ids from arguments, writing the databases.

use super::{Args, Failure};
use crate::identity::{Databases, Refusal};
use crate::system::{Attributes, System};
use std::path::Path;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure { hint: refusal.hint, ..Failure::new(refusal.message) }
    }
}

/// An integer argument as an id.
pub(super) fn id(args: &Args, name: &str) -> Result<Option<u32>, Failure> {
    let Some(number) = args.int(name) else { return Ok(None) };
    u32::try_from(number)
        .map(Some)
        .map_err(|_| Failure::new(format!("invalid {name} '{number}': it must be from 0 to 4294967294")))
}

/// Writes the files in the order that a crash does least harm in. Inside a transaction, where unchanged files cost
/// nothing and fix the order for the items that follow.
pub(super) fn save(system: &mut dyn System, databases: &Databases, order: &[&str]) -> Result<(), Failure> {
    for name in order {
        if let Some(text) = databases.text(name) {
            system.write(&Path::new("/etc").join(name), text, Attributes::default())?;
        }
    }
    Ok(())
}
