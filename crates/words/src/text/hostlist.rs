//! Bracket ranges, Slurm's "hostlist": `login[1-4,9]`, zero padding kept (`n[08-10]`).

/// The most names one list may stand for; a range such as `a[1-999999999]` is refused.
pub const MAX_NAMES: usize = 100_000;

/// All names that `text` (without outer commas) stands for; a text without brackets stands for itself. `None` when the
/// brackets cannot be read or stand for more than [`MAX_NAMES`].
pub fn expand(text: &str) -> Option<Vec<String>> {
    let Some((prefix, rest)) = text.split_once('[') else { return Some(vec![text.to_owned()]) };
    let (ranges, suffix) = rest.split_once(']')?;
    let suffixes = expand(suffix)?;
    let mut names = Vec::new();
    for range in ranges.split(',') {
        for number in expand_range(range)? {
            names.extend(suffixes.iter().map(|suffix| format!("{prefix}{number}{suffix}")));
            if names.len() > MAX_NAMES {
                return None;
            }
        }
    }
    Some(names)
}

fn expand_range(range: &str) -> Option<Vec<String>> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return None;
    }
    let (from, to): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    if to < from || to - from >= MAX_NAMES as u64 {
        return None;
    }
    Some((from..=to).map(|n| format!("{n:0width$}", width = first.len())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(expand("a[1-3,7]").unwrap(), ["a1", "a2", "a3", "a7"]);
        assert_eq!(expand("n[08-10]x").unwrap(), ["n08x", "n09x", "n10x"]);
        assert_eq!(expand("plain").unwrap(), ["plain"]);
        for bad in ["a[", "a[]", "a[3-1]", "a[x]", "a[1-999999999]"] {
            assert_eq!(expand(bad), None, "{bad}");
        }
    }
}
