//! Jobs of people who leave: how the scheduler lists them, what becomes of them, and the commands that see to it.
//! They are Slurm's (squeue(1), scancel(1), scontrol(1)), so the built-in service and real Slurm are told the same.

use crate::change::outcome::Failure;
use crate::parameters::{ParameterKind, ParameterType};
use crate::system::{Command, ProgramOutput, System, SystemError};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use words::text::duration;
use words::value::Value;

/// What becomes of the jobs of somebody who leaves. Those that wait are always cancelled: nothing of theirs starts any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobsOfLeavers {
    /// `run`: those that run go on to their end.
    Run,
    /// `cancel`: those that run are cancelled, too.
    Cancel,
    /// `cancel after 2h`: those that run have so many minutes left at the most.
    CancelAfter(u32),
}

/// The longest time that may be left to a job: a year, in minutes.
const LONGEST: u32 = 366 * 24 * 60;

impl JobsOfLeavers {
    /// As a roster writes it; `None` for other words. A time is a number with `m`, `h` or `d`, from a minute to a year.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "run" => Some(Self::Run),
            "cancel" => Some(Self::Cancel),
            _ => minutes(text.strip_prefix("cancel after ")?).map(Self::CancelAfter),
        }
    }
}

fn minutes(text: &str) -> Option<u32> {
    let unit = text.chars().last()?;
    let each = [('m', 1), ('h', 60), ('d', 24 * 60)].into_iter().find(|(name, _)| *name == unit)?.1;
    let number = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let minutes = number.parse::<u32>().ok()?.checked_mul(each)?;
    (1..=LONGEST).contains(&minutes).then_some(minutes)
}

impl fmt::Display for JobsOfLeavers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Cancel => f.write_str("cancel"),
            Self::CancelAfter(minutes) if minutes % (24 * 60) == 0 => {
                write!(f, "cancel after {}d", minutes / (24 * 60))
            }
            Self::CancelAfter(minutes) if minutes % 60 == 0 => write!(f, "cancel after {}h", minutes / 60),
            Self::CancelAfter(minutes) => write!(f, "cancel after {minutes}m"),
        }
    }
}

impl ParameterType for JobsOfLeavers {
    const KIND: ParameterKind = ParameterKind::Str;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        value.as_str().and_then(Self::parse)
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStage {
    /// It waits.
    Waits,
    /// It runs, or is suspended.
    Runs,
    /// It is over, and its nodes clean up.
    Ends,
}

/// A job as the scheduler lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedJob {
    /// Its number; tasks of an array that wait are listed each by itself, and have that of the array.
    pub id: String,
    /// What it does.
    pub stage: JobStage,
    /// For how many seconds it has run.
    pub used: u64,
    /// How many seconds it may still run; `None` is without a limit.
    pub left: Option<u64>,
}

/// Jobs that wait, run or end, by the number of their user.
pub type JobsByUser = BTreeMap<u32, Vec<ListedJob>>;

/// What the built-in service says where it schedules nothing: then nobody has jobs in it.
const NO_JOBS_HERE: &str = "this service schedules no jobs";

/// Asks for the jobs of these users, once. The error says why nobody can tell.
pub fn jobs_of(system: &dyn System, uids: &BTreeSet<u32>) -> Result<JobsByUser, String> {
    let output = system.query(&Command::new(list_of_jobs(uids))).map_err(|error| error.to_string())?;
    match output.code {
        0 => read_jobs(&String::from_utf8_lossy(&output.stdout), uids),
        _ => no_jobs(&complaint(&output)),
    }
}

/// Variables by which squeue(1) would list fewer jobs than there are.
const NARROWING: [&str; 13] = [
    "SLURM_CLUSTERS",
    "SQUEUE_ACCOUNT",
    "SQUEUE_CLUSTERS",
    "SQUEUE_FORMAT2",
    "SQUEUE_LICENSES",
    "SQUEUE_LOCAL",
    "SQUEUE_NAMES",
    "SQUEUE_PARTITION",
    "SQUEUE_QOS",
    "SQUEUE_SIBLING",
    "SQUEUE_STATES",
    "SQUEUE_USERS",
    "SQUEUE_ONLY_JOB_STATE",
];

