//! The units under a real systemd: process 1 of namespaces of its own, on an overlay of this machine's files.

use super::support::Ran;
use crate::support::enlist_path;
use scheduling::demand::{Demand, MemoryDemand};
use scheduling::request::{BatchJob, JobRequest};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dist");

/// `$1` is a directory, `$2` the program, `$3` the units. The cgroups that systemd makes lie in one that goes afterwards.
const BOOT: &str = r#"
cd "$1" && mkdir space root cg && mount -t cgroup2 none cg && mkdir "cg/enlist-test-$$" && own="cg/enlist-test-$$"
sh -c 'echo $$ >"$0/cgroup.procs" && exec unshare -p -f -n -u -i -C --kill-child sh -ec "$1" sh "$2" "$3"' "$own" '
    mount -t tmpfs none space && mkdir space/up space/work
    mount -t overlay overlay -o lowerdir=/,upperdir=space/up,workdir=space/work root
    cd root
    mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp && mount --rbind /dev dev
    rm -rf etc/enlist var/lib/enlist etc/systemd/system/* usr/local/bin/enlist usr/local/bin/sacctmgr
    mkdir etc/enlist && echo ClusterName=ref >etc/enlist/enlist.conf
    cp "$1" usr/local/bin/enlist && ln -s enlist usr/local/bin/sacctmgr
    cp "$2"/*.service etc/systemd/system
    # What a boot does to the kernel (sysctl, mounts, devices) is not for a guest of this one.
    for unit in lib/systemd/system/sysinit.target.wants/*; do ln -s /dev/null "etc/systemd/system/${unit##*/}"; done
    printf "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n" >etc/systemd/system/bare.target
    exec env -i container=other PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot . /lib/systemd/systemd --system --unit=bare.target --log-target=console --show-status=0
' "$2" "$3"
find "$own" -depth -type d -exec rmdir {} +
"#;

/// A machine with systemd; it ends with this.
struct Machine {
    directory: TempDir,
    shell: Child,
}

