//! What a site says about guards, and the names that no site needs to name. The guards themselves are `plan::guard`.

use serde::{Deserialize, Serialize};

/// What a site's roster says about guards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many resources one plan may remove.
    pub max_removals: u32,
    /// How many jobs that run or wait one plan may end.
    #[serde(default = "usual_jobs", skip_serializing_if = "is_usual")]
    pub max_jobs: u32,
    /// Further names of users, groups and accounts that no plan may touch.
    pub protected: Vec<String>,
}

/// A hundred jobs: more than most people have, and less than a whole team.
fn usual_jobs() -> u32 {
    100
}

fn is_usual(jobs: &u32) -> bool {
    *jobs == usual_jobs()
}

/// Three removals: one person with an association and a group.
impl Default for Settings {
    fn default() -> Self {
        Self { max_removals: 3, max_jobs: usual_jobs(), protected: Vec::new() }
    }
}

impl Settings {
    /// Whether no plan may touch the account with this name.
    pub fn protects(&self, name: &str) -> bool {
        PROTECTED.contains(&name) || self.protected.iter().any(|own| own == name)
    }

    /// What is left of what a plan says about guards where nobody else says anything: it may only make them stricter.
    pub fn no_looser(self) -> Self {
        let usual = Self::default();
        let max_jobs = self.max_jobs.min(usual.max_jobs);
        Self { max_removals: self.max_removals.min(usual.max_removals), max_jobs, ..self }
    }
}

/// Names that belong to the system wherever they are found.
#[rustfmt::skip]
pub const PROTECTED: &[&str] = &[
    "root", "daemon", "bin", "sys", "sync", "adm", "lp", "mail", "news", "uucp", "proxy", "backup", "list", "irc",
    "nobody", "nogroup", "man", "games", "ftp", "sshd", "messagebus", "slurm", "munge", "mysql", "postgres", "ldap",
    "openldap", "sssd", "polkitd", "tss", "chrony", "ntp", "rpc", "rpcuser", "dbus", "systemd-network",
    "systemd-resolve", "systemd-timesync", "systemd-coredump", "wheel", "sudo", "shadow", "tty", "disk", "kmem",
    "video", "audio", "render", "input", "kvm", "staff", "utmp", "users",
];
