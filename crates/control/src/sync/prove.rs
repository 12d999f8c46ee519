//! After an apply: do the hosts see what a directory was told? They are asked, as programs there would ask.

use super::{Host, Site};
use crate::plan::{Phase, Plan, Step};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use words::diag::Diagnostic;
use words::value::{Map, Value};

/// How long a host may take until it sees a change: a client asks its server again once its memory of "nobody" is over.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one host says of one person whom a plan changed in the directory that its people come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Inventory name.
    pub host: String,
    /// Login name.
    pub person: String,
    /// Whether it is as the plan has it.
    pub well: bool,
    /// What id(1) says there, or why it could not be asked.
    pub says: String,
}

/// Somebody as a plan has them: the uid, or `None` for who is gone.
type Wanted<'p> = BTreeMap<&'p str, Option<u32>>;

/// Asks each host whose people come from a directory about everybody whom `plan` changed there. The hosts must agree with the
/// plan, and with each other.
pub fn prove(site: &Site, plan: &Plan) -> Vec<Proof> {
    let mut proofs: Vec<Proof> = Vec::new();
    site.each(
        |host| Ok(prove_on(site, host, &wanted(plan, host))),
        |_, proven| proofs.extend(proven.unwrap_or_default()),
    );
    disagreements(&mut proofs);
    proofs
}

/// Whom the plan changes in the directory of `host`.
fn wanted<'p>(plan: &'p Plan, host: &Host) -> Wanted<'p> {
    let is_its =
        |directory: &&crate::plan::HostPlan| directory.directory && host.resolves.as_ref() == Some(&directory.host);
    let steps = plan.hosts.iter().filter(is_its).flat_map(|directory| &directory.steps);
    steps.filter(|step| step.module == "user").filter_map(person).collect()
}

fn person(step: &Step) -> Option<(&str, Option<u32>)> {
    let name = step.args.get("name").and_then(Value::as_str)?;
    let uid = step.args.get("uid").and_then(Value::as_int).and_then(|uid| u32::try_from(uid).ok());
    Some((name, uid.filter(|_| step.phase == Phase::Accounts)))
}

fn prove_on(site: &Site, host: &Host, wanted: &Wanted) -> Vec<Proof> {
    if wanted.is_empty() {
        return Vec::new();
    }
    // Not every client has this one; those without ask their server each time.
    let flushed = site.ask(host, "command", vec![command(&["sss_cache", "-U", "-G"])], false);
    if let Err(why) = flushed {
        return wanted.keys().map(|name| silent(host, name, &why)).collect();
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let proofs = look(site, host, wanted);
        if proofs.iter().all(|proof| proof.well) || Instant::now() >= deadline {
            return proofs;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn command(words: &[&str]) -> Map {
    let argv: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
    Map::from_iter([("argv".to_owned(), argv.into())])
}

fn look(site: &Site, host: &Host, wanted: &Wanted) -> Vec<Proof> {
    let items = wanted.keys().map(|name| command(&["id", name])).collect();
    match site.ask(host, "command", items, false) {
        Err(why) => wanted.keys().map(|name| silent(host, name, &why)).collect(),
        Ok(results) => {
            let all = wanted.iter().zip(results);
            all.map(|((name, uid), result)| {
                let says = match &result.outcome {
                    Ok(outcome) => outcome.values.get("stdout"),
                    Err(failure) => failure.values.get("stderr"),
                };
                let says = says.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
                let well = match uid {
                    Some(uid) => says.starts_with(&format!("uid={uid}({name}) ")),
                    None => result.outcome.is_err() && says.contains("no such user"),
                };
                Proof { host: host.name().to_owned(), person: (*name).to_owned(), well, says }
            })
            .collect()
        }
    }
}

fn silent(host: &Host, name: &str, why: &Diagnostic) -> Proof {
    Proof { host: host.name().to_owned(), person: name.to_owned(), well: false, says: why.message.clone() }
}

/// Hosts that say different things of one person are all not well: groups or names of groups differ.
fn disagreements(proofs: &mut [Proof]) {
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for proof in proofs.iter().filter(|proof| proof.well && proof.says.starts_with("uid=")) {
        let all = said.entry(proof.person.clone()).or_default();
        if !all.contains(&proof.says) {
            all.push(proof.says.clone());
        }
    }
    for proof in proofs {
        proof.well &= said.get(&proof.person).is_none_or(|all| all.len() == 1);
    }
}
