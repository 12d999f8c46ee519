#!/usr/bin/env python3
"""Records what ansible-inventory says about the cases here: list.json, graph.txt and patterns.json in each directory.

Run it with the Python of an environment that has ansible-core 2.19.14:

    python3 -m venv VENV && VENV/bin/pip install ansible-core==2.19.14 && VENV/bin/python tests/cases/inventory/record.py

A case is a directory with inventory files, `args` (options, default `-i hosts`) and `patterns` (host patterns to try,
one a line; a pattern that is an error is recorded as null).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

# No configuration of whoever runs this, and a case that Ansible cannot read is an error. Set before ansible is imported.
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": "/nonexistent/ansible.cfg",
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    "LC_ALL": "C.UTF-8",
}
os.environ.update(ENVIRONMENT)

from ansible.errors import AnsibleError  # noqa: E402
from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402

TOOL = Path(sys.executable).parent / "ansible-inventory"


def tool(*args):
    run = subprocess.run([TOOL, *args], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def record(case):
    os.chdir(case)
    args = Path("args").read_text().split() if Path("args").exists() else ["-i", "hosts"]
    write_json(case / "list.json", json.loads(tool(*args, "--list")))
    without_limit = [arg for i, arg in enumerate(args) if arg != "-l" and (i == 0 or args[i - 1] != "-l")]
    (case / "graph.txt").write_text(tool(*without_limit, "--graph", "--vars"))
    if not Path("patterns").exists():
        return
    sources = [args[i + 1] for i, arg in enumerate(args) if arg == "-i"]
    matched = {}
    for pattern in Path("patterns").read_text().splitlines():
        # A fresh one each time, since it remembers under which name it made an implicit localhost.
        inventory = InventoryManager(DataLoader(), sources)
        try:
            matched[pattern] = [host.name for host in inventory.get_hosts(pattern)]
        except AnsibleError:
            matched[pattern] = None
    write_json(case / "patterns.json", matched)


for case in sorted(Path(__file__).resolve().parent.iterdir()):
    if case.is_dir():
        print(case.name)
        record(case)
