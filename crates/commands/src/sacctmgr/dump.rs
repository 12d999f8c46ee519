//! `sacctmgr dump`: one cluster's accounts, users and associations as a file that `load` reads (sacctmgr(1), "FLAT FILE
//! DUMP AND LOAD"). QOS, federations and resources are not in it; `enlist export slurm` takes those along.

use super::format::tres_list;
use super::session::{Done, Session};
use super::setting::qos_name;
use super::word::{self, Word};
use slurm::State;
use slurm::model::limits::Unit;
use slurm::model::*;
use slurm::tree;
use std::fmt::Write as _;
use words::people::Uid;

/// The number that files have for `Fairshare=parent`.
pub const SHARES_OF_PARENT: u32 = i32::MAX as u32;

/// The limits that a dump has, in its order, with its names.
pub const LIMITS: &[(Limit, &str)] = &[
    (Limit::GrpTresMins, "GrpTRESMins"),
    (Limit::GrpTresRunMins, "GrpTRESRunMins"),
    (Limit::GrpTres, "GrpTRES"),
    (Limit::GrpJobs, "GrpJobs"),
    (Limit::GrpJobsAccrue, "GrpJobsAccrue"),
    (Limit::GrpSubmitJobs, "GrpSubmitJobs"),
    (Limit::GrpWall, "GrpWall"),
    (Limit::MaxTresMinsPerJob, "MaxTRESMinsPerJob"),
    (Limit::MaxTresRunMins, "MaxTRESRunMins"),
    (Limit::MaxTresPerJob, "MaxTRESPerJob"),
    (Limit::MaxTresPerNode, "MaxTRESPerNode"),
    (Limit::MaxJobs, "MaxJobs"),
    (Limit::MaxJobsAccrue, "MaxJobsAccrue"),
    (Limit::MaxSubmitJobs, "MaxSubmitJobs"),
    (Limit::MaxWall, "MaxWallDurationPerJob"),
];

const HEADING: &str = "\
# To edit this file start with a cluster line for the new cluster
# Cluster - 'cluster_name':MaxTRESPerJob=node=50
# Followed by Accounts you want in this fashion (root is created by default)...
# Parent - 'root'
# Account - 'cs':MaxTRESPerJob=node=5:MaxJobs=4:MaxTRESMinsPerJob=cpu=20:FairShare=399:MaxWallDurationPerJob=40:\
Description='Computer Science':Organization='LC'
# Any of the options after a ':' can be left out and they can be in any order.
# If you want to add any sub accounts just list the Parent THAT HAS ALREADY
# BEEN CREATED before the account line in this fashion...
# Parent - 'cs'
# Account - 'test':MaxTRESPerJob=node=1:MaxJobs=1:MaxTRESMinsPerJob=cpu=1:FairShare=1:MaxWallDurationPerJob=1:\
Description='Test Account':Organization='Test'
# To add users to a account add a line like this after a Parent - 'line'
# User - 'lipari':MaxTRESPerJob=node=2:MaxJobs=3:MaxTRESMinsPerJob=cpu=4:FairShare=1:MaxWallDurationPerJob=1
";

/// `dump CLUSTER [file=FILE]`
pub fn run(session: &mut Session, words: &[Word]) -> Done {
    let (mut cluster, mut file) = (None, None);
    for word in words {
        if word.operator.is_none() || word.is("Cluster", 1) {
            match &cluster {
                None => cluster = Some(word::unquote_lower(word.value)),
                Some(earlier) => {
                    let text = format!(" Can only do one cluster at a time.  Already doing {earlier}");
                    session.complain(text);
                }
            }
        } else if word.is("File", 1) {
            match &file {
                None => file = Some(word::unquote(word.value)),
                Some(earlier) => {
                    let text = format!(" File name already set to {earlier}");
                    session.complain(text);
                }
            }
        } else {
            session.complain(format!(" Unknown option: {}", word.raw));
        }
    }
    let Some(cluster) = cluster else { return session.refuse(" We need a cluster to dump.") };
    may_dump(session)?;
    if session.state.root(&cluster).is_none() {
        return session.refuse(format!(" Cluster {cluster} doesn't exist."));
    }
    let file = file.unwrap_or_else(|| {
        session.say(format!(" No filename given, using ./{cluster}.cfg."));
        format!("./{cluster}.cfg")
    });
    let lines = lines(session.state, &cluster);
    for line in &lines {
        session.stderr.push_str(&format!("sacctmgr: {line}\n"));
    }
    session.writes.push((file, text(&lines)));
    Ok(())
}

fn may_dump(session: &mut Session) -> Done {
    let (state, caller) = (&*session.state, session.caller);
    if caller.uid != Uid::ROOT && state.user(&caller.name).is_none() {
        return session
            .refuse(format!(" Your uid ({}) is not in the accounting system, can't dump cluster.", caller.uid));
    }
    if !caller.is_administrator(state) {
        return session.refuse(" Your user does not have sufficient privileges to dump clusters.");
    }
    Ok(())
}

