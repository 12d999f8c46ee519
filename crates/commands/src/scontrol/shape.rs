//! `scontrol create`, `update` and `delete` of partitions and nodes.

use super::Said;
use super::change::NOT_ONES_OWN;
use crate::cluster::Controller;
use scheduling::config::PartitionLine;
use scheduling::event::{ClusterChange, Denial, SchedulerEvent};
use scheduling::id::NodeName;
use scheduling::lines::{NodeWords, PartitionWords, is_name};
use scheduling::node::NodeLine;
use slurm::settings::Partition;
use slurm::settings::partition::Taken;
use words::text::hostlist;

type Pair<'a> = (&'a str, &'a str);

/// The value of the first of these keys.
pub fn value<'a>(pairs: &[Pair<'a>], names: &[&str]) -> Option<&'a str> {
    let is = |key: &str| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    pairs.iter().find(|(key, _)| is(key)).map(|(_, value)| *value)
}

const PARTITION: &[&str] = &["PartitionName", "Partition"];
const NODE: &[&str] = &["NodeName", "Node"];
const RESERVATION: &[&str] = &["ReservationName", "Reservation"];

/// `create`.
pub fn create(controller: &mut dyn Controller, rest: &[String]) -> Said {
    if rest.is_empty() {
        return Said::failed("too few arguments for create keyword\n");
    }
    let first = rest[0].split('=').next().unwrap_or_default();
    let is_entity = |name: &str| name.eq_ignore_ascii_case(first);
    if !PARTITION.iter().chain(NODE).chain(RESERVATION).any(|name| is_entity(name)) {
        return Said::failed(&format!("scontrol: error: Invalid creation entity: {}\n", rest[0]));
    }
    if let Some(word) = rest.iter().find(|word| !word.contains('=')) {
        return Said::failed(&format!("scontrol: error: Invalid input: {word}  Request aborted\n"));
    }
    let pairs: Vec<Pair> = rest.iter().filter_map(|word| word.split_once('=')).collect();
    if let Some(name) = value(&pairs, PARTITION) {
        return create_partition(controller, name, &pairs);
    }
    if let Some(names) = value(&pairs, NODE) {
        return create_nodes(controller, names, &pairs);
    }
    Said::failed("scontrol: error: only partitions and nodes are created here\n")
}

fn create_partition(controller: &mut dyn Controller, name: &str, pairs: &[Pair]) -> Said {
    let mut line = PartitionLine::new(name, Vec::new());
    line.rules.min_nodes = 1;
    if let Err(said) = change(controller, &mut line, pairs) {
        return *said;
    }
    if !is_name(name) || name.eq_ignore_ascii_case("DEFAULT") {
        return Said::failed(&format!("Error creating the partition: {}\n", Denial::InvalidPartition));
    }
    tell(controller, ClusterChange::AddPartition(Box::new(line)), |why| {
        format!("Error creating the partition: {why}\n")
    })
}

/// `update PartitionName=`.
pub fn update_partition(controller: &mut dyn Controller, name: &str, pairs: &[Pair]) -> Said {
    let says = |why: &str| format!("slurm_update error: {why}\n");
    let known = controller.cluster().core.config().partition(name).filter(|_| !name.is_empty()).cloned();
    if pairs.len() < 2 {
        return Said::failed("scontrol: error: No changes specified\n");
    }
    let mut line = known.clone().unwrap_or_else(|| PartitionLine::new(name, Vec::new()));
    if let Err(mut said) = change(controller, &mut line, pairs) {
        said.complain(&says("No error"));
        return *said;
    }
    if !controller.cluster().requester().is_operator {
        return Said::failed(&says(NOT_ONES_OWN));
    }
    if known.is_none() {
        return Said::failed(&says(&Denial::InvalidPartition.to_string()));
    }
    tell(controller, ClusterChange::SetPartition(Box::new(line)), says)
}

