//! Somebody who left, or is kept out, and every way by which he could still come in: open before, shut after, and told.

use crate::support::{Lab, Ran, lab, run};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const INVENTORY: &str = "inventories/reference/hosts.ini";
const HOSTS: [&str; 5] = ["login1", "login2", "login3", "login4", "master"];

/// What somebody who expects to be thrown out prepares on a host: processes in sessions of their own, one by a subordinate number as a
/// container has it, one that ignores every request to end, and what starts more later.
const PREPARES: &str = "
runuser -u gildong -- setsid sh -c 'sleep 1000' </dev/null >/dev/null 2>&1 &
setpriv --reuid 7000001 --clear-groups setsid sleep 1000 </dev/null >/dev/null 2>&1 &
runuser -u gildong -- setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &
mkdir -p /var/lib/systemd/linger /var/spool/cron/crontabs /var/spool/cron/atjobs
touch /var/lib/systemd/linger/gildong
echo '* * * * * touch /tmp/back' >/var/spool/cron/crontabs/gildong
echo 'touch /tmp/back' >/var/spool/cron/atjobs/a00001019d5e2f
chown gildong /var/spool/cron/crontabs/gildong /var/spool/cron/atjobs/a00001019d5e2f
echo 'gildong:7000000:65536' >>/etc/subuid; echo 'gildong:7000000:65536' >>/etc/subgid
usermod -p '$6$x$y' -aG gpu gildong
";

struct Site<'l> {
    lab: &'l Lab,
    key: String,
    public: String,
}

impl Site<'_> {
    fn new(lab: &Lab) -> Site<'_> {
        let key = lab.dir().join("gildong.key").to_str().unwrap().to_owned();
        let _ = std::fs::remove_file(&key);
        run(&mut lab.controller_command(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key]), "").ok();
        let public = run(&mut lab.controller_command(&["cat", &format!("{key}.pub")]), "").ok().stdout;
        Site { lab, key, public: public.trim().to_owned() }
    }

    fn apply(&self, more: &str) -> Ran {
        self.apply_on(more, &[])
    }

    fn apply_on(&self, more: &str, words: &[&str]) -> Ran {
        let text = format!(
            "groups: {{team: {{gid: 3001}}, gpu: {{gid: 3002}}}}\nusers:\n  dooly: {{uid: 2002, group: team}}\n  \
             gildong: {{uid: 2001, group: team, keys: ['{}']{more}}}\n",
            self.public
        );
        let roster = self.lab.write_temp("roster.yml", &text);
        let apply = ["apply", "-y", "-i", INVENTORY, "--roster", roster.to_str().unwrap()];
        self.lab.enlist(&[&apply[..], words].concat())
    }

    fn ssh(&self, address: &str, line: &str) -> std::process::Command {
        self.lab.controller_command(&["ssh", "-q", "-i", &self.key, &format!("gildong@{address}"), line])
    }

    /// A session that stays open.
    fn session(&self) -> Child {
        let child = self.ssh("10.0.0.1", "exec sleep 1000").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.expect("ssh starts");
        until("the session is there", || self.processes("login1") > 0);
        child
    }

    /// How many processes of gildong's number run on a host.
    fn processes(&self, host: &str) -> usize {
        // By his number or a subordinate one. Those that are dead, and that nobody waited for yet, are none.
        self.lab.sh(host, "ps -u 2001,7000001 -o stat= | grep -vc Z").stdout.trim().parse().expect("a count")
    }

    fn is_there(&self, path: &str) -> bool {
        match self.lab.sh("login1", &format!("test -e {path}")).code {
            0 => true,
            1 => false,
            other => panic!("{path} cannot be looked at: {other}"),
        }
    }
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "this does not come: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const STARTERS: [&str; 3] =
    ["/var/lib/systemd/linger/gildong", "/var/spool/cron/crontabs/gildong", "/var/spool/cron/atjobs/a00001019d5e2f"];

