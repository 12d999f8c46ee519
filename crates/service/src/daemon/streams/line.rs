//! [`Line`]: all connections of one step, and what passes between them.
//!
//! What a node says waits until the owner has room for it: so who does not read stops the tasks' writing. Listeners hear what they
//! have room for; one that is too slow is left behind. What the owner says goes to the nodes that it is for.

use super::pipe::Pipe;
use super::wire::Packet;
use crate::daemon::controller::lock;
use compute::stream::{ALL, FrameKind};
use hyper::body::Bytes;
use scheduling::id::{Attempt, JobId, NodeName, Uid};
use scheduling::step::LiveStep;
use slurm::records::StepId;
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::Notify;

/// One step's.
pub struct Line {
    pub job: JobId,
    pub attempt: Attempt,
    pub step: StepId,
    /// Whose step it is.
    pub user: Uid,
    nodes: Vec<LineNode>,
    state: Mutex<LineState>,
    /// Rings when somebody comes or goes.
    news: Notify,
}

struct LineNode {
    name: NodeName,
    ranks: Vec<u32>,
    /// What it is to hear, over whichever connection it has.
    outbox: Pipe,
}

#[derive(Default)]
struct LineState {
    owner: Owner,
    listeners: Vec<(u64, Arc<Pipe>)>,
    /// What nodes said of their tasks: who comes later hears it first.
    told: Vec<Bytes>,
    heard: HashSet<(usize, Bytes)>,
    nodes: Vec<NodeConnection>,
    /// Counts connections.
    last: u64,
    /// Whether the master knows that nothing is left of the step.
    is_over: bool,
}

#[derive(Default)]
enum Owner {
    /// It comes, or comes again.
    #[default]
    Awaited,
    Here(u64, Arc<Pipe>),
    /// Nobody reads; nothing waits.
    Gone,
}

#[derive(Clone, Default)]
struct NodeConnection {
    /// The present one; 0 is none.
    number: u64,
    /// Whether it has said that nothing is left, and whether who is there was told.
    has_left: bool,
    is_told: bool,
}

/// How a client's connection ended.
#[derive(Debug)]
pub enum Farewell {
    /// It goes, and the step goes on.
    Bye,
    /// It closed.
    Closed,
    /// It broke, or what came over it cannot be meant.
    Broken(io::Error),
    /// There is nothing more to say, or another connection took its place.
    Done,
}

impl Line {
    pub fn new(job: JobId, attempt: Attempt, user: Uid, step: &LiveStep) -> Self {
        let node = |share: &scheduling::step::StepShare| LineNode {
            name: share.node.clone(),
            ranks: share.ranks.clone(),
            outbox: Pipe::default(),
        };
        let nodes: Vec<LineNode> = step.shares.iter().map(node).collect();
        let owner = if step.is_left_alone { Owner::Gone } else { Owner::Awaited };
        let state = LineState { owner, nodes: vec![NodeConnection::default(); nodes.len()], ..LineState::default() };
        Self { job, attempt, step: step.id, user, nodes, state: Mutex::new(state), news: Notify::new() }
    }

    /// The place of a node.
    pub fn place(&self, node: &NodeName) -> Option<usize> {
        self.nodes.iter().position(|own| own.name == *node)
    }

    /// Serves a node's connection to its end.
    pub async fn serve_node(&self, at: usize, stream: impl AsyncRead + AsyncWrite) -> io::Result<()> {
        let number = {
            let mut state = lock(&self.state);
            state.last += 1;
            state.nodes[at].number = state.last;
            state.last
        };
        self.news.notify_waiters();
        let (mut from, mut to) = split(stream);
        let ended = tokio::select! {
            ended = self.hear_node(at, &mut from) => ended,
            ended = self.nodes[at].outbox.write_to(&mut to) => ended,
            () = self.until(|state| state.nodes[at].number != number) => Ok(()),
        };
        let mut state = lock(&self.state);
        if state.nodes[at].number == number {
            state.nodes[at].number = 0;
        }
        drop(state);
        self.news.notify_waiters();
        ended
    }

