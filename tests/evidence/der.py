"""X.509 certificates and CRLs built byte by byte, so that each can break one rule. Keys come from seeds; nothing here is shared with the product
or with a library beyond the signature itself."""

import base64
import datetime
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ORDER = {"P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
         "P384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973}
CURVE = {"P256": ec.SECP256R1(), "P384": ec.SECP384R1(), "P521": ec.SECP521R1()}


def key(seed, curve="P256"):
    n = int.from_bytes(hashlib.sha512(seed.encode()).digest(), "big")
    return ec.derive_private_key(n % (ORDER.get(curve, ORDER["P384"]) - 1) + 1, CURVE[curve])


def rsa_key(bits, _cache={}):
    if bits not in _cache:
        _cache[bits] = rsa.generate_private_key(65537, bits)
    return _cache[bits]


def rsa_key_8192():
    """Of two primes that are a seed and the distance to the next prime: finding them takes a minute."""
    seeded = lambda seed: int.from_bytes(b"".join(hashlib.sha512(f"{seed} {i}".encode()).digest() for i in range(8)), "big") | 3 << 4094 | 1
    p, q = seeded("p") + 4998, seeded("q") + 1578
    d = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)).private_key()


def ed25519_key(seed):
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + body


def seq(*parts):
    return tlv(0x30, *parts)


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.insert(0, arc & 0x7F | 0x80)
        out += bytes(chunk)
    return tlv(6, out)


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def octets(b):
    return tlv(4, b)


def utc(t):
    return tlv(0x17, datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%y%m%d%H%M%SZ").encode())


def general(t):
    return tlv(0x18, datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ").encode())


def name(common, string_type=0x0C):
    return seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(string_type, common.encode()))))


def ext(dotted, value, critical=False):
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", octets(value))


def basic(ca=True, path_len=None, critical=True):
    return ext("2.5.29.19", seq(tlv(1, b"\xff") if ca else b"", b"" if path_len is None else integer(path_len)), critical)


def key_usage(bits, critical=True):
    """bits: keyCertSign 0x04, cRLSign 0x02, digitalSignature 0x80"""
    return ext("2.5.29.15", tlv(3, b"\0" + bytes([bits])), critical)


def eku(*purposes):
    return ext("2.5.29.37", seq(*map(oid, purposes)))


def uri(u):
    return tlv(0x86, u.encode())


def point(*uris, tail=b""):
    return seq(tlv(0xA0, tlv(0xA0, *map(uri, uris))), tail)


def crl_points(*points):
    return ext("2.5.29.31", seq(*points))


SIG = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(), "sha1": hashes.SHA1()}
ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4", "sha1": "1.2.840.10045.4.1"}
PKCS1 = {"sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13", "sha1": "1.2.840.113549.1.1.5"}
HASH = {"sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3"}


def algorithm(signer, h="sha256", pss=False):
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112"))
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return seq(oid(ECDSA[h]))
    if not pss:
        return seq(oid(PKCS1[h]), tlv(5))
    digest = seq(oid(HASH[h]), tlv(5))
    return seq(oid("1.2.840.113549.1.1.10"), seq(tlv(0xA0, digest), tlv(0xA1, seq(oid("1.2.840.113549.1.1.8"), digest)),
                                                tlv(0xA2, integer(SIG[h].digest_size))))


def sign(signer, data, h="sha256", pss=False):
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return signer.sign(data)
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return signer.sign(data, ec.ECDSA(SIG[h]))
    if pss:
        return signer.sign(data, padding.PSS(padding.MGF1(SIG[h]), SIG[h].digest_size), SIG[h])
    return signer.sign(data, padding.PKCS1v15(), SIG[h])


def spki(k):
    return k.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def signed(tbs, signer, h="sha256", pss=False, outer=None):
    return seq(tbs, outer or algorithm(signer, h, pss), tlv(3, b"\0", sign(signer, tbs, h, pss)))


def cert(*, subject, issuer, k, signer, serial=integer(0x1234), not_before, not_after, extensions=(), version=tlv(0xA0, integer(2)), h="sha256",
         pss=False, inner=None, outer=None, unique_id=b"", tail=b""):
    """extensions: encoded ones; not_before, not_after: encoded times. inner, outer: another AlgorithmIdentifier."""
    tbs = seq(version, serial, inner or algorithm(signer, h, pss), issuer, seq(not_before, not_after), subject, spki(k), unique_id,
              tlv(0xA3, seq(*extensions)) if extensions else b"", tail)
    return signed(tbs, signer, h, pss, outer)


def entry(serial, extensions=(), when=None):
    return seq(serial, when or utc(1700000000), seq(*extensions) if extensions else b"")


CRL_NUMBER = ext("2.5.29.20", integer(1))


def crl(*, issuer, signer, this_update, next_update, entries=(), extensions=(CRL_NUMBER,), version=integer(1), h="sha256", pss=False, inner=None,
        list_=None):
    """entries: encoded ones; list_: the whole revokedCertificates instead."""
    tbs = seq(version, inner or algorithm(signer, h, pss), issuer, this_update, next_update, list_ if list_ is not None else
              seq(*entries) if entries else b"", tlv(0xA0, seq(*extensions)) if extensions is not None else b"")
    return signed(tbs, signer, h, pss)


def pem(*ders, label="CERTIFICATE"):
    out = ""
    for d in ders:
        b = base64.b64encode(d).decode()
        out += f"-----BEGIN {label}-----\n" + "".join(b[i:i + 64] + "\n" for i in range(0, len(b), 64)) + f"-----END {label}-----\n"
    return out
