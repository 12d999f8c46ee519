//! What a world is made of: accounts with limits, nodes, partitions, and jobs that somebody may submit.

use crate::random::Random;
use scheduling::array::ArraySpec;
use scheduling::config::{Bounds, Config, PartitionLine};
use scheduling::demand::{Demand, Features, GresDemand, MemoryDemand};
use scheduling::dependency::{Dependencies, Dependency, DependencyKind};
use scheduling::id::{Gid, JobId, NodeName, Time, Uid};
use scheduling::job::{Allocating, Hold, SignalTarget, Submission, Submitter, Warning};
use scheduling::node::{GresStock, Hardware, NodeLine};
use slurm::State;
use slurm::founding::found;
use slurm::model::limits::Limit;
use slurm::model::tres::CPU;
use slurm::model::{AssociationKey, QosSet};
use slurm::records::Details;
use slurm::settings::{Enforce, Partition, Settings};
use slurm::tree::{Seed, Settings as Wanted, grow};
use std::sync::Arc;

pub const CLUSTER: &str = "sim";
pub const USERS: [&str; 3] = ["ada", "bob", "eve"];
/// GrpTRES=cpu of the account.
pub const GROUP_CPUS: u64 = 14;
/// MaxJobs of each user.
pub const MAX_JOBS: u64 = 4;
/// MaxSubmitJobs of each user.
pub const MAX_SUBMIT: u64 = 12;

/// One account with limits, three users.
pub fn accounts() -> State {
    let mut state = State::default();
    found(&mut state, CLUSTER, &["gres/gpu".into(), "gres/gpu:a".into(), "license/x".into()], 0);
    let root = state.root(CLUSTER).expect("it was founded").id;
    let mut settings = Wanted { qos: QosSet::Inherited, ..Wanted::default() };
    settings.limits.set((Limit::GrpTres, Some(CPU)), Some(GROUP_CPUS));
    let lab = Seed { key: AssociationKey::account(CLUSTER, "lab"), settings, is_default: false };
    let lab = grow(&mut state, &[(root, lab)])[0];
    for user in USERS {
        let mut settings = Wanted::default();
        settings.limits.set((Limit::MaxJobs, None), Some(MAX_JOBS));
        settings.limits.set((Limit::MaxSubmitJobs, None), Some(MAX_SUBMIT));
        let key = AssociationKey::user(CLUSTER, "lab", user, "");
        grow(&mut state, &[(lab, Seed { key, settings, is_default: true })]);
    }
    state
}

/// Five nodes of three kinds, two partitions that share one of them.
pub fn config() -> Config {
    let gpus = GresStock { name: "gpu".into(), kind: Some("a".into()), count: 2 };
    let node = |name: &str, hardware: Hardware, feature: &str| NodeLine {
        name: name.into(),
        hardware,
        features: vec![feature.to_owned()],
        weight: 1,
    };
    let nodes = vec![
        node("n1", Hardware::new(4, 1000), "small"),
        node("n2", Hardware::new(4, 1000), "small"),
        node("n3", Hardware { threads_per_core: 2, ..Hardware::new(8, 2000) }, "big"),
        node("n4", Hardware { gres: vec![gpus.clone()], ..Hardware::new(4, 1000) }, "big"),
        node("n5", Hardware { gres: vec![gpus], ..Hardware::new(8, 2000) }, "big"),
    ];
    let names = |names: &[&str]| names.iter().map(|name| NodeName::from(*name)).collect::<Vec<_>>();
    let mut main = PartitionLine::new("main", names(&["n1", "n2", "n3", "n4"]));
    main.rules = Partition { is_default: true, max_minutes: Some(60), ..main.rules };
    let mut gpu = PartitionLine::new("gpu", names(&["n4", "n5"]));
    (gpu.tier, gpu.default_minutes, gpu.default_memory) = (2, Some(10), MemoryDemand::PerCpu(100));
    Config {
        cluster: CLUSTER.into(),
        settings: Settings { enforce: Enforce { safe: false, ..Enforce::ALL }, ..Settings::default() },
        nodes,
        partitions: vec![main, gpu],
        licenses: [("x".to_owned(), 2)].into(),
        bounds: Bounds { node_timeout: 120, min_job_age: 60, ..Bounds::default() },
        counts_memory: true,
        launch: String::new(),
    }
}

