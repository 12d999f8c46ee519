//! The requests of a compute node ([`compute::protocol`]).

use super::super::http::{Answer, App, answered};
use super::super::json;
use super::super::metrics::Outcome;
use super::super::refusal::Refusal;
use super::super::service::Service;
use super::super::turns::{Bounds, Party};
use super::super::writer::Change;
use super::peer::ComputePeer;
use super::{SessionOver, now, steps};
use crate::store::StoreError;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use compute::protocol::{Connect, Connected, Orders, Poll, Register, Reports, RunReport, TellUsage};
use scheduling::event::{Accepted, Denial, Reported, SchedulerEvent};
use scheduling::id::{NodeName, NodeSession};
use scheduling::job::LiveJob;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The most seconds that a poll waits.
const PATIENCE: u32 = 30;

/// Requests of nodes that change something: so many at a time, few of each node.
pub const BOUNDS: Bounds = Bounds { places: 16, each: 2, ordinary: 16, waiting: 8 };

/// The most characters of why a launch failed.
const LONGEST_REMARK: usize = 500;

/// A request that names its node.
trait FromNode: DeserializeOwned + Send + 'static {
    fn node(&self) -> &NodeName;
}

macro_rules! from_node {
    ($($kind:ident)*) => {$(
        impl FromNode for $kind {
            fn node(&self) -> &NodeName {
                &self.node
            }
        }
    )*};
}

from_node! { Connect Register Poll Reports TellUsage }

/// `POST /v1/node/connect`
pub async fn connect(
    State(app): State<Arc<App>>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let connected = in_turn(app, peer, headers, body, |service: &Service, ask: Connect| {
        let session = service.node_connects(&ask.node)?;
        service.core().usages().forget(&ask.node);
        let patience = service.patience();
        tracing::info!(node = %ask.node, session = session.0, version = ask.version, "a compute node connects");
        Ok(Connected { session, patience })
    });
    Ok(answered(&connected.await?, Outcome::Done))
}

/// `POST /v1/node/register`
pub async fn register(
    State(app): State<Arc<App>>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let registered = in_turn(app, peer, headers, body, |service: &Service, ask: Register| {
        let Register { node, session, registration } = ask;
        service.carry_out(move |change| {
            let event = SchedulerEvent::NodeRegisters(node.clone(), session, registration.clone());
            Ok(change.on(event).map(drop))
        })
    });
    registered.await?;
    Ok(answered(&json!({}), Outcome::Done))
}

/// `POST /v1/node/reports`
pub async fn reports(
    State(app): State<Arc<App>>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let taken = in_turn(app, peer, headers, body, |service: &Service, ask: Reports| {
        tell(&ask);
        service.carry_out(move |change| {
            let mut reports = ask.reports.iter().map(|report| take(change, &ask.node, ask.session, report));
            reports.find(|taken| !matches!(taken, Ok(Ok(())))).unwrap_or(Ok(Ok(())))
        })
    });
    taken.await?;
    Ok(answered(&json!({}), Outcome::Done))
}

/// `POST /v1/node/orders`: waits without a thread, and is a heartbeat that costs no transaction.
pub async fn orders(
    State(app): State<Arc<App>>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    json::expect(&headers)?;
    let Poll { node, session } = json::small(&body)?;
    peer.speaks_as(&node)?;
    let core = app.service.core().clone();
    core.mailboxes().check(&node, session).map_err(over)?;
    core.heard(&node, session, now());
    let patience = Duration::from_secs(app.service.patience().into());
    let (found, measure) = tokio::select! {
        found = core.mailboxes().next(&node, session, patience) => found.map_err(over)?,
        () = app.stopping() => (Vec::new(), false),
    };
    core.heard(&node, session, now());
    let orders = if found.is_empty() {
        Orders::default()
    } else {
        let mine = app.clone();
        spawn_blocking(move || mine.service.complete(found)).await.map_err(super::super::work::panicked)?
    };
    Ok(answered(&Orders { measure, ..orders }, Outcome::Done))
}

/// `POST /v1/node/usage`: kept in memory, and costs no transaction.
pub async fn usage(
    State(app): State<Arc<App>>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let taken = in_turn(app, peer, headers, body, |service: &Service, ask: TellUsage| {
        let core = service.core();
        core.mailboxes().check(&ask.node, ask.session).map_err(over)?;
        core.take_usage(&ask.node, ask.parts);
        Ok(())
    });
    taken.await?;
    Ok(answered(&json!({}), Outcome::Done))
}

