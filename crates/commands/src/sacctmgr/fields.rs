//! The fields that `format=` knows: word, shortest abbreviation, heading, width (sacctmgr(1), "LIST/SHOW … FORMAT OPTIONS").

use super::word;
use slurm::model::limits::Limit as L;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::model::{Limit, TresId};

/// What a field shows. Which of them an entity has is its own affair; the others stay empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Column {
    Account,
    Action,
    ActionRaw,
    Actor,
    AdminLevel,
    Allocated,
    Allowed,
    Associations,
    Classification,
    Cluster,
    ClusterNodes,
    Comment,
    ControlHost,
    ControlPort,
    Coordinators,
    Count,
    CountAllowed,
    CpuCount,
    DefaultAccount,
    DefaultQos,
    DefaultWckey,
    Description,
    Duration,
    Event,
    EventRaw,
    Features,
    Federation,
    FederationState,
    FederationStateRaw,
    Flags,
    GraceTime,
    Id,
    Info,
    Left,
    Limit(Limit),
    LimitFactor,
    Lineage,
    Name,
    NodeCount,
    NodeInx,
    NodeName,
    /// One TRES of a limit, as the older names show it.
    One(Limit, TresId),
    Organization,
    /// A field that Slurm knows and nothing fills.
    Other,
    ParentId,
    ParentName,
    Partition,
    Preempt,
    PreemptExemptTime,
    PluginIdSelect,
    PreemptMode,
    Priority,
    Problem,
    Qos,
    QosRaw,
    Reason,
    Right,
    Rpc,
    Server,
    ServerType,
    Shares,
    State,
    StateRaw,
    Time,
    TimeEligible,
    TimeEnd,
    TimeStart,
    TimeSubmit,
    Tres,
    Type,
    UnusedWall,
    UsageFactor,
    UsageThreshold,
    User,
    Wckeys,
    Where,
}

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its heading.
    pub header: &'static str,
    /// Its width; negative is left-aligned.
    pub width: i32,
    /// What it shows.
    pub column: Column,
}

/// A field's words with their shortest abbreviations, and the field.
#[derive(Debug)]
pub struct Known {
    words: &'static [(&'static str, usize)],
    header: &'static str,
    width: i32,
    column: Column,
}

/// One line of a table of fields.
pub const fn field(words: &'static [(&'static str, usize)], header: &'static str, width: i32, column: Column) -> Known {
    Known { words, header, width, column }
}

use Column as C;

