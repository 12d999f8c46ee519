//! The chain of `enlist explain` as a table, and what the accounting service says to a job.

use super::styled::Styled;
use super::styles::Style;
use control::sync::explain::Link;
use service::daemon::admission::{Answer, Enforced, Line, Verdict};
use words::text::width::{pad, width};

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
    lines.extend(match &answer.enforced {
        Some(enforced) if answer.checks.is_empty() => checks(&enforced.checks, "BROKEN "),
        _ => checks(&answer.checks, "REFUSED"),
    });
    lines.extend(answer.missing.as_ref().map(|what| Styled::of(Style::Failed, "MISSING").text(format!("  {what}"))));
    lines.push(Styled::from(conclusion(answer)));
    lines
}

/// A line for each limit; `broken` marks those that stand in the way.
fn checks(checks: &[Line], broken: &'static str) -> Vec<Styled> {
    let widest = |text: &dyn Fn(&Line) -> String| checks.iter().map(|line| width(&text(line))).max().unwrap_or(0);
    let columns = (widest(&limit), widest(&|line| line.set_by.clone()));
    let known = |figure: Option<u64>| figure.map_or_else(|| "?".to_owned(), |figure| figure.to_string());
    let of_one = |line: &Line| {
        let (mark, style) = match line {
            Line { reason: Some(_), .. } => (broken, Style::Failed),
            Line { open: true, .. } => ("?      ", Style::Skipped),
            _ => ("ok     ", Style::Ok),
        };
        let (limit, set_by) = (pad(&limit(line), columns.0), pad(&line.set_by, columns.1));
        let figures = format!("{} of {} used, {} asked", known(line.used), line.value, known(line.asked));
        let reason = line.reason.as_ref().map_or_else(String::new, |reason| format!("  {reason}"));
        let says = format!("  {:6}  {limit}  {set_by}  {figures}{reason}", line.stage);
        Styled::of(style, mark).text(says)
    };
    checks.iter().map(of_one).collect()
}

/// What it comes to.
fn conclusion(answer: &Answer) -> String {
    let is_other =
        |it: &&Enforced| answer.enforce == "none" || (&it.submit, &it.start) != (&answer.submit, &answer.start);
    let here = match outcome(&answer.submit, &answer.start) {
        Outcome::Refused(why) => format!("May not be submitted: {why}"),
        Outcome::Waits(why) => format!("May be submitted, and waits: {why}"),
        Outcome::Starts if answer.enforce == "none" => {
            "Nothing is enforced here (AccountingStorageEnforce=none), so it is taken.".into()
        }
        Outcome::Starts if answer.checks.iter().any(|line| line.open) => {
            "May be submitted and may start, as far as is known: lines that begin with `?` were not worked out.".into()
        }
        Outcome::Starts => "May be submitted and may start, as far as accounting goes.".into(),
    };
    let Some(enforced) = answer.enforced.as_ref().filter(is_other) else { return here };
    let then = match outcome(&enforced.submit, &enforced.start) {
        Outcome::Refused(why) => format!("it would be refused: {why}"),
        Outcome::Waits(why) => format!("it would wait: {why}"),
        Outcome::Starts => "it might start as well".into(),
    };
    format!("{} If associations, limits and QOS were enforced, {then}", here.trim_end_matches('.').to_owned() + ".")
}

/// What becomes of a job, with the reason.
enum Outcome {
    Refused(String),
    Waits(String),
    Starts,
}

fn outcome(submit: &Verdict, start: &Verdict) -> Outcome {
    let why = |verdict: &Verdict| {
        let text = verdict.text.as_ref().map_or_else(String::new, |text| format!(": {text}"));
        verdict.reason.clone().unwrap_or_default() + &text
    };
    match (submit.admitted, start.admitted) {
        (false, _) => Outcome::Refused(why(submit)),
        (true, false) => Outcome::Waits(why(start)),
        (true, true) => Outcome::Starts,
    }
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
