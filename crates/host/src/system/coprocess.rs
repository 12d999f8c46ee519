//! What an agent and enlist's own `sacctmgr` say to each other when the one process carries out many commands.
//!
//! A coprocess is `sacctmgr -V` with [`VARIABLE`] in its environment. Every other `sacctmgr` prints its version then and
//! ends; enlist's says [`Ready`] and answers [`Asked`] by [`Said`], in the frames of [`crate::protocol`], until its input
//! ends. Agent and host may be of different releases: whoever does not speak [`LANGUAGE`] is not spoken to. See
//! `docs/decisions.md`, 33.

use serde::{Deserialize, Serialize};

/// The variable that asks `sacctmgr -V` to be a coprocess.
pub const VARIABLE: &str = "ENLIST_COPROCESS";

/// How they speak; a change of what follows is a new number.
pub const LANGUAGE: u32 = 1;

/// A coprocess waits for commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Its [`LANGUAGE`].
    pub language: u32,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The arguments, without the program's name.
    pub argv: Vec<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It was carried out, and this is what a process of its own would have left.
    Ended {
        /// Exit code.
        code: u8,
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// Nothing was done: it asks, reads or writes files, or reads further commands, which takes a process of its own.
    NotHere,
}
