//! [`State`]: everything the service knows, with the look-ups that commands need.

use crate::model::*;
use crate::records::JobEdit;
use crate::runs::Runs;
use crate::table::{Journal, Table};
use std::sync::Arc;

/// Declares [`State`]: each table is named here, and nowhere else in this file.
macro_rules! state {
    (tables { $($(#[$doc:meta])* $visibility:vis $table:ident: $rows:ty,)* } new { $($new:ident: $lines:ty,)* }) => {
        /// All rows. A copy is cheap and shares what neither changes. Changes are kept apart until [`State::commit`] or
        /// [`State::rollback`]. Two states are equal when their rows are.
        #[derive(Clone, Debug, Default)]
        pub struct State {
            $($(#[$doc])* $visibility $table: $rows,)*
            $($new: $lines,)*
            index: Index,
        }

        impl PartialEq for State {
            fn eq(&self, other: &Self) -> bool {
                $(self.$table == other.$table)&&*
            }
        }

        impl State {
            /// Whether anything differs from the last commit.
            pub fn has_changes(&self) -> bool {
                $(self.$table.has_changes())||* $(|| self.$new.has_changes())*
            }

            /// Keeps all changes.
            pub fn commit(&mut self) {
                $(self.$table.commit();)*
                $(self.$new.commit();)*
            }

            /// Takes all changes back, but not in the index.
            fn roll_back_rows(&mut self) {
                $(self.$table.rollback();)*
                $(self.$new.rollback();)*
            }
        }
    };
}

state! {
    tables {
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
        /// When the usage of an association was set to zero.
        pub usage_resets: Table<AssociationId, UsageReset>,
        associations: Table<AssociationId, Association>,
    }
    new {
        record: Record,
        job_edits: JobEdits,
    }
}

/// Look-ups over the associations, deleted ones included in `by_key` only.
#[derive(Clone, Debug, Default)]
struct Index {
    by_key: Runs<Arc<Association>>,
    by_user: Runs<Arc<Association>>,
    children: Runs<Arc<Association>>,
}

fn user_order(row: &Association) -> (&str, AssociationId) {
    (&row.key.user, row.id)
}

fn child_order(row: &Association) -> (Option<AssociationId>, i64, AssociationId) {
    (row.parent, row.position, row.id)
}

impl Index {
    fn loaded(rows: &Table<AssociationId, Association>) -> Self {
        let mut all: Vec<_> = rows.iter().filter_map(|(id, _)| rows.shared(id)).cloned().collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        let by_key = Runs::sorted(all.iter().cloned());
        all.retain(|row| !row.deleted);
        all.sort_by(|a, b| user_order(a).cmp(&user_order(b)));
        let by_user = Runs::sorted(all.iter().filter(|row| !row.key.is_account()).cloned());
        all.sort_by_key(|row| child_order(row));
        Self { by_key, by_user, children: Runs::sorted(all) }
    }

    fn insert(&mut self, row: &Arc<Association>) {
        self.by_key.put(row.clone(), |other| other.key.cmp(&row.key));
        if row.deleted {
            return;
        }
        if !row.key.is_account() {
            self.by_user.put(row.clone(), |other| user_order(other).cmp(&user_order(row)));
        }
        self.children.put(row.clone(), |other| child_order(other).cmp(&child_order(row)));
    }

    fn remove(&mut self, row: &Association) {
        self.by_key.remove(|other| other.key.cmp(&row.key));
        self.by_user.remove(|other| user_order(other).cmp(&user_order(row)));
        self.children.remove(|other| child_order(other).cmp(&child_order(row)));
    }
}

/// The transaction record as far as a state knows it: what was written since the last commit. The rest is in the store
/// alone, where it may grow.
#[derive(Clone, Debug, Default)]
struct Record {
    committed: u64,
    new: Vec<Transaction>,
}

impl Journal for Record {
    fn has_changes(&self) -> bool {
        !self.new.is_empty()
    }

    fn commit(&mut self) {
        self.committed += self.new.len() as u64;
        self.new.clear();
    }

    fn rollback(&mut self) {
        self.new.clear();
    }
}

/// Changes of job records, which are in the store alone, since the last commit.
#[derive(Clone, Debug, Default)]
struct JobEdits(Vec<(JobRow, Arc<JobEdit>)>);

impl Journal for JobEdits {
    fn has_changes(&self) -> bool {
        !self.0.is_empty()
    }

    fn commit(&mut self) {
        self.0.clear();
    }

    fn rollback(&mut self) {
        self.0.clear();
    }
}

impl State {
    /// Takes the associations that a store has.
    pub fn load_associations(&mut self, rows: impl IntoIterator<Item = Association>) {
        self.associations = Table::loaded(rows.into_iter().map(|row| (row.id, row)));
        self.index = Index::loaded(&self.associations);
    }

    /// Takes the number of the last line that a store has in its transaction record.
    pub fn load_record(&mut self, last: u64) {
        self.record = Record { committed: last, new: Vec::new() };
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
        self.of_key(key).filter(|row| !row.deleted)
    }

    /// Like [`State::find`], also when it was taken away.
    pub fn find_deleted(&self, key: &AssociationKey) -> Option<&Association> {
        self.of_key(key).filter(|row| row.deleted)
    }

    fn of_key(&self, key: &AssociationKey) -> Option<&Association> {
        self.index.by_key.get(|row| row.key.cmp(key)).map(|row| &**row)
    }

    /// What hangs directly below, in tree order.
    pub fn children(&self, id: AssociationId) -> impl DoubleEndedIterator<Item = &Association> {
        self.index.children.span(&|row| row.parent.cmp(&Some(id))).map(|row| &**row)
    }

    /// The present associations of a user, oldest first.
    pub fn of_user(&self, user: &str) -> impl Iterator<Item = &Association> {
        self.index.by_user.span(&|row| row.key.user.as_str().cmp(user)).map(|row| &**row)
    }

    /// The root association of a cluster.
    pub fn root(&self, cluster: &str) -> Option<&Association> {
        self.find(&AssociationKey::account(cluster, "root"))
    }

    /// Adds or replaces.
    pub fn put_association(&mut self, row: Association) {
        let row = Arc::new(row);
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
        self.associations.last_key().map_or(AssociationId(1), |id| id.next())
    }

    /// The number for the next wckey.
    pub fn next_wckey(&self) -> WckeyId {
        self.wckeys.values().map(|row| row.id).max().map_or(WckeyId(1), WckeyId::next)
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
        let id = self.record.committed + self.record.new.len() as u64 + 1;
        self.record.new.push(Transaction { id, ..transaction });
    }

    /// The lines of the transaction record since the last commit.
    pub fn recorded(&self) -> &[Transaction] {
        &self.record.new
    }

    /// Changes the record of a job.
    pub fn edit_job(&mut self, row: JobRow, edit: Arc<JobEdit>) {
        self.job_edits.0.push((row, edit));
    }

    /// The changes of job records since the last commit, in order.
    pub fn job_edits(&self) -> &[(JobRow, Arc<JobEdit>)] {
        &self.job_edits.0
    }

    /// Sets the usage of an association, and of all below it, to zero.
    pub fn reset_usage(&mut self, association: AssociationId, time: i64) {
        self.usage_resets.put(association, UsageReset { association, time });
    }

    /// When the usage of an association, or of one above it, was last set to zero.
    pub fn usage_reset(&self, id: AssociationId) -> Option<i64> {
        let mut last = None;
        let mut next = Some(id);
        while let Some(id) = next {
            last = last.max(self.usage_resets.get(&id).map(|reset| reset.time));
            next = self.associations.get(&id).and_then(|row| row.parent);
        }
        last
    }

    /// Takes all changes back.
    pub fn rollback(&mut self) {
        let touched: Vec<_> = self.associations.changes().map(|(id, _)| *id).collect();
        for row in touched.iter().filter_map(|id| self.associations.get(id)) {
            self.index.remove(row);
        }
        self.roll_back_rows();
        for row in touched.iter().filter_map(|id| self.associations.shared(id)) {
            self.index.insert(row);
        }
    }
}
