#!/usr/bin/python3
"""Inside a lab host, as root: drives agents the way that controllers do, several at once or killed on the way, and judges
what is on the host then. `agents.py homes|keys|kill-make|kill-regroup|kill-remove ROUNDS`; the last line is a JSON object of counts."""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time

AGENT, SAVED, USERS = "/srv/agent", "/srv/etc", 50
DATABASES = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPs2zvQGrO0Q3QpR0cFl4v3l9r9tq5Y5b3G6m0lq8a9B x"


def request(module, items):
    bound = {"bytes": 16 << 20, "values": 300000}
    return {"module": module, "items": items, "check": False, "environment": [], "bound": bound}


def user(n):
    return {"name": f"s{n:03}", "uid": 3000 + n, "group": f"g{n % 5}", "groups": [f"g{(n + 1) % 5}"], "append": True}


GROUPS = request("group", [{"name": f"g{n}", "gid": 3500 + n} for n in range(5)])
PEOPLE = request("user", [user(n) for n in range(USERS)])
KEYS = request("authorized_key", [{"user": f"s{n:03}", "key": KEY} for n in range(USERS)])
GONE = request("user", [{"name": f"s{n:03}", "state": "absent", "remove": True} for n in range(USERS)])


def frames(requests):
    bodies = [json.dumps(each).encode() for each in requests]
    return b"".join(struct.pack(">I", len(body)) + body for body in bodies)


