//! How many values a JSON text holds, told without building one of them.
//!
//! A byte of JSON can cost a hundred bytes of memory: `[[],[],…]`. So what comes from somebody else is counted first.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// What values cost beside the one for each scalar, list, mapping and key.
#[derive(Clone, Copy, Debug)]
pub struct Prices {
    /// A mapping, beside what is in it.
    pub mapping: usize,
    /// An element of a list, beside the value itself.
    pub element: usize,
    /// A line of a text that ends.
    pub line: usize,
}

impl Prices {
    /// Of answers of hosts: every value counts once, and so does every line of a text, since texts become lists of lines.
    pub const EVERY_VALUE: Prices = Prices { mapping: 0, element: 0, line: 1 };
}

/// Why a text was not counted to its end.
#[derive(Debug)]
pub enum Uncounted {
    /// Its values cost more than they may; the error has the place where they begin to.
    TooMany(serde_json::Error),
    /// It is no JSON.
    NoJson(serde_json::Error),
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Uncounted::TooMany(error) | Uncounted::NoJson(error)) = self;
        error.fmt(f)
    }
}

impl From<Uncounted> for serde_json::Error {
    fn from(why: Uncounted) -> Self {
        let (Uncounted::TooMany(error) | Uncounted::NoJson(error)) = why;
        error
    }
}

/// What the values of a JSON text cost together, if no more than `most`.
pub fn count(json: &[u8], most: usize, prices: Prices) -> Result<usize, Uncounted> {
    let found = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(json);
    let counted = Census { found: &found, most, prices }.deserialize(&mut reader).and_then(|()| reader.end());
    match counted {
        Ok(()) => Ok(found.get()),
        Err(error) if found.get() > most => Err(Uncounted::TooMany(error)),
        Err(error) => Err(Uncounted::NoJson(error)),
    }
}

#[derive(Clone, Copy)]
struct Census<'a> {
    found: &'a Cell<usize>,
    most: usize,
    prices: Prices,
}

impl Census<'_> {
    fn take<E: Error>(self, cost: usize) -> Result<(), E> {
        self.found.set(self.found.get().saturating_add(cost));
        if self.found.get() > self.most {
            return Err(E::custom(format!("there are more than {} values", self.most)));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Census<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Census<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.take(1)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.take(1)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.take(1)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.take(1)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.take(1)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        self.take(1 + lines * self.prices.line)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.take(1)?;
        while list.next_element_seed(self)?.is_some() {
            self.take(self.prices.element)?;
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.take(1 + self.prices.mapping)?;
        while map.next_key_seed(self)?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(json: &[u8], most: usize) -> Result<usize, Uncounted> {
        super::count(json, most, Prices::EVERY_VALUE)
    }

    #[test]
    fn everything_counts_at_its_price() {
        assert_eq!(count(br#"{"a": [1, -1, 0.5, true, null, "x"], "b": {}}"#, 100).unwrap(), 11);
        assert_eq!(count(br#""one\ntwo\n""#, 100).unwrap(), 3);
        let dear = Prices { mapping: 100, element: 1000, line: 0 };
        assert_eq!(super::count(br#"{"a": ["one\ntwo", {}]}"#, 9999, dear).unwrap(), 2205);
    }

    #[test]
    fn too_many_are_told_where_they_begin_to_be() {
        let lists = format!("[{}[]]", "[],".repeat(1000));
        assert!(count(lists.as_bytes(), 1002).is_ok());
        let Err(Uncounted::TooMany(error)) = count(lists.as_bytes(), 100) else { panic!("it is taken") };
        assert!(error.to_string().contains("more than 100 values"), "{error}");
        assert!(error.column() < 400, "it was read on: {error}");
        assert!(count(br#""\n\n\n\n""#, 4).is_err());
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for bad in ["[1,", "1 2", "", &"[".repeat(10_000)] {
            assert!(matches!(count(bad.as_bytes(), 99_999), Err(Uncounted::NoJson(_))), "{bad:.10}");
        }
    }
}
