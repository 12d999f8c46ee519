//! The master is killed at any moment, again and again, while jobs are submitted and run. What was answered holds: no
//! accepted job is lost, none runs twice, no number is given twice, and every run has its record.

use super::{figure, rounds};
use crate::service::Service;
use crate::support::http::{Answer, read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NODES: &str = "NodeName=n1 CPUs=64 RealMemory=1000\nSelectTypeParameters=CR_Core\n\
                     PartitionName=main Nodes=n1 Default=YES\nKillWait=1";

/// `None` when nobody answers, or the answer broke off.
fn post(socket: &Path, path: &str, body: &Value) -> Option<Answer> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let answer = read(stream);
    (answer.status != 0 && serde_json::from_str::<Value>(&answer.body).is_ok()).then_some(answer)
}

/// How far a run came.
#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Launched,
    Ended,
    Left,
    Confirmed,
}

/// A node that keeps what it runs, and says it until the master has it.
struct Node {
    socket: PathBuf,
    session: u64,
    runs: BTreeMap<(u64, u64), Stage>,
    /// Orders to start what the master had confirmed to be over.
    late: usize,
}

impl Node {
    fn live(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.session == 0 && !self.join() {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            self.work();
        }
    }

    fn stage(stage: Stage) -> Value {
        match stage {
            Stage::Launched => json!("Launched"),
            Stage::Ended => json!({ "Ended": { "exit": { "code": 0, "signal": 0 }, "out_of_memory": false } }),
            Stage::Left | Stage::Confirmed => json!("Left"),
        }
    }

    fn join(&mut self) -> bool {
        let hello = json!({ "node": "n1", "version": "1" });
        let Some(answer) = post(&self.socket, "/v1/node/connect", &hello).filter(|it| it.status == 200) else {
            return false;
        };
        let session = answer.json()["session"].as_u64().unwrap();
        let known = self.runs.iter().filter(|(_, stage)| **stage != Stage::Confirmed);
        let runs: Vec<_> = known.map(|((job, attempt), stage)| json!([job, attempt, Self::stage(*stage)])).collect();
        let hardware = json!({ "cpus": 64, "threads_per_core": 1, "memory": 1000, "gres": [] });
        let registration = json!({ "boot": 1, "hardware": hardware, "runs": runs });
        let ask = json!({ "node": "n1", "session": session, "registration": registration });
        let joined = post(&self.socket, "/v1/node/register", &ask).is_some_and(|it| it.status == 200);
        self.session = if joined { session } else { 0 };
        joined
    }

    /// Fetches orders, obeys, and says how far everything is.
    fn work(&mut self) {
        let poll = json!({ "node": "n1", "session": self.session });
        let Some(answer) = post(&self.socket, "/v1/node/orders", &poll).filter(|it| it.status == 200) else {
            self.session = 0;
            return;
        };
        for order in answer.json()["orders"].as_array().unwrap() {
            let key = (order["job"].as_u64().unwrap(), order["attempt"].as_u64().unwrap());
            let is_launch = order["task"].get("launch").is_some();
            let stage = self.runs.entry(key).or_default();
            self.late += usize::from(is_launch && *stage == Stage::Confirmed);
            if !is_launch && *stage != Stage::Confirmed {
                *stage = Stage::Left;
            }
        }
        self.tell();
    }

    /// A step further with each run: launched, ended, left.
    fn tell(&mut self) {
        for goes_to in [Stage::Launched, Stage::Ended, Stage::Left] {
            let due: Vec<_> =
                self.runs.iter().filter(|(_, stage)| **stage != Stage::Confirmed).map(|(key, _)| *key).collect();
            if due.is_empty() {
                return;
            }
            for key in &due {
                let stage = self.runs.get_mut(key).unwrap();
                *stage = if *stage == Stage::Left { Stage::Left } else { goes_to };
            }
            let report = |key: &(u64, u64)| {
                let what = json!({ "Stage": Self::stage(self.runs[key]) });
                json!({ "report": { "job": key.0, "attempt": key.1, "what": what } })
            };
            let reports: Vec<_> = due.iter().map(report).collect();
            let ask = json!({ "node": "n1", "session": self.session, "reports": reports });
            if post(&self.socket, "/v1/node/reports", &ask).is_none_or(|it| it.status != 200) {
                self.session = 0;
                return;
            }
        }
        // All that was said is on disk.
        self.runs.values_mut().for_each(|stage| *stage = Stage::Confirmed);
    }
}

