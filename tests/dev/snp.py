"""An AMD SEV-SNP machine under a hierarchy of its own (ARK, ASK, VCEK): launch measurement, signed reports, and the containers around them."""

import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.dev import cbor, certs, container, nitro

PAGE, VMSA_GPA, HASHES = 4096, 0xFFFFFFFFF000, 0x10
SMT_ALLOWED, RESERVED_POLICY = 1 << 16, 1 << 17
EPYC_MILAN = 0x00A00F11  # CPUID Fn0000_0001_EAX of family 25, model 1, stepping 1


class Authority:
    def __init__(self, label="snp"):
        ca = lambda what, issuer=None: certs.Cert(certs.name(f"{label} {what}"), certs.rsa_key(f"{label} {what}"), issuer, end=4 * 10**9,
                                                  extensions=(certs.basic(True), certs.key_usage(5)), algorithm="pss-sha384")
        self.ark = ca("ARK")
        self.ask = ca("ASK", self.ark)
        self.vcek = certs.Cert(certs.name(f"{label} VCEK"), certs.ec_key(f"{label} VCEK"), self.ask, end=4 * 10**9, algorithm="pss-sha384")

    def write_root(self, path):
        """Writes the ARK (DER): core.attestation.root_ca.sev_snp_milan of a configuration."""
        path.write_bytes(self.ark.der)


def placed(size, fields):
    """`size` zero bytes with (offset, number, width) little endian, or (offset, bytes)."""
    out = bytearray(size)
    for at, value, *width in fields:
        data = value.to_bytes(width[0], "little") if width else value
        out[at:at + len(data)] = data
    return bytes(out)


def vmsa(eip, signature, features):
    """The save area of a vCPU at its reset, as KVM makes it (attestation 6.2)."""
    segment = lambda selector, attributes, limit, base: placed(16, [(0, selector, 2), (2, attributes, 2), (4, limit, 4), (8, base, 8)])
    data = segment(0, 0x93, 0xFFFF, 0)
    return placed(PAGE, [
        (0x00, data), (0x10, segment(0xF000, 0x9B, 0xFFFF, eip & 0xFFFF0000)), (0x20, data), (0x30, data), (0x40, data), (0x50, data),
        (0x60, segment(0, 0, 0xFFFF, 0)), (0x70, segment(0, 0x82, 0xFFFF, 0)), (0x80, segment(0, 0, 0xFFFF, 0)), (0x90, segment(0, 0x8B, 0xFFFF, 0)),
        (0xD0, 0x1000, 8), (0x148, 0x40, 8), (0x158, 0x10, 8), (0x160, 0x400, 8), (0x168, 0xFFFF0FF0, 8), (0x170, 2, 8), (0x178, eip & 0xFFFF, 8),
        (0x268, 0x0007040600070406, 8), (0x310, signature, 8), (0x3B0, features, 8), (0x3E8, 1, 8), (0x408, 0x1F80, 4), (0x410, 0x037F, 2)])


def launch(doc, vcpus, signature, features):
    """The launch measurement that this measurement document explains."""
    ld = doc["ovmf_hash"]

    def update(kind, gpa, content):
        nonlocal ld
        ld = hashlib.sha384(ld + content + b"\x70\0" + bytes([kind]) + bytes(5) + gpa.to_bytes(8, "little")).digest()

    entries = (("97d02dd8-bd20-4c94-aa78-e7714d36ab2a", hashlib.sha256(doc["cmdline"].strip().encode() + b"\0").digest()),
               ("44baf731-3a2f-4bd7-9af1-41e29169781d", doc["initrd_hash"]), ("4de79437-abd2-427f-b835-d5b172d2045b", doc["kernel_hash"]))
    table = UUID("9438d606-4f22-4cc9-b479-a793d411fd21").bytes_le + (168).to_bytes(2, "little")
    table += b"".join(UUID(guid).bytes_le + (50).to_bytes(2, "little") + value for guid, value in entries)
    page = placed(PAGE, [(doc["hashes_table_gpa"] % PAGE, table)])
    for section in doc["ovmf_sections"]:
        if section["type"] == HASHES:
            update(1, section["gpa"], hashlib.sha384(page).digest())
            continue
        for gpa in range(section["gpa"], section["gpa"] + section["size"], PAGE):
            update({1: 3, 4: 3, 2: 5, 3: 6}[section["type"]], gpa, bytes(48))
    for cpu in range(vcpus):
        update(2, VMSA_GPA, hashlib.sha384(vmsa(doc["reset_eip"] if cpu else 0xFFFFFFF0, signature, features)).digest())
    return ld


