//! What a real slurmctld said to jobs (tests/cases/admission, recorded by its script `record`) is what [`admit`] says.

use commands::sacctmgr::{World, run};
use slurm::State;
use slurm::admission::*;
use slurm::authority::Caller;
use slurm::founding::found;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::model::{AssociationKey, QosId};
use slurm::records::{Job as Record, JobState, TimeLimit};
use slurm::settings::Words;
use slurm::settings::{Enforce, Partition};
use std::fmt::Write as _;
use std::path::Path;
use words::people::{NOBODY, People};

struct Anyone;

impl World for Anyone {
    fn people(&self) -> &dyn People {
        &NOBODY
    }

    fn now(&self) -> i64 {
        0
    }

    fn local_time(&self, _: i64) -> String {
        String::new()
    }
}

fn sacctmgr(state: &mut State, line: &str) {
    let words = ["-i".to_owned()].into_iter().chain(shell_words::split(line).unwrap()).collect::<Vec<_>>();
    let reply = run(state, &Caller::root(), &Anyone, &words, &[]);
    assert_eq!(reply.code, 0, "{line}: {}{}", reply.stdout, reply.stderr);
    state.commit();
}

/// A job as the options of sbatch describe it: `alice -A lab -p cpu -n 4 -N 2 -t 60 -q high --gres=gpu:a100:2 --array=0-3`.
/// Nodes have cores for all of it; memory is 100 MB a CPU (`DefMemPerCPU`).
fn job<'a>(site: &'a Site, state: &State, line: &'a str) -> Option<Job<'a>> {
    let mut words = line.split(' ');
    let user = words.next().unwrap();
    let named = |name: &str| site.partitions.iter().find(|partition| partition.name == name);
    let mut job = Job { user, groups: &site.groups, minutes: 60, ..Job::new("ref", user, named("cpu")?) };
    let (mut tasks, mut nodes, mut gpus, mut typed) = (1, 1, 0, 0);
    while let Some(word) = words.next() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "-A" => job.account = words.next(),
            "-p" => job.partition = named(words.next().unwrap())?,
            "-q" => job.qos = Some(state.qos_named(words.next().unwrap()).map_or(QosId(u32::MAX), |qos| qos.id)),
            "-n" => tasks = words.next().unwrap().parse().unwrap(),
            "-N" => nodes = words.next().unwrap().split('-').next_back().unwrap().parse().unwrap(),
            "-t" => job.minutes = words.next().unwrap().parse().unwrap(),
            "--gres" => {
                let (_, count) = value.rsplit_once(':').unwrap();
                gpus = count.parse().unwrap();
                typed = if value.contains("a100") { gpus } else { 0 };
            }
            "--array" => job.tasks = value.split_once('-').unwrap().1.parse::<u64>().unwrap() + 1,
            "--ntasks-per-node" => {}
            other => panic!("{line}: {other}"),
        }
    }
    let named = |name: &str| state.tres_named(name).unwrap().id;
    let gpus = if typed > 0 { (named("gres/gpu:a100"), typed) } else { (named("gres/gpu"), gpus) };
    let cpus = tasks.max(nodes);
    let asked = [(CPU, cpus), (MEM, 100 * cpus), (NODE, nodes), (gpus.0, gpus.1 * nodes)];
    let asked = asked.into_iter().filter(|(_, amount)| *amount > 0).collect();
    job.tres = Needs::derived(state, &asked, job.partition, &Words::default());
    Some(job)
}

/// Counts a job that has just started, as the service does.
fn count(state: &State, counts: &mut Counts, job: &Job) {
    let account = job.account.map(str::to_owned);
    let account = account.unwrap_or_else(|| state.default_account(job.user, "ref").unwrap().key.account.clone());
    let find = |partition| state.find(&AssociationKey::user("ref", &account, job.user, partition));
    let named = |name: &str| state.qos_named(name).map(|qos| qos.id);
    let record = Record {
        association: find(&job.partition.name).or_else(|| find("")).map(|row| row.id),
        user: job.user.to_owned(),
        account,
        qos: job.qos.or_else(|| named("normal")),
        state: JobState::Running,
        start: Some(0),
        limit: TimeLimit::Minutes(u32::try_from(job.minutes).unwrap()),
        tres_allocated: job.tres.known().iter().map(|(id, amount)| (*id, *amount)).collect(),
        ..Record::default()
    };
    counts.add_job(state, job.partition.qos.as_deref().and_then(named), &record, 0);
}

