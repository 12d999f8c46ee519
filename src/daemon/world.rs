//! The world as this host sees it: its users, its clock, its time zone.

use crate::accounting::command::World;
use jiff::{Timestamp, tz::TimeZone};

/// This host.
pub struct Local;

impl Local {
    /// The name of a user number, lower case as Slurm keeps names; empty when it has none.
    pub fn user_name(&self, uid: u32) -> String {
        let user = nix::unistd::User::from_uid(uid.into()).ok().flatten();
        user.map_or_else(String::new, |user| user.name.to_lowercase())
    }
}

impl World for Local {
    fn has_user(&self, name: &str) -> bool {
        matches!(nix::unistd::User::from_name(name), Ok(Some(_)))
    }

    fn now(&self) -> i64 {
        Timestamp::now().as_second()
    }

    fn local_time(&self, seconds: i64) -> String {
        let Ok(time) = Timestamp::from_second(seconds) else { return seconds.to_string() };
        time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}
