//! Ours and theirs: what the real sreport and sshare 22.05.8 said to the commands in `tests/cases/sreport` and
//! `tests/cases/sshare` (recorded by the `record` scripts there) must be what ours say, byte for byte. Where we differ on
//! purpose, the case says so and why.

use super::service::Service;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    found.sort();
    found
}

/// Commands with what ours must say to each.
fn cases(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let recorded = ["1|", "2|", "= "].iter().any(|begin| line.starts_with(begin));
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), Vec::new())),
            (_, Some((_, said))) if recorded => said.push(line.to_owned()),
            (_, Some((_, said))) if line.starts_with("ours: ") => said.clear(),
            (_, Some((_, said))) if line.starts_with('>') => said.push(line[1..].to_owned()),
            _ => {}
        }
    }
    found
}

fn run(service: &Service, command: &str, masked: bool) -> Vec<String> {
    let argv = shell_words::split(command).unwrap();
    let mut child = Command::new(service.path(&argv[0]));
    child.args(&argv[1..]).env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC").stdin(Stdio::null());
    let out = child.output().unwrap();
    let time = fancy_regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").unwrap();
    let mut lines = Vec::new();
    for (stream, bytes) in [("1", &out.stdout), ("2", &out.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        let text = if masked { time.replace_all(&text, "TIME") } else { text };
        lines.extend(text.lines().map(|line| format!("{stream}|{line}")));
    }
    lines.push(format!("= {}", out.status.code().unwrap_or(-1)));
    lines
}

/// What is wrong, in words; the number of commands.
fn compare(service: &Service, path: &Path, masked: bool, wrong: &mut String) -> usize {
    let cases = cases(&std::fs::read_to_string(path).unwrap());
    for (command, expected) in &cases {
        let said = run(service, command, masked);
        if said != *expected {
            writeln!(wrong, "{}: {command}\n{expected:#?}\nsaid: {said:#?}", path.display()).unwrap();
        }
    }
    cases.len()
}

fn link(service: &Service, name: &str) {
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_enlist"), service.path(name)).unwrap();
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
    let mut service = Service::start();
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

/// Puts what a case's `used:` lines say into the store, as the rollup would.
fn use_up(service: &Service, text: &str) {
    let store = rusqlite::Connection::open(service.path("store.db")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("used: ")) {
        let [user, account, cpu, mem] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for (tres, seconds) in [(1, cpu), (2, mem), (4, cpu), (5, cpu)] {
            let put = "INSERT INTO usage_association SELECT 0, 1700000000, id, ?3, ?4, ?4 FROM association \
                       WHERE user = ?1 AND account = ?2 AND partition = ''";
            let seconds: i64 = seconds.parse().unwrap();
            assert_eq!(store.execute(put, rusqlite::params![user, account, tres, seconds]).unwrap(), 1);
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
        let mut service = Service::configured(&format!("PriorityDecayHalfLife=0\n{flags}"));
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
