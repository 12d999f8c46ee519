//! The environment of a batch script and of a step's tasks: what their user sent, and what the scheduler sets (sbatch(1), srun(1),
//! "OUTPUT ENVIRONMENT VARIABLES"). Where both have a name, the scheduler's value counts.

use crate::protocol::{ArrayTask, Launch, StepLaunch};
use scheduling::id::{Attempt, JobId, NodeName};
use scheduling::request::StepProgram;
use std::fmt::Display;
use words::raw::RawText;
use words::text::{counts, hostlist};

/// Where a script runs, beside what its launch says.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Which job.
    pub job: JobId,
    /// Which run of it.
    pub attempt: Attempt,
    /// On which node.
    pub node: &'a NodeName,
    /// The numbers of the GPUs that it has there.
    pub gpus: &'a [u32],
    /// Whether others are hidden from it.
    pub hides_gpus: bool,
}

/// Names and values, each name once; the process's own number (`SLURM_TASK_PID`) comes in when there is a process.
pub fn of_batch(launch: &Launch, at: Surroundings) -> Vec<(RawText, RawText)> {
    let mut own = Variables(Vec::new());
    own.job(launch, at);
    own.layout(launch, at);
    own.task(at);
    own.gpus(at);
    let sent = launch.batch.as_ref().map(|batch| batch.environment.as_slice()).unwrap_or_default();
    if !sent.iter().any(|(name, _)| name.0 == b"TMPDIR") {
        own.set("TMPDIR", "/tmp");
    }
    own.over(sent, &[])
}

/// The same for the task of a step that is at this place among those of the step on its node. A step has its own numbers of
/// tasks and nodes where a job's programs look for theirs; what the job has is in `SLURM_JOB_…`.
pub fn of_step(launch: &Launch, step: &StepLaunch, at: Surroundings, local: usize) -> Vec<(RawText, RawText)> {
    let mut own = Variables(Vec::new());
    own.job(launch, at);
    own.job_nodes(launch);
    own.set_if(launch.share.memory > 0, "SLURM_MEM_PER_NODE", launch.share.memory);
    own.step(step, at);
    own.step_task(step, at, local);
    own.visible_gpus(at);
    if !at.gpus.is_empty() {
        own.set("SLURM_STEP_GPUS", listed(at.gpus.iter().copied()));
    }
    let StepProgram { environment, submit_host, .. } = &step.program;
    own.set_if(launch.batch.is_none() && !submit_host.is_empty(), "SLURM_SUBMIT_HOST", submit_host);
    // What a script that has GPUs sends of them is not for a step that has none.
    own.over(environment, if at.gpus.is_empty() { &OF_GPUS } else { &[] })
}

/// What says which GPUs a process may see.
const OF_GPUS: [&str; 6] = [
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "SLURM_JOB_GPUS",
    "SLURM_STEP_GPUS",
    "SLURM_GPUS_ON_NODE",
];

struct Variables(Vec<(RawText, RawText)>);

impl Variables {
    fn set(&mut self, name: &str, value: impl Display) {
        self.0.push((name.into(), value.to_string().into()));
    }

    /// All of these, and what was sent under other names, less some.
    fn over(self, sent: &[(RawText, RawText)], without: &[&str]) -> Vec<(RawText, RawText)> {
        let is_free = |name: &RawText| {
            !self.0.iter().any(|(taken, _)| taken == name) && !without.iter().any(|it| it.as_bytes() == name.0)
        };
        let kept: Vec<_> = sent.iter().filter(|(name, _)| is_free(name)).cloned().collect();
        [kept, self.0].concat()
    }

    /// Under the name of each.
    fn set_all(&mut self, names: &[&str], value: impl Display) {
        names.iter().for_each(|name| self.set(name, &value));
    }

    fn set_if(&mut self, is_said: bool, name: &str, value: impl Display) {
        if is_said {
            self.set(name, value);
        }
    }

