//! `salloc` and `srun`, as the service meets them: allocations, steps, and what their tasks read and write.

use super::*;
use crate::daemon::streams::wire::Packet;
use compute::protocol::StepLaunch;
use compute::stream::{ALL, FrameKind};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use scheduling::job::Allocating;
use scheduling::step::StepRequest;
use slurm::records::StepId;
use tokio::io::{AsyncWriteExt, duplex};

const ZERO: StepId = StepId::Number(0);

/// A connection that became a stream.
struct Stream(TokioIo<Upgraded>);

impl Stream {
    async fn open(site: &Site, uid: Uid, path: &str, ask: Value) -> Result<Self, StatusCode> {
        let (ours, theirs) = duplex(1 << 20);
        let router = TowerToHyperService::new(router(site.app().clone()));
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(Peer::Local(Some(uid))));
            hyper::service::Service::call(&router, request)
        });
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
        tokio::spawn(serving.with_upgrades());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        let request = Request::post(path)
            .header("host", "enlist")
            .header("content-type", "application/json")
            .header("connection", "upgrade")
            .header("upgrade", compute::stream::PROTOCOL)
            .body(ask.to_string())
            .unwrap();
        let mut answer = sender.send_request(request).await.unwrap();
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(answer.status());
        }
        Ok(Self(TokioIo::new(hyper::upgrade::on(&mut answer).await.unwrap())))
    }

    async fn say(&mut self, kind: FrameKind, task: u32, place: u64, content: &[u8]) {
        self.0.write_all(&Packet::new(kind, task, place, content).bytes).await.unwrap();
    }

    async fn hear(&mut self) -> Option<(FrameKind, u32, Vec<u8>)> {
        let packet = Packet::read(&mut self.0).await.ok()??;
        Some((packet.kind, packet.task, packet.bytes[17..].to_vec()))
    }
}

impl Site {
    async fn allocate(&self, node: &Scripted, allocation: Allocating) -> JobId {
        let batch = scheduling::request::BatchJob { directory: "/tmp".into(), ..Default::default() };
        let request = JobRequest {
            name: "sh".into(),
            allocation: Some(allocation),
            batch,
            minutes: Some(10),
            ..JobRequest::default()
        };
        let said = self.submit(serde_json::to_value(request).unwrap()).await;
        let job = JobId(said["job"].as_u64().unwrap_or_else(|| panic!("{said}")) as u32);
        let (launched, _, launch) = node.launch(self).await;
        assert_eq!((launched, launch.batch.map(|batch| batch.script.0)), (job, Some(Vec::new())));
        node.report(self, job, 0, RunStage::Launched, None).await;
        job
    }

    async fn create(&self, uid: Uid, job: JobId, request: StepRequest, immediate: bool) -> (StatusCode, Value) {
        let program = json!({ "programs": [{ "ranks": null, "argv": ["hostname"] }], "directory": "/tmp" });
        let ask = json!({ "job": job, "request": request, "program": program, "immediate": immediate });
        self.post(uid, "/v1/steps/create", ask).await
    }

    fn stage(&self, job: JobId) -> &'static str {
        core_state(self, job)
    }
}

impl Scripted {
    async fn launch_step(&self, site: &Site) -> (JobId, StepLaunch) {
        loop {
            match &self.poll(site).await[..] {
                [] => {}
                [Order { job, task: OrderedTask::LaunchStep(launch), .. }] => return (*job, (**launch).clone()),
                other => panic!("{other:?}"),
            }
        }
    }

    async fn tell_step(&self, site: &Site, job: JobId, step: StepId, stage: RunStage) {
        let report = NodeReport { job, attempt: Attempt(0), what: Reported::Stage(stage) };
        let usage = Some(RunUsage { user_cpu: Some(2_000_000), peak_memory: Some(5 << 20), ..RunUsage::default() });
        let usage = usage.filter(|_| matches!(stage, RunStage::Ended(_)));
        let report = RunReport { report, why: None, step: Some(step), usage };
        assert_eq!(self.try_report(site, report).await, StatusCode::OK);
    }

