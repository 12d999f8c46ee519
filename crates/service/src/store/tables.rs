//! The tables that the state is made of, each with its columns.

use super::rows::{Cell, Columns, Cursor, Fill, Kept, Value, bits, columns, id, integer, load, save, understood};
use super::{jobs, transactions, usage};
use rusqlite::{Connection, Result, Row, params};
use slurm::State;
use slurm::model::*;
use slurm::table::Table;
use std::collections::BTreeMap;
use words::ids::Id;

/// Declares that rows are kept: in which table of the state and of the store, and what identifies one.
macro_rules! kept {
    ($row:ident in $table:ident, $name:literal by $($column:literal)* : $key:ty = $of:expr; $($more:item)*) => {
        impl Kept for $row {
            const TABLE: &'static str = $name;
            const KEY: &'static [&'static str] = &[$($column),*];
            type Key = $key;

            fn key(&self) -> $key {
                let of: fn(&Self) -> $key = $of;
                of(self)
            }

            fn of(state: &State) -> &Table<$key, Self> {
                &state.$table
            }

            fn give(state: &mut State, rows: Vec<Self>) {
                state.$table = Table::loaded(rows.into_iter().map(|row| (row.key(), row)));
            }

            $($more)*
        }
    };
}

/// Lists the tables: this is all that a new one needs beside its columns.
macro_rules! tables {
    ($($row:ident)*) => {
        /// Reads the state.
        pub fn state(sql: &Connection) -> Result<State> {
            let mut state = State::default();
            state.load_record(transactions::last(sql)?);
            $(load::<$row>(sql, &mut state)?;)*
            Ok(state)
        }

        /// Writes all changes since the state's last commit.
        pub fn changes(sql: &Connection, state: &State) -> Result<()> {
            $(save::<$row>(sql, state)?;)*
            move_usage(sql, state)?;
            jobs::edit(sql, state.job_edits())?;
            transactions::append(sql, state.recorded())
        }
    };
}

tables! {
    Cluster Account User Tres Qos Association Coordinator Wckey Federation Resource Event Reservation UsageReset
}

/// What a cluster had, and what was set apart of it, decides what its time comes to.
fn move_usage(sql: &Connection, state: &State) -> Result<()> {
    let events = state.events.changes().filter_map(|(_, row)| row.map(|row| row.start));
    let reservations = state.reservations.changes().map(|((_, _, start), _)| *start);
    events.chain(reservations).min().map_or(Ok(()), |earliest| usage::changed_from(sql, earliest))
}

columns! { Cluster {
    name, control_host, control_port, rpc_version, classification, membership [group Membership], deleted,
} }
columns! { Membership { federation, id [in "federation_id"], state [in "federation_state"], features, } }
kept! { Cluster in clusters, "cluster" by "name": String = |row| row.name.clone(); }

columns! { Account { name, description, organization, users_coordinate, deleted, } }
kept! { Account in accounts, "account" by "name": String = |row| row.name.clone(); }

columns! { User { name, admin_level, deleted, } }
kept! { User in users, "user" by "name": String = |row| row.name.clone(); }

columns! { Tres { id, kind, name, } }
kept! { Tres in tres, "tres" by "id": TresId = |row| row.id; }

columns! { Qos {
    id, name, description, priority, limits [elsewhere], flags, preempt, preempt_mode, grace_time, preempt_exempt_time,
    usage_factor, usage_threshold, limit_factor, usage_reset, deleted,
} }
kept! { Qos in qos, "qos" by "id": QosId = |row| row.id;
    const PART: Option<(&'static str, &'static str)> = Some(("qos_limit", "owner"));

    fn load_parts(sql: &Connection) -> Result<Fill<Self>> {
        let mut limits = limits::<QosId>(sql, "qos_limit")?;
        Ok(Box::new(move |row| row.limits = limits.remove(&row.id).unwrap_or_default()))
    }

    fn save_parts(&self, sql: &Connection) -> Result<()> {
        put_limits(sql, "qos_limit", self.id, &self.limits)
    }
}

columns! { AssociationKey { cluster, account, user, partition, } }
columns! { Association {
    id, key [group AssociationKey], parent, position, is_default, shares, limits [elsewhere], priority, qos [group QosSet],
    default_qos, comment, deleted,
} }

