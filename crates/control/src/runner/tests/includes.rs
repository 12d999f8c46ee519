//! `include_tasks`: who includes what with whom, in which order, and what a failure in it costs.

use super::{Seen, Texts, answer, run_files};
use crate::playbook;
use crate::runner::events::Consent;
use crate::runner::tags::TagSelection;
use crate::runner::{Options, preflight};
use host::change::outcome::{Failure, ItemResult, Outcome};
use host::protocol::AgentRequest;
use std::path::Path;

/// Every module says that all is well; `command: fail` fails.
fn well(_: &str, request: &AgentRequest) -> Vec<ItemResult> {
    let of = |item: &words::value::Map| match item.get("_raw_params").map(ToString::to_string) {
        Some(text) if text == "fail" => ItemResult::unchanged(Err(Failure::new("it fails"))),
        Some(text) => answer(Outcome::new().with("stdout", text)),
        None => answer(Outcome::new()),
    };
    request.items.iter().map(of).collect()
}

/// The exit code and what was seen of a play with these tasks; `files` are beside it.
fn included(tasks: &str, files: &[(&str, &str)]) -> (u8, Seen) {
    with(&Options { forks: 3, ..Options::default() }, tasks, files)
}

fn with(options: &Options, tasks: &str, files: &[(&str, &str)]) -> (u8, Seen) {
    let text = format!("- hosts: all\n  gather_facts: no\n  tasks:\n{tasks}");
    let files: Vec<_> = [("p.yml", text.as_str())].into_iter().chain(files.iter().copied()).collect();
    run_files(&files, options, Seen::default(), well)
}

const NAMED: &str = "- name: one of {{ item | default('none') }}\n  ping:\n- name: two\n  ping:\n";

#[test]
fn hosts_that_include_the_same_run_it_together_and_others_after_them() {
    let tasks = "    - include_tasks: \"{{ 'x' if inventory_hostname != 'b' else 'y' }}.yml\"\n    - ping:\n";
    let (code, seen) = included(tasks, &[("x.yml", "- name: in x\n  ping:\n"), ("y.yml", "- name: in y\n  ping:\n")]);
    assert_eq!(code, 0);
    assert_eq!(
        seen.results,
        ["x.yml for a c", "y.yml for b", "a in x ok", "c in x ok", "b in y ok", "a ping ok", "b ping ok", "c ping ok"]
    );
    assert!(seen.recap.iter().all(|(_, stats)| stats.ok == 3), "an include counts once a file: {:?}", seen.recap);
}

#[test]
fn items_are_groups_and_the_same_item_twice_is_two() {
    let tasks = "    - include_tasks: x.yml\n      loop: \"{{ {'a': [1, 2, 1], 'b': [2, 1], 'c': []}[inventory_hostname] }}\"\n";
    let (code, seen) = included(tasks, &[("x.yml", "- name: did {{ item }}\n  ping:\n")]);
    assert_eq!(code, 0);
    assert_eq!(
        seen.results,
        [
            "c include_tasks skipped",
            "x.yml 1 for a b",
            "x.yml 2 for a b",
            "x.yml 1 for a",
            "a did 1 ok",
            "b did 1 ok",
            "a did 2 ok",
            "b did 2 ok",
            "a did 1 ok"
        ]
    );
}

#[test]
fn a_host_that_fails_in_a_file_does_not_do_its_other_items() {
    let tasks = "    - include_tasks: x.yml\n      loop: [say, fail, more]\n    - ping:\n";
    let x = "- command: \"{{ item if inventory_hostname == 'b' else 'say' }}\"\n";
    let (code, seen) = included(tasks, &[("x.yml", x)]);
    assert_eq!(code, 2);
    let of_b: Vec<_> = seen.results.iter().filter(|line| line.starts_with("b ")).collect();
    assert_eq!(of_b, ["b command ok", "b command failed"]);
    assert_eq!(seen.results.last().unwrap(), "c ping ok");
}

