//! Whole runs over hosts that live in this process.

use crate::connection::fake::FakeConnector;
use crate::inventory;
use crate::playbook::{self, Files};
use crate::runner::events::{Consent, Event, Observer, Stats, Status};
use crate::runner::{Options, Runner, preflight};
use crate::variables::target::Login;
use host::change::outcome::{ItemResult, Outcome};
use host::protocol::{AgentReply, AgentRequest};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use words::value::Value;

mod includes;

/// Files by their paths.
struct Texts<'t>(&'t [(&'t str, &'t str)]);

impl Files for Texts<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Keeps `host task status` of every result, and what is included for whom.
#[derive(Default)]
struct Seen {
    task: String,
    results: Vec<String>,
    recap: Vec<(String, Stats)>,
    /// What is answered when it is asked about a task, first to last.
    answers: Vec<Consent>,
}

impl Observer for Seen {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Task { name, .. } => self.task.clone_from(name),
            Event::Host(result) => {
                let status = match result.status {
                    Status::Failed => "failed",
                    Status::Skipped => "skipped",
                    Status::Unreachable => "unreachable",
                    Status::Ok | Status::Changed => "ok",
                };
                self.results.push(format!("{} {} {status}", result.host, self.task));
            }
            Event::Included { path, hosts, item } => {
                let name = Path::new(path).file_name().unwrap().to_string_lossy();
                let item = item.as_deref().map(|item| format!(" {item}")).unwrap_or_default();
                self.results.push(format!("{name}{item} for {}", hosts.join(" ")));
            }
            Event::Recap(recap) => self.recap.clone_from(recap),
            _ => {}
        }
    }

    fn ask(&mut self, task: &str) -> Option<Consent> {
        self.results.push(format!("asked {task}"));
        (!self.answers.is_empty()).then(|| self.answers.remove(0))
    }
}

/// Runs `tasks` on the hosts a, b and c, which answer by `host`; gives the exit code and what was seen.
fn run(
    tasks: &str,
    host: impl Fn(&str, &AgentRequest) -> Vec<ItemResult> + Send + Sync + 'static,
) -> (u8, Vec<String>) {
    run_as(false, tasks, host)
}

/// As [`run`], in check mode or not.
fn run_as(
    check: bool,
    tasks: &str,
    host: impl Fn(&str, &AgentRequest) -> Vec<ItemResult> + Send + Sync + 'static,
) -> (u8, Vec<String>) {
    let text = format!("- hosts: all\n  gather_facts: no\n  tasks:\n{tasks}");
    let options = Options { forks: 3, check, ..Options::default() };
    let (code, seen) = run_files(&[("p.yml", &text)], &options, Seen::default(), host);
    (code, seen.results)
}

/// Runs the first of `files` on the hosts a, b and c, which answer by `host`.
fn run_files(
    files: &[(&str, &str)],
    options: &Options,
    mut seen: Seen,
    host: impl Fn(&str, &AgentRequest) -> Vec<ItemResult> + Send + Sync + 'static,
) -> (u8, Seen) {
    let files = Texts(files);
    let playbook = playbook::parse(Path::new(files.0[0].0), &files).unwrap();
    let inventory = inventory::load(&["a,b,c".into()], &[]).unwrap();
    let connector = FakeConnector::new(move |name, _, request| Ok(AgentReply { results: host(name, request) }));
    let login = Login::default();
    let runner = Runner::new(&inventory, options, &login, &connector, &files, &mut seen);
    let code = runner.run(&[playbook]).unwrap();
    (code, seen)
}

fn answer(values: Outcome) -> ItemResult {
    ItemResult::unchanged(Ok(values))
}

#[test]
fn a_panic_is_that_tasks_failure_on_that_host() {
    let broken = |name: &str, request: &AgentRequest| {
        assert!(name != "b" || request.module != "ping", "this is how a fault of enlist looks");
        request.items.iter().map(|_| answer(Outcome::new())).collect()
    };
    let (code, seen) = run("    - ping:\n    - getent: database=passwd\n", broken);
    assert_eq!(code, 2);
    assert_eq!(seen, ["a ping ok", "b ping failed", "c ping ok", "a getent ok", "c getent ok"]);
    let ignored = "    - ping:\n      ignore_errors: yes\n    - getent: database=passwd\n";
    let (code, seen) = run(ignored, broken);
    assert_eq!((code, seen.last().unwrap().as_str()), (0, "c getent ok"));
    assert!(seen.contains(&"b getent ok".to_owned()), "the host does not go on: {seen:?}");
}

/// The texts of the items of every request to the host a, which answers each item with its own text.
fn requests(tasks: &str) -> Vec<Vec<String>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    run(tasks, move |name, request| {
        let texts: Vec<_> = request.items.iter().map(|item| item["_raw_params"].to_string()).collect();
        if name == "a" {
            kept.lock().unwrap().push(texts.clone());
        }
        texts.into_iter().map(|text| answer(Outcome::new().with("stdout", text))).collect()
    });
    Arc::try_unwrap(asked).unwrap().into_inner().unwrap()
}