    async fn hear_node(&self, at: usize, from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        while let Some(packet) = Packet::read(from).await? {
            match packet.kind {
                FrameKind::Output | FrameKind::Errors | FrameKind::Acknowledged => self.pass(at, &packet, true).await,
                FrameKind::Started | FrameKind::Ended | FrameKind::Failed | FrameKind::Left => {
                    self.tell(at, &packet).await;
                }
                other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no node says {other:?}"))),
            }
        }
        Ok(())
    }

    /// Something is said of a node's tasks, by the node or in its place; once.
    pub async fn tell(&self, at: usize, packet: &Packet) {
        {
            let mut state = lock(&self.state);
            if !state.heard.insert((at, packet.bytes.clone())) {
                return;
            }
            state.told.push(packet.bytes.clone());
            state.nodes[at].has_left |= packet.kind == FrameKind::Left;
        }
        self.pass(at, packet, false).await;
        if packet.kind == FrameKind::Left {
            lock(&self.state).nodes[at].is_told = true;
            self.news.notify_waiters();
        }
    }

    /// Says something of the step as a whole.
    pub async fn announce(&self, text: &str) {
        let packet = Packet::new(FrameKind::Notice, ALL, 0, text.as_bytes());
        lock(&self.state).told.push(packet.bytes.clone());
        self.pass(0, &packet, false).await;
    }

    /// Passes a frame of a node's on to all who are there; if it must be had, waits for the owner.
    async fn pass(&self, at: usize, packet: &Packet, must_be_had: bool) {
        self.pass_to_listeners(packet);
        loop {
            let news = self.news.notified();
            let pipe = match &lock(&self.state).owner {
                Owner::Here(_, pipe) => Some(pipe.clone()),
                Owner::Awaited => None,
                Owner::Gone => {
                    self.take_in(at, packet);
                    return;
                }
            };
            match pipe {
                Some(pipe) if pipe.push(&packet.bytes).await.is_ok() => return,
                // It goes, and what it was to hear is said to the next.
                Some(_) => tokio::task::yield_now().await,
                None if must_be_had => news.await,
                None => return,
            }
        }
    }

    fn pass_to_listeners(&self, packet: &Packet) {
        let mut state = lock(&self.state);
        state.listeners.retain(|(_, pipe)| {
            let is_quick = pipe.try_push(&packet.bytes) == Ok(true);
            if !is_quick {
                pipe.close();
            }
            is_quick
        });
    }

    /// Output that nobody reads is acknowledged, so that the tasks go on.
    fn take_in(&self, at: usize, packet: &Packet) {
        if matches!(packet.kind, FrameKind::Output | FrameKind::Errors) {
            let place = packet.place.saturating_add(packet.length());
            let had = Packet::new(FrameKind::Acknowledged, packet.task, place, &[packet.kind as u8]);
            // A node with a full box is told with the next one.
            let _ = self.nodes[at].outbox.try_push(&had.bytes);
        }
    }

    /// Serves a client's connection to its end.
    pub async fn serve_client(&self, is_owner: bool, stream: impl AsyncRead + AsyncWrite) -> (u64, Farewell) {
        let (number, pipe) = self.join(is_owner);
        let (mut from, mut to) = split(stream);
        let farewell = tokio::select! {
            farewell = self.hear_client(is_owner, &mut from) => farewell.unwrap_or_else(Farewell::Broken),
            written = pipe.write_to(&mut to) => match written {
                Ok(()) => Farewell::Done,
                Err(error) => Farewell::Broken(error),
            },
        };
        if !is_owner {
            lock(&self.state).listeners.retain(|(other, _)| *other != number);
        }
        (number, farewell)
    }

    fn join(&self, is_owner: bool) -> (u64, Arc<Pipe>) {
        let pipe = Arc::new(Pipe::default());
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        pipe.fill(state.told.iter().cloned());
        if is_owner {
            let before = std::mem::replace(&mut state.owner, Owner::Here(number, pipe.clone()));
            if let Owner::Here(_, old) = before {
                old.close();
            }
        } else {
            state.listeners.push((number, pipe.clone()));
        }
        drop(state);
        self.news.notify_waiters();
        (number, pipe)
    }

