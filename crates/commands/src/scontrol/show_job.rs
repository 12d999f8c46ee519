//! `scontrol show job`.

use super::{Format, Said};
use crate::cluster::Cluster;
use crate::job::{JobFacts, TASKS_SHOWN};
use crate::sacct::units::Convert;
use crate::{Output, live_data};
use scheduling::event::Denial;
use scheduling::id::{JobId, NodeName};
use scheduling::job::{ArrayPart, GresShare, InArray, LiveJob, NodeShare};
use slurm::privacy::View;
use slurm::records::JobState;
use std::cmp::Reverse;
use words::text::duration;
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

const NONE: &str = "N/A";

/// One job, all tasks of an array, or all jobs; the error is what scontrol says to a number that is none.
pub fn show(cluster: &Cluster, format: &Format, which: Option<&str>) -> Result<String, Said> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let sees = |job: &&LiveJob| view.job(&job.account, &job.submission.user.name);
    let Some(text) = which else {
        let all: Vec<&LiveJob> = cluster.core.live().jobs.values().filter(sees).collect();
        if all.is_empty() && format.structured.is_none() {
            return Ok("No jobs in the system\n".to_owned());
        }
        return Ok(listed(cluster, format, &all));
    };
    let (id, task) = text.split_once('_').map_or((text, None), |(id, task)| (id, Some(task)));
    // No number of a task at all is 0, as strtol(3) has it.
    let task = task.map(|task| if task.is_empty() { Ok(0) } else { task.parse::<u32>() }).transpose();
    let (Ok(task), Ok(id)) = (task, id.parse::<u32>()) else { return Err(bad("scontrol_print_job")) };
    let records = cluster.records(JobId(id)).into_iter().filter_map(|id| cluster.core.job(id));
    let mut known: Vec<&LiveJob> = records.filter(sees).collect();
    if known.is_empty() {
        return Err(bad("slurm_load_jobs"));
    }
    // Of an array what keeps its number comes first, then the task that came to be last.
    known.sort_by_key(|job| (job.id != JobId(id), Reverse(job.id)));
    let Some(task) = task else { return Ok(listed(cluster, format, &known)) };
    let alone = known.into_iter().find_map(|job| one_task(job, task));
    let found = alone.map(|job| listed(cluster, format, &[&job]));
    found.ok_or_else(|| Said { code: 1, ..Said::told(format!("Job {id}_{task} not found\n")) })
}

/// A task of a record, as if it had that for itself.
fn one_task(job: &LiveJob, task: u32) -> Option<LiveJob> {
    let place = job.array.as_ref().filter(|place| place.has(task))?;
    let array = Some(InArray { of: place.of, part: ArrayPart::Task(task) });
    Some(LiveJob { array, ..job.clone() })
}

fn bad(who: &str) -> Said {
    Said::failed(&format!("{who} error: {}\n", Denial::InvalidJob))
}

fn listed(cluster: &Cluster, format: &Format, jobs: &[&LiveJob]) -> String {
    let facts = |job| JobFacts {
        cluster: *cluster,
        job,
        times: &format.times,
        convert: Convert::Exact,
        tasks_shown: TASKS_SHOWN,
    };
    let Some(form) = format.structured else {
        return jobs.iter().map(|job| one(facts(job), format)).collect();
    };
    let mut out = Output::default();
    live_data::print(form, "jobs", jobs.iter().map(|job| live_data::job(&facts(job))), &mut out);
    out.rest()
}

fn one(it: JobFacts, format: &Format) -> String {
    let mut lines = head(&it);
    lines.extend(state(&it, format));
    lines.extend(moments(&it));
    lines.extend(place(&it));
    lines.extend(demands(&it, format));
    lines.extend(surroundings(&it));
    let between = if format.one_line { " " } else { "\n   " };
    let end = if format.one_line { "\n" } else { "\n\n" };
    lines.join(between) + between + end
}

/// What `--mail-type=ALL` stands for (sbatch(1)).
const ALL_MAIL: &str = "INVALID_DEPEND,BEGIN,END,FAIL,REQUEUE,STAGE_OUT";

