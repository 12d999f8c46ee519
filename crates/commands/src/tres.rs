//! Amounts by TRES as `scontrol` and `squeue` list them.

use crate::sacct::units::{self, Convert};
use slurm::State;
use slurm::admission::Amounts;
use slurm::model::tres::{BILLING, CPU, MEM, NODE};

/// `cpu=2,mem=200M,node=1,billing=2,gres/gpu=2`: what is there, in the order of the numbers of TRES.
pub fn list(accounts: &State, amounts: &Amounts, convert: Convert) -> String {
    let shown = amounts.iter().filter(|(_, count)| **count > 0).filter_map(|(id, count)| {
        let name = match *id {
            CPU => "cpu".to_owned(),
            MEM => "mem".to_owned(),
            NODE => "node".to_owned(),
            BILLING => "billing".to_owned(),
            _ => accounts.tres.get(id)?.full_name(),
        };
        let unit = if *id == MEM { units::MEGA } else { units::ONE };
        let text = if *id == MEM { units::amount(*count as f64, unit, 1024, convert) } else { count.to_string() };
        Some(format!("{name}={text}"))
    });
    shown.collect::<Vec<_>>().join(",")
}
