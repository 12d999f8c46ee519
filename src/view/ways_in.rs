//! The last door, for people: which ways in of those who left are shut, and which are not.

use super::styled::Styled;
use super::styles::Style;
use control::sync::{WayIn, WayStanding};
use indexmap::IndexMap;

/// For each person one line of what is shut everywhere, and one for each way that is not.
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

fn shut_everywhere(person: &str, ways: &[&WayIn]) -> Option<Styled> {
    let mut shut: IndexMap<&str, bool> = IndexMap::new();
    for way in ways {
        *shut.entry(&way.way).or_insert(true) &= way.standing == WayStanding::Shut;
    }
    let names: Vec<_> = shut.iter().filter(|(_, is_shut)| **is_shut).map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| {
        Styled::from("  ").styled(Style::Removed, format!("- {person}")).text(format!("  shut: {}", names.join(", ")))
    })
}

fn other(way: &WayIn) -> Styled {
    let (style, mark, says) = match way.standing {
        WayStanding::Shut | WayStanding::Allowed => (Style::Changed, '~', "the roster lets it be"),
        WayStanding::Open => (Style::Failed, '!', "open"),
        WayStanding::Unknown => (Style::Failed, '!', "not known"),
    };
    let seen = if way.seen.is_empty() { String::new() } else { format!(": {}", way.seen) };
    let title = format!("{mark} {} on {}", way.person, way.host);
    Styled::from("  ").styled(style, title).text(format!("  {}: {says}{seen}", way.way))
}
