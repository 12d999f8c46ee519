//! `state: absent`.

use super::{busy, report};
use crate::change::{Action, Change};
use crate::identity::databases::USER_ORDER;
use crate::identity::user::remove_user;
use crate::identity::{Account, Databases, Defaults};
use crate::modules::accounts::save;
use crate::modules::{Apply, Args, Failure, Outcome, Verdict, Would};
use crate::system::lookup::{self, Nss};
use crate::system::{FileKind, System};
use crate::value::Value;
use std::path::{Path, PathBuf};

pub(super) fn check(args: &Args, system: &dyn System, databases: &Databases) -> Result<Verdict, Failure> {
    let name = args.text("name");
    let outcome = Outcome::new().with("name", name).with("state", "absent");
    let Some(account) = Account::find(databases, &Nss(system), name) else { return Ok(Verdict::Satisfied(outcome)) };
    let (force, remove) = (args.flag("force"), args.flag("remove"));
    if !force {
        busy::refuse(system, &account.passwd)?;
    }
    let defaults = lookup::defaults(system)?;
    let (after, notes) = remove_user(databases, &defaults, name, force)?;
    let mut outcome = outcome.with("force", force).with("remove", remove);
    outcome.warnings.extend(notes);
    let gone = match remove {
        true => files_to_remove(system, databases, &defaults, &account, force, &mut outcome)?,
        false => Vec::new(),
    };
    let mut change = report::add_fields(Change::new(Action::Delete, "user", name), Some(&account), None, false);
    if databases.group.get(name).is_some() && after.group.get(name).is_none() {
        change = change.field("own group", name, Value::Null);
    }
    for path in &gone {
        change = change.field("files", path.display().to_string(), Value::Null);
    }
    let edit = move |system: &mut dyn System| save(system, &after, &USER_ORDER).map(|()| outcome);
    let after = move |system: &mut dyn System, outcome| remove_files(system, &gone).map(|()| outcome);
    let apply = Apply::Accounts { edit: Box::new(edit), after: Some(Box::new(after)) };
    Ok(Verdict::Would(Would { changes: vec![change], apply }))
}

/// The home and mail spool, as far as they are the user's alone; what stays gets a warning.
fn files_to_remove(
    system: &dyn System,
    databases: &Databases,
    defaults: &Defaults,
    account: &Account,
    force: bool,
    outcome: &mut Outcome,
) -> Result<Vec<PathBuf>, Failure> {
    let user = &account.passwd;
    let mut gone = Vec::new();
    let home = Path::new(&user.home);
    let keep = match system.stat(home, false)? {
        None => Some(format!("home directory {} is not there", user.home)),
        Some(stat) if stat.kind != FileKind::Directory => Some(format!("{} is not a directory, kept", user.home)),
        Some(stat) if stat.uid != user.uid && !force => {
            Some(format!("{} is not owned by {}, kept", user.home, user.name))
        }
        Some(_) if home.components().count() < 2 => Some(format!("{} is never removed", user.home)),
        Some(_) => {
            shared_with(databases, account).map(|other| format!("{} is also the home of {other}, kept", user.home))
        }
    };
    match keep {
        Some(why) => outcome.warnings.push(why),
        None => gone.push(home.to_owned()),
    }
    let spool = Path::new(defaults.mail_directory().unwrap_or("/var/mail")).join(&user.name);
    if let Some(stat) = system.stat(&spool, false)? {
        match stat.uid == user.uid || force {
            true => gone.push(spool),
            false => outcome.warnings.push(format!("{} is not owned by {}, kept", spool.display(), user.name)),
        }
    }
    Ok(gone)
}

/// Another user whose home is this one, or within it.
fn shared_with(databases: &Databases, account: &Account) -> Option<String> {
    let others = databases.passwd.entries().filter(|other| other.name != account.passwd.name);
    others.filter(|other| Path::new(&other.home).starts_with(&account.passwd.home)).map(|other| other.name).next()
}

fn remove_files(system: &mut dyn System, paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        match system.stat(path, false)? {
            Some(stat) if stat.kind == FileKind::Directory => system.remove_tree(path)?,
            Some(_) => system.remove(path)?,
            None => {}
        }
    }
    Ok(())
}
