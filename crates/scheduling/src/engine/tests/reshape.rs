//! Nodes and partitions that `scontrol` makes, and what becomes of them while jobs are there.

use super::*;

fn change(bench: &mut Bench, change: ClusterChange) -> Result<(), Denial> {
    bench.on(SchedulerEvent::Reshape(ROOT, change)).answer.map(drop)
}

fn line(name: &str) -> NodeLine {
    NodeLine { name: name.into(), hardware: Hardware::new(4, 1000), features: Vec::new(), weight: 1 }
}

/// `c1` is made by hand, with a partition of its own, and a job runs there; the configuration of the file beside it.
fn on_a_made_node() -> (Bench, JobId, Arc<Config>) {
    let mut bench = Bench::new(1);
    let file = Arc::new(bench.core.config().clone());
    change(&mut bench, ClusterChange::AddNodes(vec![line("c1")])).unwrap();
    let cloud = PartitionLine::new("cloud", vec!["c1".into()]);
    change(&mut bench, ClusterChange::AddPartition(Box::new(cloud))).unwrap();
    bench.join("c1", 1, Vec::new());
    let job = bench.try_submit(|it| it.partitions = vec!["cloud".into()]).unwrap();
    bench.pass();
    bench.report("c1", job, 0, RunStage::Launched);
    assert_eq!(bench.state(job), JobState::Running);
    (bench, job, file)
}

fn restart(bench: &mut Bench, config: Arc<Config>) {
    bench.core.commit();
    let present = Present { accounts: &bench.accounts, now: bench.now };
    bench.core = Core::restore(config, bench.core.live().clone(), present).unwrap();
}

#[test]
fn a_made_node_with_a_job_stays_through_restart_and_reconfigure_until_nothing_is_there() {
    let (mut bench, job, file) = on_a_made_node();
    restart(&mut bench, file.clone());
    assert_eq!(bench.state(job), JobState::Running);
    bench.join("n1", 1, Vec::new());
    bench.join("c1", 1, vec![(job, Attempt(0), RunStage::Launched)]);
    assert_eq!(bench.on(SchedulerEvent::Configure(file.clone())).answer, Ok(Accepted::Done));
    restart(&mut bench, file.clone());
    bench.join("c1", 1, vec![(job, Attempt(0), RunStage::Launched)]);
    bench.report("c1", job, 0, DONE);
    bench.report("c1", job, 0, RunStage::Left);
    assert_eq!(bench.state(job), JobState::Completed);
    assert!(bench.core.has_session(&"c1".into()));
    bench.on(SchedulerEvent::Configure(file)).answer.unwrap();
    assert!(!bench.core.has_session(&"c1".into()));
    assert_eq!(bench.on(SchedulerEvent::NodeConnects("c1".into())).answer, Err(Denial::InvalidNode));
    assert_eq!(bench.core.live().nodes.get(&"c1".into()).unwrap().line, None);
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
}

#[test]
fn a_node_that_the_file_loses_stays_while_a_run_is_to_be_ended_there() {
    let mut bench = Bench::new(2);
    let mut file = bench.core.config().clone();
    file.nodes.remove(1);
    file.partitions[0].nodes.remove(1);
    let file = Arc::new(file);
    bench.join("n2", 1, vec![(JobId(77), Attempt(0), RunStage::Launched)]);
    bench.on(SchedulerEvent::Configure(file.clone())).answer.unwrap();
    assert!(bench.core.has_session(&"n2".into()), "it is told to end what it has");
    bench.report("n2", JobId(77), 0, RunStage::Left);
    bench.on(SchedulerEvent::Configure(file)).answer.unwrap();
    assert!(!bench.core.has_session(&"n2".into()));
}

#[test]
fn a_job_on_a_node_that_no_configuration_has_does_not_run_twice() {
    let mut bench = Bench::new(2);
    let job = bench.submit(4);
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let mut config = bench.core.config().clone();
    config.nodes.remove(0);
    config.partitions[0].nodes.remove(0);
    restart(&mut bench, Arc::new(config));
    bench.join("n2", 1, Vec::new());
    bench.now += 60;
    bench.on(SchedulerEvent::TimePasses);
    bench.pass();
    assert_eq!(bench.state(job), JobState::NodeFail, "although it may be requeued");
    let said = &bench.core.job(job).unwrap().submission.details.system_comment;
    assert!(said.contains("n1 is in no configuration any more"), "{said}");
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
}

#[test]
fn a_node_with_a_run_to_be_ended_is_not_deleted_and_its_name_has_no_past() {
    let mut bench = Bench::new(2);
    bench.join("n2", 1, vec![(JobId(77), Attempt(0), RunStage::Launched)]);
    let delete = || ClusterChange::RemoveNodes(vec!["n2".into()]);
    assert_eq!(change(&mut bench, delete()), Err(Denial::NodesBusy));
    bench.report("n2", JobId(77), 0, RunStage::Left);
    bench.on(SchedulerEvent::NodeControl(ROOT, "n2".into(), NodeCommand::Drain("old disks".into()))).answer.unwrap();
    let session = bench.core.live().nodes.get(&"n2".into()).unwrap().session;
    assert_eq!(change(&mut bench, delete()), Ok(()));
    assert_eq!(bench.on(SchedulerEvent::NodeHeard("n2".into(), session)).answer, Err(Denial::Denied));
    change(&mut bench, ClusterChange::AddNodes(vec![line("n2")])).unwrap();
    assert_eq!(bench.on(SchedulerEvent::NodeHeard("n2".into(), session)).answer, Err(Denial::Denied));
    bench.join("n2", 1, Vec::new());
    let standing = bench.core.live().nodes.get(&"n2".into()).unwrap();
    assert_eq!((&standing.drain, standing.session), (&None, NodeSession(session.0 + 1)));
}

#[test]
fn a_partition_stays_while_a_job_that_names_it_runs_in_another() {
    let mut bench = Bench::new(1);
    let other = PartitionLine::new("other", vec!["n1".into()]);
    change(&mut bench, ClusterChange::AddPartition(Box::new(other))).unwrap();
    let job = bench.try_submit(|it| it.partitions = vec!["main".into(), "other".into()]).unwrap();
    bench.pass();
    let runs_in = bench.core.job(job).unwrap().allocation().unwrap().partition.to_string();
    let name = if runs_in == "main" { "other" } else { "main" };
    assert_eq!(change(&mut bench, ClusterChange::RemovePartition(name.into())), Err(Denial::PartitionInUse));
}
