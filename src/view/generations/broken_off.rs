//! A fault of enlist while it works on one host (a panic) costs that host: it is named, the others are planned and done.

use super::*;
use control::sync::{audit, explain};

const FAULT: &str = "this is how a fault of enlist looks";

/// A connector whose link to login2 panics on such requests.
fn panicking(cluster: &Cluster, on: impl Fn(&AgentRequest) -> bool + Send + Sync + 'static) -> FakeConnector {
    cluster.0.lock().unwrap().values_mut().for_each(|machine| machine.predicted = None);
    let hosts = cluster.clone();
    FakeConnector::new(move |host, _, request| {
        assert!(host != "login2" || !on(request), "{FAULT}");
        hosts.answer(host, request)
    })
}

fn planned(cluster: &Cluster, connector: &FakeConnector) -> Plan {
    let site = Site::new(cluster.hosts(), connector, 4);
    plan(&site, &read(FIRST), &[], String::new()).unwrap().plan
}

/// Whether all went well, and what people are told.
fn applied(cluster: &Cluster, plan: &Plan, connector: &FakeConnector) -> (bool, Vec<Applied>, String) {
    let site = Site::new(cluster.hosts(), connector, 4);
    let mut heard = Vec::new();
    let well = apply(&site, plan, &Mandate::default(), |applied| heard.push(applied)).unwrap();
    let told = said(&heard, plan);
    (well, heard, told)
}

#[test]
fn a_plan_leaves_the_host_out_and_names_it() {
    let cluster = Cluster::new();
    let looks: [fn(&AgentRequest) -> bool; 2] =
        [|request| request.module == "accounts", |request| request.module == "user"];
    for look in looks {
        let plan = planned(&cluster, &panicking(&cluster, look));
        let hosts: Vec<_> = plan.hosts.iter().map(|host| (host.host.as_str(), host.steps.len())).collect();
        assert_eq!(hosts, [("login1", 3), ("master", 3)]);
        let [out] = &plan.left_out[..] else { panic!("{:?}", plan.left_out) };
        assert_eq!((out.host.as_str(), out.what.as_str()), ("login2", "the host"));
        assert!(out.why.contains(FAULT) && out.why.contains("a fault of enlist"), "{}", out.why);
    }
}

#[test]
fn before_an_apply_the_host_is_left_out() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    let (well, _, told) = applied(&cluster, &plan, &panicking(&cluster, |request| request.module == "group"));
    assert!(!well, "the plan is not carried out whole");
    assert!(told.contains("! user gildong   left out on login2\n") && told.contains(FAULT), "{told}");
    assert!(cluster.text("login1", "/etc/passwd").contains("gildong"));
    assert!(!cluster.text("login2", "/etc/passwd").contains("gildong"));
}

#[test]
fn during_an_apply_the_steps_of_the_phase_have_failed() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    let (well, heard, told) = applied(&cluster, &plan, &panicking(&cluster, |r| !r.check && r.module == "user"));
    assert!(!well);
    let there = heard.iter().filter(|one| one.host == "login2").collect::<Vec<_>>();
    assert_eq!(there.len(), 3, "{told}");
    for one in there {
        let Became::Failed { why } = &one.became else { panic!("{one:?}") };
        assert!(why.contains(FAULT) && why.contains("it is not known whether this step was done"), "{why}");
    }
    assert!(heard.iter().filter(|one| one.host != "login2").all(|one| one.became == Became::Done), "{told}");
    // What is not known is found out by the next plan: the group was made, the users were not.
    let again = cluster.plan(FIRST).unwrap();
    let steps: Vec<_> = again.hosts.iter().map(|host| (host.host.as_str(), host.steps.len())).collect();
    assert_eq!(steps, [("login1", 0), ("login2", 2), ("master", 0)]);
}

#[test]
fn an_audit_names_the_host_also_when_it_falls_silent_in_the_middle() {
    let cluster = Cluster::new();
    for module in ["accounts", "user"] {
        let connector = panicking(&cluster, move |request| request.module == module);
        let site = Site::new(cluster.hosts(), &connector, 4);
        let (findings, survey) = audit::look(&site, Some(&read(FIRST))).unwrap();
        assert!(!findings.is_empty(), "the others are judged");
        let [(host, why)] = &survey.silent[..] else { panic!("{:?}", survey.silent) };
        assert_eq!(host, "login2");
        assert!(why.to_string().contains(FAULT), "{why}");
    }
}

#[test]
fn an_explanation_shows_the_host_as_a_broken_link() {
    let cluster = Cluster::new();
    cluster.apply(&cluster.plan(FIRST).unwrap()).unwrap();
    let connector = panicking(&cluster, |request| request.module == "getent");
    let site = Site::new(cluster.hosts(), &connector, 4);
    let roster = read(FIRST);
    let links = explain::links(&roster, "gildong", &explain::look_at(&site, &roster, "gildong"));
    let there: Vec<_> = links.iter().filter(|link| link.place == "login2").collect();
    assert!(matches!(there[..], [link] if !link.well && link.seen.contains(FAULT)), "{there:?}");
    assert!(links.iter().any(|link| link.place == "login1" && link.link == "home" && link.well), "{links:?}");
}
