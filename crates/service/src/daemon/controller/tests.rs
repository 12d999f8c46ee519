//! A node and its users, as the service meets them: requests in, answers and records out.

mod access;
mod steps;

use super::super::caller::Peer;
use super::super::config::Config;
use super::super::http::{App, router};
use super::super::service::Service;
use super::super::testing::until;
use crate::store::Store;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use compute::protocol::{Launch, Order, OrderedTask, Orders, RunReport, RunUsage};
use http_body_util::BodyExt;
use hyper_util::service::TowerToHyperService;
use scheduling::event::{NodeReport, Registration, Reported, RunStage, ScriptEnd};
use scheduling::id::{Attempt, Boot, JobId, NodeSession};
use scheduling::node::{GresStock, Hardware, NodeHealth};
use scheduling::request::JobRequest;
use serde_json::{Value, json};
use slurm::records::ExitCode;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use words::diag::Source;
use words::people::Uid;

const ROOT: Uid = Uid::ROOT;

/// One node with four CPUs and four GPUs.
const NODES: &str = "NodeName=n1 CPUs=4 RealMemory=1000 Gres=gpu:4\nGresTypes=gpu\nSelectTypeParameters=CR_Core\n\
                     PartitionName=main Nodes=n1 Default=YES MaxTime=60\nClusterName=c\n";

/// A service that can be killed and started again on the same store.
struct Site {
    directory: TempDir,
    text: String,
    running: Option<Arc<App>>,
}

impl Site {
    fn start(more: &str) -> Self {
        let mut site = Self { directory: tempfile::tempdir().unwrap(), text: format!("{NODES}{more}"), running: None };
        site.restart();
        site
    }

    fn config(&self) -> Config {
        Config::parse(&Source::new("c", self.text.clone())).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("a.db")
    }

    /// Nothing is said to anybody before it goes.
    fn restart(&mut self) {
        drop(self.running.take());
        let config = self.config();
        let mut store = None;
        until("the old one has left the store", || Store::open(&self.path()).is_ok());
        store.get_or_insert_with(|| Store::open(&self.path()).unwrap());
        let service = Service::start(store.unwrap(), &config).unwrap();
        self.running = Some(App::new(service, &config).unwrap());
    }

    fn app(&self) -> &Arc<App> {
        self.running.as_ref().unwrap()
    }

    fn service(&self) -> &Service {
        &self.app().service
    }

