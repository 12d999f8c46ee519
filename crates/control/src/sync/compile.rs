//! From a roster to module items, in the order in which they must run.

use super::{Host, Way};
use crate::plan::Phase;
use crate::plan::vocabulary::{self as calls, Call};
use crate::roster::limits::Limit;
use crate::roster::{
    Account, Expiry, FirstPassword, Key, Member, PersonState, Roster, State, SudoRight, User, Written,
};
use host::books::JobsOfLeavers;
use host::modules::slurm::jobs::STOPPING;
use jiff::civil::Date;
use std::collections::{HashMap, HashSet};
use words::value::{Map, Value};

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
    let mut add = |call: &Call, items: Vec<Map>| {
        if !items.is_empty() {
            batches.push(Batch { phase: call.phase, module: call.module, items });
        }
    };
    if host.accounts {
        add(&calls::GROUP, groups(roster));
        add(&calls::USER, users(roster, host));
        add(&calls::ADD_KEY, keys(roster, State::Present));
    }
    if host.has_people() {
        add(&calls::ADD_SUDO, sudo_rules(roster));
    }
    if host.scheduler {
        add(&calls::QOS, qos(roster));
        add(&calls::ACCOUNT, accounts(roster));
        add(&calls::MEMBER, members(roster));
        add(&calls::MEMBER_PLACE, places(roster, State::Present));
        add(&calls::DEFAULT_ACCOUNT, default_accounts(roster));
        add(&calls::ADD_COORDINATOR, coordinators(roster, State::Present));
        add(&calls::OPEN_JOBS, readmitted(roster));
        add(&calls::STOP_JOBS, stopped_jobs(roster));
        add(&calls::REMOVE_COORDINATOR, coordinators(roster, State::Absent));
        add(&calls::LEAVE_PLACE, places(roster, State::Absent));
        add(&calls::LEAVE, [former_members(roster), leavers(roster)].concat());
        add(&calls::REMOVE_ACCOUNT, absent_accounts(roster));
        add(&calls::REMOVE_QOS, absent_qos(roster));
    }
    if host.has_people() {
        add(&calls::SHUT_DOORS, doors(roster));
        add(&calls::REMOVE_SUDO, former_sudo_rules(roster));
    }
    if host.accounts {
        add(&calls::REMOVE_KEY, keys(roster, State::Absent));
        add(&calls::REMOVE_USER, absent_users(roster));
        add(&calls::REMOVE_GROUP, absent_groups(roster));
    }
    batches
}

/// What is asked for a leaver who cannot be removed yet: he is kept out meanwhile.
pub fn lock(name: &str) -> Map {
    calls::LOCK.with([("name", name.into()), ("password_lock", true.into()), ("expires", LONG_AGO.into())])
}

fn text(written: &Option<Written<String>>) -> Value {
    written.as_ref().map(|text| text.value.clone()).into()
}

fn name(written: &Written<String>) -> (&'static str, Value) {
    ("name", written.value.clone().into())
}

fn groups(roster: &Roster) -> Vec<Map> {
    let present = roster.groups.iter().filter(|group| group.state == State::Present);
    present.map(|group| calls::GROUP.with([name(&group.name), ("gid", (*group.gid).into())])).collect()
}

fn absent_groups(roster: &Roster) -> Vec<Map> {
    let absent = roster.groups.iter().filter(|group| group.state == State::Absent);
    absent.map(|group| calls::REMOVE_GROUP.with([name(&group.name)])).collect()
}

fn users(roster: &Roster, host: &Host) -> Vec<Map> {
    let here = roster.users.iter().filter(|user| user.standing.has_account());
    let call = |person| match host.way {
        Ok(Way::Directory(_)) => with_first_day(user(person), person),
        Ok(Way::Nis(_)) => without_password(user(person)),
        _ => user(person),
    };
    here.map(call).collect()
}

/// Every client can read what is in a map.
fn without_password(mut call: Map) -> Map {
    call.retain(|name, _| !["password", "update_password"].contains(&name.as_str()));
    call
}

/// A directory has a place for the first day; a host is told nothing of somebody before it.
fn with_first_day(mut call: Map, person: &User) -> Map {
    let starts = person.tenure.starts.as_ref().filter(|_| person.standing.locks() != Some(true));
    call.extend(starts.map(|starts| ("starts".to_owned(), seconds(starts.value).into())));
    call
}

/// Who is not yet here: locked where there is an account already, and made nowhere.
pub(super) fn upcoming(roster: &Roster) -> impl Iterator<Item = &str> {
    let upcoming = roster.users.iter().filter(|user| user.standing == PersonState::Upcoming);
    upcoming.map(|user| user.name.as_str())
}

