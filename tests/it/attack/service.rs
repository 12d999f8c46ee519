//! What users of the accounting service send it: texts that end it, bodies that are small on the wire and large in memory,
//! numbers without a name, floods of handshakes.

use super::{figure, is_long, rounds};
use crate::node;
use crate::service::Service;
use crate::support::http::{self, Answer, get, post};
use rustix::process::{getpriority_process, setpriority_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The most that ten ordinary users may cost together, in MB.
const MOST_MB: u64 = 300;

/// A number of the daemon's from /proc, in MB.
fn memory(service: &Service, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.daemon())).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().expect("a number") / 1024
}

/// Sends a body, and says the status: 0 when there is no answer. What is refused need not be sent to its end.
fn send(socket: &Path, path: &str, body: &[u8]) -> Answer {
    http::ask(socket, "POST", path, &[("content-type", "application/json")], body)
}

#[test]
fn texts_of_users_end_no_service() {
    let service = Service::start();
    let socket = service.path("socket");
    let words =
        ["x".repeat(2_097_000), "x".repeat(1_000_000), "x".repeat(256), "a:b".into(), "../x".into(), "-x".into()];
    for word in &words {
        let admission = post(&socket, "/v1/admission", &json!({ "user": word }));
        assert!([400, 413].contains(&admission.status), "{} bytes: {admission:?}", word.len());
        for (command, argv) in [
            ("sacct", ["-n", "-u", word]),
            ("sacct", ["-n", "-g", word]),
            ("sacctmgr", ["-i", "add", &format!("user={word}")]),
            ("sreport", ["user", "top", &format!("users={word}")]),
            ("sshare", ["-h", "-u", word]),
        ] {
            let answer = post(&socket, &format!("/v1/slurm/{command}"), &json!({ "argv": argv }));
            assert!([200, 413].contains(&answer.status), "{command} {} bytes: {}", word.len(), answer.status);
        }
    }
    assert_eq!(get(&socket, "/v1/health").status, 200, "the service goes on");
}

