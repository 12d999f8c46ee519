//! How everybody stands, as a table and as a page.

use super::page::Page;
use super::styled::Styled;
use super::styles::Style;
use control::sync::status::{PersonStanding, StandingKind};
use words::text::visible::on_one_line;
use words::text::width::{pad, width};

/// One line a person, and the count of each state last.
pub fn table(people: &[PersonStanding]) -> Vec<Styled> {
    let row = |one: &PersonStanding| {
        let name = one.name.as_deref().map(on_one_line).unwrap_or_default();
        [one.login.clone(), one.state.word().to_owned(), name.into_owned(), first(one)]
    };
    let head = ["LOGIN", "STATE", "NAME", "FIRST BROKEN LINK"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(people.iter().map(row)).collect();
    let columns: Vec<usize> = (0..3).map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let line = |(at, row): (usize, &[String; 4])| {
        let style = at.checked_sub(1).map_or(Style::Heading, |at| style(people[at].state));
        let rest = format!("  {}  {}", pad(&row[2], columns[2]), row[3]).trim_end().to_owned();
        let state = if rest.is_empty() { row[1].clone() } else { pad(&row[1], columns[1]) };
        Styled::from(pad(&row[0], columns[0]) + "  ").styled(style, state).text(rest)
    };
    let mut lines: Vec<Styled> = rows.iter().enumerate().map(line).collect();
    lines.push(sum(people).into());
    lines
}

/// Where, which link, and what was seen there.
fn first(one: &PersonStanding) -> String {
    let Some(link) = &one.first else { return String::new() };
    let more = if one.broken > 1 { format!(" (and {} more)", one.broken - 1) } else { String::new() };
    on_one_line(&format!("{}: {}: {}{more}", link.place, link.link, link.seen)).into_owned()
}

/// `5 people: 1 broken, 4 well`
pub fn sum(people: &[PersonStanding]) -> String {
    let count = |kind: StandingKind| people.iter().filter(|one| one.state == kind).count();
    let counts = StandingKind::ALL.into_iter().map(|kind| (count(kind), kind.word())).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    let noun = if people.len() == 1 { "person" } else { "people" };
    if counts.is_empty() { "Nobody.".to_owned() } else { format!("{} {noun}: {}.", people.len(), counts.join(", ")) }
}

fn style(state: StandingKind) -> Style {
    match state {
        StandingKind::Broken => Style::Failed,
        StandingKind::Unknown => Style::Unreachable,
        StandingKind::Well => Style::Ok,
        StandingKind::Suspended | StandingKind::Ended | StandingKind::Absent => Style::Skipped,
    }
}

/// One page for the team.
pub fn page(people: &[PersonStanding], site: &str, now: &str) -> String {
    let mut page = Page::new(&format!("enlist status {site}"));
    page.element("<h1>Everybody's state <bdi>", site, "</bdi></h1>\n");
    page.element("<p class=\"sum\">", &sum(people), "</p>\n").element("<p class=\"faint\">", now, "</p>\n");
    page.markup("<table>\n<tr><th>Login<th>Name<th>Group<th>Manager<th>Projects<th>State<th>First broken link<th>What to do</tr>\n");
    for one in people {
        page.element("<tr><td><bdi>", &one.login, "</bdi><td><bdi>").text(one.name.as_deref().unwrap_or_default());
        page.element("</bdi><td>", &one.group, "<td><bdi>").text(one.manager.as_deref().unwrap_or_default());
        page.element("</bdi><td>", &one.projects.join(", "), "<td class=\"");
        page.markup(match one.state {
            StandingKind::Broken => "broken",
            StandingKind::Unknown => "unknown",
            StandingKind::Well => "well",
            StandingKind::Suspended | StandingKind::Ended | StandingKind::Absent => "faint",
        });
        page.element("\">", one.state.word(), "<td>").text(&first(one)).markup("<td>");
        let todo = one.first.as_ref().and_then(|link| link.todo.as_deref());
        page.text(todo.unwrap_or_default()).markup("</tr>\n");
    }
    page.markup("</table>\n");
    page.done()
}
