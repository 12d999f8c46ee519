//! A run as JSON lines: one event a line, for scripts.

use super::styles::Painter;
use control::runner::events::{Event, HostResult, ItemReport, Observer, Stats, Status};
use host::change::Change;
use serde::Serialize;
use std::collections::BTreeMap;
use words::value::{Map, Value};

/// Writes a run as JSON lines.
pub struct PlayJson(pub Painter);

/// One line. The field `event` says which.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Play {
        name: &'a str,
    },
    NoHostsMatched,
    Task {
        name: &'a str,
        handler: bool,
        path: Option<String>,
    },
    Host(Host<'a>),
    Included {
        path: &'a str,
        hosts: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<&'a str>,
    },
    NoMoreHosts,
    Warning {
        message: &'a str,
    },
    Recap {
        hosts: BTreeMap<&'a str, &'a Stats>,
    },
}

#[derive(Serialize)]
struct Host<'a> {
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegate: Option<&'a str>,
    status: Status,
    ignored: bool,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    retries: &'a [u32],
    result: Shown<'a>,
    changes: &'a [Change],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Item<'a>>>,
}

#[derive(Serialize)]
struct Item<'a> {
    item: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    retries: &'a [u32],
    result: Shown<'a>,
    changes: &'a [Change],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A result with unknown values shown as text.
struct Shown<'a>(&'a Map);

impl Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, plain(value))))
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Unknown(why) => Value::String(format!("(unknown: {why})")),
        Value::List(items) => Value::List(items.iter().map(plain).collect()),
        Value::Map(map) => map.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

impl Observer for PlayJson {
    fn on(&mut self, event: &Event<'_>) {
        let line = match event {
            Event::Playbook { .. } => return,
            Event::Play { name } => Line::Play { name },
            Event::NoHostsMatched => Line::NoHostsMatched,
            Event::Task { name, handler, place } => {
                Line::Task { name, handler: *handler, path: place.as_ref().map(ToString::to_string) }
            }
            Event::Host(result) => Line::Host(host(result)),
            Event::Included { path, hosts, item } => Line::Included { path, hosts, item: item.as_deref() },
            Event::NoMoreHosts => Line::NoMoreHosts,
            Event::Warning(message) => Line::Warning { message },
            Event::Recap(hosts) => {
                Line::Recap { hosts: hosts.iter().map(|(name, stats)| (name.as_str(), stats)).collect() }
            }
        };
        match serde_json::to_string(&line) {
            Ok(text) => self.0.json(&text),
            Err(error) => self.0.json(&format!("{{\"event\": \"error\", \"message\": \"{error}\"}}")),
        }
    }
}

fn host(result: &HostResult) -> Host<'_> {
    Host {
        host: &result.host,
        delegate: result.delegate.as_deref(),
        status: result.status,
        ignored: result.ignored,
        retries: &result.retries,
        result: Shown(result.values()),
        changes: &result.changes,
        error: result.error.as_ref().map(ToString::to_string),
        items: result.items.as_ref().map(|items| items.iter().map(item).collect()),
    }
}

fn item(item: &ItemReport) -> Item<'_> {
    Item {
        item: &item.label,
        status: item.status,
        retries: &item.retries,
        result: Shown(&item.result),
        changes: &item.changes,
        error: item.error.as_ref().map(ToString::to_string),
    }
}
