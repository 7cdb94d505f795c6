"""A simulated GCP TDX guest: registers, event logs, a vTPM attestation key; it answers with V0 attestation containers."""

import base64
import hashlib
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.dev import pki

RUNTIME_EVENT = 0x08000001
SEPARATOR = hashlib.sha256(bytes(4)).digest()
# Events of PCR 0 on Google's firmware; they replay to the PCR 0 that production pins.
PCR0_EVENTS = (bytes.fromhex("fa129a8f82b65bcbce8f9e8e5f6de509beff9b1df33714116bf918c5a3bba45d"),
               bytes.fromhex("b20ec425e0cea851df1ae32f426cff2e4b8e50e77883b8e9890dcf5369f90e1f"), SEPARATOR)


def compact(n, mode=None):
    """mode: 0 to 3 writes it in that form, shortest or not."""
    if mode is None:
        mode = 0 if n < 1 << 6 else 1 if n < 1 << 14 else 2 if n < 1 << 30 else 3
    if mode == 3:
        return b"\x03" + n.to_bytes(4, "little")
    return (n << 2 | mode).to_bytes((1, 2, 4)[mode], "little")


def vec(data):
    return compact(len(data)) + data


def utf8(s):
    return s if isinstance(s, bytes) else s.encode()


def text(s):
    """s may be bytes that are no UTF-8."""
    return vec(utf8(s))


def u32(v):
    return v.to_bytes(4, "little")


def event_preimage(event, payload):
    return u32(RUNTIME_EVENT) + b":" + utf8(event) + b":" + payload


def replay(digests, algorithm="sha384"):
    register = bytes(hashlib.new(algorithm).digest_size)
    for digest in digests:
        register = hashlib.new(algorithm, register + digest).digest()
    return register


def report_data(tag, content):
    return hashlib.sha512(tag.encode() + b":" + content).digest()


def launch_events(compose, app_id=None, instance_id=b"", key_provider='{"name":"tpm","id":""}'):
    """The runtime events of a guest that boots with this app-compose.json."""
    compose_hash = hashlib.sha256(compose).digest()
    app_id = app_id or compose_hash[:20]
    return [("system-preparing", b""), ("app-id", app_id), ("compose-hash", compose_hash),
            ("gpu-policy-hash", hashlib.sha256(b"{}").digest()), ("instance-id", instance_id), ("boot-mr-done", b""),
            ("key-provider", key_provider.encode()), ("storage-fs", b"ext4"), ("system-ready", b"")]


