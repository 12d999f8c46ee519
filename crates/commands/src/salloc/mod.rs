//! `salloc`, pure: a command line becomes a job without a script, and what the job got becomes an environment, as in Slurm
//! 22.05.8.

mod table;

use crate::sbatch::options::Options as JobOptions;
use crate::sbatch::{self, Given, Source, Stop, complaint, environment, job_request, values};
use crate::signals;
use jiff::Zoned;
use scheduling::request::{Allocating, JobRequest};
use words::text::{counts, hostlist};

/// What is asked for, and what runs meanwhile.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// The job.
    pub request: JobRequest,
    /// What runs here while the nodes are there; empty is a shell.
    pub command: Vec<String>,
    /// Variables that say what was asked for.
    pub environment: Vec<(&'static str, String)>,
    /// `--no-shell`: nothing runs here.
    pub no_shell: bool,
    /// `--bell`: a bell when the nodes are there.
    pub bell: bool,
    /// `--immediate`: so many seconds it waits for nodes; `None` is as long as it takes.
    pub immediate: Option<u32>,
    /// `--kill-command`: the signal for the command when the nodes are taken away.
    pub kill_command: Option<u8>,
    /// `--quiet`
    pub quiet: bool,
    /// `--clusters`
    pub cluster: Option<String>,
    /// Lines for standard error, which keep nobody from an allocation.
    pub notes: Vec<String>,
}

/// What `salloc` says when it gets no nodes.
pub const FAILED: &str = "Job submit/allocate failed";

#[derive(Default)]
struct Options {
    job: JobOptions,
    bell: bool,
    immediate: Option<u32>,
    kill_command: Option<u8>,
    no_shell: bool,
}

impl Options {
    fn set(&mut self, option: &'static str, value: &str, now: &Zoned) -> Result<(), Stop> {
        match option {
            "bell" => self.bell = true,
            "no-bell" => self.bell = false,
            "no-shell" => self.no_shell = true,
            "immediate" if value.is_empty() => self.immediate = Some(1),
            "immediate" => self.immediate = Some(values::count_or_zero(option, value)?),
            "kill-command" => self.kill_command = Some(signal(value)?),
            _ => self.job.set(option, value, now)?,
        }
        Ok(())
    }
}

fn signal(value: &str) -> Result<u8, Stop> {
    const TERM: u8 = 15;
    if value.is_empty() {
        return Ok(TERM);
    }
    signals::number(value).ok_or_else(|| complaint(255, &format!("Invalid --kill-command specification: {value}")))
}

/// Reads a command line (without the program's name).
pub fn read(argv: &[String], given: &Given) -> Result<Allocation, Stop> {
    allocation(argv, given).map_err(|stop| stop.of("salloc", FAILED))
}

fn allocation(argv: &[String], given: &Given) -> Result<Allocation, Stop> {
    let mut options = Options::default();
    sbatch::take_variables(table::VARIABLES, given, |_, option, value| options.set(option, value, given.now))?;
    let command = sbatch::take(&table::KNOWN, argv, [USAGE, HELP], |name, value| options.set(name, value, given.now))?;
    let mut notes = Vec::new();
    let source = Source { name: "interactive".to_owned(), command: command.join(" "), ..Source::default() };
    let mut request = job_request(given, &mut options.job, source, &mut notes)?;
    request.allocation = Some(Allocating::Kept);
    request.batch.environment.clear();
    let of_scripts = ["SLURM_UMASK", "SLURM_PRIO_PROCESS", "SLURM_EXPORT_ENV", "SLURM_GET_USER_ENV"];
    let mut environment = environment::said(given, &options.job, &request.demand);
    environment.retain(|(name, _)| !of_scripts.contains(name));
    Ok(Allocation {
        request,
        command,
        environment,
        no_shell: options.no_shell,
        bell: options.bell,
        immediate: options.immediate,
        kill_command: options.kill_command,
        quiet: options.job.quiet,
        cluster: options.job.cluster,
        notes,
    })
}

/// What a job got.
#[derive(Clone, Debug)]
pub struct Granted<'a> {
    /// Its number.
    pub job: u32,
    /// Its name.
    pub name: &'a str,
    /// The cluster.
    pub cluster: &'a str,
    /// Its account; empty where there is none.
    pub account: &'a str,
    /// Its partition.
    pub partition: &'a str,
    /// Its QOS; empty where there is none.
    pub qos: &'a str,
    /// Its nodes in their order, each with CPUs and tasks.
    pub nodes: Vec<(&'a str, u32, u32)>,
}

