//! Events (nodes and clusters that were down) and reservations, as a cluster's controller reports them.

use super::ids::{ReservationId, TresId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use words::people::Uid;

/// Amounts of TRES by number.
pub type TresCounts = BTreeMap<TresId, u64>;

/// A time during which a node was not usable, or a cluster had what it had (sacctmgr(1), "SPECIFICATIONS FOR EVENTS").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Running number from 1.
    pub id: u64,
    /// The cluster.
    pub cluster: String,
    /// The node; empty for an event of the whole cluster.
    pub node: String,
    /// Seconds since 1970.
    pub start: i64,
    /// Seconds since 1970; `None` while it lasts.
    pub end: Option<i64>,
    /// Slurm's node state: a base state in the lower four bits, flags above.
    pub state: u32,
    /// Why.
    pub reason: String,
    /// User number of who caused it; `None` when nobody is named.
    pub user: Option<Uid>,
    /// What the node, or the cluster, has.
    pub tres: TresCounts,
    /// The nodes of the cluster, for an event of the whole cluster.
    pub cluster_nodes: String,
}

/// What identifies a reservation's row: (cluster, number, start). A change of a running reservation begins a new row.
pub type ReservationKey = (String, ReservationId, i64);

/// Resources that were set apart (sacctmgr(1), "SPECIFICATIONS FOR RESERVATIONS").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// The cluster.
    pub cluster: String,
    /// Its number there.
    pub id: ReservationId,
    /// Its name.
    pub name: String,
    /// Seconds since 1970.
    pub start: i64,
    /// Seconds since 1970.
    pub end: i64,
    /// What is set apart.
    pub tres: TresCounts,
    /// Slurm's flag bits (`RESERVE_FLAG_…`).
    pub flags: u64,
    /// The nodes.
    pub nodes: String,
    /// Seconds that no job used.
    pub unused_wall: f64,
    /// Numbers of the associations that may use it, separated by commas.
    pub associations: String,
}

impl Reservation {
    /// What identifies the row.
    pub fn key(&self) -> ReservationKey {
        (self.cluster.clone(), self.id, self.start)
    }
}
