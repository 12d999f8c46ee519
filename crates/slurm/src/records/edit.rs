//! [`JobEdit`]: what a command changes in the record of a job (sacctmgr(1), "SPECIFICATIONS FOR JOB").

use super::{ExitCode, Job, JobState};

/// What is to be different in a job's record; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobEdit {
    /// `DerivedExitCode`
    pub derived_exit: Option<ExitCode>,
    /// `Comment`
    pub comment: Option<String>,
    /// `AdminComment`
    pub admin_comment: Option<String>,
    /// `SystemComment`
    pub system_comment: Option<String>,
    /// `Extra`
    pub extra: Option<String>,
    /// `NewWCKey`
    pub wckey: Option<String>,
    /// The job never ended: it is completed as of the last thing that is known of it. One that ended is left alone.
    pub completes: bool,
}

impl JobEdit {
    /// Makes the change.
    pub fn apply(&self, job: &mut Job) {
        let put = |text: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                new.clone_into(text);
            }
        };
        put(&mut job.details.comment, &self.comment);
        put(&mut job.details.admin_comment, &self.admin_comment);
        put(&mut job.details.system_comment, &self.system_comment);
        put(&mut job.details.extra, &self.extra);
        put(&mut job.wckey, &self.wckey);
        job.derived_exit = self.derived_exit.unwrap_or(job.derived_exit);
        if self.completes && job.end.is_none() {
            job.end = Some(job.submit.max(job.eligible.unwrap_or(0)).max(job.start.unwrap_or(0)));
            job.state = JobState::Completed;
        }
    }

    /// Whether usage comes to something else by it.
    pub fn moves_usage(&self) -> bool {
        self.completes || self.wckey.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_changes() {
        let job = Job { submit: 5, wckey: "w".into(), state: JobState::Running, start: Some(9), ..Job::default() };
        let apply = |edit: &JobEdit| {
            let mut job = job.clone();
            edit.apply(&mut job);
            job
        };
        assert_eq!(apply(&JobEdit::default()), job);
        let comment = JobEdit { comment: Some("c".into()), ..JobEdit::default() };
        assert_eq!((apply(&comment).details.comment.as_str(), comment.moves_usage()), ("c", false));
        let completes = JobEdit { completes: true, ..JobEdit::default() };
        assert_eq!((apply(&completes).end, apply(&completes).state), (Some(9), JobState::Completed));
        let mut ended = Job { end: Some(7), state: JobState::Failed, ..job.clone() };
        completes.apply(&mut ended);
        assert_eq!((ended.end, ended.state), (Some(7), JobState::Failed), "what ended stays as it ended");
    }
}
