//! `scontrol update`, `hold`, `release`, `requeue` and their like.

use super::{Said, few, shape};
use crate::cluster::Controller;
use crate::sbatch::{Stop, values};
use scheduling::array::TaskSet;
use scheduling::demand::{Features, MemoryDemand};
use scheduling::event::{Denial, JobChange, JobCommand, NodeCommand, SchedulerEvent};
use scheduling::id::{JobId, NodeName};
use scheduling::job::{ArrayPart, LiveJob};
use slurm::records::JobState;
use words::text::{duration, hostlist};

/// `hold`, `uhold`, `release`: of jobs by number or by name.
pub fn hold(controller: &mut dyn Controller, word: &str, rest: &[String]) -> Said {
    if rest.is_empty() {
        return few(word);
    }
    let command = match word {
        "release" => JobCommand::Release,
        "hold" => JobCommand::Hold { as_user: false },
        _ => JobCommand::Hold { as_user: true },
    };
    let mut said = Said::default();
    for text in rest.iter().flat_map(|text| hostlist::parts(text)) {
        let named = text
            .split_once('=')
            .filter(|(key, _)| ["jobname", "name"].iter().any(|known| known.eq_ignore_ascii_case(key)));
        let jobs = match named {
            Some((_, name)) => called(controller, name),
            None => vec![text.to_owned()],
        };
        for job in jobs {
            let Err(denial) = control(controller, &job, command.clone()) else { continue };
            let why = in_words(controller, &job, denial);
            if is_task(controller, &job) {
                said.complain(&format!("{job}: {why}\n"));
            } else {
                said.complain(&format!("{why} for job {job}\nslurm_suspend error: {why}\n"));
            }
        }
    }
    said
}

/// Whether a text is about tasks of an array that is there: of these slurmctld answers one by one.
fn is_task(controller: &dyn Controller, text: &str) -> bool {
    let array = text.split_once('_').and_then(|(array, _)| array.parse().ok()).map(JobId);
    array.is_some_and(|array| controller.cluster().core.array_records(array).next().is_some())
}

/// Jobs of a name that are not over; one's own unless one is an operator.
fn called(controller: &dyn Controller, name: &str) -> Vec<String> {
    let cluster = controller.cluster();
    let who = cluster.requester();
    let jobs = cluster.core.live().jobs.values();
    let is_meant = |uid| who.is_operator || uid == who.uid;
    let found = jobs.filter(|job| job.submission.name == name && job.is_live() && is_meant(job.submission.user.uid));
    found.map(|job| job.id.to_string()).collect()
}

/// `suspend`, `resume`.
pub fn suspend(controller: &mut dyn Controller, word: &str, rest: &[String]) -> Said {
    if rest.is_empty() {
        return few(word);
    }
    let command = if word == "suspend" { JobCommand::Suspend } else { JobCommand::Resume };
    let mut said = Said::default();
    for job in rest.iter().flat_map(|text| hostlist::parts(text)) {
        let number = job.parse().map(JobId).ok();
        let array = number.filter(|id| controller.cluster().core.array_records(*id).next().is_some());
        if let Some(array) = array {
            said.complain_of_tasks(&each_task(controller, array, &command));
        } else if number.is_some_and(|id| controller.cluster().core.job(id).is_none()) {
            said.complain(&format!("Unexpected message received for job {job}\n"));
        } else if let Err(denial) = control(controller, job, command.clone()) {
            said.complain(&format!("{denial} for job {job}\n"));
        }
    }
    said
}

/// What came of it for each record of an array, with the record's tasks.
fn each_task(controller: &mut dyn Controller, array: JobId, command: &JobCommand) -> Vec<(String, String)> {
    let who = controller.cluster().requester();
    let records: Vec<JobId> = controller.cluster().core.array_records(array).collect();
    let mut results: Vec<(TaskSet, String)> = Vec::new();
    for record in records {
        let tasks = match controller.cluster().core.job(record).and_then(|job| job.array.as_ref()).map(|it| &it.part) {
            Some(ArrayPart::Task(index)) => TaskSet::one(*index),
            Some(ArrayPart::Waiting(tasks)) => tasks.clone(),
            None => continue,
        };
        let told = controller.on(SchedulerEvent::Control(who.clone(), record, command.clone()));
        let why = told.map_or_else(|denial| denial.to_string(), |_| DONE.to_owned());
        match results.iter_mut().find(|(_, known)| *known == why) {
            Some((known, _)) => *known = known.with(&tasks),
            None => results.push((tasks, why)),
        }
    }
    results.sort_by_key(|(tasks, _)| tasks.first());
    results.into_iter().map(|(tasks, why)| (format!("{array}_{tasks}"), why)).collect()
}

