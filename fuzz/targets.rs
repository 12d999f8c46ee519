//! What is fuzzed: each function takes any bytes, and panics when something is wrong with what came of them. `cargo fuzz`
//! drives them from `fuzz_targets`, and `tests/it/fuzz.rs` in `make test`, both beginning with `seeds`.

mod listing;

use commands::sacctmgr::{self, World};
use service::daemon::api;
use service::daemon::changes::Batch;
use service::daemon::config::Config;
use slurm::State;
use slurm::authority::Caller;
use slurm::founding;
use slurm::records::import::{Dialect, NoNames, Reader};
use slurm::settings::Settings;
use slurm::tree;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use words::diag::Source;
use words::people::{Gid, GroupOfPeople, People, Person, Sought, Uid, Unanswered};
use words::text::{duration, hostlist, tres};

/// A target.
pub type Target = fn(&[u8]);

/// By the name of its directory in `seeds`.
pub const TARGETS: &[(&str, Target)] = &[
    ("sacctmgr", sacctmgr),
    ("text", text),
    ("api", request),
    ("config", configuration),
    ("import", import),
    ("load", load_file),
    ("listing", listing::listing),
];

/// Runs the target of this name: all that the files in `fuzz_targets` do.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("it is in the table");
    target(bytes);
}

struct Nowhere;

