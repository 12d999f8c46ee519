//! What is asked of hosts, of directories, and of hosts whose people come from one.

use super::compile::batches;
use super::*;
use crate::connection::LinkError;
use crate::connection::fake::FakeConnector;
use crate::plan::Plan;
use crate::plan::tests::plan as plan_of;
use crate::roster::{self, Roster};
use ::directory::ldap::LdapDirectory;
use words::diag::{ErrorKind, Source};

fn roster(server: &str) -> Roster {
    let text = format!(
        "hosts: own\ndirectories:\n  corp: {{server: '{server}', base: 'dc=x', ids: 2000-3999, hosts: client}}\n\
         groups:\n  ai: {{gid: 3001}}\nusers:\n  kim: {{uid: 2001, group: ai, state: absent}}\n  \
         lee: {{uid: 2002, group: ai, locked: yes}}\n"
    );
    roster::load(&Source::new("roster.yml", text)).unwrap()
}

fn host(name: &str, accounts: bool, resolves: Option<&str>) -> Host {
    let way = Err(Diagnostic::new(ErrorKind::Host, "nobody goes there"));
    Host { name: name.into(), way, accounts, scheduler: false, resolves: resolves.map(str::to_owned) }
}

fn corp(roster: &Roster) -> Host {
    let directory = LdapDirectory::new(roster.directories[0].settings.clone());
    Host { way: Ok(Way::Directory(Arc::new(directory))), ..host("corp", true, None) }
}

#[test]
fn sessions_end_where_people_are_and_accounts_go_where_they_are_kept() {
    let roster = roster("ldapi:///run/ldapi");
    let modules = |host: &Host| -> Vec<&str> { batches(&roster, host).iter().map(|batch| batch.module).collect() };
    assert_eq!(modules(&host("own", true, None)), ["group", "user", "doors", "user"]);
    assert_eq!(modules(&corp(&roster)), ["group", "user", "user"], "a directory has no sessions");
    assert_eq!(modules(&host("client", false, Some("corp"))), ["doors"], "its people are the directory's");
    assert_eq!(modules(&host("other", false, None)), Vec::<&str>::new());
}

#[test]
fn a_plan_is_for_the_directory_that_was_looked_at() {
    let places = |server: &str| vec![corp(&roster(server)), host("login2", true, None)];
    let mut plan = plan_of(Vec::new());
    plan.hosts[0].host = "corp".into();
    plan.hosts[0].directory = places("ldapi:///run/staging")[0].directory_mark();
    let plan = Plan::from_json("plan.json", &plan.to_json()).unwrap();
    let silent = |_: &str, _: &crate::connection::Become, _: &_| {
        Err(LinkError::TimedOut(Box::new(Diagnostic::new(ErrorKind::Host, "nobody is there"))))
    };
    let connector = FakeConnector::new(silent);
    let refusal = |server: &str| {
        let site = Site::new(places(server), &connector, 1);
        apply(&site, &plan, &Mandate::default(), |_| {}).unwrap_err().remove(0)
    };
    let refused = refusal("ldapi:///run/production");
    assert_eq!(refused.message, "corp is not the place that the plan was made for");
    assert!(refused.notes[0].contains("ldapi:///run/staging (base dc=x"), "{refused}");
    assert!(refused.notes[1].contains("ldapi:///run/production"), "{refused}");
    assert!(refusal("ldapi:///run/staging").message.starts_with("corp: "), "the same one is asked");
}
