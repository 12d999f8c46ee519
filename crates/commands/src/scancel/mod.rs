//! `scancel`, pure: ends jobs, or sends them signals.

mod options;

use crate::Reply;
use crate::cluster::{Cluster, Controller};
use crate::job::JobFacts;
pub use options::VARIABLES;
use options::{End, Named, Options};
use scheduling::array::TaskSet;
use scheduling::event::{Denial, JobCommand, SchedulerEvent, StepCommand};
use scheduling::id::JobId;
use scheduling::job::SignalTarget;
use slurm::records::{JobState, StepId};
use std::collections::BTreeMap;

/// Exit code of one whose job is another's.
const DENIED: u8 = 210;

/// … of a step that is not there.
const NO_STEP: u8 = 225;

/// … of a part of a job that has none.
const NO_PARTS: u8 = 58;

/// What is done to one job.
struct Target {
    id: JobId,
    tasks: Option<TaskSet>,
    /// One of its steps alone, that `srun` started.
    step: Option<StepId>,
    /// One of its parts, of which it has none.
    is_part: bool,
    /// How complaints call it.
    text: String,
}

/// Runs one command line (without the program's name). `answers` are those to the questions asked so far.
pub fn run(
    controller: &mut dyn Controller,
    environment: &BTreeMap<String, String>,
    argv: &[String],
    answers: &[bool],
) -> Reply {
    let options = match Options::read(&controller.cluster(), environment, argv) {
        Ok(options) => options,
        Err(End::Text(stdout)) => return Reply { stdout, ..Reply::default() },
        Err(End::Complaint(stderr)) => return Reply { stderr, code: 1, ..Reply::default() },
    };
    if let Some(why) = elsewhere(&controller.cluster(), &options) {
        return Reply { stderr: why, code: 1, ..Reply::default() };
    }
    let mut targets = targets(&controller.cluster(), &options);
    if options.interactive {
        match asked(&controller.cluster(), targets, answers) {
            Ok(agreed) => targets = agreed,
            Err(question) => return Reply { question: Some(question), ..Reply::default() },
        }
    }
    let mut reply = Reply { stderr: options.complaints.clone(), ..Reply::default() };
    let filters = options.filters();
    if targets.is_empty() && options.verbose && !filters.is_empty() {
        reply.stderr += &format!("scancel: error: No active jobs match ALL job filters, including: {filters}\n");
    }
    for target in targets {
        end(controller, &options, target, &mut reply);
    }
    reply
}

/// What is wrong with `--clusters`.
fn elsewhere(cluster: &Cluster, options: &Options) -> Option<String> {
    let why = crate::sbatch::elsewhere(&cluster.core.config().cluster, options.cluster.as_deref())?;
    Some(crate::sbatch::away("scancel", &why))
}

/// The jobs that are meant. Those that are named are there even where nobody knows them, so that their number is told.
fn targets(cluster: &Cluster, options: &Options) -> Vec<Target> {
    if options.jobs.is_empty() {
        // The newest first, as it does it.
        let all = cluster.core.live().jobs.values().rev().map(|job| job.id);
        return all.filter(|id| is_meant(cluster, options, *id, true)).map(Target::whole).collect();
    }
    let mut found = Vec::new();
    for named in &options.jobs {
        if named.step.is_some() {
            let text = named.job.to_string();
            found.push(Target { step: named.step, text, ..Target::whole(named.job) });
            continue;
        }
        let records = cluster.records(named.job);
        if records.is_empty() || named.tasks.is_some() || named.is_part {
            let (tasks, text) = (named.tasks.clone(), named.text.clone());
            found.push(Target { tasks, text, is_part: named.is_part, ..Target::whole(named.job) });
            continue;
        }
        let alone = records.len() == 1;
        let meant = records.into_iter().filter(|id| is_meant(cluster, options, *id, !alone));
        found.extend(meant.map(|id| Target { text: Named::text_of(named, id), ..Target::whole(id) }));
    }
    found
}

impl Target {
    fn whole(id: JobId) -> Self {
        Self { id, tasks: None, step: None, is_part: false, text: id.to_string() }
    }
}

impl Named {
    fn text_of(named: &Named, id: JobId) -> String {
        if named.job == id { named.text.clone() } else { id.to_string() }
    }
}

/// Whether all filters let a job through.
fn is_meant(cluster: &Cluster, options: &Options, id: JobId, must_be_live: bool) -> bool {
    let Some(job) = cluster.core.job(id) else { return false };
    let it = JobFacts::plain(*cluster, job);
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
    let on_nodes = |nodes: &Vec<String>| {
        let shares = it.allocation().filter(|_| it.has_run()).into_iter().flat_map(|own| &own.shares);
        shares.into_iter().any(|share| nodes.iter().any(|name| name == share.node.as_str()))
    };
    (!must_be_live || job.is_live())
        && is(&options.account, &job.account)
        && is(&options.name, &job.submission.name)
        && is(&options.qos, &it.qos())
        && options.partition.as_ref().is_none_or(|wanted| it.partition().split(',').any(|own| own == wanted))
        && options.user.is_none_or(|uid| uid == job.submission.user.uid)
        && options.state.is_none_or(|state| state == job.state())
        && options.nodes.as_ref().is_none_or(on_nodes)
        && options.reservation.is_none()
        && options.wckey.as_deref().is_none_or(|wanted| it.wckey() == Some(wanted))
}