fn sudo_rules(roster: &Roster) -> Vec<Map> {
    let here = roster.users.iter().filter(|user| user.standing.belongs());
    let rules = here.filter_map(|user| match user.sudo.as_ref()? {
        SudoRight::Rule(rule) => Some(calls::ADD_SUDO.with([name(&user.name), ("rule", rule.as_str().into())])),
        SudoRight::None => None,
    });
    rules.collect()
}

/// A rule goes with the person, and where the roster says `none`.
fn former_sudo_rules(roster: &Roster) -> Vec<Map> {
    let is_former = |user: &&User| user.standing.is_for_good() || user.sudo == Some(SudoRight::None);
    roster.users.iter().filter(is_former).map(|user| calls::REMOVE_SUDO.with([name(&user.name)])).collect()
}

fn absent_users(roster: &Roster) -> Vec<Map> {
    let absent = roster.users.iter().filter(|user| user.standing == PersonState::Absent);
    absent.map(|user| calls::REMOVE_USER.with([name(&user.name)])).collect()
}

fn user(user: &User) -> Map {
    let belongs = user.standing.belongs();
    let groups = user.groups.iter().filter(|_| belongs);
    let groups: Vec<Value> = groups.map(|group| group.value.clone().into()).collect();
    let only_these = user.only_groups || !belongs;
    let append = (!only_these && !groups.is_empty()).then_some(true);
    let groups = if groups.is_empty() && !only_these { Value::Null } else { groups.into() };
    let password = match &user.password {
        None => Value::Null,
        Some(FirstPassword::None) => "*".into(),
        Some(FirstPassword::Hash(hash)) => hash.as_str().into(),
    };
    // Whoever has a password of his own keeps it.
    let is_first = user.password.is_some().then(|| "on_create".to_owned());
    calls::USER.with([
        name(&user.name),
        ("uid", (*user.uid).into()),
        ("group", user.group.value.clone().into()),
        ("groups", groups),
        ("append", append.into()),
        ("shell", text(&user.shell)),
        ("home", text(&user.home)),
        ("comment", text(&user.comment)),
        ("password", password),
        ("update_password", is_first.into()),
        ("password_lock", user.standing.locks().into()),
        ("expires", expires(user).into()),
    ])
}

/// The first day on which shadow(5) knows an account to be expired: it warns of day 0.
const LONG_AGO: f64 = 86400.0;

/// The beginning of a day (UTC) in seconds since 1970; long ago, where it was before.
fn seconds(day: Date) -> f64 {
    day.duration_since(Date::constant(1970, 1, 1)).as_secs_f64().max(LONG_AGO)
}

/// The module's `expires`: seconds since 1970, or negative for never. A locked password still lets keys in; an account
/// that expired long ago lets nobody in, so who is locked is both. A day before 1970 is long ago, too.
fn expires(user: &User) -> Option<f64> {
    const NEVER: f64 = -1.0;
    match (user.standing.locks(), user.tenure.expiry()) {
        (Some(true), _) => Some(LONG_AGO),
        (_, Some(Expiry::On(date))) => Some(seconds(date)),
        (_, Some(Expiry::Never)) | (Some(false), None) => Some(NEVER),
        (None, None) => None,
    }
}

fn keys(roster: &Roster, state: State) -> Vec<Map> {
    let call = if state == State::Present { &calls::ADD_KEY } else { &calls::REMOVE_KEY };
    let here = roster.users.iter().filter(|user| user.standing.has_account());
    let all = here.flat_map(|user| user.keys.iter().map(move |key| (user, key)));
    // Who is archived keeps none of the roster's keys.
    let of = |user: &User, key: &Key| if user.standing.belongs() { key.state } else { State::Absent };
    all.filter(|(user, key)| of(user, key) == state)
        .map(|(user, key)| {
            call.with([("user", user.name.value.clone().into()), ("key", key.line.value.clone().into())])
        })
        .collect()
}

/// Accounts to be there, parents before children.
fn accounts(roster: &Roster) -> Vec<Map> {
    let mut present: Vec<_> = roster.accounts.iter().filter(|account| account.state == State::Present).collect();
    let parents = parents(roster);
    present.sort_by_cached_key(|account| depth(&parents, account));
    present
        .into_iter()
        .map(|account| {
            calls::ACCOUNT.with([
                name(&account.name),
                ("parent", text(&account.parent)),
                ("description", text(&account.description)),
                ("organization", text(&account.organization)),
                ("limits", limits(&account.limits)),
            ])
        })
        .collect()
}

/// Each of the roster's accounts with the one above it.
fn parents(roster: &Roster) -> HashMap<&str, Option<&str>> {
    let with_parent = roster.accounts.iter().map(|account| (account.name.as_str(), account.parent.as_ref()));
    with_parent.map(|(name, parent)| (name, parent.map(|parent| parent.as_str()))).collect()
}

