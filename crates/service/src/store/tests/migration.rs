//! Stores of every earlier schema, as dumps in `fixtures`, are brought up to date with nothing lost.

use super::*;
use std::collections::BTreeSet;

fn fixture(version: usize) -> String {
    let path = format!("{}/src/store/fixtures/v{version:03}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; run crates/service/src/store/fixtures/make"))
}

/// What SQLite knows of a store's tables and indices, without the spelling.
fn shape(path: &Path) -> BTreeSet<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut columns = connection
        .prepare(
            "SELECT m.name, c.cid || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk
             FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
             UNION ALL SELECT tbl_name, name FROM sqlite_schema WHERE type = 'index'",
        )
        .unwrap();
    columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_earlier_schema_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = directory.path().join("fresh.db");
    drop(Store::open(&fresh).unwrap());
    for version in 1..=MIGRATIONS.len() {
        let path = directory.path().join(format!("v{version}.db"));
        Connection::open(&path).unwrap().execute_batch(&fixture(version)).unwrap();
        let store = Store::open(&path).unwrap();
        holds_what_it_held(&store, version);
        drop(store);
        assert_eq!(shape(&path), shape(&fresh), "schema of version {version}");
        assert_eq!(verify(&path).unwrap().schema, MIGRATIONS.len());
    }
}

fn holds_what_it_held(store: &Store, version: usize) {
    let state = store.load().unwrap();
    assert_eq!(state.cluster_names(), ["alpha"], "version {version}");
    assert_eq!(state.clusters.get(&"alpha".into()).unwrap().control_port, 6817);
    let account = state.account("physics").unwrap();
    assert_eq!((account.description.as_str(), account.organization.as_str()), ("with 'quotes'", "höhe"));
    assert_eq!(state.user("ann").unwrap().admin_level, AdminLevel::Operator);
    assert!(state.user("left").is_none() && state.users.get(&"left".into()).is_some());
    let high = state.qos_named("high").unwrap();
    assert_eq!((high.priority, high.usage_factor, high.usage_threshold), (10, 2.5, Some(0.5)));
    assert_eq!((high.preempt.len(), high.flags.len(), high.preempt_exempt_time), (1, 2, Some(5)));
    assert_eq!(high.limits.get(Limit::MaxJobsPerUser), Some(0), "zero is a limit");
    let physics = state.find(&AssociationKey::account("alpha", "physics")).unwrap();
    assert_eq!(physics.qos, QosSet::Changed { added: [QosId(2)].into(), removed: [Qos::NORMAL].into() });
    assert_eq!((physics.priority, physics.shares, physics.default_qos), (Some(7), Shares::Parent, Some(QosId(2))));
    assert_eq!(physics.limits.tres(Limit::GrpTres, TresId(1001)), Some(2));
    assert_eq!(state.default_account("ann", "alpha").unwrap().shares, Shares::Of(20));
    assert!(state.find_deleted(&AssociationKey::user("alpha", "physics", "left", "gpu")).is_some());
    assert!(state.coordinators.get(&("physics".into(), "ann".into())).is_some());
    let mut lines = Vec::new();
    store.readers().transactions(0..1000, |line| lines.push((line.id, line.time, line.action, line.target))).unwrap();
    let expected = [
        (1, 100, Action::AddCluster, "alpha".into()),
        (2, 200, Action::AddUser, "ann".into()),
        (3, 300, Action::ModifyAssociation, "id_assoc=2".into()),
    ];
    assert_eq!(lines, expected);
}
