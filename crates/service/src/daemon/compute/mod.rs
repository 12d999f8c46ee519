//! `enlist node --compute`: the daemon of a compute node. It asks the master for orders, has them carried out by
//! [`compute::runs`], and reports what became of them until the master has it on disk. What the tasks of steps read and write it
//! only passes on.
//!
//! Jobs do not need it: when it stops, is killed or is made newer, they go on, and the next one finds them.

mod streams;
mod way;

use super::config::{Config, Network};
use super::log::Logger;
use super::login::Outage;
use super::pki::Role;
use super::socket::PidFile;
use super::{Reread, notify};
use compute::cgroup::Layer;
use compute::directory::Spool;
use compute::hardware::{Inventory, boot};
use compute::private::PrivateDirectories;
use compute::protocol::{Connect, Connected, Orders, Poll, Register, RunReport, TellUsage};
use compute::runs::{Runs, Site};
use scheduling::event::Registration;
use scheduling::id::{NodeName, NodeSession};
use serde_json::Value;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use way::{Trouble, Way};
use words::diag::Diagnostic;

/// So long the master may take to answer what needs no waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries to reach the master, at first and at last.
const SOON: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(5);

/// So many reports go in one request.
const AT_ONCE: usize = 1000;

/// Which node this is, and how it reaches the master.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name (slurm.conf(5), `NodeName`); `None` is the host's name up to its first dot.
    pub name: Option<String>,
    /// Whether the master is this host: then the service's own socket is used, and no certificate.
    pub local: bool,
    /// Where gres.conf(5) would be.
    pub gres: PathBuf,
    /// Where job_container.conf(5) would be.
    pub container: PathBuf,
}

impl Place {
    fn node(&self) -> Result<NodeName, Diagnostic> {
        if let Some(name) = &self.name {
            return Ok(name.as_str().into());
        }
        let host =
            nix::unistd::gethostname().map_err(|error| super::host(format!("this host has no name: {error}")))?;
        let host = host.to_string_lossy();
        Ok(host.split('.').next().unwrap_or_default().into())
    }

    fn inventory(&self, node: &NodeName) -> Result<Inventory, Diagnostic> {
        Inventory::find(node.as_str(), &self.gres).map_err(super::host)
    }

    /// The directories that each job has for itself, if the configuration wants any.
    fn private(&self, config: &Config, node: &NodeName) -> Result<Option<PrivateDirectories>, Diagnostic> {
        if !config.has_private_directories {
            return Ok(None);
        }
        let path = self.container.display();
        let text = std::fs::read_to_string(&self.container)
            .map_err(|error| super::host(format!("JobContainerType=job_container/tmpfs needs {path}: {error}")))?;
        let (directories, warnings) = PrivateDirectories::read(&text, node.as_str()).map_err(super::host)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let spool = spool_path(&config.spool, node);
        if let Some(hidden) = directories.hides(&spool) {
            let (spool, hidden) = (spool.display(), hidden.display());
            return Err(super::host(format!(
                "SlurmdSpoolDir {spool} lies below {hidden}, which every job has for itself"
            )));
        }
        Ok(Some(directories))
    }
}

/// The daemon.
struct Daemon {
    node: NodeName,
    registration: Registration,
    runs: Arc<Runs>,
    news: Arc<Notify>,
    /// There may be another step.
    steps: Arc<Notify>,
    /// Somebody wants to know what runs use.
    measure: Notify,
    way: Arc<Way>,
    outage: Outage,
}

/// Whether the daemon could start.
pub fn check(config: &Config, place: &Place) -> Result<(), Diagnostic> {
    let node = place.node()?;
    place.inventory(&node)?;
    place.private(config, &node)?;
    Way::new(config, place.local).map(drop)
}

/// Works until SIGTERM or SIGINT; jobs go on then. SIGHUP reads the configuration again, of which the log's settings take
/// effect.
pub fn serve(config: &Config, place: &Place, reread: Reread) -> Result<(), Diagnostic> {
    let logger = Logger::start(&config.log).map_err(super::host)?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    super::open_more_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| super::host(format!("cannot start: {error}")))?;
    let daemon = Daemon::new(config, place)?;
    let _pid = PidFile::write(&config.socket, "compute")?;
    let certificates = (!place.local).then(|| config.network.clone());
    runtime.block_on(daemon.work(certificates, logger, reread))
}

impl Daemon {
    fn new(config: &Config, place: &Place) -> Result<Self, Diagnostic> {
        let node = place.node()?;
        let inventory = place.inventory(&node)?;
        inventory.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let boot = boot().map_err(super::host)?;
        let path = spool_path(&config.spool, &node);
        let cannot = |error: std::io::Error| super::host(format!("SlurmdSpoolDir {}: {error}", path.display()));
        let spool = Spool::open(&path).map_err(cannot)?;
        let layer = Layer::find(&format!("enlist-{}", spool.token().map_err(cannot)?));
        tell_of(&layer);
        let (news, steps) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (notify, notify_steps, hardware) = (news.clone(), steps.clone(), inventory.hardware.clone());
        let site = Site {
            node: node.clone(),
            boot,
            inventory,
            spool,
            layer,
            private: place.private(config, &node)?,
            program: compute::OWN_PROGRAM.into(),
            notify: Box::new(move || {
                notify.notify_one();
                notify_steps.notify_one();
            }),
        };
        let runs = Runs::open(site).map_err(cannot)?;
        let registration = Registration { boot, hardware, runs: Vec::new(), steps: Vec::new() };
        let way = Way::new(config, place.local)?;
        Ok(Self {
            node,
            registration,
            runs: Arc::new(runs),
            news,
            steps,
            measure: Notify::new(),
            way: Arc::new(way),
            outage: Outage::default(),
        })
    }

