//! The world as this host and its store see it: users, clock, time zone, transaction record.

use super::api::CallerFile;
use crate::accounting::authority::Caller;
use crate::accounting::command::World;
use crate::accounting::model::Transaction;
use crate::accounting::settings::Settings;
use crate::store::Readers;
use jiff::{Timestamp, tz::TimeZone};
use std::ops::Range;

/// This host, its store, and what its configuration says about accounting.
#[derive(Clone, Debug)]
pub struct Local {
    settings: Settings,
    readers: Readers,
}

impl Local {
    /// With these settings and this store.
    pub fn new(settings: Settings, readers: Readers) -> Self {
        Self { settings, readers }
    }

    /// A user number as a caller.
    pub fn caller(&self, uid: u32) -> Caller {
        Caller::new(uid, self.user_name(uid), &self.settings)
    }

    /// The name of a user number, lower case as Slurm keeps names; empty when it has none.
    pub fn user_name(&self, uid: u32) -> String {
        let user = nix::unistd::User::from_uid(uid.into()).ok().flatten();
        user.map_or_else(String::new, |user| user.name.to_lowercase())
    }
}

/// This host with the files that a client read for its caller.
pub struct WithFiles<'a> {
    /// The host.
    pub host: &'a Local,
    /// The files.
    pub files: &'a [CallerFile],
}

impl World for WithFiles<'_> {
    fn has_user(&self, name: &str) -> bool {
        self.host.has_user(name)
    }

    fn now(&self) -> i64 {
        self.host.now()
    }

    fn local_time(&self, seconds: i64) -> String {
        self.host.local_time(seconds)
    }

    fn settings(&self) -> &Settings {
        self.host.settings()
    }

    fn transactions(&self, time: Range<i64>, take: &mut dyn FnMut(Transaction)) -> Result<(), String> {
        self.host.transactions(time, take)
    }

    fn file(&self, path: &str) -> Option<Result<&str, &str>> {
        let file = self.files.iter().find(|file| file.path == path)?;
        Some(file.error.as_deref().map_or(Ok(&file.text), Err))
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

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn transactions(&self, time: Range<i64>, take: &mut dyn FnMut(Transaction)) -> Result<(), String> {
        self.readers.transactions(time, take).map_err(|error| error.to_string())
    }
}
