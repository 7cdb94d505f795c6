"""A throw-away RSA key of 8192 bits, the longest that certificates may have. Finding its primes takes a minute, so where they are stands here."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa


def prime(seed, distance):
    """The first one from 4096 bits of this seed on, which is so far away."""
    start = b"".join(hashlib.sha512(f"{seed} {i}".encode()).digest() for i in range(8))
    return (int.from_bytes(start, "big") | 3 << 4094 | 1) + distance


P, Q = prime("p", 4998), prime("q", 1578)
E = 65537
# DigestInfo up to the digest (RFC 8017, 9.2, note 1), by size of the digest
INFO = {32: "3031300d060960864801650304020105000420", 48: "3041300d060960864801650304020205000430", 64: "3051300d060960864801650304020305000440"}


class Key:
    """As much of a private key as certs.sign() asks for; loading this one into the library takes it nine seconds of checks."""

    def public_key(self):
        return rsa.RSAPublicNumbers(E, P * Q).public_key()

    def sign(self, data, padding, digest):
        assert padding.name == "EMSA-PKCS1-v1_5"
        value = hashlib.new(digest.name, data).digest()
        tail = b"\0" + bytes.fromhex(INFO[len(value)]) + value
        m = int.from_bytes(b"\0\1" + b"\xff" * (1024 - 2 - len(tail)) + tail, "big")
        a, b = (pow(m, pow(E, -1, f - 1), f) for f in (P, Q))
        return (b + (a - b) * pow(Q, -1, P) % P * Q).to_bytes(1024, "big")
