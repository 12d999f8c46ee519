//! Limits and other settings of associations and QOS in Slurm's text: which there are, what their values look like, when
//! two say the same (sacctmgr(1), "SPECIFICATIONS FOR ACCOUNTS", "FOR USERS" and "FOR QOS").

mod form;

use form::Form;
use std::borrow::Cow;

/// One setting that `sacctmgr … set NAME=VALUE` knows.
#[derive(Debug, PartialEq, Eq)]
pub struct LimitKind {
    /// Its name in Slurm's spelling, as `set` takes it.
    pub name: &'static str,
    /// Its other names.
    pub aliases: &'static [&'static str],
    /// The field of `sacctmgr show` that has it.
    pub column: &'static str,
    /// The TRES that it is about, when it is an old name for one amount in a TRES limit.
    pub tres: Option<&'static str>,
    /// What its values look like.
    form: Form,
}

/// Those of an association (an account, or a user in one), in the order in which they are listed to people.
pub static LIMITS: &[LimitKind] = &[
    limit("Fairshare", &["Shares"], Form::Share),
    limit("Priority", &[], Form::Count),
    limit("GrpTRES", &[], Form::Tres),
    limit("GrpTRESMins", &[], Form::Tres),
    limit("GrpTRESRunMins", &[], Form::Tres),
    amount("GrpCPUs", "GrpTRES", "cpu"),
    amount("GrpCPUMins", "GrpTRESMins", "cpu"),
    amount("GrpCPURunMins", "GrpTRESRunMins", "cpu"),
    amount("GrpNodes", "GrpTRES", "node"),
    limit("GrpJobs", &[], Form::Count),
    limit("GrpJobsAccrue", &[], Form::Count),
    limit("GrpSubmitJobs", &["GrpSubmit"], Form::Count),
    limit("GrpWall", &[], Form::Time),
    limit("MaxJobs", &[], Form::Count),
    limit("MaxJobsAccrue", &[], Form::Count),
    limit("MaxSubmitJobs", &["MaxSubmit"], Form::Count),
    shown_as("MaxTRESPerJob", &["MaxTRES"], Form::Tres, "MaxTRES"),
    limit("MaxTRESPerNode", &[], Form::Tres),
    shown_as("MaxTRESMinsPerJob", &["MaxTRESMins"], Form::Tres, "MaxTRESMins"),
    shown_as("MaxWallDurationPerJob", &["MaxWall"], Form::Time, "MaxWall"),
    limit("QOS", &["QosLevel"], Form::Names),
    limit("DefaultQOS", &[], Form::Name),
];

/// Those of a QOS, its flags and factors among them.
pub static QOS_LIMITS: &[LimitKind] = &[
    limit("Priority", &[], Form::Number(0)),
    limit("Flags", &[], Form::Flags),
    limit("Preempt", &[], Form::Names),
    limit("PreemptMode", &[], Form::Default("cluster")),
    limit("GraceTime", &[], Form::Seconds),
    limit("PreemptExemptTime", &[], Form::Time),
    limit("UsageFactor", &[], Form::Factor("1")),
    shown_as("UsageThreshold", &["UsageThres"], Form::Factor(""), "UsageThres"),
    limit("LimitFactor", &[], Form::Factor("")),
    limit("GrpTRES", &[], Form::Tres),
    limit("GrpTRESMins", &[], Form::Tres),
    limit("GrpTRESRunMins", &[], Form::Tres),
    limit("GrpJobs", &[], Form::Count),
    limit("GrpJobsAccrue", &[], Form::Count),
    limit("GrpSubmitJobs", &["GrpSubmit"], Form::Count),
    limit("GrpWall", &[], Form::Time),
    shown_as("MaxTRESPerJob", &["MaxTRES"], Form::Tres, "MaxTRES"),
    limit("MaxTRESPerNode", &[], Form::Tres),
    shown_as("MaxTRESMinsPerJob", &["MaxTRESMins"], Form::Tres, "MaxTRESMins"),
    shown_as("MaxTRESPerUser", &["MaxTRESPU"], Form::Tres, "MaxTRESPU"),
    shown_as("MaxTRESPerAccount", &["MaxTRESPA"], Form::Tres, "MaxTRESPA"),
    shown_as("MaxTRESRunMinsPU", &["MaxTRESRunMinsPerUser"], Form::Tres, "MaxTRESRunMinsPU"),
    shown_as("MaxTRESRunMinsPA", &["MaxTRESRunMinsPerAccount"], Form::Tres, "MaxTRESRunMinsPA"),
    shown_as("MaxJobsPerUser", &["MaxJobsPU", "MaxJobs"], Form::Count, "MaxJobsPU"),
    shown_as("MaxJobsPerAccount", &["MaxJobsPA"], Form::Count, "MaxJobsPA"),
    shown_as("MaxSubmitJobsPerUser", &["MaxSubmitJobsPU", "MaxSubmitPU"], Form::Count, "MaxSubmitPU"),
    shown_as("MaxSubmitJobsPerAccount", &["MaxSubmitJobsPA", "MaxSubmitPA"], Form::Count, "MaxSubmitPA"),
    shown_as("MaxWallDurationPerJob", &["MaxWall"], Form::Time, "MaxWall"),
    shown_as("MinTRESPerJob", &["MinTRES"], Form::Tres, "MinTRES"),
    shown_as("MinPrioThreshold", &["MinPrioThres"], Form::Count, "MinPrioThres"),
];

