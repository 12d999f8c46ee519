//! `scontrol`, pure: shows and changes jobs, nodes and partitions, in the form of Slurm 22.05.8.

mod change;
mod errors;
mod shape;
mod show_job;
mod show_others;
mod show_step;

use crate::Reply;
use crate::cluster::{Cluster, Controller};
use crate::data::Structured;
use crate::reply::Then;
use scheduling::event::Denial;
use scheduling::id::JobId;
use slurm::privacy::View;
use std::collections::BTreeMap;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

/// The code of a `wait_job` that has to be asked again.
pub const WAITS: u8 = 75;

const JSON: char = '\u{e002}';
const YAML: char = '\u{e003}';

static KNOWN: Known = Known {
    program: "scontrol",
    hint: true,
    options: &[
        ("all", 'a', No),
        ("cluster", 'M', Yes),
        ("clusters", 'M', Yes),
        ("details", 'd', No),
        ("federation", '\u{e001}', No),
        ("future", 'F', No),
        ("help", 'h', No),
        ("hide", '\u{e001}', No),
        ("json", JSON, Maybe),
        ("local", '\u{e001}', No),
        ("oneliner", 'o', No),
        ("quiet", 'Q', No),
        ("sibling", '\u{e001}', No),
        ("uid", 'u', Yes),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("yaml", YAML, Maybe),
    ],
};

/// How things are shown.
#[derive(Clone, Debug, Default)]
pub struct Format {
    /// `--oneliner`
    pub one_line: bool,
    /// `--details`
    pub details: bool,
    /// How times are shown.
    pub times: TimeFormat,
    /// `--json`, `--yaml`: as release 23.02 has them, in the shape of `squeue` and `sinfo` of 22.05.
    pub structured: Option<Structured>,
}

/// What a command says.
#[derive(Clone, Debug, Default)]
struct Said {
    stdout: String,
    stderr: String,
    code: u8,
    writes: Vec<(String, String)>,
    then: Option<Then>,
}

