//! [`Retention`]: purges old records as the configuration says, archives them before they go, and brings them back.
//!
//! Archives are written from a reader's connection and are whole, synced and named before the first record of theirs
//! goes. Records go in small changes, each only if it still is what the archive has, so commands get in between. The store
//! notes the archive before it gets its name: after a crash its records go on to go, and none is archived twice.

use super::writer::{Change, Writer};
use crate::store::archive::{self, ArchiveError};
use crate::store::purge::{self, Mark, Old};
use crate::store::usage::progress;
use crate::store::{Readers, StoreError};
use jiff::Timestamp;
use slurm::archive::{Head, Kind, Order, Record, Rule, Task};
use slurm::model::tres::Tres;
use slurm::rollup::Calendar;
use slurm::settings;
use std::cell::Cell;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often it looks whether something is due.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many records are in an archive at most, as in Slurm.
const LARGEST_FILE: usize = 50_000;

/// So many records go in one change.
const BATCH: usize = 200;

/// What the thread and commands share.
struct Desk {
    writer: Weak<Writer>,
    readers: Readers,
    calendar: Calendar,
    settings: Mutex<settings::Retention>,
    /// One purge or load at a time.
    turn: Mutex<()>,
}

/// The thread's other end; the thread ends with it.
pub struct Retention {
    desk: Arc<Desk>,
    _bell: SyncSender<()>,
}

