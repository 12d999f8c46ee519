//! One compute node: what master and node tell each other ([`protocol`]), and the processes of jobs on it.
//!
//! A run has a directory ([`directory`]) that says all that is known of it. A [`supervisor`], a process of its own, starts
//! the script by way of a [`launcher`] and stays until nothing of the run is left; the node's daemon has [`runs`], which
//! starts supervisors, finds them again, and cleans up behind those that died. A step of a run has a directory and a supervisor of
//! its own, which starts its tasks the same way.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`protocol`], [`stream`], [`process`], [`interpreter`] |
//! | 1 parts | [`file_names`], [`environment`], [`hardware`], [`cgroup`], [`descriptors`], [`private`] |
//! | 2 a run | [`directory`] |
//! | 3 its script, its steps' end | [`launcher`], [`ending`] |
//! | 4 its processes | [`supervisor`] |
//! | 5 all of them | [`runs`] |

pub mod cgroup;
pub mod descriptors;
pub mod directory;
pub mod ending;
pub mod environment;
pub mod file_names;
pub mod hardware;
pub mod interpreter;
pub mod launcher;
pub mod private;
pub mod process;
pub mod protocol;
pub mod runs;
pub mod stream;
pub mod supervisor;

/// The program of this process, also when its file was replaced meanwhile: supervisors are of one release with the daemon
/// that started them.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The first argument that makes `enlist` a supervisor; behind it the path of a run's directory.
pub const SUPERVISOR: &str = "supervise-run";

/// The first argument that makes `enlist` a launcher.
pub const LAUNCHER: &str = "launch-script";
