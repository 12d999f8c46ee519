//! What nobody should send to the service: each gets a clear error, nothing changes, and the service goes on.

use super::service::Service;
use super::support::http::{self, Answer, ask, get, post, raw};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Everything that the API lists, without the transaction record.
fn everything(service: &Service) -> Vec<Value> {
    let list = |name: &str| get(&service.path("socket"), &format!("/v1/{name}?limit=100000")).json()["rows"].clone();
    ["accounts", "associations", "clusters", "qos", "tres", "users"].map(list).into()
}

fn sacctmgr(service: &Service, argv: &[&str]) -> Answer {
    post(&service.path("socket"), "/v1/slurm/sacctmgr", &json!({ "argv": argv }))
}

/// Standard output, standard error and exit code of a request that was answered.
#[track_caller]
fn said(answer: &Answer) -> (String, String, u64) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("stdout"), text("stderr"), body["code"].as_u64().unwrap())
}

fn furnished(lines: &str) -> Service {
    let service = Service::configured(lines);
    for argv in [
        &["-i", "add", "account", "a"] as &[&str],
        &["-i", "add", "user", "u", "account=a"],
        &["-i", "add", "qos", "q"],
    ] {
        assert_eq!(said(&sacctmgr(&service, argv)).2, 0, "{argv:?}");
    }
    service
}

#[test]
fn hostile_texts_in_every_field() {
    let service = furnished("");
    let long = "x".repeat(300);
    let texts = [
        "'); DROP TABLE association; --",
        "\" OR 1=1 --",
        "a;b",
        "-x",
        "--",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "a\nb",
        "a\u{0}b",
        "\u{9b}31m",
        "가나다 라",
        "\u{202e}gnp",
        "%s%n$(id)`id`",
        "../../etc/passwd",
        "a,b[1-999999999]",
        "=|:,",
        "18446744073709551616",
        "-9223372036854775809",
        "NaN",
        "",
        &long,
    ];
    let commands = [
        "-i|add|user|name=TEXT|account=a",
        "-i|add|user|name=v|account=TEXT",
        "-i|add|user|name=v|account=a|partition=TEXT",
        "-i|add|user|name=v|account=a|adminlevel=TEXT",
        "-i|add|account|name=TEXT",
        "-i|add|account|name=n|parent=TEXT",
        "-i|add|account|name=n|cluster=TEXT",
        "-i|add|cluster|name=TEXT",
        "-i|add|qos|name=TEXT",
        "-i|add|coordinator|name=u|account=TEXT",
        "-i|add|coordinator|name=TEXT|account=a",
        "-i|modify|account|a|set|description=TEXT",
        "-i|modify|account|a|set|organization=TEXT",
        "-i|modify|account|a|set|parent=TEXT",
        "-i|modify|user|u|set|grptres=TEXT",
        "-i|modify|user|u|set|grptres=cpu=TEXT",
        "-i|modify|user|u|set|maxjobs=TEXT",
        "-i|modify|user|u|set|maxwall=TEXT",
        "-i|modify|user|u|set|fairshare=TEXT",
        "-i|modify|user|u|set|qos=TEXT",
        "-i|modify|user|u|set|defaultqos=TEXT",
        "-i|modify|user|where|name=TEXT|set|maxjobs=1",
        "-i|modify|user|where|account=TEXT|set|maxjobs=1",
        "-i|modify|user|u|set|TEXT=1",
        "-i|modify|qos|q|set|description=TEXT",
        "-i|modify|qos|q|set|flags=TEXT",
        "-i|modify|qos|q|set|preempt=TEXT",
        "-i|delete|user|name=TEXT",
        "-i|delete|account|name=TEXT",
        "-i|delete|qos|name=TEXT",
        "show|user|TEXT",
        "show|assoc|user=TEXT|format=TEXT",
        "show|transaction|actor=TEXT|start=TEXT|end=TEXT",
        "show|TEXT",
        "TEXT",
    ];
    let mut before = everything(&service);
    for command in commands {
        for text in texts {
            let argv: Vec<_> = command.split('|').map(|word| word.replace("TEXT", text)).collect();
            let words: Vec<_> = argv.iter().map(String::as_str).collect();
            let (out, err, code) = said(&sacctmgr(&service, &words));
            for said in [&out, &err] {
                let bad = said.chars().find(|c| c.is_control() && *c != '\n');
                assert_eq!(bad, None, "{words:?} passes a control character through: {said:?}");
            }
            let after = everything(&service);
            assert!(code == 0 || after == before, "{words:?} was refused and changed something: {out}{err}");
            before = after;
        }
    }
    assert!(!format!("{before:?}").chars().any(char::is_control), "a control character was kept");
    let (out, _, code) = said(&sacctmgr(&service, &["-nP", "show", "transaction"]));
    assert!(code == 0 && !out.chars().any(|c| c.is_control() && c != '\n'));
    assert_eq!(said(&sacctmgr(&service, &["-i", "add", "account", "fine"])).2, 0);
}

