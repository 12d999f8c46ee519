//! The last door, for people: which ways in of those who left are shut, and which are not.

use super::styled::Styled;
use super::styles::Style;
use control::sync::{WayIn, WayStanding};
use indexmap::IndexMap;

/// For each person one line of what is shut everywhere, and one for each way that is not. Where something was not looked at, nothing
/// is called shut everywhere.
pub fn ways_in(ways: &[WayIn]) -> Vec<Styled> {
    if ways.is_empty() {
        return Vec::new();
    }
    let mut people: IndexMap<&str, Vec<&WayIn>> = IndexMap::new();
    ways.iter().for_each(|way| people.entry(&way.person).or_default().push(way));
    let mut lines = vec![Styled::of(Style::Heading, "Ways in of who left")];
    for (person, ways) in people {
        lines.extend(shut_everywhere(person, &ways));
        lines.extend(ways.iter().filter(|way| way.standing != WayStanding::Shut).map(|way| other(way)));
    }
    lines.push(Styled::new());
    lines
}

/// The way of a host of which nothing is known.
const ALL: &str = "all";

fn shut_everywhere(person: &str, ways: &[&WayIn]) -> Option<Styled> {
    let mut shut: IndexMap<&str, bool> = IndexMap::new();
    for way in ways {
        *shut.entry(&way.way).or_insert(true) &= way.standing == WayStanding::Shut;
    }
    let is_whole = ways.iter().all(|way| way.way != ALL);
    let says = if is_whole { "shut" } else { "shut where it was looked at" };
    let names: Vec<_> = shut.iter().filter(|(_, is_shut)| **is_shut).map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| {
        Styled::from("  ").styled(Style::Removed, format!("- {person}")).text(format!("  {says}: {}", names.join(", ")))
    })
}

fn other(way: &WayIn) -> Styled {
    let (style, mark, says) = match way.standing {
        WayStanding::Shut | WayStanding::Allowed => (Style::Changed, '~', "the roster lets it be"),
        WayStanding::NotLookedAt => (Style::Changed, '!', "not looked at"),
        WayStanding::Open => (Style::Failed, '!', "open"),
        WayStanding::Unknown => (Style::Failed, '!', "not known"),
    };
    let seen = if way.seen.is_empty() { String::new() } else { format!(": {}", way.seen) };
    let title = format!("{mark} {} on {}", way.person, way.host);
    Styled::from("  ").styled(style, title).text(format!("  {}: {says}{seen}", way.way))
}
