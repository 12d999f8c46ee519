//! [`JobState`]: what a job is doing, or how it ended (sacct(1), "JOB STATE CODES").

/// State of a job or step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Waits.
    #[default]
    Pending,
    /// Has its resources.
    Running,
    /// Has its resources, does not run.
    Suspended,
    /// Ended with exit code 0.
    Completed,
    /// Ended by its user or an administrator.
    Cancelled,
    /// Ended with another exit code.
    Failed,
    /// Ended at its time limit.
    Timeout,
    /// Ended because a node failed.
    NodeFail,
    /// Ended to make room for another.
    Preempted,
    /// Never started: a node did not boot.
    BootFail,
    /// Ended at its deadline.
    Deadline,
    /// Ended because it ran out of memory.
    OutOfMemory,
    /// This run ended, the job waits again under a new row.
    Requeued,
    /// This row ended when the job changed its size; a new row goes on.
    Resizing,
    /// Another cluster of the federation started it.
    Revoked,
}

use JobState as S;

/// State, Slurm's number, name, short name.
const ALL: &[(JobState, u32, &str, &str)] = &[
    (S::Pending, 0, "PENDING", "PD"),
    (S::Running, 1, "RUNNING", "R"),
    (S::Suspended, 2, "SUSPENDED", "S"),
    (S::Completed, 3, "COMPLETED", "CD"),
    (S::Cancelled, 4, "CANCELLED", "CA"),
    (S::Failed, 5, "FAILED", "F"),
    (S::Timeout, 6, "TIMEOUT", "TO"),
    (S::NodeFail, 7, "NODE_FAIL", "NF"),
    (S::Preempted, 8, "PREEMPTED", "PR"),
    (S::BootFail, 9, "BOOT_FAIL", "BF"),
    (S::Deadline, 10, "DEADLINE", "DL"),
    (S::OutOfMemory, 11, "OUT_OF_MEMORY", "OOM"),
    (S::Requeued, 1 << 10, "REQUEUED", "RQ"),
    (S::Resizing, 1 << 13, "RESIZING", "RS"),
    (S::Revoked, 1 << 19, "REVOKED", "RV"),
];

impl JobState {
    fn row(self) -> &'static (JobState, u32, &'static str, &'static str) {
        ALL.iter().find(|(state, ..)| *state == self).expect("every state is in the table")
    }

    /// Slurm's number, as its database has it.
    pub fn number(self) -> u32 {
        self.row().1
    }

    /// The state with Slurm's number.
    pub fn from_number(number: u32) -> Option<Self> {
        ALL.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// `COMPLETED`
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// `CD`
    pub fn short_name(self) -> &'static str {
        self.row().3
    }

    /// The state of this long or short name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let same = |word: &str| word.eq_ignore_ascii_case(name);
        ALL.iter().find(|row| same(row.2) || same(row.3)).map(|row| row.0)
    }

    /// Whether the job has ended, well or not.
    pub fn is_over(self) -> bool {
        self >= S::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for (state, number, long, short) in ALL {
            assert_eq!(JobState::from_number(*number), Some(*state));
            assert_eq!(JobState::named(&long.to_lowercase()), Some(*state));
            assert_eq!(JobState::named(short), Some(*state));
            assert_eq!(state.name(), *long);
        }
        assert_eq!(JobState::named("COMPLETING"), None);
    }
}
