//! `sattach`, pure: which step is listened to, and how, in the words of Slurm 22.05.8.

use crate::sbatch::Stop;
use crate::step;
use scheduling::event::Denial;
use scheduling::id::JobId;
use slurm::records::StepId;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Nothing as No, Value as Yes};

const HELP_OPTION: char = 'h';
const INPUT: char = '\u{e001}';
const OUTPUT: char = '\u{e002}';
const ERROR: char = '\u{e003}';
const PTY: char = '\u{e004}';
const LAYOUT: char = '\u{e005}';
const USAGE_OPTION: char = 'u';

static KNOWN: Known = Known {
    program: "sattach",
    hint: true,
    options: &[
        ("error-filter", ERROR, Yes),
        ("help", HELP_OPTION, No),
        ("input-filter", INPUT, Yes),
        ("label", 'l', No),
        ("layout", LAYOUT, No),
        ("output-filter", OUTPUT, Yes),
        ("pty", PTY, No),
        ("quiet", 'Q', No),
        ("usage", USAGE_OPTION, No),
        ("verbose", 'v', No),
        ("version", 'V', No),
    ],
};

/// What is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// The job.
    pub job: JobId,
    /// The step.
    pub step: StepId,
    /// `--label`
    pub label: bool,
    /// `--layout`: says which tasks are where, and nothing else.
    pub layout: bool,
    /// `--pty`: as it comes, and not line by line.
    pub pty: bool,
    /// `--output-filter`: this task's output alone.
    pub output: Option<u32>,
    /// `--error-filter`: this task's errors alone.
    pub error: Option<u32>,
    /// `--quiet`
    pub quiet: bool,
}

/// What is said where there is no such step.
pub fn no_step() -> String {
    format!("Could not get job step info: {}", Denial::InvalidJob)
}

/// Reads a command line (without the program's name).
pub fn read(argv: &[String]) -> Result<Attach, Stop> {
    let none = JobId(0);
    let mut read = Attach {
        job: none,
        step: StepId::default(),
        label: false,
        layout: false,
        pty: false,
        output: None,
        error: None,
        quiet: false,
    };
    let mut getopt = KNOWN.read(argv);
    for found in getopt.by_ref() {
        let (letter, value) = found.map_err(|text| Stop::said(1, text))?;
        match letter {
            'l' => read.label = true,
            LAYOUT => read.layout = true,
            PTY => read.pty = true,
            OUTPUT => read.output = Some(task(value)?),
            ERROR => read.error = Some(task(value)?),
            INPUT => _ = task(value)?,
            'Q' => read.quiet = true,
            HELP_OPTION => return Err(Stop::told(HELP)),
            USAGE_OPTION => return Err(Stop::told(USAGE)),
            'V' => return Err(Stop::told(crate::sreport::VERSION)),
            _ => {}
        }
    }
    let words = getopt.words();
    let [word] = words.as_slice() else {
        return Err(Stop::said(1, format!("sattach: error: too many parameters\n{USAGE}")));
    };
    let bad = || Stop::said(1, format!("sattach: error: Invalid job step id {word}: JOB.STEP is one\n"));
    (read.job, read.step) = step::of_job(word).ok_or_else(bad)?;
    Ok(read)
}

fn task(value: &str) -> Result<u32, Stop> {
    value.parse().map_err(|_| Stop::said(1, format!("sattach: error: Invalid filter specification {value}\n")))
}

/// `--layout`: which of a step's tasks are on which node.
pub fn layout(nodes: &[(String, Vec<u32>)]) -> String {
    let tasks: usize = nodes.iter().map(|(_, ranks)| ranks.len()).sum();
    let list = words::text::hostlist::compress(nodes.iter().map(|(name, _)| name.as_str()));
    let node = |(at, (name, ranks)): (usize, &(String, Vec<u32>))| {
        let shown: Vec<String> = ranks.iter().map(u32::to_string).collect();
        format!("\tNode {at} ({name}), {} task(s): {} \n", ranks.len(), shown.join(" "))
    };
    let lines: String = nodes.iter().enumerate().map(node).collect();
    format!("Job step layout:\n\t{tasks} tasks, {} nodes ({list})\n\n{lines}", nodes.len())
}

const USAGE: &str = "Usage: sattach [options] <jobid.stepid>\n";

const HELP: &str = "\
Usage: sattach [OPTION]... JOB.STEP
Prints what the tasks of a step write, from what its nodes still have on.
        --error-filter=TASK   this task's errors alone
    -l, --label               each line with its task's number
        --layout              which tasks are where, and nothing else
        --output-filter=TASK  this task's output alone
        --pty                 as it comes, not line by line
    -Q, --quiet               nothing but errors
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in(line: &str) -> Result<Attach, String> {
        read(&shell_words::split(line).unwrap()).map_err(|Stop(reply)| reply.stderr)
    }

    #[test]
    fn which_step_is_listened_to() {
        let read = read_in("-l --output-filter 2 17.3").unwrap();
        assert_eq!((read.job, read.step, read.label, read.output), (JobId(17), StepId::Number(3), true, Some(2)));
        assert_eq!(read_in("17.interactive").unwrap().step, StepId::Interactive);
        let usage = "sattach: error: too many parameters\nUsage: sattach [options] <jobid.stepid>\n";
        assert_eq!(read_in("").unwrap_err(), usage);
        assert!(read_in("17").unwrap_err().contains("Invalid job step id 17"));
    }

    #[test]
    fn who_is_where() {
        let nodes = [("c1".to_owned(), vec![0, 1]), ("c2".to_owned(), vec![2])];
        let text = "Job step layout:\n\t3 tasks, 2 nodes (c[1-2])\n\n\tNode 0 (c1), 2 task(s): 0 1 \n\tNode 1 (c2), 1 task(s): 2 \n";
        assert_eq!(layout(&nodes), text);
    }
}
