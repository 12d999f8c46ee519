use super::lock::Lock;
use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

fn etc() -> tempfile::TempDir {
    let etc = tempfile::tempdir().unwrap();
    for (name, mode) in [("passwd", 0o644), ("group", 0o644), ("shadow", 0o640), ("gshadow", 0o640)] {
        let path = etc.path().join(name);
        fs::write(&path, format!("old {name}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    etc
}

fn names(etc: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(etc).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn write(accounts: &mut Accounts, name: &str) {
    accounts.write(&Path::new("/etc").join(name), format!("new {name}\n").as_bytes()).unwrap();
}

#[test]
fn a_transaction_reads_what_it_wrote_and_leaves_nothing_when_dropped() {
    let etc = etc();
    let before = names(etc.path());
    let mut accounts = Accounts::begin_in(etc.path()).unwrap();
    write(&mut accounts, "passwd");
    assert_eq!(accounts.read(Path::new("/etc/passwd")).unwrap().unwrap(), b"new passwd\n");
    assert_eq!(accounts.read(Path::new("/etc/group")).unwrap().unwrap(), b"old group\n");
    assert_eq!(accounts.read(Path::new("/etc/subuid")).unwrap(), None);
    assert!(etc.path().join("passwd.lock").exists());
    drop(accounts);
    assert_eq!(fs::read(etc.path().join("passwd")).unwrap(), b"old passwd\n");
    let after: Vec<_> = names(etc.path()).into_iter().filter(|name| name != ".pwd.lock").collect();
    assert_eq!(after, before);
}

#[test]
fn a_commit_keeps_mode_and_makes_backups_of_what_changed_only() {
    let etc = etc();
    let mut accounts = Accounts::begin_in(etc.path()).unwrap();
    write(&mut accounts, "shadow");
    accounts.write(Path::new("/etc/group"), b"old group\n").unwrap();
    accounts.commit().unwrap();
    let expected = [".pwd.lock", "group", "gshadow", "passwd", "shadow", "shadow-"];
    assert_eq!(names(etc.path()), expected);
    assert_eq!(fs::read(etc.path().join("shadow")).unwrap(), b"new shadow\n");
    assert_eq!(fs::read(etc.path().join("shadow-")).unwrap(), b"old shadow\n");
    for name in ["shadow", "shadow-"] {
        assert_eq!(fs::metadata(etc.path().join(name)).unwrap().mode() & 0o7777, 0o640);
    }
}

#[test]
fn killed_at_any_effect_every_file_is_old_or_new_and_the_next_run_completes() {
    for fuse in 0.. {
        let etc = etc();
        let mut accounts = Accounts::begin_in(etc.path()).unwrap();
        for name in ["shadow", "group", "passwd"] {
            write(&mut accounts, name);
        }
        accounts.fuse = Some(fuse);
        let finished = accounts.commit().is_ok();
        let mut new = Vec::new();
        for name in ["shadow", "group", "passwd"] {
            let content = fs::read_to_string(etc.path().join(name)).unwrap();
            assert!(content == format!("old {name}\n") || content == format!("new {name}\n"), "{content}");
            new.push(content.starts_with("new"));
        }
        assert!(new.is_sorted_by(|a, b| a >= b), "files are replaced in the order of the first write: {new:?}");
        if finished {
            assert_eq!(new, [true; 3]);
            assert!(fuse >= 9, "every effect was a crash point");
            return;
        }
        let mut again = Accounts::begin_in(etc.path()).unwrap();
        for name in ["shadow", "group", "passwd"] {
            write(&mut again, name);
        }
        again.commit().unwrap();
        assert_eq!(fs::read(etc.path().join("passwd")).unwrap(), b"new passwd\n");
        let left: Vec<_> = names(etc.path()).into_iter().filter(|name| name.contains("enlist")).collect();
        assert_eq!(left, Vec::<String>::new(), "after a crash at effect {fuse}");
    }
}

#[test]
fn a_live_holder_is_named_and_a_dead_one_is_not_waited_for() {
    let etc = etc();
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let lock = etc.path().join("shadow.lock");
    fs::write(&lock, format!("{}\0", sleeper.id())).unwrap();
    let refused = Lock::take(etc.path(), Duration::from_millis(50)).unwrap_err().to_string();
    assert!(refused.contains(&format!("shadow.lock is held by process {} (sleep)", sleeper.id())), "{refused}");
    assert!(!etc.path().join("passwd.lock").exists(), "what was taken is given back");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    drop(Lock::take(etc.path(), Duration::ZERO).unwrap());
    assert!(!lock.exists());
}

#[test]
fn two_transactions_exclude_each_other_also_in_one_process() {
    let etc = etc();
    let first = Lock::take(etc.path(), Duration::ZERO).unwrap();
    assert!(Lock::take(etc.path(), Duration::from_millis(50)).is_err());
    drop(first);
    assert!(Lock::take(etc.path(), Duration::ZERO).is_ok());
}

#[test]
fn a_symbolic_link_is_refused() {
    let etc = etc();
    fs::rename(etc.path().join("group"), etc.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", etc.path().join("group")).unwrap();
    let mut accounts = Accounts::begin_in(etc.path()).unwrap();
    write(&mut accounts, "passwd");
    write(&mut accounts, "group");
    assert!(accounts.commit().unwrap_err().to_string().contains("is a symbolic link"));
    assert_eq!(fs::read(etc.path().join("passwd")).unwrap(), b"old passwd\n", "nothing was written");
}

/// The lock of a process that has the number of a living one, which began later.
fn lock_of_before(etc: &Path, pid: u32) -> PathBuf {
    let lock = etc.join("shadow.lock");
    fs::write(&lock, format!("{pid}\0")).unwrap();
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(86400);
    File::options().write(true).open(&lock).unwrap().set_modified(yesterday).unwrap();
    lock
}

#[test]
fn a_lock_is_older_than_the_process_that_has_its_number_now() {
    let etc = etc();
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let lock = lock_of_before(etc.path(), sleeper.id());
    let taken = Lock::take(etc.path(), Duration::from_millis(50));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    drop(taken.unwrap());
    assert!(!lock.exists());
}

#[test]
fn what_the_dead_left_goes_without_a_transaction_and_what_the_living_hold_stays() {
    let etc = etc();
    let lock = lock_of_before(etc.path(), std::process::id());
    fs::write(etc.path().join(".passwd.enlist"), "half").unwrap();
    let other = etc.path().join("group.lock");
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(&other, format!("{}\0", sleeper.id())).unwrap();
    let held = Lock::take(etc.path(), Duration::from_millis(50)).is_err();
    assert!(Lock::tidy(etc.path()).unwrap());
    assert!(held && !lock.exists() && other.exists() && !etc.path().join(".passwd.enlist").exists());
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

/// A database that an access list opens to one user (uid 2002) and to nobody of its group: the mode shows the mask.
#[test]
fn a_commit_keeps_access_lists_and_lets_nobody_else_in() {
    const LIST: &str = "system.posix_acl_access";
    let etc = etc();
    let path = etc.path().join("shadow");
    let entry = |tag: u16, permissions: u16, id: u32| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let nobody = u32::MAX;
    let entries =
        [entry(1, 6, nobody), entry(2, 4, 2002), entry(4, 0, nobody), entry(16, 4, nobody), entry(32, 0, nobody)];
    let list = [2u32.to_le_bytes().to_vec(), entries.concat()].concat();
    rustix::fs::setxattr(&path, LIST, &list, rustix::fs::XattrFlags::empty()).unwrap();
    rustix::fs::setxattr(&path, "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    let mut accounts = Accounts::begin_in(etc.path()).unwrap();
    write(&mut accounts, "shadow");
    accounts.commit().unwrap();
    let attribute = |name: &str| {
        let mut value = vec![0; 4096];
        let length = rustix::fs::getxattr(&path, name, &mut value[..]).unwrap();
        value[..length].to_vec()
    };
    assert_eq!(fs::read(&path).unwrap(), b"new shadow\n");
    assert_eq!((attribute(LIST), attribute("user.note")), (list, b"kept".to_vec()));
}
