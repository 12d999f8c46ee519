//! The numbers of users and groups, which are not to be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use words::value::Value;

/// Declares a number that the kernel keeps as a `u32`, with the greatest for "none".
macro_rules! numbers {
    ($($(#[doc = $about:literal])+ $name:ident $root:literal;)+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            #[doc = $root]
            pub const ROOT: Self = Self(0);

            /// Whether it is the number that system calls take for "leave it": nobody's.
            pub fn is_none(self) -> bool {
                self.0 == u32::MAX
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0.into()
            }
        }

        impl From<$name> for Value {
            fn from(number: $name) -> Self {
                number.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    )+};
}

numbers! {
    /// The number of a user.
    Uid "That of root.";
    /// The number of a group, which is none of a user:
    ///
    /// ```compile_fail,E0308
    /// let gid: host::identity::Gid = host::identity::Uid(100);
    /// ```
    Gid "That of root's group.";
}
