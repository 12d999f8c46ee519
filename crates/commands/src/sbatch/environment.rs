//! The environment that goes with a job (sbatch(1), `--export`), and what sbatch itself adds to it.

use super::options::Options;
use super::{Given, Stop, complaint};
use ::words::raw::RawText;
use scheduling::demand::{Demand, MemoryDemand};

/// One variable.
pub type Variable = (RawText, RawText);

/// Beginnings of names that a job has from its own scheduling: of the job in which sbatch runs they would be wrong.
const OF_JOBS: &[&str] = &[
    "SLURMD_",
    "SLURM_ARRAY_",
    "SLURM_CPUS_",
    "SLURM_CPU_BIND",
    "SLURM_DISTRIBUTION",
    "SLURM_EXPORT_ENV",
    "SLURM_GET_USER_ENV",
    "SLURM_GPUS",
    "SLURM_GTIDS",
    "SLURM_HET_",
    "SLURM_JOB",
    "SLURM_LAUNCH_",
    "SLURM_LOCALID",
    "SLURM_MEM_PER_",
    "SLURM_NNODES",
    "SLURM_NODE",
    "SLURM_NPROCS",
    "SLURM_NTASKS",
    "SLURM_PRIO_PROCESS",
    "SLURM_PROCID",
    "SLURM_RESTART_COUNT",
    "SLURM_SRUN_",
    "SLURM_STEP",
    "SLURM_SUBMIT_",
    "SLURM_TASK",
    "SLURM_TOPOLOGY_",
    "SLURM_UMASK",
    "SLURM_WORKING_CLUSTER",
];

/// What goes along of the submitter's environment, and what options set.
pub fn environment(given: &Given, options: &Options, demand: &Demand) -> Result<Vec<Variable>, Stop> {
    let own: Vec<Variable> = given.environment.iter().filter(|(name, _)| !is_of_job(name)).cloned().collect();
    let mut kept = exported(given, options, &own)?;
    for (name, value) in said(given, options, demand) {
        put(&mut kept, name, &value);
    }
    Ok(kept)
}

/// Sets a variable.
pub fn put(variables: &mut Vec<Variable>, name: &str, value: &str) {
    variables.retain(|(own, _)| own.0 != name.as_bytes());
    variables.push((name.into(), value.into()));
}

fn is_of_job(name: &RawText) -> bool {
    OF_JOBS.iter().any(|begin| name.0.starts_with(begin.as_bytes()))
}

/// What `--export` and `--export-file` let go along of these variables.
pub fn exported(given: &Given, options: &Options, own: &[Variable]) -> Result<Vec<Variable>, Stop> {
    let own = || own.iter().cloned();
    let of_slurm = || own().filter(|(name, _)| name.0.starts_with(b"SLURM_"));
    if let Some(file) = &options.export_file {
        return from_file(given, file);
    }
    let Some(list) = &options.export else { return Ok(own().collect()) };
    let words: Vec<&str> = list.split(',').filter(|word| !word.is_empty()).collect();
    let says = |word: &str| words.iter().any(|said| said.eq_ignore_ascii_case(word));
    let mut kept: Vec<Variable> = if says("ALL") { own().collect() } else { of_slurm().collect() };
    for word in words.iter().filter(|word| !["ALL", "NONE", "NIL"].iter().any(|it| it.eq_ignore_ascii_case(word))) {
        match word.split_once('=') {
            Some((name, value)) => put(&mut kept, name, value),
            None => {
                let named = own().find(|(name, _)| name.0 == word.as_bytes());
                kept.retain(|(name, _)| name.0 != word.as_bytes());
                kept.extend(named);
            }
        }
    }
    Ok(kept)
}

/// `NAME=value`, each ended by a NUL (sbatch(1), `--export-file`).
fn from_file(given: &Given, file: &str) -> Result<Vec<Variable>, Stop> {
    let unread = |_| complaint(1, &format!("Could not open user environment file {file}"));
    let bytes = given.files.read(file).map_err(unread)?;
    let one = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((RawText(entry[..at].to_vec()), RawText(entry[at + 1..].to_vec())))
    };
    Ok(bytes.split(|byte| *byte == 0).filter_map(one).collect())
}

/// Variables that tell the script and programs in it what was asked for; only what was said.
pub fn said(given: &Given, options: &Options, demand: &Demand) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| said.extend(value.map(|value| (name, value)));
    let tasks = options.ntasks.or(options.ntasks_per_node.map(|_| demand.tasks)).map(|tasks| tasks.to_string());
    add("SLURM_NTASKS", tasks.clone());
    add("SLURM_NPROCS", tasks);
    add("SLURM_CPUS_PER_TASK", options.cpus_per_task.map(|count| count.to_string()));
    add("SLURM_NTASKS_PER_NODE", options.ntasks_per_node.map(|count| count.to_string()));
    match demand.memory {
        MemoryDemand::PerNode(each) => add("SLURM_MEM_PER_NODE", Some(each.to_string())),
        MemoryDemand::Whole => add("SLURM_MEM_PER_NODE", Some("0".to_owned())),
        MemoryDemand::PerCpu(each) => add("SLURM_MEM_PER_CPU", Some(each.to_string())),
        MemoryDemand::Unsaid => {}
    }
    let gpus = |list: &[scheduling::demand::GresDemand]| {
        let one = |gres: &scheduling::demand::GresDemand| match &gres.kind {
            Some(kind) => format!("{kind}:{}", gres.count),
            None => gres.count.to_string(),
        };
        Some(list.iter().map(one).collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty())
    };
    add("SLURM_GPUS", options.gpus.as_deref().and_then(gpus));
    add("SLURM_GPUS_PER_NODE", gpus(&options.gpus_per_node));
    add("SLURM_GPUS_PER_TASK", options.gpus_per_task.as_deref().and_then(gpus));
    add("SLURM_EXPORT_ENV", options.export.clone());
    let is_none = options.export.as_deref().is_some_and(|list| list.eq_ignore_ascii_case("NONE"));
    add("SLURM_GET_USER_ENV", (is_none || options.get_user_env).then(|| "1".to_owned()));
    add("SLURM_SUBMIT_DIR", Some(given.directory.shown().into_owned()));
    add("SLURM_SUBMIT_HOST", Some(given.host.clone()));
    add("SLURM_UMASK", Some(format!("{:04o}", given.umask)));
    add("SLURM_PRIO_PROCESS", Some("0".to_owned()));
    said
}