    async fn post(&self, uid: Uid, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Peer::Local(Some(uid)), path, body).await
    }

    async fn send(&self, peer: Peer, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = Request::post(path).header("content-type", "application/json");
        let text = body.to_string();
        request = request.header("content-length", text.len());
        let mut request = request.body(Body::from(text)).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let router: Router = router(self.app().clone());
        let answer = hyper::service::Service::call(&TowerToHyperService::new(router), request).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn submit(&self, request: Value) -> Value {
        let (status, said) = self.post(ROOT, "/v1/jobs/submit", json!({ "request": request })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        said
    }

    /// A job that asks for so many GPUs.
    async fn submit_gpus(&self, count: u32) -> JobId {
        let request = JobRequest { name: "train".into(), ..request() };
        let mut request = serde_json::to_value(request).unwrap();
        request["demand"]["gres"] = json!([{ "name": "gpu", "kind": null, "count": count }]);
        let said = self.submit(request).await;
        JobId(said["job"].as_u64().unwrap_or_else(|| panic!("{said}")) as u32)
    }

    async fn slurm(&self, program: &str, argv: &[&str]) -> String {
        let (status, said) = self.post(ROOT, &format!("/v1/slurm/{program}"), json!({ "argv": argv })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        format!("{}{}", said["stdout"].as_str().unwrap(), said["stderr"].as_str().unwrap())
    }

    /// Waits until sacct shows this: it does not show what became eligible in the second of now.
    async fn sacct_has(&self, fields: &str, what: &str) {
        let begun = std::time::Instant::now();
        loop {
            let listed = self.slurm("sacct", &["-nDPo", fields]).await;
            if listed.contains(what) {
                return;
            }
            assert!(begun.elapsed().as_secs() < 60, "{what}: {listed}");
            tokio::task::yield_now().await;
        }
    }

    /// Why a job waits, as squeue would show it; empty when it does not.
    fn reason(&self, job: JobId) -> String {
        let (core, kept) = (self.service().core().view().unwrap(), self.service().kept());
        core.reason(job).map_or_else(String::new, |reason| reason.named(&kept.state))
    }
}

fn request() -> JobRequest {
    let batch = scheduling::request::BatchJob {
        script: "#!/bin/sh\necho hello\n".into(),
        directory: "/tmp".into(),
        ..Default::default()
    };
    JobRequest { name: "hello".into(), minutes: Some(10), batch, ..JobRequest::default() }
}

/// A node that does what it is told to do.
struct Scripted {
    session: NodeSession,
}

impl Scripted {
    async fn join(site: &Site, runs: Vec<(JobId, Attempt, RunStage)>) -> Self {
        Self::boot(site, 1, runs).await
    }

    async fn boot(site: &Site, boot: u128, runs: Vec<(JobId, Attempt, RunStage)>) -> Self {
        let (status, said) = site.post(ROOT, "/v1/node/connect", json!({ "node": "n1", "version": "t" })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        assert!(said["patience"].as_u64().unwrap() >= 1);
        let session = NodeSession(said["session"].as_u64().unwrap());
        let stock = GresStock { name: "gpu".into(), kind: None, count: 4 };
        let hardware = Hardware { gres: vec![stock], ..Hardware::new(4, 1000) };
        let registration = Registration { boot: Boot(boot), hardware, runs, steps: Vec::new() };
        let ask = json!({ "node": "n1", "session": session, "registration": registration });
        let (status, said) = site.post(ROOT, "/v1/node/register", ask).await;
        assert_eq!((status, said), (StatusCode::OK, json!({})));
        Self { session }
    }

    async fn poll(&self, site: &Site) -> Vec<Order> {
        let (status, said) = site.post(ROOT, "/v1/node/orders", json!({ "node": "n1", "session": self.session })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        serde_json::from_value::<Orders>(said).unwrap().orders
    }

    async fn launch(&self, site: &Site) -> (JobId, Attempt, Launch) {
        match &self.poll(site).await[..] {
            [Order { job, attempt, task: OrderedTask::Launch(launch) }] => (*job, *attempt, (**launch).clone()),
            other => panic!("{other:?}"),
        }
    }

    async fn try_report(&self, site: &Site, report: RunReport) -> StatusCode {
        let ask = json!({ "node": "n1", "session": self.session, "reports": [report] });
        site.post(ROOT, "/v1/node/reports", ask).await.0
    }

    async fn report(&self, site: &Site, job: JobId, attempt: u32, stage: RunStage, usage: Option<RunUsage>) {
        let report = NodeReport { job, attempt: Attempt(attempt), what: Reported::Stage(stage) };
        assert_eq!(self.try_report(site, RunReport { report, why: None, step: None, usage }).await, StatusCode::OK);
    }
}

const DONE: RunStage = RunStage::Ended(ScriptEnd { exit: ExitCode { code: 0, signal: 0 }, out_of_memory: false });

#[tokio::test(flavor = "multi_thread")]
async fn a_job_comes_from_its_submission_to_its_record_though_the_master_dies_after_every_step() {
    let mut site = Site::start("");
    let said = site.submit(serde_json::to_value(request()).unwrap()).await;
    assert_eq!(said, json!({ "job": 1, "cluster": "c" }));
    site.restart();
    site.sacct_has("JobID,State", "1|PENDING\n").await;

    let node = Scripted::join(&site, Vec::new()).await;
    let (job, attempt, launch) = node.launch(&site).await;
    assert_eq!((job, attempt), (JobId(1), Attempt(0)));
    assert_eq!((launch.user.name.as_str(), launch.user.uid, launch.name.as_str()), ("root", ROOT, "hello"));
    assert_eq!(launch.batch.unwrap().script.shown(), "#!/bin/sh\necho hello\n");
    assert_eq!((launch.partition.as_str(), launch.cluster.as_str(), launch.nodes.len()), ("main", "c", 1));
    site.restart();
    assert_eq!(
        node.try_report(
            &site,
            RunReport {
                report: NodeReport { job, attempt, what: Reported::Stage(RunStage::Launched) },
                why: None,
                step: None,
                usage: None,
            }
        )
        .await,
        StatusCode::GONE,
        "its session is over"
    );

    let node = Scripted::join(&site, Vec::new()).await;
    let (again, attempt, _) = node.launch(&site).await;
    assert_eq!((again, attempt), (job, Attempt(0)), "it is told again, since it has not confirmed it");
    node.report(&site, job, 0, RunStage::Launched, None).await;
    site.restart();
    let listed = site.slurm("sacct", &["-nPo", "JobID,State,NodeList"]).await;
    assert_eq!(listed, "1|RUNNING|n1\n1.batch|RUNNING|n1\n");

    let node = Scripted::join(&site, vec![(job, attempt, RunStage::Launched)]).await;
    let usage = RunUsage {
        user_cpu: Some(1_500_000),
        system_cpu: Some(500_000),
        peak_memory: Some(3 << 20),
        ..RunUsage::default()
    };
    node.report(&site, job, 0, DONE, Some(usage)).await;
    site.restart();
    let node = Scripted::join(&site, vec![(job, attempt, DONE)]).await;
    let orders = node.poll(&site).await;
    assert!(matches!(&orders[..], [Order { job: JobId(1), task: OrderedTask::Terminate { .. }, .. }]), "{orders:?}");
    node.report(&site, job, 0, RunStage::Left, None).await;
    site.restart();
    let listed = site.slurm("sacct", &["-nPo", "JobID,JobName,State,ExitCode,TotalCPU,MaxRSS,NodeList"]).await;
    assert_eq!(listed, "1|hello|COMPLETED|0:0|00:00:02||n1\n1.batch|batch|COMPLETED|0:0|00:00:02|3M|n1\n");
    assert_eq!(site.submit(serde_json::to_value(request()).unwrap()).await["job"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_jobs_back_and_an_account_that_changes_lets_them_go() {
    let site = Site::start("AccountingStorageEnforce=limits");
    let limit = async |gpus: &str| {
        let set = format!("GrpTRES=gres/gpu={gpus}");
        site.slurm("sacctmgr", &["-i", "modify", "account", "root", "set", &set]).await
    };
    assert!(limit("2").await.contains("Modified"));
    let node = Scripted::join(&site, Vec::new()).await;
    let jobs = [site.submit_gpus(1).await, site.submit_gpus(1).await, site.submit_gpus(1).await];
    let mut launched = Vec::new();
    while launched.len() < 2 {
        launched.extend(node.poll(&site).await.into_iter().map(|order| order.job));
    }
    assert_eq!(launched, jobs[..2]);
    assert_eq!(site.reason(jobs[2]), "AssocGrpGRES");
    let (_, said) = site.post(ROOT, "/v1/admission", json!({ "user": "root", "tres": { "gres/gpu": 1 } })).await;
    let limits: Vec<_> = said["checks"].as_array().unwrap().iter().filter(|it| it["reason"].is_string()).collect();
    assert_eq!(limits.len(), 1, "{said}");
    assert_eq!((&limits[0]["used"], &limits[0]["reason"]), (&json!(2), &json!("AssocGrpGRES")));
    limit("3").await;
    let orders = node.poll(&site).await;
    assert!(orders.iter().any(|order| order.job == jobs[2]), "{orders:?}");
    assert_eq!(site.reason(jobs[2]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_falls_silent_loses_its_jobs_and_they_wait_again() {
    let site = Site::start("SlurmdTimeout=3");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.submit_gpus(1).await;
    assert_eq!(node.launch(&site).await.0, job);
    node.report(&site, job, 0, RunStage::Launched, None).await;
    let attempt = || site.service().core().view().unwrap().job(job).unwrap().attempt;
    until("the job waits again", || attempt() == Attempt(1));
    let core = site.service().core().view().unwrap();
    assert!(matches!(core.live().nodes.get(&"n1".into()).unwrap().health, NodeHealth::Down(..)));
    let listed = site.slurm("sacct", &["-nDPo", "JobID,State"]).await;
    assert!(listed.contains("1|NODE_FAIL\n1.batch|NODE_FAIL\n"), "{listed}");
    // It comes back with the run that is not its own any more, which has to go first.
    let back = Scripted::join(&site, vec![(job, Attempt(0), RunStage::Launched)]).await;
    let orders = back.poll(&site).await;
    assert!(
        matches!(&orders[..], [Order { attempt: Attempt(0), task: OrderedTask::Terminate { .. }, .. }]),
        "{orders:?}"
    );
    back.report(&site, job, 0, RunStage::Left, None).await;
    // It has to be polled: a node that says nothing is down again.
    let mut orders = Vec::new();
    while orders.is_empty() {
        orders = back.poll(&site).await;
    }
    assert!(matches!(&orders[..], [Order { attempt: Attempt(1), task: OrderedTask::Launch(_), .. }]), "{orders:?}");
}

fn core_state(site: &Site, job: JobId) -> &'static str {
    site.service().core().view().unwrap().job(job).unwrap().state().name()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_fails_is_told_to_people() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.submit_gpus(1).await;
    node.launch(&site).await;
    let report = NodeReport { job, attempt: Attempt(0), what: Reported::LaunchFailed };
    let why = Some("/home/x: No such\nfile".to_owned());
    assert_eq!(node.try_report(&site, RunReport { report, why, step: None, usage: None }).await, StatusCode::OK);
    assert_eq!(site.reason(job), "launch failed requeued held");
    let core = site.service().core().view().unwrap();
    let comment = &core.job(job).unwrap().submission.details.system_comment;
    assert_eq!(comment, "launch failed on n1: /home/x: No suchfile");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_written_never_was() {
    use scheduling::event::SchedulerEvent;
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.submit_gpus(1).await;
    assert_eq!(node.launch(&site).await.0, job);
    let cancel = scheduling::event::JobCommand::Cancel;
    let who = scheduling::event::Requester { uid: ROOT, is_operator: true, coordinates: Vec::new() };
    let failed = site.service().write(move |change| {
        change.on(SchedulerEvent::Control(who.clone(), job, cancel.clone())).unwrap();
        let row = slurm::model::Coordinator { account: "nowhere".into(), user: "nobody".into() };
        change.state.coordinators.put(("nowhere".into(), "nobody".into()), row);
        Ok(())
    });
    assert!(failed.unwrap_err().contains("nothing was changed"));
    assert_eq!(core_state(&site, job), "RUNNING");
    let ask = json!({ "node": "n1", "session": node.session });
    assert_eq!(site.post(ROOT, "/v1/node/orders", ask).await.0, StatusCode::GONE, "what it was told may not be so");
    let node = Scripted::join(&site, Vec::new()).await;
    assert_eq!(node.launch(&site).await.0, job);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nodes_there_is_no_scheduler_until_a_reload_brings_some() {
    let mut site = Site::start("");
    site.text = "ClusterName=c\n".into();
    site.restart();
    assert!(!site.service().core().exists());
    let (_, said) = site.post(ROOT, "/v1/jobs/submit", json!({ "request": request() })).await;
    assert_eq!(said["refused"], "No partition specified or system default partition");
    assert_eq!(
        site.post(ROOT, "/v1/node/connect", json!({ "node": "n1", "version": "t" })).await.0,
        StatusCode::NOT_FOUND
    );
    site.text = NODES.into();
    site.service().reload(&site.config()).unwrap();
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.submit_gpus(1).await;
    assert_eq!(node.launch(&site).await.0, job);
    site.text = "ClusterName=c\n".into();
    site.service().reload(&site.config()).unwrap();
    assert_eq!(core_state(&site, job), "RUNNING", "the node stays for what runs there");
    assert_eq!(site.service().core().view().unwrap().config().nodes.len(), 1);
    site.text = format!("{NODES}NodeName=n2 State=DRAIN\n");
    site.service().reload(&site.config()).unwrap();
    let core = site.service().core().view().unwrap();
    assert!(core.live().nodes.get(&"n2".into()).unwrap().drain.is_some(), "a new node begins as its line says");
}
