"""Sizes of what ships and of the source, next to the goals."""

import json
import statistics
import subprocess
from pathlib import Path

MIB = 1 << 20
rows = []


def row(name, value, goal, unit):
    rows.append({"name": name, "value": value, "goal": goal, "unit": unit})
    print(f"  {name:<34} {value:>12,} {unit:<6} goal {goal if goal else '-'}")


for flavour in ("prod", "dev"):
    image = Path("build/image") / flavour
    row(f"{flavour} UKI (BOOTX64.EFI)", (image / "BOOTX64.EFI").stat().st_size, 4 * MIB, "bytes")
    row(f"{flavour} disk.raw, dense", (image / "disk.raw").stat().st_blocks * 512, 16 * MIB, "bytes")
    row(f"{flavour} init", (image / "init").stat().st_size, MIB, "bytes")

files = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True).stdout.split()
own = [f for f in files if not f.startswith("tests/")]
lengths = [len(Path(f).read_text().splitlines()) for f in own]
row("first-party lines (C, no tests)", sum(lengths), None, "lines")
row("files", len(own), None, "files")
row("median file", int(statistics.median(lengths)), None, "lines")
row("longest file", max(lengths), None, "lines")
tests = [f for f in files if f.startswith("tests/")]
row("lines of C tests", sum(len(Path(f).read_text().splitlines()) for f in tests), None, "lines")
Path("build/bench/sizes.json").write_text(json.dumps(rows, indent=1))
