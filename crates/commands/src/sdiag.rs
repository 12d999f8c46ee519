//! `sdiag`, pure: what the scheduler did and how long it took, in the lines of Slurm 22.05.8. What has no meaning here (depths,
//! sizes of tables) has no line.

use crate::cluster::Cluster;
use crate::data::{Data, Structured};
use crate::sacctmgr::statistics::{Count, Message, busiest, counted, is_of_scheduler};
use crate::{Output, Reply, live_data};
use jiff::Timestamp;
use slurm::records::JobState;
use std::cmp::Reverse;
use std::fmt::Write;
use std::time::Duration;
use words::people::Uid;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};

/// What was counted since a moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// That moment, in seconds since 1970.
    pub since: i64,
    /// Commands that are being answered now.
    pub running: u64,
    /// What became of jobs.
    pub jobs: JobFigures,
    /// Quick passes over the queue.
    pub passes: Passes,
    /// Plans that look ahead.
    pub plans: Passes,
    /// Jobs that started as a plan said; since the service's start.
    pub planned_starts: u64,
    /// … since the moment.
    pub new_planned_starts: u64,
    /// Requests by what they were.
    pub messages: Vec<(Message, Count)>,
    /// Requests by who asked.
    pub users: Vec<(Uid, Count)>,
}

/// What became of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the number of jobs that were")]
pub struct JobFigures {
    pub submitted: u64,
    pub started: u64,
    pub completed: u64,
    pub cancelled: u64,
    pub failed: u64,
}

/// Looks at the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// When the last one began, in seconds since 1970.
    pub began: i64,
    /// How long it took.
    pub last: Duration,
    /// How long the longest took.
    pub longest: Duration,
    /// All of them.
    pub all: Count,
    /// Jobs in the queue at the last one.
    pub queue: u64,
    /// … at all of them together.
    pub queued: u64,
}

impl Passes {
    /// One more.
    pub fn add(&mut self, began: i64, took: Duration, queue: u64) {
        (self.began, self.last, self.queue) = (began, took, queue);
        self.longest = self.longest.max(took);
        self.all.add(took);
        self.queued += queue;
    }

