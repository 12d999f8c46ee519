//! `sacctmgr add`, `modify`, `delete` and `show federation` (sacctmgr(1), "SPECIFICATIONS FOR FEDERATION").

use super::common;
use super::condition;
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::split;
use super::word::{self, Operator, Word};
use slurm::State;
use slurm::model::*;

/// What is asked of the member clusters: a sign (`None` for `=`) and a name.
type Members = Vec<(Option<Operator>, String)>;

/// What may follow `set`.
#[derive(Default)]
struct Asked {
    names: Option<Vec<String>>,
    /// `clusters=`: how, and which.
    clusters: Option<(Operator, Vec<String>)>,
}

impl Asked {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.operator.is_none() || word.is("Name", 1) {
            return condition::extend(session, &mut self.names, word);
        }
        let operator = word.operator.unwrap_or(Operator::Set);
        if word.is("Clusters", 2) {
            if word.value.is_empty() && operator != Operator::Set {
                let verb = if operator == Operator::Remove { "remove" } else { "add" };
                return session.refuse(format!(" You didn't specify any clusters to {verb}"));
            }
            let names = word::names(word.value).unwrap_or_default();
            self.clusters = Some((operator, names.into_iter().filter(|name| !name.is_empty()).collect()));
        } else if word.is("Flags", 2) {
            session.complain(format!(
                " Unknown federation flag used in:\n '{}'\n Valid federation flags are\n  '(null)'",
                word.value
            ));
        } else {
            session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
        }
        Ok(())
    }
}

/// What may follow `where`.
#[derive(Default)]
struct Wanted {
    names: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    with_deleted: bool,
    as_tree: bool,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithDeleted", 5) {
            self.with_deleted = true;
        } else if word.is_bare("Tree", 4) {
            self.as_tree = true;
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("Federations", 3) {
            condition::extend(session, &mut self.names, word)?;
        } else if word.is("Clusters", 3) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("Format", 2) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
        Ok(())
    }

    fn select(&self, state: &State) -> Vec<String> {
        let has = |names: &Vec<String>, row: &Federation| {
            members(state, &row.name).iter().any(|cluster| names.contains(&cluster.name))
        };
        let rows = state.federations.values().filter(|row| {
            (!row.deleted || self.with_deleted)
                && self.names.as_ref().is_none_or(|names| names.contains(&row.name))
                && self.clusters.as_ref().is_none_or(|names| has(names, row))
        });
        rows.map(|row| row.name.clone()).collect()
    }
}

/// The present clusters of a federation, by name.
fn members<'a>(state: &'a State, federation: &str) -> Vec<&'a Cluster> {
    let here = |row: &&Cluster| !row.deleted && !federation.is_empty() && row.membership.federation == federation;
    state.clusters.values().filter(here).collect()
}

/// Puts a cluster into a federation, under the lowest number that is free there.
pub fn join(state: &mut State, cluster: &str, federation: &str) {
    leave(state, cluster);
    let taken: Vec<_> = members(state, federation).iter().map(|row| row.membership.id).collect();
    let id = (1..).find(|id| !taken.contains(id)).unwrap_or(1);
    state.clusters.edit(&cluster.to_owned(), |row| {
        row.membership.federation = federation.to_owned();
        row.membership.id = id;
        row.membership.state = FederationState::Active;
    });
}

/// Takes a cluster out of its federation; its features stay.
pub fn leave(state: &mut State, cluster: &str) {
    state.clusters.edit(&cluster.to_owned(), |row| {
        let features = std::mem::take(&mut row.membership.features);
        row.membership = Membership { features, ..Membership::default() };
    });
}

/// Whether the federation is there; complains if not.
pub fn exists(session: &mut Session, name: &str) -> bool {
    let found = session.state.federation(name).is_some();
    if !found {
        session.complain(format!(" The federation {name} doesn't exist."));
    }
    found
}

