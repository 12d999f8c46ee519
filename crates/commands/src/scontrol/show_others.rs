//! `scontrol show` of nodes, partitions, licences and the configuration.

use super::Format;
use crate::cluster::Cluster;
use crate::node::{self, NodeFacts};
use crate::sacct::units::Convert;
use crate::{Output, live_data};
use scheduling::config::PartitionLine;
use scheduling::demand::MemoryDemand;
use scheduling::id::NodeName;
use slurm::admission::Amounts;
use slurm::model::tres::{BILLING, CPU, MEM, NODE};
use slurm::settings::{Admits, PartitionState, Private};
use words::text::{duration, hostlist};

pub fn joined(lines: &[String], format: &Format) -> String {
    if format.one_line { lines.join(" ") + "\n" } else { lines.join("\n   ") + "\n\n" }
}

/// Nodes by name, or all; the error is what scontrol says to a name that is none.
pub fn nodes(cluster: &Cluster, format: &Format, which: Option<&str>) -> Result<String, String> {
    let hidden = crate::sinfo::hides(cluster, cluster.caller, Private::Nodes);
    let all = if hidden { Vec::new() } else { node::all(cluster) };
    let Some(list) = which else {
        if all.is_empty() && format.structured.is_none() {
            return Ok("No nodes in the system\n".to_owned());
        }
        return Ok(listed_nodes(format, &all.iter().collect::<Vec<_>>()));
    };
    let mut found = Vec::new();
    for name in hostlist::expand_all(list).unwrap_or_else(|| vec![list.to_owned()]) {
        match all.iter().find(|it| it.line.name == name) {
            Some(it) => found.push(it),
            None => return Err(format!("{}Node {name} not found\n", listed_nodes(format, &found))),
        }
    }
    Ok(listed_nodes(format, &found))
}

fn listed_nodes(format: &Format, nodes: &[&NodeFacts]) -> String {
    let Some(form) = format.structured else {
        return nodes.iter().map(|it| one_node(it, format)).collect();
    };
    let mut out = Output::default();
    live_data::print(form, "nodes", nodes.iter().map(|it| live_data::node(it)), &mut out);
    out.rest()
}

fn one_node(it: &NodeFacts, format: &Format) -> String {
    let hardware = &it.line.hardware;
    let accounts = it.cluster.accounts;
    let partitions: Vec<&str> = it.partitions().iter().map(|line| line.rules.name.as_str()).collect();
    let name = &it.line.name;
    let mut lines = vec![
        format!("NodeName={name} CoresPerSocket=1 "),
        format!("CPUAlloc={} CPUEfctv={1} CPUTot={1} CPULoad=N/A", it.used.cpus, hardware.cpus),
        format!("AvailableFeatures={}", it.features()),
        format!("ActiveFeatures={}", it.features()),
        format!("Gres={}", it.gres()),
    ];
    if format.details {
        lines.push("GresDrain=N/A".to_owned());
        lines.push(format!("GresUsed={}", some_or(it.gres_used(), "gpu:0")));
    }
    lines.extend([
        format!("NodeAddr={name} NodeHostName={name} Version=22.05.8"),
        format!(
            "RealMemory={} AllocMem={} FreeMem=N/A Sockets={} Boards=1",
            hardware.memory,
            it.used.memory,
            it.sockets()
        ),
        format!(
            "State={} ThreadsPerCore={} TmpDisk=0 Weight={} Owner=N/A MCS_label=N/A",
            it.state_and_flags(),
            hardware.threads_per_core,
            it.line.weight
        ),
        format!("Partitions={} ", partitions.join(",")),
        "BootTime=None SlurmdStartTime=None".to_owned(),
        "LastBusyTime=None".to_owned(),
        format!("CfgTRES={}", crate::tres::list(accounts, &it.configured(), Convert::Exact)),
        format!("AllocTRES={}", crate::tres::list(accounts, &it.allocated(), Convert::Exact)),
        "CapWatts=n/a".to_owned(),
        "CurrentWatts=0 AveWatts=0".to_owned(),
        "ExtSensorsJoules=n/s ExtSensorsWatts=0 ExtSensorsTemp=n/s".to_owned(),
    ]);
    for (name, text) in [("Comment", it.comment()), ("Extra", it.extra())] {
        lines.extend(Some(format!("{name}={text}")).filter(|_| text != "(null)"));
    }
    if let Some(remark) = it.remark() {
        let user = it.cluster.people.user_numbered(remark.uid);
        let user = user.map(|user| user.name).or_kept(&remark.uid.to_string(), remark.uid);
        let since = format.times.show(remark.since, it.cluster.now);
        lines.push(format!("Reason={} [{user}@{since}]", remark.reason));
    }
    joined(&lines, format)
}

