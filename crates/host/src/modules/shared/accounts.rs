//! What `user` and `group` share: refusals as failures, ids from arguments.

use crate::change::outcome::Failure;
use crate::identity::Refusal;
use crate::parameters::{Kind, ParameterType};
use words::value::Value;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure { hint: refusal.hint, ..Failure::new(refusal.message) }
    }
}

/// The number of a user or group as a task gives it, which may be none.
#[derive(Clone, Copy, Debug)]
pub struct GivenId {
    parameter: &'static str,
    number: i64,
}

impl ParameterType for GivenId {
    const KIND: Kind = Kind::Int;

    fn read(name: &'static str, value: Value) -> Option<Self> {
        Some(Self { parameter: name, number: value.as_int()? })
    }
}

impl GivenId {
    /// The number, if it is one that a user or group can have.
    fn id(self) -> Result<u32, Failure> {
        u32::try_from(self.number).map_err(|_| {
            Failure::new(format!("invalid {} '{}': it must be from 0 to 4294967294", self.parameter, self.number))
        })
    }
}

/// The id, where one is given; refuses a number that is none.
pub fn id(given: Option<GivenId>) -> Result<Option<u32>, Failure> {
    given.map(GivenId::id).transpose()
}
