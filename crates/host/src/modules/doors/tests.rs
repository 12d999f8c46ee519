//! Whose processes end, and what goes, on a host in memory.

use super::*;
use crate::engine::AnyModule;
use crate::system::fake::Fake;
use crate::system::{Command, ProgramOutput};

const ROOT: &str = "root:x:0:0::/root:/bin/sh\n";
const CRONTAB: &str = "/var/spool/cron/crontabs/dooly";

/// A process by real, effective and saved number.
fn process(host: Fake, pid: u32, parent: u32, name: &str, uids: [u32; 3]) -> Fake {
    let [real, effective, saved] = uids;
    let status = format!("Name:\t{name}\nPPid:\t{parent}\nUid:\t{real}\t{effective}\t{saved}\t{effective}\n");
    host.file(&format!("/proc/{pid}/status"), &status).file(&format!("/proc/{pid}/cmdline"), name)
}

/// A host with these accounts beyond root, a session of the number 2002, one of its jobs, and processes that only have its
/// rights.
fn host(accounts: &str) -> Fake {
    let passwd = format!("{ROOT}{accounts}");
    let host = Fake::new().file("/etc/passwd", &passwd).file("/etc/group", "").file(CRONTAB, "");
    let host = process(host, 10, 1, "sh", [2002; 3]);
    let host = process(host, 20, 1, "slurmstepd", [0, 2002, 0]);
    let host = process(host, 21, 20, "job", [2002; 3]);
    let host = process(host, 30, 1, "smbd", [0, 2002, 0]);
    process(host, 31, 1, "borrowed", [2003, 2002, 2002])
}

