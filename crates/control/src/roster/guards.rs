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
    /// How many people one plan may keep out who are not kept out now.
    #[serde(default = "usual_suspensions", skip_serializing_if = "is_usual_suspensions")]
    pub max_suspensions: u32,
    /// How many of a hundred people one plan may remove or keep out; 100 where it is not limited.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub max_share: u32,
    /// Further names of users, groups and accounts that no plan may touch.
    pub protected: Vec<String>,
    /// People who administrate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admins: Vec<String>,
    /// How many of `admins` must be let in when a plan is done.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_admins: u32,
}

/// Ten people: a team that ends, and less than a class.
fn usual_suspensions() -> u32 {
    10
}

fn is_usual_suspensions(people: &u32) -> bool {
    *people == usual_suspensions()
}

fn whole() -> u32 {
    100
}

fn is_whole(share: &u32) -> bool {
    *share == whole()
}

fn is_zero(count: &u32) -> bool {
    *count == 0
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
        Self {
            max_removals: 3,
            max_jobs: usual_jobs(),
            max_suspensions: usual_suspensions(),
            max_share: whole(),
            protected: Vec::new(),
            admins: Vec::new(),
            min_admins: 0,
        }
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
        Self {
            max_removals: self.max_removals.min(usual.max_removals),
            max_jobs: self.max_jobs.min(usual.max_jobs),
            max_suspensions: self.max_suspensions.min(usual.max_suspensions),
            max_share: self.max_share.min(usual.max_share),
            ..self
        }
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
