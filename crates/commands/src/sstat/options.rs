//! The command line of sstat(1).

use crate::Reply;
use crate::columns::Parsable;
use crate::sacct::fields::{self, Column, Field as F, Known as KnownField};
use crate::sacct::units::Convert;
use slurm::records::selection::Selected;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Nothing as No, Value as Yes};

const NOCONVERT: char = '\u{e001}';
const USAGE: char = '\u{e002}';

static KNOWN: Known = Known {
    program: "sstat",
    hint: false,
    options: &[
        ("allsteps", 'a', No),
        ("helpformat", 'e', No),
        ("help", 'h', No),
        ("jobs", 'j', Yes),
        ("noheader", 'n', No),
        ("noconvert", NOCONVERT, No),
        ("fields", 'o', Yes),
        ("format", 'o', Yes),
        ("pidformat", 'i', No),
        ("parsable", 'p', No),
        ("parsable2", 'P', No),
        ("usage", USAGE, No),
        ("verbose", 'v', No),
        ("version", 'V', No),
    ],
};

/// The fields of `--helpformat`.
const FIELDS: &[KnownField] = &[
    (10, "AveCPU", F::AveCpu),
    (10, "AveCPUFreq", F::AveCpuFreq),
    (12, "AveDiskRead", F::AveDiskRead),
    (12, "AveDiskWrite", F::AveDiskWrite),
    (10, "AvePages", F::AvePages),
    (10, "AveRSS", F::AveRss),
    (10, "AveVMSize", F::AveVmSize),
    (14, "ConsumedEnergy", F::ConsumedEnergy),
    (17, "ConsumedEnergyRaw", F::ConsumedEnergyRaw),
    (-12, "JobID", F::JobId),
    (12, "MaxDiskRead", F::MaxDiskRead),
    (15, "MaxDiskReadNode", F::MaxDiskReadNode),
    (15, "MaxDiskReadTask", F::MaxDiskReadTask),
    (12, "MaxDiskWrite", F::MaxDiskWrite),
    (16, "MaxDiskWriteNode", F::MaxDiskWriteNode),
    (16, "MaxDiskWriteTask", F::MaxDiskWriteTask),
    (8, "MaxPages", F::MaxPages),
    (12, "MaxPagesNode", F::MaxPagesNode),
    (14, "MaxPagesTask", F::MaxPagesTask),
    (10, "MaxRSS", F::MaxRss),
    (10, "MaxRSSNode", F::MaxRssNode),
    (10, "MaxRSSTask", F::MaxRssTask),
    (10, "MaxVMSize", F::MaxVmSize),
    (14, "MaxVMSizeNode", F::MaxVmSizeNode),
    (14, "MaxVMSizeTask", F::MaxVmSizeTask),
    (10, "MinCPU", F::MinCpu),
    (10, "MinCPUNode", F::MinCpuNode),
    (10, "MinCPUTask", F::MinCpuTask),
    (20, "Nodelist", F::NodeList),
    (8, "NTasks", F::NTasks),
    (20, "Pids", F::Pids),
    (10, "ReqCPUFreq", F::ReqCpuFreq),
    (13, "ReqCPUFreqMin", F::ReqCpuFreqMin),
    (13, "ReqCPUFreqMax", F::ReqCpuFreqMax),
    (13, "ReqCPUFreqGov", F::ReqCpuFreqGov),
    (14, "TRESUsageInAve", F::UsageInAve),
    (14, "TRESUsageInMax", F::UsageInMax),
    (18, "TRESUsageInMaxNode", F::UsageInMaxNode),
    (18, "TRESUsageInMaxTask", F::UsageInMaxTask),
    (14, "TRESUsageInMin", F::UsageInMin),
    (18, "TRESUsageInMinNode", F::UsageInMinNode),
    (18, "TRESUsageInMinTask", F::UsageInMinTask),
    (14, "TRESUsageInTot", F::UsageInTot),
    (15, "TRESUsageOutAve", F::UsageOutAve),
    (15, "TRESUsageOutMax", F::UsageOutMax),
    (19, "TRESUsageOutMaxNode", F::UsageOutMaxNode),
    (19, "TRESUsageOutMaxTask", F::UsageOutMaxTask),
    (15, "TRESUsageOutMin", F::UsageOutMin),
    (19, "TRESUsageOutMinNode", F::UsageOutMinNode),
    (19, "TRESUsageOutMinTask", F::UsageOutMinTask),
    (15, "TRESUsageOutTot", F::UsageOutTot),
];

