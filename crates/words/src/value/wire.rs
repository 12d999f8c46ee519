//! A mapping on its way between agent and controller, with the unknown values in it told apart from its data.
//!
//! JSON has no word for [`Value::Unknown`], and a mapping that stood for it could be printed by any host. So the places
//! of the unknown go beside the data: no data can be taken for one.

use crate::value::{Map, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// One step from a mapping or list to what is in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Step {
    Index(usize),
    Key(String),
}

#[derive(Serialize, Deserialize)]
struct Parcel {
    /// The data, null where it is unknown.
    known: Map,
    /// The way to each unknown value, and why it is not known.
    unknown: Vec<(Vec<Step>, String)>,
}

/// Writes `map`; for `#[serde(with = "wire")]`.
pub fn serialize<S: Serializer>(map: &Map, serializer: S) -> Result<S::Ok, S::Error> {
    let mut unknown = Vec::new();
    let mut known = map.clone();
    for (key, value) in &mut known {
        take_unknown(value, &mut vec![Step::Key(key.clone())], &mut unknown);
    }
    Parcel { known, unknown }.serialize(serializer)
}

/// Reads what [`serialize`] wrote. Fails where a way leads to nothing, or to a value that is known.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
    let Parcel { mut known, unknown } = Parcel::deserialize(deserializer)?;
    for (way, why) in unknown {
        match place(&mut known, &way) {
            Some(value @ Value::Null) => *value = Value::Unknown(why),
            _ => return Err(D::Error::custom("an unknown value has no place")),
        }
    }
    Ok(known)
}

/// Whether a value of `map` is unknown, however deep.
pub fn has_unknown(map: &Map) -> bool {
    map.values().any(is_unknown)
}

fn is_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => true,
        Value::Map(map) => has_unknown(map),
        Value::List(items) => items.iter().any(is_unknown),
        _ => false,
    }
}

fn take_unknown(value: &mut Value, way: &mut Vec<Step>, found: &mut Vec<(Vec<Step>, String)>) {
    match value {
        Value::Unknown(why) => {
            found.push((way.clone(), std::mem::take(why)));
            *value = Value::Null;
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                way.push(Step::Index(index));
                take_unknown(item, way, found);
                way.pop();
            }
        }
        Value::Map(map) => {
            for (key, item) in map {
                way.push(Step::Key(key.clone()));
                take_unknown(item, way, found);
                way.pop();
            }
        }
        _ => {}
    }
}

fn place<'m>(map: &'m mut Map, way: &[Step]) -> Option<&'m mut Value> {
    let (Step::Key(first), rest) = way.split_first()? else { return None };
    rest.iter().try_fold(map.get_mut(first)?, |value, step| match (value, step) {
        (Value::List(items), Step::Index(index)) => items.get_mut(*index),
        (Value::Map(map), Step::Key(key)) => map.get_mut(key),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sent {
        #[serde(with = "super")]
        values: Map,
    }

    #[test]
    fn the_unknown_survives_the_wire() {
        let unknown = || Value::Unknown("did not run".into());
        let deep = Value::from(vec![Value::Int(1), Value::from_iter([("0", unknown())])]);
        let sent = Sent { values: [("rc".to_owned(), unknown()), ("deep".to_owned(), deep)].into_iter().collect() };
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<Sent>(&text).unwrap(), sent);
        assert!(has_unknown(&sent.values));
    }

    #[test]
    fn no_data_is_taken_for_the_unknown() {
        let printed = r#"{"values": {"known": {"stdout": {"__enlist_unknown__": "x", "unknown": [[["stdout"], "x"]]}}, "unknown": []}}"#;
        assert!(!has_unknown(&serde_json::from_str::<Sent>(printed).unwrap().values));
        let nowhere = r#"{"values": {"known": {"stdout": "x"}, "unknown": [[["stdout"], "why"]]}}"#;
        assert!(serde_json::from_str::<Sent>(nowhere).is_err());
    }
}
