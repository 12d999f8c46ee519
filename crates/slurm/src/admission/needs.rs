//! [`Needs`]: what a job needs, and what follows from that.

use super::Amounts;
use crate::State;
use crate::model::tres::{BILLING, CPU, MEM, NODE};
use crate::model::{Tres, TresId};
use crate::settings::{Partition, PriorityFlag, Words};
use std::collections::BTreeSet;

/// What a job needs altogether, by TRES; what is not in it is not needed, or cannot be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    known: Amounts,
    unknown: BTreeSet<TresId>,
}

/// All is known.
impl From<Amounts> for Needs {
    fn from(known: Amounts) -> Self {
        Self { known, unknown: BTreeSet::new() }
    }
}

impl Needs {
    /// What Slurm makes of what was asked for: at least one node, a CPU for each node, GPUs of a type are GPUs
    /// (slurm.conf(5), "AccountingStorageTRES"), billing is what the partition's `TRESBillingWeights` say, else the CPUs.
    /// Memory that was not asked for, and the types of GPUs that were asked for without one, are not known: nodes decide.
    pub fn derived(state: &State, asked: &Amounts, partition: &Partition, flags: &Words<PriorityFlag>) -> Self {
        let mut it = Self::from(asked.clone());
        let nodes = *it.known.entry(NODE).or_insert(1);
        it.at_least(CPU, nodes.max(1));
        if !asked.contains_key(&MEM) {
            it.unknown.insert(MEM);
        }
        for whole in state.tres.values().filter(|tres| tres.kind == "gres" && !tres.name.contains(':')) {
            it.add_types(state, whole);
        }
        if !asked.contains_key(&BILLING) {
            match it.billing(state, partition, flags) {
                Some(sum) => _ = it.known.insert(BILLING, sum),
                None => _ = it.unknown.insert(BILLING),
            }
        }
        it
    }

    /// How much of a TRES; `None` when it is not known.
    pub fn get(&self, tres: TresId) -> Option<u64> {
        if self.unknown.contains(&tres) { None } else { Some(self.known.get(&tres).copied().unwrap_or(0)) }
    }

    /// All that is known to be needed.
    pub fn known(&self) -> &Amounts {
        &self.known
    }

    fn at_least(&mut self, tres: TresId, count: u64) {
        let known = self.known.entry(tres).or_default();
        *known = count.max(*known);
    }

    /// `gres/gpu` is at least what its types (`gres/gpu:a100`) are together; of what is beyond, no type is known.
    fn add_types(&mut self, state: &State, whole: &Tres) {
        let is_type = |tres: &&Tres| {
            tres.kind == whole.kind && tres.name.strip_prefix(&whole.name).is_some_and(|rest| rest.starts_with(':'))
        };
        let types: Vec<TresId> = state.tres.values().filter(is_type).map(|tres| tres.id).collect();
        let sum = types.iter().filter_map(|id| self.known.get(id)).fold(0u64, |sum, one| sum.saturating_add(*one));
        if sum > 0 {
            self.at_least(whole.id, sum);
        }
        if self.known.get(&whole.id).is_some_and(|all| *all > sum) {
            self.unknown.extend(types.into_iter().filter(|id| !self.known.contains_key(id)));
        }
    }

    /// `assoc_mgr_tres_weighted` of src/common/assoc_mgr.c: the sum of all that has a weight. With `MAX_TRES` only the
    /// greatest of what a node has counts, with `MAX_TRES_GRES` that and all GRES.
    fn billing(&self, state: &State, partition: &Partition, flags: &Words<PriorityFlag>) -> Option<u64> {
        let Some(weights) = &partition.billing_weights else { return self.get(CPU) };
        let sums_gres = flags.has(PriorityFlag::MaxTresGres);
        let by_greatest = sums_gres || flags.has(PriorityFlag::MaxTres);
        let (mut greatest, mut sum) = (0.0_f64, 0.0);
        for (name, weight) in weights.iter().filter(|(_, weight)| *weight != 0.0) {
            let tres = state.tres_named(name)?;
            if tres.id == BILLING {
                continue;
            }
            let weighted = self.get(tres.id)? as f64 * weight;
            let of_nodes = [CPU, MEM, NODE].contains(&tres.id);
            if by_greatest && (of_nodes || tres.kind == "gres" && !sums_gres) {
                greatest = greatest.max(weighted);
            } else {
                sum += weighted;
            }
        }
        // `as` saturates; Slurm cuts off what is behind the point as well.
        Some((greatest + sum) as u64)
    }
}
