//! [`Timeline`]: what a node will have free when, as far as it is known.

use crate::id::Time;
use crate::pool::Room;

/// What is free from each of some times on, the first of which is now.
#[derive(Clone, Debug)]
pub(crate) struct Timeline(Vec<(Time, Room)>);

impl Timeline {
    /// So much is free now, and stays so.
    pub(crate) fn new(now: Time, room: Room) -> Self {
        Self(vec![(now, room)])
    }

    /// From a time on, more is free.
    pub(crate) fn give(&mut self, at: Time, more: impl Fn(&mut Room)) {
        let first = self.split(at);
        self.0[first..].iter_mut().for_each(|(_, room)| more(room));
    }

    /// From one time to another less is free: `taken` says what is left of it.
    pub(crate) fn take(&mut self, from: Time, to: Time, taken: impl Fn(&Room) -> Room) {
        let (first, last) = (self.split(from), self.split(to));
        self.0[first..last].iter_mut().for_each(|(_, room)| *room = taken(room));
    }

    /// The times at which something changes, after this one.
    pub(crate) fn changes(&self, after: Time) -> impl Iterator<Item = Time> + '_ {
        self.0.iter().map(|(at, _)| *at).filter(move |at| *at > after)
    }

    /// What is free all the time from one moment to another.
    pub(crate) fn between<R>(&self, from: Time, to: Time, see: impl FnOnce(&Room) -> R) -> R {
        let rest = &self.0[self.place(from)..];
        let count = rest.iter().skip(1).take_while(|(at, _)| *at < to).count();
        if count == 0 {
            return see(&rest[0].1);
        }
        let mut least = rest[0].1.clone();
        rest[1..=count].iter().for_each(|(_, room)| least.shrink_to(room));
        see(&least)
    }

    /// The first time, of one and the changes after it up to a last one, from which on there is enough for so many
    /// seconds. `is_enough` must be false of whatever is less than something of which it is false.
    pub(crate) fn first_fit(
        &self,
        from: Time,
        last: Time,
        seconds: i64,
        is_enough: impl Fn(&Room) -> bool,
    ) -> Option<Time> {
        let mut place = self.place(from);
        let mut at = from;
        while at <= last {
            let until = at.saturating_add(seconds);
            let fits = is_enough(&self.0[place].1);
            if fits && self.lasts(place, until, &is_enough) {
                return Some(at);
            }
            place += 1;
            at = self.0.get(place)?.0;
        }
        None
    }

    /// Whether what is enough at a place is so until a time.
    fn lasts(&self, place: usize, until: Time, is_enough: impl Fn(&Room) -> bool) -> bool {
        let later = || self.0[place + 1..].iter().take_while(|(at, _)| *at < until).map(|(_, room)| room);
        if !later().all(&is_enough) {
            return false;
        }
        // With devices of several kinds each moment may be enough, and what is there all the time not.
        let has_kinds = self.0[place].1.gres.len() > 1;
        !has_kinds || self.between(self.0[place].0, until, is_enough)
    }

    /// The part in which a time lies.
    fn place(&self, at: Time) -> usize {
        // Mostly it is asked for now.
        if self.0.get(1).is_none_or(|(second, _)| at < *second) {
            return 0;
        }
        self.0.partition_point(|(other, _)| *other <= at).saturating_sub(1)
    }

    /// The place of the part that begins at a time, which is made if there is none.
    fn split(&mut self, at: Time) -> usize {
        let place = self.0.partition_point(|(other, _)| *other < at);
        if self.0.get(place).is_none_or(|(other, _)| *other != at) {
            let before = self.0[place.saturating_sub(1)].1.clone();
            self.0.insert(place, (at, before));
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(cpus: u32) -> Room {
        Room { cpus, memory: 0, gres: Vec::new(), shares: 0 }
    }

    #[test]
    fn what_is_free_all_the_time_is_the_least() {
        let mut line = Timeline::new(0, room(2));
        line.give(10, |room| room.cpus += 2);
        line.take(20, 30, |room| Room { cpus: room.cpus - 3, ..room.clone() });
        let free = |from, to| line.between(from, to, |room| room.cpus);
        assert_eq!([free(0, 10), free(0, 15), free(10, 20), free(10, 21), free(30, 99)], [2, 2, 4, 1, 4]);
        let fit = |from, last, seconds, cpus| line.first_fit(from, last, seconds, |room| room.cpus >= cpus);
        assert_eq!(fit(0, 99, 10, 2), Some(0));
        assert_eq!(fit(0, 99, 10, 4), Some(10));
        assert_eq!(fit(0, 99, 11, 4), Some(30), "from 20 on there is one alone");
        assert_eq!(fit(0, 29, 11, 4), None);
        assert_eq!(fit(15, 99, 5, 4), Some(15));
        assert_eq!(fit(0, 99, 1, 5), None);
        assert_eq!(line.changes(10).collect::<Vec<_>>(), [20, 30]);
    }
}
