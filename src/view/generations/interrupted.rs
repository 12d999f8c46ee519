//! Ctrl-C during an apply: what is under way is finished, nothing new is begun, and all of it is told.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn before_anything_is_touched_nothing_is() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    let connector = cluster.connector();
    let site = Site::new(cluster.hosts(), &connector, 4).stopping_at(Arc::new(AtomicBool::new(true)));
    let refused = apply(&site, &plan, &Mandate::default(), |_| panic!("a step was done")).unwrap_err();
    assert!(all(&refused).contains("nothing was touched"), "{}", all(&refused));
    assert_eq!(cluster.effects(), 0);
}

#[test]
fn in_the_middle_the_rest_is_left_out_and_named() {
    let cluster = Cluster::new();
    let plan = cluster.plan(FIRST).unwrap();
    cluster.0.lock().unwrap().values_mut().for_each(|machine| machine.predicted = None);
    let (stop, hosts) = (Arc::new(AtomicBool::new(false)), cluster.clone());
    let pressed = stop.clone();
    let connector = FakeConnector::new(move |host, _, request| {
        pressed.fetch_or(!request.check, Ordering::Relaxed);
        hosts.answer(host, request)
    });
    let site = Site::new(cluster.hosts(), &connector, 1).stopping_at(stop);
    let mut heard = Vec::new();
    let well = apply(&site, &plan, &Mandate::default(), |applied| heard.push(applied)).unwrap();
    assert!(!well, "the plan is not carried out whole");
    let told = said(&heard, &plan);
    assert!(told.contains("created on login1\n"), "{told}");
    assert!(told.contains("the run was interrupted before it"), "{told}");
    assert!(told.contains("user gildong") && told.contains("left out on all 3 hosts"), "{told}");
    assert!(cluster.text("login1", "/etc/group").contains("ai_team"), "what was begun is finished");
    assert!(!cluster.text("login2", "/etc/group").contains("ai_team"));
    let again = cluster.plan(FIRST).unwrap();
    assert!(cluster.apply(&again).unwrap().0, "the next run does the rest");
}
