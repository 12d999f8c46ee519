//! Wckeys: `show wckey`, and what commands about users do with them.

use super::common;
use super::condition;
use super::fields::{Column, Known, field};
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::model::*;
use std::collections::BTreeSet;

/// The fields of `show wckey`, in the order in which abbreviations are tried.
const FIELDS: &[Known] = &[
    field(&[("WCKeys", 1), ("Names", 1)], "WCKey", 10, Column::Name),
    field(&[("Clusters", 2)], "Cluster", 10, Column::Cluster),
    field(&[("IDs", 1)], "ID", 6, Column::Id),
    field(&[("Users", 1)], "User", 10, Column::User),
];

/// Which wckeys are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    names: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    users: Option<Vec<String>>,
    ids: Option<Vec<WckeyId>>,
    with_deleted: bool,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithDeleted", 5) {
            self.with_deleted = true;
        } else if word.operator.is_none() || word.is("WCKeys", 3) || word.is("Names", 3) {
            condition::extend(session, &mut self.names, word)?;
        } else if word.is("Ids", 1) {
            condition::extend_numbers(session, &mut self.ids, word, "WCKeyID");
        } else if word.is("Clusters", 3) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("End", 1) || word.is("Start", 1) {
            // A time asks for usage, which `sreport` shows; the keys are the same.
            session.time(word.value);
        } else if word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("Users", 1) {
            condition::extend_users(session, &mut self.users, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
        Ok(())
    }

    fn holds(&self, row: &Wckey) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        (!row.deleted || self.with_deleted)
            && among(&self.names, &row.name)
            && among(&self.clusters, &row.cluster)
            && among(&self.users, &row.user)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
    }
}

/// `show wckey`: only for operators, as in Slurm.
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let fields = format::fields_of(session, FIELDS, &wanted.format, "Name,Cluster,User")?;
    if !session.caller.is_operator(session.state) {
        return common::denied(session);
    }
    let mut rows: Vec<_> = session.state.wckeys.values().filter(|row| wanted.holds(row)).collect();
    rows.sort_by_key(|row| (&row.cluster, &row.name, &row.user));
    let cell = |row: &Wckey, column| match column {
        Column::Name => Cell::text(&row.name),
        Column::Cluster => Cell::text(&row.cluster),
        Column::Id => Cell::number(Some(row.id)),
        Column::User => Cell::text(&row.user),
        _ => Cell::Empty,
    };
    let rows: Vec<Vec<_>> =
        rows.into_iter().map(|row| fields.iter().map(|field| cell(row, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

/// A wckey that is to be; its number is known when it is planted.
pub struct NewKey {
    /// What identifies it.
    pub key: WckeyKey,
    /// Whether it becomes the user's default on the cluster.
    pub is_default: bool,
}

/// What `add user` adds for one user: the keys that are missing. The first one becomes the default where there is none,
/// `default` wherever it is.
pub fn plan(
    session: &Session,
    user: &str,
    names: &[String],
    clusters: &[String],
    default: Option<&str>,
) -> Vec<NewKey> {
    let mut planned = Vec::new();
    for cluster in clusters {
        let mut has_default = session.state.wckeys_of(user).any(|row| row.cluster == *cluster && row.is_default);
        for name in names {
            let key = (user.to_owned(), cluster.clone(), name.clone());
            let is_default = default.map_or(!has_default, |default| default == name);
            if session.state.wckeys.get(&key).is_none_or(|there| there.deleted) {
                has_default = true;
                planned.push(NewKey { key, is_default });
            }
        }
    }
    planned
}

/// Adds what [`plan`] planned; the number of one that was taken away is used again for it.
pub fn plant(session: &mut Session, planned: Vec<NewKey>) {
    let mut next = session.state.next_wckey();
    for NewKey { key, is_default } in planned {
        let known = session.state.wckeys.get(&key).map(|there| there.id);
        let id = known.unwrap_or(next);
        next = if known.is_none() { next.next() } else { next };
        let (user, cluster, name) = key;
        if is_default {
            clear_default(session, &user, &cluster);
        }
        let row = Wckey { id, user, cluster, name, is_default, deleted: false };
        record_new(session, &row);
        session.state.wckeys.put(row.key(), row);
    }
}

/// Records a new key.
pub fn record_new(session: &mut Session, row: &Wckey) {
    let (now, is_default) = (session.world.now(), u8::from(row.is_default));
    let info = format!("mod_time={now}, user='{}', wckey_name='{}', is_def={is_default}", row.user, row.name);
    session.record(Action::AddWckey, format!("id_wckey={}", row.id), info, &row.cluster);
}

fn clear_default(session: &mut Session, user: &str, cluster: &str) {
    let defaults: Vec<_> =
        session.state.wckeys_of(user).filter(|row| row.cluster == cluster && row.is_default).map(Wckey::key).collect();
    for key in defaults {
        session.state.wckeys.edit(&key, |row| row.is_default = false);
    }
}

/// Makes a key that the user has on the cluster the default there; false when the user has it not.
pub fn set_default(session: &mut Session, user: &str, cluster: &str, name: &str) -> bool {
    let key = (user.to_owned(), cluster.to_owned(), name.to_owned());
    let Some(id) = session.state.wckeys.get(&key).filter(|row| !row.deleted).map(|row| row.id) else { return false };
    clear_default(session, user, cluster);
    session.state.wckeys.edit(&key, |row| row.is_default = true);
    session.record(Action::ModifyWckey, format!("(id_wckey='{id}')"), "is_def=1", cluster);
    true
}

/// `delete user … wckey=`: takes keys away from users, all users when none is named.
pub fn delete(session: &mut Session, names: &[String], users: &[String], clusters: Option<&Vec<String>>) -> Done {
    let meant = |row: &&Wckey| {
        !row.deleted
            && names.contains(&row.name)
            && (users.is_empty() || users.contains(&row.user))
            && clusters.is_none_or(|clusters| clusters.contains(&row.cluster))
    };
    let mut gone: Vec<_> = session.state.wckeys.values().filter(meant).cloned().collect();
    gone.sort_by(|a, b| (&a.cluster, a.id).cmp(&(&b.cluster, b.id)));
    if gone.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_operator(session.state) {
        return common::denied(session);
    }
    session.say(" Deleting user WCKeys...");
    for row in &gone {
        session.say(format!("  C = {:<10} W = {:<20} U = {:<9}", row.cluster, row.name, row.user));
    }
    take_away(session, &gone);
    session.commit()
}

/// Takes keys away and records it, a line for each cluster.
pub fn take_away(session: &mut Session, gone: &[Wckey]) {
    let clusters: BTreeSet<_> = gone.iter().map(|row| row.cluster.clone()).collect();
    for cluster in clusters {
        let here = gone.iter().filter(|row| row.cluster == cluster);
        let target = here.map(|row| format!("id_wckey='{}'", row.id)).collect::<Vec<_>>().join(" || ");
        session.record(Action::RemoveWckey, target, "", &cluster);
    }
    for row in gone {
        session.state.wckeys.edit(&row.key(), |row| {
            row.deleted = true;
            row.is_default = false;
        });
    }
}

/// Gives a renamed user's keys their new name.
pub fn rename_user(session: &mut Session, old: &str, new: &str) {
    let rows: Vec<_> = session.state.wckeys.values().filter(|row| row.user == old).cloned().collect();
    for row in rows {
        session.state.wckeys.remove(&row.key());
        let row = Wckey { user: new.to_owned(), ..row };
        session.state.wckeys.put(row.key(), row);
    }
}
