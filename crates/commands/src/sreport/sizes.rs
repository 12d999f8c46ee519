//! `sreport job …`: jobs by how many CPUs they had.

use super::condition::{self, Condition, Grammar, HINT, Key, Switch};
use super::fields::{self, Column, Field};
use super::options::percent;
use super::{Done, Look, Report};
use crate::columns::{Cell, Column as Printed, leading_number, sized};
use slurm::model::tres::CPU;
use slurm::model::{AssociationId, TresId, or_zero};
use slurm::records::{Job, Scan};
use slurm::rollup::JobUse;
use slurm::tree::bounds;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use words::text::hostlist;

const GRAMMAR: Grammar = Grammar {
    switches: &[
        ("all_clusters", 1, Switch::AllClusters),
        ("AcctAsParent", 2, Switch::AccountAsParent),
        ("PrintJobCount", 2, Switch::PrintJobCount),
        ("FlatView", 2, Switch::FlatView),
    ],
    bare: Key::Clusters,
    keys: &[
        ("Clusters", 1, Key::Clusters),
        ("Accounts", 2, Key::Accounts),
        ("Acct", 4, Key::Accounts),
        ("Associations", 2, Key::Ids),
        ("End", 1, Key::End),
        ("Format", 2, Key::Format),
        ("Gid", 2, Key::Gid),
        ("grouping", 2, Key::Grouping),
        ("Jobs", 1, Key::Jobs),
        ("Nodes", 1, Key::Nodes),
        ("Partitions", 2, Key::Partitions),
        ("Start", 1, Key::Start),
        ("Users", 1, Key::Users),
        ("Wckeys", 2, Key::Wckeys),
    ],
    hint: HINT,
};

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Account,
    Wckey,
    AccountAndWckey,
}

/// SizesByAccount
pub fn by_account(report: &mut Report, words: &[&str]) -> Done {
    make(report, words, By::Account, "Cl,a", "Job Sizes")
}

/// SizesByWckey
pub fn by_wckey(report: &mut Report, words: &[&str]) -> Done {
    make(report, words, By::Wckey, "Cl,wc", "Job Sizes by Wckey")
}

/// SizesByAccountAndWckey
pub fn by_account_and_wckey(report: &mut Report, words: &[&str]) -> Done {
    make(report, words, By::AccountAndWckey, "Cl,a%-20", "Job Sizes")
}

/// A size group: from so many CPUs to so many, both included.
type Size = (u64, u64);

/// Jobs and their seconds of the TRES that is reported.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    jobs: u64,
    seconds: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.jobs = self.jobs.saturating_add(other.jobs);
        self.seconds = self.seconds.saturating_add(other.seconds);
    }
}

/// By line, then number of CPUs.
type Sums = BTreeMap<String, BTreeMap<u64, Sum>>;

fn make(report: &mut Report, words: &[&str], by: By, own: &str, title: &str) -> Done {
    let wanted = condition::read(report, &GRAMMAR, words)?;
    let tres = match report.options.tres.as_slice() {
        [one] => one.id,
        _ => {
            return report.refuse(
                " Job report only supports a single --tres type.\n Generate a separate report for each TRES type.",
            );
        }
    };
    if !report.view.time_range(wanted.span.seconds()) {
        return report.refuse("sreport: error: Too wide of a date range in query\n Problem with job query.");
    }
    let (sums, sizes) = count(report, &wanted, by, tres)?;
    let fields = fields::read(report, fields::JOB, &wanted.format, own);
    let columns = size_columns(report, &wanted, &sizes);
    if columns.is_empty() {
        report.complain(" We need a grouping list to set up the print.");
        return Ok(());
    }
    let what = match (wanted.has(Switch::PrintJobCount), report.options.unit.name()) {
        (true, _) => "Units are in number of jobs ran".to_owned(),
        (false, unit) => format!("Time reported in {unit}"),
    };
    let first_tres = report.options.tres_text.as_deref().map(|text| text.split(',').next().unwrap_or_default());
    let of = first_tres.map_or(String::new(), |tres| format!("TRES type is {tres}\n"));
    report.heading(title, &wanted, true, of + &what);
    print(report, &wanted, &fields, columns, &sums);
    Ok(())
}

