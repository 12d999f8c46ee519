//! How long the core takes at the size of a large site: `cargo run --release -p enlist-scheduling --example speed`.
#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]

use scheduling::config::{Bounds, Config, PartitionLine};
use scheduling::demand::Demand;
use scheduling::dependency::Dependencies;
use scheduling::event::{Accepted, JobCommand, Registration, Requester, SchedulerEvent};
use scheduling::id::{Boot, Gid, NodeName, Time, Uid};
use scheduling::job::{Submission, Submitter};
use scheduling::live::LiveTables;
use scheduling::node::{Hardware, NodeLine};
use scheduling::{Core, Present};
use slurm::State;
use slurm::founding::found;
use slurm::model::AssociationKey;
use slurm::records::{Details, JobState};
use slurm::settings::{Enforce, Partition, Settings};
use slurm::tree::{Seed, Settings as Wanted, grow};
use std::sync::Arc;
use std::time::Instant;

const NODES: u32 = 1000;
const USERS: u32 = 50;
const NOW: Time = 1_800_000_000;

fn accounts() -> State {
    let mut state = State::default();
    found(&mut state, "c", &[], 0);
    let root = state.root("c").expect("it was founded").id;
    let key = AssociationKey::account("c", "lab");
    let lab = grow(&mut state, &[(root, Seed { key, settings: Wanted::default(), is_default: false })])[0];
    for user in 0..USERS {
        let key = AssociationKey::user("c", "lab", &format!("u{user}"), "");
        grow(&mut state, &[(lab, Seed { key, settings: Wanted::default(), is_default: true })]);
    }
    state
}

fn config() -> Config {
    let names: Vec<String> = (1..=NODES).map(|number| format!("n{number}")).collect();
    let line = |name: &String| NodeLine {
        name: name.clone(),
        hardware: Hardware::new(64, 256_000),
        features: Vec::new(),
        weight: 1,
    };
    let mut main = PartitionLine::new("main", names.iter().map(|name| name.as_str().into()).collect());
    main.rules = Partition { is_default: true, ..main.rules };
    let mut settings = Settings { enforce: Enforce { safe: false, ..Enforce::ALL }, ..Settings::default() };
    (settings.priority.weights.age, settings.priority.weights.fairshare) = (1000, 1000);
    Config {
        cluster: "c".into(),
        settings,
        nodes: names.iter().map(line).collect(),
        partitions: vec![main],
        licenses: [].into(),
        bounds: Bounds::default(),
        counts_memory: false,
        launch: String::new(),
    }
}

fn submission(number: u32) -> Submission {
    // 500 kinds of jobs; one in ten wants several nodes.
    let kind = number % 500;
    let min_nodes = if kind.is_multiple_of(10) { 2 + kind % 7 } else { 1 };
    let demand = Demand { tasks: min_nodes + kind % 50, min_nodes, ..Demand::default() };
    Submission {
        user: Submitter {
            name: format!("u{}", number % USERS),
            uid: Uid(number % USERS),
            gid: Gid(1),
            groups: Vec::new(),
        },
        name: "job".into(),
        account: None,
        qos: None,
        partitions: Vec::new(),
        demand: Arc::new(demand),
        minutes: Some(10 + kind),
        begin: None,
        deadline: None,
        dependencies: Dependencies::default(),
        nice: 0,
        hold: None,
        requeue: true,
        array: None,
        allocation: None,
        wckey: None,
        warning: None,
        details: Details::default(),
    }
}

fn main() {
    let accounts = accounts();
    let present = Present { accounts: &accounts, now: NOW };
    let mut core = Core::restore(Arc::new(config()), LiveTables::default(), present).expect("it is good");
    for number in 1..=NODES {
        let name = NodeName::from(format!("n{number}").as_str());
        let answer = core.on(present, SchedulerEvent::NodeConnects(name.clone())).answer;
        let Ok(Accepted::Connected(session)) = answer else { panic!("{answer:?}") };
        let registration =
            Registration { boot: Boot(1), hardware: Hardware::new(64, 256_000), runs: Vec::new(), steps: Vec::new() };
        _ = core.on(present, SchedulerEvent::NodeRegisters(name, session, registration));
    }
    core.commit();
    let mut submitted = 0;
    for goal in [13_000, 23_000, 113_000] {
        let began = Instant::now();
        for number in submitted..goal {
            _ = core.on(present, SchedulerEvent::Submit(Box::new(submission(number)))).answer.expect("it is taken");
        }
        let rate = f64::from(goal - submitted) / began.elapsed().as_secs_f64();
        submitted = goal;
        core.commit();
        let orders = timed("pass that starts what it can", || core.pass(present).orders.len());
        core.commit();
        let (jobs, lanes) = core.queue_lengths();
        println!("{rate:.0} submissions a second; {jobs} jobs wait in {lanes} lanes; {orders} orders");
        timed("pass with nothing to start", || core.pass(present).orders.len());
        cancel_one(&mut core, present);
        timed("pass after a job ended, that tries all lanes again", || core.pass(present).orders.len());
        timed("pass after accounts changed, with all counts and priorities", || {
            _ = core.on(present, SchedulerEvent::AccountsChanged);
            core.pass(present).orders.len()
        });
        let plan = timed("plan of 500 jobs", || core.plan(present, 500));
        println!("{} of them could start", plan.starts().count());
        timed("restart", || Core::restore(Arc::new(core.config().clone()), core.live().clone(), present).is_ok());
    }
}

/// Ends the first job that runs, so that everything is to be tried again.
fn cancel_one(core: &mut Core, present: Present) {
    let running = core.live().jobs.values().find(|job| job.state() == JobState::Running).expect("some run").id;
    let root = Requester { uid: Uid::ROOT, is_operator: true, coordinates: Vec::new() };
    let answer = core.on(present, SchedulerEvent::Control(root, running, JobCommand::Cancel)).answer;
    answer.expect("root may");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = work();
    println!("{:>9.2} ms  {what}", began.elapsed().as_secs_f64() * 1000.0);
    result
}