/// `requeue`, `requeuehold`.
pub fn requeue(controller: &mut dyn Controller, word: &str, rest: &[String]) -> Said {
    if rest.is_empty() {
        return few(word);
    }
    let is_held = word == "requeuehold";
    let is_special = |word: &str| is_held && word.eq_ignore_ascii_case("State=SpecialExit");
    let special = rest.iter().any(|word| is_special(word));
    let mut said = Said::default();
    if rest.iter().any(|word| word.eq_ignore_ascii_case("Incomplete")) {
        return super::not_there(&format!("{word} Incomplete"));
    }
    for job in rest.iter().filter(|word| !is_special(word)).flat_map(|text| hostlist::parts(text)) {
        if special && !is_pending(controller, job) {
            said.complain(&format!("State=SpecialExit is none that jobs have here, for job {job}: leave it away\n"));
        } else if let Err(denial) = control(controller, job, JobCommand::Requeue { hold: is_held }) {
            said.complain(&format!("{denial} for job {job}\n"));
        }
    }
    said
}

/// Whether it is a job that waits, which is refused for that.
fn is_pending(controller: &dyn Controller, job: &str) -> bool {
    let id = job.parse().ok().map(JobId);
    id.is_some_and(|id| controller.cluster().core.job(id).is_some_and(|job| job.state() == JobState::Pending))
}

/// `notify`: a message for the job's owner. Nobody passes it on here; who may not or names no job is told so.
pub fn notify(controller: &dyn Controller, rest: &[String]) -> Said {
    let [job, ..] = rest else { return few("notify") };
    let failed = |why: &str| Said::failed(&format!("job notify failure: {why}\n"));
    let cluster = controller.cluster();
    let Some(found) = job.parse().ok().and_then(|id| cluster.core.job(JobId(id))) else {
        return failed(&Denial::InvalidJob.to_string());
    };
    let who = cluster.requester();
    if !who.is_operator && who.uid != found.submission.user.uid {
        return failed(NOT_ONES_OWN);
    }
    super::not_there("notify")
}

/// Does something to a job, all tasks of an array, or some.
fn control(controller: &mut dyn Controller, text: &str, command: JobCommand) -> Result<(), Denial> {
    let who = controller.cluster().requester();
    let (id, tasks) = text.split_once('_').map_or((text, None), |(id, tasks)| (id, Some(tasks)));
    let id = id.parse().map(JobId).map_err(|_| Denial::InvalidJob)?;
    if let Some(tasks) = tasks {
        let tasks = tasks.parse().map_err(|_| Denial::InvalidArray)?;
        return controller.on(SchedulerEvent::ControlTasks(who, id, tasks, command)).map(|_| ());
    }
    let records = controller.cluster().records(id);
    if records.is_empty() {
        return Err(Denial::InvalidJob);
    }
    let mut ended = Err(Denial::AlreadyDone);
    for record in records {
        match controller.on(SchedulerEvent::Control(who.clone(), record, command.clone())) {
            Ok(_) => ended = Ok(()),
            // Of an array, what is over keeps nothing from the rest.
            Err(Denial::AlreadyDone) => {}
            Err(denial) => return Err(denial),
        }
    }
    ended
}

/// What is said of tasks for which all went well, where others failed.
const DONE: &str = "No error";

impl Said {
    /// What came of it for tasks of an array: nothing is said where it is the same for all, and good.
    fn complain_of_tasks(&mut self, results: &[(String, String)]) {
        if results.iter().all(|(_, why)| why == DONE) {
            return;
        }
        results.iter().for_each(|(tasks, why)| self.complain(&format!("{tasks}: {why}\n")));
    }
}

/// What slurmctld says to who has nothing to do with a job or a node.
pub(super) const NOT_ONES_OWN: &str = "Invalid user id";

/// A denial in slurmctld's words: it tells whose job it is not from what one may not do to one's own.
fn in_words(controller: &dyn Controller, job: &str, denial: Denial) -> String {
    let cluster = controller.cluster();
    let id = job.split('_').next().and_then(|id| id.parse().ok()).map(JobId);
    let record = id.and_then(|id| cluster.core.job(id));
    let who = cluster.requester();
    let is_own = record.is_some_and(|job| {
        who.is_operator || who.uid == job.submission.user.uid || who.coordinates.iter().any(|own| **own == *job.account)
    });
    if denial == Denial::Denied && !is_own { NOT_ONES_OWN.to_owned() } else { denial.to_string() }
}

