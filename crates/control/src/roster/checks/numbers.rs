//! Checks of numbers that are given out: what the ledger says counts.

use crate::roster::Roster;
use crate::roster::claims::{Claim, Kind, Origin, of_roster};
use crate::roster::ids::IdLedger;
use std::collections::HashMap;
use words::diag::{Diagnostic, Place};

pub(super) fn ledger(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let Some(numbers) = &roster.numbers else { return };
    let was = |name: &str| roster.user(name).and_then(|user| Some(user.was_uid.as_ref()?.value));
    for claim in of_roster(roster) {
        let place = match &claim.origin {
            Origin::Wanted(place) => place.clone(),
            Origin::Host { .. } => None,
        };
        let given = numbers.ledger.number_of(claim.kind, &claim.name);
        if claim.kind == Kind::User && given.is_some() && given == was(&claim.name) && is_free(&numbers.ledger, &claim)
        {
            continue;
        }
        problems.extend(disagrees(&numbers.ledger, &claim, place));
    }
}

/// Whether nobody ever had the number.
fn is_free(ledger: &IdLedger, claim: &Claim) -> bool {
    ledger.owner_of(claim.kind, claim.id).is_none()
}

/// What the ledger has against a number of the roster's.
fn disagrees(ledger: &IdLedger, claim: &Claim, place: Option<Place>) -> Option<Diagnostic> {
    let (id, name) = (claim.kind.id_name(), &claim.name);
    let at = |message: String| match &place {
        Some(place) => Diagnostic::input(place, message),
        None => Diagnostic::new(words::diag::ErrorKind::Input, message),
    };
    if let Some(owner) = ledger.owner_of(claim.kind, claim.id).filter(|owner| owner.value != *name) {
        let problem = at(format!("{id} {} was given to `{}`, and `{name}` cannot have it", claim.id, owner.value));
        let problem = problem.note(format!("in the ledger at {}", owner.place));
        return Some(problem.hint("files outlive people: take a number that nobody had, or leave it out and get one"));
    }
    let given = ledger.number_of(claim.kind, name).filter(|given| *given != claim.id)?;
    let problem = at(format!("`{name}` has the {id} {given} in the ledger, and {} here", claim.id));
    Some(problem.hint(format!(
        "write {given}, or leave the line out; if the number must change: was_uid: {given}, and the files are re-owned"
    )))
}

pub(super) fn migrations(roster: &Roster, problems: &mut Vec<Diagnostic>) {
    let owners: HashMap<u32, &str> = roster.users.iter().map(|user| (user.uid.value, user.name.as_str())).collect();
    for user in &roster.users {
        let Some(was) = &user.was_uid else { continue };
        if was.value == user.uid.value {
            let problem =
                Diagnostic::input(&was.place, format!("`was_uid` of `{}` is the number itself", user.name.value));
            problems.push(problem.hint("take the line out"));
        } else if let Some(owner) = owners.get(&was.value) {
            let message = format!("`{}` had uid {}, which is that of `{owner}` now", user.name.value, was.value);
            let problem = Diagnostic::input(&was.place, message);
            problems.push(problem.note("files that are left with that number would be somebody else's"));
        }
    }
}
