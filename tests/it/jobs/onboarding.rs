//! The whole way of a newcomer's first job: one playbook, one roster, an ssh login, `sbatch`, and an output file.

use crate::support::{Lab, Ran, run};

const PLAYBOOK: &str = "playbooks/cluster.yml";
const CONF: &str = r#"{"enlist_conf": ["GresTypes=gpu", "AccountingStorageEnforce=associations,limits,qos"]}"#;

const ROSTER: &str = "scheduler: slurm_master
groups: {ai_team: {gid: 3001}}
users:
  gildong: {uid: 2001, group: ai_team, shell: /bin/bash, keys: [KEY], default_account: ai_project}
accounts:
  ai_project: {users: {gildong: {limits: {GrpTRES: gres/gpu=2}}}}
";

const JOB: &str = "#!/bin/bash
#SBATCH --job-name=train --gres=gpu:1 --time=5
until [ -e go ]; do sleep 0.1; done
echo $SLURM_JOB_ID on $SLURMD_NODENAME: $CUDA_VISIBLE_DEVICES
echo squeue says $(squeue -h -j $SLURM_JOB_ID -o %T), scontrol $(scontrol show job $SLURM_JOB_ID -o | grep -o BatchHost=$SLURMD_NODENAME)
srun sh -c 'echo step $SLURM_STEP_ID of $SLURM_JOB_ID on $(hostname): $CUDA_VISIBLE_DEVICES'
";

fn play(lab: &Lab) -> String {
    let inventory = lab.dir().join("compute.ini");
    let inventory = inventory.to_str().expect("UTF-8");
    let options = ["-e", "enlist_program=/opt/lab/enlist", "-e", CONF];
    lab.enlist(&[&["play", "-i", inventory, PLAYBOOK], &options[..]].concat()).ok().stdout
}

fn on_controller(lab: &Lab, words: &[&str]) -> Ran {
    run(&mut lab.controller_command(words), "")
}

/// Until a line of a host's shell says so.
fn until(lab: &Lab, host: &str, line: &str) {
    lab.sh(host, &format!("for i in $(seq 600); do {line} && exit 0; sleep 0.1; done; exit 1")).ok();
}

#[test]
fn a_playbook_and_a_roster_lead_to_the_first_job() {
    let lab = Lab::with_nodes("first-job", 1, 2);
    play(&lab);
    let again = play(&lab);
    assert_eq!(again.matches("changed=0 ").count(), 4, "{again}");

    let key = lab.dir().join("gildong");
    let key = key.to_str().expect("UTF-8");
    on_controller(&lab, &["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).ok();
    let public = on_controller(&lab, &["cat", &format!("{key}.pub")]).ok().stdout;
    let roster = lab.write_temp("roster.yml", &ROSTER.replace("KEY", public.trim()));
    let (roster, plan) = (roster.to_str().expect("UTF-8"), lab.dir().join("plan.json"));
    let (plan, inventory) = (plan.to_str().expect("UTF-8"), lab.dir().join("compute.ini"));
    let inventory = inventory.to_str().expect("UTF-8");
    lab.enlist(&["plan", "-i", inventory, "--roster", roster, "-o", plan]).code(2);
    lab.enlist(&["apply", plan, "--roster", roster]).ok();

    let gildong = |line: &str| on_controller(&lab, &["ssh", "-q", "-i", key, "gildong@10.0.0.1", line]);
    let script = format!("cat >job.sh <<'END'\n{JOB}END\n");
    gildong(&script).ok();
    for number in 1..=3 {
        assert_eq!(gildong("sbatch job.sh").ok().stdout, format!("Submitted batch job {number}\n"));
    }
    until(&lab, "login1", "[ $(squeue -h -t R | wc -l) = 2 ]");
    assert_eq!(gildong("squeue -h -t PD -o '%i %r'").ok().stdout, "3 AssocGrpGRES\n");
    let why = gildong("enlist explain 3").code(2).stdout;
    assert!(why.contains("GrpTRES of gres/gpu, 2, set by user gildong in account ai_project: 2 in use"), "{why}");

    for node in ["node1", "node2"] {
        lab.sh(node, "touch /home/gildong/go").ok();
    }
    until(&lab, "login1", "[ -z \"$(squeue -h)\" ]");
    let told = ["node1", "node2"].map(|node| lab.sh(node, "cat /home/gildong/slurm-*.out").ok().stdout);
    for number in 1..=3 {
        assert!(told.concat().contains(&format!("{number} on node")), "{told:?}");
        // Slurm's commands work in jobs as they do where people log in.
        let steps = format!("step 0 of {number} on node");
        let line = told.iter().flat_map(|text| text.lines()).find(|line| line.starts_with(&steps));
        assert!(line.is_some_and(|line| line.ends_with(": 0")), "{told:?}");
    }
    assert_eq!(told.concat().matches("squeue says RUNNING, scontrol BatchHost=node").count(), 3, "{told:?}");
    let over = gildong("sacct -nXP -o JobID,State,ExitCode,AllocTRES").ok().stdout;
    assert_eq!(over.matches("|COMPLETED|0:0|").count(), 3, "{over}");
    assert_eq!(over.matches("gres/gpu=1").count(), 3, "{over}");

    for host in ["login1", "master"] {
        lab.sh(host, "useradd -m -u 2999 stranger").ok();
    }
    let refused = lab.sh("login1", "runuser -u stranger -- sbatch --wrap hostname").code(1).stderr;
    let text = "Batch job submission failed: Invalid account or account/partition combination specified";
    assert!(refused.contains(text), "{refused}");
    let why = lab.sh("login1", "enlist explain stranger --job").code(2).stdout;
    assert!(why.contains("there is no user `stranger` in the accounts"), "{why}");
}
