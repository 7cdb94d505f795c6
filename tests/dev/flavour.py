"""python3 tests/dev/flavour.py DIR: makes the dev PKI in DIR/pki (once) and what the dev image measures of it in DIR/flavour."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.dev import pki  # noqa: E402
from tests.dev.machine import PCCS_IN_GUEST  # noqa: E402

BOOT_PCR = 4  # where OVMF logs the image; Google's firmware: 2


def main():
    directory = Path(sys.argv[1])
    pki.Pki(directory / "pki", PCCS_IN_GUEST).anchors(directory / "flavour" / "anchors")
    (directory / "flavour" / "flavour.json").write_text(json.dumps({"flavour": "dev", "boot_pcr": BOOT_PCR, "pcr0": None}))


if __name__ == "__main__":
    main()
