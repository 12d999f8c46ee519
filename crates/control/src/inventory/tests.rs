use super::files::Kind;
use super::*;
use expect_test::{Expect, expect};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use words::value::Value;

/// Files in memory; a name that ends in `!` is executable, and answers with what stands after its first line.
struct Memory(BTreeMap<PathBuf, (String, bool)>);

fn memory(entries: &[(&str, &str)]) -> Memory {
    let entry = |(path, text): &(&str, &str)| {
        (PathBuf::from(path.trim_end_matches('!')), (text.to_string(), path.ends_with('!')))
    };
    Memory(entries.iter().map(entry).collect())
}

impl Files for Memory {
    fn kind(&self, path: &Path) -> Kind {
        match self.0.get(path) {
            Some((_, executable)) => Kind::File { executable: *executable },
            None if self.0.keys().any(|known| known.starts_with(path)) => Kind::Directory,
            None => Kind::Missing,
        }
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).map(|(text, _)| text.clone().into_bytes()).ok_or(io::ErrorKind::NotFound.into())
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let below = self.0.keys().filter_map(|path| path.strip_prefix(directory).ok()?.iter().next());
        let mut names: Vec<String> = below.map(|name| name.to_string_lossy().into_owned()).collect();
        names.dedup();
        Ok(names)
    }
    fn run(&self, program: &Path, args: &[&str]) -> io::Result<Output> {
        let text = &self.0[program].0;
        let stdout = text.split_once('\n').map_or("", |(_, answer)| answer).replace("ARGS", &args.join(" "));
        let status = ExitStatus::from_raw(if text.contains("exit 3") { 3 << 8 } else { 0 });
        Ok(Output { status, stdout: stdout.into(), stderr: b"no database\n".to_vec() })
    }
}

fn ini(text: &str) -> Result<Inventory, Diagnostic> {
    load_from(&memory(&[("hosts.ini", text)]), &["hosts.ini".into()], &[])
}

fn yml(text: &str) -> Result<Inventory, Diagnostic> {
    load_from(&memory(&[("hosts.yml", text)]), &["hosts.yml".into()], &[])
}

fn fails(result: Result<Inventory, Diagnostic>, expected: Expect) {
    expected.assert_eq(&result.unwrap_err().to_string());
}

fn warnings(inventory: &Inventory) -> Vec<&str> {
    inventory.warnings.iter().map(|warning| warning.message.as_str()).collect()
}

fn matching(inventory: &Inventory, pattern: &str, limit: &[&str]) -> Vec<String> {
    let limit: Vec<String> = limit.iter().map(|text| text.to_string()).collect();
    inventory.hosts_matching(&[pattern.to_owned()], &limit).unwrap().hosts
}

