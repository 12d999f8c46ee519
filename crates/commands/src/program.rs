//! [`SlurmProgram`]: which of Slurm's programs there are here. The one list of them: the service, the command line, the
//! API's document and the statistics take theirs from it, and the compiler names each place that a new one is missing in.

/// One of Slurm's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlurmProgram {
    /// Jobs of the past and of now.
    Sacct,
    /// Accounts, limits, and the service itself.
    Sacctmgr,
    /// Sums of usage.
    Sreport,
    /// Shares, and what is left of them.
    Sshare,
}

impl SlurmProgram {
    /// All, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Sacct, Self::Sacctmgr, Self::Sreport, Self::Sshare];

    /// The name by which it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sacct => "sacct",
            Self::Sacctmgr => "sacctmgr",
            Self::Sreport => "sreport",
            Self::Sshare => "sshare",
        }
    }

    /// The program of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }
}
