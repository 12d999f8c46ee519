"""Job records at scale, enlist alone: imports, rollup, reports and lists, with the memory that the service takes."""
import itertools
import random
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ACCOUNTS, USERS, NODES = 100, 5000, 400
DAY = 86_400
HEADING = ("JobID|JobIDRaw|JobName|User|Account|Partition|QOS|UID|GID|Submit|Eligible|Start|End|State|ExitCode|"
           "TimelimitRaw|Priority|ReqCPUS|ReqTRES|AllocTRES|AllocNodes|NodeList|Flags|WorkDir|NTasks|TotalCPU|MaxRSS\n")
SIZES = [(1, 4000, 1, 0), (1, 8000, 1, 0), (4, 16000, 1, 0), (8, 32000, 1, 1), (16, 64000, 1, 2), (32, 128000, 1, 4),
         (64, 256000, 1, 8), (128, 512000, 2, 16)]
NAMES = ["train", "eval.sh", "preprocess", "bash", "simulate", "sweep", "wrap", "jupyter"]
STATES = ["COMPLETED"] * 16 + ["FAILED"] * 2 + ["TIMEOUT", "CANCELLED"]
# One of them is known to every host: sacct -u refuses users who are not.
KNOWN, KNOWN_UID = 42, 65534
# Lines are imported in files of so many jobs.
FILE = 500_000
# So many days are summed up again when nothing else goes on.
AGAIN = 60


# ---- Records as `sacct -P` lists them --------------------------------------------------------------------------------

def tres(cpus, memory, nodes, gpus):
    text = f"billing={cpus},cpu={cpus},mem={memory}M,node={nodes}"
    return text + f",gres/gpu={gpus}" if gpus else text


def lines(count, begin, end, offset):
    """`count` jobs submitted from `begin` to `end`, numbered from `offset` on: of 5,000 users of which some are busier, in
    all sizes and states, a tenth of them tasks of arrays, and two steps for every fifth."""
    chance = random.Random(offset)
    kinds = [(tres(*size), size[2], size[0]) for size in SIZES]
    left = array = 0
    for number, submit in enumerate(sorted(chance.randrange(begin, end) for _ in range(count)), offset + 1):
        user = int(chance.random() ** 2 * USERS)
        amounts, nodes, cpus = kinds[min(int(chance.expovariate(0.7)), 7)]
        start = submit + int(chance.expovariate(1 / 600))
        ended = start + 20 + int(chance.expovariate(1 / 5400))
        state = STATES[number % 20]
        uid = KNOWN_UID if user == KNOWN else 20_000 + user
        if left == 0 and number % 100 == 0:
            array, left = number, 10
        name = f"{array}_{10 - left}" if left else str(number)
        left -= left > 0
        first = number % (NODES - 1)
        node = f"n{first:03}" if nodes == 1 else f"n[{first:03}-{first + 1:03}]"
        own = f"{submit}|{submit}|{start}|{ended}|{state}|{'1:0' if state == 'FAILED' else '0:0'}"
        yield (f"{name}|{number}|{NAMES[number % 8]}|u{user:04}|a{user % ACCOUNTS}|{'gpu' if 'gpu' in amounts else 'cpu'}"
               f"|normal|{uid}|{uid}|{own}|1440|{1000 + number % 5000}|{cpus}|{amounts}|{amounts}|{nodes}"
               f"|{node}|SchedBackfill|/home/u{user:04}/run||00:00:00|\n")
        if number % 5 == 0:
            for step, tasks in (("batch", 1), ("0", cpus)):
                yield (f"{name}.{step}|{number}.{step}|{step}|||||||{submit}||{start}|{ended}|{state}|0:0|||||"
                       f"cpu={cpus},mem=1000M,node={nodes}|{nodes}|{node}|||{tasks}|{cpus % 10}:00:00|{number % 900}M\n")


# ---- What is measured ------------------------------------------------------------------------------------------------

