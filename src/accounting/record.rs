//! What the transaction record says of things that are new, in slurmdbd's words, so that people find there what they know.

use super::model::limits::Unit;
use super::model::*;
use std::collections::BTreeSet;

/// What the transaction record says of a new association: all that it begins with, as slurmdbd writes it. A cluster's
/// root is told by having no parent.
pub fn association(now: i64, row: &Association, parent: Option<&str>) -> String {
    let key = &row.key;
    let mut parts = vec![format!("mod_time={now}")];
    if row.parent.is_some() {
        parts.push(format!("acct='{}'", key.account));
        parts.extend(parent.filter(|_| key.is_account()).map(|parent| format!("parent_acct='{parent}'")));
        parts.push(format!("user='{}'", key.user));
        parts.extend((!key.is_account()).then(|| format!("`partition`='{}'", key.partition)));
    }
    parts.push(match row.shares {
        Shares::Of(shares) => format!("shares={shares}"),
        Shares::Parent => "shares=2147483647".into(),
    });
    let null = |value: Option<u64>| value.map_or("NULL".to_owned(), |value| value.to_string());
    let count = |limit: Limit| format!("{}={}", limit.column(), null(row.limits.get(limit)));
    parts.extend([Limit::GrpJobs, Limit::GrpJobsAccrue, Limit::GrpSubmitJobs, Limit::GrpWall].map(count));
    parts.extend((row.is_default && key.user == "root").then(|| "is_def=1".to_owned()));
    parts.extend([Limit::MaxJobs, Limit::MaxJobsAccrue, Limit::MinPrioThreshold].map(count));
    parts.extend([Limit::MaxSubmitJobs, Limit::MaxWall].map(count));
    parts.push(format!("priority={}", null(row.priority.map(u64::from))));
    parts.push(format!("def_qos_id={}", null(row.default_qos.map(u64::from))));
    parts.extend(tres_info(&row.limits));
    parts.push(qos_info(row));
    parts.join(", ")
}

fn tres_info(limits: &Limits) -> Vec<String> {
    let with_tres = Limit::ALL.iter().filter(|limit| limit.unit() == Unit::Tres);
    let text = |limit: &Limit| {
        let counts: Vec<_> = limits.all_tres(*limit).map(|(id, count)| format!("{id}={count}")).collect();
        (!counts.is_empty()).then(|| format!("{}='{}'", limit.column(), counts.join(",")))
    };
    with_tres.filter_map(text).collect()
}

fn qos_info(row: &Association) -> String {
    let signed =
        |ids: &BTreeSet<QosId>, sign: &str| -> String { ids.iter().map(|id| format!("{sign}{id},")).collect() };
    match &row.qos {
        QosSet::Inherited => "qos='', delta_qos=''".into(),
        QosSet::Exactly(ids) if row.parent.is_none() => format!("qos=',{}'", signed(ids, "")),
        QosSet::Exactly(ids) => format!("qos=',{}', delta_qos=''", signed(ids, "")),
        QosSet::Changed { added, removed } => {
            format!("qos='', delta_qos=',{}{}'", signed(added, "+"), signed(removed, "-"))
        }
    }
}

/// A new cluster with its root association.
pub fn cluster(now: i64, cluster: &Cluster, root: &Association) -> String {
    let Membership { federation, id, state, features } = &cluster.membership;
    let features: Vec<_> = features.iter().map(String::as_str).collect();
    format!(
        "{}, federation='{federation}', fed_id={id}, fed_state={}, features='{}'",
        association(now, root, None),
        state.number(),
        features.join(",")
    )
}
