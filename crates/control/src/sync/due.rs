//! What became due: steps of a plan that the same roster did not ask for some days ago. Days brought them, and no edit.

use super::Host;
use super::apply::{as_text, asked};
use crate::plan::{Plan, Step};
use crate::roster::{Roster, User};
use std::collections::{HashMap, HashSet};
use words::value::Value;

/// The steps of `plan` that the roster `before`, the same one as of an earlier day, did not ask for; and how many others there
/// were.
///
/// Steps for people whom a day keeps out are due however long ago it was: else who was left out for too many days would never go.
pub fn only_due(mut plan: Plan, hosts: &[Host], today: &Roster, before: &Roster) -> (Plan, usize) {
    let ended = |user: &&User| user.standing.is_kept_out() && !user.tenure.written().is_kept_out();
    let ended: HashSet<&str> = today.users.iter().filter(ended).map(|user| user.name.as_str()).collect();
    let is_of_ended = |step: &Step| {
        let whose = step.args.get("user").or(step.args.get("name")).and_then(Value::as_str);
        !["group", "slurm_account", "slurm_qos"].contains(&&*step.module)
            && whose.is_some_and(|name| ended.contains(name))
    };
    let hosts: HashMap<&str, &Host> = hosts.iter().map(|host| (host.name(), host)).collect();
    let mut others = 0;
    for planned in &mut plan.hosts {
        let Some(host) = hosts.get(planned.host.as_str()) else { continue };
        let then = asked(before, host);
        let all = planned.steps.len();
        planned.steps.retain(|step| is_of_ended(step) || !then.contains(&as_text(&step.module, &step.args)));
        others += all - planned.steps.len();
    }
    (plan, others)
}
