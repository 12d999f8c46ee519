//! `enlist plan`: what the roster would change, on all hosts and in the scheduler.

use super::passing::PassingArgs;
use super::saved::{self, Saving};
use super::site::{self, SiteArgs, fail_all};
use super::{Exit, fail};
use crate::cli::waiting;
use crate::view;
use crate::view::fold::Extent;
use crate::view::review::redact::Redaction;
use crate::view::review::{FORMATS, Review};
use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr, stdout};
use clap::Args;
use clap::builder::PossibleValuesParser;
use control::plan::Plan;
use control::roster::{Roster, today};
use control::sync::reach::Reach;
use control::sync::{Planned, Site};
use jiff::civil::Date;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Show what the roster would change on the hosts and in the scheduler; changes nothing.
///
/// Exit codes: 0 nothing to do; 2 something would change; 3 something or somebody had to be left out, whether or not
/// something else would change; 1 no plan: an error, a conflict or a refusal.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Which hosts and how
    #[command(flatten)]
    pub site: SiteArgs,
    /// Who works here
    #[arg(long, value_name = "FILE", default_value = "roster.yml")]
    pub roster: PathBuf,
    /// What would change on this day (UTC), such as 2027-03-01, if nothing but the roster's days went by. Only to be read
    #[arg(long, value_name = "DAY", value_parser = site::day, conflicts_with = "output")]
    pub at: Option<Date>,
    /// Guards to pass
    #[command(flatten)]
    pub passing: PassingArgs,
    /// Save the plan for `enlist apply`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The plan as JSON instead of text
    #[arg(long, conflicts_with_all = ["format", "redact", "show_commands"])]
    pub json: bool,
    /// For review: person by person, and what takes something away last
    #[arg(long, value_name = "FORM", value_parser = form_names())]
    pub format: Option<String>,
    /// For review where others read along: names, keys and comments masked, each always in the same way
    #[arg(long)]
    pub redact: bool,
    /// For review: beside each change the commands that would do the same
    #[arg(long)]
    pub show_commands: bool,
    /// Show a plan that was saved, and look at no host
    #[arg(long, value_name = "PLAN", conflicts_with = "output")]
    pub from: Option<PathBuf>,
    /// Each change, also where those of many people are alike
    #[arg(long)]
    pub all: bool,
}

/// Something would change.
const CHANGES: Exit = Exit(2);

/// Makes, shows and saves a plan.
pub fn run(args: &PlanArgs) -> Exit {
    let saving = match args.output.as_deref().map(Saving::prepare).transpose() {
        Ok(saving) => saving,
        Err(problem) => return fail_all(&[problem], args.json),
    };
    let (Planned { plan, warnings }, people) = match planned_for(args) {
        Ok(planned) => planned,
        Err(problems) if args.redact => return fail_masked(&problems),
        Err(problems) => return fail_all(&problems, args.json),
    };
    if let Some(Err(problem)) = saving.as_ref().map(|saving| saving.write(&plan)) {
        return fail_all(&[problem], args.json);
    }
    show(args, &plan, &warnings, people);
    if let Some(saving) = &saving {
        stderr().line(next_step(saving, &plan, &args.roster));
    }
    if !plan.left_out.is_empty() {
        return Exit::LEFT_OUT;
    }
    if plan.is_empty() { Exit::OK } else { CHANGES }
}

