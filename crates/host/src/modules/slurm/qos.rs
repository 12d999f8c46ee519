//! `slurm_qos`: qualities of service, their limits and flags.

use super::{GivenNames, Planned, SchedulerModule, check_name, differing, outcome, shown, wanted};
use crate::books::{BookEntity, BookVerb, Books, Interest, ListedRow, Write, check_text};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::parameters;
use crate::parameters::Presence;
use words::text::limit::QOS_LIMITS;
use words::value::{Map, Value};

/// The module.
pub struct SlurmQos;

parameters! {
    /// Adds, changes or removes qualities of service of the scheduler. Runs on its master.
    pub struct SlurmQosParameters for "slurm_qos" {
        /// Name of the QOS, or a list of names.
        name: GivenNames,
        /// Whether it shall be there.
        state: Presence = "present",
        /// What it is for; the scheduler keeps it in lower case.
        description: Option<String>,
        /// Limits by Slurm's names; others are left alone; -1 or unset clears.
        limits: Option<Map>,
        /// Flags: the whole list, or +Flag and -Flag; -1 clears.
        flags: Option<Vec<Value>>,
        /// What it adds to a job's priority, weighted.
        priority: Option<i64>,
        /// QOS whose jobs its jobs may preempt: the whole list, or +name and -name.
        preempt: Option<Vec<Value>>,
        /// How preempted jobs end: cancel, requeue, or cluster for its way.
        preempt_mode: Option<String>,
        /// Seconds that a preempted job keeps after the warning.
        grace_time: Option<i64>,
        /// Share of usage that is charged; 1 is all.
        usage_factor: Option<String>,
    }
}

impl SlurmQosParameters {
    /// The limits and the parameters that are settings, too.
    fn wanted(&self) -> Result<super::Wanted, Failure> {
        let named = [
            ("Flags", self.flags.clone().map(Value::List)),
            ("Priority", self.priority.map(Value::Int)),
            ("Preempt", self.preempt.clone().map(Value::List)),
            ("PreemptMode", self.preempt_mode.clone().map(Value::from)),
            ("GraceTime", self.grace_time.map(Value::Int)),
            ("UsageFactor", self.usage_factor.clone().map(Value::from)),
        ];
        wanted(QOS_LIMITS, self.limits.as_ref(), &named)
    }
}

impl SchedulerModule for SlurmQos {
    type Parameters = SlurmQosParameters;

    fn interest(&self, _: &SlurmQosParameters, interest: &mut Interest) {
        interest.qos = true;
    }

    fn plan(&self, given: &SlurmQosParameters, books: &Books) -> Result<Planned, Failure> {
        given.name.check("name")?;
        check_name("preempt_mode", given.preempt_mode.as_deref())?;
        let mut planned = Planned::new(outcome("name", given.name.0.clone(), given.state));
        for name in given.name.list() {
            let row = books.qos.get(&name.to_lowercase());
            match (given.state, row) {
                (Presence::Absent, None) => {}
                (Presence::Absent, Some(_)) => {
                    let change = Change::new(Action::Delete, "qos", &name);
                    planned.add(change, vec![Write::new(BookVerb::Delete, BookEntity::Qos, &name)]);
                }
                (Presence::Present, row) => {
                    let (change, writes) = present(given, &name, row)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

fn present(given: &SlurmQosParameters, name: &str, row: Option<&ListedRow>) -> Result<(Change, Vec<Write>), Failure> {
    let new = ListedRow::of_new_qos(name);
    let action = if row.is_some() { Action::Update } else { Action::Create };
    let mut change = Change::new(action, "qos", name);
    let mut texts = Vec::new();
    if let Some(text) = given.description.as_deref() {
        check_text("description", text)?;
        let before = row.map_or("", |row| row.get("Description"));
        if !text.eq_ignore_ascii_case(before) {
            change = change.field("description", shown(before), text);
            texts.push(("Description", text.to_owned()));
        }
    }
    let (change, set) = differing(change, &given.wanted()?, &[row.unwrap_or(&new)]);
    let mut writes = Vec::new();
    let modify = |set| Write::new(BookVerb::Modify, BookEntity::Qos, name).set::<&str>(set);
    match row {
        None => {
            writes.push(Write::new(BookVerb::Add, BookEntity::Qos, name).set(texts));
            writes.extend((!set.is_empty()).then(|| modify(set)));
        }
        Some(_) => {
            let set = [texts, set].concat();
            writes.extend((!set.is_empty()).then(|| modify(set)));
        }
    }
    Ok((change, writes))
}
