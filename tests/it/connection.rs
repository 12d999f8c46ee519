//! From the controller to a running agent on real hosts, and everything that can be in the way.

use crate::support::{Lab, agent, lab, run};
use control::connection::{Become, Connector, Dialer, Link, LinkError, Secret, Target};
use host::change::outcome::ItemResult;
use host::protocol::{AgentRequest, Bound};
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use words::value::{Map, Value};

/// Runs `steps` in the controller's network, from where the hosts are seen. Only this thread of ours goes there.
fn on_controller(lab: &Lab, steps: impl FnOnce() + Send) {
    let process = std::fs::read_to_string(lab.dir().join("controller/process")).unwrap();
    let network = format!("/proc/{}/ns/net", process.split_whitespace().next().unwrap());
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            setns(File::open(network).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            steps();
        });
        if let Err(panic) = inside.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn target(lab: &Lab, user: &str) -> Target {
    let known = format!("UserKnownHostsFile={}", lab.dir().join("known_hosts").display());
    Target {
        name: "login1".into(),
        address: "10.0.0.1".into(),
        port: None,
        user: Some(user.into()),
        keys: vec![lab.dir().join("id_ed25519")],
        password: None,
        ssh_args: vec!["-o".into(), known],
        host_key_checking: true,
        timeout: Duration::from_secs(10),
        local: false,
    }
}

/// One for most tests: it reads and compresses the agent once.
fn dialer() -> &'static Dialer {
    static DIALER: OnceLock<Dialer> = OnceLock::new();
    DIALER.get_or_init(new_dialer)
}

/// One that has not read any known_hosts file.
fn new_dialer() -> Dialer {
    static AGENT: OnceLock<String> = OnceLock::new();
    Dialer::with_agent(Path::new(AGENT.get_or_init(agent))).unwrap()
}

fn root() -> Become {
    Become::Sudo { user: "root".into(), password: None }
}

fn root_by(password: &str) -> Become {
    Become::Sudo { user: "root".into(), password: Some(Secret::new(password)) }
}

/// A task `module` with one item.
fn request(module: &str, arguments: &[(&str, &str)]) -> AgentRequest {
    let item: Map = arguments.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
    AgentRequest {
        module: module.into(),
        items: vec![item],
        check: false,
        environment: vec![],
        accounts_in: None,
        bound: Bound::USUAL,
        patience: None,
    }
}

fn call(link: &mut dyn Link, who: &Become, request: &AgentRequest) -> Result<ItemResult, LinkError> {
    link.call(who, request).map(|mut reply| reply.results.remove(0))
}

/// Makes a group: whether that changed anything.
fn make_group(link: &mut dyn Link, who: &Become, name: &str) -> Result<bool, LinkError> {
    let result = call(link, who, &request("group", &[("name", name)]))?;
    result.outcome.unwrap_or_else(|failure| panic!("{}", failure.msg));
    Ok(result.changed)
}

#[track_caller]
fn unreachable(error: Option<LinkError>) -> String {
    match error {
        Some(LinkError::Unreachable(diagnostic)) => diagnostic.to_string(),
        other => panic!("unreachable was expected: {other:?}"),
    }
}

#[track_caller]
fn failed<T: std::fmt::Debug>(result: Result<T, LinkError>) -> String {
    match result {
        Err(LinkError::Failed(diagnostic)) => diagnostic.to_string(),
        other => panic!("a failure was expected: {other:?}"),
    }
}

#[test]
fn the_agent_is_pushed_once_and_used_again() {
    let lab = lab();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        assert!(make_group(&mut *link, &root(), "physics").unwrap());
        assert!(!make_group(&mut *link, &root(), "physics").unwrap());
    });
    assert!(lab.file("login1", "/etc/group").contains("physics:x:"));
    let listing = "stat -c '%a %U %n %i %Z' /root/.cache/enlist /root/.cache/enlist/*";
    let before = lab.sh("login1", listing).ok().stdout;
    assert!(before.starts_with("700 root /root/.cache/enlist "), "{before}");
    assert!(before.lines().nth(1).unwrap().starts_with("700 root /root/.cache/enlist/agent-"), "{before}");
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        assert!(!make_group(&mut *link, &root(), "physics").unwrap());
    });
    assert_eq!(lab.sh("login1", listing).ok().stdout, before, "the second run uploaded nothing");
    lab.sh("login1", "test ! -e /home/ops/.cache").ok();
}

