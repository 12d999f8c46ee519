//! The checks in Slurm's order: the orders are tables, and one function says whether a limit is met.

use super::{Amounts, Counts, Enforce, InUse, Job, Level, PartitionLimits, Reason};
use crate::accounting::State;
use crate::accounting::model::limits::Unit;
use crate::accounting::model::qos::QosFlag;
use crate::accounting::model::tres::{NODE, TresId};
use crate::accounting::model::{Association, AssociationKey, Limit, Limits, Qos};
use crate::accounting::tree::{Effective, effective};
use std::collections::BTreeSet;

/// When limits are checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// At submission.
    Submit,
    /// Before nodes are selected.
    Before,
    /// After nodes were selected.
    Placed,
}

/// For each stage the order of limits of a QOS, of every association, and of the user's association only.
fn order(stage: Stage) -> [&'static [Limit]; 3] {
    use Limit::*;
    match stage {
        Stage::Submit => [
            &[
                MaxTresPerAccount,
                MaxTresPerUser,
                GrpTres,
                GrpSubmitJobs,
                MaxTresMinsPerJob,
                GrpTresMins,
                GrpTresRunMins,
                MaxWall,
                GrpWall,
                MaxTresPerJob,
                MaxTresPerNode,
                MaxSubmitJobsPerAccount,
                MaxSubmitJobsPerUser,
                MinTresPerJob,
            ],
            &[GrpTres, GrpSubmitJobs, GrpTresMins, GrpTresRunMins, GrpWall],
            &[MaxTresPerJob, MaxTresPerNode, MaxSubmitJobs, MaxTresMinsPerJob, MaxWall],
        ],
        Stage::Before => {
            [&[GrpJobs, GrpWall, MaxJobsPerAccount, MaxJobsPerUser, MaxWall], &[GrpJobs, GrpWall], &[MaxJobs, MaxWall]]
        }
        Stage::Placed => [
            &[
                GrpTresMins,
                GrpTres,
                GrpTresRunMins,
                MaxTresMinsPerJob,
                MaxTresPerJob,
                MaxTresPerNode,
                MinTresPerJob,
                MaxTresPerAccount,
                MaxTresPerUser,
                MaxTresRunMinsPerAccount,
                MaxTresRunMinsPerUser,
            ],
            &[GrpTresMins, GrpTres, GrpTresRunMins],
            &[MaxTresMinsPerJob, MaxTresPerJob, MaxTresPerNode],
        ],
    }
}

/// Where a job stands: its association, the ones above, and its QOS in order of precedence.
pub(super) struct Place<'a> {
    line: Vec<&'a Association>,
    effective: Effective,
    job_qos: Option<&'a Qos>,
    qos: Vec<&'a Qos>,
}

impl<'a> Place<'a> {
    /// The association for the partition, else for all partitions; `None` when there is neither.
    pub(super) fn find(state: &'a State, job: &Job) -> Option<Self> {
        let account = match job.account {
            Some(account) => account,
            None => state.default_account(job.user, job.cluster)?.key.account.as_str(),
        };
        let of = |partition| state.find(&AssociationKey::user(job.cluster, account, job.user, partition));
        let mut line = vec![of(job.partition).or_else(|| of(""))?];
        while let Some(parent) = line.last().and_then(|row| row.parent).and_then(|id| state.association(id)) {
            line.push(parent);
        }
        let effective = effective(state, line[0]);
        let present = |id| state.qos.get(&id).filter(|qos| !qos.deleted);
        let job_qos = match job.qos.or(effective.default_qos) {
            Some(id) => present(id),
            None => state.qos_named("normal"),
        };
        let mut qos: Vec<&Qos> = job.partition_limits.qos.and_then(present).into_iter().chain(job_qos).collect();
        qos.dedup_by_key(|qos| qos.id);
        if job_qos.is_some_and(|qos| qos.flags.contains(&QosFlag::OverPartQOS)) {
            qos.reverse();
        }
        Some(Self { line, effective, job_qos, qos })
    }

    /// The partition's own limits, which a QOS may lift (qos.shtml, "PartitionMaxNodes" and its like).
    pub(super) fn check_partition(&self, job: &Job) -> Result<(), Reason> {
        let lifts = |flag| self.qos.iter().any(|qos| qos.flags.contains(&flag));
        let PartitionLimits { max_minutes, max_nodes, min_nodes, .. } = job.partition_limits;
        let nodes = amount(&job.tres, NODE);
        if nodes < min_nodes && !lifts(QosFlag::PartitionMinNodes)
            || max_nodes.is_some_and(|most| nodes > most) && !lifts(QosFlag::PartitionMaxNodes)
        {
            return Err(Reason::PartitionNodes);
        }
        match max_minutes.is_some_and(|most| job.minutes > most) && !lifts(QosFlag::PartitionTimeLimit) {
            true => Err(Reason::PartitionTime),
            false => Ok(()),
        }
    }

    pub(super) fn may_use_qos(&self) -> bool {
        self.job_qos.is_some_and(|qos| self.effective.qos.contains(&qos.id))
    }

    /// Without any QOS there is nothing to ask whether limits refuse at submission, and they do.
    fn is_strict(&self) -> bool {
        self.qos.is_empty() || self.qos.iter().any(|qos| qos.flags.contains(&QosFlag::DenyOnLimit))
    }

