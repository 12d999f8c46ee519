//! Priorities to the digit: what the real sprio said of the factors of waiting jobs (`tests/cases/sprio`, recorded by the
//! script there) is what ours says.

use crate::site::{Site, cpu_nodes, partition};
use crate::stage::{Asking, Stage, submit};
use commands::cluster::Controller;
use commands::{Output, sprio};
use scheduling::config::PartitionLine;
use scheduling::event::{NodeCommand, Requester, SchedulerEvent, UsageKnown};
use scheduling::id::{JobId, NodeName, Uid};
use slurm::fairshare::{Tree, Usage};
use slurm::model::AssociationKey;
use slurm::settings::{Priority, Weights, Words};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// As in `tests/cases/sprio/record`.
const COLUMNS: &str = "%i|%r|%u|%Y|%y|%A|%a|%B|%b|%F|%f|%J|%j|%P|%p|%Q|%q|%N|%T|%t|%S";
const NODES: u32 = 4;
const BEGAN: i64 = 1_700_000_000;

/// A case: words and what follows them, in order.
struct Case(Vec<(String, String)>);

impl Case {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(' ').unwrap());
        Self(lines.map(|(word, rest)| (word.to_owned(), rest.to_owned())).collect())
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(word, _)| word == kind).map(|(_, rest)| rest.as_str())
    }

    /// The cluster, and its accounts.
    fn site(&self) -> Site {
        let accounts: Vec<&str> = self.of("sacctmgr").collect();
        let mut site = Site::new(NODES, Weights::default(), &accounts.join("\n"));
        let weights = Weights { fairshare: 100_000, qos: 10_000, ..Weights::default() };
        let mut settings = Priority { half_life: None, weights, ..Priority::default() };
        self.of("conf").for_each(|line| set(&mut settings, line));
        site.settings.priority = settings.clone();
        site.config.settings.priority = settings;
        let all = cpu_nodes(NODES).into_iter().chain(["g1".into()]).collect();
        let all = PartitionLine { job_factor: 35, ..partition("all", all, 7 * 1440) };
        let small = partition("small", cpu_nodes(1), 1440);
        let small = PartitionLine { job_factor: 3, default_minutes: Some(10), ..small };
        site.config.partitions.extend([all, small]);
        site
    }

    /// What sshare showed; here it is whole seconds.
    fn usage(&self, stage: &Stage) -> Usage {
        let row = |line: &str| {
            let words: Vec<&str> = line.split('|').map(str::trim).collect();
            let key = match words[1] {
                "" => AssociationKey::account("ref", words[0]),
                user => AssociationKey::user("ref", words[0], user, ""),
            };
            (stage.accounts.find(&key).unwrap().id, words[2].parse().unwrap())
        };
        self.of("usage").map(row).collect()
    }
}

/// One line of slurm.conf.
fn set(settings: &mut Priority, line: &str) {
    let (key, value) = line.split_once('=').unwrap();
    let weights = &mut settings.weights;
    let number = || value.parse().unwrap();
    match key {
        "PriorityWeightAge" => weights.age = number(),
        "PriorityWeightAssoc" => weights.association = number(),
        "PriorityWeightFairshare" => weights.fairshare = number(),
        "PriorityWeightJobSize" => weights.job_size = number(),
        "PriorityWeightPartition" => weights.partition = number(),
        "PriorityWeightQOS" => weights.qos = number(),
        "PriorityWeightTRES" => {
            let one = |word: &str| {
                let (name, weight) = word.split_once('=').unwrap();
                (name.to_lowercase(), weight.parse().unwrap())
            };
            weights.tres = value.split(',').map(one).collect();
        }
        "PriorityMaxAge" => {
            assert_eq!(value, "00:02:00");
            settings.max_age = Duration::from_secs(120);
        }
        "PriorityFlags" => settings.flags = Words::parse(value).unwrap(),
        "PriorityFavorSmall" => settings.favor_small = value == "YES",
        "FairShareDampeningFactor" => settings.dampening = value.parse().unwrap(),
        other => panic!("no setting: {other}"),
    }
}

