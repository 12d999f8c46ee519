//! `sacctmgr add`, `modify` and `delete qos` (sacctmgr(1), "SPECIFICATIONS FOR QOS").

pub mod show;
pub mod words;

use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::common;
use crate::sacctmgr::condition::{self, Condition};
use crate::sacctmgr::job::idle;
use crate::sacctmgr::qos::words::{QosSetting, take_setting};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::qos_name;
use crate::sacctmgr::word::Word;
use crate::sacctmgr::word::split;
use slurm::State;
use slurm::model::*;
use slurm::record;
use slurm::tree;
use std::collections::BTreeSet;

/// Which QOS are meant.
#[derive(Default)]
struct Wanted {
    names: Option<Vec<String>>,
    ids: Option<Vec<QosId>>,
    descriptions: Option<Vec<String>>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.names.is_none() && self.ids.is_none() && self.descriptions.is_none()
    }

    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithDeleted", 5) || word.is_bare("where", 5) {
            Ok(())
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("QOSLevel", 1) {
            condition::extend(session, &mut self.names, word)
        } else if word.is("Descriptions", 1) {
            condition::extend(session, &mut self.descriptions, word)
        } else if word.is("Ids", 1) {
            condition::extend_numbers(session, &mut self.ids, word, "QOS ID");
            Ok(())
        } else {
            session
                .complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify SLURM_PRINT_VALUE", word.raw));
            Ok(())
        }
    }

    fn select(&self, session: &Session) -> Vec<QosId> {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        let rows = session.state.qos.values().filter(|row| {
            !row.deleted
                && among(&self.names, &row.name)
                && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
                && among(&self.descriptions, &row.description)
        });
        rows.map(|row| row.id).collect()
    }
}

/// `add qos`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let mut asked = QosSetting::default();
    let mut names = None;
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("Where", 5)) {
        if word.operator.is_none() || word.is("Name", 1) {
            condition::extend(session, &mut names, word)?
        } else {
            take_setting(session, &mut asked, word)?
        }
    }
    session.check()?;
    let Some(names) = names else { return session.refuse(" Need name of qos to add.") };
    let mut new = Vec::new();
    for name in names {
        if common::good_name(session, &name) && session.state.qos_named(&name).is_none() {
            new.push(name);
        }
    }
    session.check()?;
    let Some(last) = new.last() else {
        session.say(" Nothing new added.");
        session.failed = true;
        return Ok(());
    };
    let description = asked.description.clone().unwrap_or_else(|| last.clone());
    session.say(" Adding QOS(s)");
    for name in &new {
        session.say(format!("  {name}"));
    }
    session.say(format!(" Settings\n  Description    = {description}"));
    let settings = asked.describe(session.state);
    session.stdout.push_str(&settings);
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem adding QOS: Access/permission denied");
    }
    for name in new {
        let id = next_id(session.state);
        let mut row = Qos::new(id, name.clone());
        asked.apply(&mut row);
        let info = record::qos(session.world.now(), &row);
        session.state.qos.put(id, row);
        session.record(Action::AddQos, name, info, "");
    }
    session.commit()
}

/// The number for a new QOS. slurmdbd never gives out 2: starting up after it has made `normal` takes it.
pub fn next_id(state: &State) -> QosId {
    state.qos.last_key().map_or(FIRST_ADDED, |id| id.next().max(FIRST_ADDED))
}

const FIRST_ADDED: QosId = QosId(3);