/// The sizes and their headings; each with a width if one was given.
fn size_columns(report: &Report, wanted: &Condition, sizes: &[u64]) -> Vec<(Size, Printed)> {
    let of = match report.options.tres_text.as_deref() {
        None => "CPUs",
        Some(text) if text.eq_ignore_ascii_case("cpu") => "CPUs",
        Some(_) => "TRES",
    };
    let usual = if report.options.unit.is_both() { 20 } else { 13 };
    let column = |header: String, width: Option<i32>| Printed { header, width: width.unwrap_or(usual) };
    let Some(asked) = &wanted.grouping else {
        return sizes.iter().map(|size| ((*size, *size), column(format!("{size} {of}"), None))).collect();
    };
    let standard = ["50", "250", "500", "1000"].map(String::from);
    let asked: &[String] = if asked.is_empty() { &standard } else { asked };
    let mut found = Vec::new();
    let mut last = (0u32, None);
    for text in asked {
        let (number, width) = sized(text);
        // As slurmdbd counts: the group before 0 is all there is, and -1 is the largest number.
        let size = leading_number(number) as u32;
        let end = size.wrapping_sub(1);
        found.push(((last.0.into(), end.into()), column(format!("{}-{end} {of}", last.0), width)));
        last = (size, width);
    }
    if last.0 > 0 {
        found.push(((last.0.into(), u64::MAX), column(format!(">= {} {of}", last.0), last.1)));
    }
    found
}

fn print(
    report: &mut Report,
    wanted: &Condition,
    fields: &[Field],
    sizes: Vec<(Size, Printed)>,
    sums: &BTreeMap<String, Sums>,
) {
    let (sizes, printed): (Vec<Size>, Vec<Printed>) = sizes.into_iter().unzip();
    let mut columns: Vec<Printed> = fields.iter().map(Field::column).collect();
    columns.extend(printed);
    columns.push(Printed { header: "% of cluster".into(), width: 12 });
    let style = report.options.style;
    style.head(&mut report.out, &columns);
    let counts = wanted.has(Switch::PrintJobCount);
    let within = |by_cpus: &BTreeMap<u64, Sum>, size: &Size| {
        let mut sum = Sum::default();
        let range = if size.0 <= size.1 { Some(by_cpus.range(size.0..=size.1)) } else { None };
        range.into_iter().flatten().for_each(|(_, part)| sum.add(*part));
        sum
    };
    for (cluster, lines) in sums {
        let parts: Vec<(&String, Vec<Sum>)> = lines
            .iter()
            .map(|(name, by_cpus)| (name, sizes.iter().map(|size| within(by_cpus, size)).collect()))
            .collect();
        let total = |parts: &[Sum]| {
            let mut sum = Sum::default();
            parts.iter().for_each(|part| sum.add(*part));
            sum
        };
        let amount = |sum: Sum| if counts { sum.jobs } else { sum.seconds };
        let whole: u64 = parts.iter().map(|(_, parts)| amount(total(parts))).fold(0, u64::saturating_add);
        for (name, parts) in parts.iter().filter(|(_, parts)| total(parts).jobs > 0) {
            let all = total(parts);
            let mut cells: Vec<Cell> = fields
                .iter()
                .map(|field| match field.column {
                    Column::Cluster => Cell::Text(cluster.clone()),
                    Column::Account | Column::Wckey => Cell::Text((*name).clone()),
                    _ => field.nothing(report),
                })
                .collect();
            cells.extend(parts.iter().map(|part| {
                if counts { Cell::Number(part.jobs.to_string()) } else { report.time(part.seconds, all.seconds) }
            }));
            cells.push(Cell::Time(percent(amount(all), whole)));
            style.row(&mut report.out, &columns, &cells);
        }
    }
}

