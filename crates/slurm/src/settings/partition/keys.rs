//! The words of a `PartitionName=…` line: what each means, how it is read and written.

use super::{Admits, Partition, PartitionState, weights};
use words::text::duration;

/// One word of the line.
pub struct PartitionKey {
    /// As it is written.
    pub name: &'static str,
    /// What it means, in Markdown, units included.
    pub meaning: &'static str,
    set: fn(&mut Partition, &str) -> Result<(), String>,
    get: fn(&Partition) -> Option<String>,
}

/// Those that mean something here.
pub const KEYS: &[PartitionKey] = &[
    PartitionKey {
        name: "Default",
        meaning: "`YES`: jobs that name no partition go here.",
        set: |it, text| boolean(text).map(|yes| it.is_default = yes),
        get: |it| it.is_default.then(|| "YES".into()),
    },
    PartitionKey {
        name: "State",
        meaning: "`UP`; `DOWN`: jobs are taken and wait; `DRAIN`: none are taken, those that wait start; `INACTIVE`: \
                  neither.",
        set: |it, text| {
            let state = STATES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(state, _)| *state);
            state.map(|state| it.state = state).ok_or_else(|| "UP, DOWN, DRAIN or INACTIVE is needed".into())
        },
        get: |it| {
            let name = STATES.iter().find(|(state, _)| *state == it.state).map(|(_, name)| name.to_string());
            name.filter(|_| it.state != PartitionState::Up)
        },
    },
    PartitionKey {
        name: "QOS",
        meaning: "A QOS whose limits hold for all jobs in it.",
        set: |it, text| {
            it.qos = Some(text.to_lowercase());
            Ok(())
        },
        get: |it| it.qos.clone(),
    },
    PartitionKey {
        name: "AllowAccounts",
        meaning: "Accounts whose jobs may run in it (not those below them); `ALL`.",
        set: |it, text| allow(&mut it.accounts, text),
        get: |it| only(&it.accounts),
    },
    PartitionKey {
        name: "DenyAccounts",
        meaning: "Accounts whose jobs may not, unless AllowAccounts says who may.",
        set: |it, text| deny(&mut it.accounts, text),
        get: |it| all_but(&it.accounts),
    },
    PartitionKey {
        name: "AllowQos",
        meaning: "QOS whose jobs may run in it; `ALL`.",
        set: |it, text| allow(&mut it.job_qos, text),
        get: |it| only(&it.job_qos),
    },
    PartitionKey {
        name: "DenyQos",
        meaning: "QOS whose jobs may not, unless AllowQos says which may.",
        set: |it, text| deny(&mut it.job_qos, text),
        get: |it| all_but(&it.job_qos),
    },
    PartitionKey {
        name: "AllowGroups",
        meaning: "Groups (of this host) whose members may submit to it, root besides; `ALL`.",
        set: |it, text| {
            it.groups = (!is_all(text)).then(|| text.split(',').map(|name| name.trim().to_owned()).collect());
            Ok(())
        },
        get: |it| it.groups.as_ref().map(|names| names.join(",")),
    },
    PartitionKey {
        name: "RootOnly",
        meaning: "`YES`: root alone submits to it.",
        set: |it, text| boolean(text).map(|yes| it.root_only = yes),
        get: |it| it.root_only.then(|| "YES".into()),
    },
    PartitionKey {
        name: "MaxTime",
        meaning: "The longest time limit: minutes, hours:minutes:seconds, days-hours or `INFINITE`.",
        set: |it, text| bounded(text, duration::parse_minutes).map(|most| it.max_minutes = most),
        get: |it| it.max_minutes.map(duration::format_minutes),
    },
    PartitionKey {
        name: "MinNodes",
        meaning: "The least number of nodes of a job.",
        set: |it, text| {
            let least = text.parse().map_err(|_| "a number of nodes is needed".to_owned())?;
            it.min_nodes = least;
            Ok(())
        },
        get: |it| (it.min_nodes > 0).then(|| it.min_nodes.to_string()),
    },
    PartitionKey {
        name: "MaxNodes",
        meaning: "The greatest number of nodes of a job; `UNLIMITED`.",
        set: |it, text| bounded(text, |text| text.parse().ok()).map(|most| it.max_nodes = most),
        get: |it| it.max_nodes.map(|most| most.to_string()),
    },
    PartitionKey {
        name: "TRESBillingWeights",
        meaning: "What a job is billed for each TRES, such as `CPU=1.0,Mem=0.25G,GRES/gpu=2.0` (per GB of memory here, per MB \
                  without a unit); else one for each CPU. `PriorityFlags` (`MAX_TRES`) says how they come together.",
        set: |it, text| weights::parse(text).map(|weights| it.billing_weights = Some(weights)),
        get: |it| it.billing_weights.as_deref().map(weights::write),
    },
];

/// Those that are about nodes and scheduling; they have no effect here.
const OTHERS: &str = "AllocNodes Alternate CpuBind DefaultTime DefCpuPerGPU DefMemPerCPU DefMemPerGPU DefMemPerNode \
    DisableRootJobs ExclusiveTopo ExclusiveUser GraceTime Hidden LLN MaxCPUsPerNode MaxCPUsPerSocket MaxMemPerCPU \
    MaxMemPerNode Nodes OverSubscribe OverTimeLimit PowerDownOnIdle PreemptMode Priority PriorityJobFactor PriorityTier \
    ReqResv ResumeTimeout SelectTypeParameters Shared SuspendTime SuspendTimeout Topology";

