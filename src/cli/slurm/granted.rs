//! Nodes for `srun` and `salloc`: a job is submitted, and waited for until it has them.

use super::caught;
use super::client::{self, PAUSE, Unanswered};
use super::news::{self, News};
use super::sbatch::or_chosen;
use crate::cli::exit::Exit;
use crate::view::styles::stderr;
use nix::sys::signal::Signal;
use scheduling::event::Denial;
use scheduling::id::JobId;
use scheduling::request::JobRequest;
use service::daemon::api::{self, FinishJob, JobStanding, Request, SubmitJob, SubmittedJob, WaitForJob};
use slurm::records::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// A job that has its nodes sooner is not said to wait.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Who asks, and how.
pub struct Asking {
    /// The program's name.
    pub program: &'static str,
    /// What it says before the reason of a refusal.
    pub failed: &'static str,
    /// `--quiet`
    pub quiet: bool,
    /// So many seconds it waits for nodes; `None` is as long as it takes.
    pub immediate: Option<u32>,
}

impl Asking {
    /// Takes these signals from now on; where they are told with all other news. The error is how the program ends.
    pub fn listen(&self, signals: &[Signal]) -> Result<(Sender<News>, Receiver<News>), Exit> {
        let (tell, news) = mpsc::channel();
        let to = tell.clone();
        let caught = caught::catch(signals, move |signal| _ = to.send(News::Signal(signal)));
        caught.map_err(|error| self.fail(&format!("cannot take signals: {error}")))?;
        Ok((tell, news))
    }

    /// Says something that is no error.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            stderr().line(format!("{}: {text}", self.program));
        }
    }

    /// Says an error; the exit code.
    pub fn fail(&self, text: &str) -> Exit {
        stderr().line(format!("{}: error: {text}", self.program));
        Exit(or_chosen(1))
    }

    /// Submits a job; its number. The error is how the program ends, all being said.
    pub fn submit(&self, request: JobRequest, test_only: bool, cluster: Option<String>) -> Result<JobId, Exit> {
        let ask = SubmitJob { request, test_only, cluster };
        let answer: SubmittedJob = match client::ask_for(&api::socket(), "/v1/jobs/submit", &ask) {
            Ok(answer) => answer,
            Err(why) => return Err(self.fail(&format!("{}: {}", self.failed, why.of_submission()))),
        };
        for note in &answer.notes {
            stderr().line(format!("{}: {note}", self.program));
        }
        match (answer.refused, answer.job) {
            (Some(why), _) if test_only => {
                stderr().line(format!("allocation failure: {why}"));
                Err(Exit(or_chosen(1)))
            }
            (Some(why), _) => Err(self.fail(&format!("{}: {why}", self.failed))),
            (None, Some(job)) => Ok(job),
            (None, None) => Err(Exit::OK),
        }
    }

    /// Waits until a job has its nodes. The error is how the program ends, all being said, and nothing being left of the job.
    pub fn wait(&self, job: JobId, news: &Receiver<News>, tell: &Sender<News>) -> Result<JobStanding, Exit> {
        ask_until_started(job, tell.clone());
        let begun = Instant::now();
        let deadline = self.immediate.map(|seconds| begun + Duration::from_secs(u64::from(seconds.max(1))));
        let mut is_told = false;
        loop {
            let until = if is_told { deadline } else { Some(begun + AT_ONCE) };
            match news::next(news, until) {
                None if !is_told => {
                    is_told = true;
                    if self.immediate != Some(1) {
                        self.is_queued(job);
                    }
                }
                None => {
                    cancel(&job.to_string());
                    let exit = self.fail("Unable to allocate resources: Requested nodes are busy");
                    self.is_revoked(job);
                    return Err(exit);
                }
                Some(News::Signal(Signal::SIGCONT)) => {}
                Some(News::Signal(_)) => return Err(self.interrupted(job)),
                Some(News::Standing(Ok(standing))) if standing.is_pending() => {}
                Some(News::Standing(Ok(standing))) if standing.has_nodes() => {
                    if is_told && self.immediate != Some(1) {
                        self.say(&format!("job {job} has been allocated resources"));
                    }
                    return Ok(standing);
                }
                Some(News::Standing(Ok(_))) => return Err(self.cancelled(job)),
                Some(News::Standing(Err(why))) => {
                    return Err(self.fail(&format!("{}: {}", self.failed, why.words())));
                }
                Some(_) => {}
            }
        }
    }

    fn is_salloc(&self) -> bool {
        self.program == "salloc"
    }

    fn is_queued(&self, job: JobId) {
        if self.is_salloc() {
            self.say(&format!("Pending job allocation {job}"));
        }
        self.say(&format!("job {job} queued and waiting for resources"));
    }

    fn is_revoked(&self, job: JobId) {
        if self.is_salloc() {
            self.say(&format!("Job allocation {job} has been revoked."));
        }
    }

    fn interrupted(&self, job: JobId) -> Exit {
        cancel(&job.to_string());
        if self.is_salloc() {
            self.is_revoked(job);
            self.say("Job aborted due to signal");
        } else {
            self.say(&format!("Job allocation {job} has been revoked"));
            self.say(&format!("Force Terminated JobId={job}"));
        }
        Exit(or_chosen(1))
    }

    fn cancelled(&self, job: JobId) -> Exit {
        self.say("Job has been cancelled");
        self.is_revoked(job);
        self.fail(&format!("{}: {}", self.failed, Denial::AlreadyDone))
    }
}

