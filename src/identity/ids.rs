//! Which number a new user, group or range of subordinate ids gets: the choices of shadow-utils.

use super::entries::SubordinateIds;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The next id of an ordinary account: one above the highest used in the range, else the lowest free one.
/// `elsewhere` is asked last, for sources beyond the files.
pub fn next_free(range: RangeInclusive<u32>, used: &BTreeSet<u32>, elsewhere: impl Fn(u32) -> bool) -> Option<u32> {
    let is_free = |id: &u32| !used.contains(id) && !elsewhere(*id);
    let above = used.range(range.clone()).next_back().map_or(*range.start(), |highest| highest.saturating_add(1));
    (above..=*range.end()).find(is_free).or_else(|| range.clone().find(is_free))
}

/// The next id of a system account: one below the lowest used in the range, else the highest free one.
pub fn next_free_system(
    range: RangeInclusive<u32>,
    used: &BTreeSet<u32>,
    elsewhere: impl Fn(u32) -> bool,
) -> Option<u32> {
    let is_free = |id: &u32| !used.contains(id) && !elsewhere(*id);
    let below = used.range(range.clone()).next().map_or(Some(*range.end()), |lowest| lowest.checked_sub(1));
    let found = below.and_then(|below| (*range.start()..=below).rev().find(is_free));
    found.or_else(|| range.clone().rev().find(is_free))
}

/// The start of the first hole of `count` numbers between `min` and `max` (both included).
pub fn free_range(taken: impl Iterator<Item = SubordinateIds>, (min, max, count): (u64, u64, u64)) -> Option<u64> {
    let mut taken: Vec<_> = taken.map(|range| (range.start, range.start.saturating_add(range.count))).collect();
    taken.sort_unstable();
    let end = max.saturating_add(1);
    let mut low = min;
    for (start, next) in taken {
        if start.min(end).saturating_sub(low) >= count {
            return Some(low);
        }
        low = low.max(next);
    }
    (end.saturating_sub(low) >= count).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_go_up_and_then_fill_holes() {
        let used = |ids: &[u32]| ids.iter().copied().collect::<BTreeSet<_>>();
        let none = |_| false;
        assert_eq!(next_free(1000..=1005, &used(&[0, 999, 65534]), none), Some(1000));
        assert_eq!(next_free(1000..=1005, &used(&[1000, 1003]), none), Some(1004));
        assert_eq!(next_free(1000..=1005, &used(&[1000, 1005]), none), Some(1001));
        assert_eq!(next_free(1000..=1005, &used(&[1003]), |id| id == 1004), Some(1005));
        assert_eq!(next_free(1000..=1001, &used(&[1000, 1001]), none), None);
    }

    #[test]
    fn system_ids_go_down_and_then_fill_holes() {
        let used = |ids: &[u32]| ids.iter().copied().collect::<BTreeSet<_>>();
        let none = |_| false;
        assert_eq!(next_free_system(101..=999, &used(&[0, 1000]), none), Some(999));
        assert_eq!(next_free_system(101..=999, &used(&[998, 990]), none), Some(989));
        assert_eq!(next_free_system(101..=103, &used(&[101, 103]), none), Some(102));
        assert_eq!(next_free_system(0..=1, &used(&[0]), none), Some(1));
    }

    #[test]
    fn subordinate_ranges_fill_the_first_hole() {
        let range = |start, count| SubordinateIds { owner: "a".into(), start, count };
        let find = |taken: &[(u64, u64)]| free_range(taken.iter().map(|(s, c)| range(*s, *c)), (100, 399, 100));
        assert_eq!(find(&[]), Some(100));
        assert_eq!(find(&[(100, 100)]), Some(200));
        assert_eq!(find(&[(200, 100), (100, 50)]), Some(300));
        assert_eq!(find(&[(150, 100), (260, 100)]), None);
        assert_eq!(find(&[(0, u64::MAX)]), None);
    }
}
