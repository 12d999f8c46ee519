//! Guards that count people: how many are kept out or removed, and who is left to administrate.

use super::Case;
use crate::plan::Step;
use host::change::Action;
use std::collections::BTreeSet;
use words::value::Value;

/// The name in a step.
fn name(step: &Step) -> Option<&str> {
    step.args.get("name").and_then(Value::as_str)
}

fn of_users<'c>(case: &'c Case) -> impl Iterator<Item = &'c Step> {
    case.plan.hosts.iter().flat_map(|host| &host.steps).filter(|step| step.module == "user")
}

/// Who is locked and was not: not who is new, or goes with the same plan.
fn suspended<'c>(case: &'c Case) -> BTreeSet<&'c str> {
    let removed = removed(case);
    let locks = |step: &&Step| {
        let is_there = step.changes.iter().any(|change| change.action == Action::Update);
        step.args.get("password_lock") == Some(&true.into()) && is_there
    };
    of_users(case).filter(locks).filter_map(name).filter(|name| !removed.contains(name)).collect()
}

fn removed<'c>(case: &'c Case) -> BTreeSet<&'c str> {
    of_users(case).filter(|step| step.args.get("state") == Some(&"absent".into())).filter_map(name).collect()
}

/// The first of several names.
fn some(names: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = names.iter().copied().take(10).collect();
    format!("{}{}", shown.join(", "), if names.len() > shown.len() { ", …" } else { "" })
}

pub(super) fn max_suspensions(case: &Case) -> Vec<String> {
    let (out, limit) = (suspended(case), case.settings.max_suspensions);
    let is_too_many = out.len() > limit as usize;
    let says = || format!("the plan keeps {} people out, and {limit} is the limit: {}", out.len(), some(&out));
    is_too_many.then(says).into_iter().collect()
}

pub(super) fn max_share(case: &Case) -> Vec<String> {
    let removed = removed(case);
    let all = case.people + removed.len();
    let out: BTreeSet<&str> = suspended(case).union(&removed).copied().collect();
    let limit = case.settings.max_share as usize;
    let is_too_many = limit < 100 && out.len() * 100 > limit * all;
    let says = || {
        let share = out.len() * 100 / all.max(1);
        format!(
            "the plan removes or keeps out {} of {all} people, {share} of a hundred, and {limit} is the limit",
            out.len()
        )
    };
    is_too_many.then(says).into_iter().collect()
}

pub(super) fn min_admins(case: &Case) -> Vec<String> {
    let (settings, out) = (case.settings, suspended(case));
    let removed = removed(case);
    let by_roster =
        |name: &str| case.roster.is_some_and(|roster| roster.user(name).is_none_or(|user| !user.is_let_in(roster.day)));
    let is_in = |name: &&String| !out.contains(name.as_str()) && !removed.contains(name.as_str()) && !by_roster(name);
    let left = settings.admins.iter().filter(is_in).count();
    let is_too_few = left < settings.min_admins as usize;
    let says = || format!("{left} of those who administrate would be let in, and {} must be", settings.min_admins);
    is_too_few.then(says).into_iter().collect()
}

/// Whether the roster itself says that this number becomes that one.
pub(super) fn is_migration(case: &Case, what: &str, before: &Value, after: &Value) -> bool {
    let name = what.strip_prefix("uid of user ");
    let user = name.and_then(|name| case.roster?.user(name));
    user.is_some_and(|user| {
        let was = user.was_uid.as_ref().map(|was| i64::from(was.value));
        was.is_some() && before.as_int() == was && after.as_int() == Some(i64::from(user.uid.value))
    })
}
