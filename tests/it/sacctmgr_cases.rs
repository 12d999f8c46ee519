//! Ours and theirs: what the real sacctmgr 22.05.8 said to the commands in `tests/cases/sacctmgr/*.txt` (recorded by
//! `tests/cases/sacctmgr/record`) must be what ours says, byte for byte, times masked. Where we differ on purpose, the
//! case says so and why; `docs/compatibility.md` lists these and is checked here.

use super::service::Service;
use service::store::Store;
use slurm::model::{Event, Reservation, ReservationId, TresCounts};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use words::people::Uid;

/// One command with what was recorded.
#[derive(Default)]
pub struct Case {
    pub user: String,
    pub command: String,
    theirs: Vec<String>,
    why: Option<String>,
    /// It uses a word of a later release, which 22.05.8 refuses.
    later: bool,
    ours: Vec<String>,
}

impl Case {
    pub fn expected(&self) -> &[String] {
        if self.why.is_some() { &self.ours } else { &self.theirs }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The programs whose cases are recorded, each in its directory.
const PROGRAMS: [&str; 4] = ["sacctmgr", "sacct", "sreport", "sshare"];

/// Those about jobs and nodes: their cases are of `crates/commands/tests/recorded`.
const ABOUT_JOBS: [&str; 7] = ["scancel", "scontrol", "sdiag", "sinfo", "sprio", "squeue", "sstat"];

/// The case files of a program.
pub fn files(program: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/cases").join(program)).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    found.sort();
    found
}

/// The cases of a file.
pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let recorded = line.starts_with("1|") || line.starts_with("2|") || line.starts_with("= ");
        match (line.split_once("$ "), cases.last_mut()) {
            (_, Some(case)) if recorded => case.theirs.push(line.to_owned()),
            (_, Some(case)) if line.starts_with('>') => case.ours.push(line[1..].to_owned()),
            (_, Some(case)) if line.starts_with("ours: ") => case.why = Some(line[6..].to_owned()),
            (_, Some(case)) if line.starts_with("later: ") => {
                (case.why, case.later) = (Some(line[7..].to_owned()), true);
            }
            (Some((user, command)), _) => {
                cases.push(Case { user: user.into(), command: command.into(), ..Case::default() });
            }
            (None, None) => {} // how to set the stage: `! event …`, see `seeded`, or `classic`
            _ => panic!("no part of a case: {line}"),
        }
    }
    cases
}

fn run(service: &Service, directory: &Path, case: &Case) -> Vec<String> {
    let (command, lines) = case.command.split_once(" <<| ").unwrap_or((&case.command, ""));
    let (command, feed) = command.split_once(" <<< ").unwrap_or((command, ""));
    let argv = shell_words::split(command).unwrap();
    let program = match argv[0].as_str() {
        "sacctmgr" => service.path("sacctmgr"),
        other => other.into(),
    };
    let mut child = match case.user.as_str() {
        "" => Command::new(program),
        user => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), "--regid=nogroup", "--clear-groups", "--"]);
            command.arg(program);
            command
        }
    };
    child.args(&argv[1..]).env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC").env_remove("ENLIST_REHEARSE");
    // A shell's sacctmgr is ours, too.
    let path = format!("{}:{}", service.path("").display(), std::env::var("PATH").unwrap());
    let mut child = child
        .env("PATH", path)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = shell_words::split(lines).unwrap().into_iter().map(|line| line + "\n");
    let feed = shell_words::split(feed).unwrap().into_iter().chain(lines).collect::<String>();
    // A command that asks nothing may end before it reads.
    let _ = child.stdin.take().unwrap().write_all(feed.as_bytes());
    let out = child.wait_with_output().unwrap();
    let mut lines = Vec::new();
    for (stream, bytes) in [("1", &out.stdout), ("2", &out.stderr)] {
        let text = mask(&String::from_utf8_lossy(bytes));
        lines.extend(text.lines().map(|line| format!("{stream}|{line}")));
    }
    lines.push(format!("= {}", out.status.code().unwrap_or(-1)));
    lines
}

fn mask(text: &str) -> String {
    let time = fancy_regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|(?<=mod_time=)\d+").unwrap();
    let microseconds = fancy_regex::Regex::new(r"usec=\d+").unwrap();
    microseconds.replace_all(&time.replace_all(text, "TIME"), "usec=TIME").into_owned()
}