/// `modify qos`
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut asked) = (Wanted::default(), QosSetting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        wanted.take(session, word)?;
    }
    for word in settings {
        if word.operator.is_none() || word.is("Name", 1) {
            return session.refuse(" You didn't give me anything to set");
        } else {
            take_setting(session, &mut asked, word)?;
        }
    }
    if asked.is_unreadable() {
        session.complain(" You didn't give me anything to set");
    }
    session.check()?;
    if asked == QosSetting::default() {
        return session.refuse(" You didn't give me anything to set");
    }
    if wanted.is_empty()
        && !session.ask("You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?")?
    {
        session.say("Aborted");
        return Ok(());
    }
    if asked.resets_usage {
        let reset = raw_usage::of_qos(session, wanted.names.as_deref().unwrap_or_default())?;
        if !reset || !asked.sets_values() {
            return Ok(());
        }
    }
    let ids = wanted.select(session);
    if ids.is_empty() {
        session.say(" Nothing modified");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    let before: Vec<_> = ids.iter().filter_map(|id| session.state.qos.get(id).cloned()).collect();
    for id in &ids {
        session.state.qos.edit(id, |row| asked.apply(row));
    }
    if ids.iter().any(|id| preempts_itself(session.state, *id)) {
        return session.refuse(format!("sacctmgr: error: {LOOP}\n Error with request: {LOOP}"));
    }
    session.say(" Modified qos...");
    for old in before {
        session.say(format!("  {}", old.name));
        let info = session.state.qos.get(&old.id).map_or_else(String::new, |new| record::qos_change(&old, new));
        session.record(Action::ModifyQos, format!("(name='{}')", old.name), info, "");
    }
    session.commit()
}

const LOOP: &str = "QOS Preemption loop detected";

/// Whether a QOS may preempt itself, directly or by way of those that it may preempt.
fn preempts_itself(state: &State, id: QosId) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<_> = state.qos.get(&id).map(|row| row.preempt.iter().copied().collect()).unwrap_or_default();
    while let Some(other) = next.pop().filter(|other| *other != id) {
        if seen.insert(other) {
            next.extend(state.qos.get(&other).into_iter().flat_map(|row| row.preempt.iter().copied()));
        }
    }
    !next.is_empty() || state.qos.get(&id).is_some_and(|row| row.preempt.contains(&id))
}

/// `delete qos`
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    if wanted.is_empty() {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    let ids = wanted.select(session);
    if ids.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    idle::qos_is_idle(session, &ids)?;
    refuse_defaults(session, &ids)?;
    session.say(" Deleting QOS(s)...");
    for id in &ids {
        let name = qos_name(session.state, *id);
        session.say(format!("  {name}"));
        session.record(Action::RemoveQos, format!("id='{id}'"), "", "");
    }
    forget(session, &ids);
    session.commit()
}

fn refuse_defaults(session: &mut Session, ids: &[QosId]) -> Done {
    let state = &*session.state;
    let stuck: Vec<_> = tree::all(state)
        .into_iter()
        .filter_map(|row| Some((row, tree::effective(state, row).default_qos?)))
        .filter(|(_, id)| ids.contains(id))
        .map(|(row, id)| format!("  DefQOS = {:<10} {}", qos_name(state, id), common::qos_line(row)))
        .collect();
    if stuck.is_empty() {
        return Ok(());
    }
    session.complain(" Associations listed below have these as their Default QOS.");
    session.complain(stuck.join("\n"));
    session.refuse(
        " Please either remove the qos' listed above from list and resubmit,\n or change the default qos to remove the \
         qos.\n Changes Discarded",
    )
}

/// Takes QOS away, also from the lists of those that name them.
fn forget(session: &mut Session, ids: &[QosId]) {
    for id in ids {
        session.state.qos.edit(id, |row| row.deleted = true);
    }
    let all: Vec<_> = session.state.qos.values().map(|row| row.id).collect();
    for id in all {
        session.state.qos.edit(&id, |row| row.preempt.retain(|other| !ids.contains(other)));
    }
    let places: Vec<_> = Condition::default().select(session.state).into_iter().map(|row| row.id).collect();
    for place in places {
        session.state.edit_association(place, |row| match &mut row.qos {
            QosSet::Inherited => {}
            QosSet::Exactly(own) => own.retain(|id| !ids.contains(id)),
            QosSet::Changed { added, removed } => {
                added.retain(|id| !ids.contains(id));
                removed.retain(|id| !ids.contains(id));
            }
        });
    }
}