/// The command that lists the jobs of these users: of hidden partitions, too, each task of an array by itself, and whatever the
/// environment asks for.
pub fn list_of_jobs(uids: &BTreeSet<u32>) -> Vec<String> {
    let list = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let without = NARROWING.iter().flat_map(|name| ["-u", name]);
    let query = ["squeue", "-a", "-h", "-r", "-u", &list, "-o", "%U|%A|%T|%M|%L"];
    ["env"].into_iter().chain(without).chain(query).map(str::to_owned).collect()
}

/// What a complaint of that command means: nobody has jobs where nothing is scheduled; of others nobody can tell.
pub fn no_jobs(complaint: &str) -> Result<JobsByUser, String> {
    if complaint.contains(NO_JOBS_HERE) { Ok(JobsByUser::new()) } else { Err(complaint.to_owned()) }
}

/// Reads what that command prints.
pub fn read_jobs(text: &str, uids: &BTreeSet<u32>) -> Result<JobsByUser, String> {
    let mut jobs = JobsByUser::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (uid, job) = listed(line).ok_or_else(|| format!("squeue printed a line that means nothing: {line}"))?;
        // A list in which nobody is known is no condition for squeue.
        if uids.contains(&uid) {
            jobs.entry(uid).or_default().push(job);
        }
    }
    Ok(jobs)
}

fn listed(line: &str) -> Option<(u32, ListedJob)> {
    let [uid, id, state, used, left] = line.split('|').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
    let stage = match state {
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => JobStage::Waits,
        "COMPLETING" | "STAGE_OUT" | "COMPLETED" | "CANCELLED" | "FAILED" | "TIMEOUT" | "NODE_FAIL" | "PREEMPTED"
        | "OUT_OF_MEMORY" | "BOOT_FAIL" | "DEADLINE" | "LAUNCH_FAILED" | "REVOKED" => JobStage::Ends,
        // Also a state that nobody here knows: what is not known to be over runs.
        _ => JobStage::Runs,
    };
    let used = match duration::parse_seconds(used) {
        // A limit is counted from it, so it is never guessed.
        None if stage == JobStage::Runs => return None,
        used => used.unwrap_or(0),
    };
    // UNLIMITED, NOT_SET; INVALID is of one whose time is over.
    let left = if left == "INVALID" { Some(0) } else { duration::parse_seconds(left) };
    Some((uid.parse().ok()?, ListedJob { id: id.to_owned(), stage, used, left }))
}

/// What is done to jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOrder {
    /// All jobs of a user are cancelled.
    CancelAll(u32),
    /// Those that wait are.
    CancelWaiting(u32),
    /// Jobs get this time limit in minutes, and do not run again.
    Limit(Vec<String>, u64),
}

/// So many jobs are named in one command.
const MOST_JOBS: usize = 1000;

impl JobOrder {
    /// What ends jobs of which so many minutes are left at the most: a command for each time limit that comes of it.
    pub fn limits(jobs: &[&ListedJob], minutes: u32) -> Vec<Self> {
        let mut by_limit: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for job in jobs {
            let limit = (job.used + u64::from(minutes) * 60).div_ceil(60);
            by_limit.entry(limit).or_default().push(job.id.clone());
        }
        let pieces = by_limit.into_iter().flat_map(|(limit, ids)| {
            ids.chunks(MOST_JOBS).map(|piece| Self::Limit(piece.to_vec(), limit)).collect::<Vec<_>>()
        });
        pieces.collect()
    }

