//! [`Enforce`]: what of accounting is held against jobs.

use std::fmt;

/// `AccountingStorageEnforce` (slurm.conf(5)). The default enforces nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enforce {
    /// Jobs need an association.
    pub associations: bool,
    /// Limits hold.
    pub limits: bool,
    /// The QOS must be one of the association's.
    pub qos: bool,
    /// A job starts only if its minutes are still there to the end.
    pub safe: bool,
    /// Jobs need a valid wckey.
    pub wckeys: bool,
    /// Jobs are not recorded.
    pub no_jobs: bool,
    /// Steps are not recorded.
    pub no_steps: bool,
    /// `EnforcePartLimits`, a setting of its own: what the partition does not allow is refused, and does not wait.
    pub partitions: bool,
}

impl Enforce {
    /// `all`: everything, and jobs and steps are recorded.
    pub const ALL: Self = Self {
        associations: true,
        limits: true,
        qos: true,
        safe: true,
        wckeys: true,
        no_jobs: false,
        no_steps: false,
        partitions: false,
    };

    /// From the comma list in slurm.conf; parts imply others. Gives back a word that is none of its own.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut it = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "none" | "0" => {}
                "associations" | "1" => it.associations = true,
                "limits" => (it.associations, it.limits) = (true, true),
                "qos" => (it.associations, it.qos) = (true, true),
                "safe" => (it.associations, it.limits, it.safe) = (true, true, true),
                "wckeys" => (it.associations, it.wckeys) = (true, true),
                "nosteps" => it.no_steps = true,
                "nojobs" => (it.no_jobs, it.no_steps) = (true, true),
                "all" => {
                    it = Self { no_jobs: it.no_jobs, no_steps: it.no_steps, partitions: it.partitions, ..Self::ALL }
                }
                _ => return Err(word.to_owned()),
            }
        }
        Ok(it)
    }
}

/// The comma list; `none` when it is empty.
impl fmt::Display for Enforce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.associations, "associations"),
            (self.limits, "limits"),
            (self.qos, "qos"),
            (self.safe, "safe"),
            (self.wckeys, "wckeys"),
            (self.no_jobs, "nojobs"),
            (self.no_steps, "nosteps"),
        ];
        let set: Vec<_> = parts.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        f.write_str(&if set.is_empty() { "none".into() } else { set.join(",") })
    }
}
