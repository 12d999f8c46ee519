//! The recorded cases of tests/cases/sacct as pure functions, and what they cannot show: privacy, running jobs.

use super::*;
use crate::sacctmgr::{self, World};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slurm::founding;
use slurm::model::{AssociationKey, JobId, JobRow, QosId, TresId};
use slurm::records::import::{Dialect, Line, Names, Reader};
use slurm::records::*;
use slurm::settings::Words;
use std::sync::LazyLock;
use words::people::{Gid, Listed, Uid};
use words::text::slurm_time::zone;

struct Debian;

const USERS: &[(&str, u32)] = &[("root", 0), ("games", 5), ("lp", 7), ("mail", 8), ("news", 9), ("nobody", 65534)];
const GROUPS: &[(&str, u32)] = &[("root", 0), ("games", 60), ("lp", 7), ("mail", 8), ("news", 9)];

static PEOPLE: LazyLock<Listed> = LazyLock::new(|| Listed::new(USERS, GROUPS));

impl World for Debian {
    fn people(&self) -> &dyn People {
        &*PEOPLE
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

fn number_of(user: &str) -> u32 {
    USERS.iter().find(|(name, _)| *name == user).unwrap().1
}

/// Jobs in memory.
struct Kept(Vec<JobWithSteps>);

impl Jobs for Kept {
    fn each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        let _ = self.0.iter().filter(|(job, _)| scan.takes(job)).try_for_each(|(job, _)| see(job.clone()));
        Ok(())
    }

    fn job(&self, row: JobRow) -> Result<Option<Job>, JobsError> {
        Ok(self.0.iter().find(|(job, _)| job.row == Some(row)).map(|(job, _)| job.clone()))
    }

    fn steps(&self, row: JobRow) -> Result<Vec<Step>, JobsError> {
        let mut steps =
            self.0.iter().find(|(job, _)| job.row == Some(row)).map(|(_, steps)| steps.clone()).unwrap_or_default();
        steps.sort_by_key(|step| (step.id.number(), step.het_component));
        Ok(steps)
    }
}

fn cases(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../tests/cases/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn state() -> State {
    let mut state = State::default();
    founding::found(&mut state, "ref", &["gres/gpu".to_owned()], 1);
    state.commit();
    for line in cases("jobs/setup.txt").lines().filter(|line| !line.starts_with('#')) {
        let argv: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        let reply = sacctmgr::run(&mut state, &Caller::root(), &Debian, &argv, &[]);
        assert_eq!(reply.code, 0, "{line}: {}", reply.stderr);
        state.commit();
    }
    state
}

/// Names as the state has them.
struct Known<'a>(&'a State);

impl Names for Known<'_> {
    fn tres(&mut self, name: &str) -> TresId {
        self.0.tres_named(name).map(|tres| tres.id).unwrap()
    }

    fn qos(&mut self, name: &str, number: Option<QosId>) -> Option<QosId> {
        self.0.qos_named(name).map(|qos| qos.id).or(number)
    }
}

fn kept(state: &State) -> Kept {
    let text = cases("jobs/export.tsv");
    let mut lines = text.lines();
    let dialect = Dialect { delimiter: "\t".into(), zone: TimeZone::UTC, cluster: "ref".into() };
    let reader = Reader::new(lines.next().unwrap(), dialect).unwrap();
    let mut jobs: Vec<JobWithSteps> = Vec::new();
    for line in lines {
        match reader.line(line, &mut Known(state)).unwrap_or_else(|bad| panic!("{bad:?} in {line}")) {
            Line::Step(_, step) => jobs.last_mut().unwrap().1.push(step),
            Line::Job(mut job) => {
                job.row = Some(JobRow(jobs.len() as u64 + 1));
                let key = |partition| AssociationKey::user(&job.cluster, &job.account, &job.user, partition);
                let of = state.find(&key(&job.partition)).or_else(|| state.find(&key("")));
                job.association = of.map(|of| of.id);
                jobs.push((job, Vec::new()));
            }
        }
    }
    Kept(jobs)
}

fn ask(service: &Service, caller: &Caller, environment: &[(&str, &str)], argv: &[String]) -> Reply {
    let environment: BTreeMap<_, _> = environment.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let now = Timestamp::from_second(1_795_000_000).unwrap();
    let now = now.to_zoned(environment.get("TZ").map_or(TimeZone::UTC, |name| zone(name)));
    run(service, caller, &Surroundings::new(now, &environment, &*PEOPLE), argv, Output::default())
}

fn lines(reply: &Reply) -> Vec<String> {
    let mut lines: Vec<_> = reply.stdout.lines().map(|line| format!("1|{line}")).collect();
    lines.extend(reply.stderr.lines().map(|line| format!("2|{line}")));
    lines.push(format!("= {}", reply.code));
    lines
}

