mod cut;
mod migration;
mod round_trip;

use super::*;
use slurm::model::*;
use words::people::Uid;

fn rows(state: &mut State) {
    state.clusters.put("c".into(), Cluster::new("c"));
    let mut limits = Limits::default();
    limits.set((Limit::GrpTres, Some(TresId(1001))), Some(2));
    limits.set((Limit::MaxJobs, None), Some(0));
    let mut qos = Qos::new(Qos::NORMAL, "normal");
    qos.flags.insert(qos::QosFlag::NoDecay);
    qos.limits = limits.clone();
    state.qos.put(Qos::NORMAL, qos);
    state.put_association(Association {
        id: AssociationId(1),
        key: AssociationKey::account("c", "root"),
        parent: None,
        position: 0,
        is_default: false,
        shares: Shares::Parent,
        limits,
        priority: None,
        qos: QosSet::Changed { added: [Qos::NORMAL].into(), removed: [].into() },
        default_qos: Some(Qos::NORMAL),
        comment: Some("a lab".into()),
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

fn save(store: &mut Store, state: &State) -> Result<(), StoreError> {
    let draft = store.draft()?;
    draft.save(state)?;
    draft.keep()
}

/// One row of each small table.
fn small_rows(state: &mut State) {
    let wckey = Wckey {
        id: WckeyId(1),
        user: "u".into(),
        cluster: "c".into(),
        name: String::new(),
        is_default: true,
        deleted: false,
    };
    state.wckeys.put(wckey.key(), wckey);
    state.federations.put("f".into(), Federation { name: "f".into(), deleted: false });
    state.clusters.edit(&"c".into(), |row| {
        row.classification = Classification::Capacity;
        row.membership = Membership {
            federation: "f".into(),
            id: 2,
            state: FederationState::DrainRemove,
            features: ["gpu".into(), "ib".into()].into(),
        };
    });
    let resource = Resource {
        id: ResourceId(7),
        name: "matlab".into(),
        server: "slurmdb".into(),
        description: "matlab".into(),
        server_type: String::new(),
        count: 10,
        allowed: [("c".into(), 30)].into(),
        deleted: false,
    };
    state.resources.put(ResourceId(7), resource);
    let event = Event {
        id: 1,
        cluster: "c".into(),
        node: "n1".into(),
        start: 10,
        end: None,
        state: 0x201,
        reason: "'fan'".into(),
        user: Some(Uid::ROOT),
        tres: [(tres::CPU, 4), (tres::MEM, u64::MAX >> 1)].into(),
        cluster_nodes: String::new(),
    };
    state.events.put(1, event);
    let reservation = Reservation {
        cluster: "c".into(),
        id: ReservationId(3),
        name: "maint".into(),
        start: 10,
        end: 20,
        tres: [].into(),
        flags: u64::MAX,
        nodes: "n[1-2]".into(),
        unused_wall: 1.5,
        associations: String::new(),
    };
    state.reservations.put(reservation.key(), reservation);
}

#[test]
fn small_tables_are_saved_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut state = State::default();
    rows(&mut state);
    small_rows(&mut state);
    let mut store = Store::open(&path).unwrap();
    save(&mut store, &state).unwrap();
    state.commit();
    let same = |loaded: &State, state: &State| {
        assert_eq!(loaded.wckeys.values().collect::<Vec<_>>(), state.wckeys.values().collect::<Vec<_>>());
        assert_eq!(loaded.federations.values().collect::<Vec<_>>(), state.federations.values().collect::<Vec<_>>());
        assert_eq!(loaded.clusters.values().collect::<Vec<_>>(), state.clusters.values().collect::<Vec<_>>());
        assert_eq!(loaded.resources.values().collect::<Vec<_>>(), state.resources.values().collect::<Vec<_>>());
        assert_eq!(loaded.events.values().collect::<Vec<_>>(), state.events.values().collect::<Vec<_>>());
        assert_eq!(loaded.reservations.values().collect::<Vec<_>>(), state.reservations.values().collect::<Vec<_>>());
    };
    same(&store.load().unwrap(), &state);
    state.resources.edit(&ResourceId(7), |row| row.allowed.clear());
    state.events.edit(&1, |row| row.end = Some(11));
    state.wckeys.remove(&("u".into(), "c".into(), String::new()));
    state.federations.remove(&"f".into());
    state.reservations.remove(&("c".into(), ReservationId(3), 10));
    save(&mut store, &state).unwrap();
    same(&store.load().unwrap(), &state);
}

#[test]
fn what_is_saved_is_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut state = State::default();
    rows(&mut state);
    save(&mut Store::open(&path).unwrap(), &state).unwrap();
    let store = Store::open(&path).unwrap();
    let mut loaded = store.load().unwrap();
    assert_eq!(loaded.association(AssociationId(1)), state.association(AssociationId(1)));
    assert_eq!(loaded.qos.get(&Qos::NORMAL), state.qos.get(&Qos::NORMAL));
    let recorded = |time| {
        let mut lines = Vec::new();
        store.readers().transactions(time, |line| lines.push(line)).unwrap();
        lines
    };
    assert_eq!(recorded(0..6), state.recorded());
    assert_eq!(recorded(0..5), []);
    loaded.record(state.recorded()[0].clone());
    assert_eq!(loaded.recorded()[0].id, 2, "numbers go on where the store ends");
    assert_eq!(loaded.clusters.get(&"c".to_owned()), state.clusters.get(&"c".to_owned()));
}

#[test]
fn a_failed_save_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("a.db")).unwrap();
    let mut state = State::default();
    rows(&mut state);
    state.edit_association(AssociationId(1), |row| row.key.cluster = "not there".into());
    let error = save(&mut store, &state).unwrap_err().to_string();
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

#[test]
fn damage_in_what_the_state_is_made_of_is_found_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut state = State::default();
    rows(&mut state);
    save(&mut Store::open(&path).unwrap(), &state).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    let page = |name: &str| {
        let query = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        connection.query_row(query, [name], |row| row.get::<_, i64>(0)).unwrap() as usize
    };
    let (root, size) = (page("association"), 4096);
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(root - 1) * size..root * size].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })));
}
