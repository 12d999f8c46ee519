//! `squeue`, pure: the jobs that there are, in the form of Slurm 22.05.8.

mod fields;
mod options;
mod sort;
mod steps;

use crate::cluster::Cluster;
use crate::job::JobFacts;
use crate::layout::Layout;
use crate::{Output, Reply, live_data};
use fields::{FIELDS, Queue};
use options::{End, Options, Wanted, Wish};
pub use options::{VARIABLES, users};
use scheduling::array::TaskSet;
use scheduling::event::Denial;
use scheduling::id::NodeName;
use scheduling::job::{ArrayPart, InArray, LiveJob};
use slurm::privacy::View;
use slurm::records::JobState;
use std::borrow::Cow;
use std::collections::BTreeMap;

const DEFAULT: &str = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R";
const LONG: &str = "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R";
const START: &str = "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %20Y %R";

/// Runs one command line (without the program's name). The reply's `stdout` is what was not handed on.
pub fn run(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String], mut out: Output) -> Reply {
    let options = match Options::read(cluster, environment, argv) {
        Ok(options) => options,
        Err(End::Text(stdout)) => return Reply { stdout, ..Reply::default() },
        Err(End::Complaint(stderr)) => return Reply { stderr, code: 1, ..Reply::default() },
        Err(End::Usage(stderr)) => {
            return Reply { stdout: options::USAGE_TEXT.to_owned(), stderr, code: 1, ..Reply::default() };
        }
    };
    let records = match wanted(cluster, &options) {
        Ok(records) => records,
        Err(stderr) => return Reply { stderr, code: 1, ..Reply::default() },
    };
    let facts = |job| JobFacts {
        cluster: *cluster,
        job,
        times: &options.times,
        convert: options.convert,
        tasks_shown: options.tasks_shown,
    };
    let mut listed: Vec<JobFacts> = records.iter().map(|job| facts(job)).filter(|it| options.take(it)).collect();
    if let Some(form) = options.structured {
        live_data::print(form, "jobs", listed.iter().map(live_data::job), &mut out);
        return Reply { stdout: out.rest(), stderr: options.complaints, ..Reply::default() };
    }
    if options.names_cluster && options.header {
        out.push_str(&format!("CLUSTER: {}\n", cluster.core.config().cluster));
    }
    if options.long && options.header {
        out.push_str(&cluster.now.strftime("%a %b %d %H:%M:%S %Y\n").to_string());
    }
    if options.steps {
        let bad_fields = list_steps(&options, &listed, &mut out);
        return Reply { stdout: out.rest(), stderr: options.complaints + &bad_fields, ..Reply::default() };
    }
    let (layout, unknown) = layout(&options);
    let bad_fields = unknown.iter().map(|name| bad_field(name));
    let mut stderr: String = std::iter::once(options.complaints.clone()).chain(bad_fields).collect();
    if options.header {
        layout.head(out.text());
    }
    if let Some(why) = sort::sort(&mut listed, order(&options)) {
        stderr.push_str(&why);
        return Reply { stdout: out.rest(), stderr, code: 1, ..Reply::default() };
    }
    for facts in &listed {
        layout.row(out.text(), facts);
        if out.row_ends().is_break() {
            break;
        }
    }
    Reply { stdout: out.rest(), stderr, ..Reply::default() }
}

/// The steps of jobs that run: their scripts, and what `srun` started. What is said against the format.
fn list_steps(options: &Options, jobs: &[JobFacts], out: &mut Output) -> String {
    let (layout, unknown) = match &options.long_format {
        Some(names) => Layout::names(steps::FIELDS, names),
        None => Layout::letters(steps::FIELDS, options.format.as_deref().unwrap_or(steps::USUAL)),
    };
    if options.header {
        layout.head(out.text());
    }
    for it in jobs.iter().filter(|it| matches!(it.state(), JobState::Running | JobState::Suspended)) {
        steps::rows(it).for_each(|row| layout.row(out.text(), &row));
        if out.row_ends().is_break() {
            break;
        }
    }
    unknown.iter().map(|name| format!("squeue: error: Invalid job step format specification: {name}\n")).collect()
}

fn bad_field(name: &str) -> String {
    format!("squeue: error: Invalid job format specification: {name}\n")
}

fn layout(options: &Options) -> crate::layout::Read<Queue> {
    if let Some(names) = &options.long_format {
        return Layout::names(FIELDS, names);
    }
    let usual = match (options.start, options.long) {
        (true, _) => START,
        (false, true) => LONG,
        (false, false) => DEFAULT,
    };
    Layout::letters(FIELDS, options.format.as_deref().unwrap_or(usual))
}

