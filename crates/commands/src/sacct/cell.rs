//! What stands in a cell of a job's or a step's line.

use super::Surroundings;
use super::fields::Field as F;
use super::line::{JobLine, StepLine};
use super::print::Cell;
use super::units::{self, Convert, KILO, MEGA, ONE, cpu_time};
use slurm::State;
use slurm::model::tres::{CPU, DISK, ENERGY, MEM, NODE, PAGES, VMEM};
use slurm::model::{TresId, or_zero};
use slurm::records::*;
use std::collections::BTreeMap;
use words::people::{Sought, Uid};
use words::text::duration::format_seconds;

/// What cells are made with.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Names of QOS and TRES.
    pub state: &'a State,
    /// Time, zone, people.
    pub around: &'a Surroundings<'a>,
    /// `--units`, `--noconvert`.
    pub convert: Convert,
    /// `--use-local-uid`
    pub local_uid: bool,
}

fn exit_code(exit: ExitCode) -> Cell {
    // Codes of shells that say "ended by a signal" are shown without that.
    let code = if exit.code >= 128 { exit.code - 128 } else { exit.code };
    Cell::text(format!("{code}:{}", exit.signal))
}

fn state(state: JobState, by: Option<Uid>) -> Cell {
    match by {
        Some(uid) if state == JobState::Cancelled => Cell::text(format!("{} by {uid}", state.name())),
        _ => Cell::text(state.name()),
    }
}

fn limit(limit: TimeLimit, minutes: impl Fn(u32) -> String) -> Cell {
    match limit {
        TimeLimit::Unlimited => Cell::text("UNLIMITED"),
        TimeLimit::Partition => Cell::text("Partition_Limit"),
        TimeLimit::Minutes(0) => Cell::Empty,
        TimeLimit::Minutes(count) => Cell::text(minutes(count)),
    }
}

fn flags(flags: Flags) -> Cell {
    let scheduler = [(1, "SchedNotSet"), (2, "SchedSubmit"), (4, "SchedMain"), (8, "SchedBackfill")];
    let by = scheduler.iter().find(|(bit, _)| flags.has(Flags(*bit))).map(|(_, name)| *name);
    let received = flags.has(Flags::START_RECEIVED).then_some("StartRecieved");
    Cell::text([by, received].into_iter().flatten().collect::<Vec<_>>().join(","))
}

/// `123`, `12_3`, `12_[4-9]`, `12+1`.
pub fn job_id(job: &Job) -> String {
    match (&job.array, job.het) {
        (Some(ArrayPlace { job, tasks: Tasks::Waiting(tasks) }), _) => format!("{job}_[{tasks}]"),
        (Some(ArrayPlace { job, tasks: Tasks::One(task) }), _) => format!("{job}_{task}"),
        (None, Some(het)) => format!("{}+{}", het.job, het.offset),
        (None, None) => job.job_id.to_string(),
    }
}

fn step_id(step: &Step) -> String {
    let id = step.id.to_string();
    step.het_component.map_or(id.clone(), |component| format!("{id}+{component}"))
}

/// What a job uses, or, while it waits, what it wants.
fn in_use(job: &Job) -> &TresCounts {
    if job.tres_allocated.is_empty() { &job.tres_requested } else { &job.tres_allocated }
}

/// `None` when they are not known.
fn cpus(job: &Job) -> Option<u64> {
    in_use(job).get(CPU)
}

/// `None` when nobody measured it.
fn energy(job: &Job) -> Option<u64> {
    job.tres_allocated.get(ENERGY).or(job.details.energy)
}

/// Seconds of all CPUs.
fn cpu_seconds(elapsed: u64, cpus: Option<u64>) -> Option<u64> {
    cpus.map(|cpus| elapsed.saturating_mul(cpus))
}

fn node_count(count: u32, tres: &TresCounts) -> u64 {
    if count > 0 { count.into() } else { tres.get(NODE).unwrap_or(0) }
}

