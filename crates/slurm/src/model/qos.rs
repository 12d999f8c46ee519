//! [`Qos`]: a quality of service (qos.shtml).

use super::ids::QosId;
use super::limits::Limits;
use std::collections::BTreeSet;

/// A quality of service.
#[derive(Clone, Debug, PartialEq)]
pub struct Qos {
    /// Its number.
    pub id: QosId,
    /// Its name, lower case.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Added to a job's priority, weighted.
    pub priority: u32,
    /// Its limits.
    pub limits: Limits,
    /// Flag bits by name, such as `DenyOnLimit`, in Slurm's order.
    pub flags: BTreeSet<QosFlag>,
    /// QOS whose jobs its jobs may preempt.
    pub preempt: BTreeSet<QosId>,
    /// How preempted jobs end; empty means the cluster's way.
    pub preempt_mode: String,
    /// Seconds that a preempted job keeps after the warning.
    pub grace_time: u32,
    /// Seconds that a job runs before it can be preempted.
    pub preempt_exempt_time: Option<u32>,
    /// Share of usage that is charged; 1.0 is all.
    pub usage_factor: f64,
    /// Fairshare below which jobs wait.
    pub usage_threshold: Option<f64>,
    /// Factor on the limits of the association.
    pub limit_factor: Option<f64>,
    /// When its usage was set to zero (`RawUsage=0`), in seconds since 1970.
    pub usage_reset: Option<i64>,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

impl Qos {
    /// The number of `normal`, which is there from the start.
    pub const NORMAL: QosId = QosId(1);

    /// A QOS with Slurm's defaults.
    pub fn new(id: QosId, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            id,
            description: name.clone(),
            name,
            priority: 0,
            limits: Limits::default(),
            flags: BTreeSet::new(),
            preempt: BTreeSet::new(),
            preempt_mode: String::new(),
            grace_time: 0,
            preempt_exempt_time: None,
            usage_factor: 1.0,
            usage_threshold: None,
            limit_factor: None,
            usage_reset: None,
            deleted: false,
        }
    }
}

macro_rules! qos_flags {
    ($($(#[$doc:meta])* $flag:ident),* $(,)?) => {
        /// A flag of a QOS, in the order in which Slurm lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum QosFlag { $($(#[$doc])* $flag),* }

        impl QosFlag {
            /// All of them.
            pub const ALL: &[QosFlag] = &[$(QosFlag::$flag),*];

            /// The name as sacctmgr writes it.
            pub fn name(self) -> &'static str {
                match self { $(QosFlag::$flag => stringify!($flag)),* }
            }
        }
    };
}

qos_flags! {
    /// Limits refuse at submission instead of making jobs wait.
    DenyOnLimit,
    /// Use the threshold of usage.
    EnforceUsageThreshold,
    /// Jobs don't get backfill reservations.
    NoReserve,
    /// Overrides the partition's maximum of nodes.
    PartitionMaxNodes,
    /// Overrides the partition's minimum of nodes.
    PartitionMinNodes,
    /// This QOS' limits come before the partition QOS'.
    OverPartQOS,
    /// Overrides the partition's time limit.
    PartitionTimeLimit,
    /// Jobs must run in a reservation.
    RequiresReservation,
    /// Usage does not decay.
    NoDecay,
    /// Limits on usage only apply with UsageFactor.
    UsageFactorSafe,
    /// Limits are percentages of the cluster (23.11).
    Relative,
}
