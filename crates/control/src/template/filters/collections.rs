//! Lists: sorting, grouping, cutting, folding.

use super::args::items;
use super::compare::{attribute, fold, number, order, same, sort_by_key};
use super::draw::Draw;
use super::text::no_attribute;
use super::{Args, Reaching, Table};
use crate::template::ControlNode;
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("sort", "value, reverse, case_sensitive, attribute", sort),
    ("reverse", "value", reverse),
    ("min", "value, case_sensitive, attribute", |args| extreme(args, std::cmp::Ordering::Less)),
    ("max", "value, case_sensitive, attribute", |args| extreme(args, std::cmp::Ordering::Greater)),
    ("sum", "iterable, attribute, start", sum),
    ("unique", "a, case_sensitive, attribute", unique),
    ("flatten", "mylist, levels, skip_nulls", |args| flatten(args)),
    ("batch", "value, linecount, fill_with", batch),
    ("slice", "value, slices, fill_with", slice),
    ("groupby", "value, attribute, default, case_sensitive", groupby),
    ("dictsort", "value, case_sensitive, by, reverse", dictsort),
];

pub(super) const REACHING_FILTERS: Reaching =
    &[("random", "end, start, step, seed", random), ("shuffle", "mylist, seed", shuffle)];

fn sort(args: &Args) -> Result<Value, String> {
    let reverse = args.flag(1, "reverse", false);
    let case_sensitive = args.flag(2, "case_sensitive", false);
    let paths = args.string(3, "attribute").map(|paths| paths.split(',').map(str::to_owned).collect::<Vec<_>>());
    let mut items = args.items()?;
    if let Some(paths) = &paths {
        let missing =
            items.iter().find_map(|item| Some((item, paths.iter().find(|path| attribute(item, path).is_none())?)));
        if let Some((item, path)) = missing {
            return Err(no_attribute(item, path));
        }
    }
    let folded = |value: &Value| if case_sensitive { value.clone() } else { fold(value) };
    let key = |item: &Value| match &paths {
        Some(paths) => Value::List(paths.iter().filter_map(|path| attribute(item, path)).map(folded).collect()),
        None => folded(item),
    };
    if reverse {
        // Equal items keep their order when Python sorts in reverse.
        items.reverse();
    }
    let mut sorted = sort_by_key(items, key)?;
    if reverse {
        sorted.reverse();
    }
    Ok(Value::List(sorted))
}

fn reverse(args: &Args) -> Result<Value, String> {
    if let Value::String(text) = args.input() {
        return Ok(text.chars().rev().collect::<String>().into());
    }
    Ok(Value::List(args.items()?.into_iter().rev().collect()))
}

fn extreme(args: &Args, wanted: std::cmp::Ordering) -> Result<Value, String> {
    let case_sensitive = args.flag(1, "case_sensitive", false);
    let path = args.string(2, "attribute");
    let key = |item: &Value| {
        let value = path.as_ref().map_or(Some(item), |path| attribute(item, path)).unwrap_or(&Value::Null).clone();
        if case_sensitive { value } else { fold(&value) }
    };
    let mut best: Option<Value> = None;
    for item in args.items()? {
        let better =
            best.as_ref().map_or(Ok(true), |best| order(&key(&item), &key(best)).map(|found| found == wanted))?;
        if better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| "no first item, sequence was empty".into())
}

fn sum(args: &Args) -> Result<Value, String> {
    let path = args.string(1, "attribute");
    let mut total = args.get(2, "start").cloned().unwrap_or(Value::Int(0));
    for item in args.items()? {
        let value = match &path {
            Some(path) => attribute(&item, path).cloned().ok_or_else(|| no_attribute(&item, path))?,
            None => item,
        };
        total = add(total, value)?;
    }
    Ok(total)
}

fn add(a: Value, b: Value) -> Result<Value, String> {
    Ok(match (a, b) {
        (Value::List(mut a), Value::List(b)) => {
            a.extend(b);
            Value::List(a)
        }
        (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_add(b).ok_or("the sum is too large")?),
        (a, b) => match (&a, &b, number(&a), number(&b)) {
            (Value::Float(_), _, Some(x), Some(y)) | (_, Value::Float(_), Some(x), Some(y)) => Value::Float(x + y),
            (_, _, Some(x), Some(y)) => Value::Int((x as i64).saturating_add(y as i64)),
            _ => return Err(format!("unsupported operand type(s) for +: '{}' and '{}'", a.type_name(), b.type_name())),
        },
    })
}

/// Items that differ, by the first of each; without `case_sensitive`, texts that differ in case only are one.
fn unique(args: &Args) -> Result<Value, String> {
    let case_sensitive = args.flag(1, "case_sensitive", false);
    let path = args.string(2, "attribute");
    let mut seen: Vec<Value> = Vec::new();
    let mut kept = Vec::new();
    for item in args.items()? {
        let value = path.as_ref().map_or(Some(&item), |path| attribute(&item, path)).cloned().unwrap_or_default();
        let key = if case_sensitive { value } else { fold(&value) };
        if !seen.iter().any(|other| same(other, &key)) {
            seen.push(key);
            kept.push(item);
        }
    }
    Ok(Value::List(kept))
}

