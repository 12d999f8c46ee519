//! `enlist explain`: why somebody can or cannot log in and submit.

mod job;
mod waiting_job;

use super::Exit;
use super::site::{self, SiteArgs, fail_all};
use crate::cli::waiting;
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
use control::sync::Site;
use control::sync::explain::{Link, links, look_at};
use control::sync::reach::Reach;
use std::path::PathBuf;
use words::diag::Diagnostic;

/// Walk from the roster over every host to the scheduler, and name the first broken link; with a job, ask the accounting
/// service what stands in its way. With the number of a job, say what it waits for, when it starts, and what would start it.
/// Changes nothing.
///
/// Exit codes: 0 all is well, 2 something is broken, the job is not admitted, or it waits; 1 an error.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Login name, or the number of a job: 12, 12_3
    #[arg(value_name = "USER|JOB")]
    pub name: String,
    /// Which hosts and how
    #[command(flatten)]
    pub site: SiteArgs,
    /// Who works here
    #[arg(long, value_name = "FILE", default_value = "roster.yml")]
    pub roster: PathBuf,
    /// The links, or what is said to the job, as JSON
    #[arg(long)]
    pub json: bool,
    /// What job, if one is meant
    #[command(flatten)]
    pub job: job::JobArgs,
}

/// Explains.
pub fn run(args: &ExplainArgs) -> Exit {
    if args.job.is_given() {
        return job::run(&args.name, &args.job, args.json);
    }
    if waiting_job::is_job(&args.name) {
        return waiting_job::run(&args.name, args.json);
    }
    let links = match chain(args) {
        Ok(links) => links,
        Err(problems) => return fail_all(&problems, args.json),
    };
    let out = stdout();
    if args.json {
        out.json(&serde_json::to_string_pretty(&links).expect("links have only text keys"))
    } else {
        out.lines(view::explain::links(&args.name, &links))
    }
    if links.iter().all(|link| link.well) { Exit::OK } else { Exit(2) }
}

fn chain(args: &ExplainArgs) -> Result<Vec<Link>, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let roster = site::read_roster(&args.roster)?;
    let inventory = site::read_inventory(&args.site.sources()).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let limit = args.site.limit().map_err(one)?;
    let hosts = Reach::new(&inventory, &login).of_roster(&roster, &limit).map_err(one)?;
    let connector = waiting::watched();
    let facts = look_at(&Site::new(hosts, &connector, args.site.forks), &roster, &args.name);
    Ok(links(&roster, &args.name, &facts))
}
