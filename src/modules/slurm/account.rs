//! `slurm_account`: an account of the scheduler, its place in the tree, and its limits.

use super::{association, check_word, differing, show, shown, verdict, wanted_limits, words};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::system::System;

/// The module.
pub struct SlurmAccount;

static SPEC: Spec = Spec {
    name: "slurm_account",
    summary: "Adds, changes or removes an account of the scheduler. Runs on its master.",
    params: &[
        Param::new("name", Kind::Str, "Name of the account, in lower case.").required(),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("parent", Kind::Str, "The account above it; a new one is below root when this is not given."),
        Param::new("description", Kind::Str, "What it is for; the scheduler keeps it in lower case."),
        Param::new("organization", Kind::Str, "Whose it is; the scheduler keeps it in lower case."),
        Param::new("limits", Kind::Dict, "Limits by Slurm's names; others are left alone; -1 clears."),
    ],
    ..Spec::EMPTY
};

impl Module for SlurmAccount {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let name = args.text("name");
        check_word("account", name)?;
        let filter = format!("name={name}");
        let rows = show(system, &["account", "where", &filter, "format=Account,Descr,Org"])?;
        let row = rows.into_iter().find(|row| row.len() == 3 && row[0].eq_ignore_ascii_case(name));
        match (args.text("state"), row) {
            ("absent", None) => Ok(Verdict::Satisfied(outcome(args))),
            ("absent", Some(_)) => {
                let gone = Change::new(Action::Delete, "account", name);
                Ok(verdict(outcome(args), gone, vec![words(&["delete", "account"], [filter])]))
            }
            (_, row) => present(args, system, row),
        }
    }
}

fn outcome(args: &Args) -> Outcome {
    Outcome::new().with("name", args.text("name")).with("state", args.text("state"))
}

/// `row`: name, description, organization of the account as it is.
fn present(args: &Args, system: &dyn System, row: Option<Vec<String>>) -> Result<Verdict, Failure> {
    let name = args.text("name");
    let limits = wanted_limits(args)?;
    let current = match &row {
        Some(_) => {
            let is_it = |row: &[String]| row[0].eq_ignore_ascii_case(name) && row[1].is_empty();
            let keys = ["Account", "User", "ParentName"];
            association(system, &[format!("account={name}")], &keys, &limits, is_it)?
        }
        None => None,
    };
    let action = if row.is_some() { Action::Update } else { Action::Create };
    let mut change = Change::new(action, "account", name);
    let mut texts = Vec::new();
    let before = |index: usize| row.as_ref().and_then(|row| row.get(index)).map_or("", String::as_str);
    for (key, word, index) in [("description", "Description", 1), ("organization", "Organization", 2)] {
        if let Some(wanted) = args.str(key).filter(|wanted| wanted.to_lowercase() != before(index).to_lowercase()) {
            change = change.field(key, shown(before(index)), wanted);
            texts.push(format!("{word}={wanted}"));
        }
    }
    let parent = current.as_ref().map_or("", |row| row[2].as_str());
    if let Some(wanted) = args.str("parent").filter(|wanted| *wanted != parent) {
        check_word("parent", wanted)?;
        change = change.field("parent", shown(parent), wanted);
        texts.push(format!("Parent={wanted}"));
    }
    let (change, set) = differing(change, &limits, current.as_ref().map(|row| &row[3..]));
    Ok(verdict(outcome(args), change, commands(name, row.is_some(), texts, set)))
}

/// A new account is added first and gets its limits then, as people do it by hand.
fn commands(name: &str, exists: bool, texts: Vec<String>, limits: Vec<String>) -> Vec<Vec<String>> {
    let modify = |set: Vec<String>| {
        words(
            &["modify", "account", "where"],
            std::iter::once(format!("name={name}")).chain(["set".to_owned()]).chain(set),
        )
    };
    let mut commands = Vec::new();
    match exists {
        false => commands.push(words(&["add", "account", name], texts)),
        true if !texts.is_empty() => commands.push(modify(texts)),
        true => {}
    }
    if !limits.is_empty() {
        commands.push(modify(limits));
    }
    commands
}
