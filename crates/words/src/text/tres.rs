//! TRES lists: `cpu=4,gres/gpu:a100=2`, as every TRES limit of sacctmgr(1) is written.

use std::fmt;

/// One `name=count` of a TRES list; a negative count clears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TresCount {
    /// `cpu`, `gres/gpu`, or a number that is the TRES' id.
    pub name: String,
    /// How many; `None` for -1, which removes the limit.
    pub count: Option<u64>,
    /// Whether that is to be added to what is there, or taken from it: `cpu+=4`, `cpu-=4` (since release 25.11).
    pub sign: Option<Sign>,
    /// Whether the count had a unit (K, M, G, T, P): then it is in bytes, where the TRES is counted in something larger.
    pub in_bytes: bool,
}

/// How an amount changes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is added.
    Plus,
    /// It is taken away.
    Minus,
}

/// Why a TRES list cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadTres {
    /// The part that is wrong.
    pub part: String,
}

impl fmt::Display for BadTres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not TRES=COUNT", self.part)
    }
}

/// TRES whose names are their types (tres.shtml).
pub const PLAIN: &[&str] = &["billing", "cpu", "energy", "mem", "node", "pages", "vmem"];

/// Types of TRES that have a name behind a slash.
pub const NAMED: &[&str] = &["bb", "fs", "gres", "ic", "license"];

/// Why no cluster has a TRES of this name, in any case; `None` for one that a site may have.
pub fn name_problem(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let fits = match name.split_once('/') {
        Some((kind, rest)) => NAMED.contains(&kind) && !rest.is_empty(),
        None => PLAIN.contains(&name.as_str()),
    };
    let all = || PLAIN.iter().map(|name| name.to_string()).chain(NAMED.iter().map(|kind| format!("{kind}/NAME")));
    (!fits).then(|| format!("there is no TRES `{name}`: {} are", all().collect::<Vec<_>>().join(", ")))
}

/// The largest count: what a signed number of a database can keep.
pub const MOST: u64 = i64::MAX as u64;

/// Reads `a=1,b=2`. Counts may carry K, M, G, T or P (of 1024), and are at most 2^63 - 1.
pub fn parse(text: &str) -> Result<Vec<TresCount>, BadTres> {
    text.split(',').filter(|part| !part.is_empty()).map(|part| parse_one(part, false)).collect()
}

/// [`parse`] where amounts may be added (`a+=1`) or taken away (`b-=2`).
pub fn parse_changes(text: &str) -> Result<Vec<TresCount>, BadTres> {
    text.split(',').filter(|part| !part.is_empty()).map(|part| parse_one(part, true)).collect()
}

fn parse_one(part: &str, may_change: bool) -> Result<TresCount, BadTres> {
    let bad = || BadTres { part: part.to_owned() };
    let (name, count) = part.split_once('=').ok_or_else(bad)?;
    let (name, sign) = match (name.strip_suffix('+'), name.strip_suffix('-')) {
        (Some(name), _) => (name, Some(Sign::Plus)),
        (_, Some(name)) => (name, Some(Sign::Minus)),
        _ => (name, None),
    };
    let in_bytes = count.ends_with(|c: char| c.is_ascii_alphabetic());
    let count = parse_count(count).ok_or_else(bad)?;
    // Nothing can be added to a limit that is not to be.
    if name.is_empty() || sign.is_some() && (count.is_none() || !may_change) {
        return Err(bad());
    }
    Ok(TresCount { name: name.to_ascii_lowercase(), count, sign, in_bytes })
}

fn parse_count(text: &str) -> Option<Option<u64>> {
    if let Some(digits) = text.strip_prefix('-') {
        return digits.parse::<u64>().ok().map(|_| None);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = scale(&text[digits.len()..])?;
    match digits.split_once('.') {
        // As Slurm writes it: with_unit's halves.
        Some((whole, "50" | "5")) if scale > 1 => whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(scale / 2),
        _ => digits.parse::<u64>().ok()?.checked_mul(scale),
    }
    .filter(|count| *count <= MOST)
    .map(Some)
}

/// What a unit (K, M, G, T, P, of 1024; none is 1) multiplies by; `None` for another letter.
pub fn scale(unit: &str) -> Option<u64> {
    match unit.to_ascii_uppercase().as_str() {
        "" => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        "T" => Some(1 << 40),
        "P" => Some(1 << 50),
        _ => None,
    }
}

/// A count with the largest unit that gives whole or half ones, `first` being the unit it is counted in: 2048 with first
/// `M` is `2G`, 2560 is `2.50G`, 1000 stays `1000M`. Only for TRES whose amounts are sizes (mem, fs/disk, vmem …).
pub fn with_unit(count: u64, first: char) -> String {
    const UNITS: [char; 6] = [' ', 'K', 'M', 'G', 'T', 'P'];
    let mut unit = UNITS.iter().position(|u| *u == first).unwrap_or(0);
    let (mut count, mut half) = (count, false);
    while !half && count >= 1024 && count.is_multiple_of(512) && unit + 1 < UNITS.len() {
        half = !count.is_multiple_of(1024);
        count /= 1024;
        unit += 1;
    }
    let letter = UNITS[unit];
    match letter {
        ' ' => count.to_string(),
        _ if half => format!("{count}.50{letter}"),
        _ => format!("{count}{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let parsed = parse("cpu=4,Gres/GPU:a100=-1,mem=2G").unwrap();
        assert_eq!(parsed[0], TresCount { name: "cpu".into(), count: Some(4), sign: None, in_bytes: false });
        assert_eq!(parsed[1], TresCount { name: "gres/gpu:a100".into(), count: None, sign: None, in_bytes: false });
        assert_eq!(parsed[2].count, Some(2 << 30));
        assert_eq!(parse("cpu").unwrap_err().part, "cpu");
        assert_eq!(parse("cpu=x").unwrap_err().part, "cpu=x");
        assert_eq!(parse("cpu=99999999999999999999").unwrap_err().part, "cpu=99999999999999999999");
        assert_eq!(parse("cpu=9223372036854775807").unwrap()[0].count, Some(MOST));
        assert!(parse("cpu=9223372036854775808").is_err());
    }

    #[test]
    fn changes() {
        let signs = |text: &str| parse_changes(text).map(|all| all.iter().map(|one| one.sign).collect::<Vec<_>>());
        assert_eq!(signs("cpu+=4,gres/gpu-=1,mem=2G"), Ok(vec![Some(Sign::Plus), Some(Sign::Minus), None]));
        assert!(signs("cpu+=-1").is_err() && signs("+=1").is_err());
        assert_eq!(parse("cpu+=4").unwrap_err().part, "cpu+=4", "where nothing is there to change");
    }

    #[test]
    fn names_of_tres() {
        for good in ["cpu", "CPU", "gres/gpu", "GRES/gpu:a100", "license/matlab@db", "fs/disk", "bb/cray"] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in ["cpus", "gpu", "memory", "gres", "gres/", "grse/gpu", "cpu/x", "", "1"] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn units() {
        assert_eq!(with_unit(2048, 'M'), "2G");
        assert_eq!(with_unit(1000, 'M'), "1000M");
        assert_eq!(with_unit(320_000, 'M'), "312.50G");
        assert_eq!(parse("mem=312.50G").unwrap()[0].count, Some(320_000 << 20), "what is written can be read");
        assert!(parse("mem=312.75G").is_err());
        assert_eq!(with_unit(0, 'M'), "0M");
    }
}
