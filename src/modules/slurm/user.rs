//! `slurm_user`: a user of the scheduler in an account (an association), its limits, and the default account.

use super::{association, check_word, differing, show, shown, verdict, wanted_limits, words};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::system::System;

/// The module.
pub struct SlurmUser;

static SPEC: Spec = Spec {
    name: "slurm_user",
    summary: "Puts a user into an account of the scheduler, or takes him out. Runs on its master.",
    params: &[
        Param::new("name", Kind::Str, "Login name.").required(),
        Param::new("account", Kind::Str, "The account; without it, `state: absent` takes the user out of all."),
        Param::new("state", Kind::Str, "Whether the user shall be in it.")
            .choices(&["absent", "present"])
            .default("present"),
        Param::new("limits", Kind::Dict, "Limits of this user in this account, by Slurm's names; -1 clears."),
        Param::new("default_account", Kind::Str, "The account of jobs that name none; one that the user is in."),
    ],
    exclusive: &[&["account", "default_account"]],
    ..Spec::EMPTY
};

impl Module for SlurmUser {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        for key in ["name", "account", "default_account"] {
            args.str(key).map_or(Ok(()), |word| check_word(key, word))?;
        }
        let (name, account) = (args.text("name"), args.str("account"));
        let outcome = Outcome::new().with("name", name).with("state", args.text("state"));
        let (change, commands) = match (args.text("state"), account) {
            ("absent", Some(account)) => withdrawn(system, name, account)?,
            ("absent", None) => removed(system, name)?,
            (_, Some(account)) => member(args, system, name, account)?,
            (_, None) => return default_account(args, system, outcome),
        };
        Ok(verdict(outcome, change, commands))
    }
}

/// A change and the commands for it; no commands when there is nothing to change.
type Step = (Change, Vec<Vec<String>>);

fn filter(name: &str, account: &str) -> [String; 2] {
    [format!("user={name}"), format!("account={account}")]
}

/// Whether a row (account, user, partition) is the association of this user with the whole account.
fn is_member(row: &[String], name: &str, account: &str) -> bool {
    row[0].eq_ignore_ascii_case(account) && row[1].eq_ignore_ascii_case(name) && row[2].is_empty()
}

const KEY: &[&str] = &["Account", "User", "Partition"];

fn member(args: &Args, system: &dyn System, name: &str, account: &str) -> Result<Step, Failure> {
    let limits = wanted_limits(args)?;
    let is_it = |row: &[String]| is_member(row, name, account);
    let row = association(system, &filter(name, account), KEY, &limits, is_it)?;
    let action = if row.is_some() { Action::Update } else { Action::Create };
    let change = Change::new(action, "association", format!("{account}/{name}"));
    let (change, set) = differing(change, &limits, row.as_ref().map(|row| &row[KEY.len()..]));
    let mut commands = Vec::new();
    if row.is_none() {
        commands.push(words(&["add", "user", name], [format!("Account={account}")]));
    }
    if !set.is_empty() {
        let whom = [format!("name={name}"), format!("account={account}"), "set".to_owned()];
        commands.push(words(&["modify", "user", "where"], whom.into_iter().chain(set)));
    }
    Ok((change, commands))
}

fn withdrawn(system: &dyn System, name: &str, account: &str) -> Result<Step, Failure> {
    let is_it = |row: &[String]| is_member(row, name, account);
    let row = association(system, &filter(name, account), KEY, &[], is_it)?;
    let change = Change::new(Action::Delete, "association", format!("{account}/{name}"));
    let whom = || [format!("name={name}"), format!("account={account}")];
    Ok((change, row.map(|_| words(&["delete", "user", "where"], whom())).into_iter().collect()))
}

/// Name and default account of the user, if the scheduler knows him.
fn find(system: &dyn System, name: &str) -> Result<Option<Vec<String>>, Failure> {
    let rows = show(system, &["user", "where", &format!("name={name}"), "format=User,DefaultAccount"])?;
    Ok(rows.into_iter().find(|row| row.len() == 2 && row[0].eq_ignore_ascii_case(name)))
}

fn removed(system: &dyn System, name: &str) -> Result<Step, Failure> {
    let row = find(system, name)?;
    let change = Change::new(Action::Delete, "slurm_user", name);
    Ok((change, row.map(|_| words(&["delete", "user", "where"], [format!("name={name}")])).into_iter().collect()))
}

fn default_account(args: &Args, system: &dyn System, outcome: Outcome) -> Result<Verdict, Failure> {
    let Some(wanted) = args.str("default_account") else {
        return Err(Failure::new("one of the following is required: account, default_account"));
    };
    let name = args.text("name");
    let before = find(system, name)?.map_or(String::new(), |row| row[1].clone());
    let change = Change::new(Action::Update, "slurm_user", name).field("default_account", shown(&before), wanted);
    let whom = [format!("name={name}"), "set".to_owned(), format!("DefaultAccount={wanted}")];
    let commands = if before == wanted { Vec::new() } else { vec![words(&["modify", "user", "where"], whom)] };
    Ok(verdict(outcome, change, commands))
}
