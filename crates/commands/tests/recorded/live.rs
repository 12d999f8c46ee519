//! `tests/cases/live`: what the real sbatch, squeue, scancel, sinfo, scontrol and sprio 22.05.8 said must be what ours say,
//! numbers of jobs, times and what a machine measures masked. Where we differ on purpose, the case says so and why.

use crate::site::Site;
use crate::stage::{Asking, Stage};
use commands::cluster::Controller;
use commands::sbatch::{self, Files, Given, Stop};
use commands::sstat::{self, Usages};
use commands::{Output, Reply, scancel, scontrol, sinfo, sprio, squeue};
use fancy_regex::Regex;
use scheduling::Present;
use scheduling::event::{Accepted, Denial, SchedulerEvent};
use scheduling::id::{Attempt, JobId, NodeName};
use scheduling::job::{JobPhase, Submission};
use scheduling::measured::{Measured, RunUsage};
use slurm::records::{ExitCode, StepId};
use slurm::settings::Weights;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use words::raw::RawText;

const PLACE: &str = "/tmp/cases";

/// As in `tests/cases/live/record`.
const ACCOUNTS: &str = "
add account lab description=lab
add user alice account=lab
add user bob account=lab
add user carol account=lab
add user dave account=lab adminlevel=operator
add coordinator account=lab name=carol
";

/// As in `tests/cases/live/record`.
const MASKS: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME"),
    (r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}", "DATE"),
    (r"\b0:[0-5]\d\b(?!:)", "0:SS"),
    (r"\b59:[0-5]\d\b(?!:)", "59:SS"),
    (r"RunTime=00:00:\d\d", "RunTime=00:00:SS"),
    (r"AllocNode:Sid=\S+", "AllocNode:Sid=HOST"),
    (r" Arch=\S+", ""),
    (r"CPULoad=\S+", "CPULoad=N"),
    (r"FreeMem=\S+", "FreeMem=N"),
    (r"NodeAddr=\S+ NodeHostName=\S+( Port=\d+)?", "NodeAddr=N NodeHostName=N"),
    (r"(?m)^ *OS=.*\n", ""),
    (r" OS=Linux [^@]*@0 ", ""),
    (r"BootTime=\S+ SlurmdStartTime=\S+", "BootTime=N SlurmdStartTime=N"),
    (r"LastBusyTime=\S+", "LastBusyTime=N"),
    (r"SecsPreSuspend=[1-9]\d*", "SecsPreSuspend=N"),
    (r"LastSchedEval=\S+ Scheduler=\S+", "LastSchedEval=N"),
    (r"slurm(-wlm)? 22\.05\.8.*", "slurm 22.05.8"),
    (r"\(primary\) at \S+ is UP", "(primary) at HOST is UP"),
    (r"(?m)^scancel: select/.*\n", ""),
    (r"Job \d+ to start", "Job ID to start"),
];

/// The cluster of these cases.
pub fn site() -> Site {
    Site::new(2, Weights { job_size: 1000, ..Weights::default() }, ACCOUNTS)
}

/// One command with what was recorded.
#[derive(Default)]
struct Case {
    command: String,
    theirs: Vec<String>,
    why: Option<String>,
    ours: Vec<String>,
}

/// A step of a file.
enum Step {
    Command(Case),
    Directive(String),
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let recorded = ["1|", "2|", "= "].iter().any(|begin| line.starts_with(begin));
        match steps.last_mut() {
            _ if line.starts_with("! ") => steps.push(Step::Directive(line[2..].to_owned())),
            Some(Step::Command(case)) if recorded => case.theirs.push(line.to_owned()),
            Some(Step::Command(case)) if line.starts_with('>') => case.ours.push(line[1..].to_owned()),
            Some(Step::Command(case)) if line.starts_with("ours: ") => case.why = Some(line[6..].to_owned()),
            _ if line.contains("$ ") => steps.push(Step::Command(Case { command: line.to_owned(), ..Case::default() })),
            _ => panic!("no part of a case: {line}"),
        }
    }
    steps
}

/// The files of a case, in memory.
#[derive(Default)]
pub struct Directory(BTreeMap<String, Vec<u8>>);

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path.strip_prefix(PLACE).map(|rest| rest.trim_start_matches('/')) {
            _ if path.is_empty() => Ok(Vec::new()),
            _ if path == "/usr/bin/true" => Ok(b"\x7fELF".to_vec()),
            Some(name) => self.0.get(name).cloned().ok_or_else(|| "No such file or directory".to_owned()),
            None => Err("No such file or directory".to_owned()),
        }
    }

    fn find(&self, name: &str) -> Option<String> {
        (name == "true").then(|| "/usr/bin/true".to_owned())
    }
}

/// All steps have used the same.
struct Busy;

impl Usages for Busy {
    fn measure(&self, nodes: &BTreeSet<NodeName>) -> BTreeSet<NodeName> {
        nodes.clone()
    }

