//! [`SlurmProgram`]: which of Slurm's programs there are here. The one list of them: the service, the command line, the
//! API's document and the statistics take theirs from it, and the compiler names each place that a new one is missing in.

/// One of Slurm's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlurmProgram {
    /// Jobs of the past and of now.
    Sacct,
    /// Accounts, limits, and the service itself.
    Sacctmgr,
    /// Ends jobs, and sends them signals.
    Scancel,
    /// Jobs, nodes and partitions in full, and what operators do to them.
    Scontrol,
    /// What the scheduler did, and how long it took.
    Sdiag,
    /// Nodes and partitions.
    Sinfo,
    /// What priorities are made of.
    Sprio,
    /// Jobs that wait and run.
    Squeue,
    /// Sums of usage.
    Sreport,
    /// Shares, and what is left of them.
    Sshare,
    /// What steps that run use.
    Sstat,
}

impl SlurmProgram {
    /// All, in the order of their names.
    pub const ALL: [Self; 11] = [
        Self::Sacct,
        Self::Sacctmgr,
        Self::Scancel,
        Self::Scontrol,
        Self::Sdiag,
        Self::Sinfo,
        Self::Sprio,
        Self::Squeue,
        Self::Sreport,
        Self::Sshare,
        Self::Sstat,
    ];

    /// The name by which it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sacct => "sacct",
            Self::Sacctmgr => "sacctmgr",
            Self::Scancel => "scancel",
            Self::Scontrol => "scontrol",
            Self::Sdiag => "sdiag",
            Self::Sinfo => "sinfo",
            Self::Sprio => "sprio",
            Self::Squeue => "squeue",
            Self::Sreport => "sreport",
            Self::Sshare => "sshare",
            Self::Sstat => "sstat",
        }
    }

    /// The program of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }
}

/// Those of Slurm's programs that run where they are called: what they read and write is not the service's to read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalProgram {
    /// Gets nodes for as long as a command runs.
    Salloc,
    /// Listens to a step.
    Sattach,
    /// Submits a script.
    Sbatch,
    /// Copies a file to the nodes of a job.
    Sbcast,
    /// Runs a step.
    Srun,
}

impl LocalProgram {
    /// All, in the order of their names.
    pub const ALL: [Self; 5] = [Self::Salloc, Self::Sattach, Self::Sbatch, Self::Sbcast, Self::Srun];

    /// The name by which it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salloc => "salloc",
            Self::Sattach => "sattach",
            Self::Sbatch => "sbatch",
            Self::Sbcast => "sbcast",
            Self::Srun => "srun",
        }
    }
}
