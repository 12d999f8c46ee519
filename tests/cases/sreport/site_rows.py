"""A made-up site's past, February and March 2025 in UTC, as rows of slurmdbd's tables: what the reports are about.

Everything that the roll-up treats differently is in it: queues, suspension, reservations of all kinds, nodes that are down
or planned away, slurmctld not answering, more load than the cluster has, accounts and users that are gone.
"""
import calendar
import sqlite3
import sys
import time

COMMANDS = """
add account science desc=science org=uni
add account physics parent=science desc=physics org=uni
add account chem parent=science desc=chem org=uni
add account eng desc=eng org=uni
add account old desc=old org=uni
add user alice account=physics wckey=alpha
add user alice account=chem
add user alice wckey=beta
add user bob account=physics wckey=alpha
add user carol account=chem wckey=beta
add user carol account=eng
add user dave account=eng
add user dave account=eng partition=gpu
add user zed account=old
""".strip().splitlines()

WCKEYS = [("alice", "alpha"), ("alice", "beta"), ("bob", "alpha"), ("carol", "beta")]

# Done when the usage is there.
LATER = ["delete user zed", "delete account old"]

USERS = {"root": 0, "alice": 2001, "bob": 2002, "carol": 2003, "dave": 2004, "zed": 2009}


def at(text):
    """Seconds since 1970 of `02-03T04:05[:06]`."""
    text = f"2025-{text}" + (":00" if text.count(":") == 1 else "")
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def amounts(cpu, mem=None, nodes=1, gpu=0):
    tres = {1: cpu, 2: mem or cpu * 2000, 4: nodes, 5: cpu}
    if gpu:
        tres[1001] = gpu
    return ",".join(f"{number}={count}" for number, count in tres.items())


SMALL, LARGE = amounts(32, 64000, 4, 8), amounts(48, 96000, 6, 8)

# start, end, node ('' is the cluster), state, TRES
EVENTS = [
    ("02-01T00:00", "02-10T05:15", "", 0, SMALL),
    ("02-10T05:15", "02-10T06:10", "", 1, SMALL),
    ("02-10T06:10", "02-20T12:30", "", 0, SMALL),
    ("02-20T12:30", "04-01T00:00", "", 0, LARGE),
    ("02-05T10:20", "02-05T13:40", "n1", 1, amounts(8, 16000, 1, 2)),
    ("02-12T00:00", "02-12T02:00:30", "n2", 1, amounts(8, 16000, 1, 2)),
    ("02-12T08:00", "02-12T11:00", "n3", 6, amounts(8, 16000)),
    ("03-03T10:00", "03-03T12:30", "n4", 1, amounts(8, 16000)),
]

# id, name, start, end, flags, nodes, associations as (account, user), TRES
MAINT, IGNORE_JOBS, FLEX = 1, 1 << 6, 1 << 25
RESERVATIONS = [
    (1, "course", "02-17T09:00", "02-17T12:00", 0, "n1", [("physics", "alice"), ("chem", "carol")], "1=8"),
    (2, "maintenance", "02-19T06:30", "02-19T09:30", MAINT | IGNORE_JOBS, "n[1-2]", [("root", "")], "1=16"),
    (3, "window", "03-03T09:00", "03-03T13:00", MAINT, "n4", [("root", "")], "1=8"),
    (4, "moved", "03-10T00:00", "03-10T04:00", 0, "n5", [("eng", "")], "1=8"),
    (4, "moved", "03-10T04:00", "03-10T06:00", FLEX, "n[5-6]", [("eng", "")], "1=16"),
]


def job(user, account, submit, eligible, start, end, cpus, **more):
    row = dict(user=user, account=account, submit=submit, eligible=eligible, start=start, end=end, cpus=cpus,
               partition="cpu", state=3, wckey="", reservation=0, suspended=[], array_pending=0, nodes="n1", gpu=0, qos=1)
    return row | more