    fn used(&self, _: &NodeName, _: JobId, _: Attempt, _: StepId) -> Option<Measured> {
        let usage = RunUsage {
            user_cpu: Some(1_500_000),
            system_cpu: Some(700_000),
            peak_memory: Some(3096 << 10),
            read: Some(53_865),
            written: Some(2157),
        };
        Some(Measured { usage, pids: vec![238, 239] })
    }
}

struct Play {
    stage: Stage,
    directory: Directory,
    jobs: Vec<JobId>,
    masks: Vec<(Regex, &'static str)>,
}

impl Play {
    fn new() -> Self {
        let masks = MASKS.iter().map(|(pattern, instead)| (Regex::new(pattern).unwrap(), *instead)).collect();
        Self { stage: Stage::of(site()), directory: Directory::default(), jobs: Vec::new(), masks }
    }

    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (at, job) in self.jobs.iter().enumerate().rev() {
            text = text.replace(&format!("JOB{}", at + 1), &job.to_string());
        }
        text
    }

    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, instead) in &self.masks {
            text = pattern.replace_all(&text, *instead).into_owned();
        }
        self.with_labels(&text)
    }

    /// As long as a number of four digits, so that columns stay.
    fn with_labels(&self, text: &str) -> String {
        let label = |number: &str| {
            let id = number.parse().ok().map(JobId);
            let at = id.and_then(|id| self.jobs.iter().position(|job| *job == id)).map(|at| at + 1);
            at.map_or_else(|| number.to_owned(), |at| if at < 10 { format!("JOB{at}") } else { format!("JB{at}") })
        };
        let (mut labelled, mut rest) = (String::new(), text);
        while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
            let digits = rest[begin..].bytes().take_while(u8::is_ascii_digit).count();
            labelled.push_str(&rest[..begin]);
            labelled.push_str(&label(&rest[begin..begin + digits]));
            rest = &rest[begin + digits..];
        }
        labelled + rest
    }

    fn direct(&mut self, text: &str) {
        let words = shell_words::split(&self.named(text)).unwrap();
        match words[0].as_str() {
            "sacctmgr" => self.stage.sacctmgr(&text["sacctmgr ".len()..]),
            "file" => _ = self.directory.0.insert(words[1].clone(), unescaped(&words[2])),
            "ends" => {
                let (code, signal) = words[2].split_once(':').unwrap();
                let exit = ExitCode { code: code.parse().unwrap(), signal: signal.parse().unwrap() };
                self.end_all(JobId(words[1].parse().unwrap()), exit);
            }
            other => panic!("no directive: {other}"),
        }
    }

    /// Ends what runs of a job; of an array task after task.
    fn end_all(&mut self, job: JobId, exit: ExitCode) {
        let records = |play: &Self| {
            let tasks: Vec<JobId> = play.stage.core.array_records(job).collect();
            let all = if tasks.is_empty() { vec![job] } else { tasks };
            let is_running =
                |id: &JobId| play.stage.core.job(*id).is_some_and(|job| matches!(job.phase, JobPhase::Running(_)));
            all.into_iter().find(is_running)
        };
        assert!(records(self).is_some(), "{job} runs");
        while let Some(record) = records(self) {
            self.stage.end(record, exit);
        }
    }

    /// A job that theirs took and ours did not has a number all the same, which nothing else has.
    fn count_refused(&mut self, theirs: &[String]) {
        let labels = theirs.iter().filter_map(|line| line.strip_prefix("1|")?.strip_prefix("Submitted batch job "));
        for label in labels {
            let label = label.split(' ').next().unwrap_or_default();
            let place: usize = label.trim_start_matches("JOB").trim_start_matches("JB").parse().unwrap();
            if self.jobs.len() < place {
                self.jobs.push(JobId(u32::MAX));
            }
        }
    }

    fn run(&mut self, line: &str) -> Vec<String> {
        let line = self.named(line);
        let (user, command) = line.split_once("$ ").unwrap();
        let mut argv = shell_words::split(command).unwrap();
        let mut environment = BTreeMap::new();
        while let Some((name, value)) = argv[0].split_once('=') {
            environment.insert(name.to_owned(), value.to_owned());
            argv.remove(0);
        }
        let program = argv.remove(0);
        self.stage.now += i64::from(program == "sbatch");
        let reply = if program == "sbatch" {
            self.submit(user, &argv, &environment)
        } else {
            self.ask(user, &program, &argv, &environment)
        };
        let mut lines = Vec::new();
        for (stream, text) in [("1", &reply.stdout), ("2", &reply.stderr)] {
            let text = self.masked(text);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let is_said = !text.is_empty() || reply_is_blank(&reply, stream);
            lines.extend(text.split('\n').filter(|_| is_said).map(|line| format!("{stream}|{line}")));
        }
        lines.push(format!("= {}", reply.code));
        lines
    }

    fn submit(&mut self, user: &str, argv: &[String], environment: &BTreeMap<String, String>) -> Reply {
        let now = self.stage.zoned();
        let raw = |(name, value): (&String, &String)| (RawText::from(name.as_str()), RawText::from(value.as_str()));
        let given = Given {
            environment: environment.iter().map(raw).collect(),
            directory: PLACE.into(),
            host: "host".into(),
            umask: 0o22,
            limits: Vec::new(),
            session: 1,
            now: &now,
            files: &self.directory,
        };
        let order = match sbatch::read(argv, &given) {
            Ok(order) => order,
            Err(Stop(reply)) => return *reply,
        };
        if let Some(why) = sbatch::elsewhere("ref", order.cluster.as_deref()) {
            return Reply { stderr: order.refused(&why), code: 1, ..Reply::default() };
        }
        // As the client itself does it.
        let code = environment.get("SLURM_EXIT_ERROR").map_or(1, |text| text.parse().unwrap());
        let (submission, batch) = self.stage.submission(user, order.request.clone());
        let asked = submission.clone();
        if order.test_only {
            let present = Present { accounts: &self.stage.accounts, now: self.stage.now };
            return match sbatch::test_only(&self.stage.core, present, submission, &now) {
                Ok(text) => Reply { stderr: order.noted(&[text]), ..Reply::default() },
                Err(denial) => Reply { code, ..refused(&self.stage, &order, &asked, denial) },
            };
        }
        match self.stage.on(SchedulerEvent::Submit(Box::new(submission))) {
            Ok(Accepted::Submitted(job)) => {
                self.stage.scripts.insert(job, batch);
                // As the script that records does it: a number that nobody was told has no name.
                self.jobs.extend(Some(job).filter(|_| !order.quiet));
                Reply { stdout: order.submitted(job, "ref"), stderr: order.noted(&[]), ..Reply::default() }
            }
            Ok(other) => panic!("{other:?}"),
            Err(denial) => Reply { code, ..refused(&self.stage, &order, &asked, denial) },
        }
    }

    fn ask(&mut self, user: &str, program: &str, argv: &[String], environment: &BTreeMap<String, String>) -> Reply {
        let (caller, now, scripts) = (self.stage.caller(user), self.stage.zoned(), self.stage.scripts.clone());
        let mut asking = Asking { stage: &mut self.stage, caller, now, scripts };
        match program {
            "squeue" => squeue::run(&asking.cluster(), environment, argv, Output::default()),
            "sinfo" => sinfo::run(&asking.cluster(), environment, argv, Output::default()),
            "sprio" => sprio::run(&asking.cluster(), environment, argv, Output::default()),
            "sstat" => sstat::run(&asking.cluster(), &Busy, argv, Output::default()),
            "scancel" => scancel::run(&mut asking, environment, argv, &[]),
            "scontrol" => scontrol::run(&mut asking, environment, argv),
            other => panic!("no program: {other}"),
        }
    }
}