/// A thread that asks until the job is no longer pending. A service that is away comes back, and the job with it.
fn ask_until_started(job: JobId, tell: Sender<News>) {
    std::thread::spawn(move || {
        loop {
            let answer = standing(job, false);
            match &answer {
                Err(why) if !why.is_refusal() => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Ok(standing) if standing.is_pending() => {}
                _ => {
                    // Who does not listen any more has ended.
                    let _ = tell.send(News::Standing(answer));
                    return;
                }
            }
            if tell.send(News::Standing(answer)).is_err() {
                return;
            }
        }
    });
}

/// A thread that tells when the job is over.
pub fn tell_when_over(job: JobId, tell: Sender<News>) {
    std::thread::spawn(move || {
        loop {
            let answer = standing(job, true);
            let is_over = match &answer {
                Ok(standing) => !standing.is_pending() && !standing.has_nodes(),
                Err(Unanswered::Refused(..)) => true,
                Err(_) => {
                    std::thread::sleep(PAUSE);
                    false
                }
            };
            if is_over {
                let _ = tell.send(News::Standing(answer));
                return;
            }
        }
    });
}

/// How a job stands, when it has started or is over.
pub fn standing(job: JobId, over: bool) -> Result<JobStanding, Unanswered> {
    client::ask_for(&api::socket(), "/v1/jobs/wait", &WaitForJob { job, over })
}

/// Gives an allocation back.
pub fn finish(job: JobId, exit: ExitCode) -> Result<(), Unanswered> {
    client::ask_for(&api::socket(), "/v1/jobs/finish", &FinishJob { job, exit }).map(|_: serde_json::Value| ())
}

/// `scancel` of a job or a step; what it says against it.
pub fn cancel(what: &str) -> Option<String> {
    let request = Request { argv: vec![what.to_owned()], ..Request::default() };
    match client::ask(&api::socket(), "scancel", &request) {
        Ok(answer) if answer.code == 0 => None,
        Ok(answer) => Some(answer.stderr.trim_end().to_owned()),
        Err(why) => Some(why),
    }
}

/// A value of `scontrol show config`.
pub fn config(key: &str) -> Option<String> {
    let request = Request { argv: vec!["show".to_owned(), "config".to_owned()], ..Request::default() };
    let answer = client::ask(&api::socket(), "scontrol", &request).ok()?;
    let of_line = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    };
    answer.stdout.lines().find_map(of_line)
}