/// Makes a partition as these words say.
fn change(controller: &dyn Controller, line: &mut PartitionLine, pairs: &[Pair]) -> Result<(), Box<Said>> {
    let cluster = controller.cluster();
    let config = cluster.core.config();
    for (key, value) in pairs.iter().filter(|(key, _)| !PARTITION.iter().any(|name| name.eq_ignore_ascii_case(key))) {
        let bad = |why: String| Err(Box::new(Said::failed(&why)));
        let mut words = PartitionWords::default();
        let taken = match words.take(key, value) {
            Some(taken) => taken.map(|()| Some(Taken::Set)),
            None => rewritten(&mut line.rules, key, value),
        };
        match taken {
            Ok(Some(Taken::Set)) => {
                let all = || config.nodes.iter().map(|node| node.name.clone()).collect();
                words
                    .change(line, |list| nodes(list).unwrap_or_else(all).iter().map(|it| it.as_str().into()).collect());
            }
            Ok(Some(Taken::NoEffect)) => {
                return bad(format!("{key} of a partition does nothing here\nscontrol: error: Request aborted\n"));
            }
            Ok(None) => {
                let what = format!("Update of this parameter is not supported: {key}={value}");
                return bad(format!("scontrol: error: {what}\n\nscontrol: error: Request aborted\n"));
            }
            Err(_) if key.eq_ignore_ascii_case("State") => {
                let known = "Acceptable State values are UP, DOWN, DRAIN and INACTIVE";
                return bad(format!("scontrol: error: Invalid input: {key}={value}\nscontrol: error: {known}\n"));
            }
            Err(_) => return bad(format!("scontrol: error: Invalid input {key}={value}\n")),
        }
    }
    Ok(())
}

/// A word in place of what it said before: lists of who may are not added to.
fn rewritten(rules: &mut Partition, key: &str, value: &str) -> Result<Option<Taken>, String> {
    let none = Partition::default();
    match key.to_ascii_lowercase().as_str() {
        "allowaccounts" => rules.accounts = none.accounts,
        "allowqos" => rules.job_qos = none.job_qos,
        "qos" if value.is_empty() => {
            rules.qos = None;
            return Ok(Some(Taken::Set));
        }
        _ => {}
    }
    rules.take(key, value)
}

/// The names of a list; `None` is `ALL`.
fn nodes(list: &str) -> Option<Vec<String>> {
    if list.eq_ignore_ascii_case("ALL") {
        return None;
    }
    if list.is_empty() {
        return Some(Vec::new());
    }
    Some(hostlist::expand_all(list).unwrap_or_else(|| vec![list.to_owned()]))
}

fn create_nodes(controller: &mut dyn Controller, names: &str, pairs: &[Pair]) -> Said {
    let failed = |why: &str| Said::failed(&format!("{why}Error creating the node(s): Invalid node state specified\n"));
    let state = value(pairs, &["State"]).unwrap_or_default();
    if !["FUTURE", "CLOUD"].iter().any(|word| word.eq_ignore_ascii_case(state)) {
        let why = "Only State=FUTURE and State=CLOUD allowed for nodes created by scontrol";
        return failed(&format!("scontrol: error: {why}\n"));
    }
    let mut words = NodeWords::default();
    for (key, value) in pairs.iter().filter(|(key, _)| !NODE.iter().any(|name| name.eq_ignore_ascii_case(key))) {
        if !matches!(words.take(key, value), Ok(Some(_))) {
            return Said::failed(&format!("scontrol: error: Invalid input: {key}={value}  Request aborted\n"));
        }
    }
    let all = hostlist::expand_all(names).filter(|all| !all.is_empty() && all.iter().all(|name| is_name(name)));
    let says = |why: &str| format!("Error creating the node(s): {why}\n");
    let Some(all) = all else { return Said::failed(&says(&Denial::InvalidNode.to_string())) };
    let named = |name| NodeLine { name, ..words.line() };
    let lines: Vec<NodeLine> = all.into_iter().map(named).collect();
    tell(controller, ClusterChange::AddNodes(lines), says)
}

