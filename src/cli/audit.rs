//! `enlist audit`: contradictions of names and numbers over all hosts, and drift from the roster.

use super::Exit;
use super::site::{self, SiteArgs, fail_all};
use crate::connection::Dialer;
use crate::diag::Diagnostic;
use crate::sync::audit::{Finding, audit};
use crate::sync::reach::Reach;
use crate::sync::{Site, observe};
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
use std::path::PathBuf;

/// Find names and numbers that mean different people on different hosts, and drift from the roster.
///
/// Exit codes: 0 nothing found (system accounts aside), 2 findings, 1 an error.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Which hosts and how
    #[command(flatten)]
    pub site: SiteArgs,
    /// Also compare with this roster
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// The findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Audits.
pub fn run(args: &AuditArgs) -> Exit {
    let (findings, hosts) = match find(args) {
        Ok(found) => found,
        Err(problems) => return fail_all(&problems),
    };
    let out = stdout();
    match args.json {
        true => out.line(&serde_json::to_string_pretty(&findings).expect("findings have only text keys")),
        false => view::audit::findings(&findings, hosts, out).iter().for_each(|line| out.line(line)),
    }
    if findings.iter().all(|finding| finding.system) { Exit::OK } else { Exit(2) }
}

/// The findings, and how many hosts were looked at.
fn find(args: &AuditArgs) -> Result<(Vec<Finding>, usize), Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let roster = args.roster.as_ref().map(site::read_roster).transpose()?;
    let inventory = site::read_inventory(&args.site.sources()).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let limit = args.site.limit().map_err(one)?;
    let reach = Reach::new(&inventory, &login);
    let hosts = match &roster {
        Some(roster) => reach.of_roster(roster, &limit),
        None => reach.all(&limit),
    };
    let hosts = hosts.map_err(one)?;
    let connector = Dialer::new();
    let observed = observe(&Site::new(hosts, &connector, args.site.forks))?;
    Ok((audit(&observed, roster.as_ref()), observed.len()))
}
