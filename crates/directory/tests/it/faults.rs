//! One fault at a time, in each place where it can be.

use crate::server::{Asked, Fault, Server};
use directory::Directory;
use directory::entry::Entry;
use directory::ldap::LdapDirectory;
use directory::settings::{Bind, Server as Url, Settings};
use host::change::outcome::ItemResult;
use ldap3_proto::proto::LdapResultCode as Code;
use std::sync::atomic::{AtomicUsize, Ordering};
use words::diag::Diagnostic;
use words::value::{Map, Value};

const PEOPLE: &str = "ou=people,dc=x";
const GROUPS: &str = "ou=groups,dc=x";
const NEW: &str = "uid=gildong,ou=people,dc=x";
const LEAVER: &str = "uid=dooly,ou=people,dc=x";
const STRANGER: &str = "uid=mina,ou=people,dc=x";

fn person(name: &str, uid: u32) -> Entry {
    let entry = Entry::new(format!("uid={name},{PEOPLE}")).with("objectClass", "account").with("uid", name);
    let entry = entry.with("objectClass", "posixAccount").with("cn", name).with("homeDirectory", "/h");
    entry.with("uidNumber", uid.to_string()).with("gidNumber", "3001").with("mail", "own@x")
}

fn group(name: &str, gid: u32) -> Entry {
    let entry = Entry::new(format!("cn={name},{GROUPS}")).with("objectClass", "posixGroup").with("cn", name);
    entry.with("gidNumber", gid.to_string()).with("memberUid", "dooly").with("memberUid", "mina")
}

/// Two containers, three people, one group: four entries to sweep, in two pages.
fn server() -> Server {
    let container = |dn: &str| Entry::new(dn).with("objectClass", "organizationalUnit");
    let people = [person("dooly", 2002), person("mina", 2003), person("jun", 2004)];
    let all = [container("dc=x"), container(PEOPLE), container(GROUPS), group("ai_team", 3001)];
    Server::start(all.into_iter().chain(people))
}

fn directory(server: &Server) -> LdapDirectory {
    LdapDirectory::new(Settings {
        name: "corp".into(),
        server: Url::Socket(server.path.display().to_string()),
        base: "dc=x".into(),
        people: PEOPLE.into(),
        groups: GROUPS.into(),
        bind: Bind::External,
        schema: None,
        key_attribute: None,
        ca: None,
        sentinel: Some(STRANGER.into()),
        ids: 2000..=3999,
    })
}

