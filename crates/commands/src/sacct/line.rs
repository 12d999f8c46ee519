//! One line of output: a job or one of its steps, with times and sums as they are shown.

use super::options::Options;
use slurm::records::{Flags, Job, Step};
use slurm::rollup::Span;

/// A job as it is shown.
#[derive(Debug)]
pub struct JobLine {
    /// The record.
    pub job: Job,
    /// When it started, cut to the window by `--truncate`.
    pub start: Option<i64>,
    /// When it ended, cut likewise.
    pub end: Option<i64>,
    /// Seconds it ran.
    pub elapsed: u64,
    /// Seconds it was suspended.
    pub suspended: u64,
    /// CPU time of its ended steps outside the kernel, in microseconds.
    pub user_cpu: u64,
    /// And in the kernel.
    pub system_cpu: u64,
}

impl JobLine {
    /// The job with the sums of its steps.
    pub fn new(job: Job, steps: &[StepLine], options: &Options, now: i64) -> Self {
        let over = |sum: fn(&Step) -> u64| {
            steps
                .iter()
                .filter(|line| line.step.state.is_over())
                .map(|line| sum(&line.step))
                .fold(0, u64::saturating_add)
        };
        // A start after the end is none.
        let start = job.start.map(|start| job.end.map_or(start, |end| start.min(end)));
        let (user_cpu, system_cpu) = (over(|step| step.user_cpu), over(|step| step.system_cpu));
        let (elapsed, suspended) = (job.elapsed(now), job.rested(now));
        let mut line = Self { start, end: job.end, elapsed, suspended, user_cpu, system_cpu, job };
        if options.truncate {
            line.truncate(options, now);
        }
        line
    }

    fn truncate(&mut self, options: &Options, now: i64) {
        let (from, to) = options.window();
        let to = to.min(now);
        let end = self.end.map_or(to, |end| end.min(to));
        let start = self.start.map_or(end, |start| start.max(from));
        (self.start, self.end) = (Some(start), Some(end));
        let ran = Span { start, end }.seconds();
        self.suspended = self.suspended.min(ran);
        self.elapsed = ran.saturating_sub(self.suspended);
    }

    /// Whether it ended without ever having started, and is known not to have.
    pub fn never_started(&self) -> bool {
        self.start.is_none() && self.end.is_some() && self.job.flags.has(Flags::START_RECEIVED)
    }

    /// Seconds between eligible and started (so far, or until it was given up).
    pub fn waited(&self, now: i64) -> u64 {
        let until = self.start.or(self.end).unwrap_or(now);
        self.job.eligible.map_or(0, |eligible| Span { start: eligible, end: until }.seconds())
    }
}

/// A step as it is shown.
#[derive(Debug)]
pub struct StepLine {
    /// The record; one that has no end has its job's, if that has ended.
    pub step: Step,
    /// When it started, cut to the window by `--truncate`.
    pub start: Option<i64>,
    /// When it ended, cut likewise.
    pub end: Option<i64>,
    /// Seconds it ran.
    pub elapsed: u64,
}

impl StepLine {
    /// The step of a job.
    pub fn new(mut step: Step, job: &Job, options: &Options, now: i64) -> Self {
        if let (None, Some(end)) = (step.end, job.end) {
            (step.end, step.state) = (Some(end), job.state);
        }
        let (mut start, mut end) = (step.start, step.end);
        if options.truncate && options.start.is_some() {
            let (from, to) = options.window();
            start = start.map(|start| start.max(from)).or(end);
            end = Some(end.map_or(to, |end| end.min(to)));
            if start > end {
                (start, end) = (None, None);
            }
        }
        let ran = start.map_or(0, |start| Span { start, end: end.unwrap_or(now) }.seconds());
        let elapsed = ran.saturating_sub(step.suspended);
        Self { step, start, end, elapsed }
    }
}