#[test]
fn what_is_too_large() {
    let service = furnished("");
    let (socket, before) = (service.path("socket"), everything(&service));
    let huge = "x".repeat(10 << 20);
    let answer = sacctmgr(&service, &["-i", "add", "user", &huge, "account=a"]);
    assert!(answer.status == 413 && answer.error().contains("256 KiB is the most"), "{answer:?}");
    let many: Vec<_> = std::iter::repeat_n("wordwordword", 100_000).collect();
    assert_eq!(sacctmgr(&service, &many).status, 413);
    let head = "POST /v1/changes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let announced = raw(&socket, format!("{head}content-length: 99999999999\r\n\r\n{{").as_bytes());
    assert!(announced.status == 413 && announced.error().contains("1 MiB is the most"), "{announced:?}");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16)).repeat(20);
    let chunked = raw(&socket, format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").as_bytes());
    assert!(chunked.status == 413 && chunked.error().contains("Content-Length"), "{chunked:?}");
    let header = raw(&socket, format!("GET /v1/users HTTP/1.1\r\nx: {huge}\r\n\r\n").as_bytes());
    assert!([0, 400, 431].contains(&header.status), "{}", header.status);
    let out = service.sacctmgr(&["-i", "add", "user", &"x".repeat(100_000), "account=a"]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(everything(&service), before);
}

#[test]
fn slow_and_half_open_clients_are_let_go_while_others_work() {
    let service = furnished("MessageTimeout=1");
    let socket = service.path("socket");
    let say = |text: &str| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = "POST /v1/changes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let slow: Vec<_> = (0..20).map(|_| say("POST /v1/cha")).collect();
    let bodies: Vec<_> = (0..20).map(|_| say(&format!("{head}content-length: 50\r\n\r\n{{\"changes\""))).collect();
    let large: Vec<_> = (0..3).map(|_| say(&format!("{head}content-length: 900000\r\n\r\n{{\"changes\""))).collect();
    assert_eq!(said(&sacctmgr(&service, &["-i", "add", "user", "v", "account=a"])).2, 0);
    assert!(slow.into_iter().all(|stream| http::read(stream).status == 0), "closed without an answer");
    for stream in bodies.into_iter().chain(large) {
        let answer = http::read(stream);
        assert!(answer.status == 408 && answer.error().contains("did not come in time"), "{answer:?}");
    }
    assert_eq!(said(&sacctmgr(&service, &["show", "user"])).2, 0);
}

#[test]
fn a_thousand_idle_clients_while_others_work() {
    let service = furnished("MessageTimeout=60\nMaxConnections=1100");
    let socket = service.path("socket");
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, most, most).unwrap();
    let idle: Vec<_> = (0..1000).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    for n in 0..20 {
        assert_eq!(said(&sacctmgr(&service, &["-i", "add", "user", &format!("v{n}"), "account=a"])).2, 0);
    }
    let metrics = get(&socket, "/metrics").body;
    let connected = metrics.lines().find_map(|line| line.strip_prefix("enlist_connected_clients ")).unwrap();
    assert!(connected.parse::<u32>().unwrap() > 1000, "{connected}");
    drop(idle);
}

#[test]
fn requests_that_make_no_sense() {
    let service = furnished("");
    let (socket, before) = (service.path("socket"), everything(&service));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let slurm = "/v1/slurm/sacctmgr";
    for (path, body, status, why) in [
        (slurm, "", 400, "cannot be read"),
        (slurm, "{", 400, "line 1 column 1"),
        (slurm, "null", 400, "cannot be read"),
        (slurm, "[]", 400, "cannot be read"),
        (slurm, "{}", 400, "missing field `argv`"),
        (slurm, r#"{"argv": "show user"}"#, 400, "expected a sequence"),
        (slurm, r#"{"argv": [1]}"#, 400, "expected a string"),
        (slurm, r#"{"argv": ["\ud800"]}"#, 400, "cannot be read"),
        (slurm, r#"{"argv": [], "uid": 0}"#, 400, "unknown field `uid`"),
        (slurm, r#"{"argv": [], "asked": -1}"#, 400, "cannot be read"),
        (slurm, r#"{"argv": [], "answers": [1e99]}"#, 400, "cannot be read"),
        (slurm, r#"{"argv": ["a"]} {"#, 400, "trailing"),
        (slurm, &deep, 400, "cannot be read"),
        ("/v1/changes", &format!(r#"{{"changes": {deep}}}"#), 400, "cannot be read"),
        ("/v1/changes", r#"{"changes": []}"#, 400, "1 to 10000 changes"),
        (
            "/v1/changes",
            r#"{"changes": [{"action": "add", "entity": "user", "set": {"name": "x\ny"}}]}"#,
            400,
            "control",
        ),
        ("/v1/slurm/rm", r#"{"argv": []}"#, 404, "does not know the command"),
        ("/v1/slurm/..%2f..%2fmetrics", r#"{"argv": []}"#, 404, "does not know the command"),
        ("/v1/slurm/a/b", r#"{"argv": []}"#, 404, "no such path"),
        ("/v1/users", "{}", 405, "does not take this method"),
        ("/", "{}", 404, "no such path"),
    ] {
        let answer = ask(&socket, "POST", path, &[("content-type", "application/json")], body.as_bytes());
        let shown = &body[..body.len().min(60)];
        assert_eq!(answer.status, status, "{path} {shown}: {answer:?}");
        assert!(answer.error().contains(why), "{path} {shown}: {answer:?}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let answer = ask(&socket, "POST", slurm, &[("content-type", kind)], br#"{"argv": ["show", "user"]}"#);
        assert_eq!(answer.status, 415, "{kind}: {answer:?}");
    }
    let binary = ask(&socket, "POST", slurm, &[("content-type", "application/json")], b"{\"argv\": [\"\xff\xfe\"]}");
    assert_eq!(binary.status, 400);
    for (method, path, status) in [
        ("DELETE", slurm, 405),
        ("GET", slurm, 405),
        ("PUT", "/v1/changes", 405),
        ("GET", "/v1/users?limit=-1", 400),
        ("GET", "/v1/users?uid=0", 400),
        ("GET", "/v1/associations?after=x%27", 403),
        ("GET", "/v1/users?name=%ff", 400),
    ] {
        assert_eq!(ask(&socket, method, path, &[], b"").status, status, "{method} {path}");
    }
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"]
    {
        assert!([0, 400, 505].contains(&raw(&socket, bytes).status), "{bytes:?}");
    }
    assert_eq!(everything(&service), before);
}

/// What `nobody` is answered when it sends these bytes.
fn as_nobody(service: &Service, request: &str) -> String {
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  s.sendall(sys.argv[2].encode())\nout = b''\nwhile True:\n    got = s.recv(65536)\n    if not got: break\n    \
                  out += got\nsys.stdout.write(out.decode())";
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "/usr/bin/python3", "-c", script]);
    let out = command.arg(service.path("socket")).arg(request).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_client_that_lies_about_who_it_is() {
    let service = furnished("PrivateData=all");
    let before = everything(&service);
    let headers = "enlist-uid: 0\r\nenlist-user: root\r\nx-uid: 0\r\nx-remote-user: root\r\nauthorization: Basic cm9vdDo=\r\n\
                   x-forwarded-for: 127.0.0.1\r\ncookie: uid=0\r\n";
    let send = |path: &str, body: &str| {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n");
        as_nobody(&service, &format!("{head}{headers}content-length: {length}\r\n\r\n{body}"))
    };
    let told = send("/v1/slurm/sacctmgr", r#"{"argv": ["-i", "add", "user", "v", "account=a"]}"#);
    assert!(told.contains("200 OK") && told.contains("Access/permission denied"), "{told}");
    let change = r#"{"action": "add", "entity": "user", "set": {"name": "v", "account": "a"}}"#;
    let told = send("/v1/changes", &format!(r#"{{"changes": [{change}]}}"#));
    assert!(told.contains("409") && told.contains("Access/permission denied"), "{told}");
    let told = send("/v1/changes", &format!(r#"{{"changes": [{change}], "uid": 0}}"#));
    assert!(told.contains("400") && told.contains("unknown field `uid`"), "{told}");
    for (name, status) in [("users", "200 OK"), ("associations", "200 OK"), ("accounts", "403")] {
        let told =
            as_nobody(&service, &format!("GET /v1/{name} HTTP/1.1\r\n{headers}connection: close\r\nhost: x\r\n\r\n"));
        assert!(told.contains(status) && !told.contains("root"), "{told}");
    }
    assert_eq!(everything(&service), before);
}

#[test]
fn thousands_of_rehearsed_commands() {
    let service = furnished("");
    let before = everything(&service);
    let rehearse = |count: usize| {
        let add = |n: usize| json!(["-i", "add", "user", format!("v{n}"), "account=a"]);
        let earlier: Vec<_> = (0..count).map(add).collect();
        let body = json!({ "argv": ["-nP", "show", "user", "format=user"], "rehearse": earlier });
        post(&service.path("socket"), "/v1/slurm/sacctmgr", &body)
    };
    let (out, _, code) = said(&rehearse(3000));
    assert!(code == 0 && out.contains("v2999\n"));
    let (_, err, code) = said(&rehearse(20_000));
    assert!(code == 1 && err.contains("too long"), "{err}");
    assert_eq!(everything(&service), before);
}

/// A sample of the metrics.
fn metric(service: &Service, name: &str) -> u64 {
    let page = get(&service.path("socket"), "/metrics").body;
    let sample = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    sample.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
}

#[track_caller]
fn until(what: &str, mut met: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !met() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The lock of the store's writer.
fn store(service: &Service) -> rusqlite::Connection {
    rusqlite::Connection::open(service.path("store.db")).unwrap()
}

/// A hundred clients of nobody's that ask for reports again and again until their standard input ends; then it prints
/// which statuses they were answered with.
const FLOOD: &str = r#"
import collections, re, socket, sys, threading, time
body = b'{"argv": ["cluster", "utilization"]}'
head = b'POST /v1/slurm/sreport HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n'
told, stop = collections.Counter(), threading.Event()
def client():
    while not stop.is_set():
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(head + b'content-length: %d\r\n\r\n' % len(body) + body)
        answer = b''
        while got := s.recv(65536): answer += got
        s.close()
        told[answer[9:12].decode()] += 1
        wait = re.search(rb'\nretry-after: (\d+)', answer)
        if wait:
            assert b'requests waiting' in answer, answer
            stop.wait(int(wait[1]))
threads = [threading.Thread(target=client) for _ in range(100)]
for thread in threads: thread.start()
sys.stdin.read()
stop.set()
for thread in threads: thread.join()
print(' '.join(sorted(told)))
"#;

#[test]
fn one_caller_cannot_crowd_out_others() {
    let service = furnished("MessageTimeout=600");
    // Usage that is never summed up, so each report waits for it a while.
    let stuck = "UPDATE usage_progress SET rolled = 0;
        CREATE TRIGGER stuck BEFORE UPDATE ON usage_progress BEGIN SELECT RAISE(ABORT, 'stuck'); END";
    store(&service).execute_batch(stuck).unwrap();
    let mut flood = Command::new("setpriv");
    flood.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "/usr/bin/python3", "-c", FLOOD]);
    let mut flood = flood.arg(service.path("socket")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let waiting = || metric(&service, "enlist_waiting_commands");
    until("the flood comes", || waiting() >= 60);
    let show = ["--reuid=65533", "--regid=65533", "--clear-groups", "--"];
    for n in 0..3 {
        assert_eq!(said(&sacctmgr(&service, &["-i", "add", "user", &format!("v{n}"), "account=a"])).2, 0);
        let mut other = Command::new("setpriv");
        other.args(show).arg(service.path("sacctmgr")).args(["-nP", "show", "user", &format!("v{n}"), "format=user"]);
        let out = other.env("ENLIST_SOCKET", service.path("socket")).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), format!("v{n}\n"));
        let running = metric(&service, "enlist_running_commands");
        assert!(running <= 17, "nobody's quarter of the places, and this question: {running}");
    }
    until("the flood goes on", || waiting() >= 60);
    drop(flood.stdin.take());
    let out = flood.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "200 503\n", "some had to wait, and some to come again");
}

#[test]
fn what_nobody_waits_for_ends() {
    let service = furnished("MessageTimeout=600");
    let socket = service.path("socket");
    let send = |argv: &[&str]| {
        let body = json!({ "argv": argv }).to_string();
        let head = "POST /v1/slurm/sacctmgr HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let mut stream = UnixStream::connect(&socket).unwrap();
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        stream
    };
    let running = |count: u64| until("commands run", || metric(&service, "enlist_running_commands") == count + 1);
    let left = |count: u64| until("clients left", || metric(&service, "enlist_clients_left_total") == count);
    let names: Vec<_> = (0..3000).map(|n| format!("v{n}")).collect();
    assert_eq!(said(&sacctmgr(&service, &["-i", "add", "user", &names.join(","), "account=a"])).2, 0);
    let unread: Vec<_> = (0..3).map(|_| send(&["show", "user", "format=user%400"])).collect();
    running(3);
    drop(unread);
    running(0);
    left(3);

    // A change that has begun and waits for the disk, and behind it one whose client leaves.
    let (lock, mut gone) = (store(&service), 3);
    for attempt in 0.. {
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let begun = send(&["-i", "add", "account", "begun"]);
        running(1);
        let waiting = send(&["-i", "add", "account", &format!("late{attempt}")]);
        running(2);
        drop(waiting);
        gone += 1;
        left(gone);
        drop(begun);
        gone += 1;
        left(gone);
        lock.execute_batch("ROLLBACK").unwrap();
        running(0);
        let kept = said(&sacctmgr(&service, &["-nP", "show", "account", "format=account"])).0;
        // On a slow machine the first may have given up waiting for the disk before the second left, or both may have come
        // to the writer together, and begun together.
        if kept.contains("begun\n") && !kept.contains(&format!("late{attempt}\n")) {
            break;
        }
        assert!(attempt < 20, "what had begun is to be kept, though nobody waits for it, and the other not: {kept}");
        sacctmgr(&service, &["-i", "delete", "account", "begun"]);
    }
}

#[test]
fn one_user_cannot_take_all_connections() {
    let service = furnished("MessageTimeout=600\nMaxConnections=40");
    // Which two of them are turned away is not said; those that may stay are told nothing.
    let many = "import select, socket, sys\nall = [socket.socket(socket.AF_UNIX) for _ in range(12)]\n\
                for s in all: s.connect(sys.argv[1])\n\
                told, closed = b'', []\n\
                while len(closed) < 2:\n  \
                  for s in select.select([s for s in all if s not in closed], [], [])[0]:\n    \
                    part = s.recv(9999)\n    told += part\n    if not part: closed.append(s)\n\
                print(told, flush=True)\nsys.stdin.read()";
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "/usr/bin/python3", "-c", many]);
    let mut idle = command.arg(service.path("socket")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(idle.stdout.as_mut().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(said(&sacctmgr(&service, &["-i", "add", "user", "v", "account=a"])).2, 0);
    drop(idle.stdin.take());
    assert!(idle.wait().unwrap().success());
    assert_eq!(told.matches("HTTP/1.1 503").count(), 2, "{told}");
    assert_eq!(told.matches("too many connections open").count(), 2, "{told}");
}
