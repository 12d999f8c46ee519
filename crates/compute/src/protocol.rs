//! What master and compute node tell each other: JSON over HTTP, always asked by the node.
//!
//! | path | the node sends | the master answers |
//! |---|---|---|
//! | `POST /v1/node/connect` | [`Connect`] | [`Connected`] |
//! | `POST /v1/node/register` | [`Register`], once in each session | `{}` |
//! | `POST /v1/node/orders` | [`Poll`] | [`Orders`]: at once if there are any, else after [`Connected::patience`] |
//! | `POST /v1/node/reports` | [`Reports`] | `{}`: they are on disk, and need not be said again |
//! | `POST /v1/node/usage` | [`TellUsage`], when [`Orders::measure`] asked for it | `{}` |
//! | `POST /v1/node/stream` with `Upgrade:` | [`OpenStream`] | `101`: from there on [`stream`](crate::stream)'s frames go both ways |
//!
//! A poll is a heartbeat, too. Orders come until they are confirmed by a report, so a node that has obeyed one already says
//! again what it said then. `410 Gone` says that the session is over: the node connects anew.

use scheduling::array::TaskSet;
use scheduling::event::{NodeReport, Registration};
use scheduling::id::{Attempt, Gid, JobId, NodeName, NodeSession, Time, Uid};
use scheduling::job::{NodeShare, SignalTarget};
pub use scheduling::measured::{MOST_PIDS, Measured, RunUsage};
use scheduling::request::{BatchJob, StepProgram};
use scheduling::step::StepShare;
use serde::{Deserialize, Serialize};
use slurm::records::StepId;

/// A node wants a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// Which one it is; over TLS its certificate must say so too.
    pub node: NodeName,
    /// The release of its daemon.
    pub version: String,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Which.
    pub session: NodeSession,
    /// So many seconds a poll waits at most.
    pub patience: u32,
}

/// What a node is and has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Which node.
    pub node: NodeName,
    /// In which session.
    pub session: NodeSession,
    /// What it says.
    pub registration: Registration,
}

/// A node waits for orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Which node.
    pub node: NodeName,
    /// In which session.
    pub session: NodeSession,
}

/// A node offers what the tasks of a step write, and wants what they are to read; once for each step that it launches, and
/// again when the connection was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenStream {
    /// Which node.
    pub node: NodeName,
    /// In which session.
    pub session: NodeSession,
    /// Of which job.
    pub job: JobId,
    /// Of which run.
    pub attempt: Attempt,
    /// Of which of its steps.
    pub step: StepId,
}

/// What a node is to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// In this order.
    pub orders: Vec<Order>,
    /// Whether somebody wants to know what runs and steps use now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub measure: bool,
}

/// What runs and steps of a node use now. Those that are not named have not said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellUsage {
    /// Which node.
    pub node: NodeName,
    /// In which session.
    pub session: NodeSession,
    /// All that it has.
    pub parts: Vec<PartUsage>,
}

/// What a run, or a step of it, uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartUsage {
    /// Of which job.
    pub job: JobId,
    /// Of which run.
    pub attempt: Attempt,
    /// Of which step; `None` is the run's script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// What.
    pub measured: Measured,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// For which job.
    pub job: JobId,
    /// For which run.
    pub attempt: Attempt,
    /// What.
    pub task: OrderedTask,
}

/// What a node does with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderedTask {
    /// Starts it, unless it did before or was told that it is over.
    Launch(Box<Launch>),
    /// Ends it: SIGTERM (with SIGCONT before), so many seconds later SIGKILL; says when nothing is left.
    Terminate {
        /// `KillWait`
        kill_wait: u32,
    },
    /// Delivers a signal, once for each serial number.
    Signal {
        /// Which of the job's signals.
        serial: u32,
        /// Its number.
        number: u8,
        /// Who gets it.
        #[serde(default)]
        to: SignalTarget,
    },
    /// Starts its part of a step of the run, unless it did before or was told that it is over. Refused as failed where the
    /// run itself is not here, or is another user's.
    LaunchStep(Box<StepLaunch>),
    /// Ends a step as `Terminate` ends a run; the run goes on.
    TerminateStep {
        /// Which.
        step: StepId,
        /// `KillWait`
        kill_wait: u32,
    },
    /// Delivers a signal to a step, once for each serial number.
    SignalStep {
        /// Which.
        step: StepId,
        /// Which of the step's signals.
        serial: u32,
        /// Its number.
        number: u8,
    },
}

