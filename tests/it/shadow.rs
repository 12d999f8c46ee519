//! Ours against shadow-utils: the same requests on the same files, compared byte for byte; and the locks between the
//! two. Needs root and the package `passwd` (useradd and the like), which every host has that enlist manages.

use host::identity::databases::{GROUP_ORDER, REMOVAL_ORDER, USER_ORDER};
use host::identity::group::{WantedGroup, plan_group, remove_group};
use host::identity::user::{WantedAging, WantedUser, plan_user, remove_user};
use host::identity::{AccountRefusal, Databases, Defaults, FilesOnly, Gid, Readings, Uid};
use host::system::accounts::Accounts;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SEED: u64 = 0x656e_6c69_7374;
const HOSTS: usize = 60;
const REQUESTS_A_HOST: usize = 6;
/// shadow-utils take the date from `SOURCE_DATE_EPOCH`.
const TODAY: i64 = 19_675;
const FILES: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];

/// A small generator of numbers; the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn maybe<'a, T>(&mut self, n: usize, from: &'a [T]) -> Option<&'a T> {
        if self.one_in(n) { Some(self.pick(from)) } else { None }
    }
}

const NAMES: &[&str] = &["ann", "bob", "cho", "gildong", "ai_team", "x.y-z"];
const GROUPS: &[&str] = &["users", "video", "ai_team", "bob", "ann", "staff", "27"];
const IDS: &[u32] = &[0, 100, 500, 999, 1000, 1001, 1005, 1009, 1010, 2001, 60000, 70000];

/// One request, as shadow-utils' command line and as ours.
struct Request {
    argv: Vec<String>,
    ours: Ours,
}

enum Ours {
    Group(WantedGroup),
    GroupGone { name: String, force: bool },
    User(Box<WantedUser>),
    UserGone { name: String, force: bool },
}

/// `-x value` for both sides.
fn option<T: ToString>(argv: &mut Vec<String>, flag: &str, value: Option<T>) -> Option<T> {
    if let Some(value) = &value {
        argv.extend([flag.to_owned(), value.to_string()]);
    }
    value
}

