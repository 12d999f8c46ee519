//! `POST /v1/admission`: whether a job may be submitted and started, and each limit that says something about it.

use super::caller::Who;
use super::service::Service;
use crate::store::jobs::JobTable;
use commands::sacctmgr::World;
use serde::{Deserialize, Serialize};
use slurm::State;
use slurm::admission::{self, Amounts, Check, Counts, InUse, Job, Needs, Setter, Stage, Trace};
use slurm::fairshare::History;
use slurm::model::{Association, Tres};
use slurm::privacy::View;
use slurm::records::{Job as Record, Jobs, Scan};
use slurm::rollup::Measure;
use slurm::settings::{Enforce, Partition, PriorityFlag, Words};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use words::people::Unanswered;
use words::text::login_name::LoginName;

/// A job that is asked about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    /// Whose it would be; the caller's own unless given.
    pub user: String,
    /// The cluster; the service's own unless given.
    pub cluster: Option<String>,
    /// The account; the user's default unless given.
    pub account: Option<String>,
    /// The partition; the default one unless given.
    pub partition: String,
    /// The QOS; the association's default unless given.
    pub qos: Option<String>,
    /// What the job needs altogether, by TRES; one CPU and one node unless given.
    pub tres: BTreeMap<String, u64>,
    /// Its time limit in minutes; 1 unless given.
    pub minutes: Option<u64>,
    /// Tasks of an array; 1 unless given.
    pub tasks: Option<u64>,
    /// What is enforced, as in AccountingStorageEnforce; what the configuration says unless given.
    pub enforce: Option<String>,
}

/// The most TRES that a job is asked about with: no cluster has as many.
const MOST_TRES: usize = 1_000;

/// The most bytes of a name.
const LONGEST_NAME: usize = 1_024;

impl Ask {
    /// The question, unless it is larger than one can be meant: it is kept while it waits, with those of others.
    pub fn bounded(self) -> Result<Self, String> {
        if self.tres.len() > MOST_TRES {
            return Err(format!("the job asks for {} TRES; {MOST_TRES} are the most", self.tres.len()));
        }
        let named = [Some(&self.user), self.cluster.as_ref(), self.account.as_ref(), Some(&self.partition)];
        let more = [self.qos.as_ref(), self.enforce.as_ref()];
        if named.iter().chain(&more).flatten().any(|name| name.len() > LONGEST_NAME) {
            return Err(format!("a name is too long: {LONGEST_NAME} bytes are the most"));
        }
        Ok(self)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whose it would be.
    pub user: String,
    /// The cluster.
    pub cluster: String,
    /// The partition; null when none is known.
    #[serde(default)]
    pub partition: Option<String>,
    /// The association that counts: its account; null when there is none.
    pub account: Option<String>,
    /// The QOS; null when there is none.
    pub qos: Option<String>,
    /// What is enforced.
    pub enforce: String,
    /// Whether it may be submitted.
    pub submit: Verdict,
    /// Whether it may start now, once it is pending.
    pub start: Verdict,
    /// Each limit that holds, in the order in which Slurm looks at them.
    pub checks: Vec<Line>,
    /// What would be said if associations, limits and QOS were enforced; null when they are.
    #[serde(default)]
    pub enforced: Option<Enforced>,
    /// What of the question the accounts don't have: the user, the account, or the user in the account.
    #[serde(default)]
    pub missing: Option<String>,
}

/// What would be said if more were enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// Whether it might be submitted.
    pub submit: Verdict,
    /// Whether it might start now.
    pub start: Verdict,
    /// Each limit that would hold.
    pub checks: Vec<Line>,
}

/// Yes, or why not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Yes.
    pub admitted: bool,
    /// Slurm's reason, as squeue shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What sbatch says to a job that is refused; what squeue says of one that waits, where that is more than the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `submit` or `start`.
    pub stage: String,
    /// Its name, as in the limits of `/v1/associations` and `/v1/qos`.
    pub limit: String,
    /// The TRES that it limits, if it limits one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tres: Option<String>,
    /// Who sets it: `QOS NAME`, `account NAME`, `user NAME in account NAME`.
    pub set_by: String,
    /// Its value.
    pub value: u64,
    /// What is in use; null when it is not known, or not for the caller.
    pub used: Option<u64>,
    /// What the job adds; null when it is not known.
    pub asked: Option<u64>,
    /// Slurm's reason if it stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it may stand in the way, and what would say so is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// Why there is no answer.
pub enum Refusal {
    /// The question cannot be meant.
    Bad(String),
    /// The caller may not know.
    Denied(String),
    /// The store cannot be read.
    Broken(String),
}

