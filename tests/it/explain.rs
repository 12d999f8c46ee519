//! `enlist explain` with a job: what admission says to it, asked of a real service.

use super::job_cases::imported;
use super::service::{Service, text};
use crate::support::enlist_path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[track_caller]
fn ok(service: &Service, args: &[&str]) {
    let out = service.sacctmgr(args);
    assert!(out.status.success(), "{args:?}: {out:?}");
}

/// The line of an answer about a limit.
#[track_caller]
fn line(answer: &serde_json::Value, stage: &str, limit: &str) -> serde_json::Value {
    let mut lines = answer["checks"].as_array().unwrap().iter().cloned();
    lines
        .find(|line| line["stage"] == stage && line["limit"] == limit)
        .unwrap_or_else(|| panic!("no {limit}: {answer:#}"))
}

impl Service {
    /// `enlist explain ARGS` as a user number: exit code, and the answer as JSON.
    fn explain(&self, uid: u32, args: &[&str]) -> (i32, serde_json::Value) {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={uid}"), format!("--regid={uid}")]).args([
            "--clear-groups",
            "--",
            enlist_path(),
            "explain",
        ]);
        let out = command.args(args).arg("--json").env("ENLIST_SOCKET", self.path("socket")).output().unwrap();
        let code = out.status.code().unwrap();
        assert!(code != 1, "{args:?}: {}", text(&out.stderr));
        (code, serde_json::from_slice(&out.stdout).unwrap())
    }
}

#[test]
fn explain_says_what_stands_in_the_way_of_a_job() {
    let service = Service::configured("AccountingStorageEnforce=associations,limits,qos\nPrivateData=all");
    ok(&service, &["-i", "add", "account", "top", "grptres=gres/gpu=4"]);
    ok(&service, &["-i", "add", "account", "lab", "parent=top", "maxwall=60"]);
    ok(&service, &["-i", "add", "user", "nobody", "account=lab", "maxsubmitjobs=10"]);
    ok(&service, &["-i", "modify", "qos", "normal", "set", "maxtresperuser=cpu=16"]);
    let (code, fine) = service.explain(0, &["nobody", "--tres", "cpu=8,gres/gpu=2", "--time", "30"]);
    assert_eq!((code, &fine["submit"]["admitted"], &fine["start"]["admitted"]), (0, &true.into(), &true.into()));
    assert_eq!((&fine["account"], &fine["qos"]), (&"lab".into(), &"normal".into()));
    let group = line(&fine, "start", "grp_tres");
    assert_eq!((&group["set_by"], &group["tres"]), (&"account top".into(), &"gres/gpu".into()));
    assert_eq!((&group["value"], &group["used"], &group["asked"]), (&4.into(), &0.into(), &2.into()));
    assert_eq!(line(&fine, "start", "max_wall_pj")["set_by"], "account lab", "where it is inherited from");
    assert_eq!(line(&fine, "submit", "max_submit_jobs")["set_by"], "user nobody in account lab");
    assert_eq!(line(&fine, "start", "max_tres_pu")["set_by"], "QOS normal");

    let (code, waits) = service.explain(0, &["nobody", "--tres", "cpu=8,gres/gpu=5"]);
    assert_eq!((code, &waits["submit"]["admitted"], &waits["start"]["admitted"]), (2, &true.into(), &false.into()));
    assert_eq!(waits["start"]["reason"], "AssocGrpGRES");
    assert_eq!(line(&waits, "start", "grp_tres")["reason"], "AssocGrpGRES");
    let (code, refused) = service.explain(0, &["nobody", "--account", "nowhere"]);
    assert_eq!((code, &refused["submit"]["reason"]), (2, &"InvalidAccount".into()));
    assert_eq!(refused["submit"]["text"], "Invalid account or account/partition combination specified");
    ok(&service, &["-i", "add", "qos", "high"]);
    assert_eq!(service.explain(0, &["nobody", "--qos", "high"]).1["submit"]["reason"], "InvalidQOS");

    // Everybody may ask about themselves; what others have together stays hidden.
    let (code, own) = service.explain(65534, &["nobody", "--job"]);
    assert_eq!(code, 0);
    assert_eq!(line(&own, "start", "grp_tres")["used"], serde_json::Value::Null);
    assert_eq!(line(&own, "submit", "max_submit_jobs")["used"], 0);
    let ask = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", enlist_path(), "explain"]).args(args);
        let out = command.env("ENLIST_SOCKET", service.path("socket")).output().unwrap();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };
    let (code, _, err) = ask(&["root", "--job"]);
    assert!(code == Some(1) && err.contains("Access/permission denied"), "{err}");
    let (code, _, err) = ask(&["nobody", "--tres", "bogus=1"]);
    assert!(code == Some(1) && err.contains("there is no TRES `bogus`"), "{err}");
    let (code, out, _) = ask(&["nobody", "--tres", "cpu=20"]);
    assert!(code == Some(2) && out.ends_with("May be submitted, and waits: QOSMaxCpuPerUserLimit\n"), "{out}");
    assert!(
        out.contains("REFUSED  start   MaxTRESPerUser cpu")
            && out.contains("of 16 used, 20 asked  QOSMaxCpuPerUserLimit"),
        "{out}"
    );
}

