//! Numbers that name things. Each kind of number is a type of its own, so that none is taken for another. Where there may
//! be none a field is an `Option`; 0 means that only in stores and archives, which [`or_zero`] writes and reads.

/// A number that names something. Made by [`ids!`](crate::ids).
pub trait Id: Copy {
    /// The plain number.
    type Number: Default + PartialEq;

    /// As a plain number.
    fn number(self) -> Self::Number;

    /// What a plain number names.
    fn of(number: Self::Number) -> Self;
}

/// Declares kinds of numbers: `ids! { /// What it names. JobId(u32); }`.
#[macro_export]
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident($number:ty);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl $crate::ids::Id for $name {
            type Number = $number;

            fn number(self) -> $number {
                self.0
            }

            fn of(number: $number) -> Self {
                Self(number)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::num::ParseIntError;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

/// An id that may be missing, as stores and archives write it: 0 is none.
pub mod or_zero {
    use super::Id;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// The number.
    pub fn number<T: Id>(id: Option<T>) -> T::Number {
        id.map_or_else(T::Number::default, T::number)
    }

    /// The id of a number.
    pub fn id<T: Id>(number: T::Number) -> Option<T> {
        (number != T::Number::default()).then(|| T::of(number))
    }

    /// For `#[serde(with = …)]`.
    pub fn serialize<T: Id<Number: Serialize>, S: Serializer>(id: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        number(*id).serialize(to)
    }

    /// For `#[serde(with = …)]`.
    pub fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: Id<Number: Deserialize<'de>>,
        D: Deserializer<'de>,
    {
        T::Number::deserialize(from).map(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    crate::ids! {
        /// A page.
        Page(u32);
        /// A book.
        Book(u64);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        page: Page,
        #[serde(with = "or_zero")]
        book: Option<Book>,
        names: BTreeMap<Page, String>,
    }

    #[test]
    fn json_has_plain_numbers_and_0_for_none() {
        let row = |book| Row { page: Page(2), book, names: [(Page(1001), "n1".to_owned())].into() };
        for (book, number) in [(None, 0), (Some(Book(7)), 7)] {
            let text = format!(r#"{{"page":2,"book":{number},"names":{{"1001":"n1"}}}}"#);
            assert_eq!(serde_json::to_string(&row(book)).unwrap(), text);
            assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row(book));
        }
    }

    #[test]
    fn texts_are_plain_numbers_and_fill_a_width() {
        assert_eq!(("12".parse(), "x".parse::<Page>().is_err()), (Ok(Page(12)), true));
        assert_eq!(format!("{:>4}|{:<4}|", Page(6).next(), Book(7).next()), "   7|8   |");
    }
}
