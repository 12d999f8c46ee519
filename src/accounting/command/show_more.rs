//! `sacctmgr show` of clusters, QOS, TRES and transactions.

use super::condition::{self, Condition};
use super::fields::Column;
use super::format::{self, Cell};
use super::rows::{Row, qos_names};
use super::session::{Done, Session};
use super::show::fields_or;
use super::word::{self, Word};
use crate::accounting::State;
use crate::accounting::model::*;
use crate::text::duration;

/// `show tres`
pub fn tres(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut kinds, mut format) = (None, None, Vec::new());
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is("Format", 1) && word.operator.is_some() {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("Type", 2) && word.operator.is_some() {
            condition::extend(session, &mut kinds, word)?;
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("Id", 1) {
            condition::extend(session, &mut names, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
    }
    session.check()?;
    let fields = fields_or(session, &format, &["Type,Name%15,ID"])?;
    let wanted = |row: &&Tres| {
        let by_name = |list: &Vec<String>| {
            list.iter().any(|n| *n == row.full_name() || *n == row.id.to_string() || *n == row.name)
        };
        names.as_ref().is_none_or(by_name) && kinds.as_ref().is_none_or(|list| list.contains(&row.kind))
    };
    let cell = |row: &Tres, column| match column {
        Column::Type => Cell::text(&row.kind),
        Column::Name => Cell::text(&row.name),
        Column::Id => Cell::number(Some(row.id)),
        _ => Cell::Empty,
    };
    let rows: Vec<Vec<_>> = session
        .state
        .tres
        .values()
        .filter(wanted)
        .map(|row| fields.iter().map(|f| cell(row, f.column)).collect())
        .collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

/// `show cluster`
pub fn clusters(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut format) = (None, Vec::new());
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is("Format", 1) && word.operator.is_some() {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is_bare("WithDeleted", 5) || word.is_bare("WithFed", 7) || word.is_bare("WOLimits", 3) {
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("Clusters", 3) {
            condition::extend(session, &mut names, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
    }
    session.check()?;
    let own = "Cl,Controlh,Controlp,RPC,Fairshare,GrpJ,GrpTRES,GrpS,MaxJ,MaxTRES,MaxS,MaxW,QOS,DefaultQOS";
    let fields = fields_or(session, &format, &[own])?;
    let state = &*session.state;
    let mut rows = Vec::new();
    for cluster in state.clusters.values().filter(|row| !row.deleted) {
        if names.as_ref().is_some_and(|list| !list.contains(&cluster.name)) {
            continue;
        }
        let root = state.root(&cluster.name).map(|root| Row::new(state, root, false));
        rows.push(
            fields.iter().map(|field| cluster_cell(state, cluster, root.as_ref(), field.column)).collect::<Vec<_>>(),
        );
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn cluster_cell(state: &State, cluster: &Cluster, root: Option<&Row>, column: Column) -> Cell {
    match column {
        Column::Cluster => Cell::text(&cluster.name),
        Column::ControlHost => Cell::text(&cluster.control_host),
        Column::ControlPort => Cell::number(Some(cluster.control_port)),
        Column::Rpc => Cell::number(Some(cluster.rpc_version)),
        column => root.map_or(Cell::Empty, |row| row.cell(state, column)),
    }
}

/// `show qos`
pub fn qos(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut ids, mut format, mut with_deleted) = (None, None, Vec::new(), false);
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is("Format", 1) && word.operator.is_some() {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is_bare("WithDeleted", 5) {
            with_deleted = true;
        } else if word.is_bare("WOLimits", 3) {
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("QosLevel", 1) {
            condition::extend(session, &mut names, word)?;
        } else if word.is("Ids", 1) {
            condition::extend(session, &mut ids, word)?;
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
    let wanted =
        |row: &&Qos| (!row.deleted || with_deleted) && among(&names, &row.name) && among(&ids, &row.id.to_string());
    let rows: Vec<Vec<_>> = state
        .qos
        .values()
        .filter(wanted)
        .map(|row| fields.iter().map(|f| qos_cell(state, row, f.column)).collect())
        .collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
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
        Column::PreemptMode => Cell::text(if qos.preempt_mode.is_empty() { "cluster" } else { &qos.preempt_mode }),
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

/// `show transactions`
pub fn transactions(session: &mut Session, words: &[Word]) -> Done {
    let (mut actors, mut actions, mut ids, mut format) = (None, None, None, Vec::new());
    let mut place = Condition::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is_bare("WithAssocInfo", 5) {
        } else if word.operator.is_none() || word.is("Ids", 1) || word.is("Txn", 1) {
            condition::extend(session, &mut ids, word)?;
        } else if word.is("Actors", 4) {
            condition::extend(session, &mut actors, word)?;
        } else if word.is("Actions", 4) {
            condition::extend(session, &mut actions, word)?;
        } else if word.is("Format", 1) {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if !place.take(session, word)? {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
    }
    session.check()?;
    let fields = fields_or(session, &format, &["Time,Action,Actor,Where,Info"])?;
    let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
    let wanted = |row: &Transaction| {
        among(&actors, &row.actor)
            && among(&actions, &row.action.text().to_lowercase())
            && among(&ids, &row.id.to_string())
            && among(&place.clusters, &row.cluster)
    };
    let mut rows = Vec::new();
    let mut take = |row: Transaction| {
        if wanted(&row) {
            rows.push(fields.iter().map(|field| transaction_cell(session, &row, field.column)).collect::<Vec<_>>());
        }
    };
    if let Err(error) = session.world.transactions(i64::MIN..i64::MAX, &mut take) {
        return session.refuse(format!("sacctmgr: error: {error}"));
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn transaction_cell(session: &Session, row: &Transaction, column: Column) -> Cell {
    match column {
        Column::Time => Cell::text(session.world.local_time(row.time)),
        Column::Action => Cell::text(row.action.text()),
        Column::ActionRaw => Cell::number(Some(row.action.number())),
        Column::Actor => Cell::text(&row.actor),
        Column::Where => Cell::text(&row.target),
        Column::Info => Cell::text(&row.info),
        Column::Id => Cell::number(Some(row.id)),
        Column::Cluster => Cell::text(&row.cluster),
        _ => Cell::Empty,
    }
}

/// What is kept by a part of the service that is not there yet.
pub fn not_yet(session: &mut Session, what: &str) -> Done {
    session.refuse(format!(" {what} are not kept by enlist yet."))
}