impl Service {
    /// Says what would become of a job. Everybody may ask about themselves; about others who sees their jobs and
    /// associations (`PrivateData`).
    pub fn admission(&self, who: Who, ask: &Ask) -> Result<Answer, Refusal> {
        let (world, kept) = (self.world(), self.kept());
        let (state, caller) = (&*kept.state, world.caller(who).map_err(broken)?);
        let user = if ask.user.is_empty() { caller.name.clone() } else { named(&ask.user)? };
        let ask = &Ask { user, ..ask.clone() };
        let enforce = match &ask.enforce {
            Some(text) => {
                Enforce::parse(text).map_err(|bad| Refusal::Bad(format!("enforce: `{bad}` is no word for it")))?
            }
            None => world.settings().enforce,
        };
        let cluster = ask.cluster.clone().or_else(|| world.cluster().map(str::to_owned)).unwrap_or_default();
        let cluster = cluster.to_lowercase();
        let enforce = Enforce { partitions: world.settings().enforce_partitions, ..enforce };
        let partition = world.settings().partition(&ask.partition).ok_or_else(|| {
            Refusal::Bad(format!("there is no partition `{}` in the configuration", ask.partition.escape_debug()))
        })?;
        let view = View::new(state, &caller, world.settings());
        let sees = view.user(&ask.user) && view.job(ask.account.as_deref().unwrap_or_default(), &ask.user);
        if !sees && caller.name != ask.user {
            return Err(Refusal::Denied("Access/permission denied: PrivateData hides this user from you".into()));
        }
        let groups = world.people().groups_of(&ask.user).known().map_err(broken)?.unwrap_or_default();
        let flags = &world.settings().priority.flags;
        let job = Job { groups: &groups, ..job(state, ask, &cluster, &partition, flags)? };
        let live = self.core().view().filter(|core| core.config().cluster == cluster);
        let counts = match live {
            // What the scheduler itself goes by.
            Some(core) => core.counts(world.now()),
            None => {
                self.rollup().wait();
                self.counts(state, &cluster).map_err(Refusal::Broken)?
            }
        };
        let said = |enforce| {
            let trace = admission::trace(state, enforce, &counts, &job);
            answer(state, &view, enforce, &trace, &job)
        };
        let full = Enforce { associations: true, limits: true, qos: true, ..enforce };
        let enforced = (full != enforce).then(|| said(full));
        let enforced = enforced.map(|it| Enforced { submit: it.submit, start: it.start, checks: it.checks });
        Ok(Answer { enforced, missing: missing(state, &job), ..said(enforce) })
    }

    /// What jobs have and used.
    fn counts(&self, state: &State, cluster: &str) -> Result<Counts, String> {
        let world = self.world();
        let read = self.readers().read(|connection| -> Result<Counts, String> {
            let mut counts = Counts::default();
            // Only jobs without an end have not ended by the end of time.
            let scan = Scan { clusters: vec![cluster.to_owned()], ended_from: Some(i64::MAX), ..Scan::default() };
            let mut see = |job: Record| {
                // Of several that a job waits for, Slurm counts it in the first.
                let name = job.partition.split(',').next().unwrap_or_default();
                let partition = world.settings().partition(name).and_then(|it| it.qos);
                let qos = partition.and_then(|name| state.qos_named(&name)).map(|qos| qos.id);
                counts.add_job(state, qos, &job, world.now());
                ControlFlow::Continue(())
            };
            JobTable(connection).each(&scan, &mut see).map_err(|error| error.to_string())?;
            let history = self.reporting().history(connection, state, &world).map_err(|error| error.to_string())?;
            add_usage(&mut counts, state, &History::clone(&history).later(world.now()));
            let used = self.reporting().qos_usage(connection, state, &world, cluster);
            for ((qos, measure), seconds) in used.map_err(|error| error.to_string())? {
                add_seconds(counts.qos.entry(qos).or_default(), measure, seconds);
            }
            // Usage is summed up by the QOS of jobs, not by the one of their partition.
            let of_partitions = world.settings().partitions.iter().filter_map(|it| it.qos.as_ref());
            for qos in of_partitions.filter_map(|name| state.qos_named(name)) {
                counts.qos.entry(qos.id).or_default().lacks_usage = true;
            }
            Ok(counts)
        });
        read.map_err(|error| error.to_string())?
    }
}

fn broken(why: Unanswered) -> Refusal {
    Refusal::Broken(why.to_string())
}

/// A user that is asked about; refused unless a host could have one of this name.
fn named(user: &str) -> Result<String, Refusal> {
    let bad =
        || Refusal::Bad("user: this is no name of a user: at most 255 bytes, without `:`, `/` and the like".into());
    LoginName::parse(user).map(|name| name.as_str().to_owned()).ok_or_else(bad)
}

fn add_usage(counts: &mut Counts, state: &State, history: &History) {
    for measure in state.tres.iter().map(|(id, _)| Measure::Tres(*id)).chain([Measure::Wall]) {
        for (association, seconds) in history.usage_of(state, measure) {
            add_seconds(counts.associations.entry(association).or_default(), measure, seconds);
        }
    }
}

