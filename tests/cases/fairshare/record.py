#!/usr/bin/env python3
"""Records what the real sshare says about the trees here: the `sshare` text of each case file.

    SLURM_REF=.../slurm-ref python3 tests/cases/fairshare/record.py [CASE.yml ...]

SLURM_REF is a program that starts a throw-away Slurm 22.05.8 cluster with the commands `up`, `reset` (empty accounting)
and `down --purge`, keeps its files in $SREF_DIR (bin/ with Slurm's commands, etc/slurm.conf, run/slurmctld.pid) and runs
commands as $SREF_USER. The users root, alice, bob, carol, dave, erin, frank, grace and heidi exist there.

A case has `method` (fair_tree or classic), `setup` (sacctmgr commands) and `jobs` ("USER ACCOUNT CPUS SECONDS", run at the
same time). slurmctld is restarted before sshare is asked, since only a pass of the priority plugin computes factors.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
REF = os.environ["SLURM_REF"]
DIR = Path(os.environ["SREF_DIR"])
FIELDS = "Account,User,RawShares,NormShares,RawUsage,NormUsage,EffectvUsage,FairShare,LevelFS"
FLAGS = {"fair_tree": "", "classic": "PriorityFlags=NO_FAIR_TREE\n"}


def slurm(*command, user="root"):
    return subprocess.run(
        [DIR / "bin" / command[0], *command[1:]],
        env={**os.environ, "SREF_USER": user}, cwd="/", check=True, text=True, stdout=subprocess.PIPE,
    ).stdout


def entries(text, key):
    """The items of a list in the case file: the few forms of YAML that the cases use."""
    block = re.search(rf"^{key}:\n((?:  - .*\n)*)", text, re.M)
    return re.findall(r"^  - (.*)$", block.group(1), re.M) if block else []


def run_jobs(jobs):
    running = []
    for user, account, cpus, seconds in (job.split() for job in jobs):
        command = [DIR / "bin/srun", "-A", account, "-n", cpus, "sleep", seconds]
        running.append(subprocess.Popen(command, env={**os.environ, "SREF_USER": user}, cwd="/"))
    for job in running:
        assert job.wait() == 0, job.args


def restart_controller(method):
    pid = int((DIR / "run/slurmctld.pid").read_text())
    configuration = DIR / "etc/slurm.conf"
    lines = [it for it in configuration.read_text().splitlines(True) if not it.startswith("PriorityFlags")]
    configuration.write_text("".join(lines) + FLAGS[method])
    subprocess.run([REF, "exec", "kill", str(pid)], check=True)
    time.sleep(2)
    subprocess.run([REF, "up"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(2)


def record(path):
    text = path.read_text()
    method = re.search(r"^method: (\w+)$", text, re.M).group(1)
    subprocess.run([REF, "reset"], check=True, stdout=subprocess.DEVNULL)
    for command in entries(text, "setup"):
        slurm("sacctmgr", "-i", "-Q", *command.split())
    run_jobs(entries(text, "jobs"))
    restart_controller(method)
    said = slurm("sshare", "-a", "-P", "-o", FIELDS)
    kept = text.split("\nsshare: |\n")[0].rstrip("\n")
    path.write_text(kept + "\nsshare: |\n" + "".join(f"  {line}\n" for line in said.splitlines()))
    print(path.name, flush=True)


if __name__ == "__main__":
    subprocess.run([REF, "up"], check=True, stdout=subprocess.DEVNULL)
    for case in [Path(it) for it in sys.argv[1:]] or sorted(HERE.glob("*.yml")):
        record(case)