impl Granted<'_> {
    /// The variables of a program that uses it from where `salloc` runs (salloc(1), "OUTPUT ENVIRONMENT VARIABLES").
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let list = hostlist::compress(self.nodes.iter().map(|(name, ..)| *name));
        let (job, count) = (self.job.to_string(), self.nodes.len().to_string());
        let mut variables = vec![
            ("SLURM_JOB_ID", job.clone()),
            ("SLURM_JOBID", job),
            ("SLURM_JOB_NAME", self.name.to_owned()),
            ("SLURM_JOB_NODELIST", list.clone()),
            ("SLURM_NODELIST", list),
            ("SLURM_JOB_NUM_NODES", count.clone()),
            ("SLURM_NNODES", count),
            ("SLURM_JOB_CPUS_PER_NODE", counts::compress(self.nodes.iter().map(|(_, cpus, _)| *cpus))),
            ("SLURM_TASKS_PER_NODE", counts::compress(self.nodes.iter().map(|(.., tasks)| *tasks))),
            ("SLURM_CLUSTER_NAME", self.cluster.to_owned()),
            ("SLURM_JOB_PARTITION", self.partition.to_owned()),
            ("SLURM_NODE_ALIASES", "(null)".to_owned()),
        ];
        for (name, value) in [("SLURM_JOB_ACCOUNT", self.account), ("SLURM_JOB_QOS", self.qos)] {
            if !value.is_empty() {
                variables.push((name, value.to_owned()));
            }
        }
        variables
    }
}

const USAGE: &str = "Usage: salloc [-N NODES] [-n TASKS] [-c CPUS] [-t TIME] [-p PARTITION] [-A ACCOUNT] [--mem=MB]\n\
    \u{20}             [--gres=LIST] [-J NAME] [--no-shell] [OPTION...] [COMMAND [ARGUMENT...]]\n";

const HELP: &str = "\
Usage: salloc [OPTION]... [COMMAND [ARGUMENT]...]
Gets nodes, runs COMMAND or a shell here, and gives the nodes back. sbatch's options about jobs are understood, and:
        --bell                 a bell when the nodes are there
    -I, --immediate[=SECONDS]  do not wait longer for nodes
    -K, --kill-command[=SIG]   what COMMAND gets when the nodes are taken away
        --no-shell             run nothing here; scancel gives the nodes back
    -Q, --quiet                nothing but errors
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sbatch::Files;

    struct NoFiles;

    impl Files for NoFiles {
        fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
            Err("No such file".to_owned())
        }

        fn find(&self, _name: &str) -> Option<String> {
            None
        }
    }

    fn read_in(line: &str) -> Result<Allocation, String> {
        let now = Zoned::default();
        let given = Given {
            environment: vec![("SALLOC_PARTITION".into(), "gpu".into())],
            directory: "/home/kim".into(),
            host: "login3".to_owned(),
            umask: 0o022,
            limits: Vec::new(),
            session: 7,
            now: &now,
            files: &NoFiles,
        };
        read(&shell_words::split(line).unwrap(), &given).map_err(|Stop(reply)| reply.stderr)
    }

    #[test]
    fn a_job_without_a_script() {
        let read = read_in("-N2 -n4 --mem=100 -K sh -c 'exit 3'").unwrap();
        assert_eq!(read.request.allocation, Some(Allocating::Kept));
        assert_eq!((read.request.name.as_str(), read.request.partitions.len()), ("interactive", 1));
        assert_eq!((read.command.len(), read.kill_command, read.immediate), (3, Some(15), None));
        let has = |name: &str, value: &str| read.environment.iter().any(|(own, set)| *own == name && set == value);
        assert!(has("SLURM_NTASKS", "4") && has("SLURM_MEM_PER_NODE", "100") && has("SLURM_SUBMIT_HOST", "login3"));
        assert!(!read.environment.iter().any(|(name, _)| *name == "SLURM_UMASK"));
        let read = read_in("-I --no-shell -Kint").unwrap();
        assert_eq!((read.immediate, read.no_shell, read.kill_command), (Some(1), true, Some(2)));
    }

    #[test]
    fn complaints_are_its_own() {
        let bad = read_in("-w 'n['").unwrap_err();
        assert_eq!(bad, "salloc: error: Job submit/allocate failed: Invalid node name specified\n");
        assert!(read_in("--kill-command=x").unwrap_err().starts_with("salloc: error: Invalid --kill-command"));
    }

    #[test]
    fn what_was_got_is_in_the_environment() {
        let granted = Granted {
            job: 7,
            name: "interactive",
            cluster: "site",
            account: "",
            partition: "main",
            qos: "normal",
            nodes: vec![("n1", 4, 2), ("n2", 4, 1), ("n4", 2, 1)],
        };
        let has = granted.environment();
        let value = |name: &str| has.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        assert_eq!(value("SLURM_JOB_NODELIST"), Some("n[1-2,4]"));
        assert_eq!(
            (value("SLURM_JOB_CPUS_PER_NODE"), value("SLURM_TASKS_PER_NODE")),
            (Some("4(x2),2"), Some("2,1(x2)"))
        );
        assert_eq!((value("SLURM_JOB_QOS"), value("SLURM_JOB_ACCOUNT")), (Some("normal"), None));
    }
}
