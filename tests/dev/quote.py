"""Makes TDX quotes (version 4) under the dev PKI."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.dev import pki

QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
QE_SIGNER = hashlib.sha256(b"ukms dev quoting enclave signer").digest()
QE_SVN = 8
MR_TD = hashlib.sha384(b"ukms dev firmware").digest()
GOOGLE_SIZE = 8000  # the quoting service returns a zero-padded buffer of this size


def sign_raw(key, message):
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key):
    n = key.public_key().public_numbers()
    return n.x.to_bytes(32, "big") + n.y.to_bytes(32, "big")


def u16(v):
    return v.to_bytes(2, "little")


def u32(v):
    return v.to_bytes(4, "little")


class Quoter:
    """One platform: a PCK certificate, a quoting enclave with its attestation key."""

    def __init__(self, authority):
        self.pki = authority
        self.key = ec.generate_private_key(ec.SECP256R1())

    def quote(self, report_data, rtmrs=(bytes(48),) * 4, *, attributes=bytes.fromhex("0000001000000000"), mr_td=MR_TD, tcb=bytes([0] * 16),
              pad=GOOGLE_SIZE):
        assert len(report_data) == 64 and all(len(r) == 48 for r in rtmrs)
        header = u16(4) + u16(2) + u32(0x81) + u16(0) + u16(0) + QE_VENDOR + bytes(20)
        body = tcb + bytes(48) + bytes(48) + bytes(8) + attributes + bytes.fromhex("e702060000000000") + mr_td + bytes(48 * 3)
        body += b"".join(rtmrs) + report_data
        assert len(body) == 584
        auth_data = bytes(range(32))
        attestation_key = point(self.key)
        bound = hashlib.sha256(attestation_key + auth_data).digest() + bytes(32)
        qe_report = bytes(16) + u32(0) + bytes(28) + bytes.fromhex("1500000000000000e700000000000000") + bytes(32) + bytes(32) + QE_SIGNER
        qe_report += bytes(96) + u16(2) + u16(QE_SVN) + bytes(60) + bound
        assert len(qe_report) == 384
        chain = pki.pem(self.pki.pck[1], self.pki.pck_ca[1], self.pki.sgx_root[1])
        inner = qe_report + sign_raw(self.pki.pck[0], qe_report) + u16(len(auth_data)) + auth_data + u16(5) + u32(len(chain)) + chain
        auth = sign_raw(self.key, header + body) + attestation_key + u16(6) + u32(len(inner)) + inner
        quote = header + body + u32(len(auth)) + auth
        return quote.ljust(pad, b"\0")
