//! Playbooks as text in, model or error out.

use super::{Files, Item, Play, parse};
use std::collections::HashMap;
use std::io;
use std::path::Path;

struct Memory(HashMap<&'static str, &'static str>);

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<String> {
        let found = self.0.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        Ok((*found).to_owned())
    }
}

fn plays(files: &[(&'static str, &'static str)]) -> Vec<Play> {
    parse(Path::new(files[0].0), &Memory(files.iter().copied().collect())).unwrap().plays
}

fn error(text: &'static str) -> String {
    parse(Path::new("p.yml"), &Memory(HashMap::from([("p.yml", text)]))).unwrap_err().to_string()
}

fn titles(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .flat_map(|item| match item {
            Item::Task(task) => {
                vec![format!("{} {:?} when {}", task.title(), task.keywords.tags, task.keywords.when.len())]
            }
            Item::Block(block) => titles(&block.tasks),
        })
        .collect()
}

#[test]
fn tasks_inherit_and_user_is_a_module() {
    let plays = plays(&[(
        "p.yml",
        "- hosts: all\n  user: ops\n  tags: a\n  tasks:\n    - user: name=x\n    - block:\n        - group: {name: y}\n          when: q\n      when: [r, s]\n      tags: [b]\n",
    )]);
    assert_eq!(titles(&plays[0].tasks), [r#"user ["a"] when 0"#, r#"group ["a", "b"] when 3"#]);
    assert_eq!(plays[0].keywords.remote_user.as_ref().unwrap().value.to_string(), "ops");
}

#[test]
fn imported_tasks_stand_below_the_imports_keywords() {
    let plays = plays(&[
        ("d/p.yml", "- hosts: all\n  tasks:\n    - import_tasks: sub/t.yml\n      tags: x\n      when: a\n"),
        ("d/sub/t.yml", "- debug: msg=1\n- import_tasks: u.yml\n"),
        ("d/sub/u.yml", "- ping:\n  when: b\n"),
    ]);
    assert_eq!(titles(&plays[0].tasks), [r#"debug ["x"] when 1"#, r#"ping ["x"] when 2"#]);
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    let cases = [
        ("- hosts: all\n  taskss: []\n", "'taskss' is not a valid attribute for a Play\n --> p.yml:2:3"),
        ("- tasks: []\n", "the field 'hosts' is required and must not be empty\n --> p.yml:1:3"),
        ("- hosts: all\n  tasks:\n    - user: name=x\n      whenn: y\n", "did you mean `when`?"),
        ("- hosts: all\n  tasks:\n    - name: x\n", "no module/action detected in task\n --> p.yml:3:7"),
        ("- hosts: all\n  tasks:\n    - ping:\n      register: 1a\n", "`1a` is no valid variable name"),
        ("- hosts: all\n  tasks:\n    - ping:\n      async: 5\n", "does not know the task keyword `async` yet"),
        ("hosts: all\n", "a playbook is a list of plays"),
        ("", "p.yml is empty"),
        ("- hosts: all\n  tasks:\n    - import_tasks: none.yml\n", "none.yml could not be found\n --> p.yml:3:21"),
    ];
    for (text, expected) in cases {
        assert!(error(text).contains(expected), "{expected:?} in:\n{}", error(text));
    }
}
