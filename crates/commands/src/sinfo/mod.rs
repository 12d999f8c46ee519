//! `sinfo`, pure: nodes and partitions, in the form of Slurm 22.05.8.

mod fields;
mod options;

use crate::cluster::Cluster;
use crate::layout::{Layout, Read};
use crate::node::{self, NodeFacts};
use crate::{Output, Reply, live_data};
use fields::{FIELDS, Nodes, Row, is_of_partition, must_be_same, starred};
pub use options::VARIABLES;
use options::{End, Options};
use scheduling::config::PartitionLine;
use slurm::authority::Caller;
use slurm::settings::Private;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Runs one command line (without the program's name). The reply's `stdout` is what was not handed on.
pub fn run(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String], mut out: Output) -> Reply {
    let options = match Options::read(environment, argv) {
        Ok(options) => options,
        Err(End::Text(stdout)) => return Reply { stdout, ..Reply::default() },
        Err(End::Complaint(stderr)) => return Reply { stderr, code: 1, ..Reply::default() },
    };
    let here = &cluster.core.config().cluster;
    let away = options.cluster.as_deref().and_then(|named| crate::sbatch::not_here("sinfo", here, named));
    if let Some(stderr) = away {
        return Reply { stderr, code: 1, ..Reply::default() };
    }
    if options.reservations {
        return Reply { stdout: "No reservations in the system\n".to_owned(), ..Reply::default() };
    }
    let all = if hides(cluster, cluster.caller, Private::Nodes) { Vec::new() } else { node::all(cluster) };
    if let Some(form) = options.structured {
        let wanted = all.iter().filter(|node| is_wanted(&options, node)).map(live_data::node);
        live_data::print(form, "nodes", wanted, &mut out);
        return Reply { stdout: out.rest(), ..Reply::default() };
    }
    let (layout, unknown) = layout(cluster, &options, &all);
    let bad_field = |name: &String| match &options.long_format {
        Some(_) => format!("sinfo: error: Invalid job format specification: {name}\n"),
        None => format!("Invalid node format specification: {name}\n"),
    };
    let stderr = unknown.iter().map(bad_field).collect();
    let mut rows = rows(cluster, &options, &layout, &all);
    sort(&mut rows, &options);
    if options.long && options.header {
        out.push_str(&cluster.now.strftime("%a %b %d %H:%M:%S %Y\n").to_string());
    }
    if options.header {
        layout.head(out.text());
    }
    for row in &rows {
        layout.row(out.text(), row);
        if out.row_ends().is_break() {
            break;
        }
    }
    Reply { stdout: out.rest(), stderr, ..Reply::default() }
}

/// Whether a node is asked for, with one of its partitions.
fn is_wanted(options: &Options, node: &NodeFacts) -> bool {
    options.takes_node(node) && node.partitions().iter().any(|line| options.takes_partition(line))
}

/// Whether this is kept from somebody (`PrivateData`).
pub fn hides(cluster: &Cluster, caller: &Caller, what: Private) -> bool {
    cluster.settings.private_data.has(what) && !caller.is_operator(cluster.accounts)
}

fn layout(cluster: &Cluster, options: &Options, all: &[NodeFacts]) -> Read<Nodes> {
    if let Some(names) = &options.long_format {
        return Layout::names(FIELDS, names);
    }
    if let Some(letters) = &options.format {
        return Layout::letters(FIELDS, letters);
    }
    // The first column is as wide as its longest name.
    let partitions = cluster.core.config().partitions.iter().map(|line| starred(line).len());
    let wide = partitions.max().unwrap_or(0).max(9);
    let name = all.iter().map(|node| node.line.name.len()).max().unwrap_or(0).max(9);
    let format = match (options.summary, options.by_node, options.reasons, options.long) {
        (true, ..) => format!("%{wide}P %.5a %.10l %.16F %N"),
        (_, true, _, false) => format!("%{name}N %.6D %.{wide}P %6t"),
        (_, true, _, true) => {
            format!("%{name}N %.6D %.{wide}P %.11T %4c %.8z %.6m %.8d %.6w %.8f %20E")
        }
        (_, _, true, false) => "%20E %9u %19H %N".to_owned(),
        (_, _, true, true) => "%20E %12U %19H %6t %N".to_owned(),
        (_, _, _, true) => format!("%{wide}P %.5a %.10l %.10s %.4r %.8h %.10g %.6D %.11T %N"),
        _ => format!("%{wide}P %.5a %.10l %.6D %.6t %N"),
    };
    Layout::letters(FIELDS, &format)
}

