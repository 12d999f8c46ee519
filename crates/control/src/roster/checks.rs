//! What a roster must fulfil: a table of named checks. All run, and all that they find is reported at once.
//!
//! A new check is one function and one line in [`CHECKS`].

mod numbers;
mod times;

use super::model::{Account, Coordinator, Member, Place, Qos, Roster, State, User, Written};
use super::{homes, keys, names};
use crate::roster::guards::PROTECTED;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use words::diag::Diagnostic;
use words::text::secrets;

/// One named rule.
pub struct Check {
    /// Its name, for `enlist roster check`.
    pub name: &'static str,
    /// What it demands, in one sentence.
    pub demands: &'static str,
    /// Adds what it finds wrong.
    pub run: fn(&Roster, &mut Vec<Diagnostic>),
}

/// Every check, in the order in which `enlist roster check` lists them.
pub static CHECKS: &[Check] = &[
    Check { name: "not-empty", demands: "the roster names somebody or something", run: not_empty },
    Check { name: "unique-names", demands: "nothing is listed twice", run: unique_names },
    Check { name: "unique-ids", demands: "a uid or gid belongs to one name, also after its removal", run: unique_ids },
    Check { name: "posix-names", demands: "users and groups have names that every system takes", run: posix_names },
    Check {
        name: "account-names",
        demands: "accounts, QOS and partitions have names that Slurm keeps as they are",
        run: account_names,
    },
    Check { name: "protected-names", demands: "no name of the system's own is managed", run: protected_names },
    Check { name: "reserved-ids", demands: "uids and gids are outside of the system's ranges", run: reserved_ids },
    Check { name: "known-groups", demands: "groups of users are in the roster and not absent", run: known_groups },
    Check { name: "known-accounts", demands: "parents and default accounts are in the roster", run: known_accounts },
    Check {
        name: "known-members",
        demands: "users and coordinators of accounts are in the roster",
        run: known_members,
    },
    Check { name: "no-cycles", demands: "no account is below itself", run: no_cycles },
    Check { name: "keys", demands: "keys are whole public keys", run: key_syntax },
    Check { name: "passwd-fields", demands: "shell, home and comment fit into /etc/passwd", run: passwd_fields },
    Check {
        name: "own-homes",
        demands: "homes are people's own: none is shared, within another or the system's",
        run: own_homes,
    },
    Check {
        name: "directory-ids",
        demands: "uids and gids are among those that are enlist's in every directory",
        run: directory_ids,
    },
    Check { name: "scheduler", demands: "accounts and QOS have a scheduler to live in", run: scheduler },
    Check { name: "ledger", demands: "every number is that of the ledger, if there is one", run: numbers::ledger },
    Check { name: "migrations", demands: "a number that changes is nobody else's", run: numbers::migrations },
    Check {
        name: "engagements",
        demands: "accounts of projects and courses are in the roster",
        run: times::engagements,
    },
    Check { name: "admins", demands: "those who administrate are people of the roster", run: times::admins },
];

fn not_empty(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    if roster.groups.is_empty() && roster.users.is_empty() && roster.accounts.is_empty() && roster.qos.is_empty() {
        let problem = Diagnostic::input(&roster.hosts.place, "the roster names no group, user or account");
        let problem = problem.note("an empty roster is more often a broken file than a wish");
        problems.push(problem.hint("see docs/roster.md for what it may say; removals are written as `state: absent`"));
    }
}

fn unique_names(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let mut report = |what: &str, name: &Written<String>, first: &Written<String>| {
        let problem = Diagnostic::input(&name.place, format!("{what} `{}` is listed twice", name.value));
        problems.push(problem.note(format!("first at {}", first.place)));
    };
    each_repeated(roster.groups.iter().map(|group| &group.name), |n, first| report("the group", n, first));
    each_repeated(roster.users.iter().map(|user| &user.name), |n, first| report("the user", n, first));
    each_repeated(roster.accounts.iter().map(|account| &account.name), |n, first| report("the account", n, first));
    for account in &roster.accounts {
        let members = account.users.iter().map(|member| &member.user);
        each_repeated(members, |n, first| report("the user", n, first));
        let coordinators = account.coordinators.iter().map(|coordinator| &coordinator.user);
        each_repeated(coordinators, |n, first| report("the coordinator", n, first));
        for member in &account.users {
            let partitions = member.partitions.iter().map(|place| &place.partition);
            each_repeated(partitions, |n, first| report("the partition", n, first));
        }
    }
    each_repeated(roster.qos.iter().map(|qos| &qos.name), |n, first| report("the QOS", n, first));
    for user in &roster.users {
        each_repeated(&user.groups, |n, first| report("the group", n, first));
        // The same key under another comment would be added and taken out again.
        let body = |line: &Written<String>| keys::body(line).map(str::to_owned);
        let bodies = user
            .keys
            .iter()
            .filter_map(|key| Some(Written { value: body(&key.line).ok()?, place: key.line.place.clone() }));
        each_repeated(&bodies.collect::<Vec<_>>(), |n, first| report("the key", n, first));
    }
}

