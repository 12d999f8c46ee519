//! [`Table`]: rows by key, remembering what changed, so that a command commits or rolls back as one.

use crate::runs::Runs;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

/// Rows of one kind by key; a copy is cheap. Every change keeps the row's first value until [`Journal::commit`] or
/// [`Journal::rollback`].
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: Runs<(K, Arc<V>)>,
    before: BTreeMap<K, Option<Arc<V>>>,
}

/// What all tables of a state have in common: changes that are kept or taken back.
pub trait Journal {
    /// Whether anything differs from the last commit.
    fn has_changes(&self) -> bool;

    /// Keeps the changes.
    fn commit(&mut self);

    /// Takes the changes back.
    fn rollback(&mut self);
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: Runs::default(), before: BTreeMap::new() }
    }
}

/// Equal when the rows are, whatever was changed since the last commit.
impl<K: PartialEq, V: PartialEq> PartialEq for Table<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

fn by<K: Ord, V>(key: &K) -> impl Fn(&(K, V)) -> Ordering {
    move |(other, _)| other.cmp(key)
}

impl<K: Ord + Clone, V: Clone + PartialEq> Table<K, V> {
    /// Rows as loaded from a store.
    pub fn loaded(rows: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, Arc::new(row))).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { rows: Runs::sorted(rows), before: BTreeMap::new() }
    }

    /// The row, deleted ones included.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.shared(key).map(|row| &**row)
    }

    /// The row as it is shared with others.
    pub fn shared(&self, key: &K) -> Option<&Arc<V>> {
        self.rows.get(by(key)).map(|(_, row)| row)
    }

    /// All rows in key order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.iter().map(|(_, row)| &**row)
    }

    /// All rows with their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, &**row))
    }

    /// The rows with keys in a range, in key order.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl Iterator<Item = &V> {
        let order = |(key, _): &(K, Arc<V>)| match (keys.contains(key), keys.start_bound()) {
            (true, _) => Ordering::Equal,
            (false, Bound::Included(start)) if key < start => Ordering::Less,
            (false, Bound::Excluded(start)) if key <= start => Ordering::Less,
            (false, _) => Ordering::Greater,
        };
        self.rows.span(&order).map(|(_, row)| &**row)
    }

    /// The greatest key.
    pub fn last_key(&self) -> Option<&K> {
        self.rows.iter().next_back().map(|(key, _)| key)
    }

    /// Adds or replaces a row.
    pub fn put(&mut self, key: K, row: impl Into<Arc<V>>) {
        let old = self.rows.put((key.clone(), row.into()), by(&key)).map(|(_, old)| old);
        self.before.entry(key).or_insert(old);
    }

    /// Changes a row in place, if it is there.
    pub fn edit<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut row = self.get(key)?.clone();
        let result = change(&mut row);
        self.put(key.clone(), row);
        Some(result)
    }

    /// Takes a row away for good.
    pub fn remove(&mut self, key: &K) {
        if let Some((_, old)) = self.rows.remove(by(key)) {
            self.before.entry(key.clone()).or_insert(Some(old));
        }
    }

    /// Whether a row was put or taken away since the last commit.
    pub fn is_touched(&self, key: &K) -> bool {
        self.before.contains_key(key)
    }

    /// What differs from the last commit: key and row now (`None`: gone).
    pub fn changes(&self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.before
            .iter()
            .map(|(key, old)| (key, old.as_deref(), self.get(key)))
            .filter(|(_, old, new)| old != new)
            .map(|(key, _, new)| (key, new))
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Journal for Table<K, V> {
    fn has_changes(&self) -> bool {
        self.changes().next().is_some()
    }

    fn commit(&mut self) {
        self.before.clear();
    }

    fn rollback(&mut self) {
        for (key, old) in std::mem::take(&mut self.before) {
            match old {
                Some(row) => self.rows.put((key.clone(), row), by(&key)),
                None => self.rows.remove(by(&key)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_back_to_the_first_value() {
        let mut table = Table::loaded([(2, "b"), (1, "a")]);
        table.put(1, "x");
        table.put(1, "y");
        table.put(3, "new");
        table.remove(&2);
        assert_eq!(table.changes().collect::<Vec<_>>(), [(&1, Some(&"y")), (&2, None), (&3, Some(&"new"))]);
        table.rollback();
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &"a"), (&2, &"b")]);
        table.put(1, "a");
        assert_eq!(table.changes().count(), 0, "a change to the same value is none");
    }
}
