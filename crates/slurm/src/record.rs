//! What the transaction record says of things that are new, in slurmdbd's words, so that people find there what they know.

use crate::model::limits::Unit;
use crate::model::qos::QosFlag;
use crate::model::*;
use std::collections::BTreeSet;

/// What the transaction record says of a new association: all that it begins with, as slurmdbd writes it. A cluster's
/// root is told by having no parent. That it is its user's default is said where that was asked for.
pub fn association(now: i64, row: &Association, parent: Option<&str>, made_default: bool) -> String {
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
    let count = |limit: Limit| format!("{}={}", limit.column(), or_null(row.limits.get(limit)));
    parts.extend([Limit::GrpJobs, Limit::GrpJobsAccrue, Limit::GrpSubmitJobs, Limit::GrpWall].map(count));
    parts.extend((row.is_default && made_default).then(|| "is_def=1".to_owned()));
    parts.extend([Limit::MaxJobs, Limit::MaxJobsAccrue, Limit::MinPrioThreshold].map(count));
    parts.extend([Limit::MaxSubmitJobs, Limit::MaxWall].map(count));
    parts.push(format!("priority={}", or_null(row.priority)));
    parts.push(format!("def_qos_id={}", or_null(row.default_qos)));
    parts.extend(tres_info(&row.limits));
    parts.push(qos_info(row));
    parts.join(", ")
}

/// As SQL writes what may be missing.
fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

fn tres_info(limits: &Limits) -> Vec<String> {
    let with_tres = Limit::ALL.iter().filter(|limit| limit.unit() == Unit::Tres);
    let set = with_tres.filter(|limit| limits.all_tres(**limit).next().is_some());
    set.map(|limit| format!("{}={}", limit.column(), tres(limits, *limit))).collect()
}

/// `'1=4,2=1000'`
fn tres(limits: &Limits, limit: Limit) -> String {
    let counts: Vec<_> = limits.all_tres(limit).map(|(id, count)| format!("{id}={count}")).collect();
    format!("'{}'", counts.join(","))
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
        association(now, root, None, false),
        state.number(),
        features.join(",")
    )
}

/// A new QOS: all that it begins with.
pub fn qos(now: i64, row: &Qos) -> String {
    let set = |(name, value): &(&str, String)| *value != "''" || *name == "description";
    let all = qos_columns(row).into_iter().filter(set).map(|(name, value)| format!("{name}={value}"));
    std::iter::once(format!("mod_time={now}")).chain(all).collect::<Vec<_>>().join(", ")
}

