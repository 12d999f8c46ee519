//! The words that a QOS can be set with.

use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::association::rows::qos_names;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::{describe_limit, number, takes_operator, tres_limit};
use crate::sacctmgr::word::{self, Operator, Word};
use slurm::State;
use slurm::model::limits::Unit;
use slurm::model::qos::QosFlag;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::model::*;
use std::collections::BTreeSet;
use words::text::duration;

/// What a command sets on QOS. An outer `None` leaves it, an inner one goes back to the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QosSetting {
    /// Description.
    pub description: Option<String>,
    /// `RawUsage=0`.
    pub resets_usage: bool,
    /// Whether a number was given that cannot be read.
    unreadable: bool,
    flags: Option<(Operator, BTreeSet<QosFlag>)>,
    grace_time: Option<Option<u64>>,
    limits: Vec<(LimitKey, LimitChange)>,
    preempt: Option<(Operator, BTreeSet<QosId>)>,
    preempt_mode: Option<String>,
    preempt_exempt_time: Option<Option<u64>>,
    priority: Option<Option<u64>>,
    usage_factor: Option<Option<f64>>,
    usage_threshold: Option<Option<f64>>,
    limit_factor: Option<Option<f64>>,
}

#[derive(Clone, Copy)]
enum Meaning {
    Limit(Limit),
    One(Limit, TresId),
}
use Meaning::{Limit as L, One};

/// The word that sets a limit of a QOS; its column where there is none.
pub fn word(limit: Limit) -> &'static str {
    let is_it = |(_, _, meaning): &&(&str, usize, Meaning)| matches!(meaning, L(own) if *own == limit);
    LIMIT_WORDS.iter().find(is_it).map_or(limit.column(), |(word, ..)| word)
}

/// Words of limits, shortest abbreviation, meaning; the first that fits counts.
const LIMIT_WORDS: &[(&str, usize, Meaning)] = &[
    ("GrpCPUMins", 7, One(Limit::GrpTresMins, CPU)),
    ("GrpCPURunMins", 7, One(Limit::GrpTresRunMins, CPU)),
    ("GrpCPUs", 7, One(Limit::GrpTres, CPU)),
    ("GrpJobs", 4, L(Limit::GrpJobs)),
    ("GrpJobsAccrue", 8, L(Limit::GrpJobsAccrue)),
    ("GrpMemory", 4, One(Limit::GrpTres, MEM)),
    ("GrpNodes", 4, One(Limit::GrpTres, NODE)),
    ("GrpSubmitJobs", 4, L(Limit::GrpSubmitJobs)),
    ("GrpTRES", 7, L(Limit::GrpTres)),
    ("GrpTRESMins", 8, L(Limit::GrpTresMins)),
    ("GrpTRESRunMins", 8, L(Limit::GrpTresRunMins)),
    ("GrpWall", 4, L(Limit::GrpWall)),
    ("MaxCPUMinsPerJob", 7, One(Limit::MaxTresMinsPerJob, CPU)),
    ("MaxCPUsPerJob", 7, One(Limit::MaxTresPerJob, CPU)),
    ("MaxCPUsPerUser", 11, One(Limit::MaxTresPerUser, CPU)),
    ("MaxCPUsPU", 9, One(Limit::MaxTresPerUser, CPU)),
    ("MaxJobsAccruePerAccount", 17, L(Limit::MaxJobsAccruePerAccount)),
    ("MaxJobsAccruePA", 15, L(Limit::MaxJobsAccruePerAccount)),
    ("MaxJobsAccruePerUser", 17, L(Limit::MaxJobsAccruePerUser)),
    ("MaxJobsAccruePU", 15, L(Limit::MaxJobsAccruePerUser)),
    ("MaxJobsPerAccount", 11, L(Limit::MaxJobsPerAccount)),
    ("MaxJobsPA", 9, L(Limit::MaxJobsPerAccount)),
    ("MaxJobsPerUser", 4, L(Limit::MaxJobsPerUser)),
    ("MaxJobsPU", 4, L(Limit::MaxJobsPerUser)),
    ("MaxNodesPerJob", 4, One(Limit::MaxTresPerJob, NODE)),
    ("MaxNodesPerUser", 8, One(Limit::MaxTresPerUser, NODE)),
    ("MaxNodesPU", 8, One(Limit::MaxTresPerUser, NODE)),
    ("MaxSubmitJobsPerAccount", 17, L(Limit::MaxSubmitJobsPerAccount)),
    ("MaxSubmitJobsPA", 15, L(Limit::MaxSubmitJobsPerAccount)),
    ("MaxSubmitJobsPerUser", 4, L(Limit::MaxSubmitJobsPerUser)),
    ("MaxSubmitJobsPU", 4, L(Limit::MaxSubmitJobsPerUser)),
    ("MaxTRESPerAccount", 11, L(Limit::MaxTresPerAccount)),
    ("MaxTRESPA", 9, L(Limit::MaxTresPerAccount)),
    ("MaxTRESPerJob", 7, L(Limit::MaxTresPerJob)),
    ("MaxTRESPerNode", 11, L(Limit::MaxTresPerNode)),
    ("MaxTRESPerUser", 11, L(Limit::MaxTresPerUser)),
    ("MaxTRESPU", 9, L(Limit::MaxTresPerUser)),
    // Short names of later releases.
    ("MaxTRESPN", 9, L(Limit::MaxTresPerNode)),
    ("MaxTRESPJ", 9, L(Limit::MaxTresPerJob)),
    ("MaxSubmitPU", 11, L(Limit::MaxSubmitJobsPerUser)),
    ("MaxSubmitPA", 11, L(Limit::MaxSubmitJobsPerAccount)),
    ("MaxTRESMinsPerJob", 8, L(Limit::MaxTresMinsPerJob)),
    ("MaxTRESMinsPJ", 8, L(Limit::MaxTresMinsPerJob)),
    ("MaxTRESRunMinsPerAccount", 18, L(Limit::MaxTresRunMinsPerAccount)),
    ("MaxTRESRunMinsPerUser", 18, L(Limit::MaxTresRunMinsPerUser)),
    ("MaxTRESRunMinsPA", 16, L(Limit::MaxTresRunMinsPerAccount)),
    ("MaxTRESRunMinsPU", 8, L(Limit::MaxTresRunMinsPerUser)),
    ("MaxWallDurationPerJob", 4, L(Limit::MaxWall)),
    ("MinCPUsPerJob", 7, One(Limit::MinTresPerJob, CPU)),
    ("MinPrioThreshold", 4, L(Limit::MinPrioThreshold)),
    ("MinTRESPerJob", 7, L(Limit::MinTresPerJob)),
];