const fn limit(name: &'static str, aliases: &'static [&'static str], form: Form) -> LimitKind {
    shown_as(name, aliases, form, name)
}

const fn shown_as(name: &'static str, aliases: &'static [&'static str], form: Form, column: &'static str) -> LimitKind {
    LimitKind { name, aliases, column, tres: None, form }
}

const fn amount(name: &'static str, column: &'static str, tres: &'static str) -> LimitKind {
    LimitKind { name, aliases: &[], column, tres: Some(tres), form: Form::Count }
}

/// The limit of associations with this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static LimitKind> {
    find_in(LIMITS, name)
}

/// The one of `table` with this name or alias, in any case.
pub fn find_in(table: &'static [LimitKind], name: &str) -> Option<&'static LimitKind> {
    table.iter().find(|kind| {
        kind.name.eq_ignore_ascii_case(name) || kind.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

impl LimitKind {
    /// What its values look like, for people: "must be …".
    pub fn says(&self) -> &'static str {
        self.form.says()
    }

    /// Whether its value is a time.
    pub fn is_time(&self) -> bool {
        matches!(self.form, Form::Time | Form::Seconds)
    }

    /// Whether `text` can be its value. `-1` clears every setting.
    pub fn accepts(&self, text: &str) -> bool {
        text == CLEAR || self.form.accepts(text)
    }

    /// What more there is to say of a text that [`LimitKind::accepts`] refuses than what it must be.
    pub fn problem(&self, text: &str) -> Option<String> {
        self.form.problem(text)
    }

    /// What the column's text says about this limit: all of it, or the amount of one TRES.
    pub fn current<'a>(&self, column: &'a str) -> &'a str {
        match self.tres {
            Some(tres) => form::amounts(column).find(|(name, _)| *name == tres).map_or("", |(_, amount)| amount),
            None => column,
        }
    }

    /// Whether a column that shows `column` is as `wanted` asks. TRES that are not named may be anything.
    pub fn is_met(&self, wanted: &str, column: &str) -> bool {
        self.form.is_met(wanted, self.current(column))
    }

    /// What `set` must say to make a column that shows `column` be as `wanted` asks. Slurm clears a list with nothing,
    /// and a TRES limit one TRES at a time.
    pub fn words<'a>(&self, wanted: &'a str, column: &str) -> Cow<'a, str> {
        match self.form {
            Form::Names if wanted == CLEAR => Cow::Borrowed(""),
            Form::Tres if wanted == CLEAR => {
                let each: Vec<_> = form::amounts(column).map(|(name, _)| format!("{name}=-1")).collect();
                Cow::Owned(each.join(","))
            }
            _ => Cow::Borrowed(wanted),
        }
    }

    /// What the column will show once `set NAME=words` has been carried out.
    pub fn after(&self, words: &str, column: &str) -> String {
        match self.tres {
            Some(tres) => Form::Tres.after(&format!("{tres}={words}"), column),
            None => self.form.after(words, column),
        }
    }
}

/// The value that clears a setting.
pub const CLEAR: &str = "-1";

#[cfg(test)]
mod tests;
