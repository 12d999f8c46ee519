//! [`Streams`]: what tasks of steps read and write, between nodes and whoever listens: `POST /v1/steps/stream` and
//! `POST /v1/node/stream`.
//!
//! A [`Line`] is made with its step, and is there until the step is over and all that was said of it is read. Nothing of it is
//! durable: after a start both ends connect again, and say again what was not acknowledged.

mod line;
mod pipe;
mod told;
pub mod wire;

use self::line::{Farewell, Line};
use super::api::StreamStep;
use super::budget::{Budget, Most};
use super::caller::Caller;
use super::controller::peer::ComputePeer;
use super::controller::{JobBell, Presence, lock, owner};
use super::http::{Answer, App};
use super::json;
use super::refusal::Refusal;
use super::server::Endless;
use super::turns::{Bounds, Turn, Turns};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use compute::protocol::OpenStream;
use compute::stream::{FrameKind, PROTOCOL};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use scheduling::event::{SchedulerEvent, StepCommand};
use scheduling::id::{JobId, NodeName, Uid};
use scheduling::job::{Allocating, JobPhase, LiveJob};
use scheduling::node::NodeState;
use scheduling::step::LiveStep;
use serde::de::DeserializeOwned;
use slurm::records::{JobState, StepId};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// So many streams of clients at a time; a quarter of them for one user.
const PLACES: usize = 4096;

/// So long the owner of a step may stay away when its connection broke.
const ABSENCE: Duration = Duration::from_secs(30);

/// So long a step that is over waits for nodes that have not said all.
const PATIENCE: Duration = Duration::from_secs(10);

/// So long a step that is over waits for its owner, who has not read all yet.
const UNREAD: Duration = Duration::from_secs(60);

/// The longest request.
const LONGEST: usize = 4 << 10;

/// The most bytes that wait on the way between tasks and their readers: who has more of them waits with the rest.
const MOST_BYTES: Most = Most { each: 64 << 20, all: 512 << 20, least: 1 << 20 };

/// All lines, by job and step.
pub struct Streams {
    lines: Mutex<BTreeMap<(JobId, StepId), Arc<Line>>>,
    places: Turns<Uid>,
    budget: Arc<Budget>,
}

impl Default for Streams {
    fn default() -> Self {
        let places = Turns::new(Bounds::quarters(PLACES, 0));
        Self { lines: Mutex::default(), places, budget: Budget::new(MOST_BYTES) }
    }
}

impl Streams {
    /// The line of a step that there is, or was a moment ago; it is opened for one that was just made. `None` where the job does
    /// not run, or has no such step.
    pub fn of(&self, app: &Arc<App>, id: JobId, step: StepId) -> Option<Arc<Line>> {
        let job = app.service.core().kept_job(id);
        let mut lines = lock(&self.lines);
        let known = lines.get(&(id, step)).filter(|line| job.as_ref().is_none_or(|job| job.attempt == line.attempt));
        if let Some(known) = known {
            return Some(known.clone());
        }
        let job = job.filter(|job| matches!(job.phase, JobPhase::Running(_)))?;
        let live = job.step(step)?;
        let line = Arc::new(Line::new(id, job.attempt, job.submission.user.uid, live, self.budget.clone()));
        lines.insert((id, step), line.clone());
        tokio::spawn(watch(Arc::downgrade(app), line.clone()));
        tokio::spawn(await_owner(Arc::downgrade(app), line.clone()));
        Some(line)
    }

    fn forget(&self, line: &Arc<Line>) {
        let mut lines = lock(&self.lines);
        if lines.get(&(line.job, line.step)).is_some_and(|own| Arc::ptr_eq(own, line)) {
            lines.remove(&(line.job, line.step));
        }
    }
}

/// When the service starts: owners of steps come again before long, or these end.
pub fn begin(app: &Arc<App>) {
    for job in app.service.core().kept_jobs().jobs.values() {
        for step in job.steps() {
            app.streams.of(app, job.id, step.id);
        }
    }
}

/// `POST /v1/steps/stream`
pub async fn of_step(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Response> {
    let (ask, upgrade): (StreamStep, _) = read(request).await?;
    let line = app.streams.of(&app, ask.job, ask.step).ok_or_else(gone)?;
    if caller.uid != line.user && caller.uid != Uid::ROOT {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Access/permission denied"));
    }
    let party = app.party(&caller).await;
    let place = app.streams.places.now(party).ok_or_else(|| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "you have too many steps with a connection already; end some")
    })?;
    let is_for_one = |job: &LiveJob| job.submission.allocation == Some(Allocating::ForOneStep);
    let is_for_one = app.service.core().kept_job(ask.job).is_some_and(|job| is_for_one(&job));
    let mut presence = (ask.owner && is_for_one).then(|| app.service.attendance().come(&app.service, ask.job));
    // Only an owner whose connection is closed has gone.
    presence.iter_mut().for_each(|presence| presence.may_return(Some(ABSENCE)));
    let is_local = caller.node.is_none();
    let client = Client { app: Arc::downgrade(&app), line, is_owner: ask.owner, is_local, presence, _place: place };
    let (upgrade, answer) = upgrade.agree();
    tokio::spawn(async move {
        if let Some(stream) = upgraded(upgrade).await {
            client.serve(stream).await;
        }
    });
    Ok(answer)
}