/// Takes one word after `set`.
pub fn take_setting(session: &mut Session, asked: &mut QosSetting, word: &Word) -> Done {
    let text = word::unquote(word.value);
    if word.is("Description", 1) {
        asked.description = Some(word::unquote_lower(word.value));
    } else if word.is("Flags", 2) {
        take_flags(session, asked, word)?;
    } else if word.is("GraceTime", 3) {
        asked.grace_time = asked.number(session, "GraceTime", &text);
    } else if word.is("LimitFactor", 6) {
        asked.limit_factor = factor(session, "LimitFactor", &text);
        asked.unreadable |= asked.limit_factor.is_none();
        if asked.limit_factor == Some(Some(0.0)) {
            // slurmdbd takes no zero, and says no more than this.
            session.say(" Nothing modified");
            session.complain(
                "sacctmgr: accounting_storage/slurmdbd: acct_storage_p_modify_qos: Request didn't affect anything or \
                 your user doesn't have privilege to perform this action",
            );
        }
    } else if word.is("PreemptMode", 8) {
        take_preempt_mode(session, asked, word);
    } else if word.is("Preempt", 7) {
        let ids = if text.is_empty() { Vec::new() } else { crate::sacctmgr::condition::qos_ids(session, word)? };
        asked.preempt = Some((word.operator.unwrap_or(Operator::Set), ids.into_iter().collect()));
    } else if word.is("PreemptExemptTime", 8) {
        asked.preempt_exempt_time = exempt_time(session, word, &text);
    } else if word.is("Priority", 3) {
        asked.priority = asked.number(session, "Priority", &text);
    } else if word.is("RawUsage", 7) {
        asked.resets_usage = raw_usage::read(session, &text);
    } else if word.is("UsageFactor", 6) {
        asked.usage_factor = factor(session, "UsageFactor", &text);
        asked.unreadable |= asked.usage_factor.is_none();
    } else if word.is("UsageThreshold", 6) {
        asked.usage_threshold = factor(session, "UsageThreshold", &text);
        asked.unreadable |= asked.usage_threshold.is_none();
    } else if !take_limit(session, asked, word) {
        session.say(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
        session.failed = true;
    }
    Ok(())
}

fn take_limit(session: &mut Session, asked: &mut QosSetting, word: &Word) -> bool {
    let Some((name, _, meaning)) = LIMIT_WORDS.iter().find(|(name, shortest, _)| word.is(name, *shortest)) else {
        return false;
    };
    let (limit, tres) = match *meaning {
        L(limit) => (limit, None),
        One(limit, tres) => (limit, Some(tres)),
    };
    if !takes_operator(session, Some(limit).filter(|_| tres.is_none()), word) {
        return true;
    }
    match (limit.unit(), tres) {
        (Unit::Tres, None) => {
            let counts = tres_limit(session, word).unwrap_or_default();
            asked.limits.extend(counts.into_iter().map(|(tres, value)| ((limit, Some(tres)), value)));
        }
        (Unit::Minutes, _) => match crate::sacctmgr::setting::minutes(word.value) {
            Some(value) => asked.limits.push(((limit, None), value.into())),
            None => {
                let name = name.trim_end_matches("DurationPerJob");
                session.complain(format!(" Bad {name} time format: {}", word.raw));
            }
        },
        _ => {
            if let Some(value) = asked.number(session, name, word.value) {
                asked.limits.push(((limit, tres), value.into()));
            }
        }
    }
    true
}

fn take_flags(session: &mut Session, asked: &mut QosSetting, word: &Word) -> Done {
    let mut flags = BTreeSet::new();
    for name in word::names(word.value).unwrap_or_default().iter().filter(|name| *name != "-1") {
        match QosFlag::ALL.iter().find(|flag| flag.name().eq_ignore_ascii_case(name)) {
            Some(flag) => {
                flags.insert(*flag);
            }
            None => {
                // As 22.05 lists them, without what only later releases know.
                let valid = QosFlag::ALL
                    .iter()
                    .filter(|flag| **flag != QosFlag::Relative)
                    .map(|flag| flag.name())
                    .collect::<Vec<_>>()
                    .join(",");
                session
                    .say(format!(" Unknown QOS flag used in:\n  '{}'\n Valid QOS flags are\n  '{valid}'", word.value));
                session.failed = true;
                return Ok(());
            }
        }
    }
    asked.flags = Some((word.operator.unwrap_or(Operator::Set), flags));
    Ok(())
}

fn take_preempt_mode(session: &mut Session, asked: &mut QosSetting, word: &Word) {
    const MODES: &[&str] = &["", "cancel", "cluster", "gang", "off", "requeue", "suspend", "within"];
    let mut modes = word::names(word.value).unwrap_or_default();
    modes.sort_by_key(|mode| (mode != "gang", mode != "within"));
    if modes.iter().all(|mode| MODES.contains(&mode.as_str())) {
        asked.preempt_mode = Some(if modes.iter().all(|mode| ["", "cluster", "off"].contains(&mode.as_str())) {
            String::new()
        } else {
            modes.join(",")
        })
    } else {
        session.complain(format!(" Bad Preempt Mode given: {}", word.raw))
    }
}

fn exempt_time(session: &mut Session, word: &Word, text: &str) -> Option<Option<u64>> {
    if text == "-1" {
        return Some(None);
    }
    let seconds = duration::parse_seconds(text);
    if seconds.is_none() {
        session.complain(format!(" Bad PreemptExemptTime format: {}", word.raw));
    }
    seconds.map(Some)
}

/// A factor; a negative one goes back to the default.
fn factor(session: &mut Session, name: &str, text: &str) -> Option<Option<f64>> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Some(Some(value).filter(|value| *value >= 0.0)),
        _ => {
            session.complain(format!("sacctmgr: error: Invalid value for {name} ({text})"));
            None
        }
    }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn combine<T: Ord + Clone>(set: &mut BTreeSet<T>, (operator, change): &(Operator, BTreeSet<T>)) {
    match operator {
        Operator::Set => set.clone_from(change),
        Operator::Add => set.extend(change.iter().cloned()),
        Operator::Remove => set.retain(|item| !change.contains(item)),
    }
}

