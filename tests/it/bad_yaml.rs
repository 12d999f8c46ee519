//! What `enlist play --syntax-check` says about files that are no playbook: the place, why, and what to write instead.

use crate::support::enlist_path;
use expect_test::{Expect, expect};
use std::process::Command;

/// Runs the check on `site.yml` with this text; standard error and exit code, as people see them.
fn check(text: &str) -> String {
    play(text, &["--syntax-check"])
}

fn play(text: &str, options: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("site.yml"), text).unwrap();
    let run = Command::new(enlist_path())
        .args([&["play", "site.yml"], options].concat())
        .current_dir(directory.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let code = run.status.code().expect("it ends by itself");
    format!("{}exit code {code}", String::from_utf8(run.stderr).unwrap())
}

fn says(text: &str, expected: Expect) {
    expected.assert_eq(&check(text));
}

#[test]
fn a_template_without_quotes() {
    says(
        "- hosts: all\n  tasks:\n    - name: 그룹 생성\n      group:\n        name: {{ group_id }}\n",
        expect![[r#"
        error: a value that starts with `{` is read as a mapping
         --> site.yml:5:15
          |
        4 |       group:
        5 |         name: {{ group_id }}
          |               ^
          = help: a value that starts with a template needs quotes: `name: "{{ group_id }}"`
        exit code 4"#]],
    );
}

#[test]
fn a_tab() {
    says(
        "- hosts: all\n  tasks:\n\t- debug:\n",
        expect![[r#"
        error: a tab is used for indentation
         --> site.yml:3:1
          |
        2 |   tasks:
        3 | 	- debug:
          | ^
          = help: YAML indents with blanks only: replace the tab with blanks
        exit code 4"#]],
    );
}

#[test]
fn a_colon_in_a_value() {
    says(
        "- hosts: all\n  tasks:\n    - name: 유저 생성: gildong\n      ping:\n",
        expect![[r#"
        error: mapping values are not allowed here
         --> site.yml:3:18
          |
        2 |   tasks:
        3 |     - name: 유저 생성: gildong
          |                      ^
          = help: a value that holds `: ` needs quotes: `name: "유저 생성: gildong"`
        exit code 4"#]],
    );
}

#[test]
fn wrong_indentation() {
    says(
        "- hosts: all\n  tasks:\n    - debug:\n        msg: a\n       var: b\n",
        expect![[r#"
        error: this line does not fit the mapping or list above it
         --> site.yml:5:8
          |
        4 |         msg: a
        5 |        var: b
          |        ^
          = help: check the indentation: entries of one mapping or list start in the same column
        exit code 4"#]],
    );
}

#[test]
fn a_quote_that_is_never_closed() {
    says(
        "- hosts: all\n  vars:\n    user_id: \"gildong\n  tasks: []\n",
        expect![[r#"
        error: the quote that opens here is never closed
         --> site.yml:3:14
          |
        2 |   vars:
        3 |     user_id: "gildong
          |              ^
          = help: add the closing quote, or quote the whole text with the other kind
        exit code 4"#]],
    );
}

#[test]
fn a_key_written_twice_is_a_warning() {
    says(
        "- hosts: all\n  become: yes\n  become: no\n  tasks: []\n",
        expect![[r#"
        [WARNING]: the key `become` is written twice; the last one counts
         --> site.yml:3:3
          |
        2 |   become: yes
        3 |   become: no
          |   ^
          = note: it is first written at site.yml:2:3
          = help: remove one of the two
        exit code 0"#]],
    );
}

#[test]
fn two_documents() {
    says(
        "- hosts: all\n---\n- hosts: all\n",
        expect![[r#"
        error: a second YAML document starts here, but the file may hold only one
         --> site.yml:3:1
          |
        2 | ---
        3 | - hosts: all
          | ^
          = help: remove the `---` line in the middle of the file
        exit code 4"#]],
    );
}

#[test]
fn no_list_of_plays() {
    says(
        "hosts: all\ntasks: []\n",
        expect![[r#"
        error: a playbook is a list of plays, and this is a mapping
         --> site.yml:1:1
          |
        1 | hosts: all
          | ^
          = help: begin the play with `- hosts:`
        exit code 4"#]],
    );
}

#[test]
fn a_condition_of_meta_that_cannot_be_evaluated() {
    let text = "- hosts: localhost\n  gather_facts: no\n  tasks:\n    - meta: end_host\n      when: nobody_set_it\n";
    expect![[r#"
        error: 'nobody_set_it' is undefined
         --> site.yml:5:13
          |
        4 |     - meta: end_host
        5 |       when: nobody_set_it
          |             ^
          = note: in a condition of `meta`, for host localhost
        exit code 4"#]]
    .assert_eq(&play(text, &["-i", "localhost,", "-c", "local"]));
}
