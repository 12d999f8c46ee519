//! What exists before the first command: the fixed TRES, the QOS `normal`, the account and user `root`, and clusters.

use crate::State;
use crate::model::tres::{FIRST_CONFIGURED, FIXED};
use crate::model::*;
use crate::record;
use crate::tree::{self, Seed, Settings};

/// Adds what is missing: on a fresh state the cluster and all that Slurm has from the start; TRES by `type/name`.
pub fn found(state: &mut State, cluster: &str, tres: &[String], now: i64) {
    for (id, kind, name) in FIXED {
        if state.tres.get(&id).is_none() {
            state.tres.put(id, Tres { id, kind: kind.into(), name: name.into() });
        }
    }
    if state.qos.last_key().is_none() {
        let description = "Normal QOS default".to_owned();
        state.qos.put(Qos::NORMAL, Qos { description, ..Qos::new(Qos::NORMAL, "normal") });
    }
    if state.account("root").is_none() {
        let account = Account {
            name: "root".into(),
            description: "default root account".into(),
            organization: "root".into(),
            users_coordinate: false,
            deleted: false,
        };
        state.accounts.put("root".into(), account);
    }
    if state.user("root").is_none() {
        let user = User { name: "root".into(), admin_level: AdminLevel::Administrator, deleted: false };
        state.users.put("root".into(), user);
    }
    if state.cluster_names().is_empty() {
        add_cluster(state, cluster, &Settings::default());
        record_cluster(state, now, cluster);
    }
    for name in tres.iter().filter(|name| !name.is_empty()) {
        add_tres(state, name, now);
    }
}

/// Adds a TRES by `type/name`, unless it is there; its number.
pub fn add_tres(state: &mut State, name: &str, now: i64) -> TresId {
    if let Some(tres) = state.tres_named(name) {
        return tres.id;
    }
    let id = state.tres.last_key().map_or(FIRST_CONFIGURED, |id| id.next().max(FIRST_CONFIGURED));
    let row = Tres::new(id, name);
    let info = format!("type={}, name={}", row.kind, row.name);
    state.tres.put(id, row);
    record(state, now, Action::AddTres, &format!("id={id}"), &info);
    id
}

fn record_cluster(state: &mut State, now: i64, name: &str) {
    let added = state.clusters.get(&name.to_owned()).zip(state.root(name));
    let info = added.map(|(cluster, root)| record::cluster(now, cluster, root)).unwrap_or_default();
    record(state, now, Action::AddCluster, name, &info);
    let Some(row) = state.default_account("root", name).cloned() else { return };
    let (info, target) = (record::association(now, &row, None, true), format!("id_assoc={}", row.id));
    let (actor, cluster) = ("root".to_owned(), name.to_owned());
    state.record(Transaction { id: 0, time: now, action: Action::AddAssociation, actor, target, info, cluster });
}

fn record(state: &mut State, time: i64, action: Action, target: &str, info: &str) {
    let (target, info) = (target.to_owned(), info.to_owned());
    state.record(Transaction { id: 0, time, action, actor: "root".into(), target, info, cluster: String::new() });
}

/// Adds a cluster with its root association and the user root in it.
pub fn add_cluster(state: &mut State, name: &str, settings: &Settings) {
    let name = name.to_owned();
    state.clusters.put(name.clone(), Cluster::new(name.clone()));
    let key = AssociationKey::account(&name, "root");
    let id = state.find_deleted(&key).map_or_else(|| state.next_association(), |row| row.id);
    let mut root = Association::new(id, key, None, settings.clone());
    if root.qos == QosSet::Inherited {
        root.qos = QosSet::Exactly([Qos::NORMAL].into());
    }
    state.put_association(root);
    let key = AssociationKey::user(&name, "root", "root", "");
    tree::grow(state, &[(id, Seed { key, settings: Settings::default(), is_default: true })]);
}