#[test]
fn each_user_has_an_agent_of_its_own_on_one_connection() {
    let lab = lab();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        let refused = call(&mut *link, &Become::Login, &request("group", &[("name", "physics")])).unwrap();
        assert!(refused.outcome.is_err(), "ops may not write /etc/group: {refused:?}");
        assert!(make_group(&mut *link, &root(), "physics").unwrap());
    });
}

#[test]
fn a_damaged_agent_is_replaced() {
    let lab = lab();
    let damages = [
        "for f in /root/.cache/enlist/agent-*; do echo bad >$f; done",
        "for f in /root/.cache/enlist/agent-*; do truncate -s 1000 $f; done",
        "for f in /root/.cache/enlist/agent-*; do printf x >>$f; done",
        "for f in /root/.cache/enlist/agent-*; do chmod 600 $f; done",
        "cd /root/.cache && mv enlist elsewhere && ln -s elsewhere enlist",
        "chown -R ops /root/.cache/enlist",
    ];
    on_controller(&lab, || {
        let connect = || dialer().open(&target(&lab, "root")).unwrap();
        make_group(&mut *connect(), &Become::Login, "physics").unwrap();
        for damage in damages {
            lab.sh("login1", damage).ok();
            assert!(!make_group(&mut *connect(), &Become::Login, "physics").unwrap(), "{damage}");
        }
    });
}

#[test]
fn without_a_place_to_keep_it_the_agent_leaves_nothing_behind() {
    let lab = lab();
    lab.sh("login1", "rm -rf /root/.cache; echo file >/root/.cache").ok();
    let listing = "ls /tmp /var/tmp /dev/shm /root/.cache";
    let before = lab.sh("login1", listing).ok().stdout;
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "root")).unwrap();
        assert!(make_group(&mut *link, &Become::Login, "physics").unwrap());
    });
    assert_eq!(lab.sh("login1", listing).ok().stdout, before);
}

#[test]
fn noise_of_login_scripts_does_no_harm() {
    let lab = lab();
    let noise = "echo Welcome; echo 'sudo password:' >&2; set -x; head -c 100000 /dev/urandom";
    lab.sh("login1", &format!("echo '{noise}' >>/home/ops/.bashrc; usermod -s /bin/bash ops")).ok();
    lab.sh("login1", "sed -i '1i echo first; set -x' /home/ops/.bashrc").ok();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        assert!(make_group(&mut *link, &root(), "physics").unwrap());
    });
}

#[test]
fn sudo_with_a_password() {
    let lab = lab();
    let password = std::fs::read_to_string(lab.dir().join("opspw_password")).unwrap();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "opspw")).unwrap();
        let missing = failed(make_group(&mut *link, &root(), "physics"));
        assert!(missing.starts_with("Missing sudo password\n") && missing.contains("-K"), "{missing}");
        let wrong = failed(make_group(&mut *link, &root_by("guess"), "physics"));
        assert!(wrong.starts_with("Incorrect sudo password\n"), "{wrong}");
        assert!(make_group(&mut *link, &root_by(password.trim()), "physics").unwrap());
    });
}

#[test]
fn sudo_that_refuses() {
    let lab = lab();
    lab.sh(
        "login1",
        "useradd -m -s /bin/bash guest; cp -r /home/ops/.ssh /home/guest/; chown -R guest /home/guest/.ssh",
    )
    .ok();
    on_controller(&lab, || {
        let mut guest = dialer().open(&target(&lab, "guest")).unwrap();
        failed(make_group(&mut *guest, &root(), "physics"));
        let mut ops = dialer().open(&target(&lab, "ops")).unwrap();
        let nobody = Become::Sudo { user: "nosuchuser".into(), password: None };
        let shown = failed(make_group(&mut *ops, &nobody, "physics"));
        assert!(shown.contains("no user nosuchuser"), "{shown}");
    });
    lab.sh("login1", "mv /usr/bin/sudo /usr/bin/sudo.gone").ok();
    on_controller(&lab, || {
        let mut ops = dialer().open(&target(&lab, "ops")).unwrap();
        let shown = failed(make_group(&mut *ops, &root(), "physics"));
        assert!(shown.contains("sudo is not installed on login1"), "{shown}");
        let mut itself = dialer().open(&target(&lab, "root")).unwrap();
        assert!(make_group(&mut *itself, &root(), "physics").unwrap(), "root need not become root");
    });
}

