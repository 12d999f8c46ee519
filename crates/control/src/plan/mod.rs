//! [`Plan`]: what would be done at a site, specific enough that carrying it out leaves nothing to decide.
//!
//! It is data: `enlist plan` saves it, people review it, guards judge it, `enlist apply` does it and nothing else. The
//! file is described in `docs/plan-format.md`.

pub mod commands;
pub mod guard;
pub mod vocabulary;

use crate::roster::guards::Settings;
use host::change::{Action, Address, Change, FieldDiff};
use host::modules::doors::{DOORS, STARTERS};
use host::modules::slurm::jobs::{JOBS, RUNNING, WAITING};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// The version of the plan file that this enlist writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// All that would be done at a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of enlist that made it.
    pub enlist: String,
    /// When it was made, as RFC 3339 in UTC.
    pub created: String,
    /// What the roster calls the site.
    pub site: String,
    /// The roster that it came from.
    pub roster: RosterMark,
    /// The day that it was made for, where that was another than the day on which it was made: then it is only to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The inventory sources that it was made with; `apply` uses them when it is given none.
    pub inventory: Vec<String>,
    /// What the roster says about guards. It is shown; `apply` takes its guards from elsewhere.
    pub guards: Settings,
    /// Every host that was looked at, in inventory order, also those without anything to do.
    pub hosts: Vec<HostPlan>,
    /// What the roster asks for and the plan cannot have; not written when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// One thing that could not be planned on one host. All others are planned without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The host's inventory name.
    pub host: String,
    /// Whom or what: `user kim`, `the host`, `the scheduler`.
    pub what: String,
    /// Why, as the host says.
    pub why: String,
    /// What is done for the time being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meanwhile: Option<String>,
    /// What people can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

/// Which roster a plan came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterMark {
    /// Its path as given.
    pub file: String,
    /// [`digest`] of its text.
    pub digest: String,
    /// How many users it wants present.
    pub users: usize,
}

/// What would be done on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// Its inventory name.
    pub host: String,
    /// [`digest`] of its users and groups when the plan was made.
    pub observed: String,
    /// What would be done, in this order; empty when the host is as it should be.
    pub steps: Vec<Step>,
    /// Where it is, if it is no host, but a directory of the roster; not written when it is a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryMark>,
}

/// Which directory a plan was made for. Equal steps for another one are another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryMark {
    /// The server's URL, as the roster writes it.
    pub server: String,
    /// Below it everything is looked at.
    pub base: String,
    /// Below it people are made and changed.
    pub people: String,
    /// Below it groups are made and changed.
    pub groups: String,
}

impl From<&directory::settings::Settings> for DirectoryMark {
    fn from(settings: &directory::settings::Settings) -> Self {
        Self {
            server: settings.server.to_string(),
            base: settings.base.clone(),
            people: settings.people.clone(),
            groups: settings.groups.clone(),
        }
    }
}

/// One module call and what it would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it runs.
    pub phase: Phase,
    /// The module's short name.
    pub module: String,
    /// Its arguments.
    pub args: Map,
    /// What a dry run of it reported; never empty.
    pub changes: Vec<Change>,
}

/// When a step runs. All hosts finish a phase before any begins the next; removals come last, and do not happen when
/// anything failed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Groups, users and keys come to the hosts.
    Accounts,
    /// Accounts and associations come to the scheduler.
    Scheduler,
    /// Associations and accounts leave the scheduler.
    SchedulerRemovals,
    /// Keys, users and groups leave the hosts.
    AccountRemovals,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Phase; 4] = [Phase::Accounts, Phase::Scheduler, Phase::SchedulerRemovals, Phase::AccountRemovals];

    /// Whether it takes something away.
    pub fn removes(self) -> bool {
        self >= Phase::SchedulerRemovals
    }
}

