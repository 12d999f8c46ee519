//! One line's cells put together into a job or a step.

use super::column::{Column as C, Columns};
use super::values::{self, Id, Moment, Task};
use super::{Bad, Dialect, Names};
use crate::model::tres::{CPU, DISK, MEM, NODE, PAGES, VMEM};
use crate::model::{JobId, TresId, or_zero};
use crate::records::*;
use crate::rollup::Span;
use std::cell::RefCell;
use words::people::Uid;

const MEGA: u64 = 1 << 20;

/// Slurm's number for what is not known (`NO_VAL64`), and the one above it.
const NOTHING_KNOWN: u64 = u64::MAX - 1;

/// The cells of one line.
pub struct Cells<'a> {
    pub texts: &'a [&'a str],
    pub columns: &'a Columns,
    pub dialect: &'a Dialect,
    pub names: &'a mut dyn Names,
    /// Cells that could not be read and only describe.
    pub left_out: &'a RefCell<Vec<Bad>>,
}

type Read<T> = Result<T, Bad>;

/// Start and end as far as known, and for how many seconds it was suspended.
struct Times {
    start: Option<i64>,
    end: Option<i64>,
    suspended: u64,
}

/// Whether a name may be one of a TRES: it becomes known by being read.
pub fn is_tres(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"/:_.-".contains(&b);
    (1..=64).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(fits)
}