type Done<T = ()> = Result<T, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Retention {
    /// Starts the thread.
    pub fn start(writer: &Arc<Writer>, readers: &Readers, settings: settings::Retention) -> std::io::Result<Self> {
        let desk = Arc::new(Desk {
            writer: Arc::downgrade(writer),
            readers: readers.clone(),
            calendar: Calendar::local(),
            settings: Mutex::new(settings),
            turn: Mutex::new(()),
        });
        let (bell, rung) = sync_channel(1);
        let mine = desk.clone();
        std::thread::Builder::new().name("retention".into()).spawn(move || {
            let mut failed: Option<String> = None;
            loop {
                let now = mine.purge_what_is_due().err();
                if let Some(why) = now.as_ref().filter(|_| now != failed) {
                    tracing::error!("old records stay, and are tried again: {why}");
                }
                failed = now;
                match rung.recv_timeout(PATIENCE) {
                    Err(RecvTimeoutError::Disconnected) => return,
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })?;
        Ok(Self { desk, _bell: bell })
    }

    /// Takes on new settings.
    pub fn configure(&self, settings: settings::Retention) {
        *self.desk.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Does what `sacctmgr archive` asks for; what was done, a line each.
    pub fn run(&self, task: &Task) -> Done<Vec<String>> {
        match task {
            Task::Dump(order) => self.desk.dump(order),
            Task::Load(file) => self.desk.load(file),
        }
    }
}

impl Desk {
    fn settings(&self) -> settings::Retention {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn mark(&self, kind: Kind) -> Done<Mark> {
        self.readers.read(|sql| purge::mark(sql, kind)).map_err(text)?.map_err(text)
    }

    /// Changes the store in one transaction.
    fn change(&self, work: impl Fn(&mut Change) -> Result<(), StoreError> + Send + 'static) -> Done {
        let writer = self.writer.upgrade().ok_or("the service is stopping")?;
        writer.run(work).map(drop)
    }

    fn purge_what_is_due(&self) -> Done {
        let order = Order::configured(&self.settings());
        let now = Timestamp::now().as_second();
        for rule in &order.rules {
            let Some(until) = rule.age.cutoff(now, &self.calendar) else { continue };
            if self.mark(rule.kind)?.done.is_none_or(|done| done < until) && self.is_summed_up(rule.kind, until)? {
                self.purge(*rule, &order, until)?;
            }
        }
        Ok(())
    }

    /// Records that usage is made of stay until it is. Where nothing was ever summed up there is nothing to wait for
    /// but the rollup, which comes first.
    fn is_summed_up(&self, kind: Kind, until: i64) -> Done<bool> {
        let progress = self.readers.read(progress).map_err(text)?.map_err(text)?;
        Ok(!kind.makes_usage() || progress.rolled.is_some_and(|rolled| rolled >= until))
    }

    fn dump(&self, order: &Order) -> Done<Vec<String>> {
        let now = Timestamp::now().as_second();
        let mut told = Vec::new();
        for rule in &order.rules {
            let Some(until) = rule.age.cutoff(now, &self.calendar) else { continue };
            if self.is_summed_up(rule.kind, until)? {
                told.extend(self.purge(*rule, order, until)?);
            } else {
                let kind = rule.kind.name();
                told.push(format!("{kind} stay: there are none, or usage is not summed up that far yet"));
            }
        }
        Ok(told)
    }

    /// Purges a kind; what was done, a line each.
    fn purge(&self, Rule { kind, archive, .. }: Rule, order: &Order, until: i64) -> Done<Vec<String>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(move |change| change.draft.freeze(kind, until))?;
        self.finish(kind)?;
        let mut told = Vec::new();
        for cluster in self.clusters(kind, order)? {
            let old = Old { kind, cluster: &cluster, until, calendar: &self.calendar, from: Cell::new(i64::MIN) };
            if archive { told.extend(self.archive(&old, &order.directory)?) } else { told.extend(self.discard(&old)?) }
        }
        if order.clusters.is_empty() {
            self.change(move |change| change.draft.purged(kind, until))?;
        }
        told.iter().for_each(|line| tracing::info!("{line}"));
        Ok(told)
    }

    /// The clusters whose records are looked for one after another; one without a name stands for all together.
    fn clusters(&self, kind: Kind, order: &Order) -> Done<Vec<String>> {
        if !kind.is_by_cluster() {
            return Ok(vec![String::new()]);
        }
        let state = self.writer.upgrade().ok_or("the service is stopping")?.kept().state;
        let all = state.clusters.values().map(|row| row.name.clone());
        Ok(all.filter(|name| order.clusters.is_empty() || order.clusters.contains(name)).collect())
    }

    /// Goes on where a crash stopped an earlier purge.
    fn finish(&self, kind: Kind) -> Done {
        let Some(file) = self.mark(kind)?.file else { return Ok(()) };
        // Without its file none of its records has gone yet, or somebody took the file away when it was whole.
        if archive::settle(&file).map_err(text)? {
            let removed = self.remove_archived(&file)?;
            tracing::info!("{} {} of {} were still there and went", removed, kind.name(), file.display());
        }
        self.change(move |change| change.draft.purging(kind, None))
    }

    fn discard(&self, old: &Old) -> Done<Option<String>> {
        let mut all = 0;
        loop {
            let mut batch = Vec::new();
            self.each(old, BATCH, &mut |record| {
                batch.push(record);
                Ok(())
            })?;
            let removed = if batch.is_empty() { 0 } else { self.remove(batch)? };
            all += removed;
            if removed == 0 {
                let (kind, cluster) = (old.kind.name(), of_cluster(old));
                return Ok((all > 0).then(|| format!("{all} {kind}{cluster} purged")));
            }
        }
    }

    fn archive(&self, old: &Old, directory: &Path) -> Done<Vec<String>> {
        let mut told = Vec::new();
        while let Some((file, records)) = self.write(old, directory)? {
            let (kind, path) = (old.kind, file.clone());
            self.change(move |change| change.draft.purging(kind, Some(&path)))?;
            archive::settle(&file).map_err(text)?;
            let removed = self.remove_archived(&file)?;
            self.change(move |change| change.draft.purging(kind, None))?;
            let name = kind.name();
            told.push(format!("{records} {name}{} archived in {}, {removed} purged", of_cluster(old), file.display()));
            if removed == 0 {
                break;
            }
        }
        Ok(told)
    }

    /// Writes the next archive, whole and synced, and not yet under its name; `None` when there is nothing to archive.
    fn write(&self, old: &Old, directory: &Path) -> Done<Option<(PathBuf, u64)>> {
        let mut first = None;
        self.each(old, 1, &mut |record| {
            first = Some(record.time());
            Ok(())
        })?;
        let Some(first) = first else { return Ok(None) };
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        let file = self.free_name(old, first, directory);
        let mut writer = archive::Writer::create(&file, &self.head(old)?).map_err(text)?;
        self.each(old, LARGEST_FILE, &mut |record| writer.put(&record))?;
        let records = writer.finish().map_err(text)?;
        Ok(Some((file, records)))
    }

    /// `ref_jobs_archive_2024-03-01T00:00:00_2024-04-01T00:00:00`, with a number when there is one already.
    fn free_name(&self, old: &Old, first: i64, directory: &Path) -> PathBuf {
        let (from, until) = (self.calendar.text(first), self.calendar.text(old.until));
        let cluster = if old.cluster.is_empty() { "all" } else { old.cluster };
        let name = format!("{cluster}_{}_archive_{from}_{until}", old.kind.name());
        let names = std::iter::once(name.clone()).chain((2..).map(|number: u64| format!("{name}.{number}")));
        let mut paths = names.map(|name| directory.join(name));
        paths.find(|path| !archive::is_taken(path)).unwrap_or_else(|| directory.join(name))
    }

    fn head(&self, old: &Old) -> Done<Head> {
        let state = self.writer.upgrade().ok_or("the service is stopping")?.kept().state;
        Ok(Head {
            enlist_archive: archive::VERSION,
            kind: old.kind,
            cluster: old.cluster.to_owned(),
            until: old.until,
            made: Timestamp::now().as_second(),
            tres: state.tres.iter().map(|(id, row)| (*id, row.full_name())).collect(),
            qos: state.qos.iter().map(|(id, row)| (*id, row.name.clone())).collect(),
        })
    }

    fn each(&self, old: &Old, most: usize, see: &mut dyn FnMut(Record) -> Result<(), ArchiveError>) -> Done {
        let state = self.writer.upgrade().ok_or("the service is stopping")?.kept().state;
        let read = |sql: &rusqlite::Connection| old.each(sql, &state, most, see);
        self.readers.read(read).map_err(text)?.map_err(text)
    }

    /// Takes out what the archive has; how many were still there.
    fn remove_archived(&self, file: &Path) -> Done<u64> {
        archive::verify(file).map_err(text)?;
        self.in_batches(file, |batch| self.remove(batch))
    }

    fn in_batches(&self, file: &Path, take: impl Fn(Vec<Record>) -> Done<u64>) -> Done<u64> {
        let (mut batch, mut sum) = (Vec::new(), 0);
        let read = archive::each(file, |record| {
            batch.push(record);
            if batch.len() == BATCH {
                sum += take(std::mem::take(&mut batch)).map_err(ArchiveError::Refused)?;
            }
            Ok(())
        });
        read.map_err(text)?;
        Ok(sum + if batch.is_empty() { 0 } else { take(batch)? })
    }

    fn remove(&self, batch: Vec<Record>) -> Done<u64> {
        self.counted(move |change| change.draft.remove(change.state, &batch))
    }

    /// A change that counts; it may run twice, the last time counts.
    fn counted(&self, work: impl Fn(&mut Change) -> Result<u64, StoreError> + Send + 'static) -> Done<u64> {
        let count = Arc::new(AtomicU64::new(0));
        let mine = count.clone();
        self.change(move |change| {
            mine.store(work(change)?, Ordering::SeqCst);
            Ok(())
        })?;
        Ok(count.load(Ordering::SeqCst))
    }

    /// Brings back what an archive has and the store has not.
    fn load(&self, file: &Path) -> Done<Vec<String>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.within(file)?;
        let head = archive::verify(&file).map_err(text)?;
        self.fits(&head)?;
        let records = AtomicU64::new(0);
        let added = self.in_batches(&file, |batch| {
            records.fetch_add(batch.len() as u64, Ordering::SeqCst);
            self.counted(move |change| change.draft.bring_back(change.state, &batch))
        })?;
        let there = records.into_inner() - added;
        Ok(vec![format!("{added} {} loaded, {there} left as they are", head.kind.name())])
    }

    /// Whether its numbers mean here what they meant there.
    fn fits(&self, head: &Head) -> Done {
        let state = self.writer.upgrade().ok_or("the service is stopping")?.kept().state;
        for (id, name) in &head.tres {
            if let Some(here) = state.tres.get(id).map(Tres::full_name).filter(|here| here != name) {
                return Err(format!("the archive is another service's: its TRES {id} is {name}, here it is {here}"));
            }
        }
        let named = |id| state.qos.get(id).filter(|row| !row.deleted).map(|row| &row.name);
        match head.qos.iter().find_map(|(id, name)| Some((id, name, named(id).filter(|here| *here != name)?))) {
            Some((id, name, here)) => Err(format!(
                "the archive is another service's, or a QOS was renamed: {id} was {name}, here it is {here}"
            )),
            None if state.clusters.get(&head.cluster).is_none() && !head.cluster.is_empty() => {
                Err(format!("there is no cluster `{}` here; add it with `sacctmgr add cluster` first", head.cluster))
            }
            None => Ok(()),
        }
    }

    /// The file as it really lies below `ArchiveDir`: the service reads no other for anybody.
    fn within(&self, file: &Path) -> Done<PathBuf> {
        let directory = self.settings().directory;
        let cannot = |error| format!("{}: {error}; archives are read in {}", file.display(), directory.display());
        let real = directory.join(file).canonicalize().map_err(cannot)?;
        if directory.canonicalize().is_ok_and(|directory| real.starts_with(directory)) {
            Ok(real)
        } else {
            Err(format!("{} is not in ArchiveDir, {}: copy it there", file.display(), directory.display()))
        }
    }
}

fn of_cluster(old: &Old) -> String {
    if old.cluster.is_empty() { String::new() } else { format!(" of cluster {}", old.cluster) }
}
