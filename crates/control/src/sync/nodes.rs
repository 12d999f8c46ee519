//! What hosts say beside their account files, in one request each: where they look for people, whom they know, who has expired.

use super::ask::{command, text};
use super::joined::{NodeView, missing_shells};
use super::{Host, Observed, Site};
use crate::plan::HostPlan;
use crate::roster::Roster;
use host::change::outcome::ItemResult;
use std::collections::{BTreeMap, BTreeSet};
use words::value::{Map, Value};

/// So many people of a directory are asked for on each host: numbers are computed for all of them or for none.
const SAMPLE: usize = 20;

/// Looks at every host that has people, where some of them come from a directory. One that does not answer is told of by whoever
/// asks it next.
pub(super) fn views(site: &Site, roster: &Roster, seen: &[Observed]) -> Vec<NodeView> {
    let mut views = Vec::new();
    if !has_directory(site) {
        return views;
    }
    site.each(
        |host| if host.has_people() { view(site, host, sample(roster, seen, host)).map(Some) } else { Ok(None) },
        |_, view| views.extend(view.ok().flatten()),
    );
    views
}

/// Whether a directory is looked at. Where hosts have all people in their own files, those say everything.
fn has_directory(site: &Site) -> bool {
    site.hosts().iter().any(Host::is_directory)
}

/// People of the roster who are in the directory of this host.
fn sample(roster: &Roster, seen: &[Observed], host: &Host) -> Vec<String> {
    let place = seen.iter().filter(|observed| Some(&observed.host) == host.resolves.as_ref());
    let there: BTreeSet<&str> = place.flat_map(|observed| &observed.users).map(|user| user.name.as_str()).collect();
    let people = roster.users.iter().filter(|user| user.standing.has_account() && there.contains(user.name.as_str()));
    people.map(|user| user.name.value.clone()).take(SAMPLE).collect()
}

fn view(site: &Site, host: &Host, asked: Vec<String>) -> Result<NodeView, words::diag::Diagnostic> {
    const EXPIRED: &str = "$8 != \"\" { print $1 \":\" $8 }";
    let getent: Vec<&str> = ["getent", "passwd"].into_iter().chain(asked.iter().map(String::as_str)).collect();
    let mut items = vec![
        command(&["awk", "-F:", EXPIRED, "/etc/shadow"]),
        command(&["cat", "/etc/subuid", "/etc/subgid"]),
        command(&["cat", "/etc/nsswitch.conf"]),
    ];
    items.extend((!asked.is_empty()).then(|| command(&getent)));
    let mut answers = site.ask(host, "command", items, false)?.into_iter();
    let shadow = answers.next().and_then(all_of).map(|text| expired(&text));
    let subids = answers.next().map(said).unwrap_or_default();
    let nsswitch = answers.next().and_then(all_of);
    let resolved = answers.next().map(said).unwrap_or_default();
    Ok(NodeView {
        host: host.name().to_owned(),
        resolves: host.resolves.clone(),
        nsswitch: nsswitch.filter(|_| host.resolves.is_some()),
        asked,
        resolved: resolved.lines().filter_map(entry).collect(),
        kept_out: shadow.filter(|_| host.accounts),
        subids,
    })
}

/// What a program printed, if it went well.
fn all_of(result: ItemResult) -> Option<String> {
    result.outcome.ok().map(|outcome| text(&outcome.values, "stdout"))
}

/// What a program printed, also where it says that it is not all: a file or somebody that is not there.
fn said(result: ItemResult) -> String {
    match result.outcome {
        Ok(outcome) => text(&outcome.values, "stdout"),
        Err(failure) => text(&failure.values, "stdout"),
    }
}

/// `kim:20000`: who has expired by today, in days since 1970.
fn expired(text: &str) -> BTreeSet<String> {
    let today = (super::plan::now() / 86_400.0).floor() as i64;
    let is_over = |line: &str| {
        let (name, day) = line.split_once(':')?;
        (day.parse::<i64>().ok()? <= today).then(|| name.to_owned())
    };
    text.lines().filter_map(is_over).collect()
}

/// A line of passwd(5): name, uid and gid.
fn entry(line: &str) -> Option<(String, (u32, u32))> {
    let fields: Vec<&str> = line.split(':').collect();
    let number = |at: usize| fields.get(at)?.parse().ok();
    Some(((*fields.first()?).to_owned(), (number(2)?, number(3)?)))
}

/// Shells that steps of a plan give to people, and that are none on the hosts where those people are.
pub(super) fn shells(site: &Site, plans: &[HostPlan]) -> Vec<String> {
    let mut remarks = Vec::new();
    if !has_directory(site) {
        return remarks;
    }
    site.each(|host| Ok(shells_on(site, host, plans)), |_, told| remarks.extend(told.unwrap_or_default()));
    remarks
}

fn shells_on(site: &Site, host: &Host, plans: &[HostPlan]) -> Vec<String> {
    let is_its =
        |plan: &&HostPlan| host.has_people() && (plan.host == host.name || Some(&plan.host) == host.resolves.as_ref());
    let steps = plans.iter().filter(is_its).flat_map(|plan| &plan.steps).filter(|step| step.module == "user");
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for args in steps.map(|step| &step.args) {
        if let (Some(name), Some(shell)) = (text_of(args, "name"), text_of(args, "shell")) {
            wanted.entry(shell.to_owned()).or_default().push(name.to_owned());
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let stat: Vec<&str> =
        ["stat", "-L", "-c", "%a %F %n", "--"].into_iter().chain(wanted.keys().map(String::as_str)).collect();
    let items = vec![command(&stat), command(&["cat", "/etc/shells"])];
    // A host that does not answer any more is told of elsewhere.
    let Ok(answers) = site.ask(host, "command", items, false) else { return Vec::new() };
    let mut answers = answers.into_iter();
    let stats = answers.next().map(said).unwrap_or_default();
    missing_shells(host.name(), &wanted, &stats, answers.next().and_then(all_of).as_deref())
}

fn text_of<'a>(args: &'a Map, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}
