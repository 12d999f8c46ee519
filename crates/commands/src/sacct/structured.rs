//! `--json` and `--yaml`: jobs in the shape of Slurm 22.05's plugin `dbv0.0.38` (rest_api, "dbv0.0.38_job"). Where that
//! says SUCCESS whatever the exit code was, ours tells.

use super::cell::Maker;
use super::line::{JobLine, StepLine};
use crate::Output;
use crate::data::{Data, Document, Structured};
use crate::signals;
use slurm::model::{AssociationId, AssociationKey, TresId, or_zero};
use slurm::records::*;
use std::collections::BTreeMap;
use words::people::Uid;
use words::text::hostlist;

/// Why there are no jobs.
pub const NOTHING: Failure =
    Failure { description: Some("Nothing found"), number: 9003, text: "Nothing found with query" };

/// A query over more than MaxQueryTimeRange.
pub const TOO_WIDE: Failure = Failure { description: None, number: 7007, text: "Too wide of a date range in query" };

/// What stands among `errors`.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    description: Option<&'static str>,
    number: u32,
    text: &'static str,
}

impl Failure {
    fn data(self) -> Data {
        let description = self.description.map(|text| ("description", Data::text(text)));
        let rest = [
            ("error_number", Data::int(self.number)),
            ("error", Data::text(self.text)),
            ("source", Data::text("slurmdb_jobs_get")),
        ];
        Data::Map(description.into_iter().chain(rest).collect())
    }
}

/// The answer, of which the jobs are still to come.
pub fn document<'a, 'o>(form: Structured, failure: Option<Failure>, out: &'a mut Output<'o>) -> Document<'a, 'o> {
    let version = [("major", 22), ("micro", 8), ("minor", 5)].map(|(name, number)| (name, Data::int(number)));
    let plugin = map([("type", Data::text("openapi/dbv0.0.38")), ("name", Data::text("Slurm OpenAPI DB v0.0.38"))]);
    let slurm = map([("version", map(version)), ("release", Data::text("22.05.8"))]);
    let before = [
        ("meta", map([("plugin", plugin), ("Slurm", slurm)])),
        ("errors", Data::List(failure.into_iter().map(Failure::data).collect())),
    ];
    Document::new(form, &before, "jobs", out)
}