#[test]
fn a_file_that_is_missing_or_wrong_costs_who_wants_it() {
    let wrong = [
        ("no.yml", "- ping:\n", "b include_tasks failed"),
        ("x.yml", "- pong:\n", "b include_tasks failed"),
        ("x.yml", "- ping: {}\n  whenn: x\n", "b include_tasks failed"),
        ("x.yml", "a: b\n", "b include_tasks failed"),
        ("x.yml", "- [\n", "b include_tasks failed"),
        ("x.yml", "- ping:\n  notify: nobody\n", "b include_tasks failed"),
        ("x.yml", "- include_tasks: x.yml\n  delegate_to: a\n", "b include_tasks failed"),
    ];
    for (name, text, expected) in wrong {
        let tasks = format!(
            "    - block:\n        - include_tasks: {name}\n          when: inventory_hostname == 'b'\n      rescue:\n        - name: rescued\n          ping:\n    - ping:\n"
        );
        let (code, seen) = included(&tasks, &[("x.yml", text)]);
        assert_eq!(code, 0, "{text}");
        let skipped = ["a include_tasks skipped", "c include_tasks skipped"];
        let after = ["b rescued ok", "a ping ok", "b ping ok", "c ping ok"];
        assert_eq!(seen.results, [&skipped[..], &[expected], &after].concat(), "{text}");
        let of_b = seen.recap.iter().find(|(host, _)| host == "b").unwrap().1;
        assert_eq!((of_b.rescued, of_b.failed), (1, 0), "{text}");
    }
}

#[test]
fn a_failure_that_stops_all_stops_those_that_include_something_else() {
    for fatal in ["any_errors_fatal: yes", "run_once: yes"] {
        let tasks = "    - include_tasks: \"{{ 'x' if inventory_hostname == 'a' else 'y' }}.yml\"\n    - ping:\n";
        let x = format!("- command: fail\n  {fatal}\n");
        let (code, seen) = included(tasks, &[("x.yml", &x), ("y.yml", NAMED)]);
        assert_eq!(code, 2);
        assert_eq!(seen.results, ["x.yml for a", "y.yml for b c", "a command failed"], "{fatal}");
    }
    let rescued = "    - block:\n        - include_tasks: \"{{ 'x' if inventory_hostname == 'a' else 'y' }}.yml\"\n      rescue:\n        - name: rescued\n          ping:\n";
    let (code, seen) = included(rescued, &[("x.yml", "- command: fail\n  any_errors_fatal: yes\n"), ("y.yml", NAMED)]);
    assert_eq!(
        (code, &seen.results[3..]),
        (0, &["a rescued ok", "b rescued ok", "c rescued ok"].map(String::from)[..])
    );
}

#[test]
fn what_an_include_passes_is_seen_within_it_alone() {
    let tasks = "    - set_fact: {who: fact}\n    - include_tasks: x.yml\n      vars: {who: \"{{ inner }} {{ item }}\", inner: passed}\n      loop: [1]\n    - name: after {{ who }}\n      ping:\n      notify: h\n  handlers:\n    - name: h\n      include_tasks: h.yml\n      vars: {who: handler}\n    - name: never\n      ping:\n";
    let x = "- name: in {{ who }}\n  ping:\n  vars: {who: task}\n- include_tasks: y.yml\n  vars: {inner: deeper}\n- command: x\n  notify: h\n- meta: flush_handlers\n- name: again {{ who }}\n  ping:\n";
    let (code, seen) = included(
        tasks,
        &[
            ("x.yml", x),
            ("y.yml", "- name: deep {{ who }}\n  ping:\n"),
            ("h.yml", "- name: handled by {{ who }} {{ item | default('no item') }}\n  ping:\n"),
        ],
    );
    assert_eq!(code, 0);
    let of_a: Vec<_> = seen.results.iter().filter(|line| line.starts_with("a ")).map(|line| &line[2..]).collect();
    let expected =
        ["set_fact ok", "in passed 1 ok", "deep deeper 1 ok", "command ok", "again passed 1 ok", "after fact ok"];
    assert_eq!(of_a, expected);
}

#[test]
fn a_file_that_includes_itself_comes_to_an_end() {
    let counts = "- ping:\n- include_tasks: x.yml\n  vars: {n: \"{{ (m | int) + 1 }}\"}\n  when: (m | int) < 3\n";
    let (code, _) =
        included("    - include_tasks: x.yml\n      vars: {m: 1}\n", &[("x.yml", &counts.replace("{n:", "{k:"))]);
    assert_eq!(code, 2, "it never counts up");
    let counted = "- command: x\n  register: r\n- set_fact: {n: \"{{ (n | default(0) | int) + 1 }}\"}\n- include_tasks: x.yml\n  when: (n | int) < 60\n";
    let (code, seen) = included("    - include_tasks: x.yml\n", &[("x.yml", counted)]);
    assert_eq!(code, 0, "a retry that is written as an include");
    assert_eq!(seen.results.iter().filter(|line| *line == "a command ok").count(), 60);
}