class Adder(threading.Thread):
    """Adds a user now and then while something else goes on: how long the longest took."""

    def __init__(self, connect):
        super().__init__(daemon=True)
        self.connection, self.longest, self.count, self.is_over = connect(), 0, 0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.1):
            began = time.monotonic()
            self.connection.ask("-i", "add", "user", f"added{id(self)}n{self.count}", "account=a0")
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()


def sites_users(must):
    must("-i", "add", "account", ",".join(f"a{n}" for n in range(ACCOUNTS)))
    for account in range(ACCOUNTS):
        names = ",".join(f"u{user:04}" for user in range(account, USERS, ACCOUNTS))
        must("-i", "add", "user", names, f"account=a{account}")


def register(store, begin):
    """The cluster says what it has, as a controller would."""
    with sqlite3.connect(store) as database:
        database.execute("INSERT INTO event VALUES (1, 'ref', '', ?, NULL, 0, 'Cluster Registered TRES', NULL, ?, ?)",
                         (begin, "1=25600,2=102400000,5=25600", f"n[0-{NODES - 1}]"))


def lists(directory, count, begin, end):
    """Lists of all jobs, a file for each 500,000: how many jobs, and where. Those that are there are not made again."""
    span = (end - begin) / count
    for offset in range(0, count, FILE):
        part = min(FILE, count - offset)
        since, until = int(begin + offset * span), int(begin + (offset + part) * span)
        path = Path(directory, f"jobs-{since}-{until}-{offset}-{part}.txt")
        if not path.exists():
            with path.with_suffix(".part").open("w") as file:
                file.writelines(itertools.chain([HEADING], lines(part, since, until, offset)))
            path.with_suffix(".part").rename(path)
        yield part, path


def import_all(service, made):
    """Imports list by list; seconds for all and lines in all, without the time that making the lists takes."""
    took = records = imported = 0
    for part, path in made:
        with path.open("rb") as file:
            records += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1
        began = time.monotonic()
        argv = [service.enlist, "import", "jobs", path, "--timezone", "UTC"]
        done = subprocess.run(argv, capture_output=True, text=True, env=service.environment)
        took += time.monotonic() - began
        if done.returncode or not done.stdout.startswith(f"{part} jobs added"):
            sys.exit(f"import: {done.stdout[-500:]}{done.stderr[-500:]}")
        imported += part
        print(f"{imported} jobs imported, {records / took:.0f} records/s", file=sys.stderr, flush=True)
    return took, records


def rolled(connection):
    """Up to when usage is summed up."""
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    found = [line.split()[1] for line in page.splitlines() if line.startswith("enlist_rollup_until_seconds ")]
    return float(found[0]) if found else 0


def roll_up(service, connection, end):
    """Seconds until usage up to `end` is summed up."""
    began = time.monotonic()
    while rolled(connection) < end:
        time.sleep(0.05)
    return time.monotonic() - began


def reports(day, month):
    """Names and words of what is asked: of a month, and of a day in the middle."""
    (start, end), (from_, to) = month, day
    span, of_day = [f"start={start}", f"end={end}"], ["-S", from_, "-E", to]
    return [
        ("sreport, a month", 2, ["sreport", "-nP", "cluster", "utilization", *span]),
        ("sreport, a month", 2, ["sreport", "-nP", "cluster", "AccountUtilizationByUser", *span]),
        ("sreport, a month", 2, ["sreport", "-nP", "user", "top", "topcount=10", *span]),
        ("sreport, a month", 2, ["sreport", "-nP", "job", "sizesbyaccount", *span]),
        ("shares of all, later", None, ["sshare", "-anP"]),
        ("jobs of a day", None, ["sacct", "-anPX", *of_day]),
        ("jobs of a day with steps", None, ["sacct", "-anP", *of_day]),
        ("jobs of a user on a day", None, ["sacct", "-nP", "-u", str(KNOWN_UID), *of_day]),
        ("jobs of a day", None, ["sacct", "-aX", "--json", *of_day]),
        ("jobs of a month", None, ["sacct", "-anPX", "-S", start, "-E", end]),
    ]