/// The file's text.
pub fn text(lines: &[String]) -> String {
    let mut text = String::from(HEADING);
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The file's lines after its heading.
pub fn lines(state: &State, cluster: &str) -> Vec<String> {
    let Some(root) = state.root(cluster) else { return Vec::new() };
    let mut line = format!("Cluster - '{cluster}'");
    if let Some(class) = state.clusters.get(&root.key.cluster).map(|row| row.classification)
        && class != Classification::None
    {
        let _ = write!(line, ":Classification='{}'", class.name());
    }
    settings(state, root, &mut line);
    let mut lines = vec![line];
    below(state, root, &mut lines);
    lines
}

/// What hangs below an association, users first, each kind by name; then what hangs below each of these.
fn below(state: &State, top: &Association, lines: &mut Vec<String>) {
    let mut pending = vec![top];
    while let Some(parent) = pending.pop() {
        let children = tree::sort_for_listing(std::iter::once(parent).chain(state.children(parent.id)).collect(), true);
        let children = &children[1..];
        if children.is_empty() {
            continue;
        }
        lines.push(format!("Parent - '{}'", parent.key.account));
        lines.extend(
            children.iter().map(|row| if row.key.is_account() { account(state, row) } else { user(state, row) }),
        );
        pending.extend(children.iter().rev().filter(|row| row.key.is_account()));
    }
}

/// Text as it may stand between quotes on one line.
fn quotable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ").replace(['\'', '"'], "`")
}

fn account(state: &State, row: &Association) -> String {
    let mut line = format!("Account - '{}'", row.key.account);
    if let Some(account) = state.account(&row.key.account) {
        let (description, organization) = (quotable(&account.description), quotable(&account.organization));
        let _ = write!(line, ":Description='{description}':Organization='{organization}'");
    }
    settings(state, row, &mut line);
    line
}

fn user(state: &State, row: &Association) -> String {
    let AssociationKey { cluster, user, partition, .. } = &row.key;
    let mut line = format!("User - '{user}'");
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(line, ":{name}='{value}'");
        }
    };
    put("Partition", partition);
    put("DefaultAccount", state.default_account(user, cluster).map_or("", |row| &row.key.account));
    let wckeys: Vec<_> = state.wckeys_of(user).filter(|row| row.cluster == *cluster && !row.name.is_empty()).collect();
    put("DefaultWCKey", wckeys.iter().find(|row| row.is_default).map_or("", |row| &row.name));
    let level = state.user(user).map_or(AdminLevel::None, |row| row.admin_level);
    put("AdminLevel", if level == AdminLevel::None { "" } else { level.name() });
    put("Coordinator", &coordinated(state, user).join(","));
    let wckeys: Vec<_> = wckeys.iter().map(|row| row.name.as_str()).filter(|name| !name.starts_with('*')).collect();
    put("WCKeys", &wckeys.join(","));
    settings(state, row, &mut line);
    line
}

/// The accounts that a user coordinates by name, sorted.
pub fn coordinated(state: &State, user: &str) -> Vec<String> {
    state.coordinators.values().filter(|row| row.user == user).map(|row| row.account.clone()).collect()
}

fn settings(state: &State, row: &Association, line: &mut String) {
    if let Some(id) = row.default_qos {
        let _ = write!(line, ":DefaultQOS='{}'", qos_name(state, id));
    }
    let shares = match row.shares {
        Shares::Of(shares) => shares,
        Shares::Parent => SHARES_OF_PARENT,
    };
    let _ = write!(line, ":Fairshare={shares}");
    for (limit, name) in LIMITS {
        let value = match limit.unit() {
            Unit::Tres => Some(tres_list(state, row.limits.all_tres(*limit))).filter(|list| !list.is_empty()),
            _ => row.limits.get(*limit).map(|value| value.to_string()),
        };
        if let Some(value) = value {
            let _ = write!(line, ":{name}={value}");
        }
    }
    if let Some(priority) = row.priority {
        let _ = write!(line, ":Priority={priority}");
    }
    if let Some(qos) = qos_list(state, &row.qos) {
        let _ = write!(line, ":QOS='{qos}'");
    }
}

/// A QOS list as it is set: names, or with signs what it adds and takes away; `None` when it is inherited.
pub fn qos_list(state: &State, set: &QosSet) -> Option<String> {
    let mut names: Vec<String> = match set {
        QosSet::Inherited => Vec::new(),
        QosSet::Exactly(ids) => ids.iter().map(|id| qos_name(state, *id)).collect(),
        QosSet::Changed { added, removed } => {
            let signed = |sign: char, ids: &std::collections::BTreeSet<QosId>| {
                ids.iter().map(|id| format!("{sign}{}", qos_name(state, *id))).collect::<Vec<_>>()
            };
            [signed('+', added), signed('-', removed)].concat()
        }
    };
    names.sort();
    Some(names.join(",")).filter(|list| !list.is_empty())
}
