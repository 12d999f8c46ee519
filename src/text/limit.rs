//! Limits of an association in Slurm's text: which there are, what their values look like, when two say the same
//! (sacctmgr(1), "SPECIFICATIONS FOR ACCOUNTS" and "FOR USERS").

use std::collections::{BTreeMap, BTreeSet};

/// One limit that an account or a user in an account may have.
#[derive(Debug, PartialEq, Eq)]
pub struct LimitKind {
    /// Its name in Slurm's spelling, as `set` takes it.
    pub name: &'static str,
    /// Its other names.
    pub aliases: &'static [&'static str],
    /// The field of `sacctmgr show association` that has it.
    pub column: &'static str,
    /// The TRES that it is about, when it is an old name for one amount in a TRES limit.
    pub tres: Option<&'static str>,
    /// What its values look like.
    form: Form,
}

/// What a limit's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A whole number, or -1.
    Count,
    /// `cpu=64,gres/gpu=2`; each amount a whole number (memory with K, M, G, T, P) or -1.
    Tres,
    /// Minutes, `h:mm:ss` or `d-hh:mm:ss`, or -1.
    Time,
    /// A whole number or `parent`.
    Share,
    /// One word.
    Name,
    /// Words with commas between.
    Names,
}

/// All of them, in the order in which they are listed to people.
pub static LIMITS: &[LimitKind] = &[
    limit("Fairshare", &["Shares"], Form::Share),
    limit("Priority", &[], Form::Count),
    limit("GrpTRES", &[], Form::Tres),
    limit("GrpTRESMins", &[], Form::Tres),
    limit("GrpTRESRunMins", &[], Form::Tres),
    amount("GrpCPUs", "GrpTRES", "cpu"),
    amount("GrpCPUMins", "GrpTRESMins", "cpu"),
    amount("GrpCPURunMins", "GrpTRESRunMins", "cpu"),
    amount("GrpNodes", "GrpTRES", "node"),
    limit("GrpJobs", &[], Form::Count),
    limit("GrpJobsAccrue", &[], Form::Count),
    limit("GrpSubmitJobs", &["GrpSubmit"], Form::Count),
    limit("GrpWall", &[], Form::Time),
    limit("MaxJobs", &[], Form::Count),
    limit("MaxJobsAccrue", &[], Form::Count),
    limit("MaxSubmitJobs", &["MaxSubmit"], Form::Count),
    shown_as("MaxTRESPerJob", &["MaxTRES"], Form::Tres, "MaxTRES"),
    limit("MaxTRESPerNode", &[], Form::Tres),
    shown_as("MaxTRESMinsPerJob", &["MaxTRESMins"], Form::Tres, "MaxTRESMins"),
    shown_as("MaxWallDurationPerJob", &["MaxWall"], Form::Time, "MaxWall"),
    limit("QOS", &["QosLevel"], Form::Names),
    limit("DefaultQOS", &[], Form::Name),
];