/// `top`: jobs of one user in this order before the user's others. What they gain the others lose (sbatch(1), `--nice`), so
/// nobody else's jobs are behind them for it; operators only, as without `enable_user_top`.
pub fn top(controller: &mut dyn Controller, rest: &[String]) -> Said {
    let Some(list) = rest.first() else { return few("top") };
    match changes_for_top(controller, list).and_then(|changes| {
        let who = controller.cluster().requester();
        let mut tell = |(job, nice)| {
            let command = JobCommand::Update(JobChange::Nice(nice));
            controller.on(SchedulerEvent::Control(who.clone(), job, command)).map(drop)
        };
        changes.into_iter().try_for_each(&mut tell)
    }) {
        Ok(()) => Said::default(),
        Err(denial) => Said::failed(&format!("{denial} for job {list}\n")),
    }
}

/// Which job gets which nice value.
fn changes_for_top(controller: &dyn Controller, list: &str) -> Result<Vec<(JobId, i32)>, Denial> {
    let cluster = controller.cluster();
    if !cluster.requester().is_operator {
        return Err(Denial::Denied);
    }
    let mut wanted = Vec::new();
    for text in list.split(',') {
        let id = text.parse().map(JobId).map_err(|_| Denial::InvalidJob)?;
        let job = cluster.core.job(id).ok_or(Denial::InvalidJob)?;
        if job.state() != JobState::Pending {
            return Err(Denial::NotPending);
        }
        wanted.push((job, cluster.core.priority_of(id).ok_or(Denial::IsHeld)?));
    }
    let (user, named) = (wanted[0].0.submission.user.uid, wanted.iter().map(|(job, _)| job.id).collect::<Vec<_>>());
    let own = cluster.core.live().jobs.values().filter(|job| job.submission.user.uid == user);
    let queued = own.filter_map(|job| Some((job, cluster.core.priority_of(job.id)?)));
    let others: Vec<_> = queued.filter(|(job, _)| !named.contains(&job.id)).collect();
    let highest = wanted.iter().chain(&others).map(|(_, priority)| *priority).max().unwrap_or(0);
    let moved = |job: &LiveJob, from: u32, to: u32| {
        let nice = i64::from(job.submission.nice) + i64::from(from) - i64::from(to);
        (job.id, i32::try_from(nice).unwrap_or(i32::MAX))
    };
    let last = highest.saturating_sub(crate::job::count(wanted.len()));
    let mut changes: Vec<(JobId, i32)> =
        wanted.iter().zip(0u32..).map(|((job, now), at)| moved(job, *now, highest.saturating_sub(at))).collect();
    changes.extend(others.iter().filter(|(_, now)| *now > last).map(|(job, now)| moved(job, *now, last)));
    Ok(changes)
}

/// `update`.
pub fn update(controller: &mut dyn Controller, rest: &[String]) -> Said {
    if rest.is_empty() {
        return Said::failed("too few arguments for update keyword\n");
    }
    let pairs: Vec<(&str, &str)> = rest.iter().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let value = |names: &[&str]| shape::value(&pairs, names);
    if let Some(jobs) = value(&["JobId", "Job"]) {
        let is_bare = |word: &&String| !word.contains('=') && !word.eq_ignore_ascii_case("Nice");
        if let Some(word) = rest.iter().find(is_bare) {
            return Said::failed(&format!("Invalid input: {word}\nRequest aborted\n"));
        }
        return update_jobs(controller, jobs, &pairs);
    }
    let by_name = |(key, _): &(&str, &str)| key.eq_ignore_ascii_case("JobName") || key.eq_ignore_ascii_case("Name");
    if let Some((_, name)) = pairs.first().filter(|pair| by_name(pair)) {
        let jobs = called(controller, name);
        if jobs.is_empty() {
            return Said::failed(&format!("No active jobs found with JobName={name}\n"));
        }
        return update_jobs(controller, &jobs.join(","), &pairs[1..]);
    }
    if let Some(nodes) = value(&["NodeName", "Node"]) {
        return update_nodes(controller, nodes, &pairs);
    }
    if let Some(name) = value(&["PartitionName", "Partition"]) {
        return shape::update_partition(controller, name, &pairs);
    }
    Said::failed(
        "No valid entity in update command\nInput line must include \"NodeName\", \"PartitionName\", \"Reservation\", \
         \"JobId\", or \"SlurmctldDebug\"\n",
    )
}

