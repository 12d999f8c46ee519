//! The service on login nodes: `playbooks/cluster.yml` sets it up, people on login3 use it, and whoever pretends to be
//! another fails.

use super::support::{Lab, Ran, SharedLab, lab};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use std::time::{Duration, Instant};

const INVENTORY: &str = "inventories/cluster/hosts.ini";
const PLAYBOOK: &str = "playbooks/cluster.yml";
/// kim is an ordinary user, lee has no account on the master, gildong becomes an Administrator.
const KIM: u32 = 2002;

pub fn play(lab: &Lab, options: &[&str]) -> Ran {
    // The program lies on all hosts of the lab: copying 80 MB to five hosts is not what is tested here.
    // Where this machine has a Slurm, so have the lab's hosts.
    cautious(lab, &[&["-e", "replace_slurm=yes"], options].concat())
}

/// The same where a site's own Slurm is to stay.
fn cautious(lab: &Lab, options: &[&str]) -> Ran {
    let always = ["play", "-i", INVENTORY, PLAYBOOK, "-e", "enlist_program=/opt/lab/enlist"];
    lab.enlist(&[&always, options].concat())
}

/// The lab as cluster.yml leaves it, with people.
pub fn cluster() -> SharedLab {
    let lab = lab();
    play(&lab, &[]).ok();
    for host in ["master", "login1", "login2", "login3"] {
        lab.sh(host, &format!("useradd -u 2001 gildong && useradd -u {KIM} kim")).ok();
    }
    lab.sh("login3", "useradd -u 2003 lee").ok();
    let setup = "sacctmgr -i add account a && sacctmgr -i add user kim account=a && \
                 sacctmgr -i add user gildong account=a adminlevel=admin";
    lab.sh("master", setup).ok();
    lab
}

/// A command of a user on a host.
pub fn by(lab: &Lab, user: &str, host: &str, command: &str) -> Ran {
    lab.sh(host, &format!("runuser -u {user} -- {command}"))
}

#[track_caller]
fn says(ran: &Ran, text: &str) {
    assert!(ran.stderr.contains(text), "not `{text}` but {ran:?}");
}

/// What uid the service takes a caller for shows in what it lets them do.
fn accounts(lab: &Lab) -> String {
    lab.sh("master", "sacctmgr -nP show account format=account").ok().stdout
}

#[test]
fn the_playbook_sets_up_the_cluster_and_is_quiet_the_second_time() {
    let lab = lab();
    let foreseen = play(&lab, &["--check"]).ok();
    assert!(foreseen.stdout.contains("changed: [login3] => (item=sacctmgr)"), "{}", foreseen.stdout);
    assert!(
        foreseen.stdout.contains("unknown until it really runs"),
        "no certificate is promised: {}",
        foreseen.stdout
    );
    for host in ["master", "login3"] {
        lab.sh(host, "test ! -e /etc/enlist").ok();
    }
    let trees = || ["master", "login3"].map(|host| lab.tree(host));
    let fresh = trees();
    assert_eq!(play(&lab, &["--check"]).ok().stdout, foreseen.stdout);
    assert_eq!(trees(), fresh, "with the agent there, a dry run writes nothing at all");
    let first = play(&lab, &[]).ok();
    assert!(first.stdout.contains("changed: [login3 -> master_node(10.0.0.10)]"), "{}", first.stdout);
    for host in ["master", "login1", "login4"] {
        assert_eq!(lab.sh(host, "sacctmgr -nP show cluster format=cluster").ok().stdout, "cluster\n");
        assert_eq!(lab.sh(host, "find /etc/enlist/pki -name '*.key' ! -perm 600").ok().stdout, "");
    }
    assert_eq!(lab.sh("login3", "ls /etc/enlist/pki").ok().stdout, "ca.crt\nnode.crt\nnode.key\n");
    let before = trees();
    let second = play(&lab, &[]).ok();
    assert_eq!(second.stdout.matches("changed=0 ").count(), 5, "{}", second.stdout);
    assert_eq!(play(&lab, &["--check"]).ok().stdout.matches("changed=0 ").count(), 5);
    assert_eq!(trees(), before, "the second run writes nothing");
    let renewed = play(&lab, &["-e", "renew=yes", "--limit", "master_node,login3"]).ok();
    assert!(renewed.stdout.contains("changed: [login3]"), "{}", renewed.stdout);
    assert_ne!(trees()[1], before[1]);
    lab.sh("login3", "sacctmgr -nP show cluster").ok();
}

