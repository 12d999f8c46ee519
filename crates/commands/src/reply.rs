//! [`Reply`]: what a command line gives back, whatever program it was for.

use slurm::archive::Task;

/// What a command says and how it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code, 0 or 1.
    pub code: u8,
    /// A question that has to be answered first; nothing was changed. Run the same command again with one answer more:
    /// its output begins with this `stdout`.
    pub question: Option<String>,
    /// A file of the caller's to read first; nothing was changed. Run the same command again with that file.
    pub reads: Option<String>,
    /// Files to write for the caller: path and text.
    pub writes: Vec<(String, String)>,
    /// What the service has to do to old records; it says how that ended.
    pub task: Option<Task>,
    /// What the service shall do after it has answered.
    pub then: Option<Then>,
}

/// What a command asks of the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// `reconfigure`: read the configuration again.
    Reload,
    /// `shutdown`: end in good order.
    Stop,
}
