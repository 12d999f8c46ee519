//! `enlist apply`: carries out a reviewed plan, and nothing else.

use super::plan;
use super::site::{self, SiteArgs, fail_all};
use super::{Exit, fail};
use crate::change::plan::Plan;
use crate::connection::Dialer;
use crate::diag::{Diagnostic, ErrorKind};
use crate::sync::reach::Reach;
use crate::sync::{Applied, Site};
use crate::view;
use crate::view::styles::{Style, stderr, stdout};
use clap::Args;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Carry out a saved plan, or make one, show it and ask.
///
/// Every host is looked at again first. If anything is not as it was when the plan was made, nothing is touched.
/// Exit codes: 0 all done, 1 refused or failed.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The plan that `enlist plan -o` saved
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Which hosts and how; a saved plan knows its inventory
    #[command(flatten)]
    pub site: SiteArgs,
    /// Without a plan: who works here
    #[arg(long, value_name = "FILE", default_value = "roster.yml", conflicts_with = "plan")]
    pub roster: PathBuf,
    /// Without a plan: do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What became of every step, as one JSON document instead of text; asks nothing, so it needs a plan or --yes
    #[arg(long)]
    pub json: bool,
}

/// Applies.
pub fn run(args: &ApplyArgs) -> Exit {
    let plan = match &args.plan {
        Some(path) => read(path).map_err(|problem| vec![problem]),
        None => plan::make(&args.site, &args.roster).map(|planned| {
            plan::warn(&planned.warnings);
            planned.plan
        }),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(problems) => return fail_all(&problems),
    };
    let out = stdout();
    if !args.json && (args.plan.is_none() || plan.is_empty()) {
        view::plan::plan(&plan, out).iter().for_each(|line| out.line(line));
    }
    if plan.is_empty() {
        if args.json {
            out.line(&serde_json::json!({ "ok": true, "applied": [] }).to_string());
        }
        return Exit::OK;
    }
    if args.plan.is_none() && !args.yes {
        match confirmed(args.json) {
            Ok(true) => {}
            Ok(false) => return fail(&Diagnostic::new(ErrorKind::Refused, "not applied; nothing was touched")),
            Err(problem) => return fail(&problem),
        }
    }
    match carry_out(args, &plan) {
        Ok(true) => Exit::OK,
        Ok(false) => Exit::ERROR,
        Err(problems) => fail_all(&problems),
    }
}

fn read(path: &PathBuf) -> Result<Plan, Diagnostic> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Diagnostic::new(ErrorKind::Input, format!("cannot read the plan {name}: {error}")))?;
    Plan::from_json(&name, &text)
}

/// Asks on the terminal.
fn confirmed(json: bool) -> Result<bool, Diagnostic> {
    let stdin = std::io::stdin();
    if json || !stdin.is_terminal() {
        let why = if json { "--json asks nothing" } else { "there is no terminal to ask on" };
        return Err(Diagnostic::new(ErrorKind::Usage, why)
            .hint("save a plan with `enlist plan -o FILE` and apply that, or give --yes"));
    }
    let failed = |error: std::io::Error| Diagnostic::new(ErrorKind::Usage, format!("cannot ask: {error}"));
    print!("Apply this plan? [y/N] ");
    std::io::stdout().flush().map_err(failed)?;
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// On links of its own: agents that made the plan remember what they predicted.
fn carry_out(args: &ApplyArgs, plan: &Plan) -> Result<bool, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let sources = if args.site.inventory.sources.is_empty() { plan.inventory.clone() } else { args.site.sources() };
    let inventory = site::read_inventory(&sources).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let names = plan.hosts.iter().map(|host| host.host.as_str());
    let hosts = Reach::new(&inventory, &login).named(names).map_err(one)?;
    let connector = Dialer::new();
    let site = Site::new(hosts, &connector, args.site.forks);
    let mut report = Report { heard: Vec::new(), shown: 0, hosts: plan.hosts.len(), json: args.json };
    let well = crate::sync::apply(&site, plan, |applied| report.hear(applied))?;
    report.end(well);
    Ok(well)
}

/// Tells what became of steps: each phase's lines as soon as it is over, or one JSON document at the end.
struct Report {
    heard: Vec<Applied>,
    /// How many of them are on the screen.
    shown: usize,
    hosts: usize,
    json: bool,
}

impl Report {
    fn hear(&mut self, applied: Applied) {
        if self.heard.last().is_some_and(|last| last.phase != applied.phase) {
            self.show_phase();
        }
        self.heard.push(applied);
    }

    fn show_phase(&mut self) {
        let new = &self.heard[self.shown..];
        self.shown = self.heard.len();
        let Some(first) = new.first().filter(|_| !self.json) else { return };
        let (out, err) = (stdout(), stderr());
        out.line(&out.paint(Style::Heading, view::plan::heading(first.phase)));
        view::plan::applied(new, self.hosts, out).iter().for_each(|line| out.line(line));
        let warnings = new.iter().flat_map(|one| one.warnings.iter().map(move |text| (&one.host, text)));
        warnings.for_each(|(host, text)| {
            err.line(&format!("{} {host}: {text}", err.paint(Style::Warning, "warning:")));
        });
        out.line("");
    }

    fn end(&mut self, well: bool) {
        self.show_phase();
        match self.json {
            true => stdout().line(&serde_json::json!({ "ok": well, "applied": self.heard }).to_string()),
            false => stdout().line(&view::plan::applied_summary(&self.heard)),
        }
    }
}
