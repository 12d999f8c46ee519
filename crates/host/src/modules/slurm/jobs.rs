//! `slurm_jobs`: people who leave submit nothing any more, and their jobs become what the site says.

use super::{Planned, SchedulerModule, outcome};
use crate::books::{
    BookEntity, BookVerb, Books, Interest, JobOrder, JobStage, JobsOfLeavers, ListedJob, ListedRow, Write, check_word,
};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::choices;
use crate::identity::Uid;
use crate::parameters;
use crate::parameters::Choice;
use crate::system::{System, lookup};

/// The module.
pub struct SlurmJobs;

parameters! {
    /// Stops what people submit to the scheduler, and ends the jobs that they have; or lets them submit again. Runs on its
    /// master.
    pub struct SlurmJobsParameters for "slurm_jobs" {
        /// Login name.
        name: String,
        /// The user's number. One that is somebody else's on the host is refused, when jobs would end.
        uid: i64,
        /// `stopped`: nothing new is taken (MaxSubmitJobs=0 wherever the user is), and `jobs` says what becomes of the
        /// jobs that there are; `open`: such a stop is taken back.
        state: Submission = "stopped",
        /// With `stopped`: `run` lets what runs go on to its end, `cancel` ends all, `cancel after 2h` leaves that much
        /// time to what runs. Jobs that wait are always cancelled.
        jobs: Option<JobsOfLeavers>,
        /// With `open`: where MaxSubmitJobs=0 stays: `account`, or `account/partition` of an association for a partition.
        keep: Option<Vec<String>>,
    }
}

choices! {
    /// Whether somebody may submit.
    pub enum Submission {
        /// Nothing.
        Stopped = "stopped",
        /// As limits say.
        Open = "open",
    }
}

/// The limit that stops submission; its column has the same name.
pub const STOPPING: &str = "MaxSubmitJobs";

/// What the jobs of somebody are called in a change.
pub const JOBS: &str = "jobs";

/// The field of that change that counts jobs that wait and are cancelled.
pub const WAITING: &str = "waiting";

/// The field of that change that counts jobs that run and are ended, or get less time.
pub const RUNNING: &str = "running";

impl SchedulerModule for SlurmJobs {
    type Parameters = SlurmJobsParameters;

    fn interest(&self, given: &SlurmJobsParameters, interest: &mut Interest) {
        interest.users.insert(given.name.clone());
        if given.state == Submission::Stopped {
            interest.jobs_of.extend(u32::try_from(given.uid));
        }
    }

    fn allow(&self, given: &SlurmJobsParameters, system: &dyn System) -> Result<(), Failure> {
        if given.state == Submission::Open {
            return Ok(());
        }
        let uid = uid_of(given)?;
        if Uid(uid) == Uid::ROOT {
            return Err(Failure::new("jobs of root are not ended"));
        }
        Ok(lookup::refuse_number_of_others(system, &given.name, Uid(uid))?)
    }

    fn plan(&self, given: &SlurmJobsParameters, books: &Books) -> Result<Planned, Failure> {
        check_word("name", &given.name)?;
        let uid = uid_of(given)?;
        let planned = Planned::new(outcome_of(given));
        match (given.state, given.jobs) {
            (Submission::Open, _) => Ok(open(given, books, planned)),
            (Submission::Stopped, Some(policy)) => Ok(stop(&Leaver { name: &given.name, uid, policy }, books, planned)),
            (Submission::Stopped, None) => {
                Err(Failure::new("with `stopped`, `jobs` is needed: what becomes of the jobs"))
            }
        }
    }
}

fn uid_of(given: &SlurmJobsParameters) -> Result<u32, Failure> {
    u32::try_from(given.uid).map_err(|_| Failure::new(format!("{} is no number of a user", given.uid)))
}

fn outcome_of(given: &SlurmJobsParameters) -> crate::change::outcome::Outcome {
    outcome("name", given.name.clone(), crate::parameters::Presence::Present).with("state", given.state.word())
}

/// The associations of a user.
fn rows<'b>(books: &'b Books, name: &str) -> impl Iterator<Item = (&'b str, &'b ListedRow)> {
    let own = books.associations.iter().filter(move |(key, _)| key.user.eq_ignore_ascii_case(name));
    own.map(|(key, row)| (key.account.as_str(), row))
}

