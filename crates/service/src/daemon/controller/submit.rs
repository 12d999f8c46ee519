//! `POST /v1/jobs/submit`: a job is taken, with its script, in one transaction.

use super::super::api::{SubmitJob, SubmittedJob};
use super::super::caller::{Caller, is_nobody};
use super::super::service::Service;
use commands::sacctmgr::World;
use commands::sbatch;
use scheduling::event::{Accepted, Denial, SchedulerEvent};
use scheduling::id::JobId;
use scheduling::job::{Submission, Submitter};
use scheduling::request::{BatchJob, JobRequest};
use slurm::records::Details;
use std::collections::BTreeSet;
use std::sync::Arc;
use words::people::{Person, Uid, Unanswered};
use words::raw::RawText;

/// The largest script, in bytes (slurm.conf(5), `max_script_size`).
pub const MOST_SCRIPT: usize = 4 << 20;

/// The most bytes of environment, arguments and paths together: what Linux lets a program begin with.
const MOST_SURROUNDINGS: usize = 2 << 20;

/// The most variables and arguments.
const MOST_WORDS: usize = 20_000;

/// The most of anything else that is listed: nodes, partitions, licences, jobs waited for.
const MOST_LISTED: usize = 10_000;

/// The most partitions, jobs waited for, and words of features.
const MOST_SOUGHT: usize = 1_000;

/// The longest name, and the longest text that only listings show.
const LONGEST: [usize; 2] = [1024, 64 << 10];

/// Why there is no answer about a job.
#[derive(Debug)]
pub enum NotSubmitted {
    /// What was sent cannot be meant.
    Bad(String),
    /// Nobody knows now who asks, or it cannot be kept; nothing was done.
    Later(String),
}

impl From<Unanswered> for NotSubmitted {
    fn from(why: Unanswered) -> Self {
        Self::Later(format!("{why}; nothing was submitted, try again later"))
    }
}

impl Service {
    /// Submits a job for a caller. When it is taken it is on disk.
    pub fn submit(&self, caller: &Caller, ask: SubmitJob) -> Result<SubmittedJob, NotSubmitted> {
        let world = self.world();
        check(&ask.request).map_err(NotSubmitted::Bad)?;
        let cluster = self.cluster_name().to_owned();
        let refused =
            |why: &str| SubmittedJob { refused: Some(why.to_owned()), cluster: cluster.clone(), ..Default::default() };
        if let Some(why) = sbatch::elsewhere(&cluster, ask.cluster.as_deref()) {
            return Ok(refused(&why));
        }
        if !self.core().exists() {
            return Ok(refused("No partition specified or system default partition"));
        }
        // Jobs of a number that stands for all who are not trusted would meet each other's files.
        let is_roots = caller.uid == Uid::ROOT && world.compute().refuses_root;
        let Some(person) = world.people().user_numbered(caller.uid).known()? else {
            return Ok(refused("Invalid user id"));
        };
        if is_roots || is_nobody(caller) {
            return Ok(refused("Invalid user id"));
        }
        let login = person.name.clone();
        let user = submitter(&world, caller, person)?;
        let (submission, batch) = cleaned(ask.request).submission(user, world.compute().requeues);
        let batch = Arc::new(batch);
        if ask.test_only {
            return self.test(submission, cluster).map_err(NotSubmitted::Later);
        }
        let submission_of = submission.clone();
        let write = self.write(move |change| {
            let answer = change.on(SchedulerEvent::Submit(Box::new(submission.clone())));
            if let Ok(Accepted::Submitted(job)) = answer {
                change.draft.put_batch(job, &login, &batch)?;
            }
            Ok(answer)
        });
        let said = write.map_err(NotSubmitted::Later)?.gave;
        Ok(match said {
            Ok(Accepted::Submitted(job)) => SubmittedJob { job: Some(job), cluster, ..Default::default() },
            Ok(_) => return Err(NotSubmitted::Later("a bug in enlist serve: the job has no number".into())),
            Err(denial) => SubmittedJob {
                refused: Some(denial.to_string()),
                notes: self.remarks(&submission_of, denial),
                cluster,
                ..Default::default()
            },
        })
    }

    /// What would become of a job: on a copy of what is kept.
    fn test(&self, submission: Submission, cluster: String) -> Result<SubmittedJob, String> {
        let kept = self.kept();
        let copy = self.core().view().ok_or("there is no scheduler")?;
        let mut core = scheduling::Core::clone(&copy);
        let present = scheduling::Present { accounts: &kept.state, now: super::now() };
        let asked = submission.clone();
        let answer = core.on(present, SchedulerEvent::Submit(Box::new(submission))).answer;
        let mut said = SubmittedJob { cluster, ..Default::default() };
        match answer {
            Ok(Accepted::Submitted(job)) => said.notes = vec![self.forecast(&mut core, present, job)],
            Ok(_) => {}
            Err(denial) => {
                said.refused = Some(denial.to_string());
                said.notes = sbatch::remarks(core.config(), &kept.state, &asked, denial);
            }
        }
        Ok(said)
    }

    /// What sbatch says beside the reason.
    fn remarks(&self, submission: &Submission, denial: Denial) -> Vec<String> {
        let said = |core: Arc<scheduling::Core>| sbatch::remarks(core.config(), &self.kept().state, submission, denial);
        self.core().view().map_or_else(Vec::new, said)
    }