pub fn args(pairs: &[(&str, Value)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn newcomer() -> Map {
    let groups: Value = vec![Value::from("ai_team")].into();
    args(&[
        ("name", "gildong".into()),
        ("uid", 2001.into()),
        ("group", "ai_team".into()),
        ("groups", groups),
        ("append", true.into()),
    ])
}

fn shell(name: &str) -> Map {
    args(&[("name", name.into()), ("shell", "/bin/zsh".into())])
}

fn leaver() -> Map {
    args(&[("name", "dooly".into()), ("state", "absent".into())])
}

/// What a plan and its apply do: look, predict, write. One newcomer, one change, one leaver.
fn run(directory: &LdapDirectory) -> Result<Vec<ItemResult>, Diagnostic> {
    let all = [newcomer(), shell("jun"), leaver()];
    directory.call("accounts", &[Map::new()], true)?;
    directory.call("user", &all, true)?;
    let mut results = Vec::new();
    for one in all {
        results.extend(directory.call("user", &[one], false)?);
    }
    Ok(results)
}

pub fn failures(results: &[ItemResult]) -> Vec<String> {
    results.iter().filter_map(|result| result.outcome.as_ref().err().map(|failure| failure.msg.clone())).collect()
}

/// Who was not to be touched is as before.
fn assert_strangers_stay(server: &Server, what: &str) {
    let mina = server.entry(STRANGER).unwrap_or_else(|| panic!("{what}: a stranger is gone"));
    assert_eq!((mina.text("loginShell"), mina.text("mail")), (None, Some("own@x")), "{what}");
    let group = server.entry("cn=ai_team,ou=groups,dc=x").unwrap_or_else(|| panic!("{what}: a group is gone"));
    assert!(group.texts("memberUid").any(|name| name == "mina"), "{what}");
    let allowed = [LEAVER, NEW];
    let gone = server.writes().into_iter().filter(|write| write.starts_with("delete "));
    gone.for_each(|write| assert!(allowed.iter().any(|dn| write.ends_with(dn)), "{what}: {write}"));
}

#[test]
fn without_faults_all_is_done_and_the_second_time_nothing() {
    for asserts in [true, false] {
        let server = server();
        server.world.lock().unwrap().asserts = asserts;
        let directory = directory(&server);
        let results = run(&directory).unwrap();
        assert_eq!(failures(&results), Vec::<String>::new());
        let group = "modify cn=ai_team,ou=groups,dc=x";
        let jun = "modify uid=jun,ou=people,dc=x";
        let expected = [&format!("add {NEW}"), group, jun, group, &format!("delete {LEAVER}")];
        assert_eq!(server.writes(), expected);
        assert!(server.entry(NEW).unwrap().is_a("inetOrgPerson"));
        assert_strangers_stay(&server, "no fault");
        let again = run(&directory).unwrap();
        assert!(again.iter().all(|result| !result.changed && result.outcome.is_ok()));
        assert_eq!(server.writes().len(), expected.len());
    }
}

#[test]
fn an_answer_that_is_not_whole_is_no_answer() {
    let codes = [
        (Code::TimeLimitExceeded, "time limit"),
        (Code::SizeLimitExceeded, "size limit cut the answer off"),
        (Code::StrongerAuthRequired, "stronger login"),
        (Code::Referral, "another server (LDAP result 10), to ldap://master"),
        (Code::AdminLimitExceeded, "limit of its administrator"),
        (Code::NoSuchObject, "no such entry"),
        (Code::InsufficentAccessRights, "may not do this"),
        (Code::Busy, "busy"),
        (Code::Unavailable, "not available"),
        (Code::UnwillingToPerform, "will not do this"),
    ];
    for (code, says) in codes {
        for at in [Asked::Bind, Asked::Look, Asked::Sweep] {
            if (at, &code) == (Asked::Look, &Code::NoSuchObject) {
                continue; // That is how an entry that is not there looks: the sentinel's test has it.
            }
            let server = server();
            let code = code.clone();
            server.script(move |asked| (asked == at).then(|| Fault::Code(code.clone())));
            let problem = run(&directory(&server)).unwrap_err();
            assert!(problem.message.starts_with("corp: ldapi://"), "{problem}");
            assert!(problem.message.contains(says), "{at:?}: {problem}");
            assert_eq!(server.writes(), Vec::<String>::new(), "{at:?} {says}");
        }
    }
}

#[test]
fn a_part_on_another_server_is_no_answer() {
    let server = server();
    server.script(|asked| (asked == Asked::Sweep).then_some(Fault::Reference("ldap://other/ou=students,dc=x")));
    let problem = run(&directory(&server)).unwrap_err();
    assert!(problem.message.contains("lies on another server: ldap://other/ou=students,dc=x"), "{problem}");
    assert!(problem.hints[0].contains("narrow `base`"), "{problem}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn a_later_page_that_does_not_say_whether_it_is_the_last_is_no_answer() {
    let server = server();
    let sweeps = AtomicUsize::new(0);
    let is_second = move |asked| asked == Asked::Sweep && sweeps.fetch_add(1, Ordering::Relaxed) == 1;
    server.script(move |asked| is_second(asked).then_some(Fault::Unpaged));
    let problem = run(&directory(&server)).unwrap_err();
    assert!(problem.message.contains("does not say whether it is the last"), "{problem}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn empty_pages_are_gone_through_and_not_without_end() {
    for (count, is_too_many) in [(99, false), (100, true)] {
        let server = server();
        let sweeps = AtomicUsize::new(0);
        let is_empty = move || (1..=count).contains(&sweeps.fetch_add(1, Ordering::Relaxed));
        server.script(move |asked| (asked == Asked::Sweep && is_empty()).then_some(Fault::Hollow));
        let result = run(&directory(&server));
        if is_too_many {
            let problem = result.unwrap_err();
            assert!(problem.message.contains("it sends empty pages without end"), "{problem}");
            assert_eq!(server.writes(), Vec::<String>::new());
        } else {
            assert_eq!(failures(&result.unwrap()), Vec::<String>::new());
            assert!(server.entry(NEW).is_some() && server.entry(LEAVER).is_none());
        }
    }
}

#[test]
fn who_may_not_read_is_told_from_an_empty_directory() {
    for at in [Asked::Look, Asked::Sweep] {
        let server = server();
        server.script(move |asked| (asked == at).then_some(Fault::Nothing));
        let result = run(&directory(&server));
        match at {
            // Nothing at all is to be seen.
            Asked::Look => assert!(result.unwrap_err().message.contains("says nothing about itself")),
            // Nobody is seen, so nobody is taken for gone, and who is there all the same is not made twice.
            _ => {
                let problem = result.unwrap_err();
                assert!(problem.message.contains("does not find uid=mina,ou=people,dc=x"), "{problem}");
            }
        }
        assert_eq!(server.writes(), Vec::<String>::new());
    }
    let server = server();
    server.world.lock().unwrap().entries.retain(|_, entry| entry.dn != STRANGER);
    let problem = run(&directory(&server)).unwrap_err();
    assert!(
        problem.message.contains("uid=mina,ou=people,dc=x is not there, or this login may not read it"),
        "{problem}"
    );
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn a_server_that_ends_after_each_message_leaves_nothing_torn() {
    for sends in 0..40 {
        let server = server();
        server.world.lock().unwrap().sends = sends;
        match run(&directory(&server)) {
            Err(problem) => assert!(problem.message.contains("connection is lost"), "{sends}: {problem}"),
            Ok(results) => {
                for failure in failures(&results) {
                    assert!(failure.contains("connection is lost") || failure.contains("not known"), "{failure}");
                }
            }
        }
        assert_strangers_stay(&server, &format!("{sends} messages"));
        if let Some(new) = server.entry(NEW) {
            assert_eq!((new.number("uidNumber"), new.number("gidNumber")), (Some(2001), Some(3001)));
        }
        // The next run completes what was begun.
        server.world.lock().unwrap().sends = usize::MAX;
        assert_eq!(failures(&run(&directory(&server)).unwrap()), Vec::<String>::new(), "{sends}");
        assert!(server.entry(NEW).is_some() && server.entry(LEAVER).is_none());
        assert_strangers_stay(&server, "the next run");
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_looked_for() {
    for at in [Asked::Add, Asked::Modify, Asked::Delete] {
        let server = server();
        let seen = AtomicUsize::new(0);
        let first = move |asked| asked == at && seen.fetch_add(1, Ordering::Relaxed) == 0;
        server.script(move |asked| first(asked).then_some(Fault::Close));
        let results = run(&directory(&server)).unwrap();
        assert_eq!(failures(&results), Vec::<String>::new(), "{at:?}: it was done, and that is found out");
        assert!(server.entry(NEW).is_some() && server.entry(LEAVER).is_none());
        assert_strangers_stay(&server, "a lost answer");
    }
}

#[test]
fn a_write_without_an_answer_is_never_told_as_not_done() {
    for at in [Asked::Add, Asked::Modify, Asked::Delete] {
        for later in [None, Some(300)] {
            let server = server();
            let seen = AtomicUsize::new(0);
            let first = move |asked| asked == at && seen.fetch_add(1, Ordering::Relaxed) == 0;
            server.script(move |asked| first(asked).then_some(Fault::Late(later)));
            let results = run(&directory(&server)).unwrap();
            let told: Vec<_> = results.iter().filter_map(|result| result.outcome.as_ref().err()).collect();
            match later {
                Some(_) => assert!(told.is_empty(), "{at:?}: it was done meanwhile: {told:?}"),
                None => {
                    assert_eq!(told.len(), 1, "{told:?}");
                    assert!(told[0].acted && told[0].msg.contains("it is not known whether"), "{at:?}: {told:?}");
                }
            }
            assert_strangers_stay(&server, "a late write");
        }
    }
}

#[test]
fn a_new_entry_whose_number_cannot_be_looked_for_is_told_as_made() {
    let server = server();
    let added = AtomicUsize::new(0);
    server.script(move |asked| {
        let was_added = added.fetch_add(usize::from(asked == Asked::Add), Ordering::Relaxed) > 0;
        (asked == Asked::Sweep && was_added).then_some(Fault::Code(Code::Busy))
    });
    let results = run(&directory(&server)).unwrap();
    let failure = results[0].outcome.as_ref().unwrap_err();
    assert!(failure.acted && failure.msg.contains("is made, and it is not known whether its uidNumber"), "{failure:?}");
    assert!(server.entry(NEW).is_some());
    assert_strangers_stay(&server, "an entry that may not be alone");
}

#[test]
fn a_refused_write_is_named_and_the_others_are_done() {
    let codes = [
        (Code::StrongerAuthRequired, "LDAP result 8"),
        (Code::Referral, "LDAP result 10"),
        (Code::Busy, "LDAP result 51"),
        (Code::UnwillingToPerform, "LDAP result 53"),
        (Code::InsufficentAccessRights, "LDAP result 50"),
        (Code::ConstraintViolation, "LDAP result 19"),
    ];
    for (code, says) in codes {
        for (at, whom) in [(Asked::Add, NEW), (Asked::Delete, LEAVER)] {
            let server = server();
            let code = code.clone();
            server.script(move |asked| (asked == at).then(|| Fault::Code(code.clone())));
            let told = failures(&run(&directory(&server)).unwrap());
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(whom) && told[0].contains(says), "{told:?}");
            assert_eq!(server.entry("uid=jun,ou=people,dc=x").unwrap().text("loginShell"), Some("/bin/zsh"));
            assert_strangers_stay(&server, says);
        }
    }
}

#[test]
fn success_that_is_none_is_found_out() {
    for at in [Asked::Add, Asked::Modify, Asked::Delete] {
        let server = server();
        server.script(move |asked| (asked == at).then_some(Fault::Nothing));
        let told = failures(&run(&directory(&server)).unwrap());
        assert!(!told.is_empty() && told.iter().all(|one| one.contains("is written, and it is not")), "{told:?}");
        assert_strangers_stay(&server, "success with nothing");
    }
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays() {
    for asserts in [true, false] {
        let server = server();
        server.world.lock().unwrap().asserts = asserts;
        let directory = directory(&server);
        directory.call("accounts", &[Map::new()], true).unwrap();
        let all = [shell("jun"), leaver()];
        assert!(directory.call("user", &all, true).unwrap().iter().all(|result| result.changed));
        for dn in ["uid=jun,ou=people,dc=x", LEAVER] {
            let other = server.entry(dn).unwrap().with("loginShell", "/bin/fish");
            server.put(other);
        }
        let told = failures(&directory.call("user", &all, false).unwrap());
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|one| one.contains("not as it was seen")), "{told:?}");
        assert_eq!(server.entry("uid=jun,ou=people,dc=x").unwrap().text("loginShell"), Some("/bin/fish"));
        assert!(server.entry(LEAVER).is_some(), "a leaver who was changed meanwhile is not removed");
    }
}

#[test]
fn a_number_given_twice_at_the_same_time_is_taken_back() {
    let server = server();
    server.script(|asked| (asked == Asked::Add).then(|| Fault::Rival(person("rival", 2001))));
    let told = failures(&run(&directory(&server)).unwrap());
    assert_eq!(
        told,
        ["uid=rival,ou=people,dc=x was given uidNumber 2001 at the same time; uid=gildong,ou=people,dc=x is \
                      taken away again"]
    );
    assert!(server.entry(NEW).is_none() && server.entry("uid=rival,ou=people,dc=x").is_some());
    assert_strangers_stay(&server, "a rival");
}

#[test]
fn what_is_no_ldap_is_a_lost_connection() {
    for at in [Asked::Bind, Asked::Look, Asked::Sweep] {
        let server = server();
        server.script(move |asked| (asked == at).then_some(Fault::Garbage));
        let problem = run(&directory(&server)).unwrap_err();
        assert!(problem.message.contains("connection is lost"), "{at:?}: {problem}");
        assert_eq!(server.writes(), Vec::<String>::new());
    }
}
