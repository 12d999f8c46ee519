//! YAML from and to texts; written as PyYAML writes it.

use super::{Args, Table};
use crate::yaml::{parse, parse_one, scalar};
use words::diag::Source;
use words::value::node::Node;
use words::value::{Map, Value};

pub(super) const FILTERS: Table = &[
    ("from_yaml", "value", from_yaml),
    ("from_yaml_all", "value", from_yaml_all),
    ("to_yaml", "a, *, indent, width, sort_keys, default_flow_style, explicit_start, explicit_end", |args| {
        to_yaml(args, 2, Flow::Leaves)
    }),
    ("to_nice_yaml", "a, indent, *, width, sort_keys, default_flow_style, explicit_start, explicit_end", |args| {
        to_yaml(args, args.int(1, "indent")?.unwrap_or(4), Flow::Never)
    }),
];

fn from_yaml(args: &Args) -> Result<Value, String> {
    match args.input() {
        Value::String(text) => {
            let node =
                parse_one(&Source::new("the input of from_yaml", text.as_str())).map_err(|error| error.to_string())?;
            Ok(node.map_or(Value::Null, |node| node.to_value()))
        }
        other => Ok(other.clone()),
    }
}

fn from_yaml_all(args: &Args) -> Result<Value, String> {
    match args.input() {
        Value::Null => Ok(Value::List(Vec::new())),
        Value::String(text) => {
            let nodes =
                parse(&Source::new("the input of from_yaml_all", text.as_str())).map_err(|error| error.to_string())?;
            Ok(Value::List(nodes.iter().map(Node::to_value).collect()))
        }
        other => Ok(other.clone()),
    }
}

/// Which collections are written in one line with brackets.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Never,
    /// Those that hold scalars only.
    Leaves,
    Always,
}

fn to_yaml(args: &Args, indent: i64, flow: Flow) -> Result<Value, String> {
    let flow = match args.named().get("default_flow_style") {
        Some(Value::Bool(true)) => Flow::Always,
        Some(Value::Bool(false)) => Flow::Never,
        _ => flow,
    };
    let indent = args.int(usize::MAX, "indent")?.unwrap_or(indent);
    let mut writer = Writer {
        out: String::new(),
        step: if (2..10).contains(&indent) { indent as usize } else { 2 },
        width: args.int(usize::MAX, "width")?.unwrap_or(80).max(20) as usize,
        sorted: args.flag(usize::MAX, "sort_keys", true),
        flow,
    };
    let explicit = |name| args.flag(usize::MAX, name, false);
    if explicit("explicit_start") {
        let inline = writer.is_flow(args.input());
        writer.out.push_str(if inline { "--- " } else { "---\n" });
    }
    writer.root(args.input());
    if explicit("explicit_end") {
        writer.out.push_str("...\n");
    }
    Ok(writer.out.into())
}

struct Writer {
    out: String,
    step: usize,
    width: usize,
    sorted: bool,
    flow: Flow,
}

impl Writer {
    fn root(&mut self, value: &Value) {
        self.node(value, None);
        self.out.push('\n');
    }

    fn column(&self) -> usize {
        self.out.rsplit('\n').next().map_or(0, |line| line.chars().count())
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
    }

    fn is_flow(&self, value: &Value) -> bool {
        let scalar = |value: &Value| !matches!(value, Value::List(_) | Value::Map(_));
        let leaves = match value {
            Value::List(items) => items.iter().all(scalar),
            Value::Map(map) => map.values().all(scalar),
            _ => true,
        };
        let empty = !scalar(value) && !value.is_truthy();
        empty || self.flow == Flow::Always || (self.flow == Flow::Leaves && leaves)
    }

    /// A value; `indent` is that of the collection around it.
    fn node(&mut self, value: &Value, indent: Option<usize>) {
        match value {
            Value::List(_) | Value::Map(_) if self.is_flow(value) => {
                self.flow(value, indent.map_or(self.step, |i| i + self.step))
            }
            Value::List(items) => self.list(items, indent.map_or(0, |indent| indent + self.step)),
            Value::Map(map) => self.map(map, indent.map_or(0, |indent| indent + self.step)),
            scalar => self.scalar(scalar, indent.map_or(self.step, |i| i + self.step), false, true),
        }
    }

