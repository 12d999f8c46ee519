//! Jobs of another site: what the real sacct listed (`tests/cases/jobs/export.tsv`) is imported, and then our sacct must
//! say what the real one says to the commands in `tests/cases/sacct/*.txt`, times included.

use super::sacctmgr_cases::{Case, files, parse};
use super::service::Service;
use crate::support::enlist_path;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn jobs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/jobs").join(name)
}

/// A service with the accounts and associations of the recorded jobs.
fn set_up() -> Service {
    let service = Service::configured("AccountingStorageTRES=gres/gpu\nMaxQueryTimeRange=40-0");
    found_accounts(&service);
    service
}

/// The accounts and all jobs of `tests/cases/jobs`.
pub fn fill(service: &Service) {
    found_accounts(service);
    imported(service, &["--delimiter=\t", jobs("export.tsv").to_str().unwrap()], "");
}

fn found_accounts(service: &Service) {
    for line in std::fs::read_to_string(jobs("setup.txt")).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let words = shell_words::split(line).unwrap();
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        assert!(service.sacctmgr(&words).status.success(), "{line}");
    }
}

fn import(service: &Service, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(enlist_path());
    command.args(["import", "jobs"]).args(args).env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Standard output of an import that must succeed.
#[track_caller]
pub fn imported(service: &Service, args: &[&str], input: &str) -> String {
    let out = import(service, args, input);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Standard error of an import that must be refused.
#[track_caller]
fn refused(service: &Service, args: &[&str], input: &str) -> String {
    let out = import(service, args, input);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stdout));
    String::from_utf8(out.stderr).unwrap()
}

/// What ours says to a case's command, as whom and with which environment the case says.
pub fn said(service: &Service, case: &Case) -> Vec<String> {
    let words = shell_words::split(&case.command).unwrap();
    let program = words.iter().position(|word| !word.contains('=')).unwrap();
    let mut command = Command::new("setpriv");
    if case.user.is_empty() {
        command.arg("--no-new-privs");
    } else {
        command.args([&format!("--reuid={}", case.user), "--regid=nogroup", "--clear-groups"]);
    }
    let path = format!("{}:{}", service.path("").display(), std::env::var("PATH").unwrap());
    command.arg("--").args(&words[program..]).env("PATH", path);
    command.env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC");
    command.envs(words[..program].iter().filter_map(|word| word.split_once('=')));
    let out = command.stdin(Stdio::null()).output().unwrap();
    let mut lines = Vec::new();
    for (stream, bytes) in [("1", &out.stdout), ("2", &out.stderr)] {
        lines.extend(String::from_utf8_lossy(bytes).lines().map(|line| format!("{stream}|{line}")));
    }
    lines.push(format!("= {}", out.status.code().unwrap_or(-1)));
    lines
}

