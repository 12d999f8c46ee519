//! The small tables: wckeys, federations, resources, events, reservations.

use super::rows::{id, integer, optional_id, table, understood};
use rusqlite::{Connection, Result, Row, params};
use slurm::State;
use slurm::model::*;
use std::collections::BTreeMap;

/// Reads them all.
pub fn load(connection: &Connection, state: &mut State) -> Result<()> {
    state.wckeys = table(connection, "SELECT * FROM wckey", wckey)?;
    state.federations = table(connection, "SELECT * FROM federation", |row| {
        let name: String = row.get("name")?;
        Ok((name.clone(), Federation { name, deleted: row.get("deleted")? }))
    })?;
    let mut allowed = allowed(connection)?;
    state.resources = table(connection, "SELECT * FROM resource", |row| resource(row, &mut allowed))?;
    state.events = table(connection, "SELECT * FROM event", event)?;
    state.reservations = table(connection, "SELECT * FROM reservation", reservation)?;
    state.usage_resets =
        table(connection, "SELECT association, time FROM usage_reset", |row| Ok((id(row, 0)?, row.get(1)?)))?;
    Ok(())
}

fn wckey(row: &Row) -> Result<(WckeyKey, Wckey)> {
    let wckey = Wckey {
        id: id(row, "id")?,
        user: row.get("user")?,
        cluster: row.get("cluster")?,
        name: row.get("name")?,
        is_default: row.get("is_default")?,
        deleted: row.get("deleted")?,
    };
    Ok((wckey.key(), wckey))
}

fn allowed(connection: &Connection) -> Result<BTreeMap<ResourceId, BTreeMap<String, u16>>> {
    let mut found: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT * FROM resource_cluster")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.entry(id(row, "resource")?).or_default().insert(row.get("cluster")?, row.get("percent")?);
    }
    Ok(found)
}

fn resource(row: &Row, allowed: &mut BTreeMap<ResourceId, BTreeMap<String, u16>>) -> Result<(ResourceId, Resource)> {
    let id = id(row, "id")?;
    let resource = Resource {
        id,
        name: row.get("name")?,
        server: row.get("server")?,
        description: row.get("description")?,
        server_type: row.get("server_type")?,
        count: row.get("count")?,
        allowed: allowed.remove(&id).unwrap_or_default(),
        deleted: row.get("deleted")?,
    };
    Ok((id, resource))
}

fn event(row: &Row) -> Result<(u64, Event)> {
    let id = row.get::<_, i64>("id")?.unsigned_abs();
    let event = Event {
        id,
        cluster: row.get("cluster")?,
        node: row.get("node")?,
        start: row.get("start")?,
        end: row.get("end")?,
        state: row.get("state")?,
        reason: row.get("reason")?,
        user: optional_id(row, "user")?,
        tres: counts(row, "tres")?,
        cluster_nodes: row.get("cluster_nodes")?,
    };
    Ok((id, event))
}

fn reservation(row: &Row) -> Result<(ReservationKey, Reservation)> {
    let reservation = Reservation {
        cluster: row.get("cluster")?,
        id: id(row, "id")?,
        name: row.get("name")?,
        start: row.get("start")?,
        end: row.get("end")?,
        tres: counts(row, "tres")?,
        flags: row.get::<_, i64>("flags")?.cast_unsigned(),
        nodes: row.get("nodes")?,
        unused_wall: row.get("unused_wall")?,
        associations: row.get("associations")?,
    };
    Ok((reservation.key(), reservation))
}

/// Amounts in a text: `1=4,2=1000`.
fn counts(row: &Row, column: &str) -> Result<TresCounts> {
    let text: String = row.get(column)?;
    let count =
        |part: &str| part.split_once('=').and_then(|(id, n)| Some((id.parse::<TresId>().ok()?, n.parse().ok()?)));
    understood(row, column, text.split(',').filter(|part| !part.is_empty()).map(count).collect())
}

