//! `is version(…)`.

use super::{Args, Table};
use std::cmp::Ordering;
use words::value::Value;

pub(super) const TESTS: Table = &[
    ("version", "value, version, operator, strict, version_type", version),
    ("version_compare", "value, version, operator, strict, version_type", version),
];

fn version(args: &Args) -> Result<Value, String> {
    let (value, other) = (args.text(), args.need_string(1, "version")?);
    if value.is_empty() || *args.input() == Value::Null {
        return Err("the version to compare is empty".into());
    }
    let kind =
        if args.flag(3, "strict", false) { "strict".to_owned() } else { args.string_or(4, "version_type", "loose") };
    let found = match kind.as_str() {
        "loose" => loose(&value, &other)?,
        "strict" => strict(&value)?.cmp(&strict(&other)?),
        "semver" | "semantic" => semantic(&value)?.cmp(&semantic(&other)?),
        "pep440" => pep440(&value)?.cmp(&pep440(&other)?),
        other => return Err(format!("no version type '{other}'; there are loose, strict, semver and pep440")),
    };
    Ok(match args.string_or(2, "operator", "eq").as_str() {
        "==" | "=" | "eq" => found == Ordering::Equal,
        "<" | "lt" => found == Ordering::Less,
        "<=" | "le" => found != Ordering::Greater,
        ">" | "gt" => found == Ordering::Greater,
        ">=" | "ge" => found != Ordering::Less,
        "!=" | "<>" | "ne" => found != Ordering::Equal,
        other => return Err(format!("no operator '{other}'; there are ==, <, <=, >, >=, !=")),
    }
    .into())
}

/// Runs of digits and of letters; a run of digits against letters has no order in Python.
fn loose(a: &str, b: &str) -> Result<Ordering, String> {
    let (a, b) = (parts(a), parts(b));
    for (x, y) in a.iter().zip(&b) {
        let found = match (x.parse::<u128>(), y.parse::<u128>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Err(_), Err(_)) => x.cmp(y),
            _ => return Err(format!("the versions cannot be compared: '{x}' with '{y}'")),
        };
        if found != Ordering::Equal {
            return Ok(found);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

fn parts(version: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut kind = ' ';
    for c in version.chars() {
        let this = match c {
            '.' => '.',
            c if c.is_ascii_digit() => '0',
            c if c.is_ascii_lowercase() => 'a',
            _ => '-',
        };
        match (this, this == kind) {
            ('.', _) => {}
            (_, true) => parts.last_mut().expect("a run has begun").push(c),
            (_, false) => parts.push(c.to_string()),
        }
        kind = this;
    }
    parts
}

/// `1.2[.3][a4|b4]`.
fn strict(version: &str) -> Result<(Vec<u64>, (char, u64)), String> {
    let wrong = || format!("invalid version number '{version}'");
    let (numbers, pre) = match version.find(['a', 'b']) {
        Some(at) => (
            &version[..at],
            Some((version[at..].chars().next().unwrap_or('a'), version[at + 1..].parse().map_err(|_| wrong())?)),
        ),
        None => (version, None),
    };
    let mut numbers =
        numbers.split('.').map(|part| part.parse().map_err(|_| wrong())).collect::<Result<Vec<u64>, _>>()?;
    if !(2..=3).contains(&numbers.len()) {
        return Err(wrong());
    }
    numbers.resize(3, 0);
    // A final release comes after its pre-releases.
    Ok((numbers, pre.unwrap_or(('z', 0))))
}

/// One identifier of a pre-release: numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

/// semver.org; build data does not count. No pre-release sorts after all of them.
fn semantic(version: &str) -> Result<(Vec<u64>, bool, Vec<Identifier>), String> {
    let wrong = || format!("invalid semantic version '{version}'");
    let plain = version.split('+').next().unwrap_or_default();
    let (numbers, pre) = plain.split_once('-').map_or((plain, None), |(numbers, pre)| (numbers, Some(pre)));
    let numbers = numbers.split('.').map(|part| part.parse().map_err(|_| wrong())).collect::<Result<Vec<u64>, _>>()?;
    if numbers.len() != 3 {
        return Err(wrong());
    }
    let identifier = |part: &str| part.parse().map_or_else(|_| Identifier::Word(part.to_owned()), Identifier::Number);
    Ok((numbers, pre.is_none(), pre.into_iter().flat_map(|pre| pre.split('.')).map(identifier).collect()))
}

/// Python packages: `1.2.dev3 < 1.2a1 < 1.2b1 < 1.2rc1 < 1.2 < 1.2.post1`; missing numbers are zero.
fn pep440(version: &str) -> Result<(Vec<u64>, i8, u64), String> {
    let wrong = || format!("invalid version '{version}'");
    let text = version.trim().to_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text).split('+').next().unwrap_or_default();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let numbers = text[..end].trim_end_matches('.').split('.');
    let mut numbers = numbers.map(|part| part.parse().map_err(|_| wrong())).collect::<Result<Vec<u64>, _>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    let suffix = text[end..].trim_start_matches(['.', '-', '_']);
    let word = suffix.trim_end_matches(|c: char| c.is_ascii_digit() || ".-_".contains(c));
    let number = suffix[word.len()..].trim_start_matches(['.', '-', '_']).parse().unwrap_or(0);
    let rank = match word {
        "dev" => -4,
        "a" | "alpha" => -3,
        "b" | "beta" => -2,
        "rc" | "c" | "pre" | "preview" => -1,
        "" => 0,
        "post" | "rev" | "r" => 1,
        _ => return Err(wrong()),
    };
    Ok((numbers, rank, number))
}
