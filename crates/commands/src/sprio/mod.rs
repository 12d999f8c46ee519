//! `sprio`, pure: what the priorities of waiting jobs are made of.

use crate::cluster::Cluster;
use crate::job::JobFacts;
use crate::layout::{Field, Layout, Listed};
use crate::{Output, Reply};
use scheduling::Present;
use scheduling::id::{JobId, Uid};
use scheduling::priority::{Factors, TresFactor};
use slurm::privacy::View;
use slurm::records::JobState;
use slurm::settings::PriorityFlag;
use std::collections::BTreeMap;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Nothing as No, Value as Yes};

const HELP: char = '\u{e001}';
const USAGE: char = '\u{e002}';

static KNOWN: Known = Known {
    program: "sprio",
    hint: true,
    options: &[
        ("cluster", 'M', Yes),
        ("clusters", 'M', Yes),
        ("federation", '\u{e003}', No),
        ("format", 'o', Yes),
        ("help", HELP, No),
        ("jobs", 'j', Yes),
        ("local", '\u{e003}', No),
        ("long", 'l', No),
        ("noheader", 'h', No),
        ("norm", 'n', No),
        ("partition", 'p', Yes),
        ("sibling", '\u{e003}', No),
        ("sort", 'S', Yes),
        ("usage", USAGE, No),
        ("user", 'u', Yes),
        ("users", 'u', Yes),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("weights", 'w', No),
    ],
};

/// Variables that sprio heeds.
pub const VARIABLES: &[(&str, char)] = &[("SPRIO_FORMAT", 'o')];

struct Options {
    format: Option<String>,
    jobs: Vec<JobId>,
    long: bool,
    header: bool,
    normal: bool,
    partitions: Vec<String>,
    sort: Option<String>,
    users: Option<Vec<Uid>>,
    weights: bool,
    complaints: String,
}

/// A listing of jobs and their factors.
struct Priorities;

/// One job in one partition.
struct Row<'a> {
    it: JobFacts<'a>,
    factors: Factors,
    partition: String,
}

impl Listed for Priorities {
    type Row<'a> = Row<'a>;

    fn prints_unknown() -> bool {
        false
    }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// A part of its weight: what the factor itself is.
fn part(value: f64, weight: u32) -> String {
    let factor = if weight == 0 { 0.0 } else { value / f64::from(weight) };
    format!("{factor:.7}")
}

fn weights<'a>(row: &Row<'a>) -> &'a slurm::settings::Weights {
    &row.it.cluster.core.config().settings.priority.weights
}

fn fraction(row: &Row) -> String {
    format!("{:.14}", row.factors.sum() / f64::from(u32::MAX))
}

/// Each TRES with a number that is asked of its factor.
fn by_tres(row: &Row, decimals: usize, number: impl Fn(&TresFactor) -> f64) -> String {
    let accounts = row.it.cluster.accounts;
    let one = |it: &TresFactor| Some(format!("{}={:.decimals$}", accounts.tres.get(&it.tres)?.full_name(), number(it)));
    row.factors.tres.iter().filter_map(one).collect::<Vec<_>>().join(",")
}

macro_rules! fields {
    ($($letter:literal $header:literal $cell:expr;)*) => {
        static FIELDS: &[Field<Priorities>] =
            &[$(Field { name: "", letter: $letter, header: $header, cell: $cell },)*];
    };
}

fields! {
    'A' "AGE" |row| whole(row.factors.age);
    'a' "AGE" |row| part(row.factors.age, weights(row).age);
    'B' "ASSOC" |row| whole(row.factors.association);
    'b' "ASSOC" |row| part(row.factors.association, weights(row).association);
    'c' "CLUSTER" |_| "(null)".to_owned();
    'F' "FAIRSHARE" |row| whole(row.factors.fairshare);
    'f' "FAIRSHARE" |row| part(row.factors.fairshare, weights(row).fairshare);
    'i' "JOBID" |row| row.it.job.id.to_string();
    'J' "JOBSIZE" |row| whole(row.factors.job_size);
    'j' "JOBSIZE" |row| part(row.factors.job_size, weights(row).job_size);
    'N' "NICE" |row| row.factors.nice.to_string();
    'P' "PARTITION" |row| whole(row.factors.partition);
    'p' "PARTITION" |row| part(row.factors.partition, weights(row).partition);
    'Q' "QOS" |row| whole(row.factors.qos);
    'q' "QOS" |row| part(row.factors.qos, weights(row).qos);
    'r' "PARTITION" |row| row.partition.clone();
    'S' "SITE" |_| "0".to_owned();
    'T' "TRES" |row| by_tres(row, 0, TresFactor::weighted);
    't' "TRES" |row| by_tres(row, 2, |it| it.factor);
    'u' "USER" |row| row.it.job.submission.user.name.clone();
    'Y' "PRIORITY" |row| row.factors.priority().to_string();
    'y' "PRIORITY" fraction;
}