fn refused(stage: &Stage, order: &sbatch::Order, asked: &Submission, denial: Denial) -> Reply {
    let remarks = sbatch::remarks(stage.core.config(), &stage.accounts, asked, denial);
    let stderr = order.noted(&remarks) + &order.refused(&denial.to_string());
    Reply { stderr, code: 1, ..Reply::default() }
}

/// Whether a stream has a line end and nothing else.
fn reply_is_blank(reply: &Reply, stream: &str) -> bool {
    (if stream == "1" { &reply.stdout } else { &reply.stderr }) == "\n"
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match (byte, byte == b'\\') {
            (_, true) => match rest.next() {
                Some(b'n') => bytes.push(b'\n'),
                Some(b'r') => bytes.push(b'\r'),
                Some(b'x') => {
                    let digits: String = rest.by_ref().take(2).map(char::from).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                Some(other) => bytes.push(other),
                None => panic!("a backslash at the end"),
            },
            (byte, false) => bytes.push(byte),
        }
    }
    bytes
}

fn files() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/live");
    let mut found: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    found.sort();
    found
}

#[test]
fn ours_says_what_theirs_says() {
    let (mut wrong, mut count, mut failed, mut different) = (String::new(), 0, 0, 0);
    for path in files() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut play = Play::new();
        for step in parse(&std::fs::read_to_string(&path).unwrap()) {
            let case = match step {
                Step::Directive(text) => {
                    play.direct(&text);
                    continue;
                }
                Step::Command(case) => case,
            };
            let said = play.run(&case.command);
            play.count_refused(&case.theirs);
            count += 1;
            different += usize::from(case.why.is_some());
            let expected = if case.why.is_some() { &case.ours } else { &case.theirs };
            if said != *expected {
                failed += 1;
                let _ = writeln!(wrong, "{name}: {}", case.command);
                expected.iter().for_each(|line| _ = writeln!(wrong, "-{line}"));
                said.iter().for_each(|line| _ = writeln!(wrong, "+{line}"));
            }
        }
    }
    if let Some(file) = std::env::var_os("ENLIST_SAVE_DIFFERENCES") {
        std::fs::write(file, &wrong).unwrap();
    }
    assert!(failed == 0, "{failed} of {count} commands differ ({different} on purpose):\n{wrong}");
    assert!(count > 1300, "{count} commands are few");
    assert!(different * 20 <= count, "{different} of {count} commands differ on purpose: too many");
}