    async fn work(self, certificates: Option<Network>, logger: Logger, reread: Reread) -> Result<(), Diagnostic> {
        let (mut stopped, hangup) = (pin!(super::stop()?), super::heard(tokio::signal::unix::SignalKind::hangup())?);
        tokio::spawn(super::login::reload_at(hangup, logger, reread));
        if let Some(network) = certificates {
            tokio::spawn(super::login::warn_of_the_end(network, Role::Compute));
        }
        tracing::info!(node = self.node.as_str(), master = self.way.master(), "ready");
        notify::notify(notify::State::Ready);
        tokio::select! {
            () = &mut stopped => {}
            never = self.go_on() => match never {},
        }
        notify::notify(notify::State::Stopping);
        tracing::info!("stopped; jobs go on");
        Ok(())
    }

    /// One session after another.
    async fn go_on(&self) -> Infallible {
        let mut pause = SOON;
        loop {
            let mut connected = false;
            let Err(trouble) = self.session(&mut connected).await;
            pause = if connected { SOON } else { (pause * 2).min(LATEST) };
            match trouble {
                Trouble::Over => tracing::info!("the master wants a new session"),
                Trouble::Unanswered(why) => self.outage.failed(&why).iter().for_each(|news| tracing::warn!("{news}")),
            }
            sleep(pause).await;
        }
    }

    /// From a connection to its end.
    async fn session(&self, connected: &mut bool) -> Result<Infallible, Trouble> {
        let connect = Connect { node: self.node.clone(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let Connected { session, patience } = self.way.post("/v1/node/connect", &connect, PATIENCE).await?;
        let (runs, steps) = (self.runs.here(), self.runs.steps_here());
        let registration = Registration { runs, steps, ..self.registration.clone() };
        let register = Register { node: self.node.clone(), session, registration };
        let _: Value = self.way.post("/v1/node/register", &register, PATIENCE).await?;
        *connected = true;
        self.outage.answered().iter().for_each(|news| tracing::info!("{news}"));
        tracing::info!(session = session.0, "registered");
        self.runs.repeat_all();
        self.news.notify_one();
        self.steps.notify_one();
        tokio::select! {
            ended = self.take_orders(session, Duration::from_secs(patience.into())) => ended,
            ended = self.report(session) => ended,
            ended = self.tell_usage(session) => ended,
            never = self.carry_streams(session) => match never {},
        }
    }

    async fn take_orders(&self, session: NodeSession, patience: Duration) -> Result<Infallible, Trouble> {
        let poll = Poll { node: self.node.clone(), session };
        loop {
            let orders: Orders = self.way.post("/v1/node/orders", &poll, patience + PATIENCE).await?;
            if orders.measure {
                self.measure.notify_one();
            }
            for order in orders.orders {
                tracing::debug!(job = order.job.0, attempt = order.attempt.0, "an order of the master");
                self.runs.obey(order);
            }
        }
    }

    async fn report(&self, session: NodeSession) -> Result<Infallible, Trouble> {
        loop {
            self.news.notified().await;
            let said = self.runs.unconfirmed();
            for reports in said.chunks(AT_ONCE) {
                self.send(session, reports).await?;
            }
        }
    }

    /// Nothing waits for it: what is asked is told once, and asked again by who wants it again.
    async fn tell_usage(&self, session: NodeSession) -> Result<Infallible, Trouble> {
        loop {
            self.measure.notified().await;
            let runs = self.runs.clone();
            let measured = tokio::task::spawn_blocking(move || runs.measure()).await;
            let parts = measured.unwrap_or_default();
            let body = TellUsage { node: self.node.clone(), session, parts };
            match self.way.post::<Value>("/v1/node/usage", &body, PATIENCE).await {
                Err(Trouble::Unanswered(why)) => tracing::warn!("what jobs use is not told: {why}"),
                told => _ = told?,
            }
        }
    }

    async fn send(&self, session: NodeSession, reports: &[RunReport]) -> Result<(), Trouble> {
        let body = compute::protocol::Reports { node: self.node.clone(), session, reports: reports.to_vec() };
        let _: Value = self.way.post("/v1/node/reports", &body, PATIENCE).await?;
        self.runs.confirm(reports);
        Ok(())
    }
}

/// `%n` is the node's name, `%h` the host's, which is taken as the same here (slurm.conf(5), `SlurmdSpoolDir`).
fn spool_path(path: &Path, node: &NodeName) -> PathBuf {
    let text = path.to_string_lossy();
    text.replace("%n", node.as_str()).replace("%h", node.as_str()).into()
}

fn tell_of(layer: &Layer) {
    layer.troubles.iter().for_each(|trouble| tracing::warn!("{trouble}"));
    if layer.is_none() {
        tracing::warn!("this host has no control groups that can be used: jobs are not kept to their CPUs and memory");
    } else {
        tracing::info!(holds = layer.holds().join(", "), "control groups");
    }
}
