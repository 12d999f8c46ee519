//! [`Value`] as JSON, in both directions, and Ansible's one-line form of it.

use crate::value::{Map, Value};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::String(text) => serializer.serialize_str(text),
            Value::List(items) => items.serialize(serializer),
            Value::Map(map) => map.serialize(serializer),
            Value::Unknown(why) => Err(serde::ser::Error::custom(format!("JSON has no word for the unknown: {why}"))),
            Value::Omit => Err(serde::ser::Error::custom("JSON has no word for `omit`")),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}

impl Value {
    /// Reads JSON text.
    pub fn from_json(text: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// One line, `", "` and `": "` as separators, non-ASCII kept: Python's `json.dumps(ensure_ascii=False)`.
    /// With `sorted`, keys are in alphabetical order, as Ansible prints results.
    pub fn to_json_line(&self, sorted: bool) -> String {
        let mut out = String::new();
        self.write_json(&mut out, sorted, None, 0);
        out
    }

    /// Several lines, `indent` blanks a level, as `json.dumps(indent=…)`.
    pub fn to_json_pretty(&self, sorted: bool, indent: usize) -> String {
        let mut out = String::new();
        self.write_json(&mut out, sorted, Some(indent), 0);
        out
    }

    fn write_json(&self, out: &mut String, sorted: bool, indent: Option<usize>, level: usize) {
        match self {
            Value::List(items) if !items.is_empty() => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    separate(out, i, indent, level + 1);
                    item.write_json(out, sorted, indent, level + 1);
                }
                close(out, ']', indent, level);
            }
            Value::Map(map) if !map.is_empty() => {
                let mut entries: Vec<_> = map.iter().collect();
                if sorted {
                    entries.sort_by_key(|(key, _)| *key);
                }
                out.push('{');
                for (i, (key, value)) in entries.into_iter().enumerate() {
                    separate(out, i, indent, level + 1);
                    out.push_str(&scalar_json(&Value::String(key.clone())));
                    out.push_str(": ");
                    value.write_json(out, sorted, indent, level + 1);
                }
                close(out, '}', indent, level);
            }
            other => out.push_str(&scalar_json(other)),
        }
    }
}

fn scalar_json(value: &Value) -> String {
    match value {
        Value::Unknown(why) => scalar_json(&Value::String(format!("(unknown: {why})"))),
        other => serde_json::to_string(other).unwrap_or_else(|_| "null".into()),
    }
}

fn separate(out: &mut String, index: usize, indent: Option<usize>, level: usize) {
    match (index, indent) {
        (0, None) => {}
        (_, None) => out.push_str(", "),
        (_, Some(width)) => {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.push_str(&" ".repeat(width * level));
        }
    }
}

fn close(out: &mut String, bracket: char, indent: Option<usize>, level: usize) {
    if let Some(width) = indent {
        out.push('\n');
        out.push_str(&" ".repeat(width * level));
    }
    out.push(bracket);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_shows_as_text_and_is_no_json() {
        let value = Value::List(vec![Value::Unknown("did not run".into())]);
        assert!(serde_json::to_string(&value).is_err());
        assert_eq!(value.to_json_line(true), r#"["(unknown: did not run)"]"#);
    }

    #[test]
    fn ansible_json_line() {
        let value = Value::from_json(r#"{"b": [1, 2.5, "그룹"], "a": {}, "c": {"x": null}}"#).unwrap();
        assert_eq!(value.to_json_line(true), r#"{"a": {}, "b": [1, 2.5, "그룹"], "c": {"x": null}}"#);
        assert_eq!(value.get("c").unwrap().to_json_pretty(true, 4), "{\n    \"x\": null\n}");
    }
}
