//! `sreport cluster …`

use super::condition::{self, Condition, Grammar, HINT, Key, Switch};
use super::fields::{self, Column, Field};
use super::totals::{Row, Totals};
use super::{Done, Report};
use crate::columns::Cell;
use slurm::model::tres::{CPU, Tres};
use slurm::model::{Association, TresId, WckeyId};
use slurm::rollup::{ClusterUse, add_up};
use slurm::tree::{bounds, sort_for_listing};
use std::collections::{BTreeMap, HashMap};

const ASSOCIATIONS: Grammar = Grammar {
    switches: &[("all_clusters", 1, Switch::AllClusters), ("Tree", 4, Switch::Tree)],
    bare: Key::Users,
    keys: &[
        ("Users", 1, Key::Users),
        ("Accounts", 2, Key::Accounts),
        ("Acct", 4, Key::Accounts),
        ("Clusters", 1, Key::Clusters),
        ("End", 1, Key::End),
        ("Format", 1, Key::Format),
        ("Start", 1, Key::Start),
    ],
    hint: HINT,
};

const WCKEYS: Grammar = Grammar {
    switches: &[("all_clusters", 1, Switch::AllClusters), ("withdeleted", 5, Switch::WithDeleted)],
    bare: Key::Wckeys,
    keys: &[
        ("WCKeys", 3, Key::Wckeys),
        ("Clusters", 3, Key::Clusters),
        ("End", 1, Key::End),
        ("Format", 1, Key::Format),
        ("Start", 1, Key::Start),
        ("User", 1, Key::Users),
    ],
    hint: "",
};

const CLUSTERS: Grammar = Grammar {
    switches: &[("all_clusters", 1, Switch::AllClusters)],
    bare: Key::Clusters,
    keys: &[("Clusters", 1, Key::Clusters), ("End", 1, Key::End), ("Format", 1, Key::Format), ("Start", 1, Key::Start)],
    hint: HINT,
};

/// The default fields, those with TRES names when TRES were asked for.
fn own(report: &Report, plain: &'static str, with_tres: &'static str) -> &'static str {
    if report.options.tres_text.is_some() { with_tres } else { plain }
}

/// AccountUtilizationByUser: the account tree, each account with its users.
pub fn by_account(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &ASSOCIATIONS, words)?;
    let own = own(report, "Cluster,Ac,Login,Proper,Used,Energy", "Cluster,Ac,Login,Proper,TresName,Used");
    let mut fields = fields::read(report, fields::CLUSTER, &wanted.format, own);
    let totals = report.association_totals(&wanted)?;
    let state = report.state;
    let shown: Vec<&Association> = state
        .associations()
        .values()
        .filter(|row| totals.contains_key(&row.id) && report.sees(row) && takes_with_children(report, &wanted, row))
        .collect();
    let shown = sort_for_listing(in_tree_order(report, shown), true);
    let clusters = report.by_cluster(&wanted, Column::Account, |cluster| {
        let here = shown.iter().filter(|row| row.key.cluster == cluster);
        here.map(|row| usage_row(row, &totals[&row.id])).collect()
    })?;
    let unit = report.unit_line(report.options.usage_of());
    report.heading("Cluster/Account/User Utilization", &wanted, true, unit);
    report.fit_usage(&mut fields, &clusters);
    if !wanted.has(Switch::Tree) {
        report.print_usage(&fields, &clusters);
        return Ok(());
    }
    fields::for_tree(&mut fields);
    let parents: HashMap<&str, &str> =
        shown.iter().filter_map(|row| Some((row.key.account.as_str(), parent(report, row)?))).collect();
    let mut lines = Vec::new();
    for cluster in &clusters {
        let mut depths: HashMap<&str, usize> = HashMap::new();
        for row in &cluster.rows {
            let above =
                if row.user.is_empty() { parents.get(row.account.as_str()).copied() } else { Some(&*row.account) };
            let depth = above.and_then(|above| depths.get(above)).map_or(0, |depth| depth + 1);
            if row.user.is_empty() {
                depths.insert(&row.account, depth);
            }
            let account = format!("{}{}", " ".repeat(depth), row.account);
            let cells = |tres: &Tres| report.usage_cells(&fields, cluster, row, tres, &account);
            lines.extend(report.options.tres.iter().map(cells));
        }
    }
    report.print(&fields, lines);
    Ok(())
}

/// Rows in the order of the tree, for those that listings would show as equals.
fn in_tree_order<'a>(report: &Report, mut rows: Vec<&'a Association>) -> Vec<&'a Association> {
    let places = bounds(report.state);
    rows.sort_by_key(|row| places.get(&row.id).map(|(left, _)| *left));
    rows
}

fn usage_row(row: &Association, totals: &Totals) -> Row {
    Row { user: row.key.user.clone(), account: row.key.account.clone(), totals: totals.clone() }
}

