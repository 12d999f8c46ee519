//! [`Told`]: what is said of a step's tasks beside what they write, in its order; who comes later hears it first.
//!
//! Compute nodes say it, and whoever is root of one may say anything. So a node speaks of its own ranks alone ([`SpeakingNode::check`]),
//! no word is longer than such words are, and each thing is taken in once: what is kept of a step is bounded by its ranks.

use super::wire::Packet;
use compute::stream::{FrameKind, LONGEST_REASON, NodeStarted, TaskEnded};
use hyper::body::Bytes;
use scheduling::id::NodeName;
use std::collections::HashSet;
use std::io;

/// The most bytes that say how one task ended.
const LONGEST_END: u64 = 512;

/// The most bytes that name a node, and one task beside it.
const LONGEST_NODE: u64 = 512;
const LONGEST_TASK: u64 = 32;

/// A node's part of a step.
pub struct SpeakingNode {
    /// The node.
    pub name: NodeName,
    /// Ranks of its tasks, which rise.
    pub ranks: Vec<u32>,
}

impl SpeakingNode {
    /// Whether a task is one of this node's.
    pub fn has(&self, rank: u32) -> bool {
        self.ranks.binary_search(&rank).is_ok()
    }

    /// Refuses what this node cannot mean: of tasks of other nodes, of an odd kind or length, or with contents that its kind does
    /// not have.
    pub fn check(&self, packet: &Packet) -> io::Result<()> {
        let bad = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        if !self.has(packet.task) {
            return bad(format!("{} speaks of task {}, which it does not have", self.name.as_str(), packet.task));
        }
        let is_sound = match packet.kind {
            FrameKind::Output | FrameKind::Errors => packet.place.checked_add(packet.length()).is_some(),
            FrameKind::Acknowledged => packet.length() == 1,
            FrameKind::Started => self.is_start(packet),
            FrameKind::Ended => packet.length() <= LONGEST_END && end(packet).is_some(),
            FrameKind::Failed => packet.length() <= LONGEST_REASON as u64,
            FrameKind::Left => packet.length() == 0,
            _ => false,
        };
        if is_sound {
            return Ok(());
        }
        bad(format!("no node says {:?} with {} bytes like these", packet.kind, packet.length()))
    }

    fn is_start(&self, packet: &Packet) -> bool {
        let Some(started) = start(packet) else { return false };
        let most = LONGEST_NODE + LONGEST_TASK * started.tasks.len() as u64;
        let are_own = started.tasks.iter().all(|(rank, _)| self.has(*rank));
        started.node == self.name.as_str() && !started.tasks.is_empty() && are_own && packet.length() <= most
    }
}

fn start(packet: &Packet) -> Option<NodeStarted> {
    serde_json::from_slice(packet.content()).ok()
}

fn end(packet: &Packet) -> Option<TaskEnded> {
    serde_json::from_slice(packet.content()).ok()
}

/// All that was said of one step.
#[derive(Default)]
pub struct Told {
    said: Vec<Bytes>,
    /// What was said of whom: the node's place, the kind, the rank.
    known: HashSet<(usize, u8, u32)>,
}

impl Told {
    /// Takes in what a node says, or what is said in its place. Says whether it is new: of what is said twice the first counts.
    pub fn add(&mut self, at: usize, packet: &Packet) -> bool {
        let kind = packet.kind as u8;
        let is_new = match start(packet).filter(|_| packet.kind == FrameKind::Started) {
            Some(started) => {
                let fresh = started.tasks.iter().filter(|(rank, _)| self.known.insert((at, kind, *rank)));
                fresh.count() == started.tasks.len()
            }
            None => self.known.insert((at, kind, packet.task)),
        };
        if is_new {
            self.say(packet);
        }
        is_new
    }

    /// Takes in what the master itself says, which is not much.
    pub fn say(&mut self, packet: &Packet) {
        self.said.push(packet.bytes.clone());
    }

    /// All of it, in its order.
    pub fn all(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.said.iter().cloned()
    }

    /// Whether something of this kind was said.
    pub fn has(&self, kind: FrameKind) -> bool {
        self.said.iter().any(|bytes| bytes.first() == Some(&(kind as u8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use compute::stream::ALL;

    fn part() -> SpeakingNode {
        SpeakingNode { name: NodeName::from("n1"), ranks: vec![2, 3] }
    }

    fn started(node: &str, ranks: &[u32], padding: usize) -> Packet {
        let tasks: Vec<_> = ranks.iter().map(|rank| (*rank, 77)).collect();
        let mut content = serde_json::to_vec(&NodeStarted { node: node.to_owned(), tasks }).unwrap();
        content.extend(vec![b' '; padding]);
        Packet::new(FrameKind::Started, 2, 0, &content)
    }

    fn ended(rank: u32, padding: usize) -> Packet {
        let content = format!(r#"{{"exit":{{"code":1,"signal":0}}{}}}"#, " ".repeat(padding));
        Packet::new(FrameKind::Ended, rank, 0, content.as_bytes())
    }

    #[test]
    fn a_node_speaks_of_its_own_tasks_alone_and_says_no_more_than_there_is_to_say() {
        let own = part();
        let sound = [
            started("n1", &[2, 3], 0),
            ended(3, 0),
            Packet::new(FrameKind::Output, 2, 0, b"x"),
            Packet::new(FrameKind::Acknowledged, 2, 9, &[20]),
            Packet::new(FrameKind::Failed, 2, 0, b"no such program"),
            Packet::new(FrameKind::Left, 2, 0, b""),
        ];
        assert!(sound.iter().all(|packet| own.check(packet).is_ok()));
        let odd = [
            started("n1", &[2, 4], 0),
            started("n2", &[2, 3], 0),
            started("n1", &[], 0),
            started("n1", &[2], 1000),
            Packet::new(FrameKind::Started, 2, 0, b"{}"),
            ended(4, 0),
            ended(3, 1000),
            Packet::new(FrameKind::Ended, 3, 0, b"{}"),
            Packet::new(FrameKind::Output, 0, 0, b"forged"),
            Packet::new(FrameKind::Output, 2, u64::MAX, b"x"),
            Packet::new(FrameKind::Acknowledged, 0, 9, &[20]),
            Packet::new(FrameKind::Acknowledged, 2, 9, &[20; 100]),
            Packet::new(FrameKind::Failed, 2, 0, &[b'x'; 5000]),
            Packet::new(FrameKind::Failed, ALL, 0, b"all"),
            Packet::new(FrameKind::Left, 2, 0, b"more"),
            Packet::new(FrameKind::Lost, 2, 0, b"n2"),
            Packet::new(FrameKind::Notice, 2, 0, b"read me"),
        ];
        for packet in odd {
            assert!(own.check(&packet).is_err(), "{packet:?}");
        }
    }

    #[test]
    fn each_thing_is_kept_once_however_it_is_said() {
        let mut told = Told::default();
        assert!(told.add(0, &started("n1", &[2], 0)) && told.add(0, &started("n1", &[3], 0)), "in parts");
        assert!(told.add(0, &ended(2, 0)) && told.add(0, &ended(3, 0)));
        for padding in 1..100 {
            assert!(!told.add(0, &ended(2, padding)) && !told.add(0, &started("n1", &[2, 3], padding)));
        }
        assert!(!told.add(0, &started("n1", &[2, 2, 2], 0)));
        assert_eq!(told.all().count(), 4);
        assert!(told.has(FrameKind::Ended) && !told.has(FrameKind::Left));
    }
}
