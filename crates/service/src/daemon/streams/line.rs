//! [`Line`]: all connections of one step, and what passes between them.
//!
//! What a node says waits until the owner has room for it: so who does not read stops the tasks' writing. Listeners hear what they
//! have room for; one that is too slow is left behind. What the owner says goes to the nodes that it is for.

use super::pipe::{Pipe, Purse};
use super::told::{SpeakingNode, Told};
use super::wire::Packet;
use crate::daemon::budget::Budget;
use crate::daemon::controller::lock;
use compute::stream::{ALL, FrameKind};
use scheduling::id::{Attempt, JobId, NodeName, Uid};
use scheduling::step::LiveStep;
use slurm::records::StepId;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::Notify;
use tokio::time::timeout;

/// So long an owner who has read all may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(10);

/// One step's.
pub struct Line {
    pub job: JobId,
    pub attempt: Attempt,
    pub step: StepId,
    /// Whose step it is.
    pub user: Uid,
    nodes: Vec<LineNode>,
    purse: Purse,
    state: Mutex<LineState>,
    /// Rings when somebody comes or goes.
    news: Notify,
}

struct LineNode {
    part: SpeakingNode,
    /// What it is to hear, over whichever connection it has.
    outbox: Pipe,
}

#[derive(Default)]
struct LineState {
    owner: Owner,
    listeners: Vec<(u64, Arc<Pipe>)>,
    /// What was said of the tasks: who comes later hears it first.
    told: Told,
    nodes: Vec<NodeConnection>,
    /// Counts connections.
    last: u64,
    /// Whether the master knows that nothing is left of the step.
    is_over: bool,
    /// Whether all that there is to say is in `told`.
    is_said: bool,
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
    /// Whether it has said that nothing is left.
    has_left: bool,
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
    /// A line that nobody is connected to. What waits on it is paid from the budget.
    pub fn new(job: JobId, attempt: Attempt, user: Uid, step: &LiveStep, budget: Arc<Budget>) -> Self {
        let purse = Purse { budget, user };
        let node = |share: &scheduling::step::StepShare| LineNode {
            part: SpeakingNode { name: share.node.clone(), ranks: share.ranks.clone() },
            outbox: Pipe::new(purse.clone()),
        };
        let nodes: Vec<LineNode> = step.shares.iter().map(node).collect();
        let owner = if step.is_left_alone { Owner::Gone } else { Owner::Awaited };
        let state = LineState { owner, nodes: vec![NodeConnection::default(); nodes.len()], ..LineState::default() };
        Self { job, attempt, step: step.id, user, nodes, purse, state: Mutex::new(state), news: Notify::new() }
    }

