use super::*;
use crate::Reply;
use crate::sacctmgr::{self, World};
use proptest::prelude::*;
use slurm::State;
use slurm::authority::Caller;
use words::people::{NOBODY, People};

/// A caller who has one file.
struct Desk(String);

impl World for Desk {
    fn people(&self) -> &dyn People {
        &NOBODY
    }

    fn now(&self) -> i64 {
        0
    }

    fn local_time(&self, _: i64) -> String {
        String::new()
    }

    fn file(&self, _: &str) -> Option<Result<&str, &str>> {
        Some(Ok(&self.0))
    }
}

fn founded() -> State {
    let mut state = State::default();
    founding::found(&mut state, "ref", &["gres/gpu".into()], 0);
    for qos in ["high", "low"] {
        run(&mut state, &format!("add qos {qos}"), "");
    }
    state.commit();
    state
}

fn run(state: &mut State, words: &str, file: &str) -> Reply {
    let argv: Vec<_> = ["-i", "-Q"].iter().map(|s| s.to_string()).chain(words.split(' ').map(str::to_owned)).collect();
    let reply = sacctmgr::run(state, &Caller::root(), &Desk(file.into()), &argv, &[]);
    state.commit();
    reply
}

fn dump(state: &State) -> String {
    dump::text(&dump::lines(state, "ref"))
}

fn load(file: &str) -> (State, Reply) {
    let mut state = founded();
    let reply = run(&mut state, "load x", file);
    (state, reply)
}

const TREE: &str = "\
Cluster - 'ref':Classification='Capacity':Fairshare=3:MaxJobs=50:QOS='low,normal'
Parent - 'root'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Account - 'research':Description='인공지능 연구팀 # 1 \\o/: a=b':Organization='research dept':Fairshare=10:GrpTRES=cpu=100,mem=200G:GrpWall=1563:QOS='high,normal'
Parent - 'research'
User - 'bob':DefaultAccount='research':DefaultWCKey='k1':AdminLevel='Operator':Coordinator='research':WCKeys='k1,k2':Fairshare=1
Account - 'nlp':Description='nlp':Organization='research':DefaultQOS='low':Fairshare=2147483647:QOS='+low,-normal'
Parent - 'nlp'
User - 'al ice':Partition='gpu':DefaultAccount='nlp':Fairshare=7:MaxJobs=0:Priority=4
";

#[test]
fn a_loaded_file_is_dumped_the_same() {
    let (mut state, reply) = load(TREE);
    assert_eq!(reply.code, 0, "{}", reply.stderr);
    let once = dump(&state);
    assert_eq!(once.lines().skip(12).collect::<Vec<_>>(), TREE.lines().collect::<Vec<_>>());
    assert_eq!(run(&mut state, "load x", &once).stdout, "For cluster ref\n Nothing new added.\n");
    let clean = run(&mut state, "load x clean", &once);
    assert_eq!(clean.code, 0);
    assert!(clean.stdout.contains("For cluster ref\nClassification: Capacity\n"), "as 22.05.8: {}", clean.stdout);
    assert_eq!(dump(&state), once);
}

#[test]
fn a_file_with_a_wrong_line_changes_nothing() {
    for wrong in ["User - x:Bogus=1", "Parent - nope", "Account - x:MaxJobs=y", "User - 'x", "Foo - x", "Account -"] {
        let (state, reply) = load(&format!("{TREE}{wrong}\n"));
        assert_eq!(reply.code, 1, "{wrong}");
        assert!(!reply.stderr.is_empty(), "{wrong}");
        assert_eq!(dump(&state), dump(&founded()), "{wrong}");
    }
}

/// Loads on top of [`TREE`]; what was said, when nothing changed.
fn refused(file: &str) -> String {
    let (mut state, _) = load(TREE);
    let before = dump(&state);
    let reply = run(&mut state, "load x", file);
    assert_eq!(reply.code, 1, "{file:.200}: {}", reply.stdout);
    assert_eq!(dump(&state), before, "{file:.200}");
    reply.stderr
}

#[test]
fn hostile_files_are_refused_with_the_line() {
    let long = "x".repeat(1 << 20);
    for (file, said) in [
        ("Cluster - ref\nUser - a\0b\n", "line(2) has the character U+0000"),
        ("Cluster - ref\nParent - root\nUser - a\x1b[2J:MaxJobs=1\n", "line(3) has the character U+001B"),
        ("User - early\n", "This is line(1): User - early"),
        ("Cluster - ref\nCluster - ref\n", "This is line(2): Cluster - ref"),
        ("Cluster - ref\nParent - later\nAccount - x\nParent - root\nAccount - later\n", "line(2) You need to add"),
        ("Cluster - ref\nParent - root\nAccount - 'a|b'\n", "This is line(3): Account - 'a|b'"),
        ("Cluster - ref\nParent - root\nUser - u:QOS='nope'\n", "line(3)"),
        ("Cluster - ref\nParent - root\nUser - u:Colour=red\n", "line(3)"),
        ("Cluster - ref\nParent - root\nUser - u:MaxJobs=99999999999999999999\n", "line(3)"),
        (&format!("Cluster - ref\nParent - root\nUser - {long}\n"), "line(3)"),
        (&format!("Cluster - ref\nParent - root\nFoo - {long}\n"), "line(3)"),
        (&format!("Cluster - ref\nParent - root\nUser - u:{long}=1\n"), "line(3)"),
    ] {
        let stderr = refused(file);
        assert!(stderr.contains(said), "{file:.200}: {stderr:.500}");
        assert!(stderr.len() < 2 << 20, "{file:.200}: {} bytes of complaint", stderr.len());
    }
}