/// Calls `report` with every value that was there before, and with its first place.
fn each_repeated<'a, T: Eq + Hash + 'a>(
    values: impl IntoIterator<Item = &'a Written<T>>,
    mut report: impl FnMut(&Written<T>, &Written<T>),
) {
    let mut seen: HashMap<&T, &Written<T>> = HashMap::new();
    for value in values {
        match seen.get(&value.value) {
            Some(first) => report(value, first),
            None => _ = seen.insert(&value.value, value),
        }
    }
}

fn unique_ids(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let uids: Vec<_> = roster.users.iter().map(|user| (&user.name, &user.uid)).collect();
    let gids: Vec<_> = roster.groups.iter().map(|group| (&group.name, &group.gid)).collect();
    for (what, ids) in [("uid", uids), ("gid", gids)] {
        let mut owners: HashMap<u32, (&Written<String>, &Written<u32>)> = HashMap::new();
        for (name, id) in ids {
            match owners.get(&id.value) {
                Some((owner, first)) => problems.push(taken(what, id, owner, first)),
                None => _ = owners.insert(id.value, (name, id)),
            }
        }
    }
}

fn taken(what: &str, id: &Written<u32>, owner: &Written<String>, first: &Written<u32>) -> Diagnostic {
    Diagnostic::input(&id.place, format!("{what} {} belongs to `{}` already", id.value, owner.value))
        .note(format!("given to `{}` at {}", owner.value, first.place))
        .note("files outlive people: a number is never given to somebody else, also when its entry is absent")
}

fn posix_names(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let users = roster.users.iter().map(|user| ("user", &user.name));
    let groups = roster.groups.iter().map(|group| ("group", &group.name));
    for (what, name) in users.chain(groups) {
        let what = format!("a {what}");
        problems.extend(names::posix_problem(name).map(|why| bad_name(&what, name, why)));
    }
}

fn account_names(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    for Account { name, .. } in &roster.accounts {
        problems.extend(names::account_problem(name).map(|why| bad_name("an account", name, why)));
    }
    for Qos { name, .. } in &roster.qos {
        problems.extend(names::account_problem(name).map(|why| bad_name("a QOS", name, why)));
    }
    let members = roster.accounts.iter().flat_map(|account| &account.users);
    for Place { partition, .. } in members.flat_map(|member| &member.partitions) {
        problems.extend(names::account_problem(partition).map(|why| bad_name("a partition", partition, why)));
    }
}

fn bad_name(what: &str, name: &Written<String>, why: String) -> Diagnostic {
    Diagnostic::input(&name.place, format!("`{}` cannot be the name of {what}", name.value)).note(why)
}

fn protected_names(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let users = roster.users.iter().map(|user| ("user", &user.name));
    let groups = roster.groups.iter().map(|group| ("group", &group.name));
    for (what, name) in users.chain(groups).filter(|(_, name)| PROTECTED.contains(&name.as_str())) {
        let problem = Diagnostic::input(&name.place, format!("the {what} `{}` belongs to the system", name.value));
        problems.push(problem.hint("manage it with a playbook if you must; a roster is for people"));
    }
    for account in roster.accounts.iter().filter(|account| *account.name == "root") {
        let problem = Diagnostic::input(&account.name.place, "the account `root` belongs to the scheduler");
        problems.push(problem.note("it is the top of the account tree, made with the cluster"));
    }
}

fn reserved_ids(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let uids = roster.users.iter().map(|user| ("uid", &user.uid));
    let gids = roster.groups.iter().map(|group| ("gid", &group.gid));
    for (what, id) in uids.chain(gids) {
        if let Some(owner) = names::reserved_for(id.value) {
            let problem = Diagnostic::input(&id.place, format!("{what} {} is reserved on every host", id.value));
            problems.push(problem.note(format!("it belongs to {owner}")).hint("take one from 1000 to 60000"));
        }
    }
}

