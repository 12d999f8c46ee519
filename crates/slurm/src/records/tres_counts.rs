//! [`TresCounts`]: how much of which TRES, as Slurm's database writes it: `1=4,2=2000,4=1`.

use crate::model::TresId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Amounts by TRES number, each number once, in the order of the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TresCounts(Vec<(TresId, u64)>);

impl TresCounts {
    /// How much of one TRES; `None` when it is not in the list.
    pub fn get(&self, id: TresId) -> Option<u64> {
        self.0.iter().find(|(found, _)| *found == id).map(|(_, count)| *count)
    }

    /// Sets one amount.
    pub fn set(&mut self, id: TresId, count: u64) {
        match self.0.binary_search_by_key(&id, |(found, _)| *found) {
            Ok(at) => self.0[at].1 = count,
            Err(at) => self.0.insert(at, (id, count)),
        }
    }

    /// All amounts.
    pub fn iter(&self) -> impl Iterator<Item = (TresId, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `1=4,2=2000`; `None` when it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (id, count) = part.split_once('=')?;
            counts.set(id.parse().ok()?, count.parse().ok()?);
        }
        Some(counts)
    }
}

impl FromIterator<(TresId, u64)> for TresCounts {
    fn from_iter<I: IntoIterator<Item = (TresId, u64)>>(iter: I) -> Self {
        let mut counts = Self::default();
        iter.into_iter().for_each(|(id, count)| counts.set(id, count));
        counts
    }
}

impl fmt::Display for TresCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (id, count)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{id}={count}")?;
        }
        Ok(())
    }
}

impl From<TresCounts> for String {
    fn from(counts: TresCounts) -> String {
        counts.to_string()
    }
}

impl TryFrom<String> for TresCounts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no list of TRES numbers and amounts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tres::{ENERGY, MEM};

    #[test]
    fn read_and_written() {
        let counts = TresCounts::parse("4=1,1=8,2=2000").unwrap();
        assert_eq!(counts.to_string(), "1=8,2=2000,4=1");
        assert_eq!((counts.get(MEM), counts.get(ENERGY)), (Some(2000), None));
        assert_eq!(TresCounts::parse(""), Some(TresCounts::default()));
        for bad in ["1", "x=1", "1=-1", "1=99999999999999999999"] {
            assert_eq!(TresCounts::parse(bad), None, "{bad}");
        }
    }
}