impl Kept for Association {
    const TABLE: &'static str = "association";
    const KEY: &'static [&'static str] = &["id"];
    const PART: Option<(&'static str, &'static str)> = Some(("association_limit", "owner"));
    // A user has one default at any time, also between two rows.
    const IN_PLACE: Option<&'static str> = Some("UPDATE association SET is_default = 0 WHERE id = ?");
    type Key = AssociationId;

    fn key(&self) -> AssociationId {
        self.id
    }

    fn of(state: &State) -> &Table<AssociationId, Self> {
        state.associations()
    }

    fn give(state: &mut State, rows: Vec<Self>) {
        state.load_associations(rows);
    }

    fn load_parts(sql: &Connection) -> Result<Fill<Self>> {
        let mut limits = limits::<AssociationId>(sql, "association_limit")?;
        Ok(Box::new(move |row| row.limits = limits.remove(&row.id).unwrap_or_default()))
    }

    fn save_parts(&self, sql: &Connection) -> Result<()> {
        put_limits(sql, "association_limit", self.id, &self.limits)
    }
}

columns! { Coordinator { account, user, } }
kept! { Coordinator in coordinators, "coordinator" by "account" "user":
(String, String) = |row| (row.account.clone(), row.user.clone()); }

columns! { Wckey { id, user, cluster, name, is_default, deleted, } }
kept! { Wckey in wckeys, "wckey" by "user" "cluster" "name": WckeyKey = Wckey::key; }

columns! { Federation { name, deleted, } }
kept! { Federation in federations, "federation" by "name": String = |row| row.name.clone(); }

columns! { Resource { id, name, server, description, server_type, count, allowed [elsewhere], deleted, } }
kept! { Resource in resources, "resource" by "id": ResourceId = |row| row.id;
    const PART: Option<(&'static str, &'static str)> = Some(("resource_cluster", "resource"));

    fn load_parts(sql: &Connection) -> Result<Fill<Self>> {
        let mut found: BTreeMap<ResourceId, BTreeMap<_, _>> = BTreeMap::new();
        each(sql, "SELECT resource, cluster, percent FROM resource_cluster", |row| {
            found.entry(id(row, 0)?).or_default().insert(row.get(1)?, row.get(2)?);
            Ok(())
        })?;
        Ok(Box::new(move |row| row.allowed = found.remove(&row.id).unwrap_or_default()))
    }

    fn save_parts(&self, sql: &Connection) -> Result<()> {
        let put = "INSERT INTO resource_cluster (resource, cluster, percent) VALUES (?1, ?2, ?3)";
        self.allowed.iter().try_for_each(|(cluster, percent)| {
            sql.prepare_cached(put)?.execute(params![self.id.0, cluster, percent]).map(drop)
        })
    }
}

columns! { Event { id, cluster, node, start, end, state, reason, user, tres, cluster_nodes, } }
kept! { Event in events, "event" by "id": u64 = |row| row.id; }

columns! { Reservation {
    cluster, id, name, start, end, tres, flags [by bits], nodes, unused_wall, associations,
} }
kept! { Reservation in reservations, "reservation" by "cluster" "id" "start": ReservationKey = Reservation::key; }

columns! { UsageReset { association, time, } }
kept! { UsageReset in usage_resets, "usage_reset" by "association": AssociationId = |row| row.association; }

fn each(sql: &Connection, query: &str, mut see: impl FnMut(&Row) -> Result<()>) -> Result<()> {
    let mut statement = sql.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row)?;
    }
    Ok(())
}

/// The limits in a table, by whose they are. Of one that is no TRES limit the TRES is 0.
fn limits<Owner: Id<Number = u32> + Ord>(sql: &Connection, table: &str) -> Result<BTreeMap<Owner, Limits>> {
    let mut found: BTreeMap<Owner, Limits> = BTreeMap::new();
    each(sql, &format!("SELECT owner, name, tres, value FROM {table}"), |row| {
        let name: String = row.get(1)?;
        let key = (understood(row, "name", Limit::from_column(&name))?, or_zero::id(row.get(2)?));
        let value = row.get::<_, i64>(3)?.unsigned_abs();
        found.entry(id(row, 0)?).or_default().set(key, Some(value));
        Ok(())
    })?;
    Ok(found)
}

fn put_limits(sql: &Connection, table: &str, owner: impl Id<Number = u32>, limits: &Limits) -> Result<()> {
    let put = format!("INSERT INTO {table} (owner, name, tres, value) VALUES (?1, ?2, ?3, ?4)");
    limits.iter().try_for_each(|((limit, tres), value)| {
        let values = params![owner.number(), limit.column(), or_zero::number(tres), integer(value)];
        sql.prepare_cached(&put)?.execute(values).map(drop)
    })
}