/// The case on our cluster: what sprio says at each second at which the real one may have computed its factors.
fn said(case: &Case) -> Vec<Vec<String>> {
    let site = case.site();
    let dampening = site.settings.priority.method();
    let mut stage = Stage::of(site);
    stage.now = BEGAN;
    drain(&mut stage);
    // The numbers of jobs that used something come first.
    let charged = case.of("charge").count();
    stage.core = renumbered(&stage, charged);
    let tree = Tree::of(&stage.accounts, "ref", &case.usage(&stage)).unwrap();
    let shares = tree.shares(dampening);
    let fairshare = shares.into_iter().filter_map(|share| Some((share.association, share.fairshare?))).collect();
    stage.on(SchedulerEvent::UsageKnown(UsageKnown { fairshare, ..UsageKnown::default() })).unwrap();
    let mut names = BTreeMap::new();
    for (number, (line, job)) in (1..).zip(case.of("submit").zip(case.of("job"))) {
        let (user, options) = line.split_once(' ').unwrap();
        let times: Vec<&str> = job.split('|').collect();
        // Slurm counts the age of an array from when it first looks at it.
        let begins = times[2].parse().unwrap_or_else(|_| times[1].parse::<i64>().unwrap());
        stage.now = BEGAN + begins;
        let id = submit(&mut stage, user, options);
        names.insert(id, format!("JOB{number}"));
    }
    let window: Vec<i64> = case.of("asked").next().unwrap().split(' ').map(|word| word.parse().unwrap()).collect();
    (window[0]..=window[1]).map(|second| listed(&mut stage, BEGAN + second, &names)).collect()
}

/// The core again, with so many numbers of jobs given.
fn renumbered(stage: &Stage, given: usize) -> scheduling::Core {
    let mut live = stage.core.live().clone();
    live.last_job = 1000 + u32::try_from(given).unwrap();
    let present = scheduling::Present { accounts: &stage.accounts, now: stage.now };
    scheduling::Core::restore(std::sync::Arc::new(stage.core.config().clone()), live, present).unwrap()
}

fn drain(stage: &mut Stage) {
    let root = Requester { uid: Uid::ROOT, is_operator: true, coordinates: Vec::new() };
    let nodes: Vec<NodeName> = cpu_nodes(NODES).into_iter().chain(["g1".into()]).collect();
    let command = NodeCommand::Drain("wait".into());
    let events = nodes.into_iter().map(|node| SchedulerEvent::NodeControl(root.clone(), node, command.clone()));
    stage.on_all(events.collect());
}

fn listed(stage: &mut Stage, now: i64, names: &BTreeMap<JobId, String>) -> Vec<String> {
    stage.now = now;
    let (caller, now) = (stage.caller("root"), stage.zoned());
    let asking = Asking { stage, caller, now, scripts: BTreeMap::new() };
    let argv: Vec<String> = ["-h", "-o", COLUMNS].map(str::to_owned).into();
    let reply = sprio::run(&asking.cluster(), &BTreeMap::new(), &argv, Output::default());
    let name = |line: &str| {
        let (job, rest) = line.split_once('|').unwrap();
        format!("{}|{rest}", names[&JobId(job.parse().unwrap())])
    };
    reply.stdout.lines().map(name).collect()
}

/// A row without its age, and what that is a part of.
fn without_age(line: &str) -> String {
    let cells = line.split('|').enumerate();
    cells.filter(|(at, _)| !(3..7).contains(at)).map(|(_, cell)| cell).collect::<Vec<_>>().join("|")
}

#[test]
fn priorities_are_theirs_to_the_digit() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/sprio");
    let (mut wrong, mut rows) = (String::new(), 0);
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let case = Case::parse(&std::fs::read_to_string(&path).unwrap());
        let compared = |line: &str| if case.of("ours").next().is_some() { without_age(line) } else { line.to_owned() };
        let theirs: Vec<String> = case.of("row").map(compared).collect();
        let ours: Vec<Vec<String>> =
            said(&case).iter().map(|said| said.iter().map(|line| compared(line)).collect()).collect();
        rows += theirs.len();
        let alike = |ours: &Vec<String>| ours.iter().filter(|line| theirs.contains(line)).count();
        let best = ours.iter().max_by_key(|ours| alike(ours)).unwrap();
        if *best != theirs {
            writeln!(wrong, "{}", path.display()).unwrap();
            let pairs = theirs.iter().zip(best).filter(|(one, other)| one != other);
            pairs.for_each(|(one, other)| writeln!(wrong, "-{one}\n+{other}").unwrap());
            writeln!(wrong, "{} rows, {} here", theirs.len(), best.len()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(rows > 150, "{rows} rows are few");
}
