//! `sacctmgr show event` (sacctmgr(1), "SPECIFICATIONS FOR EVENTS").

pub mod node_state;

use self::node_state::Asked;
use crate::sacctmgr::common;
use crate::sacctmgr::condition;
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::number;
use crate::sacctmgr::word::{self, Word};
use slurm::model::tres::CPU;
use slurm::model::*;
use slurm::rollup::Span;
use words::people::{Sought, Uid};
use words::text::duration;

/// Which events are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    of_clusters: bool,
    of_nodes: bool,
    clusters: Option<Vec<String>>,
    all_clusters: bool,
    nodes: Option<Vec<String>>,
    reasons: Option<Vec<String>>,
    states: Option<Vec<Asked>>,
    users: Option<Vec<Uid>>,
    min_cpus: Option<u64>,
    max_cpus: Option<u64>,
    only_open: bool,
    all_time: bool,
    start: Option<i64>,
    end: Option<i64>,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("All_Clusters", 5) {
            self.all_clusters = true;
        } else if word.is_bare("All_Time", 5) {
            self.all_time = true;
        } else if word.operator.is_none() || word.is("Events", 1) && !word.is("End", 2) {
            self.take_kinds(session, word);
        } else if word.is("Clusters", 2) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("CondFlags", 2) {
            self.take_flags(session, word);
        } else if word.is("End", 1) {
            self.end = session.time(word.value);
        } else if word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("MinCpus", 2) {
            self.min_cpus = number(session, "MinCpus", word.value).flatten();
        } else if word.is("MaxCpus", 2) {
            self.max_cpus = number(session, "MaxCpus", word.value).flatten();
        } else if word.is("Nodes", 1) {
            condition::extend(session, &mut self.nodes, word)?;
        } else if word.is("Reason", 1) {
            condition::extend(session, &mut self.reasons, word)?;
        } else if word.is("Start", 4) {
            self.start = session.time(word.value);
        } else if word.is("States", 4) {
            self.take_states(session, word)?;
        } else if word.is("User", 1) {
            self.take_users(session, word);
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
        Ok(())
    }

    fn take_kinds(&mut self, session: &mut Session, word: &Word) {
        for name in word::names(word.value).unwrap_or_default() {
            if word::begins(&name, "Node", 1) {
                self.of_nodes = true;
            } else if word::begins(&name, "Cluster", 1) {
                self.of_clusters = true;
            } else {
                session.complain(format!(" Unknown event type: '{name}'  Valid events are Cluster and Node."));
            }
        }
    }

    fn take_flags(&mut self, session: &mut Session, word: &Word) {
        for name in word::names(word.value).unwrap_or_default() {
            match name.as_str() {
                "open" => self.only_open = true,
                _ => session.complain(format!("sacctmgr: error: Unknown condition flag {name}")),
            }
        }
    }

    fn take_states(&mut self, session: &mut Session, word: &Word) -> Done {
        (self.of_nodes, self.of_clusters) = (true, false);
        for name in word::names(word.value).unwrap_or_default() {
            let Some(state) = Asked::parse(&name) else {
                return session.refuse(format!(
                    "Invalid state: {name}\nValid node states are: {}\nsacctmgr: fatal: unrecognized job \
                     state value",
                    node_state::VALID
                ));
            };
            self.states.get_or_insert_default().push(state);
        }
        Ok(())
    }

    fn take_users(&mut self, session: &mut Session, word: &Word) {
        (self.of_nodes, self.of_clusters) = (true, false);
        for name in word::names(word.value).unwrap_or_default() {
            let named = || session.world.people().user(&name).map(|user| user.uid);
            match name.parse().map_or_else(|_| named(), Sought::There) {
                Sought::There(uid) => self.users.get_or_insert_default().push(uid),
                Sought::Absent => session.complain(format!("sacctmgr: error: Invalid user id: {name}")),
                Sought::CannotSay(why) => session.complain(format!("sacctmgr: error: {why}")),
            }
        }
    }

    /// Without a start: since the beginning of yesterday, or now where states are asked for.
    fn fill_in(&mut self, session: &Session) {
        if !self.all_clusters && self.clusters.is_none() {
            self.clusters = Some(vec![session.local_cluster()]);
        }
        if self.start.is_none() && !self.all_time {
            self.start = Some(match self.states {
                Some(_) => session.world.now(),
                None => start_of_yesterday(session),
            });
        }
    }

    fn holds(&self, row: &Event, now: i64) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        let reason = row.reason.to_lowercase();
        let cpus = row.tres.get(&CPU).copied().unwrap_or(0);
        let is_kind = match (self.of_clusters, self.of_nodes) {
            (true, false) => row.node.is_empty(),
            (false, true) => !row.node.is_empty(),
            _ => true,
        };
        is_kind
            && among(&self.clusters, &row.cluster)
            && among(&self.nodes, &row.node)
            && self.reasons.as_ref().is_none_or(|list| list.iter().any(|text| reason.contains(text)))
            && self.states.as_ref().is_none_or(|list| list.iter().any(|asked| asked.holds(row.state)))
            && self.users.as_ref().is_none_or(|list| row.user.is_some_and(|user| list.contains(&user)))
            && self.min_cpus.is_none_or(|least| cpus >= least)
            && self.max_cpus.is_none_or(|most| cpus <= most)
            && self.in_time(row, now)
    }

    fn in_time(&self, row: &Event, now: i64) -> bool {
        if self.only_open && row.end.is_some() {
            return false;
        }
        let Some(start) = self.start else { return true };
        if self.only_open {
            row.start >= start
        } else {
            row.start < self.end.unwrap_or(now) && row.end.is_none_or(|end| end >= start)
        }
    }
}

