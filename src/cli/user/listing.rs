//! `enlist user list`: people of the roster, as a table or for programs.

use super::{Done, FileArgs};
use crate::cli::Exit;
use crate::cli::site::read_roster;
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
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
    /// Only people who stand so today
    #[arg(long, value_parser = STANDINGS)]
    state: Option<String>,
}

/// The words for how somebody stands on the day; who is simply there is `active`.
const STANDINGS: [&str; 6] = ["active", "may_login", "suspended", "archived", "upcoming", "absent"];

/// How somebody stands today, by the roster.
fn standing(user: &User) -> &'static str {
    match user.standing {
        PersonState::Present => "active",
        standing => standing.word(),
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
        out.lines(view::user::table(&roster, &people, standing));
    }
    Ok(Exit::OK)
}

impl ListArgs {
    fn wants(&self, roster: &Roster, user: &User) -> bool {
        let is_in_group =
            |group: &str| user.group.as_str() == group || user.groups.iter().any(|name| name.as_str() == group);
        self.state.as_deref().is_none_or(|state| state == standing(user))
            && self.group.as_deref().is_none_or(is_in_group)
            && self.account.as_deref().is_none_or(|account| may_use(roster, user, account))
    }
}

/// Whether the person stands in the account.
pub fn may_use(roster: &Roster, user: &User, account: &str) -> bool {
    let is_own = |member: &control::roster::Member| *member.user == *user.name && member.state == State::Present;
    roster.account(account).is_some_and(|account| account.users.iter().any(is_own))
}
