//! `--json` and `--yaml` of `squeue`, `sinfo` and `scontrol show job`: jobs and nodes in the shape of Slurm 22.05's plugin
//! `openapi/v0.0.38`. Names and kinds of values are Slurm's; what nobody measures here is null and not 0.

use crate::Output;
use crate::data::{Data, Document, Structured};
use crate::job::JobFacts;
use crate::node::NodeFacts;
use crate::sacct::units::Convert;
use scheduling::demand::MemoryDemand;
use scheduling::job::{Allocation, ArrayPart, NodeShare};
use scheduling::node::NodeState;
use slurm::model::tres::{BILLING, CPU, MEM};
use slurm::records::JobState;
use words::text::hostlist;

/// Prints a document with this value.
pub fn print_one(form: Structured, name: &'static str, value: &Data, out: &mut Output) {
    let mut before = head();
    before.push((name, value.clone()));
    out.push_str(&Data::Map(before).printed(form));
}

/// Prints a document with this list.
pub fn print(form: Structured, list: &str, items: impl Iterator<Item = Data>, out: &mut Output) {
    let mut document = Document::new(form, &head(), list, out);
    for item in items {
        if document.item(&item).is_break() {
            return;
        }
    }
    document.end();
}

/// What each document begins with.
fn head() -> Vec<(&'static str, Data)> {
    let version = [("major", 22), ("micro", 8), ("minor", 5)].map(|(name, number)| (name, Data::int(number)));
    let plugin = map([("type", Data::text("openapi/v0.0.38")), ("name", Data::text("Slurm OpenAPI v0.0.38"))]);
    let slurm = map([("version", map(version)), ("release", Data::text("22.05.8"))]);
    vec![("meta", map([("plugin", plugin), ("Slurm", slurm)])), ("errors", Data::List(Vec::new()))]
}

