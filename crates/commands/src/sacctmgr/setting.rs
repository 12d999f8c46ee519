//! Settings of associations: what may follow `set` (sacctmgr(1), "SPECIFICATIONS FOR ASSOCIATIONS").

use super::session::{Done, Session};
use super::word::{self, Operator, Word};
use slurm::State;
use slurm::model::limits::Unit;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::model::*;
use slurm::tree::Settings;
use std::collections::BTreeSet;
use words::text::duration;
use words::text::tres::{self, Sign};

/// What a command sets on associations. An outer `None` leaves it, an inner one clears it.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Fairshare.
    pub shares: Option<Option<Shares>>,
    /// Limits to set or clear, in the order given.
    pub limits: Vec<(LimitKey, LimitChange)>,
    /// Priority.
    pub priority: Option<Option<u32>>,
    /// QOS list.
    pub qos: Option<QosChange>,
    /// Default QOS.
    pub default_qos: Option<Option<QosId>>,
    /// Comment; an empty one clears.
    pub comment: Option<String>,
    /// Name of the account to move below.
    pub parent: Option<String>,
}

/// A change of a QOS list.
#[derive(Clone, Debug)]
pub enum QosChange {
    /// `=`: exactly these; none clears.
    Exactly(BTreeSet<QosId>),
    /// `+=`, `-=`, or signs inside the list.
    Deltas(Vec<(Operator, QosId)>),
}

/// What a setting's word means.
#[derive(Clone, Copy)]
enum Meaning {
    Comment,
    DefaultQos,
    Shares,
    Limit(Limit),
    /// An older name for one TRES of a limit.
    One(Limit, TresId),
    Parent,
    Priority,
    Qos,
}

/// The word that sets a limit of an account or user; its column where there is none.
pub fn word(limit: Limit) -> &'static str {
    let is_it = |(_, _, meaning): &&(&str, usize, Meaning)| matches!(meaning, Meaning::Limit(own) if *own == limit);
    WORDS.iter().find(is_it).map_or(limit.column(), |(word, ..)| word)
}

/// Word, shortest abbreviation, meaning; the first that fits counts.
const WORDS: &[(&str, usize, Meaning)] = &[
    ("Comment", 3, Meaning::Comment),
    ("DefaultQOS", 8, Meaning::DefaultQos),
    ("FairShare", 1, Meaning::Shares),
    ("Shares", 1, Meaning::Shares),
    ("GrpCPUMins", 7, Meaning::One(Limit::GrpTresMins, CPU)),
    ("GrpCPURunMins", 7, Meaning::One(Limit::GrpTresRunMins, CPU)),
    ("GrpCpus", 7, Meaning::One(Limit::GrpTres, CPU)),
    ("GrpJobs", 4, Meaning::Limit(Limit::GrpJobs)),
    ("GrpJobsAccrue", 8, Meaning::Limit(Limit::GrpJobsAccrue)),
    ("GrpMemory", 4, Meaning::One(Limit::GrpTres, MEM)),
    ("GrpNodes", 4, Meaning::One(Limit::GrpTres, NODE)),
    ("GrpSubmitJobs", 4, Meaning::Limit(Limit::GrpSubmitJobs)),
    ("GrpTRES", 7, Meaning::Limit(Limit::GrpTres)),
    ("GrpTRESMins", 8, Meaning::Limit(Limit::GrpTresMins)),
    ("GrpTRESRunMins", 8, Meaning::Limit(Limit::GrpTresRunMins)),
    ("GrpWall", 4, Meaning::Limit(Limit::GrpWall)),
    ("MaxCPUMinsPerJob", 7, Meaning::One(Limit::MaxTresMinsPerJob, CPU)),
    ("MaxCPURunMins", 7, Meaning::One(Limit::MaxTresRunMins, CPU)),
    ("MaxCpusPerJob", 7, Meaning::One(Limit::MaxTresPerJob, CPU)),
    ("MaxJobs", 4, Meaning::Limit(Limit::MaxJobs)),
    ("MaxJobsAccrue", 8, Meaning::Limit(Limit::MaxJobsAccrue)),
    ("MaxNodesPerJob", 4, Meaning::One(Limit::MaxTresPerJob, NODE)),
    ("MinPrioThreshold", 4, Meaning::Limit(Limit::MinPrioThreshold)),
    ("MaxSubmitJobs", 4, Meaning::Limit(Limit::MaxSubmitJobs)),
    ("MaxTRESPerJob", 7, Meaning::Limit(Limit::MaxTresPerJob)),
    ("MaxTRESPerNode", 11, Meaning::Limit(Limit::MaxTresPerNode)),
    ("MaxTRESPJ", 9, Meaning::Limit(Limit::MaxTresPerJob)),
    ("MaxTRESPN", 9, Meaning::Limit(Limit::MaxTresPerNode)),
    ("MaxTRESMinsPerJob", 8, Meaning::Limit(Limit::MaxTresMinsPerJob)),
    ("MaxTRESMinsPJ", 8, Meaning::Limit(Limit::MaxTresMinsPerJob)),
    ("MaxTRESRunMins", 8, Meaning::Limit(Limit::MaxTresRunMins)),
    ("MaxWallDurationPerJob", 4, Meaning::Limit(Limit::MaxWall)),
    ("Parent", 2, Meaning::Parent),
    ("Priority", 2, Meaning::Priority),
    ("QosLevel", 1, Meaning::Qos),
];