/// A service whose store has what a controller would have reported: the lines `! event …`, `! reservation …` and `! jobs`.
fn seeded(settings: &str, text: &str) -> Service {
    let rows: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("! ")?.split_once(' ')).collect();
    let service = Service::prepared(settings, |path| {
        if rows.is_empty() {
            return;
        }
        let mut store = Store::open(path).unwrap();
        let mut state = store.load().unwrap();
        for (kind, row) in &rows {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            match *kind {
                "event" => {
                    let id = state.events.last_key().map_or(1, |id| id + 1);
                    state.events.put(id, event(id, &row));
                }
                "reservation" => {
                    let row = reservation(&row);
                    state.reservations.put(row.key(), row);
                }
                _ => panic!("no kind of row: {kind}"),
            }
        }
        let draft = store.draft().unwrap();
        draft.save(&state).unwrap();
        draft.keep().unwrap();
    });
    if text.lines().any(|line| line == "! jobs") {
        super::job_cases::fill(&service);
    }
    service
}

fn word(row: &serde_json::Value, key: &str) -> String {
    row[key].as_str().unwrap().to_owned()
}

fn counts(row: &serde_json::Value) -> TresCounts {
    let counts = row["tres"].as_object().unwrap().iter();
    counts.map(|(id, count)| (id.parse().unwrap(), count.as_u64().unwrap())).collect()
}

fn event(id: u64, row: &serde_json::Value) -> Event {
    Event {
        id,
        cluster: word(row, "cluster"),
        node: word(row, "node"),
        start: row["start"].as_i64().unwrap(),
        end: row["end"].as_i64(),
        state: u32::try_from(row["state"].as_u64().unwrap()).unwrap(),
        reason: word(row, "reason"),
        user: row["user"].as_u64().map(|uid| Uid(u32::try_from(uid).unwrap())),
        tres: counts(row),
        cluster_nodes: word(row, "cluster_nodes"),
    }
}

fn reservation(row: &serde_json::Value) -> Reservation {
    Reservation {
        cluster: word(row, "cluster"),
        id: ReservationId(u32::try_from(row["id"].as_u64().unwrap()).unwrap()),
        name: word(row, "name"),
        start: row["start"].as_i64().unwrap(),
        end: row["end"].as_i64().unwrap(),
        tres: counts(row),
        flags: row["flags"].as_u64().unwrap(),
        nodes: word(row, "nodes"),
        unused_wall: row["unused_wall"].as_f64().unwrap(),
        associations: word(row, "associations"),
    }
}

#[test]
fn ours_says_what_theirs_says() {
    let mut wrong = String::new();
    let mut count = 0;
    for path in files("sacctmgr") {
        let text = std::fs::read_to_string(&path).unwrap();
        let settings = text.lines().next().and_then(|line| line.strip_prefix("# slurmdbd: ")).unwrap_or_default();
        let service = seeded(&settings.replace("; ", "\n"), &text);
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        for case in parse(&text) {
            count += 1;
            let said = run(&service, directory.path(), &case);
            if said != case.expected() {
                let name = path.file_name().unwrap().display();
                writeln!(wrong, "{name}: {}$ {}\nexpected:", case.user, case.command).unwrap();
                case.expected().iter().for_each(|line| writeln!(wrong, "  {line}").unwrap());
                writeln!(wrong, "said:").unwrap();
                said.iter().for_each(|line| writeln!(wrong, "  {line}").unwrap());
            }
        }
    }
    assert!(count >= 300, "only {count} cases were found");
    assert!(wrong.is_empty(), "{wrong}");
}

