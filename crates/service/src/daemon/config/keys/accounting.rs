//! What accounting obeys.

use super::super::{Config, values};
use super::{Applies::*, Key, SLURM, SLURMDBD};
use slurm::settings::Enforce;
use slurm::settings::{Age, Archive, JobIds};

pub const KEYS: &[Key] = &[
    Key {
        name: "AccountingStorageTRES",
        from: SLURM,
        applies: OnReload,
        meaning: "TRES to keep beside the fixed ones (billing, cpu, energy, fs/disk, mem, node, pages, vmem): a comma list \
                  such as `gres/gpu,gres/gpu:a100,license/matlab`. New ones are added to the store; none is taken away.",
        set: |config, text| values::tres(text).map(|names| config.tres = names),
        get: |config| config.tres.join(","),
    },
    Key {
        name: "AccountingStorageEnforce",
        from: SLURM,
        applies: Scheduler,
        meaning: "What holds when a job is submitted or started: `none`, or of `associations`, `limits`, `qos`, `safe` and \
                  `wckeys` a comma list or `all`; `nojobs` and `nosteps` besides. `limits`, `qos`, `safe` and `wckeys` \
                  imply `associations`, `safe` implies `limits`, `wckeys` implies `TrackWCKey`, `nojobs` implies \
                  `nosteps`.",
        set: |config, text| {
            let bad =
                |word| format!("`{word}` is none of associations, limits, qos, safe, wckeys, nojobs, nosteps, all");
            config.accounting.enforce = Enforce::parse(text).map_err(bad)?;
            config.accounting.track_wckey |= config.accounting.enforce.wckeys;
            Ok(())
        },
        get: |config| config.accounting.enforce.to_string(),
    },
    Key {
        name: "EnforcePartLimits",
        from: SLURM,
        applies: OnReload,
        meaning: "What becomes of jobs that their partition does not allow: with `NO` they wait, with `ALL` or `ANY` (`YES`) \
                  they are refused. `enlist explain` heeds it already.",
        set: |config, text| {
            config.accounting.enforce_partitions = match text.to_ascii_lowercase().as_str() {
                "all" | "any" | "yes" | "up" | "true" | "1" => true,
                "no" | "down" | "false" | "0" => false,
                _ => return Err("ALL, ANY or NO is needed".into()),
            };
            Ok(())
        },
        get: |config| if config.accounting.enforce_partitions { "ALL" } else { "NO" }.into(),
    },
    Key {
        name: "PrivateData",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "What ordinary users don't see of others: a comma list of `accounts` (only coordinators list accounts, \
                  theirs), `users` (only oneself, and only associations that lead to oneself or are in an account that \
                  one coordinates; wckeys too), `jobs` and `usage` (only one's own and those of accounts that one \
                  coordinates), `events` and `reservations` (not at all), `nodes`, `partitions`; or `all`. Root, \
                  SlurmUser, administrators and operators see everything.",
        set: |config, text| {
            config.accounting.private_data = values::list(&mut config.warnings, text);
            Ok(())
        },
        get: |config| config.accounting.private_data.to_string(),
    },
    Key {
        name: "DisableCoordDBD",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "`yes`: coordinators have no rights beyond those of other users.",
        set: |config, text| values::boolean(text).map(|yes| config.accounting.disable_coordinators = yes),
        get: |config| values::yes_no(config.accounting.disable_coordinators),
    },
    Key {
        name: "TrackWCKey",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "`yes`: wckeys are shown with users, and usage is kept by wckey.",
        set: |config, text| {
            // `AccountingStorageEnforce=wckeys` implies it, wherever it stands.
            values::boolean(text).map(|yes| config.accounting.track_wckey = yes || config.accounting.enforce.wckeys)
        },
        get: |config| values::yes_no(config.accounting.track_wckey),
    },
    Key {
        name: "Parameters",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "`PreserveCaseUser`: names of users keep their upper-case letters; else they are made lower case.",
        set: |config, text| {
            config.accounting.parameters = values::list(&mut config.warnings, text);
            Ok(())
        },
        get: |config| config.accounting.parameters.to_string(),
    },
    Key {
        name: "DefaultQOS",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "The QOS that a new cluster may use unless it is told others.",
        set: |config, text| values::name(text).map(|name| config.accounting.default_qos = name.to_ascii_lowercase()),
        get: |config| config.accounting.default_qos.clone(),
    },
    Key {
        name: "MaxQueryTimeRange",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "The longest time that one query of jobs may span: `unlimited`, or a time (minutes, \
                  `hours:minutes:seconds`, `days-hours`). Operators are exempt.",
        set: |config, text| values::time(text).map(|seconds| config.accounting.max_query_seconds = seconds),
        get: |config| values::write_time(config.accounting.max_query_seconds),
    },
    Key {
        name: "FirstJobId",
        from: SLURM,
        applies: Scheduler,
        meaning: "The number of the first job, at least 1.",
        set: |config, text| {
            values::number(text, 1, JobIds::LAST.into()).map(|first| config.accounting.job_ids.first = first)
        },
        get: |config| config.accounting.job_ids.first.to_string(),
    },
    Key {
        name: "MaxJobId",
        from: SLURM,
        applies: Scheduler,
        meaning: "The greatest number of a job, at most 67108863; after it comes FirstJobId again.",
        set: |config, text| {
            values::number(text, 1, JobIds::LAST.into()).map(|last| config.accounting.job_ids.last = last)
        },
        get: |config| config.accounting.job_ids.last.to_string(),
    },
];

