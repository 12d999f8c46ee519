//! Why somebody can or cannot log in and submit: every link from the roster over each host to the scheduler, in order.
//!
//! [`look_at`] asks the hosts; [`links`] judges what they said and is pure. Reads only.

mod entrance;

use super::ask::{args, ask, ask_program};
use super::busy::{ask_for_jobs, told};
use super::compile::{Batch, batches, policy_of_leaver};
use super::observe::{Observed, ObservedUser, look};
use super::{Host, Site};
use crate::roster::{Expiry, PersonState, Roster, State, User};
pub use entrance::{Entrance, FoundKey, Part, Shadow};
use host::change::outcome::ItemResult;
use host::change::{Action, FieldDiff};
use serde::Serialize;
use words::diag::Diagnostic;
use words::text::limit::LIMITS;
use words::value::{Map, Value};

/// One link of the chain, on one host or in the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Where: a host, or `roster`.
    pub place: String,
    /// Which: `account`, `uid`, `resolves`, `home`, `key`, `known`, `association` …
    pub link: &'static str,
    /// Whether it holds, as far as is known.
    pub well: bool,
    /// Whether it was looked at at all; what was not is never called well.
    pub looked_at: bool,
    /// What was seen.
    pub seen: String,
    /// What to do when it does not hold.
    pub todo: Option<String>,
}

/// What one host says about a person.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its inventory name.
    pub host: String,
    /// Why it could not be asked; nothing else is known then.
    pub silent: Option<String>,
    /// Its account files; `None` where people have no accounts.
    pub local: Option<Observed>,
    /// uid that the name service gives for the name.
    pub resolved: Option<u32>,
    /// Owner of the home, if it is a directory.
    pub home_owner: Option<u32>,
    /// Why nobody can tell whether the home is there.
    pub home_unseen: Option<String>,
    /// What sshd and PAM look at.
    pub entrance: Option<Entrance>,
    /// Today, in days since 1970.
    pub today: i64,
    /// What the roster's modules would change for this person: fields and what they would become.
    pub differs: Vec<String>,
    /// What the scheduler says; `None` on hosts that are not its master.
    pub scheduler: Option<Result<Scheduler, String>>,
}

/// What the scheduler says about a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// The default account; `None` when it does not know the person.
    pub default_account: Option<String>,
    /// Each association: its account, with the partition that it is for, and the limits in force there, inherited ones too.
    pub associations: Vec<InForce>,
    /// What differs from the roster.
    pub differs: Vec<String>,
    /// Of somebody who leaves or is kept out: which jobs are left, if any are, or why nobody can tell. `None`: the roster
    /// says nothing about them.
    pub left_behind: Option<Result<Option<String>, String>>,
}

/// Asks every host at once. A host that does not answer is a broken link, not an error.
pub fn look_at(site: &Site, roster: &Roster, name: &str) -> Vec<Facts> {
    let mut all = Vec::new();
    site.each(
        |host| Ok((!host.is_directory()).then(|| look_at_host(site, host, roster, name))),
        |host, looked| {
            let Some(looked) = looked.transpose() else { return };
            let silent = |why: String| Facts { host: host.name().into(), silent: Some(why), ..Facts::default() };
            all.push(looked.map_err(|problem| said(&problem)).flatten().unwrap_or_else(silent));
        },
    );
    all
}