/// The page between its head and its end is made of the cases.
fn page() -> String {
    let mut table = String::from("| area | commands | the same byte for byte |\n|---|---:|---:|\n");
    let (mut differences, mut later) = (String::new(), String::new());
    let (mut all, mut same, mut apart) = (0, 0, 0);
    for (program, path) in
        PROGRAMS.iter().flat_map(|program| files(program).into_iter().map(move |path| (program, path)))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = parse(&text);
        let area = format!("{program} {}", path.file_stem().unwrap().display());
        let equal = cases.iter().filter(|case| case.why.is_none()).count();
        let counted = cases.iter().filter(|case| !case.later).count();
        writeln!(table, "| {area} | {counted} | {equal} |").unwrap();
        for case in cases.iter().filter(|case| case.why.is_some()) {
            let why = case.why.as_deref().unwrap_or_default();
            let list = if case.later { &mut later } else { &mut differences };
            writeln!(list, "- {area}: `{}`: {why}", case.command).unwrap();
        }
        all += counted;
        same += equal;
        apart += cases.len() - counted;
    }
    let share = same as f64 / all as f64 * 100.0;
    writeln!(table, "| **all** | **{all}** | **{same}** ({share:.1} %) |").unwrap();
    let with_later = same as f64 / (all + apart) as f64 * 100.0;
    let apart = format!(
        "{apart} more commands use words of later releases, which 22.05.8 refuses and scripts ask for; they are not in the \
         table\n(with them it would be {with_later:.1} %) but in a list of their own.\n"
    );
    format!(
        "{HEAD}\n{table}\n{apart}\n## Where ours differs on purpose\n\n{differences}\n\
         ## Words of later releases\n\n{later}\n{}\n{WORKLOAD}{}\n{}",
        live(),
        priorities(),
        admission()
    )
}

/// The section about priorities: the cases in `tests/cases/sprio`.
fn priorities() -> String {
    let texts = files("sprio").into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    let texts: Vec<String> = texts.collect();
    let count = |begin: &str| texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with(begin)).count();
    format!(
        "## Priorities\n\n`tests/cases/sprio/record` lets people of a tree of accounts use up time on a real cluster, submits jobs that have \
         to\nwait, and asks sprio for every factor. `make test` asks the same of our core, for Fair Tree and the classic factor.\n\n\
         {} rows in {} cases are the same to the last digit{}\n",
        count("row "),
        texts.len(),
        if count("ours ") == 0 { "." } else { ", but for the age with `ACCRUE_ALWAYS`: 22.05.8 leaves it at 0." },
    )
}

/// The section about commands for jobs and nodes: the cases in `tests/cases/live`.
fn live() -> String {
    let (mut table, mut differences) =
        (String::from("| area | commands | the same |\n|---|---:|---:|\n"), String::new());
    let (mut all, mut same) = (0, 0);
    for path in files("live") {
        let text = std::fs::read_to_string(&path).unwrap();
        let staged: String =
            text.lines().filter(|line| !line.starts_with("! ")).map(|line| format!("{line}\n")).collect();
        let (cases, area) = (parse(&staged), path.file_stem().unwrap().to_string_lossy().into_owned());
        let equal = cases.iter().filter(|case| case.why.is_none()).count();
        writeln!(table, "| {area} | {} | {equal} |", cases.len()).unwrap();
        for case in &cases {
            if let Some(why) = &case.why {
                writeln!(differences, "- {area}: `{}`: {why}", case.command).unwrap();
            }
        }
        (all, same) = (all + cases.len(), same + equal);
    }
    let share = same as f64 / all as f64 * 100.0;
    writeln!(table, "| **all** | **{all}** | **{same}** ({share:.1} %) |").unwrap();
    format!("{LIVE}\n{table}\n{LEFT_OUT}\nWhere ours differs on purpose:\n\n{differences}")
}

const LIVE: &str = "\
## sbatch, squeue, scancel, sinfo, scontrol, sprio

`tests/cases/live/record` runs these commands on a real cluster of 22.05.8 with three nodes and jobs that run; `make test` runs
them on a core with the same nodes. Numbers of jobs, times, what a node measures of its machine, and which plugins `scancel -v`
loads are masked.
";

/// What the table of [`live`] does not count, so that nobody takes its share for one of everything that Slurm can be asked.
const LEFT_OUT: &str = "\
The share is one of the commands that these cases hold. They were chosen, and commands that ours does otherwise were left out.
Some 150 more were recorded at first with these areas and taken out, most of them because ours differs; with all of those
counted as different, the share would be about 88 %. They are:

- `scontrol update` (66) of what cannot be changed here or is told otherwise: `MinCPUsNode`, `MinMemoryNode`, `MinMemoryCPU`,
  `MinTmpDiskNode`, `NumNodes`, `OverSubscribe`, `Switches`, `TimeMin`, `MailType`, `CoreSpec`, `DelayBoot`, `Nice` and
  `Priority` of a job that waits, and most words for a job that runs or is over;
