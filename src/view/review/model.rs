//! What a review says, whatever form it has.

use crate::view::fold::{Extent, Fate, fates, grouped, shape};
use crate::view::plan::{self, Shared};
use control::plan::commands::commands;
use control::plan::{LeftOut, Plan, Step, ended_jobs};
use host::change::{Action, FieldDiff};
use host::modules::doors::DOORS;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use words::text::visible::on_one_line;
use words::value::Value;

/// A plan, person by person.
pub struct Review<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// What comes and what changes, then what is taken away; a section that has nothing is not there.
    pub sections: Vec<Section>,
    /// The sum, in a line.
    pub summary: String,
    /// What was left out, in lines.
    pub left_out: Vec<String>,
    /// Whether commands are shown.
    pub with_commands: bool,
}

/// What comes and changes, or what goes.
pub struct Section {
    /// What it is called.
    pub title: &'static str,
    /// How much it is, in a line.
    pub counts: String,
    /// Whether it takes something away.
    pub is_destructive: bool,
    /// Person by person; groups, accounts and QOS first.
    pub subjects: Vec<Subject>,
}

/// A person, or what is nobody's alone.
pub struct Subject {
    /// The login; `None` for groups, accounts and QOS.
    pub login: Option<String>,
    /// The real name, where the plan has it.
    pub name: Option<String>,
    /// What is done.
    pub items: Vec<Item>,
    /// Others who are alike and not shown: a line about them.
    pub more: Option<String>,
}

/// One change, with all hosts that have it.
pub struct Item {
    /// `+`, `~` or `-`.
    pub mark: char,
    /// What is done.
    pub action: Action,
    /// `user gildong`.
    pub title: String,
    /// Where.
    pub hosts: Vec<String>,
    /// The same for people: `all 5 hosts`.
    pub on: String,
    /// Its fields, a line each.
    pub fields: Vec<String>,
    /// What people would type instead.
    pub commands: Vec<String>,
    shape: String,
}

impl<'p> Review<'p> {
    /// Sorts the plan by people.
    pub fn new(plan: &'p Plan, extent: Extent, with_commands: bool) -> Self {
        let shared = plan::shared(plan);
        let (goes, comes): (Vec<_>, Vec<_>) = shared.iter().partition(|shared| is_destructive(shared));
        let names = real_names(plan);
        let section = |title, is_destructive, all: &[&Shared]| {
            let subjects = subjects(all, plan, &names);
            let counts = counts(all, &subjects, is_destructive);
            let extent = if is_destructive { Extent::Whole } else { extent };
            Section { title, counts, is_destructive, subjects: folded(subjects, extent) }
        };
        let sections = [section("Comes and changes", false, &comes), section("Goes or is cut off", true, &goes)];
        let left_out: Vec<String> = plan::left_out(plan).iter().map(ToString::to_string).collect();
        Self {
            plan,
            sections: sections.into_iter().filter(|section| !section.subjects.is_empty()).collect(),
            summary: plan::summary(plan),
            left_out: left_out.into_iter().filter(|line| !line.is_empty()).skip(1).collect(),
            with_commands,
        }
    }

    /// Those who are left out, as the plan has them.
    pub fn left_out_of_plan(&self) -> &[LeftOut] {
        &self.plan.left_out
    }
}

/// What takes something away: removals, locks, and the end of jobs and sessions.
fn is_destructive(shared: &Shared) -> bool {
    let locks = shared.step.args.get("password_lock") == Some(&true.into());
    shared.change.action == Action::Delete || shared.step.phase.removes() || (shared.step.module == "user" && locks)
}

/// Modules whose steps are about a person.
const PERSONAL: [&str; 8] = [
    "user",
    "authorized_key",
    "sudo_rule",
    "doors",
    "slurm_user",
    "slurm_association",
    "slurm_coordinator",
    "slurm_jobs",
];

fn login<'p>(shared: &Shared<'p>) -> Option<&'p str> {
    let named = argument(shared.step, "user").or(argument(shared.step, "name"));
    named.filter(|_| PERSONAL.contains(&shared.step.module.as_str()))
}

/// Real names by login, as far as the plan's steps have them.
fn real_names(plan: &Plan) -> IndexMap<&str, &str> {
    let steps = plan.hosts.iter().flat_map(|host| &host.steps).filter(|step| step.module == "user");
    steps.filter_map(|step| Some((argument(step, "name")?, argument(step, "comment")?))).collect()
}

