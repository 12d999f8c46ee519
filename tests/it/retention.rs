//! Old records: archived, purged, brought back, and neither lost nor doubled when the service is killed meanwhile.

use super::job_cases::fill;
use super::service::Service;
use crate::support::enlist_path;
use service::store::archive;
use slurm::archive::Record;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A service and its archives.
struct Site {
    service: Service,
    archives: tempfile::TempDir,
}

impl Site {
    fn new(lines: &str) -> Site {
        let archives = tempfile::tempdir().unwrap();
        let directory = archives.path().join("archive");
        let service = Service::configured(&format!(
            "AccountingStorageTRES=gres/gpu\nArchiveDir={}\n{lines}",
            directory.display()
        ));
        std::os::unix::fs::symlink(enlist_path(), service.path("sreport")).unwrap();
        Site { service, archives }
    }

    fn directory(&self) -> PathBuf {
        self.archives.path().join("archive")
    }

    /// Archives that have their name.
    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.directory()) else { return Vec::new() };
        let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension().is_none_or(|extension| extension != "part"));
        found.sort();
        found
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(self.service.path(program));
        command.args(args).env("ENLIST_SOCKET", self.service.path("socket")).env("TZ", "UTC").stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Standard output in order, since records that came back have other rows.
    fn lines(&self, program: &str, args: &[&str]) -> Vec<String> {
        let out = self.run(program, args);
        assert!(out.status.success(), "{args:?}: {out:?}");
        let mut lines: Vec<_> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn jobs(&self) -> Vec<String> {
        let fields = "JobID,JobIDRaw,State,Submit,Eligible,Start,End,Suspended,AllocTRES,ReqTRES,User,Account,Partition,\
                      Comment,AdminComment,AssocID,QOS,NodeList,UserCPU,SystemCPU,MaxRSS,TRESUsageInTot,ExitCode,\
                      DerivedExitCode,Flags,SubmitLine,WorkDir,WCKey,Reservation,Timelimit,Constraints,Layout";
        self.lines("sacct", &["-aLDnP", "-S", "2015-01-01", &format!("--format={fields}")])
    }

    fn usage(&self) -> Vec<String> {
        let what = ["-nP", "cluster", "AccountUtilizationByUser", "start=2024-01-01", "end=2025-01-01"];
        self.lines("sreport", &what)
    }

    fn refused(&self, args: &[&str]) -> String {
        let out = self.service.sacctmgr(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {out:?}");
        String::from_utf8(out.stderr).unwrap()
    }

    fn archive(&self, args: &[&str]) -> String {
        let out = self.service.sacctmgr(&[&["-i", "archive"], args].concat());
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }
}

#[track_caller]
fn wait(what: &str, mut good: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(180);
    while !good() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_dump_takes_old_jobs_out_and_a_load_brings_them_back() {
    let site = Site::new("");
    fill(&site.service);
    let before = site.jobs();
    let mut told = String::new();
    wait("the jobs are never archived", || {
        told = site.archive(&["dump", "jobs", "purgejobafter=1month"]);
        !told.contains("summed up")
    });
    assert!(told.contains(" jobs of cluster ref archived in "), "{told}");
    let usage = site.usage();
    assert!(usage.iter().any(|line| line.contains("games")), "{usage:?}");
    let left = site.jobs();
    assert!(left.iter().all(|line| line.contains("PENDING")), "only those that never ended are left: {left:?}");
    let files = site.files();
    assert_eq!(files.len(), 2, "one for each cluster: {files:?}");
    for file in &files {
        let load = format!("file={}", file.display());
        assert!(site.archive(&["load", &load]).ends_with(" 0 left as they are\n"));
        assert!(site.archive(&["load", &load]).starts_with(" 0 jobs loaded, "));
    }
    assert_eq!(site.jobs(), before);
    assert_eq!(site.usage(), usage, "usage stays as it was");
    // Again, steps first: the jobs come back, and then their steps.
    assert!(site.archive(&["dump", "steps", "purgestepafter=1hour"]).contains(" steps of cluster ref archived in "));
    assert!(site.jobs().len() < before.len());
    site.archive(&["dump", "jobs", "purgejobafter=1month"]);
    assert_eq!(site.jobs(), left);
    let newer: Vec<_> = site.files().into_iter().filter(|file| !files.contains(file)).collect();
    for kind in ["_jobs_", "_steps_"] {
        for file in newer.iter().filter(|file| file.to_string_lossy().contains(kind)) {
            site.archive(&["load", &format!("file={}", file.display())]);
        }
    }
    assert_eq!(site.jobs(), before);
}

#[test]
fn what_is_no_archive_or_not_allowed_is_refused() {
    let site = Site::new("");
    std::fs::create_dir(site.directory()).unwrap();
    let put = |name: &str, text: &[u8]| {
        std::fs::write(site.directory().join(name), text).unwrap();
        format!("file={name}")
    };
    let theirs = put("theirs", b"&\0\0\0\0\0k\x03\xb1P\x05\x8d\0\0\0\x04ref\0");
    assert!(site.refused(&["-i", "archive", "load", &theirs]).contains("`enlist import jobs`"));
    let head = r#"{"enlist_archive":1,"kind":"jobs","cluster":"ref","until":1,"made":1,"tres":{},"qos":{}}"#;
    let cut = put("cut", format!("{head}\n").as_bytes());
    assert!(site.refused(&["-i", "archive", "load", &cut]).contains("it was cut off"));
    assert!(site.refused(&["-i", "archive", "load", "file=/etc/passwd"]).contains("is not in ArchiveDir"));
    assert!(site.refused(&["-i", "archive", "load", "file=../x"]).contains("is not in ArchiveDir"));
    std::os::unix::fs::symlink("/etc/passwd", site.directory().join("link")).unwrap();
    assert!(site.refused(&["-i", "archive", "load", "file=link"]).contains("is not in ArchiveDir"));
    assert!(site.refused(&["-i", "archive", "load", "file=none"]).contains("No such file"));
    let dump = ["-i", "archive", "dump", "directory=/etc", "purgejobafter=1hour"];
    assert!(site.refused(&dump).contains("is not in ArchiveDir"));
    for args in [&["archive", "dump", "purgejobafter=1hour"][..], &["archive", "load", "file=cut"]] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=games", "--regid=nogroup", "--clear-groups", "--"]).arg(site.service.path("sacctmgr"));
        let out = command.arg("-i").args(args).env("ENLIST_SOCKET", site.service.path("socket")).output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&out.stderr).contains("Access/permission denied"), "{out:?}");
    }
}

