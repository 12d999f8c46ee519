//! For programs. It is no plan: nothing applies it.

use super::{Item, Review, Section, Subject};
use serde_json::{Value, json};

/// One document; its fields are in `docs/review.md`.
pub(super) fn write(review: &Review) -> String {
    let plan = review.plan;
    let document = json!({
        "review": 1,
        "site": plan.site,
        "created": plan.created,
        "summary": plan.summary(),
        "removals": plan.removals().len(),
        "sections": review.sections.iter().map(|section| of_section(review, section)).collect::<Vec<_>>(),
        "left_out": review.left_out_of_plan(),
    });
    document.to_string() + "\n"
}

fn of_section(review: &Review, section: &Section) -> Value {
    let subjects = section.subjects.iter().map(|subject| of_subject(review, subject));
    json!({
        "title": section.title,
        "destructive": section.is_destructive,
        "counts": section.counts,
        "people": subjects.collect::<Vec<_>>(),
    })
}

fn of_subject(review: &Review, subject: &Subject) -> Value {
    let items = subject.items.iter().map(|item| of_item(review, item)).collect::<Vec<_>>();
    json!({ "login": subject.login, "name": subject.name, "changes": items })
}

fn of_item(review: &Review, item: &Item) -> Value {
    let mut of_item = json!({ "action": item.action, "what": item.title, "hosts": item.hosts, "fields": item.fields });
    if review.with_commands {
        of_item["commands"] = json!(item.commands);
    }
    of_item
}
