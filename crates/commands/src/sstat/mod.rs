//! `sstat`, pure: what the steps of running jobs use.

mod options;

use crate::cluster::Cluster;
use crate::sacct::Surroundings;
use crate::sacct::cell::Maker;
use crate::sacct::fields::Field;
use crate::sacct::print::{Cell, Table};
use crate::sacct::units::ONE;
use crate::{Output, Reply};
use options::{Options, error};
use scheduling::id::{Attempt, JobId, NodeName};
use scheduling::job::{ArrayPart, JobPhase, LiveJob};
use scheduling::measured::{Measured, NodeUsage, summed};
use slurm::model::tres::DISK;
use slurm::privacy::View;
use slurm::records::selection::Selected;
use slurm::records::{StepDetails, StepId};
use std::collections::{BTreeMap, BTreeSet};
use words::text::hostlist;

/// What nodes say of what runs there.
pub trait Usages {
    /// Asks these nodes; comes back when they have said it, or have been waited for long enough. Gives those that have.
    fn measure(&self, nodes: &BTreeSet<NodeName>) -> BTreeSet<NodeName>;

    /// What a step used on a node, as that said it last; `None` where it has said nothing.
    fn used(&self, node: &NodeName, job: JobId, attempt: Attempt, step: StepId) -> Option<Measured>;
}

/// A step that runs: the script of a job, or what `srun` started.
struct Running<'a> {
    job: &'a LiveJob,
    step: StepId,
    /// Its nodes, each with the ranks of its tasks.
    nodes: Vec<(&'a NodeName, &'a [u32])>,
}

impl Running<'_> {
    /// A task of an array by the number of its own, as with Slurm.
    fn number(&self) -> String {
        format!("{}.{}", self.job.id, self.step)
    }
}

/// What is said of a step of somebody else's.
const NOT_THEIRS: &str = "Invalid user id";

/// The only task of a script.
const SCRIPT: &[u32] = &[0];

/// Runs one command line (without the program's name). The reply's `stdout` is what was not handed on.
pub fn run(cluster: &Cluster, usages: &dyn Usages, argv: &[String], mut out: Output) -> Reply {
    let options = match Options::read(argv) {
        Ok(options) => options,
        Err(reply) => return *reply,
    };
    let (mut steps, mut stderr) = (Vec::new(), String::new());
    for selected in &options.selected {
        let (found, complaints) = found(cluster, selected, options.all);
        steps.extend(found);
        stderr.push_str(&complaints);
    }
    let nodes = steps.iter().flat_map(|step| &step.nodes).map(|(node, _)| (*node).clone()).collect();
    let heard = usages.measure(&nodes);
    let mut code = 0;
    let mut table = Table::with(&options.columns, options.parsable, "|", options.header, &mut out);
    for step in &steps {
        let silent = print(cluster, (usages, &heard), &options, step, &mut table);
        if !silent.is_empty() {
            let (number, nodes) = (step.number(), hostlist::compress(silent));
            stderr.push_str(&error(&format!("{nodes} did not say what {number} uses there")));
            code = 1;
        }
        if table.out.row_ends().is_break() {
            break;
        }
    }
    Reply { stdout: out.rest(), stderr, code, ..Reply::default() }
}

/// Prints the row of a step; gives its nodes that have said nothing.
fn print<'a>(
    cluster: &Cluster,
    (usages, heard): (&dyn Usages, &BTreeSet<NodeName>),
    options: &Options,
    it: &Running<'a>,
    table: &mut Table,
) -> Vec<&'a str> {
    let (mut said, mut silent) = (Vec::new(), Vec::new());
    for (node, ranks) in &it.nodes {
        let used = || usages.used(node, it.job.id, it.job.attempt, it.step);
        match heard.contains(*node).then(used).flatten() {
            Some(measured) => said.push((*node, *ranks, measured)),
            None => silent.push(node.as_str()),
        }
    }
    let of_node =
        |(node, ranks, measured): &(&'a NodeName, &'a [u32], Measured)| NodeUsage { node, ranks, used: measured.usage };
    let (usage_in, usage_out) = summed(&said.iter().map(of_node).collect::<Vec<_>>());
    let details = StepDetails { usage_in, usage_out, ..StepDetails::default() };
    let around = Surroundings::new(cluster.now.clone(), &BTreeMap::new(), cluster.people);
    let maker = Maker { state: cluster.accounts, around: &around, convert: options.convert, local_uid: false };
    let pids = said.iter().flat_map(|(.., measured)| &measured.pids).map(i32::to_string).collect::<Vec<_>>();
    let tasks: usize = it.nodes.iter().map(|(_, ranks)| ranks.len()).sum();
    table.row(|column| match column.field {
        Field::JobId => Cell::text(it.number()),
        Field::NodeList => Cell::text(hostlist::compress(it.nodes.iter().map(|(node, _)| node.as_str()))),
        Field::NTasks => Cell::number(u64::try_from(tasks).ok()),
        Field::Pids => Cell::text(pids.join(",")),
        // They are bytes here, and megabytes in sacct.
        Field::AveDiskRead => maker.sized(details.usage_in.average.get(DISK), ONE),
        Field::AveDiskWrite => maker.sized(details.usage_out.average.get(DISK), ONE),
        Field::MaxDiskRead => maker.sized(details.usage_in.max.get(DISK), ONE),
        Field::MaxDiskWrite => maker.sized(details.usage_out.max.get(DISK), ONE),
        Field::ReqCpuFreq | Field::ReqCpuFreqMin | Field::ReqCpuFreqMax | Field::ReqCpuFreqGov => {
            Cell::text(if it.step == StepId::Batch { "0" } else { "Unknown" })
        }
        other => maker.used(&details, other),
    });
    silent
}

