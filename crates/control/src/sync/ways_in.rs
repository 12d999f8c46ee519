//! The last door: after an apply every way in of those who left or are kept out is looked at on every host, and told.

use super::ask::{args, ask_program};
use super::busy::ask_for_jobs;
use super::compile::policy_of_leaver;
use super::{Host, Site};
use crate::plan::{Plan, Step};
use crate::roster::Roster;
use host::books::JobsOfLeavers;
use host::change::FieldDiff;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use words::value::{Map, Value};

/// One way in of one person on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WayIn {
    /// Whose.
    pub person: String,
    /// Inventory name.
    pub host: String,
    /// `password`, `keys`, `sessions`, `jobs`, `lingering`, `cron`, `at`, `second name`, `groups`, `subids`, `sudo`,
    /// `queue`, `coordinator`; `all` where nobody can tell.
    pub way: String,
    /// Whether it is shut.
    pub standing: WayStanding,
    /// What was seen of one that is not shut.
    pub seen: String,
}

/// Whether a way in is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayStanding {
    /// It is.
    Shut,
    /// The roster leaves it open: jobs that run on, and what only starts something when the person is let in again.
    Allowed,
    /// The host is not part of this run: with `--limit`, or since it did not answer when the plan was made.
    NotLookedAt,
    /// It is not.
    Open,
    /// Nobody can tell.
    Unknown,
}

/// Somebody whom a plan shuts out.
struct Leaver {
    uid: u32,
    /// Whether the account shall be gone, and not only locked.
    gone: bool,
    /// Whether jobs may run on.
    may_run: bool,
    /// Whether what would start programs later shall be gone: of who is only locked it stays.
    for_good: bool,
}

/// Ways that start programs of somebody later. cron, at and logind ask PAM, which lets nobody in whose account has expired.
const START_LATER: [&str; 3] = ["lingering", "cron", "at"];

/// A way as the host tells it.
#[derive(Deserialize)]
struct Told {
    way: String,
    open: bool,
    seen: String,
}

impl Host {
    /// Where people come from a directory, the host's own files say nothing of who may log in; only an account that is there all the
    /// same is told.
    fn can_tell(&self, told: &Told) -> bool {
        self.resolves.is_none() || told.open || !["password", "keys", "groups"].contains(&told.way.as_str())
    }
}

/// Looks at all ways in of those whom the plan shuts out; nothing where it shuts out nobody. `others` are hosts of the roster that
/// the site has not.
pub fn ways_in(site: &Site, others: &[Host], plan: &Plan, roster: Option<&Roster>) -> Vec<WayIn> {
    let leavers = leavers(plan, roster);
    let mut found = Vec::new();
    if leavers.is_empty() {
        return found;
    }
    site.each(
        |host| Ok(look(site, host, &leavers)),
        |host, looked| found.extend(looked.unwrap_or_else(|why| unknown(host, &leavers, &why.message))),
    );
    let others = others.iter().filter(|host| host.has_people() || host.scheduler);
    let not_looked_at =
        |(host, name): (&Host, &String)| way(name, host, "all", WayStanding::NotLookedAt, String::new());
    found.extend(others.flat_map(|host| leavers.keys().map(move |name| (host, name))).map(not_looked_at));
    found.sort_by(|a, b| (&a.person, &a.host).cmp(&(&b.person, &b.host)));
    found
}

fn leavers(plan: &Plan, roster: Option<&Roster>) -> BTreeMap<String, Leaver> {
    let mut found: BTreeMap<String, Leaver> = BTreeMap::new();
    for step in plan.hosts.iter().flat_map(|host| &host.steps) {
        let text = |name: &str| step.args.get(name).and_then(Value::as_str);
        let is_removal = step.module == "user" && text("state") == Some("absent");
        let is_shut = step.module == "doors" || (step.module == "slurm_jobs" && text("state") == Some("stopped"));
        let is_locked = step.module == "user" && step.args.get("password_lock") == Some(&true.into());
        let (Some(name), true) = (text("name"), is_removal || is_shut || is_locked) else { continue };
        let given = step.args.get("uid").and_then(Value::as_int);
        let removed = || step.changes.iter().flat_map(|change| &change.fields).find_map(uid_before);
        let Some(uid) = given.or_else(removed).and_then(|uid| u32::try_from(uid).ok()) else { continue };
        let leaver =
            found.entry(name.to_owned()).or_insert(Leaver { uid, gone: false, may_run: false, for_good: false });
        leaver.gone |= is_removal;
        leaver.for_good |= is_removal || step.args.get("for_good") == Some(&true.into());
        leaver.may_run |= lets_run_on(step);
    }
    let Some(roster) = roster else { return found };
    for (name, leaver) in &mut found {
        let Some(user) = roster.user(name) else { continue };
        leaver.for_good |= user.standing.is_for_good();
        leaver.may_run = policy_of_leaver(roster, user) != Some(JobsOfLeavers::Cancel);
    }
    found
}

/// Whether a step stops somebody's submission and leaves the jobs that run, for a while or to their end.
fn lets_run_on(step: &Step) -> bool {
    let policy = step.args.get("jobs").and_then(Value::as_str).and_then(JobsOfLeavers::parse);
    step.module == "slurm_jobs" && policy.is_some_and(|policy| policy != JobsOfLeavers::Cancel)
}

fn uid_before(field: &FieldDiff) -> Option<i64> {
    match field {
        FieldDiff::Value { name, before, .. } if name == "uid" => before.as_int(),
        _ => None,
    }
}

