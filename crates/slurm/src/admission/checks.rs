//! The checks in Slurm's order: the orders are tables, and one function says whether a limit is met.

use super::trace::{Check, Setter, Stage};
use super::{Amounts, Counts, Enforce, InUse, Job, Level, Reason};
use crate::State;
use crate::model::limits::Unit;
use crate::model::qos::QosFlag;
use crate::model::tres::NODE;
use crate::model::{Association, AssociationId, AssociationKey, Limit, LimitKey, Limits, Qos, QosId, TresId};
use crate::tree::{Effective, effective};
use std::collections::BTreeSet;

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
        let mut line = vec![of(&job.partition.name).or_else(|| of(""))?];
        while let Some(parent) = line.last().and_then(|row| row.parent).and_then(|id| state.association(id)) {
            line.push(parent);
        }
        let effective = effective(state, line[0]);
        let present = |id| state.qos.get(&id).filter(|qos| !qos.deleted);
        let job_qos = match job.qos.or(effective.default_qos) {
            Some(id) => present(id),
            None => state.qos_named("normal"),
        };
        let part_qos = job.partition.qos.as_ref().and_then(|name| state.qos_named(name));
        let mut qos: Vec<&Qos> = part_qos.into_iter().chain(job_qos).collect();
        qos.dedup_by_key(|qos| qos.id);
        if job_qos.is_some_and(|qos| qos.flags.contains(&QosFlag::OverPartQOS)) {
            qos.reverse();
        }
        Some(Self { line, effective, job_qos, qos })
    }

    /// Whether a QOS of the job or its partition has a flag.
    pub(super) fn has_flag(&self, flag: QosFlag) -> bool {
        self.qos.iter().any(|qos| qos.flags.contains(&flag))
    }

    /// The job's account.
    pub(super) fn account(&self) -> &str {
        &self.line[0].key.account
    }

    /// The name of the job's QOS.
    pub(super) fn qos_name(&self) -> Option<&str> {
        self.job_qos.map(|qos| qos.name.as_str())
    }

    pub(super) fn may_use_qos(&self) -> bool {
        self.job_qos.is_some_and(|qos| self.effective.qos.contains(&qos.id))
    }

    /// Without any QOS there is nothing to ask whether limits refuse at submission, and they do.
    fn is_strict(&self) -> bool {
        self.qos.is_empty() || self.has_flag(QosFlag::DenyOnLimit)
    }

    /// The first limit of a stage that stands in the way, if one does.
    pub(super) fn check(&self, stage: Stage, enforce: Enforce, counts: &Counts, job: &Job) -> Result<(), Reason> {
        self.each(stage, enforce, counts, job, &mut |check| check.reason.map_or(Ok(()), Err))
    }

    /// Shows each limit of a stage in Slurm's order, until `see` ends it.
    pub(super) fn each<E>(
        &self,
        stage: Stage,
        enforce: Enforce,
        counts: &Counts,
        job: &Job,
        see: &mut dyn FnMut(Check) -> Result<(), E>,
    ) -> Result<(), E> {
        let strict = self.is_strict();
        let mut scan = Scan { stage, strict, safe: enforce.safe, job, decided: BTreeSet::new(), see };
        let [of_qos, of_all, of_user] = order(stage);
        let account = self.line[0].key.account.clone();
        for qos in &self.qos {
            let all = counts.qos.get(&qos.id);
            let users = counts.users.get(&(qos.id, job.user.to_owned()));
            let accounts = counts.accounts.get(&(qos.id, account.clone()));
            for limit in of_qos {
                let used = whose(*limit, all, users, accounts);
                scan.limit(&|_| Setter::Qos(qos.id), *limit, &qos.limits, used)?;
            }
        }
        for (height, row) in self.line.iter().enumerate() {
            let used = counts.associations.get(&row.id);
            for limit in of_all {
                scan.limit(&|_| Setter::Association(row.id), *limit, &row.limits, used)?;
            }
            for limit in of_user.iter().filter(|_| height == 0) {
                let setter = |tres| Setter::Association(self.setter(*limit, tres));
                scan.limit(&setter, *limit, &self.effective.limits, used)?;
            }
        }
        Ok(())
    }

    /// Which association a limit of the user's is inherited from.
    fn setter(&self, limit: Limit, tres: Option<TresId>) -> AssociationId {
        let sets = |row: &&&Association| row.limits.value((limit, tres)).is_some();
        self.line.iter().find(sets).unwrap_or(&self.line[0]).id
    }

    /// The association of the job.
    pub(super) fn association(&self) -> AssociationId {
        self.line[0].id
    }

    /// The job's QOS, be it allowed or not.
    pub(super) fn job_qos(&self) -> Option<QosId> {
        self.job_qos.map(|qos| qos.id)
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
struct Scan<'a, E> {
    stage: Stage,
    strict: bool,
    safe: bool,
    job: &'a Job<'a>,
    /// What a QOS defined; later levels don't count for it any more.
    decided: BTreeSet<LimitKey>,
    see: &'a mut dyn FnMut(Check) -> Result<(), E>,
}

