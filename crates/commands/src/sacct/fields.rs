//! The fields of `--format`, in the order of `--helpformat` (sacct(1), "Job Accounting Fields").

use super::options::fatal;

/// A field that there is: width (negative: to the left), heading, what it shows.
pub type Known = (i32, &'static str, Field);

macro_rules! fields {
    ($($width:literal $name:literal $field:ident,)*) => {
        /// What a column shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the field of its name; `Pids` is sstat's alone")]
        pub enum Field { $($field,)* Later, Pids }

        /// All of them.
        pub const ALL: &[Known] = &[$(($width, $name, Field::$field),)*];
    };
}

fields! {
    10 "Account" Account, 15 "AdminComment" AdminComment, 10 "AllocCPUS" AllocCpus, 10 "AllocNodes" AllocNodes,
    10 "AllocTRES" AllocTres, 7 "AssocID" AssocId, 10 "AveCPU" AveCpu, 10 "AveCPUFreq" AveCpuFreq,
    14 "AveDiskRead" AveDiskRead, 14 "AveDiskWrite" AveDiskWrite, 10 "AvePages" AvePages, 10 "AveRSS" AveRss,
    10 "AveVMSize" AveVmSize, 16 "BlockID" BlockId, 10 "Cluster" Cluster, 14 "Comment" Comment,
    19 "Constraints" Constraints, 14 "ConsumedEnergy" ConsumedEnergy, 17 "ConsumedEnergyRaw" ConsumedEnergyRaw,
    19 "Container" Container, 10 "CPUTime" CpuTime, 10 "CPUTimeRAW" CpuTimeRaw, -10 "DBIndex" DbIndex,
    15 "DerivedExitCode" DerivedExitCode, 10 "Elapsed" Elapsed, 10 "ElapsedRaw" ElapsedRaw, 19 "Eligible" Eligible,
    19 "End" End, 8 "ExitCode" ExitCode, 19 "Flags" Flags, 6 "GID" Gid, 9 "Group" Group, -12 "JobID" JobId,
    -12 "JobIDRaw" JobIdRaw, 10 "JobName" JobName, 9 "Layout" Layout, 12 "MaxDiskRead" MaxDiskRead,
    15 "MaxDiskReadNode" MaxDiskReadNode, 15 "MaxDiskReadTask" MaxDiskReadTask, 12 "MaxDiskWrite" MaxDiskWrite,
    16 "MaxDiskWriteNode" MaxDiskWriteNode, 16 "MaxDiskWriteTask" MaxDiskWriteTask, 8 "MaxPages" MaxPages,
    12 "MaxPagesNode" MaxPagesNode, 14 "MaxPagesTask" MaxPagesTask, 10 "MaxRSS" MaxRss, 10 "MaxRSSNode" MaxRssNode,
    10 "MaxRSSTask" MaxRssTask, 10 "MaxVMSize" MaxVmSize, 14 "MaxVMSizeNode" MaxVmSizeNode,
    14 "MaxVMSizeTask" MaxVmSizeTask, 12 "McsLabel" McsLabel, 10 "MinCPU" MinCpu, 10 "MinCPUNode" MinCpuNode,
    10 "MinCPUTask" MinCpuTask, 10 "NCPUS" NCpus, 8 "NNodes" NNodes, 15 "NodeList" NodeList, 8 "NTasks" NTasks,
    10 "Partition" Partition, 10 "Priority" Priority, 10 "QOS" Qos, 6 "QOSRAW" QosRaw, 22 "Reason" Reason,
    10 "ReqCPUFreq" ReqCpuFreq, 13 "ReqCPUFreqGov" ReqCpuFreqGov, 13 "ReqCPUFreqMax" ReqCpuFreqMax,
    13 "ReqCPUFreqMin" ReqCpuFreqMin, 8 "ReqCPUS" ReqCpus, 10 "ReqMem" ReqMem, 8 "ReqNodes" ReqNodes,
    10 "ReqTRES" ReqTres, 20 "Reservation" Reservation, 8 "ReservationId" ReservationId, 10 "Reserved" Reserved,
    10 "ResvCPU" ResvCpu, 10 "ResvCPURAW" ResvCpuRaw, 19 "Start" Start, 10 "State" State, 19 "Submit" Submit,
    20 "SubmitLine" SubmitLine, 10 "Suspended" Suspended, 15 "SystemComment" SystemComment, 10 "SystemCPU" SystemCpu,
    10 "Timelimit" Timelimit, 10 "TimelimitRaw" TimelimitRaw, 10 "TotalCPU" TotalCpu, 14 "TRESUsageInAve" UsageInAve,
    14 "TRESUsageInMax" UsageInMax, 18 "TRESUsageInMaxNode" UsageInMaxNode, 18 "TRESUsageInMaxTask" UsageInMaxTask,
    14 "TRESUsageInMin" UsageInMin, 18 "TRESUsageInMinNode" UsageInMinNode, 18 "TRESUsageInMinTask" UsageInMinTask,
    14 "TRESUsageInTot" UsageInTot, 15 "TRESUsageOutAve" UsageOutAve, 15 "TRESUsageOutMax" UsageOutMax,
    19 "TRESUsageOutMaxNode" UsageOutMaxNode, 19 "TRESUsageOutMaxTask" UsageOutMaxTask,
    15 "TRESUsageOutMin" UsageOutMin, 19 "TRESUsageOutMinNode" UsageOutMinNode,
    19 "TRESUsageOutMinTask" UsageOutMinTask, 15 "TRESUsageOutTot" UsageOutTot, 6 "UID" Uid, 9 "User" User,
    10 "UserCPU" UserCpu, 10 "WCKey" Wckey, 10 "WCKeyID" WckeyId, 20 "WorkDir" WorkDir,
}

/// Fields of later releases, which scripts ask for: accepted when written out, and not
/// among ALL. Those of [`Field::Later`] have nothing to
/// show.
const LATER: &[Known] = &[
    (10, "Planned", Field::Reserved),
    (10, "PlannedCPU", Field::ResvCpu),
    (13, "PlannedCPURAW", Field::ResvCpuRaw),
    (14, "Exclusive", Field::Later),
    (14, "Extra", Field::Later),
    (8, "FailedNode", Field::Later),
    (10, "Licenses", Field::Later),
    (14, "OriginalSLUID", Field::Later),
    (14, "OverSubscribe", Field::Later),
    (10, "QOSREQ", Field::Later),
    (20, "ReqReservation", Field::Later),
    (8, "Restarts", Field::Later),
    (11, "SegmentSize", Field::Later),
    (14, "SLUID", Field::Later),
    (20, "StdErr", Field::Later),
    (20, "StdIn", Field::Later),
    (20, "StdOut", Field::Later),
];

/// Any field by its place: those of [`ALL`], then those of [`LATER`].
fn known(index: usize) -> Known {
    if index < ALL.len() { ALL[index] } else { LATER[index - ALL.len()] }
}

/// `-b`
pub const BRIEF: &str = "jobid,state,exitcode";
/// What is shown when nothing is said.
pub const DEFAULT: &str = "jobid,jobname,partition,account,alloccpus,state,exitcode";
/// `-l`
pub const LONG: &str = "jobid,jobidraw,jobname,partition,maxvmsize,maxvmsizenode,maxvmsizetask,avevmsize,maxrss,\
    maxrssnode,maxrsstask,averss,maxpages,maxpagesnode,maxpagestask,avepages,mincpu,mincpunode,mincputask,avecpu,ntasks,\
    alloccpus,elapsed,state,exitcode,avecpufreq,reqcpufreqmin,reqcpufreqmax,reqcpufreqgov,reqmem,consumedenergy,\
    maxdiskread,maxdiskreadnode,maxdiskreadtask,avediskread,maxdiskwrite,maxdiskwritenode,maxdiskwritetask,\
    avediskwrite,reqtres,alloctres,tresusageinave,tresusageinmax,tresusageinmaxn,tresusageinmaxt,tresusageinmin,\
    tresusageinminn,tresusageinmint,tresusageintot,tresusageoutmax,tresusageoutmaxn,tresusageoutmaxt,tresusageoutave,\
    tresusageouttot";

/// The widest column one can ask for; more would only be padding.
const MAX_WIDTH: i32 = 4096;

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// How wide; negative is to the left.
    pub width: i32,
    /// Its heading.
    pub heading: &'static str,
    /// What it shows.
    pub field: Field,
}