impl Maker<'_> {
    fn time(&self, time: Option<i64>) -> Cell {
        Cell::Time(time.map_or_else(|| "Unknown".into(), |t| self.around.time_format.show(t, &self.around.now)))
    }

    fn now(&self) -> i64 {
        self.around.now.timestamp().as_second()
    }

    fn count(&self, count: u64) -> Cell {
        // Counts don't follow --units, but they do get letters.
        let convert = if let Convert::To(_) = self.convert { Convert::Exact } else { self.convert };
        Cell::text(units::amount(count as f64, ONE, 1024, convert))
    }

    fn joules(&self, joules: Option<u64>) -> Cell {
        let text = |joules: u64| Cell::text(units::amount(joules as f64, ONE, 1000, self.largest()));
        joules.map_or(Cell::Empty, text)
    }

    fn largest(&self) -> Convert {
        if self.convert == Convert::Exact { Convert::Largest } else { self.convert }
    }

    /// An amount that is counted in a unit; nothing where nobody measured it.
    pub fn sized(&self, amount: Option<u64>, unit: usize) -> Cell {
        amount.map_or(Cell::Empty, |amount| Cell::text(units::amount(amount as f64, unit, 1024, self.convert)))
    }

    fn tres_name(&self, id: TresId) -> String {
        self.state.tres.get(&id).map_or_else(|| id.to_string(), |tres| tres.full_name())
    }

    fn list<T>(&self, items: impl Iterator<Item = (TresId, T)>, show: impl Fn(TresId, &str, T) -> String) -> Cell {
        let mut shown: Vec<_> = items
            .map(|(id, value)| {
                let name = self.tres_name(id);
                format!("{name}={}", show(id, &name, value))
            })
            .collect();
        shown.sort();
        Cell::text(shown.join(","))
    }

    fn tres(&self, counts: &TresCounts) -> Cell {
        self.list(counts.iter(), |_, name, count| {
            if name == "mem" || name.starts_with("bb/") {
                units::amount(count as f64, MEGA, 1024, self.convert)
            } else {
                count.to_string()
            }
        })
    }

    fn usage(&self, counts: &TresCounts) -> Cell {
        self.list(counts.iter(), |id, _, count| match id {
            CPU => format_seconds(count / 1000),
            _ => units::amount(count as f64, ONE, 1024, self.convert),
        })
    }

    fn tasks(&self, counts: &TresCounts) -> Cell {
        self.list(counts.iter(), |_, _, task| task.to_string())
    }

    fn nodes(&self, nodes: &BTreeMap<TresId, String>) -> Cell {
        self.list(nodes.iter().map(|(id, node)| (*id, node)), |_, _, node| node.clone())
    }

    fn disk(&self, bytes: Option<u64>) -> Cell {
        bytes.map_or(Cell::Empty, |bytes| Cell::text(units::disk(bytes, self.convert)))
    }

    fn qos(&self, job: &Job) -> Cell {
        Cell::text(job.qos.and_then(|id| self.state.qos.get(&id)).map_or("Unknown", |qos| qos.name.as_str()))
    }

    fn user(&self, job: &Job) -> Cell {
        let name = || job.uid.map_or_else(String::new, |uid| self.around.user_name(uid, uid));
        Cell::text(if job.user.is_empty() { name() } else { job.user.clone() })
    }

    fn uid(&self, job: &Job) -> Option<Uid> {
        if !self.local_uid && job.uid.is_some() {
            return job.uid;
        }
        match self.around.people.user(&job.user) {
            Sought::There(user) => Some(user.uid),
            Sought::Absent | Sought::CannotSay(_) => job.uid,
        }
    }

    /// A cell of a job's line.
    pub fn job(&self, line: &JobLine, field: F) -> Cell {
        let job = &line.job;
        match field {
            F::Account => Cell::text(&job.account),
            F::AdminComment => Cell::text(&job.details.admin_comment),
            F::AllocCpus | F::NCpus => Cell::number(cpus(job)),
            F::AllocNodes => self.count(node_count(job.node_count, &job.tres_allocated)),
            F::AllocTres => self.tres(&job.tres_allocated),
            F::AssocId => Cell::Number(or_zero::number(job.association).into()),
            F::BlockId => Cell::text(&job.details.block_id),
            F::Cluster => Cell::text(&job.cluster),
            F::Comment => Cell::text(&job.details.comment),
            F::Constraints => Cell::text(&job.constraints),
            F::ConsumedEnergy => self.joules(energy(job)),
            F::ConsumedEnergyRaw => Cell::number(energy(job)),
            F::Container => Cell::text(&job.details.container),
            F::CpuTime => cpu_seconds(line.elapsed, cpus(job)).map_or(Cell::Empty, Cell::Duration),
            F::CpuTimeRaw => Cell::number(cpu_seconds(line.elapsed, cpus(job))),
            F::DbIndex => Cell::Number(or_zero::number(job.row)),
            F::DerivedExitCode => Cell::text(format!("{}:{}", job.derived_exit.code, job.derived_exit.signal)),
            F::Elapsed => Cell::Duration(line.elapsed),
            F::ElapsedRaw => Cell::Number(line.elapsed),
            F::Eligible => self.time(job.eligible),
            F::End => self.time(line.end),
            F::ExitCode => exit_code(job.exit),
            F::Flags => flags(job.flags),
            F::Gid => Cell::number(job.gid.map(|gid| gid.0)),
            F::Group => Cell::text(job.gid.map_or_else(String::new, |gid| self.around.group_name(gid))),
            F::JobId => Cell::text(job_id(job)),
            F::JobIdRaw => Cell::text(job.job_id.to_string()),
            F::JobName => Cell::text(&job.name),
            F::McsLabel => Cell::text(&job.details.mcs_label),
            F::NNodes => Cell::Number(node_count(job.node_count, in_use(job))),
            F::NodeList => Cell::text(if job.nodes.is_empty() { "(unknown)" } else { &job.nodes }),
            F::Partition => Cell::text(&job.partition),
            F::Priority => Cell::Number(job.priority.into()),
            F::Qos => self.qos(job),
            F::QosRaw => Cell::Number(or_zero::number(job.qos).into()),
            F::Reason => Cell::text(&job.reason),
            F::ReqCpuFreq | F::ReqCpuFreqGov | F::ReqCpuFreqMax | F::ReqCpuFreqMin => Cell::text("Unknown"),
            F::ReqCpus => Cell::Number(job.cpus_requested.into()),
            F::ReqMem => self.sized(job.tres_requested.get(MEM), MEGA),
            F::ReqNodes => self.sized(Some(job.tres_requested.get(NODE).unwrap_or(0)), ONE),
            F::ReqTres => self.tres(&job.tres_requested),
            F::Reservation => Cell::text(&job.reservation),
            F::ReservationId => Cell::number(job.reservation_id.map(|id| id.0)),
            F::Reserved => Cell::Duration(line.waited(self.now())),
            F::ResvCpu => Cell::Duration(line.waited(self.now()).saturating_mul(job.cpus_requested.into())),
            F::ResvCpuRaw => Cell::Number(line.waited(self.now()).saturating_mul(job.cpus_requested.into())),
            F::Start if line.never_started() => Cell::Time("None".into()),
            F::Start => self.time(line.start),
            F::State => state(job.state, job.cancelled_by),
            F::Submit => self.time(Some(job.submit)),
            F::SubmitLine => Cell::text(&job.details.submit_line),
            F::Suspended => Cell::Duration(line.suspended),
            F::SystemComment => Cell::text(&job.details.system_comment),
            F::SystemCpu => Cell::text(cpu_time(line.system_cpu)),
            F::Timelimit => limit(job.limit, |minutes| format_seconds(u64::from(minutes) * 60)),
            F::TimelimitRaw => limit(job.limit, |minutes| minutes.to_string()),
            F::TotalCpu => Cell::text(cpu_time(line.user_cpu.saturating_add(line.system_cpu))),
            F::Uid => Cell::number(self.uid(job).map(|uid| uid.0)),
            F::User => self.user(job),
            F::UserCpu => Cell::text(cpu_time(line.user_cpu)),
            F::Wckey => Cell::text(&job.wckey),
            F::WckeyId => Cell::Number(0),
            F::WorkDir => Cell::text(&job.details.work_dir),
            _ => Cell::Empty,
        }
    }

    /// A cell of a step's line.
    pub fn step(&self, of: &JobLine, line: &StepLine, field: F) -> Cell {
        let (job, step, details) = (&of.job, &line.step, &line.step.details);
        let cpus = step.tres_allocated.get(CPU).or_else(|| cpus(job));
        let nodes = node_count(step.node_count, &step.tres_allocated);
        match field {
            F::Account => Cell::text(&job.account),
            F::AllocCpus | F::NCpus | F::ReqCpus => Cell::number(cpus),
            F::AllocNodes => self.count(nodes),
            F::AllocTres => self.tres(&step.tres_allocated),
            F::AssocId => Cell::Number(or_zero::number(job.association).into()),
            F::AveCpuFreq => Cell::text(units::amount(details.cpu_frequency as f64, KILO, 1000, self.largest())),
            F::Cluster => Cell::text(&job.cluster),
            F::ConsumedEnergy => self.joules(details.energy),
            F::ConsumedEnergyRaw => Cell::number(details.energy),
            F::Container => Cell::text(&details.container),
            F::CpuTime => cpu_seconds(line.elapsed, cpus).map_or(Cell::Empty, Cell::Duration),
            F::CpuTimeRaw => Cell::number(cpu_seconds(line.elapsed, cpus)),
            F::DbIndex => Cell::Number(or_zero::number(job.row)),
            F::Elapsed => Cell::Duration(line.elapsed),
            F::ElapsedRaw => Cell::Number(line.elapsed),
            F::Eligible | F::Start | F::Submit => self.time(line.start),
            F::End => self.time(line.end),
            F::ExitCode => exit_code(step.exit),
            F::JobId => Cell::text(format!("{}.{}", job_id(job), step_id(step))),
            F::JobIdRaw => Cell::text(format!("{}.{}", job.job_id, step_id(step))),
            F::JobName => Cell::text(&step.name),
            F::Layout => Cell::text(&details.layout),
            F::NNodes => Cell::Number(nodes),
            F::NodeList => Cell::text(&step.nodes),
            F::NTasks => Cell::Number(step.tasks.into()),
            F::ReqCpuFreq | F::ReqCpuFreqMax => Cell::text(&details.requested_frequency.max),
            F::ReqCpuFreqGov => Cell::text(&details.requested_frequency.governor),
            F::ReqCpuFreqMin => Cell::text(&details.requested_frequency.min),
            F::ReqNodes => self.sized(Some(nodes), ONE),
            F::State => state(step.state, step.cancelled_by),
            F::SubmitLine => Cell::text(&details.submit_line),
            F::Suspended => Cell::Duration(step.suspended),
            F::SystemCpu => Cell::text(cpu_time(step.system_cpu)),
            F::TotalCpu => Cell::text(cpu_time(step.user_cpu.saturating_add(step.system_cpu))),
            F::UserCpu => Cell::text(cpu_time(step.user_cpu)),
            other => self.used(details, other),
        }
    }

    /// What the tasks of a step used.
    pub fn used(&self, details: &StepDetails, field: F) -> Cell {
        let (into, out) = (&details.usage_in, &details.usage_out);
        let cpu = |counts: &TresCounts| counts.get(CPU).map_or(Cell::Empty, |ms| Cell::text(format_seconds(ms / 1000)));
        let node = |nodes: &BTreeMap<TresId, String>, id| Cell::text(nodes.get(&id).cloned().unwrap_or_default());
        let task = |tasks: &TresCounts, id| Cell::number(tasks.get(id));
        match field {
            F::AveCpu => cpu(&into.average),
            F::AveDiskRead => self.disk(into.average.get(DISK)),
            F::AveDiskWrite => self.disk(out.average.get(DISK)),
            F::AvePages => self.sized(into.average.get(PAGES), ONE),
            F::AveRss => self.sized(into.average.get(MEM), ONE),
            F::AveVmSize => self.sized(into.average.get(VMEM), ONE),
            F::MaxDiskRead => self.disk(into.max.get(DISK)),
            F::MaxDiskReadNode => node(&into.max_node, DISK),
            F::MaxDiskReadTask => task(&into.max_task, DISK),
            F::MaxDiskWrite => self.disk(out.max.get(DISK)),
            F::MaxDiskWriteNode => node(&out.max_node, DISK),
            F::MaxDiskWriteTask => task(&out.max_task, DISK),
            F::MaxPages => self.sized(into.max.get(PAGES), ONE),
            F::MaxPagesNode => node(&into.max_node, PAGES),
            F::MaxPagesTask => task(&into.max_task, PAGES),
            F::MaxRss => self.sized(into.max.get(MEM), ONE),
            F::MaxRssNode => node(&into.max_node, MEM),
            F::MaxRssTask => task(&into.max_task, MEM),
            F::MaxVmSize => self.sized(into.max.get(VMEM), ONE),
            F::MaxVmSizeNode => node(&into.max_node, VMEM),
            F::MaxVmSizeTask => task(&into.max_task, VMEM),
            F::MinCpu => cpu(&into.min),
            F::MinCpuNode => node(&into.min_node, CPU),
            F::MinCpuTask => task(&into.min_task, CPU),
            F::UsageInAve => self.usage(&into.average),
            F::UsageInMax => self.usage(&into.max),
            F::UsageInMaxNode => self.nodes(&into.max_node),
            F::UsageInMaxTask => self.tasks(&into.max_task),
            F::UsageInMin => self.usage(&into.min),
            F::UsageInMinNode => self.nodes(&into.min_node),
            F::UsageInMinTask => self.tasks(&into.min_task),
            F::UsageInTot => self.usage(&into.total),
            F::UsageOutAve => self.usage(&out.average),
            F::UsageOutMax => self.usage(&out.max),
            F::UsageOutMaxNode => self.nodes(&out.max_node),
            F::UsageOutMaxTask => self.tasks(&out.max_task),
            F::UsageOutMin => self.usage(&out.min),
            F::UsageOutMinNode => self.nodes(&out.min_node),
            F::UsageOutMinTask => self.tasks(&out.min_task),
            F::UsageOutTot => self.usage(&out.total),
            _ => Cell::Empty,
        }
    }
}