fn some_or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

/// A partition by name, or all; the error is what scontrol says to a name that is none.
pub fn partitions(cluster: &Cluster, format: &Format, which: Option<&str>) -> Result<String, String> {
    let hidden = crate::sinfo::hides(cluster, cluster.caller, Private::Partitions);
    let lines = cluster.core.config().partitions.iter().filter(|_| !hidden);
    let found: Vec<String> = lines
        .filter(|line| which.is_none_or(|name| name == line.rules.name))
        .map(|line| one_partition(cluster, line, format))
        .collect();
    match which {
        Some(name) if found.is_empty() => Err(format!("Partition {name} not found\n")),
        None if found.is_empty() => Ok("No partitions in the system\n".to_owned()),
        _ => Ok(found.concat()),
    }
}

fn one_partition(cluster: &Cluster, line: &PartitionLine, format: &Format) -> String {
    let rules = &line.rules;
    let list = |name: &str, admits: &Admits| match admits {
        Admits::All => format!("Allow{name}=ALL"),
        Admits::Only(list) => format!("Allow{name}={}", list.join(",")),
        Admits::AllBut(list) => format!("Deny{name}={}", list.join(",")),
    };
    let yes = |is: bool| if is { "YES" } else { "NO" };
    let minutes = |most: Option<u64>| most.map_or_else(|| "UNLIMITED".to_owned(), duration::format_minutes);
    let groups = rules.groups.as_ref().map_or_else(|| "ALL".to_owned(), |groups| groups.join(","));
    let default_time = line.default_minutes.map_or_else(|| "NONE".to_owned(), |it| duration::format_minutes(it.into()));
    let most_nodes = rules.max_nodes.map_or_else(|| "UNLIMITED".to_owned(), |most| most.to_string());
    let total = total(cluster, line);
    let count = |tres| total.get(&tres).copied().unwrap_or(0);
    let lines = [
        format!("PartitionName={}", rules.name),
        format!("AllowGroups={groups} {} {}", list("Accounts", &rules.accounts), list("Qos", &rules.job_qos)),
        format!("AllocNodes=ALL Default={} QoS={}", yes(rules.is_default), rules.qos.as_deref().unwrap_or("N/A")),
        format!("DefaultTime={default_time} DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=NO"),
        format!(
            "MaxNodes={most_nodes} MaxTime={} MinNodes={} LLN=NO MaxCPUsPerNode=UNLIMITED",
            minutes(rules.max_minutes),
            rules.min_nodes
        ),
        format!("Nodes={}", some_or(hostlist::compress(line.nodes.iter().map(NodeName::as_str)), "(null)")),
        format!(
            "PriorityJobFactor={} PriorityTier={} RootOnly={} ReqResv=NO OverSubscribe={}",
            line.job_factor,
            line.tier,
            yes(rules.root_only),
            if line.exclusive { "EXCLUSIVE" } else { "NO" }
        ),
        "OverTimeLimit=NONE PreemptMode=OFF".to_owned(),
        format!(
            "State={} TotalCPUs={} TotalNodes={} SelectTypeParameters=NONE",
            state(rules.state),
            count(CPU),
            count(NODE)
        ),
        "JobDefaults=(null)".to_owned(),
        memory(line),
        format!("TRES={}", crate::tres::list(cluster.accounts, &total, Convert::Exact)),
    ];
    joined(&lines, format)
}

fn memory(line: &PartitionLine) -> String {
    match line.default_memory {
        _ if !line.says_memory => "DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED".to_owned(),
        MemoryDemand::PerCpu(each) => format!("DefMemPerCPU={each} MaxMemPerNode=UNLIMITED"),
        MemoryDemand::PerNode(each) => format!("DefMemPerNode={each} MaxMemPerNode=UNLIMITED"),
        MemoryDemand::Unsaid | MemoryDemand::Whole => "DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED".to_owned(),
    }
}

fn state(state: PartitionState) -> &'static str {
    match state {
        PartitionState::Up => "UP",
        PartitionState::Down => "DOWN",
        PartitionState::Drain => "DRAIN",
        PartitionState::Inactive => "INACTIVE",
    }
}

