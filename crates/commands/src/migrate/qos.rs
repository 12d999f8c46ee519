//! QOS, read from `show qos` and compared.

use super::Command;
use std::collections::BTreeMap;

/// `show qos -nP` with this shows every setting of a QOS, in the order of [`SETTINGS`].
pub const QOS_FORMAT: &str = "format=Name,Description,Priority,GraceTime,Preempt,PreemptExemptTime,PreemptMode,Flags,\
UsageThreshold,UsageFactor,LimitFactor,MinPrioThresh,GrpTRES,GrpTRESMins,GrpTRESRunMins,GrpJobs,GrpJobsAccrue,\
GrpSubmitJobs,GrpWall,MaxTRESPerJob,MaxTRESPerNode,MaxTRESMinsPerJob,MaxWall,MaxTRESPerUser,MaxTRESRunMinsPU,\
MaxJobsPerUser,MaxJobsAccruePerUser,MaxSubmitJobsPerUser,MaxTRESPerAccount,MaxTRESRunMinsPA,MaxJobsPerAccount,\
MaxJobsAccruePerAccount,MaxSubmitJobsPerAccount,MinTRESPerJob";

/// How a setting is taken away.
#[derive(Clone, Copy)]
enum Kind {
    /// With `=`.
    Text,
    /// A comma list, with `=-1`.
    List,
    /// With `=-1`.
    Number,
    /// A duration that is set in seconds.
    Seconds,
    /// Each TRES with `=-1`.
    Tres,
}

/// The settings after the name, by the word that sets them.
const SETTINGS: [(&str, Kind); 33] = [
    ("Description", Kind::Text),
    ("Priority", Kind::Number),
    ("GraceTime", Kind::Seconds),
    ("Preempt", Kind::List),
    ("PreemptExemptTime", Kind::Number),
    ("PreemptMode", Kind::Text),
    ("Flags", Kind::List),
    ("UsageThreshold", Kind::Number),
    ("UsageFactor", Kind::Number),
    ("LimitFactor", Kind::Number),
    ("MinPrioThresh", Kind::Number),
    ("GrpTRES", Kind::Tres),
    ("GrpTRESMins", Kind::Tres),
    ("GrpTRESRunMins", Kind::Tres),
    ("GrpJobs", Kind::Number),
    ("GrpJobsAccrue", Kind::Number),
    ("GrpSubmitJobs", Kind::Number),
    ("GrpWall", Kind::Number),
    ("MaxTRESPerJob", Kind::Tres),
    ("MaxTRESPerNode", Kind::Tres),
    ("MaxTRESMinsPerJob", Kind::Tres),
    ("MaxWall", Kind::Number),
    ("MaxTRESPerUser", Kind::Tres),
    ("MaxTRESRunMinsPU", Kind::Tres),
    ("MaxJobsPerUser", Kind::Number),
    ("MaxJobsAccruePerUser", Kind::Number),
    ("MaxSubmitJobsPerUser", Kind::Number),
    ("MaxTRESPerAccount", Kind::Tres),
    ("MaxTRESRunMinsPA", Kind::Tres),
    ("MaxJobsPerAccount", Kind::Number),
    ("MaxJobsAccruePerAccount", Kind::Number),
    ("MaxSubmitJobsPerAccount", Kind::Number),
    ("MinTRESPerJob", Kind::Tres),
];

/// All QOS of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QosTable(BTreeMap<String, Vec<String>>);

impl QosTable {
    /// Reads `show qos -nP` with [`QOS_FORMAT`]: what can be read, and of each other line its number and what is wrong.
    pub fn parse(text: &str) -> (QosTable, Vec<(usize, String)>) {
        let (mut table, mut bad) = (BTreeMap::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with("Name|"))
        {
            let mut cells = line.split('|').map(str::to_owned);
            let name = cells.next().unwrap_or_default();
            let values: Vec<_> = cells.collect();
            if values.len() != SETTINGS.len() || name.is_empty() {
                let wanted = SETTINGS.len() + 1;
                let why = format!("{line:?} has not the {wanted} fields of `sacctmgr -nP show qos {QOS_FORMAT}`");
                bad.push((number, why));
            } else {
                table.insert(name, values);
            }
        }
        (QosTable(table), bad)
    }

