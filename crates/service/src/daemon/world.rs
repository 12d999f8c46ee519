//! The world as this host and its store see it: users, clock, time zone, transaction record.

use super::api::CallerFile;
use super::caller::Who;
use super::config::Config;
use super::config::compute::ComputeLines;
use super::controller::CoreCell;
use super::nss::ThisHost;
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
use words::people::{People, Uid, Unanswered};

/// This host, its store, and what its configuration says about accounting.
#[derive(Clone, Debug)]
pub struct Local {
    settings: Settings,
    cluster: String,
    readers: Readers,
    shown: Vec<(Part, &'static str, String)>,
    stats: Arc<Stats>,
    compute: Arc<ComputeLines>,
    core: Arc<CoreCell>,
}

impl Local {
    /// With these settings, of this cluster, and with this store.
    pub fn new(settings: Settings, cluster: impl Into<String>, readers: Readers) -> Self {
        Self {
            settings,
            cluster: cluster.into(),
            readers,
            shown: Vec::new(),
            stats: Arc::default(),
            compute: Arc::default(),
            core: Arc::default(),
        }
    }

    /// As a service is configured, with what it counts and the jobs that it knows.
    pub fn configured(config: &Config, readers: Readers, stats: Arc<Stats>, core: Arc<CoreCell>) -> Self {
        let local = Self::new(config.accounting.clone(), config.cluster_name.to_lowercase(), readers);
        Self { shown: config.shown(), stats, compute: Arc::new(config.compute.clone()), core, ..local }
    }

    /// What the configuration says of nodes and of how jobs are scheduled.
    pub fn compute(&self) -> &ComputeLines {
        &self.compute
    }

    /// Whoever asks, as accounting knows them. The error is that nobody knows now who that is; root is root without a name.
    pub fn caller(&self, who: Who) -> Result<Caller, Unanswered> {
        let name = match self.user_name(who.uid) {
            Err(_) if who.uid == Uid::ROOT => String::new(),
            name => name?,
        };
        let caller = Caller::new(who.uid, name, &self.settings);
        Ok(if who.is_ordinary { caller.ordinary() } else { caller })
    }

    /// With files that a client read, and what a rehearsal recorded so far.
    pub fn with<'a>(&'a self, files: &'a [CallerFile], record: &'a [Transaction]) -> Around<'a> {
        Around { host: self, files, record, without_jobs_of: &[] }
    }

    /// The name of a user number, as accounting keeps names; empty when it has none. The error is that nobody knows.
    fn user_name(&self, uid: Uid) -> Result<String, Unanswered> {
        match self.people().user_numbered(uid).known()? {
            Some(user) => self.accounting_name(&user.name),
            None => Ok(String::new()),
        }
    }

    /// A host's user name as accounting keeps it. Where accounting folds names to lower case, a name with capitals
    /// stands for the lower-case one only while no other user of the host has that: `Bob` must not get what `bob` may.
    fn accounting_name(&self, name: &str) -> Result<String, Unanswered> {
        let folded = name.to_lowercase();
        if self.settings.keeps_case() || folded == name {
            return Ok(name.to_owned());
        }
        let is_another = self.people().user(&folded).known()?.is_some();
        Ok(if is_another { String::new() } else { folded })
    }
}

/// This host as one command sees it.
pub struct Around<'a> {
    host: &'a Local,
    /// Files that the client read for its caller.
    files: &'a [CallerFile],
    /// What the commands rehearsed before would have added to the transaction record.
    record: &'a [Transaction],
    /// Users whose jobs are taken as over in a rehearsal.
    without_jobs_of: &'a [u32],
}

impl<'a> Around<'a> {
    /// In a rehearsal: as if these users had no jobs.
    pub fn without_jobs_of(self, users: &'a [u32]) -> Self {
        Self { without_jobs_of: users, ..self }
    }
}

impl World for Around<'_> {
    fn people(&self) -> &dyn People {
        self.host.people()
    }

    fn now(&self) -> i64 {
        self.host.now()
    }

    fn local_time(&self, seconds: i64) -> String {
        self.host.local_time(seconds)
    }

    fn cluster(&self) -> Option<&str> {
        self.host.cluster()
    }

    fn knows_job(&self, job: &Job) -> bool {
        self.host.knows_job(job)
    }

    fn jobs(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), String> {
        let is_over = |job: &Job| job.uid.is_some_and(|uid| self.without_jobs_of.contains(&uid.0));
        self.host.jobs(scan, &mut |job| if is_over(&job) { ControlFlow::Continue(()) } else { see(job) })
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
    fn people(&self) -> &dyn People {
        &ThisHost
    }

    fn now(&self) -> i64 {
        Timestamp::now().as_second()
    }

    fn local_time(&self, seconds: i64) -> String {
        let Ok(time) = Timestamp::from_second(seconds) else { return seconds.to_string() };
        time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
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

    fn knows_job(&self, job: &Job) -> bool {
        job.cluster == self.cluster && self.core.has_live(job.job_id, job.submit)
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
        assert_eq!(world.accounting_name("root").unwrap(), "root");
        assert_eq!(world.accounting_name("Root").unwrap(), "", "root is another user of this host");
        assert_eq!(world.accounting_name("NoSuchUserHere").unwrap(), "nosuchuserhere");
        let settings = Settings { parameters: Words::parse("PreserveCaseUser").unwrap(), ..Settings::default() };
        let world = Local::new(settings, "ref", store.readers());
        assert_eq!(world.accounting_name("NoSuchUserHere").unwrap(), "NoSuchUserHere");
    }
}
