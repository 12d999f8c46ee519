//! A [`Change`] as a diff, in the shape of Ansible's: unified text, or the fields of a resource before and after.

use super::styled::Styled;
use super::styles::Style;
use host::change::{Action, Change, FieldDiff};
use similar::TextDiff;
use std::time::Duration;
use words::value::{Map, Value};

/// The lines of a change's diff, with an empty line at the end.
pub fn change(change: &Change) -> Vec<Styled> {
    let mut lines = Vec::new();
    let fields = fields_diff(change);
    if !fields.is_empty() {
        lines.extend(fields);
    }
    for field in &change.fields {
        if let FieldDiff::Text { name, before, after } = field {
            lines.extend(text_diff(name, before.as_deref(), after.as_deref()));
        }
    }
    lines.iter().map(|line| styled(line)).chain([Styled::new()]).collect()
}

/// Values of a resource side by side, as two sorted JSON mappings would differ.
fn fields_diff(change: &Change) -> Vec<String> {
    let mut sides = [Map::new(), Map::new()];
    for field in &change.fields {
        match field {
            FieldDiff::Value { name, before, after } => {
                for (side, value) in sides.iter_mut().zip([before, after]) {
                    if *value != Value::Null {
                        side.insert(name.clone(), value.clone());
                    }
                }
            }
            FieldDiff::Opaque { name, says } => {
                sides[1].insert(name.clone(), says.as_str().into());
            }
            FieldDiff::Text { .. } => {}
        }
    }
    if sides.iter().all(Map::is_empty) {
        return without_fields(change);
    }
    let [before, after] = sides
        .map(|side| if side.is_empty() { String::new() } else { Value::Map(side).to_json_pretty(false, 4) + "\n" });
    let header = change.address.to_string();
    unified(
        &side_name("before", &header, change.action == Action::Create),
        &side_name("after", &header, change.action == Action::Delete),
        &before,
        &after,
    )
}

/// What has no fields, such as a coordinator or a membership, is there or not: its name says all.
fn without_fields(change: &Change) -> Vec<String> {
    if !change.fields.is_empty() || change.action == Action::Update {
        return Vec::new();
    }
    let header = change.address.to_string();
    vec![
        format!("--- {}", side_name("before", &header, change.action == Action::Create)),
        format!("+++ {}", side_name("after", &header, change.action == Action::Delete)),
    ]
}

fn side_name(side: &str, name: &str, absent: bool) -> String {
    if absent { format!("{side}: {name} (absent)") } else { format!("{side}: {name}") }
}

/// A unified diff of texts, three lines of context.
fn text_diff(name: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let header = |side: &str, text: Option<&str>| match text {
        Some(_) => format!("{side}: {name}"),
        None => format!("{side}: {name} (absent)"),
    };
    unified(&header("before", before), &header("after", after), before.unwrap_or(""), after.unwrap_or(""))
}

/// A unified diff of a file before and after, uncoloured; empty when nothing differs.
pub fn texts(name: &str, before: &str, after: &str) -> Vec<String> {
    if before == after { Vec::new() } else { text_diff(name, Some(before), Some(after)) }
}

/// The difference of two texts by lines. Texts of a host can be made so that the shortest difference takes hours to find;
/// after a second any difference will do.
pub(super) fn line_diff<'t>(before: &'t str, after: &'t str) -> TextDiff<'t, 't, str> {
    TextDiff::configure().timeout(Duration::from_secs(1)).diff_lines(before, after)
}

fn unified(old: &str, new: &str, before: &str, after: &str) -> Vec<String> {
    let diff = line_diff(before, after);
    let text = diff.unified_diff().context_radius(3).header(old, new).to_string();
    text.lines().map(str::to_owned).collect()
}

/// A line of a diff in the style of its first letter.
pub fn styled(line: &str) -> Styled {
    match line.as_bytes().first() {
        Some(b'+') => Styled::of(Style::Added, line),
        Some(b'-') => Styled::of(Style::Removed, line),
        Some(b'@') => Styled::of(Style::Place, line),
        _ => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_fields_is_named() {
        let shown = |action| {
            let lines = change(&Change::new(action, "coordinator", "lab/lee"));
            lines.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(Action::Create),
            ["--- before: coordinator lab/lee (absent)", "+++ after: coordinator lab/lee", ""]
        );
        assert_eq!(
            shown(Action::Delete),
            ["--- before: coordinator lab/lee", "+++ after: coordinator lab/lee (absent)", ""]
        );
    }

    #[test]
    fn fields_and_text() {
        let made = Change::new(Action::Create, "user", "gildong").field("uid", Value::Null, 2001_i64);
        assert_eq!(
            change(&made).iter().map(Styled::to_string).collect::<Vec<_>>(),
            [
                "--- before: user gildong (absent)",
                "+++ after: user gildong",
                "@@ -0,0 +1,3 @@",
                "+{",
                "+    \"uid\": 2001",
                "+}",
                ""
            ]
        );
        let text = Change::new(Action::Update, "file", "/a").text("/a", Some("x\ny\n".into()), Some("x\nz\n".into()));
        assert_eq!(
            change(&text).iter().map(Styled::to_string).collect::<Vec<_>>(),
            ["--- before: /a", "+++ after: /a", "@@ -1,2 +1,2 @@", " x", "-y", "+z", ""]
        );
    }
}