fn argument<'p>(step: &'p Step, name: &str) -> Option<&'p str> {
    step.args.get(name).and_then(Value::as_str)
}

fn subjects(all: &[&Shared], plan: &Plan, names: &IndexMap<&str, &str>) -> Vec<Subject> {
    let mut by_login: IndexMap<Option<&str>, Vec<Item>> = IndexMap::new();
    for shared in all {
        by_login.entry(login(shared)).or_default().push(item(shared, plan));
    }
    by_login.sort_by(|one, _, other, _| one.is_some().cmp(&other.is_some()));
    let subject = |(login, items): (Option<&str>, Vec<Item>)| Subject {
        login: login.map(str::to_owned),
        name: login.and_then(|login| names.get(login)).map(|name| on_one_line(name).into_owned()),
        items,
        more: None,
    };
    by_login.into_iter().map(subject).collect()
}

fn item(shared: &Shared, plan: &Plan) -> Item {
    let change = shared.change;
    let (mark, _) = plan::mark(change.action);
    let place = plan.hosts.iter().find(|host| shared.hosts.first() == Some(&host.host.as_str()));
    let directory = place.and_then(|place| place.directory.as_ref());
    Item {
        mark,
        action: change.action,
        title: on_one_line(&change.address.to_string()).into_owned(),
        hosts: shared.hosts.iter().map(|host| (*host).to_owned()).collect(),
        on: plan::name_hosts(&shared.hosts, plan.hosts.len()),
        fields: plan::fields(change).iter().map(ToString::to_string).collect(),
        commands: commands(shared.step, change, directory),
        shape: shape(change, shared.person(), &shared.hosts.join(",")),
    }
}

/// Of many people who are alike the first are shown.
fn folded(subjects: Vec<Subject>, extent: Extent) -> Vec<Subject> {
    let shape = |subject: &Subject| {
        subject.login.as_ref()?;
        Some(subject.items.iter().map(|item| item.shape.as_str()).collect::<Vec<_>>().join("\n\n"))
    };
    let fates = fates(&subjects.iter().map(shape).collect::<Vec<_>>(), extent);
    let logins: Vec<String> = subjects.iter().map(|subject| subject.login.clone().unwrap_or_default()).collect();
    let one = |(mut subject, fate): (Subject, Fate)| match fate {
        Fate::Shown => Some(subject),
        Fate::Hidden => None,
        Fate::Folded(rest) => {
            let first = subject.login.clone().unwrap_or_default();
            subject.more = Some(rest.says("person", &first, &logins[rest.last]));
            subject.items.clear();
            Some(subject)
        }
    };
    subjects.into_iter().zip(fates).filter_map(one).collect()
}

fn counts(all: &[&Shared], subjects: &[Subject], is_destructive: bool) -> String {
    let people = number(subjects.iter().filter(|subject| subject.login.is_some()).count(), "person", "people");
    let of = |action: Action| all.iter().filter(move |shared| shared.change.action == action);
    if !is_destructive {
        let (new, changed) = (of(Action::Create).count(), of(Action::Update).count());
        return format!("{new} new, {changed} changed; {people}");
    }
    let gone: BTreeSet<_> = of(Action::Delete).map(|shared| &shared.change.address).collect();
    let jobs: u64 = all.iter().map(|shared| ended_jobs(shared.change)).sum();
    let jobs = usize::try_from(jobs).unwrap_or(usize::MAX);
    let counts = [
        number(gone.len(), "removal", "removals"),
        people,
        number(jobs, "job ends", "jobs end"),
        number(sessions(all), "process ends", "processes end"),
    ];
    let counts: Vec<String> = counts.into_iter().filter(|count| !count.starts_with("0 ")).collect();
    counts.join(", ")
}

fn number(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Processes of sessions that end, over all hosts.
fn sessions(all: &[&Shared]) -> usize {
    let of_one = |shared: &&&Shared| shared.change.address.kind == DOORS;
    let count = |field: &FieldDiff| match field {
        FieldDiff::Value { before: Value::Int(count), .. } => usize::try_from(*count).unwrap_or(0),
        _ => 0,
    };
    all.iter()
        .filter(of_one)
        .map(|shared| shared.change.fields.iter().map(count).sum::<usize>() * shared.hosts.len())
        .sum()
}
