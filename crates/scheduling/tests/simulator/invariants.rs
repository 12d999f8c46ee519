//! What must be true in every world, after every event.

use crate::cluster::{GROUP_CPUS, MAX_JOBS, MAX_SUBMIT, USERS};
use crate::node::NodeRun;
use crate::steps::{self, steps_share_nothing};
use crate::world::World;
use scheduling::Present;
use scheduling::array::{ArraySpec, TaskSet};
use scheduling::event::RunStage;
use scheduling::id::{Attempt, JobId, NodeName};
use scheduling::job::{ArrayPart, InArray, JobPhase, LiveJob, NodeShare};
use scheduling::units::Units;
use slurm::records::{JobState, Tasks};
use std::collections::{BTreeMap, BTreeSet};

pub fn after_an_event(world: &World) {
    nothing_is_given_twice(world);
    nothing_is_over_a_limit(world);
    jobs_are_as_their_phase_says(world);
    arrays_are_whole(world);
    steps_share_nothing(world);
    // A count that went wrong stays wrong: it is found by the next look, too.
    if world.events.is_multiple_of(8) {
        let drift = world.core.drift(Present { accounts: &world.accounts, now: world.now });
        assert_eq!(drift, Vec::<String>::new(), "counts are not what a recount gives");
    }
    for id in world.accepted.keys() {
        let is_known = world.core.job(*id).is_some() || world.store.jobs.contains_key(id);
        let is_over = || world.store.records.values().any(|record| record.job_id == *id && record.state.is_over());
        let records = || world.store.records.values().filter(|record| record.job_id == *id).collect::<Vec<_>>();
        assert!(is_known || is_over(), "job {id} is lost: {:?}", records());
    }
}

fn nothing_is_given_twice(world: &World) {
    let mut taken: BTreeMap<&NodeName, Vec<&NodeShare>> = BTreeMap::new();
    let shares = world.core.live().jobs.values().flat_map(|job| job.held().map(move |share| (job, share)));
    let mut used: BTreeMap<&NodeName, Units> = BTreeMap::new();
    for (job, share) in shares {
        let others = taken.entry(&share.node).or_default();
        // One that stands still has its memory and its devices, and no CPUs.
        if !job.is_suspended() {
            let used = used.entry(&share.node).or_default();
            assert!(!share.cpus.meets(used), "CPUs are given twice: {share:?} {used:?}");
            used.add(&share.cpus);
        }
        for other in others.iter() {
            for (gres, same) in share.gres.iter().flat_map(|gres| other.gres.iter().map(move |same| (gres, same))) {
                assert!(gres.kind != same.kind || !gres.devices.meets(&same.devices), "a device is given twice");
            }
        }
        others.push(share);
    }
    for (name, shares) in taken {
        let line = world.config.nodes.iter().find(|line| line.name == name.as_str()).expect("a node that there is");
        let memory: u64 = shares.iter().map(|share| share.memory).sum();
        assert!(memory <= line.hardware.memory, "{name} has less memory than {memory}");
        let most = shares.iter().flat_map(|share| share.cpus.iter()).max();
        assert!(most.is_none_or(|most| most < line.hardware.cpus), "{name} has no CPU {most:?}");
    }
}

fn nothing_is_over_a_limit(world: &World) {
    let jobs = || world.core.live().jobs.values();
    let runs = |job: &&LiveJob| matches!(job.phase, JobPhase::Running(_));
    let cpus: u64 = jobs().filter(runs).filter_map(LiveJob::allocation).map(|it| it.cpus()).sum();
    assert!(cpus <= GROUP_CPUS, "{cpus} CPUs are more than the account may have");
    for user in USERS {
        let own = || jobs().filter(|job| job.submission.user.name == user);
        assert!(own().filter(runs).count() as u64 <= MAX_JOBS, "{user} runs too many jobs");
        // Who is requeued after its end counts again without being asked.
        let is_first = |job: &&LiveJob| job.attempt == Attempt::default() && !job.is_completing();
        let submitted: u32 = own().filter(|job| job.is_live()).filter(is_first).map(LiveJob::task_count).sum();
        assert!(u64::from(submitted) <= MAX_SUBMIT, "{user} has too many jobs");
    }
    let licenses: u32 = jobs().filter(runs).flat_map(|job| &job.submission.demand.licenses).map(|(_, n)| n).sum();
    assert!(licenses <= 2, "{licenses} licences are out");
}

/// Each task of an array is in one record, and no more of them run than may.
fn arrays_are_whole(world: &World) {
    let mut running: BTreeMap<JobId, u32> = BTreeMap::new();
    let mut seen: BTreeSet<(JobId, u32)> = BTreeSet::new();
    for job in world.core.live().jobs.values() {
        let Some(InArray { of, part }) = &job.array else { continue };
        let tasks = match part {
            ArrayPart::Waiting(tasks) => tasks.clone(),
            ArrayPart::Task(index) => TaskSet::one(*index),
        };
        assert!(!tasks.is_empty(), "{job:?}");
        assert!(tasks.iter().all(|index| seen.insert((*of, index))), "a task is there twice: {job:?}");
        if matches!(job.phase, JobPhase::Running(_)) {
            assert_eq!(tasks.count(), 1, "{job:?}");
            let count = running.entry(*of).or_default();
            *count += 1;
            assert!(job.array_limit().is_none_or(|limit| *count <= limit), "too many tasks of {of} run");
        }
    }
}

