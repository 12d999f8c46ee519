//! [`Runs`]: a sorted sequence that is cheap to copy, so that everyone who reads has a state of their own.

use std::cmp::Ordering;
use std::sync::Arc;

/// The longest run, in elements: long enough to be few, short enough to be copied for one change.
const LONGEST: usize = 128;

/// Elements in an order that the caller keeps to: every `order` says how an element compares with what is sought, as in
/// [`slice::binary_search_by`]. A copy shares all runs with its original; a change copies the one run it touches.
#[derive(Clone, Debug)]
pub struct Runs<T> {
    /// None of them is empty.
    runs: Arc<Vec<Arc<Vec<T>>>>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: Arc::default() }
    }
}

/// Equal when the elements are, however they are spread over runs.
impl<T: PartialEq> PartialEq for Runs<T> {
    fn eq(&self, other: &Self) -> bool {
        self.runs.iter().flat_map(|run| run.iter()).eq(other.runs.iter().flat_map(|run| run.iter()))
    }
}

impl<T: Clone> Runs<T> {
    /// From elements that are in order already.
    pub fn sorted(elements: impl IntoIterator<Item = T>) -> Self {
        let mut elements = elements.into_iter();
        let next = || Some(elements.by_ref().take(LONGEST).collect::<Vec<_>>()).filter(|run| !run.is_empty());
        Self { runs: Arc::new(std::iter::from_fn(next).map(Arc::new).collect()) }
    }

    /// The first place that is not before: which run, and where in it.
    fn bound(&self, before: impl Fn(&T) -> bool) -> (usize, usize) {
        let run = self.runs.partition_point(|run| run.first().is_some_and(&before)).saturating_sub(1);
        (run, self.runs.get(run).map_or(0, |run| run.partition_point(before)))
    }

    fn find(&self, order: impl Fn(&T) -> Ordering) -> Option<(usize, usize)> {
        let (run, at) = self.bound(|element| order(element).is_lt());
        // What is sought may also begin the next run.
        let place = if self.runs.get(run)?.len() == at { (run + 1, 0) } else { (run, at) };
        self.at(place).filter(|element| order(element).is_eq()).map(|_| place)
    }

    fn at(&self, (run, at): (usize, usize)) -> Option<&T> {
        self.runs.get(run)?.get(at)
    }

    /// The element sought.
    pub fn get(&self, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        self.at(self.find(order)?)
    }

    /// Puts an element where `order` (of others against it) says, in place of an equal one.
    pub fn put(&mut self, element: T, order: impl Fn(&T) -> Ordering) -> Option<T> {
        if let Some((run, at)) = self.find(&order) {
            let run = Arc::make_mut(&mut Arc::make_mut(&mut self.runs)[run]);
            return Some(std::mem::replace(&mut run[at], element));
        }
        let (index, at) = self.bound(|other| order(other).is_lt());
        let runs = Arc::make_mut(&mut self.runs);
        if runs.is_empty() {
            runs.push(Arc::default());
        }
        let last = index + 1 == runs.len();
        let run = Arc::make_mut(&mut runs[index]);
        run.insert(at, element);
        if run.len() > LONGEST {
            // What grows at its end leaves full runs behind.
            let rest = run.split_off(if last && at == LONGEST { LONGEST } else { LONGEST / 2 });
            runs.insert(index + 1, Arc::new(rest));
        }
        None
    }

    /// Takes the element sought out.
    pub fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let (index, at) = self.find(order)?;
        let runs = Arc::make_mut(&mut self.runs);
        let removed = Arc::make_mut(&mut runs[index]).remove(at);
        if runs[index].is_empty() {
            runs.remove(index);
        }
        Some(removed)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.runs.iter().flat_map(|run| run.iter())
    }

    /// The neighbours that all compare equal to what is sought.
    pub fn span<'a>(&'a self, order: &dyn Fn(&T) -> Ordering) -> impl DoubleEndedIterator<Item = &'a T> + use<'a, T> {
        let (first, from) = self.bound(|element| order(element).is_lt());
        let (last, to) = self.bound(|element| order(element).is_le());
        let runs = self.runs.get(first..=last).unwrap_or_default();
        runs.iter().enumerate().flat_map(move |(index, run)| {
            let from = if index == 0 { from } else { 0 };
            let to = if first + index == last { to } else { run.len() };
            run[from..to].iter()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn by(sought: u16) -> impl Fn(&u16) -> Ordering {
        move |element| element.cmp(&sought)
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(steps in prop::collection::vec((0..1500u16, prop::bool::weighted(0.8)), 0..2500)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            let (mut copy, mut copied) = (runs.clone(), set.clone());
            for (index, (value, put)) in steps.iter().enumerate() {
                if *put {
                    prop_assert_eq!(runs.put(*value, by(*value)).is_none(), set.insert(*value));
                } else {
                    prop_assert_eq!(runs.remove(by(*value)).is_some(), set.remove(value));
                }
                if index == steps.len() / 2 {
                    (copy, copied) = (runs.clone(), set.clone());
                }
            }
            prop_assert!(runs.iter().eq(set.iter()));
            prop_assert!(runs.iter().rev().eq(set.iter().rev()));
            prop_assert!(copy.iter().eq(copied.iter()), "a copy does not see later changes");
            prop_assert!(Runs::sorted(set.iter().copied()).iter().eq(set.iter()));
            for value in (0..1500).step_by(7) {
                prop_assert_eq!(runs.get(by(value)), set.get(&value));
                let tens = &|element: &u16| (element / 10).cmp(&(value / 10));
                let range = value / 10 * 10..value / 10 * 10 + 10;
                prop_assert!(runs.span(tens).eq(set.range(range.clone())));
                prop_assert!(runs.span(tens).rev().eq(set.range(range).rev()));
            }
        }
    }
}