@dataclass
class Guest:
    """uki: Authenticode digest of the image it claims to run; boot_pcr: 2 as on Google's firmware, 4 in the dev layout."""

    authority: object
    quoter: object
    events: list
    uki: bytes = hashlib.sha256(b"some app image").digest()
    boot_pcr: int = 2
    gpt: bytes = hashlib.sha256(b"some partition table").digest()
    ak: object = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self):
        self.ak_cert = pki.der(self.authority.issue_ak(self.ak.public_key()))
        cbor = bytes.fromhex("a26776657273696f6e0168756b695f617574685820") + self.uki
        checksums = f"{hashlib.sha256(cbor).hexdigest()}  measurement.gcp.cbor\n".encode()
        self.os_image_hash = hashlib.sha256(checksums).digest()
        measurement = {"checksum_file": base64.b64encode(checksums).decode(), "measurement": base64.b64encode(cbor).decode()}
        self.vm_config = json.dumps({"spec_version": 2, "os_image_hash": self.os_image_hash.hex(), "gcp_measurement": measurement})

    def tpm_log(self):
        return [(0, d) for d in PCR0_EVENTS] + [(self.boot_pcr, d) for d in (SEPARATOR, self.gpt, self.uki)]

    def pcrs(self):
        log = self.tpm_log()
        values = {pcr: replay([d for p, d in log if p == pcr], "sha256") for pcr in (0, self.boot_pcr)}
        values[14] = replay([hashlib.sha256(event_preimage(*e)).digest() for e in self.events], "sha256")
        return values

    def rtmr3(self):
        return replay([hashlib.sha384(event_preimage(*e)).digest() for e in self.events], "sha384")

    def mr_aggregated(self):
        return hashlib.sha256(b"".join(v for _, v in sorted(self.pcrs().items()))).digest()

    def device_id(self):
        return hashlib.sha256(pki.PPID).digest()

    def tpm_quote(self, qualifying, pcrs=None):
        values = sorted((pcrs or self.pcrs()).items())
        bitmap = bytearray(3)
        for index, _ in values:
            bitmap[index // 8] |= 1 << index % 8
        sized = lambda b: len(b).to_bytes(2, "big") + b
        digest = hashlib.sha256(b"".join(v for _, v in values)).digest()
        message = bytes.fromhex("ff5443478018") + sized(b"\0\x0b" + bytes(32)) + sized(qualifying) + bytes(8 + 4 + 4) + b"\1" + bytes(8)
        message += (1).to_bytes(4, "big") + b"\0\x0b\3" + bytes(bitmap) + sized(digest)
        r, s = decode_dss_signature(self.ak.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = bytes.fromhex("0018000b") + sized(r.to_bytes(32, "big")) + sized(s.to_bytes(32, "big"))
        log = self.tpm_log()
        return (vec(message) + vec(signature) + compact(len(values))
                + b"".join(u32(i) + text("sha256") + vec(v) for i, v in values)
                + vec(self.ak_cert) + b"\1" + compact(len(log)) + b"".join(u32(p) + vec(d) for p, d in log))

    def attest(self, data, *, strip=False, qualifying=None, quote=None, pcrs=None, config=None):
        """A V0 container over 64 bytes of report data. The keywords replace single parts, to make evidence that is wrong in one way."""
        quote = quote or self.quoter.quote(data, (bytes(48),) * 3 + (self.rtmr3(),))
        log = b"".join(u32(3) + u32(RUNTIME_EVENT) + vec(b"" if strip else hashlib.sha384(event_preimage(e, p)).digest()) + text(e) + vec(p)
                       for e, p in self.events)
        events = b"".join(text(e) + vec(p) for e, p in self.events)
        count = compact(len(self.events))
        tpm = self.tpm_quote(qualifying or hashlib.sha256(quote).digest(), pcrs)
        return (b"\0\1" + vec(quote) + count + log + tpm + count + events + data + text(self.vm_config if config is None else config))


    def legacy(self, data):
        """Quote and JSON event log over 64 bytes of report data, as guests of 0.5.4 and 0.5.5 show them."""
        quote = self.quoter.quote(data, (bytes(48),) * 3 + (self.rtmr3(),))
        log = [{"imr": 3, "event_type": RUNTIME_EVENT, "digest": hashlib.sha384(event_preimage(e, p)).hexdigest(), "event": e, "event_payload": p.hex()}
               for e, p in self.events]
        return quote, json.dumps(log).encode()


WRONG = ("quote signature", "rtmr3", "qualifying data", "pcr 14", "boot pcr", "replayed for another key", "stale report data")


def wrong(guest, what):
    """An attest() of this guest whose evidence is wrong in one way."""
    def attest(data):
        rtmrs = (bytes(48),) * 3 + (guest.rtmr3(),)
        if what == "quote signature":
            quote = bytearray(guest.quoter.quote(data, rtmrs))
            quote[640] ^= 1
            return guest.attest(data, quote=bytes(quote))
        if what == "rtmr3":
            return guest.attest(data, quote=guest.quoter.quote(data))
        if what == "qualifying data":
            return guest.attest(data, qualifying=hashlib.sha256(b"another quote").digest())
        if what == "pcr 14":
            return guest.attest(data, pcrs=guest.pcrs() | {14: bytes(32)})
        if what == "boot pcr":
            return guest.attest(data, pcrs=guest.pcrs() | {guest.boot_pcr: bytes(32)})
        if what == "replayed for another key":
            return guest.attest(bytes(64))
        return guest.attest(data, quote=guest.quoter.quote(bytes(64), rtmrs))

    return attest
