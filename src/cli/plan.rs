//! `enlist plan`: what the roster would change, on all hosts and in the scheduler.

use super::Exit;
use super::saved::Saving;
use super::site::{self, SiteArgs, fail_all};
use crate::cli::waiting;
use crate::view;
use crate::view::fold::Extent;
use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr, stdout};
use clap::Args;
use control::plan::Plan;
use control::roster::Roster;
use control::sync::reach::Reach;
use control::sync::{Planned, Site};
use std::path::{Path, PathBuf};
use words::diag::Diagnostic;

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
    /// Save the plan for `enlist apply`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The plan as JSON instead of text
    #[arg(long)]
    pub json: bool,
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
    let Planned { plan, warnings } = match make(&args.site, &args.roster) {
        Ok(planned) => planned,
        Err(problems) => return fail_all(&problems, args.json),
    };
    warn(&warnings);
    if let Some(Err(problem)) = saving.as_ref().map(|saving| saving.write(&plan)) {
        return fail_all(&[problem], args.json);
    }
    let out = stdout();
    if args.json {
        out.json(&plan.to_json())
    } else {
        out.lines(view::plan::plan(&plan, extent(args.all)))
    }
    if let Some(saving) = &saving {
        stderr().line(next_step(saving, &plan, &args.roster));
    }
    if !plan.left_out.is_empty() {
        return Exit::LEFT_OUT;
    }
    if plan.is_empty() { Exit::OK } else { CHANGES }
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

/// Reads roster and inventory, looks at the site, and plans.
pub(super) fn make(args: &SiteArgs, roster: &PathBuf) -> Result<Planned, Vec<Diagnostic>> {
    of_roster(args, &site::read_roster(roster)?)
}

/// Reads the inventory, looks at the site, and plans.
pub(super) fn of_roster(args: &SiteArgs, roster: &Roster) -> Result<Planned, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let sources = args.sources();
    let inventory = site::read_inventory(&sources).map_err(one)?;
    let login = args.login().map_err(one)?;
    let limit = args.limit().map_err(one)?;
    let hosts = Reach::new(&inventory, &login).of_roster(roster, &limit).map_err(one)?;
    let connector = waiting::watched();
    control::sync::plan(&Site::new(hosts, &connector, args.forks), roster, &sources, site::now())
}
