//! What stands in each other's way over all places together: account files, directories, and what hosts make of the two. Found
//! before anything is written. Names and numbers of the places themselves are [`crate::roster::claims`].

use super::nss::{self, Sources};
use super::{Host, Observed, Way};
use crate::roster::claims::{Claim, Kind, Origin};
use crate::roster::{PersonState, Roster};
use host::identity::entries::{Entry, SubordinateIds};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use words::diag::{Diagnostic, ErrorKind};

/// What one host says beside its account files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its inventory name.
    pub host: String,
    /// The directory or NIS domain that its people come from.
    pub resolves: Option<String>,
    /// `/etc/nsswitch.conf`; `None` where it could not be read.
    pub nsswitch: Option<String>,
    /// People of the directory whom its name service was asked for.
    pub asked: Vec<String>,
    /// Those whom it knows, with uid and gid.
    pub resolved: BTreeMap<String, (u32, u32)>,
    /// Logins that have expired in `/etc/shadow`; `None` where that could not be read.
    pub kept_out: Option<BTreeSet<String>>,
    /// `/etc/subuid` and `/etc/subgid`, as far as they could be read.
    pub subids: String,
}

/// A host whose people come from elsewhere, and the name of that place.
pub type Resolving = (String, String);

/// Which hosts have their people from which place. The master of a NIS domain made from its own account files is none: what is
/// there is that place.
pub(super) fn resolving(hosts: &[Host]) -> Vec<Resolving> {
    let is_source = |host: &Host, place: &str| {
        hosts.iter().any(|other| match &other.way {
            Ok(Way::Nis(master)) => {
                other.name() == place && master.target.name == host.name() && master.source.ends_with("etc")
            }
            Ok(Way::Directory(_) | Way::Ssh { .. }) | Err(_) => false,
        })
    };
    let pair = |host: &Host| host.resolves.as_ref().map(|place| (host.name.clone(), place.clone()));
    hosts
        .iter()
        .filter(|host| host.resolves.as_ref().is_some_and(|place| !is_source(host, place)))
        .filter_map(pair)
        .collect()
}

/// Accounts of a host's own that stand before somebody's in a directory. They win there, with the groups of the directory: what is
/// locked or removed there goes on here.
pub fn shadowed(wanted: &[Claim], seen: &[Observed], resolving: &[Resolving]) -> Vec<Diagnostic> {
    let mut found: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let people: BTreeMap<&str, &Claim> =
        wanted.iter().filter(|claim| claim.kind == Kind::User).map(|claim| (claim.name.as_str(), claim)).collect();
    for (host, place) in resolving {
        let own = seen.iter().filter(|observed| observed.host == *host).flat_map(|observed| &observed.users);
        for user in own.filter(|user| people.contains_key(user.name.as_str())) {
            found
                .entry((place, &user.name))
                .or_default()
                .push(format!("{host}: {}:{}: {} has uid {}", user.file, user.line, user.name, user.uid));
        }
    }
    let told = found.into_iter().map(|((place, name), lines)| {
        let message =
            format!("`{name}` is in `{place}`, and has an account of their own on hosts that have people from there");
        let at = people.get(name).and_then(|claim| match &claim.origin {
            Origin::Wanted(at) => at.clone(),
            Origin::Host { .. } => None,
        });
        let problem = Diagnostic { place: at, ..Diagnostic::new(ErrorKind::Refused, message) };
        let problem = lines.into_iter().fold(problem, Diagnostic::note);
        problem
            .note(
                "the account of the host wins there, and gets the directory's groups: locking and removing end nothing",
            )
            .hint(format!(
                "take it away there (userdel, without -r: the home stays), or take the host out of `hosts` of {place}"
            ))
    });
    told.collect()
}

/// Hosts that show other uids than the directory that their people come from: then what is written there is not what they use.
pub fn foreign_numbers(seen: &[Observed], nodes: &[NodeView]) -> Vec<Diagnostic> {
    const SHOWN: usize = 3;
    let of = |node: &NodeView| {
        let place = node.resolves.as_deref()?;
        let notes: Vec<String> = differing(seen, node)
            .filter(|(_, has, shows)| has.0 != shows.0)
            .map(|(name, has, shows)| format!("{name}: {place} has uid {}, {} shows {}", has.0, node.host, shows.0))
            .take(SHOWN)
            .collect();
        if notes.is_empty() {
            return None;
        }
        let message = format!("{} shows other numbers than `{place}`, which its people shall come from", node.host);
        let problem = Diagnostic::new(ErrorKind::Refused, message);
        let problem = notes.into_iter().fold(problem, Diagnostic::note);
        Some(problem.hint(
            "let the host take the directory's numbers (sssd: ldap_id_mapping = false; winbind: idmap backend ad), or forget \
             old ones (sssctl cache-remove); see `enlist directory client`",
        ))
    };
    nodes.iter().filter_map(of).collect()
}