fn jobs_are_as_their_phase_says(world: &World) {
    for job in world.core.live().jobs.values() {
        let demand = &job.submission.demand;
        if let JobPhase::Running(run) = &job.phase {
            let shares = &run.allocation.shares;
            let tasks: u32 = shares.iter().map(|share| share.tasks).sum();
            assert!(tasks >= demand.task_count() && shares.len() as u32 >= demand.min_nodes, "{job:?}");
            assert!(demand.max_nodes.is_none_or(|most| shares.len() as u32 <= most), "{job:?}");
            assert!(run.allocation.due().is_none_or(|end| end > world.now), "it runs beyond its limit: {job:?}");
            let partition = world.config.partition(&run.allocation.partition).expect("a partition that there is");
            assert!(shares.iter().all(|share| partition.nodes.contains(&share.node)), "{job:?}");
            let each = |share: &NodeShare| share.cpus.count() >= share.tasks * demand.cpus_per_task;
            assert!(shares.iter().all(each), "{job:?}");
        }
        if let JobPhase::Running(_) = &job.phase {
            assert!(job.dependencies.are_met(), "it runs before what it waits for: {job:?}");
            let same = |other: &&LiveJob| {
                let (own, others) = (&job.submission, &other.submission);
                other.id != job.id && own.user.uid == others.user.uid && own.name == others.name
            };
            let singleton = |job: &LiveJob| job.dependencies.singleton;
            let mut beside = world.core.live().jobs.values().filter(same).filter(|other| singleton(other));
            let runs = |other: &LiveJob| matches!(other.phase, JobPhase::Running(_));
            assert!(!(singleton(job) && beside.any(runs)), "two singletons run: {job:?}");
        }
        let waits = job.phase == JobPhase::Pending;
        assert_eq!(world.core.reason(job.id).is_some(), waits || job.is_completing() && job.is_live(), "{job:?}");
    }
}

/// Nothing runs twice, nor beside what it must not meet.
pub fn at_a_launch(world: &mut World, index: usize, job: JobId, attempt: Attempt) {
    let name = world.nodes[index].name.clone();
    let count = world.launches.entry((job, attempt, name.clone())).or_default();
    *count += 1;
    assert_eq!(*count, 1, "job {job} ran twice on {name} without being requeued");
    let mut used = Units::default();
    let has_cpus = |job: &JobId| world.core.job(*job).is_none_or(|job| !job.is_suspended());
    let present = |(run, known): &(&(JobId, Attempt), &NodeRun)| known.stage != RunStage::Left && has_cpus(&run.0);
    for (run, known) in world.nodes[index].runs.iter().filter(present) {
        assert!(!used.meets(&known.cpus), "{run:?} shares CPUs of {name} with another run");
        used.add(&known.cpus);
    }
    for node in &world.nodes {
        let mut older = node.runs.iter().filter(|(other, _)| other.0 == job && other.1 < attempt);
        if older.any(|(_, run)| run.stage != RunStage::Left) {
            let standing = world.core.live().nodes.get(&node.name).expect("it registered once");
            assert!(!standing.takes_work(), "job {job} still runs on {} which is used again", node.name);
        }
    }
}

fn every_task_has_a_record(world: &World, array: JobId, tasks: &TaskSet) {
    let places = world.store.records.values().filter_map(|record| record.array.as_ref().map(|place| (record, place)));
    let own = places.filter(|(_, place)| place.job == array);
    let mut ended: BTreeSet<u32> = BTreeSet::new();
    for (record, place) in own.filter(|(record, _)| record.state.is_over()) {
        match &place.tasks {
            Tasks::One(index) => _ = ended.insert(*index),
            Tasks::Waiting(text) => ended.extend(text.parse::<ArraySpec>().expect("it was written").tasks.iter()),
        }
        assert!(record.end.is_some(), "{record:?}");
    }
    assert!(tasks.iter().all(|index| ended.contains(&index)), "of {array} only {ended:?} ended");
}

pub fn at_the_end(world: &World) {
    steps::at_the_end(world);
    for (id, array) in &world.accepted {
        array.iter().for_each(|tasks| every_task_has_a_record(world, *id, tasks));
        let records: Vec<_> = world.store.records.values().filter(|record| record.job_id == *id).collect();
        let last = records.last().expect("every accepted job has a record");
        assert!(last.state.is_over() && last.end.is_some(), "job {id} has no end: {last:?}");
        let earlier = &records[..records.len() - 1];
        assert!(earlier.iter().all(|record| record.end.is_some()), "a run of job {id} has no end: {earlier:?}");
        // An allocation may be given back before its nodes have it.
        if last.state == JobState::Completed && !world.allocations.contains(id) {
            let heads = world.launches.keys().filter(|(job, ..)| job == id).count();
            assert!(heads > 0, "job {id} completed and never ran");
        }
    }
}
