//! What `user` and `group` share: refusals as failures, ids from arguments.

use crate::change::outcome::Failure;
use crate::identity::AccountRefusal;
use crate::parameters::{ParameterKind, ParameterType};
use std::marker::PhantomData;
use words::people::Unanswered;
use words::value::Value;

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        AccountRefusal::from(unanswered).into()
    }
}

impl From<AccountRefusal> for Failure {
    fn from(refusal: AccountRefusal) -> Self {
        Failure { hint: refusal.hint, ..Failure::new(refusal.message) }
    }
}

/// A [`Uid`](crate::identity::Uid) or [`Gid`](crate::identity::Gid) as a task gives it, which may be none.
#[derive(Clone, Copy, Debug)]
pub struct GivenId<T> {
    parameter: &'static str,
    number: i64,
    id: PhantomData<T>,
}

impl<T> ParameterType for GivenId<T> {
    const KIND: ParameterKind = ParameterKind::Int;

    fn read(name: &'static str, value: Value) -> Option<Self> {
        Some(Self { parameter: name, number: value.as_int()?, id: PhantomData })
    }
}

impl<T: From<u32>> GivenId<T> {
    /// The number, if it is one that a user or group can have.
    fn id(self) -> Result<T, Failure> {
        u32::try_from(self.number).map(T::from).map_err(|_| {
            Failure::new(format!("invalid {} '{}': it must be from 0 to 4294967294", self.parameter, self.number))
        })
    }
}

/// The id, where one is given; refuses a number that is none.
pub fn id<T: From<u32>>(given: Option<GivenId<T>>) -> Result<Option<T>, Failure> {
    given.map(GivenId::id).transpose()
}
