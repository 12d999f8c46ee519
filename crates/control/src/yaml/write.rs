//! Values as YAML text, for what an edit adds to a file.

use super::scalar;
use words::value::{Map, Value};

/// A whole file that says `map`, its top entries with an empty line between them.
pub fn document(map: &Map) -> String {
    let entries = map.iter().map(|(key, value)| block(key, value, 0, 2).join("\n") + "\n");
    entries.collect::<Vec<_>>().join("\n")
}

/// A value on one line, as it can stand in braces and brackets too.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => plain_or_quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", plain_or_quoted(key), inline(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_json_line(false),
    }
}

/// An entry of a mapping in block notation: its lines, without line ends, each further level `step` blanks deeper. A
/// list of longer texts (keys) has a line an item.
pub(super) fn block(key: &str, value: &Value, indent: usize, step: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    let head = format!("{blanks}{}:", plain_or_quoted(key));
    match value {
        Value::Map(map) if !map.is_empty() => {
            let nested = map.iter().flat_map(|(key, value)| block(key, value, indent + step, step));
            std::iter::once(head).chain(nested).collect()
        }
        Value::List(items) if items.iter().any(|item| item.as_str().is_some_and(|text| text.contains(' '))) => {
            let deeper = " ".repeat(indent + step);
            std::iter::once(head).chain(items.iter().map(|item| format!("{deeper}- {}", inline(item)))).collect()
        }
        value => vec![format!("{head} {}", inline(value))],
    }
}

/// Text without quotes where it then reads as the same text everywhere, else in double quotes.
fn plain_or_quoted(text: &str) -> String {
    let starts_well = text.starts_with(|c: char| c.is_alphanumeric() || "_/.".contains(c));
    let ends_well = !text.ends_with([' ', ':']);
    let harmless = |c: char| c.is_alphanumeric() || "_-./+=@:() ".contains(c);
    let is_plain = starts_well && ends_well && text.chars().all(harmless) && !text.contains(": ");
    if is_plain && scalar::resolve(text) == Value::from(text) {
        text.to_owned()
    } else {
        Value::from(text).to_json_line(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_needed() {
        for plain in ["gildong", "/bin/bash", "홍길동", "ssh-ed25519 AAAA+/= a@b", "gres/gpu=2", "Kim (PhD)", "2-0"]
        {
            assert_eq!(inline(&plain.into()), plain);
        }
        for quoted in ["", "no", "123", "0x1f", "12:30", "a: b", "a #b", "- a", "a, b", "it's {}", " a", "a:", "*a"] {
            assert!(inline(&quoted.into()).starts_with('"'), "{quoted}");
        }
    }
}
