//! `show stats`: what the service did, in the layout of slurmdbd (sacctmgr(1), "stats"), so that what reads it there can
//! read it here.

use super::entities::Entities;
use super::line::{Line, Verb};
use super::session::Session;
use super::word::begins;
use crate::SlurmProgram;
use jiff::Timestamp;
use std::fmt::Write;
use std::time::Duration;
use words::people::Uid;

/// How often something was done, and how long that took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// Together.
    pub took: Duration,
}

impl Count {
    /// Once more.
    pub fn add(&mut self, took: Duration) {
        self.times += 1;
        self.took += took;
    }

    /// Of one.
    pub fn mean(&self) -> Duration {
        self.took.checked_div(u32::try_from(self.times).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

/// The runs of the rollup that had something to sum up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cycles {
    /// When the last one began, in seconds since 1970.
    pub began: i64,
    /// How long it took.
    pub last: Duration,
    /// How long the longest took.
    pub longest: Duration,
    /// All of them.
    pub all: Count,
}

/// What a service did since it started or was last told to `clear stats`.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// That moment, in seconds since 1970.
    pub since: i64,
    /// `None` when nothing was summed up.
    pub rollup: Option<Cycles>,
    /// Requests by what they were.
    pub messages: Vec<(Message, Count)>,
    /// Requests by who asked.
    pub users: Vec<(Uid, Count)>,
}

/// The message that Slurm's client would send for a command: name and number. Commands are counted under it, since that
/// is what people look for. What slurmdbd has no message for has its own name and the number 0.
pub type Message = (&'static str, u16);

/// What a command line counts as.
pub fn message(program: SlurmProgram, argv: &[String]) -> Message {
    match program {
        SlurmProgram::Sacct => ("DBD_GET_JOBS_COND", 1444),
        SlurmProgram::Sacctmgr => of_sacctmgr(argv),
        SlurmProgram::Sreport => ("DBD_GET_ASSOC_USAGE", 1411),
        SlurmProgram::Sshare => ("SSHARE", 0),
        // slurmctld's.
        SlurmProgram::Scancel => ("REQUEST_KILL_JOB", 5032),
        SlurmProgram::Scontrol => of_scontrol(argv),
        SlurmProgram::Sdiag => ("REQUEST_STATS_INFO", 2035),
        SlurmProgram::Sinfo => ("REQUEST_NODE_INFO", 2007),
        SlurmProgram::Sprio => ("REQUEST_PRIORITY_FACTORS", 2026),
        SlurmProgram::Squeue => ("REQUEST_JOB_INFO", 2003),
        SlurmProgram::Sstat => ("REQUEST_JOB_STEP_STAT", 5018),
    }
}

fn of_scontrol(argv: &[String]) -> Message {
    match argv.iter().find(|word| !word.starts_with('-')).map(|word| word.to_lowercase()).as_deref() {
        Some("show") => ("REQUEST_JOB_INFO", 2003),
        Some("ping") => ("REQUEST_PING", 1008),
        Some("reconfigure" | "reconfig") => ("REQUEST_RECONFIGURE", 1003),
        Some("requeue" | "requeuehold") => ("REQUEST_JOB_REQUEUE", 5023),
        Some("hold" | "uhold" | "release" | "update" | "top") => ("REQUEST_UPDATE_JOB", 3001),
        _ => OTHER,
    }
}

/// Whether it is one of slurmctld's: `sdiag` lists those, `sacctmgr show stats` the others.
pub(crate) fn is_of_scheduler((name, _): &Message) -> bool {
    name.starts_with("REQUEST_")
}

/// What slurmdbd has no message for.
pub const OTHER: Message = ("OTHER", 0);

fn of_sacctmgr(argv: &[String]) -> Message {
    let line = Line::read(argv);
    match line.verb {
        Some(Verb::Archive) => of_archive(line.entity),
        Some(Verb::Dump) => ("DBD_GET_ASSOCS", 1410),
        Some(Verb::Load) => ("DBD_ADD_ASSOCS", 1404),
        Some(Verb::Clear) => ("DBD_CLEAR_STATS", 1491),
        verb => {
            let entity = verb.and_then(Entities::of).and_then(|entities| entities.find(line.entity));
            entity.map_or(OTHER, |entity| entity.message)
        }
    }
}

fn of_archive(what: &str) -> Message {
    if begins(what, "Dump", 1) {
        ("DBD_ARCHIVE_DUMP", 1459)
    } else if begins(what, "Load", 1) {
        ("DBD_ARCHIVE_LOAD", 1460)
    } else {
        OTHER
    }
}

/// The page of `show stats`.
pub fn page(session: &Session) -> String {
    let statistics = session.world.statistics();
    let zone = session.world.clock().time_zone().clone();
    let time = |seconds: i64| {
        let at = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(zone.clone());
        format!("{} ({seconds})", at.strftime("%a %b %d %H:%M:%S %Y"))
    };
    let rule = "*".repeat(67);
    let (now, since) = (time(session.world.now()), time(statistics.since));
    let mut page = format!(
        "{rule}\nsacctmgr show stats output at {now}\nData since                    {since}\nAll statistics are in \
         microseconds\n{rule}\n"
    );
    if let Some(cycles) = statistics.rollup {
        let _ = writeln!(page, "\nInternal DBD rollup last ran {}", time(cycles.began));
        let (all, micros) = (&cycles.all, Duration::as_micros);
        for (name, value) in [
            ("Last cycle:  ", micros(&cycles.last)),
            ("Max cycle:   ", micros(&cycles.longest)),
            ("Total time:  ", micros(&all.took)),
            ("Total cycles:", all.times.into()),
            ("Mean cycle:  ", micros(&all.mean())),
        ] {
            let _ = writeln!(page, "\t{name} {value}");
        }
    }
    page.push_str("\nRemote Procedure Call statistics by message type\n");
    for ((name, number), count) in busiest(of_accounting(statistics.messages)) {
        let _ = writeln!(page, "\t{name:<25}({number:>5}) {}", counted(&count));
    }
    page.push_str("\nRemote Procedure Call statistics by user\n");
    for (uid, count) in busiest(statistics.users) {
        let name = session.user_shown(uid);
        let _ = writeln!(page, "\t{name:<20}({uid:>10}) {}", counted(&count));
    }
    page
}

/// With all that are slurmctld's under one name.
fn of_accounting(messages: Vec<(Message, Count)>) -> Vec<(Message, Count)> {
    let (foreign, mut own): (Vec<_>, Vec<_>) = messages.into_iter().partition(|(message, _)| is_of_scheduler(message));
    for (_, count) in foreign {
        match own.iter_mut().find(|(message, _)| *message == OTHER) {
            Some((_, other)) => (other.times, other.took) = (other.times + count.times, other.took + count.took),
            None => own.push((OTHER, count)),
        }
    }
    own
}

pub(crate) fn busiest<T>(mut counts: Vec<(T, Count)>) -> Vec<(T, Count)> {
    counts.sort_by_key(|(_, count)| std::cmp::Reverse((count.times, count.took)));
    counts
}

pub(crate) fn counted(count: &Count) -> String {
    let (mean, all) = (count.mean().as_micros(), count.took.as_micros());
    format!("count:{:<6} ave_time:{mean:<6} total_time:{all}", count.times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> &'static str {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        message(SlurmProgram::named(&argv[0]).unwrap(), &argv[1..]).0
    }

    #[test]
    fn commands_count_as_slurms_messages() {
        assert_eq!(of("sacctmgr -i add user x account=a"), "DBD_ADD_USERS");
        assert_eq!(of("sacctmgr -nP list assoc"), "DBD_GET_ASSOCS");
        assert_eq!(of("sacctmgr show tres"), "DBD_GET_TRES");
        assert_eq!(of("sacctmgr update user x set maxjobs=1"), "DBD_MODIFY_USERS");
        assert_eq!(of("sacctmgr archive dump"), "DBD_ARCHIVE_DUMP");
        assert_eq!((of("sacct -a"), of("sacctmgr nonsense")), ("DBD_GET_JOBS_COND", "OTHER"));
    }

    #[test]
    fn figures_are_laid_out_as_slurms() {
        let count = Count { times: 23, took: Duration::from_micros(36_996) };
        assert_eq!(counted(&count), "count:23     ave_time:1608   total_time:36996");
        assert_eq!(counted(&Count::default()), "count:0      ave_time:0      total_time:0");
    }
}
