//! A workload of 200 jobs, given to a real slurmctld (`tests/cases/workload/record`) and to ours: the same jobs run, mostly in the
//! same order, and wait no longer.
//!
//! The order is not the same throughout, since one job that starts elsewhere changes what fits next. Ours chooses among nodes by its
//! own rule (the one on which least is left over), and its main pass always comes before backfill; of two thirds of these jobs Slurm's
//! backfill was first, which may start a small job beside the nodes that the main scheduler keeps for a larger one.

use crate::site::{Site, cpu_nodes, partition};
use crate::stage::{Stage, submit_alone};
use scheduling::id::JobId;
use scheduling::job::{ArrayPart, JobPhase, LiveJob};
use slurm::records::{ExitCode, JobState};
use slurm::settings::Weights;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const NODES: u32 = 6;
/// As in `tests/cases/workload/record`.
const ACCOUNTS: &str = "
add qos high priority=10
add qos low priority=2
add qos few priority=5 MaxJobsPerUser=2
add account lab qos=normal,high,low,few
add account class qos=normal,low,few GrpTRES=cpu=24
add user alice account=lab
add user bob account=lab maxjobs=6
add user carol account=class
add user dave account=lab
add user erin account=class
";

fn site() -> Site {
    let weights = Weights { qos: 10_000, job_size: 1000, partition: 3000, ..Weights::default() };
    let mut site = Site::new(NODES, weights, ACCOUNTS);
    let all = || cpu_nodes(NODES).into_iter().chain(["g1".into()]).collect();
    let mut short = partition("short", cpu_nodes(NODES), 30);
    (short.default_minutes, short.job_factor) = (Some(10), 10);
    let mut whole = partition("all", all(), 1440);
    whole.job_factor = 4;
    let mut first = partition("first", cpu_nodes(2), 60);
    (first.default_minutes, first.tier) = (Some(20), 10);
    site.config.partitions.extend([short, whole, first]);
    site
}

/// A line of `jobs.txt`.
struct Line {
    at: i64,
    runs: i64,
    code: u8,
    user: String,
    options: String,
}

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/workload").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn workload() -> Vec<Line> {
    let line = |line: &str| {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        let code = words[2].parse().unwrap();
        Line { at: number(0), runs: number(1), code, user: words[3].into(), options: words[4].into() }
    };
    read("jobs.txt").lines().map(line).collect()
}

/// When jobs started, by name, on the workload's own clock; and who waits in the end, in the order of names.
#[derive(Debug, Default)]
struct Outcome {
    starts: BTreeMap<String, i64>,
    left: BTreeSet<String>,
}

/// Place of a job's line, and its task, of names such as `JOB7` and `JOB7_2`.
fn place(name: &str) -> (usize, i64) {
    let (job, task) = name.trim_start_matches("JOB").split_once('_').unwrap_or((&name[3..], "0"));
    (job.parse::<usize>().unwrap() - 1, task.parse().unwrap())
}

fn runs(lines: &[Line], name: &str) -> i64 {
    let (place, task) = place(name);
    lines[place].runs + 40 * task
}

/// What slurmctld did.
fn recorded(lines: &[Line]) -> Outcome {
    let (mut outcome, mut clock) = (Outcome::default(), 0);
    for line in read("starts.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "submit" => clock = lines[place(words[2]).0].at,
            "end" => clock = outcome.starts[words[2]] + runs(lines, words[2]),
            "start" => _ = outcome.starts.insert(words[1].to_owned(), clock),
            "left" => _ = outcome.left.insert(words[1].to_owned()),
            other => panic!("no event: {other}"),
        }
    }
    outcome
}

/// When something is due: the clock, whether it is an end, and whose.
type Due = (i64, bool, JobId, String);

/// Ours at work.
struct Replay {
    stage: Stage,
    lines: Vec<Line>,
    names: BTreeMap<JobId, String>,
    started: BTreeSet<JobId>,
    due: BTreeSet<Due>,
}

impl Replay {
    fn new() -> Self {
        let lines = workload();
        let due = (1..).zip(&lines).map(|(number, line)| (line.at, false, JobId(number), String::new())).collect();
        Self { stage: Stage::of(site()), lines, names: BTreeMap::new(), started: BTreeSet::new(), due }
    }

