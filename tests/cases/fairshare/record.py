#!/usr/bin/env python3
"""Records what the real sshare says about the trees here: the `sshare` text of each case file.

    tests/cases/fairshare/record.py [CASE.yml ...]        all of them if none is named; needs root

A case has `method` (fair_tree or classic), `setup` (sacctmgr commands) and `jobs` ("USER ACCOUNT CPUS SECONDS", run at the
same time, as real processes, in the Slurm of tests/lab/real_slurm.py). slurmctld is restarted before sshare is asked, since
only a pass of the priority plugin computes factors.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../../lab"))
import real_slurm

FIELDS = "Account,User,RawShares,NormShares,RawUsage,NormUsage,EffectvUsage,FairShare,LevelFS"
FLAGS = {"fair_tree": "", "classic": "PriorityFlags=NO_FAIR_TREE\n"}


def entries(text, key):
    """The items of a list in the case file: the few forms of YAML that the cases use."""
    block = re.search(rf"^{key}:\n((?:  - .*\n)*)", text, re.M)
    return re.findall(r"^  - (.*)$", block.group(1), re.M) if block else []


def run_jobs(jobs):
    running = []
    for user, account, cpus, seconds in (job.split() for job in jobs):
        command = ["setpriv", f"--reuid={user}", "--regid=people", "--clear-groups", "srun", "-A", account, "-n", cpus,
                   "sleep", seconds]
        running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd="/"))
    for job in running:
        assert job.wait() == 0, job.args


def restart_controller(slurm):
    """Ends slurmctld in good order, so that it saves what was used, and starts it anew."""
    controller = slurm.daemons.pop("slurmctld")
    controller.send_signal(signal.SIGTERM)
    assert controller.wait() == 0
    slurm.spawn("slurmctld", "-D")
    real_slurm.wait_for(["scontrol", "ping"], lambda out: "is UP" in out)


def sshare():
    return subprocess.run(["sshare", "-a", "-P", "-o", FIELDS], check=True, capture_output=True, text=True).stdout


def record(slurm, path, configuration):
    text = path.read_text()
    method = re.search(r"^method: (\w+)$", text, re.M).group(1)
    (slurm.d / "slurm.conf").write_text(configuration + FLAGS[method])
    slurm.reset()
    for command in entries(text, "setup"):
        subprocess.run(["sacctmgr", "-i", "-Q", *shlex.split(command)], check=True, stdout=subprocess.DEVNULL)
    run_jobs(entries(text, "jobs"))
    restart_controller(slurm)
    # The first pass comes within a second; until then no user but root has a factor.
    real_slurm.wait_for(["sshare", "-a", "-n", "-P", "-o", "User,FairShare"], factors_are_there)
    said = sshare()
    kept = text.split("\nsshare: |\n")[0].rstrip("\n")
    path.write_text(kept + "\nsshare: |\n" + "".join(f"  {line}\n" for line in said.splitlines()))
    print(path.name, flush=True)


def factors_are_there(out):
    users = [line.split("|")[1] for line in out.splitlines() if line.split("|")[0]]
    return any(float(factor or 0) > 0 for factor in users)


def main():
    sys.argv[1:] = map(os.path.abspath, sys.argv[1:])
    real_slurm.enter()
    os.chdir("/")
    with tempfile.TemporaryDirectory(prefix="record-") as directory:
        try:
            slurm = real_slurm.Slurm(directory, nodes=(4, 0))
            configuration = (slurm.d / "slurm.conf").read_text()
            for case in map(Path, sys.argv[1:] or sorted(HERE.glob("*.yml"))):
                record(slurm, case, configuration)
        finally:
            subprocess.run(["umount", "-l", directory])


if __name__ == "__main__":
    main()
