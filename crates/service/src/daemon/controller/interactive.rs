//! `salloc` and `srun`: waiting for a job, giving it back, and starting steps in it. Who waits costs no thread: the commit that
//! changes their job wakes them.

use super::super::api::{Allocated, CreateStep, CreatedStep, FinishJob, JobStanding, WaitForJob};
use super::super::caller::Caller;
use super::super::http::{Answer, App, answered};
use super::super::json;
use super::super::metrics::Outcome;
use super::super::refusal::Refusal;
use super::super::service::Service;
use super::super::turns::Party;
use super::attendance::Presence;
use super::launch::{step_bytes, step_nodes, step_texts};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use compute::protocol::NodeTasks;
use scheduling::event::{Accepted, Denial, Requester, SchedulerEvent};
use scheduling::id::{JobId, Uid};
use scheduling::job::{Allocating, Allocation, JobPhase, LiveJob, NextPhase, NodeShare};
use scheduling::request::StepProgram;
use scheduling::step::StepRequest;
use serde_json::json;
use slurm::records::StepId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// So long one waits for an answer that says that nothing has changed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of programs, arguments, environment and paths of a step.
const MOST_BYTES: usize = 2 << 20;

/// The most words of them.
const MOST_WORDS: usize = 20_000;

/// The most programs (`--multi-prog`), gres, limits.
const MOST_LISTED: usize = 10_000;

/// The longest name.
const LONGEST_NAME: usize = 1024;

/// `POST /v1/jobs/wait`
pub async fn wait(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<Response> {
    json::expect(&headers)?;
    let ask: WaitForJob = json::small(&body)?;
    let job = app.service.core().kept_job(ask.job).ok_or_else(|| unknown(ask.job))?;
    let (party, mine, who) = (app.party(&caller).await, app.clone(), caller.clone());
    let owner = job.clone();
    app.work.run(party.clone(), move || mine.service.may_steer(&who, &owner)).await??;
    let _place = app.waiting.now(party.clone()).ok_or_else(too_many)?;
    let presence = presence(&app, &caller, &job);
    attended(presence, wait_for(&app, party, ask)).await
}

async fn wait_for(app: &Arc<App>, party: Party<Uid>, ask: WaitForJob) -> Answer<Response> {
    let until = Instant::now() + PATIENCE;
    loop {
        let bell = app.service.core().bells().of(ask.job);
        let rings = bell.rings();
        let job = app.service.core().kept_job(ask.job);
        if job.is_none_or(|job| is_answer(&job, ask.over)) {
            break;
        }
        let is_over = tokio::select! {
            rung = timeout_at(until, rings) => rung.is_err(),
            () = app.stopping() => true,
        };
        if is_over {
            break;
        }
    }
    let mine = app.clone();
    let standing = app.work.run(party, move || mine.service.standing(ask.job)).await?;
    Ok(answered(&standing.ok_or_else(|| unknown(ask.job))?, Outcome::Done))
}

/// `POST /v1/jobs/finish`
pub async fn finish(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<Response> {
    json::expect(&headers)?;
    let ask: FinishJob = json::small(&body)?;
    let (party, mine) = (app.party(&caller).await, app.clone());
    let finish = move || {
        let who = mine.service.requester(&caller)?;
        let event = move || SchedulerEvent::Finish(who.clone(), ask.job, ask.exit);
        mine.service.tell(event)?.map_err(|denial| denied(&denial))
    };
    app.work.run(party, finish).await??;
    Ok(answered(&json!({}), Outcome::Done))
}

/// `POST /v1/steps/create`
pub async fn create(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<Response> {
    json::expect(&headers)?;
    let (party, mine) = (app.party(&caller).await, app.clone());
    let read = move || -> Answer<CreateStep> {
        let ask: CreateStep = mine.reader.read_ordinary(body, Ok)?;
        check(&ask.request, &ask.program).map_err(Refusal::bad)?;
        Ok(ask)
    };
    let CreateStep { job, request, program, immediate } = app.work.run(party.clone(), read).await??;
    let wanted = Arc::new((request, Arc::new(program)));
    let known = app.service.core().kept_job(job).ok_or_else(|| unknown(job))?;
    let _place = app.waiting.now(party.clone()).ok_or_else(too_many)?;
    let presence = presence(&app, &caller, &known);
    let wish = Wish { app: app.clone(), caller, party, job, wanted };
    attended(presence, wish.carry_out(immediate)).await
}

/// A step that somebody waits for.
struct Wish {
    app: Arc<App>,
    caller: Caller,
    party: Party<Uid>,
    job: JobId,
    wanted: Arc<(StepRequest, Arc<StepProgram>)>,
}

impl Wish {
    async fn carry_out(&self, immediate: bool) -> Answer<Response> {
        // At once, for behind a step that waits for much there may be room for this one.
        let created = match self.attempt().await? {
            Err(_) if !immediate => self.wait_in_line().await?,
            made => made,
        };
        tell_created(&self.app, self.party.clone(), self.job, created).await
    }

    /// The first in the job's line tries when the job changes, the others do when it has what it wants. So many that wait cost
    /// no more than one.
    async fn wait_in_line(&self) -> Answer<Result<StepId, Denial>> {
        let until = Instant::now() + PATIENCE;
        let bell = self.app.service.core().bells().of(self.job);
        let Some(_turn) = self.unless_over(until, bell.turn()).await else { return Ok(Err(Denial::NodesBusy)) };
        loop {
            let rings = bell.rings();
            match self.attempt().await? {
                Ok(step) => return Ok(Ok(step)),
                Err(denial) => {
                    if self.unless_over(until, rings).await.is_none() {
                        return Ok(Err(denial));
                    }
                }
            }
        }
    }

    /// What comes of it, if it comes in time and before the service stops.
    async fn unless_over<T>(&self, until: Instant, comes: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            came = timeout_at(until, comes) => came.ok(),
            () = self.app.stopping() => None,
        }
    }

    /// Starts it, or says for what it may wait. All else that is denied is a refusal.
    async fn attempt(&self) -> Answer<Result<StepId, Denial>> {
        let (app, caller, job, wanted) = (self.app.clone(), self.caller.clone(), self.job, self.wanted.clone());
        let attempt = move || {
            let made = app.service.try_step(&caller, job, &wanted.0, &wanted.1)?;
            if let Ok(step) = made {
                // Here, so that a step whose client has left meanwhile is not alone.
                app.streams.of(&app, job, step);
            }
            Answer::Ok(made)
        };
        match self.app.work.run(self.party.clone(), attempt).await?? {
            Err(denial) if !matches!(denial, Denial::NodesBusy | Denial::IsPending | Denial::Suspended) => {
                Err(denied(&denial))
            }
            made => Ok(made),
        }
    }
}

async fn tell_created(
    app: &Arc<App>,
    party: Party<Uid>,
    job: JobId,
    created: Result<StepId, Denial>,
) -> Answer<Response> {
    let (mine, waits) = (app.clone(), created.as_ref().err().map(Denial::to_string));
    let say = move || {
        let (standing, live) = (mine.service.standing(job)?, mine.service.core().kept_job(job));
        let nodes = |step| live.and_then(|job| job.step(step).map(step_nodes)).unwrap_or_default();
        Some(CreatedStep { step: created.ok().map(|step| (step, nodes(step))), waits, job: standing })
    };
    let said = app.work.run(party, say).await?.ok_or_else(|| unknown(job))?;
    let outcome = if said.step.is_some() { Outcome::Done } else { Outcome::Refused };
    Ok(answered(&said, outcome))
}

fn unknown(job: JobId) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("{} ({job})", Denial::InvalidJob))
}

