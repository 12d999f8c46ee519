//! Nodes and partitions that `scontrol` makes, changes and takes away. They stay so until the configuration is read again, or the
//! service starts (slurmctld(8), `-R`; slurm.conf(5), `ReconfigFlags`): what is meant to stay belongs into the file.
//!
//! A node with runs on it stays longer, in no partition: were it forgotten, nobody could end those runs, and their jobs could run twice.

use super::{Core, Present};
use crate::config::{Config, PartitionLine};
use crate::event::{ClusterChange, Denial, Requester};
use crate::id::NodeName;
use crate::job::{JobPhase, LiveJob};
use crate::node::{NodeLine, NodeStanding};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Core {
    pub(super) fn reshape(&mut self, present: Present, who: &Requester, change: ClusterChange) -> Result<(), Denial> {
        if !who.is_operator {
            return Err(Denial::Denied);
        }
        let mut config = (*self.config).clone();
        let (mut made, mut gone) = (Vec::new(), Vec::new());
        match change {
            ClusterChange::AddPartition(line) if config.partition(&line.rules.name).is_some() => {
                return Err(Denial::InvalidPartition);
            }
            ClusterChange::AddPartition(line) | ClusterChange::SetPartition(line) => {
                check(present, &config, &line)?;
                put_partition(&mut config, *line);
            }
            ClusterChange::RemovePartition(name) => self.remove_partition(&mut config, &name)?,
            ClusterChange::AddNodes(lines) => {
                let is_there = |line: &NodeLine| config.nodes.iter().any(|own| own.name == line.name);
                if lines.iter().any(is_there) {
                    return Err(Denial::InvalidNode);
                }
                made.clone_from(&lines);
                config.nodes.extend(lines);
            }
            ClusterChange::SetNodes(lines) => {
                let is_made = |line: &&NodeLine| self.standing(&line.name.as_str().into()).line.is_some();
                made.extend(lines.iter().filter(is_made).cloned());
                lines.into_iter().try_for_each(|line| set_node(&mut config, line))?;
            }
            ClusterChange::RemoveNodes(names) => {
                self.remove_nodes(&mut config, &names)?;
                gone = names;
            }
        }
        self.put_config(present, Arc::new(config))?;
        self.note_lines(made);
        self.forget_standings(gone);
        Ok(())
    }

    /// After a restart these are the lines of nodes that still have something.
    fn note_lines(&mut self, lines: Vec<NodeLine>) {
        for line in lines {
            let node = NodeName::from(line.name.as_str());
            let standing = NodeStanding { line: Some(line), ..self.standing(&node) };
            self.put_node(&node, standing);
        }
    }

    /// What was known of nodes is nothing that others of their names have. No number of a session is given twice.
    fn forget_standings(&mut self, nodes: Vec<NodeName>) {
        for node in nodes {
            let standing = NodeStanding { session: self.standing(&node).session, ..NodeStanding::default() };
            self.put_node(&node, standing);
            self.heard.remove(&node);
        }
    }

    /// A configuration as the file has it, and the nodes that it lacks while jobs hold them or runs are to be ended there.
    pub(super) fn keep_held_nodes(&mut self, config: Arc<Config>) -> Arc<Config> {
        let kept = self.held_lines(&config);
        let standings: Vec<_> = self.live.nodes.iter().map(|(name, it)| (name.clone(), it.clone())).collect();
        for (name, standing) in standings {
            let line = kept.get(&name).cloned();
            if standing.line != line {
                self.live.nodes.put(name, NodeStanding { line, ..standing });
            }
        }
        if kept.is_empty() {
            return config;
        }
        let mut config = (*config).clone();
        config.nodes.extend(kept.into_values());
        Arc::new(config)
    }

    fn held_lines(&self, config: &Config) -> BTreeMap<NodeName, NodeLine> {
        let by_jobs = self.live.jobs.values().flat_map(|job| job.held()).map(|share| &share.node);
        let by_strays = self.live.nodes.iter().filter(|(_, it)| !it.strays.is_empty()).map(|(name, _)| name);
        let mut held: BTreeSet<&NodeName> = by_jobs.chain(by_strays).collect();
        for line in &config.nodes {
            held.remove(&NodeName::from(line.name.as_str()));
        }
        let line = |name: &NodeName| {
            let known = self.config.nodes.iter().find(|line| *line.name == *name.as_str());
            known.cloned().or_else(|| self.standing(name).line)
        };
        held.into_iter().filter_map(|name| Some((name.clone(), line(name)?))).collect()
    }

    fn remove_partition(&self, config: &mut Config, name: &str) -> Result<(), Denial> {
        let place =
            config.partitions.iter().position(|line| line.rules.name == name).ok_or(Denial::InvalidPartition)?;
        // One that runs elsewhere may have to wait again, and then for this one.
        let is_in_it = |job: &LiveJob| {
            job.allocation().is_some_and(|allocation| *allocation.partition == *name)
                || self.lines(&self.config, job).iter().any(|line| line.rules.name == name)
        };
        let mut jobs = self.live.jobs.values().filter(|job| !matches!(job.phase, JobPhase::Over(..)));
        if jobs.any(is_in_it) {
            return Err(Denial::PartitionInUse);
        }
        config.partitions.remove(place);
        Ok(())
    }

    /// Nodes without jobs, and without runs that are to be ended; they are in no partition then either.
    fn remove_nodes(&self, config: &mut Config, names: &[NodeName]) -> Result<(), Denial> {
        for name in names {
            let pool = self.pools.get(name).ok_or(Denial::InvalidNode)?;
            if !pool.jobs.is_empty() || !self.standing(name).strays.is_empty() {
                return Err(Denial::NodesBusy);
            }
        }
        config.nodes.retain(|line| !names.iter().any(|name| *name.as_str() == *line.name));
        config.partitions.iter_mut().for_each(|line| line.nodes.retain(|node| !names.contains(node)));
        Ok(())
    }
}

fn check(present: Present, config: &Config, line: &PartitionLine) -> Result<(), Denial> {
    let is_there = |name: &NodeName| config.nodes.iter().any(|own| *own.name == *name.as_str());
    if !line.nodes.iter().all(is_there) {
        return Err(Denial::InvalidNode);
    }
    let qos = line.rules.qos.as_ref();
    if qos.is_some_and(|name| present.accounts.qos_named(name).is_none()) { Err(Denial::InvalidQos) } else { Ok(()) }
}

/// In place of the one of its name, or behind all. There is one default partition at most.
fn put_partition(config: &mut Config, line: PartitionLine) {
    if line.rules.is_default {
        config.partitions.iter_mut().for_each(|own| own.rules.is_default = false);
    }
    match config.partitions.iter_mut().find(|own| own.rules.name == line.rules.name) {
        Some(own) => *own = line,
        None => config.partitions.push(line),
    }
}

fn set_node(config: &mut Config, line: NodeLine) -> Result<(), Denial> {
    let own = config.nodes.iter_mut().find(|own| own.name == line.name).ok_or(Denial::InvalidNode)?;
    *own = line;
    Ok(())
}
