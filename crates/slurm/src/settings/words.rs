//! Comma lists of known words, as many settings are written.

use std::collections::BTreeSet;
use std::fmt;

/// A word that a setting knows.
pub trait Word: Copy + Ord + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// Whether `all` means every one of them.
    const HAS_ALL: bool = false;

    /// As it is written.
    fn name(self) -> &'static str;
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $(, $all:literal)?; $($(#[$each:meta])* $variant:ident = $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$each])* $variant,)* }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            $(const HAS_ALL: bool = $all;)?

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

words! {
    /// What `PrivateData` hides from ordinary users (slurmdbd.conf(5)).
    Private, true;
    /// Accounts that one does not coordinate.
    Accounts = "accounts";
    /// Events.
    Events = "events";
    /// Jobs of others.
    Jobs = "jobs";
    /// States of nodes.
    Nodes = "nodes";
    /// States of partitions.
    Partitions = "partitions";
    /// Reservations.
    Reservations = "reservations";
    /// Usage of others.
    Usage = "usage";
    /// Other users and their associations.
    Users = "users";
}

words! {
    /// `PriorityFlags` (slurm.conf(5)).
    PriorityFlag;
    /// Jobs age also while they may not run.
    AccrueAlways = "ACCRUE_ALWAYS";
    /// Running jobs get a new priority too.
    CalculateRunning = "CALCULATE_RUNNING";
    /// The depth of the tree does no harm; implies `NO_FAIR_TREE`.
    DepthOblivious = "DEPTH_OBLIVIOUS";
    /// Priorities never fall.
    IncrOnly = "INCR_ONLY";
    /// Billing is the greatest weighted TRES of a node, not their sum.
    MaxTres = "MAX_TRES";
    /// Billing is the greatest GRES beside the sum of the others.
    MaxTresGres = "MAX_TRES_GRES";
    /// The classic formula instead of Fair Tree.
    NoFairTree = "NO_FAIR_TREE";
    /// No factor is normalized.
    NoNormalAll = "NO_NORMAL_ALL";
    /// The association factor is not.
    NoNormalAssoc = "NO_NORMAL_ASSOC";
    /// The partition factor is not.
    NoNormalPart = "NO_NORMAL_PART";
    /// The QOS factor is not.
    NoNormalQos = "NO_NORMAL_QOS";
    /// The TRES factor is not.
    NoNormalTres = "NO_NORMAL_TRES";
    /// Size counts in relation to the time limit.
    SmallRelativeToTime = "SMALL_RELATIVE_TO_TIME";
}

words! {
    /// `PriorityUsageResetPeriod`: when usage begins from zero again (slurm.conf(5)).
    ResetPeriod;
    /// Never.
    None = "NONE";
    /// At the next start.
    Now = "NOW";
    /// At midnight.
    Daily = "DAILY";
    /// On Sunday at midnight.
    Weekly = "WEEKLY";
    /// On the first of the month.
    Monthly = "MONTHLY";
    /// On the first of the quarter.
    Quarterly = "QUARTERLY";
    /// On the first of January.
    Yearly = "YEARLY";
}

words! {
    /// `Parameters` of slurmdbd.conf(5).
    Parameter;
    /// Names of users keep their upper-case letters.
    PreserveCaseUser = "PreserveCaseUser";
}

words! {
    /// What is archived before it is purged (slurmdbd.conf(5), `ArchiveJobs` and so on).
    Archive;
    /// `ArchiveEvents`
    Events = "events";
    /// `ArchiveJobs`
    Jobs = "jobs";
    /// `ArchiveResvs`
    Reservations = "reservations";
    /// `ArchiveSteps`
    Steps = "steps";
    /// `ArchiveSuspend`
    Suspensions = "suspensions";
    /// `ArchiveTXN`
    Transactions = "transactions";
    /// `ArchiveUsage`
    Usage = "usage";
}

/// A set of such words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words<W: Word>(BTreeSet<W>);

impl<W: Word> Default for Words<W> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<W: Word> Words<W> {
    /// Reads a comma list in any case, also in the singular (`user`), as Slurm does; `none` is the empty one. Gives back the word that is unknown.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = BTreeSet::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match one::<W>(word).or_else(|| one(&format!("{word}s"))) {
                Some(known) => drop(found.insert(known)),
                None if W::HAS_ALL && word.eq_ignore_ascii_case("all") => found.extend(W::ALL),
                None if word.eq_ignore_ascii_case("none") => {}
                None => return Err(word.to_owned()),
            }
        }
        Ok(Self(found))
    }

    /// Reads a list as Slurm reads those of slurm.conf: it searches the text for the words that it knows. Gives back the
    /// parts that have none.
    pub fn search(text: &str) -> (Self, Vec<String>) {
        let (mut found, mut unknown) = (BTreeSet::new(), Vec::new());
        for part in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
            let within = |word: &&W| part.to_ascii_lowercase().contains(&word.name().to_ascii_lowercase());
            match Self::parse(part) {
                Ok(known) => found.extend(known.0),
                Err(_) if W::ALL.iter().any(|word| within(&word)) => found.extend(W::ALL.iter().filter(within)),
                Err(_) => unknown.push(part.to_owned()),
            }
        }
        (Self(found), unknown)
    }

    /// Whether a word is among them.
    pub fn has(&self, word: W) -> bool {
        self.0.contains(&word)
    }

    /// Puts a word in or takes it out.
    pub fn set(&mut self, word: W, present: bool) {
        if present {
            self.0.insert(word)
        } else {
            self.0.remove(&word)
        };
    }
}

/// One word, in any case.
pub fn one<W: Word>(text: &str) -> Option<W> {
    W::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(text))
}

/// The names of all words, for messages.
pub fn names<W: Word>() -> Vec<&'static str> {
    W::ALL.iter().map(|word| word.name()).collect()
}

/// The comma list; `none` when it is empty.
impl<W: Word> fmt::Display for Words<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&self.0.iter().map(|word| word.name()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_words() {
        let some = Words::<Private>::parse("Users, accounts").unwrap();
        assert!(some.has(Private::Users) && !some.has(Private::Jobs));
        assert_eq!(some.to_string(), "accounts,users");
        assert!(Words::<Private>::parse("all").unwrap().has(Private::Usage));
        assert!(Words::<Private>::parse("USER").unwrap().has(Private::Users));
        assert_eq!(Words::<Private>::parse("usr"), Err("usr".into()));
        assert_eq!(Words::<PriorityFlag>::parse("all"), Err("all".into()));
        assert_eq!(Words::<PriorityFlag>::parse("none").unwrap().to_string(), "none");
        let (found, unknown) = Words::<Private>::search("jobs,cloud usage;user");
        assert_eq!((found.to_string().as_str(), unknown), ("jobs,usage", vec!["cloud".to_owned()]));
    }
}
