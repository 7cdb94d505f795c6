"""Kernel start to PID 1 to TLS ready, in guest time under TCG, and the memory of the service, over several boots of one state."""

import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.dev.run import Vm  # noqa: E402

BOOTS = 5
figures = {"pid1_ms": [], "tls_ready_ms": [], "host_s": [], "rss_kb": []}
with tempfile.TemporaryDirectory() as tmp:
    with Vm("build/image/dev", tmp) as kms:
        kms.boot()
        kms.wait_phase()
        kms.bootstrap()
    for _ in range(BOOTS):
        with Vm("build/image/dev", tmp) as kms:
            kms.boot()
            line = kms.wait_ready()
            import time
            figures["host_s"].append(time.monotonic() - kms.machine.started)
            for key, name in (("pid1_ms", "pid1_ms"), ("tls_ready_ms", "since_kernel_ms"), ("rss_kb", "rss_kb")):
                found = re.search(rf"\b{name}=(\d+)", line)
                if found:
                    figures[key].append(int(found.group(1)))
goals = {"tls_ready_ms": "goal 1000"}
for key, values in figures.items():
    if values:
        print(f"  {key:<14} min {min(values):>8.6g}  median {statistics.median(values):>8.6g}  max {max(values):>8.6g}  {goals.get(key, '')}")
Path("build/bench/boot.json").write_text(json.dumps(figures))
