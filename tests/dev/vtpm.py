"""A vTPM of a Google VM under an EK/AK hierarchy of its own, in parts that can each be wrong: TPMS_ATTEST, TPMT_SIGNATURE, PCR values,
event log, certificates and lists; and the TDX platform that stands beside it, with collateral in a file."""

import datetime
import hashlib
import json
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from tests.dev import certs, pccs, pki, quote
from tests.dev.certs import AIK, DAY, Cert, basic, ca_issuers, crl_points, ec_key, key_usage, name, purposes, revocation_list, rsa_key
from tests.dev.guest import PCR0_EVENTS, SEPARATOR, event_preimage, replay

MAGIC, QUOTE = 0xFF544347, 0x8018
SHA1, SHA256, SHA384 = 0x0004, 0x000B, 0x000C
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
URL = "http://ca.example/"


def be(n, size):
    return n.to_bytes(size, "big")


def sized(data):
    return be(len(data), 2) + data


def selection(pcrs, bank=SHA256, size=3):
    bitmap = bytearray(size)
    for p in pcrs:
        bitmap[p // 8] |= 1 << p % 8
    return be(bank, 2) + bytes([size]) + bytes(bitmap)


def attest(extra_data, selections, digest, *, magic=MAGIC, kind=QUOTE, signer=b"\0\x0b" + bytes(32), clock=123456789, firmware=0x2023031200120003,
           count=None, tail=b""):
    """A TPMS_ATTEST; selections: encoded ones."""
    n = len(selections) if count is None else count
    return (be(magic, 4) + be(kind, 2) + sized(signer) + sized(extra_data) + be(clock, 8) + be(3, 4) + be(0, 4) + b"\1" + be(firmware, 8)
            + be(n, 4) + b"".join(selections) + sized(digest) + tail)


def ecdsa(key, message, *, algorithm=ECDSA, hash_id=SHA256, digest=hashes.SHA256):
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest())))
    return be(algorithm, 2) + be(hash_id, 2) + sized(be(r, key.key_size // 8)) + sized(be(s, key.key_size // 8))


def rsassa(key, message, *, algorithm=RSASSA, hash_id=SHA256, digest=hashes.SHA256):
    return be(algorithm, 2) + be(hash_id, 2) + sized(key.sign(message, padding.PKCS1v15(), digest()))


def sign(key, message):
    return ecdsa(key, message) if isinstance(key, ec.EllipticCurvePrivateKey) else rsassa(key, message)


class Authority:
    """Root and intermediate (RSA, as Google's), and what stands at the addresses in the certificates."""

    def __init__(self, at):
        self.at = at
        self.span = dict(start=at - 400 * DAY, end=at + 4000 * DAY)
        self.root = Cert(name("vtpm root"), rsa_key("vtpm root"), **self.span, extensions=(basic(True), key_usage(5, 6), purposes(AIK)))
        self.middle = Cert(name("vtpm middle"), rsa_key("vtpm middle"), self.root, **self.span, extensions=(
            basic(True), key_usage(5, 6), purposes(AIK), ca_issuers(URL + "root.crt"), crl_points(URL + "root.crl")))
        self.http = {URL + "root.crt": self.root.der, URL + "middle.crt": self.middle.der,
                     URL + "root.crl": self.list(self.root), URL + "middle.crl": self.list(self.middle)}

    def list(self, issuer, serials=(), **changes):
        fields = dict(start=self.at - DAY, end=self.at + DAY)
        fields.update(changes)
        return revocation_list(issuer, serials, **fields)

    def ak(self, key=None, **changes):
        """A certificate of an attestation key."""
        fields = dict(self.span, extensions=(basic(False), key_usage(0), purposes(AIK), ca_issuers(URL + "middle.crt"),
                                             crl_points(URL + "middle.crl")))
        fields.update(changes)
        return Cert(name("vtpm key"), key or ec_key("vtpm key", ec.SECP256R1), fields.pop("issuer", self.middle), **fields)


@dataclass
class Tpm:
    """uki, gpt: SHA-256 digests of what PCR 2 holds; log: [(pcr, digest)]; events: the guest's, in PCR 14."""

    authority: Authority
    events: list
    uki: bytes = hashlib.sha256(b"an image").digest()
    gpt: bytes = hashlib.sha256(b"a partition table").digest()
    after: tuple = (hashlib.sha256(b"the kernel inside").digest(),)
    log: list = None
    ak: Cert = None
    pcrs: dict = field(default=None)

    def __post_init__(self):
        self.ak = self.ak or self.authority.ak()
        if self.log is None:
            self.log = [(0, d) for d in PCR0_EVENTS] + [(2, d) for d in (SEPARATOR, self.gpt, self.uki, *self.after)] + [(4, SEPARATOR)]
        if self.pcrs is None:
            self.pcrs = {p: replay([d for q, d in self.log if p == q], "sha256") for p in (0, 2)}
            self.pcrs[14] = replay([hashlib.sha256(event_preimage(*e)).digest() for e in self.events], "sha256")

    def quote(self, qualifying, *, values=None, selections=None, message=None, signature=None, ak_cert=None, log=None, signer=None, **fields):
        """The members of a TPM quote. values: [(index, algorithm, value)]; selections: encoded; fields: attest()'s."""
        if values is None:
            values = [(i, "sha256", v) for i, v in sorted(self.pcrs.items())]
        if selections is None:
            selections = [selection([i for i, _, _ in values])]
        digest = fields.pop("digest", hashlib.sha256(b"".join(v for _, _, v in values)).digest())
        message = attest(qualifying, selections, digest, **fields) if message is None else message
        signature = sign(signer or self.ak.key, message) if signature is None else signature
        return {"message": message, "signature": signature, "pcr_values": values, "ak_cert": ak_cert or self.ak.der, "platform": 1,
                "event_log": self.log if log is None else log}


def as_json(q):
    """The form of a tpm-quote-json file."""
    return json.dumps({"message": q["message"].hex(), "signature": q["signature"].hex(), "ak_cert": q["ak_cert"].hex(),
                       "pcr_values": [{"index": i, "algorithm": a, "value": v.hex()} for i, a, v in q["pcr_values"]],
                       "event_log": [{"pcr_index": p, "digest": d.hex()} for p, d in q["event_log"]]}).encode()


class Platform:
    """A TDX platform: quotes, and the collateral (JSON) that they verify with at `at`."""

    def __init__(self, at):
        span = dict(start=at - 400 * DAY, end=at + 4000 * DAY)
        crl = crl_points("https://intel.example/root.crl")
        p256 = lambda label: ec_key(label, ec.SECP256R1)
        root = Cert(name("sgx root"), p256("sgx root"), **span, extensions=(basic(True, 1), key_usage(5, 6), crl))
        ca = Cert(name("sgx platform"), p256("sgx platform"), root, **span, extensions=(basic(True, 0), key_usage(5, 6), crl))
        sgx = certs.extension("1.2.840.113741.1.13.1", pki.sgx_extension())
        pck = Cert(name("sgx pck"), p256("sgx pck"), ca, **span, extensions=(basic(False), crl_points("https://intel.example/pck.crl"), sgx))
        tcb = Cert(name("sgx tcb"), p256("sgx tcb"), root, **span, extensions=(basic(False), crl))
        for part, c in (("sgx_root", root), ("pck_ca", ca), ("pck", pck)):
            setattr(self, part, (c.key, x509.load_der_x509_certificate(c.der)))
        self.root = root
        self.quoter = quote.Quoter(self)
        self.quoter.key = p256("sgx attestation")
        pem = lambda *cs: pki.pem(*(x509.load_der_x509_certificate(c.der) for c in cs)).decode()
        when = lambda t: datetime.datetime.fromtimestamp(t, datetime.timezone.utc)
        info, qe = pccs.tcb_info(issued=when(at - DAY), until=when(at + DAY)), pccs.qe_identity()
        qe["issueDate"], qe["nextUpdate"] = info["issueDate"], info["nextUpdate"]
        compact = lambda v: json.dumps(v, separators=(",", ":"))
        signed = lambda text: quote.sign_raw(tcb.key, text.encode()).hex()
        lists = dict(start=at - DAY, end=at + DAY)
        self.collateral = json.dumps({
            "pck_crl_issuer_chain": pem(ca, root), "root_ca_crl": revocation_list(root, (), **lists).hex(),
            "pck_crl": revocation_list(ca, (), **lists).hex(), "tcb_info_issuer_chain": pem(tcb, root), "tcb_info": compact(info),
            "tcb_info_signature": signed(compact(info)), "qe_identity_issuer_chain": pem(tcb, root), "qe_identity": compact(qe),
            "qe_identity_signature": signed(compact(qe)), "pck_certificate_chain": pem(pck, ca, root)}).encode()

    def quote(self, report_data, rtmrs, **kept):
        return self.quoter.quote(report_data, rtmrs, **kept)
