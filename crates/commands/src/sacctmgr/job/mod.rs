//! `sacctmgr modify job` (sacctmgr(1), "SPECIFICATIONS FOR JOB"): what people may correct in the record of a job.

pub mod idle;
pub mod runaway;

use crate::sacctmgr::common;
use crate::sacctmgr::condition;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::wckey;
use crate::sacctmgr::word::{self, Word};
use slurm::model::{Action, JobId, JobRow};
use slurm::records::selection::{Selected, Selection};
use slurm::records::{ExitCode, Job, JobEdit, JobState, Scan};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use words::people::Uid;

/// Which jobs are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    accounts: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    jobs: Selection,
    users: Option<Vec<String>>,
    wckeys: Option<Vec<String>>,
    start: Option<i64>,
    end: Option<i64>,
    /// Whether anything was asked besides cluster and times.
    is_set: bool,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.operator.is_none() {
            self.complain(session, word);
        } else if word.is("Accounts", 1) || word.is("Accts", 1) {
            condition::extend(session, &mut self.accounts, word)?;
        } else if word.is("Cluster", 1) {
            return condition::extend(session, &mut self.clusters, word);
        } else if word.is("JobID", 1) {
            self.take_jobs(session, word)?;
        } else if word.is("EndTime", 1) {
            self.end = session.time(word.value);
            return Ok(());
        } else if word.is("StartTime", 1) {
            self.start = session.time(word.value);
            return Ok(());
        } else if word.is("WCkeys", 1) {
            condition::extend(session, &mut self.wckeys, word)?;
        } else if word.is("Users", 1) {
            self.take_users(session, word)?;
        } else {
            self.complain(session, word);
        }
        self.is_set = true;
        Ok(())
    }

    fn complain(&self, session: &mut Session, word: &Word) {
        session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
    }

    fn take_jobs(&mut self, session: &mut Session, word: &Word) -> Done {
        for part in word::unquote_lower(word.value).split(',') {
            match Selected::parse(part.trim()) {
                // Slurm takes 0 for "all jobs".
                Ok(one) if one.job > JobId(0) => self.jobs.push(one),
                Ok(_) => return session.refuse(format!("sacctmgr: fatal: Bad job/step specified: {part}")),
                Err(what) => return session.refuse(format!("sacctmgr: fatal: {what}")),
            }
        }
        Ok(())
    }

    fn take_users(&mut self, session: &mut Session, word: &Word) -> Done {
        let mut names: Option<Vec<String>> = None;
        condition::extend(session, &mut names, word)?;
        for name in names.into_iter().flatten() {
            match user_named(session, &name)? {
                Some(name) => self.users.get_or_insert_default().push(name),
                None => return session.refuse(format!("sacctmgr: error: Invalid user id: {name}")),
            }
        }
        Ok(())
    }

    fn scan(&self) -> Scan {
        Scan {
            clusters: self.clusters.clone().unwrap_or_default(),
            ended_from: self.start,
            submitted_before: self.end,
            numbers: self.jobs.numbers(),
            // Names, also of users that this host does not know by number: `holds` compares them.
            users: Vec::new(),
        }
    }

    fn holds(&self, job: &Job, hets: &BTreeSet<JobId>) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        among(&self.accounts, &job.account)
            && among(&self.users, &job.user)
            && among(&self.wckeys, &job.wckey)
            && (self.jobs.is_empty() || self.jobs.finds(job, None, hets))
            && job.state != JobState::Revoked
            && self.end.is_none_or(|end| job.eligible.is_some_and(|eligible| eligible < end))
    }
}

/// The user whom a name or a number stands for: of the host, or at least of the store.
fn user_named(session: &mut Session, text: &str) -> Done<Option<String>> {
    let world = session.world;
    match text.parse() {
        Ok(uid) => session.known(world.people().user_numbered(uid).map(|user| user.name)),
        Err(_) if is_here(session, text) => Ok(Some(text.to_owned())),
        Err(_) => session.known(world.people().user(text).map(|_| text.to_owned())),
    }
}