/// The account above an account.
fn parent<'a>(report: &Report<'a>, row: &Association) -> Option<&'a str> {
    let above = report.state.associations().get(&row.parent?)?;
    Some(&above.key.account).filter(|_| row.key.is_account()).map(String::as_str)
}

/// Whether an association is wanted, also when it is below a wanted account.
fn takes_with_children(report: &Report, wanted: &Condition, row: &Association) -> bool {
    let mut next = Some(row);
    let mut below = false;
    while let Some(above) = next.filter(|_| !below) {
        below = Condition::takes(&wanted.accounts, &above.key.account);
        next = above.parent.and_then(|id| report.state.associations().get(&id));
    }
    below && Condition::takes(&wanted.users, &row.key.user) && Condition::takes(&wanted.clusters, &row.key.cluster)
}

/// UserUtilizationByAccount: users with the accounts they used, most first.
pub fn by_user(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &ASSOCIATIONS, words)?;
    let own = own(report, "Cluster,Login,Proper,Ac,Used,Energy", "Cluster,Login,Proper,Ac,TresName,Used");
    let mut fields = fields::read(report, fields::CLUSTER, &wanted.format, own);
    let totals = report.association_totals(&wanted)?;
    let state = report.state;
    let shown = state.associations().values().filter(|row| {
        !row.key.is_account() && totals.contains_key(&row.id) && report.sees(row) && wanted.takes_association(&row.key)
    });
    let shown = sort_for_listing(in_tree_order(report, shown.collect()), true);
    let mut clusters = report.by_cluster(&wanted, Column::Account, |cluster| {
        let mut rows: Vec<Row> = Vec::new();
        // Associations of several partitions are one line.
        for row in shown.iter().filter(|row| row.key.cluster == cluster) {
            let same = rows.iter_mut().find(|it| it.user == row.key.user && it.account == row.key.account);
            match same {
                Some(same) => add(&mut same.totals, &totals[&row.id]),
                None => rows.push(usage_row(row, &totals[&row.id])),
            }
        }
        rows
    })?;
    clusters.iter_mut().for_each(|cluster| report.sort_users(&mut cluster.rows, CPU));
    let unit = report.unit_line(report.options.usage_of());
    report.heading("Cluster/User/Account Utilization", &wanted, true, unit);
    report.fit_usage(&mut fields, &clusters);
    report.print_usage(&fields, &clusters);
    Ok(())
}

/// Adds what another used.
pub fn add(totals: &mut Totals, more: &Totals) {
    for (tres, seconds) in more {
        add_up(totals.entry(*tres).or_default(), *seconds);
    }
}

/// The wanted wckeys that were used, by name and user: cluster and row.
fn wckey_rows(report: &mut Report, wanted: &Condition) -> Done<Vec<(String, Row)>> {
    let records = report.records.wckeys(wanted.span);
    let mut used: BTreeMap<WckeyId, Totals> = BTreeMap::new();
    for (wckey, tres, seconds) in report.read(records)? {
        add_up(used.entry(wckey).or_default().entry(tres).or_default(), seconds);
    }
    let mut keys: Vec<_> = report.state.wckeys.values().filter(|row| used.contains_key(&row.id)).collect();
    keys.retain(|row| Condition::takes(&wanted.wckeys, &row.name) && Condition::takes(&wanted.users, &row.user));
    keys.retain(|row| report.view.user(&row.user));
    keys.sort_by_key(|row| (&row.name, &row.user));
    let row = |id| used.get(id).cloned().unwrap_or_default();
    let made = keys.into_iter().map(|key| {
        (key.cluster.clone(), Row { user: key.user.clone(), account: key.name.clone(), totals: row(&key.id) })
    });
    Ok(made.collect())
}

/// UserUtilizationByWckey: users with the wckeys they used, most first.
pub fn by_user_and_wckey(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &WCKEYS, words)?;
    let own = own(report, "Cluster,Login,Proper,WCkey,Used", "Cluster,Login,Proper,WCkey,TresName,Used");
    let mut fields = fields::read(report, fields::CLUSTER, &wanted.format, own);
    let mut rows = wckey_rows(report, &wanted)?;
    let mut clusters = report.by_cluster(&wanted, Column::Wckey, |cluster| {
        rows.extract_if(.., |(of, _)| of == cluster).map(|(_, row)| row).collect()
    })?;
    clusters.iter_mut().for_each(|cluster| report.sort_users(&mut cluster.rows, CPU));
    let unit = report.unit_line(report.options.usage_of());
    report.heading("Cluster/User/WCKey Utilization", &wanted, true, unit);
    report.fit_usage(&mut fields, &clusters);
    report.print_usage(&fields, &clusters);
    Ok(())
}

