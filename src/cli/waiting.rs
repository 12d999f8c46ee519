//! The live line of commands that reach hosts: whom they wait for, and for how long.

use crate::view::live;
use control::connection::Dialer;
use control::connection::watch::{Waits, Watched};
use std::sync::Arc;
use std::time::Duration;

/// A wait that is shorter is not told.
const SOON: Duration = Duration::from_secs(1);

/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(500);

/// How many hosts are named.
const NAMED: usize = 3;

/// How many columns the bar takes.
const BAR: usize = 20;

/// The connector to real hosts; on a terminal, a live line tells whom it waits for.
pub fn watched() -> Watched<Dialer> {
    let waits = Arc::new(Waits::default());
    if live::is_possible() {
        let waits = waits.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(TICK);
                match said(&waits) {
                    Some(line) => live::show(&line),
                    None => live::clear(),
                }
            }
        });
    }
    Watched::new(Dialer::new(), waits)
}

/// `waiting for login2: user, 5000 items (7 s)`, and a bar of the items that were answered where there are many.
fn said(waits: &Waits) -> Option<String> {
    let now = waits.now();
    let longest = now.iter().map(|wait| wait.since).max().filter(|since| *since >= SOON)?;
    let named =
        now.iter().take(NAMED).map(|wait| format!("{}: {}", wait.host, wait.what)).collect::<Vec<_>>().join("; ");
    let more = match now.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more hosts"),
    };
    let (answered, asked) = waits.items();
    let bar = if asked >= 1000 { bar(answered, asked) } else { String::new() };
    Some(format!("{bar}waiting for {named}{more} ({} s)", longest.as_secs()))
}

fn bar(answered: usize, asked: usize) -> String {
    let full = BAR * answered / asked.max(1);
    format!("[{}{}] {answered} of {asked} ", "#".repeat(full), "-".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_of_many() {
        assert_eq!(bar(2500, 10_000), "[#####---------------] 2500 of 10000 ");
        assert_eq!(bar(7, 7), "[####################] 7 of 7 ");
    }

    #[test]
    fn nobody_is_waited_for_at_first() {
        assert_eq!(said(&Waits::default()), None);
    }
}