const fn limit(name: &'static str, aliases: &'static [&'static str], form: Form) -> LimitKind {
    shown_as(name, aliases, form, name)
}

const fn shown_as(name: &'static str, aliases: &'static [&'static str], form: Form, column: &'static str) -> LimitKind {
    LimitKind { name, aliases, column, tres: None, form }
}

const fn amount(name: &'static str, column: &'static str, tres: &'static str) -> LimitKind {
    LimitKind { name, aliases: &[], column, tres: Some(tres), form: Form::Count }
}

/// The limit with this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static LimitKind> {
    LIMITS.iter().find(|kind| {
        kind.name.eq_ignore_ascii_case(name) || kind.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

impl LimitKind {
    /// What its values look like, for people: "must be …".
    pub fn says(&self) -> &'static str {
        match self.form {
            Form::Count => "a whole number, or -1",
            Form::Tres => "TRES with amounts (`cpu=64,gres/gpu=2`)",
            Form::Time => "a time (minutes, `hours:minutes:seconds` or `days-hours`), or -1",
            Form::Share => "a whole number or `parent`",
            Form::Name => "one name",
            Form::Names => "names with commas between",
        }
    }

    /// Whether `text` can be its value.
    pub fn accepts(&self, text: &str) -> bool {
        match self.form {
            Form::Count => is_amount(text),
            Form::Tres => text.split(',').all(is_tres),
            Form::Time => text == "-1" || minutes(text).is_some(),
            Form::Share => text == "parent" || is_digits(text),
            Form::Name => is_word(text),
            Form::Names => text.split(',').all(|word| is_word(word.trim_start_matches(['+', '-']))),
        }
    }

    /// What the column's text says about this limit: all of it, or the amount of one TRES.
    pub fn current<'a>(&self, column: &'a str) -> &'a str {
        let Some(tres) = self.tres else { return column };
        let parts = column.split(',').filter_map(|part| part.split_once('='));
        parts.into_iter().find(|(name, _)| *name == tres).map_or("", |(_, amount)| amount)
    }

    /// Whether a column that shows `column` is as `wanted` asks. TRES that are not named may be anything; -1 asks for
    /// no limit.
    pub fn is_met(&self, wanted: &str, column: &str) -> bool {
        let current = self.current(column);
        match self.form {
            Form::Count if wanted == "-1" => current.is_empty(),
            Form::Time if wanted == "-1" => current.is_empty(),
            Form::Count | Form::Share => {
                wanted.trim_start_matches('0') == current.trim_start_matches('0')
                    && wanted.is_empty() == current.is_empty()
            }
            Form::Time => minutes(wanted) == minutes(current),
            Form::Tres => tres_is_met(wanted, current),
            Form::Name => wanted.eq_ignore_ascii_case(current),
            Form::Names => names_are_met(wanted, current),
        }
    }
}

fn tres_is_met(wanted: &str, current: &str) -> bool {
    let amounts = |text: &str| -> BTreeMap<String, String> {
        let parts = text.split(',').filter_map(|part| part.split_once('='));
        parts.map(|(name, amount)| (name.to_owned(), megabytes(name, amount))).collect()
    };
    let current = amounts(current);
    amounts(wanted).iter().all(|(name, amount)| match amount.as_str() {
        "-1" => !current.contains_key(name),
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

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_amount(text: &str) -> bool {
    text == "-1" || is_digits(text)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// `type=amount` or `type/name=amount`; memory may have a unit.
fn is_tres(text: &str) -> bool {
    let Some((name, amount)) = text.split_once('=') else { return false };
    let amount = if name == "mem" { amount.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(amount) } else { amount };
    name.split(['/', ':']).all(is_word) && is_amount(amount)
}

/// min, min:sec, h:m:s, d-h, d-h:m, d-h:m:s (sacctmgr(1), "TIME FORMATS") as whole minutes, seconds rounded up.
fn minutes(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, text),
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| is_digits(text) && text.len() <= 9);
    let parts = clock.split(':').map(number).collect::<Option<Vec<_>>>()?;
    let (hours, minutes, seconds) = match (days, parts.as_slice()) {
        (None, [m]) => (0, *m, 0),
        (None, [m, s]) => (0, *m, *s),
        (Some(_), [h]) => (*h, 0, 0),
        (Some(_), [h, m]) => (*h, *m, 0),
        (_, [h, m, s]) => (*h, *m, *s),
        _ => return None,
    };
    let days = days.map_or(Some(0), number)?;
    Some((days * 24 + hours) * 60 + minutes + seconds.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_meaning() {
        for (name, wanted, column, met) in [
            ("MaxJobs", "10", "10", true),
            ("MaxJobs", "0", "", false),
            ("MaxJobs", "0", "0", true),
            ("MaxJobs", "-1", "", true),
            ("MaxJobs", "-1", "0", false),
            ("grptres", "gres/gpu=2", "cpu=4,gres/gpu=2", true),
            ("GrpTRES", "gres/gpu=2", "gres/gpu=3", false),
            ("GrpTRES", "cpu=-1", "gres/gpu=3", true),
            ("GrpTRES", "mem=2G", "mem=2048M", true),
            ("GrpTRES", "mem=2048", "mem=2G", true),
            ("GrpCPURunMins", "10000", "cpu=10000,node=1", true),
            ("GrpCPURunMins", "-1", "cpu=10000", false),
            ("MaxWall", "2-0", "2-00:00:00", true),
            ("MaxWall", "90", "01:30:00", true),
            ("MaxWall", "90", "", false),
            ("QOS", "normal,long", "long,normal", true),
            ("QOS", "+long", "normal", false),
            ("QOS", "-long", "normal", true),
            ("Fairshare", "parent", "parent", true),
        ] {
            assert_eq!(find(name).unwrap().is_met(wanted, column), met, "{name}={wanted} on {column:?}");
        }
    }

    #[test]
    fn forms() {
        for (name, good, bad) in [
            ("MaxJobs", "0", "-2"),
            ("MaxJobs", "-1", ""),
            ("MaxWall", "1-12:30", "1-2:3:4:5"),
            ("MaxWall", "5:30", "1:2:3:4"),
            ("GrpTRES", "mem=1G", "mem=1Gi"),
            ("GrpTRES", "cpu=-1", "cpu"),
            ("DefaultQOS", "normal", "a,b"),
        ] {
            assert!(find(name).unwrap().accepts(good), "{name}={good}");
            assert!(!find(name).unwrap().accepts(bad), "{name}={bad}");
        }
    }
}