/// Nodes that are asked for, those of a partition that look the same in one row.
fn rows<'a>(
    cluster: &Cluster<'a>,
    options: &'a Options,
    layout: &Layout<Nodes>,
    all: &'a [NodeFacts<'a>],
) -> Vec<Row<'a>> {
    let shows = |wanted: fn(&str) -> bool| layout.places.iter().any(|place| wanted(place.field.header));
    let tells_partitions = shows(is_of_partition);
    let mut rows: Vec<Row<'a>> = Vec::new();
    let lines = cluster.core.config().partitions.iter().enumerate();
    for (place, partition) in lines.filter(|(_, line)| options.takes_partition(line)) {
        let tells = Some(partition).filter(|_| tells_partitions);
        let mut is_empty = true;
        for node in all.iter().filter(|node| is_in(node, partition) && options.takes_node(node)) {
            is_empty = false;
            let new = Row { cluster: *cluster, partition: tells, nodes: vec![node], place, times: &options.times };
            let fits = |row: &Row<'a>| {
                if options.by_node { is_the_same(row, &new) } else { looks_same(layout, row, &new, options.exact) }
            };
            match rows.iter().position(fits) {
                Some(at) if is_there(&rows[at], node) => {}
                Some(at) => rows[at].nodes.push(node),
                None => rows.push(new),
            }
        }
        if is_empty && tells_partitions && !options.by_node && !options.reasons {
            rows.push(Row { cluster: *cluster, partition: tells, nodes: Vec::new(), place, times: &options.times });
        }
    }
    rows
}

fn is_in(node: &NodeFacts, partition: &PartitionLine) -> bool {
    partition.nodes.iter().any(|name| name.as_str() == node.line.name)
}

fn is_there(row: &Row, node: &NodeFacts) -> bool {
    row.nodes.iter().any(|own| own.line.name == node.line.name)
}

fn is_the_same(row: &Row, other: &Row) -> bool {
    is_there(row, other.nodes[0]) && same_partition(row, other)
}

fn same_partition(a: &Row, b: &Row) -> bool {
    a.partition.map(|line| &line.rules.name) == b.partition.map(|line| &line.rules.name)
}

fn looks_same(layout: &Layout<Nodes>, row: &Row, new: &Row, exact: bool) -> bool {
    // What is summed up or named may differ.
    let is_sum =
        |header: &str| ["NODES", "NODELIST", "CPUS(A/I/O/T)", "NODES(A/I)", "NODES(A/I/O/T)"].contains(&header);
    let matters = |header: &str| must_be_same(header) || is_of_partition(header) || exact && !is_sum(header);
    let Some(first) = row.nodes.first() else { return false };
    let alone = Row { nodes: vec![first], ..*row };
    let mut fields = layout.places.iter().map(|place| place.field).filter(|field| matters(field.header));
    fields.all(|field| (field.cell)(&alone) == (field.cell)(new))
}

/// `#P,-t` unless something else is said: partitions as configured, and states from the greatest number down.
fn sort(rows: &mut [Row], options: &Options) {
    let usual = if options.by_node { "N" } else { "#P,-t" };
    let mut keys = Vec::new();
    let (mut is_reverse, mut by_place) = (false, false);
    for letter in options.sort.as_deref().unwrap_or(usual).chars() {
        match letter {
            '-' => is_reverse = true,
            '#' => by_place = true,
            '+' | ',' | ' ' => {}
            _ => {
                keys.push((letter, is_reverse, by_place));
                (is_reverse, by_place) = (false, false);
            }
        }
    }
    for (letter, is_reverse, by_place) in keys.into_iter().rev() {
        let compare = |a: &Row, b: &Row| {
            if letter == 'P' && by_place { a.place.cmp(&b.place) } else { compare(letter, a, b) }
        };
        rows.sort_by(|a, b| if is_reverse { compare(b, a) } else { compare(a, b) });
    }
}

fn compare(letter: char, a: &Row, b: &Row) -> Ordering {
    if letter == 't' || letter == 'T' {
        let rank = |row: &Row| row.nodes.first().map(|node| node.rank());
        return rank(a).cmp(&rank(b));
    }
    let Some(field) = FIELDS.iter().find(|field| field.letter == letter) else { return Ordering::Equal };
    let (a, b) = ((field.cell)(a), (field.cell)(b));
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(&b),
    }
}
