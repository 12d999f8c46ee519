//! The items of `loop:` and of the `with_…:` forms that are lists in disguise.

use crate::template::Templar;
use host::parameters::short_name;
use words::value::{Map, Value};

/// The forms of `with_` that [`items`] knows.
pub const KNOWN: &[&str] = &["items", "list", "dict", "flattened", "indexed_items", "together", "nested"];

/// Whether `with_NAME` is known, as a form of this file or as a lookup.
pub fn is_known(with: &str) -> bool {
    KNOWN.contains(&short_name(with)) || is_lookup(with)
}

/// Whether the items of `with_NAME` are what a lookup finds.
pub fn is_lookup(with: &str) -> bool {
    let name = short_name(with);
    !KNOWN.contains(&name) && Templar::lookup_names().contains(&name)
}

/// What a lookup is asked for: the list, or the one thing that is no list.
pub fn terms(value: Value) -> Vec<Value> {
    as_list(value)
}

/// The items of a loop over `value`; the error is one sentence.
pub fn items(with: Option<&str>, value: Value) -> Result<Vec<Value>, String> {
    match with.map(short_name) {
        None => match value {
            Value::List(items) => Ok(items),
            other => Err(format!("The `loop` value must resolve to a 'list', not '{}'.", other.type_name())),
        },
        Some("list") => Ok(as_list(value)),
        Some("items") => Ok(as_list(value).into_iter().flat_map(as_list).collect()),
        Some("flattened") => Ok(flatten(value)),
        Some("dict") => dict(value),
        Some("indexed_items") => Ok(as_list(value)
            .into_iter()
            .flat_map(as_list)
            .enumerate()
            .map(|(index, item)| Value::List(vec![Value::Int(index as i64), item]))
            .collect()),
        Some("together") => Ok(together(value)),
        Some("nested") => Ok(nested(value)),
        Some(other) => Err(format!("enlist does not know the loop `with_{other}`")),
    }
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items,
        other => vec![other],
    }
}

fn flatten(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.into_iter().flat_map(flatten).collect(),
        other => vec![other],
    }
}

fn dict(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Map(map) => {
            let entry = |(key, value)| [("key", Value::String(key)), ("value", value)].into_iter().collect();
            Ok(map.into_iter().map(entry).collect())
        }
        other => Err(format!("with_dict expects a dict, got this instead: {}", other.repr())),
    }
}

/// Item n holds the n-th of every list; short lists are filled up with null.
fn together(value: Value) -> Vec<Value> {
    let lists: Vec<_> = as_list(value).into_iter().map(as_list).collect();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .map(|index| Value::List(lists.iter().map(|list| list.get(index).cloned().unwrap_or_default()).collect()))
        .collect()
}

/// Every combination, the last list running fastest.
fn nested(value: Value) -> Vec<Value> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in as_list(value).into_iter().map(as_list) {
        rows = rows
            .iter()
            .flat_map(|row| list.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect()))
            .collect();
    }
    rows.into_iter().map(Value::List).collect()
}

/// `ansible_loop` for item `index` of `items`.
pub fn extended(items: &[Value], index: usize) -> Value {
    let count = items.len();
    let number = |n: usize| Value::Int(n as i64);
    let mut map: Map = [
        ("index", number(index + 1)),
        ("index0", number(index)),
        ("first", Value::Bool(index == 0)),
        ("last", Value::Bool(index + 1 == count)),
        ("length", number(count)),
        ("revindex", number(count - index)),
        ("revindex0", number(count - index - 1)),
        ("allitems", Value::List(items.to_vec())),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    if let Some(next) = items.get(index + 1) {
        map.insert("nextitem".into(), next.clone());
    }
    if let Some(previous) = index.checked_sub(1).and_then(|i| items.get(i)) {
        map.insert("previtem".into(), previous.clone());
    }
    Value::Map(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::from_json(text).unwrap()
    }

    #[test]
    fn each_form() {
        let cases = [
            (None, "[1, [2]]", "[1, [2]]"),
            (Some("items"), "[1, [2, [3]]]", "[1, 2, [3]]"),
            (Some("flattened"), "[1, [2, [3]]]", "[1, 2, 3]"),
            (Some("dict"), r#"{"a": 1}"#, r#"[{"key": "a", "value": 1}]"#),
            (Some("indexed_items"), r#"["a", "b"]"#, r#"[[0, "a"], [1, "b"]]"#),
            (Some("together"), "[[1, 2], [3]]", "[[1, 3], [2, null]]"),
            (Some("nested"), "[[1, 2], [3, 4]]", "[[1, 3], [1, 4], [2, 3], [2, 4]]"),
        ];
        for (with, given, expected) in cases {
            assert_eq!(Value::List(items(with, json(given)).unwrap()).to_json_line(false), expected, "{with:?}");
        }
        assert!(items(None, json(r#""text""#)).unwrap_err().contains("must resolve to a 'list', not 'str'"));
    }
}