fn or_null(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "(null)".to_owned())
}

fn head(it: &JobFacts) -> Vec<String> {
    let user = &it.job.submission.user;
    let array = it.job.array.as_ref().map_or_else(String::new, |place| {
        let throttle = it.job.array_limit().map_or_else(String::new, |limit| format!("ArrayTaskThrottle={limit} "));
        format!("ArrayJobId={} ArrayTaskId={} {throttle}", place.of, it.tasks())
    });
    let priority = it.priority();
    let wckey = it.job.submission.wckey.as_deref().unwrap_or_default();
    let wckey = if it.cluster.settings.track_wckey { format!(" WCKey={wckey}") } else { String::new() };
    vec![
        format!("JobId={} {array}JobName={}", it.job.id, it.job.submission.name),
        format!("UserId={}({}) GroupId={}({}) MCS_label=N/A", user.name, user.uid, it.group(), user.gid),
        format!(
            "Priority={priority} Nice={} Account={} QOS={}{wckey}",
            it.job.submission.nice,
            or_null(Some(it.job.account.to_string())),
            it.qos()
        ),
    ]
}

fn state(it: &JobFacts, format: &Format) -> Vec<String> {
    let exit =
        it.job.ending().filter(|_| it.state() != JobState::Pending).map(|ending| ending.exit).unwrap_or_default();
    let reason = it.reason().replace(' ', "_");
    let mut lines = vec![
        format!("JobState={} Reason={reason} Dependency={}", it.state_name(), or_null(it.dependency())),
        format!(
            "Requeue={} Restarts={} BatchFlag={} Reboot=0 ExitCode={}:{}",
            u8::from(it.job.submission.requeue),
            it.job.attempt.0,
            u8::from(it.is_batch()),
            exit.code,
            exit.signal
        ),
    ];
    if format.details {
        lines.push("DerivedExitCode=0:0".to_owned());
    }
    lines
}

fn moments(it: &JobFacts) -> Vec<String> {
    let limit =
        it.minutes().map_or_else(|| "UNLIMITED".to_owned(), |minutes| duration::format_minutes(u64::from(minutes)));
    let is_planned = it.is_pending() && it.cluster.core.expected_start(it.job.id).is_some();
    vec![
        format!("RunTime={} TimeLimit={limit} TimeMin=N/A", duration::format_seconds(it.elapsed())),
        format!(
            "SubmitTime={} EligibleTime={}",
            it.shown(Some(it.job.submit), "Unknown"),
            it.shown(it.eligible(), "Unknown")
        ),
        format!("AccrueTime={}", it.shown(it.accrue(), "Unknown")),
        format!(
            "StartTime={} EndTime={} Deadline={}",
            it.shown(it.start(), "Unknown"),
            it.shown(it.end(), "Unknown"),
            it.shown(it.job.submission.deadline, NONE)
        ),
        format!(
            "SuspendTime={} SecsPreSuspend={} LastSchedEval={} Scheduler={}",
            it.shown(it.suspended_at(), "None"),
            it.ran_before(),
            it.shown(it.job.eligible.or(Some(it.job.submit)), "Unknown"),
            if is_planned { "Backfill:*" } else { "Main" }
        ),
    ]
}

fn place(it: &JobFacts) -> Vec<String> {
    let batch = it.batch();
    let list = |nodes: &[NodeName]| or_null(Some(crate::job::node_list(nodes)));
    let demand = &it.job.submission.demand;
    let planned = it.planned().map_or_else(String::new, |nodes| format!(" SchedNodeList={nodes}"));
    let mut lines = vec![
        format!("Partition={} AllocNode:Sid={}:{}", it.partition(), batch.submit_host, batch.session),
        format!("ReqNodeList={} ExcNodeList={}", list(&demand.required), list(&demand.excluded)),
        format!("NodeList={}{planned}", it.nodes()),
    ];
    lines.extend(it.host().map(|host| format!("BatchHost={host}")));
    lines
}