#[test]
fn people_on_login_nodes_see_and_do_what_they_may() {
    let lab = cluster();
    let shown = by(&lab, "kim", "login3", "sacctmgr -nP show assoc format=account,user").ok().stdout;
    assert_eq!(shown, "root|\nroot|root\na|\na|gildong\na|kim\n");
    let users = by(&lab, "kim", "login3", "sacctmgr -nP show user format=user,admin").ok().stdout;
    assert_eq!(users, "gildong|Administrator\nkim|None\nroot|Administrator\n");
    says(&by(&lab, "kim", "login3", "sacctmgr -i add account b").code(1), "Access/permission denied");
    says(&lab.sh("login3", "sacctmgr -i add account b").code(1), "Access/permission denied");
    assert_eq!(accounts(&lab), "a\nroot\n", "neither kim nor the node's root");
    by(&lab, "gildong", "login1", "sacctmgr -i add user lee account=a").ok();
    assert_eq!(by(&lab, "kim", "login3", "sacctmgr -nP show user lee format=user").ok().stdout, "lee\n");
    let actor = lab.sh("master", "sacctmgr -nP show transaction format=actor | tail -1").ok().stdout;
    assert_eq!(actor, "gildong\n");
    says(&by(&lab, "lee", "login3", "sacctmgr show user").code(1), "does not know user number 2003 (lee on login3)");
    lab.sh("login3", "usermod -l min kim").ok();
    says(&by(&lab, "min", "login3", "sacctmgr show user").code(1), "is min on login3, but kim on the master");
    let trusted = play(&lab, &["-e", "trusted_nodes=login3"]).ok();
    assert!(trusted.stdout.contains("changed: [login3]"), "{}", trusted.stdout);
    lab.sh("login3", "sacctmgr -i add account c").ok();
    says(&lab.sh("login2", "sacctmgr -i add account d").code(1), "Access/permission denied");
    // A script of two megabytes reaches the master, which has no nodes to run it on.
    let big = "printf '#!/bin/sh\\n#' >/tmp/big; head -c 2000000 /dev/zero | tr '\\0' x >>/tmp/big";
    lab.sh("login1", big).ok();
    let refused = by(&lab, "gildong", "login1", "/opt/lab/enlist slurm sbatch /tmp/big").code(1);
    says(&refused, "No partition specified or system default partition");
}

#[test]
fn nobody_administers_from_an_ordinary_node() {
    let lab = cluster();
    let add = |host: &str, account: &str| by(&lab, "gildong", host, &format!("sacctmgr -i add account {account}"));
    add("login1", "before").ok();
    // As an administrator would, by hand: the setting counts when the service reads it, on open connections too.
    let conf = "sed -i '/^TrustedNodes/d' /etc/enlist/enlist.conf && \
                echo 'TrustedNodes=login1\nOrdinaryNodes=login1' >>/etc/enlist/enlist.conf && \
                kill -HUP $(cat /run/enlist/serve.pid)";
    lab.sh("master", conf).ok();
    let is_denied = || lab.sh("login1", "sacctmgr -i add account again").stderr.contains("permission denied");
    let until = Instant::now() + Duration::from_secs(60);
    while !add("login1", "again").stderr.contains("permission denied") {
        assert!(Instant::now() < until, "OrdinaryNodes does not take effect");
        lab.sh("master", "sacctmgr -i delete account again").ok();
    }
    assert!(is_denied(), "root of a node that is both trusted and ordinary is nobody");
    add("login2", "elsewhere").ok();
    assert_eq!(accounts(&lab), "a\nbefore\nelsewhere\nroot\n");
    let played = play(&lab, &["-e", "ordinary_nodes=login2"]).ok();
    assert!(played.stdout.contains("changed: [login3]"), "{}", played.stdout);
    says(&add("login2", "more").code(1), "Access/permission denied");
    add("login1", "more").ok();
}

