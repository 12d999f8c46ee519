//! [`Remembered`]: account files that were read and indexed once, for all items of a request.

use super::lookup::Sources;
use super::skeleton::{self, SkeletonEntry};
use super::{ProgramOutput, Result, System, lookup};
use crate::identity::entries::{Group, Passwd};
use crate::identity::{Database, Databases, Defaults, Readings};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was read since the last time that something may have changed it.
#[derive(Default)]
pub struct Remembered {
    passwd: RefCell<Option<Database<Passwd>>>,
    group: RefCell<Option<Database<Group>>>,
    all: RefCell<Option<Databases>>,
    defaults: RefCell<Option<Defaults>>,
    sources: OnceCell<Sources>,
    host_name: OnceCell<String>,
    /// Answers of the name service, by command.
    answers: RefCell<HashMap<Vec<OsString>, ProgramOutput>>,
    skeletons: RefCell<HashMap<PathBuf, Arc<Vec<SkeletonEntry>>>>,
    /// What account files said when they were read last; for who reads them anew.
    readings: Readings,
}

impl Remembered {
    /// Everything is read anew.
    pub fn forget(&mut self) {
        *self = Self { readings: std::mem::take(&mut self.readings), ..Self::default() };
    }

    /// `/etc/passwd`, read through `system` when it is not known.
    pub fn passwd(&self, system: &dyn System) -> Result<Database<Passwd>> {
        match &*self.all.borrow() {
            Some(all) => Ok(all.passwd.clone()),
            None => once(&self.passwd, || lookup::file(system, &self.readings)),
        }
    }

    /// `/etc/group`, likewise.
    pub fn group(&self, system: &dyn System) -> Result<Database<Group>> {
        match &*self.all.borrow() {
            Some(all) => Ok(all.group.clone()),
            None => once(&self.group, || lookup::file(system, &self.readings)),
        }
    }

    /// All six files, likewise.
    pub fn databases(&self, load: impl FnOnce(&Readings) -> Result<Databases>) -> Result<Databases> {
        once(&self.all, || load(&self.readings))
    }

    /// The settings for new accounts, likewise.
    pub fn defaults(&self, system: &dyn System) -> Result<Defaults> {
        once(&self.defaults, || lookup::read_defaults(system))
    }

    /// What is in a skeleton directory, likewise.
    pub fn skeleton(&self, system: &dyn System, directory: &Path) -> Result<Arc<Vec<SkeletonEntry>>> {
        if let Some(known) = self.skeletons.borrow().get(directory) {
            return Ok(known.clone());
        }
        let read = Arc::new(skeleton::read(system, directory)?);
        self.skeletons.borrow_mut().insert(directory.to_owned(), read.clone());
        Ok(read)
    }

    /// Where the name service looks, likewise.
    pub fn sources(&self, system: &dyn System) -> Sources {
        *self.sources.get_or_init(|| lookup::read_sources(system))
    }

    /// What the host calls itself, likewise.
    pub fn host_name(&self, system: &dyn System) -> String {
        self.host_name.get_or_init(|| lookup::read_host_name(system)).clone()
    }

    /// What the name service says, asked by `ask` when it is not known.
    pub fn answer(&self, argv: &[OsString], ask: impl FnOnce() -> Result<ProgramOutput>) -> Result<ProgramOutput> {
        if let Some(known) = self.answers.borrow().get(argv) {
            return Ok(known.clone());
        }
        let answer = ask()?;
        self.answers.borrow_mut().insert(argv.to_vec(), answer.clone());
        Ok(answer)
    }

    /// Keeps what the name service said.
    pub fn keep(&self, argv: Vec<OsString>, answer: ProgramOutput) {
        self.answers.borrow_mut().insert(argv, answer);
    }

    /// Takes the databases as they are after an edit. What was known before goes first, so that nothing else holds the
    /// files' lines and the edit is made in place.
    pub fn set(&mut self, mut after: Databases) {
        self.forget_files();
        after.settle();
        *self.all.borrow_mut() = Some(after);
    }

    fn forget_files(&mut self) {
        self.passwd.take();
        self.group.take();
        self.all.take();
        self.readings.clear();
    }
}

fn once<T: Clone>(place: &RefCell<Option<T>>, read: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(known) = &*place.borrow() {
        return Ok(known.clone());
    }
    let read = read()?;
    *place.borrow_mut() = Some(read.clone());
    Ok(read)
}
