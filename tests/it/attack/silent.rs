//! A host that takes a task and never answers: its agent hangs, a program hangs, or the whole host is gone.

use super::{figure, hostile_agent};
use crate::output::PRESS;
use crate::support::{Lab, lab, run};
use std::time::{Duration, Instant};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// Plants an agent that never answers as alice on login1, and gives a playbook with these tasks; `WHO` is whose agent runs
/// them: alice's there, root's on the healthy host.
fn hanging(lab: &Lab, tasks: &str) -> String {
    hostile_agent::plant(lab, "{\"hang\": true}");
    let who = "{{ 'alice' if inventory_hostname == 'login1' else 'root' }}";
    let tasks = tasks.replace("WHO", who);
    hostile_agent::playbook(
        lab,
        &format!("- hosts: login1:login2\n  gather_facts: no\n  become: yes\n  tasks:\n{tasks}"),
    )
}

#[test]
fn a_task_with_a_timeout_ends_though_nothing_answers_and_the_host_goes_on() {
    let lab = lab();
    let tasks = "
    - ping:
      become_user: \"WHO\"
      timeout: 2
      register: pinged
      ignore_errors: yes
    - command: sleep {{ item }}
      loop: [0, 300]
      timeout: \"{{ 2 }}\"
      register: slept
      ignore_errors: yes
    - assert:
        that:
          - pinged is success or (pinged.msg == 'Task failed: Timed out after 2 second(s).' and pinged.timedout.period == 2)
          - (pinged is failed) == (inventory_hostname == 'login1')
          - slept.results[0] is success and slept.results[1].timedout.period == 2
    - command: hostname
";
    let playbook = hanging(&lab, tasks);
    let ran = lab.enlist(&["play", "-i", INVENTORY, &playbook]).ok();
    let recap = ran.stdout.split("PLAY RECAP").nth(1).expect("there is a recap");
    assert_eq!(recap.matches("unreachable=0    failed=0").count(), 2, "{}", ran.stdout);
    assert!(ran.stdout.contains("login1 may still be at work on module ping"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn control_c_ends_a_run_that_waits_for_an_agent_that_never_answers() {
    let lab = lab();
    let playbook = hanging(&lab, "    - name: hangs\n      ping:\n      become_user: \"WHO\"\n");
    let words = ["exec", "timeout", "60", "python3", "-c", PRESS, "TASK [hangs]", "enlist", "play", "-i", INVENTORY];
    let ran = run(lab.command(&words).arg(playbook), "").code(99);
    assert!(ran.stderr.contains("User interrupted execution"), "{ran:?}");
}

/// It takes a minute or more of waiting: the kernel's keepalive finds out.
#[test]
fn a_host_that_is_gone_is_noticed_within_two_minutes() {
    let lab = lab();
    let text = "- hosts: login1:login2\n  gather_facts: no\n  tasks:\n    - {name: long, command: sleep 600}\n";
    let playbook = hostile_agent::playbook(&lab, &text.replace("sleep 600", "sh -c 'touch /srv/begun; sleep 100'"));
    let mut play = lab.enlist_command(&["play", "-i", INVENTORY, &playbook]).spawn().expect("enlist starts");
    lab.sh("login2", "for i in $(seq 600); do [ -e /srv/begun ] && exit 0; sleep 0.1; done; exit 1").ok();
    lab.lab(&["cut", "login2"]).ok();
    let begun = Instant::now();
    let ended = play.wait().expect("it ends");
    lab.lab(&["heal", "login2"]).ok();
    assert_eq!(ended.code(), Some(4), "the host is unreachable");
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    figure("a host that is gone", format_args!("the run ended {} s later", begun.elapsed().as_secs()));
}
