//! What a report is asked for: `Start=`, `Accounts=`, `Tree` and so on (sreport(1), "REPORT OPTIONS").

use super::{Done, Report};
use crate::columns::leading_number;
use crate::sacctmgr::word::{begins, names, unquote};
use jiff::ToSpan;
use slurm::model::AssociationKey;
use slurm::rollup::calendar::HOUR;
use slurm::rollup::{Calendar, Span};
use words::text::slurm_time;

/// All that can be asked for; a report uses what its grammar lets through. An empty list is everything.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Clusters by name; never empty unless all are meant.
    pub clusters: Vec<String>,
    /// Whole hours.
    pub span: Span,
    /// `Format=`
    pub format: Vec<String>,
    /// `Users=`
    pub users: Vec<String>,
    /// `Accounts=`
    pub accounts: Vec<String>,
    /// `WCKeys=`
    pub wckeys: Vec<String>,
    /// `Names=`
    pub names: Vec<String>,
    /// `Ids=`, `Associations=`
    pub ids: Vec<String>,
    /// `Jobs=`
    pub jobs: Vec<String>,
    /// `Nodes=`
    pub nodes: Vec<String>,
    /// `Partitions=`
    pub partitions: Vec<String>,
    /// `Gid=`
    pub groups: Vec<String>,
    /// `Flags=`
    pub flags: Vec<String>,
    /// `Grouping=`; `None` is `individual`.
    pub grouping: Option<Vec<String>>,
    /// `TopCount=`
    pub top: usize,
    /// `Tree`, `Group`, `FlatView`, `AcctAsParent`, `PrintJobCount`, `All_Clusters`
    switches: Vec<Switch>,
}

/// A word that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word of its name")]
pub enum Switch {
    AccountAsParent,
    AllClusters,
    FlatView,
    Group,
    PrintJobCount,
    Tree,
    WithDeleted,
}

/// A list that `KEY=` fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the key of its name")]
pub enum Key {
    Accounts,
    Clusters,
    End,
    Flags,
    Format,
    Gid,
    Grouping,
    Ids,
    Jobs,
    Names,
    Nodes,
    Partitions,
    Start,
    TopCount,
    Users,
    Wckeys,
}

/// The words of a report, each with its shortest abbreviation, in the order in which they are tried.
pub struct Grammar {
    /// Words that stand alone.
    pub switches: &'static [(&'static str, usize, Switch)],
    /// What any other word without `=` belongs to.
    pub bare: Key,
    /// `KEY=`
    pub keys: &'static [(&'static str, usize, Key)],
    /// What follows the complaint about an unknown word.
    pub hint: &'static str,
}

/// The usual hint.
pub const HINT: &str = "\nUse keyword set to modify value";

impl Condition {
    /// Whether a word that stands alone was given.
    pub fn has(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }

    /// Whether a list lets a name through.
    pub fn takes(list: &[String], name: &str) -> bool {
        list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    }

    /// The clusters to report: those that are wanted and known, by name.
    pub fn clusters(&self, report: &Report) -> Vec<String> {
        let known = report.state.clusters.values().map(|row| row.name.clone());
        known.filter(|name| Self::takes(&self.clusters, name)).collect()
    }

    /// Whether an association is of a wanted user, account and cluster.
    pub fn takes_association(&self, key: &AssociationKey) -> bool {
        Self::takes(&self.users, &key.user)
            && Self::takes(&self.accounts, &key.account)
            && Self::takes(&self.clusters, &key.cluster)
    }

    fn list(&mut self, key: Key) -> Option<&mut Vec<String>> {
        Some(match key {
            Key::Accounts => &mut self.accounts,
            Key::Clusters => &mut self.clusters,
            Key::Flags => &mut self.flags,
            Key::Format => &mut self.format,
            Key::Gid => &mut self.groups,
            Key::Ids => &mut self.ids,
            Key::Jobs => &mut self.jobs,
            Key::Names => &mut self.names,
            Key::Nodes => &mut self.nodes,
            Key::Partitions => &mut self.partitions,
            Key::Users => &mut self.users,
            Key::Wckeys => &mut self.wckeys,
            Key::Grouping => self.grouping.get_or_insert_default(),
            Key::End | Key::Start | Key::TopCount => return None,
        })
    }
}

