//! Steps from a login node of the lab end to end: terminals, signals, ends, faults, and names of files.

use super::cluster::wait;
use super::steps::{Login, number_behind, site, sorted};
use crate::support::Ran;

/// Runs a command on a terminal of 33 rows and 99 columns. Each further argument is a text that is waited for, and behind a `=>` what is
/// typed then; `WINCH` makes the terminal larger. What was shown goes to standard output, and the exit code is the command's.
const TERMINAL: &str = r"import fcntl, os, pty, struct, sys, termios
command, script = sys.argv[1], [step.split('=>') for step in sys.argv[2:]]
def size(rows, columns, of):
    fcntl.ioctl(of, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
pid, terminal = pty.fork()
if pid == 0:
    size(33, 99, 0)
    os.execvp('sh', ['sh', '-c', command])
shown, seen = b'', 0
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    while script and script[0][0].encode() in shown[seen:]:
        wanted, typed = script.pop(0)
        seen += shown[seen:].index(wanted.encode()) + len(wanted)
        if typed == 'WINCH':
            size(40, 120, terminal)
        else:
            os.write(terminal, typed.encode().decode('unicode_escape').encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

impl Login {
    fn on_a_terminal(&self, command: &str, script: &[&str]) -> Ran {
        let words: Vec<String> = script.iter().map(|step| format!("'{step}'")).collect();
        let words = words.join(" ");
        self.types(&format!("cat >terminal.py <<'END'\n{TERMINAL}END\npython3 terminal.py '{command}' {words}"))
    }

    /// The state of a job's step in the records, which show what began a second ago.
    fn step_state(&self, step: &str) -> String {
        let state = || Some(self.types(&format!("sacct -nP -j {step} -o State")).stdout.trim().to_owned());
        wait("the step is in the records", || state().filter(|state| !state.is_empty() && state != "RUNNING"))
    }

    /// What a job's script or `srun` wrote into a file of the login node; waits for it.
    fn written(&self, name: &str) -> String {
        let path = format!("/home/gildong/{name}");
        let read = || Some(self.0.lab.sh("login1", &format!("cat {path}")).stdout).filter(|text| text.ends_with('\n'));
        wait(name, read)
    }
}

#[test]
fn a_terminal_has_the_size_of_sruns_and_follows_it() {
    let site = site();
    let remote = "stty size; read line; echo got $line\nwhile [ \"$(stty size)\" = '33 99' ]; do sleep 0.1; done\nstty size; exit 7\n";
    site.types(&format!("cat >/scratch/remote.sh <<'END'\n{remote}END")).ok();
    let ran = site.on_a_terminal("srun --pty sh /scratch/remote.sh", &["33 99=>hello\\n", "got hello=>WINCH"]);
    let shown = "33 99\r\nhello\r\ngot hello\r\n40 120\r\nsrun: error: node1: task 0: Exited with exit code 7\r\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (7, shown), "{}", ran.stderr);
    site.is_empty();
}

#[test]
fn one_ctrl_c_says_how_tasks_stand_and_two_end_the_step() {
    let site = site();
    let ask = "one more within 1 sec to abort";
    site.types("echo 'echo here; sleep 1000' >/scratch/here.sh").ok();
    let ran =
        site.on_a_terminal("srun -N2 sh /scratch/here.sh", &["here=>", "here=>\\x03", &format!("{ask}=>\\x03\\x03")]);
    assert!(ran.code != 0 && ran.stdout.contains(ask), "{ran:?}");
    let job = number_behind(&ran.stdout, "StepId=");
    site.is_empty();
    let state = site.step_state(&format!("{job}.0"));
    assert!(state.starts_with("CANCELLED") || state == "FAILED", "{state}: {}", ran.stdout);
}

#[test]
fn signals_that_srun_gets_go_to_all_tasks() {
    let site = site();
    let line = ": >out; srun -N2 sh -c 'trap \"echo usr1; exit 5\" USR1; echo ready; while :; do sleep 0.1; done' >out 2>err & pid=$!\n\
                while [ $(grep -cs ready out) != 2 ]; do sleep 0.1; done; kill -USR1 $pid; wait $pid; echo $?; cat out";
    let ran = site.types(line);
    assert_eq!(sorted(&ran.stdout), ["5", "ready", "ready", "usr1", "usr1"], "{ran:?}");
    site.is_empty();
}

#[test]
fn tasks_that_outlive_the_first_end_by_wait() {
    let site = site();
    let ran = site.types("srun -n2 -N1 -W 1 sh -c 'test $SLURM_PROCID = 0 || sleep 1000'");
    assert!(ran.code != 0 && ran.stderr.contains("First task exited 1s ago"), "{ran:?}");
    site.is_empty();
}

/// Each waits for what the other does.
#[test]
fn exact_steps_of_a_job_run_side_by_side() {
    let site = site();
    let job = number_behind(&site.types("salloc -N1 -n2 --no-shell").ok().stderr, "Granted job allocation ");
    let step = |own: &str, other: &str| {
        format!(
            "srun --jobid={job} --exact -n1 -c1 --mem=100 sh -c 'touch /scratch/{own}-{job}; while ! test -e /scratch/{other}-{job}; do sleep 0.1; done'"
        )
    };
    let line = format!("{} & one=$!\n{} & two=$!\nwait $one && wait $two", step("a", "b"), step("b", "a"));
    site.types(&line).ok();
    let kept = || Some(site.types(&format!("sacct -nP -j {job}.0,{job}.1 -o JobID,State,AllocCPUS")).stdout);
    // What became eligible in this second is not shown yet.
    let kept = wait("both are in the records", || kept().filter(|kept| kept.matches("COMPLETED").count() == 2));
    assert_eq!(sorted(&kept), [format!("{job}.0|COMPLETED|1"), format!("{job}.1|COMPLETED|1")]);
    site.types(&format!("scancel {job}")).ok();
    site.is_empty();
}

/// What `srun` starts ends with it, also while much is on its way to it.
#[test]
fn a_step_ends_with_its_srun() {
    let site = site();
    for command in ["sleep 1000", "yes"] {
        let line = format!(
            "mkfifo -m 600 full; sleep 1000 <full & reader=$!\nsrun {command} >full 2>/dev/null & pid=$!\n\
             while ! squeue -h -s | grep -q {}; do sleep 0.1; done; sleep 1; kill -9 $pid; kill $reader; rm full",
            command.split(' ').next().unwrap()
        );
        site.types(&line);
        site.is_empty();
    }
}

/// What is written meanwhile is not lost, and the code is the tasks'.
#[test]
fn a_step_outlives_the_master_and_the_daemon_of_the_login_node() {
    let site = site();
    let counting = "rm -f lines code\ncat >count.sh <<'END'\n\
                    srun sh -c 'for n in $(seq 400); do echo $n; sleep 0.02; done' >lines 2>err\necho $? >code\nEND\n\
                    setsid sh count.sh >/dev/null 2>&1 &\nwhile ! grep -qsx 50 lines; do sleep 0.1; done";
    site.types(counting).ok();
    site.0.kill("master");
    site.0.kill("login1");
    site.0.serve();
    site.forward();
    let code = site.written("code");
    let lines: String = (1..=400).map(|number| format!("{number}\n")).collect();
    let err = site.0.lab.sh("login1", "cat /home/gildong/err").stdout;
    assert_eq!((code.as_str(), site.0.lab.file("login1", "/home/gildong/lines")), ("0\n", lines), "{err}");
    site.is_empty();
}

#[test]
fn names_of_files_tell_arrays_tasks_nodes_and_steps_apart() {
    let site = site();
    site.0.lab.sh("node1", "rm -rf /scratch/names; mkdir -m 777 /scratch/names").ok();
    let array = "sbatch --parsable -n1 --mem=100 -a 3-4 -o '/scratch/names/%A_%a.%N.%x' -J many --wrap 'echo $SLURM_ARRAY_TASK_ID'";
    let array = site.types(array).ok().stdout.trim().to_owned();
    site.is_empty();
    let listed =
        || site.0.lab.sh("node1", "cd /scratch/names; for file in *; do echo $file $(cat $file); done; rm -f *").stdout;
    let names: Vec<String> = listed().lines().map(|line| line.replace("node2", "node1")).collect();
    assert_eq!(names, [format!("{array}_3.node1.many 3"), format!("{array}_4.node1.many 4")]);
    let job = number_behind(&site.types("salloc -N2 --no-shell").ok().stderr, "Granted job allocation ");
    site.types(&format!("srun --jobid={job} -N2 -o '/scratch/names/%j.%s.%t.%n.%N' sh -c 'echo $SLURM_PROCID'")).ok();
    site.types(&format!("srun --jobid={job} -N2 -o '/scratch/names/%J-%2t' sh -c 'echo $SLURM_PROCID'")).ok();
    let expected = [
        format!("{job}.0.0.0.node1 0"),
        format!("{job}.0.1.1.node2 1"),
        format!("{job}.1-00 0"),
        format!("{job}.1-01 1"),
    ];
    assert_eq!(listed().lines().collect::<Vec<_>>(), expected);
    // In a task of an array `srun` writes its own file by the same names.
    let own = format!(
        "cd /home/gildong; SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_ID=5 SLURM_JOB_ID={job} srun -N2 -l -o 'of-%A_%a' hostname; cat of-77_5"
    );
    assert_eq!(sorted(&site.types(&own).ok().stdout), ["0: node1", "1: node2"]);
    site.types(&format!("scancel {job}")).ok();
    site.is_empty();
}
