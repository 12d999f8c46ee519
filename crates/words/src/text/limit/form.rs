//! What the values of a setting look like, and when two of them say the same.

use super::CLEAR;
use crate::text::{duration, tres};
use std::collections::{BTreeMap, BTreeSet};

/// What a setting's value looks like. All are cleared by -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A whole number.
    Count,
    /// A whole number; this one when cleared.
    Number(u32),
    /// `cpu=64,gres/gpu=2`; each amount a whole number (memory with K, M, G, T, P) or -1.
    Tres,
    /// Minutes, `h:mm:ss` or `d-hh:mm:ss`.
    Time,
    /// Seconds.
    Seconds,
    /// A whole number or `parent`; 1 when cleared.
    Share,
    /// A number with a point; this one when cleared.
    Factor(&'static str),
    /// One word.
    Name,
    /// One word; this one when cleared.
    Default(&'static str),
    /// Words with commas between.
    Names,
    /// Words with commas between, in any case.
    Flags,
}

impl Form {
    pub(super) fn says(self) -> &'static str {
        match self {
            Form::Count | Form::Number(_) => "a whole number, or -1",
            Form::Tres => "TRES with amounts (`cpu=64,gres/gpu=2`)",
            Form::Time => "a time (minutes, `hours:minutes:seconds` or `days-hours`), or -1",
            Form::Seconds => "a number of seconds, or -1",
            Form::Share => "a whole number or `parent`",
            Form::Factor(_) => "a number, or -1",
            Form::Name | Form::Default(_) => "one name",
            Form::Names | Form::Flags => "names with commas between",
        }
    }

    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Form::Count | Form::Number(_) | Form::Seconds => is_count(text),
            Form::Tres => text.split(',').all(|part| tres_problem(part).is_none()),
            Form::Time => duration::parse_minutes(text).is_some_and(|minutes| minutes <= MOST),
            Form::Share => text == "parent" || is_count(text),
            Form::Factor(_) => {
                let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                plain && text.parse::<f64>().is_ok_and(f64::is_finite)
            }
            Form::Name | Form::Default(_) => is_word(text),
            Form::Names | Form::Flags => are_names(text),
        }
    }

    /// What more there is to say of a value that is not accepted.
    pub(super) fn problem(self, text: &str) -> Option<String> {
        let too_much = || Some(format!("the most is {MOST}: Slurm keeps 32 bits, and more would wrap around"));
        match self {
            Form::Tres => text.split(',').find_map(tres_problem).filter(|why| !why.is_empty()),
            Form::Count | Form::Number(_) | Form::Seconds | Form::Share if is_digits(text) => too_much(),
            Form::Time if duration::parse_minutes(text).is_some() || is_digits(text) => too_much(),
            _ => None,
        }
    }

    /// Whether `current`, as `sacctmgr show` writes it, is what `wanted` asks for.
    pub(super) fn is_met(self, wanted: &str, current: &str) -> bool {
        if wanted == CLEAR {
            return self.is_clear(current);
        }
        match self {
            Form::Count | Form::Number(_) | Form::Share => {
                wanted.trim_start_matches('0') == current.trim_start_matches('0')
                    && wanted.is_empty() == current.is_empty()
            }
            Form::Time => duration::parse_minutes(wanted) == duration::parse_minutes(current),
            Form::Seconds => wanted.parse().ok() == seconds(current),
            Form::Factor(_) => wanted.parse::<f64>().ok() == current.parse().ok(),
            Form::Tres => tres_is_met(wanted, current),
            Form::Name | Form::Default(_) => wanted.eq_ignore_ascii_case(current),
            Form::Names | Form::Flags => names_are_met(&wanted.to_lowercase(), &current.to_lowercase()),
        }
    }

    fn is_clear(self, current: &str) -> bool {
        match self {
            Form::Share => current == "1",
            Form::Number(default) => current.is_empty() || current.parse() == Ok(default),
            Form::Seconds => seconds(current).is_none_or(|seconds| seconds == 0),
            Form::Factor(default) => current.parse::<f64>().ok() == default.parse().ok(),
            Form::Default(default) => current.is_empty() || current.eq_ignore_ascii_case(default),
            _ => current.is_empty(),
        }
    }

    /// What will be shown in place of `current` when `words` were set.
    pub(super) fn after(self, words: &str, current: &str) -> String {
        match self {
            Form::Tres => {
                let mut amounts: BTreeMap<_, _> = amounts(current).collect();
                for (name, amount) in self::amounts(words) {
                    match amount {
                        CLEAR => amounts.remove(name),
                        amount => amounts.insert(name, amount),
                    };
                }
                let parts: Vec<_> = amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
                parts.join(",")
            }
            Form::Names | Form::Flags if words.starts_with(['+', '-']) && words != CLEAR => {
                let mut names: BTreeSet<_> = current.split(',').filter(|name| !name.is_empty()).collect();
                for word in words.split(',') {
                    match word.strip_prefix('-') {
                        Some(name) => names.remove(name),
                        None => names.insert(word.trim_start_matches('+')),
                    };
                }
                names.into_iter().collect::<Vec<_>>().join(",")
            }
            Form::Share if words == CLEAR => "1".to_owned(),
            Form::Number(default) if words == CLEAR => default.to_string(),
            Form::Factor(default) | Form::Default(default) if words == CLEAR => default.to_owned(),
            _ if words == CLEAR => String::new(),
            _ => words.to_owned(),
        }
    }
}

