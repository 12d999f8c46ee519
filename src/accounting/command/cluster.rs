//! `sacctmgr add`, `modify` and `delete cluster`. A cluster's limits sit on its root association.

use super::common;
use super::condition::{self, Condition};
use super::modify::split;
use super::modify_association as associations;
use super::session::{Done, Session};
use super::setting::Setting;
use super::word::Word;
use crate::accounting::founding;
use crate::accounting::model::*;
use crate::accounting::tree;

fn take_setting(session: &mut Session, setting: &mut Setting, word: &Word) -> Done {
    if word.is("Classification", 3) || word.is("Federation", 3) || word.is("FedState", 4) || word.is("Features", 3) {
        return session.refuse(format!(" {} is not kept by enlist: it has no federations.", word.key));
    }
    if word.operator.is_none() || !setting.take(session, word)? {
        session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
    }
    Ok(())
}

fn describe(session: &mut Session, setting: &Setting) {
    if !setting.is_empty() {
        let limits = setting.describe(session.state);
        session.say(" Setting\n  Default Limits:");
        session.stdout.push_str(&limits);
    }
}

/// `add cluster`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut setting) = (None, Setting::default());
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("Where", 5)) {
        match word.operator.is_none() || word.is("Names", 1) {
            true => condition::extend(session, &mut names, word)?,
            false => take_setting(session, &mut setting, word)?,
        }
    }
    session.check()?;
    let Some(names) = names else { return session.refuse(" Need name of cluster to add.") };
    let present = session.state.cluster_names();
    let (known, new): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| present.contains(name));
    for name in known {
        session.say(format!(" This cluster {name} already exists.  Not adding."));
    }
    if new.is_empty() {
        session.failed = true;
        return Ok(());
    }
    session.say(" Adding Cluster(s)");
    for name in &new {
        if common::good_name(session, name) {
            session.say(format!("  Name           = {name}"));
        }
    }
    session.check()?;
    describe(session, &setting);
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem adding clusters: Access/permission denied");
    }
    for name in new {
        let mut settings = setting.initial();
        if settings.qos == QosSet::Inherited
            && let Some(qos) = session.state.qos_named(&session.world.settings().default_qos)
        {
            settings.qos = QosSet::Exactly([qos.id].into());
        }
        founding::add_cluster(session.state, &name, &settings);
        session.record(Action::AddCluster, name, "", "");
    }
    session.commit()
}

fn take_condition(session: &mut Session, names: &mut Option<Vec<String>>, word: &Word) -> Done {
    if word.operator.is_none() || word.is("Names", 1) || word.is("Clusters", 3) {
        return condition::extend(session, names, word);
    }
    session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
    Ok(())
}

/// `modify cluster`
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut setting) = (None, Setting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        take_condition(session, &mut names, word)?;
    }
    for word in settings {
        take_setting(session, &mut setting, word)?;
    }
    session.check()?;
    if setting.is_empty() {
        return session.refuse(" You didn't give me anything to set");
    }
    if names.is_none()
        && !session.ask("You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?")?
    {
        session.say("Aborted");
        return Ok(());
    }
    describe(session, &setting);
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    let place = Condition {
        clusters: names,
        accounts: Some(vec!["root".into()]),
        users: Some(vec![String::new()]),
        ..Condition::default()
    };
    let lines = associations::modify(session, &place, &setting)?;
    if lines.is_empty() {
        session.say(" Nothing modified");
        session.failed = true;
        return Ok(());
    }
    session.say(" Modified cluster defaults for associations...");
    for line in lines {
        session.say(format!("  {line}"));
    }
    session.commit()
}

/// `delete cluster`
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let mut names = None;
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("where", 5)) {
        take_condition(session, &mut names, word)?;
    }
    session.check()?;
    let Some(names) = names else { return session.refuse(" No conditions given to remove, not executing.") };
    let present = session.state.cluster_names();
    let gone: Vec<_> = present.into_iter().filter(|name| names.contains(name)).collect();
    if gone.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    session.say(" Deleting clusters...");
    for name in gone {
        session.say(format!("  {name}"));
        remove(session, &name);
    }
    session.commit()
}

/// Takes a cluster away with all its associations.
pub fn remove(session: &mut Session, name: &str) {
    let rows = session.state.root(name).map(|root| tree::walk(session.state, root.id)).unwrap_or_default();
    let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    for id in ids {
        session.state.edit_association(id, |row| {
            row.deleted = true;
            row.is_default = false;
        });
    }
    session.state.clusters.edit(&name.to_owned(), |row| row.deleted = true);
    session.record(Action::RemoveCluster, format!("name='{name}'"), "", "");
}
