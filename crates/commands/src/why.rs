//! Why a job waits, at length, and what would start it: `enlist explain JOB`.

use crate::cluster::Cluster;
use crate::job::{JobFacts, TASKS_SHOWN};
use crate::sacct::units::Convert;
use crate::sacctmgr;
use scheduling::id::JobId;
use scheduling::job::{Hold, LiveJob};
use scheduling::reason::PendingReason;
use scheduling::{Present, Wait};
use serde::{Deserialize, Serialize};
use slurm::State;
use slurm::admission::{Check, Setter};
use slurm::model::{Association, Tres};
use slurm::privacy::View;
use slurm::records::JobState;
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

/// What is told of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Why {
    /// `12`, `12_3`, `12_[4-7]`.
    pub job: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub user: String,
    /// The account; empty when there is none.
    pub account: String,
    /// Its partition, or those that it waits for.
    pub partition: String,
    /// Slurm's state.
    pub state: String,
    /// Slurm's word for why it waits; null when it does not.
    pub reason: Option<String>,
    /// What it waits for, one sentence each.
    pub waits_for: Vec<String>,
    /// When it starts at the latest by the plan of now, if every job runs as long as it may; null when no plan has it.
    pub starts_by: Option<String>,
    /// What would start it, or let it start sooner.
    pub remedies: Vec<String>,
}

/// Tells of a job by its number, `ARRAY_INDEX` for a task. The error says that there is none that the caller may see.
pub fn why(cluster: &Cluster, number: &str) -> Result<Why, String> {
    let job = find(cluster, number).ok_or_else(|| {
        format!("there is no job {number} that waits or runs; `sacct -j {number}` has those that are over")
    })?;
    let times = TimeFormat::default();
    let facts =
        JobFacts { cluster: *cluster, job, times: &times, convert: Convert::default(), tasks_shown: TASKS_SHOWN };
    let present = Present { accounts: cluster.accounts, now: facts.now() };
    let told = Why {
        job: facts.number(),
        name: job.submission.name.clone(),
        user: job.submission.user.name.clone(),
        account: job.account.to_string(),
        partition: facts.partition(),
        state: facts.state_name().to_owned(),
        ..Why::default()
    };
    let Some(wait) = cluster.core.wait(present, job.id) else {
        return Ok(Why { waits_for: running(&facts).into_iter().collect(), ..told });
    };
    let remark = Remarks { facts: &facts, wait: &wait };
    Ok(Why {
        reason: Some(facts.reason()),
        waits_for: remark.waits_for(),
        starts_by: wait.starts_by.map(|at| facts.shown(Some(at), "")),
        remedies: remark.remedies(),
        ..told
    })
}

/// The job that is meant, if the caller may see it.
fn find<'a>(cluster: &Cluster<'a>, number: &str) -> Option<&'a LiveJob> {
    let (number, task) = match number.split_once('_') {
        Some((array, task)) => (array, Some(task.parse::<u32>().ok()?)),
        None => (number, None),
    };
    let id: JobId = number.parse().ok()?;
    let has = |job: &&LiveJob| task.is_none_or(|task| job.array.as_ref().is_some_and(|part| part.has(task)));
    let records: Vec<JobId> = cluster.core.array_records(id).collect();
    let of_array = records.iter().filter_map(|id| cluster.core.job(*id)).filter(has);
    // Of an array the tasks that wait are asked about, if any do.
    let waits = |job: &&LiveJob| job.state() == JobState::Pending;
    let mut of_array: Vec<&LiveJob> = of_array.collect();
    of_array.sort_by_key(|job| !waits(job));
    let own = || cluster.core.job(id).filter(|_| task.is_none());
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let sees = |job: &&LiveJob| {
        view.job(&job.account, &job.submission.user.name) || job.submission.user.uid == cluster.caller.uid
    };
    of_array.first().copied().or_else(own).filter(sees)
}

fn running(facts: &JobFacts) -> Option<String> {
    let ends = || facts.shown(facts.end(), "an unknown time");
    match facts.state() {
        JobState::Running => Some(format!("it runs on {}, until {} at the latest", facts.nodes(), ends())),
        JobState::Suspended => {
            let since = facts.shown(facts.suspended_at(), "an unknown time");
            Some(format!("an operator suspended it on {} at {since}; it goes on with scontrol resume", facts.nodes()))
        }
        state if state.is_over() => Some(format!("it is over since {}", ends())),
        _ => None,
    }
}

struct Remarks<'a, 'b> {
    facts: &'a JobFacts<'b>,
    wait: &'a Wait,
}

impl Remarks<'_, '_> {
    fn id(&self) -> JobId {
        self.facts.job.id
    }

    fn waits_for(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.facts.dependency().into_iter().map(|list| format!("other jobs: {list}")).collect();
        told.extend(self.hold());
        if self.wait.reason == PendingReason::BeginTime {
            told.push(format!("its time: {}", self.facts.shown(self.facts.job.begin, "unknown")));
        }
        if let Some(limit) = self.facts.job.array_limit().filter(|_| self.wait.reason == PendingReason::ArrayTaskLimit)
        {
            told.push(format!("the end of another task of its array, of which {limit} may run at one time"));
        }
        let accounts = self.facts.cluster.accounts;
        told.extend(self.wait.limits.iter().map(|check| limit(accounts, check)));
        if self.wait.reason == PendingReason::Licenses {
            told.extend(self.facts.licenses().map(|list| format!("licences: {list}")));
        }
        told.extend(self.ahead());
        told.extend(self.nodes());
        told
    }

