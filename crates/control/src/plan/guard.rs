//! What no plan may do, whoever wrote it: a table of named guards. All are asked, before a plan is saved and again
//! before it is applied; none can be switched off, and what a site may adjust is in its roster, where it is reviewed.
//!
//! A new guard is one function and one line in [`GUARDS`].

mod on_hosts;
mod people;

use crate::plan::vocabulary::misfit;
use crate::plan::{HostPlan, Plan, Step};
use crate::roster::Roster;
use crate::roster::guards::Settings;
use host::change::{Action, FieldDiff};
use std::collections::BTreeSet;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

/// A plan before the guards, with all by which it is judged. None of that is taken from the plan: whoever can edit a plan
/// could edit it, too.
pub struct Case<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What the roster or the command line says about guards.
    pub settings: &'a Settings,
    /// How many users the roster wants present.
    pub people: usize,
    /// What was seen on hosts; empty before any was asked.
    pub hosts: &'a [Seen],
    /// Now, in seconds since 1970.
    pub now: f64,
    /// Guards that the person at the command line passes, by name.
    pub allowed: &'a [String],
    /// The roster, where it is at hand.
    pub roster: Option<&'a Roster>,
}

/// What guards need to know of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its inventory name.
    pub host: String,
    /// Its users, with their uids.
    pub users: Vec<(String, u32)>,
    /// Its groups, with their gids.
    pub groups: Vec<(String, u32)>,
    /// As whom enlist logs in there. For a directory: on all hosts whose people come from it.
    pub logins: Vec<OwnLogin>,
}

/// As whom enlist logs in on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLogin {
    /// The login name.
    pub login: String,
    /// The host's inventory name.
    pub host: String,
}

/// One named refusal.
pub struct Guard {
    /// Its name, shown when it refuses.
    pub name: &'static str,
    /// What it refuses, in one sentence.
    pub refuses: &'static str,
    /// What it says about a plan; empty when it has nothing against it.
    judge: fn(&Case) -> Vec<String>,
    /// What to do instead.
    hint: &'static str,
    /// Whether somebody may pass it, once and with a reason.
    pub passable: bool,
}

/// Every guard.
pub static GUARDS: &[Guard] = &[
    Guard {
        name: "max-removals",
        refuses: "a plan that removes more than the roster's `guards.max_removals`",
        judge: max_removals,
        hint: "if all of them shall go, raise `guards: {max_removals: …}` in the roster, and review that",
        passable: true,
    },
    Guard {
        name: "max-suspensions",
        refuses: "a plan that keeps more people out than the roster's `guards.max_suspensions`",
        judge: people::max_suspensions,
        hint: "if all of them shall be kept out, raise `guards: {max_suspensions: …}` in the roster, and review that",
        passable: true,
    },
    Guard {
        name: "max-share",
        refuses: "a plan that removes or keeps out a larger share of all people than the roster's `guards.max_share`",
        judge: people::max_share,
        hint: "if they shall all go, raise `guards: {max_share: …}` in the roster, and review that",
        passable: true,
    },
    Guard {
        name: "min-admins",
        refuses: "a plan after which fewer of the roster's `guards.admins` are let in than `guards.min_admins`",
        judge: people::min_admins,
        hint: "let another administrator in first",
        passable: false,
    },
    Guard {
        name: "max-jobs",
        refuses: "a plan that ends more jobs than the roster's `guards.max_jobs`",
        judge: max_jobs,
        hint: "if all of them shall end, raise `guards: {max_jobs: …}` in the roster, and review that",
        passable: true,
    },
    Guard {
        name: "somebody-stays",
        refuses: "removing people by a roster that wants nobody present",
        judge: somebody_stays,
        hint: "look at the roster: was it emptied by accident?",
        passable: true,
    },
    Guard {
        name: "protected-names",
        refuses: "touching accounts of the system, and those that the roster protects",
        judge: protected_names,
        hint: "take the name out of the roster; system accounts are managed by packages and playbooks",
        passable: false,
    },
    Guard {
        name: "uid-zero",
        refuses: "giving or taking uid 0 or gid 0",
        judge: uid_zero,
        hint: "use sudo rules for administrators, not a second root",
        passable: false,
    },
    Guard {
        name: "same-number",
        refuses: "changing the uid or gid of somebody who is there",
        judge: same_number,
        hint: "files and running jobs keep the old number; if it must change, the roster says so: was_uid: OLD",
        passable: false,
    },
    Guard {
        name: "protected-numbers",
        refuses: "touching an account of the system by its number or by another name of it",
        judge: on_hosts::protected_numbers,
        hint: "take the name out of the roster; who shall be in such a group is given that by a playbook",
        passable: false,
    },
    Guard {
        name: "own-login",
        refuses: "keeping out the login that enlist itself uses on a host",
        judge: on_hosts::own_login,
        hint: "after that nobody could plan or apply anything: log in as somebody else, or leave this entry as it is",
        passable: false,
    },
    Guard {
        name: "known-steps",
        refuses: "steps that no roster is ever compiled to, argument by argument",
        judge: known_steps,
        hint: "a plan runs only what `enlist plan` writes; use a playbook for the rest",
        passable: false,
    },
    Guard {
        name: "removals-last",
        refuses: "removing before everything else has been done",
        judge: removals_last,
        hint: "make the plan again with `enlist plan`",
        passable: false,
    },
];