fn switch(argv: &mut Vec<String>, flag: &str, on: bool) -> bool {
    if on {
        argv.push(flag.into());
    }
    on
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

fn request(random: &mut Random, now: &Databases) -> Request {
    let user = *random.pick(NAMES);
    let group = *random.pick(&["ai_team", "video2", "ann", "users", "hpc"]);
    let has_user = now.passwd.get(user).is_some();
    let has_shadow = now.shadow.is_some();
    let has_group = now.group.get(group).is_some();
    match random.below(8) {
        0 | 1 => group_request(random, group, has_group),
        2 if has_group => {
            let mut argv = words(&["groupdel"]);
            let force = switch(&mut argv, "-f", random.one_in(3));
            argv.push(group.into());
            Request { argv, ours: Ours::GroupGone { name: group.into(), force } }
        }
        3 if has_user => {
            let mut argv = words(&["userdel"]);
            let force = switch(&mut argv, "-f", random.one_in(3));
            argv.push(user.into());
            Request { argv, ours: Ours::UserGone { name: user.into(), force } }
        }
        _ if has_user => change_request(random, user, has_shadow),
        _ => creation_request(random, user, now.group.get(user).is_some(), has_shadow),
    }
}

fn group_request(random: &mut Random, name: &str, exists: bool) -> Request {
    let mut argv = words(&[if exists { "groupmod" } else { "groupadd" }]);
    let gid = if exists { Some(random.pick(IDS)) } else { random.maybe(2, IDS) };
    let gid = option(&mut argv, "-g", gid).copied();
    let non_unique = gid.is_some() && random.one_in(3);
    switch(&mut argv, "-o", non_unique);
    let system = !exists && random.one_in(3);
    switch(&mut argv, "-r", system);
    argv.push(name.into());
    Request { argv, ours: Ours::Group(WantedGroup { name: name.into(), gid: gid.map(Gid), non_unique, system }) }
}

/// What creation and change have in common.
fn common(random: &mut Random, argv: &mut Vec<String>, name: &str) -> WantedUser {
    let uid = option(argv, "-u", random.maybe(3, IDS)).copied();
    let non_unique = uid.is_some() && random.one_in(4);
    switch(argv, "-o", non_unique);
    let group = option(argv, "-g", random.maybe(3, GROUPS));
    let groups: Option<Vec<_>> =
        random.one_in(2).then(|| (0..random.below(4)).map(|_| random.pick(GROUPS).to_string()).collect());
    if let Some(groups) = &groups {
        option(argv, "-G", Some(groups.join(",")));
    }
    let text = |value: Option<&&str>| value.map(|text| text.to_string());
    WantedUser {
        name: name.into(),
        uid: uid.map(Uid),
        non_unique,
        group: text(group),
        groups,
        comment: text(option(argv, "-c", random.maybe(3, &["", "Hong Gildong", "홍길동,,,"]))),
        home: text(option(argv, "-d", random.maybe(4, &["/home/other", "/nonexistent"]))),
        shell: text(option(argv, "-s", random.maybe(3, &["", "/bin/bash", "/usr/sbin/nologin"]))),
        today: TODAY,
        ..WantedUser::default()
    }
}

fn creation_request(random: &mut Random, name: &str, has_own_group: bool, has_shadow: bool) -> Request {
    let mut argv = words(&["useradd", "-M"]);
    let mut wanted = common(random, &mut argv, name);
    if wanted.group.is_none() && has_own_group {
        argv.push("-N".into());
    }
    wanted.system = switch(&mut argv, "-r", random.one_in(4));
    if !wanted.system {
        wanted.aging = aging(random, &mut argv, has_shadow);
    }
    let hash = option(&mut argv, "-p", random.maybe(3, &["$6$salt$hash", "!$6$salt$hash", "*"]));
    wanted.password = hash.map(|hash| hash.to_string());
    argv.push(name.into());
    Request { argv, ours: Ours::User(Box::new(wanted)) }
}

fn change_request(random: &mut Random, name: &str, has_shadow: bool) -> Request {
    let mut argv = words(&["usermod"]);
    let mut wanted = common(random, &mut argv, name);
    wanted.append = wanted.groups.is_some() && switch(&mut argv, "-a", random.one_in(2));
    wanted.aging = aging(random, &mut argv, has_shadow);
    match random.below(4) {
        0 => {
            let hash = format!("$6$salt${}", random.below(1 << 30));
            wanted.password = option(&mut argv, "-p", Some(hash));
        }
        1 => wanted.locked = switch(&mut argv, "-L", true).then_some(true),
        2 => wanted.locked = switch(&mut argv, "-U", true).then_some(false),
        _ => {}
    }
    argv.push(name.into());
    Request { argv, ours: Ours::User(Box::new(wanted)) }
}

/// Emptying a field of a missing shadow file is an error for some of their tools, and nothing to do for us.
fn aging(random: &mut Random, argv: &mut Vec<String>, has_shadow: bool) -> WantedAging {
    let choices = if has_shadow { 4 } else { usize::MAX };
    let expire = option(argv, "-e", random.maybe(choices, &["2030-01-01", ""])).map(|date| match *date {
        "" => None,
        _ => Some(21_915),
    });
    let inactive = option(argv, "-f", random.maybe(choices, &[0, 30, -1])).map(|days| (*days >= 0).then_some(*days));
    WantedAging { expire, inactive, ..WantedAging::default() }
}

/// The files that a host starts with: ordinary ones, and what real hosts have grown over the years.
fn host(random: &mut Random, root: &Path) {
    let write = |name: &str, text: &str| fs::write(root.join("etc").join(name), text).unwrap();
    fs::create_dir_all(root.join("etc/default")).unwrap();
    fs::create_dir_all(root.join("home")).unwrap();
    let comment = if random.one_in(2) { "# by hand\nbroken line\n\n" } else { "" };
    let nis = if random.one_in(3) { "+@cluster::::::\n-bad\n+::::::\n" } else { "" };
    let own = random.one_in(2);
    write(
        "passwd",
        &format!(
            "root:x:0:0:root:/root:/bin/bash\n{comment}bob:x:1001:{}:Bob:/home/bob:/bin/sh\n{nis}",
            if own { 1001 } else { 100 }
        ),
    );
    let bobs = if own { "bob:x:1001:\n" } else { "" };
    let group_nis = if nis.is_empty() { "" } else { "+:::\n" };
    write(
        "group",
        &format!("root:x:0:\n{comment}users:x:100:bob\nvideo:x:44:bob,gone\nstaff:x:27:\n{bobs}{group_nis}"),
    );
    if !random.one_in(6) {
        write("shadow", "root:*:19700:0:99999:7:::\nbob:!$6$a$b:19000:0:99999:7:::\n");
    }
    if !random.one_in(6) {
        let bobs = if own { "bob:!::\n" } else { "" };
        write("gshadow", &format!("root:*::\nusers:!:bob:bob\nvideo:!::bob,gone\n{bobs}"));
    }
    if !random.one_in(6) {
        write("subuid", "bob:100000:65536\n");
        write("subgid", "bob:165536:65536\n");
    }
    let small = if random.one_in(3) { "UID_MAX 1010\nGID_MAX 1010\nSUB_UID_COUNT 1000\n" } else { "" };
    let groups = if random.one_in(4) { "no" } else { "yes" };
    write(
        "login.defs",
        &format!(
            "UID_MIN\t\t1000\nPASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\nUSERGROUPS_ENAB {groups}\n{small}"
        ),
    );
    write(
        "default/useradd",
        random.pick::<&str>(&["", "SHELL=/bin/sh\n", "# x\nHOME=/data\nINACTIVE=14\nGROUP=video\n"]),
    );
}

fn load(root: &Path) -> Databases {
    let read = |name: &str| -> Result<_, AccountRefusal> { Ok(fs::read(root.join("etc").join(name)).ok()) };
    Databases::load(&Readings::default(), read).unwrap()
}

fn ours(root: &Path, wanted: &Ours) -> Result<(), AccountRefusal> {
    let read = |name: &str| fs::read(root.join("etc").join(name)).unwrap_or_default();
    let defaults = Defaults::parse(&read("login.defs"), &read("default/useradd"));
    let databases = load(root);
    let (after, order) = match wanted {
        Ours::Group(wanted) => (plan_group(&databases, &defaults, &FilesOnly, wanted)?, &GROUP_ORDER[..]),
        Ours::GroupGone { name, force } => (remove_group(&databases, name, *force)?, &GROUP_ORDER[..]),
        Ours::User(wanted) => (plan_user(&databases, &defaults, &FilesOnly, wanted)?, &USER_ORDER[..]),
        Ours::UserGone { name, force } => (remove_user(&databases, &defaults, name, *force)?.0, &REMOVAL_ORDER[..]),
    };
    let mut accounts = Accounts::begin_in(&root.join("etc")).unwrap();
    for name in order {
        if let Some(text) = after.text(name) {
            accounts.write(&Path::new("/etc").join(name), &text).unwrap();
        }
    }
    accounts.commit().unwrap();
    Ok(())
}

fn theirs(root: &Path, argv: &[String]) -> Result<(), String> {
    let output = Command::new(&argv[0])
        .arg("--root")
        .arg(root)
        .args(&argv[1..])
        .env("SOURCE_DATE_EPOCH", (TODAY * 86400).to_string())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; install the package `passwd`", argv[0]));
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The files' texts. shadow-utils sort `subuid` and `subgid` when they add a line; we keep the order, so there only the
/// lines are compared.
fn contents(root: &Path) -> Vec<(&'static str, String)> {
    let read = |name: &str| {
        let text = fs::read(root.join("etc").join(name)).map(|text| String::from_utf8_lossy(&text).into_owned());
        match text {
            Ok(text) if name.starts_with("sub") => {
                let mut lines: Vec<_> = text.split_inclusive('\n').collect();
                lines.sort_unstable();
                lines.concat()
            }
            Ok(text) => text,
            Err(_) => "(none)".into(),
        }
    };
    FILES.iter().map(|name| (*name, read(name))).collect()
}

/// On memory where there is some: hundreds of fsyncs are not what is tested.
fn scratch() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn the_same_requests_give_the_same_files_as_shadow_utils() {
    let mut random = Random(SEED);
    let (mut done, mut refused) = (0, 0);
    for host_number in 0..HOSTS {
        let (our_root, their_root) = (scratch(), scratch());
        let state = random.0;
        host(&mut random, our_root.path());
        host(&mut Random(state), their_root.path());
        for _ in 0..REQUESTS_A_HOST {
            let request = request(&mut random, &load(our_root.path()));
            let before = contents(our_root.path());
            let their_result = theirs(their_root.path(), &request.argv);
            let our_result = ours(our_root.path(), &request.ours);
            let context = || {
                format!(
                    "host {host_number}, {:?}\nours: {our_result:?}\ntheirs: {their_result:?}\nbefore: {before:#?}",
                    request.argv
                )
            };
            assert_eq!(our_result.is_ok(), their_result.is_ok(), "{}", context());
            assert_eq!(contents(our_root.path()), contents(their_root.path()), "{}", context());
            if our_result.is_ok() { done += 1 } else { refused += 1 }
        }
    }
    assert!(done > 200 && refused > 20, "the requests are worth something: {done} done, {refused} refused");
}

/// A host for the tests of locks.
fn plain_host() -> tempfile::TempDir {
    let root = scratch();
    host(&mut Random(1), root.path());
    root
}

#[test]
fn our_locks_stop_useradd() {
    let root = plain_host();
    let held = Accounts::begin_in(&root.path().join("etc")).unwrap();
    let mut useradd = Command::new("useradd")
        .args(["--root".as_ref(), root.path().as_os_str(), "-M".as_ref(), "locked_out".as_ref()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert!(useradd.try_wait().unwrap().is_none(), "useradd waits for the lock");
    assert!(load(root.path()).passwd.get("locked_out").is_none());
    drop(held);
    assert!(useradd.wait().unwrap().success());
    assert!(load(root.path()).passwd.get("locked_out").is_some());
}

#[test]
fn we_wait_for_a_lock_of_theirs() {
    let root = plain_host();
    let etc = root.path().join("etc");
    // A live process that holds the files' locks as shadow-utils write them, for a second.
    let started = Instant::now();
    let mut holder = Command::new("sleep").arg("1").spawn().unwrap();
    fs::write(etc.join("group.lock"), format!("{}\0", holder.id())).unwrap();
    let reaped = std::thread::spawn(move || holder.wait().unwrap());
    let accounts = Accounts::begin_in(&etc).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    accounts.commit().unwrap();
    assert!(reaped.join().unwrap().success());
    assert!(!etc.join("group.lock").exists());
}

#[test]
fn many_writers_of_both_kinds_lose_nothing() {
    let root = plain_host();
    let before = load(root.path()).passwd.entries().count();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let root = root.path();
            scope.spawn(move || {
                for n in 0..4 {
                    let argv = words(&["useradd", "-M", &format!("theirs{writer}x{n}")]);
                    theirs(root, &argv).unwrap();
                }
            });
        }
        for n in 0..12 {
            add_under_lock(root.path(), &format!("ours{n}"));
        }
    });
    assert_eq!(load(root.path()).passwd.entries().count(), before + 24);
    let uids: std::collections::BTreeSet<_> = load(root.path()).passwd.entries().map(|user| user.uid).collect();
    assert_eq!(uids.len(), before + 24, "no uid was given twice");
}

fn add_under_lock(root: &Path, name: &str) {
    let mut accounts = Accounts::begin_in(&root.join("etc")).unwrap();
    let wanted = WantedUser { name: name.into(), today: TODAY, ..WantedUser::default() };
    let after = plan_user(&load(root), &Defaults::default(), &FilesOnly, &wanted).unwrap();
    for name in USER_ORDER {
        if let Some(text) = after.text(name) {
            accounts.write(&Path::new("/etc").join(name), &text).unwrap();
        }
    }
    accounts.commit().unwrap();
}