/// How much a plan does, counted per host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Resources that come to be.
    pub create: usize,
    /// Resources that change.
    pub update: usize,
    /// Resources that go.
    pub delete: usize,
    /// Hosts with anything to do.
    pub hosts: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.hosts.iter().all(|host| host.steps.is_empty())
    }

    /// Every change with its host, in order.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.hosts.iter().flat_map(|host| {
            host.steps.iter().flat_map(|step| &step.changes).map(|change| (host.host.as_str(), change))
        })
    }

    /// What would be gone, each once however many hosts it is on.
    pub fn removals(&self) -> BTreeSet<&Address> {
        self.changes()
            .filter(|(_, change)| change.action == Action::Delete)
            .map(|(_, change)| &change.address)
            .collect()
    }

    /// How much it does.
    pub fn summary(&self) -> Summary {
        let hosts = self.hosts.iter().filter(|host| !host.steps.is_empty()).count();
        self.changes().fold(Summary { hosts, ..Summary::default() }, |mut summary, (_, change)| {
            match change.action {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Delete => summary.delete += 1,
            }
            summary
        })
    }

    /// The plan as it may be shown: without hashes of passwords.
    pub fn without_secrets(&self) -> Plan {
        let mut shown = self.clone();
        for step in shown.hosts.iter_mut().flat_map(|host| &mut host.steps) {
            if let Some(hash) = step.args.get_mut("password") {
                *hash = "(not shown)".into();
            }
        }
        shown
    }

    /// The plan file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has only text keys") + "\n"
    }

    /// Reads the plan file called `name`. Refuses another format and anything it does not know.
    pub fn from_json(name: &str, text: &str) -> Result<Plan, Diagnostic> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| {
            Diagnostic::new(ErrorKind::Input, format!("{name} is no plan: {error}"))
                .hint("make one with `enlist plan -o FILE`")
        };
        let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            let message = format!("{name} has plan format {format}, and this enlist reads {FORMAT}");
            return Err(Diagnostic::new(ErrorKind::Input, message).hint("make a new plan with this enlist"));
        }
        serde_json::from_str(text).map_err(unreadable)
    }
}

/// A change that is not as it was planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// On which host.
    pub host: String,
    /// The planned change; `None` when it was not planned.
    pub planned: Option<Change>,
    /// What would happen now; `None` when nothing would.
    pub now: Option<Change>,
}

/// Compares a host's plan with what a dry run of its steps says now (one list of changes a step, in order).
pub fn moved(planned: &HostPlan, now: &[Vec<Change>]) -> Vec<Moved> {
    let now = now.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
    let steps = planned.steps.iter().zip(now).filter(|(step, now)| !alike(&step.changes, now));
    steps.flat_map(|(step, now)| moved_step(&planned.host, &step.changes, now)).collect()
}

fn moved_step(host: &str, planned: &[Change], now: &[Change]) -> Vec<Moved> {
    let at = |changes: &[Change], address: &Address| changes.iter().find(|c| c.address == *address).cloned();
    let addresses: BTreeSet<_> = planned.iter().chain(now).map(|change| &change.address).collect();
    addresses
        .into_iter()
        .map(|address| Moved { host: host.to_owned(), planned: at(planned, address), now: at(now, address) })
        .filter(|moved| !alike(moved.planned.as_slice(), moved.now.as_slice()))
        .collect()
}

/// How many jobs a change ends.
pub fn ended_jobs(change: &Change) -> u64 {
    let count = |field: &FieldDiff| match field {
        FieldDiff::Value { name, before: Value::Int(count), .. } if name == WAITING || name == RUNNING => {
            u64::try_from(*count).unwrap_or(0)
        }
        _ => 0,
    };
    if change.address.kind == JOBS { change.fields.iter().map(count).sum() } else { 0 }
}

/// Whether two lists of changes are the same. Jobs and processes come and go by themselves, and a crontab, a job of `at` and
/// lingering are made by whoever leaves, at any time: how many a leaver has, and whether any, is no difference, or a leaver
/// could hold off every plan.
pub fn alike(planned: &[Change], now: &[Change]) -> bool {
    let others = |changes: &[Change]| {
        changes.iter().filter(|it| ![JOBS, DOORS, STARTERS].contains(&&*it.address.kind)).cloned().collect::<Vec<_>>()
    };
    others(planned) == others(now)
}

