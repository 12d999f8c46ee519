//! [`ComputePeer`]: which node asks.

use super::super::caller::{Node, Peer};
use super::super::pki::Role;
use super::super::refusal::Refusal;
use axum::extract::FromRequestParts;
use axum::extract::connect_info::ConnectInfo;
use axum::http::StatusCode;
use axum::http::request::Parts;
use scheduling::id::NodeName;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use words::people::Uid;

/// Who may speak as a compute node: the holder of its certificate, and root of the master's own host.
#[derive(Clone, Debug)]
pub enum ComputePeer {
    /// root, by the kernel's word: any node.
    Root,
    /// The holder of a certificate of the role `compute`, which holds.
    Certified(Arc<Node>),
}

impl<S: Sync> FromRequestParts<S> for ComputePeer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let forbidden = |why: &str| Refusal::new(StatusCode::FORBIDDEN, why);
        let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.clone());
        match peer {
            Some(Peer::Local(Some(Uid::ROOT))) => Ok(Self::Root),
            Some(Peer::Node(node)) if node.certificate.role == Some(Role::Compute) => {
                let checked = node.clone();
                // It reads files.
                let is_good = spawn_blocking(move || checked.check()).await;
                is_good.unwrap_or_else(|_| Err((StatusCode::FORBIDDEN, "it could not be checked".into())))?;
                Ok(Self::Certified(node))
            }
            _ => {
                Err(forbidden("only compute nodes, by their certificates, and root of the master's host may ask this"))
            }
        }
    }
}

impl ComputePeer {
    /// Whether it may speak as this node.
    pub fn speaks_as(&self, node: &NodeName) -> Result<(), Refusal> {
        match self {
            Self::Certified(own) if own.name() != node.as_str() => {
                let why = format!("the certificate is that of {}: it cannot speak as {node}", own.name());
                Err(Refusal::new(StatusCode::FORBIDDEN, why))
            }
            Self::Root | Self::Certified(_) => Ok(()),
        }
    }
}
