//! What `enlist apply` writes into the audit log: who began what and why, each change, and how it ended.

use super::exit::caution;
use control::audit_log::{AuditLog, Begin, Changed, FILE, LogEvent};
use control::plan::{Plan, digest, guard};
use control::roster::Roster;
use control::roster::guards::Settings;
use control::sync::{Applied, Became};
use host::change::{Action, FieldDiff};
use nix::unistd::{Uid, User, gethostname};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use words::diag::{Diagnostic, ErrorKind};

/// Where the log is: as given, or beside the roster, or else beside the plan.
pub fn path(given: Option<&Path>, roster: Option<&Roster>, plan: Option<&Path>) -> PathBuf {
    let beside = |file: &Path| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.join(FILE),
        _ => PathBuf::from(FILE),
    };
    let of_roster = || {
        let roster = roster?;
        let path = Path::new(&roster.source.name);
        Some(if roster.is_folder() { path.join(FILE) } else { beside(path) })
    };
    let of_plan = || plan.map(beside);
    given.map(Path::to_owned).or_else(of_roster).or_else(of_plan).unwrap_or_else(|| FILE.into())
}

/// A run that is recorded.
pub struct Recording {
    log: AuditLog,
    changes: u64,
    /// The first event that could not be written: later ones would be a chain with a hole.
    lost: Option<Diagnostic>,
    stop: Arc<AtomicBool>,
    /// Held as long as the run lives.
    _folder: Option<File>,
}

impl Recording {
    /// Begins to record. From now on no other run may begin with this log, and none with a roster in `folder`, whatever log it has.
    /// Refused for a roster that lost people since the log has it. `stop` is set when something cannot be recorded any more:
    /// nothing new is begun then.
    pub fn begin(
        (path, folder): (&Path, Option<&Path>),
        begin: Begin,
        stop: Arc<AtomicBool>,
        guards: &Settings,
        allowed: &[String],
    ) -> Result<Self, Diagnostic> {
        let folder = folder.map(hold).transpose()?.flatten();
        let mut log = AuditLog::open(path)?;
        if let (Some(roster), Some(now)) = (&begin.roster, begin.people) {
            let before = log.people_of(roster).unwrap_or_default();
            if let Some(problem) = guard::refuse_vanished(before, now, guards, allowed) {
                return Err(problem);
            }
        }
        log.add(LogEvent::Begin(begin))?;
        Ok(Self { log, changes: 0, lost: None, stop, _folder: folder })
    }

    /// Records what became of one step.
    pub fn applied(&mut self, applied: &Applied) {
        for changed in changes(applied) {
            self.changes += 1;
            self.add(LogEvent::Change(changed));
        }
    }

    /// Records that nothing was touched.
    pub fn refused(&mut self, problems: &[Diagnostic]) {
        let why = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ");
        self.add(LogEvent::Refused { why });
    }

    /// Records the end. An error when something could not be recorded.
    pub fn end(mut self, ok: bool) -> Result<(), Diagnostic> {
        let changes = self.changes;
        self.add(LogEvent::End { ok, changes });
        self.lost.map_or(Ok(()), Err)
    }

    fn add(&mut self, event: LogEvent) {
        if self.lost.is_none() {
            self.lost = self.log.add(event).err();
            self.stop.fetch_or(self.lost.is_some(), Ordering::Relaxed);
        }
    }
}

/// The folder that the roster is in, or is; without one, that of the roster that the plan was made from, if it is there.
pub fn folder(plan: &Plan, roster: Option<&Roster>) -> Option<PathBuf> {
    let name = roster.map_or(&plan.roster.file, |roster| &roster.source.name);
    let real = Path::new(name).canonicalize().ok()?;
    if real.is_dir() { Some(real) } else { real.parent().map(Path::to_owned) }
}

/// Holds a folder alone. Where its file system has no locks (NFS has none for folders) the log alone keeps runs apart, and that is
/// told.
fn hold(folder: &Path) -> Result<Option<File>, Diagnostic> {
    let shown = folder.display();
    let held = File::open(folder).map_err(TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
    match held {
        Ok(file) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another `enlist apply` is at work with a roster in {shown}; nothing was touched");
            let problem = Diagnostic::new(ErrorKind::Refused, message);
            Err(problem.hint("wait until it is over, plan again, and look at what is left"))
        }
        Err(TryLockError::Error(why)) => {
            caution(&format!("{shown} cannot be held ({why}): only runs with the same log exclude each other"));
            Ok(None)
        }
    }
}

/// What is known of a run before it begins.
pub fn beginning(plan: &Plan, roster: Option<&Roster>, allow: &[String], reason: Option<&String>) -> Begin {
    Begin {
        who: who(),
        machine: gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        roster: roster.map(|roster| real(&roster.source.name)),
        roster_digest: roster.map(|roster| digest(roster.whole_text().as_bytes())),
        people: roster.map(|roster| roster.users.len()),
        commit: roster.and_then(commit),
        plan: digest(plan.to_json().as_bytes()),
        allow: allow.to_vec(),
        reason: reason.cloned(),
    }
}

/// The path by which a roster is known, however it was typed.
fn real(path: &str) -> String {
    Path::new(path).canonicalize().map_or_else(|_| path.to_owned(), |real| real.display().to_string())
}

/// The login of this process, and who became it by sudo.
fn who() -> String {
    let uid = Uid::current();
    let known = User::from_uid(uid).ok().flatten();
    let own = known.map_or_else(|| format!("uid {uid}"), |user| user.name);
    match std::env::var("SUDO_USER") {
        Ok(behind) if uid.is_root() && behind != own => format!("{own} (sudo by {behind})"),
        _ => own,
    }
}

/// The commit of the roster, with `+` when a file of it has been changed since, or was never committed.
fn commit(roster: &Roster) -> Option<String> {
    let path = Path::new(&roster.source.name);
    let directory = if roster.is_folder() { path.to_owned() } else { roster.source.directory() };
    let git = |words: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&directory).args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"])?;
    let files: Vec<PathBuf> = roster.files.iter().filter_map(|file| std::path::absolute(&file.name).ok()).collect();
    let files: Vec<&str> = files.iter().filter_map(|file| file.to_str()).collect();
    let changed = git(&[&["status", "--porcelain", "--"], &files[..]].concat());
    let is_clean = changed.is_some_and(|changed| changed.is_empty());
    Some(if is_clean { head } else { format!("{head}+") })
}

fn changes(applied: &Applied) -> Vec<Changed> {
    let (result, why) = match &applied.became {
        Became::Done => ("done", None),
        Became::Otherwise { .. } => ("otherwise", None),
        Became::Failed { why } => ("failed", Some(why)),
        Became::NotTried { why } => ("not_tried", Some(why)),
    };
    let done = match &applied.became {
        Became::Otherwise { changes } if !changes.is_empty() => changes,
        _ => &applied.planned,
    };
    let one = |change: &host::change::Change| Changed {
        host: applied.host.clone(),
        what: change.address.to_string(),
        action: action(change.action).to_owned(),
        fields: change.fields.iter().map(|field| name(field).to_owned()).collect(),
        result: result.to_owned(),
        why: why.map(|why| why.lines().next().unwrap_or_default().to_owned()),
    };
    done.iter().map(one).collect()
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}

fn name(field: &FieldDiff) -> &str {
    match field {
        FieldDiff::Value { name, .. } | FieldDiff::Text { name, .. } | FieldDiff::Opaque { name, .. } => name,
    }
}
