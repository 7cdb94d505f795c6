"""Writes paths.json: certificate paths with one thing wrong or unusual each, and what the rules of section 2.5 say of them.

The keys are new at each run; the results are not. Run it only to add cases: `python3 tests/vectors/x509/generate.py`."""

import datetime
import json
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = 1772323200
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
DP = "http://crl.test.invalid/a.crl"
cases = []


def at(seconds):
    return datetime.datetime.utcfromtimestamp(seconds)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def new_key(kind="p256"):
    made = {"p256": lambda: ec.generate_private_key(ec.SECP256R1()), "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "p521": lambda: ec.generate_private_key(ec.SECP521R1()), "ed25519": ed25519.Ed25519PrivateKey.generate}
    return made[kind]() if kind in made else rsa.generate_private_key(65537, int(kind))


class Node:
    """A certificate with its key; issuer None: self-signed."""

    def __init__(self, subject, issuer=None, ca=None, path_len=None, key=None, before=-86400, after=86400, extensions=(), digest=None,
                 serial=None):
        self.key, self.name = key or new_key(), name(subject)
        signer = issuer or self
        if digest is None:
            digest = None if isinstance(signer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        b = (x509.CertificateBuilder().subject_name(self.name).issuer_name(signer.name).public_key(self.key.public_key())
             .serial_number(serial or x509.random_serial_number()).not_valid_before(at(NOW + before)).not_valid_after(at(NOW + after)))
        if ca is not None:
            b = b.add_extension(x509.BasicConstraints(ca, path_len), critical=True)
        for value, critical in extensions:
            b = b.add_extension(value, critical)
        self.cert = b.sign(signer.key, digest)

    def hex(self):
        return self.cert.public_bytes(serialization.Encoding.DER).hex()


def crl(issuer, revoked=(), until=86400, key=None, extensions=(), since=-86400):
    b = (x509.CertificateRevocationListBuilder().issuer_name(issuer.name).last_update(at(NOW + since)).next_update(at(NOW + until))
         .add_extension(x509.CRLNumber(1), critical=False))
    for value, critical in extensions:
        b = b.add_extension(value, critical)
    for node in revoked:
        b = b.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(node.cert.serial_number)
                                      .revocation_date(at(NOW - 3600)).build())
    return b.sign(key or issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER).hex()


def case(title, expect, anchor, leaf, pool=(), crls=(), revocation="off", purpose="serverAuth", limit=0, now=NOW):
    cases.append({"name": title, "expect": expect, "anchor": anchor.hex(), "leaf": leaf.hex(), "pool": [p.hex() for p in pool],
                  "crls": list(crls), "revocation": revocation, "purpose": purpose, "limit": limit, "now": now})


def root(**k):
    return Node("Root", ca=True, **k)


def eku(*purposes):
    return (x509.ExtendedKeyUsage(purposes), False)


def ku(**on):
    flags = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                           "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
    return (x509.KeyUsage(**{**flags, **on}), True)


def idp(uri=DP, user=False, ca=False, indirect=False, attribute=False, reasons=None):
    return (x509.IssuingDistributionPoint([x509.UniformResourceIdentifier(uri)] if uri else None, None, user, ca, reasons, indirect,
                                          attribute), True)


def points(*uris):
    return (x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(u)], None, None, None) for u in uris]), False)


