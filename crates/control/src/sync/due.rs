//! What became due: steps of a plan that the same roster did not ask for some days ago. Days brought them, and no edit.

use super::Host;
use super::apply::asked;
use crate::plan::Plan;
use crate::roster::Roster;
use std::collections::HashMap;

/// The steps of `plan` that the roster `before`, the same one as of an earlier day, did not ask for; and how many others there
/// were.
pub fn only_due(mut plan: Plan, hosts: &[Host], before: &Roster) -> (Plan, usize) {
    let hosts: HashMap<&str, &Host> = hosts.iter().map(|host| (host.name(), host)).collect();
    let mut others = 0;
    for planned in &mut plan.hosts {
        let Some(host) = hosts.get(planned.host.as_str()) else { continue };
        let then = asked(before, host);
        let all = planned.steps.len();
        planned.steps.retain(|step| !then.contains(&super::apply::as_text(&step.module, &step.args)));
        others += all - planned.steps.len();
    }
    (plan, others)
}