    fn argv(&self) -> Vec<String> {
        let words: Vec<String> = match self {
            Self::CancelAll(uid) => vec!["scancel".into(), "-u".into(), uid.to_string()],
            Self::CancelWaiting(uid) => {
                vec!["scancel".into(), "-u".into(), uid.to_string(), "-t".into(), "PENDING".into()]
            }
            Self::Limit(ids, minutes) => {
                let jobs = format!("JobId={}", ids.join(","));
                vec!["scontrol".into(), "update".into(), jobs, format!("TimeLimit={minutes}"), "Requeue=0".into()]
            }
        };
        words
    }

    /// Carries it out. `None` in a dry run, which cannot tell what comes of it.
    pub fn give(&self, system: &mut dyn System) -> Option<Result<(), Failure>> {
        match system.run(&Command::new(self.argv())) {
            Ok(output) if output.code == 0 => Some(Ok(())),
            Ok(output) => Some(Err(Failure::new(complaint(&output)))),
            Err(SystemError::Unknown(_)) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

fn complaint(output: &ProgramOutput) -> String {
    let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    said.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| format!("exit code {}", output.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        for text in ["run", "cancel", "cancel after 1m", "cancel after 2h", "cancel after 30d"] {
            assert_eq!(JobsOfLeavers::parse(text).map(|policy| policy.to_string()).as_deref(), Some(text));
        }
        assert_eq!(JobsOfLeavers::parse("cancel after 120m"), Some(JobsOfLeavers::CancelAfter(120)));
        let bad =
            ["", "Cancel", "cancel after", "cancel after 2", "cancel after 0h", "cancel after -1h", "cancel after +1h"];
        for text in bad.into_iter().chain(["cancel after 2 h", "cancel after h", "cancel after 99999999d"]) {
            assert_eq!(JobsOfLeavers::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lines_of_squeue_are_read() {
        let job = |line: &str| listed(line).map(|(uid, job)| (uid, job.stage, job.used, job.left));
        assert_eq!(job("2001|7|RUNNING|1:30|1-00:00:00"), Some((2001, JobStage::Runs, 90, Some(86_400))));
        assert_eq!(job("2001|7|RUNNING|0:05|UNLIMITED"), Some((2001, JobStage::Runs, 5, None)));
        assert_eq!(job("2001|7|PENDING|0:00|5:00"), Some((2001, JobStage::Waits, 0, Some(300))));
        assert_eq!(job("2001|7|COMPLETING|0:09|INVALID"), Some((2001, JobStage::Ends, 9, Some(0))));
        assert_eq!(job("2001|7|POWERED_BY_STEAM|0:09|1:00"), Some((2001, JobStage::Runs, 9, Some(60))));
        assert_eq!(job("2001|7|RUNNING|INVALID|1:00"), None, "no limit is counted from a time that nobody can read");
        assert_eq!(job("gildong|7|RUNNING|0:05|5:00"), None);
        assert_eq!(job("2001|7|RUNNING"), None);
    }

    #[test]
    fn all_jobs_are_asked_for_whatever_the_environment_says() {
        let words = list_of_jobs(&BTreeSet::from([2001, 2002])).join(" ");
        assert!(words.starts_with("env -u SLURM_CLUSTERS ") && words.contains(" -u SQUEUE_STATES "), "{words}");
        assert!(words.ends_with(" squeue -a -h -r -u 2001,2002 -o %U|%A|%T|%M|%L"), "{words}");
    }

    #[test]
    fn what_runs_is_limited_from_its_own_start_on() {
        let job = |id: &str, used| ListedJob { id: id.into(), stage: JobStage::Runs, used, left: None };
        let jobs = [job("1", 0), job("2", 61), job("3", 119)];
        let orders = JobOrder::limits(&jobs.iter().collect::<Vec<_>>(), 120);
        assert_eq!(
            orders,
            [JobOrder::Limit(vec!["1".into()], 120), JobOrder::Limit(vec!["2".into(), "3".into()], 122)]
        );
        assert_eq!(orders[1].argv().join(" "), "scontrol update JobId=2,3 TimeLimit=122 Requeue=0");
    }
}
