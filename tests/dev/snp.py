"""An SEV-SNP platform under an AMD-like hierarchy of its own: reports, certificates in each form, the MrConfigV3 document, the measurement
document of a release and the launch measurement that it predicts."""

import hashlib
import json
import struct
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.dev import cbor, nitro
from tests.dev.certs import DAY, Cert, basic, ec_key, name, rsa_key

PSS = "pss-sha384"
MILAN, GENOA, TURIN = (0x19, 0x01, 1), (0x19, 0x11, 1), (0x1A, 0x02, 1)
TCB = bytes([4, 0, 0, 0, 0, 0, 24, 219])
SIGNED = 0x2A0
GUIDS = {"ASK": "4ab7b379bbac4fe4a02f05aef327c782", "VCEK": "63da758de6644564adc5f4b93be8accd", "VLEK": "a8074bc2a25a483eaae639c045a0b8a1",
         "ARK": "c0b406a4a803495297433fb6014cd0ae"}
HASHES_GPA = 0x811400
CMDLINE = "console=ttyS0 dstack.rootfs_hash=" + "ab" * 32


class Authority:
    """ARK, ASK and VCEK."""

    def __init__(self, at):
        span = dict(start=at - 400 * DAY, end=at + 4000 * DAY)
        self.ark = Cert(name("test ARK"), rsa_key("ark"), **span, extensions=(basic(True),), algorithm=PSS)
        self.ask = Cert(name("test ASK"), rsa_key("ask"), self.ark, **span, extensions=(basic(True, 0),), algorithm=PSS)
        self.vcek = Cert(name("test VCEK"), ec_key("vcek"), self.ask, **span, algorithm=PSS)


def table(*entries, end=True, gap=b""):
    """The kernel's certificate table: entries are (kind, bytes)."""
    at = 24 * (len(entries) + end) + len(gap)
    head = body = b""
    for kind, data in entries:
        head += bytes.fromhex(GUIDS.get(kind, kind)) + struct.pack("<II", at, len(data))
        body += data
        at += len(data)
    return head + bytes(24 if end else 0) + gap + body


def report(key, *, version=3, guest_svn=0, policy=0x30000, vmpl=0, algorithm=1, current=TCB, platform=0x01, flags=0, report_data=bytes(64),
           measurement=bytes(48), host_data=bytes(32), reported=TCB, cpu=MILAN, chip_id=bytes(range(64)), committed=TCB, launch=TCB, change=None,
           signature=None):
    """A signed report. change: a function over its bytearray before it is signed; signature: one of its signed bytes."""
    r = bytearray(1184)
    struct.pack_into("<IIQ", r, 0, version, guest_svn, policy)
    struct.pack_into("<II", r, 0x30, vmpl, algorithm)
    r[0x38:0x40] = current
    struct.pack_into("<QI", r, 0x40, platform, flags)
    r[0x50:0x90], r[0x90:0xC0], r[0xC0:0xE0] = report_data, measurement, host_data
    r[0x140:0x160] = bytes(range(32))
    r[0x180:0x188] = reported
    if version >= 3:
        r[0x188:0x18B] = bytes(cpu)
    r[0x1A0:0x1E0], r[0x1E0:0x1E8], r[0x1F0:0x1F8] = chip_id, committed, launch
    if change:
        change(r)
    signed = bytes(r[:SIGNED])
    signature = signature(signed) if signature else sign(key, signed)
    r[SIGNED:SIGNED + len(signature)] = signature
    return bytes(r)


def sign(key, signed):
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA384())))
    return r.to_bytes(72, "little") + s.to_bytes(72, "little")


def document(**changes):
    """MrConfigV3 as text; a member that is ... goes."""
    members = {"app_id": "0b" * 20, "compose_hash": "0c" * 32, "instance_id": "0d" * 20, "key_provider": "kms", "key_provider_id": "aabb", "version": 3}
    members.update(changes)
    return json.dumps({k: v for k, v in sorted(members.items()) if v is not ...}, separators=(",", ":"))


def host_data(text):
    return hashlib.sha256(b"dstack-mr-config-v3:\0" + text.encode()).digest()


SECTIONS = [(0x800000, 0x9000, 1), (0x80A000, 0x3000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3), (0x80F000, 0x1000, 4), (0x811000, 0x1000, 0x10)]