fn flatten(args: &Args) -> Result<Value, String> {
    let levels = args.int(1, "levels")?;
    let skip_nulls = args.flag(2, "skip_nulls", true);
    let mut out = Vec::new();
    flatten_into(args.items()?, levels, skip_nulls, &mut out);
    Ok(Value::List(out))
}

/// Lists in lists, opened `levels` deep (all, if `None`).
pub(super) fn flatten_into(items: Vec<Value>, levels: Option<i64>, skip_nulls: bool, out: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::List(inner) if levels.is_none_or(|levels| levels >= 1) => {
                flatten_into(inner, levels.map(|levels| levels - 1), skip_nulls, out);
            }
            Value::Null if skip_nulls => {}
            Value::String(text) if skip_nulls && (text == "None" || text == "null") => {}
            item => out.push(item),
        }
    }
}

fn batch(args: &Args) -> Result<Value, String> {
    let size = args.size(1, "linecount")?.filter(|size| *size > 0).ok_or("the size must be at least 1")?;
    let fill = args.get(2, "fill_with");
    let mut rows: Vec<Vec<Value>> = args.items()?.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (fill, rows.last_mut()) {
        last.resize(size, fill.clone());
    }
    Ok(Value::List(rows.into_iter().map(Value::List).collect()))
}

fn slice(args: &Args) -> Result<Value, String> {
    let count = args.size(1, "slices")?.filter(|count| *count > 0).ok_or("the count must be at least 1")?;
    let items = args.items()?;
    let (each, extra) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut columns = Vec::new();
    for index in 0..count {
        let (column, after) = rest.split_at(each + usize::from(index < extra));
        rest = after;
        let mut column = column.to_vec();
        if let Some(fill) = args.get(2, "fill_with").filter(|_| index >= extra && extra > 0) {
            column.push(fill.clone());
        }
        columns.push(Value::List(column));
    }
    Ok(Value::List(columns))
}

/// Pairs of a value and the items that have it, in the order of the values.
fn groupby(args: &Args) -> Result<Value, String> {
    let path = args.need_string(1, "attribute")?;
    let default = args.get(2, "default");
    let case_sensitive = args.flag(3, "case_sensitive", false);
    let value_of = |item: &Value| attribute(item, &path).or(default).cloned();
    let items = args.items()?;
    if let Some(item) = items.iter().find(|item| value_of(item).is_none()) {
        return Err(no_attribute(item, &path));
    }
    let key = |item: &Value| {
        let value = value_of(item).unwrap_or_default();
        if case_sensitive { value } else { fold(&value) }
    };
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for item in sort_by_key(items, key)? {
        match groups.last_mut().filter(|(last, ..)| same(last, &key(&item))) {
            Some((_, _, members)) => members.push(item),
            None => groups.push((key(&item), value_of(&item).unwrap_or_default(), vec![item])),
        }
    }
    Ok(Value::List(groups.into_iter().map(|(_, value, members)| vec![value, Value::List(members)].into()).collect()))
}

fn dictsort(args: &Args) -> Result<Value, String> {
    let map = args.input().as_map().ok_or("needs a mapping")?;
    let case_sensitive = args.flag(1, "case_sensitive", false);
    let by_value = args.string_or(2, "by", "key") == "value";
    let pairs = map.iter().map(|(key, value)| Value::List(vec![key.as_str().into(), value.clone()])).collect();
    let key = |pair: &Value| {
        let value = pair.as_list().and_then(|pair| pair.get(usize::from(by_value))).cloned().unwrap_or_default();
        if case_sensitive { value } else { fold(&value) }
    };
    let mut sorted = sort_by_key(pairs, key)?;
    if args.flag(3, "reverse", false) {
        sorted.reverse();
    }
    Ok(Value::List(sorted))
}

/// With `seed`, Python's choice.
pub(crate) fn random(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let mut draw = Draw::new(args.get(3, "seed"), control)?;
    let (start, step) = (args.int(1, "start")?, args.int(2, "step")?);
    if let Value::Int(end) = args.input() {
        return draw.in_range(start.unwrap_or(0), *end, step.filter(|step| *step != 0).unwrap_or(1)).map(Value::Int);
    }
    if start.is_some() || step.is_some() {
        return Err("start and step can only be used with integer values".into());
    }
    let items = items(args.input())?;
    let count = u64::try_from(items.len()).ok().filter(|count| *count > 0).ok_or("nothing to choose from")?;
    Ok(items[draw.below(count)? as usize].clone())
}

fn shuffle(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let mut draw = Draw::new(args.get(1, "seed"), control)?;
    let mut items = args.items()?;
    for index in (1..items.len()).rev() {
        items.swap(index, draw.below(index as u64 + 1)? as usize);
    }
    Ok(Value::List(items))
}