fn shut(host: &mut Fake, more: &str) -> ItemResult {
    let Ok(Value::Map(args)) = Value::from_json(&format!(r#"{{"name": "dooly", "uid": 2002{more}}}"#)) else {
        panic!()
    };
    let module: &dyn AnyModule = &Doors;
    module.run(&[args], host).remove(0)
}

fn pids(host: &Fake) -> Vec<String> {
    let names = host.list(Path::new("/proc")).unwrap();
    names.into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn only_processes_whose_real_number_it_is_are_ended() {
    let mut site = host("dooly:x:2002:100::/:/bin/sh\n");
    shut(&mut site, "").outcome.unwrap();
    assert_eq!(pids(&site), ["20", "21", "30", "31"], "those of jobs, of root and of others stay");
    shut(&mut site, r#", "with_jobs": true"#).outcome.unwrap();
    assert_eq!(pids(&site), ["20", "30", "31"]);
}

/// A container without root runs by subordinate numbers; whoever gets the range next would own its files and processes.
#[test]
fn processes_by_subordinate_numbers_end_too_and_those_of_accounts_do_not() {
    let more = "dooly:x:2002:100::/:/bin/sh\nkim:x:100005:100::/:/bin/sh\n";
    let site = host(more).file("/etc/subuid", "dooly:100000:65536\nlee:300000:65536\nbad\n2002:200000:1\n");
    let site = process(site, 40, 1, "conmon", [100_001; 3]);
    let site = process(site, 41, 1, "kims", [100_005; 3]);
    let site = process(site, 42, 1, "lees", [300_000; 3]);
    let mut site = process(site, 43, 1, "by-number", [200_000; 3]);
    let changes = shut(&mut site, "").changes;
    assert!(format!("{changes:?}").contains("Int(3)"), "{changes:?}");
    assert_eq!(pids(&site), ["20", "21", "30", "31", "41", "42"]);
}

/// A line of the file gives nobody a number that a directory has given to somebody, nor one that another line gives, too.
#[test]
fn a_subordinate_number_that_is_somebody_elses_is_left_alone() {
    let subuid = "dooly:100000:65536\nlee:100007:10\n";
    let site = host("dooly:x:2002:100::/:/bin/sh\n").file("/etc/subuid", subuid);
    let site = site.file("/etc/nsswitch.conf", "passwd: files ldap\n").answer_with(|command: &Command| {
        let is_theirs = command.argv.last().is_some_and(|key| key == "120003");
        let (code, stdout) = if is_theirs { (0, "ahn:x:120003:100::/:/bin/sh\n".into()) } else { (2, Vec::new()) };
        Some(ProgramOutput { code, stdout, ..ProgramOutput::default() })
    });
    let site = process(site, 40, 1, "his", [100_001; 3]);
    let site = process(site, 41, 1, "lees", [100_008; 3]);
    let mut site = process(site, 42, 1, "ahns", [120_003; 3]);
    shut(&mut site, "").outcome.unwrap();
    assert_eq!(pids(&site), ["20", "21", "30", "31", "41", "42"]);
}

/// One whose parent died, and one that came in by ssh and was taken in by the job, are told by their control group alone.
#[test]
fn processes_in_a_control_group_of_a_job_are_the_schedulers() {
    let site = process(host("dooly:x:2002:100::/:/bin/sh\n"), 50, 1, "ray", [2002; 3]);
    let mut site = site.file("/proc/50/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n");
    shut(&mut site, "").outcome.unwrap();
    assert_eq!(pids(&site), ["20", "21", "30", "31", "50"]);
}

#[test]
fn a_number_of_somebody_else_is_refused_with_the_name() {
    let mut taken = host("kim:x:2002:100::/:/bin/sh\n");
    assert_eq!(shut(&mut taken, "").outcome.unwrap_err().msg, "the number 2002 is kim's here, not dooly's");
    let mut moved = host("dooly:x:2009:100::/:/bin/sh\n");
    assert_eq!(shut(&mut moved, "").outcome.unwrap_err().msg, "dooly has the number 2009 here, not 2002");
    let mut second = host("dooly:x:2002:100::/:/bin/sh\nback:x:2002:100::/:/bin/sh\n");
    assert_eq!(shut(&mut second, "").outcome.unwrap_err().msg, "the number 2002 is back's here, not dooly's");
    assert!([taken, moved, second].iter().all(|site| pids(site).len() == 5), "nobody lost a process");
    shut(&mut host(""), "").outcome.unwrap();
}

/// A directory says whose the number is; where it does not answer, nobody can tell, and nothing ends.
#[test]
fn other_sources_than_the_files_are_asked() {
    let directory = |code: i32, line: &'static str| {
        let host = host("").file("/etc/nsswitch.conf", "passwd: files ldap\n");
        host.answer_with(move |command: &Command| {
            let is_number = command.argv.last().is_some_and(|key| key == "2002");
            let (code, stdout) = if is_number || code == 1 { (code, line.into()) } else { (2, Vec::new()) };
            Some(ProgramOutput { code, stdout, ..ProgramOutput::default() })
        })
    };
    let mut kims = directory(0, "kim:x:2002:100::/:/bin/sh\n");
    assert_eq!(shut(&mut kims, "").outcome.unwrap_err().msg, "the number 2002 is kim's here, not dooly's");
    let mut silent = directory(1, "");
    assert!(shut(&mut silent, "").outcome.unwrap_err().msg.contains("getent passwd 2002"));
    assert!([kims, silent].iter().all(|site| pids(site).len() == 5));
    shut(&mut directory(0, "dooly:x:2002:100::/:/bin/sh\n"), "").outcome.unwrap();
}

#[test]
fn a_crontab_goes_only_with_who_leaves_for_good() {
    let mut site = host("dooly:x:2002:100::/:/bin/sh\n");
    let locked = shut(&mut site, "");
    assert!(locked.changes.iter().all(|change| change.action == Action::Update), "{:?}", locked.changes);
    assert!(site.stat(Path::new(CRONTAB), false).unwrap().is_some());
    let gone = shut(&mut site, r#", "for_good": true"#);
    assert_eq!(gone.changes.last().map(|change| change.action), Some(Action::Delete));
    assert!(site.stat(Path::new(CRONTAB), false).unwrap().is_none());
}

#[test]
fn processes_that_cannot_be_looked_at_are_not_called_none() {
    let mut site = host("dooly:x:2002:100::/:/bin/sh\n").file("/proc/40/status", "Name:\tsh\n");
    let why = shut(&mut site, "").outcome.unwrap_err().msg;
    assert_eq!(why, "/proc/40/status does not say whose process it is");
    assert_eq!(pids(&site).len(), 6);
}