    /// The first entry starts where the writer is; `indent` is its column.
    fn list(&mut self, items: &[Value], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || self.column() > indent {
                self.line(indent);
            }
            self.out.push('-');
            let block = matches!(item, Value::List(_) | Value::Map(_)) && !self.is_flow(item);
            self.out.push_str(&" ".repeat(if block { self.step - 1 } else { 1 }));
            self.node(item, Some(indent));
        }
    }

    fn map(&mut self, map: &Map, indent: usize) {
        for (index, (key, value)) in self.entries(map).into_iter().enumerate() {
            if index > 0 {
                self.line(indent);
            }
            self.scalar(&Value::from(key), indent, false, false);
            self.out.push(':');
            match value {
                Value::List(items) if !self.is_flow(value) => {
                    self.line(indent);
                    self.list(items, indent);
                }
                Value::Map(inner) if !self.is_flow(value) => {
                    self.line(indent + self.step);
                    self.map(inner, indent + self.step);
                }
                value => {
                    self.out.push(' ');
                    self.node(value, Some(indent));
                }
            }
        }
    }

    fn entries<'m>(&self, map: &'m Map) -> Vec<(&'m str, &'m Value)> {
        let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
        if self.sorted {
            entries.sort_by_key(|(key, _)| *key);
        }
        entries
    }

    fn flow(&mut self, value: &Value, indent: usize) {
        let (open, close) = if matches!(value, Value::Map(_)) { ('{', '}') } else { ('[', ']') };
        self.out.push(open);
        let entries: Vec<(Option<&str>, &Value)> = match value {
            Value::Map(map) => self.entries(map).into_iter().map(|(key, value)| (Some(key), value)).collect(),
            Value::List(items) => items.iter().map(|item| (None, item)).collect(),
            _ => Vec::new(),
        };
        for (index, (key, value)) in entries.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            if self.column() > self.width {
                self.line(indent);
            } else if index > 0 {
                self.out.push(' ');
            }
            if let Some(key) = key {
                self.scalar(&Value::from(key), indent, true, false);
                self.out.push_str(": ");
            }
            match value {
                Value::List(_) | Value::Map(_) => self.flow(value, indent + self.step),
                scalar => self.scalar(scalar, indent + self.step, true, true),
            }
        }
        self.out.push(close);
    }

    /// `indent` is that of continued lines; keys are never continued.
    fn scalar(&mut self, value: &Value, indent: usize, flow: bool, split: bool) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::String(text) => match Style::of(text, flow) {
                Style::Plain => self.words(text, indent, split, false),
                Style::Single if split || !text.contains('\n') => {
                    self.out.push('\'');
                    self.words(&text.replace('\'', "''"), indent, split, true);
                    self.out.push('\'');
                }
                _ => self.double(text, indent, split),
            },
            Value::Float(number) if number.is_nan() => self.out.push_str(".nan"),
            Value::Float(number) if number.is_infinite() => {
                self.out.push_str(if *number > 0.0 { ".inf" } else { "-.inf" });
            }
            other => self.out.push_str(&other.to_string()),
        }
    }

    /// Text that may be continued on the next line at a single blank past the width.
    fn words(&mut self, text: &str, indent: usize, split: bool, quoted: bool) {
        let chars: Vec<char> = text.chars().collect();
        let is_blank = |index: usize| chars.get(index) == Some(&' ');
        let mut index = 0;
        while index < chars.len() {
            let single = is_blank(index) && !is_blank(index + 1) && (index == 0 || !is_blank(index - 1));
            let inside = !quoted || (index > 0 && index + 1 < chars.len());
            if chars[index] == '\n' {
                let run = chars[index..].iter().take_while(|c| **c == '\n').count();
                self.out.push_str(&"\n".repeat(run));
                self.line(indent);
                index += run;
                continue;
            }
            if single && inside && split && self.column() > self.width && chars.get(index + 1) != Some(&'\n') {
                self.line(indent);
            } else {
                self.out.push(chars[index]);
            }
            index += 1;
        }
    }

    fn double(&mut self, text: &str, indent: usize, split: bool) {
        self.out.push('"');
        let chars: Vec<char> = text.chars().collect();
        for (index, c) in chars.iter().enumerate() {
            let escaped = escaped(*c);
            let inside = index > 0 && index + 1 < chars.len();
            if split && inside && *c == ' ' && self.column() + 1 > self.width {
                self.out.push_str(" \\");
                self.line(indent);
                if chars[index + 1] == ' ' {
                    self.out.push('\\');
                }
                continue;
            }
            self.out.push_str(&escaped);
        }
        self.out.push('"');
    }
}

fn escaped(c: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\t' => "\\t".into(),
        '\r' => "\\r".into(),
        '\0' => "\\0".into(),
        '\u{7}' => "\\a".into(),
        '\u{8}' => "\\b".into(),
        '\u{b}' => "\\v".into(),
        '\u{c}' => "\\f".into(),
        '\u{1b}' => "\\e".into(),
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        c if is_printable(c) => c.to_string(),
        c if (c as u32) < 0x100 => format!("\\x{:02X}", c as u32),
        c if (c as u32) < 0x10000 => format!("\\u{:04X}", c as u32),
        c => format!("\\U{:08X}", c as u32),
    }
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
}

impl Style {
    fn of(text: &str, flow: bool) -> Style {
        if text.chars().any(|c| !is_printable(c)) || text.contains(" \n") {
            return Style::Double;
        }
        let edges = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']) || text.contains('\n');
        if text.is_empty() || edges || has_indicator(text, flow) || is_other_type(text) {
            // After a line break, leading blanks would be lost in single quotes.
            return if text.contains("\n ") { Style::Double } else { Style::Single };
        }
        Style::Plain
    }
}

fn has_indicator(text: &str, flow: bool) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let blank_at = |index: usize| chars.get(index).is_none_or(|c| c.is_whitespace());
    let first = chars[0];
    let at_start = "#,[]{}&*!|>'\"%@`".contains(first)
        || (matches!(first, '?' | ':') && (flow || blank_at(1)))
        || (first == '-' && blank_at(1));
    let inside = |(index, c): (usize, &char)| match c {
        ',' | '?' | '[' | ']' | '{' | '}' => flow,
        ':' => flow || blank_at(index + 1),
        '#' => chars[index - 1].is_whitespace(),
        _ => false,
    };
    text.starts_with("---") || text.starts_with("...") || at_start || chars.iter().enumerate().skip(1).any(inside)
}

/// Whether the plain text would be read as something else than text.
fn is_other_type(text: &str) -> bool {
    let digits =
        |range: std::ops::Range<usize>| text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let date = text.len() >= 8 && digits(0..4) && text.get(4..5) == Some("-");
    let is_date = date && (text.len() == 10 && digits(5..7) && digits(8..10) || text.len() > 10 && text.contains(':'));
    is_date || matches!(text, "=" | "<<") || !matches!(scalar::resolve(text), Value::String(_))
}