/// `sha256:` and 64 hexadecimal digits.
pub fn digest(content: &[u8]) -> String {
    let hex = words::text::hex::hex(&Sha256::digest(content));
    format!("sha256:{hex}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn step(changes: Vec<Change>) -> Step {
        Step { phase: Phase::Accounts, module: "user".into(), args: Map::new(), changes }
    }

    fn shell(before: &str) -> Change {
        Change::new(Action::Update, "user", "gildong").field("shell", before, "/bin/zsh")
    }

    pub(crate) fn plan(steps: Vec<Step>) -> Plan {
        let host =
            |name: &str| HostPlan { host: name.into(), observed: digest(b""), steps: steps.clone(), directory: None };
        Plan {
            format: FORMAT,
            enlist: "0.1.0".into(),
            created: "2026-11-22T21:00:00Z".into(),
            site: "reference".into(),
            roster: RosterMark { file: "roster.yml".into(), digest: digest(b""), users: 1 },
            at: None,
            inventory: vec!["hosts.ini".into()],
            guards: Settings::default(),
            hosts: vec![host("login1"), host("login2")],
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_plan_survives_its_file() {
        let change = shell("/bin/sh").field("groups", Value::Null, vec!["길드".into()]).opaque("password", "set");
        let plan = plan(vec![step(vec![change, Change::new(Action::Delete, "file", "/x").text("/x", None, None)])]);
        assert_eq!(Plan::from_json("plan.json", &plan.to_json()), Ok(plan));
    }

    #[test]
    fn other_formats_and_fields_are_refused() {
        let text = plan(Vec::new()).to_json();
        let newer = Plan::from_json("p", &text.replace("\"format\": 1", "\"format\": 2")).unwrap_err();
        assert_eq!(newer.message, "p has plan format 2, and this enlist reads 1");
        let extra = Plan::from_json("p", &text.replace("\"site\"", "\"sight\": 1, \"site\"")).unwrap_err();
        assert!(extra.message.starts_with("p is no plan: unknown field `sight`"), "{}", extra.message);
        assert!(Plan::from_json("p", "").is_err());
    }

    #[test]
    fn counts_per_host_and_removals_once() {
        let gone = Change::new(Action::Delete, "user", "dooly");
        let plan = plan(vec![step(vec![shell("/bin/sh")]), step(vec![gone])]);
        assert_eq!(plan.summary(), Summary { create: 0, update: 2, delete: 2, hosts: 2 });
        assert_eq!(plan.removals().len(), 1);
    }

    #[test]
    fn what_a_leaver_can_make_at_any_time_holds_no_plan_off() {
        let cron = |file: &str| Change::new(Action::Delete, STARTERS, "dooly").field("cron", file, Value::Null);
        let jobs = |count: i64| Change::new(Action::Update, JOBS, "dooly").field(WAITING, count, 0);
        let doors = Change::new(Action::Update, DOORS, "dooly").field("sessions", 1, 0);
        let planned = [shell("/bin/sh"), cron("/var/spool/cron/dooly"), jobs(1)];
        assert!(alike(&planned, &[shell("/bin/sh"), cron("/var/spool/cron/crontabs/dooly"), jobs(2), doors]));
        assert!(alike(&planned, &[shell("/bin/sh")]));
        assert!(!alike(&planned, &[shell("/bin/dash"), cron("/var/spool/cron/dooly"), jobs(1)]));
    }

    #[test]
    fn what_moved_is_named() {
        let planned = plan(vec![step(vec![shell("/bin/sh")])]).hosts.remove(0);
        assert_eq!(moved(&planned, &[vec![shell("/bin/sh")]]), []);
        let host = || "login1".to_owned();
        let other = shell("/bin/dash");
        let expected = Moved { host: host(), planned: Some(shell("/bin/sh")), now: Some(other.clone()) };
        assert_eq!(moved(&planned, &[vec![other]]), [expected]);
        let done = Moved { host: host(), planned: Some(shell("/bin/sh")), now: None };
        assert_eq!(moved(&planned, &[vec![]]), std::slice::from_ref(&done));
        assert_eq!(moved(&planned, &[]), [done]);
    }
}
