//! Drift and contradictions over all hosts, from what [`super::observe`] saw: who has which number where, who is
//! missing, who differs, who is not in the roster.

use super::observe::{ObservedUser, claims};
use super::plan::{Drift, drift};
use super::{Observed, Site, Survey, observe};
use crate::plan::{HostPlan, LeftOut};
use crate::roster::claims::{Dispute, Kind, Origin, Subject, disputes, evidence, of_roster};
use crate::roster::{PersonState, Roster, State, User, names};
use host::change::{Action, Change, FieldDiff};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use words::diag::Diagnostic;
use words::value::Value;

/// What kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// One name has several numbers.
    NameWithSeveralNumbers,
    /// One number has several names.
    NumberWithSeveralNames,
    /// In the roster, and not on a host.
    Missing,
    /// In the roster as absent, and on a host.
    NotRemoved,
    /// On a host not as the roster says.
    Differs,
    /// An ordinary account on a host, and not in the roster.
    NotInRoster,
    /// The host did not answer, or only in part: what was not seen there, nobody knows.
    NotSeen,
}

/// One thing that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// Whom it is about: `user gildong`, `gid 3001`.
    pub subject: String,
    /// Whether only accounts of the system are in it, which packages number as they come. Told apart, since a cluster
    /// has many of them; those of Slurm and munge matter.
    pub system: bool,
    /// What was seen, where; hosts that say the same share a line.
    pub seen: Vec<String>,
}

/// Looks at every host, and with a roster also at what the roster would change there: groups, expiry, locks, keys. A host
/// that answers only the first question counts as seen and as silent: what was seen of it is judged, and it is named.
pub fn look(site: &Site, roster: Option<&Roster>) -> Result<(Vec<Finding>, Survey), Vec<Diagnostic>> {
    let mut survey = observe(site)?;
    let has_accounts =
        |seen: &&Observed| site.hosts().iter().any(|host| host.name() == seen.host && host.resolves.is_none());
    let own: Vec<Observed> = survey.seen.iter().filter(has_accounts).cloned().collect();
    let mut findings = audit_of(&survey.seen, &own, roster);
    if let Some(roster) = roster {
        let Drift { hosts, silent } = drift(site, roster, &survey.seen);
        findings.extend(foreseen(&hosts));
        survey.silent.extend(silent);
        findings.sort_by_key(|finding| (finding.system, finding.kind));
    }
    Ok((findings, survey))
}

/// The hosts that did not answer, as findings: for readers who have nothing but these.
pub fn not_seen(silent: &[(String, Diagnostic)]) -> impl Iterator<Item = Finding> {
    silent.iter().map(|(host, why)| Finding {
        kind: FindingKind::NotSeen,
        subject: format!("host {host}"),
        system: false,
        seen: std::iter::once(&why.message).chain(&why.notes).cloned().collect(),
    })
}

/// Fields that the account files show by themselves, with their line.
const SEEN_IN_PASSWD: &[&str] = &["uid", "gid", "group", "shell", "home", "comment"];

/// What a dry run found that the account files alone do not show.
fn foreseen(drifted: &[(HostPlan, Vec<LeftOut>)]) -> Vec<Finding> {
    let mut differs: Vec<(String, &str, String)> = Vec::new();
    for (plan, left_out) in drifted {
        let changes = plan.steps.iter().flat_map(|step| step.changes.iter().map(move |change| (step, change)));
        let new: HashSet<&str> =
            changes.clone().filter(|(_, change)| is_new_user(change)).map(|(_, it)| it.address.name.as_str()).collect();
        for (step, change) in changes {
            let whose = step.args.get("user").or(step.args.get("name")).and_then(Value::as_str).unwrap_or_default();
            // Who is missing is said to be missing.
            if new.contains(whose) {
                continue;
            }
            let says = match step.module.as_str() {
                "user" | "doors" if change.action == Action::Update => fields(change),
                "authorized_key" => vec![keys_differ(change)],
                _ => continue,
            };
            differs.extend(says.into_iter().map(|text| (format!("user {whose}"), plan.host.as_str(), text)));
        }
        differs.extend(left_out.iter().filter_map(|one| {
            // What follows from somebody's or a group's being left out has its own finding.
            let whose = one.what.strip_prefix("user ").or(one.what.strip_prefix("a key of "))?;
            let says = (!one.why.ends_with("is left out")).then(|| format!("{}: {}", one.what, one.why))?;
            Some((format!("user {whose}"), plan.host.as_str(), says))
        }));
    }
    let mut by_subject: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for (subject, host, text) in differs {
        by_subject.entry(subject).or_default().push((host, text));
    }
    let all = by_subject.into_iter();
    all.flat_map(|(subject, seen)| finding(FindingKind::Differs, subject, seen.into_iter())).collect()
}

