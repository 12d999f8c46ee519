//! `group`: a local group and its number.

use super::shared::accounts::{GivenId, id};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Apply, Module, Verdict, Would};
use crate::identity::databases::GROUP_ORDER;
use crate::identity::group::{WantedGroup, plan_group, remove_group};
use crate::identity::{Databases, Gid};
use crate::parameters;
use crate::parameters::{Choice, Presence};
use crate::system::System;
use crate::system::lookup::{self, LookedUp, Nss};

/// The module.
pub struct Group;

parameters! {
    /// Adds, changes or removes a group in the local account files.
    pub struct GroupParameters for "group" {
        /// Name of the group.
        name: String,
        /// Its number; users whose primary group it is follow a change.
        gid: Option<GivenId<Gid>>,
        /// Whether it shall be there.
        state: Presence = "present",
        /// Takes the number of a new group from the range for the system.
        system: bool = "no",
        /// Lets the number be another group's too.
        non_unique: bool = "no",
        /// Removes it even if it is a user's primary group.
        force: bool = "no",
        /// Looks for the group in /etc/group only, not in directories.
        local: bool = "no",
        /// Lowest number for a new group, instead of GID_MIN of login.defs.
        gid_min: Option<GivenId<Gid>>,
        /// Highest number for a new group, instead of GID_MAX of login.defs.
        gid_max: Option<GivenId<Gid>>,
    }
}

impl Module for Group {
    type Parameters = GroupParameters;

    fn works_alone(&self) -> bool {
        true
    }

    fn looks_up(&self, given: &GroupParameters) -> Vec<LookedUp> {
        let number = id(given.gid).ok().flatten().map(LookedUp::group);
        number.into_iter().chain([LookedUp::group(&given.name)]).collect()
    }

    fn check(&self, given: &GroupParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let databases = system.databases()?;
        let name = given.name.as_str();
        let is_local = databases.group.get(name).is_some();
        let elsewhere = if is_local || given.local { None } else { lookup::group(system, name)? };
        // A name of digits must not find the group with that number.
        let elsewhere = elsewhere.map(lookup::FoundEntry::into_entry).filter(|group| group.name == name);
        let after = match given.state {
            Presence::Absent if elsewhere.is_some() => return Err(not_local(name)),
            Presence::Absent => remove_group(&databases, name, given.force)?,
            Presence::Present => match elsewhere {
                Some(group) if id(given.gid)?.is_none_or(|gid| gid == group.gid) => {
                    return Ok(Verdict::Satisfied(outcome(given, Some(group.gid))));
                }
                Some(_) => return Err(not_local(name)),
                None => present(given, system, &databases)?,
            },
        };
        Ok(verdict(given, &databases, after))
    }
}

fn not_local(name: &str) -> Failure {
    Failure::new(format!("group '{name}' does not exist in /etc/group"))
        .hint("it comes from a directory (LDAP, sssd, NIS): change it there, or set `local: true` for one of this host")
}

fn present(given: &GroupParameters, system: &dyn System, databases: &Databases) -> Result<Databases, Failure> {
    let mut defaults = system.defaults()?;
    let system_group = given.system;
    for (key, limit) in [("MIN", id(given.gid_min)?), ("MAX", id(given.gid_max)?)] {
        if let Some(limit) = limit {
            defaults.set(&format!("{}GID_{key}", if system_group { "SYS_" } else { "" }), limit);
        }
    }
    let wanted = WantedGroup {
        name: given.name.clone(),
        gid: id(given.gid)?,
        non_unique: given.non_unique,
        system: system_group,
    };
    Ok(plan_group(databases, &defaults, &Nss(system), &wanted)?)
}

fn verdict(given: &GroupParameters, before: &Databases, after: Databases) -> Verdict {
    let name = given.name.as_str();
    let gid = |databases: &Databases| databases.group.get(name).map(|group| group.gid);
    let outcome = outcome(given, gid(&after));
    if *before == after {
        return Verdict::Satisfied(outcome);
    }
    let action = match (gid(before), gid(&after)) {
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ => Action::Update,
    };
    let mut changes = vec![Change::new(action, "group", name).field("gid", gid(before), gid(&after))];
    changes.extend(followers(name, before, &after));
    let edit = move |system: &mut dyn System| {
        system.set_databases(after, &GROUP_ORDER)?;
        Ok(outcome)
    };
    Verdict::Would(Would { changes, apply: Apply::Accounts { edit: Box::new(edit), after: None } })
}

