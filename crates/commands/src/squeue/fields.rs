//! The fields of `squeue` (squeue(1), "--format" and "--Format").

use crate::job::{JobFacts, clock, limit};
use crate::layout::{Field, Listed};
use slurm::records::JobState;

/// A listing of jobs.
pub struct Queue;

impl Listed for Queue {
    type Row<'a> = JobFacts<'a>;

    fn is_whole(header: &str) -> bool {
        ["TIME", "TIME_LEFT", "TIME_LIMIT", "TIME_MIN"].contains(&header)
    }

    fn drops_null() -> bool {
        true
    }

    fn has_whole_heading(header: &str) -> bool {
        header == "NODELIST(REASON)"
    }
}

const NULL: &str = "(null)";
const NONE: &str = "N/A";

/// Puts a text where there may be none.
fn or_null(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| NULL.to_owned())
}

fn text_or_null(text: &str) -> String {
    or_null(Some(text.to_owned()))
}

fn never(_: &JobFacts) -> String {
    NONE.to_owned()
}

fn null(_: &JobFacts) -> String {
    NULL.to_owned()
}

fn zero(_: &JobFacts) -> String {
    "0".to_owned()
}

fn star(_: &JobFacts) -> String {
    "*".to_owned()
}

fn any_layout(_: &JobFacts) -> String {
    "*:*:*".to_owned()
}

fn id(it: &JobFacts) -> String {
    it.job.id.to_string()
}

fn fraction(it: &JobFacts) -> String {
    format!("{:.14}", f64::from(it.priority()) / f64::from(u32::MAX))
}

fn least_memory(it: &JobFacts) -> String {
    it.least_memory().0
}

fn devices(it: &JobFacts) -> String {
    it.devices().unwrap_or_else(|| NONE.to_owned())
}

fn time_left(it: &JobFacts) -> String {
    match it.minutes() {
        None => limit(None),
        Some(minutes) => {
            let left = i64::from(minutes) * 60 - i64::try_from(it.elapsed()).unwrap_or(i64::MAX);
            if left < 0 { format!("-{}", clock(left.unsigned_abs())) } else { clock(left.unsigned_abs()) }
        }
    }
}

fn features(it: &JobFacts) -> String {
    text_or_null(&it.job.submission.demand.features.to_string())
}

fn required(it: &JobFacts) -> String {
    crate::job::node_list(&it.job.submission.demand.required)
}

fn excluded(it: &JobFacts) -> String {
    crate::job::node_list(&it.job.submission.demand.excluded)
}

fn host(it: &JobFacts) -> String {
    it.host().map_or_else(|| "n/a".to_owned(), ToString::to_string)
}

fn pending_seconds(it: &JobFacts) -> String {
    let until = match it.start().filter(|_| it.has_run() || it.state() != JobState::Pending) {
        Some(start) => start,
        None => it.now(),
    };
    until.saturating_sub(it.job.submit).max(0).to_string()
}

fn command(it: &JobFacts) -> String {
    text_or_null(&it.batch().command.shown())
}

fn path(it: &JobFacts, which: usize) -> String {
    // A path that was given is shown as it is, one that was not with the job's number.
    let batch = it.batch();
    let path = it.paths(&batch)[which].clone();
    let is_given = [&batch.output, &batch.error, &batch.input][which].is_some();
    let is_given = is_given || which == 1 && batch.output.is_some();
    // Of tasks that wait together squeue leaves the number of the task away.
    let path = if it.first_task() == u32::MAX { path.replace("%A_%a", "%A") } else { path };
    if is_given { path } else { it.filled(&path) }
}

fn sharing(it: &JobFacts) -> String {
    it.sharing().to_owned()
}

fn exit_code(it: &JobFacts) -> String {
    it.job.ending().map_or_else(
        || "0".to_owned(),
        |ending| (u32::from(ending.exit.code) << 8 | u32::from(ending.exit.signal)).to_string(),
    )
}

macro_rules! fields {
    ($($name:literal $letter:literal $header:literal $cell:expr;)*) => {
        /// All of them.
        pub static FIELDS: &[Field<Queue>] =
            &[$(Field { name: $name, letter: $letter, header: $header, cell: $cell },)*];
    };
}

