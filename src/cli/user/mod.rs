//! `enlist user`: edits the roster on behalf of one person, and with `--apply` makes it so on the hosts.

mod fields;
mod import;
mod listing;
mod login;
mod order;
mod welcome;
mod writing;

use super::Exit;
use super::site::{fail_all, read_roster};
use crate::view;
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use control::roster::edit::{self, Wanted};
use control::roster::{PersonState, Roster};
use fields::FieldArgs;
pub use listing::may_use;
use order::{Asked, CarryArgs, Order, Said};
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

/// Add, change, remove or show people in the roster. Without --apply no host is touched.
///
/// Exit codes: 0 done or nothing to do; 1 an error or a refusal; 3 all that could be done is, and something or somebody was
/// left out and named.
#[derive(Args, Debug)]
pub struct UserArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Add somebody; of a name alone (--name 홍길동) logins are proposed
    Add(Box<AddArgs>),
    /// Change an entry; what is not given stays
    Modify(Box<ModifyArgs>),
    /// Keep somebody out for the time being: `locked: yes`
    Suspend(Box<WhomArgs>),
    /// Let somebody in again: `locked: no`
    Resume(Box<WhomArgs>),
    /// Write `state: absent` into the entry; nothing is removed before `enlist apply`
    Remove(Box<WhomArgs>),
    /// Show an entry and its accounts
    Show(ShowArgs),
    /// List people
    List(listing::ListArgs),
    /// Add people from a CSV file; a bad row is named, and the others are added
    Import(Box<import::ImportArgs>),
    /// Print the words of welcome for somebody, with his own ssh and sbatch lines
    Welcome(Box<welcome::WelcomeArgs>),
}

/// Which roster, and how to answer.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// The roster
    #[arg(long, value_name = "FILE", default_value = "roster.yml")]
    pub roster: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `enlist user add`.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Login name; proposed by --name when it is left out
    #[arg(value_name = "LOGIN")]
    login: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    carry: CarryArgs,
}

/// Arguments of `enlist user modify`.
#[derive(Args, Debug)]
pub struct ModifyArgs {
    /// Login name
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    fields: FieldArgs,
    /// `present` takes somebody back who was removed, into the accounts, too
    #[arg(long, value_parser = ["present", "absent"])]
    state: Option<String>,
    #[command(flatten)]
    carry: CarryArgs,
}

/// Arguments of the actions that need nothing but a person.
#[derive(Args, Debug)]
pub struct WhomArgs {
    /// Login name
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    carry: CarryArgs,
}

/// Arguments of `enlist user show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Login name
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    file: FileArgs,
}

/// What is asked for, done.
type Done = Result<Exit, Vec<Diagnostic>>;

/// Does it.
pub fn run(args: &UserArgs) -> Exit {
    let (done, file) = match &args.action {
        Action::Add(args) => (add(args), &args.file),
        Action::Modify(args) => (modify(args), &args.file),
        Action::Suspend(args) => (lock(args, true), &args.file),
        Action::Resume(args) => (lock(args, false), &args.file),
        Action::Remove(args) => (remove(args), &args.file),
        Action::Show(args) => (show(args), &args.file),
        Action::List(args) => (listing::run(args), &args.file),
        Action::Import(args) => (import::run(args), &args.file),
        Action::Welcome(args) => (welcome::run(args), &args.file),
    };
    done.unwrap_or_else(|problems| fail_all(&problems, file.json))
}

fn add(args: &AddArgs) -> Done {
    let wanted = args.fields.wanted(None)?;
    let login = match &args.login {
        Some(login) => login.clone(),
        None => login::of_name(&args.file, args.fields.real_name(), args.carry.yes)?,
    };
    order(&args.file, &args.carry, &login, |roster| edit::add(roster, &login, &wanted))
}

fn modify(args: &ModifyArgs) -> Done {
    let state =
        args.state.as_deref().map(|state| if state == "absent" { PersonState::Absent } else { PersonState::Present });
    let wanted = args.fields.wanted(state)?;
    order(&args.file, &args.carry, &args.login, |roster| edit::modify(roster, &args.login, &wanted))
}

fn lock(args: &WhomArgs, locked: bool) -> Done {
    let wanted = Wanted { locked: Some(locked), ..Wanted::default() };
    order(&args.file, &args.carry, &args.login, |roster| edit::modify(roster, &args.login, &wanted))
}

fn remove(args: &WhomArgs) -> Done {
    order(&args.file, &args.carry, &args.login, |roster| edit::remove(roster, &args.login))
}

fn order(
    file: &FileArgs,
    carry: &CarryArgs,
    login: &str,
    edit: impl Fn(&Roster) -> Result<String, Vec<Diagnostic>>,
) -> Done {
    let said = Said::from_iter([("user".to_owned(), login.into())]);
    let asked = |text| Asked { text, people: vec![login.to_owned()], said: said.clone(), bad: Vec::new() };
    Order { file, carry }.run(|roster| edit(roster).map(asked))
}

fn show(args: &ShowArgs) -> Done {
    let roster = read_roster(&args.file.roster)?;
    let user = edit::known(&roster, &args.login)?;
    let fields = view::user::fields(&roster, user);
    let out = stdout();
    if args.file.json {
        out.json(&Value::Map(fields).to_json_line(false))
    } else {
        out.lines(view::user::lines(&fields))
    }
    Ok(Exit::OK)
}

fn input(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, message)
}
