"""X.509 certificates and revocation lists put together by hand, so that each field can also be wrong. Everything is a function of its
arguments: keys come from names, serial numbers from what is in the certificate."""

import base64
import functools
import hashlib
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.dev.der import NULL, bits, boolean, integer, octets, oid, sequence, time, tlv, utc

CLIENT_AUTH, SERVER_AUTH, AIK = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "2.23.133.8.1"
P256, P384, P521 = ec.SECP256R1, ec.SECP384R1, ec.SECP521R1
DAY = 86400


def name(common, org="ukms test"):
    pair = lambda arc, text: tlv(0x31, sequence(oid("2.5.4." + arc), tlv(0x0C, text.encode())))
    return sequence(pair("10", org), pair("3", common))


@functools.lru_cache(None)
def ec_key(label, curve=P384):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(label.encode()).digest()[:31], "big"), curve())


@functools.lru_cache(None)
def rsa_key(label, size=2048):
    """Not a function of its label: there is no fast way to a prime from a name."""
    return rsa.generate_private_key(65537, size)


@functools.lru_cache(None)
def ed_key(label):
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(label.encode()).digest())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# AlgorithmIdentifier and how to sign, by name
def pss(hash_oid, salt, trailer=b""):
    h = sequence(oid(hash_oid), NULL)
    return sequence(oid("1.2.840.113549.1.1.10"), sequence(tlv(0xA0, h), tlv(0xA1, sequence(oid("1.2.840.113549.1.1.8"), h)),
                                                           tlv(0xA2, integer(salt)), trailer))


ALGORITHMS = {
    "ecdsa-sha1": (sequence(oid("1.2.840.10045.4.1")), hashes.SHA1, None),
    "ecdsa-sha256": (sequence(oid("1.2.840.10045.4.3.2")), hashes.SHA256, None),
    "ecdsa-sha384": (sequence(oid("1.2.840.10045.4.3.3")), hashes.SHA384, None),
    "ecdsa-sha512": (sequence(oid("1.2.840.10045.4.3.4")), hashes.SHA512, None),
    "ed25519": (sequence(oid("1.3.101.112")), None, "itself"),
    "rsa-sha1": (sequence(oid("1.2.840.113549.1.1.5"), NULL), hashes.SHA1, "pkcs1"),
    "rsa-sha256": (sequence(oid("1.2.840.113549.1.1.11"), NULL), hashes.SHA256, "pkcs1"),
    "rsa-sha384": (sequence(oid("1.2.840.113549.1.1.12"), NULL), hashes.SHA384, "pkcs1"),
    "rsa-sha512": (sequence(oid("1.2.840.113549.1.1.13"), NULL), hashes.SHA512, "pkcs1"),
    "pss-sha256": (pss("2.16.840.1.101.3.4.2.1", 32), hashes.SHA256, 32),
    "pss-sha384": (pss("2.16.840.1.101.3.4.2.2", 48, tlv(0xA3, integer(1))), hashes.SHA384, 48),
    "pss-sha512": (pss("2.16.840.1.101.3.4.2.3", 64), hashes.SHA512, 64),
}


def sign(key, algorithm, data):
    _, digest, how = ALGORITHMS[algorithm]
    if how == "itself":
        return key.sign(data)
    if how is None:
        return key.sign(data, ec.ECDSA(digest()))
    if how == "pkcs1":
        return key.sign(data, padding.PKCS1v15(), digest())
    return key.sign(data, padding.PSS(padding.MGF1(digest()), how), digest())