fields! {
    "Account" 'a' "ACCOUNT" |it| it.job.account.to_string();
    "AccrueTime" ' ' "ACCRUE_TIME" |it| it.shown(it.accrue(), NONE);
    "admin_comment" ' ' "ADMIN_COMMENT" |it| text_or_null(&it.job.submission.details.admin_comment);
    "AllocNodes" ' ' "ALLOC_NODES" |it| text_or_null(&it.batch().submit_host);
    "AllocSID" ' ' "ALLOC_SID" |it| it.batch().session.to_string();
    "ArrayJobID" 'F' "ARRAY_JOB_ID" |it| it.array().to_string();
    "ArrayTaskID" 'K' "ARRAY_TASK_ID" |it| it.tasks();
    "AssocID" ' ' "ASSOC_ID" |it| it.job.association.map_or_else(|| "0".to_owned(), |id| id.to_string());
    "BatchFlag" ' ' "BATCH_FLAG" |it| u8::from(it.is_batch()).to_string();
    "BatchHost" 'B' "EXEC_HOST" host;
    "BoardsPerNode" ' ' "BOARDS_PER_NODE" zero;
    "BurstBuffer" ' ' "BURST_BUFFER" null;
    "BurstBufferState" ' ' "BURST_BUFFER_STATE" null;
    "Cluster" ' ' "CLUSTER" |it| it.cluster.core.config().cluster.clone();
    "ClusterFeature" ' ' "CLUSTER_FEATURES" null;
    "Command" 'o' "COMMAND" command;
    "Comment" 'k' "COMMENT" |it| text_or_null(&it.job.submission.details.comment);
    "Container" ' ' "CONTAINER" |it| text_or_null(&it.job.submission.details.container);
    "Contiguous" 'O' "CONTIGUOUS" zero;
    "Cores" 'I' "CORES_PER_SOCKET" star;
    "CoreSpec" 'X' "CORE_SPEC" never;
    "cpus-per-task" ' ' "CPUS_PER_TASK" |it| it.job.submission.demand.cpus_per_task.to_string();
    "cpus-per-tres" ' ' "CPUS_PER_TRES" never;
    "Deadline" ' ' "DEADLINE" |it| it.shown(it.job.submission.deadline, NONE);
    "DelayBoot" ' ' "DELAY_BOOT" |_| clock(0);
    "Dependency" 'E' "DEPENDENCY" |it| or_null(it.dependency());
    "DerivedEC" ' ' "DERIVED_EC" zero;
    "EligibleTime" ' ' "ELIGIBLE_TIME" |it| it.shown(it.eligible(), NONE);
    "EndTime" 'e' "END_TIME" |it| it.shown(it.end(), NONE);
    "" 'x' "EXC_NODES" excluded;
    "exit_code" ' ' "EXIT_CODE" exit_code;
    "Feature" 'f' "FEATURES" features;
    "Gres" 'b' "TRES_PER_NODE" devices;
    "GroupID" 'G' "GROUP" |it| it.job.submission.user.gid.to_string();
    "GroupName" 'g' "GROUP" |it| it.group();
    "HetJobId" ' ' "HET_JOB_ID" never;
    "HetJobIdSet" ' ' "HET_JOB_ID_SET" never;
    "HetJobOffset" ' ' "HET_JOB_OFFSET" never;
    "JobArrayID" 'i' "JOBID" |it| it.number();
    "JobID" 'A' "JOBID" id;
    "LastSchedEval" ' ' "LAST_SCHED_EVAL" |it| it.shown(it.job.eligible.or(Some(it.job.submit)), NONE);
    "Licenses" 'W' "LICENSES" |it| or_null(it.licenses());
    "MaxCPUs" ' ' "MAX_CPUS" |it| it.cpus().to_string();
    "MaxNodes" ' ' "MAX_NODES" |it| it.node_count().to_string();
    "MCSLabel" ' ' "MCSLABEL" null;
    "mem-per-tres" ' ' "MEM_PER_TRES" never;
    "MinCpus" 'c' "MIN_CPUS" |it| it.least_cpus().to_string();
    "MinMemory" 'm' "MIN_MEMORY" least_memory;
    "MinTime" ' ' "TIME_MIN" |_| clock(0);
    "MinTmpDisk" 'd' "MIN_TMP_DISK" zero;
    "Name" 'j' "NAME" |it| it.job.submission.name.clone();
    "Network" ' ' "NETWORK" null;
    "Nice" 'y' "NICE" |it| it.job.submission.nice.to_string();
    "NumNodes" 'D' "NODES" |it| it.node_count().to_string();
    "NodeList" 'N' "NODELIST" |it| it.nodes();
    "NTPerBoard" ' ' "NTASKS_PER_BOARD" zero;
    "NTPerCore" ' ' "NTASKS_PER_CORE" never;
    "NTPerNode" ' ' "NTASKS_PER_NODE" |it| it.job.submission.demand.tasks_per_node.unwrap_or(0).to_string();
    "NTPerSocket" ' ' "NTASKS_PER_SOCKET" never;
    "NumCPUs" 'C' "CPUS" |it| it.cpus().to_string();
    "NumTasks" ' ' "TASKS" |it| it.job.submission.demand.task_count().to_string();
    "Origin" ' ' "ORIGIN" |_| "NA".to_owned();
    "OriginRaw" ' ' "ORIGIN_RAW" |_| "NA".to_owned();
    "OverSubscribe" 'h' "OVER_SUBSCRIBE" sharing;
    "Shared" ' ' "OVER_SUBSCRIBE" sharing;
    "SPerBoard" ' ' "SOCKETS_PER_BOARD" |_| "0".to_owned();
    "Partition" 'P' "PARTITION" |it| it.partition();
    "PendingTime" ' ' "PENDING_TIME" pending_seconds;
    "PreemptTime" ' ' "PREEMPT_TIME" never;
    "Prefer" ' ' "PREFER" null;
    "Priority" 'p' "PRIORITY" fraction;
    "PriorityLong" 'Q' "PRIORITY" |it| it.priority().to_string();
    "Profile" ' ' "PROFILE" |_| "NotSet".to_owned();
    "QOS" 'q' "QOS" |it| it.qos();
    "Reason" 'r' "REASON" |it| it.reason();
    "ReasonList" 'R' "NODELIST(REASON)" |it| it.nodes_or_reason();
    "Reboot" ' ' "REBOOT" zero;
    "ReqNodes" 'n' "REQ_NODES" required;
    "ReqSwitch" ' ' "REQ_SWITCH" zero;
    "Requeue" ' ' "REQUEUE" |it| u8::from(it.job.submission.requeue).to_string();
    "Reservation" 'v' "RESERVATION" null;
    "ResizeTime" ' ' "RESIZE_TIME" never;
    "RestartCnt" ' ' "RESTART_COUNT" |it| it.job.attempt.0.to_string();
    "SchedNodes" 'Y' "SCHEDNODES" |it| or_null(it.planned());
    "SCT" 'z' "S:C:T" any_layout;
    "SiblingsActive" ' ' "ACTIVE_SIBLINGS" |_| "NA".to_owned();
    "SiblingsActiveRaw" ' ' "ACTIVE_SIBLINGS_RAW" |_| "NA".to_owned();
    "SiblingsViable" ' ' "VIABLE_SIBLINGS" |_| "NA".to_owned();
    "SiblingsViableRaw" ' ' "VIALBLE_SIBLINGS_RAW" |_| "NA".to_owned();
    "Sockets" 'H' "SOCKETS_PER_NODE" star;
    "StartTime" 'S' "START_TIME" |it| it.shown(it.start(), NONE);
    "State" 'T' "STATE" |it| it.state_name().to_owned();
    "StateCompact" 't' "ST" |it| it.state_letters().to_owned();
    "STDERR" ' ' "STDERR" |it| path(it, 1);
    "STDIN" ' ' "STDIN" |it| path(it, 2);
    "STDOUT" ' ' "STDOUT" |it| path(it, 0);
    "SubmitTime" 'V' "SUBMIT_TIME" |it| it.shown(Some(it.job.submit), NONE);
    "system_comment" ' ' "SYSTEM_COMMENT" |it| text_or_null(&it.job.submission.details.system_comment);
    "Threads" 'J' "THREADS_PER_CORE" star;
    "TimeLeft" 'L' "TIME_LEFT" time_left;
    "TimeLimit" 'l' "TIME_LIMIT" |it| limit(it.minutes());
    "TimeUsed" 'M' "TIME" |it| clock(it.elapsed());
    "tres-alloc" ' ' "TRES_ALLOC" |it| it.tres();
    "tres-bind" ' ' "TRES_BIND" never;
    "tres-freq" ' ' "TRES_FREQ" never;
    "tres-per-job" ' ' "TRES_PER_JOB" never;
    "tres-per-node" ' ' "TRES_PER_NODE" devices;
    "tres-per-socket" ' ' "TRES_PER_SOCKET" never;
    "tres-per-task" ' ' "TRES_PER_TASK" never;
    "UserID" 'U' "UID" |it| it.job.submission.user.uid.to_string();
    "UserName" 'u' "USER" |it| it.job.submission.user.name.clone();
    "WCKey" 'w' "WCKEY" |it| text_or_null(it.job.submission.wckey.as_deref().unwrap_or_default());
    "WorkDir" 'Z' "WORK_DIR" |it| it.job.submission.details.work_dir.clone();
    "" 's' "" |_| String::new();
}
