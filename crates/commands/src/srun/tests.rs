use super::*;
use crate::sbatch::Files;
use jiff::Zoned;
use scheduling::demand::MemoryDemand;
use scheduling::request::{StepInput, StepOutput};

/// No files but one.
struct One;

impl Files for One {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "/home/kim/many" { Ok(b"0 a %t\n1-2 b %o\n".to_vec()) } else { Err("No such file".to_owned()) }
    }

    fn find(&self, _name: &str) -> Option<String> {
        None
    }
}

fn read_in(environment: &[(&str, &str)], line: &str) -> Result<Run, String> {
    let argv = shell_words::split(line).unwrap();
    let now = Zoned::default();
    let variable = |(name, value): &(&str, &str)| (RawText::from(*name), RawText::from(*value));
    let given = Given {
        environment: environment.iter().map(variable).collect(),
        directory: "/home/kim".into(),
        host: "login3".to_owned(),
        umask: 0o022,
        limits: Vec::new(),
        session: 7,
        now: &now,
        files: &One,
    };
    super::read(&argv, &given).map_err(|Stop(reply)| reply.stderr + &reply.stdout)
}

fn words(program: &RankedProgram) -> Vec<String> {
    program.argv.iter().map(|word| word.shown().into_owned()).collect()
}

#[test]
fn outside_a_job_it_asks_for_one() {
    let run = read_in(&[], "-N2 --ntasks_per_node=3 -p main --mem=100 -l echo -n x").unwrap();
    let Place::New(request) = &run.place else { panic!("{:?}", run.place) };
    assert_eq!(request.allocation, Some(Allocating::ForOneStep));
    assert_eq!((request.name.as_str(), request.batch.command.shown().as_ref()), ("echo", "echo -n x"));
    assert_eq!((request.demand.min_nodes, request.demand.tasks, request.partitions.len()), (2, 6, 1));
    assert_eq!((run.step.name.as_str(), run.step.nodes, run.step.tasks), ("echo", Some((2, Some(2))), None));
    assert_eq!((run.step.memory, run.step.exact, run.label), (MemoryDemand::Unsaid, false, true));
    assert_eq!(words(&run.program.programs[0]), ["echo", "-n", "x"]);
}

#[test]
fn in_a_job_it_takes_what_the_job_says() {
    let inside =
        [("SLURM_JOB_ID", "17"), ("SLURM_JOB_NAME", "train"), ("SLURM_NTASKS", "4"), ("SLURM_MEM_PER_CPU", "100")];
    let run = read_in(&inside, "--exclusive -n1 --gres=none python x.py").unwrap();
    assert!(matches!(run.place, Place::In(JobId(17))));
    assert_eq!((run.step.name.as_str(), run.step.tasks, run.step.exact), ("python", Some(1), true));
    assert_eq!((run.step.memory, run.step.gres), (MemoryDemand::PerCpu(100), Some(vec![])));
    let run = read_in(&inside, "--mem=200 --overlap true").unwrap();
    assert_eq!((run.step.memory, run.step.tasks, run.step.overlap), (MemoryDemand::PerNode(200), Some(4), true));
    assert!(run.step.gres.is_none() && !run.step.exact);
    let run = read_in(&inside, "--jobid=18.0 -c2 true").unwrap();
    assert!(matches!(run.place, Place::In(JobId(18))) && run.step.exact);
}

#[test]
fn variables_of_another_step_stay_behind() {
    let inside = [("SLURM_JOB_ID", "17"), ("SLURM_PROCID", "3"), ("SLURM_STEP_ID", "0"), ("CUDA_VISIBLE_DEVICES", "0")];
    let has = |run: &Run, name: &str| run.program.environment.iter().any(|(own, _)| own.0 == name.as_bytes());
    let run = read_in(&inside, "true").unwrap();
    assert!(has(&run, "SLURM_JOB_ID") && has(&run, "CUDA_VISIBLE_DEVICES"));
    assert!(!has(&run, "SLURM_PROCID") && !has(&run, "SLURM_STEP_ID"));
    assert!(!has(&read_in(&inside, "--gres=none true").unwrap(), "CUDA_VISIBLE_DEVICES"));
    let run = read_in(&[("HOME", "/home/kim"), ("A", "1")], "--export=A,B=2 true").unwrap();
    assert!(has(&run, "A") && has(&run, "B") && !has(&run, "HOME"));
}

#[test]
fn terminals_and_streams() {
    let run = read_in(&[], "--pty -l bash -i").unwrap();
    assert!(run.pty && !run.label && run.unbuffered && run.program.terminal.is_some());
    assert_eq!(run.program.input, StepInput::StreamedTo(0));
    let run = read_in(&[], "-o out-%t -i none true").unwrap();
    assert_eq!((run.program.output, run.program.error), (StepOutput::File("out-%t".into()), StepOutput::WithOutput));
    assert_eq!((run.program.input, run.input), (StepInput::Nothing, OwnInput::Nothing));
    assert!(read_in(&[], "-n2 -o 2 true").unwrap_err().contains("srun: error: there is no task 2"));
}

#[test]
fn many_programs() {
    let run = read_in(&[], "-n3 --multi-prog many").unwrap();
    let programs = run.program.programs.iter().map(words).collect::<Vec<_>>();
    assert_eq!(programs, [["a", "0"], ["b", "0"], ["b", "1"]]);
    let missing = "srun: error: Configuration file many invalid, no record for task id 3\n";
    assert_eq!(read_in(&[], "-n4 --multi-prog many").unwrap_err(), missing);
}

#[test]
fn complaints_are_its_own() {
    for (line, complaint) in [
        ("", "srun: fatal: No command given to execute.\n"),
        ("-n x true", "srun: error: Invalid numeric value \"x\" for --ntasks.\n"),
        ("-w 'n[' true", "srun: error: Unable to allocate resources: Invalid node name specified\n"),
        ("--x11 true", "srun: error: --x11 is not there: displays are not forwarded\n"),
        ("--mpi=list", "MPI plugin types are...\n\tnone\n"),
    ] {
        assert_eq!(read_in(&[], line).unwrap_err(), complaint, "{line}");
    }
    assert!(read_in(&[], "--mpi=pmix true").unwrap_err().contains("Invalid MPI type 'pmix'"));
    assert!(read_in(&[], "--nosuch true").unwrap_err().starts_with("srun: unrecognized option '--nosuch'"));
}
