//! `GET /v1/accounts` and so on: rows as JSON, for scripts. What a caller sees of them is what sacctmgr would list.
//!
//! [`ALL`] is the one table of resources and their fields: answers, filters and `docs/openapi.json` are made from it.

mod rows;

use super::caller::Who;
use super::refusal::Refusal;
use super::service::Service;
use axum::http::StatusCode;
use commands::sacctmgr::World;
use serde::Serialize;
use serde_json::Value;
use slurm::privacy::View;
use std::collections::{BTreeMap, BTreeSet};

/// Something that can be listed.
pub struct Resource {
    /// The last part of its path.
    pub name: &'static str,
    /// What one row is.
    pub meaning: &'static str,
    /// What a row has; the first one is its key, by which rows are in order.
    pub fields: &'static [Field],
    /// Gives rows in the order of their keys, until `take` has enough.
    rows: fn(&Ask, &mut Take) -> Result<(), String>,
}

/// One field of a row.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub kind: Kind,
    /// What it means, units included.
    pub meaning: &'static str,
}

/// What values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, which can be filtered by.
    Text,
    /// A text or null, which can be filtered by.
    MaybeText,
    /// A whole number, which can be filtered by.
    Number,
    /// A whole number or null, which can be filtered by.
    MaybeNumber,
    /// A number or null.
    MaybeReal,
    /// True or false, which can be filtered by.
    Bool,
    /// A list of texts; a filter finds rows whose list has the value.
    Texts,
    /// Texts by name.
    TextByName,
    /// Limits by name: numbers, and for TRES limits numbers by TRES.
    Limits,
}

impl Kind {
    pub(super) fn can_be_filtered(self) -> bool {
        !matches!(self, Kind::MaybeReal | Kind::TextByName | Kind::Limits)
    }
}

const fn field(name: &'static str, kind: Kind, meaning: &'static str) -> Field {
    Field { name, kind, meaning }
}

/// Who asks, and for what there is.
struct Ask<'a> {
    view: View<'a>,
    state: &'a slurm::State,
    world: &'a dyn World,
    /// Rows begin after this key.
    after: Option<&'a str>,
}

/// Takes a row; false is enough.
type Take<'a> = dyn FnMut(Value) -> bool + 'a;

const DEFAULT_LIMIT: usize = 1000;
/// The most rows in one answer.
pub const MOST: usize = 100_000;

/// `?limit=…&after=…&FIELD=a,b`
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    limit: usize,
    after: Option<String>,
    filters: BTreeMap<&'static str, Vec<String>>,
}

impl Query {
    /// Reads what stands behind the `?`.
    pub fn parse(resource: &Resource, text: &str) -> Result<Self, String> {
        let mut query = Self { limit: DEFAULT_LIMIT, after: None, filters: BTreeMap::new() };
        let mut given = BTreeSet::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
            if !given.insert(name) {
                return Err(format!(
                    "{}: given twice; say it once, several values apart by commas",
                    name.escape_debug()
                ));
            }
            let value = decode(value).ok_or_else(|| format!("{name}: the value is not UTF-8 in URL encoding"))?;
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    query.limit = limit.ok_or_else(|| format!("limit: a number from 1 to {MOST} is needed"))?;
                }
                "after" => query.after = Some(value),
                name => {
                    let mut fields = resource.fields.iter().filter(|field| field.kind.can_be_filtered());
                    let field = fields.find(|field| field.name == name).ok_or_else(|| {
                        format!("`{}` of {} is nothing to filter by", name.escape_debug(), resource.name)
                    })?;
                    query.filters.insert(field.name, value.split(',').map(str::to_owned).collect());
                }
            }
        }
        Ok(query)
    }

    fn wants(&self, row: &Value) -> bool {
        self.filters.iter().all(|(name, wanted)| match &row[*name] {
            Value::Array(list) => list.iter().any(|value| wanted.contains(&plain(value))),
            value => wanted.contains(&plain(value)),
        })
    }
}

/// A value as a filter writes it; null is the empty one.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// URL encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok().filter(|d| !d.starts_with('+'))?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Some rows.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The rows, in the order of their keys.
    pub rows: Vec<Value>,
    /// What to say as `after` to get the next ones; null at the end.
    pub next: Option<String>,
    /// Counts the changes of the state.
    pub revision: u64,
}

/// The rows that a caller sees; the error says why none may be listed.
pub fn list(resource: &Resource, service: &Service, who: Who, query: &Query) -> Result<Page, Refusal> {
    let (kept, world) = (service.kept(), service.world());
    let caller = world.caller(who)?;
    let view = View::new(&kept.state, &caller, world.settings());
    let ask = Ask { view, state: &kept.state, world: &*world, after: query.after.as_deref() };
    let mut rows = Vec::new();
    (resource.rows)(&ask, &mut |row| {
        if query.wants(&row) {
            rows.push(row);
        }
        rows.len() <= query.limit
    })
    .map_err(|why| Refusal::new(StatusCode::FORBIDDEN, why))?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let key = resource.fields[0].name;
    let next = rows.last().filter(|_| more).map(|row| plain(&row[key]));
    Ok(Page { rows, next, revision: kept.revision })
}

/// All resources.
pub const ALL: &[Resource] = rows::ALL;

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, String> {
        Query::parse(ALL.iter().find(|resource| resource.name == "associations").unwrap(), text)
    }

    #[test]
    fn queries() {
        let read = query("limit=2&after=7&user=a,%EA%B0%80&account=x+y&partition=").unwrap();
        assert_eq!((read.limit, read.after.as_deref()), (2, Some("7")));
        assert_eq!(read.filters["user"], ["a", "가"]);
        assert_eq!(read.filters["account"], ["x y"]);
        let row = serde_json::json!({ "user": "가", "account": "x y", "partition": null });
        assert!(read.wants(&row));
        assert!(query("qos=high").unwrap().wants(&serde_json::json!({ "qos": ["low", "high"] })));
        for bad in [
            "limit=0",
            "limit=100001",
            "limits=1",
            "uid=0",
            "limit=1&limit=2",
            "user=a&user=b",
            "user",
            "user=%f",
            "user=%+1a",
            "user=%ff",
        ] {
            assert!(query(bad).is_err(), "{bad}");
        }
    }
}
