//! Listings of records whose texts are anything: names of jobs, reasons, comments and descriptions come from people.

use super::{Nowhere, run};
use commands::Output;
use commands::sacct::{self, Surroundings};
use commands::sacctmgr::{self, World, fields};
use commands::sreport::{self, Look, Records, Share, Site};
use commands::sshare::{self, Shares};
use jiff::{Timestamp, tz::TimeZone};
use slurm::State;
use slurm::authority::Caller;
use slurm::fairshare::terms::Zeroed;
use slurm::fairshare::{Decay, History, Terms};
use slurm::model::tres::CPU;
use slurm::model::{AssociationId, Event, JobId, JobRow, Reservation, ReservationId, TresId, WckeyId};
use slurm::privacy::View;
use slurm::records::*;
use slurm::rollup::{Calendar, ClusterUse, Span};
use slurm::settings::Settings;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use words::people::{Gid, GroupOfPeople, People, Person, Sought, Uid};
use words::text::width::width;

/// Words for every text, and numbers for every number, in turn.
struct Odd {
    texts: Vec<String>,
    numbers: Vec<i64>,
    at: usize,
}

impl Odd {
    fn new(bytes: &[u8]) -> Self {
        let texts = String::from_utf8_lossy(bytes).split('\n').map(str::to_owned).collect();
        let number = |piece: &[u8]| piece.iter().fold(0i64, |sum, byte| sum.wrapping_mul(255) ^ i64::from(*byte));
        let numbers = bytes.chunks(8).map(number).chain([0, i64::MAX, i64::MIN]).collect();
        Self { texts, numbers, at: 0 }
    }

    fn text(&mut self) -> String {
        self.at += 1;
        self.texts[self.at % self.texts.len()].clone()
    }

    fn number(&mut self) -> i64 {
        self.at += 1;
        self.numbers[self.at % self.numbers.len()]
    }

    fn counts(&mut self) -> TresCounts {
        (0..6).map(|id| (TresId(id), self.number().unsigned_abs())).collect()
    }

    fn job(&mut self) -> Job {
        let (start, end) = (self.number(), self.number());
        Job {
            row: Some(JobRow(1)),
            cluster: "ref".into(),
            job_id: JobId(1),
            name: self.text(),
            account: self.text(),
            user: self.text(),
            partition: self.text(),
            wckey: self.text(),
            reservation: self.text(),
            submit: 0,
            eligible: Some(0),
            start: Some(start),
            end: Some(end).filter(|end| *end >= 0),
            suspended: self.number().unsigned_abs(),
            tres_requested: self.counts(),
            tres_allocated: self.counts(),
            cpus_requested: u32::MAX,
            nodes: self.text(),
            reason: self.text(),
            constraints: self.text(),
            details: Details { comment: self.text(), submit_line: self.text(), ..Details::default() },
            ..Job::default()
        }
    }

    fn step(&mut self) -> Step {
        Step {
            name: self.text(),
            start: Some(self.number()),
            end: Some(self.number()),
            suspended: self.number().unsigned_abs(),
            nodes: self.text(),
            user_cpu: self.number().unsigned_abs(),
            system_cpu: self.number().unsigned_abs(),
            tres_allocated: self.counts(),
            details: StepDetails { layout: self.text(), submit_line: self.text(), ..StepDetails::default() },
            ..Step::default()
        }
    }

    /// The small site with these texts wherever a command or an import puts some.
    fn site(&mut self) -> State {
        let mut state = super::furnished();
        let odd = self.text();
        for (verb, entity, name) in [("add", "account", "o"), ("add", "qos", "p"), ("modify", "account", "a")] {
            let set = if verb == "modify" { vec!["set".to_owned()] } else { Vec::new() };
            let words = ["-i", verb, entity, name].map(str::to_owned).into_iter().chain(set);
            run(&mut state, &Caller::root(), &words.chain([format!("description={odd}")]).collect::<Vec<_>>());
        }
        let add = ["-i", "add", "account"].map(str::to_owned).into_iter().chain([self.text()]);
        run(&mut state, &Caller::root(), &add.collect::<Vec<_>>());
        let tres = [(CPU, self.number().unsigned_abs())].into();
        let (start, end) = (self.number(), Some(self.number()));
        let (reason, cluster_nodes) = (self.text(), self.text());
        let (cluster, node) = ("ref".to_owned(), self.text());
        state.events.put(
            1,
            Event { id: 1, cluster, node, start, end, state: 513, reason, user: Some(Uid(5)), tres, cluster_nodes },
        );
        let reservation = Reservation {
            cluster: "ref".into(),
            id: ReservationId(1),
            name: self.text(),
            start: 0,
            end: self.number(),
            tres: [(CPU, 4)].into(),
            flags: u64::MAX,
            nodes: self.text(),
            unused_wall: 1e300,
            associations: self.text(),
        };
        state.reservations.put(reservation.key(), reservation);
        state.commit();
        state
    }
}

/// One job with one step.
struct Kept(Job, Step);

impl Jobs for Kept {
    fn each(&self, _: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        let _ = see(self.0.clone());
        Ok(())
    }

    fn job(&self, _: JobRow) -> Result<Option<Job>, JobsError> {
        Ok(Some(self.0.clone()))
    }

    fn steps(&self, _: JobRow) -> Result<Vec<Step>, JobsError> {
        Ok(vec![self.1.clone()])
    }
}

/// Usage of everybody.
struct Used(State, Job);

impl Records for Used {
    fn associations(&self, _: Span) -> Result<Vec<Share<AssociationId>>, JobsError> {
        Ok(self.0.associations().values().map(|row| (row.id, CPU, 3_600)).collect())
    }