fn map<const N: usize>(items: [(&'static str, Data); N]) -> Data {
    Data::Map(items.into())
}

/// Seconds and microseconds.
fn cpu_time(microseconds: u64) -> Data {
    map([("seconds", Data::int(microseconds / 1_000_000)), ("microseconds", Data::int(microseconds % 1_000_000))])
}

fn time(time: Option<i64>) -> Data {
    Data::int(time.unwrap_or(0))
}

fn exit_code(exit: ExitCode) -> Data {
    match (exit.code, exit.signal) {
        (0, 0) => map([("status", Data::text("SUCCESS")), ("return_code", Data::int(0))]),
        (code, 0) => map([("status", Data::text("ERROR")), ("return_code", Data::int(code))]),
        (_, signal) => {
            let named = map([("signal_id", Data::int(signal)), ("name", Data::text(signals::words(signal)))]);
            map([("status", Data::text("SIGNALED")), ("return_code", Data::Null), ("signal", named)])
        }
    }
}

fn flags(flags: Flags) -> Data {
    let any = Flags::SUBMIT.0 | Flags::MAIN.0 | Flags::BACKFILL.0 | 1;
    let named = [
        (any, "CLEAR_SCHEDULING"),
        (1, "NOT_SET"),
        (Flags::SUBMIT.0, "STARTED_ON_SUBMIT"),
        (Flags::MAIN.0, "STARTED_ON_SCHEDULE"),
        (Flags::BACKFILL.0, "STARTED_ON_BACKFILL"),
    ];
    Data::List(named.iter().filter(|(bits, _)| flags.0 & bits != 0).map(|(_, name)| Data::text(*name)).collect())
}

impl Maker<'_> {
    /// A job with its steps.
    pub fn data(&self, line: &JobLine, steps: &[StepLine]) -> Data {
        let job = &line.job;
        let limit = match job.limit {
            TimeLimit::Minutes(minutes) => Data::int(minutes),
            TimeLimit::Partition | TimeLimit::Unlimited => Data::Null,
        };
        let text = |text: &str| Data::text(text);
        map([
            ("account", text(&job.account)),
            ("comment", comments(job)),
            ("allocation_nodes", Data::int(job.node_count)),
            ("array", array(job)),
            ("association", self.association_data(job.association)),
            ("cluster", text(&job.cluster)),
            ("constraints", text(&job.constraints)),
            ("container", Data::some_text(&job.details.container)),
            ("derived_exit_code", exit_code(job.derived_exit)),
            (
                "time",
                map([
                    ("elapsed", Data::int(line.elapsed)),
                    ("eligible", time(job.eligible)),
                    ("end", time(line.end)),
                    ("start", if line.never_started() { Data::Null } else { time(line.start) }),
                    ("submission", Data::int(job.submit)),
                    ("suspended", Data::int(line.suspended)),
                    ("system", cpu_time(0)),
                    ("limit", limit),
                    ("total", cpu_time(0)),
                    ("user", cpu_time(0)),
                ]),
            ),
            ("exit_code", exit_code(job.exit)),
            ("flags", flags(job.flags)),
            ("group", Data::some_text(&job.gid.map_or_else(String::new, |gid| self.around.group_name(gid)))),
            ("het", het(job.het)),
            ("job_id", Data::int(job.job_id.0)),
            ("name", text(&job.name)),
            ("mcs", map([("label", text(&job.details.mcs_label))])),
            ("nodes", text(&job.nodes)),
            ("partition", text(&job.partition)),
            ("priority", Data::int(job.priority)),
            (
                "qos",
                Data::some_text(job.qos.and_then(|id| self.state.qos.get(&id)).map_or("", |qos| qos.name.as_str())),
            ),
            // The amount of memory is among the TRES; 22.05 says 0 here.
            ("required", map([("CPUs", Data::int(job.cpus_requested)), ("memory", Data::int(0))])),
            ("kill_request_user", self.killer(job.cancelled_by)),
            ("reservation", reservation(job)),
            ("state", map([("current", text(job.state.name())), ("reason", text(&job.reason))])),
            ("steps", Data::List(steps.iter().map(|step| self.step_data(line, step)).collect())),
            (
                "tres",
                map([
                    ("allocated", self.tres_data(&job.tres_allocated)),
                    ("requested", self.tres_data(&job.tres_requested)),
                ]),
            ),
            ("user", Data::some_text(&job.user)),
            ("wckey", wckey(&job.wckey)),
            ("working_directory", Data::some_text(&job.details.work_dir)),
        ])
    }

    fn step_data(&self, of: &JobLine, line: &StepLine) -> Data {
        let (step, details) = (&line.step, &line.step.details);
        let nodes: Vec<_> = hostlist::expand(&step.nodes).unwrap_or_default().into_iter().map(Data::Text).collect();
        let frequency = |text: &str| Data::int(kilohertz(text));
        let (frequencies, het) = (&details.requested_frequency, Data::some_int(step.het_component));
        let id = match step.id {
            StepId::Batch => Data::text("batch"),
            StepId::Extern => Data::text("extern"),
            StepId::Interactive => Data::text("interactive"),
            StepId::Number(number) => Data::int(number),
        };
        let layout = if details.layout.is_empty() { "Unknown" } else { &details.layout };
        map([
            (
                "nodes",
                map([
                    ("list", Data::List(nodes)),
                    ("count", Data::int(step.node_count)),
                    ("range", Data::text(&step.nodes)),
                ]),
            ),
            (
                "tres",
                map([
                    ("requested", self.usage_data(&details.usage_in)),
                    ("consumed", self.usage_data(&details.usage_out)),
                    ("allocated", self.tres_data(&step.tres_allocated)),
                ]),
            ),
            (
                "time",
                map([
                    ("elapsed", Data::int(line.elapsed)),
                    ("end", time(line.end)),
                    ("start", time(line.start)),
                    ("suspended", Data::int(step.suspended)),
                    ("system", cpu_time(step.system_cpu)),
                    ("total", cpu_time(step.user_cpu.saturating_add(step.system_cpu))),
                    ("user", cpu_time(step.user_cpu)),
                ]),
            ),
            ("exit_code", exit_code(step.exit)),
            ("tasks", map([("count", Data::int(step.tasks))])),
            ("pid", Data::Null),
            (
                "CPU",
                map([
                    (
                        "requested_frequency",
                        map([("min", frequency(&frequencies.min)), ("max", frequency(&frequencies.max))]),
                    ),
                    ("governor", governor(&frequencies.governor)),
                ]),
            ),
            ("kill_request_user", self.killer(step.cancelled_by)),
            ("state", Data::text(step.state.name())),
            (
                "statistics",
                map([
                    ("CPU", map([("actual_frequency", Data::int(details.cpu_frequency))])),
                    ("energy", map([("consumed", Data::some_int(details.energy))])),
                ]),
            ),
            (
                "step",
                map([
                    ("job_id", Data::int(of.job.job_id.0)),
                    ("het", map([("component", het)])),
                    ("id", id),
                    ("name", Data::text(&step.name)),
                ]),
            ),
            ("task", map([("distribution", Data::text(layout))])),
        ])
    }

    fn association_data(&self, id: Option<AssociationId>) -> Data {
        let key = id.and_then(|id| self.state.associations().get(&id)).map(|row| &row.key);
        let part = |part: fn(&AssociationKey) -> &String| key.map_or(Data::Null, |key| Data::some_text(part(key)));
        map([
            ("account", part(|key| &key.account)),
            ("cluster", part(|key| &key.cluster)),
            ("partition", part(|key| &key.partition)),
            ("user", part(|key| &key.user)),
        ])
    }

    fn killer(&self, uid: Option<Uid>) -> Data {
        Data::some_text(&uid.map_or_else(String::new, |uid| self.around.user_name(uid, uid)))
    }

    fn tres_head(&self, id: TresId) -> [(&'static str, Data); 3] {
        let (kind, name) = self.state.tres.get(&id).map_or(("", ""), |tres| (tres.kind.as_str(), tres.name.as_str()));
        [("type", Data::some_text(kind)), ("name", Data::some_text(name)), ("id", Data::int(id.0))]
    }

    fn tres_data(&self, counts: &TresCounts) -> Data {
        let one = |(id, count): (TresId, u64)| {
            Data::Map(self.tres_head(id).into_iter().chain([("count", Data::int(count))]).collect())
        };
        Data::List(counts.iter().map(one).collect())
    }

    /// Extremes, with the task and node where they were met.
    fn extremes(&self, counts: &TresCounts, tasks: &TresCounts, nodes: &BTreeMap<TresId, String>) -> Data {
        let one = |(id, count): (TresId, u64)| {
            let place = [
                ("count", Data::int(count)),
                ("task", Data::some_int(tasks.get(id))),
                ("node", nodes.get(&id).map_or(Data::Null, Data::text)),
            ];
            Data::Map(self.tres_head(id).into_iter().chain(place).collect())
        };
        Data::List(counts.iter().map(one).collect())
    }

    fn usage_data(&self, usage: &Usage) -> Data {
        map([
            ("max", self.extremes(&usage.max, &usage.max_task, &usage.max_node)),
            ("min", self.extremes(&usage.min, &usage.min_task, &usage.min_node)),
            ("average", self.tres_data(&usage.average)),
            ("total", self.tres_data(&usage.total)),
        ])
    }
}

fn comments(job: &Job) -> Data {
    map([
        ("administrator", Data::some_text(&job.details.admin_comment)),
        ("job", Data::some_text(&job.details.comment)),
        ("system", Data::some_text(&job.details.system_comment)),
    ])
}

fn array(job: &Job) -> Data {
    let (number, tasks, task, waiting) = match &job.array {
        None => (0, None, None, None),
        Some(ArrayPlace { job, tasks: Tasks::One(task) }) => (job.0, None, Some(*task), None),
        Some(ArrayPlace { job, tasks: Tasks::Waiting(tasks) }) => {
            let most = tasks.split_once('%').and_then(|(_, most)| most.parse::<u32>().ok());
            (job.0, most, None, Some(tasks.as_str()))
        }
    };
    let running = map([("tasks", Data::int(tasks.unwrap_or(0)))]);
    map([
        ("job_id", Data::int(number)),
        ("limits", map([("max", map([("running", running)]))])),
        ("task", Data::some_text(waiting.unwrap_or_default())),
        ("task_id", Data::some_int(task)),
    ])
}

fn het(place: Option<HetPlace>) -> Data {
    let number = place.map_or(0, |place| place.job.0);
    map([("job_id", Data::int(number)), ("job_offset", Data::some_int(place.map(|place| place.offset)))])
}

/// 22.05 has a number where the name should be; without a reservation it is 0.
fn reservation(job: &Job) -> Data {
    let name = if job.reservation.is_empty() { Data::int(0) } else { Data::text(&job.reservation) };
    map([("id", Data::int(or_zero::number(job.reservation_id))), ("name", name)])
}

fn wckey(text: &str) -> Data {
    let flags = text.strip_prefix('*').map(|_| Data::text("ASSIGNED_DEFAULT"));
    let name = text.strip_prefix('*').unwrap_or(text);
    map([("wckey", Data::text(name)), ("flags", Data::List(flags.into_iter().collect()))])
}

/// `2.60G` of a list is 2,600,000 kHz; a word such as `High` is none.
fn kilohertz(text: &str) -> u64 {
    let (number, scale) = match text.char_indices().last() {
        Some((at, 'G')) => (&text[..at], 1e6),
        Some((at, 'M')) => (&text[..at], 1e3),
        Some((at, 'K')) => (&text[..at], 1.0),
        _ => (text, 1.0),
    };
    number.parse::<f64>().map_or(0, |number| (number * scale).round() as u64)
}

fn governor(text: &str) -> Data {
    let known = !text.is_empty() && !matches!(text, "0" | "Unknown");
    Data::List(known.then(|| Data::text(text)).into_iter().collect())
}
