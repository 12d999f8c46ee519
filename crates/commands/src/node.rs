//! [`NodeFacts`]: what commands tell of one node, in the words that `sinfo` and `scontrol` share.

use crate::cluster::Cluster;
use scheduling::NodeUse;
use scheduling::config::PartitionLine;
use scheduling::id::NodeName;
use scheduling::job::{GresShare, JobPhase};
use scheduling::node::{DownCause, GresStock, NodeHealth, NodeLine, NodeStanding, NodeState, Remark};
use slurm::admission::Amounts;
use slurm::model::tres::{BILLING, CPU, MEM};
use std::collections::BTreeSet;

/// One node, and the cluster that it is in.
pub struct NodeFacts<'a> {
    /// The cluster.
    pub cluster: Cluster<'a>,
    /// Its line of the configuration.
    pub line: &'a NodeLine,
    /// What is known of it; `None` before it is heard of.
    pub standing: Option<&'a NodeStanding>,
    /// Its state, which flags stand beside.
    pub state: NodeState,
    /// What jobs have of it.
    pub used: NodeUse,
    /// Whether jobs clean up there.
    pub is_completing: bool,
    /// Whether it is kept for a job that waits.
    pub is_planned: bool,
}

/// All nodes, in the order of the configuration.
pub fn all<'a>(cluster: &Cluster<'a>) -> Vec<NodeFacts<'a>> {
    let planned = planned(cluster);
    cluster.core.config().nodes.iter().map(|line| facts(cluster, line, &planned)).collect()
}

fn planned(cluster: &Cluster) -> BTreeSet<NodeName> {
    let waiting = cluster.core.live().jobs.values().filter(|job| job.phase == JobPhase::Pending);
    waiting.flat_map(|job| cluster.core.expected_nodes(job.id)).collect()
}

fn facts<'a>(cluster: &Cluster<'a>, line: &'a NodeLine, planned: &BTreeSet<NodeName>) -> NodeFacts<'a> {
    let core = cluster.core;
    let name = NodeName::from(line.name.as_str());
    let used = core.node_use(&name).unwrap_or_default();
    let is_completing = used.jobs.iter().any(|id| core.job(*id).is_some_and(|job| job.is_completing()));
    let state = core.node_state(&name).unwrap_or(NodeState::Unknown);
    let is_planned = state == NodeState::Idle && planned.contains(&name);
    NodeFacts {
        cluster: *cluster,
        line,
        standing: core.live().nodes.get(&name),
        state,
        used,
        is_completing,
        is_planned,
    }
}

