//! How jobs get onto nodes.

use super::super::values;
use super::{Applies::*, Key, SLURM};
use scheduling::demand::MemoryDemand;
use scheduling::lines::{megabytes, per_cpu, per_node};

macro_rules! bound {
    ($name:literal, $field:ident, $least:literal, $most:expr, $meaning:literal) => {
        Key {
            name: $name,
            from: SLURM,
            applies: OnReload,
            meaning: $meaning,
            set: |config, text| values::number(text, $least, $most).map(|number| config.compute.bounds.$field = number),
            get: |config| config.compute.bounds.$field.to_string(),
        }
    };
}

pub const KEYS: &[Key] = &[
    bound!("KillWait", kill_wait, 0, 65_534, "Seconds from SIGTERM to SIGKILL when a job has to end."),
    Key {
        name: "SlurmdTimeout",
        from: SLURM,
        applies: OnReload,
        meaning: "Seconds after which a node that is silent is down, and its jobs wait again or end; 0 is never.",
        set: |config, text| seconds_or_never(text).map(|seconds| config.compute.bounds.node_timeout = seconds),
        get: |config| never_is_zero(config.compute.bounds.node_timeout),
    },
    Key {
        name: "MinJobAge",
        from: SLURM,
        applies: OnReload,
        meaning: "Seconds for which jobs that are over stay known to `squeue` and `scontrol`; 0 is for ever.",
        set: |config, text| seconds_or_never(text).map(|seconds| config.compute.bounds.min_job_age = seconds),
        get: |config| never_is_zero(config.compute.bounds.min_job_age),
    },
    bound!("MaxJobCount", max_jobs, 1, 10_000_000, "Jobs that are known at one time; beyond that none are taken."),
    bound!(
        "MaxArraySize",
        max_array,
        1,
        4_000_001,
        "One more than the greatest number that a task of an array may have."
    ),
    bound!("MaxBatchRequeue", max_requeue, 0, 65_533, "After so many starts that failed a job is held."),
    Key {
        name: "JobRequeue",
        from: SLURM,
        applies: OnReload,
        meaning: "`1`: jobs that do not say otherwise run again when a node fails; `0`: they end.",
        set: |config, text| values::boolean(text).map(|yes| config.compute.requeues = yes),
        get: |config| if config.compute.requeues { "1" } else { "0" }.into(),
    },
    Key {
        name: "DisableRootJobs",
        from: SLURM,
        applies: OnReload,
        meaning: "`yes`: root submits no jobs.",
        set: |config, text| values::boolean(text).map(|yes| config.compute.refuses_root = yes),
        get: |config| values::yes_no(config.compute.refuses_root),
    },
    Key {
        name: "DefMemPerNode",
        from: SLURM,
        applies: OnReload,
        meaning: "Memory of jobs that ask for none, where their partition says nothing: megabytes of each node; `UNLIMITED` \
                  is all that the node has.",
        set: |config, text| memory(text, MemoryDemand::PerNode).map(|memory| config.compute.default_memory = memory),
        get: |config| per_node(config.compute.default_memory).unwrap_or_else(|| "UNLIMITED".into()),
    },
    Key {
        name: "DefMemPerCPU",
        from: SLURM,
        applies: OnReload,
        meaning: "The same for each CPU; whichever of the two is said last counts. `none` says nothing.",
        set: |config, text| {
            if !text.eq_ignore_ascii_case("none") {
                config.compute.default_memory = memory(text, MemoryDemand::PerCpu)?;
            }
            Ok(())
        },
        get: |config| per_cpu(config.compute.default_memory).unwrap_or_else(|| "none".into()),
    },
    Key {
        name: "SelectTypeParameters",
        from: SLURM,
        applies: OnReload,
        meaning: "A comma list. One with `Memory` in it, such as `CR_Core_Memory`, says that jobs have memory of their own; \
                  whole cores are given in any case. The others have no effect.",
        set: |config, text| {
            config.compute.select = words(text)?;
            Ok(())
        },
        get: |config| config.compute.select.clone(),
    },
    Key {
        name: "LaunchParameters",
        from: SLURM,
        applies: OnReload,
        meaning: "A comma list; `none`. With `use_interactive_step` in it, `salloc` without a command is a shell on the job's \
                  first node. The others have no effect.",
        set: |config, text| {
            config.compute.launch = words(text).map(|text| if text == "none" { String::new() } else { text })?;
            Ok(())
        },
        get: |config| match config.compute.launch.as_str() {
            "" => "none".into(),
            words => words.to_owned(),
        },
    },
    Key {
        name: "GresTypes",
        from: SLURM,
        applies: Scheduler,
        meaning: "Names of devices that nodes have (`Gres`): a comma list; `none`.",
        set: |config, text| {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
            config.compute.gres_types = names.map(str::to_owned).collect();
            Ok(())
        },
        get: |config| match config.compute.gres_types.join(",") {
            none if none.is_empty() => "none".into(),
            some => some,
        },
    },
    Key {
        name: "Licenses",
        from: SLURM,
        applies: OnReload,
        meaning: "Licences that jobs may ask for, with how many there are: `matlab:4,ansys`; `none`.",
        set: |config, text| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
            config.compute.licenses = parts.map(license).collect::<Result<_, _>>()?;
            Ok(())
        },
        get: |config| {
            let licenses = config.compute.licenses.iter().map(|(name, count)| format!("{name}:{count}"));
            match licenses.collect::<Vec<_>>().join(",") {
                none if none.is_empty() => "none".into(),
                some => some,
            }
        },
    },
];

/// A comma list of words.
fn words(text: &str) -> values::Read<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ',';
    let good = !text.is_empty() && text.chars().all(is_word);
    if good { Ok(text.to_owned()) } else { Err("a comma list of words is needed".into()) }
}

fn seconds_or_never(text: &str) -> values::Read<u32> {
    let seconds = values::number(text, 0, 10_000_000)?;
    Ok(if seconds == 0 { u32::MAX } else { seconds })
}

fn never_is_zero(seconds: u32) -> String {
    if seconds == u32::MAX { 0 } else { seconds }.to_string()
}

fn memory(text: &str, of: fn(u64) -> MemoryDemand) -> values::Read<MemoryDemand> {
    if ["unlimited", "0"].iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(MemoryDemand::Unsaid);
    }
    megabytes(text).map(of)
}

fn license(part: &str) -> values::Read<(String, u32)> {
    let (name, count) = part.split_once([':', '*', '=']).unwrap_or((part, "1"));
    let count = values::number(count, 0, u32::MAX.into()).map_err(|why| format!("{part}: {why}"))?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@/".contains(c));
    if is_name { Ok((name.to_owned(), count)) } else { Err(format!("`{name}` is no name of a licence")) }
}