    async fn hear_client(&self, is_owner: bool, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Farewell> {
        while let Some(packet) = Packet::read(from).await? {
            match packet.kind {
                FrameKind::Bye => return Ok(Farewell::Bye),
                FrameKind::Again => self.send(&packet).await,
                FrameKind::Input | FrameKind::Resize | FrameKind::Signal | FrameKind::Acknowledged => {
                    // Who only listens has no say in what tasks read, and whether they may go on.
                    if is_owner {
                        self.send(&packet).await;
                    }
                }
                other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no client says {other:?}"))),
            }
        }
        Ok(Farewell::Closed)
    }

    /// Sends to the nodes that it is for.
    async fn send(&self, packet: &Packet) {
        for node in &self.nodes {
            if packet.task == ALL || node.ranks.binary_search(&packet.task).is_ok() {
                // Closed is one whose step is over.
                let _ = node.outbox.push(&packet.bytes).await;
            }
        }
    }

    /// The owner's connection has ended. Says whether it was the present one, of a step that goes on.
    pub fn lose_owner(&self, number: u64, may_return: bool) -> bool {
        let mut state = lock(&self.state);
        let Owner::Here(own, pipe) = &state.owner else { return false };
        if *own != number {
            return false;
        }
        let pipe = pipe.clone();
        let is_done = state.is_over || state.nodes.iter().all(|node| node.has_left);
        state.owner = if may_return && !is_done { Owner::Awaited } else { Owner::Gone };
        drop(state);
        pipe.close();
        self.news.notify_waiters();
        !is_done
    }

    /// Nobody comes to read any more. Says whether somebody was awaited.
    pub fn give_up(&self) -> bool {
        let mut state = lock(&self.state);
        let is_awaited = matches!(state.owner, Owner::Awaited);
        if is_awaited {
            state.owner = Owner::Gone;
        }
        drop(state);
        self.news.notify_waiters();
        is_awaited
    }

    /// The master knows that nothing is left of the step.
    pub fn note_over(&self) {
        lock(&self.state).is_over = true;
        self.news.notify_waiters();
    }

    /// Resolves when no node has anything more to say.
    pub async fn all_left(&self) {
        self.until(|state| state.nodes.iter().all(|node| node.is_told)).await;
    }

    /// Resolves when the owner is there, or does not come any more.
    pub async fn owner_known(&self) {
        self.until(|state| !matches!(state.owner, Owner::Awaited)).await;
    }

    /// Nodes that have not said that nothing is left, and have no connection now.
    pub fn missing(&self) -> Vec<(usize, NodeName)> {
        let state = lock(&self.state);
        let nodes = self.nodes.iter().zip(&state.nodes).enumerate();
        let missing = nodes.filter(|(_, (_, connection))| !connection.has_left && connection.number == 0);
        missing.map(|(at, (node, _))| (at, node.name.clone())).collect()
    }

    /// The last word of a node, in its place.
    pub async fn leave_for(&self, at: usize, is_lost: bool) {
        let least = self.nodes[at].ranks.first().copied().unwrap_or(ALL);
        if is_lost {
            let lost = Packet::new(FrameKind::Lost, least, 0, self.nodes[at].name.as_str().as_bytes());
            self.tell(at, &lost).await;
        }
        self.tell(at, &Packet::new(FrameKind::Left, least, 0, b"")).await;
    }

    /// Whether a node has said something of this kind.
    pub fn has_heard(&self, kind: FrameKind) -> bool {
        lock(&self.state).told.iter().any(|bytes| bytes.first() == Some(&(kind as u8)))
    }

    /// Everything is said: connections end when they have it.
    pub fn close(&self) {
        let state = lock(&self.state);
        if let Owner::Here(_, pipe) = &state.owner {
            pipe.close();
        }
        state.listeners.iter().for_each(|(_, pipe)| pipe.close());
        self.nodes.iter().for_each(|node| node.outbox.close());
    }

    async fn until(&self, is_so: impl Fn(&LineState) -> bool) {
        loop {
            let news = self.news.notified();
            if is_so(&lock(&self.state)) {
                return;
            }
            news.await;
        }
    }
}
