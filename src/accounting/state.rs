//! [`State`]: everything the service knows, with the look-ups that commands need.

use super::model::*;
use super::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// All rows. Changes are kept apart until [`State::commit`] or [`State::rollback`].
#[derive(Clone, Debug, Default)]
pub struct State {
    /// By name.
    pub clusters: Table<String, Cluster>,
    /// By name.
    pub accounts: Table<String, Account>,
    /// By name.
    pub users: Table<String, User>,
    /// By number.
    pub qos: Table<QosId, Qos>,
    /// By number.
    pub tres: Table<TresId, Tres>,
    /// By account and user.
    pub coordinators: Table<(String, String), Coordinator>,
    /// By running number.
    pub transactions: Table<u64, Transaction>,
    /// By user, cluster and name.
    pub wckeys: Table<WckeyKey, Wckey>,
    /// By name.
    pub federations: Table<String, Federation>,
    /// By number.
    pub resources: Table<ResourceId, Resource>,
    /// By running number.
    pub events: Table<u64, Event>,
    /// By cluster, number and start.
    pub reservations: Table<ReservationKey, Reservation>,
    associations: Table<AssociationId, Association>,
    index: Index,
}

/// Look-ups over the associations, deleted ones included in `by_key` only.
#[derive(Clone, Debug, Default)]
struct Index {
    by_key: BTreeMap<AssociationKey, AssociationId>,
    by_user: BTreeMap<String, BTreeSet<AssociationId>>,
    children: BTreeMap<AssociationId, BTreeSet<(i64, AssociationId)>>,
}

impl Index {
    fn insert(&mut self, row: &Association) {
        self.by_key.insert(row.key.clone(), row.id);
        if row.deleted {
            return;
        }
        if !row.key.is_account() {
            self.by_user.entry(row.key.user.clone()).or_default().insert(row.id);
        }
        if let Some(parent) = row.parent {
            self.children.entry(parent).or_default().insert((row.position, row.id));
        }
    }

    fn remove(&mut self, row: &Association) {
        self.by_key.remove(&row.key);
        if let Some(ids) = self.by_user.get_mut(&row.key.user) {
            ids.remove(&row.id);
        }
        if let Some(siblings) = row.parent.and_then(|parent| self.children.get_mut(&parent)) {
            siblings.remove(&(row.position, row.id));
        }
    }
}

impl State {
    /// Takes the associations that a store has.
    pub fn load_associations(&mut self, rows: impl IntoIterator<Item = Association>) {
        self.associations = Table::loaded(rows.into_iter().map(|row| (row.id, row)));
        self.index = Index::default();
        for row in self.associations.values() {
            self.index.insert(row);
        }
    }

    /// The rows of associations; change them with [`State::put_association`] and [`State::edit_association`].
    pub fn associations(&self) -> &Table<AssociationId, Association> {
        &self.associations
    }

    /// A present association by number.
    pub fn association(&self, id: AssociationId) -> Option<&Association> {
        self.associations.get(&id).filter(|row| !row.deleted)
    }

    /// A present association by what it is of.
    pub fn find(&self, key: &AssociationKey) -> Option<&Association> {
        self.association(*self.index.by_key.get(key)?)
    }

    /// Like [`State::find`], also when it was taken away.
    pub fn find_deleted(&self, key: &AssociationKey) -> Option<&Association> {
        self.associations.get(self.index.by_key.get(key)?).filter(|row| row.deleted)
    }

    /// What hangs directly below, in tree order.
    pub fn children(&self, id: AssociationId) -> impl DoubleEndedIterator<Item = &Association> {
        self.index.children.get(&id).into_iter().flatten().filter_map(|(_, child)| self.association(*child))
    }

    /// The present associations of a user, oldest first.
    pub fn of_user(&self, user: &str) -> impl Iterator<Item = &Association> {
        self.index.by_user.get(user).into_iter().flatten().filter_map(|id| self.association(*id))
    }

    /// The root association of a cluster.
    pub fn root(&self, cluster: &str) -> Option<&Association> {
        self.find(&AssociationKey::account(cluster, "root"))
    }

    /// Adds or replaces.
    pub fn put_association(&mut self, row: Association) {
        if let Some(old) = self.associations.get(&row.id) {
            self.index.remove(old);
        }
        self.index.insert(&row);
        self.associations.put(row.id, row);
    }

