//! Reading the state. A row that cannot be understood is an error, never skipped.

use super::rows::{id, optional, optional_id, table, understood};
use super::transactions;
use rusqlite::{Connection, Result, Row};
use slurm::State;
use slurm::model::qos::QosFlag;
use slurm::model::*;
use std::collections::{BTreeMap, BTreeSet};
use words::ids::Id;

/// Everything.
pub fn state(connection: &Connection) -> Result<State> {
    let mut state = State::default();
    state.clusters = table(connection, "SELECT * FROM cluster", cluster)?;
    state.accounts = table(connection, "SELECT * FROM account", account)?;
    state.users = table(connection, "SELECT * FROM user", user)?;
    state.tres = table(connection, "SELECT * FROM tres", tres)?;
    state.coordinators = table(connection, "SELECT * FROM coordinator", coordinator)?;
    state.load_record(transactions::last(connection)?);
    let mut of_qos = limits(connection, "SELECT owner, name, tres, value FROM qos_limit")?;
    state.qos = table(connection, "SELECT * FROM qos", |row| {
        let qos = qos(row, &mut of_qos)?;
        Ok((qos.id, qos))
    })?;
    let mut of_associations = limits(connection, "SELECT owner, name, tres, value FROM association_limit")?;
    let mut statement = connection.prepare("SELECT * FROM association")?;
    let rows = statement.query_map([], |row| association(row, &mut of_associations))?.collect::<Result<Vec<_>>>()?;
    state.load_associations(rows);
    super::small::load(connection, &mut state)?;
    Ok(state)
}

fn cluster(row: &Row) -> Result<(String, Cluster)> {
    let name: String = row.get("name")?;
    let cluster = Cluster {
        name: name.clone(),
        control_host: row.get("control_host")?,
        control_port: row.get("control_port")?,
        rpc_version: row.get("rpc_version")?,
        classification: understood(row, "classification", classification(row.get("classification")?))?,
        membership: membership(row)?,
        deleted: row.get("deleted")?,
    };
    Ok((name, cluster))
}

fn classification(number: u8) -> Option<Classification> {
    Classification::ALL.get(usize::from(number)).copied()
}

fn membership(row: &Row) -> Result<Membership> {
    let features: String = row.get("features")?;
    Ok(Membership {
        federation: row.get("federation")?,
        id: row.get("federation_id")?,
        state: understood(row, "federation_state", FederationState::from_number(row.get("federation_state")?))?,
        features: features.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned).collect(),
    })
}

fn account(row: &Row) -> Result<(String, Account)> {
    let name: String = row.get("name")?;
    let account = Account {
        name: name.clone(),
        description: row.get("description")?,
        organization: row.get("organization")?,
        users_coordinate: row.get("users_coordinate")?,
        deleted: row.get("deleted")?,
    };
    Ok((name, account))
}

fn user(row: &Row) -> Result<(String, User)> {
    let name: String = row.get("name")?;
    let admin_level = understood(row, "admin_level", AdminLevel::from_number(row.get("admin_level")?))?;
    Ok((name.clone(), User { name, admin_level, deleted: row.get("deleted")? }))
}

fn tres(row: &Row) -> Result<(TresId, Tres)> {
    let id = id(row, "id")?;
    Ok((id, Tres { id, kind: row.get("kind")?, name: row.get("name")? }))
}

fn coordinator(row: &Row) -> Result<((String, String), Coordinator)> {
    let (account, user): (String, String) = (row.get("account")?, row.get("user")?);
    Ok(((account.clone(), user.clone()), Coordinator { account, user }))
}

fn limits<Owner>(connection: &Connection, sql: &str) -> Result<BTreeMap<Owner, Limits>>
where
    Owner: Id<Number = u32> + Ord,
{
    let mut found: BTreeMap<Owner, Limits> = BTreeMap::new();
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get("name")?;
        let limit = understood(row, "name", Limit::from_column(&name))?;
        let key = (limit, or_zero::id(row.get("tres")?));
        found.entry(id(row, "owner")?).or_default().set(key, Some(row.get::<_, i64>("value")?.unsigned_abs()));
    }
    Ok(found)
}

/// Numbers in a text: `1,4,7`.
fn ids(row: &Row, column: &str) -> Result<BTreeSet<QosId>> {
    let text: Option<String> = row.get(column)?;
    let parts = text.as_deref().unwrap_or_default().split(',').filter(|part| !part.is_empty());
    let parsed: Option<_> = parts.map(|part| part.parse().ok()).collect();
    understood(row, column, parsed)
}

fn qos(row: &Row, limits: &mut BTreeMap<QosId, Limits>) -> Result<Qos> {
    let id = id(row, "id")?;
    let names: String = row.get("flags")?;
    let named = |name: &str| QosFlag::ALL.iter().copied().find(|flag| flag.name() == name);
    let flags: Option<_> = names.split(',').filter(|name| !name.is_empty()).map(named).collect();
    Ok(Qos {
        id,
        name: row.get("name")?,
        description: row.get("description")?,
        priority: row.get("priority")?,
        limits: limits.remove(&id).unwrap_or_default(),
        flags: understood(row, "flags", flags)?,
        preempt: ids(row, "preempt")?,
        preempt_mode: row.get("preempt_mode")?,
        grace_time: row.get("grace_time")?,
        preempt_exempt_time: row.get("preempt_exempt_time")?,
        usage_factor: row.get("usage_factor")?,
        usage_threshold: row.get("usage_threshold")?,
        limit_factor: row.get("limit_factor")?,
        usage_reset: row.get("usage_reset")?,
        deleted: row.get("deleted")?,
    })
}

fn association(row: &Row, limits: &mut BTreeMap<AssociationId, Limits>) -> Result<Association> {
    let id = id(row, "id")?;
    Ok(Association {
        id,
        key: AssociationKey {
            cluster: row.get("cluster")?,
            account: row.get("account")?,
            user: row.get("user")?,
            partition: row.get("partition")?,
        },
        parent: optional_id(row, "parent")?,
        position: row.get("position")?,
        is_default: row.get("is_default")?,
        shares: optional(row, "shares")?.map_or(Shares::Parent, Shares::Of),
        limits: limits.remove(&id).unwrap_or_default(),
        priority: row.get("priority")?,
        qos: qos_set(row)?,
        default_qos: optional_id(row, "default_qos")?,
        comment: optional::<String>(row, "comment")?.map(String::into_boxed_str),
        deleted: row.get("deleted")?,
    })
}

fn qos_set(row: &Row) -> Result<QosSet> {
    if optional::<String>(row, "qos")?.is_some() {
        return Ok(QosSet::Exactly(ids(row, "qos")?));
    }
    let (added, removed) = (ids(row, "qos_added")?, ids(row, "qos_removed")?);
    Ok(if added.is_empty() && removed.is_empty() { QosSet::Inherited } else { QosSet::Changed { added, removed } })
}
