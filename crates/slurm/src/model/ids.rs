//! Numbers that name things. Each kind of number is a type of its own, so that none is taken for another. Where there may
//! be none a field is an `Option`; 0 means that only in the store and in archives, which [`or_zero`] writes and reads.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> u32 {
                id.0
            }
        }
    )*};
}

ids! {
    /// Slurm's number of a TRES; the fixed ones are 1 to 8, configured ones start at 1001.
    TresId;
    /// Number of a QOS; `normal` is 1.
    QosId;
    /// Number of an association; never used twice.
    AssociationId;
    /// Number of a wckey; never used twice.
    WckeyId;
    /// Number of a resource; never used twice.
    ResourceId;
    /// Number of a reservation on its cluster.
    ReservationId;
}

/// An id that may be missing, as the store and archives write it: 0 is none.
pub mod or_zero {
    use serde::{Deserialize, Deserializer, Serializer};

    /// The number.
    pub fn number<T: Into<u32>>(id: Option<T>) -> u32 {
        id.map_or(0, T::into)
    }

    /// The id of a number.
    pub fn id<T: From<u32>>(number: u32) -> Option<T> {
        (number != 0).then(|| number.into())
    }

    /// For `#[serde(with = …)]`.
    pub fn serialize<T: Copy + Into<u32>, S: Serializer>(id: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(number(*id))
    }

    /// For `#[serde(with = …)]`.
    pub fn deserialize<'de, T: From<u32>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        u32::deserialize(from).map(id)
    }
}
