//! The JSON Schema of a roster, made of the same tables by which one is read: for editors that complete and check.

use super::shape::{ROSTER, RosterField, RosterShape};
use serde_json::{Map, Value, json};

/// The schema, by draft 2020-12.
pub fn schema() -> Value {
    let mut schema = fields(ROSTER);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A roster of enlist's".into();
    schema
}

fn fields(table: &[RosterField]) -> Value {
    let mut properties = Map::new();
    for field in table {
        let mut value = of(&field.shape);
        value["description"] = field.says.into();
        properties.insert(field.name.to_owned(), value);
    }
    // Nothing behind a name (`research:`) is an empty mapping.
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn words<'w>(words: impl Iterator<Item = &'w str>) -> Value {
    json!({ "enum": words.collect::<Vec<_>>() })
}

/// A list, or nothing.
fn list(items: Value) -> Value {
    json!({ "type": ["array", "null"], "items": items })
}

const DAY: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";

fn of(shape: &RosterShape) -> Value {
    match shape {
        RosterShape::Text => json!({ "type": "string" }),
        RosterShape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        RosterShape::Number => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        RosterShape::YesNo => json!({ "type": "boolean" }),
        RosterShape::Day(None) => json!({ "type": "string", "pattern": DAY }),
        RosterShape::Day(Some(word)) => json!({ "anyOf": [{ "type": "string", "pattern": DAY }, { "enum": [word] }] }),
        RosterShape::States(states) => words(states.iter().map(|(word, _)| *word)),
        RosterShape::Word(known) => words(known.iter().copied()),
        RosterShape::List(items) => list(of(items)),
        RosterShape::Fields(table) => fields(table),
        RosterShape::Named(entry) => json!({ "type": ["object", "null"], "additionalProperties": of(entry) }),
        RosterShape::ListOrNamed(entry) => {
            json!({ "anyOf": [list(json!({ "type": "string" })), of(&RosterShape::Named(entry))] })
        }
        RosterShape::Limits(table) => limits(table),
        RosterShape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
        RosterShape::Anything => json!({}),
    }
}

/// Limits by their names and other names, in any case; a value is a text, a number, a list or a mapping, which the reader
/// judges by the limit's own rules.
fn limits(table: &[words::text::limit::LimitKind]) -> Value {
    let names: Vec<&str> = table.iter().flat_map(|kind| kind.aliases.iter().copied().chain([kind.name])).collect();
    let in_any_case = |name: &&str| -> String {
        name.chars().map(|letter| format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase())).collect()
    };
    let pattern = format!("^({})$", names.iter().map(in_any_case).collect::<Vec<_>>().join("|"));
    json!({ "type": ["object", "null"], "propertyNames": { "pattern": pattern } })
}

#[cfg(test)]
pub(super) mod judge {
    //! As much of JSON Schema as our own schema uses.

    use fancy_regex::Regex;
    use serde_json::Value;

    /// Everything in `value` that `schema` does not allow, by its path.
    pub(crate) fn faults(schema: &Value, value: &Value, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut fault = |says: &str| found.push(format!("{path}: {says}: {value}"));
        if schema.get("type").is_some_and(|kind| !has_type(kind, value)) {
            fault("type");
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
            fault("enum");
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !matches(pattern, text)
        {
            fault("pattern");
        }
        if let (Some(most), Some(number)) = (schema["maximum"].as_u64(), value.as_i64())
            && !(0..=most as i64).contains(&number)
        {
            fault("out of range");
        }
        if let Some(any) = schema["anyOf"].as_array()
            && any.iter().all(|one| !faults(one, value, path).is_empty())
        {
            fault("anyOf");
        }
        for (name, below) in value.as_object().into_iter().flatten() {
            let path = format!("{path}/{name}");
            if let Some(pattern) = schema["propertyNames"]["pattern"].as_str().filter(|it| !matches(it, name)) {
                found.push(format!("{path}: no such name: {pattern}"));
            }
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(own), _) => found.extend(faults(own, below, &path)),
                (None, Some(Value::Bool(false))) => found.push(format!("{path}: no such field")),
                (None, Some(others)) => found.extend(faults(others, below, &path)),
                (None, None) => {}
            }
        }
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            found.extend(faults(&schema["items"], item, &format!("{path}/{at}")));
        }
        found
    }

    fn matches(pattern: &str, text: &str) -> bool {
        Regex::new(pattern).unwrap().is_match(text).unwrap()
    }

    fn has_type(kind: &Value, value: &Value) -> bool {
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("{other}"),
        };
        match kind {
            Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
            kind => is(kind.as_str().unwrap()),
        }
    }
}