/// Reads a list of fields: names or their beginnings, with `%width`; `ALL` is all.
pub fn parse(list: &str) -> Result<Vec<Column>, String> {
    let known: Vec<Known> = (0..ALL.len() + LATER.len()).map(known).collect();
    chosen(
        &known,
        list,
        |name| if begins("ALL", name) { Ok((0..ALL.len()).collect()) } else { find(name).map(|at| vec![at]) },
    )
}

/// The fields of a list, whose names `find` looks up. A width holds for every column of its field, and the list ends at an empty
/// part (both as in Slurm).
pub fn chosen(
    known: &[Known],
    list: &str,
    find: impl Fn(&str) -> Result<Vec<usize>, String>,
) -> Result<Vec<Column>, String> {
    let mut chosen = Vec::new();
    let mut widths: Vec<i32> = known.iter().map(|it| it.0).collect();
    for part in list.split(',') {
        let (name, width) = part.trim_start().split_once('%').unwrap_or((part.trim_start(), ""));
        if name.is_empty() && width.is_empty() {
            break;
        }
        for index in find(name)? {
            if part.contains('%') {
                widths[index] = leading_number(width).clamp(-MAX_WIDTH, MAX_WIDTH);
            }
            chosen.push(index);
        }
    }
    let column = |index: usize| {
        let (_, heading, field) = known[index];
        Column { width: widths[index], heading, field }
    };
    Ok(chosen.into_iter().map(column).collect())
}

/// Whether a word begins with a name, in letters of any case.
pub fn begins(word: &str, name: &str) -> bool {
    word.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

fn find(name: &str) -> Result<usize, String> {
    if let Some(index) = ALL.iter().position(|(_, heading, _)| begins(heading, name)) {
        return Ok(index);
    }
    if let Some(index) = LATER.iter().position(|(_, heading, _)| heading.eq_ignore_ascii_case(name)) {
        return Ok(ALL.len() + index);
    }
    for (gone, instead) in [("AllocGRES", "AllocTRES"), ("ReqGRES", "ReqTRES")] {
        if gone.eq_ignore_ascii_case(name) {
            return Err(fatal(&format!("{gone} has been removed, please use {instead}")));
        }
    }
    Err(super::options::error(&format!("Invalid field requested: \"{name}\"")))
}

/// As C's `atoi`: what is no number is 0.
fn leading_number(text: &str) -> i32 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits: String = digits.chars().take_while(char::is_ascii_digit).take(6).collect();
    digits.parse::<i32>().map_or(0, |number| sign * number)
}

/// The text of `--helpformat` of these fields.
pub fn help(fields: &[Known]) -> String {
    let mut text = String::new();
    for (index, (_, heading, _)) in fields.iter().enumerate() {
        let before = if index % 4 != 0 {
            " "
        } else if index > 0 {
            "\n"
        } else {
            ""
        };
        text.push_str(&format!("{before}{heading:<19}"));
    }
    text + "\n"
}