/// How many of the roster's accounts are above this one. The roster's checks have refused cycles.
fn depth(parents: &HashMap<&str, Option<&str>>, account: &Account) -> usize {
    let above = |name: &&str| parents.get(name).copied().flatten();
    std::iter::successors(above(&account.name.as_str()), above).take(parents.len()).count()
}

fn absent_accounts(roster: &Roster) -> Vec<Map> {
    let mut absent: Vec<_> = roster.accounts.iter().filter(|account| account.state == State::Absent).collect();
    let parents = parents(roster);
    absent.sort_by_cached_key(|account| std::cmp::Reverse(depth(&parents, account)));
    absent.into_iter().map(|account| calls::REMOVE_ACCOUNT.with([name(&account.name)])).collect()
}

/// People who are to be in accounts.
fn members(roster: &Roster) -> Vec<Map> {
    let stopped = stopped(roster);
    let all = of_staying(roster).filter(|(_, member)| member.state == State::Present);
    all.map(|(account, member)| {
        let limits = limits_of(&stopped, &member.user, &member.limits);
        calls::MEMBER.with([name(&member.user), in_account(account), ("limits", limits)])
    })
    .collect()
}

/// Limits of a person. While nothing may be submitted, that one limit is not what else is written.
fn limits_of(stopped: &HashSet<&str>, user: &str, written: &[Limit]) -> Value {
    let is_stopped = stopped.contains(user);
    let holds = |limit: &&Limit| !is_stopped || limit.name != STOPPING;
    limits(&written.iter().filter(holds).cloned().collect::<Vec<_>>())
}

/// Who may submit nothing.
fn stopped(roster: &Roster) -> HashSet<&str> {
    let stopped = roster.users.iter().filter(|user| policy_of_leaver(roster, user).is_some());
    stopped.map(|user| user.name.as_str()).collect()
}

/// What becomes of somebody's jobs, if he leaves or is kept out, and the roster says it; and of who may log in and submit none:
/// those that run go on.
pub(super) fn policy_of_leaver(roster: &Roster, user: &User) -> Option<JobsOfLeavers> {
    let policy = match user.standing {
        PersonState::MayLogin => Some(user.jobs.unwrap_or(JobsOfLeavers::Run)),
        standing => roster.jobs_of_leaver(user).filter(|_| standing.is_kept_out()),
    };
    policy.filter(|_| roster.scheduler.is_some())
}

fn stopped_jobs(roster: &Roster) -> Vec<Map> {
    let leavers = roster.users.iter().filter_map(|user| Some((user, policy_of_leaver(roster, user)?)));
    leavers.map(|(user, policy)| stop_jobs(user, policy)).collect()
}

/// The call that stops the submission of somebody, and ends jobs.
pub(super) fn stop_jobs(user: &User, policy: JobsOfLeavers) -> Map {
    calls::STOP_JOBS.with([name(&user.name), ("uid", (*user.uid).into()), ("jobs", policy.to_string().into())])
}

/// The sessions of who leaves or is kept out. Processes of jobs are the scheduler's to end; what would start programs later
/// goes only with who leaves for good.
fn doors(roster: &Roster) -> Vec<Map> {
    let leavers = roster.users.iter().filter(|user| user.leaves());
    let one = |user: &User| {
        let for_good = user.standing.is_for_good().then_some(true);
        calls::SHUT_DOORS.with([name(&user.name), ("uid", (*user.uid).into()), ("for_good", for_good.into())])
    };
    leavers.map(one).collect()
}

/// Who is expressly not kept out may submit again, but where the roster itself allows nothing.
fn readmitted(roster: &Roster) -> Vec<Map> {
    let is_let_in = |user: &&User| {
        let is_in = user.standing == PersonState::Active;
        is_in && roster.scheduler.is_some() && roster.jobs_of_leaver(user).is_some()
    };
    let limited = places_with_own_limit(roster);
    let one = |user: &User| {
        let keep: Vec<Value> = limited.get(user.name.as_str()).into_iter().flatten().cloned().collect();
        let keep = if keep.is_empty() { Value::Null } else { keep.into() };
        calls::OPEN_JOBS.with([name(&user.name), ("uid", (*user.uid).into()), ("keep", keep)])
    };
    roster.users.iter().filter(is_let_in).map(one).collect()
}

/// Where the roster itself says how much somebody may submit, by login: an account, or `account/partition`.
fn places_with_own_limit(roster: &Roster) -> HashMap<&str, Vec<Value>> {
    let mut places: HashMap<&str, Vec<Value>> = HashMap::new();
    let is_own = |limits: &[Limit]| limits.iter().any(|limit| limit.name == STOPPING);
    for (account, member) in roster.accounts.iter().flat_map(|it| it.users.iter().map(move |member| (it, member))) {
        let (name, of) = (account.name.as_str(), member.partitions.iter().filter(|place| is_own(&place.limits)));
        let whole = is_own(&member.limits).then(|| name.to_owned());
        let all = whole.into_iter().chain(of.map(|place| format!("{name}/{}", place.partition.value)));
        all.for_each(|place| places.entry(member.user.as_str()).or_default().push(place.into()));
    }
    places
}

