//! What moved between a plan and its apply, in words.

use super::Observed;
use crate::plan::{Moved, Plan};
use host::change::{Action, Change, FieldDiff};
use indexmap::{IndexMap, IndexSet};
use std::collections::HashSet;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

pub(super) fn stale(plan: &Plan, moved: &[Moved], observed: &[Observed]) -> Diagnostic {
    let message = format!("the world has moved since the plan was made ({}); nothing was touched", plan.created);
    let problem = Diagnostic::new(ErrorKind::Refused, message);
    let problem = moved_notes(plan, moved).into_iter().fold(problem, Diagnostic::note);
    let changed = changed_hosts(plan, observed);
    let problem = if changed.is_empty() {
        problem
    } else {
        problem.note(format!("accounts changed since then on: {}", changed.join(", ")))
    };
    problem.hint("make a new plan and review it")
}

/// What moved, once for all hosts on which it is the same, and no more than people read.
fn moved_notes(plan: &Plan, moved: &[Moved]) -> Vec<String> {
    const MOST: usize = 20;
    let mut hosts_of: IndexMap<String, Vec<&str>> = IndexMap::new();
    for one in moved {
        hosts_of.entry(describe(one)).or_default().push(&one.host);
    }
    let more = hosts_of.len().saturating_sub(MOST);
    let named = |hosts: &[&str]| match hosts.len() {
        count if count > 1 && count == plan.hosts.len() => format!("all {count} hosts"),
        _ => hosts.join(", "),
    };
    let notes = hosts_of.iter().take(MOST).map(|(what, hosts)| format!("{}: {what}", named(hosts)));
    notes.chain((more > 0).then(|| format!("and {more} more of this kind"))).collect()
}

fn describe(moved: &Moved) -> String {
    match (&moved.planned, &moved.now) {
        (Some(planned), None) => format!("{} needs no change any more", planned.address),
        (None, Some(now)) => format!("{} was not planned to change, and would", now.address),
        (Some(planned), Some(now)) if planned.action != now.action => {
            format!("{} was to {}, and would {}", planned.address, verb(planned), verb(now))
        }
        (Some(planned), Some(now)) => {
            format!("{} would change in another way: {}", planned.address, both_ways(planned, now))
        }
        (None, None) => "it would change in another way".into(),
    }
}

fn verb(change: &Change) -> &'static str {
    match change.action {
        Action::Create => "be created",
        Action::Update => "be changed",
        Action::Delete => "be removed",
    }
}

/// Each field that the two change differently.
fn both_ways(planned: &Change, now: &Change) -> String {
    let names: IndexSet<&str> = planned.fields.iter().chain(&now.fields).map(FieldDiff::name).collect();
    let differing = names.into_iter().filter_map(|name| {
        let (was, is) = (way(planned, name), way(now, name));
        (was != is).then(|| format!("{name} was to be {was}, and would be {is}"))
    });
    differing.collect::<Vec<_>>().join("; ")
}

fn way(change: &Change, name: &str) -> String {
    let value = |value: &Value| if *value == Value::Null { "(none)".to_owned() } else { value.to_string() };
    match change.fields.iter().find(|field| field.name() == name) {
        None => "left as it is".into(),
        Some(FieldDiff::Value { before, after, .. }) => format!("{} → {}", value(before), value(after)),
        Some(FieldDiff::Opaque { says, .. }) => says.clone(),
        Some(FieldDiff::Text { before, after, .. }) => lines(before.as_deref(), after.as_deref()),
    }
}

/// The lines that go and come, as many as people read.
fn lines(before: Option<&str>, after: Option<&str>) -> String {
    const MOST: usize = 6;
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let without = |these: &str, those: &str, mark: &str| -> Vec<String> {
        let others: HashSet<&str> = those.lines().collect();
        these.lines().filter(|line| !others.contains(line)).map(|line| format!("`{mark} {line}`")).collect()
    };
    let mut all = [without(before, after, "-"), without(after, before, "+")].concat();
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    all.extend((more > 0).then(|| format!("{more} lines more")));
    if all.is_empty() { format!("{} bytes", after.len()) } else { all.join(", ") }
}

/// Hosts whose accounts are not those that the plan was made for.
pub(super) fn changed_hosts<'s>(plan: &Plan, seen: &'s [Observed]) -> Vec<&'s str> {
    let is_changed =
        |now: &&Observed| plan.hosts.iter().any(|planned| planned.host == now.host && planned.observed != now.digest);
    seen.iter().filter(is_changed).map(|now| now.host.as_str()).collect()
}
