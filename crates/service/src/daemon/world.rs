//! The world as this host and its store see it: users, clock, time zone, transaction record.

use super::api::CallerFile;
use super::caller::Who;
use super::config::Config;
use super::nss;
use super::stats::Stats;
use crate::store::Readers;
use crate::store::jobs::JobTable;
use commands::sacctmgr::statistics::Statistics;
use commands::sacctmgr::{Part, World};
use jiff::{Timestamp, tz::TimeZone};
use slurm::authority::Caller;
use slurm::model::Transaction;
use slurm::records::{Job, Jobs, Scan};
use slurm::settings::Settings;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// This host, its store, and what its configuration says about accounting.
#[derive(Clone, Debug)]
pub struct Local {
    settings: Settings,
    cluster: String,
    readers: Readers,
    shown: Vec<(Part, &'static str, String)>,
    stats: Arc<Stats>,
}

impl Local {
    /// With these settings, of this cluster, and with this store.
    pub fn new(settings: Settings, cluster: impl Into<String>, readers: Readers) -> Self {
        Self { settings, cluster: cluster.into(), readers, shown: Vec::new(), stats: Arc::default() }
    }

    /// As a service is configured, with what it counts.
    pub fn configured(config: &Config, readers: Readers, stats: Arc<Stats>) -> Self {
        let local = Self::new(config.accounting.clone(), config.cluster_name.to_lowercase(), readers);
        Self { shown: config.shown(), stats, ..local }
    }

    /// Whoever asks, as accounting knows them.
    pub fn caller(&self, who: Who) -> Caller {
        let caller = Caller::new(who.uid, self.user_name(who.uid), &self.settings);
        if who.is_ordinary { caller.ordinary() } else { caller }
    }

    /// With files that a client read, and what a rehearsal recorded so far.
    pub fn with<'a>(&'a self, files: &'a [CallerFile], record: &'a [Transaction]) -> Around<'a> {
        Around { host: self, files, record }
    }

    /// The name of a user number, as accounting keeps names; empty when it has none.
    pub fn user_name(&self, uid: u32) -> String {
        let user = nss::user_numbered(uid);
        user.map_or_else(String::new, |user| self.accounting_name(&user.name))
    }

    /// A host's user name as accounting keeps it. Where accounting folds names to lower case, a name with capitals
    /// stands for the lower-case one only while no other user of the host has that: `Bob` must not get what `bob` may.
    fn accounting_name(&self, name: &str) -> String {
        if self.settings.keeps_case() {
            return name.to_owned();
        }
        let folded = name.to_lowercase();
        if folded != name && self.has_user(&folded) { String::new() } else { folded }
    }
}

/// This host as one command sees it.
pub struct Around<'a> {
    host: &'a Local,
    /// Files that the client read for its caller.
    files: &'a [CallerFile],
    /// What the commands rehearsed before would have added to the transaction record.
    record: &'a [Transaction],
}

impl World for Around<'_> {
    fn has_user(&self, name: &str) -> bool {
        self.host.has_user(name)
    }

    fn now(&self) -> i64 {
        self.host.now()
    }

    fn local_time(&self, seconds: i64) -> String {
        self.host.local_time(seconds)
    }

    fn user_named(&self, uid: u32) -> Option<String> {
        self.host.user_named(uid)
    }

    fn user_number(&self, name: &str) -> Option<u32> {
        self.host.user_number(name)
    }

    fn cluster(&self) -> Option<&str> {
        self.host.cluster()
    }

    fn jobs(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), String> {
        self.host.jobs(scan, see)
    }

    fn settings(&self) -> &Settings {
        self.host.settings()
    }

    fn configuration(&self) -> Vec<(Part, &'static str, String)> {
        self.host.configuration()
    }

    fn started(&self) -> i64 {
        self.host.started()
    }

    fn statistics(&self) -> Statistics {
        self.host.statistics()
    }

    fn clear_statistics(&self) {
        self.host.clear_statistics();
    }

    fn transactions(&self, time: Range<i64>, take: &mut dyn FnMut(Transaction)) -> Result<(), String> {
        self.host.transactions(time.clone(), take)?;
        self.record.iter().filter(|row| time.contains(&row.time)).cloned().for_each(take);
        Ok(())
    }

    fn file(&self, path: &str) -> Option<Result<&str, &str>> {
        let file = self.files.iter().find(|file| file.path == path)?;
        Some(file.error.as_deref().map_or(Ok(&file.text), Err))
    }
}

impl World for Local {
    fn has_user(&self, name: &str) -> bool {
        nss::user(name).is_some()
    }

    fn now(&self) -> i64 {
        Timestamp::now().as_second()
    }

    fn local_time(&self, seconds: i64) -> String {
        let Ok(time) = Timestamp::from_second(seconds) else { return seconds.to_string() };
        time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    fn user_named(&self, uid: u32) -> Option<String> {
        nss::user_numbered(uid).map(|user| user.name)
    }

    fn user_number(&self, name: &str) -> Option<u32> {
        nss::user(name).map(|user| user.uid.as_raw())
    }

    fn cluster(&self) -> Option<&str> {
        Some(self.cluster.as_str()).filter(|name| !name.is_empty())
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn configuration(&self) -> Vec<(Part, &'static str, String)> {
        self.shown.clone()
    }

    fn started(&self) -> i64 {
        self.stats.started()
    }

    fn statistics(&self) -> Statistics {
        self.stats.told()
    }

    fn clear_statistics(&self) {
        self.stats.clear();
    }

    fn jobs(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), String> {
        let read = self.readers.read(|connection| JobTable(connection).each(scan, see));
        read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn transactions(&self, time: Range<i64>, take: &mut dyn FnMut(Transaction)) -> Result<(), String> {
        self.readers.transactions(time, take).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slurm::settings::words::Words;

    #[test]
    fn a_name_with_capitals_is_nobody_where_the_lower_case_one_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::Store::open(&directory.path().join("a.db")).unwrap();
        let world = Local::new(Settings::default(), "ref", store.readers());
        assert_eq!(world.accounting_name("root"), "root");
        assert_eq!(world.accounting_name("Root"), "", "root is another user of this host");
        assert_eq!(world.accounting_name("NoSuchUserHere"), "nosuchuserhere");
        let settings = Settings { parameters: Words::parse("PreserveCaseUser").unwrap(), ..Settings::default() };
        let world = Local::new(settings, "ref", store.readers());
        assert_eq!(world.accounting_name("NoSuchUserHere"), "NoSuchUserHere");
    }
}
