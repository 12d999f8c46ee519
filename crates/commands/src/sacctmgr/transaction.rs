//! `sacctmgr show transactions` (sacctmgr(1), "SPECIFICATIONS FOR TRANSACTIONS").

use super::condition;
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::State;
use slurm::model::*;
use std::collections::BTreeSet;

/// Which transactions are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    ids: Option<Vec<u64>>,
    actors: Option<Vec<String>>,
    actions: Option<Vec<&'static str>>,
    accounts: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    users: Option<Vec<String>>,
    info: Option<Vec<String>>,
    start: Option<i64>,
    end: Option<i64>,
    with_associations: bool,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithAssocInfo", 5) {
            self.with_associations = true;
        } else if word.operator.is_none() || word.is("Ids", 1) && !word.is("Info", 2) || word.is("Txn", 1) {
            condition::extend_numbers(session, &mut self.ids, word, "Transaction ID");
        } else if word.is("Accounts", 3) {
            condition::extend(session, &mut self.accounts, word)?;
        } else if word.is("Action", 4) {
            self.take_actions(session, word);
        } else if word.is("Actors", 4) {
            condition::extend_users(session, &mut self.actors, word)?;
        } else if word.is("Clusters", 3) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("End", 1) {
            self.end = session.time(word.value);
        } else if word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("Info", 2) {
            condition::extend(session, &mut self.info, word)?;
        } else if word.is("Start", 1) {
            self.start = session.time(word.value);
        } else if word.is("Users", 1) {
            condition::extend_users(session, &mut self.users, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
        Ok(())
    }

    fn take_actions(&mut self, session: &mut Session, word: &Word) {
        for name in word::names(word.value).unwrap_or_default() {
            match Action::ALL.iter().map(|action| action.text()).find(|text| text.eq_ignore_ascii_case(&name)) {
                Some(text) => self.actions.get_or_insert_default().push(text),
                None => session.complain(format!("sacctmgr: error: You gave a bad action '{name}'.")),
            }
        }
    }

    fn holds(&self, state: &State, row: &Transaction) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        among(&self.actors, &row.actor)
            && self.actions.as_ref().is_none_or(|actions| actions.contains(&row.action.text()))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
            && self.info.as_ref().is_none_or(|texts| texts.iter().any(|t| row.info.to_lowercase().contains(t)))
            && self.concerns(state, row)
    }

    /// Accounts, clusters and users: by name in the record, or by an association that it names.
    fn concerns(&self, state: &State, row: &Transaction) -> bool {
        let named = names(&self.accounts, row, "acct")
            && names(&self.users, row, "user")
            && (names(&self.clusters, row, "cluster")
                || self.clusters.as_ref().is_none_or(|list| list.contains(&row.cluster)));
        let place = |key: &AssociationKey| {
            self.accounts.as_ref().is_none_or(|list| list.contains(&key.account))
                && self.users.as_ref().is_none_or(|list| list.contains(&key.user))
                && self.clusters.as_ref().is_none_or(|list| list.contains(&key.cluster))
        };
        let by_association = self.accounts.is_some() || self.users.is_some();
        named || by_association && associations(state, row).iter().any(|association| place(&association.key))
    }
}

/// Whether the record names one of these as what it is about, or in its info as `key='name'`.
fn names(list: &Option<Vec<String>>, row: &Transaction, key: &str) -> bool {
    let Some(list) = list else { return true };
    list.iter().any(|name| {
        row.target == *name
            || row.target.contains(&format!("'{name}'"))
            || row.info.contains(&format!("{key}='{name}'"))
    })
}

/// The associations that a record's target names as `id_assoc=N`, those taken away since included.
fn associations<'a>(state: &'a State, row: &Transaction) -> Vec<&'a Association> {
    let numbers = row.target.split("id_assoc=").skip(1);
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    numbers.filter_map(|text| state.associations().get(&digits(text).parse().ok()?)).collect()
}

/// `show transactions`
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let mut own = vec!["Time,Action,Actor,Where,Info"];
    own.extend(wanted.with_associations.then_some("User,Account,Cluster"));
    let fields = fields_or(session, &wanted.format, &own)?;
    let state = &*session.state;
    let mut rows = Vec::new();
    let mut take = |row: Transaction| {
        if wanted.holds(state, &row) {
            let places = if wanted.with_associations { associations(state, &row) } else { Vec::new() };
            rows.push(fields.iter().map(|field| cell(session, &row, &places, field.column)).collect::<Vec<_>>());
        }
    };
    let time = wanted.start.unwrap_or(i64::MIN)..wanted.end.unwrap_or(i64::MAX);
    if let Err(error) = session.world.transactions(time, &mut take) {
        return session.refuse(format!("sacctmgr: error: {error}"));
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn cell(session: &Session, row: &Transaction, places: &[&Association], column: Column) -> Cell {
    let list = |name: fn(&AssociationKey) -> &String| {
        let names: BTreeSet<_> = places.iter().map(|place| name(&place.key)).filter(|name| !name.is_empty()).collect();
        Cell::text(names.into_iter().cloned().collect::<Vec<_>>().join(","))
    };
    match column {
        Column::Time => Cell::Time(session.world.local_time(row.time)),
        Column::Action => Cell::text(row.action.text()),
        Column::ActionRaw => Cell::number(Some(row.action.number())),
        Column::Actor => Cell::text(&row.actor),
        Column::Where => Cell::text(&row.target),
        Column::Info => Cell::text(&row.info),
        Column::Id => Cell::number(Some(row.id)),
        Column::Cluster => Cell::text(&row.cluster),
        Column::Account => list(|key| &key.account),
        Column::User => list(|key| &key.user),
        _ => Cell::Empty,
    }
}