impl Setting {
    /// Takes a word. False when it is no setting, or its value cannot be read (which is complained about here; the
    /// caller then says "Unknown option", as sacctmgr does).
    pub fn take(&mut self, session: &mut Session, word: &Word) -> Done<bool> {
        let Some((name, _, meaning)) = WORDS.iter().find(|(name, shortest, _)| word.is(name, *shortest)) else {
            return Ok(false);
        };
        if !matches!(meaning, Meaning::Qos) && !takes_operator(session, meaning.limit(), word) {
            return Ok(true);
        }
        match meaning {
            Meaning::Comment => self.comment = Some(word::unquote(word.value)),
            Meaning::DefaultQos => self.take_default_qos(session, word)?,
            Meaning::Shares if word::begins(word.value.get(..6).unwrap_or_default(), "parent", 6) => {
                self.shares = Some(Some(Shares::Parent));
            }
            Meaning::Shares => match number(session, name, word.value) {
                Some(value) => self.shares = Some(value.map(|value| Shares::Of(value as u32))),
                None => return Ok(false),
            },
            Meaning::Limit(limit) => return self.take_limit(session, name, *limit, word),
            Meaning::One(limit, tres) => match number(session, name, word.value) {
                Some(value) => self.limits.push(((*limit, Some(*tres)), value.into())),
                None => return Ok(false),
            },
            Meaning::Parent => self.parent = Some(word::unquote_lower(word.value)),
            Meaning::Priority => match number(session, name, word.value) {
                Some(value) => self.priority = Some(value.map(|value| value as u32)),
                None => return Ok(false),
            },
            Meaning::Qos => return Ok(self.take_qos(session, word).is_ok()),
        }
        Ok(true)
    }

    fn take_limit(&mut self, session: &mut Session, name: &str, limit: Limit, word: &Word) -> Done<bool> {
        match limit.unit() {
            Unit::Tres => {
                let Some(counts) = tres_limit(session, word) else { return Ok(false) };
                self.limits.extend(counts.into_iter().map(|(tres, change)| ((limit, Some(tres)), change)));
            }
            Unit::Count => match number(session, name, word.value) {
                Some(value) => self.limits.push(((limit, None), value.into())),
                None => return Ok(false),
            },
            Unit::Minutes => match minutes(word.value) {
                Some(value) => self.limits.push(((limit, None), value.into())),
                None => {
                    let name = name.trim_end_matches("DurationPerJob");
                    session.complain(format!(" Bad {name} time format: {}", word.raw));
                    return Ok(false);
                }
            },
        }
        Ok(true)
    }