fn is_here(session: &Session, name: &str) -> bool {
    session.state.users.get(&name.to_owned()).is_some()
}

/// Reads one word after `set`; false when it is no option.
fn take_setting(session: &mut Session, edit: &mut JobEdit, word: &Word) -> bool {
    let text = || Some(word::unquote_lower(word.value));
    if word.is("DerivedExitCode", 12) || word.is("DerivedEC", 9) {
        edit.derived_exit = exit_code(word.value);
        if edit.derived_exit.is_none() {
            session.complain(format!("sacctmgr: error: Invalid value for DerivedExitCode ({})", word.value));
        }
    } else if word.is("Comment", 7) || word.is("DerivedExitString", 12) || word.is("DerivedES", 9) {
        edit.comment = text();
    } else if word.is("AdminComment", 12) {
        edit.admin_comment = text();
    } else if word.is("SystemComment", 13) {
        edit.system_comment = text();
    } else if word.is("Extra", 5) {
        edit.extra = text();
    } else if word.is("NewWCKey", 1) {
        edit.wckey = text();
    } else {
        return false;
    }
    true
}

/// `9:15` as sacct shows it, or wait(2)'s number as Slurm reads it: the signal in the lowest seven bits, the code above.
fn exit_code(text: &str) -> Option<ExitCode> {
    if let Some((code, signal)) = text.split_once(':') {
        return Some(ExitCode { code: code.parse().ok()?, signal: signal.parse().ok()? });
    }
    let [code, low] = text.parse::<u16>().ok()?.to_be_bytes();
    let signal = low & 0x7f;
    Some(ExitCode { code, signal: if signal == 0x7f { 0 } else { signal } })
}

/// What one command says.
#[derive(Default)]
struct Asked {
    wanted: Option<Wanted>,
    edit: JobEdit,
    has_unknown: bool,
}

impl Asked {
    fn read(session: &mut Session, words: &[Word]) -> Done<Self> {
        let (mut asked, mut setting) = (Self::default(), false);
        for word in words {
            if word.is_bare("where", 5) {
                setting = false;
            } else if word.is_bare("set", 3) {
                setting = true;
            } else if !setting {
                asked.wanted.get_or_insert_default().take(session, word)?;
            } else if word.operator.is_none() {
                session.complain(format!(" Bad format on {}: End your option with an '=' sign", word.raw));
            } else if !take_setting(session, &mut asked.edit, word) {
                session.say(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
                asked.has_unknown = true;
            }
        }
        if asked.edit == JobEdit::default() && (asked.has_unknown || !session.failed || asked.sets(words)) {
            session.complain(" You didn't give me anything to set");
        }
        session.failed |= asked.has_unknown;
        session.check()?;
        Ok(asked)
    }

    /// Whether the only complaint was about a value, after which Slurm goes on.
    fn sets(&self, words: &[Word]) -> bool {
        words.iter().any(|word| word.operator.is_some() && (word.is("DerivedExitCode", 12) || word.is("DerivedEC", 9)))
    }
}

/// A job that was found, as far as it matters here.
struct Found {
    row: JobRow,
    cluster: String,
    job_id: JobId,
    submit: i64,
    resizing: bool,
    user: String,
    uid: Option<Uid>,
}

/// `modify job`: operators change any record, others comment and derived exit code of their own.
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let Asked { wanted, edit, .. } = Asked::read(session, words)?;
    let anything = "You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?";
    if !wanted.as_ref().is_some_and(|wanted| wanted.is_set) && !session.ask(anything)? {
        session.say("Aborted");
        return Ok(());
    }
    let local = vec![session.local_cluster()];
    let wanted = wanted.map(|wanted| Wanted { clusters: wanted.clusters.or(Some(local)), ..wanted });
    let is_operator = session.caller.is_operator(session.state);
    if !is_operator && (edit.admin_comment.is_some() || edit.system_comment.is_some() || edit.extra.is_some()) {
        return common::denied(session);
    }
    let found = find(session, &wanted.unwrap_or_default())?;
    if found.is_empty() {
        session.say(" Nothing modified");
        return session.refuse(
            "sacctmgr: accounting_storage/slurmdbd: acct_storage_p_modify_job: Request didn't affect anything or your \
             user doesn't have privilege to perform this action",
        );
    }
    if !is_operator && !found.iter().all(|job| is_own(session, job)) {
        return common::denied(session);
    }
    if edit.wckey.is_some() && !session.world.settings().track_wckey {
        return session.refuse(" Nothing modified: wckeys are not tracked here (TrackWCKey=yes in the configuration)");
    }
    change(session, &found, edit);
    session.commit()
}

