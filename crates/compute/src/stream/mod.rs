//! What goes between the tasks of a step and whoever reads them: [`Frame`]s, over a connection that the node opened to the master,
//! and one that `srun` or `sattach` opened; the master passes them on.
//!
//! A frame is a byte for its kind, the task's rank and the place in its stream and the length, four, eight and four bytes with the
//! highest first, and then so many bytes. A node keeps output until it is [acknowledged](FrameKind::Acknowledged), and says it
//! again over a new connection; who reads passes over what it has had, by its place. So nothing is lost with a connection, and
//! who does not read stops the tasks' writing and nothing else.
//!
//! On each connection a node says first up to where it has its input, then how it [started](FrameKind::Started), which tasks
//! [ended](FrameKind::Ended), and all output that it keeps. All of a step's tasks that read at all read the same stream, so its
//! places are the same for all. A node passes over input that it has had, by its place, and gives a connection up on which more
//! comes than [`INPUT_WINDOW`] allows, or on which some is left out.
//!
//! A node that has said [`FrameKind::Left`] ends its side, and waits a moment for the master to end the other.

mod codec;

pub use codec::{Decoder, FrameError, FrameHead, HEAD};

/// The longest content of a frame.
pub const LONGEST: usize = 64 << 10;

/// The longest reason for which something could not be started, in bytes; a node cuts it, and the master takes no more.
pub const LONGEST_REASON: usize = 1000;

/// So many bytes of a task's stream are kept until they are acknowledged.
pub const KEPT: usize = 1 << 20;

/// … and, where a step has very many tasks, at least so many. Who holds output back until a line is whole holds no more than this:
/// else a task would wait for ever.
pub const FEWEST_KEPT: usize = 16 << 10;

/// Who sends input sends at most so many bytes that are not acknowledged yet; a node takes so many in, whether or not its tasks
/// read them. So input that nobody reads never stands in the way of signals and of what is acknowledged.
pub const INPUT_WINDOW: u64 = 256 << 10;

/// The rank in frames that are about all tasks.
pub const ALL: u32 = u32::MAX;

/// The name of these frames in `Upgrade:`.
pub const PROTOCOL: &str = "enlist-step/1";

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Of or for which task, by rank; [`ALL`] is all of them. Of a node's frames about itself: the least of its ranks.
    pub task: u32,
    /// The place of its first byte in the task's stream; of what is acknowledged, the first byte that was not had.
    pub place: u64,
    /// Bytes that depend on the kind.
    pub content: Vec<u8>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// From a node: a task wrote this to its output. Empty is its end.
    Output = 1,
    /// From a node: a task wrote this to its errors. Empty is its end.
    Errors = 2,
    /// From a node: its tasks run. Content: JSON, [`NodeStarted`]; of a node with many tasks it comes in parts.
    Started = 3,
    /// From a node: a task ended. Content: JSON, [`TaskEnded`].
    Ended = 4,
    /// From a node: it could not start its part; the content says why.
    Failed = 5,
    /// From a node: nothing is left of the step there. Said last.
    Left = 6,
    /// From the master, in a node's name that the content has: the node is lost to the step.
    Lost = 7,
    /// From the master: a line for people about the step as a whole, such as why it is ended; printed behind `srun: `, unless it
    /// begins with `slurmstepd`.
    Notice = 8,
    /// To nodes: this is what the task reads next. Empty is the end.
    Input = 20,
    /// To nodes: the terminal has another size. Content: rows and columns, two bytes each.
    Resize = 21,
    /// To nodes: a signal for all tasks. Content: its number, one byte.
    Signal = 22,
    /// Content: the kind that it is about, one byte. To nodes: output up to this place was had. From a node: input up to this
    /// place was taken in for all of its tasks that it is for; of tasks that ended it counts as taken in.
    Acknowledged = 23,
    /// To nodes: says all again that is kept, for one who came later.
    Again = 24,
    /// To the master: who reads goes, and the step goes on without. A connection that ends without this ends what was started by
    /// it.
    Bye = 25,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskEnded {
    /// Its exit code, or the signal that killed it.
    pub exit: slurm::records::ExitCode,
    /// Whether it left a core.
    #[serde(default)]
    pub core: bool,
    /// Whether it ran out of memory.
    #[serde(default)]
    pub out_of_memory: bool,
}

/// Who runs on a node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NodeStarted {
    /// The node.
    pub node: String,
    /// Ranks of its tasks and their process numbers.
    pub tasks: Vec<(u32, i32)>,
}