#[test]
fn ours_says_what_theirs_says_about_imported_jobs() {
    let service = set_up();
    let export = jobs("export.tsv");
    let told = imported(&service, &["--delimiter=\t", export.to_str().unwrap()], "");
    assert!(told.starts_with("47 jobs added, 0 changed, 0 unchanged, 25 steps\n"), "{told}");
    let again = imported(&service, &["--delimiter=\t", export.to_str().unwrap()], "");
    assert!(again.starts_with("0 jobs added, 0 changed, 47 unchanged"), "{again}");
    let (mut wrong, mut count) = (String::new(), 0);
    for path in files("sacct") {
        for case in parse(&std::fs::read_to_string(&path).unwrap()) {
            count += 1;
            let said = said(&service, &case);
            if said != case.expected() {
                let name = path.file_name().unwrap().display();
                let (expected, said) = (case.expected().join("\n  "), said.join("\n  "));
                writeln!(wrong, "{name}: {}$ {}\nexpected:\n  {expected}\nsaid:\n  {said}", case.user, case.command)
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 200, "only {count} cases were found");
}

const HEADING: &str = "JobIDRaw|JobID|Submit|Start|End|State|User|Account\n";

#[test]
fn one_bad_line_and_nothing_is_imported() {
    let service = set_up();
    let list = format!(
        "{HEADING}1|1|100|110|120|COMPLETED|games|physics\n2|2|100|soon|120|COMPLETED|games|physics\n\
         2.batch|2.batch|100|110|120|COMPLETED||\n3|3|100|110|120|FAILED|nobody|nowhere\n"
    );
    let error = refused(&service, &["-"], &list);
    assert!(error.starts_with("standard input:3:9: Start `soon` cannot be read\n"), "{error}");
    assert!(error.contains("nothing was imported\n  = help: --skip-bad"), "{error}");
    let seen = |args: &[&str]| {
        let mut command = Command::new(service.path("sacct"));
        let out = command.args(args).env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC").output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(seen(&["-aDnP", "-j1,2,3", "-ojobid,user"]), "");
    let out = import(&service, &["--skip-bad", "-"], &list);
    assert_eq!(out.status.code(), Some(2), "a line was passed over");
    let told = String::from_utf8(out.stdout).unwrap();
    assert_eq!(
        told,
        "2 jobs added, 0 changed, 0 unchanged, 0 steps\n1 job belongs to no association here; it is kept and counted \
         on none\n1 line could not be read and was passed over\n1 \
         step of jobs that were passed over was left out too\nthe list has no column Eligible: each job counts as eligible \
         since its submission\nthe list has none of the columns AllocTRES, AllocCPUS, NCPUS: how many CPUs jobs had is not \
         known, and they count as no CPU time\n"
    );
    assert_eq!(seen(&["-aDnP", "-j1,2,3", "-ojobid,user"]), "1|games\n3|nobody\n");
}

/// What was corrected is what sacct shows, a job that never ended ends, and the next import brings back what is so.
#[test]
fn corrected_records_are_listed_and_runaways_end() {
    let service = set_up();
    let running = format!("{HEADING}9|9|100|110|Unknown|RUNNING|games|physics\n");
    imported(&service, &["-"], &running);
    let seen = || {
        let mut command = Command::new(service.path("sacct"));
        command.args(["-anP", "-j9", "-ojobid,state,end,derivedexitcode,comment,admincomment"]);
        let out = command.env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC").output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let change = ["-i", "modify", "job", "jobid=9", "set", "comment=c", "admincomment=a b", "derivedexitcode=7:0"];
    assert!(service.sacctmgr(&change).status.success());
    assert_eq!(seen(), "9|RUNNING|Unknown|7:0|c|a b\n");
    let listed = service.sacctmgr(&["-r", "show", "runawayjobs"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("RUNNING"), "{listed:?}");
    assert_eq!(seen(), "9|RUNNING|Unknown|7:0|c|a b\n", "-r changes nothing");
    assert!(service.sacctmgr(&["-i", "show", "runawayjobs"]).status.success());
    assert_eq!(seen(), "9|COMPLETED|1970-01-01T00:01:50|7:0|c|a b\n");
    let ended = format!("{HEADING}9|9|100|110|170|FAILED|games|physics\n");
    assert!(imported(&service, &["-"], &ended).starts_with("0 jobs added, 1 changed"));
    assert!(seen().starts_with("9|FAILED|1970-01-01T00:02:50|"), "{}", seen());
}

#[test]
fn hostile_lists_are_refused_and_the_service_lives() {
    let service = set_up();
    for (list, why) in [
        ("", "standard input is empty"),
        ("\n", "standard input is empty"),
        ("a,b,c\n1,2,3\n", "is `|` its delimiter?"),
        ("JobID|User\n", "no column Submit"),
        (&format!("{HEADING}1|1|100|110|120|COMPLETED|u\n"), "7 columns where the heading has 8"),
        (&format!("{HEADING}1.0|1.0|100|110|120|COMPLETED|u|a\n"), "a step of job 1, whose own line is not before it"),
        (&format!("{HEADING}99999999999|1|1|1|2|FAILED|u|a\n"), "JobIDRaw `99999999999` cannot be read"),
        (&format!("{HEADING}1|1|1|1|2|'; DROP TABLE job; --|u|a\n"), "State `\\'; DROP TABLE job; --` cannot be read"),
        (&format!("Cluster|{HEADING}nope|1|1|1|1|2|FAILED|u|a\n"), "there is no cluster `nope` here"),
        (&format!("{HEADING}{}\n", "x".repeat(2 << 20)), "longer than a megabyte"),
        (&format!("{HEADING}1|1|99999999999999|1|2|FAILED|u|a\n"), "Submit `99999999999999` cannot be read"),
    ] {
        let error = refused(&service, &["-"], list);
        assert!(error.contains(why), "{why}: {error}");
    }
    let sql = format!("{HEADING}1|1|1|1|2|FAILED|'; DROP TABLE job; --|a\n");
    assert!(imported(&service, &["-"], &sql).starts_with("1 job added"));
    let zone = refused(&service, &["--timezone=Mars/Olympus", "-"], &sql);
    assert!(zone.contains("there is no time zone `Mars/Olympus`"), "{zone}");
    assert!(imported(&service, &["-"], &sql).starts_with("0 jobs added, 0 changed, 1 unchanged"));
}

#[test]
fn only_administrators_import() {
    let service = set_up();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=games", "--regid=nogroup", "--clear-groups", "--", enlist_path()]);
    command.args(["import", "jobs", "-"]).env("ENLIST_SOCKET", service.path("socket"));
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{HEADING}1|1|1|1|2|FAILED|u|a\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("only administrators may import jobs"), "{out:?}");
}

/// Reports need no more than the jobs, and older jobs that come later are counted too.
#[test]
fn imported_jobs_are_reported() {
    let service = Service::start();
    std::os::unix::fs::symlink(enlist_path(), service.path("sreport")).unwrap();
    let list = |month: &str| {
        let path = service.path(&format!("{month}.txt"));
        let begin = format!("2026-{month}-03T00:00:00");
        let line = format!("7|root|root|normal|{begin}|{begin}|{begin}|2026-{month}-03T01:00:00");
        let heading = "JobID|User|Account|QOS|Submit|Eligible|Start|End|State|AllocTRES";
        std::fs::write(&path, format!("{heading}\n{line}|COMPLETED|cpu=2\n")).unwrap();
        let mut import = Command::new(enlist_path());
        import.args(["import", "jobs", "--timezone", "UTC"]).arg(path).env("ENLIST_SOCKET", service.path("socket"));
        let out = import.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let used = |month: &str, next: &str| {
        let mut report = Command::new(service.path("sreport"));
        report.args(["-nP", "cluster", "AccountUtilizationByUser", "format=Login,Used"]);
        report.args([format!("start=2026-{month}-01"), format!("end=2026-{next}-01")]);
        let out = report.env("ENLIST_SOCKET", service.path("socket")).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let wait = |month: &str, next: &str| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !used(month, next).contains("root|120\n") {
            assert!(std::time::Instant::now() < until, "{}", used(month, next));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    list("10");
    wait("10", "11");
    list("08");
    wait("08", "09");
    assert!(used("10", "11").contains("root|120\n"), "and what was there stays");
}

/// What nodes went through is listed, and makes the down time of reports; a list that comes again changes nothing.
#[test]
fn imported_events_are_listed_and_reported() {
    let service = Service::start();
    std::os::unix::fs::symlink(enlist_path(), service.path("sreport")).unwrap();
    let list = "Cluster|Cluster Nodes|NodeName|TimeStart|TimeEnd|StateRaw|Reason|User|TRES\n\
                ref|n[1-2]||2026-10-01T00:00:00|Unknown|0|||cpu=8,mem=4G,node=2\n\
                ref||n1|2026-10-02T00:00:00|2026-10-02T02:00:00|1|fan broken|root(0)|cpu=4,mem=2G\n";
    let import = |list: &str, args: &[&str]| {
        let path = service.path("events");
        std::fs::write(&path, list).unwrap();
        let mut import = Command::new(enlist_path());
        import.args(["import", "events", "--timezone=UTC"]).args(args).arg(path);
        import.env("ENLIST_SOCKET", service.path("socket")).output().unwrap()
    };
    let said = |list: &str, args: &[&str]| String::from_utf8(import(list, args).stdout).unwrap();
    assert_eq!(said(list, &["--check"]), "2 events would be added, 0 changed, 0 unchanged\n");
    assert_eq!(said(list, &[]), "2 events added, 0 changed, 0 unchanged\n");
    assert_eq!(said(list, &[]), "0 events added, 0 changed, 2 unchanged\n");
    let bad = import(&list.replace("fan broken|root(0)", "fan|root"), &[]);
    assert!(String::from_utf8_lossy(&bad.stderr).contains("events:3:"), "{bad:?}");
    // What only the service can know is told with its place as well, and what is no list of events with what it should be.
    let bad = import(&list.replace("\nref||n1", "\n\nnowhere||n1"), &[]);
    let told = String::from_utf8_lossy(&bad.stderr);
    assert!(told.contains("error: there is no cluster `nowhere`") && told.contains("events:4:1\n"), "{bad:?}");
    for other in ["", "JobID|User\n1|root\n"] {
        let bad = String::from_utf8(import(other, &[]).stderr).unwrap();
        assert!(bad.contains("events:1:") && bad.contains("what `sacctmgr -P show event` prints"), "{bad}");
    }
    let shown = service.sacctmgr(&["-nP", "show", "event", "start=2026-10-01", "format=nodename,state,reason,tres"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "|||cpu=8,mem=4G,node=2\nn1|DOWN|fan broken|cpu=4,mem=2G\n");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let mut report = Command::new(service.path("sreport"));
        report.args(["-nP", "cluster", "utilization", "start=2026-10-02", "end=2026-10-03", "format=Down"]);
        let out = report.env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC").output().unwrap();
        if out.stdout == b"480\n" {
            break;
        }
        assert!(std::time::Instant::now() < until, "{out:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
