//! `enlist serve`: the accounting service behind a unix socket, HTTP and JSON.
//!
//! Callers are who the kernel says (`SO_PEERCRED`); login nodes come in over TLS and vouch for theirs ([`caller`]).
//! Commands that only ask run side by side; those that change something run one after another, and what they change is on
//! disk before they are answered. [`server`] keeps connections within bounds, [`http`] answers them, [`service`] and
//! [`writer`] do the work.

pub mod api;
pub mod caller;
pub mod changes;
mod commands;
pub mod config;
mod http;
mod jobs;
mod log;
mod metrics;
pub mod node;
mod notify;
mod openapi;
pub mod pki;
mod reports;
mod resources;
mod rollup;
mod server;
mod service;
pub mod tls;
mod world;
mod writer;

use crate::diag::{Diagnostic, ErrorKind};
use crate::store::Store;
use config::Config;
use http::{App, MAX_REQUEST};
use log::Logger;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use server::Server;
use service::Service;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tls::TlsListener;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// So many commands run at the same time; more wait for their turn.
const COMMANDS_AT_ONCE: usize = 64;

/// Reads the configuration again, as it was read at the start.
pub type Reread = Box<dyn Fn() -> Result<Config, Diagnostic> + Send + Sync>;

/// Serves until SIGTERM or SIGINT, then ends in good order: no new requests, running ones may finish until
/// `StopTimeout`. SIGHUP reads the configuration again.
pub fn serve(config: Config, reread: Reread) -> Result<(), Diagnostic> {
    let logger = Logger::start(&config.log).map_err(host)?;
    open_more_files();
    make_parent(&config.store, 0o700)?;
    let store = Store::open(&config.store).map_err(|error| host(error.to_string()))?;
    let app = App::new(Service::start(store, &config)?, &config);
    let server = Server::new(http::router(app.clone()), &config);
    let _ = app.server.set(server.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(COMMANDS_AT_ONCE)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| host(format!("cannot start: {error}")))?;
    let mut running = Running { config, app, server, logger, reread };
    let served = runtime.block_on(running.serve());
    // What is still running had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
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

fn make_parent(path: &Path, mode: u32) -> Result<(), Diagnostic> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) else {
        return Ok(());
    };
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::set_permissions(parent, std::fs::Permissions::from_mode(mode)))
        .map_err(|error| host(format!("cannot make {}: {error}", parent.display())))
}

/// Listens on a unix socket that everybody may use. A socket that is there is a dead daemon's: the caller has made sure.
fn bind(socket: &Path) -> Result<UnixListener, Diagnostic> {
    make_parent(socket, 0o755)?;
    let cannot = |error: std::io::Error| host(format!("cannot listen on {}: {error}", socket.display()));
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(cannot)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).map_err(cannot)?;
    Ok(listener)
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
    logger: Logger,
    reread: Reread,
}

impl Running {
    async fn serve(&mut self) -> Result<(), Diagnostic> {
        let mut stopped = pin!(stop()?);
        let mut reload = heard(SignalKind::hangup())?;
        let socket = self.config.socket.clone();
        if let Some(nodes) = TlsListener::of(&self.config).await? {
            tokio::spawn(self.server.clone().accept(nodes));
        }
        // The store's lock says that no other daemon serves it.
        tokio::spawn(self.server.clone().accept(server::Local(bind(&socket)?)));
        tracing::info!(socket = %socket.display(), version = env!("CARGO_PKG_VERSION"), "ready");
        notify::notify(notify::State::Ready);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                _ = reload.recv() => tokio::task::block_in_place(|| self.reload()),
            }
        }
        notify::notify(notify::State::Stopping);
        let in_time = self.server.drain(self.config.stop_timeout).await;
        let _ = std::fs::remove_file(&socket);
        match in_time {
            true => tracing::info!("stopped"),
            false => tracing::warn!("stopped; some requests did not finish in time"),
        }
        Ok(())
    }

    /// Takes on what can change while running; a bad configuration changes nothing.
    fn reload(&mut self) {
        let new = match (self.reread)() {
            Ok(new) => new,
            Err(error) => return tracing::error!("the configuration was not read again: {error}"),
        };
        new.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        for key in self.config.needs_restart(&new) {
            tracing::warn!("{key} was changed; that takes effect when the service is started again");
        }
        let reloaded = self.logger.reload(&new.log).and_then(|()| self.app.service.reload(&new));
        match reloaded {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(error) => tracing::error!("the configuration was read again, but: {error}"),
        }
    }
}
