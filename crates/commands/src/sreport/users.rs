//! `sreport user top`: who used most.

use super::cluster::add;
use super::condition::{self, Grammar, HINT, Key, Switch};
use super::fields::{self, Column};
use super::totals::Row;
use super::{Done, Report};
use slurm::model::tres::CPU;
use slurm::tree::bounds;

const GRAMMAR: Grammar = Grammar {
    switches: &[("all_clusters", 1, Switch::AllClusters), ("group", 1, Switch::Group)],
    bare: Key::Users,
    keys: &[
        ("Users", 1, Key::Users),
        ("Accounts", 2, Key::Accounts),
        ("Acct", 4, Key::Accounts),
        ("Clusters", 1, Key::Clusters),
        ("End", 1, Key::End),
        ("Format", 1, Key::Format),
        ("Start", 1, Key::Start),
        ("TopCount", 1, Key::TopCount),
    ],
    hint: HINT,
};

/// TopUsage
pub fn top(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &GRAMMAR, words)?;
    let own = if report.options.tres_text.is_some() { "Cl,L,P,A,TresName,Used" } else { "Cl,L,P,A,U,Energy" };
    let mut fields = fields::read(report, fields::USER, &wanted.format, own);
    let totals = report.association_totals(&wanted)?;
    let state = report.state;
    let places = bounds(state);
    let mut shown: Vec<_> = state.associations().values().collect();
    shown.retain(|row| !row.key.is_account() && totals.contains_key(&row.id));
    shown.retain(|row| report.sees(row) && wanted.takes_association(&row.key));
    shown.sort_by_key(|row| (&row.key.user, places.get(&row.id)));
    let group = wanted.has(Switch::Group);
    let mut clusters = report.by_cluster(&wanted, Column::Account, |cluster| {
        let mut rows: Vec<Row> = Vec::new();
        for row in shown.iter().filter(|row| row.key.cluster == cluster) {
            match rows.last_mut().filter(|last| group && last.user == row.key.user) {
                Some(same) => {
                    add(&mut same.totals, &totals[&row.id]);
                    if !same.account.split(", ").any(|account| account == row.key.account) {
                        same.account.push_str(&format!(", {}", row.key.account));
                    }
                }
                None => rows.push(Row {
                    user: row.key.user.clone(),
                    account: row.key.account.clone(),
                    totals: totals[&row.id].clone(),
                }),
            }
        }
        rows
    })?;
    clusters.iter_mut().for_each(|cluster| report.sort_users(&mut cluster.rows, CPU));
    let unit = report.unit_line(report.options.usage_of());
    report.heading(&format!("Top {} Users", wanted.top), &wanted, true, unit);
    report.fit_usage(&mut fields, &clusters);
    let first = report.options.tres.first().map_or(CPU, |tres| tres.id);
    for cluster in &mut clusters {
        report.sort_users(&mut cluster.rows, first);
        cluster.rows.truncate(wanted.top.max(1));
    }
    report.print_usage(&fields, &clusters);
    Ok(())
}
