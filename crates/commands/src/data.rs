//! [`Data`]: what `--json` and `--yaml` print, in the order and layout of Slurm's serializers; [`Document`]: all of it.

use crate::Output;
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// How things are printed instead of as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structured {
    /// `--json`
    Json,
    /// `--yaml`
    Yaml,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Nothing is known.
    Null,
    /// Yes or no.
    Is(bool),
    /// A number that may have a fraction.
    Real(f64),
    /// A whole number.
    Int(i128),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Data>),
    /// Several by name, in this order.
    Map(Vec<(&'static str, Data)>),
    /// The same, with names that are data too.
    Named(Vec<(String, Data)>),
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

    /// All of it as a document of its own.
    pub fn printed(&self, form: Structured) -> String {
        let mut out = String::new();
        match form {
            Structured::Json => self.write_json(&mut out, 0),
            Structured::Yaml => {
                out.push_str("%YAML 1.1\n---");
                self.write_yaml(&mut out, 0, true);
                out.push_str("\n...");
            }
        }
        out + "\n"
    }

    /// As JSON, indented by two.
    fn write_json(&self, out: &mut String, depth: usize) {
        match self {
            Data::Null => out.push_str("null"),
            Data::Is(is) => out.push_str(if *is { "true" } else { "false" }),
            Data::Real(number) => out.push_str(&format!("{number:?}")),
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
            Data::Map(items) => write_json_map(out, depth, items),
            Data::Named(items) => write_json_map(out, depth, items),
        }
    }

    /// As YAML 1.1 with a tag on every node: what follows a name, a dash or the beginning. Lists stand as far in as the
    /// name before them.
    fn write_yaml(&self, out: &mut String, depth: usize, in_list: bool) {
        match self {
            Data::Null => out.push_str(" !!null null"),
            Data::Is(is) => out.push_str(&format!(" !!bool {is}")),
            Data::Real(number) => out.push_str(&format!(" !!float {number:?}")),
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
            Data::Map(items) => write_yaml_map(out, depth, items),
            Data::Named(items) => write_yaml_map(out, depth, items),
        }
    }
}

fn write_json_map<N: AsRef<str>>(out: &mut String, depth: usize, items: &[(N, Data)]) {
    out.push('{');
    for (index, (name, item)) in items.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        line(out, depth + 1);
        quote(out, name.as_ref(), true);
        out.push_str(": ");
        item.write_json(out, depth + 1);
    }
    line(out, depth);
    out.push('}');
}

fn write_yaml_map<N: AsRef<str>>(out: &mut String, depth: usize, items: &[(N, Data)]) {
    out.push_str(" !!map");
    for (name, item) in items {
        out.extend(["\n", &"  ".repeat(depth), "!!str "]);
        match name.as_ref() {
            name if is_plain(name) => out.push_str(name),
            name => quote(out, name, false),
        }
        out.push(':');
        item.write_yaml(out, depth + 1, false);
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str("  "));
}

/// A map whose last value is a list that may be long: it is printed item by item.
#[derive(Debug)]
pub struct Document<'a, 'o> {
    form: Structured,
    is_empty: bool,
    out: &'a mut Output<'o>,
}

impl<'a, 'o> Document<'a, 'o> {
    /// Prints what stands before the list, and the list's name.
    pub fn new(form: Structured, before: &[(&'static str, Data)], list: &str, out: &'a mut Output<'o>) -> Self {
        let text = out.text();
        match form {
            Structured::Json => {
                text.push('{');
                for (name, value) in before {
                    line(text, 1);
                    quote(text, name, true);
                    text.push_str(": ");
                    value.write_json(text, 1);
                    text.push(',');
                }
                line(text, 1);
                quote(text, list, true);
                text.push_str(": [");
            }
            Structured::Yaml => {
                text.push_str("%YAML 1.1\n--- !!map");
                for (name, value) in before {
                    text.extend(["\n!!str ", name, ":"]);
                    value.write_yaml(text, 1, false);
                }
                text.extend(["\n!!str ", list, ":"]);
            }
        }
        Self { form, is_empty: true, out }
    }

    /// Prints the next item of the list. Breaks when nobody reads any more.
    pub fn item(&mut self, item: &Data) -> ControlFlow<()> {
        let first = std::mem::take(&mut self.is_empty);
        let text = self.out.text();
        match self.form {
            Structured::Json => {
                text.push_str(if first { "" } else { "," });
                line(text, 2);
                item.write_json(text, 2);
            }
            Structured::Yaml => {
                text.push_str(if first { " !!seq\n-" } else { "\n-" });
                item.write_yaml(text, 1, true);
            }
        }
        self.out.row_ends()
    }

    /// Prints the end.
    pub fn end(self) {
        self.out.push_str(match self.form {
            Structured::Json => "\n  ]\n}\n",
            Structured::Yaml if self.is_empty => " !!seq []\n...\n",
            Structured::Yaml => "\n...\n",
        });
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

    /// A document with these items in its list.
    fn printed(form: Structured, items: &[Data]) -> String {
        let mut out = Output::default();
        let inner = Data::Map(vec![("a", Data::int(1)), ("b", Data::List(vec![]))]);
        let before = [
            ("text", Data::text("x \"/\\\u{1}")),
            ("none", Data::Null),
            ("list", Data::List(vec![inner, Data::text("y")])),
            ("empty", Data::text("")),
        ];
        let mut document = Document::new(form, &before, "jobs", &mut out);
        items.iter().for_each(|item| assert!(document.item(item).is_continue()));
        document.end();
        out.rest()
    }

    #[test]
    fn json_is_json() {
        let items = [Data::Map(vec![("c", Data::int(2))]), Data::text("z")];
        let text = printed(Structured::Json, &items);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["text"], "x \"/\\\u{1}");
        assert_eq!(value["list"][0]["a"], 1);
        assert_eq!((&value["jobs"][0]["c"], &value["jobs"][1]), (&2.into(), &"z".into()));
        assert!(text.contains("\"b\": [\n      ]"), "{text}");
        let ends = |text: &str, end: &str| assert!(text.ends_with(end), "{text}");
        ends(&text, "\"jobs\": [\n    {\n      \"c\": 2\n    },\n    \"z\"\n  ]\n}\n");
        ends(&printed(Structured::Json, &[]), "\"jobs\": [\n  ]\n}\n");
    }

    #[test]
    fn yaml_has_tags() {
        let expected = "%YAML 1.1\n--- !!map\n!!str text: !!str \"x \\\"/\\\\\\u0001\"\n!!str none: !!null null\n\
            !!str list: !!seq\n- !!map\n  !!str a: !!int 1\n  !!str b: !!seq []\n- !!str y\n!!str empty: !!str\n\
            !!str jobs:";
        assert_eq!(printed(Structured::Yaml, &[]), format!("{expected} !!seq []\n...\n"));
        let items = [Data::Map(vec![("c", Data::int(2)), ("d", Data::Null)]), Data::text("z")];
        let list = " !!seq\n- !!map\n  !!str c: !!int 2\n  !!str d: !!null null\n- !!str z\n...\n";
        assert_eq!(printed(Structured::Yaml, &items), format!("{expected}{list}"));
    }
}
