//! What a job waits for, as lines.

use super::styled::Styled;
use super::styles::Style;
use commands::why::Why;

/// A head, then a line for each thing that it waits for, and what would start it.
pub fn lines(why: &Why) -> Vec<Styled> {
    let account = if why.account.is_empty() { String::new() } else { format!(", account {}", why.account) };
    let head = format!("Job {} ({}) of {}{account}, partition {}: ", why.job, why.name, why.user, why.partition);
    let style = if why.reason.is_some() { Style::Skipped } else { Style::Ok };
    let state = match &why.reason {
        Some(reason) => format!("{}, {reason}", why.state),
        None => why.state.clone(),
    };
    let mut lines = vec![Styled::from(head).styled(style, state)];
    let verb = if why.reason.is_some() { "waits for" } else { "now" };
    lines.extend(why.waits_for.iter().map(|what| Styled::from(format!("  {verb:12}{what}"))));
    lines.extend(
        why.starts_by.iter().map(|at| Styled::from(format!("  {:12}{at} at the latest, by the plan of now", "starts"))),
    );
    lines.extend(why.remedies.iter().map(|what| Styled::from(format!("  {:12}{what}", "sooner by"))));
    lines
}
