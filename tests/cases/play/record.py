#!/usr/bin/env python3
"""Records what ansible-playbook makes of the playbooks here: NAME.out beside each NAME.yml.

Run it as root with the Python of an environment that has ansible-core 2.19.14; names of cases cut it down to these:

    python3 -m venv VENV && VENV/bin/pip install ansible-core==2.19.14 && VENV/bin/python tests/cases/play/record.py

A case is a playbook. Comments at its head: what it shows; `# args: OPTIONS`; `# differs: REASON` where enlist differs on
purpose, and what it says instead is in NAME.enlist. Each runs in a copy of this directory with the inventory `hosts`;
what it leaves in the empty directory `work` is recorded with what it prints. tests/it/play_cases.rs runs the same with
enlist and masks its output in the same way.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ["HOME"],
    "LC_ALL": "C.UTF-8",
    "ANSIBLE_CONFIG": "/nonexistent/ansible.cfg",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    # One worker, so that hosts answer in their order.
    "ANSIBLE_FORKS": "1",
    "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
}

# What cannot be equal. Keep these in step with `mask` in tests/it/play_cases.rs.
MASKS = [
    # Said at -v.
    (r"^No config file found; using defaults\n", ""),
    # Times of commands, and the program's own name for the moment.
    (r'"(start|end|delta)": "[^"]*"', r'"\1": "TIME"'),
    # Error blocks are each program's own; the result line below them is compared.
    (r"(?m)^\[ERROR\]:(?s:.*?)(?=^(?:fatal|failed): )", ""),
]


def mask(text, directory):
    text = text.replace(str(directory), "DIR")
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text


def files(work):
    for path in sorted(work.rglob("*")):
        mode = f"{path.lstat().st_mode & 0o7777:04o}"
        name = path.relative_to(work)
        if path.is_symlink():
            yield f"--- link {name} -> {os.readlink(path)}\n"
        elif path.is_dir():
            yield f"--- directory {name} {mode}\n"
        else:
            yield f"--- file {name} {mode}\n{path.read_text()}"


def record(case):
    args = re.findall(r"^# args: (.*)$", case.read_text(), re.M)
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory).resolve() / "case"
        shutil.copytree(HERE, directory)
        (directory / "work").mkdir()
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts", case.name, *" ".join(args).split()]
        run = subprocess.run(command, cwd=directory, env=ENVIRONMENT, capture_output=True, text=True)
        text = mask(run.stdout, directory) + f"--- exit {run.returncode}\n" + "".join(files(directory / "work"))
        case.with_suffix(".out").write_text(text)
        print(case.stem, run.returncode)


wanted = sys.argv[1:] or [path.stem for path in sorted(HERE.glob("*.yml"))]
os.umask(0o022)
with ThreadPoolExecutor(3) as pool:
    list(pool.map(record, [HERE / f"{name}.yml" for name in wanted]))