    fn take_default_qos(&mut self, session: &mut Session, word: &Word) -> Done {
        self.default_qos = Some(match session.state.qos_named(&word::unquote(word.value)) {
            Some(qos) => Some(qos.id),
            None if word.value.starts_with("-1") => None,
            None => {
                session.complain(format!(
                    "You gave a bad default qos '{}'.  Use 'list qos' to get complete list.",
                    word.value
                ));
                None
            }
        });
        Ok(())
    }

    fn take_qos(&mut self, session: &mut Session, word: &Word) -> Done {
        let operator = word.operator.unwrap_or(Operator::Set);
        let mut changes = Vec::new();
        for name in word::names(word.value).unwrap_or_default().iter().filter(|name| !name.is_empty()) {
            let (sign, bare) = match name.as_bytes().first() {
                Some(b'+') => (Operator::Add, &name[1..]),
                Some(b'-') => (Operator::Remove, &name[1..]),
                _ => (operator, name.as_str()),
            };
            match session.state.qos_named(bare).map(|qos| qos.id) {
                Some(id) => changes.push((sign, id)),
                None if name == "-1" => {}
                None => return super::condition::unknown_qos(session, bare),
            }
        }
        let exact = operator == Operator::Set && changes.iter().all(|(sign, _)| *sign == Operator::Set);
        self.qos = Some(if exact {
            QosChange::Exactly(changes.into_iter().map(|(_, id)| id).collect())
        } else {
            QosChange::Deltas(changes)
        });
        Ok(())
    }

    /// Whether anything but the parent is set.
    pub fn is_empty(&self) -> bool {
        self.shares.is_none()
            && self.limits.is_empty()
            && self.priority.is_none()
            && self.qos.is_none()
            && self.default_qos.is_none()
            && self.comment.is_none()
    }

    /// What a new association begins with.
    pub fn initial(&self) -> Settings {
        let mut settings = Settings::default();
        self.apply_to(&mut settings);
        settings
    }

    /// Changes settings in place.
    pub fn apply_to(&self, settings: &mut Settings) {
        if let Some(shares) = self.shares {
            settings.shares = shares.unwrap_or(Shares::Of(1));
        }
        for (key, value) in &self.limits {
            settings.limits.change(*key, *value);
        }
        if let Some(priority) = self.priority {
            settings.priority = priority;
        }
        if let Some(default_qos) = self.default_qos {
            settings.default_qos = default_qos;
        }
        if let Some(comment) = &self.comment {
            settings.comment = Some(comment.as_str().into()).filter(|_| !comment.is_empty());
        }
        match &self.qos {
            Some(QosChange::Exactly(ids)) if ids.is_empty() => settings.qos = QosSet::Inherited,
            Some(QosChange::Exactly(ids)) => settings.qos = QosSet::Exactly(ids.clone()),
            Some(QosChange::Deltas(deltas)) => {
                for (sign, id) in deltas {
                    match sign {
                        Operator::Remove => settings.qos.remove(*id),
                        _ => settings.qos.add(*id),
                    }
                }
            }
            None => {}
        }
    }

    /// The lines under "Settings" when something is added.
    pub fn describe(&self, state: &State) -> String {
        let mut lines = Vec::new();
        let mut line = |label: &str, value: String| lines.push(format!("  {label:<14}= {value}\n"));
        let none = || "NONE".to_owned();
        if let Some(comment) = &self.comment {
            line("Comment", comment.clone());
        }
        match self.shares {
            Some(Some(Shares::Of(shares))) => line("Fairshare", shares.to_string()),
            Some(Some(Shares::Parent)) => line("Fairshare", "parent".into()),
            Some(None) => line("Fairshare", none()),
            None => {}
        }
        for (limit, label) in DESCRIBED {
            if let Some(value) = describe_limit(state, *limit, &self.limits) {
                line(label, value);
            }
        }
        if let Some(parent) = &self.parent {
            line("Parent", parent.clone());
        }
        if let Some(priority) = self.priority {
            line("Priority", priority.map_or_else(none, |value| value.to_string()));
        }
        if let Some(qos) = &self.qos {
            line("QOS", describe_qos(state, qos));
        }
        if let Some(id) = self.default_qos.flatten() {
            line("DefQOS", qos_name(state, id));
        }
        lines.concat()
    }
}