impl Machine {
    fn boot() -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut shell = Command::new("unshare");
        shell.args(["-m", "sh", "-c", BOOT, "sh"]).arg(directory.path()).args([enlist_path(), UNITS]);
        let shell = shell.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let machine = Machine { directory, shell };
        machine.until("it boots", || machine.sh("systemctl is-system-running").stdout.trim() == "running");
        machine
    }

    /// systemd's process: the last of a line of only children.
    fn systemd(&self) -> Option<u32> {
        let mut pid = self.shell.id();
        loop {
            if std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim() == "systemd" {
                return Some(pid);
            }
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            pid = children.split_whitespace().next()?.parse().ok()?;
        }
    }

    fn sh(&self, line: &str) -> Ran {
        let Some(systemd) = self.systemd() else {
            return Ran { code: -1, stdout: String::new(), stderr: "no systemd".into() };
        };
        let mut command = Command::new("nsenter");
        command.args(["-t", &systemd.to_string(), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w", "sh", "-c", line]);
        command.env_remove("ENLIST_SOCKET").stdin(Stdio::null()).output().unwrap().into()
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(120);
        while !holds() {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(
                Instant::now() < until,
                "not so: {what}\n{}\n{}",
                log(),
                self.sh("systemctl --no-pager status").stdout
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn main(&self, unit: &str) -> String {
        self.sh(&format!("systemctl show -P MainPID {unit}")).ok().stdout.trim().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(systemd) = self.systemd() {
            // With process 1 all of its namespace goes.
            let _ = Command::new("kill").args(["-9", &systemd.to_string()]).status();
        }
        let _ = self.shell.wait();
    }
}

#[test]
fn the_units_start_reload_restart_and_stop() {
    assert!(Path::new("/lib/systemd/systemd").exists(), "tests/lab/setup installs systemd");
    let machine = Machine::boot();
    machine.sh("systemctl start enlist-serve").ok();
    machine.sh("sacctmgr -i add account a").ok();
    let first = machine.main("enlist-serve");
    let status = machine.sh(&format!("cat /proc/{first}/status")).ok().stdout;
    assert!(status.contains("CapBnd:\t0000000000000000") && status.contains("NoNewPrivs:\t1"), "{status}");
    assert_eq!(
        machine.sh("stat -c '%a %U' /var/lib/enlist /run/enlist/enlist.sock").ok().stdout,
        "700 root\n666 root\n"
    );

    machine.sh("echo AccountingStorageTRES=license/x >>/etc/enlist/enlist.conf && systemctl reload enlist-serve").ok();
    machine.until("it reloads", || machine.sh("sacctmgr -nP show tres format=type,name").stdout.contains("license|x"));
    assert_eq!(machine.main("enlist-serve"), first);

    machine.sh(&format!("kill -9 {first}")).ok();
    let active = || machine.sh("systemctl is-active enlist-serve").stdout.trim() == "active";
    machine.until("it starts again", || active() && machine.main("enlist-serve") != first);
    assert!(machine.sh("sacctmgr -nP show account format=account").ok().stdout.contains("a\n"));

    machine.sh("systemctl stop enlist-serve").ok();
    let ended = machine.sh("systemctl show -P Result,ActiveState,NRestarts enlist-serve; ls /run").ok().stdout;
    assert!(ended.contains("success") && ended.contains("inactive") && !ended.contains("enlist"), "{ended}");

    let certificates = "enlist cert init --name localhost && enlist cert request here >/tmp/asked && \
                        enlist cert issue here </tmp/asked >/tmp/signed && enlist cert install </tmp/signed";
    machine.sh(certificates).ok();
    machine.sh("systemctl start enlist-node").ok();
    let away = machine.sh("sacctmgr show user").code(1);
    assert!(away.stderr.contains("cannot reach the master localhost"), "{away:?}");
    machine.sh("systemctl reload enlist-node && systemctl is-active enlist-node").ok();
    machine.sh("systemctl stop enlist-node").ok();
    assert_eq!(machine.sh("systemctl show -P Result enlist-node").ok().stdout, "success\n");

    machine.sh("echo Nonsense=1 >>/etc/enlist/enlist.conf").ok();
    assert_ne!(machine.sh("systemctl start enlist-serve").code, 0, "a bad configuration is no start");
}

/// `KillMode=process`: supervisors and their scripts are in the unit's control group, and systemd leaves them alone.
#[test]
fn jobs_outlive_the_daemon_of_their_node() {
    let machine = Machine::boot();
    let lines = "NodeName=here CPUs=1 RealMemory=100\\nPartitionName=main Nodes=here Default=YES\\n";
    let own = "[Service]\\nExecStartPre=\\nExecStart=\\nExecStart=/usr/local/bin/enlist node --compute=here --local\\n";
    let set_up = format!(
        "printf '{lines}' >>/etc/enlist/enlist.conf && systemctl start enlist-serve && \
         mkdir /etc/systemd/system/enlist-compute.service.d && \
         printf '{own}' >/etc/systemd/system/enlist-compute.service.d/local.conf && \
         systemctl daemon-reload && systemctl start enlist-compute"
    );
    machine.sh(&set_up).ok();
    let batch = BatchJob {
        script: "#!/bin/sh\necho $$ >pid\nwhile ! test -e go; do sleep 0.1; done\nexit 4\n".into(),
        directory: "/tmp".into(),
        ..BatchJob::default()
    };
    let demand = Demand { memory: MemoryDemand::PerNode(50), ..Demand::default() };
    let request = serde_json::json!({ "request": JobRequest { demand, batch, ..JobRequest::default() } });
    let submit = format!(
        "curl -s --unix-socket /run/enlist/enlist.sock -H 'content-type: application/json' \
         http://enlist/v1/jobs/submit -d '{request}'"
    );
    assert!(machine.sh(&submit).ok().stdout.contains("\"job\":1"), "it is taken");
    machine.until("it runs", || machine.sh("test -s /tmp/pid").code == 0);
    for command in ["restart", "stop", "start"] {
        machine.sh(&format!("systemctl {command} enlist-compute")).ok();
        machine.sh("kill -0 $(cat /tmp/pid)").ok();
    }
    machine.sh("touch /tmp/go").ok();
    let sacct = "enlist slurm sacct -nPXj 1 -o State,ExitCode";
    machine.until("it is over", || machine.sh(sacct).stdout == "FAILED|4:0\n");
}
