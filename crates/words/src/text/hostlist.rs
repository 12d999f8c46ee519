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

/// The parts of a list: commas inside brackets separate nothing.
pub fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    let between = |c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(between).collect()
}

/// All names of a list with commas: [`expand`] of each part.
pub fn expand_all(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for part in parts(text).into_iter().filter(|part| !part.is_empty()) {
        names.extend(expand(part)?);
    }
    (names.len() <= MAX_NAMES).then_some(names)
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

/// Names as one list, in their order: those that differ in the number at their end alone, one after the other, share
/// brackets. [`expand`] of each part leads back.
pub fn compress<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<(&str, &str)> = names.into_iter().map(split_number).collect();
    let groups = parts.chunk_by(|(a, one), (b, other)| a == b && !one.is_empty() && !other.is_empty());
    groups.map(compress_group).collect::<Vec<_>>().join(",")
}

/// A name and the digits at its end: as many as a number can have.
fn split_number(name: &str) -> (&str, &str) {
    let digits = name.bytes().rev().take(18).take_while(u8::is_ascii_digit).count();
    name.split_at(name.len() - digits)
}

fn compress_group(group: &[(&str, &str)]) -> String {
    let prefix = group[0].0;
    if let [(_, number)] = group {
        return format!("{prefix}{number}");
    }
    // Of numbers without zeros before them the next one may be longer: `a[9-10]`.
    let follows = |a: &str, b: &str| {
        (a.len() == b.len() || !b.starts_with('0') && !a.starts_with('0'))
            && a.parse::<u64>().ok().map(|n| n + 1) == b.parse().ok()
    };
    let runs = group.chunk_by(|(_, a), (_, b)| follows(a, b));
    let range = |run: &[(&str, &str)]| match run {
        [(_, one)] => (*one).to_owned(),
        _ => format!("{}-{}", run[0].1, run[run.len() - 1].1),
    };
    format!("{prefix}[{}]", runs.map(range).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart_between_brackets() {
        assert_eq!(parts("a[1,3-4],b,c[2]"), ["a[1,3-4]", "b", "c[2]"]);
        assert_eq!(expand_all("a[1-2],b").unwrap(), ["a1", "a2", "b"]);
        assert_eq!(expand_all("a[1"), None);
        assert_eq!(expand_all("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn names_are_compressed() {
        let list = |names: &[&str]| compress(names.iter().copied());
        assert_eq!(list(&["c1", "c2", "c3", "c7"]), "c[1-3,7]");
        assert_eq!(list(&["n08", "n09", "n10"]), "n[08-10]");
        assert_eq!(list(&["n9", "n10", "login", "x1"]), "n[9-10],login,x1");
        assert_eq!(list(&["a", "a"]), "a,a");
        assert_eq!((list(&[]), list(&["c1"])), (String::new(), "c1".to_owned()));
    }

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
