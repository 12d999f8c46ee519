//! What no plan may do, whoever wrote it: a table of named guards. All are asked, before a plan is saved and again
//! before it is applied; none can be switched off, and what a site may adjust is in its roster, where it is reviewed.
//!
//! A new guard is one function and one line in [`GUARDS`].

use super::plan::{HostPlan, Plan, Step};
use super::{Action, FieldDiff};
use crate::diag::{Diagnostic, ErrorKind};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a site's roster says about guards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many resources one plan may remove.
    pub max_removals: u32,
    /// Further names of users, groups and accounts that no plan may touch.
    pub protected: Vec<String>,
}

/// Three removals: one person with an association and a group.
impl Default for Settings {
    fn default() -> Self {
        Self { max_removals: 3, protected: Vec::new() }
    }
}

/// Names that belong to the system wherever they are found.
#[rustfmt::skip]
pub const PROTECTED: &[&str] = &[
    "root", "daemon", "bin", "sys", "sync", "adm", "lp", "mail", "news", "uucp", "proxy", "backup", "list", "irc",
    "nobody", "nogroup", "man", "games", "ftp", "sshd", "messagebus", "slurm", "munge", "mysql", "postgres", "ldap",
    "openldap", "sssd", "polkitd", "tss", "chrony", "ntp", "rpc", "rpcuser", "dbus", "systemd-network",
    "systemd-resolve", "systemd-timesync", "systemd-coredump", "wheel", "sudo", "shadow", "tty", "disk", "kmem",
    "video", "audio", "render", "input", "kvm", "staff", "utmp", "users",
];

/// The modules that a plan is made of.
pub const MODULES: &[&str] = &["group", "user", "authorized_key", "slurm_account", "slurm_user"];

/// One named refusal.
pub struct Guard {
    /// Its name, shown when it refuses.
    pub name: &'static str,
    /// What it refuses, in one sentence.
    pub refuses: &'static str,
    /// What it says about a plan; empty when it has nothing against it.
    judge: fn(&Plan) -> Vec<String>,
    /// What to do instead.
    hint: &'static str,
}

/// Every guard.
pub static GUARDS: &[Guard] = &[
    Guard {
        name: "max-removals",
        refuses: "a plan that removes more than the roster's `guards.max_removals`",
        judge: max_removals,
        hint: "if all of them shall go, raise `guards: {max_removals: …}` in the roster, and review that",
    },
    Guard {
        name: "somebody-stays",
        refuses: "removing people by a roster that wants nobody present",
        judge: somebody_stays,
        hint: "look at the roster: was it emptied by accident?",
    },
    Guard {
        name: "protected-names",
        refuses: "touching accounts of the system, and those that the roster protects",
        judge: protected_names,
        hint: "take the name out of the roster; system accounts are managed by packages and playbooks",
    },
    Guard {
        name: "uid-zero",
        refuses: "giving or taking uid 0 or gid 0",
        judge: uid_zero,
        hint: "use sudo rules for administrators, not a second root",
    },
    Guard {
        name: "same-number",
        refuses: "changing the uid or gid of somebody who is there",
        judge: same_number,
        hint: "files and running jobs keep the old number: renumber by hand, host by host, then plan again",
    },
    Guard {
        name: "known-modules",
        refuses: "steps that the roster is never compiled to",
        judge: known_modules,
        hint: "a plan runs only what `enlist plan` writes; use a playbook for the rest",
    },
    Guard {
        name: "removals-last",
        refuses: "removing before everything else has been done",
        judge: removals_last,
        hint: "make the plan again with `enlist plan`",
    },
];

/// Everything that any guard has against `plan`.
pub fn refusals(plan: &Plan) -> Vec<Diagnostic> {
    GUARDS
        .iter()
        .flat_map(|guard| {
            let says = (guard.judge)(plan);
            says.into_iter().map(|message| {
                let problem = Diagnostic::new(ErrorKind::Refused, message);
                problem.note(format!("the guard `{}` refuses {}", guard.name, guard.refuses)).hint(guard.hint)
            })
        })
        .collect()
}

fn max_removals(plan: &Plan) -> Vec<String> {
    let removals = plan.removals();
    let limit = plan.guards.max_removals;
    if removals.len() <= limit as usize {
        return Vec::new();
    }
    let names: Vec<_> = removals.iter().take(10).map(ToString::to_string).collect();
    let more = if removals.len() > names.len() { ", …" } else { "" };
    vec![format!("the plan removes {}, and {limit} is the limit: {}{more}", removals.len(), names.join(", "))]
}

fn somebody_stays(plan: &Plan) -> Vec<String> {
    let people = plan.removals().into_iter().filter(|address| address.kind == "user").count();
    match plan.roster.users {
        0 if people > 0 => vec![format!("the plan removes {people} users, and {} wants nobody", plan.roster.file)],
        _ => Vec::new(),
    }
}

