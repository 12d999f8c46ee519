//! A host that answers too much, too slowly or nonsense: it is dropped from the run, the others go on, and the
//! controller's memory stays within a bound.

use super::figure;
use super::hostile_agent::{self, HOST, USER};
use crate::support::{Lab, Ran, lab, run};
use std::time::{Duration, Instant};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// What of the controller's memory one hostile host may cost, in MB; docs/security.md has the figures.
const MOST: usize = 300;

/// One task as everybody's agent, and then one of root that must run on the healthy hosts.
fn playbook(lab: &Lab) -> String {
    let text = format!(
        "- hosts: login1:login2\n  gather_facts: no\n  become: yes\n  tasks:\n    - name: as whoever it is\n      ping:\n      \
         become_user: \"{{{{ '{USER}' if inventory_hostname == '{HOST}' else 'root' }}}}\"\n      register: r\n    \
         - name: the healthy go on\n      command: hostname\n"
    );
    hostile_agent::playbook(lab, &text)
}

/// Runs the playbook, and says how many MB of memory the controller took at most.
fn measured(lab: &Lab) -> (Ran, usize) {
    const MEASURE: &str = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); \
        print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr); sys.exit(code)";
    let playbook = playbook(lab);
    let mut command = lab.command(&["exec", "python3", "-c", MEASURE, "enlist", "play", "-i", INVENTORY, &playbook]);
    let ran = run(command.args(["--timeout", "3"]), "");
    let peak = ran.stderr.lines().find_map(|line| line.strip_prefix("peak ")).expect("it was measured");
    let peak = peak.parse().expect("a number");
    (ran, peak)
}

#[track_caller]
fn costs_itself_alone(ran: &Ran, what: &str) {
    assert_eq!(ran.code, 4, "{what}: {}{}", ran.stdout, ran.stderr);
    let recap = |host: &str| {
        let line = ran.stdout.lines().rev().find(|line| line.starts_with(host)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(recap("login2").contains("ok=2 "), "{what}: {}{}", ran.stdout, ran.stderr);
    assert!(recap(HOST).contains("ok=0 ") && recap(HOST).contains("unreachable=1"), "{what}: {}", ran.stdout);
}

/// An answer to one item with these values, as parts of a frame.
fn answer(values: serde_json::Value) -> serde_json::Value {
    let begin = r#"{"Ok":{"results":[{"changes":[],"changed":false,"outcome":{"Ok":{"values":{"known":{"x":"#;
    let end = r#"},"unknown":[]},"warnings":[],"skipped":null}}}]}}"#;
    serde_json::json!({ "frame": [begin, values[0], values[1], values[2], end] })
}

#[test]
fn an_answer_that_is_too_large_costs_its_host_alone() {
    let lab = lab();
    hostile_agent::plant(&lab, "{}");
    let most = 16 << 20;
    let near = most - 2000;
    let attacks = [
        ("16 MiB of zeros", answer(serde_json::json!(["[", ["0,", near / 2], "0]"])), "values"),
        ("16 MiB of empty lists", answer(serde_json::json!(["[", ["[],", near / 3], "[]]"])), "values"),
        ("16 MiB of empty mappings", answer(serde_json::json!(["[", ["{},", near / 3], "{}]"])), "values"),
        ("16 MiB of mappings of one", answer(serde_json::json!(["[", ["{\"\":0},", near / 7], "0]"])), "values"),
        ("16 MiB of lines", answer(serde_json::json!(["\"", ["\\n", near / 2], "\""])), "values"),
        ("255 MiB of zeros", answer(serde_json::json!(["[", ["0,", 127 << 20], "0]"])), "bytes long"),
        ("no JSON", serde_json::json!({"frame": [["[", 1_000_000]]}), "cannot be read"),
    ];
    for (what, script, says) in &attacks {
        hostile_agent::change(&lab, &script.to_string());
        let (ran, peak) = measured(&lab);
        costs_itself_alone(&ran, what);
        assert!(ran.stdout.contains("is not taken: ") && ran.stdout.contains(says), "{what}: {}", ran.stdout);
        assert!(peak < MOST, "{what}: {peak} MB");
        figure("hostile answer", format_args!("{what}: the controller took {peak} MB at most"));
    }
}

#[test]
fn an_answer_within_the_bound_costs_little_memory() {
    let lab = lab();
    hostile_agent::plant(&lab, "{}");
    let few = 99_000;
    let attacks = [
        ("16 MiB of text", serde_json::json!(["\"", ["x", (16 << 20) - 2000], "\""])),
        ("99,000 mappings of one", serde_json::json!(["[", ["{\"\":0},", few], "0]"])),
        ("290,000 empty mappings", serde_json::json!(["[", ["{},", 290_000], "0]"])),
    ];
    for (what, values) in attacks {
        hostile_agent::change(&lab, &answer(values).to_string());
        let (ran, peak) = measured(&lab);
        assert_eq!(ran.code, 0, "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(peak < MOST, "{what}: {peak} MB");
        figure("largest answer that is taken", format_args!("{what}: the controller took {peak} MB at most"));
    }
}

#[test]
fn a_start_that_never_ends_is_given_up() {
    let lab = lab();
    hostile_agent::plant(&lab, "{}");
    let have = "\nMARK have\n";
    let attacks = [
        ("endless noise", serde_json::json!([["x", 1_u64 << 40]]), "prints without end"),
        (
            "endless `have`",
            serde_json::json!([[format!("{}{have}", "y".repeat(200_000)), 1_u64 << 40]]),
            "again and again",
        ),
        ("endless `need`", serde_json::json!([["\nMARK need x86_64\n", 1_u64 << 40]]), "fatal: [login1]: FAILED!"),
        ("an endless line", serde_json::json!(["MARK", ["z", 1_u64 << 40]]), "prints without end"),
    ];
    for (what, start, says) in attacks {
        hostile_agent::change(&lab, &serde_json::json!({ "start": start }).to_string());
        let began = Instant::now();
        let (ran, peak) = measured(&lab);
        let took = began.elapsed();
        assert!(ran.stdout.contains(says), "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.lines().any(|line| line.starts_with("login2") && line.contains("ok=2 ")), "{}", ran.stdout);
        assert!(took < Duration::from_secs(300), "{what} was waited for: {took:?}");
        assert!(peak < MOST, "{what}: {peak} MB");
        figure("hostile start", format_args!("{what}: given up, {peak} MB"));
    }
    lab.sh(HOST, &format!("for i in $(seq 300); do pgrep -u {USER} || exit 0; sleep 0.1; done; exit 1")).ok();
}
