//! Which number a new user, group or range of subordinate ids gets: the choices of shadow-utils.

use super::Database;
use super::entries::SubordinateIds;
use std::ops::RangeInclusive;

/// The next id of an ordinary account: one above the highest used in the range, else the lowest free one. `extremes` are
/// the lowest and highest that are used in the range, `is_used` is asked for each; what it cannot tell is the error.
pub fn next_free<E>(
    range: RangeInclusive<u32>,
    extremes: Option<(u32, u32)>,
    is_used: impl Fn(u32) -> Result<bool, E>,
) -> Result<Option<u32>, E> {
    let above = extremes.map_or(*range.start(), |(_, highest)| highest.saturating_add(1));
    first_free((above..=*range.end()).chain(range), is_used)
}

/// The next id of a system account: one below the lowest used in the range, else the highest free one.
pub fn next_free_system<E>(
    range: RangeInclusive<u32>,
    extremes: Option<(u32, u32)>,
    is_used: impl Fn(u32) -> Result<bool, E>,
) -> Result<Option<u32>, E> {
    let below = extremes.map_or(Some(*range.end()), |(lowest, _)| lowest.checked_sub(1));
    let downward = below.into_iter().flat_map(|below| (*range.start()..=below).rev());
    first_free(downward.chain(range.clone().rev()), is_used)
}

fn first_free<E>(ids: impl Iterator<Item = u32>, is_used: impl Fn(u32) -> Result<bool, E>) -> Result<Option<u32>, E> {
    for id in ids {
        if !is_used(id)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The start of the first hole of `count` numbers between `min` and `max` (both included).
pub fn free_range(taken: &Database<SubordinateIds>, limits: (u64, u64, u64)) -> Option<u64> {
    let (min, max, count) = limits;
    let end = max.saturating_add(1);
    // Ranges that begin below where the last search has come to were heeded by it.
    let known = taken.packed(limits);
    let mut low = known.max(min);
    for range in taken.by_number(if known == min { 0 } else { known }) {
        if range.start.min(end).saturating_sub(low) >= count {
            break;
        }
        low = low.max(range.start.saturating_add(range.count));
    }
    taken.set_packed(limits, low);
    (end.saturating_sub(low) >= count).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_go_up_and_then_fill_holes() {
        let next = |range: RangeInclusive<u32>, used: &[u32], elsewhere: u32| {
            let within = || used.iter().copied().filter(|id| range.contains(id));
            let extremes = within().min().zip(within().max());
            next_free(range.clone(), extremes, |id| Ok::<_, ()>(used.contains(&id) || id == elsewhere)).unwrap()
        };
        assert_eq!(next(1000..=1005, &[0, 999, 65534], 0), Some(1000));
        assert_eq!(next(1000..=1005, &[1000, 1003], 0), Some(1004));
        assert_eq!(next(1000..=1005, &[1000, 1005], 0), Some(1001));
        assert_eq!(next(1000..=1005, &[1003], 1004), Some(1005));
        assert_eq!(next(1000..=1001, &[1000, 1001], 0), None);
    }

    #[test]
    fn system_ids_go_down_and_then_fill_holes() {
        let next = |range: RangeInclusive<u32>, used: &[u32]| {
            let within = || used.iter().copied().filter(|id| range.contains(id));
            let extremes = within().min().zip(within().max());
            next_free_system(range.clone(), extremes, |id| Ok::<_, ()>(used.contains(&id))).unwrap()
        };
        assert_eq!(next(101..=999, &[0, 1000]), Some(999));
        assert_eq!(next(101..=999, &[998, 990]), Some(989));
        assert_eq!(next(101..=103, &[101, 103]), Some(102));
        assert_eq!(next(0..=1, &[0]), Some(1));
    }

    #[test]
    fn subordinate_ranges_fill_the_first_hole() {
        let find = |taken: &[(u64, u64)]| {
            let text: String = taken.iter().map(|(start, count)| format!("a:{start}:{count}\n")).collect();
            let mut file = Database::parse(text);
            let found = free_range(&file, (100, 399, 100));
            assert_eq!(free_range(&file, (100, 399, 100)), found, "also from where the first search has come to");
            if let Some(start) = found {
                file.append(&SubordinateIds { owner: "b".into(), start, count: 100 });
                let next = free_range(&file, (100, 399, 100));
                file.settle();
                assert_eq!(free_range(&file, (100, 399, 100)), next);
                assert!(next.is_none_or(|next| next >= start + 100));
            }
            found
        };
        assert_eq!(find(&[]), Some(100));
        assert_eq!(find(&[(100, 100)]), Some(200));
        assert_eq!(find(&[(200, 100), (100, 50)]), Some(300));
        assert_eq!(find(&[(150, 100), (260, 100)]), None);
        assert_eq!(find(&[(0, u64::MAX)]), None);
    }
}
