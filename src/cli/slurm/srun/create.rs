//! A step in a job that has its nodes.

use crate::cli::exit::Exit;
use crate::cli::slurm::client::{self, PAUSE, Unanswered};
use crate::cli::slurm::granted::{self, Asking};
use crate::cli::slurm::news::{self, News};
use commands::srun::{Place, Run};
use compute::protocol::StepNode;
use nix::sys::signal::Signal;
use scheduling::event::Denial;
use scheduling::id::JobId;
use service::daemon::api::{self, CreateStep, JobStanding};
use slurm::records::StepId;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// So long a service may be away while a step is asked for: it starts again in less.
const LONGEST_AWAY: Duration = Duration::from_secs(120);

/// Asks until it is there; the error is how `srun` ends without, all being said.
pub fn step(
    asking: &Asking,
    job: JobId,
    run: &Run,
    news: &Receiver<News>,
    tell: &Sender<News>,
) -> Result<(StepId, Vec<StepNode>, JobStanding), Exit> {
    let ask = CreateStep {
        job,
        request: run.step.clone(),
        program: run.program.clone(),
        immediate: run.immediate.is_some() && matches!(run.place, Place::In(_)),
    };
    let is_immediate = ask.immediate;
    ask_until_created(ask, tell.clone());
    let (mut is_told, mut away) = (false, None);
    loop {
        let news = news::next(news, None);
        if let Some(News::Created(Ok(_))) = &news {
            away = None;
        }
        match news {
            Some(News::Created(Ok(created))) => match (created.step, created.waits) {
                (Some((step, nodes)), _) => {
                    if is_told {
                        asking.say(&format!("Step created for job {job}"));
                    }
                    return Ok((step, nodes, created.job));
                }
                (None, Some(why)) if is_immediate => return Err(refused(asking, job, &why)),
                (None, why) => {
                    if !is_told {
                        let why = why.unwrap_or_else(|| "Requested nodes are busy".to_owned());
                        asking.say(&format!("Job {job} step creation temporarily disabled, retrying ({why})"));
                    }
                    is_told = true;
                }
            },
            // It is asked again before long, but not for ever: a script would stand still until its time is over.
            Some(News::Created(Err(Unanswered::Away(why) | Unanswered::Lost(why)))) => {
                if away.get_or_insert_with(Instant::now).elapsed() >= LONGEST_AWAY {
                    return Err(refused(asking, job, &why));
                }
                if !is_told {
                    asking.say(&format!("Job {job} step creation temporarily disabled, retrying ({why})"));
                }
                is_told = true;
            }
            Some(News::Created(Err(why))) => {
                if let (Some(asked), Some(has)) = (run.step.nodes.map(|(least, _)| least), nodes_of(job))
                    && asked as usize > has
                {
                    return Err(asking.fail(&format!("Only allocated {has} nodes asked for {asked}")));
                }
                return Err(unanswered(asking, job, why));
            }
            Some(News::Signal(Signal::SIGCONT | Signal::SIGWINCH)) => {}
            Some(News::Signal(_)) | None => {
                asking.say(&format!("Cancelled pending step for job {job}"));
                return Err(Exit(1));
            }
            Some(_) => {}
        }
    }
}

/// How many nodes a job has, if it runs.
fn nodes_of(job: JobId) -> Option<usize> {
    let standing = granted::standing(job, false).ok().filter(JobStanding::has_nodes)?;
    Some(standing.allocation?.nodes.len())
}

fn refused(asking: &Asking, job: JobId, why: &str) -> Exit {
    asking.fail(&format!("Unable to create step for job {job}: {why}"))
}

/// A job that is over or was never there is told in other words.
fn unanswered(asking: &Asking, job: JobId, why: Unanswered) -> Exit {
    let expired = format!("Check SLURM_JOB_ID environment variable. Expired or invalid job {job}");
    let is = |why: &str, denial: &Denial| why.starts_with(&denial.to_string());
    match why {
        Unanswered::Refused(_, why) if is(&why, &Denial::AlreadyDone) => {
            let exit = asking.fail(&format!("Slurm job {job} has expired"));
            asking.say(&expired);
            exit
        }
        Unanswered::Refused(_, why) if is(&why, &Denial::InvalidJob) => {
            let exit = asking.fail(&format!("Unable to confirm allocation for job {job}: {why}"));
            asking.say(&expired);
            exit
        }
        why => refused(asking, job, &why.words()),
    }
}

/// A thread that asks until the step is there; a service that is away or too busy is asked until it is not. It is asked for once at
/// a time: a step whose answer is lost ends by itself.
fn ask_until_created(ask: CreateStep, tell: Sender<News>) {
    std::thread::spawn(move || {
        loop {
            let answer = client::ask_for(&api::socket(), "/v1/steps/create", &ask);
            let is_away = matches!(&answer, Err(why) if !why.is_refusal());
            let waits = matches!(&answer, Ok(api::CreatedStep { step: None, .. })) && !ask.immediate;
            let goes_on = is_away || waits;
            if tell.send(News::Created(answer)).is_err() || !goes_on {
                return;
            }
            if is_away {
                std::thread::sleep(PAUSE);
            }
        }
    });
}
