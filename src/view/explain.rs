//! The chain of `enlist explain` as a table, and what the accounting service says to a job.

use super::styled::Styled;
use super::styles::Style;
use crate::daemon::admission::{Answer, Line, Verdict};
use crate::sync::explain::Link;
use crate::text::width::{pad, width};

/// One line a link, hosts that say the same together; the first broken link last, with what to do.
pub fn links(name: &str, links: &[Link]) -> Vec<Styled> {
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
        let (mark, style) = mark(row.1);
        let (link, seen) = (pad(row.1.link, columns.0), pad(&row.1.seen, columns.1));
        lines.push(Styled::of(style, mark).text(format!("  {link}  {seen}  {}", places(row))));
    }
    lines.push(Styled::from(match links.iter().find(|link| !link.well) {
        None => match links.iter().filter(|link| !link.looked_at).count() {
            0 => format!("All is well with {name}."),
            some => format!("Nothing is broken with {name} in what was looked at; {some} could not be."),
        },
        Some(first) => {
            let todo = first.todo.as_deref().unwrap_or_default();
            format!("First broken link: {}: {}: {}. What to do: {todo}", first.place, first.link, first.seen)
        }
    }));
    lines
}

fn mark(link: &Link) -> (&'static str, Style) {
    match link {
        Link { well: false, .. } => ("BROKEN", Style::Failed),
        Link { looked_at: false, .. } => ("?     ", Style::Skipped),
        _ => ("ok    ", Style::Ok),
    }
}

/// One line a limit, then what that means.
pub fn admission(answer: &Answer) -> Vec<Styled> {
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    let mut lines = vec![Styled::from(format!(
        "{} on cluster {}{}: account {}, QOS {}; AccountingStorageEnforce={}",
        answer.user,
        answer.cluster,
        answer.partition.as_ref().map_or_else(String::new, |name| format!(", partition {name}")),
        or(&answer.account, "(none)"),
        or(&answer.qos, "(none)"),
        answer.enforce
    ))];
    let widest =
        |text: &dyn Fn(&Line) -> String| answer.checks.iter().map(|line| width(&text(line))).max().unwrap_or(0);
    let columns = (widest(&limit), widest(&|line| line.set_by.clone()));
    for line in &answer.checks {
        let (mark, style) = if line.reason.is_none() { ("ok     ", Style::Ok) } else { ("REFUSED", Style::Failed) };
        let (limit, set_by) = (pad(&limit(line), columns.0), pad(&line.set_by, columns.1));
        let used = line.used.map_or_else(|| "?".to_owned(), |used| used.to_string());
        let figures = format!("{used} of {} used, {} asked", line.value, line.asked);
        let reason = line.reason.as_ref().map_or_else(String::new, |reason| format!("  {reason}"));
        let says = format!("  {:6}  {limit}  {set_by}  {figures}{reason}", line.stage);
        lines.push(Styled::of(style, mark).text(says));
    }
    lines.push(Styled::from(match (&answer.submit, &answer.start) {
        (Verdict { admitted: true, .. }, Verdict { admitted: true, .. }) if answer.enforce == "none" => {
            "Nothing is enforced here (AccountingStorageEnforce=none): it is taken whatever its account, QOS and limits are; \
             --enforce all says what would be refused."
                .to_owned()
        }
        (Verdict { admitted: false, reason, text }, _) => {
            format!("May not be submitted: {}: {}", or(reason, ""), or(text, ""))
        }
        (_, Verdict { admitted: false, reason, text }) => {
            let words = text.as_ref().map_or_else(String::new, |text| format!(": {text}"));
            format!("May be submitted, and waits: {}{words}", or(reason, ""))
        }
        _ => "May be submitted and may start, as far as accounting goes.".to_owned(),
    }));
    lines
}

fn limit(line: &Line) -> String {
    let name = limit_name(&line.limit);
    line.tres.as_ref().map_or_else(|| name.clone(), |tres| format!("{name} {tres}"))
}

/// `max_tres_pu`, the API's name of a limit, as sacctmgr says it: `MaxTRESPerUser`.
fn limit_name(name: &str) -> String {
    let word = |part: &str| match part {
        "tres" => "TRES".to_owned(),
        "pj" => "PerJob".to_owned(),
        "pn" => "PerNode".to_owned(),
        "pu" => "PerUser".to_owned(),
        "pa" => "PerAccount".to_owned(),
        part => part[..1].to_uppercase() + &part[1..],
    };
    if name == "max_wall_pj" {
        "MaxWall".into()
    } else {
        name.split('_').filter(|part| !part.is_empty()).map(word).collect()
    }
}
