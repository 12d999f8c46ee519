//! The types that parameters may have. A module adds its own where the words of a playbook mean more than text.

use super::ParameterKind;
use std::fmt;
use words::value::{Map, Value};

/// A type that a parameter may have: what the table says of it, and how it is read.
pub trait ParameterType: Sized {
    /// How a value is converted before it is read.
    const KIND: ParameterKind;
    /// The texts that are accepted; none accepts all.
    const CHOICES: &'static [&'static str] = &[];
    /// Whether it is a secret: its value is not in messages or results.
    const SECRET: bool = false;
    /// Whether it need not be given.
    const OPTIONAL: bool = false;

    /// Reads a value of its kind and choices; `None` for another. `name` is the parameter's, for messages of later.
    fn read(name: &'static str, value: Value) -> Option<Self>;

    /// What stands for one that was not given and has no default; `None` where it must be given.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: ParameterType> ParameterType for Option<T> {
    const KIND: ParameterKind = T::KIND;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRET: bool = T::SECRET;
    const OPTIONAL: bool = true;

    fn read(name: &'static str, value: Value) -> Option<Self> {
        T::read(name, value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl ParameterType for String {
    const KIND: ParameterKind = ParameterKind::Str;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl ParameterType for i64 {
    const KIND: ParameterKind = ParameterKind::Int;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        value.as_int()
    }
}

impl ParameterType for f64 {
    const KIND: ParameterKind = ParameterKind::Float;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        match value {
            Value::Float(number) => Some(number),
            _ => None,
        }
    }
}

impl ParameterType for bool {
    const KIND: ParameterKind = ParameterKind::Bool;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        value.as_bool()
    }
}

impl ParameterType for Vec<String> {
    const KIND: ParameterKind = ParameterKind::List;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        Some(value.as_list()?.iter().map(Value::to_string).collect())
    }
}

/// A list of what may be more than text.
impl ParameterType for Vec<Value> {
    const KIND: ParameterKind = ParameterKind::List;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        match value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}

impl ParameterType for Map {
    const KIND: ParameterKind = ParameterKind::Dict;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        match value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }
}

/// As it comes.
impl ParameterType for Value {
    const KIND: ParameterKind = ParameterKind::Raw;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        Some(value)
    }
}

/// A path as a task gives it. `~` and `$VAR` in it mean something only on the host: see `HostPath::on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPath(String);

impl HostPath {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ParameterType for HostPath {
    const KIND: ParameterKind = ParameterKind::Path;

    fn read(name: &'static str, value: Value) -> Option<Self> {
        String::read(name, value).map(Self)
    }
}

/// A text that nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenSecret(String);

impl GivenSecret {
    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GivenSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Secret(not shown)")
    }
}

impl ParameterType for GivenSecret {
    const KIND: ParameterKind = ParameterKind::Str;
    const SECRET: bool = true;

    fn read(name: &'static str, value: Value) -> Option<Self> {
        String::read(name, value).map(Self)
    }
}

/// What [`choices!`](crate::choices!) declares.
pub trait Choice: ParameterType {
    /// The word that playbooks write.
    fn word(self) -> &'static str;
}

/// Declares a parameter's choices: each variant with the word that playbooks write.
#[macro_export]
macro_rules! choices {
    (
        $(#[doc = $about:literal])+
        $vis:vis enum $enum:ident { $($(#[doc = $help:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $enum { $($(#[doc = $help])+ $variant,)+ }

        impl $crate::parameters::Choice for $enum {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::parameters::ParameterType for $enum {
            const KIND: $crate::parameters::ParameterKind = $crate::parameters::ParameterKind::Str;
            const CHOICES: &'static [&'static str] = &[$($word),+];

            fn read(_: &'static str, value: ::words::value::Value) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

choices! {
    /// Whether something shall be there: the `state` of most modules.
    pub enum Presence {
        /// It shall not.
        Absent = "absent",
        /// It shall.
        Present = "present",
    }
}