    fn job(&mut self, launch: &Launch, at: Surroundings) {
        self.set_all(&["SLURM_JOB_ID", "SLURM_JOBID"], at.job);
        self.set("SLURM_JOB_NAME", &launch.name);
        self.set("SLURM_JOB_PARTITION", &launch.partition);
        self.set_if(!launch.account.is_empty(), "SLURM_JOB_ACCOUNT", &launch.account);
        self.set_if(!launch.qos.is_empty(), "SLURM_JOB_QOS", &launch.qos);
        self.set("SLURM_JOB_USER", &launch.user.name);
        self.set("SLURM_JOB_UID", launch.user.uid);
        self.set("SLURM_JOB_GID", launch.user.gid);
        self.set("SLURM_JOB_START_TIME", launch.start);
        self.set_if(launch.end.is_some(), "SLURM_JOB_END_TIME", launch.end.unwrap_or_default());
        self.set_if(at.attempt.0 > 0, "SLURM_RESTART_COUNT", at.attempt.0);
        self.set("SLURM_CLUSTER_NAME", &launch.cluster);
        if let Some(ArrayTask { job, index, tasks }) = &launch.array {
            self.set("SLURM_ARRAY_JOB_ID", job);
            self.set("SLURM_ARRAY_TASK_ID", index);
            self.set("SLURM_ARRAY_TASK_COUNT", tasks.count());
            self.set("SLURM_ARRAY_TASK_MIN", tasks.first().unwrap_or(*index));
            self.set("SLURM_ARRAY_TASK_MAX", tasks.last().unwrap_or(*index));
            self.set("SLURM_ARRAY_TASK_STEP", tasks.step().unwrap_or(1));
        }
        if let Some(batch) = &launch.batch {
            self.0.push(("SLURM_SUBMIT_DIR".into(), batch.submit_directory.clone()));
            self.set("SLURM_SUBMIT_HOST", &batch.submit_host);
        }
    }

    fn job_nodes(&mut self, launch: &Launch) {
        let nodes = &launch.nodes;
        let list = hostlist::compress(nodes.iter().map(|it| it.node.as_str()));
        self.set_all(&["SLURM_JOB_NODELIST", "SLURM_NODELIST"], list);
        self.set("SLURM_JOB_NUM_NODES", nodes.len());
        self.set("SLURM_JOB_CPUS_PER_NODE", counts::compress(nodes.iter().map(|it| it.cpus)));
    }

    fn step(&mut self, step: &StepLaunch, at: Surroundings) {
        let nodes = &step.nodes;
        let tasks = || nodes.iter().map(|it| it.ranks.len() as u32);
        self.set_all(&["SLURM_STEP_ID", "SLURM_STEPID"], step.step);
        self.set("SLURM_STEP_NODELIST", hostlist::compress(nodes.iter().map(|it| it.node.as_str())));
        self.set_all(&["SLURM_STEP_NUM_NODES", "SLURM_NNODES"], nodes.len());
        self.set_all(&["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS"], tasks().sum::<u32>());
        self.set_all(&["SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"], counts::compress(tasks()));
        self.set("SLURM_CPUS_ON_NODE", step.share.cpus.count());
        if let Some(cpus) = step.cpus_per_task {
            self.set("SLURM_CPUS_PER_TASK", cpus);
        }
        self.set("SLURM_UMASK", format!("{:04o}", step.program.umask));
        let place = nodes.iter().position(|it| it.node == *at.node).unwrap_or_default();
        self.set("SLURM_NODEID", place);
        self.set("SLURM_GTIDS", listed(step.share.ranks.iter().copied()));
    }

    fn step_task(&mut self, step: &StepLaunch, at: Surroundings, local: usize) {
        self.node(at);
        self.set("SLURM_PROCID", step.share.ranks.get(local).copied().unwrap_or_default());
        self.set("SLURM_LOCALID", local);
        self.set("SLURM_PRIO_PROCESS", 0);
    }

    fn layout(&mut self, launch: &Launch, at: Surroundings) {
        let nodes = &launch.nodes;
        self.job_nodes(launch);
        self.set("SLURM_NNODES", nodes.len());
        self.set("SLURM_TASKS_PER_NODE", counts::compress(nodes.iter().map(|it| it.tasks)));
        self.set("SLURM_CPUS_ON_NODE", launch.share.cpus.count());
        self.set_if(launch.share.memory > 0, "SLURM_MEM_PER_NODE", launch.share.memory);
        let tasks: u64 = nodes.iter().map(|it| u64::from(it.tasks)).sum();
        if tasks > 1 {
            self.set_all(&["SLURM_NTASKS", "SLURM_NPROCS"], tasks);
        }
        self.set_if(launch.cpus_per_task > 1, "SLURM_CPUS_PER_TASK", launch.cpus_per_task);
        let place = nodes.iter().position(|it| it.node == *at.node).unwrap_or_default();
        self.set("SLURM_NODEID", place);
    }