#[test]
fn ini_host_lines_that_are_wrong() {
    fails(
        ini("[web]\nh1 ansible_host = 10.0.0.1\n"),
        expect![[r#"
        Expected key=value host variable assignment, got: ansible_host
         --> hosts.ini:2:4
          |
        1 | [web]
        2 | h1 ansible_host = 10.0.0.1
          |    ^
          = help: write `key=value` without blanks around `=`, and quote a value that holds blanks: `key='a b'`"#]],
    );
    fails(
        ini("[그룹]\n호스트 x='열린\n"),
        expect![[r#"
        the quote that opens here is never closed
         --> hosts.ini:2:7
          |
        1 | [그룹]
        2 | 호스트 x='열린
          |          ^
          = note: host lines are split like a shell's: quotes and backslashes count"#]],
    );
    fails(
        ini("n[01:5]\n"),
        expect![[r#"
        Invalid host pattern 'n[01:5]'
         --> hosts.ini:1:1
          |
        1 | n[01:5]
          | ^
          = note: host range must specify equal-length begin and end formats"#]],
    );
    fails(
        ini("n[5:1]\n"),
        expect![[r#"
        Invalid host pattern 'n[5:1]'
         --> hosts.ini:1:1
          |
        1 | n[5:1]
          | ^
          = note: host range must have begin <= end"#]],
    );
    fails(
        ini("---\nall:\n"),
        expect![[r#"
        Invalid host pattern '---'
         --> hosts.ini:1:1
          |
        1 | ---
          | ^
          = note: '---' starts a YAML file
          = help: name the file .yml if it is a YAML inventory"#]],
    );
    fails(
        ini("all:\n  hosts:\n"),
        expect![[r#"
        Invalid host pattern 'all:'
         --> hosts.ini:1:1
          |
        1 | all:
          | ^
          = note: a name may not end in ':', which stands before a port
          = help: name the file .yml if it is a YAML inventory"#]],
    );
}

#[test]
fn ini_sections_that_are_wrong() {
    fails(
        ini("[web:childs]\na\n"),
        expect![[r#"
        Section [web:childs] has unknown type: childs
         --> hosts.ini:1:1
          |
        1 | [web:childs]
          | ^
          = help: known types are hosts, children and vars"#]],
    );
    fails(
        ini("[web servers]\n"),
        expect![[r#"
        Invalid section entry: '[web servers]'
         --> hosts.ini:1:1
          |
        1 | [web servers]
          | ^
          = help: a section is `[group]`, `[group:children]` or `[group:vars]`, without blanks inside"#]],
    );
    fails(
        ini("[web:vars]\nport 80\n"),
        expect![[r#"
        Expected key=value, got: port 80
         --> hosts.ini:2:1
          |
        1 | [web:vars]
        2 | port 80
          | ^
          = note: this line is in the section [web:vars]"#]],
    );
    fails(
        ini("[webs]\na\n[web:vars]\nport=80\n"),
        expect![[r#"
        Section [web:vars] not valid for undefined group 'web'
         --> hosts.ini:3:2
          |
        2 | a
        3 | [web:vars]
          |  ^
          = help: did you mean `webs`?
          = help: declare the group with a line `[web]`"#]],
    );
    fails(
        ini("[top:children]\nmissing\n"),
        expect![[r#"
        Section [top:children] includes undefined group 'missing'
         --> hosts.ini:2:1
          |
        1 | [top:children]
        2 | missing
          | ^
          = help: declare the group with a line `[missing]`"#]],
    );
    fails(
        ini("[a:children]\nb\n[b:children]\na\n"),
        expect![[r#"
        the group `a` already holds `b`: it cannot also be its child
         --> hosts.ini:4:1
          |
        3 | [b:children]
        4 | a
          | ^"#]],
    );
    fails(
        ini("[a:children]\nb = 1\n"),
        expect![[r#"
        Expected group name, got: b = 1
         --> hosts.ini:2:1
          |
        1 | [a:children]
        2 | b = 1
          | ^
          = note: this line is in the section [a:children]"#]],
    );
    fails(
        ini("[a]\n[a:vars]\nansible_group_priority=high\n"),
        expect![[r#"
        ansible_group_priority must be an integer, not 'high'
         --> hosts.ini:3:1
          |
        2 | [a:vars]
        3 | ansible_group_priority=high
          | ^"#]],
    );
}

#[test]
fn yaml_that_is_no_inventory() {
    fails(
        yml("- h1\n- h2\n"),
        expect![[r#"
        a YAML inventory is a mapping of groups, but this is a list
         --> hosts.yml:1:1
          |
        1 | - h1
          | ^
          = help: start with `all:`, and below it `hosts:`"#]],
    );
    fails(yml(""), expect!["the YAML inventory hosts.yml is empty"]);
    fails(
        yml("web:\n  hosts:\n    - h1\n"),
        expect![[r#"
        Invalid "hosts" entry for "web" group, requires a mapping, found a list
         --> hosts.yml:3:5
          |
        2 |   hosts:
        3 |     - h1
          |     ^
          = help: write `NAME:` lines below `hosts:`, without `-`"#]],
    );
    fails(
        yml("web: h1\n"),
        expect![[r#"
        the group `web` is a mapping, but this is text
         --> hosts.yml:1:6
          |
        1 | web: h1
          |      ^
          = help: write its hosts below `hosts:`, one a line, each followed by a colon"#]],
    );
    fails(
        yml("web:\n  hosts:\n    h1: yes please\n"),
        expect![[r#"
        the variables of host `h1` are a mapping, but this is text
         --> hosts.yml:3:9
          |
        2 |   hosts:
        3 |     h1: yes please
          |         ^"#]],
    );
    fails(
        yml("web:\n  hosts:\n    10: \n"),
        expect![[r#"
        a host's name is text, but this is a number
         --> hosts.yml:3:5
          |
        2 |   hosts:
        3 |     10: 
          |     ^
          = help: put it in quotes"#]],
    );
    fails(
        yml("plugin: aws_ec2\nregions: [x]\n"),
        expect![[r#"
        this file configures an Ansible inventory plugin, which enlist does not run
         --> hosts.yml:1:1
          |
        1 | plugin: aws_ec2
          | ^
          = help: use a script that prints JSON, or save its result: ansible-inventory --list -y --output hosts.yml"#]],
    );
    fails(
        yml("a:\n  children:\n    b:\n      children:\n        a:\n"),
        expect![[r#"
        the group `b` already holds `a`: it cannot also be its child
         --> hosts.yml:3:5
          |
        2 |   children:
        3 |     b:
          |     ^"#]],
    );
}

#[test]
fn sources_that_cannot_be_read() {
    fails(
        load_from(&memory(&[]), &["host1".into()], &[]),
        expect![[r#"
        there is no inventory host1
          = help: a list of hosts needs a comma, also after a single one: `-i host1,`"#]],
    );
    fails(
        load_from(&memory(&[("h.toml", "")]), &["h.toml".into()], &[]),
        expect![[r#"
        h.toml is a TOML inventory
          = note: enlist reads INI, YAML and JSON inventories
          = help: convert it: ansible-inventory -i FILE --list -y --export"#]],
    );
    let script = |answer| load_from(&memory(&[("inv!", answer)]), &["inv".into()], &[]);
    fails(
        script("#!/bin/sh exit 3\n"),
        expect![[r#"
        the inventory script failed: inv --list
          = note: it ended with exit status: 3
          = note: it said: no database"#]],
    );
    fails(
        script("#!/bin/sh\n{\"a\": [}\n"),
        expect![[r#"
        the inventory script inv did not print JSON
         --> inv (its output):1:8
          |
        1 | {"a": [}
          |        ^
          = note: expected value at line 1 column 8"#]],
    );
    fails(
        script("#!/bin/sh\n[1]\n"),
        expect![[r#"
        the inventory script inv printed something else than an inventory
          = note: it is a list"#]],
    );
    fails(
        script("#!/bin/sh\n{\"web\": {\"hosts\": \"h1\"}}\n"),
        expect![[r#"
        the inventory script inv printed something else than an inventory
          = note: `web.hosts` holds a str instead of a list of names"#]],
    );
}

#[test]
fn unknown_keys_of_a_group_warn() {
    let inventory = yml("web:\n  host:\n    h1:\n").unwrap();
    expect![[r#"
        Skipping unexpected key (host) in group (web)
         --> hosts.yml:2:3
          |
        1 | web:
        2 |   host:
          |   ^
          = note: only "vars", "children" and "hosts" are valid
          = help: did you mean `hosts`?"#]]
    .assert_eq(&inventory.warnings[0].to_string());
    assert!(inventory.hosts().is_empty());
}

#[test]
fn names_warn() {
    let inventory = ini("web-1\n[db-servers]\nx\n[x]\n[9]\n[그룹]\n").unwrap();
    assert_eq!(
        warnings(&inventory),
        [
            "Invalid characters were found in group names but not replaced: db-servers, 9",
            "Found both group and host with same name: x"
        ]
    );
    let none = load_from(&memory(&[]), &[], &[]).unwrap();
    assert_eq!(warnings(&none), ["No inventory was parsed, only implicit localhost is available"]);
}

#[test]
fn an_executable_file_that_is_no_program_is_read() {
    let inventory = load_from(&memory(&[("hosts!", "[web]\nh1\n")]), &["hosts".into()], &[]).unwrap();
    assert_eq!(inventory.group_hosts("web"), ["h1"]);
}

#[test]
fn comments_may_hold_any_bytes() {
    struct Latin;
    impl Files for Latin {
        fn kind(&self, path: &Path) -> Kind {
            if path == Path::new("h") { Kind::File { executable: false } } else { Kind::Missing }
        }
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(b"# caf\xe9\nh1 x=1\nh2 y=\xe9\n".to_vec())
        }
        fn list(&self, _: &Path) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }
        fn run(&self, _: &Path, _: &[&str]) -> io::Result<Output> {
            Err(io::ErrorKind::NotFound.into())
        }
    }
    let error = load_from(&Latin, &["h".into()], &[]).unwrap_err();
    assert_eq!(format!("{:?}", error.place.unwrap()), "h:3:6");
}

#[test]
fn layers_say_where_variables_come_from() {
    let files = memory(&[
        ("inv/hosts", "[web]\nh1 a=host\n[all:vars]\na=all\n[web:vars]\na=web\n"),
        ("inv/group_vars/all.yml", "a: all file\n"),
        ("inv/host_vars/h1/x.yml", "a: host file\n"),
        ("play/group_vars/web.yml", "a: playbook\n"),
        ("play/group_vars/unused.yml", "a: {{ broken\n"),
    ]);
    let inventory = load_from(&files, &["inv/hosts".into()], &["play".into()]).unwrap();
    let layers = inventory.host_layers("h1");
    let origins: Vec<&str> = layers.iter().map(|layer| layer.origin.as_str()).collect();
    assert_eq!(
        origins,
        [
            "group all in the inventory",
            "group web in the inventory",
            "inv/group_vars/all",
            "play/group_vars/web",
            "host in the inventory",
            "inv/host_vars/h1"
        ]
    );
    assert_eq!(inventory.host_vars("h1")["a"], Value::from("host file"));
}

#[test]
fn variable_files_that_are_wrong() {
    let with =
        |text: &str| load_from(&memory(&[("hosts", "h1\n"), ("group_vars/all.yml", text)]), &["hosts".into()], &[]);
    fails(
        with("- a\n"),
        expect![[r#"
        a variable file is a mapping, but this is a list
         --> group_vars/all.yml:1:1
          |
        1 | - a
          | ^"#]],
    );
    fails(
        with("a: b: c\n"),
        expect![[r#"
        mapping values are not allowed here
         --> group_vars/all.yml:1:5
          |
        1 | a: b: c
          |     ^
          = help: a value that holds `: ` needs quotes: `a: "b: c"`"#]],
    );
    fails(
        with("$ANSIBLE_VAULT;1.1;AES256\n6162\n"),
        expect![[r#"
        group_vars/all.yml is encrypted with Ansible Vault
          = note: enlist cannot decrypt whole variable files yet"#]],
    );
    assert_eq!(with("a: 1\na: 2\n").unwrap().warnings.len(), 1);
}

#[test]
fn implicit_localhost_has_the_variables_of_all() {
    let files = memory(&[("hosts", "h1\n[all:vars]\na=1\n"), ("host_vars/localhost.yml", "b: 2\n")]);
    let inventory = load_from(&files, &["hosts".into()], &[]).unwrap();
    assert_eq!(
        Value::Map(inventory.host_vars("localhost")).to_json_line(true),
        r#"{"a": 1, "ansible_connection": "local", "b": 2}"#
    );
    assert!(inventory.is_implicit_localhost("localhost"));
    assert_eq!(matching(&inventory, "all", &[]), ["h1"]);
    assert_eq!(inventory.host_named("nosuch"), None);
}

#[test]
fn magic_variables() {
    let inventory = ini("lone\n[web]\nh1\n[db]\nh1\n[top:children]\nweb\n").unwrap();
    assert_eq!(inventory.group_names("h1"), ["db", "top", "web"]);
    assert_eq!(inventory.group_names("lone"), ["ungrouped"]);
    assert_eq!(
        Value::Map(inventory.groups_value()).to_json_line(false),
        r#"{"all": ["lone", "h1"], "ungrouped": ["lone"], "web": ["h1"], "db": ["h1"], "top": ["h1"]}"#
    );
}

#[test]
fn hosts_added_at_run_time_join_their_groups() {
    let mut inventory = ini("h1\n").unwrap();
    inventory.add_host("new", "fresh", Some(22), None);
    inventory.reconcile();
    assert_eq!(inventory.group_hosts("all"), ["h1", "new"]);
    assert_eq!(inventory.group_names("new"), ["fresh"]);
}

#[test]
fn limits() {
    let inventory = ini("h1\nh2\nh3\n").unwrap();
    assert_eq!(matching(&inventory, "all", &["h2,h1"]), ["h1", "h2"]);
    assert_eq!(matching(&inventory, "all", &["!h2"]), ["h1", "h3"]);
    let selection = inventory.hosts_matching(&["h1".into()], &["nosuch".into()]).unwrap();
    assert_eq!((selection.hosts.len(), selection.unmatched), (0, vec!["nosuch".to_owned()]));
    let files = memory(&[("retry", "h1\n\n h3 \n"), ("empty", "\n")]);
    assert_eq!(pattern::limit(&["h2,@retry".into()], &files).unwrap(), ["h2", "h1", "h3"]);
    assert!(pattern::limit(&["@empty".into()], &files).is_err());
    assert!(pattern::limit(&["".into()], &files).is_err());
    assert!(pattern::limit(&[], &files).unwrap().is_empty());
}

#[test]
fn patterns_that_are_wrong() {
    let inventory = ini("h1\n").unwrap();
    let error = |pattern: &str| inventory.hosts_matching(&[pattern.to_owned()], &[]).unwrap_err().to_string();
    expect![[r#"
        No hosts matched the subscripted pattern 'all[3]'
          = note: `all` matches 1 hosts, counted from 0"#]]
    .assert_eq(&error("all[3]"));
    assert!(error("~h(").starts_with("Invalid host list pattern: ~h("));
}

#[test]
fn deep_diamonds_are_quick() {
    let mut text = String::from("[g0]\nh\n");
    for i in 1..200 {
        text += &format!("[l{i}:children]\ng{0}\n[r{i}:children]\ng{0}\n[g{i}:children]\nl{i}\nr{i}\n", i - 1);
    }
    assert_eq!(ini(&text).unwrap().group_names("h").len(), 598);
}

proptest::proptest! {
    #[test]
    fn any_ini_gives_an_inventory_or_an_error(text in r#"([a-c1:=\[\]#;'"\\ 가]{0,12}\n|\[[ab](:(vars|children))?\]\n){0,6}"#) {
        let shown = ini(&text).map(|inventory| inventory.host_vars("a")).map_err(|error| error.to_string());
        drop(shown);
    }

    #[test]
    fn any_pattern_gives_hosts_or_an_error(pattern in r"[a-b*?\[\]!&~:,0-2.()\-^가]{0,12}") {
        let inventory = ini("a\nb\n[ab]\na0\n가\n").unwrap();
        let _ = inventory.hosts_matching(&[pattern], &[]).map_err(|error| error.to_string());
    }
}