impl Meaning {
    fn limit(self) -> Option<Limit> {
        if let Meaning::Limit(limit) = self { Some(limit) } else { None }
    }
}

/// Whether `+=` or `-=` means something for a word: of limits only for those of TRES. 22.05 took any operator for `=`, so
/// that `MaxJobs-=1` left one; here it is refused in the words of 25.11.
pub fn takes_operator(session: &mut Session, limit: Option<Limit>, word: &Word) -> bool {
    let sign = match word.operator {
        Some(Operator::Add) => '+',
        Some(Operator::Remove) => '-',
        _ => return true,
    };
    let takes = limit.is_some_and(|limit| limit.unit() == Unit::Tres);
    if !takes {
        session.complain(format!(" Invalid operator '{sign}=' in {}", word.raw));
    }
    takes
}

/// What "Settings" says of a limit; `None` when it was not given.
pub fn describe_limit(state: &State, limit: Limit, all: &[(LimitKey, LimitChange)]) -> Option<String> {
    let given: Vec<_> = all.iter().filter(|((other, _), _)| *other == limit).collect();
    let (_, last) = given.last()?;
    let number = match last.after(None) {
        Some(number) => number,
        None if limit.unit() != Unit::Tres => return Some("NONE".into()),
        None => 0,
    };
    Some(match limit.unit() {
        Unit::Tres => {
            // What is set begins from nothing, so amounts that are added stand as they are.
            let set = given.iter().filter_map(|((_, tres), change)| Some(((*tres)?, change.after(None)?)));
            super::format::tres_list(state, set.collect::<std::collections::BTreeMap<_, _>>())
        }
        Unit::Minutes => duration::format_minutes(number),
        Unit::Count => number.to_string(),
    })
}

/// The limits that "Settings" lists, in its order, with its labels.
const DESCRIBED: &[(Limit, &str)] = &[
    (Limit::GrpJobs, "GrpJobs"),
    (Limit::GrpJobsAccrue, "GrpJobsAccrue            "),
    (Limit::GrpSubmitJobs, "GrpSubmitJobs"),
    (Limit::GrpTres, "GrpTRES"),
    (Limit::GrpTresMins, "GrpTRESMins"),
    (Limit::GrpTresRunMins, "GrpTRESRunMins"),
    (Limit::GrpWall, "GrpWall"),
    (Limit::MaxJobs, "MaxJobs"),
    (Limit::MaxJobsAccrue, "MaxJobsPrioAcc"),
    (Limit::MaxSubmitJobs, "MaxSubmitJobs"),
    (Limit::MaxTresPerJob, "MaxTRES"),
    (Limit::MaxTresPerNode, "MaxTRESPerNode"),
    (Limit::MaxTresMinsPerJob, "MaxTRESMins"),
    (Limit::MaxTresRunMins, "MaxTRESRUNMins"),
    (Limit::MaxWall, "MaxWall"),
    (Limit::MinPrioThreshold, "MinPrioThresh"),
];

fn describe_qos(state: &State, change: &QosChange) -> String {
    let mut names: Vec<_> = match change {
        QosChange::Exactly(ids) => ids.iter().map(|id| qos_name(state, *id)).collect(),
        QosChange::Deltas(deltas) => deltas
            .iter()
            .map(|(sign, id)| format!("{}{}", if *sign == Operator::Remove { "-" } else { "+" }, qos_name(state, *id)))
            .collect(),
    };
    names.sort();
    names.join(",")
}

/// The name of a QOS.
pub fn qos_name(state: &State, id: QosId) -> String {
    state.qos.get(&id).map_or_else(|| format!("UNKN-{id}"), |qos| qos.name.clone())
}

/// Slurm's "unlimited" (`INFINITE`).
const UNLIMITED: u64 = u32::MAX as u64;
/// Slurm's "not set" (`NO_VAL`).
const UNSET: u64 = UNLIMITED - 1;

