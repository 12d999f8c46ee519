//! Leavers whose jobs run on: they keep their place in the scheduler and their number on every host until those are over.

use super::ask::{ask_result, command, text};
use super::compile::policy_of_leaver;
use super::{Host, Site};
use crate::roster::{Roster, User};
use host::books::{JobStage, JobsByUser, JobsOfLeavers, ListedJob, list_of_jobs, no_jobs, read_jobs};
use std::collections::{BTreeMap, BTreeSet};
use words::text::duration;

/// What people can do about somebody whose jobs run on.
pub(super) const AGAIN: &str = "apply the roster again when they are over; or write `jobs: cancel` in the entry";

/// Absent people whose jobs the roster lets run, for a while or to their end, by name, with the reason why they stay. It is
/// asked of the scheduler's master before any host is planned. Where nobody can tell, they stay.
pub(super) fn busy_leavers(site: &Site, roster: &Roster) -> BTreeMap<String, String> {
    let absent = roster.users.iter().filter(|user| user.standing.is_for_good());
    let with_policy = absent.filter_map(|user| Some((user, policy_of_leaver(roster, user)?)));
    let leavers: Vec<_> = with_policy.filter(|(_, policy)| *policy != JobsOfLeavers::Cancel).collect();
    if leavers.is_empty() {
        return BTreeMap::new();
    }
    let uids = leavers.iter().map(|(user, _)| *user.uid).collect();
    let jobs = jobs(site, &uids);
    let busy =
        leavers.iter().filter_map(|(user, policy)| Some((user.name.value.clone(), reason(user, *policy, &jobs)?)));
    busy.collect()
}

/// Why somebody stays; `None` when nothing of his runs.
fn reason(user: &User, policy: JobsOfLeavers, jobs: &Result<JobsByUser, String>) -> Option<String> {
    match jobs {
        Ok(jobs) => told(jobs.get(&user.uid.value).map(Vec::as_slice).unwrap_or_default(), policy),
        Err(why) => Some(format!("it is not known whether jobs of {} run: {why}", user.name.value)),
    }
}

/// `2 jobs run on (jobs: cancel after 2h), 01:59:10 at the most`; `None` when none runs.
pub(super) fn told(jobs: &[ListedJob], policy: JobsOfLeavers) -> Option<String> {
    let running: Vec<&ListedJob> = jobs.iter().filter(|job| job.stage == JobStage::Runs).collect();
    let most = match policy {
        JobsOfLeavers::CancelAfter(minutes) => u64::from(minutes) * 60,
        JobsOfLeavers::Run | JobsOfLeavers::Cancel => u64::MAX,
    };
    let longest = running.iter().map(|job| job.left.unwrap_or(u64::MAX).min(most)).max()?;
    let until = match longest {
        u64::MAX => String::new(),
        seconds => format!(", {} at the most", duration::format_seconds(seconds)),
    };
    let count = if running.len() == 1 { "1 job runs".to_owned() } else { format!("{} jobs run", running.len()) };
    Some(format!("{count} on (jobs: {policy}){until}"))
}

fn jobs(site: &Site, uids: &BTreeSet<u32>) -> Result<JobsByUser, String> {
    let master = site.hosts().iter().find(|host| host.scheduler);
    let master = master.ok_or("the scheduler's master is not among the hosts of this plan")?;
    ask_for_jobs(site, master, uids)
}

/// Asks the master for the jobs of these users. It reads only.
pub(super) fn ask_for_jobs(site: &Site, master: &Host, uids: &BTreeSet<u32>) -> Result<JobsByUser, String> {
    let result = ask_result(site, master, "command", command(&list_of_jobs(uids)), false)?;
    match result.outcome {
        Ok(outcome) => read_jobs(&text(&outcome.values, "stdout"), uids),
        Err(failure) => {
            let said = text(&failure.values, "stderr");
            no_jobs(if said.is_empty() { &failure.msg } else { &said })
        }
    }
}