/// Minutes of a QOS and of wall clock are summed up from the records of jobs, with their UsageFactor, and `RawUsage=0`
/// forgets them.
#[test]
fn what_jobs_used_counts_until_it_is_set_to_zero() {
    let service = Service::configured("AccountingStorageEnforce=limits\nPriorityDecayHalfLife=0");
    ok(&service, &["-i", "add", "qos", "half", "usagefactor=0.5", "grptresmins=cpu=200", "grpwall=60"]);
    ok(&service, &["-i", "add", "account", "lab", "grpwall=90"]);
    ok(&service, &["-i", "add", "user", "nobody", "account=lab", "qos=normal,half"]);
    // Four CPUs for two hours, of which half counts.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now / 3600 * 3600 - 30 * 3600;
    let end = start + 7200;
    let list = format!(
        "JobIDRaw|JobID|Submit|Eligible|Start|End|State|User|Account|QOS|AllocTRES\n\
         1|1|{start}|{start}|{start}|{end}|COMPLETED|nobody|lab|half|cpu=4\n"
    );
    assert!(imported(&service, &["-"], &list).starts_with("1 job added"));
    let job = ["nobody", "--qos", "half", "--time", "10"];
    let used = |answer: &serde_json::Value, limit: &str, set_by: &str| {
        let lines = answer["checks"].as_array().unwrap();
        let its = |it: &&serde_json::Value| it["stage"] == "start" && it["limit"] == limit && it["set_by"] == set_by;
        lines.iter().find(its).unwrap_or_else(|| panic!("no {limit}: {answer:#}"))["used"].clone()
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    let (code, waits) = loop {
        let (code, answer) = service.explain(0, &job);
        if used(&answer, "grp_wall", "QOS half") != 0 {
            break (code, answer);
        }
        assert!(Instant::now() < deadline, "the hours are not summed up: {answer:#}");
    };
    assert_eq!((code, &waits["start"]["reason"]), (2, &"QOSGrpWallLimit".into()), "{waits:#}");
    assert_eq!(used(&waits, "grp_wall", "QOS half"), 60);
    assert_eq!(used(&waits, "grp_tres_mins", "QOS half"), 240);
    ok(&service, &["-i", "modify", "qos", "half", "set", "rawusage=0"]);
    let (code, fine) = service.explain(0, &job);
    assert_eq!(
        (code, used(&fine, "grp_wall", "QOS half"), used(&fine, "grp_tres_mins", "QOS half")),
        (0, 0.into(), 0.into())
    );
    let (_, other) = service.explain(0, &["nobody", "--qos", "normal"]);
    assert_eq!(used(&other, "grp_wall", "account lab"), 60, "the association's usage is another's");
    ok(&service, &["-i", "modify", "account", "lab", "set", "rawusage=0"]);
    let (_, other) = service.explain(0, &["nobody", "--qos", "normal"]);
    assert_eq!(used(&other, "grp_wall", "account lab"), 0);
}

/// The lines `PartitionName=…` of slurm.conf say whom a partition lets in and what it allows.
#[test]
fn partitions_have_their_say() {
    let service = Service::configured(
        "AccountingStorageEnforce=associations\n\
         PartitionName=cpu MaxTime=60 Default=YES\nPartitionName=gpu AllowAccounts=ai\nPartitionName=old State=DRAIN\n\
         PartitionName=staff AllowGroups=root",
    );
    ok(&service, &["-i", "add", "account", "lab,ai"]);
    ok(&service, &["-i", "add", "user", "nobody", "account=lab,ai"]);
    let (code, fine) = service.explain(0, &["nobody", "--time", "60"]);
    assert_eq!((code, &fine["partition"]), (0, &"cpu".into()));
    let (_, long) = service.explain(0, &["nobody", "--time", "61"]);
    assert_eq!((&long["submit"]["admitted"], &long["start"]["reason"]), (&true.into(), &"PartitionTimeLimit".into()));
    let (_, waits) = service.explain(0, &["nobody", "--partition", "gpu", "--account", "lab"]);
    let words = "Job's account not permitted to use this partition (gpu allows ai not lab)";
    assert_eq!((&waits["submit"]["admitted"], &waits["start"]["text"]), (&true.into(), &words.into()));
    assert_eq!(service.explain(0, &["nobody", "--partition", "gpu", "--account", "ai"]).0, 0);
    let refusal =
        |partition: &str| service.explain(0, &["nobody", "--partition", partition]).1["submit"]["text"].clone();
    assert_eq!(refusal("old"), "Required partition not available (inactive or drain)");
    assert_eq!(refusal("staff"), "User's group not permitted to use this partition");
    let mut strange = Command::new(enlist_path());
    strange.args(["explain", "nobody", "--partition", "nowhere"]).env("ENLIST_SOCKET", service.path("socket"));
    let out = strange.output().unwrap();
    assert!(out.status.code() == Some(1) && text(&out.stderr).contains("there is no partition `nowhere`"), "{out:?}");
}

/// Jobs that run count on the QOS of their partition, not only on their own.
#[test]
fn jobs_count_on_the_qos_of_their_partition() {
    let service = Service::configured("AccountingStorageEnforce=limits\nPartitionName=cpu Default=YES QOS=pq");
    ok(&service, &["-i", "add", "qos", "pq", "maxsubmitjobsperuser=2", "maxtresperuser=cpu=4", "grptresmins=cpu=90"]);
    ok(&service, &["-i", "add", "account", "lab"]);
    ok(&service, &["-i", "add", "user", "nobody", "account=lab"]);
    let row = |id: u32| {
        let times = "1795900000|1795900000|1795900001|Unknown";
        format!("{id}|{id}|{times}|RUNNING|nobody|lab|cpu|normal|cpu=2|20\n")
    };
    let head = "JobIDRaw|JobID|Submit|Eligible|Start|End|State|User|Account|Partition|QOS|AllocTRES|TimelimitRaw\n";
    let list = format!("{head}{}{}", row(1), row(2));
    assert!(imported(&service, &["-"], &list).starts_with("2 jobs added"));
    let (code, full) = service.explain(0, &["nobody", "--partition", "cpu"]);
    assert_eq!((code, &full["submit"]["reason"]), (2, &"QOSMaxSubmitJobPerUserLimit".into()), "{full:#}");
    assert_eq!(line(&full, "submit", "max_submit_jobs_per_user")["used"], 2);
    assert_eq!(line(&full, "start", "max_tres_pu")["used"], 4);
    assert_eq!(line(&full, "start", "grp_tres_mins")["used"], serde_json::Value::Null, "not known, and not 0");
}

/// What follows from what is asked for counts, and what cannot be known is not told as 0 (recorded from a real slurmctld in
/// tests/cases/admission/derived.txt).
#[test]
fn what_follows_from_a_request_counts() {
    let service = Service::configured(
        "AccountingStorageEnforce=limits\nAccountingStorageTRES=gres/gpu,gres/gpu:a100\n\
         PartitionName=cpu Default=YES\nPartitionName=dear TRESBillingWeights=CPU=1.5,Mem=1G",
    );
    ok(&service, &["-i", "add", "qos", "gq", "maxtresperuser=gres/gpu=2"]);
    ok(
        &service,
        &["-i", "add", "account", "lab", "qos=normal,gq", "grptres=billing=2,cpu=3", "maxtresperjob=mem=4000"],
    );
    ok(&service, &["-i", "add", "user", "nobody", "account=lab"]);
    let waits = |args: &[&str]| {
        let (code, answer) = service.explain(0, &[&["nobody"], args].concat());
        (code, answer["start"]["reason"].clone())
    };
    assert_eq!(waits(&["--qos", "gq", "--tres", "gres/gpu:a100=3"]), (2, "QOSMaxGRESPerUser".into()));
    assert_eq!(waits(&["--tres", "cpu=3"]), (2, "AssocGrpBilling".into()));
    assert_eq!(waits(&["--tres", "node=4"]), (2, "AssocGrpCpuLimit".into()));
    assert_eq!(waits(&["--partition", "dear", "--tres", "cpu=1,mem=2048"]).1, "AssocGrpBilling");
    assert_eq!(waits(&["--partition", "dear", "--tres", "cpu=1,mem=50"]), (0, serde_json::Value::Null));
    let (code, open) = service.explain(0, &["nobody", "--partition", "dear", "--job"]);
    let mut lines = open["checks"].as_array().unwrap().iter();
    let billing = lines.find(|line| line["tres"] == "billing").unwrap();
    assert_eq!((code, &billing["asked"], &billing["open"]), (0, &serde_json::Value::Null, &true.into()));
    assert_eq!(line(&open, "start", "max_tres_pj")["asked"], serde_json::Value::Null, "memory decides on nodes");
    let out = Command::new(enlist_path())
        .args(["explain", "nobody", "--job"])
        .env("ENLIST_SOCKET", service.path("socket"))
        .output();
    let out = text(&out.unwrap().stdout);
    assert!(out.contains("?        start   MaxTRESPerJob mem") && out.contains("0 of 4000 used, ? asked"), "{out}");
    assert!(out.ends_with("as far as is known: lines that begin with `?` were not worked out.\n"), "{out}");
}

/// Where nothing is enforced, what would be refused is named all the same, and whom nobody knows is never fine.
#[test]
fn what_is_not_enforced_is_named_too() {
    let service = Service::configured("AccountingStorageEnforce=none");
    ok(&service, &["-i", "add", "account", "lab", "grptres=gres/gpu=2"]);
    ok(&service, &["-i", "add", "account", "other"]);
    ok(&service, &["-i", "add", "user", "nobody", "account=lab"]);
    let (code, taken) = service.explain(0, &["nobody", "--tres", "gres/gpu=4"]);
    assert_eq!((code, &taken["start"]["admitted"]), (0, &true.into()), "Slurm takes it");
    assert_eq!((&taken["checks"], &taken["missing"]), (&serde_json::json!([]), &serde_json::Value::Null));
    assert_eq!(taken["enforced"]["start"]["reason"], "AssocGrpGRES");
    assert_eq!(line(&taken["enforced"], "start", "grp_tres")["reason"], "AssocGrpGRES");
    let say = |args: &[&str]| {
        let mut command = Command::new(enlist_path());
        let out = command.arg("explain").args(args).env("ENLIST_SOCKET", service.path("socket")).output().unwrap();
        (out.status.code(), text(&out.stdout))
    };
    let (_, out) = say(&["nobody", "--tres", "gres/gpu=4"]);
    assert!(out.contains("BROKEN   start   GrpTRES gres/gpu  account lab"), "{out}");
    let end = "Nothing is enforced here (AccountingStorageEnforce=none), so it is taken. If associations, limits and QOS were \
               enforced, it would wait: AssocGrpGRES\n";
    assert!(out.ends_with(end), "{out}");
    for (args, missing) in [
        (["nobody", "--account", "nosuch"], "there is no account `nosuch`"),
        (["nobody", "--account", "other"], "user `nobody` is not in account `other`"),
        (["daemon", "--account", "lab"], "there is no user `daemon` in the accounts"),
    ] {
        let (code, out) = say(&args);
        assert!(code == Some(2) && out.contains(&format!("MISSING  {missing}")), "{args:?}: {code:?} {out}");
        assert!(out.contains("it would be refused: InvalidAccount"), "{out}");
    }
    let fine = Service::configured("AccountingStorageEnforce=associations,limits,qos");
    ok(&fine, &["-i", "add", "account", "lab"]);
    ok(&fine, &["-i", "add", "user", "nobody", "account=lab"]);
    assert_eq!(fine.explain(0, &["nobody", "--job"]).1["enforced"], serde_json::Value::Null, "all of it is");
}