impl<E> Scan<'_, E> {
    fn limit(
        &mut self,
        setter: &dyn Fn(Option<TresId>) -> Setter,
        limit: Limit,
        limits: &Limits,
        used: Option<&InUse>,
    ) -> Result<(), E> {
        if !self.holds(limit) {
            return Ok(());
        }
        let values: Vec<(Option<TresId>, u64)> = match limit.unit() {
            Unit::Tres => limits.all_tres(limit).map(|(tres, value)| (Some(tres), value)).collect(),
            _ => limits.get(limit).map(|value| (None, value)).into_iter().collect(),
        };
        let none = InUse::default();
        for (tres, value) in values {
            if self.is_decided(limit, tres) {
                continue;
            }
            let setter = setter(tres);
            let level = match setter {
                Setter::Qos(_) => Level::Qos,
                Setter::Association(_) => Level::Association,
            };
            if level == Level::Qos {
                self.decided.insert((limit, tres));
            }
            let in_use = used.unwrap_or(&none);
            let exceeds = self.exceeds(limit, tres, value, in_use);
            let (used, asked) = self.figures(limit, tres, in_use);
            let reason = exceeds.then_some(Reason::Limit(level, limit, tres));
            (self.see)(Check { setter, limit, tres, value, used, asked, reason })?;
        }
        Ok(())
    }

    /// An association's MaxJobs and MaxSubmitJobs give way to a QOS' for each user or account.
    fn is_decided(&self, limit: Limit, tres: Option<TresId>) -> bool {
        let same: &[Limit] = match limit {
            Limit::MaxJobs => &[Limit::MaxJobsPerUser, Limit::MaxJobsPerAccount],
            Limit::MaxSubmitJobs => &[Limit::MaxSubmitJobsPerUser, Limit::MaxSubmitJobsPerAccount],
            _ => &[limit],
        };
        same.iter().any(|limit| self.decided.contains(&(*limit, tres)))
    }

    /// Counts of jobs always hold; at submission what the request alone breaks does when `strict`.
    fn holds(&self, limit: Limit) -> bool {
        self.stage != Stage::Submit || self.strict || counts_submissions(limit)
    }

    /// What is in use of what a limit counts, and what the job adds, both in the limit's unit.
    /// Either is `None` when it is not known.
    fn figures(&self, limit: Limit, tres: Option<TresId>, used: &InUse) -> (Option<u64>, Option<u64>) {
        use Limit::*;
        let needs = tres.and_then(|tres| self.job.tres.get(tres));
        let minutes = needs.map(|needs| needs.saturating_mul(self.job.minutes));
        let of_start = |used: u64| Some(if self.stage == Stage::Submit { 0 } else { used });
        let of_usage = |gone: u64| of_start(gone).filter(|_| self.stage == Stage::Submit || !used.lacks_usage);
        match limit {
            _ if counts_submissions(limit) => (Some(used.submitted), Some(self.job.tasks)),
            GrpJobs | MaxJobs | MaxJobsPerUser | MaxJobsPerAccount => (Some(used.running), Some(1)),
            MaxWall => (Some(0), Some(self.job.minutes)),
            GrpWall => (of_usage(used.wall), Some(self.job.minutes)),
            GrpTresMins => (of_usage(amount(&used.minutes, tres)), minutes),
            GrpTresRunMins | MaxTresRunMinsPerUser | MaxTresRunMinsPerAccount => {
                (of_start(amount(&used.run_minutes, tres)), minutes)
            }
            GrpTres | MaxTresPerUser | MaxTresPerAccount => (of_start(amount(&used.tres, tres)), needs),
            MaxTresMinsPerJob => (Some(0), minutes),
            MaxTresPerNode => (Some(0), needs.map(|needs| self.each_node(needs))),
            _ => (Some(0), needs),
        }
    }

    /// What the job needs at least: a limit that is reached without it stands in its way anyhow.
    fn at_least(&self, tres: Option<TresId>) -> u64 {
        tres.and_then(|tres| self.job.tres.get(tres)).unwrap_or(0)
    }

    fn each_node(&self, needs: u64) -> u64 {
        needs / self.job.tres.get(NODE).unwrap_or(1).max(1)
    }

    fn exceeds(&self, limit: Limit, tres: Option<TresId>, value: u64, used: &InUse) -> bool {
        match self.stage {
            Stage::Submit => self.exceeds_at_submission(limit, tres, value, used),
            Stage::Before | Stage::Placed => self.exceeds_at_start(limit, tres, value, used),
        }
    }

    fn exceeds_at_submission(&self, limit: Limit, tres: Option<TresId>, value: u64, used: &InUse) -> bool {
        use Limit::*;
        let needs = self.at_least(tres);
        match limit {
            GrpSubmitJobs | MaxSubmitJobs | MaxSubmitJobsPerUser | MaxSubmitJobsPerAccount => {
                used.submitted.saturating_add(self.job.tasks) > value
            }
            MaxWall | GrpWall => self.job.minutes > value,
            GrpTresMins | GrpTresRunMins | MaxTresMinsPerJob => needs > 0 && self.job.minutes > value / needs,
            _ => self.request_breaks(limit, tres, value),
        }
    }

    fn exceeds_at_start(&self, limit: Limit, tres: Option<TresId>, value: u64, used: &InUse) -> bool {
        use Limit::*;
        let needs = self.at_least(tres);
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
            _ => self.request_breaks(limit, tres, value),
        }
    }

    fn request_breaks(&self, limit: Limit, tres: Option<TresId>, value: u64) -> bool {
        let Some(needs) = tres.and_then(|tres| self.job.tres.get(tres)) else { return false };
        match limit {
            Limit::MinTresPerJob => needs < value,
            Limit::MaxTresPerNode => self.each_node(needs) > value,
            _ => needs > value,
        }
    }
}

fn counts_submissions(limit: Limit) -> bool {
    use Limit::*;
    matches!(limit, GrpSubmitJobs | MaxSubmitJobs | MaxSubmitJobsPerUser | MaxSubmitJobsPerAccount)
}

pub(super) fn amount(amounts: &Amounts, tres: Option<TresId>) -> u64 {
    tres.and_then(|tres| amounts.get(&tres)).copied().unwrap_or(0)
}