    /// When and where a job would start, in sbatch's words.
    fn forecast(&self, core: &mut scheduling::Core, present: scheduling::Present, job: JobId) -> String {
        core.pass(present);
        if let Some(allocation) = core.job(job).and_then(|job| job.allocation()) {
            let names = allocation.shares.iter().map(|share| share.node.as_str());
            let (nodes, cpus) = (words::text::hostlist::compress(names), allocation.cpus());
            let start = self.world().local_time(allocation.start);
            let partition = &allocation.partition;
            return format!(
                "Job {job} to start at {start} using {cpus} processors on nodes {nodes} in partition {partition}"
            );
        }
        let plan = core.plan(present, MOST_LISTED);
        core.on(present, SchedulerEvent::Planned(plan));
        match core.expected_start(job) {
            Some(at) => format!("Job {job} to start at {}", self.world().local_time(at)),
            None => format!("Job {job} would be taken, and nobody can say when it starts"),
        }
    }
}

/// Who submits, with the groups of now.
fn submitter(world: &super::super::world::Local, caller: &Caller, person: Person) -> Result<Submitter, NotSubmitted> {
    let name = world.caller(caller.who())?.name;
    let groups = world.people().groups_of(&person.name).known()?.unwrap_or_default();
    Ok(Submitter { name, uid: person.uid, gid: person.gid, groups })
}

/// The request with names as accounting has them, without what is not the user's to say.
fn cleaned(request: JobRequest) -> JobRequest {
    let lower = |name: Option<String>| name.map(|name| name.to_lowercase());
    let Details { comment, container, extra, submit_line, .. } = request.details;
    let work_dir = request.batch.directory.shown().into_owned();
    JobRequest {
        name: if request.name.is_empty() { "sbatch".into() } else { request.name },
        account: lower(request.account),
        qos: lower(request.qos),
        partitions: each_once(request.partitions),
        details: Details { comment, container, extra, submit_line, work_dir, ..Details::default() },
        ..request
    }
}

/// In their order, without those that were there before.
fn each_once(mut names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Whether it is one that can be kept and run. Clients check what people mistype; this is about what they cannot mean.
fn check(request: &JobRequest) -> Result<(), String> {
    let batch = &request.batch;
    if request.allocation.is_some() && (!batch.script.0.is_empty() || request.array.is_some()) {
        return Err("an allocation has neither a script nor tasks of an array".into());
    }
    if request.allocation.is_none() && !batch.script.0.starts_with(b"#!") {
        return Err("the script must begin with #! and the path of its interpreter".into());
    }
    if batch.script.0.len() > MOST_SCRIPT {
        return Err(format!("the script has {} bytes, {MOST_SCRIPT} is the most", batch.script.0.len()));
    }
    if texts(batch).any(|text| text.0.contains(&0)) {
        return Err("a NUL character cannot be in a script, an argument, a variable or a path".into());
    }
    let (words, size) = (batch.arguments.len() + batch.environment.len(), bytes(batch) - batch.script.0.len());
    if words > MOST_WORDS || size > MOST_SURROUNDINGS {
        return Err(format!(
            "arguments and environment are {words} with {size} bytes; {MOST_WORDS} with {MOST_SURROUNDINGS} bytes are the \
             most (use --export to send less)"
        ));
    }
    check_lists(request)
}

fn check_lists(request: &JobRequest) -> Result<(), String> {
    let (demand, details) = (&request.demand, &request.details);
    let counts = [
        demand.gres.len(),
        demand.required.len(),
        demand.excluded.len(),
        demand.licenses.len(),
        request.batch.limits.len(),
    ];
    let sought = [request.partitions.len(), request.dependencies.unmet.len(), demand.features.len()];
    if let Some(count) = sought.iter().find(|count| **count > MOST_SOUGHT) {
        return Err(format!(
            "a list of the job has {count} entries: of partitions, dependencies and features {MOST_SOUGHT} are the most"
        ));
    }
    if counts.iter().any(|count| *count > MOST_LISTED) {
        return Err(format!("a list of the job is too long: {MOST_LISTED} names are the most"));
    }
    let [longest_name, longest_text] = LONGEST;
    let names = [Some(&request.name), request.account.as_ref(), request.qos.as_ref(), request.wckey.as_ref()];
    if names.into_iter().flatten().chain(&request.partitions).any(|name| name.len() > longest_name) {
        return Err(format!("a name of the job is too long: {longest_name} bytes are the most"));
    }
    let texts = [&details.comment, &details.container, &details.extra, &details.submit_line];
    if texts.iter().any(|text| text.len() > longest_text) {
        return Err(format!("a text of the job is too long: {longest_text} bytes are the most"));
    }
    Ok(())
}

fn texts(batch: &BatchJob) -> impl Iterator<Item = &RawText> {
    let paths = [&batch.script, &batch.directory, &batch.submit_directory, &batch.command];
    let files = [&batch.input, &batch.output, &batch.error].into_iter().flatten();
    let variables = batch.environment.iter().flat_map(|(name, value)| [name, value]);
    paths.into_iter().chain(files).chain(&batch.arguments).chain(variables)
}

/// How much memory a script and what surrounds it take, in bytes.
pub(super) fn bytes(batch: &BatchJob) -> usize {
    let limits = batch.limits.iter().map(|limit| limit.name.len());
    let others = batch.submit_host.len() + batch.mail_types.len() + batch.mail_user.len();
    texts(batch).map(|text| text.0.len()).chain(limits).sum::<usize>() + others
}