impl NodeFacts<'_> {
    /// `DRAIN`
    pub fn is_draining(&self) -> bool {
        self.standing.is_some_and(|standing| standing.drain.is_some())
    }

    /// `FAIL`, which drains it.
    pub fn is_failing(&self) -> bool {
        self.is_draining() && self.standing.is_some_and(|standing| standing.is_failing)
    }

    /// What is said about it; `(null)` for nothing.
    pub fn comment(&self) -> String {
        self.standing.map(|it| it.comment.clone()).filter(|it| !it.is_empty()).unwrap_or_else(|| "(null)".to_owned())
    }

    /// The same for programs.
    pub fn extra(&self) -> String {
        self.standing.map(|it| it.extra.clone()).filter(|it| !it.is_empty()).unwrap_or_else(|| "(null)".to_owned())
    }

    /// Whether it does not answer.
    pub fn is_silent(&self) -> bool {
        match self.standing.map(|standing| &standing.health) {
            None | Some(NodeHealth::Unknown) => true,
            Some(NodeHealth::Down(_, cause)) => *cause == DownCause::Silent,
            Some(NodeHealth::Up) => false,
        }
    }

    /// Why it is not used, by whom, since when.
    pub fn remark(&self) -> Option<&Remark> {
        let standing = self.standing?;
        match &standing.health {
            NodeHealth::Down(remark, _) => Some(remark),
            _ => standing.drain.as_ref(),
        }
    }

    /// As `scontrol` writes it: `IDLE+DRAIN`.
    pub fn state_and_flags(&self) -> String {
        let mut text = self.state.to_string();
        if self.is_silent() {
            text.push('*');
        }
        for (is_set, flag) in [
            (self.is_draining() && !self.is_failing(), "+DRAIN"),
            (self.is_failing(), "+FAIL"),
            (self.is_completing, "+COMPLETING"),
            (self.is_planned, "+PLANNED"),
            (self.is_silent(), "+NOT_RESPONDING"),
        ] {
            text.push_str(if is_set { flag } else { "" });
        }
        text
    }

    /// As `sinfo` writes it in one word, and in few letters.
    pub fn words(&self) -> (String, String) {
        let is_used = self.is_completing || matches!(self.state, NodeState::Allocated | NodeState::Mixed);
        let (long, short) = match (self.is_draining(), self.state) {
            _ if self.is_failing() && is_used => ("failing", "failg"),
            _ if self.is_failing() => ("fail", "fail"),
            (true, _) if is_used => ("draining", "drng"),
            (true, _) => ("drained", "drain"),
            (_, NodeState::Down) => ("down", "down"),
            (_, NodeState::Unknown) => ("unknown", "unk"),
            (_, NodeState::Mixed) => ("mixed", "mix"),
            (_, NodeState::Allocated) => ("allocated", "alloc"),
            (_, NodeState::Idle) if self.is_completing => ("completing", "comp"),
            (_, NodeState::Idle) if self.is_planned => ("planned", "plnd"),
            (_, NodeState::Idle) => ("idle", "idle"),
        };
        let mark = if self.is_silent() { "*" } else { "" };
        (format!("{long}{mark}"), format!("{short}{mark}"))
    }

    /// The place of its state among others: Slurm's number, flags above.
    pub fn rank(&self) -> u32 {
        let base = match self.state {
            NodeState::Unknown => 0,
            NodeState::Down => 1,
            NodeState::Idle => 2,
            NodeState::Allocated => 3,
            NodeState::Mixed => 5,
        };
        let drains = self.is_draining() && !self.is_failing();
        let flags =
            [(drains, 1 << 9), (self.is_failing(), 1 << 13), (self.is_completing, 1 << 10), (self.is_planned, 1 << 17)];
        let silent = (self.is_silent(), 1 << 11);
        flags.iter().chain([&silent]).filter(|(is_set, _)| *is_set).fold(base, |sum, (_, flag)| sum | flag)
    }

    /// CPUs: taken, free, of no use, all.
    pub fn cpus(&self) -> [u32; 4] {
        let (all, taken) = (self.line.hardware.cpus, self.used.cpus);
        let rest = all.saturating_sub(taken);
        let is_of_use = !self.is_draining() && !matches!(self.state, NodeState::Down | NodeState::Unknown);
        if is_of_use { [taken, rest, 0, all] } else { [taken, 0, rest, all] }
    }

    /// Nodes of which this is one: taken, idle, of no use, all.
    pub fn counted(&self) -> [u32; 4] {
        let is_used = matches!(self.state, NodeState::Allocated | NodeState::Mixed) || self.is_completing;
        let is_of_use = !self.is_draining() && !matches!(self.state, NodeState::Down | NodeState::Unknown);
        match (is_used, is_of_use) {
            (true, _) => [1, 0, 0, 1],
            (false, true) => [0, 1, 0, 1],
            (false, false) => [0, 0, 1, 1],
        }
    }

    /// Cores: whole ones of its threads.
    pub fn sockets(&self) -> u32 {
        self.line.hardware.cpus / self.line.hardware.threads_per_core.max(1)
    }

    /// Features with commas; `(null)` for none.
    pub fn features(&self) -> String {
        if self.line.features.is_empty() { "(null)".to_owned() } else { self.line.features.join(",") }
    }

    /// Devices with commas; `(null)` for none.
    pub fn gres(&self) -> String {
        let one = |stock: &GresStock| match &stock.kind {
            Some(kind) => format!("{}:{kind}:{}", stock.name, stock.count),
            None => format!("{}:{}", stock.name, stock.count),
        };
        let list = self.line.hardware.gres.iter().map(one).collect::<Vec<_>>().join(",");
        if list.is_empty() { "(null)".to_owned() } else { list }
    }

    /// Devices that jobs have: `gpu:a100:2(IDX:0-1)`.
    pub fn gres_used(&self) -> String {
        let one = |share: &GresShare| {
            let index = if share.devices.is_empty() { "N/A".to_owned() } else { share.devices.to_string() };
            let kind = share.kind.as_ref().map_or_else(String::new, |kind| format!(":{kind}"));
            format!("{}{kind}:{}(IDX:{index})", share.name, share.devices.count())
        };
        self.used.gres.iter().map(one).collect::<Vec<_>>().join(",")
    }

    /// The partitions that it is in.
    pub fn partitions(&self) -> Vec<&PartitionLine> {
        let has = |line: &&PartitionLine| line.nodes.iter().any(|node| node.as_str() == self.line.name);
        self.cluster.core.config().partitions.iter().filter(has).collect()
    }

    /// What it has, by TRES.
    pub fn configured(&self) -> Amounts {
        let hardware = &self.line.hardware;
        let cpus = u64::from(hardware.cpus);
        let mut amounts = Amounts::from([(CPU, cpus), (MEM, hardware.memory), (BILLING, cpus)]);
        for stock in &hardware.gres {
            self.add_gres(&mut amounts, &stock.name, stock.kind.as_deref(), u64::from(stock.count));
        }
        amounts
    }

    /// What jobs have of it, by TRES.
    pub fn allocated(&self) -> Amounts {
        let mut amounts = Amounts::from([(CPU, u64::from(self.used.cpus)), (MEM, self.used.memory)]);
        for share in &self.used.gres {
            self.add_gres(&mut amounts, &share.name, share.kind.as_deref(), u64::from(share.devices.count()));
        }
        amounts
    }

    fn add_gres(&self, amounts: &mut Amounts, name: &str, kind: Option<&str>, count: u64) {
        let accounts = self.cluster.accounts;
        let whole = accounts.tres_named(&format!("gres/{name}"));
        let of_kind = kind.and_then(|kind| accounts.tres_named(&format!("gres/{name}:{kind}")));
        for tres in [whole, of_kind].into_iter().flatten() {
            *amounts.entry(tres.id).or_default() += count;
        }
    }
}
