//! The real Slurm that other tests compare with is really there, empty for each, and runs jobs.

use super::support::real_slurm::{real_cluster, real_slurm};

#[test]
fn is_empty_each_time() {
    for _ in 0..2 {
        let slurm = real_slurm();
        assert_eq!(slurm.sacctmgr(&["-nP", "show", "assoc", "format=account,user"]).ok().stdout, "root|\nroot|root\n");
        slurm.sacctmgr(&["-i", "add", "account", "a"]).ok();
    }
}

#[test]
fn runs_jobs_of_its_people() {
    for _ in 0..2 {
        let slurm = real_cluster();
        let refused = slurm.run_as("alice", "srun", &["true"]).code(1).stderr;
        assert!(refused.contains("Invalid account or account/partition combination specified"), "{refused}");
        slurm.sacctmgr(&["-i", "add", "account", "a"]).ok();
        slurm.sacctmgr(&["-i", "add", "user", "alice", "account=a"]).ok();
        let said =
            slurm.run_as("alice", "srun", &["-p", "gpu", "--gres=gpu:1", "printenv", "SLURM_JOB_ID"]).ok().stdout;
        assert_eq!(said, "1001\n");
    }
}