    /// All of it. As when it was recorded, two seconds pass from one event to the next, by which time limits go.
    fn run(mut self) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some((clock, is_end, job, name)) = self.due.pop_first() {
            self.stage.now += 2;
            if is_end {
                let code = self.lines[place(&name).0].code;
                self.stage.end(job, ExitCode { code, signal: 0 });
            } else {
                self.submit_all(clock, job);
            }
            outcome.starts.extend(self.starts(clock).into_iter().map(|name| (name, clock)));
        }
        let waits = self.stage.core.live().jobs.values().filter(|job| job.state() == JobState::Pending);
        outcome.left = waits.map(|job| self.names[&job.id].clone()).collect();
        outcome
    }

    /// All that are submitted at a time, before any is looked at.
    fn submit_all(&mut self, clock: i64, first: JobId) {
        let mut numbers = vec![first];
        while let Some(next) = self.due.first().filter(|due| due.0 == clock && !due.1).cloned() {
            self.due.remove(&next);
            numbers.push(next.2);
        }
        numbers.iter().for_each(|number| self.submit(number.0));
        self.stage.on_all(Vec::new());
    }

    fn submit(&mut self, number: u32) {
        let line = &self.lines[number as usize - 1];
        let mut options = line.options.clone();
        for (job, name) in self.names.iter().rev() {
            options = options.replace(&format!(":{name}"), &format!(":{job}"));
        }
        let user = line.user.clone();
        let job = submit_alone(&mut self.stage, &user, &options);
        self.names.insert(job, format!("JOB{number}"));
    }

    /// Who runs now and did not before.
    fn starts(&mut self, clock: i64) -> Vec<String> {
        let is_new = |job: &&LiveJob| matches!(job.phase, JobPhase::Running(_)) && !self.started.contains(&job.id);
        let jobs: Vec<LiveJob> = self.stage.core.live().jobs.values().filter(is_new).cloned().collect();
        let mut started = Vec::new();
        for job in jobs {
            let name = match job.array.as_ref().map(|array| (array.of, &array.part)) {
                Some((of, ArrayPart::Task(task))) => format!("{}_{task}", self.names[&of]),
                _ => self.names[&job.id].clone(),
            };
            self.started.insert(job.id);
            self.due.insert((clock + runs(&self.lines, &name), true, job.id, name.clone()));
            started.push(name);
        }
        started
    }
}

/// Of all pairs of jobs that slurmctld started one after the other, the part that ours did not start the other way round.
fn same_order(theirs: &Outcome, ours: &Outcome) -> f64 {
    let names: Vec<&String> = theirs.starts.keys().collect();
    let (mut pairs, mut same) = (0, 0);
    for (at, one) in names.iter().enumerate() {
        for other in &names[at + 1..] {
            let order = |of: &Outcome| of.starts[*one].cmp(&of.starts[*other]);
            pairs += u32::from(order(theirs).is_ne());
            same += u32::from(order(theirs).is_ne() && order(ours) != order(theirs).reverse());
        }
    }
    f64::from(same) / f64::from(pairs)
}

/// How long jobs waited on the average, in seconds.
fn waited(lines: &[Line], outcome: &Outcome) -> f64 {
    let sum: i64 = outcome.starts.iter().map(|(name, at)| at - lines[place(name).0].at).sum();
    sum as f64 / outcome.starts.len() as f64
}

#[test]
fn ours_starts_what_theirs_starts_in_about_the_same_order() {
    let replay = Replay::new();
    let lines = workload();
    let (theirs, ours) = (recorded(&lines), replay.run());
    let names = |of: &Outcome| of.starts.keys().cloned().collect::<Vec<_>>();
    assert!(theirs.starts.len() > 200, "{}", theirs.starts.len());
    assert_eq!(names(&ours), names(&theirs));
    assert_eq!(ours.left, theirs.left, "who waits in the end");
    let (order, own, other) = (same_order(&theirs, &ours), waited(&lines, &ours), waited(&lines, &theirs));
    let told =
        format!("{:.1} % of pairs in the same order; waited {own:.0} s, with slurmctld {other:.0} s", order * 100.0);
    assert!(order > 0.83 && own < other, "{told}");
}