/// Those that were agreed to; the error is the next question. Nobody is asked about what is over or never was.
fn asked(cluster: &Cluster, targets: Vec<Target>, answers: &[bool]) -> Result<Vec<Target>, String> {
    let (mut agreed, mut answers) = (Vec::new(), answers.iter());
    for target in targets {
        let Some(job) = cluster.core.job(target.id).filter(|job| job.is_live()) else {
            agreed.push(target);
            continue;
        };
        let it = JobFacts::plain(*cluster, job);
        match answers.next() {
            Some(true) => agreed.push(target),
            Some(false) => {}
            None => {
                let (name, partition) = (&job.submission.name, it.partition());
                let called = if target.tasks.is_some() { target.text } else { it.number() };
                return Err(format!("Cancel job_id={called} name={name} partition={partition} [y/n]? "));
            }
        }
    }
    Ok(agreed)
}

fn end(controller: &mut dyn Controller, options: &Options, target: Target, reply: &mut Reply) {
    if let Some(step) = target.step {
        return end_step(controller, options, &target, step, reply);
    }
    let Target { id, tasks, text, is_part, .. } = target;
    if is_part {
        let why = "Job not heterogeneous job";
        reply.stderr.push_str(&format!("scancel: error: Kill job error on job id {text}: {why}\n"));
        reply.code = NO_PARTS;
        return;
    }
    if options.verbose {
        let what = options.signal.map_or_else(|| "Terminating".to_owned(), |signal| format!("Signal {signal} to"));
        reply.stderr.push_str(&format!("scancel: {what} job {text}\n"));
    }
    let command = match options.signal {
        // A job that waits has no processes: SIGKILL ends it, other signals have nobody to go to.
        Some(9) if is_pending(&controller.cluster(), id) => JobCommand::Cancel,
        Some(signal) if options.batch => JobCommand::Signal(signal, SignalTarget::Script),
        Some(signal) => JobCommand::Signal(signal, SignalTarget::All),
        None => JobCommand::Cancel,
    };
    let who = controller.cluster().requester();
    let event = match tasks {
        Some(tasks) => SchedulerEvent::ControlTasks(who, id, tasks, command),
        None => SchedulerEvent::Control(who, id, command),
    };
    let Err(denial) = controller.on(event) else { return };
    let is_known_over = controller.cluster().core.job(id).is_some_and(|job| !job.is_live());
    let is_over =
        matches!(denial, Denial::AlreadyDone | Denial::InvalidJob) || options.signal.is_some() && is_known_over;
    // Whoever sends a signal wants to know that nobody got it; who ends a job has what they want.
    let sends = options.signal.is_some_and(|signal| signal != 9) || options.batch || options.full;
    let matters = !is_over || sends;
    let tells = matters || (options.verbose || options.interactive) && !options.quiet;
    if tells {
        let words = if sends && is_over { Denial::InvalidJob } else { denial };
        reply.stderr.push_str(&format!("scancel: error: Kill job error on job id {text}: {words}\n"));
    }
    if matters || options.interactive {
        reply.code = if denial == Denial::Denied && !is_over { DENIED } else { 1 };
    }
}

/// Ends a step, or signals it; its job goes on.
fn end_step(controller: &mut dyn Controller, options: &Options, target: &Target, step: StepId, reply: &mut Reply) {
    let command = options.signal.map_or(StepCommand::Cancel, StepCommand::Signal);
    let event = SchedulerEvent::ControlStep(controller.cluster().requester(), target.id, step, command);
    let Err(denial) = controller.on(event) else { return };
    let is_over = denial == Denial::AlreadyDone && controller.cluster().core.job(target.id).is_some();
    // Real scancel cannot tell a step that is over from one that never was.
    let words = if is_over { Denial::InvalidJob } else { denial };
    let job_is_over = controller.cluster().core.job(target.id).is_some_and(|job| !job.is_live());
    reply.code = match denial {
        Denial::Denied => DENIED,
        _ if job_is_over => 1,
        _ => NO_STEP,
    };
    let text = if job_is_over { format!("{}.{step}", target.text) } else { target.text.clone() };
    reply.stderr.push_str(&format!("scancel: error: Kill job error on job step id {text}: {words}\n"));
}

fn is_pending(cluster: &Cluster, id: JobId) -> bool {
    cluster.core.job(id).is_some_and(|job| job.state() == JobState::Pending)
}
