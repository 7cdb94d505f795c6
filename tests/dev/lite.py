"""What a QEMU guest with TDX measures, from the specification's 7.5.3 and 7.5.5: the registers that a release's measurement document predicts."""

import hashlib
import struct

from tests.dev.guest import replay

SHA384 = lambda data: hashlib.sha384(data).digest()
ACPI = ("acpi-loader", "acpi-rsdp", "acpi-tables")
CFV = bytes.fromhex("344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790")
BOOT0000 = bytes.fromhex("23ada07f5261f12f34a0bd8e46760962d6b4d576a416f1fea1c64bc656b1d28eacf7047ae6e967c58fd2a98bfa74c298")
GLOBAL = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")
SECURITY = bytes.fromhex("cbb219d73a3d9645a3bcdad00e67656f")
HOB_BASE, HOB = 0x800, 0x809
PAGES = [(0x809, 2), (0x810, 0x10)]  # first page and count of each section that the firmware accepts


def leb(n):
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def td_hob(base=HOB_BASE, hob=HOB, sections=PAGES):
    return leb(base) + leb(hob - base) + leb(len(sections)) + b"".join(leb(s - base) + leb(n) for s, n in sections)


def document(**changes):
    members = {"version": 3, "image": {"cmdline_sha384": SHA384(b"cmdline"), "kernel_authenticode": SHA384(b"kernel"), "initrd_sha384": SHA384(b"initrd")},
               "tdvf": {"ovmf": "pre202505", "mrtd": {"single_pass": SHA384(b"one"), "two_pass": SHA384(b"two")}, "td_hob": td_hob()}}
    members.update(changes)
    return {k: v for k, v in members.items() if v is not ...}


def hob_bytes(memory, hob=HOB, sections=PAGES):
    blocks, at = [], 0
    resource = lambda kind, start, length: b"\3\0" + struct.pack("<H4x16xIIQQ", 48, kind, 7, start, length)
    for start, count in sorted(sections):
        start, end = start * 4096, (start + count) * 4096
        if start > at:
            blocks.append(resource(7, at, start - at))
        blocks.append(resource(0, start, end - start))
        at = end
    if memory >= 0xB0000000:
        if at < 0x80000000:
            blocks.append(resource(7, at, 0x80000000 - at))
        blocks.append(resource(7, 0x100000000, memory - 0x80000000))
    else:
        blocks.append(resource(7, at, memory - at))
    total = 56 + 48 * len(blocks)
    return b"\1\0" + struct.pack("<H4xII32xQ", 56, 9, 0, hob * 4096 + total + 8) + b"".join(blocks)


def acpi_digest(name):
    return SHA384(name.encode())


def rtmrs(doc, memory, sections=PAGES, hob=HOB):
    variable = lambda guid, name: SHA384(guid + struct.pack("<QQ", len(name), 0) + name.encode("utf-16-le"))
    zero = [SHA384(hob_bytes(memory, hob, sections)), CFV, variable(GLOBAL, "SecureBoot"), variable(GLOBAL, "PK"), variable(GLOBAL, "KEK"),
            variable(SECURITY, "db"), variable(SECURITY, "dbx"), SHA384(bytes(4)), *map(acpi_digest, ACPI), SHA384(bytes(2)), BOOT0000]
    one = [doc["image"]["kernel_authenticode"], SHA384(b"Calling EFI Application from Boot Option"), SHA384(bytes(4)),
           SHA384(b"Exit Boot Services Invocation"), SHA384(b"Exit Boot Services Returned with Success")]
    two = [doc["image"]["cmdline_sha384"], doc["image"]["initrd_sha384"]]
    return tuple(replay(r, "sha384") for r in (zero, one, two))