    fn node(&mut self, at: Surroundings) {
        self.set_all(&["SLURMD_NODENAME", "HOSTNAME", "SLURM_TOPOLOGY_ADDR"], at.node);
        self.set("SLURM_TOPOLOGY_ADDR_PATTERN", "node");
    }

    fn task(&mut self, at: Surroundings) {
        self.node(at);
        self.set_all(&["SLURM_PROCID", "SLURM_LOCALID", "SLURM_GTIDS", "SLURM_PRIO_PROCESS"], 0);
        self.set("ENVIRONMENT", "BATCH");
    }

    fn gpus(&mut self, at: Surroundings) {
        self.visible_gpus(at);
        if !at.gpus.is_empty() {
            self.set("SLURM_JOB_GPUS", listed(at.gpus.iter().copied()));
        }
    }

    /// Libraries count the GPUs that can be opened from 0 on: theirs are the real numbers only where none is hidden.
    fn visible_gpus(&mut self, Surroundings { gpus, hides_gpus, .. }: Surroundings) {
        if gpus.is_empty() {
            return;
        }
        let count = gpus.len() as u32;
        let seen = if hides_gpus { listed(0..count) } else { listed(gpus.iter().copied()) };
        self.set_all(&["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"], seen);
        self.set("SLURM_GPUS_ON_NODE", count);
    }
}