/// Runs one command line (without the program's name). The reply's `stdout` is what was not handed on.
pub fn run(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String], mut out: Output) -> Reply {
    let options = match Options::read(cluster, environment, argv) {
        Ok(options) => options,
        Err(reply) => return *reply,
    };
    if !cluster.core.config().settings.priority.multifactor {
        let stderr = "You are not running a supported priority plugin\n(priority/basic).\nOnly 'priority/multifactor' is \
            supported.\n";
        return Reply { stderr: stderr.to_owned(), code: 1, ..Reply::default() };
    }
    let mut rows = rows(cluster, &options);
    if rows.is_empty() && !options.jobs.is_empty() {
        let stdout = "Unable to find jobs matching user/id(s) specified\n".to_owned();
        return Reply { stdout, ..Reply::default() };
    }
    let (layout, unknown) = Layout::letters(FIELDS, &format(cluster, &options));
    let bad_fields = unknown.iter().map(|name| format!("sprio: error: Invalid job format specification: {name}\n"));
    let stderr: String = std::iter::once(options.complaints.clone()).chain(bad_fields).collect();
    let order = options.sort.as_deref().unwrap_or("i");
    if let Some(bad) = order.chars().find(|letter| !"+-,".contains(*letter) && !has_field(*letter)) {
        if options.header {
            layout.head(out.text());
        }
        let stderr = stderr + &format!("sprio: error: Invalid sort specification: {bad}\n");
        return Reply { stdout: out.rest(), stderr, code: 1, ..Reply::default() };
    }
    sort(&mut rows, order);
    if options.header {
        layout.head(out.text());
    }
    if options.weights {
        layout.line(out.text(), |field| weight(cluster, field));
        rows.clear();
    }
    for row in &rows {
        layout.row(out.text(), row);
        if out.row_ends().is_break() {
            break;
        }
    }
    Reply { stdout: out.rest(), stderr, ..Reply::default() }
}

fn has_field(letter: char) -> bool {
    FIELDS.iter().any(|field| field.letter == letter)
}

/// What a factor counts, for the line of weights.
fn weight(cluster: &Cluster, field: &Field<Priorities>) -> String {
    let weights = &cluster.core.config().settings.priority.weights;
    match field.letter {
        'i' => "Weights".to_owned(),
        'A' | 'a' => weights.age.to_string(),
        'B' | 'b' => weights.association.to_string(),
        'F' | 'f' => weights.fairshare.to_string(),
        'J' | 'j' => weights.job_size.to_string(),
        'P' | 'p' => weights.partition.to_string(),
        'Q' | 'q' => weights.qos.to_string(),
        'S' => "1".to_owned(),
        'T' | 't' if weights.tres.is_empty() => "(null)".to_owned(),
        'T' | 't' => {
            let one = |(name, weight): &(String, f64)| format!("{name}={weight:.2}");
            weights.tres.iter().map(one).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    }
}

/// Columns of factors whose weight is not 0, or of all.
fn format(cluster: &Cluster, options: &Options) -> String {
    if let Some(format) = &options.format {
        return format.clone();
    }
    let weights = &cluster.core.config().settings.priority.weights;
    let all = options.long;
    let normal = options.normal;
    let columns = [
        (all || weights.age > 0, 'A'),
        (all || weights.association > 0, 'B'),
        (all || weights.fairshare > 0, 'F'),
        (all || weights.job_size > 0, 'J'),
        (all || weights.partition > 0, 'P'),
        (all || weights.qos > 0, 'Q'),
    ];
    let mut format = "%.15i %9r".to_owned();
    if all || options.users.is_some() {
        format.push_str(" %.8u");
    }
    format.push_str(if normal { " %10y" } else { " %.10Y %.10S" });
    for (_, letter) in columns.iter().filter(|(is_shown, _)| *is_shown) {
        if normal {
            format.push_str(&format!(" %10{}", letter.to_ascii_lowercase()));
        } else {
            format.push_str(&format!(" %.10{letter}"));
        }
    }
    if all && !normal {
        format.push_str(" %.11N");
    }
    if all || !weights.tres.is_empty() {
        format.push_str(if normal { " %20t" } else { " %.20T" });
    }
    format
}

fn rows<'a>(cluster: &Cluster<'a>, options: &Options) -> Vec<Row<'a>> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let present = Present { accounts: cluster.accounts, now: cluster.now.timestamp().as_second() };
    let accrues_always = cluster.core.config().settings.priority.flags.has(PriorityFlag::AccrueAlways);
    let mut rows = Vec::new();
    for job in cluster.core.live().jobs.values().filter(|job| job.state() == JobState::Pending && job.hold.is_none()) {
        let user = &job.submission.user;
        let is_meant = view.job(&job.account, &user.name)
            && (options.jobs.is_empty() || options.jobs.contains(&job.id))
            && options.users.as_ref().is_none_or(|users| users.contains(&user.uid));
        // Who cannot start yet has no priority yet.
        if !is_meant || !accrues_always && job.eligible.is_none() {
            continue;
        }
        let it = JobFacts::plain(*cluster, job);
        for partition in it.partition().split(',') {
            let is_asked_for = options.partitions.is_empty() || options.partitions.iter().any(|name| name == partition);
            let factors = cluster.core.factors_of(present, job.id, partition).filter(|_| is_asked_for);
            rows.extend(factors.map(|factors| Row { it, factors, partition: partition.to_owned() }));
        }
    }
    rows
}