fn known_groups(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    for user in roster.users.iter().filter(|user| !user.is_removed()) {
        for name in user.groups.iter().chain([&user.group]) {
            match roster.group(name).map(|group| group.state) {
                Some(State::Present) => {}
                Some(State::Absent) => problems.push(gone("group", name)),
                None => {
                    let known = roster.groups.iter().map(|group| group.name.as_str());
                    problems.push(unknown("group", name, known));
                }
            }
        }
    }
}

pub(super) fn unknown<'a>(what: &str, name: &Written<String>, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let problem = Diagnostic::input(&name.place, format!("there is no {what} `{}` in the roster", name.value));
    problem.suggest(name, known).hint(format!("add it under `{what}s:`"))
}

fn gone(what: &str, name: &Written<String>) -> Diagnostic {
    Diagnostic::input(&name.place, format!("the {what} `{}` shall be absent, and is needed here", name.value))
}

fn known_accounts(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let known = || roster.accounts.iter().map(|account| account.name.as_str());
    let mut demand = |name: &Written<String>| match roster.account(name).map(|account| account.state) {
        Some(State::Present) => {}
        Some(State::Absent) => problems.push(gone("account", name)),
        None => problems.push(unknown("account", name, known())),
    };
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    present.filter_map(|account| account.parent.as_ref()).filter(|parent| ***parent != "root").for_each(&mut demand);
    let present = || roster.users.iter().filter(|user| user.standing.belongs());
    let staying = roster.users.iter().filter(|user| !user.is_removed());
    staying.filter_map(|user| user.default_account.as_ref()).for_each(demand);
    let present_members = |account: &'_ Account| {
        let members = account.users.iter().filter(|member| member.state == State::Present);
        members.map(|member| (account.name.value.clone(), member.user.value.clone())).collect::<Vec<_>>()
    };
    let mut members: HashSet<(String, String)> = roster.accounts.iter().flat_map(present_members).collect();
    // A course gives and takes accounts by the day; that it ever does is enough.
    for engagement in &roster.engagements {
        let all = engagement.account_names().flat_map(|account| engagement.logins().map(move |login| (account, login)));
        members.extend(all.map(|(account, login)| (account.value.clone(), login.value.clone())));
    }
    for (user, account) in present().filter_map(|user| Some((user, user.default_account.as_ref()?))) {
        let is_member = members.contains(&(account.value.clone(), user.name.value.clone()));
        if roster.account(account).is_some() && !is_member {
            let message = format!("`{}` is not a user of the default account `{}`", user.name.value, account.value);
            let hint = format!("add `{}` to the `users` of `{}`", user.name.value, account.value);
            problems.push(Diagnostic::input(&account.place, message).hint(hint));
        }
    }
}

fn known_members(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let known = || roster.users.iter().map(|user| user.name.as_str());
    // Whom the day takes away, and not his entry, is named in accounts all the same: else a roster would be wrong by and by.
    let state = |user: &User| if user.is_removed() { State::Absent } else { State::Present };
    let states: HashMap<&str, State> = roster.users.iter().map(|user| (user.name.as_str(), state(user))).collect();
    for account in &roster.accounts {
        for Member { user, state, .. } in account.users.iter().filter(|member| !member.of_engagement) {
            match states.get(user.as_str()) {
                None => problems.push(unknown("user", user, known())),
                Some(State::Absent) if *state == State::Present => {
                    problems.push(gone("user", user).hint("take this line out: an absent user is in no account"));
                }
                Some(_) if account.state == State::Absent && *state == State::Present => {
                    let message = format!("the account `{}` shall be absent, and has users", account.name.value);
                    problems.push(Diagnostic::input(&user.place, message).hint("take its `users` out"));
                }
                Some(_) => {}
            }
        }
        for Coordinator { user, state } in &account.coordinators {
            match states.get(user.as_str()) {
                None => problems.push(unknown("user", user, known())),
                Some(State::Absent) if *state == State::Present => {
                    problems.push(gone("user", user).hint("take this line out: an absent user manages nothing"));
                }
                Some(_) => {}
            }
        }
    }
}

fn no_cycles(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    for account in &roster.accounts {
        let mut chain = vec![account.name.as_str()];
        let mut above = account.parent.as_ref();
        while let Some(parent) = above {
            chain.push(parent);
            if *parent.value == *account.name.value {
                let message = format!("the account `{}` is below itself", account.name.value);
                problems.push(Diagnostic::input(&account.name.place, message).note(chain.join(" is below ")));
                break;
            }
            // A cycle further up is reported by its own members.
            let seen_twice = chain.len() > roster.accounts.len();
            above = roster.account(parent).and_then(|found| found.parent.as_ref()).filter(|_| !seen_twice);
        }
    }
}

