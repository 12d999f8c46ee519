use super::*;
use slurm::model::{AdminLevel, Coordinator, User};
use std::sync::Barrier;
use tempfile::TempDir;

fn writer(directory: &TempDir) -> Writer {
    Writer::start(Store::open(&directory.path().join("a.db")).unwrap(), State::default()).unwrap()
}

fn add(state: &mut State, name: &str) {
    state.users.put(name.into(), User { name: name.into(), admin_level: AdminLevel::None, deleted: false });
}

fn adding(name: &str) -> impl Fn(&mut Change) -> Result<String, StoreError> + Send + 'static {
    let name = name.to_owned();
    move |change| {
        add(change.state, &name);
        Ok(name.clone())
    }
}

fn names(state: &State) -> Vec<String> {
    state.users.values().map(|user| user.name.clone()).collect()
}

type Said = Box<dyn Fn(&mut Change) -> Result<String, StoreError> + Send>;

/// Runs these at once: they all wait while the first command runs.
fn in_one_batch(writer: &Writer, works: Vec<(Asker, Said)>) -> Vec<Result<Written<String>, String>> {
    let barrier = Arc::new(Barrier::new(2));
    let held = barrier.clone();
    std::thread::scope(|scope| {
        let hold = move |_: &mut Change| {
            held.wait();
            held.wait();
            Ok(())
        };
        let first = scope.spawn(move || writer.run(hold));
        barrier.wait();
        let (answers, jobs): (Vec<_>, Vec<_>) = works
            .into_iter()
            .map(|(asker, work)| {
                let (answer, answered) = sync_channel(1);
                let (slot, work) = Slot::of(work);
                ((slot, answered), Job { work, asker, answer })
            })
            .unzip();
        jobs.into_iter().for_each(|job| writer.jobs.send(job).unwrap());
        barrier.wait();
        first.join().unwrap().unwrap();
        answers.into_iter().map(|(slot, answered)| slot.take(answered.recv().unwrap())).collect()
    })
}

#[test]
fn what_is_answered_is_in_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let writer = writer(&directory);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let writer = &writer;
            scope.spawn(move || {
                for n in 0..20 {
                    let name = format!("u{thread}x{n}");
                    assert_eq!(writer.run(adding(&name)).unwrap().gave, name);
                    assert!(writer.kept().state.user(&name).is_some());
                }
            });
        }
    });
    let Kept { state, revision } = writer.kept();
    assert_eq!(revision, 161);
    let read = rusqlite::Connection::open(directory.path().join("a.db")).unwrap();
    let count: i64 = read.query_row("SELECT count(*) FROM user", [], |row| row.get(0)).unwrap();
    assert_eq!((count, names(&state).len()), (160, 160));
}

#[test]
fn only_what_cannot_be_kept_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let writer = writer(&directory);
    let orphan = |change: &mut Change| {
        let row = Coordinator { account: "nowhere".into(), user: "nobody".into() };
        change.state.coordinators.put(("nowhere".into(), "nobody".into()), row);
        Ok(String::new())
    };
    let bug = |change: &mut Change| -> Result<String, StoreError> {
        add(change.state, "half done");
        panic!("as a test does")
    };
    let nothing = |change: &mut Change| Ok(names(change.state).join(","));
    let works: Vec<Said> =
        vec![Box::new(adding("a")), Box::new(orphan), Box::new(bug), Box::new(nothing), Box::new(adding("b"))];
    let answers = in_one_batch(&writer, works.into_iter().map(|work| (Asker::default(), work)).collect());
    assert_eq!(answers[0].as_ref().unwrap().revision, 2);
    assert!(answers[1].as_ref().unwrap_err().contains("FOREIGN KEY"), "{answers:?}");
    assert!(answers[2].as_ref().unwrap_err().contains("a bug in enlist serve"), "{answers:?}");
    assert_eq!(answers[3].as_ref().unwrap().gave, "a", "what was refused is not seen by the next");
    assert_eq!(answers[4].as_ref().unwrap().revision, 3);
    assert_eq!(names(&writer.kept().state), ["a", "b"]);
    assert_eq!(writer.kept().state.coordinators.values().count(), 0);
}

#[test]
fn who_leaves_before_their_turn_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let writer = writer(&directory);
    let left = Asker::default();
    left.leave();
    let askers = [left.clone(), Asker::default(), left];
    let works = ["a", "b", "c"].map(|name| Box::new(adding(name)) as Said);
    let answers = in_one_batch(&writer, askers.into_iter().zip(works).collect());
    assert!(answers[0].as_ref().unwrap_err().contains("nothing was changed") && answers[2].is_err(), "{answers:?}");
    assert_eq!((names(&writer.kept().state), answers[1].as_ref().unwrap().revision), (vec!["b".into()], 2));
}

#[test]
fn readers_see_only_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let writer = writer(&directory);
    let barrier = Arc::new(Barrier::new(2));
    let held = barrier.clone();
    std::thread::scope(|scope| {
        let work = move |change: &mut Change| {
            add(change.state, "a");
            held.wait();
            held.wait();
            Ok(())
        };
        let running = scope.spawn(|| writer.run(work));
        barrier.wait();
        let before = writer.kept();
        assert_eq!((names(&before.state).len(), before.revision), (0, 1));
        barrier.wait();
        running.join().unwrap().unwrap();
        assert_eq!(names(&before.state).len(), 0, "what a reader has does not change below it");
    });
    assert_eq!(names(&writer.kept().state), ["a"]);
}