fn sort(rows: &mut [Row], order: &str) {
    let mut is_reverse = false;
    let mut keys = Vec::new();
    for letter in order.chars() {
        match letter {
            '-' => is_reverse = true,
            '+' | ',' => is_reverse = false,
            _ => {
                keys.push((letter, is_reverse));
                is_reverse = false;
            }
        }
    }
    for (letter, is_reverse) in keys.into_iter().rev() {
        let Some(field) = FIELDS.iter().find(|field| field.letter == letter) else { continue };
        rows.sort_by(|a, b| {
            let (one, other) = ((field.cell)(a), (field.cell)(b));
            let order = match (one.parse::<f64>(), other.parse::<f64>()) {
                (Ok(one), Ok(other)) => one.total_cmp(&other),
                _ => one.cmp(&other),
            };
            if is_reverse { order.reverse() } else { order }
        });
    }
}

impl Options {
    fn read(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String]) -> Result<Self, Box<Reply>> {
        let mut options = Self {
            format: environment.get("SPRIO_FORMAT").cloned(),
            jobs: Vec::new(),
            long: false,
            header: true,
            normal: false,
            partitions: Vec::new(),
            sort: None,
            users: None,
            weights: false,
            complaints: String::new(),
        };
        let complain = |stderr: String| Box::new(Reply { stderr, code: 1, ..Reply::default() });
        let told = |text: &str| Box::new(Reply { stdout: text.to_owned(), ..Reply::default() });
        let mut getopt = KNOWN.read(argv);
        for found in getopt.by_ref() {
            let (letter, value) = found.map_err(complain)?;
            match letter {
                'o' => options.format = Some(value.to_owned()),
                'j' => options.jobs = jobs(value).map_err(complain)?,
                'l' => options.long = true,
                'h' => options.header = false,
                'n' => options.normal = true,
                'p' => options.partitions = value.split(',').map(str::to_owned).collect(),
                'S' => options.sort = Some(value.to_owned()),
                'u' => {
                    let (users, complaints) = users(cluster, value);
                    (options.users, options.complaints) = (Some(users), complaints);
                }
                'w' => options.weights = true,
                'M' => {
                    let away = crate::sbatch::not_here("sprio", &cluster.core.config().cluster, value);
                    away.map_or(Ok(()), |why| Err(complain(why)))?;
                }
                'V' => return Err(told(crate::sreport::VERSION)),
                HELP => return Err(told(HELP_TEXT)),
                USAGE => return Err(told(USAGE_TEXT)),
                _ => {}
            }
        }
        match getopt.words().first() {
            Some(word) => Err(complain(format!("sprio: error: Unrecognized option: {word}\n"))),
            None => Ok(options),
        }
    }
}

fn jobs(text: &str) -> Result<Vec<JobId>, String> {
    let one = |part: &str| {
        let id = part.parse::<u32>().ok().filter(|id| *id > 0).map(JobId);
        id.ok_or_else(|| format!("sprio: error: Invalid job id: {part}\n"))
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

/// The numbers of users; who is none is complained about, and has no jobs.
fn users(cluster: &Cluster, text: &str) -> (Vec<Uid>, String) {
    crate::squeue::users("sprio", cluster, text)
}

const USAGE_TEXT: &str = "Usage: sprio [-j jid[s]] [-u user_name[s]] [-o format] [-p partitions]\n\
    \u{20}  [-S sort] [--federation] [--local] [--sibling] [--usage] [-hlnvVw]\n";

const HELP_TEXT: &str = "\
Usage: sprio [OPTION]...
    -h, --noheader         no heading
    -j, --jobs=NUMBERS     these jobs
    -l, --long             all factors
    -n, --norm             factors before weights
    -o, --format=FORMAT    these columns
    -p, --partition=NAMES  jobs in these partitions
    -S, --sort=LETTERS     in this order
    -u, --user=NAMES       jobs of these users
    -V, --version          version
    -w, --weights          the weights alone
";
