//! `enlist serve`: the accounting service behind a unix socket, HTTP and JSON.
//!
//! Callers are who the kernel says (`SO_PEERCRED`); login nodes come in over TLS and vouch for theirs ([`caller`]).
//! Commands that only ask run side by side; those that change something run one after another, and what they change is on
//! disk before they are answered.

pub mod api;
pub mod caller;
mod commands;
pub mod config;
pub mod node;
pub mod pki;
mod reports;
mod rollup;
mod service;
pub mod tls;
mod world;
mod writer;

use crate::diag::{Diagnostic, ErrorKind};
use crate::store::Store;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::routing::{get, post};
use caller::{Caller, Peer};
use config::Config;
use service::Service;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tls::TlsListener;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

/// The largest request, in bytes.
const MAX_REQUEST: usize = 32 << 20;

/// So many commands run at the same time; more wait for their turn.
const COMMANDS_AT_ONCE: usize = 64;

/// Serves until SIGTERM or SIGINT, then ends in good order: no new requests, running ones are finished.
pub fn serve(config: &Config) -> Result<(), Diagnostic> {
    make_parent(&config.store, 0o700)?;
    let store = Store::open(&config.store).map_err(|error| host(error.to_string()))?;
    let service = Arc::new(Service::start(store, config)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(COMMANDS_AT_ONCE)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| host(format!("cannot start: {error}")))?;
    runtime.block_on(listen(config, service))
}

fn host(message: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, message)
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

async fn listen(config: &Config, service: Arc<Service>) -> Result<(), Diagnostic> {
    let socket = &config.socket;
    let nodes = TlsListener::of(config).await?;
    // The store's lock says that no other daemon serves it.
    let listener = bind(socket)?;
    eprintln!("enlist serve: ready on {}", socket.display());
    let router = Router::new()
        .route("/v1/health", get(|| async { "ok\n" }))
        .route("/v1/slurm/{command}", post(slurm))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(service);
    let router = router.into_make_service_with_connect_info::<Peer>();
    let here = axum::serve(listener, router.clone()).with_graceful_shutdown(stop()).into_future();
    let served = match nodes {
        None => here.await,
        Some(nodes) => {
            let nodes = axum::serve(nodes, router).with_graceful_shutdown(stop()).into_future();
            tokio::try_join!(here, nodes).map(|_| ())
        }
    };
    served.map_err(|error| host(format!("cannot listen on {}: {error}", socket.display())))?;
    let _ = std::fs::remove_file(socket);
    Ok(())
}

async fn stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// `POST /v1/slurm/COMMAND`: one of [`commands::COMMANDS`].
async fn slurm(
    State(service): State<Arc<Service>>,
    caller: Caller,
    UrlPath(command): UrlPath<String>,
    axum::Json(request): axum::Json<api::Request>,
) -> axum::Json<api::Response> {
    let refused = |why: &str| axum::Json(api::Response::refused(&format!("{command}: error: {why}")));
    let Some(answer) = commands::named(&command) else {
        return refused("this service does not know the command; is it older than the client?");
    };
    if let Some(node) = &caller.node {
        tracing::info!(node, uid = caller.uid, command, "a login node vouches for a user");
    }
    match tokio::task::spawn_blocking(move || answer(&service, caller.uid, request)).await {
        Ok(answer) => axum::Json(answer),
        Err(_) => refused("a bug in enlist serve stopped this command; nothing was changed"),
    }
}