#[test]
fn says_what_the_real_one_says() {
    let (state, settings) = (state(), Settings::default());
    let jobs = kept(&state);
    let service = Service { state: &state, settings: &settings, cluster: "ref", jobs: &jobs };
    let (mut wrong, mut count, mut same) = (String::new(), 0, 0);
    for file in ["callers", "fields", "output", "select", "times"] {
        let text = cases(&format!("sacct/{file}.txt"));
        let mut blocks: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let recorded = line.starts_with("1|") || line.starts_with("2|") || line.starts_with("= ");
            match blocks.last_mut() {
                Some(block) if recorded => block.1.push(line.to_owned()),
                Some(block) if line.starts_with('>') => block.2.push(line[1..].to_owned()),
                Some(_) if line.starts_with("ours: ") => {}
                _ => blocks.push((line.to_owned(), Vec::new(), Vec::new())),
            }
        }
        for (command, theirs, ours) in blocks {
            let (user, line) = command.split_once("$ ").unwrap();
            let words = shell_words::split(line).unwrap();
            let program = words.iter().position(|word| word == "sacct").unwrap();
            let environment: Vec<_> = words[..program].iter().filter_map(|word| word.split_once('=')).collect();
            let uid = if user.is_empty() { 0 } else { number_of(user) };
            let name = if user.is_empty() { "root" } else { user };
            let caller = Caller::new(Uid(uid), name, &settings);
            let said = lines(&ask(&service, &caller, &environment, &words[program + 1..]));
            let expected = if ours.is_empty() { theirs } else { ours };
            count += 1;
            same += usize::from(said == expected);
            if said != expected {
                wrong += &format!("{file}: {command}\nexpected\n{}\nsaid\n{}\n", expected.join("\n"), said.join("\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}{same} of {count} are the same");
    assert!(count >= 200, "only {count} cases");
}

#[test]
fn private_jobs_are_not_shown() {
    let state = state();
    let settings = Settings { private_data: Words::parse("jobs").unwrap(), ..Settings::default() };
    let jobs = kept(&state);
    let service = Service { state: &state, settings: &settings, cluster: "ref", jobs: &jobs };
    let argv: Vec<String> = "-aXnP -S 2024-03-04 -E 2024-03-05 -o user".split(' ').map(str::to_owned).collect();
    let seen = |name: &str, uid| {
        let reply = ask(&service, &Caller::new(Uid(uid), name, &settings), &[], &argv);
        reply.stdout.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(seen("games", 5), BTreeSet::from(["games".to_owned()]));
    // news coordinates chemistry, where mail's jobs are.
    assert_eq!(seen("news", 9), BTreeSet::from(["mail".to_owned(), "news".to_owned()]));
    assert!(seen("root", 0).len() > 3);
    assert!(seen("nobody", 65534).is_empty());
}

#[test]
fn a_running_job_runs_until_now() {
    let (state, settings) = (State::default(), Settings::default());
    let now = 1_795_000_000;
    let job = Job {
        row: Some(JobRow(1)),
        cluster: "ref".into(),
        job_id: JobId(5),
        submit: now - 100,
        eligible: Some(now - 100),
        start: Some(now - 90),
        state: JobState::Running,
        tres_allocated: TresCounts::parse("1=2,4=1").unwrap(),
        ..Job::default()
    };
    let jobs = Kept(vec![(job, vec![Step { id: StepId::Batch, start: Some(now - 90), ..Step::default() }])]);
    let service = Service { state: &state, settings: &settings, cluster: "ref", jobs: &jobs };
    let argv: Vec<String> = "-P -o jobid,state,elapsed,cputime,end -s R".split(' ').map(str::to_owned).collect();
    let reply = ask(&service, &Caller::root(), &[], &argv);
    assert_eq!(
        reply.stdout,
        "JobID|State|Elapsed|CPUTime|End\n5|RUNNING|00:01:30|00:03:00|Unknown\n\
         5.batch|PENDING|00:01:30|00:03:00|Unknown\n"
    );
}

/// What sacct prints of a job that is kept by numbers alone, where the host knows them, does not, and cannot say.
#[test]
fn numbers_stand_where_nobody_knows_the_names() {
    let (state, settings) = (State::default(), Settings::default());
    let job = Job {
        row: Some(JobRow(1)),
        cluster: "ref".into(),
        job_id: JobId(5),
        uid: Some(Uid(2001)),
        gid: Some(Gid(3001)),
        ..Job::default()
    };
    let jobs = Kept(vec![(Job { eligible: Some(1), submit: 1, ..job }, Vec::new())]);
    let service = Service { state: &state, settings: &settings, cluster: "ref", jobs: &jobs };
    let asked = |people: &Listed, line: &str| {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let now = Timestamp::from_second(1_795_000_000).unwrap().to_zoned(TimeZone::UTC);
        let around = Surroundings::new(now, &BTreeMap::new(), people);
        let Reply { stdout, stderr, .. } = run(&service, &Caller::root(), &around, &argv, Output::default());
        stdout + &stderr
    };
    let hosts = [Listed::new(&[("kim", 2001)], &[("hpc", 3001)]), Listed::default(), Listed::down("no answer")];
    let of = |line: &str| [0, 1, 2].map(|host| asked(&hosts[host], line));
    assert_eq!(of("-nP -j 5 -o user,uid,group,gid"), ["kim|2001|hpc|3001\n", "|2001||3001\n", "2001|2001|3001|3001\n"]);
    let down = "sacct: error: users cannot be looked up now: no answer; ask by number\n";
    assert_eq!(of("-nP -j 5 -u kim -o jobid"), ["5\n", "sacct: error: Invalid user id: kim\n", down]);
    assert_eq!(of("-nP -j 5 -u 2001 -o jobid"), ["5\n", "sacct: error: Invalid user id: 2001\n", "5\n"]);
    let down = "sacct: error: groups cannot be looked up now: no answer; ask by number\n";
    assert_eq!(of("-nP -j 5 -g hpc -o jobid"), ["5\n", "sacct: error: Invalid group id: hpc\n", down]);
}
