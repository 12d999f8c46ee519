//! The columns that are read, by the names of sacct(1)'s fields.

use super::Bad;
use super::record::{Kind, Layout};
use super::values;
use jiff::tz::TimeZone;

macro_rules! columns {
    ($($name:ident $text:literal,)*) => {
        /// A column that means something.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column { $(#[doc = $text] $name,)* }

        /// All of them with their headings.
        const KNOWN: &[(Column, &str)] = &[$((Column::$name, $text),)*];
    };
}

columns! {
    Account "Account", AllocGres "AllocGRES", AdminComment "AdminComment", AllocCpus "AllocCPUS", AllocNodes "AllocNodes", AllocTres "AllocTRES",
    AveCpu "AveCPU", AveCpuFreq "AveCPUFreq", AveDiskRead "AveDiskRead", AveDiskWrite "AveDiskWrite", AvePages "AvePages",
    AveRss "AveRSS", AveVmSize "AveVMSize", BlockId "BlockID", Cluster "Cluster", Comment "Comment",
    Constraints "Constraints", ConsumedEnergy "ConsumedEnergy", ConsumedEnergyRaw "ConsumedEnergyRaw",
    Container "Container", DerivedExitCode "DerivedExitCode", Elapsed "Elapsed", ElapsedRaw "ElapsedRaw",
    Eligible "Eligible", End "End", ExitCode "ExitCode", Extra "Extra", Flags "Flags", Gid "GID", JobId "JobID", JobIdRaw "JobIDRaw",
    JobName "JobName", Layout "Layout", MaxDiskRead "MaxDiskRead", MaxDiskWrite "MaxDiskWrite", MaxPages "MaxPages",
    MaxRss "MaxRSS", MaxRssNode "MaxRSSNode", MaxRssTask "MaxRSSTask", MaxVmSize "MaxVMSize", McsLabel "McsLabel",
    MinCpu "MinCPU", NCpus "NCPUS", NNodes "NNodes", NodeList "NodeList", NTasks "NTasks", Partition "Partition",
    Priority "Priority", Qos "QOS", QosRaw "QOSRAW", Reason "Reason", ReqCpuFreqGov "ReqCPUFreqGov",
    ReqCpuFreqMax "ReqCPUFreqMax", ReqCpuFreqMin "ReqCPUFreqMin", ReqCpus "ReqCPUS", ReqMem "ReqMem",
    ReqNodes "ReqNodes", ReqTres "ReqTRES", Reservation "Reservation", ReservationId "ReservationId", Start "Start",
    State "State", Submit "Submit", SubmitLine "SubmitLine", Suspended "Suspended", SystemComment "SystemComment",
    SystemCpu "SystemCPU", Timelimit "Timelimit", TimelimitRaw "TimelimitRaw", TotalCpu "TotalCPU",
    UsageInAve "TRESUsageInAve", UsageInMax "TRESUsageInMax", UsageInMaxNode "TRESUsageInMaxNode",
    UsageInMaxTask "TRESUsageInMaxTask", UsageInMin "TRESUsageInMin", UsageInMinNode "TRESUsageInMinNode",
    UsageInMinTask "TRESUsageInMinTask", UsageInTot "TRESUsageInTot", UsageOutAve "TRESUsageOutAve",
    UsageOutMax "TRESUsageOutMax", UsageOutMaxNode "TRESUsageOutMaxNode", UsageOutMaxTask "TRESUsageOutMaxTask",
    UsageOutMin "TRESUsageOutMin", UsageOutMinNode "TRESUsageOutMinNode", UsageOutMinTask "TRESUsageOutMinTask",
    UsageOutTot "TRESUsageOutTot", Uid "UID", User "User", UserCpu "UserCPU", Wckey "WCKey", WorkDir "WorkDir",
}

/// Fields of sacct that follow from others; a list may have them and they need not be read.
const DERIVED: &[&str] = &[
    "",
    "AssocID",
    "CPUTime",
    "CPUTimeRAW",
    "DBIndex",
    "Group",
    "MaxDiskReadNode",
    "MaxDiskReadTask",
    "MaxDiskWriteNode",
    "MaxDiskWriteTask",
    "MaxPagesNode",
    "MaxPagesTask",
    "MaxVMSizeNode",
    "MaxVMSizeTask",
    "MinCPUNode",
    "MinCPUTask",
    "Planned",
    "PlannedCPU",
    "PlannedCPURAW",
    "ReqCPUFreq",
    "Reserved",
    "ResvCPU",
    "ResvCPURAW",
    "WCKeyID",
];