#[test]
fn a_master_killed_under_load_is_found_again_and_nothing_acknowledged_is_lost() {
    let lab = cluster();
    put(&lab, "login3", LOAD, "/tmp/load.py");
    lab.sh("login3", "mkdir -m 777 /tmp/load").ok();
    let ran = std::thread::scope(|scope| {
        let lab = &*lab;
        let load = scope.spawn(move || by(lab, "gildong", "login3", "python3 /tmp/load.py"));
        let enough = "for i in $(seq 2400); do [ -e /tmp/load/20 ] && exit 0; sleep 0.05; done; exit 1";
        lab.sh("login3", enough).ok();
        let pid = lab.file("master", "/run/enlist/serve.pid");
        lab.sh("master", &format!("kill -9 {0}; while [ -e /proc/{0} ]; do sleep 0.05; done", pid.trim())).ok();
        play(lab, &["--limit", "master_node"]).ok();
        load.join().expect("the load ran").ok()
    });
    let added: Vec<&str> = ran.stdout.lines().collect();
    assert!(added.len() > 20, "{ran:?}");
    let there = lab.sh("master", "sacctmgr -nP show account format=account").ok().stdout;
    let there: Vec<_> = there.lines().collect();
    let lost: Vec<_> = added.iter().filter(|name| !there.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Adds accounts one by one through the node, from four clients; ends when each was acknowledged again after failing once.
const LOAD: &str = r#"
import itertools, pathlib, subprocess, threading, time
said, lock = [], threading.Lock()
def client(which):
    failed = False
    end = time.monotonic() + 240
    for n in itertools.count():
        name = "l%dx%d" % (which, n)
        ran = subprocess.run(["sacctmgr", "-i", "add", "account", name], capture_output=True, text=True)
        with lock:
            if ran.returncode == 0:
                said.append(name)
                if len(said) == 20: pathlib.Path("/tmp/load/20").touch()
                if failed: return
            elif any(word in ran.stderr for word in ("nothing was done", "look whether it did")): failed = True
            else: raise SystemExit("neither done nor explained: %r" % ran)
        if time.monotonic() > end: raise SystemExit("it does not come back: %r" % ran)
        if failed: time.sleep(0.1)
threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("\n".join(said))
"#;

#[test]
fn a_client_cannot_name_another_user() {
    let lab = cluster();
    let client = r#"
import json, socket
def post(extra, path="/v1/slurm/sacctmgr"):
    s = socket.socket(socket.AF_UNIX); s.connect("/run/enlist/enlist.sock")
    body = json.dumps({"argv": ["-i", "add", "account", "stolen"]})
    s.sendall(("POST %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
               "content-length: %d\r\n%s\r\n%s" % (path, len(body), extra, body)).encode())
    answer = b""
    while part := s.recv(65536): answer += part
    print(answer.decode(errors="replace").replace("\r\n", " ").replace("\n", " "))
for name in ("enlist-uid", "Enlist-UID", "ENLIST_UID", "x-enlist-uid"):
    post("%s: 0\r\nenlist-user: root\r\n" % name)
post("enlist-uid: 2001\r\nenlist-uid: 0\r\nenlist-user: gildong\r\n")
post("connection: enlist-uid\r\n")
post("", "/v1/slurm/sacctmgr?enlist-uid=0&uid=0")
post("", "http://enlist/v1/slurm/sacctmgr")
post("x: y\r\n enlist-uid: 0\r\n")
post("transfer-encoding: chunked\r\nenlist-uid: 0\r\n")
"#;
    for host in ["login3", "master"] {
        lab.lab(&["put", host, lab.write_temp("client.py", client).to_str().expect("UTF-8"), "/tmp/client.py"]).ok();
        let ran = by(&lab, "kim", host, "python3 /tmp/client.py").ok();
        assert_eq!(ran.stdout.lines().count(), 10, "{}", ran.stdout);
        for line in ran.stdout.lines() {
            let is_refused = line.contains("permission denied") || line.starts_with("HTTP/1.1 4");
            assert!(is_refused, "on {host}: {line}");
        }
    }
    assert_eq!(accounts(&lab), "a\nroot\n");
}

/// Tries to make an account with a given certificate straight at the master's port; prints what came of it.
const DIRECT: &str = r#"
import socket, ssl, sys
def attempt(what, *chain, uid=0, user="root"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations("/etc/enlist/pki/ca.crt")
    try:
        if chain: context.load_cert_chain(*chain)
        raw = socket.create_connection(("10.0.0.10", 6821), 10)
        s = context.wrap_socket(raw, server_hostname="10.0.0.10")
        body = '{"argv": ["-i", "add", "account", "stolen"]}'
        s.sendall(("POST /v1/slurm/sacctmgr HTTP/1.1\r\nhost: x\r\nconnection: close\r\nenlist-uid: %s\r\nenlist-user: %s\r\n"
                   "content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (uid, user, len(body), body)).encode())
        answer = b""
        while part := s.recv(65536): answer += part
        print(what, "->", answer.decode().replace("\r\n", " ").replace("\n", " ") or "closed")
    except Exception as error:
        print(what, "->", type(error).__name__, error)
"#;

/// A certificate and key as PEM, signed by the master's own authority or by another.
fn forged(issuer: &Issuer<KeyPair>, change: impl Fn(&mut CertificateParams)) -> String {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["login3".to_owned()]).expect("a name");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    params.signed_by(&key, issuer).expect("signed").pem() + &key.serialize_pem()
}

pub fn put(lab: &Lab, host: &str, text: &str, path: &str) {
    let local = lab.write_temp("file", text);
    lab.lab(&["put", host, local.to_str().expect("UTF-8"), path]).ok();
    lab.sh(host, &format!("chmod 644 {path}")).ok();
}

#[test]
fn no_other_certificate_opens_the_masters_port() {
    let lab = cluster();
    let read = |name: &str| lab.file("master", &format!("/etc/enlist/pki/{name}"));
    let own = Issuer::from_ca_cert_pem(&read("ca.crt"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let other = Issuer::new(authority, KeyPair::generate().unwrap());
    let past = rcgen::date_time_ymd(2020, 1, 1);
    let kinds = [
        ("of another authority", forged(&other, |_| {})),
        ("expired", forged(&own, |params| params.not_after = past)),
        ("not yet", forged(&own, |params| params.not_before = rcgen::date_time_ymd(2999, 1, 1))),
        ("a server's", read("server.crt") + &read("server.key")),
        ("the authority's", read("ca.crt") + &read("ca.key")),
        ("without a role", forged(&own, |params| params.extended_key_usages.clear())),
        ("without a name", forged(&own, |params| params.subject_alt_names.clear())),
        ("good", forged(&own, |_| {})),
        ("revoked", lab.file("login2", "/etc/enlist/pki/node.crt") + &lab.file("login2", "/etc/enlist/pki/node.key")),
    ];
    let mut script = format!("{DIRECT}attempt('no certificate')\n");
    for (number, (name, pem)) in kinds.iter().enumerate() {
        put(&lab, "login3", pem, &format!("/tmp/{number}.pem"));
        script += &format!("attempt(\"{name}\", '/tmp/{number}.pem')\n");
    }
    script += "attempt('as an administrator', '/tmp/7.pem', uid=2001, user='gildong')\n";
    put(&lab, "login3", &script, "/tmp/direct.py");
    assert_eq!(lab.sh("master", "enlist cert revoke login2").ok().stdout.lines().count(), 1);
    let ran = by(&lab, "kim", "login3", "python3 /tmp/direct.py").ok();
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), kinds.len() + 2, "{}", ran.stdout);
    for line in &lines[..lines.len() - 1] {
        let is_let_in = line.starts_with("good");
        assert_eq!(line.contains("HTTP/1.1"), is_let_in, "{line}");
        assert!(!is_let_in || line.contains("permission denied"), "a node's root is nobody: {line}");
    }
    // What a stolen key of a node is worth: the node's word for any of its users. So it is the node's root's alone.
    assert!(lines[lines.len() - 1].contains("200 OK"), "{}", ran.stdout);
    assert_eq!(accounts(&lab), "a\nroot\nstolen\n");
    for command in ["cat /etc/enlist/pki/node.key", "cp /etc/enlist/pki/node.key /tmp/k", "enlist node --socket /tmp/s"]
    {
        assert_ne!(by(&lab, "kim", "login3", command).code, 0, "{command}");
    }
    // Said at the door, or by the service on a connection from before.
    let revoked = lab.sh("login2", "sacctmgr show cluster").code(1);
    says(&revoked, "is revoked; ");
    says(&revoked, "may be let in again");
    play(&lab, &["-e", "renew=yes", "--limit", "login2"]).ok();
    lab.sh("login2", "sacctmgr show cluster").ok();
    let log = lab.file("master", "/var/log/enlist.log");
    for why in ["another authority signed it", "it has expired", "it is for another role", "it is revoked"] {
        assert!(log.contains(why), "the log does not say that {why}:\n{log}");
    }
}

/// Takes down what goes from a node to the master and sends it again, byte for byte.
const REPLAY: &str = r#"
import socket, subprocess, threading
def relay(source, sink, copy):
    try:
        while part := source.recv(65536):
            copy.append(part); sink.sendall(part)
    except OSError: pass
    for end in (source, sink):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
door = socket.create_server(("127.0.0.1", 6899))
copy = []
def serve():
    near, _ = door.accept()
    far = socket.create_connection(("10.0.0.10", 6821))
    threading.Thread(target=relay, args=(far, near, []), daemon=True).start()
    relay(near, far, copy)
threading.Thread(target=serve, daemon=True).start()
open("/tmp/conf", "w").write(open("/etc/enlist/enlist.conf").read()
    + "AccountingStoragePort=6899\nAccountingStorageHost=master_node\nListenSocket=/tmp/tapped.sock\n")
node = subprocess.Popen(["enlist", "node", "--config", "/tmp/conf"], stderr=subprocess.PIPE, text=True)
node.stderr.readline()
add = ["runuser", "-u", "gildong", "--", "env", "ENLIST_SOCKET=/tmp/tapped.sock", "sacctmgr", "-i", "add", "account", "once"]
print(subprocess.run(add, capture_output=True, text=True))
print(subprocess.run(["sacctmgr", "-i", "delete", "account", "once"], capture_output=True, text=True).returncode)
again = socket.create_connection(("10.0.0.10", 6821), 30)
again.sendall(b"".join(copy))
answer = b""
try:
    while part := again.recv(65536): answer += part
except OSError: pass
print("replayed", sum(map(len, copy)), "HTTP" if b"HTTP" in answer else "nothing readable")
node.terminate()
"#;

#[test]
fn a_captured_stream_cannot_be_replayed() {
    let lab = cluster();
    // The tap stands where the name `master_node` leads on login3.
    lab.sh("login3", "echo 127.0.0.1 master_node >>/etc/hosts").ok();
    put(&lab, "login3", REPLAY, "/tmp/replay.py");
    let ran = lab.sh("login3", "python3 /tmp/replay.py").ok();
    assert!(ran.stdout.contains("returncode=0"), "the tapped command itself works: {ran:?}");
    assert!(ran.stdout.contains("replayed") && ran.stdout.contains("nothing readable"), "{ran:?}");
    lab.sh("master", "sacctmgr -i delete account once").ok();
    let replayed = lab.sh("login3", "python3 /tmp/replay.py").ok();
    assert!(replayed.stdout.contains("nothing readable"), "{replayed:?}");
    let count =
        lab.sh("master", "sacctmgr -nP show transaction action=\"add accounts\" format=info | grep -c once").stdout;
    assert_eq!(count, "2\n", "each run added it once");
}

#[test]
fn a_master_that_is_away_is_told_and_found_again() {
    let lab = cluster();
    let ask = || by(&lab, "kim", "login3", "sacctmgr -nP show cluster format=cluster");
    assert_eq!(ask().ok().stdout, "cluster\n");
    let pid = lab.file("master", "/run/enlist/serve.pid");
    let stop = format!("kill {0}; while [ -e /proc/{0} ]; do sleep 0.05; done", pid.trim());
    lab.sh("master", &stop).ok();
    let down = ask().code(1);
    says(&down, "cannot reach the master 10.0.0.10:6821");
    says(&down, "see there that `enlist serve` runs");
    says(&down, "nothing was done");
    play(&lab, &[]).ok();
    assert_eq!(ask().ok().stdout, "cluster\n", "the node's daemon was not restarted");
    lab.lab(&["cut", "login3"]).ok();
    let cut = ask().code(1);
    assert!(cut.stderr.contains("cannot reach the master") || cut.stderr.contains("was lost"), "{cut:?}");
    lab.lab(&["heal", "login3"]).ok();
    // The kernel may remember for a moment that nobody answered.
    let until = Instant::now() + Duration::from_secs(30);
    while ask().code != 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ask().ok().stdout, "cluster\n");
    let node = lab.file("login3", "/run/enlist/node.pid");
    lab.sh("login3", &format!("kill {}", node.trim())).ok();
    let gone = "for i in $(seq 600); do [ -e /run/enlist/enlist.sock ] || exit 0; sleep 0.1; done; exit 1";
    lab.sh("login3", gone).ok();
    says(&ask().code(1), "`enlist node` on a login node");
}

/// Connections that begin nothing, begin a handshake and stop, or end at once, and stay; then one that is in order.
const SILENT: &str = r#"
import socket, ssl, subprocess
held = []
for n in range(200):
    s = socket.create_connection(("10.0.0.10", 6821), 10)
    if n % 3 == 1: s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    if n % 3 == 2: s.sendall(b"GET / HTTP/1.1\r\n\r\n")
    held.append(s)
print(subprocess.run(["sacctmgr", "-nP", "show", "cluster", "format=cluster"], capture_output=True, text=True).stdout.strip())
"#;

#[test]
fn silent_clients_keep_nobody_out() {
    let lab = cluster();
    put(&lab, "login3", SILENT, "/tmp/silent.py");
    // On a fresh node the connection to the master has to be made while the others are held.
    // Its end is waited for, not only that of its socket: a daemon that is on its way out counts as running.
    let pid = lab.file("login3", "/run/enlist/node.pid");
    lab.sh("login3", &format!("kill {0}; while [ -e /proc/{0} ]; do sleep 0.05; done", pid.trim())).ok();
    play(&lab, &["--limit", "login3"]).ok();
    assert_eq!(by(&lab, "kim", "login3", "python3 /tmp/silent.py").ok().stdout, "cluster\n");
    assert_eq!(by(&lab, "kim", "login1", "sacctmgr -nP show cluster format=cluster").ok().stdout, "cluster\n");
    put(&lab, "login3", HALF_OPEN, "/tmp/silent.py");
    assert_eq!(lab.sh("login3", "python3 /tmp/silent.py").ok().stdout, "cluster\n");
}

/// The same at the node's socket, as root; then another user asks.
const HALF_OPEN: &str = r#"
import socket, subprocess
held = []
for n in range(300):
    s = socket.socket(socket.AF_UNIX); s.connect("/run/enlist/enlist.sock")
    if n % 3 == 1: s.sendall(b"POST /v1/slurm/sacc")
    if n % 3 == 2: s.sendall(b"POST /v1/slurm/sacctmgr HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    held.append(s)
print(subprocess.run(["runuser", "-u", "gildong", "--", "sacctmgr", "-nP", "show", "cluster", "format=cluster"],
    capture_output=True, text=True).stdout.strip())
"#;

/// Makefile, lab and playbook link the same commands.
#[test]
fn the_playbook_links_all_of_slurms_commands() {
    let read = |name: &str| std::fs::read_to_string(format!("{}/{name}", super::support::PROJECT)).unwrap();
    let (makefile, playbook) = (read("Makefile"), read(PLAYBOOK));
    let linked = makefile.lines().find_map(|line| line.strip_prefix("SLURM_COMMANDS = ")).unwrap();
    let wanted = format!("slurm_commands: [{}]", linked.split(' ').collect::<Vec<_>>().join(", "));
    assert!(playbook.contains(&wanted), "{PLAYBOOK} should say {wanted}");
}

#[test]
fn a_slurm_of_the_sites_own_stays_unless_told_otherwise() {
    let lab = lab();
    let own = "rm -f /usr/local/bin/sreport; printf '#!/bin/sh\necho own\n' >/usr/local/bin/sreport; \
               chmod +x /usr/local/bin/sreport";
    lab.sh("login4", own).ok();
    let refused = cautious(&lab, &["--limit", "login4"]).code(2);
    assert!(refused.stdout.contains("/usr/local/bin/sreport would be replaced or hidden"), "{}", refused.stdout);
    assert_eq!(lab.sh("login4", "sreport; test ! -e /etc/enlist").ok().stdout, "own\n");
}

#[test]
fn a_bad_configuration_replaces_none_and_a_good_one_counts_whoever_started_the_daemon() {
    let lab = cluster();
    let before = lab.file("master", "/etc/enlist/enlist.conf");
    let text = play(&lab, &["-e", r#"enlist_conf=["PrivateData=jobs"]"#]).code(2);
    assert!(text.stdout.contains("a list is needed"), "{}", text.stdout);
    let bad = play(&lab, &["-e", r#"{"enlist_conf": ["PrivatData=jobs"]}"#]).code(2);
    assert!(bad.stdout.contains("did you mean `PrivateData`?"), "{}", bad.stdout);
    for host in ["master", "login1", "login4"] {
        assert_eq!(lab.file(host, "/etc/enlist/enlist.conf"), before, "{host}");
    }
    let by_hand = "pid=$(cat /run/enlist/serve.pid); kill $pid; while [ -e /proc/$pid ]; do sleep 0.05; done; \
                   setsid enlist serve </dev/null >/tmp/by-hand.log 2>&1 & \
                   until sacctmgr -n show cluster >/dev/null 2>&1; do sleep 0.1; done";
    lab.sh("master", by_hand).ok();
    play(&lab, &["-e", r#"{"enlist_conf": ["PrivateData=jobs"]}"#]).ok();
    let shown = lab.sh("master", "sacctmgr show config | grep PrivateData").ok().stdout;
    assert!(shown.contains("jobs"), "{shown}");
}

#[test]
fn certificates_tell_how_they_stand_and_a_revoked_node_stops_nobody() {
    let lab = cluster();
    says(&lab.sh("login1", "enlist cert init").code(1), "this is a node of a cluster");
    play(&lab, &["-e", "renew=yes", "--limit", "master_node,login2"]).ok();

    let asked = lab.sh("login4", "enlist cert request login4 --anew").ok().stdout;
    let issued =
        lab.lab(&["sh", "master", &format!("printf '%s' '{asked}' | enlist cert issue login4 --days 20")]).ok();
    lab.lab(&["sh", "login4", &format!("printf '%s' '{}' | enlist cert install", issued.stdout)]).ok();
    let list = lab.sh("master", "enlist cert list").ok().stdout;
    let state = |name: &str| {
        let rows = list.lines().filter(|line| line.ends_with(name));
        rows.map(|line| line[64..84].trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(state("login2"), ["superseded", "good"], "{list}");
    assert_eq!(state("login4"), ["superseded", "ends soon"], "{list}");
    let other = "enlist cert init --directory /tmp/pki && cp /tmp/pki/ca.crt /etc/enlist/pki/ca.crt";
    lab.sh("login1", other).ok();
    says(&lab.sh("login1", "enlist node --check-config").code(1), "was not signed by the authority of");
    assert!(lab.sh("login1", "enlist cert request login1").ok().stdout.contains("CERTIFICATE REQUEST"));
    lab.sh("master", "enlist cert revoke login3").ok();
    let played = play(&lab, &[]).ok();
    assert!(played.stdout.contains("The certificate of login3 is revoked"), "{}", played.stdout);
    lab.sh("login1", "enlist node --check-config && sacctmgr -n show cluster").ok();
    says(&lab.sh("login3", "sacctmgr -n show cluster").code(1), "is revoked");
}