/// `add federation`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let mut asked = Asked::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        asked.take(session, word)?;
    }
    session.check()?;
    let Some(names) = asked.names.take() else { return session.refuse(" Need name of federation to add.") };
    let (known, new): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| session.state.federation(name).is_some());
    for name in known {
        session.say(format!(" This federation {name} already exists.  Not adding."));
    }
    session.failed = new.is_empty();
    session.check()?;
    for name in &new {
        common::good_name(session, name);
    }
    session.check()?;
    let (_, clusters) = asked.clusters.take().unwrap_or((Operator::Set, Vec::new()));
    if new.len() > 1 && !clusters.is_empty() {
        return session.refuse(" Can't assign clusters to multiple federations.");
    }
    let members: Members = clusters.into_iter().map(|name| (None, name)).collect();
    let Some(members) = checked(session, members, None)? else { return Ok(()) };
    session.say(" Adding Federation(s)");
    for name in &new {
        session.say(format!("  {name}"));
    }
    if !members.is_empty() {
        session.say(" Settings");
        say_members(session, &members);
    }
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem adding federation(s): Access/permission denied");
    }
    for name in new {
        session.state.federations.put(name.clone(), Federation { name: name.clone(), deleted: false });
        let info = format!("mod_time={}", session.world.now());
        session.record(Action::AddFederation, name.clone(), info, "");
        apply(session.state, &name, &members);
    }
    session.commit()
}

fn say_members(session: &mut Session, members: &Members) {
    for (operator, name) in members {
        let sign = match operator {
            None => ' ',
            Some(Operator::Remove) => '-',
            Some(_) => '+',
        };
        session.say(format!("  Cluster      {sign}= {name}"));
    }
}

fn apply(state: &mut State, federation: &str, members: &Members) {
    for (operator, name) in members {
        match operator {
            Some(Operator::Remove) => leave(state, name),
            _ => join(state, name, federation),
        }
    }
}

/// Members that can be added or removed; those that need not be are dropped with a word. `None` when the question whether
/// to take clusters from other federations was answered with No.
fn checked(session: &mut Session, members: Members, federation: Option<&str>) -> Done<Option<Members>> {
    let mut kept = Vec::new();
    let mut taken = false;
    let cluster = |state: &State, name: &String| state.clusters.get(name).filter(|row| !row.deleted).cloned();
    for (_, name) in &members {
        if cluster(session.state, name).is_none() {
            session.complain(format!(" The cluster {name} doesn't exist. Please add first."));
        }
    }
    session.check()?;
    for (operator, name) in members {
        let Some(current) = cluster(session.state, &name).map(|row| row.membership.federation) else { continue };
        let is_member = federation == Some(current.as_str());
        match (operator, federation) {
            (Some(Operator::Remove), Some(federation)) if !is_member => {
                session.warn(format!(" The cluster {name} isn't assigned to federation {federation}"));
                continue;
            }
            (Some(Operator::Remove), _) => {}
            _ if is_member => {
                session.warn(format!(" The cluster {name} is already assigned to federation {current}"));
                continue;
            }
            _ if !current.is_empty() => {
                session.warn(format!(" The cluster {name} is assigned to federation {current}"));
                taken = true;
            }
            _ => {}
        }
        kept.push((operator, name));
    }
    if taken && !session.ask("\nAre you sure you want to continue?")? {
        session.failed = true;
        return Ok(None);
    }
    Ok(Some(kept))
}

