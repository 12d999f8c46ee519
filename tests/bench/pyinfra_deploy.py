"""The reference playbook, or its class of 200, as a pyinfra deploy."""
import os

from pyinfra import host
from pyinfra.operations import server

count = int(os.environ["BENCH_USERS"])
people = [("gildong", 2001, "ai_team", 3001)] if count == 1 else [
    (f"class{n}", 20000 + n, f"class{n}", 30000 + n) for n in range(1, count + 1)]

for user, uid, group, gid in people:
    server.group(group=group, gid=gid, _sudo=True)
    server.user(user=user, uid=uid, group=group, shell="/bin/bash", _sudo=True)
    if host.name == "10.0.0.10":
        add = f"sacctmgr -i add user {user} Account=ai_project"
        server.shell(commands=[f'out=$({add} 2>&1) || echo "$out" | grep -q "Already exists"'], _sudo=True)