/// The users whose primary gid changes with that of group `name`.
fn followers<'a>(name: &str, before: &'a Databases, after: &'a Databases) -> impl Iterator<Item = Change> + 'a {
    let gid = |databases: &Databases| databases.group.get(name).map(|group| group.gid);
    let moved = gid(before).zip(gid(after)).filter(|(old, new)| old != new);
    moved.into_iter().flat_map(move |(old, new)| {
        let users = before.passwd.with_group(old);
        users.map(move |user| Change::new(Action::Update, "user", user.name.as_str()).field("gid", old, new))
    })
}

fn outcome(given: &GroupParameters, gid: Option<Gid>) -> Outcome {
    let outcome = Outcome::new().with("name", given.name.as_str()).with("state", given.state.word());
    match gid {
        Some(gid) if given.state == Presence::Present => outcome.with("gid", gid).with("system", given.system),
        _ => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::FieldDiff;
    use crate::change::outcome::ItemResult;
    use crate::engine::AnyModule;
    use crate::system::fake::{Effect, Fake};
    use words::value::{Map, Value};

    fn run(system: &mut Fake, items: &[&[(&str, &str)]]) -> Vec<ItemResult> {
        let args = |item: &&[(&str, &str)]| -> Map {
            item.iter().map(|(key, value)| (key.to_string(), Value::from(*value))).collect()
        };
        Group.run(&items.iter().map(args).collect::<Vec<_>>(), system)
    }

    #[test]
    fn a_new_group_is_made_once() {
        let mut system = Fake::with_accounts();
        let wanted: &[(&str, &str)] = &[("name", "ai_team"), ("gid", "3001")];
        let [first] = run(&mut system, &[wanted]).try_into().unwrap();
        assert!(first.changed);
        let field = FieldDiff::Value { name: "gid".into(), before: Value::Null, after: Value::Int(3001) };
        assert_eq!(first.changes[0].fields, [field]);
        assert_eq!(first.outcome.unwrap().values["gid"], Value::Int(3001));
        assert!(system.text("/etc/group").ends_with("ai_team:x:3001:\n"));
        assert!(system.text("/etc/gshadow").ends_with("ai_team:!::\n"));
        let effects = system.effects().len();
        let [second] = run(&mut system, &[wanted]).try_into().unwrap();
        assert!(!second.changed && second.outcome.is_ok());
        assert_eq!(system.effects().len(), effects, "nothing was locked or written");
    }

    #[test]
    fn a_loop_is_one_transaction_and_one_bad_item_does_not_stop_it() {
        let mut system = Fake::with_accounts();
        let results = run(
            &mut system,
            &[&[("name", "a")], &[("name", "a;b")], &[("name", "b"), ("gid", "100")], &[("name", "c")]],
        );
        assert_eq!(results.iter().map(|r| r.changed).collect::<Vec<_>>(), [true, false, false, true]);
        let refused = results[2].outcome.as_ref().unwrap_err();
        assert_eq!(refused.msg, "GID '100' already exists: group 'users'");
        assert!(system.text("/etc/group").ends_with("a:x:1001:\nc:x:1002:\n"));
        assert_eq!(system.effects().iter().filter(|e| **e == Effect::BeginAccounts).count(), 1);
    }

    #[test]
    fn a_new_gid_takes_the_users_along() {
        let mut system = Fake::with_accounts();
        let [result] = run(&mut system, &[&[("name", "alice"), ("gid", "1500")]]).try_into().unwrap();
        let changed: Vec<_> = result.changes.iter().map(|change| change.address.to_string()).collect();
        assert_eq!(changed, ["group alice", "user alice"]);
        assert!(system.text("/etc/passwd").contains("alice:x:1000:1500:"));
    }

    #[test]
    fn a_primary_group_is_not_removed() {
        let mut system = Fake::with_accounts();
        let gone: &[(&str, &str)] = &[("name", "users"), ("state", "absent")];
        let results = run(&mut system, &[&[("name", "alice"), ("state", "absent")], gone, gone]);
        let refused = results[0].outcome.as_ref().unwrap_err();
        assert_eq!(refused.msg, "cannot remove the primary group of user 'alice'");
        assert!(results[1].changed && !results[2].changed);
        assert_eq!(system.text("/etc/group"), "root:x:0:\nalice:x:1000:\n");
    }
}