/// That there is no plan, without what the problems say: a line of the roster, or who is on a host, may be in them, and nobody can
/// tell which words of it are names.
fn fail_masked(problems: &[Diagnostic]) -> Exit {
    let (count, noun) = (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
    let problem =
        Diagnostic::new(ErrorKind::Refused, format!("there is no plan, for {count} {noun}, not shown with --redact"));
    let places = problems.iter().filter_map(|problem| problem.place.as_ref()).map(|place| format!("at {place}"));
    let problem = places.take(MOST_PLACES).fold(problem, Diagnostic::note);
    fail(&problem.hint("without --redact they are told, where nobody else reads along"))
}

/// So many places are told.
const MOST_PLACES: usize = 20;

/// The plan, saved or made now, and the logins of the roster that it was made from.
fn planned_for(args: &PlanArgs) -> Result<(Planned, Vec<String>), Vec<Diagnostic>> {
    if let Some(path) = &args.from {
        let plan = saved::read(path).map_err(|problem| vec![problem])?;
        // Texts of a plan may name people who have no step in it: the roster knows them.
        let people = if args.redact { logins(&site::read_roster(&args.roster)?) } else { Vec::new() };
        return Ok((Planned { plan, warnings: Vec::new() }, people));
    }
    let allowed = args.passing.allowed().map_err(|problem| vec![problem])?;
    let roster = site::read_roster_at(&args.roster, args.at.unwrap_or_else(today))?;
    let people = logins(&roster);
    let mut planned = of_roster(&args.site, &roster, allowed)?;
    planned.plan.at = args.at.map(|day| day.to_string());
    Ok((planned, people))
}

fn logins(roster: &Roster) -> Vec<String> {
    roster.users.iter().map(|user| user.name.value.clone()).collect()
}

/// Shows the plan as it is wanted.
fn show(args: &PlanArgs, plan: &Plan, warnings: &[String], people: Vec<String>) {
    let out = stdout();
    if args.json {
        warn(warnings);
        return out.json(&plan.without_secrets().to_json());
    }
    if args.format.is_none() && !args.redact && !args.show_commands {
        warn(warnings);
        return out.lines(view::plan::plan(plan, extent(args.all)));
    }
    let form = args.format.as_deref().and_then(|name| FORMATS.iter().find(|format| format.name == name));
    let write = form.unwrap_or(&FORMATS[0]).write;
    if !args.redact {
        warn(warnings);
        return out.text(&write(&Review::new(plan, extent(args.all), args.show_commands)));
    }
    let redaction = Redaction::new(plan, people, std::env::var("ENLIST_REDACT_SECRET").unwrap_or_default());
    warn(&warnings.iter().map(|text| redaction.text(text)).collect::<Vec<_>>());
    out.text(&write(&Review::new(&redaction.plan(plan), extent(args.all), args.show_commands)));
}

/// The forms that there are.
fn form_names() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|format| format.name))
}

/// What `--all` means.
pub(super) fn extent(all: bool) -> Extent {
    if all { Extent::Whole } else { Extent::Folded }
}

fn next_step(saving: &Saving, plan: &Plan, roster: &Path) -> String {
    if plan.is_empty() {
        return "Saved; there is nothing to carry out.".to_owned();
    }
    format!("Saved. Carry it out with: enlist apply {} --roster {}", saving.path().display(), roster.display())
}

/// Shows what modules warned of.
pub(super) fn warn(warnings: &[String]) {
    stderr().lines(warnings.iter().map(|text| Styled::of(Style::Warning, "warning:").text(format!(" {text}"))));
}

/// Reads the inventory, looks at the site, and plans, passing the guards that are `allowed`.
pub(super) fn of_roster(args: &SiteArgs, roster: &Roster, allowed: &[String]) -> Result<Planned, Vec<Diagnostic>> {
    planned(args, roster, |site, roster, sources, now| control::sync::plan_passing(site, roster, sources, now, allowed))
}

/// The same for these people alone.
pub(super) fn of_people(args: &SiteArgs, roster: &Roster, names: &[String]) -> Result<Planned, Vec<Diagnostic>> {
    planned(args, roster, |site, roster, sources, now| control::sync::plan_of(site, roster, names, sources, now))
}

fn planned(
    args: &SiteArgs,
    roster: &Roster,
    plan: impl Fn(&Site, &Roster, &[String], String) -> Result<Planned, Vec<Diagnostic>>,
) -> Result<Planned, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let sources = args.sources();
    let inventory = site::read_inventory(&sources).map_err(one)?;
    let login = args.login().map_err(one)?;
    let limit = args.limit().map_err(one)?;
    let hosts = Reach::new(&inventory, &login).of_roster(roster, &limit).map_err(one)?;
    let connector = waiting::watched();
    plan(&Site::new(hosts, &connector, args.forks), roster, &sources, site::now())
}
