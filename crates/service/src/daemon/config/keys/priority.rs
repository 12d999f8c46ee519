//! Fairshare and priority (priority_multifactor.shtml).

use super::super::values;
use super::{Applies::*, Key, SLURM};
use slurm::settings::words::Word;
use std::time::Duration;

macro_rules! weight {
    ($name:literal, $field:ident, $what:literal) => {
        Key {
            name: $name,
            from: SLURM,
            applies: Scheduler,
            meaning: concat!("How much ", $what, " counts in a job's priority, a whole number."),
            set: |config, text| {
                values::number(text, 0, u32::MAX.into())
                    .map(|weight| config.accounting.priority.weights.$field = weight)
            },
            get: |config| config.accounting.priority.weights.$field.to_string(),
        }
    };
}

pub const KEYS: &[Key] = &[
    Key {
        name: "PriorityType",
        from: SLURM,
        applies: Scheduler,
        meaning: "`priority/multifactor`: fairshare is computed from decayed usage. `priority/basic`: first come, first \
                  served (the default before Slurm 23.11).",
        set: |config, text| match text.to_ascii_lowercase().as_str() {
            kind @ ("priority/multifactor" | "priority/basic") => {
                config.accounting.priority.multifactor = kind == "priority/multifactor";
                Ok(())
            }
            _ => Err("priority/multifactor or priority/basic is needed".into()),
        },
        get: |config| {
            if config.accounting.priority.multifactor { "priority/multifactor" } else { "priority/basic" }.into()
        },
    },
    Key {
        name: "PriorityFlags",
        from: SLURM,
        applies: OnReload,
        meaning: "A comma list. `NO_FAIR_TREE`: the classic formula instead of Fair Tree; `DEPTH_OBLIVIOUS` implies it. \
                  The others are kept for the scheduler: `ACCRUE_ALWAYS`, `CALCULATE_RUNNING`, `INCR_ONLY`, `MAX_TRES`, \
                  `MAX_TRES_GRES`, `NO_NORMAL_ALL`, `NO_NORMAL_ASSOC`, `NO_NORMAL_PART`, `NO_NORMAL_QOS`, \
                  `NO_NORMAL_TRES`, `SMALL_RELATIVE_TO_TIME`.",
        set: |config, text| {
            // What Slurm 14.11 to 18.08 wanted to be told, and what is so by itself since.
            let told: Vec<_> = text.split(',').filter(|flag| !flag.trim().eq_ignore_ascii_case("FAIR_TREE")).collect();
            if told.len() < text.split(',').count() {
                config.warnings.push("FAIR_TREE need not be said: it is so unless NO_FAIR_TREE is".into());
            }
            config.accounting.priority.flags = values::list(&mut config.warnings, &told.join(","));
            Ok(())
        },
        get: |config| config.accounting.priority.flags.to_string(),
    },
    Key {
        name: "PriorityDecayHalfLife",
        from: SLURM,
        applies: OnReload,
        meaning: "The time in which usage counts half: minutes, `hours:minutes:seconds` or `days-hours`; 0 is no decay, \
                  and then PriorityUsageResetPeriod should say when usage begins anew.",
        set: |config, text| {
            let seconds = values::time(text)?.filter(|seconds| *seconds > 0);
            config.accounting.priority.half_life = seconds.map(Duration::from_secs);
            Ok(())
        },
        get: |config| values::write_time(Some(config.accounting.priority.half_life.map_or(0, |it| it.as_secs()))),
    },
    Key {
        name: "PriorityUsageResetPeriod",
        from: SLURM,
        applies: OnReload,
        meaning: "When usage begins from zero: `NONE`, `NOW` (at a start), `DAILY`, `WEEKLY` (Sunday), `MONTHLY`, \
                  `QUARTERLY` or `YEARLY`, each at midnight.",
        set: |config, text| values::one(text).map(|period| config.accounting.priority.reset = period),
        get: |config| config.accounting.priority.reset.name().into(),
    },
    Key {
        name: "PriorityCalcPeriod",
        from: SLURM,
        applies: Scheduler,
        meaning: "Minutes (1 to 1440), or a time such as `00:05:00`, between two computations of decay. `sshare` computes it whenever it is asked.",
        set: |config, text| {
            let wrong = || "1 to 1440 minutes are needed, or a time such as 00:05:00".to_owned();
            let minutes = values::time(text)?.map(|seconds| seconds.div_ceil(60)).filter(|it| (1..=1440).contains(it));
            config.accounting.priority.calc_period = Duration::from_secs(60 * minutes.ok_or_else(wrong)?);
            Ok(())
        },
        get: |config| (config.accounting.priority.calc_period.as_secs() / 60).to_string(),
    },
    Key {
        name: "FairShareDampeningFactor",
        from: SLURM,
        applies: OnReload,
        meaning: "For the classic formula: how gently over-use is judged, 1 to 65535.",
        set: |config, text| {
            values::number(text, 1, u16::MAX.into()).map(|factor| config.accounting.priority.dampening = factor)
        },
        get: |config| config.accounting.priority.dampening.to_string(),
    },
    Key {
        name: "PriorityMaxAge",
        from: SLURM,
        applies: Scheduler,
        meaning: "The waiting time that gives a job the whole age factor, in the form of PriorityDecayHalfLife.",
        set: |config, text| {
            let seconds = values::time(text)?.filter(|seconds| *seconds > 0).ok_or("a time above 0 is needed")?;
            config.accounting.priority.max_age = Duration::from_secs(seconds);
            Ok(())
        },
        get: |config| values::write_time(Some(config.accounting.priority.max_age.as_secs())),
    },
    Key {
        name: "PriorityFavorSmall",
        from: SLURM,
        applies: Scheduler,
        meaning: "`yes`: small jobs get the greater size factor.",
        set: |config, text| values::boolean(text).map(|yes| config.accounting.priority.favor_small = yes),
        get: |config| values::yes_no(config.accounting.priority.favor_small),
    },
    weight!("PriorityWeightAge", age, "waiting time"),
    weight!("PriorityWeightAssoc", association, "the association's priority"),
    weight!("PriorityWeightFairshare", fairshare, "fairshare"),
    weight!("PriorityWeightJobSize", job_size, "size"),
    weight!("PriorityWeightPartition", partition, "the partition"),
    weight!("PriorityWeightQOS", qos, "the QOS"),
    Key {
        name: "PriorityWeightTRES",
        from: SLURM,
        applies: Scheduler,
        meaning: "How much each TRES counts in a job's priority: `none`, or a list such as `cpu=1000,gres/gpu=3000`; \
                  weights may be negative.",
        set: |config, text| values::tres_weights(text).map(|weights| config.accounting.priority.weights.tres = weights),
        get: |config| values::write_weights(&config.accounting.priority.weights.tres),
    },
];
