use super::*;
use crate::store::Store;
use slurm::State;
use slurm::model::{AdminLevel, User};
use tempfile::TempDir;

fn put(store: &mut Store, name: &str) {
    let mut state = State::default();
    state.users.put(name.into(), User { name: name.into(), admin_level: AdminLevel::None, deleted: false });
    let draft = store.draft().unwrap();
    draft.save(&state).unwrap();
    draft.keep().unwrap();
}

fn names(path: &Path) -> Vec<String> {
    Store::open(path).unwrap().load().unwrap().users.values().map(|user| user.name.clone()).collect()
}

fn at(directory: &TempDir, name: &str) -> PathBuf {
    directory.path().join(name)
}

fn files(directory: &TempDir) -> Vec<String> {
    let names = std::fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_an_open_store_is_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (at(&directory, "a.db"), at(&directory, "copy"));
    let mut store = Store::open(&path).unwrap();
    put(&mut store, "first");
    assert_eq!(backup(&path, &copy).unwrap().rows[1], ("users", 1));
    assert!(matches!(backup(&path, &copy), Err(StoreError::Taken(_))), "a backup is never written over");
    put(&mut store, "second");
    assert!(matches!(restore(&copy, &path), Err(StoreError::InUse(_))));
    drop(store);
    let (contents, kept) = restore(&copy, &path).unwrap();
    assert_eq!(contents.schema, MIGRATIONS.len());
    assert_eq!(names(&path), ["first"]);
    assert_eq!(names(&kept.unwrap()), ["first", "second"]);
    let (_, kept) = restore(&copy, &path).unwrap();
    assert_eq!(kept.unwrap(), at(&directory, "a.db.replaced-2"), "what was kept stays");
    let (_, kept) = restore(&copy, &at(&directory, "new.db")).unwrap();
    assert_eq!((kept, names(&at(&directory, "new.db"))), (None, vec!["first".to_owned()]));
}

#[test]
fn the_log_of_a_killed_service_is_not_taken_for_the_new_stores() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (at(&directory, "a.db"), at(&directory, "copy"));
    let mut store = Store::open(&at(&directory, "running.db")).unwrap();
    put(&mut store, "first");
    backup(&at(&directory, "running.db"), &copy).unwrap();
    put(&mut store, "second");
    // As a killed service leaves it: the last commits in the log alone.
    std::fs::copy(at(&directory, "running.db"), &path).unwrap();
    std::fs::copy(at(&directory, "running.db-wal"), at(&directory, "a.db-wal")).unwrap();
    let (_, kept) = restore(&copy, &path).unwrap();
    assert_eq!(names(&path), ["first"]);
    assert_eq!(names(&kept.unwrap()), ["first", "second"]);
}

#[test]
fn what_is_not_whole_replaces_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = at(&directory, "a.db");
    put(&mut Store::open(&path).unwrap(), "first");
    let bad = tempfile::tempdir().unwrap();
    let (text, foreign, torn, newer) = (at(&bad, "text"), at(&bad, "other"), at(&bad, "torn"), at(&bad, "newer"));
    std::fs::write(&text, "no database, but longer than a header of one would be: ".repeat(20)).unwrap();
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    backup(&path, &torn).unwrap();
    let mut bytes = std::fs::read(&torn).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&torn, bytes).unwrap();
    backup(&path, &newer).unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = files(&directory);
    for file in [text, foreign, torn, newer, at(&bad, "missing")] {
        let error = restore(&file, &path).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
        assert_eq!(files(&directory), before, "{error}");
    }
    assert_eq!(names(&path), ["first"]);
}

#[test]
fn a_row_without_its_parent_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = at(&directory, "a.db");
    put(&mut Store::open(&path).unwrap(), "first");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute("INSERT INTO coordinator VALUES ('nowhere', 'first')", []).unwrap();
    drop(connection);
    let error = check(&path).unwrap_err().to_string();
    assert!(error.contains("a row of coordinator lacks its account"), "{error}");
}

/// docs/store.md says what `check` cannot find.
#[test]
fn a_value_that_is_still_well_formed_is_not_told_from_the_one_that_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = at(&directory, "a.db");
    put(&mut Store::open(&path).unwrap(), "first");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    let account = "INSERT INTO account (name, description, organization, deleted) \
                   VALUES ('ai', 'as it was written', 'x', 0)";
    connection.execute(account, []).unwrap();
    drop(connection);
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(17).position(|window| window == b"as it was written").unwrap();
    let before = check(&path).unwrap();
    let mut changed = bytes.clone();
    changed[at] = b'A';
    std::fs::write(&path, changed).unwrap();
    assert_eq!(check(&path).unwrap(), before);
    let mut broken = bytes;
    broken[at - 40..at].fill(0xff);
    std::fs::write(&path, broken).unwrap();
    assert!(check(&path).is_err(), "a row that cannot be read is found");
}
