//! `user`: a local user, its groups, password, aging, home directory and SSH key.

mod absent;
mod busy;
mod home;
mod key;
mod parameters;
mod reown;
mod report;
mod wanted;
mod workplace;

use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Apply, Module, Prepared, Verdict, Would};
use crate::identity::databases::USER_ORDER;
use crate::identity::entries::Passwd;
use crate::identity::user::plan_user;
use crate::identity::{Databases, Defaults, LocalAccount};
use crate::modules::shared::accounts::id;
use crate::parameters::Presence;
use crate::system::lookup::{self, LookedUp, Nss};
use crate::system::{Command, System, SystemError};
use home::Homes;
use key::NewKey;
use parameters::UserParameters;

/// The module.
pub struct User;

impl Module for User {
    type Parameters = UserParameters;

    fn works_alone(&self) -> bool {
        true
    }

    fn removes(&self, given: &UserParameters) -> bool {
        given.state == Presence::Absent
    }

    fn looks_up(&self, given: &UserParameters) -> Vec<LookedUp> {
        let uid = id(given.uid).ok().flatten();
        let mut all = vec![LookedUp::user(&given.name)];
        all.extend(uid.map(LookedUp::user));
        match &given.group {
            Some(group) => all.push(LookedUp::group(group)),
            // One of its own, which gets the same name and number if it can.
            None => all.extend([Some(LookedUp::group(&given.name)), uid.map(LookedUp::group)].into_iter().flatten()),
        }
        all.extend(given.groups.iter().flatten().map(LookedUp::group));
        all
    }

    fn check(&self, given: &UserParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let databases = system.databases()?;
        let name = given.name.as_str();
        if databases.passwd.get(name).is_none() && !given.local {
            // A name of digits must not find the user with that number.
            if let Some(user) = Nss(system).passwd(name).known()?.filter(|user| user.name == name) {
                return elsewhere(given, system, &user);
            }
        }
        match given.state {
            Presence::Absent => absent::check(given, system, &databases),
            Presence::Present => present(given, system, databases),
        }
    }
}

/// A user of a directory is right or not; it cannot be changed here.
fn elsewhere(given: &UserParameters, system: &dyn System, user: &Passwd) -> Result<Verdict, Failure> {
    let wanted = wanted::from(given)?;
    let gid = match &wanted.group {
        Some(group) => lookup::group(system, group)?.map(|group| group.into_entry().gid),
        None => Some(user.gid),
    };
    let as_wanted = wanted.uid.is_none_or(|uid| uid == user.uid)
        && gid == Some(user.gid)
        && wanted.home.is_none_or(|home| home == user.home)
        && wanted.shell.is_none_or(|shell| shell == user.shell)
        && wanted.comment.is_none_or(|comment| comment == user.comment());
    if given.state == Presence::Present && as_wanted {
        Ok(Verdict::Satisfied(report::of_user(given, user)))
    } else {
        Err(Failure::new(format!("user '{}' does not exist in /etc/passwd", user.name))
            .hint("it comes from a directory (LDAP, sssd, NIS): change it there"))
    }
}

/// What remains to be done when the databases are written.
struct Rest {
    homes: Homes,
    key: Option<NewKey>,
    /// SELinux user of a new account; a home that is still to be made tells that it may not have got it.
    seuser: Option<String>,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.homes.is_empty() && self.key.is_none()
    }

    /// All but the names of what is new, and the key, which goes into the home.
    fn prepare(self, system: &mut dyn System, mut outcome: Outcome, name: &str) -> Result<Prepared, Failure> {
        if let Some(seuser) = &self.seuser {
            let command = Command::new(["semanage", "login", "-a", "-s", seuser, "--", name]);
            must_succeed("map the SELinux user", system.run(&command))?;
        }
        let (warnings, made) = self.homes.prepare(system)?;
        outcome.warnings.extend(warnings);
        let key = self.key;
        let finish = move |system: &mut dyn System, outcome| {
            made.map_or(Ok(()), |made| made.name(system))?;
            match key {
                Some(key) => key.make(system, outcome),
                None => Ok(outcome),
            }
        };
        Ok(Prepared { outcome, finish: Box::new(finish) })
    }

    fn run(self, system: &mut dyn System, outcome: Outcome, name: &str) -> Result<Outcome, Failure> {
        let Prepared { outcome, finish } = self.prepare(system, outcome, name)?;
        system.make_durable()?;
        finish(system, outcome)
    }
}