    async fn stream(&self, site: &Site, job: JobId, step: StepId) -> Stream {
        let ask = json!({ "node": "n1", "session": self.session, "job": job, "attempt": 0, "step": step });
        Stream::open(site, ROOT, "/v1/node/stream", ask).await.unwrap()
    }
}

fn owner(job: JobId, owner: bool) -> Value {
    json!({ "job": job, "step": ZERO, "owner": owner })
}

fn one() -> StepRequest {
    StepRequest { name: "hostname".into(), tasks: Some(1), ..StepRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_goes_from_its_creation_to_its_record_and_its_output_to_who_started_it() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::ForOneStep).await;
    let (_, standing) = site.post(ROOT, "/v1/jobs/wait", json!({ "job": job })).await;
    assert_eq!((&standing["state"], &standing["allocation"]["nodes"][0]["node"]), (&json!("RUNNING"), &json!("n1")));
    let (status, said) = site.create(ROOT, job, one(), false).await;
    assert_eq!((status, &said["step"]), (StatusCode::OK, &json!([{ "Number": 0 }, [{ "node": "n1", "ranks": [0] }]])));
    let (launched, launch) = node.launch_step(&site).await;
    assert_eq!((launched, launch.step, launch.name.as_str()), (job, ZERO, "hostname"));
    assert_eq!(launch.program.programs[0].argv[0].shown(), "hostname");
    node.tell_step(&site, job, ZERO, RunStage::Launched).await;

    let mut from_node = node.stream(&site, job, ZERO).await;
    from_node.say(FrameKind::Started, 0, 0, b"{}").await;
    from_node.say(FrameKind::Output, 0, 0, b"n1\n").await;
    let mut srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
    srun.say(FrameKind::Input, ALL, 0, b"in").await;
    assert_eq!(srun.hear().await, Some((FrameKind::Started, 0, b"{}".to_vec())));
    assert_eq!(srun.hear().await, Some((FrameKind::Output, 0, b"n1\n".to_vec())));
    assert_eq!(from_node.hear().await, Some((FrameKind::Input, ALL, b"in".to_vec())));
    srun.say(FrameKind::Acknowledged, 0, 3, &[FrameKind::Output as u8]).await;
    assert_eq!(from_node.hear().await, Some((FrameKind::Acknowledged, 0, vec![1])));
    // Who comes later hears what is said of tasks, and has no say.
    let mut sattach = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, false)).await.unwrap();
    assert_eq!(sattach.hear().await, Some((FrameKind::Started, 0, b"{}".to_vec())));
    sattach.say(FrameKind::Input, ALL, 2, b"not me").await;
    sattach.say(FrameKind::Again, ALL, 0, b"").await;
    assert_eq!(from_node.hear().await, Some((FrameKind::Again, ALL, Vec::new())));

    from_node.say(FrameKind::Ended, 0, 0, b"{\"exit\":3}").await;
    from_node.say(FrameKind::Left, 0, 0, b"").await;
    let end = RunStage::Ended(ScriptEnd { exit: ExitCode { code: 3, signal: 0 }, out_of_memory: false });
    node.tell_step(&site, job, ZERO, end).await;
    node.tell_step(&site, job, ZERO, RunStage::Left).await;
    for stream in [&mut srun, &mut sattach] {
        assert_eq!(stream.hear().await, Some((FrameKind::Ended, 0, b"{\"exit\":3}".to_vec())));
        assert_eq!(stream.hear().await, Some((FrameKind::Left, 0, Vec::new())));
        assert_eq!(stream.hear().await, None, "all is said");
    }
    assert_eq!(site.stage(job), "FAILED", "it was for this step");
    node.report(&site, job, 0, RunStage::Left, None).await;
    site.sacct_has("JobID,JobName,State,ExitCode,NTasks,TotalCPU", "\n1.0|hostname|FAILED|3:0|1|00:00:02\n").await;
}
