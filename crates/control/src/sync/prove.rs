//! After an apply: do the hosts see what a directory was told? They are asked, as programs there would ask.

use super::ask::{command, text};
use super::{Host, Site};
use crate::plan::{HostPlan, Plan, Step};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use words::diag::Diagnostic;
use words::value::Value;

/// How long a host may take until it sees a change: a client asks its server again once its memory of "nobody" is over.
const PATIENCE: Duration = Duration::from_secs(20);

/// What lets a host forget what it remembers of people: sssd, and nscd, which is usual with NIS and nslcd.
const FORGETTING: [&[&str]; 3] = [&["sss_cache", "-U", "-G"], &["nscd", "-i", "passwd"], &["nscd", "-i", "group"]];

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

/// Somebody as a plan has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing<'p> {
    /// Not there any more.
    Gone,
    /// There, with this uid and primary group.
    Uid(u32, Option<&'p str>),
    /// There still: only locked, with whatever uid.
    There,
}

impl<'p> Standing<'p> {
    /// Of whom a step of the module `user` is about.
    fn of(step: &'p Step) -> Self {
        let uid = step.args.get("uid").and_then(Value::as_int).and_then(|uid| u32::try_from(uid).ok());
        match uid {
            _ if step.args.get("state") == Some(&"absent".into()) => Standing::Gone,
            Some(uid) => Standing::Uid(uid, step.args.get("group").and_then(Value::as_str)),
            None => Standing::There,
        }
    }

    /// Whether id(1) says so of `name`: its output, or else its error.
    fn holds(self, name: &str, says: &Result<String, String>) -> bool {
        match (self, says) {
            (Standing::Gone, Err(error)) => error.contains("no such user"),
            (Standing::Uid(uid, group), Ok(output)) => {
                let mut words = output.split_whitespace();
                let is_own = words.next() == Some(&format!("uid={uid}({name})"));
                let primary = words.next().unwrap_or_default();
                is_own
                    && group.is_none_or(|group| primary.starts_with("gid=") && primary.ends_with(&format!("({group})")))
            }
            (Standing::There, Ok(output)) => output.starts_with("uid=") && output.contains(&format!("({name}) ")),
            _ => false,
        }
    }
}

/// Everybody by name.
type Wanted<'p> = BTreeMap<&'p str, Standing<'p>>;

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
    let is_its = |place: &&HostPlan| place.directory.is_some() && host.resolves.as_ref() == Some(&place.host);
    let steps = plan.hosts.iter().filter(is_its).flat_map(|directory| &directory.steps);
    steps.filter(|step| step.module == "user").filter_map(person).collect()
}

fn person(step: &Step) -> Option<(&str, Standing<'_>)> {
    Some((step.args.get("name").and_then(Value::as_str)?, Standing::of(step)))
}

fn prove_on(site: &Site, host: &Host, wanted: &Wanted) -> Vec<Proof> {
    if wanted.is_empty() {
        return Vec::new();
    }
    // Not every client has these; those without ask their server each time.
    let forget = FORGETTING.iter().map(|words| command(words)).collect();
    let flushed = site.ask(host, "command", forget, false);
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

fn look(site: &Site, host: &Host, wanted: &Wanted) -> Vec<Proof> {
    let items = wanted.keys().map(|name| command(&["id", name])).collect();
    match site.ask(host, "command", items, false) {
        Err(why) => wanted.keys().map(|name| silent(host, name, &why)).collect(),
        Ok(results) => {
            let all = wanted.iter().zip(results);
            all.map(|((name, standing), result)| {
                let says = match &result.outcome {
                    Ok(outcome) => Ok(text(&outcome.values, "stdout").trim().to_owned()),
                    Err(failure) => Err(text(&failure.values, "stderr").trim().to_owned()),
                };
                let well = standing.holds(name, &says);
                let (Ok(says) | Err(says)) = says;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;
    use crate::plan::vocabulary as calls;
    use crate::sync::compile::lock;
    use words::value::Map;

    fn step(args: Map) -> Step {
        Step { phase: Phase::Accounts, module: "user".into(), args, changes: Vec::new() }
    }

    #[test]
    fn who_is_only_locked_is_not_waited_for_to_go() {
        let there = Ok("uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team)".to_owned());
        let gone = Err("id: 'gildong': no such user".to_owned());
        let removal = step(calls::REMOVE_USER.with([("name", "gildong".into())]));
        let named = |group: &str| [("name", "gildong".into()), ("uid", 2001.into()), ("group", group.into())];
        let user = step(calls::USER.with(named("ai_team")));
        for (step, is_there) in [(step(lock("gildong")), true), (removal, false), (user, true)] {
            let (name, standing) = person(&step).unwrap();
            assert_eq!(
                (standing.holds(name, &there), standing.holds(name, &gone)),
                (is_there, !is_there),
                "{standing:?}"
            );
        }
        assert!(!Standing::Uid(2002, None).holds("gildong", &there));
        let other = step(calls::USER.with(named("gpu")));
        assert!(!person(&other).unwrap().1.holds("gildong", &there), "another primary group than the plan has");
    }

    #[test]
    fn a_host_forgets_what_any_client_remembers_before_it_is_asked() {
        use crate::connection::fake::FakeConnector;
        use crate::connection::{Become, Target};
        use crate::sync::Way;
        use host::change::outcome::{ItemResult, Outcome};
        use host::protocol::{AgentReply, AgentRequest};
        use std::sync::{Arc, Mutex};
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = asked.clone();
        let connector = FakeConnector::new(move |_, _, request: &AgentRequest| {
            let one = |item: &Map| {
                let words: Vec<String> = item["argv"].as_list().unwrap().iter().map(ToString::to_string).collect();
                noted.lock().unwrap().push(words.join(" "));
                let says = "uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team)";
                ItemResult::unchanged(Ok(Outcome::new().with("stdout", says)))
            };
            Ok(AgentReply { results: request.items.iter().map(one).collect() })
        });
        let target = Target {
            name: "login1".into(),
            address: "login1".into(),
            port: None,
            user: None,
            keys: Vec::new(),
            password: None,
            ssh_args: Vec::new(),
            host_key_checking: true,
            timeout: Duration::from_secs(1),
            local: false,
        };
        let (way, resolves) = (Ok(Way::Ssh { target, who: Become::Login }), Some("corp".to_owned()));
        let host = Host { name: "login1".into(), way, accounts: false, scheduler: false, resolves };
        let site = Site::new(vec![host.clone()], &connector, 1);
        let proofs = prove_on(&site, &host, &Wanted::from([("gildong", Standing::Uid(2001, Some("ai_team")))]));
        assert!(proofs.iter().all(|proof| proof.well) && proofs.len() == 1, "{proofs:?}");
        let expected = ["sss_cache -U -G", "nscd -i passwd", "nscd -i group", "id gildong"];
        assert_eq!(*asked.lock().unwrap(), expected);
    }
}
