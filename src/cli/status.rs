//! `enlist status`: how everybody stands.

use super::Exit;
use super::site::{self, SiteArgs, fail_all};
use super::user::may_use;
use crate::cli::waiting;
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
use control::roster::{Engagement, Roster, User};
use control::sync::Site;
use control::sync::reach::Reach;
use control::sync::status::{PersonStanding, StandingKind, standings};
use std::collections::BTreeSet;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};

/// Show how everybody of the roster stands, with the first broken link of each: account, directory, name service, home, keys,
/// associations, limits. Changes nothing.
///
/// Exit codes: 0 everybody is as the roster says; 2 something is broken; 3 somebody could not be looked at, whatever was found; 1
/// an error.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which hosts and how
    #[command(flatten)]
    site: SiteArgs,
    /// Who works here
    #[arg(long, value_name = "FILE", default_value = "roster.yml")]
    roster: PathBuf,
    /// Only members of this group
    #[arg(long)]
    group: Option<String>,
    /// Only who may use this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only members of this project or course
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Only those for whom this person answers
    #[arg(long, value_name = "MANAGER")]
    manager: Option<String>,
    /// Only those who stand so; repeatable
    #[arg(long, value_name = "STATE", value_parser = StandingKind::ALL.map(StandingKind::word))]
    state: Vec<String>,
    /// The same as JSON
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// One HTML page
    #[arg(long)]
    html: bool,
}

/// Looks and shows.
pub fn run(args: &StatusArgs) -> Exit {
    match look(args) {
        Ok((roster, people)) => show(args, &roster, &people),
        Err(problems) => fail_all(&problems, args.json),
    }
}

fn look(args: &StatusArgs) -> Result<(Roster, Vec<PersonStanding>), Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let roster = site::read_roster(&args.roster)?;
    let unknown = args.unknown(&roster);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let inventory = site::read_inventory(&args.site.sources()).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let limit = args.site.limit().map_err(one)?;
    let hosts = Reach::new(&inventory, &login).of_roster(&roster, &limit).map_err(one)?;
    let connector = waiting::watched();
    let all = standings(&Site::new(hosts, &connector, args.site.forks), &roster, !limit.is_empty());
    let people = roster.users.iter().zip(all).filter(|(user, one)| args.wants(&roster, user, one));
    let people = people.map(|(_, one)| one).collect();
    Ok((roster, people))
}

impl StatusArgs {
    fn wants(&self, roster: &Roster, user: &User, one: &PersonStanding) -> bool {
        let is_in = |group: &str| user.group.as_str() == group || user.groups.iter().any(|name| name.as_str() == group);
        let is_meant = self.state.is_empty() || self.state.iter().any(|state| state == one.state.word());
        is_meant
            && self.group.as_deref().is_none_or(is_in)
            && self.account.as_deref().is_none_or(|account| may_use(roster, user, account))
            && self.project.as_ref().is_none_or(|project| one.projects.contains(project))
            && self.manager.as_deref().is_none_or(|manager| answers(manager, roster, user))
    }

    /// Names that are in no roster: nobody stands under them, and that is no answer.
    fn unknown(&self, roster: &Roster) -> Vec<Diagnostic> {
        let managers = roster.users.iter().filter_map(|user| user.manager.as_ref());
        let managers = managers.chain(roster.engagements.iter().filter_map(|one| one.manager.as_ref()));
        let managers: BTreeSet<&str> = managers.map(|name| name.as_str()).collect();
        let choices: [(&str, &Option<String>, BTreeSet<&str>); 4] = [
            ("group", &self.group, roster.groups.iter().map(|group| group.name.as_str()).collect()),
            ("account", &self.account, roster.accounts.iter().map(|account| account.name.as_str()).collect()),
            ("project or course", &self.project, roster.engagements.iter().map(|one| one.name.as_str()).collect()),
            ("manager", &self.manager, managers),
        ];
        let mut problems = Vec::new();
        for (what, name, known) in choices {
            if let Some(name) = name.as_deref().filter(|name| !known.contains(name)) {
                let problem = Diagnostic::new(ErrorKind::Input, format!("the roster has no {what} `{name}`"));
                problems.push(problem.suggest(name, known));
            }
        }
        problems
    }
}

/// Whether `manager` answers for the person, by the entry or by a project or course.
fn answers(manager: &str, roster: &Roster, user: &User) -> bool {
    let is_own = user.manager.as_ref().is_some_and(|own| own.as_str() == manager);
    let of_project = |one: &Engagement| one.manager.as_ref().is_some_and(|own| own.as_str() == manager);
    is_own || roster.engagements.iter().any(|one| of_project(one) && one.has_member(&user.name))
}

fn show(args: &StatusArgs, roster: &Roster, people: &[PersonStanding]) -> Exit {
    let out = stdout();
    if args.json {
        out.json(&serde_json::to_string_pretty(people).expect("a person has only text keys"));
    } else if args.html {
        out.text(&view::status::page(people, roster.site.as_deref().unwrap_or_default(), &site::now()));
    } else {
        out.lines(view::status::table(people));
    }
    let has = |kind: StandingKind| people.iter().any(|one| one.state == kind);
    if has(StandingKind::Unknown) {
        return Exit::LEFT_OUT;
    }
    if has(StandingKind::Broken) { Exit(2) } else { Exit::OK }
}