/// Midnight before yesterday, seconds since 1970.
pub fn start_of_yesterday(session: &Session) -> i64 {
    let clock = session.world.clock();
    let day = clock.yesterday().and_then(|day| day.start_of_day());
    day.map_or(0, |day| day.timestamp().as_second())
}

/// `show event`
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    if !session.view().events() {
        return common::hidden(session, "Error with request: Access/permission denied");
    }
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    wanted.fill_in(session);
    let own = match (wanted.of_clusters, wanted.of_nodes) {
        (true, false) => "Cluster,TRES,Start,End,ClusterNodes",
        _ => "Cluster,NodeName,Start,End,State,Reason,User",
    };
    let fields = fields_or(session, &wanted.format, &[own])?;
    if !session.view().events() {
        return crate::sacctmgr::common::denied(session);
    }
    let now = session.world.now();
    let mut rows: Vec<_> = session.state.events.values().filter(|row| wanted.holds(row, now)).collect();
    rows.sort_by_key(|row| (&row.cluster, &row.node, row.start, row.id));
    let rows: Vec<Vec<_>> =
        rows.into_iter().map(|row| fields.iter().map(|field| cell(session, row, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

/// A time, or `Unknown`.
pub fn time_cell(session: &Session, time: Option<i64>) -> Cell {
    Cell::Time(time.map_or_else(|| "Unknown".into(), |time| session.world.local_time(time)))
}

fn cell(session: &Session, row: &Event, column: Column) -> Cell {
    let is_node = !row.node.is_empty();
    match column {
        Column::Cluster => Cell::text(&row.cluster),
        Column::ClusterNodes => Cell::text(&row.cluster_nodes),
        Column::CpuCount => Cell::number(Some(row.tres.get(&CPU).copied().unwrap_or(0))),
        Column::Duration => {
            let end = row.end.unwrap_or(session.world.now());
            Cell::Number(duration::format_seconds(Span { start: row.start, end }.seconds()))
        }
        Column::Event => Cell::text(if is_node { "Node" } else { "Cluster" }),
        Column::EventRaw => Cell::number(Some(if is_node { 2 } else { 1 })),
        Column::NodeName => Cell::text(&row.node),
        Column::TimeStart => time_cell(session, Some(row.start)),
        Column::TimeEnd => time_cell(session, row.end),
        Column::Reason => Cell::text(&row.reason),
        Column::State if is_node => Cell::text(node_state::short(row.state)),
        Column::StateRaw => Cell::number(Some(row.state)),
        Column::Tres => Cell::text(format::tres_in_order(session.state, &row.tres)),
        Column::User => Cell::text(row.user.map_or(String::new(), |uid| format!("{}({uid})", session.user_shown(uid)))),
        _ => Cell::Empty,
    }
}
