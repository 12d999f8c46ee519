//! Ours and theirs: what the real sreport and sshare 22.05.8 said to the commands in `tests/cases/sreport` and
//! `tests/cases/sshare` (recorded by the `record` scripts there) must be what ours say, byte for byte. Where we differ on
//! purpose, the case says so and why.

use super::job_cases::said;
use super::sacctmgr_cases::{files, parse};
use super::service::Service;
use crate::support::enlist_path;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// What is wrong, in words; the number of commands.
fn compare(service: &Service, path: &Path, masked: bool, wrong: &mut String) -> usize {
    let time = fancy_regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").unwrap();
    let cases = parse(&std::fs::read_to_string(path).unwrap());
    for case in &cases {
        let mut said = said(service, case);
        if masked {
            said.iter_mut().for_each(|line| *line = time.replace_all(line, "TIME").into_owned());
        }
        if said != case.expected() {
            let (path, expected) = (path.display(), case.expected());
            writeln!(wrong, "{path}: {}$ {}\n{expected:#?}\nsaid: {said:#?}", case.user, case.command).unwrap();
        }
    }
    cases.len()
}

fn link(service: &Service, name: &str) {
    std::os::unix::fs::symlink(enlist_path(), service.path(name)).unwrap();
}

fn sacctmgr(service: &Service, command: &str) {
    let words = shell_words::split(command).unwrap();
    let argv: Vec<&str> = ["-i", "-Q"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let out = service.sacctmgr(&argv);
    assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
}

fn python(args: &[&Path]) -> String {
    let out = Command::new("python3").args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn wait_for_rollup(service: &Service) {
    let until = Instant::now() + Duration::from_secs(120);
    let store = rusqlite::Connection::open(service.path("store.db")).unwrap();
    let rolled = || -> Option<i64> {
        store.query_row("SELECT rolled FROM usage_progress", [], |row| row.get(0)).unwrap_or_default()
    };
    while rolled().is_none_or(|rolled| jiff::Timestamp::now().as_second() - rolled >= 3600) {
        assert!(Instant::now() < until, "the rollup does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sreport_says_what_theirs_says() {
    let mut service = Service::configured("MaxQueryTimeRange=40-0\n");
    link(&service, "sreport");
    let rows = directory("sreport").join("site_rows.py");
    python(&[&rows, Path::new("commands")]).lines().for_each(|command| sacctmgr(&service, command));
    service.kill();
    python(&[&rows, &service.path("store.db")]);
    service.restart();
    wait_for_rollup(&service);
    ["delete user zed", "delete account old"].iter().for_each(|command| sacctmgr(&service, command));
    let mut wrong = String::new();
    let count: usize = files("sreport").iter().map(|path| compare(&service, path, true, &mut wrong)).sum();
    assert!(count >= 150, "only {count} cases were found");
    assert!(wrong.is_empty(), "{wrong}");
}

/// A half-life and an age of all usage, in days; none fades if the file does not say so.
fn faded(text: &str) -> Option<(i64, i64)> {
    let (half_life, age) = text.lines().find_map(|line| line.strip_prefix("faded: "))?.split_once(' ').unwrap();
    Some((half_life.parse().unwrap(), age.parse().unwrap()))
}

/// Puts what a case's `used:` lines say into the store, as the rollup would: into an hour that ended as long ago as the
/// file says.
fn use_up(service: &Service, text: &str) {
    let ago = |(_, days)| jiff::Timestamp::now().as_second() - days * 86_400 - 3600;
    let hour = faded(text).map_or(1_700_000_000, ago);
    let store = rusqlite::Connection::open(service.path("store.db")).unwrap();
    let now = jiff::Timestamp::now().as_second();
    store.execute("UPDATE usage_progress SET rolled = ?1, known = ?1", [now - now % 3600]).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("used: ")) {
        let [user, account, cpu, mem] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for (tres, seconds) in [(1, cpu), (2, mem), (4, cpu), (5, cpu)] {
            let put = "INSERT INTO usage_association SELECT 0, ?5, id, ?3, ?4, ?4 FROM association \
                       WHERE user = ?1 AND account = ?2 AND partition = ''";
            let seconds: i64 = seconds.parse().unwrap();
            assert_eq!(store.execute(put, rusqlite::params![user, account, tres, seconds, hour]).unwrap(), 1);
        }
    }
}

#[test]
fn sshare_says_what_theirs_says() {
    let (mut wrong, mut count) = (String::new(), 0);
    for path in files("sshare") {
        let text = std::fs::read_to_string(&path).unwrap();
        let classic = text.lines().any(|line| line == "classic");
        let flags = if classic { "PriorityFlags=NO_FAIR_TREE\n" } else { "" };
        let half_life = faded(&text).map_or(0, |(days, _)| days);
        let mut service = Service::configured(&format!("PriorityDecayHalfLife={half_life}-0\n{flags}"));
        link(&service, "sshare");
        text.lines().filter_map(|line| line.strip_prefix("setup: ")).for_each(|command| sacctmgr(&service, command));
        service.kill();
        use_up(&service, &text);
        service.restart();
        count += compare(&service, &path, false, &mut wrong);
    }
    assert!(count >= 30, "only {count} cases were found");
    assert!(wrong.is_empty(), "{wrong}");
}
