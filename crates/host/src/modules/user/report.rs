//! What is said about a user: return values and fields of a change. Never a hash.

use super::parameters::UserParameters;
use crate::change::Change;
use crate::change::outcome::Outcome;
use crate::identity::entries::{Passwd, Shadow};
use crate::identity::{LocalAccount, date};
use crate::parameters::Choice;
use words::value::Value;

/// Return values for a user as it is, or will be.
pub(super) fn outcome(given: &UserParameters, old: Option<&LocalAccount>, new: &LocalAccount) -> Outcome {
    let outcome = of_user(given, &new.passwd);
    match old {
        Some(_) => outcome.with("append", given.append).with("move_home", given.move_home),
        None => outcome.with("create_home", given.create_home).with("system", given.system),
    }
}

/// Return values that any user has.
pub(super) fn of_user(given: &UserParameters, user: &Passwd) -> Outcome {
    let outcome = Outcome::new()
        .with("name", user.name.as_str())
        .with("state", given.state.word())
        .with("uid", user.uid)
        .with("group", user.gid)
        .with("comment", user.comment())
        .with("home", user.home.as_str())
        .with("shell", user.shell.as_str());
    let outcome = match &given.groups {
        Some(groups) => outcome.with("groups", groups.join(",")),
        None => outcome,
    };
    match given.password {
        Some(_) => outcome.with("password", "NOT_LOGGING_PASSWORD"),
        None => outcome,
    }
}

/// Every field that differs, in the order people read it.
pub(super) fn add_fields(
    change: Change,
    old: Option<&LocalAccount>,
    new: Option<&LocalAccount>,
    password_given: bool,
) -> Change {
    let passwd = |get: fn(&Passwd) -> Value| move |account: &LocalAccount| get(&account.passwd);
    let change = add(change, "uid", old, new, passwd(|user| user.uid.into()));
    let change = add(change, "group", old, new, |account| format!("{} ({})", account.group, account.passwd.gid).into());
    let change = add(change, "groups", old, new, |account| {
        Value::List(account.groups.iter().map(|group| group.as_str().into()).collect())
    });
    let change = add(change, "comment", old, new, passwd(|user| user.comment().into()));
    let change = add(change, "home", old, new, passwd(|user| user.home.as_str().into()));
    let change = add(change, "shell", old, new, passwd(|user| user.shell.as_str().into()));
    let change = add_password(change, old, new, password_given);
    let shadow =
        |get: fn(&Shadow) -> Value| move |account: &LocalAccount| account.shadow.as_ref().map(get).unwrap_or_default();
    let change = add(change, "expires", old, new, shadow(|shadow| shadow.expire.map(date).into()));
    let change = add(change, "password_expire_min", old, new, shadow(|shadow| shadow.min.into()));
    let change = add(change, "password_expire_max", old, new, shadow(|shadow| shadow.max.into()));
    let change = add(change, "password_expire_warn", old, new, shadow(|shadow| shadow.warn.into()));
    add(change, "password_expire_account_disable", old, new, shadow(|shadow| shadow.inactive.into()))
}

fn add(
    change: Change,
    name: &str,
    old: Option<&LocalAccount>,
    new: Option<&LocalAccount>,
    get: impl Fn(&LocalAccount) -> Value,
) -> Change {
    // An empty list or text of a user that is not there is nothing worth a line.
    let side = |account: Option<&LocalAccount>, other: Option<&LocalAccount>| match account.map(&get) {
        Some(value) if other.is_none() && !value.is_truthy() && !matches!(value, Value::Int(_)) => Value::Null,
        Some(value) => value,
        None => Value::Null,
    };
    change.field(name, side(old, new), side(new, old))
}

fn add_password(change: Change, old: Option<&LocalAccount>, new: Option<&LocalAccount>, given: bool) -> Change {
    let Some(new) = new else { return change };
    let core = |account: &LocalAccount| account.hash().trim_start_matches('!').to_owned();
    match old {
        None if given => change.opaque("password", "set").field("locked", Value::Null, new.is_locked()),
        None => change.opaque("password", "no login by password"),
        Some(old) => {
            let change = if core(old) == core(new) { change } else { change.opaque("password", "changed") };
            change.field("locked", old.is_locked(), new.is_locked())
        }
    }
}
