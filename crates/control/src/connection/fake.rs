//! A connector without a network: what lies above is tested with it.

use crate::connection::{Become, Connector, Link, LinkError, Target};
use host::protocol::{AgentReply, AgentRequest};
use std::collections::BTreeSet;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};

/// Answers one request as the host would: inventory name, user to become, request.
///
/// A test gives a function that runs `host::agent` on a `system::fake` host, or simply makes replies up.
pub type Host = dyn Fn(&str, &Become, &AgentRequest) -> Result<AgentReply, LinkError> + Send + Sync;

/// Opens links to hosts that live in this process.
pub struct FakeConnector {
    host: Arc<Host>,
    unreachable: BTreeSet<String>,
}

impl FakeConnector {
    /// Every host answers by `host`.
    pub fn new(
        host: impl Fn(&str, &Become, &AgentRequest) -> Result<AgentReply, LinkError> + Send + Sync + 'static,
    ) -> Self {
        Self { host: Arc::new(host), unreachable: BTreeSet::new() }
    }

    /// This host cannot be connected to.
    pub fn unreachable(mut self, name: &str) -> Self {
        self.unreachable.insert(name.into());
        self
    }
}

impl Connector for FakeConnector {
    fn open(&self, target: &Target) -> Result<Box<dyn Link>, LinkError> {
        if self.unreachable.contains(&target.name) {
            let message = "Failed to connect to the host via ssh: it is not there";
            return Err(LinkError::Unreachable(Box::new(Diagnostic::new(ErrorKind::Host, message))));
        }
        Ok(Box::new(FakeLink { name: target.name.clone(), host: self.host.clone() }))
    }
}

struct FakeLink {
    name: String,
    host: Arc<Host>,
}

impl Link for FakeLink {
    fn login(&self) -> Option<&str> {
        None
    }

    fn call(&mut self, who: &Become, request: &AgentRequest) -> Result<AgentReply, LinkError> {
        (self.host)(&self.name, who, request)
    }
}
