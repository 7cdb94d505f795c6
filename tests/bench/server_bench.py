"""A server on one core, its load on another, and figures that stay honest on a machine that does other things too.

CPU time is the server's own, in nanoseconds; a rate "per core" is what one core would do at that CPU time, and the measured rate stands beside it. Load
comes from a C program with an open loop; half load is half of what the core can do, not half of what the generator could send."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

LOAD = "build/host/helpers/load"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = ({CORES[-1]}, {CORES[0]}) if len(CORES) > 1 else (set(CORES), set(CORES))


def pin(pid):
    """Every thread of a running process to the server's core; those that come later inherit it."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), SERVER_CORE)


def cpu_us(pid):
    """CPU time of all threads that live."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1000


def resident_kib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def load(port, mode, *more, threads=4, rate=0.0, seconds=2.0):
    command = [LOAD, str(port), mode, str(seconds), str(threads), str(rate), *more]
    run = subprocess.run(command, capture_output=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    return json.loads(run.stdout)


def measured(pid, port, mode, *more, **kw):
    """One run of load; cpu: the server's microseconds per answer, busy and load_busy: the share of time that each core worked."""
    before = cpu_us(pid)
    result = load(port, mode, *more, **kw)
    used, answers = cpu_us(pid) - before, max(1, result["ok"] + result["unavailable"])
    result["cpu"] = used / answers
    result["busy"], result["load_busy"] = used / result["seconds"] / 1e6, result["cpu_us"] / result["seconds"] / 1e6
    return result


def rounds(count, *runs):
    """Each run in turn, count times; for each the run with the median CPU per answer. Taking turns, all meet the same disturbances."""
    results = [[] for _ in runs]
    for _ in range(count):
        for kept, run in zip(results, runs):
            kept.append(run())
    return [sorted(kept, key=lambda r: r["cpu"])[len(kept) // 2] for kept in results]


class Histogram:
    """A histogram of the server's own metrics, between two looks."""

    def __init__(self, text, name="ukms_request_seconds"):
        self.count = {le: int(n) for le, n in re.findall(rf'^{name}_bucket\{{le="([^"]+)"\}} (\d+)$', text, re.M)}
        assert self.count, f"no {name} in the metrics"

    def since(self, earlier):
        """The smallest bound that covers 99% of what came between, in ms, and how many per cent came within 5 ms."""
        delta = {le: n - earlier.count[le] for le, n in self.count.items()}
        total = max(1, delta["+Inf"])
        bound = next(le for le, n in delta.items() if n >= 0.99 * total)
        return (float("inf") if bound == "+Inf" else float(bound) * 1000), 100 * delta["0.005"] / total