@dataclass
class Machine:
    """One machine. attest() and vm_config are what agent.Agent and client.Kms.ra_context take."""

    authority: Authority
    compose: bytes = b'{"manifest_version":2,"name":"machine"}'
    app_id: bytes = None
    image: str = "an image"
    vcpus: int = 2
    tcb: bytes = bytes.fromhex("0400000000001855")
    chip_id: bytes = bytes(range(64))
    policy: int = SMT_ALLOWED | RESERVED_POLICY
    doc: dict = field(default=None)

    def __post_init__(self):
        part = lambda what, algorithm="sha256": hashlib.new(algorithm, f"{self.image} {what}".encode()).digest()
        self.doc = self.doc or {
            "version": 3, "cmdline": f"console=ttyS0 dstack.rootfs_hash={part('rootfs').hex()}", "ovmf_hash": part("firmware", "sha384"),
            "kernel_hash": part("kernel"), "initrd_hash": part("initrd"), "hashes_table_gpa": 0x80FC00, "reset_eip": 0x80B004,
            "ovmf_sections": [{"gpa": 0x800000, "size": 0x9000, "type": 1}, {"gpa": 0x80A000, "size": 0x3000, "type": 4},
                              {"gpa": 0x80D000, "size": 0x1000, "type": 2}, {"gpa": 0x80E000, "size": 0x1000, "type": 3},
                              {"gpa": 0x80F000, "size": 0x1000, "type": HASHES}]}
        self.measurement = launch(self.doc, self.vcpus, EPYC_MILAN, 1)
        document = {"version": 3, "compose_hash": hashlib.sha256(self.compose).hexdigest(), "key_provider": "none"}
        self.mr_config = json.dumps(document | ({"app_id": self.app_id.hex()} if self.app_id else {}), separators=(",", ":"), sort_keys=True)
        self.host_data = hashlib.sha256(b"dstack-mr-config-v3:\0" + self.mr_config.encode()).digest()
        release = nitro.release_config("snp", cbor.encode(self.doc))
        self.os_image_hash = bytes.fromhex(release["os_image_hash"])
        launched = release["snp_measurement"] | {"vcpus": self.vcpus, "vcpu_type": "EPYC-Milan", "guest_features": 1}
        self.vm_config = json.dumps({"os_image_hash": release["os_image_hash"], "sev_snp_measurement": json.dumps(launched)})

    def report(self, data):
        """The signed report over 64 bytes of report data: version 3, of a Milan processor."""
        body = placed(0x2A0, [(0x00, 3, 4), (0x08, self.policy, 8), (0x34, 1, 4), (0x38, self.tcb), (0x40, 1, 8), (0x50, data),
                              (0x90, self.measurement), (0xC0, self.host_data), (0x180, self.tcb), (0x188, bytes([0x19, 1, 1])),
                              (0x1A0, self.chip_id), (0x1E0, self.tcb), (0x1F0, self.tcb)])
        r, s = decode_dss_signature(self.authority.vcek.key.sign(body, ec.ECDSA(hashes.SHA384())))
        return body + r.to_bytes(72, "little") + s.to_bytes(72, "little") + bytes(1184 - 0x2A0 - 144)

    def attest(self, data, *, version=0, config=None, report=None):
        """A container over 64 bytes of report data. The keywords replace single parts, to make evidence that is wrong in one way."""
        chain = [self.authority.ask.der, self.authority.vcek.der]
        return container.snp(version, report or self.report(data), chain, self.mr_config, [], data, self.vm_config if config is None else config)