    pub(super) fn check(&self, stage: Stage, enforce: Enforce, counts: &Counts, job: &Job) -> Result<(), Reason> {
        let strict = self.is_strict();
        let mut scan = Scan { stage, strict, safe: enforce.safe, job, decided: BTreeSet::new() };
        let [of_qos, of_all, of_user] = order(stage);
        let account = self.line[0].key.account.clone();
        for qos in &self.qos {
            let all = counts.qos.get(&qos.id);
            let users = counts.users.get(&(qos.id, job.user.to_owned()));
            let accounts = counts.accounts.get(&(qos.id, account.clone()));
            for limit in of_qos {
                let used = whose(*limit, all, users, accounts);
                scan.limit(Level::Qos, *limit, &qos.limits, used)?;
            }
        }
        for (height, row) in self.line.iter().enumerate() {
            let used = counts.associations.get(&row.id);
            for limit in of_all {
                scan.limit(Level::Association, *limit, &row.limits, used)?;
            }
            for limit in of_user.iter().filter(|_| height == 0) {
                scan.limit(Level::Association, *limit, &self.effective.limits, used)?;
            }
        }
        Ok(())
    }
}

/// Which jobs a limit of a QOS counts.
fn whose<T>(limit: Limit, all: T, users: T, accounts: T) -> T {
    use Limit::*;
    match limit {
        MaxTresPerUser | MaxJobsPerUser | MaxSubmitJobsPerUser | MaxTresRunMinsPerUser => users,
        MaxTresPerAccount | MaxJobsPerAccount | MaxSubmitJobsPerAccount | MaxTresRunMinsPerAccount => accounts,
        _ => all,
    }
}

/// One pass over the levels.
struct Scan<'a> {
    stage: Stage,
    strict: bool,
    safe: bool,
    job: &'a Job<'a>,
    /// What a QOS defined; later levels don't count for it any more.
    decided: BTreeSet<(Limit, TresId)>,
}

impl Scan<'_> {
    fn limit(&mut self, level: Level, limit: Limit, limits: &Limits, used: Option<&InUse>) -> Result<(), Reason> {
        let values: Vec<(TresId, u64)> = match limit.unit() {
            Unit::Tres => limits.all_tres(limit).collect(),
            _ => limits.get(limit).map(|value| (0, value)).into_iter().collect(),
        };
        let none = InUse::default();
        for (tres, value) in values {
            if self.is_decided(limit, tres) {
                continue;
            }
            if level == Level::Qos {
                self.decided.insert((limit, tres));
            }
            if self.exceeds(limit, tres, value, used.unwrap_or(&none)) {
                return Err(Reason::Limit(level, limit, tres));
            }
        }
        Ok(())
    }

    /// An association's MaxJobs and MaxSubmitJobs give way to a QOS' for each user or account.
    fn is_decided(&self, limit: Limit, tres: TresId) -> bool {
        let same: &[Limit] = match limit {
            Limit::MaxJobs => &[Limit::MaxJobsPerUser, Limit::MaxJobsPerAccount],
            Limit::MaxSubmitJobs => &[Limit::MaxSubmitJobsPerUser, Limit::MaxSubmitJobsPerAccount],
            _ => &[limit],
        };
        same.iter().any(|limit| self.decided.contains(&(*limit, tres)))
    }

    fn exceeds(&self, limit: Limit, tres: TresId, value: u64, used: &InUse) -> bool {
        match self.stage {
            Stage::Submit => self.exceeds_at_submission(limit, tres, value, used),
            Stage::Before | Stage::Placed => self.exceeds_at_start(limit, tres, value, used),
        }
    }

    /// Counts of jobs always refuse; what the request alone breaks does when `strict`.
    fn exceeds_at_submission(&self, limit: Limit, tres: TresId, value: u64, used: &InUse) -> bool {
        use Limit::*;
        let needs = amount(&self.job.tres, tres);
        match limit {
            GrpSubmitJobs | MaxSubmitJobs | MaxSubmitJobsPerUser | MaxSubmitJobsPerAccount => {
                used.submitted.saturating_add(self.job.tasks) > value
            }
            _ if !self.strict => false,
            MaxWall | GrpWall => self.job.minutes > value,
            GrpTresMins | GrpTresRunMins | MaxTresMinsPerJob => needs > 0 && self.job.minutes > value / needs,
            _ => self.request_breaks(limit, needs, value),
        }
    }

    fn exceeds_at_start(&self, limit: Limit, tres: TresId, value: u64, used: &InUse) -> bool {
        use Limit::*;
        let needs = amount(&self.job.tres, tres);
        let minutes = needs.saturating_mul(self.job.minutes);
        let running = amount(&used.run_minutes, tres);
        match limit {
            GrpJobs | MaxJobs | MaxJobsPerUser | MaxJobsPerAccount => used.running >= value,
            MaxWall => self.job.minutes > value,
            GrpWall => used.wall >= value || self.safe && used.wall.saturating_add(self.job.minutes) > value,
            GrpTresMins => {
                let gone = amount(&used.minutes, tres);
                gone >= value || self.safe && minutes.saturating_add(running) > value - gone
            }
            GrpTres | MaxTresPerUser | MaxTresPerAccount => needs.saturating_add(amount(&used.tres, tres)) > value,
            GrpTresRunMins | MaxTresRunMinsPerUser | MaxTresRunMinsPerAccount => {
                minutes.saturating_add(running) > value
            }
            MaxTresMinsPerJob => minutes > value,
            _ => self.request_breaks(limit, needs, value),
        }
    }

    fn request_breaks(&self, limit: Limit, needs: u64, value: u64) -> bool {
        match limit {
            Limit::MinTresPerJob => needs < value,
            Limit::MaxTresPerNode => needs / amount(&self.job.tres, NODE).max(1) > value,
            _ => needs > value,
        }
    }
}

fn amount(amounts: &Amounts, tres: TresId) -> u64 {
    amounts.get(&tres).copied().unwrap_or(0)
}
