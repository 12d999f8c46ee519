//! The chain of `enlist explain` as a table.

use super::styles::{Painter, Style};
use crate::sync::explain::Link;
use crate::text::width::{pad, width};

/// One line a link, hosts that say the same together; the first broken link last, with what to do.
pub fn links(name: &str, links: &[Link], painter: Painter) -> Vec<String> {
    let mut rows: Vec<(Vec<&str>, &Link)> = Vec::new();
    for link in links {
        let same =
            |row: &&mut (Vec<&str>, &Link)| (row.1.link, &row.1.seen, row.1.well) == (link.link, &link.seen, link.well);
        match rows.iter_mut().find(same) {
            Some((places, _)) => places.push(&link.place),
            None => rows.push((vec![&link.place], link)),
        }
    }
    let places = |row: &(Vec<&str>, &Link)| row.0.join(", ");
    let columns = (
        rows.iter().map(|row| width(row.1.link)).max().unwrap_or(0),
        rows.iter().map(|row| width(&row.1.seen)).max().unwrap_or(0).min(60),
    );
    let mut lines = Vec::new();
    for row in &rows {
        let (mark, style) = if row.1.well { ("ok    ", Style::Ok) } else { ("BROKEN", Style::Failed) };
        let (link, seen) = (pad(row.1.link, columns.0), pad(&row.1.seen, columns.1));
        lines.push(format!("{}  {link}  {seen}  {}", painter.paint(style, mark), places(row)));
    }
    lines.push(match links.iter().find(|link| !link.well) {
        None => format!("All is well with {name}."),
        Some(first) => {
            let todo = first.todo.as_deref().unwrap_or_default();
            format!("First broken link: {}: {}: {}. What to do: {todo}", first.place, first.link, first.seen)
        }
    });
    lines
}
