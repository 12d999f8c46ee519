//! [`TurnedAway`]: who was not let in, summed up in the log by address, so that a flood of handshakes is no flood of lines.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long is summed up.
pub const PERIOD: Duration = Duration::from_secs(60);

/// So many addresses are told apart in a period.
const ADDRESSES: usize = 64;

/// So many reasons of one address are told apart; some of them quote what the other end says.
const REASONS: usize = 8;

/// What was refused in this period.
#[derive(Default)]
pub struct TurnedAway(Mutex<Tallies>);

#[derive(Default)]
struct Tallies {
    by_address: HashMap<IpAddr, Tally>,
    /// Refusals of addresses beyond [`ADDRESSES`].
    others: u64,
}

/// What one address was refused.
#[derive(Default)]
struct Tally {
    /// The reasons that the log has.
    told: Vec<String>,
    /// How often more.
    more: u64,
    last: String,
}

impl TurnedAway {
    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a refusal. The line to log now, which only the first one of an address with this reason has.
    pub fn note(&self, from: IpAddr, why: &str) -> Option<String> {
        let mut tallies = self.tallies();
        if tallies.by_address.len() >= ADDRESSES && !tallies.by_address.contains_key(&from) {
            tallies.others += 1;
            return None;
        }
        let tally = tallies.by_address.entry(from).or_default();
        if tally.told.len() < REASONS && !tally.told.iter().any(|told| told == why) {
            tally.told.push(why.to_owned());
            return Some(format!("{from} is not let in: {why}"));
        }
        tally.more += 1;
        tally.last = why.to_owned();
        None
    }

    /// Ends a period: the lines that sum up what came after those.
    pub fn sum_up(&self) -> Vec<String> {
        let Tallies { by_address, others } = std::mem::take(&mut *self.tallies());
        let seconds = PERIOD.as_secs();
        let mut lines: Vec<_> = by_address
            .into_iter()
            .filter(|(_, tally)| tally.more > 0)
            .map(|(from, Tally { more, last, .. })| {
                format!("{from} was not let in {more} times more within {seconds} s; the last time: {last}")
            })
            .collect();
        lines.sort();
        if others > 0 {
            lines.push(format!("other addresses were not let in {others} times within {seconds} s"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines() {
        let away = TurnedAway::default();
        let from = |last: u8| IpAddr::from([10, 0, 0, last]);
        let told: Vec<_> = (0..1000).filter_map(|n| away.note(from(1), &format!("reason {n}"))).collect();
        assert_eq!((told.len(), told[0].as_str()), (REASONS, "10.0.0.1 is not let in: reason 0"));
        assert_eq!(away.note(from(2), "no").as_deref(), Some("10.0.0.2 is not let in: no"));
        let told = (3..=255).filter_map(|last| away.note(from(last), "no")).count();
        assert_eq!(told, ADDRESSES - 2);
        assert_eq!(
            away.sum_up(),
            [
                "10.0.0.1 was not let in 992 times more within 60 s; the last time: reason 999".to_owned(),
                format!("other addresses were not let in {} times within 60 s", 253 - (ADDRESSES - 2)),
            ]
        );
        assert_eq!(away.sum_up(), [""; 0]);
        assert!(away.note(from(1), "again").is_some(), "a new period");
    }
}