/// Reads a report's words. What is not understood is complained about, and the report is made without it.
pub fn read(report: &mut Report, grammar: &Grammar, words: &[&str]) -> Done<Condition> {
    let mut wanted = Condition {
        clusters: report.options.clusters.clone(),
        span: Span { start: 0, end: 0 },
        format: Vec::new(),
        users: Vec::new(),
        accounts: Vec::new(),
        wckeys: Vec::new(),
        names: Vec::new(),
        ids: Vec::new(),
        jobs: Vec::new(),
        nodes: Vec::new(),
        partitions: Vec::new(),
        groups: Vec::new(),
        flags: Vec::new(),
        grouping: Some(Vec::new()),
        top: 10,
        switches: Vec::new(),
    };
    let (mut start, mut end) = (None, None);
    for word in words {
        let (key, value) = match word.split_once('=') {
            Some((name, value)) => {
                let Some(key) = grammar.keys.iter().find(|(known, shortest, _)| begins(name, known, *shortest)) else {
                    report.complain(format!(" Unknown condition: {word}{}", grammar.hint));
                    continue;
                };
                (key.2, value.strip_prefix('=').unwrap_or(value))
            }
            None => match grammar.switches.iter().find(|(known, shortest, _)| begins(word, known, *shortest)) {
                Some((_, _, switch)) => {
                    wanted.switches.push(*switch);
                    continue;
                }
                None => (grammar.bare, *word),
            },
        };
        match key {
            Key::Start => start = time(report, value),
            Key::End => end = time(report, value).map(|time| time.min(report.site.now())),
            Key::TopCount => wanted.top = top(report, value, wanted.top),
            Key::Grouping if begins(&value[..value.len().min(1)], "individual", 1) => wanted.grouping = None,
            Key::Grouping if wanted.grouping.is_none() => {}
            _ => wanted.list(key).into_iter().for_each(|list| list.extend(names(value).unwrap_or_default())),
        }
    }
    if wanted.clusters.is_empty() && !report.options.all_clusters && !wanted.has(Switch::AllClusters) {
        wanted.clusters.push(report.site.cluster().to_owned());
    }
    wanted.span = hours(start, end, report.site.now(), report.site.calendar());
    Ok(wanted)
}

fn time(report: &mut Report, text: &str) -> Option<i64> {
    let read = slurm_time::parse(text, &report.site.calendar().zoned(report.site.now()));
    report.err.extend(read.as_ref().err().map(|bad| format!("{bad}\n")));
    read.ok().filter(|time| *time != 0)
}

fn top(report: &mut Report, text: &str, usual: usize) -> usize {
    let text = unquote(text);
    match leading_number(&text) {
        0 if !text.starts_with('0') && !text.is_empty() => {
            report.complain(format!("sreport: error: Invalid value for TopCount ({text})"));
            usual
        }
        number => number as u32 as usize,
    }
}

/// The time of a report: yesterday unless told otherwise, its ends rounded to hours, an hour at least.
fn hours(start: Option<i64>, end: Option<i64>, now: i64, calendar: &Calendar) -> Span {
    let rounded = |time: i64| {
        let civil = calendar.civil(time);
        let minute = civil.minute() + i8::from(civil.second() >= 30);
        let hour = civil.date().at(civil.hour(), 0, 0, 0);
        let rounded = if minute >= 30 { hour.saturating_add(1.hour()) } else { hour };
        calendar.instant(rounded).unwrap_or(time)
    };
    let midnight = |days: i32| {
        let date = calendar.civil(now).date().saturating_sub(days.days());
        calendar.instant(date.at(0, 0, 0, 0)).unwrap_or(now)
    };
    let start = start.map_or_else(|| midnight(1), rounded);
    let end = end.map_or_else(|| midnight(0), rounded);
    Span { start, end: if end.saturating_sub(start) < HOUR { start.saturating_add(HOUR) } else { end } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn ends_are_rounded_to_hours() {
        let calendar = Calendar::new(TimeZone::UTC);
        let shown = |start, end| {
            let span = hours(start, end, 1_795_380_835, &calendar);
            (calendar.text(span.start), calendar.text(span.end))
        };
        let pair = |start: &str, end: &str| (start.to_owned(), end.to_owned());
        assert_eq!(shown(None, None), pair("2026-11-21T00:00:00", "2026-11-22T00:00:00"));
        assert_eq!(shown(Some(1769), Some(9000)), pair("1970-01-01T00:00:00", "1970-01-01T03:00:00"));
        assert_eq!(shown(Some(1770), Some(1770)), pair("1970-01-01T01:00:00", "1970-01-01T02:00:00"));
    }
}