/// Bodies that are worth more in memory than on the wire, of some bytes each: path and body.
fn bombs(bytes: usize) -> Vec<(&'static str, String)> {
    let filled = |begin: &str, piece: &str, end: &str| {
        let room = bytes.saturating_sub(begin.len() + end.len());
        format!("{begin}{}{end}", piece.repeat(room / piece.len()))
    };
    let change = r#"{"action":"add","entity":"user","set":{"name":"x"}}"#;
    let keys: String = (0..bytes / 14).map(|n| format!(",\"{n:x}\":\"\"")).collect();
    vec![
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user""#, ",\"\"", "]}")),
        ("/v1/slurm/sacct", filled(r#"{"argv":["-u""#, ",\"\"", "]}")),
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user"],"rehearse":[[]"#, ",[]", "]}")),
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user"],"rehearse":[["show"]"#, r#",["show","assoc"]"#, "]}")),
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user"],"answers":[true"#, ",true", "]}")),
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user"],"files":[{"path":""}"#, r#",{"path":""}"#, "]}")),
        ("/v1/slurm/sacctmgr", format!(r#"{{"argv":["show","user"],"environment":{{"a":""{keys}}}}}"#)),
        ("/v1/changes", filled(&format!(r#"{{"changes":[{change}"#), &format!(",{change}"), "]}")),
        ("/v1/changes", filled(r#"{"changes":[{"action":"add","entity":"user","set":{"name":[""#, "\",\"", "\"]}}]}")),
        ("/v1/changes", format!(r#"{{"changes":[{{"action":"add","entity":"user","set":{{"a":""{keys}}}}}]}}"#)),
        ("/v1/import/jobs", filled(r#"{"heading":"JobID","delimiter":"|","zone":"UTC","lines":[""#, "\",\"", "\"]}")),
        ("/v1/admission", format!(r#"{{"tres":{{"cpu":1{}}}}}"#, keys.replace("\"\"", "1"))),
        ("/v1/admission", filled(r#"{"user":""#, "x", "\"}")),
        ("/v1/slurm/sacctmgr", filled(r#"{"argv":["show","user","where","name="#, ",", "\"]}")),
        (
            "/v1/jobs/submit",
            filled(r#"{"request":{"batch":{"script":"x","environment":[["a",""]"#, r#",["a",""]"#, "]}}}"),
        ),
        (
            "/v1/slurm/sacctmgr",
            format!(r#"{{"argv":["show","user","where","name={}"]}}"#, "ab,".repeat(bytes.min(250 << 10) / 3)),
        ),
    ]
}

/// Clients of one user: four at a time send a body, again and again until they have sent it as often as they are told;
/// then it prints the statuses. Arguments: socket, user number, path, file of the body, how often.
const CLIENTS: &str = r#"
import collections, os, socket, sys, threading
path, times = sys.argv[3], int(sys.argv[5])
# In pieces: a kernel may give no other program the processor while it copies a whole file for this one.
with open(sys.argv[4], 'rb') as file: body = b''.join(iter(lambda: file.read(65536), b''))
os.setgroups([]); os.setgid(65534); os.setuid(int(sys.argv[2]))
head = f'POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n'
told = collections.Counter()
def client():
    for _ in range(times):
        s, answer = socket.socket(socket.AF_UNIX), b''
        s.connect(sys.argv[1])
        try: s.sendall(head.encode()); s.sendall(body)
        except OSError: pass
        try:
            while got := s.recv(65536): answer = answer or got
        except OSError: pass
        told[answer[9:12].decode()] += 1
threads = [threading.Thread(target=client) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(' '.join(f'{status}:{count}' for status, count in sorted(told.items())))
"#;

/// Ordinary users of this host, ten of them.
fn users() -> Vec<u32> {
    let passwd = std::fs::read_to_string("/etc/passwd").expect("this host has users");
    let numbers = passwd.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok());
    let users: Vec<u32> = numbers.filter(|uid| *uid != 0).take(10).collect();
    assert_eq!(users.len(), 10, "a host has that many system users");
    users
}

fn clients(service: &Service, uid: u32, path: &str, body: &Path, times: usize) -> Child {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", CLIENTS]).arg(service.path("socket")).arg(uid.to_string()).arg(path).arg(body);
    command.arg(times.to_string()).stdout(Stdio::piped()).spawn().expect("python3 is there")
}

/// How long root waits, again and again: for a health check, and for a thread that gives one byte back. The second is the
/// machine's own share, which has as many programs to run at once.
#[derive(Default)]
struct Waits {
    health: Vec<Duration>,
    echo: Vec<Duration>,
}

impl Waits {
    /// Measures until all of these have ended: as who watches does, before what users run on the same host. What is measured
    /// is the service, not how long this thread waits for a processor.
    fn during(&mut self, service: &Service, all: &mut [Child]) {
        let began = getpriority_process(None).expect("the kernel tells it");
        setpriority_process(None, -10).expect("this is root");
        self.measure(service, all);
        setpriority_process(None, began).expect("as it was");
    }

    fn measure(&mut self, service: &Service, all: &mut [Child]) {
        let (mut here, mut there) = UnixStream::pair().expect("a pair of sockets");
        let echo = move || while there.read_exact(&mut [0]).and_then(|()| there.write_all(&[0])).is_ok() {};
        std::thread::spawn(echo);
        while all.iter_mut().any(|one| one.try_wait().expect("it is a child").is_none()) {
            let begun = Instant::now();
            assert_eq!(get(&service.path("socket"), "/v1/health").status, 200);
            self.health.push(begun.elapsed());
            let begun = Instant::now();
            here.write_all(&[0]).and_then(|()| here.read_exact(&mut [0])).expect("the thread answers");
            self.echo.push(begun.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The middle one, that which 99 of 100 are below, and the longest, in milliseconds.
    fn told(waits: &mut [Duration]) -> String {
        waits.sort_unstable();
        let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_millis();
        format!("{}, {}, {} ms (middle, 99 of 100, longest of {})", at(50), at(99), at(100), waits.len())
    }
}

#[test]
fn ten_users_with_bodies_that_grow_in_memory() {
    let service = Service::configured("MessageTimeout=600");
    let before = memory(&service, "VmRSS:");
    let file = service.path("body");
    let mut waits = Waits::default();
    let sizes: &[usize] = if is_long() { &[60 << 10, 1 << 20, 63 << 20] } else { &[60 << 10, 1 << 20] };
    for size in sizes {
        for (path, body) in bombs(*size) {
            std::fs::write(&file, &body).expect("it can be written");
            let mut all: Vec<_> =
                users().into_iter().map(|uid| clients(&service, uid, path, &file, rounds(1, 5))).collect();
            waits.during(&service, &mut all);
            for one in all {
                let told = one.wait_with_output().expect("it ended");
                assert!(told.status.success() && !told.stdout.is_empty(), "{path}: {told:?}");
            }
            let cost = memory(&service, "VmHWM:").saturating_sub(before);
            assert!(cost < MOST_MB, "{cost} MB after {path} {}…", &body[..body.len().min(60)]);
        }
    }
    let cost = memory(&service, "VmHWM:").saturating_sub(before);
    figure(
        "ten users, four clients each, 16 kinds of bodies",
        format_args!("{cost} MB at most; root's health check took {}", Waits::told(&mut waits.health)),
    );
    figure("a byte there and back meanwhile", Waits::told(&mut waits.echo));
}

#[test]
fn bodies_of_operators_alone_are_large() {
    let service = Service::start();
    let (socket, file) = (service.path("socket"), service.path("body"));
    let lines: Vec<_> = std::iter::repeat_n("1|x", 700_000).collect();
    let body = json!({ "heading": "JobID|JobName", "delimiter": "|", "zone": "UTC", "lines": lines, "check": true });
    let body = body.to_string();
    assert!(body.len() > 4 << 20);
    assert_eq!(send(&socket, "/v1/import/jobs", body.as_bytes()).status, 200, "root is one");
    assert_eq!(send(&socket, "/v1/changes", body.as_bytes()).status, 413, "it is no import");
    std::fs::write(&file, &body).expect("it can be written");
    let told = clients(&service, users()[0], "/v1/import/jobs", &file, 1).wait_with_output().expect("it ended");
    assert_eq!(String::from_utf8_lossy(&told.stdout), "413:4\n");
}

/// Twelve numbers that have no name here, a connection each; says how many were turned away, and waits.
const NAMELESS: &str = r#"
import os, socket, sys
held = []
for n in range(12):
    read, write = os.pipe()
    if os.fork() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(2000000 + n)
        s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
        try: told = s.recv(100)
        except TimeoutError: told = b'let in'
        os.write(write, told)
        sys.stdin.read()
        os._exit(0)
    held.append(read)
print(sum(b'503' in os.read(read, 100) for read in held), flush=True)
sys.stdin.read()
"#;

#[test]
fn numbers_without_a_name_share_one_quarter() {
    let service = Service::configured("MessageTimeout=600\nMaxConnections=40");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", NAMELESS]).arg(service.path("socket")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut held = command.spawn().expect("python3 is there");
    let mut told = String::new();
    BufReader::new(held.stdout.as_mut().expect("it is piped")).read_line(&mut told).expect("it says a number");
    assert_eq!(told, "2\n", "ten of forty connections are for all of them together");
    assert_eq!(get(&service.path("socket"), "/v1/health").status, 200);
    drop(held.stdin.take());
    held.wait().expect("it ends");
}

/// Handshakes that never end, and garbage, from an ordinary user, until it is told to stop; then it says how many.
const HANDSHAKES: &str = r#"
import socket, sys, threading, time
count, stop = [0], threading.Event()
def flood(begin):
    held = []
    while not stop.is_set():
        try:
            s = socket.create_connection(("10.0.0.10", 6821), 10); s.sendall(begin)
            held.append(s); count[0] += 1
        except OSError: pass
        if len(held) > 40: held.pop(0).close()
for begin in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n") * 2:
    threading.Thread(target=flood, args=(begin,), daemon=True).start()
sys.stdin.read()
stop.set()
print(count[0])
"#;

#[test]
fn a_users_flood_of_handshakes_keeps_the_nodes_daemon_not_out_and_is_few_lines() {
    let lab = node::cluster();
    // Connections that nobody used for three seconds are not used again: each request has to shake hands.
    node::play(&lab, &["-e", r#"{"enlist_conf": ["MessageTimeout=6"]}"#]).ok();
    node::put(&lab, "login3", HANDSHAKES, "/tmp/flood.py");
    let mut flood = lab.sh_command("login3", "runuser -u nobody -- python3 /tmp/flood.py");
    let mut flood = flood.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the flood begins");
    let tries = rounds(4, 30);
    for _ in 0..tries {
        std::thread::sleep(Duration::from_millis(3300));
        let asked = node::by(&lab, "kim", "login3", "sacctmgr -nP show cluster format=cluster");
        assert_eq!(asked.ok().stdout, "cluster\n");
    }
    flood.stdin.take().expect("it is piped").write_all(b"\n").expect("it listens");
    let told = flood.wait_with_output().expect("it ended");
    let count: usize = String::from_utf8_lossy(&told.stdout).trim().parse().expect("a number");
    assert!(count > 100, "a flood: {count}");
    let log = lab.file("master", "/var/log/enlist.log");
    let lines = log.lines().filter(|line| line.contains("let in")).count();
    assert!((1..=20).contains(&lines), "{lines} lines of {count} handshakes");
    figure(
        "handshakes of an ordinary user of a login node",
        format_args!("{count}, {lines} lines in the log; {tries} of {tries} new connections of its daemon made"),
    );
}

#[test]
fn deep_and_broken_json_is_refused() {
    let service = Service::start();
    let socket = service.path("socket");
    let deep = format!("{{\"argv\":{}", "[".repeat(60_000));
    for path in ["/v1/slurm/sacctmgr", "/v1/changes", "/v1/admission", "/v1/import/jobs", "/v1/import/events"] {
        for body in [deep.as_bytes(), b"{\"argv\":[\"show\",\"\xff\xfe\"]}", b"", b"7", b"{\"argv\""] {
            assert_eq!(
                send(&socket, path, body).status,
                400,
                "{path} {:?}",
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
        }
    }
    let value: Value = get(&socket, "/v1/health").json();
    assert_eq!(value["status"], "ok");
}
