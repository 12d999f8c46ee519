//! Plain data: what variables, module arguments and results are made of.

pub mod census;
mod json;
pub mod node;
pub mod python;
pub mod wire;
pub mod written;

use std::fmt;
use std::sync::Arc;

/// A mapping that keeps the order of its keys, as Ansible does.
pub type Map = indexmap::IndexMap<String, Value>;

/// Variables by name, each shared by all that look it up: results of hosts can be large.
pub type Shared = indexmap::IndexMap<String, Arc<Value>>;

/// The variables of a mapping, to be shared.
pub fn shared(map: Map) -> Shared {
    map.into_iter().map(|(name, value)| (name, Arc::new(value))).collect()
}

/// One value of the playbook language: JSON's kinds, integers apart from floats, and [`Value::Unknown`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// YAML `null`, `~` or nothing.
    #[default]
    Null,
    /// true or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping; keys that YAML reads as numbers or booleans are kept as their text.
    Map(Map),
    /// What a dry run cannot know, such as the output of a command that did not run; the text says why.
    Unknown(String),
    /// A template's `omit`: as if it had not been written at all. It lives within a template only; what comes out of
    /// one has none.
    Omit,
}

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one (no conversion; see `host::parameters` for Ansible's conversions).
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entry of a mapping; `None` also when this is no mapping.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// Python's truth: null, false, zero and everything empty are false. Unknown is false.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null | Value::Unknown(_) => false,
            Value::Omit => true,
            Value::Bool(truth) => *truth,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
        }
    }

    /// Ansible's idea of a boolean: yes/on/1/true/t/y and no/off/0/false/f/n in any case, 1 and 0.
    pub fn to_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            Value::Int(1) => Some(true),
            Value::Int(0) => Some(false),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "yes" | "on" | "1" | "true" | "t" | "y" => Some(true),
                "no" | "off" | "0" | "false" | "f" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Python's name of the type, as Ansible's messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::String(_) => "str",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Unknown(_) => "unknown",
            Value::Omit => "omit",
        }
    }
}

/// As Python's `str()`: text as it is, everything else as [`Value::repr`].
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::String(text) => f.write_str(text),
            other => other.fmt_repr(f),
        }
    }
}

impl Value {
    /// As Python's `repr()`: `['a', True, None]`. Playbooks see it when a list is put into a text.
    pub fn repr(&self) -> String {
        struct Repr<'a>(&'a Value);
        impl fmt::Display for Repr<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_repr(f)
            }
        }
        Repr(self).to_string()
    }

    fn fmt_repr(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("None"),
            Value::Bool(true) => f.write_str("True"),
            Value::Bool(false) => f.write_str("False"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => fmt_float(f, *number),
            Value::String(text) => fmt_quoted(f, text),
            Value::Unknown(why) => write!(f, "(unknown: {why})"),
            Value::Omit => f.write_str("omit"),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    item.fmt_repr(f)?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                f.write_str("{")?;
                for (i, (key, value)) in map.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    fmt_quoted(f, key)?;
                    f.write_str(": ")?;
                    value.fmt_repr(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Python writes at least two digits of exponent, with a sign: `1e+16`, `1e-05`.
fn fmt_float(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let text = format!("{number:?}").to_lowercase();
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
            write!(f, "{digits}e{sign}{power:0>2}")
        }
        None => f.write_str(&text),
    }
}

/// Python prefers single quotes, and takes double ones when the text has a single quote and no double one.
fn fmt_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    write!(f, "{quote}")?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(f, "\\x{:02x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    write!(f, "{quote}")
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}
value_from!(bool => Bool, i64 => Int, u32 => Int, i32 => Int, f64 => Float, &str => String, String => String,
    Vec<Value> => List, Map => Map);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_is_pythons() {
        let value = Value::from(vec!["it's".into(), Value::Bool(true), Value::Null, Value::Float(1.0), "a\n".into()]);
        assert_eq!(value.to_string(), r#"["it's", True, None, 1.0, 'a\n']"#);
        assert_eq!(Value::from(vec![Value::Float(1e16), Value::Float(1.5e-7)]).to_string(), "[1e+16, 1.5e-07]");
    }
}