#[test]
fn an_unknown_host_key_is_refused_with_its_fingerprint() {
    let lab = lab();
    let known = lab.write_temp("known_hosts", "");
    let fingerprint = lab.sh("login1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2").ok().stdout;
    let option = |key: &str, value: &str| vec!["-o".to_owned(), format!("{key}={value}")];
    on_controller(&lab, || {
        let mut target = target(&lab, "ops");
        target.ssh_args = option("UserKnownHostsFile", &known.to_string_lossy());
        let shown = unreachable(new_dialer().open(&target).err());
        assert!(shown.contains("Host key verification failed") && shown.contains(fingerprint.trim()), "{shown}");
        assert!(
            shown.contains("ssh-keyscan 10.0.0.1 >>") && shown.contains("ANSIBLE_HOST_KEY_CHECKING=False"),
            "{shown}"
        );
        assert_eq!(std::fs::read_to_string(&known).unwrap(), "");

        let unchecked = Target { host_key_checking: false, ..target.clone() };
        new_dialer().open(&unchecked).unwrap();
        assert_eq!(std::fs::read_to_string(&known).unwrap(), "");

        let mut accepting = target.clone();
        accepting.ssh_args.extend(option("StrictHostKeyChecking", "accept-new"));
        new_dialer().open(&accepting).unwrap();
        new_dialer().open(&target).unwrap();
    });
}

#[test]
fn a_changed_host_key_is_refused_naming_the_old_one() {
    let lab = lab();
    lab.lab(&["rekey", "login1"]).ok();
    on_controller(&lab, || {
        let shown = unreachable(new_dialer().open(&target(&lab, "ops")).err());
        let file = lab.dir().join("known_hosts").display().to_string();
        assert!(shown.contains("REMOTE HOST IDENTIFICATION HAS CHANGED!"), "{shown}");
        assert!(shown.contains(&format!("{file}:1")) && shown.contains("ssh-keygen -f"), "{shown}");
    });
}

/// Long after a timeout of a second, and long before the kernel gives up by itself.
const GIVEN_UP: Duration = Duration::from_secs(30);

#[test]
fn a_host_that_does_not_answer_costs_no_more_than_the_timeout() {
    let lab = lab();
    lab.lab(&["cut", "login1"]).ok();
    on_controller(&lab, || {
        let started = Instant::now();
        let target = Target { timeout: Duration::from_secs(1), ..target(&lab, "ops") };
        let shown = unreachable(dialer().open(&target).err());
        assert!(shown.contains("connect to host 10.0.0.1 port 22: "), "{shown}");
        assert!(started.elapsed() < GIVEN_UP, "{:?}", started.elapsed());
    });
}

#[test]
fn a_port_that_is_closed_or_says_nothing() {
    let lab = lab();
    on_controller(&lab, || {
        let closed = Target { port: Some(23), ..target(&lab, "ops") };
        let shown = unreachable(dialer().open(&closed).err());
        assert!(shown.contains("connect to host 10.0.0.1 port 23: Connection refused"), "{shown}");

        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            address: "127.0.0.1".into(),
            port: Some(silent.local_addr().unwrap().port()),
            timeout: Duration::from_secs(1),
            ..target(&lab, "ops")
        };
        let started = Instant::now();
        unreachable(dialer().open(&target).err());
        assert!(started.elapsed() < GIVEN_UP, "{:?}", started.elapsed());
    });
}

#[test]
fn a_key_that_the_host_does_not_take() {
    let lab = lab();
    lab.sh("login1", "rm /home/ops/.ssh/authorized_keys").ok();
    on_controller(&lab, || {
        let shown = unreachable(dialer().open(&target(&lab, "ops")).err());
        assert!(shown.contains("ops@10.0.0.1: Permission denied (") && shown.contains("id_ed25519"), "{shown}");
    });
}