#[test]
fn tags_of_an_include_are_its_own() {
    let only = |tags: &[&str], skip: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect();
        Options { tags: TagSelection { only: owned(tags), skip: owned(skip) }, forks: 1, ..Options::default() }
    };
    let x = "- name: plain\n  ping:\n- name: tagged\n  ping:\n  tags: t\n";
    let ran = |options: Options, include: &str| {
        let (_, seen) = with(&options, &format!("    - include_tasks: {include}\n"), &[("x.yml", x)]);
        seen.results.into_iter().filter(|line| line.starts_with("a ")).collect::<Vec<_>>()
    };
    assert_eq!(ran(only(&["t"], &[]), "x.yml"), Vec::<String>::new(), "the include is not selected");
    assert_eq!(ran(only(&["t"], &[]), "x.yml\n      tags: t"), ["a tagged ok"]);
    let applied = "{file: x.yml, apply: {tags: t}}\n      tags: t";
    assert_eq!(ran(only(&["t"], &[]), applied), ["a plain ok", "a tagged ok"]);
    assert_eq!(ran(only(&[], &["t"]), "{file: x.yml, apply: {tags: t}}"), Vec::<String>::new());
    assert_eq!(ran(only(&[], &["t"]), "x.yml"), ["a plain ok"]);
}

#[test]
fn the_start_and_the_questions_know_includes() {
    let tasks = "    - name: first\n      include_tasks: x.yml\n    - name: second\n      include_tasks: x.yml\n";
    let options = Options { start_at: Some("sec*".into()), forks: 1, ..Options::default() };
    let (_, seen) = with(&options, tasks, &[("x.yml", "- ping:\n")]);
    assert_eq!(seen.results, ["x.yml for a b c", "a ping ok", "b ping ok", "c ping ok"]);

    let text = format!("- hosts: a\n  gather_facts: no\n  tasks:\n{tasks}");
    let asked = Seen { answers: vec![Consent::No, Consent::Yes, Consent::No], ..Seen::default() };
    let options = Options { step: true, forks: 1, ..Options::default() };
    let (_, seen) = run_files(&[("p.yml", &text), ("x.yml", "- ping:\n")], &options, asked, well);
    assert_eq!(seen.results, ["asked first", "asked second", "x.yml for a", "asked ping"]);
}

#[test]
fn what_no_include_knows_is_refused_before_the_run() {
    let refused = |lines: &str| {
        let include = if lines.starts_with('-') { "    " } else { "    - include_tasks: x.yml\n" };
        let text = format!("- hosts: all\n  tasks:\n{include}{lines}");
        playbook::parse(Path::new("p.yml"), &Texts(&[("p.yml", &text)])).unwrap_err().to_string()
    };
    for (lines, says) in [
        ("      delegate_to: a\n", "'delegate_to' is not a valid attribute for a TaskInclude"),
        ("- include_tasks:\n", "No file specified for include_tasks"),
        ("      become: yes\n", "below `apply:` of the include, `become` is for the tasks of the file"),
        ("      notify: h\n", "write `notify` in the tasks of the file"),
        ("      args: {apply: {notifyy: h}}\n", "`notifyy` is not a keyword of a block"),
        ("      args: {apply: [x]}\n", "keywords of a block belong here, and this is a list"),
    ] {
        assert!(refused(lines).contains(says), "{says:?} in {}", refused(lines));
    }
}

#[test]
fn mistakes_in_files_with_known_names_are_told_before_the_run() {
    let play = |tasks: &str| format!("- hosts: all\n  tasks:\n{tasks}");
    let found = |tasks: &str, files: &[(&str, &str)]| {
        let text = play(tasks);
        let all: Vec<_> = [("p.yml", text.as_str())].into_iter().chain(files.iter().copied()).collect();
        let files = Texts(&all);
        let playbook = playbook::parse(Path::new("p.yml"), &files).unwrap();
        assert!(preflight::check(&playbook).errors.is_empty());
        preflight::look_ahead(&playbook, &files).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let nested = [("x.yml", "- include_tasks: d/y.yml\n- include_tasks: x.yml\n"), ("d/y.yml", "- pong:\n")];
    let told = found("    - include_tasks: x.yml\n    - include_tasks: x.yml\n", &nested);
    assert!(told.len() == 1 && told[0].contains("'pong'") && told[0].contains("d/y.yml:1:3"), "{told:?}");
    assert_eq!(found("    - include_tasks: \"{{ x }}.yml\"\n    - include_tasks: none.yml\n", &nested), [""; 0]);
}