/// `POST /v1/node/stream`
pub async fn of_node(State(app): State<Arc<App>>, peer: ComputePeer, request: Request) -> Answer<Response> {
    let (ask, upgrade): (OpenStream, _) = read(request).await?;
    peer.speaks_as(&ask.node)?;
    let over = |_| Refusal::new(StatusCode::GONE, "this session is over; the node has to connect again");
    app.service.core().mailboxes().check(&ask.node, ask.session).map_err(over)?;
    let line = app.streams.of(&app, ask.job, ask.step).filter(|line| line.attempt == ask.attempt).ok_or_else(gone)?;
    let at = line.place(&ask.node).ok_or_else(gone)?;
    let (upgrade, answer) = upgrade.agree();
    tokio::spawn(async move {
        let Some(stream) = upgraded(upgrade).await else { return };
        if let Err(error) = line.serve_node(at, stream).await {
            let (job, node) = (ask.job.0, ask.node);
            tracing::debug!(job, step = ?ask.step, %node, "a node's stream broke: {error}");
        }
    });
    Ok(answer)
}

fn gone() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such step, or it is over")
}

/// What is asked, and the connection that becomes a stream.
async fn read<T: DeserializeOwned>(mut request: Request) -> Answer<(T, Upgrading)> {
    let upgrade = stream_of(&mut request)?;
    let body = to_bytes(request.into_body(), LONGEST).await.map_err(|error| Refusal::bad(error.to_string()))?;
    Ok((json::small(&body)?, upgrade))
}

fn stream_of(request: &mut Request) -> Answer<Upgrading> {
    json::expect(request.headers())?;
    let names = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !names(header::UPGRADE).eq_ignore_ascii_case(PROTOCOL) {
        let why = format!("this is a stream: say Connection: upgrade and Upgrade: {PROTOCOL}");
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, why));
    }
    let no_way = || Refusal::bad("this connection cannot become a stream");
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or_else(no_way)?;
    Ok(Upgrading { upgrade, endless: request.extensions().get().cloned() })
}

/// A connection that may become a stream.
struct Upgrading {
    upgrade: OnUpgrade,
    endless: Option<Endless>,
}

impl Upgrading {
    /// The answer that makes it one: from here on it may wait for as long as it likes.
    fn agree(self) -> (OnUpgrade, Response) {
        self.endless.iter().for_each(Endless::begin);
        (self.upgrade, switched())
    }
}

async fn upgraded(upgrade: OnUpgrade) -> Option<TokioIo<Upgraded>> {
    match upgrade.await {
        Ok(stream) => Some(TokioIo::new(stream)),
        Err(error) => {
            tracing::debug!("a connection did not become a stream: {error}");
            None
        }
    }
}

fn switched() -> Response {
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, PROTOCOL)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// A client's connection.
struct Client {
    app: Weak<App>,
    line: Arc<Line>,
    is_owner: bool,
    /// Whether it is a process of this host: then a connection breaks because the process is gone, and for no other reason.
    is_local: bool,
    presence: Option<Presence>,
    _place: Turn<Uid>,
}

impl Client {
    async fn serve(self, stream: TokioIo<Upgraded>) {
        let Some(app) = self.app.upgrade() else { return };
        let stopping = async move { app.stopping().await };
        let (number, farewell) = tokio::select! {
            ended = self.line.serve_client(self.is_owner, stream) => ended,
            // It comes again when the service has started again.
            () = stopping => return self.presence.into_iter().for_each(Presence::answered),
        };
        if !self.is_owner {
            return;
        }
        let farewell = match farewell {
            Farewell::Broken(error) if self.is_local && is_end(&error) => Farewell::Closed,
            other => other,
        };
        let (job, step) = (self.line.job.0, self.line.step);
        match &farewell {
            Farewell::Broken(error) => tracing::debug!(job, ?step, "the owner's stream broke: {error}"),
            other => tracing::debug!(job, ?step, ?other, "the owner's stream ended"),
        }
        let may_return = matches!(farewell, Farewell::Broken(_));
        let goes_on = self.line.lose_owner(number, may_return);
        match farewell {
            Farewell::Bye if goes_on => command(&self.app, &self.line, StepCommand::LeaveAlone).await,
            Farewell::Closed if goes_on => command(&self.app, &self.line, StepCommand::Cancel).await,
            Farewell::Broken(_) if goes_on => {
                tokio::spawn(await_owner(self.app.clone(), self.line.clone()));
            }
            // The step is over, or has another owner.
            _ => {}
        }
        let Some(mut presence) = self.presence else { return };
        match farewell {
            Farewell::Closed if goes_on => presence.may_return(None),
            Farewell::Broken(_) => {}
            _ => presence.answered(),
        }
    }
}

