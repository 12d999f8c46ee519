//! `docs/modules`: each module's table stands on one page, between marks; around it is what people wrote.

use super::{is_update, page};
use crate::support::enlist_path;
use enlist::cli::doc::{Documented, all};
use enlist::view::doc::markdown;
use std::path::Path;
use std::process::Command;

fn marks(name: &str) -> (String, String) {
    (format!("<!-- enlist doc {name} -->\n"), format!("<!-- end of enlist doc {name} -->\n"))
}

/// `text` with what stands between the module's marks made anew; `None` where it has no such marks.
fn made_anew(text: &str, module: &Documented) -> Option<String> {
    let (begin, end) = marks(module.spec.name);
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}{end}{after}", markdown(module.spec, module.side)))
}

fn pages() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(page("modules")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = entries.collect();
    pages.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    pages.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn index() -> String {
    let pages = pages();
    let mut text =
        "# Modules\n\nMade by `enlist doc`, which says the same on a terminal, with `--json` for scripts.\n\n\
                    | module | |\n|---|---|\n"
            .to_owned();
    for module in all() {
        let name = module.spec.name;
        let (begin, _) = marks(name);
        let (file, _) = pages.iter().find(|(_, text)| text.contains(&begin)).unwrap_or_else(|| {
            panic!("no page below docs/modules has the marks of `{name}`: UPDATE=1 cargo test --test it docs::")
        });
        text += &format!("| [`{name}`]({file}) | {} |\n", module.spec.summary.replace('|', "\\|"));
    }
    text
}

fn keep(name: &str, is: &str, wanted: &str) {
    if is_update() && is != wanted {
        std::fs::write(page("modules").join(name), wanted).unwrap();
    } else {
        assert_eq!(is, wanted, "docs/modules/{name} is out of date: UPDATE=1 cargo test --test it docs::");
    }
}

#[test]
fn pages_say_what_the_tables_say() {
    for module in all() {
        let name = module.spec.name;
        let found = pages().into_iter().find_map(|(file, text)| {
            let anew = made_anew(&text, &module)?;
            Some((file, text, anew))
        });
        match found {
            Some((file, text, anew)) => keep(&file, &text, &anew),
            None => {
                let (begin, end) = marks(name);
                let text = format!("# `{name}`\n\n{begin}{}{end}", markdown(module.spec, module.side));
                keep(&format!("{name}.md"), "", &text);
            }
        }
    }
    let path = page("modules").join("README.md");
    keep("README.md", &std::fs::read_to_string(path).unwrap_or_default(), &index());
}

#[test]
fn every_module_and_parameter_is_explained() {
    for module in all() {
        assert!(!module.spec.summary.is_empty(), "{}", module.spec.name);
        for param in module.spec.params {
            assert!(!param.help.is_empty(), "{}: {}", module.spec.name, param.name);
        }
    }
}

fn enlist(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(enlist_path()).arg("doc").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn doc_lists_modules_and_shows_one() {
    let (code, list, _) = enlist(&[]);
    assert_eq!(code, 0);
    for name in ["user", "slurm_account", "set_fact", "meta"] {
        assert!(list.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {list}");
    }
    let (code, user, _) = enlist(&["ansible.builtin.user"]);
    assert_eq!(code, 0);
    assert!(user.starts_with("user: ") && user.contains("\n  name (user)"), "{user}");
    let (code, _, error) = enlist(&["usr"]);
    assert_eq!(code, 1);
    assert!(error.contains("there is no module `usr`") && error.contains("did you mean `user`?"), "{error}");
}

#[test]
fn doc_for_scripts_has_every_key() {
    let (code, out, _) = enlist(&["--json", "copy", "debug"]);
    assert_eq!(code, 0);
    let modules: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((modules[0]["module"].as_str(), modules[0]["runs_on"].as_str()), (Some("copy"), Some("host")));
    assert_eq!((modules[1]["module"].as_str(), modules[1]["runs_on"].as_str()), (Some("debug"), Some("controller")));
    let keys = ["name", "aliases", "type", "required", "default", "choices", "secret", "help"];
    for param in modules[0]["parameters"].as_array().unwrap() {
        assert_eq!(param.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), keys);
    }
}
