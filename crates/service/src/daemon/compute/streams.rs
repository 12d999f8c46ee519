//! What goes between the tasks of steps and the master: bytes that this daemon passes on, as long as a session lasts. Supervisors keep
//! what was not acknowledged, so a connection may break, and this daemon die.

use super::way::{Trouble, Way};
use super::{Daemon, LATEST, PATIENCE, SOON};
use compute::directory::Part;
use compute::protocol::OpenStream;
use compute::runs::Runs;
use compute::stream::PROTOCOL;
use scheduling::id::{NodeName, NodeSession};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::UnixStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// Between two looks for the socket of a step that is only starting, at first.
const STARTING: Duration = Duration::from_millis(5);

/// What carries the stream of one step.
struct Carrier {
    way: Arc<Way>,
    runs: Arc<Runs>,
    node: NodeName,
    session: NodeSession,
    part: Part,
    socket: PathBuf,
}

impl Daemon {
    /// Has a carrier for each step that is here.
    pub(super) async fn carry_streams(&self, session: NodeSession) -> Infallible {
        let (mut tasks, mut carried) = (JoinSet::new(), BTreeMap::<Part, AbortHandle>::new());
        loop {
            carried.retain(|_, task| !task.is_finished());
            for (part, socket) in self.runs.streams() {
                carried.entry(part).or_insert_with(|| tasks.spawn(self.carrier(session, part, socket).work()));
            }
            tokio::select! {
                () = self.steps.notified() => {}
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    fn carrier(&self, session: NodeSession, part: Part, socket: PathBuf) -> Carrier {
        let (way, runs, node) = (self.way.clone(), self.runs.clone(), self.node.clone());
        Carrier { way, runs, node, session, part, socket }
    }
}

impl Carrier {
    /// Until the step is gone.
    async fn work(self) {
        let mut pause = SOON;
        while let Some(stream) = self.connect().await {
            match self.carry(stream).await {
                Ok(()) => pause = SOON,
                Err(Trouble::Over) => return,
                Err(Trouble::Unanswered(why)) => {
                    tracing::warn!(step = self.part.to_string(), "its output waits: {why}");
                    pause = (pause * 2).min(LATEST);
                }
            }
            sleep(pause).await;
        }
    }

    /// To the step's supervisor, as soon as that listens; `None` when the step is gone.
    async fn connect(&self) -> Option<UnixStream> {
        let mut pause = STARTING;
        while self.runs.has_step(self.part) {
            if let Ok(stream) = UnixStream::connect(&self.socket).await {
                return Some(stream);
            }
            sleep(pause).await;
            pause = (pause * 2).min(SOON);
        }
        None
    }

    async fn carry(&self, mut ours: UnixStream) -> Result<(), Trouble> {
        let ((job, attempt), Some(step)) = (self.part.run, self.part.step) else { return Ok(()) };
        let open = OpenStream { node: self.node.clone(), session: self.session, job, attempt, step };
        let mut theirs = self.way.upgrade("/v1/node/stream", &open, PROTOCOL, PATIENCE).await?;
        if let Err(error) = copy_bidirectional(&mut ours, &mut theirs).await {
            tracing::debug!(step = self.part.to_string(), "a connection for its output ended: {error}");
        }
        Ok(())
    }
}