/// WCKeyUtilizationByUser: wckeys with their users.
pub fn by_wckey(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &WCKEYS, words)?;
    let own = own(report, "Cluster,WCKey,Login,Proper,Used", "Cluster,WCKey,Login,Proper,TresName,Used");
    let mut fields = fields::read(report, fields::CLUSTER, &wanted.format, own);
    let mut rows = wckey_rows(report, &wanted)?;
    let clusters = report.by_cluster(&wanted, Column::Wckey, |cluster| {
        let mut shown: Vec<Row> = Vec::new();
        for (_, row) in rows.extract_if(.., |(of, _)| of == cluster) {
            match shown.iter_mut().find(|it| it.user.is_empty() && it.account == row.account) {
                Some(whole) => add(&mut whole.totals, &row.totals),
                None => {
                    let (account, totals) = (row.account.clone(), row.totals.clone());
                    shown.push(Row { user: String::new(), account, totals });
                }
            }
            shown.push(row);
        }
        shown
    })?;
    let unit = report.unit_line(report.options.usage_of());
    report.heading("Cluster/WCKey/User Utilization", &wanted, true, unit);
    report.fit_usage(&mut fields, &clusters);
    report.print_usage(&fields, &clusters);
    Ok(())
}

/// Utilization: where the time of the cluster went.
pub fn utilization(report: &mut Report, words: &[&str]) -> Done {
    if report.options.wants_node() {
        return report.refuse(
            "sreport: fatal: TRES node usage is no longer reported in the Cluster Utilization report.  Please use TRES \
             CPU instead.",
        );
    }
    let wanted = condition::read(report, &CLUSTERS, words)?;
    let mut found = Vec::new();
    for cluster in wanted.clusters(report) {
        let uses = cluster_uses(report, &cluster, &wanted)?;
        let chosen = |tres: &Tres| Some((cluster.clone(), tres.clone(), *uses.get(&tres.id)?));
        found.extend(report.options.tres.iter().filter_map(chosen));
    }
    let unit = report.unit_line(report.options.usage_of());
    report.heading("Cluster Utilization", &wanted, false, unit);
    let own = own(report, "Cl,al,d,planned,i,res,rep", "Cl,TresName,al,d,planned,i,res,rep");
    let mut fields = fields::read(report, fields::CLUSTER, &wanted.format, own);
    let both = report.options.unit.is_both();
    for field in &mut fields {
        let column = if field.column == Column::Energy { Column::Allocated } else { field.column };
        let most = found.iter().filter_map(|(.., uses)| amount(uses, column)).max();
        if is_time(column) {
            field.fit(most.unwrap_or(0), both);
        }
    }
    let seconds = wanted.span.seconds();
    let lines: Vec<_> =
        found.iter().map(|(cluster, tres, uses)| cells(report, &fields, cluster, tres, uses, seconds)).collect();
    report.print(&fields, lines);
    Ok(())
}

/// A cluster's records added up; the count is the average of all records, cut to a whole one.
fn cluster_uses(report: &mut Report, cluster: &str, wanted: &Condition) -> Done<BTreeMap<TresId, ClusterUse>> {
    let records = report.records.cluster(cluster, wanted.span);
    let mut found: BTreeMap<TresId, (ClusterUse, u64)> = BTreeMap::new();
    for (tres, uses) in report.read(records)? {
        let (sum, records) = found.entry(tres).or_default();
        *records += 1;
        sum.add(&uses);
    }
    Ok(found.into_iter().map(|(id, (sum, records))| (id, ClusterUse { count: sum.count / records, ..sum })).collect())
}

fn is_time(column: Column) -> bool {
    amount(&ClusterUse::default(), column).is_some()
}

fn amount(uses: &ClusterUse, column: Column) -> Option<u64> {
    Some(match column {
        Column::Allocated => uses.allocated,
        Column::Down => uses.down,
        Column::Idle => uses.idle,
        Column::Planned => uses.planned,
        Column::Overcommitted => uses.overcommitted,
        Column::PlannedDown => uses.planned_down,
        Column::Reported => uses.reported(),
        _ => return None,
    })
}

fn cells(report: &Report, fields: &[Field], cluster: &str, tres: &Tres, uses: &ClusterUse, seconds: u64) -> Vec<Cell> {
    let cell = |field: &Field| match (field.column, amount(uses, field.column)) {
        (Column::Reported, Some(reported)) => report.time(reported, seconds.saturating_mul(uses.count)),
        (_, Some(amount)) => report.time(amount, uses.reported()),
        (Column::Cluster, _) => Cell::Text(cluster.to_owned()),
        (Column::Count, _) => Cell::Number(uses.count.to_string()),
        (Column::TresName, _) => Cell::Text(tres.full_name()),
        _ => field.nothing(report),
    };
    fields.iter().map(cell).collect()
}
