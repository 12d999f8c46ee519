//! Reading what `sacctmgr -P show event` of a real site prints: one event a line, any columns in any order.

use super::record::{Kind, Layout};
use super::{Bad, Dialect, Names, values};
use crate::State;
use crate::model::Event;
use crate::model::event::TresCounts;
use jiff::tz::TimeZone;
use words::people::Uid;

/// The columns that are read, by sacctmgr's headings.
const COLUMNS: [&str; 9] =
    ["Cluster", "Cluster Nodes", "NodeName", "TimeStart", "TimeEnd", "StateRaw", "Reason", "User", "TRES"];

/// Those without which an event says nothing.
const NEEDED: [&str; 5] = ["NodeName", "TimeStart", "TimeEnd", "StateRaw", "TRES"];

/// Reads lines under one heading.
#[derive(Clone, Debug)]
pub struct EventReader {
    at: [Option<usize>; COLUMNS.len()],
    layout: Layout,
    dialect: Dialect,
}

impl EventReader {
    /// Reads the heading.
    pub fn new(heading: &str, dialect: Dialect) -> Result<Self, Bad> {
        if dialect.delimiter.is_empty() {
            return Err(Bad { column: 1, what: "the delimiter is empty".into() });
        }
        let names: Vec<_> = heading.split(dialect.delimiter.as_str()).map(str::trim).collect();
        let at = COLUMNS.map(|known| names.iter().position(|name| name.eq_ignore_ascii_case(known)));
        let layout = layout(&names, &dialect.delimiter);
        let reader = Self { at, layout, dialect };
        match NEEDED.iter().find(|name| reader.position(name).is_none()) {
            None => Ok(reader),
            Some(missing) => {
                let what =
                    format!("the heading has no column {missing}; list it too (sacctmgr -P show event format=…)");
                Err(Bad { column: 1, what })
            }
        }
    }

    /// The columns as far as it matters where a record ends.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn position(&self, column: &str) -> Option<usize> {
        COLUMNS.iter().position(|name| *name == column).and_then(|index| self.at[index])
    }

    /// Reads one line; the event has no number yet.
    pub fn line(&self, line: &str, names: &mut dyn Names) -> Result<Event, Bad> {
        let texts = self.layout.split(line).ok_or_else(|| {
            let (found, wanted) = (self.layout.count(line), self.layout.columns());
            Bad { column: 1, what: format!("{found} columns where the heading has {wanted}") }
        })?;
        let text = |column: &str| self.position(column).map_or("", |at| texts[at]);
        let bad = |column: &str| {
            let at = self.position(column).unwrap_or(0);
            let before: usize = texts[..at].iter().map(|text| text.chars().count()).sum();
            let start = before + at * self.dialect.delimiter.chars().count() + 1;
            Bad { column: start, what: format!("{column} `{}` cannot be read", text(column).escape_debug()) }
        };
        let time = |column| values::moment(text(column), &self.dialect.zone).ok_or_else(|| bad(column));
        let start = time("TimeStart")?.ok_or_else(|| bad("TimeStart"))?.first;
        let end = time("TimeEnd")?.map(|moment| moment.second);
        if end.is_some_and(|end| end < start) {
            return Err(Bad { what: "it ends before it starts".into(), ..bad("TimeEnd") });
        }
        let cluster = if text("Cluster").is_empty() { self.dialect.cluster.as_str() } else { text("Cluster") };
        Ok(Event {
            id: 0,
            cluster: cluster.to_owned(),
            node: text("NodeName").to_owned(),
            start,
            end,
            state: values::number(text("StateRaw")).ok_or_else(|| bad("StateRaw"))?,
            reason: text("Reason").to_owned(),
            user: user(text("User")).ok_or_else(|| bad("User"))?,
            tres: tres(text("TRES"), names).ok_or_else(|| bad("TRES"))?,
            cluster_nodes: text("Cluster Nodes").to_owned(),
        })
    }
}

/// What may stand under these headings: a reason may hold anything.
fn layout(names: &[&str], delimiter: &str) -> Layout {
    let is_time = |text: &str| values::moment(text, &TimeZone::UTC).is_some();
    let is_start = |text: &str| values::moment(text, &TimeZone::UTC).flatten().is_some();
    let kind = |name: &&str| match name.to_ascii_lowercase().as_str() {
        "reason" => Kind::Free,
        "timestart" => Kind::Key(is_start),
        "timeend" => Kind::Plain(is_time),
        "stateraw" => Kind::Plain(|text| values::number::<u32>(text).is_some()),
        "user" => Kind::Plain(|text| user(text).is_some()),
        "tres" => Kind::Plain(|text| text.is_empty() || text.contains('=')),
        _ => Kind::Any,
    };
    Layout::new(delimiter, names.iter().map(kind).collect())
}

/// `root(0)`, or nobody.
fn user(text: &str) -> Option<Option<Uid>> {
    match text {
        "" => Some(None),
        text => text.strip_suffix(')')?.rsplit_once('(')?.1.parse().ok().map(Some),
    }
}

