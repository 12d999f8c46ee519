//! `slurm_qos`: qualities of service, their limits and flags.

use super::{Item, Planned, check_names, differing, module, names, outcome, shown, wanted};
use crate::books::{Books, Entity, Interest, Row, Verb, Write, check_text};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, ItemResult, Kind, Module, Param, Spec, Verdict};
use crate::system::System;
use words::text::limit::QOS_LIMITS;

/// The module.
pub struct SlurmQos;

static SPEC: Spec = Spec {
    name: "slurm_qos",
    summary: "Adds, changes or removes qualities of service of the scheduler. Runs on its master.",
    params: &[
        Param::new("name", Kind::Raw, "Name of the QOS, or a list of names.").required(),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("description", Kind::Str, "What it is for; the scheduler keeps it in lower case."),
        Param::new("limits", Kind::Dict, "Limits by Slurm's names; others are left alone; -1 or unset clears."),
        Param::new("flags", Kind::List, "Flags: the whole list, or +Flag and -Flag; -1 clears."),
        Param::new("priority", Kind::Int, "What it adds to a job's priority, weighted."),
        Param::new("preempt", Kind::List, "QOS whose jobs its jobs may preempt: the whole list, or +name and -name."),
        Param::new("preempt_mode", Kind::Str, "How preempted jobs end: cancel, requeue, or cluster for its way."),
        Param::new("grace_time", Kind::Int, "Seconds that a preempted job keeps after the warning."),
        Param::new("usage_factor", Kind::Str, "Share of usage that is charged; 1 is all."),
    ],
    ..Spec::EMPTY
};

/// Parameters that are settings.
const NAMED: &[(&str, &str)] = &[
    ("flags", "Flags"),
    ("priority", "Priority"),
    ("preempt", "Preempt"),
    ("preempt_mode", "PreemptMode"),
    ("grace_time", "GraceTime"),
    ("usage_factor", "UsageFactor"),
];

module!(SlurmQos);

impl Item for SlurmQos {
    fn interest(&self, _: &Args, interest: &mut Interest) {
        interest.qos = true;
    }

    fn plan(&self, args: &Args, books: &Books) -> Result<Planned, Failure> {
        check_names(args, &["name", "preempt_mode"])?;
        let mut planned = Planned::new(outcome(args, "name"));
        for name in names(args, "name") {
            let row = books.qos.get(&name.to_lowercase());
            match (args.text("state"), row) {
                ("absent", None) => {}
                ("absent", Some(_)) => {
                    let change = Change::new(Action::Delete, "qos", &name);
                    planned.add(change, vec![Write::new(Verb::Delete, Entity::Qos, &name)]);
                }
                (_, row) => {
                    let (change, writes) = present(args, &name, row)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

fn present(args: &Args, name: &str, row: Option<&Row>) -> Result<(Change, Vec<Write>), Failure> {
    let new = Row::of_new_qos(name);
    let action = if row.is_some() { Action::Update } else { Action::Create };
    let mut change = Change::new(action, "qos", name);
    let mut texts = Vec::new();
    if let Some(text) = args.str("description") {
        check_text("description", text)?;
        let before = row.map_or("", |row| row.get("Description"));
        if !text.eq_ignore_ascii_case(before) {
            change = change.field("description", shown(before), text);
            texts.push(("Description", text.to_owned()));
        }
    }
    let (change, set) = differing(change, &wanted(args, QOS_LIMITS, NAMED)?, &[row.unwrap_or(&new)]);
    let mut writes = Vec::new();
    let modify = |set| Write::new(Verb::Modify, Entity::Qos, name).set::<&str>(set);
    match row {
        None => {
            writes.push(Write::new(Verb::Add, Entity::Qos, name).set(texts));
            writes.extend((!set.is_empty()).then(|| modify(set)));
        }
        Some(_) => {
            let set = [texts, set].concat();
            writes.extend((!set.is_empty()).then(|| modify(set)));
        }
    }
    Ok((change, writes))
}
