"""Sizes of what ships and of the source, next to the goals."""

import statistics
import subprocess
from pathlib import Path

from rows import Rows

MIB = 1 << 20
rows = Rows("sizes")

for flavour in ("prod", "dev"):
    image = Path("build/image") / flavour
    rows.add(f"{flavour} UKI (BOOTX64.EFI)", (image / "BOOTX64.EFI").stat().st_size, "bytes", 4 * MIB)
    rows.add(f"{flavour} disk.raw, dense", (image / "disk.raw").stat().st_blocks * 512, "bytes", 16 * MIB)
    rows.add(f"{flavour} init", (image / "init").stat().st_size, "bytes", MIB)

files = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True).stdout.split()
own = [f for f in files if not f.startswith("tests/")]
lengths = [len(Path(f).read_text().splitlines()) for f in own]
rows.add("first-party lines (C, no tests)", sum(lengths), "lines")
rows.add("files", len(own), "files")
rows.add("median file", int(statistics.median(lengths)), "lines")
rows.add("longest file", max(lengths), "lines")
tests = [f for f in files if f.startswith("tests/")]
rows.add("lines of C tests", sum(len(Path(f).read_text().splitlines()) for f in tests), "lines")
rows.save()
