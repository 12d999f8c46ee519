//! `enlist play --step`, against what ansible-playbook says to the same answers.

use crate::support::{Ran, enlist_path};
use expect_test::expect;
use std::io::Write;
use std::process::{Command, Stdio};

const PLAYBOOK: &str = "\
- hosts: w1
  gather_facts: no
  vars: {tier: front}
  tasks:
    - name: first {{ tier }}
      debug: msg=1
      changed_when: true
      notify: handler
    - debug: msg=2
    - debug: msg=3
    - debug: msg=4
  handlers:
    - name: handler
      debug: msg=h
";

fn step(answers: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("hosts"), "w1 ansible_connection=local\n").unwrap();
    std::fs::write(directory.path().join("play.yml"), PLAYBOOK).unwrap();
    let mut run = Command::new(enlist_path())
        .args(["play", "-i", "hosts", "play.yml", "--step"])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    run.wait_with_output().unwrap().into()
}

#[test]
fn each_task_is_done_skipped_or_the_last_that_is_asked_for() {
    expect![[r#"

        PLAY [w1] **********************************************************************
        Perform task: TASK: first {{ tier }} (N)o/(y)es/(c)ontinue: 
        Perform task: TASK: first {{ tier }} (N)o/(y)es/(c)ontinue: ********************

        TASK [first front] *************************************************************
        changed: [w1] => {
            "msg": "1"
        }
        Perform task: TASK: debug (N)o/(y)es/(c)ontinue: 
        Perform task: TASK: debug (N)o/(y)es/(c)ontinue: *******************************
        Perform task: TASK: debug (N)o/(y)es/(c)ontinue: 
        Perform task: TASK: debug (N)o/(y)es/(c)ontinue: *******************************

        TASK [debug] *******************************************************************
        ok: [w1] => {
            "msg": "3"
        }

        TASK [debug] *******************************************************************
        ok: [w1] => {
            "msg": "4"
        }

        RUNNING HANDLER [handler] ******************************************************
        ok: [w1] => {
            "msg": "h"
        }

        PLAY RECAP *********************************************************************
        w1                         : ok=4    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   

    "#]]
    .assert_eq(&step("y\nn\nc\n").ok().stdout);
}

#[test]
fn nothing_is_done_when_nobody_answers() {
    let ran = step("Y\n").code(1);
    assert_eq!(ran.stdout.matches("\nTASK [").count(), 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("nobody answers") && ran.stderr.contains("y, n or c"), "{}", ran.stderr);
}