/// Parameters of jobs that Slurm changes and that do not change here.
const OTHERS: &[&str] = &[
    "BurstBuffer",
    "Contiguous",
    "CoreSpec",
    "DelayBoot",
    "EndTime",
    "Extra",
    "MailType",
    "MailUser",
    "MinCPUsNode",
    "MinTmpDiskNode",
    "NodeList",
    "NtasksPerNode",
    "NumCPUs",
    "OverSubscribe",
    "Prefer",
    "Reboot",
    "ReservationName",
    "ResetAccrueTime",
    "SiteFactor",
    "StdErr",
    "StdIn",
    "StdOut",
    "Switches",
    "TimeMin",
    "UserID",
];

fn update_jobs(controller: &mut dyn Controller, jobs: &str, pairs: &[(&str, &str)]) -> Said {
    let mut changes = Vec::new();
    for (key, value) in pairs.iter().filter(|(key, _)| !["jobid", "job"].contains(&key.to_lowercase().as_str())) {
        match change(controller, jobs, key, value) {
            Ok(change) => changes.push(change),
            Err(why) => return Said::failed(&why),
        }
    }
    if changes.is_empty() {
        return Said::failed("No changes specified\n");
    }
    let mut said = Said::default();
    for job in hostlist::parts(jobs) {
        for command in &changes {
            if let Err(denial) = control(controller, job, command.clone()) {
                let why = in_words(controller, job, denial);
                said.complain(&format!("{why} for job {job}\n"));
                break;
            }
        }
    }
    said
}

fn change(controller: &dyn Controller, jobs: &str, key: &str, value: &str) -> Result<JobCommand, String> {
    let is = |name: &str| name.eq_ignore_ascii_case(key.trim_end_matches(['+', '-']));
    if is("TimeLimit") {
        let minutes = minutes(controller, jobs, key, value).ok_or("scontrol: error: Invalid TimeLimit value\n")?;
        return Ok(JobCommand::Update(JobChange::Minutes(minutes)));
    }
    if is("Priority") {
        // 0 is for held jobs.
        let bad = || format!("scontrol: error: Invalid Priority value: {value}\n");
        let priority: u32 = value.parse().map_err(|_| bad())?;
        let hold = JobCommand::Hold { as_user: false };
        return Ok(if priority == 0 { hold } else { JobCommand::Update(JobChange::Priority(priority)) });
    }
    if is("Nice") {
        let value = if value.is_empty() { "100" } else { value };
        let bad = || format!("scontrol: error: Invalid nice value: {value}\n");
        return Ok(JobCommand::Update(JobChange::Nice(value.parse().map_err(|_| bad())?)));
    }
    if let Some(change) = other_change(controller, jobs, key, value)? {
        return Ok(JobCommand::Update(change));
    }
    if OTHERS.iter().any(|name| is(name)) {
        return Err(format!("{key} of a job does not change: cancel it and submit it anew\nRequest aborted\n"));
    }
    Err(format!("Update of this parameter is not supported: {key}={value}\nRequest aborted\n"))
}