const JOBS: u32 = 3000;

/// Imports jobs of a month ago, each with a step.
fn import(site: &Site) {
    let then = jiff::Timestamp::now().as_second() - 30 * 86_400;
    let mut list = "JobIDRaw|JobID|Submit|Eligible|Start|End|State|User|Account\n".to_owned();
    for id in 1..=JOBS {
        let times = format!("{then}|{then}|{then}|{}|COMPLETED", then + 60 + i64::from(id % 7));
        list.push_str(&format!("{id}|{id}|{times}|root|root\n{id}.0|{id}.0|{times}||\n"));
    }
    let path = site.service.path("list");
    std::fs::write(&path, list).unwrap();
    let mut command = Command::new(enlist_path());
    let out = command.args(["import", "jobs"]).arg(path).env("ENLIST_SOCKET", site.service.path("socket")).output();
    assert!(out.as_ref().is_ok_and(|out| out.status.success()), "{out:?}");
}

/// How often each job is in the archives, with its step.
fn archived(files: &[PathBuf]) -> BTreeMap<u32, u32> {
    let mut found = BTreeMap::new();
    let mut see = |record| {
        let Record::Job { job, steps } = record else { panic!("{record:?}") };
        assert_eq!(steps.len(), 1, "{job:?}");
        *found.entry(job.job_id.0).or_default() += 1;
        Ok(())
    };
    files.iter().for_each(|file| drop(archive::each(file, &mut see).unwrap()));
    found
}

fn has_any(directory: &Path, good: impl Fn(&Path) -> bool) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut it| it.any(|entry| entry.is_ok_and(|entry| good(&entry.path()))))
}

#[test]
fn killed_in_the_middle_of_a_purge_nothing_is_lost_and_nothing_doubled() {
    let mut site = Site::new("PurgeJobAfter=20days\nArchiveJobs=yes");
    import(&site);
    let left = |site: &Site| site.lines("sacct", &["-aXnP", "-S", "2015-01-01", "-o", "jobid"]).len();
    let directory = site.directory();
    let is_part = |path: &Path| path.extension().is_some_and(|extension| extension == "part");
    wait("no archive is begun", || has_any(&directory, |_| true));
    for round in 0..6 {
        match round {
            0 => {}
            1 => wait("it does not go on", || has_any(&directory, |path| !is_part(path))),
            _ => std::thread::sleep(Duration::from_millis(7 * round)),
        }
        site.service.kill();
        let whole = archived(&site.files());
        assert!(whole.values().all(|count| *count == 1), "archived twice");
        site.service.restart();
        let (there, gone) = (left(&site), whole.len());
        assert!(there + gone >= JOBS as usize, "{there} are left and {gone} archived of {JOBS}");
    }
    wait("the jobs never go", || left(&site) == 0);
    let all = archived(&site.files());
    assert_eq!((all.len(), all.values().max()), (JOBS as usize, Some(&1)));
    for file in site.files() {
        site.archive(&["load", &format!("file={}", file.display())]);
    }
    assert_eq!(left(&site), JOBS as usize, "all are back");
}

#[test]
fn lines_of_the_record_and_events_go_without_an_archive() {
    let site = Site::new("PurgeTXNAfter=1hour\nPurgeEventAfter=1hour\nPurgeUsageAfter=1hour\nPurgeResvAfter=1day");
    // Nothing is that old: everything stays, and the last line would in any case.
    let lines = site.lines("sacctmgr", &["-nP", "show", "transactions", "format=action"]);
    assert!(!lines.is_empty());
    assert!(site.archive(&["dump", "events"]).lines().all(|line| line.contains("stay")), "there is nothing to do");
    assert_eq!(site.lines("sacctmgr", &["-nP", "show", "transactions", "format=action"]), lines);
    assert!(site.files().is_empty());
}
