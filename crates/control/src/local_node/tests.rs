use super::*;
use crate::template::{MapScope, Scope, Templar};
use words::value::Map;

fn beside(directory: &Path) -> Arc<dyn Scope> {
    let directory = directory.to_str().unwrap();
    MapScope::data(Map::from_iter([("playbook_dir".to_owned(), directory.into())]))
}

fn text(templar: &Templar, text: &str, scope: &Arc<dyn Scope>) -> String {
    templar.render_str(&format!("{{{{ {text} }}}}"), scope).unwrap().to_string()
}

#[test]
fn a_dry_run_promises_a_password_and_writes_none() {
    let place = tempfile::tempdir().unwrap();
    let scope = beside(place.path());
    fs::write(place.path().join("old"), "known\n").unwrap();
    let dry = Templar::on(Arc::new(LocalNode::new(true)));
    let promised = text(&dry, "lookup('password', 'keys/new length=30')", &scope);
    assert_eq!(promised.len(), 30);
    assert_eq!(text(&dry, "lookup('password', 'keys/new')", &scope), promised);
    assert_eq!(text(&dry, "lookup('file', 'keys/new')", &scope), promised);
    let path = format!("'{}/keys/new'", place.path().display());
    assert_eq!(text(&dry, &format!("{path} is file and {path} is exists"), &scope), "True");
    let hashed = text(&dry, "lookup('password', 'old', encrypt='sha512_crypt')", &scope);
    assert_eq!(text(&dry, "lookup('password', 'old', encrypt='sha512_crypt')", &scope), hashed);
    assert_eq!(fs::read_to_string(place.path().join("old")).unwrap(), "known\n");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    // Another dry run knows nothing of it.
    let other = Templar::on(Arc::new(LocalNode::new(true)));
    assert_ne!(text(&other, "lookup('password', 'keys/new length=30')", &scope), promised);
}

#[test]
fn a_run_keeps_a_password_for_its_owner_only() {
    let place = tempfile::tempdir().unwrap();
    let scope = beside(place.path());
    let run = Templar::on(Arc::new(LocalNode::new(false)));
    let made = text(&run, "lookup('password', 'keys/new')", &scope);
    let path = place.path().join("keys/new");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{made}\n"));
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
    let again = Templar::on(Arc::new(LocalNode::new(false)));
    assert_eq!(text(&again, "lookup('password', 'keys/new')", &scope), made);
}

#[test]
fn what_was_promised_is_what_a_real_task_of_the_run_keeps() {
    let place = tempfile::tempdir().unwrap();
    let scope = beside(place.path());
    fs::write(place.path().join("old"), "known\n").unwrap();
    let node = LocalNode::new(true);
    let (dry, real) = (Templar::on(Arc::new(node.with(true))), Templar::on(Arc::new(node.with(false))));
    for lookup in ["lookup('password', 'new')", "lookup('password', 'old', encrypt='sha512_crypt')"] {
        let promised = text(&dry, lookup, &scope);
        assert_eq!(text(&real, lookup, &scope), promised);
        let later = Templar::on(Arc::new(LocalNode::new(false)));
        assert_eq!(text(&later, lookup, &scope), promised);
    }
}

#[test]
fn all_hosts_get_the_same_new_password() {
    for dry in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let scope = beside(place.path());
        let templar = Templar::on(Arc::new(LocalNode::new(dry)));
        let hosts = [(); 16];
        let seen: Vec<String> = std::thread::scope(|threads| {
            let host = |()| threads.spawn(|| text(&templar, "lookup('password', 'new')", &scope));
            let all: Vec<_> = hosts.map(host).into_iter().collect();
            all.into_iter().map(|host| host.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|password| *password == seen[0]), "dry: {dry}, {seen:?}");
    }
}

#[test]
fn the_machine_is_read() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a"), "x").unwrap();
    std::os::unix::fs::symlink("a", place.path().join("link")).unwrap();
    let node = LocalNode::new(false);
    let kind = |entry: io::Result<Entry>| entry.unwrap().kind;
    let link = place.path().join("link");
    assert_eq!((kind(node.entry(&link)), kind(node.entry_or_link(&link))), (EntryKind::File, EntryKind::Link));
    assert_eq!(kind(node.entry(place.path())), EntryKind::Directory);
    assert_eq!(kind(node.entry(Path::new("/dev/null"))), EntryKind::Other);
    assert_eq!(node.resolved(&link).unwrap(), place.path().canonicalize().unwrap().join("a"));
    assert_eq!(node.home_of(&LoginName::parse("root").unwrap()).unwrap().as_deref(), Some("/root"));
    assert_eq!(node.home_of(&LoginName::parse("nobody-has-this-name").unwrap()).unwrap(), None);
    assert_eq!(node.shell("pwd", Some(Path::new("/"))).as_deref(), Ok("/\n"));
    assert!(node.shell("echo no >&2; exit 3", None).unwrap_err().ends_with("(exit status: 3): no"));
    let (mut first, mut second) = ([0; 32], [0; 32]);
    node.random(&mut first).unwrap();
    node.random(&mut second).unwrap();
    assert_ne!(first, second);
}
