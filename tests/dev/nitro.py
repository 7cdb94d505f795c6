"""A Nitro Secure Module under a P-384 hierarchy of its own: attestation documents of enclaves and of NitroTPM instances, and the containers
around them."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.dev import cbor, certs, container
from tests.dev.guest import event_preimage, launch_events, replay

ES384 = {1: -35}
HOUR = 3600


def pcr(*parts):
    """48 bytes that stand for the measurement of something."""
    return hashlib.sha384(" ".join(parts).encode()).digest()


def cose_sign1(key, payload, protected=ES384, unprotected={}, signed=None):
    """The four members of a COSE_Sign1 over these payload bytes. protected: a map, or the bytes of the header; signed: what is signed
    instead of the payload."""
    header = protected if isinstance(protected, bytes) else cbor.encode(protected)
    r, s = decode_dss_signature(key.sign(cbor.encode(["Signature1", header, b"", payload if signed is None else signed]), ec.ECDSA(hashes.SHA384())))
    return [header, unprotected, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")]


class Authority:
    """Root, regional CA, instance CA and short-lived leaves, valid around `at` (Unix seconds; now if not given)."""

    def __init__(self, at=None, label="nitro"):
        self.at = int(time.time()) if at is None else at
        self.label = label
        far = dict(start=self.at - 400 * certs.DAY, end=self.at + 4000 * certs.DAY)
        ca = (certs.basic(True), certs.key_usage(0, 5, 6))
        self.root = certs.Cert(certs.name(f"{label} root"), certs.ec_key(f"{label} root"), **far, extensions=ca)
        self.region = certs.Cert(certs.name(f"{label} region"), certs.ec_key(f"{label} region"), self.root, self.at - 9 * certs.DAY,
                                 self.at + 9 * certs.DAY, extensions=(certs.basic(True, 1), certs.key_usage(0, 5, 6)))
        self.instance = certs.Cert(certs.name(f"{label} instance"), certs.ec_key(f"{label} instance"), self.region, self.at - certs.DAY,
                                   self.at + certs.DAY, extensions=(certs.basic(True, 0), certs.key_usage(5)))

    def leaf(self, **changes):
        fields = dict(start=self.at - HOUR, end=self.at + 2 * HOUR, extensions=(certs.basic(False), certs.key_usage(0)))
        fields.update(changes)
        return certs.Cert(certs.name(f"{self.label} leaf"), fields.pop("key", certs.ec_key(f"{self.label} leaf")),
                          fields.pop("issuer", self.instance), **fields)

    def write_root(self, path):
        """Writes the root (DER): root_nitro of a request, core.attestation.root_ca.aws_nitro_enclave of a configuration."""
        path.write_bytes(self.root.der)


@dataclass
class Enclave:
    """One enclave. pcrs: {index: 48 bytes}; None: of a made-up image. app_id, if given, goes into the event list as the enclave's own claim.
    attest() and vm_config are what agent.Agent and client.Kms.ra_context take."""

    authority: Authority
    app_id: bytes = None
    pcrs: dict = None
    events: list = None
    module_id: str = "i-0123456789abcdef0-enc0123456789abcdef"
    debug: bool = False
    live: bool = True  # documents are dated now, not when the authority was made
    leaf: object = field(default=None)

    def __post_init__(self):
        if self.pcrs is None:
            self.pcrs = {i: bytes(48) if self.debug or i > 4 else pcr("enclave", str(i)) for i in range(16)}
        if self.events is None:
            self.events = [] if self.app_id is None else [("app-id", self.app_id)]
        self.leaf = self.leaf or self.authority.leaf()
        measured = [self.pcrs[i] for i in range(3)]
        self.image_hash = bytes(32) if not any(map(any, measured)) else hashlib.sha256(b"".join(measured)).digest()
        self.vm_config = json.dumps({"os_image_hash": self.image_hash.hex()}, separators=(",", ":"))

    def timestamp(self):
        return int(time.time() * 1000) if self.live else self.authority.at * 1000

    def members(self, user_data, *, nonce=None, public_key=None):
        """The payload's members in AWS's order, as a dict that a test may change."""
        a = self.authority
        return {"module_id": self.module_id, "digest": "SHA384", "timestamp": self.timestamp(), "pcrs": dict(self.pcrs),
                "certificate": self.leaf.der, "cabundle": [a.root.der, a.region.der, a.instance.der], "public_key": public_key,
                "user_data": user_data, "nonce": nonce}

    def document(self, user_data, **kept):
        """A COSE_Sign1 document as the device gives it."""
        return cbor.encode(cose_sign1(self.leaf.key, cbor.encode(self.members(user_data, **kept))))

    def attest(self, data, *, version=0, config=None, events=None, **kept):
        """A container over 64 bytes of report data. The keywords replace single parts, to make evidence that is wrong in one way."""
        events = self.events if events is None else events
        return container.nsm(version, "nitro-enclave", self.document(data, **kept), events, data, self.vm_config if config is None else config)


@dataclass
class Instance(Enclave):
    """An EC2 instance with NitroTPM: PCR 14 holds its events; its image is told by PCRs 4, 7 and 12."""

    compose: bytes = b'{"manifest_version":2,"name":"instance"}'
    module_id: str = "i-0123456789abcdef0"

    def __post_init__(self):
        if self.events is None:
            self.events = launch_events(self.compose, self.app_id, instance_id=bytes(range(20)))
        if self.pcrs is None:
            self.pcrs = {i: pcr("instance", str(i)) for i in range(16)}
            self.pcrs[14] = replay([hashlib.sha384(event_preimage(*e)).digest() for e in self.events], "sha384")
        self.leaf = self.leaf or self.authority.leaf()
        self.boot_digest = hashlib.sha256(self.pcrs[4] + self.pcrs[7] + self.pcrs[12]).digest()
        self.vm_config = json.dumps(release_config("aws", cbor.encode({"boot_pcr_digest": self.boot_digest})))

    def members(self, user_data, **kept):
        return {"nitrotpm_pcrs" if k == "pcrs" else k: v for k, v in super().members(user_data, **kept).items()}

    def attest(self, data, *, version=0, config=None, events=None, **kept):
        events = self.events if events is None else events
        return container.nsm(version, "aws-nitro-tpm", self.document(data, **kept), events, data, self.vm_config if config is None else config)


def release_config(cloud, measurement, checksums=None):
    """A vm_config whose os_image_hash is that of a release's checksum file with this measurement document in it."""
    if checksums is None:
        checksums = f"{hashlib.sha256(measurement).hexdigest()}  measurement.{cloud}.cbor\n{'5a' * 32}  rootfs.img\n".encode()
    document = {"checksum_file": base64.b64encode(checksums).decode(), "measurement": base64.b64encode(measurement).decode()}
    return {"os_image_hash": hashlib.sha256(checksums).hexdigest(), f"{cloud}_measurement": document}