    /// The place of a node.
    pub fn place(&self, node: &NodeName) -> Option<usize> {
        self.nodes.iter().position(|own| own.part.name == *node)
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
            // So there is room for what is said once, such as signals.
            self.nodes[at].outbox.retain(|frame| !is_said_again(frame));
        }
        drop(state);
        self.news.notify_waiters();
        ended
    }

    async fn hear_node(&self, at: usize, from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        while let Some(packet) = Packet::read(from).await? {
            self.nodes[at].part.check(&packet)?;
            match packet.kind {
                FrameKind::Output | FrameKind::Errors | FrameKind::Acknowledged => self.pass(at, &packet).await,
                _ => self.tell(at, &packet),
            }
        }
        Ok(())
    }

    /// Something is said of a node's tasks, by the node or in its place; once. Nothing waits here, so that it does not get lost with
    /// the connection over which it came: who is there has it in its pipe, who comes later is told.
    fn tell(&self, at: usize, packet: &Packet) {
        let mut state = lock(&self.state);
        if !state.told.add(at, packet) {
            return;
        }
        state.nodes[at].has_left |= packet.kind == FrameKind::Left;
        state.tell_all(packet);
        drop(state);
        self.news.notify_waiters();
    }

    /// Says something of the step as a whole.
    pub fn announce(&self, text: &str) {
        let packet = Packet::new(FrameKind::Notice, ALL, 0, text.as_bytes());
        let mut state = lock(&self.state);
        state.told.say(&packet);
        state.tell_all(&packet);
    }

    /// Passes a frame of a node's on to all who are there, and waits for the owner.
    async fn pass(&self, at: usize, packet: &Packet) {
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
                // It goes; what it did not acknowledge is said again to the next.
                Some(_) => tokio::task::yield_now().await,
                None => news.await,
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
        let farewell = self.converse(is_owner, &pipe, &mut from, &mut to).await.unwrap_or_else(Farewell::Broken);
        if !is_owner {
            lock(&self.state).listeners.retain(|(other, _)| *other != number);
        }
        (number, farewell)
    }

    async fn converse(
        &self,
        is_owner: bool,
        pipe: &Pipe,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Farewell> {
        let hears = self.hear_client(is_owner, from);
        tokio::pin!(hears);
        tokio::select! {
            farewell = &mut hears => return farewell,
            written = pipe.write_to(to) => written?,
        }
        // What is written is not read yet: the last connection, too, may break before.
        if is_owner && lock(&self.state).is_said {
            return timeout(GOODBYE, hears).await.unwrap_or(Ok(Farewell::Done));
        }
        Ok(Farewell::Done)
    }

    fn join(&self, is_owner: bool) -> (u64, Arc<Pipe>) {
        let pipe = Arc::new(Pipe::new(self.purse.clone()));
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        pipe.fill(state.told.all());
        if state.is_said {
            pipe.close();
        }
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
        for (at, node) in self.nodes.iter().enumerate() {
            if packet.task == ALL || node.part.has(packet.task) {
                self.send_to(at, packet).await;
            }
        }
    }

    /// One whose link is cut is not waited for, so that the others get what is theirs: input and acknowledgements that it lacks are
    /// said again when it is back, since it says then what it has had, and all output that was not acknowledged.
    async fn send_to(&self, at: usize, packet: &Packet) {
        tokio::select! {
            biased;
            () = self.until(|state| state.nodes[at].number == 0), if is_said_again(&packet.bytes) => {}
            // Closed is one whose step is over.
            _ = self.nodes[at].outbox.push(&packet.bytes) => {}
        }
    }

    /// The owner's connection has ended. Says whether it was the present one, of a step that goes on. Who may return is awaited, be
    /// it only to hear how the step ended.
    pub fn lose_owner(&self, number: u64, may_return: bool) -> bool {
        let mut state = lock(&self.state);
        let Owner::Here(own, pipe) = &state.owner else { return false };
        if *own != number {
            return false;
        }
        let pipe = pipe.clone();
        let is_done = state.is_over || state.nodes.iter().all(|node| node.has_left);
        state.owner = if may_return { Owner::Awaited } else { Owner::Gone };
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
        self.until(|state| state.nodes.iter().all(|node| node.has_left)).await;
    }

    /// Resolves when the owner has read all, or does not come any more.
    pub async fn owner_gone(&self) {
        self.until(|state| matches!(state.owner, Owner::Gone)).await;
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
        missing.map(|(at, (node, _))| (at, node.part.name.clone())).collect()
    }

    /// The last word of a node, in its place.
    pub fn leave_for(&self, at: usize, is_lost: bool) {
        let least = self.nodes[at].part.ranks.first().copied().unwrap_or(ALL);
        if is_lost {
            let lost = Packet::new(FrameKind::Lost, least, 0, self.nodes[at].part.name.as_str().as_bytes());
            self.tell(at, &lost);
        }
        self.tell(at, &Packet::new(FrameKind::Left, least, 0, b""));
    }

    /// Whether a node has said something of this kind.
    pub fn has_heard(&self, kind: FrameKind) -> bool {
        lock(&self.state).told.has(kind)
    }

    /// Everything is said: connections end when they have it.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.is_said = true;
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

/// Whether a frame for a node is said again by who sent it, when the node has a new connection.
fn is_said_again(frame: &[u8]) -> bool {
    let kinds = [FrameKind::Input, FrameKind::Acknowledged, FrameKind::Again];
    frame.first().is_some_and(|kind| kinds.iter().any(|it| *it as u8 == *kind))
}

impl LineState {
    /// Tells it to all who are there.
    fn tell_all(&self, packet: &Packet) {
        if let Owner::Here(_, pipe) = &self.owner {
            pipe.fill([packet.bytes.clone()]);
        }
        self.listeners.iter().for_each(|(_, pipe)| pipe.fill([packet.bytes.clone()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::budget::Most;
    use compute::stream::LONGEST;
    use scheduling::step::{StepRequest, StepShare};
    use scheduling::units::Units;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    const ENDED: &[u8] = br#"{"exit":{"code":0,"signal":0}}"#;

    fn line() -> Arc<Line> {
        line_of(Uid(1000), &Budget::new(Most { each: 64 << 20, all: 256 << 20, least: 1 << 20 }))
    }

    fn line_of(user: Uid, budget: &Arc<Budget>) -> Arc<Line> {
        let (cpus, memory, gres) = (Units::default(), 0, Vec::new());
        let share = StepShare { node: NodeName::from("n1"), ranks: vec![0, 1], cpus, memory, gres };
        let step = LiveStep::new(StepId::Number(0), StepRequest::default(), Uid(1000), 0, vec![share]);
        Arc::new(Line::new(JobId(1), Attempt(0), user, &step, budget.clone()))
    }

    /// A node's connection.
    fn node(line: &Arc<Line>) -> (DuplexStream, tokio::task::JoinHandle<io::Result<()>>) {
        let (ours, theirs) = duplex(4 << 20);
        let line = line.clone();
        (ours, tokio::spawn(async move { line.serve_node(0, theirs).await }))
    }

    async fn say(to: &mut DuplexStream, kind: FrameKind, task: u32, place: u64, content: &[u8]) {
        to.write_all(&Packet::new(kind, task, place, content).bytes).await.unwrap();
    }

    /// The second node is not there.
    #[tokio::test]
    async fn what_one_node_lacks_does_not_stop_what_is_for_another() {
        let share = |node: &str, rank| StepShare {
            node: NodeName::from(node),
            ranks: vec![rank],
            cpus: Units::default(),
            memory: 0,
            gres: Vec::new(),
        };
        let shares = vec![share("n1", 0), share("n2", 1)];
        let step = LiveStep::new(StepId::Number(0), StepRequest::default(), Uid(1000), 0, shares);
        let budget = Budget::new(Most { each: 64 << 20, all: 256 << 20, least: 1 << 20 });
        let line = Arc::new(Line::new(JobId(1), Attempt(0), Uid(1000), &step, budget));
        let (mut there, _serving) = node(&line);
        line.until(|state| state.nodes[0].number > 0).await;
        let (mut srun, theirs) = duplex(64);
        let own = line.clone();
        tokio::spawn(async move { own.serve_client(true, theirs).await.1 });
        let piece = vec![7; LONGEST];
        for number in 0..20 {
            say(&mut srun, FrameKind::Input, ALL, number * LONGEST as u64, &piece).await;
        }
        say(&mut srun, FrameKind::Signal, ALL, 2, b"").await;
        let mut heard = Vec::new();
        while heard.last() != Some(&FrameKind::Signal) {
            heard.push(Packet::read(&mut there).await.unwrap().unwrap().kind);
        }
        assert_eq!(heard.len(), 21);
        let (ours, theirs) = duplex(4 << 20);
        let own = line.clone();
        tokio::spawn(async move { own.serve_node(1, theirs).await });
        let mut later = ours;
        assert_eq!(Packet::read(&mut later).await.unwrap().unwrap().kind, FrameKind::Signal, "what is said once waits");
    }

    #[tokio::test]
    async fn an_end_that_is_told_while_the_owner_does_not_read_is_not_lost_with_the_nodes_connection() {
        let line = line();
        let (mut srun, theirs) = duplex(64);
        let own = line.clone();
        let serves = tokio::spawn(async move { own.serve_client(true, theirs).await.1 });
        line.owner_known().await;
        let (mut from_node, serving) = node(&line);
        let piece = vec![7; LONGEST];
        // So many fill the owner's pipe, and no more.
        for number in 0..8 {
            say(&mut from_node, FrameKind::Output, 0, number * LONGEST as u64, &piece).await;
        }
        say(&mut from_node, FrameKind::Ended, 1, 0, ENDED).await;
        while !line.has_heard(FrameKind::Ended) {
            tokio::task::yield_now().await;
        }
        drop(from_node);
        serving.await.unwrap().unwrap();
        // The node says it again, and more.
        let (mut from_node, _serving) = node(&line);
        for (kind, task, content) in
            [(FrameKind::Ended, 1, ENDED), (FrameKind::Ended, 0, ENDED), (FrameKind::Left, 0, b"")]
        {
            say(&mut from_node, kind, task, 0, content).await;
        }
        line.all_left().await;
        line.close();
        let mut told = Vec::new();
        while let Some(packet) = Packet::read(&mut srun).await.unwrap() {
            if packet.kind != FrameKind::Output {
                told.push((packet.kind, packet.task));
            }
        }
        assert_eq!(told, [(FrameKind::Ended, 1), (FrameKind::Ended, 0), (FrameKind::Left, 0)]);
        say(&mut srun, FrameKind::Bye, ALL, 0, b"").await;
        assert!(matches!(serves.await.unwrap(), Farewell::Bye), "it is heard, though all was written");
    }

    /// As many frames as a pipe takes, and more, from a step whose owner does not read.
    async fn flood(line: &Arc<Line>) -> (DuplexStream, DuplexStream) {
        let (srun, theirs) = duplex(64);
        let own = line.clone();
        tokio::spawn(async move {
            let (number, _) = own.serve_client(true, theirs).await;
            own.lose_owner(number, false)
        });
        line.owner_known().await;
        let (mut from_node, _) = node(line);
        let piece = vec![7; LONGEST];
        for number in 0..12 {
            say(&mut from_node, FrameKind::Output, 0, number * LONGEST as u64, &piece).await;
        }
        (srun, from_node)
    }

    #[tokio::test]
    async fn who_reads_none_of_many_streams_fills_what_is_his_and_nobody_elses() {
        let most = Most { each: 1 << 20, all: 8 << 20, least: 256 << 10 };
        let budget = Budget::new(most);
        let mut open = Vec::new();
        for _ in 0..40 {
            let line = line_of(Uid(1000), &budget);
            open.push((flood(&line).await, line));
        }
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
        let taken = budget.taken();
        assert!(taken > most.each / 2 && taken <= 2 * most.each, "{taken} bytes of 40 streams");
        let other = line_of(Uid(1001), &budget);
        let (mut srun, _from_node) = flood(&other).await;
        for number in 0..12 {
            let packet = Packet::read(&mut srun).await.unwrap().unwrap();
            assert_eq!(packet.place, number * LONGEST as u64, "another user's come through");
        }
        // What nobody reads any more is given back.
        drop(open);
        while budget.taken() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_node_that_is_cut_off_does_not_keep_the_owner_from_speaking_to_others() {
        let line = line();
        let (mut srun, theirs) = duplex(64);
        let own = line.clone();
        tokio::spawn(async move { own.serve_client(true, theirs).await.1 });
        // More input than any box holds, while the node is away; then a signal.
        let piece = vec![1; LONGEST];
        for number in 0..20 {
            say(&mut srun, FrameKind::Input, ALL, number * LONGEST as u64, &piece).await;
        }
        say(&mut srun, FrameKind::Signal, ALL, 0, &[15]).await;
        let (mut from_node, _serving) = node(&line);
        let first = Packet::read(&mut from_node).await.unwrap().unwrap();
        assert_eq!(first.kind, FrameKind::Signal, "what is said again anyway was not kept");
    }

    #[tokio::test]
    async fn a_node_that_says_more_than_there_is_to_say_is_not_kept_in_memory_and_not_believed() {
        let line = line();
        for padding in 0..100 {
            let (mut from_node, serving) = node(&line);
            let end = [ENDED, &vec![b' '; padding]].concat();
            say(&mut from_node, FrameKind::Ended, 1, 0, &end).await;
            say(&mut from_node, FrameKind::Failed, 0, 0, &end).await;
            // A rank of another node.
            say(&mut from_node, FrameKind::Ended, 2, 0, ENDED).await;
            assert_eq!(serving.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let (mut from_node, serving) = node(&line);
        say(&mut from_node, FrameKind::Ended, 0, 0, &[ENDED, &vec![b' '; LONGEST - 100]].concat()).await;
        assert_eq!(serving.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(lock(&line.state).told.all().count(), 2, "one end, one reason");
    }
}