- `sbatch` (51) with options and variables that are named and change nothing, or are refused: sockets, cores and threads,
  `--overcommit`, `--oversubscribe`, `--tmp`, `--time-min`, `--signal` of a held job, `--core-spec`, `--profile`, `--network`,
  frequencies and power;
- `squeue -s`, a list of all fields at once and times cut short (12), `sinfo -i x` and sorting by what it does not know (5),
  `sprio -j` without a number (4), two lists of jobs by `scontrol` that depend on the above (2).

Of `scontrol update NodeName=`, 12 commands around `ActiveFeatures`, `NodeAddr` and `CpuBind` are left out, too: here a node has them
as the configuration says.

`srun`, `salloc`, `sattach`, `sbcast` and `sdiag` are in tests of their own and are not recorded here.
";

/// The section about a workload, which `crates/commands/tests/recorded/workload.rs` holds.
const WORKLOAD: &str = "\
## A workload of 200 jobs

`tests/cases/workload/record` gives 200 jobs (229 starts, with the tasks of arrays) to a real slurmctld and writes down what it starts
when; `make test` gives them to our core, on the same clock. The same jobs run, and the same wait in the end. Of all pairs of jobs 83 %
start in the same order, and jobs wait 5,060 seconds on the average instead of 5,766. The order differs for these reasons:

- Of nodes that will do ours takes those on which least is left over, and Slurm others. What fits next differs from then on.
- Ours always looks at the queue by priority before it looks for gaps. Of two thirds of these jobs Slurm's backfill was first, which
  starts a small job beside the nodes that its main scheduler keeps for a larger one.

";

/// The section about jobs: the cases in `tests/cases/admission`, which `accounting::admission` runs beside its code.
fn admission() -> String {
    let entries = std::fs::read_dir(root().join("tests/cases/admission")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let (mut count, mut differences) = (0, Vec::new());
    for path in paths {
        for case in std::fs::read_to_string(&path).unwrap().split("\n## ").skip(1) {
            count += 1;
            let title = case.lines().next().unwrap_or_default();
            let why = case.lines().find_map(|line| line.strip_prefix("ours: "));
            differences.extend(why.map(|why| format!("- {}: {title}: {why}\n", path.file_stem().unwrap().display())));
        }
    }
    let same = count - differences.len();
    format!("{ADMISSION}\n{same} of {count} cases are the same. The others:\n\n{}", differences.concat())
}

const ADMISSION: &str = "\
## Jobs: refusals and pending reasons

`tests/cases/admission/record` sets limits of every kind one at a time on a real slurmctld 22.05.8 with nodes and GPUs,
submits jobs and writes down what was said. `make test` asks the same of our admission.
";

const HEAD: &str = "\
# Compatibility with Slurm 22.05.8

Made from `tests/cases/PROGRAM` by `ENLIST_BLESS=1 cargo test --test it compatibility_page`; don't edit. Each case is a
command with what Debian's programs of release 22.05.8 and slurmdbd said to it (standard output, standard error, exit code),
recorded by `tests/cases/PROGRAM/record`; `make test` runs all of them on enlist. sacctmgr's times are masked.
";

#[test]
fn compatibility_page_is_up_to_date() {
    let path = root().join("docs/compatibility.md");
    if std::env::var_os("ENLIST_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page(), "run it again with ENLIST_BLESS=1");
}

/// The list that the compiler knows, and those that it cannot see.
#[test]
fn every_program_of_slurm_is_installed_linked_and_has_cases() {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let line = |file: &str, start: &str| {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let list = text.lines().find_map(|line| line.trim().strip_prefix(start)).expect("it has the list").to_owned();
        sorted(list.split([' ', ',', '[', ']']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    };
    let known = sorted(commands::SlurmProgram::ALL.iter().map(|program| program.name().to_owned()).collect());
    let local = commands::LocalProgram::ALL.iter().map(|program| program.name().to_owned());
    let linked = sorted(known.iter().cloned().chain(local).collect());
    assert_eq!(line("Makefile", "SLURM_COMMANDS = "), linked);
    assert_eq!(line("playbooks/cluster.yml", "slurm_commands: "), linked);
    assert_eq!(sorted(PROGRAMS.into_iter().chain(ABOUT_JOBS).map(str::to_owned).collect()), known);
}