fn key_syntax(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    for user in &roster.users {
        // A private key in a list is many lines: one error is enough.
        if let Some(key) = user.keys.iter().find(|key| secrets::has_private_key(&key.line)) {
            let message = format!("this is a private key, under the keys of `{}`", user.name.value);
            let problem = Diagnostic::input(&key.line.place, message).note(
                "it is in a file now, and perhaps in its history: it is no secret any more, and has to be replaced",
            );
            problems.push(problem.hint("write the one line of the person's id_ed25519.pub"));
            continue;
        }
        for key in &user.keys {
            if let Err(why) = keys::body(&key.line) {
                let message = format!("this is no SSH public key of `{}`", user.name.value);
                let problem = Diagnostic::input(&key.line.place, message).note(why);
                problems.push(match keys::Mistaken::find(key.line.as_bytes()) {
                    Some(mistaken) => problem.hint(mistaken.hint("FILE")),
                    None => problem.hint("paste the one line of the person's id_ed25519.pub"),
                });
            }
        }
    }
}

fn passwd_fields(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    for user in &roster.users {
        let paths = [("shell", &user.shell), ("home", &user.home)];
        for (what, path) in paths.into_iter().filter_map(|(what, path)| Some((what, path.as_ref()?))) {
            if let Some(why) = homes::path_problem(path) {
                problems.push(Diagnostic::input(&path.place, format!("`{what}` cannot be '{}'", path.value)).note(why));
            }
        }
        let comment = user.comment.as_ref().filter(|text| text.contains(':') || text.contains(char::is_control));
        if let Some(text) = comment {
            let problem = Diagnostic::input(&text.place, "`comment` must have no colon and no control character");
            problems.push(problem.note("they end a field or line of /etc/passwd"));
        }
    }
}

fn directory_ids(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let users = roster.users.iter().filter(|user| user.standing.has_account()).map(|user| ("uid", &user.uid));
    let groups = roster.groups.iter().filter(|group| group.state == State::Present).map(|group| ("gid", &group.gid));
    for (what, id) in users.chain(groups) {
        let directories = roster.directories.iter().map(|entry| (&entry.settings.ids, &entry.settings.name));
        for (ids, name) in directories.chain(roster.nis.iter().map(|entry| (&entry.ids, &entry.name))) {
            if !ids.contains(&id.value) {
                let message = format!("{what} {} is not among `ids` of the directory `{name}`", id.value);
                let problem = Diagnostic::input(&id.place, message);
                problems.push(problem.note(format!("enlist's numbers there are {} to {}", ids.start(), ids.end())));
            }
        }
    }
}

fn own_homes(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let present = || roster.users.iter().filter(|user| !user.is_removed());
    let mut owners: HashMap<String, &User> = HashMap::new();
    for user in present() {
        if let Some(home) = &user.home
            && let Some(why) = homes::problem(home)
        {
            let message = format!("{} cannot be the home of `{}`", home.value, user.name.value);
            let problem = Diagnostic::input(&home.place, message).note(why);
            problems.push(problem.hint("it would be given to the person with everything in it: choose one below it"));
            continue;
        }
        match owners.get(&homes::of(user)) {
            Some(other) => problems.push(shared_home(user, other, "is the home of")),
            None => _ = owners.insert(homes::of(user), user),
        }
    }
    for user in present() {
        let home = homes::of(user);
        if let Some(other) = homes::above(&home).find_map(|above| owners.get(above)) {
            problems.push(shared_home(user, other, "is within the home of"));
        }
    }
}

/// Said where a home is written down, at either of the two.
fn shared_home(user: &User, other: &User, how: &str) -> Diagnostic {
    let place = |user: &'_ User| user.home.as_ref().map(|home| home.place.clone());
    let at = place(user).or_else(|| place(other)).unwrap_or_else(|| user.name.place.clone());
    let message = format!("{}, the home of `{}`, {how} `{}`", homes::of(user), user.name.value, other.name.value);
    let problem = Diagnostic::input(&at, message).note("whose a home is, nobody else can log in to");
    if user.home.is_none() || other.home.is_none() {
        return problem.note("a home that is not written is /home and the name");
    }
    problem
}

fn scheduler(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let kept = roster.accounts.iter().map(|account| &account.name).chain(roster.qos.iter().map(|qos| &qos.name));
    if let (None, Some(name)) = (&roster.scheduler, kept.min_by_key(|name| name.place.line)) {
        let problem = Diagnostic::input(&name.place, "there are accounts or QOS, and no `scheduler` to keep them");
        problems.push(problem.hint("name the master's inventory group at the top, as in `scheduler: slurm_master`"));
    }
}
