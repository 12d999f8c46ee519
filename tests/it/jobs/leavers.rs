//! People who come and people who go: the first job of a newcomer, and what becomes of the jobs of who leaves.

use super::cluster::wait;
use super::site::Site;
use crate::attack::{figure, is_long, rounds};
use crate::support::Ran;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

const CONFIG: &str = "ClusterName=site\nListenAddress=10.0.0.10\nAccountingStorageHost=10.0.0.10\nKillWait=1\n\
                      AccountingStorageEnforce=associations,limits\n\
                      NodeName=node[1-2] CPUs=2 RealMemory=1000\n\
                      PartitionName=main Nodes=ALL Default=YES MaxTime=60\n";

/// The master and two compute nodes, where nobody is known yet and nothing runs.
fn site() -> MutexGuard<'static, Site> {
    static SITE: OnceLock<Mutex<Site>> = OnceLock::new();
    let site = SITE.get_or_init(|| Mutex::new(Site::start("leavers", CONFIG)));
    let site = site.lock().unwrap_or_else(PoisonError::into_inner);
    site.empty();
    site
}

impl Site {
    /// `enlist COMMAND` with this roster, which has these people, their account and a few lines more.
    fn enlist(&self, command: &[&str], people: &str, more: &str) -> Ran {
        let stay = people.lines().filter(|line| !line.contains("state: absent"));
        let names: Vec<_> = stay.filter_map(|line| line.trim().split_once(':')).map(|(name, _)| name).collect();
        let text = format!(
            "scheduler: slurm_master\ngroups: {{team: {{gid: 3500}}}}\n{more}users:\n{people}accounts:\n  \
             project: {{users: [{}]}}\n",
            names.join(", ")
        );
        let roster = self.lab.write_temp("roster.yml", &text);
        let inventory = self.lab.dir().join("compute.ini");
        let site = ["-i", inventory.to_str().unwrap(), "--roster", roster.to_str().unwrap()];
        self.lab.enlist(&[command, &site].concat())
    }

    /// Jobs that wait, run or end, as `NAME STATE`.
    fn jobs(&self, user: &str) -> String {
        self.lab.sh("master", &format!("squeue -h -o '%j %T' | grep '^{user}' | sort")).stdout
    }
}

fn person(name: &str, uid: usize, more: &str) -> String {
    format!("  {name}: {{uid: {uid}, group: team, default_account: project{more}}}\n")
}

/// Whether the first job of a newcomer runs, at its first try, on nodes that never heard of him before.
#[test]
fn the_first_job_of_a_newcomer_runs_at_the_first_try() {
    let site = site();
    let (mut people, mut times) = (String::new(), Vec::new());
    for number in 1..=rounds(4, 100) {
        let name = format!("new{number}");
        // Somebody asked for the name before it was there: what caches keep of that must not stay.
        for host in ["master", "node1", "node2"] {
            site.lab.sh(host, &format!("getent passwd {name}")).code(2);
        }
        people += &person(&name, 5000 + number, "");
        let begun = Instant::now();
        site.enlist(&["apply", "-y"], &people, "").ok();
        let node = format!("node{}", number % 2 + 1);
        let job = site.submit(&name, &format!("-w {node} --wrap 'id -un >/tmp/{name}'"));
        site.until(&job, "COMPLETED");
        times.push(begun.elapsed());
        assert_eq!(site.lab.file(&node, &format!("/tmp/{name}")), format!("{name}\n"));
        let runs = site.lab.sh("master", &format!("sacct -nXP --duplicates -j {job} -o State")).stdout;
        assert_eq!(runs, "COMPLETED\n", "it ran at the first try");
    }
    times.sort();
    let (count, longest) = (times.len(), times[times.len() - 1]);
    figure("newcomers whose first job ran at once", format!("{count} of {count}, the slowest after {longest:.1?}"));
}