/// People whose numbers a host shows otherwise than its directory has them: name, what the directory has, what the host shows.
fn differing<'a>(
    seen: &'a [Observed],
    node: &'a NodeView,
) -> impl Iterator<Item = (&'a str, (u32, u32), (u32, u32))> + 'a {
    let place = seen.iter().filter(|observed| Some(&observed.host) == node.resolves.as_ref());
    let has: BTreeMap<&str, (u32, u32)> =
        place.flat_map(|observed| &observed.users).map(|user| (user.name.as_str(), (user.uid, user.gid))).collect();
    let pairs =
        node.resolved.iter().filter_map(move |(name, shows)| Some((name.as_str(), *has.get(name.as_str())?, *shows)));
    pairs.filter(|(_, has, shows)| has != shows)
}

/// Numbers of the roster that a host has given to somebody's containers.
pub fn subordinate(wanted: &[Claim], nodes: &[NodeView]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for node in nodes {
        let ranges: Vec<_> = node.subids.lines().filter_map(range).collect();
        for claim in wanted {
            let Some((owner, range)) = ranges.iter().find(|(_, range)| range.contains(&claim.id)) else { continue };
            let id = claim.kind.id_name();
            let message =
                format!("{id} {} of `{}` is a subordinate id of {owner} on {}", claim.id, claim.name, node.host);
            let place = match &claim.origin {
                Origin::Wanted(at) => at.clone(),
                Origin::Host { .. } => None,
            };
            let problem = Diagnostic { place, ..Diagnostic::new(ErrorKind::Refused, message) };
            let note =
                format!("{owner} has {} to {} there: containers of theirs act with it", range.start(), range.end());
            problems.push(
                problem.note(note).hint("give another number, or move that range in /etc/subuid and /etc/subgid"),
            );
        }
    }
    problems
}

fn range(line: &str) -> Option<(String, RangeInclusive<u32>)> {
    let given = SubordinateIds::parse(line.as_bytes())?;
    let range = given.range()?;
    Some((given.owner, range))
}

/// What is no reason to stop, and people should know: each with its place and what to do.
pub fn remarks(roster: &Roster, seen: &[Observed], nodes: &[NodeView]) -> Vec<String> {
    let mut remarks = orders(nodes);
    remarks.extend(nodes.iter().filter_map(unseen));
    remarks.extend(nodes.iter().flat_map(|node| primary_groups(seen, node)));
    remarks.extend(["munge", "slurm"].iter().filter_map(|name| unequal(name, seen)));
    remarks.extend(locks(roster, seen, nodes));
    remarks
}

/// Where hosts look for people: what is missing or in the way there, and where hosts of one directory differ.
fn orders(nodes: &[NodeView]) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut orders: BTreeMap<&str, BTreeMap<Sources, Vec<&str>>> = BTreeMap::new();
    for node in nodes {
        let (Some(place), Some(text)) = (node.resolves.as_deref(), node.nsswitch.as_deref()) else { continue };
        let sources = nss::sources(text);
        let problems = nss::problems(&sources, place);
        remarks.extend(problems.into_iter().map(|problem| format!("{}: /etc/nsswitch.conf: {problem}", node.host)));
        orders.entry(place).or_default().entry(sources).or_default().push(&node.host);
    }
    for (place, orders) in orders.into_iter().filter(|(_, orders)| orders.len() > 1) {
        let each: Vec<_> = orders.iter().map(|(sources, hosts)| format!("{}: {sources}", hosts.join(", "))).collect();
        let each = each.join("; ");
        remarks.push(format!("{place}: its hosts look for people in different orders ({each}): make them the same"));
    }
    remarks
}