/// In the order in which abbreviations are tried.
const KNOWN: &[Known] = &[
    field(&[("Account", 3), ("Acct", 4)], "Account", 10, C::Account),
    field(&[("ActionRaw", 7)], "ActionRaw", 10, C::ActionRaw),
    field(&[("Action", 4)], "Action", 20, C::Action),
    field(&[("Actor", 4)], "Actor", 10, C::Actor),
    field(&[("AdminLevel", 2)], "Admin", 9, C::AdminLevel),
    field(&[("Allowed", 2)], "% Allowed", 10, C::Allowed),
    field(&[("Associations", 2)], "Assocs", 10, C::Associations),
    field(&[("TRES", 2)], "TRES", 20, C::Tres),
    field(&[("Classification", 3)], "Class", 9, C::Classification),
    field(&[("ClusterNodes", 8)], "Cluster Nodes", 20, C::ClusterNodes),
    field(&[("Clusters", 2)], "Cluster", 10, C::Cluster),
    field(&[("Comment", 3)], "Comment", 20, C::Comment),
    field(&[("Coordinators", 2)], "Coord Accounts", 20, C::Coordinators),
    field(&[("ControlHost", 8)], "ControlHost", 15, C::ControlHost),
    field(&[("ControlPort", 8)], "ControlPort", 12, C::ControlPort),
    field(&[("Count", 3)], "Count", 6, C::Count),
    field(&[("CountAllowed", 6)], "# Allowed", 10, C::CountAllowed),
    field(&[("CountUsed", 6)], "# Used", 10, C::Other),
    field(&[("CPUCount", 2)], "CPU Cnt", 7, C::CpuCount),
    field(&[("DefaultAccount", 8)], "Def Acct", 10, C::DefaultAccount),
    field(&[("DefaultQOS", 8)], "Def QOS", 9, C::DefaultQos),
    field(&[("DefaultWCKey", 8)], "Def WCKey", 10, C::DefaultWckey),
    field(&[("Description", 3)], "Descr", 20, C::Description),
    field(&[("Duration", 2)], "Duration", 13, C::Duration),
    field(&[("EventRaw", 6)], "EventRaw", 8, C::EventRaw),
    field(&[("Event", 2)], "Event", 7, C::Event),
    field(&[("Features", 3)], "Features", 20, C::Features),
    field(&[("Federation", 3)], "Federation", 10, C::Federation),
    field(&[("FedState", 4)], "FedState", 12, C::FederationState),
    field(&[("FedStateRaw", 9)], "FedStateRaw", 11, C::FederationStateRaw),
    field(&[("Flags", 2)], "Flags", 20, C::Flags),
    field(&[("GraceTime", 3)], "GraceTime", 10, C::GraceTime),
    field(&[("GrpCPUs", 6)], "GrpCPUs", 8, C::One(L::GrpTres, CPU)),
    field(&[("GrpCPUMins", 7)], "GrpCPUMins", 11, C::One(L::GrpTresMins, CPU)),
    field(&[("GrpCPURunMins", 7)], "GrpCPURunMins", 13, C::One(L::GrpTresRunMins, CPU)),
    field(&[("GrpTRES", 7)], "GrpTRES", 13, C::Limit(L::GrpTres)),
    field(&[("GrpTRESMins", 7)], "GrpTRESMins", 13, C::Limit(L::GrpTresMins)),
    field(&[("GrpTRESRunMins", 7)], "GrpTRESRunMins", 13, C::Limit(L::GrpTresRunMins)),
    field(&[("GrpJobs", 4)], "GrpJobs", 7, C::Limit(L::GrpJobs)),
    field(&[("GrpJobsAccrue", 8)], "GrpJobsAccrue", 13, C::Limit(L::GrpJobsAccrue)),
    field(&[("GrpMemory", 4)], "GrpMem", 7, C::One(L::GrpTres, MEM)),
    field(&[("GrpNodes", 4)], "GrpNodes", 8, C::One(L::GrpTres, NODE)),
    field(&[("GrpSubmitJobs", 4)], "GrpSubmit", 9, C::Limit(L::GrpSubmitJobs)),
    field(&[("GrpWall", 4)], "GrpWall", 11, C::Limit(L::GrpWall)),
    field(&[("ID", 2)], "ID", 6, C::Id),
    field(&[("Info", 2)], "Info", 20, C::Info),
    field(&[("LFT", 1)], "LFT", 6, C::Left),
    field(&[("Lineage", 1)], "Lineage", -20, C::Lineage),
    field(&[("servertype", 10)], "ServerType", 10, C::ServerType),
    field(&[("MaxCPUMinsPerJob", 7)], "MaxCPUMins", 11, C::One(L::MaxTresMinsPerJob, CPU)),
    field(
        &[("MaxCPURunMinsPerUser", 7), ("MaxCPURunMinsPU", 7)],
        "MaxCPURunMinsPU",
        15,
        C::One(L::MaxTresRunMins, CPU),
    ),
    field(&[("MaxCPUsPerJob", 7)], "MaxCPUs", 8, C::One(L::MaxTresPerJob, CPU)),
    field(&[("MaxCPUsPerUser", 11), ("MaxCPUsPU", 9)], "MaxCPUsPU", 9, C::One(L::MaxTresPerUser, CPU)),
    field(&[("MaxTRES", 7), ("MaxTRESPerJob", 11), ("MaxTRESPJ", 9)], "MaxTRES", 13, C::Limit(L::MaxTresPerJob)),
    field(&[("MaxTRESPerNode", 11), ("MaxTRESPN", 9)], "MaxTRESPerNode", 14, C::Limit(L::MaxTresPerNode)),
    field(&[("MaxTRESMinsPerJob", 8)], "MaxTRESMins", 13, C::Limit(L::MaxTresMinsPerJob)),
    field(
        &[("MaxTRESRunMinsPerAccount", 18), ("MaxTRESRunMinsPerAcct", 18), ("MaxTRESRunMinsPA", 15)],
        "MaxTRESRunMinsPA",
        15,
        C::Limit(L::MaxTresRunMinsPerAccount),
    ),
    field(
        &[("MaxTRESRunMinsPerUser", 8), ("MaxTRESRunMinsPU", 8)],
        "MaxTRESRunMinsPU",
        15,
        C::Limit(L::MaxTresRunMins),
    ),
    field(
        &[("MaxTRESPerAccount", 11), ("MaxTRESPerAcct", 11), ("MaxTRESPA", 9)],
        "MaxTRESPA",
        13,
        C::Limit(L::MaxTresPerAccount),
    ),
    field(&[("MaxTRESPerUser", 11), ("MaxTRESPU", 9)], "MaxTRESPU", 13, C::Limit(L::MaxTresPerUser)),
    field(&[("MaxJobs", 4)], "MaxJobs", 7, C::Limit(L::MaxJobs)),
    field(&[("MaxJobsAccrue", 4)], "MaxJobsAccrue", 13, C::Limit(L::MaxJobsAccrue)),
    field(
        &[("MaxJobsAccruePerAccount", 17), ("MaxJobsAccruePerAcct", 17), ("MaxJobsAccruePA", 15)],
        "MaxJobsAccruePA",
        15,
        C::Limit(L::MaxJobsAccruePerAccount),
    ),
    field(
        &[("MaxJobsAccruePerUser", 17), ("MaxJobsAccruePU", 15)],
        "MaxJobsAccruePU",
        15,
        C::Limit(L::MaxJobsAccruePerUser),
    ),
    field(
        &[("MaxJobsPerAccount", 11), ("MaxJobsPerAcct", 11), ("MaxJobsPA", 9)],
        "MaxJobsPA",
        9,
        C::Limit(L::MaxJobsPerAccount),
    ),
    field(&[("MaxJobsPerUser", 11), ("MaxJobsPU", 9)], "MaxJobsPU", 9, C::Limit(L::MaxJobsPerUser)),
    field(&[("MaxNodesPerJob", 4)], "MaxNodes", 8, C::One(L::MaxTresPerJob, NODE)),
    field(&[("MaxNodesPerUser", 12), ("MaxNodesPU", 10)], "MaxNodesPU", 10, C::One(L::MaxTresPerUser, NODE)),
    field(&[("MinPrioThreshold", 4)], "MinPrioThres", 12, C::Limit(L::MinPrioThreshold)),
    field(&[("MaxSubmitJobs", 4)], "MaxSubmit", 9, C::Limit(L::MaxSubmitJobs)),
    field(
        &[("MaxSubmitJobsPerAccount", 17), ("MaxSubmitJobsPerAcct", 17), ("MaxSubmitJobsPA", 15), ("MaxSubmitPA", 11)],
        "MaxSubmitPA",
        11,
        C::Limit(L::MaxSubmitJobsPerAccount),
    ),
    field(
        &[("MaxSubmitJobsPerUser", 10), ("MaxSubmitJobsPU", 10), ("MaxSubmitPU", 6)],
        "MaxSubmitPU",
        11,
        C::Limit(L::MaxSubmitJobsPerUser),
    ),
    field(&[("MaxWallDurationPerJob", 4)], "MaxWall", 11, C::Limit(L::MaxWall)),
    field(&[("MinCPUsPerJob", 7)], "MinCPUs", 8, C::One(L::MinTresPerJob, CPU)),
    field(&[("MinTRESPerJob", 7)], "MinTRES", 13, C::Limit(L::MinTresPerJob)),
    field(&[("Name", 2)], "Name", 10, C::Name),
    field(&[("NodeCount", 5)], "NodeCount", 9, C::NodeCount),
    field(&[("NodeInx", 5)], "NodeInx", 9, C::NodeInx),
    field(&[("NodeNames", 5)], "NodeName", -15, C::NodeName),
    field(&[("Organization", 1)], "Org", 20, C::Organization),
    field(&[("ParentID", 7)], "ParentID", 8, C::ParentId),
    field(&[("ParentName", 7)], "ParentName", 10, C::ParentName),
    field(&[("Partition", 4)], "Partition", 10, C::Partition),
    field(&[("PluginIDSelect", 2)], "PluginIDSelect", 14, C::PluginIdSelect),
    field(&[("PreemptMode", 8)], "PreemptMode", 11, C::PreemptMode),
    field(&[("Preempt", 7)], "Preempt", 10, C::Preempt),
    field(&[("PreemptExemptTime", 8)], "PreemptExemptTime", 19, C::PreemptExemptTime),
    field(&[("Priority", 3)], "Priority", 10, C::Priority),
    field(&[("Problem", 1)], "Problem", 40, C::Problem),
    field(&[("QOSLevel", 3)], "QOS", 20, C::Qos),
    field(&[("QOSRAWLevel", 4)], "QOS_RAW", 10, C::QosRaw),
    field(&[("Reason", 1)], "Reason", 30, C::Reason),
    field(&[("RGT", 1)], "RGT", 6, C::Right),
    field(&[("RPC", 1)], "RPC", 5, C::Rpc),
    field(&[("Server", 3)], "Server", 10, C::Server),
    field(&[("Share", 1), ("FairShare", 2)], "Share", 9, C::Shares),
    field(&[("StateRaw", 6)], "StateRaw", 8, C::StateRaw),
    field(&[("State", 1)], "State", 6, C::State),
    field(&[("TimeStamp", 2)], "Time", 19, C::Time),
    field(&[("TimeEligible", 6), ("Eligible", 2)], "TimeEligible", 19, C::TimeEligible),
    field(&[("TimeEnd", 6), ("End", 2)], "TimeEnd", 19, C::TimeEnd),
    field(&[("TimeStart", 7), ("Start", 3)], "TimeStart", 19, C::TimeStart),
    field(&[("TimeSubmit", 6), ("Submit", 2)], "TimeSubmit", 19, C::TimeSubmit),
    field(&[("Type", 2)], "Type", 8, C::Type),
    field(&[("UnusedWall", 2)], "UnusedWall", 10, C::UnusedWall),
    field(&[("UsageFactor", 6)], "UsageFactor", 11, C::UsageFactor),
    field(&[("UsageThreshold", 6)], "UsageThres", 10, C::UsageThreshold),
    field(&[("LimitFactor", 6)], "LimitFactor", 11, C::LimitFactor),
    field(&[("Allocated", 7)], "% Allocated", 11, C::Allocated),
    field(&[("User", 1)], "User", 10, C::User),
    field(&[("WCKeys", 2)], "WCKeys", 20, C::Wckeys),
    field(&[("Where", 2)], "Where", 20, C::Where),
];