/// What is read as `sbatch` reads it. `None` for a parameter that is none of these.
fn other_change(controller: &dyn Controller, jobs: &str, key: &str, value: &str) -> Result<Option<JobChange>, String> {
    // What sbatch says, in the words of this program.
    let told = |Stop(reply): Stop| reply.stderr.replace("sbatch: ", "scontrol: ");
    let count = |text: &str| values::count(key, text).map_err(told);
    let moment = |text: &str| {
        let now = controller.cluster().now.clone();
        let stderr = |Stop(reply): Stop| reply.stderr.lines().next().unwrap_or_default().to_owned();
        values::moment(key, text, &now).map_err(|stop| stderr(stop) + "\nNo changes specified\n")
    };
    // None at all is a list of none.
    let names = |text: &str| if text.is_empty() { Ok(Vec::new()) } else { values::node_names(text).map_err(told) };
    let text = || value.to_owned();
    Ok(Some(match key.to_lowercase().as_str() {
        "name" | "jobname" => JobChange::Name(text()),
        "comment" => JobChange::Comment(text()),
        "admincomment" => JobChange::AdminComment(text()),
        "workdir" if value.starts_with('/') => JobChange::WorkDir(text()),
        "workdir" => return Err(invalid(key, value)),
        "partition" => JobChange::Partitions(value.split(',').map(str::to_owned).collect()),
        "account" => JobChange::Account(value.to_lowercase()),
        "qos" => JobChange::Qos(value.to_lowercase()),
        "starttime" | "eligibletime" => JobChange::Begin(moment(value)?),
        "deadline" => JobChange::Deadline(if value.is_empty() { None } else { Some(moment(value)?) }),
        "dependency" => {
            // The service looks at this one, as it does with all that it refuses.
            let refused = |_| format!("{} for job {jobs}\n", Denial::DependencyProblem);
            JobChange::Dependencies(values::dependencies(value).map_err(refused)?)
        }
        "requeue" => JobChange::Requeue(switch(key, value)?),
        "wckey" => JobChange::Wckey(Some(text()).filter(|name| !name.is_empty())),
        "arraytaskthrottle" => {
            JobChange::Throttle(Some(values::count_or_zero(key, value).map_err(told)?).filter(|it| *it > 0))
        }
        "numnodes" | "reqnodes" => {
            let (least, most) = values::nodes(value).map_err(told)?;
            JobChange::Nodes(least, Some(most))
        }
        "numtasks" => JobChange::Tasks(count(value).map_err(|_| invalid(key, value))?),
        "cpuspertask" => JobChange::CpusPerTask(count(value)?),
        "minmemorynode" => match values::megabytes(key, value).map_err(told)? {
            0 => JobChange::Memory(MemoryDemand::Whole),
            each => JobChange::Memory(MemoryDemand::PerNode(each)),
        },
        "minmemorycpu" => JobChange::Memory(MemoryDemand::PerCpu(values::megabytes(key, value).map_err(told)?)),
        "features" => {
            let bad = || "scontrol: error: Invalid feature specification\n".to_owned();
            JobChange::Features(Features::parse(value).ok_or_else(bad)?)
        }
        "gres" => JobChange::Gres(values::gres(value).map_err(told)?),
        "licenses" => JobChange::Licenses(values::licenses(value).map_err(told)?),
        "reqnodelist" => JobChange::Required(names(value)?),
        "excnodelist" => JobChange::Excluded(names(value)?),
        _ => return Ok(None),
    }))
}

fn invalid(key: &str, value: &str) -> String {
    format!("scontrol: error: Invalid {key} value: {value}\n")
}

/// `0` or `1`.
fn switch(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(invalid(key, value)),
    }
}

/// A time limit; `+` and `-` before it or behind the name are from what it is.
fn minutes(controller: &dyn Controller, jobs: &str, key: &str, value: &str) -> Option<u32> {
    let sign = value.chars().next().filter(|c| "+-".contains(*c)).or(key.chars().last().filter(|c| "+-".contains(*c)));
    let value = value.trim_start_matches(['+', '-']);
    if ["UNLIMITED", "INFINITE"].iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return Some(crate::job::UNLIMITED);
    }
    let given = u32::try_from(duration::parse_minutes(value)?).ok()?;
    let Some(sign) = sign else { return Some(given) };
    let cluster = controller.cluster();
    let job = cluster.core.job(JobId(jobs.parse().ok()?))?;
    let now = cluster.core.minutes_of(job)?;
    if sign == '+' { now.checked_add(given) } else { now.checked_sub(given) }
}

