//! `sacctmgr show qos`.

use crate::sacctmgr::association::rows::qos_names;
use crate::sacctmgr::condition;
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::{self, Word};
use slurm::State;
use slurm::model::*;
use words::text::duration;

/// `show qos`
pub fn qos(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut ids, mut format, mut with_deleted) = (None, None, Vec::new(), false);
    let (mut descriptions, mut modes) = (None, None);
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is("Format", 1) && word.operator.is_some() {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is_bare("WithDeleted", 5) {
            with_deleted = true;
        } else if word.is_bare("WOLimits", 3) {
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("QosLevel", 1) {
            condition::extend(session, &mut names, word)?;
        } else if word.is("Descriptions", 1) {
            condition::extend(session, &mut descriptions, word)?;
        } else if word.is("PreemptMode", 2) {
            take_modes(session, &mut modes, word)?;
        } else if word.is("Ids", 1) {
            condition::extend_numbers(session, &mut ids, word, "QOS ID");
        } else {
            session
                .complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify SLURM_PRINT_VALUE", word.raw));
        }
    }
    session.check()?;
    let own = "Name,Prio,GraceT,Preempt,PreemptE,PreemptM,Flags%40,UsageThres,UsageFactor,GrpTRES,GrpTRESMins,\
               GrpTRESRunMins,GrpJ,GrpS,GrpW,MaxTRES,MaxTRESPerN,MaxTRESMins,MaxW,MaxTRESPerUser,MaxJobsPerUser,\
               MaxSubmitJobsPerUser,MaxTRESPerAcct,MaxJobsPerAcct,MaxSubmitJobsPerAcct,MinTRES";
    let fields = fields_or(session, &format, &[own])?;
    let state = &*session.state;
    let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
    let wanted = |row: &&Qos| {
        (!row.deleted || with_deleted)
            && among(&names, &row.name)
            && ids.as_ref().is_none_or(|ids: &Vec<QosId>| ids.contains(&row.id))
    };
    let like = |row: &&Qos| among(&descriptions, &row.description) && among(&modes, mode(row));
    let rows: Vec<Vec<_>> = state
        .qos
        .values()
        .filter(wanted)
        .filter(like)
        .map(|row| fields.iter().map(|f| qos_cell(state, row, f.column)).collect())
        .collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

/// Names of preemption modes; `off` is the cluster's way, too.
fn take_modes(session: &mut Session, modes: &mut Option<Vec<String>>, word: &Word) -> Done {
    const MODES: [&str; 7] = ["off", "cluster", "cancel", "requeue", "suspend", "gang", "within"];
    condition::extend(session, modes, word)?;
    for mode in modes.iter_mut().flatten() {
        if !MODES.contains(&mode.as_str()) {
            session.complain(format!(
                "sacctmgr: error: Unknown preempt_mode given '{mode}'\n Bad Preempt Mode given: {}",
                word.raw
            ));
        }
        if mode == "off" {
            "cluster".clone_into(mode);
        }
    }
    Ok(())
}

fn mode(qos: &Qos) -> &str {
    if qos.preempt_mode.is_empty() { "cluster" } else { &qos.preempt_mode }
}

fn qos_cell(state: &State, qos: &Qos, column: Column) -> Cell {
    let factor = |value: Option<f64>| Cell::number(value.map(|value| format!("{value:.6}")));
    match column {
        Column::Name => Cell::text(&qos.name),
        Column::Description => Cell::text(&qos.description),
        Column::Id => Cell::number(Some(qos.id)),
        Column::Priority => Cell::number(Some(qos.priority)),
        Column::GraceTime => Cell::number(Some(duration::format_seconds(qos.grace_time.into()))),
        Column::Preempt => Cell::text(qos_names(state, &qos.preempt)),
        Column::PreemptMode => Cell::text(mode(qos)),
        Column::PreemptExemptTime => Cell::number(qos.preempt_exempt_time.map(|s| duration::format_seconds(s.into()))),
        Column::Flags => Cell::text(qos.flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(",")),
        Column::UsageFactor => factor(Some(qos.usage_factor)),
        Column::UsageThreshold => factor(qos.usage_threshold),
        Column::LimitFactor => factor(qos.limit_factor),
        Column::Limit(limit) => format::limit(state, &qos.limits, limit_of_qos(limit)),
        Column::One(limit, tres) => Cell::number(qos.limits.tres(limit_of_qos(limit), tres)),
        _ => Cell::Empty,
    }
}

/// For a QOS the words without "Per…" mean the user's.
fn limit_of_qos(limit: Limit) -> Limit {
    match limit {
        Limit::MaxJobs => Limit::MaxJobsPerUser,
        Limit::MaxSubmitJobs => Limit::MaxSubmitJobsPerUser,
        Limit::MaxJobsAccrue => Limit::MaxJobsAccruePerUser,
        Limit::MaxTresRunMins => Limit::MaxTresRunMinsPerUser,
        other => other,
    }
}