/// A whole number as sacctmgr reads it: leading digits count, a negative one clears (inner `None`).
pub fn number(session: &mut Session, name: &str, text: &str) -> Option<Option<u64>> {
    let text = word::unquote_lower(text);
    let body = text.trim_start();
    let (negative, body) = match body.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, body.strip_prefix('+').unwrap_or(body)),
    };
    let digits: String = body.chars().take_while(char::is_ascii_digit).collect();
    // Slurm keeps 32 bits and lets more wrap around; the two greatest mean "unlimited" and "not set".
    let value = digits.parse::<u64>().ok().filter(|value| *value != UNSET && *value <= UNLIMITED);
    match value {
        Some(UNLIMITED) => Some(None),
        Some(value) if negative && value > 0 => Some(None),
        Some(value) if value > 0 || body.len() == digits.len() => Some(Some(value)),
        _ => {
            session.complain(format!("sacctmgr: error: Invalid value for {name} ({text})"));
            None
        }
    }
}

/// A duration in minutes below 2^32 (slurmdbd lets larger ones wrap around); -1 clears.
pub fn minutes(text: &str) -> Option<Option<u64>> {
    if text == "-1" || text.eq_ignore_ascii_case("infinite") || text.eq_ignore_ascii_case("unlimited") {
        return Some(None);
    }
    duration::parse_minutes(text).filter(|minutes| *minutes < UNLIMITED).map(Some)
}

/// Why a part of a TRES list cannot be read.
fn unreadable(part: &str) -> String {
    let count = part.split_once('=').map_or("", |(_, count)| count.trim_start_matches('-'));
    match count.chars().find(|c| !c.is_ascii_digit()) {
        Some(unit) if !"KMGTP".contains(unit.to_ascii_uppercase()) => {
            format!("sacctmgr: error: Invalid unit type '{unit}'. Possible options are 'KMGTP'")
        }
        _ => format!("sacctmgr: error: slurmdb_format_tres_str: no TRES id found for {part}"),
    }
}

/// A TRES list with the TRES' numbers, and what it does to each: `GrpTRES=cpu+=4` adds, as does `GrpTRES+=cpu=4`.
pub fn tres_limit(session: &mut Session, word: &Word) -> Option<Vec<(TresId, LimitChange)>> {
    let text = word::unquote(word.value);
    if text.is_empty() {
        return None;
    }
    if text.split(',').any(str::is_empty) {
        session.complain("sacctmgr: error: slurmdb_format_tres_str: no TRES id found for ");
        return None;
    }
    let counts = match tres::parse_changes(&text) {
        Ok(counts) => counts,
        Err(bad) => {
            session.complain(unreadable(&bad.part));
            return None;
        }
    };
    let mut found = Vec::new();
    for count in counts {
        let Some(id) = session.state.tres_named(&count.name).map(|tres| tres.id) else {
            let by = if count.name.parse::<TresId>().is_ok() { "id" } else { "type" };
            session.complain(format!("sacctmgr: error: slurmdb_format_tres_str: no TRES known by {by} {}", count.name));
            return None;
        };
        let megabytes = |bytes: u64| if id == MEM && count.in_bytes { bytes.div_ceil(1 << 20) } else { bytes };
        let of_all = match word.operator {
            Some(Operator::Add) => Some(Sign::Plus),
            Some(Operator::Remove) => Some(Sign::Minus),
            _ => None,
        };
        let change = match (count.count.map(megabytes), count.sign.or(of_all)) {
            (Some(more), Some(Sign::Plus)) => LimitChange::Plus(more),
            (Some(less), Some(Sign::Minus)) => LimitChange::Minus(less),
            (None, Some(_)) => {
                session.complain(format!("sacctmgr: error: {}: there is no amount to add or to take away", word.raw));
                return None;
            }
            (value, None) => value.into(),
        };
        found.push((id, change));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_have_32_bits() {
        assert_eq!(minutes("4294967294"), Some(Some(4_294_967_294)));
        assert_eq!((minutes("4294967295"), minutes("99999999999-00"), minutes("-1")), (None, None, Some(None)));
    }
}