fn is_new_user(change: &Change) -> bool {
    change.address.kind == "user" && change.action == Action::Create
}

fn fields(change: &Change) -> Vec<String> {
    let shown =
        |value: &Value| if value.is_truthy() || value.as_int().is_some() { value.to_string() } else { "(none)".into() };
    let differing = change.fields.iter().filter_map(|field| match field {
        FieldDiff::Value { name, .. } if name == "home directory" => Some("the home directory is not there".into()),
        FieldDiff::Value { name, before, after } if !SEEN_IN_PASSWD.contains(&name.as_str()) => {
            Some(format!("{name} is {}, shall be {}", shown(before), shown(after)))
        }
        FieldDiff::Opaque { name, says } => Some(format!("{name}: {says}")),
        _ => None,
    });
    differing.collect()
}

fn keys_differ(change: &Change) -> String {
    let at = &change.address.name;
    if change.address.kind == "file" {
        return format!("{at} is not there, or not the person's own");
    }
    match change.action {
        Action::Create => format!("{at} is not there"),
        _ => format!("{at} has not the keys of the roster, or is not the person's own"),
    }
}

/// All findings in what was seen, worst first. Without a roster only contradictions can be found.
pub fn audit(observed: &[Observed], roster: Option<&Roster>) -> Vec<Finding> {
    audit_of(observed, observed, roster)
}

/// The same, where only `own` keep people themselves; the others have them from a directory.
fn audit_of(observed: &[Observed], own: &[Observed], roster: Option<&Roster>) -> Vec<Finding> {
    let wanted = roster.map(of_roster).unwrap_or_default();
    let all: Vec<_> = wanted.into_iter().chain(claims(observed)).collect();
    let mut findings: Vec<_> = disputes(&all).iter().map(contradiction).collect();
    if let Some(roster) = roster {
        let places = places(observed);
        roster.users.iter().for_each(|user| findings.extend(of_user(user, own, &places)));
        findings.extend(group_drift(roster, own));
        findings.extend(strangers(roster, observed));
    }
    findings.sort_by_key(|finding| (finding.system, finding.kind));
    findings
}

fn contradiction(dispute: &Dispute) -> Finding {
    let (kind, subject) = match &dispute.subject {
        Subject::Name(name) => (FindingKind::NameWithSeveralNumbers, format!("{} {name}", noun(dispute.kind))),
        Subject::Id(id) => (FindingKind::NumberWithSeveralNames, format!("{} {id}", dispute.kind.id_name())),
    };
    let is_system = |id: u32| !(1000..60000).contains(&id);
    let system =
        dispute.claims.iter().all(|claim| is_system(claim.id) && !["slurm", "munge"].contains(&claim.name.as_str()));
    let wanted = dispute.claims.iter().filter_map(|claim| match &claim.origin {
        Origin::Wanted(Some(place)) => {
            Some(format!("{place}: {} has {} {}", claim.name, claim.kind.id_name(), claim.id))
        }
        _ => None,
    });
    Finding { kind, subject, system, seen: wanted.chain(evidence(dispute)).collect() }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Group => "group",
    }
}

/// Everybody on every host, by host and name.
type Places<'o> = HashMap<(&'o str, &'o str), &'o ObservedUser>;

fn places(observed: &[Observed]) -> Places<'_> {
    let all = observed.iter().flat_map(|host| host.users.iter().map(move |user| (host, user)));
    all.map(|(host, user)| ((host.host.as_str(), user.name.as_str()), user)).collect()
}