    fn mean_queue(&self) -> u64 {
        self.queued.checked_div(self.all.times).unwrap_or(0)
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--reset`
    pub reset: bool,
    order: Order,
    structured: Option<Structured>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Count,
    Id,
    Time,
    Average,
}

const USAGE: char = '\u{e001}';
const JSON: char = '\u{e002}';
const YAML: char = '\u{e003}';

static KNOWN: Known = Known {
    program: "sdiag",
    hint: true,
    options: &[
        ("all", 'a', No),
        ("cluster", 'M', Yes),
        ("help", 'h', No),
        ("json", JSON, Maybe),
        ("reset", 'r', No),
        ("sort-by-id", 'i', No),
        ("sort-by-time", 't', No),
        ("sort-by-time2", 'T', No),
        ("usage", USAGE, No),
        ("version", 'V', No),
        ("yaml", YAML, Maybe),
    ],
};

/// Reads a command line (without the program's name); the error is what it ends with.
pub fn read(argv: &[String]) -> Result<Options, Box<Reply>> {
    let mut options = Options::default();
    for found in KNOWN.read(argv).by_ref() {
        let told = |stdout: &str| Box::new(Reply { stdout: stdout.to_owned(), ..Reply::default() });
        match found.map_err(|stderr| Box::new(Reply { stderr, code: 1, ..Reply::default() }))? {
            ('r', _) => options.reset = true,
            ('i', _) => options.order = Order::Id,
            ('t', _) => options.order = Order::Time,
            ('T', _) => options.order = Order::Average,
            (JSON, _) => options.structured = Some(Structured::Json),
            (YAML, _) => options.structured = Some(Structured::Yaml),
            ('h', _) => return Err(told(HELP)),
            (USAGE, _) => return Err(told("Usage: sdiag [-M cluster] [-aritT]\n")),
            ('V', _) => return Err(told(crate::sreport::VERSION)),
            _ => {}
        }
    }
    Ok(options)
}

/// Whether somebody may reset what is counted; the reply is a refusal, or that it is done.
pub fn reset(cluster: &Cluster) -> (bool, Reply) {
    if cluster.caller.is_operator(cluster.accounts) {
        return (true, Reply { stdout: "Reset scheduling statistics\n".to_owned(), ..Reply::default() });
    }
    let stderr = "slurm_reset_statistics: Access/permission denied\n".to_owned();
    (false, Reply { stderr, code: 255, ..Reply::default() })
}

/// Everything that was counted.
pub fn show(cluster: &Cluster, options: &Options, figures: Figures) -> Reply {
    let mut figures = figures;
    figures.messages.retain(|(message, _)| is_of_scheduler(message));
    figures.messages = sorted(figures.messages, options.order, |(_, number)| u64::from(*number));
    figures.users = sorted(figures.users, options.order, |uid| u64::from(uid.0));
    let stdout = match options.structured {
        Some(form) => {
            let mut out = Output::default();
            live_data::print_one(form, "statistics", &data(cluster, &figures), &mut out);
            out.rest()
        }
        None => page(cluster, &figures),
    };
    Reply { stdout, ..Reply::default() }
}

fn sorted<T>(counts: Vec<(T, Count)>, order: Order, number: fn(&T) -> u64) -> Vec<(T, Count)> {
    let mut counts = busiest(counts);
    match order {
        Order::Count => {}
        Order::Id => counts.sort_by_key(|(key, _)| number(key)),
        Order::Time => counts.sort_by_key(|(_, count)| Reverse(count.took)),
        Order::Average => counts.sort_by_key(|(_, count)| Reverse(count.mean())),
    }
    counts
}

/// Jobs that wait and that run now; tasks that wait together count each.
fn now(cluster: &Cluster) -> [u64; 2] {
    let mut counts = [0; 2];
    for job in cluster.core.live().jobs.values() {
        match job.state() {
            JobState::Pending => counts[0] += u64::from(job.task_count()),
            JobState::Running => counts[1] += 1,
            _ => {}
        }
    }
    counts
}

fn page(cluster: &Cluster, it: &Figures) -> String {
    let zone = cluster.now.time_zone().clone();
    let time = |seconds: i64| {
        let at = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(zone.clone());
        format!("{} ({seconds})", at.strftime("%a %b %d %H:%M:%S %Y"))
    };
    let rule = "*".repeat(55);
    let asked = time(cluster.now.timestamp().as_second());
    let ([pending, running], jobs) = (now(cluster), &it.jobs);
    let mut page = format!(
        "{rule}\nsdiag output at {asked}\nData since      {since}\n{rule}\n\
         Server thread count:  {threads}\nAgent queue size:     0\nAgent count:          0\nAgent thread count:   0\n\
         DBD Agent queue size: 0\n\n\
         Jobs submitted: {submitted}\nJobs started:   {started}\nJobs completed: {completed}\n\
         Jobs canceled:  {cancelled}\nJobs failed:    {failed}\n\n\
         Job states ts:  {asked}\nJobs pending:   {pending}\nJobs running:   {running}\n",
        since = time(it.since),
        threads = it.running,
        submitted = jobs.submitted,
        started = jobs.started,
        completed = jobs.completed,
        cancelled = jobs.cancelled,
        failed = jobs.failed,
    );
    page.push_str("\nMain schedule statistics (microseconds):\n");
    let passes = &it.passes;
    let _ = write!(
        page,
        "\tLast cycle:   {}\n\tMax cycle:    {}\n\tTotal cycles: {}\n\tMean cycle:   {}\n\tLast queue length: {}\n",
        passes.last.as_micros(),
        passes.longest.as_micros(),
        passes.all.times,
        passes.all.mean().as_micros(),
        passes.queue,
    );
    plans(&mut page, it, &time(it.plans.began));
    requests(cluster, &mut page, it);
    page
}

fn plans(page: &mut String, it: &Figures, began: &str) {
    let plans = &it.plans;
    let _ = write!(
        page,
        "\nBackfilling stats\n\tTotal backfilled jobs (since last slurm start): {}\n\
         \tTotal backfilled jobs (since last stats cycle start): {}\n\tTotal cycles: {}\n\tLast cycle when: {began}\n\
         \tLast cycle: {}\n\tMax cycle:  {}\n\tMean cycle: {}\n\tLast queue length: {}\n\tQueue length mean: {}\n",
        it.planned_starts,
        it.new_planned_starts,
        plans.all.times,
        plans.last.as_micros(),
        plans.longest.as_micros(),
        plans.all.mean().as_micros(),
        plans.queue,
        plans.mean_queue(),
    );
}

fn requests(cluster: &Cluster, page: &mut String, it: &Figures) {
    page.push_str("\nRemote Procedure Call statistics by message type\n");
    for ((name, number), count) in &it.messages {
        let _ = writeln!(page, "\t{name:<40}({number:>5}) {}", counted(count));
    }
    page.push_str("\nRemote Procedure Call statistics by user\n");
    for (uid, count) in &it.users {
        let _ = writeln!(page, "\t{:<16}({uid:>8}) {}", user(cluster, *uid), counted(count));
    }
    page.push_str("\nPending RPC statistics\n\tNo pending RPCs\n");
}

fn user(cluster: &Cluster, uid: Uid) -> String {
    cluster.people.user_numbered(uid).map(|user| user.name).or_kept(&uid.to_string(), uid)
}

/// The names of `openapi/v0.0.38`'s `/diag`.
fn data(cluster: &Cluster, it: &Figures) -> Data {
    let ([pending, running], now) = (self::now(cluster), cluster.now.timestamp().as_second());
    let micros = |took: Duration| Data::int(i128::try_from(took.as_micros()).unwrap_or(i128::MAX));
    let (passes, plans, jobs) = (&it.passes, &it.plans, &it.jobs);
    let mut items = vec![
        ("req_time", Data::int(now)),
        ("req_time_start", Data::int(it.since)),
        ("server_thread_count", Data::int(it.running)),
        ("agent_queue_size", Data::int(0)),
        ("agent_count", Data::int(0)),
        ("agent_thread_count", Data::int(0)),
        ("dbd_agent_queue_size", Data::int(0)),
        ("schedule_cycle_max", micros(passes.longest)),
        ("schedule_cycle_last", micros(passes.last)),
        ("schedule_cycle_total", Data::int(passes.all.times)),
        ("schedule_cycle_mean", micros(passes.all.mean())),
        ("schedule_queue_length", Data::int(passes.queue)),
    ];
    items.extend([
        ("jobs_submitted", Data::int(jobs.submitted)),
        ("jobs_started", Data::int(jobs.started)),
        ("jobs_completed", Data::int(jobs.completed)),
        ("jobs_canceled", Data::int(jobs.cancelled)),
        ("jobs_failed", Data::int(jobs.failed)),
        ("jobs_pending", Data::int(pending)),
        ("jobs_running", Data::int(running)),
        ("job_states_ts", Data::int(now)),
        ("bf_backfilled_jobs", Data::int(it.planned_starts)),
        ("bf_last_backfilled_jobs", Data::int(it.new_planned_starts)),
        ("bf_cycle_counter", Data::int(plans.all.times)),
        ("bf_cycle_mean", micros(plans.all.mean())),
        ("bf_cycle_last", micros(plans.last)),
        ("bf_cycle_max", micros(plans.longest)),
        ("bf_queue_len", Data::int(plans.queue)),
        ("bf_queue_len_mean", Data::int(plans.mean_queue())),
        ("bf_when_last_cycle", Data::int(plans.began)),
    ]);
    items.extend([
        ("rpcs_by_message_type", Data::List(it.messages.iter().map(of_message).collect())),
        ("rpcs_by_user", Data::List(it.users.iter().map(|(uid, count)| of_user(cluster, *uid, count)).collect())),
    ]);
    Data::Map(items)
}

fn of_message(((name, number), count): &(Message, Count)) -> Data {
    let head = vec![("message_type", Data::text(*name)), ("type_id", Data::int(*number))];
    Data::Map(head.into_iter().chain(times(count)).collect())
}

fn of_user(cluster: &Cluster, uid: Uid, count: &Count) -> Data {
    let head = vec![("user", Data::text(user(cluster, uid))), ("user_id", Data::int(uid.0))];
    Data::Map(head.into_iter().chain(times(count)).collect())
}

fn times(count: &Count) -> [(&'static str, Data); 3] {
    let micros = |took: Duration| Data::int(i128::try_from(took.as_micros()).unwrap_or(i128::MAX));
    [("count", Data::int(count.times)), ("average_time", micros(count.mean())), ("total_time", micros(count.took))]
}

const HELP: &str = "\
Usage: sdiag [OPTION]...
    -a, --all              everything, as without it
    -i, --sort-by-id       requests by number
        --json             as JSON; --yaml as YAML
    -r, --reset            count anew
    -t, --sort-by-time     requests by the time of all
    -T, --sort-by-time2    requests by the time of one
    -V, --version          version
";