def ask(service, argv):
    """Seconds that a command takes as a process, and how many lines it prints."""
    began = time.monotonic()
    with subprocess.Popen([service.directory / argv[0], *argv[1:]], stdout=subprocess.PIPE,
                          env=service.environment) as process:
        count = sum(chunk.count(b"\n") for chunk in iter(lambda: process.stdout.read(1 << 16), b""))
    if process.returncode:
        sys.exit(f"{' '.join(argv)} ended with {process.returncode}")
    return time.monotonic() - began, count


def last_month(end):
    """The last whole month before a time, as midnights."""
    first = datetime.fromtimestamp(end, timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=1)).replace(day=1), first


def measure(bench, directory, enlist, count, days, lists_in):
    """The rows of the table: what, figure, aim, whether it is met."""
    end = int(time.time()) // DAY * DAY
    begin = end - days * DAY
    rows = []
    made = list(lists(lists_in or directory, count, begin, end))

    def row(what, figure, aim="", met=None):
        rows.append((what, figure, aim, met))

    def memory(service, what):
        now, most = service.memory()
        row(f"memory of the service {what}, now and at most", f"{now:.0f} and {most:.0f} MiB", "< 200 MiB", most < 200)
        service.forget_peak()

    store = Path(directory, "store.db")
    with bench.Service(directory, enlist) as service:
        sites_users(bench.must)
    register(store, begin)
    with bench.Service(directory, enlist) as service:
        with Adder(lambda: bench.Unix(service.socket)) as adder:
            took, records = import_all(service, made)
        row(f"import of {count} jobs, {records} records with their steps", f"{took:.0f} s, {records / took:.0f} records/s",
            "> 20,000/s", records / took > 20_000)
        row(f"longest of {adder.count} single adds meanwhile", f"{adder.longest:.2f} s", "< 1 s", adder.longest < 1)
        memory(service, "importing")
        row("all usage is summed up after the import", f"{roll_up(service, bench.Unix(service.socket), end):.1f} s")
    # The last days' usage again, now that nothing else goes on.
    days = min(days, AGAIN)
    with sqlite3.connect(store) as database:
        database.execute("UPDATE usage_progress SET rolled = ?", (end - days * DAY,))
    with bench.Service(directory, enlist) as service:
        with Adder(lambda: bench.Unix(service.socket)) as adder:
            took = roll_up(service, bench.Unix(service.socket), end)
        row(f"rollup of {days * 24} hours", f"{took:.1f} s, {days * 24 / took:.0f} hours/s")
        row(f"longest of {adder.count} single adds meanwhile", f"{adder.longest:.2f} s", "< 1 s", adder.longest < 1)
        memory(service, "summing up")
        month = [date.strftime("%Y-%m-%d") for date in last_month(end)]
        middle = datetime.fromtimestamp((begin + end) // 2, timezone.utc)
        day = [date.strftime("%Y-%m-%d") for date in (middle, middle + timedelta(days=1))]
        took, printed = ask(service, ["sshare", "-anP"])
        row(f"shares of all, {printed} lines, first since the service started: `sshare -anP`", f"{took:.2f} s")
        for what, aim, argv in reports(day, month):
            times = [ask(service, argv) for _ in range(3)]
            took, printed = statistics.median(took for took, _ in times), times[0][1]
            row(f"{what}, {printed} lines: `{' '.join(argv)}`", f"{took:.2f} s", f"< {aim} s" if aim else "",
                took < aim if aim else None)
        memory(service, "reporting")
        argv = ["sacct", "-anPX", "-S", datetime.fromtimestamp(begin, timezone.utc).strftime("%Y-%m-%d"), "-E", "now"]
        took, printed = ask(service, argv)
        row(f"all jobs, {printed} lines: `{' '.join(argv)}`", f"{took:.0f} s")
        memory(service, "listing all jobs")
    row("the store", f"{store.stat().st_size / 2**20:.0f} MiB")
    return rows