def measurement(**changes):
    """The measurement document's members."""
    members = {"version": 3, "cmdline": CMDLINE, "ovmf_hash": hashlib.sha384(b"ovmf").digest(), "kernel_hash": hashlib.sha256(b"kernel").digest(),
               "initrd_hash": hashlib.sha256(b"initrd").digest(), "hashes_table_gpa": HASHES_GPA, "reset_eip": 0x80B004,
               "ovmf_sections": [{"gpa": g, "size": s, "type": t} for g, s, t in SECTIONS]}
    members.update(changes)
    return {k: v for k, v in members.items() if v is not ...}


SIGNATURES = {"EPYC": (23, 1, 2), "EPYC-Rome": (23, 49, 0), "EPYC-Milan": (25, 1, 1), "EPYC-Genoa": (25, 17, 0)}


def cpuid(family, model, stepping):
    low = min(family, 15)
    return (family - low) << 20 | (model >> 4) << 16 | low << 8 | (model & 15) << 4 | stepping


def guid_le(text):
    return uuid.UUID(text).bytes_le


def launch_digest(m, vcpus=2, vcpu_type="EPYC-v4", features=1):
    """LD of the specification's 6.2, from the text."""
    ld = m["ovmf_hash"]

    def update(kind, gpa, content=bytes(48)):
        nonlocal ld
        ld = hashlib.sha384(ld + content + struct.pack("<HB5xQ", 0x70, kind, gpa)).digest()

    sha384 = lambda page: hashlib.sha384(page).digest()
    for s in m["ovmf_sections"]:
        if s["type"] in (1, 4):
            for at in range(0, s["size"], 4096):
                update(3, s["gpa"] + at)
        elif s["type"] in (2, 3):
            update({2: 5, 3: 6}[s["type"]], s["gpa"])
        else:
            page = bytearray(4096)
            entries = guid_le("9438d606-4f22-4cc9-b479-a793d411fd21") + struct.pack("<H", 168)
            for guid, value in (("97d02dd8-bd20-4c94-aa78-e7714d36ab2a", hashlib.sha256(m["cmdline"].strip().encode() + b"\0").digest()),
                                ("44baf731-3a2f-4bd7-9af1-41e29169781d", m["initrd_hash"]), ("4de79437-abd2-427f-b835-d5b172d2045b", m["kernel_hash"])):
                entries += guid_le(guid) + struct.pack("<H", 50) + value
            at = m["hashes_table_gpa"] & 0xFFF
            page[at:at + 168] = entries
            update(1, s["gpa"], sha384(page))
    base = vcpu_type.rsplit("-v", 1)[0] if vcpu_type.rsplit("-v", 1)[-1].isdigit() else vcpu_type
    for i in range(vcpus):
        eip = 0xFFFFFFF0 if i == 0 else m["reset_eip"]
        page = bytearray(4096)
        for offset in range(0, 0x60, 0x10):
            struct.pack_into("<HHIQ", page, offset, 0, 0x93, 0xFFFF, 0)
        struct.pack_into("<HHIQ", page, 0x10, 0xF000, 0x9B, 0xFFFF, eip & 0xFFFF0000)
        for offset, attributes in ((0x60, 0), (0x70, 0x82), (0x80, 0), (0x90, 0x8B)):
            struct.pack_into("<HHI", page, offset, 0, attributes, 0xFFFF)
        for offset, value in ((0xD0, 0x1000), (0x148, 0x40), (0x158, 0x10), (0x160, 0x400), (0x168, 0xFFFF0FF0), (0x170, 2), (0x178, eip & 0xFFFF),
                              (0x268, 0x0007040600070406), (0x310, cpuid(*SIGNATURES[base])), (0x3B0, features), (0x3E8, 1)):
            struct.pack_into("<Q", page, offset, value)
        struct.pack_into("<I", page, 0x408, 0x1F80)
        struct.pack_into("<H", page, 0x410, 0x037F)
        update(2, 0xFFFFFFFFF000, sha384(page))
    return ld


def vm_config(m, *, vcpus=2, vcpu_type="EPYC-v4", features=1, checksums=None, image=None, inner=()):
    """m: the measurement document's members, or its bytes. inner: members of the sev_snp_measurement text; ... takes one out."""
    data = m if isinstance(m, bytes) else cbor.encode(m)
    config = nitro.release_config("snp", data, checksums)
    inner = {**config.pop("snp_measurement"), "vcpus": vcpus, "vcpu_type": vcpu_type, "guest_features": features, **dict(inner)}
    config["os_image_hash"] = image or config["os_image_hash"]
    config["sev_snp_measurement"] = json.dumps({k: v for k, v in inner.items() if v is not ...})
    return config