impl Guard {
    fn refusal(&self, message: String) -> Diagnostic {
        let problem = Diagnostic::new(ErrorKind::Refused, message);
        let problem = problem.note(format!("the guard `{}` refuses {}", self.name, self.refuses)).hint(self.hint);
        if self.passable {
            return problem.hint(format!("or pass it once: --allow {} --reason TEXT", self.name));
        }
        problem
    }
}

/// Everything that any guard has against the plan of `case`.
pub fn refusals(case: &Case) -> Vec<Diagnostic> {
    let is_passed = |guard: &&Guard| guard.passable && case.allowed.iter().any(|name| name == guard.name);
    GUARDS
        .iter()
        .filter(|guard| !is_passed(guard))
        .flat_map(|guard| {
            let says = (guard.judge)(case);
            says.into_iter().map(|message| guard.refusal(message))
        })
        .collect()
}

fn max_removals(case: &Case) -> Vec<String> {
    let removals = case.plan.removals();
    let limit = case.settings.max_removals;
    if removals.len() <= limit as usize {
        return Vec::new();
    }
    let names: Vec<_> = removals.iter().take(10).map(ToString::to_string).collect();
    let more = if removals.len() > names.len() { ", …" } else { "" };
    vec![format!("the plan removes {}, and {limit} is the limit: {}{more}", removals.len(), names.join(", "))]
}

fn max_jobs(case: &Case) -> Vec<String> {
    let ended = case.plan.changes().map(|(_, change)| crate::plan::ended_jobs(change)).sum();
    too_many_jobs(ended, case.settings).into_iter().collect()
}

fn too_many_jobs(ended: u64, settings: &Settings) -> Option<String> {
    let limit = settings.max_jobs;
    (ended > u64::from(limit)).then(|| format!("the plan ends {ended} jobs that run or wait, and {limit} is the limit"))
}

/// What the guard `max-jobs` has against ending so many jobs: what there are now, which may be more than when the plan was made.
pub fn refuse_jobs(ended: u64, settings: &Settings, allowed: &[String]) -> Option<Diagnostic> {
    let guard =
        GUARDS.iter().find(|guard| guard.name == "max-jobs" && !allowed.iter().any(|name| name == guard.name))?;
    too_many_jobs(ended, settings).map(|message| guard.refusal(message))
}

/// What guards have against a roster that names far fewer people than when it was last carried out: entries stay for good, so the
/// file is cut off, or another one.
pub fn refuse_vanished(before: usize, now: usize, settings: &Settings, allowed: &[String]) -> Option<Diagnostic> {
    let gone = before.saturating_sub(now);
    if gone <= settings.max_removals as usize || allowed.iter().any(|name| name == VANISHED) {
        return None;
    }
    let message = format!("the roster names {now} people, and it named {before} when it was last carried out");
    let problem = Diagnostic::new(ErrorKind::Refused, message);
    let problem = problem.note(format!("the guard `{VANISHED}` refuses a roster that was cut off, or is another one"));
    let problem =
        problem.hint("people who go stay in the roster, as `state: absent`: get the whole file back from git");
    Some(problem.hint(format!("or pass it once: --allow {VANISHED} --reason TEXT")))
}

/// The guard of [`refuse_vanished`].
pub const VANISHED: &str = "nobody-vanished";

/// The guards that may be passed, by name.
pub fn passable() -> impl Iterator<Item = &'static str> {
    GUARDS.iter().filter(|guard| guard.passable).map(|guard| guard.name).chain([VANISHED])
}