/// One of each of these must be there.
const NEEDED: &[&[Column]] = &[
    &[Column::JobIdRaw, Column::JobId],
    &[Column::Submit],
    &[Column::Start],
    &[Column::End],
    &[Column::State],
    &[Column::User, Column::Uid],
];

/// Which column stands where.
#[derive(Clone, Debug)]
pub struct Columns {
    at: Vec<Option<usize>>,
    count: usize,
    passed_over: Vec<String>,
}

impl Columns {
    /// Reads the heading.
    pub fn read(heading: &str, delimiter: &str) -> Result<Self, Bad> {
        let mut at = vec![None; KNOWN.len()];
        let names: Vec<_> = heading.split(delimiter).map(str::trim).collect();
        let mut passed_over = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if let Some((column, _)) = KNOWN.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
                at[*column as usize] = Some(index);
            } else if !DERIVED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                passed_over.push((*name).to_owned());
            }
        }
        let columns = Self { at, count: names.len(), passed_over };
        match NEEDED.iter().find(|one_of| one_of.iter().all(|column| columns.position(*column).is_none())) {
            None => Ok(columns),
            Some(missing) => Err(Bad { column: 1, what: columns.complain(missing, delimiter) }),
        }
    }

    fn complain(&self, missing: &[Column], delimiter: &str) -> String {
        let name = KNOWN[missing[0] as usize].1;
        let shown = delimiter.escape_debug();
        if self.at.iter().all(Option::is_none) {
            return format!("no column of sacct in the heading; is `{shown}` its delimiter?");
        }
        format!("the heading has no column {name}; list it too (sacct --format=…,{name})")
    }

    /// Where the column stands, from 0.
    pub fn position(&self, column: Column) -> Option<usize> {
        self.at[column as usize]
    }

    /// Columns that say something which is not kept.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// What may stand in each column.
    pub fn layout(&self, delimiter: &str) -> Layout {
        let mut kinds = vec![Kind::Any; self.count];
        for (column, _) in KNOWN {
            if let Some(at) = self.position(*column) {
                kinds[at] = column.kind();
            }
        }
        Layout::new(delimiter, kinds)
    }

    /// How many columns there are, those that mean nothing included.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Column {
    /// What may stand in it.
    fn kind(self) -> Kind {
        use Column as C;
        match self {
            C::JobId | C::JobIdRaw => Kind::Key(|text| values::job_id(text).is_some()),
            C::JobName
            | C::AdminComment
            | C::Comment
            | C::SystemComment
            | C::Extra
            | C::SubmitLine
            | C::WorkDir
            | C::Container
            | C::Constraints => Kind::Free,
            C::Submit | C::Start | C::End | C::Eligible => {
                Kind::Plain(|text| values::moment(text, &TimeZone::UTC).is_some())
            }
            C::State => Kind::Plain(|text| values::state(text).is_some()),
            C::ExitCode | C::DerivedExitCode => {
                Kind::Plain(|text| text.is_empty() || values::exit_code(text).is_some())
            }
            C::AllocTres | C::ReqTres => Kind::Plain(|text| text.is_empty() || text.contains('=')),
            C::NCpus | C::AllocCpus | C::ReqCpus | C::Uid | C::Gid | C::ElapsedRaw | C::Priority | C::QosRaw => {
                Kind::Plain(|text| values::number::<u64>(text).is_some() || text.is_empty())
            }
            C::Account | C::User | C::Cluster | C::Qos => Kind::Plain(|text| !text.contains(char::is_whitespace)),
            _ => Kind::Any,
        }
    }

    /// Whether a job's usage depends on it. What stands in others only describes, and is left out when it cannot be read.
    pub fn decides(self) -> bool {
        use Column as C;
        matches!(
            self,
            C::JobId
                | C::JobIdRaw
                | C::Submit
                | C::Eligible
                | C::Start
                | C::End
                | C::State
                | C::Suspended
                | C::Elapsed
                | C::ElapsedRaw
                | C::AllocTres
                | C::AllocCpus
                | C::NCpus
                | C::NNodes
                | C::AllocNodes
                | C::AllocGres
                | C::Uid
        )
    }

    /// Its heading.
    pub fn name(self) -> &'static str {
        KNOWN[self as usize].1
    }
}