/// Whether a connection with a process of this host broke because that is gone.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof)
}

/// Ends a step whose owner does not come again.
async fn await_owner(app: Weak<App>, line: Arc<Line>) {
    let came = timeout(ABSENCE, line.owner_known()).await.is_ok();
    if !came && line.give_up() {
        command(&app, &line, StepCommand::Cancel).await;
    }
}

/// Asks the core for something in the name of the step's user.
async fn command(app: &Weak<App>, line: &Arc<Line>, command: StepCommand) {
    let Some(app) = app.upgrade() else { return };
    let (id, attempt, step) = (line.job, line.attempt, line.step);
    let done = spawn_blocking(move || {
        let job = app.service.core().kept_job(id).filter(|job| job.attempt == attempt);
        let Some(who) = job.map(|job| owner(&job)) else { return Ok(Ok(scheduling::event::Accepted::Done)) };
        app.service.tell(move || SchedulerEvent::ControlStep(who.clone(), id, step, command))
    });
    match done.await {
        Ok(Ok(Ok(_))) => tracing::debug!(job = id.0, ?step, ?command, "done in the name of its user"),
        Ok(Ok(Err(denial))) => tracing::debug!(job = id.0, ?step, ?command, "not done: {denial}"),
        Ok(Err(refusal)) => tracing::warn!(job = id.0, ?step, ?command, "not done: {}", refusal.why),
        Err(error) => tracing::error!(%error, "a command panicked"),
    }
}

/// Says to who listens what becomes of a step, and ends its line when all is said.
async fn watch(app: Weak<App>, line: Arc<Line>) {
    let mut is_said = false;
    while let Some((bell, job)) = look(&app, &line) {
        let rings = bell.rings();
        // What changed before the bell was there.
        if look(&app, &line).is_none_or(|(_, now)| now != job) {
            continue;
        }
        let Some(step) = job.step(line.step) else { break };
        if !is_said && let Some(text) = notice(&app, &line, &job, step) {
            is_said = true;
            line.announce(&text);
        }
        rings.await;
    }
    line.note_over();
    say_the_rest(&app, &line).await;
    line.close();
    // An owner that has not come yet, or whose connection breaks now, has something to read.
    let _ = timeout(UNREAD, line.owner_gone()).await;
    if let Some(app) = app.upgrade() {
        app.streams.forget(&line);
    }
}

/// The job of a line and its bell, as long as the step is not over.
fn look(app: &Weak<App>, line: &Line) -> Option<(Arc<JobBell>, Arc<LiveJob>)> {
    let app = app.upgrade()?;
    let bell = app.service.core().bells().of(line.job);
    let job = app.service.core().kept_job(line.job).filter(|job| job.attempt == line.attempt)?;
    job.step(line.step).is_some().then_some((bell, job))
}

/// What nodes have not said, and do not say any more, is said in their place.
async fn say_the_rest(app: &Weak<App>, line: &Line) {
    while timeout(PATIENCE, line.all_left()).await.is_err() {
        for (at, node) in line.missing() {
            line.leave_for(at, is_down(app, &node));
        }
        if app.upgrade().is_none() {
            return;
        }
    }
}

fn is_down(app: &Weak<App>, node: &NodeName) -> bool {
    let core = app.upgrade().and_then(|app| app.service.core().view());
    core.is_some_and(|core| core.node_state(node) == Some(NodeState::Down))
}

/// What is said of a step that is ended, in srun's words.
fn notice(app: &Weak<App>, line: &Line, job: &LiveJob, step: &LiveStep) -> Option<String> {
    let of_job = job.ending().map(|ending| ending.state);
    let state = of_job.or(step.ending.as_ref().filter(|_| step.is_stopped).map(|ending| ending.state))?;
    let id = match line.step {
        StepId::Number(number) => format!("{}.{number}", line.job),
        StepId::Interactive => format!("{}.interactive", line.job),
        StepId::Batch | StepId::Extern => return None,
    };
    let has_ended = step.ended.count() as usize == step.shares.len();
    match state {
        _ if has_ended => None,
        JobState::Timeout => {
            let kill_wait = app.upgrade()?.service.world().compute().bounds.kill_wait;
            let seconds = kill_wait.saturating_add(2);
            Some(format!("Job step aborted: Waiting up to {seconds} seconds for job step to finish."))
        }
        JobState::Failed if step.request.kill_on_bad_exit => {
            Some(format!("launch/slurm: _step_signal: Terminating StepId={id}"))
        }
        JobState::Failed if !line.has_heard(FrameKind::Failed) => {
            Some(format!("error: StepId={id} was not started: the service started again before its nodes had it"))
        }
        JobState::Failed => None,
        JobState::NodeFail => Some(format!("error: a node of StepId={id} failed")),
        _ => Some(format!("Force Terminated StepId={id}")),
    }
}