impl QosSetting {
    /// Whether anything but the usage is set.
    pub fn sets_values(&self) -> bool {
        QosSetting { resets_usage: false, ..self.clone() } != QosSetting::default()
    }

    fn number(&mut self, session: &mut Session, name: &str, text: &str) -> Option<Option<u64>> {
        let read = number(session, name, text);
        self.unreadable |= read.is_none();
        read
    }

    /// Whether all that was given are numbers that cannot be read.
    pub fn is_unreadable(&self) -> bool {
        *self == QosSetting { unreadable: true, ..QosSetting::default() }
    }

    /// Changes a QOS in place.
    pub fn apply(&self, row: &mut Qos) {
        if let Some(description) = &self.description {
            row.description.clone_from(description);
        }
        if let Some(flags) = &self.flags {
            combine(&mut row.flags, flags);
        }
        if let Some(preempt) = &self.preempt {
            combine(&mut row.preempt, preempt);
        }
        for (key, value) in &self.limits {
            row.limits.change(*key, *value);
        }
        if let Some(mode) = &self.preempt_mode {
            row.preempt_mode.clone_from(mode);
        }
        row.grace_time = self.grace_time.map_or(row.grace_time, |value| small(value.unwrap_or(0)));
        row.preempt_exempt_time = self.preempt_exempt_time.map_or(row.preempt_exempt_time, |value| value.map(small));
        row.priority = self.priority.map_or(row.priority, |value| small(value.unwrap_or(0)));
        row.usage_factor = self.usage_factor.map_or(row.usage_factor, |value| value.unwrap_or(1.0));
        row.usage_threshold = self.usage_threshold.unwrap_or(row.usage_threshold);
        row.limit_factor = self.limit_factor.unwrap_or(row.limit_factor);
    }