/// By name, since a number of another site's may mean somebody else here.
fn is_own(session: &Session, job: &Found) -> bool {
    match job.user.as_str() {
        "" => job.uid == Some(session.caller.uid),
        name => name == session.caller.name,
    }
}

/// The latest record of each job that is meant, and all of those that changed their size.
fn find(session: &mut Session, wanted: &Wanted) -> Done<Vec<Found>> {
    let mut found = Vec::new();
    let view = session.view();
    let hets = BTreeSet::new();
    let mut see = |job: Job| {
        if wanted.holds(&job, &hets) && view.job(&job.account, &job.user) {
            let Job { row, cluster, job_id, submit, state, user, uid, .. } = job;
            let resizing = state == JobState::Resizing;
            found.extend(row.map(|row| Found { row, cluster, job_id, submit, resizing, user, uid }));
        }
        ControlFlow::Continue(())
    };
    if let Err(error) = session.world.jobs(&wanted.scan(), &mut see) {
        return session.refuse(format!("sacctmgr: error: {error}"));
    }
    let local = session.local_cluster();
    let order = |job: &Found| (job.cluster != local, job.cluster.clone(), job.job_id, -job.submit);
    found.sort_by_cached_key(order);
    let mut last: Option<(String, JobId)> = None;
    found.retain(|job| {
        let here = Some((job.cluster.clone(), job.job_id));
        std::mem::replace(&mut last, here.clone()) != here || job.resizing
    });
    found.sort_by_cached_key(|job| (job.cluster != local, job.cluster.clone(), !job.resizing));
    Ok(found)
}

fn change(session: &mut Session, found: &[Found], edit: JobEdit) {
    session.say(" Modified jobs...");
    let (info, edit) = (info(&edit), Arc::new(edit));
    for job in found {
        session.say(format!("  {} submitted at {}", job.job_id, session.world.local_time(job.submit)));
        if let Some(key) = &edit.wckey {
            let planned =
                wckey::plan(session, &job.user, std::slice::from_ref(key), std::slice::from_ref(&job.cluster), None);
            wckey::plant(session, planned);
        }
        session.state.edit_job(job.row, edit.clone());
        session.record(Action::ModifyJob, format!("job_db_inx={}", job.row), info.clone(), &job.cluster);
    }
}

/// The change as the transaction record has it.
fn info(edit: &JobEdit) -> String {
    let code =
        edit.derived_exit.map(|exit| format!("derived_ec={}", i64::from(exit.code) << 8 | i64::from(exit.signal)));
    let text = |name: &str, text: &Option<String>| text.as_ref().map(|text| format!("{name}='{text}'"));
    let parts = [
        code,
        text("derived_es", &edit.comment),
        text("admin_comment", &edit.admin_comment),
        text("system_comment", &edit.system_comment),
        text("extra", &edit.extra),
        text("wckey", &edit.wckey),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let read = |text| exit_code(text).map(|exit| (exit.code, exit.signal));
        assert_eq!(read("9:15"), Some((9, 15)));
        assert_eq!(read("256"), Some((1, 0)));
        assert_eq!(read("3"), Some((0, 3)));
        for bad in ["", "x", "-1", "65536", "1:", ":2", "256:0", "1:2:3"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
