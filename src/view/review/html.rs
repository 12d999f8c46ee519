//! One page that needs nothing else: for a mail, a wiki, an artifact of CI.

use super::{Item, Review, Section, Subject};
use crate::view::page::Page;

/// The review as a page.
pub(super) fn write(review: &Review) -> String {
    let mut page = Page::new(&format!("enlist plan {}", review.plan.site));
    page.element("<h1>Plan <bdi>", &review.plan.site, "</bdi></h1>\n");
    page.element("<p class=\"sum\">", &review.summary, "</p>\n");
    page.element("<p class=\"faint\">", &review.plan.created, "</p>\n");
    review.sections.iter().for_each(|section| of_section(&mut page, review, section));
    if !review.left_out.is_empty() {
        page.markup("<section class=\"goes\"><h2>Left out</h2>\n");
        page.element("<pre>", &review.left_out.join("\n"), "</pre></section>\n");
    }
    page.done()
}

fn of_section(page: &mut Page, review: &Review, section: &Section) {
    page.markup(if section.is_destructive { "<section class=\"goes\">" } else { "<section>" });
    page.element("<h2>", section.title, " <small>").text(&section.counts).markup("</small></h2>\n");
    section.subjects.iter().for_each(|subject| of_subject(page, review, subject));
    page.markup("</section>\n");
}

fn of_subject(page: &mut Page, review: &Review, subject: &Subject) {
    if let Some(more) = &subject.more {
        page.element("<p class=\"faint\">", more, "</p>\n");
        return;
    }
    page.markup("<article><h3><bdi>")
        .text(subject.login.as_deref().unwrap_or("Groups, accounts and QOS"))
        .markup("</bdi>");
    if let Some(name) = &subject.name {
        page.element(" <small><bdi>", name, "</bdi></small>");
    }
    page.markup("</h3>\n");
    subject.items.iter().for_each(|item| of_item(page, review, item));
    page.markup("</article>\n");
}

fn of_item(page: &mut Page, review: &Review, item: &Item) {
    page.markup(match item.mark {
        '+' => "<div class=\"new\">",
        '-' => "<div class=\"gone\">",
        _ => "<div class=\"changed\">",
    });
    page.element("<b>", &format!("{} {}", item.mark, item.title), "</b>");
    page.element(" <span class=\"faint\">", &format!("on {}", item.on), "</span>");
    if !item.fields.is_empty() {
        page.element("<pre>", &item.fields.join("\n"), "</pre>");
    }
    if review.with_commands && !item.commands.is_empty() {
        page.element("<pre class=\"typed\">", &item.commands.join("\n"), "</pre>");
    }
    page.markup("</div>\n");
}
