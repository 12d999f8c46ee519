//! Programs of others that submit jobs to a Slurm, as they are on PyPI (`tests/lab/clients.txt`): a user on a login node
//! says hello with each of them, and the jobs run on compute nodes.

use crate::support::{Lab, Ran, clients};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const PLAYBOOK: &str = "playbooks/cluster.yml";
const SETTINGS: &str = r#"{"enlist_program": "/opt/lab/enlist", "node_config": "CPUs=2 RealMemory=3000",
  "enlist_conf": ["AccountingStorageEnforce=associations,limits,qos", "GresTypes=gpu"]}"#;

/// A login node and two compute nodes, and gildong with a home that all of them see.
struct Site {
    lab: Lab,
    /// Where the programs are, on every host.
    programs: String,
}

fn site() -> MutexGuard<'static, Site> {
    static SITE: OnceLock<Mutex<Site>> = OnceLock::new();
    SITE.get_or_init(|| Mutex::new(Site::start())).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    fn start() -> Self {
        let programs = clients();
        let lab = Lab::showing("clients", 1, 2, &programs);
        let inventory = lab.dir().join("compute.ini");
        lab.enlist(&["play", "-i", inventory.to_str().expect("UTF-8"), "-e", SETTINGS, PLAYBOOK]).ok();
        for host in ["login1", "master", "node1", "node2"] {
            lab.sh(host, "useradd -M -u 2001 -d /scratch/gildong -s /bin/bash gildong").ok();
        }
        lab.sh("login1", "install -d -o gildong -g gildong /scratch/gildong").ok();
        let books = ["add account ai_project", "add user gildong account=ai_project"];
        for change in books {
            lab.sh("master", &format!("sacctmgr -i {change}")).ok();
        }
        Self { lab, programs }
    }

    /// Runs a program's hello as gildong on the login node, in a directory of its own that is there on all nodes.
    /// `line` is a shell line; `{bin}` is where the programs are.
    fn hello(&self, name: &str, files: &[(&str, &str)], line: &str) -> Ran {
        let home = format!("/scratch/gildong/{name}");
        for (file, text) in files {
            let source = self.lab.write_temp(file, text);
            self.lab.lab(&["put", "login1", source.to_str().expect("UTF-8"), &format!("{home}/{file}")]).ok();
        }
        let line = line.replace("{bin}", &format!("{}/bin", self.programs));
        let script = format!("cd {home} && export PATH=$PATH:{}/bin && timeout 240 {line}\n", self.programs);
        let source = self.lab.write_temp("run", &script);
        self.lab.lab(&["put", "login1", source.to_str().expect("UTF-8"), &format!("{home}/run")]).ok();
        self.lab.sh("login1", &format!("chown -R gildong: {home} && runuser -l gildong -c 'bash {home}/run'"))
    }

    /// What the books have of gildong's jobs of a name.
    fn sacct(&self, options: &str) -> String {
        self.lab.sh("login1", &format!("sacct -nXP -u gildong {options}")).ok().stdout
    }
}

/// Fails with all that a program said, and what the service has of its jobs.
#[track_caller]
fn says(site: &Site, ran: &Ran, wanted: &str) {
    let jobs = || site.sacct("-o JobID,JobName,State,ExitCode,NodeList");
    assert!(ran.code == 0 && ran.stdout.contains(wanted), "{}\n{}\n{}", ran.stdout, ran.stderr, jobs());
}

#[test]
fn dask_jobqueue_computes_on_workers_that_are_jobs() {
    let site = site();
    let ran = site.hello("dask", &[("hello.py", include_str!("dask_hello.py"))], "{bin}/python hello.py");
    says(&site, &ran, "squares [0, 1, 4, 9] on ['node1', 'node2']\n");
    assert_eq!(site.sacct("--name dask-worker -o State").lines().collect::<Vec<_>>(), ["CANCELLED by 2001"; 2]);
}

#[test]
fn parsl_runs_apps_on_a_block_that_is_a_job() {
    let site = site();
    let ran = site.hello("parsl", &[("hello.py", include_str!("parsl_hello.py"))], "{bin}/python hello.py");
    says(&site, &ran, "hello 0 from node");
    says(&site, &ran, "hello 1 from node");
}

#[test]
fn psij_follows_a_job_to_its_end() {
    let site = site();
    let ran = site.hello("psij", &[("hello.py", include_str!("psij_hello.py"))], "{bin}/python hello.py");
    says(&site, &ran, "COMPLETED: hello from 2 processes on node");
    says(&site, &ran, "FAILED with exit code 3\n");
    says(&site, &ran, "CANCELED\n");
}

#[test]
fn reportseff_reads_what_jobs_used() {
    let site = site();
    let script =
        "#!/usr/bin/python3\n#SBATCH --mem=200 -t 10 -J busy\nimport time\nwhile time.process_time() < 2: pass\n";
    let line =
        "{bin}/reportseff --no-color --format JobID,State,Elapsed,CPUEff,MemEff $(sbatch --parsable --wait busy.py)";
    let ran = site.hello("reportseff", &[("busy.py", script)], line);
    says(&site, &ran, "COMPLETED");
    // Two seconds of its CPU, however long it took; it counts whole ones.
    let row = ran.stdout.lines().find(|line| line.contains("COMPLETED")).expect("it is there");
    let share = row.split_whitespace().nth(3).and_then(|text| text.trim_end_matches('%').parse::<f64>().ok());
    assert!(share.is_some_and(|share| share > 0.0), "{}", ran.stdout);
}

#[test]
fn submitit_runs_functions_as_jobs_and_arrays() {
    let site = site();
    let ran = site.hello("submitit", &[("hello.py", include_str!("submitit_hello.py"))], "{bin}/python hello.py");
    for number in [7, 0, 1, 2] {
        says(&site, &ran, &format!("hello {number} from node"));
    }
    says(&site, &ran, ", task 0 of 1\nwrong\n");
}

const SNAKEFILE: &str = r#"
rule all:
    input: expand("out/{number}.txt", number=[1, 2])

rule hello:
    output: "out/{number}.txt"
    shell: "echo hello {wildcards.number} from $(hostname), job $SLURM_JOB_ID > {output}"
"#;

#[test]
fn snakemake_runs_rules_as_jobs() {
    let site = site();
    let line = "{bin}/snakemake --executor slurm --jobs 2 --latency-wait 30 --slurm-init-seconds-before-status-checks 2 \
                --seconds-between-status-checks 2 --default-resources mem_mb=700 runtime=5 slurm_partition=main \
                slurm_account=ai_project && cat out/1.txt out/2.txt";
    let ran = site.hello("snakemake", &[("Snakefile", SNAKEFILE)], line);
    says(&site, &ran, "hello 1 from node");
    says(&site, &ran, "hello 2 from node");
}