fn somebody_stays(case: &Case) -> Vec<String> {
    let gone = case.plan.removals().into_iter().filter(|address| address.kind == "user").count();
    if gone == 0 || case.people > 0 {
        return Vec::new();
    }
    let users = if gone == 1 { "a user".to_owned() } else { format!("{gone} users") };
    vec![format!("the plan removes {users}, and {} wants nobody", case.plan.roster.file)]
}

fn protected_names(case: &Case) -> Vec<String> {
    let is_protected = |name: &str| case.settings.protects(name);
    let touched: BTreeSet<_> = case
        .plan
        .changes()
        .map(|(_, change)| &change.address)
        .filter(|address| matches!(address.kind.as_str(), "user" | "group" | "account") && is_protected(&address.name))
        .collect();
    // Not only by address: a key for a protected user changes that user, a new member a protected group.
    let steps = case.plan.hosts.iter().flat_map(|host| &host.steps);
    let served = steps.flat_map(named_by).filter(|(_, name)| name == "0" || is_protected(name));
    let served = served.map(|(kind, name)| format!("{kind} {name}"));
    let all: BTreeSet<_> = touched.into_iter().map(ToString::to_string).chain(served).collect();
    all.into_iter().map(|what| format!("the plan touches the protected {what}")).collect()
}

/// Users and groups that the arguments of a step name, as (kind, name).
fn named_by(step: &Step) -> Vec<(&'static str, String)> {
    let names = |kind: &'static str, argument: &str| {
        let one = |value: &Value| (kind, value.to_string());
        match step.args.get(argument) {
            Some(Value::List(items)) => items.iter().map(one).collect(),
            Some(value @ (Value::String(_) | Value::Int(_))) => {
                value.to_string().split(',').map(|name| (kind, name.trim().to_owned())).collect()
            }
            _ => Vec::new(),
        }
    };
    match step.module.as_str() {
        "user" => [names("group", "group"), names("group", "groups")].concat(),
        "authorized_key" => names("user", "user"),
        "sudo_rule" => names("user", "name"),
        "doors" | "slurm_jobs" => [names("user", "name"), names("user", "uid")].concat(),
        _ => Vec::new(),
    }
}

/// The numbers (uid or gid) in a change, as (host, what, name, before, after).
fn numbers(plan: &Plan) -> impl Iterator<Item = (&str, String, &Value, &Value)> {
    plan.changes().filter(|(_, change)| matches!(change.address.kind.as_str(), "user" | "group")).flat_map(
        |(host, change)| {
            change.fields.iter().filter_map(move |field| match field {
                FieldDiff::Value { name, before, after } if matches!(name.as_str(), "uid" | "gid") => {
                    // A user's gid is a membership, not a number of its own.
                    let own = (name == "uid") == (change.address.kind == "user");
                    own.then(|| (host, format!("{name} of {}", change.address), before, after))
                }
                _ => None,
            })
        },
    )
}

fn uid_zero(case: &Case) -> Vec<String> {
    numbers(case.plan)
        .filter(|(_, _, before, after)| [*before, *after].contains(&&Value::Int(0)))
        .map(|(host, what, ..)| format!("the plan changes the {what} from or to 0 on {host}"))
        .collect()
}

fn same_number(case: &Case) -> Vec<String> {
    numbers(case.plan)
        .filter(|(_, _, before, after)| **before != Value::Null && **after != Value::Null)
        .filter(|(_, what, before, after)| !people::is_migration(case, what, before, after))
        .map(|(host, what, before, after)| format!("the plan changes the {what} from {before} to {after} on {host}"))
        .collect()
}

fn known_steps(case: &Case) -> Vec<String> {
    let steps = case.plan.hosts.iter().flat_map(|host| host.steps.iter().map(move |step| (host, step)));
    steps.filter_map(|(host, step)| Some(format!("the plan has on {} {}", host.host, misfit(step)?))).collect()
}

fn removals_last(case: &Case) -> Vec<String> {
    let deletes = |step: &Step| step.changes.iter().any(|change| change.action == Action::Delete);
    let early = |host: &&HostPlan| host.steps.iter().any(|step| !step.phase.removes() && deletes(step));
    let hosts = case.plan.hosts.iter().filter(early);
    hosts.map(|host| format!("the plan removes something on {} before the removals", host.host)).collect()
}

#[cfg(test)]
mod tests;