    /// Changes in place.
    pub fn edit_association(&mut self, id: AssociationId, change: impl FnOnce(&mut Association)) {
        if let Some(mut row) = self.associations.get(&id).cloned() {
            change(&mut row);
            self.put_association(row);
        }
    }

    /// The number for the next association.
    pub fn next_association(&self) -> AssociationId {
        self.associations.last_key().map_or(1, |id| id + 1)
    }

    /// Present clusters by name.
    pub fn cluster_names(&self) -> Vec<String> {
        self.clusters.values().filter(|row| !row.deleted).map(|row| row.name.clone()).collect()
    }

    /// A present account.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(&name.to_owned()).filter(|row| !row.deleted)
    }

    /// A present user.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(&name.to_owned()).filter(|row| !row.deleted)
    }

    /// A present QOS by name.
    pub fn qos_named(&self, name: &str) -> Option<&Qos> {
        self.qos.values().find(|row| !row.deleted && row.name.eq_ignore_ascii_case(name))
    }

    /// The TRES called `type[/name]`, or with that number.
    pub fn tres_named(&self, name: &str) -> Option<&Tres> {
        match name.parse::<TresId>() {
            Ok(id) => self.tres.get(&id),
            Err(_) => self.tres.values().find(|row| row.full_name().eq_ignore_ascii_case(name)),
        }
    }

    /// The user's default account on a cluster.
    pub fn default_account(&self, user: &str, cluster: &str) -> Option<&Association> {
        self.of_user(user).find(|row| row.is_default && row.key.cluster == cluster)
    }

    /// The present wckeys of a user, by cluster and name.
    pub fn wckeys_of(&self, user: &str) -> impl Iterator<Item = &Wckey> {
        let from = (user.to_owned(), String::new(), String::new());
        let rows = self.wckeys.range(from..).take_while(move |row| row.user == user);
        rows.filter(|row| !row.deleted)
    }

    /// The user's default wckey on the first cluster that has one.
    pub fn default_wckey(&self, user: &str) -> Option<&Wckey> {
        self.wckeys_of(user).find(|row| row.is_default)
    }

    /// A present federation.
    pub fn federation(&self, name: &str) -> Option<&Federation> {
        self.federations.get(&name.to_owned()).filter(|row| !row.deleted)
    }

    /// Writes a line of the transaction record.
    pub fn record(&mut self, transaction: Transaction) {
        let id = self.transactions.last_key().map_or(1, |id| id + 1);
        self.transactions.put(id, Transaction { id, ..transaction });
    }

    /// Whether anything differs from the last commit.
    pub fn has_changes(&self) -> bool {
        self.clusters.changes().next().is_some()
            || self.accounts.changes().next().is_some()
            || self.users.changes().next().is_some()
            || self.qos.changes().next().is_some()
            || self.tres.changes().next().is_some()
            || self.coordinators.changes().next().is_some()
            || self.transactions.changes().next().is_some()
            || self.wckeys.changes().next().is_some()
            || self.federations.changes().next().is_some()
            || self.resources.changes().next().is_some()
            || self.events.changes().next().is_some()
            || self.reservations.changes().next().is_some()
            || self.associations.changes().next().is_some()
    }

    /// Keeps all changes.
    pub fn commit(&mut self) {
        self.clusters.commit();
        self.accounts.commit();
        self.users.commit();
        self.qos.commit();
        self.tres.commit();
        self.coordinators.commit();
        self.transactions.commit();
        self.wckeys.commit();
        self.federations.commit();
        self.resources.commit();
        self.events.commit();
        self.reservations.commit();
        self.associations.commit();
    }

    /// Takes all changes back.
    pub fn rollback(&mut self) {
        self.clusters.rollback();
        self.accounts.rollback();
        self.users.rollback();
        self.qos.rollback();
        self.tres.rollback();
        self.coordinators.rollback();
        self.transactions.rollback();
        self.wckeys.rollback();
        self.federations.rollback();
        self.resources.rollback();
        self.events.rollback();
        self.reservations.rollback();
        let touched: Vec<_> = self.associations.changes().map(|(id, _)| *id).collect();
        for id in &touched {
            if let Some(row) = self.associations.get(id) {
                self.index.remove(row);
            }
        }
        self.associations.rollback();
        for id in &touched {
            if let Some(row) = self.associations.get(id) {
                self.index.insert(row);
            }
        }
    }
}