fn protected_names(plan: &Plan) -> Vec<String> {
    let is_protected = |name: &str| PROTECTED.contains(&name) || plan.guards.protected.iter().any(|own| own == name);
    let touched: BTreeSet<_> = plan
        .changes()
        .map(|(_, change)| &change.address)
        .filter(|address| matches!(address.kind.as_str(), "user" | "group" | "account") && is_protected(&address.name))
        .collect();
    // Not only by address: a key for a protected user changes that user, a new member a protected group.
    let steps = plan.hosts.iter().flat_map(|host| &host.steps);
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

fn uid_zero(plan: &Plan) -> Vec<String> {
    numbers(plan)
        .filter(|(_, _, before, after)| [*before, *after].contains(&&Value::Int(0)))
        .map(|(host, what, ..)| format!("the plan changes the {what} from or to 0 on {host}"))
        .collect()
}

fn same_number(plan: &Plan) -> Vec<String> {
    numbers(plan)
        .filter(|(_, _, before, after)| **before != Value::Null && **after != Value::Null)
        .map(|(host, what, before, after)| format!("the plan changes the {what} from {before} to {after} on {host}"))
        .collect()
}

fn known_modules(plan: &Plan) -> Vec<String> {
    let steps = plan.hosts.iter().flat_map(|host| host.steps.iter().map(move |step| (host, step)));
    steps
        .filter(|(_, step)| !MODULES.contains(&step.module.as_str()))
        .map(|(host, step)| format!("the plan runs the module `{}` on {}", step.module, host.host))
        .collect()
}

fn removals_last(plan: &Plan) -> Vec<String> {
    let deletes = |step: &Step| step.changes.iter().any(|change| change.action == Action::Delete);
    let early = |host: &&HostPlan| host.steps.iter().any(|step| !step.phase.removes() && deletes(step));
    let hosts = plan.hosts.iter().filter(early);
    hosts.map(|host| format!("the plan removes something on {} before the removals", host.host)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::change::plan::Phase;
    use crate::change::plan::tests::{plan, step};

    #[track_caller]
    fn refused(guard: &str, message: &str, plan: &Plan) {
        let says = refusals(plan);
        let notes: Vec<_> = says.iter().map(|problem| problem.notes[0].as_str()).collect();
        assert!(notes.iter().any(|note| note.starts_with(&format!("the guard `{guard}`"))), "{notes:?}");
        assert!(says.iter().any(|problem| problem.message == message), "{says:?}");
    }

    fn gone(name: &str) -> Step {
        let change = Change::new(Action::Delete, "user", name);
        Step { phase: Phase::AccountRemovals, ..step(vec![change]) }
    }

    #[test]
    fn an_ordinary_plan_passes() {
        let change = Change::new(Action::Create, "user", "gildong").field("uid", Value::Null, 2001);
        assert_eq!(refusals(&plan(vec![step(vec![change]), gone("a"), gone("b"), gone("c")])), []);
    }

    #[test]
    fn removals_are_counted_and_capped() {
        let mut plan = plan(["a", "b", "c", "d"].map(gone).to_vec());
        let message = "the plan removes 4, and 3 is the limit: user a, user b, user c, user d";
        refused("max-removals", message, &plan);
        plan.guards.max_removals = 4;
        assert_eq!(refusals(&plan), []);
        plan.roster.users = 0;
        refused("somebody-stays", "the plan removes 4 users, and roster.yml wants nobody", &plan);
    }

    #[test]
    fn removals_come_last() {
        let early = Step { phase: Phase::Accounts, ..gone("a") };
        refused("removals-last", "the plan removes something on login1 before the removals", &plan(vec![early]));
    }

    #[test]
    fn names_and_numbers_are_protected() {
        let change = |kind: &str, name: &str| Change::new(Action::Update, kind, name);
        let shell = change("user", "slurm").field("shell", "/a", "/b");
        refused("protected-names", "the plan touches the protected user slurm", &plan(vec![step(vec![shell])]));
        let mut own = plan(vec![step(vec![change("group", "ops").field("gid", Value::Null, 9)])]);
        assert_eq!(refusals(&own), []);
        own.guards.protected.push("ops".into());
        refused("protected-names", "the plan touches the protected group ops", &own);
        for (argument, value) in
            [("group", Value::from("root")), ("groups", Value::from("ai, sudo")), ("group", Value::from(0))]
        {
            let mut member = step(vec![change("user", "gildong")]);
            member.args.insert(argument.into(), value.clone());
            let name = value.to_string().replace("ai, ", "");
            refused("protected-names", &format!("the plan touches the protected group {name}"), &plan(vec![member]));
        }
        let root = change("user", "gildong").field("uid", Value::Null, 0);
        let message = "the plan changes the uid of user gildong from or to 0 on login1";
        refused("uid-zero", message, &plan(vec![step(vec![root])]));
        let other = change("group", "ai").field("gid", 1, 2);
        let message = "the plan changes the gid of group ai from 1 to 2 on login2";
        refused("same-number", message, &plan(vec![step(vec![other])]));
    }

    #[test]
    fn a_plan_runs_no_commands() {
        let step = Step { module: "command".into(), ..step(Vec::new()) };
        refused("known-modules", "the plan runs the module `command` on login1", &plan(vec![step]));
    }

    #[test]
    fn the_guide_lists_every_guard() {
        let guide = include_str!("../../docs/plan-format.md");
        for guard in GUARDS {
            assert!(guide.contains(&format!("| {} | {} |", guard.name, guard.refuses)), "{}", guard.name);
        }
    }
}
