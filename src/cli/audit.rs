//! `enlist audit`: contradictions of names and numbers over all hosts, and drift from the roster.

use super::site::{self, SiteArgs, fail_all};
use super::{Exit, exit, plan};
use crate::cli::waiting;
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
use control::sync::audit::{Finding, look, not_seen};
use control::sync::reach::Reach;
use control::sync::{Site, Survey};
use std::path::PathBuf;
use words::diag::Diagnostic;

/// Find names and numbers that mean different people on different hosts, and drift from the roster.
///
/// Exit codes: 0 nothing found (system accounts aside); 2 findings; 3 a host did not answer, whatever was found on the
/// others; 1 an error.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Which hosts and how
    #[command(flatten)]
    pub site: SiteArgs,
    /// Also compare with this roster
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// The findings as JSON, hosts that did not answer among them (`not_seen`)
    #[arg(long)]
    pub json: bool,
    /// Each finding, also where many are alike
    #[arg(long)]
    pub all: bool,
}

/// Audits.
pub fn run(args: &AuditArgs) -> Exit {
    let (findings, Survey { seen, silent }) = match find(args) {
        Ok(found) => found,
        Err(problems) => return fail_all(&problems, args.json),
    };
    let out = stdout();
    if args.json {
        let all: Vec<_> = findings.iter().cloned().chain(not_seen(&silent)).collect();
        out.json(&serde_json::to_string_pretty(&all).expect("findings have only text keys"));
    } else {
        out.lines(view::audit::findings(&findings, seen.len(), plan::extent(args.all)));
    }
    silent.iter().for_each(|(_, problem)| exit::show(problem));
    if !silent.is_empty() {
        return Exit::LEFT_OUT;
    }
    if findings.iter().all(|finding| finding.system) { Exit::OK } else { Exit(2) }
}

/// The findings, and which hosts were looked at.
fn find(args: &AuditArgs) -> Result<(Vec<Finding>, Survey), Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let roster = args.roster.as_ref().map(|path| site::read_roster(path)).transpose()?;
    let inventory = site::read_inventory(&args.site.sources()).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let limit = args.site.limit().map_err(one)?;
    let reach = Reach::new(&inventory, &login);
    let hosts = match &roster {
        Some(roster) => reach.of_roster(roster, &limit),
        None => reach.all(&limit),
    };
    let hosts = hosts.map_err(one)?;
    let connector = waiting::watched();
    look(&Site::new(hosts, &connector, args.site.forks), roster.as_ref())
}