/// `cpu=64,mem=250G,node=4`; memory is in megabytes.
fn tres(text: &str, names: &mut dyn Names) -> Option<TresCounts> {
    let mut counts = TresCounts::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, amount) = part.split_once('=').filter(|(name, _)| super::cells::is_tres(name))?;
        let unit = if name == "mem" || name.starts_with("bb/") { 1 << 20 } else { 1 };
        counts.insert(names.tres(name), values::amount(amount, unit, 1024)?);
    }
    Some(counts)
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// New ones.
    pub added: u64,
    /// There before, with something changed.
    pub changed: u64,
    /// There before as they are.
    pub unchanged: u64,
}

/// Takes events in. One that began at the same time at the same place is the same, so a list may come again.
pub fn take(state: &mut State, events: impl IntoIterator<Item = Event>) -> Taken {
    let mut taken = Taken::default();
    let mut known: std::collections::HashMap<_, _> =
        state.events.iter().map(|(id, row)| ((row.cluster.clone(), row.node.clone(), row.start), *id)).collect();
    for event in events {
        let next = state.events.last_key().map_or(1, |id| id + 1);
        let id = *known.entry((event.cluster.clone(), event.node.clone(), event.start)).or_insert(next);
        let event = Event { id, ..event };
        match state.events.get(&id) {
            Some(there) if *there == event => taken.unchanged += 1,
            Some(_) => taken.changed += 1,
            None => taken.added += 1,
        }
        if state.events.get(&id) != Some(&event) {
            state.events.put(id, event);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tres::{CPU, FIRST_CONFIGURED, MEM, NODE};
    use crate::records::import::tests::TestNames;

    const HEADING: &str = "Cluster|Cluster Nodes|NodeName|TimeStart|TimeEnd|StateRaw|State|Reason|User|TRES";

    fn read(line: &str) -> Result<Event, Bad> {
        let dialect = Dialect { delimiter: "|".into(), zone: TimeZone::UTC, cluster: "here".into() };
        EventReader::new(HEADING, dialect).unwrap().line(line, &mut TestNames)
    }

    #[test]
    fn events_of_clusters_and_nodes() {
        let cluster = read("ref|n[1-4]||100|Unknown|0||||cpu=64,mem=250G,node=4,gres/gpu=8|");
        assert!(cluster.unwrap_err().what.contains("11 columns"));
        let cluster = read("ref|n[1-4]||100|Unknown|0||||cpu=64,mem=250G,node=4,gres/gpu=8").unwrap();
        assert_eq!((cluster.node.as_str(), cluster.start, cluster.end), ("", 100, None));
        assert_eq!(cluster.tres, [(CPU, 64), (MEM, 256_000), (NODE, 4), (FIRST_CONFIGURED, 8)].into());
        let node = read("||n1|2026-01-01T00:00:00|2026-01-01T01:00:00|513|DRAIN|fan broken|root(0)|cpu=16").unwrap();
        assert_eq!((node.cluster.as_str(), node.state, node.user), ("here", 513, Some(Uid::ROOT)));
        assert_eq!(node.end, Some(node.start + 3600));
    }

    #[test]
    fn what_cannot_be_read_has_its_place() {
        let bad = |line: &str| {
            let Bad { column, what } = read(line).unwrap_err();
            format!("{column}: {what}")
        };
        assert_eq!(bad("ref||n1|soon|Unknown|1||||"), "9: TimeStart `soon` cannot be read");
        assert_eq!(bad("ref||n1|100|50|1||||"), "13: it ends before it starts");
        assert!(bad("ref||n1|100|Unknown|DOWN||||").contains("StateRaw `DOWN`"));
        assert!(bad("ref||n1|100|Unknown|1|||root|").contains("User `root`"));
        assert!(bad("ref||n1|100|Unknown|1||||cpu").contains("TRES `cpu`"));
        let dialect = Dialect { delimiter: "|".into(), zone: TimeZone::UTC, cluster: "c".into() };
        let missing = EventReader::new("Cluster|NodeName|TimeStart|TimeEnd|State", dialect).unwrap_err();
        assert!(missing.what.contains("no column StateRaw"), "{missing:?}");
    }

    #[test]
    fn a_list_that_comes_again_changes_only_what_went_on() {
        let mut state = State::default();
        let open = read("ref||n1|100|Unknown|1||||cpu=4").unwrap();
        let other = read("ref||n2|100|200|1||||cpu=4").unwrap();
        let counts = |taken: Taken| (taken.added, taken.changed, taken.unchanged);
        assert_eq!(counts(take(&mut state, [open.clone(), other.clone(), open.clone()])), (2, 0, 1));
        let ended = Event { end: Some(300), ..open };
        assert_eq!(counts(take(&mut state, [ended, other])), (0, 1, 1));
        assert_eq!(state.events.values().map(|row| row.end).collect::<Vec<_>>(), [Some(300), Some(200)]);
    }
}