#[test]
fn jobs_of_leavers_end_as_the_roster_says() {
    let site = site();
    let people = ["now", "after", "runs", "held"];
    let listed = |of: fn(&str) -> &'static str| -> String {
        people.iter().zip(4001..).map(|(name, uid)| person(&format!("leave{name}"), uid, of(name))).collect()
    };
    site.enlist(&["apply", "-y"], &listed(|_| ""), "").ok();
    for (name, node) in people.iter().zip(["node1", "node1", "node2", "node2"]) {
        let name = format!("leave{name}");
        let job = site.submit(&name, &format!("-J {name} -w {node} --wrap 'exec sleep 1000'"));
        site.submit(&name, &format!("-J {name} --begin=now+1hour --array=1-2 --wrap true"));
        site.until(&job, "RUNNING");
    }
    let gone = listed(|name| match name {
        "now" => ", state: absent",
        "after" => ", state: absent, jobs: cancel after 1m",
        "runs" => ", state: absent, jobs: run",
        _ => ", locked: yes",
    });
    let policy = "leavers: {jobs: cancel}\n";

    let refused = site.enlist(&["plan"], &gone, &format!("{policy}guards: {{max_jobs: 5}}\n")).code(1).stderr;
    assert!(refused.contains("the plan ends 11 jobs that run or wait, and 5 is the limit"), "{refused}");
    let planned = site.enlist(&["plan"], &gone, policy).code(3).stdout;
    for said in ["~ jobs leavenow", "waiting     2 → 0", "running     1 → 0", "running     1 → cancel after 1m"] {
        assert!(planned.contains(said), "{said} is not in:\n{planned}");
    }
    assert!(planned.contains("1 job runs on (jobs: run)"), "{planned}");
    assert_eq!(site.jobs("leave").lines().count(), 8, "a plan ends nothing");

    // The job of who leaves now ran on node1 when the plan was made: the login goes from there with the next one.
    let told = site.enlist(&["apply", "-y"], &gone, policy).code(1).stdout;
    assert!(told.contains("! leavenow on node1  password: open"), "{told}");
    assert_eq!(site.jobs("leave"), "leaveafter RUNNING\nleaveruns RUNNING\n");
    site.enlist(&["apply", "-y"], &gone, policy).code(3);
    let associations = || site.lab.sh("master", "sacctmgr -nP show assoc where account=project format=user").stdout;
    assert_eq!(
        associations().lines().filter(|user| user.starts_with("leave")).collect::<Vec<_>>(),
        ["leaveafter", "leaveheld", "leaveruns"]
    );
    for name in ["leaveafter", "leaveheld", "leaveruns"] {
        let refused = site.by(name, "sbatch --wrap true").code(1).stderr;
        assert!(refused.contains("Job violates accounting/QOS policy"), "{name}: {refused}");
    }

    // The end of its time is the service's to keep: nobody has to run enlist again, and the master may die.
    site.kill("master");
    site.serve();
    let left = site.lab.sh("master", "squeue -h -n leaveafter -o %L").ok().stdout;
    let left = left.trim().trim_start_matches("1:").parse::<u32>().unwrap_or_else(|_| panic!("{left}"));
    assert!(left < 60, "less than two minutes are left");
    let told = site.enlist(&["explain", "leaveafter"], &gone, policy).code(2).stdout;
    assert!(told.contains("1 job runs on (jobs: cancel after 1m), 00:01:"), "{told}");
    let job = site.lab.sh("master", "squeue -h -n leaveafter -o %A").ok().stdout;
    let told = site.lab.sh("master", &format!("enlist explain {}", job.trim())).ok().stdout;
    assert!(told.contains("at the latest"), "{told}");

    // Who is let in again may submit again.
    let back = gone.replace("locked: yes", "locked: no");
    site.enlist(&["apply", "-y"], &back, policy).code(3);
    site.submit("leaveheld", "-J back --wrap true");

    site.lab.sh("master", "scancel -n leaveruns").ok();
    if is_long() {
        site.until(job.trim(), "TIMEOUT");
    } else {
        site.lab.sh("master", "scancel -n leaveafter").ok();
    }
    wait("their jobs are over", || site.jobs("leave").is_empty().then_some(()));
    let told = site.enlist(&["apply", "-y"], &back, &format!("{policy}guards: {{max_removals: 9}}\n")).ok().stdout;
    assert!(told.contains("- leaveruns  shut: password, keys, sessions, jobs"), "{told}");
    let left: Vec<_> = associations().lines().filter(|user| user.starts_with("leave")).map(str::to_owned).collect();
    assert_eq!(left, ["leaveheld"]);
    for host in ["master", "node1", "node2"] {
        site.lab.sh(host, "id leavenow || id leaveafter || id leaveruns").code(1);
    }
    site.enlist(&["plan"], &back, policy).ok();
}
