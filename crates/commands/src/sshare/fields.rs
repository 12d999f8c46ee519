//! The fields of `sshare` (sshare(1), "SHARE OUTPUT FIELDS").

use super::Shares;
use crate::columns::{Cell, Column as Printed};
use slurm::fairshare::running::Running;
use slurm::fairshare::{Method, Share, Usage};
use slurm::model::{Association, AssociationId, Limit, Shares as RawShares, TresId};
use slurm::rollup::Measure;
use std::collections::BTreeMap;

/// What a field shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Column {
    Account,
    Cluster,
    EffectiveUsage,
    FairShare,
    GrpTresMins,
    GrpTresRaw,
    Id,
    LevelFs,
    NormShares,
    NormUsage,
    Partition,
    RawShares,
    RawUsage,
    TresRunMins,
    User,
}

/// Field, heading, width; in the order in which abbreviations are tried.
pub const FIELDS: &[(Column, &str, i32)] = &[
    (Column::Account, "Account", -20),
    (Column::Cluster, "Cluster", 10),
    (Column::EffectiveUsage, "EffectvUsage", 13),
    (Column::FairShare, "FairShare", 10),
    (Column::GrpTresMins, "GrpTRESMins", 30),
    (Column::GrpTresRaw, "GrpTRESRaw", 30),
    (Column::Id, "ID", 6),
    (Column::LevelFs, "LevelFS", 10),
    (Column::NormShares, "NormShares", 11),
    (Column::NormUsage, "NormUsage", 11),
    (Column::Partition, "Partition", 12),
    (Column::RawShares, "RawShares", 10),
    (Column::RawUsage, "RawUsage", 11),
    (Column::TresRunMins, "TRESRunMins", 30),
    (Column::User, "User", 10),
];

/// The list of `--helpformat`: four names a line.
pub fn help() -> String {
    let lines = FIELDS.chunks(4).map(|line| {
        let names: Vec<_> = line.iter().map(|(_, name, _)| format!("{name:<17}")).collect();
        names.join(" ") + "\n"
    });
    lines.collect()
}

impl Column {
    /// With a width.
    pub fn printed(self, width: i32) -> Printed {
        let header = FIELDS.iter().find(|(column, ..)| *column == self).map_or("", |(_, header, _)| header);
        Printed { header: header.to_owned(), width }
    }
}

/// One association.
pub struct Row<'a> {
    /// Which.
    pub association: &'a Association,
    /// Its numbers.
    pub share: Share,
    /// How far its account is indented.
    pub depth: usize,
}

impl Row<'_> {
    /// One cell of `width`.
    pub fn cell(&self, shares: &Shares, used: &Used, running: &Running, column: Column, width: i32) -> Cell {
        let key = &self.association.key;
        let real = |value: f64| Cell::Number(real(value, width));
        match column {
            Column::Account => Cell::Text(format!("{}{}", " ".repeat(self.depth), key.account)),
            Column::Cluster => Cell::Text(key.cluster.clone()),
            Column::User => Cell::Text(key.user.clone()),
            Column::Partition => Cell::Text(key.partition.clone()),
            Column::Id => Cell::Number(self.association.id.to_string()),
            Column::EffectiveUsage => real(self.share.effective_usage),
            Column::FairShare => self.share.fairshare.map_or(Cell::EMPTY, real),
            // The classic formula has no levels: 0 for all that have shares.
            Column::LevelFs => match (self.share.level, shares.priority.method(), self.share.raw_shares) {
                (Some(level), ..) => real(level),
                (None, Method::Classic { .. }, None | Some(RawShares::Of(_))) => real(0.0),
                (None, ..) => Cell::EMPTY,
            },
            Column::NormShares => real(self.share.norm_shares),
            Column::NormUsage if self.share.raw_shares.is_none() => Cell::EMPTY,
            Column::NormUsage => real(self.share.norm_usage),
            Column::RawUsage => Cell::Number((self.share.raw_usage as u64).to_string()),
            Column::RawShares => match self.share.raw_shares {
                None => Cell::EMPTY,
                Some(RawShares::Parent) => Cell::Text("parent".into()),
                Some(RawShares::Of(count)) => Cell::Number(count.to_string()),
            },
            Column::GrpTresMins => {
                let limits = &self.association.limits;
                tres_list(shares, |tres| limits.tres(Limit::GrpTresMins, tres))
            }
            Column::GrpTresRaw => {
                let of = |tres| used.of(self.association.id, tres) / 60.0;
                tres_list(shares, |tres| Some(of(tres) as u64))
            }
            Column::TresRunMins => {
                let left = running.get(&self.association.id);
                tres_list(shares, |tres| Some(left.and_then(|left| left.get(&tres)).map_or(0, |seconds| seconds / 60)))
            }
        }
    }
}

/// What was used of every TRES, each association with all below it: summed up once for all rows.
#[derive(Default)]
pub struct Used(BTreeMap<TresId, Usage>);

impl Used {
    /// Everything if a column shows it, else nothing.
    pub fn shown(shares: &Shares, columns: &[(Column, i32)]) -> Self {
        let shown = columns.iter().any(|(column, _)| *column == Column::GrpTresRaw);
        let all = shares.state.tres.values().filter(|_| shown);
        Self(all.map(|tres| (tres.id, shares.history.usage_of(shares.state, Measure::Tres(tres.id)))).collect())
    }

    fn of(&self, association: AssociationId, tres: TresId) -> f64 {
        self.0.get(&tres).and_then(|usage| usage.get(&association)).copied().unwrap_or(0.0)
    }
}

/// `cpu=4,mem=2` of all TRES that have an amount, by number.
fn tres_list(shares: &Shares, amount: impl Fn(TresId) -> Option<u64>) -> Cell {
    let shown = shares.state.tres.values().filter_map(|row| Some(format!("{}={}", row.full_name(), amount(row.id)?)));
    Cell::Text(shown.collect::<Vec<_>>().join(","))
}

/// A number with six decimals; with an exponent, and as many digits as fit, when that is too wide.
fn real(value: f64, width: i32) -> String {
    let plain = format!("{value:.6}");
    let places = width.unsigned_abs() as usize;
    if plain.len() <= places || !value.is_finite() {
        return plain;
    }
    let beyond = exponent(value, places).len().saturating_sub(places);
    // As printf(3), which shows six digits when told to show fewer than none.
    exponent(value, places.checked_sub(beyond).unwrap_or(6))
}

/// As printf(3)'s `%.*e`: at least two digits of exponent.
fn exponent(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_too_wide_get_an_exponent() {
        assert_eq!(real(0.25, 10), "0.250000");
        assert_eq!(real(123_456_789.123, 10), "1.2346e+08");
        assert_eq!(real(0.00167042, 5), "1.670420e-03");
        assert_eq!(real(f64::INFINITY, 10), "inf");
        assert_eq!(help().lines().count(), 4);
    }
}