impl World for Nowhere {
    fn people(&self) -> &dyn People {
        &Nowhere
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

/// One answer of the three, whatever is asked.
fn one_of_three<T>(found: T, number: u32) -> Sought<T> {
    match number % 3 {
        0 => Sought::There(found),
        1 => Sought::Absent,
        _ => Sought::CannotSay(Unanswered { what: "users", why: "no answer".into() }),
    }
}

fn number(name: &str) -> u32 {
    name.bytes().map(u32::from).sum()
}

fn person(name: &str, uid: u32) -> Sought<Person> {
    one_of_three(Person { name: name.to_owned(), uid: Uid(uid), gid: Gid(uid), full_name: name.to_owned() }, uid)
}

impl People for Nowhere {
    fn user(&self, name: &str) -> Sought<Person> {
        person(name, number(name))
    }

    fn user_numbered(&self, uid: Uid) -> Sought<Person> {
        person("x", uid.0)
    }

    fn group(&self, name: &str) -> Sought<GroupOfPeople> {
        one_of_three(GroupOfPeople { name: name.to_owned(), gid: Gid(1) }, number(name))
    }

    fn group_numbered(&self, gid: Gid) -> Sought<GroupOfPeople> {
        one_of_three(GroupOfPeople { name: "x".into(), gid }, gid.0)
    }

    fn groups_of(&self, user: &str) -> Sought<Vec<String>> {
        one_of_three(vec![user.to_owned()], number(user))
    }
}

/// A small site, made once.
fn furnished() -> State {
    static SITE: LazyLock<State> = LazyLock::new(furnish);
    SITE.clone()
}

fn furnish() -> State {
    let mut state = State::default();
    founding::found(&mut state, "ref", &["gres/gpu".into()], 0);
    for line in [
        "-i add account a description=x",
        "-i add account b parent=a",
        "-i add user u account=a,b",
        "-i add qos q grptres=cpu=4",
        "-i add coordinator name=u account=a",
        "-i modify user u set maxjobs=3 qos+=q",
    ] {
        assert_eq!(run(&mut state, &Caller::root(), &words(line)), 0, "{line}");
        state.commit();
    }
    state
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Runs one command; what it says must be harmless.
fn run(state: &mut State, caller: &Caller, argv: &[String]) -> u8 {
    let reply = sacctmgr::run(state, caller, &Nowhere, argv, &[true]);
    for said in [&reply.stdout, &reply.stderr] {
        assert!(!said.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{argv:?}: {said:?}");
    }
    if reply.question.is_some() {
        assert!(!state.has_changes(), "{argv:?} asks and changed something");
    }
    reply.code
}

/// Where one file can be read.
struct Desk<'a>(&'a str);

impl World for Desk<'_> {
    fn people(&self) -> &dyn People {
        &Nowhere
    }

    fn now(&self) -> i64 {
        Nowhere.now()
    }

    fn local_time(&self, seconds: i64) -> String {
        Nowhere.local_time(seconds)
    }

    fn file(&self, _: &str) -> Option<Result<&str, &str>> {
        Some(Ok(self.0))
    }
}

/// A file for `sacctmgr load`: all of it is taken, or nothing, and then some line is blamed. What was taken survives being
/// dumped and loaded.
pub fn load_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let load = |state: &mut State, text: &str, words: &str| {
        let reply = sacctmgr::run(state, &Caller::root(), &Desk(text), &self::words(words), &[true]);
        for said in [&reply.stdout, &reply.stderr] {
            assert!(!said.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{text:?}: {said:?}");
        }
        reply
    };
    for words in ["-i load x", "-i load x clean", "-i load x cluster=other"] {
        let mut state = furnished();
        let reply = load(&mut state, &text, words);
        if reply.code != 0 {
            assert!(!state.has_changes(), "{words}: {text:?}: half of it was loaded");
            assert!(!reply.stderr.is_empty(), "{words}: {text:?}");
        }
        state.commit();
        sound(&state);
        let dump = |state: &mut State| load(state, "", "dump ref").writes;
        let once = dump(&mut state);
        if let Some((_, file)) = once.first() {
            let again = load(&mut state, file, "-i load x");
            assert_eq!(again.code, 0, "{words}: {text:?}: {}", again.stderr);
            state.commit();
            assert_eq!(dump(&mut state), once, "{words}: {text:?}");
        }
    }
}

/// The tree hangs together.
fn sound(state: &State) {
    let listed: BTreeSet<_> = tree::all(state).iter().map(|row| row.id).collect();
    for row in state.associations().values().filter(|row| !row.deleted) {
        assert!(listed.contains(&row.id), "{row:?} is not in the tree");
        assert_eq!(state.find(&row.key).map(|found| found.id), Some(row.id), "{row:?} is not found");
        assert!(state.clusters.get(&row.key.cluster).is_some(), "{row:?} is on no cluster");
        assert!(state.account(&row.key.account).is_some(), "{row:?} has no account");
        assert!(row.key.is_account() || state.user(&row.key.user).is_some(), "{row:?} has no user");
        assert!(row.limits.iter().all(|((_, id), _)| id.is_none_or(|id| state.tres.get(&id).is_some())), "{row:?}");
    }
}

/// Command lines, words apart by blanks. The first byte says who asks.
pub fn sacctmgr(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let caller = match bytes.first() {
        Some(b'#') => Caller::new(Uid(1000), "u", &Settings::default()),
        Some(b'!') => Caller::new(Uid(1001), "", &Settings::default()),
        _ => Caller::root(),
    };
    let mut state = furnished();
    for line in text.trim_start_matches(['#', '!']).lines().take(16) {
        run(&mut state, &caller, &words(line));
        state.commit();
        sound(&state);
    }
}

/// TRES lists, durations and host lists.
pub fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(counts) = tres::parse(&text) {
        assert_eq!(counts.len(), text.split(',').filter(|part| !part.trim().is_empty()).count(), "{text:?}");
    }
    if let Some(seconds) = duration::parse_seconds(&text) {
        let shown = duration::format_seconds(seconds);
        assert_eq!(duration::parse_seconds(&shown), Some(seconds), "{text:?} is shown as {shown}");
    }
    if let Some(names) = hostlist::expand(&text) {
        assert!(!names.is_empty() && names.len() <= 1_000_000, "{text:?}: {} names", names.len());
    }
}

/// Bodies of requests, and what they ask for.
pub fn request(bytes: &[u8]) {
    let mut state = furnished();
    if let Ok(request) = serde_json::from_slice::<api::Request>(bytes) {
        run(&mut state, &Caller::root(), &request.argv);
        state.commit();
    }
    let commands = serde_json::from_slice::<Batch>(bytes).ok().and_then(|batch| batch.commands().ok());
    for argv in commands.into_iter().flatten().take(16) {
        assert!(argv[0] == "-i" && ["add", "modify", "delete"].contains(&argv[1].as_str()), "{argv:?}");
        run(&mut state, &Caller::root(), &argv);
        state.commit();
    }
    sound(&state);
}

/// Configurations: what is accepted is printed as it is read.
pub fn configuration(bytes: &[u8]) {
    let read = |text: &str| Config::parse(&Source::new("fuzz", text));
    match read(&String::from_utf8_lossy(bytes)) {
        Ok(config) => {
            let again = read(&config.print()).unwrap_or_else(|error| panic!("{error}\n{}", config.print()));
            let bare = |config: Config| Config { warnings: Vec::new(), ..config };
            assert_eq!(bare(again), bare(config));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What `sacct -P` of another site printed.
pub fn import(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (heading, lines) = text.split_once('\n').unwrap_or((&text, ""));
    let dialect = Dialect { delimiter: "|".into(), zone: jiff::tz::TimeZone::UTC, cluster: "ref".into() };
    let Ok(reader) = Reader::new(heading, dialect) else { return };
    for line in lines.lines() {
        reader.is_step(line);
        if let Err(bad) = reader.line(line, &mut NoNames) {
            assert!(bad.column >= 1 && !bad.what.is_empty(), "{line:?}");
        }
    }
}