/// Reads the jobs: their sums by cluster, and all numbers of CPUs that were met.
fn count(report: &mut Report, wanted: &Condition, by: By, tres: TresId) -> Done<(BTreeMap<String, Sums>, Vec<u64>)> {
    let lines = Lines::new(report, wanted, by);
    let filter = Filter::new(wanted);
    let look = if filter.takes_all() && lines.are_by_association() && report.view.all_jobs() {
        Look::Use
    } else {
        Look::Whole
    };
    let (mut all, mut sizes) = (BTreeMap::new(), BTreeSet::new());
    for cluster in wanted.clusters(report) {
        let scan = Scan::window(&cluster, wanted.span.start, wanted.span.end);
        let mut sums = Sums::new();
        let mut see = |job: &Job| {
            let seconds = JobUse::ran(job, wanted.span);
            let cpus = job.tres_allocated.get(CPU).filter(|_| seconds > 0);
            let is_seen = || look == Look::Use || filter.takes(job) && report.view.job(&job.account, &job.user);
            if let Some(cpus) = cpus.filter(|_| is_seen()) {
                sizes.insert(cpus);
                if let Some(line) = lines.of(job) {
                    let used = job.tres_allocated.get(tres).unwrap_or(0).saturating_mul(seconds);
                    let line = match sums.get_mut(line.as_ref()) {
                        Some(line) => line,
                        None => sums.entry(line.into_owned()).or_default(),
                    };
                    line.entry(cpus).or_default().add(Sum { jobs: 1, seconds: used });
                }
            }
            ControlFlow::Continue(())
        };
        let read = report.records.each_job(look, &scan, &mut see);
        report.read(read)?;
        if !sums.is_empty() {
            all.insert(cluster, sums);
        }
    }
    Ok((all, sizes.into_iter().collect()))
}

/// Which jobs are wanted.
struct Filter<'a> {
    wanted: &'a Condition,
    nodes: BTreeSet<String>,
    flat_accounts: &'a [String],
}

impl<'a> Filter<'a> {
    fn new(wanted: &'a Condition) -> Self {
        let nodes = wanted.nodes.iter().cloned().collect();
        let flat = wanted.has(Switch::FlatView);
        Self { wanted, nodes, flat_accounts: if flat { &wanted.accounts } else { &[] } }
    }

    /// Whether nothing is asked of a job but when it ran.
    fn takes_all(&self) -> bool {
        let Condition { users, partitions, groups, wckeys, ids, jobs, .. } = self.wanted;
        let lists = [users, partitions, groups, wckeys, ids, jobs];
        lists.iter().all(|list| list.is_empty()) && self.flat_accounts.is_empty() && self.nodes.is_empty()
    }

    fn takes(&self, job: &Job) -> bool {
        let Condition { users, partitions, groups, wckeys, ids, jobs, .. } = self.wanted;
        let user = users.is_empty() || Condition::takes(users, &job.user) || users.contains(&text(job.uid));
        user && Condition::takes(partitions, &job.partition)
            && number(groups, job.gid)
            && Condition::takes(wckeys, &job.wckey)
            && number(ids, Some(or_zero::number(job.association)))
            && number(jobs, Some(job.job_id))
            && Condition::takes(self.flat_accounts, &job.account)
            && (self.nodes.is_empty() || names_of(&job.nodes).iter().any(|node| self.nodes.contains(node)))
    }
}

fn number(list: &[String], number: Option<impl ToString>) -> bool {
    list.is_empty() || Condition::takes(list, &text(number))
}