#[test]
fn sections_may_come_again_and_accounts_below_themselves_do_nothing() {
    let again = format!("{TREE}{}", TREE.split_once('\n').unwrap().1);
    assert_eq!(dump(&load(&again).0), dump(&load(TREE).0));
    let (state, reply) = load("Cluster - ref\nParent - root\nAccount - a\nParent - a\nAccount - a\nAccount - root\n");
    assert_eq!(reply.code, 0, "{}", reply.stderr);
    assert!(dump(&state).ends_with("Parent - 'root'\nUser - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1\nAccount - 'a':Description='a':Organization='a':Fairshare=1\n"));
}

#[test]
fn an_account_moved_below_its_own_child_changes_places_with_it() {
    let (mut state, _) = load(TREE);
    assert_eq!(run(&mut state, "load x", "Cluster - ref\nParent - nlp\nAccount - research\n").code, 0);
    let above = |state: &State, account: &str| {
        let row = state.find(&AssociationKey::account("ref", account)).unwrap();
        state.association(row.parent.unwrap()).unwrap().key.account.clone()
    };
    assert_eq!((above(&state, "research").as_str(), above(&state, "nlp").as_str()), ("nlp", "root"));
    let once = dump(&state);
    assert_eq!(run(&mut state, "load x", &once).stdout, "For cluster ref\n Nothing new added.\n");
}

#[test]
fn another_cluster_is_loaded_into_if_the_command_says_so() {
    let mut state = founded();
    let reply = run(&mut state, "load x cluster=other", TREE);
    assert_eq!(reply.code, 0, "{}", reply.stderr);
    assert_eq!(dump(&state), dump(&founded()));
    assert!(state.find(&AssociationKey::account("other", "nlp")).is_some());
}

#[test]
fn the_text_is_asked_for_and_then_written_for_the_caller() {
    struct Nothing;
    impl World for Nothing {
        fn people(&self) -> &dyn People {
            &NOBODY
        }
        fn now(&self) -> i64 {
            0
        }
        fn local_time(&self, _: i64) -> String {
            String::new()
        }
    }
    let mut state = founded();
    let argv = |words: &[&str]| words.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let reply = sacctmgr::run(&mut state, &Caller::root(), &Nothing, &argv(&["-i", "load", "file=\"a b\""]), &[]);
    assert_eq!((reply.reads.as_deref(), reply.code), (Some("a b"), 0));
    let reply = run(&mut state, "dump ref", "");
    assert_eq!(reply.writes, [("./ref.cfg".to_owned(), dump(&state))]);
}

/// Lines such as people write: known words with any values.
fn any_line() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-c]", "'[a-c] [#가\\\\:=]?'", "[ -~]{0,6}"];
    let option = prop_oneof![
        "(Fairshare|MaxJobs|GrpJobs|Priority|GrpWall|MaxWall)=(-1|0|[1-9][0-9]{0,4}|parent)",
        "(GrpTRES|MaxTRESPerJob|GrpTRESMins)=(cpu|mem|gres/gpu)=(-1|[0-9]{1,6})[KMG]?",
        "(QOS|DefaultQOS)='(high|low|\\+low|-normal)'",
        "(Description|Organization|Partition|DefaultAccount|Coordinator|WCKeys|DefaultWCKey)='[a-c가#: ]{0,5}'",
        "[ -~]{0,8}",
    ];
    let object = prop_oneof![Just("Parent"), Just("Account"), Just("User"), Just("Account"), Just("User")];
    (object, name, proptest::collection::vec(option, 0..4))
        .prop_map(|(object, name, options)| format!("{object} - {name}:{}\n", options.join(":")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_was_taken_survives_a_dump(lines in proptest::collection::vec(any_line(), 0..12)) {
        let mut state = founded();
        for line in &lines {
            // Each line by itself, so that one that is refused leaves the others.
            run(&mut state, "load x", &format!("Cluster - ref\nParent - root\nParent - a\n{line}"));
            run(&mut state, "load x", &format!("Cluster - ref\nParent - root\n{line}"));
        }
        let once = dump(&state);
        let (again, reply) = load(&once);
        prop_assert_eq!(reply.code, 0, "{}", reply.stderr);
        prop_assert_eq!(dump(&again), once);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(Cluster - ref\n)?[ -~\n'\"\\\\]{0,80}") {
        let (state, reply) = load(&text);
        prop_assert!(reply.code == 0 || dump(&state) == dump(&founded()));
    }
}
