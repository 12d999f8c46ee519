//! [`Limit`] names what is limited; [`Limits`] holds the set ones of one association or QOS.
//!
//! Unset is a missing entry, zero is zero, and "unlimited" is written by clearing (-1), as in sacctmgr(1); so the three
//! cannot be mixed up.

use super::ids::TresId;
use std::collections::BTreeMap;
use words::text::tres::MOST;

/// What a limit binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sum over an association and all below it.
    Group,
    /// Each association by itself, inherited downwards when unset below.
    Each,
}

/// How a limit is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of jobs (or a priority).
    Count,
    /// Minutes.
    Minutes,
    /// An amount for each TRES.
    Tres,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $column:literal, $scope:ident, $unit:ident;)*) => {
        /// One limit of sacctmgr(1), "SPECIFICATIONS FOR ASSOCIATIONS".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $($(#[$doc])* $variant,)*
        }

        impl Limit {
            /// All of them.
            pub const ALL: &[Limit] = &[$(Limit::$variant),*];

            /// The name in the store and in transaction records.
            pub fn column(self) -> &'static str {
                match self { $(Limit::$variant => $column,)* }
            }

            /// What it binds.
            pub fn scope(self) -> Scope {
                match self { $(Limit::$variant => Scope::$scope,)* }
            }

            /// How it is counted.
            pub fn unit(self) -> Unit {
                match self { $(Limit::$variant => Unit::$unit,)* }
            }
        }
    };
}

limits! {
    /// GrpTRES: in use at one time.
    GrpTres = "grp_tres", Group, Tres;
    /// GrpTRESMins: used up over time (decaying).
    GrpTresMins = "grp_tres_mins", Group, Tres;
    /// GrpTRESRunMins: still to be used by running jobs.
    GrpTresRunMins = "grp_tres_run_mins", Group, Tres;
    /// GrpJobs: running.
    GrpJobs = "grp_jobs", Group, Count;
    /// GrpJobsAccrue: pending jobs that age.
    GrpJobsAccrue = "grp_jobs_accrue", Group, Count;
    /// GrpSubmitJobs: running and pending.
    GrpSubmitJobs = "grp_submit_jobs", Group, Count;
    /// GrpWall: run time of all jobs together.
    GrpWall = "grp_wall", Group, Minutes;
    /// MaxTRESPerJob.
    MaxTresPerJob = "max_tres_pj", Each, Tres;
    /// MaxTRESPerNode.
    MaxTresPerNode = "max_tres_pn", Each, Tres;
    /// MaxTRESMinsPerJob.
    MaxTresMinsPerJob = "max_tres_mins_pj", Each, Tres;
    /// MaxTRESRunMins of an association.
    MaxTresRunMins = "max_tres_run_mins", Each, Tres;
    /// MaxJobs: running, of each user association.
    MaxJobs = "max_jobs", Each, Count;
    /// MaxJobsAccrue.
    MaxJobsAccrue = "max_jobs_accrue", Each, Count;
    /// MaxSubmitJobs: running and pending.
    MaxSubmitJobs = "max_submit_jobs", Each, Count;
    /// MaxWallDurationPerJob.
    MaxWall = "max_wall_pj", Each, Minutes;
    /// MinPrioThresh: priority below which no resources are reserved.
    MinPrioThreshold = "min_prio_thresh", Each, Count;
    /// QOS: MaxJobsPerAccount.
    MaxJobsPerAccount = "max_jobs_pa", Each, Count;
    /// QOS: MaxJobsPerUser.
    MaxJobsPerUser = "max_jobs_per_user", Each, Count;
    /// QOS: MaxJobsAccruePerAccount.
    MaxJobsAccruePerAccount = "max_jobs_accrue_pa", Each, Count;
    /// QOS: MaxJobsAccruePerUser.
    MaxJobsAccruePerUser = "max_jobs_accrue_pu", Each, Count;
    /// QOS: MaxSubmitJobsPerAccount.
    MaxSubmitJobsPerAccount = "max_submit_jobs_pa", Each, Count;
    /// QOS: MaxSubmitJobsPerUser.
    MaxSubmitJobsPerUser = "max_submit_jobs_per_user", Each, Count;
    /// QOS: MaxTRESPerAccount.
    MaxTresPerAccount = "max_tres_pa", Each, Tres;
    /// QOS: MaxTRESPerUser.
    MaxTresPerUser = "max_tres_pu", Each, Tres;
    /// QOS: MaxTRESRunMinsPerAccount.
    MaxTresRunMinsPerAccount = "max_tres_run_mins_pa", Each, Tres;
    /// QOS: MaxTRESRunMinsPerUser.
    MaxTresRunMinsPerUser = "max_tres_run_mins_pu", Each, Tres;
    /// QOS: MinTRESPerJob.
    MinTresPerJob = "min_tres_pj", Each, Tres;
}