#[derive(Default)]
struct Case {
    title: String,
    sets: Vec<String>,
    running: Vec<String>,
    asked: String,
    recorded: Vec<String>,
    ours: Vec<String>,
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        match (word, cases.last_mut()) {
            ("##", _) => cases.push(Case { title: rest, ..Case::default() }),
            ("set", Some(case)) => case.sets.push(rest),
            ("run", Some(case)) => case.running.push(rest),
            ("ask", Some(case)) => case.asked = rest,
            ("=", Some(case)) => case.recorded.push(rest),
            (">", Some(case)) => case.ours.push(rest),
            ("ours:", Some(_)) => {}
            _ => panic!("no part of a case: {line}"),
        }
    }
    cases
}

/// What every case begins with.
struct Site {
    state: State,
    /// Of `slurm.conf`, and those of the real cluster itself.
    partitions: Vec<Partition>,
    /// Everybody's.
    groups: Vec<String>,
}

impl Site {
    fn read(directory: &Path) -> Self {
        let mut state = State::default();
        found(&mut state, "ref", &["gres/gpu".to_owned(), "gres/gpu:a100".to_owned()], 0);
        let lines = std::fs::read_to_string(directory.join("base")).unwrap();
        lines.lines().filter(|line| !line.starts_with('#')).for_each(|line| sacctmgr(&mut state, line));
        let conf = std::fs::read_to_string(directory.join("slurm.conf")).unwrap();
        let lines = ["PartitionName=cpu", "PartitionName=gpu"].into_iter().chain(conf.lines());
        let partitions = lines.filter_map(|line| line.strip_prefix("PartitionName=")).map(partition).collect();
        Self { state, partitions, groups: vec!["people".into()] }
    }

    fn said(&self, enforce: Enforce, case: &Case) -> Vec<String> {
        let mut state = self.state.clone();
        case.sets.iter().for_each(|line| sacctmgr(&mut state, line));
        let mut counts = Counts::default();
        for line in &case.running {
            count(&state, &mut counts, &job(self, &state, line).unwrap());
        }
        let Some(job) = job(self, &state, &case.asked) else {
            return vec![format!("submit {}", Reason::NO_PARTITION), "start -".into()];
        };
        let Admission { submit, start } = admit(&state, enforce, &counts, &job);
        let refusal = |reason: Reason| match reason {
            Reason::Limit(..) => reason.named(&state),
            _ => reason.refusal().to_owned(),
        };
        let started = match (submit, start) {
            (Err(_), _) => "-".to_owned(),
            (Ok(()), start) => start.err().map_or("yes".to_owned(), |reason| waits(&state, &job, reason)),
        };
        vec![format!("submit {}", submit.err().map_or("yes".to_owned(), refusal)), format!("start {started}")]
    }
}

fn partition(line: &str) -> Partition {
    let mut words = line.split(' ');
    let mut it = Partition { name: words.next().unwrap().to_owned(), ..Partition::default() };
    for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
        assert!(it.take(key, value).unwrap().is_some(), "{line}");
    }
    it
}

#[test]
fn ours_says_what_slurmctld_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/admission");
    let site = Site::read(&directory);
    let (mut wrong, mut cases) = (String::new(), 0);
    let files = [
        "access",
        "association",
        "deny",
        "derived",
        "levels",
        "partition",
        "partition_access",
        "part_limits",
        "qos",
        "safe",
    ];
    for file in files {
        let enforce = Enforce::parse(if file == "safe" { "safe,qos" } else { "limits,qos" }).unwrap();
        let enforce = Enforce { partitions: file == "part_limits", ..enforce };
        for case in parse(&std::fs::read_to_string(directory.join(format!("{file}.txt"))).unwrap()) {
            cases += 1;
            let expected = if case.ours.is_empty() { &case.recorded } else { &case.ours };
            let said = site.said(enforce, &case);
            if said != *expected {
                writeln!(wrong, "{file}: {}: expected {expected:?}, said {said:?}", case.title).unwrap();
            }
        }
    }
    assert!(cases >= 220, "only {cases} cases were found");
    assert!(wrong.is_empty(), "\n{wrong}");
}