/// Why a host could not be asked, with the reasons that its error gives.
fn said(problem: &Diagnostic) -> String {
    std::iter::once(&problem.message).chain(&problem.notes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

fn look_at_host(site: &Site, host: &Host, roster: &Roster, name: &str) -> Result<Facts, String> {
    let mut facts = Facts { host: host.name().into(), ..Facts::default() };
    if host.accounts {
        let observed = look(site, host).map_err(|problem| said(&problem))?;
        let entry = observed.users.iter().find(|user| user.name == name).cloned();
        facts.local = Some(observed);
        facts.resolved = resolved(site, host, name)?;
        if let Some(entry) = entry {
            facts.home_owner = home_owner(site, host, &entry.home)?;
            facts.entrance = Some(look_at_entrance(site, host, name)?);
            facts.today = (super::plan::now() / 86_400.0) as i64;
            facts.differs = differing(site, host, roster, name, &["user", "authorized_key"])?;
        }
    }
    if host.scheduler {
        facts.scheduler = Some(scheduler(site, host, roster, name));
    }
    Ok(facts)
}

fn resolved(site: &Site, host: &Host, name: &str) -> Result<Option<u32>, String> {
    let query = args([("database", "passwd".into()), ("key", name.into()), ("fail_key", false.into())]);
    let values = ask(site, host, "getent", query, true)?;
    let entry = values.get("ansible_facts").and_then(|facts| facts.get("getent_passwd")?.get(name)?.as_list());
    Ok(entry.and_then(|fields| fields.get(1)?.as_str()?.parse().ok()))
}

fn home_owner(site: &Site, host: &Host, home: &str) -> Result<Option<u32>, String> {
    let values = ask(site, host, "stat", args([("path", home.into()), ("follow", true.into())]), true)?;
    let found = values.get("stat").filter(|stat| stat.get("isdir") == Some(&Value::Bool(true)));
    Ok(found.and_then(|stat| u32::try_from(stat.get("uid")?.as_int()?).ok()))
}

fn look_at_entrance(site: &Site, host: &Host, name: &str) -> Result<Entrance, String> {
    let values = ask(site, host, "entrance", args([("name", name.into())]), true)?;
    serde_json::from_str(&Value::Map(values).to_json_line(false)).map_err(|error| format!("the host's answer: {error}"))
}

/// What `modules` would change for this person, as a dry run of what the roster says.
fn differing(site: &Site, host: &Host, roster: &Roster, name: &str, modules: &[&str]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for Batch { module, items, .. } in batches(roster, host).into_iter().filter(|b| modules.contains(&b.module)) {
        let is_his = |item: &Map| item.get("user").or(item.get("name")).and_then(Value::as_str) == Some(name);
        let items: Vec<_> = items.into_iter().filter(is_his).collect();
        for result in site.ask(host, module, items, true).map_err(|problem| problem.message)? {
            found.extend(foreseen(module, result));
        }
    }
    Ok(found)
}

/// What a dry run of one item of a module would change, for people.
pub(super) fn foreseen(module: &str, result: ItemResult) -> Vec<String> {
    if let Err(failure) = result.outcome {
        return vec![failure.msg];
    }
    let mut lines = Vec::new();
    for change in &result.changes {
        // Which file or directory; the person is known.
        let of = if change.address.kind == "user" { String::new() } else { format!("{}: ", change.address) };
        if change.action == Action::Create && change.address.kind != "user" {
            lines.push(format!("no {}", change.address));
            continue;
        }
        let values = change.fields.iter().filter_map(|field| match field {
            FieldDiff::Value { name, before, after } if *before != Value::Null => {
                Some(format!("{name} {}, not {}", or_none(before), or_none(after)))
            }
            FieldDiff::Value { name, after, .. } => Some(format!("no {name} {after}")),
            _ => None,
        });
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            lines.push(format!("{of}{}", values.join("; ")));
        } else if module == "authorized_key" {
            lines.push(format!("{of}a key of the roster is missing or has to go"));
        } else {
            lines.push(change.address.to_string());
        }
    }
    lines
}

/// Nothing is said to be nothing.
fn or_none(value: &Value) -> String {
    if value.is_truthy() || matches!(value, Value::Int(_) | Value::Bool(_)) {
        value.to_string()
    } else {
        "(none)".into()
    }
}

fn scheduler(site: &Site, host: &Host, roster: &Roster, name: &str) -> Result<Scheduler, String> {
    let user = rows_of_users(site, host, Some(name))?;
    let associations = rows_of_associations(site, host, Some(name))?;
    Ok(Scheduler {
        default_account: user.into_iter().find(|(login, _)| login == name).map(|(_, account)| account),
        associations: associations.into_iter().map(|(_, in_force)| in_force).collect(),
        left_behind: left_behind(site, host, roster, name),
        differs: differing(site, host, roster, name, SCHEDULER)?,
    })
}

fn rows(site: &Site, host: &Host, words: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let text = ask_program(site, host, &[&["sacctmgr", "-n", "-P", "show"], words].concat())?;
    Ok(text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect())
}

/// Login and default account, of one user or of all.
pub(super) fn rows_of_users(site: &Site, host: &Host, name: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let whom = name.map(|name| format!("name={name}"));
    let condition = whom.as_deref().map_or(Vec::new(), |whom| vec!["where", whom]);
    let rows = rows(site, host, &[&["user"], &condition[..], &["format=User,DefaultAccount"]].concat())?;
    Ok(rows.into_iter().map(|row| (row[0].clone(), row.get(1).cloned().unwrap_or_default())).collect())
}

/// An account, with its partition, and the limits in force there.
pub type InForce = (String, Vec<(String, String)>);

/// The associations of one user or of all, with the limits in force, inherited ones too.
pub(super) fn rows_of_associations(
    site: &Site,
    host: &Host,
    name: Option<&str>,
) -> Result<Vec<(String, InForce)>, String> {
    let mut columns = vec!["Account", "User", "Partition"];
    columns.extend(LIMITS.iter().filter(|kind| kind.tres.is_none()).map(|kind| kind.column));
    let (whom, format) = (name.map(|name| format!("user={name}")), format!("format={}", columns.join(",")));
    let condition = whom.as_deref().map_or(Vec::new(), |whom| vec!["where", whom]);
    let rows = rows(site, host, &[&["association"], &condition[..], &[format.as_str()]].concat())?;
    let is_meant =
        |row: &Vec<String>| row.len() == columns.len() && !row[1].is_empty() && name.is_none_or(|name| row[1] == name);
    let limits = |row: &[String]| -> Vec<(String, String)> {
        let pairs = columns.iter().zip(row).skip(3).filter(|(_, value)| !value.is_empty());
        pairs.map(|(column, value)| ((*column).to_owned(), value.clone())).collect()
    };
    let place = |row: &[String]| match row[2].as_str() {
        "" => row[0].clone(),
        partition => format!("{} in partition {partition}", row[0]),
    };
    Ok(rows.into_iter().filter(is_meant).map(|row| (row[1].clone(), (place(&row), limits(&row)))).collect())
}

/// The modules of the scheduler that are about a person.
const SCHEDULER: &[&str] = &["slurm_user", "slurm_association", "slurm_coordinator", "slurm_jobs"];

/// Which jobs somebody who leaves or is kept out still has, and until when.
fn left_behind(site: &Site, host: &Host, roster: &Roster, name: &str) -> Option<Result<Option<String>, String>> {
    let user = roster.user(name)?;
    let policy = policy_of_leaver(roster, user)?;
    let jobs = ask_for_jobs(site, host, &std::iter::once(*user.uid).collect());
    Some(jobs.map(|jobs| jobs.get(&user.uid.value).and_then(|own| told(own, policy))))
}

pub(super) const PLAN: &str = "enlist plan, then enlist apply";

/// The chain: the roster, every host in order, the scheduler last.
pub fn links(roster: &Roster, name: &str, facts: &[Facts]) -> Vec<Link> {
    let wanted = roster.user(name).filter(|user| user.standing.has_account());
    let mut links = vec![in_roster(roster, name)];
    links.extend(kept_out(wanted, facts.iter().map(|facts| facts.today).max().unwrap_or_default()));
    for facts in facts {
        if let Some(why) = &facts.silent {
            links.push(broken(&facts.host, "answers", why, "look at the host, or leave it out with --limit"));
        }
        if let Some(local) = &facts.local {
            links.extend(on_host(roster, name, wanted, local, facts));
        }
    }
    let masters = facts.iter().filter_map(|facts| Some((&facts.host, facts.scheduler.as_ref()?)));
    masters.for_each(|(host, said)| {
        links.extend(in_scheduler(host, wanted, said));
        links.extend(said.as_ref().ok().and_then(|said| jobs_left(host, said)));
    });
    links
}

pub(super) fn well(place: &str, link: &'static str, seen: impl Into<String>) -> Link {
    Link { place: place.into(), link, well: true, looked_at: true, seen: seen.into(), todo: None }
}

/// What could not be looked at.
pub(super) fn unseen(place: &str, link: &'static str, why: impl Into<String>) -> Link {
    Link { looked_at: false, ..well(place, link, why) }
}

pub(super) fn broken(place: &str, link: &'static str, seen: impl Into<String>, todo: impl Into<String>) -> Link {
    Link { place: place.into(), link, well: false, looked_at: true, seen: seen.into(), todo: Some(todo.into()) }
}

fn in_roster(roster: &Roster, name: &str) -> Link {
    match roster.user(name) {
        None => broken("roster", "listed", "not in the roster", format!("enlist user add {name} …")),
        Some(user) if user.standing == PersonState::Upcoming => {
            let from = user.tenure.starts.as_ref().map_or(String::new(), |day| format!(" before {}", day.value));
            broken("roster", "listed", format!("not yet here{from}"), "wait for the day, or correct `starts`")
        }
        Some(user) if user.standing == PersonState::Absent && !user.is_removed() => {
            broken("roster", "listed", "absent: the time here is over", "if he stays, correct `ends`")
        }
        Some(user) if user.standing == PersonState::Absent => {
            let todo = format!("enlist user modify {name} --state present");
            broken("roster", "listed", format!("absent: {}", user.name.place), todo)
        }
        Some(user) => well("roster", "listed", user.name.place.to_string()),
    }
}

/// That the roster itself keeps the person out.
fn kept_out(wanted: Option<&User>, today: i64) -> Option<Link> {
    let user = wanted?;
    let name = &user.name.value;
    if user.standing.is_kept_out() {
        let is_over = !user.tenure.written().is_kept_out();
        let (why, todo) = match (user.tenure.locked, is_over) {
            (_, true) => ("his time is over: `ends`".to_owned(), format!("correct `ends`, then {PLAN}")),
            (Some(true), _) => ("`locked: yes`".to_owned(), format!("enlist user modify {name} --unlock, then {PLAN}")),
            _ => (format!("`state: {}`", user.standing.word()), format!("write `state: active`, then {PLAN}")),
        };
        return Some(broken("roster", "locked", format!("the roster keeps the person out: {why}"), todo));
    }
    let Some(Expiry::On(day)) = user.tenure.expiry() else { return None };
    let is_past = day.duration_since(jiff::civil::date(1970, 1, 1)).as_secs_f64() / 86_400.0 <= today as f64;
    let todo = format!("enlist user modify {name} --expires DAY (or never), then {PLAN}");
    is_past.then(|| broken("roster", "expires", format!("the login ended on {day}"), todo))
}

fn on_host(roster: &Roster, name: &str, wanted: Option<&User>, local: &Observed, facts: &Facts) -> Vec<Link> {
    let host = facts.host.as_str();
    let todo = if wanted.is_some() { PLAN.to_owned() } else { format!("enlist user add {name} …, then {PLAN}") };
    let Some(entry) = local.users.iter().find(|user| user.name == name) else {
        return vec![missing(host, wanted, local, facts.resolved, todo)];
    };
    let mut links = vec![well(host, "account", format!("uid {}, gid {}", entry.uid, entry.gid))];
    links.extend(wanted.and_then(|user| numbers(roster, user, entry, host)));
    links.push(match facts.resolved {
        Some(uid) if uid == entry.uid => well(host, "resolves", "getent knows the name"),
        Some(uid) => {
            let seen = format!("getent says uid {uid}, {}:{} says {}", entry.file, entry.line, entry.uid);
            broken(host, "resolves", seen, "look at the order in /etc/nsswitch.conf")
        }
        None => broken(host, "resolves", "getent does not know the name", "look at `passwd:` in /etc/nsswitch.conf"),
    });
    links.push(match facts.home_owner {
        None if facts.home_unseen.is_some() => unseen(host, "home", facts.home_unseen.clone().unwrap_or_default()),
        Some(uid) if uid == entry.uid => well(host, "home", format!("{} is there and his own", entry.home)),
        Some(uid) => {
            let todo = format!("on {host}: chown -R {name}: {}", entry.home);
            broken(host, "home", format!("{} belongs to uid {uid}", entry.home), todo)
        }
        None => broken(host, "home", format!("{} is not there", entry.home), format!("{PLAN}, or mount it on {host}")),
    });
    if ["nologin", "false"].iter().any(|end| entry.shell.ends_with(&format!("/{end}"))) {
        let seen = format!("{} lets nobody in: {}:{}", entry.shell, entry.file, entry.line);
        links.push(broken(host, "shell", seen, format!("enlist user modify {name} --shell /bin/bash, then {PLAN}")));
    }
    if let Some(seen) = &facts.entrance {
        links.extend(entrance::judge(host, name, wanted, seen, facts.today));
    }
    if let Some(user) = wanted {
        let keys = user.keys.iter().filter(|key| key.state == State::Present).count();
        links.push(if facts.differs.is_empty() {
            well(
                host,
                "as the roster",
                format!("{keys} key{} of the roster, and all fields", if keys == 1 { "" } else { "s" }),
            )
        } else {
            broken(host, "as the roster", facts.differs.join("; "), PLAN)
        });
    }
    links
}

/// No line in /etc/passwd: unknown, from a directory, or the number is somebody else's.
fn missing(host: &str, wanted: Option<&User>, local: &Observed, resolved: Option<u32>, todo: String) -> Link {
    let holder = wanted.and_then(|user| local.users.iter().find(|other| other.uid == user.uid.value));
    match (holder, resolved) {
        (Some(other), _) => {
            let seen = format!("uid {} is {}: {}:{}", other.uid, other.name, other.file, other.line);
            broken(host, "account", seen, "settle whose number it is; enlist audit shows all such")
        }
        (None, Some(uid)) if wanted.is_none_or(|user| user.uid.value == uid) => {
            well(host, "account", format!("uid {uid}, not in /etc/passwd but from another source"))
        }
        (None, Some(uid)) => {
            broken(host, "account", format!("another source says uid {uid}"), "settle which number is right")
        }
        (None, None) => broken(host, "account", "no such user", todo),
    }
}

/// Jobs of somebody who leaves.
fn jobs_left(host: &str, said: &Scheduler) -> Option<Link> {
    Some(match said.left_behind.as_ref()? {
        Ok(None) => well(host, "jobs", "none runs any more"),
        Ok(Some(told)) => {
            broken(host, "jobs", told, "wait until they are over, or write `jobs: cancel`, then enlist apply")
        }
        Err(why) => unseen(host, "jobs", why.clone()),
    })
}

fn numbers(roster: &Roster, user: &User, entry: &ObservedUser, host: &str) -> Option<Link> {
    let gid = roster.group(&user.group).map(|group| group.gid.value);
    let seen = match (entry.uid == user.uid.value, gid.is_none_or(|gid| gid == entry.gid)) {
        (true, true) => return None,
        (false, _) => format!("uid differs: {}, not {}", entry.uid, user.uid.value),
        (true, false) => format!("gid differs: {}, not {}", entry.gid, gid.unwrap_or_default()),
    };
    let seen = format!("{seen}: {}:{}", entry.file, entry.line);
    Some(broken(host, "numbers", seen, "settle which number is right; enlist audit shows all such"))
}

fn in_scheduler(host: &str, wanted: Option<&User>, said: &Result<Scheduler, String>) -> Vec<Link> {
    let said = match said {
        Ok(said) => said,
        Err(why) => return vec![broken(host, "scheduler", why, "does the accounting service run there?")],
    };
    let join = match wanted {
        Some(user) if said.differs.is_empty() => {
            format!("enlist user modify {} --account ACCOUNT, then {PLAN}", user.name.value)
        }
        _ => PLAN.to_owned(),
    };
    let mut links = vec![match &said.default_account {
        None => return vec![broken(host, "scheduler", "the scheduler does not know the user: no association", join)],
        Some(account) if account.is_empty() => broken(host, "scheduler", "no default account", join.clone()),
        Some(account) => well(host, "scheduler", format!("default account {account}")),
    }];
    if said.associations.is_empty() {
        links.push(broken(host, "association", "no association", join));
    }
    for (account, limits) in &said.associations {
        let shown: Vec<_> = limits.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let seen = format!("{account}: {}", if shown.is_empty() { "no limits".into() } else { shown.join(" ") });
        let stops =
            |(name, value): &&(String, String)| value == "0" && (name.contains("Jobs") || name.contains("Submit"));
        links.push(match limits.iter().find(stops) {
            Some((name, _)) => broken(host, "association", seen, format!("{name}=0 allows no job: raise or clear it")),
            None => well(host, "association", seen),
        });
    }
    if !said.differs.is_empty() {
        links.push(broken(host, "as the roster", said.differs.join("; "), PLAN));
    }
    links
}