/// `modify federation`
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut asked) = (Wanted::default(), Asked::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        wanted.take(session, word)?;
    }
    for word in settings {
        asked.take(session, word)?;
    }
    session.check()?;
    let Some(clusters) = asked.clusters else { return session.refuse(" You didn't give me anything to set") };
    let names = wanted.names.clone().unwrap_or_default();
    for name in &names {
        exists(session, name);
    }
    session.check()?;
    let [name] = names.as_slice() else {
        return session.refuse(" Can't assign clusters to multiple federations.");
    };
    let members = to_members(session.state, name, clusters);
    let Some(members) = checked(session, members, Some(name))? else { return Ok(()) };
    if members.is_empty() {
        session.say("Nothing to change");
        session.failed = true;
        return Ok(());
    }
    session.say(" Setting");
    say_members(session, &members);
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    apply(session.state, name, &members);
    let sign = |operator: &Option<Operator>| if *operator == Some(Operator::Remove) { "-" } else { "+" };
    let info: Vec<_> =
        members.iter().map(|(operator, cluster)| format!("clusters{}='{cluster}'", sign(operator))).collect();
    session.record(Action::ModifyFederation, format!("name='{name}'"), info.join(", "), "");
    session.say(format!(" Modified federation...\n  {name}"));
    session.commit()
}

/// `=` becomes what has to be added and removed.
fn to_members(state: &State, federation: &str, (operator, names): (Operator, Vec<String>)) -> Members {
    if operator != Operator::Set {
        return names.into_iter().map(|name| (Some(operator), name)).collect();
    }
    let current = members(state, federation).into_iter().map(|row| row.name.clone());
    let surplus: Vec<_> = current.filter(|name| !names.contains(name)).collect();
    let added = names.into_iter().map(|name| (Some(Operator::Add), name));
    added.chain(surplus.into_iter().map(|name| (Some(Operator::Remove), name))).collect()
}

/// `delete federation`
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    if wanted.names.is_none() && wanted.clusters.is_none() {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    if wanted.names.is_none() {
        return session.refuse("problem with delete request.  Nothing given to delete.");
    }
    let names = Wanted { with_deleted: false, ..wanted }.select(session.state);
    if names.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    session.say(" Deleting federations...");
    for name in names {
        session.say(format!("  {name}"));
        let clusters: Vec<_> = members(session.state, &name).into_iter().map(|row| row.name.clone()).collect();
        clusters.iter().for_each(|cluster| leave(session.state, cluster));
        session.state.federations.edit(&name, |row| row.deleted = true);
        session.record(Action::RemoveFederation, format!("name='{name}'"), "", "");
    }
    session.commit()
}

/// `show federation`: a line for each cluster, or (`tree`) one for the federation and then its clusters.
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let fields = fields_or(session, &wanted.format, &["Federation,Cluster,ID%2,Features,FedState"])?;
    let of_clusters = [Column::Cluster, Column::FederationState, Column::FederationStateRaw, Column::Id];
    let with_clusters = fields.iter().any(|field| of_clusters.contains(&field.column));
    let state = &*session.state;
    let mut rows = Vec::new();
    for name in wanted.select(state) {
        let clusters = if with_clusters { members(state, &name) } else { Vec::new() };
        let line = |name: &str, cluster: Option<&Cluster>| -> Vec<_> {
            fields.iter().map(|field| federation_cell(name, cluster, field.column)).collect()
        };
        if wanted.as_tree || clusters.is_empty() {
            rows.push(line(&name, None));
        }
        let shown = if wanted.as_tree { "" } else { name.as_str() };
        rows.extend(clusters.into_iter().map(|cluster| line(shown, Some(cluster))));
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn federation_cell(federation: &str, cluster: Option<&Cluster>, column: Column) -> Cell {
    match (column, cluster) {
        (Column::Federation, _) => Cell::text(federation),
        (Column::Cluster, Some(cluster)) => Cell::text(&cluster.name),
        (_, Some(cluster)) => membership_cell(&cluster.membership, column),
        (_, None) => Cell::Empty,
    }
}

/// The cells about a cluster's place in its federation.
pub fn membership_cell(membership: &Membership, column: Column) -> Cell {
    match column {
        Column::Federation => Cell::text(&membership.federation),
        Column::Id => Cell::number(Some(membership.id)),
        Column::Features => Cell::text(membership.features.iter().map(String::as_str).collect::<Vec<_>>().join(",")),
        Column::FederationState => Cell::text(membership.state.name()),
        Column::FederationStateRaw => Cell::number(Some(membership.state.number())),
        _ => Cell::Empty,
    }
}