/// The full name of every field.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|known| known.words).map(|(word, _)| *word)
}

/// The widest column one can ask for; more would only be padding.
const MAX_WIDTH: i32 = 4096;

/// Reads one part of `format=`: a field's name or abbreviation, with `%width` (negative: left-aligned) if wanted.
pub fn parse(text: &str) -> Option<Field> {
    parse_in(KNOWN, text)
}

/// [`parse`] with a table of the entity's own.
pub fn parse_in(table: &[Known], text: &str) -> Option<Field> {
    let (name, width) = text.split_once('%').unwrap_or((text, ""));
    let known = table.iter().find(|known| known.words.iter().any(|(w, shortest)| word::begins(name, w, *shortest)))?;
    let width = match leading_number(width) {
        0 => known.width,
        width => width.clamp(-MAX_WIDTH, MAX_WIDTH),
    };
    Some(Field { header: known.header, width, column: known.column })
}

/// As C's `atoi`: what is no number is 0.
fn leading_number(text: &str) -> i32 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits: String = digits.chars().take_while(char::is_ascii_digit).take(6).collect();
    digits.parse::<i32>().map_or(0, |number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_and_widths() {
        let shown = |text: &str| parse(text).map(|f| (f.header, f.width));
        assert_eq!(shown("acc"), Some(("Account", 10)));
        assert_eq!(shown("GrpTRESRunMins%-30"), Some(("GrpTRESRunMins", -30)));
        assert_eq!(shown("user%x"), Some(("User", 10)));
        assert_eq!(shown("maxw%99999999999"), Some(("MaxWall", 4096)));
        assert_eq!(shown("ac"), None);
        assert_eq!(shown("bogus"), None);
    }
}