/// Whether everything that was prepared is as open as an attacker wants it.
fn prepare(site: &Site) -> Child {
    site.apply("").ok();
    site.lab.sh("login1", PREPARES).ok();
    let session = site.session();
    until("processes run", || site.processes("login1") >= 5);
    assert!(STARTERS.iter().all(|path| site.is_there(path)));
    run(&mut site.ssh("10.0.0.2", "true"), "").ok();
    session
}

#[test]
fn who_is_absent_has_no_way_in_and_each_is_told() {
    let lab = lab();
    let site = Site::new(&lab);
    let mut session = prepare(&site);
    let told = site.apply(", state: absent").ok().stdout;
    let _ = session.wait();
    for host in HOSTS {
        assert_eq!(site.processes(host), 0, "{host}: {told}");
        lab.sh(host, "id gildong || grep gildong /etc/group /etc/gshadow /etc/shadow /etc/subuid /etc/subgid").code(1);
    }
    assert!(!STARTERS.iter().any(|path| site.is_there(path)), "{told}");
    assert_ne!(run(&mut site.ssh("10.0.0.1", "true"), "").code, 0);
    let shut =
        "- gildong  shut: password, keys, sessions, jobs, lingering, cron, at, second name, groups, subids, sudo";
    assert!(told.contains(shut), "{told}");
    assert!(!told.contains(" open"), "{told}");
}

#[test]
fn who_is_locked_has_no_session_and_comes_in_by_nothing() {
    let lab = lab();
    let site = Site::new(&lab);
    let mut session = prepare(&site);
    let told = site.apply(", locked: yes").ok().stdout;
    let _ = session.wait();
    assert_eq!(site.processes("login1"), 0, "{told}");
    for path in STARTERS {
        assert!(site.is_there(path), "what is only kept out loses nothing for good: {told}");
        assert!(told.contains(&format!("the roster lets it be: {path}")), "{told}");
    }
    for host in ["10.0.0.1", "10.0.0.2"] {
        assert_ne!(run(&mut site.ssh(host, "true"), "").code, 0, "{host}: {told}");
    }
    let shut = "- gildong  shut: password, keys, sessions, jobs, second name";
    assert!(told.contains(shut), "{told}");
    site.apply(", locked: no").ok();
    assert!(STARTERS.iter().all(|path| site.is_there(path)));
    run(&mut site.ssh("10.0.0.1", "true"), "").ok();

    // What fails elsewhere lets nobody stay in. And a host that is not looked at is none where he is shut out.
    let mut session = site.session();
    let told = site.apply_on(", locked: yes, sudo: 'ALL=(ALL) NOPASSWD /bin/ls'", &["-l", "login1"]).code(1).stdout;
    let _ = session.wait();
    assert_eq!(site.processes("login1"), 0, "{told}");
    assert!(told.contains("- gildong  shut where it was looked at: password, keys, sessions"), "{told}");
    assert!(told.contains("! gildong on login2  all: not looked at"), "{told}");
}

/// What nobody but people can judge stays, and is named with its place; the run does not end well.
#[test]
fn a_way_that_stays_open_is_named() {
    let lab = lab();
    let site = Site::new(&lab);
    site.apply("").ok();
    lab.sh("login2", "mkdir -p /etc/sudoers.d; echo 'gildong ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/team").ok();
    let ran = site.apply(", state: absent").code(1);
    assert!(
        ran.stdout.contains("! gildong on login2  sudo: open: /etc/sudoers.d/team:1: take the rule out"),
        "{ran:?}"
    );

    // A second name of the number keeps everything as it is, before anything is touched.
    site.apply("").ok();
    lab.sh("login3", "useradd -o -u 2001 -g team back").ok();
    let refused = site.apply(", state: absent").code(1).stderr;
    assert!(refused.contains("uid 2001 shall be `gildong`, and is `back`"), "{refused}");
}
