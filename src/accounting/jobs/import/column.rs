//! The columns that are read, by the names of sacct(1)'s fields.

use super::Bad;

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
    Account "Account", AdminComment "AdminComment", AllocCpus "AllocCPUS", AllocNodes "AllocNodes", AllocTres "AllocTRES",
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
}

impl Columns {
    /// Reads the heading.
    pub fn read(heading: &str, delimiter: &str) -> Result<Self, Bad> {
        let mut at = vec![None; KNOWN.len()];
        let names: Vec<_> = heading.split(delimiter).collect();
        for (index, name) in names.iter().enumerate() {
            if let Some((column, _)) = KNOWN.iter().find(|(_, known)| known.eq_ignore_ascii_case(name.trim())) {
                at[*column as usize] = Some(index);
            }
        }
        let columns = Self { at, count: names.len() };
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

    /// How many columns there are, those that mean nothing included.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Column {
    /// Its heading.
    pub fn name(self) -> &'static str {
        KNOWN[self as usize].1
    }
}