/// Turns a failed program into a failure; a dry run does not know, and goes on.
fn must_succeed(doing: &str, ran: crate::system::Result<crate::system::ProgramOutput>) -> Result<(), Failure> {
    match ran {
        Err(SystemError::Unknown(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(output) if output.code == 0 => Ok(()),
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Failure::new(format!("cannot {doing}: {stderr}")).with("rc", output.code).with("stderr", stderr))
        }
    }
}

fn present(given: &UserParameters, system: &dyn System, databases: Databases) -> Result<Verdict, Failure> {
    let wanted = wanted::from(given)?;
    let defaults = wanted::defaults(given, system.defaults()?)?;
    let after = plan_user(&databases, &defaults, &Nss(system), &wanted)?;
    let old = LocalAccount::find(&databases, &Nss(system), &wanted.name);
    let new = LocalAccount::find(&after, &Nss(system), &wanted.name).expect("plan_user makes it");
    refuse_if_busy(system, old.as_ref(), &new)?;
    let rest = rest(given, system, &defaults, old.as_ref(), &new)?;
    let mut outcome = report::outcome(given, old.as_ref(), &new);
    outcome.warnings.extend(wanted::warnings(given, old.as_ref()));
    outcome.warnings.extend(rest.homes.note());
    key::report_existing(given, system, &new, &mut outcome)?;
    if databases == after && rest.is_empty() {
        return Ok(Verdict::Satisfied(outcome));
    }
    let changes = vec![change(given, old.as_ref(), &new, &rest)];
    let name = wanted.name;
    let mark = rest.homes.mark();
    let apply = if databases == after {
        Apply::Now(Box::new(move |system| rest.run(system, outcome, &name)))
    } else {
        Apply::Accounts {
            edit: Box::new(move |system| {
                mark(system)?;
                system.set_databases(after, &USER_ORDER)?;
                Ok(outcome)
            }),
            after: Some(Box::new(move |system, outcome| rest.prepare(system, outcome, &name))),
        }
    };
    Ok(Verdict::Would(Would { changes, apply }))
}

fn refuse_if_busy(system: &dyn System, old: Option<&LocalAccount>, new: &LocalAccount) -> Result<(), Failure> {
    let Some(old) = old.filter(|old| old.passwd.uid != new.passwd.uid || old.passwd.home != new.passwd.home) else {
        return Ok(());
    };
    busy::refuse(system, &old.passwd)
}

fn rest(
    given: &UserParameters,
    system: &dyn System,
    defaults: &Defaults,
    old: Option<&LocalAccount>,
    new: &LocalAccount,
) -> Result<Rest, Failure> {
    let homes = home::plan(given, system, defaults, old, new)?;
    Ok(Rest {
        key: key::plan(given, system, new)?,
        seuser: given.seuser.clone().filter(|_| old.is_none() || homes.makes_home()),
        homes,
    })
}

fn change(given: &UserParameters, old: Option<&LocalAccount>, new: &LocalAccount, rest: &Rest) -> Change {
    let action = if old.is_some() { Action::Update } else { Action::Create };
    let change = Change::new(action, "user", &new.passwd.name);
    let change = report::add_fields(change, old, Some(new), given.password.is_some());
    let change = rest.homes.add_fields(change);
    match &rest.key {
        Some(key) => change.field("SSH key", words::value::Value::Null, key.path.to_string_lossy().into_owned()),
        None => change,
    }
}

#[cfg(test)]
mod tests;