fn unknown(host: &Host, leavers: &BTreeMap<String, Leaver>, why: &str) -> Vec<WayIn> {
    leavers.keys().map(|name| way(name, host, "all", WayStanding::Unknown, why.to_owned())).collect()
}

fn way(person: &str, host: &Host, way: &str, standing: WayStanding, seen: String) -> WayIn {
    WayIn { person: person.to_owned(), host: host.name().to_owned(), way: way.to_owned(), standing, seen }
}

fn look(site: &Site, host: &Host, leavers: &BTreeMap<String, Leaver>) -> Vec<WayIn> {
    let mut found = Vec::new();
    if host.has_people() {
        found.extend(on_host(site, host, leavers));
    }
    if host.scheduler {
        found.extend(in_queue(site, host, leavers));
        found.extend(as_coordinator(site, host, leavers));
    }
    found
}

fn on_host(site: &Site, host: &Host, leavers: &BTreeMap<String, Leaver>) -> Vec<WayIn> {
    let item = |(name, leaver): (&String, &Leaver)| -> Map {
        args([
            ("name", name.as_str().into()),
            ("uid", leaver.uid.into()),
            ("state", "told".into()),
            ("gone", leaver.gone.into()),
        ])
    };
    let results = match site.ask(host, "doors", leavers.iter().map(item).collect(), false) {
        Ok(results) => results,
        Err(why) => return unknown(host, leavers, &why.message),
    };
    let mut found = Vec::new();
    for ((name, leaver), result) in leavers.iter().zip(results) {
        let told = result.outcome.map_err(|failure| failure.msg).and_then(|outcome| {
            let ways = outcome.values.get("ways").cloned().unwrap_or_default().to_json_line(false);
            serde_json::from_str::<Vec<Told>>(&ways).map_err(|error| error.to_string())
        });
        match told {
            Err(why) => found.push(way(name, host, "all", WayStanding::Unknown, why)),
            Ok(ways) => found.extend(
                ways.into_iter()
                    .filter(|told| host.can_tell(told))
                    .map(|told| way(name, host, &told.way, standing(&told, leaver), told.seen)),
            ),
        }
    }
    found
}

fn standing(told: &Told, leaver: &Leaver) -> WayStanding {
    let may_run = told.way == "jobs" && leaver.may_run;
    let may_start = START_LATER.contains(&&*told.way) && !leaver.for_good;
    if !told.open {
        WayStanding::Shut
    } else if may_run || may_start {
        WayStanding::Allowed
    } else {
        WayStanding::Open
    }
}

/// Jobs in the scheduler.
fn in_queue(site: &Site, host: &Host, leavers: &BTreeMap<String, Leaver>) -> Vec<WayIn> {
    let jobs = ask_for_jobs(site, host, &leavers.values().map(|leaver| leaver.uid).collect());
    let one = |(name, leaver): (&String, &Leaver)| match &jobs {
        Err(why) => way(name, host, "queue", WayStanding::Unknown, why.clone()),
        Ok(jobs) => {
            let count = jobs.get(&leaver.uid).map_or(0, Vec::len);
            let standing = match count {
                0 => WayStanding::Shut,
                _ if leaver.may_run => WayStanding::Allowed,
                _ => WayStanding::Open,
            };
            way(name, host, "queue", standing, if count == 0 { String::new() } else { format!("{count} jobs") })
        }
    };
    leavers.iter().map(one).collect()
}

/// Accounts that somebody still manages.
fn as_coordinator(site: &Site, host: &Host, leavers: &BTreeMap<String, Leaver>) -> Vec<WayIn> {
    let words = ["sacctmgr", "-n", "-P", "show", "account", "withcoord", "format=Account,Coord"];
    let text = ask_program(site, host, &words);
    let managed = |text: &str, name: &str| -> Vec<String> {
        let rows = text.lines().filter_map(|line| line.split_once('|'));
        let own = rows.filter(|(_, people)| people.split(',').any(|person| person == name));
        own.map(|(account, _)| account.to_owned()).collect()
    };
    let one = |name: &String| match &text {
        Err(why) => way(name, host, "coordinator", WayStanding::Unknown, why.clone()),
        Ok(text) => {
            let accounts = managed(text, name);
            let standing = if accounts.is_empty() { WayStanding::Shut } else { WayStanding::Open };
            way(name, host, "coordinator", standing, accounts.join(", "))
        }
    };
    leavers.keys().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::vocabulary as calls;
    use crate::plan::{LeftOut, Phase, tests::plan};

    #[test]
    fn jobs_may_run_on_where_the_plan_says_so_and_not_where_only_words_name_the_person() {
        let mut only_locked = plan(vec![step("user", super::super::compile::lock("dooly"))]);
        only_locked.hosts[0].steps[0].args.insert("uid".into(), 2002.into());
        let left_out = LeftOut {
            host: "master1".into(),
            what: "user dooly".into(),
            why: "1 job runs on".into(),
            meanwhile: None,
            todo: None,
        };
        only_locked.left_out.push(left_out);
        assert!(!leavers(&only_locked, None)["dooly"].may_run);
        for (jobs, may_run) in [("run", true), ("cancel after 2h", true), ("cancel", false)] {
            let dooly = [("name", "dooly".into()), ("uid", 2002.into()), ("jobs", jobs.into())];
            let stopped = plan(vec![step("slurm_jobs", calls::STOP_JOBS.with(dooly))]);
            assert_eq!(leavers(&stopped, None)["dooly"].may_run, may_run, "{jobs}");
        }
    }

    fn step(module: &str, args: Map) -> Step {
        Step { phase: Phase::Accounts, module: module.into(), args, changes: Vec::new() }
    }
}
