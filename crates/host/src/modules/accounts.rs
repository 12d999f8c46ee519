//! What `user` and `group` share: refusals as failures, ids from arguments.

use super::{Args, Failure};
use crate::identity::Refusal;

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