/// In whole minutes, as limits count; saturates, as `as` does.
fn add_seconds(to: &mut InUse, measure: Measure, seconds: f64) {
    let minutes = (seconds / 60.0) as u64;
    match measure {
        Measure::Wall => to.wall = minutes,
        Measure::Tres(tres) => _ = to.minutes.insert(tres, minutes),
    }
}

fn job<'a>(
    state: &State,
    ask: &'a Ask,
    cluster: &'a str,
    partition: &'a Partition,
    flags: &Words<PriorityFlag>,
) -> Result<Job<'a>, Refusal> {
    let qos = ask.qos.as_ref().map(|name| {
        let found = state.qos_named(name).map(|qos| qos.id);
        found.ok_or_else(|| Refusal::Bad(format!("there is no QOS `{}`", name.escape_debug())))
    });
    let mut asked = Amounts::new();
    for (name, count) in &ask.tres {
        let found = state.tres_named(name).ok_or_else(|| {
            Refusal::Bad(format!("there is no TRES `{}`; `sacctmgr show tres` lists them", name.escape_debug()))
        })?;
        asked.insert(found.id, *count);
    }
    Ok(Job {
        account: ask.account.as_deref(),
        qos: qos.transpose()?,
        tres: Needs::derived(state, &asked, partition, flags),
        minutes: ask.minutes.unwrap_or(1),
        tasks: ask.tasks.unwrap_or(1),
        ..Job::new(cluster, &ask.user, partition)
    })
}

fn answer(state: &State, view: &View, enforce: Enforce, trace: &Trace, job: &Job) -> Answer {
    let association = trace.association.and_then(|id| state.association(id));
    Answer {
        user: job.user.to_owned(),
        cluster: job.cluster.to_owned(),
        partition: Some(job.partition.name.clone()).filter(|name| !name.is_empty()),
        account: association.map(|row| row.key.account.clone()),
        qos: trace.qos.and_then(|id| state.qos.get(&id)).map(|qos| qos.name.clone()),
        enforce: enforce.to_string(),
        submit: verdict(trace.submit.map_err(|reason| (reason.named(state), reason.refusal().to_owned()))),
        start: verdict(trace.start.map_err(|reason| (reason.named(state), admission::waits(state, job, reason)))),
        checks: trace.checks.iter().map(|(stage, check)| line(state, view, *stage, check)).collect(),
        ..Answer::default()
    }
}

/// Whom or what a job names that the accounts don't have. Where nothing is enforced Slurm takes such a job all the same.
fn missing(state: &State, job: &Job) -> Option<String> {
    let user = job.user.escape_debug();
    if state.user(job.user).is_none() {
        return Some(format!("there is no user `{user}` in the accounts"));
    }
    if let Some(account) = job.account.filter(|account| state.account(account).is_none()) {
        return Some(format!("there is no account `{}`", account.escape_debug()));
    }
    let has_place = admission::association(state, job).is_some();
    (!has_place).then(|| match job.account {
        Some(account) => {
            format!("user `{user}` is not in account `{}` on cluster {}", account.escape_debug(), job.cluster)
        }
        None => format!("user `{user}` has no default account on cluster {}", job.cluster.escape_debug()),
    })
}

fn verdict(said: Result<(), (String, String)>) -> Verdict {
    match said {
        Ok(()) => Verdict { admitted: true, ..Verdict::default() },
        Err((reason, text)) => {
            Verdict { admitted: false, text: Some(text).filter(|it| *it != reason), reason: Some(reason) }
        }
    }
}

fn line(state: &State, view: &View, stage: Stage, check: &Check) -> Line {
    let row = |id| state.association(id);
    let (set_by, sees) = match check.setter {
        Setter::Qos(id) => (format!("QOS {}", state.qos.get(&id).map_or("", |qos| qos.name.as_str())), view.all_jobs()),
        Setter::Association(id) => {
            (row(id).map_or_else(String::new, place), row(id).is_some_and(|row| view.usage(&row.key)))
        }
    };
    Line {
        stage: if stage == Stage::Submit { "submit" } else { "start" }.into(),
        limit: check.limit.column().to_owned(),
        tres: check.tres.map(|id| state.tres.get(&id).map_or_else(|| id.to_string(), Tres::full_name)),
        set_by,
        value: check.value,
        used: check.used.filter(|_| sees),
        asked: check.asked,
        reason: check.reason.map(|reason| reason.named(state)),
        open: check.is_open(),
    }
}

fn place(row: &Association) -> String {
    let key = &row.key;
    match (key.user.as_str(), key.partition.as_str()) {
        ("", _) => format!("account {}", key.account),
        (user, "") => format!("user {user} in account {}", key.account),
        (user, partition) => format!("user {user} in account {}, partition {partition}", key.account),
    }
}