/// The steps that are meant by one part of `--jobs`, and what there is to complain about.
fn found<'a>(cluster: &Cluster<'a>, selected: &Selected, all: bool) -> (Vec<Running<'a>>, String) {
    let number = selected.job;
    let jobs = known(cluster, selected);
    if jobs.is_empty() && number != JobId(0) {
        return (Vec::new(), error(&format!("couldn't get steps for job {number}")));
    }
    let mut steps: Vec<Running> = jobs.into_iter().flat_map(steps_of).collect();
    if let Some(wanted) = selected.step {
        steps.retain(|it| it.step == wanted);
        if steps.is_empty() {
            return (steps, error(&format!("StepId={number}.{wanted} not found running.")));
        }
    } else if steps.is_empty() {
        return (steps, error(&format!("No steps running for job {number}")));
    } else if !all {
        // The lowest number; a script is shown when it is asked for.
        let first = steps.into_iter().filter(|it| it.step != StepId::Batch).min_by_key(|it| (it.job.id, it.step));
        steps = first.into_iter().collect();
    }
    let (seen, hidden): (Vec<_>, Vec<_>) = steps.into_iter().partition(|it| may_see(cluster, it.job));
    (seen, hidden.iter().map(refused).collect())
}

fn refused(it: &Running) -> String {
    let node = it.nodes.first().map_or("", |(node, _)| node.as_str());
    let request =
        error(&format!("slurm_job_step_stat: there was an error with the request to {node} rc = {NOT_THEIRS}"));
    request + &error(&format!("problem getting step_layout for StepId={}: {NOT_THEIRS}", it.number()))
}

/// The jobs of a number that are not over, and that the caller may know of.
fn known<'a>(cluster: &Cluster<'a>, selected: &Selected) -> Vec<&'a LiveJob> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let jobs = cluster.records(selected.job).into_iter().filter_map(|id| cluster.core.job(id));
    let is_meant = |job: &&LiveJob| match (selected.task, job.array.as_ref().map(|place| &place.part)) {
        (None, _) => true,
        (Some(task), Some(ArrayPart::Task(own))) => task == *own,
        (Some(_), _) => false,
    };
    let is_seen = |job: &&LiveJob| view.job(&job.account, &job.submission.user.name);
    jobs.filter(|job| job.is_live()).filter(is_meant).filter(is_seen).collect()
}

/// Its user and operators: what programs do is nobody else's to know (sstat(1)).
fn may_see(cluster: &Cluster, job: &LiveJob) -> bool {
    job.submission.user.uid == cluster.caller.uid || cluster.caller.is_operator(cluster.accounts)
}

/// All that runs of a job: its script, then what was started in it.
fn steps_of(job: &LiveJob) -> Vec<Running<'_>> {
    let JobPhase::Running(run) = &job.phase else { return Vec::new() };
    let script = run.allocation.shares.first().filter(|_| job.submission.allocation.is_none());
    let script = script.map(|share| Running { job, step: StepId::Batch, nodes: vec![(&share.node, SCRIPT)] });
    let started = run.steps.iter().map(|step| Running {
        job,
        step: step.id,
        nodes: step.shares.iter().map(|share| (&share.node, share.ranks.as_slice())).collect(),
    });
    script.into_iter().chain(started).collect()
}
