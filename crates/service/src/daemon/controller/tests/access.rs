//! Who may ask what, and what they get.

use super::super::super::caller::{Node, Rules};
use super::super::super::pki::{Authority, DAYS, Directory, Role, install, request as request_certificate};
use super::*;

/// What makes another request of a good one.
type Alter<'a> = &'a dyn Fn(&mut JobRequest);

#[tokio::test(flavor = "multi_thread")]
async fn only_nodes_speak_as_nodes_and_only_in_their_session() {
    let site = Site::start("");
    let ask = json!({ "node": "n1", "version": "t" });
    assert_eq!(site.post(Uid(1000), "/v1/node/connect", ask.clone()).await.0, StatusCode::FORBIDDEN);
    let (status, said) = site.post(ROOT, "/v1/node/connect", json!({ "node": "n9", "version": "t" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{said}");
    let old = Scripted::join(&site, Vec::new()).await;
    let waiting = async {
        let ask = json!({ "node": "n1", "session": old.session });
        site.post(ROOT, "/v1/node/orders", ask).await.0
    };
    let (status, _new) = tokio::join!(waiting, Scripted::join(&site, Vec::new()));
    assert_eq!(status, StatusCode::GONE, "who waits in the old session is told at once");
    let bad = json!({ "node": "n1", "session": 1, "more": 1 });
    assert_eq!(site.post(ROOT, "/v1/node/orders", bad).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_refused_when_it_is_submitted() {
    let site = Site::start("DisableRootJobs=no");
    let send = async |change: &dyn Fn(&mut JobRequest)| {
        let mut request = request();
        change(&mut request);
        site.post(ROOT, "/v1/jobs/submit", json!({ "request": request })).await
    };
    let bad: [(&str, Alter); 5] = [
        ("must begin with #!", &|it| it.batch.script = "echo".into()),
        ("NUL character", &|it| it.batch.arguments = vec!["a\0b".into()]),
        ("is the most", &|it| it.batch.script = format!("#!{}", "x".repeat(4 << 20)).into()),
        ("2097152 bytes are the most", &|it| it.batch.environment = vec![("A".into(), "x".repeat(3 << 20).into())]),
        ("a name of the job is too long", &|it| it.name = "x".repeat(2000)),
    ];
    for (why, change) in bad {
        let (status, said) = send(change).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{why}");
        assert!(said["error"].as_str().unwrap().contains(why), "{said}");
    }
    let many = json!({ "request": { "partitions": vec![""; 2_000_000], "batch": { "script": "#!/bin/sh" } } });
    assert_eq!(site.post(ROOT, "/v1/jobs/submit", many).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let refused: [(&str, Alter); 3] = [
        ("Invalid partition name specified", &|it| it.partitions = vec!["none".into()]),
        ("Requested node configuration is not available", &|it| it.demand.cpus_per_task = 64),
        ("Invalid qos specification", &|it| it.qos = Some("none".into())),
    ];
    for (why, change) in refused {
        let (status, said) = send(change).await;
        assert_eq!((status, &said["refused"]), (StatusCode::OK, &json!(why)), "{said}");
    }
    let (_, said) = site.post(Uid(3_999_999), "/v1/jobs/submit", json!({ "request": request() })).await;
    assert_eq!(said["refused"], "Invalid user id");
    let (_, said) = send(&|it| it.details.admin_comment = "mine".into()).await;
    assert_eq!(said["job"], 1, "numbers are given to jobs that are taken");
    assert!(!site.slurm("sacct", &["-nPo", "AdminComment"]).await.contains("mine"));
    let strict = Site::start("DisableRootJobs=yes");
    assert_eq!(strict.submit(serde_json::to_value(request()).unwrap()).await["refused"], "Invalid user id");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_about_jobs_see_and_steer_what_the_scheduler_has() {
    let site = Site::start("");
    let node = Scripted::join(&site, Vec::new()).await;
    assert_eq!(site.slurm("sinfo", &["-ho", "%P %t %D"]).await, "main* idle 1\n");
    let job = site.submit_gpus(1).await;
    assert_eq!(node.launch(&site).await.0, job);
    assert_eq!(site.slurm("squeue", &["-ho", "%i %j %t %R"]).await, "1 train R n1\n");
    assert!(site.slurm("scontrol", &["show", "job", "1"]).await.contains("JobState=RUNNING"));
    let waits = json!({ "hold": true, "batch": { "script": "#!/bin/sh\n" } });
    assert_eq!(site.submit(waits).await["job"], 2);
    assert_eq!(site.slurm("squeue", &["-hj", "2", "-o", "%t %r"]).await, "PD JobHeldUser\n");
    let (_, said) = site.post(Uid(1), "/v1/slurm/scancel", json!({ "argv": ["2"] })).await;
    assert!(said["stderr"].as_str().unwrap().contains("Access/permission denied"), "{said}");
    assert_eq!(site.slurm("scontrol", &["release", "2"]).await, "");
    let orders = node.poll(&site).await;
    assert!(orders.iter().any(|order| order.job == JobId(2)), "{orders:?}");
    assert_eq!(site.slurm("scancel", &["1", "2"]).await, "");
    assert_eq!(site.slurm("squeue", &["-ho", "%t"]).await, "CG\nCG\n");
    node.report(&site, job, 0, RunStage::Left, None).await;
    site.sacct_has("JobID,State", "1|CANCELLED by 0\n").await;
    assert_eq!(site.slurm("scontrol", &["update", "NodeName=n1", "State=DRAIN", "Reason=disk"]).await, "");
    assert_eq!(site.slurm("sinfo", &["-hRo", "%E %n"]).await, "disk n1\n");
    assert!(site.slurm("scontrol", &["show", "partition"]).await.contains("PartitionName=main"));
    let waits = json!({ "hold": true, "batch": { "script": "#!/bin/sh\n" } });
    assert_eq!(site.submit(waits).await["job"], 3);
    let runaways = site.slurm("sacctmgr", &["show", "runawayjobs"]).await;
    assert!(runaways.contains("No runaway jobs found"), "what the scheduler knows is none: {runaways}");
}

/// A request of the holder of a certificate that the cluster's authority made.
async fn from_certified(site: &Site, role: Role, name: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let directory = Directory::new(&site.directory.path().join(format!("pki-{name}")));
    let (authority, _) = Authority::open_or_make(&directory).unwrap();
    let asked = request_certificate(&directory, role, name, true).unwrap().unwrap();
    let pem = authority.issue(&asked, role, &[name.to_owned()], DAYS).unwrap();
    install(&directory, &(pem + authority.pem())).unwrap();
    let certificate = directory.certificate(&role.certificate_file()).unwrap().unwrap().1;
    assert_eq!(certificate.role, Some(role));
    let text = format!("CertificateDirectory={}\n", directory.file("").display());
    let rules = Rules::new(&Config::parse(&Source::new("c", text)).unwrap());
    let node = Node { certificate, rules: Arc::new(rules) };
    site.send(Peer::Node(Arc::new(node)), path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_speaks_for_its_node_and_its_role_alone() {
    let site = Site::start("");
    let hello = |node: &str| json!({ "node": node, "version": "t" });
    let own = from_certified(&site, Role::Compute, "n1", "/v1/node/connect", hello("n1")).await;
    assert_eq!(own.0, StatusCode::OK, "{}", own.1);
    let other = from_certified(&site, Role::Compute, "n2", "/v1/node/connect", hello("n1")).await;
    assert_eq!(other.0, StatusCode::FORBIDDEN);
    assert_eq!(other.1["error"], "the certificate is that of n2: it cannot speak as n1");
    let login = from_certified(&site, Role::Node, "n1", "/v1/node/connect", hello("n1")).await;
    assert_eq!(login.0, StatusCode::BAD_REQUEST, "a login node says for whom it asks");
    // A compute node has no users: it is nobody, who submits nothing and administers nothing.
    let job = json!({ "request": request() });
    let (_, said) = from_certified(&site, Role::Compute, "n1", "/v1/jobs/submit", job).await;
    assert_eq!(said["refused"], "Invalid user id");
    let add = json!({ "argv": ["-i", "add", "account", "x"] });
    let (_, said) = from_certified(&site, Role::Compute, "n1", "/v1/slurm/sacctmgr", add).await;
    assert_eq!(said["code"], 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_that_has_the_core_may_ask_which_jobs_live() {
    use commands::sacctmgr::World;
    let site = Site::start("");
    let job = site.submit_gpus(1).await;
    let world = site.service().world();
    let known = site.service().write(move |change| {
        let submit = change.core().unwrap().job(job).unwrap().submit;
        let record = |job_id, submit| slurm::records::Job { cluster: "c".into(), job_id, submit, ..Default::default() };
        let [own, older, other] = [record(job, submit), record(job, submit - 1), record(JobId(9), submit)];
        Ok((world.knows_job(&own), world.knows_job(&older), world.knows_job(&other)))
    });
    assert_eq!(known.unwrap().gave, (true, false, false));
}