/// All that a node needs to run its part of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepLaunch {
    /// Which of the job's.
    pub step: StepId,
    /// Its name.
    pub name: String,
    /// All its nodes, in their order, each with the ranks of its tasks.
    pub nodes: Vec<StepNode>,
    /// What it has on this node.
    pub share: StepShare,
    /// `--cpus-per-task`, where it was said.
    pub cpus_per_task: Option<u32>,
    /// `--kill-on-bad-exit`: the node ends its tasks when one fails; the master ends those of other nodes.
    pub kill_on_bad_exit: bool,
    /// When its own time is over.
    pub end: Option<Time>,
    /// What runs.
    pub program: StepProgram,
}

/// A node of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepNode {
    /// The node.
    pub node: NodeName,
    /// Ranks of its tasks there, rising.
    pub ranks: Vec<u32>,
}

/// All that a node needs to run its part of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The cluster's name.
    pub cluster: String,
    /// Whose processes they are.
    pub user: RunAs,
    /// The job's name.
    pub name: String,
    /// The account's name; empty where there is none.
    pub account: String,
    /// The QOS' name; empty where there is none.
    pub qos: String,
    /// In which partition it runs.
    pub partition: String,
    /// All its nodes, in their order; the first one runs the script.
    pub nodes: Vec<NodeTasks>,
    /// `--cpus-per-task`
    pub cpus_per_task: u32,
    /// What it has on this node.
    pub share: NodeShare,
    /// Since when it runs.
    pub start: Time,
    /// When its time is over.
    pub end: Option<Time>,
    /// Which task of an array it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<ArrayTask>,
    /// The script, on the first node alone.
    pub batch: Option<BatchJob>,
}

/// A task of an array (`SLURM_ARRAY_JOB_ID` and the like; `%A` and `%a` in names of files).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayTask {
    /// The array's number.
    pub job: JobId,
    /// Which of its tasks.
    pub index: u32,
    /// All its tasks, as submitted.
    pub tasks: TaskSet,
}

/// How much of a job is on one of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTasks {
    /// The node.
    pub node: NodeName,
    /// CPUs.
    pub cpus: u32,
    /// Tasks.
    pub tasks: u32,
}

/// A user as the master knows them. The node starts nothing for them unless it knows the same number by the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: Uid,
    /// The number of the group.
    pub gid: Gid,
}

/// What a node has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// Which node.
    pub node: NodeName,
    /// In which session.
    pub session: NodeSession,
    /// In the order in which it happened.
    pub reports: Vec<RunReport>,
}

/// What became of a run, and what it used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// What became of it.
    pub report: NodeReport,
    /// Why a launch failed, in words with the path or number that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which step it is about; `None` is the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// What it used up to its end; told with [`scheduling::event::RunStage::Ended`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<RunUsage>,
}

/// Launches for tests.
#[cfg(test)]
pub mod testing {
    use super::*;
    use scheduling::units::Units;

    /// A step 3 on these nodes, each with its ranks, as it looks to the one at a place; a CPU a task.
    pub fn step(nodes: &[(&str, &[u32])], place: usize) -> StepLaunch {
        let of = |(node, ranks): &(&str, &[u32])| StepNode { node: (*node).into(), ranks: ranks.to_vec() };
        let nodes: Vec<StepNode> = nodes.iter().map(of).collect();
        let StepNode { node, ranks } = nodes[place].clone();
        let cpus = Units::first(ranks.len() as u32);
        StepLaunch {
            step: StepId::Number(3),
            name: "solve".into(),
            nodes,
            share: StepShare { node, ranks, cpus, memory: 0, gres: Vec::new() },
            cpus_per_task: None,
            kill_on_bad_exit: false,
            end: None,
            program: StepProgram::default(),
        }
    }

    /// A launch of kim's on these nodes, each with CPUs and tasks, as it looks to the first.
    pub fn launch(nodes: &[(&str, u32, u32)]) -> Launch {
        let batch = BatchJob {
            script: "#!/bin/sh\n".into(),
            environment: vec![("LANG".into(), "C.UTF-8".into())],
            directory: "/home/kim".into(),
            submit_directory: "/home/kim".into(),
            submit_host: "login3".into(),
            ..BatchJob::default()
        };
        let (node, cpus, tasks) = nodes[0];
        let node = NodeName::from(node);
        Launch {
            cluster: "site".into(),
            user: RunAs { name: "kim".into(), uid: Uid(2001), gid: Gid(3001) },
            name: "train".into(),
            account: "a".into(),
            qos: "normal".into(),
            partition: "main".into(),
            nodes: (nodes.iter())
                .map(|(node, cpus, tasks)| NodeTasks { node: (*node).into(), cpus: *cpus, tasks: *tasks })
                .collect(),
            cpus_per_task: 2,
            share: NodeShare { node, tasks, cpus: Units::first(cpus), memory: 1000, gres: Vec::new() },
            start: 100,
            end: Some(160),
            array: None,
            batch: Some(batch),
        }
    }
}
