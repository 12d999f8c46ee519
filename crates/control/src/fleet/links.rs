//! One link a host, opened on first use and kept for the whole run.

use crate::connection::{Become, Connector, Link, LinkError, Target};
use host::protocol::{AgentReply, AgentRequest};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Slot = Arc<Mutex<Option<Box<dyn Link>>>>;

/// All links of a run. Calls to different hosts run side by side; calls to one host wait for each other.
pub struct Links<'a> {
    connector: &'a dyn Connector,
    slots: Mutex<HashMap<String, Slot>>,
}

impl<'a> Links<'a> {
    /// No link yet.
    pub fn new(connector: &'a dyn Connector) -> Self {
        Self { connector, slots: Mutex::default() }
    }

    /// Sends one request to `target` as `who`, connecting first if need be.
    pub fn call(&self, target: &Target, who: &Become, request: &AgentRequest) -> Result<AgentReply, LinkError> {
        let slot = self.slot(target);
        let mut link = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out for the call: a link that a panic has left in the middle of an answer is not used again.
        let mut open = match link.take() {
            Some(open) => open,
            None => self.connector.open(target)?,
        };
        let reply = open.call(who, request);
        if !matches!(reply, Err(LinkError::Unreachable(_))) {
            *link = Some(open);
        }
        reply
    }

    /// Says that so many items will be asked for.
    pub fn expect(&self, items: usize) {
        self.connector.expect(items);
    }

    /// As whom one is logged in to `target`; `None` before a call has connected it.
    pub fn login(&self, target: &Target) -> Option<String> {
        let slot = self.slot(target);
        let link = slot.lock().unwrap_or_else(PoisonError::into_inner);
        link.as_ref()?.login().map(str::to_owned)
    }

    fn slot(&self, target: &Target) -> Slot {
        // All that decides where a session ends up: one address behind two bastions is two hosts.
        let key = format!("{:?}", Target { name: String::new(), ..target.clone() });
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(key).or_default().clone()
    }
}