/// A key pair with which nobody logs in yet.
fn new_key(lab: &Lab, passphrase: &str) -> PathBuf {
    let key = lab.write_temp("key", "");
    std::fs::remove_file(&key).unwrap();
    keygen(&["-q", "-t", "ed25519", "-N", passphrase, "-f", key.to_str().unwrap()]);
    key
}

fn keygen(arguments: &[&str]) {
    run(Command::new("ssh-keygen").args(arguments), "").ok();
}

fn allow(lab: &Lab, key: &Path) {
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    lab.sh("login1", &format!("echo '{}' >/home/ops/.ssh/authorized_keys", public.trim())).ok();
}

#[test]
fn an_encrypted_key_needs_ssh_agent() {
    let lab = lab();
    let key = new_key(&lab, "long secret");
    allow(&lab, &key);
    let with_key = Target { keys: vec![key.clone()], ..target(&lab, "ops") };
    on_controller(&lab, || {
        let shown = unreachable(dialer().open(&with_key).err());
        assert!(shown.contains("is encrypted: load it with `ssh-add"), "{shown}");
    });
    keygen(&["-q", "-p", "-P", "long secret", "-N", "", "-f", key.to_str().unwrap()]);
    let socket = lab.write_temp("unused", "").with_file_name("agent");
    let mut ssh_agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    run(Command::new("ssh-add").arg(&key).env("SSH_AUTH_SOCK", &socket), "").ok();
    let mut by_agent = Target { keys: vec![], ..target(&lab, "ops") };
    by_agent.ssh_args.extend(["-o".into(), format!("IdentityAgent={}", socket.display())]);
    on_controller(&lab, || assert!(dialer().open(&by_agent).is_ok()));
    ssh_agent.kill().unwrap();
    ssh_agent.wait().unwrap();
}

#[test]
fn by_password_but_not_to_an_impostor() {
    let lab = lab();
    let password = std::fs::read_to_string(lab.dir().join("opspw_password")).unwrap();
    let with = |word: &str| Target { keys: vec![], password: Some(Secret::new(word)), ..target(&lab, "opspw") };
    let right = with(password.trim());
    for method in ["PasswordAuthentication", "KbdInteractiveAuthentication"] {
        lab.reset();
        let allow = format!("sed -i 's/^{method} no/{method} yes/' /etc/ssh/sshd_config && pkill -HUP -o -x sshd");
        lab.sh("login1", &allow).ok();
        on_controller(&lab, || {
            let deadline = Instant::now() + Duration::from_secs(60);
            while let Err(error) = dialer().open(&right) {
                assert!(Instant::now() < deadline, "{method}: {error}");
                std::thread::sleep(Duration::from_millis(50));
            }
            let shown = unreachable(dialer().open(&with("guess")).err());
            assert!(shown.contains("Permission denied"), "{shown}");
        });
    }
    let known = lab.write_temp("known_hosts", &format!("10.0.0.1 ssh-ed25519 {OTHER_KEY}\n"));
    let mut impostor = Target { host_key_checking: false, ..right };
    impostor.ssh_args = vec!["-o".into(), format!("UserKnownHostsFile={}", known.display())];
    on_controller(&lab, || {
        let shown = unreachable(dialer().open(&impostor).err());
        assert!(shown.contains("the password is not sent"), "{shown}");
    });
}

/// No host's.
const OTHER_KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB";

#[test]
fn a_certificate_beside_the_key_logs_in() {
    let lab = lab();
    let (authority, key) = (new_key(&lab, ""), new_key(&lab, ""));
    keygen(&[
        "-q",
        "-s",
        authority.to_str().unwrap(),
        "-I",
        "me",
        "-n",
        "ops",
        key.with_extension("pub").to_str().unwrap(),
    ]);
    let public = std::fs::read_to_string(authority.with_extension("pub")).unwrap();
    lab.sh("login1", &format!("echo 'cert-authority {}' >/home/ops/.ssh/authorized_keys", public.trim())).ok();
    let target = Target { keys: vec![key.clone()], ..target(&lab, "ops") };
    on_controller(&lab, || {
        assert!(dialer().open(&target).is_ok());
        std::fs::remove_file(key.with_file_name("key-cert.pub")).unwrap();
        unreachable(dialer().open(&target).err());
    });
}