fn listed(numbers: impl Iterator<Item = u32>) -> String {
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{launch, step};
    use std::collections::BTreeMap;

    fn environment(launch: &Launch, attempt: u32, gpus: &[u32]) -> BTreeMap<String, String> {
        let node = NodeName::from("n2");
        let at = Surroundings { job: JobId(7), attempt: Attempt(attempt), node: &node, gpus, hides_gpus: attempt == 0 };
        by_name(of_batch(launch, at))
    }

    fn by_name(all: Vec<(RawText, RawText)>) -> BTreeMap<String, String> {
        let text = |raw: RawText| raw.shown().into_owned();
        let by_name: BTreeMap<_, _> = all.iter().cloned().map(|(name, value)| (text(name), text(value))).collect();
        assert_eq!(by_name.len(), all.len(), "each name once: {all:?}");
        by_name
    }

    #[test]
    fn what_a_job_on_three_nodes_sees() {
        let seen = environment(&launch(&[("n2", 4, 2), ("n3", 4, 2), ("n5", 2, 1)]), 0, &[]);
        for (name, value) in [
            ("SLURM_JOB_ID", "7"),
            ("SLURM_JOBID", "7"),
            ("SLURM_JOB_NAME", "train"),
            ("SLURM_JOB_NODELIST", "n[2-3,5]"),
            ("SLURM_NNODES", "3"),
            ("SLURM_JOB_CPUS_PER_NODE", "4(x2),2"),
            ("SLURM_TASKS_PER_NODE", "2(x2),1"),
            ("SLURM_NTASKS", "5"),
            ("SLURM_NPROCS", "5"),
            ("SLURM_CPUS_ON_NODE", "4"),
            ("SLURM_CPUS_PER_TASK", "2"),
            ("SLURM_MEM_PER_NODE", "1000"),
            ("SLURM_JOB_UID", "2001"),
            ("SLURM_JOB_START_TIME", "100"),
            ("SLURM_JOB_END_TIME", "160"),
            ("SLURM_SUBMIT_DIR", "/home/kim"),
            ("SLURM_SUBMIT_HOST", "login3"),
            ("SLURMD_NODENAME", "n2"),
            ("ENVIRONMENT", "BATCH"),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), Some(value), "{name}");
        }
        for absent in ["SLURM_RESTART_COUNT", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS"] {
            assert_eq!(seen.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_task_of_a_step_has_the_steps_numbers_and_the_jobs_beside_them() {
        let job = launch(&[("n2", 4, 2), ("n3", 4, 2), ("n5", 2, 1)]);
        let mut step = step(&[("n3", &[0, 1]), ("n2", &[2, 3, 4])], 1);
        step.cpus_per_task = Some(2);
        step.program.umask = 0o27;
        let sent = ["SLURM_NTASKS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "OMP_NUM_THREADS"];
        step.program.environment = sent.map(|name| (name.into(), "9".into())).to_vec();
        let node = NodeName::from("n2");
        let at = |gpus| Surroundings { job: JobId(7), attempt: Attempt(0), node: &node, gpus, hides_gpus: true };
        let seen = by_name(of_step(&job, &step, at(&[]), 1));
        for (name, value) in [
            ("SLURM_JOB_ID", "7"),
            ("SLURM_JOB_NODELIST", "n[2-3,5]"),
            ("SLURM_JOB_NUM_NODES", "3"),
            ("SLURM_JOB_CPUS_PER_NODE", "4(x2),2"),
            ("SLURM_STEP_ID", "3"),
            ("SLURM_STEPID", "3"),
            ("SLURM_STEP_NODELIST", "n[3,2]"),
            ("SLURM_STEP_NUM_NODES", "2"),
            ("SLURM_NNODES", "2"),
            ("SLURM_STEP_NUM_TASKS", "5"),
            ("SLURM_NTASKS", "5"),
            ("SLURM_STEP_TASKS_PER_NODE", "2,3"),
            ("SLURM_TASKS_PER_NODE", "2,3"),
            ("SLURM_NODEID", "1"),
            ("SLURM_PROCID", "3"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_GTIDS", "2,3,4"),
            ("SLURM_CPUS_ON_NODE", "3"),
            ("SLURM_CPUS_PER_TASK", "2"),
            ("SLURM_UMASK", "0027"),
            ("SLURMD_NODENAME", "n2"),
            ("OMP_NUM_THREADS", "9"),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), Some(value), "{name}");
        }
        for absent in ["CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "ENVIRONMENT", "TMPDIR"] {
            assert_eq!(seen.get(absent), None, "{absent}");
        }
        let seen = by_name(of_step(&job, &step, at(&[1]), 0));
        let gpus = ["CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE"];
        assert_eq!(gpus.map(|name| seen[name].as_str()), ["0", "1", "9", "1"]);
    }

    #[test]
    fn what_was_not_asked_for_is_not_set() {
        let seen = environment(&launch(&[("n2", 1, 1)]), 0, &[]);
        assert_eq!((seen.get("SLURM_NTASKS"), seen["SLURM_JOB_CPUS_PER_NODE"].as_str()), (None, "1"));
    }

    #[test]
    fn a_task_of_an_array_knows_its_place() {
        let mut launch = launch(&[("n2", 1, 1)]);
        launch.array = Some(ArrayTask { job: JobId(5), index: 4, tasks: "0-8:4".parse().unwrap() });
        let seen = environment(&launch, 0, &[]);
        let of = |name: &str| seen[&format!("SLURM_ARRAY_{name}")].clone();
        let names = ["JOB_ID", "TASK_ID", "TASK_COUNT", "TASK_MIN", "TASK_MAX", "TASK_STEP"];
        assert_eq!(names.map(of), ["5", "4", "3", "0", "8", "4"]);
        assert_eq!(seen["SLURM_JOB_ID"], "7");
    }

    #[test]
    fn gpus_are_counted_from_0_where_others_are_hidden() {
        let seen = environment(&launch(&[("n2", 1, 1)]), 0, &[1, 3]);
        assert_eq!((seen["SLURM_JOB_GPUS"].as_str(), seen["CUDA_VISIBLE_DEVICES"].as_str()), ("1,3", "0,1"));
        assert_eq!(seen["SLURM_GPUS_ON_NODE"], "2");
    }

    #[test]
    fn the_schedulers_names_win_and_a_restart_is_counted() {
        let mut launch = launch(&[("n2", 1, 1)]);
        let sent = &mut launch.batch.as_mut().unwrap().environment;
        sent.extend([("SLURM_JOB_ID".into(), "1".into()), ("TMPDIR".into(), "/scratch".into())]);
        let seen = environment(&launch, 2, &[1, 3]);
        assert_eq!((seen["SLURM_JOB_ID"].as_str(), seen["TMPDIR"].as_str()), ("7", "/scratch"));
        assert_eq!((seen["SLURM_RESTART_COUNT"].as_str(), seen["CUDA_VISIBLE_DEVICES"].as_str()), ("2", "1,3"));
    }
}