/// What is shown when nothing is said.
const DEFAULT: &str = "jobid,maxvmsize,maxvmsizenode,maxvmsizetask,avevmsize,maxrss,maxrssnode,maxrsstask,averss,maxpages,\
    maxpagesnode,maxpagestask,avepages,mincpu,mincpunode,mincputask,avecpu,ntasks,avecpufreq,reqcpufreqmin,reqcpufreqmax,\
    reqcpufreqgov,consumedenergy,maxdiskread,maxdiskreadnode,maxdiskreadtask,avediskread,maxdiskwrite,maxdiskwritenode,\
    maxdiskwritetask,avediskwrite,tresusageinave,tresusageinmax,tresusageinmaxn,tresusageinmaxt,tresusageinmin,\
    tresusageinminn,tresusageinmint,tresusageintot,tresusageoutave,tresusageoutmax,tresusageoutmaxn,tresusageoutmaxt,\
    tresusageoutmin,tresusageoutminn,tresusageoutmint,tresusageouttot";

/// `-i`
const PIDS: &str = "jobid,nodelist,pids,";

/// The most jobs and steps that are asked for at once.
const MOST: usize = 10_000;

/// What was asked for.
pub struct Options {
    pub all: bool,
    pub columns: Vec<Column>,
    pub convert: Convert,
    pub header: bool,
    pub parsable: Parsable,
    pub selected: Vec<Selected>,
}

/// Text of an error as Slurm's programs log it.
pub fn error(what: &str) -> String {
    format!("sstat: error: {what}\n")
}

fn complaint(stderr: String) -> Box<Reply> {
    Box::new(Reply { stderr, code: 1, ..Reply::default() })
}

fn told(stdout: String) -> Box<Reply> {
    Box::new(Reply { stdout, ..Reply::default() })
}

impl Options {
    /// Reads the command line. The error is what is said instead.
    pub fn read(argv: &[String]) -> Result<Self, Box<Reply>> {
        let mut options = Self {
            all: false,
            columns: Vec::new(),
            convert: Convert::Exact,
            header: true,
            parsable: Parsable::No,
            selected: Vec::new(),
        };
        let (mut format, mut getopt) = (String::new(), KNOWN.read(argv));
        for found in getopt.by_ref() {
            let (letter, value) = found.map_err(complaint)?;
            match letter {
                'a' => options.all = true,
                'e' => return Err(told(fields::help(FIELDS))),
                'h' => return Err(told(HELP.to_owned())),
                USAGE => return Err(told(USAGE_TEXT.to_owned())),
                'V' => return Err(told(crate::sreport::VERSION.to_owned())),
                'i' => format.push_str(PIDS),
                'j' => options.select(value)?,
                'n' => options.header = false,
                NOCONVERT => options.convert = Convert::Never,
                'o' => format.push_str(&format!("{value},")),
                'p' => options.parsable = Parsable::Ending,
                'P' => options.parsable = Parsable::NoEnding,
                _ => {}
            }
        }
        // The first word without an option is a job, too.
        getopt.words().first().map_or(Ok(()), |word| options.select(word))?;
        let format = if format.is_empty() { DEFAULT } else { &format };
        options.columns = fields::chosen(FIELDS, format, find).map_err(complaint)?;
        if options.selected.is_empty() {
            return Err(complaint(error("You didn't give me any jobs to stat.")));
        }
        Ok(options)
    }

    fn select(&mut self, list: &str) -> Result<(), Box<Reply>> {
        let fatal = |what: String| complaint(format!("sstat: fatal: {what}\n"));
        for part in list.split(',').filter(|part| !part.is_empty()) {
            if self.selected.len() == MOST {
                return Err(fatal(format!("more than {MOST} jobs and steps at once")));
            }
            let selected = Selected::parse(part).map_err(fatal)?;
            if !self.selected.contains(&selected) {
                self.selected.push(selected);
            }
        }
        Ok(())
    }
}

fn find(name: &str) -> Result<Vec<usize>, String> {
    let found = FIELDS.iter().position(|(_, heading, _)| fields::begins(heading, name));
    found.map(|at| vec![at]).ok_or_else(|| error(&format!("Invalid field requested: \"{name}\"")))
}

const USAGE_TEXT: &str = "Usage: sstat [options] -j <job(.stepid)>\n\tUse --help for help\n";

const HELP: &str = "\
sstat [OPTION...] -j JOB[.STEP],...: what steps that run use
    -a, --allsteps      all steps of a job, and not the first alone
    -e, --helpformat    the fields that there are
    -i, --pidformat     the processes on each node
    -j, --jobs=LIST     these: 123, 123.0, 123.batch, 123_4
    -n, -p, -P          without heading; columns separated by `|`, without one at the end
    --noconvert         amounts as they are measured
    -o, --format=LIST   these fields, each with %WIDTH if wanted
    -V, --version
";