/// `update NodeName=` of what the configuration says; `None` where it is about something else.
pub fn update_lines(controller: &mut dyn Controller, names: &str, pairs: &[Pair]) -> Option<Said> {
    let says = |why: &str| format!("slurm_update error: {why}\n");
    let is_line =
        |key: &str| ["weight", "features", "availablefeatures"].iter().any(|name| name.eq_ignore_ascii_case(key));
    let changes: Vec<&Pair> = pairs.iter().filter(|(key, _)| is_line(key)).collect();
    if changes.is_empty() {
        return None;
    }
    let cluster = controller.cluster();
    let mut lines = Vec::new();
    for name in nodes(names).unwrap_or_else(|| cluster.core.config().nodes.iter().map(|it| it.name.clone()).collect()) {
        let Some(mut line) = cluster.core.config().nodes.iter().find(|it| it.name == name).cloned() else {
            return Some(Said::failed(&says(&Denial::InvalidNode.to_string())));
        };
        for (key, value) in &changes {
            let mut words = NodeWords::default();
            let key = if key.eq_ignore_ascii_case("weight") { "Weight" } else { "Features" };
            if words.take(key, value).is_err() && key == "Weight" {
                let why = format!("Weight value ({value}) is not a valid number");
                return Some(Said::failed(&format!("scontrol: error: {why}\nNo changes specified\n")));
            }
            if words.take(key, value).is_err() {
                return Some(Said::failed(&format!("scontrol: error: Invalid input {key}={value}\n")));
            }
            let said = words.line();
            if key == "Weight" { line.weight = said.weight } else { line.features = said.features }
        }
        lines.push(line);
    }
    Some(tell(controller, ClusterChange::SetNodes(lines), says))
}

/// `delete`.
pub fn delete(controller: &mut dyn Controller, rest: &[String]) -> Said {
    let Some(first) = rest.first() else { return Said::failed("too few arguments for delete keyword\n") };
    let (key, value) = match (first.split_once('='), rest.get(1)) {
        (Some(pair), _) => pair,
        (None, Some(second)) => (first.as_str(), second.as_str()),
        (None, None) => {
            let usage = "Proper format is 'delete <ENTITY>=<ID>' or 'delete <ENTITY> <ID>'";
            return Said::failed(&format!("scontrol: error: {usage}\n"));
        }
    };
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    let what = rest.join(" ");
    if is(PARTITION) {
        let says = |why: &str| format!("delete_partition {what}: {why}\n");
        return tell(controller, ClusterChange::RemovePartition(value.to_owned()), says);
    }
    if is(NODE) {
        let names: Vec<NodeName> = nodes(value).unwrap_or_default().iter().map(|name| name.as_str().into()).collect();
        let is_told = |why: &str| {
            let failed = format!("scontrol: error: failed to delete nodes {value}\n");
            let failed = if why == NOT_ONES_OWN { String::new() } else { failed };
            format!("{failed}delete_node {what}: {why}\n")
        };
        return tell(controller, ClusterChange::RemoveNodes(names), is_told);
    }
    if is(RESERVATION) {
        return Said::failed(&format!("delete_reservation {what}: Requested reservation is invalid\n"));
    }
    Said::failed(&format!("Invalid deletion entity: {what}\n"))
}

/// Carries it out; what is said where it cannot be.
fn tell(controller: &mut dyn Controller, change: ClusterChange, says: impl Fn(&str) -> String) -> Said {
    let who = controller.cluster().requester();
    match controller.on(SchedulerEvent::Reshape(who, change)) {
        Ok(_) => Said::default(),
        Err(Denial::Denied) => Said::failed(&says(NOT_ONES_OWN)),
        Err(denial) => Said::failed(&says(&denial.to_string())),
    }
}