/// What each request to the hosts says by `command`, with whether the password's file was there then.
fn passwords(check: bool, path: &Path, tasks: &str) -> Vec<(String, bool)> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (kept, path) = (asked.clone(), path.to_owned());
    let tasks = tasks.replace("PASSWORD", &format!("{{{{ lookup('password', '{}') }}}}", path.display()));
    let (code, _) = run_as(check, &tasks, move |_, request| {
        let said = request.items[0]["_raw_params"].to_string();
        kept.lock().unwrap().push((said, path.exists()));
        request.items.iter().map(|_| answer(Outcome::new())).collect()
    });
    assert_eq!(code, 0);
    Arc::try_unwrap(asked).unwrap().into_inner().unwrap()
}

#[test]
fn a_task_in_check_mode_writes_no_password_and_a_real_one_keeps_what_was_promised() {
    let place = tempfile::tempdir().unwrap();
    let tasks = "    - command: say PASSWORD\n    - command: say PASSWORD\n";
    let [promised, in_a_run] = ["promised", "in_a_run"].map(|name| place.path().join(name));
    let seen = passwords(true, &promised, tasks);
    assert_eq!(seen, vec![(seen[0].0.clone(), false); 6]);
    assert!(!promised.exists());
    let [dry, real] = ["yes", "no"].map(|check| format!("    - command: say PASSWORD\n      check_mode: {check}\n"));
    for (check, path) in [(true, &promised), (false, &in_a_run)] {
        let seen = passwords(check, path, &(dry.clone() + &real));
        let (first, then) = seen.split_at(3);
        assert_eq!(first, vec![(seen[0].0.clone(), false); 3]);
        assert_eq!(then, vec![(seen[0].0.clone(), true); 3]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{}\n", seen[0].0.trim_start_matches("say ")));
    }
}

#[test]
fn items_that_read_nothing_of_each_other_share_a_request() {
    let plain = "    - command: say {{ item }}\n      loop: [1, 2, 3]\n      register: r\n";
    assert_eq!(requests(plain), [["say 1", "say 2", "say 3"]]);
    let judged = format!("{plain}      changed_when: r.stdout == 'say 2'\n");
    assert_eq!(requests(&judged).len(), 1, "its own result is no result of another item");
}

#[test]
fn an_item_that_reads_the_results_of_earlier_ones_waits_for_them() {
    let reads = "    - command: say {{ item }} {{ r.stdout | default('-') }}\n      loop: [1, 2]\n      register: r\n";
    assert_eq!(requests(reads), [["say 1 -"], ["say 2 say 1 -"]]);
    let later = "    - command: say {{ item }} {{ r.stdout | default('-') if item > 2 else '' }}\n      loop: [1, 2, 3]\n      register: r\n";
    assert_eq!(requests(later), [vec!["say 1 ", "say 2 "], vec!["say 3 say 2 "]]);
    let through = "    - command: say {{ item }} {{ last }}\n      vars: {last: \"{{ r.stdout | default('-') }}\"}\n      loop: [1, 2]\n      register: r\n";
    assert_eq!(requests(through).len(), 2, "it is read through a variable");
}

#[test]
fn facts_stay_with_the_host_and_the_module_that_gave_them() {
    let tasks = "    - setup:\n      run_once: yes\n    - ping:\n    - command: say {{ ansible_hostname | default('none') }} {{ hello | default('none') }}\n      register: r\n    - fail:\n      when: r.stdout != ('say x none' if inventory_hostname == 'a' else 'say none none')\n";
    let (code, seen) = run(tasks, |_, request| {
        let facts = Value::from_json(r#"{"ansible_hostname": "x", "hello": "y"}"#).unwrap();
        let text = |item: &words::value::Map| item.get("_raw_params").map(Value::to_string).unwrap_or_default();
        let reply = |item| answer(Outcome::new().with("ansible_facts", facts.clone()).with("stdout", text(item)));
        request.items.iter().map(reply).collect()
    });
    assert_eq!(code, 0, "{seen:?}");
}

/// What is found in a play with these tasks: errors, then warnings.
fn findings(play: &str) -> (Vec<String>, Vec<String>) {
    let text = format!("- hosts: all\n{play}");
    let playbook = playbook::parse(Path::new("p.yml"), &Texts(&[("p.yml", &text)])).unwrap();
    let found = preflight::check(&playbook);
    let texts = |list: &[words::diag::Diagnostic]| list.iter().map(ToString::to_string).collect();
    (texts(&found.errors), texts(&found.warnings))
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let wrong = [
        ("    - ping:\n      become: sometimes\n", "`become` takes yes or no, and this is 'sometimes'"),
        ("    - ping:\n      run_once: maybe\n", "`run_once` takes yes or no"),
        ("    - ping:\n      until: true\n      delay: x\n", "`delay` takes a number of seconds, and this is 'x'"),
        ("    - ping:\n      retries: -1\n", "`retries` takes a whole number"),
        ("    - ping:\n      throttle: many\n", "`throttle` takes a whole number"),
        ("    - ping:\n      timeout: soon\n", "`timeout` takes a whole number"),
        ("    - pingg:\n", "its modules: accounts, assert, authorized_key"),
        ("    - ping: {dat: x}\n", "Unsupported parameters for (ping) module: dat"),
        ("    - ping:\n      with_sequences: count=1\n", "did you mean `sequence`?"),
        ("    - ping:\n      notify: nobody\n", "The requested handler 'nobody' was not found"),
        ("    - user: {name: x}\n      args: y\n", "`args` takes a mapping, or a template that yields one"),
    ];
    for (task, said) in &wrong[..wrong.len() - 1] {
        let (errors, _) = findings(&format!("  tasks:\n{task}{task}"));
        assert!(errors.iter().any(|error| error.contains(said)), "{said:?} in {errors:?}");
        assert_eq!(errors.len(), 2, "one for each task: {errors:?}");
    }
    let all: String = wrong[..wrong.len() - 1].iter().map(|(task, _)| *task).collect();
    assert_eq!(findings(&format!("  tasks:\n{all}")).0.len(), wrong.len() - 1);
    let (task, said) = wrong[wrong.len() - 1];
    let text = format!("- hosts: all\n  tasks:\n{task}");
    let parsed = playbook::parse(Path::new("p.yml"), &Texts(&[("p.yml", &text)]));
    assert!(parsed.unwrap_err().to_string().contains(said));
}

#[test]
fn a_wrong_keyword_of_a_play_is_told_once() {
    let (errors, _) = findings("  become: sometimes\n  tasks:\n    - ping:\n    - ping:\n");
    assert_eq!(errors.len(), 1, "{errors:?}");
    let fine = "  become: \"{{ x }}\"\n  tasks:\n    - ping:\n      run_once: \"no\"\n      retries: \"3\"\n      delay: 0.5\n";
    assert_eq!(findings(fine), (vec![], vec![]));
}

#[test]
fn a_number_of_the_scheduler_is_the_one_that_is_written() {
    let limits =
        |limits: &str| findings(&format!("  tasks:\n    - slurm_account: {{name: a, limits: {{{limits}}}}}\n")).0;
    for (line, says) in [
        ("MaxWall: 24:00:00", "`24:00:00` is another number to YAML: it reads 86400"),
        ("MaxWall: 24:00:00", "p.yml:3:"),
        ("MaxWall: 24:00:00", "if it is a time, write it in quotes: \"24:00:00\""),
        ("MaxWall: 30:00.5", "`30:00.5` is another number"),
        ("MaxJobs: 010", "write 10"),
        ("MaxJobs: 0x10", "plain decimal digits"),
        ("GrpTRES: {cpu: 1_000}", "write 1000"),
    ] {
        let errors = limits(line);
        assert!(errors.len() == 1 && errors[0].contains(says), "{line}: {errors:?}");
    }
    for fine in ["MaxWall: '24:00:00', MaxJobs: 10", "MaxWall: 1-0, MaxJobs: -1", "MaxJobs: 0", "MaxWall: \"{{ w }}\""]
    {
        assert_eq!(limits(fine), Vec::<String>::new(), "{fine}");
    }
    let looped = "  tasks:\n    - slurm_user: {name: a, account: b, limits: \"{{ item }}\"}\n      loop: [{MaxWall: 12:00:00}]\n";
    assert!(findings(looped).0[0].contains("it reads 43200"), "{:?}", findings(looped).0);
    let qos =
        "  tasks:\n    - slurm_qos: {name: q, limits: {UsageFactor: 1.50}, state: present}\n    - debug: {msg: 0x10}\n";
    assert_eq!(findings(qos).0, Vec::<String>::new(), "a factor, and what is not the scheduler's");
}

#[test]
fn a_mode_that_looks_octal_and_is_not_is_warned_of() {
    let file = |mode: &str| findings(&format!("  tasks:\n    - file: {{path: /x, mode: {mode}}}\n"));
    let (errors, warnings) = file("2775");
    assert!(errors.is_empty(), "{errors:?}");
    assert!(warnings[0].contains("`mode: 2775` is a decimal number: the mode becomes 5327"), "{warnings:?}");
    assert!(warnings[0].contains("write mode: \"2775\""), "{warnings:?}");
    for fine in ["0755", "\"2775\"", "'755'", "0o755", "u=rw", "\"{{ m }}\""] {
        assert_eq!(file(fine).1, Vec::<String>::new(), "{fine}");
    }
    assert_eq!(file("755").1.len(), 1);
}
