//! [`Table`]: rows by key, remembering what changed, so that a command commits or rolls back as one.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Rows of one kind by key. Every change keeps the row's first value until [`Table::commit`] or [`Table::rollback`].
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: BTreeMap<K, V>,
    before: BTreeMap<K, Option<V>>,
}

impl<K: Ord + Clone, V: Clone + PartialEq> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Table<K, V> {
    /// Rows as loaded from a store.
    pub fn loaded(rows: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { rows: rows.into_iter().collect(), before: BTreeMap::new() }
    }

    /// The row, deleted ones included.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// All rows in key order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values()
    }

    /// All rows with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows with keys in a range, in key order.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl Iterator<Item = &V> {
        self.rows.range(keys).map(|(_, row)| row)
    }

    /// The greatest key.
    pub fn last_key(&self) -> Option<&K> {
        self.rows.last_key_value().map(|(key, _)| key)
    }

    /// Adds or replaces a row.
    pub fn put(&mut self, key: K, row: V) {
        let old = self.rows.insert(key.clone(), row);
        self.before.entry(key).or_insert(old);
    }

    /// Changes a row in place, if it is there.
    pub fn edit<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let row = self.rows.get_mut(key)?;
        self.before.entry(key.clone()).or_insert_with(|| Some(row.clone()));
        Some(change(row))
    }

    /// Takes a row away for good.
    pub fn remove(&mut self, key: &K) {
        if let Some(old) = self.rows.remove(key) {
            self.before.entry(key.clone()).or_insert(Some(old));
        }
    }

    /// What differs from the last commit: key and row now (`None`: gone).
    pub fn changes(&self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.before
            .iter()
            .map(|(key, old)| (key, old, self.rows.get(key)))
            .filter(|(_, old, new)| old.as_ref() != *new)
            .map(|(key, _, new)| (key, new))
    }

    /// Keeps the changes.
    pub fn commit(&mut self) {
        self.before.clear();
    }

    /// Takes the changes back.
    pub fn rollback(&mut self) {
        for (key, old) in std::mem::take(&mut self.before) {
            match old {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_back_to_the_first_value() {
        let mut table = Table::loaded([(1, "a"), (2, "b")]);
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