fn too_many() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "you wait for too many jobs and steps already; try again later")
}

/// What is not done, with a status that tells who may not from what cannot be.
pub fn denied(denial: &Denial) -> Refusal {
    let status = match denial {
        Denial::InvalidJob => StatusCode::NOT_FOUND,
        Denial::Denied => StatusCode::FORBIDDEN,
        _ => StatusCode::CONFLICT,
    };
    Refusal::new(status, denial.to_string())
}

/// That its user is there for a job that is for one step alone. Others who look at it are nobody for whom it runs.
fn presence(app: &App, caller: &Caller, job: &LiveJob) -> Option<Presence> {
    let is_its = is_for_one_step(job) && caller.uid == job.submission.user.uid;
    is_its.then(|| app.service.attendance().come(&app.service, job.id))
}

async fn attended<T>(presence: Option<Presence>, doing: impl Future<Output = T>) -> T {
    match presence {
        Some(presence) => presence.during(doing).await,
        None => doing.await,
    }
}

fn is_for_one_step(job: &LiveJob) -> bool {
    job.submission.allocation == Some(Allocating::ForOneStep)
}

/// Whether there is something to say of a job to one who waits for it.
fn is_answer(job: &LiveJob, over: bool) -> bool {
    match &job.phase {
        JobPhase::Pending => false,
        JobPhase::Running(_) => !over,
        JobPhase::Completing(clearing) => clearing.next == NextPhase::Over,
        JobPhase::Over(..) => true,
    }
}