fn text(number: Option<impl ToString>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn names_of(nodes: &str) -> Vec<String> {
    crate::sacctmgr::word::names(nodes).or_else(|| hostlist::expand(nodes)).unwrap_or_default()
}

/// Which line a job belongs to.
enum Lines {
    /// One for whatever the jobs name.
    Flat(By),
    /// One for each of these wckeys.
    Wckeys(BTreeSet<(String, String)>),
    /// One for each of these accounts, with all below them; the first that fits. With wckeys, one for each pair.
    Accounts {
        names: HashMap<AssociationId, String>,
        /// Of every association that has one: the nearest to the root among the wanted ones above it.
        above: HashMap<AssociationId, AssociationId>,
        wckeys: Option<BTreeSet<(String, String)>>,
    },
}

impl Lines {
    fn new(report: &Report, wanted: &Condition, by: By) -> Self {
        if wanted.has(Switch::FlatView) && by != By::Wckey {
            return Lines::Flat(by);
        }
        let keys =
            report.state.wckeys.values().filter(|row| !row.deleted && Condition::takes(&wanted.wckeys, &row.name));
        let wckeys = (by != By::Account).then(|| keys.map(|row| (row.cluster.clone(), row.name.clone())).collect());
        match (by, wckeys) {
            (By::Wckey, Some(wckeys)) => Lines::Wckeys(wckeys),
            (_, wckeys) => {
                let names = accounts(report, wanted);
                let above = first_above(report, &names);
                Lines::Accounts { names, above, wckeys }
            }
        }
    }

    /// Whether a job's association says all.
    fn are_by_association(&self) -> bool {
        matches!(self, Lines::Accounts { wckeys: None, .. })
    }

    fn of<'a>(&'a self, job: &'a Job) -> Option<Cow<'a, str>> {
        let among = |keys: &BTreeSet<(String, String)>| keys.contains(&(job.cluster.clone(), job.wckey.clone()));
        match self {
            Lines::Flat(By::AccountAndWckey) => Some(format!("{}:{}", job.account, job.wckey).into()),
            Lines::Flat(_) => Some(job.account.as_str().into()),
            Lines::Wckeys(keys) => among(keys).then(|| job.wckey.as_str().into()),
            Lines::Accounts { names, above, wckeys } => {
                let account = names.get(above.get(&job.association?)?)?;
                match wckeys {
                    None => Some(account.as_str().into()),
                    Some(keys) => among(keys).then(|| format!("{account}:{}", job.wckey).into()),
                }
            }
        }
    }
}

/// The accounts that get a line, by their association: the named ones, or (`AcctAsParent`) those right below these.
fn accounts(report: &Report, wanted: &Condition) -> HashMap<AssociationId, String> {
    let rows = report.state.associations().values().filter(|row| !row.deleted && row.key.is_account());
    let above = |id: Option<AssociationId>| report.state.association(id?).map(|row| row.key.account.as_str());
    let root = ["root".to_owned()];
    let parents: &[String] = if wanted.accounts.is_empty() { &root } else { &wanted.accounts };
    let takes = |row: &&slurm::model::Association| {
        if wanted.has(Switch::AccountAsParent) {
            above(row.parent).is_some_and(|parent| Condition::takes(parents, parent))
        } else {
            Condition::takes(&wanted.accounts, &row.key.account)
        }
    };
    rows.filter(takes).map(|row| (row.id, row.key.account.clone())).collect()
}

/// For every association below a wanted account: which one it counts for, the first in the order of the tree.
fn first_above(report: &Report, names: &HashMap<AssociationId, String>) -> HashMap<AssociationId, AssociationId> {
    let places = bounds(report.state);
    let mut found = HashMap::new();
    for row in report.state.associations().values() {
        let mut line = Vec::new();
        let mut next = row.parent;
        while let Some(id) = next {
            line.extend(names.contains_key(&id).then_some(id));
            next = report.state.associations().get(&id).and_then(|row| row.parent);
        }
        let first = line.into_iter().min_by_key(|id| places.get(id).map(|(left, _)| *left));
        found.extend(first.map(|first| (row.id, first)));
    }
    found
}
