//! [`Options`]: what `srun` is told beside what a job is told (srun(1)).

use crate::sbatch::options::Options as JobOptions;
use crate::sbatch::{Stop, complaint, invalid, lines, values};
use jiff::Zoned;
use scheduling::id::JobId;
use scheduling::step::StepLayout;

/// What is asked for; `None` where nothing was said.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the option of its name")]
pub struct Options {
    /// Options that `sbatch` has, too.
    pub job: JobOptions,
    pub disable_status: bool,
    pub exact: bool,
    /// Whether devices were said, were it none.
    pub has_gres: bool,
    /// In seconds.
    pub immediate: Option<u32>,
    pub jobid: Option<JobId>,
    pub kill_on_bad_exit: bool,
    pub label: bool,
    pub layout: StepLayout,
    pub multi_prog: bool,
    pub overlap: bool,
    pub pty: bool,
    pub quit_on_interrupt: bool,
    pub relative: Option<u32>,
    pub unbuffered: bool,
    /// In seconds; 0 is for ever.
    pub wait: Option<u32>,
    pub whole: bool,
}

/// Options that would make a difference which nothing here makes, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("bcast", "say sbcast before it"),
    ("bcast-exclude", "say sbcast before it"),
    ("epilog", "say it in a script behind srun"),
    ("no-allocate", "steps run in jobs alone"),
    ("prolog", "say it in a script before srun"),
    ("send-libs", "say sbcast before it"),
    ("task-epilog", "say it in a script that srun runs"),
    ("task-prolog", "say it in a script that srun runs"),
    ("x11", "displays are not forwarded"),
];

/// Options that say how something is done that is done otherwise here.
const IDLE: &[&str] = &["compress", "msg-timeout", "resv-ports", "slurmd-debug", "threads", "preserve-env"];

const NO_VALUE: &str = "";

impl Options {
    /// Takes an option in.
    pub fn set(&mut self, option: &'static str, value: &str, now: &Zoned) -> Result<(), Stop> {
        if let Some((_, instead)) = REFUSED.iter().find(|(name, _)| *name == option) {
            return Err(complaint(1, &format!("--{option} is not there: {instead}")));
        }
        match option {
            "disable-status" => self.disable_status = true,
            "exact" => self.exact = true,
            "immediate" => self.immediate = Some(seconds(option, value, 1)?),
            "jobid" => self.jobid = Some(job_id(value)?),
            "kill-on-bad-exit" => self.kill_on_bad_exit = seconds(option, value, 1)? > 0,
            "label" => self.label = true,
            "multi-prog" => self.multi_prog = true,
            "mpi" => mpi(value)?,
            "overlap" => self.overlap = true,
            "pty" => self.pty = true,
            "quit-on-interrupt" => self.quit_on_interrupt = true,
            "relative" => self.relative = Some(values::count_or_zero(option, value)?),
            "unbuffered" => self.unbuffered = true,
            "wait" => self.wait = Some(seconds(option, value, 0)?),
            "whole" => self.whole = true,
            "cpu-bind" => self.cpu_bind(value)?,
            "distribution" => self.distribution(value)?,
            // These two are a way to say nothing.
            "input" | "output" | "error" if value == "all" => {}
            _ if IDLE.contains(&option) => {}
            _ => {
                if ["mem", "mem-per-cpu", "mem-per-gpu"].contains(&option) {
                    // The last one counts: what the job's own variables say is always before it.
                    (self.job.mem, self.job.mem_per_cpu, self.job.mem_per_gpu) = (None, None, None);
                }
                self.has_gres |= ["gres", "gpus", "gpus-per-node", "gpus-per-task"].contains(&option);
                self.job.set(option, value, now)?;
            }
        }
        Ok(())
    }

    /// `--distribution`: the part that is about nodes; below them the node decides.
    fn distribution(&mut self, value: &str) -> Result<(), Stop> {
        let first = value.split([':', ',']).next().unwrap_or_default().to_ascii_lowercase();
        self.layout = match (first.as_str(), first.strip_prefix("plane=")) {
            ("block", _) => StepLayout::Block,
            ("cyclic", _) => StepLayout::Cyclic,
            ("*", _) => StepLayout::Usual,
            ("arbitrary", _) => {
                return Err(complaint(
                    1,
                    "--distribution=arbitrary is not there: say --distribution=cyclic or plane=N",
                ));
            }
            (_, Some(count)) => StepLayout::Plane(values::count("distribution", count)?),
            _ => return Err(invalid("distribution")),
        };
        Ok(())
    }

    /// `--cpu-bind`: tasks may use all CPUs of their step on a node; what asks for that is no news.
    fn cpu_bind(&mut self, value: &str) -> Result<(), Stop> {
        let words = ["none", "no", "quiet", "q", "verbose", "v", "help"];
        let known = ["rank", "cores", "threads", "sockets", "ldoms", "rank_ldom", "boards"];
        let begins = ["map_cpu:", "mask_cpu:", "map_ldom:", "mask_ldom:"];
        let (mut is_plain, value) = (true, value.to_ascii_lowercase());
        let first = begins.iter().filter_map(|begin| value.find(begin)).min();
        for word in value[..first.unwrap_or(value.len())].split(',').filter(|word| !word.is_empty()) {
            match word {
                word if words.contains(&word) => {}
                word if known.contains(&word) => is_plain = false,
                word => {
                    let why = format!("unrecognized --cpu-bind argument \"{word}\"");
                    return Err(lines(1, &[&why, "Invalid --cpu-bind argument"]));
                }
            }
        }
        if (!is_plain || first.is_some()) && !self.job.idle.contains(&"cpu-bind") {
            self.job.idle.push("cpu-bind");
        }
        Ok(())
    }
}

fn seconds(option: &str, value: &str, usual: u32) -> Result<u32, Stop> {
    if value == NO_VALUE { Ok(usual) } else { values::count_or_zero(option, value) }
}

/// `--jobid`: a job; a step behind it is passed over, as srun does.
fn job_id(value: &str) -> Result<JobId, Stop> {
    let number = value.split(['.', '+']).next().unwrap_or_default();
    let number = number.parse::<u32>().ok().filter(|number| *number > 0).map(JobId);
    number.ok_or_else(|| complaint(1, &format!("Invalid numeric value \"{value}\" for --jobid.")))
}

/// `--mpi`: nothing is set up for MPI programs beyond the environment.
fn mpi(value: &str) -> Result<(), Stop> {
    match value {
        "none" | "openmpi" => Ok(()),
        "list" => Err(Stop::told("MPI plugin types are...\n\tnone\n")),
        _ => {
            let cannot = format!("cannot find mpi plugin for mpi/{value}");
            let why = format!("Invalid MPI type '{value}', --mpi=list for acceptable types");
            Err(lines(1, &[&cannot, &why]))
        }
    }
}