/// What differs between a QOS before and after.
pub fn qos_change(old: &Qos, new: &Qos) -> String {
    let pairs = qos_columns(old).into_iter().zip(qos_columns(new)).filter(|(old, new)| old != new);
    pairs.map(|(_, (name, value))| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// A QOS as slurmdbd's table has it: columns and values, in slurmdbd's order.
fn qos_columns(row: &Qos) -> Vec<(&'static str, String)> {
    let count = |limit: Limit| or_null(row.limits.get(limit));
    let real = |value: Option<f64>| or_null(value.map(|value| format!("{value:.6}")));
    let preempt: String = row.preempt.iter().map(|id| format!("{id},")).collect();
    let mut columns = vec![
        ("description", format!("'{}'", row.description)),
        ("flags", row.flags.iter().map(|flag| flag_bit(*flag)).sum::<u32>().to_string()),
        ("grace_time", row.grace_time.to_string()),
        ("grp_jobs", count(Limit::GrpJobs)),
        ("grp_jobs_accrue", count(Limit::GrpJobsAccrue)),
        ("grp_submit_jobs", count(Limit::GrpSubmitJobs)),
        ("grp_wall", count(Limit::GrpWall)),
        ("max_jobs_pa", count(Limit::MaxJobsPerAccount)),
        ("max_jobs_per_user", count(Limit::MaxJobsPerUser)),
        ("max_jobs_accrue_pa", count(Limit::MaxJobsAccruePerAccount)),
        ("max_jobs_accrue_pu", count(Limit::MaxJobsAccruePerUser)),
        ("min_prio_thresh", count(Limit::MinPrioThreshold)),
        ("max_submit_jobs_pa", count(Limit::MaxSubmitJobsPerAccount)),
        ("max_submit_jobs_per_user", count(Limit::MaxSubmitJobsPerUser)),
        ("max_wall_duration_per_job", count(Limit::MaxWall)),
        ("preempt", if preempt.is_empty() { "''".into() } else { format!("',{preempt}'") }),
        ("preempt_exempt_time", or_null(row.preempt_exempt_time)),
        ("preempt_mode", row.preempt_mode.split(',').map(preempt_mode).sum::<u32>().to_string()),
        ("priority", row.priority.to_string()),
        ("usage_factor", format!("{:.6}", row.usage_factor)),
        ("usage_thres", real(row.usage_threshold)),
        ("limit_factor", real(row.limit_factor)),
    ];
    columns.extend(QOS_TRES.map(|limit| (limit.column(), tres(&row.limits, limit))));
    columns
}

/// The limits of a QOS that hold TRES, in slurmdbd's order.
const QOS_TRES: [Limit; 11] = [
    Limit::GrpTres,
    Limit::GrpTresMins,
    Limit::GrpTresRunMins,
    Limit::MaxTresPerAccount,
    Limit::MaxTresPerJob,
    Limit::MaxTresPerNode,
    Limit::MaxTresPerUser,
    Limit::MaxTresMinsPerJob,
    Limit::MaxTresRunMinsPerAccount,
    Limit::MaxTresRunMinsPerUser,
    Limit::MinTresPerJob,
];

/// The bit of a flag in slurmdbd's column.
fn flag_bit(flag: QosFlag) -> u32 {
    match flag {
        QosFlag::PartitionMinNodes => 1,
        QosFlag::PartitionMaxNodes => 1 << 1,
        QosFlag::PartitionTimeLimit => 1 << 2,
        QosFlag::EnforceUsageThreshold => 1 << 3,
        QosFlag::NoReserve => 1 << 4,
        QosFlag::RequiresReservation => 1 << 5,
        QosFlag::DenyOnLimit => 1 << 6,
        QosFlag::OverPartQOS => 1 << 7,
        QosFlag::NoDecay => 1 << 8,
        QosFlag::UsageFactorSafe => 1 << 9,
        QosFlag::Relative => 1 << 10,
    }
}

/// The number of a way to preempt in slurmdbd's column.
fn preempt_mode(name: &str) -> u32 {
    match name.to_ascii_lowercase().as_str() {
        "suspend" => 1,
        "requeue" => 1 << 1,
        "cancel" => 1 << 3,
        "within" => 1 << 14,
        "gang" => 1 << 15,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tres::CPU;

    #[test]
    fn a_qos_is_told_as_slurmdbd_tells_it() {
        let mut row = Qos::new(QosId(4), "full");
        row.flags = [QosFlag::DenyOnLimit, QosFlag::NoDecay].into();
        row.limits.set((Limit::GrpTres, Some(CPU)), Some(2));
        let text = qos(7, &row);
        assert!(text.starts_with("mod_time=7, description='full', flags=320, grace_time=0, grp_jobs=NULL, "), "{text}");
        assert!(
            text.contains("preempt_exempt_time=NULL, preempt_mode=0, priority=0, usage_factor=1.000000, "),
            "{text}"
        );
        assert!(text.ends_with(", limit_factor=NULL, grp_tres='1=2'"), "{text}");
        let mut after = row.clone();
        after.preempt = [QosId(3)].into();
        after.preempt_mode = "cancel".into();
        after.limits.set((Limit::GrpTres, Some(CPU)), None);
        assert_eq!(qos_change(&row, &after), "preempt=',3,', preempt_mode=8, grp_tres=''");
        assert_eq!(qos_change(&row, &row), "");
    }
}
