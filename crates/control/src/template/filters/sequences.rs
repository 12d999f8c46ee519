//! Lists against lists: products, pairs, elements of elements.

use super::args::items;
use super::{Args, Table};
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("zip", "*lists", |args| zip(args, false)),
    ("zip_longest", "*lists, fillvalue", |args| zip(args, true)),
    ("product", "*lists, repeat", product),
    ("permutations", "iterable, r", |args| arrangements(args, true)),
    ("combinations", "iterable, r", |args| arrangements(args, false)),
    ("subelements", "obj, subelements, skip_missing", subelements),
];

fn lists(args: &Args) -> Result<Vec<Vec<Value>>, String> {
    args.all().iter().map(items).collect()
}

fn zip(args: &Args, longest: bool) -> Result<Value, String> {
    let lists = lists(args)?;
    let lengths = lists.iter().map(Vec::len);
    let length = if longest { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let fill = args.named().get("fillvalue").cloned().unwrap_or_default();
    let row = |index: usize| lists.iter().map(|list| list.get(index).unwrap_or(&fill).clone()).collect();
    Ok(Value::List((0..length).map(row).map(Value::List).collect()))
}

/// The most items that all rows together hold.
const MAX_ITEMS: usize = 4_000_000;
/// The most items of one row.
const MAX_WIDTH: usize = 1000;

fn at_most(rows: usize, width: usize) -> Result<(), String> {
    match rows.checked_mul(width) {
        Some(items) if items <= MAX_ITEMS && width <= MAX_WIDTH => Ok(()),
        _ => Err("the result has rows of more than a thousand, or more than four million items".into()),
    }
}

fn product(args: &Args) -> Result<Value, String> {
    let repeat = args.int(usize::MAX, "repeat")?.unwrap_or(1).max(0) as usize;
    let lists = lists(args)?;
    if repeat > 0 && lists.iter().any(Vec::is_empty) {
        return Ok(Value::List(Vec::new()));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in (0..repeat).flat_map(|_| &lists) {
        at_most(rows.len().saturating_mul(list.len()), rows[0].len() + 1)?;
        let longer = |row: &Vec<Value>| {
            list.iter().map(|item| [row.as_slice(), std::slice::from_ref(item)].concat()).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    Ok(Value::List(rows.into_iter().map(Value::List).collect()))
}

/// Choices of `r` items, in all orders or in the list's only.
fn arrangements(args: &Args, ordered: bool) -> Result<Value, String> {
    let items = args.items()?;
    let default = if ordered { Some(items.len() as i64) } else { None };
    let size = args.int(1, "r")?.or(default).ok_or("the argument 'r' is missing")?.max(0) as usize;
    if size > items.len() {
        return Ok(Value::List(Vec::new()));
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for taken in 0..size {
        at_most(rows.len().saturating_mul(items.len() - taken), taken + 1)?;
        let longer = |row: &Vec<usize>| {
            let start = if ordered { 0 } else { row.last().map_or(0, |last| last + 1) };
            let fresh = (start..items.len()).filter(|index| !row.contains(index));
            fresh.map(|index| [row.as_slice(), &[index]].concat()).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    let row = |row: Vec<usize>| Value::List(row.into_iter().map(|index| items[index].clone()).collect());
    Ok(Value::List(rows.into_iter().map(row).collect()))
}

/// Pairs of each item and each element of a list inside of it.
fn subelements(args: &Args) -> Result<Value, String> {
    let elements = match args.input() {
        Value::Map(map) => map.values().cloned().collect(),
        Value::List(list) => list.clone(),
        _ => return Err("needs a list of mappings, or a mapping of mappings".into()),
    };
    let path = match args.need(1, "subelements")? {
        Value::List(keys) => keys.iter().map(Value::to_string).collect(),
        keys => keys.to_string().split('.').map(str::to_owned).collect::<Vec<_>>(),
    };
    let skip_missing = match args.get(2, "skip_missing") {
        Some(Value::Map(map)) => map.get("skip_missing").is_some_and(Value::is_truthy),
        other => other.is_some_and(Value::is_truthy),
    };
    let mut pairs = Vec::new();
    for element in elements {
        for inner in inner_list(&element, &path, skip_missing)? {
            pairs.push(Value::List(vec![element.clone(), inner]));
        }
    }
    Ok(Value::List(pairs))
}

fn inner_list(element: &Value, path: &[String], skip_missing: bool) -> Result<Vec<Value>, String> {
    let mut value = element;
    for key in path {
        let Value::Map(map) = value else {
            return Err(format!("the key {key} should point to a dictionary, got '{value}'"));
        };
        match map.get(key) {
            Some(inner) => value = inner,
            None if skip_missing => return Ok(Vec::new()),
            None => return Err(format!("could not find '{key}' key in iterated item {}", value.repr())),
        }
    }
    let last = path.last().map_or("", String::as_str);
    value
        .as_list()
        .map(<[Value]>::to_vec)
        .ok_or_else(|| format!("the key '{last}' should point to a list, got {}", value.repr()))
}