/// Takes a stop back wherever it stands; other limits stay, those of partitions, too.
fn open(given: &SlurmJobsParameters, books: &Books, mut planned: Planned) -> Planned {
    let is_kept = |place: &str| given.keep.iter().flatten().any(|keep| keep.eq_ignore_ascii_case(place));
    let own = books.associations.iter().filter(|(key, _)| key.user.eq_ignore_ascii_case(&given.name));
    let stopped = own.filter(|(_, row)| row.get(STOPPING) == "0").map(|(key, _)| (&*key.account, &*key.partition));
    let place = |account: &str, partition: &str| match partition {
        "" => account.to_owned(),
        partition => format!("{account}/{partition}"),
    };
    let write = |(account, partition): (&str, &str)| {
        let write = Write::new(BookVerb::Modify, BookEntity::User, &given.name);
        write.of("account", account).of("partition", partition).set([(STOPPING, "-1".to_owned())])
    };
    let stopped = stopped.filter(|(account, partition)| !is_kept(&place(account, partition)));
    let change = Change::new(Action::Update, JOBS, &given.name).field("submission", "stopped", "open");
    planned.add(change, stopped.map(write).collect());
    planned
}

/// Somebody who leaves.
struct Leaver<'g> {
    name: &'g str,
    uid: u32,
    policy: JobsOfLeavers,
}

fn stop(leaver: &Leaver, books: &Books, mut planned: Planned) -> Planned {
    let mut change = Change::new(Action::Update, JOBS, leaver.name);
    let is_open = rows(books, leaver.name).any(|(_, row)| row.get(STOPPING) != "0");
    if is_open {
        let write = Write::new(BookVerb::Modify, BookEntity::User, leaver.name);
        planned.writes.push(write.set([(STOPPING, "0".to_owned())]));
        change = change.field("submission", "open", "stopped");
    }
    match &books.jobs {
        Ok(jobs) => {
            let own = jobs.get(&leaver.uid).map(Vec::as_slice).unwrap_or_default();
            change = end_jobs(leaver, own, change, &mut planned);
        }
        Err(why) if rows(books, leaver.name).next().is_some() => {
            let name = leaver.name;
            planned.outcome.warnings.push(format!("it is not known which jobs {name} has, so none were ended: {why}"));
        }
        Err(_) => {}
    }
    if !planned.is_empty() {
        planned.changes.push(change);
    }
    planned
}

/// What becomes of jobs: as fields of the change and as orders. `run_on` of the outcome says how many are left afterwards.
fn end_jobs(leaver: &Leaver, jobs: &[ListedJob], change: Change, planned: &mut Planned) -> Change {
    let of = |stage| jobs.iter().filter(move |job| job.stage == stage);
    let waiting = of(JobStage::Waits).count() as i64;
    let running = of(JobStage::Runs).count() as i64;
    let change = change.field(WAITING, waiting, 0);
    let (change, run_on) = match leaver.policy {
        JobsOfLeavers::Cancel => {
            planned.ends_all_of = Some(leaver.uid);
            let is_any = waiting + running > 0;
            planned.orders.extend(is_any.then_some(JobOrder::CancelAll(leaver.uid)));
            (change.field(RUNNING, running, 0), 0)
        }
        JobsOfLeavers::Run => {
            planned.orders.extend((waiting > 0).then_some(JobOrder::CancelWaiting(leaver.uid)));
            (change, running)
        }
        JobsOfLeavers::CancelAfter(minutes) => {
            planned.orders.extend((waiting > 0).then_some(JobOrder::CancelWaiting(leaver.uid)));
            // A limit is in whole minutes, so a job that has one of this policy may have some seconds more.
            let most = u64::from(minutes) * 60 + 59;
            let long: Vec<&ListedJob> =
                of(JobStage::Runs).filter(|job| job.left.is_none_or(|left| left > most)).collect();
            planned.orders.extend(JobOrder::limits(&long, minutes));
            let change = match long.len() {
                0 => change,
                count => change.field(RUNNING, count as i64, leaver.policy.to_string()),
            };
            (change, running)
        }
    };
    let ends = of(JobStage::Runs).map(|job| job.left);
    let longest = ends.map(|left| left.unwrap_or(u64::MAX)).max();
    planned.outcome.values.insert("run_on".into(), run_on.into());
    let until = longest.filter(|left| *left != u64::MAX).map(|left| i64::try_from(left).unwrap_or(i64::MAX));
    planned.outcome.values.insert("seconds_left".into(), until.into());
    change
}
