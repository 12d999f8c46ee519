//! Mappings: to lists and back, merged, keyed anew.

use super::collections::flatten_into;
use super::compare::holds;
use super::{Args, Table};
use words::value::{Map, Value};

pub(super) const FILTERS: Table = &[
    ("dict2items", "mydict, key_name, value_name", dict2items),
    ("items2dict", "mylist, key_name, value_name", items2dict),
    ("combine", "*terms, recursive, list_merge", combine),
    ("rekey_on_member", "data, key, duplicates", rekey_on_member),
];

fn dict2items(args: &Args) -> Result<Value, String> {
    let map = args.input().as_map();
    let map =
        map.ok_or_else(|| format!("dict2items requires a dictionary, got {} instead", args.input().type_name()))?;
    let (key_name, value_name) = (args.string_or(1, "key_name", "key"), args.string_or(2, "value_name", "value"));
    let entry = |(key, value): (&String, &Value)| {
        Value::from_iter([(key_name.clone(), Value::from(key.as_str())), (value_name.clone(), value.clone())])
    };
    Ok(Value::List(map.iter().map(entry).collect()))
}

fn items2dict(args: &Args) -> Result<Value, String> {
    let (key_name, value_name) = (args.string_or(1, "key_name", "key"), args.string_or(2, "value_name", "value"));
    let list = args.input().as_list();
    let list = list.ok_or_else(|| format!("items2dict requires a list, got {} instead", args.input().type_name()))?;
    let mut map = Map::new();
    for item in list {
        let (Some(key), Some(value)) = (item.get(&key_name), item.get(&value_name)) else {
            return Err(format!("each item must have the keys '{key_name}' and '{value_name}', got {}", item.repr()));
        };
        map.insert(key.to_string(), value.clone());
    }
    Ok(Value::Map(map))
}

/// How lists under one key are merged.
#[derive(Clone, Copy)]
struct Merge {
    recursive: bool,
    lists: Lists,
}

#[derive(Clone, Copy, PartialEq)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRp,
    PrependRp,
}

fn combine(args: &Args) -> Result<Value, String> {
    let lists = match args.string_or(usize::MAX, "list_merge", "replace").as_str() {
        "replace" => Lists::Replace,
        "keep" => Lists::Keep,
        "append" => Lists::Append,
        "prepend" => Lists::Prepend,
        "append_rp" => Lists::AppendRp,
        "prepend_rp" => Lists::PrependRp,
        other => return Err(format!("list_merge has no '{other}'")),
    };
    let merge = Merge { recursive: args.flag(usize::MAX, "recursive", false), lists };
    let mut terms = Vec::new();
    flatten_into(args.all().to_vec(), Some(1), true, &mut terms);
    let mut result = Map::new();
    for term in terms {
        match term {
            Value::Map(map) => merge.maps(&mut result, map),
            other => {
                return Err(format!("failed to combine variables, expected dicts but got a '{}'", other.type_name()));
            }
        }
    }
    Ok(Value::Map(result))
}

impl Merge {
    fn maps(self, low: &mut Map, high: Map) {
        for (key, value) in high {
            match (low.get_mut(&key), value) {
                (Some(Value::Map(old)), Value::Map(new)) if self.recursive => self.maps(old, new),
                (Some(Value::List(old)), Value::List(new)) if self.lists != Lists::Replace => {
                    *old = self.lists(std::mem::take(old), new);
                }
                (Some(old), value) => *old = value,
                (None, value) => {
                    low.insert(key, value);
                }
            }
        }
    }

    /// `_rp`: items that both have are removed from the older list.
    fn lists(self, old: Vec<Value>, new: Vec<Value>) -> Vec<Value> {
        let without = |old: Vec<Value>| old.into_iter().filter(|item| !holds(&new, item)).collect::<Vec<_>>();
        match self.lists {
            Lists::Replace => new,
            Lists::Keep => old,
            Lists::Append => [old, new].concat(),
            Lists::Prepend => [new, old].concat(),
            Lists::AppendRp => [without(old), new].concat(),
            Lists::PrependRp => {
                let rest = without(old);
                [new, rest].concat()
            }
        }
    }
}

fn rekey_on_member(args: &Args) -> Result<Value, String> {
    let key = args.need_string(1, "key")?;
    let duplicates = args.string_or(2, "duplicates", "error");
    if !matches!(duplicates.as_str(), "error" | "overwrite") {
        return Err(format!("duplicates has no '{duplicates}'; there are error and overwrite"));
    }
    let entries: Vec<&Value> = match args.input() {
        Value::Map(map) => map.values().collect(),
        Value::List(list) => list.iter().collect(),
        _ => return Err("type is not a valid list, set, or dict".into()),
    };
    let mut result = Map::new();
    for entry in entries {
        let member =
            entry.get(&key).ok_or_else(|| format!("key '{key}' was not found in {}", entry.repr()))?.to_string();
        if result.insert(member.clone(), entry.clone()).is_some() && duplicates == "error" {
            return Err(format!("key '{member}' is not unique, cannot convert to dict"));
        }
    }
    Ok(Value::Map(result))
}
