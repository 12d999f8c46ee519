//! [`Service`]: answers commands, from many threads at once.
//!
//! Commands that only ask run on a copy of what is kept, each in its own thread. Those that change something go to the
//! [`Writer`].

use super::api::{FileToWrite, Request, Response};
use super::balances::Balances;
use super::caller::Who;
use super::checkup::Checkup;
use super::config::Config;
use super::controller::{Attendance, CoreCell, Planner, UsageFeed, now, restored};
use super::reports::Reporting;
use super::retention::Retention;
use super::rollup::Rollup;
use super::stats::Stats;
use super::world::Local;
use super::writer::{Change, Commits, Kept, Writer, Written};
use crate::store::{Asker, Readers, Store, StoreError};
use commands::Output;
use commands::sacctmgr::line::{Line, LineKind};
use commands::sacctmgr::{self, World};
use commands::{Reply, Then};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::Serialize;
use slurm::State;
use slurm::authority::Caller;
use slurm::founding;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};
use words::diag::{Diagnostic, ErrorKind};
use words::people::Unanswered;

/// The most commands that a rehearsal may begin with.
const MOST_REHEARSED: usize = 10_000;

/// The running service.
pub struct Service {
    writer: Arc<Writer>,
    readers: Readers,
    world: RwLock<Arc<Local>>,
    rollup: Rollup,
    reporting: Arc<Reporting>,
    retention: Retention,
    balances: Balances,
    stats: Arc<Stats>,
    checkup: Checkup,
    core: Arc<CoreCell>,
    attendance: Arc<Attendance>,
    usage: UsageFeed,
    _planner: Planner,
}

/// `GET /v1/health`
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// `ok`
    pub status: &'static str,
    /// Counts the changes of the state.
    pub revision: u64,
    /// Seconds since 1970; null before the first change since the start.
    pub last_commit: Option<i64>,
    /// The service's own.
    pub version: &'static str,
}

impl Service {
    /// Loads the state; the first time, founds the cluster that the configuration names. TRES that the configuration
    /// names and the state lacks are added.
    pub fn start(mut store: Store, config: &Config) -> Result<Self, Diagnostic> {
        let host = |error: String| Diagnostic::new(ErrorKind::Host, error);
        let readers = store.readers();
        let stats = Arc::<Stats>::default();
        let state = founded(&mut store, config, now()).map_err(|error| host(error.to_string()))?;
        let cannot = |error: std::io::Error| host(format!("cannot start: {error}"));
        let core = restored(&store, config, &state)?;
        let world = Arc::new(Local::configured(config, readers.clone(), stats.clone(), core.clone()));
        let writer = Arc::new(Writer::scheduling(store, state, core.clone()).map_err(cannot)?);
        let rollup = Rollup::start(&writer, &readers, &stats).map_err(cannot)?;
        let reporting = Arc::new(Reporting::new(config.cluster_name.clone()));
        let balances = Balances::start(&writer, &readers, &reporting, world.clone()).map_err(cannot)?;
        let retention = Retention::start(&writer, &readers, config.accounting.retention.clone()).map_err(cannot)?;
        let checkup = Checkup::start(&readers).map_err(cannot)?;
        let usage = UsageFeed::start(&writer, core.clone(), &readers, &reporting, world.clone()).map_err(cannot)?;
        let _planner = Planner::start(&writer, core.clone()).map_err(cannot)?;
        let world = RwLock::new(world);
        let service = Self {
            writer,
            readers,
            world,
            rollup,
            reporting,
            retention,
            balances,
            stats,
            checkup,
            core,
            attendance: Arc::default(),
            usage,
            _planner,
        };
        service.begin(config).map_err(host)?;
        Ok(service)
    }

    /// The scheduler's core, where there is one.
    pub(super) fn core(&self) -> &Arc<CoreCell> {
        &self.core
    }

    /// Who is there for whom jobs run.
    pub(super) fn attendance(&self) -> &Arc<Attendance> {
        &self.attendance
    }

    /// The cluster's name.
    pub fn cluster_name(&self) -> &str {
        self.reporting.cluster()
    }