JOBS = [
    # plain ones, inside an hour and over several, with waiting
    job("alice", "physics", "02-03T09:00", "02-03T09:00", "02-03T09:10", "02-03T09:40", 4, wckey="alpha"),
    job("alice", "chem", "02-03T09:05", "02-03T09:05", "02-03T09:30", "02-03T12:15:30", 2, wckey="beta"),
    job("bob", "physics", "02-03T22:00", "02-03T22:10", "02-03T23:30", "02-04T02:00", 8, wckey="alpha"),
    job("carol", "chem", "02-04T00:00", "02-04T00:00", "02-04T01:00", "02-04T02:00", 1, wckey="beta"),
    job("carol", "eng", "02-04T00:00", "02-04T00:00", "02-04T01:00:01", "02-04T01:00:31", 16),
    job("dave", "eng", "02-05T08:00", "02-05T08:00", "02-05T08:00", "02-06T08:00", 8, nodes="n2"),
    job("dave", "eng", "02-06T08:00", "02-06T08:00", "02-06T09:00", "02-06T10:30", 4, partition="gpu", gpu=2),
    # cancelled while waiting, never eligible, failed at once
    job("bob", "physics", "02-07T10:00", "02-07T10:00", "", "02-07T11:30", 12, state=4, nodes=""),
    job("bob", "physics", "02-07T10:00", "", "", "02-07T11:30", 12, state=4, nodes=""),
    job("bob", "physics", "02-07T12:00", "02-07T12:00", "02-07T12:30", "02-07T12:30", 12, state=5),
    # an array that waits
    job("alice", "physics", "02-08T10:00", "02-08T10:00", "", "02-08T13:00", 2, state=4, array_pending=3, nodes="",
        wckey="alpha"),
    # suspended, also over an hour's end
    job("carol", "chem", "02-09T01:00", "02-09T01:00", "02-09T01:00", "02-09T05:00", 4, wckey="beta",
        suspended=[("02-09T01:30", "02-09T01:40"), ("02-09T02:50", "02-09T03:20")]),
    # over the time in which slurmctld was away
    job("dave", "eng", "02-10T04:00", "02-10T04:00", "02-10T04:30", "02-10T08:00", 8),
    # more than there is
    job("alice", "physics", "02-11T09:00", "02-11T09:00", "02-11T09:00", "02-11T11:00", 24, wckey="alpha"),
    job("bob", "physics", "02-11T09:00", "02-11T09:00", "02-11T10:00", "02-11T12:00", 24, wckey="alpha"),
    job("carol", "eng", "02-11T09:00", "02-11T09:00", "02-11T11:30", "02-11T12:00", 32),
    # in reservations
    job("alice", "physics", "02-17T08:00", "02-17T08:00", "02-17T09:00", "02-17T10:30", 2, reservation=1, wckey="alpha"),
    job("carol", "chem", "02-17T08:00", "02-17T08:00", "02-17T11:00", "02-17T12:00", 8, reservation=1, wckey="beta"),
    job("root", "root", "02-19T07:00", "02-19T07:00", "02-19T07:00", "02-19T08:00", 4, reservation=2),
    job("dave", "eng", "03-10T03:00", "03-10T03:00", "03-10T03:00", "03-10T05:00", 8, reservation=4, nodes="n5"),
    # gone since
    job("zed", "old", "02-13T00:00", "02-13T00:00", "02-13T00:00", "02-13T03:20", 2),
    # over the month's end, and one that still runs
    job("bob", "physics", "02-28T20:00", "02-28T20:00", "02-28T21:00", "03-01T04:00", 16, wckey="alpha", nodes="n[1-2]"),
    job("dave", "eng", "03-30T20:00", "03-30T20:00", "03-30T22:00", "", 4, state=1),
] + [
    # a month of days, sizes 1 to 40
    job(("alice", "bob", "carol")[n % 3], ("physics", "physics", "chem")[n % 3], f"03-{n + 1:02}T10:00",
        f"03-{n + 1:02}T10:00", f"03-{n + 1:02}T10:{n:02}", f"03-{n + 1:02}T{12 + n % 5}:00", 1 + n * 13 % 40,
        wckey=("alpha", "", "beta")[n % 3], partition=("cpu", "gpu")[n % 2], nodes=f"n{1 + n % 6}")
    for n in range(28)
]


def indices(nodes):
    """Where slurmdbd has the nodes `n1` to `n6`: `n[1-2]` is `0-1`."""
    return quoted("-".join(str(int(number) - 1) for number in nodes.strip("n[]").split("-") if number))


def quoted(value):
    return "'" + str(value).replace("'", "''") + "'"