fn counts_text(counts: &TresCounts) -> String {
    counts.iter().map(|(id, count)| format!("{id}={count}")).collect::<Vec<_>>().join(",")
}

/// Writes what changed in them.
pub fn save(sql: &Connection, state: &State) -> Result<()> {
    save_wckeys(sql, state)?;
    for (name, row) in state.federations.changes() {
        match row {
            Some(row) => sql.execute("REPLACE INTO federation VALUES (?1, ?2)", params![name, row.deleted])?,
            None => sql.execute("DELETE FROM federation WHERE name = ?1", [name])?,
        };
    }
    save_resources(sql, state)?;
    save_events(sql, state)?;
    save_reservations(sql, state)?;
    save_usage_resets(sql, state)?;
    // What a cluster had, and what was set apart of it, decides what its time comes to.
    let events = state.events.changes().filter_map(|(_, row)| row.map(|row| row.start));
    let reservations = state.reservations.changes().map(|((_, _, start), _)| *start);
    match events.chain(reservations).min() {
        Some(earliest) => super::usage::changed_from(sql, earliest),
        None => Ok(()),
    }
}

fn save_usage_resets(sql: &Connection, state: &State) -> Result<()> {
    for (id, time) in state.usage_resets.changes() {
        match time {
            Some(time) => sql.execute("REPLACE INTO usage_reset VALUES (?1, ?2)", params![id.0, time])?,
            None => sql.execute("DELETE FROM usage_reset WHERE association = ?1", [id.0])?,
        };
    }
    Ok(())
}

fn save_wckeys(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO wckey VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for ((user, cluster, name), row) in state.wckeys.changes() {
        match row {
            Some(row) => put.execute(params![row.id.0, user, cluster, name, row.is_default, row.deleted])?,
            None => {
                sql.execute("DELETE FROM wckey WHERE user = ?1 AND cluster = ?2 AND name = ?3", [user, cluster, name])?
            }
        };
    }
    Ok(())
}

fn save_resources(sql: &Connection, state: &State) -> Result<()> {
    for (id, row) in state.resources.changes() {
        sql.execute("DELETE FROM resource_cluster WHERE resource = ?1", [id.0])?;
        let Some(row) = row else {
            sql.execute("DELETE FROM resource WHERE id = ?1", [id.0])?;
            continue;
        };
        sql.execute(
            "REPLACE INTO resource VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id.0, row.name, row.server, row.description, row.server_type, row.count, row.deleted],
        )?;
        for (cluster, percent) in &row.allowed {
            sql.execute("INSERT INTO resource_cluster VALUES (?1, ?2, ?3)", params![id.0, cluster, percent])?;
        }
    }
    Ok(())
}

fn save_events(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for (id, row) in state.events.changes() {
        let id = integer(*id);
        match row {
            Some(row) => put.execute(params![
                id,
                row.cluster,
                row.node,
                row.start,
                row.end,
                row.state,
                row.reason,
                row.user.map(|uid| uid.0),
                counts_text(&row.tres),
                row.cluster_nodes
            ])?,
            None => sql.execute("DELETE FROM event WHERE id = ?1", [id])?,
        };
    }
    Ok(())
}

fn save_reservations(sql: &Connection, state: &State) -> Result<()> {
    let mut put = sql.prepare_cached("REPLACE INTO reservation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for ((cluster, id, start), row) in state.reservations.changes() {
        match row {
            Some(row) => put.execute(params![
                cluster,
                id.0,
                row.name,
                start,
                row.end,
                counts_text(&row.tres),
                row.flags.cast_signed(),
                row.nodes,
                row.unused_wall,
                row.associations
            ])?,
            None => sql.execute(
                "DELETE FROM reservation WHERE cluster = ?1 AND id = ?2 AND start = ?3",
                params![cluster, id.0, start],
            )?,
        };
    }
    Ok(())
}