impl Cells<'_> {
    /// The text of a column; empty when the column is not there.
    fn text(&self, column: C) -> &str {
        self.columns.position(column).map_or("", |at| self.texts[at])
    }

    fn has(&self, column: C) -> bool {
        self.columns.position(column).is_some()
    }

    /// The value of a column; `None` when the cell is empty or the column not there.
    pub fn get<T>(&self, column: C, read: impl FnOnce(&str) -> Option<T>) -> Read<Option<T>> {
        match self.text(column) {
            "" => Ok(None),
            text => match read(text) {
                Some(value) => Ok(Some(value)),
                None => self.leave_out(column, "cannot be read").map(|()| None),
            },
        }
    }

    /// An error, unless the column only describes: then its cell counts as empty, and that is said.
    fn leave_out(&self, column: C, what: &str) -> Read<()> {
        if column.decides() {
            return Err(self.bad(column, what));
        }
        self.left_out.borrow_mut().push(self.bad(column, what));
        Ok(())
    }

    fn bad(&self, column: C, what: &str) -> Bad {
        let at = self.columns.position(column).unwrap_or(0);
        let before: usize = self.texts[..at].iter().map(|text| text.chars().count()).sum();
        let start = before + at * self.dialect.delimiter.chars().count() + 1;
        let shown: String = self.text(column).chars().take(60).collect();
        Bad { column: start, what: format!("{} `{}` {what}", column.name(), shown.escape_debug()) }
    }

    fn owned(&self, column: C) -> String {
        self.text(column).to_owned()
    }

    fn count<T: std::str::FromStr>(&self, column: C) -> Read<Option<T>> {
        self.get(column, values::number)
    }

    /// A job's own number.
    pub fn number(&self, id: &Id, raw: Option<&Id>) -> Read<JobId> {
        match raw {
            Some(raw) => Ok(raw.job),
            None if id.offset.is_some() || matches!(id.task, Some(Task::One(_))) => {
                Err(self.bad(C::JobId, "is a part of a job whose own number is not listed; list JobIDRaw too"))
            }
            None if id.job == JobId(0) => Err(self.bad(C::JobId, "is empty")),
            None => Ok(id.job),
        }
    }

    /// The line as a job.
    pub fn job(&mut self, id: Id, raw: Option<Id>) -> Read<Job> {
        let job_id = self.number(&id, raw.as_ref())?;
        let submit = self.moment(C::Submit)?.ok_or_else(|| self.bad(C::Submit, "says no time"))?.first;
        let times = self.times()?;
        let (state, cancelled_by) = self.state()?;
        let mut flags = self.get(C::Flags, values::flags)?.unwrap_or_default();
        if self.text(C::Start) == "None" {
            flags.0 |= Flags::START_RECEIVED.0;
        }
        let qos_number = self.count(C::QosRaw)?.and_then(or_zero::id);
        let qos_name = self.owned(C::Qos);
        let cpus_requested = self.count(C::ReqCpus)?.or(self.count(C::AllocCpus)?).unwrap_or(0);
        Ok(Job {
            row: None,
            cluster: if self.text(C::Cluster).is_empty() {
                self.dialect.cluster.clone()
            } else {
                self.owned(C::Cluster)
            },
            job_id,
            array: id.task.map(|task| ArrayPlace {
                job: id.job,
                tasks: match task {
                    Task::One(task) => Tasks::One(task),
                    Task::Waiting(tasks) => Tasks::Waiting(tasks),
                },
            }),
            het: id.offset.map(|offset| HetPlace { job: id.job, offset }),
            name: self.owned(C::JobName),
            account: self.owned(C::Account),
            user: self.owned(C::User),
            uid: self.count(C::Uid)?,
            gid: self.count(C::Gid)?,
            partition: self.owned(C::Partition),
            qos: if qos_name.is_empty() { None } else { self.names.qos(&qos_name, qos_number) },
            association: None,
            wckey: self.owned(C::Wckey),
            reservation: self.owned(C::Reservation),
            reservation_id: self.count(C::ReservationId)?.and_then(or_zero::id),
            submit,
            eligible: self.eligible(submit)?,
            start: times.start,
            end: times.end,
            suspended: times.suspended,
            limit: self.limit()?,
            state,
            cancelled_by,
            exit: self.get(C::ExitCode, values::exit_code)?.unwrap_or_default(),
            derived_exit: self.get(C::DerivedExitCode, values::exit_code)?.unwrap_or_default(),
            tres_requested: self.tres_requested()?,
            tres_allocated: self.tres_allocated(times.start.is_some())?,
            cpus_requested,
            node_count: self.node_count(times.start.is_some())?,
            nodes: self.owned(C::NodeList),
            priority: self.count(C::Priority)?.unwrap_or(0),
            reason: if self.text(C::Reason).is_empty() { "None".into() } else { self.owned(C::Reason) },
            flags,
            constraints: self.owned(C::Constraints),
            details: self.details()?,
        })
    }

    /// When it could first have started; a list that does not tell means as soon as it was submitted. `Unknown` is a job
    /// that was held all the time.
    fn eligible(&self, submit: i64) -> Read<Option<i64>> {
        if self.has(C::Eligible) { Ok(self.moment(C::Eligible)?.map(|moment| moment.first)) } else { Ok(Some(submit)) }
    }

    fn details(&self) -> Read<Details> {
        Ok(Details {
            admin_comment: self.owned(C::AdminComment),
            block_id: self.owned(C::BlockId),
            comment: self.owned(C::Comment),
            container: self.owned(C::Container),
            extra: self.owned(C::Extra),
            mcs_label: self.owned(C::McsLabel),
            submit_line: self.owned(C::SubmitLine),
            system_comment: self.owned(C::SystemComment),
            work_dir: self.owned(C::WorkDir),
            energy: self.energy()?,
            suspended_since: None,
            resumed: None,
        })
    }

    /// The line as a step.
    pub fn step(&mut self, (id, het_component): (StepId, Option<u32>)) -> Read<Step> {
        let times = self.times()?;
        let (state, cancelled_by) = self.state()?;
        let (user_cpu, system_cpu) = self.cpu_times()?;
        Ok(Step {
            id,
            het_component,
            name: self.owned(C::JobName),
            state,
            cancelled_by,
            exit: self.get(C::ExitCode, values::exit_code)?.unwrap_or_default(),
            start: times.start,
            end: times.end,
            suspended: times.suspended,
            node_count: self.node_count(true)?,
            nodes: self.owned(C::NodeList),
            tasks: self.count(C::NTasks)?.unwrap_or(0),
            user_cpu,
            system_cpu,
            tres_allocated: self.tres_allocated(true)?,
            details: self.step_details()?,
        })
    }

    /// CPU time outside and in the kernel. Fractions that were not printed are filled in as far as the total says more.
    fn cpu_times(&self) -> Read<(u64, u64)> {
        let cpu = |column| self.get(column, values::duration);
        let (user, system, total) = (cpu(C::UserCpu)?, cpu(C::SystemCpu)?, cpu(C::TotalCpu)?.unwrap_or(0));
        let (Some(user), Some(system)) = (user, system) else {
            let system = system.unwrap_or(0);
            return Ok((user.unwrap_or(total.saturating_sub(system)), system));
        };
        let unprinted = |micros: u64| if micros < 3_600_000_000 { 999 } else { 999_999 };
        let missing = total.saturating_sub(user.saturating_add(system));
        let of_user = missing.min(unprinted(user));
        Ok((user.saturating_add(of_user), system.saturating_add((missing - of_user).min(unprinted(system)))))
    }

    fn step_details(&mut self) -> Read<StepDetails> {
        Ok(StepDetails {
            layout: self.owned(C::Layout),
            cpu_frequency: self.get(C::AveCpuFreq, |text| values::amount(text, 1000, 1000))?.unwrap_or(0),
            requested_frequency: Frequencies {
                min: self.owned(C::ReqCpuFreqMin),
                max: self.owned(C::ReqCpuFreqMax),
                governor: self.owned(C::ReqCpuFreqGov),
            },
            energy: self.energy()?,
            container: self.owned(C::Container),
            submit_line: self.owned(C::SubmitLine),
            usage_in: if self.has(C::UsageInMax) { self.usage_in()? } else { self.older_usage_in()? },
            usage_out: if self.has(C::UsageOutMax) { self.usage_out()? } else { self.older_usage_out()? },
        })
    }

    /// Joules; `None` when nobody measured them.
    fn energy(&self) -> Read<Option<u64>> {
        let raw = self.count(C::ConsumedEnergyRaw)?;
        let rounded = self.get(C::ConsumedEnergy, |text| values::amount(text, 1, 1000))?;
        Ok(raw.or(rounded).filter(|joules| *joules < NOTHING_KNOWN))
    }

    /// A time. Very old releases wrote 1970 where they knew none; nothing was submitted then.
    fn moment(&self, column: C) -> Read<Option<Moment>> {
        let moment = self.get(column, |text| values::moment(text, &self.dialect.zone))?.flatten();
        Ok(moment.filter(|moment| moment.first != 0))
    }

    fn state(&self) -> Read<(JobState, Option<Uid>)> {
        let state = self.get(C::State, values::state)?;
        state.ok_or_else(|| self.bad(C::State, "says no state"))
    }

    fn limit(&self) -> Read<TimeLimit> {
        let raw = self.has(C::TimelimitRaw);
        let column = if raw { C::TimelimitRaw } else { C::Timelimit };
        Ok(self.get(column, |text| values::limit(text, raw))?.unwrap_or(TimeLimit::Minutes(0)))
    }

    /// Start, end and suspension. In the hour that a clock repeats, the elapsed time tells which of two it was.
    fn times(&self) -> Read<Times> {
        let micros = |micros: u64| micros / 1_000_000;
        let said = self.get(C::Suspended, values::duration)?.map(micros);
        let elapsed = self.count(C::ElapsedRaw)?.or(self.get(C::Elapsed, values::duration)?.map(micros));
        let (start, end) = (self.moment(C::Start)?, self.moment(C::End)?);
        let ran = |(start, end): &(i64, i64)| Span { start: *start, end: *end }.seconds();
        let (Some(start), Some(end)) = (start, end) else {
            let first = |moment: Option<Moment>| moment.map(|moment| moment.first);
            return Ok(Times { start: first(start), end: first(end), suspended: said.unwrap_or(0) });
        };
        let pairs = [(start.first, end.first), (start.first, end.second), (start.second, end.second)];
        let fits =
            |pair: &&(i64, i64)| Some(ran(pair)) == elapsed.map(|elapsed| elapsed.saturating_add(said.unwrap_or(0)));
        let pair = pairs.iter().find(fits).unwrap_or(&pairs[0]);
        let missing = elapsed.map_or(0, |elapsed| ran(pair).saturating_sub(elapsed));
        Ok(Times { start: Some(pair.0), end: Some(pair.1), suspended: said.unwrap_or(missing) })
    }

    fn node_count(&self, started: bool) -> Read<u32> {
        if self.has(C::AllocNodes) {
            return Ok(self.get(C::AllocNodes, |text| values::amount(text, 1, 1024))?.map_or(0, |n| n as u32));
        }
        Ok(if started { self.count(C::NNodes)?.unwrap_or(0) } else { 0 })
    }

    /// A list such as `cpu=4,mem=8G`, each amount read by its TRES.
    fn tres(&mut self, column: C, read: impl Fn(TresId, &str, &str) -> Option<u64>) -> Read<TresCounts> {
        let mut counts = TresCounts::default();
        for part in self.owned(column).split(',').filter(|part| !part.is_empty()) {
            let pair = part.split_once('=').filter(|(name, _)| is_tres(name));
            if pair.is_some_and(|(_, text)| text == "NONE") {
                continue;
            }
            let counted = pair.and_then(|(name, text)| {
                let id = self.names.tres(name);
                Some((id, read(id, name, text)?))
            });
            let Some((id, count)) = counted else {
                return self.leave_out(column, "is no list of TRES and amounts").map(|()| TresCounts::default());
            };
            if count < NOTHING_KNOWN {
                counts.set(id, count);
            }
        }
        Ok(counts)
    }

    fn amounts(&mut self, column: C) -> Read<TresCounts> {
        self.tres(column, |_, name, text| {
            let sized = name == "mem" || name.starts_with("bb/");
            values::amount(text, if sized { MEGA } else { 1 }, 1024)
        })
    }

    fn tres_allocated(&mut self, started: bool) -> Read<TresCounts> {
        if self.has(C::AllocTres) || !started {
            return self.amounts(C::AllocTres);
        }
        let cpus = self.count(C::AllocCpus)?.or(self.count(C::NCpus)?);
        let nodes = self.count(C::NNodes)?;
        let mut counts: TresCounts =
            [(CPU, cpus), (NODE, nodes)].into_iter().filter_map(|(id, count)| Some((id, count?))).collect();
        for (name, count) in self.get(C::AllocGres, values::gres)?.into_iter().flatten() {
            if is_tres(&name) {
                let id = self.names.tres(&name);
                counts.set(id, counts.get(id).unwrap_or(0).saturating_add(count));
            }
        }
        Ok(counts)
    }

    fn tres_requested(&mut self) -> Read<TresCounts> {
        if self.has(C::ReqTres) {
            return self.amounts(C::ReqTres);
        }
        let cpus = self.count::<u64>(C::ReqCpus)?;
        let nodes = self.count::<u64>(C::ReqNodes)?.or(self.count(C::NNodes)?);
        let memory = self.requested_memory(cpus.unwrap_or(1), nodes.unwrap_or(1))?;
        let all = [(CPU, cpus), (MEM, memory), (NODE, nodes)];
        Ok(all.into_iter().filter_map(|(id, count)| Some((id, count?))).collect())
    }

    /// `4Gn` and `2000Mc` of older releases are for each node and each CPU.
    fn requested_memory(&self, cpus: u64, nodes: u64) -> Read<Option<u64>> {
        self.get(C::ReqMem, |text| {
            let (text, times) = match (text.strip_suffix('n'), text.strip_suffix('c')) {
                (Some(each), _) => (each, nodes),
                (_, Some(each)) => (each, cpus),
                _ => (text, 1),
            };
            values::amount(text, MEGA, 1024)?.checked_mul(times)
        })
    }

    /// CPU time in milliseconds, everything else in bytes or counts.
    fn used(&mut self, column: C) -> Read<TresCounts> {
        self.tres(column, |_, name, text| match name {
            "cpu" => values::duration(text).map(|micros| micros / 1000),
            _ => values::amount(text, 1, 1024),
        })
    }

    fn places(&mut self, column: C) -> Read<TresCounts> {
        self.tres(column, |_, _, text| values::number(text))
    }

    fn nodes(&mut self, column: C) -> std::collections::BTreeMap<TresId, String> {
        let text = self.owned(column);
        let pairs = text.split(',').filter_map(|part| part.split_once('='));
        let named = pairs.filter(|(name, _)| is_tres(name));
        named.map(|(name, node)| (self.names.tres(name), node.to_owned())).collect()
    }

    fn usage_in(&mut self) -> Read<Usage> {
        Ok(Usage {
            average: self.used(C::UsageInAve)?,
            max: self.used(C::UsageInMax)?,
            max_node: self.nodes(C::UsageInMaxNode),
            max_task: self.places(C::UsageInMaxTask)?,
            min: self.used(C::UsageInMin)?,
            min_node: self.nodes(C::UsageInMinNode),
            min_task: self.places(C::UsageInMinTask)?,
            total: self.used(C::UsageInTot)?,
        })
    }

    fn usage_out(&mut self) -> Read<Usage> {
        Ok(Usage {
            average: self.used(C::UsageOutAve)?,
            max: self.used(C::UsageOutMax)?,
            max_node: self.nodes(C::UsageOutMaxNode),
            max_task: self.places(C::UsageOutMaxTask)?,
            min: self.used(C::UsageOutMin)?,
            min_node: self.nodes(C::UsageOutMinNode),
            min_task: self.places(C::UsageOutMinTask)?,
            total: self.used(C::UsageOutTot)?,
        })
    }

    /// Amounts that stand in columns of their own.
    fn single(&self, columns: &[(TresId, C)]) -> Read<TresCounts> {
        let mut counts = TresCounts::default();
        for (id, column) in columns {
            let read = |text: &str| match *id {
                CPU => values::duration(text).map(|micros| micros / 1000),
                _ => values::amount(text, 1, 1024),
            };
            if let Some(count) = self.get(*column, read)? {
                counts.set(*id, count);
            }
        }
        Ok(counts)
    }

    /// Releases before 18.08 had no TRESUsage columns.
    fn older_usage_in(&mut self) -> Read<Usage> {
        let max = [(MEM, C::MaxRss), (DISK, C::MaxDiskRead), (VMEM, C::MaxVmSize), (PAGES, C::MaxPages)];
        let average =
            [(CPU, C::AveCpu), (MEM, C::AveRss), (DISK, C::AveDiskRead), (VMEM, C::AveVmSize), (PAGES, C::AvePages)];
        let node = self.owned(C::MaxRssNode);
        let task = self.count(C::MaxRssTask)?;
        Ok(Usage {
            average: self.single(&average)?,
            max: self.single(&max)?,
            max_node: (!node.is_empty()).then_some((MEM, node)).into_iter().collect(),
            max_task: task.map(|task| (MEM, task)).into_iter().collect(),
            min: self.single(&[(CPU, C::MinCpu)])?,
            ..Usage::default()
        })
    }

    fn older_usage_out(&mut self) -> Read<Usage> {
        let max = self.single(&[(DISK, C::MaxDiskWrite)])?;
        Ok(Usage { average: self.single(&[(DISK, C::AveDiskWrite)])?, max, ..Usage::default() })
    }
}