/// People who stay, and leave one account.
fn former_members(roster: &Roster) -> Vec<Map> {
    let all = of_staying(roster).filter(|(_, member)| member.state == State::Absent);
    all.map(|(account, member)| calls::LEAVE.with([name(&member.user), in_account(account)])).collect()
}

/// The accounts that stay, with what is said of people who stay.
fn of_staying(roster: &Roster) -> impl Iterator<Item = (&Account, &Member)> {
    let stay: HashSet<&str> = staying(roster).collect();
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    let all = present.flat_map(|account| account.users.iter().map(move |member| (account, member)));
    all.filter(move |(_, member)| stay.contains(member.user.as_str()))
}

/// The people who stay, and have a place in the scheduler.
fn staying(roster: &Roster) -> impl Iterator<Item = &str> {
    roster.users.iter().filter(|user| user.standing.belongs()).map(|user| user.name.as_str())
}

/// Associations for one partition.
fn places(roster: &Roster, state: State) -> Vec<Map> {
    let stopped = stopped(roster);
    let members = of_staying(roster).filter(|(_, member)| member.state == State::Present);
    let all = members.flat_map(|(account, member)| member.partitions.iter().map(move |p| (account, member, p)));
    all.filter(|(_, _, place)| place.state == state)
        .map(|(account, member, place)| {
            let (user, partition) = (whom(&member.user), ("partition", place.partition.value.clone().into()));
            match state {
                State::Present => {
                    let limits = ("limits", limits_of(&stopped, &member.user, &place.limits));
                    calls::MEMBER_PLACE.with([in_account(account), user, partition, limits])
                }
                State::Absent => calls::LEAVE_PLACE.with([in_account(account), user, partition]),
            }
        })
        .collect()
}

fn coordinators(roster: &Roster, state: State) -> Vec<Map> {
    let call = if state == State::Present { &calls::ADD_COORDINATOR } else { &calls::REMOVE_COORDINATOR };
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    let all = present.flat_map(|account| account.coordinators.iter().map(move |coordinator| (account, coordinator)));
    let stay: HashSet<&str> = staying(roster).collect();
    all.filter(|(_, coordinator)| coordinator.state == state && stay.contains(coordinator.user.as_str()))
        .map(|(account, coordinator)| call.with([in_account(account), whom(&coordinator.user)]))
        .collect()
}

fn in_account(account: &Account) -> (&'static str, Value) {
    ("account", account.name.value.clone().into())
}

fn whom(user: &Written<String>) -> (&'static str, Value) {
    ("user", user.value.clone().into())
}

fn qos(roster: &Roster) -> Vec<Map> {
    let present = roster.qos.iter().filter(|qos| qos.state == State::Present);
    present
        .map(|qos| {
            let (description, limits) = (text(&qos.description), limits(&qos.limits));
            calls::QOS.with([name(&qos.name), ("description", description), ("limits", limits)])
        })
        .collect()
}

fn absent_qos(roster: &Roster) -> Vec<Map> {
    let absent = roster.qos.iter().filter(|qos| qos.state == State::Absent);
    absent.map(|qos| calls::REMOVE_QOS.with([name(&qos.name)])).collect()
}

/// Default accounts, once all associations are there.
fn default_accounts(roster: &Roster) -> Vec<Map> {
    // A course that is over, or not yet there, is nobody's default.
    let members = roster.accounts.iter().flat_map(|account| account.users.iter().map(move |it| (account, it)));
    let present = members.filter(|(_, member)| member.state == State::Present);
    let members: HashSet<(&str, &str)> =
        present.map(|(account, member)| (account.name.as_str(), member.user.as_str())).collect();
    let is_in = |user: &User| {
        user.default_account.as_ref().is_some_and(|account| members.contains(&(account.as_str(), user.name.as_str())))
    };
    let present = roster.users.iter().filter(|user| user.standing.belongs() && is_in(user));
    present
        .map(|user| calls::DEFAULT_ACCOUNT.with([name(&user.name), ("default_account", text(&user.default_account))]))
        .collect()
}

/// Who leaves for good loses all associations.
fn leavers(roster: &Roster) -> Vec<Map> {
    let absent = roster.users.iter().filter(|user| user.standing.is_for_good() && roster.scheduler.is_some());
    absent.map(|user| calls::LEAVE.with([name(&user.name)])).collect()
}

fn limits(limits: &[Limit]) -> Value {
    if limits.is_empty() {
        Value::Null
    } else {
        limits.iter().map(|limit| (limit.name, limit.value.value.clone().into())).collect()
    }
}
