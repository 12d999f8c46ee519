//! Checks of projects, courses and those who administrate.

use super::unknown;
use crate::roster::Roster;
use words::diag::{Diagnostic, ErrorKind};

pub(super) fn engagements(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let known = || roster.accounts.iter().map(|account| account.name.as_str());
    for engagement in &roster.engagements {
        let strange = engagement.account_names().filter(|name| roster.account(name).is_none());
        problems.extend(strange.map(|name| unknown("account", name, known())));
        let groups = engagement.groups.iter().chain(&engagement.group);
        let strange = groups.filter(|name| roster.group(name).is_none());
        let known = || roster.groups.iter().map(|group| group.name.as_str());
        problems.extend(strange.map(|name| unknown("group", name, known())));
    }
}

pub(super) fn admins(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let guards = &roster.guards;
    let strange = guards.admins.iter().filter(|name| roster.user(name).is_none());
    problems.extend(strange.map(|name| {
        let problem = Diagnostic::new(ErrorKind::Input, format!("`admins` names `{name}`, who is not in the roster"));
        problem.suggest(name, roster.users.iter().map(|user| user.name.as_str()))
    }));
    if guards.min_admins as usize > guards.admins.len() {
        let message = format!("`min_admins` is {}, and `admins` names {}", guards.min_admins, guards.admins.len());
        problems.push(Diagnostic::new(ErrorKind::Input, message).hint("name all who administrate, or ask for fewer"));
    }
}
