//! A user of a host who puts a program of his own in the place of his agent: what it answers is data, never an
//! instruction to the controller, and costs nobody but that host.

use super::figure;
use crate::support::{Lab, Ran, lab};

/// The user whose agent it is.
pub const USER: &str = "alice";

/// The host where he is.
pub const HOST: &str = "login1";

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// Puts `hostile_agent.py` in the place of [`USER`]'s agent on [`HOST`]. What it answers is `script`, JSON that the
/// program explains.
pub fn plant(lab: &Lab, script: &str) {
    lab.sh(HOST, &format!("useradd -m {USER}")).ok();
    lab.enlist(&["play", "-i", INVENTORY, &playbook(lab, &as_user("login1", "ping:"))]).ok();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/attack/hostile_agent.py");
    lab.lab(&["put", HOST, program, "/srv/hostile.py"]).ok();
    put(lab, "/srv/hostile.json", script);
    let replace =
        "f=$(echo ~alice/.cache/enlist/agent-*) && cp /srv/hostile.py $f && chmod 755 $f && rm -f /tmp/hostile.log";
    lab.sh(HOST, replace).ok();
}

/// From now on it answers this.
pub fn change(lab: &Lab, script: &str) {
    put(lab, "/srv/hostile.json", script);
}

/// Writes a file on [`HOST`] that all can read.
fn put(lab: &Lab, path: &str, text: &str) {
    let here = lab.write_temp("file", text);
    lab.lab(&["put", HOST, here.to_str().expect("UTF-8"), path]).ok();
    lab.sh(HOST, &format!("chmod 644 {path}")).ok();
}

/// A play for `hosts` with one task that becomes [`USER`], and then `more`.
pub fn as_user(hosts: &str, tasks: &str) -> String {
    format!(
        "- hosts: {hosts}\n  gather_facts: no\n  tasks:\n    - name: harmless\n      {tasks}\n      become: yes\n      \
         become_user: {USER}\n"
    )
}

/// The path of a playbook with this text.
pub fn playbook(lab: &Lab, text: &str) -> String {
    lab.write_temp("hostile.yml", text).to_str().expect("UTF-8").to_owned()
}

/// Runs a playbook with this text.
pub fn play(lab: &Lab, text: &str, options: &[&str]) -> Ran {
    lab.enlist(&[&["play", "-i", INVENTORY, &playbook(lab, text)], options].concat())
}

/// What [`USER`]'s program answers to `module`: these facts.
fn facts(module: &str, facts: &str) -> String {
    format!("{{\"{module}\": {{\"ansible_facts\": {facts}}}}}")
}

/// What root does next on the host of the play, and where that was.
const WHERE: &str = "    - command: hostname\n      become: yes\n      register: r\n    - debug: var=r.stdout\n";

#[test]
fn facts_decide_neither_how_nor_where_to_connect() {
    let lab = lab();
    plant(&lab, "{}");
    let trace = lab.write_temp("trace", "");
    let command = format!("-o 'ProxyCommand=sh -c \"id >{}; exec false\" x'", trace.display());
    let payloads = [
        ("connection", r#"{"ansible_connection": "local"}"#.to_owned()),
        ("host", r#"{"ansible_host": "10.0.0.10"}"#.to_owned()),
        ("ssh_host", r#"{"ansible_ssh_host": "10.0.0.10"}"#.to_owned()),
        ("user", r#"{"ansible_user": "ops", "ansible_become": "no"}"#.to_owned()),
        ("become", r#"{"ansible_become_user": "ops", "ansible_sudo_user": "ops"}"#.to_owned()),
        ("arguments", serde_json::json!({"ansible_ssh_common_args": command}).to_string()),
        ("arguments", serde_json::json!({"ansible_ssh_args": command}).to_string()),
    ];
    for module in ["ping", "setup", "getent"] {
        let task = if module == "getent" { "getent: database=passwd" } else { &format!("{module}:") };
        for (what, payload) in &payloads {
            put(&lab, "/srv/hostile.json", &facts(module, payload));
            let ran = play(&lab, &(as_user(HOST, task) + WHERE), &[]).ok();
            assert!(ran.stdout.contains("\"r.stdout\": \"login1\""), "{module} {what}: {}", ran.stdout);
            assert!(ran.stderr.contains("[WARNING]"), "{module} {what} was taken without a word: {}", ran.stderr);
        }
    }
    assert_eq!(std::fs::read_to_string(&trace).expect("readable"), "", "a command ran on the controller");
    assert!(lab.file(HOST, "/tmp/hostile.log").lines().count() >= 3 * payloads.len(), "the program was not asked");
}

#[test]
fn facts_of_run_once_stay_with_the_host_that_gave_them() {
    let lab = lab();
    plant(&lab, &facts("setup", r#"{"ansible_hostname": "elsewhere", "ansible_host": "10.0.0.1"}"#));
    let text = as_user("login_servers:slurm_master", "setup:\n      run_once: yes")
        + WHERE
        + "    - debug: msg=\"{{ ansible_hostname | default('none') }}\"\n";
    let ran = play(&lab, &text, &["--limit", "login1,login2,master_node"]).ok();
    for host in ["login1", "login2", "master"] {
        assert!(ran.stdout.contains(&format!("\"r.stdout\": \"{host}\"")), "{host}: {}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("\"msg\": \"elsewhere\"").count(), 1, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("\"msg\": \"none\"").count(), 2, "{}", ran.stdout);
}

/// Runs its arguments and prints the most memory that they had, in KiB.
const MEASURED: &str = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; \
                        print('KiB', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)";

/// The most memory that a run has whose first task is answered by `frame`, in bytes.
fn memory(lab: &Lab, frame: &str) -> usize {
    put(lab, "/srv/hostile.json", frame);
    let text = as_user(HOST, "ping:\n      register: r") + "    - debug: msg=\"{{ r.stdout_lines | length }} lines\"\n";
    let path = playbook(lab, &text);
    let enlist = ["enlist", "play", "-i", INVENTORY, &path];
    let ran = lab.lab(&[&["exec", "python3", "-c", MEASURED], &enlist[..]].concat()).ok();
    let measured = ran.stdout.lines().last().and_then(|line| line.strip_prefix("KiB ")?.parse::<usize>().ok());
    assert!(ran.stdout.contains(" lines\""), "{}", ran.stdout);
    measured.expect("the last line is the figure") * 1024
}

#[test]
fn the_largest_answer_costs_the_controller_a_small_multiple() {
    let lab = lab();
    plant(&lab, "{}");
    let answer = |line: &str, times: usize| {
        let before =
            r#"{"Ok":{"results":[{"changes":[],"changed":false,"outcome":{"Ok":{"values":{"known":{"stdout":""#;
        let after = r#""},"unknown":[]},"warnings":[],"skipped":null}}}]}}"#;
        serde_json::json!({"frame": [before, [line, times], after]}).to_string()
    };
    let least = memory(&lab, &answer("x\\n", 1));
    let long = (format!("{}\\n", "x".repeat(57)), 250_000);
    for (line, times) in [(long.0.as_str(), long.1), ("\\n", 290_000), ("x", 15 << 20)] {
        let size = line.len() * times;
        let most = memory(&lab, &answer(line, times)).saturating_sub(least);
        figure("memory for an answer", format_args!("{most} bytes for {times} times {} bytes", line.len()));
        let bound = 10 * (16 << 20);
        assert!(most < bound, "{most} bytes for an answer of {size} bytes");
    }
}