    /// What makes `here` have all QOS of this table, with the same settings. QOS that only `here` has stay. All names come
    /// first, since they may preempt each other.
    pub fn commands(&self, here: &QosTable) -> Vec<Command> {
        let command = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Command>();
        let new: Vec<_> = self.0.keys().filter(|name| !here.0.contains_key(*name)).collect();
        let mut found: Vec<_> =
            new.iter().map(|name| command(&["-i", "add", "qos", &format!("name={name}")])).collect();
        for (name, wanted) in &self.0 {
            let now = here.0.get(name).cloned().unwrap_or_else(|| fresh(name));
            let changes: Vec<_> = SETTINGS
                .iter()
                .zip(wanted.iter().zip(&now))
                .filter(|((_, kind), (wanted, now))| match kind {
                    Kind::Text => !wanted.eq_ignore_ascii_case(now),
                    _ => wanted != now,
                })
                .map(|((word, kind), (wanted, now))| format!("{word}={}", kind.value(wanted, now)))
                .collect();
            if !changes.is_empty() {
                let mut modify = command(&["-i", "modify", "qos", "where", &format!("name={name}"), "set"]);
                modify.extend(changes);
                found.push(modify);
            }
        }
        found
    }
}

/// What a QOS has right after `add qos`, or `normal` after the installation.
fn fresh(name: &str) -> Vec<String> {
    let mut values = vec![String::new(); SETTINGS.len()];
    let defaults = [
        // What slurmdbd makes at its installation, and nobody can write again: sacctmgr folds descriptions.
        ("Description", if name == "normal" { "Normal QOS default" } else { name }),
        ("Priority", "0"),
        ("GraceTime", "00:00:00"),
        ("PreemptMode", "cluster"),
        ("UsageFactor", "1.000000"),
    ];
    for (word, value) in defaults {
        if let Some(index) = SETTINGS.iter().position(|(setting, _)| *setting == word) {
            values[index] = value.to_owned();
        }
    }
    values
}

impl Kind {
    fn value(self, wanted: &str, now: &str) -> String {
        match (self, wanted) {
            (Kind::Text, "") => String::new(),
            (Kind::List | Kind::Number, "") => "-1".into(),
            (Kind::Seconds, time) => seconds(time).to_string(),
            (Kind::Tres, wanted) => {
                let names = |list: &str| -> Vec<String> {
                    let parts = list.split(',').filter(|part| !part.is_empty());
                    parts.map(|part| part.split('=').next().unwrap_or_default().to_owned()).collect()
                };
                let kept = names(wanted);
                let gone = names(now).into_iter().filter(|name| !kept.contains(name)).map(|name| format!("{name}=-1"));
                let set = wanted.split(',').filter(|part| !part.is_empty()).map(str::to_owned);
                set.chain(gone).collect::<Vec<_>>().join(",")
            }
            (_, wanted) => wanted.to_owned(),
        }
    }
}

/// `[days-]HH:MM:SS` as seconds.
fn seconds(time: &str) -> u64 {
    let (days, clock) = time.split_once('-').unwrap_or(("0", time));
    let of_day = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse().unwrap_or(0));
    days.parse().unwrap_or(0) * 86400 + of_day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, settings: &[(&str, &str)]) -> String {
        let mut values = fresh(name);
        for (word, value) in settings {
            let index = SETTINGS.iter().position(|(setting, _)| setting == word).unwrap();
            values[index] = value.to_string();
        }
        format!("{name}|{}\n", values.join("|"))
    }

    #[test]
    fn names_first_then_what_differs() {
        assert_eq!(QOS_FORMAT.split(',').count(), SETTINGS.len() + 1);
        let theirs = line("high", &[("Preempt", "low"), ("GraceTime", "1-00:01:30"), ("GrpTRES", "cpu=4,mem=2G")])
            + &line("low", &[]);
        let (theirs, _) = QosTable::parse(&theirs);
        assert_eq!(
            theirs.commands(&QosTable::default()).iter().map(|command| command.join(" ")).collect::<Vec<_>>(),
            [
                "-i add qos name=high",
                "-i add qos name=low",
                "-i modify qos where name=high set GraceTime=86490 Preempt=low GrpTRES=cpu=4,mem=2G",
            ]
        );
        assert_eq!(theirs.commands(&theirs), [] as [Command; 0]);
        let (ours, _) = QosTable::parse(&line("low", &[("GrpTRES", "cpu=1,node=2"), ("MaxWall", "01:00:00")]));
        let commands = theirs.commands(&ours);
        assert_eq!(commands[2].join(" "), "-i modify qos where name=low set GrpTRES=cpu=-1,node=-1 MaxWall=-1");
        let (none, bad) = QosTable::parse("\nhigh|1|2\n");
        assert!(none == QosTable::default() && bad[0].0 == 2 && bad.len() == 1, "{bad:?}");
    }
}
