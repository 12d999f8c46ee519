//! Who has which name and number: claims of the roster and of every host, and where they contradict each other.
//!
//! A uid or gid means one person or group everywhere (promise 4). Two claims of the same kind are in dispute when they
//! give one name two numbers, or one number two names.

use super::Roster;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use words::diag::{Diagnostic, ErrorKind, Place};

/// Users and groups have numbers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A user with a uid.
    User,
    /// A group with a gid.
    Group,
}

impl Kind {
    /// What its number is called.
    pub fn id_name(self) -> &'static str {
        match self {
            Kind::User => "uid",
            Kind::Group => "gid",
        }
    }
}

/// Where a claim comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The roster or a plan of it wants it so; where it is written, if that is at hand.
    Wanted(Option<Place>),
    /// A line of a file on a host.
    Host {
        /// Inventory name.
        host: String,
        /// Such as `/etc/passwd`.
        file: String,
        /// From 1; 0 for an entry of a directory.
        line: u32,
    },
}

/// Somebody says that `name` has the number `id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// A user or a group.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its uid or gid.
    pub id: u32,
    /// Who says so.
    pub origin: Origin,
}

/// What a dispute is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One name with several numbers.
    Name(String),
    /// One number with several names.
    Id(u32),
}

/// Claims that contradict each other, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    /// Users or groups.
    pub kind: Kind,
    /// The name or number in question.
    pub subject: Subject,
    /// Everybody who claims something about it.
    pub claims: Vec<Claim>,
}

/// The roster's claims. Absent entries count: their numbers stay theirs.
pub fn of_roster(roster: &Roster) -> Vec<Claim> {
    let users = roster.users.iter().map(|user| (Kind::User, &user.name, &user.uid));
    let groups = roster.groups.iter().map(|group| (Kind::Group, &group.name, &group.gid));
    users
        .chain(groups)
        .map(|(kind, name, id)| Claim {
            kind,
            name: name.value.clone(),
            id: id.value,
            origin: Origin::Wanted(Some(id.place.clone())),
        })
        .collect()
}

/// All contradictions among `claims`: users before groups, names before numbers.
pub fn disputes(claims: &[Claim]) -> Vec<Dispute> {
    let mut about: BTreeMap<(Kind, Subject), Vec<&Claim>> = BTreeMap::new();
    for claim in claims {
        about.entry((claim.kind, Subject::Name(claim.name.clone()))).or_default().push(claim);
        about.entry((claim.kind, Subject::Id(claim.id))).or_default().push(claim);
    }
    about.retain(|_, claims| claims.iter().any(|other| (&other.name, other.id) != (&claims[0].name, claims[0].id)));
    about
        .into_iter()
        .map(|((kind, subject), claims)| Dispute { kind, subject, claims: claims.into_iter().cloned().collect() })
        .collect()
}

/// The disputes that something wanted is part of, as reasons to touch nothing.
pub fn conflicts(wanted: &[Claim], hosts: &[Claim]) -> Vec<Diagnostic> {
    let all: Vec<_> = wanted.iter().chain(hosts).cloned().collect();
    disputes(&all).iter().filter_map(conflict).collect()
}

fn conflict(dispute: &Dispute) -> Option<Diagnostic> {
    let (own, place) = dispute.claims.iter().find_map(|claim| match &claim.origin {
        Origin::Wanted(place) => Some((claim, place)),
        Origin::Host { .. } => None,
    })?;
    let id = dispute.kind.id_name();
    let others = dispute.claims.iter().filter(|claim| (&claim.name, claim.id) != (&own.name, own.id));
    let message = match &dispute.subject {
        Subject::Name(name) => {
            let found: BTreeSet<_> = others.map(|claim| claim.id.to_string()).collect();
            format!("`{name}` shall have {id} {}, and has {}", own.id, join(&found))
        }
        Subject::Id(number) => {
            let found: BTreeSet<_> = others.map(|claim| format!("`{}`", claim.name)).collect();
            format!("{id} {number} shall be `{}`, and is {}", own.name, join(&found))
        }
    };
    let problem = Diagnostic { place: place.clone(), ..Diagnostic::new(ErrorKind::Refused, message) };
    let problem = evidence(dispute).into_iter().fold(problem, Diagnostic::note);
    Some(
        problem
            .hint(format!("give the roster's entry another {id}, or change the host's by hand: files keep the number")),
    )
}

fn join(found: &BTreeSet<String>) -> String {
    found.iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
}

/// Who says what, with hosts that say the same in one line: `login1, login2: /etc/passwd:34: alice has uid 2001`.
pub fn evidence(dispute: &Dispute) -> Vec<String> {
    let mut says: Vec<(String, Vec<&str>)> = Vec::new();
    for claim in &dispute.claims {
        let Origin::Host { host, file, line } = &claim.origin else { continue };
        // An entry of a directory is a place without lines.
        let place = if *line == 0 { file.clone() } else { format!("{file}:{line}") };
        let text = format!("{place}: {} has {} {}", claim.name, claim.kind.id_name(), claim.id);
        match says.iter_mut().find(|(other, _)| *other == text) {
            Some((_, hosts)) => hosts.push(host),
            None => says.push((text, vec![host])),
        }
    }
    says.into_iter().map(|(text, hosts)| format!("{}: {text}", hosts.join(", "))).collect()
}