/// Submits until told to stop; gives the numbers that were answered.
fn submit(socket: &Path, stop: &AtomicBool, numbers: &Mutex<Vec<u64>>) {
    let job =
        json!({ "request": { "name": "j", "minutes": 5, "batch": { "script": "#!/bin/sh\n", "directory": "/" } } });
    while !stop.load(Ordering::Relaxed) {
        match post(socket, "/v1/jobs/submit", &job).filter(|it| it.status == 200) {
            Some(answer) => numbers.lock().unwrap().push(answer.json()["job"].as_u64().unwrap()),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn sacct(service: &Service) -> String {
    let mut command = std::process::Command::new(service.path("sacct"));
    let all = ["-nPDX", "-S", "2020-01-01", "-E", "2099-01-01", "-o", "JobIDRaw,State"];
    let out = command.args(all).env("ENLIST_SOCKET", service.path("socket")).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_master_that_is_killed_at_any_moment_loses_no_job_and_runs_none_twice() {
    let mut service = Service::configured(NODES);
    let (socket, kills) = (service.path("socket"), rounds(4, 200));
    let (no_more_jobs, stop, numbers) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::default());
    let mut node = Node { socket: socket.clone(), session: 0, runs: BTreeMap::new(), late: 0 };
    let (runs, late, listed) = std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            node.live(&stop);
            (node.runs, node.late)
        });
        let submitting = scope.spawn(|| submit(&socket, &no_more_jobs, &numbers));
        for kill in 0..kills {
            // Every time another while after the start.
            std::thread::sleep(Duration::from_millis(30 + (kill as u64 * 97) % 300));
            service.kill();
            service.restart();
        }
        no_more_jobs.store(true, Ordering::Relaxed);
        submitting.join().unwrap();
        let (begun, accepted) = (Instant::now(), numbers.lock().unwrap().len());
        while sacct(&service).lines().filter(|line| line.ends_with("|COMPLETED")).count() < accepted
            || sacct(&service).lines().any(|line| !line.ends_with("|COMPLETED"))
        {
            assert!(begun.elapsed() < Duration::from_secs(120), "{}", sacct(&service));
            std::thread::sleep(Duration::from_millis(100));
        }
        let listed = sacct(&service);
        stop.store(true, Ordering::Relaxed);
        // The node's last question ends with it.
        service.kill();
        let (runs, late) = working.join().unwrap();
        (runs, late, listed)
    });
    let numbers = numbers.into_inner().unwrap();
    let records: Vec<u64> = listed.lines().map(|line| line.split('|').next().unwrap().parse().unwrap()).collect();
    let distinct: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(distinct.len(), numbers.len(), "a number was given twice");
    assert_eq!(records.iter().collect::<BTreeSet<_>>().len(), records.len(), "a job ran again: {listed}");
    assert!(distinct.iter().all(|job| records.contains(job)), "an accepted job is lost");
    assert!(runs.keys().all(|(_, attempt)| *attempt == 0), "a job was started again");
    assert_eq!(late, 0, "runs that were over were to be started again");
    assert_eq!(runs.keys().map(|(job, _)| *job).collect::<BTreeSet<_>>(), records.into_iter().collect());
    assert!(numbers.len() > kills, "only {} jobs were submitted", numbers.len());
    figure("the master is killed while jobs are submitted and run", format!("{kills} kills, {} jobs", numbers.len()));
}