fn age(text: &str) -> Result<Option<Age>, String> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    Age::parse(text).map(Some).ok_or_else(|| "an age is needed, such as 12hours, 30days, 12months, or never".into())
}

fn write_age(age: Option<Age>) -> String {
    age.map_or_else(|| "never".into(), |age| age.to_string())
}

macro_rules! purge {
    ($name:literal, $field:ident, $what:literal) => {
        Key {
            name: $name,
            from: SLURMDBD,
            applies: OnReload,
            meaning: concat!(
                "How old ",
                $what,
                " may get: `never` (they are kept), or a number with `hours`, `days` or `months` \
                 (the unit if none is given). They are purged when the hour, day or month begins and the one before is summed \
                 up; see [store.md](store.md)."
            ),
            set: |config, text| age(text).map(|age| config.accounting.retention.$field = age),
            get: |config| write_age(config.accounting.retention.$field),
        }
    };
}

macro_rules! archive {
    ($name:literal, $word:ident, $what:literal) => {
        Key {
            name: $name,
            from: SLURMDBD,
            applies: OnReload,
            meaning: concat!("`yes`: ", $what, " are archived before they are purged."),
            set: |config, text| set_archived(config, Archive::$word, text),
            get: |config| values::yes_no(config.accounting.retention.archived.has(Archive::$word)),
        }
    };
}

fn set_archived(config: &mut Config, what: Archive, text: &str) -> Result<(), String> {
    values::boolean(text).map(|yes| config.accounting.retention.archived.set(what, yes))
}

/// `Purge…After` and `Archive…`.
pub const RETENTION: &[Key] = &[
    purge!("PurgeEventAfter", events, "events"),
    purge!("PurgeJobAfter", jobs, "job records"),
    purge!("PurgeResvAfter", reservations, "reservations"),
    purge!("PurgeStepAfter", steps, "step records"),
    purge!(
        "PurgeSuspendAfter",
        suspensions,
        "records of suspensions (there are none: a job knows for how long it was)"
    ),
    purge!("PurgeTXNAfter", transactions, "lines of the transaction record"),
    purge!("PurgeUsageAfter", usage, "usage records"),
    Key {
        name: "ArchiveDir",
        from: SLURMDBD,
        applies: OnReload,
        meaning: "Where archives are written, and the only place from which `sacctmgr archive` reads and writes any. It is \
                  made if it is not there.",
        set: |config, text| values::absolute(text).map(|directory| config.accounting.retention.directory = directory),
        get: |config| config.accounting.retention.directory.display().to_string(),
    },
    archive!("ArchiveEvents", Events, "events"),
    archive!("ArchiveJobs", Jobs, "job records"),
    archive!("ArchiveResvs", Reservations, "reservations"),
    archive!("ArchiveSteps", Steps, "step records"),
    archive!("ArchiveSuspend", Suspensions, "records of suspensions"),
    archive!("ArchiveTXN", Transactions, "lines of the transaction record"),
    archive!("ArchiveUsage", Usage, "usage records"),
];