/// What is not as the roster says about one user, field by field.
fn of_user(user: &User, observed: &[Observed], places: &Places) -> Vec<Finding> {
    let subject = format!("user {}", user.name.value);
    let found = |host: &Observed| places.get(&(host.host.as_str(), user.name.as_str())).copied();
    if user.standing == PersonState::Upcoming {
        // An account that is there already is locked until the day: that is for the plan to tell.
        return Vec::new();
    }
    if !user.standing.has_account() {
        let there = observed.iter().filter(|host| found(host).is_some());
        return finding(FindingKind::NotRemoved, subject, there.map(|host| (host.host.as_str(), String::new())));
    }
    let missing = observed.iter().filter(|host| found(host).is_none());
    let missing = missing.map(|host| (host.host.as_str(), String::new()));
    let differing = observed.iter().filter_map(|host| Some((host, found(host)?)));
    let differing = differing.flat_map(|(host, found)| {
        differences(user, found)
            .into_iter()
            .map(move |says| (host.host.as_str(), format!("{}:{}: {says}", found.file, found.line)))
    });
    [finding(FindingKind::Missing, subject.clone(), missing), finding(FindingKind::Differs, subject, differing)]
        .concat()
}

/// Fields that the roster sets otherwise; a number is a contradiction, and reported as one.
fn differences(user: &User, found: &ObservedUser) -> Vec<String> {
    let fields = [
        ("shell", &user.shell, &found.shell),
        ("home", &user.home, &found.home),
        ("comment", &user.comment, &found.comment),
    ];
    let wanted = fields.into_iter().filter_map(|(name, wanted, found)| Some((name, wanted.as_ref()?, found)));
    wanted
        .filter(|(_, wanted, found)| wanted.value != **found)
        .map(|(name, wanted, found)| format!("{name} is '{found}', shall be '{}'", wanted.value))
        .collect()
}

fn group_drift(roster: &Roster, observed: &[Observed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in &roster.groups {
        let is_there = |host: &&Observed| host.groups.iter().any(|other| other.name == group.name.value);
        let (kind, wrong): (_, Vec<_>) = match group.state {
            State::Present => (FindingKind::Missing, observed.iter().filter(|host| !is_there(host)).collect()),
            State::Absent => (FindingKind::NotRemoved, observed.iter().filter(is_there).collect()),
        };
        let hosts = wrong.into_iter().map(|host| (host.host.as_str(), String::new()));
        findings.extend(finding(kind, format!("group {}", group.name.value), hosts));
    }
    findings
}

/// Ordinary users that no roster knows.
fn strangers(roster: &Roster, observed: &[Observed]) -> Vec<Finding> {
    let known: HashSet<&str> = roster.users.iter().map(|user| user.name.as_str()).collect();
    let is_stranger = |user: &&ObservedUser| {
        names::reserved_for(user.uid).is_none()
            && !known.contains(user.name.as_str())
            && !roster.guards.protects(&user.name)
    };
    let mut order: Vec<&str> = Vec::new();
    let mut seen: HashMap<&str, Vec<(&str, String)>> = HashMap::new();
    for (host, user) in observed.iter().flat_map(|host| host.users.iter().filter(is_stranger).map(move |it| (host, it)))
    {
        let places = seen.entry(&user.name).or_insert_with(|| {
            order.push(&user.name);
            Vec::new()
        });
        places.push((&host.host, format!("{}:{}: uid {}", user.file, user.line, user.uid)));
    }
    let of = |name: &&str| {
        let places = seen.get(name).into_iter().flatten().cloned();
        finding(FindingKind::NotInRoster, format!("user {name}"), places)
    };
    order.iter().flat_map(of).collect()
}

/// One finding over all hosts that have it; none when no host has it.
fn finding<'h>(kind: FindingKind, subject: String, hosts: impl Iterator<Item = (&'h str, String)>) -> Vec<Finding> {
    let mut says: Vec<(String, Vec<&str>)> = Vec::new();
    for (host, text) in hosts {
        match says.iter_mut().find(|(other, _)| *other == text) {
            Some((_, hosts)) => hosts.push(host),
            None => says.push((text, vec![host])),
        }
    }
    let line = |(text, hosts): (String, Vec<&str>)| {
        if text.is_empty() { hosts.join(", ") } else { format!("{}: {text}", hosts.join(", ")) }
    };
    let seen: Vec<_> = says.into_iter().map(line).collect();
    if seen.is_empty() { Vec::new() } else { vec![Finding { kind, subject, system: false, seen }] }
}

