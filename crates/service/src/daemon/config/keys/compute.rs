//! Compute nodes: what their daemon is told.

use super::super::values;
use super::{Applies::*, Key, SLURM};

pub const KEYS: &[Key] = &[
    Key {
        name: "SlurmdSpoolDir",
        from: SLURM,
        applies: AtStart,
        meaning: "Directory in which a compute node keeps what it knows of each run, an absolute path; `%n` and `%h` are the \
                  node's name. What is kept there is of no use after the node's kernel was started anew.",
        set: |config, text| values::absolute(text).map(|path| config.spool = path),
        get: |config| config.spool.display().to_string(),
    },
    Key {
        name: "JobContainerType",
        from: SLURM,
        applies: AtStart,
        meaning: "`job_container/tmpfs`: each job has `/tmp` and `/dev/shm` for itself on each of its nodes; `job_container.conf` \
                  beside this file says where they lie (docs/compute.md). `job_container/none`: jobs have the node's.",
        set: |config, text| {
            config.has_private_directories = match text.to_ascii_lowercase().as_str() {
                "job_container/tmpfs" => true,
                "job_container/none" | "" => false,
                _ => return Err("job_container/tmpfs or job_container/none is needed".into()),
            };
            Ok(())
        },
        get: |config| {
            let kind = if config.has_private_directories { "tmpfs" } else { "none" };
            format!("job_container/{kind}")
        },
    },
];
