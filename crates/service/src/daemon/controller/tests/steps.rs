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

const STARTED: &[u8] = br#"{"node":"n1","tasks":[[0,77]]}"#;
const ENDED: &[u8] = br#"{"exit":{"code":3,"signal":0}}"#;

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
        assert_eq!((launched, launch.batch), (job, None), "it has no script");
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
    from_node.say(FrameKind::Started, 0, 0, STARTED).await;
    from_node.say(FrameKind::Output, 0, 0, b"n1\n").await;
    let mut srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
    assert_eq!(srun.hear().await, Some((FrameKind::Started, 0, STARTED.to_vec())));
    assert_eq!(srun.hear().await, Some((FrameKind::Output, 0, b"n1\n".to_vec())));
    // The node's connection is there by now: what comes before is for srun to say again.
    srun.say(FrameKind::Input, ALL, 0, b"in").await;
    assert_eq!(from_node.hear().await, Some((FrameKind::Input, ALL, b"in".to_vec())));
    srun.say(FrameKind::Acknowledged, 0, 3, &[FrameKind::Output as u8]).await;
    assert_eq!(from_node.hear().await, Some((FrameKind::Acknowledged, 0, vec![1])));
    // Who comes later hears what is said of tasks, and has no say.
    let mut sattach = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, false)).await.unwrap();
    assert_eq!(sattach.hear().await, Some((FrameKind::Started, 0, STARTED.to_vec())));
    sattach.say(FrameKind::Input, ALL, 2, b"not me").await;
    sattach.say(FrameKind::Again, ALL, 0, b"").await;
    assert_eq!(from_node.hear().await, Some((FrameKind::Again, ALL, Vec::new())));

    from_node.say(FrameKind::Ended, 0, 0, ENDED).await;
    from_node.say(FrameKind::Left, 0, 0, b"").await;
    let end = RunStage::Ended(ScriptEnd { exit: ExitCode { code: 3, signal: 0 }, out_of_memory: false });
    node.tell_step(&site, job, ZERO, end).await;
    node.tell_step(&site, job, ZERO, RunStage::Left).await;
    for stream in [&mut srun, &mut sattach] {
        assert_eq!(stream.hear().await, Some((FrameKind::Ended, 0, ENDED.to_vec())));
        assert_eq!(stream.hear().await, Some((FrameKind::Left, 0, Vec::new())));
        assert_eq!(stream.hear().await, None, "all is said");
    }
    assert_eq!(site.stage(job), "FAILED", "it was for this step");
    node.report(&site, job, 0, RunStage::Left, None).await;
    site.sacct_has("JobID,JobName,State,ExitCode,NTasks,TotalCPU", "\n1.0|hostname|FAILED|3:0|1|00:00:02\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_waits_is_made_by_the_commit_that_makes_room_for_it() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::Kept).await;
    assert_eq!(site.create(ROOT, job, one(), false).await.0, StatusCode::OK);
    let (status, said) = site.create(ROOT, job, one(), true).await;
    assert_eq!((status, &said["step"]), (StatusCode::OK, &Value::Null));
    assert_eq!(said["waits"], "Requested nodes are busy");
    let never = StepRequest { tasks: Some(99), ..one() };
    let (status, said) = site.create(ROOT, job, never, false).await;
    assert_eq!((status, &said["error"]), (StatusCode::CONFLICT, &json!("More processors requested than permitted")));
    node.launch_step(&site).await;
    let waits = site.create(ROOT, job, one(), false);
    let ends = async {
        node.tell_step(&site, job, ZERO, RunStage::Launched).await;
        while site.app().waiting.counts().0 == 0 {
            tokio::task::yield_now().await;
        }
        node.tell_step(&site, job, ZERO, DONE).await;
        node.tell_step(&site, job, ZERO, RunStage::Left).await;
    };
    let ((status, said), ()) = tokio::join!(waits, ends);
    assert_eq!((status, &said["step"][0]), (StatusCode::OK, &json!({ "Number": 1 })));
    let finish = json!({ "job": job, "exit": { "code": 0, "signal": 0 } });
    let over = site.post(ROOT, "/v1/jobs/wait", json!({ "job": job, "over": true }));
    let ((_, standing), (status, _)) = tokio::join!(over, site.post(ROOT, "/v1/jobs/finish", finish.clone()));
    assert_eq!((status, &standing["state"]), (StatusCode::OK, &json!("COMPLETED")));
    let (status, said) = site.post(ROOT, "/v1/jobs/finish", finish).await;
    assert_eq!((status, &said["error"]), (StatusCode::CONFLICT, &json!("Job/step already completing or completed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_steps_that_wait_only_the_first_in_line_tries_and_one_that_comes_tries_at_once() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::Kept).await;
    assert_eq!(site.create(ROOT, job, one(), false).await.0, StatusCode::OK);
    node.launch_step(&site).await;
    let bell = site.service().core().bells().of(job);
    let first = bell.turn().await;
    let waits = site.create(ROOT, job, one(), false);
    let goes_on = async {
        while site.app().waiting.counts().0 == 0 || site.app().work.counts() != (0, 0) {
            tokio::task::yield_now().await;
        }
        let end_step = async |step| {
            for stage in [RunStage::Launched, DONE, RunStage::Left] {
                node.tell_step(&site, job, step, stage).await;
            }
        };
        end_step(ZERO).await;
        let (_, said) = site.create(ROOT, job, one(), true).await;
        assert_eq!(said["step"][0], json!({ "Number": 1 }), "who waits behind another has not taken it");
        node.launch_step(&site).await;
        drop(first);
        end_step(StepId::Number(1)).await;
    };
    let ((status, said), ()) = tokio::join!(waits, goes_on);
    assert_eq!((status, &said["step"][0]), (StatusCode::OK, &json!({ "Number": 2 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_gone_ends_the_step_and_what_was_for_it_and_one_who_says_bye_does_not() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    for says_bye in [true, false] {
        let job = site.allocate(&node, Allocating::ForOneStep).await;
        assert_eq!(site.create(ROOT, job, one(), false).await.0, StatusCode::OK);
        node.launch_step(&site).await;
        node.tell_step(&site, job, ZERO, RunStage::Launched).await;
        let mut srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
        let mut from_node = node.stream(&site, job, ZERO).await;
        if says_bye {
            srun.say(FrameKind::Bye, ALL, 0, b"").await;
            assert_eq!(srun.hear().await, None);
            site.app().streams.of(site.app(), job, ZERO).unwrap().owner_gone().await;
            from_node.say(FrameKind::Output, 0, 7, b"nobody").await;
            assert_eq!(from_node.hear().await, Some((FrameKind::Acknowledged, 0, vec![FrameKind::Output as u8])));
            assert_eq!(site.stage(job), "RUNNING");
            node.tell_step(&site, job, ZERO, DONE).await;
            node.tell_step(&site, job, ZERO, RunStage::Left).await;
            assert_eq!(site.stage(job), "COMPLETED");
        } else {
            drop(srun);
            while site.stage(job) == "RUNNING" {
                tokio::task::yield_now().await;
            }
            assert_eq!(site.stage(job), "CANCELLED");
        }
        assert!(!node.poll(&site).await.is_empty(), "it is told to end the run");
        node.report(&site, job, 0, RunStage::Left, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_connection_breaks_at_the_end_hears_over_the_next_how_it_ended() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::Kept).await;
    assert_eq!(site.create(ROOT, job, one(), false).await.0, StatusCode::OK);
    node.launch_step(&site).await;
    node.tell_step(&site, job, ZERO, RunStage::Launched).await;
    let mut srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
    let mut from_node = node.stream(&site, job, ZERO).await;
    from_node.say(FrameKind::Ended, 0, 0, ENDED).await;
    from_node.say(FrameKind::Left, 0, 0, b"").await;
    node.tell_step(&site, job, ZERO, DONE).await;
    node.tell_step(&site, job, ZERO, RunStage::Left).await;
    for connection in 0..3 {
        assert_eq!(srun.hear().await, Some((FrameKind::Ended, 0, ENDED.to_vec())), "{connection}");
        assert_eq!(srun.hear().await, Some((FrameKind::Left, 0, Vec::new())));
        assert_eq!(srun.hear().await, None, "all is said");
        // No frame: for the master the connection is broken.
        srun.0.write_all(&[99; 17]).await.unwrap();
        srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
    }
    srun.say(FrameKind::Bye, ALL, 0, b"").await;
    let ask = || Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, false));
    let ends = async {
        while ask().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), ends)
        .await
        .expect("nobody waits for an owner who said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_listens_and_does_not_read_stops_nobody_else() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::Kept).await;
    assert_eq!(site.create(ROOT, job, one(), false).await.0, StatusCode::OK);
    let mut srun = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, true)).await.unwrap();
    let mut deaf = Stream::open(&site, ROOT, "/v1/steps/stream", owner(job, false)).await.unwrap();
    let mut from_node = node.stream(&site, job, ZERO).await;
    let content = vec![7; compute::stream::LONGEST];
    let count = 64;
    let says = async {
        for number in 0..count {
            from_node.say(FrameKind::Output, 0, number * content.len() as u64, &content).await;
        }
    };
    let hears = async {
        for _ in 0..count {
            assert_eq!(srun.hear().await.unwrap().2.len(), content.len());
        }
    };
    tokio::join!(says, hears);
    let mut heard = 0;
    while deaf.hear().await.is_some() {
        heard += 1;
    }
    assert!(heard < count, "it was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_neither_start_nor_hear_nor_end_what_is_not_theirs() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    let job = site.allocate(&node, Allocating::Kept).await;
    let stranger = Uid(4_000_001);
    let finish = json!({ "job": job, "exit": { "code": 0, "signal": 0 } });
    for (path, ask) in [("/v1/jobs/wait", json!({ "job": job })), ("/v1/jobs/finish", finish)] {
        assert_eq!(site.post(stranger, path, ask).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(site.create(stranger, job, one(), true).await.0, StatusCode::FORBIDDEN);
    assert_eq!(site.create(ROOT, job, one(), true).await.0, StatusCode::OK);
    let heard = Stream::open(&site, stranger, "/v1/steps/stream", owner(job, false)).await;
    assert_eq!(heard.err(), Some(StatusCode::FORBIDDEN));
    let none = json!({ "job": 77, "step": ZERO, "owner": true });
    assert_eq!(Stream::open(&site, ROOT, "/v1/steps/stream", none).await.err(), Some(StatusCode::NOT_FOUND));
    let other = json!({ "node": "n1", "session": 99, "job": job, "attempt": 0, "step": ZERO });
    assert_eq!(Stream::open(&site, ROOT, "/v1/node/stream", other.clone()).await.err(), Some(StatusCode::GONE));
    assert_eq!(Stream::open(&site, stranger, "/v1/node/stream", other).await.err(), Some(StatusCode::FORBIDDEN));
    let bare = site.post(ROOT, "/v1/steps/stream", owner(job, true)).await.0;
    assert_eq!(bare, StatusCode::UPGRADE_REQUIRED);
    for (program, what) in [
        (json!({ "programs": [] }), "no program"),
        (json!({ "programs": [{ "ranks": null, "argv": [] }] }), "no word"),
        (json!({ "programs": [{ "ranks": null, "argv": ["a\0"] }] }), "NUL"),
        (json!({ "programs": [{ "ranks": null, "argv": ["x".repeat(3 << 20)] }] }), "too long"),
    ] {
        let ask = json!({ "job": job, "request": one(), "program": program });
        assert_eq!(site.post(ROOT, "/v1/steps/create", ask).await.0, StatusCode::BAD_REQUEST, "{what}");
    }
}