/// A host that knows nobody of its directory: then what it has of them nobody can say.
fn unseen(node: &NodeView) -> Option<String> {
    let place = node.resolves.as_deref().filter(|_| !node.asked.is_empty() && node.resolved.is_empty())?;
    let (count, first) = (node.asked.len(), &node.asked[0]);
    Some(format!(
        "{}: it knows nobody of {place} ({count} asked for, {first} and on), so what it would show is unknown: is its client \
         (sssd, nslcd, ypbind) up? See `enlist directory client`",
        node.host
    ))
}

/// People who have another primary group on a host than in its directory.
fn primary_groups(seen: &[Observed], node: &NodeView) -> Vec<String> {
    let others = differing(seen, node).filter(|(_, has, shows)| has.0 == shows.0);
    let place = node.resolves.as_deref().unwrap_or_default();
    let say = |(name, has, shows): (&str, (u32, u32), (u32, u32))| {
        format!(
            "{}: {name} has primary gid {} there, and {} in {place}: let the host forget what it remembers (sss_cache -UG); \
             winbind wants unix_primary_group = yes",
            node.host, shows.1, has.1
        )
    };
    others.map(say).collect()
}

/// A user of the scheduler's that must have one number everywhere, and has several.
fn unequal(name: &str, seen: &[Observed]) -> Option<String> {
    let mut hosts: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for observed in seen {
        for user in observed.users.iter().filter(|user| user.name == name) {
            hosts.entry(user.uid).or_default().push(&observed.host);
        }
    }
    let each: Vec<_> = hosts.iter().map(|(uid, hosts)| format!("{uid} on {}", hosts.join(", "))).collect();
    (each.len() > 1)
        .then(|| format!("{name} has different uids: {}; the scheduler needs one: change it by hand", each.join("; ")))
}

/// People who are locked in one place and not in another, while the roster says nothing of it.
fn locks(roster: &Roster, seen: &[Observed], nodes: &[NodeView]) -> Vec<String> {
    let mut places: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for observed in seen {
        let expired = nodes.iter().find(|node| node.host == observed.host).and_then(|node| node.kept_out.as_ref());
        for user in &observed.users {
            let Some(is_locked) = user.locked.or_else(|| Some(expired?.contains(&user.name))) else { continue };
            let (locked, open) = places.entry(&user.name).or_default();
            if is_locked { locked.push(&observed.host) } else { open.push(&observed.host) }
        }
    }
    let silent = roster.users.iter().filter(|user| user.standing == PersonState::Present && user.is_let_in(roster.day));
    let say = |name: &str| {
        let (locked, open) = places.get(name).filter(|(locked, _)| !locked.is_empty())?;
        let submits = roster.accounts.iter().any(|account| account.users.iter().any(|member| *member.user == name));
        let goes_on = match (open.is_empty(), submits) {
            (true, false) => return None,
            (true, true) => "may submit jobs".to_owned(),
            (false, _) => format!("not on {}", open.join(", ")),
        };
        Some(format!(
            "{name} is locked on {}, and {goes_on}: the roster says nothing of it; write `locked: yes` or `locked: no`",
            locked.join(", ")
        ))
    };
    silent.filter_map(|user| say(&user.name)).collect()
}

/// Shells that shall be somebody's and are none on a host. `stats` has a line for each that is there, as `755 regular file /bin/sh`;
/// `known` is `/etc/shells`, where it could be read.
pub fn missing_shells(
    host: &str,
    wanted: &BTreeMap<String, Vec<String>>,
    stats: &str,
    known: Option<&str>,
) -> Vec<String> {
    let can_run = |shell: &str| {
        let found = stats.lines().filter_map(|line| line.strip_suffix(shell)?.strip_suffix(" regular file "));
        found.into_iter().any(|mode| u32::from_str_radix(mode, 8).is_ok_and(|mode| mode & 0o111 != 0))
    };
    let listed = |shell: &str| known.is_none_or(|text| text.lines().any(|line| line.trim() == shell));
    let whose = |people: &[String]| match people {
        [first, second, ..] if people.len() > 2 => format!("{first}, {second} and {} more", people.len() - 2),
        people => people.join(" and "),
    };
    let say = |(shell, people): (&String, &Vec<String>)| {
        let people = whose(people);
        if !can_run(shell) {
            return Some(format!(
                "{host}: {shell}, the shell of {people}, is no program there: install it, or write another"
            ));
        }
        (!listed(shell)).then(|| format!("{host}: {shell}, the shell of {people}, is not in /etc/shells there: add it"))
    };
    wanted.iter().filter_map(say).collect()
}
