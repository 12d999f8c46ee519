//! How the controller reaches a host, and what the two say to each other.
//!
//! A [`Link`] is one SSH session (or this machine). Over it run *agents*: one per user that tasks become, kept for the
//! whole run. [`protocol`] is what they speak.
//!
//! [`Dialer`] is the real connector. On the way to a host: `settings` (what ~/.ssh/config says), `ssh` (socket and
//! session), `known_hosts` (is it the right host?), `auth` (keys and passwords), `bootstrap` (from a bare shell to a
//! running agent), `incoming` and `answer` (what it sends, under a limit of time and size). [`fake`] is for tests of what
//! lies above.

mod answer;
mod auth;
mod bootstrap;
pub mod fake;
pub mod image;
mod incoming;
pub mod known_hosts;
mod link;
mod local;
mod machine;
mod refusal;
mod settings;
mod socket;
mod ssh;
pub mod watch;

pub use link::Dialer;

use host::protocol::{AgentReply, AgentRequest};
use std::path::PathBuf;
use std::time::Duration;
use words::diag::Diagnostic;

/// Everything needed to reach one host; made from inventory variables and command line by the runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The inventory name, for messages.
    pub name: String,
    /// Name or address to connect to.
    pub address: String,
    /// TCP port; `None` lets ~/.ssh/config or 22 decide.
    pub port: Option<u16>,
    /// Login user; `None` lets ~/.ssh/config or the caller's own name decide.
    pub user: Option<String>,
    /// Private key files, tried first.
    pub keys: Vec<PathBuf>,
    /// The login password, if one was given.
    pub password: Option<Secret>,
    /// Extra `-o Key=Value` and `-F file` options in the form of ssh's command line (`ansible_ssh_common_args`).
    pub ssh_args: Vec<String>,
    /// Whether an unknown or changed host key is refused.
    pub host_key_checking: bool,
    /// How long connecting may take.
    pub timeout: Duration,
    /// `local` instead of `ssh`.
    pub local: bool,
}

/// Whom tasks run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Become {
    /// The login user.
    Login,
    /// Another user, by sudo.
    Sudo {
        /// The user to become.
        user: String,
        /// The login user's password for sudo; never on a command line or in the environment.
        password: Option<Secret>,
    },
}

/// A text that is never shown: its `Debug` is a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; for the one place that must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(********)")
    }
}

/// Why a host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It cannot be reached or logged in to: Ansible's UNREACHABLE. The host is dropped for the rest of the run.
    #[error("{0}")]
    Unreachable(Box<Diagnostic>),
    /// It is there, and becoming the other user or starting the agent failed: the task fails.
    #[error("{0}")]
    Failed(Box<Diagnostic>),
    /// The answer took longer than the request allows: the task fails, and what the host has done is not known.
    #[error("{0}")]
    TimedOut(Box<Diagnostic>),
}

/// One host, connected.
pub trait Link: Send {
    /// Sends one request to the agent that runs as `who` (starting it first if need be) and waits for the reply.
    fn call(&mut self, who: &Become, request: &AgentRequest) -> Result<AgentReply, LinkError>;

    /// As whom one is logged in there, if that is known.
    fn login(&self) -> Option<&str>;
}

/// Opens links: by ssh, to this machine, or to fakes in tests.
pub trait Connector: Sync {
    /// Connects and logs in.
    fn open(&self, target: &Target) -> Result<Box<dyn Link>, LinkError>;

    /// Hears that so many items will be asked for: for who tells how far a run has come.
    fn expect(&self, _items: usize) {}
}
