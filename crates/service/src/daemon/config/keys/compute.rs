//! Compute nodes: what their daemon is told.

use super::super::values;
use super::{Applies::*, Key, SLURM};

pub const KEYS: &[Key] = &[Key {
    name: "SlurmdSpoolDir",
    from: SLURM,
    applies: AtStart,
    meaning: "Directory in which a compute node keeps what it knows of each run, an absolute path; `%n` and `%h` are the \
              node's name. What is kept there is of no use after the node's kernel was started anew.",
    set: |config, text| values::absolute(text).map(|path| config.spool = path),
    get: |config| config.spool.display().to_string(),
}];
