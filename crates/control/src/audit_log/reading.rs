//! Reading the log, and finding where its chain is broken.

use super::{BEGINNING, LogEvent, LogLine, digest_of};
use std::fmt;

/// What a log holds.
#[derive(Debug, Default)]
pub struct Chain {
    /// Every line that is an event, in order.
    pub lines: Vec<Logged>,
    /// What is wrong, in order.
    pub faults: Vec<Fault>,
    /// The digest of the last line: whoever keeps it elsewhere sees when lines are cut off the end.
    pub head: Option<String>,
}

/// A line, and the run that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// The line.
    pub line: LogLine,
    /// The number of the line with which its run began; its own for that line.
    pub run: u64,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line in the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub says: &'static str,
    /// Whether it is what a killed run leaves: a line that was not written to its end. The chain goes on over it.
    pub is_torn: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.says)
    }
}

/// Reads a log.
pub fn read(text: &str) -> Chain {
    let mut chain = Chain::default();
    let (mut previous, mut run) = (BEGINNING.to_owned(), 0);
    for (number, line) in (1..).zip(text.lines()) {
        match serde_json::from_str::<LogLine>(line) {
            Ok(event) => {
                chain.faults.extend(fault(number, &event, &previous));
                if matches!(event.event, LogEvent::Begin(_)) {
                    run = number;
                }
                chain.lines.push(Logged { line: event, run });
            }
            Err(error) => chain.faults.push(no_event(number, error.is_eof())),
        }
        previous = digest_of(line);
        chain.head = Some(previous.clone());
    }
    chain
}

fn fault(number: u64, line: &LogLine, previous: &str) -> Option<Fault> {
    let says = if line.previous != previous {
        "the line before it is not the one after which it was written: one was changed, taken out or put in"
    } else if line.number != number {
        "its number is not the next one"
    } else {
        return None;
    };
    Some(Fault { line: number, says, is_torn: false })
}

fn no_event(number: u64, is_torn: bool) -> Fault {
    let says = if is_torn { "it was not written to its end: a run was killed there" } else { "it is no event" };
    Fault { line: number, says, is_torn }
}
