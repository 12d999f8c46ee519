//! [`Data`]: what `--json` and `--yaml` print, in the order and layout of Slurm's serializers.

use std::fmt::Write as _;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing is known.
    Null,
    /// A whole number.
    Int(i128),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Data>),
    /// Several by name, in this order.
    Map(Vec<(&'static str, Data)>),
}

impl Data {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Data::Text(text.into())
    }

    /// A text, or nothing if it is empty.
    pub fn some_text(text: &str) -> Self {
        if text.is_empty() { Data::Null } else { Data::text(text) }
    }

    /// A number.
    pub fn int(number: impl Into<i128>) -> Self {
        Data::Int(number.into())
    }

    /// A number, or nothing.
    pub fn some_int(number: Option<impl Into<i128>>) -> Self {
        number.map_or(Data::Null, Data::int)
    }

    /// As JSON, indented by two; without a line break at the end.
    pub fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out, 0);
        out
    }

    fn write_json(&self, out: &mut String, depth: usize) {
        let line = |out: &mut String, depth: usize| out.extend(["\n", &"  ".repeat(depth)]);
        match self {
            Data::Null => out.push_str("null"),
            Data::Int(number) => out.push_str(&number.to_string()),
            Data::Text(text) => quote(out, text, true),
            Data::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    line(out, depth + 1);
                    item.write_json(out, depth + 1);
                }
                line(out, depth);
                out.push(']');
            }
            Data::Map(items) => {
                out.push('{');
                for (index, (name, item)) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    line(out, depth + 1);
                    quote(out, name, true);
                    out.push_str(": ");
                    item.write_json(out, depth + 1);
                }
                line(out, depth);
                out.push('}');
            }
        }
    }

    /// As YAML 1.1 with a tag on every node; with a line break at the end.
    pub fn yaml(&self) -> String {
        let mut out = "%YAML 1.1\n---".to_owned();
        self.write_yaml(&mut out, 0, false);
        out.push_str("\n...\n");
        out
    }

    /// Writes what follows a name, a dash or the beginning. Lists stand as far in as the name before them.
    fn write_yaml(&self, out: &mut String, depth: usize, in_list: bool) {
        match self {
            Data::Null => out.push_str(" !!null null"),
            Data::Int(number) => out.push_str(&format!(" !!int {number}")),
            Data::Text(text) if text.is_empty() => out.push_str(" !!str"),
            Data::Text(text) if is_plain(text) => out.push_str(&format!(" !!str {text}")),
            Data::Text(text) => {
                out.push_str(" !!str ");
                quote(out, text, false);
            }
            Data::List(items) if items.is_empty() => out.push_str(" !!seq []"),
            Data::List(items) => {
                out.push_str(" !!seq");
                let depth = depth - usize::from(!in_list && depth > 0);
                for item in items {
                    out.extend(["\n", &"  ".repeat(depth), "-"]);
                    item.write_yaml(out, depth + 1, true);
                }
            }
            Data::Map(items) => {
                out.push_str(" !!map");
                for (name, item) in items {
                    out.extend(["\n", &"  ".repeat(depth), "!!str ", name, ":"]);
                    item.write_yaml(out, depth + 1, false);
                }
            }
        }
    }
}

/// Whether YAML takes the text without quotes; when in doubt, no.
fn is_plain(text: &str) -> bool {
    let safe = |c: char| {
        c.is_alphanumeric()
            || matches!(c, ' ' | '_' | '-' | '.' | '/' | '+' | '[' | ']' | '=' | ',' | '@' | '(' | ')' | '*' | '&')
    };
    let first = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '(' | '+');
    text.chars().all(safe) && text.starts_with(first) && !text.ends_with(' ')
}

fn quote(out: &mut String, text: &str, escape_slashes: bool) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' if escape_slashes => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Data {
        let inner = Data::Map(vec![("a", Data::int(1)), ("b", Data::List(vec![]))]);
        Data::Map(vec![
            ("text", Data::text("x \"/\\\u{1}")),
            ("none", Data::Null),
            ("list", Data::List(vec![inner, Data::text("y")])),
            ("empty", Data::text("")),
        ])
    }

    #[test]
    fn json_is_json() {
        let value: serde_json::Value = serde_json::from_str(&sample().json()).unwrap();
        assert_eq!(value["text"], "x \"/\\\u{1}");
        assert_eq!(value["list"][0]["a"], 1);
        assert!(sample().json().contains("\"b\": [\n      ]"), "{}", sample().json());
    }

    #[test]
    fn yaml_has_tags() {
        let expected = "%YAML 1.1\n--- !!map\n!!str text: !!str \"x \\\"/\\\\\\u0001\"\n!!str none: !!null null\n\
            !!str list: !!seq\n- !!map\n  !!str a: !!int 1\n  !!str b: !!seq []\n- !!str y\n!!str empty: !!str\n...\n";
        assert_eq!(sample().yaml(), expected);
    }
}