    fn hold(&self) -> Option<String> {
        let who = match self.facts.job.hold? {
            Hold::User => "its user holds it",
            Hold::Admin => "an operator holds it",
            Hold::LaunchFailed => {
                "a node could not start it, so it is held; SystemComment of `scontrol show job` says why"
            }
            Hold::MaxRequeue => "too many starts of it failed, so it is held",
        };
        Some(who.to_owned())
    }

    fn ahead(&self) -> Option<String> {
        let is_queued = matches!(self.wait.reason, PendingReason::Resources | PendingReason::Priority);
        if !is_queued || self.wait.ahead == 0 {
            return None;
        }
        let named: Vec<String> = self.wait.first_ahead.iter().map(JobId::to_string).collect();
        let more = self.wait.ahead - named.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("{} before it in the queue: {}{rest}", count(self.wait.ahead, "job"), named.join(", ")))
    }

    fn nodes(&self) -> Vec<String> {
        let mut told = Vec::new();
        let is_about_nodes = matches!(
            self.wait.reason,
            PendingReason::Resources | PendingReason::Priority | PendingReason::NodesUnavailable
        );
        if !is_about_nodes {
            return told;
        }
        if let Some((job, at)) = self.wait.next_ends.first() {
            let at = self.facts.shown(Some(*at), "");
            told.push(format!("room on its nodes: the first job there to end is {job}, at {at} at the latest"));
        }
        if !self.wait.unusable.is_empty() {
            let names = hostlist::compress(self.wait.unusable.iter().map(|name| name.as_str()));
            told.push(format!("nodes that take no work now: {names}; `sinfo -R` says why"));
        }
        told
    }

    fn remedies(&self) -> Vec<String> {
        let id = self.id();
        let told = match self.wait.reason {
            PendingReason::Held(Hold::Admin) => format!("an operator: scontrol release {id}"),
            PendingReason::Held(_) => format!("scontrol release {id}"),
            PendingReason::BeginTime => format!("scontrol update JobId={id} StartTime=now"),
            PendingReason::Dependency => format!("scontrol update JobId={id} Dependency="),
            PendingReason::DependencyNeverSatisfied => {
                format!("scancel {id}, for it never starts as it is; or scontrol update JobId={id} Dependency=")
            }
            PendingReason::ArrayTaskLimit => {
                format!("scontrol update JobId={} ArrayTaskThrottle=0", self.facts.array())
            }
            PendingReason::Resources | PendingReason::Priority => {
                format!(
                    "a shorter time limit lets it fill gaps: scontrol update JobId={id} TimeLimit=…; or ask for less"
                )
            }
            PendingReason::NodesUnavailable => "an operator: scontrol update NodeName=… State=RESUME".to_owned(),
            PendingReason::Admission(_) => {
                "the end of jobs that the limit counts, a smaller request, or a higher limit \
                                            (roster, sacctmgr)"
                    .to_owned()
            }
            PendingReason::PartitionConfig => format!("scontrol update JobId={id} Partition=…: its partition is gone"),
            PendingReason::Cleaning => "nothing: nodes clean up behind its earlier run".to_owned(),
            PendingReason::Licenses | PendingReason::None => return Vec::new(),
        };
        vec![told]
    }
}

/// `GrpTRES of gres/gpu, 2, set by user gildong in account ai_project: 2 in use, 1 more asked for`
fn limit(accounts: &State, check: &Check) -> String {
    let tres = check.tres.and_then(|id| accounts.tres.get(&id)).map(Tres::full_name);
    let of = tres.map_or_else(String::new, |name| format!(" of {name}"));
    let known =
        |figure: Option<u64>| figure.map_or_else(|| "an unknown number".to_owned(), |figure| figure.to_string());
    format!(
        "{}{of}, {}, set by {}: {} in use, {} more asked for",
        word(check),
        check.value,
        setter(accounts, check.setter),
        known(check.used),
        known(check.asked)
    )
}

/// The limit's name where it is set.
fn word(check: &Check) -> &'static str {
    match check.setter {
        Setter::Qos(_) => sacctmgr::qos::words::word(check.limit),
        Setter::Association(_) => sacctmgr::setting::word(check.limit),
    }
}

fn setter(accounts: &State, setter: Setter) -> String {
    match setter {
        Setter::Qos(id) => format!("QOS {}", accounts.qos.get(&id).map_or("", |qos| qos.name.as_str())),
        Setter::Association(id) => accounts.association(id).map_or_else(String::new, place),
    }
}

fn place(row: &Association) -> String {
    let key = &row.key;
    if key.user.is_empty() {
        return format!("account {}", key.account);
    }
    format!("user {} in account {}", key.user, key.account)
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
