"""Kernel start to PID 1 to TLS ready, in guest time under TCG, and the memory of the service, over several boots of one state."""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rows import Rows  # noqa: E402

from tests.dev.run import Vm  # noqa: E402

BOOTS = 5
figures = {"pid1_ms": [], "tls_ready_ms": [], "host_s": [], "rss_kb": []}
with tempfile.TemporaryDirectory() as tmp:
    with Vm("build/image/dev", tmp) as kms:
        kms.boot()
        kms.wait_phase()
        kms.bootstrap()
        kms.machine.power_button()
    for _ in range(BOOTS):
        with Vm("build/image/dev", tmp) as kms:
            kms.boot()
            line = kms.wait_ready()
            figures["host_s"].append(time.monotonic() - kms.machine.started)
            for key, name in (("pid1_ms", "pid1_ms"), ("tls_ready_ms", "since_kernel_ms"), ("rss_kb", "rss_kb")):
                found = re.search(rf"\b{name}=(\d+)", line)
                if found:
                    figures[key].append(int(found.group(1)))
            kms.machine.power_button()
names = {"pid1_ms": ("kernel start to PID 1", "ms"), "tls_ready_ms": ("kernel start to TLS ready", "ms"), "host_s": ("QEMU start to TLS ready", "s"),
         "rss_kb": ("resident memory of the service", "KiB")}
rows = Rows("boot")
for key, (name, unit) in names.items():
    values = figures[key]
    if len(values) != BOOTS:
        sys.exit(f"{name}: {len(values)} of {BOOTS} boots said it")
    rows.add(f"{name}, median of {BOOTS} boots under TCG", round(statistics.median(values), 3), unit, 1000 if key == "tls_ready_ms" else None)
    rows.add(f"{name}, best / worst", f"{min(values):.6g} / {max(values):.6g}", unit)
rows.save()