const STATES: &[(PartitionState, &str)] = &[
    (PartitionState::Up, "UP"),
    (PartitionState::Down, "DOWN"),
    (PartitionState::Drain, "DRAIN"),
    (PartitionState::Inactive, "INACTIVE"),
];

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Set,
    /// It is one of Slurm's that has no effect here.
    NoEffect,
}

impl Partition {
    /// Takes one `Key=Value` of its line. An error says what would be right; `None` is a word that Slurm has not either.
    pub fn take(&mut self, key: &str, value: &str) -> Result<Option<Taken>, String> {
        if OTHERS.split(' ').any(|name| name.eq_ignore_ascii_case(key)) {
            return Ok(Some(Taken::NoEffect));
        }
        match KEYS.iter().find(|it| it.name.eq_ignore_ascii_case(key)) {
            Some(it) => (it.set)(self, value).map(|()| Some(Taken::Set)),
            None => Ok(None),
        }
    }

    /// All words that a line may have.
    pub fn words() -> impl Iterator<Item = &'static str> {
        KEYS.iter().map(|key| key.name).chain(OTHERS.split(' '))
    }

    /// The line that reads as this partition.
    pub fn line(&self) -> String {
        let words = KEYS.iter().filter_map(|key| Some(format!(" {}={}", key.name, (key.get)(self)?)));
        format!("PartitionName={}{}", self.name, words.collect::<String>())
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err("YES or NO is needed".into()),
    }
}

fn bounded(text: &str, read: impl Fn(&str) -> Option<u64>) -> Result<Option<u64>, String> {
    if ["infinite", "unlimited"].iter().any(|word| word.eq_ignore_ascii_case(text)) {
        Ok(None)
    } else {
        read(text).map(Some).ok_or_else(|| "a number, a time or UNLIMITED is needed".into())
    }
}

fn is_all(text: &str) -> bool {
    text.eq_ignore_ascii_case("all")
}

/// Names of accounts and QOS are lower case.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
}

/// Whoever is let in by name makes the list of those who are not one without effect (slurm.conf(5), "DenyAccounts").
fn allow(to: &mut Admits, text: &str) -> Result<(), String> {
    match (is_all(text), &to) {
        (false, _) => *to = Admits::Only(names(text)),
        (true, Admits::Only(_)) => *to = Admits::All,
        (true, _) => {}
    }
    Ok(())
}

fn deny(to: &mut Admits, text: &str) -> Result<(), String> {
    if !matches!(to, Admits::Only(_)) {
        *to = Admits::AllBut(names(text));
    }
    Ok(())
}

fn only(admits: &Admits) -> Option<String> {
    if let Admits::Only(list) = admits { Some(list.join(",")) } else { None }
}

fn all_but(admits: &Admits) -> Option<String> {
    if let Admits::AllBut(list) = admits { Some(list.join(",")) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Partition {
        let mut it = Partition { name: "p".into(), ..Partition::default() };
        for word in line.split(' ') {
            let (key, value) = word.split_once('=').unwrap();
            assert_eq!(it.take(key, value), Ok(Some(Taken::Set)), "{word}");
        }
        it
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let line = "Default=YES State=DRAIN QOS=part AllowAccounts=a,b DenyQos=low AllowGroups=users RootOnly=YES \
                    MaxTime=1-00:30:00 MinNodes=2 MaxNodes=4 \
                    TRESBillingWeights=cpu=1,mem=0.25,gres/gpu=2.5";
        let it = read(line);
        assert_eq!(it.line(), format!("PartitionName=p {line}"));
        assert_eq!((it.max_minutes, it.state), (Some(1470), PartitionState::Drain));
        let default = Partition { name: "p".into(), ..Partition::default() };
        assert_eq!(
            read("maxtime=infinite MAXNODES=UNLIMITED allowgroups=ALL AllowQos=all State=up Default=no"),
            default
        );
    }

    #[test]
    fn who_is_allowed_comes_before_who_is_denied() {
        let only = Admits::Only(vec!["lab".into()]);
        assert_eq!(read("AllowAccounts=Lab DenyAccounts=solo").accounts, only);
        assert_eq!(read("DenyAccounts=solo AllowAccounts=Lab").accounts, only);
        assert_eq!(read("DenyAccounts=solo AllowAccounts=ALL").accounts, Admits::AllBut(vec!["solo".into()]));
        assert!(only.admits("lab") && !only.admits("solo"));
        assert_eq!(only.denial("gpu", "solo"), "gpu allows lab not solo");
    }

    #[test]
    fn other_words_have_no_effect_and_strange_ones_are_told() {
        let mut it = Partition::default();
        assert_eq!(it.take("Nodes", "n[1-4]"), Ok(Some(Taken::NoEffect)));
        assert_eq!(it.take("Nodez", "n[1-4]"), Ok(None));
        assert!(
            it.take("MaxTime", "soon").is_err()
                && it.take("State", "off").is_err()
                && it.take("MinNodes", "-1").is_err()
        );
        assert_eq!(it, Partition::default());
    }
}