fn map<const N: usize>(items: [(&'static str, Data); N]) -> Data {
    Data::Map(items.into())
}

fn moment(time: Option<i64>) -> Data {
    Data::int(time.unwrap_or(0))
}

fn text(text: impl Into<String>) -> Data {
    Data::text(text)
}

fn or_empty(text: Option<String>) -> Data {
    Data::text(text.unwrap_or_default())
}

/// A list of names, without the words for none.
fn names(list: String) -> Data {
    Data::text(if list == "(null)" { String::new() } else { list })
}

fn group<const N: usize>(items: [(&'static str, Data); N]) -> Vec<(&'static str, Data)> {
    items.into()
}

/// One job.
pub fn job(it: &JobFacts) -> Data {
    let parts = [whose(it), surroundings(it), moments(it), place(it), demands(it), rest(it)];
    Data::Map(parts.into_iter().flatten().collect())
}

fn whose(it: &JobFacts) -> Vec<(&'static str, Data)> {
    let (user, place) = (&it.job.submission.user, it.job.array.as_ref());
    let (task, waiting) = match place.map(|place| &place.part) {
        None => (Data::Null, String::new()),
        Some(ArrayPart::Task(index)) => (Data::int(*index), String::new()),
        Some(ArrayPart::Waiting(_)) => (Data::Null, it.tasks()),
    };
    group([
        ("account", text(it.job.account.to_string())),
        ("array_job_id", Data::int(place.map_or(0, |place| place.of.0))),
        ("array_task_id", task),
        ("array_max_tasks", Data::int(it.job.array_limit().unwrap_or(0))),
        ("array_task_string", text(waiting)),
        ("association_id", Data::int(it.job.association.map_or(0, |id| id.0))),
        ("cluster", text(&it.cluster.core.config().cluster)),
        ("group_id", Data::int(user.gid.0)),
        ("group_name", text(it.group())),
        ("job_id", Data::int(it.job.id.0)),
        ("het_job_id", Data::int(0)),
        ("het_job_id_set", text("")),
        ("het_job_offset", Data::int(0)),
        ("name", text(&it.job.submission.name)),
        ("qos", names(it.qos())),
        ("user_id", Data::int(user.uid.0)),
        ("user_name", text(&user.name)),
        ("federation_origin", text("")),
        ("federation_siblings_active", text("")),
        ("federation_siblings_viable", text("")),
    ])
}

fn surroundings(it: &JobFacts) -> Vec<(&'static str, Data)> {
    let (batch, details) = (it.batch(), &it.job.submission.details);
    let [output, error, input] = it.paths(&batch).map(|path| it.filled(&path));
    group([
        ("admin_comment", text(&details.admin_comment)),
        ("batch_features", text("")),
        ("batch_flag", Data::Is(it.is_batch())),
        ("burst_buffer", text("")),
        ("burst_buffer_state", text("")),
        ("command", text(batch.command.shown())),
        ("comment", text(&details.comment)),
        ("container", text(&details.container)),
        ("current_working_directory", text(&details.work_dir)),
        ("standard_error", text(error)),
        ("standard_input", text(input)),
        ("standard_output", text(output)),
        ("system_comment", text(&details.system_comment)),
        ("mcs_label", text("")),
        ("prefer", text("")),
        ("profile", Data::Null),
        ("resv_name", text("")),
        ("wckey", text(it.job.submission.wckey.clone().unwrap_or_default())),
    ])
}

fn moments(it: &JobFacts) -> Vec<(&'static str, Data)> {
    group([
        ("accrue_time", moment(it.accrue())),
        ("deadline", moment(it.job.submission.deadline)),
        ("delay_boot", Data::int(0)),
        ("eligible_time", moment(it.eligible())),
        ("end_time", moment(it.end())),
        ("last_sched_evaluation", moment(it.job.eligible.or(Some(it.job.submit)))),
        ("preempt_time", Data::int(0)),
        ("pre_sus_time", Data::int(it.ran_before())),
        ("resize_time", Data::int(0)),
        ("start_time", moment(it.start())),
        ("submit_time", Data::int(it.job.submit)),
        ("suspend_time", moment(it.suspended_at())),
        ("time_limit", Data::some_int(it.minutes())),
        ("time_minimum", Data::int(0)),
    ])
}

fn place(it: &JobFacts) -> Vec<(&'static str, Data)> {
    let exit = it.job.ending().filter(|_| it.state() != JobState::Pending).map(|ending| ending.exit);
    let exit = exit.map_or(0, |exit| u32::from(exit.code) << 8 | u32::from(exit.signal));
    let allocation = it.allocation().filter(|_| it.has_run());
    let mut items = group([
        ("batch_host", text(it.host().map_or_else(String::new, ToString::to_string))),
        ("derived_exit_code", Data::int(0)),
        ("exit_code", Data::int(exit)),
        ("gres_detail", Data::List(allocation.into_iter().flat_map(|own| &own.shares).map(devices).collect())),
        ("job_state", text(it.state_name())),
        ("nodes", text(it.nodes())),
        ("partition", text(it.partition())),
        ("priority", Data::int(it.priority())),
        ("restart_cnt", Data::int(it.job.attempt.0)),
        ("state_description", text("")),
        ("state_reason", text(it.reason())),
        ("tres_alloc_str", text(allocation.map_or_else(String::new, |_| it.tres()))),
    ]);
    items.extend(allocation.map(|allocation| ("job_resources", resources(it, allocation))));
    items
}

/// `gpu:a100:2(IDX:0-1)` of a node; empty where the job has none there.
fn devices(share: &NodeShare) -> Data {
    let one = |gres: &scheduling::job::GresShare| {
        let kind = gres.kind.as_ref().map_or_else(String::new, |kind| format!(":{kind}"));
        format!("{}{kind}:{}(IDX:{})", gres.name, gres.devices.count(), gres.devices)
    };
    Data::text(share.gres.iter().map(one).collect::<Vec<_>>().join(","))
}

/// What a job has on its nodes. Each core is a socket of its own, as `scontrol show node` has it.
fn resources(it: &JobFacts, allocation: &Allocation) -> Data {
    let config = it.cluster.core.config();
    let threads = |name: &str| {
        let line = config.nodes.iter().find(|line| line.name == name);
        line.map_or(1, |line| line.hardware.threads_per_core.max(1))
    };
    let node = |share: &NodeShare| {
        let threads = threads(share.node.as_str());
        let mut cores: Vec<u32> = share.cpus.iter().map(|cpu| cpu / threads).collect();
        cores.dedup();
        let core = || map([("cores", Data::Named(vec![("0".to_owned(), text("allocated"))]))]);
        map([
            ("sockets", Data::Named(cores.iter().map(|number| (number.to_string(), core())).collect())),
            ("nodename", text(share.node.to_string())),
            ("cpus_used", Data::Null),
            ("memory_used", Data::Null),
            ("memory_allocated", Data::int(share.memory)),
        ])
    };
    map([
        ("nodes", text(hostlist::compress(allocation.shares.iter().map(|share| share.node.as_str())))),
        ("allocated_cores", Data::int(allocation.cpus())),
        ("allocated_hosts", Data::int(crate::job::count(allocation.shares.len()))),
        ("allocated_nodes", Data::List(allocation.shares.iter().map(node).collect())),
    ])
}

fn demands(it: &JobFacts) -> Vec<(&'static str, Data)> {
    let demand = &it.job.submission.demand;
    let memory = it.cluster.core.memory_of(it.job);
    let (per_node, per_cpu) = match memory {
        MemoryDemand::PerNode(each) => (Data::int(each), Data::Null),
        MemoryDemand::PerCpu(each) => (Data::Null, Data::int(each)),
        // 0 is all that a node has.
        MemoryDemand::Unsaid | MemoryDemand::Whole => (Data::int(0), Data::Null),
    };
    let is_said = !matches!(demand.memory, MemoryDemand::Unsaid);
    let tres = it.cluster.core.tres_of(it.cluster.accounts, it.job);
    let billed = tres.get(&BILLING).filter(|_| it.has_run());
    group([
        ("flags", Data::List(is_said.then(|| text("JOB_MEM_SET")).into_iter().collect())),
        ("billable_tres", billed.map_or(Data::Null, |count| Data::Real(*count as f64))),
        ("cpus", Data::int(it.cpus())),
        ("cpus_per_task", Data::int(demand.cpus_per_task)),
        ("node_count", Data::int(it.node_count())),
        ("tasks", Data::int(demand.task_count())),
        ("tasks_per_node", Data::int(demand.tasks_per_node.unwrap_or(0))),
        ("max_cpus", Data::int(0)),
        ("max_nodes", Data::int(demand.max_nodes.unwrap_or(0))),
        ("memory_per_node", per_node),
        ("memory_per_cpu", per_cpu),
        ("minimum_cpus_per_node", Data::int(it.least_cpus())),
        ("minimum_tmp_disk_per_node", Data::int(0)),
        ("excluded_nodes", names(crate::job::node_list(&demand.excluded))),
        ("required_nodes", names(crate::job::node_list(&demand.required))),
        ("features", text(demand.features.to_string())),
        ("dependency", or_empty(it.dependency())),
        ("licenses", or_empty(it.licenses())),
        ("tres_per_node", or_empty(it.devices())),
        ("tres_req_str", text(it.tres_asked())),
    ])
}

fn rest(it: &JobFacts) -> Vec<(&'static str, Data)> {
    let submission = &it.job.submission;
    let absent = ["core_spec", "thread_spec", "cores_per_socket", "cpu_frequency_minimum", "cpu_frequency_maximum"];
    let absent_too =
        ["cpu_frequency_governor", "tasks_per_core", "tasks_per_socket", "sockets_per_node", "threads_per_core"];
    let empty = ["cluster_features", "cpus_per_tres", "memory_per_tres", "tres_bind", "tres_freq", "tres_per_job"];
    let empty_too = ["tres_per_socket", "tres_per_task"];
    let show = ["SHOW_ALL", "SHOW_DETAIL", "SHOW_LOCAL"];
    let mut items = group([
        ("contiguous", Data::Is(false)),
        ("nice", Data::int(submission.nice)),
        ("reboot", Data::Is(false)),
        ("requeue", Data::Is(submission.requeue)),
        ("shared", if it.sharing() == "NO" { text("none") } else { Data::Null }),
        ("show_flags", Data::List(show.map(text).into())),
        ("tasks_per_board", Data::int(0)),
        ("sockets_per_board", Data::int(0)),
    ]);
    items.extend(absent.iter().chain(&absent_too).map(|name| (*name, Data::Null)));
    items.extend(empty.iter().chain(&empty_too).map(|name| (*name, text(""))));
    items
}

/// One node.
pub fn node(it: &NodeFacts) -> Data {
    let (hardware, accounts) = (&it.line.hardware, it.cluster.accounts);
    let remark = it.remark();
    let user = remark.map(|remark| {
        let found = it.cluster.people.user_numbered(remark.uid);
        found.map(|user| user.name).or_kept(&remark.uid.to_string(), remark.uid)
    });
    let tres = |amounts| crate::tres::list(accounts, &amounts, Convert::Exact);
    let used = it.allocated();
    let has_some = [CPU, MEM].iter().any(|tres| used.get(tres).is_some_and(|count| *count > 0));
    let partitions = it.partitions().iter().map(|line| text(&line.rules.name)).collect();
    let [_, idle, _, _] = it.cpus();
    map([
        ("architecture", Data::Null),
        ("burstbuffer_network_address", text("")),
        ("boards", Data::int(1)),
        ("boot_time", Data::Null),
        ("comment", text("")),
        ("cores", Data::int(1)),
        ("cpu_binding", Data::int(0)),
        ("cpu_load", Data::Null),
        ("extra", text("")),
        ("free_memory", Data::Null),
        ("cpus", Data::int(hardware.cpus)),
        ("last_busy", Data::Null),
        ("features", names(it.features())),
        ("active_features", names(it.features())),
        ("gres", names(it.gres())),
        ("gres_drained", text("N/A")),
        ("gres_used", text(it.gres_used())),
        ("mcs_label", text("")),
        ("name", text(&it.line.name)),
        ("next_state_after_reboot", text("invalid")),
        ("address", text(&it.line.name)),
        ("hostname", text(&it.line.name)),
        ("state", text(state(it.state))),
        ("state_flags", Data::List(flags(it))),
        ("next_state_after_reboot_flags", Data::List(Vec::new())),
        ("operating_system", Data::Null),
        ("owner", Data::Null),
        ("partitions", Data::List(partitions)),
        ("port", Data::Null),
        ("real_memory", Data::int(hardware.memory)),
        ("reason", text(remark.map_or_else(String::new, |remark| remark.reason.clone()))),
        ("reason_changed_at", moment(remark.map(|remark| remark.since))),
        ("reason_set_by_user", user.map_or(Data::Null, text)),
        ("slurmd_start_time", Data::Null),
        ("sockets", Data::int(it.sockets())),
        ("threads", Data::int(hardware.threads_per_core)),
        ("temporary_disk", Data::int(0)),
        ("weight", Data::int(it.line.weight)),
        ("tres", text(tres(it.configured()))),
        ("slurmd_version", text("22.05.8")),
        ("alloc_memory", Data::int(it.used.memory)),
        ("alloc_cpus", Data::int(it.used.cpus)),
        ("idle_cpus", Data::int(idle)),
        ("tres_used", if has_some { text(tres(used)) } else { Data::Null }),
        ("tres_weighted", Data::Real(f64::from(it.used.cpus))),
    ])
}

fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::Unknown => "unknown",
        NodeState::Down => "down",
        NodeState::Idle => "idle",
        NodeState::Allocated => "allocated",
        NodeState::Mixed => "mixed",
    }
}

fn flags(it: &NodeFacts) -> Vec<Data> {
    let all = [
        (it.is_draining(), "DRAIN"),
        (it.is_completing, "COMPLETING"),
        (it.is_planned, "PLANNED"),
        (it.is_silent(), "NOT_RESPONDING"),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| text(flag)).collect()
}