fn demands(it: &JobFacts, format: &Format) -> Vec<String> {
    let demand = &it.job.submission.demand;
    let nodes = match demand.max_nodes.filter(|_| !it.has_run()) {
        Some(most) => format!("{}-{most}", it.node_count()),
        None => it.node_count().to_string(),
    };
    let (memory, by_cpu) = it.least_memory();
    let mut lines = vec![
        format!(
            "NumNodes={nodes} NumCPUs={} NumTasks={} CPUs/Task={} ReqB:S:C:T=0:0:*:*",
            it.cpus(),
            demand.task_count(),
            demand.cpus_per_task
        ),
        format!("TRES={}", it.tres()),
        format!("Socks/Node=* NtasksPerN:B:S:C={}:0:*:* CoreSpec=*", demand.tasks_per_node.unwrap_or(0)),
    ];
    if format.details && matches!(it.state(), JobState::Running | JobState::Suspended) {
        lines.extend(shares(it));
    }
    lines.extend([
        format!(
            "MinCPUsNode={} MinMemory{}={memory} MinTmpDiskNode=0",
            it.least_cpus(),
            if by_cpu { "CPU" } else { "Node" }
        ),
        format!("Features={} DelayBoot=00:00:00", or_null(Some(demand.features.to_string()))),
        format!("OverSubscribe={} Contiguous=0 Licenses={} Network=(null)", it.sharing(), or_null(it.licenses())),
    ]);
    lines
}

/// What it has on its nodes; those with the same stand together.
fn shares(it: &JobFacts) -> Vec<String> {
    let shares = it.allocation().map(|own| own.shares.as_slice()).unwrap_or_default();
    let sum = |gres: &[GresShare]| {
        let one = |share: &GresShare| format!("{}{}:{}", share.name, kind(share), share.devices.count());
        gres.iter().map(one).collect::<Vec<_>>().join(",")
    };
    let all = shares.first().map(|share| sum(&share.gres));
    let mut lines = vec![format!("JOB_GRES={}", or_null(all))];
    let looks_same = |a: &NodeShare, b: &NodeShare| a.cpus == b.cpus && a.memory == b.memory && a.gres == b.gres;
    for group in shares.chunk_by(looks_same) {
        let nodes = hostlist::compress(group.iter().map(|share| share.node.as_str()));
        let one = |share: &GresShare| {
            format!("{}{}:{}(IDX:{})", share.name, kind(share), share.devices.count(), share.devices)
        };
        let gres = group[0].gres.iter().map(one).collect::<Vec<_>>().join(",");
        lines.push(format!("  Nodes={nodes} CPU_IDs={} Mem={} GRES={gres}", group[0].cpus, group[0].memory));
    }
    lines
}

fn kind(share: &GresShare) -> String {
    share.kind.as_ref().map_or_else(String::new, |kind| format!(":{kind}"))
}

fn surroundings(it: &JobFacts) -> Vec<String> {
    let batch = it.batch();
    let [output, error, input] = it.paths(&batch).map(|path| it.filled(&path));
    let details = &it.job.submission.details;
    let mut lines = vec![
        format!("Command={}", or_null(Some(batch.command.shown().into_owned()))),
        format!("WorkDir={}", details.work_dir),
    ];
    if !details.comment.is_empty() {
        lines.push(format!("Comment={} ", details.comment));
    }
    lines.extend([
        format!("StdErr={error}"),
        format!("StdIn={input}"),
        format!("StdOut={output}"),
        "Power=".to_owned(),
    ]);
    lines.extend(it.devices().map(|devices| format!("TresPerNode={devices}")));
    if !batch.mail_types.is_empty() {
        let user = if batch.mail_user.is_empty() { &it.job.submission.user.name } else { &batch.mail_user };
        let all = batch.mail_types.eq_ignore_ascii_case("all");
        let types = if all { ALL_MAIL } else { &batch.mail_types };
        lines.push(format!("MailUser={user} MailType={types}"));
    }
    lines
}

/// How times are shown where nobody says otherwise.
pub fn times(text: Option<&String>) -> TimeFormat {
    text.and_then(|text| TimeFormat::named(text)).unwrap_or_default()
}