impl Limit {
    /// The limit with this store name.
    pub fn from_column(column: &str) -> Option<Limit> {
        Self::ALL.iter().copied().find(|limit| limit.column() == column)
    }
}

/// Of what a value is: a limit, and for TRES limits which TRES.
pub type LimitKey = (Limit, Option<TresId>);

/// What a command does to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitChange {
    /// `=-1`: there is none any more.
    Clear,
    /// `=4`
    To(u64),
    /// `+=4`; what is too much becomes [`MOST`].
    Plus(u64),
    /// `-=4`; what would be less than nothing becomes 0, also where there was no limit (sacctmgr(1) of 25.11).
    Minus(u64),
}

impl LimitChange {
    /// What the limit is afterwards.
    pub fn after(self, now: Option<u64>) -> Option<u64> {
        match self {
            LimitChange::Clear => None,
            LimitChange::To(value) => Some(value),
            LimitChange::Plus(more) => Some(now.unwrap_or(0).saturating_add(more).min(MOST)),
            LimitChange::Minus(less) => Some(now.unwrap_or(0).saturating_sub(less)),
        }
    }
}

impl From<Option<u64>> for LimitChange {
    fn from(value: Option<u64>) -> Self {
        value.map_or(LimitChange::Clear, LimitChange::To)
    }
}

/// The limits that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(BTreeMap<LimitKey, u64>);

impl Limits {
    /// A limit that is no TRES limit.
    pub fn get(&self, limit: Limit) -> Option<u64> {
        self.value((limit, None))
    }

    /// Of either kind.
    pub fn value(&self, key: LimitKey) -> Option<u64> {
        self.0.get(&key).copied()
    }

    /// One TRES of a TRES limit.
    pub fn tres(&self, limit: Limit, tres: TresId) -> Option<u64> {
        self.value((limit, Some(tres)))
    }

    /// Every TRES of a TRES limit, by id.
    pub fn all_tres(&self, limit: Limit) -> impl Iterator<Item = (TresId, u64)> {
        let all = self.0.range((limit, Some(TresId(0)))..=(limit, Some(TresId(u32::MAX))));
        all.filter_map(|((_, tres), value)| Some(((*tres)?, *value)))
    }

    /// Sets or clears.
    pub fn set(&mut self, key: LimitKey, value: Option<u64>) {
        match value {
            Some(value) => self.0.insert(key, value),
            None => self.0.remove(&key),
        };
    }

    /// Changes one.
    pub fn change(&mut self, key: LimitKey, change: LimitChange) {
        self.set(key, change.after(self.value(key)));
    }

    /// Everything set, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (LimitKey, u64)> {
        self.0.iter().map(|(key, value)| (*key, *value))
    }

    /// Takes from `parent` what is unset here and inherited ([`Scope::Each`]); TRES one by one.
    pub fn inherit(&mut self, parent: &Limits) {
        for ((limit, tres), value) in parent.iter() {
            if limit.scope() == Scope::Each {
                self.0.entry((limit, tres)).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_or_taken_stays_within_what_a_limit_can_be() {
        use LimitChange::*;
        let after = |change: LimitChange, now| change.after(now);
        assert_eq!(
            [after(Plus(3), Some(4)), after(Plus(3), None), after(Plus(1), Some(MOST))],
            [Some(7), Some(3), Some(MOST)]
        );
        assert_eq!(
            [after(Minus(3), Some(4)), after(Minus(3), Some(2)), after(Minus(3), None)],
            [Some(1), Some(0), Some(0)]
        );
        assert_eq!([after(To(3), Some(4)), after(Clear, Some(4))], [Some(3), None]);
    }

    #[test]
    fn max_limits_are_inherited_and_group_limits_are_not() {
        let mut parent = Limits::default();
        parent.set((Limit::MaxJobs, None), Some(10));
        parent.set((Limit::GrpJobs, None), Some(5));
        parent.set((Limit::MaxTresPerJob, Some(TresId(1))), Some(8));
        parent.set((Limit::MaxTresPerJob, Some(TresId(1001))), Some(2));
        let mut child = Limits::default();
        child.set((Limit::MaxTresPerJob, Some(TresId(1))), Some(0));
        child.inherit(&parent);
        assert_eq!((child.get(Limit::MaxJobs), child.get(Limit::GrpJobs)), (Some(10), None));
        assert_eq!(
            child.all_tres(Limit::MaxTresPerJob).collect::<Vec<_>>(),
            [(TresId(1), 0), (TresId(1001), 2)],
            "zero is a value"
        );
    }
}
