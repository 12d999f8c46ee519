//! [`Cell`]: how a value of the model stands in one column.

use super::{Columns, Cursor, Value};
use rusqlite::Result;
use rusqlite::types::Value as Owned;
use slurm::model::qos::QosFlag;
use slurm::model::*;
use std::collections::BTreeSet;
use words::ids::Id;
use words::people::{Gid, Uid};

/// A value that takes one column.
pub trait Cell: Sized {
    /// Reads it.
    fn get(from: &mut Cursor) -> Result<Self>;

    /// As SQLite takes it.
    fn put(&self) -> Value<'_>;
}

macro_rules! plain {
    ($($type:ty)*) => {$(
        impl Cell for $type {
            fn get(from: &mut Cursor) -> Result<Self> {
                from.next()
            }

            fn put(&self) -> Value<'_> {
                (*self).into()
            }
        }
    )*};
}

plain! { bool u8 u16 u32 i64 f64 }

impl Cell for String {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.next()
    }

    fn put(&self) -> Value<'_> {
        self.as_str().into()
    }
}

impl Cell for Box<str> {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.next::<String>().map(String::into_boxed_str)
    }

    fn put(&self) -> Value<'_> {
        (**self).into()
    }
}

/// No value is NULL.
impl<T: Cell> Cell for Option<T> {
    fn get(from: &mut Cursor) -> Result<Self> {
        if from.passes_null()? { Ok(None) } else { T::get(from).map(Some) }
    }

    fn put(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Owned(Owned::Null), T::put)
    }
}

/// Amounts: larger ones than SQLite has mean the same as its largest.
impl Cell for u64 {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.next::<i64>().map(i64::unsigned_abs)
    }

    fn put(&self) -> Value<'_> {
        super::integer(*self).into()
    }
}

/// 64 bits, of which SQLite takes the highest for a sign.
pub mod bits {
    use super::*;

    pub fn get(from: &mut Cursor) -> Result<u64> {
        from.next::<i64>().map(i64::cast_unsigned)
    }

    pub fn put(bits: &u64) -> Value<'_> {
        bits.cast_signed().into()
    }
}

macro_rules! ids {
    ($($id:ty)*) => {$(
        impl Cell for $id {
            fn get(from: &mut Cursor) -> Result<Self> {
                from.next().map(Self)
            }

            fn put(&self) -> Value<'_> {
                self.number().into()
            }
        }
    )*};
}

ids! { TresId QosId AssociationId WckeyId ResourceId ReservationId Uid Gid JobId }

macro_rules! numbered {
    ($($type:ty as $number:ty, $read:expr, $write:expr;)*) => {$(
        impl Cell for $type {
            fn get(from: &mut Cursor) -> Result<Self> {
                from.understood::<_, $number>($read)
            }

            fn put(&self) -> Value<'_> {
                ($write)(*self).into()
            }
        }
    )*};
}

numbered! {
    Classification as u8, |at| Self::ALL.get(usize::from(at)).copied(), |it| it as u8;
    FederationState as u32, Self::from_number, Self::number;
    AdminLevel as u8, Self::from_number, Self::number;
}

/// No number is the parent's.
impl Cell for Shares {
    fn get(from: &mut Cursor) -> Result<Self> {
        Ok(<Option<u32> as Cell>::get(from)?.map_or(Shares::Parent, Shares::Of))
    }

    fn put(&self) -> Value<'_> {
        match self {
            Shares::Of(shares) => (*shares).into(),
            Shares::Parent => Value::Owned(Owned::Null),
        }
    }
}

/// The parts of a text between commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|part| !part.is_empty())
}

fn join<T: ToString>(all: impl IntoIterator<Item = T>) -> Value<'static> {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(",").into()
}

/// `gpu,ib`
impl Cell for BTreeSet<String> {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.next::<String>().map(|text| parts(&text).map(str::to_owned).collect())
    }

    fn put(&self) -> Value<'_> {
        join(self)
    }
}

/// `1,4,7`
impl Cell for BTreeSet<QosId> {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(|text: String| parts(&text).map(|id| id.parse().ok()).collect())
    }

    fn put(&self) -> Value<'_> {
        join(self)
    }
}

/// `DenyOnLimit,NoDecay`
impl Cell for BTreeSet<QosFlag> {
    fn get(from: &mut Cursor) -> Result<Self> {
        let named = |name: &str| QosFlag::ALL.iter().copied().find(|flag| flag.name() == name);
        from.understood(|text: String| parts(&text).map(named).collect())
    }

    fn put(&self) -> Value<'_> {
        join(self.iter().map(|flag| flag.name()))
    }
}

/// `1=4,2=1000`
impl Cell for TresCounts {
    fn get(from: &mut Cursor) -> Result<Self> {
        let count = |part: &str| part.split_once('=').and_then(|(id, n)| Some((id.parse().ok()?, n.parse().ok()?)));
        from.understood(|text: String| parts(&text).map(count).collect())
    }

    fn put(&self) -> Value<'_> {
        join(self.iter().map(|(id, count)| format!("{id}={count}")))
    }
}

/// In three columns: exactly these, or else more and less than those of the association above.
impl Columns for QosSet {
    fn names(to: &mut Vec<&'static str>) {
        to.extend(["qos", "qos_added", "qos_removed"]);
    }

    fn read(from: &mut Cursor) -> Result<Self> {
        let exactly = Cell::get(from)?;
        let (added, removed): (BTreeSet<QosId>, BTreeSet<QosId>) = (Cell::get(from)?, Cell::get(from)?);
        Ok(match exactly {
            Some(ids) => QosSet::Exactly(ids),
            None if added.is_empty() && removed.is_empty() => QosSet::Inherited,
            None => QosSet::Changed { added, removed },
        })
    }

    fn write<'a>(&'a self, to: &mut Vec<Value<'a>>) {
        let nothing = || join::<&str>([]);
        to.extend(match self {
            QosSet::Inherited => [Value::Owned(Owned::Null), nothing(), nothing()],
            QosSet::Exactly(ids) => [ids.put(), nothing(), nothing()],
            QosSet::Changed { added, removed } => [Value::Owned(Owned::Null), added.put(), removed.put()],
        });
    }
}
