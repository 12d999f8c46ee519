//! `state: absent`.

use super::parameters::UserParameters;
use super::workplace::{Workplace, remove_home};
use super::{busy, report};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Apply, Verdict, Would};
use crate::identity::databases::REMOVAL_ORDER;
use crate::identity::user::{finish_removal, remove_user};
use crate::identity::{Databases, Defaults, LocalAccount};
use crate::system::lookup::Nss;
use crate::system::{FileKind, System};
use std::path::{Path, PathBuf};
use words::value::Value;

pub(super) fn check(given: &UserParameters, system: &dyn System, databases: &Databases) -> Result<Verdict, Failure> {
    let name = given.name.as_str();
    let outcome = Outcome::new().with("name", name).with("state", "absent");
    let defaults = system.defaults()?;
    let Some(account) = LocalAccount::find(databases, &Nss(system), name) else {
        return remains(name, databases, &defaults, outcome);
    };
    let (force, remove) = (given.force, given.remove);
    if !force {
        busy::refuse(system, &account.passwd)?;
    }
    let (after, notes) = remove_user(databases, &defaults, name, force)?;
    let mut outcome = outcome.with("force", force).with("remove", remove);
    outcome.warnings.extend(notes);
    let files = if remove {
        files_to_remove(system, databases, &defaults, &account, force, &mut outcome)?
    } else {
        Files::default()
    };
    let mut change = report::add_fields(Change::new(Action::Delete, "user", name), Some(&account), None, false);
    if databases.group.get(name).is_some() && after.group.get(name).is_none() {
        change = change.field("own group", name, Value::Null);
    }
    for path in files.paths() {
        change = change.field("files", path.display().to_string(), Value::Null);
    }
    // The account goes last: by it, a later run knows what files of whom are still there.
    let has_none = files.paths().next().is_none();
    let apply = if has_none {
        accounts(after, outcome)
    } else {
        Apply::First(Box::new(move |system| files.remove(system).map(|()| outcome)))
    };
    Ok(Verdict::Would(Would { changes: vec![change], apply }))
}

fn accounts(after: Databases, outcome: Outcome) -> Apply {
    let edit = move |system: &mut dyn System| {
        system.set_databases(after, &REMOVAL_ORDER)?;
        Ok(outcome)
    };
    Apply::Accounts { edit: Box::new(edit), after: None }
}

/// A user who is not there, but a run that was cut off left lines of.
fn remains(name: &str, databases: &Databases, defaults: &Defaults, outcome: Outcome) -> Result<Verdict, Failure> {
    let after = finish_removal(databases, defaults, name)?;
    if after == *databases {
        return Ok(Verdict::Satisfied(outcome));
    }
    let change = Change::new(Action::Delete, "user", name);
    let change = change.field("left by a run that was cut off", "lines in the account files", Value::Null);
    Ok(Verdict::Would(Would { changes: vec![change], apply: accounts(after, outcome) }))
}

/// The files that go with a user.
#[derive(Default)]
struct Files {
    home: Option<PathBuf>,
    /// What a run that was cut off left of the home.
    left: Option<Workplace>,
    spool: Option<PathBuf>,
}

impl Files {
    /// What goes, for people.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [self.home.as_deref(), self.left.as_ref().map(Workplace::path), self.spool.as_deref()].into_iter().flatten()
    }

    fn remove(self, system: &mut dyn System) -> Result<(), Failure> {
        if let Some(home) = &self.home {
            remove_home(system, home)?;
        }
        if let Some(left) = &self.left {
            left.close(system)?;
        }
        match &self.spool {
            Some(spool) => Ok(system.remove(spool)?),
            None => Ok(()),
        }
    }
}

/// The home and mail spool, as far as they are the user's alone; what stays gets a warning.
fn files_to_remove(
    system: &dyn System,
    databases: &Databases,
    defaults: &Defaults,
    account: &LocalAccount,
    force: bool,
    outcome: &mut Outcome,
) -> Result<Files, Failure> {
    let user = &account.passwd;
    let home = &user.home_path();
    let mut files = Files { left: Workplace::left(home, system)?, ..Files::default() };
    let keep = match system.stat(home, false)? {
        None if files.left.is_some() => None,
        None => Some(format!("home directory {} is not there", user.home)),
        Some(stat) if stat.kind != FileKind::Directory => Some(format!("{} is not a directory, kept", user.home)),
        Some(stat) if stat.uid != user.uid && !force => {
            Some(format!("{} is not owned by {}, kept", user.home, user.name))
        }
        Some(_) if home.components().count() < 2 => Some(format!("{} is never removed", user.home)),
        Some(_) => match shared_with(databases, account) {
            Some(other) => Some(format!("{} is also the home of {other}, kept", user.home)),
            None => {
                files.home = Some(home.to_owned());
                None
            }
        },
    };
    outcome.warnings.extend(keep);
    let spool = Path::new(defaults.mail_directory().unwrap_or("/var/mail")).join(&user.name);
    match system.stat(&spool, false)? {
        Some(stat) if stat.kind == FileKind::Directory => {
            outcome.warnings.push(format!("{} is a directory, kept", spool.display()));
        }
        Some(stat) if stat.uid == user.uid || force => files.spool = Some(spool),
        Some(_) => outcome.warnings.push(format!("{} is not owned by {}, kept", spool.display(), user.name)),
        None => {}
    }
    Ok(files)
}

/// Another user whose home is this one, or within it.
fn shared_with(databases: &Databases, account: &LocalAccount) -> Option<String> {
    let home = account.passwd.home.as_str();
    // By text first: comparing paths part by part is slow.
    let others = databases.passwd.entries().filter(|other| other.home.starts_with(home) || other.home.contains("//"));
    let mut others = others.filter(|other| other.name != account.passwd.name);
    others.find(|other| Path::new(&other.home).starts_with(home)).map(|other| other.name.clone())
}