/// A job of somebody.
pub fn submission(random: &mut Random, now: Time) -> Submission {
    let user = random.below(USERS.len() as u64) as usize;
    let partitions: &[&str] = match random.below(4) {
        0 => &["gpu"],
        1 => &["main", "gpu"],
        2 => &["main"],
        _ => &[],
    };
    let array = array(random);
    let allocation = match random.below(6) {
        0 if array.is_none() => Some(Allocating::Kept),
        1 if array.is_none() => Some(Allocating::ForOneStep),
        _ => None,
    };
    Submission {
        user: Submitter {
            name: USERS[user].into(),
            uid: Uid(1000 + user as u32),
            gid: Gid(100),
            groups: vec!["users".into()],
        },
        name: format!("job{}", random.below(3)),
        account: None,
        qos: None,
        partitions: partitions.iter().map(|name| name.to_string()).collect(),
        demand: Arc::new(demand(random)),
        minutes: (!random.one_in(4)).then(|| 1 + random.below(8) as u32),
        begin: random.one_in(8).then(|| now + random.below(300) as i64),
        deadline: random.one_in(12).then(|| now + 600 + random.below(900) as i64),
        dependencies: dependencies(random),
        nice: random.below(3) as i32,
        hold: random.one_in(15).then_some(Hold::User),
        requeue: allocation.is_none() && !random.one_in(4),
        array,
        allocation,
        wckey: random.one_in(4).then(|| "k".to_owned()),
        warning: warning(random),
        details: Details::default(),
    }
}

/// In one job of six a signal before its end.
fn warning(random: &mut Random) -> Option<Warning> {
    let seconds = random.below(200) as u32;
    random.one_in(6).then_some(Warning { signal: 10, seconds, to: SignalTarget::Script })
}

/// In one job of six several tasks.
fn array(random: &mut Random) -> Option<ArraySpec> {
    let count = 1 + random.below(5);
    let limit = if random.one_in(2) { format!("%{}", 1 + random.below(2)) } else { String::new() };
    let text = format!("{}-{count}{limit}", random.below(2));
    random.one_in(6).then(|| text.parse().expect("it can be read"))
}

fn demand(random: &mut Random) -> Demand {
    let min_nodes = if random.one_in(4) { 2 + random.below(2) as u32 } else { 1 };
    let memory = match random.below(4) {
        0 => MemoryDemand::Unsaid,
        1 => MemoryDemand::PerCpu(1 + random.below(300)),
        2 => MemoryDemand::Whole,
        _ => MemoryDemand::PerNode(random.below(900)),
    };
    let gpu = |kind: Option<&str>, count| GresDemand { name: "gpu".into(), kind: kind.map(str::to_owned), count };
    let gres = match random.below(8) {
        0 => vec![gpu(None, 1)],
        1 => vec![gpu(Some("a"), 1 + random.below(2) as u32)],
        _ => Vec::new(),
    };
    Demand {
        min_nodes,
        max_nodes: random.one_in(3).then_some(min_nodes + random.below(2) as u32),
        tasks: 1 + random.below(5) as u32,
        tasks_per_node: random.one_in(5).then(|| 1 + random.below(3) as u32),
        cpus_per_task: 1 + random.below(2) as u32,
        memory,
        gres,
        exclusive: random.one_in(10),
        excluded: if random.one_in(10) { vec!["n1".into()] } else { Vec::new() },
        features: if random.one_in(8) {
            Features::parse("small|big").expect("it can be read")
        } else {
            Features::default()
        },
        licenses: if random.one_in(8) { vec![("x".into(), 1)] } else { Vec::new() },
        ..Demand::default()
    }
}

fn dependencies(random: &mut Random) -> Dependencies {
    use DependencyKind::*;
    if !random.one_in(5) {
        return Dependencies { singleton: random.one_in(8), ..Dependencies::default() };
    }
    let kinds = [After, AfterAny, AfterOk, AfterNotOk, AfterCorr];
    let one = |random: &mut Random| {
        let kind = *random.pick(&kinds).expect("there are some");
        let minutes = if kind == After && random.one_in(2) { 1 + random.below(3) as u32 } else { 0 };
        Dependency { minutes, ..Dependency::new(kind, JobId(1 + random.below(20) as u32)) }
    };
    let unmet = (0..1 + random.below(2)).map(|_| one(random)).collect();
    Dependencies { unmet, any: random.one_in(2), singleton: false }
}
