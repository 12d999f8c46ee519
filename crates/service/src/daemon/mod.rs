//! `enlist serve`: the accounting service behind a unix socket, HTTP and JSON.
//!
//! Callers are who the kernel says (`SO_PEERCRED`); login nodes come in over TLS and vouch for theirs ([`caller`]).
//! Commands that only ask run side by side; those that change something run one after another, and what they change is on
//! disk before they are answered. [`server`] keeps connections within bounds, [`http`] answers them, [`service`] and
//! [`writer`] do the work.

pub mod admission;
pub mod api;
mod balances;
mod body;
mod budget;
pub mod caller;
pub mod changes;
mod checkup;
pub mod compute;
pub mod config;
mod controller;
mod events;
mod http;
mod import;
mod jobs;
mod json;
mod log;
pub mod login;
mod metrics;
mod notify;
mod nss;
mod openapi;
mod parties;
pub mod pki;
mod precedence;
mod programs;
mod refusal;
mod reports;
mod resources;
mod retention;
mod rollup;
mod server;
mod service;
mod socket;
mod stats;
mod streamed;
mod streams;
#[cfg(test)]
mod testing;
pub mod tls;
mod turned_away;
mod turns;
mod work;
mod world;
mod writer;

use crate::store::Store;
use caller::Rules;
use config::Config;
use http::App;
use log::Logger;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
pub use nss::ThisHost;
use precedence::Precedence;
use server::Server;
use service::Service;
use socket::{Socket, make_parent};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tls::TlsListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use words::diag::{Diagnostic, ErrorKind};

/// Threads that may block: one for each command, and some to look up who asks and for nodes.
const THREADS: usize = work::COMMANDS_AT_ONCE + controller::nodes::BOUNDS.places + 16;

/// Reads the configuration again, as it was read at the start.
pub type Reread = Box<dyn Fn() -> Result<Config, Diagnostic> + Send + Sync>;

/// Serves until SIGTERM or SIGINT, then ends in good order: no new requests, running ones may finish until
/// `StopTimeout`. SIGHUP reads the configuration again. The error says why it cannot start, or cannot go on.
pub fn serve(config: Config, reread: Reread) -> Result<(), Diagnostic> {
    let logger = Logger::start(&config.log).map_err(host)?;
    open_more_files();
    let began = Precedence::of_this_thread();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(THREADS)
        .on_thread_start(move || began.begin())
        // Only threads that answer are ever parked; those that may block are not.
        .on_thread_park(move || began.come_forward())
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| host(format!("cannot start: {error}")))?;
    began.come_forward();
    let served = runtime.block_on(run(config, logger, reread));
    // What is still running had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn run(config: Config, logger: Logger, reread: Reread) -> Result<(), Diagnostic> {
    // Before anything else: a signal while the store is read must find somebody who listens.
    let mut stopped = pin!(stop()?);
    let hangup = heard(SignalKind::hangup())?;
    let settings = config.clone();
    let opening = tokio::task::spawn_blocking(move || open(&settings));
    let app = tokio::select! {
        app = opening => app.map_err(|error| host(format!("cannot start: {error}")))??,
        () = &mut stopped => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    let server = Server::new(http::router(app.clone()), &config, app.parties.clone());
    let _ = app.server.set(server.clone());
    app.service.attend_again();
    streams::begin(&app);
    let rules = Arc::new(Rules::new(&config));
    Arc::new(Running { config, app, server, rules, logger, reread }).serve(stopped, hangup).await
}

fn open(config: &Config) -> Result<Arc<App>, Diagnostic> {
    make_parent(&config.store, 0o700)?;
    let store = Store::open(&config.store).map_err(|error| host(error.to_string()))?;
    App::new(Service::start(store, config)?, config).map_err(|error| host(format!("cannot start: {error}")))
}

fn host(message: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, message)
}

/// Each client needs a file descriptor; systems often allow 1024 unless one asks.
fn open_more_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// A future that resolves when SIGTERM or SIGINT comes. From this call on, not from the first poll on, they no longer
/// kill the process: whoever has been told that the service is ready may stop it at once.
fn stop() -> Result<impl Future<Output = ()>, Diagnostic> {
    let (mut terminate, mut interrupt) = (heard(SignalKind::terminate())?, heard(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn heard(kind: SignalKind) -> Result<Signal, Diagnostic> {
    signal(kind).map_err(|error| host(format!("cannot wait for signals: {error}")))
}

/// The service and what it needs to change its ways.
struct Running {
    config: Config,
    app: Arc<App>,
    server: Arc<Server>,
    rules: Arc<Rules>,
    logger: Logger,
    reread: Reread,
}

impl Running {
    async fn serve(self: Arc<Self>, stopped: impl Future<Output = ()>, hangup: Signal) -> Result<(), Diagnostic> {
        if let Some(nodes) = TlsListener::of(&self.config, self.rules.clone()).await? {
            self.server.open(nodes);
        }
        let (socket, listener) = Socket::bind(&self.config.socket, "serve")?;
        self.server.open(server::Local(listener));
        tokio::spawn(self.clone().reload_at(hangup));
        tracing::info!(socket = %self.config.socket.display(), version = env!("CARGO_PKG_VERSION"), "ready");
        notify::notify(notify::State::Ready);
        let ended = tokio::select! {
            () = stopped => Ok(()),
            why = self.app.service.broken() => {
                tracing::error!("nothing more is written: {why}");
                Err(host(why))
            }
        };
        notify::notify(notify::State::Stopping);
        let in_time = self.server.drain(self.config.stop_timeout).await;
        socket.remove();
        if in_time {
            tracing::info!("stopped")
        } else {
            tracing::warn!("stopped; some requests did not finish in time")
        }
        ended
    }

    /// One after another; a stop does not wait for them.
    async fn reload_at(self: Arc<Self>, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            let running = self.clone();
            // A panic is in the log, and the next one may go better.
            let _ = tokio::task::spawn_blocking(move || running.reload()).await;
        }
    }

    /// Takes on what can change while running; a bad configuration changes nothing.
    fn reload(&self) {
        let new = match (self.reread)() {
            Ok(new) => new,
            Err(error) => return tracing::error!("the configuration was not read again: {error}"),
        };
        new.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        for key in self.config.needs_restart(&new) {
            tracing::warn!("{key} was changed; that takes effect when the service is started again");
        }
        self.rules.reload(&new);
        self.app.parties.reload(&new.accounting);
        let reloaded = self.logger.reload(&new.log).and_then(|()| self.app.service.reload(&new));
        match reloaded {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(error) => tracing::error!("the configuration was read again, but: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::THREADS;

    /// The runtime's two and its main one, and those that have a name: writer, rollup, reader, planner, usage and others.
    const OTHERS: usize = 14;

    #[test]
    fn each_thread_may_have_a_heap() {
        let settings = include_str!("../../../../.cargo/config.toml");
        let heaps = settings.split_once("narenas:").and_then(|(_, rest)| rest.split('"').next());
        let heaps: usize = heaps.and_then(|heaps| heaps.parse().ok()).expect("it says how many");
        assert!(heaps >= THREADS + OTHERS, "{heaps}");
    }
}
