//! For a terminal or a mail.

use super::{Item, Review, Section, Subject};
use words::text::width::{pad, width};

/// Sections, people, changes, each deeper than the one before.
pub(super) fn write(review: &Review) -> String {
    let mut lines = Vec::new();
    for section in &review.sections {
        lines.push(format!("{}: {}", section.title, section.counts));
        section.subjects.iter().for_each(|subject| lines.extend(of_subject(review, section, subject)));
        lines.push(String::new());
    }
    if !review.left_out.is_empty() {
        lines.push("Left out".to_owned());
        lines.extend(review.left_out.iter().cloned());
        lines.push(String::new());
    }
    lines.push(review.summary.clone());
    lines.into_iter().map(|line| line + "\n").collect()
}

fn of_subject(review: &Review, section: &Section, subject: &Subject) -> Vec<String> {
    if let Some(more) = &subject.more {
        return vec![format!("  {more}")];
    }
    let column = section.subjects.iter().flat_map(|subject| &subject.items).map(|item| width(&item.title)).max();
    let head = match (&subject.login, &subject.name) {
        (None, _) => "  Groups, accounts and QOS".to_owned(),
        (Some(login), None) => format!("  {login}"),
        (Some(login), Some(name)) => format!("  {login} ({name})"),
    };
    let items = subject.items.iter().flat_map(|item| of_item(review, item, column.unwrap_or(0)));
    std::iter::once(head).chain(items).collect()
}

fn of_item(review: &Review, item: &Item, column: usize) -> Vec<String> {
    let head = format!("    {} {}  on {}", item.mark, pad(&item.title, column), item.on);
    let fields = item.fields.iter().map(|field| format!("        {field}"));
    let commands = item.commands.iter().filter(|_| review.with_commands).flat_map(|command| command.lines());
    let commands = commands.map(|command| format!("        $ {command}"));
    std::iter::once(head).chain(fields).chain(commands).collect()
}
