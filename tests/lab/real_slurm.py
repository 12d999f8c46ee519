"""A real Slurm for tests: munge, MariaDB and slurmdbd of Debian's packages, and on request slurmctld with its nodes.

It runs in the network, mount, PID and UTS namespace of the calling process (see `enter`), with loopback only; its files are
on a tmpfs that goes with the namespace. The cluster is called `ref`, knows gres/gpu, and is empty.

With nodes there are the partitions `cpu` (c1…, 8 CPUs, 16 GB each) and `gpu` (g1…, 16 CPUs, 4 GPUs of type a100), limits
are enforced, and the people below exist. The nodes' hardware is made up; their jobs are real processes.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HOST, PORT = "refmaster", 13306
PEOPLE = ("alice", "bob", "carol", "dave", "gildong", "erin", "frank", "grace", "heidi")  # 2001 and on, group people (3000)


def enter():
    """Runs this program again as the first process of namespaces of its own, which end with it."""
    if os.environ.get("REAL_SLURM_INSIDE") != "1":
        os.environ.update(REAL_SLURM_INSIDE="1", TZ="UTC")
        argv = ["unshare", "-m", "-n", "-p", "-u", "-f", "--mount-proc", "--kill-child", "--propagation", "private"]
        os.execvp("unshare", [*argv, sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def run(*argv, **options):
    """A command that must succeed; its standard output."""
    done = subprocess.run(argv, capture_output=True, **options)
    if done.returncode != 0:
        sys.exit(f"real slurm: {' '.join(argv)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def wait_for(argv, good=lambda out: True, seconds=120):
    until = time.monotonic() + seconds
    while True:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode == 0 and good(done.stdout.decode()):
            return
        if time.monotonic() > until:
            sys.exit(f"real slurm: gave up waiting for: {' '.join(argv)}: {done.stdout} {done.stderr}")
        time.sleep(0.05)


class Slurm:
    """One cluster. `directory` is an empty one; the state lies on a tmpfs over it, or on its disk if asked for."""

    def __init__(self, directory, nodes=(0, 0), config="", on_disk=False):
        self.d, self.nodes, self.daemons = Path(directory), nodes, {}
        if not on_disk:
            run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
        os.chmod(directory, 0o755)
        self.log = open(self.d / "log", "ab")
        self.network()
        self.people()
        self.write_config(config)
        self.start_munge()
        self.start_database()
        self.start_dbd()
        self.start_nodes()

    def network(self):
        run("hostname", HOST)
        run("ip", "link", "set", "lo", "up")
        # An address that is no loopback one, or getaddrinfo finds no protocol to listen on.
        run("ip", "addr", "add", "198.18.0.1/32", "dev", "lo")
        self.cover("/etc/hosts", f"127.0.0.1 localhost {HOST}\n")

    def people(self):
        if not any(self.nodes):
            return
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        for uid, name in enumerate(PEOPLE, 2001):
            passwd += f"{name}:x:{uid}:3000:{name}:/tmp:/bin/sh\n"
        self.cover("/etc/passwd", passwd)
        self.cover("/etc/group", group + "people:x:3000:\n")

    def cover(self, path, text):
        """Another text for a file of the machine, seen in these namespaces only."""
        mine = self.d / path.strip("/").replace("/", "-")
        mine.write_text(text)
        run("mount", "--bind", str(mine), path)

    def write_config(self, extra):
        d, (cpu, gpu) = self.d, self.nodes
        common = f"AuthType=auth/munge\nAuthInfo=socket={d}/munge.socket\nSlurmUser=root\n"
        (d / "slurmdbd.conf").touch(0o600)
        self.slurmdbd = (
            f"{common}DbdHost=localhost\nLogFile={d}/slurmdbd.log\nPidFile={d}/slurmdbd.pid\n"
            f"StorageType=accounting_storage/mysql\nStorageHost=127.0.0.1\nStoragePort={PORT}\nStorageUser=slurm\n"
            "StoragePass=slurm\nStorageLoc=slurm_acct\nTrackSlurmctldDown=no\n")
        (d / "slurmdbd.conf").write_text(self.slurmdbd)
        lines = [common, f"ClusterName=ref\nSlurmctldHost={HOST}(127.0.0.1)", f"StateSaveLocation={d}/state",
                 f"AccountingStorageTRES=gres/gpu\nAccountingStorageType=accounting_storage/slurmdbd\n"
                 f"AccountingStorageHost=localhost\nAccountingStoragePass={d}/munge.socket"]
        lines += [CONTROLLER.format(d=d)] if any(self.nodes) else ["NodeName=n1\nPartitionName=p Nodes=n1"]
        node = f"NodeHostname={HOST} NodeAddr=127.0.0.1"
        if cpu:
            lines += [f"NodeName=c[1-{cpu}] {node} CPUs=8 RealMemory=16000 Port=[17001-{17000 + cpu}]",
                      f"PartitionName=cpu Nodes=c[1-{cpu}] Default=YES MaxTime=7-00:00:00 DefaultTime=01:00:00"]
        if gpu:
            lines += [f"NodeName=g[1-{gpu}] {node} CPUs=16 RealMemory=64000 Gres=gpu:a100:4 "
                      f"Port=[17501-{17500 + gpu}]",
                      f"PartitionName=gpu Nodes=g[1-{gpu}] MaxTime=2-00:00:00 DefaultTime=01:00:00"]
            (d / "gres.conf").write_text(f"NodeName=g[1-{gpu}] Name=gpu Type=a100 File={d}/gpu[0-3]\n")
            for number in range(4):
                os.mknod(d / f"gpu{number}", 0o20666, os.makedev(1, 3))
        (d / "slurm.conf").write_text("\n".join([*lines, extra, ""]))
        (d / "cgroup.conf").touch()
        (d / "state").mkdir()
        os.environ["SLURM_CONF"] = f"{d}/slurm.conf"

    def start_munge(self):
        key = self.d / "key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        run("munged", "--force", *(f"--{name}={self.d}/{file}" for name, file in [
            ("key-file", "key"), ("socket", "munge.socket"), ("pid-file", "munged.pid"), ("log-file", "munged.log"),
            ("seed-file", "seed")]))

    def start_database(self):
        data = self.d / "mysql"
        data.mkdir()
        shutil.chown(data, "mysql")
        run("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
            "--auth-root-authentication-method=normal")
        self.spawn("mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={data}/sock",
                   "--bind-address=127.0.0.1", f"--port={PORT}", "--innodb-lock-wait-timeout=900",
                   "--innodb-log-file-size=64M", "--innodb-buffer-pool-size=256M", "--skip-name-resolve")
        wait_for([*self.client("mariadb"), "-e", "select 1"])

        self.sql("create database slurm_acct; create user slurm@'127.0.0.1' identified by 'slurm';"
                 "grant all on slurm_acct.* to slurm@'127.0.0.1'; flush privileges")
        self.start_dbd()
        run("sacctmgr", "-i", "add", "cluster", "ref")
        self.stop("slurmdbd")
        # What slurmctld with AccountingStorageTRES=gres/gpu would register.
        self.sql("insert into slurm_acct.tres_table (creation_time, id, type, name) values (1, 1001, 'gres', 'gpu');"
                 "insert into slurm_acct.txn_table (timestamp, action, name, actor, info) values "
                 "(unix_timestamp(), 1485, 'id=1001', 'root', 'type=gres, name=gpu')")
        self.fresh = run(*self.client("mariadb-dump"), "slurm_acct")

    def client(self, program):
        return [program, "--no-defaults", "-h", "127.0.0.1", "-P", str(PORT), "-u", "root"]

    def sql(self, text, *database):
        """Runs SQL in MariaDB."""
        return run(*self.client("mariadb"), *database, input=text.encode() if isinstance(text, str) else text)

    def spawn(self, *argv, name=None):
        self.daemons[name or argv[0]] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log,
                                                         stderr=self.log, start_new_session=True, cwd="/")

    def stop(self, name):
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def start_dbd(self):
        self.spawn("slurmdbd", "-D")
        wait_for(["sacctmgr", "-n", "show", "tres"])

    def start_nodes(self):
        if not any(self.nodes):
            return
        self.spawn("slurmctld", "-D")
        wait_for(["scontrol", "ping"], lambda out: "is UP" in out)
        names = [f"{kind}{n}" for kind, many in zip("cg", self.nodes) for n in range(1, many + 1)]
        for name in names:
            (self.d / "spool" / name).mkdir(parents=True, exist_ok=True)
            self.spawn("slurmd", "-D", "-N", name, name=name)
        wait_for(["sinfo", "-h", "-N", "-p", "cpu,gpu", "-o", "%t"], lambda out: out.split() == ["idle"] * len(names))

    def end_jobs(self):
        """Kills the shepherds of jobs; none is left to report to the next slurmd."""
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if Path(f"/proc/{entry}/comm").read_text().strip() == "slurmstepd":
                    os.kill(int(entry), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                pass

    def reset(self, slurmdbd=""):
        """The empty cluster again, with more lines for slurmdbd.conf. Nothing is kept, so no daemon need end in good order."""
        for name in [name for name in self.daemons if name != "mariadbd"]:
            self.stop(name)
        self.end_jobs()
        for place in ("state", "spool"):
            shutil.rmtree(self.d / place, ignore_errors=True)
        (self.d / "state").mkdir()
        self.sql("drop database slurm_acct; create database slurm_acct")
        self.sql(self.fresh, "slurm_acct")
        (self.d / "slurmdbd.conf").write_text(self.slurmdbd + slurmdbd + "\n")
        self.start_dbd()
        self.start_nodes()


CONTROLLER = """
SlurmctldPidFile={d}/slurmctld.pid
SlurmctldLogFile={d}/slurmctld.log
SlurmdPidFile={d}/slurmd-%n.pid
SlurmdLogFile={d}/slurmd-%n.log
SlurmdSpoolDir={d}/spool/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
KillWait=2
FirstJobId=1001
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
GresTypes=gpu
PriorityType=priority/multifactor
PriorityCalcPeriod=1
PriorityWeightFairshare=100000
PriorityWeightQOS=10000
AccountingStorageEnforce=associations,limits,qos
"""