    fn wckeys(&self, _: Span) -> Result<Vec<Share<WckeyId>>, JobsError> {
        Ok(self.0.wckeys.values().map(|row| (row.id, CPU, 3_600)).collect())
    }

    fn cluster(&self, _: &str, _: Span) -> Result<Vec<(TresId, ClusterUse)>, JobsError> {
        Ok(vec![(CPU, ClusterUse { count: 4, allocated: 3_600, ..ClusterUse::default() })])
    }

    fn each_job(&self, _: Look, _: &Scan, see: &mut dyn FnMut(&Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        let _ = see(&self.1);
        Ok(())
    }
}

impl People for Odd {
    fn user(&self, _: &str) -> Sought<Person> {
        self.user_numbered(Uid(5))
    }

    fn user_numbered(&self, uid: Uid) -> Sought<Person> {
        let (name, full_name) = (self.texts[0].clone(), self.texts[self.texts.len() / 2].clone());
        Sought::There(Person { name, uid, gid: Gid(5), full_name })
    }

    fn group(&self, _: &str) -> Sought<GroupOfPeople> {
        self.group_numbered(Gid(5))
    }

    fn group_numbered(&self, gid: Gid) -> Sought<GroupOfPeople> {
        Sought::There(GroupOfPeople { name: self.texts[self.texts.len() - 1].clone(), gid })
    }

    fn groups_of(&self, _: &str) -> Sought<Vec<String>> {
        Sought::There(self.texts.clone())
    }
}

struct Here(Calendar, Odd);

impl Site for Here {
    fn now(&self) -> i64 {
        Nowhere.now()
    }

    fn calendar(&self) -> &Calendar {
        &self.0
    }

    fn cluster(&self) -> &str {
        "ref"
    }

    fn people(&self) -> &dyn People {
        &self.1
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Every field of every listing; of columns with a width, a row takes just these.
pub fn listing(bytes: &[u8]) {
    let mut odd = Odd::new(bytes);
    let mut state = odd.site();
    sacctmgr(&mut state);
    let (job, step) = (odd.job(), odd.step());
    let kept = Kept(job.clone(), step);
    let settings = Settings::default();
    jobs(&state, &settings, &kept, &odd);
    let caller = Caller::root();
    let here = Here(Calendar::new(TimeZone::UTC), Odd::new(bytes));
    let used = Used(state.clone(), job);
    for report in REPORTS {
        for more in ["", " -P", " -t hourper"] {
            let line = words(&format!("{report} start=1970-01-01 end=1971-01-01{more}"));
            sreport::run(&state, View::new(&state, &caller, &settings), &here, &used, &BTreeMap::new(), &line);
        }
    }
    let terms = Terms { decay: Decay::of_half_life(None), reset: 0, from: 0, zeroed: Zeroed::default() };
    let history = History::new(&terms, Nowhere.now());
    for line in ["-a", "-a -l", "-a -l -P", "-a -m -o user%3,account%-2,partition%1"] {
        let shares = Shares {
            state: &state,
            view: View::new(&state, &caller, &settings),
            caller: &caller,
            cluster: "ref",
            priority: &settings.priority,
            history: &history,
            jobs: &kept,
            now: Nowhere.now(),
        };
        sshare::run(&shares, &words(line), Output::default());
    }
}

const REPORTS: &[&str] = &[
    "cluster accountutilizationbyuser format=accounts%3,login%2,proper%-4,used",
    "cluster userutilizationbyaccount",
    "cluster userutilizationbywckey",
    "cluster wckeyutilizationbyuser",
    "cluster utilization",
    "job sizesbyaccount",
    "job sizesbywckey",
    "reservation utilization",
    "user topusage",
];

const ENTITIES: &[&str] = &[
    "account withassoc",
    "association tree",
    "cluster",
    "event all_time",
    "federation",
    "problem",
    "qos",
    "reservation start=1970-01-01",
    "resource withclusters",
    "transaction",
    "tres",
    "user withassoc withcoordinator",
];

fn sacctmgr(state: &mut State) {
    let all = |size: &str| fields::names().map(|name| format!("{name}{size}")).collect::<Vec<_>>().join(",");
    for entity in ENTITIES {
        for line in [format!("show {entity}"), format!("show {entity} format={}", all("%5"))] {
            run(state, &Caller::root(), &words(&line));
            run(state, &Caller::root(), &words(&format!("-n {line}")));
            // For programs, texts are as they are.
            sacctmgr::run(state, &Caller::root(), &Nowhere, &words(&format!("-P {line}")), &[]);
        }
    }
    run(state, &Caller::root(), &words("show wckey format=cluster%1,user%2,wckey%3,id%4"));
}

fn jobs(state: &State, settings: &Settings, kept: &Kept, odd: &Odd) {
    let service = sacct::Service { state, settings, cluster: "ref", jobs: kept };
    let now = Timestamp::from_second(Nowhere.now()).expect("a time of this century").to_zoned(TimeZone::UTC);
    let around = Surroundings::new(now, &BTreeMap::new(), odd);
    let ask = |line: &str| sacct::run(&service, &Caller::root(), &around, &words(line), Output::default());
    for line in ["--format=ALL", "--format=ALL -P", "-l", "-T", "--json", "--yaml", "--format=ALL%3 --units=K"] {
        ask(&format!("-a -D -S 1970-01-01 {line}"));
    }
    for columns in 1..16 {
        let said = ask(&format!("-aXn -j 1 -S 1970-01-01 -o jobname%{columns}"));
        if !said.stdout.is_empty() {
            let row = said.stdout.strip_suffix('\n').expect("a row is a line");
            assert_eq!(width(row), columns + 1, "{row:?}");
        }
    }
}