fn update_nodes(controller: &mut dyn Controller, nodes: &str, pairs: &[(&str, &str)]) -> Said {
    let of_lines = shape::update_lines(controller, nodes, pairs);
    let is_rest = |key: &str| !["nodename", "node", "weight", "features", "availablefeatures"].contains(&key);
    let has_more = pairs.iter().any(|(key, _)| is_rest(&key.to_lowercase()));
    if let Some(said) = of_lines.filter(|said| said.code != 0 || !has_more) {
        return said;
    }
    let (mut state, mut reason, mut commands) = (None, None, Vec::new());
    for (key, value) in pairs {
        match key.to_lowercase().as_str() {
            "comment" => commands.push(NodeCommand::Comment((*value).to_owned())),
            "extra" => commands.push(NodeCommand::Extra((*value).to_owned())),
            "nodename" | "node" | "weight" | "features" | "availablefeatures" => {}
            "state" => state = Some(value.to_uppercase()),
            "reason" => reason = Some(value.trim_matches(['"', '\'']).to_owned()),
            "activefeatures" | "gres" if !controller.cluster().requester().is_operator => {
                return Said::failed(&format!("slurm_update error: {NOT_ONES_OWN}\n"));
            }
            // Nodes say themselves what they have.
            "gres" => {
                let names = hostlist::expand_all(nodes).unwrap_or_else(|| vec![nodes.to_owned()]);
                let is_known =
                    |name: &String| controller.cluster().core.config().nodes.iter().any(|line| line.name == *name);
                let why = if names.iter().all(is_known) { Denial::InvalidGres } else { Denial::InvalidNode };
                return Said::failed(&format!("slurm_update error: {why}\n"));
            }
            "activefeatures" | "cpubind" | "nodeaddr" | "nodehostname" | "resumeafter" => {
                return Said::failed(&format!("{key} of a node is as the configuration says\nRequest aborted\n"));
            }
            _ => {
                return Said::failed(&format!(
                    "Update of this parameter is not supported: {key}={value}\nRequest aborted\n"
                ));
            }
        }
    }
    let who = controller.cluster().requester();
    if state.as_deref() == Some("NORESP") && who.is_operator {
        // A node that answers is there again with its next word, and one that does not is known to.
        return Said::default();
    }
    if state.is_some() || reason.is_some() || commands.is_empty() {
        match node_command(controller, nodes, state.as_deref(), reason) {
            Ok(command) => commands.push(command),
            Err(why) => return Said::failed(&why),
        }
    }
    let mut said = Said::default();
    let names = hostlist::expand_all(nodes).unwrap_or_else(|| vec![nodes.to_owned()]);
    let each = names.iter().flat_map(|name| commands.iter().map(move |command| (name, command)));
    for (name, command) in each {
        let event = SchedulerEvent::NodeControl(who.clone(), NodeName::from(name.as_str()), command.clone());
        if let Err(denial) = controller.on(event) {
            let why = if denial == Denial::Denied { NOT_ONES_OWN.to_owned() } else { denial.to_string() };
            said.complain(&format!("slurm_update error: {why}\n"));
            break;
        }
    }
    said
}

fn node_command(
    controller: &dyn Controller,
    nodes: &str,
    state: Option<&str>,
    reason: Option<String>,
) -> Result<NodeCommand, String> {
    let needs_reason = || "You must specify a reason when DOWNING or DRAINING a node. Request denied\n".to_owned();
    let is_in_use = || {
        let cluster = controller.cluster();
        let name =
            hostlist::expand_all(nodes).and_then(|names| names.first().map(|name| NodeName::from(name.as_str())));
        let standing = name.and_then(|name| cluster.core.live().nodes.get(&name).cloned());
        standing.is_some_and(|it| it.drain.is_none() && it.health == scheduling::node::NodeHealth::Up)
    };
    match state {
        Some("DRAIN") => reason.map(NodeCommand::Drain).ok_or_else(needs_reason),
        Some("FAIL") => reason.map(NodeCommand::Fail).ok_or_else(needs_reason),
        Some("DOWN") => reason.map(NodeCommand::Down).ok_or_else(needs_reason),
        Some("RESUME") if is_in_use() => Err("slurm_update error: Invalid node state specified\n".to_owned()),
        Some("RESUME" | "IDLE" | "UNDRAIN") => Ok(NodeCommand::Resume),
        Some("FUTURE" | "POWER_DOWN" | "POWER_UP" | "CANCEL_REBOOT") => {
            Err("slurm_update error: Invalid node state specified\n".to_owned())
        }
        Some("NORESP") => Err(format!("slurm_update error: {NOT_ONES_OWN}\n")),
        Some(word) => Err(format!(
            "Invalid input: State={word}\nRequest aborted\nValid states are: NoResp DRAIN FAIL FUTURE RESUME POWER_DOWN \
             POWER_UP UNDRAIN\nNot all states are valid given a node's prior state\n"
        )),
        None => reason.map(NodeCommand::Reason).ok_or_else(|| "No changes specified\n".to_owned()),
    }
}

/// `wait_job`: whether a job's nodes are its own now.
pub fn wait_job(controller: &dyn Controller, rest: &[String]) -> Said {
    let Some(text) = rest.first() else { return few("wait_job") };
    let cluster = controller.cluster();
    let job = text.parse().ok().and_then(|id| cluster.core.job(JobId(id)));
    match job.map(|job| job.state()) {
        Some(JobState::Running) => {
            Said { stderr: format!("scontrol: Nodes are ready for job {text}\n"), ..Said::default() }
        }
        Some(JobState::Pending) => Said { code: super::WAITS, ..Said::default() },
        Some(_) => Said::failed(&format!("scontrol: Job {text} no longer running\n")),
        _ => Said::failed(&format!("scontrol: Problem running job {text}\n")),
    }
}
