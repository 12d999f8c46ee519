//! The part of a roster that is about some people, for plans of them alone.

use super::{Account, Coordinator, Group, Member, Qos, Roster, State, User};
use std::collections::BTreeSet;

/// The roster without everybody else: these people, their groups, the accounts that they stand in with those above them, and
/// the QOS that are named there. Guards and texts are those of the whole.
pub fn of_people(roster: &Roster, names: &[String]) -> Roster {
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let users: Vec<User> = roster.users.iter().filter(|user| names.contains(user.name.as_str())).cloned().collect();
    let accounts = accounts(roster, &names, &users);
    Roster { groups: groups(roster, &users), qos: qos(roster, &accounts), users, accounts, ..roster.clone() }
}

fn groups(roster: &Roster, users: &[User]) -> Vec<Group> {
    let stay = users.iter().filter(|user| user.standing.has_account());
    let named: BTreeSet<&str> =
        stay.flat_map(|user| user.groups.iter().chain([&user.group])).map(|group| group.as_str()).collect();
    roster.groups.iter().filter(|group| named.contains(group.name.as_str())).cloned().collect()
}

fn accounts(roster: &Roster, names: &BTreeSet<&str>, users: &[User]) -> Vec<Account> {
    let defaults: BTreeSet<&str> =
        users.iter().filter_map(|user| user.default_account.as_ref()).map(|name| name.as_str()).collect();
    let is_default = |account: &Account| defaults.contains(account.name.as_str());
    let is_in = |account: &Account| {
        account.users.iter().any(|member| names.contains(member.user.as_str()))
            || account.coordinators.iter().any(|coordinator| names.contains(coordinator.user.as_str()))
    };
    let mut wanted = BTreeSet::new();
    for account in roster.accounts.iter().filter(|account| is_in(account) || is_default(account)) {
        let mut next = Some(account);
        while let Some(account) = next.filter(|account| wanted.insert(account.name.value.clone())) {
            next = account.parent.as_ref().and_then(|parent| roster.account(parent));
        }
    }
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    present.filter(|account| wanted.contains(&account.name.value)).map(|account| of_account(account, names)).collect()
}

fn of_account(account: &Account, names: &BTreeSet<&str>) -> Account {
    let members = account.users.iter().filter(|member: &&Member| names.contains(member.user.as_str()));
    let coordinators = account.coordinators.iter().filter(|one: &&Coordinator| names.contains(one.user.as_str()));
    Account { users: members.cloned().collect(), coordinators: coordinators.cloned().collect(), ..account.clone() }
}

fn qos(roster: &Roster, accounts: &[Account]) -> Vec<Qos> {
    let of_people = |account: &'_ Account| {
        let places = account.users.iter().flat_map(|member| member.partitions.iter().flat_map(|place| &place.limits));
        places.chain(account.users.iter().flat_map(|member| &member.limits)).cloned().collect::<Vec<_>>()
    };
    let limits = accounts.iter().flat_map(|account| [account.limits.clone(), of_people(account)].concat());
    let named: BTreeSet<String> = limits
        .filter(|limit| ["QOS", "DefaultQOS"].contains(&limit.name))
        .flat_map(|limit| {
            limit.value.split(',').map(|name| name.trim_start_matches(['+', '-']).to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let present = roster.qos.iter().filter(|qos| qos.state == State::Present);
    present.filter(|qos| named.contains(&qos.name.value)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::load;
    use words::diag::Source;

    #[test]
    fn the_person_and_what_he_needs() {
        let text = "scheduler: m\ngroups: {ai: {gid: 3001}, gpu: {gid: 3002}, other: {gid: 3003}}\n\
            users:\n  kim: {uid: 2001, group: ai, groups: [gpu]}\n  lee: {uid: 2002, group: other}\n\
            qos: {long: {}, short: {}}\n\
            accounts:\n  top: {}\n  mid: {parent: top, users: [lee]}\n  low: {parent: mid, users: {kim: {limits: {QOS: long}}, lee: {}}}\n  side: {users: [lee]}\n";
        let roster = load(&Source::new("r.yml", text)).unwrap();
        let part = of_people(&roster, &["kim".into()]);
        let names = |all: Vec<&str>| all.join(" ");
        assert_eq!(names(part.users.iter().map(|it| it.name.as_str()).collect()), "kim");
        assert_eq!(names(part.groups.iter().map(|it| it.name.as_str()).collect()), "ai gpu");
        assert_eq!(names(part.accounts.iter().map(|it| it.name.as_str()).collect()), "top mid low");
        assert_eq!(names(part.qos.iter().map(|it| it.name.as_str()).collect()), "long");
        assert!(part.accounts.iter().all(|account| account.users.iter().all(|member| *member.user == "kim")));
        assert!(of_people(&roster, &["nobody".into()]).users.is_empty());
    }
}