def sql():
    """The rows as SQL; associations and wckeys must be there already."""
    out = []

    def insert(table, **row):
        names = ", ".join(f"`{name}`" for name in row)
        out.append(f"insert into ref_{table} ({names}) values ({', '.join(map(str, row.values()))});")

    def association(account, user, partition=""):
        return (f"(select id_assoc from ref_assoc_table where acct={quoted(account)} and user={quoted(user)} and "
                f"`partition`={quoted(partition)})")

    for start, end, node, state, tres in EVENTS:
        insert("event_table", time_start=at(start), time_end=at(end), node_name=quoted(node),
               cluster_nodes=quoted("" if node else "n[1-6]"), reason=quoted("broken" if node else "Cluster Registered TRES"),
               state=state, tres=quoted(tres))
    for number, name, start, end, flags, nodes, owners, tres in RESERVATIONS:
        ids = "concat(" + ",',',".join(association(*owner) for owner in owners) + ")"
        insert("resv_table", id_resv=number, resv_name=quoted(name), time_start=at(start), time_end=at(end), flags=flags,
               nodelist=quoted(nodes), node_inx=indices(nodes), assoclist=ids, tres=quoted(tres))
    for number, row in enumerate(JOBS, 1001):
        partition = "gpu" if row["user"] == "dave" and row["partition"] == "gpu" else ""
        times = {f"time_{name}": at(row[name]) if row[name] else 0 for name in ("submit", "eligible", "start", "end")}
        held = amounts(row["cpus"], gpu=row["gpu"])
        wckey = row["wckey"]
        insert("job_table", job_db_inx=number, id_job=number, account=quoted(row["account"]), job_name=quoted(f"j{number}"),
               id_assoc=association(row["account"], row["user"], partition), id_user=USERS[row["user"]], id_group=3000,
               id_resv=row["reservation"], id_qos=row["qos"], id_wckey="0" if not wckey else
               f"(select id_wckey from ref_wckey_table where user={quoted(row['user'])} and wckey_name={quoted(wckey)})",
               wckey=quoted(wckey), cpus_req=row["cpus"], array_task_pending=row["array_pending"],
               **({"id_array_job": number, "array_task_str": quoted(f"0-{row['array_pending'] - 1}")} if row["array_pending"] else {}),
               het_job_id=0, het_job_offset=0xfffffffe, state_reason_prev=0, nodes_alloc=1 if row["start"] else 0,
               nodelist=quoted(row["nodes"]), node_inx=indices(row["nodes"]), partition=quoted(row["partition"]), priority=1,
               state=row["state"], timelimit=2880, time_suspended=sum(at(e) - at(s) for s, e in row["suspended"]),
               tres_alloc=quoted(held if row["start"] else ""), tres_req=quoted(held), **times)
        for start, end in row["suspended"]:
            insert("suspend_table", job_db_inx=number, id_assoc=0, time_start=at(start), time_end=at(end))
    return "\n".join(out)


def fill(path):
    """Puts the same rows into the store of an enlist that does not run."""
    store = sqlite3.connect(path)

    def insert(table, **row):
        store.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))

    def association(account, user, partition=""):
        where = "select id from association where account = ? and user = ? and partition = ?"
        return store.execute(where, (account, user, partition)).fetchone()[0]

    for number, (user, name) in enumerate(WCKEYS, 1):
        insert("wckey", id=number, user=user, cluster="ref", name=name, is_default=0, deleted=0)
    for number, (start, end, node, state, tres) in enumerate(EVENTS, 1):
        insert("event", id=number, cluster="ref", node=node, start=at(start), **{"\"end\"": at(end)}, state=state, reason="", user=None,
               tres=tres, cluster_nodes="")
    for number, name, start, end, flags, nodes, owners, tres in RESERVATIONS:
        ids = ",".join(str(association(*owner)) for owner in owners)
        insert("reservation", cluster="ref", id=number, name=name, start=at(start), **{"\"end\"": at(end)}, tres=tres, flags=flags, nodes=nodes,
               unused_wall=0.0, associations=ids)
    for number, row in enumerate(JOBS, 1001):
        partition = "gpu" if row["user"] == "dave" and row["partition"] == "gpu" else ""
        times = {f"time_{name}": at(row[name]) if row[name] else None for name in ("submit", "eligible", "start", "end")}
        held = amounts(row["cpus"], gpu=row["gpu"])
        tasks = f"0-{row['array_pending'] - 1}" if row["array_pending"] else None
        insert("job", cluster="ref", job_id=number, **times, suspended=sum(at(e) - at(s) for s, e in row["suspended"]),
               state=row["state"], exit_code=0, exit_signal=0, derived_code=0, derived_signal=0,
               array_job=number if tasks else None, array_tasks=tasks,
               association=association(row["account"], row["user"], partition), qos=1, name=f"j{number}", account=row["account"],
               user=row["user"], uid=USERS[row["user"]], gid=3000, partition=row["partition"], wckey=row["wckey"], reservation="",
               reservation_id=row["reservation"], nodes=row["nodes"], node_count=1 if row["start"] else 0,
               cpus_requested=row["cpus"], tres_requested=held, tres_allocated=held if row["start"] else "", priority=1, reason="",
               flags=0, constraints="", more="{}")
    store.commit()


if __name__ == "__main__":
    if sys.argv[1:] == ["commands"]:
        print("\n".join(command.split(" wckey=")[0] for command in COMMANDS if " wckey=" not in command or "account=" in command))
    else:
        fill(sys.argv[1])
