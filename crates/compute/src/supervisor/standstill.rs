//! A run that the master suspends: its processes stand still until it is to go on. The freezer of its control group sees to that
//! where there is one, also for what is just being started; else each process is stopped.

use super::Supervisor;
use crate::ending;
use crate::process::signal_each;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The number that stops (signal(7)); any other lets go on.
const STOP: u8 = 19;

/// So often processes are looked for that were started while others were stopped.
const ROUNDS: u32 = 20;

/// Whether a run stands still.
#[derive(Default)]
pub struct Standstill {
    since: Option<Instant>,
    /// For how long it did before.
    before: Duration,
    /// The master's last word.
    serial: u32,
}

impl Standstill {
    /// For how many seconds it stood still.
    pub fn seconds(&self) -> i64 {
        let now = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        i64::try_from((self.before + now).as_secs()).unwrap_or(i64::MAX)
    }
}

impl Supervisor {
    /// The master's word; one that comes late does not count.
    pub(super) fn stand_still_as_told(&mut self, serial: u32, number: u8) {
        if serial > self.standstill.serial && !self.is_terminated {
            self.standstill.serial = serial;
            self.stand_still(number == STOP);
        }
    }

    pub(super) fn stand_still(&mut self, is_still: bool) {
        let was_still = self.standstill.since.is_some();
        if is_still && !self.is_terminated {
            self.standstill.since.get_or_insert_with(Instant::now);
            self.stop_all();
        } else if was_still {
            self.standstill.before += self.standstill.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            self.group().thaw();
            if !self.has_freezer() {
                signal_each(&self.processes(), Signal::SIGCONT);
            }
        }
        if is_still || was_still {
            self.tell_steps(is_still);
        }
    }

    /// While it stands still: steps, and processes, that came to be meanwhile do, too.
    pub(super) fn keep_still(&mut self) {
        if self.standstill.since.is_some() {
            self.stop_all();
            self.tell_steps(true);
        }
    }

    fn has_freezer(&self) -> bool {
        self.group().can_freeze()
    }

    fn stop_all(&self) {
        if self.group().freeze() {
            return;
        }
        let mut stopped = BTreeSet::new();
        for _ in 0..ROUNDS {
            let found = self.processes();
            let is_all = found.is_subset(&stopped);
            if is_all {
                return;
            }
            signal_each(found.difference(&stopped), Signal::SIGSTOP);
            stopped.extend(found);
        }
    }

    fn tell_steps(&self, is_still: bool) {
        if self.work.step.is_some() {
            return;
        }
        if let Err(error) = ending::still_steps(&self.notes.directory, is_still) {
            self.notes.log(&format!("steps do not hear that the job stands still, or goes on: {error}"));
        }
    }
}
