//! Nodes and partitions that `scontrol` makes, changes and takes away. They stay so until the configuration is read again, or the
//! service starts (slurmctld(8), `-R`; slurm.conf(5), `ReconfigFlags`): what is meant to stay belongs into the file.

use super::{Core, Present};
use crate::config::{Config, PartitionLine};
use crate::event::{ClusterChange, Denial, Requester};
use crate::id::NodeName;
use crate::job::{JobPhase, LiveJob};
use crate::node::NodeLine;
use std::sync::Arc;

impl Core {
    pub(super) fn reshape(&mut self, present: Present, who: &Requester, change: ClusterChange) -> Result<(), Denial> {
        if !who.is_operator {
            return Err(Denial::Denied);
        }
        let mut config = (*self.config).clone();
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
                config.nodes.extend(lines);
            }
            ClusterChange::SetNodes(lines) => lines.into_iter().try_for_each(|line| set_node(&mut config, line))?,
            ClusterChange::RemoveNodes(names) => self.remove_nodes(&mut config, &names)?,
        }
        self.configure(present, Arc::new(config))
    }

    fn remove_partition(&self, config: &mut Config, name: &str) -> Result<(), Denial> {
        let place =
            config.partitions.iter().position(|line| line.rules.name == name).ok_or(Denial::InvalidPartition)?;
        let is_in_it = |job: &LiveJob| match job.allocation().filter(|_| !matches!(job.phase, JobPhase::Pending)) {
            Some(allocation) => *allocation.partition == *name,
            None => self.lines(&self.config, job).iter().any(|line| line.rules.name == name),
        };
        let mut jobs = self.live.jobs.values().filter(|job| !matches!(job.phase, JobPhase::Over(..)));
        if jobs.any(is_in_it) {
            return Err(Denial::PartitionInUse);
        }
        config.partitions.remove(place);
        Ok(())
    }

    /// Nodes without jobs; they are in no partition then either.
    fn remove_nodes(&self, config: &mut Config, names: &[NodeName]) -> Result<(), Denial> {
        for name in names {
            let pool = self.pools.get(name).ok_or(Denial::InvalidNode)?;
            if !pool.jobs.is_empty() {
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
