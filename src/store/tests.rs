use super::*;
use crate::accounting::model::*;

fn rows(state: &mut State) {
    let cluster =
        Cluster { name: "c".into(), control_host: String::new(), control_port: 0, rpc_version: 0, deleted: false };
    state.clusters.put("c".into(), cluster);
    let mut limits = Limits::default();
    limits.set((Limit::GrpTres, 1001), Some(2));
    limits.set((Limit::MaxJobs, 0), Some(0));
    let mut qos = Qos::new(1, "normal");
    qos.flags.insert(qos::QosFlag::NoDecay);
    qos.limits = limits.clone();
    state.qos.put(1, qos);
    state.put_association(Association {
        id: 1,
        key: AssociationKey::account("c", "root"),
        parent: None,
        position: 0,
        is_default: false,
        shares: Shares::Parent,
        limits,
        priority: None,
        qos: QosSet::Changed { added: [1].into(), removed: [].into() },
        default_qos: Some(1),
        deleted: false,
    });
    state.record(Transaction {
        id: 0,
        time: 5,
        action: Action::AddCluster,
        actor: "root".into(),
        target: "c'; DROP TABLE txn; --".into(),
        info: String::new(),
        cluster: "c".into(),
    });
}

#[test]
fn what_is_saved_is_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut state = State::default();
    rows(&mut state);
    Store::open(&path).unwrap().save(&state).unwrap();
    let loaded = Store::open(&path).unwrap().load().unwrap();
    assert_eq!(loaded.association(1), state.association(1));
    assert_eq!(loaded.qos.get(&1), state.qos.get(&1));
    assert_eq!(loaded.transactions.get(&1), state.transactions.get(&1));
    assert_eq!(loaded.clusters.get(&"c".to_owned()), state.clusters.get(&"c".to_owned()));
}

#[test]
fn a_failed_save_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("a.db")).unwrap();
    let mut state = State::default();
    rows(&mut state);
    state.edit_association(1, |row| row.key.cluster = "not there".into());
    let error = store.save(&state).unwrap_err().to_string();
    assert!(error.contains("FOREIGN KEY"), "{error}");
    assert_eq!(store.load().unwrap().clusters.values().count(), 0);
}

#[test]
fn a_second_opener_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let first = Store::open(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::InUse(_))));
    drop(first);
    Store::open(&path).unwrap();
}

#[test]
fn damage_and_newer_schemas_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, b"this is no database at all, not even a little one").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. } | StoreError::Database { .. })));
    let newer = directory.path().join("b.db");
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&newer), Err(StoreError::TooNew { found: 99, .. })));
}