    /// The world as it is configured now.
    pub fn world(&self) -> Arc<Local> {
        self.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whoever asks, as accounting knows them. The error is that nobody knows now who that is.
    pub fn caller(&self, who: Who) -> Result<Caller, Unanswered> {
        self.world().caller(who)
    }

    /// The name of whoever asks, for the log; empty where nobody knows it.
    pub fn name_of(&self, who: Who) -> String {
        self.caller(who).map_or_else(|_| String::new(), |caller| caller.name)
    }

    /// Takes on new settings, and adds TRES that are new in the configuration; the error says why those were not kept.
    pub fn reload(&self, config: &Config) -> Result<(), String> {
        let world = Arc::new(Local::configured(config, self.readers.clone(), self.stats.clone(), self.core.clone()));
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = world.clone();
        self.retention.configure(config.accounting.retention.clone());
        self.balances.configure(world.clone());
        let (cluster, tres, nodes) = (config.cluster_name.clone(), config.tres.clone(), config.cluster());
        let seen = world.clone();
        let written = self.write(move |change| {
            founding::found(change.state, &cluster, &tres, world.now());
            change.configure(nodes.clone())
        })?;
        written.gave.map_err(|denial| denial.to_string())?;
        self.usage.configure(seen);
        self.begin(config)
    }

    /// Whether the store can be read, and what was kept last; the error says why it cannot.
    pub async fn health(&self) -> Result<Health, String> {
        self.checkup.look().await?;
        let (revision, last_commit) = (self.kept().revision, self.commits().last);
        Ok(Health { status: "ok", revision, last_commit, version: env!("CARGO_PKG_VERSION") })
    }

    /// What was committed since the start.
    pub fn commits(&self) -> Commits {
        self.writer.commits()
    }

    /// Resolves when nothing can be changed any more, with the reason; the service must start again.
    pub async fn broken(&self) -> String {
        self.writer.broken().await
    }

    /// How many rows there are, by kind.
    pub fn rows(&self) -> Vec<(&'static str, usize)> {
        let Kept { state, .. } = self.kept();
        vec![
            ("accounts", state.accounts.values().filter(|row| !row.deleted).count()),
            ("associations", state.associations().values().filter(|row| !row.deleted).count()),
            ("clusters", state.cluster_names().len()),
            ("coordinators", state.coordinators.values().count()),
            ("qos", state.qos.values().filter(|row| !row.deleted).count()),
            ("tres", state.tres.values().count()),
            ("users", state.users.values().filter(|row| !row.deleted).count()),
        ]
    }

    /// What is kept now: a copy that nobody changes any more.
    pub fn kept(&self) -> Kept {
        self.writer.kept()
    }

    /// What the store alone has: jobs, usage, the transaction record.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// What reports need beside it.
    pub(super) fn reporting(&self) -> &Reporting {
        &self.reporting
    }

    /// What `sacctmgr show stats` tells.
    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The rollup that goes on behind the commands.
    pub fn rollup(&self) -> &Rollup {
        &self.rollup
    }

    /// Does what changes something; it is on disk when this returns. The work may run twice, so all it does must be done
    /// through the [`Change`]. The error says why nothing was done.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Change) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Written<T>, String> {
        let written = self.writer.run(work)?;
        self.rollup.wake();
        Ok(written)
    }

    /// [`Service::write`] for a command line of `program`.
    pub fn change(
        &self,
        program: &str,
        work: impl Fn(&mut Change) -> Result<Reply, StoreError> + Send + 'static,
    ) -> Response {
        match self.write(work) {
            Ok(Written { gave, revision, is_change }) => Response { is_change, ..response(gave, revision) },
            Err(why) => Response::refused(&format!("{program}: error: {why}")),
        }
    }

    /// Runs one sacctmgr command for a caller.
    pub fn sacctmgr(&self, who: Who, request: Request, out: Output) -> Response {
        let world = self.world();
        let caller = match world.caller(who) {
            Ok(caller) => caller,
            Err(why) => return Response::refused(&format!("sacctmgr: error: {why}; nothing was changed")),
        };
        if let Some(earlier) = &request.rehearse {
            let earlier: Vec<_> = earlier.iter().chain(&request.together).cloned().collect();
            return self.rehearse(&caller, &earlier, &request);
        }
        let kind = Line::read(&request.argv).kind();
        if kind == LineKind::AboutService {
            let Kept { state, revision } = self.kept();
            let world = world.with(&request.files, &[]);
            let reply = sacctmgr(&mut State::clone(&state), &caller, &world, &request, Output::default());
            let then = reply.then;
            then.into_iter().for_each(obey);
            return Response { is_change: then.is_some(), ..response(reply, revision) };
        }
        if kind == LineKind::Asks && request.together.is_empty() {
            let Kept { state, revision } = self.kept();
            let mut copy = State::clone(&state);
            let reply = sacctmgr(&mut copy, &caller, &world.with(&request.files, &[]), &request, out);
            if !copy.has_changes() {
                return response(reply, revision);
            }
        }
        if kind == LineKind::AboutArchives {
            return self.archives(&caller, &world, &request);
        }
        self.change("sacctmgr", move |change| {
            let world = world.with(&request.files, &[]);
            if let Some(refused) = before(change.state, &caller, &world, &request) {
                return Ok(refused);
            }
            let reply = sacctmgr(change.state, &caller, &world, &request, Output::default());
            if reply.code != 0 && !request.together.is_empty() {
                change.state.rollback();
            }
            Ok(reply)
        })
    }