fn over(_: SessionOver) -> Refusal {
    Refusal::new(StatusCode::GONE, "this session is over; the node has to connect again")
}

/// Reads a request of a node and answers it, on a thread that may block.
async fn in_turn<Ask: FromNode, Said: Send + 'static>(
    app: Arc<App>,
    peer: ComputePeer,
    headers: HeaderMap,
    body: Bytes,
    answer: impl FnOnce(&Service, Ask) -> Answer<Said> + Send + 'static,
) -> Answer<Said> {
    json::expect(&headers)?;
    let who = match &peer {
        ComputePeer::Root => String::new(),
        ComputePeer::Certified(node) => node.name().to_owned(),
    };
    let _turn = app.nodes.wait(Party { is_privileged: who.is_empty(), who }).await?;
    let work = move || {
        let ask: Ask = app.reader.read(body, Ok)?;
        peer.speaks_as(ask.node())?;
        answer(&app.service, ask)
    };
    spawn_blocking(work).await.map_err(super::super::work::panicked)?
}

impl Service {
    /// Seconds that a poll waits at most: well below the time after which a silent node is down.
    fn patience(&self) -> u32 {
        (self.world().compute().bounds.node_timeout / 3).clamp(1, PATIENCE)
    }

    fn node_connects(&self, node: &NodeName) -> Answer<NodeSession> {
        let node = node.clone();
        let said = self.carry_out(move |change| Ok(change.on(SchedulerEvent::NodeConnects(node.clone()))))?;
        match said {
            Accepted::Connected(session) => Ok(session),
            Accepted::Submitted(_) | Accepted::StepCreated(_) | Accepted::Done => {
                Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug in enlist serve: there is no session"))
            }
        }
    }

    /// Does what a node asks for. It is on disk when this returns.
    fn carry_out<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Change) -> Result<Result<T, Denial>, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let written = self.write(work).map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
        written.gave.map_err(|denial| match denial {
            Denial::InvalidNode => {
                let why = "the master's configuration has no NodeName line for this node";
                Refusal::new(StatusCode::NOT_FOUND, why)
            }
            Denial::Denied => over(SessionOver),
            other => Refusal::new(StatusCode::CONFLICT, other.to_string()),
        })
    }
}

/// Takes one report, and what goes with it.
fn take(
    change: &mut Change,
    node: &NodeName,
    session: NodeSession,
    report: &RunReport,
) -> Result<Result<(), Denial>, StoreError> {
    let now = change.now();
    let Some(core) = change.core().filter(|core| core.registered(node) == Some(session)) else {
        return Ok(Err(Denial::Denied));
    };
    if let Some(step) = report.step {
        let (report, usage) = (report.report.clone(), report.usage);
        let event = SchedulerEvent::NodeReportsStep(node.clone(), session, step, report, usage);
        return Ok(change.on(event).map(drop));
    }
    let step = steps::told(core, node, report, now);
    let is_held = |job: &LiveJob| job.held().any(|share| share.node == *node);
    let job = core.job(report.report.job).filter(|job| job.attempt == report.report.attempt);
    let is_present = job.is_some_and(is_held);
    if let (Reported::LaunchFailed, Some(why), true) = (&report.report.what, &report.why, is_present) {
        let text = format!("launch failed on {node}: {}", shown(why));
        // The job is there.
        let _ = change.on(SchedulerEvent::Remarked(report.report.job, text));
    }
    let taken = change.on(SchedulerEvent::NodeReports(node.clone(), session, report.report.clone())).map(drop);
    if let (Ok(()), Some((record, step))) = (taken, step) {
        change.draft.put_step(&record, &step)?;
    }
    Ok(taken)
}

/// What the log says of reports.
fn tell(reports: &Reports) {
    for RunReport { report, why, step, .. } in &reports.reports {
        let (job, attempt) = (report.job.0, report.attempt.0);
        match &report.what {
            Reported::LaunchFailed => {
                let why = shown(why.as_deref().unwrap_or("no reason was given"));
                tracing::warn!(node = %reports.node, job, attempt, ?step, why, "a launch failed");
            }
            what => tracing::debug!(node = %reports.node, job, attempt, ?step, ?what, "a node reports"),
        }
    }
}

/// A text of a node's, on one line and not too long.
fn shown(why: &str) -> String {
    why.chars().filter(|c| !c.is_control()).take(LONGEST_REMARK).collect()
}