fn order(options: &Options) -> &str {
    let usual = if options.start { "S" } else { "P,t,-p" };
    options.sort.as_deref().unwrap_or(usual)
}

/// The jobs that are asked for and may be seen, with those tasks alone that are. The error is what squeue says to a number
/// that is none.
fn wanted<'a>(cluster: &Cluster<'a>, options: &Options) -> Result<Vec<Cow<'a, LiveJob>>, String> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let sees = |job: &&LiveJob| view.job(&job.account, &job.submission.user.name);
    let Some(wishes) = &options.jobs else {
        let all = cluster.core.live().jobs.values().filter(sees);
        return Ok(all.flat_map(|job| rows(job, None, options.each_task)).collect());
    };
    let (mut is_known, mut found) = (false, Vec::new());
    for Wish { job, tasks } in wishes {
        for job in cluster.records(*job).into_iter().filter_map(|id| cluster.core.job(id)).filter(sees) {
            is_known = true;
            found.extend(rows(job, tasks.as_ref(), options.each_task));
        }
    }
    // With more than one number Slurm asks for all jobs, and finds none of these among them.
    if !is_known && wishes.len() == 1 {
        return Err(format!("slurm_load_jobs error: {}\n", Denial::InvalidJob));
    }
    Ok(found)
}

/// The rows of a record: one; of tasks that wait together also one for each, or for those that are asked for.
fn rows<'a>(job: &'a LiveJob, wanted: Option<&TaskSet>, each_task: bool) -> Vec<Cow<'a, LiveJob>> {
    let Some(InArray { of, part }) = &job.array else {
        // What is no array has no tasks.
        return wanted.is_none().then_some(Cow::Borrowed(job)).into_iter().collect();
    };
    let has = |index: &u32| wanted.is_none_or(|wanted| wanted.contains(*index));
    let alone = |part: ArrayPart| Cow::Owned(LiveJob { array: Some(InArray { of: *of, part }), ..job.clone() });
    match part {
        ArrayPart::Task(index) => has(index).then_some(Cow::Borrowed(job)).into_iter().collect(),
        ArrayPart::Waiting(tasks) if each_task => {
            tasks.iter().filter(has).map(|index| alone(ArrayPart::Task(index))).collect()
        }
        ArrayPart::Waiting(tasks) => match wanted.map(|wanted| tasks.among(wanted)) {
            None => vec![Cow::Borrowed(job)],
            Some(some) => match (some.first(), some.count()) {
                (None, _) => Vec::new(),
                (Some(index), 1) => vec![alone(ArrayPart::Task(index))],
                _ => vec![alone(ArrayPart::Waiting(some))],
            },
        },
    }
}

impl Options {
    fn take(&self, it: &JobFacts) -> bool {
        let submission = &it.job.submission;
        let among = |list: &[String], name: &str| list.is_empty() || list.iter().any(|wanted| wanted == name);
        let in_partition = || {
            let own = it.partition();
            self.partitions.is_empty() || own.split(',').any(|name| self.partitions.iter().any(|it| it == name))
        };
        self.takes_state(it)
            && self.users.as_ref().is_none_or(|users| users.contains(&submission.user.uid))
            && among(&self.accounts, &it.job.account)
            && among(&self.names, &submission.name)
            && (self.qos.is_empty() || among(&self.qos, &it.qos()))
            && in_partition()
            && self.takes_licenses(it)
            && self.takes_nodes(it)
            && self.reservation.is_none()
    }

    fn takes_state(&self, it: &JobFacts) -> bool {
        let live = [JobState::Pending, JobState::Running, JobState::Suspended];
        let (state, is_completing) = (it.state(), it.job.is_completing());
        if self.start && state != JobState::Pending {
            return false;
        }
        let Some(states) = &self.states else { return is_completing || live.contains(&state) };
        states.iter().any(|wanted| match wanted {
            Wanted::All => true,
            Wanted::State(wanted) => state == *wanted,
            Wanted::Completing => is_completing,
            Wanted::Nowhere => false,
        })
    }

    fn takes_licenses(&self, it: &JobFacts) -> bool {
        let own = &it.job.submission.demand.licenses;
        self.licenses.is_empty() || own.iter().any(|(name, _)| self.licenses.contains(name))
    }

    fn takes_nodes(&self, it: &JobFacts) -> bool {
        if self.nodes.is_empty() {
            return true;
        }
        let shares = it.allocation().filter(|_| it.has_run()).into_iter().flat_map(|own| &own.shares);
        let is_wanted = |node: &NodeName| self.nodes.iter().any(|wanted| wanted == node.as_str());
        shares.into_iter().any(|share| is_wanted(&share.node))
    }
}
