//! Guards that need to know what is on the hosts: who a number or name is there, and as whom enlist logs in.

use super::{Case, Seen};
use crate::plan::Step;
use host::change::{Change, FieldDiff};
use std::collections::{BTreeSet, HashMap};
use words::value::Value;

/// The first number of ordinary people and groups.
const FIRST_ORDINARY: u32 = 1000;

/// Groups whose members become root.
const ADMINISTRATORS: &[&str] = &["sudo", "wheel", "admin"];

/// A name or number in a step, with whose it is: a `user` or a `group`.
#[derive(Clone)]
struct Named {
    kind: &'static str,
    word: String,
}

/// The entries of one kind on a host, by name and by number.
struct Register<'e> {
    ids: HashMap<&'e str, u32>,
    names: HashMap<u32, Vec<&'e str>>,
}

impl<'e> Register<'e> {
    fn new(entries: &'e [(String, u32)]) -> Self {
        let mut register = Self { ids: HashMap::new(), names: HashMap::new() };
        for (name, id) in entries {
            register.ids.entry(name).or_insert(*id);
            register.names.entry(*id).or_default().push(name);
        }
        register
    }

    /// Everybody whose number is the one that `word` is or has.
    fn owners(&self, word: &str) -> impl Iterator<Item = (&'e str, u32)> {
        let id = self.ids.get(word).copied().or_else(|| word.parse().ok());
        let names = id.and_then(|id| self.names.get(&id)).into_iter().flatten();
        names.map(move |name| (*name, id.unwrap_or_default()))
    }
}

pub(super) fn protected_numbers(case: &Case) -> Vec<String> {
    let mut found = BTreeSet::new();
    for seen in case.hosts {
        let (users, groups) = (Register::new(&seen.users), Register::new(&seen.groups));
        let host = case.plan.hosts.iter().find(|host| host.host == seen.host);
        for Named { kind, word } in host.iter().flat_map(|host| &host.steps).flat_map(named_by) {
            let register = if kind == "user" { &users } else { &groups };
            for (name, id) in register.owners(&word).filter(|(name, id)| is_systems(case, name, *id)) {
                found.insert(format!("the plan touches `{word}`, which is the {kind} {name} ({id}) on {}", seen.host));
            }
        }
    }
    found.into_iter().collect()
}

/// The steps for hosts that were seen.
fn steps<'c>(case: &'c Case) -> impl Iterator<Item = (&'c Seen, &'c Step)> {
    let seen =
        case.hosts.iter().filter_map(|seen| Some((seen, case.plan.hosts.iter().find(|host| host.host == seen.host)?)));
    seen.flat_map(|(seen, host)| host.steps.iter().map(move |step| (seen, step)))
}

fn is_systems(case: &Case, name: &str, id: u32) -> bool {
    id < FIRST_ORDINARY || case.settings.protects(name)
}

fn named_by(step: &Step) -> Vec<Named> {
    let words = |kind: &'static str, argument: &str| {
        let listed = match step.args.get(argument) {
            Some(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
            Some(value) => value.to_string().split(',').map(|word| word.trim().to_owned()).collect(),
            None => Vec::new(),
        };
        listed.into_iter().map(move |word| Named { kind, word }).collect::<Vec<_>>()
    };
    match step.module.as_str() {
        "user" => [words("user", "name"), words("group", "group"), words("group", "groups")].concat(),
        "group" => words("group", "name"),
        "authorized_key" => words("user", "user"),
        "sudo_rule" => words("user", "name"),
        "doors" | "slurm_jobs" => [words("user", "name"), words("user", "uid")].concat(),
        _ => Vec::new(),
    }
}

pub(super) fn own_login(case: &Case) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (seen, step) in steps(case).filter(|(_, step)| ["user", "doors"].contains(&&*step.module)) {
        let Some(does) = keeps_out(case, step) else { continue };
        for own in seen.logins.iter().filter(|own| is_login(seen, &own.login, step)) {
            found.insert(format!("the plan {does} `{}`, as whom enlist logs in on {}", own.login, own.host));
        }
    }
    found.into_iter().collect()
}

/// Whether a step is about this login, by its name or its number.
fn is_login(seen: &Seen, login: &str, step: &Step) -> bool {
    let number = seen.users.iter().find(|(name, _)| name == login).map(|(_, uid)| i64::from(*uid));
    let given = step.args.get("uid").and_then(Value::as_int);
    step.args.get("name").and_then(Value::as_str) == Some(login) || (number.is_some() && number == given)
}

/// What a step does to its user so that he does not come in any more, or is no administrator any more.
fn keeps_out(case: &Case, step: &Step) -> Option<&'static str> {
    let says = |argument: &str, value: &Value| step.args.get(argument) == Some(value);
    if step.module == "doors" {
        return Some("ends the sessions of");
    }
    if says("state", &"absent".into()) {
        return Some("removes");
    }
    if says("password_lock", &true.into()) {
        return Some("locks");
    }
    if let Some(Value::Float(seconds)) = step.args.get("expires")
        && (0.0..=case.now).contains(seconds)
    {
        return Some("lets end");
    }
    let shell = step.args.get("shell").and_then(Value::as_str).unwrap_or_default();
    if ["/nologin", "/false"].iter().any(|end| shell.ends_with(end)) {
        return Some("takes the shell from");
    }
    step.changes.iter().any(loses_sudo).then_some("takes the group of administrators from")
}

fn loses_sudo(change: &Change) -> bool {
    let is_member = |groups: &Value, name: &str| {
        groups.as_list().is_some_and(|all| all.iter().any(|group| group.as_str() == Some(name)))
    };
    change.fields.iter().any(|field| match field {
        FieldDiff::Value { name, before, after } if name == "groups" => {
            ADMINISTRATORS.iter().any(|group| is_member(before, group) && !is_member(after, group))
        }
        _ => false,
    })
}
