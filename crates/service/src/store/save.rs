//! Writing what a command changed.

use super::rows::integer;
use super::transactions;
use rusqlite::{Connection, Result, params};
use slurm::State;
use slurm::model::*;
use std::collections::BTreeSet;

/// Writes all changes since the state's last commit.
pub fn changes(sql: &Connection, state: &State) -> Result<()> {
    clusters(sql, state)?;
    accounts(sql, state)?;
    users(sql, state)?;
    tres(sql, state)?;
    qos(sql, state)?;
    associations(sql, state)?;
    coordinators(sql, state)?;
    super::small::save(sql, state)?;
    super::jobs::edit(sql, state.job_edits())?;
    transactions::append(sql, state.recorded())
}

fn clusters(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO cluster VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for (name, row) in state.clusters.changes() {
        match row {
            Some(row) => put.execute(params![
                name,
                row.control_host,
                row.control_port,
                row.rpc_version,
                row.deleted,
                row.classification as u8,
                row.membership.federation,
                row.membership.id,
                row.membership.state.number(),
                row.membership.features.iter().map(String::as_str).collect::<Vec<_>>().join(",")
            ])?,
            None => sql.execute("DELETE FROM cluster WHERE name = ?1", [name])?,
        };
    }
    Ok(())
}

fn accounts(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO account VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (name, row) in state.accounts.changes() {
        match row {
            Some(row) => {
                put.execute(params![name, row.description, row.organization, row.deleted, row.users_coordinate])?
            }
            None => sql.execute("DELETE FROM account WHERE name = ?1", [name])?,
        };
    }
    Ok(())
}

fn users(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO user VALUES (?1, ?2, ?3)")?;
    for (name, row) in state.users.changes() {
        match row {
            Some(row) => put.execute(params![name, row.admin_level.number(), row.deleted])?,
            None => sql.execute("DELETE FROM user WHERE name = ?1", [name])?,
        };
    }
    Ok(())
}

fn tres(sql: &Connection, state: &State) -> Result<()> {
    for (id, row) in state.tres.changes() {
        match row {
            Some(row) => sql.execute("REPLACE INTO tres VALUES (?1, ?2, ?3)", params![id.0, row.kind, row.name])?,
            None => sql.execute("DELETE FROM tres WHERE id = ?1", [id.0])?,
        };
    }
    Ok(())
}

fn join(ids: &BTreeSet<QosId>) -> String {
    ids.iter().map(QosId::to_string).collect::<Vec<_>>().join(",")
}

fn qos(sql: &Connection, state: &State) -> Result<()> {
    let put = "REPLACE INTO qos VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    for (id, row) in state.qos.changes() {
        sql.execute("DELETE FROM qos_limit WHERE owner = ?1", [id.0])?;
        let Some(row) = row else {
            sql.execute("DELETE FROM qos WHERE id = ?1", [id.0])?;
            continue;
        };
        let flags = row.flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(",");
        sql.execute(
            put,
            params![
                id.0,
                row.name,
                row.description,
                row.priority,
                flags,
                join(&row.preempt),
                row.preempt_mode,
                row.grace_time,
                row.preempt_exempt_time,
                row.usage_factor,
                row.usage_threshold,
                row.limit_factor,
                row.deleted,
                row.usage_reset
            ],
        )?;
        limits(sql, "INSERT INTO qos_limit VALUES (?1, ?2, ?3, ?4)", id.0, &row.limits)?;
    }
    Ok(())
}

fn limits(sql: &Connection, insert: &str, owner: u32, limits: &Limits) -> Result<()> {
    let mut put = sql.prepare_cached(insert)?;
    for ((limit, tres), value) in limits.iter() {
        put.execute(params![owner, limit.column(), or_zero::number(tres), integer(value)])?;
    }
    Ok(())
}

const PUT_ASSOCIATION: &str =
    "INSERT INTO association VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
                               ?14, ?15, ?16)
    ON CONFLICT (id) DO UPDATE SET cluster = ?2, account = ?3, user = ?4, partition = ?5, parent = ?6, position = ?7,
    is_default = ?8, shares = ?9, priority = ?10, qos = ?11, qos_added = ?12, qos_removed = ?13, default_qos = ?14,
    deleted = ?15, comment = ?16";

fn associations(sql: &Connection, state: &State) -> Result<()> {
    let mut clear_default = sql.prepare_cached("UPDATE association SET is_default = 0 WHERE id = ?1")?;
    let mut clear_limits = sql.prepare_cached("DELETE FROM association_limit WHERE owner = ?1")?;
    for (id, row) in state.associations().changes() {
        // A user has one default at any time, also between two rows of this loop.
        clear_default.execute([id.0])?;
        clear_limits.execute([id.0])?;
        if row.is_none() {
            sql.execute("DELETE FROM association WHERE id = ?1", [id.0])?;
        }
    }
    for (_, row) in state.associations().changes() {
        if let Some(row) = row {
            association(sql, row)?;
        }
    }
    Ok(())
}

fn association(sql: &Connection, row: &Association) -> Result<()> {
    let shares = match row.shares {
        Shares::Of(shares) => Some(shares),
        Shares::Parent => None,
    };
    let nothing = BTreeSet::new();
    let (exactly, added, removed) = match &row.qos {
        QosSet::Inherited => (None, &nothing, &nothing),
        QosSet::Exactly(ids) => (Some(join(ids)), &nothing, &nothing),
        QosSet::Changed { added, removed } => (None, added, removed),
    };
    sql.prepare_cached(PUT_ASSOCIATION)?.execute(params![
        row.id.0,
        row.key.cluster,
        row.key.account,
        row.key.user,
        row.key.partition,
        row.parent.map(|id| id.0),
        row.position,
        row.is_default,
        shares,
        row.priority,
        exactly,
        join(added),
        join(removed),
        row.default_qos.map(|id| id.0),
        row.deleted,
        row.comment.as_deref()
    ])?;
    limits(sql, "INSERT INTO association_limit VALUES (?1, ?2, ?3, ?4)", row.id.0, &row.limits)
}

fn coordinators(sql: &Connection, state: &State) -> Result<()> {
    for ((account, user), row) in state.coordinators.changes() {
        match row {
            Some(_) => sql.execute("REPLACE INTO coordinator VALUES (?1, ?2)", [account, user])?,
            None => sql.execute("DELETE FROM coordinator WHERE account = ?1 AND user = ?2", [account, user])?,
        };
    }
    Ok(())
}
