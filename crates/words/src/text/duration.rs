//! Durations as Slurm writes them: `minutes`, `min:sec`, `h:m:s`, `d-h`, `d-h:m`, `d-h:m:s` (sacctmgr(1), "GrpWall").

/// Minutes of a duration text, seconds rounded up; `None` when it is none.
pub fn parse_minutes(text: &str) -> Option<u64> {
    Some(parse_seconds(text)?.div_ceil(60))
}

/// Seconds of a duration text; a single number is minutes.
pub fn parse_seconds(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, "")) => (Some(number(days)?), "0"), // Slurm takes `2-` for two days
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let parts = clock.split(':').map(number).collect::<Option<Vec<_>>>()?;
    let (hours, minutes, seconds) = match (days.is_some(), parts.as_slice()) {
        (true, [h]) => (*h, 0, 0),
        (true, [h, m]) => (*h, *m, 0),
        (false, [m]) => (0, *m, 0),
        (false, [m, s]) => (0, *m, *s),
        (_, [h, m, s]) => (*h, *m, *s),
        _ => return None,
    };
    let hours = days.unwrap_or(0).checked_mul(24)?.checked_add(hours)?;
    hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?.checked_add(seconds)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `[D-]HH:MM:SS`.
pub fn format_seconds(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days}-{clock}") } else { clock }
}

/// [`format_seconds`] of minutes.
pub fn format_minutes(minutes: u64) -> String {
    format_seconds(minutes.saturating_mul(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (text, minutes) in
            [("90", 90), ("1:30", 2), ("2:00:00", 120), ("1-0", 1440), ("1-", 1440), ("1-2:3", 1563), ("1-2:3:4", 1564)]
        {
            assert_eq!(parse_minutes(text), Some(minutes), "{text}");
        }
        for bad in ["", "a", "1:2:3:4", "-", "-1", "+1", "1-2-3", "99999999999999999999"] {
            assert_eq!(parse_minutes(bad), None, "{bad}");
        }
        assert_eq!(format_minutes(90), "01:30:00");
        assert_eq!(format_minutes(1564), "1-02:04:00");
    }
}