def start():
    return subprocess.Popen([AGENT, "MARK"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def results(said):
    """All results in an agent's output, as far as it came."""
    at, found = said.find(b"MARK hello\n") + len(b"MARK hello\n"), []
    while at + 4 <= len(said):
        length = struct.unpack(">I", said[at:at + 4])[0]
        if len(said) < at + 4 + length:
            break
        frame = json.loads(said[at + 4:at + 4 + length])
        found += frame.get("Ok", {}).get("results", [])
        at += 4 + length
    return found


def run(requests):
    agent = start()
    said = agent.communicate(frames(requests))[0]
    assert agent.returncode == 0, agent.returncode
    return results(said)


def run_two(requests):
    """Two agents at once; the results of each."""
    agents, said = [start(), start()], [None, None]

    def talk(n):
        said[n] = agents[n].communicate(frames(requests))[0]
    talkers = [threading.Thread(target=talk, args=(n,)) for n in range(2)]
    [talker.start() for talker in talkers]
    [talker.join() for talker in talkers]
    return [results(each) for each in said]


def errors(answers):
    return [answer["outcome"]["Err"]["msg"] for answer in answers if "Err" in answer["outcome"]]


def save():
    shutil.rmtree(SAVED, ignore_errors=True)
    os.makedirs(SAVED)
    for name in DATABASES:
        shutil.copy2(f"/etc/{name}", SAVED)
        owner = os.stat(f"/etc/{name}")
        os.chown(f"{SAVED}/{name}", owner.st_uid, owner.st_gid)


def restore():
    for name in DATABASES:
        shutil.copy2(f"{SAVED}/{name}", f"/etc/{name}")
        owner = os.stat(f"{SAVED}/{name}")
        os.chown(f"/etc/{name}", owner.st_uid, owner.st_gid)
    subprocess.run("rm -rf /home/s[0-9]* /home/.s[0-9]* /var/mail/s[0-9]* /root/.enlist-work", shell=True, check=True)


def lines(name):
    return [line.split(":") for line in open(f"/etc/{name}").read().splitlines()]


def names(database):
    return {line[0] for line in lines(database)}


def unsound():
    """What no reader of the account files may ever see."""
    wrong = []
    for name, fields in [("passwd", 7), ("shadow", 9), ("group", 4), ("gshadow", 4)]:
        wrong += [f"{name}: {line}" for line in lines(name) if len(line) != fields]
        there, before = os.stat(f"/etc/{name}"), os.stat(f"{SAVED}/{name}")
        if (there.st_mode, there.st_uid, there.st_gid) != (before.st_mode, before.st_uid, before.st_gid):
            wrong.append(f"{name}: owner or mode")
    gids = {line[2] for line in lines("group")}
    wrong += [f"{line[0]}: gid {line[3]} is no group" for line in lines("passwd") if line[3] not in gids]
    return wrong + [f"{name}: no line in shadow" for name in sorted(names("passwd") - names("shadow"))]


def leftovers():
    etc = [f"/etc/{name}" for name in os.listdir("/etc") if name != ".pwd.lock"]
    found = [path for path in etc if path.endswith(".lock") or ".enlist" in path]
    for directory in ["/home", "/root", "/var/mail"]:
        found += [f"{directory}/{name}" for name in os.listdir(directory) if ".enlist" in name]
    for home in os.listdir("/home"):
        for inner in ["", "/.ssh"]:
            path = f"/home/{home}{inner}"
            found += [f"{path}/{name}" for name in (os.listdir(path) if os.path.isdir(path) else []) if ".enlist" in name]
    return found


SKELETON = {name: open(f"/etc/skel/{name}", "rb").read() for name in os.listdir("/etc/skel")}


def broken_homes(extra=()):
    wrong = []
    for n in range(USERS):
        home = f"/home/s{n:03}"
        if not os.path.isdir(home):
            wrong.append(f"{home}: none")
            continue
        stat = os.stat(home)
        if (stat.st_uid, stat.st_gid, stat.st_mode & 0o777) != (3000 + n, 3500 + n % 5, 0o755):
            wrong.append(f"{home}: {stat.st_uid}:{stat.st_gid} {stat.st_mode:o}")
        for name, content in SKELETON.items():
            path = f"{home}/{name}"
            if not os.path.isfile(path) or open(path, "rb").read() != content or os.stat(path).st_uid != 3000 + n:
                wrong.append(path)
        if set(os.listdir(home)) - set(SKELETON) - set(extra):
            wrong.append(f"{home}: {os.listdir(home)}")
    return wrong


def homes(rounds, count):
    """Two agents make the same users, a request each, as two `enlist apply` do."""
    asked = [GROUPS] + [request("user", [each]) for each in PEOPLE["items"]] + [KEYS]
    for _ in range(rounds):
        restore()
        for answers in run_two(asked):
            count("failed", errors(answers))
        count("broken", broken_homes(extra=[".ssh"]) + unsound())
        keys = [f"/home/s{n:03}/.ssh/authorized_keys" for n in range(USERS)]
        count("keyless", [key for key in keys if not os.path.isfile(key) or open(key).read() != KEY + "\n"])
        count("left", leftovers())


def keys(rounds, count):
    """Two agents make SSH keys for the same users."""
    wanted = [{"name": f"s{n:03}", "generate_ssh_key": True, "ssh_key_type": "ed25519"} for n in range(USERS)]
    for _ in range(rounds):
        restore()
        run([GROUPS, PEOPLE])
        for answers in run_two([request("user", [each]) for each in wanted]):
            count("failed", errors(answers))
        for n in range(USERS):
            path = f"/home/s{n:03}/.ssh/id_ed25519"
            derived = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True).stdout
            public = open(path + ".pub").read() if os.path.exists(path + ".pub") else ""
            count("unpaired", [path] if not derived or derived.split()[:2] != public.split()[:2] else [])
        count("left", leftovers())


def kill(requests, prepare, judge, rounds, count):
    """Kills an agent at random instants of its work; the next one must end it."""
    dice = random.Random(20261130)
    prepare()
    begun = time.monotonic()
    run(requests)
    whole = time.monotonic() - begun
    cut = 0
    # How long the work takes is only known roughly: a kill that came too late is another try, sooner.
    for _ in range(10 * rounds):
        if cut == rounds:
            break
        prepare()
        agent = start()
        agent.stdin.write(frames(requests))
        agent.stdin.flush()
        time.sleep(dice.uniform(0.002, whole))
        agent.kill()
        agent.stdin.close()
        said = agent.stdout.read()
        agent.wait()
        agent.stdout.close()
        if said.count(b'{"Ok":{"results":') >= len(requests):
            count("late", ["all was answered"])
            whole *= 0.8
            continue
        cut, whole = cut + 1, whole * 1.05
        count("cut", ["in the middle"])
        count("unsound", unsound())
        if cut % 5 == 1:
            tools = subprocess.run("useradd -M -u 4999 zz && userdel zz", shell=True, capture_output=True, text=True)
            count("blocked", [tools.stderr] if tools.returncode else [])
        count("failed", errors(run(requests)))
        count("incomplete", judge() + unsound())
        count("left", leftovers())
        count("again", [answer for answer in run(requests) if answer["changed"]])


def kill_make(rounds, count):
    def judge():
        wanted = {f"s{n:03}" for n in range(USERS)}
        return broken_homes(extra=[".ssh"]) + sorted(wanted - names("passwd")) + sorted(names("group") ^ names("gshadow"))
    kill([GROUPS, PEOPLE, KEYS], restore, judge, rounds, count)


REGROUP = request("user", [{"name": f"s{n:03}", "group": f"g{(n + 2) % 5}"} for n in range(USERS)])


def kill_regroup(rounds, count):
    """Only the primary group changes, by which nothing of the home says that its files are still to get the new one."""
    restore()
    run([GROUPS, PEOPLE])
    shutil.rmtree("/srv/home", ignore_errors=True)
    full = {name: open(f"/etc/{name}").read() for name in DATABASES}
    fill = "cd /home && for home in s[0-9]*; do for n in 1 2 3 4 5 6 7 8; do cp $home/.profile $home/f$n; " \
           "done; chown -R --reference=$home $home; done; mkdir /srv/home && cp -a s[0-9]* /srv/home/"
    subprocess.run(fill, shell=True, check=True)

    def prepare():
        restore()
        for name in DATABASES:
            with open(f"/etc/{name}", "w") as file:
                file.write(full[name])
        subprocess.run("rm -rf /home/s[0-9]* /home/.s*; cp -a /srv/home/s[0-9]* /home/", shell=True, check=True)

    def judge():
        wrong = []
        for n in range(USERS):
            for directory, _, files in os.walk(f"/home/s{n:03}"):
                paths = [directory] + [os.path.join(directory, name) for name in files]
                wrong += [path for path in paths if os.lstat(path).st_gid != 3500 + (n + 2) % 5]
        return wrong
    kill([REGROUP], prepare, judge, rounds, count)


def kill_remove(rounds, count):
    restore()
    run([GROUPS, PEOPLE, KEYS])
    shutil.rmtree("/srv/home", ignore_errors=True)
    full = {name: open(f"/etc/{name}").read() for name in DATABASES}
    subprocess.run("mkdir /srv/home && cp -a /home/s[0-9]* /srv/home/", shell=True, check=True)

    def prepare():
        restore()
        for name in DATABASES:
            with open(f"/etc/{name}", "w") as file:
                file.write(full[name])
        subprocess.run("cp -a /srv/home/s[0-9]* /home/", shell=True, check=True)

    def judge():
        left = [name for name in os.listdir("/home") + os.listdir("/var/mail") if name.startswith("s")]
        members = [line[0] for line in lines("group") if "s0" in line[3]]
        people = [name for database in DATABASES for name in names(database) if name.startswith("s0")]
        return left + members + people
    kill([GONE], prepare, judge, rounds, count)


def main(what, rounds):
    counts, examples = {"rounds": rounds}, []

    def count(kind, found):
        counts[kind] = counts.get(kind, 0) + len(found)
        if found and kind != "late":
            examples.append((kind, found[:3]))
    save()
    {"homes": homes, "keys": keys, "kill-make": kill_make, "kill-regroup": kill_regroup,
     "kill-remove": kill_remove}[what](rounds, count)
    for kind, found in examples[:10]:
        print(kind, found)
    print(json.dumps(counts))


main(sys.argv[1], int(sys.argv[2]))