#[test]
fn a_killed_agent_is_told_and_started_anew() {
    let lab = lab();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        make_group(&mut *link, &root(), "physics").unwrap();
        lab.sh(
            "login1",
            "pkill -KILL -f '[c]ache/enlist/agent-'; while pgrep -f '[c]ache/enlist/agent-'; do sleep 0.1; done",
        )
        .ok();
        let shown = failed(make_group(&mut *link, &root(), "chemistry"));
        assert!(shown.contains("before module group was done") && shown.contains("again"), "{shown}");
        assert!(make_group(&mut *link, &root(), "chemistry").unwrap());
    });
}

/// While `command: sleep` runs on the host, does something to the agent there; then how the task ended.
fn in_the_middle_of_a_task(lab: &Lab, seconds: &str, line: &str) -> Result<ItemResult, LinkError> {
    let mut outcome = None;
    on_controller(lab, || {
        let mut link = dialer().open(&target(lab, "ops")).unwrap();
        make_group(&mut *link, &root(), "physics").unwrap();
        // Not by the name alone: the host's first process sleeps, too, and the host ends with it.
        let sleeping = format!("until pgrep -f '[s]leep {seconds}$'; do sleep 0.05; done; {line}");
        std::thread::scope(|scope| {
            let intruder = scope.spawn(|| lab.sh("login1", &sleeping).ok());
            outcome =
                Some(call(&mut *link, &root(), &request("command", &[("_raw_params", &format!("sleep {seconds}"))])));
            intruder.join().unwrap();
        });
    });
    outcome.expect("the task has ended")
}

#[test]
fn an_agent_killed_in_the_middle_of_a_task() {
    let lab = lab();
    let started = Instant::now();
    let shown =
        failed(in_the_middle_of_a_task(&lab, "60", "pkill -KILL -f '[c]ache/enlist/agent-'; pkill -f '[s]leep 60$'"));
    assert!(shown.contains("before module command was done"), "{shown}");
    assert!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
}

#[test]
fn an_agent_asked_to_end_finishes_its_task_first() {
    let lab = lab();
    let end = "pkill -TERM -f '[c]ache/enlist/agent-'; pkill -HUP -f '[c]ache/enlist/agent-'";
    let result = in_the_middle_of_a_task(&lab, "1", end).unwrap();
    let outcome = result.outcome.unwrap();
    assert_eq!(outcome.values["rc"], Value::from(0));
    lab.sh("login1", "for i in $(seq 300); do pgrep -f '[c]ache/enlist/agent-' || exit 0; sleep 0.1; done; exit 1")
        .ok();
}

#[test]
fn a_lost_connection_makes_the_host_unreachable() {
    let lab = lab();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        make_group(&mut *link, &root(), "physics").unwrap();
        lab.sh("login1", "pkill -KILL -f '[s]shd: ops'").ok();
        let shown = unreachable(make_group(&mut *link, &root(), "chemistry").err());
        assert!(shown.contains("the connection to login1 was lost"), "{shown}");
    });
}

#[test]
fn agents_end_with_the_connection() {
    let lab = lab();
    on_controller(&lab, || {
        let mut link = dialer().open(&target(&lab, "ops")).unwrap();
        make_group(&mut *link, &root(), "physics").unwrap();
        lab.sh("login1", "pgrep -f '[c]ache/enlist/agent-'").ok();
        drop(link);
        lab.sh("login1", "for i in $(seq 300); do pgrep -f '[c]ache/enlist/agent-' || exit 0; sleep 0.1; done; exit 1")
            .ok();
    });
}