/// The parts of a TRES list.
pub(super) fn amounts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|part| part.split_once('='))
}

fn tres_is_met(wanted: &str, current: &str) -> bool {
    let by_name = |text: &str| -> BTreeMap<String, String> {
        amounts(text).map(|(name, amount)| (name.to_lowercase(), megabytes(name, amount))).collect()
    };
    let current = by_name(current);
    by_name(wanted).iter().all(|(name, amount)| match amount.as_str() {
        CLEAR => !current.contains_key(name),
        amount => current.get(name).is_some_and(|now| now == amount),
    })
}

/// An amount of memory in MB, whatever its unit; other amounts as they are.
fn megabytes(tres: &str, amount: &str) -> String {
    let unit = amount.chars().last().filter(|_| tres == "mem").and_then(|unit| "MGTP".find(unit));
    let Some(power) = unit else { return amount.to_owned() };
    let number: Option<f64> = amount[..amount.len() - 1].parse().ok();
    number.map_or_else(|| amount.to_owned(), |number| (number * 1024f64.powi(power as i32)).round().to_string())
}

/// `a,b` is the whole list; `+a` and `-b` ask for one to be in it or not.
fn names_are_met(wanted: &str, current: &str) -> bool {
    let current: BTreeSet<_> = current.split(',').filter(|name| !name.is_empty()).collect();
    if wanted.starts_with(['+', '-']) {
        return wanted
            .split(',')
            .all(|word| current.contains(word.trim_start_matches(['+', '-'])) != word.starts_with('-'));
    }
    wanted.split(',').collect::<BTreeSet<_>>() == current
}

/// The greatest number that is one: Slurm's next two are "not set" (`NO_VAL`) and "unlimited" (`INFINITE`).
const MOST: u64 = u32::MAX as u64 - 2;

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_count(text: &str) -> bool {
    is_digits(text) && text.parse().is_ok_and(|count: u64| count <= MOST)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// All words plain, or all with a sign.
fn are_names(text: &str) -> bool {
    let signed = text.starts_with(['+', '-']);
    text.split(',').all(|word| is_word(word.trim_start_matches(['+', '-'])) && word.starts_with(['+', '-']) == signed)
}

/// What is wrong with a part of a TRES list, if something is: `type=amount` or `type/name=amount`; memory may have a unit.
/// Nothing is said about what is no amount at all.
fn tres_problem(part: &str) -> Option<String> {
    let Some((name, amount)) = part.split_once('=') else { return Some(String::new()) };
    if let Some(problem) = tres::name_problem(name) {
        return Some(problem);
    }
    if !name.split(['/', ':']).all(is_word) {
        return Some(String::new());
    }
    let is_memory = name.eq_ignore_ascii_case("mem");
    let digits = if is_memory { amount.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(amount) } else { amount };
    match amount == CLEAR || is_digits(digits) && tres::parse(part).is_ok() {
        true => None,
        false if is_digits(digits) => Some(format!("{part}: the most is {}", tres::MOST)),
        false => Some(String::new()),
    }
}

/// `d-hh:mm:ss` or `hh:mm:ss`, as a grace time is shown, or plain seconds.
fn seconds(text: &str) -> Option<u64> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| is_digits(text) && text.len() <= 9);
    let clock = clock.split(':').try_fold(0, |sum, part| Some(sum * 60 + number(part)?))?;
    Some(number(days)? * 86_400 + clock)
}