impl Said {
    fn told(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    fn failed(stderr: &str) -> Self {
        Self { stderr: stderr.to_owned(), code: 1, ..Self::default() }
    }

    fn complain(&mut self, text: &str) {
        self.stderr.push_str(text);
        self.code = 1;
    }
}

fn few(word: &str) -> Said {
    Said::failed(&format!("too few arguments for keyword:{word}\n"))
}

fn many(word: &str) -> Said {
    Said::failed(&format!("too many arguments for keyword:{word}\n"))
}

/// Variables that scontrol heeds.
pub const VARIABLES: &[&str] = &["SLURM_JOB_NODELIST", "SLURM_TIME_FORMAT"];

/// Words that change nothing, so that a copy of the cluster is enough for them.
const ONLY_ASK: &[&str] = &["show", "ping", "version", "write", "wait_job", "help", "listpids", "errnumstr"];

/// Whether a command line may change something.
pub fn changes(argv: &[String]) -> bool {
    let mut getopt = KNOWN.read(argv);
    getopt.by_ref().for_each(drop);
    // What is no command line at all is complained about all the same.
    getopt.words().first().is_some_and(|word| !ONLY_ASK.contains(&word.to_lowercase().as_str()))
}

/// Of the library that the real program is linked with, as `scontrol -v version` tells it.
const API_VERSION: &str = "slurm_api_version: 2490368, 38.0.0\n";

/// Whether a command line names what needs no service at all, and its reply.
pub fn alone(environment: &BTreeMap<String, String>, argv: &[String]) -> Option<Reply> {
    let mut getopt = KNOWN.read(argv);
    let found: Vec<_> = getopt.by_ref().collect::<Result<_, _>>().ok()?;
    let words: Vec<String> = getopt.words().into_iter().map(str::to_owned).collect();
    let is_lists = matches!(words.as_slice(), [show, what, ..] if show.eq_ignore_ascii_case("show")
        && what.to_lowercase().starts_with("host"));
    let is_version = found.iter().any(|(letter, _)| *letter == 'V') || words.first().is_some_and(|it| it == "version");
    let is_verbose = found.iter().any(|(letter, _)| *letter == 'v');
    match (is_version, is_lists) {
        (true, _) if is_verbose => Some(reply(Said::told(format!("{}{API_VERSION}", crate::sreport::VERSION)))),
        (true, _) => Some(reply(Said::told(crate::sreport::VERSION))),
        (_, true) => {
            let own = environment.get("SLURM_JOB_NODELIST").map(String::as_str);
            Some(reply(lists(&words[1].to_lowercase(), words.get(2).map(String::as_str), own)))
        }
        _ => None,
    }
}

fn reply(said: Said) -> Reply {
    let Said { stdout, stderr, code, writes, then } = said;
    Reply { stdout, stderr, code, writes, then, ..Reply::default() }
}

/// Runs one command line (without the program's name).
pub fn run(controller: &mut dyn Controller, environment: &BTreeMap<String, String>, argv: &[String]) -> Reply {
    if let Some(reply) = alone(environment, argv) {
        return reply;
    }
    let mut format = Format { times: show_job::times(environment.get("SLURM_TIME_FORMAT")), ..Format::default() };
    let mut is_quiet = false;
    let mut getopt = KNOWN.read(argv);
    for found in getopt.by_ref() {
        match found {
            Err(text) => return reply(Said::failed(&text)),
            Ok(('o', _)) => format.one_line = true,
            Ok(('d', _)) => format.details = true,
            Ok((JSON, _)) => format.structured = Some(Structured::Json),
            Ok((YAML, _)) => format.structured = Some(Structured::Yaml),
            Ok(('Q', _)) => is_quiet = true,
            Ok(('h', _)) => return reply(Said::told(HELP)),
            Ok(('M', named)) => {
                let here = controller.cluster().core.config().cluster.clone();
                if let Some(why) = crate::sbatch::not_here("scontrol", &here, named) {
                    return reply(Said::failed(&why));
                }
            }
            Ok(('u', _)) => {
                return reply(Said::failed("scontrol: error: --uid: a job is changed as the user who asks\n"));
            }
            Ok(_) => {}
        }
    }
    let words: Vec<String> = getopt.words().into_iter().map(str::to_owned).collect();
    let Some((word, rest)) = words.split_first() else {
        return reply(Said::failed("scontrol: error: there are no sessions here: give the command as arguments\n"));
    };
    let mut said = one(controller, &format, &word.to_lowercase(), rest);
    if is_quiet {
        said.stderr.clear();
    }
    reply(said)
}

fn one(controller: &mut dyn Controller, format: &Format, word: &str, rest: &[String]) -> Said {
    match word {
        "show" if rest.len() > 2 => many(word),
        "wait_job" if rest.len() > 1 => many(word),
        "help" if !rest.is_empty() => Said { stdout: HELP.to_owned(), ..many(word) },
        "errnumstr" => errors::in_words(rest),
        "notify" => change::notify(controller, rest),
        "setdebug" => set_debug(rest),
        "show" => show(&controller.cluster(), format, rest),
        "hold" | "uhold" | "holdu" | "release" => change::hold(controller, word, rest),
        "suspend" | "resume" => change::suspend(controller, word, rest),
        "requeue" | "requeuehold" => change::requeue(controller, word, rest),
        "update" => change::update(controller, rest),
        "create" => shape::create(controller, rest),
        "delete" => shape::delete(controller, rest),
        "top" => change::top(controller, rest),
        "ping" => Said::told(ping(&controller.cluster())),
        "reconfigure" | "reconfig" => reconfigure(&controller.cluster()),
        "write" => write(&controller.cluster(), rest),
        "wait_job" => change::wait_job(controller, rest),
        "help" => Said::told(HELP),
        "listpids" | "reboot" | "abort" | "cancel_reboot" | "completing" | "pidinfo" | "setdebugflags"
        | "schedloglevel" | "shutdown" | "takeover" | "token" | "fsdampeningfactor" => not_there(word),
        "all" | "hide" | "details" | "oneliner" | "quiet" | "verbose" | "cluster" | "exit" | "quit" => Said::default(),
        _ => Said::failed(&format!("invalid keyword: {word}\n")),
    }
}

fn not_there(word: &str) -> Said {
    Said::failed(&format!("scontrol: error: {word} is not there yet\n"))
}

/// `setdebug`: what the service logs is its configuration's.
fn set_debug(rest: &[String]) -> Said {
    const LEVELS: &[&str] =
        &["quiet", "fatal", "error", "info", "verbose", "debug", "debug2", "debug3", "debug4", "debug5"];
    let Some(level) = rest.first() else { return few("setdebug") };
    let is_level = level.parse::<u8>().is_ok() || LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
    if is_level { not_there("setdebug") } else { Said::failed(&format!("invalid debug level: {level}\n")) }
}

/// As `scontrol ping` says it: whoever reads this has an answer.
fn ping(cluster: &Cluster) -> String {
    format!("Slurmctld(primary) at {} is UP\n", cluster.core.config().cluster)
}

fn reconfigure(cluster: &Cluster) -> Said {
    if cluster.caller.is_administrator(cluster.accounts) {
        return Said { then: Some(Then::Reload), ..Said::default() };
    }
    Said::failed("slurm_reconfigure error: Invalid user id\n")
}

fn show(cluster: &Cluster, format: &Format, rest: &[String]) -> Said {
    let Some((what, rest)) = rest.split_first() else { return few("show") };
    // `jobid=12` is `job 12`.
    let (what, named) = what.split_once('=').map_or((what.as_str(), None), |(what, named)| (what, Some(named)));
    let which = named.or(rest.iter().map(String::as_str).find(|word| !word.starts_with('-')));
    let what = what.to_lowercase();
    // Beginnings are enough, of three letters at least.
    let is = |name: &str| what.len() >= 3.min(name.len()) && name.starts_with(&what);
    let is_structured = is("jobs") || is("jobid") || is("nodes");
    if format.structured.is_some() && !is_structured {
        return Said::failed(&format!(
            "scontrol: error: show {what} has no --json and no --yaml: jobs and nodes have\n"
        ));
    }
    let result = match () {
        () if is("jobs") || is("jobid") => show_job::show(cluster, format, which),
        () if is("nodes") => {
            show_others::nodes(cluster, format, which).map_err(|text| Said { code: 1, ..Said::told(text) })
        }
        () if is("partitions") || is("partitionname") => {
            show_others::partitions(cluster, format, which).map_err(|text| Said { code: 1, ..Said::told(text) })
        }
        () if is("licenses") => Ok(show_others::licenses(cluster, format)),
        () if is("config") => Ok(show_others::config(cluster, format)),
        () if is("reservations") || is("reservationname") => match which {
            None => Ok("No reservations in the system\n".to_owned()),
            Some(name) => Err(Said { code: 1, ..Said::told(format!("Reservation {name} not found\n")) }),
        },
        () if is("steps") || is("stepid") => show_step::show(cluster, format, which),
        () if is("topology") => {
            let stderr = "scontrol: error: No topology information available\n".to_owned();
            Err(Said { stderr, ..Said::default() })
        }
        () if is("federation") || is("bbstat") => Ok(String::new()),
        () if is("frontends") => Ok("No nodes in the system\n".to_owned()),
        () if is("daemons") => Ok("slurmctld slurmd\n".to_owned()),
        () if ["assoc_mgr", "burstbuffer", "dwstat", "slurmd", "aliases"].iter().any(|name| is(name)) => {
            Err(Said::failed(&format!("scontrol: error: show {what} is not there yet\n")))
        }
        () => Err(Said::failed(&format!("invalid entity:{what} for keyword:show \n"))),
    };
    result.map_or_else(|said| said, Said::told)
}

/// `show hostnames`, `show hostlist`, `show hostlistsorted`; `own` are the nodes of the job that asks.
fn lists(what: &str, list: Option<&str>, own: Option<&str>) -> Said {
    let own = own.filter(|_| what.starts_with("hostname"));
    match (what, list.or(own)) {
        ("hostnames" | "hostname", None) => {
            Said { stderr: "scontrol: error: host list is empty\n".to_owned(), ..Said::default() }
        }
        ("hostnames" | "hostname", Some(list)) => match hostlist::expand_all(list) {
            Some(names) => Said::told(names.iter().map(|name| format!("{name}\n")).collect::<String>()),
            None => Said { stderr: format!("Invalid hostlist: {list}\n"), ..Said::default() },
        },
        (_, None) => Said::failed("invalid encode argument\n"),
        (what, Some(list)) => {
            let mut names = hostlist::expand_all(&list.replace('\n', ",")).unwrap_or_default();
            if what == "hostlistsorted" {
                names.sort_by(|a, b| natural(a).cmp(&natural(b)));
                names.dedup();
            }
            Said::told(hostlist::compress(names.iter().map(String::as_str)) + "\n")
        }
    }
}

/// A name as its beginning and the number at its end, so that `a10` comes behind `a9`.
fn natural(name: &str) -> (&str, u64) {
    let digits = name.bytes().rev().take(18).take_while(u8::is_ascii_digit).count();
    let (begin, number) = name.split_at(name.len() - digits);
    (begin, number.parse().unwrap_or(0))
}

/// `write batch_script JOB [FILE|-]`.
fn write(cluster: &Cluster, rest: &[String]) -> Said {
    let (what, rest) = rest.split_first().map_or(("", rest), |(what, rest)| (what.as_str(), rest));
    if !what.eq_ignore_ascii_case("batch_script") {
        return Said::failed(&format!("invalid write argument:{what}\n"));
    }
    let Some(text) = rest.first() else { return Said::default() };
    let retrieval = |why: &str| Said { stderr: format!("job script retrieval failed: {why}\n"), ..Said::default() };
    let job = text.parse().ok().and_then(|id| cluster.core.job(JobId(id)));
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let Some(job) = job.filter(|job| view.job(&job.account, &job.submission.user.name)) else {
        return retrieval(&Denial::InvalidJob.to_string());
    };
    let is_own = job.submission.user.uid == cluster.caller.uid;
    if !is_own && !cluster.caller.is_operator(cluster.accounts) {
        return retrieval("Invalid user id");
    }
    let script = match cluster.scripts.batch(job.id) {
        Ok(Some(batch)) => batch.script.shown().into_owned(),
        Ok(None) => return retrieval(&Denial::InvalidJob.to_string()),
        Err(why) => return retrieval(&why),
    };
    match rest.get(1).map(String::as_str) {
        Some("-") => Said::told(script),
        file => {
            let file = file.map_or_else(|| format!("slurm-{}.sh", job.id), str::to_owned);
            let stdout = format!("batch script for job {} written to {file}\n", job.id);
            Said { stdout, writes: vec![(file, script)], ..Said::default() }
        }
    }
}

const HELP: &str = "\
Usage: scontrol [OPTION]... COMMAND
    create PartitionName=NAME KEY=VALUE
                                 a partition, until the configuration is read again
    create NodeName=NODES State=CLOUD KEY=VALUE
                                 nodes, likewise
    delete PartitionName=NAME    a partition without jobs
    delete NodeName=NODES        nodes without jobs
    hold JOBS                    they do not start until they are released
    uhold JOBS                   the same, as their users would
    ping                         whether the service answers
    reconfigure                  the configuration is read again
    release JOBS                 they may start
    requeue JOBS                 they wait again, and run from their beginning
    requeuehold JOBS             the same, held
    resume JOBS                  they go on
    show job [JOB]               jobs
    show node [NODES]            nodes
    show partition [NAME]        partitions
    show config                  the configuration
    show licenses                licences
    show step [JOB[.STEP]]       steps that run
    show hostnames LIST          the names of a list of nodes
    show hostlist NAMES          a list of nodes of names
    show hostlistsorted NAMES    the same, in order
    suspend JOBS                 they stand still, and others may have their CPUs
    top JOBS                     before the others of their user
    update JobId=JOB KEY=VALUE   TimeLimit, Priority or Nice of a job
    update NodeName=NODES State=STATE [Reason=WHY]
                                 DRAIN, DOWN or RESUME of nodes; also Weight, Features
    update PartitionName=NAME KEY=VALUE
                                 State, MaxTime, Nodes and the like of a partition
    version                      version
    wait_job JOB                 until its nodes are its own
    write batch_script JOB [FILE|-]
                                 a job's script
Options:
    -d, --details                more of jobs and nodes
        --json, --yaml           jobs and nodes as data
    -o, --oneliner               each on one line
    -Q, --quiet                  no complaints
    -V, --version                version
";
