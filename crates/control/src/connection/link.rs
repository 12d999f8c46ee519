//! [`Dialer`], the real connector, and what all its links have in common: agents, one per user that tasks become.

use crate::connection::answer::{self, Breach};
use crate::connection::bootstrap::{Means, Opening};
use crate::connection::image::{Image, Packing};
use crate::connection::incoming::{Incoming, time_for};
use crate::connection::known_hosts::Files;
use crate::connection::machine::{Machine, Program};
use crate::connection::{Become, Connector, Link, LinkError, Target, local, refusal, ssh};
use host::protocol::{self, AgentAnswer, AgentReply, AgentRequest};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use words::diag::Diagnostic;

/// The connector to real hosts, by ssh or on this machine. It reads the agent and the known_hosts files once.
#[derive(Default)]
pub struct Dialer {
    image: OnceLock<Arc<Image>>,
    known_hosts: Files,
}

impl Dialer {
    /// Looks for the agent program when the first host is connected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses this agent program instead of looking for one.
    pub fn with_agent(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let image = Arc::new(Image::read(path)?);
        Ok(Self { image: OnceLock::from(image), known_hosts: Files::default() })
    }

    fn image(&self) -> Result<Arc<Image>, LinkError> {
        if let Some(image) = self.image.get() {
            return Ok(image.clone());
        }
        let found = Arc::new(Image::find().map_err(LinkError::Failed)?);
        Ok(self.image.get_or_init(|| found).clone())
    }
}

impl Connector for Dialer {
    fn open(&self, target: &Target) -> Result<Box<dyn Link>, LinkError> {
        let image = self.image()?;
        if target.local {
            return Ok(Box::new(AgentLink::new(target, image, local::ThisMachine::new()?)));
        }
        Ok(Box::new(AgentLink::new(target, image, ssh::connect(target, &self.known_hosts)?)))
    }
}

/// One host with its running agents.
struct AgentLink<M: Machine> {
    agents: Vec<(Become, Incoming<M::Program>)>,
    machine: M,
    image: Arc<Image>,
    name: String,
    timeout: Duration,
}

impl<M: Machine> AgentLink<M> {
    fn new(target: &Target, image: Arc<Image>, machine: M) -> Self {
        Self { agents: Vec::new(), machine, image, name: target.name.clone(), timeout: target.timeout }
    }

    /// Becoming whom one is already needs no sudo, as in Ansible.
    fn effective(&self, who: &Become) -> Become {
        match who {
            Become::Sudo { user, .. } if user == self.machine.login() => Become::Login,
            Become::Sudo { user, .. } if !self.machine.is_trusted() => {
                Become::Sudo { user: user.clone(), password: None }
            }
            other => other.clone(),
        }
    }

    /// The running agent's index; starts it first if need be.
    fn agent(&mut self, who: Become) -> Result<usize, LinkError> {
        if let Some(index) = self.agents.iter().position(|(running, _)| *running == who) {
            return Ok(index);
        }
        let in_place = M::IS_HERE && who == Become::Login;
        let means = if in_place { Means::InPlace } else { Means::Cached };
        let agent = match self.start(&who, means) {
            Err(refusal::Refusal::Damaged) if !in_place => self.start(&who, Means::Fresh),
            other => other,
        };
        let agent = agent.map_err(|why| refusal::explain(why, &self.name, &who, &self.image, self.timeout))?;
        self.agents.push((who, agent));
        Ok(self.agents.len() - 1)
    }

    fn start(&mut self, who: &Become, means: Means) -> Result<Incoming<M::Program>, refusal::Refusal> {
        let packing = if self.machine.is_near() { Packing::Plain } else { Packing::Gzip };
        let opening = Opening::new(&self.image, who, means, packing)?;
        let program = self.machine.start(&opening.command(), self.timeout)?;
        opening.greet(program, self.timeout)
    }
}

impl<M: Machine> Drop for AgentLink<M> {
    /// First the connection, then the agents: closing each channel politely would cost round trips.
    fn drop(&mut self) {
        self.machine.hang_up();
    }
}

impl<M: Machine> Link for AgentLink<M> {
    fn login(&self) -> Option<&str> {
        Some(self.machine.login())
    }

    fn call(&mut self, who: &Become, request: &AgentRequest) -> Result<AgentReply, LinkError> {
        let who = self.effective(who);
        let index = self.agent(who)?;
        let answer = converse(&mut self.agents[index].1, request);
        if let Ok(Some(Ok(reply))) = answer {
            return Ok(reply);
        }
        let (_, mut agent) = self.agents.remove(index);
        let error = refusal::broken_off(answer, &mut agent.program, &self.name, &request.module);
        if matches!(error, LinkError::Unreachable(_)) {
            // Before the agent goes: to close its channel politely is to wait for a host that does not play by the rules.
            self.machine.hang_up();
        }
        Err(error)
    }
}

/// One request and its answer: sent in limited time, waited for as long as it takes, or as long as the request says.
fn converse(agent: &mut Incoming<impl Program>, request: &AgentRequest) -> Result<Option<AgentAnswer>, Breach> {
    let frame = protocol::frame(request).map_err(Breach::Unsent)?;
    agent.wait_until(Some(Instant::now() + time_for(frame.len())));
    agent.write_all(&frame)?;
    agent.flush()?;
    let given_up = request.patience.and_then(|patience| Some((Instant::now().checked_add(patience)?, patience)));
    agent.wait_until(given_up.map(|(at, _)| at));
    let answer = answer::receive(agent, &request.bound);
    agent.wait_until(None);
    match (answer, given_up) {
        (Err(Breach::TooSlow), Some((at, patience))) if Instant::now() >= at => Err(Breach::GivenUp(patience)),
        (answer, _) => answer,
    }
}