    /// `sacctmgr archive`: reads what is asked on a copy, then does it beside other commands.
    fn archives(&self, caller: &Caller, world: &Local, request: &Request) -> Response {
        let state = self.kept().state;
        let world = world.with(&request.files, &[]);
        let mut reply = sacctmgr(&mut State::clone(&state), caller, &world, request, Output::default());
        let task = reply.task.take();
        let is_change = task.is_some();
        if let Some(task) = task {
            self.rollup.wait();
            // Nobody's: once begun it goes on to its end.
            match Asker::default().serve(|| self.retention.run(&task)) {
                Ok(told) => told.iter().for_each(|line| reply.stdout.push_str(&format!(" {line}\n"))),
                Err(why) => {
                    reply.stderr.push_str(&format!("sacctmgr: error: {why}\n"));
                    reply.code = 1;
                }
            }
        }
        Response { is_change, ..response(reply, self.kept().revision) }
    }

    /// The answer that the command would get after the earlier ones; on a copy that is thrown away.
    fn rehearse(&self, caller: &Caller, earlier: &[Vec<String>], request: &Request) -> Response {
        if earlier.len() > MOST_REHEARSED {
            let count = earlier.len();
            return Response::refused(&format!(
                "sacctmgr: error: a rehearsal of {count} commands is too long, {MOST_REHEARSED} is the most; check \
                 fewer tasks at a time"
            ));
        }
        let (Kept { state, revision }, world) = (self.kept(), self.world());
        let (mut copy, mut record) = (State::clone(&state), Vec::new());
        for argv in earlier {
            let around = world.with(&request.files, &record).without_jobs_of(&request.without_jobs_of);
            sacctmgr::run(&mut copy, caller, &around, argv, &[]);
            record.extend_from_slice(copy.recorded());
            copy.commit();
        }
        let world = world.with(&request.files, &record).without_jobs_of(&request.without_jobs_of);
        response(sacctmgr(&mut copy, caller, &world, request, Output::default()), revision)
    }
}

fn founded(store: &mut Store, config: &Config, now: i64) -> Result<State, StoreError> {
    let mut state = store.load()?;
    founding::found(&mut state, &config.cluster_name, &config.tres, now);
    let draft = store.draft()?;
    draft.save(&state)?;
    draft.keep()?;
    state.commit();
    Ok(state)
}

/// The daemon hears its own signals as it does those of systemd; requests that run, this one too, are answered first.
pub(super) fn obey(then: Then) {
    let signal = match then {
        Then::Reload => Signal::SIGHUP,
        Then::Stop => Signal::SIGTERM,
    };
    if let Err(error) = signal::kill(Pid::this(), signal) {
        tracing::error!("cannot signal the service itself: {error}");
    }
}

pub(super) fn response(Reply { stdout, stderr, code, question, reads, writes, .. }: Reply, revision: u64) -> Response {
    let writes = writes.into_iter().map(|(path, text)| FileToWrite { path, text }).collect();
    let asked = question.as_ref().map(|question| fingerprint(&stdout, &stderr, question));
    Response { stdout, stderr, code, question, asked, reads, writes, revision, is_change: false }
}

/// What somebody who is asked has before their eyes, in short. How long it took (`usec=12`) is never the same twice.
fn fingerprint(stdout: &str, stderr: &str, question: &str) -> String {
    let mut hasher = DefaultHasher::new();
    let complaints: Vec<_> = stderr.lines().map(|line| line.trim_end_matches(char::is_numeric)).collect();
    (stdout, complaints, question).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Carries out the commands that go together with the one asked for; the first that is refused, which takes all back.
fn before(state: &mut State, caller: &Caller, world: &dyn World, request: &Request) -> Option<Reply> {
    for argv in &request.together {
        let reply = sacctmgr::run(state, caller, world, argv, &[]);
        let is_done = reply.code == 0 && reply.question.is_none() && reply.reads.is_none() && reply.task.is_none();
        if !is_done {
            state.rollback();
            let stderr = format!("{}sacctmgr {}: nothing was changed\n", reply.stderr, argv.join(" "));
            return Some(Reply { stdout: reply.stdout, stderr, code: 1, ..Reply::default() });
        }
    }
    None
}

/// Runs the command, unless its answers are to a question that would be about something else by now.
fn sacctmgr(state: &mut State, caller: &Caller, world: &dyn World, request: &Request, out: Output) -> Reply {
    if let Some(asked) = &request.asked {
        // A command that asks changes nothing.
        let before = request.answers.split_last().map_or(&[][..], |(_, before)| before);
        let again = sacctmgr::run(state, caller, world, &request.argv, before);
        let now = again.question.map(|question| fingerprint(&again.stdout, &again.stderr, &question));
        if now.as_ref() != Some(asked) {
            state.rollback();
            let stderr =
                " What this is about changed while you decided. Nothing was done; please run it again.\n".into();
            return Reply { stderr, code: 1, ..Reply::default() };
        }
    }
    sacctmgr::print(state, caller, world, &request.argv, &request.answers, out)
}
