//! `enlist play` on the cases of tests/cases/play, against what ansible-playbook said (see record.py there), and the
//! page docs/conformance.md that is made of them. `UPDATE=1` writes what enlist says into the cases that differ on
//! purpose, and the page.

use crate::support::enlist_path;
use fancy_regex::Regex;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One playbook and what ansible-playbook made of it.
struct Case {
    name: String,
    /// What it shows.
    about: Vec<String>,
    args: Vec<String>,
    /// Why enlist differs on purpose.
    differs: Option<String>,
    /// What ansible-playbook said.
    theirs: String,
}

/// How a case came out.
enum Came {
    Equal,
    OnPurpose,
    Wrong(String),
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/play")
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(root()).expect("the cases are there").map(|entry| entry.unwrap().path());
    let mut playbooks: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect();
    playbooks.sort();
    playbooks.iter().map(|path| read_case(path)).collect()
}

/// The comments at the head of a playbook say what it is.
fn read_case(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    let head = text.lines().map_while(|line| line.strip_prefix("# "));
    let mut case = Case {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        about: Vec::new(),
        args: Vec::new(),
        differs: None,
        theirs: fs::read_to_string(path.with_extension("out")).expect("record.py has recorded it"),
    };
    for line in head {
        match line.split_once(": ") {
            Some(("args", args)) => case.args = args.split_whitespace().map(str::to_owned).collect(),
            Some(("differs", why)) => case.differs = Some(why.to_owned()),
            _ => case.about.push(line.to_owned()),
        }
    }
    case
}

/// What cannot be equal. Keep these in step with MASKS in record.py.
fn mask(text: &str, directory: &Path) -> String {
    let masks = [
        // Times of commands.
        (r#""(start|end|delta)": "[^"]*""#, r#""$1": "TIME""#),
        // Error blocks are each program's own; the result line below them is compared.
        (r"(?m)^\[ERROR\]:(?s:.*?)(?=^(?:fatal|failed): )", ""),
    ];
    let text = text.replace(directory.to_str().unwrap(), "DIR");
    masks.iter().fold(text, |text, (pattern, replacement)| {
        Regex::new(pattern).unwrap().replace_all(&text, *replacement).into_owned()
    })
}

/// Standard output, exit code and resulting files of the case with enlist.
fn run(case: &Case) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().canonicalize().unwrap().join("case");
    copy_tree(&root(), &directory);
    fs::create_dir(directory.join("work")).unwrap();
    let ran = Command::new(enlist_path())
        .args(["play", "-i", "hosts", &format!("{}.yml", case.name)])
        .args(&case.args)
        .current_dir(&directory)
        .env_remove("ANSIBLE_INVENTORY")
        .output()
        .unwrap();
    let stdout = String::from_utf8(ran.stdout).unwrap();
    let mut text = mask(&stdout, &directory);
    writeln!(text, "--- exit {}", ran.status.code().unwrap_or(-1)).unwrap();
    list_files(&directory.join("work"), &directory.join("work"), &mut text);
    text
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in sorted(from) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy_tree(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn list_files(work: &Path, directory: &Path, text: &mut String) {
    for path in sorted(directory) {
        let name = path.strip_prefix(work).unwrap().display();
        let meta = path.symlink_metadata().unwrap();
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            writeln!(text, "--- link {name} -> {}", fs::read_link(&path).unwrap().display()).unwrap();
        } else if meta.is_dir() {
            writeln!(text, "--- directory {name} {mode:04o}").unwrap();
            list_files(work, &path, text);
        } else {
            write!(text, "--- file {name} {mode:04o}\n{}", fs::read_to_string(&path).unwrap()).unwrap();
        }
    }
}

/// Compares one case; one that differs on purpose must differ, and exactly as its `.enlist` file says.
fn compare(case: &Case, update: bool) -> Came {
    let ours = run(case);
    let kept = root().join(&case.name).with_extension("enlist");
    match (&case.differs, ours == case.theirs) {
        (None, true) if kept.exists() => Came::Wrong(format!("{}: the file .enlist is left over\n", case.name)),
        (None, true) => Came::Equal,
        (None, false) => Came::Wrong(difference(&case.name, &case.theirs, &ours)),
        (Some(_), true) => Came::Wrong(format!("{}: does not differ; drop `# differs`\n", case.name)),
        (Some(_), false) => {
            if update {
                fs::write(&kept, &ours).unwrap();
            }
            match fs::read_to_string(&kept).unwrap_or_default() {
                expected if expected == ours => Came::OnPurpose,
                expected => Came::Wrong(difference(&case.name, &expected, &ours)),
            }
        }
    }
}

fn difference(name: &str, expected: &str, ours: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, ours);
    format!("{name}\n{}", diff.unified_diff().header("expected", "enlist"))
}

/// `CASE=name` looks at one.
#[test]
fn playbooks_run_as_with_ansible_playbook() {
    let update = std::env::var_os("UPDATE").is_some();
    let only = std::env::var("CASE").ok();
    let (mut equal, mut on_purpose, mut wrong) = (0, 0, Vec::new());
    for case in cases().iter().filter(|case| only.as_ref().is_none_or(|name| *name == case.name)) {
        match compare(case, update) {
            Came::Equal => equal += 1,
            Came::OnPurpose => on_purpose += 1,
            Came::Wrong(why) => wrong.push(why),
        }
    }
    println!("{equal} cases are equal, {on_purpose} differ on purpose, {} are wrong", wrong.len());
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The page about it, for people.
fn page() -> String {
    let cases = cases();
    let differing: Vec<_> = cases.iter().filter(|case| case.differs.is_some()).collect();
    let mut page = format!(
        "# How far playbooks run as with Ansible\n\n\
         {} playbooks of `tests/cases/play` are run by ansible-playbook (ansible-core 2.19.14, recorded by `record.py`\n\
         there) and by `enlist play` (in `make test`). Standard output, exit code and resulting files are compared byte \
         for\nbyte, without times and without the error blocks above `fatal:` lines, which are each program's own.\n\n\
         **{} are equal, {} differ on purpose.** This page is made from the cases (`tests/it/play_cases.rs`).\n\n",
        cases.len(),
        cases.len() - differing.len(),
        differing.len(),
    );
    page.push_str("## Differences on purpose\n\n");
    for case in differing {
        let ours = fs::read_to_string(root().join(&case.name).with_extension("enlist")).unwrap_or_default();
        let why = case.differs.as_deref().unwrap_or_default();
        let diff = similar::TextDiff::from_lines(&case.theirs, &ours);
        let diff = diff.unified_diff().context_radius(1).header("ansible", "enlist").to_string();
        let diff: String = diff.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        writeln!(page, "### {}\n\n{} {why}.\n\n```diff\n{diff}```\n", case.name, about(case)).unwrap();
    }
    page.push_str("## Equal\n\n");
    for case in cases.iter().filter(|case| case.differs.is_none()) {
        writeln!(page, "- `{}`: {}", case.name, about(case)).unwrap();
    }
    page
}

fn about(case: &Case) -> String {
    let mut text = case.about.join(" ");
    if !case.args.is_empty() {
        write!(text, "{}(`{}`)", if text.is_empty() { "" } else { " " }, case.args.join(" ")).unwrap();
    }
    text
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/conformance.md is out of date: run `UPDATE=1 cargo test --test it play_cases`");
}
