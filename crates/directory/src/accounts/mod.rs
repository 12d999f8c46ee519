//! What the roster's calls would change in a directory. Pure: entries in, changes and writes out.
//!
//! An entry is enlist's when it lies below `people` or `groups` and its number is within `ids`. Others are read, so that
//! names and numbers do not collide, and never changed.

mod arguments;
mod group;
mod key;
mod listing;
mod members;
mod mirror;
mod user;

use crate::dialects::Dialect;
use crate::entry::Write;
use crate::schema::Shape;
use crate::settings::Settings;
use host::change::Change;
use host::change::outcome::Failure;
pub use listing::listing;
pub use mirror::Mirror;
pub(crate) use user::SIDS;
use words::value::Map;

/// By what a directory is judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the roster says about it.
    pub settings: Settings,
    /// What its server allows.
    pub shape: Shape,
    /// Its kind.
    pub dialect: &'static dyn Dialect,
}

/// What one call comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// As people see it.
    pub changes: Vec<Change>,
    /// As the server is told, in this order: each alone leaves the directory whole.
    pub writes: Vec<Write>,
    /// What people have to know beside it.
    pub warnings: Vec<String>,
}

type Rule = fn(&Map, &Mirror, &Rules) -> Result<Decision, Failure>;

/// The calls that a directory takes, by module and state.
const CALLS: &[(&str, &str, Rule)] = &[
    ("group", "present", group::present),
    ("group", "absent", group::absent),
    ("user", "present", user::present),
    ("user", "absent", user::absent),
    ("authorized_key", "present", key::present),
    ("authorized_key", "absent", key::absent),
];

/// What `module` with `args` would change.
pub fn decide(module: &str, args: &Map, mirror: &Mirror, rules: &Rules) -> Result<Decision, Failure> {
    let state = arguments::text(args, "state").unwrap_or("present");
    let call = CALLS.iter().find(|(name, of, _)| *name == module && *of == state);
    let (.., rule) =
        call.ok_or_else(|| Failure::new(format!("a directory has no `{module}` with `state: {state}`")))?;
    rule(args, mirror, rules)
}

#[cfg(test)]
mod tests;