def lengths():
    r = root()
    case("issued by the anchor", "ok", r, Node("Leaf", r))
    for count in (1, 2, 6, 7):
        nodes, above = [], r
        for i in range(count):
            above = Node(f"CA {i}", above, ca=True)
            nodes.append(above)
        case(f"{count} intermediates", "ok" if count <= 6 else "UnknownIssuer", r, Node("Leaf", above), nodes[::-1])
    ca = Node("CA", r, ca=True)
    case("superfluous certificates in the pool", "ok", r, Node("Leaf", ca), [r, Node("Other", ca=True), ca, ca])
    case("no intermediates allowed, one needed", "UnknownIssuer", r, Node("Leaf", ca), [ca], limit=-1)
    case("no intermediates allowed, none needed", "ok", r, Node("Leaf", r), [ca], limit=-1)
    case("missing intermediate", "UnknownIssuer", r, Node("Leaf", ca))
    case("same names, another root's key", "InvalidSignatureForPublicKey", root(), Node("Leaf", ca), [ca])
    other = Node("CA", r, ca=True)
    case("two intermediates of one name, the wrong key first", "ok", r, Node("Leaf", ca), [other, ca])
    case("leaf signed by another key of the same name", "InvalidSignatureForPublicKey", r, Node("Leaf", ca), [other])


def authorities():
    r = root()
    case("leaf is a CA", "CaUsedAsEndEntity", r, Node("Leaf", r, ca=True))
    case("leaf with an empty basicConstraints", "ok", r, Node("Leaf", r, ca=False))
    for title, ca in (("without basicConstraints", None), ("with CA:FALSE", False)):
        middle = Node("Leaf of somebody", r, ca=ca)
        case(f"issued by a certificate {title}", "EndEntityUsedAsCa", r, Node("Leaf", middle), [middle])
    zero = Node("CA", r, ca=True, path_len=0)
    case("pathLen 0 above a leaf", "ok", r, Node("Leaf", zero), [zero])
    below = Node("Sub CA", zero, ca=True)
    case("pathLen 0 above a CA", "PathLenConstraintViolated", r, Node("Leaf", below), [zero, below])
    self_issued = Node("CA", zero, ca=True)
    case("pathLen counts self-issued certificates", "PathLenConstraintViolated", r, Node("Leaf", self_issued), [self_issued, zero])
    short = root(path_len=0)
    ca = Node("CA", short, ca=True)
    case("the anchor's pathLen is not looked at", "ok", short, Node("Leaf", ca), [ca])
    a, b = new_key(), new_key()
    first, second = Node("A", ca=True, key=a), Node("B", ca=True, key=b)
    loop = [Node("A", second, ca=True, key=a), Node("B", first, ca=True, key=b)]
    case("a loop of two", "UnknownIssuer", r, Node("Leaf", first), loop)


def dates():
    r = root()
    for title, expect, before, after in (("ends now", "ok", -10, 0), ("ended a second ago", "CertExpired", -10, -1), ("begins now", "ok", 0, 10),
                                         ("begins in a second", "CertNotValidYet", 1, 10)):
        case(f"leaf {title}", expect, r, Node("Leaf", r, before=before, after=after))
        ca = Node("CA", r, ca=True, before=before, after=after)
        case(f"intermediate {title}", expect, r, Node("Leaf", ca), [ca])
    old = root(before=-100, after=-50)
    case("expired anchor", "ok", old, Node("Leaf", old))
    case("dates after 2049", "ok", r, Node("Leaf", r, after=40 * 365 * 86400))


def purposes():
    r = root(extensions=[eku(ExtendedKeyUsageOID.CODE_SIGNING)])
    ca = Node("CA", r, ca=True)
    case("the anchor's key purposes are not looked at", "ok", r, Node("Leaf", r))
    case("wanted purpose among others", "ok", r, Node("Leaf", r, extensions=[eku(CLIENT, SERVER)]))
    case("wanted purpose missing", "RequiredEkuNotFound", r, Node("Leaf", r, extensions=[eku(CLIENT)]))
    case("anyExtendedKeyUsage is not the wanted purpose", "RequiredEkuNotFound", r,
         Node("Leaf", r, extensions=[eku(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)]))
    case("client purpose wanted", "ok", r, Node("Leaf", r, extensions=[eku(CLIENT)]), purpose="clientAuth")
    case("AIK purpose wanted", "ok", r, Node("Leaf", r, extensions=[eku(ObjectIdentifier("2.23.133.8.1"))]), purpose="aik")
    wrong = Node("CA", r, ca=True, extensions=[eku(CLIENT)])
    case("intermediate for another purpose", "RequiredEkuNotFound", r, Node("Leaf", wrong), [wrong])
    right = Node("CA", r, ca=True, extensions=[eku(SERVER)])
    case("intermediate for the purpose", "ok", r, Node("Leaf", right), [right])
    case("keyUsage of the leaf is not looked at", "ok", r, Node("Leaf", ca, extensions=[ku(crl_sign=True)]), [ca])


