//! The login of somebody of whom only the real name is given.

use super::{FileArgs, input};
use crate::cli::site::read_roster;
use crate::view::styles::stdout;
use control::roster::proposals::{Proposal, RULE, proposals};
use std::io::IsTerminal;
use words::diag::{Diagnostic, ErrorKind};
use words::text::width::{pad, width};

/// The login that is chosen: on a terminal by whoever is asked, with `--yes` the first that is free. Else it is an error that
/// shows what there is to choose from.
pub fn of_name(file: &FileArgs, name: Option<&str>, yes: bool) -> Result<String, Vec<Diagnostic>> {
    let usage = |text: &str| Diagnostic::new(ErrorKind::Usage, text);
    let Some(name) = name else {
        return Err(vec![
            usage("whom to add is not said").hint("give a login, or a real name (--name) to have one proposed"),
        ]);
    };
    let roster = read_roster(&file.roster)?;
    let found = proposals(&roster, name);
    let Some(first) = found.iter().find(|proposal| proposal.taken.is_none()) else {
        return Err(vec![
            input(format!("there is no rule that makes a login of the name '{name}'"))
                .note("Korean names in Hangul have one, and names of plain Latin letters")
                .hint("give a login: enlist user add LOGIN --name NAME …"),
        ]);
    };
    if yes {
        return Ok(first.login.clone());
    }
    if file.json || !std::io::stdin().is_terminal() {
        let problem = usage("no login is given, and there is nobody to ask").note(format!("the rule is: {RULE}"));
        let problem = lines(&found).into_iter().fold(problem, Diagnostic::note);
        return Err(vec![
            problem.hint(format!("enlist user add {} --name '{name}' …; or --yes takes it", first.login)),
        ]);
    }
    asked(&found, &first.login)
}

/// One line a proposal, with who has it.
fn lines(proposals: &[Proposal]) -> Vec<String> {
    let column = proposals.iter().map(|one| width(&one.login)).max().unwrap_or(0);
    let says = |one: &Proposal| one.taken.clone().unwrap_or_else(|| "free".into());
    proposals.iter().map(|one| format!("{}  {}", pad(&one.login, column), says(one))).collect()
}

fn asked(proposals: &[Proposal], first: &str) -> Result<String, Vec<Diagnostic>> {
    let out = stdout();
    out.line(format!("Logins by the rule: {RULE}."));
    out.lines(lines(proposals).into_iter().map(|line| format!("  {line}")));
    out.text(&format!("Login [{first}]: "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| vec![input(format!("cannot ask: {error}"))])?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { first.to_owned() } else { answer.to_owned() })
}
