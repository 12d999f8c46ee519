//! From a roster to module items, in the order in which they must run.

use super::Host;
use crate::change::plan::Phase;
use crate::roster::limits::Limit;
use crate::roster::{Account, Expiry, Member, Roster, State, User, Written};
use crate::value::{Map, Value};
use jiff::civil::Date;

/// One module over several items: one round trip, and for account modules one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// When it runs.
    pub phase: Phase,
    /// The module's short name.
    pub module: &'static str,
    /// Its arguments, one map an item.
    pub items: Vec<Map>,
}

/// What `roster` asks of `host`, in order; batches without items are left out.
pub fn batches(roster: &Roster, host: &Host) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut add = |phase, module, items: Vec<Map>| {
        if !items.is_empty() {
            batches.push(Batch { phase, module, items });
        }
    };
    if host.accounts {
        add(Phase::Accounts, "group", groups(roster, State::Present));
        add(Phase::Accounts, "user", users(roster, State::Present));
        add(Phase::Accounts, "authorized_key", keys(roster, State::Present));
    }
    if host.scheduler {
        add(Phase::Scheduler, "slurm_qos", qos(roster, State::Present));
        add(Phase::Scheduler, "slurm_account", accounts(roster));
        add(Phase::Scheduler, "slurm_user", members(roster, State::Present));
        add(Phase::Scheduler, "slurm_association", places(roster, State::Present));
        add(Phase::Scheduler, "slurm_user", default_accounts(roster));
        add(Phase::Scheduler, "slurm_coordinator", coordinators(roster, State::Present));
        add(Phase::SchedulerRemovals, "slurm_coordinator", coordinators(roster, State::Absent));
        add(Phase::SchedulerRemovals, "slurm_association", places(roster, State::Absent));
        add(Phase::SchedulerRemovals, "slurm_user", [members(roster, State::Absent), leavers(roster)].concat());
        add(Phase::SchedulerRemovals, "slurm_account", absent_accounts(roster));
        add(Phase::SchedulerRemovals, "slurm_qos", qos(roster, State::Absent));
    }
    if host.accounts {
        add(Phase::AccountRemovals, "authorized_key", keys(roster, State::Absent));
        add(Phase::AccountRemovals, "user", users(roster, State::Absent));
        add(Phase::AccountRemovals, "group", groups(roster, State::Absent));
    }
    batches
}