def extensions():
    r = root()
    ca = Node("CA", r, ca=True)
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    case("unknown extension", "ok", r, Node("Leaf", r, extensions=[(unknown, False)]))
    case("unknown critical extension", "parse", r, Node("Leaf", r, extensions=[(unknown, True)]))
    strange = Node("CA", r, ca=True, extensions=[(unknown, True)])
    case("intermediate with an unknown critical extension is no candidate", "UnknownIssuer", r, Node("Leaf", strange), [strange])
    case("critical subjectAltName", "ok", r, Node("Leaf", r, extensions=[(x509.SubjectAlternativeName([x509.DNSName("a.test")]), True)]))
    limited = x509.NameConstraints([x509.DNSName("test")], None)
    narrow = Node("CA", r, ca=True, extensions=[(limited, True)])
    case("name constraints on an intermediate", "name constraints are not supported", r, Node("Leaf", narrow), [narrow])
    anchor = root(extensions=[(limited, True)])
    case("name constraints on the anchor", "name constraints are not supported", anchor, Node("Leaf", anchor))
    case("path through another intermediate than the constrained one", "ok", r,
         Node("Leaf", ca), [Node("CA", r, ca=True, key=ca.key, extensions=[(limited, True)], serial=5), ca])


def algorithms():
    for kind in ("2048", "3072", "4096"):
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            r = root(key=new_key(kind))
            case(f"RSA-{kind} with {digest.name}", "ok", r, Node("Leaf", r, digest=digest))
    weak = root(key=new_key("1024"))
    case("RSA-1024", "InvalidSignatureForPublicKey", weak, Node("Leaf", weak))
    for kind, digest, expect in (("p256", hashes.SHA384(), "ok"), ("p384", hashes.SHA256(), "ok"), ("p384", hashes.SHA384(), "ok"),
                                 ("p256", hashes.SHA512(), "UnsupportedSignatureAlgorithm"), ("p521", hashes.SHA256(), "InvalidSignatureForPublicKey"),
                                 ("ed25519", None, "ok")):
        r = root(key=new_key(kind))
        case(f"{kind} with {digest.name if digest else 'its own hash'}", expect, r, Node("Leaf", r, digest=digest))


