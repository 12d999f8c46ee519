//! Arrays: one submission, many tasks (sbatch(1), `--array`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The greatest index that a task may have: the greatest `MaxArraySize` of slurm.conf(5), less one.
pub const GREATEST_INDEX: u32 = 4_000_000;

/// The most ranges that a text may name; one with a step is as many as it has numbers.
const MOST_RANGES: usize = 10_000;

/// Numbers of tasks, in ranges: as text `0-9,12` or `0-8:2`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TaskSet(
    /// First and last of each range; ascending, apart from each other by more than one.
    Vec<(u32, u32)>,
);

/// What `--array` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArraySpec {
    /// Its tasks; never empty.
    pub tasks: TaskSet,
    /// `%N`: so many of them run at one time.
    pub limit: Option<u32>,
}

/// A text that names no tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid job array specification")]
pub struct BadArray;

impl FromStr for ArraySpec {
    type Err = BadArray;

    /// Reads `0-15:4,20%3`; a limit of 0 is none.
    fn from_str(text: &str) -> Result<Self, BadArray> {
        let (tasks, limit) = match text.split_once('%') {
            Some((tasks, limit)) => (tasks, Some(number(limit)?).filter(|limit| *limit > 0)),
            None => (text, None),
        };
        let tasks: TaskSet = tasks.parse()?;
        if tasks.is_empty() { Err(BadArray) } else { Ok(Self { tasks, limit }) }
    }
}

/// As it is written, and as `squeue` shows what waits.
impl fmt::Display for ArraySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "{}%{limit}", self.tasks),
            None => self.tasks.fmt(f),
        }
    }
}

impl FromStr for TaskSet {
    type Err = BadArray;

    fn from_str(text: &str) -> Result<Self, BadArray> {
        let text = text.trim().trim_start_matches('[').trim_end_matches(']');
        let mut ranges = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (span, step) = match part.split_once(':') {
                Some((span, step)) => (span, number(step)?),
                None => (part, 1),
            };
            let (first, last) = match span.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                // A step is of a range.
                None if span.len() < part.len() => return Err(BadArray),
                None => (number(span)?, number(span)?),
            };
            if step == 0 || first > last {
                return Err(BadArray);
            }
            let pieces = if step == 1 { 1 } else { ((last - first) / step) as usize + 1 };
            if ranges.len() + pieces > MOST_RANGES {
                return Err(BadArray);
            }
            match step {
                1 => ranges.push((first, last)),
                step => ranges.extend((first..=last).step_by(step as usize).map(|index| (index, index))),
            }
        }
        Ok(Self::of(ranges))
    }
}

fn number(text: &str) -> Result<u32, BadArray> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && *number <= GREATEST_INDEX);
    number.ok_or(BadArray)
}

/// Ranges, or one with a step where all are apart by the same.
impl fmt::Display for TaskSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step().filter(|step| *step > 1) {
            return write!(f, "{}-{}:{step}", self.first().unwrap_or(0), self.last().unwrap_or(0));
        }
        f.write_str(&self.ranges())
    }
}

impl From<TaskSet> for String {
    fn from(tasks: TaskSet) -> Self {
        tasks.to_string()
    }
}

impl TryFrom<String> for TaskSet {
    type Error = BadArray;

    fn try_from(text: String) -> Result<Self, BadArray> {
        text.parse()
    }
}

impl TaskSet {
    /// One task.
    pub fn one(index: u32) -> Self {
        Self(vec![(index, index)])
    }

    /// Ranges in any order, which may meet.
    fn of(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut().filter(|before| first <= before.1.saturating_add(1)) {
                Some(before) => before.1 = before.1.max(last),
                None => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// Its ranges, without a step: `1-3,5,7`.
    pub fn ranges(&self) -> String {
        let range = |(first, last): &(u32, u32)| match last - first {
            0 => first.to_string(),
            _ => format!("{first}-{last}"),
        };
        self.0.iter().map(range).collect::<Vec<_>>().join(",")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The least.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The greatest.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|(_, last)| *last)
    }

    /// Whether one is among them.
    pub fn contains(&self, index: u32) -> bool {
        let place = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(place).is_some_and(|(first, _)| *first <= index)
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Those that are in both.
    pub fn among(&self, others: &Self) -> Self {
        Self::of(self.iter().filter(|index| others.contains(*index)).map(|index| (index, index)).collect())
    }

    /// Those that are in either.
    pub fn with(&self, others: &Self) -> Self {
        Self::of(self.0.iter().chain(&others.0).copied().collect())
    }

    /// These without one.
    pub fn without(&self, index: u32) -> Self {
        let parts = self.0.iter().flat_map(|(first, last)| {
            if index < *first || index > *last {
                return [Some((*first, *last)), None];
            }
            let before = index.checked_sub(1).filter(|end| end >= first).map(|end| (*first, end));
            let after = Some(index + 1).filter(|start| start <= last).map(|start| (start, *last));
            [before, after]
        });
        Self(parts.flatten().collect())
    }

    /// By how much all are apart, if by the same; `None` for fewer than two (`SLURM_ARRAY_TASK_STEP` is 1 then).
    pub fn step(&self) -> Option<u32> {
        let mut steps = self.iter().zip(self.iter().skip(1)).map(|(one, next)| next - one);
        let step = steps.next()?;
        steps.all(|other| other == step).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read_and_written() {
        for (text, written) in [
            ("0-3", "0-3"),
            ("1,3,5-7", "1,3,5-7"),
            ("1-10:2", "1-9:2"),
            ("3,1,2,2", "1-3"),
            ("0-15:4,20%3", "0,4,8,12,20%3"),
            ("1-10%1", "1-10%1"),
            ("1-4%0", "1-4"),
            (",1,,4,6,", "1,4,6"),
            ("7", "7"),
        ] {
            assert_eq!(text.parse::<ArraySpec>().map(|spec| spec.to_string()), Ok(written.to_owned()), "{text}");
        }
        for bad in ["", ",", "5-1", "-1", "a", "1-", "1:2", "1:2:3", "1-3:0", "1%", "+1", "99999999", "0-4000000:2"] {
            assert_eq!(bad.parse::<ArraySpec>(), Err(BadArray), "{bad}");
        }
    }

    #[test]
    fn tasks_are_taken_out_one_by_one() {
        let all: TaskSet = "0-2,5,7-9".parse().unwrap();
        assert_eq!((all.count(), all.first(), all.last()), (7, Some(0), Some(9)));
        assert!(all.contains(8) && !all.contains(6));
        assert_eq!(all.without(8).to_string(), "0-2,5,7,9");
        assert_eq!(all.without(0).without(5).without(4).to_string(), "1-2,7-9");
        assert_eq!(all.iter().fold(all.clone(), |rest, index| rest.without(index)), TaskSet::default());
        assert_eq!(("1-9:2".parse::<TaskSet>().unwrap().step(), TaskSet::one(3).step()), (Some(2), None));
    }
}