def usual_algorithm(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa-sha384" if key.curve.name == "secp384r1" else "ecdsa-sha256"


def extension(dotted, value, critical=False):
    return sequence(oid(dotted), boolean(True) if critical else b"", octets(value))


def basic(ca, path_length=None):
    return extension("2.5.29.19", sequence(boolean(True) if ca else b"", b"" if path_length is None else integer(path_length)), True)


def key_usage(*named):
    """Named bits by number: 0 digitalSignature, 5 keyCertSign, 6 cRLSign."""
    n = sum(0x80 >> b for b in named)
    unused = 7 - max(named) if named else 0
    return extension("2.5.29.15", bits(bytes([n]), unused), True)


def purposes(*dotted):
    return extension("2.5.29.37", sequence(*map(oid, dotted)))


def uri(text):
    return tlv(0x86, text.encode())


def point(*uris, reasons=None, issuer=None):
    """One DistributionPoint: full names, and what makes a reader pass it over."""
    parts = tlv(0xA0, tlv(0xA0, b"".join(map(uri, uris)))) if uris else b""
    return sequence(parts, b"" if reasons is None else tlv(0x81, reasons), b"" if issuer is None else tlv(0xA2, tlv(0xA4, issuer)))


def crl_points(*points):
    return extension("2.5.29.31", sequence(*(p if isinstance(p, bytes) else point(p) for p in points)))


def ca_issuers(*uris):
    return extension("1.3.6.1.5.5.7.1.1", sequence(*(sequence(oid("1.3.6.1.5.5.7.48.2"), uri(u)) for u in uris)))


def signed(tbs, key, algorithm, outer=None):
    return sequence(tbs, outer or ALGORITHMS[algorithm][0], bits(sign(key, algorithm, tbs)))


def certificate(*, subject, issuer, key, signer, validity, serial=integer(0x1234), extensions=(), version=tlv(0xA0, integer(2)), algorithm=None,
                inner=None, outer=None, unique_id=b"", info=None, tail=b""):
    """DER of whole elements: subject and issuer are Names, validity a Validity, serial an INTEGER, info a SubjectPublicKeyInfo instead of key's;
    inner, outer: another AlgorithmIdentifier within and behind what is signed; tail: at the end of what is signed."""
    algorithm = algorithm or usual_algorithm(signer)
    tbs = sequence(version, serial, inner or ALGORITHMS[algorithm][0], issuer, validity, subject, info or spki(key), unique_id,
                   tlv(0xA3, sequence(*extensions)) if extensions else b"", tail)
    return signed(tbs, signer, algorithm, outer)


CRL_NUMBER = extension("2.5.29.20", integer(1))


def entry(serial, extensions=(), when=utc(1700000000)):
    return sequence(serial, when, sequence(*extensions) if extensions else b"")


def crl(*, issuer, signer, this_update, next_update, entries=(), extensions=(CRL_NUMBER,), version=integer(1), algorithm=None, inner=None,
        entry_list=None):
    """DER of whole elements; extensions None: no field for them; next_update b"": none; entry_list: instead of what holds the entries."""
    algorithm = algorithm or usual_algorithm(signer)
    listed = entry_list if entry_list is not None else sequence(*entries) if entries else b""
    tbs = sequence(version, inner or ALGORITHMS[algorithm][0], issuer, this_update, next_update, listed,
                   b"" if extensions is None else tlv(0xA0, sequence(*extensions)))
    return signed(tbs, signer, algorithm)


@dataclass
class Cert:
    """subject and issuer are whole Names; start and end Unix seconds, both inclusive; extensions whole elements, in order."""

    subject: bytes
    key: object
    issuer: object = None  # another Cert; None: self-signed
    start: int = 0
    end: int = 0
    extensions: tuple = ()
    serial: object = None  # bytes of the INTEGER
    version: bytes = tlv(0xA0, integer(2))
    algorithm: str = None
    inner_algorithm: bytes = None
    unique: bytes = b""    # issuerUniqueID, subjectUniqueID
    issuer_name: bytes = None
    signer: object = None  # a key that signs instead of the issuer's
    validity: bytes = None
    spki: bytes = None
    der: bytes = field(init=False)

    def __post_init__(self):
        issuer_key = self.signer or (self.issuer.key if self.issuer else self.key)
        parts = dict(subject=self.subject, issuer=self.issuer_name or (self.issuer or self).subject, key=self.key, signer=issuer_key,
                     validity=self.validity or sequence(time(self.start), time(self.end)), extensions=self.extensions, version=self.version,
                     algorithm=self.algorithm, inner=self.inner_algorithm, unique_id=self.unique, info=self.spki)
        said = (parts["issuer"], parts["validity"], self.subject, self.spki or spki(self.key), self.unique, *self.extensions)
        self.serial = self.serial or b"\x11" + hashlib.sha256(b"".join(said)).digest()[:15]
        self.der = certificate(serial=tlv(2, self.serial), **parts)

    def but(self, **changes):
        """The same certificate with other fields, signed anew."""
        changes.setdefault("serial", None)
        return replace(self, **changes)


def revocation_list(issuer, serials, *, start, end, extensions=(CRL_NUMBER,), entry_extensions=b"", signer=None, algorithm=None, version=integer(1),
                    issuer_name=None):
    """A CRL of another Cert (DER). extensions: whole elements, (): none at all; end None: no nextUpdate."""
    return crl(issuer=issuer_name or issuer.subject, signer=signer or issuer.key, this_update=time(start), next_update=b"" if end is None else time(end),
               entries=[sequence(tlv(2, s), time(start), entry_extensions) for s in serials], extensions=extensions or None, version=version,
               algorithm=algorithm)


def pem(der, label="CERTIFICATE"):
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = "".join(text[i:i + 64] + "\n" for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}-----END {label}-----\n".encode()
