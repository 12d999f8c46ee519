//! `--json`: names and kinds of values are those of the real squeue and sinfo 22.05.8, recorded in `tests/cases/live/*.json`
//! of a job like the first one here (`sbatch -n 2 -c 2 --mem=200 -t 10 -J one --comment='a b'`) and an array that is held.

use crate::stage::{Asking, Stage};
use commands::cluster::Controller;
use commands::{Output, Reply, scontrol, sinfo, squeue};
use scheduling::demand::{Demand, MemoryDemand};
use scheduling::event::{Accepted, SchedulerEvent};
use scheduling::request::{Allocating, JobRequest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

struct Play(Stage);

impl Play {
    fn new() -> Self {
        let mut play = Self(Stage::of(crate::live::site()));
        let demand = Demand { tasks: 2, cpus_per_task: 2, memory: MemoryDemand::PerNode(200), ..Demand::default() };
        let mut one = JobRequest { name: "one".into(), minutes: Some(10), demand, ..JobRequest::default() };
        one.details.comment = "a b".into();
        one.wckey = Some("key".into());
        play.submit(one);
        let array = Some("0-3%2".parse().unwrap());
        play.submit(JobRequest { name: "wrap".into(), hold: true, array, ..JobRequest::default() });
        play
    }

    fn submit(&mut self, request: JobRequest) {
        let (submission, batch) = self.0.submission("alice", request);
        match self.0.on(SchedulerEvent::Submit(Box::new(submission))) {
            Ok(Accepted::Submitted(job)) => _ = self.0.scripts.insert(job, batch),
            other => panic!("{other:?}"),
        }
    }

    fn said(&mut self, line: &str) -> Reply {
        let mut argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let program = argv.remove(0);
        let (caller, now, scripts) = (self.0.caller("alice"), self.0.zoned(), self.0.scripts.clone());
        let mut asking = Asking { stage: &mut self.0, caller, now, scripts };
        let nothing = BTreeMap::new();
        match program.as_str() {
            "squeue" => squeue::run(&asking.cluster(), &nothing, &argv, Output::default()),
            "sinfo" => sinfo::run(&asking.cluster(), &nothing, &argv, Output::default()),
            _ => scontrol::run(&mut asking, &nothing, &argv),
        }
    }

    fn json(&mut self, line: &str) -> Value {
        let reply = self.said(line);
        assert_eq!((reply.code, reply.stderr.as_str()), (0, ""), "{line}");
        serde_json::from_str(&reply.stdout).unwrap()
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

/// The same names, and the same kinds of values where both have one.
fn same_shape(place: &str, ours: &Value, theirs: &Value) {
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(ours), names(theirs), "{place}");
    for (name, theirs) in theirs.as_object().unwrap() {
        let ours = &ours[name];
        let (own, real) = (kind(ours), kind(theirs));
        assert!(own == real || own == "null" || real == "null", "{place}.{name}: {ours} is {own}, theirs {theirs}");
        match theirs {
            Value::Object(_) if name != "sockets" => same_shape(&format!("{place}.{name}"), ours, theirs),
            Value::Array(list) if list.first().is_some_and(Value::is_object) => {
                same_shape(&format!("{place}.{name}[0]"), &ours[0], &list[0]);
            }
            _ => {}
        }
    }
}

fn recorded(name: &str) -> Value {
    let path = format!("{}/../../tests/cases/live/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn jobs_have_the_shape_of_slurms() {
    let (mut play, theirs) = (Play::new(), recorded("squeue"));
    let ours = play.json("squeue --json");
    assert_eq!(ours["meta"], theirs["meta"]);
    let by_name = |list: &Value, name: &str| {
        let jobs = list["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["name"] == name).unwrap().clone()
    };
    for name in ["one", "wrap"] {
        same_shape(name, &by_name(&ours, name), &by_name(&theirs, name));
    }
    let one = by_name(&ours, "one");
    let theirs = by_name(&theirs, "one");
    for name in
        ["job_state", "cpus", "nodes", "memory_per_node", "tres_alloc_str", "time_limit", "comment", "job_resources"]
    {
        if name != "job_resources" {
            assert_eq!(one[name], theirs[name], "{name}");
        } else {
            let sockets = |job: &Value| job[name]["allocated_nodes"][0]["sockets"].clone();
            assert_eq!(sockets(&one), sockets(&theirs));
        }
    }
    assert_eq!((&one["user_name"], &one["wckey"]), (&"alice".into(), &"key".into()));
    assert_eq!(by_name(&ours, "wrap")["array_task_string"], "0-3%2");
    assert_eq!(play.json("scontrol show job 1001 --json")["jobs"][0], one);
    assert_eq!(play.json("squeue --json=v0.0.40 -n nosuch")["jobs"], serde_json::json!([]));
    assert!(play.said("squeue --yaml").stdout.starts_with("%YAML 1.1\n--- !!map\n!!str meta: !!map\n"));
}

#[test]
fn nodes_have_the_shape_of_slurms() {
    let (mut play, theirs) = (Play::new(), recorded("sinfo"));
    let ours = play.json("sinfo --json");
    same_shape("node", &ours["nodes"][0], &theirs["nodes"][0]);
    for name in ["name", "state", "cpus", "alloc_cpus", "idle_cpus", "real_memory", "partitions", "tres", "tres_used"] {
        assert_eq!(ours["nodes"][0][name], theirs["nodes"][0][name], "{name}");
    }
    assert_eq!(play.json("sinfo --json -p gpu")["nodes"].as_array().map(Vec::len), Some(1));
    assert_eq!(play.json("scontrol show node c1 --json")["nodes"][0], ours["nodes"][0]);
}

#[test]
fn tasks_of_an_array_are_listed_alone() {
    let mut play = Play::new();
    let rows = |play: &mut Play, line: &str| {
        let reply = play.said(line);
        (reply.stdout.lines().map(str::to_owned).collect::<Vec<_>>().join(" "), reply.code)
    };
    for (line, listed) in [
        ("squeue -h -o %i -j 1002", "1002_[0-3%2]"),
        ("squeue -h -o %i -j 1002_1", "1002_1"),
        ("squeue -h -o %i -j 1002_[1-2]", "1002_[1-2%2]"),
        ("squeue -h -o %i -j 1002_[1-2,9],1001", "1001 1002_[1-2%2]"),
        ("squeue -h -o %i -j 1002_9", ""),
        ("squeue -h -o %i -j 1001_3", ""),
        ("squeue -h -o %i:%K -r", "1001:N/A 1002_0:0 1002_1:1 1002_2:2 1002_3:3"),
        ("squeue -h -o %i -r -j 1002_[2-3]", "1002_2 1002_3"),
    ] {
        let (found, code) = rows(&mut play, &format!("{line} -S i"));
        assert_eq!((found.as_str(), code), (listed, 0), "{line}");
    }
    assert_eq!(play.said("squeue -j 99_1").stderr, "slurm_load_jobs error: Invalid job id specified\n");
    assert_eq!(play.said("squeue -j 1002_x").code, 1);
}

#[test]
fn an_allocation_has_no_script() {
    let mut play = Play(Stage::of(crate::live::site()));
    play.submit(JobRequest { name: "script".into(), ..JobRequest::default() });
    let nodes = JobRequest { name: "nodes".into(), allocation: Some(Allocating::Kept), ..JobRequest::default() };
    play.submit(nodes);
    assert_eq!(play.said("squeue -h -S i -O BatchFlag:1").stdout, "1\n0\n");
    let jobs = play.json("squeue --json");
    let flags: BTreeSet<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["batch_flag"].as_bool()).collect();
    assert_eq!(flags, BTreeSet::from([Some(true), Some(false)]));
    let shown = play.said("scontrol show job").stdout;
    assert!(shown.contains(" BatchFlag=1 ") && shown.contains(" BatchFlag=0 "), "{shown}");
}

#[test]
fn a_format_of_steps_has_their_fields() {
    let reply = Play::new().said("squeue -s -o %i|%.4N|%A|%q");
    let said = "squeue: error: Invalid job step format specification: q\n";
    assert_eq!((reply.stdout.as_str(), reply.stderr.as_str()), ("STEPID|NODE|TASKS|%q\n1001.batch|  c1|1|%q\n", said));
    assert_eq!(Play::new().said("squeue -s -O StepName:6,UserName:5").stdout, "NAME  USER \nbatch alice\n");
}