/// An item: a name, a state, and what is set of the rest. What is not set is left alone.
fn item(name: &str, state: State, rest: impl IntoIterator<Item = (&'static str, Value)>) -> Map {
    let state = if state == State::Present { "present" } else { "absent" };
    let mut map: Map = [("name".to_owned(), name.into())].into_iter().collect();
    map.extend(rest.into_iter().filter(|(_, value)| *value != Value::Null).map(|(key, value)| (key.to_owned(), value)));
    map.insert("state".into(), state.into());
    map
}

fn text(written: &Option<Written<String>>) -> Value {
    written.as_ref().map(|text| text.value.clone()).into()
}

fn groups(roster: &Roster, state: State) -> Vec<Map> {
    let groups = roster.groups.iter().filter(|group| group.state == state);
    groups
        .map(|group| {
            let gid = (state == State::Present).then_some(*group.gid);
            item(&group.name, state, [("gid", gid.into())])
        })
        .collect()
}

fn users(roster: &Roster, state: State) -> Vec<Map> {
    roster.users.iter().filter(|user| user.state == state).map(user).collect()
}

fn user(user: &User) -> Map {
    if user.state == State::Absent {
        return item(&user.name, State::Absent, []);
    }
    let groups: Vec<Value> = user.groups.iter().map(|group| group.value.clone().into()).collect();
    let append = (!user.only_groups && !groups.is_empty()).then_some(true);
    let groups = if groups.is_empty() && !user.only_groups { Value::Null } else { groups.into() };
    let rest = [
        ("uid", (*user.uid).into()),
        ("group", user.group.value.clone().into()),
        ("groups", groups),
        ("append", append.into()),
        ("shell", text(&user.shell)),
        ("home", text(&user.home)),
        ("comment", text(&user.comment)),
        ("password_lock", user.locked.into()),
        ("expires", expires(user).into()),
    ];
    item(&user.name, State::Present, rest)
}

/// The module's `expires`: seconds since 1970, or negative for never. A locked password still lets keys in; an account
/// that expired long ago lets nobody in, so who is locked is both.
fn expires(user: &User) -> Option<f64> {
    const LONG_AGO: f64 = 86400.0;
    const NEVER: f64 = -1.0;
    let day = |day: Date| day.duration_since(Date::constant(1970, 1, 1)).as_secs_f64();
    match (user.locked, user.expires) {
        (Some(true), _) => Some(LONG_AGO),
        (_, Some(Expiry::On(date))) => Some(day(date)),
        (_, Some(Expiry::Never)) | (Some(false), None) => Some(NEVER),
        (None, None) => None,
    }
}

fn keys(roster: &Roster, state: State) -> Vec<Map> {
    let present = roster.users.iter().filter(|user| user.state == State::Present);
    present
        .flat_map(|user| {
            let keys = user.keys.iter().filter(move |key| key.state == state);
            keys.map(|key| {
                let mut map = item("", state, [("key", key.line.value.clone().into())]);
                map.shift_remove("name");
                map.insert("user".into(), user.name.value.clone().into());
                map
            })
        })
        .collect()
}

/// Accounts to be there, parents before children.
fn accounts(roster: &Roster) -> Vec<Map> {
    let mut present: Vec<_> = roster.accounts.iter().filter(|account| account.state == State::Present).collect();
    present.sort_by_key(|account| depth(roster, account));
    present
        .into_iter()
        .map(|account| {
            let rest = [
                ("parent", text(&account.parent)),
                ("description", text(&account.description)),
                ("organization", text(&account.organization)),
                ("limits", limits(&account.limits)),
            ];
            item(&account.name, State::Present, rest)
        })
        .collect()
}

/// How many of the roster's accounts are above this one. The roster's checks have refused cycles.
fn depth(roster: &Roster, account: &Account) -> usize {
    let above = |account: &Account| account.parent.as_ref().and_then(|parent| roster.account(parent));
    std::iter::successors(above(account), |account| above(account)).take(roster.accounts.len()).count()
}

fn absent_accounts(roster: &Roster) -> Vec<Map> {
    let mut absent: Vec<_> = roster.accounts.iter().filter(|account| account.state == State::Absent).collect();
    absent.sort_by_key(|account| std::cmp::Reverse(depth(roster, account)));
    absent.into_iter().map(|account| item(&account.name, State::Absent, [])).collect()
}

/// Users in accounts: those to be there, or those to be taken out of one account.
fn members(roster: &Roster, state: State) -> Vec<Map> {
    let stays = |member: &Member| roster.user(&member.user).is_some_and(|user| user.state == State::Present);
    let mut items = Vec::new();
    for account in roster.accounts.iter().filter(|account| account.state == State::Present) {
        for member in account.users.iter().filter(|member| member.state == state && stays(member)) {
            let limits = if state == State::Present { limits(&member.limits) } else { Value::Null };
            items.push(item(&member.user, state, [("account", account.name.value.clone().into()), ("limits", limits)]));
        }
    }
    items
}

/// The accounts that stay, with their members who stay and are in it.
fn staying(roster: &Roster) -> impl Iterator<Item = (&Account, &Member)> {
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    let all = present.flat_map(|account| account.users.iter().map(move |member| (account, member)));
    all.filter(|(_, member)| {
        member.state == State::Present && roster.user(&member.user).is_some_and(|user| user.state == State::Present)
    })
}

/// Associations for one partition.
fn places(roster: &Roster, state: State) -> Vec<Map> {
    let all = staying(roster).flat_map(|(account, member)| member.partitions.iter().map(move |p| (account, member, p)));
    all.filter(|(_, _, place)| place.state == state)
        .map(|(account, member, place)| {
            let limits = if state == State::Present { limits(&place.limits) } else { Value::Null };
            let rest = [("partition", place.partition.value.clone().into()), ("limits", limits)];
            in_account(account, &member.user, state, rest)
        })
        .collect()
}

fn coordinators(roster: &Roster, state: State) -> Vec<Map> {
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    let all = present.flat_map(|account| account.coordinators.iter().map(move |coordinator| (account, coordinator)));
    let stays = |name: &str| roster.user(name).is_some_and(|user| user.state == State::Present);
    all.filter(|(_, coordinator)| coordinator.state == state && stays(&coordinator.user))
        .map(|(account, coordinator)| in_account(account, &coordinator.user, state, []))
        .collect()
}

/// An item that says `account` and `user`.
fn in_account<const N: usize>(
    account: &Account,
    user: &Written<String>,
    state: State,
    rest: [(&'static str, Value); N],
) -> Map {
    let mut map =
        item("", state, [("account", account.name.value.clone().into()), ("user", user.value.clone().into())]);
    map.shift_remove("name");
    map.extend(rest.into_iter().filter(|(_, value)| *value != Value::Null).map(|(key, value)| (key.to_owned(), value)));
    map
}

fn qos(roster: &Roster, state: State) -> Vec<Map> {
    let all = roster.qos.iter().filter(|qos| qos.state == state);
    all.map(|qos| match state {
        State::Present => {
            item(&qos.name, state, [("description", text(&qos.description)), ("limits", limits(&qos.limits))])
        }
        State::Absent => item(&qos.name, state, []),
    })
    .collect()
}

/// Default accounts, once all associations are there.
fn default_accounts(roster: &Roster) -> Vec<Map> {
    let present = roster.users.iter().filter(|user| user.state == State::Present && user.default_account.is_some());
    present.map(|user| item(&user.name, State::Present, [("default_account", text(&user.default_account))])).collect()
}

/// Absent users lose all their associations.
fn leavers(roster: &Roster) -> Vec<Map> {
    match roster.scheduler {
        Some(_) => roster
            .users
            .iter()
            .filter(|user| user.state == State::Absent)
            .map(|user| item(&user.name, State::Absent, []))
            .collect(),
        None => Vec::new(),
    }
}

fn limits(limits: &[Limit]) -> Value {
    match limits.is_empty() {
        true => Value::Null,
        false => limits.iter().map(|limit| (limit.name, limit.value.value.clone().into())).collect(),
    }
}