def revocation():
    r = root()
    ca = Node("CA", r, ca=True, extensions=[ku(key_cert_sign=True, crl_sign=True)])
    leaf = Node("Leaf", ca)
    good = [crl(r), crl(ca)]
    for mode in ("required", "unknown-passes"):
        case(f"{mode}: clean", "ok", r, leaf, [ca], good, mode)
        case(f"{mode}: leaf revoked", "CertRevoked", r, leaf, [ca], [crl(r), crl(ca, [leaf])], mode)
        case(f"{mode}: intermediate revoked", "CertRevoked", r, leaf, [ca], [crl(r, [ca]), crl(ca)], mode)
        case(f"{mode}: list expires now", "CrlExpired", r, leaf, [ca], [crl(r), crl(ca, until=0)], mode)
        case(f"{mode}: list expires in a second", "ok", r, leaf, [ca], [crl(r), crl(ca, until=1)], mode)
        case(f"{mode}: list from the future", "ok", r, leaf, [ca], [crl(r), crl(ca, since=3600)], mode)
        case(f"{mode}: list signed by another key", "InvalidSignatureForPublicKey", r, leaf, [ca], [crl(r), crl(ca, key=new_key())], mode)
        case(f"{mode}: only the first list of an issuer counts", "CertRevoked", r, leaf, [ca], [crl(r), crl(ca, [leaf]), crl(ca)], mode)
        mute = Node("CA", r, ca=True, extensions=[ku(key_cert_sign=True)])
        case(f"{mode}: issuer may not sign lists", "IssuerNotCrlSigner", r, Node("Leaf", mute), [mute], [crl(r), crl(mute)], mode)
        plain = Node("CA", r, ca=True)
        case(f"{mode}: issuer without keyUsage", "ok", r, Node("Leaf", plain), [plain], [crl(r), crl(plain)], mode)
    silent = root(extensions=[ku(key_cert_sign=True)])
    case("the anchor's keyUsage is not looked at", "ok", silent, Node("Leaf", silent), [], [crl(silent)], "required")
    case("required: no list for the leaf", "UnknownRevocationStatus", r, leaf, [ca], [crl(r)], "required")
    case("required: no list for the intermediate", "UnknownRevocationStatus", r, leaf, [ca], [crl(ca)], "required")
    case("unknown-passes: no list for the leaf", "ok", r, leaf, [ca], [crl(r)], "unknown-passes")
    case("unknown-passes: no list at all", "ok", r, leaf, [ca], [], "unknown-passes")
    case("off: revoked", "ok", r, leaf, [ca], [crl(r), crl(ca, [leaf])], "off")


def distribution_points():
    r = root()
    with_point, second, elsewhere = (Node("Leaf", r, extensions=[points(*u)]) for u in ((DP,), ("http://b.test.invalid/", DP), ("http://b.test.invalid/",)))
    without = Node("Leaf", r)
    for leaf, title in ((with_point, "same point"), (second, "same as the second point"), (without, "certificate without points")):
        case(f"list of a point: {title}", "ok", r, leaf, [], [crl(r, extensions=[idp()])], "required")
        case(f"list of a point: {title}, revoked", "CertRevoked", r, leaf, [], [crl(r, [leaf], extensions=[idp()])], "unknown-passes")
    case("list of a point: another one", "UnknownRevocationStatus", r, elsewhere, [], [crl(r, extensions=[idp()])], "required")
    reasons = x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(DP)], None,
                                                                 frozenset([x509.ReasonFlags.key_compromise]), None)])
    sharded = Node("Leaf", r, extensions=[(reasons, False)])
    case("list of a point: certificate's point is for some reasons", "UnknownRevocationStatus", r, sharded, [],
         [crl(r, extensions=[idp()])], "required")
    case("list for users only: leaf", "ok", r, without, [], [crl(r, extensions=[idp(user=True)])], "required")
    case("list for CAs only: leaf", "UnknownRevocationStatus", r, without, [], [crl(r, extensions=[idp(ca=True)])], "required")
    ca = Node("CA", r, ca=True)
    leaf = Node("Leaf", ca)
    case("list for CAs only: intermediate", "ok", r, leaf, [ca], [crl(r, extensions=[idp(ca=True)]), crl(ca)], "required")
    case("list for users only: intermediate", "UnknownRevocationStatus", r, leaf, [ca], [crl(r, extensions=[idp(user=True)]), crl(ca)], "required")
    for title, kwargs in (("indirect", {"indirect": True}), ("for attribute certificates", {"attribute": True, "uri": DP}), ("without a name", {"uri": None, "user": True}),
                          ("for some reasons", {"reasons": frozenset([x509.ReasonFlags.key_compromise])})):
        case(f"list {title}", "crl-parse", r, without, [], [crl(r, extensions=[idp(**kwargs)])], "required")
    case("delta list", "crl-parse", r, without, [], [crl(r, extensions=[(x509.DeltaCRLIndicator(1), True)])], "required")


for family in (lengths, authorities, dates, purposes, extensions, algorithms, revocation, distribution_points):
    family()
(pathlib.Path(__file__).parent / "paths.json").write_text(json.dumps(cases, indent=1) + "\n")