impl FindingKind {
    /// For the table.
    pub fn says(self) -> &'static str {
        match self {
            Self::NameWithSeveralNumbers => "has several numbers",
            Self::NumberWithSeveralNames => "has several names",
            Self::Missing => "is missing",
            Self::NotRemoved => "shall be gone",
            Self::Differs => "differs from the roster",
            Self::NotInRoster => "is not in the roster",
            Self::NotSeen => "was not seen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ObservedGroup;
    use words::diag::Source;

    fn user(name: &str, uid: u32, line: u32) -> ObservedUser {
        let (home, file) = (format!("/home/{name}"), "/etc/passwd".to_owned());
        ObservedUser {
            name: name.into(),
            uid,
            gid: 100,
            comment: String::new(),
            home,
            shell: "/bin/sh".into(),
            file,
            line,
            locked: None,
        }
    }

    fn host(name: &str, users: Vec<ObservedUser>) -> Observed {
        let group = ObservedGroup { name: "ai".into(), gid: 3001, file: "/etc/group".into(), line: 9 };
        Observed { host: name.into(), users, groups: vec![group], digest: String::new(), warnings: Vec::new() }
    }

    fn shown(findings: &[Finding]) -> Vec<String> {
        let line = |one: &Finding| {
            let system = if one.system { " (system)" } else { "" };
            format!("{} {}{system}: {}", one.subject, one.kind.says(), one.seen.join("; "))
        };
        findings.iter().map(line).collect()
    }

    #[test]
    fn contradictions_are_found_without_a_roster() {
        let first = host("login1", vec![user("gildong", 2001, 3), user("messagebus", 101, 2), user("slurm", 64030, 4)]);
        let second = host("login2", vec![user("gildong", 2002, 3), user("sshd", 101, 2), user("slurm", 982, 4)]);
        let third = host("login3", vec![user("alice", 2002, 3)]);
        assert_eq!(
            shown(&audit(&[first, second, third], None)),
            [
                "user gildong has several numbers: login1: /etc/passwd:3: gildong has uid 2001; login2: /etc/passwd:3: gildong has uid 2002",
                "user slurm has several numbers: login1: /etc/passwd:4: slurm has uid 64030; login2: /etc/passwd:4: slurm has uid 982",
                "uid 2002 has several names: login2: /etc/passwd:3: gildong has uid 2002; login3: /etc/passwd:3: alice has uid 2002",
                "uid 101 has several names (system): login1: /etc/passwd:2: messagebus has uid 101; login2: /etc/passwd:2: sshd has uid 101",
            ]
        );
    }

    #[test]
    fn drift_is_measured_against_the_roster() {
        let text = "groups:\n  ai: {gid: 3001}\n  gpu: {gid: 3002}\nusers:\n  gildong: {uid: 2001, group: ai, shell: /bin/bash}\n  dooly: {uid: 2002, group: ai, state: absent}\n";
        let roster = crate::roster::load(&Source::new("roster.yml", text)).unwrap();
        let first = host("login1", vec![user("gildong", 2001, 3), user("dooly", 2002, 4), user("root", 0, 1)]);
        let second = host("login2", vec![user("mallory", 4000, 3)]);
        assert_eq!(
            shown(&audit(&[first, second], Some(&roster))),
            [
                "user gildong is missing: login2",
                "group gpu is missing: login1, login2",
                "user dooly shall be gone: login1",
                "user gildong differs from the roster: login1: /etc/passwd:3: shell is '/bin/sh', shall be '/bin/bash'",
                "user mallory is not in the roster: login2: /etc/passwd:3: uid 4000",
            ]
        );
    }
}