impl Service {
    /// Who asks, as the core knows them.
    pub fn requester(&self, caller: &Caller) -> Answer<Requester> {
        let asks = self.caller(caller.who());
        let asks = asks.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()))?;
        let state = self.kept().state;
        Ok(Requester {
            uid: caller.uid,
            is_operator: asks.is_operator(&state),
            coordinates: asks.coordinated(&state).into_iter().collect(),
        })
    }

    /// Whether a caller may act on a job: its user, who coordinates its account, and operators.
    pub fn may_steer(&self, caller: &Caller, job: &LiveJob) -> Answer<()> {
        if caller.uid == job.submission.user.uid {
            return Ok(());
        }
        let who = self.requester(caller)?;
        let is_coordinator = who.coordinates.iter().any(|account| **account == *job.account);
        if who.is_operator || is_coordinator { Ok(()) } else { Err(denied(&Denial::Denied)) }
    }

    /// Tells the core something; it is on disk when this returns.
    pub fn tell(&self, event: impl Fn() -> SchedulerEvent + Send + 'static) -> Answer<Result<Accepted, Denial>> {
        let written = self.write(move |change| Ok(change.on(event())));
        written.map(|written| written.gave).map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))
    }

    /// Starts a step if its job has room for it now.
    fn try_step(
        &self,
        caller: &Caller,
        job: JobId,
        request: &StepRequest,
        program: &Arc<StepProgram>,
    ) -> Answer<Result<StepId, Denial>> {
        let who = self.requester(caller)?;
        let (request, program) = (request.clone(), program.clone());
        let event = move || SchedulerEvent::CreateStep(who.clone(), job, Box::new(request.clone()), program.clone());
        Ok(self.tell(event)?.and_then(|accepted| match accepted {
            Accepted::StepCreated(step) => Ok(step),
            Accepted::Submitted(_) | Accepted::Connected(_) | Accepted::Done => Err(Denial::Disabled),
        }))
    }

    /// How a job stands; `None` where nobody knows it.
    fn standing(&self, id: JobId) -> Option<JobStanding> {
        let (core, state) = (self.core().view()?, self.kept().state);
        let job = core.job(id)?;
        let qos = job.qos.and_then(|id| state.qos.get(&id)).map_or_else(String::new, |qos| qos.name.clone());
        let allocated = |allocation: &Allocation| Allocated {
            cluster: core.config().cluster.clone(),
            name: job.submission.name.clone(),
            account: job.account.to_string(),
            qos: qos.clone(),
            partition: allocation.partition.to_string(),
            nodes: allocation.shares.iter().map(tasks).collect(),
            memory: allocation.shares.first().map_or(0, |share| share.memory),
            demand: (*job.submission.demand).clone(),
            start: allocation.start,
            end: allocation.end(),
        };
        Some(JobStanding {
            job: id,
            state: job.state().name().to_owned(),
            reason: core.reason(id).map_or_else(|| "None".to_owned(), |reason| reason.named(&state)),
            allocation: job.allocation().filter(|_| job.state() != slurm::records::JobState::Pending).map(allocated),
            exit: job.ending().map(|ending| ending.exit),
        })
    }
}

fn tasks(share: &NodeShare) -> NodeTasks {
    NodeTasks { node: share.node.clone(), cpus: share.cpus.count(), tasks: share.tasks }
}

/// How much the lists of a request are.
fn request_bytes(request: &StepRequest) -> usize {
    let nodes = request.required.iter().chain(&request.excluded).map(|node| node.as_str().len());
    let gres = request.gres.iter().flatten().map(|it| it.name.len() + it.kind.as_ref().map_or(0, String::len));
    nodes.chain(gres).sum()
}

/// Whether it is one that can be run. Clients check what people mistype; this is about what they cannot mean.
fn check(request: &StepRequest, program: &StepProgram) -> Result<(), String> {
    if program.programs.is_empty() || program.programs.iter().any(|one| one.argv.is_empty()) {
        return Err("a step needs a program".to_owned());
    }
    if step_texts(program).any(|text| text.0.contains(&0)) {
        return Err("a NUL character cannot be in an argument, a variable or a path".into());
    }
    let (words, size) = (step_texts(program).count(), step_bytes(program) + request_bytes(request));
    if words > MOST_WORDS || size > MOST_BYTES {
        return Err(format!(
            "programs and environment are {words} words with {size} bytes; {MOST_WORDS} with {MOST_BYTES} bytes are the most \
             (use --export to send less)"
        ));
    }
    let lists = [
        program.programs.len(),
        program.limits.len(),
        request.required.len(),
        request.excluded.len(),
        request.gres.as_ref().map_or(0, Vec::len),
    ];
    if lists.iter().any(|count| *count > MOST_LISTED) {
        return Err(format!("a list of the step is too long: {MOST_LISTED} entries are the most"));
    }
    if request.name.len() > LONGEST_NAME || request.name.chars().any(char::is_control) {
        return Err(format!(
            "the name of the step: {LONGEST_NAME} bytes are the most, none of them a control character"
        ));
    }
    Ok(())
}
