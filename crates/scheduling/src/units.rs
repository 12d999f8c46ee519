//! [`Units`]: which of a node's CPUs, or which devices of a kind, by number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A set of small numbers, in JSON the list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<u32>", try_from = "Vec<u32>")]
pub struct Units(Vec<u64>);

const BITS: u32 = u64::BITS;

/// The greatest number that is read: far above the CPUs of any node.
const GREATEST: u32 = 0xffff;

impl From<Units> for Vec<u32> {
    fn from(units: Units) -> Self {
        units.iter().collect()
    }
}

impl TryFrom<Vec<u32>> for Units {
    type Error = String;

    fn try_from(numbers: Vec<u32>) -> Result<Self, String> {
        let mut units = Self::default();
        for number in numbers {
            if number > GREATEST {
                return Err(format!("{number} is no CPU or device: {GREATEST} is the greatest"));
            }
            units.insert(number);
        }
        Ok(units)
    }
}

impl Units {
    /// The numbers from 0 on, so many of them.
    pub fn first(count: u32) -> Self {
        let mut words = vec![u64::MAX; (count / BITS) as usize];
        if !count.is_multiple_of(BITS) {
            words.push((1 << (count % BITS)) - 1);
        }
        Self(words)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: u32) -> bool {
        self.0.get((number / BITS) as usize).is_some_and(|word| word & (1 << (number % BITS)) != 0)
    }

    /// Puts a number in; says whether it is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let at = (number / BITS) as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        let bit = 1 << (number % BITS);
        let is_new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        is_new
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.0.iter().zip(0u32..);
        words.flat_map(|(word, at)| (0..BITS).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * BITS + bit))
    }

    /// Whether a number is in both.
    pub fn meets(&self, other: &Units) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// Puts all of these in.
    pub fn add(&mut self, other: &Units) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(own, more)| *own |= more);
    }

    /// Takes all of these out.
    pub fn remove(&mut self, other: &Units) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, less)| *own &= !less);
    }

    /// Keeps those below a number alone.
    pub fn keep_below(&mut self, count: u32) {
        for (word, at) in self.0.iter_mut().zip(0u32..) {
            let kept = count.saturating_sub(at * BITS);
            *word &= if kept >= BITS { u64::MAX } else { (1 << kept) - 1 };
        }
    }

    /// Takes the lowest ones out and gives them back; `None`, and nothing is taken, when there are not so many.
    pub fn take(&mut self, count: u32) -> Option<Units> {
        if self.count() < count {
            return None;
        }
        let mut taken = Units::default();
        for number in self.iter().take(count as usize).collect::<Vec<_>>() {
            taken.insert(number);
        }
        self.remove(&taken);
        Some(taken)
    }
}

/// As Slurm lists them: `0-3,7`.
impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u32> = self.iter().collect();
        for (index, run) in numbers.chunk_by(|a, b| a + 1 == *b).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match run {
                [one] => write!(f, "{comma}{one}")?,
                _ => write!(f, "{comma}{}-{}", run[0], run[run.len() - 1])?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_are_taken_and_given_back() {
        let mut free = Units::first(70);
        assert_eq!((free.count(), free.to_string()), (70, "0-69".to_owned()));
        let taken = free.take(66).unwrap();
        assert_eq!((taken.to_string(), free.to_string()), ("0-65".to_owned(), "66-69".to_owned()));
        assert!(!free.meets(&taken) && free.contains(66) && !free.contains(65));
        assert_eq!(free.take(5), None);
        free.add(&taken);
        assert_eq!(free, Units::first(70));
        let mut some = Units::default();
        assert!(some.insert(3) && some.insert(0) && !some.insert(3));
        assert_eq!((some.to_string(), Units::default().to_string()), ("0,3".to_owned(), String::new()));
    }
}
