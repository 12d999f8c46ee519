//! How many values a JSON text holds, told without building one of them.
//!
//! A byte of JSON can cost a hundred bytes of memory: `[[],[],…]`. So what comes from somebody else is counted first.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Counts the values of a JSON text: every scalar, list, mapping and key, and every line of a text, since texts become
/// lists of lines. The error names the place where the text is no JSON, or where there are more than `most`.
pub fn count(json: &[u8], most: usize) -> Result<usize, serde_json::Error> {
    let found = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(json);
    Census { found: &found, most }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(found.get())
}

#[derive(Clone, Copy)]
struct Census<'a> {
    found: &'a Cell<usize>,
    most: usize,
}

impl Census<'_> {
    fn take<E: Error>(self, values: usize) -> Result<(), E> {
        self.found.set(self.found.get() + values);
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
        self.take(1 + text.bytes().filter(|byte| *byte == b'\n').count())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.take(1)?;
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.take(1)?;
        while map.next_key_seed(self)?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counts() {
        assert_eq!(count(br#"{"a": [1, -1, 0.5, true, null, "x"], "b": {}}"#, 100).unwrap(), 11);
        assert_eq!(count(br#""one\ntwo\n""#, 100).unwrap(), 3);
    }

    #[test]
    fn too_many_are_told_where_they_begin_to_be() {
        let lists = format!("[{}[]]", "[],".repeat(1000));
        assert!(count(lists.as_bytes(), 1002).is_ok());
        let error = count(lists.as_bytes(), 100).unwrap_err();
        assert!(error.to_string().contains("more than 100 values"), "{error}");
        assert!(error.column() < 400, "it was read on: {error}");
        assert!(count(br#""\n\n\n\n""#, 4).is_err());
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        assert!(count(b"[1,", 9).is_err() && count(b"1 2", 9).is_err() && count(b"", 9).is_err());
        assert!(count("[".repeat(10_000).as_bytes(), 99_999).is_err(), "it is nested too deep");
    }
}