#[test]
fn through_a_jump_and_through_a_command() {
    let lab = lab();
    let config = lab.dir().join("ssh_config").display().to_string();
    on_controller(&lab, || {
        for way in [format!("ProxyCommand=ssh -F {config} -W %h:%p 10.0.0.10"), "ProxyCommand=nonesuch-at-all".into()] {
            let mut target = target(&lab, "ops");
            target.ssh_args.extend(["-o".into(), way.clone()]);
            match dialer().open(&target) {
                Ok(mut link) => assert!(make_group(&mut *link, &root(), "physics").unwrap()),
                Err(error) => {
                    let shown = unreachable(Some(error));
                    assert!(way.contains("nonesuch") && shown.contains("nonesuch-at-all"), "{way}: {shown}");
                }
            }
        }
    });
}

#[test]
fn a_jump_is_looked_up_in_the_configuration_that_was_named() {
    let lab = lab();
    let config = lab.dir().join("ssh_config").display().to_string();
    let by = |options: &[&str]| {
        let mut target = target(&lab, "ops");
        options.iter().for_each(|option| target.ssh_args.extend(["-o".into(), (*option).into()]));
        target
    };
    on_controller(&lab, || {
        let mut jumping = by(&["ProxyJump=login2"]);
        jumping.ssh_args.extend(["-F".into(), config]);
        let mut link = dialer().open(&jumping).unwrap_or_else(|error| panic!("{error}"));
        assert!(make_group(&mut *link, &root(), "physics").unwrap());
        let broken = by(&["ProxyCommand=sh -c \"echo no way >&2; exit 1\""]);
        let shown = unreachable(dialer().open(&broken).err());
        assert!(shown.contains("the way there said: no way"), "{shown}");
        let injected = Target { address: "10.0.0.1;id".into(), ..by(&["ProxyCommand=echo %h"]) };
        let shown = unreachable(dialer().open(&injected).err());
        assert!(shown.contains("must not reach a ProxyCommand"), "{shown}");
    });
}

#[test]
fn the_language_of_the_login_is_not_the_commands() {
    let lab = lab();
    let printed = |who: &Become| {
        let mut found = String::new();
        on_controller(&lab, || {
            let mut link = dialer().open(&target(&lab, "ops")).unwrap();
            let line = "sh -c 'echo $LC_ALL,$LC_MESSAGES,$LANG,$LC_TIME,$LANGUAGE'";
            let looking = request("command", &[("_raw_params", line), ("expand_argument_vars", "no")]);
            let result = call(&mut *link, who, &looking).unwrap();
            found = result.outcome.unwrap().values["stdout"].to_string();
        });
        found
    };
    for who in [Become::Login, root()] {
        assert_eq!(printed(&who), ",,,,", "where the login has no language, there is none: {who:?}");
    }
    let german =
        "printf 'LC_ALL=de_DE.UTF-8\\nLANG=de_DE.UTF-8\\nLC_TIME=de_DE.UTF-8\\nLANGUAGE=de\\n' >>/etc/environment";
    lab.sh("login1", german).ok();
    for who in [Become::Login, root()] {
        assert_eq!(printed(&who), "C.utf8,C.utf8,C.utf8,,", "{who:?}");
    }
}

#[test]
fn several_hosts_at_once() {
    let lab = lab();
    on_controller(&lab, || {
        std::thread::scope(|scope| {
            for (name, address) in [("login1", "10.0.0.1"), ("login2", "10.0.0.2"), ("login3", "10.0.0.3")] {
                let target = Target { name: name.into(), address: address.into(), ..target(&lab, "ops") };
                scope.spawn(move || {
                    let mut link = dialer().open(&target).unwrap();
                    assert!(make_group(&mut *link, &root(), "physics").unwrap());
                });
            }
        });
    });
}

#[test]
fn this_machine_without_ssh() {
    let lab = lab();
    let target = Target { local: true, ..target(&lab, "ignored") };
    let mut link = dialer().open(&target).unwrap();
    let mut looking = request("group", &[("name", "root")]);
    looking.check = true;
    for who in [Become::Login, root()] {
        let result = call(&mut *link, &who, &looking).unwrap();
        assert!(!result.changed && result.outcome.is_ok(), "{result:?}");
    }
    let nobody = Become::Sudo { user: "nosuchuser".into(), password: None };
    failed(call(&mut *link, &nobody, &looking));
}