    /// The lines under "Settings" when something is added.
    pub fn describe(&self, state: &State) -> String {
        let mut lines = Vec::new();
        let mut line = |label: &str, value: Option<String>| {
            lines.extend(value.map(|value| format!("  {label:<25}= {value}\n")));
        };
        let count = |value: Option<Option<u64>>| value.map(|v| v.map_or("NONE".to_owned(), |v| v.to_string()));
        let real = |value: Option<Option<f64>>| value.map(|v| v.map_or("NONE".to_owned(), |v| format!("{v:.4}")));
        let flags = |flags: &BTreeSet<QosFlag>| flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(",");
        line("Flags", self.flags.as_ref().map(|(_, set)| flags(set)));
        line("GraceTime", count(self.grace_time));
        for (limit, label) in DESCRIBED {
            line(label, describe_limit(state, *limit, &self.limits));
        }
        line("Preempt", self.preempt.as_ref().map(|(_, ids)| qos_names(state, ids)));
        line("PreemptMode", self.preempt_mode.as_ref().filter(|mode| !mode.is_empty()).map(|mode| mode.to_uppercase()));
        let exempt = |value: Option<u64>| value.map_or("NONE".to_owned(), duration::format_seconds);
        line("PreemptExemptTime", self.preempt_exempt_time.map(exempt));
        line("Priority", count(self.priority));
        line("UsageFactor", real(self.usage_factor));
        line("UsageThreshold", real(self.usage_threshold));
        line("LimitFactor", real(self.limit_factor));
        // sacctmgr 22.05 aligns this one label differently.
        lines.concat().replace("  MaxJobsPerUser           = ", "  MaxJobsPerUser = ")
    }
}

/// The limits that "Settings" lists, in its order, with its labels.
const DESCRIBED: &[(Limit, &str)] = &[
    (Limit::GrpJobs, "GrpJobs"),
    (Limit::GrpJobsAccrue, "GrpJobsAccrue"),
    (Limit::GrpSubmitJobs, "GrpSubmitJobs"),
    (Limit::GrpTres, "GrpTRES"),
    (Limit::GrpTresMins, "GrpTRESMins"),
    (Limit::GrpTresRunMins, "GrpTRESRunMins"),
    (Limit::GrpWall, "GrpWall"),
    (Limit::MaxJobsAccruePerAccount, "MaxJobsAccruePerAccount"),
    (Limit::MaxJobsAccruePerUser, "MaxJobsAccruePerUser"),
    (Limit::MaxJobsPerAccount, "MaxJobsPerAccount"),
    (Limit::MaxJobsPerUser, "MaxJobsPerUser"),
    (Limit::MaxSubmitJobsPerAccount, "MaxSubmitJobsPerAccount"),
    (Limit::MaxSubmitJobsPerUser, "MaxSubmitJobsPerUser"),
    (Limit::MaxTresPerAccount, "MaxTRESPerAccount"),
    (Limit::MaxTresPerJob, "MaxTRESPerJob"),
    (Limit::MaxTresPerNode, "MaxTRESPerNode"),
    (Limit::MaxTresPerUser, "MaxTRESPerUser"),
    (Limit::MinPrioThreshold, "MinPrioThresh"),
    (Limit::MinTresPerJob, "MinTRESPerJob"),
    (Limit::MaxTresMinsPerJob, "MaxTRESMins"),
    (Limit::MaxTresRunMinsPerAccount, "MaxTRESRUNMinsPerAccount"),
    (Limit::MaxTresRunMinsPerUser, "MaxTRESRUNMinsPerUser"),
    (Limit::MaxWall, "MaxWall"),
];