/// What all nodes of a partition have.
fn total(cluster: &Cluster, line: &PartitionLine) -> Amounts {
    let mut sums = Amounts::new();
    let is_in = |it: &&NodeFacts| line.nodes.iter().any(|name| name.as_str() == it.line.name);
    for it in node::all(cluster).iter().filter(is_in) {
        for (tres, count) in it.configured() {
            *sums.entry(tres).or_default() += count;
        }
        *sums.entry(NODE).or_default() += 1;
    }
    sums.entry(MEM).or_default();
    sums.entry(BILLING).or_default();
    sums
}

/// Licences: all, taken, free.
pub fn licenses(cluster: &Cluster, format: &Format) -> String {
    let config = cluster.core.config();
    if config.licenses.is_empty() {
        return "No licenses configured in Slurm.\n".to_owned();
    }
    let holders = || cluster.core.live().jobs.values().filter(|job| job.held().next().is_some());
    let taken = |name: &str| -> u32 {
        let all = holders().flat_map(|job| &job.submission.demand.licenses);
        all.filter(|(own, _)| own == name).map(|(_, count)| *count).sum()
    };
    let one = |(name, all): (&String, &u32)| {
        let used = taken(name);
        let free = all.saturating_sub(used);
        let between = if format.one_line { " " } else { "\n    " };
        format!("LicenseName={name}{between}Total={all} Used={used} Free={free} Reserved=0 Remote=no\n")
    };
    config.licenses.iter().map(one).collect()
}

/// The configuration, as far as it means something here.
pub fn config(cluster: &Cluster, format: &Format) -> String {
    let config = cluster.core.config();
    let (bounds, settings) = (&config.bounds, &config.settings);
    let (priority, weights) = (&settings.priority, &settings.priority.weights);
    let seconds = |count: u32| format!("{count} sec");
    let yes = |is: bool| if is { "Yes" } else { "No" }.to_owned();
    let licenses: Vec<String> = config.licenses.iter().map(|(name, count)| format!("{name}:{count}")).collect();
    let half_life = priority.half_life.map_or(0, |half| half.as_secs());
    let next = cluster.core.live().last_job.max(settings.job_ids.first.saturating_sub(1)).saturating_add(1);
    let entries = [
        ("AccountingStorageEnforce", settings.enforce.to_string()),
        ("ClusterName", config.cluster.clone()),
        ("EnforcePartLimits", if settings.enforce_partitions { "ALL" } else { "NO" }.to_owned()),
        ("FairShareDampeningFactor", priority.dampening.to_string()),
        ("FirstJobId", settings.job_ids.first.to_string()),
        ("KillWait", seconds(bounds.kill_wait)),
        ("LaunchParameters", some_or(config.launch.clone(), "(null)")),
        ("Licenses", some_or(licenses.join(","), "(null)")),
        ("MaxArraySize", bounds.max_array.to_string()),
        ("MaxJobCount", bounds.max_jobs.to_string()),
        ("MaxJobId", settings.job_ids.last.to_string()),
        ("MaxNodeCount", config.nodes.len().to_string()),
        ("MinJobAge", seconds(bounds.min_job_age)),
        ("NEXT_JOB_ID", next.to_string()),
        ("PriorityDecayHalfLife", duration::format_seconds(half_life)),
        ("PriorityCalcPeriod", duration::format_seconds(priority.calc_period.as_secs())),
        ("PriorityFavorSmall", yes(priority.favor_small)),
        ("PriorityMaxAge", duration::format_seconds(priority.max_age.as_secs())),
        ("PriorityType", format!("priority/{}", if priority.multifactor { "multifactor" } else { "basic" })),
        ("PriorityWeightAge", weights.age.to_string()),
        ("PriorityWeightAssoc", weights.association.to_string()),
        ("PriorityWeightFairShare", weights.fairshare.to_string()),
        ("PriorityWeightJobSize", weights.job_size.to_string()),
        ("PriorityWeightPartition", weights.partition.to_string()),
        ("PriorityWeightQOS", weights.qos.to_string()),
        ("PrivateData", some_or(settings.private_data.to_string(), "none")),
        ("SlurmUser", settings.slurm_user.clone()),
        ("SlurmdTimeout", seconds(bounds.node_timeout)),
        ("SLURM_VERSION", "22.05.8".to_owned()),
        ("TrackWCKey", yes(settings.track_wckey)),
    ];
    let now = format.times.show(cluster.now.timestamp().as_second(), cluster.now);
    let lines = entries.map(|(name, value)| format!("{name:<23} = {value}\n"));
    format!("Configuration data as of {now}\n{}\n{}", lines.concat(), super::ping(cluster))
}
