//! `enlist user list`: people of the roster, as a table or for programs.

use super::{Done, FileArgs};
use crate::cli::Exit;
use crate::cli::site::read_roster;
use crate::view;
use crate::view::styles::stdout;
use clap::{Args, ValueEnum};
use control::roster::{PersonState, Roster, State, User};
use words::value::Value;

/// Arguments of `enlist user list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Only members of this group
    #[arg(long)]
    group: Option<String>,
    /// Only who may use this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only people of this state
    #[arg(long)]
    state: Option<Standing>,
}

/// How the roster has somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Standing {
    /// There, and not kept out
    Active,
    /// Kept out for the time being
    Suspended,
    /// Gone
    Absent,
}

impl Standing {
    /// What the roster says of `user`.
    pub fn of(user: &User) -> Self {
        match user.standing {
            PersonState::Absent => Self::Absent,
            standing if standing.is_kept_out() => Self::Suspended,
            _ => Self::Active,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Absent => "absent",
        }
    }
}

/// Lists them in the order of the file.
pub fn run(args: &ListArgs) -> Done {
    let roster = read_roster(&args.file.roster)?;
    let people: Vec<&User> = roster.users.iter().filter(|user| args.wants(&roster, user)).collect();
    let out = stdout();
    if args.file.json {
        let all = people.iter().map(|user| Value::Map(view::user::fields(&roster, user))).collect();
        out.json(&Value::List(all).to_json_line(false));
    } else {
        out.lines(view::user::table(&roster, &people, |user| Standing::of(user).word()));
    }
    Ok(Exit::OK)
}

impl ListArgs {
    fn wants(&self, roster: &Roster, user: &User) -> bool {
        let is_in_group =
            |group: &str| user.group.as_str() == group || user.groups.iter().any(|name| name.as_str() == group);
        self.state.is_none_or(|state| state == Standing::of(user))
            && self.group.as_deref().is_none_or(is_in_group)
            && self.account.as_deref().is_none_or(|account| may_use(roster, user, account))
    }
}

/// Whether the person stands in the account.
pub fn may_use(roster: &Roster, user: &User, account: &str) -> bool {
    let is_own = |member: &control::roster::Member| *member.user == *user.name && member.state == State::Present;
    roster.account(account).is_some_and(|account| account.users.iter().any(is_own))
}
