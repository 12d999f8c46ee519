//! Sums of usage, and the cells that most reports share.

use super::condition::Condition;
use super::fields::{Column, Field};
use super::{Done, Report};
use crate::columns::Cell;
use slurm::model::tres::{CPU, ENERGY, Tres};
use slurm::model::{Association, AssociationId, TresId};
use slurm::rollup::add_up;
use std::collections::{BTreeMap, HashMap};

/// Seconds by TRES.
pub type Totals = BTreeMap<TresId, u64>;

/// A row of a report about users or accounts.
pub struct Row {
    /// The user; empty in an account's own row.
    pub user: String,
    /// The account, or the wckey.
    pub account: String,
    /// What was used.
    pub totals: Totals,
}

/// A cluster with its rows.
pub struct ClusterRows {
    /// Its name.
    pub cluster: String,
    /// Whether rows are of accounts or of wckeys.
    pub by: Column,
    /// All the time it had.
    pub totals: Totals,
    /// Who used it.
    pub rows: Vec<Row>,
}

impl Report<'_> {
    /// All the time that a cluster had; `None` when it was not there.
    pub(super) fn cluster_totals(&mut self, cluster: &str, wanted: &Condition) -> Done<Option<Totals>> {
        let records = self.records.cluster(cluster, wanted.span);
        let mut totals = Totals::new();
        for (tres, uses) in self.read(records)? {
            add_up(totals.entry(tres).or_default(), uses.reported());
        }
        Ok(Some(totals).filter(|totals| !totals.is_empty()))
    }

    /// What each association used, with everything below it.
    pub(super) fn association_totals(&mut self, wanted: &Condition) -> Done<HashMap<AssociationId, Totals>> {
        let records = self.records.associations(wanted.span);
        let mut found: HashMap<AssociationId, Totals> = HashMap::new();
        for (association, tres, seconds) in self.read(records)? {
            let mut next = Some(association);
            while let Some(id) = next {
                add_up(found.entry(id).or_default().entry(tres).or_default(), seconds);
                next = self.state.associations().get(&id).and_then(|row| row.parent);
            }
        }
        Ok(found)
    }

    /// Whether the caller may see an association's usage.
    pub(super) fn sees(&self, row: &Association) -> bool {
        self.view.usage(&row.key)
    }

    /// The clusters of a report with what `rows` finds of each; those that were neither there nor used are left out. One
    /// that was used without being there has imported jobs, and nobody said how large it was: shares of it are unknown.
    pub(super) fn by_cluster(
        &mut self,
        wanted: &Condition,
        by: Column,
        mut rows: impl FnMut(&str) -> Vec<Row>,
    ) -> Done<Vec<ClusterRows>> {
        let mut found = Vec::new();
        for cluster in wanted.clusters(self) {
            let totals = self.cluster_totals(&cluster, wanted)?;
            let rows = rows(&cluster);
            if totals.is_some() || rows.iter().any(|row| row.totals.values().any(|seconds| *seconds > 0)) {
                found.push(ClusterRows { rows, cluster, by, totals: totals.unwrap_or_default() });
            }
        }
        Ok(found)
    }

    /// Makes the columns of time as wide as Slurm does: by the first row of each cluster, which should be the largest.
    pub(super) fn fit_usage(&self, fields: &mut [Field], clusters: &[ClusterRows]) {
        let firsts: Vec<&Totals> =
            clusters.iter().map(|it| it.rows.first().map_or(&it.totals, |row| &row.totals)).collect();
        let most = |tres: TresId| firsts.iter().filter_map(|totals| totals.get(&tres).copied()).max().unwrap_or(0);
        let has_energy = fields.iter().any(|field| field.column == Column::Energy);
        let used =
            if has_energy { most(CPU) } else { self.options.tres.iter().map(|tres| most(tres.id)).max().unwrap_or(0) };
        for field in fields {
            match field.column {
                Column::Used => field.fit(used, self.options.unit.is_both()),
                Column::Energy => field.fit(most(ENERGY), self.options.unit.is_both()),
                _ => {}
            }
        }
    }

    /// The cells of a row for one TRES; `account` is how the account is shown.
    pub(super) fn usage_cells(
        &self,
        fields: &[Field],
        cluster: &ClusterRows,
        row: &Row,
        tres: &Tres,
        account: &str,
    ) -> Vec<Cell> {
        let of = |totals: &Totals, id| totals.get(&id).copied().unwrap_or(0);
        let time = |id| self.time(of(&row.totals, id), of(&cluster.totals, id));
        let cell = |field: &Field| match field.column {
            column if column == cluster.by => Cell::Text(account.to_owned()),
            Column::Cluster => Cell::Text(cluster.cluster.clone()),
            Column::Login => Cell::Text(row.user.clone()),
            Column::Proper => {
                Cell::Text(self.site.people().user(&row.user).map(|user| user.full_name).or_kept("", &row.user))
            }
            Column::Used => time(tres.id),
            Column::Energy => time(ENERGY),
            Column::TresName => Cell::Text(tres.full_name()),
            _ => field.nothing(self),
        };
        fields.iter().map(cell).collect()
    }

    /// Prints all rows of all clusters, one line for each TRES that is asked for.
    pub(super) fn print_usage(&mut self, fields: &[Field], clusters: &[ClusterRows]) {
        let mut lines = Vec::new();
        for cluster in clusters {
            for row in &cluster.rows {
                let cells = |tres: &Tres| self.usage_cells(fields, cluster, row, tres, &row.account);
                lines.extend(self.options.tres.iter().map(cells));
            }
        }
        self.print(fields, lines);
    }

    /// Puts those first who used most of a TRES, or, with `-s name`, in the order of names. Equal ones stay as they are.
    pub(super) fn sort_users(&self, rows: &mut [Row], tres: TresId) {
        let by_name = self.options.by_name;
        rows.sort_by(|a, b| {
            let used = |row: &Row| row.totals.get(&tres).copied().filter(|_| !by_name);
            used(b).cmp(&used(a)).then_with(|| a.user.cmp(&b.user))
        });
    }
}
