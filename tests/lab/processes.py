"""Processes that a lab started: recorded by PID and start time, so that a recycled number is never taken for ours."""
import os
import select
import signal
from pathlib import Path


def start_time(pid):
    """Field 22 of proc(5)'s stat: clock ticks after boot; None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def record(path, pid):
    path.write_text(f"{pid} {start_time(pid)}\n")


def recorded(path):
    """The PID recorded in `path` if that very process still runs, else None."""
    try:
        pid, started = path.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(pid) == started else None


def kill(pids):
    """Kills and waits until each is gone; for the first process of a PID namespace, all inside it are gone then."""
    handles = []
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            handles.append(handle)
        except ProcessLookupError:
            pass
    for handle in handles:
        if not select.select([handle], [], [], 30)[0]:
            raise TimeoutError("a killed process of the lab does not end")
        os.close(handle)


def sharing(pid, namespace):
    """All processes in the same namespace (`net`, `pid`…) as `pid`; none when it has ended."""
    try:
        same, found = os.stat(f"/proc/{pid}/ns/{namespace}"), []
    except OSError:
        return []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.samestat(os.stat(f"/proc/{entry}/ns/{namespace}"), same):
                found.append(int(entry))
        except OSError:
            pass
    return found


def cpu_seconds(pids):
    """User and system time of these processes and of their children that have ended and were waited for."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15]))
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")
